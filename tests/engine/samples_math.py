"""Samples for the mathematical primitives: more functions, complex numbers, bits, scans, linear algebra,
convolutions. Not a test file; the same rules as for `samples`, whose helpers it uses.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.engine.cases import PAIRS, REAL_SHAPES, Case, binary, calls, draw, unary

_rng = np.random.default_rng(20261123)


def _each(function: Any) -> Any:
    """A function of Python floats, applied element by element."""
    return lambda *arrays: np.vectorize(function, otypes=[float])(*arrays)


_POINTS = np.polynomial.legendre.leggauss(200)


def _integral(function: Any, low: float, high: float) -> float:
    """Gauss-Legendre quadrature with 200 points."""
    points, weights = _POINTS
    middle, half = (low + high) / 2, (high - low) / 2
    return float(np.sum(weights * function(middle + half * points)) * half)


def _digamma(x: float) -> float:
    """log(N) - sum 1/(x+k), made fast by Richardson's remark that the error has an expansion in 1/N."""
    n = 100_000
    edge = x + n
    return float(
        math.log(edge) - 0.5 / edge - 1 / (12 * edge**2) - np.sum(1.0 / (x + np.arange(n)))
    )


def _zeta(s: float, q: float) -> float:
    """The integral of t^(s-1) exp(-qt) / (1 - exp(-t)) over gamma(s), for s >= 2 (DLMF 25.11.25)."""

    def integrand(u: np.ndarray) -> np.ndarray:  # t = u^4 makes the power at 0 smooth enough
        t = u**4
        return t ** (s - 1) * np.exp(-q * t) / -np.expm1(-t) * 4 * u**3

    return (_integral(integrand, 0, 2.5) + _integral(integrand, 2.5, 5)) / math.gamma(s)


def _inverse(function: Any, low: float, high: float) -> Any:
    """Solves function(x) = y by bisection, function increasing."""

    def solve(y: float) -> float:
        a, b = low, high
        for _ in range(200):
            middle = (a + b) / 2
            a, b = (middle, b) if function(middle) < y else (a, middle)
        return (a + b) / 2

    return _each(solve)


def complex_draw(shape: tuple[int, ...]) -> np.ndarray:
    return draw(shape) + 1j * draw(shape)


def complex_unary(reference: Any) -> list[Case]:
    return [Case(f"{shape}", (complex_draw(shape),), {}, reference) for shape in REAL_SHAPES]


def _bits(reference: Any, low: int = -100, high: int = 100, least: int | None = None) -> list[Case]:
    return [
        Case(
            f"{a}, {b}",
            (
                np.asarray(_rng.integers(low, high, a), np.int32),
                np.asarray(
                    _rng.integers(low, high, b) if least is None else _rng.integers(0, 5, b),
                    np.int32,
                ),
            ),
            {},
            reference,
        )
        for a, b in PAIRS
    ]


def _runs(function: Any, neutral: float) -> list[Case]:
    """A running sum or product, written as a loop; samples with zeros, both directions."""

    def reference(x: np.ndarray, axis: int, exclusive: bool, reverse: bool) -> np.ndarray:
        rows = list(np.moveaxis(x, axis, 0))
        result: list[Any] = [None] * len(rows)
        total = np.full(np.shape(rows[0]) if rows else (), neutral)
        for i in range(len(rows))[:: -1 if reverse else 1]:
            before, total = total, function(total, rows[i])
            result[i] = before if exclusive else total
        stacked = np.array(result).reshape((len(rows), *x.shape[:axis], *x.shape[axis + 1 :]))
        return np.moveaxis(stacked, 0, axis)

    rows = []
    with_zeros = draw((4, 3)) * np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1], [1, 0, 1]])
    for x, axis in ((draw((2, 3, 2)), 1), (with_zeros, 0), (draw((1,)), 0), (np.zeros((2, 0)), 1)):
        for exclusive in (False, True):
            for reverse in (False, True):
                attrs = {"axis": axis, "exclusive": exclusive, "reverse": reverse}
                rows.append(((x,), attrs, lambda x, attrs=attrs: reference(x, **attrs)))
    return calls(*rows, linear=(0,) if neutral == 0 else ())


def _recurrence_rows() -> list[Any]:
    def reference(a: np.ndarray, b: np.ndarray, axis: int, reverse: bool, late: bool) -> np.ndarray:
        a, y = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0).copy()
        if reverse:
            for i in range(len(y) - 2, -1, -1):
                y[i] = y[i] + a[i + 1 if late else i] * y[i + 1]
        else:
            for i in range(1, len(y)):
                y[i] = y[i] + a[i - 1 if late else i] * y[i - 1]
        return np.moveaxis(y, 0, axis)

    rows = []
    for shape, axis in (((4, 3), 0), ((2, 3), 1), ((1,), 0), ((0, 2), 0)):
        for reverse in (False, True):
            for late in (False, True):
                attrs = {"axis": axis, "reverse": reverse, "late": late}
                rows.append(
                    (
                        (draw(shape), draw(shape)),
                        attrs,
                        lambda a, b, attrs=attrs: reference(a, b, **attrs),
                    )
                )
    return rows


def _shift_rows() -> list[Any]:
    def reference(x: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
        edge = np.zeros([1 if i == axis else d for i, d in enumerate(x.shape)])
        if reverse:
            return np.concatenate([x, edge], axis).take(range(1, x.shape[axis] + 1), axis)
        return np.concatenate([edge, x], axis).take(range(x.shape[axis]), axis)

    rows = []
    for shape, axis in (((4, 3), 0), ((2, 3), 1), ((1,), 0), ((0, 2), 0)):
        for reverse in (False, True):
            attrs = {"axis": axis, "reverse": reverse}
            rows.append(((draw(shape),), attrs, lambda x, attrs=attrs: reference(x, **attrs)))
    return rows


def _running_logsumexp(x: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
    powers = np.exp(np.flip(x, axis) if reverse else x)
    total = np.log(np.cumsum(powers, axis))
    return np.flip(total, axis) if reverse else total


NEED_AN_AXIS = (
    "shift", "recurrence", "cumsum", "cumprod", "cumulative_logsumexp", "reduce_prod",
)  # fmt: skip
UNIT = {"low": -0.9, "high": 0.9}

CASES: dict[str, list[Case]] = {
    "relu6": unary(lambda x: np.clip(x, 0, 6), low=-3, high=9),
    "elu": unary(lambda x: np.where(x > 0, x, np.e**x - 1)),
    "selu": unary(lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.e**x - 1))),
    "checked_labels": calls(
        (([2, 0], draw((2, 3))), {}, lambda labels, logits: labels),
        ((np.int64(1), draw((2,))), {}, lambda labels, logits: labels),
        ((np.zeros((0, 2), int), np.zeros((0, 2, 3))), {}, lambda labels, logits: labels),
    ),
    "tan": unary(lambda x: np.sin(x) / np.cos(x), low=-1.4, high=1.4),
    "asin": unary(lambda x: np.arctan2(x, np.sqrt(1 - x * x)), **UNIT),
    "acos": unary(lambda x: np.arctan2(np.sqrt(1 - x * x), x), **UNIT),
    "atan": unary(lambda x: np.angle(1 + 1j * x)),
    "sinh": unary(lambda x: (np.exp(x) - np.exp(-x)) / 2),
    "cosh": unary(lambda x: (np.exp(x) + np.exp(-x)) / 2),
    "asinh": unary(lambda x: np.log(x + np.sqrt(x * x + 1))),
    "acosh": unary(lambda x: np.log(x + np.sqrt(x * x - 1)), low=1.2, high=4),
    "atanh": unary(lambda x: np.log((1 + x) / (1 - x)) / 2, **UNIT),
    "atan2": binary(lambda a, b: np.angle(b + 1j * a)),
    "reciprocal": unary(lambda x: 1 / x, low=0.3),
    "reciprocal_no_nan": unary(lambda x: 1 / x, low=0.3),
    "divide_no_nan": binary(lambda a, b: a / b, (-2, 0.5), (2, 2), linear=(0,)),
    "multiply_no_nan": binary(lambda a, b: a * b),
    "xlogy": binary(lambda a, b: a * np.log(b), (-2, 0.3), (2, 3), linear=(0,)),
    "xlog1py": binary(lambda a, b: a * np.log(1 + b), (-2, -0.7), (2, 3), linear=(0,)),
    "xdivy": binary(lambda a, b: a / b, (-2, 0.5), (2, 2), linear=(0,)),
    "truncatediv": binary(lambda a, b: np.fix(a / b), (-3, 0.5), (3, 2)),
    "truncatemod": binary(lambda a, b: a - b * np.fix(a / b), (-3, 0.5), (3, 2)),
    "nextafter": binary(_each(math.nextafter)),
    "erf": unary(_each(math.erf)),
    "erfc": unary(_each(math.erfc)),
    "erfinv": unary(_inverse(math.erf, -3, 3), **UNIT),
    "erfcinv": unary(lambda p: -_inverse(lambda x: math.erfc(-x), -6, 6)(p), 0.05, 1.95),
    "lgamma": unary(_each(math.lgamma), 0.3, 12),
    "digamma": unary(_each(_digamma), 0.3, 12),
    "zeta": binary(_each(_zeta), (2.1, 0.3), (5, 4)),
    "complex": binary(lambda a, b: a + 1j * b),
    "real": complex_unary(lambda x: (x + np.conj(x)).real / 2),
    "imag": complex_unary(lambda x: (x * -1j).real),
    "conj": complex_unary(lambda x: x.real - 1j * x.imag),
    "complex_abs": complex_unary(lambda x: np.sqrt(x.real**2 + x.imag**2)),
    "bitwise_and": _bits(_each(lambda a, b: int(a) & int(b))),
    "bitwise_or": _bits(_each(lambda a, b: int(a) | int(b))),
    "bitwise_xor": _bits(_each(lambda a, b: int(a) ^ int(b))),
    "left_shift": _bits(_each(lambda a, b: int(a) << int(b)), least=0),
    "right_shift": _bits(_each(lambda a, b: int(a) >> int(b)), least=0),
    "invert": [
        Case(f"{s}", (np.asarray(_rng.integers(-50, 50, s), np.int32),), {}, lambda x: -x - 1)
        for s in REAL_SHAPES
    ],
    "shift": calls(*_shift_rows(), linear=(0,)),
    "recurrence": calls(*_recurrence_rows(), linear=(1,)),
    "cumsum": _runs(np.add, 0),
    "cumprod": _runs(np.multiply, 1),
    "cumulative_logsumexp": calls(
        *(
            ((draw(shape),), {"axis": axis, "reverse": reverse},
             lambda x, axis=axis, reverse=reverse: _running_logsumexp(x, axis, reverse))
            for shape, axis in (((4, 3), 0), ((2, 3), 1), ((1,), 0), ((0, 2), 0))
            for reverse in (False, True)
        )
    ),
    "reduce_prod": calls(
        ((draw((2, 3, 2)),), {"axis": 1}, lambda x: x[:, :1] * x[:, 1:2] * x[:, 2:]),
        ((np.array([[1.5, 0.0, 2.0], [0.0, 0.0, 3.0]]),), {"axis": 1}, lambda x: np.zeros((2, 1))),
        ((np.array([[1.5, 0.0], [0.5, 0.0]]),), {"axis": 0}, lambda x: np.array([[0.75, 0.0]])),
        ((draw((1,)),), {"axis": 0}, lambda x: x),
        ((np.zeros((2, 0)),), {"axis": 1}, lambda x: np.ones((2, 1))),
    ),
}  # fmt: skip
