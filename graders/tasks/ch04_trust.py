"""Chapter 04, continued: is a gradient right, and is it there at all?

Gradients to be checked are right or wrong by the way they were made; whether one is None is what the
engine's tape says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import engine as tf
from graders.diagnose import Seen, in_check, predicts, returned
from graders.tasks.base import Case, Check, Code, Draw, Misconception, Task

Args = tuple[Any, ...]

# Functions of an array, and what their gradient is.
SQUARES = Code("lambda x: float((x * x).sum())"), lambda x: 2 * x
CUBES = Code("lambda x: float((x ** 3).sum())"), lambda x: 3 * x**2
PRODUCT = Code("lambda x: float(x.prod())"), lambda x: x.prod() / x
LARGE = Code("lambda x: float(1000 * (x ** 3).sum())"), lambda x: 3000 * x**2
SMALL = Code("lambda x: float(0.001 * (x ** 3).sum())"), lambda x: 0.003 * x**2
MIXED = (
    Code("lambda x: float(x[0] ** 2 + 100 * x[1] - 0.01 * x[2] ** 2)"),
    lambda x: np.array([2 * x[0], 100.0, -0.02 * x[2]]),
)


def points_at(draw: Draw, size: int) -> np.ndarray:
    """Places that are not near 0, where all these functions have a slope."""
    signs = draw.arrays.choice([-1.0, 1.0], size)
    return np.round(draw.arrays.uniform(0.5, 2.0, size), 2) * signs


def claim(kind: Any, x: np.ndarray, wrong: dict[int, float], nearly: float = 1.0) -> Case:
    """A gradient of which the entries at these places were multiplied by something, and all of it by
    a factor that is near enough to 1 to count as right."""
    f, gradient = kind
    claimed = np.asarray(gradient(x), dtype=np.float64) * nearly
    for place, factor in wrong.items():
        claimed[place] = claimed[place] * factor if claimed[place] else factor
    return Case((f, claimed, x), sorted(wrong))


def all_right(draw: Draw) -> Iterator[Case]:
    for kind in (SQUARES, CUBES, PRODUCT):
        yield claim(kind, points_at(draw, 2), {})
    for _ in draw.rounds(2):
        yield claim(draw.random.choice((CUBES, PRODUCT)), points_at(draw, 4), {})
    yield claim(SQUARES, np.array([0.0, 1.5]), {})
    yield claim(SQUARES, np.array([2.0]), {})
    yield claim(SQUARES, np.array([]), {})


def some_wrong(draw: Draw) -> Iterator[Case]:
    yield claim(SQUARES, np.array([1.0, 2.0, 3.0]), {1: 0.5})
    yield claim(SQUARES, np.array([1.0, 2.0, 3.0]), {0: -1.0, 2: 2.0})
    yield claim(SQUARES, np.array([1.0, 0.0]), {1: 0.3})
    yield claim(CUBES, points_at(draw, 6)[::2], {1: 2.0})
    yield claim(SQUARES, points_at(draw, 60), {draw.random.randrange(50, 60): 0.5})
    for _ in draw.rounds(3):
        size = draw.random.randint(3, 6)
        places = draw.random.sample(range(size), draw.random.randint(1, size - 1))
        factors = {place: draw.random.choice((0.5, 0.98, 1.02, 2.0, 0.0)) for place in places}
        yield claim(draw.random.choice((SQUARES, CUBES, PRODUCT)), points_at(draw, size), factors)


def other_sizes(draw: Draw) -> Iterator[Case]:
    for kind in (LARGE, SMALL, MIXED):
        yield claim(kind, points_at(draw, 3), {})
        yield claim(kind, points_at(draw, 3), {draw.random.randrange(3): 1.05})
    for kind in (LARGE, CUBES, SMALL):
        yield claim(kind, points_at(draw, 3), {}, nearly=1.0004)
    yield Case((SQUARES[0], np.array([5e-7, 2.0]), np.array([0.0, 1.0])), [])  # within the bound
    for _ in draw.rounds(1):
        yield claim(SMALL, points_at(draw, 4), {0: 2.0, 3: 0.0})


def no_numbers(draw: Draw) -> Iterator[Case]:
    yield claim(SQUARES, np.array([1.0, 2.0]), {0: float("nan")})
    yield claim(CUBES, points_at(draw, 3), {2: float("inf")})
    yield claim(SQUARES, points_at(draw, 3), {0: float("nan"), 1: 2.0})


def found_wrong(wrong_entries: Any, f: Code, gradient: np.ndarray, x: np.ndarray) -> Any:
    """What the learner's check finds, with f as a function."""
    return wrong_entries(f.build(), gradient, x)


def _checked(step: float, relative: float, absolute: float, both_sides: bool = True) -> Any:
    """A wrong model: the task's check with another step or other bounds."""

    def model(f: Code, gradient: np.ndarray, x: np.ndarray) -> list[int]:
        run, found = f.build(), []
        for place in range(x.size):
            moved = np.zeros(x.size)
            moved[place] = step
            slope = (run(x + moved) - run(x - moved)) / (2 * step)
            if not both_sides:
                slope = (run(x + moved) - run(x)) / step
            if not abs(slope - gradient[place]) <= absolute + relative * abs(slope):
                found.append(place)
        return found

    return predicts(model)


def _false_alarm(seen: Seen) -> bool:
    return bool(set(seen.first.ran.value) - set(seen.first.case.expected))


def _missed(seen: Seen) -> bool:
    return bool(set(seen.first.case.expected) - set(seen.first.ran.value))


def _first_only(seen: Seen) -> bool:
    return any(len(outcome.case.expected) > 1 for outcome in seen.wrong) and all(
        outcome.ran.value == outcome.case.expected[:1] for outcome in seen.outcomes
        if outcome.label != "entries that are no numbers"
    )  # fmt: skip


CHECK = Task(
    id="04.tape.wrong_entries",
    name="wrong_entries",
    points=3,
    asks="`wrong_entries(f, gradient, x)`: the places, as a list of whole numbers in order, at which "
    "`gradient` is not what central differences of f at x give. An entry is right when it is no further "
    "off than `1e-6 + 1e-3 * abs(difference)`. x is a 1-D float64 array, f(x) a number.",
    use=found_wrong,
    parameters=("f", "gradient", "x"),
    checks=(
        Check("gradients that are right", all_right),
        Check("gradients with wrong entries", some_wrong),
        Check("very large and very small gradients", other_sizes),
        Check("entries that are no numbers", no_numbers, points=1),
    ),
    misconceptions=(
        Misconception(
            "yes_or_no",
            "It says yes or no. Whoever looks for the mistake needs to know where: return the places.",
            returned(lambda got, *args: isinstance(got, (bool, np.bool_))),
        ),
        Misconception(
            "right_ones",
            "These are the places that are right.",
            lambda seen: all(
                sorted([*outcome.case.expected, *outcome.ran.value])
                == list(range(outcome.case.args[2].size))
                for outcome in seen.outcomes
                if outcome.label != "entries that are no numbers"
            ),
        ),
        Misconception(
            "first_only",
            "It stops at the first wrong entry. There may be more.",
            _first_only,
        ),
        Misconception(
            "one_sided",
            "It calls entries wrong that are right: a difference to one side only is off by half the "
            "step times the curvature. Step to both sides: (f(x + h) - f(x - h)) / 2h.",
            _checked(1e-2, 1e-3, 1e-6, both_sides=False),
        ),
        Misconception(
            "tiny_step",
            "With so small a step the two values of f differ only in their last digits, and the "
            "difference is mostly rounding. About 1e-5 is right for float64, as in chapter 03.",
            _checked(1e-12, 1e-3, 1e-6),
        ),
        Misconception(
            "whole_shift",
            "All entries are moved at once: that measures the sum of the whole gradient. Move one "
            "entry at a time, and start from x again for the next.",
            in_check("gradients that are right", _false_alarm),
        ),
        Misconception(
            "absolute",
            "A fixed bound does not fit every size: for a gradient of 0.003 an error of 5 percent is "
            "far below it. Let the bound grow and shrink with the difference.",
            in_check("very large and very small gradients", _missed),
        ),
        Misconception(
            "too_strict",
            "It calls entries wrong that are right, because differences have rounding errors of their "
            "own, and larger ones where f is large.",
            in_check("very large and very small gradients", _false_alarm),
        ),
        Misconception(
            "nan_passes",
            "Every comparison with NaN is False, also `abs(nan - d) > bound`: so a gradient that is no "
            "number counts as right. Ask whether it is within the bound, and take `not` of that.",
            in_check("entries that are no numbers"),
        ),
        Misconception(
            "sign_lost",
            "It passes an entry that is wrong. Compare the difference with the claimed entry as they "
            "are, with their signs, and not their sizes.",
            in_check("gradients with wrong entries", _missed),
        ),
    ),
    hints=(
        "Take `f(x) = x[0] ** 2 + x[1]` at (3, 1) and the claim (6, 2). Which entry is wrong, and which "
        "two values of f show it?",
        "For each place: two copies of x, one moved up and one moved down at that place alone. The "
        "difference of the two f, divided by the distance, is what the entry should be.",
        "Loop over the places. Copy x, add a step of 1e-5 at the place, and the same with minus. "
        "Compute the slope; if the claimed entry is not within the bound, note the place. Mind NaN.",
    ),
)


def _assigned(y: Any) -> Any:
    box = tf.Variable(0.0)
    box.assign(y)
    return box * 1.0


STEPS = {
    "double": lambda y, x: y * 2.0,
    "add one": lambda y, x: y + 1.0,
    "times zero": lambda y, x: y * 0.0,
    "float64 and back": lambda y, x: tf.cast(tf.cast(y, tf.float64), tf.float32),
    "int32 and back": lambda y, x: tf.cast(tf.cast(y, tf.int32), tf.float32),
    "numpy": lambda y, x: tf.constant(y.numpy()),
    "python": lambda y, x: tf.constant(float(y)),
    "stop": lambda y, x: tf.stop_gradient(y),
    "floor": lambda y, x: tf.floor(y),
    "assign": lambda y, x: _assigned(y),
    "add x": lambda y, x: y + x,
}
"""What each step does with y, and with the x that it all began with."""
OPEN, CUTS = ("double", "add one", "float64 and back"), (
    "int32 and back", "numpy", "python", "stop", "floor", "assign",
)  # fmt: skip
STARTS = ("variable", "watched", "constant", "frozen")


def gradient_of(start: str, steps: list[str]) -> float | None:
    """What the engine's tape says for the steps, from x = 3."""
    x: Any = tf.constant(3.0)
    if start in ("variable", "frozen"):
        x = tf.Variable(3.0, trainable=start == "variable")
    with tf.GradientTape() as tape:
        if start == "watched":
            tape.watch(x)
        y: Any = x
        for step in steps:
            y = STEPS[step](y, x)
    found = tape.gradient(y, x)
    return None if found is None else float(found)


def starts(draw: Draw) -> Iterator[Args]:
    yield from ((start, ["double"]) for start in STARTS)


def ways_that_are_open(draw: Draw) -> Iterator[Args]:
    yield from (("variable", ["add one"]), ("watched", ["float64 and back"]))
    yield "variable", ["double", "double", "add one"]
    yield "watched", [*["double"] * 5, *["add one"] * 50, "double"]
    for _ in draw.rounds(3):
        count = draw.random.randint(2, 5)
        yield draw.random.choice(STARTS[:2]), [draw.random.choice(OPEN) for _ in range(count)]


def ways_that_are_cut(draw: Draw) -> Iterator[Args]:
    yield from (("variable", [cut, "double"]) for cut in CUTS)
    for _ in draw.rounds(4):
        steps = [draw.random.choice(OPEN) for _ in range(draw.random.randint(1, 3))]
        steps.insert(draw.random.randint(0, len(steps)), draw.random.choice(CUTS))
        yield draw.random.choice(STARTS), steps


def flat_ways(draw: Draw) -> Iterator[Args]:
    yield from (("variable", ["times zero"]), ("watched", ["double", "times zero", "add one"]))
    yield from (("variable", ["times zero", "stop"]), ("constant", ["times zero"]))
    yield "variable", ["double", "numpy", "times zero"]


def second_ways(draw: Draw) -> Iterator[Args]:
    yield from (("variable", ["add x"]), ("variable", ["double", "add x", "double"]))
    yield from (("variable", ["numpy", "add x"]), ("watched", ["stop", "add x", "double"]))
    yield from (("constant", ["double", "add x"]), ("watched", ["times zero", "add x"]))
    yield "variable", ["add x", "floor"]
    for _ in draw.rounds(3):
        steps = [draw.random.choice((*OPEN, *CUTS)) for _ in range(3)]
        steps.insert(draw.random.randint(1, 3), "add x")
        yield draw.random.choice(STARTS[:2]), steps


def _followed(starting: tuple[str, ...] = STARTS[:2], open_too: tuple[str, ...] = (),
              cut_too: tuple[str, ...] = (), way_back: bool = True, none: Any = None,
              zero: Any = 0.0) -> Any:  # fmt: skip
    """A wrong model: everything is as it is, but for what is given here."""

    def model(start: str, steps: list[str]) -> Any:
        slope: float | None = 1.0 if start in starting else None
        for step in steps:
            if step == "add x" and start in starting and (way_back or slope is not None):
                slope = (slope or 0.0) + 1.0
            else:
                cut = step in cut_too or (step in CUTS and step not in open_too)
                factor = {"double": 2.0, "times zero": 0.0}.get(step, 1.0)
                slope = None if cut or slope is None else slope * factor
        return none if slope is None else zero if slope == 0.0 else slope

    return predicts(model)


def code_of(start: str, steps: list[str]) -> str:
    """The case as the learner would type it."""
    return f"predicted_gradient({start!r}, {steps!r})"


NONE = Task(
    id="04.tape.predicted_gradient",
    name="predicted_gradient",
    points=3,
    asks="`predicted_gradient(start, steps)`: the gradient of y by x, as a number or None. x is 3.0, and "
    "a variable, a watched tensor, a constant or a frozen variable, as `start` says; y begins as x and "
    "goes through the steps of the table. Predict: the check really runs them.",
    oracle=gradient_of,
    shows=code_of,
    valid=lambda start, steps: start in STARTS and all(step in STEPS for step in steps),
    checks=(
        Check("what the tape watches", starts),
        Check("ways that stay open", ways_that_are_open),
        Check("ways that are cut", ways_that_are_cut),
        Check("ways that are flat", flat_ways),
        Check("a second way", second_ways, points=1),
    ),
    misconceptions=(
        Misconception(
            "all_watched",
            "The tape watches trainable variables by itself, and nothing else. A constant, and a "
            "variable with trainable=False, have to be watched.",
            _followed(starting=STARTS),
        ),
        Misconception(
            "frozen_watched",
            "A variable with trainable=False is not watched by itself: that is what it is for.",
            _followed(starting=("variable", "watched", "frozen")),
        ),
        Misconception(
            "never_watched",
            "tape.watch does work for constants: what is computed from them is written down.",
            _followed(starting=("variable",)),
        ),
        Misconception(
            "zero_for_none",
            "0.0 says: there is a way, and it is flat. Where there is no way the answer is None.",
            _followed(none=0.0),
        ),
        Misconception(
            "none_for_zero",
            "Times zero is an ordinary operation with the slope 0: the way is there, and the gradient "
            "is 0.0, not None.",
            _followed(zero=None),
        ),
        Misconception(
            "every_cast_cuts",
            "A cast between floats has the slope 1. Only numbers that cannot be moved a little, such as "
            "whole ones, have no gradients.",
            _followed(cut_too=("float64 and back",)),
        ),
        Misconception(
            "numpy_open",
            "What `.numpy()` or `float` gives was computed outside: the tape saw neither, and the tensor "
            "made from it is a new constant.",
            _followed(open_too=("numpy", "python")),
        ),
        Misconception(
            "assign_open",
            "A variable is a box: assigning puts numbers into it, and not their history.",
            _followed(open_too=("assign",)),
        ),
        Misconception(
            "steps_open",
            "The graph of floor is flat between its steps, and jumps at them: there is no slope to hand "
            "back. The same goes for whole numbers.",
            _followed(open_too=("floor", "int32 and back")),
        ),
        Misconception(
            "stop_open",
            "stop_gradient hands the value on and the gradient not: that is all it does.",
            _followed(open_too=("stop",)),
        ),
        Misconception(
            "one_way",
            "`add x` opens a way of its own, from x directly. One cut way does not close another: only "
            "when *all* are cut is the gradient None.",
            _followed(way_back=False),
        ),
        Misconception(
            "second_way",
            "Two ways lead back to x, and what they hand back is added.",
            in_check("a second way"),
        ),
    ),
    hints=(
        "Run one of the failing cases in a cell of your own, with a persistent tape, and print "
        "`tape.why_none(y, x)`.",
        "Follow the slope of y by x from step to step: it starts at 1, or at None. Some steps multiply "
        "it, some keep it, some make it None, and one adds to it.",
        "Begin with 1.0, or None when x is not watched. A step that cuts makes it None; double and "
        "times zero multiply it unless it is None; add x counts None as 0.0 and adds 1.0, if x is "
        "watched.",
    ),
)

TASKS = (CHECK, NONE)
