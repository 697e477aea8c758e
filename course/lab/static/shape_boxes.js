// ShapeBoxes: Python draws the boxes; here they get hover, focus and arrow keys, and the controls
// send another rank or shape back.

// Which axis, counted from the last, and which way a key moves.
const KEYS = {
  ArrowLeft: [1, -1], ArrowRight: [1, 1], ArrowUp: [2, -1], ArrowDown: [2, 1],
  PageUp: [3, -1], PageDown: [3, 1], Home: [4, -1], End: [4, 1],
};

function indexOf(cell) {
  return cell.dataset.index === "" ? [] : cell.dataset.index.split(",").map(Number);
}

// The nearest drawn cell in that direction: an ellipsis is stepped over.
function neighbour(cells, from, key) {
  const [back, way] = KEYS[key];
  const index = indexOf(from);
  const axis = index.length - back;
  if (axis < 0) return null;
  const inLine = cells.filter((cell) =>
    indexOf(cell).every((value, i) => (i === axis ? (value - index[i]) * way > 0 : value === index[i])));
  const distance = (cell) => Math.abs(indexOf(cell)[axis] - index[axis]);
  return inLine.reduce((best, cell) => (!best || distance(cell) < distance(best) ? cell : best), null);
}

function render({ model, el }) {
  const picture = html("div", { class: "picture" });
  const reading = html("div", { class: "reading", "aria-live": "polite" });
  const problem = html("div", { class: "wrong problem", role: "alert" });
  const note = html("span", { class: "faint note" });
  const count = html("strong", { class: "count" });
  const rank = html("input", { type: "range", class: "rank", min: 0, max: 4, step: 1, "aria-label": "rank" });
  const rankText = html("output", {});
  const shape = html("input", { type: "text", class: "shape", size: 12, spellcheck: "false", "aria-label": "shape" });
  let chosen = null;

  let asked = null;
  const ask = () => model.send({ do: "shape", text: (asked = shape.value) });
  rank.addEventListener("input", () => model.send({ do: "rank", rank: Number(rank.value) }));
  shape.addEventListener("change", ask);
  shape.addEventListener("keydown", (event) => event.key === "Enter" && ask());

  const cells = () => [...picture.querySelectorAll(".cell")];
  function choose(cell) {
    if (chosen) chosen.classList.remove("chosen");
    chosen = cell;
    if (!cell) return void (reading.textContent = "Point at a cell, or press Tab and the arrow keys.");
    cell.classList.add("chosen");
    const index = indexOf(cell);
    reading.replaceChildren(...rich(
      index.length
        ? `\`t[${index.join(", ")}]\` is **${cell.dataset.value}**`
        : `no index needed: the value is **${cell.dataset.value}**`));
  }
  function rove(cell) {
    cells().forEach((other) => other.setAttribute("tabindex", other === cell ? "0" : "-1"));
  }
  picture.addEventListener("pointerover", (event) => {
    const cell = event.target.closest(".cell");
    if (cell) choose(cell);
  });
  picture.addEventListener("focusin", (event) => {
    const cell = event.target.closest(".cell");
    if (cell) choose(cell), rove(cell);
  });
  picture.addEventListener("keydown", (event) => {
    const cell = event.target.closest(".cell");
    if (!cell || !KEYS[event.key]) return;
    event.preventDefault();
    const next = neighbour(cells(), cell, event.key);
    if (next) next.focus();
  });

  function draw() {
    if (picture.dataset.drawn !== model.get("svg")) {
      picture.innerHTML = model.get("svg"); // our own drawing; every text in it is escaped
      picture.dataset.drawn = model.get("svg");
      chosen = null;
      choose(null);
      if (cells().length) rove(cells()[0]);
    }
    rank.value = model.get("rank");
    rankText.textContent = model.get("rank");
    const typing = document.activeElement === shape && (shape.value !== asked || model.get("problem"));
    if (!typing) shape.value = model.get("shape_text");
    count.textContent = model.get("count_text");
    note.textContent = model.get("note");
    problem.textContent = model.get("problem");
  }

  stage(el, "txm-boxes");
  el.append(
    html("div", { class: "controls" },
      html("label", {}, "rank ", rank, rankText),
      html("label", {}, "shape (", shape, ")"), count),
    problem, picture, reading, note,
  );
  const undo = [
    follow(model, ["svg", "shape_text", "rank", "count_text", "note", "problem"], draw),
    hideStaticTwin(model),
  ];
  return () => undo.forEach((call) => call());
}
export default { render };
