// Shared by every widget of the course: element builders, plain rich text, and the static twin.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const html = (tag, attributes, ...children) =>
  fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

// `code`, **bold** and fenced blocks; everything else stays text, so nothing can inject HTML.
function rich(text) {
  const parts = [];
  text.split(/```(?:\w*\n)?/).forEach((piece, i) => {
    if (i % 2) return void parts.push(html("pre", {}, piece.replace(/\n$/, "")));
    piece.split(/(`[^`]+`|\*\*[^*]+\*\*)/).forEach((word) => {
      if (/^`.+`$/.test(word)) parts.push(html("code", {}, word.slice(1, -1)));
      else if (/^\*\*.+\*\*$/.test(word)) parts.push(html("strong", {}, word.slice(2, -2)));
      else if (word) parts.push(word);
    });
  });
  return parts;
}

// JupyterLab acts on keys before the page does: an arrow key would move between cells instead of
// moving a slider. This attribute, on the element that has the focus, makes it leave them alone.
function stage(el, ...names) {
  el.classList.add("txm", ...names);
  el.addEventListener("focusin", (event) =>
    event.target.setAttribute("data-lm-suppress-shortcuts", "true"));
}

// The static twin is for copies without a kernel: hide it for as long as this view is here.
function hideStaticTwin(model) {
  const twin = `.txm-fallback[data-for="${model.get("_uid")}"]`;
  const rule = html("style", {}, `${twin}, .jp-OutputArea-child:has(${twin}) { display: none }`);
  document.head.append(rule);
  return () => rule.remove();
}

// Call `draw` now and on every change of the named traits; returns what undoes it.
function follow(model, names, draw) {
  for (const name of names) model.on(`change:${name}`, draw);
  draw();
  return () => names.forEach((name) => model.off(`change:${name}`, draw));
}
