"""How pooling is computed: an axis at a time, or an element of the window at a time. See `pooling`."""

from __future__ import annotations

from functools import reduce
from math import prod
from typing import Any

import numpy as np

from engine import dtypes
from engine.ops.windows import Pairs, amounts, counts, examples, extent, reach, taps


def _plan(x_dims: Any, window: Any, strides: Any, padding: Any, dilations: Any) -> tuple[Any, Pairs]:
    """The number of windows along each spatial axis, and the padding."""
    sizes = x_dims[1:-1]
    out = counts("pool", sizes, window, strides, padding, dilations)
    return out, amounts(padding, sizes, window, strides, dilations)


def _by_axis(x_dims: Any, window: Any, strides: Any, padding: Any, dilations: Any) -> list[Any]:
    """For each spatial axis: (axis, number of windows, the slices of `reach` for each tap)."""
    out, pairs = _plan(x_dims, window, strides, padding, dilations)
    return [
        (i + 1, out[i], [reach(x_dims[i + 1], out[i], t * d - pairs[i][0], s) for t in range(k)])
        for i, (k, s, d) in enumerate(zip(window, strides, dilations, strict=True))
    ]


def _apart(window: Any, strides: Any, dilations: Any, padding: Any) -> list[bool]:
    """For each spatial axis: whether no element is in two windows, so that nothing adds up."""
    return [extent(k, d) <= s for k, d, s in zip(window, dilations, strides, strict=True)]


def _fold(xp: Any, combine: Any, x: Any, first: Any, axes: list[Any]) -> Any:
    """Combines each window to one element: along one axis, then what is left along the next."""
    for axis, count, reached in axes:
        lead = (slice(None),) * axis
        whole = [(*lead, place) for windows, place in reached if windows == slice(0, count)]
        partly = [pair for pair in reached if pair[0] != slice(0, count)]
        if len(whole) > 1:
            y = combine(x[whole[0]], x[whole[1]])
        elif whole:
            y = x[whole[0]].copy() if partly else x[whole[0]]
        else:
            y = xp.full((*x.shape[:axis], count, *x.shape[axis + 1 :]), first, x.dtype)
        for place in whole[2:]:
            combine(y, x[place], out=y)
        for windows, place in partly:
            part = y[(*lead, windows)]
            combine(part, x[(*lead, place)], out=part)
        x = y
    return x


# --- the largest ------------------------------------------------------------------------------------


def largest(xp: Any, x: Any, **how: Any) -> Any:
    """The largest element of each window."""
    dtype = dtypes.of_numpy(x.dtype)
    lowest = x.dtype.type(-float("inf") if dtype.is_floating else dtype.min)
    axes = _by_axis(x.shape, **how)
    y = xp.empty((x.shape[0], *(count for _, count, _ in axes), x.shape[-1]), x.dtype)
    for part in examples(xp, x):
        y[part] = _fold(xp, xp.maximum, x[part], lowest, axes)
    return y


def _winners(xp: Any, x: Any, y: Any, how: dict[str, Any]) -> Any:
    """For each element of the window, in order: the windows that have it, where it lies in each, and whether
    it is the first largest of each."""
    out, pairs = _plan(x.shape, **how)
    for part in examples(xp, x):
        free = xp.ones(y[part].shape, bool)  # windows without a winner so far
        for _, windows, places in taps(
            x.shape[1:-1], out, how["window"], how["strides"], pairs, how["dilations"]
        ):
            to, source = (part, *windows), (part, *places)
            lost = x[source] < y[to]  # false for NaN, which is the largest
            still = free[(slice(None), *windows)]
            won = still > lost
            still &= lost
            yield to, source, won


def _bits(values: Any) -> Any:
    """The bits as whole numbers. Times one or zero, they stay or vanish, be they those of inf or NaN.

    A choice for each element would cost more.
    """
    return values.view(f"i{values.dtype.itemsize}")


def hand_back(xp: Any, dy: Any, x: Any, y: Any, **how: Any) -> Any:
    """The cotangent of each window, added to where x has its winner."""
    dx = xp.zeros(x.shape, dy.dtype)
    apart = all(_apart(**how))
    for to, source, won in _winners(xp, x, y, how):
        if apart:
            xp.multiply(_bits(dy)[to], won.view("i1"), out=_bits(dx)[source])
        else:
            dx[source] += (_bits(dy)[to] * won.view("i1")).view(dy.dtype)
    return dx


def pick(xp: Any, d: Any, x: Any, y: Any, **how: Any) -> Any:
    """The elements of d where x has its winners."""
    picked = xp.zeros(y.shape, d.dtype)
    for to, source, won in _winners(xp, x, y, how):
        found = _bits(picked)[to]
        found |= _bits(d)[source] * won.view("i1")
    return picked


def positions(xp: Any, x: Any, *, with_batch: bool, dtype: dtypes.DType, **how: Any) -> Any:
    """The flat position of the winner of each window, in its example or in all of x."""
    y = largest(xp, x, **how)
    found = xp.zeros(y.shape, dtype.as_numpy_dtype)
    steps = [prod(x.shape[i + 1 :]) for i in range(x.ndim)]
    steps[0] *= with_batch
    for to, source, won in _winners(xp, x, y, how):
        place = 0
        for axis, key in enumerate((*source, slice(None))):
            along = xp.arange(x.shape[axis], dtype=found.dtype)[key] * steps[axis]
            place = place + along.reshape(-1, *(1,) * (x.ndim - 1 - axis))
        found[to] += place * won
    return found


# --- the sum and the mean ---------------------------------------------------------------------------


def _wide(x: Any) -> Any:
    """16-bit floats are added up in 32 bits."""
    return x.astype(np.float32) if x.dtype.itemsize < 4 else x


def _share(xp: Any, x_dims: Any, axes: list[Any]) -> Any:
    """One over the number of elements in each window; places of the padding do not count."""
    numbers = []
    for axis, count, reached in axes:
        inside = np.zeros(count)
        for windows, _ in reached:
            inside[windows] += 1
        numbers.append(np.maximum(inside, 1).reshape(-1, *(1,) * (len(x_dims) - 1 - axis)))
    return xp.asarray(1 / reduce(np.multiply, numbers))


def sum_windows(xp: Any, x: Any, *, mean: bool, **how: Any) -> Any:
    """The sum or the mean of each window."""
    axes = _by_axis(x.shape, **how)
    y = xp.empty((x.shape[0], *(count for _, count, _ in axes), x.shape[-1]), x.dtype)
    share = _share(xp, x.shape, axes).astype(_wide(x[:0]).dtype) if mean else 1
    for part in examples(xp, x):
        total = _fold(xp, xp.add, _wide(x[part]), 0, axes)
        y[part] = total * share if mean else total
    return y


def spread(xp: Any, dy: Any, like: Any, *, mean: bool, **how: Any) -> Any:
    """The cotangent of each window, or an equal share of it, added to each of its elements."""
    axes = _by_axis(like.shape, **how)
    dx = xp.empty(like.shape, dy.dtype)
    share = _share(xp, like.shape, axes).astype(_wide(dy[:0]).dtype) if mean else 1
    for part in examples(xp, dx):
        given = _wide(dy[part])
        given = given * share if mean else given
        # The last axis first: while the tensor is small, runs may be short.
        for (axis, _, reached), apart in reversed(list(zip(axes, _apart(**how), strict=True))):
            wide = xp.zeros((*given.shape[:axis], like.shape[axis], *given.shape[axis + 1 :]), given.dtype)
            lead = (slice(None),) * axis
            for windows, places in reached:
                if apart:
                    wide[(*lead, places)] = given[(*lead, windows)]
                else:
                    wide[(*lead, places)] += given[(*lead, windows)]
            given = wide
        dx[part] = given
    return dx
