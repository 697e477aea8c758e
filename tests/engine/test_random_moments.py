"""Random numbers have the moments they should: by formula, and as TensorFlow's numbers have them.

All bounds are five standard errors of what is compared, which a right generator exceeds with probability
6e-7; over all comparisons here (about 400) a false alarm has probability 2e-4. The seeds are fixed, so a
run that passed passes again.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

import engine as tf
from tests.oracle.case import read
from tests.oracle.random_cases import DRAWN, DRAWS, SEED, Distribution, Draw

ERRORS = 5.0
ABOUT, TENSORFLOW = read("tensorflow_random")
each_draw = pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.call)
_POINTS = np.polynomial.legendre.leggauss(400)


def moment(distribution: Distribution, order: int) -> float:
    """A central moment, by summing or by Gauss-Legendre quadrature of the density."""
    if distribution.discrete:
        places = np.arange(distribution.low, distribution.high + 1)
        weights = np.array([distribution.density(float(k)) for k in places])
    else:
        t, w = (_POINTS[0] + 1) / 2, _POINTS[1] / 2
        length = distribution.high - distribution.low
        places = (
            distribution.low + length * t**2
        )  # t^2 smooths a root in the density at the lower end
        weights = w * 2 * t * length * np.array([distribution.density(float(x)) for x in places])
    return float(np.sum((places - distribution.mean) ** order * weights))


@functools.cache
def numbers(call: str) -> np.ndarray:
    tf.random.set_seed(SEED)
    drawn = eval(call, {"tf": tf, "n": DRAWS}).numpy()
    return np.asarray(drawn, np.float64).reshape(-1)


def sample_moments(x: np.ndarray) -> dict[str, float]:
    off = x - x.mean()
    return {"mean": x.mean(), "variance": (off**2).mean(), "third": (off**3).mean()}


def standard_errors(distribution: Distribution) -> dict[str, float]:
    """Of the three sample moments (Cramer, Mathematical Methods of Statistics, 27.4 to 27.7)."""
    m2, m3, m4, m6 = (moment(distribution, k) for k in (2, 3, 4, 6))
    variances = {
        "mean": m2,
        "variance": m4 - m2**2,
        "third": m6 - m3**2 - 6 * m4 * m2 + 9 * m2**3,
    }
    return {name: math.sqrt(max(v, 0.0) / DRAWS) for name, v in variances.items()}


@each_draw
def test_the_formulas_for_moments_are_those_of_the_density(draw: Draw):
    known = draw.distribution
    assert moment(known, 0) == pytest.approx(1, rel=1e-9)
    assert moment(known, 1) == pytest.approx(0, abs=1e-8 * math.sqrt(known.variance))
    assert moment(known, 2) == pytest.approx(known.variance, rel=1e-8)
    assert moment(known, 3) == pytest.approx(known.third, rel=1e-8, abs=1e-8 * known.variance**1.5)


@each_draw
def test_sample_moments_are_those_of_the_distribution(draw: Draw):
    known, found = draw.distribution, sample_moments(numbers(draw.call))
    assert numbers(draw.call).shape == (DRAWS,)
    for name, error in standard_errors(known).items():
        off = abs(found[name] - getattr(known, name))
        assert off <= ERRORS * error, (
            f"{name}: {found[name]}, {off / error:.1f} standard errors off"
        )


@each_draw
def test_sample_moments_are_those_of_tensorflows_numbers(draw: Draw):
    assert (ABOUT["draws"], ABOUT["seed"]) == (DRAWS, SEED)
    theirs, found = TENSORFLOW[draw.call], sample_moments(numbers(draw.call))
    for name, error in standard_errors(draw.distribution).items():
        both = math.sqrt(2) * error  # two samples of one size
        off = abs(found[name] - theirs[name])
        assert off <= ERRORS * both, (
            f"{name}: {found[name]} and {theirs[name]}, {off / both:.1f} apart"
        )


def test_what_is_recorded_is_drawn_here():
    assert sorted(TENSORFLOW) == sorted(draw.call for draw in DRAWN)


@pytest.mark.parametrize(
    "draw",
    [d for d in DRAWN if not d.distribution.discrete and not d.coarse],
    ids=lambda draw: draw.call,
)
def test_the_distribution_function_is_the_right_one(draw: Draw):
    """Kolmogorov and Smirnov's distance, at every 50th number in order."""
    x = np.sort(numbers(draw.call))
    below = draw.distribution.below
    assert below is not None
    places = np.arange(0, DRAWS, 50)
    expected = np.array([below(float(v)) for v in x[places]])
    distance = float(np.abs((places + 0.5) / DRAWS - expected).max())
    # P(sqrt(n) D > t) is below 2 exp(-2 t^2): 6e-7 at t = 2.74.
    assert math.sqrt(DRAWS) * distance < 2.74, f"distance {distance}"
    assert x[0] >= draw.distribution.low and x[-1] <= draw.distribution.high


@pytest.mark.parametrize(
    "draw", [d for d in DRAWN if d.distribution.discrete], ids=lambda draw: draw.call
)
def test_every_value_comes_as_often_as_it_should(draw: Draw):
    """Chi squared over the values that are expected at least ten times; the rest are one class."""
    known, x = draw.distribution, numbers(draw.call)
    assert (x == np.round(x)).all() and x.min() >= known.low
    values = np.arange(known.low, known.high + 1)
    expected = DRAWS * np.array([known.density(float(v)) for v in values])
    counts = np.bincount((x - known.low).astype(int), minlength=len(values))[: len(values)]
    common = expected >= 10
    rest = max(DRAWS - expected[common].sum(), 0.0)
    squares = ((counts - expected)[common] ** 2 / expected[common]).sum()
    classes = int(common.sum())
    if rest > 10:
        squares += (DRAWS - counts[common].sum() - rest) ** 2 / rest
        classes += 1
    k = classes - 1
    # The cube root of chi squared over k is nearly normal (Wilson and Hilferty, 1931).
    bound = k * (1 - 2 / (9 * k) + ERRORS * math.sqrt(2 / (9 * k))) ** 3
    assert squares < bound, f"chi squared {squares:.1f} with {k} degrees of freedom"


def first_numbers(kind: str, count: int) -> np.ndarray:
    """The first number of each of many streams that differ in their seeds alone."""

    def one(i: int) -> tf.Tensor:
        if kind == "set_seed":
            tf.random.set_seed(i)
            return tf.random.uniform([], dtype=tf.float64)
        if kind == "seed of the operation":
            tf.random.set_seed(1)
            return tf.random.uniform([], seed=i, dtype=tf.float64)
        if kind == "Generator":
            return tf.random.Generator.from_seed(i).uniform([], dtype=tf.float64)
        if kind == "skip":
            generator = tf.random.Generator.from_seed(1)
            generator.skip(i)
            return generator.uniform([], dtype=tf.float64)
        seeds = {"first": [i, 7], "second": [7, i], "fold_in": tf.random.fold_in([1, 2], i)}
        return tf.random.stateless_uniform([], seeds[kind], dtype=tf.float64)

    return np.array([float(one(i)) for i in range(count)])


@pytest.mark.parametrize(
    "kind",
    ["set_seed", "seed of the operation", "Generator", "skip", "first", "second", "fold_in"],
)
def test_streams_of_neighbouring_seeds_do_not_depend_on_each_other(kind: str):
    x = first_numbers(kind, 2000)
    assert len(set(x.tolist())) == 2000
    distance = np.abs(np.sort(x) - (np.arange(2000) + 0.5) / 2000).max()
    assert math.sqrt(2000) * distance < 2.74, f"distance {distance}"
    off = x - 0.5
    for lag in (1, 2, 16):
        correlation = float((off[:-lag] * off[lag:]).mean() * 12)
        assert abs(correlation) * math.sqrt(2000 - lag) < ERRORS, f"lag {lag}: {correlation}"


@pytest.mark.parametrize("alpha", [0.3, 1.0, 2.5, 30.0])
def test_gradients_of_gamma_draws_are_those_of_the_moments(alpha: float):
    """The mean alpha/rate and E[x^2] = alpha (alpha + 1) / rate^2, differentiated by each parameter."""
    tf.random.set_seed(SEED)
    a, rate = tf.fill([DRAWS], tf.constant(alpha, tf.float64)), tf.constant(2.0, tf.float64)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([a, rate])
        x = tf.random.gamma([], a, tf.fill([DRAWS], rate), tf.float64)
        square = x * x
    each = tape.gradient(x, a).numpy()
    of_squares = tape.gradient(square, a).numpy()
    assert (each > 0).all() and each.shape == (DRAWS,)
    for found, expected in ((each, 1 / 2), (of_squares, (2 * alpha + 1) / 4)):
        error = found.std() / math.sqrt(DRAWS)
        assert abs(found.mean() - expected) < ERRORS * error, (found.mean(), expected)
    by_rate = tape.gradient(x, rate).numpy() / DRAWS
    assert abs(by_rate + alpha / 4) < ERRORS * math.sqrt(alpha / 16 / DRAWS)


DRAWING = {
    "fixed_unigram_candidate_sampler", "log_uniform_candidate_sampler", "uniform_candidate_sampler",
    "stateless_parameterized_truncated_normal",
    "categorical", "gamma", "normal", "poisson", "shuffle", "split", "stateless_binomial",
    "stateless_categorical", "stateless_gamma", "stateless_normal", "stateless_poisson",
    "stateless_shuffle", "stateless_truncated_normal", "stateless_uniform", "truncated_normal", "uniform",
}  # fmt: skip
OTHERS = {  # of tf.random, these draw nothing or one number
    "Generator", "experimental", "fold_in", "get_global_generator", "set_global_generator", "set_seed",
}  # fmt: skip


def test_every_distribution_is_among_them():
    calls = " ".join(draw.call for draw in DRAWN)
    missing = sorted(n for n in DRAWING if f"tf.random.{n}(" not in calls)
    assert missing == []
    assert sorted(set(tf.random.__all__) - DRAWING - OTHERS) == [], (
        "add it to tests/oracle/random_cases.py"
    )
    own = [n for n in vars(tf.random.Generator) if f"from_seed(7).{n}(" in calls]
    assert {"uniform", "uniform_full_int", "normal", "truncated_normal", "binomial"} <= set(own)


def test_shuffling_gives_every_order_of_five_alike():
    tf.random.set_seed(SEED)
    blocks = tf.random.shuffle(np.arange(5 * DRAWS // 4)).numpy().reshape(-1, 5)
    order = np.argsort(blocks, axis=1)
    code = order @ 5 ** np.arange(5)
    counts = np.unique(code, return_counts=True)[1]
    assert len(counts) == 120
    expected = len(blocks) / 120
    squares = ((counts - expected) ** 2 / expected).sum()
    k = 119
    assert squares < k * (1 - 2 / (9 * k) + ERRORS * math.sqrt(2 / (9 * k))) ** 3


@each_draw
def test_neighbours_do_not_depend_on_each_other(draw: Draw):
    x = numbers(draw.call) - numbers(draw.call).mean()
    for lag in (1, 2, 7):
        correlation = float((x[:-lag] * x[lag:]).mean() / (x * x).mean())
        assert abs(correlation) * math.sqrt(DRAWS - lag) < ERRORS, f"lag {lag}: {correlation}"
