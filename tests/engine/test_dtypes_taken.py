"""Operations that take more than floating-point numbers, with the values TensorFlow 2.21 gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (lambda: tf.math.divide_no_nan([7, 5], [2, 0]), tf.float64, [3.5, 0.0]),
        (
            lambda: tf.math.divide_no_nan(*tf.constant([[7, 5], [2, 0]], tf.uint8)),
            tf.float32,
            [3.5, 0.0],
        ),
        (lambda: tf.linspace(1, 4, 3), tf.float64, [1.0, 2.5, 4.0]),
        (lambda: tf.linspace(*tf.constant([1, 4], tf.int8), 3), tf.float32, [1.0, 2.5, 4.0]),
        (lambda: tf.linspace(1 + 1j, 4 + 0j, 3), tf.complex128, [1 + 1j, 2.5 + 0.5j, 4]),
        (lambda: tf.round([1, 2]), tf.int32, [1, 2]),
        (lambda: tf.nn.leaky_relu([-5, 5]), tf.float32, [-1.0, 5.0]),
        (lambda: tf.nn.leaky_relu(tf.constant([-5, 5], tf.int64)), tf.float32, [-1.0, 5.0]),
        (
            lambda: tf.nn.l2_normalize(tf.constant([3 + 4j, 1j])),
            tf.complex128,
            [0.58834841 + 0.78446454j, 0.19611614j],
        ),
        (
            lambda: tf.linalg.normalize(tf.constant([3 + 4j, 1j]))[0],
            tf.complex128,
            [0.58834841 + 0.78446454j, 0.19611614j],
        ),
        (
            lambda: tf.linalg.normalize(tf.constant([3 + 4j, 1j]))[1],
            tf.complex128,
            [5.09901951 + 0j],
        ),
        (
            lambda: tf.dynamic_stitch([[0, 2], [1]], [[True, True], [False]]),
            tf.bool,
            [True, False, True],
        ),
    ],
)
def test_values_are_those_of_tensorflow(value: Any, dtype: tf.DType, expected: Any):
    found = value()
    assert found.dtype is dtype
    assert_close(found, np.array(expected), rtol=1e-7)


def test_strings_are_stitched():
    found = tf.dynamic_stitch([[0, 2], [1]], [["a", "c"], ["b"]])
    assert found.numpy().tolist() == [b"a", b"b", b"c"]


def test_a_complex_vector_of_length_1_has_the_derivative_of_its_quotient():
    x = tf.constant([3 + 4j, 1j])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.math.real(tf.nn.l2_normalize(x) * tf.constant([1.0 + 2j, 0.5j])))
    gradient = tape.gradient(y, x).numpy()

    def real(z: np.ndarray) -> float:
        return float(np.sum((z / np.linalg.norm(z)) * np.array([1 + 2j, 0.5j])).real)

    for i in range(2):
        for direction in (1.0, 1j):  # the gradient conjugated, as TensorFlow has it
            step = np.zeros(2, complex)
            step[i] = 1e-6 * direction
            slope = (real(x.numpy() + step) - real(x.numpy() - step)) / 2e-6
            assert abs(slope - (gradient[i] * np.conj(direction)).real) < 1e-8


@pytest.mark.parametrize("ends", [(True, False), ("a", "b")], ids=["bool", "string"])
def test_numbers_cannot_be_spaced_between_what_are_none(ends: Any):
    with pytest.raises(tf.errors.InvalidArgumentError, match="linspace works on float or complex"):
        tf.linspace(*ends, 3)
