"""What the class's own writer leaves is what nbgrader's own converters leave: rows, notebooks, pages."""

import os
import shutil
import threading

import nbformat
import pytest
from nbgrader.api import Gradebook
from sqlalchemy import text

import classroom
from graders import grade, work
from graders.course import CourseError
from graders.gradebook import Book
from graders.late import RECEIVED

ASSIGNMENTS = ("01-rank-and-shape", "05-tracing", "09-the-keras-way")
SEED = "the same inputs"
LOUD = 'print("<script>1</script>", "x" * 5000)\nraise ValueError("a " * 300)'
ROWS = """
select s.student_id, a.name, b.name, g.auto_score, g.manual_score, g.extra_credit, g.needs_manual_grade,
       n.late_submission_penalty, s.timestamp
from grade g join submitted_notebook n on g.notebook_id = n.id
             join submitted_assignment s on n.assignment_id = s.id
             join assignment a on a.id = s.assignment_id join base_cell b on b.id = g.cell_id
"""
COMMENTS = """
select s.student_id, a.name, b.name, c.auto_comment, c.manual_comment
from comment c join submitted_notebook n on c.notebook_id = n.id
               join submitted_assignment s on n.assignment_id = s.id
               join assignment a on a.id = s.assignment_id join base_cell b on b.id = c.cell_id
"""

pytestmark = pytest.mark.usefixtures("unsafe_where_there_is_no_sandbox")


def rows(course):
    """Every grade and every comment, by name."""
    with Gradebook(course.directory.db_url) as gradebook:
        return [sorted(map(tuple, gradebook.db.execute(text(sql)))) for sql in (ROWS, COMMENTS)]


def files(course, step):
    folder = course.folder(step)
    return {
        str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_mode)
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def course(tmp_path_factory, unsafe_where_there_is_no_sandbox):
    """Three students: one right, one half wrong, late and loud, one blank and with a mark by hand."""
    course = classroom.new_course(tmp_path_factory.mktemp("course"))
    for name in ASSIGNMENTS:
        for student, kind in (("ada", "solved"), ("ben", "half wrong"), ("cleo", "blank")):
            file = classroom.hand_in(course, student, name, kind)
            if student == "ben":
                notebook = nbformat.read(file, as_version=4)
                notebook.cells.append(nbformat.v4.new_code_cell(LOUD, id="loud"))
                nbformat.write(notebook, file)
    course.grading.mkdir(exist_ok=True)
    (course.grading / "deadlines.toml").write_text(
        f'[{ASSIGNMENTS[0]}]\ndue = "2026-12-01 12:00"\npolicy = "percent"\npercent_a_day = 10\n'
    )
    (course.grading / RECEIVED).write_text(
        f"student,assignment,timestamp\nben,{ASSIGNMENTS[0]},2026-12-02 08:00\n"
    )
    grade.grade_class(course, grade.submissions(course), seed=SEED)
    with Gradebook(course.directory.db_url) as gradebook:
        mark = gradebook.find_grade("check-rank-of", "rank-and-shape", ASSIGNMENTS[0], "cleo")
        mark.manual_score, mark.needs_manual_grade = 1.5, False
        comment = gradebook.find_comment("answer-rank-of", "rank-and-shape", ASSIGNMENTS[0], "cleo")
        comment.manual_comment = "Nearly."
        gradebook.db.commit()
    done = grade.grade_class(course, grade.submissions(course), seed=SEED)
    assert not [each.problem for each in done if each.problem]
    return course


def test_rows_notebooks_and_pages_are_those_of_nbgraders_own_converters(course, monkeypatch):
    ours = rows(course), files(course, "autograded"), files(course, "feedback")
    assert len(ours[0][0]) > 40 and len(ours[1]) == len(ours[2]) == 9
    assert {row[7] for row in ours[0][0]} > {None}  # ben's penalty
    for step in ("autograded", "feedback"):
        shutil.rmtree(course.folder(step))
    with Gradebook(course.directory.db_url) as gradebook:
        gradebook.db.execute(text("update grade set auto_score = 7, needs_manual_grade = true"))
        gradebook.db.execute(text("update comment set auto_comment = 'to be replaced'"))
        gradebook.db.execute(text("update submitted_notebook set late_submission_penalty = 3"))
        gradebook.db.commit()
    monkeypatch.setenv("GRADERS_SEED", SEED)
    course.config.SandboxedExecute.unsafe = bool(os.environ.get("GRADERS_UNSAFE"))
    for each in grade.submissions(course):
        for part in (course.api.autograde, course.api.generate_feedback):
            assert part(each.assignment, each.student, force=True)["success"]
    theirs = rows(course), files(course, "autograded"), files(course, "feedback")
    assert ours[0] == theirs[0]
    for own, other in zip(ours[1:], theirs[1:], strict=True):
        assert own.keys() == other.keys()
        assert [name for name in own if own[name] != other[name]] == []


def test_the_feedback_command_writes_the_same_pages_again(course):
    before = files(course, "feedback")
    shutil.rmtree(course.folder("feedback"))
    told = []
    assert grade.feedback(course, grade.submissions(course), lambda: told.append(1)) == {}
    assert files(course, "feedback") == before and len(told) == 9


def test_only_one_may_grade_a_course_at_a_time(course):
    with grade._alone(course), pytest.raises(CourseError, match="being graded already"):
        grade.grade_class(course, grade.submissions(course), seed=SEED)


def test_somebody_who_writes_into_the_gradebook_is_waited_for(course):
    """formgrader may hold SQLite's lock; nobody's points get lost by that."""
    [each] = [each for each in grade.submissions(course) if str(each) == "ada, 05-tracing"]
    with Book(course) as book, Gradebook(course.directory.db_url) as other:
        other.db.execute(text("update comment set manual_comment = manual_comment"))  # takes it
        writer = threading.Thread(target=book.page_written, args=(each.student, each.assignment))
        writer.start()
        writer.join(0.5)
        assert writer.is_alive()
        other.db.commit()
        writer.join(30)
        assert not writer.is_alive()


def test_an_outcome_is_written_whole_or_not_at_all(course, monkeypatch):
    before = rows(course)
    [each] = [each for each in grade.submissions(course) if str(each) == "ada, 05-tracing"]
    wrong = work.Outcome(notebooks={"tracing.ipynb": work.Marked("", "", {"check-trace": 1.0}, {})})
    with Book(course) as book:
        with pytest.raises(KeyError):
            book.record(each.student, each.assignment, "digest", wrong)
        assert book.journal() == {}
    assert rows(course) == before
