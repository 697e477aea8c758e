"""Integrals that have names: Dawson's, the exponential, Fresnel's and Spence's. `tf.math.special`.

Read `special` first: same tables. Equation numbers are those of DLMF, the Digital Library of Mathematical
Functions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.ops.bessel import _EULER, _parts
from engine.ops.elementwise import cos, equal, exp, log, ones_like, sin, square, unary, where
from engine.ops.special import _BERNOULLI, FLOAT, _polynomial, _widened


def _dawsn(x: Any) -> Any:
    size = np.abs(x)

    def series(z: Any) -> Any:  # 7.6.3 times exp(-z^2): z sum (-2 z^2)^k / (1 * 3 * ... (2k+1))
        terms = [1.0]
        for k in range(1, 22):
            terms.append(terms[-1] * -2 / (2 * k + 1))
        return z * _polynomial(z * z, tuple(terms[::-1]))

    def sampled(z: Any) -> Any:
        # Rybicki, Computers in Physics 3 (1989) 85: a sum of Gaussians at odd multiples of the step,
        # taken around z; its error is exp(-(pi / 2h)^2).
        step = 0.25
        middle = 2 * np.round(z / (2 * step))
        rest = z - middle * step
        total = 0.0
        for odd in range(-27, 28, 2):
            total = total + np.exp(-np.square(rest - odd * step)) / (middle + odd)
        return total / math.sqrt(math.pi)

    value = _parts(size, (size < 0.8, series), ((size >= 0.8) & (size < np.inf), sampled))
    return np.copysign(np.where(np.isinf(size), 0, value), x)


def _expint(x: Any) -> Any:
    def series(z: Any) -> Any:  # 6.6.1
        total, term = np.log(z) + _EULER, np.ones_like(z)
        for k in range(1, 145):
            term = term * z / k
            total = total + term / k
        return total

    def far(z: Any) -> Any:  # 6.12.2
        return np.exp(z) / z * _polynomial(1 / z, tuple(float(math.factorial(k)) for k in range(40, -1, -1)))

    value = _parts(x, ((x > 0) & (x <= 40), series), ((x > 40) & (x < np.inf), far))
    return np.where(x == 0, -np.inf, np.where(x == np.inf, np.inf, value))


def _fresnel(x: Any, sine: bool) -> Any:
    size = np.abs(x)

    def series(z: Any) -> Any:  # 7.6.4 and 7.6.6
        first = 1 if sine else 0
        quarter = math.pi / 2 * z * z
        odd = tuple(2 * k + first for k in range(14))
        terms = tuple((-1) ** (n // 2) / (math.factorial(n) * (2 * n + 1)) for n in odd)
        return z * quarter**first * _polynomial(quarter * quarter, terms[::-1])

    def auxiliary(z: Any) -> Any:  # 7.5.3 and 7.5.4, with f and g by 7.7.10 and 7.7.11, t = s^2
        f = g = 0.0
        for k in range(32):
            u = 0.2 * k
            s = np.square(u / z) * (2 / math.pi)
            part = math.exp(-u * u) * (0.2 if k else 0.1) / (1 + s * s)
            f, g = f + part, g + s * part
        scale = 2 / (math.pi * z) / math.sqrt(math.pi)
        f, g = f * scale, g * scale
        whole = np.round(z / 2)  # z^2 / 4 turns, less whole ones: z = 2 whole + rest
        rest = z - 2 * whole
        turns = np.remainder(whole * rest, 1) + rest * rest / 4
        wave, cross = np.cos(2 * math.pi * turns), np.sin(2 * math.pi * turns)
        return 0.5 - f * wave - g * cross if sine else 0.5 + f * cross - g * wave

    value = _parts(size, (size < 1.6, series), ((size >= 1.6) & (size < 1e150), auxiliary))
    return np.copysign(np.where(size >= 1e150, 0.5, value), x)


def _spence(x: Any) -> Any:
    """The integral of log(t) / (1 - t) from 1 to x."""

    def core(u: Any) -> Any:  # Li2(1 - exp(-u)) as a series in u: Lewin, Polylogarithms (1981), 1.3
        terms = (b / math.factorial(2 * k + 1) for k, b in enumerate(_BERNOULLI, start=1))
        return u - u * u / 4 + u * u * u * _polynomial(u * u, tuple(terms)[::-1])

    def small(z: Any) -> Any:  # 25.12.6
        lead = math.pi**2 / 6 - np.where(z > 0, np.log(np.maximum(z, 1e-300)) * np.log1p(-z), 0)
        return lead - core(-np.log1p(-z))

    def large(z: Any) -> Any:  # 25.12.4
        inverse = 1 / z
        return -0.5 * np.square(np.log(z)) - small(inverse)

    return _parts(
        x,
        ((x >= 0) & (x < 0.5), small),
        ((x >= 0.5) & (x <= 2), lambda z: core(0 - np.log(z))),
        (x > 2, large),
    )


def _integral(name: str, kernel: Any, vjp: Any, text: str) -> Any:
    return unary(name, _widened(kernel), (vjp,), text, FLOAT)


def _log_ratio(a: Any) -> Any:
    """log(a) / (1 - a), which is -1 at 1."""
    one = equal(a, 1)
    safe = where(one, 2 * ones_like(a), a)
    return where(one, -ones_like(a), log(safe) / (1 - safe))


# fmt: off
dawsn = _integral("dawsn", _dawsn, lambda dy, y, a: dy * (1 - 2 * a * y),
    "Dawson's integral, exp(-x^2) times the integral of exp(t^2) from 0 to x")
expint = _integral("expint", _expint, lambda dy, y, a: dy * exp(a) / a,
    "the exponential integral Ei(x), the principal value of that of exp(t)/t from -inf to x, for x > 0")
fresnel_cos = _integral("fresnel_cos", lambda x: _fresnel(x, False),
    lambda dy, y, a: dy * cos(square(a) * (math.pi / 2)),
    "Fresnel's integral of cos(pi t^2 / 2) from 0 to x")
fresnel_sin = _integral("fresnel_sin", lambda x: _fresnel(x, True),
    lambda dy, y, a: dy * sin(square(a) * (math.pi / 2)),
    "Fresnel's integral of sin(pi t^2 / 2) from 0 to x")
spence = _integral("spence", _spence, lambda dy, y, a: dy * _log_ratio(a),
    "Spence's integral of log(t) / (1 - t) from 1 to x >= 0, which is the dilogarithm of 1 - x")
# fmt: on
