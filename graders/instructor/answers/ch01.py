"""Answers to the tasks of chapter 01."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np

import engine as tf
from answers import accepted, wrong

RANK, SHAPE, SIZE = "01.rank.rank_of", "01.rank.shape_of", "01.rank.size_of"
DTYPE, FLAT, GATE = "01.rank.dtype_of", "01.rank.flat_index", "01.rank.shape_gate"


@wrong(RANK, "number")
def rank_steps_into_a_number(nested):
    rank = 0
    while len(nested) > 0:
        nested = nested[0]
        rank += 1
    return rank


@wrong(RANK, "from_one")
def rank_from_one(nested):
    rank = 1
    while isinstance(nested, list):
        rank += 1
        nested = nested[0] if nested else None
    return rank


@wrong(RANK, "length")
def rank_is_length(nested):
    return len(nested) if isinstance(nested, list) else 0


@wrong(RANK, "size")
def rank_is_size(nested):
    def count(value):
        return sum(count(item) for item in value) if isinstance(value, list) else 1

    return count(nested) if isinstance(nested, list) else 0


@wrong(RANK, "one_level")
def rank_one_level(nested):
    return 1 if isinstance(nested, list) else 0


@wrong(RANK, "shape")
def rank_is_shape(nested):
    shape = []
    while isinstance(nested, list):
        shape.append(len(nested))
        nested = nested[0] if nested else None
    return tuple(shape)


@wrong(RANK, "empty", points=1)
def rank_needs_a_first_element(nested):
    if not isinstance(nested, list):
        return 0
    return 1 + rank_needs_a_first_element(nested[0])


@wrong(RANK, "nothing_returned")
def rank_printed(nested):
    print(np.ndim(nested))


@wrong(RANK, "endless")
def rank_endless(nested):
    rank = 0
    while isinstance(nested, list):
        rank += 1
    return rank


@accepted(RANK)
def rank_recursive(nested):
    if not isinstance(nested, list):
        return 0
    return 1 + max((rank_recursive(item) for item in nested), default=0)


@accepted(RANK)
def rank_counts_brackets(nested):
    text = repr(nested)
    return len(text) - len(text.lstrip("["))


@accepted(RANK)
def rank_numpy(nested):
    return np.int64(np.ndim(nested))


@wrong(SHAPE, "number")
def shape_number_has_one_entry(nested):
    return np.shape(nested) or (1,)


@wrong(SHAPE, "one_tuple")
def shape_without_comma(nested):
    shape = np.shape(nested)
    return shape[0] if len(shape) == 1 else shape


@wrong(SHAPE, "list")
def shape_as_list(nested):
    return list(np.shape(nested))


@wrong(SHAPE, "reversed")
def shape_reversed(nested):
    if not isinstance(nested, list):
        return ()
    return (*shape_reversed(nested[0] if nested else 0), len(nested))


@wrong(SHAPE, "outer_only")
def shape_outer_only(nested):
    return (len(nested),) if isinstance(nested, list) else ()


@wrong(SHAPE, "totals")
def shape_totals(nested):
    shape, level = [], [nested]
    while level and all(isinstance(item, list) for item in level):
        level = [inner for item in level for inner in item]
        shape.append(len(level))
    return tuple(shape)


@wrong(SHAPE, "empty")
def shape_forgets_empty(nested):
    if not isinstance(nested, list) or not nested:
        return ()
    shapes = {shape_forgets_empty(item) for item in nested}
    if len(shapes) > 1:
        raise ValueError("ragged")
    return (len(nested), *shapes.pop())


@wrong(SHAPE, "ragged_missed", points=2)
def shape_first_only(nested):
    if not isinstance(nested, list):
        return ()
    return (len(nested), *(shape_first_only(nested[0]) if nested else ()))


@wrong(SHAPE, "ragged_error", points=2)
def shape_other_error(nested):
    if not isinstance(nested, list):
        return ()
    shapes = {shape_other_error(item) for item in nested}
    assert len(shapes) <= 1, "ragged"
    return (len(nested), *(shapes.pop() if shapes else ()))


@accepted(SHAPE)
def shape_numpy(nested):
    try:
        return np.array(nested).shape
    except ValueError as error:
        raise ValueError(f"Ragged lists: {error}") from None


@accepted(SHAPE)
def shape_level_by_level(nested):
    shape, level = (), [nested]
    while level and isinstance(level[0], list):
        sizes = {len(item) if isinstance(item, list) else None for item in level}
        if len(sizes) > 1:
            raise ValueError("these lists are ragged: " + str(sizes))
        shape += (sizes.pop(),)
        level = [inner for item in level for inner in item]
    if any(isinstance(item, list) for item in level):
        raise ValueError("ragged")
    return shape


@wrong(SIZE, "sum")
def size_sum(shape):
    return sum(shape)


@wrong(SIZE, "rank")
def size_rank(shape):
    return len(shape)


@wrong(SIZE, "outer")
def size_outer(shape):
    return shape[0]


@wrong(SIZE, "scalar")
def size_scalar_zero(shape):
    return math.prod(shape) if shape else 0


@wrong(SIZE, "zero")
def size_skips_zero(shape):
    return math.prod(size for size in shape if size)


@accepted(SIZE)
def size_loop(shape):
    size = 1
    for entry in shape:
        size = size * entry
    return size


@accepted(SIZE)
def size_reduce(shape):
    return reduce(lambda a, b: a * b, shape, 1)


@accepted(SIZE)
def size_numpy(shape):
    return np.prod(shape, dtype=int)


def _values(nested):
    if isinstance(nested, list):
        return [value for item in nested for value in _values(item)]
    return [nested]


@wrong(DTYPE, "python_name")
def dtype_python_name(nested):
    return type(_values(nested)[0]).__name__


@wrong(DTYPE, "sixty_four")
def dtype_numpy(nested):
    return np.array(nested).dtype.name


@wrong(DTYPE, "bool_is_int")
def dtype_bool_is_int(nested):
    return "int32" if all(isinstance(value, int) for value in _values(nested)) else "float32"


@wrong(DTYPE, "first_only")
def dtype_first_only(nested):
    return {bool: "bool", int: "int32", float: "float32"}[type(_values(nested)[0])]


@wrong(DTYPE, "bool_mixed", points=1)
def dtype_bool_counts_as_int(nested):
    kinds = {type(value) for value in _values(nested)}
    if kinds == {bool}:
        return "bool"
    return "float32" if float in kinds else "int32"


@accepted(DTYPE)
def dtype_engine(nested):
    return tf.constant(nested).dtype.name


@accepted(DTYPE)
def dtype_by_sum(nested):
    values = _values(nested)
    bools = sum(isinstance(value, bool) for value in values)
    if bools == len(values):
        return "bool"
    if bools:
        raise TypeError(f"{bools} of {len(values)} values are True or False, the others numbers")
    return "int32" if isinstance(sum(values), int) else "float32"


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


@wrong(FLAT, "other_error", points=2)
def flat_other_error(shape, index):
    return int(np.ravel_multi_index(index, shape)) if shape else 0


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
