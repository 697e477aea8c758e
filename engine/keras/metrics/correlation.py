"""Correlations between targets and predictions along an axis, averaged over examples."""

from __future__ import annotations

from typing import Any

from engine.keras import config
from engine.keras.losses.base import align
from engine.keras.metrics.reduction import MeanMetricWrapper
from engine.ops.elementwise import divide, sqrt, square
from engine.ops.reduce import reduce_mean
from engine.tensor import Tensor


def _centered(x: Tensor, axis: int) -> tuple[Tensor, Tensor, Tensor]:
    """The mean, what is left without it, and the variance."""
    mean = reduce_mean(x, axis=axis, keepdims=True)
    rest = x - mean
    return mean, rest, reduce_mean(square(rest), axis=axis, keepdims=True)


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Covariance over both standard deviations: 1 for predictions on a rising line of the targets.

    >>> print(pearson_correlation([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]]).numpy().round(4))
    [1.]
    """
    target, predicted = align(y_true, y_pred, "pearson_correlation")
    (_, a, spread_a), (_, b, spread_b) = (_centered(x, axis) for x in (target, predicted))
    return reduce_mean(divide(a, sqrt(spread_a)) * divide(b, sqrt(spread_b)), axis=axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """2 cov / (both variances + the squared difference of means): 1 only for equal values (Lin 1989)."""
    target, predicted = align(y_true, y_pred, "concordance_correlation")
    (mean_a, _, spread_a), (mean_b, b, spread_b) = (_centered(x, axis) for x in (target, predicted))
    covariance = (target - mean_b) * b
    norm = spread_a + spread_b + square(mean_a - mean_b)
    return reduce_mean(divide(covariance * 2.0, norm + config.epsilon()), axis=axis)


class PearsonCorrelation(MeanMetricWrapper):
    """The mean Pearson correlation along `axis`."""

    _direction = "up"

    def __init__(self, name: str = "pearson_correlation", dtype: Any = None, axis: int = -1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean concordance correlation along `axis`."""

    _direction = "up"

    def __init__(self, name: str = "concordance_correlation", dtype: Any = None, axis: int = -1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)
