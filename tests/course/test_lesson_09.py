"""Lesson 09: it runs, it keeps the chapter form, and what it says is true.

Each claim that a learner reads as an answer is computed here again: by NumPy in float64, or by a
program of its own on the engine, never by the cell that shows it.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import engine as tf
from course.lab.fit_steps import FitSteps, record_fit
from course.lab.questions import predictions, questions
from tests.course import lesson
from tests.course.line import START, X, Y, at_ten, descend, fitted


class TestLesson(lesson.EveryLesson):
    pictures = "FitSteps|ShapeBoxes"
    also_drawn = r".*\bLossCurve"
    least = 3
    later = r"relu|Adam|Dropout|BatchNormalization|tf\.data|validation"


def answer(name: str) -> str | float:
    return predictions("09")[name].answer


def by_hand(epochs: int, batch_size: int) -> tuple[float, float]:
    """w and b after gradient descent in float64, with the gradient written out."""
    w, b, x = START, 0.0, X.astype(float)
    for _ in range(epochs):
        for start in range(0, len(x), batch_size):
            rows = slice(start, start + batch_size)
            wrong = 2 * (w * x[rows] + b - Y[rows]) / len(x[rows])
            w, b = w - 0.01 * np.sum(wrong * x[rows]), b - 0.01 * np.sum(wrong)
    return float(w), float(b)


def test_dense_3_on_two_features_holds_nine_numbers(executed: Any) -> None:
    layer = tf.keras.layers.Dense(3)
    assert layer.weights == []
    assert layer(tf.ones([4, 2])).shape == (4, 3)
    held = sum(weight.numpy().size for weight in layer.weights)
    assert held == answer("params")
    assert f"numbers in it: {held}\n" in lesson.printed(executed, "dense-build")


@pytest.mark.parametrize("batch_size", [6, 4, 2, 1])
def test_fit_and_a_loop_by_hand_agree(batch_size: int) -> None:
    model, _ = fitted(epochs=500, batch_size=batch_size, shuffle=False)
    got = [weight.item() for weight in model.get_weights()]
    assert got == pytest.approx(by_hand(500, batch_size), abs=1e-5)


def test_the_lesson_shows_them_agree(executed: Any) -> None:
    assert answer("match") == "0, or as small as rounding"
    *_, last, verdict = lesson.printed(executed, "match").splitlines()
    assert verdict.startswith("largest difference in 1500 updates: ")
    assert float(verdict.split(": ")[1]) <= 1e-6
    epoch, fit_w, _, fit_b, _ = last.split()
    assert epoch == "500"
    assert (float(fit_w), float(fit_b)) == pytest.approx(by_hand(500, 2), abs=1e-5)


def test_fit_takes_the_steps_of_the_walk_of_chapter_08(executed: Any) -> None:
    _, *rows, last = lesson.printed(executed, "match-08").splitlines()
    assert last == f"prediction at 10: {descend(500):.2f}"
    for row, step in zip(rows, (0, 1, 10, 100, 500), strict=True):
        number, fit_w, old_w, fit_b, old_b = row.split()
        assert (int(number), fit_w, fit_b) == (step, old_w, old_b)
        assert (float(fit_w), float(fit_b)) == pytest.approx(by_hand(step, 6), abs=1e-4)


def test_compile_leaves_the_weights_alone(executed: Any) -> None:
    assert "weights changed by compile: False" in lesson.printed(executed, "compile")
    assert "weights changed: False" in lesson.printed(executed, "evaluate-predict")


def test_updates_are_counted_by_batches(executed: Any) -> None:
    model, _ = fitted(epochs=3, batch_size=4)
    assert int(model.optimizer.iterations.numpy()) == answer("updates") == 6
    diary = lesson.printed(executed, "diary")
    assert diary.count("done, updates so far") == 6
    assert (
        lesson.printed(executed, "progress").count("\r2/2 ") == 4
    )  # a bar of its updates an epoch; one more than 32 samples are two batches
    right = [
        option.text for question in questions("09") for option in question.options if option.correct
    ]
    assert str(10 * -(-1000 // 32)) in right  # 1,000 samples, batch_size 32, 10 epochs


def test_the_history_of_one_batch_is_evaluate_before_it(executed: Any) -> None:
    model, _ = fitted(epochs=0)
    before = model.evaluate(X, Y, verbose=0)
    noted = model.fit(X, Y, epochs=1, verbose=0).history["loss"][0]
    after = model.evaluate(X, Y, verbose=0)
    assert before == pytest.approx(np.mean((START * X - Y) ** 2), rel=1e-5)
    assert noted == pytest.approx(before) and after < before
    assert answer("history") == "`evaluate` before that epoch"
    shown = [float(line.split()[-1]) for line in lesson.printed(executed, "history").splitlines()]
    assert shown == pytest.approx([before, noted, after], abs=1e-3)


def test_a_loss_is_traced_once_for_each_shape_of_batch(executed: Any) -> None:
    ran = []

    def loss(y_true, y_pred):
        ran.append(tuple(y_true.shape))
        return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)

    model, _ = fitted(epochs=0)
    model.compile("sgd", loss)
    model.fit(X, Y, batch_size=4, epochs=50, verbose=0)
    assert len(ran) == answer("trace") == 2
    model.fit(X, Y, batch_size=5, verbose=0)
    assert ran == [(4, 1), (None, 1)]  # "no third size needs a trace": 5 and 1 are two more
    shown = lesson.printed(executed, "trace")
    assert re.findall(r"batch of (\w+)", shown) == ["4", "None"]
    assert "updates: 100\n" in lesson.printed(executed, "trace")


def test_only_the_order_depends_on_the_seed(executed: Any) -> None:
    ends = [line.split("= ")[1] for line in lesson.printed(executed, "shuffle").splitlines()]
    fixed, shuffled = ends[:3], ends[3:]
    assert len(set(fixed)) == 1
    assert shuffled[0] == shuffled[2] != shuffled[1]


def test_progress_comes_from_updates(executed: Any) -> None:
    rows = [row.split() for row in lesson.printed(executed, "batch-sizes").splitlines()[1:] if row]
    same_epochs, same_updates = rows[:4], rows[4:]
    results = {int(row[0]): abs(19 - float(row[3])) for row in same_epochs}
    assert min(results, key=results.get) == 1 and answer("batch") == "batch size 1"
    assert [int(row[2]) for row in same_epochs] == [100, 200, 300, 600]
    assert {int(row[2]) for row in same_updates} == {600}
    spread = [float(row[3]) for row in same_updates]
    assert max(spread) - min(spread) < 0.01 < min(results[6], results[3], results[2])
    assert float(rows[0][3]) == pytest.approx(descend(100), abs=1e-3)


def test_a_callback_ends_fit(executed: Any) -> None:
    said, counted = lesson.printed(executed, "callbacks").splitlines()
    epoch = int(said.split()[-1])
    _, losses = fitted(epochs=epoch)
    assert losses[-1] < 0.01 <= losses[-2]
    assert counted == f"epochs in the history: {epoch}"


def test_one_example_without_a_batch_axis_is_refused(executed: Any) -> None:
    model = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=[3])])
    flower = np.ones(3, np.float32)
    assert answer("one-sample") == "raises an error"
    with pytest.raises(ValueError, match="batch axis"):
        model.predict(flower, verbose=0)
    with pytest.raises(ValueError, match="rank 2 or more"):
        model.layers[0](flower)
    shown = lesson.printed(executed, "one-sample")
    assert "the model: " in shown and "the layer: " in shown
    assert lesson.printed(executed, "one-sample-repair").splitlines() == [
        "repaired: (1, 3) -> (1, 1)",
        "one feature: (3,) -> (3, 1)",
    ]


def test_flat_labels_train_the_loop_by_hand_to_their_mean_but_not_fit(executed: Any) -> None:
    flat = Y[:, 0]
    # By hand the (6, 6) of all pairs: the mean is the best answer to all labels at once.
    x = X.astype(float)
    w, b = 0.5, 0.0
    for _ in range(2000):
        wrong = 2 * (w * x + b - flat) / 36
        w, b = w - 0.01 * np.sum(wrong * x), b - 0.01 * np.sum(wrong)
    assert (w, b) == pytest.approx((0, flat.mean()), abs=1e-4)
    assert answer("labels") == f"it trains to something else: w to 0, b to {flat.mean():g}"
    shown = lesson.printed(executed, "labels-run")
    assert f"epoch 2000: w {w:.4f}, b {b:.4f}, loss {flat.var():.4f}" in shown
    model, _ = fitted(epochs=0)
    model.fit(X, flat, epochs=500, verbose=0)
    assert at_ten(model) == pytest.approx(descend(500), abs=1e-4)
    with pytest.raises(ValueError, match="must be equal"):
        model.fit(X, np.tile(flat, (6, 1)), verbose=0)


def test_an_uncompiled_model_predicts_and_does_not_fit() -> None:
    bare = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=[1])])
    assert answer("uncompiled") == "`predict`, not `fit`"
    assert bare.predict([10.0], verbose=0).shape == (1, 1)
    with pytest.raises(RuntimeError, match="compile"):
        bare.fit(X, Y, verbose=0)


def test_a_loaded_model_trains_on_where_it_was(executed: Any) -> None:
    assert lesson.printed(executed, "save").splitlines() == [
        "updates so far: 5",
        "the same weights five epochs later: True",
    ]


def test_the_walk_through_fit_records_what_fit_does() -> None:
    steps = FitSteps(X[:, 0], Y[:, 0], batch_size=6)
    assert {int(size): len(epochs[0]["updates"]) for size, epochs in steps.records.items()} == {
        6: 1, 4: 2, 3: 2, 2: 3, 1: 6,
    }  # fmt: skip
    for epoch in steps.records["4"]:
        assert sorted(epoch["order"]) == list(range(6))
        assert [row for one in epoch["updates"] for row in one["rows"]] == epoch["order"]
    # All six in one batch: the order does not matter, and fit from the same weights agrees.
    last = record_fit(X, Y, batch_size=6, epochs=50, start=(START, 0.0), learning_rate=0.01, seed=0)
    model, losses = fitted(epochs=50)
    weights = [weight.item() for weight in model.get_weights()]
    assert [last[-1]["updates"][0][name] for name in "wb"] == pytest.approx(weights, abs=1e-5)
    assert [epoch["loss"] for epoch in last] == pytest.approx(losses, rel=1e-4)
    title = steps._static()["text/plain"].splitlines()[0]
    assert title == "fit, first epoch of 6 samples, batch size 6: updates 1"
    with pytest.raises(ValueError, match="batch_size is one of"):
        FitSteps(batch_size=5)
