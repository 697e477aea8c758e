"""Algebraic rewrites: a table of laws that make a program shorter or cheaper without changing a number.

Every law is exact in floating-point arithmetic, rounding, infinities and NaN included. That is why some
that hold for real numbers are missing: x * 0 is not 0 when x is NaN, (a + b) + c is not a + (b + c), and
x + 0 is not x when x is -0.0. Eager and compiled programs therefore agree to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from engine.graph.graph import Graph, Node
from engine.graph.passes.rewriting import Rewriter, rewrite
from engine.spec import broadcast, element_count

# A law takes the program so far and a node, and returns the value that may stand for the node's output, or
# None where it does not apply. It may write nodes of its own.
Law = Callable[[Rewriter, Node], int | None]


def simplify(graph: Graph) -> Graph:
    """Applies the first law that fits to each operation, in the order of the program."""

    def visit(writer: Rewriter, node: Node) -> int | None:
        for law in LAWS.get(node.op, ()):
            value = law(writer, node)
            if value is not None:
                return value
        return None

    return rewrite(graph, visit)


# --- numbers ----------------------------------------------------------------------------------------


def _all_equal(writer: Rewriter, value: int, number: float) -> bool:
    array = writer.constant(value)
    # Not for complex numbers: (a + bi) * (1 + 0i) has the term b * 0, which is NaN for an infinite b.
    if array is None or array.size != 1 or array.dtype.kind not in "iuf":
        return False
    # 0.0 == -0.0, but x - (-0.0) is not always x.
    return bool(array.item() == number) and not (number == 0 and np.signbit(array).any())


def _keeps(writer: Rewriter, node: Node, value: int) -> bool:
    """Whether a value has the shape that the node's output has, surely."""
    return writer.static(value) and writer.dims(value) == writer.dims(node.outputs[0])


def _neutral_right(number: float) -> Law:
    def law(writer: Rewriter, node: Node) -> int | None:
        x, y = node.inputs
        return x if _all_equal(writer, y, number) and _keeps(writer, node, x) else None

    return law


def _neutral_left(number: float) -> Law:
    def law(writer: Rewriter, node: Node) -> int | None:
        x, y = node.inputs
        return y if _all_equal(writer, x, number) and _keeps(writer, node, y) else None

    return law


def _twice_is_nothing(writer: Rewriter, node: Node) -> int | None:
    inner = writer.made_by[node.inputs[0]]
    return inner.inputs[0] if inner.op == node.op else None


def _the_input(writer: Rewriter, node: Node) -> int | None:
    return node.inputs[0]


def _divide_by_power_of_two(writer: Rewriter, node: Node) -> int | None:
    """x / 8 = x * 0.125: both round the same number, and a product is cheaper than a quotient."""
    x, y = node.inputs
    array = writer.constant(y)
    if array is None or array.dtype.kind != "f" or array.size != 1:
        return None
    mantissa, exponent = math.frexp(float(array.item()))
    if abs(mantissa) != 0.5 or abs(exponent) > 10:  # 1 / y has to be a normal number of any dtype
        return None
    from engine.tensor import Tensor

    payload = writer.made_by[y].payload
    inverse = writer.new_constant(Tensor((1 / payload._array).astype(payload._array.dtype)))
    return writer.emit("multiply", x, inverse)


def _same_dtype(writer: Rewriter, node: Node) -> int | None:
    x = node.inputs[0]
    return x if writer.specs[x].dtype is node.attrs["dtype"] else None


# --- shapes -----------------------------------------------------------------------------------------


def _to_static_shape(writer: Rewriter, node: Node) -> int | None:
    """expand_dims, squeeze, reshape_like and the rest are reshapes once the sizes are known."""
    dims = writer.dims(node.outputs[0])
    if not writer.specs[node.outputs[0]].shape.is_fully_defined() or not writer.static(
        node.inputs[0]
    ):
        return None
    return writer.emit("reshape", node.inputs[0], shape=tuple(dims))


def _reshape_to_itself(writer: Rewriter, node: Node) -> int | None:
    return node.inputs[0] if _keeps(writer, node, node.inputs[0]) else None


def _reshape_of_reshape(writer: Rewriter, node: Node) -> int | None:
    inner = writer.made_by[node.inputs[0]]
    if inner.op != "reshape" or not writer.specs[node.outputs[0]].shape.is_fully_defined():
        return None
    return writer.emit("reshape", inner.inputs[0], shape=tuple(writer.dims(node.outputs[0])))


def _transpose_of_transpose(writer: Rewriter, node: Node) -> int | None:
    inner = writer.made_by[node.inputs[0]]
    if inner.op != "transpose":
        return None
    perm = tuple(inner.attrs["perm"][i] for i in node.attrs["perm"])
    return writer.emit("transpose", inner.inputs[0], perm=perm)


def _transpose_in_order(writer: Rewriter, node: Node) -> int | None:
    perm = node.attrs["perm"]
    return node.inputs[0] if perm == tuple(range(len(perm))) else None


def _broadcast_to_static(writer: Rewriter, node: Node) -> int | None:
    dims = writer.dims(node.outputs[0])
    if not writer.specs[node.outputs[0]].shape.is_fully_defined():
        return None
    return writer.emit("broadcast_to", node.inputs[0], shape=tuple(dims))


def _operand_broadcasts_itself(writer: Rewriter, node: Node) -> int | None:
    """In broadcast_to(a) * b, where b has that shape anyway, a is stretched by the product itself."""
    wanted = writer.dims(node.outputs[0])
    if not writer.specs[node.outputs[0]].shape.is_fully_defined():
        return None
    shorter = [
        made.inputs[0] if (made := writer.made_by[number]).op == "broadcast_to" else number
        for number in node.inputs
    ]
    if tuple(shorter) == node.inputs:
        return None
    for i in range(len(shorter)):  # not all operands may shrink: one has to carry the shape
        candidate = list(node.inputs)
        candidate[i] = shorter[i]
        if candidate[i] == node.inputs[i]:
            continue
        dims = writer.dims(candidate[0])
        for number in candidate[1:]:
            dims = broadcast(dims, writer.dims(number), node.op)
        if dims == wanted:
            return writer.emit(node.op, *candidate, **node.attrs)
    return None


def _broadcast_last(writer: Rewriter, node: Node) -> int | None:
    """broadcast_to(a) * b = broadcast_to(a * b) for a scalar b: fewer products."""
    stretched = [n for n in node.inputs if writer.made_by[n].op == "broadcast_to"]
    if len(stretched) != 1 or not writer.specs[node.outputs[0]].shape.is_fully_defined():
        return None
    if any(n not in stretched and writer.dims(n) != () for n in node.inputs):
        return None
    inputs = [writer.made_by[n].inputs[0] if n in stretched else n for n in node.inputs]
    value = writer.emit(node.op, *inputs, **node.attrs)
    return writer.emit("broadcast_to", value, shape=tuple(writer.dims(node.outputs[0])))


def _reshape_of_one_repeated(writer: Rewriter, node: Node) -> int | None:
    """One number repeated is the same number repeated, in any shape."""
    inner = writer.made_by[node.inputs[0]]
    if inner.op != "broadcast_to" or not writer.specs[node.outputs[0]].shape.is_fully_defined():
        return None
    one = inner.inputs[0]
    if not writer.static(one) or element_count(writer.dims(one)) != 1:
        return None
    scalar = writer.emit("reshape", one, shape=())
    return writer.emit("broadcast_to", scalar, shape=tuple(writer.dims(node.outputs[0])))


def _sum_like_of_same_shape(writer: Rewriter, node: Node) -> int | None:
    x, like = node.inputs
    known = writer.static(x) and writer.static(like)
    return x if known and writer.dims(x) == writer.dims(like) else None


def _sum_like_is_a_sum(writer: Rewriter, node: Node) -> int | None:
    x, like = node.inputs
    if not (writer.static(x) and writer.static(like)):
        return None
    have, want = writer.dims(x), writer.dims(like)
    lead = len(have) - len(want)
    axes = tuple(range(lead)) + tuple(
        i + lead for i, size in enumerate(want) if size == 1 and have[i + lead] != 1
    )
    total = writer.emit("reduce_sum", x, axes=axes, keepdims=False)
    return writer.emit("reshape", total, shape=tuple(want))


def _reduce_of_no_axis(writer: Rewriter, node: Node) -> int | None:
    return None if node.attrs["axes"] else node.inputs[0]


def _reduce_of_single_elements(writer: Rewriter, node: Node) -> int | None:
    """An extreme over axes of size 1 is the element itself. (A sum of -0.0 alone is 0.0.)"""
    x = node.inputs[0]
    if not writer.static(x) or any(writer.dims(x)[axis] != 1 for axis in node.attrs["axes"]):
        return None
    if element_count(writer.dims(x)) == 0:
        return None
    return writer.emit("reshape", x, shape=tuple(writer.dims(node.outputs[0])))


# --- the table: operation -> laws, tried in this order ----------------------------------------------

_STRETCH = (_operand_broadcasts_itself, _broadcast_last)
LAWS: dict[str, tuple[Law, ...]] = {
    "identity": (_the_input,),
    "stop_gradient": (_the_input,),  # a compiled program computes values, not derivatives
    "cast": (_same_dtype,),
    "negative": (_twice_is_nothing,),
    "logical_not": (_twice_is_nothing,),
    "add": _STRETCH,
    "subtract": (_neutral_right(0), *_STRETCH),  # x - 0 = x
    "multiply": (_neutral_right(1), _neutral_left(1), *_STRETCH),  # x * 1 = 1 * x = x
    "divide": (_neutral_right(1), _divide_by_power_of_two, *_STRETCH),  # x / 1 = x
    "pow": (_neutral_right(1), *_STRETCH),
    "maximum": _STRETCH,
    "minimum": _STRETCH,
    "select": _STRETCH,
    "equal": _STRETCH,
    "greater": _STRETCH,
    "less": _STRETCH,
    "reshape": (_reshape_to_itself, _reshape_of_reshape, _reshape_of_one_repeated),
    "reshape_like": (_to_static_shape,),
    "expand_dims": (_to_static_shape,),
    "squeeze": (_to_static_shape,),
    "transpose": (_transpose_in_order, _transpose_of_transpose),
    "broadcast_to": (_reshape_to_itself,),
    "broadcast_like": (_broadcast_to_static,),
    "sum_like": (_sum_like_of_same_shape, _sum_like_is_a_sum),
    "reduce_sum": (_reduce_of_no_axis,),
    "reduce_max": (_reduce_of_no_axis, _reduce_of_single_elements),
    "reduce_min": (_reduce_of_no_axis, _reduce_of_single_elements),
}
