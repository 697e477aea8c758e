"""One seed for everything, and names that start again."""

from __future__ import annotations

import gc
import random as python_random

import numpy as np

from engine.keras.lookup import clear_names
from engine.ops import random

__all__ = ["clear_session", "set_random_seed"]


def set_random_seed(seed: int) -> None:
    """Seeds Python's, NumPy's and the engine's random numbers: same seed, same run.

    Raises:
      ValueError: for a seed that is not an integer.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise ValueError(f"set_random_seed takes an integer, not {seed!r}.")
    python_random.seed(int(seed))
    np.random.seed(int(seed) % 2**32)
    random.set_seed(int(seed))


def clear_session(free_memory: bool = True) -> None:
    """Starts the numbering of names again: the next Dense is 'dense'.

    Args:
      free_memory: also collect what models that are gone have left.
    """
    clear_names()
    if free_memory:
        gc.collect()
