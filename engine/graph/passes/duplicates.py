"""Common subexpressions: what is computed twice from the same values is computed once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from engine.graph.graph import CONSTANT, Graph, Node, SymbolicTensor
from engine.graph.passes.rewriting import Rewriter, rewrite

COMMUTATIVE = {
    "add",
    "multiply",
    "maximum",
    "minimum",
    "equal",
    "not_equal",
    "logical_and",
    "logical_or",
}


def _key(node: Node) -> Any:
    inputs = tuple(sorted(node.inputs)) if node.op in COMMUTATIVE else node.inputs
    return node.op, inputs, tuple((name, _setting(node.attrs[name])) for name in sorted(node.attrs))


def _setting(value: Any) -> Any:
    """A setting as a key: numbers and names by what they say, everything else by identity."""
    if isinstance(value, tuple):
        return tuple(map(_setting, value))
    plain = value is None or isinstance(value, (bool, int, float, complex, str, bytes))
    return (type(value), repr(value)) if plain else id(value)  # repr tells 0.0 from -0.0


def share_duplicates(graph: Graph) -> Graph:
    """Every later operation with the operands and settings of an earlier one gives way to it.

    Equal small constants become one first, so that what is made from them is found equal too.
    Operations whose value is not a function of their inputs (random draws) are left alone.
    """
    first: dict[Any, int] = {}

    def visit(writer: Rewriter, node: Node) -> int | None:
        assert node.primitive is not None
        if node.primitive.stateful:
            return None
        return _first(first, _key(node), node.outputs[0])

    return rewrite(_share_constants(graph), visit)


def _first(seen: dict[Any, int], key: Any, number: int) -> int | None:
    earlier = seen.setdefault(key, number)
    return None if earlier == number else earlier


def _share_constants(graph: Graph) -> Graph:
    seen: dict[Any, int] = {}
    instead: dict[int, int] = {}
    nodes = []
    for node in graph.nodes:
        if node.op == CONSTANT and not isinstance(node.payload, SymbolicTensor):
            array = node.payload._array
            if array.size <= 16:
                values = np.asarray(node.payload.numpy())
                key = (node.payload.dtype.name, array.shape, repr(values.tolist()))
                earlier = _first(seen, key, node.outputs[0])
                if earlier is not None:
                    instead[node.outputs[0]] = earlier
                    continue
        nodes.append(node)
    return graph if not instead else _renumbered(graph, nodes, instead)


def _renumbered(graph: Graph, nodes: list[Node], instead: dict[int, int]) -> Graph:
    def now(number: int) -> int:
        return instead.get(number, number)

    changed = [
        replace(node, inputs=tuple(map(now, node.inputs)))
        if any(number in instead for number in node.inputs)
        else node
        for node in nodes
    ]
    updates = [(variable, now(number)) for variable, number in graph.updates]
    return Graph(
        graph.name, changed, graph.specs, graph.inputs, list(map(now, graph.outputs)), updates
    )
