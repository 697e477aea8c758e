"""Every distribution of `tf.random`: how it is drawn, and what its moments are. Not a test.

A draw is an expression with `tf` and the number of draws `n`; it means the same in TensorFlow, except
that no two frameworks draw the same numbers. `record_random.py` records the moments of TensorFlow's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

SEED = 20261123
DRAWS = 200_000


@dataclass(frozen=True)
class Distribution:
    """A distribution on an interval or on integers.

    density: the density at x, or the probability of the integer x.
    below: the probability of at most x, for a continuous one.
    low, high: what lies outside them does not matter for moments, or does not exist.
    """

    mean: float
    variance: float
    third: float  # the third central moment
    density: Callable[[float], float]
    low: float
    high: float
    below: Callable[[float], float] | None = None

    @property
    def discrete(self) -> bool:
        return self.below is None


def uniform(a: float, b: float) -> Distribution:
    return Distribution(
        (a + b) / 2, (b - a) ** 2 / 12, 0.0, lambda x: 1 / (b - a), a, b,
        lambda x: min(max((x - a) / (b - a), 0.0), 1.0),
    )  # fmt: skip


def _phi(z: float) -> float:
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _share(z: float) -> float:
    return math.erfc(-z / math.sqrt(2)) / 2


def normal(mean: float, stddev: float) -> Distribution:
    return Distribution(
        mean, stddev**2, 0.0, lambda x: _phi((x - mean) / stddev) / stddev,
        mean - 12 * stddev, mean + 12 * stddev, lambda x: _share((x - mean) / stddev),
    )  # fmt: skip


def truncated_normal(mean: float, stddev: float) -> Distribution:
    """A normal distribution, cut off two deviations from the mean."""
    inside = _share(2) - _share(-2)
    return Distribution(
        mean, stddev**2 * (1 - 4 * _phi(2) / inside), 0.0,
        lambda x: _phi((x - mean) / stddev) / stddev / inside,
        mean - 2 * stddev, mean + 2 * stddev,
        lambda x: min(max((_share((x - mean) / stddev) - _share(-2)) / inside, 0.0), 1.0),
    )  # fmt: skip


def between(mean: float, stddev: float, low: float, high: float) -> Distribution:
    """A normal distribution, cut off at two limits (Johnson, Kotz and Balakrishnan, vol. 1, 13.10)."""
    a, b = (low - mean) / stddev, (high - mean) / stddev
    inside = _share(b) - _share(a)
    m1 = (_phi(a) - _phi(b)) / inside
    m2 = 1 + (a * _phi(a) - b * _phi(b)) / inside
    m3 = 2 * m1 + (a * a * _phi(a) - b * b * _phi(b)) / inside  # moments of (x - mean) / stddev
    return Distribution(
        mean + stddev * m1, stddev**2 * (m2 - m1**2), stddev**3 * (m3 - 3 * m1 * m2 + 2 * m1**3),
        lambda x: _phi((x - mean) / stddev) / stddev / inside, low, high,
        lambda x: min(max((_share((x - mean) / stddev) - _share(a)) / inside, 0.0), 1.0),
    )  # fmt: skip


def gamma(alpha: float, rate: float) -> Distribution:
    """For alpha = 0.5, 1, 1.5, ...: P(a + 1, x) = P(a, x) - x^a exp(-x) / gamma(a + 1)."""

    def below(x: float) -> float:
        y = x * rate
        if y <= 0:
            return 0.0
        half = alpha % 1 == 0.5
        a, share = (0.5, math.erf(math.sqrt(y))) if half else (1.0, -math.expm1(-y))
        while a < alpha:
            share -= math.exp(a * math.log(y) - y - math.lgamma(a + 1))
            a += 1
        return share

    def density(x: float) -> float:
        log = alpha * math.log(rate) + (alpha - 1) * math.log(x) - rate * x - math.lgamma(alpha)
        return math.exp(log)

    high = (alpha + 12 * math.sqrt(alpha) + 60) / rate
    return Distribution(
        alpha / rate, alpha / rate**2, 2 * alpha / rate**3, density, 0.0, high, below
    )


def integers(first: int, end: int) -> Distribution:
    count = end - first
    return Distribution(
        (first + end - 1) / 2, (count**2 - 1) / 12, 0.0, lambda k: 1 / count, first, end - 1
    )


def poisson(rate: float) -> Distribution:
    def probability(k: float) -> float:
        return math.exp(k * math.log(rate) - rate - math.lgamma(k + 1))

    return Distribution(
        rate, rate, rate, probability, 0, math.ceil(rate + 15 * math.sqrt(rate) + 20)
    )


def binomial(trials: int, p: float) -> Distribution:
    spread = trials * p * (1 - p)
    return Distribution(
        trials * p, spread, spread * (1 - 2 * p),
        lambda k: math.comb(trials, int(k)) * p**k * (1 - p) ** (trials - k), 0, trials,
    )  # fmt: skip


def classes(logits: list[float]) -> Distribution:
    weights = [math.exp(x) for x in logits]
    shares = [w / sum(weights) for w in weights]
    mean = sum(k * p for k, p in enumerate(shares))
    second, third = (sum((k - mean) ** r * p for k, p in enumerate(shares)) for r in (2, 3))
    return Distribution(mean, second, third, lambda k: shares[int(k)], 0, len(shares) - 1)


@dataclass(frozen=True)
class Draw:
    """How it is drawn, and from what.

    theirs: TensorFlow's expression, where its name is another one.
    coarse: of a dtype so coarse that only moments are compared, no distance.
    """

    call: str
    distribution: Distribution
    theirs: str = ""
    coarse: bool = False


_G = "tf.random.Generator.from_seed(7)"
_LOGITS = [0.5, -1.0, 1.5, 0.0]
_BYTE = integers(0, 256)
_PLACE = integers(0, 5)  # of the largest of five that were shuffled with all the others

DRAWN: list[Draw] = [
    Draw("tf.random.uniform([n])", uniform(0, 1)),
    Draw("tf.random.uniform([n], -2.0, 3.0, tf.float64)", uniform(-2, 3)),
    Draw("tf.random.uniform([n], dtype=tf.float16)", uniform(0, 1), coarse=True),
    Draw("tf.random.uniform([n], 3, 10, tf.int32)", integers(3, 10)),
    Draw("tf.random.uniform([n], -5, 4, tf.int64)", integers(-5, 4)),
    Draw("tf.random.normal([n])", normal(0, 1)),
    Draw("tf.random.normal([n], 1.5, 0.5, tf.float64)", normal(1.5, 0.5)),
    Draw("tf.random.normal([n], dtype=tf.float16)", normal(0, 1), coarse=True),
    Draw("tf.random.normal([n], dtype=tf.bfloat16)", normal(0, 1), coarse=True),
    Draw("tf.random.truncated_normal([n])", truncated_normal(0, 1)),
    Draw("tf.random.truncated_normal([n], -1.0, 3.0, tf.float64)", truncated_normal(-1, 3)),
    Draw("tf.random.gamma([n], 0.5)", gamma(0.5, 1)),
    Draw("tf.random.gamma([n], 1.0, 2.0)", gamma(1, 2)),
    Draw("tf.random.gamma([n], 4.5, 0.5, tf.float64)", gamma(4.5, 0.5)),
    Draw("tf.random.poisson([n], 0.7)", poisson(0.7)),
    Draw("tf.random.poisson([n], 40.0, tf.float64)", poisson(40)),
    Draw("tf.random.categorical([[0.5, -1.0, 1.5, 0.0]], n)", classes(_LOGITS)),
    Draw("tf.argmax(tf.reshape(tf.random.shuffle(tf.range(5 * n)), [n, 5]), 1)", _PLACE),
    Draw("tf.random.stateless_uniform([n], [1, 2])", uniform(0, 1)),
    Draw("tf.random.stateless_uniform([n], [1, 2], 0, 6, tf.int32)", integers(0, 6)),
    Draw("tf.random.stateless_uniform([n], [1, 2], None, None, tf.uint32) % 256", _BYTE),
    Draw("tf.random.stateless_normal([n], [1, 2], 2.0, 3.0)", normal(2, 3)),
    Draw("tf.random.stateless_truncated_normal([n], [1, 2])", truncated_normal(0, 1)),
    Draw("tf.random.stateless_gamma([n], [1, 2], 2.5, dtype=tf.float64)", gamma(2.5, 1)),
    Draw("tf.random.stateless_gamma([n], [1, 2], 3.0, 1.5)", gamma(3, 1.5)),
    Draw("tf.random.stateless_poisson([n], [1, 2], 6.0)", poisson(6)),
    Draw("tf.random.stateless_binomial([n], [1, 2], 12.0, 0.3)", binomial(12, 0.3)),
    Draw("tf.random.stateless_categorical([[0.5, -1.0, 1.5, 0.0]], n, [1, 2])", classes(_LOGITS)),
    Draw(
        "tf.argmax(tf.reshape(tf.random.stateless_shuffle(tf.range(5 * n), [1, 2]), [n, 5]), 1)",
        _PLACE,
        theirs="tf.argmax(tf.reshape("
        "tf.random.experimental.stateless_shuffle(tf.range(5 * n), [1, 2]), [n, 5]), 1)",
    ),
    Draw("tf.reshape(tf.random.split([1, 2], n // 2), [-1]) % 256", _BYTE),
    Draw(f"{_G}.uniform([n])", uniform(0, 1)),
    Draw(f"{_G}.uniform([n], -3, 5, tf.int32)", integers(-3, 5)),
    Draw(f"{_G}.uniform_full_int([n], tf.uint32) % 256", _BYTE),
    Draw(f"{_G}.normal([n], 0.5, 2.0)", normal(0.5, 2)),
    Draw(f"{_G}.truncated_normal([n], 0.5, 2.0)", truncated_normal(0.5, 2)),
    Draw(f"{_G}.binomial([n], 20.0, 0.7)", binomial(20, 0.7)),
    Draw(f"{_G}.make_seeds(n)[0] % 256", _BYTE),
    *(
        Draw(
            f"tf.random.stateless_parameterized_truncated_normal([n], [1, 2], {m}, {s}, {a}, {b})",
            between(m, s, a, b),
        )
        for m, s, a, b in ((10.0, 3.0, 9.0, 12.0), (0.0, 1.0, 1.5, 4.0), (0.0, 1.0, -3.0, -2.0))
    ),
    Draw("tf.random.uniform_candidate_sampler([[0]], 1, n, False, 10)[0]", integers(0, 10)),
    Draw(
        "tf.random.log_uniform_candidate_sampler([[0]], 1, n, False, 20)[0]",
        classes([math.log(math.log1p(1 / (k + 1))) for k in range(20)]),
    ),
    Draw(
        "tf.random.fixed_unigram_candidate_sampler([[0]], 1, n, False, 3, unigrams=[1.0, 2.0, 5.0])[0]",
        classes([math.log(k) for k in (1, 2, 5)]),
    ),
    # Parameters that are tensors: draws for each element of them.
    Draw("tf.reshape(tf.random.gamma([n // 2], [2.0, 2.0]), [-1])", gamma(2, 1)),
    Draw("tf.reshape(tf.random.poisson([n // 2], [3.0, 3.0]), [-1])", poisson(3)),
    Draw(
        "tf.reshape(tf.random.categorical([[0.5, -1.0, 1.5, 0.0]] * 2, n // 2), [-1])",
        classes(_LOGITS),
    ),
    Draw("tf.random.stateless_binomial([n], [3, 4], 1000.0, 0.25)", binomial(1000, 0.25)),
    Draw("tf.random.stateless_poisson([n], [3, 4], tf.fill([n], 300.0))", poisson(300)),
    Draw("tf.random.normal([n], tf.zeros([n]) + 2.0, 0.5)", normal(2, 0.5)),
    Draw(
        "tf.cast(tf.nn.experimental.stateless_dropout(tf.ones([n]), 0.3, [1, 2]) > 0, tf.int32)",
        binomial(1, 0.7),
    ),
    Draw("tf.cast(tf.nn.dropout(tf.ones([n]), 0.3) > 0, tf.int32)", binomial(1, 0.7)),
]
