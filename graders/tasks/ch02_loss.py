"""Chapter 02, continued: a loss that refuses to broadcast. The truth is NumPy's, in double precision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from graders.diagnose import in_check, not_raised, predicts, raised, returned
from graders.tasks.base import Case, Check, Draw, Misconception, Raises, Task

Args = tuple[Any, ...]
Shape = tuple[int, ...]


def loss_truth(predictions: np.ndarray, labels: np.ndarray) -> Any:
    """With every prediction and its own label in one row each."""
    wide = predictions.astype(np.float64).ravel() - labels.astype(np.float64).ravel()
    return np.float32(np.square(wide).mean())


def equal_shapes(draw: Draw) -> Iterator[Args]:
    yield np.array([1, 3], np.float32), np.array([2, 5], np.float32)
    yield np.array(1.5, np.float32), np.array(0.5, np.float32)
    for sizes in ((1,), (4, 1), (3, 2), (2, 3, 2)):
        yield draw.floats(sizes), draw.floats(sizes)
    for _ in draw.rounds(2):
        shape = draw.shape(draw.random.randint(1, 3), 5)
        yield draw.floats(shape), draw.floats(shape)
    yield np.asfortranarray(draw.floats((3, 4))), draw.floats((3, 4))
    yield draw.floats((50, 40)), draw.floats((50, 40))


def axis_missing(draw: Draw) -> Iterator[Args]:
    yield np.array([[1], [3]], np.float32), np.array([2, 5], np.float32)
    yield np.array([1, 3], np.float32), np.array([[2], [5]], np.float32)
    for sizes in ((6,), (4, 3), (2, 2, 3)):
        yield draw.floats((*sizes, 1)), draw.floats(sizes)
        yield draw.floats(sizes), draw.floats((*sizes, 1))
    for _ in draw.rounds(2):
        shape = tuple(size + 1 for size in draw.shape(draw.random.randint(1, 2)))
        pair = draw.floats((*shape, 1)), draw.floats(shape)
        yield pair if draw.random.random() < 0.5 else pair[::-1]
    yield draw.floats((1200, 1)), draw.floats((1200,))


def other_pairs(draw: Draw) -> Iterator[Case]:
    pairs: list[tuple[Shape, Shape]] = [((3,), (1,)), ((2, 3), (3,)), ((2, 3), (3, 2)), ((4, 1), (1, 4)),
             ((3, 1), (1,)), ((4,), (2, 2)), ((3,), ()), ((2, 3), (2, 1)), ((3,), (4,)), ((2, 2, 1), (2,)),
             ((6,), (3, 2)), ((1, 3), (3,)), ((3, 1), (4,)), ((3,), (1, 3)), ((3, 1, 1), (3,))]  # fmt: skip
    for _ in draw.rounds(2):
        rows, columns = draw.random.randint(2, 4), draw.random.randint(2, 4)
        pairs += [((rows, columns), (columns,)), ((rows, columns), (rows * columns,))]
    for one, two in pairs:
        args = draw.floats(one), draw.floats(two)
        yield Case(args, Raises(ValueError, (str(one), str(two))))


def _silent(predictions: np.ndarray, labels: np.ndarray) -> Any:
    return np.float32(np.square(predictions - labels).mean())


def _sum(predictions: np.ndarray, labels: np.ndarray) -> Any:
    return loss_truth(predictions, labels) * np.float32(predictions.size)


def _absolute(predictions: np.ndarray, labels: np.ndarray) -> Any:
    return np.float32(np.abs(predictions.ravel() - labels.ravel()).mean())


LOSS = Task(
    id="02.shapes.safe_mse",
    name="safe_mse",
    points=3,
    asks="`safe_mse(predictions, labels)`: the mean squared error of two float32 tensors, as a tensor. They "
    "have the same shape, or one of them has a last axis of size 1 more. Any other pair of shapes raises "
    "a ValueError that names both.",
    oracle=loss_truth,
    parameters=("predictions", "labels"),
    tensors=True,
    tolerance=1e-4,
    valid=lambda predictions, labels: (
        predictions.size > 0
        and predictions.shape in (labels.shape, (*labels.shape, 1), labels.shape[:-1])
        and predictions.size == labels.size
    ),
    checks=(
        Check("equal shapes", equal_shapes),
        Check("a last axis of size 1", axis_missing),
        Check("any other pair of shapes", other_pairs, points=1),
    ),
    misconceptions=(
        Misconception(
            "silent",
            "This is the loss of the lesson: (n, 1) minus (n,) is (n, n), and every prediction is compared "
            "with every label. Bring both to one shape before you subtract.",
            predicts(_silent),
        ),
        Misconception(
            "sum",
            "The squares are added up, and not divided by how many there are: more examples, a larger loss.",
            predicts(_sum),
        ),
        Misconception(
            "absolute",
            "Those are the absolute differences. Square them: twice the mistake costs four times as much.",
            predicts(_absolute),
        ),
        Misconception(
            "per_example",
            "The mean is over everything: one number, of shape ().",
            returned(lambda got, predictions, labels: np.shape(got) != ()),
        ),
        Misconception(
            "refuses_columns",
            "It refuses (n, 1) beside (n,). Nothing is ambiguous there: the axis of size 1 has no second "
            "element that could meet another label.",
            in_check("a last axis of size 1", raised(ValueError)),
        ),
        Misconception(
            "laundered",
            "It compares the numbers of elements only. (2, 3) and (3, 2) have as many, and what is compared "
            "then are strangers. A reshape accepts anything that can be counted; compare the shapes.",
            in_check(
                "any other pair of shapes",
                lambda seen: not_raised(seen) and _same_size(*seen.first.case.args),
            ),
        ),
        Misconception(
            "broadcasts",
            "It still broadcasts: shapes that are neither equal nor one axis of size 1 apart got a loss.",
            in_check("any other pair of shapes", not_raised),
        ),
        Misconception(
            "no_shapes",
            "It refuses, but the message has to show both shapes, as Python prints them: `(2, 3)`.",
            in_check("any other pair of shapes", raised(ValueError)),
        ),
        Misconception(
            "other_error",
            "It refuses, but with another exception: a pair of shapes that does not fit is a ValueError.",
            in_check("any other pair of shapes"),
        ),
    ),
    hints=(
        "Print the shape of predictions - labels for (3, 1) and (3,), and for (2, 3) and (3,).",
        "Decide by the shapes alone, before anything is computed: which pairs are allowed, written as "
        "tuples? Only then bring one of the two into the other's shape.",
        "Make both shapes tuples. Equal, or equal once (1,) is put behind one of them: reshape the labels to "
        "the predictions' shape, subtract, square, take the mean. Anything else: raise, with both of them.",
    ),
)


def _same_size(predictions: np.ndarray, labels: np.ndarray) -> bool:
    return predictions.size == labels.size


TASKS = (LOSS,)
