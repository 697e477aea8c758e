"""Bad input: each error says what was given, what was expected, and the fix, in the user's words."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

import engine as tf
from engine.advice import METHODS, TF1

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


def kept_from(body: Any) -> Any:
    """What a function under tf.function left in a list, once the trace is over."""
    kept: list[Any] = []
    tf.function(lambda x: kept.append(body(x)))(tf.constant([1.0, 2.0]))
    return kept[0]


def add_in_place() -> None:
    v = tf.Variable(1.0, name="w")
    v += 1.0


VECTOR = tf.constant([1.0, 2.0, 3.0])

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
    "a float array next to an int tensor": (
        lambda: tf.constant([1]) * importlib.import_module("numpy").array([1.5]),
        TypeError,
        ["NumPy float64 array of shape (1,)", "int32", "tf.cast("],
    ),
    "a float divisor of an int tensor": (
        lambda: tf.constant(1) / 2.5,
        TypeError,
        ["2.5", "int32", "tf.cast("],
    ),
    "an int that does not fit": (
        lambda: tf.constant(1, tf.uint8) + 300,
        ValueError,
        ["300", "uint8", "0 to 255"],
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
    "changing elements of a variable": (
        lambda: tf.Variable([1.0], name="w").__setitem__(0, 2.0),
        TypeError,
        ["'w:0'", "scatter_nd_update", "v.assign"],
    ),
    "adding to a variable in place": (
        add_in_place,
        RuntimeError,
        ["`v += value`", "v.assign_add(value)", "'w:0'", "t = v + value"],
    ),
    "assigning to a tensor": (
        lambda: VECTOR.assign([1.0]),
        AttributeError,
        ["'assign'", "tf.Variable", "cannot be changed"],
    ),
    "a tensor as a key": (lambda: {VECTOR: 1}, TypeError, ["unhashable", "Tensor"]),
    "a view of a tensor's values": (
        lambda: importlib.import_module("numpy").array(VECTOR, copy=False),
        ValueError,
        ["writable", "copied"],
    ),
    "an axis that does not exist": (
        lambda: tf.reduce_sum(VECTOR, axis=2),
        tf.errors.InvalidArgumentError,
        ["reduce_sum", "axis 2", "rank 1", "-1 to 0"],
    ),
    "an axis to join along": (
        lambda: tf.concat([VECTOR, VECTOR], 1),
        tf.errors.InvalidArgumentError,
        ["concat", "axis 1", "rank 1", "-1 to 0"],
    ),
    "an axis that is no whole number": (
        lambda: tf.reduce_sum(VECTOR, axis=0.5),
        TypeError,
        ["reduce_sum", "whole number", "0.5"],
    ),
    "a float as an index": (
        lambda: VECTOR[1.0],
        TypeError,
        ["ints, slices", "1.0", "tf.gather"],
    ),
    "a float tensor as an index": (
        lambda: VECTOR[tf.constant(1.0)],
        TypeError,
        ["integer tensor", "float32", "tf.cast(i, tf.int32)"],
    ),
    "float indices": (
        lambda: tf.gather(VECTOR, [0.0, 1.0]),
        tf.errors.InvalidArgumentError,
        ["gather", "integers", "float32", "tf.cast(x, tf.int32)"],
    ),
    "an index that is too large": (
        lambda: VECTOR[3],
        tf.errors.InvalidArgumentError,
        ["Index 3", "axis 0", "(3,)", "-3 to 2"],
    ),
    "indices that are too large": (
        lambda: tf.gather(VECTOR, [0, 7]),
        tf.errors.InvalidArgumentError,
        ["index 7", "axis 0", "0 to 2"],
    ),
    "too many indices": (
        lambda: VECTOR[0, 0],
        tf.errors.InvalidArgumentError,
        ["2 indices", "rank 1", "(3,)"],
    ),
    "a dtype that does not exist": (
        lambda: tf.constant(1.0, dtype="floot32"),
        TypeError,
        ["'floot32'", "not a dtype", "float32", "bfloat16"],
    ),
    "a shape for another number of elements": (
        lambda: tf.reshape(VECTOR, [2, 2]),
        tf.errors.InvalidArgumentError,
        ["reshape", "3 elements", "(2, 2) has 4"],
    ),
    "sizes that do not join": (
        lambda: tf.concat([tf.ones([2, 3]), tf.ones([3, 2])], 0),
        tf.errors.InvalidArgumentError,
        ["concat", "axis 0", "(2, 3)", "(3, 2)"],
    ),
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
    "a tape that recorded nothing": (
        lambda: tf.GradientTape().gradient(VECTOR, VECTOR),
        RuntimeError,
        ["recorded nothing", "inside `with`"],
    ),
    "computing with a tensor of a trace that is over": (
        lambda: kept_from(lambda x: 2.0 * x) + 1.0,
        tf.errors.InaccessibleTensorError,
        ["'multiply:0'", "'<lambda>'", "was over", "return it from the function", "list, a global"],
    ),
    "the values of a tensor of a trace that is over": (
        lambda: kept_from(lambda x: x + x).numpy(),
        tf.errors.InaccessibleTensorError,
        ["'add:0'", "was over", "use what the call returns"],
    ),
    "a tensor of one trace in another": (
        lambda: tf.function(lambda x, kept: x + kept[0])(VECTOR[:2], [kept_from(lambda x: x + x)]),
        tf.errors.InaccessibleTensorError,
        ["add:0", "'<lambda>'", "was over", "return it from the function"],
    ),
    "bool() of a symbolic tensor": (
        symbolic(lambda x: bool(x[0] > 0.0)),
        tf.errors.OperatorNotAllowedInGraphError,
        ["`if`, `while`", "'<lambda>'", "no value yet", "tf.where"],
    ),
    "if on a symbolic tensor": (
        symbolic(lambda x: [v for v in [1.0, 2.0] if tf.reduce_sum(x) > v]),
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
        ["range()", "tf.range"],
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
    "assigning a float to an int variable": (
        lambda: tf.Variable([1], name="w").assign([1.5]),
        TypeError,
        ["[1.5]", "int32", "tf.cast("],
    ),
    "assigning None": (
        lambda: tf.Variable([1.0]).assign(None),
        ValueError,
        ["None", "forget its return"],
    ),
    "adding another shape": (
        lambda: tf.Variable([1.0, 2.0]).assign_add([1.0, 2.0, 3.0]),
        tf.errors.InvalidArgumentError,
        ["add", "(2,)", "(3,)"],
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
    "a name in a module": (
        lambda: tf.math.reduce_summ,
        AttributeError,
        ["no tf.math.reduce_summ", "tf.math.reduce_sum"],
    ),
    "a name in a small module": (
        lambda: tf.strings.join,
        AttributeError,
        ["no tf.strings.join", "It has", "format"],
    ),
    "a name in a large module": (
        lambda: tf.nn.qqqqqqqq,
        AttributeError,
        ["no tf.nn.qqqqqqqq", "dir(tf.nn)"],
    ),
    "a misspelt attribute": (
        lambda: tf.Variable(1.0).nmpy,
        AttributeError,
        ["no attribute 'nmpy'", "Did you mean .numpy?"],
    ),
    "an attribute that resembles nothing": (
        lambda: tf.Variable(1.0).qqqqqqqq,
        AttributeError,
        ["A variable has no attribute 'qqqqqqqq'", "functions of tf"],
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


@pytest.mark.parametrize("name", sorted(TF1))
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
        assert name in TF1


@pytest.mark.parametrize("name", sorted(METHODS))
def test_methods_of_arrays_say_which_function_to_use(name: str):
    for value in (VECTOR, tf.Variable([1.0])):
        if not hasattr(value, name):
            with pytest.raises(AttributeError) as caught:
                getattr(value, name)
            assert f"no attribute {name!r}. Use {METHODS[name]}." in str(caught.value)
    assert not hasattr(VECTOR, name)


def test_values_taken_out_of_a_tensor_can_change_without_changing_it():
    x = tf.constant([1.0, 2.0])
    for array in (x.numpy(), importlib.import_module("numpy").asarray(x)):
        array[0] = 9.0
        assert x.numpy().tolist() == [1.0, 2.0]
    y = x
    y += 1.0  # a new tensor under the name y
    assert x.numpy().tolist() == [1.0, 2.0] and y.numpy().tolist() == [2.0, 3.0]


def test_a_tensor_of_a_trace_that_is_over_is_refused_wherever_it_is_used():
    kept = kept_from(lambda x: x * 2.0)
    for use in (
        lambda: tf.exp(kept),
        lambda: tf.print(kept),
        lambda: tf.function(lambda: kept + 1.0)(),
        lambda: tf.function(lambda x: x)(kept),
        lambda: tf.reduce_sum(kept, axis=0),
    ):
        with pytest.raises((tf.errors.InaccessibleTensorError, TypeError)) as caught:
            use()
        assert re.search("trace|return it", str(caught.value)), str(caught.value)


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
