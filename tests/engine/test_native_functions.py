"""exp, expm1, log, log1p and tanh of native kernels, against NumPy in a longer format.

The error is measured in units in the last place of the exact result: half a unit is the best there is.
The limits are what was measured, rounded up; they are far below what a wrong coefficient would cost.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.graph.native import functions
from engine.graph.native.machine import build
from engine.graph.native.writer import Writer
from engine.scalar import FUNCTIONS, Scalar

# Of the two precisions, the largest error that is allowed.
LIMITS = {
    ("exp", "float32"): 1.0, ("exp", "float64"): 1.0, ("expm1", "float32"): 1.75, ("expm1", "float64"): 1.75,
    ("log", "float32"): 1.0, ("log", "float64"): 1.25, ("log1p", "float32"): 1.5, ("log1p", "float64"): 1.75,
    ("tanh", "float32"): 3.0, ("tanh", "float64"): 3.0,
}  # fmt: skip
CASES = sorted(LIMITS)


@functools.cache
def kernel(op: str, name: str, size: int) -> Any:
    dtype = tf.as_dtype(name)
    writer = Writer(2)
    with writer.loop(size, independent=True) as i:
        x = writer.load("%a0", dtype, i)
        writer.store("%a1", writer.write(Scalar(op, (x,), dtype)), dtype, i)
    return build(writer.text(), [dtype, dtype], 1, op).call


def computed(op: str, x: np.ndarray) -> np.ndarray:
    ours = np.full_like(x, 77)
    kernel(op, x.dtype.name, x.size)(x, ours)
    return ours


def exact(op: str, x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.asarray(getattr(np, op)(x.astype(np.longdouble)))


def errors(op: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(error in units in the last place where the result is finite, where an infinity or NaN is missing)."""
    ours, truth = computed(op, x), exact(op, x)
    with np.errstate(all="ignore"):
        rounded = truth.astype(x.dtype)
        finite = np.isfinite(rounded)
        unit = np.spacing(np.abs(rounded)).astype(np.longdouble)
        error = np.where(finite, np.abs(ours.astype(np.longdouble) - truth) / unit, 0)
        # Beyond the largest number by less than half a unit, either answer is close enough.
        edge = ~finite & np.isfinite(ours) & (np.abs(truth) < np.abs(rounded))
        missing = ~finite & ~((ours == rounded) | (np.isnan(ours) & np.isnan(rounded))) & ~edge
    return error, missing


def check(op: str, x: np.ndarray) -> None:
    error, missing = errors(op, x)
    assert not missing.any(), f"{op}({x[missing][0]!r}) = {computed(op, x)[missing][0]!r}"
    worst = int(np.argmax(error))
    limit = LIMITS[op, x.dtype.name]
    assert error[worst] <= limit, f"{op}({x[worst]!r}) is {float(error[worst]):.2f} units wrong"


def test_numpy_has_a_longer_format_here():
    """The oracle has 11 more bits than float64: enough to measure hundredths of a unit."""
    assert np.finfo(np.longdouble).nmant >= 63
    assert ctypes.sizeof(ctypes.c_longdouble) > 8


def test_every_function_has_limits():
    assert set(functions.EXPANSIONS) == set(FUNCTIONS) == {op for op, _ in LIMITS}


@pytest.mark.parametrize(("op", "name"), CASES)
def test_ordinary_numbers(op: str, name: str):
    """Dense where the function changes, on both sides of every boundary between two formulas."""
    rng = np.random.default_rng(20)
    span = 100 if name == "float32" else 750
    parts = [
        rng.uniform(-span, span, 100_000),
        rng.uniform(-1, 1, 100_000),
        rng.normal(size=50_000),
    ]
    steps = np.arange(-40, 41)
    for edge in (0.5, 0.29, 0.25, 1.0, np.sqrt(0.5), np.sqrt(2), np.log(2) / 2, 2.0, 9.0, 20.0):
        start = np.asarray(edge, name)
        near = start + steps * np.spacing(start)
        parts += [near, -near]
    check(op, np.concatenate(parts).astype(name))


@pytest.mark.parametrize(("op", "name"), CASES)
def test_numbers_of_every_size(op: str, name: str):
    rng = np.random.default_rng(21)
    low, high = (-45, 38) if name == "float32" else (-323, 308)
    sizes = 10.0 ** rng.uniform(low, high, 100_000)
    with np.errstate(all="ignore"):
        x = np.concatenate([sizes, -sizes]).astype(name)
    check(op, x)


@pytest.mark.parametrize(("op", "name"), CASES)
def test_numbers_that_have_no_neighbours(op: str, name: str):
    """Zeros, the smallest and the largest numbers, infinities and NaN; where results overflow or vanish."""
    limits = np.finfo(name)
    tiny, least, most = (
        np.asarray(v) for v in (limits.tiny, limits.smallest_subnormal, limits.max)
    )
    positive = [
        0,
        least,
        2 * least,
        3 * least,
        tiny - least,
        tiny,
        tiny + least,
        most,
        most / 2,
        np.inf,
    ]
    edges = {"float32": (88.0, 89.5, -104.5, -87.0), "float64": (709.0, 710.5, -746.0, -708.0)}[
        name
    ]
    dense = [np.linspace(a, b, 4001) for a, b in (edges[:2], edges[2:])]
    plain = np.array([*positive, *(-np.array(positive)), np.nan, -np.nan, 1, -1], name)
    check(op, np.concatenate([plain, *dense]).astype(name))
    near_minus_one = -np.ones(1, name) + np.arange(20) * np.spacing(np.asarray(0.5, name))
    check(op, near_minus_one.astype(name))


@pytest.mark.parametrize(("op", "name"), CASES)
def test_zeros_keep_their_sign_and_whole_results_are_exact(op: str, name: str):
    zeros = np.array([0.0, -0.0], name)
    ours = computed(op, zeros)
    if op in ("expm1", "log1p", "tanh"):
        np.testing.assert_array_equal(np.signbit(ours), [False, True])
    whole = {"exp": (0, 1), "expm1": (0, 0), "log": (1, 0), "log1p": (0, 0), "tanh": (0, 0)}[op]
    assert computed(op, np.array([whole[0]] * 2, name)).tolist() == [whole[1]] * 2
    large = computed(op, np.array([50.0, -50.0], name))
    if op == "tanh":
        assert large.tolist() == [1, -1]


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_functions_that_grow_do_not_fall_back(name: str):
    """A step down between neighbours would show where two formulas meet; rounding may cost one unit."""
    for op in FUNCTIONS:
        start = np.linspace(-0.9, 5, 3000, dtype=name)
        x = np.unique(np.concatenate([start, np.nextafter(start, np.asarray(9, name))]))
        y = computed(op, x[x > 0] if op == "log" else x)
        room = LIMITS[op, name] * np.spacing(np.abs(y[:-1]))
        assert (y[1:] >= y[:-1] - 2 * room).all(), op


@pytest.mark.slow
@pytest.mark.parametrize("op", FUNCTIONS)
def test_one_in_sixteen_of_all_float32_numbers(op: str):
    block = 1 << 26
    for start in range(7, 1 << 32, block):
        x = np.arange(start, start + block - 8, 16).astype(np.uint32).view(np.float32)
        ours = computed(op, x)
        with np.errstate(all="ignore"):
            truth = getattr(np, op)(x.astype(np.float64))
            rounded = truth.astype(np.float32)
            finite = np.isfinite(rounded)
            error = np.abs(ours - truth) / np.spacing(np.abs(rounded))
            same = (ours == rounded) | (np.isnan(ours) & np.isnan(rounded))
        edge = np.isfinite(truth) & ~finite & np.isfinite(ours)
        good = np.where(finite, error <= LIMITS[op, "float32"], same | edge)
        assert good.all(), f"{op}({x[~good][0]!r}) = {ours[~good][0]!r}, not {truth[~good][0]!r}"
