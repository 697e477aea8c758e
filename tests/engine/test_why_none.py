"""tape.why_none: one test a reason, each on the words that name it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.dispatch import Primitive, apply


def ask(make: Any, x: Any, **options: Any) -> str:
    """Why the derivative of `make(x)` by x is None; whether it is, gradient itself confirms."""
    with tf.GradientTape(persistent=True, **options) as tape:
        if isinstance(x, tf.Tensor):
            tape.watch(x)
        y = make(x)
    said = tape.why_none(y, x)
    assert (tape.gradient(y, x) is None) != said.startswith("There is a gradient"), said
    return said


def x() -> tf.Tensor:
    return tf.constant([1.5, -2.5])


def test_there_is_a_gradient():
    assert ask(lambda x: x * x, x()).startswith("There is a gradient")
    assert ask(lambda x: x * tf.floor(x), x()).startswith("There is a gradient")
    assert ask(lambda v: v * 2.0, tf.Variable(1.0)).startswith("There is a gradient")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda x: tf.stop_gradient(x), ["stop_gradient"]),
        (lambda x: tf.stop_gradient(x * 2.0) + 1.0, ["stop_gradient"]),
        (lambda x: 3.0 * tf.floor(x * 2.0) * 2.0, ["floor", "not differentiable"]),
        (lambda x: tf.exp(tf.round(tf.sin(x))), ["round", "not differentiable"]),
        (lambda x: tf.cast(tf.cast(x, tf.int32), tf.float32), ["cast", "int32"]),
        (lambda x: tf.cast(x > 0.0, tf.float32), ["greater", "not differentiable"]),
        (lambda x: tf.constant(x.numpy() * 2.0), [".numpy()", "NumPy"]),
        (lambda x: tf.constant(np.sin(x)) * 2.0, ["NumPy"]),
        (lambda x: tf.constant(float(x[0])), ["float()"]),
        (lambda x: tf.constant(1.0) * 2.0, ["not computed from anything this tape watches"]),
    ],
)
def test_what_is_on_the_path_is_named(make: Any, words: list[str]):
    said = ask(make, x())
    assert [word for word in words if word not in said] == [], said


def test_a_cut_is_found_among_other_watched_values():
    w = tf.Variable(2.0)
    said = ask(lambda x: tf.reduce_sum(w * tf.floor(x)), x())
    assert "floor" in said


def test_a_source_that_is_not_watched():
    c, v = tf.constant(1.0), tf.Variable(2.0, name="v")
    frozen = tf.Variable(2.0, trainable=False, name="frozen")
    with tf.GradientTape() as tape:
        y = c * v * frozen
    assert "tape.watch(source)" in tape.why_none(y, c)
    assert "assign_sub" in tape.why_none(y, c)
    assert "'frozen:0'" in tape.why_none(y, frozen)
    assert "not trainable" in tape.why_none(y, frozen)
    assert "watch_accessed_variables=False" in ask(
        lambda v: v * 2.0, v, watch_accessed_variables=False
    )


def test_dtypes_and_things_that_are_no_tensors():
    n = tf.constant(2)
    said = ask(lambda n: tf.cast(n, tf.float32) * 2.0, n)
    assert "source has the dtype int32" in said
    assert "target has the dtype int32" in ask(lambda x: tf.cast(x, tf.int32), x())
    with tf.GradientTape() as tape:
        pass
    assert "source is a NumPy float64 array" in tape.why_none(x(), np.ones(2))
    assert "target is a float 2.0" in tape.why_none(2.0, x())


def test_a_target_from_outside_the_tape():
    v, c = tf.Variable(2.0), x()
    before = v * 2.0
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(c)
    after = v * 2.0
    for y in (before, after):
        assert "never read while the tape was recording" in tape.why_none(y, v)
        assert "outside the tape" in tape.why_none(y, c)
    with tf.GradientTape(), tf.GradientTape(persistent=True) as inner, inner.stop_recording():
        inner.watch(c)
        y = c * c
    assert "stop_recording" in inner.why_none(y, c)


def test_a_path_through_an_assignment():
    v = tf.Variable([0.0, 0.0], name="state")

    def make(x: Any) -> Any:
        v.assign(x * 2.0)
        return v * v

    said = ask(make, x())
    assert "'state:0'" in said and "assign" in said


def test_not_connected_at_all():
    w = tf.Variable(2.0)
    assert "not connected" in ask(lambda x: w * w, x())


def test_after_the_one_answer_of_a_plain_tape():
    a, b = x(), x()
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        y = a * 2.0
    assert tape.gradient(y, b) is None
    assert "not connected" in tape.why_none(y, b)  # what gave None can still be asked about
    with tf.GradientTape() as tape:
        tape.watch(a)
        y = a * 2.0
    assert tape.gradient(y, a) is not None
    assert "persistent=True" in tape.why_none(y, a)
    assert "recorded nothing" in tf.GradientTape().why_none(y, a)


def test_asking_changes_nothing():
    a = x()
    with tf.GradientTape() as outer:
        outer.watch(a)
        with tf.GradientTape() as tape:
            tape.watch(a)
            y = tf.reduce_sum(a * a * a)
        assert tape.why_none(y, a).startswith("There is a gradient")
        slope = tape.gradient(y, a)
    assert outer.gradient(slope, a).numpy().tolist() == [9.0, -15.0]


def _primitive(vjp: Any) -> Primitive:
    """x + y, with these derivatives."""
    return Primitive("odd", lambda xp, x, y: x + y, lambda x, y: x, vjp=vjp)


def test_an_operation_without_a_rule_is_named_before_the_gradient_raises():
    source = x()
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(source)
        y = apply(_primitive(None), source, source)
    assert "raises an error: odd has no derivative rule" in tape.why_none(y, source)
    with pytest.raises(LookupError, match="odd has no derivative rule"):
        tape.gradient(y, source)


def test_an_input_without_a_derivative_is_named_with_its_number():
    record = _primitive((None, lambda dy, y, a, b: dy))
    said = ask(lambda x: apply(record, x, tf.ones([2])), x())
    assert "goes through odd, which has no derivative with respect to its input number 1" in said


def test_a_source_beyond_a_cut():
    source = x()
    with tf.GradientTape() as tape:
        tape.watch(source)
        beyond = tf.floor(source)
        y = beyond * 2.0
    said = tape.why_none(y, beyond)
    assert "computed by floor" in said and "Call tape.watch on it before it is used" in said


def test_a_value_of_an_earlier_tape_that_left_for_numpy():
    with tf.GradientTape() as first:
        first.watch(a := x())
        b = a * 2.0
    with tf.GradientTape() as second:
        second.watch(b)
        y = tf.constant(b.numpy()) * 3.0
    assert "left for NumPy" in second.why_none(y, b)
