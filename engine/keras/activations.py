"""Functions between layers. Without one, a stack of Dense layers is no more than a single Dense."""

from __future__ import annotations

from typing import Any

from engine.keras.lookup import find
from engine.ops.elementwise import exp, relu, sigmoid, softplus, tanh
from engine.ops.nn import leaky_relu, log_softmax, silu, softmax
from engine.tensor import Tensor


def linear(x: Tensor) -> Tensor:
    """x itself."""
    return x


_TABLE = {
    "linear": linear,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "softplus": softplus,
    "silu": silu,
    "swish": silu,
    "exponential": exp,
}
exponential = exp
__all__ = [*(name for name in _TABLE if name != "swish"), "get"]


def get(identifier: Any) -> Any:
    """The activation with this name; None means linear."""
    return linear if identifier is None else find("activation", identifier, _TABLE)
