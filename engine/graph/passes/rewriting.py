"""Walking a program once and writing an equal one: what the passes are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from engine.dispatch import registry
from engine.graph.graph import CONSTANT, Graph, Node, SymbolicTensor
from engine.spec import TensorSpec
from engine.tensor import Tensor


class Rewriter:
    """The program being written, and what is known of its values. A value keeps its number."""

    def __init__(self, graph: Graph):
        self.specs = list(graph.specs)
        self.nodes: list[Node] = []
        self.made_by: dict[int, Node] = {}
        self.line = ""  # of the node being rewritten: what replaces it was written there too

    def dims(self, value: int) -> Any:
        """The sizes of a value, None for each that is not known yet; None without a rank."""
        return self.specs[value].dims

    def static(self, value: int) -> bool:
        """Whether all sizes of a value are known."""
        return self.specs[value].shape.is_fully_defined()

    def constant(self, value: int) -> np.ndarray | None:
        """The array of a constant; None for everything else."""
        node = self.made_by[value]
        known = node.op == CONSTANT and not isinstance(node.payload, SymbolicTensor)
        return np.asarray(node.payload.numpy()) if known else None

    def append(self, node: Node) -> None:
        """Writes a node down as it is."""
        self.nodes.append(node)
        for number in node.outputs:
            self.made_by[number] = node

    def new_constant(self, tensor: Tensor) -> int:
        """Writes a constant; returns its number."""
        number = len(self.specs)
        self.specs.append(TensorSpec(tensor.shape, tensor.dtype))
        self.append(Node(CONSTANT, (), (number,), payload=tensor, name=f"folded_{number}"))
        return number

    def emit(self, op: str, *inputs: int, **attrs: Any) -> int:
        """Writes an operation with one output; returns the number of the output."""
        primitive = registry[op]
        number = len(self.specs)
        self.specs.append(primitive.spec(*(self.specs[n] for n in inputs), **attrs))
        self.append(Node(op, inputs, (number,), attrs, primitive, f"{op}_{number}", self.line))
        return number


Visit = Callable[[Rewriter, Node], int | None]


def rewrite(graph: Graph, visit: Visit) -> Graph:
    """Shows every operation to `visit`, which returns the value to use instead of its output.

    `visit` gets the node with its inputs already replaced, may write nodes of its own, and returns None to
    keep the node. An operation with several outputs is always kept.
    """
    writer = Rewriter(graph)
    instead: dict[int, int] = {}

    def current(number: int) -> int:
        return instead.get(number, number)

    for node in graph.nodes:
        if any(number in instead for number in node.inputs):
            node = replace(node, inputs=tuple(map(current, node.inputs)))
        if node.primitive is not None and len(node.outputs) == 1:
            writer.line = node.line
            value = visit(writer, node)
            if value is not None:
                instead[node.outputs[0]] = value
                continue
        writer.append(node)
    updates = [(variable, current(number)) for variable, number in graph.updates]
    outputs = list(map(current, graph.outputs))
    return Graph(graph.name, writer.nodes, writer.specs, list(graph.inputs), outputs, updates)
