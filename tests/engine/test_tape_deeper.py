"""Several tapes at once, higher orders, jacobians, threads; what a tape keeps alive, and how deep it goes."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.dispatch import Primitive, apply
from engine.spec import TensorSpec
from tests.engine.oracle import assert_close, numbers

# --- several tapes --------------------------------------------------------------------------------


def test_second_derivatives_by_nested_tapes():
    x = tf.Variable(1.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = x**3
        first = inner.gradient(y, x)
    assert (first.numpy(), outer.gradient(first, x).numpy()) == (3.0, 6.0)


def test_the_hessian_of_a_quadratic_form():
    a = np.array([[2.0, 1.0], [0.5, 3.0]])
    x = tf.constant(np.array([1.0, -2.0]))
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(x * tf.linalg.matvec(a, x))
        slope = inner.gradient(y, x)
    assert_close(outer.jacobian(slope, x), a + a.T, 1e-14)


@pytest.mark.parametrize("order", range(1, 8))
def test_any_order(order: int):
    x = tf.constant(0.5, tf.float64)

    def nth(n: int) -> Any:
        if n == 0:
            return tf.exp(2.0 * x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = nth(n - 1)
        return tape.gradient(y, x)

    assert_close(nth(order), 2.0**order * np.exp(1.0), 1e-12)


def test_each_tape_answers_for_what_it_watches_itself():
    x, y = tf.constant(2.0), tf.constant(5.0)
    with tf.GradientTape(persistent=True) as first, tf.GradientTape(persistent=True) as second:
        first.watch(x)
        second.watch(y)
        z = x * y
    assert numbers(first.gradient(z, [x, y])) == [5.0, None]
    assert numbers(second.gradient(z, [x, y])) == [None, 2.0]


def test_an_inner_tape_does_not_see_what_was_computed_before_it():
    x = tf.constant(2.0)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        m = x * x
        with tf.GradientTape(persistent=True) as inner:
            z = m * m
        with tf.GradientTape(persistent=True) as watching:
            watching.watch(m)
            w = m * m
    assert inner.gradient(z, [x, m]) == [None, None]
    assert numbers(watching.gradient(w, [m, x])) == [8.0, None]
    assert numbers(outer.gradient(z, [x, m])) == [32.0, 8.0]


def test_tapes_may_close_in_any_order():
    x = tf.constant(2.0)
    first, second = tf.GradientTape(), tf.GradientTape()
    first.__enter__()
    first.watch(x)
    y = x * x
    second.__enter__()
    second.watch(x)
    z = y * x
    first.__exit__(None, None, None)
    w = z * x
    second.__exit__(None, None, None)
    assert first.gradient(z, x).numpy() == 12.0  # x^3
    assert (
        second.gradient(w, x).numpy() == 4 * (x * x + x * x).numpy() / 2
    )  # y x x with y fixed: 2 y x


def test_a_tape_cannot_go_on_inside_a_later_one():
    x = tf.constant(2.0)
    early = tf.GradientTape(persistent=True)
    with early:
        early.watch(x)
        y = x * x
    with tf.GradientTape(), pytest.raises(ValueError, match="opened later"):
        early.__enter__()
    assert early.gradient(y, x).numpy() == 4.0


def test_what_another_tape_watched_last_is_no_source():
    x, y = tf.constant(2.0), tf.constant(3.0)
    with tf.GradientTape(persistent=True) as first, tf.GradientTape() as second:
        first.watch(x)
        z = x * x
        second.watch(y)
    assert first.gradient(z, [x, y])[1] is None
    assert first.gradient([z, y], x).numpy() == 4.0


def test_one_tensor_watched_by_one_tape_after_another():
    x = tf.constant(3.0)
    with tf.GradientTape(persistent=True) as old:
        old.watch(x)
        y = x * x
    for factor in (1.0, 2.0, 3.0):
        with tf.GradientTape() as tape:
            tape.watch(x)
            z = x * factor
        assert tape.gradient(z, x).numpy() == factor
        assert old.gradient(y, x).numpy() == 6.0  # the old tape still knows it
    with tf.GradientTape() as tape:
        tape.watch(y)
        z = y * y
    assert tape.gradient(z, y).numpy() == 18.0
    assert old.gradient(y, x).numpy() == 6.0
    assert old.gradient(z, x) is None


def test_a_variable_assigned_between_reads_keeps_one_gradient():
    v = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = v * v  # 2 v at v = 2
        v.assign(10.0)
        y = y + v * v  # 2 v at v = 10
    assert tape.gradient(y, v).numpy() == 4.0 + 20.0


def test_threads_record_for_themselves():
    x = tf.constant(3.0)
    barrier = threading.Barrier(4)
    found: dict[int, float] = {}

    def work(factor: int) -> None:
        for _ in range(50):
            barrier.wait()  # all watch the same tensor at the same moment
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = x * x * float(factor)
            found[factor] = tape.gradient(y, x).numpy()
            assert found[factor] == 6.0 * factor

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 5)]
    with tf.GradientTape() as mine:
        mine.watch(x)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        y = x + x
    assert found == {k: 6.0 * k for k in range(1, 5)}
    assert mine.gradient(y, x).numpy() == 2.0


# --- memory and depth -----------------------------------------------------------------------------


@pytest.mark.parametrize("persistent", [False, True])
def test_every_intermediate_dies_with_its_tape_without_the_collector(persistent: bool):
    gc.collect()
    gc.disable()
    try:
        x, v = tf.constant([1.0, 2.0]), tf.Variable([3.0, 4.0])
        with tf.GradientTape(persistent=persistent) as tape:
            tape.watch(x)
            y = x
            seen = []
            for _ in range(5):
                y = tf.concat([tf.tanh(y * v), y], 0)[:2]
                seen.append(weakref.ref(y))
            target = tf.reduce_sum(y)
            seen.append(weakref.ref(target))
        grads = tape.gradient(target, [x, v])
        log = weakref.ref(tape)
        seen += [weakref.ref(g) for g in grads]
        del y, target, grads
        if persistent:
            assert any(r() is not None for r in seen)
            assert numbers(tape.gradient(seen[4](), x)) is not None
        del tape
        assert log() is None
        assert [r() for r in seen] == [None] * len(seen)
    finally:
        gc.enable()


def test_results_are_freed_at_once_when_no_tape_is_open():
    gc.disable()
    try:
        x = tf.constant([1.0])
        y = x * 2.0
        seen = weakref.ref(y)
        y = y * 2.0
        assert seen() is None
    finally:
        gc.enable()


def test_a_chain_of_100_000_operations():
    x = tf.constant(1.0, tf.float64)
    step = tf.constant(1.0 + 1e-5, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x
        for _ in range(100_000):
            y = y * step
    assert_close(tape.gradient(y, x), (1.0 + 1e-5) ** 100_000, 1e-10)
    del tape, y  # freeing a long chain must not recurse either


# --- jacobians ------------------------------------------------------------------------------------


def test_jacobians_by_hand():
    x = tf.constant([1.0, 2.0])
    v = tf.Variable([[1.0, 0.0, 2.0], [3.0, 1.0, 0.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.linalg.matvec(v, x, transpose_a=True)  # x @ v
        z = x * x
    dx, dv = tape.jacobian(y, [x, v])
    assert_close(dx, v.numpy().T)
    expected = np.zeros((3, 2, 3))
    for k in range(3):
        expected[k, :, k] = [1.0, 2.0]
    assert_close(dv, expected)
    assert numbers(tape.jacobian(z, x)) == [[2.0, 0.0], [0.0, 4.0]]
    assert tape.jacobian(z, v) is None
    zero = tape.jacobian(z, v, unconnected_gradients="zero")
    assert zero.shape == (2, 2, 3) and not zero.numpy().any()
    assert tape.jacobian(tf.reduce_sum(z), x) is None  # computed outside


def test_a_jacobian_counts_as_the_one_answer_of_a_plain_tape():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert tape.jacobian(y, x).shape == (2, 2)
    with pytest.raises(RuntimeError, match="persistent"):
        tape.gradient(y, x)


def test_jacobians_in_a_graph():
    @tf.function
    def f(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x * x * x
            found = tape.jacobian(y, x)
        return found

    x = tf.constant([1.0, 2.0])
    assert numbers(f(x)) == [[3.0, 0.0], [0.0, 12.0]]
    unknown = tf.function(f.python_function, input_signature=[tf.TensorSpec([None])])
    assert numbers(unknown(x)) == [[3.0, 0.0], [0.0, 12.0]]


def test_the_jacobian_of_an_empty_target_is_empty():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x[:0]
    assert tape.jacobian(y, x).shape == (0, 2)


def test_batch_jacobians_are_the_diagonal_blocks_of_the_jacobian():
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 2)))
    w = tf.constant(np.random.default_rng(1).normal(size=(2, 4)))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.tanh(x @ w)
    full, blocks = tape.jacobian(y, x).numpy(), tape.batch_jacobian(y, x)
    assert_close(blocks, np.stack([full[i, :, i] for i in range(3)]))
    slope = 1 - np.tanh(x.numpy() @ w.numpy()) ** 2
    assert_close(blocks, slope[:, :, None] * w.numpy().T[None], 1e-12)
    with pytest.raises(ValueError, match=r"batch.*\(3, 4\).*\(2, 4\)"):
        tape.batch_jacobian(y, w)


# --- primitives with several outputs, and without a rule ------------------------------------------

HALVES = Primitive(
    "halves",
    lambda xp, x: (x[:2], x[2:]),
    lambda x: (TensorSpec((2,), x.dtype), TensorSpec((2,), x.dtype)),
    vjp=(lambda dy, y, x: tf.concat(list(dy), 0),),
)


@pytest.mark.parametrize("tapes", [1, 2])
def test_a_primitive_with_several_outputs(tapes: int):
    x = tf.constant([1.0, 2.0, 3.0, 4.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        other = tf.GradientTape()
        if tapes == 2:
            with other:
                pass
        low, high = apply(HALVES, x * x)
        y = low * high
    assert numbers(tape.gradient(y, x)) == [18.0, 64.0, 6.0, 32.0]
    assert numbers(tape.gradient(y, [low, high])) == [[9.0, 16.0], [1.0, 4.0]]
    assert numbers(tape.gradient(high, x)) == [0.0, 0.0, 6.0, 8.0]
    assert numbers(tape.gradient(high, [low, high])) == [None, [1.0, 1.0]]


def test_second_derivatives_through_several_outputs():
    x = tf.constant([1.0, 2.0, 3.0, 4.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            low, high = apply(HALVES, x)
            y = tf.reduce_sum(low * low * high)
        slope = inner.gradient(y, x)
    assert numbers(outer.gradient(slope, x)) == [2 * 3 + 2.0, 2 * 4 + 4.0, 2.0, 4.0]


def test_a_primitive_without_a_rule_says_so():
    opaque = Primitive("opaque", lambda xp, x: x, lambda x: x)
    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = apply(opaque, x)
    with pytest.raises(LookupError, match="opaque has no derivative rule"):
        tape.gradient(y, x)
