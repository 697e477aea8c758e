"""formgrader in a real Chromium: three students' scores, as the gradebook has them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_driver import LabDriver

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENT = "01-rank-and-shape"
NOTEBOOK = "rank-and-shape"
KINDS = {"ada": "solved", "ben": "half wrong", "cleo": "blank"}
FULL, HALF = 14, 11

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def formgrader(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabDriver]:
    """JupyterLab, started in the folder of a course in which three submissions are graded."""
    sys.path.insert(0, str(ROOT / "graders" / "instructor"))
    import classroom
    from graders.grade import grade_class, submissions

    driver = LabDriver(chromium_path, tmp_path_factory.mktemp("formgrader"))
    driver.root.mkdir()
    course = classroom.new_course(driver.root)
    for student, kind in KINDS.items():
        classroom.hand_in(course, student, ASSIGNMENT, kind)
    assert not [each.problem for each in grade_class(course, submissions(course)) if each.problem]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(driver.root)  # nbgrader reads the configuration of the folder it starts in
        with driver:
            yield driver


def show(driver: LabDriver, path: str) -> None:
    driver.page.goto(f"http://127.0.0.1:{driver.port}/formgrader/{path}")


def rows(driver: LabDriver) -> list[list[str]]:
    """The cells of formgrader's table, once it has been filled."""
    driver.until("() => document.querySelectorAll('table tbody tr td:nth-child(2)').length > 0")
    return driver.page.evaluate(
        """() => [...document.querySelectorAll('table tbody tr')].map(
            row => [...row.querySelectorAll('td')].map(cell => cell.innerText.trim()))"""
    )


def test_the_command_opens_formgrader_in_jupyterlab(formgrader: LabDriver) -> None:
    formgrader.page.evaluate(
        "() => { window.jupyterapp.commands.execute('nbgrader:open-formgrader'); }"
    )
    frame = formgrader.page.frame_locator("iframe[src*='formgrader']")
    frame.get_by_text(ASSIGNMENT).first.wait_for()
    assert "3" in frame.locator(f"tr:has-text('{ASSIGNMENT}')").inner_text().split()
    formgrader.screenshot("formgrader-in-lab")


def test_formgrader_shows_the_three_scores(formgrader: LabDriver) -> None:
    show(formgrader, "manage_students")
    scores = {row[1]: row[3] for row in rows(formgrader)}
    formgrader.screenshot("formgrader-students")
    assert set(scores) == set(KINDS)
    assert scores == {"ada": f"{FULL} / {FULL}", "ben": f"{HALF} / {FULL}", "cleo": f"0 / {FULL}"}


def test_formgrader_shows_the_score_of_every_submission(formgrader: LabDriver) -> None:
    show(formgrader, f"gradebook/{ASSIGNMENT}/{NOTEBOOK}")
    table = rows(formgrader)
    formgrader.screenshot("formgrader-submissions")
    scores = sorted(float(row[2].split("/")[0]) for row in table)
    assert scores == [0, HALF, FULL]


def test_a_submission_opens_with_its_report_and_its_points(formgrader: LabDriver) -> None:
    show(formgrader, f"gradebook/{ASSIGNMENT}/{NOTEBOOK}")
    rows(formgrader)
    wrong = formgrader.page.locator("table tbody tr").filter(has_text=str(HALF))
    wrong.locator("a").first.click()
    report = formgrader.page.locator(".tx-report.tx-wrong").first
    report.wait_for()
    assert "The sizes are added." in report.inner_text()
    report.scroll_into_view_if_needed()
    formgrader.screenshot("formgrader-report")
    points = formgrader.page.locator("input.score")
    shown = [float(points.nth(i).input_value() or points.nth(i).get_attribute("placeholder"))
             for i in range(points.count())]  # fmt: skip
    assert shown == [1, 3, 0, 2, 2, 3]
