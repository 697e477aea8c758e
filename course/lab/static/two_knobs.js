// TwoKnobs: points, the line w*x + b, its mistakes and the loss. Everything is computed here, so
// it also answers while the kernel is busy.

const PLOT = { width: 400, height: 280, left: 34, right: 10, top: 10, bottom: 26 };
const KNOBS = { w: [-1, 4], b: [-4, 3] };

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const figures = (value) =>
  !Number.isFinite(value) ? "too large"
    : value !== 0 && (Math.abs(value) < 5e-4 || Math.abs(value) >= 1e5) ? value.toExponential(1)
      : String(Number(value.toPrecision(4)));

function render({ model, el }) {
  const xs = model.get("xs"), ys = model.get("ys"), rate = model.get("learning_rate");
  const start = { w: model.get("w"), b: model.get("b") };
  const knob = { ...start };
  let steps = 0;

  const mistakes = () => xs.map((x, i) => knob.w * x + knob.b - ys[i]);
  const loss = () => mean(mistakes().map((mistake) => mistake * mistake));
  const worst = loss();

  // One step of gradient descent: the slope of the loss along w and along b, then a move downhill.
  function descend(count) {
    for (let i = 0; i < count; i++) {
      const wrong = mistakes();
      const slope = {
        w: mean(wrong.map((mistake, k) => 2 * mistake * xs[k])),
        b: mean(wrong.map((mistake) => 2 * mistake)),
      };
      knob.w -= rate * slope.w;
      knob.b -= rate * slope.b;
    }
    steps += count;
    draw();
  }

  const low = Math.min(...ys) - 2, high = Math.max(...ys) + 2;
  const first = Math.min(...xs) - 0.5, last = Math.max(...xs) + 0.5;
  const px = (x) => PLOT.left + ((x - first) / (last - first)) * (PLOT.width - PLOT.left - PLOT.right);
  const py = (y) => PLOT.height - PLOT.bottom - ((y - low) / (high - low)) * (PLOT.height - PLOT.top - PLOT.bottom);
  const clip = `txm-knobs-${model.get("_uid")}`;
  const picture = svg("svg", { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, class: "plot", role: "img" });

  function drawPlot() {
    const marks = [svg("clipPath", { id: clip }, svg("rect", {
      x: PLOT.left, y: PLOT.top, width: PLOT.width - PLOT.left - PLOT.right, height: PLOT.height - PLOT.top - PLOT.bottom }))];
    for (let y = Math.ceil(low / 4) * 4; y <= high; y += 4) {
      marks.push(svg("line", { class: y === 0 ? "zero" : "grid", x1: PLOT.left, x2: PLOT.width - PLOT.right, y1: py(y), y2: py(y) }));
      marks.push(svg("text", { x: PLOT.left - 6, y: py(y) + 4, "text-anchor": "end" }, String(y)));
    }
    for (const x of xs)
      marks.push(svg("text", { x: px(x), y: PLOT.height - 8, "text-anchor": "middle" }, String(x)));
    const inside = svg("g", { "clip-path": `url(#${clip})` });
    xs.forEach((x, i) => inside.append(svg("line", {
      class: "mistake", x1: px(x), x2: px(x), y1: py(ys[i]), y2: py(knob.w * x + knob.b) })));
    inside.append(svg("line", {
      class: "line", x1: px(first), x2: px(last), y1: py(knob.w * first + knob.b), y2: py(knob.w * last + knob.b) }));
    xs.forEach((x, i) => inside.append(svg("circle", { class: "point", cx: px(x), cy: py(ys[i]), r: 5 })));
    marks.push(inside);
    picture.replaceChildren(...marks);
    picture.setAttribute("aria-label",
      `${xs.length} points and the line ${figures(knob.w)} x + ${figures(knob.b)}; loss ${figures(loss())}`);
  }

  const sliders = {};
  const slider = (name) => {
    const [min, max] = KNOBS[name];
    const input = html("input", { type: "range", class: name, min, max, step: 0.05, "aria-label": name });
    const output = html("output", {});
    input.addEventListener("input", () => {
      knob[name] = Number(input.value);
      steps = 0;
      draw();
    });
    sliders[name] = { input, output };
    return html("label", { class: "knob" }, html("strong", {}, name), input, output);
  };
  const lossText = html("span", { class: "value loss" });
  const lossBar = html("div", {});
  const predicted = html("span", { class: "value predicted" });
  const saying = html("div", { class: "saying", "aria-live": "polite" });

  function draw() {
    drawPlot();
    for (const [name, { input, output }] of Object.entries(sliders)) {
      if (document.activeElement !== input) input.value = knob[name];
      output.textContent = figures(knob[name]);
      input.setAttribute("aria-valuetext", figures(knob[name]));
    }
    const now = loss();
    lossText.textContent = figures(now);
    lossBar.style.width = `${Math.min(100, (100 * now) / worst)}%`;
    predicted.textContent = figures(knob.w * model.get("at") + knob.b);
    saying.replaceChildren(...rich(
      now < 1e-9 ? "Loss 0: the line goes through every point."
        : steps ? `${steps} ${steps === 1 ? "step" : "steps"} of gradient descent, learning rate \`${rate}\`.`
          : "Orange bars are the mistakes. Turn the knobs until they are gone."));
  }

  stage(el, "txm-knobs");
  el.append(
    html("div", { class: "body" }, picture,
      html("div", { class: "side" },
        slider("w"), slider("b"),
        html("div", {}, html("div", { class: "name" }, "loss: mean of the squared mistakes"), lossText,
          html("div", { class: "bar", "aria-hidden": "true" }, lossBar)),
        html("div", {}, html("div", { class: "name" }, `prediction w·x + b at x = ${model.get("at")}`), predicted),
        html("div", { class: "controls" },
          html("button", { class: "one primary", onclick: () => descend(1) }, "1 step"),
          html("button", { class: "fifty", onclick: () => descend(50) }, "50 steps"),
          html("button", { class: "reset", onclick: () => { Object.assign(knob, start); steps = 0; draw(); } }, "Reset")))),
    saying,
  );
  draw();
  return hideStaticTwin(model);
}
export default { render };
