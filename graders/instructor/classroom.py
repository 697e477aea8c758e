"""A made-up class: a course in a folder of its own, and submissions with known scores.

The submissions are made from the released exercises, as a learner would hand them in, with the
solutions or with wrong answers put into the answer cells.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
from nbformat import NotebookNode

import answers
from graders import tasks
from graders.course import CONFIG, Course
from graders.release import BEGIN, END, generate

HALF_WRONG = {
    "01.rank.rank_of": ("rank_needs_a_first_element", 1),
    "01.rank.size_of": ("size_sum", 0),
    "01.rank.flat_index": ("flat_not_checked", 2),
    "05.tracing.tracer": ("TracerWithoutReflected", 3),
    "05.tracing.trace": ("", 2),  # right, but one point of it needs a Tracer that is
    "05.tracing.count_prints": ("prints_every_call", 0),
    "05.tracing.frozen_outputs": ("frozen_live", 0),
    "09.keras.mse": ("mse_broadcasts", 1),
    "09.keras.mse_gradients": ("gradients_by_rows", 2),
    "09.keras.sgd_step": ("sgd_uphill", 0),
}
"""What the half wrong submission answers, and what that earns; its other answers are right."""


EXERCISES = ("01-rank-and-shape", "05-tracing", "09-the-keras-way")
"""A class of its own has these: one that returns values, one with a class and programs, one with a model."""


def new_course(root: Path, exercises: tuple[str, ...] = EXERCISES) -> Course:
    """A course of its own in an empty folder, with this one's configuration and some of its solutions."""
    here = Course()
    shutil.copy(here.root / CONFIG, root / CONFIG)
    for name in exercises:
        shutil.copytree(here.folder("source") / name, root / "solutions" / name)
    course = Course(root)
    generate(course, course.folder("release"))
    return course


def expected(assignment: str, kind: str) -> dict[str, float]:
    """The points that a "solved", "half wrong" or "blank" submission deserves, by task name."""
    points = {}
    for task in tasks.chapter(assignment.split("-")[0]):
        full = {"solved": task.points, "half wrong": task.points, "blank": 0}[kind]
        half = HALF_WRONG.get(task.id, ("", full))[1] if kind == "half wrong" else full
        points[_cell_name(task.name).replace("-", "_")] = float(half)
    return points


def hand_in(course: Course, student: str, assignment: str, kind: str) -> Path:
    """Put a submission of one kind into the class folder; returns the notebook."""
    [released] = (course.folder("release") / assignment).glob("*.ipynb")
    notebook = nbformat.read(released, as_version=4)
    source = nbformat.read(course.folder("source") / assignment / released.name, as_version=4)
    if kind != "blank":
        right = {cell.id: without_markers(cell) for cell in source.cells}
        for cell in notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("solution"):
                cell.source = right[cell.id]
    if kind == "half wrong":
        _spoil(notebook, assignment)
    target = course.folder("submitted") / student / assignment / released.name
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    return target


def without_markers(cell: NotebookNode) -> str:
    """A source cell as a learner would write it."""
    lines = [line for line in cell.source.splitlines() if line.strip() not in (BEGIN, END)]
    return "\n".join(lines)


def _spoil(notebook: NotebookNode, assignment: str) -> None:
    answers.load()
    cells = {cell.id: cell for cell in notebook.cells}
    for task in tasks.chapter(assignment.split("-")[0]):
        name = HALF_WRONG.get(task.id, ("", 0))[0]
        for answer in answers.WRONG:
            if name and answer.task == task.id and answer.build.__name__ == name:
                cells[f"answer-{_cell_name(task.name)}"].source = answers.source(answer, task.name)


def _cell_name(task_name: str) -> str:
    return task_name.replace("_", "-").lower()
