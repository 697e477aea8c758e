"""Isotonic regression, Sobol's points, dropout from given numbers, and average losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close, gradients, numeric_gradient

rng = np.random.default_rng(80)


@pytest.mark.parametrize("decreasing", [True, False])
@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_isotonic_regression_is_the_nearest_monotonic_sequence(decreasing: bool, axis: int):
    """Nearest: monotonic, and the residual is at right angles to it and against every other one."""
    x = rng.normal(size=(4, 5, 6))
    fit, runs = tf.nn.isotonic_regression(x, decreasing, axis)
    y, numbers = (np.moveaxis(part.numpy(), axis, -1) for part in (fit, runs))
    rest = np.moveaxis(x, axis, -1) - y
    steps = np.diff(y) * (-1 if decreasing else 1)
    assert (steps >= 0).all() and runs.dtype is tf.int32
    assert ((steps > 0) == (np.diff(numbers) == 1)).all() and (numbers[..., 0] == 0).all()
    assert_close((rest * y).sum(-1), np.zeros(y.shape[:-1]), 0, 1e-12)
    sums = np.cumsum(rest, -1) * (1 if decreasing else -1)
    assert (sums <= 1e-12).all() or (sums >= -1e-12).all()
    assert_close(sums[..., -1], np.zeros(y.shape[:-1]), 0, 1e-12)


def test_isotonic_regression_has_derivatives_and_takes_integers():
    x = rng.normal(size=(2, 6))

    def total(x: Any) -> tf.Tensor:
        return tf.reduce_sum(tf.nn.isotonic_regression(x)[0] ** 2 * np.arange(6.0))

    _, (slope,) = gradients(total, x)
    assert_close(
        slope, numeric_gradient(lambda v: float(total(tf.constant(v))), [x], 0), 1e-6, 1e-7
    )
    unknown = tf.function(total, input_signature=[tf.TensorSpec([None, None], tf.float64)])
    assert_close(unknown(x), total(tf.constant(x)), 1e-13)
    fit, _ = tf.nn.isotonic_regression([1, 3, 2])
    assert fit.numpy().tolist() == [2.0, 2.0, 2.0] and fit.dtype is tf.float64
    assert tf.nn.isotonic_regression(np.zeros((2, 0)))[0].shape == (2, 0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="isotonic_regression works on"):
        tf.nn.isotonic_regression([1j])


@pytest.mark.parametrize("power", [1, 3, 6, 10])
def test_sobol_points_fill_every_cell_alike(power: int):
    """Each dimension's first 2^m points, with 0, hit each of 2^m intervals once; pairs fill a grid."""
    count = 2**power
    points = tf.math.sobol_sample(21, count - 1, dtype=tf.float64).numpy()
    whole = np.concatenate([np.zeros((1, 21)), points])
    cells = np.sort((whole * count).astype(int), 0)
    assert (cells == np.arange(count)[:, None]).all()
    side = 2 ** (power // 2)
    first = (whole[: side * side, :2] * side).astype(int)
    assert len({tuple(cell) for cell in first.tolist()}) == side * side


def test_sobol_integrates_better_than_chance():
    points = tf.math.sobol_sample(6, 4096, skip=1, dtype=tf.float64).numpy()
    error = abs(np.prod(1 + (points - 0.5) / 2, 1).mean() - 1)
    assert error < 5e-4  # 4096 random points: about 0.006
    again = tf.math.sobol_sample(6, 100, skip=1001).numpy()
    assert_close(again, points[1000:1100].astype(np.float32), 0)
    assert again.dtype == np.float32
    calls: list[tuple[Any, type[Exception], str]] = [
        (lambda: tf.math.sobol_sample(22, 3), tf.errors.InvalidArgumentError, "1 to 21 dimensions"),
        (
            lambda: tf.math.sobol_sample(2, 0),
            tf.errors.InvalidArgumentError,
            "positive num_results",
        ),
        (lambda: tf.math.sobol_sample(2, 3, dtype=tf.int32), ValueError, "floating-point dtype"),
    ]
    for call, kind, words in calls:
        with pytest.raises(kind, match=words):
            call()


def test_dropout_from_a_seed_and_from_given_numbers():
    x = np.float32(np.arange(1, 201).reshape(10, 20))
    drop = tf.nn.experimental.stateless_dropout
    first, second = drop(x, 0.4, [1, 2]).numpy(), drop(x, 0.4, [1, 3]).numpy()
    assert (first == drop(x, 0.4, [1, 2]).numpy()).all() and (first != second).any()
    kept = first != 0
    assert_close(first[kept], x[kept] / np.float32(0.6), 1e-6)
    assert 0.4 < kept.mean() < 0.8
    rows = drop(x, 0.5, [3, 4], noise_shape=[10, 1]).numpy()
    assert ((rows != 0).all(1) | (rows == 0).all(1)).all()

    asked: list[Any] = []

    def sampler(shape: Any, dtype: Any) -> Any:
        asked.append((list(shape), dtype))
        return np.float32([[0.1], [0.5], [0.9]])

    made = tf.nn.experimental.general_dropout(np.ones((3, 2)), 0.5, sampler, [3, 1])
    assert made.numpy().tolist() == [[0, 0], [2, 2], [2, 2]]
    assert asked == [([3, 1], tf.float32)]


def test_average_losses_of_parts_add_up():
    losses, weights = rng.normal(size=(8, 3)), rng.uniform(size=(8, 1))
    whole = tf.nn.compute_average_loss(losses, weights)
    parts = [
        tf.nn.compute_average_loss(losses[i : i + 2], weights[i : i + 2], global_batch_size=8)
        for i in range(0, 8, 2)
    ]
    assert_close(whole, (losses * weights).sum() / 8, 1e-13)
    assert_close(tf.add_n(parts), whole, 1e-13)
    assert_close(tf.nn.scale_regularization_loss(losses), losses.sum(), 1e-13)
    with pytest.raises(ValueError, match="one loss an example"):
        tf.nn.compute_average_loss(1.0)
