"""Chapter 02: reshape and index, as what they do to a shape, a start and strides.

The truth is the engine's for reshape, and NumPy's own views for the index. The other tasks of the
chapter are in ch02_broadcast.py and ch02_loss.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

import engine as tf
from graders.diagnose import Seen, in_check, not_raised, predicts, returned
from graders.tasks.base import Case, Check, Draw, Misconception, Raises, Task

Args = tuple[Any, ...]
Shape = tuple[int, ...]


def reshaped_in_engine(shape: Shape, wanted: Shape) -> Shape:
    return tf.reshape(tf.zeros(shape), wanted).numpy().shape


def regrouped(draw: Draw, shape: Shape) -> Shape:
    """Another shape for as many elements: its factors, grouped anew."""
    factors = [n for size in shape for n in _primes(size)]
    draw.random.shuffle(factors)
    cuts = sorted(draw.random.randrange(len(factors) + 1) for _ in range(draw.random.randint(0, 3)))
    ends = [0, *cuts, len(factors)]
    return tuple(math.prod(factors[a:b]) for a, b in pairwise(ends))


def _primes(number: int) -> Iterator[int]:
    for divisor in range(2, number + 1):
        while number % divisor == 0:
            yield divisor
            number //= divisor


def opened(draw: Draw, shape: Shape) -> Shape:
    """The same shape with one size left open."""
    axis = draw.random.randrange(len(shape))
    return (*shape[:axis], -1, *shape[axis + 1 :])


def said_in_full(draw: Draw) -> Iterator[Args]:
    yield from (((6,), (2, 3)), ((2, 3), (3, 2)), ((2, 3), (6,)), ((), (1, 1)), ((1,), ()))
    yield from (((0, 3), (5, 0)), ((40, 50), (50, 2, 20)))
    for _ in draw.rounds(4):
        shape = draw.shape(draw.random.randint(1, 4), 6)
        yield shape, regrouped(draw, shape)


def left_open(draw: Draw) -> Iterator[Args]:
    yield from (((6,), (2, -1)), ((6,), (-1,)), ((2, 3), (-1, 2)), ((2, 3), (2, 3, -1)))
    yield from (((), (-1,)), ((5,), (-1, 1)), ((0, 3), (3, -1)), ((32, 28, 28, 1), (32, -1)))
    for _ in draw.rounds(5):
        shape = draw.shape(draw.random.randint(1, 4), 6)
        yield shape, opened(draw, regrouped(draw, shape))


def unfitting(draw: Draw) -> Iterator[Case]:
    for args in (((6,), (4,)), ((6,), (4, -1)), ((2, 3), (-1, -1)), ((2, 3), (-2, -3)), ((6,), (6, 0)),
                 ((0,), (0, -1)), ((4,), ()), ((2, 3), (-1, 0)), ((6,), (-3, -2, -1)), ((3,), (4, -1)),
                 ((), (2,)), ((2, 3), (-1, -6)), ((0,), (2,)),
                 ((4,), (-2, -2)), ((8,), (-2, -1, -2))):  # fmt: skip
        yield Case(args, Raises(ValueError))
    for _ in draw.rounds(2):
        shape = draw.shape(draw.random.randint(1, 3), 5)
        other = draw.random.randint(2, 4) * math.prod(shape) + 1
        yield Case((shape, (other,)), Raises(ValueError))


def _opening(seen: Seen) -> bool:
    return not_raised(seen) and seen.first.case.args[1].count(-1) == 1


def _rounded_down(shape: Shape, wanted: Shape) -> Shape:
    """A wrong model: the open size as if it were always the first."""
    known = [n for n in wanted if n != -1]
    if -1 not in wanted:
        return wanted
    return (math.prod(shape) // math.prod(known), *known)


RESHAPED = Task(
    id="02.shapes.reshaped",
    name="reshaped",
    points=3,
    asks="`reshaped(shape, wanted)`: the shape after a reshape to `wanted`, in which one size may be -1: "
    "it is worked out. What cannot be a reshape raises a ValueError.",
    oracle=reshaped_in_engine,
    answer_is_shape=True,
    checks=(
        Check("every size given", said_in_full),
        Check("one size left open", left_open),
        Check("no reshape", unfitting, points=1),
    ),
    misconceptions=(
        Misconception(
            "not_filled",
            "The -1 is still there. It is a question: which size makes the number of elements come out?",
            predicts(lambda shape, wanted: wanted),
        ),
        Misconception(
            "all_of_them",
            "The open size got all elements. The other sizes have a share in them: divide by their product.",
            predicts(
                lambda shape, wanted: tuple(math.prod(shape) if n == -1 else n for n in wanted)
            ),
        ),
        Misconception(
            "with_minus_one",
            "The sign is wrong: the -1 itself was multiplied into the product of the sizes.",
            predicts(
                lambda shape, wanted: tuple(
                    math.prod(shape) // math.prod(wanted) if n == -1 else n for n in wanted
                )
            ),
        ),
        Misconception(
            "moved",
            "The size is right and stands in another place: it belongs where the -1 was.",
            predicts(_rounded_down),
        ),
        Misconception(
            "old_shape",
            "That is the old shape. A reshape gives the wanted one, with the open size filled in.",
            predicts(lambda shape, wanted: shape),
        ),
        Misconception(
            "float",
            "`/` gives a float, and a size is a whole number: `//`.",
            returned(lambda got, shape, wanted: any(isinstance(n, float) for n in got)),
        ),
        Misconception(
            "list",
            "The sizes may be right, but it is a list. A shape is a tuple.",
            returned(lambda got, shape, wanted: isinstance(got, list)),
        ),
        Misconception(
            "remainder",
            "A size was worked out that leaves elements over, or has too few. The number of elements has "
            "to be a multiple of what the other sizes make, and from 0 nothing can be worked out.",
            in_check("no reshape", _opening),
        ),
        Misconception(
            "not_counted",
            "It lets a shape through that is no reshape. The elements have to be as many as before, only "
            "one size may be open, and a size below -1 is none.",
            in_check("no reshape", not_raised),
        ),
        Misconception(
            "other_error",
            "It refuses, but with another exception: what cannot be a reshape is a ValueError.",
            in_check("no reshape"),
        ),
    ),
    hints=(
        "Write down for (2, 3) to (-1, 2): how many elements there are, and how many the known sizes make.",
        "A reshape moves no element in or out. So the product of the sizes is known before and after, "
        "and at most one factor of it is missing.",
        "Multiply the old sizes. Multiply the wanted ones without the -1. Without a -1 the two must be "
        "equal; with one, the first divided by the second is the missing size, if it divides.",
    ),
)


def spread(draw: Draw, rank: int) -> tuple[int, Shape, Shape]:
    """A start, a shape and strides that fit together in some order of the axes, with gaps."""
    shape = draw.shape(rank, 6)
    strides, by = [0] * rank, draw.random.randint(1, 2)
    for axis in draw.random.sample(range(rank), rank):
        strides[axis] = by
        by *= shape[axis] + draw.random.randint(0, 1)
    return draw.random.randint(0, 9), shape, tuple(strides)


def part(draw: Draw, size: int) -> tuple[int, int, int]:
    """A slice of an axis, with something in it."""
    begin = draw.random.randrange(size)
    return begin, draw.random.randint(begin + 1, size), draw.random.randint(1, 3)


def view(start: int, shape: Shape, strides: Shape, index: Args) -> tuple[int, Shape, Shape]:
    """From NumPy: a view of a row of bytes, indexed, and where the result lies."""
    row = np.zeros(start + 1 + sum(n * by for n, by in zip(shape, strides, strict=True)), np.int8)
    whole = as_strided(row[start:], shape, strides)
    parts = tuple(slice(*each) if isinstance(each, tuple) else each for each in index)
    found = whole[(*parts, ...)]  # with the dots it is a view even when no axis is left
    first = found.__array_interface__["data"][0] - row.__array_interface__["data"][0]
    return first, found.shape, found.strides


def numbers_only(draw: Draw) -> Iterator[Args]:
    yield from ((0, (3,), (1,), (2,)), (5, (2, 3), (3, 1), (1, 2)), (0, (), (), ()))
    for rank in (1, 2, 3, 4):
        for _ in draw.rounds(1):
            start, shape, strides = spread(draw, rank)
            yield start, shape, strides, tuple(draw.random.randrange(size) for size in shape)


def slices_only(draw: Draw) -> Iterator[Args]:
    yield from ((0, (6,), (1,), ((2, 5, 1),)), (0, (6,), (1,), ((0, 6, 2),)))
    yield 0, (3, 4), (4, 1), ((0, 3, 2), (1, 4, 2))
    yield 0, (4, 3), (1, 4), ((1, 4, 1), (0, 3, 1))
    yield 0, (100, 20), (20, 1), ((10, 90, 3), (0, 20, 7))
    for _ in draw.rounds(4):
        start, shape, strides = spread(draw, draw.random.randint(1, 4))
        yield start, shape, strides, tuple(part(draw, size) for size in shape)


def both_kinds(draw: Draw) -> Iterator[Args]:
    yield from ((0, (3, 4), (4, 1), ((0, 3, 1), 2)), (0, (3, 4), (4, 1), (1, (1, 3, 1))))
    for _ in draw.rounds(4):
        start, shape, strides = spread(draw, draw.random.randint(2, 4))
        index = [part(draw, size) for size in shape]
        kept = draw.random.randrange(len(shape))
        yield (
            start,
            shape,
            strides,
            tuple(
                each if axis == kept or draw.random.random() < 0.4 else each[0]
                for axis, each in enumerate(index)
            ),
        )


def beyond_the_end(draw: Draw) -> Iterator[Args]:
    yield from ((0, (3,), (1,), ((1, 9, 1),)), (0, (3, 4), (4, 1), ((0, 99, 2), (3, 99, 1))))
    for _ in draw.rounds(3):
        start, shape, strides = spread(draw, draw.random.randint(1, 3))
        index = (part(draw, size) for size in shape)
        far = draw.random.randint(7, 20)
        yield start, shape, strides, tuple((begin, far, step) for begin, _end, step in index)


def shorter(draw: Draw) -> Iterator[Args]:
    yield from ((0, (3, 4), (4, 1), (2,)), (0, (3, 4), (4, 1), ()), (0, (2, 0), (3, 1), (1,)))
    for _ in draw.rounds(3):
        start, shape, strides = spread(draw, draw.random.randint(2, 4))
        index = tuple(draw.random.choice((part(draw, size), size - 1)) for size in shape)
        yield start, shape, strides, index[: draw.random.randrange(len(shape))]


def _counted(begin: int, end: int, step: int, size: int) -> int:
    return len(range(begin, min(end, size), step))


def _changed(**change: Any) -> Any:
    """A wrong model: the right rule, with one thing in it done in another way."""

    def model(start: int, shape: Shape, strides: Shape, index: Args) -> Any:
        sizes, steps = [], []
        for axis, length in enumerate(shape):
            each = index[axis] if axis < len(index) else (0, length, 1)
            number = isinstance(each, int)
            begin, end, step = (each, each + 1, 1) if isinstance(each, int) else each
            start += change.get("start", lambda begin, by: begin * by)(begin, strides[axis])
            if number and not change.get("keeps"):
                continue
            sizes.append(change.get("size", _counted)(begin, end, step, length))
            steps.append(change.get("stride", lambda by, step: by * step)(strides[axis], step))
        return start, tuple(sizes), tuple(steps)

    return predicts(model)


INDEXED = Task(
    id="02.shapes.indexed",
    name="indexed",
    points=3,
    asks="`indexed(start, shape, strides, index)`: the `(start, shape, strides)` of the view that the index "
    "gives. For every axis the index has a number, which takes the axis away, or `(begin, end, step)`, "
    "which keeps a part of it. Axes beyond the index stay as they are.",
    oracle=view,
    checks=(
        Check("numbers", numbers_only),
        Check("slices", slices_only),
        Check("numbers and slices", both_kinds),
        Check("slices beyond the end", beyond_the_end),
        Check("an index shorter than the shape", shorter, points=1),
    ),
    misconceptions=(
        Misconception(
            "kept",
            "A number takes its axis away: it has no place in the shape any more. What keeps an axis of "
            "size 1 is a slice.",
            _changed(keeps=True),
        ),
        Misconception(
            "start_stays",
            "The start has not moved. The first element of the view lies where the index begins.",
            _changed(start=lambda begin, by: 0),
        ),
        Misconception(
            "start_in_steps",
            "The start moves by the strides: one step along an axis skips as many places as its stride says.",
            _changed(start=lambda begin, by: begin),
        ),
        Misconception(
            "stride_stays",
            "The strides are the old ones. With a step of 2, the next element is two strides away.",
            _changed(stride=lambda by, step: by),
        ),
        Misconception(
            "stride_added",
            "A step multiplies the stride: two steps of 4 places are 8 places.",
            _changed(stride=lambda by, step: by + step - 1),
        ),
        Misconception(
            "rounded_down",
            "A last, shorter step counts too: from 0 to 5 in steps of 2 there are 0, 2 and 4. "
            "`len(range(...))` counts them.",
            _changed(size=lambda begin, end, step, size: (min(end, size) - begin) // step),
        ),
        Misconception(
            "step_ignored",
            "The step makes the view shorter: every second element of six are three.",
            _changed(size=lambda begin, end, step, size: min(end, size) - begin),
        ),
        Misconception(
            "not_cut",
            "A slice ends with its axis, even if its end lies beyond: take the smaller of the two.",
            _changed(size=lambda begin, end, step, size: len(range(begin, end, step))),
        ),
        Misconception(
            "row_major",
            "The strides were worked out from the shape. They are given: numbers need not lie row by row.",
            in_check("numbers"),
        ),
        Misconception(
            "short_index",
            "The index may have fewer entries than there are axes. The others stay as they are.",
            in_check("an index shorter than the shape"),
        ),
    ),
    hints=(
        "Take shape (3, 4), strides (4, 1) on paper as the places 0 to 11. Which places does the index "
        "(1, (0, 4, 2)) pick, and how are they found from the first of them?",
        "Go axis by axis. A number and the begin of a slice do the same to the start. Only a slice leaves "
        "something behind in the shape and the strides.",
        "For every axis: move the start by begin times stride. For a slice, note the length of "
        "range(begin, end, step), cut at the axis, and stride times step. Then the axes without an entry.",
    ),
)

TASKS = (RESHAPED, INDEXED)
