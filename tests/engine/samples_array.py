"""Samples for the primitives that select and order elements, and for draws with parameters; see `samples.py`.

Not a test file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import engine as tf
from tests.engine.cases import Case, calls


def _parameters(*values: Any) -> list[Case]:
    """Draws of one number for each element of the parameters."""
    key = np.array([11, 5], np.int64)
    return [
        Case(f"{shape}", (key, *(np.full(shape, v) for v in values)), {"dtype": tf.float32}, None)
        for shape in ((2, 3), (), (0, 2))
    ]


ARRAY: dict[str, list[Case]] = {
    "where_true": calls(
        (
            (np.array([[True, False], [True, True]]),),
            {},
            lambda c: np.int64([[0, 0], [1, 0], [1, 1]]),
        ),
        ((np.array([0.0, 2.0, np.nan]),), {}, lambda c: np.int64([[1], [2]])),
        ((np.array(True),), {}, lambda c: np.zeros((1, 0), np.int64)),
        ((np.zeros((0, 2), bool),), {}, lambda c: np.zeros((0, 2), np.int64)),
    ),
    "searchsorted": calls(
        (
            ([1.0, 3.0, 3.0, 5.0], [0.0, 3.0, 9.0]),
            {"side": "left", "dtype": tf.int32},
            lambda s, v: np.int32([0, 1, 4]),
        ),
        (
            ([[1.0, 3.0], [0.0, 0.0]], [[3.0], [0.0]]),
            {"side": "right", "dtype": tf.int64},
            lambda s, v: np.int64([[2], [2]]),
        ),
        (
            (np.zeros(0), [1.0]),
            {"side": "left", "dtype": tf.int32},
            lambda s, v: np.int32([0]),
        ),
    ),
    "unique_firsts": calls(
        (([7.0, 4.0, 7.0, 1.0],), {"dtype": tf.int32}, lambda x: np.int32([0, 1, 3])),
        ((np.zeros(0),), {"dtype": tf.int64}, lambda x: np.zeros(0, np.int64)),
    ),
    "unique_which": calls(
        (([7.0, 4.0, 7.0, 1.0],), {"dtype": tf.int32}, lambda x: np.int32([0, 1, 0, 2])),
        ((np.zeros(0),), {"dtype": tf.int64}, lambda x: np.zeros(0, np.int64)),
    ),
    "random_gamma": _parameters(2.5),
    "random_poisson": _parameters(3.0),
    "random_binomial": _parameters(10.0, 0.3),
}
