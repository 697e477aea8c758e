"""tf.TensorArray: written one by one, in Python, in loops of graphs, with derivatives and its errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close, gradients

Refused = tf.errors.InvalidArgumentError


def test_elements_are_written_and_stacked():
    array = tf.TensorArray(tf.float32, size=3)
    for i, row in enumerate([[1.0, 2.0], [3.0, 4.0]]):
        array = array.write(i, row)
    assert array.stack().numpy().tolist() == [[1, 2], [3, 4], [0, 0]]
    assert array.read(1).numpy().tolist() == [3, 4]
    assert array.gather([1, 0]).numpy().tolist() == [[3, 4], [1, 2]]
    assert array.concat().numpy().tolist() == [1, 2, 3, 4, 0, 0]
    assert (array.size().numpy(), array.dtype, array.element_shape) == (3, tf.float32, [2])
    assert repr(array) == "<tf.TensorArray float32, elements of shape (2,)>"
    assert array.identity() is array and array.close() is None


def test_writing_leaves_the_old_array_as_it_was():
    before = tf.TensorArray(tf.int32, size=2, element_shape=[])
    after = before.write(0, 5)
    assert before.stack().numpy().tolist() == [0, 0]
    assert after.stack().numpy().tolist() == [5, 0]


def test_an_array_grows_if_it_was_told_to():
    array = tf.TensorArray(tf.int32, dynamic_size=True)
    for i in (0, 1, 4):
        array = array.write(i, i + 10)
    assert array.stack().numpy().tolist() == [10, 11, 0, 0, 14]
    assert array.scatter([6, 2], [1, 2]).stack().numpy().tolist() == [10, 11, 2, 0, 14, 0, 1]
    assert array.dynamic_size and not tf.TensorArray(tf.int32, 1).dynamic_size


def test_parts_of_a_tensor_become_elements():
    rows = tf.TensorArray(tf.int32, 0).unstack([[1, 2], [3, 4]])
    assert rows.read(0).numpy().tolist() == [1, 2]
    halves = tf.TensorArray(tf.int32, 0).split([1, 2, 3, 4], [2, 2])
    assert halves.stack().numpy().tolist() == [[1, 2], [3, 4]]


def powers(n: Any, x: Any) -> Any:
    array = tf.TensorArray(tf.float64, size=n, element_shape=[2])
    for i in tf.range(n):
        x = x * x
        array = array.write(i, x)
    return array.stack()


def test_a_loop_of_a_graph_writes_as_python_does():
    x = np.array([0.5, 2.0])
    expected = np.stack([x**2, x**4, x**8])
    graph = tf.function(powers)
    assert_close(powers(3, tf.constant(x)), expected, 1e-14)
    assert_close(graph(tf.constant(3), x), expected, 1e-14)
    assert graph(tf.constant(5), x).shape == (5, 2)
    assert graph.experimental_get_tracing_count() == 1
    for run in (powers, graph):
        _, (slope,) = gradients(lambda x, run=run: tf.reduce_sum(run(tf.constant(3), x)), x)
        assert_close(slope, 2 * x + 4 * x**3 + 8 * x**7, 1e-14)


def test_a_while_loop_and_a_branch_carry_an_array():
    def run(n: Any) -> Any:
        array = tf.TensorArray(tf.int32, n, element_shape=[])
        _, array = tf.while_loop(
            lambda i, _: i < n, lambda i, a: (i + 1, a.write(i, i * i)), (0, array)
        )
        array = tf.cond(n > 3, lambda: array.write(0, 100), lambda: array)
        return array.stack()

    for n in (2, 5):
        expected = [i * i for i in range(n)]
        expected[0] = 100 if n > 3 else 0
        assert run(tf.constant(n)).numpy().tolist() == expected
        assert tf.function(run)(tf.constant(n)).numpy().tolist() == expected


def test_what_an_array_refuses():
    array = tf.TensorArray(tf.float32, size=2, element_shape=[2])

    @tf.function
    def unknown(n):
        array = tf.TensorArray(tf.float32, 0, True)
        for i in tf.range(n):
            array = array.write(i, tf.zeros([n]))
        return array.stack()

    calls: list[tuple[Any, str]] = [
        (lambda: tf.TensorArray(tf.float32, 3).stack(), "nothing was written yet"),
        (lambda: array.write(2, [1.0, 2.0]), "index 2 is outside of its 2 elements"),
        (lambda: array.write(-1, [1.0, 2.0]), "index -1 is outside"),
        (lambda: array.write(0, [1.0]), r"have shape \(2,\), but a float32 tensor of shape \(1,\)"),
        (lambda: array.write(0, tf.constant([1, 2])), "it holds float32, but a int32"),
        (
            lambda: array.split([1.0, 2.0, 3.0], [1, 2]),
            r"parts of one length are needed, not \[1, 2\]",
        ),
        (lambda: unknown(tf.constant(3)), r"cannot begin without .* size=n, element_shape=\[...\]"),
    ]
    for call, words in calls:
        with pytest.raises(Refused, match=words):
            call()
