"""Right and wrong positives and negatives, at one threshold or at many, and the ratios made of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from engine.keras import config
from engine.keras.losses.base import align, match_weights
from engine.keras.metrics.base import Metric
from engine.ops.creation import convert
from engine.ops.elementwise import (
    add,
    cast,
    ceil,
    clip_by_value,
    greater,
    greater_equal,
    logical_not,
    maximum,
    multiply,
    where,
    zeros_like,
)
from engine.ops.layout import expand_dims, reshape, sizes, transpose
from engine.ops.ordering import top_k
from engine.ops.reduce import reduce_max, reduce_sum
from engine.ops.scan import cumsum
from engine.ops.segments import unsorted_segment_sum
from engine.ops.sequences import one_hot, range_
from engine.ops.special import divide_no_nan
from engine.tensor import Tensor
from engine.variable import Variable

# What each count asks for: the label, and whether the prediction is above the threshold.
KINDS = {
    "true_positives": (True, True),
    "false_positives": (False, True),
    "true_negatives": (False, False),
    "false_negatives": (True, False),
}
NEVER = -1e10  # below every score


def parse_thresholds(thresholds: Any, default: float) -> list[float]:
    """The thresholds as a list; one number or none becomes a list of one.

    Raises:
      ValueError: for one outside [0, 1].
    """
    if thresholds is None:
        return [default]
    found = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    wrong = [t for t in found if t is None or not 0 <= t <= 1]
    if wrong:
        raise ValueError(f"Thresholds lie between 0 and 1, but {wrong} was given.")
    return found


def evenly_spaced(thresholds: Iterable[float]) -> bool:
    """Whether there are three or more, from 0 to 1 in equal steps: then predictions are counted in bins."""
    found = np.array(list(thresholds), np.float32)
    return len(found) > 2 and bool(
        np.allclose(found, np.linspace(0, 1, len(found)), atol=config.epsilon())
    )


def _highest(scores: Tensor, k: int) -> Tensor:
    """The `k` highest scores of each row; the others become lower than any threshold."""
    chosen = reduce_sum(
        one_hot(top_k(scores, k)[1], sizes(scores)[-1], dtype=scores.dtype), axis=-2
    )
    return scores * chosen + NEVER * (1.0 - chosen)


class ConfusionMetric(Metric):
    """A metric that keeps counts of a confusion matrix, one for each threshold.

    `_kept` maps attributes, which are variables, to kinds of counts.
    """

    thresholds: Any
    top_k: int | None = None
    class_id: int | None = None
    multi_label = False
    _kept: dict[str, str]

    def _keep(self, kept: dict[str, str], shape: Any) -> None:
        self._kept = kept
        for attribute in kept:
            setattr(self, attribute, self.add_variable(shape, name=attribute))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: labels of which any but 0 is positive, predictions in [0, 1] of the same shape."""
        self._count(y_true, y_pred, sample_weight)

    def _count(
        self, y_true: Any, y_pred: Any, sample_weight: Any, label_weights: Tensor | None = None
    ) -> None:
        predicted = cast(convert(y_pred), self.dtype)
        hint = " For one score a class the labels must be one-hot: tf.one_hot(labels, classes)."
        target, predicted = align(y_true, predicted, self.name, hint)
        if self.top_k is not None:
            predicted = _highest(predicted, self.top_k)
        if self.class_id is not None:
            if predicted.ndim < 2:
                raise ValueError(
                    f"{self.name}: class_id={self.class_id} picks one of several classes, but predictions "
                    f"have shape {predicted.shape}; (batch, classes) was expected."
                )
            one = slice(self.class_id, self.class_id + 1)
            target, predicted = target[..., one], predicted[..., one]  # type: ignore[index]
        weights = None
        if sample_weight is not None:
            given = cast(convert(sample_weight), self.dtype)
            weights = match_weights(predicted, given, "Sample weights")[1]
        if label_weights is not None:
            weights = label_weights if weights is None else multiply(weights, label_weights)
        ones = zeros_like(predicted) + (1.0 if weights is None else weights)
        positive = cast(target, "bool")
        split = where(positive, zeros_like(ones), ones), where(positive, ones, zeros_like(ones))
        if not self.multi_label:  # one label: all axes are examples
            predicted, *rest = (reshape(part, [-1, 1]) for part in (predicted, *split))
            split = (rest[0], rest[1])
        count = _in_bins if self._evenly else _one_by_one
        thresholds = np.asarray(self.thresholds, self.dtype)
        found = count(predicted, split, thresholds, set(self._kept.values()))
        for attribute, kind in self._kept.items():
            new = found[kind]
            getattr(self, attribute).assign_add(new if self.multi_label else reshape(new, [-1]))

    _evenly = False


def _one_by_one(
    predicted: Tensor, split: tuple[Tensor, Tensor], thresholds: Any, kinds: set[str]
) -> dict[str, Tensor]:
    """Weights summed over examples, `(thresholds, labels)`: every prediction meets every threshold."""
    above = greater(expand_dims(predicted, 0), reshape(thresholds, [-1, 1, 1]))
    found = {}
    for kind in kinds:
        label, said = KINDS[kind]
        weights = expand_dims(split[label], 0)
        picked = where(above if said else logical_not(above), weights, zeros_like(weights))
        found[kind] = reduce_sum(picked, axis=1)
    return found


def _in_bins(
    predicted: Tensor, split: tuple[Tensor, Tensor], thresholds: Any, kinds: set[str]
) -> dict[str, Tensor]:
    """The same for thresholds with equal steps: sums in bins between them, and running sums from above."""
    count = len(thresholds)
    bins = ceil(clip_by_value(predicted, 0.0, 1.0) * float(count - 1)) - 1.0
    if thresholds[0] < 0:  # even a prediction of 0 is above the first
        bins = maximum(bins, 0.0)
    labels = sizes(predicted)[1]
    places = cast(bins, "int32")
    if labels != 1:
        places = add(
            places, multiply(range_(labels), count)
        )  # the bins of one label after those of another
    found = {}
    for said in (True, False):
        label_kinds = [kind for kind in kinds if KINDS[kind][0] is said]
        if not label_kinds:
            continue
        weights = split[said]
        sums = unsorted_segment_sum(reshape(weights, [-1]), reshape(places, [-1]), labels * count)
        above = transpose(cumsum(reshape(sums, [labels, count]), axis=1, reverse=True))
        for kind in label_kinds:
            total = reduce_sum(weights, axis=0)
            found[kind] = above if KINDS[kind][1] else total - above
    return found


# --- counts -------------------------------------------------------------------------------------------


class _Count(ConfusionMetric):
    """One kind of count; the class name says which."""

    accumulator: Variable
    _kind = ""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None):
        super().__init__(dtype, name)
        self.init_thresholds = thresholds
        self.thresholds = parse_thresholds(thresholds, 0.5)
        self._evenly = evenly_spaced(self.thresholds)
        self._keep({"accumulator": self._kind}, (len(self.thresholds),))

    def result(self) -> Tensor:
        """The count so far: a scalar, or one for each of several thresholds."""
        return _single(self.accumulator.value())

    def get_config(self) -> dict[str, Any]:
        """The settings, with the thresholds as they were given."""
        return super().get_config() | {"thresholds": self.init_thresholds}


def _single(values: Tensor) -> Tensor:
    return reshape(values, []) if values.shape[0] == 1 else values


class TruePositives(_Count):
    """How many predictions above the threshold have a positive label.

    >>> TruePositives()([0, 1, 1], [0.9, 0.8, 0.2]).numpy().item()
    1.0
    """

    _kind = "true_positives"


class FalsePositives(_Count):
    """How many predictions above the threshold have a negative label."""

    _kind = "false_positives"


class TrueNegatives(_Count):
    """How many predictions up to the threshold have a negative label."""

    _kind = "true_negatives"


class FalseNegatives(_Count):
    """How many predictions up to the threshold have a positive label."""

    _kind = "false_negatives"


# --- precision and recall -----------------------------------------------------------------------------


class _Share(ConfusionMetric):
    """True positives as a share of themselves and another kind of count."""

    _direction = "up"
    _other = ""

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self.thresholds = parse_thresholds(thresholds, 0.5 if top_k is None else NEVER)
        self._evenly = evenly_spaced(self.thresholds)
        self._keep(
            {kind: kind for kind in ("true_positives", self._other)}, (len(self.thresholds),)
        )

    def result(self) -> Tensor:
        """The share so far, 0 while there is nothing to share: a scalar, or one for each threshold."""
        return _single(ratio(self, "true_positives", self._other))

    def get_config(self) -> dict[str, Any]:
        """The settings, with the thresholds as they were given."""
        return super().get_config() | {"thresholds": self.init_thresholds}


def ratio(metric: Any, part: str, other: str) -> Tensor:
    """part / (part + other), and 0 for 0 / 0."""
    counted = getattr(metric, part).value()
    return divide_no_nan(counted, counted + getattr(metric, other).value())


class Precision(_Share):
    """How many of the predicted positives are right: TP / (TP + FP).

    Args:
      thresholds: one number, or a list for one result each; predictions above are positive. 0.5 by default.
      top_k: only the `top_k` highest scores of each row count as positive.
      class_id: the one class of several that counts.

    >>> Precision()([0, 1, 1], [0.9, 0.8, 0.2]).numpy().item()
    0.5
    """

    _other = "false_positives"


class Recall(_Share):
    """How many of the positives are found: TP / (TP + FN). The arguments are those of Precision.

    >>> Recall()([0, 1, 1], [0.9, 0.8, 0.2]).numpy().item()
    0.5
    """

    _other = "false_negatives"


# --- one at a given value of the other ----------------------------------------------------------------


class _Trade(ConfusionMetric):
    """The best of one ratio among the thresholds at which another is at least a given value."""

    _direction = "up"
    _required: tuple[str, str]
    _best: tuple[str, str]

    def __init__(
        self, value: float, num_thresholds: int, class_id: int | None, name: Any, dtype: Any
    ):
        super().__init__(dtype, name)
        if num_thresholds <= 0:
            raise ValueError(
                f"{type(self).__name__}: num_thresholds is 1 or more, not {num_thresholds}."
            )
        if not 0 <= value <= 1:
            raise ValueError(
                f"{type(self).__name__}: a value between 0 and 1 is needed, not {value}."
            )
        self.value, self.num_thresholds, self.class_id = value, num_thresholds, class_id
        self.thresholds = [0.5] if num_thresholds == 1 else spaced(num_thresholds)
        self._evenly = num_thresholds > 1
        kinds = ("true_positives", "false_positives", "true_negatives", "false_negatives")
        self._keep({kind: kind for kind in kinds}, (len(self.thresholds),))

    def result(self) -> Tensor:
        """The best value so far; 0 where no threshold will do."""
        best = ratio(self, *self._best)
        enough = greater_equal(ratio(self, *self._required), self.value)
        return maximum(reduce_max(where(enough, best, zeros_like(best))), 0.0)


def spaced(count: int) -> list[float]:
    """`count` thresholds from 0 to 1 with equal steps."""
    return [0.0, *((i + 1) * 1.0 / (count - 1) for i in range(count - 2)), 1.0]


SENSITIVITY = ("true_positives", "false_negatives")  # which is recall
SPECIFICITY = ("true_negatives", "false_positives")
PRECISION = ("true_positives", "false_positives")


class SensitivityAtSpecificity(_Trade):
    """The best sensitivity, TP / (TP + FN), at a specificity, TN / (TN + FP), of at least `specificity`.

    Args:
      num_thresholds: how many thresholds from 0 to 1 are tried.
      class_id: the one class of several that counts.
    """

    _required, _best = SPECIFICITY, SENSITIVITY

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity


class SpecificityAtSensitivity(_Trade):
    """The best specificity at a sensitivity of at least `sensitivity`."""

    _required, _best = SENSITIVITY, SPECIFICITY

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity


class PrecisionAtRecall(_Trade):
    """The best precision, TP / (TP + FP), at a recall of at least `recall`."""

    _required, _best = SENSITIVITY, PRECISION

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(recall, num_thresholds, class_id, name, dtype)
        self.recall = recall


class RecallAtPrecision(_Trade):
    """The best recall at a precision of at least `precision`."""

    _required, _best = PRECISION, SENSITIVITY

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(precision, num_thresholds, class_id, name, dtype)
        self.precision = precision
