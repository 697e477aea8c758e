"""Grades out in three forms, and scores by hand out and in: read back with what reads them."""

import csv
import math
import shutil
import subprocess
import sys

import pytest
from nbgrader.api import Gradebook
from nbgrader.plugins import CsvExportPlugin
from typer.testing import CliRunner

from graders import cli, export, manual, roster
from graders.course import CONFIG, Course, CourseError

ASSIGNMENT, OTHER = "01-rank-and-shape", "05-tracing"
POINTS = {"ada": (2.0, 3.0), "ben": (1.5, None), "=cmd()": (0.0, 1.0)}
"""The points of the checks of cells a and b; None: nobody could say."""
ROSTER = (
    "student,first_name,last_name,email,canvas_id,sis_id,login,section,moodle_id\n"
    'ada,Ada,"Lovelace, Countess",ada@example.org,4711,s-1,alove,A,12345\n'
    "ben,@SUM(A1),Franklin,ben@example.org,4712,s-2,bfran,B,777\n"
    "zoe,Zoë,-Last,zoe@example.org,4713,,zoe,A,99\n"
)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A course whose gradebook holds three submissions of one assignment, and none of another."""
    root = tmp_path_factory.mktemp("graded")
    here = Course()
    shutil.copy(here.root / CONFIG, root / CONFIG)
    shutil.copytree(here.folder("source"), root / "solutions")
    course = Course(root)
    with Gradebook(course.directory.db_url, course.directory.course_id) as gradebook:
        for name in (ASSIGNMENT, OTHER):
            gradebook.add_assignment(name)
            gradebook.add_notebook("work", name)
            for cell in ("a", "b"):
                key = ("work", name)
                gradebook.add_solution_cell(f"answer-{cell}", *key)
                gradebook.add_source_cell(f"answer-{cell}", *key, cell_type="code")
                gradebook.add_grade_cell(f"check-{cell}", *key, max_score=3, cell_type="code")
                gradebook.add_source_cell(f"check-{cell}", *key, cell_type="code", locked=True)
        for student, points in POINTS.items():
            gradebook.add_student(student)
            gradebook.add_submission(ASSIGNMENT, student)
            for cell, score in zip(("a", "b"), points, strict=True):
                grade = gradebook.find_grade(f"check-{cell}", "work", ASSIGNMENT, student)
                grade.auto_score, grade.needs_manual_grade = score, score is None
        gradebook.db.commit()
    return root


@pytest.fixture
def course(graded, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(graded, root)
    (root / "grading" / "roster.csv").write_text(ROSTER, encoding="utf-8")
    return Course(root)


def grades(course):
    return export.read(course, roster.of(course.root))


def table(file):
    with file.open(newline="", encoding="utf-8") as text:
        return list(csv.reader(text))


def stored(course, student, cell):
    with Gradebook(course.directory.db_url) as gradebook:
        grade = gradebook.find_grade(f"check-{cell}", "work", ASSIGNMENT, student)
        comment = gradebook.find_comment(f"answer-{cell}", "work", ASSIGNMENT, student)
        return (grade.auto_score, grade.manual_score, grade.extra_credit,
                grade.needs_manual_grade, comment.manual_comment)  # fmt: skip


def test_nbgraders_form_says_what_nbgraders_own_exporter_says(course, tmp_path):
    ours = table(export.write(course, grades(course), to=tmp_path / "ours.csv"))
    plugin = CsvExportPlugin(parent=course.api)
    plugin.to = str(tmp_path / "theirs.csv")
    with Gradebook(course.directory.db_url, course.directory.course_id) as gradebook:
        plugin.export(gradebook)
    theirs = table(tmp_path / "theirs.csv")
    assert ours[0] == theirs[0]
    numbers = [theirs[0].index(name) for name in ("raw_score", "score", "max_score")]
    found = {(row[0], row[3].lstrip("'")): [float(row[n]) for n in numbers] for row in ours[1:]}
    wanted = {(row[0], row[3]): [float(row[n]) for n in numbers] for row in theirs[1:]}
    assert {key: found[key] for key in wanted} == wanted
    assert {student for _, student in set(found) - set(wanted)} == {"zoe"}, "on the roster alone"
    assert all(len(row) == len(theirs[0]) for row in ours)


def test_canvas_gets_its_columns_and_the_row_of_points(course, tmp_path):
    rows = table(export.write(course, grades(course), "canvas", tmp_path / "c.csv"))
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", ASSIGNMENT, OTHER]
    assert rows[0] == head
    assert rows[1] == ["    Points Possible", "", "", "", "", "6", "6"]
    by_login = {row[3]: row for row in rows[2:]}
    assert by_login["alove"] == ["Lovelace, Countess, Ada", "4711", "s-1", "alove", "A", "5", ""]
    assert by_login["zoe"][5:] == ["", ""], "no grade"


def test_moodle_gets_its_columns(course, tmp_path):
    rows = table(export.write(course, grades(course), "moodle", tmp_path / "m.csv"))
    assert rows[0] == ["Identifier", "First name", "Last name", "ID number", "Email address",
                       ASSIGNMENT, OTHER]  # fmt: skip
    by_mail = {row[4]: row for row in rows[1:]}
    assert by_mail["ada@example.org"] == [
        "Participant 12345", "Ada", "Lovelace, Countess", "s-1", "ada@example.org", "5", ""]  # fmt: skip
    assert by_mail["zoe@example.org"][3] == "zoe"
    assert all(row[3] and row[4] for row in rows), "Moodle gives a row without to the one before"


def test_a_column_can_be_called_as_the_lms_calls_it(course, tmp_path):
    (course.grading / "deadlines.toml").write_text(
        f'[{ASSIGNMENT}]\ncanvas = "Exercise 1 (4711)"\nmoodle = "Assignment: Exercise 1 (Real)"\n'
    )
    rows = table(export.write(course, grades(course), "canvas", tmp_path / "c.csv"))
    assert rows[0][5:] == ["Exercise 1 (4711)", OTHER]
    rows = table(export.write(course, grades(course), "moodle", tmp_path / "m.csv"))
    assert rows[0][5:] == ["Assignment: Exercise 1 (Real)", OTHER]


def test_missing_work_can_be_a_zero(course, tmp_path):
    rows = table(export.write(course, grades(course), "canvas", tmp_path / "c.csv", True))
    assert next(row for row in rows if row[3] == "zoe")[5:] == ["0", "0"]


def test_the_penalty_is_taken_off_and_never_below_zero(course, tmp_path):
    with Gradebook(course.directory.db_url) as gradebook:
        for student, penalty in (("ada", 1.25), ("ben", 99)):
            notebook = gradebook.find_submission_notebook("work", ASSIGNMENT, student)
            notebook.late_submission_penalty = penalty
        gradebook.db.commit()
    rows = table(export.write(course, grades(course), "moodle", tmp_path / "m.csv"))
    assert {row[4]: row[5] for row in rows[1:]} == {
        "ada@example.org": "3.75", "ben@example.org": "0", "zoe@example.org": "", "'=cmd()": "1",
    }  # fmt: skip


@pytest.mark.parametrize("form", export.FORMS)
def test_no_cell_is_a_formula(course, tmp_path, form):
    """A spreadsheet runs a cell that begins with one of these."""
    rows = table(export.write(course, grades(course), form, tmp_path / "out.csv"))
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert {"'=cmd()"} <= set(cells)
    assert [cell for cell in cells if cell.startswith("'@SUM") or "@SUM" in cell]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "'=1", "'", "ada", "", "5"])
def test_a_text_comes_back_as_it_was(text):
    once = export.inert(text)
    assert not once.startswith(export.FORMULA)
    assert export.unescaped(once) == (text[1:] if text == "'=1" else text)


def test_the_cells_that_wait_are_listed_and_exported(course, tmp_path):
    assert [mark.key for mark in manual.marks(course)] == [("ben", ASSIGNMENT, "check-b")]
    assert len(manual.marks(course, every=True)) == 6
    assert manual.marks(course, OTHER) == []
    file = manual.write(course, manual.marks(course), tmp_path / "todo.csv")
    assert table(file) == [list(manual.HEAD), ["ben", ASSIGNMENT, "check-b", "", "3", "", "", ""]]


def fill(file, *rows):
    with file.open("w", newline="") as text:
        writer = csv.DictWriter(text, ("student", "assignment", "cell", "score", "extra_credit",
                                       "comment"))  # fmt: skip
        writer.writeheader()
        writer.writerows(rows)
    return file


def mark(student, cell, **fields):
    return {"student": student, "assignment": ASSIGNMENT, "cell": f"check-{cell}", **fields}


def test_scores_and_comments_go_in_and_are_written_down(course, tmp_path):
    file = fill(
        tmp_path / "done.csv",
        mark("ben", "b", score="2.5", comment="=Well, done"),
        mark("ada", "a", extra_credit="1"),
        mark("ada", "b"),
    )
    changes = manual.read(course, file, who="grace")
    assert len(changes) == 3
    assert stored(course, "ben", "b") == (None, 2.5, None, False, "=Well, done")
    assert stored(course, "ada", "a") == (2.0, None, 1.0, False, None)
    assert stored(course, "ada", "b") == (3.0, None, None, False, None)
    log = manual.history(course)
    assert [(r["who"], r["student"], r["field"], r["before"], r["after"]) for r in log] == [
        ("grace", "ben", "score", "", "2.5"),
        ("grace", "ben", "comment", "", "=Well, done"),
        ("grace", "ada", "extra_credit", "", "1"),
    ]
    assert "'=Well, done" in (course.grading / "manual.csv").read_text()
    assert manual.read(course, file, who="grace") == [], "the same again is no change"


def test_the_record_is_only_added_to(course, tmp_path):
    file = tmp_path / "done.csv"
    manual.read(course, fill(file, mark("ben", "b", score="1")), who="grace")
    first = (course.grading / "manual.csv").read_bytes()
    manual.read(course, fill(file, mark("ben", "b", score="2")), who="alan")
    manual.read(course, fill(file, mark("ben", "b", score="auto")), who="alan")
    assert (course.grading / "manual.csv").read_bytes().startswith(first)
    assert [(r["before"], r["after"]) for r in manual.history(course)] == [
        ("", "1"), ("1", "2"), ("2", "")]  # fmt: skip
    assert stored(course, "ben", "b")[1:4] == (None, None, True), "it waits again"


def test_what_was_changed_in_formgrader_is_written_down_at_the_next_look(course, tmp_path):
    with Gradebook(course.directory.db_url) as gradebook:
        gradebook.find_grade("check-a", "work", ASSIGNMENT, "ada").manual_score = 3.0
        gradebook.find_comment("answer-a", "work", ASSIGNMENT, "ada").manual_comment = "Good."
        gradebook.db.commit()
    assert len(manual.note_others(course)) == 2
    assert manual.note_others(course) == []
    assert {(r["who"], r["field"], r["after"]) for r in manual.history(course)} == {
        ("formgrader", "score", "3"), ("formgrader", "comment", "Good.")}  # fmt: skip
    manual.read(course, fill(tmp_path / "x.csv", mark("ada", "a", score="1")), who="grace")
    assert manual.note_others(course) == []


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (mark("ben", "b", score="4"), "line 3: score is '4', and should be a number from 0 to 3"),
        (mark("ben", "b", score="-1"), "line 3"),
        (mark("ben", "b", score="nan"), "line 3"),
        (mark("ben", "b", score="two"), "line 3"),
        (mark("ben", "b", extra_credit="inf"), "line 3"),
        (mark("eve", "b", score="1"), "the gradebook has no eve"),
        (mark("ben", "z", score="1"), "check-z"),
    ],
)
def test_one_line_that_cannot_be_meant_and_nothing_is_changed(course, tmp_path, row, says):
    file = fill(tmp_path / "done.csv", mark("ada", "a", score="1", comment="?"), row)
    with pytest.raises(CourseError) as raised:
        manual.read(course, file)
    assert says in str(raised.value) and "nothing was changed" in str(raised.value)
    assert stored(course, "ada", "a") == (2.0, None, None, False, None)
    assert manual.history(course) == []


def test_a_file_of_another_kind_is_refused(course, tmp_path):
    (tmp_path / "x.csv").write_text("student,points\nada,3\n")
    with pytest.raises(CourseError, match="a column is missing: assignment, cell"):
        manual.read(course, tmp_path / "x.csv")
    with pytest.raises(CourseError, match="cannot be read"):
        manual.read(course, tmp_path / "none.csv")


def test_the_commands(course, tmp_path, monkeypatch):
    monkeypatch.chdir(course.root)
    runner = CliRunner(env={"COLUMNS": "150"})
    done = runner.invoke(cli.app, ["export", "--form", "canvas"])
    assert done.exit_code == 0, done.output
    assert (course.grading / "grades-canvas.csv").exists()
    [row] = [line for line in done.output.splitlines() if ASSIGNMENT in line]
    mean = math.fsum(sum(p or 0 for p in points) for points in POINTS.values()) / len(POINTS)
    assert f"{mean:.2f}" in row and "1 submissions wait for a person" in done.output
    assert runner.invoke(cli.app, ["export", "--form", "excel"]).exit_code == cli.UNUSABLE
    done = runner.invoke(cli.app, ["manual", "list"])
    assert done.exit_code == 0 and "check-b" in done.output and "1 cells wait" in done.output
    done = runner.invoke(cli.app, ["manual", "export", "01"])
    assert done.exit_code == 0 and "to-grade.csv" in done.output
    text = (course.grading / "to-grade.csv").read_text()
    file = tmp_path / "done.csv"
    file.write_text(text.replace("check-b,,3,,,", "check-b,,3,3,,[b]fine[/b]"))
    done = runner.invoke(cli.app, ["manual", "import", str(file), "--who", "grace"])
    assert done.exit_code == 0 and "[b]fine[/b]" in done.output and "2 changes" in done.output
    assert stored(course, "ben", "b") == (None, 3.0, None, False, "[b]fine[/b]")
    file.write_text("student,points\nada,3\n")
    done = runner.invoke(cli.app, ["manual", "import", str(file)])
    assert done.exit_code == cli.UNUSABLE and "a column is missing" in done.output


def test_without_a_grade_there_is_nothing_to_export(course, monkeypatch):
    with Gradebook(course.directory.db_url) as gradebook:
        for student in POINTS:
            gradebook.remove_submission(ASSIGNMENT, student)
    monkeypatch.chdir(course.root)
    done = CliRunner().invoke(cli.app, ["export"])
    assert done.exit_code == cli.UNUSABLE and "nothing was graded yet" in done.output


def test_the_command_runs_as_a_process(course, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "graders.cli", "export", "--to", str(tmp_path / "g.csv")],
        cwd=course.root, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert len(table(tmp_path / "g.csv")) == 1 + 2 * 4
