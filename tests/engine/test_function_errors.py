"""A failure inside a graph names the operation and the user's own line; a graph runs step by step."""

# ruff: noqa: SIM108 - the line of a branch is what is looked for
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import engine as tf

HERE = Path(__file__).name


def line_of(mark: str) -> str:
    """'file.py:12' of the line with a comment."""
    for number, line in enumerate(Path(__file__).read_text().splitlines(), 1):
        if line.endswith(f"# {mark}"):
            return f"{HERE}:{number}"
    raise AssertionError(mark)


def reshape(x: Any, n: Any) -> Any:
    y = x * 2.0
    return tf.reshape(y, [n, 2])  # reshape line


def branch(x: Any, n: Any) -> Any:
    if n > 2:
        y = tf.reshape(x, [n])  # branch line
    else:
        y = x
    return y


def loop(x: Any, n: Any) -> Any:
    for i in tf.range(n):
        x = x + tf.reshape(x, [2, i + 2])[0, 0]  # loop line
    return x


def check(x: Any, n: Any) -> Any:
    tf.debugging.assert_less(n, 3)  # check line
    return x


CASES = [
    (reshape, "reshape line", "reshape_to failed on float32 tensor of shape"),
    (branch, "branch line", "cannot reshape array of size 4"),
    (loop, "loop line", "cannot reshape array of size 4"),
    (check, "check line", "assert_less"),
]


@pytest.mark.parametrize(("function", "mark", "words"), CASES, ids=[c[1] for c in CASES])
def test_a_failure_names_the_operation_and_the_line(function: Any, mark: str, words: str):
    traced = tf.function(function)
    x = tf.zeros([4])
    if function is not loop:
        traced(x, tf.constant(2))
    with pytest.raises(tf.errors.InvalidArgumentError, match=words) as caught:
        traced(x, tf.constant(3))
    (note,) = caught.value.__notes__
    assert note.endswith(f"written at {line_of(mark)}"), note


def test_a_failure_under_a_tape_names_the_line_too():
    x = tf.zeros([4])
    with tf.GradientTape() as tape, pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tape.watch(x)
        tf.function(reshape)(x, tf.constant(3))
    assert caught.value.__notes__[0].endswith(f"written at {line_of('reshape line')}")


def test_a_failure_leaves_the_variables_as_they_were():
    v = tf.Variable(1.0)

    @tf.function
    def f(x: Any, n: Any) -> Any:
        v.assign_add(1.0)
        return tf.reshape(x, [n])

    with pytest.raises(tf.errors.InvalidArgumentError):
        f(tf.zeros([4]), tf.constant(3))
    assert v.numpy() == 1.0
    f(tf.zeros([4]), tf.constant(4))
    assert v.numpy() == 2.0


def test_step_runs_the_program_as_it_was_written():
    v = tf.Variable([1.0, 2.0])

    @tf.function
    def f(x: Any) -> Any:
        v.assign_add(x * 1.0)
        return tf.reduce_sum(v)

    x = tf.constant([10.0, 20.0])
    concrete = f.get_concrete_function(x)
    steps = list(concrete.step(x))
    assert [step.node.op for step in steps] == ["multiply", "add", "reduce_sum"]
    assert str(steps[1]) == "%4 = add(%3 = [1. 2.], %2 = [10. 20.]) = [11. 22.]"
    assert steps[-1].outputs[0].numpy() == 33.0 and v.numpy().tolist() == [11.0, 22.0]
    with pytest.raises(TypeError, match="takes 1 tensors, not 2"):
        list(concrete.step(x, x))


def test_the_values_of_large_tensors_are_told_by_their_shape():
    f = tf.function(lambda x: x + 1.0).get_concrete_function(tf.zeros([7]))
    (step,) = f.step(tf.zeros([7]))
    assert str(step) == "%2 = add(%0 = float32 (7,), %1 = 1.0) = float32 (7,)"
