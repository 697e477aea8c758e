"""Submissions as an LMS gives them, into grading/submitted/<student>/<assignment>/.

Three forms are understood, also mixed, in folders and in zip files:

- Moodle: `Surname Name_12345_assignsubmission_file_/rank-and-shape.ipynb`, also as one name;
- Canvas: `surnamename_late_1234_5678_rank-and-shape-1.ipynb`;
- plain: `student/01-rank-and-shape/rank-and-shape.ipynb`, or without the middle folder.

Only notebooks of the course are taken, under the name they were given out with; what is in them is
for the grading to judge. Of several attempts the latest counts, and the others are kept in
grading/attempts/. The time of receipt goes into grading/received.csv, out of any student's reach.
Every file is written beside its place and then renamed, so that a run that was killed leaves no
half file; the same run again changes nothing.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from graders import late
from graders.course import Course
from graders.roster import Roster, plain, slug, unfit
from graders.uploads import File, Limits, Refused, files

MOODLE = re.compile(r"(?P<who>.+?)_(?P<id>\d+)_assignsubmission_file(?:_(?P<file>.*))?", re.I)
CANVAS = re.compile(
    r"(?P<who>\w+?)(?:_LATE)?_(?P<id>\d+)_(?P<upload>\d+)_(?P<file>.+)"
    r"|(?:LATE_)?(?P<anonymous>anon_[a-z0-9]+)_(?P<upload2>\d+)_(?P<file2>.+)",
    re.I,
)
COPIED = re.compile(r"(?: ?\((?P<a>\d+)\)|-(?P<b>\d+)|[ _-]copy\d*)$", re.I)
"""What a browser, Canvas and JupyterLab append to a name that is there already."""
HEAD = ("student", "assignment", "timestamp", "known_from", "sha256")


@dataclass(frozen=True)
class Attempt:
    """One notebook that somebody handed in."""

    student: str
    assignment: str
    notebook: str
    source: str
    """Where it was found, for a person to read."""
    read: Callable[[], bytes]
    sha: str
    received: datetime | None
    order: tuple[int, int] = (0, 0)
    """Which of several it is, as the LMS and the file's name count them: upload, copy."""
    known_from: str = "file time"


@dataclass(frozen=True)
class Outcome:
    """What became of one file: new, replaced, as before, older, or not taken."""

    what: str
    source: str
    student: str = ""
    assignment: str = ""
    received: datetime | None = None
    why: str = ""


@dataclass(frozen=True)
class Receipt:
    """One row of grading/received.csv."""

    timestamp: str
    known_from: str = ""
    sha256: str = ""
    """Of the notebook that came in at that time; empty when a person wrote the row."""


def collect(
    course: Course,
    sources: Iterable[Path],
    assignment: str | None = None,
    roster: Roster | None = None,
    received: Path | None = None,
    limits: Limits | None = None,
    step: Callable[[str], None] = lambda what: None,
) -> list[Outcome]:
    """Take every submission out of folders and zip files; returns what became of each.

    `assignment` says whose notebooks they are, where neither folder nor name do; then every
    notebook of a student is taken for it. `received` is a CSV as grading/received.csv, whose times
    go before those of the files. Raises: CourseError when a source cannot be read at all.
    """
    roster, limits = roster or Roster([]), limits or Limits()
    zone = late.time_zone(course.root)
    outcomes: list[Outcome] = []

    def refuse(source: str, why: str) -> None:
        outcomes.append(Outcome("not taken", source, why=why))

    finder = _Finder(course, roster, assignment)
    attempts: dict[tuple[str, str, str], list[Attempt]] = {}
    for source in sources:
        for file in files(source, limits, refuse, zone):
            step(file.name)
            try:
                found = finder.attempt(file)
            except Refused as why:
                refuse(file.name, str(why))
            else:
                key = (found.student, found.assignment, found.notebook)
                attempts.setdefault(key, []).append(found)
    times = dict(late.receipts(course.root, received)) if received else {}
    for person in roster.people:
        stamp = moodle_time(person.received, zone)
        if assignment and stamp:
            times.setdefault((person.student, assignment), stamp)
    desk = _Desk(course)
    for (student, name, _), given in sorted(attempts.items()):
        step(f"{student}, {name}")
        try:
            outcomes += desk.take(given, times.get((student, name)))
        except Refused as why:
            refuse(f"{student}, {name}", str(why))
    desk.close()
    return outcomes


class _Finder:
    """Says of a file whose it is, and for which assignment."""

    def __init__(self, course: Course, roster: Roster, assignment: str | None) -> None:
        self.roster, self.assignment = roster, assignment
        self.notebooks = {
            name: sorted(file.name for file in (course.folder("source") / name).glob("*.ipynb"))
            for name in course.assignments()
        }
        self.origin: dict[str, str] = {}

    def attempt(self, file: File) -> Attempt:
        """Raises: Refused, when it cannot be said."""
        folders, name = file.parts[:-1], file.parts[-1]
        order = (0, 0)
        whole = f"{file.archive}_{name}" if file.archive else name
        moodle = next((m for part in (*folders, whole) if (m := MOODLE.fullmatch(part))), None)
        canvas = CANVAS.fullmatch(whole)
        if moodle:
            name = moodle["file"] if moodle["file"] and not file.archive else name
            student = self._student("Moodle", moodle["who"], moodle["id"])
        elif canvas:
            name = name if file.archive else canvas["file"] or canvas["file2"]
            student = self._student("Canvas", canvas["who"] or canvas["anonymous"], canvas["id"])
            order = (int(canvas["upload"] or canvas["upload2"]), 0)
        else:
            student = self._student("folder", self._owner(folders, file.archive), "")
        assignment, notebook, count = self._notebook(folders, name)
        sha, order = _sha(file.read()), (order[0], count)
        return Attempt(student, assignment, notebook, file.name, file.read, sha, file.when, order)

    def _owner(self, folders: tuple[str, ...], archive: str) -> str:
        """The folder above the assignment's, or else the one that the notebook lies in."""
        for place, folder in enumerate(folders):
            if place and folder in self.notebooks:
                return folders[place - 1]
        if folders and folders[-1] not in self.notebooks:
            return folders[-1]
        if archive:
            return archive
        raise Refused("nothing says whose it is: it lies in no student's folder")

    def _student(self, form: str, who: str, number: str | None) -> str:
        """The id of a student, from the roster or, without one, from the name."""
        number = number or ""
        if self.roster:
            marks = {
                "Moodle": {"moodle_id": number, "name": who},
                "Canvas": {"canvas_id": number, "name": who},
                "folder": dict.fromkeys(("student", "login", "email", "sis_id", "name"), who),
            }
            found = self.roster.find(**marks[form])
            if found is None:
                raise Refused(f"{who} is not in the roster, or is there twice")
            return found
        if number:
            return "-".join(part for part in (slug(who), number) if part)
        student = who if not unfit(who) else slug(who)
        if unfit(student):
            raise Refused(f"{who!r} {unfit(student)}")
        if self.origin.setdefault(student.casefold(), who) != who:
            raise Refused(f"{who!r} and {self.origin[student.casefold()]!r} would be one student")
        return student

    def _notebook(self, folders: tuple[str, ...], name: str) -> tuple[str, str, int]:
        """The assignment and notebook that a file is meant as, and which copy of it."""
        stem, count = name[: -len(".ipynb")], 0
        named = next((folder for folder in reversed(folders) if folder in self.notebooks), None)
        wanted = self.assignment or named
        among = {wanted: self.notebooks[wanted]} if wanted else self.notebooks
        while True:
            for assignment, names in among.items():
                for notebook in names:
                    if plain(notebook.removesuffix(".ipynb")) == plain(stem):
                        return assignment, notebook, count
            copied = COPIED.search(stem)
            if not copied:
                break
            count = count or int(copied["a"] or copied["b"] or 1)
            stem = stem[: copied.start()]
        if self.assignment and len(self.notebooks[self.assignment]) == 1:
            return self.assignment, self.notebooks[self.assignment][0], count
        every = ", ".join(notebook for names in among.values() for notebook in names)
        raise Refused(f"{name} is none of the notebooks given out: {every}")


class _Desk:
    """Puts attempts into their places, and keeps the book of receipts."""

    def __init__(self, course: Course) -> None:
        self.submitted, self.grading = course.folder("submitted"), course.grading
        self.book = self.grading / late.RECEIVED
        self.scratch = self.grading / ".collect"
        shutil.rmtree(self.scratch, ignore_errors=True)  # of a run that was killed
        self.scratch.mkdir(parents=True)
        self.zone = late.time_zone(course.root)
        self.receipts = self._read_book()
        self.now = datetime.now(UTC).replace(microsecond=0)

    def take(self, attempts: list[Attempt], given: datetime | None) -> list[Outcome]:
        """Put the latest of one student's attempts at a notebook in its place, others aside."""
        attempts.sort(key=self._age)
        last = attempts[-1]
        for each in reversed(attempts):  # handed in twice as it is: the first time counts
            if each.sha != last.sha:
                break
            last = each
        earlier = {each.sha: each for each in attempts if each.sha != last.sha}
        outcomes = [self._aside(each) for each in earlier.values()]
        place = self.submitted / last.student / last.assignment / last.notebook
        key = (last.student, last.assignment)
        receipt = self.receipts.get(key)
        there = place.read_bytes() if place.is_file() and not place.is_symlink() else None
        known = self._time(receipt, there)
        if there is not None and _sha(there) == last.sha:
            kept = known if known and not given else self._timed(last, given).received
            if given or known is None:
                self._record(self._timed(last, given))
            return [*outcomes, self._told("as before", last, kept)]
        last = self._timed(last, given)
        if there is not None and self._older(last, known):
            return [*outcomes, self._aside(last)]
        if there is not None:
            when = known or self._file_time(place)
            self._aside(replace(last, read=place.read_bytes, sha=_sha(there), received=when))
        self._write(place, last.read())
        self._record(last)
        return [*outcomes, self._told("replaced" if there is not None else "new", last)]

    def _older(self, attempt: Attempt, known: datetime | None) -> bool:
        """Is it earlier than what is there? What was put aside before is, without a new time."""
        assert attempt.received is not None
        if known and attempt.received < known:
            return True
        later = attempt.known_from != "now" and known is not None and attempt.received > known
        return self._kept(attempt) and not later

    @staticmethod
    def _age(attempt: Attempt) -> tuple[tuple[int, int] | float, ...]:
        """What makes one attempt later than another. Canvas's own count goes before any time:
        its zip files hold the time of the download."""
        when = attempt.received.timestamp() if attempt.received else 0.0
        upload, count = attempt.order
        return ((upload, count), when) if upload else ((0, 0), when, (count, 0))

    def _timed(self, attempt: Attempt, given: datetime | None) -> Attempt:
        if given:
            return replace(attempt, received=given, known_from="listing")
        if attempt.received is None:
            return replace(attempt, received=self.now, known_from="now")
        return attempt

    def _time(self, receipt: Receipt | None, there: bytes | None) -> datetime | None:
        """When what is there now was received, if the book says it of just that."""
        if receipt is None or there is None or not receipt.timestamp:
            return None
        if receipt.sha256 and receipt.sha256 != _sha(there):
            return None
        return late.moment(receipt.timestamp, self.zone)

    @staticmethod
    def _file_time(place: Path) -> datetime:
        return datetime.fromtimestamp(int(place.stat().st_mtime), UTC)

    def _folder(self, attempt: Attempt) -> Path:
        return self.grading / "attempts" / attempt.student / attempt.assignment

    def _kept(self, attempt: Attempt) -> bool:
        """Was it put aside in an earlier run, for a later attempt?"""
        return any(self._folder(attempt).glob(f"*-{attempt.sha[:12]}.ipynb"))

    def _aside(self, attempt: Attempt) -> Outcome:
        attempt = self._timed(attempt, None)
        assert attempt.received is not None
        if not self._kept(attempt):
            stamp = attempt.received.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
            name = f"{stamp}-{attempt.sha[:12]}.ipynb"
            self._write(self._folder(attempt) / name, attempt.read())
        return self._told("older", attempt)

    def _told(self, what: str, attempt: Attempt, when: datetime | None = None) -> Outcome:
        return Outcome(
            what, attempt.source, attempt.student, attempt.assignment, when or attempt.received
        )

    def _record(self, attempt: Attempt) -> None:
        assert attempt.received is not None
        stamp = attempt.received.astimezone(UTC).isoformat(timespec="seconds")
        self.receipts[attempt.student, attempt.assignment] = Receipt(
            stamp, attempt.known_from, attempt.sha
        )

    def close(self) -> None:
        """Write the book of receipts, if anything in it changed."""
        if self.receipts != self._read_book():
            text = io.StringIO(newline="")
            writer = csv.writer(text)
            writer.writerow(HEAD)
            for (student, assignment), each in sorted(self.receipts.items()):
                row = (student, assignment, each.timestamp, each.known_from, each.sha256)
                writer.writerow(row)
            self._write(self.book, text.getvalue().encode())
        shutil.rmtree(self.scratch)

    def _read_book(self) -> dict[tuple[str, str], Receipt]:
        if not self.book.exists():
            return {}
        with self.book.open(newline="", encoding="utf-8-sig") as rows:
            return {
                (row["student"], row["assignment"]): Receipt(
                    row["timestamp"], row.get("known_from") or "", row.get("sha256") or ""
                )
                for row in csv.DictReader(rows)
            }

    def _write(self, place: Path, content: bytes) -> None:
        """All of it or nothing: written elsewhere on the same disk, then renamed."""
        half = self.scratch / "half"
        with half.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(half, place)


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def moodle_time(text: str, zone: tzinfo) -> datetime | None:
    """A time as Moodle's worksheet has it, in English: "Monday, 1 December 2026, 11:59 PM".

    None for "-" and for what is no such time.
    """
    for form in ("%A, %d %B %Y, %I:%M %p", "%A, %d %B %Y, %H:%M"):
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=zone, fold=1)
        except ValueError:
            continue
    try:
        return late.moment(text, zone)
    except ValueError:
        return None
