"""Late work: due dates, extensions and penalties, from grading/deadlines.toml into the gradebook.

nbgrader would read the time of receipt from a timestamp.txt in the student's own folder, where a
student can write what they like. Here it comes from grading/received.csv, which only the course
writes (graders/collect.py), and from nowhere else. Without a time there, nobody is late.

    # grading/deadlines.toml
    time_zone = "Europe/Zurich"        # of the times below that name none; UTC when left out

    [01-rank-and-shape]
    due = "2026-12-01 23:59"
    grace_minutes = 15                 # so much later is still in time
    policy = "percent"                 # "none": nothing is taken off; "zero": everything is
    percent_a_day = 10                 # of the points earned, for every day that has begun
    floor = 50                         # so many percent of the points earned always stay
    zero_after_days = 14               # after that nothing stays; with "zero", 0 when left out

    [01-rank-and-shape.extensions]
    ada = 3                            # days
    ben = "2026-12-10 12:00"           # or a due date of one's own

An assignment that the file names has the due date and the extensions that stand here, and no others.
One that it does not name keeps those set in formgrader, and no penalty.
"""

from __future__ import annotations

import csv
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nbgrader.api import Grade, Gradebook, MissingEntry, SubmittedAssignment, SubmittedNotebook
from nbgrader.plugins import LateSubmissionPlugin
from sqlalchemy import func, select, update

from graders import database
from graders.course import Course, CourseError

DEADLINES, RECEIVED = "deadlines.toml", "received.csv"
POLICIES = ("none", "percent", "zero")
DAY = 86400.0
AT_ONCE = 100
"""How many submissions are written in one transaction."""


@dataclass(frozen=True)
class Deadline:
    """When an assignment is due, for whom later, and what being late costs."""

    due: datetime | None = None
    grace: timedelta = timedelta()
    policy: str = "none"
    percent_a_day: float = 0.0
    floor: float = 0.0
    zero_after_days: float | None = None
    extensions: dict[str, timedelta] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    """The assignment's name in "canvas" and in "moodle"; see graders/export.py."""

    def penalty(self, score: float, seconds: float) -> float:
        """The points taken off a score that came in `seconds` after the due date.

        >>> tenth = Deadline(policy="percent", percent_a_day=10, floor=75)
        >>> [tenth.penalty(20, days * 86400) for days in (0, 0.1, 1, 1.5, 9)]
        [0.0, 2.0, 2.0, 4.0, 5.0]
        """
        if seconds <= self.grace.total_seconds() or self.policy == "none":
            return 0.0
        if self.zero_after_days is not None and seconds > self.zero_after_days * DAY:
            return score
        lost = min(self.percent_a_day * math.ceil(seconds / DAY), 100 - self.floor)
        return score * lost / 100


@dataclass(frozen=True)
class Lateness:
    """One submission beside its due date."""

    student: str
    assignment: str
    received: datetime | None
    due: datetime | None
    seconds: float
    score: float
    penalty: float


class Policy(LateSubmissionPlugin):
    """What nbgrader asks, in its step AssignLatePenalties, for the points to take off.

    nbgrader makes the plugin before it looks whether the submission is late: that is when the
    due date, the extension and the true time of receipt are put into the gradebook.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        step = self.parent
        if getattr(step, "assignment_id", None) and getattr(step, "student_id", None):
            root = Path(self.config.CourseDirectory.root)
            self.deadline = deadlines(root).get(step.assignment_id)
            received = receipts(root).get((step.student_id, step.assignment_id))
            with Gradebook(step.db_url) as gradebook:
                submission = gradebook.find_submission(step.assignment_id, step.student_id)
                _set_times(submission, self.deadline, received)
                gradebook.db.commit()

    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float | None:
        if self.deadline is None:
            return None
        return self.deadline.penalty(score, total_seconds_late) or None


def apply(course: Course, assignment: str | None = None) -> list[Lateness]:
    """Put due dates, extensions, times and penalties into the gradebook, for what is graded.

    Nothing is run again: this is for an extension that was given, or a score that was changed by
    hand, after the grading. Returns every submission with its times.

    An assignment is read with one query. Only what is not as it should be is written, in the order of the
    students and a few at a time, so that others who write at the same time do not wait for long. A score
    that they change meanwhile counts the next time.
    """
    known, received = deadlines(course.root, course.assignments()), receipts(course.root)
    found: list[Lateness] = []
    with database.opened(course) as gradebook:
        for name in [assignment] if assignment else course.assignments():
            try:
                stored = gradebook.find_assignment(name)
            except MissingEntry:
                continue
            deadline = known.get(name)
            if deadline:
                stored.duedate = _naive(deadline.due)
            key, due = stored.id, stored.duedate
            changes = []
            for submission in _submissions(gradebook, key):
                when = received.get((submission.student, name))
                lateness, change = _beside(submission, name, due, deadline, when)
                found.append(lateness)
                if change:
                    changes.append(change)
            gradebook.db.commit()
            for at in range(0, len(changes), AT_ONCE):
                _write(gradebook, changes[at : at + AT_ONCE])
    return sorted(found, key=lambda each: (each.assignment, each.student))


@dataclass
class _Stored:
    """A submission as the gradebook has it."""

    id: str
    student: str
    timestamp: datetime | None
    extension: timedelta | None
    notebooks: list[tuple[str, float | None, float]] = field(default_factory=list)
    """For each: its id, its penalty, its score."""


def _submissions(gradebook: Gradebook, assignment: str) -> Iterator[_Stored]:
    """Every submission of an assignment, in the order of the students."""
    rows = gradebook.db.execute(
        select(
            SubmittedAssignment.id,
            SubmittedAssignment.student_id,
            SubmittedAssignment.timestamp,
            SubmittedAssignment.extension,
            SubmittedNotebook.id,
            SubmittedNotebook.late_submission_penalty,
            func.coalesce(func.sum(Grade.score), 0.0),
        )
        .outerjoin(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .outerjoin(Grade, Grade.notebook_id == SubmittedNotebook.id)
        .where(SubmittedAssignment.assignment_id == assignment)
        .group_by(SubmittedAssignment.id, SubmittedNotebook.id)
        .order_by(SubmittedAssignment.student_id, SubmittedNotebook.id)
    )
    for _, own in groupby(rows, key=lambda row: row[0]):
        lines = list(own)
        submission = _Stored(*lines[0][:4])
        submission.notebooks = [(row[4], row[5], float(row[6])) for row in lines if row[4]]
        yield submission


@dataclass(frozen=True)
class _Change:
    """What has to be written for one submission, in the words of the gradebook's tables."""

    submission: dict[str, Any] | None
    notebooks: list[dict[str, Any]]


@dataclass(frozen=True)
class _Times:
    """The times of a submission as the gradebook keeps them, and what follows from them."""

    timestamp: datetime | None
    extension: timedelta | None
    due: datetime | None
    """For this student."""

    @property
    def seconds(self) -> float:
        """How late it is."""
        if self.timestamp is None or self.due is None:
            return 0.0
        return max(0.0, (self.timestamp - self.due).total_seconds())


def _times(
    student: str,
    due: datetime | None,
    extension: timedelta | None,
    deadline: Deadline | None,
    received: datetime | None,
) -> _Times:
    """`due` and `extension` as the gradebook has them; `deadline` as the file says."""
    if deadline:
        due, extension = _naive(deadline.due), deadline.extensions.get(student)
    if due is None:
        return _Times(_naive(received), None, None)  # nbgrader could not add it to no date
    return _Times(_naive(received), extension, due + (extension or timedelta()))


def _beside(
    stored: _Stored,
    name: str,
    due: datetime | None,
    deadline: Deadline | None,
    received: datetime | None,
) -> tuple[Lateness, _Change | None]:
    """A submission beside its due date, and what has to be written for that; None when nothing has."""
    own = _times(stored.student, due, stored.extension, deadline, received)
    score = penalty = 0.0
    notebooks = []
    for key, before, points in stored.notebooks:
        off = deadline.penalty(points, own.seconds) if deadline else 0.0
        score, penalty = score + points, penalty + off
        if (off or None) != before:
            notebooks.append({"id": key, "late_submission_penalty": off or None})
    new = {"timestamp": own.timestamp, "extension": own.extension}
    changed = new != {"timestamp": stored.timestamp, "extension": stored.extension}
    change = _Change({"id": stored.id} | new if changed else None, notebooks)
    aware = _aware(own.timestamp), _aware(own.due)
    beside = Lateness(stored.student, name, *aware, own.seconds, score, penalty)
    return beside, change if changed or notebooks else None


def _write(gradebook: Gradebook, changes: list[_Change]) -> None:
    """A few submissions, in one transaction."""
    times = [each.submission for each in changes if each.submission]
    notebooks = [row for each in changes for row in each.notebooks]
    for table, rows in ((SubmittedAssignment, times), (SubmittedNotebook, notebooks)):
        if rows:
            gradebook.db.execute(update(table), rows)
    gradebook.db.commit()


def settle(submission: Any, deadline: Deadline | None, received: datetime | None) -> float:
    """Put the times of one submission of the gradebook, and what lateness costs it, into its rows; the
    seconds it is late. Its points have to be there already."""
    seconds = _set_times(submission, deadline, received).seconds
    for notebook in submission.notebooks:
        off = deadline.penalty(notebook.score, seconds) if deadline else 0.0
        notebook.late_submission_penalty = off or None
    return seconds


def _set_times(submission: Any, deadline: Deadline | None, received: datetime | None) -> _Times:
    assignment, student = submission.assignment, submission.student.id
    if deadline:
        assignment.duedate = _naive(deadline.due)
    own = _times(student, assignment.duedate, submission.extension, deadline, received)
    submission.timestamp, submission.extension = own.timestamp, own.extension
    return own


def _naive(when: datetime | None) -> datetime | None:
    """As the gradebook keeps times: in UTC, without saying so."""
    return when.astimezone(UTC).replace(tzinfo=None) if when else None


def _aware(when: datetime | None) -> datetime | None:
    return when.replace(tzinfo=UTC) if when else None


# --- the two files ---------------------------------------------------------------------------

KEYS = {"due", "grace_minutes", "policy", "percent_a_day", "floor", "zero_after_days",
        "extensions", "canvas", "moodle"}  # fmt: skip


def deadlines(root: Path, assignments: list[str] | None = None) -> dict[str, Deadline]:
    """grading/deadlines.toml, by assignment; empty without one.

    Raises: CourseError that names the line to mend. A name that is none of `assignments`, when
    they are given, is such a line, and so is a key that means nothing.
    """
    file = root / "grading" / DEADLINES
    if not file.exists():
        return {}
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CourseError(f"grading/{DEADLINES}: {error}") from error
    zone = _zone(tables.pop("time_zone", "UTC"))
    found = {}
    for name, table in tables.items():
        if not isinstance(table, dict) or (assignments is not None and name not in assignments):
            known = f": {', '.join(assignments)}" if assignments else ""
            raise CourseError(f"grading/{DEADLINES}: {name} is none of the assignments{known}")
        try:
            found[name] = _deadline(table, zone)
        except (ValueError, TypeError) as error:
            raise CourseError(f"grading/{DEADLINES}, [{name}]: {error}") from error
    return found


def _deadline(table: dict[str, Any], zone: tzinfo) -> Deadline:
    unknown = set(table) - KEYS
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))} is none of {', '.join(sorted(KEYS))}")
    policy = table.get("policy", "none")
    if policy not in POLICIES:
        raise ValueError(f"policy is {policy!r}, and should be one of {', '.join(POLICIES)}")
    due = moment(table["due"], zone) if "due" in table else None
    if due is None and (policy != "none" or table.get("extensions")):
        raise ValueError("there is no due")
    if policy == "percent" and "percent_a_day" not in table:
        raise ValueError('policy = "percent" needs percent_a_day')
    extensions = {}
    for student, given in table.get("extensions", {}).items():
        assert due is not None
        number = isinstance(given, int | float) and not isinstance(given, bool)
        # three days are three nights at the same time of day, also when the clock is changed
        later = due.astimezone(zone) + timedelta(days=given) if number else moment(given, zone)
        longer = later.astimezone(UTC) - due
        if longer < timedelta():
            raise ValueError(f"the extension of {student} ends before the assignment is due")
        extensions[student] = longer
    zero = table.get("zero_after_days", 0 if policy == "zero" else None)
    return Deadline(
        due,
        timedelta(minutes=_number(table, "grace_minutes")),
        policy,
        _number(table, "percent_a_day", 100),
        _number(table, "floor", 100),
        None if zero is None else _number({"zero_after_days": zero}, "zero_after_days"),
        extensions,
        {lms: str(table[lms]) for lms in ("canvas", "moodle") if lms in table},
    )


def _number(table: dict[str, Any], key: str, most: float = math.inf) -> float:
    value = table.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        upto = "" if most == math.inf else f" to {most:g}"
        raise ValueError(f"{key} is {value!r}, and should be a number from 0{upto}")
    return float(value)


def _zone(name: object) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CourseError(
            f"grading/{DEADLINES}: time_zone = {name!r} is no time zone; one is Europe/Zurich"
        ) from error


def moment(given: object, zone: tzinfo) -> datetime:
    """A point in time, in UTC, from a TOML date and time, or from text: "2026-12-01 23:59".

    Where the clock is put back and a time of day comes twice, the later one is meant.
    """
    if isinstance(given, str):
        if len(given.strip()) <= 10:
            raise ValueError(f"{given!r} has no time of day")
        given = datetime.fromisoformat(given.strip())
    if not isinstance(given, datetime):
        raise ValueError(f"{given!r} is no date with a time of day")
    return (given if given.tzinfo else given.replace(tzinfo=zone, fold=1)).astimezone(UTC)


def time_zone(root: Path) -> tzinfo:
    """The time zone of grading/deadlines.toml; UTC without one."""
    file = root / "grading" / DEADLINES
    if not file.exists():
        return UTC
    deadlines(root)
    return _zone(tomllib.loads(file.read_text(encoding="utf-8")).get("time_zone", "UTC"))


def receipts(root: Path, file: Path | None = None) -> Mapping[tuple[str, str], datetime]:
    """When each (student, assignment) was received: grading/received.csv, or a file like it.

    It has the columns student, assignment and timestamp (ISO 8601; one without an offset is in the
    time zone of deadlines.toml).
    """
    file = file or root / "grading" / RECEIVED
    if not file.exists():
        return {}
    found = file.stat()
    return _receipts(file, (found.st_mtime_ns, found.st_size, found.st_ino), time_zone(root))


@lru_cache(maxsize=4)  # nbgrader asks once for every submission
def _receipts(
    file: Path, version: tuple[int, ...], zone: tzinfo
) -> Mapping[tuple[str, str], datetime]:
    found = {}
    with file.open(newline="", encoding="utf-8-sig") as rows:
        for number, row in enumerate(csv.DictReader(rows), start=2):
            try:
                stamp = row["timestamp"].strip()
                if stamp:
                    found[row["student"].strip(), row["assignment"].strip()] = moment(stamp, zone)
            except (KeyError, ValueError, AttributeError) as error:
                raise CourseError(
                    f"{file.name}, line {number}: needs student, assignment and timestamp: {error}"
                ) from error
    return MappingProxyType(found)
