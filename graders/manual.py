"""Scores by hand: what waits for a person, and scores and comments out as CSV and in again.

A person may also grade in formgrader; both write the same gradebook. Whatever is found changed is
written down in grading/manual.csv, one row for each change, to which rows are only ever added.
"""

from __future__ import annotations

import csv
import getpass
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook

from graders import database, export
from graders.course import Course, CourseError

LOG = "manual.csv"
LOG_HEAD = ("time", "who", "student", "assignment", "cell", "field", "before", "after")
HEAD = ("student", "assignment", "cell", "automatic", "most", "score", "extra_credit", "comment")
"""The columns of an export. An import needs the first two, cell, and any of the last three."""
FIELDS = ("score", "extra_credit", "comment")
AUTOMATIC = "auto"
"""In the score column of an import: take the manual score away again."""


@dataclass(frozen=True)
class Mark:
    """One graded cell of one submission, as a person may change it."""

    student: str
    assignment: str
    cell: str
    automatic: float | None
    most: float
    score: float | None
    extra_credit: float | None
    comment: str
    waiting: bool

    @property
    def key(self) -> tuple[str, str, str]:
        return self.student, self.assignment, self.cell


@dataclass(frozen=True)
class Change:
    """One thing that is not as it was."""

    student: str
    assignment: str
    cell: str
    field: str
    before: str
    after: str


def marks(course: Course, assignment: str | None = None, every: bool = False) -> list[Mark]:
    """The cells that wait for a person; with `every`, all that are graded."""
    with database.opened(course) as gradebook:
        found = [mark for mark, _, _ in _rows(course, gradebook, assignment)]
    return [mark for mark in found if every or mark.waiting]


def _rows(
    course: Course, gradebook: Gradebook, assignment: str | None
) -> Iterator[tuple[Mark, Any, Any]]:
    """Every mark, with the gradebook's grade and comment that it stands for."""
    for stored in sorted(gradebook.assignments, key=lambda each: each.name):
        if assignment not in (None, stored.name):
            continue
        orders = {each.name: _order(course, stored.name, each) for each in stored.notebooks}
        for submission in sorted(stored.submissions, key=lambda each: each.student.id):
            for notebook in sorted(submission.notebooks, key=lambda each: each.name):
                order = orders[notebook.name]
                comments = {comment.name: comment for comment in notebook.comments}
                for grade in sorted(notebook.grades, key=lambda g: (_place(order, g.name), g.name)):
                    comment = comments.get(_commented(order, set(comments), grade.name))
                    mark = Mark(
                        submission.student.id, stored.name, grade.name, grade.auto_score,
                        grade.max_score, grade.manual_score, grade.extra_credit,
                        (comment.manual_comment or "") if comment else "",
                        grade.needs_manual_grade,
                    )  # fmt: skip
                    yield mark, grade, comment


def _order(course: Course, assignment: str, notebook: Any) -> list[str]:
    """The cells of a notebook, first to last. A database keeps no order: PostgreSQL puts a row that was
    changed behind the others. So it is that of solutions/, while the notebook is there."""
    file = course.folder("source") / assignment / f"{notebook.name}.ipynb"
    if not file.exists():
        return [cell.name for cell in notebook.source_cells]
    cells = nbformat.read(file, as_version=4).cells
    return [cell.metadata.get("nbgrader", {}).get("grade_id", "") for cell in cells]


def _place(order: list[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _commented(order: list[str], comments: set[str], cell: str) -> str:
    """The cell that a comment on a graded cell belongs to: itself, or the last answer before it."""
    before = [name for name in order[: _place(order, cell) + 1] if name in comments]
    return cell if cell in comments or not before else before[-1]


def write(course: Course, found: list[Mark], to: Path | None = None) -> Path:
    """Marks as CSV, to be filled in: grading/to-grade.csv."""
    rows: list[export.Row] = [list(HEAD)]
    for mark in found:
        numbers = (mark.automatic, mark.most, mark.score, mark.extra_credit)
        cells = ["" if number is None else number for number in numbers]
        rows.append([*mark.key, *cells, mark.comment])
    return export.save(to or course.grading / "to-grade.csv", rows)


def read(course: Course, file: Path, who: str = "") -> list[Change]:
    """Put the scores and comments of a CSV into the gradebook, all of them or none.

    An empty cell leaves what is there; `auto` as a score takes a manual score away. A cell that
    gets a score waits no longer. Raises: CourseError that names every line to mend.
    """
    lines = _lines(file)
    with database.opened(course) as gradebook:
        there = {mark.key: (mark, grade, comment) for mark, grade, comment
                 in _rows(course, gradebook, None)}  # fmt: skip
        problems, changes = [], []
        for number, line in lines:
            try:
                key = (line["student"], line["assignment"], line["cell"])
                if key not in there:
                    raise ValueError(f"the gradebook has no {', '.join(key)}")
                changes += _set(line, *there[key])
            except ValueError as why:
                problems.append(f"line {number}: {why}")
        if problems:
            gradebook.db.rollback()
            raise CourseError(f"{file.name}: nothing was changed. " + "; ".join(problems))
        gradebook.db.commit()
    _note(course, changes, who or _account())
    return changes


def _account() -> str:
    """The name of the account; its number where it has no name, as in some containers."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def _lines(file: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            rows = list(csv.DictReader(text))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CourseError(f"{file.name} cannot be read: {error}") from error
    head = set(rows[0]) if rows else set()
    missing = {"student", "assignment", "cell"} - head
    if rows and (missing or not head & set(FIELDS)):
        needed = ", ".join(sorted(missing)) or f"one of {', '.join(FIELDS)}"
        raise CourseError(f"{file.name}: a column is missing: {needed}")
    return [
        (number, {name: export.unescaped((row.get(name) or "").strip()) for name in HEAD})
        for number, row in enumerate(rows, start=2)
    ]


def _set(line: dict[str, str], mark: Mark, grade: Any, comment: Any) -> list[Change]:
    after: dict[str, object] = {}
    if line["score"] == AUTOMATIC:
        after["score"] = None
        grade.needs_manual_grade = grade.auto_score is None
    elif line["score"]:
        after["score"] = _number(line["score"], mark.most, "score")
        grade.needs_manual_grade = False
    if line["extra_credit"]:
        after["extra_credit"] = _number(line["extra_credit"], math.inf, "extra_credit")
    if line["comment"]:
        if comment is None:
            raise ValueError(f"{mark.cell} takes no comment")
        if "\0" in line["comment"]:
            raise ValueError("comment has a character of the number 0, which no gradebook keeps")
        after["comment"] = line["comment"]
    if "score" in after:
        grade.manual_score = after["score"]
    if "extra_credit" in after:
        grade.extra_credit = after["extra_credit"]
    if "comment" in after:
        comment.manual_comment = after["comment"]
    changes = (
        Change(*mark.key, field, _text(getattr(mark, field)), _text(value))
        for field, value in after.items()
    )
    return [change for change in changes if change.before != change.after]


def _number(text: str, most: float, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (0 <= number <= most and math.isfinite(number)):
        upto = "" if most == math.inf else f" to {most:g}"
        more = "; what goes beyond is extra_credit" if number > most else ""
        raise ValueError(f"{what} is {text!r}, and should be a number from 0{upto}{more}")
    return number


def _text(value: object) -> str:
    return "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)


def note_others(course: Course) -> list[Change]:
    """Write down what was changed by hand since the last look, in formgrader for instance."""
    known: dict[tuple[str, str, str, str], str] = {}
    for row in history(course):
        known[row["student"], row["assignment"], row["cell"], row["field"]] = row["after"]
    changes = []
    for mark in marks(course, every=True):
        for field in FIELDS:
            before, after = known.get((*mark.key, field), ""), _text(getattr(mark, field))
            if before != after:
                changes.append(Change(*mark.key, field, before, after))
    _note(course, changes, "formgrader")
    return changes


def history(course: Course) -> list[dict[str, str]]:
    """grading/manual.csv, row by row."""
    file = course.grading / LOG
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    return [{name: export.unescaped(value or "") for name, value in row.items()} for row in rows]


def _note(course: Course, changes: list[Change], who: str) -> None:
    if not changes:
        return
    file, now = course.grading / LOG, datetime.now(UTC).isoformat(timespec="seconds")
    new = not file.exists()
    with file.open("a", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        if new:
            writer.writerow(LOG_HEAD)
        for each in changes:
            row = (now, who, each.student, each.assignment, each.cell, each.field,
                   each.before, each.after)  # fmt: skip
            writer.writerow(map(export.inert, row))
