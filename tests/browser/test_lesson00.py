"""The learner's first minutes: start page, lesson 00, a curve that moves, Stop, and on."""

from __future__ import annotations

import nbformat
import pytest
from lab_driver import ROOT, LabDriver

pytestmark = pytest.mark.browser

LESSON = "course/00-five-minute-win.ipynb"


def cell_with(text: str) -> int:
    cells = nbformat.read(ROOT / LESSON, as_version=4).cells
    return next(i for i, c in enumerate(cells) if c.cell_type == "code" and text in c.source)


def test_run_all_watch_the_curve_stop_it_and_the_notebook_goes_on(lab: LabDriver) -> None:
    lab.open("course/start.ipynb", kernel=False)
    lab.find(".txm-map .card[data-chapter='00'] a.lesson").click()
    lab.until(
        "path => window.jupyterapp.shell.currentWidget?.context?.path === path", argument=LESSON
    )
    lab.wait_idle()
    lab.run_all(wait=False)

    # The fit held back with pace=...: the one a learner is meant to touch.
    play = cell_with("pace=")
    lab.scroll_to(play)
    cell = lab.find(".jp-CodeCell").filter(has_text="pace=")
    lab.appears(cell.locator(".state:text-is('Running')"))
    curve = cell.locator(".txm-loss")
    lab.appears(curve.locator("path.curve"))

    def points() -> int:
        return int(curve.locator("path.curve").get_attribute("data-points") or 0)

    first = points()
    lab.keep_trying(lambda: points() > first + 10)
    curve.scroll_into_view_if_needed()
    lab.screenshot("lesson-00-running")
    curve.locator(".stop").click()
    lab.appears(cell.locator(".state:text-is('Stopped by you')"))
    epochs, total = (curve.locator(".stats .value").first.text_content() or "").split(" / ")
    assert int(epochs) < int(total)

    lab.wait_idle()
    assert lab.errors() == []
    assert all(lab.executed())
    assert "prediction at 10:" in lab.stream(play)
    assert "18.98" in lab.stream(cell_with("print(answer)"))
    lab.scroll_to(play)
    lab.both_themes("lesson-00-stopped")
