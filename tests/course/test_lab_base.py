"""What all widgets share: offline files, and a static twin beside the live widget."""

from __future__ import annotations

import re
from typing import Any

import pytest

from course.lab import GraphView, LossCurve, Predict, Quiz, ShapeBoxes, base, questions

WIDGET = "application/vnd.jupyter.widget-view+json"
NODE = {"id": 0, "op": "placeholder", "name": "a", "inputs": [], "shape": "()", "attrs": {}}
GRAPH = {
    "name": "f",
    "nodes": [NODE | {"dtype": "float32", "line": "", "value": ""}],
    "inputs": [0],
    "outputs": [0],
}


def a_prediction() -> Predict:
    chapter = next(f.stem for f in sorted(questions.QUIZZES.glob("*.toml")))
    return Predict(f"{chapter}.{next(iter(questions.predictions(chapter)))}")


MAKERS = {
    "ShapeBoxes": lambda: ShapeBoxes(shape=(2, 3)),
    "GraphView": lambda: GraphView(GRAPH),
    "Quiz": lambda: Quiz("00"),
    "Predict": a_prediction,
}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is displayed, as if in a notebook."""
    bundles: list[dict[str, Any]] = []
    monkeypatch.setattr(base, "in_notebook", lambda: True)
    monkeypatch.setattr(base, "display", lambda bundle, **_options: bundles.append(bundle))
    return bundles


@pytest.mark.parametrize("file", sorted(base.STATIC.iterdir()), ids=lambda file: file.name)
def test_the_files_of_the_widgets_ask_nothing_of_the_network(file: Any) -> None:
    text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[\w.-]+\.\w+/|@import|\bfetch\(|\bimport\s*[({\"']", text)


@pytest.mark.parametrize("name", MAKERS)
def test_a_widget_emits_itself_and_one_static_twin(name: str, shown: list[dict[str, Any]]) -> None:
    widget = MAKERS[name]()
    widget._ipython_display_()
    live, twin = shown
    assert set(live) == {WIDGET}  # words in it would stand twice in an exported copy
    assert f'data-for="{widget._uid}"' in twin["text/html"]
    assert twin["text/plain"].strip()
    assert "<script" not in twin["text/html"]


@pytest.mark.parametrize("name", MAKERS)
def test_outside_a_notebook_a_widget_says_itself_in_words(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    widget = MAKERS[name]()
    widget._ipython_display_()
    assert capsys.readouterr().out.strip() == widget._static()["text/plain"].strip()


def test_a_script_that_fits_with_a_loss_curve_prints_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    curve = LossCurve()
    for step in curve.steps(3):
        curve.log(loss=step)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a `b < c` d", "a <code>b &lt; c</code> d"),
        ("**now** & <i>", "<strong>now</strong> &amp; &lt;i&gt;"),
        ("see\n```python\nx = **y**\n```\nend", "see\n<pre>x = **y**</pre>end"),
    ],
)
def test_rich_text_is_escaped_and_keeps_code_as_it_is(text: str, html: str) -> None:
    assert base.rich_html(text) == html
