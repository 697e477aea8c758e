// BroadcastAlign: two shapes to type; Python aligns them at each keystroke and draws what comes of it.

// As Python writes it: one size alone has a comma, since (3) is only the number 3.
const tuple = (sizes) => (sizes && !sizes.includes(",") ? `(${sizes},)` : `(${sizes})`);

function render({ model, el }) {
  const picture = html("div", { class: "picture" });
  const reading = html("div", { class: "reading", "aria-live": "polite" });
  const answer = html("div", { class: "answer", role: "status" });
  const note = html("div", { class: "note" });
  const problem = html("div", { class: "wrong problem", role: "alert" });
  const show = pointing(picture, reading, "Point at a cell of the result, or press Tab and the arrow keys.");
  // The fields belong to who types: an answer from Python may be older than what stands there by now.
  const ask = () => model.send({ do: "shapes", a: a.value, b: b.value });
  const field = (name) => html("input", {
    type: "text", class: `shape ${name}`, size: 14, spellcheck: "false", "aria-label": `shape of ${name}`,
    value: model.get(`${name}_text`), oninput: ask });
  const a = field("a"), b = field("b");
  const examples = model.get("examples").map(([one, two]) =>
    html("button", { class: "example", onclick: () => { a.value = one; b.value = two; ask(); } },
      `${tuple(one)} and ${tuple(two)}`));

  function draw() {
    show(model.get("svg"));
    answer.textContent = model.get("answer");
    answer.classList.toggle("wrong", model.get("clash"));
    note.textContent = model.get("note");
    note.hidden = !model.get("note");
    problem.textContent = model.get("problem");
  }

  stage(el, "txm-broadcast");
  el.append(
    html("div", { class: "controls" }, html("label", {}, "a (", a, ")"), html("label", {}, "b (", b, ")")),
    html("div", { class: "controls examples", role: "group", "aria-label": "examples" }, ...examples),
    problem, picture, reading, answer, note,
  );
  const undo = [
    follow(model, ["svg", "answer", "note", "clash", "problem"], draw),
    hideStaticTwin(model),
  ];
  return () => undo.forEach((call) => call());
}
export default { render };
