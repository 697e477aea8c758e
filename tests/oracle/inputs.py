"""Inputs for the recorded cases, from a generator written out here, so that every framework sees the same.

A recipe says what an input is; `Array` is what it becomes: a dtype, a shape and a flat list of Python
numbers. Nothing here needs NumPy or any framework.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

FLOATS = ("float64", "float32", "float16", "bfloat16")
COMPLEX = ("complex64", "complex128")


@dataclass(frozen=True)
class Array:
    """Numbers in row-major order, with their shape and dtype."""

    dtype: str
    shape: tuple[int, ...]
    values: tuple[Any, ...]


class Numbers:
    """A linear congruential generator modulo 2**64 (Knuth's constants for MMIX), seeded by a text."""

    def __init__(self, seed: str):
        self._state = zlib.crc32(seed.encode())
        for _ in range(4):
            self.unit()

    def unit(self) -> float:
        """A number in [0, 1) with 53 digits."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self._state >> 11) / 2.0**53

    def below(self, end: int) -> int:
        return int(self.unit() * end)


# An input is written as a recipe: given the generator it makes the array.
Recipe = Callable[[Numbers], Array]


def count(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def real(*shape: int, low: float = -2.0, high: float = 2.0) -> Recipe:
    """float64 in [low, high], none within 0.05 of an integer, where many kinks are."""

    def one(numbers: Numbers) -> float:
        x = low + (high - low) * numbers.unit()
        return x + 0.1 if abs(x - round(x)) < 0.05 else x

    return lambda n: Array("float64", shape, tuple(one(n) for _ in range(count(shape))))


def spread(*shape: int) -> Recipe:
    """float64 numbers that keep at least 0.3 from each other, in random order: no ties."""

    def make(numbers: Numbers) -> Array:
        places = list(range(count(shape)))
        for i in range(len(places) - 1, 0, -1):
            j = numbers.below(i + 1)
            places[i], places[j] = places[j], places[i]
        return Array("float64", shape, tuple(p * 0.5 - 1.2 + 0.2 * numbers.unit() for p in places))

    return make


def grid(
    *shape: int, dtype: str, low: float = -2.0, high: float = 2.0, step: float = 1 / 32
) -> Recipe:
    """Multiples of 1/32, which float16 and bfloat16 hold exactly up to 8; no integers."""

    def one(numbers: Numbers) -> float:
        first, last = round(low / step), round(high / step)
        k = first + numbers.below(last - first)
        return (k if k * step != int(k * step) else k + 1) * step

    return lambda n: Array(dtype, shape, tuple(one(n) for _ in range(count(shape))))


def positive(*shape: int) -> Recipe:
    """Symmetric positive definite matrices, shape (..., n, n)."""
    size = shape[-1]

    def make(numbers: Numbers) -> Array:
        values: list[float] = []
        for _ in range(count(shape[:-2])):
            rows = [[2 * numbers.unit() - 1 for _ in range(size)] for _ in range(size)]
            for i in range(size):
                for j in range(size):
                    dot = sum(rows[i][k] * rows[j][k] for k in range(size))
                    values.append(dot + (size + i * 0.7 if i == j else 0.0))
        return Array("float64", shape, tuple(values))

    return make


def matrix(*shape: int) -> Recipe:
    """Matrices far from singular, shape (..., m, n): random, and larger on the diagonal."""
    columns = shape[-1]

    def make(numbers: Numbers) -> Array:
        values = [2 * numbers.unit() - 1 for _ in range(count(shape))]
        for at in range(len(values)):
            row, column = at // columns % shape[-2], at % columns
            values[at] += 2.0 + row if row == column else 0.0
        return Array("float64", shape, tuple(values))

    return make


def cplx(*shape: int, dtype: str = "complex128") -> Recipe:
    """Complex numbers with parts in [-2, 2]."""
    return lambda n: Array(
        dtype,
        shape,
        tuple(complex(4 * n.unit() - 2, 4 * n.unit() - 2) for _ in range(count(shape))),
    )


def ints(*shape: int, low: int = -9, high: int = 10, dtype: str = "int32") -> Recipe:
    """Integers in [low, high)."""
    return lambda n: Array(
        dtype, shape, tuple(low + n.below(high - low) for _ in range(count(shape)))
    )


def bools(*shape: int) -> Recipe:
    return lambda n: Array("bool", shape, tuple(n.below(2) == 1 for _ in range(count(shape))))


def lit(value: Any, dtype: str = "float64") -> Recipe:
    """These very numbers: a number, or nested lists. An empty list is a vector without elements."""
    shape: list[int] = []
    flat = [value]
    while flat and isinstance(flat[0], list):
        shape.append(len(flat[0]))
        flat = [number for row in flat for number in row]
    if isinstance(value, list) and not flat:
        return empty(*shape, dtype=dtype)
    return lambda n: Array(dtype, tuple(shape), tuple(flat))


def empty(*shape: int, dtype: str = "float64") -> Recipe:
    """A tensor without elements."""
    assert count(shape) == 0, shape
    return lambda n: Array(dtype, shape, ())


def weights(like: Array, seed: str) -> Array:
    """Numbers to weight an output or a gradient with: multiples of 1/16 in [0.5, 1.5], exact in any float."""
    numbers = Numbers(seed)

    def one() -> Any:
        part = 0.5 + numbers.below(17) / 16
        return complex(part, 0.5 + numbers.below(17) / 16) if like.dtype in COMPLEX else part

    return Array(like.dtype, like.shape, tuple(one() for _ in range(count(like.shape))))
