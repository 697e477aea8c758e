// Quiz: radio buttons, or check boxes when several options are right. What is right is known to
// Python alone; it answers with the reasons for what was chosen.

function render({ model, el }) {
  const form = html("div", { class: "questions" });
  const score = html("div", { class: "score", role: "status" });
  const again = html("button", { class: "again", onclick: () => model.send({ do: "again" }) }, "Take it again");
  let blocks = [];

  function build() {
    const attempt = model.get("attempt");
    blocks = model.get("asked").map((question, number) => {
      const group = `${model.get("_uid")}-${attempt}-${number}`;
      const inputs = question.options.map((_text, i) =>
        html("input", { type: question.many ? "checkbox" : "radio", name: group, value: i, id: `${group}-${i}` }));
      const reasons = question.options.map(() => html("div", { class: "why" }));
      const verdict = html("span", { class: "verdict", role: "status" });
      const check = html("button", { class: "check primary", disabled: true }, "Answer");
      const chosen = () => inputs.flatMap((input, i) => (input.checked ? [i] : []));
      inputs.forEach((input) => input.addEventListener("change", () => { check.disabled = !chosen().length; }));
      check.addEventListener("click", () => model.send({ do: "answer", question: number, chosen: chosen() }));
      const list = question.options.map((text, i) =>
        html("div", { class: "option" }, inputs[i],
          html("div", {}, html("label", { for: `${group}-${i}` }, ...rich(text)), reasons[i])));
      const node = html("fieldset", { class: "question" },
        html("legend", {}, html("span", { class: "number" }, `${number + 1}`), html("div", {}, ...rich(question.ask))),
        question.many ? html("div", { class: "faint many" }, "More than one is right.") : null,
        ...list, html("div", { class: "controls" }, check, verdict));
      return { node, reasons, verdict, list };
    });
    form.replaceChildren(...blocks.map((block) => block.node));
  }

  function draw() {
    const feedback = model.get("feedback");
    blocks.forEach((block, number) => {
      const said = feedback[number];
      block.list.forEach((option) => option.classList.remove("is-right", "is-wrong"));
      block.reasons.forEach((reason) => reason.replaceChildren());
      block.verdict.replaceChildren();
      if (!said) return;
      for (const { at, correct, why } of said.reasons) {
        block.list[at].classList.add(correct ? "is-right" : "is-wrong");
        block.reasons[at].replaceChildren(html("strong", {}, correct ? "✓ " : "✗ "), ...rich(why));
      }
      const late = said.right && !said.counted ? " The first answer counts for the score." : "";
      block.verdict.className = `verdict ${said.right ? "right" : "wrong"}`;
      block.verdict.textContent = said.right
        ? `Right.${late}` : said.hint || "Not yet. Read why, and try another one.";
    });
    const text = model.get("score");
    score.replaceChildren(...(text ? [html("strong", {}, text), html("span", { class: "faint" }, "recorded")] : []));
    again.hidden = !text;
  }

  stage(el, "txm-quiz");
  el.append(html("div", { class: "title" }, model.get("title")), form, html("div", { class: "controls end" }, score, again));
  const undo = [
    follow(model, ["asked"], () => { build(); draw(); }),
    follow(model, ["feedback", "score"], draw),
    hideStaticTwin(model),
  ];
  return () => undo.forEach((call) => call());
}
export default { render };
