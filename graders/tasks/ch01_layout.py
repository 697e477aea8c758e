"""Chapter 01, continued: where an element lies in memory, and a gate for shapes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

import engine as tf
from graders.diagnose import Seen, in_check, not_raised, predicts, raised, returned
from graders.tasks.base import Case, Check, Draw, Misconception, Raises, Task

Args = tuple[Any, ...]


def counted(shape: tuple[int, ...]) -> np.ndarray:
    """A tensor whose values count from 0: each value is its own place in memory."""
    return tf.reshape(tf.range(math.prod(shape)), shape).numpy()


def places(rank: int, draw: Draw) -> Iterator[Args]:
    shape = (3, 4, 2, 2, 1, 3)[:rank]
    yield shape, tuple(0 for _ in shape)
    yield shape, tuple(size - 1 for size in shape)
    for _ in draw.rounds(4):
        shape = draw.shape(rank, 5)
        yield shape, tuple(draw.random.randrange(size) for size in shape)


def one_axis(draw: Draw) -> Iterator[Args]:
    yield from places(1, draw)
    yield (5000,), (draw.random.randrange(4000, 5000),)


def two_axes(draw: Draw) -> Iterator[Args]:
    yield from places(2, draw)
    yield (1, 3), (0, 2)
    yield (80, 70), (draw.random.randrange(80), draw.random.randrange(70))


def more_axes(draw: Draw) -> Iterator[Args]:
    for rank in (3, 4, 6):
        yield from places(rank, draw)


def outside(draw: Draw) -> Iterator[Case]:
    """Beyond an axis, below 0, in a tensor that has no elements, on an axis of size 1, and indices
    of the wrong length."""
    for args in (((3,), (3,)), ((3,), (5,)), ((2, 3), (0, 3)), ((2, 3), (2, 0)), ((2, 3), (0, -1)),
                 ((3,), (-1,)), ((0,), (0,)), ((2, 0), (1, 0)), ((1, 3), (1, 0)), ((2, 3, 4), (0, 3, 0)),
                 ((2, 3), (1,)), ((2, 3), (0, 0, 0)), ((3,), ()), ((), (0,))):  # fmt: skip
        yield Case(args, Raises(IndexError))
    for _ in draw.rounds(2):
        shape = draw.shape(draw.random.randint(1, 4))
        index = [draw.random.randrange(size) for size in shape]
        axis = draw.random.randrange(len(shape))
        index[axis] = draw.random.choice((shape[axis] + draw.random.randint(0, 3), -1))
        yield Case((shape, tuple(index)), Raises(IndexError))


FLAT = Task(
    id="01.rank.flat_index",
    name="flat_index",
    points=3,
    asks="`flat_index(shape, index)`: where the element with this index lies when the tensor is "
    "laid out in one row, the last axis running fastest. An index outside the shape, below 0 or "
    "of the wrong length raises an IndexError.",
    oracle=lambda shape, index: int(counted(shape)[index]),
    checks=(
        Check("one axis", one_axis),
        Check("two axes", two_axes),
        Check("more axes", more_axes),
        Check("rank 0", lambda draw: [((), ())]),
        Check("outside the shape", outside, points=1),
    ),
    misconceptions=(
        Misconception(
            "column_major",
            "It counts down the columns: the first axis runs fastest. In a row-major layout it is "
            "the last one.",
            predicts(lambda shape, index: int(np.ravel_multi_index(index, shape, order="F"))),
        ),
        Misconception(
            "own_size",
            "Each index is multiplied by the size of its own axis. One step along an axis skips "
            "everything that lies on the axes after it.",
            predicts(lambda shape, index: int(np.dot(index, shape))),
        ),
        Misconception(
            "sum",
            "The indices are only added. One step along the first axis skips a whole row.",
            predicts(lambda shape, index: sum(index)),
        ),
        Misconception(
            "from_one",
            "It is one too many: the first element lies at place 0.",
            predicts(lambda shape, index: int(counted(shape)[index]) + 1),
        ),
        Misconception(
            "last_two",
            "It is right for a table and not beyond: every axis before the last needs a stride.",
            in_check("more axes"),
        ),
        Misconception(
            "scalar",
            "A tensor of rank 0 has one element, at place 0: no index is needed to reach it.",
            in_check("rank 0"),
        ),
        Misconception(
            "not_checked",
            "An index outside the shape gives the place of some other element, or of none. "
            "Compare every index with its axis, and their number with the rank, before you count.",
            in_check("outside the shape", not_raised),
        ),
        Misconception(
            "other_error",
            "It refuses, but with another exception: an index outside the shape is an IndexError.",
            in_check("outside the shape"),
        ),
    ),
    hints=(
        "Print `tf.reshape(tf.range(6), (2, 3))`: the value at each index is the answer for it.",
        "In a shape `(2, 3)`, one step down skips 3 places and one step right skips 1. These "
        "skips are called strides.",
        "Go along the axes from the first to the last with a running place: multiply it by the "
        "size of the axis, then add the index on that axis. Check the index first.",
    ),
)


def fitting(draw: Draw) -> Iterator[Case]:
    known: list[tuple[Any, Any]] = [((3,), (3,)), ((None,), (5,)), ((None, 2), (4, 2)), ((), ()),
                                    ((0,), (0,)), ((None, 2), (0, 2))]  # fmt: skip
    rows = draw.random.randint(1000, 5000)
    known.append(((int(str(rows)), None, 3), (rows, 700, 3)))  # equal, and not the same object
    for _ in draw.rounds(4):
        given = draw.shape(draw.random.randint(1, 4))
        known.append((tuple(draw.random.choice((size, None)) for size in given), given))
    for expected, fits in known:
        yield Case((expected, fits), fits)


def unfitting(draw: Draw) -> Iterator[Case]:
    def bad(expected: tuple[int | None, ...], given: tuple[int, ...], axis: int) -> Case:
        return Case((expected, given), Raises(ValueError, (f"axis {axis}",)))

    yield bad((3,), (4,), 0)
    yield bad((None, 2), (4, 3), 1)
    yield bad((None, 1), (4, 2), 1)
    yield bad((None, 5), (4, 1), 1)
    yield bad((0,), (3,), 0)
    yield bad((None, 2), (4, 0), 1)
    for _ in draw.rounds(4):
        given = draw.shape(draw.random.randint(1, 4))
        axis = draw.random.randrange(len(given))
        expected = [draw.random.choice((size, None)) for size in given]
        expected[axis] = given[axis] + draw.random.randint(1, 3)
        yield bad(tuple(expected), given, axis)
    yield bad((2, 3, 4), (2, 5, 6), 1)
    for _ in draw.rounds(2):  # every axis from here on is wrong: the first is asked for
        given = draw.shape(draw.random.randint(2, 4))
        axis = draw.random.randrange(len(given) - 1)
        yield bad((*given[:axis], *(size + 1 for size in given[axis:])), given, axis)


def other_ranks(draw: Draw) -> Iterator[Case]:
    for args in (((3,), ()), ((None,), (3, 1)), ((None, 2), (2,)), ((), (1,)), ((2, 3), (2, 3, 4))):
        yield Case(args, Raises(ValueError, ("rank",)))


def _fits(seen: Seen) -> bool:
    return not isinstance(seen.first.case.expected, Raises)


def has_a_one(seen: Seen) -> bool:
    return not_raised(seen) and any(1 in shape for shape in seen.first.case.args)


GATE = Task(
    id="01.rank.shape_gate",
    name="shape_gate",
    points=3,
    asks="`shape_gate(expected, given)`: returns `given` when it fits `expected`, in which None "
    "stands for any size. Otherwise raises a ValueError that names the first wrong axis, as "
    "`axis 1`, or says that the `rank` is wrong.",
    checks=(
        Check("shapes that fit", fitting),
        Check("one axis that does not fit", unfitting),
        Check("another rank", other_ranks, points=1),
    ),
    misconceptions=(
        Misconception(
            "identity",
            "`is` asks whether two names mean one and the same object. Python keeps a single "
            "object for each number up to 256, so it seems to work, and fails with larger axes. "
            "Compare sizes with `==` or `!=`.",
            in_check("shapes that fit", lambda seen: max(seen.first.case.args[1], default=0) > 256),
        ),
        Misconception(
            "zero",
            "0 is a size like any other, and not the same as None, although Python counts both as "
            "false. Compare the sizes, and ask `is not None`.",
            lambda seen: (
                (not_raised(seen) and 0 in seen.first.case.args[0])
                or (raised(ValueError)(seen) and _fits(seen) and 0 in seen.first.case.args[1])
            ),
        ),
        Misconception(
            "none_literal",
            "None is compared like a size. It means that any size will do on that axis.",
            in_check("shapes that fit", raised(ValueError, TypeError)),
        ),
        Misconception(
            "true",
            "It says yes or no. A gate lets the shape through, which means it returns `given`, or "
            "it stops the program with an error.",
            returned(lambda got, expected, given: isinstance(got, bool)),
        ),
        Misconception(
            "broadcast",
            "It lets an axis of size 1 pass as any size. That is broadcasting, and a gate is "
            "there to stop it: a silent 1 is how a wrong shape gets into production.",
            in_check(
                "one axis that does not fit", lambda seen: not_raised(seen) and has_a_one(seen)
            ),
        ),
        Misconception(
            "rank_zip",
            "The number of axes is never compared: `zip` stops at the end of the shorter shape.",
            in_check("another rank", not_raised),
        ),
        Misconception(
            "rank_error",
            "It refuses, but not in the way that is asked for: a ValueError that says that the "
            "rank is wrong.",
            in_check("another rank"),
        ),
        Misconception(
            "last_axis",
            "It names an axis, but not the first one that is wrong. Axes are counted from 0.",
            lambda seen: "axis" in str(seen.first.ran.error).lower(),
        ),
        Misconception(
            "no_axis",
            "It refuses, but whoever reads the error has to search. Name the axis: `axis 1`.",
            in_check("one axis that does not fit", raised(ValueError)),
        ),
        Misconception(
            "assertion",
            "`assert` raises an AssertionError, and Python leaves it out when it runs with -O. "
            "Raise a ValueError.",
            raised(AssertionError),
        ),
    ),
    hints=(
        "Compare `(None, 2)` with `(4, 2)`, `(4, 3)` and `(4, 2, 1)`: which pass, and what would "
        "you say about the others?",
        "There are two ways to be wrong: another number of axes, or an axis with another size. "
        "Only the first makes it useless to look at the axes one by one.",
        "Compare the lengths first. Then walk along both shapes together with `enumerate`, and "
        "skip an axis where None is expected. If you get to the end, return the given shape.",
    ),
)

TASKS = (FLAT, GATE)
