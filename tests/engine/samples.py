"""Sample inputs for every primitive of the engine, each beside what NumPy says it computes.

Not a test file: `test_registry.py` runs every check over this table, and fails when a primitive is
missing from it. Floating-point samples are float64 and keep away from kinks and ties, so that finite
differences are a fair judge; kinks and ties have tests of their own.
"""

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
    """

    label: str
    inputs: tuple[np.ndarray, ...]
    attrs: dict[str, Any]
    reference: Callable[..., Any] | None
    linear: tuple[int, ...] = field(default=())
    needs_sizes: bool = False


_rng = np.random.default_rng(20261122)


def draw(shape: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Numbers in [low, high], none of them within 0.05 of an integer, where many kinks are."""
    values = np.asarray(_rng.uniform(low, high, shape))
    part = values - np.round(values)
    return np.asarray(values + np.where(np.abs(part) < 0.05, 0.1, 0.0))


def distinct(shape: tuple[int, ...]) -> np.ndarray:
    """Numbers that keep at least 0.3 from each other: no ties for an extreme."""
    count = int(np.prod(shape, dtype=int))
    return (_rng.permutation(count) * 0.5 - 0.7 + _rng.uniform(0, 0.2, count)).reshape(shape)


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
        Case(f"{s}", tuple(np.asarray(_rng.random(one) < 0.5) for one in s), {}, reference)
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


def _random(attrs: dict[str, Any]) -> list[Case]:
    return [
        Case(f"{shape}", (np.array([11, 5], np.int64),), {"shape": shape, **attrs}, None)
        for shape in ((2, 3), (), (0, 2))
    ]


def _sum_to(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Sums x down to the shape of `like`, element by element: slow and plain."""
    result = np.zeros(like.shape)
    lead = x.ndim - like.ndim
    for index in np.ndindex(x.shape):
        place = tuple(0 if like.shape[i] == 1 else k for i, k in enumerate(index[lead:]))
        result[place] += x[index]
    return result


def _gather(params: np.ndarray, indices: np.ndarray, axis: int) -> np.ndarray:
    slices = [np.moveaxis(params, axis, 0)[i] for i in indices.reshape(-1)]
    rest = params.shape[:axis] + params.shape[axis + 1 :]
    flat = np.array(slices).reshape(indices.shape + rest)
    return np.moveaxis(flat, range(indices.ndim), range(axis, axis + indices.ndim))


def _scatter(dy: np.ndarray, indices: np.ndarray, like: np.ndarray, axis: int) -> np.ndarray:
    result = np.zeros(like.shape)
    to = np.moveaxis(result, axis, 0)
    source = np.moveaxis(dy, range(axis, axis + indices.ndim), range(indices.ndim))
    for place in np.ndindex(indices.shape):
        to[indices[place]] += source[place]
    return result


def _unslice(dy: np.ndarray, like: np.ndarray, key: Any) -> np.ndarray:
    result = np.zeros(like.shape)
    result[key] = dy
    return result


def _slice(*parts: Any) -> tuple[Any, ...]:
    return tuple(("slice", p.start, p.stop, p.step) if isinstance(p, slice) else p for p in parts)


def _cut(shape: tuple[int, ...], *parts: Any) -> tuple[Any, ...]:
    return (draw(shape),), {"index": _slice(*parts)}, lambda x: x[parts]


def _uncut(shape: tuple[int, ...], *parts: Any) -> tuple[Any, ...]:
    like = draw(shape)
    dy = draw(np.shape(like[parts]))
    return (dy, like), {"index": _slice(*parts)}, lambda d, x: _unslice(d, x, parts)


IDX = np.array([[2, 0], [1, 2]], np.int32)
POSITIVE = {"low": 0.3, "high": 3.0}

CASES: dict[str, list[Case]] = {
    "add": binary(lambda a, b: a + b),
    "subtract": binary(lambda a, b: a - b),
    "multiply": binary(lambda a, b: a * b, linear=(0, 1)),
    "divide": binary(lambda a, b: a / b, (-2, 0.5), (2, 2), linear=(0,)),
    "floordiv": binary(lambda a, b: np.floor(a / b), (-3, 0.5), (3, 2)),
    "floormod": binary(lambda a, b: a - b * np.floor(a / b), (-3, 0.5), (3, 2)),
    "pow": binary(lambda a, b: np.exp(b * np.log(a)), (0.3, -2), (3, 2)),
    "maximum": binary(lambda a, b: np.where(a > b, a, b)),
    "minimum": binary(lambda a, b: np.where(a < b, a, b)),
    "negative": unary(lambda x: 0 - x, linear=(0,)),
    "abs": unary(lambda x: np.where(x > 0, x, -x)),
    "sign": unary(lambda x: np.where(x > 0, 1.0, -1.0)),
    "square": unary(lambda x: x * x),
    "sqrt": unary(lambda x: x**0.5, **POSITIVE),
    "rsqrt": unary(lambda x: x**-0.5, **POSITIVE),
    "exp": unary(lambda x: np.e**x),
    "expm1": unary(lambda x: np.e**x - 1),
    "log": unary(lambda x: np.log2(x) * np.log(2.0), **POSITIVE),
    "log1p": unary(lambda x: np.log(1 + x), low=-0.8),
    "sin": unary(lambda x: np.exp(1j * x).imag),
    "cos": unary(lambda x: np.exp(1j * x).real),
    "tanh": unary(lambda x: np.sinh(x) / np.cosh(x)),
    "sigmoid": unary(lambda x: np.exp(x) / (1 + np.exp(x)), low=-5, high=5),
    "softplus": unary(lambda x: np.log(1 + np.exp(x)), low=-5, high=5),
    "relu": unary(lambda x: x * (x > 0)),
    "floor": unary(np.floor),
    "ceil": unary(np.ceil),
    "round": [*unary(np.rint), *calls((([0.5, 1.5, 2.5, -0.5],), {}, lambda x: [0, 2, 2, -0.0]))],
    "is_nan": classification([False, True, False, False]),
    "is_inf": classification([False, False, True, True]),
    "is_finite": classification([True, False, False, False]),
    "equal": comparison(lambda a, b: a == b),
    "not_equal": comparison(lambda a, b: a != b),
    "less": comparison(lambda a, b: a < b),
    "less_equal": comparison(lambda a, b: a <= b),
    "greater": comparison(lambda a, b: a > b),
    "greater_equal": comparison(lambda a, b: a >= b),
    "logical_and": booleans(lambda a, b: a & b, 2),
    "logical_or": booleans(lambda a, b: a | b, 2),
    "logical_xor": booleans(lambda a, b: a != b, 2),
    "logical_not": booleans(lambda a: ~a, 1),
    "select": [
        Case(
            f"{c}, {a}, {b}",
            (np.asarray(_rng.random(c) < 0.5), draw(a), draw(b)),
            {},
            lambda c, a, b: np.where(c, a, b),
            (),
        )
        for c, a, b in [
            ((2, 3), (2, 3), (2, 3)),
            ((), (), ()),
            ((2, 1), (3,), ()),
            ((3,), (2, 3), (1, 3)),
            ((0,), (0,), (1,)),
        ]
    ],
    "cast": calls(
        ((draw((2, 3)),), {"dtype": tf.float32}, lambda x: x.astype(np.float32)),
        ((draw((2, 3)),), {"dtype": tf.int32}, lambda x: np.trunc(x).astype(np.int32)),
        ((draw(()),), {"dtype": tf.bool}, lambda x: x != 0),
        ((np.array([0, 1, 2]),), {"dtype": tf.float64}, lambda x: x / 1.0),
        ((np.array([True, False]),), {"dtype": tf.float32}, lambda x: np.float32([1, 0])),
        ((np.zeros((0, 2)),), {"dtype": tf.float16}, lambda x: np.zeros((0, 2), np.float16)),
        ((np.array([1 + 2j]),), {"dtype": tf.float64}, lambda x: np.array([1.0])),
    ),
    "fill_like": calls(
        ((draw((2, 3)),), {"value": 1, "dtype": tf.int32}, lambda x: np.full((2, 3), 1, np.int32)),
        ((draw(()),), {"value": 0, "dtype": tf.float64}, lambda x: np.float64(0)),
        ((draw((0, 2)),), {"value": 1, "dtype": tf.bool}, lambda x: np.ones((0, 2), bool)),
    ),
    "identity": unary(lambda x: x, linear=(0,)),
    "stop_gradient": unary(lambda x: x),
    "shape": calls(
        ((draw((2, 3)),), {"dtype": tf.int32}, lambda x: np.int32([2, 3])),
        ((draw(()),), {"dtype": tf.int64}, lambda x: np.zeros(0, np.int64)),
        ((draw((0, 3)),), {"dtype": tf.int32}, lambda x: np.int32([0, 3])),
    ),
    "size": calls(
        ((draw((2, 3)),), {"dtype": tf.int32}, lambda x: np.int32(6)),
        ((draw(()),), {"dtype": tf.int64}, lambda x: np.int64(1)),
        ((draw((0, 3)),), {"dtype": tf.int32}, lambda x: np.int32(0)),
    ),
    "reshape": calls(
        ((draw((2, 3)),), {"shape": (3, 2)}, lambda x: x.ravel().reshape(3, 2)),
        ((draw((2, 3)),), {"shape": (-1,)}, lambda x: x.ravel()),
        ((draw((1, 1)),), {"shape": ()}, lambda x: x[0, 0]),
        ((draw(()),), {"shape": (1, 1)}, lambda x: np.array([[x]])),
        ((draw((0, 3)),), {"shape": (3, 0)}, lambda x: np.zeros((3, 0))),
        linear=(0,),
    ),
    "reshape_like": calls(
        ((draw((2, 3)), draw((6,))), {}, lambda x, like: x.ravel()),
        ((draw(()), draw((1, 1))), {}, lambda x, like: np.array([[x]])),
        ((draw((0, 3)), draw((3, 0))), {}, lambda x, like: np.zeros((3, 0))),
        linear=(0,),
    ),
    "reshape_to": calls(
        ((draw((2, 3)), np.int32([3, -1])), {}, lambda x, shape: x.ravel().reshape(3, 2)),
        ((draw((1,)), np.zeros(0, np.int32)), {}, lambda x, shape: x[0]),
        ((draw((0, 3)), np.int64([0, 5])), {}, lambda x, shape: np.zeros((0, 5))),
        linear=(0,),
    ),
    "expand_dims": calls(
        ((draw((2, 3)),), {"axes": (1,)}, lambda x: x[:, None]),
        ((draw((2,)),), {"axes": (0, 2)}, lambda x: x[None, :, None]),
        ((draw(()),), {"axes": (0,)}, lambda x: x[None]),
        ((draw((0,)),), {"axes": (1,)}, lambda x: np.zeros((0, 1))),
        linear=(0,),
    ),
    "squeeze": calls(
        ((draw((2, 1, 3)),), {"axes": (1,)}, lambda x: x[:, 0]),
        ((draw((1, 2, 1)),), {"axes": (0, 2)}, lambda x: x[0, :, 0]),
        ((draw((1,)),), {"axes": (0,)}, lambda x: x[0]),
        ((draw((0, 1)),), {"axes": (1,)}, lambda x: np.zeros(0)),
        ((draw((2, 1)),), {"axes": ()}, lambda x: x),
        linear=(0,),
    ),
    "transpose": calls(
        ((draw((2, 3)),), {"perm": (1, 0)}, lambda x: x.T),
        ((draw((2, 3, 4)),), {"perm": (2, 0, 1)}, lambda x: np.einsum("abc->cab", x)),
        ((draw(()),), {"perm": ()}, lambda x: x),
        ((draw((0, 3)),), {"perm": (1, 0)}, lambda x: np.zeros((3, 0))),
        linear=(0,),
    ),
    "broadcast_to": calls(
        ((draw((3, 1)),), {"shape": (2, 3, 2)}, lambda x: np.ones((2, 3, 2)) * x),
        ((draw(()),), {"shape": (2, 2)}, lambda x: np.ones((2, 2)) * x),
        ((draw((1,)),), {"shape": (0,)}, lambda x: np.zeros(0)),
        linear=(0,),
    ),
    "broadcast_like": calls(
        ((draw((3, 1)), draw((2, 3, 2))), {}, lambda x, like: np.ones((2, 3, 2)) * x),
        ((draw(()), draw(())), {}, lambda x, like: x),
        ((draw((1, 2)), draw((0, 2))), {}, lambda x, like: np.zeros((0, 2))),
        linear=(0,),
    ),
    "sum_like": calls(
        ((draw((2, 3, 2)), draw((3, 1))), {}, _sum_to),
        ((draw((2, 3)), draw(())), {}, _sum_to),
        ((draw((2, 3)), draw((2, 3))), {}, _sum_to),
        ((draw((0, 2)), draw((1, 2))), {}, _sum_to),
        linear=(0,),
    ),
    "slice": calls(
        _cut((4, 3), 1),
        _cut((4, 3), slice(None, None, 2), slice(1, None)),
        _cut((4, 3), Ellipsis, -1),
        _cut((5,), slice(None, None, -2)),
        _cut((4, 3), None, 2, None, slice(0, 2)),
        _cut((2, 3, 4), 1, Ellipsis, slice(None, -1)),
        _cut((3,), slice(2, 1)),
        _cut((3,), slice(-100, 100)),
        _cut((3,), 2),
        _cut((), None),
        _cut(()),
        linear=(0,),
    ),
    "unslice": calls(
        _uncut((4, 3), 1),
        _uncut((4, 3), slice(None, None, 2), slice(1, None)),
        _uncut((5,), slice(None, None, -2)),
        _uncut((3,), slice(2, 1)),
        _uncut((3,), 0),
        linear=(0,),
    ),
    "concat": calls(
        ((draw((2, 3)), draw((1, 3))), {"axis": 0}, lambda *p: np.vstack(p)),
        ((draw((2, 1)), draw((2, 0)), draw((2, 2))), {"axis": 1}, lambda *p: np.hstack(p)),
        needs_sizes=True,
    )
    + calls(  # linear in one part while the others are 0
        ((draw((3,)),), {"axis": 0}, lambda x: x),
        ((draw((2, 2)), np.zeros((2, 1))), {"axis": 1}, lambda *p: np.hstack(p)),
        linear=(0,),
        needs_sizes=True,
    ),
    "gather": calls(
        ((draw((3, 2)), IDX), {"axis": 0}, lambda p, i: _gather(p, i, 0)),
        ((draw((2, 3, 2)), IDX), {"axis": 1}, lambda p, i: _gather(p, i, 1)),
        ((draw((3, 2)), np.int64(1)), {"axis": 0}, lambda p, i: p[1]),
        ((draw((3,)), np.zeros(0, np.int32)), {"axis": 0}, lambda p, i: np.zeros(0)),
        linear=(0,),
    ),
    "scatter_add": calls(
        ((draw((2, 2, 2)), IDX, draw((3, 2))), {"axis": 0}, lambda d, i, p: _scatter(d, i, p, 0)),
        (
            (draw((2, 2, 2, 2)), IDX, draw((2, 3, 2))),
            {"axis": 1},
            lambda d, i, p: _scatter(d, i, p, 1),
        ),
        (
            (draw((2,)), np.int64(1), draw((3, 2))),
            {"axis": 0},
            lambda d, i, p: _scatter(d, i, p, 0),
        ),
        ((draw((0,)), np.zeros(0, np.int32), draw((3,))), {"axis": 0}, lambda d, i, p: np.zeros(3)),
        linear=(0,),
    ),
    "matmul": calls(
        ((draw((2, 3)), draw((3, 4))), {}, lambda a, b: np.einsum("ij,jk->ik", a, b)),
        ((draw((2, 2, 3)), draw((3, 2))), {}, lambda a, b: np.einsum("nij,jk->nik", a, b)),
        (
            (draw((2, 1, 2, 3)), draw((3, 3, 1))),
            {},
            lambda a, b: np.einsum("anij,mjk->amik", a, b),
        ),
        ((draw((1, 1)), draw((1, 1))), {}, lambda a, b: a * b),
        ((draw((2, 0)), draw((0, 3))), {}, lambda a, b: np.zeros((2, 3))),
        ((draw((0, 2)), draw((2, 3))), {}, lambda a, b: np.zeros((0, 3))),
        linear=(0, 1),
    ),
    "reduce_sum": reduction(draw, np.add.reduce, linear=(0,)),
    "reduce_max": reduction(distinct, np.maximum.reduce),
    "reduce_min": reduction(distinct, np.minimum.reduce),
    "reduce_all": reduction(lambda s: np.asarray(_rng.random(s) < 0.7), np.logical_and.reduce),
    "reduce_any": reduction(lambda s: np.asarray(_rng.random(s) < 0.3), np.logical_or.reduce),
    "argmax": location(lambda x, axis: np.argsort(-x, axis=axis, kind="stable").take(0, axis)),
    "argmin": location(lambda x, axis: np.argsort(x, axis=axis, kind="stable").take(0, axis)),
    "random_uniform": _random({"dtype": tf.float32}),
    "random_normal": _random({"dtype": tf.float64}),
    "random_truncated_normal": _random({"dtype": tf.float32}),
    "random_integers": _random({"low": -3, "high": 9, "dtype": tf.int32}),
    "argsort": calls(
        (([0.3, 0.1, 0.2, 0.1],), {}, lambda x: np.int32([1, 3, 2, 0])),
        ((np.zeros(0),), {}, lambda x: np.zeros(0, np.int32)),
    ),
}
