// The picture of a LossCurve: everything drawn comes in the trait `frame`; clicks go back as
// messages, because a message never waits for the training thread.

const SIZE = { width: 640, height: 260, left: 56, right: 14, top: 12, bottom: 34 };
const CURVE_SHARE = 0.3; // of the width, at least
const DECADES = 2; // the slider reaches this far below and above the first learning rate
const STATES = {
  waiting: "Waiting for fit",
  running: "Running",
  paused: "Paused",
  stopped: "Stopped by you",
  done: "Finished",
};

const floats = (bytes) =>
  new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
const short = (value) =>
  value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)
    ? value.toExponential().replace("e+", "e")
    : String(Number(value.toPrecision(6)));

function linearTicks(low, high, wanted) {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high + step * 1e-9; i++) ticks.push(i * step);
  return ticks;
}

// Of a logarithmic axis: whole decades; over a short range 1, 2, 5; over a shorter one, even steps.
function logTicks(low, high) {
  const from = Math.ceil(low - 1e-9), to = Math.floor(high + 1e-9);
  const stride = Math.max(1, Math.ceil((to - from + 1) / 6));
  const ticks = [];
  for (let power = from; power <= to; power += stride) ticks.push(power);
  if (ticks.length > 2) return ticks;
  const steps = [];
  for (let power = Math.floor(low); power <= high; power++)
    for (const digit of [1, 2, 5]) {
      const tick = power + Math.log10(digit);
      if (tick >= low && tick <= high) steps.push(tick);
    }
  return steps.length > 1 ? steps : linearTicks(10 ** low, 10 ** high, 4).map(Math.log10);
}

// Reads the frame into lines: [{name, colour, dashed, xs, ys}], `ys` already on the chosen scale.
function linesOf(frame, log) {
  const names = Object.keys(frame.series || {});
  const bases = [...new Set(names.map((name) => name.replace(/^val_/, "")))];
  return names.map((name) => {
    const { x, y } = frame.series[name];
    const ys = floats(y);
    return {
      name,
      colour: `var(--txm-line-${bases.indexOf(name.replace(/^val_/, "")) % 6})`,
      dashed: name.startsWith("val_"),
      xs: floats(x),
      raw: ys,
      ys: log ? ys.map((value) => (value > 0 ? Math.log10(value) : NaN)) : ys,
    };
  });
}

function rangeOf(lines, log) {
  let low = Infinity, high = -Infinity;
  for (const line of lines)
    for (const y of line.ys)
      if (Number.isFinite(y)) (low = Math.min(low, y)), (high = Math.max(high, y));
  if (low > high) return [0, 1];
  if (!log && low > 0 && low < 0.5 * high) low = 0;
  if (low === high) return log ? [low - 1, high + 1] : [Math.min(low, 0), high || 1];
  const room = 0.04 * (high - low);
  return [low === 0 ? 0 : low - room, high + room];
}

function pathOf(line, x, y) {
  let path = "", pen = "M";
  for (let i = 0; i < line.xs.length; i++) {
    if (!Number.isFinite(line.ys[i])) pen = "M";
    else (path += `${pen}${x(line.xs[i]).toFixed(1)} ${y(line.ys[i]).toFixed(1)}`), (pen = "L");
  }
  return path;
}

function chart(frame, { log, hidden, unit, cursor }) {
  const all = linesOf(frame, log);
  const lines = all.filter((line) => !hidden.has(line.name));
  const [low, high] = rangeOf(lines, log);
  // The axis ends at the last epoch to come, unless that would squeeze the curve into a corner.
  const ahead = Math.min(frame.total || 0, Math.ceil((frame.count || 1) / CURVE_SHARE));
  const last = Math.max(ahead, frame.count || 0, 10);
  const x = (value) =>
    SIZE.left + ((value - 1) / (last - 1)) * (SIZE.width - SIZE.left - SIZE.right);
  const y = (value) =>
    SIZE.height - SIZE.bottom -
    ((value - low) / (high - low)) * (SIZE.height - SIZE.top - SIZE.bottom);
  const marks = [];
  for (const tick of log ? logTicks(low, high) : linearTicks(low, high, 4)) {
    marks.push(svg("line", { class: "grid", x1: SIZE.left, x2: SIZE.width - SIZE.right, y1: y(tick), y2: y(tick) }));
    marks.push(svg("text", { x: SIZE.left - 7, y: y(tick) + 4, "text-anchor": "end" }, short(log ? 10 ** tick : tick)));
  }
  for (const tick of new Set([1, ...linearTicks(1, last, 6)].filter(Number.isInteger)))
    marks.push(svg("text", { x: x(tick), y: SIZE.height - SIZE.bottom + 16, "text-anchor": "middle" }, String(tick)));
  marks.push(svg("text", { class: "unit", x: SIZE.width - SIZE.right, y: SIZE.height - 3, "text-anchor": "end" }, unit));
  for (const line of lines) {
    const shape = { "data-series": line.name, "data-points": line.xs.length, stroke: line.colour };
    marks.push(svg("path", { class: line.dashed ? "curve dashed" : "curve", d: pathOf(line, x, y), ...shape }));
    const end = line.xs.length - 1;
    if (end >= 0 && Number.isFinite(line.ys[end]))
      marks.push(svg("circle", { cx: x(line.xs[end]), cy: y(line.ys[end]), r: 3.5, fill: line.colour }));
  }
  let reading = "";
  if (cursor !== null && lines.length && lines[0].xs.length) {
    const at = 1 + ((cursor - SIZE.left) / (SIZE.width - SIZE.left - SIZE.right)) * (last - 1);
    const nearest = lines[0].xs.reduce((best, value) => (Math.abs(value - at) < Math.abs(best - at) ? value : best));
    marks.push(svg("line", { class: "cursor", x1: x(nearest), x2: x(nearest), y1: SIZE.top, y2: SIZE.height - SIZE.bottom }));
    reading = `${unit} ${nearest}: ` + lines
      .map((line) => [line.name, line.raw[line.xs.indexOf(nearest)]])
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`).join(", ");
  }
  return { marks, lines: all, reading };
}

function render({ model, el }) {
  const view = { log: model.get("log_scale"), hidden: new Set(), cursor: null };
  const send = (message) => model.send(message);
  let firstRate = null, asked = null;

  const picture = svg("svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, class: "chart", role: "img", tabindex: 0 });
  const stats = html("div", { class: "stats" });
  const state = html("span", { class: "state", role: "status" });
  const legend = html("div", { class: "legend" });
  const reading = html("div", { class: "reading" });
  const warning = html("div", { class: "warning", role: "alert" });
  const pause = html("button", { class: "pause", onclick: () => ask(pause.dataset.does) }, "Pause");
  const stop = html("button", { class: "stop", onclick: () => ask("stop") }, "Stop");
  const rate = html("input", { type: "range", class: "rate", min: -DECADES, max: DECADES, step: 0.02, value: 0, "aria-label": "learning rate" });
  const rateText = html("output", { class: "rate-text" });
  const rateBox = html("label", { class: "rate-box" }, "learning rate ", rate, rateText);
  const log = html("input", { type: "checkbox", class: "log", onchange: () => { view.log = log.checked; draw(); } });
  log.checked = view.log;

  function ask(what) {
    asked = what;
    send({ do: what });
    draw();
  }
  rate.addEventListener("input", () => {
    const value = Number((firstRate * 10 ** Number(rate.value)).toPrecision(2));
    showRate(value);
    send({ do: "learning_rate", value });
  });
  function showRate(value) {
    rateText.textContent = short(value);
    rate.setAttribute("aria-valuetext", short(value));
  }
  function moveCursor(position) {
    view.cursor = position;
    draw();
  }
  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    moveCursor(((event.clientX - box.left) / box.width) * SIZE.width);
  });
  picture.addEventListener("pointerleave", () => moveCursor(null));
  picture.addEventListener("blur", () => moveCursor(null));
  picture.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -8, ArrowRight: 8 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const from = view.cursor === null ? SIZE.width - SIZE.right : view.cursor;
    moveCursor(Math.min(Math.max(from + step, SIZE.left), SIZE.width - SIZE.right));
  });

  function draw() {
    const frame = model.get("frame");
    const unit = model.get("unit");
    const status = frame.status || "waiting";
    const active = status === "running" || status === "paused";
    if (status !== view.status) asked = null;
    view.status = status;
    const drawn = chart(frame, { ...view, unit });
    picture.replaceChildren(...drawn.marks);
    const latest = Object.entries(frame.latest || {}).map(([name, value]) => `${name} ${value}`).join(", ");
    picture.setAttribute("aria-label", `${model.get("title")} by ${unit}. ${latest}`);
    reading.textContent = drawn.reading;
    drawStats(frame, unit);
    drawLegend(drawn.lines);
    const words = { pause: "Pausing…", stop: "Stopping…", resume: "Resuming…" }[asked] || STATES[status];
    if (state.textContent !== words) state.textContent = words;
    state.dataset.status = status;
    warning.textContent = (frame.broken || []).length
      ? `${frame.broken.join(", ")} is no longer a number: the steps are too large. Try a smaller learning rate.`
      : "";
    pause.dataset.does = status === "paused" ? "resume" : "pause";
    pause.textContent = status === "paused" ? "Resume" : "Pause";
    pause.disabled = stop.disabled = !active;
    drawRate(frame.learning_rate, active);
  }
  function drawStats(frame, unit) {
    const total = frame.total ? ` / ${frame.total}` : "";
    const speed = frame.per_second >= 10 ? Math.round(frame.per_second) : Number((frame.per_second || 0).toPrecision(2));
    const cells = [[unit, `${frame.count || 0}${total}`], ...Object.entries(frame.latest || {}), [`${unit}s per second`, speed || "-"]];
    stats.replaceChildren(...cells.map(([name, value]) =>
      html("div", {}, html("span", { class: "name" }, name), html("span", { class: "value" }, String(value)))));
  }
  function drawLegend(lines) {
    const names = lines.map((line) => line.name).join();
    if (legend.dataset.names === names) return;
    legend.dataset.names = names;
    legend.replaceChildren(...lines.map((line) => {
      const swatch = svg("svg", { width: 26, height: 10, "aria-hidden": "true" },
        svg("line", { x1: 1, x2: 25, y1: 5, y2: 5, class: line.dashed ? "curve dashed" : "curve", stroke: line.colour }));
      const item = html("button", { class: "series", "aria-pressed": "true", title: "show or hide this line" }, swatch, line.name);
      item.addEventListener("click", () => {
        const shown = view.hidden.delete(line.name) || !view.hidden.add(line.name);
        item.setAttribute("aria-pressed", String(shown));
        draw();
      });
      return item;
    }));
  }
  function drawRate(value, active) {
    rateBox.hidden = !value;
    rate.disabled = !active;
    if (!value) return;
    if (firstRate === null) firstRate = value;
    if (document.activeElement === rate || view.rate === value) return;
    view.rate = value;
    rate.value = Math.log10(value / firstRate);
    showRate(value);
  }

  stage(el, "txm-loss");
  el.append(
    html("div", { class: "head" }, html("strong", {}, model.get("title")), state, legend),
    stats, picture, html("div", { class: "under" }, reading), warning,
    html("div", { class: "controls" }, pause, stop, rateBox, html("label", {}, log, " log scale")),
  );
  const undo = [follow(model, ["frame", "unit"], draw), hideStaticTwin(model)];
  return () => undo.forEach((call) => call());
}
export default { render };
