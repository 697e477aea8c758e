"""The start page: there before anything runs, readable in both themes, and every link leads on."""

from __future__ import annotations

import json
import time

import pytest
from lab_driver import LabDriver

pytestmark = pytest.mark.browser


def test_the_map_is_there_before_anything_runs_and_a_link_opens_the_lesson(lab: LabDriver) -> None:
    lab.page.set_viewport_size({"width": 1440, "height": 1000})
    lab.open("course/start.ipynb", kernel=False)
    lab.find(".txm-map .card").first.wait_for()
    assert lab.find(".txm-map .card").count() == 19
    assert lab.find(".txm-map .part").count() == 5
    # Trusted, so the style sheet of the map is in force, and not only its text.
    assert lab.find(".txm-map .card").first.evaluate("e => getComputedStyle(e).display") == "flex"
    lab.both_themes("start-page")
    # Opening the page is no change: closing it must not ask whether to save.
    lab.wait_idle()
    assert not lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.model.dirty")
    lab.page.set_viewport_size({"width": 1280, "height": 900})

    lab.find(".txm-map .next a").click()
    lab.until(
        "() => window.jupyterapp.shell.currentWidget?.context?.path"
        " === 'course/00-five-minute-win.ipynb'"
    )
    lab.close()


def test_running_its_cell_brings_the_map_up_to_date(lab: LabDriver) -> None:
    lab.progress_file.unlink(missing_ok=True)
    lab.open("course/start.ipynb")
    lab.run_all()
    assert lab.errors() == []
    before = lab.find(".txm-map .count").text_content() or ""
    assert before.startswith("0 of ")
    attempt = {"task": "00.quiz", "points": 4, "max": 4, "time": time.time()}
    lab.progress_file.write_text(json.dumps(attempt) + "\n")
    lab.run_all()
    lab.appears(".txm-map .count:has-text('1 of ')")
    assert lab.find(".txm-map .card[data-chapter='00'] .state").get_attribute("aria-label") in (
        "done",
        "started",
    )
    lab.both_themes("start-page-progress")
