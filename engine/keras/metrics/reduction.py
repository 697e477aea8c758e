"""Sums and means over batches: most metrics are the mean of a function of targets and predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.function import traceable
from engine.keras.losses.base import apply_mask, match_ranks
from engine.keras.masking import get_mask
from engine.keras.metrics.base import Metric
from engine.keras.serialization import serialize_keras_object
from engine.ops.creation import convert
from engine.ops.elementwise import cast, multiply
from engine.ops.layout import broadcast_to, sizes
from engine.ops.reduce import reduce_mean, reduce_sum
from engine.ops.special import divide_no_nan
from engine.spec import compatible
from engine.tensor import Tensor


def per_example(
    values: Any, sample_weight: Any, reduce: Callable[..., Tensor], dtype: Any
) -> tuple[Tensor, Tensor | None]:
    """One weighted value an example, and its weight: `reduce` takes the axes after the first away.

    A scalar weight counts for all values together, which are one value then.

    Raises:
      ValueError: for weights that are not of the values' leading axes.
    """
    mask = get_mask(values)
    found = cast(convert(values), dtype)
    if sample_weight is None:
        return reduce(found, axis=_after(found, 1)) if found.ndim > 1 else found, None
    weight = apply_mask(cast(convert(sample_weight), dtype), mask, dtype, "sum")
    found, weight = match_ranks(found, weight)
    rank = weight.ndim
    if found.ndim > rank:
        found = reduce(found, axis=_after(found, rank))
    if found._dims != weight._dims:
        leading = [
            1 if have == 1 else want for have, want in zip(weight.shape, found.shape, strict=False)
        ]
        if rank != found.ndim or not compatible(weight._dims, tuple(leading)):
            raise ValueError(
                f"Sample weights of shape {weight.shape} do not fit values of shape "
                f"{convert(values).shape}. Give one weight for each example, or one for each value."
            )
        weight = broadcast_to(weight, sizes(found))
    found = multiply(found, weight)
    if rank > 1:
        weight = reduce(weight, axis=_after(weight, 1))
        found = reduce(found, axis=_after(found, 1))
    return found, weight


def _after(x: Tensor, first: int) -> list[int]:
    return list(range(first, x.ndim))


def _total(x: Tensor) -> Tensor:
    return reduce_sum(x) if x.ndim else x


class Sum(Metric):
    """The sum of the values given, weighted by `sample_weight`.

    >>> total = Sum(); total.update_state([1.0, 3.0]); total.update_state(5.0); total.result().numpy().item()
    9.0
    """

    def __init__(self, name: str = "sum", dtype: Any = None):
        super().__init__(dtype, name)
        self.total = self.add_variable((), name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds values of any shape; weights are of their shape or of its leading axes."""
        found, _ = per_example(values, sample_weight, reduce_sum, self.dtype)
        self.total.assign_add(_total(found))

    def result(self) -> Tensor:
        """The sum so far."""
        return self.total.value()


class Mean(Metric):
    """The mean of the values given, weighted by `sample_weight`.

    >>> m = Mean(); m.update_state([1.0, 3.0]); m.update_state(5.0); m.result().numpy().item()
    3.0
    """

    def __init__(self, name: str = "mean", dtype: Any = None):
        super().__init__(dtype, name)
        self.total = self.add_variable((), name="total")
        self.count = self.add_variable((), name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds values, one or more an example; weights are of their shape or of its leading axes."""
        found, weight = per_example(values, sample_weight, reduce_mean, self.dtype)
        self.total.assign_add(_total(found))
        if weight is not None:
            self.count.assign_add(_total(weight))
        else:
            self.count.assign_add(cast(convert(sizes(found)[0] if found.ndim else 1), self.dtype))

    def result(self) -> Tensor:
        """total / count, and 0 before the first update."""
        return divide_no_nan(self.total.value(), self.count.value())


class MeanMetricWrapper(Mean):
    """The mean of a function `f(y_true, y_pred, **kwargs)` over all examples.

    Args:
      fn: the function. It gives one value an example, or more.
      name, dtype: as for Metric.
      **kwargs: what the function gets besides; attributes of the metric, too.

    >>> from engine.keras.losses import huber
    >>> MeanMetricWrapper(huber, delta=2.0)([[1.0], [2.0]], [[1.0], [4.0]]).numpy().item()
    1.0
    """

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any
    ):
        super().__init__(name, dtype)  # type: ignore[arg-type]  # None: made of the class name
        self.fn = fn
        self._fn_kwargs = kwargs
        for setting, value in kwargs.items():
            setattr(self, setting, value)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Adds a batch of targets and predictions. What a mask of the predictions hides weighs 0."""
        mask = get_mask(y_pred)
        values = traceable(self.fn)(y_true, y_pred, **self._fn_kwargs)
        super().update_state(values, apply_mask(sample_weight, mask, self.dtype, "sum"))

    def get_config(self) -> dict[str, Any]:
        """The settings; of a wrapper itself, the function by name and its arguments."""
        written = super().get_config()
        if type(self) is MeanMetricWrapper:
            written |= serialize_keras_object({"fn": self.fn, **self._fn_kwargs})
        return written
