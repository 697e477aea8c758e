"""The layers, one module a family: `core` (Dense, Activation, Flatten)."""

from __future__ import annotations

from typing import Any

from engine.keras.layer import InputSpec, Layer
from engine.keras.layers.core import Activation, Dense, Flatten
from engine.keras.symbolic import Input

__all__ = ["Activation", "Dense", "Flatten", "Input", "InputSpec", "Layer"]


def __getattr__(name: str) -> Any:
    from engine.keras.lookup import nearest

    raise AttributeError(f"The engine has no tf.keras.layers.{name}.{nearest(name, __all__)}")
