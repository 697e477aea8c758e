"""Python called from graphs: values, gradients of any order, errors; and where code says it runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close, gradients

X = np.array([1.0, 2.0, -3.0])


def test_a_graph_calls_python_at_every_run():
    seen: list[float] = []

    @tf.function
    def graph(x):
        def look(value):
            seen.append(float(value.numpy()))

        assert tf.py_function(look, [x], []) == []
        return tf.py_function(lambda v: v * len(seen), [x], tf.float32)

    results = [graph(tf.constant(v)).numpy() for v in (1.0, 2.0, 5.0)]
    assert seen == [1.0, 2.0, 5.0] and results == [1.0, 4.0, 15.0]
    assert graph.experimental_get_tracing_count() == 1


def test_several_results_structures_and_shapes():
    @tf.function
    def graph(x):
        spec = [tf.TensorSpec([None], tf.float64), tf.int32]
        kept, count = tf.py_function(lambda v: (v[v > 0], len(v)), [x], spec)
        return kept, kept.shape.rank, count

    kept, rank, count = graph(X)
    assert kept.numpy().tolist() == [1.0, 2.0] and rank.numpy() == 1
    assert (count.numpy(), count.dtype) == (3, tf.int32)
    assert tf.py_function(lambda: 3, [], tf.int64).numpy() == 3


def test_gradients_flow_through_what_python_did():
    def cube(x: Any) -> Any:
        return x * x * float(x.numpy()[1]) if x.numpy().size else x  # 2 is a constant to the tape

    def slopes(x: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = tf.py_function(cube, [x], tf.float64)
            first = tape.gradient(y, x)
        return first, outer.gradient(first, x)

    for run in (slopes, tf.function(slopes)):
        first, second = run(tf.constant(X))
        assert_close(first, 4 * X, 1e-14)
        assert_close(second, np.full(3, 4.0), 1e-14)


def test_numpy_functions_have_no_derivative():
    def total(x: Any) -> Any:
        return tf.reduce_sum(tf.numpy_function(np.sort, [x], tf.float64) * [1.0, 10.0, 100.0])

    for run in (total, tf.function(total)):
        value, (slope,) = gradients(run, X)
        assert value.numpy() == -3.0 + 10.0 + 200.0 and slope is None
    parts = tf.numpy_function(lambda a: [a.min(), a.argmin()], [X], [tf.float64, tf.int64])
    assert [part.numpy() for part in parts] == [-3.0, 2]


def test_what_python_returns_is_held_to_what_was_said():
    calls: list[tuple[Any, str]] = [
        (
            lambda: tf.py_function(lambda x: x, [X], tf.float32),
            "Tout says float32 .* returned a float64 tensor",
        ),
        (
            lambda: tf.py_function(lambda x: (x, x), [X], [tf.float64]),
            "names 1 tensors, but .* returned 2",
        ),
        (
            lambda: tf.py_function(lambda x: x, [X], tf.TensorSpec([2], tf.float64)),
            r"float64 \(2,\), but",
        ),
    ]
    for call, words in calls:
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            call()
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            tf.function(call)()


def test_where_code_runs():
    def where(x: Any) -> tuple[bool, bool, bool]:
        return tf.executing_eagerly(), tf.inside_function(), tf.is_symbolic_tensor(x)

    seen: list[Any] = []
    tf.function(lambda x: seen.append(where(x)))(tf.constant(1))
    assert where(tf.constant(1)) == (True, False, False)
    assert seen == [(False, True, True)]
    with tf.init_scope():
        assert tf.executing_eagerly()


def test_what_only_graphs_of_old_needed():
    assert tf.no_op() is None and tf.group(tf.constant(1), name="all") is None
    with pytest.raises(ValueError, match="unknown arguments"):
        tf.group(ins=[1])


def test_a_gradient_passes_straight_through():
    scale = tf.Variable(3.0)
    quantised = tf.grad_pass_through(lambda x: tf.round(x * scale))
    with tf.GradientTape() as tape:
        x = tf.constant([0.4, 1.1])
        tape.watch(x)
        y = quantised(x)
        total = tf.reduce_sum(y * [1.0, 2.0])
    assert y.numpy().tolist() == [1.0, 3.0]
    by_x, by_scale = tape.gradient(total, [x, scale])
    assert by_x.numpy().tolist() == [1.0, 2.0] and by_scale is None


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "tf.function"])
def test_both_are_decorators_too(graph: bool):
    @tf.py_function(Tout=tf.float32)
    def bent(x: Any, limit: Any) -> Any:
        """Bends."""
        return x if x.numpy() < limit.numpy() else 2 * limit - x

    @tf.numpy_function(Tout=[tf.int32, tf.int32])
    def parts(x: Any) -> Any:
        return np.divmod(x, np.int32(3))

    assert bent.__doc__ == "Bends."
    f, g = (tf.function(bent), tf.function(parts)) if graph else (bent, parts)
    assert [f(tf.constant(x), tf.constant(2.0)).numpy() for x in (1.0, 3.5)] == [1.0, 0.5]
    assert [t.numpy() for t in g(tf.constant(7))] == [2, 1]


@pytest.mark.parametrize("what", [tf.py_function, tf.numpy_function])
def test_a_call_without_what_it_needs_says_so(what: Any):
    with pytest.raises(TypeError, match="give func and inp, or, as a decorator, Tout alone"):
        what(inp=[1.0])
    with pytest.raises(TypeError, match="inp, the list of tensors"):
        what(lambda x: x, Tout=tf.float32)
