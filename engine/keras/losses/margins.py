"""Losses that ask for a margin: nothing to pay once a score is on the right side by 1 or more."""

from __future__ import annotations

from typing import Any

from engine.keras.losses.base import LossFunctionWrapper, align
from engine.keras.losses.regression import BATCH_MEAN
from engine.ops.elementwise import equal, logical_or, maximum, square, subtract, where
from engine.ops.reduce import reduce_all, reduce_max, reduce_mean, reduce_sum
from engine.tensor import Tensor


def _signed(target: Tensor) -> Tensor:
    """Labels of which all are 0 or 1 become -1 and 1; others stay."""
    binary = reduce_all(logical_or(equal(target, 0.0), equal(target, 1.0)))
    return where(binary, target * 2.0 - 1.0, target)


def _violation(y_true: Any, y_pred: Any, what: str) -> Tensor:
    target, predicted = align(y_true, y_pred, what)
    return maximum(subtract(1.0, _signed(target) * predicted), 0.0)


def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of max(1 - y_true y_pred, 0) over the last axis; labels are -1 and 1, or 0 and 1.

    >>> hinge([[1.0, -1.0]], [[0.5, -3.0]]).numpy().tolist()
    [0.25]
    """
    return reduce_mean(_violation(y_true, y_pred, "hinge"), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of max(1 - y_true y_pred, 0)^2 over the last axis."""
    return reduce_mean(square(_violation(y_true, y_pred, "squared_hinge")), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """max(1 + the best score of a wrong class - the score of the right one, 0); one-hot targets."""
    target, predicted = align(
        y_true, y_pred, "categorical_hinge", " For class numbers, make the targets with tf.one_hot."
    )
    right = reduce_sum(target * predicted, axis=-1)
    wrong = reduce_max(subtract(1.0, target) * predicted, axis=-1)
    return maximum(wrong - right + 1.0, 0.0)


class Hinge(LossFunctionWrapper):
    """The mean of max(1 - y_true y_pred, 0)."""

    def __init__(self, reduction: str | None = BATCH_MEAN, name: str = "hinge", dtype: Any = None):
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(LossFunctionWrapper):
    """The mean of max(1 - y_true y_pred, 0)^2."""

    def __init__(
        self, reduction: str | None = BATCH_MEAN, name: str = "squared_hinge", dtype: Any = None
    ):
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(LossFunctionWrapper):
    """The hinge between the right class and the best wrong one."""

    def __init__(
        self, reduction: str | None = BATCH_MEAN, name: str = "categorical_hinge", dtype: Any = None
    ):
        super().__init__(categorical_hinge, reduction, name, dtype)
