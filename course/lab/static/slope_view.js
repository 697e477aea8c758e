// SlopeView: a curve, the knob w on it, and the line through w and the place it is nudged to.
// Everything is computed here, so it also answers while the kernel is busy.

const PLOT = { width: 420, height: 320, left: 46, right: 10, top: 10, bottom: 34 };
const FINEST = 14, ROWS = 6;

const valueOf = (factors, w) => factors.reduceRight((total, factor) => total * w + factor, 0);
const slopeOf = (factors, w) => valueOf(factors.map((factor, power) => power * factor).slice(1), w);
const minus = (text) => text.replace("-", "−");
const figures = (value) => minus(
  value === 0 ? "0"
    : Math.abs(value) < 1e-3 ? value.toExponential(2)
      : String(Number(value.toPrecision(5))));
const tick = (value, step) => minus(value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9))));

// A round step that cuts a range into about four.
function roundStep(range) {
  const raw = range / 4, power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.8);
}

function render({ model, el }) {
  const factors = model.get("factors"), low = model.get("low"), high = model.get("high");
  const start = { w: model.get("w"), h: model.get("h"), central: model.get("central") };
  let { w, h, central } = start, zoomed = false, trail = [];

  const loss = (at) => valueOf(factors, at);
  const from = () => (central ? w - h : w);
  const measured = () => (loss(w + h) - loss(from())) / (w + h - from());
  const error = () => measured() - slopeOf(factors, w);

  // --- the part of the curve that is in view ---------------------------------------------------
  let view = {};
  function look() {
    const [left, right] = zoomed ? [w - 2.2 * h, w + 2.2 * h] : [low, high];
    const heights = Array.from({ length: 101 }, (_, i) => loss(left + ((right - left) * i) / 100));
    const bottom = Math.min(...heights), top = Math.max(...heights);
    const margin = 0.1 * (top - bottom) || 1;
    view = { left, right, bottom: bottom - margin, top: top + margin };
  }
  const px = (at) => PLOT.left + ((at - view.left) / (view.right - view.left)) * (PLOT.width - PLOT.left - PLOT.right);
  const py = (at) => PLOT.height - PLOT.bottom - ((at - view.bottom) / (view.top - view.bottom)) * (PLOT.height - PLOT.top - PLOT.bottom);

  // --- drawing ---------------------------------------------------------------------------------
  const clip = `txm-slope-${model.get("_uid")}`;
  const ground = svg("g", {}), inside = svg("g", { "clip-path": `url(#${clip})` });
  const knob = svg("g", { class: "at", tabindex: 0, role: "slider", "aria-label": "knob w",
    "aria-valuemin": low, "aria-valuemax": high }, svg("circle", { r: 8 }));
  const picture = svg("svg", { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, class: "plot", role: "group",
    "aria-label": "a curve of the loss over the knob w" }, svg("clipPath", { id: clip }, svg("rect", { x: PLOT.left, y: PLOT.top,
      width: PLOT.width - PLOT.left - PLOT.right, height: PLOT.height - PLOT.top - PLOT.bottom })),
    ground, inside, knob);

  function drawGround() {
    const marks = [], across = roundStep(view.right - view.left), up = roundStep(view.top - view.bottom);
    for (let i = Math.ceil(view.left / across); i * across <= view.right; i++) {
      const x = px(i * across);
      marks.push(svg("line", { class: "grid", x1: x, x2: x, y1: PLOT.top, y2: PLOT.height - PLOT.bottom }));
      marks.push(svg("text", { x, y: PLOT.height - PLOT.bottom + 15, "text-anchor": "middle" }, tick(i * across, across)));
    }
    for (let i = Math.ceil(view.bottom / up); i * up <= view.top; i++) {
      const y = py(i * up);
      marks.push(svg("line", { class: "grid", x1: PLOT.left, x2: PLOT.width - PLOT.right, y1: y, y2: y }));
      marks.push(svg("text", { x: PLOT.left - 6, y: y + 4, "text-anchor": "end" }, tick(i * up, up)));
    }
    marks.push(svg("text", { class: "name", x: PLOT.width - PLOT.right, y: PLOT.height - 4, "text-anchor": "end" }, "knob w"));
    marks.push(svg("text", { class: "name", x: PLOT.left + 6, y: PLOT.top + 14 }, "loss L(w)"));
    ground.replaceChildren(...marks);
  }

  const line = (name, at, height, steep) => svg("line", { class: name,
    x1: px(view.left), y1: py(height + steep * (view.left - at)),
    x2: px(view.right), y2: py(height + steep * (view.right - at)) });

  function drawInside() {
    const path = Array.from({ length: 161 }, (_, i) => view.left + ((view.right - view.left) * i) / 160)
      .map((at, i) => `${i ? "L" : "M"}${px(at).toFixed(2)},${py(loss(at)).toFixed(2)}`).join("");
    const a = from(), b = w + h;
    const marks = [
      svg("path", { class: "curve", d: path }),
      line("tangent", w, loss(w), slopeOf(factors, w)),
      line("secant", a, loss(a), measured()),
    ];
    if (px(b) - px(a) > 14) {
      marks.push(svg("line", { class: "leg", x1: px(a), y1: py(loss(a)), x2: px(b), y2: py(loss(a)) }));
      marks.push(svg("line", { class: "leg", x1: px(b), y1: py(loss(a)), x2: px(b), y2: py(loss(b)) }));
    }
    for (const at of central ? [a, b] : [b])
      marks.push(svg("circle", { class: "nudged", cx: px(at), cy: py(loss(at)), r: 5.5 }));
    if (px(b) - px(a) > 36) {
      const below = loss(b) > loss(a) ? 15 : -7;
      marks.push(svg("text", { class: "name", x: (px(a) + px(b)) / 2, y: py(loss(a)) + below, "text-anchor": "middle" }, central ? "2h" : "h"));
    }
    inside.replaceChildren(...marks);
    knob.setAttribute("transform", `translate(${px(w)}, ${py(loss(w))})`);
  }

  // --- moving the knob -------------------------------------------------------------------------
  function turn(to) {
    w = Math.min(Math.max(Math.round(to * 100) / 100, low), high);
    trail = [];
    draw();
  }
  const KEYS = { ArrowLeft: -0.05, ArrowDown: -0.05, ArrowRight: 0.05, ArrowUp: 0.05, PageDown: -0.5, PageUp: 0.5 };
  knob.addEventListener("keydown", (event) => {
    const to = event.key === "Home" ? low : event.key === "End" ? high : w + KEYS[event.key];
    if (Number.isNaN(to)) return;
    event.preventDefault();
    turn(to);
  });
  function drag(event) {
    const box = picture.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * PLOT.width;
    turn(view.left + ((x - PLOT.left) / (PLOT.width - PLOT.left - PLOT.right)) * (view.right - view.left));
  }
  picture.addEventListener("pointerdown", (event) => {
    if (zoomed) return;
    event.preventDefault();
    knob.focus();
    picture.setPointerCapture(event.pointerId);
    drag(event);
  });
  picture.addEventListener("pointermove", (event) => {
    if (picture.hasPointerCapture(event.pointerId)) drag(event);
  });

  // --- the side: h, the readings, the trail ----------------------------------------------------
  const slider = html("input", { type: "range", class: "h", min: 0, max: FINEST, step: 1, "aria-label": "h, halved with each step" });
  const length = html("output", {});
  slider.addEventListener("input", () => nudge(2 ** -Number(slider.value)));
  const halve = html("button", { class: "halve primary", onclick: () => nudge(h / 2) }, "Halve h");
  const zoom = html("button", { class: "zoom", "aria-pressed": "false", onclick: () => { zoomed = !zoomed; draw(); } }, "Zoom in");
  const reset = html("button", { class: "reset", onclick: () => { ({ w, h, central } = start); zoomed = false; trail = []; draw(); } }, "Reset");
  const kinds = [["forward", false], ["central", true]].map(([name, both]) =>
    html("button", { class: name, "aria-pressed": "false", onclick: () => { central = both; trail = []; draw(); } }, name));
  const read = Object.fromEntries(["w", "rise", "run", "measured", "exact", "error"].map((name) =>
    [name, html("span", { class: `value ${name} ${["measured", "exact", "error"].includes(name) ? "big" : ""}` })]));
  const rows = html("tbody", {});
  const saying = html("div", { class: "saying", "aria-live": "polite" });

  function nudge(to) {
    if (!trail.length) trail = [{ h, error: error(), measured: measured() }];
    h = Math.max(to, 2 ** -FINEST);
    trail.push({ h, error: error(), measured: measured() });
    trail = trail.slice(-ROWS);
    draw();
  }

  function words() {
    const off = Math.abs(error());
    if (trail.length < 2) return "Halve h, and see what becomes of the error.";
    const [before, now] = trail.slice(-2);
    if (now.h >= before.h) return "A longer nudge sees more of the bend.";
    const shrunk = before.error / now.error;
    if (off < 1e-12 || !Number.isFinite(shrunk)) return "No error is left: both lines are one.";
    return `h is ${figures(before.h / now.h)} times smaller, and the error **${figures(Number(shrunk.toPrecision(3)))}** times.`;
  }

  function draw() {
    look();
    drawGround();
    drawInside();
    slider.value = Math.round(-Math.log2(h));
    slider.setAttribute("aria-valuetext", figures(h));
    length.textContent = figures(h);
    read.w.textContent = figures(w);
    read.rise.textContent = figures(loss(w + h) - loss(from()));
    read.run.textContent = figures(w + h - from());
    read.measured.textContent = figures(measured());
    read.exact.textContent = figures(Number(slopeOf(factors, w).toPrecision(8)));
    read.error.textContent = figures(Number(error().toPrecision(6)));
    knob.setAttribute("aria-valuenow", w);
    knob.setAttribute("aria-valuetext", `w = ${figures(w)}, measured slope ${figures(measured())}, error ${figures(error())}`);
    for (const button of kinds) button.setAttribute("aria-pressed", String(button.classList.contains("central") === central));
    zoom.setAttribute("aria-pressed", String(zoomed));
    halve.disabled = h <= 2 ** -FINEST;
    rows.replaceChildren(...trail.map((row, i) => html("tr", {},
      html("td", {}, figures(row.h)), html("td", {}, figures(row.measured)), html("td", {}, figures(row.error)),
      html("td", {}, i && row.error ? `÷ ${figures(Number((trail[i - 1].error / row.error).toPrecision(3)))}` : ""))));
    table.hidden = trail.length < 2;
    saying.replaceChildren(...rich(words()));
  }

  const row = (name, cell, key) => html("div", { class: "reading" },
    html("span", {}, key ? html("span", { class: `key ${key}` }) : null, name), cell);
  const table = html("table", { class: "trail" },
    html("thead", {}, html("tr", {}, ...["h", "measured", "error", "shrunk"].map((name) => html("th", { scope: "col" }, name)))), rows);
  stage(el, "txm-slope");
  el.append(
    html("div", { class: "body" }, picture,
      html("div", { class: "side" },
        html("div", { class: "controls", role: "group", "aria-label": "where the nudge goes" }, "nudge", ...kinds),
        html("label", { class: "nudge" }, html("strong", {}, "h"), slider, length),
        html("div", { class: "controls" }, halve, zoom, reset),
        html("div", { class: "readings" },
          row("knob w", read.w), row("the needle moved", read.rise), row("the knob moved", read.run),
          row("measured slope", read.measured, "orange"), row("the curve's own slope", read.exact, "green"),
          row("error", read.error)),
        table)),
    saying,
  );
  draw();
  return hideStaticTwin(model);
}
export default { render };
