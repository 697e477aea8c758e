"""`tf.nn`: what networks are made of, as compositions: their derivatives follow by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import dtypes
from engine.errors import InvalidArgumentError
from engine.ops import random
from engine.ops.activations import (
    crelu,
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu6,
    selu,
    silu,
    softmax,
    swish,
)
from engine.ops.blocks import depth_to_space, space_to_batch, space_to_depth
from engine.ops.candidates import compute_accidental_hits, nce_loss, sampled_softmax_loss
from engine.ops.convolution import (
    atrous_conv2d,
    conv1d,
    conv2d,
    conv3d,
    convolution,
    depthwise_conv2d,
    separable_conv2d,
)
from engine.ops.convolution_transpose import (
    atrous_conv2d_transpose,
    conv1d_transpose,
    conv2d_transpose,
    conv3d_transpose,
    conv_transpose,
)
from engine.ops.creation import convert, convert_like, is_symbolic
from engine.ops.elementwise import cast, relu, rsqrt, sigmoid, softplus, tanh, where, zeros_like
from engine.ops.indexing import gather
from engine.ops.isotonic import isotonic_regression
from engine.ops.joining import concat
from engine.ops.layout import broadcast_to, reshape, sizes
from engine.ops.losses import (
    compute_average_loss,
    l2_loss,
    log_poisson_loss,
    scale_regularization_loss,
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits,
    weighted_cross_entropy_with_logits,
)
from engine.ops.morphology import dilation2d, erosion2d
from engine.ops.norms import (
    clip_by_norm,
    l2_normalize,
    moments,
    normalize_moments,
    sufficient_statistics,
    weighted_moments,
)
from engine.ops.ordering import in_top_k, top_k
from engine.ops.pooling import (
    avg_pool,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    local_response_normalization,
    max_pool,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    max_pool_with_argmax,
    pool,
)
from engine.ops.pooling import local_response_normalization as lrn
from engine.ops.reduce import zero_fraction
from engine.ops.special import log_sigmoid, softsign
from engine.spec import compatible, show
from engine.tensor import Tensor

__all__ = [
    "atrous_conv2d", "atrous_conv2d_transpose", "avg_pool", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "batch_normalization", "bias_add", "compute_accidental_hits", "compute_average_loss", "conv1d",
    "conv1d_transpose", "conv2d", "conv2d_transpose", "conv3d", "conv3d_transpose", "conv_transpose",
    "convolution", "crelu", "depth_to_space", "depthwise_conv2d", "dilation2d", "dropout", "elu",
    "embedding_lookup", "erosion2d", "gelu", "in_top_k", "isotonic_regression", "l2_loss",
    "l2_normalize", "leaky_relu", "local_response_normalization", "log_poisson_loss", "log_sigmoid",
    "log_softmax", "lrn", "max_pool", "max_pool1d", "max_pool2d", "max_pool3d", "max_pool_with_argmax",
    "moments", "nce_loss", "normalize_moments", "pool", "relu", "relu6", "sampled_softmax_loss",
    "scale_regularization_loss", "selu", "separable_conv2d", "sigmoid",
    "sigmoid_cross_entropy_with_logits", "silu", "softmax", "softmax_cross_entropy_with_logits",
    "softplus", "softsign", "space_to_batch", "space_to_depth",
    "sparse_softmax_cross_entropy_with_logits", "sufficient_statistics", "swish", "tanh", "top_k",
    "weighted_cross_entropy_with_logits", "weighted_moments", "zero_fraction",
]  # fmt: skip


def bias_add(
    value: Any, bias: Any, data_format: str | None = None, name: str | None = None
) -> Tensor:
    """Adds one number a channel. Channels are the last axis, or axis 1 if `data_format` begins with 'NC'.

    >>> bias_add([[1.0, 2.0]], [10.0, 20.0]).numpy().tolist()
    [[11.0, 22.0]]
    """
    first = data_format is not None and data_format.startswith("NC")
    if (
        data_format is not None
        and not first
        and not (data_format[:1] == "N" and data_format[-1] == "C")
    ):
        raise ValueError(
            f"bias_add: data_format must be like 'N...C' or 'NC...', not {data_format!r}."
        )
    x = convert(value)
    b = convert_like(bias, x)
    if x.ndim < 2 or b.ndim != 1:
        raise InvalidArgumentError(
            f"bias_add: a value of rank 2 or more and a bias of rank 1 were expected, but shapes {x.shape} "
            f"and {b.shape} were given."
        )
    channels = x.shape[1 if first else -1]
    if not compatible((channels,), b._dims):
        raise InvalidArgumentError(
            f"bias_add: the bias must hold {channels} numbers, one for each channel of shape {x.shape}, "
            f"but has shape {b.shape}."
        )
    return x + (reshape(b, [1, -1] + [1] * (x.ndim - 2)) if first else b)


def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: Any,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """scale * (x - mean) / sqrt(variance + epsilon) + offset; `scale` and `offset` may be None.

    Everything is broadcast to x. Ioffe and Szegedy, Batch Normalization (2015), algorithm 1.

    >>> batch_normalization([1.0, 3.0], 2.0, 1.0, 10.0, 2.0, 0.0).numpy().tolist()
    [8.0, 12.0]
    """
    tensor = convert(x)

    def own(value: Any) -> Tensor:
        return cast(convert(value, hint=tensor.dtype), tensor.dtype)

    # In the variance's own dtype: 16 bits may lose the epsilon.
    factor = rsqrt(convert(variance, hint=tensor.dtype) + variance_epsilon)
    if scale is not None:
        factor = factor * cast(convert(scale, hint=factor.dtype), factor.dtype)
    result = (tensor - own(mean)) * own(factor)
    return result if offset is None else result + own(offset)


def dropout(
    x: Any, rate: Any, noise_shape: Any = None, seed: int | None = None, name: str | None = None
) -> Tensor:
    """Sets a random share `rate` of the elements to 0 and divides the others by 1 - rate.

    The expected sum stays. `noise_shape` says where decisions are made, 1 for an axis along which all
    share one and None for the size of x: [None, 1] drops whole rows. Srivastava et al., Dropout (2014).

    >>> sorted(set(dropout([1.0] * 100, 0.75).numpy().tolist()))
    [0.0, 4.0]
    """
    return drop(x, rate, noise_shape, lambda shape: random.uniform(shape, seed=seed))


def drop(x: Any, rate: Any, noise_shape: Any, sampler: Callable[[Any], Tensor]) -> Tensor:
    """`dropout` with float32 numbers in [0, 1) from any sampler of a shape."""
    tensor = convert(x)
    if not tensor.dtype.is_floating:
        raise ValueError(
            f"dropout: x is scaled, so it must be floating-point, but {tensor.dtype.name} was given."
        )
    if isinstance(rate, (int, float)) and not 0 <= rate < 1:
        raise ValueError(f"dropout: rate, the share to drop, must be in [0, 1), not {rate!r}.")
    if isinstance(rate, (int, float)) and rate == 0:
        return tensor
    # Always drawn in float32: 16 bits have too few steps for a rate to be met.
    share = cast(convert(rate, hint=dtypes.float32), dtypes.float32)
    noise = sampler(_noise_shape(tensor, noise_shape))
    if noise_shape is not None:
        noise = broadcast_to(noise, sizes(tensor))
    left = 1 - rate if isinstance(rate, (int, float)) else cast(1 - convert(rate), tensor.dtype)
    return where(noise >= share, tensor / left, zeros_like(tensor))


def _noise_shape(x: Tensor, asked: Any) -> Any:
    """The shape of the decisions, None filled in; each size is x's or 1."""
    own = sizes(x)
    if asked is None or is_symbolic(asked):
        return own if asked is None else asked
    listed = asked.numpy().tolist() if isinstance(asked, Tensor) else list(asked)
    if len(listed) == len(own):
        listed = [n if d is None else d for d, n in zip(listed, own, strict=True)]
    fits = len(listed) <= len(own) and all(
        not isinstance(d, int) or d == 1 or not isinstance(n, int) or d == n
        for d, n in zip(reversed(listed), reversed(own), strict=False)
    )
    if not fits or None in listed:
        raise ValueError(
            f"dropout: noise_shape {listed} does not fit x of shape {show(x._dims)}; each size must be "
            "that of x, 1 or None."
        )
    return listed


def embedding_lookup(
    params: Any, ids: Any, max_norm: Any = None, name: str | None = None
) -> Tensor:
    """The rows of `params` at `ids`; a list of tables is one table cut into consecutive pieces.

    `max_norm` scales longer rows down to that euclidean norm.

    Raises:
      InvalidArgumentError: for a row that is not there.

    >>> embedding_lookup(convert([[1.0, 2.0], [3.0, 4.0]]), [1, 0, 1]).numpy().tolist()
    [[3.0, 4.0], [1.0, 2.0], [3.0, 4.0]]
    """
    if isinstance(params, (list, tuple)):
        if not params:
            raise ValueError("embedding_lookup needs at least one table, but the list is empty.")
        params = concat(list(params), 0)
    table = convert(params)
    positions = convert(ids)
    rows = gather(table, positions)
    if max_norm is None:
        return rows
    return clip_by_norm(rows, max_norm, list(range(positions.ndim, rows.ndim)))


# At the end, for it needs the functions above.
from engine.ops import nn_experimental as experimental  # noqa: E402, F401
