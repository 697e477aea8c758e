"""An exercise as a learner meets it: blank, wrong, then right, with the report in both themes."""

from __future__ import annotations

import pytest
from lab_driver import LabDriver

EXERCISE = "exercises/01-rank-and-shape/rank-and-shape.ipynb"
WRONG = """def shape_of(nested):
    if not isinstance(nested, list):
        return ()
    return (*shape_of(nested[0] if nested else 0), len(nested))
"""
RAISES = """def shape_of(nested):
    print("<b>looking at</b>", nested)
    return (len(nested), *shape_of(nested[0]))
"""

pytestmark = pytest.mark.browser


def cell_ids(lab: LabDriver) -> list[str]:
    return lab.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets.map(w => w.model.id)"
    )


def answer(lab: LabDriver, task: str, source: str) -> dict[str, object]:
    """Write an answer, run it and its check; returns the check's output."""
    ids = cell_ids(lab)
    place = ids.index(f"answer-{task}")
    lab.page.evaluate(
        """([place, source]) => {
            const cell = window.jupyterapp.shell.currentWidget.content.widgets[place];
            cell.model.sharedModel.setSource(source);
        }""",
        [place, source],
    )
    lab.run_cell(place)
    lab.run_cell(ids.index(f"check-{task}"))
    lab.scroll_to(ids.index(f"check-{task}"))
    [output] = lab.outputs()[ids.index(f"check-{task}")]
    return output


def test_a_blank_exercise_runs_without_an_error(lab: LabDriver) -> None:
    lab.open(EXERCISE)
    lab.run_all()
    assert lab.errors() == []
    reports = [out for cell in lab.outputs() for out in cell]
    assert [out["data"]["text/plain"] for out in reports] == ["0"] * 6
    assert all("not started yet" in out["data"]["text/html"] for out in reports)
    lab.scroll_to(cell_ids(lab).index("check-rank-of"))
    lab.both_themes("exercise-blank")


def test_a_wrong_answer_is_explained_where_it_was_written(lab: LabDriver) -> None:
    lab.open(EXERCISE)
    lab.run_cell(cell_ids(lab).index("setup"))
    output = answer(lab, "shape-of", WRONG)
    assert output["output_type"] == "execute_result" and output["data"]["text/plain"] == "0"
    report = lab.find(".tx-report")
    report.wait_for()
    shown = report.inner_text()
    for words in ("0 of 3 points", "shape_of([[1], [2]])", "(2, 1)", "(1, 2)", "wrong order",
                  'hint("01.rank.shape_of")', "at submission the same task runs on fresh"):  # fmt: skip
        assert words in shown
    lab.both_themes("report-wrong", ".tx-report")
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.theme(theme)
        colours = report.evaluate(
            "node => [getComputedStyle(node).color, getComputedStyle(node).backgroundColor]"
        )
        assert contrast(*colours) > 7, f"hard to read in {theme}: {colours}"


def test_the_learners_own_line_is_shown_and_output_is_escaped(lab: LabDriver) -> None:
    lab.open(EXERCISE)
    lab.run_cell(cell_ids(lab).index("setup"))
    answer(lab, "shape-of", RAISES)
    report = lab.find(".tx-report")
    report.wait_for()
    shown = report.inner_text()
    assert "line 3 of shape_of: return (len(nested), *shape_of(nested[0]))" in shown
    assert "TypeError: object of type 'int' has no len()" in shown
    assert "<b>looking at</b> 7" in shown
    lab.both_themes("report-raises", ".tx-report")


def test_a_right_answer_and_an_endless_one(lab: LabDriver) -> None:
    lab.open(EXERCISE)
    lab.run_cell(cell_ids(lab).index("setup"))
    output = answer(
        lab, "size-of", "import numpy as np\ndef size_of(shape):\n    return int(np.prod(shape))"
    )
    assert output["data"]["text/plain"] == "1"
    lab.find(".tx-report.tx-passed").wait_for()
    lab.both_themes("report-passed", ".tx-report")
    output = answer(lab, "size-of", "def size_of(shape):\n    while True:\n        pass")
    assert "no answer after 1 s" in output["data"]["text/html"]
    assert "In your code, <code>line" in output["data"]["text/html"]
    lab.find(".tx-report.tx-wrong").wait_for()
    lab.both_themes("report-endless", ".tx-report")
    assert "01.rank.size_of" in lab.progress_file.read_text()


def contrast(text: str, ground: str) -> float:
    """The contrast ratio of WCAG 2.2 for two CSS colours."""

    def luminance(colour: str) -> float:
        parts = [float(p) / 255 for p in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(text), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
