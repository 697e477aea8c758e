"""Lesson 01: it runs, it keeps the chapter form, and what it says is true.

Predictions and quiz answers are computed here a second time, from the engine and not from the
lesson, so that neither can drift away from what the learner will see.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

import engine as tf
from course.lab.questions import predictions, questions
from tests.course import lesson


class TestLesson(lesson.EveryLesson):
    pictures = "ShapeBoxes"
    later = r"Variable\(|GradientTape|tf\.function|reshape|expand_dims|newaxis|broadcast|keras"
    together = 1


def test_what_it_shows(executed):
    assert "matrix: rank 2, shape (3, 2), size 6" in lesson.printed(executed, "three-tensors")
    assert lesson.printed(executed, "no-batch").endswith("first number: 0.0\n")
    assert lesson.printed(executed, "gate").startswith("ValueError: images: shape (batch,")
    assert "stored: 16777216" in lesson.printed(executed, "id")


def outcome(run: Callable[[], Any]) -> str:
    try:
        return str(run())
    except (tf.errors.OpError, ValueError, TypeError):
        return "an error"


def int_values(tensor: Any) -> str:
    return str(tensor.numpy().tolist())


def answers() -> dict[str, Any]:
    a = b = tf.constant([1, 2, 3])
    a += 1
    grey = tf.fill([4, 4], tf.constant(200, dtype=tf.uint8))
    stored = tf.cast(tf.constant(16_777_217), tf.float32)
    return {
        "long": tf.rank(tf.constant(range(1000))).numpy(),
        "one-image": str(tf.zeros([32, 28, 28, 1])[7].shape),
        "column": tf.rank([[1], [2], [3]]).numpy(),
        "mixed": tf.constant([1, 2.5]).dtype.name,
        "numpy": tf.constant(np.array([1.0, 2.5])).dtype.name,
        "half": outcome(lambda: tf.constant([1, 2]) + 0.5),
        "alias": int_values(b),
        "no-batch": len([row for row in tf.zeros([28, 28])]),
        "overflow": str(tf.reduce_sum(grey).numpy()),
        "id": f"{int(stored.numpy()):,}",
    }


def test_the_answer_to_every_prediction_is_what_the_engine_says():
    assert answers() == {name: one.answer for name, one in predictions("01").items()}


def the_question(words: str) -> Any:
    (found,) = [question for question in questions("01") if words in question.ask]
    return found


def evaluated(option: Any) -> Any:
    return eval(re.fullmatch(r"`(.+)`", option.text)[1], {"tf": tf})


def test_the_quiz_marks_right_what_the_engine_says():
    for option in the_question("have rank 1").options:
        assert (evaluated(option).ndim == 1) == option.correct, option.text
    for option in the_question("raise an error").options:
        raised = outcome(lambda option=option: evaluated(option)) == "an error"
        assert raised == option.correct, option.text
    assert tf.zeros([16, 50, 8])[3, 10].shape == (8,)
    assert tf.reduce_sum(tf.constant([200, 100], dtype=tf.uint8)).numpy() == 44
    gate = the_question("at its door").options
    checks = {
        option.text: option.correct
        for option in gate
        if option.text.startswith("`images") or "len" in option.text
    }
    images = tf.zeros([28, 28])
    for text, correct in checks.items():
        assert (not eval(text.strip("`"), {"tf": tf, "images": images, "len": len})) == correct
