"""Lesson 04: it runs, it keeps the chapter form, and what it says of tapes is what the engine does."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as tf
from course.lab.questions import predictions, questions
from course.lab.tape_steps import walk
from tests.course import lesson

NUMBER = "04"


class TestLesson(lesson.EveryLesson):
    pictures = "TapeView"
    later = r"tf\.function|tf\.Module|keras|optimizers\.|fit\(|tf\.data|while_loop|vectorized_map"


def test_what_it_shows(executed):
    def shown(cell: str) -> str:
        return lesson.printed(executed, cell)

    assert shown("twice") == "c = 12.0   gradient of c by a: 4.0\n" and shown("nudge") == "4.0\n"
    assert "gradient of d by a: 114.0\ngradient of b by c: None\n" in shown("own-run")
    assert re.findall(r"'a': (\S+)\}", shown("order-run")) == ["114.0", "6.0"]
    assert re.findall(r"(\d+) visits", shown("ways")) == [str(2 ** (n + 1) - 1) for n in (2, 8, 16)]
    assert shown("watch") == "not watched: None\nwatched:     6.0\n"
    assert shown("second-call").startswith("by w: 42.0\nRuntimeError: gradient: a tape that is not")
    assert "one walk: 42.0 14.0\ntwo targets: 42.0 3.0\n" in shown("second-call-repair")
    two_rows = [re.findall(r"-?\d\.\d+", line) for line in shown("vjp-run").splitlines()]
    np.testing.assert_allclose(*[np.array(row, float) for row in two_rows], rtol=1e-4)
    assert re.findall(r"\d+", shown("vjp-size")) == ["1000000", "1000", "1000"]
    assert shown("matmul-run") == "equal: True   shape of dw: (3, 2)\n"
    assert shown("bias").count("[3. 4.]") == 2 and "by b: [4. 4. 4.]" in shown("bias")
    assert shown("outside-run") == "None\n"
    assert re.findall(r"value (\S+)  slope (\S+)", shown("custom-plain"))[1] == ("inf", "nan")
    assert re.findall(r"value (\S+)  slope (\S+)", shown("custom-run"))[1] == ("100.0", "1.0")
    checks = [line.split()[-3] == line.split()[-1] for line in shown("check-run").splitlines()]
    assert checks == [True, True, False]


def test_every_cause_of_none_is_shown_named_and_repaired(executed):
    def asked(cell: str) -> dict[str, str]:
        lines = lesson.printed(executed, cell).splitlines()
        return dict(line.split(": ") for line in lines if re.match(r"[\w. ]+: \S+$", line))

    for part, names in [
        ("source", ["constant", "frozen", "whole number", "was a variable"]),
        ("path", ["NumPy", "Python", "assigned"]),
        ("stop", ["rounded", "whole numbers in between", "accuracy", "stopped"]),
    ]:
        assert asked(f"none-{part}-run") == dict.fromkeys(names, "None")
        repaired = asked(f"none-{part}-repair").values()
        assert repaired and all(np.isfinite(float(value)) for value in repaired)
    cells = [cell for cell in executed.cells if cell.id.startswith("none-") and "outputs" in cell]
    said = " ".join(" ".join(lesson.printed(executed, cell.id) for cell in cells).split())
    for words in ("not watched", "not trainable", "dtype int32", "assign_sub", "left for NumPy",
                  "variable 'box:0'", "floor, which is not differentiable", "cast with the dtype",
                  "greater, which", "stop_gradient", "never read while"):  # fmt: skip
        assert words in said, words
    assert lesson.printed(executed, "none-outside").endswith("10.0\n")


def losses(text: str) -> list[tuple[float, float]]:
    return [(float(a), float(b)) for a, b in re.findall(r"loss (\S+)  first weight (\S+)", text)]


def test_a_cut_layer_stays_and_the_loss_falls_all_the_same(executed):
    cut = losses(lesson.printed(executed, "silent-run"))
    gate = lesson.printed(executed, "silent-gate")
    stopped, whole = losses(gate)[:1], losses(gate)[1:]
    assert len(cut) == len(whole) == 5 and cut[0] == stopped[0] == whole[0]
    assert [loss for loss, _ in cut] == sorted((loss for loss, _ in cut), reverse=True)
    assert len({weight for _, weight in cut}) == 1 < len({weight for _, weight in whole})
    assert whole[-1][0] < cut[-1][0] / 4
    assert "ValueError: first:0 has no gradient. Values that depend on the source left" in gate


def test_kept_tapes_grow_and_others_do_not(executed):
    kept, let_go = (
        [float(number) for number in re.findall(r"\d+\.\d", line)]
        for line in lesson.printed(executed, "memory-run").splitlines()
    )
    assert kept[1] - kept[0] == pytest.approx(kept[2] - kept[1], rel=0.2) and kept[2] > kept[0] + 5
    assert max(let_go) < kept[0] and let_go[2] - let_go[0] < 0.5


# --- predictions and quiz, computed a second time -------------------------------------------------


def slope(compute: Callable[[Any], Any], at: float = 3.0) -> Any:
    x = tf.Variable(at)
    with tf.GradientTape() as tape:
        y = compute(x)
    found = tape.gradient(y, x)
    return None if found is None else float(found)


def unwatched() -> str:
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        y = x * x
    return str(tape.gradient(y, x))


def asked_twice() -> str:
    w, b = tf.Variable(2.0), tf.Variable(1.0)
    with tf.GradientTape() as tape:
        loss = (w * 3.0 + b) ** 2
    tape.gradient(loss, w)
    try:
        tape.gradient(loss, b)
    except RuntimeError:
        return "an error at the second"
    return "both are right"


def line_one_too_early() -> float:
    """b = a * a, c = b * b, d = c + b, read in the order d, b, c."""
    a = 3.0
    b = a * a
    to_b, to_c = 1.0, 1.0
    to_a = 2 * a * to_b
    to_b += 2 * b * to_c
    assert to_b == 19.0
    return to_a


def of_vectors() -> dict[str, str]:
    x, b = tf.Variable([1.0, 2.0, 3.0]), tf.Variable(tf.zeros([3]))
    with tf.GradientTape() as tape:
        y = x * x, tf.reduce_sum(tf.ones([4, 3]) + b)
    squares, bias = tape.gradient(y, [x, b])
    return {"vector": str(squares.numpy().astype(int).tolist()),
            "bias": str(bias.numpy().astype(int).tolist())}  # fmt: skip


def none_of(options: list[str]) -> str:
    def compute(text: str) -> Any:
        return slope(lambda x: eval(text.strip("`").removeprefix("y = "), {"tf": tf, "x": x}), 2.5)

    (found,) = [option for option in options if compute(option) is None]
    return found


def second_derivative() -> float:
    x = tf.Variable(3.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = x**3
        first = inner.gradient(y, x)
    return float(outer.gradient(first, x))


def test_the_answer_to_every_prediction_is_what_the_engine_says(executed):
    stated = {name: one.answer for name, one in predictions(NUMBER).items()}
    cut = losses(lesson.printed(executed, "silent-run"))
    falls, stays = cut[-1][0] < cut[0][0], cut[-1][1] == cut[0][1]
    first, second, third = re.findall(r"\d+\.\d", lesson.printed(executed, "memory-run"))[:3]
    steady = float(third) - float(second) == pytest.approx(float(second) - float(first), rel=0.2)
    assert stated == {
        "twice": slope(lambda a: (a + a) + (a + a)),
        "order": line_one_too_early(),
        "watch": unwatched(),
        "second-call": asked_twice(),
        **of_vectors(),
        "which-none": none_of(list(predictions(NUMBER)["which-none"].options)),
        "second-order": second_derivative(),
        "silent": "the loss falls, and the first layer never changes" if falls and stays else "",
        "memory": "it grows by about the same amount at each step" if steady else "",
    }


def right(words: str) -> list[str]:
    (found,) = [question for question in questions(NUMBER) if words in question.ask]
    return [option.text for option in found.options if option.correct]


def test_the_quiz_marks_right_what_the_engine_says():
    a = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        b = a + a
        c = b * b
    by_b, by_a = (float(g) for g in tape.gradient(c, [b, a]))
    assert right("gradients of c by b and by a") == [f"{by_b:.0f} and {by_a:.0f}"]
    assert float(walk(tape, c, {}).gradients[tape._position(a)]) == by_a

    (nones,) = [q for q in questions(NUMBER) if "Which of these y" in q.ask]
    for option in nones.options:
        text = option.text.strip("`").removeprefix("y = ")
        found = slope(lambda x, text=text: eval(text, {"tf": tf, "x": x}))
        assert (found is None) == option.correct, option.text

    x, w, bias = tf.ones([32, 784]), tf.Variable(tf.ones([784, 10])), tf.Variable(tf.ones([10]))
    with tf.GradientTape() as tape:
        y = x @ w + bias
    assert right("Which shape has") == [str(tuple(tape.gradient(y, bias).shape))]

    v = tf.Variable(2.0)
    with tf.GradientTape() as outer, tf.GradientTape() as inner:
        cube = v**3
    assert outer.gradient(inner.gradient(cube, v), v) is None
    assert "outer tape is closed" in right("`second` is None")[0]
