"""The incomplete beta function and its derivatives, of any order, by all three arguments.

Computed as `gamma` computes the incomplete gamma functions; read that first. The logarithm of the beta
function itself, lbeta, is in `norms`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import spec
from engine.dispatch import apply, primitive, same_dtype
from engine.ops.creation import convert_together
from engine.ops.elementwise import _check_kind, exp, log, log1p
from engine.ops.integrals import derivatives_of_exp, half_line, log_minus, psi, stirling_rest
from engine.ops.special import _widened, lgamma, xlog1py, xlogy
from engine.spec import TensorSpec
from engine.tensor import Tensor

# With W = x^a (1-x)^(b-1) / B(a, b), the integral of t^(a-1) (1-t)^(b-1) / B(a, b) from 0 to x is W times
# the integral of exp(-a u) (1 - r expm1(-u))^(b-1), where t = x exp(-u) and r = x / (1-x). A derivative by a
# brings a factor -u into the integral, one by b the logarithm of the power's base, or they fall on W.


def _slopes(a: Any, b: Any, log_x: Any, log_y: Any) -> Callable[[int, int], Any]:
    """The derivatives of log W by a and b, y = 1 - x."""

    def slope(p: int, q: int) -> Any:
        value = psi(p + q - 1, a + b)
        if q == 0:
            value = value - psi(p - 1, a)
        if p == 0:
            value = value - psi(q - 1, b)
        return value + {(1, 0): log_x, (0, 1): log_y}.get((p, q), 0)

    return slope


def _weight(a: Any, b: Any, x: Any, y: Any) -> Any:
    """(1 - x) W, exact to the last digits also where a and b are large."""
    whole, off = a + b, b * x - a * y  # off is 0 where x is a / (a + b)
    exponent = a * log_minus(x / a * whole, off / a) + b * log_minus(y / b * whole, -off / b)
    rest = stirling_rest(whole) - stirling_rest(a) - stirling_rest(b)
    return np.exp(exponent + rest) * np.sqrt(a / whole * b / (2 * math.pi))


def _below(a: Any, b: Any, x: Any, y: Any, i: int, j: int) -> Any:
    """The derivative by a and b, i and j times, of the share below x, for x <= a / (a + b); y = 1 - x."""
    r = x / y
    bend = np.where(a < 1, 0, np.sqrt(b * r * (1 + r)))
    width = 1 / (np.where(a < 1, a, np.maximum(a - b * r, 0)) + bend)
    sums = [[0.0] * (j + 1) for _ in range(i + 1)]
    for point, weight in half_line():
        u = point * width
        base = np.log1p(-r * np.expm1(-u))
        value = weight * width * np.exp((b - 1) * base - a * u)
        for p in range(i + 1):
            for q in range(j + 1):
                sums[p][q] = sums[p][q] + value * (-u) ** p * base**q
    slopes = _slopes(a, b, np.log(x), np.log(y))
    total = sum(
        math.comb(i, p) * math.comb(j, q) * derivatives_of_exp(slopes, i - p, j - q) * sums[p][q]
        for p in range(i + 1)
        for q in range(j + 1)
    )
    return _weight(a, b, x, y) / y * total


def _share(a: Any, b: Any, x: Any, i: int, j: int) -> Any:
    """The share below x, derived i times by a and j times by b, of vectors."""
    whole = 1.0 if i == j == 0 else 0.0
    right = (a > 0) & (b > 0) & (x >= 0) & (x <= 1)
    value = np.where(right, np.where(x < 0.5, 0, whole), np.nan)
    inside = right & (x > 0) & (x < 1)
    low = inside & (x * (a + b) <= a)
    high = inside & ~low
    if low.any():
        value[low] = _below(a[low], b[low], x[low], 1 - x[low], i, j)
    if high.any():
        value[high] = whole - _below(b[high], a[high], 1 - x[high], x[high], j, i)
    return value


def _kernel(xp: Any, a: Any, b: Any, x: Any, *, orders: tuple[int, int] = (0, 0)) -> Any:
    a, b, x = xp.broadcast_arrays(a, b, x)
    share = _widened(lambda a, b, x: _share(a, b, x, *orders))
    return share(a.reshape(-1), b.reshape(-1), x.reshape(-1)).reshape(a.shape)


def _spec(a: TensorSpec, b: TensorSpec, x: TensorSpec, *, orders: tuple[int, int] = (0, 0)) -> TensorSpec:
    same_dtype("betainc", a, b, x)
    _check_kind("betainc", a, ("float",))
    dims = spec.broadcast(spec.broadcast(a.dims, b.dims, "betainc"), x.dims, "betainc")
    return TensorSpec(dims, a.dtype)


def _density(a: Tensor, b: Tensor, x: Tensor, i: int = 0, j: int = 0) -> Tensor:
    """The derivative by x, x^(a-1) (1-x)^(b-1) / B(a, b), derived by a and b."""
    norm = lgamma(a) + lgamma(b) - lgamma(a + b)
    value = exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - norm)
    return value * derivatives_of_exp(_slopes(a, b, log(x), log1p(-x)), i, j)


def _derivative(a: Tensor, b: Tensor, x: Tensor, i: int, j: int) -> Tensor:
    return apply(_DERIVATIVE, a, b, x, orders=(i, j))


_BETAINC = primitive("betainc", _kernel, _spec, vjp=(
    lambda dy, y, a, b, x: dy * _derivative(a, b, x, 1, 0),
    lambda dy, y, a, b, x: dy * _derivative(a, b, x, 0, 1),
    lambda dy, y, a, b, x: dy * _density(a, b, x)))  # fmt: skip
_DERIVATIVE = primitive("betainc_derivative", _kernel, _spec, vjp=(
    lambda dy, y, a, b, x, *, orders: dy * _derivative(a, b, x, orders[0] + 1, orders[1]),
    lambda dy, y, a, b, x, *, orders: dy * _derivative(a, b, x, orders[0], orders[1] + 1),
    lambda dy, y, a, b, x, *, orders: dy * _density(a, b, x, *orders)))  # fmt: skip


def betainc(a: Any, b: Any, x: Any, name: str | None = None) -> Tensor:
    """The regularised incomplete beta function I_x(a, b): the share of the beta integral below x.

    It is the integral of t^(a-1) (1-t)^(b-1) from 0 to x, divided by that from 0 to 1; DLMF 8.17.2. NaN
    unless a, b > 0 and 0 <= x <= 1. Elementwise; the shapes are broadcast (TensorFlow asks for equal ones,
    scalars apart), all dtypes must be the same. Unlike in TensorFlow it has derivatives by `a` and `b`.

    >>> betainc(2.0, 2.0, [0.0, 0.5, 1.0]).numpy().round(4).tolist()
    [0.0, 0.5, 1.0]
    """
    p, q, r = convert_together(a, b, x)
    _spec(p.spec, q.spec, r.spec)
    return apply(_BETAINC, p, q, r)
