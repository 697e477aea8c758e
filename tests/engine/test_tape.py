"""GradientTape: what it watches and records, and what it answers, against hand-computed numbers."""

from __future__ import annotations

import numpy as np
import pytest

import engine as tf
from engine.dispatch import context
from tests.engine.oracle import numbers

# --- the basics -----------------------------------------------------------------------------------


def test_the_derivative_of_a_square():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert tape.gradient(y, x).numpy() == 6.0


def test_a_value_used_more_than_once_adds_up():
    a = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(a)
        b = a + a
        c = b + b
    da, db, dc = tape.gradient(c, [a, b, c])
    assert (da.numpy(), db.numpy(), dc.numpy()) == (4.0, 2.0, 1.0)


def test_variables_are_watched_by_themselves_and_constants_are_not():
    v, x = tf.Variable(2.0), tf.constant(3.0)
    with tf.GradientTape() as tape:
        y = v * x
    assert numbers(tape.gradient(y, {"v": v, "x": x})) == {"v": 3.0, "x": None}


def test_watch_accessed_variables_can_be_turned_off():
    v, w = tf.Variable(2.0), tf.Variable(5.0)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(v)
        y = v * w
    assert [u.ref() for u in tape.watched_variables()] == [v.ref()]
    assert numbers(tape.gradient(y, [v, w])) == [5.0, None]


def test_what_is_computed_before_watching_is_not_recorded():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        before = x * x
        tape.watch(x)
        after = x * 2.0
    assert numbers(tape.gradient(before + after, x)) is None  # the sum was made outside

    with tf.GradientTape() as tape:
        before = x * x
        tape.watch(x)
        y = before + x * 2.0
    assert tape.gradient(y, x).numpy() == 2.0


def test_sources_may_be_nested_and_the_answer_is_nested_alike():
    w, b = tf.Variable([[1.0], [2.0]]), tf.Variable([0.5])
    x = tf.constant([[3.0, 4.0]])
    with tf.GradientTape() as tape:
        y = tf.reduce_sum((x @ w + b) ** 2)
    found = tape.gradient(y, {"layer": (w, [b]), "input": x})
    # y = (3 + 8 + 0.5)^2: dy/dz = 23
    assert numbers(found) == {"layer": ([[69.0], [92.0]], [[23.0]]), "input": None}


def test_targets_may_be_nested_and_their_gradients_are_added():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        targets = {"square": x**2, "cube": [x**3]}
    assert tape.gradient(targets, x).numpy() == 4.0 + 12.0


def test_the_elements_of_a_target_are_added():
    x = tf.constant([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert numbers(tape.gradient(y, x)) == [2.0, 4.0, 6.0]


def test_output_gradients_weigh_the_targets():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y, z = x * x, 3.0 * x
    assert numbers(tape.gradient(y, x, tf.constant([10.0, 1.0]))) == [20.0, 4.0]
    both = tape.gradient([y, z], x, output_gradients=[None, tf.constant([0.0, 1.0])])
    assert numbers(both) == [2.0, 4.0 + 3.0]


def test_output_gradients_fit_their_targets():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    with pytest.raises(ValueError, match=r"shape \(\).*shape \(2,\)"):
        tape.gradient(y, x, output_gradients=1.0)
    with pytest.raises(ValueError, match="2 output_gradients were given for 1 targets"):
        tape.gradient(y, x, output_gradients=[y, y])
    with pytest.raises(ValueError, match=r"float64.*float32"):
        tape.gradient(y, x, output_gradients=tf.ones([2], tf.float64))
    assert numbers(tape.gradient(y, x)) == [2.0, 4.0]


def test_sources_the_target_does_not_depend_on():
    x, v = tf.constant([1.0, 2.0]), tf.Variable([[3.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * 2.0
        z = v * 2.0
    assert tape.gradient(y, v) is None and tape.gradient(z, x) is None
    zeros = tape.gradient(y, [x, v], unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert numbers(zeros) == [[2.0, 2.0], [[0.0]]]
    assert tape.gradient(2.0, x) is None  # a plain number depends on nothing
    with pytest.raises(ValueError, match="'none' or 'zero'"):
        tape.gradient(y, x, unconnected_gradients="nil")


def test_a_target_may_be_its_own_source():
    x, v = tf.constant(2.0), tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * v
    assert tape.gradient(y, y).numpy() == 1.0
    assert tape.gradient(x, x).numpy() == 1.0
    assert tape.gradient(v, v).numpy() == 1.0


def test_integers_have_no_gradient():
    n, x = tf.constant(3), tf.constant(2.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([n, x])
        y = n * n
        z = x * tf.cast(n, tf.float32)
    assert tape.gradient(y, n) is None
    assert numbers(tape.gradient(z, [x, n])) == [3.0, None]


def test_intermediate_results_are_sources_too():
    x = tf.constant(2.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        a = x * x
        b = a * x
        c = a + b
    # c = a + a x: dc/da = 1 + x = 3, dc/db = 1, dc/dx = 2x + 3x^2 = 16
    assert numbers(tape.gradient(c, [x, a, b])) == [16.0, 3.0, 1.0]
    assert numbers(tape.gradient(c, a)) == 3.0
    assert numbers(tape.gradient(b, [a, x])) == [2.0, 12.0]
    assert tape.gradient(a, b) is None


# --- how often, and what is recorded --------------------------------------------------------------


def test_a_tape_that_is_not_persistent_answers_once():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    tape.gradient(y, x)
    for ask in (lambda: tape.gradient(y, x), lambda: tape.jacobian(y, x)):
        with pytest.raises(RuntimeError, match=r"persistent.*GradientTape\(persistent=True\)"):
            ask()


def test_a_persistent_tape_answers_again():
    x = tf.constant([1.0, 3.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    assert numbers(tape.gradient(z, x)) == [4.0, 108.0]
    assert numbers(tape.gradient(y, x)) == [2.0, 6.0]
    assert numbers(tape.gradient(z, x)) == [4.0, 108.0]


def test_a_tape_that_recorded_nothing_says_so():
    with pytest.raises(RuntimeError, match="recorded nothing"):
        tf.GradientTape().gradient(tf.constant(1.0), tf.constant(1.0))


def test_stop_recording_leaves_a_gap():
    x = tf.constant(3.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        with tape.stop_recording():
            hidden = x * x * x
            assert tape.gradient(y, x).numpy() == 6.0
        z = y + x + hidden
    assert tape.gradient(z, x).numpy() == 7.0
    assert tape.gradient(hidden, x) is None
    with pytest.raises(ValueError, match="not recording"):
        tape.stop_recording()


def test_a_gap_of_the_outer_tape_is_no_gap_of_the_inner():
    x = tf.constant(3.0)
    with tf.GradientTape() as outer, tf.GradientTape() as inner:
        outer.watch(x)
        inner.watch(x)
        with outer.stop_recording():
            y = x * x
        z = y * x
    assert inner.gradient(z, x).numpy() == 27.0
    assert outer.gradient(z, x).numpy() == 9.0


def test_reset_forgets_and_starts_over():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        tape.reset()
        tape.watch(x)
        z = x + x
    assert tape.gradient(z, x).numpy() == 2.0
    tape.reset()
    with tape:
        tape.watch(x)
        y = x * x
    assert tape.gradient(y, x).numpy() == 6.0


def test_reset_forgets_what_was_watched():
    x, v = tf.constant(3.0), tf.Variable(2.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * v
        tape.reset()
        z = x * 2.0
    assert tape.gradient(z, x) is None and tape.gradient(y, v) is None
    assert tape.watched_variables() == ()


def test_a_tape_may_go_on_after_its_block():
    x = tf.constant(3.0)
    tape = tf.GradientTape(persistent=True)
    with tape:
        tape.watch(x)
        y = x * x
    unseen = y * 2.0
    with tape:
        z = y * x
    assert tape.gradient(z, x).numpy() == 27.0
    assert tape.gradient(unseen, x) is None
    with tape, pytest.raises(ValueError, match="recording already"):
        tape.__enter__()


def test_asking_inside_the_block():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        assert tape.gradient(y, x).numpy() == 6.0
        assert context.log is None  # what follows is not recorded
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        slope = tape.gradient(y, x)
        z = slope * x
    # A persistent tape records its own backward pass: z = 2x * x
    assert tape.gradient(z, x).numpy() == 12.0


def test_an_exception_in_the_block_closes_the_tape():
    x = tf.constant(3.0)
    with pytest.raises(KeyError), tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        raise KeyError
    assert context.log is None
    assert tape.gradient(y, x).numpy() == 6.0


def test_watch_takes_structures_of_tensors_and_nothing_else():
    x, y = tf.constant(1.0), tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch({"a": x, "b": [y]})
        z = x * y
        for wrong in (1.0, np.ones(2), "x"):
            with pytest.raises(ValueError, match=r"tensor or variable.*tf\.constant"):
                tape.watch(wrong)
    assert numbers(tape.gradient(z, [x, y])) == [2.0, 1.0]
    with pytest.raises(ValueError, match="open the tape first"):
        tf.GradientTape().watch(x)


def test_a_source_that_is_no_tensor_is_refused():
    x = tf.constant(3.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    with pytest.raises(TypeError, match=r"float 3\.0.*tf\.constant"):
        tape.gradient(y, 3.0)
    with pytest.raises(ValueError, match="None"):
        tape.gradient(None, x)
