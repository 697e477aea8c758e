"""Penalties on weights or activities: a number that is added to the loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.keras.configurable import Configurable
from engine.keras.lookup import find
from engine.keras.serialization import custom_object_scope, serialize_keras_object
from engine.ops.creation import convert
from engine.ops.elementwise import abs as absolute
from engine.ops.elementwise import maximum, sqrt, square
from engine.ops.layout import sizes
from engine.ops.linalg import matmul
from engine.ops.reduce import reduce_sum
from engine.ops.sequences import eye
from engine.tensor import Tensor

__all__ = [
    "L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "deserialize", "get", "l1", "l1_l2",
    "l2", "orthogonal_regularizer", "serialize",
]  # fmt: skip


class Regularizer(Configurable):
    """A function of a tensor that gives its penalty, a scalar. Define `__call__(x)`."""

    def __call__(self, x: Any) -> Any:
        """The penalty: 0 here."""
        return 0.0


def _factor(value: Any, name: str, default: float) -> float:
    """A factor, None for its default; ValueError unless it is a number of at least 0."""
    if value is None:
        return default
    if not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} should be a number that is not negative, not {value!r}.")
    return float(value)


def _rounded(config: dict[str, Any], name: str) -> dict[str, Any]:
    """A config with one number in float32, in which Keras keeps it and writes it down."""
    return {**config, name: float(np.float32(config[name]))}


class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x^2)`.

    >>> import engine as tf
    >>> float(L1L2(l1=0.1, l2=0.01)(tf.constant([1.0, -2.0])))
    0.3500000238418579
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0):
        self.l1, self.l2 = _factor(l1, "l1", 0.0), _factor(l2, "l2", 0.0)

    def __call__(self, x: Any) -> Any:
        """The penalty of x, a scalar."""
        tensor = convert(x)
        parts = []
        if self.l1:
            parts.append(self.l1 * reduce_sum(absolute(tensor)))
        if self.l2:
            parts.append(self.l2 * reduce_sum(square(tensor)))
        return sum(parts[1:], parts[0]) if parts else convert(0.0, tensor.dtype)


class L1(Regularizer):
    """`l1 * sum(|x|)`: pulls weights to exactly 0 (the lasso, Tibshirani 1996)."""

    def __init__(self, l1: float | None = 0.01):
        self.l1 = _factor(l1, "l1", 0.01)

    def __call__(self, x: Any) -> Tensor:
        """The penalty of x, a scalar."""
        return self.l1 * reduce_sum(absolute(convert(x)))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return _rounded(super().get_config(), "l1")


class L2(Regularizer):
    """`l2 * sum(x^2)`: keeps weights small (ridge regression, Hoerl and Kennard 1970)."""

    def __init__(self, l2: float | None = 0.01):
        self.l2 = _factor(l2, "l2", 0.01)

    def __call__(self, x: Any) -> Tensor:
        """The penalty of x, a scalar."""
        return self.l2 * reduce_sum(square(convert(x)))


class OrthogonalRegularizer(Regularizer):
    """`factor` times the mean |cosine| between different rows, or columns, of a matrix.

    Args:
      factor: of the penalty.
      mode: 'rows' or 'columns'.

    >>> float(OrthogonalRegularizer(1.0)([[1.0, 0.0], [0.0, 2.0]]))
    0.0
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        self.factor = _factor(factor, "factor", 0.01)
        if mode not in ("rows", "columns"):
            raise ValueError(f"mode is 'rows' or 'columns', not {mode!r}.")
        self.mode = mode

    def __call__(self, inputs: Any) -> Tensor:
        """The penalty of a matrix.

        Raises:
          ValueError: for a tensor of another rank.
        """
        x = convert(inputs)
        if x.ndim != 2:
            raise ValueError(f"OrthogonalRegularizer takes a matrix, not shape {x.shape}.")
        rows = self.mode == "rows"
        length = sqrt(maximum(reduce_sum(square(x), 1 if rows else 0, keepdims=True), 1e-12))
        unit = x / length
        products = matmul(unit, unit, transpose_a=not rows, transpose_b=rows)
        count = sizes(x)[0 if rows else 1]
        others = products * (1.0 - eye(count, dtype=x.dtype))
        pairs = count * (count - 1.0) / 2.0
        return self.factor * 0.5 * reduce_sum(absolute(others)) / pairs

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return _rounded(super().get_config(), "factor")


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer
_TABLE = {kind.__name__: kind for kind in (L1, L2, L1L2, OrthogonalRegularizer)}


def get(identifier: Any) -> Any:
    """The regularizer with this name, or from this config; None stays None.

    Raises:
      ValueError: for a name that is not known, with the nearest one.

    >>> get("l2").l2, get(None)
    (0.01, None)
    """
    return None if identifier is None else find("regularizer", identifier, _TABLE, Regularizer)


def serialize(regularizer: Any) -> Any:
    """Its config."""
    return serialize_keras_object(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The regularizer from its config."""
    with custom_object_scope(custom_objects or {}):
        return get(config)
