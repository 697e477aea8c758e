"""What the functions defined by an integral share: a quadrature, and pieces free of cancellation.

Everything here works on arrays inside kernels; `derivatives_of_exp` and `psi` on tensors as well, in
derivatives. Read `special` first. Used by `gamma` and `beta`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.ops.special import (
    _BERNOULLI,
    _digamma,
    _lgamma_positive,
    _polynomial,
    _same,
    _zeta,
    digamma,
    polygamma,
)
from engine.tensor import Tensor


@functools.cache
def half_line() -> tuple[tuple[float, float], ...]:
    """Points u and weights for the integral over u > 0 of a smooth function that falls like exp(-u).

    The trapezoidal rule after u = exp(t - exp(-t)), whose error falls exponentially with the number of
    points: Takahasi and Mori, Double Exponential Formulas for Numerical Integration (1974).
    """
    step = 1 / 8
    rows = []
    for k in range(round(-3.6 / step), round(4.9 / step)):
        fall = math.exp(-k * step)
        u = math.exp(k * step - fall)
        rows.append((u, step * (1 + fall) * u))
    return tuple(rows)


def log_minus(ratio: Any, gap: Any) -> Any:
    """log(ratio) - gap where gap = ratio - 1, without cancellation: log(1+g) is 2 atanh(g / (2+g))."""
    near = np.clip(gap, -0.5, 0.5)
    r = near / (2 + near)
    series = _polynomial(r * r, tuple(2.0 / k for k in range(33, 1, -2)))
    return np.where(np.abs(gap) <= 0.5, r * (series * r * r - near), np.log(ratio) - gap)


def stirling_rest(a: Any) -> Any:
    """lgamma(a) less its leading terms (a - 1/2) log(a) - a + log(2 pi) / 2, for a > 0; DLMF 5.11.1."""
    big, small = np.maximum(a, 10), np.minimum(a, 10)
    terms = tuple(b / (2 * j * (2 * j - 1)) for j, b in enumerate(_BERNOULLI, start=1))[::-1]
    leading = (small - 0.5) * np.log(small) - small + 0.5 * math.log(2 * math.pi)
    return np.where(a >= 10, _polynomial(1 / (big * big), terms) / big, _lgamma_positive(small) - leading)


def psi(order: int, x: Any) -> Any:
    """Derivative number `order` of digamma: of an array in a kernel, of a tensor in a derivative."""
    if isinstance(x, Tensor):
        return digamma(x) if order == 0 else polygamma(_same(order, x), x)
    if order == 0:
        return _digamma(x)
    return (-1) ** (order + 1) * math.factorial(order) * _zeta(float(order + 1), x)


def derivatives_of_exp(slopes: Callable[[int, int], Any], i: int, j: int = 0) -> Any:
    """The derivative of exp(L), i times by one variable and j times by another, divided by exp(L).

    `slopes(p, q)` are the derivatives of L. The rule is Leibniz's, on exp(L)' = L' exp(L).
    """
    if i == j == 0:
        return 1.0
    first, second = (i - 1, j) if i else (0, j - 1)
    return sum(
        math.comb(first, p)
        * math.comb(second, q)
        * slopes(p + (i > 0), q + (i == 0))
        * derivatives_of_exp(slopes, first - p, second - q)
        for p in range(first + 1)
        for q in range(second + 1)
    )
