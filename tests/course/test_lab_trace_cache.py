"""The trace-cache table: its drawers, labels and counts are those of the engine's own cache."""

from __future__ import annotations

import re
from typing import Any

import pytest

import engine as tf
from course.lab import TraceCache
from course.lab.trace_cache import written

weight = tf.constant(3.0)


def step(w: Any, rate: Any = 0.5) -> Any:
    return w - rate * w


def several(x: Any, *, flag: bool = False) -> Any:
    return tf.nest.flatten(x)[0]


NUMBERS = ["weight, 0.5", "weight, 0.4", "weight, 0.5"]
TENSORS = [f"weight, tf.constant({rate})" for rate in (0.5, 0.4, 0.5)]


def table(**options: Any) -> TraceCache:
    return TraceCache(step, {"numbers": NUMBERS, "tensors": TENSORS}, **options)


def play(widget: TraceCache) -> list[dict[str, Any]]:
    for _ in widget.loops[widget.loop]["calls"]:
        widget.next()
    return widget.state["rows"]


def engine_count(calls: list[str], **options: Any) -> int:
    traced = tf.function(step, **options)
    for call in calls:
        eval(f"traced({call})", {"tf": tf, "weight": weight, "traced": traced})
    return traced.experimental_get_tracing_count()


def test_numbers_fill_drawers_and_tensors_share_one() -> None:
    widget = table()
    rows = play(widget)
    assert [row["label"] for row in rows] == [
        "w: float32 (), rate: 0.5",
        "w: float32 (), rate: 0.4",
    ]
    assert [row["calls"] for row in rows] == [2, 1]
    assert len(rows) == engine_count(NUMBERS) == 2
    assert [(one["row"], one["new"]) for one in widget.state["made"]] == [
        (0, True),
        (1, True),
        (0, False),
    ]
    assert widget.state["used"] == 0 and "opened drawer 1" in widget.state["said"]
    assert "constant 0.4" in rows[1]["graph"] and rows[1]["operations"] == 2
    assert rows[0]["fastest"] > 0 and rows[1]["fastest"] is None
    assert rows[0]["ms"] + rows[1]["ms"] == pytest.approx(widget.state["building"])

    widget.choose(1)
    assert widget.state["rows"] == [] and widget.state["made"] == []
    (row,) = play(widget)
    assert (row["label"], row["calls"]) == ("w: float32 (), rate: float32 ()", 3)
    assert "placeholder rate" in row["graph"] and engine_count(TENSORS) == 1


def test_next_does_nothing_at_the_end_of_the_loop() -> None:
    widget = table()
    play(widget)
    before = widget.state
    widget.next()
    assert widget.state == before


def test_a_call_of_ones_own_is_no_step_of_the_loop() -> None:
    widget = table()
    widget.next()
    widget.call("weight, rate=0.5")
    widget.call("weight")
    assert [(one["row"], one["new"]) for one in widget.state["made"]] == [
        (0, True),
        (0, False),
        (0, False),
    ]
    widget.next()
    assert widget.state["made"][-1]["text"] == NUMBERS[1]


@pytest.mark.parametrize(
    ("text", "says"),
    [("weight, 1", "will be traced"), ("weight, 0.5", "will not be traced")],
)
def test_asking_explains_and_traces_nothing(text: str, says: str) -> None:
    widget = table()
    widget.next()
    widget.ask(text)
    assert says in widget.state["said"]
    assert len(widget.state["rows"]) == 1 and len(widget.state["made"]) == 1


@pytest.mark.parametrize("do", ["call", "ask"])
@pytest.mark.parametrize(
    ("text", "problem"),
    [("weigth", "NameError"), ("(", "SyntaxError"), ("", "TypeError"), ("weight, rat=1", "rat")],
)
def test_what_cannot_be_called_is_said_and_changes_no_drawer(
    do: str, text: str, problem: str
) -> None:
    widget = table()
    widget.next()
    getattr(widget, do)(text)
    assert problem in widget.state["problem"]
    assert len(widget.state["rows"]) == 1 and widget.state["used"] == -1


def test_the_warning_of_the_engine_is_shown_at_the_sixth_trace() -> None:
    widget = TraceCache(step, {"numbers": [f"weight, {k}.5" for k in range(7)]})
    said = []
    for _ in range(7):
        widget.next()
        said.append(widget.state["warned"])
    assert "step was traced 6 times" in said[5] and not any(said[:5] + said[6:])


def test_options_reach_the_function() -> None:
    sizes = [f"tf.zeros([{size}])" for size in (2, 3, 4)]
    rows = play(TraceCache(step, {"sizes": sizes}, reduce_retracing=True))
    assert [row["label"] for row in rows] == [
        "w: float32 (2,), rate: 0.5",
        "w: float32 (None,), rate: 0.5",
    ]
    assert [row["calls"] for row in rows] == [1, 2]


def test_labels_tell_nesting_and_names_apart() -> None:
    calls = ["[weight, 1]", "(weight, 1)", "{'a': weight}", "[[weight], 1]", "weight, flag=True"]
    labels = [row["label"] for row in play(TraceCache(several, {"calls": calls}))]
    assert labels == [
        "x: [float32 (), 1], flag: False",
        "x: (float32 (), 1), flag: False",
        "x: {'a': float32 ()}, flag: False",
        "x: [[float32 ()], 1], flag: False",
        "x: float32 (), flag: True",
    ]
    assert written((tf.TensorSpec([2]),)) == "(float32 (2,),)"
    assert len(written("x" * 500)) <= 60


def test_a_decorated_function_is_refused() -> None:
    with pytest.raises(TypeError, match="plain Python function"):
        TraceCache(tf.function(step), {"numbers": NUMBERS})


def test_the_twin_shows_every_loop_played_to_its_end() -> None:
    twin = table()._static()
    for text in twin.values():
        assert "step, numbers: 3 calls, 2 drawers" in text
        assert "step, tensors: 3 calls, 1 drawer" in text
        assert "w: float32 (), rate: 0.4" in text
    rows = re.findall(r"<tr><td>(\d)</td>.*?</tr>", twin["text/html"])
    assert rows == ["1", "2", "1"]


def test_messages_of_the_page_are_obeyed() -> None:
    widget = table()
    for content in (
        {"do": "next"},
        {"do": "call", "text": "weight, 7"},
        {"do": "ask", "text": "weight, 8"},
    ):
        widget._on_message(None, content, None)
    assert len(widget.state["rows"]) == 2 and "will be traced" in widget.state["said"]
    widget._on_message(None, {"do": "choose", "loop": 1}, None)
    assert widget.loop == 1 and widget.state["rows"] == []
