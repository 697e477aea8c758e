"""Special functions by identities, closed forms and their behaviour at the edges, over wide ranges.

`test_registry.py` compares each with its definition on a few points and checks every derivative; here are
the arguments that need another branch of a kernel: tiny, large, at a pole, outside the domain.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.ops.gamma import random_gamma_grad
from tests.engine.oracle import assert_close, gradients, numeric_gradient
from tests.engine.samples_special import expint, integral

special = tf.math.special
WIDE = np.concatenate([np.geomspace(1e-6, 0.9, 9), np.linspace(1, 60, 119), [200.0, 1e3, 1e5]])


def value(x: Any) -> np.ndarray:
    return np.asarray(x.numpy())


@pytest.mark.parametrize("a", [1, 2, 3, 8, 40, 120])
def test_igamma_of_whole_numbers_is_a_sum(a: int):
    """Q(n, x) = exp(-x) (1 + x + ... + x^(n-1) / (n-1)!), and P is the rest of that series."""
    for x in (0.001, 0.4, 0.99, 1.01, 3.5, a - 0.5, a + 0.5, 1.2 * a + 3, 3.0 * a):
        parts = [Fraction(x) ** k / math.factorial(k) for k in range(a)]
        upper = float(sum(parts)) * math.exp(-x)
        rest = [math.exp(k * math.log(x) - math.lgamma(k + 1) - x) for k in range(a, a + 900)]
        assert_close(tf.math.igammac(np.float64(a), x), upper, 2e-13, what=f"Q({a}, {x})")
        assert_close(tf.math.igamma(np.float64(a), x), math.fsum(rest), 1e-12, what=f"P({a}, {x})")


def test_igamma_of_halves_is_the_error_function():
    x = np.geomspace(1e-8, 600, 60)
    assert_close(tf.math.igamma(0.5, x), np.vectorize(math.erf)(np.sqrt(x)), 1e-13)
    assert_close(tf.math.igammac(0.5, x), np.vectorize(math.erfc)(np.sqrt(x)), 2e-13, 1e-300)


@pytest.mark.parametrize("a", [1e-8, 1e-3, 0.3, 1.0, 7.0, 60.0, 1e4, 1e7])
def test_igamma_fits_together_where_its_formulas_meet(a: float):
    """P + Q = 1, P(a+1, x) = P(a, x) - x^a exp(-x) / gamma(a+1), and no step at x = 1 or x = a."""
    x = np.array([0.2, 0.999999, 1.000001, a * (1 - 1e-9), a * (1 + 1e-9), a + math.sqrt(a)])
    p, q = tf.math.igamma(a, x), tf.math.igammac(a, x)
    assert_close(p + q, np.ones(6), 1e-15)
    step = np.exp(a * np.log(x) - x - math.lgamma(a + 1))
    assert_close(value(p) - step, tf.math.igamma(a + 1, x), 1e-9, 1e-9)
    assert abs(value(p)[4] - value(p)[3]) < 1e-9 * max(1.0, math.sqrt(a))


def test_igamma_far_out_is_normal():
    """(P(a, a + z sqrt(a)) - Phi(z)) falls as 1 / sqrt(a); the next term is known (DLMF 8.11.12)."""
    for a in (1e4, 1e6, 1e8):
        expected = (
            0.5 + 1 / (3 * math.sqrt(2 * math.pi * a)) + 1 / (540 * a * math.sqrt(2 * math.pi * a))
        )
        assert_close(tf.math.igamma(np.float64(a), a), expected, 1e-12)


def test_the_edges_of_the_incomplete_gamma_functions():
    a, x = [1.0, 1.0, 0.0, -1.0, 2.0, 2.0, np.inf], [0.0, np.inf, 1.0, 1.0, -1.0, np.nan, 5.0]
    p, q = tf.math.igamma(a, x), tf.math.igammac(a, x)
    assert_close(p, np.float32([0, 1, np.nan, np.nan, np.nan, np.nan, 0]), 0)
    assert_close(q, np.float32([1, 0, np.nan, np.nan, np.nan, np.nan, 1]), 0)
    assert p.dtype is tf.float32
    assert tf.math.igamma(tf.constant([1, 2], tf.bfloat16), 1.0).dtype is tf.bfloat16


@pytest.mark.parametrize("a", [0.05, 0.8, 3.0, 40.0])
def test_derivatives_of_igamma_by_its_parameter_in_every_branch(a: float):
    x = np.array([0.3, 0.97, 1.4, 0.7 * a + 0.1, 1.4 * a + 0.5])
    for function in (tf.math.igamma, tf.math.igammac):

        def total(a: Any, function: Any = function) -> tf.Tensor:
            return tf.reduce_sum(function(a, x) * [1.0, 2.0, 3.0, 4.0, 5.0])

        _, (slope,) = gradients(total, np.float64(a))
        expected = numeric_gradient(
            lambda b: float(total(tf.constant(b))), [np.float64(a)], 0, 1e-5
        )
        assert_close(slope, expected, 1e-7, 1e-9)


def test_a_gamma_draw_moves_with_its_shape():
    """For shape 1 the draw is -log(1 - u), and the derivative of the share below follows by hand."""
    x = np.array([0.01, 0.4, 1.0, 2.5, 9.0])
    _, (by_shape,) = gradients(lambda a: tf.math.igamma(a, x), np.ones(5))
    assert_close(random_gamma_grad(np.ones(5), x), -value(by_shape) / np.exp(-x), 1e-13)
    large = (
        1e6  # nearly normal: mean a, deviation sqrt(a), so the draw moves by 1 + z / (2 sqrt(a))
    )
    z = np.array([-1.0, 0.0, 2.0])
    moved = random_gamma_grad(np.full(3, large), large + z * math.sqrt(large))
    assert_close(moved, 1 + z / (2 * math.sqrt(large)), 1e-5)
    assert value(random_gamma_grad(0.001, [0.0, 1e-30]))[0] == 0


def test_betainc_in_closed_form():
    x = np.array([1e-9, 1e-3, 0.2, 0.5, 0.8, 0.999, 1 - 1e-9])
    for b in (0.3, 1.0, 6.0, 500.0):
        assert_close(tf.math.betainc(1.0, b, x), -np.expm1(b * np.log1p(-x)), 1e-12)
        assert_close(tf.math.betainc(b, 1.0, x), x**b, 1e-12, 1e-300)
    assert_close(
        tf.math.betainc(0.5, 0.5, x), 2 / np.pi * np.arctan2(np.sqrt(x), np.sqrt(1 - x)), 1e-13
    )
    for n, k in ((10, 3), (60, 31), (400, 200)):  # the chance of k successes or more in n trials
        chances = [
            math.fsum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k, n + 1))
            for p in x[1:-1].tolist()
        ]
        assert_close(
            tf.math.betainc(float(k), n - k + 1.0, x[1:-1]), np.array(chances), 1e-11, 1e-300
        )
    inner = x[1:-1]
    for a, b in ((0.02, 0.5), (3.0, 0.1), (2e3, 5e3)):
        both = tf.math.betainc(a, b, inner) + tf.math.betainc(b, a, 1 - inner)
        assert_close(both, np.ones(5), 1e-12)


def test_the_edges_of_betainc():
    x = [0.0, 1.0, -0.1, 1.1, np.nan]
    assert_close(tf.math.betainc(2.0, 3.0, x), np.float32([0, 1, np.nan, np.nan, np.nan]), 0)
    assert_close(tf.math.betainc([0.0, 1.0], [1.0, -1.0], 0.5), np.float32([np.nan, np.nan]), 0)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"betainc: tensors of one dtype"):
        tf.math.betainc(tf.constant(1.0), tf.constant(1.0), tf.constant(0.5, tf.float64))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"igamma works on float tensors"):
        tf.math.igamma(1, 2)


def test_bessel_functions_hold_their_wronskians():
    """I0 K1 + I1 K0 = 1/x and J1 Y0 - J0 Y1 = 2/(pi x): DLMF 10.28.2 and 10.5.2."""
    scaled = [
        value(getattr(special, f"bessel_{name}")(WIDE)) for name in ("i0e", "i1e", "k0e", "k1e")
    ]
    assert_close(scaled[0] * scaled[3] + scaled[1] * scaled[2], 1 / WIDE, 3e-15)
    j0, j1, y0, y1 = (
        value(getattr(special, f"bessel_{name}")(WIDE)) for name in ("j0", "j1", "y0", "y1")
    )
    assert_close(j1 * y0 - j0 * y1, 2 / (np.pi * WIDE), 1e-13)


def test_bessel_functions_at_points_of_tables():
    """Abramowitz and Stegun, tables 9.1, 9.8, and the first zeros from table 9.5."""
    assert_close(special.bessel_j0(np.float64(1)), 0.7651976865579666, 1e-15)
    assert_close(special.bessel_j1(np.float64(10)), 0.04347274616886144, 1e-13)
    assert_close(special.bessel_y0(np.float64(1)), 0.08825696421567697, 1e-14)
    assert_close(special.bessel_y1(np.float64(1)), -0.7812128213002887, 1e-15)
    assert_close(special.bessel_i0(np.float64(1)), 1.2660658777520084, 1e-15)
    assert_close(special.bessel_k0(np.float64(1)), 0.42102443824070834, 1e-14)
    assert_close(
        special.bessel_j0(np.array([2.404825557695773, 30.634606468431975])), np.zeros(2), 0, 1e-15
    )


def test_bessel_functions_scaled_and_not():
    x = np.concatenate([-WIDE[WIDE < 600], WIDE[WIDE < 600]])
    up = np.exp(np.abs(x))
    assert_close(special.bessel_i0(x), value(special.bessel_i0e(x)) * up, 1e-14)
    assert_close(special.bessel_i1(x), value(special.bessel_i1e(x)) * up, 1e-14)
    positive = x[x > 0]
    assert_close(
        special.bessel_k0(positive), value(special.bessel_k0e(positive)) / up[x > 0], 1e-14
    )
    assert_close(
        special.bessel_k1(positive), value(special.bessel_k1e(positive)) / up[x > 0], 1e-14
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bessel_i0", [1, np.inf, np.inf]), ("bessel_i1", [0, np.inf, -np.inf]),
        ("bessel_i0e", [1, 0, 0]), ("bessel_i1e", [0, 0, 0]),
        ("bessel_k0", [np.inf, 0, np.inf]), ("bessel_k1e", [np.inf, 0, np.inf]),
        ("bessel_j0", [1, 0, 0]), ("bessel_j1", [0, 0, 0]),
        ("bessel_y0", [-np.inf, 0, -np.inf]), ("bessel_y1", [-np.inf, 0, -np.inf]),
        ("dawsn", [0, 0, 0]), ("expint", [-np.inf, np.inf, np.nan]),
        ("fresnel_cos", [0, 0.5, -0.5]), ("fresnel_sin", [0, 0.5, -0.5]),
        ("spence", [np.pi**2 / 6, -np.inf, np.nan]),
    ],
)  # fmt: skip
def test_special_functions_at_zero_at_infinity_and_of_nan(name: str, expected: list[float]):
    found = getattr(special, name)(np.array([0, np.inf, -np.inf, np.nan]))
    assert_close(found, np.array([*expected, np.nan]), 1e-15, what=name)
    assert getattr(special, name)(tf.constant(0.5, tf.float16)).dtype is tf.float16
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{name} works on float tensors"):
        getattr(special, name)(tf.constant(1))


def test_derivatives_at_zero():
    """Where a rule divides by x: I1(x)/x and J1(x)/x are 1/2 there."""
    for name, expected in (("i1", 0.5), ("i1e", 0.5), ("j1", 0.5), ("i0", 0.0), ("j0", 0.0)):
        _, (slope,) = gradients(getattr(special, f"bessel_{name}"), np.float64(0))
        assert value(slope) == expected, name
    _, (slope,) = gradients(special.spence, np.float64(1))
    assert value(slope) == -1.0


def test_named_integrals_far_out():
    """Leading terms of the asymptotic series: DLMF 7.12, 6.12; and the reflection of spence, 25.12.4."""
    x = np.array([50.0, 1e3, 1e6])
    assert_close(special.dawsn(x), 1 / (2 * x) * (1 + 1 / (2 * x**2) + 3 / (4 * x**4)), 1e-9)
    total = expint(30.0)
    for far in range(31, 61):
        total += integral(lambda t: np.exp(t) / t, far - 1, far).real
        assert_close(special.expint(np.float64(far)), total, 1e-13)
    phase = np.pi / 2 * (x[:2] % 4) ** 2
    assert_close(special.fresnel_cos(x[:2]), 0.5 + np.sin(phase) / (np.pi * x[:2]), 1e-5)
    assert_close(special.fresnel_sin(x[:2]), 0.5 - np.cos(phase) / (np.pi * x[:2]), 1e-5)
    wide = np.geomspace(0.01, 100, 41)
    both = value(special.spence(wide)) + value(special.spence(1 / wide))
    assert_close(both, -0.5 * np.log(wide) ** 2, 1e-13, 1e-14)
    assert_close(
        special.spence(np.array([2.0, 0.5])),
        [-(np.pi**2) / 12, np.pi**2 / 12 - np.log(2) ** 2 / 2],
        1e-15,
    )


@pytest.mark.parametrize("edge", [0.8, 1.6, 2.0, 0.5, 25.0, 40.0, 1.0])
def test_no_step_where_one_formula_hands_over_to_another(edge: float):
    around = np.array([np.nextafter(edge, 0), edge, np.nextafter(edge, 99)])
    for name in special.__all__:
        found = value(getattr(special, name)(around))
        assert_close(found, np.full(3, found[1]), 1e-13, 3e-15, f"{name} at {edge}")
