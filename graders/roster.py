"""Who is in the class: a CSV that maps the names and numbers of an LMS to student ids.

Three forms are understood, told apart by their header: the course's own (`student`, and any of
`first_name`, `last_name`, `email`, `login`, `section`, `sis_id`, `canvas_id`, `moodle_id`), the
gradebook that Canvas exports, and the grading worksheet of a Moodle assignment.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass, fields
from pathlib import Path

from graders.course import CourseError

ROSTER = "roster.csv"
COLUMNS = {
    "student": ("student", "student_id", "username"),
    "name": ("name", "full name"),
    "first_name": ("first_name", "first name"),
    "last_name": ("last_name", "last name", "surname"),
    "email": ("email", "email address", "e-mail"),
    "login": ("login", "sis login id"),
    "section": ("section",),
    "sis_id": ("sis_id", "sis user id", "id number"),
    "canvas_id": ("canvas_id", "id"),
    "moodle_id": ("moodle_id", "identifier"),
    "received": ("last modified (submission)",),
}
"""What a column may be called, in any case of letters."""


@dataclass(frozen=True)
class Person:
    """One student, as the course and as an LMS know them."""

    student: str
    name: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    login: str = ""
    section: str = ""
    sis_id: str = ""
    canvas_id: str = ""
    moodle_id: str = ""
    received: str = ""
    """When the submission came in, as Moodle's worksheet says it."""

    @property
    def sortable(self) -> str:
        """The name as Canvas writes it: "Lovelace, Ada"."""
        both = ", ".join(part for part in (self.last_name, self.first_name) if part)
        return both or self.name or self.student


class Roster:
    """The people of a class, and how to find one."""

    def __init__(self, people: list[Person]) -> None:
        self.people = people
        self._by: dict[tuple[str, str], set[str]] = {}
        for person in people:
            for kind in ("student", "login", "email", "sis_id", "canvas_id", "moodle_id"):
                self._note(kind, getattr(person, kind), person.student)
            for first, last in ((person.first_name, person.last_name),
                                (person.last_name, person.first_name)):  # fmt: skip
                self._note("name", f"{first}{last}", person.student)
            self._note("name", person.name, person.student)
        self._people = {person.student: person for person in people}

    def _note(self, kind: str, value: str, student: str) -> None:
        if plain(value):
            self._by.setdefault((kind, plain(value)), set()).add(student)

    def __bool__(self) -> bool:
        return bool(self.people)

    def __getitem__(self, student: str) -> Person:
        return self._people.get(student, Person(student))

    def find(self, **known: str) -> str | None:
        """The id of the only student with these marks, the surest first; None without one."""
        if known.get("student") in self._people:
            return known["student"]
        for kind, value in known.items():
            found = self._by.get((kind, plain(value)), set()) if plain(value) else set()
            if len(found) == 1:
                return next(iter(found))
        return None


def read(file: Path) -> Roster:
    """The roster in a CSV file. Raises: CourseError that names the line to mend."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            rows = list(csv.reader(text))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CourseError(f"{file.name}: no roster: {error}") from error
    head = [title.strip().lower() for title in rows[0]] if rows else []
    canvas = "section" in head and "id" in head
    place = {}
    for kind, titles in COLUMNS.items():
        if canvas and kind in ("student", "name"):
            titles = ("student",) if kind == "name" else ()
        there = [title for title in titles if title in head]
        if there:
            place[kind] = head.index(there[0])
    if not {"student", "login", "sis_id", "email", "canvas_id", "moodle_id"} & set(place):
        raise CourseError(f"{file.name}: no column says who it is; one is called student")
    people: dict[str, Person] = {}
    for number, row in enumerate(rows[1:], start=2):
        given = {kind: row[at].strip() for kind, at in place.items() if at < len(row)}
        if not any(given.values()) or given.get("name") == "Points Possible":
            continue
        person = _person(given)
        why = unfit(person.student)
        if why or person.student in people:
            raise CourseError(
                f"{file.name}, line {number}: {person.student!r} {why or 'is there already'}"
            )
        people[person.student] = person
    return Roster(list(people.values()))


def _person(given: dict[str, str]) -> Person:
    given["moodle_id"] = re.sub(r"\D", "", given.get("moodle_id", ""))
    name = given.get("name", "")
    if ", " in name and not given.get("last_name"):
        given["last_name"], given["first_name"] = name.split(", ", 1)
    order = ("student", "login", "sis_id", "email", "canvas_id", "moodle_id")
    given["student"] = next((given[kind] for kind in order if given.get(kind)), "")
    known = {each.name for each in fields(Person)}
    return Person(**{kind: value for kind, value in given.items() if kind in known})


def of(root: Path, file: Path | None = None) -> Roster:
    """The roster in `file`, or else in grading/roster.csv; empty without either."""
    usual = root / "grading" / ROSTER
    if file is None and not usual.exists():
        return Roster([])
    return read(file or usual)


def unfit(student: str) -> str:
    """Why a name cannot be a student's id, and with it the name of a folder; "" when it can."""
    if not student:
        return "is empty"
    if len(student.encode()) > 100:
        return "is too long"
    if not re.fullmatch(r"\w[\w.@+-]*", student) or student.endswith("."):
        return "is no name for a folder: letters, digits and . @ + - _"
    return ""


def plain(text: str) -> str:
    """A name without accents, spaces, punctuation and capitals: "Hélène O'Neil" is heleneoneil."""
    letters = unicodedata.normalize("NFKD", text)
    return "".join(c for c in letters if c.isalnum()).casefold()


def slug(text: str) -> str:
    """A name for a folder, made from any text: "Hélène O'Neil" is helene-oneil."""
    letters = unicodedata.normalize("NFKD", text.replace("'", ""))
    kept = "".join(c if c.isalnum() else " " for c in letters if not unicodedata.combining(c))
    return "-".join(kept.casefold().split())[:60]
