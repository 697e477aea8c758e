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
from course.lab.layered import Layout, place
from course.lab.tape_steps import Node, walk

NODE_H, GAP_Y, MARGIN, BOW = 62, 54, 14, 46


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
        by_id = self._by_id
        width: dict[Any, float] = {key: self._width(node) for key, node in by_id.items()}
        leaves: set[Any] = {key for key, node in by_id.items() if not node.reads}
        layout = place({key: node.reads for key, node in by_id.items()}, width, leaves)
        routes: list[Any] = list(layout.route.items())
        self._starts = self._spread_starts(layout, width)
        edges = [
            self._edge(layout, source, target, number, passed)
            for (source, target, number), passed in routes
        ]
        boxes = [self._node(layout, node, width[key]) for key, node in by_id.items()]
        right = max(layout.x[key] + width[key] / 2 for key in by_id) + 2 * MARGIN
        right = max(right, max(layout.x.values()) + 2 * MARGIN, *(reach for _, reach in edges))
        left = min(0.0, *(2 * layout.x[key[0]] + 2 * MARGIN - reach for key, (_, reach) in
                          zip(layout.route, edges, strict=True)))  # fmt: skip
        bottom = len(layout.order) * (NODE_H + GAP_Y) - GAP_Y + 2 * MARGIN
        last = self.lines[-1]["text"]
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" class="txm-tape-svg" role="group"'
            f' aria-label="tape of {len(self.lines)} lines, the last is {escape(last, quote=True)}"'
            f' width="{right - left:.0f}" height="{bottom:.0f}"'
            f' viewBox="{left:.0f} 0 {right - left:.0f} {bottom:.0f}">'
            f"<style>{asset('tape_view.css')}</style>{''.join(part for part, _ in edges)}"
            f"{''.join(boxes)}</svg>"
        )

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
        x, y = layout.x[node.id] + MARGIN, self._top(layout, node.id)
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

    def _edge(
        self, layout: Layout, source: int, target: int, number: int, passed: list[Any]
    ) -> tuple[str, float]:
        """A curve from a value to the line that used it, with what comes back on it; and how far
        right that reaches. Curves between the same two nodes bow away from each other."""
        reads = self._by_id[target].reads
        bow, step = self._bow(source, target, number), 20.0
        came = sorted(
            range(len(reads)),
            key=lambda n: (layout.x[(reads[n], *layout.route[reads[n], target, n])[-1]], n),
        )
        shift = (came.index(number) - (len(reads) - 1) / 2) * step
        end_x = layout.x[target] + MARGIN + shift
        start_x = layout.x[source] + MARGIN + self._starts[source, target, number]
        points = [(start_x, self._top(layout, source) + NODE_H)]
        for dummy in passed:
            top = MARGIN + dummy[-1] * (NODE_H + GAP_Y)
            x = layout.x[dummy] + MARGIN
            points += [(x, top), (x, top + NODE_H)]
        points.append((end_x, self._top(layout, target) - 7))
        path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
        for (x1, y1), (x2, y2) in pairwise(points):
            bend = (y2 - y1) / 2
            path += (
                f"C{x1 + bow:.1f} {y1 + bend:.1f} {x2 + bow:.1f} {y2 - bend:.1f} {x2:.1f} {y2:.1f}"
            )
        text = self._hands.get((target, number), "")
        # Three quarters down the curve, beside it, on the side that the arrow comes from.
        (x1, y1), (x2, y2) = points[-2:]
        at_x, at_y = 0.16 * x1 + 0.84 * x2 + 0.56 * bow, 0.3 * y1 + 0.7 * y2 + 2
        anchor = "end" if shift < 0 else "start"
        at_x += 6 if anchor == "start" else -6
        label = (
            f'<text class="hand" text-anchor="{anchor}" x="{at_x:.1f}" y="{at_y:.1f}">'
            f"{escape('+ ' + text if text else '')}</text>"
        )
        x, y = points[-1]
        tip = f"{x:.1f},{y + 7:.1f} {x - 4:.1f},{y:.1f} {x + 4:.1f},{y:.1f}"
        part = (
            f'<g class="link" data-to="{target}" data-place="{number}"><path class="edge"'
            f' d="{path}"/><polygon class="tip" points="{tip}"/>{label}</g>'
        )
        return part, at_x + (8.0 * (len(text) + 2) if anchor == "start" else 0) + MARGIN

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
