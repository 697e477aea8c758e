"""How wrong a prediction is, as one number to make small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.function import traceable
from engine.keras.lookup import find, snake_case
from engine.ops.creation import convert, convert_like
from engine.ops.elementwise import abs as absolute
from engine.ops.elementwise import cast, multiply, square, subtract
from engine.ops.layout import expand_dims, squeeze
from engine.ops.reduce import reduce_mean, reduce_sum
from engine.spec import compatible
from engine.tensor import Tensor


def match_ranks(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Targets (n,) for predictions (n, 1) get the missing axis, targets (n, 1) for (n,) lose theirs.

    Without it, (n,) against (n, 1) would broadcast to (n, n), and a model would train on nonsense.
    """
    predicted = convert(y_pred)
    target = cast(convert_like(y_true, predicted), predicted.dtype)
    if predicted.ndim == target.ndim + 1 and predicted.shape[-1] == 1:
        target = expand_dims(target, -1)
    elif target.ndim == predicted.ndim + 1 and target.shape[-1] == 1:
        target = squeeze(target, -1)
    return target, predicted


def align(y_true: Any, y_pred: Any, what: str) -> tuple[Tensor, Tensor]:
    """The same for losses that compare element by element.

    Raises:
      ValueError: for shapes that still differ.
    """
    target, predicted = match_ranks(y_true, y_pred)
    if not compatible(target._dims, predicted._dims):
        raise ValueError(
            f"{what}: targets of shape {target.shape} do not match predictions of shape "
            f"{predicted.shape}; the two must be equal. Reshape the targets, or give the last layer as "
            "many units as there are targets."
        )
    return target, predicted


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of (y_true - y_pred)^2 over the last axis: `(batch, d)` gives `(batch,)`."""
    target, predicted = align(y_true, y_pred, "mean_squared_error")
    return reduce_mean(square(subtract(predicted, target)), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of |y_true - y_pred| over the last axis: `(batch, d)` gives `(batch,)`."""
    target, predicted = align(y_true, y_pred, "mean_absolute_error")
    return reduce_mean(absolute(subtract(predicted, target)), axis=-1)


class Loss:
    """A loss as an object: `call` gives one number an example, `__call__` reduces them to one.

    Args:
      name: the name in messages.
      reduction: 'sum_over_batch_size' (the mean), 'sum', or None for no reduction.
    """

    def __init__(self, name: str | None = None, reduction: str | None = "sum_over_batch_size"):
        if reduction not in ("sum_over_batch_size", "mean", "sum", "none", None):
            raise ValueError(
                f"reduction must be 'sum_over_batch_size', 'sum' or None, not {reduction!r}."
            )
        self.name = name or snake_case(type(self).__name__)
        self.reduction = reduction

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """One loss an example."""
        raise NotImplementedError(f"{type(self).__name__} must define call(y_true, y_pred).")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        losses = traceable(self.call)(y_true, y_pred)
        if sample_weight is not None:
            losses = multiply(losses, cast(convert_like(sample_weight, losses), losses.dtype))
        if self.reduction in (None, "none"):
            return losses
        return reduce_sum(losses) if self.reduction == "sum" else reduce_mean(losses)


class LossFunctionWrapper(Loss):
    """A Loss made of a function `f(y_true, y_pred)`, which gets targets of the predictions' rank."""

    def __init__(
        self,
        fn: Callable[..., Tensor],
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
    ):
        super().__init__(name or getattr(fn, "__name__", "loss"), reduction)
        self.fn = fn

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """The function's value."""
        return traceable(self.fn)(*match_ranks(y_true, y_pred))


class MeanSquaredError(LossFunctionWrapper):
    """The mean of squared differences.

    >>> MeanSquaredError()([[1.0], [2.0]], [[1.0], [4.0]]).numpy().item()
    2.0
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error"
    ):
        super().__init__(mean_squared_error, name, reduction)


class MeanAbsoluteError(LossFunctionWrapper):
    """The mean of absolute differences."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error"
    ):
        super().__init__(mean_absolute_error, name, reduction)


FUNCTIONS = {
    "mean_squared_error": mean_squared_error,
    "mse": mean_squared_error,
    "mean_absolute_error": mean_absolute_error,
    "mae": mean_absolute_error,
}


def get(identifier: Any) -> Any:
    """The loss function with this name, or the object itself."""
    return find("loss", identifier, FUNCTIONS, Loss)


def as_loss(identifier: Any) -> Loss:
    """The same as a Loss object."""
    found = get(identifier)
    return found if isinstance(found, Loss) else LossFunctionWrapper(found)
