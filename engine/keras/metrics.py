"""Numbers to watch over an epoch. A metric keeps sums in variables, so that it works in a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import dtypes
from engine.dispatch import init_scope
from engine.keras.lookup import find, snake_case
from engine.keras.losses import FUNCTIONS
from engine.ops.creation import convert, convert_like, zeros
from engine.ops.elementwise import cast, divide, equal, maximum, multiply, where, zeros_like
from engine.ops.layout import size
from engine.ops.reduce import reduce_sum
from engine.tensor import Tensor
from engine.variable import Variable


class Metric:
    """update_state adds a batch, result reads the value so far, reset_state starts over."""

    def __init__(self, name: str | None = None, dtype: Any = dtypes.float32):
        self.name = name or snake_case(type(self).__name__)
        self.dtype = dtypes.as_dtype(dtype)
        self.variables: list[Variable] = []
        self._starts: list[Tensor] = []

    def add_variable(self, shape: Any, name: str) -> Variable:
        """A variable that starts, and restarts, at zero."""
        with init_scope():
            start = zeros(shape, self.dtype)
        variable = Variable(start, trainable=False, name=f"{self.name}/{name}")
        self.variables.append(variable)
        self._starts.append(start)
        return variable

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Adds a batch."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state.")

    def result(self) -> Tensor:
        """The value over all batches since the last reset."""
        raise NotImplementedError(f"{type(self).__name__} must define result.")

    def reset_state(self) -> None:
        """Back to zero."""
        for variable, start in zip(self.variables, self._starts, strict=True):
            variable.assign(start)

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        self.update_state(*args, **kwargs)
        return self.result()


class Mean(Metric):
    """The mean of the values given, weighted by `sample_weight`.

    >>> m = Mean(); m.update_state([1.0, 3.0]); m.update_state(5.0); m.result().numpy().item()
    3.0
    """

    def __init__(self, name: str = "mean", dtype: Any = dtypes.float32):
        super().__init__(name, dtype)
        self.total = self.add_variable([], "total")
        self.count = self.add_variable([], "count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds values; `sample_weight` is broadcast to them."""
        values = cast(convert(values, hint=self.dtype), self.dtype)
        if sample_weight is None:
            self.total.assign_add(reduce_sum(values))
            self.count.assign_add(cast(size(values), self.dtype))
        else:
            weight = zeros_like(values) + cast(convert_like(sample_weight, values), self.dtype)
            self.total.assign_add(reduce_sum(multiply(values, weight)))
            self.count.assign_add(reduce_sum(weight))

    def result(self) -> Tensor:
        """total / count, and 0 before the first update."""
        total, count = self.total.value(), self.count.value()
        safe = where(equal(count, 0.0), maximum(count, 1.0), count)
        return divide(total, safe)


class MeanMetricWrapper(Mean):
    """The mean of a function `f(y_true, y_pred)` over all examples."""

    def __init__(self, fn: Callable[..., Tensor], name: str | None = None, dtype: Any = "float32"):
        super().__init__(name or str(getattr(fn, "__name__", "metric")), dtype)
        self.fn = fn

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Adds a batch of targets and predictions."""
        super().update_state(self.fn(y_true, y_pred), sample_weight)


class MeanSquaredError(MeanMetricWrapper):
    """The mean of squared differences over an epoch."""

    def __init__(self, name: str = "mean_squared_error", dtype: Any = "float32"):
        super().__init__(FUNCTIONS["mean_squared_error"], name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of absolute differences over an epoch."""

    def __init__(self, name: str = "mean_absolute_error", dtype: Any = "float32"):
        super().__init__(FUNCTIONS["mean_absolute_error"], name, dtype)


_TABLE: dict[str, Any] = {
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
}


def get(identifier: Any) -> Metric:
    """The metric with this name (which is also its key in the logs), or made of a function."""
    found = find("metric", identifier, _TABLE, Metric)
    if isinstance(identifier, str):
        found.name = identifier
    return found if isinstance(found, Metric) else MeanMetricWrapper(found)
