"""What all losses share: targets and predictions of one shape, weights, masks, the reduction to one number.

A loss is a function `f(y_true, y_pred)` that gives one number an example, or a Loss object around one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from engine import nest
from engine.function import traceable
from engine.keras import config, dtype_policy
from engine.keras.configurable import Configurable
from engine.keras.lookup import snake_case, unique_name
from engine.keras.masking import get_mask
from engine.keras.serialization import serialize_keras_object
from engine.ops.creation import convert
from engine.ops.elementwise import cast, logical_and, multiply, where, zeros_like
from engine.ops.layout import expand_dims, reshape, size, sizes, squeeze
from engine.ops.reduce import reduce_mean, reduce_sum
from engine.ops.special import divide_no_nan
from engine.spec import compatible
from engine.tensor import Tensor

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)
Function = TypeVar("Function", bound=Callable[..., Tensor])


# --- targets and predictions --------------------------------------------------------------------------


def floating(value: Any) -> Tensor:
    """The value as a tensor of floating-point numbers; integers become `config.floatx()`."""
    tensor = convert(value)
    return tensor if tensor.dtype.is_floating else cast(tensor, config.floatx())


def match_ranks(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Targets (n,) for predictions (n, 1) get the missing axis, and the other way round.

    Without it, (n,) against (n, 1) would broadcast to (n, n), and a model would train on nonsense. Of
    two larger tensors, such as (n, steps) and (n, steps, 1), the longer one loses its last axis.
    """
    first, second = convert(y_true), convert(y_pred)
    if first._dims is None or second._dims is None:
        return first, second
    if first.ndim == second.ndim + 1 and first.shape[-1] == 1:
        return (
            (first, expand_dims(second, -1)) if second.ndim == 1 else (squeeze(first, [-1]), second)
        )
    if second.ndim == first.ndim + 1 and second.shape[-1] == 1:
        return (
            (expand_dims(first, -1), second) if first.ndim == 1 else (first, squeeze(second, [-1]))
        )
    return first, second


def pair(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Both as floating-point tensors of the predictions' dtype and of one rank where that is clear."""
    predicted = floating(y_pred)
    return match_ranks(cast(convert(y_true), predicted.dtype), predicted)


def align(y_true: Any, y_pred: Any, what: str, hint: str = "") -> tuple[Tensor, Tensor]:
    """The same for losses that compare element by element.

    Raises:
      ValueError: for shapes that still differ.
    """
    target, predicted = pair(y_true, y_pred)
    if not compatible(target._dims, predicted._dims):
        raise ValueError(
            f"{what}: targets of shape {target.shape} do not match predictions of shape "
            f"{predicted.shape}; the two must be equal. Reshape the targets, or give the last layer as "
            f"many units as there are targets.{hint}"
        )
    return target, predicted


def of_class_numbers(function: Function) -> Function:
    """Marks a function whose targets are class numbers: a Loss leaves integers among them as they are."""
    function.takes_class_numbers = True  # type: ignore[attr-defined]
    return function


# --- weights and masks --------------------------------------------------------------------------------


def match_weights(values: Tensor, weights: Tensor, what: str) -> tuple[Tensor, Tensor]:
    """Weights that broadcast to the values: one an example, `(batch,)`, counts for all of its values.

    Raises:
      ValueError: for weights that are not of the values' leading axes. Keras would broadcast them from
        the right, and with as many steps as examples weigh the wrong ones.
    """
    values, weights = match_ranks(values, weights)
    if values._dims is None or weights._dims is None or not values.ndim or not weights.ndim:
        return values, weights
    missing = values.ndim - weights.ndim
    leading = values.shape.as_list()[: weights.ndim]
    fits = missing >= 0 and all(
        have in (1, want, None) or want is None
        for have, want in zip(weights.shape.as_list(), leading, strict=True)
    )
    if not fits:
        raise ValueError(
            f"{what} of shape {weights.shape} do not fit values of shape {values.shape}. Give one weight "
            f"for each example, shape {values.shape[:1]}, or one for each value, shape {values.shape}."
        )
    if missing > 0:
        weights = reshape(weights, [*sizes(weights), *[1] * missing])
    return values, weights


def apply_mask(sample_weight: Any, mask: Any, dtype: Any, reduction: str | None) -> Any:
    """Sample weights in which what is masked counts 0; None when there are neither.

    For the means, what is left counts as much more as makes the mean one over the unmasked alone.
    """
    if mask is None:
        return sample_weight
    kept = cast(convert(mask), dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        share = divide_no_nan(cast(size(kept), dtype), reduce_sum(kept))
        kept = where(cast(mask, "bool"), share, zeros_like(share))
    if sample_weight is None:
        return kept
    kept, weight = match_weights(kept, cast(convert(sample_weight), dtype), "Sample weights")
    return multiply(weight, kept)


def reduce_weighted_values(
    values: Any,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: str | None = "sum_over_batch_size",
    dtype: Any = None,
) -> Tensor:
    """One number of all values: their mean or sum, each times its weight, without those masked."""
    found = convert(values)
    found = cast(found, dtype or found.dtype)
    weights = apply_mask(sample_weight, mask, found.dtype, reduction)
    if weights is not None:
        if mask is not None and mask.ndim > found.ndim:
            raise ValueError(
                f"The predictions have a mask of shape {mask.shape}, but the loss gives values of shape "
                f"{found.shape}, so it is lost which of them the mask hides. Give targets with all axes of "
                "the predictions: for one number a step, (batch, steps, 1), made with y[..., None]."
            )
        weights = cast(convert(weights), found.dtype)
        found, weights = match_weights(found, weights, "Sample weights")
        found = multiply(found, weights)
    if reduction in (None, "none") or found._dims == ():
        return found
    if reduction == "sum":
        return reduce_sum(found)
    if reduction == "mean_with_sample_weight" and weights is not None:
        return divide_no_nan(reduce_sum(found), reduce_sum(weights))
    return reduce_mean(found)


# --- losses as objects --------------------------------------------------------------------------------


class Loss(Configurable):
    """A loss as an object: `call` gives one number an example, `__call__` reduces them to one.

    Args:
      name: the name in messages and logs; by default made of the class name.
      reduction: 'sum_over_batch_size' or 'mean' (the mean of all values), 'mean_with_sample_weight' (their
        weighted sum over the sum of the weights), 'sum', or None or 'none' for no reduction.
      dtype: of the computation: a name or a DTypePolicy; `config.floatx()` by default.

    Raises:
      ValueError: for another reduction.

    >>> class Quartic(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return reduce_mean((y_true - y_pred) ** 4, axis=-1)
    >>> Quartic()([[1.0], [2.0]], [[1.0], [0.0]]).numpy().item()
    8.0
    """

    _not_in_config = ("dtype",)
    # What Keras's configs lack, with its default: written where it is another value.
    _unwritten: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ):
        if reduction not in REDUCTIONS:
            known = ", ".join(repr(each) for each in REDUCTIONS)
            raise ValueError(f"A reduction is one of {known}, not {reduction!r}.")
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.reduction = reduction
        self.dtype: str = dtype_policy.get(dtype or config.floatx()).compute_dtype

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """One loss an example, shape `(batch,)` or with more axes."""
        raise NotImplementedError(f"{type(self).__name__} must define call(y_true, y_pred).")

    def _target(self, y_true: Any) -> Tensor:
        return cast(convert(y_true), self.dtype)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        mask = get_mask(y_pred)
        predicted = _mapped(lambda part: cast(convert(part), self.dtype), y_pred)
        losses = traceable(self.call)(_mapped(self._target, y_true), predicted)
        own = get_mask(losses)
        if own is not None:
            mask = own if mask is None else logical_and(mask, own)
        return reduce_weighted_values(losses, sample_weight, mask, self.reduction, self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Keras's config; what that forgets is in it where it is not the default, and Keras reads it."""
        return written_settings(super().get_config(), self._unwritten)


def written_settings(settings: dict[str, Any], unwritten: dict[str, Any]) -> dict[str, Any]:
    """The settings without those that stand at the default given for them."""
    same = [key for key, value in unwritten.items() if settings.get(key) == value]
    return {key: value for key, value in settings.items() if key not in same}


def _mapped(convert_part: Callable[[Any], Tensor], value: Any) -> Any:
    """Applied to a tensor, or to each of a dict or list of tensors. Lists of numbers are one tensor."""
    nested = isinstance(value, dict) or (
        isinstance(value, (list, tuple))
        and any(isinstance(leaf, Tensor) for leaf in nest.flatten(value))
    )
    return nest.map_structure(convert_part, value) if nested else convert_part(value)


class LossFunctionWrapper(Loss):
    """A Loss made of a function `f(y_true, y_pred, **kwargs)`, which gets both of one rank.

    Args:
      fn: the function. It gives one number an example.
      reduction, name, dtype: as for Loss.
      **kwargs: what the function gets besides; attributes of the loss, too.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(name, reduction, dtype)
        self.fn = fn
        self._fn_kwargs = kwargs
        for setting, value in kwargs.items():
            setattr(self, setting, value)

    def _target(self, y_true: Any) -> Tensor:
        target = convert(y_true)
        if target.dtype.is_integer and getattr(self.fn, "takes_class_numbers", False):
            return target
        return cast(target, self.dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """The function's value."""
        if isinstance(y_true, Tensor) and isinstance(y_pred, Tensor):
            y_true, y_pred = match_ranks(y_true, y_pred)
        return traceable(self.fn)(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        """The settings; of a wrapper itself, the function by name and its arguments."""
        written = super().get_config()
        if type(self) is LossFunctionWrapper:
            written |= serialize_keras_object({"fn": self.fn, **self._fn_kwargs})
        return written

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self.fn}, kwargs={self._fn_kwargs})>"
