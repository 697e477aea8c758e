"""Chapter 00: what a line predicts and how wrong it is, in plain Python. The truth is a Dense layer of the
engine, and its loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import engine as tf
from graders.diagnose import in_check, predicts, raised, returned
from graders.tasks.base import Check, Draw, Misconception, Task

Args = tuple[Any, ...]
SIX = [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0]
LABELS = [-3.0, -1.0, 1.0, 3.0, 5.0, 7.0]

CHANGED = Misconception(
    "changed",
    "It changes a list that it was given. Whoever called it still needs that list as it was: read it "
    "only, and put what is new into a list of your own.",
    lambda seen: seen.first.ran.mutated,
)


def dense(w: float, b: float, xs: list[float]) -> Any:
    """What a Dense layer with these weights answers, as a column. It draws none at random: the learner's
    own random numbers are to be the same after a check."""
    layer = tf.keras.layers.Dense(units=1, kernel_initializer="zeros", dtype="float64")
    layer.build((None, 1))
    layer.set_weights([np.array([[w]], np.float64), np.array([b], np.float64)])
    return layer(tf.constant(xs, shape=(len(xs), 1), dtype=tf.float64))


def line_truth(w: float, b: float, xs: list[float]) -> list[float]:
    return [float(value) for value in dense(w, b, xs).numpy()[:, 0]]


def tenths(draw: Draw, largest: int = 30) -> float:
    return draw.random.randint(-largest, largest) / 10


def knobs(draw: Draw) -> tuple[float, float]:
    return tenths(draw) or 0.5, tenths(draw) or 0.5


def some(draw: Draw, count: int) -> list[float]:
    return [tenths(draw, 60) for _ in range(count)]


def one_x(draw: Draw) -> Iterator[Args]:
    yield 2.0, -1.0, [10.0]
    yield 3, 2, [4]
    for _ in draw.rounds(2):
        yield *knobs(draw), some(draw, 1)


def several_xs(draw: Draw) -> Iterator[Args]:
    yield 2.0, -1.0, SIX[:]
    yield 3, -2, [1, 2, 5]
    for _ in draw.rounds(4):
        yield *knobs(draw), some(draw, draw.random.randint(2, 6))
    yield *knobs(draw), some(draw, 200)


def _line(change: Callable[..., Any]) -> Any:
    """A wrong model: what becomes of w, b and the predictions."""
    return predicts(lambda w, b, xs: change(w, b, np.asarray(xs, float)).tolist())


PREDICT = Task(
    id="00.win.predict_line",
    name="predict_line",
    points=2,
    asks="`predict_line(w, b, xs)`: what the line w·x + b predicts for each number of the list `xs`, as a "
    "new list in the same order.",
    oracle=line_truth,
    reads_only=True,
    checks=(
        Check("one x", one_x),
        Check("several", several_xs),
        Check("none at all", lambda draw: [(2.0, -1.0, [])]),
    ),
    misconceptions=(
        CHANGED,
        Misconception(
            "no_offset",
            "b is left out: it is added to each prediction.",
            _line(lambda w, b, xs: w * xs),
        ),
        Misconception(
            "swapped",
            "The knobs have changed places: x is multiplied with w, and b is added.",
            _line(lambda w, b, xs: b * xs + w),
        ),
        Misconception(
            "added_first",
            "b is added to x before the multiplication, so it counts w times. Python multiplies first "
            "where no parentheses say otherwise.",
            _line(lambda w, b, xs: w * (xs + b)),
        ),
        Misconception(
            "first_missing",
            "The first prediction is missing: Python counts from 0.",
            _line(lambda w, b, xs: (w * xs + b)[1:]),
        ),
        Misconception(
            "last_missing",
            "The last prediction is missing: `range(n)` already ends before n.",
            _line(lambda w, b, xs: (w * xs + b)[:-1]),
        ),
        Misconception(
            "backwards",
            "The predictions come in another order than the xs.",
            _line(lambda w, b, xs: (w * xs + b)[::-1]),
        ),
        Misconception(
            "list_times",
            "Python's lists do not calculate: `w * xs` is an error, or the list several times in a row. "
            "Take one x after the other.",
            raised(TypeError),
        ),
        Misconception(
            "one_number",
            "It returns one number. Is `return` inside the loop, so that it ends with the first x?",
            returned(lambda got, w, b, xs: isinstance(got, (int, float))),
        ),
        Misconception(
            "not_a_list",
            "The predictions may be right, but what holds them is no list. `list(...)` makes one, and a "
            "NumPy array has `.tolist()`.",
            returned(lambda got, w, b, xs: not isinstance(got, list) and len(list(got)) == len(xs)),
        ),
    ),
    hints=(
        "On paper: what does the line with w = 2 and b = -1 say for 3? And for 10?",
        "It is the same short calculation for each x. What changes from one to the next, and where do the "
        "results go?",
        "Begin with an empty list. In a loop over the xs: multiply with one knob, add the other, and append. "
        "Return the list after the loop.",
    ),
)  # fmt: skip


def mistakes(w: float, b: float, xs: list[float], ys: list[float]) -> np.ndarray:
    return np.polyval([w, b], np.asarray(xs, float)) - np.asarray(ys, float)


def loss_truth(w: float, b: float, xs: list[float], ys: list[float]) -> float:
    labels = tf.constant(ys, shape=(len(ys), 1), dtype=tf.float64)
    return float(tf.keras.losses.MeanSquaredError(dtype="float64")(labels, dense(w, b, xs)))


def one_point(draw: Draw) -> Iterator[Args]:
    yield 2.0, 0.0, [3.0], [4.0]
    yield 2, 0, [3], [4]
    for _ in draw.rounds(2):
        yield *knobs(draw), some(draw, 1), some(draw, 1)


def several_points(draw: Draw) -> Iterator[Args]:
    yield 2.0, 0.0, [1.0, 2.0], [1.0, 5.0]
    yield 2.0, -1.0, SIX[:], LABELS[:]
    yield 1, 0, [1, 2, 3], [1, 2, 5]
    for _ in draw.rounds(4):
        count = draw.random.randint(2, 6)
        yield *knobs(draw), some(draw, count), some(draw, count)
    yield *knobs(draw), some(draw, 200), some(draw, 200)


def belongs_together(w: float, b: float, xs: list[float], ys: list[float]) -> bool:
    return len(xs) == len(ys) > 0


def _loss(change: Callable[[np.ndarray], Any]) -> Any:
    """A wrong model: what becomes of the mistakes."""

    def model(w: float, b: float, xs: list[float], ys: list[float]) -> float:
        return float(change(mistakes(w, b, xs, ys)))

    return predicts(model)


def _signed(got: Any, w: float, b: float, xs: list[float], ys: list[float]) -> bool:
    mean = abs(float(mistakes(w, b, xs, ys).mean()))
    return math.isclose(abs(float(got)), mean, rel_tol=1e-5, abs_tol=1e-5)


def _rounded_down(got: Any, *args: Any) -> bool:
    """A whole number, less than 1 below the truth. Just where rounding cut it off, nobody can tell."""
    return float(got).is_integer() and -1e-6 < loss_truth(*args) - float(got) < 1 + 1e-6


LOSS = Task(
    id="00.win.how_wrong",
    name="how_wrong",
    points=2,
    asks="`how_wrong(w, b, xs, ys)`: the mean of the squared mistakes that the line w·x + b makes, as one "
    "number. It should predict `ys[0]` for `xs[0]`, and so on; there is at least one point.",
    oracle=loss_truth,
    reads_only=True,
    valid=belongs_together,
    checks=(Check("one point", one_point), Check("several points", several_points)),
    misconceptions=(
        CHANGED,
        Misconception(
            "sum",
            "That is the sum of the squares. Divide by how many points there are: otherwise twice the points "
            "look twice as wrong.",
            _loss(lambda e: np.square(e).sum()),
        ),
        Misconception(
            "not_squared",
            "Without squares, mistakes above and below cancel out: a bad line can look perfect.",
            returned(_signed),
        ),
        Misconception(
            "absolute",
            "The mistakes are taken without their sign, and not squared: one that is twice as large has to "
            "count four times.",
            _loss(lambda e: np.abs(e).mean()),
        ),
        Misconception(
            "square_of_mean",
            "It squares what is left after adding up. First each mistake is squared, then comes the mean.",
            _loss(lambda e: e.mean() ** 2),
        ),
        Misconception(
            "root",
            "The root is one step too many: the loss is the mean of the squares itself.",
            _loss(lambda e: np.sqrt(np.square(e).mean())),
        ),
        Misconception(
            "half",
            "It is half of the mean of the squares.",
            _loss(lambda e: np.square(e).mean() / 2),
        ),
        Misconception(
            "no_offset",
            "b is missing from the predictions.",
            predicts(lambda w, b, xs, ys: loss_truth(w, 0.0, xs, ys)),
        ),
        Misconception(
            "whole_division",
            "`//` drops what is behind the point. A loss is divided with `/`.",
            returned(_rounded_down),
        ),
        Misconception(
            "last_only",
            "Only the last point counts: is the total set anew in each turn of the loop, and not added to?",
            _loss(lambda e: e[-1] ** 2 / len(e)),
        ),
        Misconception(
            "first_only",
            "Only the first point counts: is `return` inside the loop?",
            in_check("several points", returned(
                lambda got, w, b, xs, ys: math.isclose(
                    float(got) * len(xs), mistakes(w, b, xs, ys)[0] ** 2, abs_tol=1e-5)
                or math.isclose(float(got), mistakes(w, b, xs, ys)[0] ** 2, abs_tol=1e-5))),
        ),
        Misconception(
            "one_less",
            "It divides by one less than there are points.",
            raised(ZeroDivisionError),
        ),
        Misconception(
            "per_point",
            "There is one entry for each point. To decide, a single number is needed: their mean.",
            returned(lambda got, w, b, xs, ys: isinstance(got, (list, tuple))),
        ),
    ),
    hints=(
        "On paper: the line with w = 2 and b = 0, and the points (1, 1) and (2, 5).",
        "Four steps: predict, subtract, square, mean. The first three are done for each point.",
        "Keep a running total that starts at 0. `zip(xs, ys)` gives the points one after the other: add the "
        "square of prediction minus y. After the loop, divide by the number of points.",
    ),
)  # fmt: skip

TASKS = (PREDICT, LOSS)
