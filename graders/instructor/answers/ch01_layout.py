"""Answers to the last two tasks of chapter 01: places in memory, and the gate."""

from __future__ import annotations

import math

import numpy as np

import engine as tf
from answers import accepted, wrong

FLAT, GATE = "01.rank.flat_index", "01.rank.shape_gate"


@wrong(FLAT, "column_major")
def flat_column_major(shape, index):
    return int(np.ravel_multi_index(index, shape, order="F")) if shape else 0


@wrong(FLAT, "own_size")
def flat_own_size(shape, index):
    return sum(size * place for size, place in zip(shape, index, strict=True))


@wrong(FLAT, "sum")
def flat_sum(shape, index):
    return sum(index)


@wrong(FLAT, "from_one")
def flat_from_one(shape, index):
    return int(np.ravel_multi_index(index, shape)) + 1 if shape else 1


@wrong(FLAT, "last_two")
def flat_last_two(shape, index):
    if len(shape) < 2:
        return index[0] if index else 0
    return index[-2] * shape[-1] + index[-1]


@wrong(FLAT, "scalar")
def flat_scalar(shape, index):
    place = index[0]
    for size, step in zip(shape[1:], index[1:], strict=True):
        place = place * size + step
    return place


@wrong(FLAT, "not_checked", points=2)
def flat_not_checked(shape, index):
    place = 0
    for size, step in zip(shape, index, strict=False):
        place = place * size + step
    return place


@wrong(FLAT, "not_checked", points=2)
def flat_asks_memory_only(shape, index):
    place = 0
    for size, step in zip(shape, index, strict=False):
        place = place * size + step
    if len(index) != len(shape) or not 0 <= place < math.prod(shape):
        raise IndexError("outside")
    return place


@wrong(FLAT, "other_error", points=2)
def flat_other_error(shape, index):
    return int(np.ravel_multi_index(index, shape)) if shape or index else 0


def _inside(shape, index):
    if len(shape) != len(index) or any(not 0 <= i < n for n, i in zip(shape, index, strict=True)):
        raise IndexError(f"{index} is outside {shape}")


@accepted(FLAT)
def flat_strides(shape, index):
    _inside(shape, index)
    return sum(step * math.prod(shape[axis + 1 :]) for axis, step in enumerate(index))


@accepted(FLAT)
def flat_from_the_end(shape, index):
    _inside(shape, index)
    place, stride = 0, 1
    for size, step in zip(reversed(shape), reversed(index), strict=True):
        place += step * stride
        stride *= size
    return place


@accepted(FLAT)
def flat_counted(shape, index):
    _inside(shape, index)
    return np.arange(math.prod(shape)).reshape(shape)[index]


@wrong(GATE, "none_literal")
def gate_none_literal(expected, given):
    for axis, (want, size) in enumerate(zip(expected, given, strict=True)):
        if want != size:
            raise ValueError(f"axis {axis}: {want} expected, {size} given")
    return given


@wrong(GATE, "true")
def gate_says_yes_or_no(expected, given):
    return len(expected) == len(given) and all(
        want in (None, size) for want, size in zip(expected, given, strict=True)
    )


@wrong(GATE, "nothing_returned")
def gate_returns_nothing(expected, given):
    if len(expected) != len(given):
        raise ValueError("rank")
    for axis, (want, size) in enumerate(zip(expected, given, strict=True)):
        if want not in (None, size):
            raise ValueError(f"axis {axis}")


@wrong(GATE, "identity")
def gate_compares_objects(expected, given):
    if len(expected) != len(given):
        raise ValueError("rank")
    for axis, (want, size) in enumerate(zip(expected, given, strict=True)):
        if want is not None and want is not size:
            raise ValueError(f"axis {axis}")
    return given


@wrong(GATE, "zero")
def gate_takes_zero_for_none(expected, given):
    if len(expected) != len(given):
        raise ValueError("rank")
    for axis, (want, size) in enumerate(zip(expected, given, strict=True)):
        if want and want != size:
            raise ValueError(f"axis {axis}")
    return given


@wrong(GATE, "zero")
def gate_refuses_empty_axes(expected, given):
    if len(expected) != len(given):
        raise ValueError("rank")
    for axis, (want, size) in enumerate(zip(expected, given, strict=True)):
        if not size or want not in (None, size):
            raise ValueError(f"axis {axis}")
    return given


@wrong(GATE, "broadcast")
def gate_broadcasts(expected, given):
    if len(expected) != len(given):
        raise ValueError("rank")
    for axis, (want, size) in enumerate(zip(expected, given, strict=True)):
        if want not in (None, 1, size) and size != 1:
            raise ValueError(f"axis {axis}")
    return given


@wrong(GATE, "rank_zip", points=2)
def gate_zips(expected, given):
    for axis, (want, size) in enumerate(zip(expected, given, strict=False)):
        if want is not None and want != size:
            raise ValueError(f"axis {axis}: {want} expected, {size} given")
    return given


@wrong(GATE, "rank_error", points=2)
def gate_strict_zip(expected, given):
    for axis, (want, size) in enumerate(zip(expected, given, strict=True)):
        if want is not None and want != size:
            raise ValueError(f"axis {axis}: {want} expected, {size} given")
    return given


@wrong(GATE, "last_axis")
def gate_counts_axes_from_one(expected, given):
    if len(expected) != len(given):
        raise ValueError("rank")
    for axis, (want, size) in enumerate(zip(expected, given, strict=True)):
        if want not in (None, size):
            raise ValueError(f"axis {axis + 1}")
    return given


@wrong(GATE, "last_axis")
def gate_names_the_last_axis(expected, given):
    if len(expected) != len(given):
        raise ValueError("rank")
    bad = None
    for axis, (want, size) in enumerate(zip(expected, given, strict=True)):
        if want not in (None, size):
            bad = axis
    if bad is not None:
        raise ValueError(f"axis {bad}")
    return given


@wrong(GATE, "no_axis")
def gate_names_no_axis(expected, given):
    if len(expected) != len(given):
        raise ValueError("wrong rank")
    if any(want not in (None, size) for want, size in zip(expected, given, strict=True)):
        raise ValueError(f"expected {expected}, got {given}")
    return given


@wrong(GATE, "assertion")
def gate_asserts(expected, given):
    assert len(expected) == len(given), "rank"
    for position, (want, size) in enumerate(zip(expected, given, strict=True)):
        assert want in (None, size), f"position {position}"
    return given


@accepted(GATE)
def gate_one_pass(expected, given):
    if len(expected) != len(given):
        raise ValueError(f"Rank {len(expected)} is expected, {given} has rank {len(given)}")
    wrong_axes = [i for i, want in enumerate(expected) if want is not None and want != given[i]]
    if wrong_axes:
        i = wrong_axes[0]
        raise ValueError(f"Axis={i}: expected {expected[i]}, got {given[i]}")
    return tuple(given)


@accepted(GATE)
def gate_own_error(expected, given):
    class ShapeError(ValueError):
        pass

    if not tf.TensorShape(expected).is_compatible_with(given):
        if len(expected) != len(given):
            raise ShapeError("the rank is wrong")
        axis = [want in (None, size) for want, size in zip(expected, given, strict=True)]
        raise ShapeError(f"look at axis: {axis.index(False)}")
    return given
