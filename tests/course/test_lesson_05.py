"""Lesson 05: it runs, it keeps the chapter form, and what it says is true.

Predictions and quiz answers are computed here a second time, from the engine and not from the
lesson, so that neither can drift away from what the learner will see.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import engine as tf
from course.lab.questions import predictions, questions
from tests.course import lesson


class TestLesson(lesson.EveryLesson):
    pictures = "GraphView"
    later = r"input_signature|TensorSpec|tracing_count|reduce_retracing|keras|fit\("
    picture = 1
    able = 20  # chapters.toml says the rest in fewer words


def test_what_it_shows(executed):
    assert lesson.printed(executed, "print-once") == "Python is running\n15\n28\n10\n"
    assert lesson.printed(executed, "trace-run").count("Python is running") == 1
    assert lesson.printed(executed, "run-program") == "15\n28\n"
    assert lesson.printed(executed, "print-op") == "value: 1\nvalue: 2\nvalue: 3\n"
    assert "v1 * v0" in lesson.printed(executed, "source-print")
    assert lesson.printed(executed, "clock").strip().endswith("True")
    assert lesson.printed(executed, "clock-repair").strip().endswith("False")
    assert re.search(r"1 numbers: .* eager/graph \d+\.\d", lesson.printed(executed, "speed-run"))
    for cell in ("no-numpy", "no-if", "leak-run"):
        assert "Error: " in lesson.printed(executed, cell)


def outcome(run: Callable[[], Any]) -> str:
    try:
        return str(run())
    except (tf.errors.OpError, ValueError, TypeError):
        return "an error"


def prints_in_three_calls() -> int:
    seen: list[str] = []

    @tf.function
    def simple_math(a: Any, b: Any) -> Any:
        seen.append("Python is running")
        return a + b * a

    for a, b in [(5, 2), (7, 3), (10, 0)]:
        assert simple_math(tf.constant(a), tf.constant(b)).numpy() == a + b * a
    return len(seen)


def own_tracer_with_a_number_from_outside() -> int:
    names: dict[str, Any] = {}
    (tracer,) = [cell for cell in lesson.code("05") if cell.id == "symbol"]
    exec(tracer.source, names)
    factor = 3
    program, output = names["trace"](lambda a, b: a * factor + b)
    factor = 100
    values: dict[Any, Any] = {"a": 5, "b": 2}
    for result, op, left, right in program:
        x, y = values.get(left, left), values.get(right, right)
        values[result] = {"mul": x * y, "add": x + y}[op]
    return values[output]


def noise_of_four_calls() -> str:
    noise = np.random.default_rng(0)
    traced = tf.function(lambda x: x + noise.random())
    different = {float(traced(tf.constant(0.0))) for _ in range(4)}
    return "the same number four times" if len(different) == 1 else "four different numbers"


def line_after_both_were_changed() -> int:
    factor, offset = 3, tf.Variable(10)
    line = tf.function(lambda x: x * factor + offset)
    line(tf.constant(1))
    factor = 100
    offset.assign(20)
    return line(tf.constant(1)).numpy()


def two_counters() -> tuple[int, int]:
    python_steps, steps = [], tf.Variable(0)

    @tf.function
    def train_step(x: Any) -> Any:
        python_steps.append(1)
        steps.assign_add(1)
        return x * 0.5

    for _ in range(100):
        train_step(tf.constant(1.0))
    return len(python_steps), steps.numpy()


def gain(size: int, repeats: int) -> float:
    """Eager time over graph time of forty operations, each the best of interleaved rounds."""

    def eager(x: Any) -> Any:
        for _ in range(20):
            x = x * 1.01 + 0.5
        return x

    def seconds(function: Any) -> float:
        start = time.perf_counter()
        for _ in range(repeats):
            function(x)
        return time.perf_counter() - start

    graph, x = tf.function(eager, jit_compile=False), tf.ones([size])
    graph(x)
    rounds = [(seconds(eager), seconds(graph)) for _ in range(7)]
    return min(e for e, _ in rounds) / min(g for _, g in rounds)


def answers() -> dict[str, Any]:
    choose = tf.function(lambda x: x if x > 0 else -x, autograph=False)
    by_if = outcome(lambda: choose(tf.constant(-3.0)))
    return {
        "print": prints_in_three_calls(),
        "baked": own_tracer_with_a_number_from_outside(),
        "append": two_counters()[0],
        "random": noise_of_four_calls(),
        "capture": line_after_both_were_changed(),
        "count": "Python counter {}, Variable {}".format(*two_counters()),
        "if": "an error while tracing" if by_if == "an error" else by_if,
        "speed": "on one number" if gain(1, 200) > gain(1_000_000, 2) else "on a million numbers",
    }


def test_the_answer_to_every_prediction_is_what_the_engine_says():
    assert answers() == {name: one.answer for name, one in predictions("05").items()}


def the_question(words: str) -> Any:
    (found,) = [question for question in questions("05") if words in question.ask]
    return found


def test_the_quiz_shows_the_source_that_the_engine_writes():
    v = tf.Variable(1.0)
    function = tf.function(lambda x: x * x + v)
    lines = function.get_concrete_function(tf.constant(2.0)).source.splitlines()
    asked = the_question("generated source").ask
    for line in lines[1:]:
        assert line.split("  #")[0].strip() in asked
    assert "(v0):" in lines[0] and "(v0):" in asked


def test_the_quiz_on_shape_branches_is_right():
    function = tf.function(lambda x: x if x.shape.rank == 2 else -x)
    assert function(tf.constant(3.0)).numpy() == -3
    assert function(tf.constant([[3.0]])).numpy() == 3
