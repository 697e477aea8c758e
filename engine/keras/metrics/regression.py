"""Errors of predicted numbers over an epoch: in their own units, in per cent, as a share of the variance."""

from __future__ import annotations

from typing import Any, ClassVar

from engine.keras.losses import regression as losses
from engine.keras.losses.base import align
from engine.keras.metrics.base import Metric
from engine.keras.metrics.reduction import Mean, MeanMetricWrapper
from engine.ops.creation import convert
from engine.ops.elementwise import (
    cast,
    divide,
    greater,
    is_inf,
    multiply,
    negative,
    sqrt,
    square,
    subtract,
    where,
    zeros_like,
)
from engine.ops.layout import broadcast_to, expand_dims, size, sizes
from engine.ops.reduce import reduce_mean, reduce_sum
from engine.tensor import Tensor
from engine.variable import Variable


class MeanSquaredError(MeanMetricWrapper):
    """The mean of squared differences over an epoch.

    >>> MeanSquaredError()([[1.0], [2.0]], [[1.0], [4.0]]).numpy().item()
    2.0
    """

    _direction = "down"

    def __init__(self, name: str = "mean_squared_error", dtype: Any = None):
        super().__init__(losses.mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of absolute differences over an epoch."""

    _direction = "down"

    def __init__(self, name: str = "mean_absolute_error", dtype: Any = None):
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """The mean of absolute differences in per cent of the targets."""

    _direction = "down"

    def __init__(self, name: str = "mean_absolute_percentage_error", dtype: Any = None):
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """The mean of squared differences of logarithms."""

    _direction = "down"

    def __init__(self, name: str = "mean_squared_logarithmic_error", dtype: Any = None):
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanMetricWrapper):
    """The mean of log(cosh(error))."""

    _direction = "down"

    def __init__(self, name: str = "logcosh", dtype: Any = None):
        super().__init__(losses.log_cosh, name, dtype)


class RootMeanSquaredError(Mean):
    """The root of the mean squared error: in the units of the targets."""

    _direction = "down"

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None):
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Adds a batch of targets and predictions."""
        target, predicted = align(y_true, cast(convert(y_pred), self.dtype), self.name)
        super().update_state(square(subtract(predicted, target)), sample_weight)

    def result(self) -> Tensor:
        """The root of the mean so far."""
        return sqrt(super().result())


def cosine_similarity(y_true: Any, y_pred: Any, axis: Any = -1) -> Tensor:
    """The cosine of the angle between the vectors along `axis`: 1 for the same direction."""
    return negative(losses.cosine_similarity(y_true, y_pred, axis))


class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine between targets and predictions along `axis`; the loss is minus that."""

    _direction = "up"
    _unwritten: ClassVar[dict[str, Any]] = {"axis": -1}

    def __init__(self, name: str = "cosine_similarity", dtype: Any = None, axis: Any = -1):
        super().__init__(cosine_similarity, name, dtype, axis=axis)


class R2Score(Metric):
    """The share of the targets' variance that predictions explain: 1 at best, 0 for predicting the mean.

    Args:
      class_aggregation: how the scores of several outputs become one: 'uniform_average',
        'variance_weighted_average', or None for one score an output.
      num_regressors: p of the adjusted score 1 - (1 - R2) (n - 1) / (n - p - 1); 0 for the plain one, which
        is also given while there are too few examples.

    >>> print(R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]]).numpy().round(4))
    0.5714
    """

    sum: Variable
    squared_sum: Variable
    total_mse: Variable
    count: Variable
    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        known = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in known:
            raise ValueError(
                f"R2Score: class_aggregation is one of {known}, not {class_aggregation!r}."
            )
        if num_regressors < 0:
            raise ValueError(f"R2Score: num_regressors is 0 or more, not {num_regressors}.")
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable((), name="num_samples")
        self._built = False

    def _build(self, outputs: int) -> None:
        names = {
            "squared_sum": "squared_sum",
            "sum": "sum",
            "total_mse": "residual",
            "count": "count",
        }
        for attribute, name in names.items():
            setattr(self, attribute, self.add_variable((outputs,), name=name))
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch, both `(batch, outputs)`."""
        target, predicted = align(y_true, cast(convert(y_pred), self.dtype), self.name)
        if target.ndim != 2 or target.shape[-1] is None:
            raise ValueError(
                f"R2Score: targets and predictions of shape (batch, outputs) were expected, not "
                f"{target.shape}. Of a batch of single numbers, make (batch, 1) with tf.expand_dims(y, -1)."
            )
        if not self._built:
            self._build(target.shape[-1])
        weight = cast(convert(1.0 if sample_weight is None else sample_weight), self.dtype)
        if weight.ndim == 1:
            weight = expand_dims(weight, 1)
        weight = broadcast_to(weight, sizes(target))
        weighted = multiply(target, weight)
        self.sum.assign_add(reduce_sum(weighted, axis=0))
        self.squared_sum.assign_add(reduce_sum(multiply(target, weighted), axis=0))
        error = multiply(square(subtract(target, predicted)), weight)
        self.total_mse.assign_add(reduce_sum(error, axis=0))
        self.count.assign_add(reduce_sum(weight, axis=0))
        self.num_samples.assign_add(cast(size(target), self.dtype))

    def result(self) -> Tensor:
        """The score so far; an output whose targets are all alike scores 0."""
        total = self.squared_sum.value() - self.sum.value() * divide(
            self.sum.value(), self.count.value()
        )
        scores = subtract(1.0, divide(self.total_mse.value(), total))
        scores = where(is_inf(scores), zeros_like(scores), scores)
        if self.class_aggregation == "uniform_average":
            scores = reduce_mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = divide(reduce_sum(total * scores), reduce_sum(total))
        if not self.num_regressors:
            return scores
        rest = self.num_samples.value() - 1.0
        left = rest - float(self.num_regressors)
        adjusted = subtract(1.0, divide(subtract(1.0, scores) * rest, left))
        return where(greater(left, 0.0), adjusted, scores)
