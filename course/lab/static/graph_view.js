// GraphView: Python draws the graph; here a node can be chosen (click, Tab, arrow keys), and a
// slider runs the graph node by node.

function render({ model, el }) {
  const nodes = model.get("nodes");
  const byId = new Map(nodes.map((node) => [String(node.id), node]));
  const users = (id) => nodes.filter((node) => node.inputs.map(String).includes(id));
  const picture = html("div", { class: "picture" });
  const panel = html("div", { class: "panel", "aria-live": "polite" });
  const saying = html("div", { class: "saying", "aria-live": "polite" });
  const slider = html("input", { type: "range", class: "step", min: 0, max: nodes.length, step: 1, value: 0, "aria-label": "run node by node" });
  const back = html("button", { class: "back", onclick: () => go(step - 1) }, "Back");
  const next = html("button", { class: "next primary", onclick: () => go(step + 1) }, "Next node");
  let step = 0, chosen = null;

  picture.innerHTML = model.get("svg"); // our own drawing; every text in it is escaped
  const groups = new Map([...picture.querySelectorAll(".node")].map((group) => [group.dataset.id, group]));
  const links = [...picture.querySelectorAll(".link")];

  function row(name, ...content) {
    return [html("dt", {}, name), html("dd", {}, ...content)];
  }
  const jumps = (list) => list.flatMap((node, i) => [
    i ? ", " : null,
    html("button", { class: "jump", onclick: () => choose(String(node.id), true) }, node.kind === "constant" ? node.title : node.name),
  ]).filter((item) => item !== null);

  function choose(id, focus) {
    chosen = id;
    const node = byId.get(id);
    groups.forEach((group, key) => {
      group.classList.toggle("chosen", key === id);
      group.setAttribute("tabindex", key === id ? "0" : "-1");
    });
    links.forEach((link) => link.classList.toggle("lit", link.dataset.from === id || link.dataset.to === id));
    if (focus) groups.get(id).focus();
    const reads = node.inputs.map((input) => byId.get(String(input)));
    const attributes = Object.entries(node.attrs).map(([key, value]) => `${key} = ${value}`);
    panel.replaceChildren(html("dl", {},
      ...row("operation", html("code", {}, node.op), node.kind === "output" ? " (an output)" : null),
      ...row("name", html("code", {}, node.name)),
      ...row("shape", html("code", {}, node.shape)),
      ...row("dtype", html("code", {}, node.dtype)),
      ...(attributes.length ? row("attributes", html("code", {}, attributes.join(", "))) : []),
      ...(node.value ? row("value", html("code", {}, node.value)) : []),
      ...(reads.length ? row("reads", ...jumps(reads)) : []),
      ...(users(id).length ? row("read by", ...jumps(users(id))) : []),
      ...(node.assigned ? row("assigned to", html("code", {}, node.assigned)) : []),
      ...(node.line ? row("written in", html("code", {}, node.line)) : []),
    ));
  }

  function go(to) {
    step = Math.min(Math.max(to, 0), nodes.length);
    slider.value = step;
    back.disabled = step === 0;
    next.disabled = step === nodes.length;
    nodes.forEach((node, i) => {
      const group = groups.get(String(node.id));
      group.classList.toggle("done", step > 0 && i < step);
      group.classList.toggle("current", i === step - 1);
      group.classList.toggle("todo", step > 0 && i >= step);
    });
    if (!step) return void (saying.textContent = "Not started. Press “Next node” to run the graph one node at a time.");
    const node = nodes[step - 1];
    choose(String(node.id), false);
    reveal(groups.get(String(node.id)));
    const names = node.inputs.map((input) => `\`${byId.get(String(input)).name}\``).join(" and ");
    const what = { input: "is given from outside", constant: "was fixed while tracing", variable: "is read" }[node.kind]
      || `computes \`${node.op}\`` + (names ? ` from ${names}` : "");
    const result = node.computed ? `, and holds **${node.computed}**` : "";
    saying.replaceChildren(...rich(`Step ${step} of ${nodes.length}: \`${node.name}\` ${what}${result}.`));
  }

  // Scroll the picture, and not the notebook around it.
  function reveal(group) {
    const box = group.getBoundingClientRect(), frame = picture.getBoundingClientRect();
    if (box.top < frame.top) picture.scrollTop -= frame.top - box.top + 12;
    if (box.bottom > frame.bottom) picture.scrollTop += box.bottom - frame.bottom + 12;
    if (box.left < frame.left) picture.scrollLeft -= frame.left - box.left + 12;
    if (box.right > frame.right) picture.scrollLeft += box.right - frame.right + 12;
  }
  function beside(group, way) {
    const box = group.getBoundingClientRect();
    const level = [...groups.values()].filter((other) =>
      Math.abs(other.getBoundingClientRect().top - box.top) < 2);
    return level.find((other) => Number(other.dataset.at) === Number(group.dataset.at) + way);
  }
  picture.addEventListener("click", (event) => {
    const group = event.target.closest(".node");
    if (group) choose(group.dataset.id, true);
  });
  picture.addEventListener("focusin", (event) => {
    const group = event.target.closest(".node");
    if (group && group.dataset.id !== chosen) choose(group.dataset.id, false);
  });
  picture.addEventListener("keydown", (event) => {
    const group = event.target.closest(".node");
    if (!group || !event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const id = group.dataset.id;
    const target = {
      ArrowUp: () => groups.get(String(byId.get(id).inputs[0])),
      ArrowDown: () => users(id).length && groups.get(String(users(id)[0].id)),
      ArrowLeft: () => beside(group, -1),
      ArrowRight: () => beside(group, 1),
    }[event.key]();
    if (target) choose(target.dataset.id, true);
  });
  slider.addEventListener("input", () => go(Number(slider.value)));

  stage(el, "txm-graph");
  const key = ["input", "variable", "constant", "operation", "output"].map((kind) =>
    html("span", { class: `kind ${kind}` }, kind));
  el.append(
    html("div", { class: "head" }, html("strong", {}, model.get("name")), html("span", { class: "key" }, ...key)),
    html("div", { class: "body" }, picture, panel),
    html("div", { class: "controls" }, back, next, slider), saying,
  );
  if (nodes.length) choose(String(nodes[0].id), false);
  go(0);
  const undo = hideStaticTwin(model);
  return () => undo();
}
export default { render };
