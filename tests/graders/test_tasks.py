"""Every task is held to its wrong answers, to other right ones, and to its own rules."""

import os
from collections import Counter
from dataclasses import replace

import pytest

import answers
from graders import tasks
from graders.check import effort_for, grade
from graders.tasks.base import Draw

answers.load()
TASKS = tasks.all_tasks()
SEEDS = ("", "another seed")


def graded(task, obj, seed):
    """As in the notebook, and as at submission with a fresh seed."""
    os.environ.pop("GRADERS_SEED", None)
    if seed:
        os.environ["GRADERS_SEED"] = seed
    try:
        effort = replace(effort_for(task), call_seconds=1.0)
        return grade(task, obj, effort)
    finally:
        os.environ.pop("GRADERS_SEED", None)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("answer", answers.WRONG, ids=lambda answer: answer.label)
def test_a_wrong_answer_is_rejected_with_its_hint(answer, seed):
    report = graded(TASKS[answer.task], answer.object, seed)
    assert report.status in ("wrong", "partly")
    assert (report.key, report.points) == (answer.key, answer.points), report.text()
    assert report.failure is not None and report.likely


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("answer", answers.ACCEPTED, ids=lambda answer: answer.label)
def test_a_right_answer_written_differently_gets_full_marks(answer, seed):
    report = graded(TASKS[answer.task], answer.object, seed)
    assert report.status == "passed" and report.points == report.max_points, report.text()


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_task_has_enough_answers_and_every_hint_is_reached(task):
    wrong = [answer for answer in answers.WRONG if answer.task == task.id]
    accepted = [answer for answer in answers.ACCEPTED if answer.task == task.id]
    assert len(wrong) >= 5 and len(accepted) >= 2
    keys = [misconception.key for misconception in task.misconceptions]
    assert set(keys) <= {answer.key for answer in wrong}, "a hint that no wrong answer reaches"
    assert max(Counter(keys).values()) == 1


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_blank_scores_exactly_zero_and_counts_as_not_started(task):
    def blank(*args):
        raise NotImplementedError()

    class Blank:
        def __init__(self, *args):
            self.args = args

        def __add__(self, other):
            raise NotImplementedError()

        __sub__ = __mul__ = __radd__ = __rsub__ = __rmul__ = __add__

    report = graded(task, Blank if task.name[0].isupper() else blank, "")
    assert (report.points, report.status) == (0, "not started")
    assert repr(report) == "0"


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_inputs_are_the_same_in_the_notebook_and_fresh_and_more_at_submission(task):
    def drawn(seed, times):
        return [[repr(c) for c in check.cases(Draw(seed, times))] for check in task.checks]

    assert drawn(1, 1) == drawn(1, 1)
    assert drawn(1, 1) != drawn(2, 1)
    assert sum(map(len, drawn(1, 4))) > sum(map(len, drawn(1, 1)))


def test_an_unknown_task_is_answered_with_the_closest_one():
    with pytest.raises(tasks.NoSuchTask, match=r"did you mean '01\.rank\.shape_of'"):
        tasks.find("01.rank.shap_of")
    with pytest.raises(tasks.NoSuchTask, match="did you mean"):
        tasks.find("nothing like it")
