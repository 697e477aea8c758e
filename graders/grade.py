"""Grading a class with nbgrader: autograde and feedback, in one process.

nbgrader stays the gradebook. This only sees to it that every submission is graded on its own, so
that one broken notebook costs nobody else anything, and that what went wrong is written down.
nbgrader gets to see what graders/intake.py lets through; read that first.
"""

from __future__ import annotations

import csv
import os
import secrets
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbgrader import utils
from nbgrader.api import Gradebook, MissingEntry
from sqlalchemy import text
from sqlalchemy.exc import SAWarning

from graders.course import Course, CourseError
from graders.intake import Gate, Taken, check_name, gradebook_name
from graders.rebuild import Refused, one_line
from graders.release import reason
from graders.sandbox.execute import run_notebook
from graders.sandbox.jail import unavailable
from graders.sandbox.preprocess import shared_jail


@dataclass(frozen=True)
class Submission:
    """One student's folder for one assignment."""

    student: str
    assignment: str

    def __str__(self) -> str:
        return f"{one_line(self.student)}, {self.assignment}"


@dataclass(frozen=True)
class Grade:
    """What a submission got. `problem` says why it could not be graded; "" when it was."""

    submission: Submission
    points: dict[str, tuple[float, float]]
    """For every task, by the name of what is written: the points, and the most there are."""
    problem: str = ""
    notes: tuple[str, ...] = ()
    """What was changed or left out of what was handed in, so that it could be graded."""

    @property
    def total(self) -> float:
        return sum(points for points, _ in self.points.values())

    @property
    def most(self) -> float:
        return sum(most for _, most in self.points.values())


def submissions(course: Course, assignment: str | None = None) -> list[Submission]:
    """Everything called grading/submitted/<student>/<assignment>, or those of one assignment.

    A link or a file of that name is one of them: the gate says why it cannot be graded.
    """
    known = set(course.assignments())
    wanted = {assignment} if assignment else known
    submitted = course.folder("submitted")
    found = [
        Submission(folder.parent.name, folder.name)
        for folder in sorted(submitted.glob("*/*"))
        if folder.name in wanted
    ]
    if not found:
        where = submitted.relative_to(course.root)
        raise CourseError(
            f"no submissions: put them in {where}/<student>/<assignment>/, where <assignment> is "
            f"one of {', '.join(sorted(wanted))}"
        )
    return found


def strangers(course: Course) -> list[str]:
    """What else lies among the submissions, and is not graded: folders that no assignment is named
    after, and files beside the students' folders."""
    known = course.assignments()
    submitted = course.folder("submitted")
    found = [path for path in submitted.glob("*/*") if path.name not in known]
    found += [path for path in submitted.glob("[!.]*") if not path.is_dir()]
    return [one_line(str(path.relative_to(course.root)), 200) for path in sorted(found)]


def grade_class(
    course: Course,
    todo: list[Submission],
    seed: str = "",
    step: Callable[[str, int], None] = lambda what, done: None,
    unsafe: bool | None = None,
) -> list[Grade]:
    """Autograde every submission and write its feedback. `step` is told what comes next,
    and how many are done.

    All submissions of one run get the same inputs, which nobody has seen before. They can be had
    again with the seed that is written to grading/runs.csv. With `unsafe` (or GRADERS_UNSAFE=1 in
    the environment) they run without a sandbox, and the gradebook says so.

    Raises: CourseError when the course is not set up as it should be, or when there is no sandbox.
    """
    course.assert_active()
    if unsafe is None:
        unsafe = os.environ.get("GRADERS_UNSAFE") == "1"
    if not unsafe and (why := unavailable()):
        raise CourseError(
            f"submissions are not graded without a sandbox: {why} Or say --unsafe: they can then "
            "read and change all that you can."
        )
    course.config.SandboxedExecute.unsafe = unsafe
    seed = seed or secrets.token_hex(8)
    course.grading.mkdir(exist_ok=True)
    run = (seed, len(todo), "no" if unsafe else "yes")
    _append(course.grading / "runs.csv", ("seed", "submissions", "sandbox"), [run])
    _stamp(course, *run)
    grades: list[Grade] = []
    with _seeded(seed), warnings.catch_warnings():
        # nbgrader's own, about objects it adds to its session later: one for every submission
        warnings.filterwarnings("ignore", category=SAWarning, module="nbgrader")
        problems = {}
        for name in sorted({each.assignment for each in todo}):
            step(f"the solution of {name}", 0)
            problems[name] = _registered(course, name) or unsolved(course, name)
        gate = Gate(course)
        for submission in todo:
            student, name = submission.student, submission.assignment
            step(str(submission), len(grades))
            if problems[name]:
                grades.append(_result(course, submission, problems[name], Taken()))
                continue
            taken = gate.take_in(student, name)
            problem = taken.problem or _autograded(course, submission)
            grades.append(_result(course, submission, problem, taken))
    _write_problems(course, grades)
    return grades


def _registered(course: Course, assignment: str) -> str:
    """Put the assignment, as it is in solutions/ now, into the gradebook. Returns what is wrong."""
    scratch = course.grading / "release"
    into = Course(course.root, release_directory=str(scratch), db_url=course.directory.db_url)
    result = into.api.generate_assignment(assignment, force=True, create=True)
    return "" if result["success"] else f"the assignment itself: {reason(result)}"


def unsolved(course: Course, assignment: str) -> str:
    """Why the solution does not get full marks here, now, on this run's inputs; "" when it does.

    A broken machine or a broken check would otherwise cost a whole class its points, in silence.
    """
    for file in sorted((course.folder("source") / assignment).glob("*.ipynb")):
        notebook = nbformat.read(file, as_version=4)
        if course.config.SandboxedExecute.unsafe:
            _execute(course, notebook)
        else:
            run_notebook(notebook, shared_jail())
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            errors = [out for out in cell.outputs if out.output_type == "error"]
            if errors:
                return f"its own solution fails: {errors[0].ename}: {errors[0].evalue}"
            if (
                utils.is_grade(cell)
                and utils.determine_grade(cell)[0] != cell.metadata.nbgrader.points
            ):
                return f"its own solution does not get full marks in {cell.id}"
    return ""


def _execute(course: Course, notebook: nbformat.NotebookNode) -> None:
    """Run a notebook in an ordinary kernel."""
    with utils.setenv(NBGRADER_EXECUTION="autograde"):
        NotebookClient(
            notebook,
            timeout=60,
            allow_errors=True,
            extra_arguments=list(course.config.Execute.extra_arguments),
            resources={"metadata": {"path": str(course.grading)}},
        ).execute()


def _stamp(course: Course, seed: str, count: int, sandbox: str) -> None:
    """Write into the gradebook itself how its grades came about: the table `grading_runs`."""
    with _gradebook(course) as gradebook:
        gradebook.db.execute(
            text(
                "CREATE TABLE IF NOT EXISTS grading_runs "
                "(time VARCHAR(32), seed VARCHAR(64), submissions INTEGER, sandbox VARCHAR(3))"
            )
        )
        gradebook.db.execute(
            text("INSERT INTO grading_runs VALUES (:time, :seed, :count, :sandbox)"),
            {
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
                "seed": seed,
                "count": count,
                "sandbox": sandbox,
            },
        )
        gradebook.db.commit()


def _autograded(course: Course, submission: Submission) -> str:
    """Run nbgrader on one submission that was taken in; returns why it failed, or ""."""
    student = submission.student
    try:
        for part in (course.api.autograde, course.api.generate_feedback):
            result = part(submission.assignment, student, force=True)
            if not result["success"]:
                return one_line(reason(result), 300)
    except Exception as error:  # whatever one notebook does, the class goes on
        return one_line(f"{type(error).__name__}: {error}", 300)
    return ""


def _result(course: Course, submission: Submission, problem: str, taken: Taken) -> Grade:
    """The points from the gradebook; all 0, and marked for a person to look at, when it failed. So
    is a check whose answer could not be read."""
    student = gradebook_name(submission.student)
    with _gradebook(course) as gradebook:
        try:
            gradebook.update_or_create_student(student)
            found = gradebook.update_or_create_submission(submission.assignment, student)
        except MissingEntry:  # the assignment itself could not be registered
            return Grade(submission, {}, problem, taken.notes)
        points = {}
        for notebook in found.notebooks:
            for grade in notebook.grades:
                if problem:  # points of an earlier run must not stand for this one
                    grade.auto_score, grade.needs_manual_grade = 0, True
                elif grade.name in taken.unread:
                    grade.needs_manual_grade = True
                name = grade.name.removeprefix("check-").replace("-", "_")
                points[name] = (grade.score, grade.max_score)
        gradebook.db.commit()
    return Grade(submission, points, problem, taken.notes)


def _write_problems(course: Course, grades: list[Grade]) -> None:
    """grading/problems.csv: what could not be graded in this run, and why; grading/notes.csv: what
    was changed so that the rest could be."""
    problems = [(grade, grade.problem) for grade in grades if grade.problem]
    notes = [(grade, note) for grade in grades for note in grade.notes]
    for kind, found in (("problem", problems), ("note", notes)):
        file = course.grading / f"{kind}s.csv"
        file.unlink(missing_ok=True)
        rows = [
            (gradebook_name(grade.submission.student), grade.submission.assignment, text)
            for grade, text in found
        ]
        if rows:
            _append(file, ("student", "assignment", kind), rows)


def feedback(course: Course, todo: list[Submission]) -> dict[Submission, str]:
    """Write the feedback again, for what is graded; returns what failed, and why."""
    failed = {}
    for submission in todo:
        try:
            check_name(submission.student)
        except Refused as refused:
            failed[submission] = str(refused)
            continue
        result = course.api.generate_feedback(submission.assignment, submission.student, force=True)
        if not result["success"]:
            failed[submission] = one_line(reason(result), 300)
    return failed


@contextmanager
def _gradebook(course: Course) -> Iterator[Gradebook]:
    with Gradebook(course.directory.db_url, course.directory.course_id) as gradebook:
        yield gradebook


@contextmanager
def _seeded(seed: str) -> Iterator[None]:
    """Kernels that nbgrader starts inherit the environment, and with it the seed."""
    before = os.environ.get("GRADERS_SEED")
    os.environ["GRADERS_SEED"] = seed
    try:
        yield
    finally:
        if before is None:
            del os.environ["GRADERS_SEED"]
        else:
            os.environ["GRADERS_SEED"] = before


def _append(file: Path, head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    new = not file.exists()
    with file.open("a", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        if new:
            writer.writerow(head)
        writer.writerows(rows)
