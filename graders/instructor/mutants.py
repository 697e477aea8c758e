"""Mutation test of the checks: do they notice when a right solution is changed a little?

    python -m graders.instructor.mutants          # the table of every task, and the survivors
    python -m graders.instructor.mutants 09.keras # of the tasks whose id begins so

Every reference solution is changed in one place at a time, by the operators of mutation testing
(see mutation_operators.py), and each mutant goes through the check of its task as a submission
does. One that gets full marks survives. A survivor is either listed in equivalent.toml, with the
reason why it is as right as the solution, or the inputs of the task are too weak.
"""

from __future__ import annotations

import argparse
import copy
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import numpy as np

# This folder is an import root of its own.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from graders import tasks
from graders.check import Effort, effort_for, grade
from graders.compare import weight
from graders.release import BEGIN, END
from graders.tasks.base import Case, Task
from mutation_operators import Change, changes

HERE = Path(__file__).resolve().parent
SOLUTIONS, EXERCISES = HERE.parents[1] / "solutions", HERE.parents[1] / "exercises"
EQUIVALENT = HERE / "equivalent.toml"
TARGET = 0.95
"""The share of the mutants of an exercise that its checks must reject."""


@dataclass(frozen=True)
class Solution:
    """The reference solution of one task, with what the notebook defines around it."""

    task: Task
    source: str
    names: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Verdict:
    """What the check said about one mutant: survived, wrong or endless."""

    change: Change
    state: str


def solutions() -> dict[str, Solution]:
    """The reference solution of every task, by the task's id."""
    return reference(SOLUTIONS)


@cache
def reference(folder: Path) -> dict[str, Solution]:
    """What the notebooks of a folder, of solutions or of exercises, define for every task."""
    found: dict[str, Solution] = {}
    for path in sorted(folder.glob("*/*.ipynb")):
        by_name = {task.name: task for task in tasks.chapter(path.parent.name[:2])}
        names: dict[str, Any] = {"__name__": "__main__"}
        for cell in nbformat.read(path, as_version=4).cells:
            marks = cell.metadata.get("nbgrader", {})
            if cell.cell_type != "code" or marks.get("grade"):
                continue
            exec(compile(cell.source, f"<{cell.id}>", "exec"), names)
            if marks.get("solution"):
                lines = [x for x in cell.source.splitlines() if x.strip() not in (BEGIN, END)]
                source = "\n".join(lines)
                [name] = re.findall(r"^(?:def|class) (\w+)", source, re.MULTILINE)
                found[by_name[name].id] = Solution(by_name[name], source, names)
    return found


@cache
def mutants(task_id: str) -> tuple[Change, ...]:
    """Every mutant of one task's solution that is another program than the solution."""
    return tuple(changes(solutions()[task_id].source))


def effort(task: Task, seed: str) -> Effort:
    """What a submission is graded with, for this seed, with less patience for endless loops."""
    before = os.environ.get("GRADERS_SEED")
    os.environ["GRADERS_SEED"] = seed
    try:
        return replace(effort_for(task), call_seconds=1.0)
    finally:
        os.environ.pop("GRADERS_SEED")
        if before is not None:
            os.environ["GRADERS_SEED"] = before


def remembering(task: Task) -> Task:
    """The same task, which draws its inputs and asks for each truth once. Its own misconceptions
    are left out: which hint a mutant gets does not change whether it is rejected."""

    def once(check: Any) -> Any:
        kept: dict[Any, list[Case]] = {}

        def cases(draw: Any) -> Iterator[Case]:
            key = draw.random.getstate()
            if key not in kept:
                kept[key] = [
                    case if isinstance(case, Case) else Case(case, task.oracle(*case))  # type: ignore[misc]
                    for case in check.cases(draw)
                ]
            return iter(copy.deepcopy(kept[key]))

        return replace(check, cases=cases)

    return replace(task, checks=tuple(map(once, task.checks)), misconceptions=())


def verdict(solution: Solution, task: Task, change: Change, how: Effort) -> Verdict:
    """Run one mutant through the check. A mutant is rejected when it gets less than full marks."""
    import engine as tf

    names = dict(solution.names)
    tf.random.set_seed(0)
    try:
        exec(change.code, names)
    except Exception:  # not even its definition runs
        return Verdict(change, "wrong")
    with np.errstate(all="ignore"):  # a mutant may well divide by zero
        report = grade(task, names[task.name], how)
    if report.points == task.points:
        return Verdict(change, "survived")
    return Verdict(change, "endless" if report.key == "endless" else "wrong")


def verdicts(task_id: str, seed: str, only: set[str] | None = None) -> Iterator[Verdict]:
    """What becomes of every mutant of a task, or of those whose diff is in `only`."""
    solution = solutions()[task_id]
    task, how = remembering(solution.task), effort(solution.task, seed)
    whole = grade(task, solution.names[task.name], how)
    assert whole.points == task.points, f"the solution itself is rejected:\n{whole.text()}"
    for change in mutants(task_id):
        if only is None or change.diff in only:
            yield verdict(solution, task, change, how)


def equivalent() -> dict[str, dict[str, str]]:
    """For each task, the mutants that are as right as its solution, with the reason."""
    entries = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))
    return {
        task: {diff: group["why"] for group in groups for diff in group["diffs"]}
        for task, groups in entries.items()
    }


@dataclass
class Row:
    """The figures of one task, or of several."""

    name: str
    mutants: int = 0
    wrong: int = 0
    endless: int = 0
    equivalent: int = 0
    missed: list[Change] = field(default_factory=list)

    @property
    def score(self) -> float:
        """The share that is rejected of those that are wrong."""
        return (self.wrong + self.endless) / (self.mutants - self.equivalent)

    @property
    def rate(self) -> float:
        """The share that is rejected, of all mutants, the equivalent ones among them."""
        return (self.wrong + self.endless) / self.mutants

    def add(self, other: Row) -> None:
        """Count the figures of another row in."""
        for name in ("mutants", "wrong", "endless", "equivalent"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.missed += other.missed

    def __str__(self) -> str:
        figures = (self.mutants, self.wrong, self.endless, self.equivalent, len(self.missed))
        return (
            f"{self.name:<28}"
            + "".join(f"{n:>10}" for n in figures)
            + (f"{self.rate:>10.1%}{self.score:>10.1%}")
        )


HEAD = f"{'task':<28}" + "".join(
    f"{word:>10}"
    for word in ("mutants", "wrong", "endless", "equal", "missed", "rejected", "of wrong")
)


def row(task_id: str, seed: str) -> Row:
    """The figures of one task."""
    known, result = equivalent().get(task_id, {}), Row(task_id)
    for got in verdicts(task_id, seed):
        result.mutants += 1
        if got.state == "wrong":
            result.wrong += 1
        elif got.state == "endless":
            result.endless += 1
        elif got.change.diff in known:
            result.equivalent += 1
        else:
            result.missed.append(got.change)
    return result


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 when a mutant is missed or an exercise rejects too few, 0 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m graders.instructor.mutants")
    parser.add_argument("tasks", nargs="*", default=[""], help="ids, or how they begin")
    parser.add_argument("--seed", default=os.urandom(8).hex(), help="of the inputs; fresh without")
    chosen = parser.parse_args(arguments)
    wanted = [task for task in solutions() if task.startswith(tuple(chosen.tasks))]
    if not wanted:
        parser.error(f"no task begins with {' or '.join(chosen.tasks)}")
    print(f"seed {chosen.seed}\n{HEAD}")
    exercises: dict[str, Row] = {}
    for task_id in wanted:
        figures = row(task_id, chosen.seed)
        print(figures, flush=True)
        exercises.setdefault(task_id[:2], Row(f"exercise {task_id[:2]}")).add(figures)
    total = Row("all")
    for exercise in exercises.values():
        print(exercise)
        total.add(exercise)
    print(total)
    for change in sorted(total.missed, key=lambda change: weight(change.diff)):
        print(f"  missed: [{change.operator}] {change.diff}")
    for task_id in wanted:
        for diff, why in equivalent().get(task_id, {}).items():
            print(f"  equal, {task_id}, {diff}: {why}")
    short = [exercise.name for exercise in exercises.values() if exercise.rate < TARGET]
    return int(bool(total.missed or short))


if __name__ == "__main__":
    sys.exit(main())
