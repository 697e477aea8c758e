"""Windows: what can be computed on the cotangent of a max-pool before it is spread out is computed there.

Handing a cotangent back to the winners makes a large tensor of few numbers and many zeros. A relu before the
pool lets the cotangent of x through where x > 0. A winner equals the maximum y of its window, so it is as
well to ask for y > 0 first, of one number where the window has several. In the same way, the sum of all that
was handed back (the derivative of a bias) is the sum of what there was to hand back; added up in another
order, it may differ by rounding.
"""

from __future__ import annotations

from engine.graph.graph import Graph, Node
from engine.graph.passes.rewriting import Rewriter, rewrite

_POOL = "max_pool_backprop"


def unpool_later(graph: Graph) -> Graph:
    """Moves the derivative of a relu, and the sum over batch and places, before the un-pooling."""
    uses: dict[int, int] = {}
    for node in graph.nodes:
        for number in node.inputs:
            uses[number] = uses.get(number, 0) + 1
    for number in [*graph.outputs, *(number for _, number in graph.updates)]:
        uses[number] = uses.get(number, 0) + 1

    def visit(writer: Rewriter, node: Node) -> int | None:
        if node.op == "select" and uses.get(node.inputs[1]) == 1:
            return _select_first(writer, node)
        if node.op == "reduce_sum":
            return _sum_first(writer, node)
        return None

    return rewrite(graph, visit)


def _select_first(writer: Rewriter, node: Node) -> int | None:
    """select(x > 0, unpool(dy, x, y), 0) = unpool(select(y > 0, dy, 0), x, y)."""
    condition, spread, otherwise = node.inputs
    unpool, compare = writer.made_by[spread], writer.made_by[condition]
    if unpool.op != _POOL or compare.op != "greater" or not _is_zero(writer, otherwise):
        return None
    dy, x, y = unpool.inputs
    asked, limit = compare.inputs
    pooled = writer.made_by[x]
    through_relu = pooled.op == "relu" and pooled.inputs == (asked,)  # relu(a) > 0 where a > 0
    if not (asked == x or through_relu) or not _is_zero(writer, limit):
        return None
    if writer.dims(node.outputs[0]) != writer.dims(x) or not writer.static(x):
        return None
    zero = _scalar(writer, limit)
    allowed = writer.emit("select", writer.emit("greater", y, zero), dy, zero)
    return writer.emit(_POOL, allowed, x, y, **unpool.attrs)


def _sum_first(writer: Rewriter, node: Node) -> int | None:
    """The sum of unpool(dy, x, y) over all axes but the channels = the sum of dy."""
    unpool = writer.made_by[node.inputs[0]]
    if unpool.op != _POOL or not isinstance(unpool.attrs["padding"], str):
        return None  # with padding of one's own, a window may have no winner
    dy, x, _ = unpool.inputs
    rank = len(writer.dims(x))
    if sorted(node.attrs["axes"])[: rank - 1] != list(range(rank - 1)):
        return None
    return writer.emit("reduce_sum", dy, **node.attrs)


def _is_zero(writer: Rewriter, number: int) -> bool:
    """Whether a value is 0.0 everywhere; -0.0 is not meant."""
    return _scalar(writer, number) >= 0


def _scalar(writer: Rewriter, number: int) -> int:
    """The single 0.0 that a value repeats, or -1."""
    while writer.made_by[number].op == "broadcast_to":
        number = writer.made_by[number].inputs[0]
    array = writer.constant(number)
    found = array is not None and array.shape == () and array.tobytes().count(0) == array.nbytes
    return number if found else -1
