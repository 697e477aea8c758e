"""The truths of chapter 04's checks, held against a second source: NumPy, differences, and rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graders.tasks import chapter
from graders.tasks.base import Case, Draw
from graders.tasks.ch04_rules import UNBROADCAST, VJP, unbroadcast_truth, vjp_truth
from graders.tasks.ch04_trust import CHECK, CUTS, NONE, OPEN, STEPS, gradient_of
from graders.tasks.ch04_walk import BACKWARD, ORDER, backward_truth, computed, order_problem

DRAW = Draw(seed=4, times=3)
NUMPY = {
    "add": np.add,
    "mul": np.multiply,
    "sum": np.sum,
    "matmul": np.matmul,
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True),
}


def cases_of(task: Any) -> list[tuple[Any, ...]]:
    """The arguments of every case of a task."""
    drawn = [case for check in task.checks for case in check.cases(DRAW)]
    return [case.args if isinstance(case, Case) else case for case in drawn]


def test_unbroadcasting_is_the_adjoint_of_broadcasting() -> None:
    for gradient, shape in cases_of(UNBROADCAST):
        small = DRAW.floats(shape)
        found = unbroadcast_truth(gradient, shape)
        assert found.shape == shape
        copied = np.broadcast_to(small, gradient.shape)
        assert np.sum(gradient * copied) == pytest.approx(np.sum(found * small), rel=1e-3, abs=1e-3)


def test_what_an_operation_hands_back_is_what_differences_give() -> None:
    for operation, inputs, output, g in cases_of(VJP):
        wide = [array.astype(np.float64) for array in inputs]
        np.testing.assert_allclose(NUMPY[operation](*wide), output, rtol=1e-4, atol=1e-6)
        found = vjp_truth(operation, wide, output, g.astype(np.float64))
        for number, array in enumerate(wide):
            slopes = np.zeros_like(array)
            for place in np.ndindex(array.shape):
                sides = []
                for step in (1e-6, -1e-6):
                    moved = [each.copy() for each in wide]
                    moved[number][place] += step
                    sides.append(np.sum(g * NUMPY[operation](*moved)))
                slopes[place] = (sides[0] - sides[1]) / 2e-6
            np.testing.assert_allclose(found[number], slopes, rtol=1e-4, atol=1e-5)


def test_an_order_is_judged_by_its_rule_alone() -> None:
    diamond = {"d": ["b", "c"], "c": ["b", "k"], "b": ["a"], "a": [], "k": [], "x": ["a"]}
    for right in (["a", "b", "k", "c", "d"], ["k", "a", "b", "c", "d"]):
        assert order_problem(diamond, "d", right) is None
    for wrong, says in [
        (["a", "c", "k", "b", "d"], "'c' comes before 'b'"),
        (["a", "b", "k", "c", "d", "d"], "'d' is there twice"),
        (["a", "b", "k", "c", "x", "d"], "'x' is not needed"),
        (["b", "k", "c", "d"], "'a' is missing"),
        (("a", "b"), "a list of names"),
        ([["a"]], "a list of names"),
    ]:
        assert says in (order_problem(diamond, "d", wrong) or "")
    assert len(cases_of(ORDER)) > 20


def test_a_walk_agrees_with_running_the_program_again() -> None:
    for lines, values, target, sources in cases_of(BACKWARD):
        made = {name for name, _, _ in lines}
        found = backward_truth(lines, values, target, sources)
        for source, slope in zip(sources, found, strict=True):
            later = [line for line in lines if line[0] != source]
            sides = []
            for step in (1e-6, -1e-6):
                given = {n: v for n, v in values.items() if n not in made or n == source}
                sides.append(computed(later, given | {source: values[source] + step})[target])
            nudged = (sides[0] - sides[1]) / 2e-6
            if slope is None:
                assert nudged == 0.0
            else:
                assert slope == pytest.approx(nudged, rel=1e-3, abs=1e-3)


def test_claimed_gradients_are_wrong_exactly_where_they_are_said_to_be() -> None:
    for check in CHECK.checks:
        for case in check.cases(DRAW):
            f, claimed, x = case.args
            run = f.build()
            for place in range(x.size):
                moved = np.zeros(x.size)
                moved[place] = 3e-5
                slope = (run(x + moved) - run(x - moved)) / 6e-5
                off = abs(claimed[place] - slope)
                bound = 1e-6 + 1e-3 * abs(slope)
                if place in case.expected:
                    assert not off < 3 * bound, (f.source, place)  # and NaN is not
                else:
                    assert off < 0.6 * bound, (f.source, place)  # no case hangs on a last digit


def test_whether_a_gradient_is_none_follows_from_the_steps() -> None:
    factors = {"double": 2.0, "times zero": 0.0}
    for start, steps in cases_of(NONE):
        ways = [list(steps)] if start in ("variable", "watched") else []
        if ways:
            ways += [steps[at + 1 :] for at, step in enumerate(steps) if step == "add x"]
        open_ways = [way for way in ways if not set(way) & set(CUTS)]
        expected = sum(np.prod([factors.get(step, 1.0) for step in way]) for way in open_ways)
        assert gradient_of(start, steps) == (expected if open_ways else None)
    assert set(STEPS) == {*OPEN, *CUTS, "times zero", "add x"}


def test_the_chapter_has_six_tasks() -> None:
    assert [task.points for task in chapter("04")] == [3, 5, 3, 4, 3, 3]
