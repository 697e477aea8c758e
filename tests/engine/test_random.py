"""Random numbers: the same from the same seed, fresh at each call, and from the right distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close

N = 20_000


@pytest.fixture(autouse=True)
def seeded() -> None:
    tf.random.set_seed(42)


def test_a_seed_starts_the_same_sequence():
    first = [tf.random.normal([3]).numpy(), tf.random.uniform([3]).numpy()]
    tf.random.set_seed(42)
    again = [tf.random.normal([3]).numpy(), tf.random.uniform([3]).numpy()]
    assert_close(np.stack(first), np.stack(again), 0)
    tf.random.set_seed(43)
    assert not (tf.random.normal([3]).numpy() == first[0]).any()


def test_every_draw_is_fresh_and_uncorrelated():
    a, b = tf.random.normal([N]).numpy(), tf.random.normal([N]).numpy()
    assert not (a == b).any()
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(N)
    assert abs(np.corrcoef(a[:-1], a[1:])[0, 1]) < 4 / np.sqrt(N)


def test_the_seed_of_an_operation_changes_its_numbers():
    plain = tf.random.uniform([4]).numpy()
    tf.random.set_seed(42)
    one = tf.random.uniform([4], seed=1).numpy()
    tf.random.set_seed(42)
    assert_close(tf.random.uniform([4], seed=1), one, 0)
    tf.random.set_seed(42)
    two = tf.random.uniform([4], seed=2).numpy()
    assert not (plain == one).any() and not (one == two).any()


def test_a_graph_draws_fresh_numbers_at_each_call_and_the_same_ones_as_eager():
    draw = tf.function(lambda: tf.random.normal([5]))
    first, second = draw().numpy(), draw().numpy()
    assert not (first == second).any()
    tf.random.set_seed(42)
    assert_close(tf.random.normal([5]), first, 0, what="eager after the same seed")
    assert_close(draw(), second, 0, what="then the graph goes on where eager stopped")
    assert draw.experimental_get_tracing_count() == 1


def test_uniform_numbers():
    x = tf.random.uniform([N], -2.0, 3.0).numpy()
    assert x.min() >= -2.0 and x.max() <= 3.0
    assert abs(x.mean() - 0.5) < 4 * (5 / np.sqrt(12)) / np.sqrt(N)
    counts = np.histogram(x, bins=10, range=(-2, 3))[0]
    assert (
        (counts - N / 10) ** 2 / (N / 10)
    ).sum() < 30  # chi squared, 9 degrees of freedom: p < 0.001


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
def test_uniform_numbers_never_reach_1(dtype: str):
    x = tf.random.uniform([200_000], dtype=dtype)
    assert x.dtype == dtype
    values = x.numpy().astype(np.float64)
    assert values.max() < 1.0 and values.min() >= 0.0


def test_normal_numbers():
    x = tf.random.normal([N], mean=1.5, stddev=0.5).numpy()
    assert x.dtype == np.float32
    assert abs(x.mean() - 1.5) < 4 * 0.5 / np.sqrt(N)
    assert abs(x.std() - 0.5) < 4 * 0.5 / np.sqrt(2 * N)
    z = np.sort((x - 1.5) / 0.5)
    for level, share in ((-1, 0.158655), (0, 0.5), (1, 0.841345), (2, 0.977250)):
        assert abs(np.searchsorted(z, level) / N - share) < 4 * np.sqrt(share * (1 - share) / N)


def test_truncated_normal_numbers_stay_within_two_deviations():
    x = tf.random.truncated_normal([N], mean=1.0, stddev=2.0).numpy()
    assert np.abs(x - 1.0).max() <= 4.0
    assert (
        abs((x - 1.0).std() - 2 * 0.87962566) < 0.03
    )  # the standard deviation of that distribution
    for _ in range(60):  # about 3 of 60 fall outside at first and are drawn again
        assert abs(float(tf.random.truncated_normal([]))) <= 2.0


def test_integers():
    x = tf.random.uniform([N], 3, 7, tf.int32)
    assert x.dtype is tf.int32
    values, counts = np.unique(x.numpy(), return_counts=True)
    assert values.tolist() == [3, 4, 5, 6]
    assert ((counts - N / 4) ** 2 / (N / 4)).sum() < 17
    with pytest.raises(ValueError, match="maxval"):
        tf.random.uniform([2], dtype=tf.int32)
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.random.uniform([2], 5, 5, tf.int32)


def test_shuffle_moves_rows_and_loses_none():
    x = np.arange(20).reshape(10, 2)
    shuffled = tf.random.shuffle(x).numpy()
    assert sorted(map(tuple, shuffled)) == list(map(tuple, x))
    assert shuffled.tolist() != x.tolist()


@pytest.mark.parametrize("draw", [tf.random.normal, tf.random.truncated_normal])
def test_normal_numbers_are_floating(draw: Any):
    with pytest.raises(tf.errors.InvalidArgumentError, match="int32"):
        draw([2], dtype=tf.int32)


def test_the_first_draw_may_happen_while_tracing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("engine.ops.random._state", None)
    draw = tf.function(lambda: tf.random.uniform([8]))
    first, second = draw().numpy(), draw().numpy()
    assert not (first == second).any()


def test_drawing_leaves_no_trace_on_a_gradient():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * tf.random.uniform([])
    noise = y.numpy() / 2.0
    assert_close(tape.gradient(y, x), noise, 1e-6)
    assert tape.watched_variables() == ()
