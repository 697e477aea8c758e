"""A class graded twice by the real nbgrader: what a person did stays, and feedback tells no more
than it should."""

import csv
import html
import os
import re
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output
from nbgrader.api import Gradebook
from nbgrader.converters import GenerateFeedback
from typer.testing import CliRunner

import classroom
import graders
from graders import cli, collect, export, grade, late, manual, roster, tasks
from graders.feedback import ReportsOnly
from graders.release import solution_lines
from graders.store import project_root

pytestmark = pytest.mark.slow

ASSIGNMENT, NOTEBOOK = "01-rank-and-shape", "rank-and-shape"
KINDS = {"ada": "solved", "ben": "half wrong", "cleo": "blank", "nosy": "blank"}
SEED = "0123456789abcdef"
DUE = datetime(2026, 12, 1, 12, tzinfo=UTC)
NOSY = {
    "answer-rank-of": "import inspect\nfrom graders.tasks import ch01_rank\n"
    "print(inspect.getsource(ch01_rank))",
    "answer-flat-index": "raise ValueError('x' * 5000)",
    "answer-shape-of": "from graders.tasks import find\nfind('no.such.task')",
    "answer-size-of": "import os\nprint(dict(os.environ), os.getcwd())\n"
    "def size_of(shape):\n    return check('01.rank.size_of')",
    "answer-dtype-of": "from IPython.display import HTML\n"
    "display(HTML('<div class=\"tx-report tx-passed\">all right</div>'))",
}
"""Answers that look around, and show what they find."""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Four students in Moodle's zip file, collected and graded once; ben was a day late, and ten
    percent are a day's price."""
    course = classroom.new_course(tmp_path_factory.mktemp("course"))
    for student, kind in KINDS.items():
        file = classroom.hand_in(course, student, ASSIGNMENT, kind)
    notebook = nbformat.read(file, as_version=4)
    for cell in notebook.cells:
        cell.source = NOSY.get(cell.id, cell.source)
    nbformat.write(notebook, file)
    (course.grading / "deadlines.toml").write_text(
        f'[{ASSIGNMENT}]\ndue = "2026-12-01 12:00"\npolicy = "percent"\npercent_a_day = 10\n'
    )
    _through_moodle(course)
    done = grade.grade_class(course, grade.submissions(course), seed=SEED)
    assert [each.problem for each in done] == [""] * 4
    return course


def _through_moodle(course):
    """Take what was handed in away, and collect it from Moodle's zip file and its worksheet."""
    archive, rows = course.root / "moodle.zip", ["student,name,moodle_id"]
    with zipfile.ZipFile(archive, "w") as packed:
        for number, student in enumerate(KINDS):
            [file] = (course.folder("submitted") / student / ASSIGNMENT).iterdir()
            when = DUE + timedelta(hours=20 if student == "ben" else 0)
            folder = f"The {student.title()}_{number}_assignsubmission_file_"
            member = zipfile.ZipInfo(f"{folder}/{file.name}", when.timetuple()[:6])
            packed.writestr(member, file.read_bytes())
            rows.append(f"{student},The {student.title()},Participant {number}")
    shutil.rmtree(course.folder("submitted"))
    (course.grading / "roster.csv").write_text("\n".join(rows))
    outcomes = collect.collect(course, [archive], roster=roster.of(course.root))
    assert [(each.what, each.student) for each in outcomes] == [("new", name) for name in KINDS]


def points(course, field="auto_score"):
    """One field of every grade, by student and task."""
    with Gradebook(course.directory.db_url) as gradebook:
        return {
            (submission.student.id, each.name.removeprefix("check-").replace("-", "_")): getattr(
                each, field
            )
            for submission in gradebook.find_assignment(ASSIGNMENT).submissions
            for notebook in submission.notebooks
            for each in notebook.grades
        }


def by_hand(course):
    """All that a person may have put into the gradebook, and where it is kept."""
    with Gradebook(course.directory.db_url) as gradebook:
        marks = {
            (submission.student.id, kind, each.name, each.id): fields(each)
            for submission in gradebook.find_assignment(ASSIGNMENT).submissions
            for notebook in submission.notebooks
            for kind, found, fields in (
                ("grade", notebook.grades, lambda e: (e.manual_score, e.extra_credit)),
                ("comment", notebook.comments, lambda e: e.manual_comment),
            )
            for each in found
        }
        names = {each.id: (each.first_name, each.last_name) for each in gradebook.students}
        return marks, names


def penalty(course, student):
    with Gradebook(course.directory.db_url) as gradebook:
        return gradebook.find_submission(ASSIGNMENT, student).late_submission_penalty


def page(course, student):
    """A feedback page: its markup, and its text."""
    [file] = (course.folder("feedback") / student / ASSIGNMENT).glob("*.html")
    markup = file.read_text(encoding="utf-8")
    body = re.sub(r"<(style|script)\b.*?</\1>", "", markup, flags=re.DOTALL)
    return markup, html.unescape(re.sub(r"<[^>]*>", "", body))


def test_the_penalty_of_a_late_submission_is_taken_off_its_points(course):
    total = sum(classroom.expected(ASSIGNMENT, "half wrong").values())
    assert penalty(course, "ben") == pytest.approx(total / 10)
    assert penalty(course, "ada") == 0
    assert f"Late submission penalty (Score: -{total / 10:.1f})" in page(course, "ben")[1]
    results = export.read(course, roster.Roster([])).results
    assert results["ben", ASSIGNMENT].score == pytest.approx(total * 0.9)


def own_lines(course, student):
    """What the learner wrote, and what was given out: a page may show that."""
    lines = set()
    for folder in (course.folder("submitted") / student, course.folder("release")):
        for cell in nbformat.read(folder / ASSIGNMENT / f"{NOTEBOOK}.ipynb", as_version=4).cells:
            lines |= {line.strip() for line in cell.source.splitlines()}
    return lines


@pytest.mark.parametrize("student", KINDS)
def test_no_line_of_a_solution_is_in_a_page(course, student):
    secret = set(solution_lines(course.folder("source"))) - own_lines(course, student)
    markup, text = page(course, student)
    assert len(secret) > 20
    assert not [line for line in secret if line in text or line in markup]


@pytest.mark.parametrize("student", KINDS)
def test_no_line_of_the_checks_is_in_a_page(course, student):
    shown = own_lines(course, student)
    lines = {
        line.strip()
        for file in Path(graders.__file__).parent.rglob("*.py")
        if file.name not in ("style.py", "report.py")  # what reports are made of
        for line in file.read_text(encoding="utf-8").splitlines()
    }
    own = "\n".join(shown)
    secret = {line for line in lines if len(line) >= 16 and line[0] != '"' and line not in own}
    _, text = page(course, student)
    assert len(secret) > 1000
    assert not [line for line in secret if line in text]


@pytest.mark.parametrize("student", KINDS)
def test_of_the_texts_in_a_task_a_page_has_those_of_its_report_alone(course, student):
    _, text = page(course, student)
    plain = " ".join(text.split())
    for task in tasks.chapter("01"):
        assert not [step for step in task.hints if " ".join(step.replace("`", "").split()) in plain]
        said = [m.key for m in task.misconceptions if m.says.replace("`", "") in plain]
        assert len(said) <= (0 if KINDS[student] == "solved" else 1), said
        assert not [m.key for m in task.misconceptions if f'"{m.key}"' in plain]


def test_a_page_has_name_hint_and_counterexample_of_what_failed(course):
    _, text = page(course, "ben")
    for words in ("01.rank.size_of", "The sizes are added.", "size_of((2, 3))", "expected", "got"):
        assert words in text


@pytest.mark.parametrize("student", KINDS)
def test_no_mark_seed_or_path_is_in_a_page(course, student):
    markup, _ = page(course, student)
    for hidden in (SEED, "BEGIN SOLUTION", "HIDDEN TESTS", "MARK SCHEME", "AUTOTEST", "oracle",
                   str(course.root), str(project_root()), sys.prefix, "GRADERS_"):  # fmt: skip
        assert hidden not in markup


def test_a_nosy_answer_shows_nothing_but_its_error(course):
    markup, text = page(course, "nosy")
    assert "ValueError: xxx" in text and "x" * 300 not in text
    assert "Traceback" not in text and "tasks/__init__" not in text
    assert "all right" not in text.replace(NOSY["answer-dtype-of"], ""), "no report of its own"
    assert markup.count('<div class="tx-report') == len(tasks.chapter("01"))


def test_formgraders_button_writes_the_same_page(course):
    """It asks nbgrader, which has the step by the course's configuration."""
    steps = GenerateFeedback(coursedir=course.directory, parent=course.api).preprocessors
    names = [each if isinstance(each, str) else each.__name__ for each in steps]
    assert [name.rpartition(".")[2] for name in names] == [
        "GetGrades", "ReportsOnly", "CSSHTMLHeaderPreprocessor"]  # fmt: skip


REPORT = '<style>.tx-report { color: red }</style><div class="tx-report tx-wrong">not yet</div>'


@pytest.mark.parametrize(
    ("output", "graded", "left"),
    [
        (new_output("execute_result", {"text/html": REPORT, "text/plain": "1"}), True, REPORT),
        (new_output("execute_result", {"text/html": REPORT}), False, ""),
        (new_output("display_data", {"text/html": "<p>tx-report</p>"}), True, ""),
        (new_output("execute_result", {"text/plain": "the solution"}), True, ""),
        (new_output("display_data", {"image/png": "iVBORw0KGgo="}), False, ""),
        (new_output("stream", name="stdout", text="[stopped after 60 s]\n"), False, ""),
        (new_output("stream", name="stderr", text="x\n[stopped after 60 s]\n"), False, ""),
        (new_output("stream", name="stderr", text="[stopped after 60 s]\n"), False,
         "[stopped after 60 s]"),
        (new_output("error", ename="E", evalue="a\nb", traceback=["secret line"]), False, "E: a b"),
        (new_output("error", ename="E", evalue="", traceback=["secret line"]), True, "E"),
    ],
)  # fmt: skip
def test_each_kind_of_output_is_kept_or_not(output, graded, left):
    cell = new_code_cell("check()", outputs=[output], metadata={"nbgrader": {"grade": graded}})
    ReportsOnly().preprocess_cell(cell, {}, 0)
    kept = [
        str(each.get("text") or each.get("data", {}).get("text/html") or each.get("traceback")[0])
        for each in cell.outputs
    ]
    assert "".join(kept).strip() == left
    assert "secret line" not in str(cell)


@pytest.fixture(scope="module")
def regraded(course):
    """The check of rank_of was broken at first, and gave everybody 0. Then a person graded, the
    check was mended, and the same submissions are graded again, by the command."""
    with Gradebook(course.directory.db_url) as gradebook:
        for submission in gradebook.find_assignment(ASSIGNMENT).submissions:
            student = submission.student.id
            key = (NOTEBOOK, ASSIGNMENT, student)
            gradebook.find_grade("check-rank-of", *key).auto_score = 0
        gradebook.update_or_create_student("ben", first_name="Ben", last_name="Franklin")
        gradebook.db.commit()
    with (course.grading / "done.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("student", "assignment", "cell", "score", "extra_credit", "comment"))
        rows.writerow(("ben", ASSIGNMENT, "check-size-of", 1, "", "I see what you mean."))
        rows.writerow(("cleo", ASSIGNMENT, "check-rank-of", 0.5, "", ""))
        rows.writerow(("ada", ASSIGNMENT, "check-shape-gate", "", 2, "More than was asked."))
    changes = manual.read(course, course.grading / "done.csv", who="grace")
    assert len(changes) == 5
    before = by_hand(course), points(course)
    unsafe = {key: os.environ[key] for key in ("GRADERS_UNSAFE",) if key in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "graders.cli", "grade", "01", "--seed", SEED],
        cwd=course.root, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **unsafe},
    )  # fmt: skip
    return course, before, done


def test_regrading_changes_automatic_points_and_nothing_a_person_did(regraded):
    course, (by_hand_before, points_before), done = regraded
    assert done.returncode == 0, done.stdout + done.stderr
    assert by_hand(course) == by_hand_before
    assert points_before["ada", "rank_of"] == 0
    for student, kind in KINDS.items():
        automatic = {task: p for (who, task), p in points(course).items() if who == student}
        assert automatic == classroom.expected(ASSIGNMENT, kind), student
    with (course.grading / "grades.csv").open(newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    ben = sum(classroom.expected(ASSIGNMENT, "half wrong").values()) + 1
    assert float(rows["ben"]["score"]) == pytest.approx(ben * 0.9)
    assert float(rows["cleo"]["score"]) == 0.5
    assert float(rows["ada"]["score"]) == float(rows["ada"]["max_score"]) + 2


def test_what_a_person_graded_waits_for_a_second_look_after_it(regraded):
    course, _, _ = regraded
    assert {mark.key[::2] for mark in manual.marks(course)} == {
        ("ben", "check-size-of"), ("cleo", "check-rank-of")}  # fmt: skip
    assert "I see what you mean." in page(course, "ben")[1]


def test_feedback_says_the_penalty_as_it_stands_now(regraded, monkeypatch):
    course, _, _ = regraded
    monkeypatch.chdir(course.root)
    with (course.grading / "deadlines.toml").open("a") as file:
        file.write(f"[{ASSIGNMENT}.extensions]\nben = 2\n")
    done = CliRunner().invoke(cli.app, ["feedback", "01"])
    assert done.exit_code == 0 and "4 of 4 written" in done.output
    assert penalty(course, "ben") == 0
    assert "Late submission penalty" not in page(course, "ben")[1]
    assert [each.seconds for each in late.apply(course) if each.student == "ben"] == [0]


def test_a_submission_that_cannot_be_graded_any_more_keeps_them_too(regraded):
    course, (by_hand_before, _), _ = regraded
    [file] = (course.folder("submitted") / "ben" / ASSIGNMENT).glob("*.ipynb")
    file.write_text("{}")
    [failed] = grade.grade_class(course, [grade.Submission("ben", ASSIGNMENT)], seed=SEED)
    assert failed.problem
    assert {p for (who, _), p in points(course).items() if who == "ben"} == {0}
    assert by_hand(course) == by_hand_before
