"""Convolution: every window of the input, weighted and summed, is one place of the output.

As everywhere in deep learning, the filter is not turned round (a mathematician says cross-correlation).
Three primitives, each linear in its two first inputs and each the derivative of the others, so the set
is closed: the convolution, its adjoint in the input, its adjoint in the filters. Dumoulin and Visin,
A guide to convolution arithmetic for deep learning (2016). `convolution_kernels` computes them.
"""

from __future__ import annotations

from typing import Any

from engine.dispatch import apply, primitive, same_dtype
from engine.errors import InvalidArgumentError
from engine.ops import convolution_kernels as kernels
from engine.ops.creation import convert_together
from engine.ops.elementwise import REAL, _check_kind
from engine.ops.layout import reshape, sizes
from engine.ops.windows import (
    Padding,
    back_to_first,
    channels_last,
    counts,
    dims_of,
    is_channels_first,
    padding_of,
    per_axis,
)
from engine.spec import TensorSpec, compatible, show
from engine.tensor import Tensor

Steps = tuple[int, ...]

# --- the three primitives ---------------------------------------------------------------------------


def _conv_spec(
    x: TensorSpec, w: TensorSpec, *, strides: Steps, padding: Padding, dilations: Steps
) -> TensorSpec:
    n = len(strides)
    what = f"conv{n}d"
    same_dtype(what, x, w)
    _check_kind(what, x, REAL)
    if x.rank != n + 2 or w.rank != n + 2:
        raise InvalidArgumentError(
            f"{what}: an input (batch, {n} spatial axes, channels) and filters ({n} spatial axes, channels, "
            f"filters), both of rank {n + 2}, were expected, but shapes {show(x.dims)} and {show(w.dims)} "
            "were given. Add the axis that is missing with tf.expand_dims."
        )
    assert x.dims is not None and w.dims is not None
    channels, (taken, made) = x.dims[-1], w.dims[-2:]
    if channels is not None and taken is not None:
        groups = channels // max(taken, 1)
        if groups * taken != channels:
            raise InvalidArgumentError(
                f"{what}: the input of shape {show(x.dims)} has {channels} channels, but the filters of "
                f"shape {show(w.dims)} take {taken}. The two must be equal, or the first a multiple of the "
                "second. Channels are the last axis of the input unless data_format says otherwise."
            )
        if made is not None and made % max(groups, 1):
            raise InvalidArgumentError(
                f"{what}: {channels} channels in groups of {taken} make {groups} groups, but {made} filters "
                f"cannot be shared out among {groups}. Take a multiple of {groups}."
            )
    out = counts(what, x.dims[1:-1], w.dims[:-2], strides, padding, dilations)
    return TensorSpec((x.dims[0], *out, made), x.dtype)


def _conv_input_spec(dy: TensorSpec, w: TensorSpec, like: TensorSpec, **how: Any) -> TensorSpec:
    same_dtype("conv_backprop_input", dy, w)
    expected = _conv_spec(TensorSpec(like.dims, dy.dtype), w, **how)
    if not compatible(expected.dims, dy.dims):
        raise InvalidArgumentError(
            f"conv_backprop_input: the convolution of shape {show(like.dims)} with filters {show(w.dims)} "
            f"has shape {show(expected.dims)}, but {show(dy.dims)} was given for it."
        )
    return TensorSpec(like.dims, dy.dtype)


def _conv_filter_spec(x: TensorSpec, dy: TensorSpec, like: TensorSpec, **how: Any) -> TensorSpec:
    same_dtype("conv_backprop_filter", x, dy)
    expected = _conv_spec(x, TensorSpec(like.dims, x.dtype), **how)
    if not compatible(expected.dims, dy.dims):
        raise InvalidArgumentError(
            f"conv_backprop_filter: the convolution of shape {show(x.dims)} with filters {show(like.dims)} "
            f"has shape {show(expected.dims)}, but {show(dy.dims)} was given for it."
        )
    return TensorSpec(like.dims, x.dtype)


_CONV = primitive(
    "conv",
    kernels.convolve,
    _conv_spec,
    vjp=(
        lambda dy, y, x, w, **how: apply(_CONV_INPUT, dy, w, x, **how),
        lambda dy, y, x, w, **how: apply(_CONV_FILTER, x, dy, w, **how),
    ),
)
_CONV_INPUT = primitive(
    "conv_backprop_input",
    kernels.convolve_input,
    _conv_input_spec,
    vjp=(
        lambda d, dx, dy, w, like, **how: apply(_CONV, d, w, **how),
        lambda d, dx, dy, w, like, **how: apply(_CONV_FILTER, d, dy, w, **how),
        None,
    ),
)
_CONV_FILTER = primitive(
    "conv_backprop_filter",
    kernels.convolve_filter,
    _conv_filter_spec,
    vjp=(
        lambda d, dw, x, dy, like, **how: apply(_CONV_INPUT, dy, d, x, **how),
        lambda d, dw, x, dy, like, **how: apply(_CONV, x, d, **how),
        None,
    ),
)


# --- what a caller writes ---------------------------------------------------------------------------


def _settings(
    what: str, n: int, strides: Any, padding: Any, data_format: Any, dilations: Any
) -> tuple[bool, dict[str, Any]]:
    """Whether channels come first, and the attributes of the primitives."""
    first = is_channels_first(data_format, n, what)
    return first, {
        "strides": per_axis(1 if strides is None else strides, n, what, "strides", first),
        "padding": padding_of(padding, n, what, first),
        "dilations": per_axis(1 if dilations is None else dilations, n, what, "dilations", first),
    }


def _convolve(
    what: str, n: int, input: Any, filters: Any, strides: Any, padding: Any, data_format: Any, dilations: Any
) -> Tensor:
    x, w = convert_together(input, filters)
    first, how = _settings(what, n, strides, padding, data_format, dilations)
    if first:
        _check_rank(what, x, n, data_format)
        x = channels_last(x)
    if x.ndim <= n + 2:
        _conv_spec(x.spec, w.spec, **how)  # NumPy would compute with sizes or dtypes that do not fit
        y = apply(_CONV, x, w, **how)
        return back_to_first(y) if first else y
    lead, rest = sizes(x)[: -(n + 1)], sizes(x)[-(n + 1) :]
    flat = reshape(x, [_product(lead), *rest])
    y = _convolve(what, n, flat, w, strides, padding, data_format, dilations)
    return reshape(y, [*lead, *sizes(y)[1:]])


def _product(lead: list[Any]) -> Any:
    total = 1
    for size in lead:
        total = total * size
    return total


def _check_rank(what: str, x: Tensor, n: int, data_format: Any) -> None:
    if x.ndim != n + 2:
        raise InvalidArgumentError(
            f"{what}: with data_format={data_format!r}, an input of rank {n + 2} was expected, but shape "
            f"{show(dims_of(x))} was given."
        )


def conv1d(
    input: Any, filters: Any, stride: Any, padding: Any, data_format: Any = "NWC", dilations: Any = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Convolution along one axis: `(batch, width, channels)` with `(window, channels, filters)`.

    Arguments as for `conv2d`.

    >>> conv1d([[[1.0], [2.0], [4.0]]], [[[-1.0]], [[1.0]]], 1, "VALID").numpy().ravel().tolist()
    [1.0, 2.0]
    """
    return _convolve("conv1d", 1, input, filters, stride, padding, data_format, dilations)


def conv2d(
    input: Any, filters: Any, strides: Any, padding: Any, data_format: Any = "NHWC", dilations: Any = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Convolution of images: `y[b, i, j, f] = sum of x[b, i*s + di, j*s + dj, c] * filters[di, dj, c, f]`.

    Args:
      input: (batch, height, width, channels), or with more batch axes before; NCHW on any device.
      filters: (height, width, channels, filters). With a G-th of the input's channels, the channels form
        G groups, each seen by a G-th of the filters.
      strides: how far windows are apart: a number, two, or four with 1 for batch and channels.
      padding: 'VALID': windows lie inside the input. 'SAME': zeros around it make ceil(size / stride)
        places. Or [before, after] for each of the four axes.
      dilations: how far the elements of a window are apart, written like strides. TensorFlow's CPU has no
        strides together with dilations; here they go together.

    Raises:
      InvalidArgumentError: for ranks, channels or dtypes that do not fit, or a window that is too large.
      ValueError: for strides, dilations, padding or a data_format that cannot be.

    >>> x = [[[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]], [[7.0], [8.0], [9.0]]]]
    >>> diagonal = [[[[1.0]], [[0.0]]], [[[0.0]], [[1.0]]]]
    >>> conv2d(x, diagonal, 1, "VALID").numpy().reshape(2, 2).tolist()
    [[6.0, 8.0], [12.0, 14.0]]
    """
    return _convolve("conv2d", 2, input, filters, strides, padding, data_format, dilations)


def conv3d(
    input: Any, filters: Any, strides: Any, padding: Any, data_format: Any = "NDHWC", dilations: Any = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Convolution of volumes: `(batch, depth, height, width, channels)` with
    `(depth, height, width, channels, filters)`. Arguments as for `conv2d`.

    >>> import numpy as np
    >>> conv3d(np.ones((1, 2, 2, 2, 1)), np.ones((2, 2, 2, 1, 1)), 1, "VALID").numpy().item()
    8.0
    """
    return _convolve("conv3d", 3, input, filters, strides, padding, data_format, dilations)


def convolution(
    input: Any, filters: Any, strides: Any = None, padding: Any = "VALID", data_format: Any = None,
    dilations: Any = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Convolution along 1, 2 or 3 axes: as many as `filters` has, besides channels in and out.

    Arguments as for `conv2d`; strides and dilations are 1 unless given.

    >>> convolution([[[1.0], [2.0], [4.0]]], [[[-1.0]], [[1.0]]]).numpy().ravel().tolist()
    [1.0, 2.0]
    """
    x, w = convert_together(input, filters)
    n = _spatial_axes("convolution", w)
    return _convolve("convolution", n, x, w, strides, padding, data_format, dilations)


def _spatial_axes(what: str, filters: Tensor) -> int:
    n = filters.ndim - 2
    if not 1 <= n <= 3:
        raise InvalidArgumentError(
            f"{what}: filters have 1 to 3 spatial axes, then channels in and out, but shape "
            f"{show(dims_of(filters))} was given."
        )
    return n


def atrous_conv2d(
    value: Any, filters: Any, rate: int, padding: Any, name: str | None = None
) -> Tensor:
    """`conv2d` with windows whose elements are `rate` apart, at stride 1.

    >>> import numpy as np
    >>> atrous_conv2d(np.ones((1, 5, 5, 1)), np.ones((3, 3, 1, 1)), 2, "VALID").shape
    TensorShape([1, 1, 1, 1])
    """
    return _convolve("atrous_conv2d", 2, value, filters, 1, padding, None, rate)


def depthwise_conv2d(
    input: Any, filter: Any, strides: Any, padding: Any, data_format: Any = None, dilations: Any = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Each channel convolved on its own, with `multiplier` filters; channel c gives c * multiplier + q.

    Args:
      input: (batch, height, width, channels).
      filter: (height, width, channels, multiplier).

    The others are those of `conv2d`. The result has channels * multiplier channels.

    >>> depthwise_conv2d([[[[1.0, 2.0]]]], [[[[3.0, 4.0], [5.0, 6.0]]]], 1, "SAME").numpy().ravel().tolist()
    [3.0, 4.0, 10.0, 12.0]
    """
    x, w = convert_together(input, filter)
    if w.ndim != 4:
        raise InvalidArgumentError(
            f"depthwise_conv2d: a filter (height, width, channels, multiplier) was expected, but shape "
            f"{show(dims_of(w))} was given."
        )
    first = is_channels_first(data_format, 2, "depthwise_conv2d")
    _check_rank("depthwise_conv2d", x, 2, data_format)
    channels = dims_of(x)[1 if first else -1]
    if not compatible((channels,), dims_of(w)[2:3]):
        raise InvalidArgumentError(
            f"depthwise_conv2d: the input of shape {show(dims_of(x))} has {channels} channels, but the "
            f"filter of shape {show(dims_of(w))} is for {dims_of(w)[2]}."
        )
    height, width, ours, multiplier = sizes(w)
    alone = reshape(w, [height, width, 1, ours * multiplier])
    return _convolve("depthwise_conv2d", 2, x, alone, strides, padding, data_format, dilations)


def separable_conv2d(
    input: Any, depthwise_filter: Any, pointwise_filter: Any, strides: Any, padding: Any,
    data_format: Any = None, dilations: Any = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """`depthwise_conv2d`, then a 1x1 convolution that mixes the channels.

    Args:
      depthwise_filter: (height, width, channels, multiplier).
      pointwise_filter: (1, 1, channels * multiplier, filters).

    Chollet, Xception: Deep Learning with Depthwise Separable Convolutions (2017).

    >>> separable_conv2d([[[[1.0, 2.0]]]], [[[[3.0], [5.0]]]], [[[[1.0], [10.0]]]], 1, "SAME").numpy().item()
    103.0
    """
    x, deep, point = convert_together(input, depthwise_filter, pointwise_filter)
    if point.ndim != 4 or not compatible(dims_of(point)[:2], (1, 1)):
        raise InvalidArgumentError(
            "separable_conv2d: a pointwise filter (1, 1, channels * multiplier, filters) was expected, but "
            f"shape {show(dims_of(point))} was given."
        )
    each = depthwise_conv2d(x, deep, strides, padding, data_format, dilations)
    channels = dims_of(each)[1 if is_channels_first(data_format, 2, "separable_conv2d") else -1]
    if not compatible((channels,), dims_of(point)[2:3]):  # more would be taken for groups
        raise InvalidArgumentError(
            f"separable_conv2d: the depthwise filter makes {channels} channels, but the pointwise filter of "
            f"shape {show(dims_of(point))} takes {dims_of(point)[2]}."
        )
    return _convolve("separable_conv2d", 2, each, point, 1, "VALID", data_format, None)
