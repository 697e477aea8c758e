"""Many elements to a few, sorted by a number that each carries: segment sums, counts, histograms.

The sums are scatter_add; only the largest, the smallest and the product need primitives of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes, spec
from engine.dispatch import apply, primitive
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, convert_like, is_symbolic, zeros
from engine.ops.elementwise import (
    NUMBERS,
    REAL,
    _check_kind,
    cast,
    clip_by_value,
    divide,
    equal,
    floor,
    greater,
    less,
    maximum,
    minimum,
    ones_like,
    sqrt,
    where,
    zeros_like,
)
from engine.ops.indexing import _SCATTER_ADD, _positions, gather
from engine.ops.joining import stack
from engine.ops.layout import expand_dims, reshape, reshape_like, sizes
from engine.ops.ordering import argsort
from engine.ops.reduce import reduce_max
from engine.ops.scan import _recurrence, _shift
from engine.ops.sequences import range_
from engine.ops.slicing import getitem
from engine.spec import TensorSpec, show
from engine.tensor import Tensor

# --- primitives -----------------------------------------------------------------------------------


def _neutral(dtype: Any, method: str) -> Any:
    """What leaves every element as it is: the result of a segment without elements."""
    if method == "multiply":
        return 1
    found = dtypes.of_numpy(dtype)
    return found.min if method == "maximum" else found.max


def _segment(name: str, method: str, vjp: Any, kinds: tuple[str, ...]) -> Any:
    def kernel(xp: Any, data: Any, ids: Any, like: Any) -> Any:
        result = xp.full(like.shape, _neutral(data.dtype, method), data.dtype)
        getattr(xp, method).at(result, ids, data)
        return result

    def rule(data: TensorSpec, ids: TensorSpec, like: TensorSpec) -> TensorSpec:
        _check_kind(name, data, kinds)
        return TensorSpec(like.dims, data.dtype)

    return primitive(name, kernel, rule, vjp=(vjp, None, None))


def _extreme_vjp(dy: Tensor, y: Tensor, data: Tensor, ids: Tensor, like: Tensor) -> Tensor:
    """Elements that tie for the extreme share the cotangent evenly."""
    hit = cast(equal(data, gather(y, ids)), dy.dtype)
    count = apply(_SCATTER_ADD, hit, ids, like, axis=0)
    return gather(dy / maximum(count, 1), ids) * hit


def _prod_vjp(dy: Tensor, y: Tensor, data: Tensor, ids: Tensor, like: Tensor) -> Tensor:
    """The product of the others of a segment: of those before and those after, in the order of segments.

    Nothing is divided, so zeros need no care, in derivatives of any order.
    """
    numbers: Any = reshape(ids, [-1])
    x = reshape(data, [sizes(numbers)[0], *sizes(data)[ids.ndim :]])
    order = argsort(numbers)
    x, numbers = gather(x, order), gather(numbers, order) + 1
    for _ in range(x.ndim - 1):
        numbers = expand_dims(numbers, -1)
    others = ones_like(x)
    for backward in (False, True):
        inside = equal(numbers, _shift(numbers, 0, backward))  # the neighbour is of the same segment
        step = where(inside, _shift(x, 0, backward), zeros_like(x))
        start = where(inside, zeros_like(x), ones_like(x))
        others = others * _recurrence(step, start, 0, backward, False)
    return gather(dy, ids) * reshape_like(gather(others, argsort(order)), data)


_MAX = _segment("segment_max", "maximum", _extreme_vjp, REAL)
_MIN = _segment("segment_min", "minimum", _extreme_vjp, REAL)
_PROD = _segment("segment_prod", "multiply", _prod_vjp, NUMBERS)


# --- segments in any order ------------------------------------------------------------------------


def _reduced(record: Any, data: Any, segment_ids: Any, num_segments: Any, what: str) -> Tensor:
    """One row a segment. Elements with a negative number go to a last row that is cut off."""
    x, ids = convert(data), _positions(segment_ids, what)
    lead = x.shape.as_list()[: ids.ndim]
    if ids.ndim > x.ndim or not spec.compatible(tuple(lead), ids._dims):
        raise InvalidArgumentError(
            f"{what}: segment_ids must have the first axes of the data, but shapes {show(ids._dims)} "
            f"and {show(x._dims)} were given."
        )
    if isinstance(num_segments, Tensor) and not is_symbolic(num_segments):
        num_segments = num_segments.item()
    elif not isinstance(num_segments, Tensor):
        num_segments = spec.whole(num_segments, "num_segments")
    if isinstance(num_segments, int) and not is_symbolic(ids) and ids.shape.num_elements():
        highest = int(ids.numpy().max())
        if highest >= num_segments:
            raise InvalidArgumentError(
                f"{what}: segment number {highest} was given, but there are {num_segments} segments, 0 "
                f"to {num_segments - 1}."
            )
    places = where(less(ids, 0), cast(convert(num_segments), ids.dtype), ids)
    like = zeros([num_segments + 1, *sizes(x)[ids.ndim :]], x.dtype)
    how = {"axis": 0} if record is _SCATTER_ADD else {}
    return getitem(apply(record, x, places, like, **how), slice(0, num_segments))


def unsorted_segment_sum(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Row i is the sum of the elements whose segment number is i. Negative numbers are left out.

    >>> unsorted_segment_sum([1, 2, 3], [1, 0, 1], 3).numpy().tolist()
    [2, 4, 0]
    """
    return _reduced(_SCATTER_ADD, data, segment_ids, num_segments, "unsorted_segment_sum")


def unsorted_segment_max(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Row i is the largest of segment i; the lowest number of the dtype if it is empty."""
    return _reduced(_MAX, data, segment_ids, num_segments, "unsorted_segment_max")


def unsorted_segment_min(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Row i is the smallest of segment i; the largest number of the dtype if it is empty."""
    return _reduced(_MIN, data, segment_ids, num_segments, "unsorted_segment_min")


def unsorted_segment_prod(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Row i is the product of segment i; 1 if it is empty.

    >>> unsorted_segment_prod([2, 3, 5], [1, 1, 0], 3).numpy().tolist()
    [5, 6, 1]
    """
    return _reduced(_PROD, data, segment_ids, num_segments, "unsorted_segment_prod")


def _counts(total: Tensor, segment_ids: Any, num_segments: Any) -> Tensor:
    """How many elements each segment has, at least 1, in a shape that divides `total`."""
    ids = convert(segment_ids)
    count = unsorted_segment_sum(cast(ones_like(ids), total.dtype), ids, num_segments)
    return reshape(maximum(count, 1), [-1] + [1] * (total.ndim - 1))


def unsorted_segment_mean(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Row i is the mean of segment i; 0 if it is empty.

    >>> unsorted_segment_mean([1.0, 2.0, 4.0], [0, 1, 1], 2).numpy().tolist()
    [1.0, 3.0]
    """
    total = unsorted_segment_sum(data, segment_ids, num_segments)
    return cast(divide(total, _counts(total, segment_ids, num_segments)), total.dtype)


def unsorted_segment_sqrt_n(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Row i is the sum of segment i divided by the root of its size; 0 if it is empty."""
    total = unsorted_segment_sum(data, segment_ids, num_segments)
    return total / sqrt(_counts(total, segment_ids, num_segments))


# --- segments in order ----------------------------------------------------------------------------


def _sorted(segment_ids: Any, what: str) -> tuple[Tensor, Any]:
    """Checked segment numbers, and how many segments they name."""
    ids = _positions(segment_ids, what)
    if ids.ndim != 1:
        raise InvalidArgumentError(f"{what}: segment_ids must be a vector, not shape {show(ids._dims)}.")
    if ids.shape[0] == 0:
        return ids, 0
    if is_symbolic(ids):
        return ids, reduce_max(ids) + 1
    numbers = ids.numpy()
    if numbers[0] < 0 or (np.diff(numbers) < 0).any():
        raise InvalidArgumentError(
            f"{what}: segment_ids must not be negative and never go down, but are {numbers.tolist()}. "
            f"For segments in any order use the function of this name with unsorted_ before it."
        )
    return ids, int(numbers[-1]) + 1


def segment_sum(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Row i is the sum of the rows whose segment number is i; the numbers never go down.

    >>> segment_sum([[1, 2], [3, 4], [5, 6]], [0, 0, 1]).numpy().tolist()
    [[4, 6], [5, 6]]
    """
    return unsorted_segment_sum(data, *_sorted(segment_ids, "segment_sum"))


def segment_mean(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Row i is the mean of the rows whose segment number is i; 0 if there is none."""
    return unsorted_segment_mean(data, *_sorted(segment_ids, "segment_mean"))


def segment_prod(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Row i is the product of the rows whose segment number is i; 1 if there is none."""
    return unsorted_segment_prod(data, *_sorted(segment_ids, "segment_prod"))


def _or_zero(made: Tensor, ids: Tensor, count: Any) -> Tensor:
    there = greater(unsorted_segment_sum(ones_like(ids), ids, count), 0)
    return where(reshape(there, [-1] + [1] * (made.ndim - 1)), made, zeros_like(made))


def segment_max(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Row i is the largest of the rows whose segment number is i; 0 if there is none."""
    ids, count = _sorted(segment_ids, "segment_max")
    return _or_zero(unsorted_segment_max(data, ids, count), ids, count)


def segment_min(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Row i is the smallest of the rows whose segment number is i; 0 if there is none."""
    ids, count = _sorted(segment_ids, "segment_min")
    return _or_zero(unsorted_segment_min(data, ids, count), ids, count)


# --- counting -------------------------------------------------------------------------------------


def bincount(
    arr: Any,
    weights: Any = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = dtypes.int32,
    name: str | None = None,
    axis: int | None = None,
    binary_output: bool = False,
) -> Tensor:
    """How often each of 0, 1, 2, ... occurs; with `weights`, the sum of theirs.

    Args:
      minlength, maxlength: bounds for the length, which is else one more than the largest number;
        numbers beyond maxlength are left out.
      axis: None or 0 counts all of `arr`; -1 each row of a matrix on its own.
      binary_output: 1 for what occurs, 0 for what does not.

    >>> bincount([1, 1, 3]).numpy().tolist()
    [0, 2, 0, 1]
    """
    x = _positions(arr, "bincount")
    if axis not in (None, 0, -1) or (axis == -1 and x.ndim > 2):
        raise InvalidArgumentError("bincount: axis must be None, 0, or -1 for a matrix.")
    if not is_symbolic(x) and x.shape.num_elements() and int(x.numpy().min()) < 0:
        raise InvalidArgumentError(f"bincount counts 0, 1, 2, ..., but {int(x.numpy().min())} was given.")
    length: Any = reduce_max(x) + 1 if x.shape.num_elements() != 0 else convert(0, x.dtype)
    if minlength is not None:
        length = maximum(length, cast(convert(minlength), x.dtype))
    if maxlength is not None:
        length = minimum(length, cast(convert(maxlength), x.dtype))
    if not is_symbolic(length):
        length = length.item()
    if weights is not None and binary_output:
        raise InvalidArgumentError("bincount: binary_output says whether, weights how much: give one.")
    each = cast(ones_like(x), dtype) if weights is None else convert(weights)
    by_row = axis == -1 and x.ndim == 2
    rows = sizes(x)[0] if by_row else 1
    start = reshape(range_(rows), [-1, 1]) * length if by_row else 0
    places = where(less(x, length), x + cast(convert(start), x.dtype), -1)
    made = unsorted_segment_sum(each, places, rows * length)
    if binary_output:
        made = cast(greater(made, 0), made.dtype)
    return reshape(made, [rows, length]) if by_row else made


def confusion_matrix(
    labels: Any, predictions: Any, num_classes: Any = None, weights: Any = None,
    dtype: Any = dtypes.int32, name: str | None = None,
) -> Tensor:  # fmt: skip
    """How often class i (row) was predicted as class j (column).

    >>> confusion_matrix([1, 2, 2], [1, 0, 2]).numpy().tolist()
    [[0, 0, 0], [0, 1, 0], [1, 0, 1]]
    """
    true = reshape(cast(_positions(labels, "confusion_matrix"), dtypes.int64), [-1])
    said = reshape(cast(_positions(predictions, "confusion_matrix"), dtypes.int64), [-1])
    if num_classes is None:
        count: Any = reduce_max(stack([reduce_max(true), reduce_max(said)])) + 1
    else:
        count = cast(convert(num_classes), dtypes.int64)
    if not is_symbolic(count):
        count = count.item()
        for values, what in ((true, "labels"), (said, "predictions")):
            if not is_symbolic(values) and values.shape[0] and not (
                int(values.numpy().min()) >= 0 and int(values.numpy().max()) < count
            ):
                raise InvalidArgumentError(
                    f"confusion_matrix: {what} must be 0 to {count - 1}, but hold "
                    f"{int(values.numpy().min())} to {int(values.numpy().max())}."
                )
    each = ones_like(true, dtype) if weights is None else cast(reshape(convert(weights), [-1]), dtype)
    return reshape(unsorted_segment_sum(each, true * count + said, count * count), [count, count])


def histogram_fixed_width_bins(
    values: Any, value_range: Any, nbins: int = 100, dtype: Any = dtypes.int32, name: str | None = None
) -> Tensor:
    """For each value, which of `nbins` equal parts of [low, high] it falls in; beyond: the first or last.

    >>> histogram_fixed_width_bins([-1.0, 0.0, 1.5, 5.0, 15.0], [0.0, 5.0], nbins=5).numpy().tolist()
    [0, 0, 1, 4, 4]
    """
    x = convert(values)
    ends = convert_like(value_range, x)
    low, high = getitem(ends, 0), getitem(ends, 1)
    if int(nbins) < 1 or (not is_symbolic(ends) and np.diff(ends.numpy())[0] <= 0):
        raise InvalidArgumentError(
            f"histogram_fixed_width: at least one bin and a range [low, high] with low < high were "
            f"expected, but nbins={nbins} and {value_range} were given."
        )
    wide = dtypes.float64 if x.dtype.is_integer else x.dtype
    share = cast(x - low, wide) / cast(high - low, wide)
    return cast(clip_by_value(floor(share * int(nbins)), 0, int(nbins) - 1), dtype)


def histogram_fixed_width(
    values: Any, value_range: Any, nbins: int = 100, dtype: Any = dtypes.int32, name: str | None = None
) -> Tensor:
    """How many values fall into each of `nbins` equal parts of [low, high].

    >>> histogram_fixed_width([-1.0, 0.0, 1.5, 5.0, 15.0], [0.0, 5.0], nbins=5).numpy().tolist()
    [2, 1, 0, 0, 2]
    """
    bins = histogram_fixed_width_bins(values, value_range, nbins)
    return unsorted_segment_sum(cast(ones_like(bins), dtype), bins, int(nbins))
