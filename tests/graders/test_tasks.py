"""Every task is held to its wrong answers, to other right ones, and to its own rules."""

import os
from collections import Counter
from dataclasses import replace

import pytest

import answers
import wrong_answers
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
    assert len({answer.key for answer in wrong}) >= 5, "wrong answers with hints of their own"
    assert len(accepted) >= 2
    texts = [answers.source(answer, task.name) for answer in (*wrong, *accepted)]
    assert len(set(texts)) == len(texts), "the same answer twice"
    keys = [misconception.key for misconception in task.misconceptions]
    assert set(keys) <= {answer.key for answer in wrong}, "a hint that no wrong answer reaches"
    assert max(Counter(keys).values()) == 1


def test_the_wrong_answer_table_has_every_answer_and_marks_what_is_not_as_it_must_be(
    monkeypatch, capsys
):
    assert wrong_answers.main(["01.rank.size_of", "--seed", "1"]) == 0
    table = capsys.readouterr().out
    mine = [a for a in (*answers.WRONG, *answers.ACCEPTED) if a.task == "01.rank.size_of"]
    assert all(answer.build.__name__ in table for answer in mine)
    assert "must be" not in table.splitlines()[2] and "0 graded otherwise" in table
    assert [line.split()[0] for line in table.splitlines()[2:4]] == ["blank", "solution"]

    claimed = [replace(a, key="rank") if a.key == "sum" else a for a in answers.WRONG]
    monkeypatch.setattr(answers, "WRONG", claimed)
    assert wrong_answers.main(["01.rank.size_of", "--seed", "1"]) == 1
    assert "must be ('wrong', 'rank', 0.0)" in capsys.readouterr().out


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

        def __getattr__(self, name):
            raise NotImplementedError()

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
