"""Sample inputs for every primitive of the engine, each beside what NumPy says it computes.

Not a test file: `test_registry.py` runs every check over this table, and fails when a primitive is
missing from it. Floating-point samples are float64 and keep away from kinks and ties, so that finite
differences are a fair judge; kinks and ties have tests of their own.
"""

from __future__ import annotations

import numpy as np

import engine as tf
from tests.engine.cases import (
    Case,
    binary,
    booleans,
    calls,
    classification,
    comparison,
    distinct,
    draw,
    location,
    random,
    reduction,
    rng,
    unary,
)
from tests.engine.samples_array import ARRAY
from tests.engine.samples_layout import LAYOUT

POSITIVE = {"low": 0.3, "high": 3.0}

CASES: dict[str, list[Case]] = {
    "add": binary(lambda a, b: a + b),
    "subtract": binary(lambda a, b: a - b),
    "multiply": binary(lambda a, b: a * b, linear=(0, 1)),
    "divide": binary(lambda a, b: a / b, (-2, 0.5), (2, 2), linear=(0,)),
    "floordiv": binary(lambda a, b: np.floor(a / b), (-3, 0.5), (3, 2)),
    "floormod": binary(lambda a, b: a - b * np.floor(a / b), (-3, 0.5), (3, 2)),
    "pow": binary(lambda a, b: np.exp(b * np.log(a)), (0.3, -2), (3, 2)),
    "maximum": binary(lambda a, b: np.where(a > b, a, b)),
    "minimum": binary(lambda a, b: np.where(a < b, a, b)),
    "negative": unary(lambda x: 0 - x, linear=(0,)),
    "abs": unary(lambda x: np.where(x > 0, x, -x)),
    "sign": unary(lambda x: np.where(x > 0, 1.0, -1.0)),
    "square": unary(lambda x: x * x),
    "sqrt": unary(lambda x: x**0.5, **POSITIVE),
    "rsqrt": unary(lambda x: x**-0.5, **POSITIVE),
    "exp": unary(lambda x: np.e**x),
    "expm1": unary(lambda x: np.e**x - 1),
    "log": unary(lambda x: np.log2(x) * np.log(2.0), **POSITIVE),
    "log1p": unary(lambda x: np.log(1 + x), low=-0.8),
    "sin": unary(lambda x: np.exp(1j * x).imag),
    "cos": unary(lambda x: np.exp(1j * x).real),
    "tanh": unary(lambda x: np.sinh(x) / np.cosh(x)),
    "sigmoid": unary(lambda x: np.exp(x) / (1 + np.exp(x)), low=-5, high=5),
    "softplus": unary(lambda x: np.log(1 + np.exp(x)), low=-5, high=5),
    "relu": unary(lambda x: x * (x > 0)),
    "floor": unary(np.floor),
    "ceil": unary(np.ceil),
    "round": [*unary(np.rint), *calls((([0.5, 1.5, 2.5, -0.5],), {}, lambda x: [0, 2, 2, -0.0]))],
    "is_nan": classification([False, True, False, False]),
    "is_inf": classification([False, False, True, True]),
    "is_finite": classification([True, False, False, False]),
    "equal": comparison(lambda a, b: a == b),
    "not_equal": comparison(lambda a, b: a != b),
    "less": comparison(lambda a, b: a < b),
    "less_equal": comparison(lambda a, b: a <= b),
    "greater": comparison(lambda a, b: a > b),
    "greater_equal": comparison(lambda a, b: a >= b),
    "logical_and": booleans(lambda a, b: a & b, 2),
    "logical_or": booleans(lambda a, b: a | b, 2),
    "logical_xor": booleans(lambda a, b: a != b, 2),
    "logical_not": booleans(lambda a: ~a, 1),
    "select": [
        Case(
            f"{c}, {a}, {b}",
            (np.asarray(rng.random(c) < 0.5), draw(a), draw(b)),
            {},
            lambda c, a, b: np.where(c, a, b),
            (),
        )
        for c, a, b in [
            ((2, 3), (2, 3), (2, 3)),
            ((), (), ()),
            ((2, 1), (3,), ()),
            ((3,), (2, 3), (1, 3)),
            ((0,), (0,), (1,)),
        ]
    ],
    "cast": calls(
        ((draw((2, 3)),), {"dtype": tf.float32}, lambda x: x.astype(np.float32)),
        ((draw((2, 3)),), {"dtype": tf.int32}, lambda x: np.trunc(x).astype(np.int32)),
        ((draw(()),), {"dtype": tf.bool}, lambda x: x != 0),
        ((np.array([0, 1, 2]),), {"dtype": tf.float64}, lambda x: x / 1.0),
        ((np.array([True, False]),), {"dtype": tf.float32}, lambda x: np.float32([1, 0])),
        ((np.zeros((0, 2)),), {"dtype": tf.float16}, lambda x: np.zeros((0, 2), np.float16)),
        ((np.array([1 + 2j]),), {"dtype": tf.float64}, lambda x: np.array([1.0])),
    ),
    "fill_like": calls(
        ((draw((2, 3)),), {"value": 1, "dtype": tf.int32}, lambda x: np.full((2, 3), 1, np.int32)),
        ((draw(()),), {"value": 0, "dtype": tf.float64}, lambda x: np.float64(0)),
        ((draw((0, 2)),), {"value": 1, "dtype": tf.bool}, lambda x: np.ones((0, 2), bool)),
    ),
    "identity": unary(lambda x: x, linear=(0,)),
    "stop_gradient": unary(lambda x: x),
    "shape": calls(
        ((draw((2, 3)),), {"dtype": tf.int32}, lambda x: np.int32([2, 3])),
        ((draw(()),), {"dtype": tf.int64}, lambda x: np.zeros(0, np.int64)),
        ((draw((0, 3)),), {"dtype": tf.int32}, lambda x: np.int32([0, 3])),
    ),
    "size": calls(
        ((draw((2, 3)),), {"dtype": tf.int32}, lambda x: np.int32(6)),
        ((draw(()),), {"dtype": tf.int64}, lambda x: np.int64(1)),
        ((draw((0, 3)),), {"dtype": tf.int32}, lambda x: np.int32(0)),
    ),
    "matmul": calls(
        ((draw((2, 3)), draw((3, 4))), {}, lambda a, b: np.einsum("ij,jk->ik", a, b)),
        ((draw((2, 2, 3)), draw((3, 2))), {}, lambda a, b: np.einsum("nij,jk->nik", a, b)),
        (
            (draw((2, 1, 2, 3)), draw((3, 3, 1))),
            {},
            lambda a, b: np.einsum("anij,mjk->amik", a, b),
        ),
        ((draw((1, 1)), draw((1, 1))), {}, lambda a, b: a * b),
        ((draw((2, 0)), draw((0, 3))), {}, lambda a, b: np.zeros((2, 3))),
        ((draw((0, 2)), draw((2, 3))), {}, lambda a, b: np.zeros((0, 3))),
        linear=(0, 1),
    ),
    "reduce_sum": reduction(draw, np.add.reduce, linear=(0,)),
    "reduce_max": reduction(distinct, np.maximum.reduce),
    "reduce_min": reduction(distinct, np.minimum.reduce),
    "reduce_all": reduction(lambda s: np.asarray(rng.random(s) < 0.7), np.logical_and.reduce),
    "reduce_any": reduction(lambda s: np.asarray(rng.random(s) < 0.3), np.logical_or.reduce),
    "argmax": location(lambda x, axis: np.argsort(-x, axis=axis, kind="stable").take(0, axis)),
    "argmin": location(lambda x, axis: np.argsort(x, axis=axis, kind="stable").take(0, axis)),
    "random_uniform": random({"dtype": tf.float32}),
    "random_normal": random({"dtype": tf.float64}),
    "random_truncated_normal": random({"dtype": tf.float32}),
    "random_integers": random({"low": -3, "high": 9, "dtype": tf.int32}),
    "argsort": calls(
        (([0.3, 0.1, 0.2, 0.1],), {}, lambda x: np.int32([1, 3, 2, 0])),
        ((np.zeros(0),), {}, lambda x: np.zeros(0, np.int32)),
    ),
}
CASES |= LAYOUT
CASES |= ARRAY
