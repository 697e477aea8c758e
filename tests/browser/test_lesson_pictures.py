"""The pictures of lessons 00 and 09, by mouse and by keyboard; and a link from a lesson to a line."""

from __future__ import annotations

import re
import shutil

import nbformat
import numpy as np
import pytest
from lab_driver import ROOT, LabDriver

from course.lab.fit_steps import FitSteps
from course.links import LINK

pytestmark = pytest.mark.browser

X = np.arange(-1.0, 5.0)
Y = 2 * X - 1


def text(lab: LabDriver, selector: str) -> str:
    return lab.find(selector).first.text_content() or ""


def after(steps: int) -> tuple[float, float]:
    """w, b after gradient descent from 0.5, 0 at rate 0.01."""
    w, b = 0.5, 0.0
    for _ in range(steps):
        wrong = 2 * (w * X + b - Y) / len(X)
        w, b = w - 0.01 * np.sum(wrong * X), b - 0.01 * np.sum(wrong)
    return w, b


def loss(w: float, b: float) -> float:
    return float(np.mean((w * X + b - Y) ** 2))


def test_two_knobs_turn_by_button_and_by_key(lab: LabDriver) -> None:
    lab.show("knobs", "from course.lab.two_knobs import TwoKnobs\nTwoKnobs()")
    shown = ".txm-knobs .loss"
    assert float(text(lab, shown)) == loss(0.5, 0)
    lab.find(".txm-knobs .one").click()
    assert float(text(lab, shown)) == pytest.approx(loss(*after(1)), rel=1e-3)
    lab.find(".txm-knobs .fifty").click()
    w, b = after(51)
    assert float(text(lab, shown)) == pytest.approx(loss(w, b), rel=1e-3)
    assert float(text(lab, ".txm-knobs .predicted")) == pytest.approx(10 * w + b, rel=1e-3)
    assert "51 steps" in text(lab, ".txm-knobs .saying")
    lab.both_themes("two-knobs", ".txm-knobs")

    lab.find(".txm-knobs .reset").click()
    slider = lab.find(".txm-knobs input.w")
    slider.focus()
    for _ in range(30):  # 0.5 to 2 in steps of 0.05
        lab.page.keyboard.press("ArrowRight")
    lab.find(".txm-knobs input.b").focus()
    for _ in range(20):  # 0 to -1
        lab.page.keyboard.press("ArrowLeft")
    assert "Loss 0" in text(lab, ".txm-knobs .saying")
    assert text(lab, ".txm-knobs .predicted") == "19"
    assert lab.find(".txm-fallback").count() == 0 or not lab.find(".txm-fallback").is_visible()


def test_the_walk_through_fit_shows_what_the_engine_recorded(lab: LabDriver) -> None:
    lab.show("fit-steps", "from course.lab.fit_steps import FitSteps\nFitSteps()")
    record = FitSteps().records["2"][0]
    assert lab.find(".txm-fit .back").is_disabled()
    first = record["updates"][0]
    following = lab.find(".txm-fit .next")
    for kind, value in [
        ("predict", None),
        ("loss", first["loss"]),
        ("gradient", first["dw"]),
        ("update", first["w"]),
    ]:
        following.click()
        box = lab.find(f".txm-fit .stage.now[data-stage='{kind}']")
        box.wait_for()
        if value is not None:
            numbers = re.findall(
                r"-?\d+\.?\d*", box.locator(".computed").first.text_content() or ""
            )
            assert float(numbers[0]) == pytest.approx(value, rel=1e-3)
    assert lab.find(".txm-fit .batch.now .sample").count() == 2
    lab.both_themes("fit-steps", ".txm-fit")

    # By keyboard to the end of the first epoch: three batches, then the history has one number.
    lab.find(".txm-fit .at").focus()
    for _ in range(1 + 4 * 2):
        lab.page.keyboard.press("ArrowRight")
    assert "History." in text(lab, ".txm-fit .saying")
    assert f"[{record['loss']:.4g}]" in text(lab, ".txm-fit .totals")

    lab.find(".txm-fit button[data-size='4']").click()
    following.click()
    assert lab.find(".txm-fit .batch").count() == 2
    assert "epoch 1 of 2, batch 1 of 2" in text(lab, ".txm-fit .where")


@pytest.mark.parametrize("lesson", ["00-five-minute-win", "09-the-keras-way"])
def test_a_link_to_the_engine_opens_the_file_at_the_line(lab: LabDriver, lesson: str) -> None:
    cells = nbformat.read(ROOT / f"course/{lesson}.ipynb", as_version=4).cells
    found = next(match for cell in cells if (match := LINK.search(cell.source)))
    # All of it, since kernels started beside this folder will import it.
    shutil.copytree(ROOT / "engine", lab.root / "engine", dirs_exist_ok=True)
    path, name = found["file"].removeprefix("../"), found["name"].split(".")[-1]

    lab.open(f"course/{lesson}.ipynb")
    lab.scroll_to(len(cells) - 1)
    lab.find(f"a:has-text('{found['name']}')").first.click()
    lab.until(
        "path => window.jupyterapp.shell.currentWidget?.context?.path === path", argument=path
    )
    line = """() => {
        const editor = window.jupyterapp.shell.currentWidget.content.editor;
        const at = editor.getCursorPosition().line;
        return at ? editor.getLine(at) : null;
    }"""
    lab.until(line)
    assert lab.page.evaluate(line).strip().startswith(f"def {name}(")
    lab.close()  # the file; the fixture closes the lesson
    lab.until(
        "() => window.jupyterapp.shell.currentWidget?.context?.path.endsWith('.ipynb') ?? false"
    )
