"""Chapter 02 in a real browser: the row in memory, the two shapes, and the whole lesson.

That nothing is requested from outside and that the console stays clean is checked after every
test, by the fixture `lab`.
"""

from __future__ import annotations

import re

import nbformat
import numpy as np
import pytest
from lab_driver import ROOT, LabDriver

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LESSON = "course/02-broadcasting.ipynb"


def lit(lab: LabDriver, what: str) -> list[str]:
    return [text.strip() for text in lab.find(f"{what} .lit text").all_text_contents()]


def test_shapes_are_typed_chosen_and_pointed_at(lab: LabDriver) -> None:
    lab.show("align", "from course.lab import BroadcastAlign\nBroadcastAlign((3, 4), (4,))")
    reading, answer = lab.find(".txm-broadcast .reading"), lab.find(".txm-broadcast .answer")
    assert "give (3, 4): 12 numbers and 4 numbers make 12" in (answer.text_content() or "")

    # By mouse: a cell of the result lights up the two that met in it, wherever they are read.
    lab.find(".txm-broadcast [data-group='meet'][data-row='1'][data-column='2']").hover()
    assert reading.text_content() == "result[1, 2] is made of number 6 of a and number 2 of b"
    assert sorted(lit(lab, ".txm-broadcast")) == ["a6", "a6 b2", "b2", "b2", "b2"]
    lab.both_themes("broadcast-stretched", ".txm-broadcast")

    # By keyboard: the columns of the result, then the example where everything meets everything.
    lab.find(".txm-broadcast [data-group='axes'][data-column='0']").focus()
    assert (reading.text_content() or "").startswith("axis -2: a has 3; b has no axis, so 1.")
    lab.press("ArrowRight")
    assert (reading.text_content() or "").startswith("axis -1: a has 4; b has 4. They are equal")
    lab.press("ArrowRight", "ArrowUp")  # there is nothing further: it stays
    assert (reading.text_content() or "").startswith("axis -1:")
    lab.find(".txm-broadcast .example:has-text('(3,) and (3, 1)')").focus()
    lab.press("Enter")
    lab.appears(".txm-broadcast .note:has-text('Both are stretched')")
    assert lab.find(".txm-broadcast [data-group='meet']").count() == 9
    assert lab.find(".txm-broadcast input.b").input_value() == "3, 1"
    lab.both_themes("broadcast-both", ".txm-broadcast")


def test_every_keystroke_is_answered_and_the_fields_keep_what_is_typed(lab: LabDriver) -> None:
    lab.show("typed", "from course.lab import BroadcastAlign\nBroadcastAlign((3, 4), (4,))")
    a, b = lab.find(".txm-broadcast input.a"), lab.find(".txm-broadcast input.b")
    a.fill("2, 3")
    b.fill("")
    b.press_sequentially("2", delay=20)
    lab.appears(".txm-broadcast .answer.wrong:has-text('on axis -1, 3 meets 2')")
    assert (a.input_value(), b.input_value()) == ("2, 3", "2")
    lab.both_themes("broadcast-clash", ".txm-broadcast")
    b.fill("x")
    lab.appears(".txm-broadcast .problem:has-text(\"'x' is not a size\")")
    for one, two in [((450, 8, 8), (8, 1)), ((8, 1, 6, 1), (7, 1, 5)), ((), (2,))]:
        a.fill(str(one))
        b.fill(str(two))
        result = str(np.broadcast_shapes(one, two))
        lab.appears(f".txm-broadcast .answer:has-text('give {result}:')")
    lab.keep_trying(lambda: lab.find(".txm-broadcast .problem").text_content() == "")


ROW = """import numpy as np
from course.lab import MemoryRow
m = 10 * np.arange(12).reshape(3, 4)
MemoryRow(m, {"m": m, "m.T": m.T, "stretched": np.broadcast_to(m[0], (3, 4))})"""


def test_a_cell_finds_its_place_and_a_place_its_cells(lab: LabDriver) -> None:
    lab.show("memory", ROW)
    reading, rule = lab.find(".txm-memory .reading"), lab.find(".txm-memory .rule")
    assert rule.text_content() == "start 0, shape (3, 4), strides (4, 1)"
    lab.find(".txm-memory [data-group='view'][data-row='2'][data-column='1']").hover()
    assert reading.text_content() == "[2, 1] is at place 0 + 2·4 + 1·1 = 9; it holds 90"
    assert lit(lab, ".txm-memory") == ["90", "90"]

    # By keyboard: Tab to the button, Enter, Tab into the picture, and on with the arrow keys.
    lab.find(".txm-memory .view:has-text('m.T')").focus()
    lab.press("Enter")
    lab.appears(".txm-memory .rule:has-text('shape (4, 3), strides (1, 4)')")
    lab.find(".txm-memory [data-group='view'][tabindex='0']").focus()
    lab.press("ArrowDown", "ArrowRight", "ArrowRight")
    assert reading.text_content() == "[1, 2] is at place 0 + 1·1 + 2·4 = 9; it holds 90"
    lab.both_themes("memory-transposed", ".txm-memory")

    lab.find(".txm-memory .view:has-text('stretched')").click()
    lab.appears(".txm-memory .rule:has-text('strides (0, 1)')")
    lab.find(".txm-memory [data-group='row'][data-column='2']").hover()
    assert reading.text_content() == "place 2 holds 20; it is read as [0, 2], [1, 2], [2, 2]"
    assert lit(lab, ".txm-memory") == ["20"] * 4
    pressed = lab.find(".txm-memory .view[aria-pressed='true']").all_text_contents()
    assert pressed == ["stretched"]
    lab.both_themes("memory-stretched", ".txm-memory")


def test_the_lesson_runs_and_its_widgets_answer(lab: LabDriver) -> None:
    lab.open(LESSON)
    lab.run_all()
    assert lab.errors() == []
    assert all(lab.executed())
    cells = nbformat.read(ROOT / LESSON, as_version=4).cells
    at = {cell.id: i for i, cell in enumerate(cells)}
    assert re.search(r"accuracy: \d\d%", lab.stream(at["outage-run"]))
    lab.scroll_to(at["memory"])
    lab.appears(".txm-memory .rule")
    lab.both_themes("lesson-02-memory")
    lab.scroll_to(at["pairs-picture"])
    pairs = ".txm-broadcast:has(.note:has-text('Both are stretched'))"
    lab.appears(pairs)
    assert lab.find(f"{pairs} [data-group='meet']").count() == 36
    picture = lab.find(f"{pairs} .picture")
    assert picture.evaluate("p => p.scrollWidth <= p.clientWidth"), "it needs no scroll bar"
    lab.both_themes("lesson-02-pairs", pairs)
    lab.scroll_to(at["outage-picture"])
    clash = lab.find(".txm-broadcast .example:has-text('(450, 6, 8)')").last
    lab.appears(clash)
    clash.click()
    lab.appears(".txm-broadcast .answer.wrong:has-text('on axis -2, 6 meets 8')")
    lab.both_themes("lesson-02-outage")
