"""Lesson 06: it runs, it keeps the chapter form, and what it says of traces is what the engine does."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import engine as tf
from course.lab.questions import predictions, questions
from tests.course import lesson

NUMBER = "06"


class TestLesson(lesson.EveryLesson):
    pictures = "GraphView|TraceCache"
    later = r"keras|fit\(|tf\.data|while_loop|debugging|passes"
    picture = 1


def test_what_it_shows(executed):
    def shown(cell: str) -> str:
        return lesson.printed(executed, cell)

    assert shown("dtype").startswith("tracing for int32\n2\n4\ntracing for float32\n5.0\n")
    assert shown("dtype").count("double(") == 2
    eight = [line.split()[-1] for line in shown("eight").splitlines()]
    assert eight == ["drawer", "reused", *["drawer"] * 3, "reused", "drawer", "reused", "5"]
    assert "n = 5: 4 multiplications in the graph, result 32.0" in shown("power")
    assert re.findall(r": (\S+)(?:  graphs: (\d))?\n", shown("mutated")) == [
        ("2.0", ""),
        ("2.0", "1"),
        ("2.0", "2"),
    ]
    assert [line[-1] for line in shown("frozen").splitlines()] == ["3", "3", "4"]
    assert shown("batches") == "tracing for (32, 6)\ntracing for (4, 6)\n"
    assert shown("signature") == "tracing for (None, 6)\ngraphs: 1\n"
    assert shown("refuse").count("TypeError: row_means: its input_signature asks for") == 2
    assert shown("refuse").strip().endswith("mean of a row: [3.5]")
    assert shown("none") == "while tracing: None\nin the graph : 100 and 4\n"
    assert shown("reduce-run") == "tracing for (2, 6)\ntracing for (None, 6)\ngraphs: 2\n"
    assert shown("new-cabinet-run") == "traces: 10\n"
    assert re.findall(r"traces (\d+)", shown("new-cabinet-repair")) == ["10", "1"]
    assert re.findall(r"will (not )?be traced", shown("explain")) == ["not ", "", "", ""]


def test_what_it_measures(executed):
    cost = lesson.printed(executed, "cost-run")
    numbers, tensors = (
        re.search(rf"{what} *: *(\d+) graphs, *(\d+\.\d) ms", cost)
        for what in ("Python numbers", "tensors")
    )
    assert (numbers[1], tensors[1]) == ("200", "1")
    assert re.search(r"ratio \d+, warnings: 1\n", cost) and "drifted was traced 6 times" in cost
    assert "pass tf.constant(5.0)" in " ".join(cost.split())

    before, repaired = (lesson.printed(executed, cell) for cell in ("rate", "rate-repair"))
    rows = re.findall(r"(\d+) graphs, *(\d+) steps a second, w = (\d\.\d+)", before + repaired)
    assert [graphs for graphs, _, _ in rows] == ["100", "1", "1", "1"]
    assert len({w for _, _, w in rows}) == 1, "the repairs change the speed and not the result"


# --- predictions and the quiz, a second time from the engine ---------------------------------------


def traces(function: Any, *calls: tuple[Any, ...]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for args in calls:
            function(*args)
    return function.experimental_get_tracing_count()


def same(x: Any) -> Any:
    return tf.add(x, x)


def batches() -> list[tuple[Any]]:
    return [(tf.zeros([size, 6]),) for _ in range(3) for size in (32, 32, 32, 4)]


def after_a_change() -> int:
    class Settings:
        scale = 2.0

    settings = Settings()
    scaled = tf.function(lambda x, settings: x * settings.scale)
    scaled(tf.constant(1.0), settings)
    settings.scale = 10.0
    return int(scaled(tf.constant(1.0), settings).numpy())


def ten_cabinets() -> int:
    made = []
    for number in range(10):
        made.append(tf.function(same))
        made[-1](tf.constant(float(number)))
    return sum(one.experimental_get_tracing_count() for one in made)


def refused(function: Any, given: Any) -> str:
    try:
        function(given)
    except TypeError:
        return "an error"
    count = function.experimental_get_tracing_count()
    return "it is cast to float32" if count == 1 else "a second graph is traced, for int32"


def answers() -> dict[str, Any]:
    scalar = tf.TensorSpec([], tf.float32)
    descend = tf.function(lambda w, rate: w - rate * w, input_signature=[scalar, scalar])
    signed = tf.function(same, input_signature=[tf.TensorSpec([None, 6], tf.float32)])
    eight = [tf.constant(1), tf.constant(2), tf.constant(2.0), 1, 2, 1]
    eight += [tf.constant([1, 2]), tf.constant([3, 4])]
    w = tf.constant(1.0)
    return {
        "dtype": traces(tf.function(same), *[(tf.constant(v),) for v in (1, 2, 2.5)]),
        "eight": traces(tf.function(same), *[(value,) for value in eight]),
        "mutated": after_a_change(),
        "cost": traces(tf.function(lambda w, k: w + k), *[(w, float(k)) for k in range(200)]),
        "batches": traces(tf.function(same), *batches()),
        "refuse": refused(signed, tf.constant([[1, 2, 3, 4, 5, 6]])),
        "reduce": traces(
            tf.function(same, reduce_retracing=True), *[(tf.zeros([n, 6]),) for n in (2, 3, 4, 50)]
        ),
        "floats": traces(descend, *[(w, 0.02 * 0.99**k) for k in range(100)]),
        "cabinets": ten_cabinets(),
    }


def test_the_answer_to_every_prediction_is_what_the_engine_says():
    assert answers() == {name: one.answer for name, one in predictions(NUMBER).items()}


def options(words: str) -> dict[str, bool]:
    (found,) = [question for question in questions(NUMBER) if words in question.ask]
    return {option.text.strip("`"): option.correct for option in found.options}


def test_the_quiz_marks_right_which_calls_reuse_the_graph():
    for text, correct in options("Which calls reuse that graph").items():
        f = tf.function(lambda x, training: x)
        f(tf.zeros([32, 10]), True)
        eval(text, {"tf": tf, "f": f})
        assert (f.experimental_get_tracing_count() == 1) == correct, text


def test_the_quiz_marks_right_what_the_signature_accepts():
    for text, correct in options("What does it accept").items():
        f = tf.function(same, input_signature=[tf.TensorSpec([None, 3], tf.float32)])
        assert (refused(f, eval(text, {"tf": tf})) != "an error") == correct, text


def test_the_quiz_is_right_about_what_is_fixed_in_a_graph():
    assert options("What of these two arguments")["The dtype and shape of x, and the value of n."]
    power = tf.function(lambda x, n: x * n)
    inputs = power.get_concrete_function(tf.constant([1.0, 2.0]), 3)
    assert [spec.shape.as_list() for spec in inputs.inputs] == [[2]]
    assert "constant 3" in str(inputs.graph)


# --- what the text claims besides ------------------------------------------------------------------


@dataclass(frozen=True)
class Frozen:
    scale: float


def labels_apart(one: Any, other: Any) -> bool:
    function: Callable[..., Any] = tf.function(lambda x: None)
    return traces(function, (one,), (other,)) == 2


def test_the_table_of_labels_is_that_of_the_engine():
    class Plain:
        pass

    plain = Plain()
    for one, other in [(1, 1.0), (1, True), (1.0, True), ("a", "b"), (None, False), ([1], [1, 1]),
                       ([1], (1,)), ([[1], 2], [1, [2]]), ({"a": 1}, {"b": 1}), (plain, Plain()),
                       (Frozen(1.0), Frozen(2.0))]:  # fmt: skip
        assert labels_apart(one, other), (one, other)
    for one, other in [(tf.constant([1]), tf.constant([2])), ("a", "a"), ([1, 2], [1, 2]),
                       ({"a": 1, "b": 2}, {"b": 2, "a": 1}), (plain, plain),
                       (Frozen(1.0), Frozen(1.0)),
                       (tf.constant([1.0, 2.0]).numpy(), tf.constant([3.0, 4.0]))]:  # fmt: skip
        assert not labels_apart(one, other), (one, other)


def test_places_and_names_give_one_label():
    function = tf.function(lambda a, b: a)
    function(1, 2)
    function(b=2, a=1)
    function(1, b=2)
    assert function.experimental_get_tracing_count() == 1


def test_reduce_retracing_is_no_gate():
    function = tf.function(same, reduce_retracing=True)
    assert traces(function, *[(tf.zeros(shape),) for shape in ([2, 6], [3, 6], [3, 7])]) == 3


def test_a_full_cabinet_throws_one_away():
    from engine.function import CACHE_SIZE

    function = tf.function(lambda x: None)
    calls = [(number,) for number in range(CACHE_SIZE + 1)]
    assert traces(function, *calls) == CACHE_SIZE + 1
    assert traces(function, (CACHE_SIZE,)) == CACHE_SIZE + 1
    assert traces(function, (0,)) == CACHE_SIZE + 2
