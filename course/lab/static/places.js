// Cells that belong together: pointing at one, by mouse or by keyboard, says what it is and lights
// up the others. Python draws them (places.py); this is shared by the widgets that use them.

const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function pointing(picture, reading, invitation) {
  const speaking = () => [...picture.querySelectorAll("[data-say]")];

  function choose(cell) {
    for (const one of picture.querySelectorAll(".lit, .chosen")) one.classList.remove("lit", "chosen");
    if (!cell) return void (reading.textContent = invitation);
    const keys = new Set(cell.dataset.lights.split(" "));
    for (const one of picture.querySelectorAll("[data-key]"))
      if (keys.has(one.dataset.key)) one.classList.add("lit");
    cell.classList.add("chosen");
    reading.replaceChildren(...rich(cell.dataset.say));
  }
  // One cell of each group is reached with Tab; the arrow keys go on from there.
  function rove(cell) {
    for (const other of speaking())
      if (other.dataset.group === cell.dataset.group)
        other.setAttribute("tabindex", other === cell ? "0" : "-1");
  }
  picture.addEventListener("pointerover", (event) => {
    const cell = event.target.closest("[data-say]");
    if (cell) choose(cell);
  });
  picture.addEventListener("focusin", (event) => {
    const cell = event.target.closest("[data-say]");
    if (cell) choose(cell), rove(cell);
  });
  picture.addEventListener("keydown", (event) => {
    const cell = event.target.closest("[data-say]");
    if (!cell || !ARROWS[event.key]) return;
    event.preventDefault();
    const [down, right] = ARROWS[event.key];
    const row = Number(cell.dataset.row) + down, column = Number(cell.dataset.column) + right;
    const next = speaking().find((one) => one.dataset.group === cell.dataset.group
      && Number(one.dataset.row) === row && Number(one.dataset.column) === column);
    if (next) next.focus();
  });

  return function show(drawing) {
    if (picture.dataset.drawn === drawing) return;
    picture.innerHTML = drawing; // our own drawing; every text in it is escaped
    picture.dataset.drawn = drawing;
    choose(null);
    const groups = new Set();
    for (const cell of speaking()) {
      cell.setAttribute("tabindex", groups.has(cell.dataset.group) ? "-1" : "0");
      groups.add(cell.dataset.group);
    }
  };
}
