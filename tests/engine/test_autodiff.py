"""custom_gradient and recompute_grad: eagerly, in graphs, with variables and at higher orders."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close, numbers


@tf.custom_gradient
def log1pexp(x: Any) -> Any:
    e = tf.exp(x)
    return tf.math.log(1.0 + e), lambda dy: dy * (1.0 - 1.0 / (1.0 + e))


@tf.custom_gradient
def wrong_square(x: Any) -> Any:
    """x^2 that claims the derivative 10 x, so that nobody can mistake whose rule was used."""
    return x * x, lambda dy: dy * 10.0 * x


MODES = pytest.mark.parametrize("mode", ["eager", "tape outside", "tape inside"])


def derivative(f: Any, x: Any, mode: str) -> Any:
    def run(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = body(x)
        return tape.gradient(y, x)

    body = tf.function(f) if mode == "tape outside" else f
    return (tf.function(run) if mode == "tape inside" else run)(x)


@MODES
def test_the_given_gradient_is_used(mode: str):
    assert derivative(wrong_square, tf.constant(3.0), mode).numpy() == 30.0
    assert derivative(log1pexp, tf.constant(100.0), mode).numpy() == 1.0  # the plain one is NaN
    assert wrong_square(tf.constant(3.0)).numpy() == 9.0


@MODES
def test_it_composes_with_other_operations(mode: str):
    found = derivative(lambda x: tf.sin(wrong_square(2.0 * x)) * x, tf.constant(0.5), mode)
    assert_close(found, np.sin(1.0) + 0.5 * np.cos(1.0) * 10.0 * 1.0 * 2.0, 1e-6)


@MODES
def test_second_derivatives_are_those_of_the_given_gradient(mode: str):
    def slope(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = wrong_square(x)
        return tape.gradient(y, x)

    assert derivative(slope, tf.constant(3.0), mode).numpy() == 10.0
    x = tf.constant(0.3, tf.float64)
    s = 1.0 / (1.0 + np.exp(-0.3))

    def smooth(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = log1pexp(x)
        return tape.gradient(y, x)

    assert_close(derivative(smooth, x, mode), s * (1 - s), 1e-12)  # through e, kept by the closure


@MODES
def test_nested_arguments_and_results(mode: str):
    @tf.custom_gradient
    def both(pair: Any, z: Any) -> Any:
        def grad(da: Any, db: Any) -> Any:
            return {"x": da * 2.0, "y": db * 3.0}, None

        return {"a": pair["x"] + z, "b": pair["y"] * z}, grad

    def f(x: Any) -> Any:
        out = both({"x": x, "y": x}, tf.constant(4.0))
        return out["a"] + 10.0 * out["b"]

    assert derivative(f, tf.constant(1.0), mode).numpy() == 32.0


@pytest.mark.parametrize("traced", [False, True])
def test_variables_come_with_the_gradient_function(traced: bool):
    v = tf.Variable(2.0, name="v")
    asked = []

    @tf.custom_gradient
    def scaled(x: Any) -> Any:
        def grad(dy: Any, variables: Any = None) -> Any:
            asked.append([u.name for u in variables])
            return dy * 100.0, [dy * 7.0]

        return x * v, grad

    x = tf.constant(3.0)
    body = tf.function(scaled) if traced else scaled
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = body(x)
    assert (y.numpy(), numbers(tape.gradient(y, [x, v]))) == (6.0, [100.0, 7.0])
    assert asked == [["v:0"]]


def test_a_method_and_a_decorator_with_parentheses():
    class Scale:
        factor = 5.0

        @tf.custom_gradient()
        def call(self, x: Any) -> Any:
            return x * self.factor, lambda dy: dy * -self.factor

    assert derivative(Scale().call, tf.constant(1.0), "eager").numpy() == -5.0


def test_what_grad_fn_returns_is_checked():
    v = tf.Variable(1.0, name="w")
    x = tf.constant([1.0, 2.0])
    cases = [
        (lambda x: (x * 1.0, lambda dy: [dy, dy]), ValueError, "2 gradients for 1 arguments"),
        (lambda x: (x * 1.0, lambda dy: dy[0]), ValueError, r"shape \(\) for an input .*\(2,\)"),
        (lambda x: (x * v, lambda dy: dy), TypeError, "reads the variables 'w:0'"),
        (lambda x: (x * v, lambda dy, variables: dy), ValueError, "returns a pair"),
        (lambda x: x * 1.0, TypeError, r"returns a pair \(result, grad_fn\)"),
    ]
    for f, error, words in cases:
        with pytest.raises(error, match=words):
            derivative(tf.custom_gradient(f), x, "eager")


def block(x: Any) -> Any:
    return tf.reduce_sum(tf.tanh(x * x) * x)


@MODES
def test_recomputing_gives_the_same_gradient(mode: str):
    x = tf.constant([0.5, -1.0], tf.float64)
    plain = derivative(block, x, mode)
    assert_close(derivative(tf.recompute_grad(block), x, mode), plain, 1e-14)

    def slope(f: Any) -> Any:
        def inner(x: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = f(x)
            return tape.gradient(y, x)

        return inner

    second = derivative(slope(block), x, mode)
    assert_close(derivative(slope(tf.recompute_grad(block)), x, mode), second, 1e-13)


def test_recomputing_with_variables():
    v, x = tf.Variable([1.0, 2.0]), tf.constant([3.0, 4.0])
    calls = []

    @tf.recompute_grad
    def f(x: Any) -> Any:
        calls.append(1)
        return tf.reduce_sum(v * v * x)

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert len(calls) == 1
    assert numbers(tape.gradient(y, [x, v])) == [[1.0, 4.0], [6.0, 16.0]]
    assert len(calls) == 2


def test_recomputing_keeps_no_intermediate_value():
    gc.disable()
    try:
        seen = []

        def f(x: Any) -> Any:
            middle = tf.exp(x)
            seen.append(weakref.ref(middle))
            return middle * middle

        x = tf.constant(1.0)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.recompute_grad(f)(x)
            assert seen[0]() is None
            kept = f(x)
            assert seen[1]() is not None
        assert_close(tape.gradient([y, kept], x), 4 * np.exp(2.0), 1e-6)
    finally:
        gc.enable()
