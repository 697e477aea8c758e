"""TapeView: the lines of a gradient tape, and the walk back over them, one step at a time.

The places of the nodes come from `layered.py`, the steps from `tape_steps.py`.
"""

from __future__ import annotations

from dataclasses import asdict
from html import escape
from itertools import pairwise
from typing import Any

import traitlets

from course.lab.base import LabWidget, asset, module, svg_figure
from course.lab.graph_view import shortened
from course.lab.layered import Layout, connected, place
from course.lab.tape_steps import Node, walk

NODE_H, GAP_Y, MARGIN, BOW = 62, 54, 14, 46
APART = 56  # between parts of the picture that have nothing in common
SAMPLES = 24
LABEL_H = 15.0
Point = tuple[float, float]
Curve = tuple[list[Point], float]
"""The points that it passes, and how far it bows between two of them."""
Box = tuple[float, float, float, float]
"""Left, right, top, bottom."""


def sampled(points: list[Point], bow: float) -> list[Point]:
    """Places along a curve, from its start to its end."""
    found = []
    for (x1, y1), (x2, y2) in pairwise(points):
        for k in range(SAMPLES + 1):
            t = k / SAMPLES
            s = 1 - t
            one, three = s**3 + 3 * s * s * t, t**3 + 3 * s * t * t
            x = one * x1 + three * x2 + 3 * s * t * bow
            bend = (y2 - y1) / 2
            found.append((x, one * y1 + three * y2 + 3 * s * t * (s - t) * bend))
    return found


def _free_box(curve: Curve, width: float, crowd: list[Point], taken: list[Box]) -> Box:
    """Room for a label on either side of a curve, near to its end, with the least in the way."""
    points, _ = curve
    last = sampled(*curve)[-SAMPLES:]
    floor, roof = points[-2][1] + 2, points[-1][1] + 6
    from_left = sum(x for x, _ in last) / len(last) <= points[-1][0]
    best: tuple[float, Box] | None = None
    for at in range(SAMPLES - 4, SAMPLES // 3, -2):
        x, y = last[at]
        for side, gap in (
            (side, gap) for gap in (7, 12) for side in ((-1, 1) if from_left else (1, -1))
        ):
            near, far = x + side * gap, x + side * (gap + width)
            left, right = min(near, far), max(near, far)
            box = (left, right, y - LABEL_H / 2, y + LABEL_H / 2)
            hidden = sum(left - 2 < px < right + 2 and box[2] < py < box[3] for px, py in crowd)
            over = sum(
                left < b[1] and b[0] < right and box[2] < b[3] and b[2] < box[3] for b in taken
            )
            outside = box[2] < floor or box[3] > roof
            cost = hidden + 50 * over + 100 * outside
            if best is None or cost < best[0]:
                best = cost, box
    assert best is not None
    return best[1]


class TapeView(LabWidget):
    """A tape as a picture: `TapeView(tape, c, a=a, b=b)`.

    *Next* goes forward line by line, then back from the target: each value hands its gradient on, and
    what arrives at one place is added up. The slider, or the arrow keys on it, moves both ways.

    Arguments:
        tape: a persistent tape, or one that has not been asked yet.
        target: the result whose gradient is followed.
        names: what to call the values, by keyword; variables have names already.
    """

    _esm = module("tape_view.js")
    _css = asset("lab.css") + asset("tape_view.css")
    svg = traitlets.Unicode().tag(sync=True)
    lines: traitlets.List = traitlets.List().tag(sync=True)
    steps: traitlets.List = traitlets.List().tag(sync=True)
    nodes: traitlets.List = traitlets.List().tag(sync=True)

    def __init__(self, tape: Any, target: Any, **names: Any) -> None:
        found = walk(tape, target, names)
        super().__init__()
        self.lines = [{"node": node, "text": text} for node, text in found.lines]
        self.steps = [asdict(step) for step in found.steps]
        self.nodes = [asdict(node) for node in found.nodes.values()]
        self._by_id = found.nodes
        self._totals = {at: text for step in found.steps for at, text in step.totals}
        self._hands = {
            (step.node, place): text for step in found.steps for place, text in step.hands
        }
        self.svg = self._draw()

    def _draw(self) -> str:
        """The part that leads to the target, and, set apart, parts that have no way to it."""
        reads: dict[Any, Any] = {key: node.reads for key, node in self._by_id.items()}
        target = next(node for node in self._by_id.values() if node.kind == "target")
        parts, right, bottom = "", 0.0, 0.0
        for number, part in enumerate(sorted(connected(reads), key=lambda p: target.id not in p)):
            drawing, (left, end), height = self._part({key: reads[key] for key in part})
            if number:
                note = f"does not lead to {shortened(target.name)}"
                end, height = max(end, left + 6.6 * len(note)), height + 24
                drawing += (
                    f'<text class="note" x="{left:.1f}" y="{height - 8:g}">{escape(note)}</text>'
                )
                rule = left - APART / 2
                drawing += f'<path class="apart" d="M{rule:.1f} {MARGIN}V{height - 4:g}"/>'
                right += APART
            parts += f'<g class="part" transform="translate({right - left + MARGIN:.1f} 0)">{drawing}</g>'
            right, bottom = right + end - left, max(bottom, height + 2 * MARGIN)
        right += 2 * MARGIN
        last = self.lines[-1]["text"]
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" class="txm-tape-svg" role="group"'
            f' aria-label="tape of {len(self.lines)} lines, the last is {escape(last, quote=True)}"'
            f' width="{right:.0f}" height="{bottom:.0f}" viewBox="0 0 {right:.0f} {bottom:.0f}">'
            f"<style>{asset('tape_view.css')}</style>{parts}</svg>"
        )

    def _part(self, reads: dict[Any, Any]) -> tuple[str, tuple[float, float], float]:
        """One connected part: its drawing, from where to where it reaches, and its height."""
        width: dict[Any, float] = {key: self._width(self._by_id[key]) for key in reads}
        layout = place(reads, width, {key for key in reads if not reads[key]})
        routes: list[Any] = list(layout.route.items())
        self._starts = self._spread_starts(layout, width)
        curves = [self._curve(layout, edge[0], edge[1], edge[2], passed) for edge, passed in routes]
        crowd = [point for curve in curves for point in sampled(*curve)]
        taken: list[Box] = []
        links = [
            self._link(target, number, curve, crowd, taken)
            for ((_, target, number), _), curve in zip(routes, curves, strict=True)
        ]
        boxes = [self._node(layout, self._by_id[key], width[key]) for key in reads]
        sides = [layout.x[key] + sign * width[key] / 2 for key in reads for sign in (-1, 1)]
        sides += [x for x, _ in crowd] + [x for box in taken for x in box[:2]]
        height = len(layout.order) * (NODE_H + GAP_Y) - GAP_Y + MARGIN
        return "".join(links + boxes), (min(sides), max(sides)), height

    def _spread_starts(self, layout: Layout, width: dict[Any, float]) -> dict[Any, float]:
        """How far from the middle of its box each curve leaves, so that those of one box cross less."""
        leaving: dict[int, list[tuple[float, tuple[int, int, int]]]] = {}
        routes: list[Any] = list(layout.route.items())
        for (source, target, number), passed in routes:
            toward = layout.x[(*passed, target)[0]] + self._bow(source, target, number)
            leaving.setdefault(source, []).append((toward, (source, target, number)))
        starts = {}
        for source, edges in leaving.items():
            step = min(26.0, (width[source] - 30) / len(edges))
            for number, (_, edge) in enumerate(sorted(edges)):
                starts[edge] = (number - (len(edges) - 1) / 2) * step
        return starts

    def _bow(self, source: int, target: int, number: int) -> float:
        """How far a curve bows, away from the others between the same two boxes."""
        twins = [place for place, read in enumerate(self._by_id[target].reads) if read == source]
        return (twins.index(number) - (len(twins) - 1) / 2) * BOW

    def _width(self, node: Node) -> float:
        total = self._totals.get(node.id, "None")
        head = 8.6 * len(shortened(node.name)) + 6.6 * len(self._kind(node)) + 14
        return max(head, 7.4 * (len(node.value) + 6), 8.2 * (len(total) + 9)) + 22

    def _kind(self, node: Node) -> str:
        """What stands beside the name in the box."""
        if node.kind == "source":
            return "watched"
        return "constant" if node.kind == "constant" else node.title

    def _top(self, layout: Layout, key: Any) -> float:
        return MARGIN + layout.layer[key] * (NODE_H + GAP_Y)

    def _node(self, layout: Layout, node: Node, width: float) -> str:
        x, y = layout.x[node.id], self._top(layout, node.id)
        total = self._totals.get(node.id, "None")
        gradient = "not followed" if node.kind == "constant" else f"gradient {total}"
        label = f"{node.name}, {self._kind(node)}, value {node.value}, {gradient}"
        radius = 16 if node.kind == "source" else 5
        left = x - width / 2 + 10

        def row(number: int, name: str, text: str, at: float, anchor: str = "start") -> str:
            return (
                f'<text class="{name}" text-anchor="{anchor}" x="{at:.1f}"'
                f' y="{y + 18 + 18 * number:g}">{escape(text)}</text>'
            )

        return (
            f'<g class="node {node.kind}" data-id="{node.id}" role="img"'
            f' aria-label="{escape(label, quote=True)}">'
            f'<rect x="{x - width / 2:.1f}" y="{y:g}" width="{width:g}" height="{NODE_H}"'
            f' rx="{radius}"/>'
            + row(0, "name", shortened(node.name), left)
            + row(0, "kind", self._kind(node), x + width / 2 - 10, "end")
            + row(1, "value", f"value {node.value}", left)
            + row(2, "gradient", gradient, left)
            + "</g>"
        )

    def _curve(
        self, layout: Layout, source: int, target: int, number: int, passed: list[Any]
    ) -> Curve:
        """From a value to the line that used it; those between the same two bow away from each other."""
        reads = self._by_id[target].reads
        came = sorted(
            range(len(reads)),
            key=lambda n: (layout.x[(reads[n], *layout.route[reads[n], target, n])[-1]], n),
        )
        shift = (came.index(number) - (len(reads) - 1) / 2) * 20.0
        start_x = layout.x[source] + self._starts[source, target, number]
        points = [(start_x, self._top(layout, source) + NODE_H)]
        for dummy in passed:
            top = MARGIN + dummy[-1] * (NODE_H + GAP_Y)
            points += [(layout.x[dummy], top), (layout.x[dummy], top + NODE_H)]
        points.append((layout.x[target] + shift, self._top(layout, target) - 7))
        return points, self._bow(source, target, number)

    def _link(
        self, target: int, number: int, curve: Curve, crowd: list[Point], taken: list[Box]
    ) -> str:
        """The curve drawn, with what comes back on it where it hides no other curve nor label."""
        points, bow = curve
        path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
        for (x1, y1), (x2, y2) in pairwise(points):
            bend = (y2 - y1) / 2
            path += (
                f"C{x1 + bow:.1f} {y1 + bend:.1f} {x2 + bow:.1f} {y2 - bend:.1f} {x2:.1f} {y2:.1f}"
            )
        text, label = self._hands.get((target, number), ""), ""
        if text:
            text = f"+ {text}"
            left, right, y, _ = box = _free_box(curve, 8.0 * len(text), crowd, taken)
            taken.append(box)
            label = (
                f'<text class="hand" text-anchor="middle" x="{(left + right) / 2:.1f}"'
                f' y="{y + 12:.1f}">{escape(text)}</text>'
            )
        x, y = points[-1]
        tip = f"{x:.1f},{y + 7:.1f} {x - 4:.1f},{y:.1f} {x + 4:.1f},{y:.1f}"
        return (
            f'<g class="link" data-to="{target}" data-place="{number}"><path class="edge"'
            f' d="{path}"/><polygon class="tip" points="{tip}"/>{label}</g>'
        )

    def _static(self) -> dict[str, str]:
        rows = []
        for node, text in ((line["node"], line["text"]) for line in self.lines):
            total = self._totals.get(node, "None")
            rows.append((text, f"value {self._by_id[node].value}", f"gradient {total}"))
        rows += [
            (node.name, f"value {node.value}", f"gradient {self._totals.get(node.id, 'None')}")
            for node in self._by_id.values()
            if node.kind == "source"
        ]
        wide = max(len(text) for text, _, _ in rows)
        words = "\n".join(f"  {text:{wide}}   {value}   {total}" for text, value, total in rows)
        text = f"a tape of {len(self.lines)} lines, walked back from its end:\n{words}"
        caption = (
            "Forward: the values. Back: what each line hands to its inputs, beside the arrows; where "
            "several arrows leave a value, what comes back on them is added."
        )
        return {"text/plain": text, "text/html": svg_figure(self.svg, text, caption)}
