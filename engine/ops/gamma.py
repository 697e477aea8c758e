"""The incomplete gamma functions and their derivatives, of any order, by both arguments.

The gamma function itself is in `special`. Each value is the integral that defines it, computed by a
quadrature that converges exponentially (`integrals`), so there are no tables of coefficients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import spec
from engine.dispatch import apply, primitive, same_dtype
from engine.ops.creation import convert_together
from engine.ops.elementwise import _check_kind, exp, log, where, zeros_like
from engine.ops.integrals import derivatives_of_exp, half_line, log_minus, psi, stirling_rest
from engine.ops.special import _around_two, _lgamma_positive, _polynomial, _widened, lgamma
from engine.spec import TensorSpec
from engine.tensor import Tensor

# With W = x^a exp(-x) / gamma(a), P (the share of the gamma integral below x) and Q = 1 - P are W times an
# integral without cancellation: t = x exp(-u) below x, t = x (1 + v) above it (DLMF 8.2.4). A derivative by
# `a` brings a factor log(t / x) = -u or log(1 + v) into the integral, or falls on W. The smaller of P and Q
# is computed, and for x <= 1, where both would need many points, the power series (DLMF 8.7.1).


def _slopes(a: Any, log_x: Any) -> Callable[[int, int], Any]:
    """The derivatives of log W by a."""
    return lambda p, q: log_x - psi(0, a) if p == 1 else -psi(p - 1, a)


def _weight(a: Any, x: Any) -> Any:
    """W, exact to the last digits also where a and x are large and near each other."""
    exponent = a * log_minus(x / a, (x - a) / a)
    return np.exp(exponent - stirling_rest(a)) * np.sqrt(a / (2 * math.pi))


def _below(a: Any, x: Any, order: int) -> list[Any]:
    """The integral of (-u)^k exp(-a u - x expm1(-u)) for k = 0 ... order, x <= a."""
    width = 1 / np.where(a < 1, a, np.sqrt(a) + a - x)
    sums = [0.0] * (order + 1)
    for point, weight in half_line():
        u = point * width
        value = weight * width * np.exp(-a * u - x * np.expm1(-u))
        for k in range(order + 1):
            sums[k] = sums[k] + value
            value = value * -u
    return sums


def _above(a: Any, x: Any, order: int) -> list[Any]:
    """The integral of log(1+v)^k exp((a-1) log(1+v) - x v) for k = 0 ... order, x >= max(a, 1)."""
    width = 1 / (np.sqrt(x) + x - a)
    sums = [0.0] * (order + 1)
    for point, weight in half_line():
        v = point * width
        step = np.log1p(v)
        value = weight * width * np.exp((a - 1) * step - x * v)
        for k in range(order + 1):
            sums[k] = sums[k] + value
            value = value * step
    return sums


def _near_zero(a: Any, x: Any, order: int) -> tuple[Any, Any]:
    """Derivative number `order` of P by a, and Q, for x <= 1."""
    rows = [0.0] * (order + 2)  # a * sum of (-x)^k / (k! (a + k)), and its derivatives by a
    power = 1.0
    for k in range(1, 20):
        power = power * (-x / k)
        for j in range(order + 1):
            term = math.factorial(j) * (-1) ** j * power / (a + k) ** (j + 1)
            rows[j] = rows[j] + a * term
            rows[j + 1] = rows[j + 1] + (j + 1) * term
    small = np.minimum(a, 0.5)
    rest = np.where(a < 0.5, _polynomial(small, _around_two()) - np.log1p(small), _lgamma_positive(1 + a))
    exponent = a * np.log(x) - rest  # of x^a / gamma(1 + a)
    scale = np.exp(exponent)
    q = -np.expm1(exponent) - scale * rows[0]
    rows[0] = 1 + rows[0]
    return scale * _leibniz(_slopes(1 + a, np.log(x)), rows, order), q


def _leibniz(slopes: Callable[[int, int], Any], moments: list[Any], order: int) -> Any:
    """Derivative number `order` of exp(L) J, divided by exp(L); `moments` are the derivatives of J."""
    return sum(
        math.comb(order, k) * derivatives_of_exp(slopes, order - k) * moments[k] for k in range(order + 1)
    )


def _halves(a: Any, x: Any, order: int) -> tuple[Any, Any]:
    """Derivative number `order` by a of P and of Q, of vectors."""
    whole = 1.0 if order == 0 else 0.0
    p = np.where(np.isinf(x), whole, np.full_like(x, np.nan))
    p = np.where(((x == 0) & (a > 0)) | ((a == np.inf) & (x >= 0) & (x < np.inf)), 0, p)
    p = np.where((a > 0) & ~((a == np.inf) & (x == np.inf)), p, np.nan)
    q = whole - p
    inside = (a > 0) & (a < np.inf) & (x > 0) & (x < np.inf)
    series, below = inside & (x <= 1), inside & (x > 1) & (x <= a)
    above = inside & (x > 1) & (x > a)
    if series.any():
        p[series], complement = _near_zero(a[series], x[series], order)
        q[series] = complement if order == 0 else -p[series]
    for part, integral, own, other in ((below, _below, p, q), (above, _above, q, p)):
        if part.any():
            b, y = a[part], x[part]
            moments = integral(b, y, order)
            own[part] = _weight(b, y) * _leibniz(_slopes(b, np.log(y)), moments, order)
            other[part] = whole - own[part]
    return p, q


def _incomplete(name: str, which: int, vjp: Any) -> Any:
    """Declares a primitive of (a, x): P or Q, or a derivative of it by a."""

    def kernel(xp: Any, a: Any, x: Any, *, order: int = 0) -> Any:
        a, x = xp.broadcast_arrays(a, x)
        half = _widened(lambda a, x: _halves(a.reshape(-1), x.reshape(-1), order)[which].reshape(a.shape))
        return half(a, x)

    def rule(a: TensorSpec, x: TensorSpec, *, order: int = 0) -> TensorSpec:
        same_dtype(name, a, x)
        _check_kind(name, a, ("float",))
        return TensorSpec(spec.broadcast(a.dims, x.dims, name), a.dtype)

    return primitive(name, kernel, rule, vjp=vjp)


def _density(a: Tensor, x: Tensor, order: int = 0) -> Tensor:
    """The derivative of P by x, x^(a-1) exp(-x) / gamma(a), derived `order` times by a; DLMF 8.8.13."""
    value = exp((a - 1) * log(x) - x - lgamma(a))
    return value * derivatives_of_exp(_slopes(a, log(x)), order) if order else value


_IGAMMA = _incomplete("igamma", 0, (
    lambda dy, y, a, x: dy * apply(_DERIVATIVE, a, x, order=1),
    lambda dy, y, a, x: dy * _density(a, x)))  # fmt: skip
_IGAMMAC = _incomplete("igammac", 1, (
    lambda dy, y, a, x: -dy * apply(_DERIVATIVE, a, x, order=1),
    lambda dy, y, a, x: -dy * _density(a, x)))  # fmt: skip
_DERIVATIVE = _incomplete("igamma_derivative", 0, (
    lambda dy, y, a, x, *, order: dy * apply(_DERIVATIVE, a, x, order=order + 1),
    lambda dy, y, a, x, *, order: dy * _density(a, x, order)))  # fmt: skip


def _run(record: Any, a: Any, x: Any) -> Tensor:
    first, second = convert_together(a, x)
    record.spec(first.spec, second.spec)
    return apply(record, first, second)


def igamma(a: Any, x: Any, name: str | None = None) -> Tensor:
    """The regularised lower incomplete gamma function P(a, x): the share of the gamma integral below x.

    It is the integral of t^(a-1) exp(-t) from 0 to x, divided by gamma(a); DLMF 8.2.4. NaN unless a > 0
    and x >= 0. Elementwise; the shapes are broadcast, both dtypes must be the same. Unlike in TensorFlow
    it has derivatives by `a` of any order.

    >>> round(igamma(1.0, 2.0).numpy().item(), 4)  # 1 - exp(-2)
    0.8647
    """
    return _run(_IGAMMA, a, x)


def igammac(a: Any, x: Any, name: str | None = None) -> Tensor:
    """The regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x), exact where it is tiny.

    Elementwise, as `igamma`; DLMF 8.2.4.

    >>> igammac(1.0, 50.0).numpy().item()  # exp(-50)
    1.9287498933537385e-22
    """
    return _run(_IGAMMAC, a, x)


def random_gamma_grad(alpha: Any, sample: Any) -> Tensor:
    """How a draw from the gamma distribution moves with the shape `alpha`, its share below held fixed.

    By the implicit function theorem it is -dP/da / dP/dx: Figurnov, Mohamed and Mnih, Implicit
    Reparameterization Gradients (2018). 0 for a draw that was rounded to 0.
    """
    a, x = convert_together(alpha, sample)
    positive = x > 0
    safe = where(positive, x, zeros_like(x) + 1)
    slope = -apply(_DERIVATIVE, a, safe, order=1) / _density(a, safe)
    return where(positive, slope, zeros_like(slope))
