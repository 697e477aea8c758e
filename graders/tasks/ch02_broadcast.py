"""Chapter 02, continued: broadcasting - the shape, and the strides behind it.

The truth for the shape is NumPy's; strides are right when they read the right places. The loss
that refuses to broadcast is in ch02_loss.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Any

import numpy as np

from graders.diagnose import Seen, in_check, not_raised, predicts, raised, returned
from graders.tasks.base import Case, Check, Draw, Holds, Misconception, Raises, Task

Args = tuple[Any, ...]
Shape = tuple[int, ...]


def with_ones(draw: Draw, shape: Shape) -> Shape:
    """The same shape with some sizes replaced by 1."""
    return tuple(draw.random.choice((size, 1)) for size in shape)


def one_rank(draw: Draw) -> Iterator[Args]:
    yield from (
        ((3,), (3,)),
        ((), ()),
        ((3,), (1,)),
        ((2, 1), (2, 4)),
        ((1, 4), (2, 1)),
    )
    yield from (
        ((1, 1), (1, 1)),
        ((100, 1), (1, 200)),
        ((1,), (5,)),
        ((60, 40), (1, 40)),
    )
    for _ in draw.rounds(4):
        shape = tuple(size + 1 for size in draw.shape(draw.random.randint(1, 4)))
        yield with_ones(draw, shape), with_ones(draw, shape)


def two_ranks(draw: Draw) -> Iterator[Args]:
    yield from (((3, 4), (4,)), ((4,), (3, 4)), ((), (2, 3)), ((3,), (3, 1)), ((2, 3, 4), (3, 1)))
    yield from (((5,), ()), ((1,), (1, 1, 1)), ((8, 1, 6, 1), (7, 1, 5)))
    for _ in draw.rounds(5):
        shape = tuple(size + 1 for size in draw.shape(draw.random.randint(2, 5)))
        pair = with_ones(draw, shape), with_ones(draw, shape[draw.random.randint(1, len(shape)) :])
        yield pair if draw.random.random() < 0.5 else pair[::-1]


def empty_axes(draw: Draw) -> Iterator[Args]:
    yield from (((0,), (1,)), ((1,), (0,)), ((2, 0), (1, 1)), ((0, 3), (3,)), ((1,), (4, 0)))
    for _ in draw.rounds(2):
        shape = [size + 1 for size in draw.shape(draw.random.randint(2, 4))]
        shape[draw.random.randrange(len(shape))] = 0
        yield tuple(shape), with_ones(draw, tuple(shape[1:]))


def clashing(draw: Draw) -> Iterator[Case]:
    def bad(a: Shape, b: Shape, axis: int) -> Case:
        return Case((a, b), Raises(ValueError, (str(a), str(b), f"axis {axis}")))

    yield from (
        bad((3,), (4,), -1),
        bad((3, 4), (3,), -1),
        bad((2, 3), (4, 3), -2),
        bad((0,), (2,), -1),
    )
    yield from (bad((2, 3), (4, 1), -2), bad((5,), (2, 1, 6), -1), bad((2, 3, 4), (5, 3, 6), -1))
    yield from (
        bad((4, 2, 1), (3, 7), -2),
        bad((3, 0), (3, 2), -1),
        bad((4, 2), (2, 2, 2), -2),
        bad((2,), (0,), -1),
        bad((3, 2), (3, 0), -1),
    )
    for _ in draw.rounds(3):
        shape = tuple(size + 1 for size in draw.shape(draw.random.randint(1, 4)))
        axis = draw.random.randint(-len(shape), -1)
        other = list(with_ones(draw, shape))
        other[axis] = shape[axis] + draw.random.randint(1, 3)
        yield bad(shape, tuple(other), axis)


def _left(choose: Callable[[int, int], int]) -> Callable[..., Shape]:
    """A wrong model: aligned at the left."""
    return lambda a, b: tuple(choose(*pair) for pair in zip_longest(a, b, fillvalue=1))


def _first(one: int, two: int) -> int:
    return two if one == 1 else one


def _larger(a: Shape, b: Shape) -> Shape:
    """A wrong model: the larger size on each axis, also where an axis is empty."""
    most = max(len(a), len(b))
    return tuple(map(max, (*(1,) * (most - len(a)), *a), (*(1,) * (most - len(b)), *b)))


def _cut(a: Shape, b: Shape) -> Shape:
    """A wrong model: the axes that only one shape has are forgotten."""
    rank = min(len(a), len(b))
    return np.broadcast_shapes(a, b)[-rank:] if rank else ()


def _no_word(seen: Seen) -> bool:
    return "axis" not in str(seen.first.ran.error).lower()


def _no_shapes(seen: Seen) -> bool:
    missing = seen.first.case.expected.missing(str(seen.first.ran.error))
    return any(words.startswith("(") for words in missing)


SHAPES = Task(
    id="02.shapes.broadcast_shape",
    name="broadcast_shape",
    points=4,
    asks="`broadcast_shape(a, b)`: the shape to which two shapes broadcast. Shapes that do not fit raise a "
    "ValueError that names both of them, and the axis on which they clash, counted from the end as "
    "`axis -1`; of several axes the last.",
    oracle=lambda a, b: tuple(np.broadcast_shapes(a, b)),
    answer_is_shape=True,
    checks=(
        Check("shapes of one rank", one_rank),
        Check("another rank", two_ranks),
        Check("axes of size 0", empty_axes, points=1),
        Check("shapes that clash", clashing, points=1),
    ),
    misconceptions=(
        Misconception(
            "list",
            "The sizes may be right, but it is a list. A shape is a tuple.",
            returned(lambda got, a, b: isinstance(got, list)),
        ),
        Misconception(
            "turned",
            "The axes are in the wrong order. Who begins at the end has to turn the result round.",
            predicts(lambda a, b: tuple(np.broadcast_shapes(a, b))[::-1]),
        ),
        Misconception(
            "left",
            "The shapes were aligned at the left. The last axes belong together: a missing axis is missing "
            "in front.",
            lambda seen: predicts(_left(max))(seen) or predicts(_left(_first))(seen),
        ),
        Misconception(
            "zip_stops",
            "Axes are missing: `zip` stops at the end of the shorter shape. Where one shape has no axis "
            "any more, the other's size stays.",
            predicts(_cut),
        ),
        Misconception(
            "larger",
            "It takes the larger of the two sizes. That is right for 1 against 5, and not for 1 against 0: "
            "the 1 is the one that gives way.",
            predicts(_larger),
        ),
        Misconception(
            "ones_refused",
            "It refuses sizes that differ, although one of them is 1. A 1 is stretched to the other size.",
            in_check("shapes of one rank", raised(ValueError)),
        ),
        Misconception(
            "ranks_refused",
            "Shapes of different ranks broadcast as well: an axis that is missing in front counts as 1.",
            in_check("another rank", raised(ValueError, IndexError, TypeError)),
        ),
        Misconception(
            "not_refused",
            "It gives a shape for two that do not fit. Sizes have to be equal, or one of them has to be 1.",
            in_check("shapes that clash", not_raised),
        ),
        Misconception(
            "no_axis",
            "It refuses, but whoever reads the error has to search. Name the axis: `axis -1`.",
            in_check("shapes that clash", lambda seen: raised(ValueError)(seen) and _no_word(seen)),
        ),
        Misconception(
            "no_shapes",
            "It refuses, but the message has to show both shapes, as Python prints them: `(2, 3)`.",
            in_check(
                "shapes that clash", lambda seen: raised(ValueError)(seen) and _no_shapes(seen)
            ),
        ),
        Misconception(
            "other_axis",
            "It names an axis, but not as it is asked for: counted from the end, where shapes are aligned, "
            "so -1 is the last; and of several that clash, the one nearest to the end.",
            in_check("shapes that clash", raised(ValueError)),
        ),
        Misconception(
            "other_error",
            "It refuses, but with another exception: shapes that do not fit are a ValueError.",
            in_check("shapes that clash"),
        ),
    ),
    hints=(
        "Write (8, 1, 6, 1) above (7, 1, 5), aligned at the right, and fill in what is missing in front.",
        "On every axis there are three ways out: equal sizes, one of them a 1, or an error. What is the size "
        "of the result in the first two?",
        "Put ones in front of the shorter shape until both are equally long. Then go through the axes from "
        "the last to the first, counting -1, -2, ... Begin the result anew, or turn it round at the end.",
    ),
)


def places(shape: Shape, strides: Shape) -> np.ndarray:
    """Where each element lies, from the strides."""
    found = np.zeros(shape, np.int64)
    for axis, (size, by) in enumerate(zip(shape, strides, strict=True)):
        steps = np.arange(size) * by
        found += steps.reshape((-1, *(1,) * (len(shape) - axis - 1)))
    return found


def reads(shape: Shape, strides: Shape, wanted: Shape) -> Holds:
    """Strides with which every element of the wanted shape is found in the old row."""
    right = np.broadcast_to(places(shape, strides), wanted)

    def wrong(got: Any) -> str | None:
        if type(got) is not tuple or any(type(by) not in (int, np.int64) for by in got):
            return "a tuple of whole numbers is expected"
        if len(got) != len(wanted):
            return f"one stride is expected for each axis of {wanted}, and not {len(got)}"
        found = places(wanted, tuple(map(int, got)))
        if np.array_equal(found, right):
            return None
        index = tuple(int(i) for i in np.argwhere(found != right)[0])
        where = ", ".join(map(str, index))
        return (
            f"element [{where}] is looked for at place {found[index]}, and lies at {right[index]}"
        )

    return Holds(f"strides that find the elements of {wanted} in the row of {shape}", wrong)


def ordinary(shape: Shape) -> Shape:
    """Row-major strides."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def drawn(draw: Draw, rank: int) -> tuple[Shape, Shape, Shape]:
    """A shape with some ones, strides in some order, and the shape without ones."""
    wanted = tuple(size + 1 for size in draw.shape(rank))
    shape = with_ones(draw, wanted)
    order, strides, by = draw.random.sample(range(rank), rank), [0] * rank, 1
    for axis in order:
        strides[axis] = by
        by *= shape[axis] + 1
    return shape, tuple(strides), wanted


def fewer(draw: Draw) -> Iterator[Args]:
    known: list[tuple[Shape, Shape]] = [
        ((1,), (4,)),
        ((3,), (3,)),
        ((3, 1), (3, 4)),
        ((1, 4), (3, 4)),
    ]
    for shape, wanted in (*known, ((), ())):
        yield shape, ordinary(shape), wanted
    yield (3, 2), (1, 3), (3, 2)
    yield (2, 1, 3), (6, 3, 2), (2, 5, 3)
    yield (1, 3), (9, 1), (1, 3)
    yield (1,), (1,), (0,)
    for _ in draw.rounds(4):
        yield drawn(draw, draw.random.randint(1, 4))


def in_front(draw: Draw) -> Iterator[Args]:
    known: list[tuple[Shape, Shape]] = [((3,), (2, 3)), ((), (2,)), ((3, 1), (2, 3, 4))]
    for shape, wanted in (*known, ((4,), (500, 2, 4))):
        yield shape, ordinary(shape), wanted
    for _ in draw.rounds(4):
        shape, strides, wanted = drawn(draw, draw.random.randint(1, 3))
        yield shape, strides, (*draw.shape(draw.random.randint(1, 2), 5), *wanted)


def not_stretched(draw: Draw) -> Iterator[Case]:
    known: list[tuple[Shape, Shape]] = [
                          ((3,), (4,)), ((3,), (1,)), ((2, 3), (3,)), ((2, 3), (2, 1)), ((3,), (3, 4)),
                          ((1,), ()), ((2, 3), (3, 2)), ((0,), (3,)), ((1, 3), (3,)), ((3,), (0,)),
                          ((2, 3), (6, 3)), ((3, 2), (2, 3, 4))]  # fmt: skip
    for shape, wanted in known:
        yield Case((shape, ordinary(shape), wanted), Raises(ValueError))
    for _ in draw.rounds(2):
        shape = tuple(size + 1 for size in draw.shape(draw.random.randint(1, 3)))
        larger = list(shape)
        larger[draw.random.randrange(len(shape))] += draw.random.randint(1, 3)
        yield Case((shape, ordinary(shape), tuple(larger)), Raises(ValueError))


def _of_a_copy(shape: Shape, strides: Shape, wanted: Shape) -> Shape:
    return ordinary(wanted)


def _unchanged(shape: Shape, strides: Shape, wanted: Shape) -> Shape:
    return strides


def _zeros_behind(shape: Shape, strides: Shape, wanted: Shape) -> Shape:
    """A wrong model: right on the old axes, but the new ones are put behind them."""
    front = len(wanted) - len(shape)
    pairs = zip(shape, strides, wanted[front:], strict=True)
    return (*(by if size == want else 0 for size, by, want in pairs), *(0,) * front)


def _ones(shape: Shape, strides: Shape, wanted: Shape) -> Shape:
    """A wrong model: a stretched axis gets the stride 1."""
    front = len(wanted) - len(shape)
    pairs = zip(shape, strides, wanted[front:], strict=True)
    return (*(1,) * front, *(by if size == want else 1 for size, by, want in pairs))


STRETCHED = Task(
    id="02.shapes.stretched",
    name="stretched",
    points=3,
    asks="`stretched(shape, strides, wanted)`: the strides with which a tensor can be read as if it had the "
    "wanted shape, as a tuple, without a number being copied. What does not broadcast to the wanted shape "
    "raises a ValueError.",
    oracle=reads,
    checks=(
        Check("the same rank", fewer),
        Check("new axes in front", in_front),
        Check("what cannot be stretched", not_stretched, points=1),
    ),
    misconceptions=(
        Misconception(
            "unchanged",
            "Those are the old strides. With them, a step along a stretched axis leaves the number that is "
            "to be read again. How many places must that step skip?",
            predicts(_unchanged),
        ),
        Misconception(
            "copy",
            "Those are the strides of a copy, written out in full. The row is as short as before.",
            predicts(_of_a_copy),
        ),
        Misconception(
            "one",
            "A stride of 1 goes on to the next number. To read the same one again, skip nothing at all.",
            predicts(_ones),
        ),
        Misconception(
            "behind",
            "The new axes were put behind the old ones. They are aligned at the right: new axes go in front.",
            predicts(_zeros_behind),
        ),
        Misconception(
            "list",
            "The strides may be right, but it is a list: return a tuple.",
            returned(lambda got, *args: isinstance(got, list)),
        ),
        Misconception(
            "row_major",
            "The strides are worked out from the shape. They are given: the numbers need not lie row by row.",
            in_check("the same rank", returned(lambda got, *args: isinstance(got, tuple))),
        ),
        Misconception(
            "no_new_axes",
            "The wanted shape may have more axes, in front of the old ones. Each of them needs a stride too.",
            in_check("new axes in front"),
        ),
        Misconception(
            "refuses_nothing",
            "It lets through what cannot be stretched. Only a 1 becomes larger, no size becomes smaller, and "
            "no axis goes away.",
            in_check("what cannot be stretched", not_raised),
        ),
        Misconception(
            "other_error",
            "It refuses, but with another exception: what cannot be stretched is a ValueError.",
            in_check("what cannot be stretched"),
        ),
    ),
    hints=(
        "Read 3 numbers with stride 1 as shape (2, 3). At which places do [0, 1] and [1, 1] lie?",
        "An axis that is not stretched keeps its stride. One that is reads the same place at every step.",
        "Align the old shape with the end of the wanted one. Equal sizes: the old stride. 1 against "
        "another: 0. All else is an error, and so is a lower rank. For every new axis in front: 0.",
    ),
)


TASKS = (SHAPES, STRETCHED)
