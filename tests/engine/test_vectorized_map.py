"""tf.vectorized_map: structures, state, what a function may and may not do with many examples at once."""

from __future__ import annotations

import gc
import warnings
import weakref
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.batching import control
from engine.dispatch import Primitive, apply
from engine.errors import InvalidArgumentError, OperatorNotAllowedInGraphError
from engine.spec import TensorSpec
from tests.engine.oracle import assert_close, gradients, numbers, traced

rng = np.random.default_rng(7)
ROWS = tf.constant(rng.normal(size=(4, 3)))


def test_structures_go_in_and_come_out():
    def f(example: Any) -> Any:
        return {"sum": example["a"] + example["b"][0], "twice": (example["a"] * 2.0, 7.0)}

    elems = {"a": tf.constant([1.0, 2.0]), "b": [tf.constant([[10.0], [20.0]])]}
    out = tf.vectorized_map(f, elems)
    assert numbers(out) == {"sum": [[11.0], [22.0]], "twice": ([2.0, 4.0], [7.0, 7.0])}


def test_none_stays_none():
    assert tf.vectorized_map(lambda x: None, ROWS) is None
    assert tf.vectorized_map(lambda x: (None, x[0]), ROWS)[0] is None


def test_the_function_runs_once_and_sees_one_example():
    seen = []

    def f(x: Any) -> Any:
        seen.append(x.shape)
        return x

    assert_close(tf.vectorized_map(f, ROWS), ROWS)
    assert seen == [(3,)]


def test_a_first_axis_of_size_1_serves_all_examples():
    out = tf.vectorized_map(
        lambda pair: pair[0] * pair[1], (ROWS, tf.constant([[1.0, 2.0, 3.0]], tf.float64))
    )
    assert_close(out, ROWS.numpy() * [1.0, 2.0, 3.0], 1e-15)
    one = tf.vectorized_map(lambda x: x + 1.0, ROWS[:1])
    assert one.shape == (1, 3)


def test_nested_maps_are_nested_loops():
    x, y = rng.normal(size=(2, 3)), rng.normal(size=(4, 3))

    def outer(a: Any) -> Any:
        return tf.vectorized_map(lambda b: tf.reduce_sum(a * b), tf.constant(y))

    assert_close(tf.vectorized_map(outer, tf.constant(x)), x @ y.T, 1e-14)


def test_gradients_of_each_example_and_through_all():
    w = tf.Variable(rng.normal(size=(3, 2)))

    def loss(x: Any) -> Any:
        return tf.reduce_sum(tf.tanh(tf.linalg.matvec(w, x, transpose_a=True)))

    def of_one(x: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(x)
        return tape.gradient(value, w)

    with tf.GradientTape() as around:
        total = tf.reduce_sum(tf.vectorized_map(loss, ROWS))
    each = tf.vectorized_map(of_one, ROWS)
    slopes = 1 - np.tanh(ROWS.numpy() @ w.numpy()) ** 2
    assert_close(each, ROWS.numpy()[:, :, None] * slopes[:, None, :], 1e-14)
    assert_close(around.gradient(total, w), each.numpy().sum(0), 1e-13)


def test_a_tape_outside_and_a_tape_inside_that_see_the_same_variable():
    """d/dw of the sum over examples of (d/dw of w^3 x), by hand: 6 w x."""
    w, x = tf.Variable(2.0, dtype=tf.float64), tf.constant([1.0, 10.0], tf.float64)

    def slope(one: Any) -> Any:
        with tf.GradientTape() as inner:
            y = w**3 * one
        return inner.gradient(y, w)

    with tf.GradientTape() as outer:
        slopes = tf.vectorized_map(slope, x)
    assert numbers(slopes) == [12.0, 120.0]
    assert numbers(outer.gradient(slopes, w)) == 6 * 2.0 * 11.0


def test_a_tape_outside_and_a_tape_inside_that_see_the_same_tensor():
    w, x = tf.constant(2.0, tf.float64), tf.constant([1.0, 10.0], tf.float64)

    def slope(one: Any) -> Any:
        with tf.GradientTape() as inner:
            inner.watch(w)
            y = tf.exp(w) * w * one  # exp(w) differs not among the examples, and both tapes need it
        return inner.gradient(y, w)

    with tf.GradientTape() as outer:
        outer.watch(w)
        slopes = tf.vectorized_map(slope, x)
    e = np.exp(2.0)
    assert_close(slopes, 3 * e * np.array([1.0, 10.0]), 1e-14)
    assert_close(outer.gradient(slopes, w), 4 * e * 11.0, 1e-14)


def test_inside_and_around_a_traced_function():
    square, _ = traced(lambda x: x * x + 1.0)
    assert_close(tf.vectorized_map(square, ROWS), ROWS.numpy() ** 2 + 1, 1e-15)
    around, seen = traced(lambda t: tf.vectorized_map(lambda x: tf.reduce_max(x) - x, t))
    expected = ROWS.numpy().max(1, keepdims=True) - ROWS.numpy()
    assert_close(around(ROWS), expected, 1e-15)
    unknown = tf.function(
        around.python_function, input_signature=[TensorSpec([None, 3], tf.float64)]
    )
    assert_close(unknown(ROWS), expected, 1e-15)
    assert_close(unknown(ROWS[:2]), expected[:2], 1e-15)
    assert len(seen) == 2


def test_each_example_takes_its_own_branch_and_as_many_turns_as_it_needs():
    x = tf.constant([1.0, -2.0, 30.0])

    def branch(a: Any) -> Any:
        return tf.cond(a > 0.0, lambda: a * 2.0, lambda: a - 1.0)

    def turns(a: Any) -> Any:
        (end,) = tf.while_loop(lambda s: s < 10.0, lambda s: (s + tf.abs(a),), (a,))
        return end

    def in_rows(a: Any) -> Any:
        return tf.map_fn(lambda b: b * a, tf.constant([1.0, 2.0]))

    expected = ([2.0, -3.0, 60.0], [10.0, 10.0, 30.0], [[1.0, 2.0], [-2.0, -4.0], [30.0, 60.0]])
    for f, values in zip((branch, turns, in_rows), expected, strict=True):
        assert numbers(tf.vectorized_map(f, x, warn=False)) == values
        graph = tf.function(lambda t, f=f: tf.vectorized_map(f, t, warn=False))
        assert numbers(graph(x)) == values
    slopes = tf.vectorized_map(lambda a: gradients(branch, a)[1][0], x, warn=False)
    assert numbers(slopes) == [2.0, 1.0, 2.0]


def test_branches_and_loops_that_all_examples_share_run_once():
    """No operation of the graph is there twice, and nothing is looped over."""

    def f(a: Any) -> Any:
        (_, end) = tf.while_loop(
            lambda i, s: i < 3,
            lambda i, s: (i + 1, s * tf.tanh(a)),
            (tf.constant(0), tf.ones([3], tf.float64)),
        )
        return tf.cond(tf.reduce_sum(ROWS) > 100.0, lambda: end, lambda: end + a)

    expected = np.tanh(ROWS.numpy()) ** 3 + ROWS.numpy()
    for signature in (None, [TensorSpec([None, 3], tf.float64)]):
        graph = tf.function(
            lambda t: tf.vectorized_map(f, t, fallback_to_while_loop=False),
            input_signature=signature,
        )
        assert_close(graph(ROWS), expected, 1e-14)
    count = {n: len(graph_of(f, n).operations) for n in (2, 9)}
    assert count[2] == count[9]


def test_gradients_of_each_example_through_a_loop():
    """Of x^4 sum(x), whose loop carries something that differs only from the second turn on."""

    def f(a: Any) -> Any:
        _, end = tf.while_loop(
            lambda i, s: i < 4,
            lambda i, s: (i + 1, s * a),
            (tf.constant(0), tf.ones([3], tf.float64)),
        )
        return tf.reduce_sum(end) * tf.reduce_sum(a)

    def slope(a: Any) -> Any:
        return gradients(f, a)[1][0]

    x = ROWS.numpy()
    expected = 4 * x**3 * x.sum(1, keepdims=True) + (x**4).sum(1, keepdims=True)
    for signature in (None, [TensorSpec([None, 3], tf.float64)]):
        graph = tf.function(
            lambda t: tf.vectorized_map(slope, t, fallback_to_while_loop=False),
            input_signature=signature,
        )
        assert_close(graph(ROWS), expected, 1e-13)
        assert_close(graph(ROWS[:2]), expected[:2], 1e-13)


def test_programs_for_whole_batches_are_kept_but_not_without_end():
    turns = tf.function(
        lambda a: tf.while_loop(lambda i, s: i < 2, lambda i, s: (i + 1, s * a), (0, a))[1]
    )
    for n in range(1, control.KEPT + 4):
        out = tf.vectorized_map(turns, tf.fill([n], 2.0))
        assert numbers(out) == [8.0] * n
    (node,) = [
        node
        for node in turns.get_concrete_function(TensorSpec([])).graph.operations
        if node.op == "while"
    ]
    assert 0 < len(node.attrs["body"].__dict__["_many"]) <= control.KEPT


def graph_of(f: Any, examples: int) -> Any:
    traced_map = tf.function(lambda t: tf.vectorized_map(f, t))
    return traced_map.get_concrete_function(TensorSpec([examples, 3], tf.float64)).graph


def test_custom_gradients_are_those_of_each_example():
    @tf.custom_gradient
    def scaled(x: Any, w: Any) -> Any:
        factor = tf.reduce_sum(x)

        def grad(dy: Any) -> Any:
            return dy * factor, tf.reduce_sum(dy * x)

        return x * w, grad

    w = tf.constant(2.0, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch([ROWS, w])
        value = tf.vectorized_map(lambda x: scaled(x, w), ROWS)
    dx, dw = tape.gradient(value, [ROWS, w])
    rows = ROWS.numpy()
    assert_close(value, rows * 2.0, 1e-15)
    assert_close(dx, np.repeat(rows.sum(1, keepdims=True), 3, 1), 1e-14)
    assert_close(dw, rows.sum(), 1e-13)


def test_a_custom_gradient_inside_a_tape_inside():
    @tf.custom_gradient
    def odd(x: Any) -> Any:
        return x * x, lambda dy: dy * 100.0 * x

    def slope(x: Any) -> Any:
        return gradients(lambda t: tf.reduce_sum(odd(t)), x)[1][0]

    assert_close(tf.vectorized_map(slope, ROWS), 100.0 * ROWS.numpy(), 1e-14)


def test_random_draws_are_those_of_a_loop():
    for draw in (
        lambda x: x + tf.random.normal([2]),
        lambda x: tf.nn.dropout(x + tf.ones([50]), 0.5),
    ):
        tf.random.set_seed(3)
        many = tf.vectorized_map(draw, tf.zeros([4, 1]))
        tf.random.set_seed(3)
        loop = tf.stack([draw(row) for row in tf.zeros([4, 1])])
        assert_close(many, loop, 0)
        assert len(np.unique(many.numpy().sum(1))) > 1
    g = tf.random.Generator.from_seed(5)
    many = tf.vectorized_map(lambda x: x + g.uniform([2]), tf.zeros([3, 1]))
    again = tf.random.Generator.from_seed(5)
    assert_close(many, tf.stack([again.uniform([2]) for _ in range(3)]), 0)
    assert g.state.numpy()[1] == 3


def test_random_draws_in_nested_maps_all_differ():
    tf.random.set_seed(1)

    def outer(x: Any) -> Any:
        return tf.vectorized_map(lambda y: x + y + tf.random.uniform([]), tf.zeros([3]))

    many = tf.vectorized_map(outer, tf.zeros([2])).numpy()
    assert len(np.unique(many)) == 6


# --- what is said, and what is refused ------------------------------------------------------------


def test_an_operation_without_a_rule_runs_example_by_example_and_is_named():
    odd = Primitive("odd", lambda xp, x: xp.sort(x), lambda x: x)

    def f(x: Any) -> Any:
        return apply(odd, x) * 2.0

    with pytest.warns(UserWarning, match="odd example by example"):
        out = tf.vectorized_map(f, ROWS)
    assert_close(out, np.sort(ROWS.numpy(), 1) * 2.0, 1e-15)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tf.vectorized_map(f, ROWS, warn=False)
    with pytest.raises(ValueError, match="odd has no rule"):
        tf.vectorized_map(f, ROWS, fallback_to_while_loop=False)


def test_results_of_different_shapes_are_refused():
    with pytest.raises(InvalidArgumentError, match=r"where_true.*\(0, 1\) and \(1, 1\).*stacked"):
        tf.vectorized_map(lambda x: tf.where(x > 0), tf.constant([[0.0], [1.0]]), warn=False)


@pytest.mark.parametrize(
    "elems", [[tf.zeros([2]), tf.zeros([3])], tf.constant(1.0), [], [tf.zeros([0]), tf.zeros([2])]]
)
def test_first_axes_must_agree(elems: Any):
    with pytest.raises(ValueError, match=r"vectorized_map: .*(first axis|shapes)"):
        tf.vectorized_map(lambda x: x, elems)


def test_a_tensor_of_many_examples_has_no_one_value():
    for use in (float, int, bool, lambda x: x.numpy(), lambda x: list(range(x))):
        with pytest.raises((AttributeError, OperatorNotAllowedInGraphError), match="many examples"):
            tf.vectorized_map(use, tf.constant([1, 2]))


def test_a_variable_takes_no_value_that_differs_among_examples():
    v, count = tf.Variable(0.0), tf.Variable(0)

    def f(x: Any) -> Any:
        count.assign_add(1)
        v.assign(x)
        return x

    with pytest.raises(InvalidArgumentError, match="assigned a tensor that differs"):
        tf.vectorized_map(f, tf.constant([1.0, 2.0]))
    assert count.numpy() == 1
    assert v.numpy() == 0.0


def test_a_tensor_that_leaks_says_where_it_lived():
    kept: list[Any] = []
    tf.vectorized_map(lambda x: kept.append(x) or x, ROWS)
    with pytest.raises(AttributeError, match="Once it is over"):
        kept[0] + 1.0


def test_nothing_stays_alive_without_the_collector():
    gc.disable()
    try:
        x = tf.constant([1.0, 2.0])
        seen = []

        def f(row: Any) -> Any:
            y = tf.exp(row) * 2.0
            seen.append(weakref.ref(y))
            return y + 1.0

        tf.vectorized_map(f, x)
        assert [r() for r in seen] == [None]
    finally:
        gc.enable()


def test_a_variable_takes_what_is_the_same_for_all_examples():
    v, w = tf.Variable(0.0), tf.Variable(3.0)

    def f(x: Any) -> Any:
        with tf.GradientTape() as inner:
            v.assign(w * 2.0)
            y = v * w * x
        return inner.gradient(y, w)

    with tf.GradientTape() as outer:
        outer.watch(w)
        slopes = tf.vectorized_map(f, tf.constant([1.0, 10.0]))
    assert numbers(slopes) == [6.0, 60.0]
    assert v.numpy() == 6.0


def test_variables_made_inside_keep_the_rule_of_the_function_around():
    made: list[Any] = []

    @tf.function
    def f(x: Any) -> Any:
        def one(row: Any) -> Any:
            if len(made) != 1:
                made.append(tf.Variable(2.0))
            return row * made[0]

        return tf.vectorized_map(one, x)

    assert numbers(f(tf.constant([1.0, 2.0]))) == [2.0, 4.0]
    made.clear()
    with pytest.raises(ValueError, match=r"made a variable .* not its first"):
        f(tf.constant([1.0, 2.0, 3.0]))
