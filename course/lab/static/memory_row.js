// MemoryRow: the buttons choose which view Python draws.

function render({ model, el }) {
  const picture = html("div", { class: "picture" });
  const reading = html("div", { class: "reading", "aria-live": "polite" });
  const rule = html("strong", { class: "rule" });
  const show = pointing(picture, reading, "Point at a cell, above or below, or press Tab and the arrow keys.");
  const buttons = model.get("names").map((name) =>
    html("button", { class: "view", onclick: () => model.send({ do: "choose", name }) }, html("code", {}, name)));

  function draw() {
    show(model.get("svg"));
    rule.textContent = model.get("rule");
    buttons.forEach((button, i) =>
      button.setAttribute("aria-pressed", String(model.get("names")[i] === model.get("chosen"))));
  }

  stage(el, "txm-memory");
  el.append(html("div", { class: "controls", role: "group", "aria-label": "view" }, ...buttons), rule, picture, reading);
  const undo = [follow(model, ["svg", "rule", "chosen"], draw), hideStaticTwin(model)];
  return () => undo.forEach((call) => call());
}
export default { render };
