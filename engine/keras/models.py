"""`tf.keras.models`: the kinds of models, and where they come from besides Python code."""

from __future__ import annotations

from typing import Any

from engine.keras.cloning import clone_model, model_from_json
from engine.keras.functional import Functional
from engine.keras.layers.input import Input
from engine.keras.lookup import nearest
from engine.keras.model import Model
from engine.keras.saving import load_model, save_model
from engine.keras.sequential import Sequential

__all__ = [
    "Functional", "Input", "Model", "Sequential", "clone_model", "load_model", "model_from_json",
    "save_model",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    raise AttributeError(f"The engine has no tf.keras.models.{name}.{nearest(name, __all__)}")
