"""Lesson 08 in a real browser: run from top to bottom, and its loss surface by mouse and by keyboard."""

from __future__ import annotations

import nbformat
import numpy as np
import pytest
from lab_driver import ROOT, LabDriver

from course.lab.loss_surface import Bowl, walk

pytestmark = pytest.mark.browser

X = np.arange(-1.0, 5.0)
Y = 2 * X - 1
SHOW = "from course.lab import LossSurface\nLossSurface(directions=True, momentum=0.0)"


def loss(place: tuple[float, float]) -> float:
    return float(np.mean((place[0] * X + place[1] - Y) ** 2))


def text(lab: LabDriver, selector: str) -> str:
    return lab.find(f".txm-surface {selector}").first.text_content() or ""


def slide(lab: LabDriver, name: str, value: float) -> None:
    """Near it at once, and the last three steps by keyboard."""
    slider = lab.find(f".txm-surface input.{name}").first
    grain = float(slider.get_attribute("step") or 1)
    slider.fill(f"{value - 3 * grain:.4f}")
    slider.focus()
    for _ in range(3):
        lab.page.keyboard.press("ArrowRight")
    assert float(slider.input_value()) == pytest.approx(value)


def test_the_surface_is_walked_by_mouse_and_by_keyboard(lab: LabDriver) -> None:
    lab.open(lab.write("surface.ipynb", [SHOW]))
    lab.run_all()
    assert lab.errors() == []
    lab.appears(".txm-surface .plot")
    assert text(lab, ".steps") == "0" and float(text(lab, ".value.loss")) == pytest.approx(15.67)

    one, ten = lab.find(".txm-surface .one"), lab.find(".txm-surface .ten")
    one.click()
    ten.click()
    path = walk(X, Y, (0.0, 0.0), 0.01, 11)
    assert text(lab, ".steps") == "11"
    assert float(text(lab, ".value.loss")) == pytest.approx(loss(path[11]), rel=1e-3)
    assert float(text(lab, ".value.w")) == pytest.approx(path[11][0], rel=1e-3)
    assert text(lab, ".badge") == "converges"
    flat, steep = (1 - 0.01 * value for value in Bowl.of(X, Y).curvatures)
    assert text(lab, ".along .steep td:last-child") == f"{steep:.3g}"
    assert text(lab, ".along .flat td:last-child") == f"{flat:.3g}"

    # Below the limit it jumps across and comes down, above it the loss grows.
    lab.find(".txm-surface .reset").click()
    slide(lab, "learning-rate", 0.17)
    ten.click()
    assert text(lab, ".badge") == "oscillates"
    assert float(text(lab, ".value.loss")) == pytest.approx(
        loss(walk(X, Y, (0.0, 0.0), 0.17, 10)[10]), rel=1e-3
    )
    lab.both_themes("chapter08-surface-oscillates", ".txm-surface")
    lab.find(".txm-surface .reset").click()
    slide(lab, "learning-rate", 0.2)
    ten.click()
    ten.click()
    assert text(lab, ".badge") == "diverges" and float(text(lab, ".value.loss")) > 15.67
    lab.both_themes("chapter08-surface-diverges", ".txm-surface")
    slide(lab, "learning-rate", 0.25)
    for _ in range(8):
        ten.click()
    assert "too large" in text(lab, ".saying")

    # The start: by a click on the goal, then by keys; Enter takes a step.
    plot = lab.find(".txm-surface .plot").first
    box = plot.locator(".frame").bounding_box()
    assert box is not None
    lab.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert text(lab, ".steps") == "0"
    assert float(text(lab, ".value.w")) == pytest.approx(2, abs=0.03)
    assert float(text(lab, ".value.b")) == pytest.approx(-1, abs=0.03)
    before = float(text(lab, ".value.w"))
    plot.focus()
    for key in ("ArrowLeft", "ArrowLeft", "Shift+ArrowLeft", "ArrowUp", "Enter"):
        lab.page.keyboard.press(key)
    assert text(lab, ".steps") == "1"
    assert f"w {before:.1f}" not in (plot.get_attribute("aria-label") or "")

    # Momentum: at a rate that diverges alone, it arrives.
    lab.find(".txm-surface .reset").click()
    slide(lab, "learning-rate", 0.2)
    slide(lab, "momentum", 0.3)
    for _ in range(4):
        ten.click()
    assert text(lab, ".badge") in ("arrived", "oscillates", "converges", "loss up")
    assert float(text(lab, ".value.loss")) < 1e-6

    # A walk draws its steps one by one and ends by itself.
    lab.find(".txm-surface .reset").click()
    lab.find(".txm-surface .walking").click()
    lab.appears(".txm-surface .walking:has-text('Pause')")
    lab.appears(".txm-surface .walking:has-text('Walk')")
    lab.appears(".txm-surface .badge:has-text('arrived')")
    assert int(text(lab, ".steps")) > 10


@pytest.mark.slow
def test_the_lesson_runs_and_its_pictures_can_be_looked_at(lab: LabDriver) -> None:
    cells = nbformat.read(ROOT / "course/08-by-hand.ipynb", as_version=4).cells
    pictures = [i for i, cell in enumerate(cells) if "LossSurface(" in cell.source]
    assert len(pictures) >= 5
    lab.open("course/08-by-hand.ipynb")
    lab.run_all()
    assert lab.errors() == [] and all(lab.executed())
    for i in pictures:
        lab.scroll_to(i)
        name = cells[i].id
        cell = lab.find(".jp-Cell").nth(i)
        told = cell.locator(".txm-surface .knob output").first.text_content()
        assert cell.locator(".txm-surface .learning-rate").input_value() == told
        cell.locator(".txm-surface .one").click()
        assert cell.locator(".txm-surface .steps").text_content() == "1"
        for theme in ("Dark", "Light"):
            lab.theme(f"JupyterLab {theme}")
            lab.scroll_to(i)
            file = ROOT / f"test-artifacts/chapter08-{name}-{theme.lower()}.png"
            cell.locator(".txm-surface").screenshot(path=file)
        assert cell.locator(".txm-fallback:visible").count() == 0
