"""A made-up class through the real nbgrader: right scores, a right export, and nobody lost."""

import csv
import html
import os
import re
import subprocess
import sys

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps import AutogradeApp, NbGraderApp
from nbgrader.converters import Autograde
from nbgrader.validator import Validator
from typer.testing import CliRunner

import classroom
from graders import cli, grade, tasks
from graders.course import AUTOGRADE, SANITIZE, Course, CourseError
from graders.release import solution_lines

KINDS = {"ada": "solved", "ben": "half wrong", "cleo": "blank"}
ASSIGNMENT = "01-rank-and-shape"


def command(course, *arguments):
    """Run the command line in a course's folder."""
    unsafe = {key: os.environ[key] for key in ("GRADERS_UNSAFE",) if key in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "graders.cli", *arguments],
        cwd=course.root,
        capture_output=True,
        text=True,
        # .venv/bin is not on the PATH
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "120", **unsafe},
    )


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Three students, all exercises, graded with the command: the course and what was said."""
    course = classroom.new_course(tmp_path_factory.mktemp("course"))
    for student, kind in KINDS.items():
        for assignment in course.assignments():
            classroom.hand_in(course, student, assignment, kind)
    return course, command(course, "grade")


def scores(course, student, assignment):
    """Points by task name, from the gradebook."""
    with Gradebook(course.directory.db_url) as gradebook:
        submission = gradebook.find_submission(assignment, student)
        return {
            each.name.removeprefix("check-").replace("-", "_"): (
                each.score,
                each.needs_manual_grade,
            )
            for notebook in submission.notebooks
            for each in notebook.grades
        }


def exported(course):
    with (course.grading / "grades.csv").open(newline="") as file:
        return {(row["student_id"], row["assignment"]): row for row in csv.DictReader(file)}


def page(course, student, assignment):
    """The text of a student's feedback page, without its markup."""
    [file] = (course.folder("feedback") / student / assignment).glob("*.html")
    return html.unescape(re.sub(r"<[^>]*>", "", file.read_text(encoding="utf-8")))


def test_the_command_ends_well_and_shows_every_student(graded):
    course, done = graded
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for word in (*KINDS, *course.assignments(), "rank_of", "grading/grades.csv"):
        assert word in done.stdout


@pytest.mark.parametrize("student", KINDS)
def test_full_marks_the_right_partial_score_and_exactly_zero(graded, student):
    course, _ = graded
    for assignment in course.assignments():
        got = {name: score for name, (score, _) in scores(course, student, assignment).items()}
        assert got == classroom.expected(assignment, KINDS[student])
        total = {"solved": sum(t.points for t in tasks.chapter(assignment[:2])), "blank": 0}
        if KINDS[student] in total:
            assert sum(got.values()) == total[KINDS[student]]
        else:
            assert 0 < sum(got.values()) < total["solved"]
        assert not any(manual for _, manual in scores(course, student, assignment).values())


def test_the_export_has_every_student_and_the_right_numbers(graded):
    course, _ = graded
    rows = exported(course)
    assert set(rows) == {(s, a) for s in KINDS for a in course.assignments()}
    for (student, assignment), row in rows.items():
        assert float(row["score"]) == sum(classroom.expected(assignment, KINDS[student]).values())
        assert float(row["max_score"]) == sum(t.points for t in tasks.chapter(assignment[:2]))


def test_feedback_shows_hint_and_counterexample_and_no_solution(graded):
    course, _ = graded
    telling = solution_lines(course.folder("source"))
    for assignment in course.assignments():
        blank = page(course, "cleo", assignment)
        assert not [line for line in telling if line in blank]
        assert "not started yet" in blank
    half = page(course, "ben", ASSIGNMENT)
    assert "The sizes are added." in half and "size_of((2, 3))" in half
    assert "answers" not in half and "instructor" not in half
    right = [line for line, where in telling.items() if "cell answer-size-of" in where]
    assert right and not [line for line in right if line in half]


def test_all_students_get_the_same_fresh_inputs(graded):
    course, _ = graded
    with (course.grading / "runs.csv").open() as file:
        [run] = csv.DictReader(file)
    assert len(run["seed"]) == 16 and run["submissions"] == "9"
    said = page(course, "ada", ASSIGNMENT)
    assert "on fresh inputs." in said and "checks here" not in said


def test_grading_counts_as_nobodys_progress(graded):
    course, _ = graded
    assert not (course.root / ".progress").exists()


@pytest.fixture(scope="module")
def unruly(tmp_path_factory):
    """A class in which things went wrong, and one student, the last, who did everything right."""
    course = classroom.new_course(tmp_path_factory.mktemp("unruly"))
    file = {
        student: classroom.hand_in(course, student, ASSIGNMENT, "solved")
        for student in ("torn", "renamed", "killed", "cut", "weird[1]", "zoe")
    }
    file["torn"].write_text(file["torn"].read_text()[:500])
    file["renamed"].rename(file["renamed"].with_name("rank-and-shape (1).ipynb"))
    killer = "import os\nos._exit(1)"
    change(file["killed"], lambda cells: cells["answer-size-of"].update(source=killer))
    notebook = nbformat.read(file["cut"], as_version=4)
    copies = [nbformat.from_dict(dict(cell, id=f"{cell.id}-2")) for cell in notebook.cells[-4:]]
    notebook.cells = [cell for cell in notebook.cells if cell.id != "check-rank-of"] + copies
    nbformat.write(notebook, file["cut"])
    (course.folder("submitted") / "zoe" / "01-rank").mkdir()
    return course, command(course, "grade", "01")


def change(file, how):
    notebook = nbformat.read(file, as_version=4)
    how({cell.id: cell for cell in notebook.cells})
    nbformat.write(notebook, file)


def test_one_broken_notebook_costs_nobody_else_anything(unruly):
    course, done = unruly
    full = sum(task.points for task in tasks.chapter("01"))
    assert float(exported(course)["zoe", ASSIGNMENT]["score"]) == full
    assert done.returncode == cli.FAILED
    assert "Not graded, no assignment has this name: grading/submitted/zoe/01-rank" in done.stdout


@pytest.mark.sandbox
def test_a_cell_that_kills_its_process_costs_its_own_task_alone(unruly):
    course, _ = unruly
    got = {name: points for name, (points, _) in scores(course, "killed", ASSIGNMENT).items()}
    assert got == {
        task.name: task.points * (task.name != "size_of") for task in tasks.chapter("01")
    }


def test_what_could_not_be_graded_is_recorded_with_its_reason(unruly):
    course, done = unruly
    with (course.grading / "problems.csv").open(newline="") as file:
        problems = {row["student"]: row["problem"] for row in csv.DictReader(file)}
    assert "not appear to be JSON" in problems["torn"]
    assert "the folder holds rank-and-shape (1).ipynb" in problems["renamed"]
    assert "* ? [" in problems["weird[1]"]
    # without a sandbox, an ordinary kernel stays dead
    killed = {"killed"} if os.environ.get("GRADERS_UNSAFE") else set()
    assert set(problems) == {"torn", "renamed", "weird[1]"} | killed
    for student, problem in problems.items():
        assert problem in done.stdout
        marks = scores(course, student, ASSIGNMENT)
        assert all(mark == (0, True) for mark in marks.values()), "0, and for a person to look at"
        assert float(exported(course)[student, ASSIGNMENT]["score"]) == 0


def test_copied_cells_and_a_deleted_check_lose_nothing(unruly):
    course, _ = unruly
    full = {task.name.lower(): (task.points, False) for task in tasks.chapter("01")}
    assert scores(course, "cut", ASSIGNMENT) == full


def test_a_resubmission_that_cannot_be_graded_does_not_keep_the_old_points(unruly):
    course, _ = unruly
    submission = grade.Submission("zoe", ASSIGNMENT)
    [file] = course.folder("submitted").glob("zoe/*/*.ipynb")
    before = file.read_text()
    file.write_text("{}")
    [failed] = grade.grade_class(course, [submission])
    assert failed.problem and failed.total == 0
    assert all(mark == (0, True) for mark in scores(course, "zoe", ASSIGNMENT).values())
    file.write_text(before)
    [again] = grade.grade_class(course, [submission], seed="fixed")
    assert (again.problem, again.total) == ("", again.most)


def test_a_solution_that_fails_here_stops_the_grading_of_its_assignment(tmp_path):
    """A broken machine must not give a whole class 0 points as if they had earned them."""
    course = classroom.new_course(tmp_path)
    classroom.hand_in(course, "ada", ASSIGNMENT, "solved")
    [source] = course.folder("source").glob("01*/*.ipynb")
    change(source, lambda cells: cells["setup"].update(source="import no_such_engine"))
    [failed] = grade.grade_class(course, grade.submissions(course, ASSIGNMENT))
    assert failed.problem == (
        "its own solution fails: ModuleNotFoundError: No module named 'no_such_engine'"
    )
    assert all(mark == (0, True) for mark in scores(course, "ada", ASSIGNMENT).values())
    assert not course.folder("autograded").exists()


def test_feedback_and_export_can_be_had_alone(unruly, tmp_path):
    course, _ = unruly
    for file in course.folder("feedback").rglob("*.html"):
        file.unlink()
    done = command(course, "export", "--to", str(tmp_path / "grades.csv"))
    assert done.returncode == 0
    assert (tmp_path / "grades.csv").read_text().count("\n") == 7
    done = command(course, "feedback", "01")
    # what was refused has a page, too; but for a folder whose name nbgrader takes for a pattern
    assert done.returncode == cli.FAILED and "5 of 6 written" in done.stdout
    assert "the student's folder has one of * ? [" in done.stdout
    assert page(course, "zoe", ASSIGNMENT) and page(course, "torn", ASSIGNMENT)


def test_the_command_line_says_what_it_needs(tmp_path, monkeypatch):
    course = classroom.new_course(tmp_path)
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    done = runner.invoke(cli.app, ["grade"])
    assert done.exit_code == cli.UNUSABLE
    assert "grading/submitted/<student>/<assignment>/" in done.output
    done = runner.invoke(cli.app, ["grade", "07"])
    assert done.exit_code == cli.UNUSABLE and ASSIGNMENT in done.output
    assert runner.invoke(cli.app, ["release", "--check"]).exit_code == 0
    [exercise] = course.folder("release").glob("01*/*.ipynb")
    exercise.write_text(exercise.read_text() + "\n")
    done = runner.invoke(cli.app, ["release", "--check"])
    assert done.exit_code == cli.FAILED and f"exercises/{ASSIGNMENT}" in done.output


def test_the_validate_button_tells_the_same(monkeypatch):
    """nbgrader's own button in JupyterLab runs the notebook and lists what has not full marks."""
    course = Course()
    monkeypatch.chdir(course.root)
    for step, failed in (("release", len(tasks.chapter("01"))), ("source", 0)):
        [notebook] = (course.folder(step) / ASSIGNMENT).glob("*.ipynb")
        found = Validator(config=course.config).validate(str(notebook))
        assert len(found.get("failed", [])) == failed


def test_nbgrader_itself_uses_this_course_and_its_own_classes(tmp_path, monkeypatch):
    course = Course()
    monkeypatch.chdir(course.root)
    for app_class in (NbGraderApp, AutogradeApp):
        app_class.clear_instance()
        app = app_class()
        app.initialize([])
        assert app.coursedir.root == str(course.root)
        assert app.coursedir.course_id == "two-x-minus-one"
        assert app.coursedir.source_directory == "solutions"
        assert app.coursedir.release_directory == "exercises"
        for step in ("autograded", "feedback"):
            assert getattr(app.coursedir, f"{step}_directory") == f"grading/{step}"
        assert app.coursedir.submitted_directory == "grading/intake"  # see graders/intake.py
        assert app.coursedir.db_url == f"sqlite:///{course.grading / 'gradebook.db'}"
        converter = Autograde(coursedir=app.coursedir, parent=app)
        assert [name.split(".")[-1] for name in converter.sanitize_preprocessors] == SANITIZE
        assert [name.split(".")[-1] for name in converter.autograde_preprocessors] == AUTOGRADE
    course.assert_active()


@pytest.mark.parametrize(
    "line",
    [
        "c.Autograde.autograde_preprocessors = ['nbgrader.preprocessors.SaveAutoGrades']",
        "course.submitted_directory = 'elsewhere'",
        "course.ignore = ['*.pyc']",
        "course.root = '/somewhere/else'",
    ],
)
def test_a_configuration_that_was_changed_is_refused(tmp_path, line):
    course = classroom.new_course(tmp_path)
    config = tmp_path / "nbgrader_config.py"
    config.write_text(f"{config.read_text()}\n{line}\n")
    with pytest.raises(CourseError, match=r"nbgrader_config\.py: \w+"):
        Course(course.root).assert_active()


def test_a_folder_that_is_no_course_is_refused(tmp_path):
    with pytest.raises(CourseError, match="has no nbgrader_config"):
        Course(tmp_path)
