"""What networks are made of, as compositions: their derivatives follow by themselves."""

from __future__ import annotations

from typing import Any

from engine.ops.blocks import depth_to_space, space_to_batch, space_to_depth
from engine.ops.creation import convert
from engine.ops.elementwise import (
    divide,
    exp,
    log,
    maximum,
    multiply,
    relu,
    sigmoid,
    softplus,
    stop_gradient,
    subtract,
    tanh,
)
from engine.ops.norms import (
    l2_normalize,
    moments,
    normalize_moments,
    sufficient_statistics,
    weighted_moments,
)
from engine.ops.ordering import in_top_k, top_k
from engine.ops.reduce import reduce_max, reduce_sum, zero_fraction
from engine.ops.special import log_sigmoid, softsign
from engine.tensor import Tensor

__all__ = [
    "bias_add", "depth_to_space", "in_top_k", "l2_normalize", "leaky_relu", "log_sigmoid",
    "log_softmax", "moments", "normalize_moments", "relu", "sigmoid", "silu", "softmax", "softplus",
    "softsign", "space_to_batch", "space_to_depth", "sufficient_statistics", "tanh", "top_k",
    "weighted_moments", "zero_fraction",
]  # fmt: skip


def _shifted(logits: Any, axis: int) -> Tensor:
    """Logits minus their largest, so that exp cannot overflow; the result is the same."""
    x = convert(logits)
    return subtract(x, stop_gradient(reduce_max(x, axis, keepdims=True)))


def softmax(logits: Any, axis: int = -1, name: str | None = None) -> Tensor:
    """exp(x) divided by its sum along `axis`: positive numbers that add up to 1.

    >>> softmax([0.0, 0.0]).numpy().tolist()
    [0.5, 0.5]
    """
    powers = exp(_shifted(logits, axis))
    return divide(powers, reduce_sum(powers, axis, keepdims=True))


def log_softmax(logits: Any, axis: int = -1, name: str | None = None) -> Tensor:
    """The logarithm of `softmax`, computed without forming a quotient that may be 0."""
    shifted = _shifted(logits, axis)
    return subtract(shifted, log(reduce_sum(exp(shifted), axis, keepdims=True)))


def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Tensor:
    """x where x > 0, alpha * x elsewhere. `alpha` between 0 and 1."""
    x = convert(features)
    return maximum(multiply(x, alpha), x)


def silu(features: Any, name: str | None = None) -> Tensor:
    """x * sigmoid(x), also known as swish."""
    x = convert(features)
    return multiply(x, sigmoid(x))


def bias_add(value: Any, bias: Any, name: str | None = None) -> Tensor:
    """Adds a vector to the last axis."""
    return convert(value) + bias
