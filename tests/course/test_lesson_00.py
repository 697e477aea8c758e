"""Lesson 00: it runs, it keeps the chapter form, and what it says is true.

Each claim that a learner reads as an answer is computed here again: by NumPy in float64, or by a
program of its own on the engine, never by the cell that shows it.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import engine as tf
from course.lab.questions import predictions
from course.lab.two_knobs import TwoKnobs, loss_of
from tests.course import lesson
from tests.course.line import X, Y, at_ten, descend, fitted


class TestLesson(lesson.EveryLesson):
    pictures = "TwoKnobs"
    also_drawn = r".*\bLossCurve"
    least = 4
    later = r"Variable\(|GradientTape|tf\.function|TensorSpec|tf\.data|assign"
    folded = 3
    linked = 3
    shortest = 15  # and as much again for the exercise


def answer(name: str) -> str | float:
    return predictions("00")[name].answer


def test_the_model_predicts_18_98_and_says_so(executed: Any) -> None:
    assert f"{descend(500):.2f}" == "18.98"
    assert at_ten(fitted(epochs=500)[0]) == pytest.approx(descend(500), abs=1e-4)
    assert lesson.printed(executed, "predict").splitlines()[-1] == "18.98"
    assert answer("ten") == "a little less than 19" and descend(500) < 19


def test_more_epochs_take_away_the_same_share_each_time(executed: Any) -> None:
    missing = [19 - descend(epochs) for epochs in (500, 1000, 1500)]
    assert answer("more") == f"about {missing[1]:.4f}"
    assert f"{missing[0]:.2f}" == "0.02"  # "about 0.02 is missing"
    factors = [missing[0] / missing[1], missing[1] / missing[2]]
    assert factors == pytest.approx([180, 180], rel=0.02)  # "by the same factor"
    rows = lesson.printed(executed, "more-epochs").splitlines()[1:]
    shown = [float(row.split()[2]) for row in rows]
    assert shown[:2] == pytest.approx(missing[:2], abs=1e-5)
    # "The last rows stand still", and not at 19: float32 has no digits left for the next step.
    assert len(set(shown[-3:])) == 1 and 0 < shown[-1] < 2e-5


def test_sixty_points_come_less_near(executed: Any) -> None:
    sixty = np.linspace(-1, 4, 60, dtype=np.float32)[:, None]
    expected = descend(500, x=sixty)
    assert answer("points") == "below 18.98" and expected < descend(500)
    assert f"{expected:.2f}" == "18.94"
    assert "18.94" in predictions("00")["points"].why
    assert lesson.printed(executed, "more-points") == "60 points: 18.94\n"
    # The reason given: spread evenly, sixty points lie nearer to the middle.
    assert sixty.var() < X.var()


def test_the_loss_of_the_interview_is_that_of_the_training() -> None:
    _, losses = fitted(epochs=500)
    assert f"The loss is {losses[-1]:.5f}, and yet" in lesson.prose("00")


def test_the_mistakes_of_the_knobs_work_against_each_other(executed: Any) -> None:
    lines = lesson.printed(executed, "knobs").splitlines()
    w, b = (float(re.search(r"mistake ([+-][\d.]+)", line)[1]) for line in lines[:2])
    assert w < 0 < b
    assert abs(3 * w + b) < 0.05 * b  # "at x = 3 they cancel almost exactly"
    off = {x: abs(w * x + b) for x in range(-1, 5)}
    assert max(off, key=off.get) == -1 and f"{off[-1]:.3f}" == "0.011"  # "is off most, by 0.011"
    assert float(lines[3].split("= ")[1]) == pytest.approx(descend(500) - 19, abs=1e-4)


def test_two_features_are_refused_and_two_rows_are_answered(executed: Any) -> None:
    model = fitted(epochs=1)[0]
    assert answer("shape") == "an error"
    with pytest.raises(ValueError, match=r"\(batch, 1\), but got \(1, 2\)"):
        model.predict([[10.0, 11.0]], verbose=0)
    assert model.predict([[10.0], [11.0]], verbose=0).shape == (2, 1)
    assert "ValueError: Model" in lesson.printed(executed, "wrong-shape")


def test_a_loss_that_is_no_number_is_told_and_can_end_fit() -> None:
    with pytest.warns(RuntimeWarning, match="learning rate"):
        fitted(epochs=200, rate=0.3, verbose=2)
    _, losses = fitted(epochs=200, rate=0.3, callbacks=[tf.keras.callbacks.TerminateOnNaN()])
    assert np.isfinite(losses[:-1]).all() and not np.isfinite(losses[-1]) and len(losses) < 200


def test_a_rate_of_0_3_ends_as_nan_without_an_error_and_0_1_mends_it(executed: Any) -> None:
    assert answer("rate") == "it grows until it is no longer a number"
    model, losses = fitted(epochs=200, rate=0.3)
    assert losses[0] < losses[1] < losses[2] and np.isnan(losses[-1])
    assert np.isnan(at_ten(model))
    shown = lesson.printed(executed, "explode")
    assert f"epoch {1 + losses.index(float('inf'))}\n" in shown and "nan" in shown
    old, new = lesson.printed(executed, "repair").splitlines()
    assert old.endswith(": nan") and float(new.split(": ")[1]) == pytest.approx(19, abs=1e-5)
    # The quiz: 0.1 is better than 0.01, and below the rate at which the loss grows.
    assert abs(descend(500, 0.1) - 19) < abs(descend(500) - 19) < abs(descend(500, 0.3) - 19)


def test_the_two_knobs_start_with_the_loss_they_show() -> None:
    knobs = TwoKnobs()
    expected = np.mean((knobs.w * X + knobs.b - Y) ** 2)
    assert loss_of(knobs.w, knobs.b, knobs.xs, knobs.ys) == pytest.approx(expected)
    static = knobs._static()
    assert f"{expected:.4g}" in static["text/plain"]
    assert "data:image/png;base64," in static["text/html"]
    with pytest.raises(ValueError, match="same number of points"):
        TwoKnobs([1, 2], [3])
