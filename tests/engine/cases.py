"""How a sample of a primitive is written: the record, and the ways to draw inputs. Not a test file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import engine as tf

REAL_SHAPES = [(2, 3), (), (0, 3), (1,)]
PAIRS = [
    ((2, 3), (2, 3)),
    ((), ()),
    ((0, 3), (0, 3)),
    ((2, 3), ()),
    ((), (3,)),
    ((2, 1), (3,)),
    ((4, 1, 2), (3, 1)),
    ((1, 3), (0, 1)),
]


@dataclass(frozen=True)
class Case:
    """One call of a primitive.

    reference: the same from the arrays, written in NumPy; None where values are random.
    linear: the inputs in which the primitive is linear, the others held fixed.
    needs_sizes: its gradient needs sizes that a graph with unknown dimensions does not have.
    part: which output is looked at, where there are several.
    """

    label: str
    inputs: tuple[np.ndarray, ...]
    attrs: dict[str, Any]
    reference: Callable[..., Any] | None
    linear: tuple[int, ...] = field(default=())
    needs_sizes: bool = False
    part: int | None = None


rng = np.random.default_rng(20261122)


def draw(shape: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Numbers in [low, high], none of them within 0.05 of an integer, where many kinks are."""
    values = np.asarray(rng.uniform(low, high, shape))
    part = values - np.round(values)
    return np.asarray(values + np.where(np.abs(part) < 0.05, 0.1, 0.0))


def distinct(shape: tuple[int, ...]) -> np.ndarray:
    """Numbers that keep at least 0.3 from each other: no ties for an extreme."""
    count = int(np.prod(shape, dtype=int))
    return (rng.permutation(count) * 0.5 - 0.7 + rng.uniform(0, 0.2, count)).reshape(shape)


def unary(reference: Any, low: float = -2.0, high: float = 2.0, linear: Any = ()) -> list[Case]:
    return [
        Case(f"{shape}", (draw(shape, low, high),), {}, reference, linear) for shape in REAL_SHAPES
    ]


def binary(
    reference: Any,
    low: tuple[float, float] = (-2, -2),
    high: tuple[float, float] = (2, 2),
    linear: Any = (),
) -> list[Case]:
    return [
        Case(
            f"{a}, {b}",
            (draw(a, low[0], high[0]), draw(b, low[1], high[1])),
            {},
            reference,
            linear,
        )
        for a, b in PAIRS
    ]


def classification(answers: list[bool]) -> list[Case]:
    """What a test for special numbers says of 1, NaN, inf and -inf."""
    return calls(
        (([1.0, np.nan, np.inf, -np.inf],), {}, lambda x: np.array(answers)),
        ((np.float64(-np.inf),), {}, lambda x: np.array(answers[3])),
        ((np.zeros((0, 2)),), {}, lambda x: np.zeros((0, 2), bool)),
    )


def booleans(reference: Any, inputs: int) -> list[Case]:
    shapes = [(s,) for s in REAL_SHAPES] if inputs == 1 else PAIRS
    return [
        Case(f"{s}", tuple(np.asarray(rng.random(one) < 0.5) for one in s), {}, reference)
        for s in shapes
    ]


def comparison(reference: Any) -> list[Case]:
    """Numbers of which many are equal, and NaN."""
    cases = [
        Case(f"{a}, {b}", (np.round(draw(a)), np.round(draw(b))), {}, reference) for a, b in PAIRS
    ]
    odd = np.array([np.nan, np.inf, -np.inf, 1.0])
    return [*cases, Case("nan and inf", (odd, odd[::-1].copy()), {}, reference)]


def calls(*rows: tuple[Any, ...], linear: Any = (), needs_sizes: bool = False) -> list[Case]:
    """Rows of (inputs, attrs, reference)."""
    return [
        Case(
            f"{', '.join(str(np.shape(x)) for x in inputs)} {attrs or ''}".strip(),
            tuple(np.asarray(x) for x in inputs),
            attrs,
            reference,
            linear,
            needs_sizes,
        )
        for inputs, attrs, reference in rows
    ]


def _reduce_rows(sample: Any, function: Any) -> Iterator[tuple[Any, ...]]:
    layouts: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((2, 3, 4), (1,)),
        ((2, 3), (0, 1)),
        ((2, 3), ()),
        ((3,), (0,)),
        ((), ()),
        ((0, 3), (1,)),
    ]
    for shape, axes in layouts:
        for keepdims in (False, True):
            yield (
                (sample(shape),),
                {"axes": axes, "keepdims": keepdims},
                lambda x, axes=axes, keepdims=keepdims: function(x, axis=axes, keepdims=keepdims),
            )


def reduction(sample: Any, function: Any, linear: Any = ()) -> list[Case]:
    return calls(*_reduce_rows(sample, function), linear=linear)


def location(function: Any) -> list[Case]:
    return calls(
        ((distinct((3, 4)),), {"axis": 1, "dtype": tf.int64}, lambda x: function(x, 1)),
        ((distinct((3, 4)),), {"axis": 0, "dtype": tf.int32}, lambda x: function(x, 0)),
        (([2.0, 7.0, 7.0, 1.0, 1.0],), {"axis": 0, "dtype": tf.int64}, lambda x: function(x, 0)),
        ((np.zeros((0, 2)),), {"axis": 1, "dtype": tf.int64}, lambda x: function(x, 1)),
    )


def random(attrs: dict[str, Any]) -> list[Case]:
    return [
        Case(f"{shape}", (np.array([11, 5], np.int64),), {"shape": shape, **attrs}, None)
        for shape in ((2, 3), (), (0, 2))
    ]
