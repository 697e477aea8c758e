// PassView: one step of the compiler at a time, with the graph before and after it. Python draws the
// graphs; here a step is chosen (table, buttons), and a node (click, Tab, arrow keys).

function render({ model, el }) {
  const steps = model.get("steps");
  const pair = html("div", { class: "pair" });
  const says = html("div", { class: "says" });
  const sentence = html("div", { class: "sentence", "aria-live": "polite" });
  const fact = html("div", { class: "fact", "aria-live": "polite" });
  const back = html("button", { class: "back", onclick: () => go(at - 1) }, "Back");
  const next = html("button", { class: "next primary", onclick: () => go(at + 1) }, "Next pass");
  let at = 0;

  const rows = steps.map((step, i) => html("tr", {},
    html("td", {}, html("button", { class: "go", onclick: () => go(i) }, step.name)),
    ...[step.operations, step.made, step.workspace].map((cell) => html("td", {}, String(cell)))));
  const table = html("table", { class: "steps" },
    html("thead", {}, html("tr", {}, ...["graph", "operations", "bytes of their arrays", "bytes needed at one time"]
      .map((name) => html("th", { scope: "col" }, name)))),
    html("tbody", {}, ...rows));

  function picture(caption, drawing) {
    const frame = html("div", { class: "picture" });
    frame.innerHTML = drawing; // our own drawing; every text in it is escaped
    return html("figure", {}, html("figcaption", {}, caption), frame);
  }
  const nodes = () => [...pair.querySelectorAll(".node")];

  function choose(group, focus) {
    nodes().forEach((other) => {
      other.classList.toggle("chosen", other === group);
      other.setAttribute("tabindex", other === group ? "0" : "-1");
    });
    // The same node in the other picture is shown too, where it is there.
    const number = group.dataset.id.split("-")[1];
    nodes().filter((other) => other.dataset.id.split("-")[1] === number)
      .forEach((other) => other.classList.add("chosen"));
    fact.textContent = steps[at].facts[group.dataset.id];
    if (focus) group.focus();
  }

  function go(to) {
    at = Math.min(Math.max(to, 0), steps.length - 1);
    const step = steps[at];
    back.disabled = at === 0;
    next.disabled = at === steps.length - 1;
    rows.forEach((row, i) => {
      row.classList.toggle("now", i === at);
      const button = row.querySelector("button");
      if (i === at) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
      button.textContent = (i === at ? "▸ " : "") + steps[i].name;
    });
    says.replaceChildren(html("strong", {}, step.name), ". " + step.says);
    sentence.textContent = step.sentence;
    pair.replaceChildren(...(step.before
      ? [picture("before the pass", step.before), picture("after the pass", step.after)]
      : [picture("as written", step.after)]));
    fact.textContent = "Click a node, or press Tab until one has the focus, to read its line.";
    nodes().forEach((group, i) => group.setAttribute("tabindex", i ? "-1" : "0"));
  }

  pair.addEventListener("click", (event) => {
    const group = event.target.closest(".node");
    if (group) choose(group, true);
  });
  pair.addEventListener("focusin", (event) => {
    const group = event.target.closest(".node");
    if (group) choose(group, false);
  });
  pair.addEventListener("keydown", (event) => {
    const group = event.target.closest(".node");
    const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!group || !way) return;
    event.preventDefault();
    const all = nodes();
    const target = all[all.indexOf(group) + way];
    if (target) choose(target, true);
  });

  stage(el, "txm-passes");
  el.append(
    html("div", { class: "head" }, html("strong", {}, model.get("name")), " through the passes of the compiler"),
    table, html("div", { class: "controls" }, back, next), says, sentence, pair, fact,
  );
  go(0);
  const undo = hideStaticTwin(model);
  return () => undo();
}
export default { render };
