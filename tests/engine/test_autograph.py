"""Python's control flow on tensors: rewritten functions against the same functions run by Python."""

# ruff: noqa: SIM108 - if and else are what is tested
from __future__ import annotations

import traceback
import types
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.autograph import convert, to_code
from engine.autograph.experimental import do_not_convert
from tests.engine.oracle import assert_close

# --- programs: each is run eagerly, where Python decides, and as a graph, where the tensor does -----


def branches(x: Any) -> Any:
    if x > 2.0:
        y = x * 2.0
    elif x > 0.0:
        y = x + 100.0
    else:
        y = -x
    return y


def only_if(x: Any) -> Any:
    y = x
    if x > 0.0:
        y = y * 2.0
        x = x + 1.0
    return x, y


def early_return(x: Any) -> Any:
    if x > 2.0:
        return x * 2.0
    if x > 0.0:
        z = x + 1.0
        return z * z
    return -x


def nested(x: Any) -> Any:
    sign = tf.zeros_like(x)
    if x != 0.0:
        if x > 0.0:
            sign = tf.ones_like(x)
        else:
            sign = -tf.ones_like(x)
    return sign * x


def countdown(x: Any) -> Any:
    steps = 0
    while x > 0.0:
        x = x - 1.5
        steps += 1
    return x, steps


def collatz(x: Any) -> Any:
    n, steps = tf.cast(tf.abs(x) * 3.0, tf.int32) + 1, 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


def jumps(x: Any) -> Any:
    total, i = 0.0, 0
    while True:
        i += 1
        if i % 3 == 0:
            continue
        if total > 20.0:
            break
        total = total + tf.abs(x) + 0.5
    return total, i


def over_a_tensor(x: Any) -> Any:
    total = 0.0
    for row in tf.stack([x, x * 2.0, x * 3.0]):
        total += row * row
    return total


def over_a_range(x: Any) -> Any:
    total = 0
    for i in range(tf.cast(tf.abs(x), tf.int32)):
        total += tf.cast(i, tf.float64)
    for i in tf.range(10, 0, -3):
        total += tf.cast(i, tf.float64)
    for i in range(3, tf.cast(tf.abs(x), tf.int32), 2):
        total -= tf.cast(i, tf.float64)
    return total


def break_and_else(x: Any) -> Any:
    found = -1
    for i in tf.range(6):
        if tf.cast(i, tf.float64) > x:
            found = i
            break
    else:
        found = 99
    return found


def return_from_a_loop(x: Any) -> Any:
    for i in tf.range(6):
        if tf.cast(i, tf.float64) > x:
            return tf.cast(i, tf.float64) * 10.0
    return x


def python_loop_with_a_break_on_a_tensor(x: Any) -> Any:
    y = x
    for i in range(5):
        if y > 10.0:
            break
        y = y * 2.0 + i
    return y


def words(x: Any) -> Any:
    inside = x > 0.0 and x < 3.0
    outside = not inside or x == 1.0
    chained = -1.0 < x < 2.0
    return inside, outside, chained, (x if inside else -x), tf.where(chained, 1, 0)


def lazy(x: Any) -> Any:
    v = tf.constant([1.0, 2.0, 3.0], tf.float64)
    i = tf.cast(tf.abs(x), tf.int32)
    return i < 3 and v[i] > 1.5


def helped(x: Any) -> Any:
    def inner(y: Any) -> Any:
        if y > 1.0:
            return y * 10.0
        return y

    return inner(x) + early_return(x)


def structures(x: Any) -> Any:
    pair = {"a": x, "b": [x, x]}
    if x > 0.0:
        pair = {"a": x + 1.0, "b": [x * 2.0, x]}
    i = 0
    while i < 3:
        pair = {"a": pair["b"][0], "b": [pair["a"], pair["b"][1] + 1.0]}
        i += 1
    return pair


def newton(x: Any) -> Any:
    goal, guess = tf.abs(x) + 1.0, tf.abs(x) + 1.0
    while tf.abs(guess * guess - goal) > 1e-13 * goal:
        guess = (guess + goal / guess) / 2.0
    return guess


def mixed(x: Any) -> Any:
    """Python decides here: `deep` is a plain bool, and the loop is over a list."""
    deep, out = True, x
    for factor in [2.0, 3.0]:
        if deep and factor > 2.5:
            out = out * factor
    with tf.name_scope("block"):
        if out > 0.0:
            out = out + 1.0
    try:
        if out > 1.0:
            out = out * 2.0
    finally:
        out = out - 1.0
    return out


def a_function_that_ends_without_return(x: Any) -> Any:
    if x > 0.0:
        x = x + 1.0


PROGRAMS = [
    branches, only_if, early_return, nested, countdown, collatz, jumps, over_a_tensor, over_a_range,
    break_and_else, return_from_a_loop, python_loop_with_a_break_on_a_tensor, words, lazy, helped,
    structures, newton, mixed, a_function_that_ends_without_return,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_a_graph_decides_as_python_does(program: Any):
    traced = tf.function(program)
    for value in (-3.5, -1.0, 0.0, 0.5, 1.0, 1.7, 2.5, 4.0, 7.0):
        x = tf.constant(value, tf.float64)
        ours, expected = traced(x), program(x)
        tf.nest.assert_same_structure(ours, expected)
        for a, b in zip(tf.nest.flatten(ours), tf.nest.flatten(expected), strict=True):
            if b is None:
                assert a is None
            else:
                assert_close(np.asarray(a), np.asarray(b), rtol=1e-14)
    assert traced.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
    "program",
    [
        branches,
        early_return,
        over_a_tensor,
        helped,
        newton,
        mixed,
        python_loop_with_a_break_on_a_tensor,
    ],
    ids=lambda p: p.__name__,
)
def test_gradients_flow_through_what_a_tensor_decides(program: Any):
    traced = tf.function(program)

    def gradients(function: Any, x: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = function(x)
            first = inner.gradient(y, x)
        return first, outer.gradient(first, x, unconnected_gradients="zero")

    for value in (-3.5, 0.5, 1.7, 4.0):
        x = tf.constant(value, tf.float64)
        for ours, expected in zip(gradients(traced, x), gradients(program, x), strict=True):
            assert_close(ours, expected, rtol=1e-11, atol=1e-12)


def test_methods_closures_defaults_and_variables():
    scale = tf.constant(3.0)

    class Counter(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls, self.big = tf.Variable(0), tf.Variable(0)

        @tf.function
        def __call__(self, x: Any, *, limit: float = 2.0) -> Any:
            self.calls.assign_add(1)
            if x > limit:
                self.big.assign_add(1)
                y = x * scale
            else:
                y = self.small(x)
            return y

        def small(self, x: Any) -> Any:
            while x < 1.0:
                x = x + 1.0
            return x

    counter = Counter()
    assert [counter(tf.constant(v)).numpy() for v in (5.0, -0.5, 1.5)] == [15.0, 1.5, 1.5]
    assert counter(tf.constant(1.5), limit=1.0).numpy() == 4.5
    assert (counter.calls.numpy(), counter.big.numpy()) == (4, 2)


def test_a_variable_may_decide():
    v = tf.Variable(True)

    @tf.function
    def f(x: Any) -> Any:
        if v:
            return x
        return -x

    assert f(tf.constant(1.0)).numpy() == 1.0
    v.assign(False)
    assert f(tf.constant(1.0)).numpy() == -1.0


def test_an_assert_on_a_tensor_is_checked_at_each_call():
    @tf.function
    def f(x: Any) -> Any:
        assert x > 0.0, "x must be positive"
        return x

    assert f(tf.constant(1.0)).numpy() == 1.0
    with pytest.raises(tf.errors.InvalidArgumentError, match="x must be positive"):
        f(tf.constant(-1.0))


def test_a_number_becomes_the_dtype_that_the_loop_gives_it():
    @tf.function
    def f(x: Any) -> Any:
        total = 0
        for _ in tf.range(3):
            total = x + x
        return total

    assert f(tf.constant(1.5, tf.float64)).dtype is tf.float64


# --- errors -------------------------------------------------------------------------------------------


def one_sided(x: Any) -> Any:
    if x > 0.0:
        y = x
    return y


box = types.SimpleNamespace()


def attribute(x: Any) -> Any:
    if x > 0.0:
        box.value = x
    return x


def element(x: Any) -> Any:
    items, i = [x, x], 0
    while x > 0.0:
        items[i + 1] = x
        x = x - 1.0
    return items[0]


def unlike(x: Any) -> Any:
    if x > 0.0:
        y = x
    else:
        y = "negative"
    return y


def other_structure(x: Any) -> Any:
    if x > 0.0:
        return x, x
    return x


def a_float_is_no_bool(x: Any) -> Any:
    if x:
        return x
    return -x


def a_vector_is_no_scalar(x: Any) -> Any:
    while tf.stack([x, x]) > 0.0:
        x = x - 1.0
    return x


def other_dtype(x: Any) -> Any:
    y = tf.constant(0)
    for _ in tf.range(3):
        y = x
    return y


def growing(x: Any) -> Any:
    y = tf.stack([x])
    while x > 0.0:
        y = tf.concat([y, y], 0)
        x = x - 1.0
    return y


def over_a_scalar(x: Any) -> Any:
    for part in x:
        x = part
    return x


REWRITE = (tf.errors.OperatorNotAllowedInGraphError, "local name in the block.*tf.Variable")
ERRORS = [
    (
        one_sided,
        UnboundLocalError,
        "'y'.*branch for False of an `if` on a tensor does not assign it",
    ),
    (attribute, ValueError, "box.value is assigned in one branch.*Give it one before"),
    (element, REWRITE[0], f"items.i . 1. is assigned inside a loop.*{REWRITE[1]}"),
    (unlike, TypeError, "y is .* in one branch and 'negative' in the other"),
    (other_structure, ValueError, "another structure in each branch"),
    (a_float_is_no_bool, TypeError, "`if` on a tensor needs one bool scalar.*x > 0"),
    (a_vector_is_no_scalar, TypeError, "`while` on a tensor needs one bool scalar.*reduce_all"),
    (other_dtype, TypeError, "'y' is int32 when the loop begins and float32 after one step"),
    (growing, ValueError, r"'y' has shape \(1,\) when the loop begins and \(2,\) after a step"),
    (over_a_scalar, TypeError, "a scalar has no axis"),
]


@pytest.mark.parametrize(
    ("program", "error", "words"), ERRORS, ids=lambda v: getattr(v, "__name__", "")
)
def test_what_cannot_be_a_graph_says_why(program: Any, error: Any, words: str):
    with pytest.raises(error, match=words):
        result = tf.function(program)(tf.constant(1.0))
        result + 1.0  # a name without a value fails when it is used


def test_an_error_names_the_line_of_the_user():
    def f(x: Any) -> Any:
        if x > 0.0:
            y = tf.reshape(x, [7])  # the line to find
        else:
            y = x
        return y

    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tf.function(f)(tf.constant(1.0))
    lines = [frame.line for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert any("# the line to find" in (line or "") for line in lines)


def test_without_autograph_the_body_runs_as_it_is_written():
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match=r"tf\.where"):
        tf.function(branches, autograph=False)(tf.constant(1.0))
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match=r"tf\.where"):
        tf.function(do_not_convert(lambda x: x if x > 0 else -x))(tf.constant(1.0))


# --- what is converted -----------------------------------------------------------------------------


def test_what_has_no_text_or_belongs_to_a_library_stays():
    def numbers() -> Any:
        yield 1

    for function in (np.mean, tf.reduce_sum, numbers, len, do_not_convert(branches)):
        assert convert(function) is function
    del branches._ag_leave  # type: ignore[attr-defined]
    names: dict[str, Any] = {}
    exec("def f(x):\n    return x if x else -x\n", names)
    assert convert(names["f"]) is names["f"]


def test_a_converted_function_is_still_that_function():
    made = convert(early_return)
    assert made is not early_return and convert(made) is made
    assert (made.__name__, made.__module__) == ("early_return", __name__)
    assert made(-2.0) == 2.0 and made(1.0) == 4.0  # plain numbers: plain Python


def test_private_names_of_a_class_are_left_to_python():
    class Holder:
        def __init__(self) -> None:
            self.__secret = 2.0

        def f(self, x: Any) -> Any:
            return x * self.__secret

    assert tf.function(Holder().f)(tf.constant(2.0)).numpy() == 4.0


def test_super_and_free_variables_still_work():
    class Base:
        def f(self, x: Any) -> Any:
            return x + 1.0

    class Derived(Base):
        def f(self, x: Any) -> Any:
            if x > 0.0:
                return super().f(x)
            return x

    assert tf.function(Derived().f)(tf.constant(2.0)).numpy() == 3.0
    assert tf.function(Derived().f)(tf.constant(-2.0)).numpy() == -2.0


def test_to_code_shows_what_became_of_a_function():
    text = to_code(early_return)
    assert text.startswith("def early_return(x") and "ag__.if_stmt(x > 2.0" in text
    assert to_code(tf.function(early_return)) == text
    compile(text, "text", "exec")
    assert "return ag__.if_exp(x > 2, lambda: x, lambda: -x)" in to_code(
        lambda x: x if x > 2 else -x
    )
    with pytest.raises(ValueError, match="was not found"):
        to_code(eval("lambda x: x"))
