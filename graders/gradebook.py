"""The one that writes: nbgrader's gradebook, through nbgrader's own models, and a journal of the run.

The points of a submission, its comments, its penalty and the line of the journal that says "done" are one
transaction. Whenever grading is cut off, a submission is either in the gradebook and in the journal, or in
neither: the next run goes on with the others, and grades none twice.

    grading_runs     one line a run: when, with which seed, how many submissions, in a sandbox or not
    grading_open     the run that has not come to its end, if there is one
    grading_journal  what that run has done

What happens in which order is in graders/grade.py; what a worker does is in graders/work.py.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType

from nbgrader.api import Gradebook, MissingEntry, SubmittedAssignment
from sqlalchemy import Column, Integer, MetaData, String, Table, Text, select

from graders import database, late
from graders.course import Course
from graders.intake import gradebook_name
from graders.work import Outcome, Page

_tables = MetaData()
RUNS = Table(
    "grading_runs",
    _tables,
    Column("time", String(32)),
    Column("seed", String(64)),
    Column("submissions", Integer),
    Column("sandbox", String(3)),
)
OPEN = Table(
    "grading_open",
    _tables,
    Column("seed", String(64)),
    Column("time", String(32)),
    Column("sandbox", String(3)),
)
JOURNAL = Table(
    "grading_journal",
    _tables,
    Column("student", String(128), primary_key=True),
    Column("assignment", String(128), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("time", String(32), nullable=False),
    Column("problem", Text, nullable=False),
    Column("notes", Text, nullable=False),
    Column("page", Integer, nullable=False),
)


@dataclass(frozen=True)
class Run:
    """A grading: all submissions get the inputs that its seed gives."""

    seed: str
    sandbox: str
    begun: str = ""
    """When a run that was broken off began, and this one goes on; "" for a new one."""


@dataclass(frozen=True)
class Done:
    """A line of the journal: what a run that was broken off has written of one submission."""

    digest: str
    time: str
    problem: str
    notes: tuple[str, ...]
    page: bool
    """Is its feedback written, too?"""


@dataclass(frozen=True)
class Marks:
    """What the gradebook says of one submission: points and the most there are, by grade_id."""

    scores: dict[str, tuple[float, float]]
    pages: dict[str, Page]
    """What is needed for the feedback of each notebook, by file name; without the notebook itself."""


class Book:
    """The gradebook of a course, for one run. Use it in a `with` block, and one at a time."""

    def __init__(self, course: Course) -> None:
        self.course = course
        url = database.patient(course.directory.db_url)
        database.prepare(url, course.directory.course_id, _tables)
        self._gradebook = Gradebook(url, course.directory.course_id)
        self._db = self._gradebook.db
        self._deadlines = late.deadlines(course.root)
        self._received = late.receipts(course.root)

    def __enter__(self) -> Book:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._gradebook.close()
        self._gradebook.engine.dispose()

    # --- the run -----------------------------------------------------------------------------

    def begin(self, seed: str, sandbox: str, count: int, again: bool) -> Run:
        """The run to go on with: the one that was broken off, unless another seed is asked for, or all of
        it `again`, or with another sandbox; or else a new one."""
        with self._transaction():
            found = self._db.execute(select(OPEN)).first()
            same = found and not again and found.sandbox == sandbox and seed in ("", found.seed)
            if found and same:
                return Run(found.seed, sandbox, found.time)
            run = Run(seed or secrets.token_hex(8), sandbox)
            now = _now()
            self._db.execute(OPEN.delete())
            self._db.execute(JOURNAL.delete())
            self._db.execute(OPEN.insert().values(seed=run.seed, time=now, sandbox=sandbox))
            self._db.execute(
                RUNS.insert().values(time=now, seed=run.seed, submissions=count, sandbox=sandbox)
            )
            return run

    def end(self) -> None:
        """The run has come to its end: the next one begins anew."""
        with self._transaction():
            self._db.execute(OPEN.delete())
            self._db.execute(JOURNAL.delete())

    def journal(self) -> dict[tuple[str, str], Done]:
        """What the open run has done, by the gradebook's student and the assignment."""
        with self._transaction():
            rows = self._db.execute(select(JOURNAL)).all()
        return {
            (row.student, row.assignment): Done(
                row.digest, row.time, row.problem, tuple(json.loads(row.notes)), bool(row.page)
            )
            for row in rows
        }

    # --- one submission ----------------------------------------------------------------------

    def record(self, student: str, assignment: str, digest: str, outcome: Outcome) -> Marks | None:
        """Write what came of a submission, all of it or nothing; what it got in the end is returned.

        Marks that a person gave stay. Without an outcome to take points from, all automatic points are 0,
        and a person is asked to look. None when the assignment itself is not in the gradebook.
        """
        submission = self._submission(student, assignment)
        if submission is None:
            return None
        scores: dict[str, float | None] = {}
        comments: dict[str, str | None] = {}
        for marked in outcome.notebooks.values():
            scores |= marked.scores
            comments |= marked.comments
        with self._transaction():
            for notebook in submission.notebooks:
                for grade in notebook.grades:
                    if outcome.problem:  # points of an earlier run must not stand for this one
                        grade.auto_score, grade.needs_manual_grade = 0, True
                        continue
                    grade.auto_score = scores[grade.name]
                    looked_at = grade.manual_score is not None or grade.auto_score is None
                    grade.needs_manual_grade = looked_at or grade.name in outcome.unread
                for comment in notebook.comments if not outcome.problem else ():
                    comment.auto_comment = comments.get(comment.name)
            self._db.flush()
            received = self._received.get((student, assignment))
            late.settle(submission, self._deadlines.get(assignment), received)
            self._db.flush()
            key = {"student": gradebook_name(student), "assignment": assignment}
            self._db.execute(JOURNAL.delete().filter_by(**key))
            self._db.execute(
                JOURNAL.insert().values(
                    **key,
                    digest=digest,
                    time=_now(),
                    problem=outcome.problem,
                    notes=json.dumps(outcome.notes),
                    page=0,
                )
            )
        return self._marks(submission)

    def wait(self, student: str, assignment: str) -> Marks | None:
        """Ask for a person to look at a submission that could not be graded for a reason that does not lie in
        it. Points that it has stay; None when the assignment itself is not in the gradebook."""
        submission = self._submission(student, assignment)
        if submission is None:
            return None
        with self._transaction():
            for notebook in submission.notebooks:
                for grade in notebook.grades:
                    if grade.auto_score is None:
                        grade.auto_score, grade.needs_manual_grade = 0, True
        return self._marks(submission)

    def page_written(self, student: str, assignment: str) -> None:
        """Note in the journal that the feedback of a submission is written."""
        key = {"student": gradebook_name(student), "assignment": assignment}
        with self._transaction():
            self._db.execute(JOURNAL.update().filter_by(**key).values(page=1))

    def marks(self, student: str, assignment: str) -> Marks | None:
        """What the gradebook says of a submission; None when it is not there."""
        try:
            submission = self._gradebook.find_submission(assignment, gradebook_name(student))
        except MissingEntry:
            self._db.rollback()
            return None
        return self._marks(submission)

    def _submission(self, student: str, assignment: str) -> SubmittedAssignment | None:
        """The rows of a submission, made where there are none; None when the assignment is not there."""
        name = gradebook_name(student)
        try:
            self._gradebook.update_or_create_student(name)
            return self._gradebook.update_or_create_submission(assignment, name)
        except MissingEntry:
            self._db.rollback()
            return None

    def _marks(self, submission: SubmittedAssignment) -> Marks:
        scores: dict[str, tuple[float, float]] = {}
        pages = {}
        for notebook in submission.notebooks:
            own = {each.name: (each.score, each.max_score) for each in notebook.grades}
            scores |= own
            pages[f"{notebook.name}.ipynb"] = Page(
                name=f"{notebook.name}.ipynb",
                graded="",
                scores=own,
                comments={each.name: each.comment for each in notebook.comments},
                score=notebook.score,
                max_score=notebook.max_score,
                late_penalty=notebook.late_submission_penalty,
            )
        self._db.rollback()  # ends the transaction that reading began: the next may be long in coming
        return Marks(scores, pages)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            yield
            self._db.commit()
        except BaseException:
            self._db.rollback()
            raise


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


__all__ = ["Book", "Done", "Marks", "Run"]
