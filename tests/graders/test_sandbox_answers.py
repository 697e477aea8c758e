"""In a sandbox every answer gets what it gets without: points, hint and status."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import answers
from graders import tasks
from graders.check import effort_for, grade
from graders.sandbox.jail import Jail
from graders.sandbox.process import Sandbox
from graders.sandbox.remote import Link

pytestmark = pytest.mark.sandbox
answers.load()
TASKS = tasks.all_tasks()
FUTURE = "from __future__ import annotations\n"
MARKS = "def wrong(*args, **kwargs):\n    return lambda thing: thing\n\n\naccepted = wrong\n"


@pytest.fixture(scope="module")
def jail() -> Iterator[Jail]:
    with Jail() as jail:
        yield jail


def there(answer: Any) -> str:
    """The module of an answer as a cell of a notebook."""
    text = inspect.getsource(sys.modules[answer.object.__module__])
    text = text.replace("from answers import accepted, wrong\n", "")
    return text.replace(FUTURE, FUTURE + MARKS, 1)


EVERY = [*answers.ACCEPTED, *answers.WRONG]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(answer, id=answer.label, marks=[] if i % 4 == 0 else pytest.mark.slow)
        for i, answer in enumerate(EVERY)
    ],
)
def test_a_sandbox_makes_no_difference(
    answer: Any, jail: Jail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADERS_SEED", "a seed")
    task = TASKS[answer.task]
    effort = replace(effort_for(task), call_seconds=1.0)
    here = grade(task, answer.object, effort)
    with Sandbox(jail) as sandbox:
        assert sandbox.run_cell(there(answer)).ended == "ok"
        link = Link(sandbox)
        found = grade(task, link.lookup(answer.object.__name__), effort, run=link.run)
    assert (found.points, found.key, found.status) == (here.points, here.key, here.status)
    assert [line.state for line in found.lines] == [line.state for line in here.lines]
