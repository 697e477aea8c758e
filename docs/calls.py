"""Calls of operations that have none of their own in tests/oracle: random numbers, tensors from nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

_X = np.array([[0.5, 1.5, 2.5], [3.5, 0.25, 1.0]])
_SQUARE = np.array([[4.0, 1.0], [1.0, 3.0]])
_IMAGE = np.arange(1.0, 33.0).reshape(1, 4, 4, 2) / 8
_FILTER = np.ones((2, 2, 2, 2))
_INTS = np.array([1, 2, 3], np.int32)

# D is the dtype that is tried.
CALLS: list[tuple[str, list[Any]]] = [
    ("tf.constant([0, 1], D)", []),
]
