"""Answers to the tasks of chapter 01; those of the last two are in ch01_layout.py."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np

import engine as tf
from answers import accepted, wrong

RANK, SHAPE, SIZE = "01.rank.rank_of", "01.rank.shape_of", "01.rank.size_of"
DTYPE = "01.rank.dtype_of"


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


@wrong(DTYPE, "whole_floats")
def dtype_by_value(nested):
    values = _values(nested)
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return "bool"
    if bool in kinds:
        raise TypeError("bool")
    return "int32" if all(value == int(value) for value in values) else "float32"


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
