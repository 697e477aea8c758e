"""Lesson 07: it runs, it keeps the chapter form, and what it says is true.

What a learner reads as an answer is computed here a second time, from the engine or with NumPy, and
never by the cell that shows it. Times are not compared: only that they are there.
"""

from __future__ import annotations

import re
import tracemalloc
from typing import Any

import numpy as np

import engine as tf
from course.lab.questions import predictions, questions
from engine.graph.passes.fusion import fuse
from engine.graph.tiers import calls_that_pay
from tests.course import lesson

MILLION = 1_000_000


class TestLesson(lesson.EveryLesson):
    pictures = "PassView"
    least = 3
    later = r"keras|fit\(|tf\.data|Adam|Dense|GradientTape"


def test_no_time_is_told_in_the_text() -> None:
    assert not re.findall(r"\d+ ?(?:ms|µs|seconds?|times as)\b", lesson.prose("07"))


# --- what the cells show --------------------------------------------------------------------------


def test_the_passes_and_the_laws(executed: Any) -> None:
    passes = lesson.printed(executed, "passes")
    assert "share_duplicates: 6 -> 4 operations" in passes and "constant 0.25" in passes
    assert lesson.printed(executed, "own-simplify") == "([('t1', 'add', 'x', 2.0)], 't1')\n"
    rows = lesson.printed(executed, "laws").splitlines()
    hard = np.array([1, 5, -0.0, np.inf, np.nan], np.float32)
    third, zero = np.float32(1) / np.float32(3), np.zeros(5, np.float32)
    with np.errstate(all="ignore"):
        sides = [
            (hard * 1, hard),
            (hard - np.float32(0), hard),
            (hard + np.float32(0), hard),
            (hard * 0, zero),
            (hard - hard, zero),
            (hard / 8, hard * np.float32(0.125)),
            (hard / 3, hard * third),
        ]
    for row, (one, other) in zip(rows, sides, strict=True):
        pairs = zip(hard, one, other, strict=True)
        wrong = [str(x) for x, a, b in pairs if a.tobytes() != b.tobytes()]
        assert f"wrong for {', '.join(wrong) or 'no x'} " in row
        # The engine applies exactly those laws that are never wrong.
        kept = re.search(r"runs \['(\w+)'\]", row)
        applied = kept is None or kept[1] not in row_operation(row)
        assert applied == (not wrong), row


def row_operation(row: str) -> str:
    """What the left side of a law is written with."""
    words = {"*": "multiply", "-": "subtract", "+": "add", "/": "divide"}
    return words[row.split()[1]]


def test_the_failures_of_production_show_and_are_repaired(executed: Any) -> None:
    eager, graph = re.findall(r"[\d.]+", lesson.printed(executed, "bench-trace"))
    assert float(eager) > 0 and float(graph) > 0
    assert lesson.printed(executed, "bench-constant").count(" 0 operations left") == 3
    repaired = re.findall(
        r"(\d+) operations left", lesson.printed(executed, "bench-constant-repair")
    )
    assert repaired == ["2", "11", "101"]
    assert lesson.printed(executed, "hidden-nan") == "as written: nan\nfast      : 0.25\n"
    assert lesson.printed(executed, "hidden-repair") == "engine: nan\n"
    for cell in ("first-request", "first-call-repair"):
        assert len(re.findall(r"'[\d.]+'", lesson.printed(executed, cell))) == 5


def test_the_table_has_a_figure_for_every_mode(executed: Any) -> None:
    rows = lesson.printed(executed, "table").splitlines()[1:]
    assert len(rows) == 8
    for figures, verdict in zip(rows[::2], rows[1::2], strict=True):
        assert re.search(r"(?: +[\d.]+){3} +[\d,]+ +(?:[\d,]+ calls|never)$", figures), figures
        assert re.search(r"fastest: (eager|graph|kernels)", verdict)


def test_the_counter_switches_at_the_call_that_the_text_names(executed: Any) -> None:
    shown = lesson.printed(executed, "switch")
    function = tf.function(smooth)
    pays = calls_that_pay(function.get_concrete_function(tf.ones([MILLION])).optimized)
    assert f"kernels pay after {pays:.1f} calls" in shown
    assert re.search(r"typical before [\d.]+ ms, after [\d.]+ ms: \d+ times as fast here", shown)


def test_three_places_are_enough_for_four_arrays(executed: Any) -> None:
    text = lesson.printed(executed, "plan")
    assert "4 arrays in 3 places" in text
    used = text.index("fused_1(v6, v5, v10)")
    assert "v6" not in text[used + len("fused_1(v6, v5, v10)") :], "v6 is read again"
    assert "out=v11" in text[used:]


def test_only_the_kernel_of_exp_differs_from_eager_code(executed: Any) -> None:
    rows = lesson.printed(executed, "same-bits").splitlines()
    assert rows[0] == "smooth: largest relative difference 0.0e+00"
    assert 0 < float(rows[1].split()[-1]) < 1e-6


# --- predictions ----------------------------------------------------------------------------------


def smooth(x: Any) -> Any:
    return tf.sqrt(x * x + 1.0) * 0.5 - x / 3.0 + 0.1


def operations_left() -> int:
    def score(x: Any) -> Any:
        root: Any = tf.sqrt(tf.constant(16.0))
        scale = root / 2.0
        total: Any = tf.exp(x * scale) + tf.exp(x * scale)
        return total * 1.0 / 4.0

    concrete = tf.function(score).get_concrete_function(tf.ones([7]))
    assert len(concrete.graph.operations) == 9
    return len(concrete.optimized.operations)


def draws_left() -> int:
    def draw() -> Any:
        one: Any = tf.random.normal([3])
        return one - tf.random.normal([3])

    function = tf.function(draw)
    graph = function.get_concrete_function().optimized
    return [node.op for node in graph.operations].count("random_normal")


def only_exact_law() -> str:
    """Of the laws in the question the one that never changes a bit, tried on many floats."""
    bits = np.random.default_rng(2).integers(0, 2**32, 100_000, dtype=np.uint32)
    x = np.concatenate(
        [bits.view(np.float32), np.array([0, -0.0, 1, 5, np.inf, -np.inf], np.float32)]
    )
    x = x[~np.isnan(x)]
    zero = np.zeros_like(x)
    with np.errstate(all="ignore"):
        sides = {
            "x * 0 becomes 0": (x * np.float32(0), zero),
            "x - x becomes 0": (x - x, zero),
            "x + 0 becomes x": (x + np.float32(0), x),
            "x / 8 becomes x * 0.125": (x / np.float32(8), x * np.float32(0.125)),
            "x / 3 becomes x * (1/3)": (x / np.float32(3), x * (np.float32(1) / np.float32(3))),
        }
    (exact,) = [law for law, (a, b) in sides.items() if a.tobytes() == b.tobytes()]
    return exact


def loops_around_a_sine() -> int:
    def wave(x: Any) -> Any:
        a = x * 2.0 + 1.0
        return a * tf.sin(a) - 3.0

    graph = fuse(tf.function(wave).get_concrete_function(tf.ones([10])).optimized)
    return [node.op for node in graph.operations].count("fused")


def peak() -> int:
    compiled, x = tf.function(smooth, jit_compile=True), tf.ones([MILLION])
    compiled(x)
    tracemalloc.start()
    compiled(x)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return round(most / 1e6)


def when_it_becomes_faster() -> str:
    function, x = tf.function(smooth), tf.ones([MILLION])
    concrete = function.get_concrete_function(x)
    fused_at = []
    for call in range(1, 41):
        function(x)
        if any(stage.name == "fuse" for stage in concrete.passes):
            fused_at.append(call)
    assert fused_at == list(range(fused_at[0], 41))
    return "all at once, at some call in between" if 2 < fused_at[0] < 40 else "another time"


def least_to_gain() -> str:
    """How many operations each function has left once fused: one that stays one gains nothing."""

    def thirty(x: Any) -> Any:
        for _ in range(10):
            x = tf.abs(x * 0.9 + 0.5)
        return x

    cases = {
        "thirty elementwise operations on one number": (thirty, [1]),
        "thirty elementwise operations on 100,000 numbers": (thirty, [100_000]),
        "one product of two 400 by 400 matrices": (lambda x: tf.linalg.matmul(x, x), [400, 400]),
    }
    saved = {}
    for words, (function, dims) in cases.items():
        concrete = tf.function(function).get_concrete_function(tf.ones(dims))
        before = concrete.optimized
        saved[words] = len(before.operations) - len(fuse(before).operations)
        kernels = (
            tf.function(function, jit_compile=True).get_concrete_function(tf.ones(dims)).kernels
        )
        assert bool(kernels) == (saved[words] > 0)
    return min(saved, key=lambda words: saved[words])


def test_the_answer_to_every_prediction_is_what_the_engine_says() -> None:
    a, b, c = np.float32(1e8), np.float32(-1e8), np.float32(1)
    assert (a + b) + c == 1
    arrays = 4 * MILLION / 1e6
    assert {key: one.answer for key, one in predictions("07").items()} == {
        "left": operations_left(),
        "draws": draws_left(),
        "order": a + (b + c),
        "laws": only_exact_law(),
        "traffic": arrays + arrays,
        "around": loops_around_a_sine(),
        "peak": peak(),
        "switch": when_it_becomes_faster(),
        "least": least_to_gain(),
    }


# --- quiz -----------------------------------------------------------------------------------------


def the_question(words: str) -> Any:
    (found,) = [question for question in questions("07") if words in question.ask]
    return found


def test_the_quiz_marks_right_what_keeps_every_bit() -> None:
    x = np.array([*range(1, 100), -0.0, np.inf, np.nan], np.float32)
    a, b, c = np.float32(1e8), np.float32(-1e8), np.float32(1)
    with np.errstate(all="ignore"):
        same = {
            "Replace `x * 1.0` by `x`.": (x * 1).tobytes() == x.tobytes(),
            "Compute `tf.exp(x)` once where it is written twice.": np.exp(x).tobytes()
            == np.exp(x).tobytes(),
            "Replace `(a + b) + c` by `a + (b + c)`.": (a + b) + c == a + (b + c),
            "Replace `x - x` by 0.": bool(np.all(x - x == 0)),
            "Replace `x / 5.0` by `x * 0.2`.": (x / np.float32(5)).tobytes()
            == (x * np.float32(0.2)).tobytes(),
        }
    options = the_question("without changing a bit").options
    assert {option.text: option.correct for option in options} == same


def test_the_quiz_counts_the_operations_that_are_left() -> None:
    question = the_question("How many operations are left")
    names: dict[str, Any] = {"tf": tf}
    source = question.ask.split("```")[1].replace("@tf.function\n", "")
    exec(source, names)
    left = tf.function(names["f"], autograph=False).get_concrete_function(tf.ones([3])).optimized
    (right,) = [option.text for option in question.options if option.correct]
    assert right == f"{len(left.operations)}: {', '.join(n.op for n in left.operations)}"


def test_the_sort_of_the_quiz_stands_between_two_loops() -> None:
    """With something elementwise after exp and after the difference, there are two kernels."""

    def f(x: Any) -> Any:
        e: Any = tf.exp(x) * 1.5
        s: Any = tf.sort(e)
        return (s - e) * 0.5

    graph = fuse(tf.function(f).get_concrete_function(tf.ones([5])).optimized)
    assert [node.op for node in graph.operations].count("fused") == 2
