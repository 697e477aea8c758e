"""Order among elements: sort, top_k, where a number would stand, which are equal."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from engine import dtypes, spec
from engine.dispatch import NOT_DIFFERENTIABLE, apply, primitive, same_dtype
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, convert_together, is_symbolic
from engine.ops.elementwise import (
    REAL,
    _check_kind,
    cast,
    greater,
    is_finite,
    less,
    logical_and,
    maximum,
    minimum,
    ones_like,
    zeros_like,
)
from engine.ops.indexing import _SCATTER_ADD, gather
from engine.ops.layout import expand_dims, transpose
from engine.ops.reduce import reduce_sum
from engine.ops.slicing import getitem
from engine.spec import TensorSpec, element_count, normalize_axis, show
from engine.tensor import Tensor


class TopK(NamedTuple):
    """The largest elements and where they stand, as `tf.math.top_k` returns them."""

    values: Tensor
    indices: Tensor


class Unique(NamedTuple):
    """The different elements, and for each element of the input which of them it is."""

    y: Tensor
    idx: Tensor


class UniqueWithCounts(NamedTuple):
    """The different elements, which of them each element is, and how often each occurs."""

    y: Tensor
    idx: Tensor
    count: Tensor  # type: ignore[assignment]  # TensorFlow's name; it hides tuple.count


# --- sort -----------------------------------------------------------------------------------------


def _argsort_kernel(xp: Any, x: Any, *, descending: bool = False) -> Any:
    if not descending:
        return xp.argsort(x, axis=-1, kind="stable").astype(np.int32)
    # Sorted backwards and read backwards: elements that are equal keep their order.
    order = xp.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]
    return (x.shape[-1] - 1 - order).astype(np.int32)


def _argsort_spec(x: TensorSpec, *, descending: bool = False) -> TensorSpec:
    _check_kind("argsort", x, REAL)
    return TensorSpec(x.dims, dtypes.int32)


_ARGSORT = primitive("argsort", _argsort_kernel, _argsort_spec, vjp=NOT_DIFFERENTIABLE)


def _descending(direction: str, what: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"{what}: direction must be 'ASCENDING' or 'DESCENDING', not {direction!r}.")
    return direction == "DESCENDING"


def _last(x: Tensor, axis: int, what: str) -> tuple[Tensor, Any]:
    """The tensor with `axis` moved to the end, and the order of axes that moves it back, or None."""
    _check_kind(what, x, REAL)
    place = normalize_axis(axis, x.ndim, what)
    if place == x.ndim - 1:
        return x, None
    order = [*(i for i in range(x.ndim) if i != place), place]
    return transpose(x, order), [order.index(i) for i in range(x.ndim)]


def argsort(
    values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False, name: str | None = None
) -> Tensor:
    """The positions that sort `values` along an axis. Always stable: equal elements keep their order.

    >>> argsort([3, 1, 2]).numpy().tolist()
    [1, 2, 0]
    """
    x, back = _last(convert(values), axis, "argsort")
    order = apply(_ARGSORT, x, descending=_descending(direction, "argsort"))
    return order if back is None else transpose(order, back)


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING", name: str | None = None) -> Tensor:
    """The elements along an axis in order.

    >>> sort([3, 1, 2], direction="DESCENDING").numpy().tolist()
    [3, 2, 1]
    """
    x, back = _last(convert(values), axis, "sort")
    order = apply(_ARGSORT, x, descending=_descending(direction, "sort"))
    made = gather(x, order, batch_dims=x.ndim - 1)
    return made if back is None else transpose(made, back)


def top_k(
    input: Any, k: int = 1, sorted: bool = True, index_type: Any = dtypes.int32, name: str | None = None
) -> TopK:
    """The `k` largest elements along the last axis, largest first, and their positions.

    Of equal elements the first comes first. They are sorted also if `sorted` is False.

    >>> values, indices = top_k([1, 5, 3], k=2)
    >>> values.numpy().tolist(), indices.numpy().tolist()
    ([5, 3], [1, 2])
    """
    x, count = convert(input), int(k)
    if not x.ndim or count < 0 or (x.shape[-1] is not None and count > x.shape[-1]):
        raise InvalidArgumentError(
            f"top_k: {count} elements were asked of the last axis of shape {show(x._dims)}."
        )
    _check_kind("top_k", x, REAL)
    order = getitem(apply(_ARGSORT, x, descending=True), (Ellipsis, slice(count)))
    return TopK(gather(x, order, batch_dims=x.ndim - 1), cast(order, index_type))


def in_top_k(targets: Any, predictions: Any, k: int, name: str | None = None) -> Tensor:
    """For each row of `predictions`, whether the class `targets` is among the `k` with the highest score.

    Classes that tie for the last place are all in; a score that is not finite is not.

    >>> in_top_k([0, 1], [[0.1, 0.7, 0.2], [0.1, 0.7, 0.2]], k=1).numpy().tolist()
    [False, True]
    """
    scores, classes = convert(predictions), convert(targets)
    count = scores.shape[-1]
    if count is None:
        raise InvalidArgumentError("in_top_k: the number of classes must be known.")
    there = logical_and(greater(classes, -1), less(classes, count))
    safe = minimum(maximum(classes, 0), count - 1)
    own = gather(scores, expand_dims(safe, -1), batch_dims=1)
    better = reduce_sum(cast(greater(scores, own), dtypes.int32), -1)
    fine = logical_and(there, is_finite(getitem(own, (slice(None), 0))))
    return logical_and(fine, less(better, int(k)))


def invert_permutation(x: Any, name: str | None = None) -> Tensor:
    """The permutation that undoes `x`: y[x[i]] = i.

    >>> invert_permutation([2, 0, 1]).numpy().tolist()
    [1, 2, 0]
    """
    order = convert(x)
    if order.ndim != 1 or not order.dtype.is_integer:
        raise InvalidArgumentError(f"invert_permutation: a vector of integers was expected, not {order}.")
    if not is_symbolic(order) and sorted(order.numpy().tolist()) != list(range(len(order))):
        raise InvalidArgumentError(
            f"invert_permutation: {order.numpy().tolist()} does not hold each of 0 to {len(order) - 1} once."
        )
    return cast(apply(_ARGSORT, order), order.dtype)


# --- where a number would stand -------------------------------------------------------------------


def _search_kernel(xp: Any, rows: Any, values: Any, *, side: str, dtype: dtypes.DType) -> Any:
    count = element_count(rows.shape[:-1])
    flat = xp.reshape(rows, (count, rows.shape[-1]))
    wanted = xp.reshape(values, (count, values.shape[-1]))
    result = xp.zeros(wanted.shape, dtype.as_numpy_dtype)
    for i in range(flat.shape[0]):
        result[i] = xp.searchsorted(flat[i], wanted[i], side)
    return xp.reshape(result, values.shape)


def _search_spec(rows: TensorSpec, values: TensorSpec, *, side: str, dtype: dtypes.DType) -> TensorSpec:
    same_dtype("searchsorted", rows, values)
    _check_kind("searchsorted", rows, REAL)
    if not rows.dims or not values.dims or not spec.compatible(rows.dims[:-1], values.dims[:-1]):
        raise InvalidArgumentError(
            f"searchsorted: sorted_sequence and values must share all axes but the last, but have shapes "
            f"{show(rows.dims)} and {show(values.dims)}."
        )
    return TensorSpec(values.dims, dtype)


_SEARCH = primitive("searchsorted", _search_kernel, _search_spec, vjp=NOT_DIFFERENTIABLE)


def searchsorted(
    sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Where each value would have to be put in, so that the sequence stays sorted. Row by row.

    With `side` 'left' before elements equal to it, with 'right' after them.

    >>> searchsorted([1, 3, 5], [0, 3, 9]).numpy().tolist()
    [0, 1, 3]
    """
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side must be 'left' or 'right', not {side!r}.")
    rows, wanted = convert_together(sorted_sequence, values)
    _search_spec(rows.spec, wanted.spec, side=side, dtype=dtypes.int32)
    return apply(_SEARCH, rows, wanted, side=side, dtype=dtypes.as_dtype(out_type))


# --- which are equal ------------------------------------------------------------------------------


def _check_vector(x: TensorSpec) -> None:
    if x.rank != 1:
        raise InvalidArgumentError(f"unique: a vector was expected, but shape {show(x.dims)} was given.")


def _firsts_kernel(xp: Any, x: Any, *, dtype: dtypes.DType) -> Any:
    first = xp.unique(x, return_index=True)[1]
    return xp.sort(first).astype(dtype.as_numpy_dtype)  # in the order they occur, not by size


def _firsts_spec(x: TensorSpec, *, dtype: dtypes.DType) -> TensorSpec:
    _check_vector(x)
    return TensorSpec((None,), dtype)


def _which_kernel(xp: Any, x: Any, *, dtype: dtypes.DType) -> Any:
    _, first, which = xp.unique(x, return_index=True, return_inverse=True)
    rank = xp.argsort(xp.argsort(first, kind="stable"), kind="stable")
    return rank[which].astype(dtype.as_numpy_dtype)


def _which_spec(x: TensorSpec, *, dtype: dtypes.DType) -> TensorSpec:
    _check_vector(x)
    return TensorSpec(x.dims, dtype)


_FIRSTS = primitive("unique_firsts", _firsts_kernel, _firsts_spec, vjp=NOT_DIFFERENTIABLE)
_WHICH = primitive("unique_which", _which_kernel, _which_spec, vjp=NOT_DIFFERENTIABLE)


def unique_with_counts(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> UniqueWithCounts:
    """The different elements of a vector in the order they occur, where, and how often.

    >>> [part.numpy().tolist() for part in unique_with_counts([7, 4, 7])]
    [[7, 4], [0, 1, 0], [2, 1]]
    """
    y, which = unique(x, out_idx)
    counts = apply(_SCATTER_ADD, ones_like(which), which, zeros_like(y, which.dtype), axis=0)
    return UniqueWithCounts(y, which, counts)


def unique(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> Unique:
    """The different elements of a vector in the order they occur, and which of them each element is.

    >>> [part.numpy().tolist() for part in unique([7, 4, 7])]
    [[7, 4], [0, 1, 0]]
    """
    vector, dtype = convert(x), dtypes.as_dtype(out_idx)
    _check_vector(vector.spec)
    first = apply(_FIRSTS, vector, dtype=dtype)
    return Unique(gather(vector, first), apply(_WHICH, vector, dtype=dtype))
