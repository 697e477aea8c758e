"""Constraints: what a weight is put back into after each update."""

from __future__ import annotations

from typing import Any

from engine.keras import config
from engine.keras.configurable import Configurable
from engine.keras.lookup import find
from engine.keras.serialization import custom_object_scope, serialize_keras_object
from engine.ops.creation import convert
from engine.ops.elementwise import clip_by_value, relu, sqrt, square
from engine.ops.reduce import reduce_sum
from engine.tensor import Tensor

__all__ = [
    "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "deserialize", "get", "max_norm",
    "min_max_norm", "non_neg", "serialize", "unit_norm",
]  # fmt: skip


class Constraint(Configurable):
    """A function from a weight to the weight it should be. Define `__call__(w)`."""

    def __call__(self, w: Any) -> Any:
        """The weight in its bounds: unchanged here."""
        return w


def _norms(w: Tensor, axis: Any) -> Tensor:
    """The lengths of the vectors along `axis`, which stays as an axis of size 1."""
    return sqrt(reduce_sum(square(w), axis, keepdims=True))


class MaxNorm(Constraint):
    """Vectors longer than `max_value` are cut to that length (Srivastava et al., Dropout, 2014).

    Args:
      axis: the axis or axes along which a vector lies: 0 for a Dense kernel `(inputs, units)`, so that
        each unit has one; `[0, 1, 2]` for a Conv2D kernel.

    >>> MaxNorm(2.0)([[3.0], [4.0]]).numpy().round(3).tolist()
    [[1.2000000476837158], [1.600000023841858]]
    """

    def __init__(self, max_value: float = 2, axis: Any = 0):
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Any:
        """The weight with shorter vectors."""
        tensor = convert(w)
        norms = _norms(tensor, self.axis)
        wanted = clip_by_value(norms, 0.0, self.max_value)
        return tensor * (wanted / (config.epsilon() + norms))


class NonNeg(Constraint):
    """Negative weights become 0."""

    def __call__(self, w: Any) -> Any:
        """The weight without its negative elements."""
        return relu(w)


class UnitNorm(Constraint):
    """Vectors get length 1. `axis` as in `MaxNorm`."""

    def __init__(self, axis: Any = 0):
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        """The weight with vectors of length 1."""
        tensor = convert(w)
        return tensor / (config.epsilon() + _norms(tensor, self.axis))


class MinMaxNorm(Constraint):
    """Vectors get a length between `min_value` and `max_value`. `axis` as in `MaxNorm`.

    Args:
      rate: 1 to go there at once, less to go that share of the way at each update.
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0
    ):
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> Any:
        """The weight with vectors moved towards the bounds."""
        tensor = convert(w)
        norms = _norms(tensor, self.axis)
        bounded = clip_by_value(norms, self.min_value, self.max_value)
        wanted = self.rate * bounded + (1 - self.rate) * norms
        return tensor * (wanted / (config.epsilon() + norms))


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm
_TABLE = {kind.__name__: kind for kind in (MaxNorm, MinMaxNorm, NonNeg, UnitNorm)}


def get(identifier: Any) -> Any:
    """The constraint with this name, or from this config; None stays None.

    Raises:
      ValueError: for a name that is not known, with the nearest one.

    >>> get("max_norm").max_value, get(None)
    (2, None)
    """
    return None if identifier is None else find("constraint", identifier, _TABLE, Constraint)


def serialize(constraint: Any) -> Any:
    """Its config."""
    return serialize_keras_object(constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The constraint from its config."""
    with custom_object_scope(custom_objects or {}):
        return get(config)
