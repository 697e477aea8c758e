"""Broken submissions in a class, through everything: what they get, and that nobody else notices."""

import csv

import pytest
import surgery  # noqa: F401 - more CASES
from broken import CASES, Handed
from nbgrader.api import Gradebook

import classroom
from graders import grade, tasks
from graders.intake import gradebook_name

pytestmark = pytest.mark.slow

ASSIGNMENT = "01-rank-and-shape"
FULL = sum(task.points for task in tasks.chapter("01"))
HALF = sum(classroom.expected(ASSIGNMENT, "half wrong").values())
HOW = {case.name: case.how for case in CASES}


def hand_in_broken(course, student, case, elsewhere):
    file = classroom.hand_in(course, student, ASSIGNMENT, "solved")
    elsewhere.mkdir()
    HOW[case](Handed(file, elsewhere))


def marks(course, student):
    """The scores in the gradebook, and whether a person is asked to look at each."""
    with Gradebook(course.directory.db_url) as gradebook:
        submission = gradebook.find_submission(ASSIGNMENT, gradebook_name(student))
        return {(each.score, each.needs_manual_grade) for each in submission.notebooks[0].grades}


def rows(file):
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


BROKEN = {
    "deep_json": 0,
    "notebook_is_a_pipe_that_nobody_writes_to": 0,
    "notebook_is_a_link_to_a_device_without_an_end": 0,
    "format_3": FULL,
    "checks_before_answers": FULL,
    "points_edited": FULL - 3,
    "cell_with_a_grade_of_its_own": FULL,
    "checks_replaced_by_points": 0,
    "kinds_edited": FULL,
    "a_tool_stripped_the_metadata_and_the_ids": FULL,
}
"""Cases of broken.py and surgery.py, and what they deserve from the course's own checks."""
NAMES = ("<img src=x onerror=alert(1)>", "[", "*", "=1+1")
"""Students' folders that are more than names."""


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class in which all went wrong but for two students, the first and the last."""
    course = classroom.new_course(tmp_path_factory.mktemp("course"))
    classroom.hand_in(course, "ada", ASSIGNMENT, "solved")
    classroom.hand_in(course, "zoe", ASSIGNMENT, "half wrong")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for case in BROKEN:
        hand_in_broken(course, case, case, elsewhere / case)
    hand_in_broken(course, "answer_of_megabytes", "answer_of_megabytes", elsewhere / "long")
    for name in NAMES:
        classroom.hand_in(course, name, ASSIGNMENT, "solved")
    submitted = course.folder("submitted")
    (submitted / "linked").symlink_to(submitted / "ada")
    (submitted / "nowhere").mkdir()
    (submitted / "nowhere" / ASSIGNMENT).symlink_to("/nowhere/at/all")
    (submitted / "ada.zip").touch()
    grades = grade.grade_class(course, grade.submissions(course), seed="intake")
    return course, {each.submission.student: each for each in grades}


@pytest.mark.parametrize("case", BROKEN)
def test_every_broken_submission_gets_what_it_deserves(graded, case):
    course, grades = graded
    assert grades[case].total == BROKEN[case]
    refused = bool(grades[case].problem)
    assert {manual for _, manual in marks(course, case)} == {refused}
    page = course.folder("feedback") / case / ASSIGNMENT / "rank-and-shape.html"
    assert ("Not graded" in page.read_text(encoding="utf-8")) is refused
    assert (course.folder("autograded") / case / ASSIGNMENT / "rank-and-shape.ipynb").exists()


def test_an_answer_that_cannot_be_read_is_for_a_person_to_look_at(graded):
    course, grades = graded
    assert (grades["answer_of_megabytes"].problem, grades["answer_of_megabytes"].total) == (
        "",
        FULL - 1,
    )
    assert {mark for mark in marks(course, "answer_of_megabytes") if mark[1]} == {(0, True)}


def test_the_others_get_what_they_would_have_got(graded):
    course, grades = graded
    for student, points in (("ada", FULL), ("zoe", HALF)):
        assert (grades[student].problem, grades[student].notes) == ("", ())
        assert grades[student].total == points
        assert not any(manual for _, manual in marks(course, student))


@pytest.mark.parametrize("student", [*NAMES, "linked", "nowhere"])
def test_a_folder_that_is_none_gets_no_points_and_a_reason(graded, student):
    course, grades = graded
    assert "folder" in grades[student].problem
    assert marks(course, student) == {(0, True)}
    assert not (course.folder("intake") / student / ASSIGNMENT / "rank-and-shape.ipynb").exists()


def test_reasons_and_notes_are_written_down(graded):
    course, grades = graded
    problems = {row["student"]: row["problem"] for row in rows(course.grading / "problems.csv")}
    assert set(problems) == {gradebook_name(s) for s, each in grades.items() if each.problem}
    assert len(problems) == 3 + len(NAMES) + 2
    notes = rows(course.grading / "notes.csv")
    assert {row["student"] for row in notes} == {s for s, each in grades.items() if each.notes}
    assert [row["note"] for row in notes if row["student"] == "points_edited"] == [
        "check-shape-of: points is 100, and 3 in the assignment"
    ]
    assert not [row for row in notes if row["student"][0] in "=+-@" or row["note"][0] in "=+-@"]
    assert "grading/submitted/ada.zip" in grade.strangers(course)


def test_the_gradebook_has_no_name_that_does_harm_in_a_page(graded):
    course, _ = graded
    with Gradebook(course.directory.db_url) as gradebook:
        ids = [student.id for student in gradebook.students]
    assert "%3Cimg src%3Dx onerror%3Dalert%281%29%3E" in ids
    assert not [each for each in ids if set(each) & set("<>&\"'=\n")]


def test_feedback_alone_does_not_take_a_name_for_a_pattern(graded):
    course, _ = graded
    failed = grade.feedback(course, [grade.Submission("*", ASSIGNMENT)])
    assert "one of * ? [ in its name" in failed[grade.Submission("*", ASSIGNMENT)]


def test_one_of_three_is_broken(tmp_path):
    course = classroom.new_course(tmp_path)
    classroom.hand_in(course, "ada", ASSIGNMENT, "solved")
    hand_in_broken(course, "ben", "students_folder_is_a_link", tmp_path / "elsewhere")
    classroom.hand_in(course, "cleo", ASSIGNMENT, "half wrong")
    ada, ben, cleo = grade.grade_class(course, grade.submissions(course, ASSIGNMENT))
    assert (ada.total, ben.total, cleo.total) == (FULL, 0, HALF)
    assert (ada.problem, cleo.problem) == ("", "")
    assert ben.problem == "the student's folder is a symbolic link, and is not opened"
    assert marks(course, "ben") == {(0, True)}


def test_what_is_put_where_nbgrader_looks_is_rebuilt_too(graded):
    """formgrader's Autograde button and nbgrader's own commands call what this calls."""
    course, _ = graded
    student = "past the gate"
    hand_in_broken(course, student, "points_edited", course.root / "elsewhere")
    (course.folder("submitted") / student).rename(course.folder("intake") / student)
    result = course.api.autograde(ASSIGNMENT, student)
    assert result["success"], result
    with Gradebook(course.directory.db_url) as gradebook:
        assert gradebook.find_submission(ASSIGNMENT, student).score == FULL - 3
    assert "check-shape-of: points is 100, and 3 in the assignment" in result["log"]
