"""What a learner and an instructor see of a submission that could not be graded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
import surgery  # noqa: F401 - more CASES
from broken import CASES
from nbconvert.filters import markdown2html
from nbgrader.api import Gradebook

import classroom
from graders import grade, refused
from graders.intake import check_name, gradebook_name
from graders.rebuild import Refused

ASSIGNMENT, NOTEBOOK = "01-rank-and-shape", "rank-and-shape"
FILE = f"{NOTEBOOK}.ipynb"
PAYLOAD = "<img src=x onerror='window.__owned=1'> [x](javascript:alert(1)) ``` $$\\href{javascript:a}{b}$$"
REASON = f"{FILE}: it does not appear to be JSON: Expecting value: line 1 column 1 (char 0)"
NAMES = ("<img src=x onerror=alert(1)>", "a*")
"""Students' folders that are more than names."""
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A course that is graded: zoe's work is half wrong, and nothing of the others' can be graded."""
    course = classroom.new_course(tmp_path_factory.mktemp("course"))
    classroom.hand_in(course, "zoe", ASSIGNMENT, "half wrong")
    for student in ("ada", *NAMES):
        file = classroom.hand_in(course, student, ASSIGNMENT, "solved")
        if student == "ada":
            file.write_text("<p>")
    grades = grade.grade_class(course, grade.submissions(course), seed="refused")
    problems = {each.submission.student for each in grades if each.problem}
    assert problems == {"ada", *NAMES}
    return course


def released(course: Any) -> dict[str, str]:
    folder = course.grading / "release" / ASSIGNMENT
    return {FILE: (folder / FILE).read_text(encoding="utf-8")}


def page_of(course: Any, student: str) -> Any:
    return course.folder("feedback") / gradebook_name(student) / ASSIGNMENT / f"{NOTEBOOK}.html"


def reasons() -> Iterator[Any]:
    """What the gate says of each submission that it refuses, as the gate's own tests have it."""
    for case in CASES:
        if case.points is None:
            yield pytest.param(case.says[0], id=case.name)
    for name in ("*", "a[b", "<img>", " x", "x" * 200):
        try:
            check_name(name)
        except Refused as error:
            yield pytest.param(str(error), id=f"folder {name[:10]!r}")


@pytest.mark.parametrize("reason", list(reasons()))
def test_every_reason_of_the_gate_is_told_with_what_to_do(reason: str) -> None:
    text = refused.explanation(reason, [FILE])
    assert reason in text and refused.UNKNOWN not in text
    advice = text.partition("**What to do.** ")[2]
    assert "{" not in advice and len(advice.split()) > 8
    assert FILE in advice or "tell this to whoever" in advice


def test_there_are_reasons_of_all_kinds() -> None:
    given = [param.values[0] for param in reasons()]
    matched = [next(i for i, (rule, _) in enumerate(refused.ADVICE) if re.search(rule, reason))
               for reason in given]  # fmt: skip
    assert set(matched) == set(range(len(refused.ADVICE))), "each advice is given to somebody"


def test_what_is_for_the_instructor_is_not_told() -> None:
    for problem in (
        "KeyError: 'check-rank-of'",
        "cannot be taken in: OSError: [Errno 5] /srv/course/grading/secret",
        "the assignment itself: no such file /srv/course/solutions/01",
    ):
        text = refused.explanation(problem, [FILE])
        assert "/srv" not in text and "Error" not in text and "check-rank-of" not in text
        assert refused.UNKNOWN in text and "has been told" in text


def test_a_reason_that_repeats_what_was_handed_in_only_shows_it() -> None:
    reason = f"{FILE} is not there; the folder holds {PAYLOAD}"
    html = markdown2html(refused.explanation(reason, [FILE]))
    assert "&lt;img src=x onerror=" in html and "[x](javascript:alert(1))" in html
    assert not re.search(r"<(img|script)\b", html)
    assert re.findall(r'href="([^"]*)"', html) == ["#Not-graded"], "the heading's own"
    assert re.search(r"<pre><code>[^<]*\$\$\\href[^<]*</code></pre>", html), "no formula either"


def test_the_notebook_holds_every_cell_with_points_and_no_answer(course: Any) -> None:
    made = nbformat.reads(refused.notebooks(released(course), REASON)[FILE], as_version=4)
    nbformat.validate(made)
    own = nbformat.reads(released(course)[FILE], as_version=4)
    facts = {c.id: c.metadata.nbgrader for c in own.cells if "nbgrader" in c.metadata}
    wanted = {key for key, each in facts.items() if each.grade or each.solution}
    assert made.cells[0].cell_type == "markdown" and "nbgrader" not in made.cells[0].metadata
    assert REASON in made.cells[0].source
    assert {cell.id for cell in made.cells[1:]} == wanted
    for cell in made.cells[1:]:
        assert cell.metadata.nbgrader == facts[cell.id]
        assert cell.outputs == [] and cell.execution_count is None
        graded = cell.metadata.nbgrader.grade
        assert (
            cell.source.startswith('check("') if graded else cell.source == f"# {refused.NOT_READ}"
        )


def test_a_learner_gets_a_page_and_an_instructor_a_place_for_points(course: Any) -> None:
    html = page_of(course, "ada").read_text(encoding="utf-8")
    assert "Not graded" in html and "What to do." in html and "does not appear to be JSON" in html
    assert "Score: 0.0 / 14.0" in html
    [row] = [each for each in course.api.get_notebook_submissions(ASSIGNMENT, NOTEBOOK)
             if each["student"] == "ada"]  # fmt: skip
    assert row["needs_manual_grade"] and row["score"] == 0
    indices = course.api.get_notebook_submission_indices(ASSIGNMENT, NOTEBOOK)
    assert row["id"] in indices, "formgrader shows it, and leads to it from its neighbours"

    with Gradebook(course.directory.db_url) as gradebook:
        stored = gradebook.find_grade("check-rank-of", NOTEBOOK, ASSIGNMENT, "ada")
        stored.manual_score = 2
        comment = gradebook.find_comment("answer-rank-of", NOTEBOOK, ASSIGNMENT, "ada")
        comment.manual_comment = "Seen on paper."
        gradebook.db.commit()
    assert grade.feedback(course, [grade.Submission("ada", ASSIGNMENT)]) == {}
    html = page_of(course, "ada").read_text(encoding="utf-8")
    assert "Seen on paper." in html and "Score: 2.0 / 14.0" in html and "Not graded" in html


def test_a_folder_whose_name_is_none_is_listed_under_one_that_does_no_harm(course: Any) -> None:
    html, pattern = (page_of(course, name) for name in NAMES)
    assert "Nothing is wrong with your notebook." in html.read_text(encoding="utf-8")
    assert not set("<>&=") & set(str(html.relative_to(course.root)))
    assert not pattern.exists(), "nbgrader would take its folder for everybody's"
    listed = course.api.get_notebook_submission_indices(ASSIGNMENT, NOTEBOOK)
    assert len(listed) == 3


def test_who_was_graded_has_the_page_of_what_was_handed_in(course: Any) -> None:
    html = page_of(course, "zoe").read_text(encoding="utf-8")
    assert "Not graded" not in html and "tx-report" in html


@pytest.mark.slow
def test_what_is_handed_in_anew_takes_its_place_and_gives_it_back(course: Any) -> None:
    student = "ben"
    file = classroom.hand_in(course, student, ASSIGNMENT, "solved")
    whole = file.read_bytes()
    for data, refusal in ((b"", True), (whole, False), (whole[:99], True)):
        file.write_bytes(data)
        [graded] = grade.grade_class(course, [grade.Submission(student, ASSIGNMENT)])
        assert bool(graded.problem) is refusal and graded.total == (0 if refusal else 14)
        html = page_of(course, student).read_text(encoding="utf-8")
        assert ("Not graded" in html) is refusal and ("tx-report" in html) is not refusal
        notebook = course.folder("autograded") / student / ASSIGNMENT
        assert [each.name for each in notebook.iterdir()] == [FILE]
        assert ("not-graded" in (notebook / FILE).read_text()) is refusal
