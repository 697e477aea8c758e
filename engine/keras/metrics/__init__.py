"""`tf.keras.metrics`: numbers to watch over an epoch.

Reading order: `base`, `reduction`, `accuracies`, `regression`, `probabilistic`, `confusion`, `auc`, then
`iou`, `fscore`, `correlation`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.keras.lookup import find, snake_case
from engine.keras.losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from engine.keras.metrics.accuracies import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from engine.keras.metrics.auc import AUC
from engine.keras.metrics.base import Metric
from engine.keras.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from engine.keras.metrics.correlation import (
    ConcordanceCorrelation,
    PearsonCorrelation,
    concordance_correlation,
    pearson_correlation,
)
from engine.keras.metrics.fscore import F1Score, FBetaScore
from engine.keras.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from engine.keras.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    Hinge,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from engine.keras.metrics.reduction import Mean, MeanMetricWrapper, Sum
from engine.keras.metrics.regression import (
    CosineSimilarity,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    R2Score,
    RootMeanSquaredError,
)
from engine.keras.serialization import deserialize_keras_object, serialize_keras_object
from engine.tensor import Tensor

CLASSES: tuple[type[Metric], ...] = (
    Metric, MeanMetricWrapper, AUC, Accuracy, BinaryAccuracy, BinaryCrossentropy, BinaryIoU,
    CategoricalAccuracy, CategoricalCrossentropy, CategoricalHinge, ConcordanceCorrelation,
    CosineSimilarity, F1Score, FBetaScore, FalseNegatives, FalsePositives, Hinge, IoU, KLDivergence,
    LogCoshError, Mean, MeanAbsoluteError, MeanAbsolutePercentageError, MeanIoU, MeanSquaredError,
    MeanSquaredLogarithmicError, OneHotIoU, OneHotMeanIoU, PearsonCorrelation, Poisson, Precision,
    PrecisionAtRecall, R2Score, Recall, RecallAtPrecision, RootMeanSquaredError,
    SensitivityAtSpecificity, SparseCategoricalAccuracy, SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy, SpecificityAtSensitivity, SquaredHinge, Sum,
    TopKCategoricalAccuracy, TrueNegatives, TruePositives,
)  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    function.__name__: function
    for function in (
        accuracy, binary_accuracy, binary_crossentropy, binary_focal_crossentropy, categorical_accuracy,
        categorical_crossentropy, categorical_focal_crossentropy, categorical_hinge,
        concordance_correlation, hinge, huber, kl_divergence, log_cosh, mean_absolute_error,
        mean_absolute_percentage_error, mean_squared_error, mean_squared_logarithmic_error,
        pearson_correlation, poisson, sparse_categorical_accuracy, sparse_categorical_crossentropy,
        sparse_top_k_categorical_accuracy, squared_hinge, top_k_categorical_accuracy,
    )
}  # fmt: skip
ALIASES: dict[str, type[Metric]] = {
    "bce": BinaryCrossentropy,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "mse": MeanSquaredError,
    "msle": MeanSquaredLogarithmicError,
}
_TABLE: dict[str, Any] = {
    **{cls.__name__: cls for cls in CLASSES[2:]},
    **{snake_case(cls.__name__): cls for cls in CLASSES[2:]},
    **ALIASES,
    **{name.upper(): cls for name, cls in ALIASES.items()},
}
__all__ = [
    *(cls.__name__ for cls in CLASSES), *FUNCTIONS, "deserialize", "get", "get_function", "serialize",
]  # fmt: skip


def get_function(name: str) -> Callable[..., Tensor] | None:
    """The function of targets and predictions with this name, or None."""
    return FUNCTIONS.get(name)


def get(identifier: Any) -> Any:
    """What a name, a class, a config, a function or a Metric stands for; None stands for None.

    A name gives a Metric with the name of its class, as in Keras; `compile` calls it by what was written.

    Raises:
      ValueError: for a name that is not known, with the nearest one.

    >>> get("mse").name, get("AUC").name
    ('mean_squared_error', 'auc')
    """
    return None if identifier is None else find("metric", identifier, _TABLE, Metric)


def serialize(metric: Any) -> Any:
    """A Metric as its config, a function as its name, in Keras's form."""
    return serialize_keras_object(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The metric that `serialize` wrote down."""
    return deserialize_keras_object(config, custom_objects, module_objects=_TABLE)
