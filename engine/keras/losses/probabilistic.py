"""Losses of probabilities: cross-entropies of two or more classes, and divergences.

With `from_logits=True` the predictions are scores before sigmoid or softmax, and log and exp never meet:
that is exact for any score. Without it they are probabilities, and those outside [1e-7, 1 - 1e-7] count as
its ends.
"""

from __future__ import annotations

from typing import Any, ClassVar

from engine.keras import config
from engine.keras.losses.base import (
    LossFunctionWrapper,
    align,
    floating,
    of_class_numbers,
    pair,
)
from engine.keras.losses.regression import BATCH_MEAN
from engine.keras.masking import set_mask
from engine.ops.activations import log_softmax, softmax
from engine.ops.creation import convert
from engine.ops.elementwise import (
    cast,
    clip_by_value,
    divide,
    log,
    multiply,
    negative,
    not_equal,
    pow,
    sigmoid,
    subtract,
    where,
    zeros_like,
)
from engine.ops.indexing import gather
from engine.ops.layout import expand_dims, sizes, squeeze, transpose
from engine.ops.losses import (
    checked_labels,
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
)
from engine.ops.reduce import reduce_mean, reduce_sum
from engine.spec import compatible
from engine.tensor import Tensor

# --- which loss for which labels ----------------------------------------------------------------------

_ONE_SCORE = (
    "{what}: predictions of shape {p} have one score an example, but one for each class is needed: a single "
    "class always has probability 1. For one sigmoid unit and labels 0 or 1 use "
    "loss='binary_crossentropy'; else give the last layer as many units as there are classes."
)


def _one_hot(y_true: Any, y_pred: Any, what: str, axis: Any) -> tuple[Tensor, Tensor]:
    """Targets and predictions of one shape, with an axis of classes."""
    if isinstance(axis, bool):
        raise ValueError(f"{what}: axis is an integer, not {axis}.")
    target, predicted = pair(y_true, y_pred)
    if target._dims is None or predicted._dims is None:
        return target, predicted
    if not predicted.ndim or predicted.shape[axis] == 1:
        raise ValueError(_ONE_SCORE.format(what=what, p=predicted.shape))
    without = predicted.shape.as_list()
    del without[axis]
    numbers = target.ndim == len(without) or target.shape[axis] == 1
    if numbers and target.ndim <= predicted.ndim:
        raise ValueError(
            f"{what}: targets of shape {target.shape} look like class numbers, but a probability for each "
            f"class was expected, shape {predicted.shape} as the predictions have it. Use "
            f"loss='sparse_categorical_crossentropy' for class numbers, or make them one-hot: "
            f"tf.one_hot(labels, {predicted.shape[axis]})."
        )
    return align(target, predicted, what)


def _classes_last(y_true: Any, y_pred: Any, axis: int, what: str) -> tuple[Tensor, Tensor]:
    """Class numbers, and predictions with the axis of classes moved to the end."""
    labels, predicted = convert(y_true), floating(y_pred)
    if not predicted.ndim:
        raise ValueError(f"{what}: predictions need an axis for the classes, but are a scalar.")
    if predicted.shape[axis] == 1:
        raise ValueError(_ONE_SCORE.format(what=what, p=predicted.shape))
    if labels.ndim == predicted.ndim and labels.shape[axis] == 1:
        labels = squeeze(labels, [axis])
    rank, position = predicted.ndim, axis % predicted.ndim
    if labels.ndim == rank and compatible(labels._dims, predicted._dims):
        raise ValueError(
            f"{what}: targets of shape {labels.shape} look one-hot, but one class number an example was "
            f"expected for predictions of shape {predicted.shape}. Use loss='categorical_crossentropy' for "
            "one-hot targets, or turn them into class numbers with tf.argmax(targets, axis=-1)."
        )
    if position != rank - 1:
        order = [*(i for i in range(rank) if i != position), position]
        predicted = transpose(predicted, order)
    if not compatible(labels._dims, (predicted._dims or ())[:-1]):
        raise ValueError(
            f"{what}: targets of shape {labels.shape} do not match predictions of shape "
            f"{convert(y_pred).shape}; one class number for each row of scores was expected, shape "
            f"{predicted.shape[:-1]}."
        )
    return labels if labels.dtype.is_integer else cast(labels, "int32"), predicted


# --- two classes --------------------------------------------------------------------------------------

_TWO = " For one score a class and class numbers as targets use loss='sparse_categorical_crossentropy'."


def _smoothed(target: Tensor, smoothing: float, classes: Any) -> Tensor:
    """Targets drawn towards all classes alike: certainty would ask for infinite scores."""
    return target * (1.0 - smoothing) + smoothing / classes if smoothing else target


def _clipped(probability: Tensor) -> Tensor:
    return clip_by_value(probability, config.epsilon(), 1.0 - config.epsilon())


def _two_class_entropy(target: Tensor, probability: Tensor) -> Tensor:
    p = _clipped(probability)
    return negative(target * log(p) + subtract(1.0, target) * log(subtract(1.0, p)))


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """The mean over `axis` of -y log(p) - (1 - y) log(1 - p), of labels y in [0, 1].

    >>> print(binary_crossentropy([[1.0]], [[0.0]], from_logits=True).numpy().round(4))
    [0.6931]
    """
    target, predicted = align(y_true, y_pred, "binary_crossentropy", _TWO)
    target = _smoothed(target, label_smoothing, 2.0)
    if from_logits:
        return reduce_mean(sigmoid_cross_entropy_with_logits(target, predicted), axis=axis)
    return reduce_mean(_two_class_entropy(target, predicted), axis=axis)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Cross-entropy times (1 - p)^gamma, p the probability of the right class: easy examples count less.

    With `apply_class_balancing`, positives weigh `alpha` and negatives 1 - alpha (Lin et al. 2018).
    """
    target, predicted = align(y_true, y_pred, "binary_focal_crossentropy", _TWO)
    target = _smoothed(target, label_smoothing, 2.0)
    p = sigmoid(predicted) if from_logits else predicted
    right = target * p + subtract(1.0, target) * subtract(1.0, p)
    each = pow(subtract(1.0, right), gamma) * _two_class_entropy(target, p)
    if apply_class_balancing:
        each = each * (target * alpha + subtract(1.0, target) * (1.0 - alpha))
    return reduce_mean(each, axis=axis)


# --- several classes ----------------------------------------------------------------------------------


def _class_count(x: Tensor, axis: int) -> Any:
    known = x.shape[axis]
    return float(known) if known is not None else cast(sizes(x)[axis], x.dtype)


def _normalized(predicted: Tensor, axis: int) -> Tensor:
    return _clipped(divide(predicted, reduce_sum(predicted, axis=axis, keepdims=True)))


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """-sum(y log(p)) over the classes along `axis`, for one-hot targets: `(batch, classes)`, `(batch,)`.

    >>> print(categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(4))
    [0.6931]
    """
    target, predicted = _one_hot(y_true, y_pred, "categorical_crossentropy", axis)
    target = _smoothed(target, label_smoothing, _class_count(target, axis))
    if from_logits:
        return softmax_cross_entropy_with_logits(target, predicted, axis)
    return negative(reduce_sum(target * log(_normalized(predicted, axis)), axis=axis))


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """-sum(alpha (1 - p)^gamma y log(p)) over the classes: those predicted well already count less.

    `alpha` is one number, or one for each class (Lin et al. 2018).
    """
    target, predicted = _one_hot(y_true, y_pred, "categorical_focal_crossentropy", axis)
    target = _smoothed(target, label_smoothing, _class_count(target, axis))
    p = _normalized(softmax(predicted, axis) if from_logits else predicted, axis)
    focus = multiply(pow(subtract(1.0, p), gamma), alpha)
    return reduce_sum(focus * negative(target * log(p)), axis=axis)


def _of_the_right_class(scores: Tensor, labels: Tensor, what: str) -> Tensor:
    rows = scores.ndim - 1
    checked = expand_dims(checked_labels(labels, scores, what), -1)
    return squeeze(gather(scores, checked, axis=rows, batch_dims=rows), [-1])


@of_class_numbers
def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """-log(p) of the right class, for class numbers: targets `(batch,)`, predictions `(batch, classes)`.

    Targets equal to `ignore_class` cost 0 and are masked in the result, so that a mean leaves them out.

    Raises:
      InvalidArgumentError: for a label that is not one of 0 to classes - 1, where Keras says nothing and
        gives 0 or NaN.

    >>> print(sparse_categorical_crossentropy([1], [[0.5, 0.5]]).numpy().round(4))
    [0.6931]
    """
    what = "sparse_categorical_crossentropy"
    labels, predicted = _classes_last(y_true, y_pred, axis, what)
    kept = None if ignore_class is None else not_equal(labels, ignore_class)
    if kept is not None:  # in the branches not taken stand numbers without trouble
        labels = where(kept, labels, zeros_like(labels))
        predicted = where(expand_dims(kept, -1), predicted, zeros_like(predicted))
    if from_logits:
        right = _of_the_right_class(log_softmax(predicted), labels, what)
    else:
        total = reduce_sum(predicted, axis=-1)
        right = log(_clipped(divide(_of_the_right_class(predicted, labels, what), total)))
    losses = subtract(0.0, right)  # 0 - 0 is 0, where -0 would be printed
    if kept is not None:
        losses = where(kept, losses, zeros_like(losses))
        set_mask(losses, kept)
    return losses


@of_class_numbers
def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Tensor:
    """(1 - p^q) / q, p the probability of the right class: between cross-entropy (q to 0) and 1 - p.

    Wrong labels move it less (Zhang and Sabuncu 2018). Targets are class numbers.
    """
    what = "categorical_generalized_cross_entropy"
    labels, predicted = _classes_last(y_true, y_pred, -1, what)
    return subtract(1.0, pow(_of_the_right_class(predicted, labels, what), q)) / q


# --- distributions ------------------------------------------------------------------------------------


def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """sum(y log(y / p)) over the last axis; probabilities below 1e-7 count as that.

    >>> kl_divergence([[0.5, 0.5]], [[0.5, 0.5]]).numpy().tolist()
    [0.0]
    """
    target, predicted = align(y_true, y_pred, "kl_divergence")
    y, p = (clip_by_value(part, config.epsilon(), 1.0) for part in (target, predicted))
    return reduce_sum(y * log(divide(y, p)), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of p - y log(p) over the last axis, for counts y and predicted rates p."""
    target, predicted = align(y_true, y_pred, "poisson")
    return reduce_mean(predicted - target * log(predicted + config.epsilon()), axis=-1)


# --- as objects ---------------------------------------------------------------------------------------


class BinaryCrossentropy(LossFunctionWrapper):
    """Cross-entropy of two classes, for one sigmoid unit; see `binary_crossentropy`.

    Args:
      from_logits: the predictions are scores before the sigmoid.
      label_smoothing: how far labels are drawn from 0 and 1 towards 1/2.
      axis: of the mean.

    >>> print(BinaryCrossentropy()([[1.0], [0.0]], [[0.5], [0.5]]).numpy().round(4))
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = BATCH_MEAN,
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_crossentropy, reduction, name, dtype, **options)


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Cross-entropy of two classes in which easy examples count less; see `binary_focal_crossentropy`."""

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = BATCH_MEAN,
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        options |= {"apply_class_balancing": apply_class_balancing, "alpha": alpha, "gamma": gamma}
        super().__init__(binary_focal_crossentropy, reduction, name, dtype, **options)


class CategoricalCrossentropy(LossFunctionWrapper):
    """Cross-entropy of several classes with one-hot targets; see `categorical_crossentropy`.

    Args:
      from_logits: the predictions are scores before the softmax.
      label_smoothing: how much of each target is spread over all classes.
      axis: of the classes.

    Raises:
      ValueError: for class numbers, and for predictions with a single score.
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = BATCH_MEAN,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, reduction, name, dtype, **options)


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Cross-entropy in which classes predicted well count less; see `categorical_focal_crossentropy`."""

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = BATCH_MEAN,
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        options |= {"alpha": alpha, "gamma": gamma}
        super().__init__(categorical_focal_crossentropy, reduction, name, dtype, **options)


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Cross-entropy of several classes with class numbers; see `sparse_categorical_crossentropy`.

    Args:
      from_logits: the predictions are scores before the softmax.
      ignore_class: a class number of targets that do not count, such as -1 or 255.
      axis: of the classes. Keras takes only the last.

    Raises:
      ValueError: for one-hot targets, and for predictions with a single score.
      InvalidArgumentError: for a label that is not one of 0 to classes - 1.

    >>> print(SparseCategoricalCrossentropy()([1, 0], [[0.5, 0.5], [1.0, 0.0]]).numpy().round(4))
    0.3466
    """

    _unwritten: ClassVar[dict[str, Any]] = {"axis": -1}

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = BATCH_MEAN,
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ):
        options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(sparse_categorical_crossentropy, reduction, name, dtype, **options)


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """Cross-entropy for labels of which some are wrong; see `categorical_generalized_cross_entropy`.

    Raises:
      ValueError: for a q that is not between 0 and 1.
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = BATCH_MEAN,
        name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ):
        if not 0 < q < 1:
            raise ValueError(f"{type(self).__name__}: q must lie between 0 and 1, but is {q}.")
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)


class KLDivergence(LossFunctionWrapper):
    """How much a predicted distribution differs from the target's; see `kl_divergence`."""

    def __init__(
        self, reduction: str | None = BATCH_MEAN, name: str = "kl_divergence", dtype: Any = None
    ):
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(LossFunctionWrapper):
    """Minus the log-likelihood of counts, but for a constant; see `poisson`."""

    def __init__(
        self, reduction: str | None = BATCH_MEAN, name: str = "poisson", dtype: Any = None
    ):
        super().__init__(poisson, reduction, name, dtype)
