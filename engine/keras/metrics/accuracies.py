"""Accuracies: the share of predictions that are right."""

from __future__ import annotations

from typing import Any, ClassVar

from engine.keras import config
from engine.keras.losses.base import align
from engine.keras.metrics.reduction import MeanMetricWrapper
from engine.ops.creation import convert
from engine.ops.elementwise import cast, equal, greater
from engine.ops.layout import expand_dims, reshape, sizes, squeeze
from engine.ops.ordering import in_top_k
from engine.ops.reduce import argmax, reduce_any
from engine.spec import compatible
from engine.tensor import Tensor


def _as_numbers(right: Tensor) -> Tensor:
    return cast(right, config.floatx())


def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where both are equal, else 0; for predictions that are labels themselves."""
    return _as_numbers(equal(*align(y_true, y_pred, "accuracy")))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """1 where a prediction is above the threshold and its label is 1, or neither; else 0.

    >>> binary_accuracy([[1], [0]], [[0.8], [0.7]]).numpy().tolist()
    [[1.0], [0.0]]
    """
    target, predicted = align(
        y_true, y_pred, "binary_accuracy",
        " For one score a class and class numbers use sparse_categorical_accuracy.",
    )  # fmt: skip
    return _as_numbers(equal(target, cast(greater(predicted, threshold), target.dtype)))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the highest score is that of the right class: `(batch, classes)` twice gives `(batch,)`.

    >>> categorical_accuracy([[0, 1], [1, 0]], [[0.1, 0.9], [0.4, 0.6]]).numpy().tolist()
    [1.0, 0.0]
    """
    target, predicted = convert(y_true), convert(y_pred)
    if not compatible(target._dims, predicted._dims):
        raise ValueError(
            f"categorical_accuracy: targets of shape {target.shape} are not one-hot rows for predictions of "
            f"shape {predicted.shape}. For class numbers use sparse_categorical_accuracy."
        )
    return _as_numbers(equal(argmax(target, axis=-1), argmax(predicted, axis=-1)))


def _numbers_of(y_true: Any, scores: Tensor, what: str) -> Tensor:
    """Class numbers in the shape of the scores without their last axis."""
    labels = convert(y_true)
    if labels.ndim == scores.ndim and labels.shape[-1] == 1:
        labels = squeeze(labels, [-1])
    if not scores.ndim or not compatible(labels._dims, (scores._dims or ())[:-1]):
        raise ValueError(
            f"{what}: targets of shape {labels.shape} are not one class number for each row of predictions "
            f"of shape {scores.shape}. For one-hot targets use {what.removeprefix('sparse_')}."
        )
    return labels


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """The same for class numbers as targets, `(batch,)` or `(batch, 1)`.

    >>> sparse_categorical_accuracy([1, 0], [[0.1, 0.9], [0.4, 0.6]]).numpy().tolist()
    [1.0, 0.0]
    """
    scores = convert(y_pred)
    labels = _numbers_of(y_true, scores, "sparse_categorical_accuracy")
    right = _as_numbers(equal(cast(labels, "int64"), argmax(scores, axis=-1)))
    return squeeze(right, [-1]) if right.ndim > 1 and right.shape[-1] == 1 else right


def _rows(x: Tensor) -> Tensor:
    return reshape(x, [-1, sizes(x)[-1]])


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """1 where the right class, of one-hot targets, is among the `k` with the highest scores."""
    target, scores = convert(y_true), convert(y_pred)
    if not compatible(target._dims, scores._dims):
        raise ValueError(
            f"top_k_categorical_accuracy: targets of shape {target.shape} are not one-hot rows for "
            f"predictions of shape {scores.shape}. For class numbers use sparse_top_k_categorical_accuracy."
        )
    labels = argmax(target, axis=-1)
    return reshape(_as_numbers(in_top_k(reshape(labels, [-1]), _rows(scores), k)), sizes(labels))


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Tensor:
    """The same for class numbers. With `from_sorted_ids`, predictions are class numbers, the best first."""
    scores = convert(y_pred)
    labels = _numbers_of(y_true, scores, "sparse_top_k_categorical_accuracy")
    flat = reshape(labels, [-1])
    if from_sorted_ids:
        best = _rows(scores)[:, :k]  # type: ignore[index]
        right = reduce_any(equal(expand_dims(cast(flat, scores.dtype), 1), best), axis=1)
    else:
        right = in_top_k(cast(flat, "int32"), _rows(scores), k)
    return reshape(_as_numbers(right), sizes(labels))


class Accuracy(MeanMetricWrapper):
    """How often predictions equal labels.

    >>> print(Accuracy()([1, 2, 3], [1, 2, 4]).numpy().round(4))
    0.6667
    """

    _direction = "up"

    def __init__(self, name: str = "accuracy", dtype: Any = None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """How often predictions above `threshold` have label 1, and others 0."""

    _direction = "up"

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5):
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the highest score is that of the right class, for one-hot targets."""

    _direction = "up"

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the highest score is that of the right class, for class numbers."""

    _direction = "up"

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the right class is among the `k` best, for one-hot targets."""

    _direction = "up"

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the right class is among the `k` best, for class numbers."""

    _direction = "up"
    _unwritten: ClassVar[dict[str, Any]] = {"from_sorted_ids": False}

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ):
        options = {"k": k, "from_sorted_ids": from_sorted_ids}
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, **options)
