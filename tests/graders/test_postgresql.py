"""A class whose gradebook is on PostgreSQL: all that comes out is, byte for byte, what SQLite gives.

Every command goes through it: collect, grade, late, scores by hand, grade again, feedback, export; then
formgrader, and two commands at once. The server wants a password, which must not turn up anywhere.
"""

from __future__ import annotations

import csv
import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from postgresql import PASSWORD
from typer.testing import CliRunner

import classroom
from graders import cli, database, manual
from graders.course import CONFIG, Course
from graders.database import VARIABLE
from graders.gradebook import Book
from graders.intake import gradebook_name
from graders.release import generate
from graders.sandbox.jail import unavailable
from graders.store import project_root

pytestmark = [pytest.mark.slow, pytest.mark.postgresql, pytest.mark.timeout(600)]

ASSIGNMENT, NOTEBOOK = "01-rank-and-shape", "rank-and-shape"
KINDS = {"ada": "solved", "ben": "half wrong", "cleo": "blank", "dora": "broken"}
ODD = "x'); DROP TABLE grade; -- %s"
"""A student's folder whose name is no name; it is graded with 0 points, and a person has to look."""
SEEDS = ("0123456789abcdef", "fedcba9876543210")
NAME = "whole_round"
HALF = sum(classroom.expected(ASSIGNMENT, "half wrong").values())
FULL = sum(classroom.expected(ASSIGNMENT, "solved").values())


class Class:
    """A course in a folder of its own, what its commands said, and the environment they ran in."""

    def __init__(self, root: Path, address: str) -> None:
        self.root, self.said = root, ""
        self.environment = {VARIABLE: address} if address else {}

    def run(self, *arguments: str, code: int = 0) -> None:
        with pytest.MonkeyPatch.context() as patch:
            self.enter(patch)
            done = CliRunner().invoke(cli.app, [*arguments])
        self.said += done.output
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output

    def enter(self, patch: pytest.MonkeyPatch) -> None:
        patch.chdir(self.root)
        patch.setenv("PGPASSWORD", "")
        for name, value in self.environment.items():
            patch.setenv(name, value)

    @contextmanager
    def gradebook(self) -> Iterator[Gradebook]:
        with pytest.MonkeyPatch.context() as patch:
            self.enter(patch)
            with database.opened(Course(self.root)) as gradebook:
                yield gradebook

    def files(self) -> dict[str, bytes]:
        """Every CSV, but for the times in manual.csv, and every feedback page."""
        found = {}
        grading = self.root / "grading"
        for file in sorted(grading.rglob("*.csv")) + sorted(grading.glob("feedback/**/*.html")):
            content = file.read_bytes()
            if file.name == manual.LOG:
                content = b"\n".join(line.partition(b",")[2] for line in content.splitlines())
            found[str(file.relative_to(grading))] = content
        return found


def whole_round(root: Path, address: str) -> Class:
    """From what an LMS gave to the exports, with a person's scores between two gradings."""
    own = Class(root, address)
    with pytest.MonkeyPatch.context() as patch:
        own.enter(patch)
        here = Course(project_root())
        shutil.copy(here.root / CONFIG, root / CONFIG)
        shutil.copytree(here.folder("source") / ASSIGNMENT, root / "solutions" / ASSIGNMENT)
        course = Course(root)
        generate(course, course.folder("release"))
        hand_in(course)
    (root / "grading" / "deadlines.toml").write_text(
        f'[{ASSIGNMENT}]\ndue = "2026-12-01 12:00"\npolicy = "percent"\npercent_a_day = 10\n'
        '[01-rank-and-shape.extensions]\nada = "2026-12-01 20:00"\n'
    )
    (root / "grading" / "roster.csv").write_text(
        "student,first_name,last_name,email,canvas_id,moodle_id\n"
        "ada,Ada,Lovelace,ada@example.org,1,11\nben,Ben,Franklin,ben@example.org,2,12\n"
        "cleo,Cleo,Cleo,cleo@example.org,3,13\ndora,Dora,Dora,dora@example.org,4,14\n"
        "emil,Emil,Never,emil@example.org,5,15\n"
    )
    own.run("collect", "uploads", "--assignment", "01")
    shutil.copytree(root / "grading" / "submitted" / "ada", root / "grading" / "submitted" / ODD)
    own.run("grade", "01", "--seed", SEEDS[0], code=1)  # two cannot be graded
    own.run("manual", "list")
    own.run("manual", "export", "--every", "--to", "before.csv")
    (root / "marks.csv").write_text(
        "student,assignment,cell,score,extra_credit,comment\n"
        f"ben,{ASSIGNMENT},check-size-of,0.25,,a quarter of it\n"
        f"cleo,{ASSIGNMENT},check-rank-of,,0.1,=1+1\n"
        f'dora,{ASSIGNMENT},check-rank-of,1,,"äöü “quoted”, \U0001f40d"\n',
        encoding="utf-8",
    )
    own.run("manual", "import", "marks.csv")
    own.run("grade", "01", "--seed", SEEDS[1], code=1)
    own.run("late")
    own.run("feedback", code=1)
    own.run("manual", "export", "--every")
    for form in ("nbgrader", "canvas", "moodle"):
        own.run("export", "--form", form)
    own.run("similarity", code=1)
    shutil.move(root / "before.csv", root / "grading" / "before.csv")
    return own


def hand_in(course: Course) -> None:
    """Into folders called after the students, with the times at which each came in."""
    uploads = course.root / "uploads"
    for number, (student, kind) in enumerate(KINDS.items()):
        target = uploads / student / f"{NOTEBOOK}.ipynb"
        if kind == "broken":
            target.parent.mkdir()
            target.write_text('{"cells": [')
        else:
            file = classroom.hand_in(course, student, ASSIGNMENT, kind)
            target.parent.mkdir(parents=True)
            shutil.move(file, target)
        if student == "cleo" and not unavailable():
            look_around(target)
        when = datetime(2026, 12, 1, 11 + 3 * number, tzinfo=UTC).timestamp()
        os.utime(target, (when, when))
    shutil.rmtree(course.folder("submitted"))


def look_around(file: Path) -> None:
    """An answer that shows the environment it runs in; what it prints stays in its notebook."""
    notebook = nbformat.read(file, as_version=4)
    for cell in notebook.cells:
        if cell.id == "answer-rank-of":
            cell.source = f"import os\nprint('seen', dict(os.environ))\n{cell.source}"
    nbformat.write(notebook, file)


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory):
    return whole_round(tmp_path_factory.mktemp("sqlite"), "")


@pytest.fixture(scope="module")
def on_server(tmp_path_factory, postgresql):
    return whole_round(tmp_path_factory.mktemp("postgresql"), postgresql.new(NAME))


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(content.decode().splitlines()))


def test_all_that_comes_out_is_the_same_byte_for_byte(sqlite, on_server):
    ours, theirs = on_server.files(), sqlite.files()
    assert set(ours) == set(theirs)
    for name in ("grades.csv", "grades-canvas.csv", "grades-moodle.csv", "to-grade.csv", "before.csv",
                 "manual.csv", "problems.csv", "received.csv", "runs.csv",
                 f"feedback/ben/{ASSIGNMENT}/{NOTEBOOK}.html"):  # fmt: skip
        assert name in ours
    assert [name for name in ours if ours[name] != theirs[name]] == []


def test_it_is_on_the_server_and_nowhere_else(on_server, postgresql):
    assert not (on_server.root / "grading" / "gradebook.db").exists()
    with postgresql.admin(NAME) as admin:
        students = admin.execute("SELECT id FROM student ORDER BY id").fetchall()
    assert [name for (name,) in students] == [*KINDS, gradebook_name(ODD)]


def test_the_scores_are_those_that_were_earned(on_server):
    rows = {row["student_id"]: row for row in table(on_server.files()["grades.csv"])}
    raw = {student: float(row["raw_score"]) for student, row in rows.items()}
    wanted = {"ada": FULL, "ben": HALF + 0.25, "cleo": 0.1, "dora": 1.0, "emil": 0.0}
    wanted[gradebook_name(ODD)] = 0.0
    assert raw == pytest.approx(wanted)
    late = {student: float(rows[student]["late_submission_penalty"]) for student in KINDS}
    wanted = {"ada": 0, "ben": raw["ben"] / 10, "cleo": 0.01, "dora": 0.1}
    assert late == pytest.approx(wanted)


def test_the_password_is_nowhere(on_server):
    assert PASSWORD not in on_server.said
    if not unavailable():
        [shown] = on_server.root.glob(f"grading/autograded/cleo/*/{NOTEBOOK}.ipynb")
        assert "seen {'" in shown.read_text(encoding="utf-8"), "an answer has looked for it"
    for file in on_server.root.rglob("*"):
        if file.is_file():
            assert PASSWORD.encode() not in file.read_bytes(), file
            assert b"secret%3A" not in file.read_bytes(), file
    with pytest.MonkeyPatch.context() as patch:
        on_server.enter(patch)
        assert PASSWORD not in json.dumps(Course(on_server.root).config, default=str)


def test_no_command_left_a_connection(on_server, postgresql):
    pause = threading.Event()
    for _ in range(500):
        if not postgresql.sessions(NAME):
            return
        pause.wait(0.02)
    raise AssertionError(postgresql.sessions(NAME))


def test_a_class_moves_from_sqlite_to_the_server(sqlite, postgresql, tmp_path):
    """What a person gave goes along as CSV; the rest is graded again."""
    root = tmp_path / "moved"
    shutil.copytree(sqlite.root, root)
    (root / "grading" / "grades.csv").unlink()
    moved = Class(root, postgresql.new("moved"))
    moved.run("grade", "01", "--seed", SEEDS[1], code=1)
    assert table(moved.files()["grades.csv"]) != table(sqlite.files()["grades.csv"])
    moved.run("manual", "import", "grading/to-grade.csv")
    moved.run("export")
    assert moved.files()["grades.csv"] == sqlite.files()["grades.csv"]


def test_who_grades_holds_nothing_while_waiting_for_workers(on_server, postgresql):
    with pytest.MonkeyPatch.context() as patch:
        on_server.enter(patch)
        with Book(Course(on_server.root)) as book:
            for look in (book.journal, lambda: book.marks("ben", ASSIGNMENT)):
                assert look() is not None
                assert {state for state, _ in postgresql.sessions(NAME)} == {"idle"}


def test_grades_are_exported_while_the_class_is_graded(on_server, postgresql):
    """Grading the same work again changes nothing, so every export in between is the same."""
    before = on_server.files()["grades.csv"]
    with pytest.MonkeyPatch.context() as patch:
        on_server.enter(patch)
        grading = subprocess.Popen(
            [sys.executable, "-m", "graders.cli", "grade", "01"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        count = 0
        while grading.poll() is None or not count:
            on_server.run("export")
            assert on_server.files()["grades.csv"] == before
            count += 1
        output, _ = grading.communicate()
    assert grading.returncode == 1, output  # dora's
    assert "deadlock" not in output and "Traceback" not in output
    assert on_server.files()["grades.csv"] == before
    with postgresql.admin(NAME) as admin:
        assert admin.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = %s", (NAME,)
                             ).fetchone() == (0,)  # fmt: skip


# --- formgrader ------------------------------------------------------------------------------


class Formgrader:
    """Jupyter's server in a course's folder, with formgrader in it, and what it answers."""

    def __init__(self, own: Class, folder: Path) -> None:
        self.own, self.folder, self.token = own, folder, secrets.token_hex(16)

    def __enter__(self) -> Formgrader:
        with pytest.MonkeyPatch.context() as patch:
            self.own.enter(patch)
            places = {"CONFIG_DIR": "config", "DATA_DIR": "data", "RUNTIME_DIR": "runtime"}
            for name, folder in places.items():
                patch.setenv(f"JUPYTER_{name}", str(self.folder / folder))
            self.log = self.folder / "log"
            with self.log.open("wb") as log:
                self.server = subprocess.Popen(
                    [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root",
                     "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0",
                     f"--ServerApp.root_dir={self.own.root}",
                     f"--IdentityProvider.token={self.token}"],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip
        pause = threading.Event()
        while not list(self.folder.glob("runtime/jpserver-*.json")):
            assert self.server.poll() is None, self.log.read_text()
            pause.wait(0.05)
        [about] = self.folder.glob("runtime/jpserver-*.json")
        pause.wait(0.05)
        self.address = json.loads(about.read_text())["url"]
        return self

    def __exit__(self, *_error: object) -> None:
        self.server.terminate()
        self.server.wait()

    def ask(self, path: str, body: object = None, method: str = "") -> str:
        """GET, or PUT with a body, if nothing else is said."""
        request = urllib.request.Request(
            f"{self.address}formgrader/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}"},
            method=method or ("GET" if body is None else "PUT"),
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error}\n{self.log.read_text()[-4000:]}") from error

    def api(self, path: str) -> object:
        return json.loads(self.ask(f"api/{path}"))

    def submitted(self, student: str) -> str:
        """The number by which formgrader knows a student's notebook."""
        found = self.api(f"submitted_notebooks/{ASSIGNMENT}/{NOTEBOOK}")
        [number] = [each["id"] for each in found if each["student"] == student]
        return number

    def everything(self) -> dict[str, object]:
        """What it says about everybody, without the numbers that a gradebook deals out."""
        paths = ["assignments", f"assignment/{ASSIGNMENT}", f"notebooks/{ASSIGNMENT}",
                 f"submissions/{ASSIGNMENT}", f"submitted_notebooks/{ASSIGNMENT}/{NOTEBOOK}",
                 "students"]  # fmt: skip
        for student in KINDS:
            paths += [f"submission/{ASSIGNMENT}/{student}", f"student/{student}",
                      f"student_submissions/{student}",
                      f"student_notebook_submissions/{student}/{ASSIGNMENT}"]  # fmt: skip
            for kind in ("grades", "comments") if KINDS[student] != "broken" else ():
                paths.append(f"{kind}?submission_id={self.submitted(student)}")
        named = {path.split("=")[0]: [] for path in paths}
        for path in paths:
            named[path.split("=")[0]].append(plain(self.api(path)))
        return named

    def pages(self) -> list[str]:
        paths = ["manage_assignments", f"manage_submissions/{ASSIGNMENT}", "gradebook",
                 f"gradebook/{ASSIGNMENT}", f"gradebook/{ASSIGNMENT}/{NOTEBOOK}", "manage_students",
                 "manage_students/ben", f"manage_students/ben/{ASSIGNMENT}",
                 f"submissions/{self.submitted('ben')}"]  # fmt: skip
        return [self.ask(path) for path in paths]


def plain(found: object) -> object:
    """In one order, and without identifiers, and places in the order of those."""
    if isinstance(found, dict):
        kept = {key for key in found if not key.endswith("id") and key != "index"}
        return {key: plain(found[key]) for key in sorted(kept)}
    if isinstance(found, list):
        return sorted((plain(each) for each in found), key=lambda each: json.dumps(each))
    return found


def test_formgrader_says_the_same_and_keeps_nothing_open(
    sqlite, on_server, postgresql, tmp_path_factory
):
    with Formgrader(sqlite, tmp_path_factory.mktemp("jupyter")) as formgrader:
        theirs = formgrader.everything()
    with Formgrader(on_server, tmp_path_factory.mktemp("jupyter")) as formgrader:
        ours = formgrader.everything()
        assert json.dumps(ours).count('"ben"') > 5
        assert ours == theirs
        pages = formgrader.pages()
        assert "The sizes are added." in pages[-1]
        assert "whole_round" in pages[0], "its configuration, with the address"
        states = {state for state, _ in postgresql.sessions(NAME)}
        assert states <= {"idle", "active"}, "no transaction is left open"

        with on_server.gradebook() as gradebook:
            grade = gradebook.find_grade("check-rank-of", NOTEBOOK, ASSIGNMENT, "ada")
            before, number = grade.manual_score, grade.id
        assert before is None
        formgrader.ask(f"api/grade/{number}", {"manual_score": 0.5, "extra_credit": None})
        on_server.run("manual", "import", write_marks(on_server.root))
        log = table((on_server.root / "grading" / manual.LOG).read_bytes())
        by_page, by_command = [
            (row["student"], row["cell"], row["before"], row["after"]) for row in log[-2:]
        ]
        assert by_page == ("ada", "check-rank-of", "", "0.5")
        assert by_command == ("ada", "check-rank-of", "0.5", "")
        assert [row["who"] == "formgrader" for row in log[-2:]] == [True, False]
        [shown] = [each for each in formgrader.api(f"grades?submission_id={formgrader.submitted('ada')}")
                   if each["name"] == "check-rank-of"]  # fmt: skip
        assert shown["manual_score"] is None, "what a command changed, the next page shows"
        before = plain(formgrader.api(f"grades?submission_id={formgrader.submitted('ben')}"))
        pressed = formgrader.ask(f"api/submission/{ASSIGNMENT}/ben/autograde", {}, "POST")
        assert json.loads(pressed)["success"], pressed
        after = plain(formgrader.api(f"grades?submission_id={formgrader.submitted('ben')}"))
        assert points(after) == points(before) and any(score for _, score in points(after))
        said = formgrader.log.read_text()
    for text in (*pages, said):
        assert PASSWORD not in text and "secret%3A" not in text


def points(grades: list[dict[str, object]]) -> list[tuple[object, object]]:
    return sorted((each["name"], each["auto_score"]) for each in grades)


def write_marks(root: Path) -> str:
    """Takes the score away again."""
    (root / "auto.csv").write_text(
        f"student,assignment,cell,score\nada,{ASSIGNMENT},check-rank-of,auto\n"
    )
    return "auto.csv"


def test_formgrader_answers_again_when_the_server_is_back(on_server, postgresql, tmp_path):
    with Formgrader(on_server, tmp_path) as formgrader:
        before = formgrader.api("students")
        postgresql.stop()
        with pytest.raises(AssertionError, match="500"):
            formgrader.api("students")
        postgresql.start()
        assert formgrader.api("students") == before
