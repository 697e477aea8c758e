"""Chapter 03: a box whose value is replaced. The truth is what `tf.Variable` does with the same steps.

A step is (verb, array). "assign" and "assign_add" are the learner's methods. "keep" notes the array
that is in the box, "spoil" writes into the one that was handed over last, as its owner may, and
"second" makes another box. The tasks on slopes are in ch03_slopes.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import engine as tf
from graders.compare import differs
from graders.diagnose import Seen, in_check, predicts, raised
from graders.show import show
from graders.tasks.base import Check, Complaint, Draw, Misconception, Task, define

Args = tuple[Any, ...]
Step = tuple[str, Any]
REFUSED = "refused"

# Runs beside the learner's class, in the sandbox when a submission is graded: arrays that are handed
# from one process to another are copies, and could not show who shares one with whom.
DRIVER = '''
def drive(box, initial, steps):
    """What is seen, as rows (what, ...): a value after each step, a refusal, or something odd."""
    given = initial.copy(order="K")
    handed, kept, seen = [(given, given.copy())], [], []
    variable = box(given)
    for number, (verb, array) in enumerate(steps):
        before = variable.value.copy()
        if verb == "keep":
            kept.append((variable.value, before))
        elif verb == "spoil":
            given[...] = given + given.dtype.type(1)
            handed.pop()
            if (variable.value != before).any():
                seen.append(("spoilt", before, variable.value.copy()))
        elif verb == "second":
            box(array)
            if variable.value.shape != before.shape or (variable.value != before).any():
                seen.append(("second", before, variable.value))
        else:
            given = array.copy(order="K")
            handed.append((given, given.copy()))
            try:
                answer = getattr(variable, verb)(given)
                if answer is not variable:
                    seen.append(("answer", verb, repr(answer)[:60]))
            except ValueError as error:
                seen.append(("refused", number, before, str(error)))
        seen.append(("value", variable.value.copy()))
    for what, pairs in (("kept", kept), ("handed", handed if kept else [])):
        seen += [(what, before, array) for array, before in pairs if (array != before).any()]
    return tuple(seen)
'''
ODD = {
    "spoilt": "the caller wrote into the array that it had handed over, and the value in the box "
    "went from {} to {}",
    "second": "a second Variable was made, and the value in the first went from {} to {}",
    "kept": "an array that was read from the box earlier went from {} to {}",
    "handed": "an array that was handed to the box went from {} to {}",
}


def driven(box: Any, initial: Any, steps: list[Step]) -> list[Any]:
    """The value after every step, with the word "refused" in front of it where a step was."""
    drive = define(DRIVER, "drive", near=box)
    found: list[Any] = []
    for what, *rest in drive(box, initial, tuple(steps)):
        if what == "value":
            found.append(rest[0])
        elif what == "answer":
            raise Complaint(f"{rest[0]} returned {rest[1]}, not the variable itself")
        elif what == REFUSED:
            number, before, message = rest
            word = _unfit(before, *steps[number])
            if word and not re.search(rf"\b{word}s?\b", message, re.IGNORECASE):
                raise Complaint(f'its message does not say "{word}": {message}')
            found.append(REFUSED)
        else:
            raise Complaint(ODD[what].format(*map(show, rest)))
    return found


def _unfit(now: Any, verb: str, array: Any) -> str:
    """What of an array does not fit the box: "shape", "dtype" or ""."""
    if verb == "assign_add":
        try:
            array = now + array
        except ValueError:
            return "shape"
    if array.shape != now.shape:
        return "shape"
    return "dtype" if array.dtype != now.dtype else ""


def engine_box(initial: Any, steps: list[Step]) -> list[Any]:
    """The same from the engine: its variables refuse, and hand out copies."""
    variable = tf.Variable(tf.constant(initial))
    found: list[Any] = []
    for verb, array in steps:
        if verb.startswith("assign"):
            try:
                getattr(variable, verb)(tf.constant(array))
            except (ValueError, TypeError, tf.errors.InvalidArgumentError):
                found.append(REFUSED)
        found.append(np.asarray(variable.numpy()))
    return found


def written(initial: Any, steps: list[Step]) -> str:
    """The steps as a learner would type them."""
    rows = [f"v = Variable({_array(initial)})"]
    for verb, array in steps:
        if verb == "keep":
            rows.append("old = v.value")
        elif verb == "spoil":
            rows.append("(the caller adds 1, in place, to the array it handed over last)")
        elif verb == "second":
            rows.append(f"other = Variable({_array(array)})")
        else:
            rows.append(f"v.{verb}({_array(array)})")
    return "\n".join(rows)


def _array(value: Any) -> str:
    numbers = show(value.tolist()) if value.size <= 12 else "..."
    of = f", shape {value.shape}" if value.size > 12 or not value.size else ""
    return f"np.array({numbers}, {value.dtype}){of}"


def whole(draw: Draw, shape: tuple[int, ...], dtype: str = "float32") -> Any:
    """Small whole numbers, none of them 0, so that every step shows."""
    values = draw.arrays.integers(1, 9, size=shape) * draw.arrays.choice([-1, 1], size=shape)
    return np.asarray(values, dtype=dtype)


def turned(array: Any) -> Any:
    """The same values, in memory column by column."""
    return np.asfortranarray(array)


def _several(verb: str, draw: Draw, count: int, shape: tuple[int, ...], dtype: str) -> Args:
    steps = [(verb, whole(draw, shape, dtype)) for _ in range(count)]
    return whole(draw, shape, dtype), steps


def one_verb(verb: str, draw: Draw) -> Iterator[Args]:
    as_float = np.float32
    yield np.array([1, 2], as_float), [(verb, np.array([3, 4], as_float))]
    yield np.array(2, as_float), [(verb, np.array(5, as_float)), (verb, np.array(-1, as_float))]
    for dtype in ("float64", "int32"):
        yield _several(verb, draw, 2, (3,), dtype)
    for _ in draw.rounds(3):
        shape = draw.shape(draw.random.randint(1, 3))
        yield _several(verb, draw, draw.random.randint(2, 4), shape, "float32")
    yield turned(whole(draw, (2, 3))), [(verb, turned(whole(draw, (2, 3))))]
    yield _several(verb, draw, 1, (0, 3), "float32")
    yield _several(verb, draw, 2, (40, 30), "float32")


def replaced(draw: Draw) -> Iterator[Args]:
    yield np.array([1, 2], np.float32), [("keep", None)]
    yield np.array([1, 2], np.float32), [("second", np.array([7, 8], np.float32))]
    yield from one_verb("assign", draw)


def added(draw: Draw) -> Iterator[Args]:
    yield from one_verb("assign_add", draw)
    for _ in draw.rounds(2):
        shape = draw.shape(2)
        verbs = draw.random.sample(["assign", "assign_add", "assign_add"], 3)
        yield whole(draw, shape), [(verb, whole(draw, shape)) for verb in verbs]


def outside_arrays(draw: Draw) -> Iterator[Args]:
    for shape in ((2,), (), draw.shape(2), draw.shape(3)):
        for verb in ("assign", "assign_add"):
            yield whole(draw, shape), [("keep", None), (verb, whole(draw, shape))]
        yield whole(draw, shape), [("spoil", None), ("assign_add", whole(draw, shape))]
        yield whole(draw, shape), [("assign", whole(draw, shape)), ("spoil", None)]
        yield whole(draw, shape), [("assign_add", whole(draw, shape)), ("spoil", None)]


def other_shapes(draw: Draw) -> Iterator[Args]:
    for verb in ("assign", "assign_add"):
        yield whole(draw, (2,)), [(verb, whole(draw, (3,)))]
        yield whole(draw, (3,)), [(verb, whole(draw, (2, 3)))]
        yield whole(draw, ()), [(verb, whole(draw, (1,))), (verb, whole(draw, ()))]
    for now, new in (((2, 3), (3,)), ((2, 3), (3, 2)), ((2, 3), ()), ((4,), (1,))):
        yield whole(draw, now), [("assign", whole(draw, new)), ("assign", whole(draw, now))]
    for _ in draw.rounds(2):
        shape = draw.shape(2)
        longer = (shape[0] + 1, shape[1])
        steps = [("assign", whole(draw, shape)), ("assign", whole(draw, longer)), ("keep", None)]
        yield whole(draw, shape), steps


def other_dtypes(draw: Draw) -> Iterator[Args]:
    pairs = [
        ("float32", "float64"),
        ("int32", "float64"),
        ("float64", "float32"),
        ("int32", "int64"),
    ]
    for now, new in pairs:
        yield whole(draw, (2,), now), [("assign", whole(draw, (2,), new)), ("keep", None)]
    for now, new in (*pairs[:2], pairs[3], ("float32", "int32")):
        shape = draw.shape(draw.random.randint(0, 2))
        yield whole(draw, shape, now), [("assign_add", whole(draw, shape, new))]
    yield whole(draw, ()), [("assign", whole(draw, (), "float64")), ("assign", whole(draw, ()))]


def _says(words: str) -> Any:
    return lambda seen: words in str(seen.first.ran.error)


def _not_refused(seen: Seen) -> bool:
    got = seen.first.ran.value
    return seen.first.ran.error is None and REFUSED not in [x for x in got if isinstance(x, str)]


def _changed_before_it_refused(seen: Seen) -> bool:
    got, right = seen.first.ran.value, seen.first.case.expected
    at = next(i for i, entry in enumerate(right) if isinstance(entry, str))
    same_so_far = isinstance(got[at], str)
    return same_so_far and differs(right[at + 1], got[at + 1]) is not None


def _model(change: Callable[[str, Any, Any, Any], Any]) -> Any:
    """A wrong model that refuses what it should: what a step (verb, value now, array, first value)
    puts into the box."""

    def model(initial: Any, steps: list[Step]) -> list[Any]:
        now, found = initial, []
        for verb, array in steps:
            if verb.startswith("assign"):
                if _unfit(now, verb, array):
                    found.append(REFUSED)
                else:
                    now = np.asarray(change(verb, now, array, initial))
            found.append(now)
        return found

    return predicts(model)


VARIABLE = Task(
    id="03.derivatives.variable",
    name="Variable",
    points=5,
    asks="`Variable(initial)` holds one array, `v.value`. `assign` puts another one in its place, "
    "`assign_add` one that is larger by `delta`; both return the variable. Another shape or dtype is a "
    "ValueError that says `shape` or `dtype`. No array outside the box ever changes with it.",
    oracle=engine_box,
    use=driven,
    shows=written,
    valid=lambda initial, steps: (
        isinstance(initial, np.ndarray)
        and all(len(s) == 2 and (s[1] is None or isinstance(s[1], np.ndarray)) for s in steps)
    ),
    checks=(
        Check("a new value", replaced),
        Check("something added", added),
        Check("arrays outside the box", outside_arrays, points=1),
        Check("another shape", other_shapes, points=1),
        Check("another dtype", other_dtypes, points=1),
    ),
    misconceptions=(
        Misconception(
            "not_returned",
            "The value is right, but nothing useful comes back. Return the variable itself: then "
            "`v.assign(a).assign_add(b)` can be written in one line.",
            _says("not the variable itself"),
        ),
        Misconception(
            "one_for_all",
            "All variables share one value: it belongs to the class. Keep it in `self`.",
            _says("a second Variable was made"),
        ),
        Misconception(
            "written_into",
            "It writes into the array that is in the box. Whoever read that array before still "
            "holds it, and sees it change: put another array in its place.",
            _says("read from the box earlier"),
        ),
        Misconception(
            "not_copied",
            "The box keeps the caller's own array, and the caller may write into it later. Take a "
            "copy.",
            _says("wrote into the array that it had handed over"),
        ),
        Misconception(
            "wrote_outside",
            "It changes an array that was handed to it: the caller did not ask for that.",
            _says("handed to the box went"),
        ),
        Misconception(
            "adds_always",
            "`assign` adds. It puts the new value in place of the old one, which is forgotten.",
            _model(lambda verb, now, array, first: now + array),
        ),
        Misconception(
            "replaces_always",
            "`assign_add` forgets the old value: the new one is the old one and `delta` together.",
            _model(lambda verb, now, array, first: array),
        ),
        Misconception(
            "from_start",
            "Every step begins at the first value again. A step begins at what is in the box now.",
            _model(
                lambda verb, now, array, first: first + array if verb == "assign_add" else array
            ),
        ),
        Misconception(
            "no_word",
            "It is refused, but the message does not help: it has to say whether the `shape` or "
            "the `dtype` did not fit.",
            _says("its message does not say"),
        ),
        Misconception(
            "shape_missed",
            "A value of another shape gets in. NumPy stretches small arrays silently, and so does "
            "`+`: compare the shape of the new value before it goes into the box.",
            in_check("another shape", _not_refused),
        ),
        Misconception(
            "dtype_missed",
            "A value of another dtype gets in, or is converted on the way. Both hide a mistake of "
            "the caller: refuse it.",
            in_check("another dtype", _not_refused),
        ),
        Misconception(
            "too_late",
            "It refuses, but the box has changed already. Look first, then replace.",
            lambda seen: (
                seen.first.label in ("another shape", "another dtype")
                and _changed_before_it_refused(seen)
            ),
        ),
        Misconception(
            "other_error",
            "It refuses, but with another exception: a ValueError is asked for.",
            raised(TypeError, AssertionError, RuntimeError),
        ),
    ),
    hints=(
        "Draw a box with an arrow to an array. What does `assign` do: write into that array, or "
        "point the arrow elsewhere?",
        "The box owns its array: it takes a copy of what comes in, and never writes into what is "
        "inside. Then no step can be seen from outside. The two refusals go where the new value "
        "is known.",
        "`__init__` keeps a copy. `assign` compares the shape, then the dtype, of the new array "
        "with those of the one in the box, raises where they differ, and otherwise keeps a copy "
        "and returns the variable. `assign_add` makes a sum, and leaves the rest to `assign`.",
    ),
)

TASKS = (VARIABLE,)
