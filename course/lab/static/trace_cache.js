// TraceCache: Python calls, looks up and times; here the calls and the drawers are shown, and the
// next call, or one that the learner typed, is asked for.

function render({ model, el }) {
  const name = model.get("name"), loops = model.get("loops");
  const send = (content) => model.send(content);
  let playing = false, open = -1;

  const figure = (value) => (value.toFixed(value >= 100 ? 0 : 2));
  const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

  const positions = loops.map((loop, i) => html("button", { class: "loop", onclick: () => choose(i) }, loop.name));
  const calls = html("ol", { class: "calls", "aria-label": "the calls of the loop" });
  const body = html("tbody", {});
  const table = html("table", { class: "drawers" },
    html("thead", {}, html("tr", {}, ...["drawer", "label", "operations", "ms to build", "calls served", "µs a call"]
      .map((text) => html("th", { scope: "col" }, text)))), body);
  const graph = html("pre", { class: "graph", tabindex: "0", "aria-live": "polite" });
  const totals = html("div", { class: "totals" });
  const saying = html("div", { class: "saying", "aria-live": "polite" });
  const warned = html("div", { class: "warned", role: "status" });
  const next = html("button", { class: "next primary", onclick: () => { playing = false; send({ do: "next" }); } }, "Next call");
  const all = html("button", { class: "all", onclick: () => { playing = true; send({ do: "next" }); } }, "All calls");
  const empty = html("button", { class: "empty", onclick: () => choose(model.get("loop")) }, "Empty the cabinet");
  const own = html("input", { type: "text", class: "own", spellcheck: "false", placeholder: loops[0].calls[0],
    "aria-label": `arguments for a call of ${name}` });
  const ask = html("button", { class: "ask", title: "Shift+Enter", onclick: () => send({ do: "ask", text: own.value }) }, "Would it trace?");
  const call = html("button", { class: "call", title: "Enter", onclick: () => send({ do: "call", text: own.value }) }, "Call");
  own.addEventListener("keydown", (event) => {
    if (event.key === "Enter") (event.shiftKey ? ask : call).click();
  });

  function choose(loop) {
    playing = false;
    open = -1;
    send({ do: "choose", loop });
  }

  function show(place) {
    open = open === place ? -1 : place;
    drawGraph();
  }

  function drawGraph() {
    const rows = model.get("state").rows, row = rows[open];
    graph.hidden = !row;
    graph.textContent = row ? row.graph : "";
    body.querySelectorAll(".open").forEach((button, i) => button.setAttribute("aria-expanded", String(i === open)));
  }

  function drawCalls({ made }) {
    const planned = made.filter((one) => one.planned);
    const todo = loops[model.get("loop")].calls.slice(planned.length);
    const last = made.length - 1;
    calls.replaceChildren(
      ...made.map((one, i) => html("li", { class: `${one.new ? "new" : "found"} ${i === last ? "now" : ""}` },
        html("code", {}, `${name}(${one.text})`),
        html("span", { class: "went" }, one.new ? `✚ new drawer ${one.row + 1}` : `→ drawer ${one.row + 1}`))),
      ...todo.map((text) => html("li", { class: "todo" }, html("code", {}, `${name}(${text})`))));
    next.disabled = all.disabled = !todo.length;
    empty.disabled = !made.length;
    return todo.length;
  }

  function drawRows({ rows, used, made }) {
    const fresh = used >= 0 && made[made.length - 1].new;
    body.replaceChildren(...rows.map((row, i) => html("tr", { class: i === used ? `used ${fresh ? "new" : "found"}` : "" },
      html("td", {}, html("button", { class: "open", "aria-expanded": "false", title: "show the graph in it",
        onclick: () => show(i) }, `▤ ${i + 1}`)),
      html("td", { class: "label" }, html("code", {}, row.label)),
      html("td", { class: "number" }, String(row.operations)),
      html("td", { class: "number" }, figure(row.ms)),
      html("td", { class: "number" }, String(row.calls)),
      html("td", { class: "number", title: "the fastest of the calls that found this drawer there" },
        row.fastest === null ? "–" : figure(row.fastest)))));
    if (!rows.length) body.append(html("tr", {}, html("td", { colspan: 6, class: "faint none" }, "The cabinet is empty.")));
  }

  function draw() {
    const state = model.get("state"), loop = model.get("loop");
    positions.forEach((button, i) => {
      button.classList.toggle("primary", i === loop);
      button.setAttribute("aria-pressed", String(i === loop));
    });
    const left = drawCalls(state);
    drawRows(state);
    drawGraph();
    const found = state.made.filter((one) => !one.new).length;
    totals.textContent = `${count(state.rows.length, "drawer")} · ${count(state.made.length - found, "call")} that traced: `
      + `${figure(state.building)} ms · ${count(found, "call")} that did not: ${figure(state.serving)} ms`;
    saying.replaceChildren(...(state.problem ? [html("span", { class: "wrong" }, state.problem)] : rich(state.said || "")));
    if (!state.said && !state.problem) saying.textContent = left ? "Press “Next call”, or type a call of your own." : "";
    warned.textContent = state.warned ? `Warning: ${state.warned}` : "";
    if (playing && left) setTimeout(() => playing && send({ do: "next" }), 250);
    else playing = false;
  }

  stage(el, "txm-cabinet");
  el.append(
    html("div", { class: "head" }, html("strong", {}, name),
      html("span", { class: "loops", role: "group", "aria-label": "what the loop passes" }, ...positions)),
    calls, html("div", { class: "shelf" }, table), totals,
    graph,
    html("div", { class: "controls" }, next, all, empty),
    html("div", { class: "controls try" }, html("code", {}, `${name}(`), own, html("code", {}, ")"), call, ask),
    saying, warned,
  );
  const undo = [follow(model, ["state"], draw), hideStaticTwin(model)];
  return () => undo.forEach((one) => one());
}
export default { render };
