"""AUC: the area under a curve of two ratios, as the threshold goes from 0 to 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.keras import config
from engine.keras.metrics.confusion import (
    KINDS,
    PRECISION,
    SENSITIVITY,
    ConfusionMetric,
    evenly_spaced,
    ratio,
    spaced,
)
from engine.ops.creation import convert
from engine.ops.elementwise import (
    cast,
    divide,
    equal,
    greater,
    log,
    logical_and,
    maximum,
    minimum,
    multiply,
    ones_like,
    sigmoid,
    subtract,
    where,
    zeros_like,
)
from engine.ops.reduce import reduce_mean, reduce_sum
from engine.ops.special import divide_no_nan
from engine.tensor import Tensor
from engine.variable import Variable

CURVES = ("ROC", "PR", "PRGAIN")
# The height of a curve between two of its points.
METHODS = {
    "interpolation": lambda left, right: divide(left + right, 2.0),
    "minoring": minimum,
    "majoring": maximum,
}


def _neighbours(x: Tensor) -> tuple[Tensor, Tensor]:
    """All values but the last, and those that follow them."""
    return x[:-1], x[1:]  # type: ignore[index]


class AUC(ConfusionMetric):
    """The area under the curve: 1 for perfect predictions; 0.5 under 'ROC' is what guessing gives.

    Args:
      num_thresholds: how many points the curve is made from.
      curve: 'ROC', true positive rate over false positive rate; 'PR', precision over recall; or 'PRGAIN',
        precision gain over recall gain (Flach and Kull 2015).
      summation_method: 'interpolation' (of 'PR' by Davis and Goadrich 2006), or 'minoring' or 'majoring', the
        lower or upper of two neighbours, which bound the area from below and above.
      thresholds: values between 0 and 1 to use instead; 0 and 1 are added.
      multi_label: one curve for each column of `(batch, labels)`, and their mean.
      num_labels: of columns, where variables shall be made before the first batch.
      label_weights: a weight for each label, in that mean or, without `multi_label`, of its predictions.
      from_logits: the predictions are scores before the sigmoid.

    >>> AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]).numpy().item()
    0.75
    """

    true_positives: Variable
    false_positives: Variable
    true_negatives: Variable
    false_negatives: Variable
    _direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ):
        super().__init__(dtype, name)
        self.curve, self.summation_method = str(curve).upper(), str(summation_method).lower()
        if self.curve not in CURVES or self.summation_method not in METHODS:
            raise ValueError(
                f"AUC: the curve is one of {', '.join(CURVES)}, and the summation_method one of "
                f"{', '.join(METHODS)}, not {curve!r} and {summation_method!r}."
            )
        if thresholds is None and num_thresholds <= 1:
            raise ValueError(f"AUC: num_thresholds is 2 or more, not {num_thresholds}.")
        if num_labels and not multi_label:
            raise ValueError("AUC: num_labels goes with multi_label=True alone.")
        given = sorted(thresholds) if thresholds is not None else spaced(num_thresholds)[1:-1]
        self._own_thresholds = thresholds is not None
        self._evenly = thresholds is None or evenly_spaced([0.0, *given, 1.0])
        self.thresholds = [-config.epsilon(), *map(float, given), 1.0 + config.epsilon()]
        self.num_thresholds = len(self.thresholds)
        self.multi_label, self.num_labels, self.from_logits = multi_label, num_labels, from_logits
        self.label_weights = None if label_weights is None else np.asarray(label_weights).tolist()
        self._built = False
        if num_labels or not multi_label:
            self._build(num_labels)

    def _build(self, labels: int | None) -> None:
        shape = (self.num_thresholds,) if labels is None else (self.num_thresholds, labels)
        self._keep({kind: kind for kind in KINDS}, shape)
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch of labels 0 and 1 and predictions in [0, 1]."""
        predicted = cast(convert(y_pred), self.dtype)
        if self.multi_label and (predicted.ndim != 2 or predicted.shape[-1] is None):
            raise ValueError(
                f"AUC with multi_label=True takes predictions of shape (batch, labels), not "
                f"{predicted.shape}."
            )
        if not self._built:
            self._build(predicted.shape[-1])
        if self.from_logits:
            predicted = sigmoid(predicted)
        self._count(
            y_true, predicted, sample_weight, None if self.multi_label else self._of_labels()
        )

    def _of_labels(self) -> Tensor | None:
        return None if self.label_weights is None else cast(convert(self.label_weights), self.dtype)

    def _area(self) -> Tensor:
        """The area between each two neighbouring thresholds."""
        tp, fp, tn, fn = (getattr(self, kind).value() for kind in KINDS)
        recall = ratio(self, *SENSITIVITY)
        if self.curve == "ROC":
            x, y = divide_no_nan(fp, fp + tn), recall
        elif self.curve == "PR":
            x, y = recall, ratio(self, *PRECISION)
        else:
            scale = divide_no_nan(tp + fn, tn + fp)
            none = equal(tp, 0.0)
            gain = subtract(1.0, scale * divide_no_nan(fn, tp))
            x = maximum(where(none, zeros_like(tp), gain), 0.0)
            y = where(none, ones_like(tp), subtract(1.0, scale * divide_no_nan(fp, tp)))
        height: Any = METHODS[self.summation_method]
        return multiply(subtract(*_neighbours(x)), height(*_neighbours(y)))

    def _area_of_precision(self) -> Tensor:
        """The same under precision over recall, in which precision is no straight line between two points.

        Between thresholds, TP = intercept + slope P, P the predicted positives; the integral of TP / P has
        a logarithm.
        """
        tp = self.true_positives.value()
        before, after = _neighbours(tp + self.false_positives.value())
        _, right = _neighbours(tp)
        _, missed = _neighbours(self.false_negatives.value())
        gained = subtract(*_neighbours(tp))
        slope = divide_no_nan(gained, maximum(before - after, 0.0))
        intercept = right - slope * after
        both = logical_and(greater(before, 0.0), greater(after, 0.0))
        grown = where(both, divide_no_nan(before, maximum(after, 0.0)), ones_like(after))
        return divide_no_nan(
            slope * (gained + intercept * log(grown)), maximum(right + missed, 0.0)
        )

    def result(self) -> Tensor:
        """The area so far."""
        exact = self.curve == "PR" and self.summation_method == "interpolation"
        areas = self._area_of_precision() if exact else self._area()
        if not self.multi_label:
            return reduce_sum(areas)
        by_label = reduce_sum(areas, axis=0)
        weights = self._of_labels()
        if weights is None:
            return reduce_mean(by_label)
        return divide_no_nan(reduce_sum(by_label * weights), reduce_sum(weights))

    def get_config(self) -> dict[str, Any]:
        """The settings; thresholds only where they were given.

        `label_weights` is a list there; Keras writes a tensor, which it cannot read.
        """
        written = super().get_config()
        del written["thresholds"]
        return written | ({"thresholds": self.thresholds[1:-1]} if self._own_thresholds else {})
