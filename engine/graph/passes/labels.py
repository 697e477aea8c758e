"""Class labels as comparisons: what picks one of a row of numbers becomes arithmetic that can be fused.

`gather` and `scatter_add` jump about in memory, and a kernel cannot raise an error for an index that is not
there. Labels that `checked_labels` has let through are all there, so that
    gather(x, labels)         is the sum of where(labels == [0, 1, 2, ...], x, 0) along the row, and
    scatter_add(dy, labels)   is where(labels == [0, 1, 2, ...], dy, 0).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.graph.graph import Graph, Node
from engine.graph.passes.rewriting import Rewriter, rewrite
from engine.tensor import Tensor

_VIEWS = ("reshape", "expand_dims", "squeeze")


def _checked(writer: Rewriter, labels: int) -> bool:
    node = writer.made_by[labels]
    while node.op in _VIEWS:
        node = writer.made_by[node.inputs[0]]
    return node.op == "checked_labels"


def _hits(writer: Rewriter, labels: int, classes: int) -> int:
    """Whether each class is the label: (..., 1) against (classes)."""
    dtype = writer.specs[labels].dtype.as_numpy_dtype
    return writer.emit(
        "equal", labels, writer.new_constant(Tensor(np.arange(classes, dtype=dtype)))
    )


def _zero(writer: Rewriter, like: int) -> int:
    return writer.new_constant(Tensor(np.zeros((), writer.specs[like].dtype.as_numpy_dtype)))


def _picks_in_rows(writer: Rewriter, node: Node, whole: int) -> bool:
    """Whether a node takes one element from each row of `whole`, or puts one there."""
    labels, dims = node.inputs[1], writer.dims(whole)
    if not all(map(writer.static, (*node.inputs, whole))) or not dims or 0 in dims:
        return False
    in_rows = node.attrs["axis"] == node.attrs.get("batch_dims", 0) == len(dims) - 1
    return in_rows and writer.dims(labels) == (*dims[:-1], 1) and _checked(writer, labels)


def _visit(writer: Rewriter, node: Node) -> int | None:
    if node.op == "checked_labels":
        labels, logits = node.inputs
        if writer.static(logits) and writer.made_by[logits].op != "constant":
            # Only the sizes of the logits are looked at: it need not wait for them.
            spec: Any = writer.specs[logits]
            empty = np.broadcast_to(np.zeros((), spec.dtype.as_numpy_dtype), spec.dims)
            return writer.emit(node.op, labels, writer.new_constant(Tensor(empty)), **node.attrs)
    elif node.op == "gather" and _picks_in_rows(writer, node, node.inputs[0]):
        x, labels = node.inputs
        last = len(writer.dims(x)) - 1
        hits = _hits(writer, labels, writer.dims(x)[-1])
        picked = writer.emit("select", hits, x, _zero(writer, x))
        return writer.emit("reduce_sum", picked, axes=(last,), keepdims=True)
    elif node.op == "scatter_add" and _picks_in_rows(writer, node, node.inputs[2]):
        dy, labels, like = node.inputs
        hits = _hits(writer, labels, writer.dims(like)[-1])
        made = writer.emit("select", hits, dy, _zero(writer, dy))
        return made if writer.dims(made) == writer.dims(like) else None
    return None


def compare_labels(graph: Graph) -> Graph:
    """The graph with comparisons in place of gathers and scatters of checked labels."""
    if not any(node.op == "checked_labels" for node in graph.nodes):
        return graph
    return rewrite(graph, _visit)
