"""cond, case, switch_case and while_loop: eager, in graphs, with gradients of any order, and their errors."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close, numeric_gradient

both = pytest.mark.parametrize("run", [lambda f: f, tf.function], ids=["eager", "graph"])


def power(x: Any, n: Any) -> Any:
    """x to the n, by n products."""
    return tf.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, y * x), [0, tf.ones_like(x)])[1]


@both
def test_cond_takes_one_branch(run: Any):
    f = run(lambda x: tf.cond(x > 0.0, lambda: x * 2.0, lambda: -x))
    assert [f(tf.constant(v)).numpy() for v in (3.0, -4.0, 0.0)] == [6.0, 4.0, 0.0]


@both
def test_the_branches_may_return_structures_and_none(run: Any):
    f = run(
        lambda x: tf.cond(
            x > 0.0, lambda: {"a": x, "b": (x + 1.0, None)}, lambda: {"a": -x, "b": (x, None)}
        )
    )
    made = f(tf.constant(-2.0))
    assert (made["a"].numpy(), made["b"][0].numpy(), made["b"][1]) == (2.0, -2.0, None)


def test_only_the_branch_that_is_taken_runs():
    v, out = tf.Variable(0), io.StringIO()

    @tf.function
    def f(x: Any) -> Any:
        def add() -> Any:
            v.assign_add(1)
            tf.print("added", output_stream=out)
            return x

        return tf.cond(x > 0.0, add, lambda: x)

    for value in (1.0, -1.0, 2.0):
        f(tf.constant(value))
    assert v.numpy() == 2 and out.getvalue() == "added\nadded\n"


def test_a_branch_that_only_prints_is_kept():
    out = io.StringIO()

    @tf.function
    def f(x: Any) -> Any:
        tf.cond(x > 0.0, lambda: tf.print("yes", output_stream=out), lambda: None)
        return x

    f(tf.constant(1.0))
    f(tf.constant(-1.0))
    assert out.getvalue() == "yes\n"


def test_shapes_that_differ_between_branches_are_unknown_until_the_call():
    f = tf.function(lambda x: tf.cond(x > 0.0, lambda: tf.zeros([2]), lambda: tf.zeros([3])))
    assert f.get_concrete_function(tf.constant(1.0)).outputs[0].shape.as_list() == [None]
    assert f(tf.constant(1.0)).shape == [2] and f(tf.constant(-1.0)).shape == [3]


@both
@pytest.mark.parametrize("n", [0, 1, 5])
def test_while_loop_repeats_until_the_test_fails(run: Any, n: int):
    assert run(power)(tf.constant([2.0, -3.0]), tf.constant(n)).numpy().tolist() == [
        2.0**n,
        (-3.0) ** n,
    ]


@both
def test_loop_variables_keep_their_structure(run: Any):
    def f(n: Any) -> Any:
        return tf.while_loop(
            lambda i, pair: i < n,
            lambda i, pair: (i + 1, {"a": pair["b"], "b": pair["a"] + pair["b"]}),
            (tf.constant(0), {"a": tf.constant(0), "b": tf.constant(1)}),
        )

    made = run(f)(tf.constant(10))
    assert isinstance(made, tuple) and made[1]["a"].numpy() == 55


@both
def test_a_single_loop_variable_may_come_back_alone(run: Any):
    f = run(lambda n: tf.while_loop(lambda i: i < n, lambda i: i + 2, [0]))
    (last,) = f(tf.constant(5))
    assert last.numpy() == 6


@both
def test_maximum_iterations_ends_a_loop(run: Any):
    f = run(
        lambda x: tf.while_loop(lambda y: y > 0.0, lambda y: (y * 2.0,), (x,), maximum_iterations=4)
    )
    assert f(tf.constant(1.0))[0].numpy() == 16.0


def test_a_size_that_changes_has_to_be_announced():
    def grow(x: Any, **more: Any) -> Any:
        return tf.while_loop(
            lambda v: tf.size(v) < 5, lambda v: (tf.concat([v, v[:1]], 0),), (x,), **more
        )

    f = tf.function(lambda x: grow(x, shape_invariants=(tf.TensorShape([None]),)))
    assert f(tf.constant([7, 8]))[0].numpy().tolist() == [7, 8, 7, 7, 7]
    with pytest.raises(
        ValueError, match=r"\(2,\) when the loop begins and \(3,\) .*shape_invariants"
    ):
        tf.function(grow)(tf.constant([7, 8]))
    with pytest.raises(ValueError, match="does not fit the shape invariant"):
        tf.function(lambda x: grow(x, shape_invariants=([3],)))(tf.constant([7, 8]))


def test_variables_assigned_in_a_loop_are_carried():
    v, w = tf.Variable(1.0), tf.Variable(0.0)

    @tf.function
    def f(n: Any) -> Any:
        def body(i: Any) -> Any:
            v.assign(v * 2.0)
            w.assign(v + w)
            return (i + 1,)

        before = v + 0.0
        tf.while_loop(lambda i: (i < n) & (v < 100.0), body, (tf.constant(0),))
        return before, v + 0.0

    assert [t.numpy() for t in f(tf.constant(5))] == [1.0, 32.0]
    assert (v.numpy(), w.numpy()) == (32.0, 62.0)
    assert [t.numpy() for t in f(tf.constant(50))] == [32.0, 128.0]


def test_draws_in_a_loop_are_fresh_at_each_step():
    tf.random.set_seed(3)

    @tf.function
    def f() -> Any:
        return tf.while_loop(
            lambda i, v: i < 4,
            lambda i, v: (i + 1, tf.concat([v, tf.random.normal([1])], 0)),
            (0, tf.zeros([0])),
            shape_invariants=([], [None]),
        )[1]

    first, second = f().numpy(), f().numpy()
    assert len({*first, *second}) == 8


def gradients(function: Any, x: Any, order: int) -> list[Any]:
    """The value and the derivatives up to an order, by nested tapes."""
    if order == 0:
        return [function(x)]
    with tf.GradientTape() as tape:
        tape.watch(x)
        lower = gradients(function, x, order - 1)
    return [*lower, tape.gradient(lower[-1], x)]


@both
def test_gradients_of_a_loop_of_any_order(run: Any):
    x = tf.constant(2.0, tf.float64)
    found = gradients(run(lambda x: power(x, tf.constant(5))), x, 3)
    assert [v.numpy() for v in found] == [32.0, 80.0, 160.0, 240.0]
    inside = tf.function(lambda x: gradients(lambda x: power(x, tf.constant(5)), x, 3))
    assert [v.numpy() for v in inside(x)] == [32.0, 80.0, 160.0, 240.0]


@both
def test_gradients_of_a_branch_of_any_order(run: Any):
    f = run(lambda x: tf.cond(x > 0.0, lambda: x * x * x, lambda: tf.sin(x)))
    for x, expected in ((2.0, [8.0, 12.0, 12.0]), (-1.0, [np.sin(-1), np.cos(-1), -np.sin(-1)])):
        found = gradients(f, tf.constant(x, tf.float64), 2)
        assert_close(np.array([v.numpy() for v in found]), np.array(expected), rtol=1e-14)


def test_gradients_reach_all_that_a_loop_uses():
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(3, 3)) * 0.4, rng.normal(size=3)
    v = tf.Variable(rng.normal(size=(3,)))

    def f(x: Any, w: Any, b: Any) -> Any:
        def body(i: Any, h: Any) -> Any:
            return i + 1, tf.tanh(tf.linalg.matvec(w, h) + b * tf.cast(i, tf.float64) + v)

        return tf.reduce_sum(tf.while_loop(lambda i, h: i < 4, body, (0, x))[1] ** 2)

    x = rng.normal(size=3)
    given = [tf.constant(a) for a in (x, w, b)]
    traced = tf.function(f)
    with tf.GradientTape() as tape:
        tape.watch(given)
        y = traced(*given)
    found = tape.gradient(y, [*given, v])

    arrays = (x, w, b)
    for k, tensor in enumerate(found[:3]):
        numeric = numeric_gradient(lambda *a: f(*map(tf.constant, a)).numpy(), arrays, k)
        assert_close(tensor, numeric, rtol=1e-6, atol=1e-8)
    kept = v.numpy()

    def by_variable(a: Any) -> Any:
        v.assign(a)
        return f(*given).numpy()

    assert_close(found[3], numeric_gradient(by_variable, [kept], 0), rtol=1e-6, atol=1e-8)


def test_a_loop_in_a_branch_in_a_loop():
    def f(x: Any) -> Any:
        def body(i: Any, y: Any) -> Any:
            return i + 1, tf.cond(y < 10.0, lambda: power(y, i), lambda: y - x)

        return tf.while_loop(lambda i, y: i < 5, body, (1, x))[1]

    for value in (1.7, 2.2, 30.0):
        x = tf.constant(value, tf.float64)
        assert_close(tf.function(f)(x), f(x), rtol=1e-14)
        found, expected = gradients(tf.function(f), x, 2), gradients(f, x, 2)
        for ours, theirs in zip(found, expected, strict=True):
            assert_close(ours, theirs, rtol=1e-12)


def test_a_loop_without_gradient_has_none():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * x), (0, x), back_prop=False)[
            1
        ]
    assert y.numpy() == 16.0 and tape.gradient(y, x) is None


@both
def test_case_and_switch_case(run: Any):
    f = run(
        lambda x: tf.case([(x < 1, lambda: x * 10), (x < 3, lambda: x * 100)], default=lambda: x)
    )
    assert [f(tf.constant(v)).numpy() for v in (0, 2, 5)] == [0, 200, 5]
    g = run(lambda i: tf.switch_case(i, [lambda: 10, lambda: 20, lambda: 30]))
    assert [np.asarray(g(tf.constant(i))).item() for i in (0, 1, 2, 7, -1)] == [10, 20, 30, 30, 30]
    h = run(lambda i: tf.switch_case(i, {5: lambda: 1.0, 3: lambda: 2.0}, default=lambda: 3.0))
    assert [np.asarray(h(tf.constant(i))).item() for i in (5, 3, 4)] == [1.0, 2.0, 3.0]


@both
def test_case_checks_what_it_was_told(run: Any):
    twice = run(lambda x: tf.case([(x > 0, lambda: x), (x > 1, lambda: -x)], exclusive=True))
    assert twice(tf.constant(1)).numpy() == 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than one predicate"):
        twice(tf.constant(2))
    with pytest.raises(tf.errors.InvalidArgumentError, match="no predicate holds"):
        run(lambda x: tf.case([(x > 0, lambda: x)]))(tf.constant(-1))


ERRORS = {
    "branches of different dtypes": (
        lambda x: tf.cond(x > 0.0, lambda: 1, lambda: 1.0),
        TypeError,
        r"int32 in the branch for True and float32 in the one for False.*tf\.cast",
    ),
    "branches of different structures": (
        lambda x: tf.cond(x > 0.0, lambda: (x, x), lambda: x),
        ValueError,
        "both branches must return the same structure",
    ),
    "a predicate that is a number": (
        lambda x: tf.cond(x, lambda: x, lambda: x),
        TypeError,
        "pred must be one bool scalar.*x > 0",
    ),
    "no functions": (lambda x: tf.cond(x > 0.0, x, x), TypeError, "must be functions"),
    "a body that changes the dtype": (
        lambda x: tf.while_loop(lambda i: i < 3, lambda i: (x,), (0,)),
        TypeError,
        r"int32 when the loop begins and float32 after one step.*tf\.cast",
    ),
    "a body that returns something else": (
        lambda x: tf.while_loop(lambda i, y: i < 3, lambda i, y: i, (0, x)),
        ValueError,
        "the body must return what it takes",
    ),
    "a condition that is a number": (
        lambda x: tf.while_loop(lambda i: i, lambda i: (i + 1,), (0,)),
        (TypeError, tf.errors.InvalidArgumentError),
        "one bool scalar",
    ),
    "nothing to loop over": (
        lambda x: tf.while_loop(lambda: True, lambda: (), ()),
        ValueError,
        "at least one variable",
    ),
}


@pytest.mark.parametrize("what", ERRORS)
def test_errors_say_what_is_wrong(what: str):
    function, error, words = ERRORS[what]
    with pytest.raises(error, match=words):
        tf.function(function)(tf.constant(1.0))


def test_the_listing_shows_the_programs_inside():
    concrete = tf.function(power).get_concrete_function(tf.constant(2.0), tf.constant(3))
    listing = str(concrete.graph)
    assert "graph while_body" in listing and "graph while_cond" in listing
    assert "def graph_while_body(" in concrete.source and " < " in concrete.source
    assert "cond=while_cond" in listing and concrete.draw().startswith("<svg")
