"""Constant folding: what depends on constants alone is computed once, while the graph is made."""

from __future__ import annotations

import numpy as np

from engine import devices
from engine.dispatch import init_scope, run_eagerly
from engine.graph.graph import Graph, Node
from engine.graph.passes.rewriting import Rewriter, rewrite
from engine.ops.layout import broadcast_to
from engine.spec import element_count
from engine.tensor import Tensor

# A folded constant lives as long as the graph: large ones are made at each call.
MOST_ELEMENTS = 1024


def fold_constants(graph: Graph) -> Graph:
    """Replaces each operation on constants by its result.

    What depends on the shape of a tensor alone - its sizes, ones and zeros like it - is a constant too once
    the shape is known.
    """
    with init_scope():
        return rewrite(graph, _fold)


def _fold(writer: Rewriter, node: Node) -> int | None:
    primitive = node.primitive
    assert primitive is not None
    if primitive.stateful or node.op == "broadcast_to":  # a view costs nothing, copies do
        return None
    spec = writer.specs[node.outputs[0]]
    if node.op == "fill_like" and spec.shape.is_fully_defined() and spec.dims:
        # One number, stretched: then laws such as x * 1 = x can see it.
        scalar = Tensor(devices.place(np.zeros((), spec.dtype.as_numpy_dtype)))
        one = writer.new_constant(run_eagerly(primitive, (scalar,), node.attrs))
        return writer.emit("broadcast_to", one, shape=tuple(spec.dims))
    if not spec.shape.is_fully_defined() or element_count(spec.dims) > MOST_ELEMENTS:  # type: ignore[arg-type]
        return None
    if node.op in ("shape", "size", "fill_like") and writer.static(node.inputs[0]):
        given = writer.specs[node.inputs[0]]
        # Of the input the kernel looks at the shape alone, so any array of that shape will do.
        stand_in = np.broadcast_to(np.zeros((), given.dtype.as_numpy_dtype), given.dims)  # type: ignore[arg-type]
        inputs = [Tensor(devices.place(stand_in))]
    else:
        known = [_known(writer, number) for number in node.inputs]
        inputs = [tensor for tensor in known if tensor is not None]
        if len(inputs) < len(known):
            return None
    try:
        result = run_eagerly(primitive, tuple(inputs), node.attrs)
    except Exception:  # an operation that fails fails when the program reaches it, not here
        return None
    return writer.new_constant(result)


def _known(writer: Rewriter, number: int) -> Tensor | None:
    """The tensor of a constant, stretched or not; None for everything else."""
    node = writer.made_by[number]
    if node.op == "broadcast_to":
        inner = _known(writer, node.inputs[0])
        return None if inner is None else broadcast_to(inner, node.attrs["shape"])
    return node.payload if writer.constant(number) is not None else None
