"""Lesson 03 in the real JupyterLab: it runs, and its knob is turned by mouse and by keyboard."""

from __future__ import annotations

import nbformat
import pytest
from lab_driver import ROOT, LabDriver

from course.lab.slope_view import difference, slope

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LESSON = "course/03-variables-and-derivatives.ipynb"
CELLS = nbformat.read(ROOT / LESSON, as_version=4).cells
FACTORS = (1.0, -1.0, 0.0, 1 / 3)


def at(cell_id: str) -> int:
    return next(i for i, cell in enumerate(CELLS) if cell.id == cell_id)


def number(lab: LabDriver, name: str) -> float:
    text = lab.find(f".txm-slope .value.{name}").text_content() or ""
    return float(text.replace("−", "-"))


def reads(lab: LabDriver, w: float, h: float, central: bool) -> None:
    """The readings are those of this place and this nudge."""
    measured, exact = difference(FACTORS, w, h, central), slope(FACTORS, w)
    assert number(lab, "w") == pytest.approx(w)
    assert number(lab, "measured") == pytest.approx(measured, rel=1e-3)
    assert number(lab, "exact") == pytest.approx(exact, rel=1e-3)
    assert number(lab, "error") == pytest.approx(measured - exact, rel=1e-2, abs=1e-9)
    assert number(lab, "rise") / number(lab, "run") == pytest.approx(measured, rel=1e-2)


def test_the_lesson_runs_and_its_knob_can_be_turned(lab: LabDriver) -> None:
    lab.page.set_viewport_size({"width": 1280, "height": 1100})
    lab.open(LESSON)
    lab.run_all()
    assert lab.errors() == [] and all(lab.executed())
    lab.scroll_to(at("model"))
    lab.appears(".txm-slope .at")
    reads(lab, 1.5, 0.5, False)
    lab.both_themes("slope-view", ".txm-slope")

    # By mouse: drag the point to the left, halve h twice.
    knob = lab.find(".txm-slope .at circle").bounding_box()
    plot = lab.find(".txm-slope .plot").bounding_box()
    assert knob and plot
    x, y = knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    lab.page.mouse.move(x - plot["width"] / 4, y, steps=4)
    lab.page.mouse.up()
    w = number(lab, "w")
    assert 0.1 < w < 0.5  # a quarter of the plot is about a quarter of 4.6, and the margins
    reads(lab, w, 0.5, False)
    for h in (0.25, 0.125):
        lab.find(".txm-slope .halve").click()
        reads(lab, w, h, False)
    rows = lab.find(".txm-slope .trail tbody tr")
    assert rows.count() == 3
    assert "smaller" in (lab.find(".txm-slope .saying").text_content() or "")

    # By keyboard alone: the point, both kinds of nudge, the slider of h, the zoom.
    lab.find(".txm-slope .reset").focus()
    lab.press("Enter")
    assert lab.find(".txm-slope .trail").is_hidden()
    lab.find(".txm-slope .at").focus()
    lab.press(*["ArrowLeft"] * 10)
    reads(lab, 1.0, 0.5, False)
    lab.press("Home")
    assert number(lab, "w") == -2.2
    lab.press(*["PageUp"] * 8)
    reads(lab, 1.8, 0.5, False)
    lab.find(".txm-slope .forward").focus()
    lab.press("Tab")
    lab.press("Space")
    assert lab.find(".txm-slope .central").get_attribute("aria-pressed") == "true"
    lab.press("Tab")
    lab.press(*["ArrowRight"] * 3)
    reads(lab, 1.8, 1 / 16, True)
    last = [cell.text_content() or "" for cell in rows.last.locator("td").all()]
    assert last[-1] == "÷ 4"  # half of h leaves a quarter of the central error
    lab.press("Tab")
    lab.press("Tab")
    lab.press("Enter")
    assert lab.find(".txm-slope .zoom").get_attribute("aria-pressed") == "true"
    reads(lab, 1.8, 1 / 16, True)
    lab.both_themes("slope-view-zoomed", ".txm-slope")

    lab.press("Tab")
    lab.press("Enter")
    for _ in range(5):
        lab.find(".txm-slope .halve").click()
    lab.both_themes("slope-view-halved", ".txm-slope")
    lab.scroll_to(at("vee"))
    lab.appears(".jp-RenderedImage img[src^='data:image/png']")
    lab.both_themes("slope-errors", ".jp-OutputArea-child:has(.jp-RenderedImage)")
    lab.page.set_viewport_size({"width": 1280, "height": 900})


def test_the_picture_stays_when_the_kernel_is_gone(lab: LabDriver) -> None:
    path = lab.write("slope.ipynb", ["from course.lab import SlopeView\nSlopeView(central=True)"])
    lab.open(path)
    lab.run_all()
    twin = lab.find(".txm-fallback")
    assert lab.errors() == [] and twin.count() == 1 and not twin.is_visible()
    lab.save()
    lab.close()
    lab.open(path)
    lab.keep_trying(lambda: twin.count() == 1 and twin.is_visible())
    assert "central nudge of h = 0.5" in (twin.text_content() or "")
    dead = lab.find(".jupyter-widgets:has-text('Error displaying widget')")
    lab.appears(dead)  # and with it what the page says of it in the console
    assert not dead.is_visible()
    lab.console_errors[:] = [e for e in lab.console_errors if "widget model not found" not in e]
