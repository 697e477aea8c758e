"""Programs of 100,000 operations: built, differentiated twice, printed and freed, without deep recursion.

Python's recursion limit is what it is by default. The derivatives are held to the recurrences that the
chain rule gives, computed in plain Python floats.
"""

from __future__ import annotations

import gc
import inspect
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import engine as tf

STEPS = 33_334  # of three operations each
H = 1e-5
# A graph takes longer to build than to run: at the full length in the slow tests, 4 times as long as Python's
# stack is deep in the others.
LENGTHS = pytest.mark.parametrize(
    "steps",
    [1_400, pytest.param(STEPS, marks=[pytest.mark.slow, pytest.mark.timeout(900)])],
)


@pytest.fixture(autouse=True)
def pythons_own_limit() -> Iterator[None]:
    """1000 frames, as everywhere, beyond those that are in use already."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000 + len(inspect.stack(0)))
    yield
    sys.setrecursionlimit(before)


def decay(y: Any, steps: int = STEPS) -> Any:
    """An Euler step at a time of y' = -y^2: three operations each, each on the one before."""
    for _ in range(steps):
        y = y - H * (y * y)
    return y


def by_the_chain_rule(y: float, steps: int = STEPS) -> tuple[float, float, float]:
    """The value of `decay`, and its first and second derivative."""
    first, second = 1.0, 0.0
    for _ in range(steps):
        second = second * (1 - 2 * H * y) - 2 * H * first**2
        first = first * (1 - 2 * H * y)
        y = y - H * (y * y)
    return y, first, second


EXPECTED = by_the_chain_rule(1.5)


def two_derivatives(function: Any, x: tf.Tensor) -> list[float]:
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
        first = inner.gradient(y, x)
    second = outer.gradient(first, x)
    return [float(y), float(first), float(second)]


def test_two_derivatives_of_a_long_chain():
    x = tf.constant(1.5, tf.float64)
    np.testing.assert_allclose(two_derivatives(decay, x), EXPECTED, rtol=1e-9)


def test_a_long_chain_is_freed_with_its_tape_and_at_once():
    x = tf.constant(1.5, tf.float64)
    gc.disable()
    try:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = decay(x)
        for _ in range(2):
            np.testing.assert_allclose(float(tape.gradient(y, x)), EXPECTED[1], rtol=1e-9)
        middle = tape._log.entries[STEPS][4]  # type: ignore[union-attr]
        seen = [weakref.ref(middle), weakref.ref(y), weakref.ref(tape)]
        del middle, tape, y
        assert [ref() for ref in seen] == [None] * 3
    finally:
        gc.enable()


def test_a_forward_derivative_of_a_long_chain():
    x = tf.constant(1.5, tf.float64)
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as accumulator:
        y = decay(x)
    np.testing.assert_allclose(float(accumulator.jvp(y)), EXPECTED[1], rtol=1e-9)


def test_a_loop_of_very_many_steps_in_a_graph():
    @tf.function
    def run(y: Any) -> Any:
        for _ in tf.range(STEPS):
            y = y - H * (y * y)
        return y

    x = tf.constant(1.5, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = run(x)
    found = [float(y), float(tape.gradient(y, x))]
    np.testing.assert_allclose(found, EXPECTED[:2], rtol=1e-9)
    assert len(run.get_concrete_function(x).graph.nodes) < 20


def test_why_none_walks_a_long_chain():
    x = tf.constant(1.5, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = decay(tf.floor(x))
    assert "goes through floor" in tape.why_none(y, x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.floor(decay(x))
    assert "goes through floor" in tape.why_none(y, x)


def test_a_sum_of_very_many_terms():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.add_n([x] * 100_000)
    assert float(tape.gradient(y, x)) == 100_000.0
    many = [tf.Variable(float(i)) for i in range(2_000)]
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(tf.stack(many) * 3.0)
    assert [float(g) for g in tape.gradient(y, many)] == [3.0] * 2_000


def test_one_value_used_very_often_and_a_jacobian_of_a_long_chain():
    x = tf.constant([1.0, 2.0], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = decay(x)
    found = tape.jacobian(y, x).numpy()
    expected = np.diag([by_the_chain_rule(v)[1] for v in (1.0, 2.0)])
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@LENGTHS
def test_a_long_graph_is_built_run_printed_differentiated_and_freed(steps: int):
    expected = by_the_chain_rule(1.5, steps)
    function = tf.function(lambda x: decay(x, steps))
    x = tf.constant(1.5, tf.float64)
    concrete = function.get_concrete_function(x)
    graph = concrete.graph
    assert len(graph.operations) >= 3 * steps
    np.testing.assert_allclose(float(function(x)), expected[0], rtol=1e-12)

    assert str(graph).count("\n") >= 3 * steps
    assert len(graph.to_dict()["nodes"]) == len(graph.nodes)
    assert graph.draw().count("<rect") == len(graph.nodes)
    assert concrete.source.count("\n") >= steps and "lambda" in repr(concrete)
    assert sum(1 for node in graph.nodes if node.op == "subtract") == steps

    np.testing.assert_allclose(two_derivatives(function, x), expected, rtol=1e-9)

    gone = weakref.ref(concrete)
    del function, concrete, graph
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    "steps", [200, pytest.param(4_100, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_a_graph_that_holds_its_own_two_derivatives(steps: int):
    """25 operations a step in all: 100,000 in the slow test."""

    def both(x: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = decay(x, steps)
            first = inner.gradient(y, x)
        return [y, first, outer.gradient(first, x)]

    function, x = tf.function(both), tf.constant(1.5, tf.float64)
    found = [float(value) for value in function(x)]
    np.testing.assert_allclose(found, by_the_chain_rule(1.5, steps), rtol=1e-9)
    assert len(function.get_concrete_function(x).graph.operations) > 24 * steps
