"""The button under a report: it checks again without running the cell, from the keyboard too."""

from __future__ import annotations

import pytest
from lab_driver import LabDriver
from test_exercise import contrast

pytestmark = pytest.mark.browser

SETUP = "import engine as tf\nfrom graders import check"
WRONG = "def size_of(shape):\n    return sum(shape)"
RIGHT = "import math\ndef size_of(shape):\n    return math.prod(shape)"
CHECK = 'check("01.rank.size_of")'
FORWARD = """def dense_forward(x, w, b):
    result = (x @ w + b).numpy()
    if result.size > 4:
        result[0, 0] += 0.25
        result[-1, -1] -= 3
    return result
check("09.keras.dense_forward", dense_forward)"""
TURNED = """def turned(x, w, b):
    return tf.transpose(x @ w + b)
check("09.keras.dense_forward", turned)"""
EVIL = """class Evil(str):
    def __repr__(self):
        return "<img src=x onerror='window.broken = 1'><script>window.broken = 1</script>"
    __str__ = __repr__
def size_of(shape):
    print(Evil())
    return Evil("x")
check("01.rank.size_of")"""
BUTTON = ".tx-report .tx-again"


def attempts(lab: LabDriver) -> int:
    file = lab.progress_file
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_a_click_checks_again_what_was_defined_since(lab: LabDriver) -> None:
    path = lab.write("check-again.ipynb", [SETUP, WRONG, CHECK, RIGHT])
    lab.open(path)
    for cell in (0, 1, 2):
        lab.run_cell(cell)
    button = lab.appears(f"{BUTTON}:visible")
    assert button.inner_text() == "Check again"
    assert "The sizes are added" in lab.find(".tx-report").inner_text()
    [output] = lab.outputs()[2]
    assert output["output_type"] == "execute_result" and output["data"]["text/plain"] == "0"
    lab.both_themes("check-button-wrong", ".tx-report")
    before = attempts(lab)

    lab.run_cell(3)
    button.click()
    lab.appears(".tx-report.tx-passed")
    assert "1 of 1 point" in lab.find(".tx-report").inner_text()
    assert "what is saved in the notebook is the report of the cell's last run" in (
        lab.find(".tx-report").inner_text()
    )
    lab.keep_trying(lambda: attempts(lab) == before + 1)
    assert lab.find(".tx-report").count() == 1
    assert lab.page.locator("div[role=status]:has-text('01.rank.size_of: passed, 1 of 1')").count()
    lab.both_themes("check-button-passed", ".tx-report")
    # The cell keeps its number for nbgrader: the button changes what is seen, not what is saved.
    assert lab.outputs()[2][0]["data"]["text/plain"] == "0"


def test_it_works_from_the_keyboard_and_keeps_the_focus(lab: LabDriver) -> None:
    lab.open(lab.write("check-keys.ipynb", [SETUP, WRONG, CHECK, RIGHT, WRONG]))
    for cell in (0, 1, 2, 3):
        lab.run_cell(cell)
    button = lab.appears(f"{BUTTON}:visible")
    button.focus()
    lab.page.keyboard.press("Enter")
    lab.appears(".tx-report.tx-passed")
    lab.until("() => document.activeElement?.matches('.tx-report.tx-passed .tx-again')")
    outline = lab.find(BUTTON).evaluate("node => getComputedStyle(node).outlineStyle")
    assert outline == "solid", "the focus is to be seen"
    # Neither key reached JupyterLab: no cell went into edit mode, and none was run.
    assert (
        lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.mode") == "command"
    )
    lab.run_cell(4)
    lab.find(BUTTON).focus()
    lab.page.keyboard.press("Space")
    lab.appears(".tx-report.tx-wrong")
    assert lab.errors() == []


def test_it_is_easy_to_read_in_both_themes(lab: LabDriver) -> None:
    lab.open(lab.write("check-themes.ipynb", [SETUP, WRONG, CHECK]))
    lab.run_all()
    button = lab.appears(f"{BUTTON}:visible")
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.theme(theme)
        colours = button.evaluate(
            "node => [getComputedStyle(node).color, getComputedStyle(node).backgroundColor]"
        )
        assert contrast(*colours) > 7, f"hard to read in {theme}: {colours}"


def test_an_endless_answer_comes_back_and_the_kernel_lives(lab: LabDriver) -> None:
    endless = "def size_of(shape):\n    while True:\n        pass"
    lab.open(lab.write("check-endless.ipynb", [SETUP, RIGHT, CHECK, endless, "print(6 * 7)"]))
    for cell in (0, 1, 2, 3):
        lab.run_cell(cell)
    lab.appears(f"{BUTTON}:visible").click()
    lab.appears(".tx-report.tx-wrong:has-text('no answer after 1 s')")
    lab.run_cell(4)
    assert lab.stream(4) == "42\n"
    huge = "import numpy as np\ndef size_of(shape):\n    return np.ones((10**6, 10**6))"
    growing = (
        "def size_of(shape):\n    kept = []\n    while True:\n        kept.append(bytearray(10**7))"
    )
    # On a busy machine a list may run out of time before it has grown too large.
    for source, says in ((huge, "far more memory"), (growing, "was stopped")):
        lab.page.evaluate(
            """source => window.jupyterapp.shell.currentWidget.content.widgets[3]
                .model.sharedModel.setSource(source)""",
            source,
        )
        lab.run_cell(3)
        lab.find(BUTTON).click()
        lab.appears(f".tx-report.tx-wrong:has-text('{says}')")
        lab.run_cell(4)
        assert lab.stream(4) == "42\n" and lab.errors() == []
        lab.run_cell(1)
        lab.find(BUTTON).click()
        lab.appears(".tx-report.tx-passed")


def test_a_copy_without_a_kernel_shows_the_report_and_no_button(lab: LabDriver) -> None:
    path = lab.write("check-saved.ipynb", [SETUP, WRONG, CHECK])
    lab.open(path)
    lab.run_all()
    lab.appears(f"{BUTTON}:visible")
    lab.save()
    lab.close()
    lab.open(path)
    lab.appears(".tx-report.tx-wrong")
    lab.keep_trying(lambda: lab.find(f"{BUTTON}:visible").count() == 0)
    assert "The sizes are added" in lab.find(".tx-report").inner_text()


def test_a_restarted_kernel_takes_the_button_along_and_a_new_check_brings_it_back(
    lab: LabDriver,
) -> None:
    lab.open(lab.write("check-restart.ipynb", [SETUP, WRONG, CHECK]))
    lab.run_all()
    lab.appears(f"{BUTTON}:visible")
    lab.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()"
    )
    lab.keep_trying(lambda: lab.find(f"{BUTTON}:visible").count() == 0)
    lab.wait_idle()
    lab.run_all()
    lab.appears(f"{BUTTON}:visible").click()
    lab.appears(".tx-report:has-text('Checked with the button')")


def test_arrays_and_shapes_side_by_side_are_to_be_seen(lab: LabDriver) -> None:
    lab.open(lab.write("check-beside.ipynb", [SETUP, FORWARD, TURNED]))
    lab.run_all()
    lab.appears(".tx-report .tx-worst")
    reports = lab.find(".tx-report")
    worst = lab.find(".tx-worst").first
    assert worst.inner_text().startswith("▶ ")
    assert worst.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    assert all(text.startswith("✗ ") for text in lab.find(".tx-off").all_inner_texts())
    lab.both_themes("report-worst-element", ".tx-report:has(.tx-worst)")
    lab.scroll_to(2)
    pictures = lab.appears(".tx-shapes svg")
    assert pictures.count() == 2
    sizes = [picture.bounding_box() for picture in pictures.all()]
    assert all(size and size["width"] > 10 and size["height"] > 10 for size in sizes)
    names = [picture.get_attribute("aria-label") or "" for picture in pictures.all()]
    assert names[0].startswith("expected (") and names[1].startswith("got (")
    lab.both_themes("report-shapes", ".tx-report:has(.tx-shapes)")
    for report in reports.all():
        wide = report.evaluate("node => [node.scrollWidth, node.clientWidth]")
        assert wide[0] <= wide[1], "nothing sticks out"


def test_nothing_that_the_learners_code_returns_or_prints_runs(lab: LabDriver) -> None:
    lab.open(lab.write("check-evil.ipynb", [SETUP, EVIL]))
    lab.run_all()
    lab.appears(f"{BUTTON}:visible").click()
    lab.appears(".tx-report:has-text('Checked with the button')")
    assert "<script>" in lab.find(".tx-report").inner_text()
    assert lab.page.evaluate("() => window.broken") is None
