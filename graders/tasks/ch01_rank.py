"""Chapter 01: rank, shape, size and dtype, found by hand. The truth is what the engine says.

The other two tasks of the chapter are in ch01_layout.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import engine as tf
from graders.diagnose import in_check, not_raised, predicts, raised, returned
from graders.tasks.base import Case, Check, Draw, Misconception, Raises, Task

Args = tuple[Any, ...]


def nested(draw: Draw, shape: tuple[int, ...]) -> Any:
    """Nested lists of this shape, filled with small whole numbers."""
    return draw.arrays.integers(0, 10, size=shape).tolist()


def leaves(value: Any) -> list[Any]:
    """Every number in nested lists, in order."""
    if not isinstance(value, list):
        return [value]
    return [leaf for item in value for leaf in leaves(item)]


def numbers(draw: Draw) -> Iterator[Args]:
    yield from ((7,), (2.5,), (True,))
    for _ in draw.rounds(3):
        yield (draw.random.randint(-99, 99),)


def flat_lists(draw: Draw) -> Iterator[Args]:
    yield from (([4],), ([4, 5, 6],), ([0.5, 2],), ([True, False],))
    for _ in draw.rounds(3):
        yield (nested(draw, draw.shape(1, 6)),)
    yield (nested(draw, (300,)),)


def nested_lists(draw: Draw) -> Iterator[Args]:
    yield from (([[1, 2, 3], [4, 5, 6]],), ([[1], [2]],), ([[[1, 2]]],))
    for _ in draw.rounds(4):
        yield (nested(draw, draw.shape(draw.random.randint(2, 4))),)
    for shape in ((2, 1, 2, 1, 2, 1), (40, 30)):
        yield (nested(draw, shape),)


def empty_lists(draw: Draw) -> Iterator[Args]:
    yield from (([],), ([[], []],), ([[[]], [[]], [[]]],))
    for _ in draw.rounds(2):
        yield (np.zeros((*draw.shape(draw.random.randint(1, 2)), 0)).tolist(),)


def shape_in_engine(value: Any) -> tuple[int, ...]:
    """The shape that the engine gives these nested lists."""
    return tf.constant(value).numpy().shape


RANK = Task(
    id="01.rank.rank_of",
    name="rank_of",
    points=2,
    asks="`rank_of(nested)`: how many axes a number or nested lists have, as a whole number.",
    oracle=lambda value: int(tf.rank(tf.constant(value))),
    checks=(
        Check("numbers", numbers),
        Check("lists", flat_lists),
        Check("nested lists", nested_lists),
        Check("empty lists", empty_lists, points=1),
    ),
    misconceptions=(
        Misconception(
            "number",
            "A plain number is data too: it has no axis to walk along, so its rank is 0. It has "
            "no length and no first element either.",
            in_check("numbers", raised(TypeError)),
        ),
        Misconception(
            "from_one",
            "It is one too many: a plain number has rank 0, and every level of brackets adds one.",
            predicts(lambda value: tf.rank(tf.constant(value)).numpy() + 1),
        ),
        Misconception(
            "length",
            "That is how many elements the outer list has. The rank is how many indices it takes "
            "to reach one number.",
            predicts(lambda value: len(value) if isinstance(value, list) else 0),
        ),
        Misconception(
            "size",
            "That is how many numbers there are in all. The rank counts axes, not numbers.",
            predicts(lambda value: len(leaves(value)) if isinstance(value, list) else 0),
        ),
        Misconception(
            "one_level",
            "It looks at the outer brackets only: a list inside a list is one more axis.",
            predicts(lambda value: int(isinstance(value, list))),
        ),
        Misconception(
            "shape",
            "That is the shape. The rank is how many entries the shape has.",
            returned(lambda got, value: isinstance(got, (tuple, list))),
        ),
        Misconception(
            "empty",
            "An empty list still is an axis, with nothing along it: there is no first element to "
            "step into, and its brackets count.",
            in_check("empty lists"),
        ),
    ),
    hints=(
        "Write down `7`, `[7]` and `[[7]]`, and beside each how many indices it takes to get 7.",
        "Every pair of brackets that you go through is one axis. What is inside a list is again "
        "a number or a list.",
        "Start at 0. As long as the thing in hand is a list: add one, and take the first thing in "
        "it. Think about what happens when there is no first thing.",
    ),
)


def ragged_lists(draw: Draw) -> Iterator[Case]:
    wrong = Raises(ValueError, ("ragged",))
    for value in ([[1], []], [[1, 2], [3]], [1, [2]], [[1], 2], [[[1], [2]], [[3], [4, 5]]]):
        yield Case((value,), wrong)
    for _ in draw.rounds(3):
        rows, columns = draw.random.randint(2, 4), draw.random.randint(2, 4)
        value = nested(draw, (rows, columns))
        value[draw.random.randrange(rows)].pop()
        yield Case((value,), wrong)


SHAPE = Task(
    id="01.rank.shape_of",
    name="shape_of",
    points=3,
    asks="`shape_of(nested)`: how many elements there are along each axis, as a tuple of whole "
    "numbers, outermost axis first. Lists that do not fit raise a ValueError that says `ragged`.",
    oracle=shape_in_engine,
    answer_is_shape=True,
    checks=(
        Check("numbers", numbers),
        Check("lists", flat_lists),
        Check("nested lists", nested_lists),
        Check("empty lists", empty_lists),
        Check("ragged lists", ragged_lists, points=1),
    ),
    misconceptions=(
        Misconception(
            "list",
            "The numbers may be right, but it is a list. A shape is a tuple: it can not be "
            "changed by accident, and it can be the key of a dictionary.",
            returned(lambda got, value: isinstance(got, list)),
        ),
        Misconception(
            "number",
            "A plain number has no axes, so its shape has no entries: the empty tuple `()`.",
            in_check("numbers"),
        ),
        Misconception(
            "one_tuple",
            "In Python `(3)` is the number 3. A tuple with one entry is written `(3,)`.",
            in_check("lists", returned(lambda got, value: type(got) is int)),
        ),
        Misconception(
            "reversed",
            "The axes are in the wrong order: the outermost brackets come first.",
            predicts(lambda value: shape_in_engine(value)[::-1]),
        ),
        Misconception(
            "outer_only",
            "It stops at the outer list: every level of brackets is an entry of the shape.",
            predicts(lambda value: shape_in_engine(value)[:1]),
        ),
        Misconception(
            "totals",
            "It counts everything that lies at one depth. An entry of the shape is the length of "
            "one list at that depth.",
            predicts(lambda value: tuple(map(int, np.cumprod(shape_in_engine(value))))),
        ),
        Misconception(
            "empty",
            "`[[], []]` has two rows with nothing in them: its shape is `(2, 0)`.",
            in_check("empty lists"),
        ),
        Misconception(
            "ragged_missed",
            "It looks at the first element of each list and believes that the others are alike. "
            "Every element must have the same shape as its neighbours, at every depth.",
            in_check("ragged lists", not_raised),
        ),
        Misconception(
            "ragged_error",
            "It notices that the lists do not fit, but not in the way that is asked for: a "
            "ValueError whose message says that the lists are `ragged`.",
            in_check("ragged lists"),
        ),
    ),
    hints=(
        "Look at `[[1, 2, 3], [4, 5, 6]]`: where does the 2 come from, and where the 3?",
        "The shape of a list is its length, followed by the shape of what is in it. That works "
        "only when everything in it has one and the same shape.",
        "A number gives the empty tuple. For a list: find the shape of every element; if two "
        "differ, raise; then put the length in front. An empty list has no element to ask.",
    ),
)


def shapes(draw: Draw) -> Iterator[Args]:
    yield from (((3,),), ((2, 3),), ((1, 1, 5),))
    for _ in draw.rounds(4):
        yield (draw.shape(draw.random.randint(2, 4), 6),)
    yield ((50, 40, 30),)


SIZE = Task(
    id="01.rank.size_of",
    name="size_of",
    points=1,
    asks="`size_of(shape)`: how many numbers a tensor of this shape holds, as a whole number.",
    oracle=lambda shape: int(tf.size(tf.zeros(shape))),
    checks=(
        Check("shapes", shapes),
        Check("rank 0", lambda draw: [((),)]),
        Check("an axis of size 0", lambda draw: [((0,),), ((3, 0),), ((0, 2, 4),)]),
    ),
    misconceptions=(
        Misconception(
            "sum",
            "The sizes are added. Two rows of three numbers are 2 times 3 numbers.",
            predicts(lambda shape: sum(shape)),
        ),
        Misconception(
            "rank",
            "That is how many axes there are: the rank.",
            predicts(lambda shape: len(shape)),
        ),
        Misconception(
            "outer",
            "That is the size of one axis. The other axes count as well.",
            predicts(lambda shape: shape[0]),
        ),
        Misconception(
            "scalar",
            "A tensor of rank 0 holds one number: its shape is `()`, its size is 1.",
            in_check("rank 0"),
        ),
        Misconception(
            "zero",
            "When one axis has nothing along it there is nothing in the whole tensor.",
            in_check("an axis of size 0"),
        ),
    ),
    hints=(
        "How many numbers are in 2 rows of 3? And in 4 such tables?",
        "Each axis multiplies what there was before.",
        "Keep a running product over the entries of the shape. What must it be before the first "
        "entry, so that the shape `()` comes out right?",
    ),
)


def of_one_type(kind: str, draw: Draw) -> Iterator[Args]:
    def value() -> Any:
        whole = draw.random.randint(0, 9)
        return {"int": whole, "float": whole + 0.5, "bool": whole % 2 == 0}[kind]

    yield (value(),)
    yield ([value()],)
    for _ in draw.rounds(3):
        rows, columns = draw.shape(2, 3)
        yield ([[value() for _ in range(columns)] for _ in range(rows)],)
    yield ([[value() for _ in range(40)] for _ in range(30)],)


def floats(draw: Draw) -> Iterator[Args]:
    yield from of_one_type("float", draw)
    yield ([2.0, 3.0],)


def mixed_numbers(draw: Draw) -> Iterator[Args]:
    yield from (([1, 2.5],), ([2.5, 1],), ([1, 2.0],), ([[1, 2], [3, 4.5]],))
    for _ in draw.rounds(3):
        values: list[Any] = [draw.random.randint(0, 9) for _ in range(4)]
        values[draw.random.randrange(4)] += 0.5
        yield (values,)
    yield ([*nested(draw, (300,)), 0.5, *nested(draw, (10,))],)


def bools_with_numbers(draw: Draw) -> Iterator[Case]:
    wrong = Raises(TypeError)
    for value in ([True, 1], [0, False], [1.5, True], [[True, False], [True, 2]]):
        yield Case((value,), wrong)


def _python_names(value: Any) -> str:
    return type(leaves(value)[0]).__name__


DTYPE = Task(
    id="01.rank.dtype_of",
    name="dtype_of",
    points=2,
    asks="`dtype_of(nested)`: the dtype a tensor of these values gets, as a string: `bool`, "
    "`int32` or `float32`. True or False among numbers raises a TypeError.",
    oracle=lambda value: tf.constant(value).dtype.name,
    checks=(
        Check("whole numbers", lambda draw: of_one_type("int", draw)),
        Check("floats", floats),
        Check("True and False", lambda draw: of_one_type("bool", draw)),
        Check("whole numbers and floats", mixed_numbers),
        Check("True or False among numbers", bools_with_numbers, points=1),
    ),
    misconceptions=(
        Misconception(
            "python_name",
            "That is Python's name for the type. A tensor's dtype also says how many bits each "
            "number has.",
            predicts(_python_names),
        ),
        Misconception(
            "sixty_four",
            "Python and NumPy use 64 bits. A tensor made from Python numbers gets 32 bits, "
            "because training rarely needs more and memory is what runs out.",
            returned(lambda got, value: got in ("int64", "float64")),
        ),
        Misconception(
            "bool_is_int",
            "In Python True is also an int: `isinstance(True, int)` holds. Ask about bool first.",
            in_check("True and False", returned(lambda got, value: got == "int32")),
        ),
        Misconception(
            "whole_floats",
            "2.0 is a float, however whole its value: the dtype follows from the types of the "
            "values alone.",
            in_check("floats", returned(lambda got, value: got == "int32")),
        ),
        Misconception(
            "first_only",
            "It looks at the first value only. One float is enough to make the whole tensor float.",
            in_check("whole numbers and floats"),
        ),
        Misconception(
            "bool_mixed",
            "True among numbers has no dtype that suits both, and the engine does not guess: it "
            "raises a TypeError.",
            in_check("True or False among numbers"),
        ),
    ),
    hints=(
        "Run `tf.constant([1, 2]).dtype`, then with `2.0` and with `True` in place of `2`.",
        "One tensor has one dtype, so every value has a say: collect the types of all of them "
        "before deciding.",
        "Walk through the nested lists and put the type of each value into a set. Decide from the "
        "set: bool alone, int alone, floats with or without ints, and bool with anything else.",
    ),
)


TASKS = (RANK, SHAPE, SIZE, DTYPE)
