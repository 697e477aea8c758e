"""Cross-entropies, divergences and hinges as metrics: the mean over an epoch of the losses of these names."""

from __future__ import annotations

from typing import Any

from engine.keras.losses import margins, probabilistic
from engine.keras.metrics.reduction import MeanMetricWrapper


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of two classes; see `tf.keras.losses.BinaryCrossentropy`."""

    _direction = "down"

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(probabilistic.binary_crossentropy, name, dtype, **options)


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy for one-hot targets; see `tf.keras.losses.CategoricalCrossentropy`."""

    _direction = "down"

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(probabilistic.categorical_crossentropy, name, dtype, **options)


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy for class numbers; see `tf.keras.losses.SparseCategoricalCrossentropy`.

    Targets equal to `ignore_class` cost 0, but count as examples: in the loss they do not, as in Keras.
    """

    _direction = "down"

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(probabilistic.sparse_categorical_crossentropy, name, dtype, **options)


class KLDivergence(MeanMetricWrapper):
    """The mean Kullback-Leibler divergence of predicted distributions from the targets'."""

    _direction = "down"

    def __init__(self, name: str = "kl_divergence", dtype: Any = None):
        super().__init__(probabilistic.kl_divergence, name, dtype)


class Poisson(MeanMetricWrapper):
    """The mean Poisson loss of predicted rates."""

    _direction = "down"

    def __init__(self, name: str = "poisson", dtype: Any = None):
        super().__init__(probabilistic.poisson, name, dtype)


class Hinge(MeanMetricWrapper):
    """The mean of max(1 - y_true y_pred, 0), for labels -1 and 1 or 0 and 1."""

    _direction = "down"

    def __init__(self, name: str = "hinge", dtype: Any = None):
        super().__init__(margins.hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """The mean of the squared hinge."""

    _direction = "down"

    def __init__(self, name: str = "squared_hinge", dtype: Any = None):
        super().__init__(margins.squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """The mean hinge between the right class and the best wrong one."""

    _direction = "down"

    def __init__(self, name: str = "categorical_hinge", dtype: Any = None):
        super().__init__(margins.categorical_hinge, name, dtype)
