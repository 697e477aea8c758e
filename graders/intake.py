"""The gate before grading: what a learner handed in goes no further than this, but for its text.

    grading/submitted/<student>/<assignment>/   what was handed in, by anybody, in any state
    grading/intake/<student>/<assignment>/      what nbgrader reads: a clean notebook, a timestamp

Nothing that was handed in is followed, run or believed: links lead nowhere, only regular files of
a sane size are read, and of a notebook only the answers count (graders/rebuild.py). What cannot be
graded has a reason, and costs nobody else anything. What it does not do is run the learner's code.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from urllib.parse import quote

from graders.course import Course
from graders.late import receipts
from graders.rebuild import Notes, Refused, one_line

MAX_NOTEBOOK_BYTES = 10 * 2**20
"""With outputs. A notebook of an exercise has some 100 kB."""
MAX_FILES = 200
"""How many entries of a folder are looked at."""
MAX_NAME = 100
PROBLEM, TIMESTAMP = "problem.txt", "timestamp.txt"
"""In the intake folder: why there is no notebook; when it was received, by grading/received.csv.
nbgrader looks for the second, and a student could write there what they like."""
PATTERN = set("*?[")
HARMLESS = re.compile(r"\w[\w .,@+'()=-]*(?<! )")
"""formgrader puts the names of students into its pages as they are, and spreadsheets run a cell that
begins with = or -: a name that could do anything in either is no name."""


@dataclass(frozen=True)
class HandedIn:
    """What lies in a submission's folder, as bytes that nobody has looked into."""

    files: dict[str, bytes]
    """The wanted notebooks, by file name."""
    problem: str = ""
    """Why they cannot be read; "" when they can."""
    notes: tuple[str, ...] = ()
    """What was left out, for a person to read."""


class Gate:
    """Between what was handed in for one course, and what nbgrader sees of it."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.received = receipts(course.root)

    def released(self, assignment: str) -> dict[str, str]:
        """The notebooks of an assignment, by file name, as nbgrader released them for this run."""
        files = sorted((self.course.grading / "release" / assignment).glob("*.ipynb"))
        return {file.name: file.read_text(encoding="utf-8") for file in files}

    def read(self, student: str, assignment: str, wanted: list[str]) -> HandedIn:
        """The wanted files of a submission, or the reason why they cannot be had."""
        notes = Notes()
        try:
            check_name(student)
            submitted = self.course.folder("submitted")
            return HandedIn(
                read_folder(submitted, (student, assignment), wanted, notes), "", notes.all()
            )
        except Refused as refused:
            problem = one_line(str(refused), 300)
        except Exception as error:  # nobody thought of it, and the class goes on
            problem = one_line(f"cannot be taken in: {type(error).__name__}: {error}", 300)
        return HandedIn({}, problem, notes.all())

    def write(self, student: str, assignment: str, clean: dict[str, str], problem: str) -> None:
        """Put the clean notebooks of a submission into the intake folder, or the reason why there are none.

        What an earlier submission left is removed first: its pages must not stand beside this one's score.
        Nothing is written for a student whose folder has a name that would do harm.
        """
        try:
            check_name(student)
        except Refused:
            return
        for step in ("intake", "autograded", "feedback"):
            shutil.rmtree(self.course.folder(step) / student / assignment, ignore_errors=True)
        texts = {PROBLEM: problem + "\n"} if problem else dict(clean)
        when = self.received.get((student, assignment))
        if when:  # nbgrader's own form, in UTC
            texts[TIMESTAMP] = f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC\n"
        folder = self.course.folder("intake") / student / assignment
        folder.mkdir(parents=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="")


def check_name(student: str) -> None:
    """Raise Refused for a folder that nbgrader, a browser or a spreadsheet takes for more than a
    name."""
    if set(student) & PATTERN:
        raise Refused(
            "the student's folder has one of * ? [ in its name, which nbgrader takes for a pattern"
        )
    if len(student) > MAX_NAME:
        raise Refused(f"the student's folder has a name of {len(student)} characters")
    if not HARMLESS.fullmatch(student):
        raise Refused(
            "the student's folder has a name with other characters than letters, digits, spaces "
            "and . , @ + ' ( ) = - _, or begins or ends with one that a name does not"
        )


def gradebook_name(student: str) -> str:
    """The name under which the gradebook keeps a student: another one only where the name itself
    would do harm in a page, and then one that no other student can have, with a % in it."""
    name = student
    if not HARMLESS.fullmatch("".join(each for each in student if each not in "*?[]")):
        name = quote(os.fsencode(student), safe="*?[] ")
    if len(name) > MAX_NAME:
        name = f"{name[:60]}%{hashlib.sha256(os.fsencode(student)).hexdigest()[:16]}"
    return name


def read_folder(
    root: Path, path: tuple[str, ...], wanted: list[str], notes: Notes
) -> dict[str, bytes]:
    """The wanted files of a folder below `root`, each of them a regular file in a real folder.

    Every step is opened from the one before it, and none of them through a link: nothing changes
    under way when somebody replaces a folder at the wrong moment. (POSIX only.)

    Raises: Refused when one of them is missing, or anything else than that.
    """
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for what, name in zip(("the student's folder", "the folder"), path, strict=True):
            inner = _open(name, folder, what, os.O_DIRECTORY)
            os.close(folder)
            folder = inner
        given = _listed(folder, wanted)
        missing = [name for name in wanted if name not in given]
        if missing:
            holds = ", ".join(one_line(name) for name in sorted(given)[:10]) or "nothing"
            more = ", ..." if len(given) > 10 else ""
            raise Refused(f"{', '.join(missing)} is not there; the folder holds {holds}{more}")
        _note_others(folder, given - set(wanted), notes)
        return {name: _read(name, folder) for name in wanted}
    finally:
        os.close(folder)


def _open(name: str, folder: int, what: str, flags: int) -> int:
    kind = _kind(name, folder)
    if kind != ("folder" if flags & os.O_DIRECTORY else "file"):
        raise Refused(f"{what} is a {kind}, and is not opened" if kind else f"{what} is not there")
    flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=folder)
    except OSError as error:
        raise Refused(f"{what} cannot be read: {error.strerror}") from None


def _kind(name: str, folder: int) -> str:
    """What kind of thing has this name: "file", "folder", "symbolic link", ...; "" for none."""
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except OSError:
        return ""
    kinds = {
        stat.S_IFREG: "file",
        stat.S_IFDIR: "folder",
        stat.S_IFLNK: "symbolic link",
        stat.S_IFIFO: "named pipe",
        stat.S_IFSOCK: "socket",
    }
    return kinds.get(stat.S_IFMT(mode), "device")


def _read(name: str, folder: int) -> bytes:
    file = _open(name, folder, name, 0)
    with os.fdopen(file, "rb") as opened:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise Refused(f"{name} is no file")
        if found.st_nlink > 1:
            raise Refused(f"{name} has another name elsewhere (a hard link), and is not read")
        data = opened.read(MAX_NOTEBOOK_BYTES + 1)
    if len(data) > MAX_NOTEBOOK_BYTES:
        size = max(found.st_size, len(data)) / 2**20
        raise Refused(
            f"{name} has {size:,.0f} MB, and at most {MAX_NOTEBOOK_BYTES // 2**20} MB are read: "
            "hand it in again without outputs"
        )
    if not data.strip():
        raise Refused(f"{name} is empty")
    return data


def _listed(folder: int, wanted: list[str]) -> set[str]:
    """The names in a folder: the wanted ones, and of the others no more than MAX_FILES."""
    names: set[str] = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name in wanted or len(names) < MAX_FILES:
                names.add(entry.name)
    return names


def _note_others(folder: int, names: set[str], notes: Notes) -> None:
    """What else was handed in stays where it is, and nobody opens it."""
    names -= {".ipynb_checkpoints"}
    if TIMESTAMP in names:
        notes.add(f"its own {TIMESTAMP} does not count: the time it was received does")
    others = sorted(names - {TIMESTAMP})
    for name in others[:5]:
        notes.add(f"not looked at: {one_line(name)}, a {_kind(name, folder) or 'name'}")
    if len(others) > 5:
        more = "or more " if len(names) >= MAX_FILES - 1 else ""
        notes.add(f"not looked at: {len(others) - 5} {more}other files")
