"""Bessel functions of order 0 and 1: I and K, also scaled, J and Y. They are `tf.math.special`'s.

No tables of coefficients: each is the integral that defines it, by the trapezoidal rule, which for smooth
periodic functions converges exponentially (Trefethen and Weideman, SIAM Review 56 (2014) 385), and far out
the asymptotic series. Equation numbers are those of DLMF, the Digital Library of Mathematical Functions.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from engine.ops.elementwise import equal, ones_like, sign, unary, where
from engine.ops.special import FLOAT, _polynomial, _widened, divide_no_nan
from engine.tensor import Tensor

_EULER = 0.57721566490153286061
_FAR = 25.0  # from here on the asymptotic series: 25 terms of it leave 1e-17


@functools.cache
def _circle() -> tuple[tuple[float, float, float, float], ...]:
    """Points t on a quarter of the circle: sin t, (cos t)^2, the weight of a mean, and one with a logarithm.

    J_2k(x) is the mean of cos(x sin t) cos(2kt) (10.9.2), so that with the last weight one sum gives the
    whole series of (-1)^k J_2k(x) / k that Y and K hold (10.8.1). It is cut where its terms would alias;
    those are below 1e-18 for x <= 25.
    """
    count = 64
    rows = []
    for i in range(count // 2 + 1):
        t = math.pi * i / count
        weight = (1 if i in (0, count // 2) else 2) / count
        series = math.fsum((-1) ** k * math.cos(2 * k * t) / k for k in range(1, count // 2))
        rows.append((math.sin(t), math.cos(t) ** 2, weight, weight * series))
    return tuple(rows)


def _mean(function: Callable[[float, float], Any], logarithmic: bool = False) -> Any:
    """The mean over the circle of a function of sin t and (cos t)^2."""
    return sum(row[3 if logarithmic else 2] * function(row[0], row[1]) for row in _circle())


@functools.cache
def _hankel(order: int) -> tuple[float, ...]:
    """The coefficients of the asymptotic series in 1/x (10.17.1)."""
    rows = [1.0]
    for k in range(1, 27):
        rows.append(rows[-1] * (4 * order**2 - (2 * k - 1) ** 2) / (8 * k))
    return tuple(rows)


def _parts(x: Any, *rules: tuple[Any, Callable[[Any], Any]]) -> Any:
    """Each rule applied where its condition holds, NaN elsewhere."""
    flat = x.reshape(-1)
    result = np.full_like(flat, np.nan)
    for condition, rule in rules:
        here = condition.reshape(-1)
        if here.any():
            result[here] = rule(flat[here])
    return result.reshape(x.shape)


# --- modified functions ---------------------------------------------------------------------------


def _ie(order: int, x: Any) -> Any:
    """exp(-|x|) I(x)."""
    size = np.abs(x)

    def near(z: Any) -> Any:  # 10.32.1 and 10.32.2
        def part(s: float, c: float) -> Any:
            return (np.exp(z * (s - 1)) + np.exp(-z * (s + 1))) * (0.5 * (c if order else 1))

        return _mean(part) * (z if order else 1)

    def far(z: Any) -> Any:  # 10.40.1
        signed = tuple(a * (-1) ** k for k, a in enumerate(_hankel(order)))
        return _polynomial(1 / z, signed[::-1]) / np.sqrt(2 * math.pi * z)

    value = _parts(size, (size <= _FAR, near), (size > _FAR, far))
    return np.copysign(value, x) if order else value


def _i(order: int, x: Any) -> Any:
    value = _ie(order, x) * np.exp(np.abs(x))
    return np.where(np.isinf(x), x if order else np.abs(x), value)


def _bell() -> Iterator[tuple[float, float]]:
    """Points and weights for the integral of exp(-s^2) f(s) over s > 0, f even."""
    for k in range(32):
        yield (s := 0.2 * k), 0.2 * math.exp(-s * s) * (1 if k else 0.5)


def _k(order: int, x: Any, scaled: bool) -> Any:
    def near(z: Any) -> Any:  # 10.31.2, and its derivative
        lead = np.log(z / 2) + _EULER
        if order == 0:
            value = 2 * _mean(lambda s, c: np.cosh(z * s), True) - lead * _i(0, z)
        else:
            value = _i(0, z) / z + lead * _i(1, z) - 2 * _mean(lambda s, c: s * np.sinh(z * s), True)
        return value * np.exp(z) if scaled else value

    def beyond(z: Any) -> Any:  # 10.32.9 with z (cosh t - 1) = s^2
        value = sum(w * (1 + order * s * s / z) / np.sqrt(1 + s * s / (2 * z)) for s, w in _bell())
        return value * np.sqrt(2 / z) * (1 if scaled else np.exp(-z))

    value = _parts(x, ((x > 0) & (x <= 1), near), ((x > 1) & (x < np.inf), beyond))
    return np.where(x <= 0, np.inf, np.where(x == np.inf, 0, value))


# --- oscillating functions ------------------------------------------------------------------------


def _j_near(order: int, z: Any) -> Any:
    """10.9.1 and 10.9.4."""
    if order:
        return z * _mean(lambda s, c: c * np.cos(z * s))
    return _mean(lambda s, c: np.cos(z * s))


def _wave(order: int, second: bool, z: Any) -> Any:
    """J, or the second solution Y, by 10.17.3 and 10.17.4, z large."""
    signed = [a * (-1) ** (k // 2) for k, a in enumerate(_hankel(order))]
    even = _polynomial(1 / (z * z), tuple(signed[0::2][::-1]))
    odd = _polynomial(1 / (z * z), tuple(signed[1::2][::-1])) / z
    sin, cos = np.sin(z), np.cos(z)  # of z - pi/4, a quarter turn less for order 1
    sin, cos = (-cos - sin, sin - cos) if order else (sin - cos, sin + cos)
    return (sin * even + cos * odd if second else cos * even - sin * odd) / np.sqrt(math.pi * z)


def _j(order: int, x: Any) -> Any:
    size = np.abs(x)
    value = _parts(
        size,
        (size <= _FAR, lambda z: _j_near(order, z)),
        ((size > _FAR) & (size < np.inf), lambda z: _wave(order, False, z)),
        (size == np.inf, np.zeros_like),
    )
    return value * np.sign(x) if order else value


def _y(order: int, x: Any) -> Any:
    def near(z: Any) -> Any:  # 10.8.1 as the sum in `_circle`, and its derivative
        lead = np.log(z / 2) + _EULER
        if order == 0:
            total = lead * _j_near(0, z) - 2 * _mean(lambda s, c: np.cos(z * s), True)
        else:
            total = lead * _j_near(1, z) - _j_near(0, z) / z
            total = total - 2 * _mean(lambda s, c: s * np.sin(z * s), True)
        return total * (2 / math.pi)

    value = _parts(
        x,
        ((x > 0) & (x <= _FAR), near),
        ((x > _FAR) & (x < np.inf), lambda z: _wave(order, True, z)),
        (x == np.inf, np.zeros_like),
    )
    return np.where(x <= 0, -np.inf, value)


# --- the table ------------------------------------------------------------------------------------


def _over(y: Tensor, a: Tensor, like: Tensor) -> Tensor:
    """I1(x) / x or J1(x) / x, which is 1/2 at 0."""
    return where(equal(a, 0), 0.5 * ones_like(like), divide_no_nan(y, a))


def _function(name: str, kernel: Any, vjp: Any, text: str) -> Any:
    return unary(name, _widened(kernel), (vjp,), text, FLOAT)


# fmt: off
bessel_i0 = _function("bessel_i0", lambda x: _i(0, x),
    lambda dy, y, a: dy * bessel_i1(a), "the modified Bessel function of the first kind, I_0(x)")
bessel_i1 = _function("bessel_i1", lambda x: _i(1, x),
    lambda dy, y, a: dy * (bessel_i0(a) - _over(y, a, y)), "the modified Bessel function I_1(x)")
bessel_i0e = _function("bessel_i0e", lambda x: _ie(0, x),
    lambda dy, y, a: dy * (bessel_i1e(a) - sign(a) * y), "exp(-|x|) I_0(x), which does not overflow")
bessel_i1e = _function("bessel_i1e", lambda x: _ie(1, x),
    lambda dy, y, a: dy * (bessel_i0e(a) - _over(y, a, y) - sign(a) * y),
    "exp(-|x|) I_1(x), which does not overflow")
bessel_k0 = _function("bessel_k0", lambda x: _k(0, x, False),
    lambda dy, y, a: -dy * bessel_k1(a), "the modified Bessel function of the second kind, K_0(x), x > 0")
bessel_k1 = _function("bessel_k1", lambda x: _k(1, x, False),
    lambda dy, y, a: -dy * (bessel_k0(a) + y / a), "the modified Bessel function K_1(x), x > 0")
bessel_k0e = _function("bessel_k0e", lambda x: _k(0, x, True),
    lambda dy, y, a: dy * (y - bessel_k1e(a)), "exp(x) K_0(x), which does not underflow, x > 0")
bessel_k1e = _function("bessel_k1e", lambda x: _k(1, x, True),
    lambda dy, y, a: dy * (y - bessel_k0e(a) - y / a), "exp(x) K_1(x), which does not underflow, x > 0")
bessel_j0 = _function("bessel_j0", lambda x: _j(0, x),
    lambda dy, y, a: -dy * bessel_j1(a), "the Bessel function of the first kind, J_0(x)")
bessel_j1 = _function("bessel_j1", lambda x: _j(1, x),
    lambda dy, y, a: dy * (bessel_j0(a) - _over(y, a, y)), "the Bessel function J_1(x)")
bessel_y0 = _function("bessel_y0", lambda x: _y(0, x),
    lambda dy, y, a: -dy * bessel_y1(a), "the Bessel function of the second kind, Y_0(x), x > 0")
bessel_y1 = _function("bessel_y1", lambda x: _y(1, x),
    lambda dy, y, a: dy * (bessel_y0(a) - y / a), "the Bessel function Y_1(x), x > 0")
# fmt: on
