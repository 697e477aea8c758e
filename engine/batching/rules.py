"""How each primitive meets the axis that counts the examples: one table, RULES, at the end.

A rule gets the batch, the primitive, its inputs as Batched (those with `along` have the axis in front)
and its attributes. It returns the results of all examples, stacked; or `batch.same(...)` for what does
not differ among them; or None, for inputs that must be taken example by example.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from engine.batching import control
from engine.batching.batch import Batch, Batched
from engine.dispatch import Primitive, apply
from engine.dtypes import bool_
from engine.ops.creation import zeros
from engine.ops.elementwise import cast, ones_like, where
from engine.ops.joining import concat
from engine.ops.layout import broadcast_to, expand_dims, reshape, shape, sizes, transpose
from engine.ops.linalg import swap_last
from engine.ops.reduce import reduce_prod, reduce_sum
from engine.ops.scan import cumsum
from engine.ops.slicing import ALL
from engine.tensor import Tensor

Attrs = dict[str, Any]
Inputs = list[Batched]
Rule = Callable[[Batch, Primitive, Inputs, Attrs], Any]

# --- families -------------------------------------------------------------------------------------


def aligned(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    """Inputs that are broadcast: as it is, once all ranks agree. Every elementwise primitive."""
    rank = max(len(x._dims) for x in inputs)
    return apply(primitive, *(batch.lead(x, rank) for x in inputs), **attrs)


def stacked(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    """Primitives that look at the last axes only: the examples are one more axis before them."""
    return apply(primitive, *map(batch.spread, inputs), **attrs)


# Attributes that count axes or list a thing for each, where there is one more axis in front.
MOVED: dict[str, Callable[[Any], Any]] = {
    "axis": lambda axis: axis + 1 if isinstance(axis, int) else tuple(a + 1 for a in axis),
    "axes": lambda axes: tuple(a + 1 for a in axes),
    "seq_axis": lambda axis: axis + 1,
    "batch_axis": lambda axis: axis + 1,
    "perm": lambda perm: (0, *(p + 1 for p in perm)),
    "paddings": lambda pairs: ((0, 0), *pairs),
    "multiples": lambda multiples: (1, *multiples),
    "index": lambda index: (ALL, *index),
    "shape": lambda shape: None if shape is None else (None, *shape),
}


def moved_attrs(attrs: Attrs) -> Attrs:
    """The attributes for tensors with one more axis in front."""
    return {name: MOVED[name](value) if name in MOVED else value for name, value in attrs.items()}


def moved(common_from: int | None = None) -> Rule:
    """Primitives that name axes: each number is one higher.

    common_from: the inputs from this one on must be the same for all examples.
    """

    def rule(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
        end = len(inputs) if common_from is None else common_from
        if any(x.along for x in inputs[end:]):
            return None
        values = [*map(batch.spread, inputs[:end]), *(x.value for x in inputs[end:])]
        return apply(primitive, *values, **moved_attrs(attrs))

    return rule


# --- shapes ---------------------------------------------------------------------------------------


def _shape(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    return batch.same(apply(primitive, inputs[0].value, **attrs)[1:])


def _size(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    return batch.same(reduce_prod(shape(inputs[0].value, attrs["dtype"])[1:]))  # type: ignore[index]


def _reshape(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    dims = primitive.spec(inputs[0].spec, **attrs).dims
    return reshape(inputs[0].value, [batch.size, *(-1 if d is None else d for d in dims)])


def _reshape_like(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    x, like = inputs
    if not x.along:
        return batch.same(reshape(x.value, batch.sizes(like)))
    return reshape(x.value, [batch.size, *batch.sizes(like)])


def _with_front(batch: Batch, later: Tensor, known: Any) -> Attrs:
    """A shape tensor with the number of examples in front, and what is known of it."""
    front = cast(reshape(batch.size, [1]), later.dtype)
    count = batch.size if isinstance(batch.size, int) else None
    return {
        "shape": concat([front, later], 0),
        "known": None if known is None else (count, *known),
    }


def _to_shape(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    """reshape_to and broadcast_to_shape: the shape is an input."""
    x, later = inputs
    if later.along or (isinstance(batch.size, int) and not batch.size):
        return None  # without examples, no element is left that would say what a -1 stands for
    found = _with_front(batch, later.value, attrs.get("known"))
    stretched = primitive.name == "broadcast_to_shape"
    value = batch.lead(x, later._dims[0]) if stretched else x.value
    return apply(primitive, value, found["shape"], known=found["known"])


def _broadcast_to(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    dims = attrs["shape"]
    return broadcast_to(batch.lead(inputs[0], len(dims)), [batch.size, *dims])


def _broadcast_like(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    x, like = inputs
    if not x.along:
        return batch.same(broadcast_to(x.value, batch.sizes(like)))
    value = batch.lead(x, len(like._dims))
    return broadcast_to(value, [batch.size, *batch.sizes(like)])


def blank(dims: list[Any], dtype: Any) -> Tensor:
    """A tensor for primitives that look at nothing but its shape; eagerly it takes no memory."""
    return broadcast_to(zeros([], dtype), dims)


def _sum_like(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    x, like = inputs
    dims = batch.sizes(like)

    def summed(*front: Any) -> Tensor:
        return apply(primitive, x.value, blank([*front, *dims], x.dtype))

    if not x.along:
        return batch.same(summed())
    missing = len(x._dims) - len(dims)
    made = summed(batch.size, *[1] * missing)
    return reshape(made, [batch.size, *dims]) if missing else made


def _pad(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    """With a border of each example's own value: zeros first, then a choice."""
    x, border = inputs
    if not border.along:
        return moved(common_from=1)(batch, primitive, inputs, attrs)
    value, wide = batch.spread(x), moved_attrs(attrs)
    inside = apply(primitive, ones_like(value, bool_), zeros([], bool_), **wide)
    padded = apply(primitive, value, zeros([], x.dtype), **wide)
    return where(inside, padded, batch.lead(border, len(x._dims)))


def _reverse_sequence(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    """With lengths of each example's own: all examples' sequences are one batch."""
    x, lengths = inputs
    if not lengths.along:
        return moved(common_from=1)(batch, primitive, inputs, attrs)
    steps, own = attrs["seq_axis"] + 1, attrs["batch_axis"] + 1
    order = [0, own, steps, *(i for i in range(1, len(x._dims) + 1) if i not in (own, steps))]
    front = transpose(batch.spread(x), order)
    count, first, *rest = sizes(front)
    joined = reshape(front, [count * first, *rest])
    made = apply(primitive, joined, reshape(lengths.value, [-1]), seq_axis=1, batch_axis=0)
    return transpose(
        reshape(made, [count, first, *rest]), [order.index(i) for i in range(len(order))]
    )


# --- products -------------------------------------------------------------------------------------


def _matmul(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    """One large product instead of many small ones where one of the two matrices is common to all."""
    a, b = inputs
    whole = a.spec.shape.is_fully_defined() and b.spec.shape.is_fully_defined()
    if whole and len(a._dims) == 2 == len(b._dims) and isinstance(batch.size, int):
        (n, k), m = a._dims, b._dims[1]
        if not b.along:
            rows = reshape(a.value, [batch.size * n, k])
            return reshape(apply(primitive, rows, b.value), [batch.size, n, m])
        if not a.along and m == 1:
            rows = reshape(b.value, [batch.size, k])
            return expand_dims(apply(primitive, rows, swap_last(a.value)), -1)
    return aligned(batch, primitive, inputs, attrs)


def _einsum(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    used = "".join(attrs["labels"])
    examples = next(c for c in string.ascii_letters if c not in used)
    pairs = zip(inputs, attrs["labels"], strict=True)
    labels = tuple(examples + part if x.along else part for x, part in pairs)
    return apply(primitive, *(x.value for x in inputs), labels=labels, out=examples + attrs["out"])


# --- positions ------------------------------------------------------------------------------------


def _own(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    """gather, scatter and their kin with positions of each example's own: one more batch axis."""
    lead = {"batch_dims": attrs.get("batch_dims", 0) + 1}
    return apply(primitive, *map(batch.spread, inputs), **{**moved_attrs(attrs), **lead})


def _gather(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    params, indices = inputs
    if attrs.get("batch_dims") or (params.along and indices.along):
        return _own(batch, primitive, inputs, attrs)
    if params.along:
        return apply(primitive, params.value, indices.value, axis=attrs["axis"] + 1)
    made = apply(primitive, params.value, indices.value, **attrs)
    at, rank = (
        attrs["axis"],
        len(params._dims) + len(indices._dims),
    )  # the examples are axis `at` now
    return transpose(made, [at, *(i for i in range(rank) if i != at)]) if at else made


def _scatter_add(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    dy, indices, like = inputs
    if attrs.get("batch_dims") or indices.along:
        return _own(batch, primitive, inputs, attrs)
    values = (batch.spread(dy), indices.value, batch.spread(like))
    return apply(primitive, *values, axis=attrs["axis"] + 1)


def _gather_nd(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    params, indices = inputs
    if params.along or attrs["batch_dims"]:
        return _own(batch, primitive, inputs, attrs)
    return apply(primitive, params.value, indices.value, **attrs)


def _example_numbers(like: Tensor) -> Tensor:
    """For each element the number of its example, in the dtype and on the device of the tensor."""
    return cumsum(ones_like(like), 0, exclusive=True)


def _changed(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    """tensor_scatter_nd_*: each index starts with the number of its example."""
    tensor, indices, updates = inputs
    whole = batch.spread(indices)
    numbers = _example_numbers(reduce_sum(whole, -1, True))
    places = concat([numbers, whole], -1)
    return apply(primitive, batch.spread(tensor), places, batch.spread(updates), **attrs)


def _segments(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    """segment_*: the segments of all examples in one row, those of each after those of the one before."""
    data, ids, like = inputs
    count, *rest = batch.sizes(like)
    whole = batch.spread(ids)
    first = _example_numbers(whole) * cast(count, whole.dtype)
    row = reshape(batch.spread(like), [batch.size * count, *rest])
    made = apply(primitive, batch.spread(data), whole + first, row, **attrs)
    return reshape(made, [batch.size, count, *rest])


# --- convolution and pooling ------------------------------------------------------------------------


def merged(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    """Primitives whose first axis is a batch: the batches of all examples in one row."""

    def merge(value: Tensor) -> Tensor:
        count, first, *rest = sizes(value)
        return reshape(value, [count * first, *rest])

    first = batch.sizes(inputs[0])[0]
    made = apply(primitive, *(merge(batch.spread(x)) for x in inputs), **attrs)
    return reshape(made, [batch.size, first, *sizes(made)[1:]])


def _positions(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    return None if attrs["with_batch"] else merged(batch, primitive, inputs, attrs)


def _as_groups(value: Tensor) -> Tensor:
    """Examples as groups of channels: (examples, ..., channels) to (..., examples * channels)."""
    count, *middle, channels = sizes(value)
    order = [*range(1, len(middle) + 1), 0, len(middle) + 1]
    return reshape(transpose(value, order), [*middle, count * channels])


def _from_groups(batch: Batch, made: Tensor, channels: Any) -> Tensor:
    *middle, _ = sizes(made)
    rank = len(middle)
    apart = reshape(made, [*middle, batch.size, channels])
    return transpose(apart, [rank, *range(rank), rank + 1])


def _conv(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    x, w = inputs
    if not w.along:
        count, first, *rest = sizes(x.value)
        made = apply(primitive, reshape(x.value, [count * first, *rest]), w.value, **attrs)
        return reshape(made, [count, first, *sizes(made)[1:]])
    one_group = x._dims[-1] is not None and x._dims[-1] == w._dims[-2]
    given = x.value if one_group and not x.along else _as_groups(batch.spread(x))
    made = apply(primitive, given, _as_groups(w.value), **attrs)
    return _from_groups(batch, made, batch.sizes(w)[-1])


def _conv_input(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    dy, w, like = inputs
    if w.along:
        made = apply(primitive, *(_as_groups(batch.spread(x)) for x in inputs), **attrs)
        return _from_groups(batch, made, batch.sizes(like)[-1])
    _, first, *rest = sizes(batch.spread(dy))
    blank_like = blank([batch.size * first, *batch.sizes(like)[1:]], like.dtype)
    joined = reshape(batch.spread(dy), [batch.size * first, *rest])
    made = apply(primitive, joined, w.value, blank_like, **attrs)
    return reshape(made, [batch.size, first, *sizes(made)[1:]])


def _conv_filter(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    x, dy, like = inputs
    one_group = x._dims[-1] is not None and x._dims[-1] == like._dims[-2]
    given = x.value if one_group and not x.along else _as_groups(batch.spread(x))
    *window, filters = batch.sizes(like)
    blank_like = blank([*window, filters * batch.size], like.dtype)
    made = apply(primitive, given, _as_groups(batch.spread(dy)), blank_like, **attrs)
    return _from_groups(batch, made, filters)


# --- random numbers ---------------------------------------------------------------------------------


def drawn(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    """Draws: each example's numbers are those its own key gives, however many examples there are."""
    return batch.one_by_one(primitive, inputs, attrs)


# --- checks -----------------------------------------------------------------------------------------


def _check(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    """A check of values: it holds when it holds for all examples."""
    return batch.same(aligned(batch, primitive, inputs, attrs))


def _check_shapes(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    return batch.same(apply(primitive, *(blank(batch.sizes(x), x.dtype) for x in inputs), **attrs))


# --- a derivative of one's own ----------------------------------------------------------------------


def _custom(batch: Batch, primitive: Primitive, inputs: Inputs, attrs: Attrs) -> Any:
    """custom_gradient passes its first inputs on; its vjp is for one example, and is asked for each."""
    count = attrs["count"]
    along = [True] * count + [x.along for x in inputs[count:]]

    def vjp(dys: Any, ys: Any, *xs: Tensor, **same: Any) -> Any:
        return batch.pull(primitive, along, dys, ys, xs, same)

    values = [*map(batch.spread, inputs[:count]), *(x.value for x in inputs[count:])]
    return apply(replace(primitive, vjp=vjp), *values, **attrs)


RULES: dict[str, Rule] = {
    # elementwise in all but the ufunc that makes the others of this family known
    **dict.fromkeys(("select", "cast", "fill_like", "identity", "stop_gradient", "complex"), aligned),
    **dict.fromkeys(("real", "imag", "complex_abs", "bitcast", "check_numerics"), aligned),
    **dict.fromkeys(("betainc", "betainc_derivative", "igamma", "igammac", "igamma_derivative"), aligned),
    # matrices, or rows, in the last axes
    **dict.fromkeys(("triangle", "inv", "det", "slogdet", "cholesky", "qr", "eigh", "svd"), stacked),
    **dict.fromkeys(("diag_part", "diag_like", "argsort", "searchsorted", "checked_labels"), stacked),
    "isotonic_pools": stacked,
    **dict.fromkeys(("eig", "lu", "expm", "sqrtm", "logm", "tridiagonal_solve"), stacked),
    **dict.fromkeys(("solve", "triangular_solve"), aligned),
    "matmul": _matmul,
    "einsum": _einsum,
    # axes by number
    **dict.fromkeys(("reduce_sum", "reduce_max", "reduce_min", "reduce_all", "reduce_any"), moved()),
    **dict.fromkeys(("reduce_prod", "argmax", "argmin", "cumsum", "cumprod", "shift"), moved()),
    **dict.fromkeys(("cumulative_logsumexp", "recurrence", "concat", "part_of_concat"), moved()),
    **dict.fromkeys(("expand_dims", "squeeze", "transpose", "roll", "tile", "untile"), moved()),
    **dict.fromkeys(("mirror_pad", "mirror_unpad", "ensure_shape"), moved()),
    **dict.fromkeys(("fft", "rfft", "irfft"), moved()),
    "pad": _pad,
    "slice": moved(common_from=1),
    "reverse_sequence": _reverse_sequence,
    "unslice": moved(common_from=2),
    # shapes
    "shape": _shape,
    "size": _size,
    "reshape": _reshape,
    "reshape_like": _reshape_like,
    **dict.fromkeys(("reshape_to", "broadcast_to_shape"), _to_shape),
    "broadcast_to": _broadcast_to,
    "broadcast_like": _broadcast_like,
    "sum_like": _sum_like,
    # positions
    "gather": _gather,
    "scatter_add": _scatter_add,
    "gather_nd": _gather_nd,
    "scatter_nd_add": _own,
    **dict.fromkeys(("tensor_scatter_nd_update", "tensor_scatter_nd_max"), _changed),
    "tensor_scatter_nd_min": _changed,
    **dict.fromkeys(("segment_max", "segment_min", "segment_prod"), _segments),
    # images
    "conv": _conv,
    "conv_backprop_input": _conv_input,
    "conv_backprop_filter": _conv_filter,
    **dict.fromkeys(("max_pool", "max_pool_backprop", "max_pool_pick"), merged),
    **dict.fromkeys(("window_sum", "window_spread"), merged),
    "max_pool_positions": _positions,
    # random numbers
    **dict.fromkeys(("random_uniform", "random_normal", "random_truncated_normal"), drawn),
    **dict.fromkeys(("random_integers", "random_gamma", "random_poisson", "random_binomial"), drawn),
    "sample_classes": drawn,
    # checks
    **dict.fromkeys(("assert_equal", "assert_none_equal", "assert_less", "assert_less_equal"), _check),
    **dict.fromkeys(("assert_greater", "assert_greater_equal", "assert_near", "assert_positive"), _check),
    **dict.fromkeys(("assert_negative", "assert_non_negative", "assert_non_positive"), _check),
    **dict.fromkeys(("assert_rank", "assert_shapes"), _check_shapes),
    # programs
    "cond": control.cond,
    "while": control.while_,
    "custom_gradient": _custom,
}  # fmt: skip


def rule_of(primitive: Primitive) -> Rule | None:
    """The rule of a primitive; None for one whose examples are taken one by one."""
    found = RULES.get(primitive.name)
    return aligned if found is None and primitive.ufunc is not None else found
