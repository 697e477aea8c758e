// FitSteps: a walk through what Python recorded. A stage is {kind, epoch, update}, where kind is
// shuffle, predict, loss, gradient, update or history.

const STAGES = ["predict", "loss", "gradient", "update"];
const FORMULA = {
  predict: "ŷ = w·x + b",
  loss: "mean of (ŷ − y)²",
  gradient: "slopes of the loss",
  update: "weight − rate · slope",
};
const figures = (value) => String(Number(value.toPrecision(4)));
const list = (values) => values.map(figures).join(", ");

function stagesOf(epochs) {
  return epochs.flatMap(({ updates }, epoch) => [
    { kind: "shuffle", epoch, update: -1 },
    ...updates.flatMap((_, update) => STAGES.map((kind) => ({ kind, epoch, update }))),
    { kind: "history", epoch, update: updates.length },
  ]);
}

function render({ model, el }) {
  const records = model.get("records"), xs = model.get("xs"), ys = model.get("ys");
  const sizes = Object.keys(records).sort((a, b) => b - a);
  let size = String(model.get("batch_size")), at = 0, stages = stagesOf(records[size]);

  const choose = sizes.map((name) => html("button", { "aria-pressed": "false", "data-size": name,
    onclick: () => { size = name; stages = stagesOf(records[size]); at = 0; draw(); } }, name));
  const where = html("span", { class: "where" });
  const strip = html("div", { class: "strip" });
  const boxes = Object.fromEntries(STAGES.map((kind) => [kind, html("div", { class: "stage", "data-stage": kind })]));
  const totals = html("div", { class: "totals" });
  const saying = html("div", { class: "saying", "aria-live": "polite" });
  const slider = html("input", { type: "range", class: "at", min: 0, step: 1, "aria-label": "stage" });
  slider.addEventListener("input", () => go(Number(slider.value)));
  const back = html("button", { class: "back", onclick: () => go(at - 1) }, "Back");
  const next = html("button", { class: "next primary", onclick: () => go(at + 1) }, "Next");

  function go(to) {
    at = Math.min(Math.max(to, 0), stages.length - 1);
    draw();
  }

  // The weights before the update that stage `at` belongs to.
  function weightsBefore({ epoch, update }) {
    const flat = records[size].slice(0, epoch).flatMap((one) => one.updates);
    flat.push(...records[size][epoch].updates.slice(0, Math.max(update, 0)));
    const last = flat[flat.length - 1];
    return { w: last ? last.w : model.get("w"), b: last ? last.b : model.get("b"), updates: flat.length };
  }

  function drawStrip({ kind, epoch, update }) {
    const { order, updates } = records[size][epoch];
    const sample = (row) => html("div", { class: "sample" }, `x ${figures(xs[row])}`, html("br"), `y ${figures(ys[row])}`);
    if (kind === "shuffle") return void strip.replaceChildren(...order.map(sample));
    strip.replaceChildren(...updates.map(({ rows }, i) => html("div", {
      class: `batch ${i === update ? "now" : i < update ? "over" : ""}` }, ...rows.map(sample))));
  }

  function drawBoxes({ kind, epoch, update }) {
    const one = records[size][epoch].updates[update];
    const reached = STAGES.indexOf(kind);
    const value = one && {
      predict: [`ŷ: ${list(one.predicted)}`, `y: ${list(one.rows.map((row) => ys[row]))}`],
      loss: [figures(one.loss)],
      gradient: [`along w: ${figures(one.dw)}`, `along b: ${figures(one.db)}`],
      update: [`w is now ${figures(one.w)}`, `b is now ${figures(one.b)}`],
    };
    STAGES.forEach((name, i) => {
      const todo = !one || i > reached;
      boxes[name].className = `stage ${name === kind ? "now" : ""} ${todo ? "todo" : ""}`;
      boxes[name].replaceChildren(
        html("strong", {}, `${i + 1} ${name}`), html("div", { class: "formula" }, FORMULA[name]),
        ...(value ? value[name].map((text) => html("div", { class: "computed" }, text)) : []));
    });
  }

  function drawTotals(stage) {
    const before = weightsBefore(stage);
    const done = stage.kind === "update" ? records[size][stage.epoch].updates[stage.update] : before;
    const history = records[size].slice(0, stage.epoch + (stage.kind === "history" ? 1 : 0)).map((one) => one.loss);
    const cells = [["w", figures(done.w)], ["b", figures(done.b)],
      ["updates so far", before.updates + (stage.kind === "update" ? 1 : 0)],
      ["history.history['loss']", `[${list(history)}]`]];
    totals.replaceChildren(...cells.map(([name, text]) =>
      html("div", {}, html("span", { class: "name" }, name), html("span", { class: "value" }, String(text)))));
  }

  function words({ kind, epoch, update }) {
    const { updates } = records[size][epoch];
    const rows = (count) => `${count} ${count === 1 ? "row" : "rows"}`;
    return {
      shuffle: "**Shuffle.** Every epoch puts the samples into a new order. Then it cuts them into batches.",
      predict: `**Predict.** The model answers for the ${update < updates.length && update >= 0 ? rows(updates[update].rows.length) : ""} of this batch, with the weights as they are now.`,
      loss: "**Loss.** `compile(loss=...)` chose this line: one number for the whole batch.",
      gradient: "**Gradient.** The tape gives the slope of the loss along each weight. `fit` writes this line for you.",
      update: "**Update.** `compile(optimizer=...)` chose this line: each weight moves against its slope. Only here do weights change.",
      history: "**History.** The epoch is over. Its loss is the mean over the rows, noted while the weights were still moving.",
    }[kind];
  }

  function draw() {
    const stage = stages[at], count = records[size][stage.epoch].updates.length;
    choose.forEach((button) => {
      button.classList.toggle("primary", button.dataset.size === size);
      button.setAttribute("aria-pressed", String(button.dataset.size === size));
    });
    const batch = stage.update >= 0 && stage.update < count ? `, batch ${stage.update + 1} of ${count}` : "";
    where.textContent = `epoch ${stage.epoch + 1} of ${records[size].length}${batch}`;
    drawStrip(stage);
    drawBoxes(stage);
    drawTotals(stage);
    saying.replaceChildren(...rich(words(stage)));
    slider.max = stages.length - 1;
    slider.value = at;
    slider.setAttribute("aria-valuetext", `${stage.kind}, ${where.textContent}`);
    back.disabled = at === 0;
    next.disabled = at === stages.length - 1;
  }

  stage(el, "txm-fit");
  el.append(
    html("div", { class: "head" },
      html("span", { class: "sizes", role: "group", "aria-label": "batch size" }, "batch size ", ...choose), where),
    strip, html("div", { class: "stages" }, ...STAGES.map((kind) => boxes[kind])), totals, saying,
    html("div", { class: "controls" }, back, next, slider),
  );
  draw();
  return hideStaticTwin(model);
}
export default { render };
