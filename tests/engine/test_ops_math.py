"""Compositions of `tf.math` against NumPy; special values; complex gradients; derivatives at zeros."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import array_of, assert_close, gradients, numeric_gradient

rng = np.random.default_rng(31)
X = rng.normal(size=(3, 4))
Y = rng.uniform(0.3, 2, size=(3, 4))
Z = X + 1j * Y


def _norm(x: np.ndarray, order: Any, axis: Any, keepdims: bool) -> Any:
    return np.linalg.norm(x.ravel() if axis is None else x, order, axis, keepdims)


# name: (ours, NumPy's, inputs). Every differentiable one is also checked against finite differences.
FLOATS: dict[str, tuple[Any, Any, tuple[np.ndarray, ...]]] = {
    "log_sigmoid": (tf.math.log_sigmoid, lambda x: np.log(1 / (1 + np.exp(-x))), (X,)),
    "softsign": (tf.math.softsign, lambda x: x / (1 + np.abs(x)), (X,)),
    "squared_difference": (tf.math.squared_difference, lambda x, y: (x - y) ** 2, (X, Y)),
    "polyval": (lambda x: tf.math.polyval([2.0, -1.0, 0.5], x), lambda x: 2 * x**2 - x + 0.5, (X,)),
    "scalar_mul": (lambda x: tf.math.scalar_mul(3, x), lambda x: 3 * x, (X,)),
    "accumulate_n": (lambda x, y: tf.math.accumulate_n([x, y, x]), lambda x, y: 2 * x + y, (X, Y)),
    "l2_normalize": (
        lambda x: tf.math.l2_normalize(x, 1),
        lambda x: x / np.sqrt((x * x).sum(1, keepdims=True)),
        (X,),
    ),
    "clip_by_norm": (
        lambda x: tf.clip_by_norm(x, 0.5),
        lambda x: x * 0.5 / max(0.5, np.sqrt((x * x).sum())),
        (X,),
    ),
    "clip_by_norm, short": (lambda x: tf.clip_by_norm(x, 50.0), lambda x: x, (X,)),
    "clip_by_norm of rows": (
        lambda x: tf.clip_by_norm(x, 1.5, axes=[1]),
        lambda x: x * 1.5 / np.maximum(1.5, np.sqrt((x * x).sum(1, keepdims=True))),
        (X,),
    ),
    "reduce_logsumexp": (tf.reduce_logsumexp, lambda x: np.log(np.sum(np.exp(x))), (X,)),
    "reduce_euclidean_norm": (
        lambda x: tf.math.reduce_euclidean_norm(x, 0),
        lambda x: np.linalg.norm(x, axis=0),
        (X,),
    ),
    "moments": (lambda x: tf.nn.moments(x, [0])[1], lambda x: x.var(0), (X,)),
    "weighted_moments": (
        lambda x, w: tf.nn.weighted_moments(x, [0, 1], w, keepdims=True)[1],
        lambda x, w: (
            (w * (x - (w * x).sum() / w.sum()) ** 2).sum(keepdims=True) / w.sum(keepdims=True)
        ),
        (X, Y),
    ),
    "normalize": (
        lambda x: tf.linalg.normalize(x, axis=1)[0],
        lambda x: x / np.linalg.norm(x, axis=1, keepdims=True),
        (X,),
    ),
    "lbeta": (
        tf.math.lbeta,
        lambda x: np.vectorize(math.lgamma)(x).sum(-1) - np.vectorize(math.lgamma)(x.sum(-1)),
        (Y,),
    ),
    "ndtri": (
        lambda p: tf.math.erfc(-tf.math.ndtri(p) / math.sqrt(2)) / 2,
        lambda p: p,
        (np.array([1e-30, 1e-5, 0.2, 0.5, 0.8, 0.999]),),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(FLOATS))
def test_compositions_are_those_of_numpy_and_so_are_their_derivatives(name: str):
    ours, numpys, inputs = FLOATS[name]
    value, found = gradients(lambda *xs: ours(*xs), *inputs)
    assert_close(value, numpys(*inputs), 1e-11, 1e-13, name)
    graph = tf.function(
        ours, input_signature=[tf.TensorSpec([None] * x.ndim, tf.float64) for x in inputs]
    )
    assert_close(graph(*inputs), value, 1e-14, 0, f"{name} in a graph")
    if name != "ndtri":
        for i, gradient in enumerate(found):
            expected = numeric_gradient(lambda *xs: float(np.sum(numpys(*xs))), inputs, i)
            assert_close(gradient, expected, 1e-6, 1e-7, f"{name}, input {i}")


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    ("order", "axis"),
    [
        *[("euclidean", None), (1, None), (np.inf, None), (2, 1), (1, 0), (np.inf, -1), (3, 1)],
        *[("fro", [0, 1]), (1, [0, 1]), (np.inf, (0, 1)), (1, [1, 0]), ("euclidean", [-2, -1])],
    ],
)
def test_norms_are_those_of_numpy(order: Any, axis: Any, keepdims: bool):
    theirs = {"euclidean": "fro" if isinstance(axis, (list, tuple)) else 2}.get(order, order)
    numpy_axis = tuple(axis) if isinstance(axis, list) else axis
    got = tf.norm(X, order, axis, keepdims)
    if axis is None and keepdims:
        assert got.shape == [1, 1]
        got = tf.reshape(got, [1])
    assert_close(got, _norm(X, theirs, numpy_axis, keepdims), 1e-12, 0, "norm")


def test_norm_refuses_orders_that_are_none():
    with pytest.raises(ValueError, match="order of a vector norm is 'euclidean', a positive"):
        tf.norm(X, "fro")
    with pytest.raises(ValueError, match="order of a matrix norm"):
        tf.norm(X, 3, [0, 1])
    with pytest.raises(ValueError, match="axis must be None, an int or two ints"):
        tf.norm(X, axis=[0, 1, 2])


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, [0, 2], []], ids=str)
def test_reduce_prod_and_its_derivatives_are_right_at_zeros(axis: Any, keepdims: bool):
    x = rng.uniform(0.5, 1.5, size=(2, 3, 2)) * (rng.random((2, 3, 2)) < 0.7)
    numpy_axis = tuple(axis) if isinstance(axis, list) else axis

    def product(array: np.ndarray) -> Any:
        return np.prod(array, axis=numpy_axis, keepdims=keepdims)

    value, (gradient,) = gradients(lambda t: tf.reduce_prod(t, axis, keepdims), x)
    assert_close(value, product(x), 1e-14, 0, "reduce_prod")
    expected = numeric_gradient(lambda a: float(np.sum(product(a))), [x], 0)
    assert_close(gradient, expected, 1e-7, 1e-8, "first derivative")

    def slope(t: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(gradients(lambda s: tf.reduce_prod(s, axis, keepdims), t)[1][0] ** 2)

    t = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(t)
        with tf.GradientTape() as inner:
            inner.watch(t)
            value = tf.reduce_prod(t, axis, keepdims)
        total = tf.reduce_sum(inner.gradient(value, t) ** 2)
    second = numeric_gradient(lambda a: float(slope(tf.constant(a))), [x], 0, step=1e-5)
    found = tape.gradient(total, t, unconnected_gradients="zero")
    assert_close(found, second, 1e-6, 1e-6, "second derivative")


def test_exclusive_logsumexp_starts_at_log_0():
    got = tf.math.cumulative_logsumexp(X, 1, exclusive=True).numpy()
    assert (got[:, 0] == -np.inf).all()
    assert_close(got[:, 1:], np.log(np.cumsum(np.exp(X), 1))[:, :-1], 1e-12, 1e-13)
    got = tf.math.cumulative_logsumexp(X, 1, exclusive=True, reverse=True).numpy()
    assert (got[:, -1] == -np.inf).all()
    _, (gradient,) = gradients(
        lambda x: tf.math.cumulative_logsumexp(x), np.float64([800.0, -800.0, 800.0])
    )
    assert np.isfinite(gradient.numpy()).all()


def test_logsumexp_keeps_infinities():
    minus = tf.constant([-np.inf, -np.inf])
    assert tf.reduce_logsumexp(minus).numpy() == -np.inf
    assert tf.reduce_logsumexp([np.inf, 0.0]).numpy() == np.inf


NAN, INF = math.nan, math.inf
SPECIAL: list[tuple[Any, list[Any], list[Any]]] = [
    (tf.math.divide_no_nan, [[1.0, 0.0, -4.0], [0.0, 0.0, 2.0]], [0, 0, -2]),
    (tf.math.multiply_no_nan, [[NAN, INF, 3.0], [0.0, 0.0, 2.0]], [0, 0, 6]),
    (tf.math.reciprocal_no_nan, [[2.0, 0.0, -0.5]], [0.5, 0, -2]),
    (tf.math.xlogy, [[0.0, 0.0, 1.0], [0.0, -1.0, 1.0]], [0, 0, 0]),
    (tf.math.xlog1py, [[0.0, 0.0, 2.0], [-1.0, -2.0, 0.0]], [0, 0, 0]),
    (tf.math.xdivy, [[0.0, 0.0, 3.0], [0.0, NAN, 2.0]], [0, 0, 1.5]),
    (tf.math.erf, [[-INF, INF, NAN, 0.0]], [-1, 1, NAN, 0]),
    (tf.math.erfc, [[-INF, INF, NAN, 0.0]], [2, 0, NAN, 1]),
    (tf.math.erfinv, [[-1.0, 1.0, 2.0, 0.0]], [-INF, INF, NAN, 0]),
    (tf.math.erfcinv, [[0.0, 2.0, -1.0, 3.0, NAN]], [INF, -INF, NAN, NAN, NAN]),
    (tf.math.lgamma, [[0.0, -1.0, INF, NAN, 1.0, 2.0]], [INF, INF, INF, NAN, 0, 0]),
    (tf.math.truncatediv, [[-7, 7, 7], [2, -2, 2]], [-3, -3, 3]),
    (tf.math.truncatemod, [[-7, 7, 7], [2, -2, 2]], [-1, 1, 1]),
    (tf.math.mod, [[-7, 7], [2, -2]], [1, -1]),
    (tf.math.rint, [[0.5, 1.5, -2.5]], [0, 2, -2]),
    (tf.math.count_nonzero, [[[0, 3], [1, 0]]], 2),
    (tf.math.count_nonzero, [["", "a", "b"]], 2),
    (tf.math.zero_fraction, [[0.0, 1.0, 0.0, 2.0]], 0.5),
    (tf.math.is_non_decreasing, [[1, 1, 2]], True),
    (tf.math.is_non_decreasing, [[2, 1]], False),
    (tf.math.is_strictly_increasing, [[1, 1, 2]], False),
    (tf.math.is_strictly_increasing, [[1.0]], True),
    (tf.math.sign, [[3 + 4j, 0j]], [0.6 + 0.8j, 0]),
    (tf.bitwise.invert, [[0, 5, -1]], [-1, -6, 0]),
]


@pytest.mark.parametrize(
    ("function", "inputs", "expected"), SPECIAL, ids=lambda v: getattr(v, "__name__", "")
)
def test_special_values(function: Any, inputs: list[Any], expected: Any):
    assert_close(function(*inputs), np.array(expected), 1e-6, 1e-12, function.__name__)


def test_special_functions_hold_over_their_whole_range():
    x = np.concatenate([np.linspace(-6, 6, 601), np.linspace(6, 26, 50)])
    assert_close(tf.math.erf(x), np.vectorize(math.erf)(x), 1e-15, 0, "erf")
    assert_close(tf.math.erfc(x), np.vectorize(math.erfc)(x), 1e-13, 0, "erfc")
    p = np.concatenate([np.logspace(-300, -1, 80), np.linspace(0.1, 1.99, 80)])
    assert_close(np.vectorize(math.erfc)(tf.math.erfcinv(p).numpy()), p, 1e-12, 0, "erfcinv")
    x = np.concatenate([np.linspace(-8.9, 40, 333), [1e-12, 1e-5, 170.5, 1e6, 1.0001, 1.9999]])
    assert_close(tf.math.lgamma(x), np.vectorize(math.lgamma)(x), 1e-12, 1e-14, "lgamma")
    # Known values of digamma, and its reflection formula.
    euler = 0.57721566490153286061
    known = np.array([-euler, -euler - 2 * math.log(2)])
    assert_close(tf.math.digamma(np.array([1.0, 0.5])), known, 1e-14, 0, "digamma")
    x = np.array([0.2, 0.7, 3.3, -1.6])
    difference = tf.math.digamma(1 - x) - tf.math.digamma(x)
    assert_close(difference, math.pi / np.tan(math.pi * x), 1e-12, 1e-12, "reflection")
    # zeta(2), zeta(4), and psi''(1) = -2 zeta(3), Apery's constant
    zetas = tf.math.zeta(np.array([2.0, 4.0]), np.array([1.0, 1.0]))
    assert_close(zetas, np.array([math.pi**2 / 6, math.pi**4 / 90]), 1e-14, 0, "zeta")
    third = tf.math.polygamma(np.float64(2), np.float64(1))
    assert_close(third, np.float64(-2 * 1.2020569031595942854), 1e-14, 0, "polygamma")


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32], ids=lambda d: d.name)
@pytest.mark.parametrize("name", ["erf", "erfc", "erfinv", "lgamma", "digamma"])
def test_special_functions_round_to_their_dtype(name: str, dtype: tf.DType):
    x = tf.cast(tf.constant([0.1, 0.4, 0.75]), dtype)
    exact = getattr(tf.math, name)(tf.cast(x, tf.float64))
    step = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 1e-6}[dtype.name]
    got = getattr(tf.math, name)(x)
    assert got.dtype is dtype
    assert_close(tf.cast(got, tf.float64), exact, step, step / 10, name)


def test_operators_on_integers_work_on_bits_and_on_bools_on_truth():
    a, b = tf.constant([12, 10]), tf.constant([10, 3])
    for ours, plain in ((a & b, [8, 2]), (a | b, [14, 11]), (a ^ b, [6, 9]), (~a, [-13, -11])):
        assert ours.numpy().tolist() == plain
    t, f = tf.constant(True), tf.constant(False)
    assert [bool(v) for v in (t & f, t | f, t ^ f, ~f)] == [False, True, True, True]
    with pytest.raises(tf.errors.InvalidArgumentError, match="bool"):
        _ = tf.constant([1.0]) & tf.constant([2.0])


# --- clipping -------------------------------------------------------------------------------------


def test_clip_by_global_norm_scales_all_tensors_alike():
    clipped, before = tf.clip_by_global_norm([X, None, Y], 0.5)
    length = math.sqrt((X * X).sum() + (Y * Y).sum())
    assert_close(before, np.float64(length), 1e-14, 0)
    assert clipped[1] is None
    assert_close(clipped[0], X * 0.5 / length, 1e-13)
    assert_close(clipped[2], Y * 0.5 / length, 1e-13)
    same, _ = tf.clip_by_global_norm([X], 100.0)
    assert_close(same[0], X, 1e-15)
    assert np.isnan(tf.clip_by_global_norm([[1.0], [math.inf]], 1.0)[0][0].numpy()).all()
    with pytest.raises(TypeError, match="a list of tensors"):
        tf.linalg.global_norm(tf.constant(X))


def test_moments_and_their_statistics_agree():
    mean, variance = tf.nn.moments(X, [0, 1])
    assert_close(mean, X.mean(), 1e-14)
    assert_close(variance, X.var(), 1e-13)
    statistics = tf.nn.sufficient_statistics(X, [0])
    assert statistics[0].numpy() == 3
    again = tf.nn.normalize_moments(*statistics)
    assert_close(again[0], X.mean(0), 1e-14)
    assert_close(again[1], X.var(0), 1e-12)
    half = tf.nn.moments(tf.cast(X, tf.float16), [0])
    assert half[0].dtype is tf.float16


# --- complex numbers ------------------------------------------------------------------------------

COMPLEX: dict[str, tuple[Any, Any]] = {
    "multiply": (lambda z: z * z * (1 + 2j), lambda z: z * z * (1 + 2j)),
    "divide": (lambda z: 1.0 / z, lambda z: 1 / z),
    "exp": (tf.exp, np.exp),
    "log": (tf.math.log, np.log),
    "sin": (tf.sin, np.sin),
    "tanh": (tf.tanh, np.tanh),
    "square": (tf.square, np.square),
    "sqrt": (tf.sqrt, np.sqrt),
    "conj": (tf.math.conj, np.conj),
    "real": (tf.math.real, np.real),
    "imag": (tf.math.imag, np.imag),
    "abs": (tf.abs, np.abs),
    "angle": (tf.math.angle, np.angle),
    "atan": (tf.atan, np.arctan),
    "complex": (lambda z: tf.complex(tf.math.imag(z), tf.math.real(z)), lambda z: z.imag + 1j * z.real),
    "cumprod": (lambda z: tf.math.cumprod(z, 1), lambda z: np.cumprod(z, 1)),
    "matmul": (lambda z: tf.matmul(z, tf.transpose(z)), lambda z: z @ z.T),
    "where": (lambda z: tf.where(tf.math.real(z) > 0, z, z * 2.0), lambda z: np.where(z.real > 0, z, 2 * z)),
}  # fmt: skip


@pytest.mark.parametrize("name", list(COMPLEX))
def test_complex_values_and_gradients_follow_tensorflows_convention(name: str):
    """The gradient of a real L is dL/dRe + i dL/dIm: the direction in which L grows fastest."""
    ours, numpys = COMPLEX[name]
    z = tf.constant(Z)
    value = ours(z)
    assert_close(value, numpys(Z), 1e-12, 1e-13, name)
    weight = rng.normal(size=value.shape) + 1j * rng.normal(size=value.shape)

    def loss(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.sum((numpys(x + 1j * y) * weight).real))

    with tf.GradientTape() as tape:
        tape.watch(z)
        out = ours(z)
        total = tf.reduce_sum(tf.math.real(tf.cast(out, tf.complex128) * weight))
    gradient = tape.gradient(total, z)
    expected = numeric_gradient(loss, [X, Y], 0) + 1j * numeric_gradient(loss, [X, Y], 1)
    assert_close(gradient, expected, 1e-6, 1e-7, name)


def test_second_derivatives_pass_through_complex_numbers():
    x = tf.constant([0.7, -0.4], tf.float64)

    def energy(t: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.abs(tf.complex(t, t * t) * (2 - 1j)) ** 3)

    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = energy(x)
        first = inner.gradient(value, x)
        total = tf.reduce_sum(first * [1.0, 3.0])
    second = outer.gradient(total, x)

    def slope(array: np.ndarray) -> float:
        return float(np.sum(array_of(gradients(energy, array)[1][0]) * [1.0, 3.0]))

    assert_close(second, numeric_gradient(slope, [x.numpy()], 0, 1e-5), 1e-7, 1e-7)


def test_complex_needs_floats_of_one_size():
    with pytest.raises(tf.errors.InvalidArgumentError, match="float32 or float64"):
        tf.complex(tf.constant([1]), tf.constant([2]))
    assert tf.complex(1.0, 2.0).dtype is tf.complex64
    assert tf.math.real([1.0, 2.0]).numpy().tolist() == [1, 2]
    assert tf.math.imag([1.0, 2.0]).numpy().tolist() == [0, 0]
    assert tf.math.angle([1.0, -2.0]).numpy().tolist() == [0, np.float32(math.pi)]


def test_every_public_name_of_math_accepts_a_name():
    import inspect

    for name in set(tf.math.__all__) - {"special"}:  # a namespace in it
        parameters = inspect.signature(getattr(tf.math, name)).parameters
        assert "name" in parameters, f"tf.math.{name} has no argument `name`"


def test_an_axis_out_of_range_is_explained():
    for function in (tf.cumsum, tf.math.cumprod, tf.math.cumulative_logsumexp, tf.reduce_prod):
        with pytest.raises(tf.errors.InvalidArgumentError, match="axis 2 does not exist"):
            function(X, 2)
    for first, second in itertools.pairwise([tf.constant([1]), tf.constant([1.0])]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="tensors of one dtype"):
            tf.math.xlogy(first, second)
