"""`tf.keras.losses`: how wrong a prediction is, as one number to make small.

Reading order: `base`, `regression`, `probabilistic`, then `margins`, `segmentation`, `similarity`,
`sequence`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.keras.lookup import find
from engine.keras.losses.base import Loss, LossFunctionWrapper
from engine.keras.losses.margins import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from engine.keras.losses.probabilistic import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from engine.keras.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from engine.keras.losses.segmentation import Dice, Tversky, dice, tversky
from engine.keras.losses.sequence import CTC, ctc
from engine.keras.losses.similarity import Circle, circle
from engine.keras.serialization import deserialize_keras_object, serialize_keras_object
from engine.tensor import Tensor

CLASSES: tuple[type[Loss], ...] = (
    Loss, LossFunctionWrapper, CTC, BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy,
    CategoricalFocalCrossentropy, CategoricalGeneralizedCrossEntropy, CategoricalHinge, Circle,
    CosineSimilarity, Dice, Hinge, Huber, KLDivergence, LogCosh, MeanAbsoluteError,
    MeanAbsolutePercentageError, MeanSquaredError, MeanSquaredLogarithmicError, Poisson,
    SparseCategoricalCrossentropy, SquaredHinge, Tversky,
)  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    function.__name__: function
    for function in (
        binary_crossentropy, binary_focal_crossentropy, categorical_crossentropy,
        categorical_focal_crossentropy, categorical_generalized_cross_entropy, categorical_hinge, circle,
        cosine_similarity, ctc, dice, hinge, huber, kl_divergence, log_cosh, mean_absolute_error,
        mean_absolute_percentage_error, mean_squared_error, mean_squared_logarithmic_error, poisson,
        sparse_categorical_crossentropy, squared_hinge, tversky,
    )
}  # fmt: skip
ALIASES: dict[str, Callable[..., Tensor]] = {
    "bce": binary_crossentropy,
    "kld": kl_divergence,
    "mae": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "mse": mean_squared_error,
    "msle": mean_squared_logarithmic_error,
}
_TABLE: dict[str, Any] = {
    **{cls.__name__: cls for cls in CLASSES[2:]},
    **FUNCTIONS,
    **ALIASES,
    **{name.upper(): function for name, function in ALIASES.items()},
}
__all__ = [
    *(cls.__name__ for cls in CLASSES), *FUNCTIONS, "deserialize", "get", "get_function", "serialize",
]  # fmt: skip


def get_function(name: str) -> Callable[..., Tensor] | None:
    """The loss function of this name, or None."""
    found = _TABLE.get(name)
    return None if isinstance(found, type) else found


def get(identifier: Any) -> Any:
    """What a name, a class, a config, a function or a Loss stands for; None stands for None.

    As in Keras the name of a class gives an object, that of a function the function.

    Raises:
      ValueError: for a name that is not known, with the nearest one.

    >>> get("mse").__name__, get("MeanSquaredError").name
    ('mean_squared_error', 'mean_squared_error')
    """
    if identifier is None:
        return None
    exact = _TABLE.get(identifier) if isinstance(identifier, str) else None
    return find("loss", exact or identifier, _TABLE, Loss)


def serialize(loss: Any) -> Any:
    """A Loss as its config, a function as its name, in Keras's form."""
    return serialize_keras_object(loss)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The loss that `serialize` wrote down."""
    return deserialize_keras_object(config, custom_objects, module_objects=_TABLE)
