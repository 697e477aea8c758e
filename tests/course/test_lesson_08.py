"""Lesson 08: it runs, it keeps the chapter form, and what it says is true.

What a learner reads as an answer is computed here a second time: in float64 with NumPy, from the
formulas of the mean squared error, and never by the cell that shows it.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import engine as tf
from course.lab.loss_surface import Bowl, LossSurface, slider_range, walk
from course.lab.questions import predictions, questions
from tests.course import lesson

X = np.arange(-1.0, 5.0)
Y = 2 * X - 1
START = (-0.0221194, 0.0)


def numbers(notebook: Any, cell: str, row: int = -1) -> list[float]:
    """The numbers in one printed line."""
    line = lesson.printed(notebook, cell).splitlines()[row]
    return [float(n) for n in re.findall(r"-?\d+\.?\d*(?:e[-+]\d+)?|inf|nan", line)]


class TestLesson(lesson.EveryLesson):
    pictures = "LossSurface"
    least = 4
    later = r"keras|fit\(|tf\.data|Adam|Dense"


def test_the_four_lines_are_those_that_chapter_09_puts_into_its_slots() -> None:
    """09 says that `fit` is this loop: the same names, in the same order."""
    (step,) = [cell.source for cell in lesson.code("08") if cell.id == "one-step"]
    (mine,) = [cell.source for cell in lesson.code("09") if cell.id == "hand-fit"]
    for slot in ("# 1 predict", "# 2 loss", "# 3 gradient", "# 4 update"):
        assert slot in step and slot in mine
    for line in ("dw, db = tape.gradient(loss, [w, b])", "b.assign_sub(learning_rate * db)"):
        assert line in step and line in mine


# --- the arithmetic, a second time ----------------------------------------------------------------


def hessian(x: Any) -> np.ndarray:
    at = np.asarray(x, float)
    return 2 * np.array([[np.mean(at**2), np.mean(at)], [np.mean(at), 1.0]])


FLAT, STEEP = np.linalg.eigvalsh(hessian(X))


def after(steps: int, rate: float = 0.01, start: Any = START) -> np.ndarray:
    """w and b after exact gradient descent, by a matrix power."""
    power = np.linalg.matrix_power(np.eye(2) - rate * hessian(X), steps)
    return np.array([2.0, -1.0]) + power @ (np.array(start) - [2.0, -1.0])


def loss(knobs: Any, x: Any = X, y: Any = Y) -> float:
    return float(np.mean((knobs[0] * x + knobs[1] - y) ** 2))


def at_ten(knobs: Any) -> float:
    return float(10 * knobs[0] + knobs[1])


def test_the_first_step_and_the_loop(executed: Any) -> None:
    dw, db = 2 * np.mean(-Y * X), 2 * np.mean(-Y)
    assert numbers(executed, "one-step", 0) == pytest.approx([dw, db], abs=1e-4)
    assert numbers(executed, "one-step", 1) == pytest.approx([-0.01 * dw, -0.01 * db], abs=1e-4)
    for row, steps in enumerate((0, 1, 10, 100, 500), 1):
        w, b = after(steps)
        shown = numbers(executed, "train", row)
        assert shown == pytest.approx([steps, w, b, loss((w, b)), at_ten((w, b))], abs=6e-3)
    assert numbers(executed, "train")[-1] == 18.98


def test_the_start_is_the_one_of_chapter_00() -> None:
    tf.random.set_seed(1)
    layer = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=[1])]).layers[0]
    kernel, bias = layer.get_weights()
    assert (kernel.item(), bias.item()) == pytest.approx(START, abs=1e-7)


def test_limit_curvatures_and_condition_number(executed: Any) -> None:
    assert numbers(executed, "limit", 0)[-1] == pytest.approx(2 / STEEP, abs=1e-4)
    assert numbers(executed, "limit", 1)[-1] == pytest.approx(2 / FLAT, abs=1e-4)
    assert numbers(executed, "condition", 0)[0] == pytest.approx(STEEP / FLAT, abs=0.01)
    below, on, above = (numbers(executed, "around", row)[1:] for row in (1, 2, 3))
    assert below[0] > below[1] > below[2] > below[3] and below[3] < 0.01
    assert on[1] == pytest.approx(on[3], rel=1e-3) and on[3] > 10
    assert above[0] < above[1] < above[2] < above[3]
    # Between 0 and 50 steps the one on the limit only loses what lay along the flat direction.
    for row, rate in enumerate((0.01, 1 / STEEP, 2 / (FLAT + STEEP), 0.176), 2):
        worst = max(abs(1 - rate * FLAT), abs(1 - rate * STEEP))
        steps = next(k for k in range(1000) if worst**k <= 0.01)
        assert numbers(executed, "condition", row)[-1] == steps
    c = STEEP / FLAT
    factor = 1 - 2 / (FLAT + STEEP) * FLAT
    assert factor == pytest.approx((c - 1) / (c + 1))


def test_18_98_is_computed_without_training(executed: Any) -> None:
    expected = at_ten(after(500))
    rows = lesson.printed(executed, "without-training").splitlines()
    assert [float(row.split(": ")[1]) for row in rows[2:4]] == pytest.approx(
        [expected] * 2, abs=1e-4
    )
    assert f"{expected:.2f}" == "18.98"
    epochs = next(k for k in range(2000) if 19 - at_ten(after(k)) <= 0.001)
    assert f"after {epochs} epochs" in rows[4]
    w, b = after(500)
    assert rows[5] == f"the two mistakes cancel near x = {(b + 1) / (2 - w):.0f}"


def test_float32_stands_still_and_float64_does_not(executed: Any) -> None:
    rows = [numbers(executed, "digits", row) for row in range(1, 7)]
    narrow, wide = [row[1] for row in rows], [row[2] for row in rows]
    assert len(set(narrow[-3:])) == 1 and narrow[-1] > 1e-6
    assert wide[:3] == pytest.approx([19 - at_ten(after(k)) for k in (500, 1000, 1500)], rel=0.01)
    assert all(later < sooner / 100 for sooner, later in pairwise(wide))


def test_scaled_inputs_make_a_round_bowl(executed: Any) -> None:
    z = (X - X.mean()) / X.std()
    np.testing.assert_allclose(hessian(z), 2 * np.eye(2), atol=1e-12)
    assert numbers(executed, "scaled", -3)[-1] < 1e-9  # the loss after one step
    assert numbers(executed, "scaled")[-1] == pytest.approx(19)
    for row, inputs in enumerate((X, 10 * X, X + 10, X + 2000), 1):
        low, high = np.linalg.eigvalsh(hessian(inputs))
        shown = numbers(executed, "far", row)[-2:]
        assert shown[0] == pytest.approx(2 / high, rel=0.01)
        if row < 4:  # of the last one float64 has no digits left to divide by
            assert shown[1] == pytest.approx(high / low, rel=0.01)
        else:
            assert shown[1] > 1e12


def test_momentum_needs_fewer_steps(executed: Any) -> None:
    def steps(rate: float, momentum: float) -> int:
        mistake, velocity = np.array(START) - [2.0, -1.0], np.zeros(2)
        for k in range(1000):
            if np.linalg.norm(mistake) < 0.01 * np.linalg.norm(np.array(START) - [2.0, -1.0]):
                return k
            velocity = momentum * velocity - rate * hessian(X) @ mistake
            mistake = mistake + velocity
        raise AssertionError

    best = 2 / (FLAT + STEEP)
    for row, (rate, momentum) in enumerate([(0.01, 0), (0.01, 0.9), (best, 0), (0.2, 0.3)]):
        assert numbers(executed, "momentum", row)[-1] == pytest.approx(steps(rate, momentum), abs=1)
    assert steps(0.01, 0.9) < steps(0.01, 0) and steps(0.2, 0.3) < steps(best, 0)
    assert 2 / STEEP < 0.2  # "that rate alone would diverge"


def test_one_point_at_a_time_trembles_and_less_with_a_smaller_rate(executed: Any) -> None:
    def spread(rate: float) -> float:
        labels = Y + np.random.default_rng(3).normal(size=6)
        (w, b), seen = START, []
        for k in np.random.default_rng(4).integers(6, size=3000):
            wrong = 2 * (w * X[k] + b - labels[k])
            w, b = w - rate * wrong * X[k], b - rate * wrong
            seen.append(w)
        return float(np.std(seen[2000:]))

    assert spread(0.05) > spread(0.02) > spread(0.005) > 0
    still, moving = numbers(executed, "noise", 0)[-2:], numbers(executed, "noise", 1)[-2:]
    assert still[0] == still[1] and moving[1] - moving[0] > 0.1


def test_the_three_breakages(executed: Any) -> None:
    lowest = int(numbers(executed, "later", 1)[0])
    growing = next(k for k in range(101, 200) if _changed(k + 1) > _changed(k))
    assert 100 < lowest == pytest.approx(growing, abs=3)
    infinite, nan = (int(numbers(executed, "later", row)[-1]) for row in (2, 3))
    assert lowest + 100 < infinite < nan < 600
    assert lesson.printed(executed, "later-repair").splitlines()[0].startswith("rate 0.2 is not")
    assert "stopped at epoch" in lesson.printed(executed, "later-repair")
    for row, count in enumerate((6, 12, 24, 48), 1):
        _, summed, averaged = numbers(executed, "sum", row)
        limit = 2 / np.linalg.eigvalsh(hessian(np.linspace(-1, 4, count)))[1]
        assert (summed < 1) == (0.01 * count < limit)
        assert averaged < 0.3
        assert count == 6 or limit == pytest.approx(0.2, abs=0.01)  # "about 0.2"
    epoch = next(k for k in range(1, 500) if loss(after(k - 1)) - loss(after(k)) < 0.001)
    rows = lesson.printed(executed, "plateau").splitlines()
    assert rows[0].startswith(f"x: stopped at epoch {epoch}, ")
    assert float(rows[0].split()[-1]) == pytest.approx(at_ten(after(epoch)), abs=0.01)
    assert float(rows[2].split()[-1]) > float(rows[0].split()[-1])
    share = (1 - 0.01 * FLAT) ** 2
    assert share == pytest.approx(0.98, abs=0.001)  # "about 2 %"


def _changed(epoch: int) -> float:
    """The loss of an epoch of the training whose rate becomes 0.2 at epoch 100."""
    return (
        loss(after(min(epoch, 100))) if epoch <= 100 else loss(after(epoch - 100, 0.2, after(100)))
    )


# --- predictions and quiz -------------------------------------------------------------------------


def answers() -> dict[str, Any]:
    worst = {
        name: max(abs(1 - rate * FLAT), abs(1 - rate * STEEP))
        for name, rate in {
            "0.01": 0.01,
            "1 / steep, about 0.088": 1 / STEEP,
            "2 / (flat + steep), about 0.162": 2 / (FLAT + STEEP),
            "0.176, just below the limit": 0.176,
        }.items()
    }
    left = (1 - 0.01 * FLAT) ** 500
    assert f"{(1 - 0.01 * STEEP) ** 500:.0e}" == "9e-27"  # "26 zeros behind the point"
    grown = loss(after(200, 1.01 * 2 / STEEP)) / loss(START)
    first = next(k for k in range(101, 200) if _changed(k + 1) > _changed(k))
    counts = [
        n
        for n in (12, 24, 48)
        if 0.01 * n > 2 / np.linalg.eigvalsh(hessian(np.linspace(-1, 4, n)))[1]
    ]
    stopped = next(k for k in range(1, 500) if loss(after(k - 1)) - loss(after(k)) < 0.001)
    z = (X - X.mean()) / X.std()
    one_step = -0.5 * 2 * np.array([np.mean(-Y * z), np.mean(-Y)])
    assert loss(one_step, z) < 1e-20
    narrow = tf.constant(1.9999) + tf.constant(1e-8) == tf.constant(1.9999)
    return {
        "loss": loss((2.0, 0.0)),
        "first-step": round(-0.01 * 2 * float(np.mean(-Y)), 10),
        "factor": str(1 / 2.0),
        "limit": "the steep one: 2 / 11.3" if STEEP > FLAT else "the flat one: 2 / 1.03",
        "above": "thousands of times as much" if grown > 1000 else "a little above 16",
        "fastest": min(worst, key=worst.__getitem__),
        "left": f"about {100 * left:.1f} %",
        "digits": "float32 stops short of it, float64 goes on shrinking the rest" if narrow else "",
        "scaled": 1,
        "noise": "it comes near the lowest place and keeps moving around it",
        "later": "about twenty epochs later" if 115 < first < 125 else f"at epoch {first}",
        "sum": str(counts[0]),
        "plateau": f"about {at_ten(after(stopped)):.1f}",
    }


def test_the_answer_to_every_prediction_is_what_the_arithmetic_says() -> None:
    assert answers() == {name: one.answer for name, one in predictions("08").items()}


def test_the_quiz_marks_right_what_is_stable_and_what_the_labels_do_not_change() -> None:
    (stable,) = [one for one in questions("08") if "Which of these rates are stable" in one.ask]
    for option in stable.options:
        rate = float(option.text)
        shrinks = all(abs(1 - rate * curvature) < 1 for curvature in (0.5, 40.0))
        assert shrinks == option.correct, option.text
    (labels,) = [one for one in questions("08") if "100 * y" in one.ask]
    knobs = tf.Variable([0.0, 0.0])
    found = []
    for scale in (1.0, 100.0):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                mse = tf.reduce_mean(tf.square(knobs[0] * X + knobs[1] - scale * Y))
            slope = inner.gradient(mse, knobs)
        found.append(outer.jacobian(slope, knobs).numpy())
    np.testing.assert_array_equal(*found)
    assert [option.text for option in labels.options if option.correct] == ["It stays the same."]


def test_the_quiz_is_right_about_the_sum_and_the_straight_line() -> None:
    (doubled,) = [one for one in questions("08") if "the batch is doubled" in one.ask]
    assert [option.text for option in doubled.options if option.correct] == [
        "Twice the learning rate."
    ]
    twice = np.concatenate([X, X])
    of_the_sum = [len(points) * hessian(points) for points in (X, twice)]
    np.testing.assert_allclose(of_the_sum[1], 2 * of_the_sum[0])
    # Late in a training one factor is left, and it belongs to the flat direction.
    shares = [loss(after(k + 1)) / loss(after(k)) for k in (100, 300, 500)]
    assert shares == pytest.approx([(1 - 0.01 * FLAT) ** 2] * 3, rel=1e-4)


# --- the widget, without a browser ----------------------------------------------------------------


def test_the_bowl_is_the_one_of_the_points() -> None:
    bowl = Bowl.of(X, Y)
    assert bowl.curvatures == pytest.approx((FLAT, STEEP))
    for w, b in [(0.0, 0.0), (2.0, -1.0), (-3.0, 4.0)]:
        assert bowl.lowest + bowl.above(w, b) == pytest.approx(loss((w, b)), abs=1e-9)
    noisy = Bowl.of([0, 1, 2], [0, 2, 1])
    assert noisy.bottom == pytest.approx((0.5, 0.5)) and noisy.lowest == pytest.approx(0.5)
    with pytest.raises(ValueError, match="two different x"):
        Bowl.of([3, 3], [1, 2])


def test_a_walk_is_gradient_descent_and_ends_when_it_is_lost() -> None:
    path = walk(X, Y, START, 0.01, 100)
    assert path[0] == START and path[100] == pytest.approx(tuple(after(100)))
    assert len(walk(X, Y, START, 0.25, 500)) < 100


def test_a_walk_with_momentum_is_that_of_the_optimizer_and_is_what_a_saved_picture_shows() -> None:
    w, b = tf.Variable(START[0], dtype="float64"), tf.Variable(START[1], dtype="float64")
    optimizer = tf.keras.optimizers.SGD(0.01, momentum=0.9)
    x, y = (tf.constant(data, tf.float64) for data in (X, Y))
    for _ in range(40):
        with tf.GradientTape() as tape:
            mse = tf.reduce_mean(tf.square(w * x + b - y))
        optimizer.apply_gradients(zip(tape.gradient(mse, [w, b]), [w, b], strict=True))
    end = walk(X, Y, START, 0.01, 40, momentum=0.9)[-1]
    assert end == pytest.approx((w.numpy().item(), b.numpy().item()), abs=1e-5)
    saved = [
        LossSurface(X.ravel(), Y.ravel(), learning_rate=0.01, **more)._static()["text/plain"]
        for more in ({}, {"momentum": 0.9})
    ]
    assert "rate 0.01 lead" in saved[0] and "rate 0.01 and momentum 0.9 lead" in saved[1]
    assert saved[0].split("lead")[1] != saved[1].split("lead")[1]


def test_the_slider_holds_the_limit_and_a_place_beyond_it() -> None:
    for limit in (0.177, 1.0, 2.5e-7, 3.3, 0.0077):
        end, grain = slider_range(limit)
        assert 1.3 * limit <= end < 2.7 * limit and grain < 0.01 * limit * 1.6


def test_the_surface_leaves_a_picture_and_takes_tensors() -> None:
    surface = LossSurface(tf.constant(X), tf.constant(Y), paths={"mine": [(0.0, 0.0), (1.0, 0.5)]})
    assert surface.paths == [{"name": "mine", "points": [[0.0, 0.0], [1.0, 0.5]]}]
    static = surface._static()
    assert "data:image/png;base64," in static["text/html"] and "mine" in static["text/plain"]
    plain = LossSurface(learning_rate=0.01)._static()["text/plain"]
    assert f"to {loss(after(30, start=(0, 0))):.4g}." in plain
    with pytest.raises(ValueError, match="same number of points"):
        LossSurface([1, 2], [3])
    with pytest.raises(ValueError, match=r"goes up to 0\.25"):
        LossSurface(learning_rate=0.5)
