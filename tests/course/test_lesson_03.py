"""Lesson 03: it runs, it keeps the chapter form, and what it says is true.

Predictions and quiz answers are computed here a second time, from the engine and not from the
lesson, so that neither can drift away from what the learner will see.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import engine as tf
from course.lab.questions import predictions, questions
from tests.course import lesson


class TestLesson(lesson.EveryLesson):
    pictures = "SlopeView"
    least = 2
    also_drawn = r".*plt\.show"
    later = r"GradientTape|tf\.function|keras|TensorSpec|tf\.data|fit\("


def test_there_are_two_pictures():
    drawn = [
        cell for cell in lesson.code("03") if re.search(r"SlopeView\(\)|plt\.show", cell.source)
    ]
    assert len(drawn) == 2


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e[-+]?\d+)?", text)]


def test_what_it_shows_of_variables(executed):
    assert lesson.printed(executed, "line-model") == "w = 5.0   model(10) = 19.0\n"
    assert lesson.printed(executed, "shared").startswith("w = 5.0   model(10) = 49.0\n")
    assert lesson.printed(executed, "before") == "before = 5.0   in the box: 7.0\n"
    assert "b is a: True   c is a: False" in lesson.printed(executed, "alias")
    assert [line.split(":")[0] for line in lesson.printed(executed, "fits").splitlines()[::2]] == [
        "TypeError",
        "ValueError",
    ]
    losses = re.findall(r"loss of the model (\S+)", lesson.printed(executed, "rebind"))
    assert len(losses) == 3 and len(set(losses)) == 1
    assert "a Tensor and the model holds a Variable" in lesson.printed(executed, "rebind")
    assert lesson.printed(executed, "rebind-repair").startswith("RuntimeError")
    assert numbers(lesson.printed(executed, "rebind-repair"))[-1] < float(losses[0])
    path, copies = lesson.printed(executed, "keep-numpy").splitlines()
    assert len(set(numbers(path))) == 1 and len(set(numbers(copies))) == 3


def test_what_it_shows_of_slopes(executed):
    slopes = [numbers(line)[-1] for line in lesson.printed(executed, "loss").splitlines()[1:]]
    for h, slope in zip([1.0, 0.1, 0.01], slopes, strict=True):
        assert slope == pytest.approx(31 / 6 * (2 * (0.5 - 2) + h), abs=2e-3)
    rows = [
        numbers(line.split("error:")[1]) for line in lesson.printed(executed, "order").splitlines()
    ]
    for (one, both), (next_one, next_both) in pairwise(rows):
        assert one / next_one == pytest.approx(10, rel=0.05)
        assert both / next_both == pytest.approx(100, rel=0.05)
    assert lesson.printed(executed, "tiny").endswith("1 + 1e-8 is 1: True\n")
    assert "360 directions" in lesson.printed(executed, "directions")
    steepest, slope = numbers(lesson.printed(executed, "directions").splitlines()[0])[-2:]
    towards, length = numbers(lesson.printed(executed, "directions").splitlines()[1])
    assert abs(steepest - towards) <= 1 and slope == pytest.approx(length, abs=0.01)
    assert lesson.printed(executed, "directions").strip().endswith("the slope is 0.00")


def test_the_best_steps_that_are_measured_are_those_that_the_text_derives(executed):
    """In full: the bottoms of all four curves, and both arms of each."""
    lines = lesson.printed(executed, "vee").splitlines()
    assert len(lines) == 4
    for line in lines:
        best, _ = numbers(line.split("best h")[1])[:2]
        derived = numbers(line.split("=")[1])[0]
        assert 1 / 10 <= best / derived <= 10, line
    (cell,) = [cell for cell in executed.cells if cell.id == "vee"]
    assert any("image/png" in out.get("data", {}) for out in cell.outputs)


def test_what_it_shows_of_walks_and_costs(executed):
    down, up = lesson.printed(executed, "descent").split("a rate of 0.25:")
    losses = [float(found) for found in re.findall(r"loss +(\S+)", down)]
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.01
    losses = [float(found) for found in re.findall(r"loss +(\S+)", up)]
    assert losses == sorted(losses) and losses[-1] > 100
    assert [numbers(line) for line in lesson.printed(executed, "cost").splitlines()[:3]] == [
        [n, n, n + 1] for n in (1, 10, 100)
    ]
    check = lesson.printed(executed, "check")
    assert "h = 1e-08: 0.000" in check and check.startswith("the formula says: -15.5")
    assert lesson.printed(executed, "check-repair").strip().endswith("passed: True")


# --- predictions and quiz -------------------------------------------------------------------------


def spread(error: float, choices: tuple[str, ...]) -> str:
    """The choice whose number is nearest, counted in decades."""
    found = {text: abs(np.log10(error / numbers(text)[0])) for text in choices}
    return min(found, key=lambda text: found[text])


def best_forward_step() -> float:
    at, steps = np.float32(1), np.logspace(-7.5, 0, 100).astype(np.float32)
    errors = [abs((np.exp(at + h) - np.exp(at)) / h - np.e) for h in steps]
    rough = [np.median(errors[max(i - 4, 0) : i + 5]) for i in range(len(errors))]
    return float(steps[int(np.argmin(rough))])


def slope_after_three_rebindings() -> str:
    box = name = tf.Variable(0.5)
    for _ in range(3):
        name = name - 0.05 * -15.5
    return "it stays as it is" if float(box) == 0.5 and float(name) > 2 else "it goes down"


def noted_weights() -> str:
    w = tf.Variable(0.5)
    lowest, best, copied = np.inf, None, None
    for following in (1.275, 1.9, 3.5):
        w.assign(following)
        if (now := abs(following - 2)) < lowest:
            lowest, best, copied = now, w, w.value()
    return f"best {float(best):g}, copied {float(copied):.2g}"


def computed() -> dict[str, Any]:
    w = tf.Variable(2.0)
    w.assign_add(3.0)
    before = w.value()
    shared = float(w * 10.0 - 1)
    w.assign(7.0)
    a = b = tf.Variable([1.0, 2.0])
    c = tf.Variable(a)
    a.assign_add([10.0, 10.0])
    counter, fits = tf.Variable(3), "3.5"
    try:
        counter.assign_add(0.5)
    except TypeError:
        fits = "nothing changes: an error is raised"
    curve = np.polynomial.Polynomial([1, -1, 0, 1 / 3])
    error = (curve(1.51) - curve(1.49)) / 0.02 - curve.deriv()(1.5)
    stated = {name: one.options for name, one in predictions("03").items()}
    one = np.float32(1)
    x = np.arange(-1.0, 5.0)
    ways = np.radians(np.arange(0, 360, 0.1))
    return {
        "shared": shared,
        "before": float(before),
        "alias": f"b [{b[0]:.0f}, {b[1]:.0f}], c [{c[0]:.0f}, {c[1]:.0f}]",
        "fits": fits,
        "square": (3.1**2 - 3**2) / 0.1,
        "order": spread(error, stated["order"]),
        "tiny": f"{(np.exp(one + np.float32(1e-8)) - np.exp(one)) / np.float32(1e-8):g}",
        "best": "about 3e-4" if 1e-4 < best_forward_step() < 1e-3 else "elsewhere",
        "steepest": np.max(3 * np.cos(ways) + 4 * np.sin(ways)),
        "down": 0.5 - 0.05 * np.mean(2 * x * (0.5 * x - 1 - (2 * x - 1))),
        "cost": 1 + len(range(1_000_000)),
        "rebind": slope_after_three_rebindings(),
        "keep": noted_weights(),
    }


def test_the_answer_to_every_prediction_is_what_the_engine_says():
    found = computed()
    assert found.keys() == predictions("03").keys()
    for name, one in predictions("03").items():
        if one.kind == "number":
            assert found[name] == pytest.approx(one.answer, abs=1e-3), name
        else:
            assert found[name] == one.answer, name


def the_question(words: str) -> Any:
    (found,) = [question for question in questions("03") if words in question.ask]
    return found


def run_line(text: str) -> float:
    """What is in the box of the model after a line of an option has run."""
    (line,) = re.findall(r"`(.+)`", text)
    box = tf.Variable(2.0)
    exec(compile(ast.parse(line), "option", "exec"), {"tf": tf, "w": box})
    return float(box)


def measured_error(settings: str) -> float:
    """The relative error of the slope of e^x at 1, with the settings of an option."""
    dtype, kind, step = re.match(r"(float\d+), (\w+), h = (\S+),", settings).groups()  # type: ignore[union-attr]
    number = np.dtype(dtype).type
    at, h = number(1), number(float(step))
    start, run = (at - h, number(2) * h) if kind == "central" else (at, h)
    return abs(float((np.exp(at + h) - np.exp(start)) / run) / np.e - 1)


@pytest.mark.parametrize(
    ("words", "holds"),
    [
        ("the model work with another weight", lambda text: run_line(text) != 2.0),
        ("settings would you trust", lambda text: measured_error(text) < 1e-6),
    ],
)
def test_the_quiz_marks_right_what_the_engine_says(words: str, holds: Callable[[str], bool]):
    for option in the_question(words).options:
        assert holds(option.text) == option.correct, option.text


def test_what_the_quiz_says_of_small_steps_is_so():
    question = the_question("h = 1e-12 worse than h = 1e-8")
    fine, coarse = (measured_error(f"float64, forward, h = {h},") for h in ("1e-12", "1e-8"))
    assert fine > 10 * coarse and 1 + 1e-12 != 1
    (wrong,) = [option for option in question.options if "1 + 1e-12" in option.text]
    assert not wrong.correct and "2e-16" in wrong.why
    assert np.finfo(np.float64).eps == pytest.approx(2.2e-16, rel=0.01)
