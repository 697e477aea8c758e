"""relu(x) > 0 in place of x > 0: where both are there, x itself need not be kept for the derivative."""

from __future__ import annotations

from engine.graph.graph import Graph, Node
from engine.graph.passes.rewriting import Rewriter, rewrite


def ask_relu(graph: Graph) -> Graph:
    """The graph with questions about the sign of x put to relu(x), if it was computed before."""
    relu_of: dict[int, int] = {}

    def visit(writer: Rewriter, node: Node) -> int | None:
        if node.op == "relu":
            relu_of[node.inputs[0]] = node.outputs[0]
        elif node.op == "greater" and node.inputs[0] in relu_of:
            limit = writer.constant(node.inputs[1])
            if limit is not None and not limit.any():
                return writer.emit("greater", relu_of[node.inputs[0]], node.inputs[1])
        return None

    return rewrite(graph, visit)
