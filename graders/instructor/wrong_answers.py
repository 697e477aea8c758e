"""The wrong-answer table: what every answer of `answers` must get, and what it gets.

    python -m graders.instructor.wrong_answers          # every task
    python -m graders.instructor.wrong_answers 01.rank  # the tasks whose id begins so

For each task: the blank of the exercise, the reference solution, the wrong answers with their hint
(the key of a misconception) and the points they earn all the same, and the accepted ones. It is
graded as a submission is, on fresh inputs. A row that is not as it must be is marked, and the
command ends with 1.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# This folder is an import root of its own.
sys.path.insert(0, str(Path(__file__).resolve().parent))

import answers
from graders import tasks
from graders.check import grade
from graders.tasks.base import Task
from mutants import EXERCISES, SOLUTIONS, effort, reference


@dataclass(frozen=True)
class Row:
    """One answer: what it must get, and what it got."""

    kind: str
    """blank, solution, wrong or accepted"""
    name: str
    must: tuple[str, str, float]
    """status, key of the hint, points"""
    got: tuple[str, str, float]

    @property
    def right(self) -> bool:
        """Is it graded as it must be?"""
        return self.must == self.got

    def __str__(self) -> str:
        text = f"  {self.kind:<9} {self.name:<32} {self.got[1] or self.got[0]:<18} {self.got[2]:g}"
        return text if self.right else f"{text}   must be {self.must}"


def rows(task: Task, seed: str) -> Iterator[Row]:
    """The table of one task."""
    full = ("passed", "", float(task.points))

    def row(kind: str, name: str, obj: Any, must: tuple[str, str, float]) -> Row:
        report = grade(task, obj, effort(task, seed))
        return Row(kind, name, must, (report.status, report.key, float(report.points)))

    blank = reference(EXERCISES)[task.id].names[task.name]
    yield row("blank", task.name, blank, ("not started", "", 0.0))
    yield row("solution", task.name, reference(SOLUTIONS)[task.id].names[task.name], full)
    for answer in answers.WRONG:
        if answer.task == task.id:
            must = ("partly" if answer.points else "wrong", answer.key, float(answer.points))
            yield row("wrong", answer.build.__name__, answer.object, must)
    for answer in answers.ACCEPTED:
        if answer.task == task.id:
            yield row("accepted", answer.build.__name__, answer.object, full)


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; 1 when an answer is not graded as it must be, 0 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m graders.instructor.wrong_answers")
    parser.add_argument("tasks", nargs="*", default=[""], help="ids, or how they begin")
    parser.add_argument("--seed", default=os.urandom(8).hex(), help="of the inputs; fresh without")
    chosen = parser.parse_args(arguments)
    answers.load()
    wanted = [t for t in tasks.all_tasks().values() if t.id.startswith(tuple(chosen.tasks))]
    if not wanted:
        parser.error(f"no task begins with {' or '.join(chosen.tasks)}")
    print(f"seed {chosen.seed}")
    every: list[Row] = []
    for task in wanted:
        table = list(rows(task, chosen.seed))
        of = {kind: sum(row.kind == kind for row in table) for kind in ("wrong", "accepted")}
        print(f"{task.id}: {of['wrong']} wrong, {of['accepted']} accepted, {task.points} points")
        print(*table, sep="\n", flush=True)
        every += table
    failed = sum(not row.right for row in every)
    wrong = sum(row.kind == "wrong" for row in every)
    accepted = sum(row.kind == "accepted" for row in every)
    print(f"{len(wanted)} tasks, {wrong} wrong answers, {accepted} accepted ones; {failed} graded "
          "otherwise than they must be")  # fmt: skip
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
