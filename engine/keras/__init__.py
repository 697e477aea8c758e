"""`tf.keras`: layers, models and their training, with Keras 3's names, arguments and defaults.

Reading order: `lookup` (names to objects), `configurable` and `serialization` (objects to JSON and back),
`initializers`, `activations`, `losses/`, `metrics/`, `optimizers/`, then `layer`, `layers/`, `symbolic`,
`functional`, `sequential`, `trainer/`, `callbacks/`, `model`, `saving/`.
"""

from __future__ import annotations

from typing import Any

from engine.keras import (
    activations,
    backend,
    callbacks,
    config,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    mixed_precision,
    models,
    optimizers,
    random,
    regularizers,
    saving,
    utils,
)
from engine.keras import dtype_policy as dtype_policies
from engine.keras.dtype_policy import DTypePolicy
from engine.keras.initializers import Initializer
from engine.keras.input_spec import InputSpec
from engine.keras.layer import Layer
from engine.keras.losses import Loss
from engine.keras.metrics import Metric
from engine.keras.models import Input, Model, Sequential
from engine.keras.optimizers import Optimizer
from engine.keras.regularizers import Regularizer
from engine.keras.symbolic import KerasTensor

__all__ = [
    "DTypePolicy", "Initializer", "Input", "InputSpec", "KerasTensor", "Layer", "Loss", "Metric", "Model",
    "Optimizer", "Regularizer", "Sequential", "activations", "backend", "callbacks", "config", "constraints",
    "datasets", "dtype_policies", "initializers", "layers", "losses", "metrics", "mixed_precision", "models",
    "optimizers", "random", "regularizers", "saving", "utils",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    from engine.keras.lookup import nearest

    raise AttributeError(f"The engine has no tf.keras.{name}.{nearest(name, __all__)}")
