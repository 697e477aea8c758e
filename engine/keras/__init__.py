"""`tf.keras`: layers, models and their training, with Keras 3's names, arguments and defaults.

Reading order: `lookup` (names to objects), `initializers`, `activations`, `losses`, `metrics`,
`optimizers`, then `layer`, `layers/`, `data`, `training`, `callbacks`, `models`.
"""

from __future__ import annotations

from typing import Any

from engine.keras import (
    activations,
    callbacks,
    config,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    random,
    regularizers,
    saving,
    utils,
)
from engine.keras.dtype_policy import DTypePolicy
from engine.keras.initializers import Initializer
from engine.keras.layer import Layer
from engine.keras.models import Input, Model, Sequential
from engine.keras.regularizers import Regularizer

__all__ = [
    "DTypePolicy", "Initializer", "Input", "Layer", "Model", "Regularizer", "Sequential", "activations",
    "callbacks", "config", "constraints", "datasets", "initializers", "layers", "losses", "metrics",
    "models", "optimizers", "random", "regularizers", "saving", "utils",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    from engine.keras.lookup import nearest

    raise AttributeError(f"The engine has no tf.keras.{name}.{nearest(name, __all__)}")
