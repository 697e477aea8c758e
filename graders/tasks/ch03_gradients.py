"""Chapter 03, continued: the gradient of a function of an array, and a walk downhill. The truth is algebra:
derivatives on paper, and a closed form for the descent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graders.compare import a, differs
from graders.diagnose import in_check, predicts, raised, returned
from graders.show import as_array, show
from graders.tasks.base import Check, Code, Complaint, Draw, Misconception, Task, define
from graders.tasks.ch03_slopes import POLYNOMIALS, drawn

Args = tuple[Any, ...]

# Runs beside the learner's function: only there can it be seen whether the array x itself was changed.
GRADIENT_DRIVER = '''
def drive(gradient, f, x, h):
    """What the learner's gradient returns, and whether x is still the same."""
    before = x.copy()
    found = gradient(f, x, h)
    return found, bool((x == before).all())
'''
GRADIENTS: dict[str, Callable[[Any, float], Any]] = {
    "lambda x: float((x * x).sum())": lambda x, h: 2 * x,
    "lambda x: float(3 * x.sum())": lambda x, h: 0 * x + 3,
    "lambda x: float(x.sum() ** 2)": lambda x, h: 0 * x + 2 * x.sum(),
    "lambda x: float((x**3).sum())": lambda x, h: 3 * x**2 + h**2,
    "lambda x: float((x * x).sum() * x.sum())": lambda x, h: (x * x).sum() + 2 * x * x.sum() + h**2,
}
"""Functions of an array, and what central differences with step h make of them, worked out on paper."""
SQUARES, PLANE, SUM, CUBES, MIXED = map(Code, GRADIENTS)


def paper_gradient(f: Code, x: Any, h: float) -> Any:
    return np.asarray(GRADIENTS[f.source](x, h), np.float64)


def counted(gradient: Any, f: Code, x: Any, h: float) -> Any:
    """The gradient, of a function that counts its calls and looks at what it is called with."""
    function, calls = f.build(), []

    def watched(array: Any) -> float:
        found = as_array(array)
        if found is None or found.shape != x.shape:
            what = a(array) if found is None else f"an array of shape {found.shape}"
            raise Complaint(f"f was called with {what}; it takes arrays of shape {x.shape}")
        calls.append(1)
        return float(function(found))

    drive = define(GRADIENT_DRIVER, "drive", near=gradient)
    found, same = drive(gradient, watched, x, h)
    if not same:
        raise Complaint("x has been changed, and is not what it was before the call")
    if len(calls) > 2 * x.size + 1:
        raise Complaint(f"f was called {len(calls)} times, for {x.size} numbers")
    return found


def point(draw: Draw, shape: tuple[int, ...]) -> Any:
    """An array of float64, quarters, so that a learner can follow."""
    return np.asarray(draw.arrays.integers(-8, 9, size=shape) / 4, dtype=np.float64)


def vectors(draw: Draw) -> Iterator[Args]:
    yield SQUARES, np.array([1.0, 2.0]), 0.5
    yield PLANE, np.array([1.0, 2.0]), 0.25
    yield SQUARES, np.array([3.0]), 0.5
    for f in (SUM, CUBES, MIXED):
        for _ in draw.rounds(1):
            yield f, point(draw, draw.shape(1)), draw.random.choice([0.25, 0.5])
    yield CUBES, point(draw, (120,)), 0.25


def tables(draw: Draw) -> Iterator[Args]:
    yield SQUARES, np.array([[1.0, 2.0], [3.0, 4.0]]), 0.5
    for f in (SQUARES, MIXED, CUBES):
        for _ in draw.rounds(1):
            yield f, point(draw, draw.shape(draw.random.randint(2, 3))), 0.25
    yield CUBES, np.asfortranarray(point(draw, (2, 3))), 0.5


def one_or_none(draw: Draw) -> Iterator[Args]:
    yield SQUARES, np.array(3.0), 0.5
    yield SQUARES, np.zeros((0,)), 0.5
    for f in (CUBES, MIXED):
        yield f, point(draw, ()), 0.25
    yield SQUARES, np.zeros((2, 0)), 0.25


def uneven(draw: Draw) -> Iterator[Args]:
    """Numbers and steps that are not round: adding a step and taking it away again leaves a trace."""
    for _ in draw.rounds(3):
        x = draw.arrays.uniform(-2, 2, size=(draw.random.randint(2, 3), 12))
        yield SQUARES, x, draw.random.choice([0.1, 0.3])


def _central(f: Any, x: Any, h: float, way: Any) -> float:
    return (f(x + h * way) - f(x - h * way)) / (2 * h)


def _ways(x: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Every place of x, with the array that is 1 there and 0 elsewhere."""
    for place, _ in np.ndenumerate(x):
        way = np.zeros(x.shape)
        way[place] = 1.0
        yield place, way


def _gradient(estimate: Callable[..., float]) -> Any:
    """A wrong model: `estimate(f, x, h, way)` in place of a central difference."""

    def model(f: Code, x: Any, h: float) -> Any:
        slopes, function = np.zeros(x.shape), f.build()
        for place, way in _ways(x):
            slopes[place] = estimate(function, x, h, way)
        return slopes

    return predicts(model)


def _moved_on(f: Code, x: Any, h: float) -> Any:
    """A wrong model: no knob is turned back."""
    slopes, now, function = np.zeros(x.shape), x.copy(), f.build()
    for place, _ in np.ndenumerate(x):
        now[place] += h
        above = function(now)
        now[place] -= 2 * h
        slopes[place] = (above - function(now)) / (2 * h)
    return slopes


def _complains(words: str) -> Any:
    return lambda seen: words in str(seen.first.ran.error)


NUMERIC = Task(
    id="03.derivatives.numeric_gradient",
    name="numeric_gradient",
    points=4,
    asks="`numeric_gradient(f, x, h)`: the central difference of `f` along every number of the float64 array "
    "`x`, in an array of the same shape. `f` takes an array of that shape and returns a number. "
    "`x` is not changed.",
    oracle=paper_gradient,
    use=counted,
    shows=lambda f, x, h: f"f = {f}\nnumeric_gradient(f, x, {h}), where\nx = {show(x)}",
    checks=(
        Check("vectors", vectors),
        Check("arrays of any rank", tables),
        Check("a single number, and none", one_or_none, points=1),
        Check("x stays what it is", uneven, points=1),
    ),
    misconceptions=(
        Misconception(
            "all_at_once",
            "All numbers are moved together: that is the slope in one direction, and the same for "
            "each of them. Move one, and leave the others where they are.",
            _gradient(lambda f, x, h, way: _central(f, x, h, np.ones(x.shape))),
        ),
        Misconception(
            "forward",
            "These are forward differences. A central one begins at x - h.",
            _gradient(lambda f, x, h, way: (f(x + h * way) - f(x)) / h),
        ),
        Misconception(
            "twice",
            "Every slope is twice as large as it should be: from x - h to x + h it is 2h.",
            _gradient(lambda f, x, h, way: 2 * _central(f, x, h, way)),
        ),
        Misconception(
            "not_turned_back",
            "A number that has been moved is not moved back, so the next slope is measured at "
            "another place.",
            predicts(_moved_on),
        ),
        Misconception(
            "flat",
            "f is called with a flat array, but it was written for arrays of the shape of x. Keep "
            "the shape: `np.ndindex(x.shape)` goes through the indices of any array.",
            lambda seen: (
                "f was called with" in str(seen.first.ran.error) and seen.first.label != "vectors"
            ),
        ),
        Misconception(
            "f_of_a_number",
            "f takes the whole array, and not one number of it: the loss depends on all knobs.",
            _complains("f was called with"),
        ),
        Misconception(
            "other_shape",
            "The numbers may be right, but the gradient has another shape than x. Every knob has a "
            "slope, at its own place.",
            returned(lambda got, f, x, h: np.shape(got) != x.shape),
        ),
        Misconception(
            "whole_numbers",
            "The slopes are cut off: what they are written into holds other numbers than float64.",
            returned(lambda got, f, x, h: as_array(got).dtype != np.float64),  # type: ignore[union-attr]
        ),
        Misconception(
            "x_changed",
            "x is changed. Even when every step is taken back, (x + h) - h need not be x again, "
            "to the last digit. Work on a copy.",
            _complains("x has been changed"),
        ),
        Misconception(
            "too_many_calls",
            "It calls f more often than twice for each number. With a large model each call is "
            "expensive.",
            _complains("f was called"),
        ),
        Misconception(
            "needs_an_axis",
            "A single number, of shape (), has no axis to walk along: `np.ndindex(x.shape)` goes "
            "through the one index that it has, the empty one.",
            in_check("a single number, and none"),
        ),
    ),
    hints=(
        "For x = [1, 2] and h = 0.5, write down the four arrays that f has to be called with.",
        "One knob at a time: the slope along a number of x is a central difference in which that "
        "number moves, and all the others stay.",
        "Make an array of the shape of x. For every index: copy x twice, add h at that index in "
        "one copy, take it away in the other, call f with both, and put their difference over 2h "
        "at that index.",
    ),
)


def bowls(draw: Draw, steps: int) -> Iterator[Args]:
    yield drawn(0, 0, 1), 3.0, 0.25, steps, 0.5
    yield drawn(4, -4, 1), 0.0, 0.125, steps, 0.25
    for _ in draw.rounds(3):
        low, steep = draw.random.randint(-3, 3), draw.random.choice([0.5, 1, 2])
        bowl = drawn(steep * low * low + 1, -2 * steep * low, steep)
        rate = draw.random.choice([0.0625, 0.125, 0.3125])
        yield (
            bowl,
            low + draw.random.choice([-1.5, 2.0]),
            rate,
            steps,
            draw.random.choice([0.5, 1.0]),
        )


def closed_form(f: Code, w: float, rate: float, steps: int, h: float) -> list[float]:
    """On a parabola every step shrinks the distance to the bottom by the same factor."""
    _, slope, steep = POLYNOMIALS[f.source]
    low = -slope / (2 * steep)
    return [low + (w - low) * (1 - 2 * steep * rate) ** n for n in range(steps + 1)]


def _walk(move: Callable[..., float]) -> Any:
    """A wrong model: `move(f, w, rate, h)` is where a step leads."""

    def model(f: Code, w: float, rate: float, steps: int, h: float) -> list[float]:
        function, path = f.build(), [w]
        while len(path) <= steps:
            path.append(move(function, path[-1], rate, h))
        return path

    return predicts(model)


def _first_slope_only(f: Code, w: float, rate: float, steps: int, h: float) -> list[float]:
    """A wrong model: the slope is measured once."""
    step = rate * _central(f.build(), w, h, 1.0)
    return [w - n * step for n in range(steps + 1)]


def _part_of(path: Any, f: Code, w: float, rate: float, steps: int, h: float) -> bool:
    """The positions are right, but the first or the last of them is missing, or one is too many."""
    right, more = closed_form(f, w, rate, steps, h), closed_form(f, w, rate, steps + 1, h)
    return any(differs(part, path) is None for part in (right[1:], right[:-1], right[-1:], more))


DESCEND = Task(
    id="03.derivatives.descend",
    name="descend",
    points=3,
    asks="`descend(f, w, rate, steps, h)`: walks downhill on `f` from `w`. In each step w moves by the rate "
    "times the slope, measured by a central difference with step h. Returns the list of all positions, "
    "the start among them.",
    oracle=closed_form,
    use=lambda descend, f, w, rate, steps, h: descend(f.build(), w, rate, steps, h),
    shows=lambda f, w, rate, steps, h: f"descend({f}, {w}, {rate}, {steps}, {h})",
    checks=(
        Check("no step", lambda draw: bowls(draw, 0)),
        Check("one step", lambda draw: bowls(draw, 1)),
        Check("several steps", lambda draw: bowls(draw, 6)),
        Check("many steps", lambda draw: bowls(draw, 100)),
    ),
    misconceptions=(
        Misconception(
            "uphill",
            "It walks uphill. The slope points to where f grows: subtract.",
            _walk(lambda f, w, rate, h: w + rate * _central(f, w, h, 1.0)),
        ),
        Misconception(
            "no_rate",
            "The rate is not used: the step is the whole slope.",
            _walk(lambda f, w, rate, h: w - _central(f, w, h, 1.0)),
        ),
        Misconception(
            "forward",
            "The slope is a forward difference, which is off by about h: the walk ends beside the "
            "lowest point, and not at it.",
            _walk(lambda f, w, rate, h: w - rate * (f(w + h) - f(w)) / h),
        ),
        Misconception(
            "value_for_slope",
            "It moves by the value of f. How high the place is does not say where down is: the "
            "slope does.",
            _walk(lambda f, w, rate, h: w - rate * f(w)),
        ),
        Misconception(
            "twice",
            "Every step is twice as long as it should be: from w - h to w + h it is 2h.",
            _walk(lambda f, w, rate, h: w - 2 * rate * _central(f, w, h, 1.0)),
        ),
        Misconception(
            "first_slope_only",
            "The slope is measured once, at the start. It changes with every step: measure it "
            "where w is now.",
            predicts(_first_slope_only),
        ),
        Misconception(
            "part_of_the_path",
            "The positions are right as far as they go, but it is not the list that is asked for: "
            "the start, and one position after each step.",
            returned(_part_of),
        ),
        Misconception(
            "one_position",
            "Only where the walk ends is returned. All positions are asked for, in a list.",
            returned(lambda got, *args: not isinstance(got, list)),
        ),
        Misconception(
            "not_a_walk",
            "It stops with an exception. How many positions are there when there is no step?",
            raised(Exception),
        ),
    ),
    hints=(
        "Follow f(w) = w² on paper: w = 3, rate 0.25. What is the slope, and where is w after one "
        "step?",
        "The same three lines in every step: measure the slope where w is now, move against it, "
        "write down where w is.",
        "A list with w in it. Then, `steps` times: the central difference at w; w minus the rate "
        "times that; append the new w. Return the list.",
    ),
)

TASKS = (NUMERIC, DESCEND)
