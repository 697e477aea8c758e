"""`tf.keras.backend`: what Keras 3 has left of it. Operations are in `tf`, `tf.math` and `tf.nn`."""

from __future__ import annotations

from typing import Any

from engine import dtypes
from engine.keras.config import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from engine.keras.symbolic import KerasTensor
from engine.keras.utils.seeds import clear_session

__all__ = [
    "clear_session", "epsilon", "floatx", "image_data_format", "is_float_dtype", "is_int_dtype",
    "is_keras_tensor", "set_epsilon", "set_floatx", "set_image_data_format", "standardize_dtype",
]  # fmt: skip


def standardize_dtype(dtype: Any) -> str:
    """The name of a dtype; that of `floatx` for None.

    >>> standardize_dtype(int), standardize_dtype(None)
    ('int32', 'float32')
    """
    return floatx() if dtype is None else dtypes.as_dtype(dtype).name


def is_float_dtype(dtype: Any) -> bool:
    """Whether numbers of this dtype have fractions."""
    return dtypes.as_dtype(dtype).is_floating


def is_int_dtype(dtype: Any) -> bool:
    """Whether it is one of integers, signed or not."""
    return dtypes.as_dtype(dtype).is_integer


def is_keras_tensor(x: Any) -> bool:
    """Whether it stands for data to come, as `tf.keras.Input` does."""
    return isinstance(x, KerasTensor)
