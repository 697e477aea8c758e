"""Grading a class: what was handed in goes to workers, what comes back into the gradebook.

    grading/submitted/  --read-->  workers  --outcomes-->  folders, gradebook  --pages-->  feedback
    (graders/intake.py)            (graders/work.py)       (graders/gradebook.py)

nbgrader stays the gradebook; formgrader, its late penalties and its export work on the result. Workers
know nothing of each other and write nothing: this process is the only one that does, and there is one at a
time. It may be cut off at any moment, and the next run goes on from there.
"""

from __future__ import annotations

import copy
import csv
import fcntl
import hashlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
from sqlalchemy.exc import SAWarning
from traitlets.config import Config

from graders import database, refused, work
from graders.course import Course, CourseError
from graders.gradebook import Book, Done, Marks
from graders.intake import PATTERN, Gate, HandedIn, check_name, gradebook_name
from graders.rebuild import Refused, one_line
from graders.release import reason
from graders.sandbox.jail import NoSandbox, unavailable
from graders.workers import Crew, Failed, Processes, Task, work_off

LONGEST_SEED = 64


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
    again: bool = False,
    crew: Crew | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> list[Grade]:
    """Grade every submission and write its feedback. `step` is told what comes next, and how many are done.

    All submissions of one run get the same inputs, which nobody has seen before. They can be had again with
    the seed that is written to grading/runs.csv. A run that was broken off is gone on with, unless `again` is
    said: what it has graded, and was not handed in anew, is not graded twice.

    Args:
      unsafe: run submissions without a sandbox; the gradebook then says so. GRADERS_UNSAFE=1 in the
        environment means the same.
      crew: who does the work; by default a process for each processor of this machine.
      tell: is told in a sentence when a run that was broken off is gone on with.

    Raises: CourseError when the course is not set up as it should be, when there is no sandbox, when somebody
    else is grading it, or when the workers are gone.
    """
    course.assert_active()
    if unsafe is None:
        unsafe = os.environ.get("GRADERS_UNSAFE") == "1"
    if not unsafe and not (crew and crew.elsewhere) and (why := unavailable()):
        raise CourseError(
            f"submissions are not graded without a sandbox: {why} Or say --unsafe: they can then "
            "read and change all that you can."
        )
    if len(seed) > LONGEST_SEED:
        raise CourseError(
            f"the seed has {len(seed)} characters, and at most {LONGEST_SEED} are kept"
        )
    course.grading.mkdir(exist_ok=True)
    with _alone(course):
        crew = crew or Processes()
        try:
            with Book(course) as book, warnings.catch_warnings():
                # nbgrader's own, about objects it adds to its session later: one for every submission
                warnings.filterwarnings("ignore", category=SAWarning, module="nbgrader")
                return _Grading(course, book, crew, unsafe, step, tell).all(todo, seed, again)
        finally:
            crew.close()


class _Grading:
    """One run."""

    def __init__(
        self,
        course: Course,
        book: Book,
        crew: Crew,
        unsafe: bool,
        step: Callable[[str, int], None],
        tell: Callable[[str], None],
    ) -> None:
        self.course, self.book, self.crew, self.step, self.tell = course, book, crew, step, tell
        self.gate = Gate(course)
        self.config = _settings(course, unsafe)
        self.sandbox = "no" if unsafe else "yes"
        self.released: dict[str, dict[str, str]] = {}
        self.order: dict[str, list[str]] = {}
        self.problems: dict[str, str] = {}
        self.grades: dict[Submission, Grade] = {}
        self.journal: dict[tuple[str, str], Done] = {}
        self.seed = ""

    def all(self, todo: list[Submission], seed: str, again: bool) -> list[Grade]:
        names = sorted({each.assignment for each in todo})
        for name in names:
            self.step(f"the exercise {name}", 0)
            self.problems[name] = _registered(self.course, name)
            self.released[name] = self.gate.released(name)
            self.order[name] = _grade_ids(self.released[name])
        run = self.book.begin(seed, self.sandbox, len(todo), again)
        self.seed, self.journal = run.seed, self.book.journal()
        if run.begun:
            self.tell(
                f"Going on with the run of {run.begun[:19].replace('T', ' ')} UTC, which was broken "
                f"off: {len(self.journal)} submissions are graded. (--again grades all of them.)"
            )
        else:
            row = (run.seed, len(todo), self.sandbox)
            _append(self.course.grading / "runs.csv", ("seed", "submissions", "sandbox"), [row])
        self.step("the solutions", 0)
        work_off(self.crew, self._solutions(names), self._proved)
        work_off(self.crew, self._tasks(todo), self._done)
        grades = [self.grades[each] for each in todo]
        _write_problems(self.course, grades)
        self.book.end()
        return grades

    def _solutions(self, names: list[str]) -> Iterator[Task]:
        for name in names:
            folder = self.course.folder("source") / name
            files = {f.name: f.read_text(encoding="utf-8") for f in sorted(folder.glob("*.ipynb"))}
            if not self.problems[name]:
                yield Task(work.graded, self._job(name, files, None), name)

    def _proved(self, task: Task, result: Any) -> None:
        self.problems[task.about] = _problem(result)

    def _job(
        self, assignment: str, released: dict[str, str], handed_in: dict[str, bytes] | None
    ) -> work.Job:
        version = work.version() if self.crew.elsewhere else ""
        return work.Job(assignment, released, handed_in, self.seed, version, self.config)

    def _tasks(self, todo: list[Submission]) -> Iterator[Task]:
        """What is to be done for each submission; what needs no worker is done at once."""
        for each in todo:
            self.step(str(each), len(self.grades))
            if self.problems[each.assignment]:
                marks = self.book.wait(each.student, each.assignment)
                self._graded(each, marks, self.problems[each.assignment], ())
                continue
            released = self.released[each.assignment]
            handed = self.gate.read(each.student, each.assignment, list(released))
            digest = self._digest(each, released, handed)
            before = self.journal.get((gradebook_name(each.student), each.assignment))
            if before and before.digest == digest:
                yield from self._go_on(each, before)
            elif handed.problem:
                outcome = work.Outcome(handed.problem, handed.notes)
                yield from self._recorded(each, digest, outcome)
            else:
                about = (each, digest, handed.notes)
                yield Task(work.graded, self._job(each.assignment, released, handed.files), about)

    def _digest(self, each: Submission, released: dict[str, str], handed: HandedIn) -> str:
        """The same for the same files, graded by the same checks, received at the same time."""
        digest = hashlib.sha256(work.version().encode())
        digest.update(repr((self.gate.received.get((each.student, each.assignment)),)).encode())
        digest.update(repr((handed.problem, sorted(handed.files), sorted(released))).encode())
        for name in sorted(handed.files):
            digest.update(hashlib.sha256(handed.files[name]).digest())
            digest.update(hashlib.sha256(released[name].encode()).digest())
        return digest.hexdigest()

    def _go_on(self, each: Submission, before: Done) -> Iterator[Task]:
        """A submission that the run graded before it was broken off, perhaps all but its feedback."""
        marks = self.book.marks(each.student, each.assignment)
        self._graded(each, marks, before.problem, before.notes)
        if marks and not before.page:
            yield from _pages(each, marks, _graded_texts(self.course, each), self.config)

    def _done(self, task: Task, result: Any) -> Iterator[Task]:
        if task.function is work.page:
            return self._page_done(task, result)
        each, digest, notes = task.about
        if isinstance(result, Failed):
            result = work.Outcome(_problem(result))
        return self._recorded(each, digest, replace(result, notes=(*notes, *result.notes)))

    def _recorded(self, each: Submission, digest: str, outcome: work.Outcome) -> Iterator[Task]:
        """Folders first, then the gradebook, then the feedback: see graders/gradebook.py."""
        clean = {name: marked.clean for name, marked in outcome.notebooks.items()}
        graded = {name: marked.graded for name, marked in outcome.notebooks.items()}
        if outcome.problem and not set(each.student) & PATTERN:
            graded = refused.notebooks(self.released[each.assignment], outcome.problem)
        self.gate.write(each.student, each.assignment, clean, outcome.problem)
        for name, text in graded.items():
            _write(_folder(self.course, "autograded", each) / name, text)
        marks = self.book.record(each.student, each.assignment, digest, outcome)
        self._graded(each, marks, outcome.problem, outcome.notes)
        if marks:
            yield from _pages(each, marks, graded, self.config)

    def _graded(
        self, each: Submission, marks: Marks | None, problem: str, notes: tuple[str, ...]
    ) -> None:
        found = marks.scores if marks else {}
        points = {
            name.removeprefix("check-").replace("-", "_"): found[name]
            for name in self.order[each.assignment]
            if name in found
        }
        self.grades[each] = Grade(each, points, problem, notes)
        self.step(str(each), len(self.grades))

    def _page_done(self, task: Task, result: Any) -> Iterator[Task]:
        each, name, last = task.about
        if isinstance(result, Failed):
            grade = self.grades[each]
            problem = f"its feedback: {_problem(result)}"
            self.grades[each] = replace(grade, problem=grade.problem or problem)
        else:
            _write_page(self.course, each, name, result)
            if last:
                self.book.page_written(each.student, each.assignment)
        return iter(())


def _problem(result: Any) -> str:
    """What is wrong with an outcome, in one line.

    Raises: CourseError when it is the worker that cannot work, which no submission is to blame for.
    """
    if not isinstance(result, Failed):
        return str(result.problem)
    if isinstance(result.error, work.OtherVersion | NoSandbox):
        raise CourseError(str(result.error))
    return one_line(f"{type(result.error).__name__}: {result.error}", 300)


def _settings(course: Course, unsafe: bool) -> Config:
    """What a worker has to know of nbgrader's configuration: nothing about folders and gradebook."""
    config = copy.deepcopy(course.config)
    config.pop("CourseDirectory", None)
    config.SandboxedExecute.unsafe = unsafe
    return config


def _pages(
    each: Submission, marks: Marks, graded: dict[str, str], config: Config
) -> Iterator[Task]:
    """The feedback pages of a submission, to be made by workers."""
    names = sorted(set(graded) & set(marks.pages))
    for name in names:
        asked = replace(marks.pages[name], graded=graded[name], config=config)
        yield Task(work.page, asked, (each, name, name == names[-1]))


def _write(file: Path, text: str, mode: int = 0o444) -> None:
    """All of a file or nothing, read-only, as nbgrader leaves it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    new.write_text(text, encoding="utf-8", newline="")
    new.chmod(mode)
    new.replace(file)


def _write_page(course: Course, each: Submission, name: str, html: str) -> None:
    _write(_folder(course, "feedback", each) / f"{Path(name).stem}.html", html, 0o644)


def _folder(course: Course, step: str, each: Submission) -> Path:
    """Where nbgrader looks for a submission: by the student's name in the gradebook."""
    return course.folder(step) / gradebook_name(each.student) / each.assignment


def _graded_texts(course: Course, each: Submission) -> dict[str, str]:
    """The graded notebooks of a submission, by file name."""
    files = _folder(course, "autograded", each).glob("*.ipynb")
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def _grade_ids(released: dict[str, str]) -> list[str]:
    """The graded cells of an exercise, in its order."""
    cells = [cell for text in released.values() for cell in nbformat.reads(text, 4).cells]
    facts = [cell.metadata.get("nbgrader", {}) for cell in cells]
    return [each["grade_id"] for each in facts if each.get("grade")]


def _registered(course: Course, assignment: str) -> str:
    """Put the assignment, as it is in solutions/ now, into the gradebook. Returns what is wrong."""
    scratch = course.grading / "release"
    into = Course(course.root, release_directory=str(scratch), db_url=course.directory.db_url)
    result = into.api.generate_assignment(assignment, force=True, create=True)
    return "" if result["success"] else f"the assignment itself: {reason(result)}"


@contextmanager
def _alone(course: Course) -> Iterator[None]:
    """Nobody else grades this course meanwhile. The lock goes with the process, however that ends."""
    with (course.grading / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CourseError("this course is being graded already, by another command") from None
        with database.alone(course.directory.db_url):
            yield


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


def feedback(
    course: Course,
    todo: list[Submission],
    step: Callable[[], None] = lambda: None,
    crew: Crew | None = None,
) -> dict[Submission, str]:
    """Write the feedback again, for what is graded; returns what failed, and why. `step` is told of each."""
    failed: dict[Submission, str] = {}
    config = _settings(course, unsafe=False)

    def tasks(book: Book) -> Iterator[Task]:
        for each in todo:
            try:
                check_name(each.student)
            except Refused as error:
                failed[each] = str(error)
                step()
                continue
            marks = book.marks(each.student, each.assignment)
            pages = list(_pages(each, marks, _graded_texts(course, each), config)) if marks else []
            if not pages:
                failed[each] = "it is not graded"
                step()
            yield from pages

    def done(task: Task, result: Any) -> None:
        each, name, last = task.about
        if isinstance(result, Failed):
            failed[each] = _problem(result)
        else:
            _write_page(course, each, name, result)
        if last:
            step()

    crew = crew or Processes()
    try:
        with Book(course) as book:
            work_off(crew, tasks(book), done)
    finally:
        crew.close()
    return failed


def _append(file: Path, head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    new = not file.exists()
    with file.open("a", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        if new:
            writer.writerow(head)
        writer.writerows(rows)
