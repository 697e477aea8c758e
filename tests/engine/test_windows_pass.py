"""Derivatives of relu and bias before the un-pooling: fewer numbers, the same result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.graph.graph import Graph
from engine.graph.passes.dead_code import remove_dead_code
from engine.graph.passes.windows import unpool_later
from engine.graph.verifier import verify
from tests.engine.oracle import array_of, assert_close

DRAWS = np.random.default_rng(11)
X = DRAWS.integers(-3, 4, (2, 6, 7, 3)).astype(np.float32) / 2  # with many that tie
BIAS = np.array([0.5, -0.5, 0.0], np.float32)


def gradients(function: Any, **pool: Any) -> Any:
    """The derivatives of pool(function(x + bias)) against fixed cotangents, as a traced program."""
    settings = {"ksize": 2, "strides": 2, "padding": "VALID", **pool}

    def step(x: Any, bias: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, bias])
            y = tf.nn.max_pool2d(function(x + bias), **settings)
            weights = tf.reshape(tf.range(tf.size(y)), y.shape)
            target = tf.reduce_sum(y * (tf.cast(weights, tf.float32) - 10.0))
        return tape.gradient(target, [x, bias])

    return step


def counted(graph: Graph, op: str) -> list[Any]:
    """The shapes of what an operation makes, wherever it stands."""
    return [graph.specs[node.outputs[0]].dims for node in graph.operations if node.op == op]


def moved(step: Any, *arrays: np.ndarray) -> tuple[Graph, Graph]:
    concrete = tf.function(step).get_concrete_function(*map(tf.constant, arrays))
    before = prepared(concrete.graph)
    after = remove_dead_code(unpool_later(before))
    verify(after)
    return before, after


def prepared(graph: Graph) -> Graph:
    from engine.graph.passes import algebra, constants, duplicates

    for _ in range(4):
        for step in (
            algebra.simplify, constants.fold_constants, duplicates.share_duplicates, remove_dead_code,
        ):  # fmt: skip
            graph = step(graph)
    return graph


POOLS = [
    {},
    {"ksize": 3, "strides": 2, "padding": "SAME"},  # windows that overlap
    {"ksize": 3, "strides": 1},
    {"ksize": 2, "strides": 3, "padding": "SAME"},
]


@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_derivatives_are_those_of_eager(pool: dict[str, Any]):
    step = gradients(tf.nn.relu, **pool)
    eager = step(tf.constant(X), tf.constant(BIAS))
    compiled = tf.function(step)(tf.constant(X), tf.constant(BIAS))
    assert array_of(compiled[0]).tobytes() == array_of(eager[0]).tobytes()
    assert_close(compiled[1], eager[1], 1e-5, 1e-4)


@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_relu_and_bias_are_derived_on_the_small_side(pool: dict[str, Any]):
    before, after = moved(gradients(tf.nn.relu, **pool), X, BIAS)
    (pooled,) = counted(after, "max_pool")
    assert counted(before, "select") == counted(before, "greater") == [X.shape]
    assert counted(after, "select") == counted(after, "greater") == [pooled]
    sums = [node for node in after.operations if node.op == "reduce_sum"]
    assert after.specs[sums[-1].inputs[0]].dims == pooled
    (unpool,) = (node for node in after.operations if node.op == "max_pool_backprop")
    assert after.outputs[0] == unpool.outputs[0]


def test_nan_and_infinity():
    x = X.copy()
    x[0, 0, 0], x[0, 3, 2, 1], x[1, 2:4, 2:4] = np.nan, np.inf, -np.inf
    step = gradients(tf.nn.relu)
    eager = step(tf.constant(x), tf.constant(BIAS))
    compiled = tf.function(step)(tf.constant(x), tf.constant(BIAS))
    assert array_of(compiled[0]).tobytes() == array_of(eager[0]).tobytes()


def test_other_derivatives_stay_where_they_are():
    for function in (tf.nn.relu6, lambda a: tf.where(a > 0.5, a, 0.0), tf.abs):
        before, after = moved(gradients(function), X, BIAS)
        assert counted(after, "greater") == counted(before, "greater")
        assert counted(after, "select") == counted(before, "select")


def test_what_is_needed_as_it_is_stays():
    """The un-pooled cotangent is a result of its own here: computing both would be more work."""

    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            a = tf.nn.relu(x)
            y = tf.nn.max_pool2d(a, 2, 2, "VALID")
        return tape.gradient(y, [a, x])

    before, after = moved(step, X)
    assert counted(before, "max_pool_backprop") == counted(after, "max_pool_backprop")
    assert counted(after, "select") == [X.shape]


def test_a_sum_over_fewer_axes_or_with_windows_in_the_padding_stays():
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.nn.max_pool2d(x, 2, 2, "VALID")
        return tf.reduce_sum(tape.gradient(y, x), axis=[0, 1])

    _, after = moved(step, X)
    assert counted(after, "max_pool_backprop") == [X.shape]
    padding = [[0, 0], [2, 0], [0, 0], [0, 0]]
    _, after = moved(gradients(tf.identity, padding=padding), X, BIAS)
    assert [after.specs[n.inputs[0]].dims for n in after.operations if n.op == "reduce_sum"] == [
        X.shape
    ]
