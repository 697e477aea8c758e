"""Who is in the class: each form of roster is read, and one that cannot be meant is refused."""

import pytest

from graders import roster
from graders.course import CourseError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "Student,ID,SIS User ID,SIS Login ID,Section,Exercise 01 (5)\n"
            "    Points Possible,,,,,14\n"
            '"Lovelace, Ada",4711,s-1,ada,A,3\n',
            ("ada", "Ada", "Lovelace", "4711", "", "s-1"),
        ),
        (
            "Identifier,Full name,Email address,Status,Grade,Last modified (submission)\n"
            'Participant 12345,Ada Lovelace,ada@example.org,Submitted,-,"Friday, 20 November 2026, 1:05 PM"\n',  # noqa: E501
            ("ada@example.org", "", "", "", "12345", ""),
        ),
    ],
    ids=["Canvas", "Moodle"],
)  # fmt: skip
def test_a_roster_can_be_what_the_lms_exports(tmp_path, text, wanted):
    file = tmp_path / "roster.csv"
    file.write_text("\ufeff" + text)
    [person] = roster.read(file).people
    got = (person.student, person.first_name, person.last_name, person.canvas_id,
           person.moodle_id, person.sis_id)  # fmt: skip
    assert got == wanted


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour,size\nred,1\n", "no column says who it is"),
        ("student\nada\nada\n", "line 3: 'ada' is there already"),
        ("student\n../ada\n", "line 2: '../ada' is no name for a folder"),
        ("student\nweird[1]\n", "line 2"),
        ("student\n" + "a" * 200, "too long"),
    ],
)
def test_a_roster_that_cannot_be_meant_is_refused(tmp_path, text, says):
    (tmp_path / "roster.csv").write_text(text)
    with pytest.raises(CourseError) as raised:
        roster.read(tmp_path / "roster.csv")
    assert says in str(raised.value)


def test_a_student_is_found_by_the_surest_mark_and_never_guessed(tmp_path):
    file = tmp_path / "roster.csv"
    file.write_text(
        "student,first_name,last_name,moodle_id\nada,Ada,King,1\nada2,Ada,King,2\n"
        "a.d.a,Élan,O'Neil,3\n"
    )
    people = roster.read(file)
    assert people.find(moodle_id="2", name="Ada King") == "ada2"
    assert people.find(moodle_id="9", name="Ada King") is None, "there are two of them"
    assert people.find(name="oneilelan") == people.find(name="Élan O'Neil") == "a.d.a"
    assert people.find(student="ada") == "ada", "not a.d.a, which is written the same"
    assert people["nobody"] == roster.Person("nobody")
