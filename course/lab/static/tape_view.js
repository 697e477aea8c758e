// TapeView: Python finds the steps of the walk and draws the picture; here it is walked, both ways.

function render({ model, el }) {
  const steps = model.get("steps"), lines = model.get("lines"), nodes = model.get("nodes");
  const forward = steps.filter((step) => step.phase === "forward").length;
  const picture = html("div", { class: "picture" });
  const saying = html("div", { class: "saying", "aria-live": "polite" });
  const slider = html("input", { type: "range", class: "step", min: 0, max: steps.length, step: 1, value: 0, "aria-label": "step of the walk" });
  const back = html("button", { class: "back", onclick: () => go(at - 1) }, "Back");
  const next = html("button", { class: "next primary", onclick: () => go(at + 1) }, "Next");
  const turn = html("button", { class: "turn", onclick: () => go(forward) }, "To the end of the tape");
  let at = 0;

  picture.innerHTML = model.get("svg"); // our own drawing; every text in it is escaped
  const groups = new Map([...picture.querySelectorAll(".node")].map((group) => [Number(group.dataset.id), group]));
  const links = [...picture.querySelectorAll(".link")];
  const given = nodes.filter((node) => !node.reads.length).map((node) => node.id);
  // A line of the strip is a button: it goes to where that line is written, or, on the way back, read.
  const rows = lines.map((line, i) => html("li", {},
    html("button", { class: "line", onclick: () => go(at <= forward ? i + 1 : steps.length - i) },
      html("span", { class: "number" }, String(i + 1)), html("code", {}, line.text), html("span", { class: "way" }))));

  function go(to) {
    at = Math.min(Math.max(to, 0), steps.length);
    slider.value = at;
    back.disabled = at === 0;
    next.disabled = at === steps.length;
    turn.disabled = at === forward;
    const done = steps.slice(0, at), now = done.at(-1);
    const computed = new Set([...given, ...done.filter((step) => step.phase === "forward").map((step) => step.node)]);
    const totals = new Map(done.flatMap((step) => step.totals));
    const receives = new Set(now && now.phase === "backward" ? now.totals.map(([node]) => node) : []);
    groups.forEach((group, id) => {
      group.classList.toggle("computed", computed.has(id));
      group.classList.toggle("reached", totals.has(id));
      group.classList.toggle("over", at === steps.length);
      group.classList.toggle("visited", Boolean(now) && now.node === id);
      group.classList.toggle("receives", receives.has(id));
      const gradient = group.querySelector(".gradient");
      if (!group.classList.contains("constant")) gradient.textContent = `gradient ${totals.get(id) ?? "None"}`;
    });
    const handed = new Set(done.flatMap((step) => step.hands.map(([place]) => `${step.node} ${place}`)));
    for (const link of links) {
      const { to, place } = link.dataset;
      const mine = Boolean(now) && now.phase !== "seed" && now.node === Number(to);
      const hands = mine && now.hands.some(([input]) => input === Number(place));
      link.classList.toggle("handed", handed.has(`${to} ${place}`));
      link.classList.toggle("back", mine && now.phase === "backward");
      link.classList.toggle("lit", mine && (now.phase === "forward" || hands));
    }
    const read = new Map(done.filter((step) => step.phase === "backward")
      .map((step) => [step.line, step.hands.length ? "handed on ↑" : "passed over"]));
    rows.forEach((row, i) => {
      const written = i < done.filter((step) => step.phase === "forward").length;
      row.classList.toggle("unwritten", !written);
      row.classList.toggle("now", Boolean(now) && now.line === i);
      row.querySelector(".way").textContent = read.get(i) ?? (written ? "written" : "");
    });
    if (!now) saying.textContent = "The tape is blank, and only what is given has a value. Press “Next”: each operation is computed, and written down.";
    else saying.replaceChildren(...rich(`Step ${at} of ${steps.length}. ${now.saying}`));
    if (now) reveal(groups.get(now.node));
  }

  // Scroll the picture, and not the notebook around it.
  function reveal(group) {
    const box = group.getBoundingClientRect(), frame = picture.getBoundingClientRect();
    if (box.top < frame.top) picture.scrollTop -= frame.top - box.top + 12;
    if (box.bottom > frame.bottom) picture.scrollTop += box.bottom - frame.bottom + 12;
    if (box.left < frame.left) picture.scrollLeft -= frame.left - box.left + 12;
    if (box.right > frame.right) picture.scrollLeft += box.right - frame.right + 12;
  }
  slider.addEventListener("input", () => go(Number(slider.value)));

  stage(el, "txm-tape");
  el.append(
    html("div", { class: "body" }, picture,
      html("div", { class: "strip" },
        html("div", { class: "written" }, html("div", { class: "title" }, "The tape"), html("ol", {}, ...rows)),
        html("div", { class: "walk" }, html("div", { class: "controls" }, back, next, turn, slider), saying))),
  );
  go(0);
  return hideStaticTwin(model);
}
export default { render };
