"""F-scores: the harmonic mean of precision and recall, of each class or over all."""

from __future__ import annotations

from typing import Any

from engine.keras import config
from engine.keras.losses.base import align
from engine.keras.metrics.base import Metric
from engine.ops.creation import convert
from engine.ops.elementwise import abs as absolute
from engine.ops.elementwise import (
    cast,
    divide,
    greater,
    greater_equal,
    logical_and,
    multiply,
    subtract,
)
from engine.ops.layout import expand_dims
from engine.ops.reduce import reduce_max, reduce_mean, reduce_sum
from engine.tensor import Tensor

_AVERAGES = (None, "micro", "macro", "weighted")
_COUNTS = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")


class FBetaScore(Metric):
    """(1 + beta^2) precision recall / (beta^2 precision + recall), for one-hot labels `(batch, classes)`.

    Args:
      average: None for a score for each class; 'micro' counts over all classes; 'macro' is the mean of the
        classes, 'weighted' with each class counted by its labels.
      beta: how many times recall matters more than precision.
      threshold: scores above count as predicted; without it the highest of each row does.

    Raises:
      ValueError: for other values.

    >>> print(FBetaScore(beta=2.0)([[1, 0], [0, 1]], [[0.9, 0.1], [0.6, 0.4]]).numpy().round(4))
    [0.8333 0.    ]
    """

    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        if average not in _AVERAGES:
            raise ValueError(f"{name}: average is one of {_AVERAGES}, not {average!r}.")
        if not isinstance(beta, float) or beta <= 0:
            raise ValueError(f"{name}: beta is a float above 0, not {beta!r}.")
        if threshold is not None and not (isinstance(threshold, float) and 0 < threshold <= 1):
            raise ValueError(
                f"{name}: threshold is a float above 0 and up to 1, not {threshold!r}."
            )
        self.average, self.beta, self.threshold = average, beta, threshold
        self._built = False

    def _build(self, classes: int) -> None:
        for kind in _COUNTS:
            shape = () if self.average == "micro" else (classes,)
            setattr(self, kind, self.add_variable(shape, name=kind))
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch, both `(batch, classes)`; weights are one an example."""
        hint = " Make class numbers one-hot: tf.one_hot(labels, classes)."
        target, scores = align(y_true, cast(convert(y_pred), self.dtype), self.name, hint)
        if scores.ndim != 2 or scores.shape[-1] is None:
            raise ValueError(
                f"{self.name}: labels and predictions of shape (batch, classes) were expected, not "
                f"{scores.shape}."
            )
        if not self._built:
            self._build(scores.shape[-1])
        if self.threshold is None:
            highest = greater_equal(scores, reduce_max(scores, axis=-1, keepdims=True))
            chosen = logical_and(highest, greater(absolute(scores), 1e-9))
        else:
            chosen = greater(scores, self.threshold)
        said = cast(chosen, self.dtype)
        weight = None
        if sample_weight is not None:
            weight = expand_dims(cast(convert(sample_weight), self.dtype), 1)
        parts = (said * target, said * subtract(1.0, target), subtract(1.0, said) * target, target)
        for kind, part in zip(_COUNTS, parts, strict=True):
            weighted = part if weight is None else multiply(part, weight)
            total = reduce_sum(weighted, axis=None if self.average == "micro" else 0)
            getattr(self, kind).assign_add(total)

    def result(self) -> Tensor:
        """The score so far: a scalar, or one for each class."""
        epsilon, beta2 = config.epsilon(), self.beta**2
        tp, fp, fn, labels = (getattr(self, kind).value() for kind in _COUNTS)
        precision, recall = divide(tp, tp + fp + epsilon), divide(tp, tp + fn + epsilon)
        score = multiply(
            divide(precision * recall, precision * beta2 + recall + epsilon), 1.0 + beta2
        )
        if self.average == "weighted":
            return reduce_sum(score * divide(labels, reduce_sum(labels) + epsilon))
        return reduce_mean(score) if self.average else score


class F1Score(FBetaScore):
    """The F-score with beta 1: 2 precision recall / (precision + recall)."""

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str = "f1_score",
        dtype: Any = None,
    ):
        super().__init__(average, 1.0, threshold, name, dtype)
