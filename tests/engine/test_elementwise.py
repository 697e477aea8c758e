"""Elementwise functions where formulas go wrong: extremes, special values, ties, integers, zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close, gradients, numeric_gradient

SPECIAL = np.array(
    [0.0, -0.0, 1.0, -1.0, 1e-30, -1e-30, 1e30, 88.0, -88.0, np.inf, -np.inf, np.nan]
)

NUMPYS = {
    "abs": np.abs, "negative": np.negative, "sign": np.sign, "square": np.square, "sqrt": np.sqrt,
    "exp": np.exp, "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "floor": np.floor,
    "ceil": np.ceil, "round": np.rint,
}  # fmt: skip
MATHS = {"expm1": np.expm1, "log": np.log, "log1p": np.log1p, "is_nan": np.isnan, "is_inf": np.isinf,
    "is_finite": np.isfinite}  # fmt: skip


def quiet(function: Any) -> Any:
    """A function during which NumPy does not warn; test_import.py shows that the engine never does."""

    def inner(*arguments: Any) -> Any:
        import warnings

        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*arguments)

    return inner


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [*NUMPYS, *MATHS])
def test_special_values_are_those_of_numpy(name: str, dtype: Any):
    x = SPECIAL.astype(dtype)
    ours = getattr(tf if name in NUMPYS else tf.math, name)
    expected = quiet((NUMPYS | MATHS)[name])(x)
    assert_close(quiet(ours)(tf.constant(x)), expected, 1e-6, what=name)
    assert_close(
        quiet(tf.function(ours))(tf.constant(x)), expected, 1e-6, what=f"{name} in a graph"
    )


def test_binary_special_values_are_those_of_numpy():
    a, b = np.meshgrid(SPECIAL, SPECIAL)
    for ours, numpys in (
        (tf.add, np.add), (tf.subtract, np.subtract), (tf.multiply, np.multiply),
        (tf.divide, np.divide), (tf.maximum, np.maximum), (tf.minimum, np.minimum),
        (tf.pow, np.power), (tf.less, np.less), (tf.equal, np.equal),
    ):  # fmt: skip
        assert_close(quiet(ours)(a, b), quiet(numpys)(a, b), 1e-14, what=numpys.__name__)


def test_sigmoid_keeps_its_digits_in_both_tails():
    x = np.array([-700.0, -100.0, -40.0, -20.0, -5.0, 0.0, 5.0, 40.0, 800.0])
    # exp(x) / (1 + exp(x)), which does not overflow for negative x
    expected = np.where(x < 0, np.exp(np.minimum(x, 0)) / (1 + np.exp(np.minimum(x, 0))), 0)
    expected = np.where(x >= 0, 1 / (1 + np.exp(-np.maximum(x, 0))), expected)
    assert_close(tf.sigmoid(x), expected, 1e-15)
    single = tf.sigmoid(tf.constant([-20.0, -80.0, 80.0]))
    assert_close(single, [2.0611536e-09, 1.8048514e-35, 1.0], 1e-6, what="float32")
    _, (slope,) = gradients(tf.sigmoid, [-20.0, 0.0, 20.0])
    assert_close(slope, [2.0611536e-09, 0.25, 0.0], 1e-6, 1e-9)


def test_softplus_and_log_softmax_do_not_overflow():
    x = np.array([-1000.0, -30.0, 0.0, 30.0, 1000.0])
    assert_close(
        tf.nn.softplus(x), [0.0, 9.357622968839299e-14, np.log(2), 30 + 9.36e-14, 1000.0], 1e-6
    )
    logits = np.array([[1000.0, 0.0, -1000.0], [1.0, 2.0, 3.0]])
    assert_close(tf.nn.log_softmax(logits)[0], [0.0, -1000.0, -2000.0])
    soft = tf.nn.softmax(logits).numpy()
    assert_close(soft.sum(-1), [1.0, 1.0], 1e-15)
    assert_close(soft[1], np.exp([1, 2, 3]) / np.exp([1, 2, 3]).sum(), 1e-14)
    assert_close(tf.nn.softmax(logits, axis=0).numpy().sum(0), np.ones(3), 1e-15)


@pytest.mark.parametrize(
    "function",
    [
        tf.nn.softmax,
        tf.nn.log_softmax,
        tf.nn.silu,
        lambda x: tf.nn.leaky_relu(x, 0.1),
        lambda x: tf.nn.bias_add(x, [0.5, -1.0, 2.0]),
        lambda x: tf.clip_by_value(x, -0.5, 0.5),
        lambda x: tf.math.squared_difference(x, 0.3),
        lambda x: tf.add_n([x, x * x, 2.0 * x]),
        lambda x: tf.math.rsqrt(x * x + 1.0),
    ],
)
def test_derivatives_of_compositions_are_finite_differences(function: Any):
    x = np.array([[0.3, -1.2, 2.0], [0.7, 0.1, -0.4]])
    weights = np.array([[1.0, -2.0, 0.5], [0.3, 1.0, 2.0]])

    def total(t: Any) -> Any:
        return tf.reduce_sum(function(tf.convert_to_tensor(t)) * weights)

    _, (gradient,) = gradients(total, x)
    assert_close(gradient, numeric_gradient(lambda v: float(total(v)), [x], 0), 1e-6, 1e-8)


def test_leaky_relu_silu_and_relu_by_hand():
    assert_close(tf.nn.leaky_relu([-10.0, 5.0]), [-2.0, 5.0])
    assert_close(tf.nn.silu([0.0, 1.0]), [0.0, 0.7310586])
    assert_close(tf.nn.relu([-1, 0, 2]), [0, 0, 2])


def test_at_a_tie_the_first_input_takes_the_gradient():
    for function in (tf.maximum, tf.minimum):
        _, (first, second) = gradients(function, [1.0, 1.0], [1.0, 1.0])
        assert first.numpy().tolist() == [1.0, 1.0] and second.numpy().tolist() == [0.0, 0.0]
    _, (at_zero,) = gradients(tf.nn.relu, [0.0])
    assert at_zero.numpy().tolist() == [0.0]


def test_a_square_root_has_an_infinite_slope_at_0():
    _, (slope,) = gradients(tf.sqrt, [0.0])
    assert slope.numpy().tolist() == [np.inf]


def nth_derivative(function: Any, order: int) -> Any:
    """The function that gives the derivative of that order, by tapes inside tapes."""
    if order == 0:
        return function
    lower = nth_derivative(function, order - 1)

    def one_more(t: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(t)
            y = lower(t)
        return tape.gradient(y, t, unconnected_gradients="zero")

    return one_more


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("power", [0, 1, 2, 3])
@pytest.mark.parametrize("x", [0.0, 2.0, -2.0])
def test_powers_have_derivatives_of_every_order_also_at_0(power: int, x: float, order: int):
    found = nth_derivative(lambda t: t ** float(power), order)(tf.constant(x, tf.float64))
    factor = np.prod([power - k for k in range(order)])
    expected = 0.0 if order > power else factor * x ** (power - order)
    assert_close(found, np.float64(expected), 1e-12)


def test_the_derivative_by_an_exponent():
    _, (da, db) = gradients(tf.pow, np.array([2.0, 0.0, 3.0]), np.array([3.0, 2.0, 0.0]))
    assert_close(da, [12.0, 0.0, 0.0])
    assert_close(db, [8 * np.log(2), 0.0, np.log(3)])


def test_integers_divide_to_floats_and_floor_to_integers():
    a, b = tf.constant([7, -7]), tf.constant([2, 2])
    assert (a / b).dtype is tf.float64 and (a / b).numpy().tolist() == [3.5, -3.5]
    assert (tf.cast(a, tf.int8) / tf.cast(b, tf.int8)).dtype is tf.float32
    assert (a // b).dtype is tf.int32 and (a // b).numpy().tolist() == [3, -4]
    assert (a % b).numpy().tolist() == [1, 1]
    assert (1 / tf.constant(4)).numpy() == 0.25
    for run in (
        lambda: a // 0,
        lambda: a % tf.constant(0),
        lambda: tf.function(lambda x: x // 0)(a),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match="divided by zero"):
            run()
    assert quiet(lambda: tf.constant(1.0) // 0.0)().numpy() == np.inf
    with pytest.raises(tf.errors.InvalidArgumentError, match="negative integer powers"):
        tf.constant(2) ** -1


def test_integers_wrap_without_a_word_as_in_every_framework():
    assert (tf.constant(127, tf.int8) + 1).numpy() == -128
    assert (tf.constant(0, tf.uint8) - 1).numpy() == 255
    assert (-tf.constant([1], tf.uint8)).numpy().tolist() == [255]


def test_where_chooses_and_broadcasts_and_blocks_the_gradient_of_the_other():
    x = np.array([-1.0, 0.0, 4.0])
    condition = tf.constant(x) > 0
    assert tf.where(condition, x, 0.0).numpy().tolist() == [0.0, 0.0, 4.0]
    assert tf.where([[True], [False]], [1, 2], 9).numpy().tolist() == [[1, 2], [9, 9]]
    assert tf.where(True, 1.0, 2.0).numpy() == 1.0
    _, (gradient,) = gradients(lambda t: tf.where(condition, tf.sqrt(tf.maximum(t, 1.0)), 5.0), x)
    assert gradient.numpy().tolist() == [0.0, 0.0, 0.25]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"bool.*int32.*x > 0"):
        tf.where(tf.constant([1, 0]), 1.0, 2.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="float32 and float64"):
        tf.where(True, tf.constant(1.0), tf.constant(1.0, tf.float64))


def test_cast_cuts_fractions_and_drops_gradients_through_integers():
    assert tf.cast([1.9, -1.9], tf.int32).numpy().tolist() == [1, -1]
    assert tf.cast([0, 2], tf.bool).numpy().tolist() == [False, True]
    assert tf.cast([True, False], tf.float32).numpy().tolist() == [1.0, 0.0]
    x = tf.constant([1.0])
    assert tf.cast(x, tf.float32) is x
    _, (kept,) = gradients(lambda t: tf.cast(t, tf.float64) * 3.0, [1.5])
    assert kept.dtype is tf.float32 and kept.numpy().tolist() == [3.0]
    _, (lost,) = gradients(lambda t: tf.cast(tf.cast(t, tf.int32), tf.float32) * 3.0, [1.5])
    assert lost is None
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"string tensor.*int32"):
        tf.cast(["1"], tf.int32)


def test_stop_gradient_and_identity():
    x = tf.constant(3.0)
    _, (gradient,) = gradients(lambda t: tf.identity(t) * tf.stop_gradient(t), x)
    assert gradient.numpy() == 3.0
    assert tf.identity(x) is not x and tf.identity(x).numpy() == 3.0


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda: tf.exp(tf.constant([1, 2])), ["exp", "int32", "tf.cast(x, tf.float32)"]),
        (lambda: tf.sqrt(tf.constant(True)), ["sqrt", "bool", "tf.cast(x, tf.float32)"]),
        (lambda: tf.constant(True) + tf.constant(True), ["add", "bool"]),
        (lambda: tf.constant("a") + tf.constant("b"), ["add", "string"]),
        (lambda: tf.logical_and(tf.constant(1), tf.constant(0)), ["logical_and", "tf.bool"]),
        (lambda: ~tf.constant(1.0), ["logical_not", "float32", "tf.bool"]),
        (lambda: tf.constant("a") < tf.constant("b"), ["less", "string"]),
        (lambda: tf.maximum(tf.constant(1j), 1j), ["maximum", "complex128"]),
    ],
)
def test_a_kind_of_number_an_operation_does_not_know_is_refused(run: Any, words: list[str]):
    for call in (run, tf.function(run)):
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            call()
        assert all(word in str(caught.value) for word in words), caught.value


def test_add_n_needs_something_to_add():
    with pytest.raises(ValueError, match="at least one"):
        tf.add_n([])


def test_matvec_and_transposed_products():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(3.0)
    assert_close(tf.linalg.matvec(a, b), a @ b)
    assert_close(tf.linalg.matvec(a, [1.0, 2.0], transpose_a=True), a.T @ [1, 2])
    assert_close(tf.matmul(a, a, transpose_b=True), a @ a.T)
    assert_close(tf.matmul(a, a, transpose_a=True), a.T @ a)
    stack = np.arange(12.0).reshape(2, 2, 3)
    assert_close(tf.matmul(stack, stack, transpose_b=True), np.einsum("nij,nkj->nik", stack, stack))
    assert tf.matmul([[1, 2]], [[3], [4]]).numpy().tolist() == [[11]]
