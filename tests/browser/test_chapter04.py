"""Chapter 04 in a real browser: the tape is walked by mouse and by keyboard, and the lesson runs.

That nothing is requested from outside and that the console stays clean is checked after every
test, by the fixture `lab`.
"""

from __future__ import annotations

import nbformat
import pytest
from lab_driver import ROOT, LabDriver

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LESSON = "course/04-gradient-tape.ipynb"
TAPE = """import engine as tf
from course.lab import TapeView

a = tf.Variable(3.0, name="a")
with tf.GradientTape(persistent=True) as tape:
    b = a * a
    c = b * b
    d = c + b
TapeView(tape, d, b=b, c=c, d=d)
"""
LAYER = """import engine as tf
from course.lab import TapeView

x = tf.constant([[1.0, 2.0], [3.0, 4.0], [0.0, 1.0]])
w, b = tf.Variable([[1.0, 0.5], [0.0, 1.0]], name="w"), tf.Variable([0.5, -0.5], name="b")
alone = tf.Variable(2.0, name="alone")
with tf.GradientTape(persistent=True) as tape:
    h = x @ w + b
    beside = alone * 3.0
    loss = tf.reduce_mean(h * h)
view = TapeView(tape, loss, x=x, h=h, beside=beside, loss=loss)
print(*[s["saying"] for s in view.steps if "summed" in s["saying"]])
view
"""


def seen(lab: LabDriver, selector: str) -> list[str]:
    """The texts that are really to be seen."""
    found = lab.find(f".txm-tape {selector}").all()
    return [(one.text_content() or "").strip() for one in found if one.is_visible()]


def node(lab: LabDriver, state: str) -> list[str]:
    return lab.find(f".txm-tape .node.{state} .name").all_text_contents()


def test_a_tape_is_walked_forward_and_back_by_mouse_and_by_key(lab: LabDriver) -> None:
    lab.show("tape", TAPE)
    saying = lab.find(".txm-tape .saying")
    assert "The tape is blank" in (saying.text_content() or "")
    assert lab.find(".txm-tape .back").is_disabled()
    assert (
        seen(lab, ".line code") == [] and seen(lab, ".hand") == [] and seen(lab, ".gradient") == []
    )
    assert seen(lab, ".value") == ["value 3"]

    following = lab.find(".txm-tape .next")
    following.click()
    assert seen(lab, ".line code") == ["b = a * a"] and seen(lab, ".value") == [
        "value 3",
        "value 9",
    ]
    assert node(lab, "visited") == ["b"]
    lab.both_themes("tape-forward", ".txm-tape")

    lab.find(".txm-tape .turn").click()
    assert len(seen(lab, ".line code")) == 3 and seen(lab, ".gradient") == []
    following.click()
    assert "There the walk starts." in (saying.text_content() or "")
    following.click()
    assert node(lab, "visited") == ["d"] and sorted(node(lab, "receives")) == ["b", "c"]
    assert seen(lab, ".hand") == ["+ 1", "+ 1"]
    following.click()
    assert "So far b has 1 + 9 + 9 = 19." in (saying.text_content() or "")
    assert node(lab, "visited") == ["c"] and node(lab, "receives") == ["b"]
    lab.both_themes("tape-back", ".txm-tape")

    # By keyboard: the slider walks on, and back again.
    lab.find(".txm-tape input.step").focus()
    lab.press("ArrowRight")
    assert "The walk is over: a has 114." in (saying.text_content() or "")
    assert following.is_disabled() and "gradient 114" in seen(lab, ".gradient")
    lab.press("ArrowLeft", "ArrowLeft")
    assert node(lab, "visited") == ["d"] and seen(lab, ".hand") == ["+ 1", "+ 1"]
    assert lab.find(".txm-tape li.now code").text_content() == "d = c + b"
    lab.press("Home")
    assert "The tape is blank" in (saying.text_content() or "")

    # A line of the strip is a button, by mouse or by Tab and Enter.
    lab.find(".txm-tape .line").nth(2).click()
    assert node(lab, "visited") == ["d"] and len(seen(lab, ".line code")) == 3
    following.click()
    lab.find(".txm-tape .line").nth(0).focus()
    lab.press("Enter")
    assert "Back, line 1: b = a * a." in (saying.text_content() or "")
    twin = lab.find(".txm-fallback")
    assert twin.count() == 1 and not twin.is_visible()


def test_tensors_and_values_without_a_way(lab: LabDriver) -> None:
    lab.show("tape-layer", LAYER)
    assert "summed from shape (3, 2) because `b` was copied" in lab.stream(0)
    lab.find(".txm-tape input.step").focus()
    lab.press("End")
    saying = lab.find(".txm-tape .saying").text_content() or ""
    assert saying.endswith("alone has None.")
    assert seen(lab, ".gradient").count("gradient None") == 2
    assert "not followed" in seen(lab, ".gradient")
    assert seen(lab, ".way").count("passed over") == 1
    lab.page.set_viewport_size({"width": 1280, "height": 1500})
    lab.both_themes("tape-layer", ".txm-tape")
    lab.page.set_viewport_size({"width": 1280, "height": 900})


def test_the_lesson_runs_and_its_widgets_answer(lab: LabDriver) -> None:
    lab.open(LESSON)
    lab.run_all()
    assert lab.errors() == []
    assert all(lab.executed())
    cells = nbformat.read(ROOT / LESSON, as_version=4).cells
    at = {cell.id: i for i, cell in enumerate(cells)}
    assert "gradient of d by a: 114.0" in lab.stream(at["own-run"])
    lab.scroll_to(at["twice-view"])
    lab.appears(".txm-tape .next")
    for _ in range(5):
        lab.find(".txm-tape .next").first.click()
    lab.appears(".txm-tape .saying:has-text('a has 4.')")
    lab.both_themes("lesson-04-widget")
    lab.scroll_to(at["predict-order"])
    guess = lab.find(".txm-predict:has-text('line 3 (d)') .guess")
    guess.fill("6")
    guess.press("Enter")
    lab.appears(".txm-predict .reply:has-text('too late')")
    lab.both_themes("lesson-04-predict")
