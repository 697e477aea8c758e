// Predict: the learner commits to an answer, then sees the right one and the reason.

function render({ model, el }) {
  const group = `${model.get("_uid")}-predict`;
  const choices = model.get("options").map((text, i) =>
    html("div", { class: "option" },
      html("input", { type: "radio", name: group, id: `${group}-${i}`, value: text }),
      html("label", { for: `${group}-${i}` }, ...rich(text))));
  const radios = choices.map((choice) => choice.firstChild);
  const field = choices.length ? null : html("input", {
    type: "text", class: "guess", size: 16, "aria-label": "your prediction",
    inputmode: model.get("kind") === "number" ? "decimal" : "text",
    placeholder: model.get("kind") === "number" ? "a number" : "your words",
  });
  const commit = html("button", { class: "commit primary", onclick: send }, "This is my prediction");
  const reply = html("div", { class: "reply", role: "status" });

  function given() {
    if (field) return field.value;
    const picked = radios.find((radio) => radio.checked);
    return picked ? picked.value : "";
  }
  function send() {
    model.send({ do: "predict", text: given() });
  }
  function ready() {
    commit.disabled = !given().trim();
  }
  if (field) {
    field.addEventListener("input", ready);
    field.addEventListener("keydown", (event) => event.key === "Enter" && !commit.disabled && send());
  }
  radios.forEach((radio) => radio.addEventListener("change", ready));

  function draw() {
    const said = model.get("reply");
    if (said.problem) return void reply.replaceChildren(html("span", { class: "wrong" }, said.problem));
    if (said.answer === undefined) return void reply.replaceChildren();
    if (field && !field.value) field.value = said.given;
    radios.forEach((radio) => { radio.checked = radio.value === said.given; });
    reply.replaceChildren(
      html("div", {},
        html("strong", { class: said.right ? "right" : "wrong" }, said.right ? "✓ Right. " : `You said ${said.given}. `),
        "The answer: ", ...rich(said.answer)),
      html("div", {}, ...rich(said.why)));
  }

  stage(el, "txm-predict");
  el.append(
    html("div", { class: "title" }, "Predict first"),
    html("div", { class: "ask" }, ...rich(model.get("ask"))),
    ...choices,
    html("div", { class: "controls" }, field, commit), reply,
  );
  ready();
  const undo = [follow(model, ["reply"], draw), hideStaticTwin(model)];
  return () => undo.forEach((call) => call());
}
export default { render };
