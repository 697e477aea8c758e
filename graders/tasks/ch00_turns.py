"""Chapter 00, continued: the turn of a knob, and when it was enough. The truth is exact fractions, NumPy, or
how a list was built."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

import engine as tf
from graders.diagnose import in_check, predicts, returned
from graders.tasks.base import Case, Check, Draw, Misconception, Task
from graders.tasks.ch00_win import CHANGED, LABELS, SIX, belongs_together, loss_truth, mistakes

Args = tuple[Any, ...]


def exact(w: float, b: float, xs: list[float], ys: list[float]) -> Fraction:
    """The sum of the squares without any rounding: for the same points it orders as the mean does."""
    pairs = zip(map(Fraction, xs), map(Fraction, ys), strict=True)
    return sum(((Fraction(w) * x + Fraction(b) - y) ** 2 for x, y in pairs), Fraction(0))


def turn_truth(w: float, b: float, xs: list[float], ys: list[float], step: float) -> float:
    here, up, down = (exact(knob, b, xs, ys) for knob in (w, w + step, w - step))
    return w + step if up < here else w - step if down < here else w


def is_tie(w: float, b: float, xs: list[float], ys: list[float], step: float) -> bool:
    """Does a move leave the loss exactly as it was, with none that makes it smaller?"""
    here, up, down = (exact(knob, b, xs, ys) for knob in (w, w + step, w - step))
    return here == min(up, down)


def in_quarters(w: float, b: float, xs: list[float], ys: list[float], step: float) -> bool:
    """Points that belong together, in quarters: floats then square and add them without rounding."""
    numbers = (w, b, step, *xs, *ys)
    return belongs_together(w, b, xs, ys) and step > 0 and all(n * 4 == int(n * 4) for n in numbers)


def turns(way: int, draw: Draw, count: int = 6) -> Iterator[Args]:
    """Turns of which the right one is up (1), down (-1), or none (0); without a tie."""
    found = 0
    while found < len(draw.rounds(count)):
        points = draw.random.randint(1, 5)
        xs = [float(draw.random.randint(-4, 4)) for _ in range(points)]
        ys = [float(draw.random.randint(-9, 9)) for _ in range(points)]
        w, b = draw.random.randint(-8, 8) / 4, draw.random.randint(-8, 8) / 4
        args = w, b, xs, ys, draw.random.choice([0.25, 0.5, 1.0, 2.0])
        if turn_truth(*args) == w + way * args[-1] and not is_tie(*args):
            found += 1
            yield args


def up(draw: Draw) -> Iterator[Args]:
    yield 2.0, 0.0, [1.0], [5.0], 1.0
    yield 0.0, 0.0, SIX[:], LABELS[:], 0.5
    yield 1.0, 0.0, [1.0, 1.0, 1.0], [0.0, 0.0, 9.0], 1.0
    yield from turns(1, draw)
    many = [float(draw.random.randint(-4, 4)) for _ in range(200)]
    yield 0.5, -1.0, many, [2 * x - 1 for x in many], 0.25


def down(draw: Draw) -> Iterator[Args]:
    yield 3.0, 0.0, [1.0], [1.0], 1.0
    yield 3.0, -1.0, SIX[:], LABELS[:], 0.5
    yield from turns(-1, draw)


def stay(draw: Draw) -> Iterator[Args]:
    yield 2.0, -1.0, [3.0], [5.0], 0.5
    yield 2.0, -1.0, SIX[:], LABELS[:], 0.25
    yield from turns(0, draw)


def ties(draw: Draw) -> Iterator[Args]:
    """Every x is 0, so that w does not matter; or the best w lies halfway to where a step leads."""
    yield 1.0, 0.5, [0.0], [2.0], 1.0
    for sign in (1, -1):
        yield 2.0, 0.0, [float(sign)], [sign * 2.5], 1.0
    for _ in draw.rounds(2):
        xs = [float(draw.random.randint(1, 4)) for _ in range(draw.random.randint(1, 4))]
        w, b = draw.random.randint(-8, 8) / 4, draw.random.randint(-8, 8) / 4
        half = draw.random.choice([-1.0, -0.5, -0.25, 0.25, 0.5, 1.0])
        yield w, b, xs, [(w + half) * x + b for x in xs], 2 * abs(half)


def _turn(measure: Callable[..., Any], least: Callable[..., Any] = min) -> Any:
    """A wrong model: another measure decides."""

    def model(w: float, b: float, xs: list[float], ys: list[float], step: float) -> float:
        return least((w, w + step, w - step), key=lambda knob: measure(knob, b, xs, ys))

    return predicts(model)


def _moves(choose: Callable[..., Any]) -> Any:
    """A wrong model: what is made of the three positions and of their losses."""

    def model(w: float, b: float, xs: list[float], ys: list[float], step: float) -> Any:
        at = (w, w + step, w - step)
        return choose(at, tuple(exact(knob, b, xs, ys) for knob in at))

    return predicts(model)


def _other_knob(w: float, b: float, xs: list[float], ys: list[float], step: float) -> float:
    """A wrong model: b is the knob that is tried."""
    return min((b, b + step, b - step), key=lambda knob: exact(w, knob, xs, ys))


TURN = Task(
    id="00.win.turn_knob",
    name="turn_knob",
    points=3,
    asks="`turn_knob(w, b, xs, ys, step)`: of the three positions w, w + step and w - step the one at which "
    "the line is least wrong (the mean of the squared mistakes). w moves only if that makes the loss "
    "smaller: on a tie it stays.",
    oracle=turn_truth,
    reads_only=True,
    valid=in_quarters,
    checks=(
        Check("up is better", up),
        Check("down is better", down),
        Check("neither is better", stay),
        Check("a tie", ties, points=1),
    ),
    misconceptions=(
        CHANGED,
        Misconception(
            "loss_returned",
            "It returns the loss. Asked for is where the knob stands then.",
            predicts(lambda *args: loss_truth(turn_truth(*args), *args[1:4])),
        ),
        Misconception(
            "step_only",
            "It returns how far the knob is turned. Asked for is where it stands then.",
            predicts(lambda *args: turn_truth(*args) - args[0]),
        ),
        Misconception(
            "opposite",
            "It takes the position with the largest loss. The loss says how wrong the line is: less is "
            "better.",
            _turn(exact, max),
        ),
        Misconception(
            "unmeasured",
            "It gives the same position whatever the points are. The points decide: measure the loss at each "
            "of the three.",
            lambda seen: any(_moves(lambda at, loss, i=i: at[i])(seen) for i in range(3)),
        ),
        Misconception(
            "only_up",
            "It never turns back: w - step has to be tried as well.",
            _moves(lambda at, loss: at[1] if loss[1] < loss[0] else at[0]),
        ),
        Misconception(
            "otherwise_down",
            "If up is not better, it goes down without a look. Down can be worse as well: then w stays.",
            _moves(lambda at, loss: at[1] if loss[1] < loss[0] else at[2]),
        ),
        Misconception(
            "always_moves",
            "It takes the better of the two moves, also where staying is better than both. The knob would "
            "never come to rest.",
            _moves(lambda at, loss: at[1] if loss[1] < loss[2] else at[2]),
        ),
        Misconception(
            "absolute",
            "It compares the mistakes without their sign, and not their squares: then one large mistake "
            "weighs no more than many small ones.",
            _turn(lambda *line: np.abs(mistakes(*line)).sum()),
        ),
        Misconception(
            "not_squared",
            "Without squares, mistakes above and below cancel out, and the lowest line always wins.",
            _turn(lambda *line: mistakes(*line).sum()),
        ),
        Misconception(
            "first_only",
            "It looks at the first point alone. Each position is measured on all the points.",
            _turn(lambda knob, b, xs, ys: exact(knob, b, xs[:1], ys[:1])),
        ),
        Misconception(
            "no_offset",
            "b is missing from the predictions: it stays where it is, and counts.",
            _turn(lambda knob, b, xs, ys: exact(knob, 0.0, xs, ys)),
        ),
        Misconception(
            "other_knob",
            "It turns b. Here b stays, and w is tried in three positions.",
            predicts(_other_knob),
        ),
        Misconception(
            "pair",
            "It returns several things at once. Asked for is one number: where w stands then.",
            returned(lambda got, *args: isinstance(got, (list, tuple))),
        ),
        Misconception(
            "tie",
            "The loss there is the same as at w, and not smaller: w stays. A knob that moves for nothing "
            "may wander for ever.",
            in_check("a tie"),
        ),
    ),
    hints=(
        "One point (1, 5), w = 2, b = 0, step 1. Which losses do the three positions have?",
        "Remember two things: the best position so far, and its loss. Which position do you begin with, if "
        "it is to win every tie?",
        "Begin with w and its loss. For w + step, then for w - step: work out the loss; if it is smaller "
        "than the least so far, remember position and loss. Return the position.",
    ),
)  # fmt: skip


def first_truth(history: list[float], near: float) -> int | None:
    below = np.flatnonzero(np.asarray(history, float) < near)
    return int(below[0]) + 1 if below.size else None


@functools.cache
def training(quarters: int) -> tuple[float, ...]:
    """The losses of 40 epochs of the lesson's training, from another first w, for readers. No random
    number is drawn for it."""
    layer = tf.keras.layers.Dense(units=1, kernel_initializer="zeros", input_shape=[1])
    model = tf.keras.Sequential([layer])
    model.set_weights([np.array([[quarters / 4]]), np.zeros(1)])
    model.compile(optimizer="sgd", loss="mean_squared_error")
    x, y = np.array(SIX), np.array(LABELS)
    noted = model.fit(x, y, epochs=40, shuffle=False, verbose=0).history["loss"]
    return tuple(round(loss, 4) for loss in noted)


def losses(draw: Draw, count: int) -> list[float]:
    return [draw.random.randint(10, 90) / 10 for _ in range(count)]


def falling(draw: Draw) -> Iterator[Args]:
    yield [0.5], 1.0
    yield [4.0, 2.0, 0.5], 1.0
    for _ in draw.rounds(3):
        history = sorted(set(losses(draw, draw.random.randint(3, 6))), reverse=True)
        yield history, draw.random.choice(history) + 0.05
    for _ in draw.rounds(1):
        fitted = list(training(draw.random.randint(-6, 6)))
        epoch = draw.random.randint(8, 30)
        yield fitted, round((fitted[epoch - 1] + fitted[epoch]) / 2, 5)
    yield [round(100 / epoch, 3) for epoch in range(1, 301)], draw.random.randint(80, 120) / 200


def to_and_fro(draw: Draw) -> Iterator[Args]:
    yield [5.0, 0.5, 2.0, 0.1], 1.0
    yield [5.0, 0.8, 0.2, 0.6], 1.0
    yield [3.0, 1.0, 2.0, 0.5], 1.0
    yield [0.5, 2.0], 1.0
    for _ in draw.rounds(4):
        history = losses(draw, draw.random.randint(3, 7))
        low = sorted(history)[len(history) // 2]
        yield history, low + (draw.random.choice([0.0, 0.05]) if min(history) < low else 0.05)
    yield losses(draw, 250), 1.6


def never(draw: Draw) -> Iterator[Args]:
    yield [], 1.0
    yield [2.0], 1.0
    yield [3.0, 1.0], 1.0
    for _ in draw.rounds(2):
        history = losses(draw, draw.random.randint(2, 6))
        yield history, min(history) - draw.random.choice([0.0, 0.5])


def no_numbers(draw: Draw) -> Iterator[Case]:
    """A training that failed, and what came after it."""
    nan = math.nan
    yield Case(([nan], 1.0), None)
    yield Case(([8.0, math.inf, nan, nan], 1.0), None)
    yield Case(([nan, 0.5], 1.0), 2)
    for _ in draw.rounds(2):
        before, after = losses(draw, draw.random.randint(1, 3)), losses(draw, 2)
        failed = [math.inf, *[nan] * draw.random.randint(1, 3)]
        history = [*before, *failed, *after, 0.5, *after]
        yield Case((history, 0.7), len(before) + len(failed) + 3)
        yield Case(([*before, *failed], 0.7), None)


def _epochs(change: Callable[[list[int], Any, float], Any]) -> Any:
    """A wrong model: what is made of the epochs with a loss below near, of the history, and of near."""

    def model(history: list[float], near: float) -> Any:
        return change([k for k, loss in enumerate(history, 1) if loss < near], history, near)

    return predicts(model)


FIRST = Task(
    id="00.win.first_close",
    name="first_close",
    points=3,
    asks="`first_close(history, near)`: the first epoch, counted from 1, whose loss is below `near`; None "
    "when there is none. `history` is the list of the losses, one for each epoch.",
    oracle=first_truth,
    reads_only=True,
    checks=(
        Check("falling losses", falling),
        Check("losses that go up again", to_and_fro),
        Check("never close", never),
        Check("losses that are no numbers", no_numbers, points=1),
    ),
    misconceptions=(
        CHANGED,
        Misconception(
            "from_zero",
            "It counts from 0, as Python does with the places of a list. The first epoch is epoch 1.",
            _epochs(lambda below, history, near: below[0] - 1 if below else None),
        ),
        Misconception(
            "equal",
            "A loss that is equal to `near` is not below it.",
            predicts(lambda history, near: first_truth(history, np.nextafter(near, np.inf))),
        ),
        Misconception(
            "lowest",
            "That is the epoch with the least loss. Close enough may have come long before.",
            _epochs(lambda below, history, near: int(np.argmin(history)) + 1 if below else None),
        ),
        Misconception(
            "last",
            "That is the last such epoch. The first one answers the question: from then on the training "
            "could have ended.",
            _epochs(lambda below, history, near: below[-1] if below else None),
        ),
        Misconception(
            "count",
            "That is how many epochs were close. Asked for is which one was the first.",
            _epochs(lambda below, history, near: len(below)),
        ),
        Misconception(
            "loss_returned",
            "That is the loss. Asked for is in which epoch it came.",
            _epochs(lambda below, history, near: history[below[0] - 1] if below else None),
        ),
        Misconception(
            "above",
            "It looks for a loss above `near`. The loss says how wrong the line is: below is close.",
            predicts(lambda history, near: next(
                (k for k, loss in enumerate(history, 1) if loss > near), None)),
        ),
        Misconception(
            "first_only",
            "It decides after the first epoch. `return None` comes after the loop, when every epoch has been "
            "looked at.",
            _epochs(lambda below, history, near: 1 if 1 in below else None),
        ),
        Misconception(
            "never",
            "When no epoch was close, the answer is `None`: any number could be taken for an epoch. That "
            "holds for a history without epochs as well.",
            in_check("never close"),
        ),
        Misconception(
            "nan",
            "`nan` is not below anything, so such an epoch was not close; and it is not `near` or more "
            "either, so `loss >= near` is False as well. Ask only whether the loss is below `near`.",
            in_check("losses that are no numbers"),
        ),
    ),
    hints=(
        "Write the losses 5, 0.5, 2 and 0.1 in a row, and the epochs 1, 2, 3 and 4 below them.",
        "Go through the epochs from the first on. The first loss that is below `near` ends the search; what "
        "does it mean when the loop comes to its end?",
        "`enumerate(history)` gives place and loss, the places from 0 on. In the loop: if the loss is below, "
        "return its epoch. After the loop, and not in an `else:` inside it, return None.",
    ),
)  # fmt: skip

TASKS = (TURN, FIRST)
