"""ForwardAccumulator: every rule pushed forward, closed forms, finite differences, and nesting."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.dispatch import NOT_DIFFERENTIABLE, registry
from engine.spec import TensorSpec
from tests.engine.cases import Case
from tests.engine.oracle import array_of, assert_close, numbers
from tests.engine.test_jacobian import PROGRAMS, X, finite_differences
from tests.engine.test_registry import ALL, differentiable_inputs, run

ForwardAccumulator = tf.autodiff.ForwardAccumulator
rng = np.random.default_rng(17)
V = rng.normal(size=X.shape)

DIFFERENTIABLE = [
    (name, case)
    for name, case in ALL
    if registry[name].vjp is not NOT_DIFFERENTIABLE and differentiable_inputs(registry[name], case)
]


@pytest.mark.parametrize(
    ("name", "case"), [pytest.param(n, c, id=f"{n} {c.label}") for n, c in DIFFERENTIABLE]
)
def test_every_primitive_forward_is_its_tape_transposed(name: str, case: Case):
    """<u, J v> is <J' u, v>, for J v by the accumulator and J' u by the tape."""
    which = differentiable_inputs(registry[name], case)
    given = [tf.constant(array) for array in case.inputs]
    sources = [given[i] for i in which]
    tangents = [tf.constant(rng.normal(size=t.shape.as_list())) for t in sources]
    with tf.GradientTape() as tape, ForwardAccumulator(sources, tangents) as acc:
        tape.watch(sources)
        y = run(name, case, *given)
    pushed = acc.jvp(y, "zero")
    assert (pushed.dtype, pushed.shape) == (y.dtype, y.shape)
    u = tf.constant(rng.normal(size=y.shape.as_list()), y.dtype)
    pulled = tape.gradient(y, sources, u, "zero")
    left = np.sum(array_of(u).astype(float) * array_of(pushed).astype(float))
    terms = [array_of(g) * array_of(t) for g, t in zip(pulled, tangents, strict=True)]
    size = np.abs(array_of(u) * array_of(pushed)).sum() + sum(np.abs(t).sum() for t in terms)
    loose = 1e-6 if y.dtype.size < 8 else 1e-11
    if np.isfinite(size):
        assert abs(left - sum(t.sum() for t in terms)) <= loose * max(size, 1e-3), name


def pushed(f: Any, x: Any, v: Any) -> Any:
    with ForwardAccumulator(x, v) as acc:
        y = f(x)
    return acc.jvp(y)


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_along_a_direction_are_finite_differences(name: str):
    f, x, v = PROGRAMS[name], tf.constant(X), tf.constant(V)
    expected = np.tensordot(finite_differences(f, X), V, 2)
    found = pushed(f, x, v)
    assert_close(found, expected, 1e-6, 1e-6, name)
    assert_close(tf.function(lambda a, b: pushed(f, a, b))(x, v), found, 1e-13, 1e-14, name)
    outside = tf.function(f)
    assert_close(pushed(outside, x, v), found, 1e-13, 1e-14, name)


@pytest.mark.parametrize("name", PROGRAMS)
def test_second_derivatives_in_three_ways(name: str):
    """Hessian times vector: forward over reverse, reverse over reverse, reverse over forward."""
    f, x, v = PROGRAMS[name], tf.constant(X), tf.constant(V)
    weights = np.random.default_rng(5).normal(size=f(x).shape.as_list())

    def scalar(t: Any) -> Any:
        return tf.reduce_sum(f(t) * weights)

    def slope(t: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(t)
            y = scalar(t)
        return tape.gradient(y, t)

    forward_over_reverse = pushed(slope, x, v)
    with tf.GradientTape() as outer:
        outer.watch(x)
        g = slope(x)
    reverse_over_reverse = outer.gradient(g, x, v, "zero")
    with tf.GradientTape() as outer:
        outer.watch(x)
        along = pushed(scalar, x, v)
    reverse_over_forward = outer.gradient(along, x, unconnected_gradients="zero")
    if forward_over_reverse is None:  # the slope is a constant
        forward_over_reverse = tf.zeros_like(x)
    expected = np.tensordot(finite_differences(slope, X), V, 2)
    scale = max(1.0, np.abs(expected).max())
    assert_close(forward_over_reverse, expected, 1e-5, 1e-6 * scale, name)
    assert_close(reverse_over_reverse, forward_over_reverse, 1e-10, 1e-11 * scale, name)
    assert_close(reverse_over_forward, forward_over_reverse, 1e-10, 1e-11 * scale, name)


# --- by hand --------------------------------------------------------------------------------------


def test_values_and_derivatives_while_the_block_runs():
    x = tf.constant([2.0, 3.0])
    with ForwardAccumulator(x, tf.constant([1.0, 0.0])) as acc:
        y = x * x
        assert numbers(acc.jvp(y)) == [4.0, 0.0]
        z = y * x + acc.jvp(y)  # the derivative is a constant for this accumulator
        assert numbers(acc.jvp(z)) == [12.0, 0.0]
    assert numbers(acc.jvp({"z": z, "both": [y, x]})) == {
        "z": [12.0, 0.0],
        "both": [[4.0, 0.0], [1.0, 0.0]],
    }


def test_structures_and_variables():
    w, b, x = tf.Variable([[2.0], [3.0]]), tf.Variable(1.0), tf.constant([[1.0, 10.0]])
    with ForwardAccumulator({"w": w, "b": [b]}, {"w": [[1.0], [1.0]], "b": [5.0]}) as acc:
        y = tf.matmul(x, w) + b
        w.assign(w * 0.0)
    assert numbers(acc.jvp(y)) == [[16.0]]
    assert numbers(acc.jvp([b, w])) == [5.0, [[1.0], [1.0]]]


def test_what_does_not_depend_on_the_primals():
    x, other = tf.constant(2.0), tf.Variable([1.0, 2.0])
    before = x * x
    with ForwardAccumulator(x, 1.0) as acc:
        y = other * 2.0
        stopped = tf.stop_gradient(x) * 3.0
        rounded = tf.round(x)
    assert acc.jvp([y, stopped, rounded, before, other]) == [None] * 5
    assert numbers(acc.jvp([y, other], unconnected_gradients="zero")) == [[0.0, 0.0]] * 2
    with pytest.raises(ValueError, match="'none' or 'zero', not 'no'"):
        acc.jvp(y, "no")


def test_a_derivative_of_zero_is_not_none():
    x = tf.constant([2.0])
    assert numbers(pushed(lambda t: t * 0.0, x, tf.constant([1.0]))) == [0.0]


def test_forward_over_forward_to_any_order():
    """Of exp(2 x): 2^n exp(2 x)."""
    x = tf.constant(0.5, tf.float64)

    def nth(n: int) -> Any:
        if not n:
            return tf.exp(2.0 * x)
        with ForwardAccumulator(x, 1.0) as acc:
            y = nth(n - 1)
        return acc.jvp(y)

    for order in range(5):
        assert_close(nth(order), 2.0**order * np.exp(1.0), 1e-13, what=f"order {order}")


def test_derivatives_may_be_asked_when_all_blocks_are_closed():
    x = tf.constant(3.0)
    with ForwardAccumulator(x, 1.0) as outer, ForwardAccumulator(x, 1.0) as inner:
        y = x * x * x
    assert numbers(inner.jvp(y)) == 27.0
    assert numbers(outer.jvp(inner.jvp(y))) == 18.0


def test_two_directions_do_not_mix():
    """d/dx (x d/dy (x + y)) is 1: the inner derivative must not see the outer direction."""
    x, y = tf.constant(1.0), tf.constant(1.0)
    with ForwardAccumulator(x, 1.0) as outer:
        with ForwardAccumulator(y, 1.0) as inner:
            z = x + y
        product = x * inner.jvp(z)
    assert numbers(outer.jvp(product)) == 1.0


def test_an_accumulator_that_starts_in_the_middle_of_a_tape():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        m = x * x
        with ForwardAccumulator(m, 3.0) as acc:
            y = m * m
        along = acc.jvp(y)
    assert numbers(along) == 2 * 4.0 * 3.0
    assert acc.jvp(x) is None
    assert numbers(tape.gradient(along, x)) == 3.0 * 2 * 2 * 2.0  # of 3 * 2 x^2


def test_entered_again_it_goes_on():
    x = tf.constant(2.0)
    acc = ForwardAccumulator(x, 1.0)
    assert numbers(acc.jvp([x, x * x])) == [1.0, None]
    with acc:
        y = x * x
        with pytest.raises(ValueError, match="recording already"):
            acc.__enter__()
    lost = y * x
    with acc:
        z = y * x
    assert numbers(acc.jvp([y, z])) == [4.0, 12.0]
    assert acc.jvp(lost) is None


def test_an_error_inside_passes_through():
    with pytest.raises(ZeroDivisionError), ForwardAccumulator(tf.constant(1.0), 1.0):
        1 / 0  # noqa: B018


def test_a_jacobian_by_columns():
    x = tf.constant(X[0])

    def f(t: Any) -> Any:
        return tf.nn.softmax(t) * tf.reduce_sum(t)

    columns = tf.vectorized_map(lambda v: pushed(f, x, v), tf.eye(4, dtype=tf.float64))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert_close(tf.transpose(columns), tape.jacobian(y, x), 1e-13, 1e-15)


def test_complex_numbers():
    """Holomorphic: f'(z) v. Not holomorphic: the derivative along the direction, by differences."""
    z = tf.constant([1.0 + 2.0j, 0.5 - 1.0j], tf.complex128)
    v = tf.constant([2.0 - 1.0j, 1.0j], tf.complex128)
    assert_close(pushed(lambda t: t * t, z, v), 2 * z.numpy() * v.numpy(), 1e-14)
    spread = tf.constant([[1.0, 2.0j], [1.0j, 0.0]], tf.complex128)
    assert_close(
        pushed(lambda t: tf.linalg.matvec(spread, t), z, v), spread.numpy() @ v.numpy(), 1e-14
    )
    for f in (tf.abs, tf.math.real, tf.math.imag, tf.math.conj, lambda t: tf.math.conj(t) * t):
        h = 1e-6
        differences = (
            f(tf.constant(z.numpy() + h * v.numpy())).numpy()
            - f(tf.constant(z.numpy() - h * v.numpy())).numpy()
        ) / (2 * h)
        assert_close(pushed(f, z, v), differences, 1e-8, 1e-8)


@pytest.mark.parametrize(
    ("primals", "tangents", "said"),
    [
        (tf.constant(1), tf.constant(1), "floating-point tensor or variable, but int32 tensor"),
        (1.0, 1.0, "floating-point tensor or variable, but float 1.0"),
        (tf.constant([1.0]), tf.constant(1.0), r"shape \(\).*tangent of float32 tensor of shape \(1,\)"),
        (tf.constant(1.0), tf.constant(1.0, tf.float64), "float64 tensor .* tangent of float32"),
        ([tf.constant(1.0)], [1.0, 2.0], "lengths differ"),
    ],
)  # fmt: skip
def test_primals_and_tangents_that_do_not_fit(primals: Any, tangents: Any, said: str):
    with pytest.raises(ValueError, match=said):
        ForwardAccumulator(primals, tangents)
    x = tf.constant(1.0)
    with pytest.raises(ValueError, match="given twice"):
        ForwardAccumulator([x, x], [1.0, 1.0])


def test_nothing_stays_alive_without_the_collector():
    gc.disable()
    try:
        x = tf.constant([1.0, 2.0])
        with ForwardAccumulator(x, x) as acc:
            y = tf.nn.softmax(x) * x
        along = acc.jvp(y)
        seen = [weakref.ref(y), weakref.ref(along), weakref.ref(acc)]
        del y, along, acc
        assert [r() for r in seen] == [None] * 3
    finally:
        gc.enable()


def test_a_function_of_unknown_sizes():
    f = tf.function(
        lambda x, v: pushed(lambda t: tf.reduce_sum(tf.sin(t) * t, 1), x, v),
        input_signature=[TensorSpec([None, None], tf.float64)] * 2,
    )
    expected = ((np.cos(X) * X + np.sin(X)) * V).sum(1)
    assert_close(f(tf.constant(X), tf.constant(V)), expected, 1e-13)
