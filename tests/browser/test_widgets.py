"""The other widgets in a real browser: drawn, used by mouse and by keyboard, quiet, offline.

That nothing is requested from outside and that the console stays clean is checked after every
test, by the fixture `lab`.
"""

from __future__ import annotations

import json

import pytest
from lab_driver import LabDriver

from course.lab import questions

pytestmark = pytest.mark.browser


def focused(lab: LabDriver, what: str) -> str:
    """An attribute of the element that has the focus."""
    return lab.page.evaluate("name => document.activeElement.getAttribute(name)", what)


def test_shape_boxes_tell_index_and_value_and_follow_rank_and_shape(lab: LabDriver) -> None:
    lab.show(
        "boxes",
        "import engine as tf\nfrom course.lab import ShapeBoxes\n"
        "ShapeBoxes(tf.constant([[10, 20], [30, 40], [50, 60]]))",
    )
    reading = lab.find(".txm-boxes .reading")
    lab.find(".txm-boxes .cell[data-index='2,1']").hover()
    assert reading.text_content() == "t[2, 1] is 60"

    lab.find(".txm-boxes .cell[data-index='0,0']").focus()
    lab.press("ArrowDown", "ArrowRight", "ArrowRight")
    assert focused(lab, "data-index") == "1,1"
    assert reading.text_content() == "t[1, 1] is 40"

    shape = lab.find(".txm-boxes input.shape")
    shape.fill("2, 3")
    shape.press("Enter")
    lab.appears(".txm-boxes .cell[data-index='1,2'][data-value='60']")
    assert "a reshape" in (lab.find(".txm-boxes .note").text_content() or "")

    shape.fill("two")
    shape.press("Enter")
    lab.appears(".txm-boxes .problem:has-text(\"'two' is not a size\")")
    assert lab.find(".txm-boxes .cell").count() == 6

    rank = lab.find(".txm-boxes input.rank")
    rank.focus()
    lab.press("ArrowRight", "ArrowRight")
    lab.appears(".txm-boxes .count:has-text('2 \u00d7 2 \u00d7 2 \u00d7 3 = 24 elements')")
    assert lab.find(".txm-boxes .cell").count() == 24
    assert shape.input_value() == "2, 2, 2, 3"
    lab.both_themes("shape-boxes", ".txm-boxes")


def test_shape_boxes_answer_while_another_cell_is_running(lab: LabDriver) -> None:
    lab.open(
        lab.write(
            "boxes-busy.ipynb",
            [
                "from course.lab import ShapeBoxes\nimport time\nboxes = ShapeBoxes(shape=(3,))",
                "boxes",
                "while boxes.shape_text != '4, 5':\n    time.sleep(0.01)\nprint('seen')",
            ],
        )
    )
    lab.run_all(wait=False)
    shape = lab.find(".txm-boxes input.shape")
    shape.fill("4, 5")
    shape.press("Enter")
    lab.wait_idle()
    assert lab.stream(2) == "seen\n"
    assert lab.find(".txm-boxes .cell").count() == 20


GRAPH = """import engine as tf
from course.lab import GraphView

@tf.function
def f(a, b):
    return a + b * a

concrete = f.get_concrete_function(tf.ones([5, 2]), tf.ones([5, 2]))
GraphView(concrete, values=["ones", "twos", "[[2. 2.] ...", "[[3. 3.] ..."])
"""


def test_a_graph_can_be_walked_by_mouse_and_keyboard_and_run_node_by_node(lab: LabDriver) -> None:
    lab.show("graph", GRAPH)
    panel = lab.find(".txm-graph .panel")
    lab.find(".txm-graph .node:has-text('multiply')").click()
    text = panel.inner_text()
    assert "multiply" in text and "(5, 2)" in text and "float32" in text and ":6" in text

    lab.press("ArrowDown")
    assert "output" in panel.inner_text()
    lab.press("ArrowUp", "ArrowUp")
    chosen = lab.find(".txm-graph .node.chosen .title").text_content()
    assert chosen in ("a", "b")
    lab.press("ArrowRight" if chosen == "a" else "ArrowLeft")
    assert lab.find(".txm-graph .node.chosen .title").text_content() == (
        "b" if chosen == "a" else "a"
    )

    saying = lab.find(".txm-graph .saying")
    assert lab.find(".txm-graph .back").is_disabled()
    for _ in range(3):
        lab.find(".txm-graph .next").click()
    assert saying.text_content() == (
        "Step 3 of 4: multiply computes multiply from b and a, and holds [[2. 2.] ...."
    )
    assert lab.find(".txm-graph .node.done").count() == 3
    assert lab.find(".txm-graph .node.todo").count() == 1
    lab.both_themes("graph-view", ".txm-graph")
    lab.find(".txm-graph input.step").focus()
    lab.press("ArrowRight")
    assert lab.find(".txm-graph .next").is_disabled()
    assert "Step 4 of 4: add" in (saying.text_content() or "")


def answers(chapter: str, right: bool) -> list[list[str]]:
    """For each question the texts of the right options, or of one wrong one."""
    return [
        [option.text for option in question.options if option.correct == right][
            : None if right else 1
        ]
        for question in questions.questions(chapter)
    ]


def some_prediction(kind: str | None = None) -> str:
    """The name of a prediction of the course, such as "01.rank"."""
    return next(
        f"{file.stem}.{key}"
        for file in sorted(questions.QUIZZES.glob("*.toml"))
        for key, one in questions.predictions(file.stem).items()
        if kind in (None, one.kind)
    )


def plain(text: str) -> str:
    return text.replace("`", "").replace("**", "")


def choose(lab: LabDriver, number: int, texts: list[str]) -> None:
    block = lab.find(".txm-quiz .question").nth(number)
    for box in block.locator("input[type=checkbox]:checked").all():
        box.uncheck()
    for text in texts:
        block.get_by_label(plain(text), exact=True).check()
    block.locator(".check").click()


def test_a_quiz_gives_reasons_counts_first_answers_and_records(lab: LabDriver) -> None:
    lab.progress_file.unlink(missing_ok=True)
    lab.show("quiz", "from course.lab import Quiz\nQuiz('00')")
    right, wrong = answers("00", True), answers("00", False)
    block = lab.find(".txm-quiz .question")
    assert block.count() == len(right)
    assert block.first.locator(".check").is_disabled()

    choose(lab, 0, wrong[0])
    block.nth(0).locator(".is-wrong .why").wait_for()
    assert block.nth(0).locator(".why:not(:empty)").count() == 1
    choose(lab, 0, right[0])
    block.nth(0).locator(".verdict:has-text('The first answer counts')").wait_for()
    for number in range(1, len(right)):
        choose(lab, number, right[number])
        block.nth(number).locator(".verdict:has-text('Right.')").wait_for()
    score = f"{len(right) - 1} of {len(right)} right at the first answer"
    lab.appears(f".txm-quiz .score:has-text('{score}')")
    lab.page.set_viewport_size({"width": 1280, "height": 1600})
    lab.both_themes("quiz", ".txm-quiz")
    lab.page.set_viewport_size({"width": 1280, "height": 900})
    (line,) = lab.progress_file.read_text().splitlines()
    attempt = json.loads(line)
    assert (attempt["task"], attempt["points"]) == ("00.quiz", len(right) - 1)

    lab.find(".txm-quiz .again").click()
    lab.until("() => !document.querySelector('.txm-quiz .why:not(:empty)')")
    # By keyboard alone: Tab to the first option, Space takes it, Tab to the button, Enter.
    block.nth(0).locator("input").first.focus()
    lab.press("Space", "Tab", "Enter")
    block.nth(0).locator(".why:not(:empty)").wait_for()


def test_a_prediction_is_asked_for_before_the_answer_shows(lab: LabDriver) -> None:
    name = some_prediction("number")
    chapter, _, key = name.partition(".")
    lab.show("predict", f"from course.lab import Predict\nPredict({name!r})")
    why = plain(questions.predictions(chapter)[key].why)[:40]
    assert why not in lab.find(".txm-predict").inner_text()
    assert lab.find(".txm-predict .commit").is_disabled()
    guess = lab.find(".txm-predict .guess")
    guess.fill("many")
    guess.press("Enter")
    lab.appears(".txm-predict .reply:has-text('is not a number')")
    guess.fill("12345")
    guess.press("Enter")
    lab.appears(".txm-predict .reply:has-text('You said 12345')")
    assert why in lab.find(".txm-predict").inner_text()
    lab.both_themes("predict", ".txm-predict")
    saved = json.dumps(lab.outputs())
    assert why not in saved


def test_every_twin_is_hidden_while_alive_and_shown_when_reopened(lab: LabDriver) -> None:
    cells = [
        "from course.lab import GraphView, Predict, Quiz, ShapeBoxes",
        "ShapeBoxes(shape=(2, 3))",
        GRAPH,
        "Quiz('00')",
        f"Predict({some_prediction()!r})",
    ]
    path = lab.write("twins.ipynb", cells)
    lab.open(path)
    lab.run_all()
    assert lab.errors() == []
    assert lab.find(".txm").count() == 4
    twins = lab.find(".txm-fallback")
    assert twins.count() == 4
    assert not any(twin.is_visible() for twin in twins.all())
    lab.save()
    lab.close()
    lab.open(path)
    dead = lab.find(".jupyter-widgets:has-text('Error displaying widget')")
    lab.keep_trying(lambda: dead.count() == 4)
    assert all(twin.is_visible() for twin in twins.all())
    assert not any(line.is_visible() for line in dead.all())
    lab.page.set_viewport_size({"width": 1280, "height": 1800})
    lab.both_themes("reopened")
    lab.page.set_viewport_size({"width": 1280, "height": 900})
    lab.console_errors[:] = [e for e in lab.console_errors if "widget model not found" not in e]
