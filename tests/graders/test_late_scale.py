"""Deadlines of a whole class: as much work as there is to do, and the result of one submission at a time."""

from __future__ import annotations

import random
import shutil
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nbgrader import api
from nbgrader.api import Gradebook
from sqlalchemy import delete, event, insert

from graders import late
from graders.course import CONFIG, Course

NAMES = ("01-rank-and-shape", "05-tracing")
DUE = datetime(2026, 12, 1, 23, 59, tzinfo=UTC)
CHECKS = 4


def class_of(root: Path, count: int) -> Course:
    """A course whose gradebook holds `count` students with a submission to each of two assignments.

    Some were received in time, some late, some at a time that nobody wrote down; some have an extension, a
    manual score, extra credit, or a second notebook. Every tenth has no notebook at all.
    """
    here, draw = Course(), random.Random(f"class of {count}")
    root.mkdir()
    shutil.copy(here.root / CONFIG, root / CONFIG)
    for name in NAMES:
        shutil.copytree(here.root / "solutions" / name, root / "solutions" / name)
    course = Course(root)
    students = [f"s{number:04}" for number in range(count)]
    tables: dict[Any, list[dict[str, Any]]] = {api.SubmittedAssignment: [], api.SubmittedNotebook: [],
                                               api.Grade: []}  # fmt: skip
    receipts, lines = ["student,assignment,timestamp"], []
    with Gradebook(course.directory.db_url, course.directory.course_id) as gradebook:
        for student in students:
            gradebook.add_student(student)
        for name in NAMES:
            gradebook.add_assignment(name)
            for notebook in ("a", "b"):
                gradebook.add_notebook(notebook, name)
                for check in range(CHECKS):
                    gradebook.add_grade_cell(
                        f"check-{check}", notebook, name, max_score=5, cell_type="code"
                    )
            lines += [f"[{name}]", f"due = {DUE.isoformat()}", 'policy = "percent"', "percent_a_day = 7.5",
                      "floor = 20", "zero_after_days = 9", f"[{name}.extensions]"]  # fmt: skip
            for number, student in enumerate(students):
                submission = uuid.UUID(int=draw.getrandbits(128)).hex
                when = DUE + timedelta(hours=draw.uniform(-100, 300))
                stored = draw.choice([None, when.replace(tzinfo=None), datetime(1999, 1, 1)])
                tables[api.SubmittedAssignment].append(
                    {"id": submission, "assignment_id": gradebook.find_assignment(name).id,
                     "student_id": student, "timestamp": stored,
                     "extension": draw.choice([None, timedelta(days=2)])})  # fmt: skip
                if draw.random() < 0.8:
                    receipts.append(f"{student},{name},{when.isoformat()}")
                if draw.random() < 0.2:
                    lines.append(f"{student} = {draw.choice([1, 2, 5.5])}")
                for notebook in ("a", "b")[: 0 if number % 10 == 9 else 1 + number % 2]:
                    own, cells = (
                        uuid.UUID(int=draw.getrandbits(128)).hex,
                        gradebook.find_notebook(notebook, name),
                    )
                    tables[api.SubmittedNotebook].append(
                        {"id": own, "assignment_id": submission, "notebook_id": cells.id,
                         "late_submission_penalty": draw.choice([None, None, 1.25])})  # fmt: skip
                    for cell in cells.grade_cells if draw.random() < 0.9 else ():
                        tables[api.Grade].append(
                            {"id": uuid.UUID(int=draw.getrandbits(128)).hex, "cell_id": cell.id,
                             "notebook_id": own, "auto_score": draw.choice([None, 0.0, 1.5, 5.0]),
                             "manual_score": draw.choice([None, None, 3.25]), "needs_manual_grade": False,
                             "extra_credit": draw.choice([None, None, 0.5])})  # fmt: skip
        for table, rows in tables.items():
            gradebook.db.execute(insert(table), rows)
        gradebook.db.commit()
    (course.grading / "received.csv").write_text("\n".join([*receipts, ""]))
    (course.grading / "deadlines.toml").write_text("\n".join([*lines, ""]))
    return course


def rows(course: Course) -> dict[str, Any]:
    """Everything that deadlines change in the gradebook, by the rows' ids."""
    with Gradebook(course.directory.db_url) as gradebook:
        submissions = gradebook.db.query(api.SubmittedAssignment).all()
        times: dict[str, Any] = {each.id: (each.timestamp, each.extension) for each in submissions}
        notebooks = gradebook.db.query(api.SubmittedNotebook).all()
        return times | {each.id: each.late_submission_penalty for each in notebooks}


def one_by_one(course: Course) -> dict[str, Any]:
    """What the gradebook holds after each submission was settled by itself, as `nbgrader` counts lateness."""
    known, received = late.deadlines(course.root), late.receipts(course.root)
    with Gradebook(course.directory.db_url, course.directory.course_id) as gradebook:
        for name in NAMES:
            deadline = known.get(name)
            for submission in gradebook.find_assignment(name).submissions:
                when = received.get((submission.student.id, name))
                late.settle(submission, deadline, when)
                gradebook.db.flush()
                assert submission.timestamp == (when and when.astimezone(UTC).replace(tzinfo=None))
                seconds = submission.total_seconds_late if submission.duedate else 0.0
                for notebook in submission.notebooks:
                    off = deadline.penalty(notebook.score, seconds) if deadline else 0.0
                    assert notebook.late_submission_penalty == (off or None)
        gradebook.db.commit()
    return rows(course)


def statements(course: Course, assignment: str | None = None) -> list[str]:
    """What is said to the database while deadlines are applied."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    from sqlalchemy.engine import Engine

    event.listen(Engine, "before_cursor_execute", note)
    try:
        late.apply(course, assignment)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return said


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return class_of(tmp_path_factory.mktemp("small") / "course", 60)


@pytest.fixture
def course(small: Course, tmp_path: Path) -> Course:
    shutil.copytree(small.root, tmp_path / "course")
    return Course(tmp_path / "course")


@pytest.mark.parametrize("policy", ["as it is", "without a file", "without a due date"])
def test_a_class_at_once_is_as_one_after_another(
    course: Course, tmp_path: Path, policy: str
) -> None:
    file = course.grading / "deadlines.toml"
    if policy == "without a file":
        file.unlink()
        with Gradebook(course.directory.db_url, course.directory.course_id) as gradebook:
            gradebook.find_assignment(NAMES[0]).duedate = DUE.replace(tzinfo=None)
            gradebook.db.commit()
    elif policy == "without a due date":
        file.write_text(f"[{NAMES[1]}]\ncanvas = 'Two'\n")
    shutil.copytree(course.root, tmp_path / "other")
    before = rows(course)
    found = late.apply(course)
    expected = one_by_one(Course(tmp_path / "other"))
    assert rows(course) == expected != before
    assert len(found) == 120 and [each.assignment for each in found] == sorted(NAMES * 60)
    penalties = sum(value or 0 for value in expected.values() if not isinstance(value, tuple))
    assert sum(each.penalty for each in found) == pytest.approx(penalties)
    assert (penalties > 100) == (policy == "as it is")


def test_one_assignment_leaves_the_others_as_they_are(course: Course) -> None:
    before = rows(course)
    late.apply(course, NAMES[1])
    with Gradebook(course.directory.db_url, course.directory.course_id) as gradebook:
        first = gradebook.find_assignment(NAMES[0]).submissions
        ids = {each.id for each in first} | {n.id for each in first for n in each.notebooks}
    after = rows(course)
    assert {key: after[key] for key in ids} == {key: before[key] for key in ids}
    assert after != before


def test_the_work_does_not_grow_with_the_class(course: Course, tmp_path: Path) -> None:
    """60 students and 6: the same questions to the database. Nothing is written that is right already."""
    shutil.copytree(course.root, tmp_path / "six")
    six = Course(tmp_path / "six")
    with Gradebook(six.directory.db_url, six.directory.course_id) as gradebook:
        table = api.SubmittedAssignment
        gradebook.db.execute(delete(table).where(table.student_id >= "s0006"))
        gradebook.db.commit()
    first = statements(course), statements(six)
    assert len(first[0]) == len(first[1])
    again = statements(course)
    assert not [each for each in again if each.startswith(("UPDATE", "INSERT", "DELETE"))]
    assert sum(map(about_submissions, again)) == len(NAMES), "one query for an assignment"
    assert sum(map(about_submissions, statements(course, NAMES[0]))) == 1


def about_submissions(statement: str) -> bool:
    return statement.startswith("SELECT") and "submitted_notebook" in statement
