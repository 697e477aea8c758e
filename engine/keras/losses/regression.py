"""Losses of numbers: how far predictions are from targets, `(batch, d)` against `(batch, d)`."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from engine.keras import config
from engine.keras.losses.base import LossFunctionWrapper, align
from engine.ops.elementwise import abs as absolute
from engine.ops.elementwise import (
    divide,
    less_equal,
    log,
    maximum,
    minimum,
    multiply,
    negative,
    rsqrt,
    softplus,
    square,
    subtract,
    where,
)
from engine.ops.reduce import reduce_mean, reduce_sum
from engine.tensor import Tensor

BATCH_MEAN = "sum_over_batch_size"


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of (y_true - y_pred)^2 over the last axis: `(batch, d)` gives `(batch,)`.

    >>> mean_squared_error([[0.0, 1.0]], [[1.0, 3.0]]).numpy().tolist()
    [2.5]
    """
    target, predicted = align(y_true, y_pred, "mean_squared_error")
    return reduce_mean(square(subtract(predicted, target)), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of |y_true - y_pred| over the last axis: `(batch, d)` gives `(batch,)`."""
    target, predicted = align(y_true, y_pred, "mean_absolute_error")
    return reduce_mean(absolute(subtract(predicted, target)), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """100 times the mean of |y_true - y_pred| / |y_true|, where |y_true| counts 1e-7 at least."""
    target, predicted = align(y_true, y_pred, "mean_absolute_percentage_error")
    scale = maximum(absolute(target), config.epsilon())
    return multiply(
        reduce_mean(absolute(divide(subtract(target, predicted), scale)), axis=-1), 100.0
    )


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of (log(y_true + 1) - log(y_pred + 1))^2; numbers below 1e-7 count as that."""
    target, predicted = align(y_true, y_pred, "mean_squared_logarithmic_error")
    logs = [log(maximum(part, config.epsilon()) + 1.0) for part in (predicted, target)]
    return reduce_mean(square(subtract(*logs)), axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """The mean of e^2 / 2 for errors up to `delta`, of delta |e| - delta^2 / 2 beyond.

    Squares for small errors, absolute values for outliers (Huber 1964).

    >>> huber([[0.0, 0.0]], [[0.5, 3.0]]).numpy().tolist()
    [1.3125]
    """
    target, predicted = align(y_true, y_pred, "huber")
    error = subtract(predicted, target)
    size = absolute(error)
    each = where(less_equal(size, delta), square(error) * 0.5, size * delta - 0.5 * delta**2)
    return reduce_mean(each, axis=-1)


def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of log(cosh(error)): e^2 / 2 for small errors, |e| - log 2 for large ones."""
    target, predicted = align(y_true, y_pred, "log_cosh")
    error = subtract(predicted, target)
    return reduce_mean(error + softplus(error * -2.0) - math.log(2.0), axis=-1)


def unit_vectors(x: Tensor, axis: Any = -1) -> Tensor:
    """x with vectors along `axis` of length 1; those shorter than 1e-7 stay short."""
    inverse = rsqrt(reduce_sum(square(x), axis=axis, keepdims=True))
    return x * minimum(inverse, 1.0 / config.epsilon())


def cosine_similarity(y_true: Any, y_pred: Any, axis: Any = -1) -> Tensor:
    """Minus the cosine of the angle between the vectors along `axis`: -1 for the same direction.

    >>> cosine_similarity([[0.0, 2.0]], [[0.0, 5.0]]).numpy().tolist()
    [-1.0]
    """
    target, predicted = align(y_true, y_pred, "cosine_similarity")
    return negative(
        reduce_sum(unit_vectors(target, axis) * unit_vectors(predicted, axis), axis=axis)
    )


class MeanSquaredError(LossFunctionWrapper):
    """The mean of squared differences.

    >>> MeanSquaredError()([[1.0], [2.0]], [[1.0], [4.0]]).numpy().item()
    2.0
    """

    def __init__(
        self,
        reduction: str | None = BATCH_MEAN,
        name: str = "mean_squared_error",
        dtype: Any = None,
    ):
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """The mean of absolute differences."""

    def __init__(
        self,
        reduction: str | None = BATCH_MEAN,
        name: str = "mean_absolute_error",
        dtype: Any = None,
    ):
        super().__init__(mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """The mean of absolute differences in per cent of the targets."""

    def __init__(
        self,
        reduction: str | None = BATCH_MEAN,
        name: str = "mean_absolute_percentage_error",
        dtype: Any = None,
    ):
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """The mean of squared differences of logarithms: of ratios, for targets of many magnitudes."""

    def __init__(
        self,
        reduction: str | None = BATCH_MEAN,
        name: str = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ):
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class Huber(LossFunctionWrapper):
    """Squares of errors up to `delta`, absolute values beyond; see `huber`."""

    _unwritten: ClassVar[dict[str, Any]] = {"delta": 1.0}

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = BATCH_MEAN,
        name: str = "huber_loss",
        dtype: Any = None,
    ):
        super().__init__(huber, reduction, name, dtype, delta=delta)


class LogCosh(LossFunctionWrapper):
    """The mean of log(cosh(error)), a smooth relative of the absolute error."""

    def __init__(
        self, reduction: str | None = BATCH_MEAN, name: str = "log_cosh", dtype: Any = None
    ):
        super().__init__(log_cosh, reduction, name, dtype)


class CosineSimilarity(LossFunctionWrapper):
    """Minus the cosine between targets and predictions along `axis`."""

    _unwritten: ClassVar[dict[str, Any]] = {"axis": -1}

    def __init__(
        self,
        axis: Any = -1,
        reduction: str | None = BATCH_MEAN,
        name: str = "cosine_similarity",
        dtype: Any = None,
    ):
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)
