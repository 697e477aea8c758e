"""map_fn, scan and the folds: eagerly, in graphs, with structures and derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close, gradients

X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]])


def both(function: Any, *inputs: Any) -> Any:
    """What a function gives eagerly, having checked that a graph gives the same."""
    tensors = [tf.constant(x) for x in inputs]
    eager, graph = function(*tensors), tf.function(function)(*tensors)
    for one, other in zip(tf.nest.flatten(eager), tf.nest.flatten(graph), strict=True):
        assert_close(one, other, 1e-13)
        assert one.dtype is other.dtype
    return eager


def test_what_maps_and_scans_refuse():
    invalid = tf.errors.InvalidArgumentError
    calls: list[tuple[Any, Any, str]] = [
        (lambda: tf.map_fn(abs, 1.0), invalid, "runs over the first axis"),
        (lambda: tf.map_fn(abs, ()), ValueError, "elems holds no tensor"),
        (lambda: tf.map_fn(sum, (np.ones(2), np.ones(1))), invalid, r"sizes, \[1, 2\]"),
        (lambda: tf.map_fn(abs, X, tf.int32), TypeError, "says int32, but fn returned float64"),
        (lambda: tf.map_fn(abs, X, (tf.int32, tf.int32)), ValueError, "names 2 tensors, but fn returned 1"),
        (lambda: tf.foldl(max, np.zeros(0)), invalid, "must be an initializer"),
    ]  # fmt: skip
    for call, kind, words in calls:
        with pytest.raises(kind, match=words):
            call()


def test_map_fn_stacks_what_the_function_gives():
    assert_close(
        both(lambda x: tf.map_fn(lambda row: tf.reduce_sum(row**2), x), X), (X**2).sum(1), 1e-13
    )
    pair = both(
        lambda x, y: tf.map_fn(lambda t: (t[0] + t[1], {"d": t[0] - t[1]}), (x, y)), X, X[::-1]
    )
    assert_close(pair[0], X + X[::-1], 0)
    assert_close(pair[1]["d"], X - X[::-1], 0)
    whole = tf.map_fn(lambda row: tf.cast(row[0], tf.int32), X, fn_output_signature=tf.int32)
    assert whole.dtype is tf.int32 and whole.numpy().tolist() == [1, 3, 5]
    spec = tf.TensorSpec([], tf.float64)
    assert tf.map_fn(lambda row: 1, X, fn_output_signature=spec).numpy().tolist() == [1.0] * 3
    none = both(
        lambda x: tf.map_fn(lambda row: tf.stack([row, row]), x), np.zeros((0, 2), np.float32)
    )
    assert none.shape == (0, 2, 2) and none.dtype is tf.float32


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("start", [None, 10.0])
def test_scan_and_folds_by_a_python_loop(reverse: bool, start: float | None):
    def step(total: Any, row: Any) -> Any:
        return total * 0.5 + row

    rows = list(X[::-1] if reverse else X)
    state = rows.pop(0) if start is None else np.full(2, start)
    states = [state] if start is None else []
    for row in rows:
        states.append(state := step(state, row))
    begin = None if start is None else np.full(2, start)

    found = both(lambda x: tf.scan(step, x, begin, reverse=reverse), X)
    assert_close(found, np.stack(states[::-1] if reverse else states), 1e-14)
    fold = tf.foldr if reverse else tf.foldl
    assert_close(both(lambda x: fold(step, x, begin), X), state, 1e-14)
    empty = both(lambda x: tf.scan(step, x, np.zeros(2)), np.zeros((0, 2)))
    assert empty.shape == (0, 2)


def test_scan_of_structures():
    def step(state: Any, row: Any) -> Any:
        return (state[0] + row["a"], state[1] * row["b"])

    sums, products = both(
        lambda a, b: tf.scan(step, {"a": a, "b": b}, (0.0, 1.0)),
        np.float32([1, 2, 3]),
        np.float32([2, 3, 4]),
    )
    assert sums.numpy().tolist() == [1, 3, 6]
    assert products.numpy().tolist() == [2, 6, 24]


def test_derivatives_flow_through_maps_and_scans():
    def total(x: Any) -> Any:
        states = tf.scan(lambda y, row: tf.sin(y) * row + row, x)
        return tf.reduce_sum(states**2) + tf.reduce_sum(tf.map_fn(lambda row: row**3, x))

    _, (slope,) = gradients(total, X)
    h = 1e-6
    for at in np.ndindex(X.shape):
        step = np.zeros_like(X)
        step[at] = h
        quotient = (total(tf.constant(X + step)) - total(tf.constant(X - step))).numpy() / (2 * h)
        assert abs(slope.numpy()[at] - quotient) <= 1e-6 * max(1, abs(quotient))

    @tf.function
    def traced(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = total(x)
        return tape.gradient(value, x)

    assert_close(traced(X), slope, 1e-12)


UNKNOWN = [tf.TensorSpec([None, 2], tf.float64)]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: tf.map_fn(lambda row: (row * row[0], {"n": tf.cast(row[1], tf.int32)}), x),
        lambda x: tf.scan(lambda y, row: tf.sin(y) * row + row, x, np.ones(2)),
        lambda x: tf.scan(lambda y, row: y * row, x, np.ones(2), reverse=True),
        lambda x: tf.foldl(lambda y, row: y / row + 1.0, x, np.ones(2)),
        lambda x: tf.foldr(lambda y, row: y / row + 1.0, x, np.ones(2)),
    ],
    ids=["map_fn", "scan", "scan reversed", "foldl", "foldr"],
)
def test_a_graph_that_learns_the_number_of_elements_when_it_runs(function: Any):
    graph = tf.function(function, input_signature=UNKNOWN)
    for x in (X, X[:1], X[:0], np.concatenate([X, X])):
        for one, other in zip(
            tf.nest.flatten(graph(x)), tf.nest.flatten(function(tf.constant(x))), strict=True
        ):
            assert_close(one, other, 1e-13)

    def slope(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            made = [part for part in tf.nest.flatten(function(x)) if part.dtype is tf.float64]
            value = tf.reduce_sum(made[0] ** 2)
        return tape.gradient(value, x)

    assert_close(tf.function(slope, input_signature=UNKNOWN)(X), slope(tf.constant(X)), 1e-12)
    assert graph.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("reverse", [False, True])
def test_states_that_begin_with_an_element_of_unknown_number(reverse: bool):
    def function(x: Any) -> Any:
        fold = tf.foldr if reverse else tf.foldl
        return tf.scan(lambda y, row: y * 0.5 + row, x, reverse=reverse), fold(tf.subtract, x)

    graph = tf.function(function, input_signature=UNKNOWN)
    for x in (X, X[:1]):
        for one, other in zip(graph(x), function(tf.constant(x)), strict=True):
            assert_close(one, other, 1e-14)
