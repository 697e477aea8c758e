"""The truths of chapter 00, held against a second source."""

import contextlib
import io
import math
import random
import re
from collections import Counter
from itertools import pairwise

import nbformat
import numpy as np
import pytest

import engine as tf
import mutants
from graders.course import Course
from graders.tasks.base import Case, Draw
from graders.tasks.ch00_turns import FIRST, TURN, exact, first_truth, training
from graders.tasks.ch00_win import LABELS, LOSS, PREDICT, SIX, line_truth, loss_truth

DRAW = Draw(seed=10, times=4)
RELEASED = Course().folder("release") / "00-five-minute-win" / "five-minute-win.ipynb"


def drawn(task):
    """The label of a check, the arguments, and the truth."""
    for check in task.checks:
        for case in check.cases(DRAW):
            if isinstance(case, Case):
                yield check.label, case.args, case.expected
            else:
                yield check.label, case, task.oracle(*case)


def points(args):
    return zip(args[2], args[3], strict=True)


def test_predictions_are_those_of_the_line_through_two_of_them():
    """By its values at 0 and at 1, which are b and w + b, and exactly so for whole numbers."""
    for _, (w, b, xs), truth in drawn(PREDICT):
        assert truth == pytest.approx(np.interp(xs, [-9e3, 9e3], [b - 9e3 * w, b + 9e3 * w]))
        assert len(truth) == len(xs)
    assert line_truth(2.0, -1.0, SIX) == LABELS and line_truth(3, 2, [4]) == [14.0]


def test_the_loss_is_a_parabola_of_the_sums_over_the_points():
    """Multiplied out, from sums of products alone, without rounding; no mistake is ever computed."""
    for _, (w, b, xs, ys), truth in drawn(LOSS):
        n, x, y = len(xs), np.asarray(xs, float), np.asarray(ys, float)
        sums = (math.fsum(x * x), math.fsum(x), math.fsum(x * y), math.fsum(y), math.fsum(y * y))
        xx, x1, xy, y1, yy = (each / n for each in sums)
        out = w * w * xx + b * b + yy + 2 * w * b * x1 - 2 * w * xy - 2 * b * y1
        assert truth == pytest.approx(out, rel=1e-5, abs=1e-6)
    assert loss_truth(2.0, -1.0, SIX, LABELS) == 0.0
    assert loss_truth(2.0, 0.0, [1.0, 2.0], [1.0, 5.0]) == 1.0


def test_a_turn_goes_towards_the_lowest_place_of_the_parabola_when_that_is_more_than_half_a_step_off():
    """From the place of the vertex: no loss is compared."""
    ways = Counter()
    for label, args, truth in drawn(TURN):
        w, b, xs, _, step = args
        xx = sum(x * x for x in xs)
        off = sum(x * (y - b) for x, y in points(args)) / xx - w if xx else 0.0
        way = 0 if abs(off) <= step / 2 else math.copysign(1, off)
        assert truth == w + way * step
        assert TURN.valid(*args)
        tie = abs(off) == step / 2 or not xx
        assert (label == "a tie") == tie
        ways[label, way] += 1
    assert {label: way for label, way in ways} == {
        "up is better": 1, "down is better": -1, "neither is better": 0, "a tie": 0,
    }  # fmt: skip
    assert min(ways.values()) >= 10


def test_floats_of_either_length_order_the_losses_as_fractions_do():
    """Else who computes with a mean, with a sum or with NumPy's float32 could get another answer."""
    for _, args, truth in drawn(TURN):
        w, b, xs, ys, step = args
        for kind in (np.float64, np.float32):
            tried = np.asarray([w, w + step, w - step], kind)
            off = np.outer(tried, np.asarray(xs, kind)) + kind(b) - np.asarray(ys, kind)
            for measured in (np.square(off).sum(axis=1), np.square(off).mean(axis=1)):
                assert tried[measured.argmin()] == truth


def test_both_moves_are_never_better_than_staying():
    for _, args, _ in drawn(TURN):
        w, step = args[0], args[-1]
        here, up, down = (exact(knob, *args[1:4]) for knob in (w, w + step, w - step))
        assert not (up < here and down < here)
        assert up + down - 2 * here == 2 * sum(x * x for x in args[2]) * step**2


def test_a_turn_can_only_be_made_smaller_within_quarters():
    assert TURN.valid(0.5, 0.0, [1.0], [0.25], 0.25)
    for wrong in ((0.1, 0.0, [1.0], [1.0], 1.0), (0.0, 0.0, [1.0], [1.0], 0.0),
                  (0.0, 0.0, [], [], 1.0), (0.0, 0.0, [1.0, 2.0], [1.0], 1.0)):  # fmt: skip
        assert not TURN.valid(*wrong)


def test_the_first_close_epoch_is_close_and_none_before_it_is():
    found = Counter()
    for label, (history, near), truth in drawn(FIRST):
        assert truth == first_truth(history, near)
        before = history if truth is None else history[: truth - 1]
        assert not any(loss < near for loss in before)
        assert truth is None or history[truth - 1] < near
        exactly = near in history
        # No loss is so close to `near` that rounding could decide, unless it is equal.
        assert all(loss == near or not math.isclose(loss, near, rel_tol=1e-9) for loss in history)
        found[label, truth is None] += 1
        found["equal"] += exactly
        found["nan"] += any(loss != loss for loss in history)
    assert found["never close", True] >= 8 and not found["never close", False]
    assert not found["falling losses", True] and not found["losses that go up again", True]
    assert found["losses that are no numbers", True] and found["losses that are no numbers", False]
    assert found["equal"] >= 4 and found["nan"] >= 10


def test_the_training_is_gradient_descent_as_the_lesson_has_it():
    """In every epoch both knobs' mistakes are multiplied by one matrix."""
    x = np.array(SIX)
    table = np.array([[np.mean(x * x), x.mean()], [x.mean(), 1.0]])
    for quarters in (-6, 1, 5):
        off, walked = np.array([quarters / 4 - 2, 1.0]), []
        for _ in range(40):
            walked.append(off @ table @ off)
            off = off - 0.01 * 2 * table @ off
        losses = training(quarters)
        assert losses == pytest.approx(walked, rel=1e-4, abs=1e-4)
        assert all(after < before for before, after in pairwise(losses))


def test_a_truth_draws_no_random_number_of_the_learners():
    def next_ones():
        return float(tf.random.uniform([])), float(np.random.rand()), random.random()

    training.cache_clear()
    seen = []
    for task in (None, PREDICT, LOSS, TURN, FIRST):
        tf.random.set_seed(5)
        np.random.seed(5)
        random.seed(5)
        if task:
            assert len(list(drawn(task))) > 20
        seen.append(next_ones())
    assert len(set(seen)) == 1


def functions():
    """The four functions of the solution."""
    return {
        task.name: mutants.solutions()[task.id].names[task.name]
        for task in (PREDICT, LOSS, TURN, FIRST)
    }


def outro():
    """The last cell of the exercise: its text, and the program in it."""
    text = nbformat.read(RELEASED, as_version=4).cells[-1].source
    [program] = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
    return text, program


def printed(program):
    names, out = functions(), io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(program, names)
    return out.getvalue().split(), names


def test_the_machine_made_of_the_four_functions_ends_where_the_text_says():
    text, program = outro()
    said, names = printed(program)
    assert said == ["2.0", "-0.8", "[19.2]", "6"]
    assert "It says 19.2 and not 19" in text
    more, _ = printed(program.replace("range(20)", "range(500)"))
    assert more == said, "more epochs change nothing"
    # No single step of either knob helps any more.
    w, b, step = names["w"], names["b"], names["step"]
    here = np.mean(np.square(w * np.array(SIX) + b - np.array(LABELS)))
    for other in ((w + step, b), (w - step, b), (w, b + step), (w, b - step)):
        assert np.mean(np.square(np.polyval(other, SIX) - np.array(LABELS))) >= here


def test_with_shorter_and_shorter_steps_it_comes_close_to_19():
    _, program = outro()
    loop = program.replace("range(20)", "range(60)").replace(
        "\nprint", "\n    step = step * 0.9\nprint"
    )
    _, names = printed(loop)
    assert 10 * names["w"] + names["b"] == pytest.approx(19, abs=1e-3)
    assert names["history"][-1] < 1e-6
