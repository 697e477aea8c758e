"""Chapter 07 in the real JupyterLab: Run All, and the passes by mouse and by keyboard.

That nothing is requested from outside and that the console stays clean is checked after the test,
by the fixture `lab`.
"""

from __future__ import annotations

import pytest
from lab_driver import LabDriver

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

VIEW = ".txm-passes"


def cell(lab: LabDriver, source: str) -> int:
    """The place of the cell that begins so."""
    sources = lab.page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.content.widgets
            .map(cell => cell.model.sharedModel.source)"""
    )
    (place,) = [i for i, text in enumerate(sources) if text.startswith(source)]
    return place


def show(lab: LabDriver, source: str, name: str) -> None:
    """Bring one of the lesson's views into sight, and wait until it is drawn."""
    lab.scroll_to(cell(lab, source))
    lab.appears(f"{VIEW}:has(.head strong:text-is('{name}')) .next").scroll_into_view_if_needed()


def test_the_lesson_runs_and_the_passes_can_be_stepped_through(lab: LabDriver) -> None:
    lab.open("course/07-inside-the-compiler.ipynb")
    lab.run_all()
    assert lab.errors() == []
    assert all(lab.executed())
    streams = [out for one in lab.outputs() for out in one if out["output_type"] == "stream"]
    assert [out for out in streams if out["name"] == "stderr"] == []
    lab.page.set_viewport_size({"width": 1360, "height": 1250})
    show(lab, "PassView(tf.function(score)", "score")
    by_mouse(lab, f"{VIEW}:has(.head strong:text-is('score'))")
    by_keyboard(lab, f"{VIEW}:has(.head strong:text-is('score'))")
    show(lab, "PassView(tf.function(wave)", "wave")
    around_a_sine(lab, f"{VIEW}:has(.head strong:text-is('wave'))")
    lab.page.set_viewport_size({"width": 1280, "height": 900})


def text(lab: LabDriver, selector: str) -> str:
    return lab.find(selector).first.text_content() or ""


def by_mouse(lab: LabDriver, view: str) -> None:
    assert lab.find(f"{view} .back").is_disabled()
    assert lab.find(f"{view} figure").count() == 1
    lab.both_themes("pass-view-written", view)
    lab.find(f"{view} .next").click()
    assert "9 → 8 operations" in text(lab, f"{view} .sentence")
    assert lab.find(f"{view} figure").count() == 2
    lab.both_themes("pass-view-simplify", view)
    lab.find(f"{view} .next").click()
    lab.find(f"{view} .next").click()
    assert text(lab, f"{view} tr.now td") == "▸ share_duplicates"
    assert lab.find(f"{view} tr.now td").all_text_contents()[1:3] == ["4", "16,000"]
    gone = lab.find(f"{view} .node.merged:has-text('exp')")
    gone.click()
    assert text(lab, f"{view} .fact").endswith("whoever read it now reads %6")
    assert gone.get_attribute("aria-label") == "exp, %8, whoever read it now reads %6"
    lab.both_themes("pass-view-shared", view)
    lab.find(f"{view} .go:has-text('fuse')").click()
    assert lab.find(f"{view} .next").is_disabled()
    assert "4 → 1 operations" in text(lab, f"{view} .sentence")
    lab.find(f"{view} .node:has-text('fused_0'):has-text('in one loop')").click()
    assert "one loop that does multiply, exp, add, multiply" in text(lab, f"{view} .fact")
    lab.both_themes("pass-view-fuse", view)


def by_keyboard(lab: LabDriver, view: str) -> None:
    """Tab, Enter and the arrow keys alone."""
    lab.find(f"{view} .go").first.focus()
    lab.page.keyboard.press("Enter")
    assert lab.find(f"{view} figure").count() == 1
    lab.find(f"{view} .next").focus()
    for _ in range(2):
        lab.page.keyboard.press("Enter")
    assert text(lab, f"{view} tr.now td") == "▸ fold_constants"
    lab.page.keyboard.press("Tab")  # from the button to the first node
    first = text(lab, f"{view} .fact")
    assert first.startswith("%0 = placeholder")
    lab.page.keyboard.press("ArrowRight")
    lab.page.keyboard.press("ArrowDown")
    assert text(lab, f"{view} .fact").startswith("%2 = sqrt(%1)")
    assert "computed now" in text(lab, f"{view} .fact")
    lab.page.keyboard.press("ArrowLeft")
    lab.page.keyboard.press("ArrowUp")
    assert text(lab, f"{view} .fact") == first
    lab.page.keyboard.press("Shift+Tab")
    lab.page.keyboard.press("Shift+Tab")
    lab.page.keyboard.press("Enter")
    assert text(lab, f"{view} tr.now td") == "▸ simplify"


def around_a_sine(lab: LabDriver, view: str) -> None:
    lab.find(f"{view} .go:has-text('fuse')").click()
    before = lab.find(f"{view} figure").first
    badges = before.locator(".fused .badge").all_text_contents()
    assert sorted(badges)[0] == "into fused_0" and sorted(badges)[-1] == "into fused_1"
    lab.both_themes("pass-view-around", view)
