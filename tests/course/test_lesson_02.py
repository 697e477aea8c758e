"""Lesson 02: it runs, it keeps the chapter form, and what it says is true.

Predictions and quiz answers are computed here a second time, from NumPy and the engine.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

import engine as tf
from course.lab.questions import predictions, questions
from tests.course import lesson


class TestLesson(lesson.EveryLesson):
    pictures = "MemoryRow|BroadcastAlign"
    least = 4
    later = r"Variable\(|GradientTape|tf\.function|gradient|TensorSpec|tf\.data|tf\.debugging"


def test_keras_is_used_for_the_black_box_alone():
    """The model of the outage is trained with the `fit` of chapter 00."""
    used = [cell.id for cell in lesson.code("02") if "keras" in cell.source]
    assert set(used) <= {"train", "safe-loss"}


def figures(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", text)]


def test_what_the_lesson_shows(executed):
    def shown(cell: str) -> str:
        return lesson.printed(executed, cell)

    assert "images[:, ::2, ::2]   (32, 14, 14, 3) (2352, 168, 6, 1)" in shown("strides")
    drawn = shown("letter").split("tf.")
    assert drawn[1].count("# # # #") == 1 and "# # # #" not in drawn[2]
    kinds = dict(re.findall(r"^(.{30}) (view|copy)", shown("view-or-copy"), re.M))
    assert [kind for kind in kinds.values()] == ["view"] * 5 + ["copy"] * 4
    assert shown("inplace").endswith("same row: True\n")
    assert "x[30:99]               (2, 28, 28, 3)" in shown("slices")
    for cell in ("minus-one", "gather", "align-error", "safe-loss", "gate"):
        assert "Error: " in shown(cell), cell
    assert "axis -1 has size 4 against 3" in " ".join(shown("align-error").split())
    assert "best line:     y = 0.0 x + 2.0, loss 11.67" in shown("best-line")
    left, right = figures(shown("formula"))
    assert left == right
    assert "best line: y = 2.0 x + -1.0, loss 0.00" in shown("safe-loss")


def test_the_outage_is_the_one_of_the_title(executed):
    title = next(c.source for c in executed.cells if c.id == "outage")
    before, after = re.search(r"from (\d+)% to (\d+)%", title).groups()
    accuracy = {
        cell: re.search(r"accuracy: (\d+)%", lesson.printed(executed, cell))[1]
        for cell in ("train", "outage-run", "gate")
    }
    assert accuracy == {"train": before, "outage-run": after, "gate": before}
    assert (before, after) == ("94", "11")
    assert "request (450, 8, 8)   mean (8, 1)   answers (450,)" in lesson.printed(
        executed, "outage-run"
    )
    old, new = (
        figures(line)[-1] for line in lesson.printed(executed, "outage-why").splitlines()[2:]
    )
    assert new > 5 * old


# --- predictions and quiz ---------------------------------------------------------------------------


def outcome(run: Any) -> str:
    try:
        return str(run())
    except (tf.errors.OpError, ValueError, TypeError):
        return "an error"


def best_of_lines() -> str:
    """By brute force in NumPy, over finer lines than the lesson tries."""
    x = np.arange(-1.0, 5.0)
    labels = 2 * x - 1
    grid = [(w, b) for w in np.arange(-1, 4.1, 0.25) for b in np.arange(-3, 4.1, 0.25)]
    losses = [np.mean((w * x[:, None] + b - labels) ** 2) for w, b in grid]
    best = grid[int(np.argmin(losses))]
    return "a flat line at the mean of the labels" if best == (0, labels.mean()) else f"{best}"


def served() -> str:
    """The outage without a network: digits told apart by the nearest mean image.

    Says what the subtraction took from each pixel of a batch without its last axis.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images, targets = digits.images[..., None], digits.target
    mean, spread = images.mean(axis=(0, 1)), images.std(axis=(0, 1))
    flat = ((images - mean) / spread).reshape(len(images), -1)
    centres = np.stack([flat[targets == digit].mean(axis=0) for digit in range(10)])

    def right(batch: np.ndarray) -> float:
        asked = ((batch - mean) / spread).reshape(len(batch), -1)
        answers = ((asked[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        return float(np.mean(answers == targets))

    good, bad = right(images), right(images[..., 0])
    assert good > 0.8
    assert bad < 0.3, f"{good} and {bad}"
    lost = images[0, ..., 0] - (images[..., 0] - mean)[0]
    by_row = np.allclose(lost, np.repeat(mean, 8, axis=1))
    return "each pixel row loses the mean of a column" if by_row else f"{lost}"


def minus_mean(values: Any, mean: Any) -> Any:
    values -= mean(values)
    return values


def answers() -> dict[str, Any]:
    images = np.zeros((32, 28, 28, 3), np.float32)
    t = tf.constant([[1, 2, 3], [4, 5, 6]])
    table = np.zeros((2, 3), int)
    column = table[:, 1]
    column += 5
    a = np.arange(12).reshape(3, 4)
    square = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [100.0, 200.0, 300.0]])
    means = square.mean(axis=1)
    by_column = np.stack([square[:, j] - means[j] for j in range(3)], axis=1)
    silent = tf.constant(square) - tf.reduce_mean(square, axis=1)
    array, tensor = np.array([1.0, 2.0, 6.0]), tf.constant([1.0, 2.0, 6.0])
    changed = [
        name
        for name, data, mean in (
            ("the array's", array, np.mean),
            ("the tensor's", tensor, tf.reduce_mean),
        )
        if minus_mean(data, mean) is not None and np.array(data).tolist() != [1, 2, 6]
    ]
    return {
        "stride": images.strides[1] // images.itemsize,
        "reshape": str(tf.reshape(t, [3, 2]).numpy().tolist()),
        "minus-one": tf.reshape(tf.zeros([32, 28, 28, 1]), [32, -1]).shape[1],
        "view": "5 in the middle column" if table.tolist() == [[0, 5, 0]] * 2 else str(table),
        "copy": "a view" if np.shares_memory(a, a.T.reshape(12)) else "a copy",
        "inplace": " and ".join(changed),
        "slice": str(tf.zeros([32, 28, 28, 3])[:, 4:24, ::2, 0].shape),
        "align": outcome(lambda: tf.zeros([3, 4]) + tf.zeros([3])),
        "table": str((tf.zeros([3, 1]) * tf.zeros([4])).shape),
        "square": (
            "every column minus the mean of another row"
            if np.allclose(silent.numpy(), by_column)
            else "every row minus its own mean"
        ),
        "pairs": tf.size(tf.zeros([6, 1]) - tf.zeros([6])).numpy(),
        "line": best_of_lines(),
        "outage": served(),
    }


def test_the_answer_to_every_prediction_is_what_numpy_and_the_engine_say():
    assert answers() == {name: one.answer for name, one in predictions("02").items()}


def the_question(words: str) -> Any:
    (found,) = [question for question in questions("02") if words in question.ask]
    return found


def plain(option: Any) -> str:
    return re.fullmatch(r"`(.+)`", option.text)[1]


def test_quiz_marks_right_what_numpy_and_the_engine_say():
    for option in the_question("pairs of shapes broadcast").options:
        one, two = (eval(text) for text in re.findall(r"`(.+?)`", option.text))
        fits = outcome(lambda one=one, two=two: tf.zeros(one) + tf.zeros(two)) != "an error"
        assert fits == option.correct, option.text

    a = np.arange(24).reshape(4, 6)
    for option in the_question("strides (6, 1)").options:
        assert np.shares_memory(a, eval(plain(option), {"a": a})) == option.correct, option.text

    x = tf.random.normal([32, 10, 3])
    asked = x.numpy() - np.array([series.mean(axis=0) for series in x.numpy()])[:, None]
    for option in the_question("its own mean over time").options:
        try:
            same = np.allclose(eval(plain(option), {"x": x, "tf": tf}).numpy(), asked, atol=1e-5)
        except tf.errors.InvalidArgumentError:
            same = False
            assert "32 meets 10: an error" in option.why
        assert same == option.correct, option.text

    predicted, labels = tf.random.normal([64, 1]), tf.random.normal([64])
    names = {"predictions": predicted, "labels": labels, "tf": tf}
    right = np.mean((predicted.numpy()[:, 0] - labels.numpy()) ** 2)
    for option in the_question("Which lines hide it").options:
        value = float(eval(plain(option), names))
        if "==" not in option.text:
            assert (abs(value - right) > 1e-4) == option.correct, option.text
    assert (predicted == labels).shape == (64, 64)


def test_transposing_is_the_repair_that_the_quiz_asks_for():
    question = the_question("channels, rows, columns")
    (right,) = [option for option in question.options if option.correct]
    images = tf.reshape(tf.range(2 * 3 * 4 * 5), [2, 3, 4, 5])
    turned = eval(plain(right), {"tf": tf, "images": images}).numpy()
    for place in np.ndindex(2, 3, 4, 5):
        image, channel, row, column = place
        assert turned[image, row, column, channel] == images.numpy()[place]


def test_the_interview_answer_on_shapes_is_right():
    text = lesson.prose("02")
    one, two, told = re.search(
        r"Do (\(.+?\)) and (\(.+?\)) broadcast.+?result is (\(.+?\))", text, re.S
    ).groups()
    assert np.broadcast_shapes(eval(one), eval(two)) == eval(told)
