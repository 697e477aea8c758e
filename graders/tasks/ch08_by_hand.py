"""Chapter 08: the training loop of a line, in pieces. The truth is the tape, or NumPy in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import engine as tf
from graders.diagnose import in_check, predicts, raised, returned
from graders.tasks.base import Check, Draw, Misconception, Task, define

Args = tuple[Any, ...]
Row = tuple[float, float, float]


def flat(values: Any) -> np.ndarray:
    return np.asarray(values, np.float64).ravel()


def off(w: float, b: float, x: Any, y: Any) -> np.ndarray:
    """How far each point's prediction is above its label."""
    return np.polyval([w, b], flat(x)) - flat(y)


def loss_truth(w: float, b: float, x: Any, y: Any) -> float:
    return float(np.square(off(w, b, x, y)).mean())


def knobs(draw: Draw) -> tuple[float, float]:
    return round(draw.random.uniform(-3, 3), 1), round(draw.random.uniform(-3, 3), 1)


def points(count: int, draw: Draw, scale: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    return draw.floats((count,), scale), draw.floats((count,), scale)


def every_other(draw: Draw) -> tuple[np.ndarray, np.ndarray]:
    """Points that do not lie side by side in memory, as a column of a table does not."""
    x, y = points(10, draw)
    return x[::2], y[::2]


SIX = np.arange(-1.0, 5.0, dtype=np.float32)


def one_point(draw: Draw) -> Iterator[Args]:
    yield 2.0, 0.0, np.array([3.0], np.float32), np.array([5.0], np.float32)
    for _ in draw.rounds(2):
        yield *knobs(draw), *points(1, draw)


def more_points(draw: Draw) -> Iterator[Args]:
    yield 0.0, 0.0, SIX, 2 * SIX - 1
    for count in (2, 3):
        yield *knobs(draw), *points(count, draw)
    for _ in draw.rounds(3):
        yield *knobs(draw), *points(draw.random.randint(2, 9), draw)
    yield *knobs(draw), *every_other(draw)
    yield *knobs(draw), *points(300, draw, 20.0)


def columns(draw: Draw) -> Iterator[Args]:
    yield 2.0, -1.0, SIX, (2 * SIX - 1)[:, None]
    for _ in draw.rounds(2):
        x, y = points(draw.random.randint(2, 6), draw)
        yield *knobs(draw), x, y[:, None]
        yield *knobs(draw), x[:, None], y
        yield *knobs(draw), x[:, None], y[:, None]


def _every_pair(w: float, b: float, x: Any, y: Any) -> float:
    """A wrong model: what NumPy makes of a vector and a column."""
    return float(np.square(w * np.asarray(x, float) + b - np.asarray(y, float)).mean())


def _loss(change: Callable[[np.ndarray], Any]) -> Any:
    return predicts(lambda w, b, x, y: float(change(off(w, b, x, y))))


LOSS = Task(
    id="08.hand.line_loss",
    name="line_loss",
    points=2,
    asks="`line_loss(w, b, x, y)`: the mean squared mistake of the line w·x + b on the points, as one "
    "number. x and y are tensors with one entry a point: vectors `(n,)`, or columns `(n, 1)`.",
    oracle=loss_truth,
    parameters=("w", "b", "x", "y"),
    tensors=True,
    tolerance=1e-4,
    checks=(
        Check("one point", one_point),
        Check("vectors", more_points),
        Check("a column and a vector", columns, points=1),
    ),
    misconceptions=(
        Misconception(
            "sum",
            "That is the sum of the squares. With a mean, the loss and the rate do not depend on "
            "how many points there are.",
            _loss(lambda e: np.square(e).sum()),
        ),
        Misconception(
            "absolute",
            "The mistakes are taken without their sign, and not squared.",
            _loss(lambda e: np.abs(e).mean()),
        ),
        Misconception(
            "not_squared",
            "Without squares, mistakes above and below cancel out.",
            returned(lambda got, w, b, x, y: math.isclose(
                abs(float(got)), abs(float(off(w, b, x, y).mean())), rel_tol=1e-4, abs_tol=1e-6)),
        ),
        Misconception(
            "square_of_mean",
            "It squares the mean mistake. First each mistake is squared, then comes the mean: "
            "mistakes above and below must not cancel out.",
            _loss(lambda e: e.mean() ** 2),
        ),
        Misconception(
            "root",
            "The root is one step too many.",
            _loss(lambda e: np.sqrt(np.square(e).mean())),
        ),
        Misconception(
            "half",
            "It is half of the mean: the loss of this chapter has no factor of one half.",
            _loss(lambda e: np.square(e).mean() / 2),
        ),
        Misconception(
            "no_offset",
            "b is left out: the line then goes through the origin.",
            predicts(lambda w, b, x, y: loss_truth(w, 0.0, x, y)),
        ),
        Misconception(
            "broadcast",
            "A vector and a column of n numbers make a table of n times n: every prediction is "
            "compared with every label. Bring both into one shape before you subtract.",
            predicts(_every_pair),
        ),
        Misconception(
            "one_side",
            "It is right for one of the two as a column, and not for the other, or not for both "
            "at once.",
            in_check("a column and a vector"),
        ),
    ),
    hints=(
        "Compute it on paper for w = 2, b = 0 and the two points (1, 1) and (2, 5).",
        "Four steps: predict, subtract, square, mean. Before you subtract: print both shapes.",
        "`tf.reshape(x, [-1])` makes a vector of a vector or a column. Do that with x and y; then "
        "`tf.reduce_mean` of the squared differences.",
    ),
)  # fmt: skip


def slopes(w: float, b: float, x: Any, y: Any) -> tuple[float, float]:
    """From the tape."""
    at, above = tf.Variable(w, dtype=tf.float64), tf.Variable(b, dtype=tf.float64)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(at * flat(x) + above - flat(y)))
    return tuple(float(slope) for slope in tape.gradient(loss, [at, above]))  # type: ignore[return-value]


def _slopes(change: Callable[[np.ndarray, np.ndarray], tuple[Any, Any]]) -> Any:
    """A wrong model: what is made of x and of the mistakes."""

    def model(w: float, b: float, x: Any, y: Any) -> tuple[float, float]:
        dw, db = change(flat(x), off(w, b, x, y))
        return float(dw), float(db)

    return predicts(model)


def _scaled(factor: Callable[[int], float]) -> Any:
    return _slopes(
        lambda x, e: tuple(factor(len(x)) * s for s in (2 * (e @ x) / len(x), 2 * e.mean()))
    )


GRADIENTS = Task(
    id="08.hand.line_gradients",
    name="line_gradients",
    points=2,
    asks="`line_gradients(w, b, x, y)`: the slopes of that loss along w and along b, as the pair "
    "`(dw, db)` of two numbers. x and y are tensors of shape `(n,)`. By formula, without a tape.",
    oracle=slopes,
    parameters=("w", "b", "x", "y"),
    tensors=True,
    tolerance=2e-4,
    checks=(Check("one point", one_point), Check("more points", more_points)),
    misconceptions=(
        Misconception(
            "sign",
            "The sign is wrong: a prediction that is too high has a positive mistake, and raising b "
            "makes it worse.",
            _scaled(lambda n: -1),
        ),
        Misconception(
            "factor_two",
            "A factor of 2 is missing: the derivative of a square is twice what was squared.",
            _scaled(lambda n: 0.5),
        ),
        Misconception(
            "summed",
            "These are the slopes of the sum. The loss is a mean, so they are means as well.",
            _scaled(lambda n: n),
        ),
        Misconception(
            "swapped",
            "The two are in the wrong order: `(dw, db)`.",
            _slopes(lambda x, e: (2 * e.mean(), 2 * (e * x).mean())),
        ),
        Misconception(
            "no_input",
            "dw is the same as db. A little more w moves each prediction by its x, so x belongs "
            "under the mean.",
            _slopes(lambda x, e: (2 * e.mean(), 2 * e.mean())),
        ),
        Misconception(
            "means_apart",
            "It multiplies two means. dw is the mean of the products: mistake times x, point by "
            "point.",
            _slopes(lambda x, e: (2 * e.mean() * x.mean(), 2 * e.mean())),
        ),
        Misconception(
            "no_offset",
            "b is missing from the predictions.",
            predicts(lambda w, b, x, y: slopes(w, 0.0, x, y)),
        ),
        Misconception(
            "per_point",
            "There is one entry for each point. Each slope is one number: the mean over the points.",
            returned(lambda got, w, b, x, y: tuple(got[0].shape) == x.shape),
        ),
    ),
    hints=(
        "For one point the loss is (w·x + b - y)². Take the derivative on paper, by w and by b.",
        "The derivative of a square is twice what was squared, times what the knob was multiplied "
        "with: x for w, 1 for b. A mean of losses has the mean of the slopes.",
        "Mistake: prediction minus label, point by point. dw is the mean of twice the mistake times x, "
        "db the mean of twice the mistake. Return both.",
    ),
)

STEPS = """
import engine as tf


def steps_taken(train_step, w, b, batches, learning_rate, graph):
    w, b = tf.Variable(w), tf.Variable(b)
    if graph:
        train_step = tf.function(train_step)
    said = []
    for x, y in batches:
        said.append(train_step(w, b, tf.constant(x), tf.constant(y), learning_rate))
    return [*said, float(w.numpy()), float(b.numpy())]
"""
"""Runs where the learner's code runs: Variables do not travel."""


def steps_taken(train_step: Any, *args: Any) -> list[Any]:
    """The losses that the steps returned, and the two Variables in the end."""
    return list(define(STEPS, "steps_taken", train_step)(train_step, *args))


def down(w: float, b: float, x: Any, y: Any, rate: float) -> tuple[float, float]:
    """The knobs after one step, in float64."""
    e = off(w, b, x, y)
    return w - 2 * rate * float(e @ flat(x)) / e.size, b - 2 * rate * float(e.mean())


def steps_truth(
    w: float, b: float, batches: list[Args], learning_rate: float, graph: bool
) -> list[float]:
    losses = []
    for x, y in batches:
        losses.append(loss_truth(w, b, x, y))
        w, b = down(w, b, x, y, learning_rate)
    return [*losses, w, b]


def step_inputs(count: int, graph: bool, draw: Draw) -> Iterator[Args]:
    yield 0.0, 0.0, [(SIX, 2 * SIX - 1)] * count, 0.01, graph
    for _ in draw.rounds(2):
        sizes = [draw.random.randint(2, 6) for _ in range(count)]
        # In a graph all of one size: another one would be traced anew, and nothing stay frozen.
        batches = [points(sizes[0] if graph else size, draw) for size in sizes]
        yield *knobs(draw), batches, round(draw.random.uniform(0.05, 0.2), 2), graph
    yield *knobs(draw), [every_other(draw)] * count, 0.1, graph
    yield *knobs(draw), [points(250, draw)] * count, 0.1, graph


def _steps(step: Callable[..., tuple[float, float]], after: bool = False) -> Any:
    """A wrong model: another step, or the loss after it."""

    def model(w: float, b: float, batches: list[Args], rate: float, graph: bool) -> list[float]:
        losses = []
        for x, y in batches:
            before = (w, b)
            w, b = step(w, b, x, y, rate)
            losses.append(loss_truth(*((w, b) if after else before), x, y))
        return [*losses, w, b]

    return predicts(model)


def _b_after_w(w: float, b: float, x: Any, y: Any, rate: float) -> tuple[float, float]:
    w = down(w, b, x, y, rate)[0]
    return w, down(w, b, x, y, rate)[1]


STEP = Task(
    id="08.hand.train_step",
    name="train_step",
    points=3,
    asks="`train_step(w, b, x, y, learning_rate)`: one step of gradient descent. w and b are "
    "tf.Variables, and are moved in place; returned is the loss before the move. It also works "
    "inside a tf.function.",
    oracle=steps_truth,
    use=steps_taken,
    shows=lambda w, b, batches, rate, graph: (
        f"{len(batches)} steps of train_step{' in a tf.function' if graph else ''} from w = {w}, "
        f"b = {b}, learning rate {rate}, x and y of the first: {batches[0][0].tolist()}, "
        f"{batches[0][1].tolist()} (shown: the losses returned, then w, then b)"
    ),
    tolerance=2e-4,
    checks=(
        Check("one step", lambda draw: step_inputs(1, False, draw)),
        Check("several steps", lambda draw: step_inputs(3, False, draw)),
        Check("inside a tf.function", lambda draw: step_inputs(2, True, draw), points=1),
    ),
    misconceptions=(
        Misconception(
            "not_moved",
            "The Variables did not move. `w = w - ...` only binds a name to a new tensor; `assign` "
            "and `assign_sub` change the Variable that the caller holds.",
            _steps(lambda w, b, x, y, rate: (w, b)),
        ),
        Misconception(
            "uphill",
            "It walks uphill: the gradient points to where the loss grows, and is subtracted.",
            _steps(lambda w, b, x, y, rate: down(w, b, x, y, -rate)),
        ),
        Misconception(
            "no_rate",
            "The learning rate is not used: the step is the whole gradient.",
            _steps(lambda w, b, x, y, rate: down(w, b, x, y, 1.0)),
        ),
        Misconception(
            "w_before_b",
            "b is moved with the slope at the new w. Both slopes belong to one place: compute both, "
            "then move both.",
            _steps(_b_after_w),
        ),
        Misconception(
            "only_w",
            "Only w moves. The offset b is a knob as well.",
            _steps(lambda w, b, x, y, rate: (down(w, b, x, y, rate)[0], b)),
        ),
        Misconception(
            "loss_after",
            "The step is right, and the loss is that of the new knobs. Asked for is the loss that "
            "the gradient was taken of: it is there already and costs nothing.",
            _steps(down, after=True),
        ),
        Misconception(
            "summed",
            "The step grows with the number of points: the loss is a mean.",
            _steps(lambda w, b, x, y, rate: down(w, b, x, y, rate * len(x))),
        ),
        Misconception(
            "none_gradient",
            "A gradient is None: what is computed outside the `with` block of the tape, or with "
            "numbers taken out of the Variables, the tape cannot see.",
            raised(TypeError, ValueError, says="None"),
        ),
        Misconception(
            "not_traceable",
            "It works eagerly and not while it is traced: a symbolic tensor has no value, so "
            "`.numpy()` and `float()` have no place in the step.",
            in_check("inside a tf.function", raised(Exception)),
        ),
        Misconception(
            "frozen",
            "Inside a tf.function each call has to move the Variables anew. A number that Python "
            "computed while tracing stays what it was.",
            in_check("inside a tf.function"),
        ),
    ),
    hints=(
        "Which of the lesson's four lines have to stand inside the `with` block?",
        "Predict and loss inside the tape; then both gradients; then both updates, in place. The "
        "loss is returned as it was computed.",
        "A `tf.GradientTape()` around prediction and `tf.reduce_mean` of the squares; "
        "`tape.gradient` of the loss for the list of both Variables; `assign_sub` on each.",
    ),
)

TASKS = (LOSS, GRADIENTS, STEP)
