"""Chapter 06 in the real JupyterLab: Run All, and the trace-cache table by mouse and by keyboard.

That nothing is requested from outside and that the console stays clean is checked after the test,
by the fixture `lab`.
"""

from __future__ import annotations

import pytest
from lab_driver import LabDriver

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

TABLE = ".txm-cabinet"


def cells(lab: LabDriver, column: int) -> list[str]:
    """The texts of one column of the table."""
    return lab.find(f"{TABLE} tbody td:nth-child({column})").all_text_contents()


def calls(lab: LabDriver, count: int) -> None:
    """Wait until so many calls are shown as made."""
    lab.keep_trying(lambda: lab.find(f"{TABLE} .calls li:not(.todo)").count() == count)


def test_the_lesson_runs_and_its_cabinet_can_be_used(lab: LabDriver) -> None:
    lab.open("course/06-retracing.ipynb")
    lab.run_all()
    assert lab.errors() == []
    assert all(lab.executed())
    streams = [out for cell in lab.outputs() for out in cell if out["output_type"] == "stream"]
    assert [out for out in streams if out["name"] == "stderr"] == []

    place = next(i for i, cell in enumerate(lab.outputs()) if "ms to build" in str(cell))
    lab.scroll_to(place)
    lab.appears(f"{TABLE} .next")
    lab.page.set_viewport_size({"width": 1280, "height": 1300})
    by_mouse(lab)
    by_keyboard(lab)
    lab.page.set_viewport_size({"width": 1280, "height": 900})


def by_mouse(lab: LabDriver) -> None:
    saying = lab.find(f"{TABLE} .saying")
    assert lab.find(f"{TABLE} .calls .todo").count() == 7
    lab.find(f"{TABLE} .next").click()
    calls(lab, 1)
    assert "found no drawer" in (saying.text_content() or "")
    assert lab.find(f"{TABLE} tr.used.new").count() == 1
    for made in range(2, 6):
        lab.find(f"{TABLE} .next").click()
        calls(lab, made)
    assert "opened drawer 1" in (saying.text_content() or "")
    assert lab.find(f"{TABLE} tr.used.found .label").text_content() == "w: float32 (), rate: 0.5"
    lab.find(f"{TABLE} .all").click()
    calls(lab, 7)
    assert cells(lab, 2) == [f"w: float32 (), rate: {rate}" for rate in (0.5, 0.4, 0.3, 0.2)]
    assert cells(lab, 5) == ["4", "1", "1", "1"]
    assert lab.find(f"{TABLE} .next").is_disabled()

    lab.find(f"{TABLE} .open").nth(1).click()
    assert "constant 0.4" in (lab.find(f"{TABLE} .graph").text_content() or "")
    lab.both_themes("trace-cache-numbers", TABLE)

    lab.find(f"{TABLE} .loop:has-text('tensors')").click()
    calls(lab, 0)
    assert "empty" in (lab.find(f"{TABLE} tbody").text_content() or "")
    lab.find(f"{TABLE} .all").click()
    calls(lab, 7)
    assert (cells(lab, 2), cells(lab, 5)) == (["w: float32 (), rate: float32 ()"], ["7"])
    lab.both_themes("trace-cache-tensors", TABLE)


def by_keyboard(lab: LabDriver) -> None:
    own, saying = lab.find(f"{TABLE} .own"), lab.find(f"{TABLE} .saying")
    own.focus()
    lab.page.keyboard.type("weight, 1")
    lab.page.keyboard.press("Shift+Enter")  # asks; a cell is not run by it
    lab.appears(f"{TABLE} .saying:has-text('will be traced')")
    assert "a tensor before, the Python value 1 now" in (saying.text_content() or "")
    assert len(cells(lab, 1)) == 1
    lab.page.keyboard.press("Enter")
    lab.appears(f"{TABLE} .saying:has-text('found no drawer')")
    assert cells(lab, 2)[1] == "w: float32 (), rate: 1"
    for rate in range(2, 6):
        own.fill(f"weight, {rate}")
        lab.page.keyboard.press("Enter")
        lab.keep_trying(lambda rate=rate: len(cells(lab, 1)) == rate + 1)
    assert "step was traced 6 times" in (lab.find(f"{TABLE} .warned").text_content() or "")
    own.fill("wait, 1")
    lab.page.keyboard.press("Enter")
    lab.appears(f"{TABLE} .saying:has-text('NameError')")
    lab.both_themes("trace-cache-own", TABLE)

    lab.find(f"{TABLE} .loop").first.focus()
    lab.page.keyboard.press("Space")
    calls(lab, 0)
    lab.find(f"{TABLE} .next").focus()
    lab.page.keyboard.press("Enter")
    calls(lab, 1)
    lab.find(f"{TABLE} .open").focus()
    lab.page.keyboard.press("Enter")
    assert "constant 0.5" in (lab.find(f"{TABLE} .graph").text_content() or "")
