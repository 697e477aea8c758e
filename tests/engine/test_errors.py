"""Bad input: each error says what was given, what was expected, and the fix, in the user's words."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

import engine as tf

ROOT = Path(tf.__file__).parent


def gradient_twice() -> None:
    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    tape.gradient(y, x)
    tape.gradient(y, x)


def symbolic(body: Any) -> Any:
    return lambda: tf.function(body)(tf.constant([1.0, 2.0]))


def assign_item() -> None:
    tf.constant([1, 2])[0] = 5  # type: ignore[index]


CASES: dict[str, tuple[Any, type[Exception], list[str]]] = {
    "two dtypes": (
        lambda: tf.constant(1.0) + tf.constant(1),
        tf.errors.InvalidArgumentError,
        ["add", "float32", "int32", "tf.cast(x, tf.float32)"],
    ),
    "two float dtypes": (
        lambda: tf.constant(1.0) * tf.constant(1.0, tf.float64),
        tf.errors.InvalidArgumentError,
        ["multiply", "float32", "float64", "tf.cast("],
    ),
    "a float next to an int tensor": (
        lambda: tf.constant(1) + 1.5,
        TypeError,
        ["1.5", "int32", "tf.cast("],
    ),
    "shapes that do not broadcast": (
        lambda: tf.ones([2, 3]) + tf.ones([2]),
        tf.errors.InvalidArgumentError,
        ["add", "(2, 3)", "(2,)", "axis -1", "3 against 2", "tf.expand_dims"],
    ),
    "matmul of vectors": (
        lambda: tf.matmul(tf.ones([3]), tf.ones([3])),
        tf.errors.InvalidArgumentError,
        ["matmul", "rank 2", "(3,)", "tf.expand_dims", "tf.linalg.matvec"],
    ),
    "matmul of sizes that do not fit": (
        lambda: tf.ones([2, 3]) @ tf.ones([2, 3]),
        tf.errors.InvalidArgumentError,
        ["matmul", "(2, 3)", "size 3", "Transpose"],
    ),
    "matmul of two dtypes": (
        lambda: tf.matmul(tf.ones([2, 2]), tf.ones([2, 2], tf.int32)),
        tf.errors.InvalidArgumentError,
        ["matmul", "float32", "int32"],
    ),
    "matmul of bools": (
        lambda: tf.matmul([[True]], [[False]]),
        tf.errors.InvalidArgumentError,
        ["matmul", "bool", "tf.cast(x, tf.float32)"],
    ),
    "a ragged list": (
        lambda: tf.constant([[1, 2], [3]]),
        ValueError,
        ["rectangular", "[0] has 2", "[1] has 1", "Pad"],
    ),
    "None for a tensor": (
        lambda: tf.reduce_sum(None),
        ValueError,
        ["None", "forget its return"],
    ),
    "changing a tensor": (assign_item, TypeError, ["cannot be changed", "tf.Variable"]),
    "a condition of several elements": (
        lambda: bool(tf.constant([1, 2]) == tf.constant([1, 2])),
        ValueError,
        ["condition", "(2,)", "tf.reduce_all"],
    ),
    "a second gradient": (
        gradient_twice,
        RuntimeError,
        ["not persistent", "one call", "tf.GradientTape(persistent=True)"],
    ),
    "watching a number": (
        lambda: tf.GradientTape().__enter__().watch(3.0),
        ValueError,
        ["float 3.0", "tf.constant"],
    ),
    "if on a symbolic tensor": (
        symbolic(lambda x: 1.0 if tf.reduce_sum(x) > 0.0 else 2.0),
        tf.errors.OperatorNotAllowedInGraphError,
        ["`if`", "being traced", "tf.where(condition, a, b)"],
    ),
    "float() of a symbolic tensor": (
        symbolic(lambda x: float(x[0])),
        tf.errors.OperatorNotAllowedInGraphError,
        ["float()", "no value yet"],
    ),
    "int() of a symbolic tensor": (
        symbolic(lambda x: int(x[0])),
        tf.errors.OperatorNotAllowedInGraphError,
        ["int()"],
    ),
    "range() of a symbolic tensor": (
        symbolic(lambda x: list(range(tf.cast(x[0], tf.int32)))),
        tf.errors.OperatorNotAllowedInGraphError,
        ["range()"],
    ),
    "a NumPy function on a symbolic tensor": (
        symbolic(lambda x: importlib.import_module("numpy").sin(x)),
        NotImplementedError,
        ["NumPy", "tf operation of the same name"],
    ),
    ".numpy() of a symbolic tensor": (
        symbolic(lambda x: x.numpy()),
        AttributeError,
        ["symbolic", ".numpy()", "run_functions_eagerly(True)"],
    ),
    "len() of an axis of unknown size": (
        lambda: tf.function(len, input_signature=[tf.TensorSpec([None])]).get_concrete_function(),
        TypeError,
        ["len()", "not known while tracing"],
    ),
    "an input that does not fit its signature": (
        lambda: tf.function(lambda x: x, input_signature=[tf.TensorSpec([None, 1])])(tf.ones([3])),
        TypeError,
        ["input_signature", "(None, 1)", "shape (3,)", "reshape"],
    ),
    "assigning another shape": (
        lambda: tf.Variable([1.0, 2.0], name="w").assign([1.0]),
        ValueError,
        ["'w:0'", "(2,)", "(1,)", "Reshape"],
    ),
    "assigning another dtype": (
        lambda: tf.Variable([1.0], name="w").assign(tf.constant([1])),
        tf.errors.InvalidArgumentError,
        ["'w:0'", "float32", "int32", "tf.cast(value, tf.float32)"],
    ),
    "a GPU that does not exist": (
        lambda: tf.device("GPU:99").__enter__(),
        tf.errors.InvalidArgumentError,
        ["GPU:99", "not there", "CPU:0"],
    ),
    "a name that does not exist": (
        lambda: tf.reduce_summ,
        AttributeError,
        ["no tf.reduce_summ", "tf.reduce_sum"],
    ),
    "a name that resembles nothing": (
        lambda: tf.qqqqqqqq,
        AttributeError,
        ["no tf.qqqqqqqq", "dir(tf)"],
    ),
}


@pytest.fixture(autouse=True)
def close_tapes() -> Any:
    yield
    from engine.dispatch import context

    context.log = None  # one case opens a tape and never closes it


@pytest.mark.parametrize("case", list(CASES))
def test_an_error_names_what_was_given_what_was_expected_and_the_fix(case: str):
    run, error, words = CASES[case]
    with pytest.raises(error) as caught:
        run()
    text = str(caught.value)
    assert [word for word in words if word not in text] == [], text
    assert "symbolic" in text or "engine." not in text, "no module names in a message for a learner"
    if isinstance(caught.value, tf.errors.OpError):
        assert caught.value.message == text


@pytest.mark.parametrize("name", sorted(tf._TF1))
def test_names_of_tensorflow_1_say_what_to_do_instead(name: str):
    assert not hasattr(tf, name)
    with pytest.raises(AttributeError) as caught:
        getattr(tf, name)
    text = str(caught.value)
    assert f"tf.{name} belongs to TensorFlow 1" in text and "Instead, " in text
    assert len(text.split("Instead, ")[1]) > 10


def test_the_best_known_names_of_tensorflow_1_are_among_them():
    for name in (
        "Session", "placeholder", "get_variable", "global_variables_initializer", "assign",
        "gradients", "get_default_graph", "variable_scope", "layers", "set_random_seed",
    ):  # fmt: skip
        assert name in tf._TF1


def _texts() -> list[tuple[str, str]]:
    """(file, text) of every string the engine may show, docstrings apart."""
    found = []
    for file in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
        docs = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in docs
            ):
                found.append((str(file.relative_to(ROOT)), node.value))
    return found


def test_every_name_an_error_recommends_exists():
    """An error that sends the reader to a function the engine does not have is worse than none."""
    missing = []
    for file, text in _texts():
        for name in re.findall(r"\btf\.([A-Za-z_][\w.]*\w)", text):
            value: Any = tf
            try:
                for part in name.split("."):
                    value = getattr(value, part)
            except AttributeError:
                missing.append(f"{file}: tf.{name}")
    assert missing == []
