"""How fast a class is graded: this course's command beside stock `nbgrader autograde`, on the same class.

    python -m benchmarks.grading [--students 100] [--writer 1000] [--database URL] [--write]

Every student hands in three exercises: a third of them solved, a third half wrong, a third blank. Both sides
grade the same files, one exercise after the other, ours and theirs in turn, so that a busy machine is busy
for both. Stock nbgrader runs with its own steps and its own kernel, and the same seed, so that its checks try
as many inputs; the points of both have to be the same. Ours also takes the files in, runs them in a sandbox,
writes feedback and exports the grades; what stock feedback takes is measured beside it.

`--writer` measures the one process that writes by itself, with answers of workers that are there at once:
that is what many machines together cannot be faster than. `--database` repeats ours on PostgreSQL.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook

from benchmarks import run
from graders import grade, work
from graders.course import Course
from graders.workers import Processes, Task

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "graders" / "instructor"))  # an import root of its own

import classroom  # noqa: E402

EXERCISES = ("01-rank-and-shape", "05-tracing", "09-the-keras-way")
KINDS = ("solved", "half wrong", "blank")
SEED = "benchmark"
TARGET = 3.0
RESULTS = ROOT / "benchmarks" / "results" / "grading-2-cores.md"
STOCK = """
c = get_config()
c.CourseDirectory.course_id = "two-x-minus-one"
c.CourseDirectory.root = {root!r}
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.submitted_directory = "grading/submitted"
c.CourseDirectory.autograded_directory = "grading/autograded"
c.CourseDirectory.feedback_directory = "grading/feedback"
c.CourseDirectory.db_url = "sqlite:///{root}/grading/gradebook.db"
c.CourseDirectory.ignore = ["*"]
c.ClearSolutions.code_stub = {stub!r}
"""


@dataclass
class Side:
    """One way of grading, and the seconds it took for each exercise."""

    name: str
    course: Course
    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, exercise: str, *words: str, **more: str) -> None:
        """Run a command in the course's folder, which has to end well."""
        command = [sys.executable, "-m", *words, exercise]
        environment = {**os.environ, "GRADERS_SEED": SEED, "COLUMNS": "120", **more}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        environment["PYTHONPATH"] = str(ROOT)
        began = time.perf_counter()
        done = subprocess.run(
            command, cwd=self.course.root, env=environment, capture_output=True, text=True
        )
        self.seconds[exercise] = time.perf_counter() - began
        if done.returncode:
            sys.exit(f"{' '.join(words)} failed:\n{done.stdout}\n{done.stderr}")


def made(folder: Path, students: int) -> Course:
    """A class of so many students, each with three exercises handed in."""
    folder.mkdir(parents=True)
    course = classroom.new_course(folder, EXERCISES)
    for number in range(students):
        for name in EXERCISES:
            classroom.hand_in(course, f"student-{number:05}", name, KINDS[number % 3])
    return course


def points(course: Course, url: str = "") -> dict[tuple[str, str, str], float | None]:
    """Every automatic score in the gradebook."""
    with Gradebook(url or course.directory.db_url) as gradebook:
        return {
            (submission.student.id, name, each.name): each.auto_score
            for name in EXERCISES
            for submission in gradebook.find_assignment(name).submissions
            for notebook in submission.notebooks
            for each in notebook.grades
        }


def throughput(folder: Path, students: int, url: str) -> list[str]:
    """The table of both sides, in one run."""
    ours = Side(
        "`graders grade`: gate, sandbox, points, feedback, export", made(folder / "a", students)
    )
    stock = Side("stock `nbgrader autograde`: points", made(folder / "b", students))
    pages = Side("stock `nbgrader generate_feedback`", stock.course)
    sides = [ours, stock, pages]
    (stock.course.root / "nbgrader_config.py").write_text(
        STOCK.format(
            root=str(stock.course.root), stub=dict(stock.course.config.ClearSolutions.code_stub)
        )
    )
    (stock.course.root / "grading").mkdir(exist_ok=True)
    if url:
        sides.append(Side("`graders grade`, gradebook in PostgreSQL", made(folder / "c", students)))
    for name in EXERCISES:
        Side("", stock.course).timed(name, "nbgrader", "generate_assignment", "--force")
    for name in EXERCISES:
        ours.timed(name, "graders.cli", "grade", "--seed", SEED)
        stock.timed(name, "nbgrader", "autograde")
        pages.timed(name, "nbgrader", "generate_feedback")
        if url:
            sides[-1].timed(name, "graders.cli", "grade", "--seed", SEED, GRADERS_DATABASE=url)
        print(f"{name}: " + ", ".join(f"{side.seconds[name]:.1f} s" for side in sides), flush=True)
    truth = points(ours.course)
    assert len({student for student, _, _ in truth}) == students
    assert truth == points(stock.course), "the points are not the same"
    assert not url or truth == points(ours.course, url), "the points are not the same"
    count = students * len(EXERCISES)
    both = sum(stock.seconds.values()) + sum(pages.seconds.values())
    rows = [
        "| | " + " | ".join(EXERCISES) + " | all | submissions a minute |",
        "|---|" + "---:|" * (len(EXERCISES) + 2),
    ]
    for side in sides:
        each = " | ".join(f"{side.seconds[name]:.1f} s" for name in EXERCISES)
        total = sum(side.seconds.values())
        rows.append(f"| {side.name} | {each} | {total:.1f} s | {60 * count / total:.0f} |")
    mine = sum(ours.seconds.values())
    rows += [
        "",
        f"{count} submissions of {students} students. Ours, with everything, over stock autograde alone: "
        f"**{sum(stock.seconds.values()) / mine:.1f} times as fast** (target {TARGET:g}); over stock "
        f"autograde and feedback: {both / mine:.1f} times. The points of all are the same, "
        f"{len(truth):,} of them.",
    ]
    return rows


class Ready:
    """A crew whose answers are there at once, since each was given before."""

    room, elsewhere = 8, False

    def __init__(self) -> None:
        self.answers: dict[Any, Any] = {}
        self.waiting: deque[Task] = deque()
        self.seconds = 0.0

    def submit(self, task: Task) -> None:
        self.waiting.append(task)

    def next(self) -> tuple[Task, Any]:
        task = self.waiting.popleft()
        asked = task.argument
        key: Any = (
            task.function,
            repr(getattr(asked, "handed_in", "")),
            getattr(asked, "graded", ""),
        )
        if key not in self.answers:
            began = time.perf_counter()
            self.answers[key] = task.function(asked)
            self.seconds += time.perf_counter() - began
        return task, self.answers[key]

    def close(self) -> None:
        pass


def writer(folder: Path, students: int, url: str) -> list[str]:
    """The table of the process that writes, alone."""
    rows = [
        "| gradebook | submissions | seconds | milliseconds each | a minute | memory of the process |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    crew = Ready()
    for name in ("SQLite", *(["PostgreSQL"] if url else [])):
        course = made(folder / name, students)
        if name == "PostgreSQL":
            course.directory.db_url = url
        todo = grade.submissions(course)
        crew.seconds = 0.0
        began = time.perf_counter()
        done = grade.grade_class(course, todo, seed=SEED, crew=crew)
        seconds = time.perf_counter() - began - crew.seconds
        assert not [each.problem for each in done if each.problem]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append(
            f"| {name} | {len(todo):,} | {seconds:.1f} | {1000 * seconds / len(todo):.1f} | "
            f"{60 * len(todo) / seconds:,.0f} | {memory:.0f} MB |"
        )
        print(rows[-1], flush=True)
    return rows


def alone(folder: Path, students: int) -> list[str]:
    """What one submission costs a worker: one process, after its first ones."""
    course = made(folder / "alone", students)
    grade.grade_class(course, grade.submissions(course), seed=SEED, crew=Processes(1))
    released = {name: grade.Gate(course).released(name) for name in EXERCISES}
    config = grade._settings(course, unsafe=False)
    rows = ["| exercise | seconds of a worker, of which | the page |", "|---|---:|---:|"]
    for name in EXERCISES:
        graded, pages = [], []
        for each in grade.submissions(course, name):
            files = {file: (course.folder("submitted") / each.student / name / file).read_bytes()
                     for file in released[name]}  # fmt: skip
            began = time.perf_counter()
            work.graded(work.Job(name, released[name], files, SEED, "", config))
            graded.append(time.perf_counter() - began)
            with grade.Book(course) as book:
                marks = book.marks(each.student, name)
            assert marks is not None
            folder_of = course.folder("autograded") / each.student / name
            texts = {file.name: file.read_text() for file in folder_of.glob("*.ipynb")}
            for task in grade._pages(each, marks, texts, config):
                began = time.perf_counter()
                work.page(task.argument)
                pages.append(time.perf_counter() - began)
        middle = len(graded) // 2
        total = sorted(graded)[middle] + sorted(pages)[middle]
        rows.append(f"| {name} | {total:.3f} | {sorted(pages)[middle]:.3f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--students", type=int, default=100)
    parser.add_argument("--writer", type=int, default=1_000, metavar="STUDENTS")
    parser.add_argument(
        "--database", default="", help="an empty database: postgresql+psycopg://..."
    )
    parser.add_argument("--write", action="store_true", help=f"into {RESULTS.relative_to(ROOT)}")
    asked = parser.parse_args()
    names = ("nbgrader", "nbclient", "ipykernel", "SQLAlchemy", "numpy")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    lines = [
        "# How fast a class is graded",
        "",
        f"{datetime.date.today()}, {run.processor()}, {len(os.sched_getaffinity(0))} cores, Python "
        f"{platform.python_version()}, {versions}; `python -m benchmarks.grading`.",
        "",
    ]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        lines += [
            "## Beside stock nbgrader",
            "",
            *throughput(root / "both", asked.students, asked.database),
        ]
        lines += ["", "## What a worker takes for one submission (median, warm)", ""]
        lines += alone(root, 9)
        if asked.writer:
            lines += ["", "## The one process that writes, alone", ""]
            lines += writer(root / "writer", asked.writer, asked.database)
    text = "\n".join(lines) + "\n"
    print(text)
    if asked.write:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
