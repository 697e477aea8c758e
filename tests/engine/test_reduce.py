"""Sums, means, extremes and where they are, against NumPy; ties, empty tensors and narrow dtypes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close, gradients, numeric_gradient

X = np.random.default_rng(3).normal(size=(2, 3, 4))
AXES = [None, 0, 1, -1, -3, [0, 2], (1, -1), [0, 1, 2], []]
FUNCTIONS: dict[str, tuple[Any, Any]] = {
    "sum": (tf.reduce_sum, np.sum),
    "mean": (tf.reduce_mean, np.mean),
    "max": (tf.reduce_max, np.max),
    "min": (tf.reduce_min, np.min),
    "variance": (tf.math.reduce_variance, np.var),
    "std": (tf.math.reduce_std, np.std),
}


def numpy_axis(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, (list, tuple)) else axis


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_reductions_are_those_of_numpy(name: str, axis: Any, keepdims: bool):
    ours, numpys = FUNCTIONS[name]
    expected = numpys(X, axis=numpy_axis(axis), keepdims=keepdims)
    assert_close(ours(X, axis, keepdims), expected, 1e-12, 1e-14, name)
    unknown = [tf.TensorSpec([None, None, None], tf.float64)]
    graph = tf.function(lambda x: ours(x, axis, keepdims), input_signature=unknown)
    assert_close(graph(X), expected, 1e-12, 1e-14, f"{name}, sizes unknown while tracing")


@pytest.mark.parametrize("axis", [None, 1, [0, 2]], ids=str)
@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_derivatives_of_reductions_are_finite_differences(name: str, axis: Any):
    ours, numpys = FUNCTIONS[name]
    _, (gradient,) = gradients(lambda x: ours(x, axis) ** 2, X)
    expected = numeric_gradient(
        lambda x: float(np.sum(numpys(x, axis=numpy_axis(axis)) ** 2)), [X], 0
    )
    assert_close(gradient, expected, 1e-6, 1e-8, name)


@pytest.mark.parametrize("axis", [None, 0, -1, [0, 1]], ids=str)
def test_all_and_any_are_those_of_numpy(axis: Any):
    flags = X[0] > 0
    assert_close(tf.reduce_all(flags, axis), np.all(flags, axis=numpy_axis(axis)))
    assert_close(tf.reduce_any(flags, axis), np.any(flags, axis=numpy_axis(axis)))


def test_an_axis_may_be_an_array_or_a_tensor():
    for axis in (np.array([0, 2]), tf.constant([0, 2]), [tf.constant(0), np.int64(2)]):
        assert_close(tf.reduce_sum(X, axis), X.sum((0, 2)), 1e-12)
    assert_close(tf.reduce_sum(X, tf.constant(1)), X.sum(1), 1e-12)


@pytest.mark.parametrize(
    ("axis", "error", "words"),
    [
        (3, tf.errors.InvalidArgumentError, ["axis 3", "rank 3", "-3 to 2"]),
        (-4, tf.errors.InvalidArgumentError, ["axis -4", "rank 3"]),
        ([0, -3], tf.errors.InvalidArgumentError, ["twice"]),
        (0.5, TypeError, ["whole number", "0.5"]),
    ],
)
def test_an_axis_that_is_not_there_is_refused(axis: Any, error: Any, words: list[str]):
    with pytest.raises(error) as caught:
        tf.reduce_sum(X, axis)
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_rank_0_tensor_has_no_axis_to_reduce():
    assert tf.reduce_sum(3.0).numpy() == 3.0
    with pytest.raises(tf.errors.InvalidArgumentError, match="no axes"):
        tf.reduce_sum(3.0, 0)


def test_reductions_over_nothing():
    empty = np.zeros((0, 2))
    assert tf.reduce_sum(empty).numpy() == 0.0
    assert tf.reduce_sum(empty, 0).numpy().tolist() == [0.0, 0.0]
    assert tf.reduce_sum(empty, 1).shape == (0,)
    assert tf.reduce_max(empty, 0).numpy().tolist() == [-np.inf, -np.inf]
    assert tf.reduce_min(empty).numpy() == np.inf
    assert tf.reduce_max(tf.zeros([0], tf.int8)).numpy() == -128
    assert tf.reduce_min(tf.zeros([0], tf.uint8)).numpy() == 255
    assert np.isnan(tf.reduce_mean(empty).numpy())
    assert tf.reduce_mean(empty, 1).shape == (0,)
    assert tf.reduce_all(tf.zeros([0], tf.bool)).numpy() and not tf.reduce_any(
        tf.zeros([0], tf.bool)
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="empty"):
        tf.argmax(tf.zeros([0]))


def test_sums_keep_their_dtype_and_wrap_as_integers_do():
    for dtype in ("int8", "uint8", "int32", "int64", "float16", "float32"):
        assert tf.reduce_sum(tf.ones([3], dtype)).dtype == dtype
    assert tf.reduce_sum(tf.constant([100, 100], tf.int8)).numpy() == -56


def test_the_mean_of_integers_is_an_integer_cut_towards_zero():
    for values, mean in (([1, 2], 1), ([-1, -2], -1), ([7], 7)):
        result = tf.reduce_mean(tf.constant(values))
        assert result.dtype is tf.int32 and result.numpy() == mean
    assert tf.reduce_mean(tf.fill([200], tf.constant(100, tf.int8))).numpy() == 100


def test_the_mean_of_16_bit_floats_does_not_overflow_on_the_way():
    for dtype in ("float16", "bfloat16"):
        result = tf.reduce_mean(tf.fill([70_000], tf.constant(2.0, dtype)))
        assert result.dtype == dtype and float(result) == 2.0


@pytest.mark.parametrize("function", [tf.reduce_sum, tf.reduce_mean, tf.reduce_max])
@pytest.mark.parametrize("dtype", ["bool", "string"])
def test_what_cannot_be_added_or_ordered_is_refused(function: Any, dtype: str):
    x = tf.zeros([2], dtype)
    for run in (lambda: function(x), lambda: tf.function(function)(x)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=dtype):
            run()
    for needs_bool in (tf.reduce_all, tf.reduce_any):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"bool.*int32.*tf\.cast"):
            needs_bool(tf.constant([0, 1]))


def test_elements_that_tie_for_the_extreme_share_the_gradient():
    for function, x, expected in (
        (tf.reduce_max, [3.0, 1.0, 3.0], [0.5, 0.0, 0.5]),
        (tf.reduce_min, [3.0, 1.0, 3.0], [0.0, 1.0, 0.0]),
        (tf.reduce_max, [2.0, 2.0, 2.0, 2.0], [0.25] * 4),
    ):
        _, (gradient,) = gradients(function, x)
        assert gradient.numpy().tolist() == expected


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_argmax_and_argmin_are_those_of_numpy(axis: int):
    for ours, numpys in ((tf.argmax, np.argmax), (tf.argmin, np.argmin)):
        found = ours(X, axis)
        assert found.dtype is tf.int64
        assert_close(found, numpys(X, axis))
        assert ours(X, axis, output_type=tf.int32).dtype is tf.int32
    assert tf.argmax([3, 7, 7]).numpy() == 1  # the first of several; axis 0 by default
    with pytest.raises(tf.errors.InvalidArgumentError, match="axis 5"):
        tf.argmax(X, 5)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_an_overflow_is_infinite_without_a_word(dtype: str):
    huge = tf.constant([[np.finfo(dtype).max] * 2] * 2, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # with the one exception that importing the engine makes
        warnings.filterwarnings("ignore", r".* encountered in ", RuntimeWarning, r"engine\b")
        assert np.isinf(tf.reduce_sum(huge).numpy())
        assert np.isinf(tf.reduce_sum(huge, 1).numpy()).all()
        assert np.isnan(tf.reduce_max(huge * np.nan).numpy())
        row = tf.constant([1.0, 1.0], dtype)
        _, (gradient,) = gradients(lambda b: huge * b, row)  # summed over the rows
        assert np.isinf(gradient.numpy()).all()
        with tf.GradientTape() as outer:
            outer.watch(row)
            _, (gradient,) = gradients(lambda b: huge * b * b, row)
        assert np.isinf(outer.gradient(gradient, row).numpy()).all()
