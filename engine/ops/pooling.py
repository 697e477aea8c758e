"""Pooling: the largest or the mean element of each window, for every channel on its own.

Like convolution, a closed set. Taking the winner of each window and handing a cotangent to it are each
other's adjoint, and so are summing windows and spreading over them. `windows` has the arithmetic.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from engine import dtypes
from engine.dispatch import NOT_DIFFERENTIABLE, apply, primitive, same_dtype
from engine.errors import InvalidArgumentError
from engine.ops import pooling_kernels as kernels
from engine.ops.creation import convert
from engine.ops.elementwise import REAL, _check_kind, square
from engine.ops.layout import expand_dims, squeeze
from engine.ops.windows import (
    back_to_first,
    channels_last,
    counts,
    is_channels_first,
    padding_of,
    per_axis,
)
from engine.spec import TensorSpec, compatible, show
from engine.tensor import Tensor

FLOATING = ("float",)


def _pool_spec(name: str, kinds: tuple[str, ...], x: TensorSpec, how: dict[str, Any]) -> TensorSpec:
    n = len(how["window"])
    _check_kind(name, x, kinds)
    if x.rank != n + 2:
        raise InvalidArgumentError(
            f"{name}: an input (batch, {n} spatial axes, channels) of rank {n + 2} was expected, but "
            f"shape {show(x.dims)} was given. Add the axis that is missing with tf.expand_dims."
        )
    assert x.dims is not None
    places = {key: how[key] for key in ("window", "strides", "padding", "dilations")}
    out = counts(name, x.dims[1:-1], **places)
    return TensorSpec((x.dims[0], *out, x.dims[-1]), x.dtype)


# --- the largest ------------------------------------------------------------------------------------


def _max_spec(x: TensorSpec, **how: Any) -> TensorSpec:
    return _pool_spec("max_pool", REAL, x, how)


def _hand_back_spec(dy: TensorSpec, x: TensorSpec, y: TensorSpec, **how: Any) -> TensorSpec:
    _agree(dy, x, y, how)
    return TensorSpec(x.dims, dy.dtype)


def _pick_spec(d: TensorSpec, x: TensorSpec, y: TensorSpec, **how: Any) -> TensorSpec:
    made = _agree(y, x, y, how)
    same_dtype("max_pool_pick", d, x)
    if not compatible(d.dims, x.dims):
        raise InvalidArgumentError(
            f"max_pool_pick: shapes {show(d.dims)} and {show(x.dims)} were given; they must be equal."
        )
    return made


def _agree(dy: TensorSpec, x: TensorSpec, y: TensorSpec, how: dict[str, Any]) -> TensorSpec:
    same_dtype("max_pool", dy, x, y)
    made = _max_spec(x, **how)
    for other in (dy, y):
        if not compatible(other.dims, made.dims):
            raise InvalidArgumentError(
                f"max_pool: of shape {show(x.dims)} it has shape {show(made.dims)}, but {show(other.dims)} "
                "was given for it."
            )
    return made


_MAX = primitive(
    "max_pool",
    kernels.largest,
    _max_spec,
    vjp=(lambda dy, y, x, **how: apply(_HAND_BACK, dy, x, y, **how),),
)
_HAND_BACK = primitive(  # the cotangent of each window goes to its winner
    "max_pool_backprop",
    kernels.hand_back,
    _hand_back_spec,
    vjp=(lambda d, dx, dy, x, y, **how: apply(_PICK, d, x, y, **how), None, None),
)
_PICK = primitive(  # of another tensor of x's shape, the elements where x has its winners
    "max_pool_pick",
    kernels.pick,
    _pick_spec,
    vjp=(lambda dp, p, d, x, y, **how: apply(_HAND_BACK, dp, x, y, **how), None, None),
)
_POSITIONS = primitive(
    "max_pool_positions",
    kernels.positions,
    lambda x, *, with_batch, dtype, **how: TensorSpec(_max_spec(x, **how).dims, dtype),
    vjp=NOT_DIFFERENTIABLE,
)


# --- the sum and the mean ---------------------------------------------------------------------------


def _sum_spec(x: TensorSpec, *, mean: bool, **how: Any) -> TensorSpec:
    return _pool_spec("avg_pool" if mean else "window_sum", FLOATING, x, how)


def _spread_spec(dy: TensorSpec, like: TensorSpec, **how: Any) -> TensorSpec:
    made = _sum_spec(TensorSpec(like.dims, dy.dtype), **how)
    if not compatible(made.dims, dy.dims):
        raise InvalidArgumentError(
            f"avg_pool: of shape {show(like.dims)} it has shape {show(made.dims)}, but {show(dy.dims)} was "
            "given for it."
        )
    return TensorSpec(like.dims, dy.dtype)


_SUM = primitive(
    "window_sum",
    kernels.sum_windows,
    _sum_spec,
    vjp=(lambda dy, y, x, **how: apply(_SPREAD, dy, x, **how),),
)
_SPREAD = primitive(
    "window_spread",
    kernels.spread,
    _spread_spec,
    vjp=(lambda d, dx, dy, like, **how: apply(_SUM, d, **how), None),
)


# --- what a caller writes ---------------------------------------------------------------------------


class MaxPoolWithArgmax(NamedTuple):
    """What `max_pool_with_argmax` returns."""

    output: Tensor
    argmax: Tensor


def _prepared(
    what: str, n: int | None, kinds: tuple[str, ...], settings: tuple[Any, ...], dilations: Any = None
) -> tuple[Tensor, bool, dict[str, Any]]:
    """The input with channels last, whether they came first, and the attributes of the primitives.

    settings: (input, ksize, strides, padding, data_format).
    """
    input, ksize, strides, padding, data_format = settings
    x = convert(input)
    axes = x.ndim - 2 if n is None else n
    if x.ndim != axes + 2 or not 1 <= axes <= 3:
        ranks = "3 to 5" if n is None else f"{axes + 2}"
        raise InvalidArgumentError(
            f"{what}: an input (batch, spatial axes, channels) of rank {ranks} was expected, but shape "
            f"{x.shape} was given. Add the axis that is missing with tf.expand_dims."
        )
    first = is_channels_first(data_format, axes, what)
    how = {
        "window": per_axis(ksize, axes, what, "ksize", first),
        "strides": per_axis(1 if strides is None else strides, axes, what, "strides", first),
        "padding": padding_of(padding, axes, what, first),
        "dilations": per_axis(1 if dilations is None else dilations, axes, what, "dilations", first),
    }
    if first:
        x = channels_last(x)
    _pool_spec(what, kinds, x.spec, how)  # NumPy would compute where nothing fits
    return x, first, how


def _max(what: str, n: int | None, *settings: Any, dilations: Any = None) -> Tensor:
    x, first, how = _prepared(what, n, REAL, settings, dilations)
    y = apply(_MAX, x, **how)
    return back_to_first(y) if first else y


def _mean(what: str, n: int | None, *settings: Any, dilations: Any = None) -> Tensor:
    x, first, how = _prepared(what, n, FLOATING, settings, dilations)
    y = apply(_SUM, x, mean=True, **how)
    return back_to_first(y) if first else y


def max_pool(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: Any = None, name: str | None = None
) -> Tensor:
    """The largest element of each window, for each channel, along 1, 2 or 3 spatial axes.

    Args:
      input: (batch, *spatial, channels), of rank 3 to 5; channels come second if `data_format` is 'NCW',
        'NCHW' or 'NCDHW'.
      ksize: the size of the window: a number, one for each spatial axis, or also 1 for batch and channels.
      strides: how far windows are apart, written like ksize.
      padding: 'VALID', 'SAME' or [before, after] for each axis; places of the padding never win.

    Where several elements tie, the derivative goes to the first of them.

    Raises:
      InvalidArgumentError: for an input of another rank or a window that is too large.
      ValueError: for sizes, strides, padding or a data_format that cannot be.

    >>> max_pool([[[1.0], [3.0], [2.0], [5.0]]], 2, 2, "VALID").numpy().ravel().tolist()
    [3.0, 5.0]
    """
    return _max("max_pool", None, input, ksize, strides, padding, data_format)


def max_pool1d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: Any = "NWC", name: str | None = None
) -> Tensor:
    """The largest element of each window of `(batch, width, channels)`. Arguments as for `max_pool`.

    >>> max_pool1d([[[1.0], [3.0], [2.0]]], 2, 1, "SAME").numpy().ravel().tolist()
    [3.0, 3.0, 2.0]
    """
    return _max("max_pool1d", 1, input, ksize, strides, padding, data_format)


def max_pool2d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: Any = "NHWC", name: str | None = None
) -> Tensor:
    """The largest element of each window of `(batch, height, width, channels)`. Arguments as for `max_pool`.

    >>> max_pool2d([[[[1.0], [4.0]], [[2.0], [3.0]]]], 2, 2, "VALID").numpy().item()
    4.0
    """
    return _max("max_pool2d", 2, input, ksize, strides, padding, data_format)


def max_pool3d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: Any = "NDHWC", name: str | None = None
) -> Tensor:
    """The largest element of each window of `(batch, depth, height, width, channels)`.

    Arguments as for `max_pool`.

    >>> import numpy as np
    >>> max_pool3d(np.arange(8.0).reshape(1, 2, 2, 2, 1), 2, 2, "VALID").numpy().item()
    7.0
    """
    return _max("max_pool3d", 3, input, ksize, strides, padding, data_format)


def avg_pool(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: Any = None, name: str | None = None
) -> Tensor:
    """The mean of each window, for each channel, along 1, 2 or 3 spatial axes.

    Arguments as for `max_pool`. Places of the padding do not count: at the border, fewer elements are
    averaged.

    >>> avg_pool([[[1.0], [3.0], [2.0]]], 2, 1, "SAME").numpy().ravel().tolist()
    [2.0, 2.5, 2.0]
    """
    return _mean("avg_pool", None, input, ksize, strides, padding, data_format)


def avg_pool1d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: Any = "NWC", name: str | None = None
) -> Tensor:
    """The mean of each window of `(batch, width, channels)`. Arguments as for `avg_pool`.

    >>> avg_pool1d([[[1.0], [3.0], [2.0], [6.0]]], 2, 2, "VALID").numpy().ravel().tolist()
    [2.0, 4.0]
    """
    return _mean("avg_pool1d", 1, input, ksize, strides, padding, data_format)


def avg_pool2d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: Any = "NHWC", name: str | None = None
) -> Tensor:
    """The mean of each window of `(batch, height, width, channels)`. Arguments as for `avg_pool`.

    >>> avg_pool2d([[[[1.0], [4.0]], [[2.0], [3.0]]]], 2, 2, "VALID").numpy().item()
    2.5
    """
    return _mean("avg_pool2d", 2, input, ksize, strides, padding, data_format)


def avg_pool3d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: Any = "NDHWC", name: str | None = None
) -> Tensor:
    """The mean of each window of `(batch, depth, height, width, channels)`. Arguments as for `avg_pool`.

    >>> import numpy as np
    >>> avg_pool3d(np.arange(8.0).reshape(1, 2, 2, 2, 1), 2, 2, "VALID").numpy().item()
    3.5
    """
    return _mean("avg_pool3d", 3, input, ksize, strides, padding, data_format)


def pool(
    input: Any, window_shape: Any, pooling_type: str, strides: Any = None, padding: Any = "VALID",
    data_format: Any = None, dilations: Any = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """`max_pool` or `avg_pool`, with windows whose elements may be `dilations` apart.

    Args:
      pooling_type: 'MAX' or 'AVG'.

    TensorFlow refuses dilated 'SAME' windows, and strides above 1 together with dilations; here they work.

    >>> pool([[[1.0], [3.0], [2.0], [6.0]]], [2], "MAX", dilations=[2]).numpy().ravel().tolist()
    [2.0, 6.0]
    """
    kinds = {"MAX": _max, "AVG": _mean}
    if pooling_type not in kinds:
        raise ValueError(f"pool: pooling_type must be 'MAX' or 'AVG', not {pooling_type!r}.")
    return kinds[pooling_type](
        "pool", None, input, window_shape, strides, padding, data_format, dilations=dilations
    )


def max_pool_with_argmax(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: Any = "NHWC",
    output_dtype: Any = dtypes.int64, include_batch_in_index: bool = False, name: str | None = None,
) -> MaxPoolWithArgmax:  # fmt: skip
    """The largest element of each window of an image, and its flat position in its image.

    The position of [b, i, j, c] is (i * width + j) * channels + c; with `include_batch_in_index`, that of
    the element in the whole input. Of elements that tie, the first is meant. 'NCHW' is not allowed.

    >>> found = max_pool_with_argmax([[[[1.0], [4.0]], [[2.0], [3.0]]]], 2, 2, "VALID")
    >>> found.output.numpy().item(), found.argmax.numpy().item()
    (4.0, 1)
    """
    if data_format != "NHWC":
        raise ValueError(
            f"max_pool_with_argmax: data_format must be 'NHWC', in which positions are counted, not "
            f"{data_format!r}."
        )
    dtype = dtypes.as_dtype(output_dtype)
    if dtype not in (dtypes.int32, dtypes.int64):
        raise ValueError(
            f"max_pool_with_argmax: output_dtype must be int32 or int64, not {dtype.name}."
        )
    settings = (input, ksize, strides, padding, data_format)
    x, _, how = _prepared("max_pool_with_argmax", 2, REAL, settings)
    where = apply(_POSITIONS, x, with_batch=bool(include_batch_in_index), dtype=dtype, **how)
    return MaxPoolWithArgmax(apply(_MAX, x, **how), where)


def local_response_normalization(
    input: Any, depth_radius: int = 5, bias: float = 1, alpha: float = 1, beta: float = 0.5,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """x / (bias + alpha * s) ** beta, s the sum of squares over the channels at most `depth_radius` away.

    `input` is (batch, height, width, channels). Krizhevsky, Sutskever and Hinton, ImageNet Classification
    with Deep Convolutional Neural Networks (2012), section 3.3.

    >>> local_response_normalization([[[[1.0, 2.0, 2.0]]]], 1, 0.0, 1.0, 1.0).numpy().ravel().tolist()
    [0.20000000298023224, 0.2222222238779068, 0.25]
    """
    x = convert(input)
    _check_kind("local_response_normalization", x, FLOATING)
    if x.ndim != 4:
        raise InvalidArgumentError(
            "local_response_normalization: an input (batch, height, width, channels) was expected, but "
            f"shape {x.shape} was given."
        )
    if depth_radius < 0:
        raise ValueError(
            f"local_response_normalization: depth_radius must be 0 or more, not {depth_radius}."
        )
    # The channels become the last spatial axis of windows 2 * radius + 1 wide.
    how = {"window": (1, 1, 2 * depth_radius + 1), "strides": (1, 1, 1), "dilations": (1, 1, 1)}
    sums = apply(_SUM, expand_dims(square(x), -1), mean=False, padding="SAME", **how)
    return x * (bias + alpha * squeeze(sums, -1)) ** -beta
