"""The grades as CSV, in the columns that nbgrader, Canvas and Moodle use.

- `nbgrader`: one row for every student and assignment, in the columns of `nbgrader export`, but
  quoted, so that a comma in a name shifts nothing.
- `canvas`: what Canvas' gradebook imports ("How do I import grades in the Gradebook?"): Student,
  ID, SIS User ID, SIS Login ID and Section, then a column for each assignment, and a second row
  "Points Possible", which sets the assignment's points there, too. Canvas writes an assignment's
  column as "Name (4711)"; say it in grading/deadlines.toml, as `canvas = "Name (4711)"`, and the
  grades go into that assignment.
- `moodle`: what Moodle imports under Grades, Import, CSV file (docs.moodle.org, "Grade import"):
  Identifier, First name, Last name, ID number and Email address, then a column for each assignment
  (`moodle = "..."` in deadlines.toml names it). Map the number or the address to the user. Moodle
  takes a row without it for one more of the row before, so neither is ever empty: where there is
  none, the student's id stands there, and Moodle says that it knows nobody of that name.

Names, numbers and addresses come from grading/roster.csv. Who handed nothing in has an empty cell
in the last two: no grade. A text that a spreadsheet would run as a formula gets an apostrophe
before it.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from graders import database
from graders.course import Course
from graders.late import Deadline, deadlines
from graders.roster import Person, Roster

FORMULA = ("=", "+", "-", "@", "\t", "\r")
NBGRADER = ("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email",
            "raw_score", "late_submission_penalty", "score", "max_score")  # fmt: skip
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
MOODLE = ("Identifier", "First name", "Last name", "ID number", "Email address")


@dataclass(frozen=True)
class Result:
    """What one student has for one assignment."""

    raw: float
    penalty: float
    timestamp: datetime | None
    waiting: bool
    """Is something in it left to grade by hand?"""

    @property
    def score(self) -> float:
        return max(0.0, self.raw - self.penalty)


@dataclass(frozen=True)
class Grades:
    """All that a gradebook says, beside what the roster knows of the people."""

    people: list[Person]
    most: dict[str, float]
    due: dict[str, datetime | None]
    results: dict[tuple[str, str], Result]
    deadlines: dict[str, Deadline]

    @property
    def waiting(self) -> int:
        return sum(result.waiting for result in self.results.values())

    def column(self, assignment: str, lms: str) -> str:
        deadline = self.deadlines.get(assignment, Deadline())
        return deadline.columns.get(lms, assignment)


Row = list[str | float]


def read(course: Course, roster: Roster) -> Grades:
    """The grades of everybody in the gradebook or on the roster."""
    results: dict[tuple[str, str], Result] = {}
    with database.opened(course, snapshot=True) as gradebook:
        people = {student.id: _person(student, roster) for student in gradebook.students}
        assignments = sorted(gradebook.assignments, key=lambda each: each.name)
        for assignment in assignments:
            for found in assignment.submissions:
                results[found.student.id, assignment.name] = Result(
                    found.score,
                    found.late_submission_penalty or 0.0,
                    found.timestamp,
                    found.needs_manual_grade,
                )
        most = {each.name: each.max_score for each in assignments}
        due = {each.name: each.duedate for each in assignments}
    people = {person.student: person for person in roster.people} | people
    ordered = sorted(people.values(), key=lambda person: person.student)
    return Grades(ordered, most, due, results, deadlines(course.root))


def _person(student: object, roster: Roster) -> Person:
    """Somebody in the gradebook; what the roster does not know, the gradebook may."""
    known = roster[student.id]  # type: ignore[attr-defined]
    if known.first_name or known.last_name or known.name:
        return known
    names = (getattr(student, kind) or "" for kind in ("first_name", "last_name", "email"))
    first, last, email = names
    return Person(
        known.student, known.name, first, last, known.email or email, known.login, known.section,
        known.sis_id, known.canvas_id, known.moodle_id,
    )  # fmt: skip


def nbgrader(grades: Grades, missing_as_zero: bool = True) -> list[Row]:
    """As `nbgrader export` has it; who handed nothing in has 0 there."""
    rows: list[Row] = [list(NBGRADER)]
    for assignment, most in grades.most.items():
        for person in grades.people:
            found = grades.results.get((person.student, assignment))
            numbers: Row = [found.raw, found.penalty, found.score] if found else [0.0, 0.0, 0.0]
            stamp = str(found.timestamp or "") if found else ""
            rows.append([assignment, str(grades.due[assignment] or ""), stamp, person.student,
                         person.last_name, person.first_name, person.email, *numbers, most])  # fmt: skip
    return rows


def canvas(grades: Grades, missing_as_zero: bool = False) -> list[Row]:
    """As Canvas' gradebook imports it."""
    titles = [grades.column(name, "canvas") for name in grades.most]
    blank: Row = [""] * (len(CANVAS) - 1)
    rows: list[Row] = [[*CANVAS, *titles]]
    rows.append(["    Points Possible", *blank, *grades.most.values()])
    for each in grades.people:
        login = each.login or each.student
        marks: Row = [each.sortable, each.canvas_id, each.sis_id, login, each.section]
        rows.append([*marks, *_scores(grades, each, missing_as_zero)])
    return rows


def moodle(grades: Grades, missing_as_zero: bool = False) -> list[Row]:
    """As Moodle's grade import maps it."""
    rows: list[Row] = [[*MOODLE, *(grades.column(name, "moodle") for name in grades.most)]]
    for each in grades.people:
        identifier = f"Participant {each.moodle_id}" if each.moodle_id else ""
        number = each.sis_id or each.student
        email = each.email or each.student
        marks: Row = [identifier, each.first_name, each.last_name, number, email]
        rows.append([*marks, *_scores(grades, each, missing_as_zero)])
    return rows


def _scores(grades: Grades, person: Person, missing_as_zero: bool) -> Row:
    found = [grades.results.get((person.student, name)) for name in grades.most]
    missing: float | str = 0.0 if missing_as_zero else ""
    return [each.score if each else missing for each in found]


FORMS: dict[str, Callable[[Grades, bool], list[Row]]] = {
    "nbgrader": nbgrader,
    "canvas": canvas,
    "moodle": moodle,
}


def write(
    course: Course,
    grades: Grades,
    form: str = "nbgrader",
    to: Path | None = None,
    missing_as_zero: bool = False,
) -> Path:
    """Write one form, and return the file: grading/grades.csv, or grading/grades-canvas.csv."""
    usual = "grades.csv" if form == "nbgrader" else f"grades-{form}.csv"
    to = to or course.grading / usual
    return save(to, FORMS[form](grades, missing_as_zero))


def save(to: Path, rows: list[Row]) -> Path:
    """Write a table whole or not at all, with nothing in it that a spreadsheet would run."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([inert(cell) for cell in row] for row in rows)
    to.parent.mkdir(parents=True, exist_ok=True)
    half = to.with_name(f".{to.name}.half")
    half.write_text(text.getvalue(), encoding="utf-8")
    os.replace(half, to)
    return to


def inert(cell: str | float) -> str:
    """A cell as text that no spreadsheet takes for a formula.

    >>> [inert(cell) for cell in ("=1+1", "@ada", "ada", -2.5, 3.0)]
    ["'=1+1", "'@ada", 'ada', '-2.5', '3']
    """
    if not isinstance(cell, str):
        return f"{cell:.10g}"
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def unescaped(text: str) -> str:
    """What `inert` was given: the apostrophe before a formula goes away again."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text
