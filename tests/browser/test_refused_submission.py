"""A submission that could not be graded, in a real Chromium: formgrader lists it, and says why.

What was handed in is a page of HTML under a name that is HTML, too; the reason repeats the name. Nothing of
it runs, and no page leads to the file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_driver import LabDriver

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENT, NOTEBOOK = "01-rank-and-shape", "rank-and-shape"
OWN = "window.__owned=1"
NAME = f"<img src=x onerror={OWN}>[a](javascript:{OWN})$x$<script>"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning"),
]


@pytest.fixture(scope="module")
def refused_one(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A JupyterLab with formgrader, in a course with one submission that is graded and one that is not."""
    sys.path.insert(0, str(ROOT / "graders" / "instructor"))
    import classroom
    from graders.grade import grade_class, submissions

    driver = LabDriver(chromium_path, tmp_path_factory.mktemp("refused"))
    driver.root.mkdir()
    course = classroom.new_course(driver.root)
    classroom.hand_in(course, "ada", ASSIGNMENT, "solved")
    file = classroom.hand_in(course, "mallory", ASSIGNMENT, "solved")
    file.unlink()
    (file.parent / NAME).write_text(f"<script>{OWN}</script>")
    ada, mallory = grade_class(course, submissions(course))
    assert not ada.problem and OWN in mallory.problem
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(driver.root)
        with driver:
            yield driver, course


def assert_only_told(driver: LabDriver) -> None:
    """The reason and the advice are there to be read, and nothing ran or leads to the file."""
    driver.page.wait_for_load_state("load")
    shown = driver.page.locator("#notebook-container").first
    text = shown.inner_text()
    assert "Not graded" in text and "What to do." in text
    assert f"the folder holds {NAME}" in text
    assert driver.page.evaluate("window.__owned") is None
    assert shown.locator("script, img, iframe, [onerror], a[href^='javascript']").count() == 0
    links = driver.page.evaluate(
        "() => [...document.links].map(each => decodeURIComponent(each.href))"
    )
    assert not [
        link for link in links if NAME in link or "/submitted/" in link or "/intake/" in link
    ]


def test_the_learners_page_says_why_and_what_to_do(refused_one: Any) -> None:
    driver, course = refused_one
    [page] = (course.folder("feedback") / "mallory").rglob("*.html")
    driver.page.goto(page.as_uri())
    assert_only_told(driver)
    assert "Score: 0.0 / 14.0" in driver.page.locator(".panel-heading").first.inner_text()
    driver.screenshot("refused-feedback")


def test_formgrader_lists_it_and_shows_the_reason_and_takes_points(refused_one: Any) -> None:
    driver, course = refused_one
    driver.page.goto(f"http://127.0.0.1:{driver.port}/formgrader/gradebook/{ASSIGNMENT}/{NOTEBOOK}")
    driver.until("() => document.querySelectorAll('table tbody tr td:nth-child(2)').length > 0")
    rows = driver.page.locator("table tbody tr")
    assert rows.count() == 2, "the graded one and the other"
    waits = driver.page.locator("table tbody tr:has(.glyphicon-ok)")
    assert waits.count() == 1, "one of them waits for a person"
    waits.locator("a").first.click()
    driver.page.locator("input.score").first.wait_for()
    assert_only_told(driver)
    driver.screenshot("refused-formgrader")
    assert driver.page.locator("input.score").count() == 6
    points = driver.page.locator("input.score#check-rank-of")
    points.fill("2")
    with driver.page.expect_response(lambda answer: "/api/grade/" in answer.url) as saved:
        points.blur()
    assert saved.value.finished() is None and saved.value.ok
    driver.page.locator(".score-saved:visible").first.wait_for()
    from nbgrader.api import Gradebook

    with Gradebook(course.directory.db_url) as gradebook:
        grade = gradebook.find_grade("check-rank-of", NOTEBOOK, ASSIGNMENT, "mallory")
        assert (grade.manual_score, grade.score) == (2, 2)
