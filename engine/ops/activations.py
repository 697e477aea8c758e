"""What stands between layers: relu and its kin, softmax. Each is a line of formula; read `elementwise`,
whose tables these continue, first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes
from engine.ops.creation import convert
from engine.ops.elementwise import (
    REAL,
    cast,
    clip_by_value,
    divide,
    exp,
    log,
    maximum,
    multiply,
    negative,
    relu,
    sigmoid,
    stop_gradient,
    subtract,
    tanh,
    unary,
    where,
    zeros_like,
)
from engine.ops.joining import concat
from engine.ops.reduce import reduce_max, reduce_sum
from engine.ops.special import FLOAT, erfc
from engine.tensor import Tensor

# --- softmax --------------------------------------------------------------------------------------


def _shifted(logits: Any, axis: int) -> Tensor:
    """Logits minus their largest, so that exp cannot overflow; the result is the same."""
    x = convert(logits)
    return subtract(x, stop_gradient(reduce_max(x, axis, keepdims=True)))


def softmax(logits: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """exp(x) divided by its sum along `axis`, by default the last: positive numbers that add up to 1.

    >>> softmax([0.0, 0.0]).numpy().tolist()
    [0.5, 0.5]
    """
    axis = -1 if axis is None else axis
    powers = exp(_shifted(logits, axis))
    return divide(powers, reduce_sum(powers, axis, keepdims=True))


def log_softmax(logits: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """The logarithm of `softmax`, computed without forming a quotient that may be 0."""
    axis = -1 if axis is None else axis
    shifted = _shifted(logits, axis)
    return subtract(shifted, log(reduce_sum(exp(shifted), axis, keepdims=True)))


# --- relu and its kin -----------------------------------------------------------------------------

# Klambauer et al., Self-Normalizing Neural Networks (2017), equation 14: with these two, activations of
# mean 0 and variance 1 stay so from layer to layer.
_SELU_SCALE = 1.0507009873554804934193349852946
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_LOW = _SELU_SCALE * _SELU_ALPHA


def _relu6(x: Any) -> Any:
    kind = x.dtype.type
    return np.minimum(np.maximum(x, kind(0)), kind(6))


def _elu(x: Any) -> Any:
    return np.where(x < 0, np.expm1(np.minimum(x, x.dtype.type(0))), x)


def _selu(x: Any) -> Any:
    kind = x.dtype.type
    low = kind(_SELU_LOW) * np.expm1(np.minimum(x, kind(0)))
    return np.where(x < 0, low, kind(_SELU_SCALE) * x)


# fmt: off
relu6 = unary("relu6", _relu6, (  # the derivative at 0 and at 6 is taken as 0
    lambda dy, y, a: where((a > 0) & (a < 6), dy, zeros_like(dy)),), "min(max(x, 0), 6)", REAL,
    called="features")
elu = unary("elu", _elu, (
    lambda dy, y, a: where(a < 0, dy * (y + 1), dy),), "x where x > 0, exp(x) - 1 elsewhere", FLOAT,
    called="features")
selu = unary("selu", _selu, (
    lambda dy, y, a: where(a < 0, dy * (y + _SELU_LOW), dy * _SELU_SCALE),),
    "elu, scaled so that mean 0 and variance 1 are kept: 1.0507 x where x > 0, else 1.7581 (exp(x) - 1)",
    FLOAT, called="features")
# fmt: on


def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Tensor:
    """x where x > 0, alpha * x elsewhere. `alpha` between 0 and 1. Integers become float32."""
    x = convert(features)
    x = cast(x, dtypes.float32) if x.dtype.is_integer else x
    return maximum(multiply(x, alpha), x)


def crelu(features: Any, axis: int = -1, name: str | None = None) -> Tensor:
    """relu of x and of -x, side by side along `axis`, which becomes twice as long.

    >>> crelu([1.0, -2.0]).numpy().tolist()
    [1.0, 0.0, 0.0, 2.0]
    """
    x = convert(features)
    return relu(concat([x, negative(x)], axis))


def silu(features: Any, beta: Any = 1.0, name: str | None = None) -> Tensor:
    """x * sigmoid(beta * x), also known as swish.

    >>> silu([0.0, 100.0, -1000.0]).numpy().tolist()
    [0.0, 100.0, -0.0]
    """
    x = convert(features)
    return multiply(x, sigmoid(multiply(x, beta)))


swish = silu


def gelu(features: Any, approximate: bool = False, name: str | None = None) -> Tensor:
    """x times the share of the standard normal distribution below x (Hendrycks and Gimpel, 2016).

    `approximate` takes tanh in place of erf.

    >>> gelu([0.0, 1.0, 3.0]).numpy().round(3).tolist()
    [0.0, 0.8410000205039978, 2.996000051498413]
    """
    x = convert(features)
    if not approximate:
        return 0.5 * x * erfc(x * -math.sqrt(0.5))  # 1 + erf(z) is erfc(-z), exact in the tail too
    near = clip_by_value(x, -10.0, 10.0)  # tanh is 1 beyond, and the cube cannot overflow
    return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (near + 0.044715 * near * near * near)))
