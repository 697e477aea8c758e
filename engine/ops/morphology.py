"""Dilation and erosion of images: convolution with a sum for the product, and an extreme for the sum.

Compositions of slices, sums and maxima; their derivatives follow by themselves.
"""

from __future__ import annotations

import itertools
from typing import Any

from engine.dispatch import same_dtype
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert_together
from engine.ops.elementwise import _check_kind, maximum
from engine.ops.joining import reverse
from engine.ops.padding import pad
from engine.ops.slicing import getitem
from engine.ops.windows import amounts, counts, dims_of, is_channels_first, padding_of, per_axis
from engine.spec import compatible, show
from engine.tensor import Tensor


def dilation2d(
    input: Any, filters: Any, strides: Any, padding: Any, data_format: Any, dilations: Any,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """For each channel, the largest sum of an element of the window and its element of the filter.

    `y[b, i, j, c] = max over di, dj of x[b, i*s + di*d, j*s + dj*d, c] + filters[di, dj, c]`; places of
    the padding never win. With a filter of zeros, that is max pooling.

    Args:
      input: (batch, height, width, channels), floating-point, of known height and width.
      filters: (height, width, channels).
      strides, padding, dilations: as for `conv2d`.
      data_format: 'NHWC', the only one.

    TensorFlow also takes integers. Serra, Image Analysis and Mathematical Morphology (1982).

    >>> y = dilation2d([[[[1.0], [5.0], [2.0]]]], [[[0.0], [4.0]]], 1, "VALID", "NHWC", 1)
    >>> y.numpy().ravel().tolist()
    [9.0, 6.0]
    """
    return _dilated("dilation2d", input, filters, strides, padding, data_format, dilations)


def erosion2d(
    value: Any, filters: Any, strides: Any, padding: Any, data_format: Any, dilations: Any,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """For each channel, the smallest difference of an element of the window and its element of the filter.

    The filter is turned round: -dilation2d(-value, filters reversed). Arguments as for `dilation2d`.

    >>> y = erosion2d([[[[1.0], [5.0], [2.0]]]], [[[0.0], [4.0]]], 1, "VALID", "NHWC", 1)
    >>> y.numpy().ravel().tolist()
    [-3.0, 1.0]
    """
    x, w = convert_together(value, filters)
    turned = reverse(w, [0, 1]) if w.ndim == 3 else w
    return -_dilated("erosion2d", -x, turned, strides, padding, data_format, dilations)


def _dilated(
    what: str, input: Any, filters: Any, strides: Any, padding: Any, data_format: Any, dilations: Any
) -> Tensor:
    x, w = convert_together(input, filters)
    same_dtype(what, x.spec, w.spec)
    _check_kind(what, x, ("float",))
    if x.ndim != 4 or w.ndim != 3 or not compatible(dims_of(x)[3:], dims_of(w)[2:]):
        raise InvalidArgumentError(
            f"{what}: an input (batch, height, width, channels) and filters (height, width, channels) with "
            f"the same channels were expected, but shapes {x.shape} and {w.shape} were given."
        )
    if is_channels_first(data_format, 2, what):
        raise ValueError(f"{what}: data_format must be 'NHWC', not {data_format!r}.")
    sizes, window = dims_of(x)[1:3], dims_of(w)[:2]
    if None in sizes or None in window:
        raise InvalidArgumentError(
            f"{what}: height and width must be known while the function is traced, but the shapes are "
            f"{show(dims_of(x))} and {show(dims_of(w))}. Give them in the input_signature."
        )
    steps = per_axis(strides, 2, what, "strides")
    apart = per_axis(dilations, 2, what, "dilations")
    how = padding_of(padding, 2, what)
    out = counts(what, sizes, window, steps, how, apart)
    pairs = amounts(how, sizes, window, steps, apart)
    wide = pad(x, [[0, 0], *pairs, [0, 0]], constant_values=-float("inf"))
    best: Tensor | None = None
    for tap in itertools.product(*(range(k or 0) for k in window)):
        places = [
            slice(t * d, t * d + ((n or 1) - 1) * s + 1, s)
            for t, d, n, s in zip(tap, apart, out, steps, strict=True)
        ]
        found = getitem(wide, (slice(None), *places)) + getitem(w, tap)
        best = found if best is None else maximum(best, found)  # the first of equals keeps its place
    assert best is not None
    return best
