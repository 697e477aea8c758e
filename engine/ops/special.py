"""More functions of one element: inverses and hyperbolic functions, products that forgive a zero, and the
special functions (erf, gamma and their kin), which NumPy lacks. Read `elementwise` first: same tables.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from engine.dispatch import NOT_DIFFERENTIABLE
from engine.ops.creation import convert, convert_together
from engine.ops.elementwise import (
    FLOATING,
    REAL,
    _no_integer_zero,
    add,
    binary,
    cast,
    equal,
    exp,
    not_equal,
    softplus,
    square,
    stop_gradient,
    unary,
    where,
    with_fractions,
    zeros_like,
)
from engine.ops.elementwise import abs as absolute
from engine.tensor import Tensor

FLOAT = ("float",)

# --- trigonometric and hyperbolic -----------------------------------------------------------------


def _reciprocal_no_nan(x: Any) -> Any:
    return np.where(x == 0, x.dtype.type(0), np.reciprocal(x))


# fmt: off
tan = unary("tan", np.tan, (lambda dy, y, a: dy * (1 + y * y),), "the tangent of x in radians")
asin = unary("asin", np.arcsin, (
    lambda dy, y, a: dy * (1 - a * a) ** -0.5,), "the angle in [-pi/2, pi/2] whose sine is x")
acos = unary("acos", np.arccos, (
    lambda dy, y, a: -dy * (1 - a * a) ** -0.5,), "the angle in [0, pi] whose cosine is x")
atan = unary("atan", np.arctan, (
    lambda dy, y, a: dy / (1 + a * a),), "the angle in (-pi/2, pi/2) whose tangent is x")
sinh = unary("sinh", np.sinh, (lambda dy, y, a: dy * cosh(a),), "the hyperbolic sine")
cosh = unary("cosh", np.cosh, (lambda dy, y, a: dy * sinh(a),), "the hyperbolic cosine")
asinh = unary("asinh", np.arcsinh, (lambda dy, y, a: dy / cosh(y),), "the x whose hyperbolic sine is given")
acosh = unary("acosh", np.arccosh, (
    lambda dy, y, a: dy / sinh(y),), "the x >= 0 whose hyperbolic cosine is given")
atanh = unary("atanh", np.arctanh, (
    lambda dy, y, a: dy / (1 - a * a),), "the x whose hyperbolic tangent is given")
atan2 = binary("atan2", np.arctan2, (
    lambda dy, y, a, b: dy * b / (a * a + b * b),
    lambda dy, y, a, b: -dy * a / (a * a + b * b)),
    "the angle in (-pi, pi] of the point with ordinate y (the first input) and abscissa x", FLOAT,
    called=("y", "x"))

# --- quotients and products that forgive a zero ---------------------------------------------------

reciprocal = unary("reciprocal", np.reciprocal, (lambda dy, y, a: -dy * y * y,), "1 / x")
reciprocal_no_nan = unary("reciprocal_no_nan", _reciprocal_no_nan, (
    lambda dy, y, a: -dy * y * y,), "1 / x, and 0 where x is 0")
_divide_no_nan = binary("divide_no_nan",
    lambda a, b: np.where(b == 0, b.dtype.type(0), np.divide(a, b)), (
    lambda dy, y, a, b: _divide_no_nan(dy, b),
    lambda dy, y, a, b: -dy * _divide_no_nan(y, b)), "x / y, and 0 where y is 0", FLOATING)
multiply_no_nan = binary("multiply_no_nan",
    lambda a, b: np.where(b == 0, b.dtype.type(0), np.multiply(a, b)), (
    lambda dy, y, a, b: multiply_no_nan(dy, b),
    lambda dy, y, a, b: multiply_no_nan(a, dy)), "x * y, and 0 where y is 0, even if x is NaN", FLOATING)
xlogy = binary("xlogy", lambda a, b: np.where(a == 0, a.dtype.type(0), a * np.log(b)), (
    lambda dy, y, a, b: dy * xlogy(_nonzero(a), b),
    lambda dy, y, a, b: dy * xdivy(a, b)), "x * log(y), and 0 where x is 0", FLOATING)
xlog1py = binary("xlog1py", lambda a, b: np.where(a == 0, a.dtype.type(0), a * np.log1p(b)), (
    lambda dy, y, a, b: dy * xlog1py(_nonzero(a), b),
    lambda dy, y, a, b: dy * xdivy(a, 1 + b)), "x * log(1 + y), and 0 where x is 0", FLOATING)
xdivy = binary("xdivy", lambda a, b: np.where(a == 0, a.dtype.type(0), np.divide(a, b)), (
    lambda dy, y, a, b: dy * xdivy(_nonzero(a), b),
    lambda dy, y, a, b: dy * xdivy(-a, b * b)), "x / y, and 0 where x is 0, even if y is 0 too", FLOATING)

truncatediv = binary("truncatediv", _no_integer_zero("truncatediv", lambda a, b: _truncated(a, b)),
    NOT_DIFFERENTIABLE, "x / y rounded towards zero", REAL)
truncatemod = binary("truncatemod", _no_integer_zero("truncatemod", np.fmod), (
    lambda dy, y, a, b: dy,
    lambda dy, y, a, b: -dy * truncatediv(a, b)), "the remainder, with the sign of x", REAL)
nextafter = binary("nextafter", np.nextafter, (
    lambda dy, y, a, b: dy,
    lambda dy, y, a, b: zeros_like(dy)), "the float next to x1 in the direction of x2", FLOAT,
    called=("x1", "x2"))
# fmt: on


def divide_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, and 0 where y is 0. Integers are converted as `tf.divide` does.

    Elementwise; the shapes are broadcast, both dtypes must be the same.
    """
    return _divide_no_nan(*with_fractions(x, y))


def _nonzero(x: Tensor) -> Tensor:
    """1 where x is not 0, else 0."""
    return cast(not_equal(x, zeros_like(x)), x.dtype)


def _truncated(a: Any, b: Any) -> Any:
    if a.dtype.kind in "iu":
        return (a - np.fmod(a, b)) // b
    return np.trunc(np.divide(a, b))


def log_sigmoid(x: Any, name: str | None = None) -> Tensor:
    """log(sigmoid(x)) as -softplus(-x), exact also where the sigmoid is 0 or 1 in floating point.

    >>> log_sigmoid([-1000.0, 1000.0]).numpy().tolist()
    [-1000.0, -0.0]
    """
    return -softplus(-convert(x))


def softsign(features: Any, name: str | None = None) -> Tensor:
    """x / (1 + |x|): like tanh between -1 and 1, but slower to get there."""
    x = convert(features)
    return x / (1 + absolute(x))


# --- error function -------------------------------------------------------------------------------
#
# erf and erfc: rational approximations from Moshier, Cephes Mathematical Library, ndtr.c (after Cody,
# Math. Comp. 23 (1969) 631). Relative errors are below 1e-15.

_ERF_T = (9.60497373987051638749, 9.00260197203842689217e1, 2.23200534594684319226e3,
          7.00332514112805075473e3, 5.55923013010394962768e4)  # fmt: skip
_ERF_U = (1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3,
          2.26290000613890934246e4, 4.92673942608635921086e4)  # fmt: skip
_ERFC_P = (2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687,
           4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2,
           9.34528527171957607540e2, 1.02755188689515710272e3, 5.57535335369399327526e2)  # fmt: skip
_ERFC_Q = (1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2,
           9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3,
           1.65666309194161350182e3, 5.57535340817727675546e2)  # fmt: skip
_ERFC_R = (5.64189583547755073984e-1, 1.27536670759978104416, 5.01905042251180477414,
           6.16021097993053585195, 7.40974269950448939160, 2.97886665372100240670)  # fmt: skip
_ERFC_S = (1.0, 2.26052863220117276590, 9.39603524938001434673, 1.20489539808096656605e1,
           1.70814450747565897222e1, 9.60896809063285878198, 3.36907645100081516050)  # fmt: skip


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    """Horner's rule; the coefficient of the highest power comes first."""
    total = coefficients[0]
    for c in coefficients[1:]:
        total = total * x + c
    return total


def _widened(kernel: Any, least: Any = np.float64) -> Any:
    """A kernel computed in `least` precision at least, its result in the dtype of its first input."""

    @functools.wraps(kernel)
    def wide(*arrays: Any) -> Any:
        dtype = arrays[0].dtype
        if dtype.itemsize >= np.dtype(least).itemsize:
            return kernel(*arrays)
        return np.asarray(kernel(*(a.astype(least) for a in arrays))).astype(dtype)

    return wide


def _erfc_positive(x: Any) -> Any:
    """erfc for x >= 1."""
    middle = np.minimum(x, 8)
    tail = np.maximum(x, 8)
    ratio = np.where(
        x < 8,
        _polynomial(middle, _ERFC_P) / _polynomial(middle, _ERFC_Q),
        _polynomial(1 / tail, _ERFC_R[::-1]) / _polynomial(1 / tail, _ERFC_S[::-1]) / tail,
    )
    return np.exp(-x * x) * ratio


def _erf_near(x: Any) -> Any:
    """erf for |x| <= 1."""
    small = np.clip(x, -1, 1)
    z = small * small
    return small * _polynomial(z, _ERF_T) / _polynomial(z, _ERF_U)


def _erf(x: Any) -> Any:
    size = np.abs(x)
    far = np.copysign(1 - _erfc_positive(np.maximum(size, 1)), x)
    return np.where(size <= 1, _erf_near(x), far)


def _erfc(x: Any) -> Any:
    size = np.abs(x)
    far = _erfc_positive(np.maximum(size, 1))
    return np.where(size <= 1, 1 - _erf_near(x), np.where(x > 0, far, 2 - far))


def _erfcinv(p: Any) -> Any:
    """Solves erfc(x) = p: a start from the tail's leading term, then Halley's rule to convergence."""
    q = np.where(p > 1, 2 - p, p)  # erfc(-x) = 2 - erfc(x)
    t = np.sqrt(-2 * np.log(np.maximum(q, 5e-324) / 2))
    # Abramowitz and Stegun 26.2.22, for the normal quantile at q / 2; its error is below 0.003.
    x = (t - (2.30753 + 0.27061 * t) / (1 + t * (0.99229 + 0.04481 * t))) * math.sqrt(0.5)
    for _ in range(4):
        # Relative to the density, so that it neither over- nor underflows in the tail.
        error = (_erfc(x) - q) / (2 / math.sqrt(math.pi) * np.exp(-x * x))
        x = x + np.where(np.isfinite(error), error / (1 + x * error), 0)
    x = np.where(p > 1, -x, x)
    x = np.where((p < 0) | (p > 2) | np.isnan(p), np.nan, x)
    return np.where(p == 0, np.inf, np.where(p == 2, -np.inf, x))


def _erfinv(x: Any) -> Any:
    far = np.copysign(_erfcinv(1 - np.maximum(np.abs(x), 0.5)), x)
    y = np.clip(x, -0.5, 0.5) * (math.sqrt(math.pi) / 2)
    for _ in range(4):
        error = (_erf(y) - np.clip(x, -0.5, 0.5)) / (2 / math.sqrt(math.pi) * np.exp(-y * y))
        y = y - error / (1 + y * error)
    return np.where(np.abs(x) <= 0.5, y, np.where(np.abs(x) > 1, np.nan, far))


_SLOPE = 2 / math.sqrt(math.pi)
# fmt: off
erf = unary("erf", _widened(_erf, np.float32), (
    lambda dy, y, a: dy * (_SLOPE * exp(-square(a))),),
    "the error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x", FLOAT)
erfc = unary("erfc", _widened(_erfc, np.float32), (
    lambda dy, y, a: dy * (-_SLOPE * exp(-square(a))),), "1 - erf(x), exact for large x", FLOAT)
erfinv = unary("erfinv", _widened(_erfinv), (
    lambda dy, y, a: dy * (exp(square(y)) / _SLOPE),), "the x whose erf is given", FLOAT)
erfcinv = unary("erfcinv", _widened(_erfcinv), (
    lambda dy, y, a: dy * (exp(square(y)) / -_SLOPE),), "the x whose erfc is given", FLOAT)
# fmt: on


def ndtri(x: Any, name: str | None = None) -> Tensor:
    """The quantile of the standard normal distribution: the z below which a share x of it lies.

    >>> round(ndtri(0.975).numpy().item(), 4)
    1.96
    """
    return erfcinv(2 * convert(x)) * -math.sqrt(2)


# --- gamma function -------------------------------------------------------------------------------
#
# A&S is Abramowitz and Stegun, Handbook of Mathematical Functions (1964); DLMF is dlmf.nist.gov.

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798)
_FARTHEST = 10_000  # how far below 0 zeta is computed
_SHIFT = 10  # the asymptotic series are used from here on


def _zeta(s: Any, q: Any) -> Any:
    """Hurwitz's zeta function by the Euler-Maclaurin formula (DLMF 25.11.5), s > 1, q > 0."""
    total = sum((q + k) ** -s for k in range(_SHIFT))
    edge = q + _SHIFT
    power = edge**-s
    total = total + edge * power / (s - 1) + power / 2
    rising = s
    for j, number in enumerate(_BERNOULLI, start=1):
        total = total + number / math.factorial(2 * j) * rising * power / edge ** (2 * j - 1)
        rising = rising * (s + 2 * j - 1) * (s + 2 * j)
    return np.where((s > 1) & (q > 0), total, np.where(s == 1, np.inf, np.nan))


def _zeta_array(s: Any, q: Any) -> Any:
    """At q <= 0 terms are added until q is positive: one is inf where q is whole, NaN for a broken power."""
    s, q = np.broadcast_arrays(s, q)
    terms = np.zeros_like(q)
    while (low := (q <= 0) & (q > -_FARTHEST)).any():
        terms = terms + np.where(low, np.where(low, q, 1) ** -s, 0)
        q = np.where(low, q + 1, q)
    return terms + np.where(q > 0, _zeta(s, np.where(q > 0, q, 1)), np.nan)


@functools.cache
def _around_two() -> tuple[float, ...]:
    """The coefficients of log gamma(2 + z) in powers of z, highest first (A&S 6.1.33, shifted by 1)."""
    rows = [float(_zeta(float(k), 2.0)) * (-1) ** k / k for k in range(2, 32)]
    return (*rows[::-1], 1 - 0.57721566490153286061, 0.0)


def _lgamma_positive(x: Any) -> Any:
    big = np.maximum(x, 2.5)
    shifted = big + np.where(big < _SHIFT, 8, 0)
    series = _polynomial(
        1 / (shifted * shifted),
        tuple(b / (2 * j * (2 * j - 1)) for j, b in enumerate(_BERNOULLI, start=1))[::-1],
    )
    stirling = (shifted - 0.5) * np.log(shifted) - shifted + 0.5 * math.log(2 * math.pi)
    stirling = stirling + series / shifted  # A&S 6.1.41
    product = functools.reduce(np.multiply, (big + k for k in range(8)))
    far = stirling - np.where(big < _SHIFT, np.log(product), 0)
    near = np.clip(x, 1e-300, 2.5)
    once, twice = near < 1.5, near < 0.5  # one or two steps up, gamma(x + 1) = x gamma(x)
    z = np.where(twice, near, np.where(once, near - 1, near - 2))
    steps = np.where(once, np.log1p(np.where(twice, near, near - 1)), 0) + np.where(twice, np.log(near), 0)
    return np.where(x < 2.5, _polynomial(z, _around_two()) - steps, far)


def _lgamma(x: Any) -> Any:
    positive = _lgamma_positive(np.where(x > 0, x, 1 - x))
    part = np.abs(x - np.round(x))
    reflected = math.log(math.pi) - np.log(np.sin(math.pi * part)) - positive  # A&S 6.1.17
    value = np.where(x > 0, positive, reflected)
    return np.where(np.isinf(x) | ((x <= 0) & (part == 0)), np.inf, value)


def _digamma(x: Any) -> Any:
    y = np.where(x > 0, x, 1 - x)
    big = y + _SHIFT
    shifted = sum(1 / (y + k) for k in range(_SHIFT))
    terms = tuple(b / (2 * j) for j, b in enumerate(_BERNOULLI, start=1))[::-1]
    series = _polynomial(1 / (big * big), terms) / (big * big)
    value = np.log(big) - 0.5 / big - series - shifted  # A&S 6.3.18 and 6.3.5
    part = x - np.round(x)
    reflected = value - math.pi / np.tan(math.pi * part)  # A&S 6.3.7
    pole = (x <= 0) & (part == 0)
    return np.where(x > 0, value, np.where(pole, np.nan, reflected))


# fmt: off
lgamma = unary("lgamma", _widened(_lgamma), (lambda dy, y, a: dy * digamma(a),),
    "log |gamma(x)|; (n-1)! is exp(lgamma(n))", FLOAT)
digamma = unary("digamma", _widened(_digamma), (lambda dy, y, a: dy * polygamma(_same(1, a), a),),
    "the derivative of lgamma", FLOAT)
zeta = binary("zeta", _widened(_zeta_array), (
    None,
    lambda dy, y, a, b: -dy * a * zeta(a + 1, b)),
    "the Hurwitz zeta function, the sum of (k + q)^-x over k = 0, 1, ...; x > 1", FLOAT,
    called=("x", "q"))
# fmt: on


def _same(value: float, like: Tensor) -> Tensor:
    """A constant in the shape of `like`."""
    return add(zeros_like(like), value)


def polygamma(a: Any, x: Any, name: str | None = None) -> Tensor:
    """Derivative number `a` (1, 2, ...) of digamma at x > 0; number 0 is digamma itself.

    Elementwise; the shapes are broadcast, both dtypes must be the same. DLMF 25.11.12. There is no
    derivative with respect to `a`.

    >>> round(polygamma(1.0, 1.0).numpy().item(), 4)  # pi^2 / 6
    1.6449
    """
    order, x = convert_together(a, x)
    order = stop_gradient(order)
    zero = equal(order, zeros_like(order))
    safe = where(zero, _same(1, order), order)
    sign = 1 - 2 * ((safe + 1) % 2)  # + for odd orders, - for even ones
    value = sign * exp(lgamma(safe + 1)) * zeta(safe + 1, x)
    return where(zero, digamma(x + zeros_like(order)), value)
