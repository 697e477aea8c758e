"""Small helpers of `tf.keras.utils`."""

from __future__ import annotations

import random as python_random

import numpy as np

from engine.keras.lookup import clear_names
from engine.keras.trainer.feeding import pack_x_y_sample_weight, unpack_x_y_sample_weight
from engine.keras.trainer.py_dataset import PyDataset
from engine.ops import random

__all__ = [
    "PyDataset",
    "Sequence",
    "clear_session",
    "pack_x_y_sample_weight",
    "set_random_seed",
    "unpack_x_y_sample_weight",
]

Sequence = PyDataset


def set_random_seed(seed: int) -> None:
    """Seeds Python's, NumPy's and the engine's random numbers."""
    python_random.seed(seed)
    np.random.seed(seed % 2**32)
    random.set_seed(seed)


def clear_session() -> None:
    """Starts the numbering of layer names again."""
    clear_names()
