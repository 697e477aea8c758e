"""How convolutions are computed: windows laid out as the rows of a matrix, then one matrix product.

Chellapilla, Puri and Simard, High Performance Convolutional Neural Networks for Document Processing
(2006). The rows are made a block at a time, so that they are multiplied while they are still in the cache,
and memory stays bounded. Read `convolution` first, which says what is computed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from engine.ops.windows import Padding, Pairs, amounts, block_bytes, counts, examples, taps

NARROW = 8  # elements; shorter runs are copied one at a time, so the other order of copying is faster


def _padded(xp: Any, x: Any, pairs: Pairs) -> Any:
    """Zeros before and after each spatial axis; a negative amount cuts off. C-contiguous."""
    keep, place, dims = [slice(None)], [slice(None)], [x.shape[0]]
    for size, (before, after) in zip(x.shape[1:], pairs, strict=False):
        start = min(max(-before, 0), size)
        end = max(size - max(-after, 0), start)
        keep.append(slice(start, end))
        place.append(slice(max(before, 0), max(before, 0) + end - start))
        dims.append(size + before + after)
    x = x[tuple(keep)]
    if x.shape[:-1] == tuple(dims):
        return xp.ascontiguousarray(x)
    result = xp.zeros((*dims, x.shape[-1]), x.dtype)
    result[tuple(place)] = x
    return result


def _windows(xp: Any, x: Any, window: Any, strides: Any, dilations: Any, out: Any) -> Any:
    """x seen as (batch, *out, *window, channels), without a copy: windows share the elements they share."""
    batch, *inner, channel = x.strides
    moves = [step * s for step, s in zip(inner, strides, strict=True)]
    apart = [step * d for step, d in zip(inner, dilations, strict=True)]
    return xp.lib.stride_tricks.as_strided(
        x, (x.shape[0], *out, *window, x.shape[-1]), (batch, *moves, *apart, channel)
    )


def _rows(
    xp: Any, x: Any, window: Any, strides: Any, dilations: Any, out: Any, filters: int
) -> Iterator[Any]:
    """Windows of a padded x as rows, in blocks: (part of the output, part of a window, matrix).

    Mostly a window is a row. Where windows overlap along the first axis, and copying would cost more than
    adding products up, a row is a slice of a window, one place thick there: windows share slices.
    """
    channels, n = x.shape[-1], len(out)
    run = channels * (window[-1] if dilations[-1] == 1 else 1)
    overlap = n > 1 and strides[0] == 1 < window[0] and xp is np  # on a GPU, few large products win
    if prod(window) == 1:  # x itself
        picked = x[(slice(None), *(slice(0, (m - 1) * s + 1, s) for m, s in zip(out, strides, strict=True)))]
        yield (slice(None),), slice(None), picked.reshape(-1, channels)
    elif overlap and run > max(2 * filters, NARROW) and prod(out) > 99:
        yield from _slices(xp, x, window, strides, dilations, out)
    else:
        view = _windows(xp, x, window, strides, dilations, out)
        length = prod(window) * channels
        order = (*range(n + 1, 2 * n + 2), *range(n + 1)) if run < NARROW else range(2 * n + 2)
        for part in _parts(xp, x.shape[0], out, length * x.itemsize):
            block = xp.ascontiguousarray(view[part].transpose(*order))
            rows = block.reshape(-1, length) if run >= NARROW else block.reshape(length, -1).T
            yield part, slice(None), rows


def _parts(xp: Any, batch: int, out: Any, row: int) -> list[tuple[slice, ...]]:
    """The output cut along the batch or, where one example is too much, along its first axis too."""
    each = prod(out) * row
    if 2 * each <= block_bytes(xp):
        step = block_bytes(xp) // each
        return [(slice(a, a + step),) for a in range(0, batch, step)]
    step = max(block_bytes(xp) * out[0] // each, 1)
    return [(slice(a, a + 1), slice(r, r + step)) for a in range(batch) for r in range(0, out[0], step)]


def _slices(xp: Any, x: Any, window: Any, strides: Any, dilations: Any, out: Any) -> Iterator[Any]:
    """Of one example at a time, all slices of windows, and which of them are the t-th of their window."""
    one = _windows(xp, x, (1, *window[1:]), (1, *strides[1:]), (1, *dilations[1:]), (x.shape[1], *out[1:]))
    length = prod(window[1:]) * x.shape[-1]
    step = max(block_bytes(xp) // (prod(out[1:]) * length * x.itemsize), 1)
    more = (window[0] - 1) * dilations[0]
    for example, start in itertools.product(range(x.shape[0]), range(0, out[0], step)):
        end = min(start + step, out[0])
        block = xp.ascontiguousarray(one[example, start : end + more])
        for t in range(window[0]):
            rows = block[t * dilations[0] :][: end - start].reshape(-1, length)
            part = (slice(example, example + 1), slice(start, end))
            yield part, slice(t * length, (t + 1) * length), rows


def _correlate(xp: Any, x: Any, w: Any, y: Any, strides: Any, dilations: Any) -> None:
    """Writes into y the windows of a padded x, each multiplied with w and summed."""
    if not y.size or not w.size:
        return
    filters = w.shape[-1]
    matrix = xp.ascontiguousarray(w).reshape(-1, filters)
    target = y if y.flags.c_contiguous else xp.empty(y.shape, y.dtype)
    for part, piece, rows in _rows(xp, x, w.shape[:-2], strides, dilations, y.shape[1:-1], filters):
        to = target[part].reshape(-1, filters)
        if piece.start:
            to += xp.dot(rows, matrix[piece])
        else:
            xp.dot(rows, matrix[piece], out=to)
    if target is not y:
        y[...] = target


# --- with a matrix product: each of the three writes one of x, w and y ------------------------------


def _dense(xp: Any, x: Any, w: Any, y: Any, strides: Any, pairs: Pairs, dilations: Any) -> None:
    _correlate(xp, _padded(xp, x, pairs), w, y, strides, dilations)


def _dense_filter(xp: Any, x: Any, w: Any, y: Any, strides: Any, pairs: Pairs, dilations: Any) -> None:
    """Adds up, over all windows, the window times the cotangent of its output."""
    if not (x.size and y.size and w.size):
        return
    y, x = xp.ascontiguousarray(y), _padded(xp, x, pairs)
    total = xp.zeros((prod(w.shape[:-1]), w.shape[-1]), w.dtype)
    for part, piece, rows in _rows(xp, x, w.shape[:-2], strides, dilations, y.shape[1:-1], 0):
        total[piece] += xp.dot(rows.T, y[part].reshape(-1, w.shape[-1]))
    w[...] = total.reshape(w.shape)


def _dense_input(xp: Any, x: Any, w: Any, y: Any, strides: Any, pairs: Pairs, dilations: Any) -> None:
    """The places of x at one phase of the strides meet the same elements of w: a convolution for each.

    With stride 1, that is one convolution of the cotangent with w turned round.
    """
    axes = (range(len(strides)), x.shape[1:], y.shape[1:], w.shape, strides, pairs, dilations)
    for phase in itertools.product(*map(range, strides)):
        plan = [_phase(phase[i], *facts) for i, *facts in zip(*axes, strict=False)]
        if None not in plan:
            places, used, pads, steps = zip(*plan, strict=True)
            turned = xp.swapaxes(w[used], -1, -2)
            part = x[(slice(None), *places)]
            _correlate(xp, _padded(xp, y, pads), turned, part, (1,) * len(pads), steps)


def _phase(
    phase: int, size: int, count: int, window: int, stride: int, pair: tuple[int, int], dilation: int
) -> Any:
    """For one axis: the places of the phase, the elements of w they meet, and how these slide over y.

    Place i of x meets element t of window o where i + before = o * stride + t * dilation.
    """
    before = pair[0]
    first = (phase - before) % stride  # the first place of x that has the phase
    met = [t for t in range(window) if (phase - t * dilation) % stride == 0]
    if first >= size or not met:
        return None
    gap = met[1] - met[0] if len(met) > 1 else stride
    step, out = gap * dilation // stride, (size - 1 - first) // stride + 1
    lowest = (first + before - met[-1] * dilation) // stride  # the window in which the first comes last
    highest = lowest + (len(met) - 1) * step + out - 1
    used = slice(met[-1], met[0] - 1 if met[0] else None, -gap)
    return slice(first, None, stride), used, (-lowest, highest - count + 1), step


# --- with one channel a group there is no matrix: a product a tap -----------------------------------


def _depthwise(xp: Any, x: Any, w: Any, y: Any, *how: Any) -> None:
    for windows, places, factors, at in _products(xp, x, w, y, *how):
        y[windows] += x[places] * _spread(xp, factors[at], x[places])


def _depthwise_input(xp: Any, x: Any, w: Any, y: Any, *how: Any) -> None:
    for windows, places, factors, at in _products(xp, x, w, y, *how):
        x[places] += y[windows] * _spread(xp, factors[at], y[windows])


def _depthwise_filter(xp: Any, x: Any, w: Any, y: Any, *how: Any) -> None:
    for windows, places, factors, at in _products(xp, x, w, y, *how):
        product = x[places] * y[windows]
        rows = xp.sum(product, axis=tuple(range(product.ndim - 2)))  # long runs first
        factors[at] += xp.sum(rows, axis=0)


def _products(
    xp: Any, x: Any, w: Any, y: Any, strides: Any, pairs: Pairs, dilations: Any
) -> Iterator[Any]:
    """For each tap and filter of a channel: where y and x hold its factors, w as (.., channels, filters)
    and where that holds them. A few examples at a time, so that they stay in the cache."""
    n, channels = len(strides), x.shape[-1]
    filters = w.shape[-1] // channels
    factors = w.reshape(*w.shape[:n], channels, filters)
    for part in examples(xp, y):
        places_of = (x.shape[1:-1], y.shape[1:-1], w.shape[:n], strides, pairs, dilations)
        for index, windows, places in taps(*places_of):
            for q in range(filters):
                chosen = (part, *windows, slice(q, None, filters))
                yield chosen, (part, *places), factors, (*index, slice(None), q)


def _spread(xp: Any, values: Any, like: Any) -> Any:
    """One number a channel, repeated along the axis before: longer runs are multiplied faster."""
    return xp.ascontiguousarray(xp.broadcast_to(values, like.shape[-2:]))


# --- the kernels of the three primitives ------------------------------------------------------------


def _by_group(
    dense: Any, depthwise: Any, xp: Any, x: Any, w: Any, y: Any,
    strides: Any, padding: Padding, dilations: Any,
) -> None:  # fmt: skip
    """Runs a kernel on each group: its channels of x, of w and of y. It writes into one of the three."""
    pairs = amounts(padding, x.shape[1:-1], w.shape[:-2], strides, dilations)
    how = (strides, pairs, dilations)
    groups = x.shape[-1] // max(w.shape[-2], 1)
    if groups <= 1:
        dense(xp, x, w, y, *how)
    elif w.shape[-2] == 1:
        depthwise(xp, x, w, y, *how)
    else:
        for g in range(groups):
            a, b = (slice(g * n // groups, (g + 1) * n // groups) for n in (x.shape[-1], w.shape[-1]))
            dense(xp, x[..., a], w[..., b], y[..., b], *how)


def _wide(*arrays: Any) -> Any:
    """16-bit floats are computed in 32 bits: faster, and long sums lose nothing."""
    dtype = arrays[0].dtype
    narrow = dtype.itemsize < 4 and dtype.kind not in "iu"
    return tuple(array.astype(np.float32) for array in arrays) if narrow else arrays


def convolve(xp: Any, x: Any, w: Any, *, strides: Any, padding: Padding, dilations: Any) -> Any:
    """(batch, *spatial, channels) with (*window, channels / groups, filters)."""
    out = counts("conv", x.shape[1:-1], w.shape[:-2], strides, padding, dilations)
    a, b = _wide(x, w)
    y = xp.zeros((x.shape[0], *out, w.shape[-1]), a.dtype)
    _by_group(_dense, _depthwise, xp, a, b, y, strides, padding, dilations)
    return y.astype(x.dtype, copy=False)


def convolve_input(
    xp: Any, dy: Any, w: Any, like: Any, *, strides: Any, padding: Padding, dilations: Any
) -> Any:
    """The cotangent of x, whose shape is that of `like`."""
    y, b = _wide(dy, w)
    x = xp.zeros(like.shape, y.dtype)
    _by_group(_dense_input, _depthwise_input, xp, x, b, y, strides, padding, dilations)
    return x.astype(dy.dtype, copy=False)


def convolve_filter(
    xp: Any, x: Any, dy: Any, like: Any, *, strides: Any, padding: Padding, dilations: Any
) -> Any:
    """The cotangent of w, whose shape is that of `like`."""
    a, y = _wide(x, dy)
    w = xp.zeros(like.shape, a.dtype)
    _by_group(_dense_filter, _depthwise_filter, xp, a, w, y, strides, padding, dilations)
    return w.astype(x.dtype, copy=False)
