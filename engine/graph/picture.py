"""A graph for the eye: as a listing, as plain data for widgets, as an SVG drawing."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from engine.graph.graph import CONSTANT, PLACEHOLDER, VARIABLE, Graph, Node

_FILL = {
    PLACEHOLDER: "#56b4e9",
    CONSTANT: "#f0e442",
    VARIABLE: "#009e73",
}  # Okabe and Ito's palette
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 150, 46, 26, 40


def _value_text(node: Node) -> str:
    if node.op != CONSTANT or not hasattr(node.payload, "_array"):
        return ""
    array = np.asarray(node.payload.numpy())
    text = str(array[()]) if array.ndim == 0 else f"{array.size} values"
    return text if array.size != 1 or array.ndim == 0 else str(array.reshape(-1)[0])


def _attrs_text(node: Node) -> dict[str, str]:
    programs = _programs(node)
    return {k: programs[k].name if k in programs else str(v) for k, v in node.attrs.items()}


def _programs(node: Node) -> dict[str, Graph]:
    """The branches or the body of a node, which are programs themselves."""
    programs = {key: getattr(value, "graph", value) for key, value in node.attrs.items()}
    return {key: value for key, value in programs.items() if isinstance(value, Graph)}


def _inside(node: Node) -> str:
    """The operations that a fused operation stands for."""
    if node.op != "fused":
        return ""
    return ", ".join(inner.op for inner in node.attrs["body"].operations)


def to_dict(graph: Graph) -> dict[str, Any]:
    """Nodes with numbered inputs, in the order they run; numbers are those of the values."""
    nodes = []
    first = {number: node.outputs[0] for node in graph.nodes for number in node.outputs}
    for node in graph.nodes:
        spec = graph.specs[node.outputs[0]]
        nodes.append(
            {
                "id": node.outputs[0],
                "op": node.op,
                "name": node.name,
                "inputs": [first[number] for number in node.inputs],
                "shape": str(spec.shape),
                "dtype": spec.dtype.name,
                "attrs": _attrs_text(node),
                "line": node.line,
                "value": _value_text(node),
                "inside": _inside(node),
            }
        )
    outputs = [first[number] for number in graph.outputs]
    return {"name": graph.name, "nodes": nodes, "inputs": list(graph.inputs), "outputs": outputs}


def listing(graph: Graph) -> str:
    """One line a node: value, shape, operation, inputs."""
    rows = [f"graph {graph.name}"]
    for node in graph.nodes:
        spec = graph.specs[node.outputs[0]]
        left = ", ".join(f"%{number}" for number in node.outputs)
        inside = ", ".join(
            [f"%{number}" for number in node.inputs]
            + [f"{key}={value}" for key, value in _attrs_text(node).items()]
        )
        what = f"{node.op} {_value_text(node) or node.name}" if node.primitive is None else node.op
        call = f"{what}({inside})" if node.primitive is not None else what
        rows.append(f"  {left:<5} = {call:<44} # {spec.dtype.name} {spec.shape}".rstrip())
    rows += [f"  {var.name[:-2]} <- %{number}" for var, number in graph.updates]
    rows.append(f"  return {', '.join(f'%{n}' for n in graph.outputs)}")
    for node in graph.nodes:
        for program in _programs(node).values():
            rows.append("\n".join("  " + row for row in listing(program).split("\n")))
    return "\n".join(rows)


def _layers(data: dict[str, Any]) -> dict[int, int]:
    """How far each node is from the arguments: the row it is drawn in."""
    depth: dict[int, int] = {}
    for node in data["nodes"]:
        depth[node["id"]] = 1 + max((depth[i] for i in node["inputs"]), default=-1)
    users: dict[int, list[int]] = {}
    for node in data["nodes"]:
        for i in node["inputs"]:
            users.setdefault(i, []).append(depth[node["id"]])
    for node in data["nodes"]:  # a constant stands right above its first use
        if not node["inputs"] and node["op"] in (CONSTANT, VARIABLE) and node["id"] in users:
            depth[node["id"]] = min(users[node["id"]]) - 1
    return depth


def draw(graph: Graph) -> str:
    """An SVG picture, top to bottom: arguments, constants, operations, and what is returned."""
    data = to_dict(graph)
    depth = _layers(data)
    rows: dict[int, list[Any]] = {}
    for node in data["nodes"]:
        rows.setdefault(depth[node["id"]], []).append(node)
    widest = max((len(row) for row in rows.values()), default=1)
    full = widest * (_WIDTH + _GAP_X) + _GAP_X
    place: dict[int, tuple[float, float]] = {}
    for level, row in sorted(rows.items()):
        row.sort(
            key=lambda n: np.mean([place[i][0] for i in n["inputs"] if i in place] or [full / 2])
        )
        left = (full - len(row) * (_WIDTH + _GAP_X) + _GAP_X) / 2
        for column, node in enumerate(row):
            place[node["id"]] = (
                left + column * (_WIDTH + _GAP_X),
                _GAP_Y + level * (_HEIGHT + _GAP_Y),
            )
    tall = (max(rows, default=0) + 1) * (_HEIGHT + _GAP_Y) + 2 * _GAP_Y
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {full:.0f} {tall:.0f}" width="{full:.0f}" '
        f'role="img" aria-label="Graph of {html.escape(graph.name)}" font-family="sans-serif" '
        'font-size="13" style="max-width:100%;height:auto;background:#fff;border-radius:6px">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>'
    ]
    for node in data["nodes"]:
        x, y = place[node["id"]]
        for i in node["inputs"]:
            px, py = place[i]
            parts.append(
                f'<line x1="{px + _WIDTH / 2:.0f}" y1="{py + _HEIGHT:.0f}" x2="{x + _WIDTH / 2:.0f}" '
                f'y2="{y - 2:.0f}" stroke="#555" marker-end="url(#tip)"/>'
            )
    outputs = set(data["outputs"])
    for node in data["nodes"]:
        parts.append(_box(node, place[node["id"]], node["id"] in outputs))
    return "".join(parts) + "</svg>"


def _box(node: dict[str, Any], at: tuple[float, float], is_output: bool) -> str:
    x, y = at
    what = node["value"] if node["op"] == CONSTANT and node["value"] else node["name"]
    title = what if node["op"] in (CONSTANT, PLACEHOLDER, VARIABLE) else node["op"]
    title = f"{node['inside'].count(',') + 1} fused" if node["inside"] else title
    ring = ' stroke-width="3" stroke="#d55e00"' if is_output else ' stroke="#555"'
    middle = x + _WIDTH / 2
    return (
        f"<g><title>{html.escape(node['op'])} {html.escape(node['inside'] or node['line'])}</title>"
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{_WIDTH}" height="{_HEIGHT}" rx="8" '
        f'fill="{_FILL.get(node["op"], "#e8e8e8")}"{ring}/>'
        f'<text x="{middle:.0f}" y="{y + 19:.0f}" text-anchor="middle" fill="#000" '
        f'font-weight="bold">{html.escape(title)}</text>'
        f'<text x="{middle:.0f}" y="{y + 36:.0f}" text-anchor="middle" fill="#222">'
        f"{html.escape(node['dtype'])} {html.escape(node['shape'])}</text></g>"
    )
