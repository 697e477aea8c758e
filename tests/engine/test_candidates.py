"""Samplers of classes and the losses over them; truncated normals; gradients through gamma draws."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close, gradients

rng = np.random.default_rng(70)
SAMPLERS: list[tuple[str, Any, np.ndarray]] = [
    ("uniform", tf.random.uniform_candidate_sampler, np.full(5, 0.2)),
    (
        "log uniform",
        tf.random.log_uniform_candidate_sampler,
        np.log((np.arange(5) + 2) / (np.arange(5) + 1)) / np.log(6),
    ),
    (
        "unigram",
        lambda *args, **options: tf.random.fixed_unigram_candidate_sampler(
            *args, unigrams=[1, 2, 3, 4], distortion=0.5, num_reserved_ids=1, **options
        ),
        np.sqrt([0, 1, 2, 3, 4]) / np.sqrt([1, 2, 3, 4]).sum(),
    ),
]
each_sampler = pytest.mark.parametrize(
    ("sampler", "chances"), [s[1:] for s in SAMPLERS], ids=[s[0] for s in SAMPLERS]
)


@each_sampler
def test_classes_are_drawn_as_often_as_the_sampler_says(sampler: Any, chances: np.ndarray):
    tf.random.set_seed(3)
    drawn, of_true, of_drawn = sampler([[1], [4]], 1, 40_000, False, 5)
    counts = np.bincount(drawn.numpy(), minlength=5)
    spread = np.sqrt(40_000 * chances * (1 - chances)) + 1e-9
    assert (np.abs(counts - 40_000 * chances) <= 5 * spread).all()
    assert_close(of_true, np.float32(40_000 * chances[[[1], [4]]]), 1e-6)
    assert_close(of_drawn, np.float32(40_000 * chances)[drawn.numpy()], 1e-6)
    assert drawn.dtype is tf.int64 and of_true.dtype is of_drawn.dtype is tf.float32


@each_sampler
def test_unique_classes_and_how_often_they_are_to_be_expected(sampler: Any, chances: np.ndarray):
    """Averaged over many samples, a class is there as often as it was said to be expected."""
    tf.random.set_seed(4)
    here: Counter[int] = Counter()
    expected = np.zeros(5)
    for _ in range(1500):
        drawn, of_true, _ = sampler([[0, 1, 2, 3, 4]], 5, 2, True, 5)
        assert len(set(drawn.numpy().tolist())) == 2
        here.update(drawn.numpy().tolist())
        expected += of_true.numpy()[0]
    shares = np.array([here[k] for k in range(5)]) / 1500
    assert_close(shares, expected / 1500, 0.15, 0.02)


def test_a_seed_repeats_and_a_graph_draws_afresh():
    draw = tf.function(lambda: tf.random.uniform_candidate_sampler([[0]], 1, 8, False, 1000)[0])
    tf.random.set_seed(5)
    first, second = draw().numpy(), draw().numpy()
    tf.random.set_seed(5)
    assert (draw().numpy() == first).all()
    assert (first != second).any()


def test_what_samplers_refuse():
    uniform = tf.random.uniform_candidate_sampler
    calls: list[tuple[Any, Any, str]] = [
        (
            lambda: uniform([[0]], 1, 6, True, 5),
            tf.errors.InvalidArgumentError,
            "6 different classes from 5",
        ),
        (
            lambda: uniform([0], 1, 2, True, 5),
            tf.errors.InvalidArgumentError,
            r"\(batch, num_true\)",
        ),
        (lambda: uniform([[0, 1]], 1, 2, True, 5), tf.errors.InvalidArgumentError, "num_true 1"),
        (
            lambda: tf.random.fixed_unigram_candidate_sampler([[0]], 1, 2, True, 5, unigrams=[1.0]),
            tf.errors.InvalidArgumentError,
            "range_max is 5, but .* name 1 classes",
        ),
        (
            lambda: tf.random.fixed_unigram_candidate_sampler([[0]], 1, 2, True, 5, "words.txt"),
            NotImplementedError,
            "give the counts as `unigrams`",
        ),
    ]
    for call, kind, words in calls:
        with pytest.raises(kind, match=words):
            call()


LABELS = np.array([[1, 4], [0, 6]])
DRAWN = np.array([4, 2, 7])
OFTEN = (np.float32([[0.5, 0.2], [0.9, 0.1]]), np.float32([0.2, 0.4, 0.1]))


def test_accidental_hits_are_where_drawn_classes_are_true():
    rows, places, weights = tf.nn.compute_accidental_hits([[1, 2], [4, 1]], [4, 1, 1], 2)
    pairs = sorted(zip(rows.numpy().tolist(), places.numpy().tolist(), strict=True))
    assert pairs == [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert (weights.numpy() == np.finfo(np.float32).min).all()
    assert (rows.dtype, places.dtype) == (tf.int32, tf.int64)


@pytest.mark.parametrize("remove", [True, False])
def test_losses_over_a_sample_by_hand(remove: bool):
    table, bias, x = rng.normal(size=(8, 3)), rng.normal(size=8), rng.normal(size=(2, 3))
    logits = x @ table.T + bias
    true = np.take_along_axis(logits, LABELS, 1) - np.log(OFTEN[0].astype(np.float64))
    drawn = logits[:, DRAWN] - np.log(OFTEN[1].astype(np.float64))
    if remove:
        drawn[0, 0] = -np.inf  # class 4 is one of the first example's own
    both = np.concatenate([true, drawn], 1)
    values = (DRAWN, *OFTEN)

    shares = np.exp(both) / np.exp(both).sum(1, keepdims=True)
    expected = -np.log(shares[:, :2]).mean(1)
    found = tf.nn.sampled_softmax_loss(table, bias, LABELS, x, 3, 8, 2, values, remove)
    assert_close(found, expected, 1e-6)
    goals = np.array([0.5, 0.5, 0, 0, 0])
    with np.errstate(invalid="ignore"):
        parts = np.logaddexp(0, both) - np.where(goals > 0, goals * both, 0)
    found = tf.nn.nce_loss(table, bias, LABELS, x, 3, 8, 2, values, remove)
    assert_close(found, parts.sum(1), 1e-6)

    def total(table: Any, bias: Any, x: Any) -> Any:
        return tf.reduce_sum(tf.nn.nce_loss(table, bias, LABELS, x, 3, 8, 2, values, remove))

    _, (d_table, d_bias, d_x) = gradients(total, table, bias, x)
    wanted = 1 / (1 + np.exp(-both)) - goals
    by_class = np.zeros((2, 8))
    for row in range(2):
        np.add.at(by_class[row], [*LABELS[row], *DRAWN], wanted[row])
    assert_close(d_bias, by_class.sum(0), 1e-6, 1e-9)
    assert_close(d_table, by_class.T @ x, 1e-6, 1e-9)
    assert_close(d_x, by_class @ table, 1e-6, 1e-9)


def test_losses_draw_for_themselves():
    table, x = tf.random.normal([50, 4]), tf.random.normal([6, 4])
    labels = tf.constant([[1], [2], [3], [40], [0], [7]])
    for loss in (tf.nn.nce_loss, tf.nn.sampled_softmax_loss):
        value = tf.function(lambda loss=loss: loss(table, tf.zeros(50), labels, x, 10, 50))()
        assert (
            value.shape == (6,)
            and bool(np.isfinite(value.numpy()).all())
            and (value.numpy() > 0).all()
        )


@pytest.mark.parametrize(
    "limits", [(-2.0, 2.0), (0.5, 1.0), (-np.inf, 0.0), (6.0, 7.0), (-9.0, -8.0)]
)
def test_truncated_normals_have_the_moments_of_their_distribution(limits: tuple[float, float]):
    low, high = limits
    given = [
        np.float64(1.5),
        np.float64(2.0),
        1.5 + 2 * np.float64(low),
        1.5 + 2 * np.float64(high),
    ]
    draws = tf.random.stateless_parameterized_truncated_normal([40_000], [3, 4], *given).numpy()
    assert (draws >= given[2]).all() and (draws <= given[3]).all()
    points = np.linspace(max(low, -9.5), high, 200_001)
    weights = np.exp(-(points**2) / 2 + (max(min(points, key=abs), 0) ** 2 if low > 0 else 0) / 2)
    weights /= weights.sum()
    mean = 1.5 + 2 * (points * weights).sum()
    deviation = 2 * np.sqrt((points**2 * weights).sum() - (points * weights).sum() ** 2)
    assert abs(draws.mean() - mean) <= 5 * deviation / 200
    assert abs(draws.std() / deviation - 1) <= 0.05


def test_truncated_normals_move_with_their_parameters():
    """All four parameters moved by 1 move every draw by 1; all four doubled double it."""

    def draws(*parameters: Any) -> Any:
        return tf.random.stateless_parameterized_truncated_normal([50], [5, 6], *parameters)

    given = [np.float64(v) for v in (1.0, 2.0, -1.0, 4.0)]
    value, slopes = gradients(lambda *p: tf.reduce_sum(draws(*p)), *given)
    moved = slopes[0] + slopes[2] + slopes[3]
    assert_close(moved, np.float64(50.0), 1e-10)
    scaled = sum(slope.numpy() * x for slope, x in zip(slopes, given, strict=True))
    assert_close(scaled, value.numpy(), 1e-9)


@pytest.mark.parametrize("shape", [0.05, 0.7, 3.0, 40.0])
def test_gradients_of_means_flow_through_gamma_draws(shape: float):
    """For draws with shape a and rate b: E x = a/b and E log x = digamma(a) - log(b)."""
    tf.random.set_seed(6)

    def means(a: Any, b: Any) -> Any:
        x = tf.random.gamma([60_000], a, b, tf.float64)
        return tf.stack([tf.reduce_mean(x), tf.reduce_mean(tf.math.log(x + 1e-300))])

    a, b = tf.constant(shape, tf.float64), tf.constant(2.0, tf.float64)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([a, b])
        found = means(a, b)
        mean, log_mean = found[0], found[1]
    by_a, by_b = tape.gradient(mean, [a, b])
    assert abs(by_a.numpy() * 2.0 - 1) < 0.1 * max(1, shape**-0.5)
    assert_close(by_b, -mean.numpy() / 2.0, 1e-10)
    slope = tape.gradient(log_mean, a).numpy()
    expected = tf.math.polygamma(np.float64(1), np.float64(shape)).numpy()
    assert abs(slope / expected - 1) < 0.05


def test_the_experimental_names():
    experimental = tf.random.experimental
    assert experimental.stateless_split is tf.random.split
    assert experimental.stateless_fold_in is tf.random.fold_in
    assert experimental.stateless_shuffle is tf.random.stateless_shuffle
    assert experimental.Generator is tf.random.Generator
