"""Random programs of integers and bools in native kernels: every result is exact, every bit compared."""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as tf

COUNT = int(os.environ.get("INTEGER_PROGRAMS", "60"))  # for each of the two dtypes
SHAPES = [(2, 3), (1, 3), (3,), (), (2, 1), (1, 1), (4, 2, 3), (17,), (5, 17)]


def cut(x: Any, rows: int) -> Any:
    return x[:rows] if x.shape.rank else x


STEPS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "maximum": tf.maximum,
    "minimum": tf.minimum,
    "negative": lambda a, b: -a,
    "abs": lambda a, b: tf.abs(a),
    "sign": lambda a, b: tf.sign(a),
    "square": lambda a, b: tf.square(a),
    "relu": lambda a, b: tf.nn.relu(a),
    "constant": lambda a, b: 3 - a * 7,
    "limit": lambda a, b: tf.clip_by_value(a, -100, 99),
    "less": lambda a, b: tf.where(a < b, a, b * 2),
    "not less": lambda a, b: tf.where(tf.logical_not(a >= b), b, a),
    "equal": lambda a, b: tf.cast(tf.equal(a, b), a.dtype) + a,
    "not equal": lambda a, b: tf.where(tf.not_equal(a, b), tf.ones_like(a), tf.zeros_like(b)),
    "both": lambda a, b: tf.where(tf.logical_and(a > 0, b <= 0), a, b),
    "either": lambda a, b: tf.cast(tf.logical_or(a > 0, b > 0), a.dtype) * b,
    "one of the two": lambda a, b: tf.where(tf.math.logical_xor(a > 5, b > 5), a, -b),
    "bools": lambda a, b: tf.cast(tf.equal(a > 0, tf.cast(b, tf.bool)), a.dtype),
    "floats": lambda a, b: (
        tf.cast(tf.cast(tf.clip_by_value(a, -99, 99), tf.float64) * 0.5, a.dtype) + b
    ),
    "other integers": lambda a, b: tf.cast(
        tf.cast(a, tf.int64 if a.dtype == tf.int32 else tf.int32) * 3, a.dtype
    ),
    "total": lambda a, b: a - tf.reduce_sum(b),
    "sum last": lambda a, b: tf.reduce_sum(a, axis=-1, keepdims=True),
    "largest": lambda a, b: tf.reduce_max(a, axis=0),
    "smallest": lambda a, b: tf.reduce_min(a, axis=-1) * 2,
    "transpose": lambda a, b: tf.transpose(a),
    "flat": lambda a, b: tf.reshape(a, [-1]),
    "expand": lambda a, b: tf.expand_dims(a, 0),
    "squeeze": lambda a, b: tf.squeeze(a),
    "wide": lambda a, b: tf.broadcast_to(a, [2, *a.shape]),
    "concat": lambda a, b: tf.concat([a, b], 0),
    "first": lambda a, b: cut(a, 1),
    "reverse": lambda a, b: tf.reverse(a, [0]),
    "halves": lambda a, b: a // 2,
}


def program(seed: int, x: Any, y: Any) -> list[Any]:
    """All values of a program; a step that does not fit its operands gives its first operand."""
    choose = random.Random(seed)
    values = [x, y]
    for _ in range(choose.randrange(3, 14)):
        step = STEPS[choose.choice(sorted(STEPS))]
        a, b = choose.choice(values[-5:]), choose.choice(values)
        try:
            made = step(a, b)
        except (tf.errors.InvalidArgumentError, ValueError, IndexError):
            made = a
        small = made.shape.num_elements() <= 2000 and made.shape.rank <= 4
        values.append(made if small else a)
    return values[2:]


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_programs_of_integers_have_the_same_bits(dtype: str):
    compiled_ones = 0
    for seed in range(COUNT):
        rng = np.random.default_rng(seed)
        limits = np.iinfo(dtype)
        special = np.array([0, 1, -1, limits.max, limits.min, 2, 1 << 20], dtype)
        x, y = (
            tf.constant(
                np.where(rng.random(dims) < 0.2, rng.choice(special, dims), values).astype(dtype)
            )
            for dims in (SHAPES[i] for i in rng.integers(0, len(SHAPES), 2))
            for values in [rng.integers(-50, 50, dims)]
        )
        f = tf.function(functools.partial(program, seed), jit_compile=True, autograph=False)
        for turn in (x, x + 1):
            eager, native = program(seed, turn, y), f(turn, y)
            for ours, expected in zip(native, eager, strict=True):
                assert ours.dtype == expected.dtype and ours.shape == expected.shape
                np.testing.assert_array_equal(
                    ours.numpy(), expected.numpy(), err_msg=f"seed {seed}"
                )
        compiled_ones += bool(f.get_concrete_function(x, y)._kernels)
    assert compiled_ones > COUNT * 0.6
