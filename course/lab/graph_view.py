"""GraphView: a traced graph as a picture to click through, and to run node by node.

The places of the nodes come from `layered.py`. Nothing is computed here: values for the steps are
given by the caller. To read before: `engine/graph/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

import traitlets

from course.lab.base import LabWidget, asset, module, svg_figure
from course.lab.layered import Layout, place

NODE_H, VALUE_H, GAP_Y, MARGIN = 44, 16, 42, 12
TEXT_LIMIT = 22
KINDS = {"placeholder": "input", "constant": "constant", "variable": "variable"}


def shortened(text: str, limit: int = TEXT_LIMIT) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def rounded(text: str) -> str:
    """A number in at most six digits: 0.009999999776482582 is what float32 makes of 0.01."""
    try:
        return f"{float(text):.6g}"
    except ValueError:
        return text


def graph_dict(graph: Any) -> dict[str, Any]:
    """The dict of a concrete function, a graph, or a dict already."""
    if isinstance(graph, Mapping):
        return dict(graph)
    graph = getattr(graph, "graph", graph)
    if not hasattr(graph, "to_dict"):
        what = type(graph).__name__
        raise TypeError(
            f"GraphView draws a concrete function or its graph; got {what}. "
            "A tf.function has one graph per signature: pass fn.get_concrete_function(*args)."
        )
    content = graph.to_dict()
    # (variable, value number) pairs: what the graph assigns when it ends.
    content["updates"] = {
        graph.node_of(number).outputs[0]: variable.name.removesuffix(":0")
        for variable, number in getattr(graph, "updates", ())
    }
    return content


class GraphView(LabWidget):
    """A graph as a picture: `GraphView(fn.get_concrete_function(x))`.

    Click a node, or focus it and use the arrow keys, to read its operation, shape, dtype,
    attributes and source line. The slider runs the graph node by node.

    Arguments:
        graph: a concrete function, a graph, or what `graph.to_dict()` returns.
        values: what each node computed, as short texts: {node id: text}, or a list in node order.
    """

    _esm = module("graph_view.js")
    svg = traitlets.Unicode().tag(sync=True)
    name = traitlets.Unicode().tag(sync=True)
    nodes: traitlets.List = traitlets.List().tag(sync=True)
    has_values = traitlets.Bool().tag(sync=True)

    def __init__(self, graph: Any, values: Mapping[int, str] | Sequence[str] | None = None) -> None:
        super().__init__()
        content = graph_dict(graph)
        self._outputs = set(content["outputs"])
        self._updates: dict[int, str] = content.get("updates", {})
        raw = content["nodes"]
        if values is not None and not isinstance(values, Mapping):
            if len(values) != len(raw):
                raise ValueError(f"{len(values)} values for a graph of {len(raw)} nodes")
            values = {node["id"]: text for node, text in zip(raw, values, strict=True)}
        self._values = {key: str(text) for key, text in (values or {}).items()}
        self.nodes = [self._described(node) for node in raw]
        self.has_values = bool(self._values)
        self.name = content["name"]
        self.svg = self._draw()

    def _described(self, node: Mapping[str, Any]) -> dict[str, Any]:
        """One node, with what the picture and the panel beside it say."""
        kind = "output" if node["id"] in self._outputs else "operation"
        kind = KINDS.get(node["op"], kind)
        title, sub = node["op"], node["name"]
        if kind == "input":
            title, sub = node["name"], "input"
        elif kind == "constant":
            title, sub = rounded(node.get("value") or node["name"]), "constant"
        elif kind == "variable":
            title, sub = node["name"], "variable"
        elif node["id"] in self._updates:
            sub = f"new {self._updates[node['id']]}"
        elif kind == "output":
            sub = "output"
        return {
            **node,
            "attrs": {str(key): str(value) for key, value in node["attrs"].items()},
            "inputs": list(node["inputs"]),
            "kind": kind,
            "title": shortened(title),
            "sub": "" if sub == title else shortened(sub),
            "assigned": self._updates.get(node["id"], ""),
            "computed": self._values.get(node["id"], ""),
        }

    def _draw(self) -> str:
        by_id = {node["id"]: node for node in self.nodes}
        width = {key: self._node_width(node) for key, node in by_id.items()}
        constants = {key for key, node in by_id.items() if node["kind"] in ("constant", "variable")}
        layout = place({key: node["inputs"] for key, node in by_id.items()}, width, constants)
        self._height = NODE_H + (VALUE_H if self._values else 0)
        edges = [
            self._edge(layout, by_id, width, *edge, dummies)
            for edge, dummies in layout.route.items()
        ]
        boxes = [
            self._node(layout, by_id[key], width[key], at)
            for row in layout.order
            for at, key in enumerate(key for key in row if key in by_id)
        ]
        right = (
            max(
                (
                    layout.x[key] + max(width[key] / 2, 8.0 * len(node["shape"]))
                    for key, node in by_id.items()
                ),
                default=0,
            )
            + 2 * MARGIN
        )
        right = max(right, max(layout.x.values(), default=0) + 2 * MARGIN)
        bottom = len(layout.order) * (self._height + GAP_Y) - GAP_Y + 3 * MARGIN
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" class="txm-graph-svg" role="group"'
            f' aria-label="graph {escape(self.name, quote=True)}, {len(by_id)} nodes"'
            f' width="{right:.0f}" height="{bottom:.0f}" viewBox="0 0 {right:.0f} {bottom:.0f}">'
            f"<style>{asset('graph.css')}</style>{''.join(edges)}{''.join(boxes)}</svg>"
        )

    def _node_width(self, node: Mapping[str, Any]) -> float:
        longest = max(8.0 * len(node["title"]), 6.6 * len(node["sub"]), 6.8 * len(node["computed"]))
        return max(64.0, longest + 22)

    def _top(self, layout: Layout, key: Any) -> float:
        return MARGIN + layout.layer[key] * (self._height + GAP_Y)

    def _node(self, layout: Layout, node: Mapping[str, Any], width: float, at: int) -> str:
        x, y = layout.x[node["id"]] + MARGIN, self._top(layout, node["id"])
        # The shape stands under the node, on the side its arrows do not take.
        ways = [
            layout.x[(*dummies, target)[0]] + MARGIN - x
            for (source, target, _), dummies in layout.route.items()
            if source == node["id"]
        ]
        leaves_right = sum(ways) > 0
        label = f"{node['kind']} {node['title']}, shape {node['shape']}, {node['dtype']}"
        radius = self._height / 2 if node["kind"] == "input" else 5
        value = ""
        if node["computed"]:
            value = f'<text class="computed" x="{x:g}" y="{y + NODE_H + 7:g}">'
            value += f"{escape(node['computed'])}</text>"
        side = ("end", -5) if leaves_right else ("start", 5)
        shape = f'<text class="shape" text-anchor="{side[0]}" x="{x + side[1]:.1f}"'
        shape += f' y="{y + self._height + 13:g}">{escape(node["shape"])}</text>'
        middle = y + (NODE_H / 2 + 4 if not node["sub"] else 19)
        return (
            f'<g class="node {node["kind"]}" data-id="{node["id"]}" data-at="{at}" role="img"'
            f' aria-label="{escape(label, quote=True)}">'
            f'<rect x="{x - width / 2:.1f}" y="{y:g}" width="{width:g}" height="{self._height}"'
            f' rx="{radius:g}"/><text class="title" x="{x:.1f}" y="{middle:g}">'
            f'{escape(node["title"])}</text><text class="sub" x="{x:.1f}" y="{y + 35:g}">'
            f"{escape(node['sub'])}</text>{value}{shape}</g>"
        )

    def _edge(
        self,
        layout: Layout,
        by_id: Mapping[Any, Mapping[str, Any]],
        width: Mapping[Any, float],
        source: Any,
        target: Any,
        number: int,
        dummies: Sequence[Any],
    ) -> str:
        """A curve from a node's lower side to the input `number` on another's upper side."""
        inputs = by_id[target]["inputs"]
        # Arrows end in the order they come in, so that they do not cross; the panel of the node
        # tells the order of the operands.
        last = {n: (key, *layout.route[key, target, n])[-1] for n, key in enumerate(inputs)}
        came = sorted(range(len(inputs)), key=lambda n: (layout.x[last[n]], n))
        step = min(18.0, width[target] / (len(inputs) + 1))
        end_x = layout.x[target] + MARGIN
        end_x += (came.index(number) - (len(inputs) - 1) / 2) * step
        points = [(layout.x[source] + MARGIN, self._top(layout, source) + self._height)]
        for dummy in dummies:
            level = dummy[-1]
            top = MARGIN + level * (self._height + GAP_Y)
            x = layout.x[dummy] + MARGIN
            points += [(x, top), (x, top + self._height)]
        points.append((end_x, self._top(layout, target) - 7))
        path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
        for (x1, y1), (x2, y2) in pairwise(points):
            bend = (y2 - y1) / 2
            path += f"C{x1:.1f} {y1 + bend:.1f} {x2:.1f} {y2 - bend:.1f} {x2:.1f} {y2:.1f}"
        x, y = points[-1]
        tip = f"{x:.1f},{y + 7:.1f} {x - 4:.1f},{y:.1f} {x + 4:.1f},{y:.1f}"
        return (
            f'<g class="link" data-from="{source}" data-to="{target}"><path class="edge"'
            f' d="{path}"/><polygon class="tip" points="{tip}"/></g>'
        )

    def _static(self) -> dict[str, str]:
        lines = [
            f"  {node['name']} = {node['op']}({', '.join(map(str, self._names(node)))})"
            f" {node['dtype']} {node['shape']}"
            for node in self.nodes
        ]
        text = f"graph {self.name}, {len(self.nodes)} nodes:\n" + "\n".join(lines)
        caption = (
            f"Graph {self.name}. Each box is a node; the shape under it is what its arrows carry."
        )
        return {"text/plain": text, "text/html": svg_figure(self.svg, text, caption)}

    def _names(self, node: Mapping[str, Any]) -> list[str]:
        by_id = {other["id"]: other["name"] for other in self.nodes}
        return [by_id[key] for key in node["inputs"]]

    def _repr_svg_(self) -> str:
        return self.svg
