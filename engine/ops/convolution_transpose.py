"""Transposed convolution: the adjoint of a convolution used forwards, to make images larger.

It is the primitive that is the derivative of `conv` in its input, so everything known of it holds here.
Zeiler, Krishnan, Taylor and Fergus, Deconvolutional Networks (2010).
"""

from __future__ import annotations

from typing import Any

from engine.dispatch import apply
from engine.errors import InvalidArgumentError
from engine.ops.convolution import _CONV_INPUT, _check_rank, _settings, _spatial_axes
from engine.ops.creation import convert_together, fill, zeros
from engine.ops.slicing import _scalars
from engine.ops.windows import back_to_first, channels_last, counts, dims_of, extent
from engine.spec import compatible, show
from engine.tensor import Tensor


def _transposed(
    what: str, n: int, input: Any, filters: Any, output_shape: Any, strides: Any, padding: Any,
    data_format: Any, dilations: Any,
) -> Tensor:  # fmt: skip
    x, w = convert_together(input, filters)
    first, how = _settings(what, n, strides, padding, data_format, dilations)
    _check_rank(what, x, n, data_format)
    if w.ndim != n + 2:
        raise InvalidArgumentError(
            f"{what}: filters ({n} spatial axes, channels out, channels in) were expected, but shape "
            f"{show(dims_of(w))} was given."
        )
    wanted = _scalars(output_shape, f"{what}: output_shape")
    if len(wanted) != n + 2:
        raise InvalidArgumentError(
            f"{what}: output_shape must hold {n + 2} sizes, batch and channels among them, but is {wanted}."
        )
    if first:
        x, wanted = channels_last(x), [wanted[0], *wanted[2:], wanted[1]]
    like = fill(wanted, zeros((), x.dtype))
    _check_sizes(what, x, w, like, **how)
    y = apply(_CONV_INPUT, x, w, like, **how)
    return back_to_first(y) if first else y


def _check_sizes(
    what: str, x: Tensor, w: Tensor, like: Tensor, *, strides: Any, padding: Any, dilations: Any
) -> None:
    """The output must be something that the convolution turns into the shape of the input."""
    given, made, (*window, out, taken) = dims_of(x), dims_of(like), dims_of(w)
    if not compatible((given[-1], made[-1]), (taken, out)):
        raise InvalidArgumentError(
            f"{what}: filters of shape {show(dims_of(w))} turn {taken} channels (the last axis) into {out}, "
            f"but the input has {given[-1]} channels and output_shape {made[-1]}."
        )
    if not compatible(given[:1], made[:1]):
        raise InvalidArgumentError(
            f"{what}: the input holds {given[0]} examples, but output_shape asks for {made[0]}."
        )
    fitting = []
    for i, (count, k, stride, dilation) in enumerate(
        zip(given[1:-1], window, strides, dilations, strict=True)
    ):
        if count is None or (k is None and padding != "SAME"):
            fitting.append("any size")
            continue
        added = 0 if isinstance(padding, str) else sum(padding[i])
        reaches = 1 if padding == "SAME" else extent(k or 0, dilation) - added
        least = (count - 1) * stride + reaches
        fitting.append(f"{least} to {least + stride - 1}" if stride > 1 else f"{least}")
    try:
        found = counts(what, made[1:-1], tuple(window), strides, padding, dilations)
    except InvalidArgumentError:  # not a single window fits
        found = (0,) * len(window)
    if not compatible(found, given[1:-1]):
        raise InvalidArgumentError(
            f"{what}: an output of spatial sizes {show(made[1:-1])} does not belong to an input of "
            f"{show(given[1:-1])}: the convolution of that output has {show(found)} windows. Sizes that "
            f"fit: {', '.join(fitting)}."
        )


def conv1d_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: Any = "SAME",
    data_format: Any = "NWC", dilations: Any = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The adjoint of `conv1d`: `(batch, width, channels)` with `(window, out, channels)`.

    Arguments as for `conv2d_transpose`.

    >>> y = conv1d_transpose([[[1.0], [2.0]]], [[[1.0]], [[10.0]]], [1, 4, 1], 2, "VALID")
    >>> y.numpy().ravel().tolist()
    [1.0, 10.0, 2.0, 20.0]
    """
    return _transposed(
        "conv1d_transpose", 1, input, filters, output_shape, strides, padding, data_format, dilations
    )


def conv2d_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: Any = "SAME",
    data_format: Any = "NHWC", dilations: Any = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """What `conv2d` with these filters does to its input, backwards: each place is spread over a window.

    Args:
      input: (batch, height, width, channels).
      filters: (height, width, channels of the output, channels of the input).
      output_shape: the whole shape of the result, as a list or vector. Several sizes belong to one input
        when strides are above 1, so it has to be said.

    The others are those of `conv2d`, and belong to the convolution that this is the adjoint of.

    Raises:
      InvalidArgumentError: when `output_shape` does not belong to the input, with the sizes that do.

    >>> import numpy as np
    >>> y = conv2d_transpose(np.ones((1, 2, 2, 1)), np.ones((3, 3, 1, 1)), [1, 4, 4, 1], 2)
    >>> y.numpy().reshape(4, 4).tolist()[2]
    [2.0, 2.0, 4.0, 2.0]
    """
    return _transposed(
        "conv2d_transpose", 2, input, filters, output_shape, strides, padding, data_format, dilations
    )


def conv3d_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: Any = "SAME",
    data_format: Any = "NDHWC", dilations: Any = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The adjoint of `conv3d`, with filters (depth, height, width, out, channels).

    Arguments as for `conv2d_transpose`.

    >>> import numpy as np
    >>> conv3d_transpose(np.ones((1, 1, 1, 1, 2)), np.ones((2, 2, 2, 3, 2)), [1, 2, 2, 2, 3], 2).shape
    TensorShape([1, 2, 2, 2, 3])
    """
    return _transposed(
        "conv3d_transpose", 3, input, filters, output_shape, strides, padding, data_format, dilations
    )


def conv_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: Any = "SAME",
    data_format: Any = None, dilations: Any = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The transposed convolution along as many axes as `filters` has: 1, 2 or 3.

    >>> conv_transpose([[[1.0], [2.0]]], [[[1.0]], [[10.0]]], [1, 4, 1], 2).numpy().ravel().tolist()
    [1.0, 10.0, 2.0, 20.0]
    """
    x, w = convert_together(input, filters)
    n = _spatial_axes("conv_transpose", w)
    return _transposed(
        "conv_transpose", n, x, w, output_shape, strides, padding, data_format, dilations
    )


def atrous_conv2d_transpose(
    value: Any, filters: Any, output_shape: Any, rate: int, padding: Any, name: str | None = None
) -> Tensor:
    """The adjoint of `atrous_conv2d`.

    >>> import numpy as np
    >>> y = atrous_conv2d_transpose([[[[1.0]]]], np.ones((2, 2, 1, 1)), [1, 3, 3, 1], 2, "VALID")
    >>> y.numpy().reshape(3, 3).tolist()
    [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 1.0]]
    """
    return _transposed(
        "atrous_conv2d_transpose", 2, value, filters, output_shape, 1, padding, None, rate
    )
