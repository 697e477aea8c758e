"""exp, log, tanh ... written with arithmetic, so that a machine computes many at once.

Each is a short series on a small range, and a step that brings every number into that range. The ideas are
Cody and Waite, Software Manual for the Elementary Functions (1980), and, for the logarithms, the series of
2 artanh(f / (2 + f)) = log(1 + f). The errors are within a few units in the last place;
tests/engine/test_native_functions.py measures them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.dtypes import DType, float32, float64, int32, int64
from engine.scalar import Scalar, absolute, constant, equal, maximum, minimum, select


@dataclass(frozen=True)
class Format:
    """How a float is stored, and how long the series for it are."""

    integer: DType  # of the same number of bits
    mantissa: int  # bits after the point
    bias: int  # added to the exponent
    high: float  # log(2) in two parts: the first has so few bits that n * high is exact
    low: float
    least: float  # exp of less is 0, of more than `most` infinite
    most: float
    terms_exp: int
    terms_expm1: int
    terms_log: int


FORMATS = {
    float32: Format(int32, 23, 127, 0.693359375, -2.1219444005469057e-4, -104.0, 89.0, 7, 9, 5),
    float64: Format(
        int64, 52, 1023, 0.6931471803691238, 1.9082149292705877e-10, -746.0, 710.0, 13, 17, 10
    ),
}


def _fma(a: Scalar, b: Scalar, c: Scalar) -> Scalar:
    """a * b + c, rounded once where the machine can."""
    return Scalar("fma", (a, b, c), a.dtype)


def _series(x: Scalar, coefficients: Sequence[float]) -> Scalar:
    """c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule."""
    total = constant(coefficients[-1], x.dtype)
    for coefficient in reversed(coefficients[:-1]):
        total = _fma(total, x, constant(coefficient, x.dtype))
    return total


def _power_of_two(n: Scalar, dtype: DType) -> Scalar:
    """2 to the power n, an integer: its exponent, put where a float has it."""
    form = FORMATS[dtype]
    shifted = Scalar(
        "shift_left", (n + form.bias, constant(form.mantissa, form.integer)), form.integer
    )
    return Scalar("bits", (shifted,), dtype)


def exp(x: Scalar) -> Scalar:
    """exp(x) = 2^n exp(r), where n is x / log(2) rounded and r what is left, at most log(2) / 2."""
    form = FORMATS[x.dtype]
    bounded = minimum(maximum(x, form.least), form.most)
    n = Scalar("round", (bounded * (1 / math.log(2)),), x.dtype)
    r = _fma(n, constant(-form.high, x.dtype), bounded)
    r = _fma(n, constant(-form.low, x.dtype), r)
    inner = _series(r, [1 / math.factorial(k) for k in range(1, form.terms_exp + 1)])
    power = _fma(inner, r, constant(1, x.dtype))
    # In two steps: 2^n itself can be too large or too small for a float where the product is not.
    whole = Scalar("as_integer", (select(equal(n, n), n, 0),), form.integer)
    half = Scalar("shift_right", (whole, constant(1, form.integer)), form.integer)
    return power * _power_of_two(half, x.dtype) * _power_of_two(whole - half, x.dtype)


def expm1(x: Scalar) -> Scalar:
    """exp(x) - 1; near 0, where that loses digits, the series without its 1."""
    form = FORMATS[x.dtype]
    small = x * _series(x, [1 / math.factorial(k) for k in range(1, form.terms_expm1 + 1)])
    return select(absolute(x) < 0.5, small, exp(x) - 1)


def _log_near_one(f: Scalar) -> Scalar:
    """log(1 + f) for f between sqrt(1/2) - 1 and sqrt(2) - 1."""
    form = FORMATS[f.dtype]
    s = f / (f + 2)
    z = s * s
    rest = z * _series(z, [2 / (2 * k + 3) for k in range(form.terms_log)])
    half = f * f * 0.5
    return f - (half - s * (half + rest))


def log(x: Scalar) -> Scalar:
    """log(x) = e log(2) + log(m), where x = m 2^e and m lies between sqrt(1/2) and sqrt(2)."""
    form, dtype = FORMATS[x.dtype], x.dtype
    least = 2.0 ** (1 - form.bias)  # smaller floats have no exponent of their own
    tiny = x < least
    scaled = select(tiny, x * 2.0**form.mantissa, x)
    bits = Scalar("bits", (scaled,), form.integer)
    exponent = Scalar("shift_right", (bits, constant(form.mantissa, form.integer)), form.integer)
    fraction = bits - Scalar(
        "shift_left", (exponent, constant(form.mantissa, form.integer)), form.integer
    )
    one = form.bias << form.mantissa
    m = Scalar("bits", (fraction + one,), dtype)
    large = m > math.sqrt(2)
    m = select(large, m * 0.5, m)
    e = Scalar("cast", (exponent - form.bias,), dtype)
    e = e + select(large, constant(1, dtype), 0) - select(tiny, constant(form.mantissa, dtype), 0)
    near = _log_near_one(m - 1)
    found = e * form.high + (e * form.low + near)
    found = select(equal(x, 0), -math.inf, found)
    found = select(x < 0, math.nan, found)
    return select(x < math.inf, found, x)  # infinity and NaN stay


def log1p(x: Scalar) -> Scalar:
    """log(1 + x): near 0 from x itself; elsewhere log(u), u = 1 + x, and what u has rounded away."""
    u = x + 1
    lost = (x - (u - 1)) / u
    usual = (u > 0) & (u < math.inf)
    far = log(u) + select(usual, lost, 0)
    return select(absolute(x) < 0.29, _log_near_one(x), far)


def tanh(x: Scalar) -> Scalar:
    """tanh(x) = -t / (t + 2) with t = exp(-2x) - 1, for the size of x; then the sign of x."""
    t = expm1(absolute(x) * -2)
    size = -t / (t + 2)
    return select(x < 0, -size, select(x > 0, size, x))


EXPANSIONS: dict[str, Callable[[Scalar], Scalar]] = {
    "exp": exp,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "tanh": tanh,
}
