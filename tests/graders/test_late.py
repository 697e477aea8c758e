"""Late work: what the file of deadlines says, what comes of it, and whose clock counts."""

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from nbgrader.api import Gradebook
from traitlets.config import Config
from typer.testing import CliRunner

from graders import cli, late
from graders.course import CONFIG, Course, CourseError
from graders.late import Deadline

ASSIGNMENT = "01-rank-and-shape"
DAY = 86400

FILE = f"""
time_zone = "Europe/Zurich"

[{ASSIGNMENT}]
due = "2026-12-01 23:59"
grace_minutes = 15
policy = "percent"
percent_a_day = 10
floor = 50
zero_after_days = 14

[{ASSIGNMENT}.extensions]
ben = 3
cleo = "2026-12-10 12:00"
"""
DUE = datetime(2026, 12, 1, 22, 59, tzinfo=UTC)  # Zurich is one hour ahead in winter


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A course whose gradebook holds four submissions of 10 points, as grading leaves them."""
    root = tmp_path_factory.mktemp("graded")
    here = Course()
    shutil.copy(here.root / CONFIG, root / CONFIG)
    shutil.copytree(here.folder("source"), root / "solutions")
    course = Course(root)
    with Gradebook(course.directory.db_url, course.directory.course_id) as gradebook:
        gradebook.add_assignment(ASSIGNMENT)
        gradebook.add_notebook("rank-and-shape", ASSIGNMENT)
        gradebook.add_grade_cell(
            "check-a", "rank-and-shape", ASSIGNMENT, max_score=20, cell_type="code"
        )
        for student in ("ada", "ben", "cleo", "dan"):
            gradebook.add_student(student)
            gradebook.add_submission(ASSIGNMENT, student)
            grade = gradebook.find_grade("check-a", "rank-and-shape", ASSIGNMENT, student)
            grade.auto_score = 10
        gradebook.db.commit()
    return root


@pytest.fixture
def course(graded, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(graded, root)
    (root / "grading" / "deadlines.toml").write_text(FILE)
    return Course(root)


def received(course, **times):
    lines = [f"{student},{ASSIGNMENT},{when.isoformat()}" for student, when in times.items()]
    text = "\n".join(["student,assignment,timestamp", *lines, ""])
    (course.grading / "received.csv").write_text(text)


def penalties(course):
    with Gradebook(course.directory.db_url) as gradebook:
        return {
            each.student.id: each.late_submission_penalty
            for each in gradebook.find_assignment(ASSIGNMENT).submissions
        }


PERCENT = Deadline(policy="percent", percent_a_day=10, floor=50, zero_after_days=14,
                   grace=timedelta(minutes=15))  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "lost"),
    [
        (0, 0), (15 * 60, 0),  # in time; within the grace
        (15 * 60 + 1, 1), (DAY, 1),  # the first day has begun; it is not over
        (DAY + 1, 2), (4.5 * DAY, 5), (5 * DAY, 5),
        (9 * DAY, 5), (14 * DAY, 5),  # the floor
        (14 * DAY + 1, 10), (400 * DAY, 10),
    ],
)  # fmt: skip
def test_every_day_that_has_begun_costs_down_to_the_floor_and_then_all(seconds, lost):
    assert PERCENT.penalty(10, seconds) == pytest.approx(lost)


@pytest.mark.parametrize(
    ("deadline", "seconds", "lost"),
    [
        (Deadline(), 99 * DAY, 0),
        (Deadline(policy="none", percent_a_day=50), 99 * DAY, 0),
        (Deadline(policy="zero", zero_after_days=0), 1, 7),
        (Deadline(policy="zero", zero_after_days=0), 0, 0),
        (Deadline(policy="zero", zero_after_days=2), 2 * DAY, 0),
        (Deadline(policy="zero", zero_after_days=2), 2 * DAY + 1, 7),
        (Deadline(policy="percent", percent_a_day=40), 3 * DAY, 7),
    ],
)
def test_each_policy(deadline, seconds, lost):
    assert deadline.penalty(7, seconds) == pytest.approx(lost)


def test_the_file_says_when_and_for_whom(course):
    deadline = late.deadlines(course.root)[ASSIGNMENT]
    assert deadline.due == DUE
    assert deadline.grace == timedelta(minutes=15)
    assert deadline.extensions == {
        "ben": timedelta(days=3),
        "cleo": datetime(2026, 12, 10, 11, 0, tzinfo=UTC) - DUE,
    }


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ('"2026-07-01 12:00"', datetime(2026, 7, 1, 10, 0, tzinfo=UTC)),  # summer
        ("2026-07-01T12:00:00", datetime(2026, 7, 1, 10, 0, tzinfo=UTC)),
        ("2026-07-01T12:00:00Z", datetime(2026, 7, 1, 12, 0, tzinfo=UTC)),
        ('"2026-07-01 12:00-05:00"', datetime(2026, 7, 1, 17, 0, tzinfo=UTC)),
        # 2:30 came twice that night; the later one is meant
        ('"2026-10-25 02:30"', datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
    ],
)
def test_times_are_in_the_time_zone_of_the_course_unless_they_say_otherwise(course, text, when):
    file = course.grading / "deadlines.toml"
    file.write_text(f'time_zone = "Europe/Zurich"\n[{ASSIGNMENT}]\ndue = {text}\n')
    assert late.deadlines(course.root)[ASSIGNMENT].due == when


def test_days_of_an_extension_end_at_the_same_time_of_day(course):
    """In the night to 25 October 2026 Zurich's clocks were put back: that day had 25 hours."""
    file = course.grading / "deadlines.toml"
    table = f'[{ASSIGNMENT}]\ndue = "2026-10-24 12:00"\nextensions.ada = 1\nextensions.ben = 0.5\n'
    file.write_text('time_zone = "Europe/Zurich"\n' + table)
    extensions = late.deadlines(course.root)[ASSIGNMENT].extensions
    assert extensions == {"ada": timedelta(hours=25), "ben": timedelta(hours=12)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("due = ", "deadlines.toml: "),
        ('[77-none]\ndue = "2026-12-01 23:59"', "77-none is none of the assignments"),
        (f'[{ASSIGNMENT}]\ndue = "2026-12-01"', "has no time of day"),
        (f"[{ASSIGNMENT}]\ndue = 2026-12-01", "no date with a time of day"),
        (f'[{ASSIGNMENT}]\ndue = "tomorrow at noon"', f"[{ASSIGNMENT}]"),
        (f'[{ASSIGNMENT}]\ndeu = "2026-12-01 23:59"', "deu is none of"),
        (f'[{ASSIGNMENT}]\npolicy = "zero"', "there is no due"),
        (f'[{ASSIGNMENT}]\ndue = "2026-12-01 23:59"\npolicy = "half"', "policy is 'half'"),
        (f'[{ASSIGNMENT}]\ndue = "2026-12-01 23:59"\npolicy = "percent"', "needs percent_a_day"),
        (f'[{ASSIGNMENT}]\ndue = "2026-12-01 23:59"\nfloor = 120', "from 0 to 100"),
        (f'[{ASSIGNMENT}]\ndue = "2026-12-01 23:59"\ngrace_minutes = true', "grace_minutes is True"),
        (f'[{ASSIGNMENT}]\ndue = "2026-12-01 23:59"\nextensions.ada = "2026-11-01 12:00"',
         "the extension of ada ends before"),
        ('time_zone = "Mars/Olympus"', "is no time zone"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_meant_is_refused_with_its_place(course, text, says):
    (course.grading / "deadlines.toml").write_text(text)
    with pytest.raises(CourseError) as raised:
        late.deadlines(course.root, course.assignments())
    assert says in str(raised.value)


def test_due_dates_extensions_and_penalties_go_into_the_gradebook(course):
    hour = timedelta(hours=1)
    received(course, ada=DUE + hour, ben=DUE + 72 * hour, cleo=DUE + 250 * hour)
    found = {each.student: each for each in late.apply(course)}
    assert penalties(course) == {"ada": 1, "ben": 0, "cleo": pytest.approx(2), "dan": 0}
    assert found["ada"].seconds == 3600 and found["ada"].due == DUE
    assert found["ben"].seconds == 0 and found["ben"].due == DUE + timedelta(days=3)
    assert found["dan"].received is None and found["dan"].seconds == 0
    with Gradebook(course.directory.db_url) as gradebook:
        assert gradebook.find_assignment(ASSIGNMENT).duedate == DUE.replace(tzinfo=None)
        ada = gradebook.find_submission(ASSIGNMENT, "ada")
        assert ada.timestamp == (DUE + hour).replace(tzinfo=None)


def test_an_extension_that_is_given_later_takes_the_penalty_back(course):
    received(course, ada=DUE + timedelta(days=2))
    late.apply(course)
    assert penalties(course)["ada"] == 2
    file = course.grading / "deadlines.toml"
    file.write_text(FILE + "ada = 7\n")
    late.apply(course)
    assert penalties(course)["ada"] == 0
    file.write_text(FILE)
    late.apply(course)
    assert penalties(course)["ada"] == 2


def test_a_score_that_is_changed_by_hand_changes_the_penalty(course):
    received(course, ada=DUE + timedelta(days=2))
    late.apply(course)
    with Gradebook(course.directory.db_url) as gradebook:
        gradebook.find_grade("check-a", "rank-and-shape", ASSIGNMENT, "ada").manual_score = 20
        gradebook.db.commit()
    late.apply(course)
    assert penalties(course)["ada"] == 4


def test_without_the_file_formgraders_due_date_stays_and_nothing_is_taken_off(course):
    (course.grading / "deadlines.toml").unlink()
    received(course, ada=DUE + timedelta(days=2))
    with Gradebook(course.directory.db_url) as gradebook:
        gradebook.find_assignment(ASSIGNMENT).duedate = DUE.replace(tzinfo=None)
        gradebook.db.commit()
    found = {each.student: each for each in late.apply(course)}
    assert found["ada"].seconds == 2 * DAY and found["ada"].penalty == 0
    assert penalties(course)["ada"] == 0


def as_nbgrader_asks(course, student):
    """What nbgrader's step does with a submission, the notebook itself aside."""
    from nbformat.v4 import new_notebook
    from nbgrader.preprocessors import AssignLatePenalties

    step = AssignLatePenalties(config=Config(course.config))
    resources = {"nbgrader": {"notebook": "rank-and-shape", "assignment": ASSIGNMENT,
                              "student": student, "db_url": course.directory.db_url}}  # fmt: skip
    step.preprocess(new_notebook(), resources)
    return step


def test_nbgraders_own_step_asks_the_policy_of_the_course(course):
    """The one line in nbgrader_config.py that names it is there."""
    received(course, ada=DUE + timedelta(hours=1), ben=DUE + timedelta(days=4))
    for student in ("ada", "ben", "cleo", "dan"):
        step = as_nbgrader_asks(course, student)
        assert step.plugin_class is late.Policy
    assert penalties(course) == {"ada": 1, "ben": 1, "cleo": 0, "dan": 0}


def test_a_time_that_a_student_wrote_does_not_count(course):
    """nbgrader took a timestamp out of the student's folder: the receipt replaces it."""
    received(course, ada=DUE + timedelta(days=2))
    with Gradebook(course.directory.db_url) as gradebook:
        for student in ("ada", "dan"):
            gradebook.update_or_create_submission(
                ASSIGNMENT, student, timestamp="1999-01-01 00:00:00 UTC"
            )
    as_nbgrader_asks(course, "ada")
    as_nbgrader_asks(course, "dan")
    assert penalties(course)["ada"] == 2
    with Gradebook(course.directory.db_url) as gradebook:
        assert gradebook.find_submission(ASSIGNMENT, "dan").timestamp is None


def test_the_command_lists_who_is_late(course, monkeypatch):
    received(course, ada=DUE + timedelta(hours=12), ben=DUE)
    monkeypatch.chdir(course.root)
    runner = CliRunner(env={"COLUMNS": "150"})
    done = runner.invoke(cli.app, ["late", "01"])
    assert done.exit_code == 0, done.output
    [row] = [line for line in done.output.splitlines() if "ada" in line]
    assert "0.50 days" in row and "-1" in row and "2026-12-01 22:59 UTC" in row
    assert "1 of 4 submissions are late" in done.output and "2 have no time" in done.output
    (course.grading / "deadlines.toml").write_text("[77]\n")
    done = runner.invoke(cli.app, ["late"])
    assert done.exit_code == cli.UNUSABLE and "77 is none of the assignments" in done.output


def test_a_file_that_cannot_be_meant_stops_the_grading_before_it_begins(course, monkeypatch):
    (course.folder("submitted") / "ada" / ASSIGNMENT).mkdir(parents=True)
    monkeypatch.chdir(course.root)
    for name, text in (("deadlines.toml", "[77]\n"), ("received.csv", "a,b\n1,2\n")):
        file = course.grading / name
        before = file.read_text() if file.exists() else ""
        file.write_text(text)
        done = CliRunner().invoke(cli.app, ["grade"])
        assert done.exit_code == cli.UNUSABLE and name in done.output
        assert not course.folder("autograded").exists()
        file.write_text(before)


def test_a_receipt_that_is_corrected_counts_at_once(course):
    received(course, ada=DUE)
    assert late.receipts(course.root)["ada", ASSIGNMENT] == DUE
    received(course, ada=DUE + timedelta(days=1, hours=1), ben=DUE)
    assert late.receipts(course.root)["ada", ASSIGNMENT] == DUE + timedelta(days=1, hours=1)


def test_the_command_runs_as_a_process(course):
    received(course, ada=DUE + timedelta(hours=12))
    done = subprocess.run(
        [sys.executable, "-m", "graders.cli", "late"],
        cwd=course.root, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert penalties(course)["ada"] == 1
