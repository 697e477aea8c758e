"""Intersection over union: how well predicted regions cover the true ones, class by class."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine.keras import config
from engine.keras.metrics.base import Metric
from engine.ops.creation import convert
from engine.ops.elementwise import (
    cast,
    divide,
    greater,
    greater_equal,
    less,
    logical_and,
    not_equal,
    where,
    zeros_like,
)
from engine.ops.indexing import gather
from engine.ops.layout import broadcast_to, reshape, sizes
from engine.ops.matrices import diag_part
from engine.ops.reduce import argmax, reduce_sum
from engine.ops.segments import unsorted_segment_sum
from engine.tensor import Tensor


class IoU(Metric):
    """TP / (TP + FP + FN), averaged over the classes `target_class_ids` that occur.

    Args:
      num_classes: of labels and predictions; what is not one of 0 to num_classes - 1 does not count.
      target_class_ids: the classes to average over.
      ignore_class: a label that does not count.
      sparse_y_true, sparse_y_pred: class numbers if True, else scores or one-hot along `axis`.
      dtype: of the confusion matrix, 'int32' by default; weights with a fraction need 'float32'.

    >>> iou = IoU(num_classes=2, target_class_ids=[0])
    >>> print(iou([0, 0, 1, 1], [0, 1, 0, 1]).numpy().round(4))
    0.3333
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(dtype or "int32", name)
        if max(target_class_ids) >= num_classes:
            raise ValueError(
                f"{type(self).__name__}: class {max(target_class_ids)} of target_class_ids is not one of 0 "
                f"to {num_classes - 1}."
            )
        self.num_classes, self.ignore_class, self.axis = num_classes, ignore_class, axis
        self.target_class_ids = list(target_class_ids)
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        shape = (num_classes, num_classes)
        self.total_cm = self.add_variable(shape, name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch of labels and predictions, of any shape."""
        target, predicted = convert(y_true), convert(y_pred)
        if not self.sparse_y_true:
            target = argmax(target, axis=self.axis)
        if not self.sparse_y_pred:
            predicted = argmax(predicted, axis=self.axis)
        true, said = (reshape(cast(part, "int32"), [-1]) for part in (target, predicted))
        counted = logical_and(self._is_class(true), self._is_class(said))
        if self.ignore_class is not None:
            counted = logical_and(counted, not_equal(true, self.ignore_class))
        place = where(counted, true * self.num_classes + said, zeros_like(true) - 1)
        sums = unsorted_segment_sum(self._weights(sample_weight, true), place, self.num_classes**2)
        self.total_cm.assign_add(reshape(sums, [self.num_classes, self.num_classes]))

    def _is_class(self, numbers: Tensor) -> Tensor:
        return logical_and(greater_equal(numbers, 0), less(numbers, self.num_classes))

    def _weights(self, sample_weight: Any, like: Tensor) -> Tensor:
        weights = convert(1 if sample_weight is None else sample_weight)
        if weights.dtype.is_floating and dtypes.as_dtype(self.dtype).is_integer:
            warnings.warn(
                f"{self.name} counts in {self.dtype}, so fractions of the sample weights are cut off. "
                "Make the metric with dtype='float32' to keep them.",
                stacklevel=3,
            )
        weights = cast(weights, self.dtype)
        if weights.ndim > 1:
            weights = reshape(weights, [-1])
        return broadcast_to(weights, sizes(like))

    def result(self) -> Tensor:
        """The mean over the target classes that occur, in float32."""
        matrix = self.total_cm.value()
        right = diag_part(matrix)
        union = reduce_sum(matrix, axis=0) + reduce_sum(matrix, axis=1) - right
        right, union = (
            cast(gather(part, np.array(self.target_class_ids, np.int32)), "float32")
            for part in (right, union)
        )
        there = greater(union, 1e-9)
        each = where(there, divide(right, union + config.epsilon()), zeros_like(union))
        return divide(reduce_sum(each), reduce_sum(cast(there, "float32")) + config.epsilon())


class BinaryIoU(IoU):
    """The same for two classes and predictions of which those from `threshold` on are class 1."""

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch of labels 0 and 1 and predictions in [0, 1]."""
        above = greater_equal(cast(convert(y_pred), "float32"), self.threshold)
        super().update_state(y_true, cast(above, "int32"), sample_weight)


class MeanIoU(IoU):
    """The mean over all classes that occur."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(
            num_classes, range(num_classes), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )  # fmt: skip


class OneHotIoU(IoU):
    """IoU for one-hot labels."""

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )


class OneHotMeanIoU(MeanIoU):
    """MeanIoU for one-hot labels."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
