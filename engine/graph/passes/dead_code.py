"""Dead code: what no result depends on is not computed."""

from __future__ import annotations

from engine.graph.graph import PLACEHOLDER, Graph


def remove_dead_code(graph: Graph) -> Graph:
    """Drops every node that no output and no assignment depends on.

    Arguments stay, used or not: they are the signature.
    """
    needed = {*graph.outputs, *(number for _, number in graph.updates)}
    kept = []
    for node in reversed(graph.nodes):
        stateful = node.primitive is not None and node.primitive.stateful
        if node.op == PLACEHOLDER or stateful or needed.intersection(node.outputs):
            kept.append(node)
            needed.update(node.inputs)
    return Graph(graph.name, kept[::-1], graph.specs, graph.inputs, graph.outputs, graph.updates)
