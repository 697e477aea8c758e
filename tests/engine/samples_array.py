"""Samples for the primitives that select and order elements, and for draws with parameters; see `samples.py`.

Not a test file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import engine as tf
from tests.engine.cases import Case, calls, distinct, draw

IDS = np.array([2, 0, 2, 1, 0], np.int32)


def _segments(function: Any) -> Any:
    """Row i of the result is `function` of the rows whose number is i."""

    def reference(data: np.ndarray, ids: np.ndarray, like: np.ndarray) -> np.ndarray:
        return np.stack([function(data[ids == i], axis=0) for i in range(len(like))])

    return reference


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
    "segment_max": calls(
        ((distinct((5,)), IDS, draw((3,))), {}, _segments(np.max)),
        ((distinct((5, 2)), IDS, draw((3, 2))), {}, _segments(np.max)),
        ((distinct((2,)), np.int64([1, 0]), draw((2,))), {}, lambda x, i, like: x[::-1]),
        ((draw((0,)), np.zeros(0, np.int32), draw((0,))), {}, lambda x, i, like: x),
        ((draw(()), np.int32(0), draw((1,))), {}, lambda x, i, like: x[None]),
    ),
    "segment_min": calls(
        ((distinct((5,)), IDS, draw((3,))), {}, _segments(np.min)),
        ((distinct((5, 2)), IDS, draw((3, 2))), {}, _segments(np.min)),
        ((draw((0,)), np.zeros(0, np.int32), draw((0,))), {}, lambda x, i, like: x),
        ((draw(()), np.int32(0), draw((1,))), {}, lambda x, i, like: x[None]),
    ),
    "segment_prod": calls(
        ((draw((5,), 0.5, 2), IDS, draw((3,))), {}, _segments(np.prod)),
        ((draw((5, 2), 0.5, 2), IDS, draw((3, 2))), {}, _segments(np.prod)),
        ((draw((0,)), np.zeros(0, np.int32), draw((2,))), {}, lambda x, i, like: np.ones(2)),
        ((draw(()), np.int32(0), draw((1,))), {}, lambda x, i, like: x[None]),
    ),
    "diag_part": calls(
        ((draw((3, 3)),), {"k": 0}, lambda x: np.array([x[0, 0], x[1, 1], x[2, 2]])),
        ((draw((2, 2, 3)),), {"k": 1}, lambda x: np.stack([x[:, 0, 1], x[:, 1, 2]], -1)),
        ((draw((3, 2)),), {"k": -2}, lambda x: x[2:, 0]),
        ((draw((2, 0)),), {"k": 0}, lambda x: np.zeros(0)),
        linear=(0,),
    ),
    "diag_like": calls(
        ((draw((2,)), draw((2, 2))), {"k": 0}, lambda d, x: np.array([[d[0], 0], [0, d[1]]])),
        (
            (draw((2, 2)), draw((2, 2, 3))),
            {"k": 1},
            lambda d, x: np.stack([[[0, a, 0], [0, 0, b]] for a, b in d]),
        ),
        ((draw((1,)), draw((3, 2))), {"k": -2}, lambda d, x: np.r_[[[0, 0], [0, 0]], [[d[0], 0]]]),
        ((draw((0,)), draw((0, 2))), {"k": 0}, lambda d, x: np.zeros((0, 2))),
        linear=(0,),
    ),
    "bitcast": calls(
        ((np.float32([1, -2]),), {"dtype": tf.int32}, lambda x: x.view(np.int32)),
        ((np.int16([[1, 258]]),), {"dtype": tf.int8}, lambda x: np.int8([[[1, 0], [2, 1]]])),
        ((np.int8([[1, 0], [2, 1]]),), {"dtype": tf.int16}, lambda x: np.int16([1, 258])),
        ((np.float64(2),), {"dtype": tf.int64}, lambda x: np.int64(1 << 62)),
        ((np.zeros((0, 2), np.uint8),), {"dtype": tf.uint16}, lambda x: np.zeros(0, np.uint16)),
    ),
}
