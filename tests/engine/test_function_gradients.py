"""tf.function with tapes, inside other functions, and tensors that leave their trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close

# --- gradients ------------------------------------------------------------------------------------


def cube(x: Any) -> Any:
    return x * x * x


def test_a_gradient_through_a_traced_function():
    f = tf.function(cube)
    x, v = tf.constant(2.0), tf.Variable(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x) + f(v)
    assert [g.numpy() for g in tape.gradient(y, [x, v])] == [12.0, 27.0]
    assert f.experimental_get_tracing_count() == 2  # one for the tensor, one for the variable


def test_a_gradient_inside_a_traced_function():
    @tf.function
    def slope(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = cube(x)
        return tape.gradient(y, x)

    assert [slope(tf.constant(v)).numpy() for v in (2.0, 3.0)] == [12.0, 27.0]
    with tf.GradientTape() as tape:
        x = tf.constant(2.0)
        tape.watch(x)
        y = slope(x)
    assert tape.gradient(y, x).numpy() == 12.0  # 6 x


def test_second_derivatives_inside_and_across_a_trace():
    @tf.function
    def curvature(x: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = cube(x)
            first = inner.gradient(y, x)
        return outer.gradient(first, x)

    assert curvature(tf.constant(2.0)).numpy() == 12.0


def test_a_train_step_as_a_graph_does_what_it_does_eagerly():
    x = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]])
    t = np.array([[1.0], [0.0], [2.0]])

    def step(w: Any, b: Any) -> Any:
        with tf.GradientTape() as tape:
            error = tf.reduce_mean((tf.tanh(x @ w + b) - t) ** 2)
        for v, g in zip((w, b), tape.gradient(error, (w, b)), strict=True):
            v.assign_sub(0.1 * g)
        return error

    def train(run: Any) -> list[Any]:
        w, b = tf.Variable(np.ones((2, 1)) * 0.3), tf.Variable(np.zeros(1))
        losses = [run(w, b).numpy() for _ in range(20)]
        return [losses, w.numpy(), b.numpy()]

    for eager, graph in zip(train(step), train(tf.function(step)), strict=True):
        assert_close(graph, eager, 1e-13)


def test_a_gradient_with_sizes_known_only_when_the_graph_runs():
    @tf.function(input_signature=[tf.TensorSpec([None, None]), tf.TensorSpec([None])])
    def f(x: Any, b: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, b])
            y = tf.reduce_mean((x + b) ** 2, axis=0)
        return tape.gradient(y, [x, b])

    x, b = np.arange(6.0).reshape(3, 2), np.array([1.0, 2.0])
    dx, db = f(x, b)
    assert_close(dx, 2 * (x + b) / 3)
    assert_close(db, (2 * (x + b) / 3).sum(0))


def test_a_tape_outside_a_trace_sees_nothing_of_the_trace():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        f = tf.function(lambda: x * x)  # a captured constant
        f.get_concrete_function()
        y = x * 3.0
    assert tape.gradient(y, x).numpy() == 3.0


# --- nesting --------------------------------------------------------------------------------------


def test_functions_call_functions():
    inner = tf.function(lambda x: x * x)

    @tf.function
    def outer(x: Any) -> Any:
        return inner(x) + inner(x + 1.0)

    assert outer(tf.constant(2.0)).numpy() == 13.0
    assert inner.experimental_get_tracing_count() == 1
    with tf.GradientTape() as tape:
        x = tf.constant(2.0)
        tape.watch(x)
        y = outer(x)
    assert tape.gradient(y, x).numpy() == 4.0 + 6.0


def test_an_inner_function_sees_the_variables_of_the_outer_program():
    v = tf.Variable(1.0)

    @tf.function
    def double() -> None:
        v.assign(v * 2.0)

    @tf.function
    def outer() -> Any:
        v.assign_add(1.0)
        double()
        double()
        return v + 0.0

    assert outer().numpy() == 8.0 and v.numpy() == 8.0
    double()
    assert v.numpy() == 16.0


def test_an_inner_function_may_use_a_symbolic_tensor_of_the_outer():
    @tf.function
    def outer(x: Any) -> Any:
        scaled = x * 10.0

        @tf.function
        def inner(y: Any) -> Any:
            return scaled + y

        with tf.GradientTape() as tape:
            tape.watch(scaled)
            z = inner(x) * inner(x)
        return z, tape.gradient(z, scaled)

    assert [t.numpy() for t in outer(tf.constant(2.0))] == [484.0, 44.0]
    assert [t.numpy() for t in outer(tf.constant(3.0))] == [1089.0, 66.0]


@pytest.mark.filterwarnings("ignore::engine.retracing.RetracingWarning")
def test_a_function_may_call_itself_with_other_python_arguments():
    @tf.function
    def factorial(x: Any, n: int) -> Any:
        return x if n == 0 else float(n) * factorial(x, n - 1)

    assert factorial(tf.constant(1.0), 5).numpy() == 120.0
    assert factorial.experimental_get_tracing_count() == 6


def test_a_failing_trace_inside_a_trace_restores_the_outer_one():
    inner = tf.function(lambda x: x.missing)

    @tf.function
    def outer(x: Any) -> Any:
        try:
            inner(x)
        except AttributeError:
            return x * 2.0

    assert outer(tf.constant(2.0)).numpy() == 4.0


def test_two_levels_of_capture():
    @tf.function
    def outer(x: Any) -> Any:
        def middle(y: Any) -> Any:
            return tf.function(lambda z: x + y + z)(y * 2.0)

        return tf.function(middle)(x + 1.0)

    assert outer(tf.constant(1.0)).numpy() == 1.0 + 2.0 + 4.0


# --- symbolic tensors that leave their trace ------------------------------------------------------


def test_a_symbolic_tensor_that_leaks_says_where_it_came_from():
    leaked: list[Any] = []

    @tf.function
    def leaky(x: Any) -> Any:
        leaked.append(x + 1.0)
        return x

    leaky(tf.constant(1.0))
    assert repr(leaked[0]) == "<tf.Tensor 'add:0' shape=() dtype=float32>"
    with pytest.raises(AttributeError, match=r"'leaky'.*return it from the function"):
        leaked[0] + 1.0

    @tf.function
    def other(x: Any) -> Any:
        return x + leaked[0]

    with pytest.raises(
        tf.errors.InaccessibleTensorError, match=r"'leaky'.*used in 'other'.*return it"
    ):
        other(tf.constant(1.0))
    assert other.experimental_get_tracing_count() == 0


def test_a_function_that_captured_a_tensor_of_a_finished_trace_does_not_run():
    kept: list[Any] = []

    @tf.function
    def outer(x: Any) -> Any:
        inner = tf.function(lambda y: y + x)
        kept.append(inner)
        return inner(x)

    assert outer(tf.constant(2.0)).numpy() == 4.0
    with pytest.raises(AttributeError, match="symbolic"):
        kept[0](tf.constant(1.0))


def test_an_error_when_the_graph_runs_names_shapes_and_the_line():
    @tf.function(input_signature=[tf.TensorSpec([None]), tf.TensorSpec([None])])
    def add(x: Any, y: Any) -> Any:
        return x + y

    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\(2,\) and \(3,\)") as caught:
        add(tf.ones([2]), tf.ones([3]))
    assert any(Path(__file__).name in note for note in caught.value.__notes__)
