"""Samples for Bessel functions, incomplete gamma and beta functions, named integrals, Fourier transforms.

Not a test file. The references are power series and Gauss-Legendre quadrature with 200 points; derivatives
by a parameter come from Cauchy's formula in the complex plane. The same rules as for `samples`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import engine as tf
import engine.math  # its primitives, and those of signal, are declared when they are first used
import engine.signal
from engine.ops.python_calls import Call
from tests.engine.cases import PAIRS, REAL_SHAPES, Case, binary, calls, draw, unary

POINTS, WEIGHTS = np.polynomial.legendre.leggauss(200)
EULER = 0.57721566490153286061


def each(function: Any) -> Any:
    """A function of Python floats, applied element by element."""
    return lambda *arrays: np.vectorize(function, otypes=[float])(*arrays)


def integral(function: Callable[[np.ndarray], np.ndarray], low: float, high: float) -> complex:
    """Gauss-Legendre quadrature with 200 points; t = low + (high - low) s^12 softens a power at `low`."""
    s = (POINTS + 1) / 2
    return complex(
        np.sum(WEIGHTS / 2 * function(low + (high - low) * s**12) * (high - low) * 12 * s**11)
    )


def gamma_share(a: complex, x: float) -> complex:
    """P(a, x), for complex a too."""
    below = integral(lambda t: t ** (a - 1) * np.exp(-t), 0, x)
    above = sum(
        integral(lambda t: t ** (a - 1) * np.exp(-t), x + 8 * k, x + 8 * (k + 1)) for k in range(6)
    )
    return below / (below + above)


def beta_share(a: complex, b: complex, x: float) -> complex:
    """I_x(a, b), for complex a and b too; the right half is integrated from its own end."""
    left = integral(lambda t: t ** (a - 1) * (1 - t) ** (b - 1), 0, x)
    right = integral(lambda t: t ** (b - 1) * (1 - t) ** (a - 1), 0, 1 - x)
    return left / (left + right)


def cauchy(function: Callable[[complex], complex], at: complex, order: int) -> complex:
    """A derivative as a mean over a circle of radius 0.9: exact for analytic functions, but for rounding."""
    steps = 0.9 * np.exp(2j * np.pi * np.arange(32) / 32)
    values = np.array([function(at + step) for step in steps])
    return complex(math.factorial(order) * np.mean(values * steps**-order))


def _series(term: Callable[[int], float], count: int = 60) -> float:
    return math.fsum(term(k) for k in range(count))


def _power(x: float, k: int, sign: int, order: int) -> float:
    """Term k of I (sign 1) or J (sign -1)."""
    factorials = math.factorial(k) * math.factorial(k + order)
    return float(sign**k * (x / 2) ** (2 * k + order) / factorials)


def first_kind(order: int, sign: int) -> Any:
    return lambda x: _series(lambda k: _power(x, k, sign, order))


def harmonic(k: int) -> float:
    return math.fsum(1 / j for j in range(1, k + 1))


def y0(x: float) -> float:
    rest = _series(lambda k: harmonic(k) * _power(x, k, -1, 0))
    return 2 / math.pi * ((math.log(x / 2) + EULER) * first_kind(0, -1)(x) - rest)


def y1(x: float) -> float:
    rest = _series(lambda k: (harmonic(k) + harmonic(k + 1)) * _power(x, k, -1, 1))
    lead = (math.log(x / 2) + EULER) * first_kind(1, -1)(x)
    return 2 / math.pi * (lead - 1 / x - rest / 2)


def second_modified(order: int, x: float) -> float:
    """The integral of exp(-x cosh t) cosh(order t)."""
    edge = math.acosh(1 + 45 / x)
    return integral(lambda t: np.exp(-x * np.cosh(t)) * np.cosh(order * t), 0, edge).real


def dawsn(x: float) -> float:
    return math.exp(-x * x) * integral(lambda t: np.exp(t * t), 0, x).real


def expint(x: float) -> float:
    return (
        EULER + math.log(x) + _series(lambda k: x ** (k + 1) / math.factorial(k + 1) / (k + 1), 90)
    )


def fresnel(wave: Any) -> Any:
    return lambda x: integral(lambda t: wave(np.pi / 2 * t * t), 0, x).real


def spence(x: float) -> float:
    return integral(lambda t: np.log1p(t * (x - 1)) / -t, 0, 1).real


def _orders(share: Any, orders: list[Any], name: str, low: Any, high: Any) -> list[Case]:
    """Derivatives by parameters, each order on its own pair of shapes."""
    return [
        Case(
            f"{shapes} {order}",
            tuple(draw(s, lo, hi) for s, lo, hi in zip(shapes, low, high, strict=True)),
            {name: order},
            each(lambda *xs, order=order: share(*xs, order)),
        )
        for shapes, order in orders
    ]


def _gamma_order(a: float, x: float, order: int) -> float:
    return cauchy(lambda z: gamma_share(z, x), a, order).real


def _beta_order(a: float, b: float, x: float, orders: tuple[int, int]) -> float:
    i, j = orders
    return cauchy(lambda p: cauchy(lambda q: beta_share(p, q, x), b, j), a, i).real


def _fourier(shape: tuple[int, ...], axes: tuple[int, ...], inverse: bool) -> tuple[Any, ...]:
    """The definition: along each axis a product with the matrix of exp(-2 pi i j k / n)."""

    def reference(x: np.ndarray) -> np.ndarray:
        for axis in axes:
            n = x.shape[axis]
            turns = np.outer(np.arange(n), np.arange(n)) / n
            matrix = np.exp((2j if inverse else -2j) * np.pi * turns) / (n if inverse else 1)
            x = np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
        return x

    return (draw(shape) + 1j * draw(shape),), {"axes": axes, "inverse": inverse}, reference


def _half(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[Any, ...]:
    """The first frequencies of the whole transform of a real signal."""
    whole = _fourier(shape, axes, False)[2]
    keep = shape[axes[-1]] // 2 + 1
    return (draw(shape),), {"axes": axes}, lambda x: whole(x + 0j).take(range(keep), axes[-1])


def _real_signal(shape: tuple[int, ...], axes: tuple[int, ...], size: int) -> tuple[Any, ...]:
    """The sum of waves: a frequency and its negative, which is its conjugate, once each."""

    def reference(x: np.ndarray) -> np.ndarray:
        for axis in axes[:-1]:
            n = x.shape[axis]
            matrix = np.exp(2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n) / n
            x = np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
        k = np.arange(size // 2 + 1)
        twice = np.where((k == 0) | (2 * k == size), 1, 2)
        waves = np.exp(2j * np.pi * np.outer(np.arange(size), k) / size) * twice / size
        return np.moveaxis(np.tensordot(waves, x, (1, axes[-1])), 0, axes[-1]).real

    given = draw(shape) + 1j * draw(shape)
    return (given,), {"axes": axes, "size": size}, reference


def _classes(count: int, unique: bool, part: int) -> Case:
    chances = np.array([0.5, 0.125, 0.25, 0.125])
    attrs = {"count": count, "unique": unique}
    return Case(f"{attrs} [{part}]", (np.array([11, 5], np.int64), chances), attrs, None, part=part)


def _called(shape: tuple[int, ...]) -> Case:
    """A Python function of unknown shape, in whatever dtype it is called."""

    def cube(x: tf.Tensor) -> list[tf.Tensor]:
        return [tf.cast(x, tf.float64) ** 3]

    call = Call(cube, (tf.TensorSpec(None, tf.float64),), "cube")
    return Case(f"{shape}", (draw(shape),), {"call": call}, lambda x: x * x * x, part=0)


def _runs(x: np.ndarray, decreasing: bool) -> np.ndarray:
    """Isotonic regression by its minimax formula: max over i <= k of min over j >= k of mean(x[i:j+1])."""
    rows = (x if decreasing else -x).reshape(-1, x.shape[-1])
    numbers = np.zeros(rows.shape, np.int32)
    for row, out in zip(rows, numbers, strict=True):
        n = len(row)
        fit = [
            min(max(row[i : j + 1].mean() for j in range(k, n)) for i in range(k + 1))
            for k in range(n)
        ]
        out[:] = np.cumsum(np.abs(np.diff(fit, prepend=fit[0])) > 1e-9)
    return numbers.reshape(x.shape)


TRIPLES: list[tuple[tuple[int, ...], ...]] = [
    ((2, 3), (2, 3), (2, 3)),
    ((), (), ()),
    ((0, 3), (3,), (1, 1)),
    ((2, 1), (), (3,)),
]
GAMMA = ((0.5, 0.2), (4, 6))
BETA = ((0.5, 0.5, 0.06), (4, 4, 0.94))
FAR, POSITIVE = {"low": -7, "high": 7}, {"low": 0.2, "high": 7}

NEED_AN_AXIS = ("fft", "rfft", "irfft", "isotonic_pools")
CASES: dict[str, list[Case]] = {
    "igamma": binary(each(lambda a, x: gamma_share(a, x).real), *GAMMA),
    "igammac": binary(each(lambda a, x: 1 - gamma_share(a, x).real), *GAMMA),
    "igamma_derivative": _orders(
        _gamma_order,
        [*zip(PAIRS[:5], (1, 1, 1, 2, 3), strict=True)],
        "order",
        (1.3, 0.2),
        (4, 6),
    ),
    "betainc": [
        Case(
            f"{shapes}",
            tuple(draw(s, lo, hi) for s, lo, hi in zip(shapes, *BETA, strict=True)),
            {},
            each(lambda a, b, x: beta_share(a, b, x).real),
        )
        for shapes in TRIPLES
    ],
    "betainc_derivative": _orders(
        _beta_order,
        [*zip(TRIPLES, ((1, 0), (0, 1), (1, 1), (1, 1)), strict=True)],
        "orders",
        (1.3, 1.3, 0.06),
        (4, 4, 0.94),
    ),
    "bessel_i0": unary(each(first_kind(0, 1)), **FAR),
    "bessel_i1": unary(each(first_kind(1, 1)), **FAR),
    "bessel_i0e": unary(each(lambda x: math.exp(-abs(x)) * first_kind(0, 1)(x)), **FAR),
    "bessel_i1e": unary(each(lambda x: math.exp(-abs(x)) * first_kind(1, 1)(x)), **FAR),
    "bessel_k0": unary(each(lambda x: second_modified(0, x)), **POSITIVE),
    "bessel_k1": unary(each(lambda x: second_modified(1, x)), **POSITIVE),
    "bessel_k0e": unary(each(lambda x: math.exp(x) * second_modified(0, x)), **POSITIVE),
    "bessel_k1e": unary(each(lambda x: math.exp(x) * second_modified(1, x)), **POSITIVE),
    "bessel_j0": unary(each(first_kind(0, -1))),
    "bessel_j1": unary(each(first_kind(1, -1))),
    "bessel_y0": unary(each(y0), low=0.2, high=3),
    "bessel_y1": unary(each(y1), low=0.2, high=3),
    "dawsn": unary(each(dawsn), low=-3, high=3),
    "expint": unary(each(expint), low=0.6, high=9),
    "fresnel_cos": unary(each(fresnel(np.cos)), low=-3, high=3),
    "fresnel_sin": unary(each(fresnel(np.sin)), low=-3, high=3),
    "fft": calls(
        _fourier((5,), (0,), False),
        _fourier((2, 3, 4), (1, 2), True),
        _fourier((2, 3, 4), (2, 0), False),
        _fourier((1,), (0,), True),
        _fourier((0, 4), (1,), False),
        linear=(0,),
    ),
    "rfft": calls(
        _half((5,), (0,)),
        _half((2, 3, 4), (1, 2)),
        _half((2, 4, 3), (2, 1)),
        _half((1,), (0,)),
        ((np.zeros((0, 4)),), {"axes": (1,)}, lambda x: np.zeros((0, 3), complex)),
    ),
    "irfft": calls(
        _real_signal((3,), (0,), 5),
        _real_signal((2, 3, 3), (1, 2), 4),
        _real_signal((2, 3, 3), (2, 1), 5),
        _real_signal((1,), (0,), 1),
        ((np.zeros((0, 3), complex),), {"axes": (1,), "size": 4}, lambda x: np.zeros((0, 4))),
    ),
    "sample_classes": [
        _classes(count, unique, part)
        for count in (3, 0)
        for unique in (True, False)
        for part in (0, 1)
    ],
    "py_function": [_called(shape) for shape in REAL_SHAPES],
    "isotonic_pools": calls(
        *(
            ((draw(shape),), {"decreasing": down}, lambda x, down=down: _runs(x, down))
            for shape in ((7,), (2, 3, 5), (1,))
            for down in (True, False)
        ),
        ((np.zeros((0, 3)),), {"decreasing": True}, lambda x: np.zeros((0, 3), np.int32)),
    ),
    "spence": unary(each(spence), low=0.1, high=4),
}
