// LossSurface: rings of equal loss over w (across) and b (up), and gradient descent that walks on
// them. Everything is computed here from the points, so it answers while the kernel is busy.

const PLOT = { width: 480, height: 408, left: 40, right: 8, top: 8, bottom: 40 };
const CHART = { width: 300, height: 104, left: 44, right: 8, top: 8, bottom: 20 };
const TICK = 140; // milliseconds from step to step of a walk
const MANY = 400; // steps a walk takes at most

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const figures = (value, digits = 4) =>
  !Number.isFinite(value) ? "too large"
    : value !== 0 && (Math.abs(value) < 5e-4 || Math.abs(value) >= 1e5) ? value.toExponential(1)
      : String(Number(value.toPrecision(digits)));

function render({ model, el }) {
  const xs = model.get("xs"), ys = model.get("ys"), bowl = model.get("bowl");
  const [middleW, middleB, half] = model.get("view"), [flat, steep] = bowl.directions;
  const own = model.get("paths"), shown = model.get("directions");
  const first = [...model.get("start")];
  let start = [...first], rate = model.get("rate"), momentum = model.get("momentum") ?? 0;
  let path = [], velocity = [0, 0], timer = null;

  const mistakes = ([w, b]) => xs.map((x, i) => w * x + b - ys[i]);
  const loss = (place) => mean(mistakes(place).map((mistake) => mistake * mistake));
  const along = ([w, b], [dw, db]) => (w - bowl.bottom[0]) * dw + (b - bowl.bottom[1]) * db;

  function begin() {
    path = [{ place: [...start], loss: loss(start) }];
    velocity = [0, 0];
  }
  function step() {
    const [w, b] = path[path.length - 1].place;
    const wrong = mistakes([w, b]);
    const slope = [mean(wrong.map((mistake, k) => 2 * mistake * xs[k])), mean(wrong.map((mistake) => 2 * mistake))];
    velocity = velocity.map((speed, i) => momentum * speed - rate * slope[i]);
    const place = [w + velocity[0], b + velocity[1]];
    path.push({ place, loss: loss(place) });
  }
  const over = () => {
    const now = path[path.length - 1].loss;
    return !(now < 1e30) || path.length > MANY || now - bowl.lowest < 1e-9 * (1 + path[0].loss);
  };
  function steps(count) {
    for (let i = 0; i < count && path[path.length - 1].loss < 1e30; i++) step();
    draw();
  }
  function stop() {
    clearInterval(timer);
    timer = null;
  }
  function walk() {
    if (timer) stop();
    else if (!over()) timer = setInterval(() => {
      step();
      if (over() || !el.isConnected) stop();
      draw();
    }, TICK);
    draw();
  }
  function restart(place) {
    stop();
    start = [...place];
    begin();
    draw();
  }

  // The picture. One unit of w is as long as one unit of b, so that angles are right.
  const inner = { width: PLOT.width - PLOT.left - PLOT.right, height: PLOT.height - PLOT.top - PLOT.bottom };
  const scale = inner.height / (2 * half);
  const px = (w) => PLOT.left + inner.width / 2 + (w - middleW) * scale;
  const py = (b) => PLOT.top + inner.height / 2 - (b - middleB) * scale;
  // SVG is no place for 1e30: a place that far away is drawn nearer, in the same direction.
  function spot([w, b]) {
    const dw = w - middleW, db = b - middleB, far = Math.max(1, Math.hypot(dw, db) / (1000 * half));
    return [px(middleW + dw / far), py(middleB + db / far)];
  }
  const clip = `txm-surface-${model.get("_uid")}`;
  const keys = "arrow keys move the start, Enter takes one step.";
  const plot = svg("svg", { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, class: "plot", tabindex: 0, role: "application" });
  const ground = svg("g", {}), over_it = svg("g", { "clip-path": `url(#${clip})` });
  plot.append(ground, over_it);

  function ticks(middle, reach, place) {
    const raw = (2 * reach) / 6, power = 10 ** Math.floor(Math.log10(raw));
    const gap = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
    const found = [];
    for (let k = Math.ceil((middle - reach) / gap); k * gap <= middle + reach; k++)
      found.push([place(k * gap), figures(k * gap)]);
    return found;
  }
  function drawGround() {
    const box = { x: PLOT.left, y: PLOT.top, width: inner.width, height: inner.height };
    const angle = (-Math.atan2(steep[1], steep[0]) * 180) / Math.PI;
    const x = px(bowl.bottom[0]), y = py(bowl.bottom[1]);
    const rings = [...model.get("levels")].reverse().map((level) => svg("ellipse", {
      class: "level", cx: x, cy: y, transform: `rotate(${angle} ${x} ${y})`,
      rx: Math.sqrt((2 * level) / bowl.curvatures[1]) * scale, ry: Math.sqrt((2 * level) / bowl.curvatures[0]) * scale }));
    const lines = shown ? [["flat", flat], ["steep", steep]].map(([name, [dw, db]]) => svg("line", {
      class: `direction ${name}`, x1: x - dw * 2 * half * scale, x2: x + dw * 2 * half * scale,
      y1: y + db * 2 * half * scale, y2: y - db * 2 * half * scale })) : [];
    const cross = svg("path", { class: "bottom", d: `M${x - 6} ${y}H${x + 6}M${x} ${y - 6}V${y + 6}` });
    const reach = inner.width / 2 / scale;
    ground.replaceChildren(
      svg("clipPath", { id: clip }, svg("rect", box)),
      svg("g", { "clip-path": `url(#${clip})` }, ...rings, ...lines, cross),
      svg("rect", { class: "frame", ...box }),
      ...ticks(middleW, reach, px).map(([at, text]) => svg("text", { x: at, y: PLOT.height - 22, "text-anchor": "middle" }, text)),
      ...ticks(middleB, half, py).map(([at, text]) => svg("text", { x: PLOT.left - 6, y: at + 4, "text-anchor": "end" }, text)),
      svg("text", { x: PLOT.left + inner.width / 2, y: PLOT.height - 6, "text-anchor": "middle" }, "w"),
      svg("text", { x: 10, y: PLOT.top + inner.height / 2, "text-anchor": "middle" }, "b"));
  }
  const points = (places) => places.map((place) => spot(place).map((at) => at.toFixed(1)).join()).join(" ");
  function drawWalk() {
    const places = path.map((one) => one.place), last = places[places.length - 1];
    const dot = (place, attributes) => svg("circle", { cx: spot(place)[0], cy: spot(place)[1], ...attributes });
    over_it.replaceChildren(
      // The first is the one to compare with: it lies on top, on a band of the page's colour.
      ...own.map((one, i) => svg("g", {}, ...(i ? [] : [svg("polyline", { class: "own band", points: points(one.points) })]),
        svg("polyline", { class: `own own-${i % 3}`, points: points(one.points) }))).reverse(),
      svg("polyline", { class: "walk", points: points(places) }),
      ...places.slice(1).map((place) => dot(place, { class: "step", r: 2.2 })),
      dot(places[0], { class: "start", r: 5.5 }), dot(last, { class: "now", r: 5 }));
    plot.setAttribute("aria-label", `Loss over w and b; the start is w ${figures(start[0])}, b ${figures(start[1])}; ${keys}`);
  }

  const chart = svg("svg", { viewBox: `0 0 ${CHART.width} ${CHART.height}`, class: "losses", role: "img" });
  function drawChart() {
    const floor = 1e-9, logs = path.map((one) => Math.log10(Math.min(Math.max(one.loss, floor), 1e30)));
    const low = Math.floor(Math.min(...logs, Math.max(...logs) - 1)), high = Math.ceil(Math.max(...logs, low + 2));
    const last = Math.max(20, path.length - 1);
    const cx = (k) => CHART.left + (k / last) * (CHART.width - CHART.left - CHART.right);
    const cy = (log) => CHART.top + ((high - log) / (high - low)) * (CHART.height - CHART.top - CHART.bottom);
    const power = (log) => (Math.abs(log) <= 3 ? figures(10 ** log) : `1e${log}`);
    const marks = [low, high].flatMap((log) => [
      svg("line", { class: "grid", x1: CHART.left, x2: CHART.width - CHART.right, y1: cy(log), y2: cy(log) }),
      svg("text", { x: CHART.left - 6, y: cy(log) + 4, "text-anchor": "end" }, power(log))]);
    const now = path.length - 1;
    chart.replaceChildren(...marks,
      svg("text", { x: CHART.left, y: CHART.height - 4 }, "step 0"),
      svg("text", { x: CHART.width - CHART.right, y: CHART.height - 4, "text-anchor": "end" }, String(last)),
      svg("text", { x: (CHART.left + CHART.width - CHART.right) / 2, y: CHART.height - 4, "text-anchor": "middle" }, "loss, log scale"),
      svg("polyline", { class: "curve", points: logs.map((log, k) => `${cx(k).toFixed(1)},${cy(log).toFixed(1)}`).join(" ") }),
      svg("circle", { class: "now", cx: cx(now), cy: cy(logs[now]), r: 4 }));
    chart.setAttribute("aria-label", `The loss from step 0 to ${path.length - 1}, logarithmic; now ${figures(path[path.length - 1].loss)}`);
  }

  const cell = (name) => {
    const value = html("span", { class: `value ${name}` });
    return [html("div", {}, html("span", { class: "name" }, name), value), value];
  };
  const [stepBox, stepText] = cell("steps"), [wBox, wText] = cell("w"), [bBox, bText] = cell("b"), [lossBox, lossText] = cell("loss");
  const badge = html("span", { class: "badge" });
  const saying = html("div", { class: "saying", "aria-live": "polite" });
  const body = html("tbody", {});
  const table = html("table", { class: "along" },
    html("thead", {}, html("tr", {}, ...["direction", "curvature", "mistake", "factor of a step"].map((name) => html("th", {}, name)))), body);

  function drawTable() {
    const place = path[path.length - 1].place;
    body.replaceChildren(...[["steep", steep, bowl.curvatures[1]], ["flat", flat, bowl.curvatures[0]]].map(([name, direction, curvature]) =>
      html("tr", { class: name }, ...[name, figures(curvature), figures(along(place, direction), 3), momentum ? "-" : figures(1 - rate * curvature, 3)]
        .map((text) => html("td", {}, text)))));
  }

  function verdict() {
    if (path.length < 2) return ["at the start", `Start at w ${figures(start[0])}, b ${figures(start[1])}. Click into the picture to start elsewhere, or give it the focus: ${keys}`];
    const [before, now] = path.slice(-2);
    if (!(now.loss < 1e30)) return ["diverges", "The numbers have become too large to go on."];
    const crossed = along(before.place, steep) * along(now.place, steep) < 0;
    if (now.loss > before.loss * (1 + 1e-9)) return momentum
      ? ["loss up", "This step went up: the speed of earlier steps carried it there."]
      : ["diverges", "This step jumped across the valley and came out higher than it was."];
    if (now.loss - bowl.lowest < 1e-9 * (1 + path[0].loss)) return ["arrived", "Arrived, as far as can be seen: the loss is as low as it gets."];
    if (crossed) return ["oscillates", "This step jumped across the valley, and came out lower."];
    return ["converges", "This step went down, and stayed on its side of the valley."];
  }

  function draw() {
    drawWalk();
    drawChart();
    if (shown) drawTable();
    const now = path[path.length - 1], [word, words] = verdict();
    stepText.textContent = String(path.length - 1);
    wText.textContent = figures(now.place[0]);
    bText.textContent = figures(now.place[1]);
    lossText.textContent = figures(now.loss);
    badge.textContent = word;
    badge.className = `badge ${word.replaceAll(" ", "-")}`;
    // A walk would read every step aloud: then only its end is told.
    if (!timer) saying.textContent = words;
    walkButton.textContent = timer ? "Pause" : "Walk";
  }

  const knob = (name, attributes, value, take) => {
    const output = html("output", {}, figures(value));
    const input = html("input", { type: "range", class: name.replace(" ", "-"), min: 0, "aria-label": name, ...attributes });
    input.value = value; // after the step is known: before, it would be rounded to a whole number
    input.addEventListener("input", () => {
      take(Number(input.value));
      output.textContent = figures(Number(input.value));
      draw();
    });
    return html("label", { class: "knob" }, name, input, output);
  };
  const [end, grain] = model.get("rates");
  const rateKnob = knob("learning rate", { max: end, step: grain }, rate, (value) => { rate = value; });
  const momentumKnob = model.get("momentum") === null ? null
    : knob("momentum", { max: 0.95, step: 0.05 }, momentum, (value) => { momentum = value; });
  const walkButton = html("button", { class: "walking", onclick: walk }, "Walk");

  // The start by mouse and by keyboard.
  const inside = (w, b) => [
    Math.min(Math.max(w, middleW - inner.width / 2 / scale), middleW + inner.width / 2 / scale),
    Math.min(Math.max(b, middleB - half), middleB + half)];
  plot.addEventListener("click", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(plot.getScreenCTM().inverse());
    restart(inside(middleW + (at.x - PLOT.left - inner.width / 2) / scale, middleB - (at.y - PLOT.top - inner.height / 2) / scale));
  });
  plot.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!move && event.key !== "Enter") return;
    event.preventDefault();
    if (!move) return void steps(1);
    const far = (half / 20) * (event.shiftKey ? 5 : 1);
    restart(inside(start[0] + move[0] * far, start[1] + move[1] * far));
  });

  stage(el, "txm-surface");
  const sample = (name, width, mark) => html("span", {}, svg("svg", { width, height: 14, "aria-hidden": "true" }, mark), name);
  const dash = (name, names) => sample(name, 30, svg("line", { class: names, x1: 0, x2: 30, y1: 7, y2: 7 }));
  const legend = html("div", { class: "legend" },
    sample("start", 14, svg("circle", { class: "start", cx: 7, cy: 7, r: 5 })),
    sample("now", 14, svg("circle", { class: "now", cx: 7, cy: 7, r: 5 })),
    sample("lowest loss", 14, svg("path", { class: "bottom", d: "M1 7H13M7 1V13" })),
    ...own.map((one, i) => dash(one.name, `own own-${i % 3}`)),
    ...(shown ? ["steep", "flat"] : []).map((name) => dash(`${name} direction`, `direction ${name}`)));
  el.append(
    html("div", { class: "body" }, plot,
      html("div", { class: "side" },
        rateKnob, momentumKnob,
        html("div", { class: "controls" },
          html("button", { class: "one primary", onclick: () => steps(1) }, "1 step"),
          html("button", { class: "ten", onclick: () => steps(10) }, "10 steps"),
          walkButton,
          html("button", { class: "reset", onclick: () => restart(start) }, "Back to the start")),
        html("div", { class: "numbers" }, stepBox, wBox, bBox, lossBox),
        html("div", {}, badge),
        chart, shown ? table : null, legend)),
    saying,
  );
  drawGround();
  begin();
  draw();
  const undo = hideStaticTwin(model);
  return () => { stop(); undo(); };
}
export default { render };
