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
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    random,
    utils,
)
from engine.keras.layer import Layer
from engine.keras.models import Input, Model, Sequential

__all__ = [
    "Input", "Layer", "Model", "Sequential", "activations", "callbacks", "config",
    "initializers", "layers", "losses", "metrics", "models", "optimizers", "random", "utils",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    from engine.keras.lookup import nearest

    raise AttributeError(f"The engine has no tf.keras.{name}.{nearest(name, __all__)}")
