"""Isotonic regression: the falling (or rising) sequence nearest to a given one, and its derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import devices, dtypes
from engine.dispatch import NOT_DIFFERENTIABLE, apply, primitive
from engine.ops.creation import convert
from engine.ops.elementwise import REAL, _check_kind, cast
from engine.ops.indexing import gather
from engine.ops.layout import expand_dims, reshape, size, sizes, transpose
from engine.ops.segments import unsorted_segment_mean
from engine.ops.sequences import range_
from engine.spec import TensorSpec, normalize_axis
from engine.tensor import Tensor


def _pools(row: Any) -> list[int]:
    """The lengths of the runs that share a mean: neighbours that rise are merged until none does."""
    sums: list[float] = []
    counts: list[int] = []
    for value in row.tolist():
        sums.append(value)
        counts.append(1)
        while len(sums) > 1 and sums[-1] * counts[-2] > sums[-2] * counts[-1]:
            last, count = sums.pop(), counts.pop()
            sums[-1] += last
            counts[-1] += count
    return counts


def _kernel(xp: Any, x: Any, *, decreasing: bool) -> Any:
    """Pool adjacent violators: Best and Chakravarti, Mathematical Programming 47 (1990) 425."""
    if not x.size:
        return xp.zeros(x.shape, np.int32)
    rows = devices.to_host(x).astype(np.float64).reshape(-1, x.shape[-1]) * (1 if decreasing else -1)
    found = np.zeros(rows.shape, np.int32)
    for row, numbers in zip(rows, found, strict=True):
        counts = _pools(row)
        numbers[:] = np.repeat(np.arange(len(counts)), counts)
    return xp.asarray(found.reshape(x.shape))


def _spec(x: TensorSpec, *, decreasing: bool) -> TensorSpec:
    _check_kind("isotonic_regression", x, REAL)
    return TensorSpec(x.dims, dtypes.int32)


_POOLS = primitive("isotonic_pools", _kernel, _spec, vjp=NOT_DIFFERENTIABLE)


def isotonic_regression(inputs: Any, decreasing: bool = True, axis: int = -1) -> tuple[Tensor, Tensor]:
    """The sequences nearest to the inputs, in the sum of squares, that never rise along `axis`.

    With `decreasing=False` they never fall. Returned are the sequences and, as int32, the numbers of the runs
    of equal values: each is the mean of the inputs there, which gives the derivative. Integers become
    float32, or float64 if they have 64 bits or 32.

    >>> isotonic_regression([3.0, 1.0, 2.0, 0.0])[0].numpy().tolist()
    [3.0, 1.5, 1.5, 0.0]
    """
    x = convert(inputs)
    _check_kind("isotonic_regression", x, REAL)
    if x.dtype.is_integer:
        x = cast(x, dtypes.float64 if x.dtype.size > 2 else dtypes.float32)
    place = normalize_axis(axis, x.ndim, "isotonic_regression")
    order = [i for i in range(x.ndim) if i != place] + [place]
    back = np.argsort(order).tolist()
    turned = transpose(x, order)
    pools = apply(_POOLS, turned, decreasing=bool(decreasing))
    if x.shape.num_elements() == 0:
        return x, transpose(pools, back)
    dims = sizes(turned)
    flat, numbers = reshape(turned, [-1, dims[-1]]), reshape(pools, [-1, dims[-1]])
    rows = sizes(flat)[0]
    numbers = numbers + expand_dims(range_(rows) * dims[-1], 1)  # the runs of all rows in one count
    means = unsorted_segment_mean(reshape(flat, [-1]), reshape(numbers, [-1]), size(turned))
    made = reshape(gather(means, numbers), dims)
    return transpose(made, back), transpose(pools, back)
