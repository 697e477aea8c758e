"""Chapter 08, continued: the whole walk, its largest stable rate, and how long it takes. The truth is
NumPy in float64, and the engine's own Hessian with its eigenvalues."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import engine as tf
from graders.diagnose import in_check, predicts, raised, returned
from graders.tasks.base import Case, Check, Draw, Misconception, Task
from graders.tasks.ch08_by_hand import Row, down, loss_truth

Args = tuple[Any, ...]
SIX = [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0]
LABELS = [-3.0, -1.0, 1.0, 3.0, 5.0, 7.0]
NO_LIMIT = 1e9


def walk(
    x: list[float], y: list[float], rate: float, epochs: int, w: float, b: float, limit: float,
    *, step: Callable[..., tuple[float, float]] = down,
) -> list[Row]:  # fmt: skip
    rows = [(w, b, loss_truth(w, b, x, y))]
    while len(rows) <= epochs and rows[-1][2] <= limit:
        w, b = step(w, b, x, y, rate)
        rows.append((w, b, loss_truth(w, b, x, y)))
    return rows


def _unlimited(*args: Any) -> list[Row]:
    """A wrong model: no guard."""
    x, y, rate, epochs, w, b, _ = args
    return walk(x, y, rate, epochs, w, b, math.inf)


def some_points(draw: Draw, count: int = 0) -> tuple[list[float], list[float]]:
    count = count or draw.random.randint(2, 6)
    x, y = draw.arrays.uniform(-2, 2, count), draw.arrays.uniform(-3, 3, count)
    return x.round(1).tolist(), y.round(1).tolist()


def walks(epochs: int, draw: Draw) -> Iterator[Args]:
    yield SIX, LABELS, 0.01, epochs, 0.0, 0.0, NO_LIMIT
    for _ in draw.rounds(2):
        start = draw.random.randint(-3, 3) + 0.5, draw.random.randint(-3, 3) - 0.5
        yield *some_points(draw), 0.1, epochs, *start, NO_LIMIT
    yield *some_points(draw, 200), 0.1, epochs, 1.5, -0.5, NO_LIMIT


def diverging(draw: Draw) -> Iterator[Args]:
    """Far above the stable rate: from row to row the loss grows at least fourfold, and the limit lies
    well between two of them. Then a start above it, and a loss that only comes up to it."""
    for over in (1, *(draw.random.randint(2, 5) for _ in draw.rounds(2))):
        x, y = [3.0, 1.0, -2.0], [draw.random.randint(4, 9) + 0.5, 1.0, -2.0]
        rows = walk(x, y, 0.5, over, 0.0, 0.0, math.inf)
        yield x, y, 0.5, 9, 0.0, 0.0, round(math.sqrt(rows[-2][2] * rows[-1][2]), 1)
    yield SIX, LABELS, 0.01, 5, 0.0, 0.0, 1.0
    yield [1.0], [3.0], 0.5, 3, 0.0, 0.0, 9.0  # the largest stable rate: the loss stays at 9


def _walked(step: Callable[..., tuple[float, float]]) -> Any:
    def model(*args: Any) -> list[Row]:
        return walk(*args, step=step)

    return predicts(model)


def _b_after_w(w: float, b: float, x: Any, y: Any, rate: float) -> tuple[float, float]:
    w = down(w, b, x, y, rate)[0]
    return w, down(w, b, x, y, rate)[1]


def _late_losses(*args: Any) -> list[Row]:
    """A wrong model: each row has the loss of the row before."""
    rows = walk(*args)
    losses = [rows[0][2], *(loss for _, _, loss in rows)]
    return [(w, b, loss) for (w, b, _), loss in zip(rows, losses[:-1], strict=True)]


def _ends_at_the_limit(*args: Any) -> list[Row]:
    """A wrong model: a loss that is equal to the limit ends the walk as well."""
    x, y, rate, epochs, w, b, limit = args
    return walk(x, y, rate, epochs, w, b, math.nextafter(limit, 0.0))


def _without_the_last(*args: Any) -> list[Row]:
    """A wrong model: the guard looks before the row is noted."""
    rows = walk(*args)
    return rows[:-1] if rows[-1][2] > args[-1] else rows


DESCEND = Task(
    id="08.hand.descend",
    name="descend",
    points=4,
    asks="`descend(x, y, learning_rate, epochs, w, b, limit)`: gradient descent on all points, as a "
    "list of rows `(w, b, loss)` of plain floats: row k is the knobs after k epochs and the loss at "
    "just these knobs. It ends early with the first row whose loss is above the limit.",
    oracle=walk,
    tolerance=2e-4,
    checks=(
        Check("no epoch", lambda draw: walks(0, draw)),
        Check("one epoch", lambda draw: walks(1, draw)),
        Check("many epochs", lambda draw: [*walks(3, draw), *walks(25, draw)]),
        Check("walks that reach the limit", diverging, points=1),
    ),
    misconceptions=(
        Misconception(
            "no_start",
            "Row 0 is where the walk starts, before any epoch: `epochs + 1` rows in all.",
            predicts(lambda *args: walk(*args)[1:]),
        ),
        Misconception(
            "no_end",
            "The last row is missing: after the last step the knobs stand at a place that is not "
            "noted yet.",
            predicts(lambda *args: walk(*args)[: args[3]]),
        ),
        Misconception(
            "late_losses",
            "The losses lag: a row has the new knobs and the loss of the old ones. The loss that "
            "a step computes belongs to the knobs before it moves.",
            predicts(_late_losses),
        ),
        Misconception(
            "uphill",
            "It walks uphill: the gradient is subtracted.",
            _walked(lambda w, b, x, y, rate: down(w, b, x, y, -rate)),
        ),
        Misconception(
            "half_step",
            "Every step is half as long as asked: the derivative of the square has a factor of 2.",
            _walked(lambda w, b, x, y, rate: down(w, b, x, y, rate / 2)),
        ),
        Misconception(
            "summed",
            "The steps grow with the number of points: the loss is a mean, so its slopes are too.",
            _walked(lambda w, b, x, y, rate: down(w, b, x, y, rate * len(x))),
        ),
        Misconception(
            "w_before_b",
            "b is moved with the slope at the new w. Compute both slopes, then move both.",
            _walked(_b_after_w),
        ),
        Misconception(
            "limit_ignored",
            "It goes on above the limit. A loss that has left the range will not come back by "
            "itself: end there.",
            in_check("walks that reach the limit", predicts(_unlimited)),
        ),
        Misconception(
            "limit_row",
            "It stops in time, but the row that is above the limit belongs to the list: whoever "
            "looks later has to see how the walk ended.",
            in_check("walks that reach the limit", predicts(_without_the_last)),
        ),
        Misconception(
            "limit_equal",
            "A loss that is equal to the limit is not above it: the walk goes on.",
            in_check("walks that reach the limit", predicts(_ends_at_the_limit)),
        ),
        Misconception(
            "limit_start",
            "Row 0 can be above the limit as well: then it is the only row.",
            in_check("walks that reach the limit"),
        ),
        Misconception(
            "plain_floats",
            "Tensors or Variables stand in the rows: a history holds plain floats, as `float(...)` "
            "or `.numpy().item()` makes them. The same Variable in every row shows its last value.",
            returned(lambda got, *args: any(
                type(value) is not float for row in got for value in row)),
        ),
    ),
    hints=(
        "With epochs = 1 there are two rows. Which knobs and which loss stand in each?",
        "Note a row first: the knobs and the loss there. Then, if it is not the last one and the "
        "loss is not above the limit, move and go on.",
        "Begin with an empty list. In a loop over `epochs + 1` numbers: the mistakes of all points, "
        "the mean of their squares, append the row, leave the loop above the limit; otherwise both "
        "slopes, then both knobs.",
    ),
)  # fmt: skip


def hessian(x: list[float]) -> np.ndarray:
    """The second derivatives of the mean squared error for w and b, from two tapes."""
    at = tf.constant(x, dtype=tf.float64)
    knobs: Any = tf.Variable([0.0, 0.0], dtype=tf.float64)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            loss = tf.reduce_mean(tf.square(knobs[0] * at + knobs[1]))
        slope = inner.gradient(loss, knobs)
    return outer.jacobian(slope, knobs).numpy()


def curvatures(x: list[float]) -> tuple[float, float]:
    """The flat one and the steep one."""
    low, high = tf.linalg.eigvalsh(tf.constant(hessian(x))).numpy()
    return float(low), float(high)


def stable_truth(x: list[float]) -> float:
    return 2 / curvatures(x)[1]


def centred(draw: Draw) -> Iterator[Args]:
    """Mean 0: the two knobs do not meddle with each other."""
    yield from (([0.0],), ([-1.0, 1.0],), ([-2.0, 0.0, 2.0],))
    for _ in draw.rounds(2):
        half = [float(draw.random.randint(1, 9)) / 2 for _ in range(draw.random.randint(1, 3))]
        yield ([*half, *(-value for value in half)],)


def anywhere(draw: Draw) -> Iterator[Args]:
    yield from ((SIX,), ([1.0],), ([1.0, 2.0],))
    for _ in draw.rounds(4):
        count = draw.random.randint(2, 8)
        yield ([round(draw.random.uniform(-3, 6), 1) for _ in range(count)],)
    yield (draw.arrays.uniform(-5, 8, 200).round(2).tolist(),)


def _rate(change: Callable[[np.ndarray, list[float]], float]) -> Any:
    """A wrong model: what is made of the Hessian and of x."""

    def model(x: list[float]) -> float:
        with np.errstate(divide="ignore"):
            return float(change(hessian(x), x))

    return predicts(model)


def _from_flat(got: Any, x: list[float]) -> bool:
    """Is it 2 by the smallest curvature, which for equal inputs is 0 or a rounding?"""
    low = curvatures(x)[0]
    return abs(float(got)) > 1e6 if low < 1e-9 else math.isclose(float(got), 2 / low, rel_tol=1e-4)


RATE = Task(
    id="08.hand.largest_stable_rate",
    name="largest_stable_rate",
    points=3,
    asks="`largest_stable_rate(x)`: the learning rate up to which gradient descent on the mean squared "
    "error of a line does not diverge, for these inputs (a list of floats), as one number.",
    oracle=stable_truth,
    checks=(Check("inputs with mean 0", centred), Check("any inputs", anywhere)),
    misconceptions=(
        Misconception(
            "one_over",
            "That is 1 / curvature, where the steep mistake vanishes in one step. Up to twice that "
            "rate it still shrinks: the factor may go down to -1.",
            _rate(lambda h, x: 1 / np.linalg.eigvalsh(h)[1]),
        ),
        Misconception(
            "flat",
            "It takes the smallest curvature. Every direction has to shrink, so the steepest one "
            "decides. (`eigh` and `eigvalsh` sort upwards; `eig` does not sort.)",
            in_check("inputs with mean 0", returned(_from_flat)),
        ),
        Misconception(
            "factor_two",
            "It is twice too large: a second derivative of a square has a factor of 2.",
            _rate(lambda h, x: 4 / np.linalg.eigvalsh(h)[1]),
        ),
        Misconception(
            "summed",
            "It depends on how many inputs there are: the Hessian of a mean is a mean.",
            _rate(lambda h, x: 2 / np.linalg.eigvalsh(h)[1] / len(x)),
        ),
        Misconception(
            "w_only",
            "It looks at w alone. b is a knob as well, and the two act together: the largest "
            "eigenvalue is above each entry of the diagonal.",
            _rate(lambda h, x: 2 / h[0, 0]),
        ),
        Misconception(
            "diagonal",
            "It takes the largest second derivative along one knob. When the mean of x is not 0, "
            "a direction between the knobs is steeper than both.",
            _rate(lambda h, x: 2 / h.diagonal().max()),
        ),
        Misconception(
            "trace",
            "It divides by the sum of both curvatures. That is the rate at which both mistakes "
            "shrink equally fast; the limit is larger.",
            _rate(lambda h, x: 2 / h.trace()),
        ),
        Misconception(
            "variance",
            "It uses the variance of x. The Hessian has the mean of x² in it, and the mean of x "
            "beside it.",
            _rate(lambda h, x: 2 / max(2 * float(np.var(x)), 2.0)),
        ),
    ),
    hints=(
        "For the six points of the lesson it is 0.17698 (rounded). Which numbers led there?",
        "The second derivatives: along w twice, along b twice, and once along each. All three are "
        "2 times a mean. Of the table that they make, the largest eigenvalue decides.",
        "Make the 2 by 2 table from the mean of the squares of x, the mean of x, and 1, all doubled. "
        "`np.linalg.eigvalsh` or `tf.linalg.eigvalsh` gives both eigenvalues; divide 2 by the larger.",
    ),
)


def factors(x: list[float], rate: float) -> tuple[float, float]:
    """By what a step multiplies the flat and the steep mistake."""
    low, high = curvatures(x)
    return 1 - rate * low, 1 - rate * high


def needed(factor: float, share: float) -> int | None:
    """How many times a mistake is to be multiplied by the factor until it is at most that share."""
    if share >= 1:
        return 0
    if abs(factor) >= 1:
        return None
    return math.ceil(math.log(share) / math.log(abs(factor))) if factor else 1


def epochs_truth(x: list[float], learning_rate: float, share: float) -> int | None:
    return needed(max(factors(x, learning_rate), key=abs), share)


def clear(x: list[float], rate: float, share: float) -> bool:
    """Is the number of epochs the same for who computes with float32?"""
    worst = abs(max(factors(x, rate), key=abs))
    return (
        worst < 1e-3 or len({needed(worst * (1 + tiny), share) for tiny in (-1e-6, 0, 1e-6)}) == 1
    )


def shrinking(low: float, high: float, draw: Draw) -> Iterator[Args]:
    """Rates between two shares of the limit."""
    counts = [*(4 for _ in draw.rounds(4)), 200]
    todo = [SIX, *([round(draw.random.uniform(-2, 4), 1) for _ in range(n)] for n in counts)]
    for x in todo:
        for _ in range(100):  # until one is clear
            rate = round(draw.random.uniform(low, high) * stable_truth(x), 4)
            share = draw.random.choice([0.5, 0.2, 0.1, 0.05, 0.01, 0.003])
            if curvatures(x)[0] > 0.05 and clear(x, rate, share):
                yield x, rate, share
                break


def never(draw: Draw) -> Iterator[Case]:
    yield Case(([-1.0, 1.0], 1.0, 0.5), None)  # on the limit: both factors are -1
    yield Case((SIX, 0.18, 0.01), None)
    for _ in draw.rounds(2):
        x = [-1.0, *(float(draw.random.randint(1, 4)) for _ in range(3))]
        over = draw.random.choice([1.02, 1.5, 3.0])
        yield Case((x, round(over * stable_truth(x), 4), 0.1), None)


def _by(choose: Callable[[tuple[float, float]], float], power: int = 1) -> Any:
    """A wrong model: another factor decides."""

    def model(x: list[float], rate: float, share: float) -> int | None:
        return needed(choose(factors(x, rate)) ** power, share)

    return predicts(model)


def _one_less(x: list[float], rate: float, share: float) -> int | None:
    said = epochs_truth(x, rate, share)
    return said - 1 if said else said


EPOCHS = Task(
    id="08.hand.epochs_until",
    name="epochs_until",
    points=3,
    asks="`epochs_until(x, learning_rate, share)`: after how many epochs is the mistake along *each* of "
    "the two directions at most `share` of what it was? The smallest such number, or None when that "
    "never happens, whatever the start.",
    oracle=epochs_truth,
    checks=(
        Check("small rates", lambda draw: shrinking(0.05, 0.4, draw)),
        Check("rates close to the limit", lambda draw: shrinking(0.85, 0.97, draw)),
        Check("a round bowl", lambda draw: [([-1.0, 1.0], 0.5, 0.01), ([-1.0, 1.0], 0.25, 0.3)]),
        Check("all of it may stay", lambda draw: [(SIX, 0.01, 1.0), ([-1.0, 1.0], 0.1, 1.0)]),
        Check("rates on the limit and above", never, points=1),
    ),
    misconceptions=(
        Misconception(
            "steep_only",
            "It follows the steep direction alone. With a small rate the flat one takes longer.",
            _by(lambda f: f[1]),
        ),
        Misconception(
            "flat_only",
            "It follows the flat direction alone. Close to the limit the steep mistake jumps to and "
            "fro and takes longer.",
            _by(lambda f: f[0]),
        ),
        Misconception(
            "sign",
            "A factor of -0.9 shrinks as slowly as one of 0.9, and has no logarithm: the size decides, "
            "without the sign.",
            in_check("rates close to the limit", raised(Exception)),
        ),
        Misconception(
            "loss_share",
            "That is when the *loss* is down to that share. The loss goes with the square of the "
            "mistake, so it is twice as fast.",
            _by(lambda f: max(f, key=abs), power=2),
        ),
        Misconception(
            "rounded_down",
            "It is one epoch short: after that many the mistake is still above the share. Round up.",
            predicts(_one_less),
        ),
        Misconception(
            "round_bowl",
            "A factor of exactly 0 is the best there is: one epoch. It has no logarithm.",
            in_check("a round bowl", raised(Exception)),
        ),
        Misconception(
            "no_epoch",
            "A share of 1 is what is there at the start: no epoch is needed.",
            in_check("all of it may stay"),
        ),
        Misconception(
            "never",
            "Above the limit the steep mistake grows, and exactly on it, it stays: no number of epochs "
            "will do, and the answer is None.",
            in_check("rates on the limit and above"),
        ),
    ),
    hints=(
        "For the six points and rate 0.01 the two factors are 0.8870 and 0.9897. After how many "
        "epochs is the second one's power below 0.5?",
        "One factor for each curvature. The one of larger size decides; if that size is 1 or more, "
        "the answer is None.",
        "Both curvatures: the eigenvalues of the table of task 5. The larger of "
        "`abs(1 - rate * curvature)`. Multiply 1.0 by it until you are at the share, and count.",
    ),
)

TASKS = (DESCEND, RATE, EPOCHS)
