"""PassView: what each pass of the compiler does to one graph, before and after, side by side.

The passes are the engine's own, run here on the graph as it was written; `pass_changes.py` finds out
which nodes a pass took away, merged or made. To read before: `engine/graph/passes/__init__.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

import traitlets

from course.lab.base import LabWidget, asset, module, svg_figure
from course.lab.graph_view import KINDS, rounded, shortened
from course.lab.layered import Layout, place
from course.lab.pass_changes import Change, bytes_made, changes, pipeline, workspace
from engine.graph.graph import Graph, Node

NODE_H, GAP_Y, MARGIN = 54, 34, 14
WRITTEN = "as written"
SIGNS = {
    "removed": "✕ removed",
    "merged": "⇒",
    "folded": "= computed",
    "fused": "into",
    "made": "+ new",
    "rewired": "~ other input",
}
WORDS = {
    "removed": "removed",
    "merged": "gave way to another",
    "folded": "computed",
    "fused": "went into a loop",
    "made": "new",
    "rewired": "with another input",
}


def graph_of(function: Any, args: Sequence[Any]) -> Graph:
    """The graph as written: of a graph, a concrete function, or a tf.function and its arguments."""
    if hasattr(function, "get_concrete_function"):
        function = function.get_concrete_function(*args)
    graph = getattr(function, "graph", function)
    if not isinstance(graph, Graph):
        what = type(function).__name__
        raise TypeError(
            f"PassView follows a tf.function through the compiler; got {what}. "
            "Write PassView(function, x), with arguments that it can be called with."
        )
    return graph


class PassView(LabWidget):
    """The passes of the compiler, one step at a time: `PassView(function, x)`.

    Each step shows the graph before and after one pass. What the pass took away, merged or made
    carries a badge; the table counts operations and the bytes of the arrays they make.

    Arguments:
        function: a tf.function, a concrete function, or its graph.
        args: for a tf.function, arguments to trace it with.
    """

    _esm = module("pass_view.js")
    _css = asset("lab.css") + asset("pass_view.css")
    name = traitlets.Unicode().tag(sync=True)
    steps: traitlets.List = traitlets.List().tag(sync=True)

    def __init__(self, function: Any, *args: Any) -> None:
        graph = graph_of(function, args)
        super().__init__()
        self.name = graph.name
        steps = [_step(WRITTEN, "What Python wrote down while it was traced.", None, graph)]
        for stage, says in pipeline(graph):
            steps.append(_step(stage.name, says, stage.before, stage.after))
        self.steps = steps

    def _static(self) -> dict[str, str]:
        text = "\n".join(table(self.name, self.steps))
        first, last = self.steps[0], self.steps[-1]
        figures = svg_figure(first["after"], f"{self.name}, {WRITTEN}", f"{self.name}, {WRITTEN}")
        if last is not first:
            caption = f"{self.name}, after {last['name']}"
            figures += svg_figure(last["plain"], caption, caption)
        return {"text/plain": text, "text/html": f"<pre>{escape(text)}</pre>{figures}"}


def table(name: str, steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """The steps as lines of text, for copies without a kernel."""
    head = f"{name + ', after':<22}{'operations':>11}{'bytes made':>13}{'at one time':>13}"
    rows = [
        f"{step['name']:<22}{step['operations']:>11}{step['made']:>13}{step['workspace']:>13}"
        for step in steps
    ]
    said = [f"{step['name']}: {step['sentence']}" for step in steps[1:]]
    return [head, *rows, "", *said] if said else [head, *rows, "", "No pass changes anything."]


def _step(name: str, says: str, before: Graph | None, after: Graph) -> dict[str, Any]:
    """One step as plain data: the pictures, the counts, and what happened to each node."""
    change = changes(name, before, after)
    old, new, shared = _pictures(before, after, change)
    return {
        "name": name,
        "says": says,
        "before": old,
        "after": new,
        "plain": _draw(after, _alone(after, Change()), Change(), "after"),
        "shared": shared,
        "operations": len(after.operations),
        "made": _bytes(bytes_made(after)),
        "workspace": _bytes(workspace(after)),
        "sentence": _sentence(before, after, change),
        "facts": {
            **({} if before is None else _facts(before, change.gone, "before")),
            **_facts(after, change.there, "after"),
        },
    }


def _bytes(size: int | None) -> str:
    return "?" if size is None else f"{size:,}"


def _sentence(before: Graph | None, after: Graph, change: Change) -> str:
    if before is None:
        return f"{len(after.operations)} operations."
    kinds = Counter(kind for kind, _ in (*change.gone.values(), *change.there.values()))
    words = [f"{kinds[kind]} {said}" for kind, said in WORDS.items() if kinds[kind]]
    was, now = len(before.operations), len(after.operations)
    return f"{was} → {now} operations; nodes: {', '.join(words)}."


def _facts(graph: Graph, marks: Mapping[int, tuple[str, str]], side: str) -> dict[str, Any]:
    """What the line under the pictures says of each node."""
    found, idle = {}, _idle(graph)
    for node in graph.nodes:
        number = node.outputs[0]
        spec = graph.specs[number]
        given = ", ".join(f"%{n}" for n in node.inputs)
        text = f"%{number} = {node.op}({given}), {spec.dtype.name} {spec.shape}"
        if node.op == "fused":
            inside = ", ".join(inner.op for inner in node.attrs["body"].operations)
            text += f"; one loop that does {inside}"
        if node.op == "constant":
            text = f"%{number} = {_title(node)[0]}, a constant, {spec.dtype.name} {spec.shape}"
        _, what = marks.get(number, ("", "nothing reads it" if number in idle else ""))
        found[f"{side}-{number}"] = text + (f" - {what}" if what else "")
    return found


# --- the drawing --------------------------------------------------------------------------------


def _title(node: Node) -> tuple[str, str]:
    """The two lines in a node's box."""
    number = f"%{node.outputs[0]}"
    if node.op == "constant":
        array = getattr(node.payload, "_array", None)
        if array is not None and array.size == 1:
            return rounded(str(node.payload.numpy().item())), f"{number} constant"
        return "constant", f"{number}, {node.payload.shape}"
    if node.op == "fused":
        count = len(node.attrs["body"].operations)
        return node.name, f"{number}, {count} operations in one loop"
    if node.op in KINDS:
        return shortened(node.name), f"{number} {KINDS[node.op]}"
    return node.op, number


def _badge(kind: str, what: str) -> str:
    """The words on a node's badge."""
    if kind in ("merged", "fused"):  # the node that stands for it, or the loop
        return f"{SIGNS[kind]} {what.rpartition(' ')[2]}"
    return SIGNS.get(kind, "")


def _widths(*graphs: Graph, change: Change | None = None) -> dict[int, float]:
    """How wide each node is drawn, with its badge on either side of the pass."""
    widths: dict[int, float] = {}
    for node in (node for graph in graphs for node in graph.nodes):
        number, (title, sub) = node.outputs[0], _title(node)
        marks = (change.gone, change.there) if change else ()
        badges = [_badge(*side[number]) for side in marks if number in side]
        widths[number] = max(
            widths.get(number, 58.0),
            8.0 * len(title) + 20,
            6.4 * len(sub) + 16,
            *(6.6 * len(badge) + 24 for badge in badges),
        )
    return widths


Inputs = dict[int, list[int]]


def _inputs(graph: Graph) -> Inputs:
    """For each node, by its first output, the nodes it reads."""
    first = {number: node.outputs[0] for node in graph.nodes for number in node.outputs}
    return {node.outputs[0]: [first[n] for n in node.inputs] for node in graph.nodes}


def _both(before: Inputs, after: Inputs) -> Inputs | None:
    """The two programs as one graph, in topological order; None where they contradict each other."""
    union: Inputs = {}
    for number in (*before, *after):
        most = Counter(before.get(number, ())) | Counter(after.get(number, ()))
        union[number] = list(most.elements())
    ordered: Inputs = {}
    path: set[int] = set()

    def visit(number: int) -> bool:
        if number in ordered:
            return True
        if number in path:
            return False
        path.add(number)
        fine = all(map(visit, union[number]))
        ordered[number] = union[number]
        return fine

    return ordered if all(map(visit, union)) else None


@dataclass(frozen=True)
class Place:
    """Where the nodes of one drawing are, how wide, and how large the whole is."""

    layout: Layout
    width: Mapping[int, float]

    @property
    def size(self) -> tuple[float, float]:
        edges = max(self.layout.x.values()) + 4  # an arrow may go around all nodes
        right = max(edges, *(self.layout.x[n] + width / 2 for n, width in self.width.items()))
        return right + 2 * MARGIN, len(self.layout.order) * (NODE_H + GAP_Y) - GAP_Y + 2 * MARGIN


def _placed(inputs: Inputs, widths: Mapping[int, float], near: Sequence[int] = ()) -> Place:
    """The layout; constants that nobody reads stand in a column of their own, beside the rest."""
    read = {source for sources in inputs.values() for source in sources}
    unread = [number for number in inputs if number in near and number not in read]
    column = {lower: [upper] for upper, lower in pairwise(unread)}
    inputs = {number: column.get(number, sources) for number, sources in inputs.items()}
    return Place(place(inputs, widths, set(near)), widths)  # type: ignore[arg-type]


def _sources(*graphs: Graph) -> list[int]:
    """The constants and Variables: they are drawn near to where they are read."""
    nodes = [node for graph in graphs for node in graph.nodes]
    return [node.outputs[0] for node in nodes if node.op in ("constant", "variable")]


def _alone(graph: Graph, change: Change) -> Place:
    return _placed(_inputs(graph), _widths(graph, change=change), _sources(graph))


def _pictures(before: Graph | None, after: Graph, change: Change) -> tuple[str, str, bool]:
    """Both drawings; in one layout where that is possible, so that nothing moves that stays."""
    there = Change(there=change.there)
    if before is None:
        return "", _draw(after, _alone(after, there), there, "after"), False
    gone = Change(gone=change.gone)
    union = None if "fused" in _kinds(change) else _both(_inputs(before), _inputs(after))
    if union is None:
        old, new = _alone(before, gone), _alone(after, there)
    else:
        widths = _widths(before, after, change=change)
        old = new = _placed(union, widths, _sources(before, after))
    return _draw(before, old, gone, "before"), _draw(after, new, there, "after"), union is not None


def _kinds(change: Change) -> set[str]:
    return {kind for kind, _ in change.gone.values()}


def _draw(graph: Graph, place: Place, change: Change, side: str) -> str:
    inputs = _inputs(graph)
    marks = {**change.gone, **change.there}
    leaves = {*graph.outputs, *(number for _, number in graph.updates)}
    edges = [
        _edge(place.layout, source, target, route, shift)
        for target, sources in inputs.items()
        for source, route, shift in _routes(place.layout, target, sources)
    ]
    idle = _idle(graph)
    boxes = [_box(node, place, marks, leaves, idle, side) for node in graph.nodes]
    right, bottom = place.size
    label = f"{graph.name}, {side} the pass: {len(graph.operations)} operations"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" class="txm-graph-svg" role="group"'
        f' aria-label="{escape(label, quote=True)}" width="{right:.0f}" height="{bottom:.0f}"'
        f' viewBox="0 0 {right:.0f} {bottom:.0f}"><style>{asset("graph.css")}'
        f"{asset('pass_marks.css')}</style>{''.join(edges)}{''.join(boxes)}</svg>"
    )


def _idle(graph: Graph) -> set[int]:
    """The constants that nothing reads any more: they are drawn faintly."""
    read = {*graph.outputs, *(n for _, n in graph.updates)}.union(*_inputs(graph).values())
    made = (node.outputs[0] for node in graph.nodes if node.op == "constant")
    return {number for number in made if number not in read}


def _routes(layout: Layout, target: int, sources: list[int]) -> list[tuple[int, list[Any], float]]:
    """For each input its way through the layout, which may know of more inputs than these, and
    where on the target's upper side it ends: in the order they come in, so that none cross."""
    ways: dict[int, list[list[Any]]] = {}
    for (source, end, _), dummies in layout.route.items():
        if end == target:
            ways.setdefault(source, []).append(dummies)  # type: ignore[arg-type]
    taken = [(source, ways[source].pop(0)) for source in sources]
    order = sorted(range(len(taken)), key=lambda i: layout.x[[taken[i][0], *taken[i][1]][-1]])
    middle = (len(taken) - 1) / 2
    return [(*one, (order.index(i) - middle) * 14.0) for i, one in enumerate(taken)]


def _top(layout: Layout, number: Any) -> float:
    return MARGIN + layout.layer[number] * (NODE_H + GAP_Y)


def _edge(layout: Layout, source: int, target: int, dummies: list[Any], shift: float) -> str:
    """A curve from a node's lower side to the upper side of one that reads it."""
    points = [(layout.x[source] + MARGIN, _top(layout, source) + NODE_H)]
    for dummy in dummies:
        x, top = layout.x[dummy] + MARGIN, MARGIN + dummy[-1] * (NODE_H + GAP_Y)
        points += [(x, top), (x, top + NODE_H)]
    points.append((layout.x[target] + MARGIN + shift, _top(layout, target) - 7))
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x1, y1), (x2, y2) in pairwise(points):
        bend = (y2 - y1) / 2
        path += f"C{x1:.1f} {y1 + bend:.1f} {x2:.1f} {y2 - bend:.1f} {x2:.1f} {y2:.1f}"
    x, y = points[-1]
    tip = f"{x:.1f},{y + 7:.1f} {x - 4:.1f},{y:.1f} {x + 4:.1f},{y:.1f}"
    return f'<path class="edge" d="{path}"/><polygon class="tip" points="{tip}"/>'


def _box(
    node: Node,
    place: Place,
    marks: Mapping[int, tuple[str, str]],
    leaves: set[int],
    idle: set[int],
    side: str,
) -> str:
    number = node.outputs[0]
    kind, what = marks.get(number, ("", ""))
    role = KINDS.get(node.op, "output" if leaves & set(node.outputs) else "operation")
    title, sub = _title(node)
    x, y = place.layout.x[number] + MARGIN, _top(place.layout, number)
    width = place.width[number]
    left, down = (
        x - width / 2,
        0 if kind else 8,
    )  # two lines stand in the middle, three fill the box
    said = f"{title}, {sub}{', ' + what if what else ''}{', read by nothing' * (number in idle)}"
    strike = badge = ""
    if kind in ("removed", "merged", "folded"):
        strike = f'<path class="strike" d="M{left:.1f} {y + NODE_H:g}L{left + width:.1f} {y:g}"/>'
    if kind:
        words = _badge(kind, what)
        across = 6.6 * len(words) + 14
        badge = (
            f'<g class="badge"><rect x="{x - across / 2:.1f}" y="{y + 34:g}" width="{across:.1f}"'
            f' height="16" rx="8"/><text x="{x:.1f}" y="{y + 46:g}">{escape(words)}</text></g>'
        )
    radius = NODE_H / 2 if role == "input" else 5
    return (
        f'<g class="node {role} {kind}{" idle" * (number in idle)}" data-id="{side}-{number}"'
        f' role="img" aria-label="{escape(said, quote=True)}">'
        f'<rect class="box" x="{left:.1f}" y="{y:g}" width="{width:g}" height="{NODE_H}"'
        f' rx="{radius:g}"/>{strike}<text class="title" x="{x:.1f}" y="{y + 16 + down:g}">'
        f'{escape(title)}</text><text class="sub" x="{x:.1f}" y="{y + 29 + down:g}">{escape(sub)}'
        f"</text>{badge}</g>"
    )
