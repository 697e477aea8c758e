"""Losses of overlap, for images in which every pixel has a label and few of them are positive."""

from __future__ import annotations

from typing import Any

from engine.keras import config
from engine.keras.losses.base import LossFunctionWrapper, align
from engine.keras.losses.regression import BATCH_MEAN
from engine.ops.elementwise import divide, subtract
from engine.ops.reduce import reduce_sum
from engine.tensor import Tensor


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Tensor:
    """1 - 2 |A and B| / (|A| + |B|) over the axes, by default all of them: one number.

    >>> dice([[1.0, 0.0]], [[1.0, 0.0]]).numpy().round(6).item()
    0.0
    """
    target, predicted = align(y_true, y_pred, "dice")
    both = reduce_sum(target * predicted, axis=axis)
    total = reduce_sum(target, axis=axis) + reduce_sum(predicted, axis=axis)
    return subtract(1.0, divide(both * 2.0, total + config.epsilon()))


def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None
) -> Tensor:
    """1 - |A and B| / (|A and B| + alpha |A without B| + beta |B without A|); A the targets, B predicted.

    With 1/2 and 1/2 it is `dice` (Salehi et al. 2017). Keras calls `alpha` the weight of false positives,
    but applies it to what is missed, as here.
    """
    target, predicted = align(y_true, y_pred, "tversky")
    both = reduce_sum(target * predicted, axis=axis)
    missed = reduce_sum(subtract(1.0, predicted) * target, axis=axis)
    false = reduce_sum(predicted * subtract(1.0, target), axis=axis)
    return subtract(1.0, divide(both, both + missed * alpha + false * beta + config.epsilon()))


class Dice(LossFunctionWrapper):
    """1 minus the Dice coefficient of overlap; see `dice`."""

    def __init__(
        self,
        reduction: str | None = BATCH_MEAN,
        name: str = "dice",
        axis: Any = None,
        dtype: Any = None,
    ):
        super().__init__(dice, reduction, name, dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """1 minus the Tversky index of overlap; see `tversky`."""

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = BATCH_MEAN,
        name: str = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ):
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)
