"""enable_check_numerics: the first operation that makes a NaN or an infinity is named, with its line."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.debugging.numerics import MOVES, NumericsChecker, _opened
from engine.dispatch import context, registry
from engine.places import Place, here, surroundings

Invalid = tf.errors.InvalidArgumentError
FILE = Path(__file__).name


@pytest.fixture
def checked() -> Iterator[None]:
    tf.debugging.enable_check_numerics(path_length_limit=None)
    yield
    tf.debugging.disable_check_numerics()


def message(run: Any, *args: Any) -> str:
    with pytest.raises(Invalid) as caught:
        run(*args)
    return caught.value.message


def lines(text: str) -> list[str]:
    """The lines of a message, with this file's name for its path."""
    return [line.strip().replace(str(Path(__file__)), FILE) for line in text.split("\n")]


def written(text: str) -> str:
    """The source that a message quotes as the place of the operation."""
    (line,) = [line for line in lines(text) if line.startswith("written at")]
    assert line.startswith(f"written at {FILE}:"), line
    return line.split(": ", 1)[1]


def log_of(x: Any) -> Any:
    return tf.math.log(x)  # the culprit


def test_eager_names_operation_dtype_shape_counts_input_and_line(checked: None):
    x = tf.constant([[1.0, 0.0], [-1.0, 0.0]])
    text = message(log_of, x)
    found = lines(text)
    assert found[0] == (
        "check_numerics: log made 1 NaN, 2 -Inf in its output, float32 of shape (2, 2), "
        "first at index [0, 1]."
    )
    assert found[1] == "input 0: float32 of shape (2, 2), finite, from -1 to 1"
    assert written(text) == "return tf.math.log(x)  # the culprit"
    assert ", in log_of: " in text
    assert "called from" in text and "tf.maximum(x, 1e-7)" in found[-1]


def test_a_scalar_has_no_index_and_an_operator_is_an_operation(checked: None):
    text = message(lambda: tf.constant(1.0) / tf.constant(0.0))
    assert (
        lines(text)[0] == "check_numerics: divide made 1 +Inf in its output, float32 of shape ()."
    )
    assert "input 1: float32 of shape (), finite, all 0" in text and "divide_no_nan" in text
    big = tf.constant(3e38)
    assert "multiply made 1 +Inf" in message(lambda: big * big)
    assert "matmul made" in message(lambda: tf.fill([2, 2], 3e38) @ tf.fill([2, 2], 3e38))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "complex64"])
def test_every_float_is_looked_at(checked: None, dtype: str):
    zero = tf.zeros([3], dtype)
    assert f"{dtype} of shape (3,)" in message(lambda: zero / zero)


def test_one_of_several_outputs_is_named(checked: None):
    text = message(lambda: tf.linalg.slogdet(tf.zeros([2, 2])))
    assert "slogdet made 1 -Inf in output 1 of its 2 outputs, float32 of shape ()." in text


def test_in_a_graph_the_line_is_the_traced_one(checked: None):
    @tf.function
    def step(x: Any) -> Any:
        return tf.reduce_sum(log_of(x - 1.0))

    assert np.isfinite(step(tf.constant([2.0, 3.0])).numpy())
    text = message(step, tf.constant([2.0, 1.0]))
    assert written(text) == "return tf.math.log(x)  # the culprit"
    assert "in the graph of 'step'" in text
    assert "called from" in text and "return tf.reduce_sum(log_of(x - 1.0))" in text
    assert "input 0: float32 of shape (2,), finite, from 0 to 1" in text


def test_a_function_traced_before_names_its_line_too():
    step = tf.function(log_of)
    assert np.isneginf(step(tf.constant(0.0)).numpy())
    tf.debugging.enable_check_numerics(path_length_limit=None)
    try:
        assert written(message(step, tf.constant(0.0))) == "return tf.math.log(x)  # the culprit"
    finally:
        tf.debugging.disable_check_numerics()
    assert np.isneginf(step(tf.constant(0.0)).numpy())


def root_slope() -> Any:
    x = tf.constant([4.0, 0.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.sqrt(x)  # finite, but not its slope
        z = 3.0 * y
    return tape.gradient(z, x)


@pytest.mark.parametrize("run", [root_slope, tf.function(root_slope)], ids=["eager", "graph"])
def test_a_backward_pass_names_the_operation_whose_gradient_it_is(checked: None, run: Any):
    text = message(run)
    assert "divide made 1 +Inf" in text
    (gradient,) = [line for line in lines(text) if line.startswith("in the gradient of")]
    assert gradient.startswith(f"in the gradient of sqrt, written at {FILE}:")
    assert gradient.endswith(": y = tf.sqrt(x)  # finite, but not its slope")
    assert written(text) == "return tape.gradient(z, x)"
    assert "its slope at 0 infinite" in text


def test_a_gradient_of_a_traced_function_names_the_traced_line(checked: None):
    root = tf.function(lambda x: tf.sqrt(x))
    x = tf.constant(0.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = root(x)
    text = message(tape.gradient, y, x)
    assert "in the gradient of sqrt" in text and "root = tf.function(lambda x: tf.sqrt(x))" in text


def test_a_second_derivative(checked: None):
    x = tf.constant(1e-30)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.math.log(x)
        first = inner.gradient(y, x)
    text = message(outer.gradient, first, x)
    assert "in the gradient of divide" in text


class Logarithm(tf.keras.layers.Layer):
    def call(self, inputs: Any) -> Any:
        return tf.math.log(inputs)


class Wrong(tf.keras.Model):
    def __init__(self) -> None:
        super().__init__(name="wrong")
        self.first = tf.keras.layers.Dense(2, kernel_initializer="zeros", name="first")
        self.second = Logarithm(name="second")

    def call(self, inputs: Any) -> Any:
        return self.second(self.first(inputs))


@pytest.mark.parametrize("traced", [False, True])
def test_the_layers_around_are_named(checked: None, traced: bool):
    model = Wrong()
    run = tf.function(lambda x: model(x)) if traced else model
    text = message(run, tf.ones([1, 3]))
    assert "in the layer wrong > second" in lines(text)
    assert written(text) == "return tf.math.log(inputs)"


def test_a_layer_of_the_engine_is_named_with_the_line_that_called_the_model(checked: None):
    inner = tf.keras.layers.Dense(1, kernel_initializer="ones", name="inner")
    model = tf.keras.Sequential([inner], name="outer")
    text = message(model, tf.fill([1, 2], 3e38))
    assert "in the layer outer > inner" in lines(text)
    assert "matmul made 1 +Inf" in text


def test_fit_stops_at_the_first_bad_number(checked: None):
    model = Wrong()
    model.compile("sgd", "mse")
    text = message(lambda: model.fit(np.ones([2, 3]), np.ones([2, 2]), verbose=0))
    assert "in the layer wrong > second" in lines(text)


def test_the_gradient_of_a_layer_names_the_layer(checked: None):
    class Root(tf.keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return tf.sqrt(inputs)

    layer, x = Root(name="root"), tf.constant([0.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    assert "in the layer root" in lines(message(tape.gradient, y, x))


def test_what_only_moves_values_may_pass_an_infinity_on(checked: None):
    mask = tf.constant([0.0, -np.inf])
    scores = tf.where([True, False], [1.0, 2.0], mask)
    assert np.isneginf(tf.concat([scores, tf.zeros([1])], 0).numpy()[1])
    assert tf.reduce_max(tf.maximum(scores, 0.0)).numpy() == 1.0
    text = message(lambda: scores + 1.0)
    assert "input 0: float32 of shape (2,), with 1 -Inf" in text
    assert "An input was not finite before" in text and "assert_all_finite" in text


def test_every_operation_that_only_moves_is_in_the_registry():
    assert sorted(MOVES - set(registry)) == []


def test_what_is_finite_is_computed_as_ever(checked: None):
    v = tf.Variable([1.0, 2.0], name="v")
    v.assign_add([1.0, 1.0])

    @tf.function
    def step(x: Any) -> Any:
        v.assign_sub(0.5 * x)
        return tf.reduce_sum(v * v)

    assert step(tf.constant([2.0, 2.0])).numpy() == 1.0 + 4.0
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(v * v * v)
    assert tape.gradient(y, v).numpy().tolist() == [3.0, 12.0]
    assert tf.equal(tf.constant([1, 2]), 2).numpy().tolist() == [False, True]
    assert tf.constant("a").numpy() == b"a" and tf.zeros([0]).numpy().size == 0

    @tf.custom_gradient
    def double(x: Any) -> Any:
        return 2.0 * x, lambda dy: 5.0 * dy

    with tf.GradientTape() as tape:
        tape.watch(x := tf.constant(1.0))
        y = double(x)
    assert tape.gradient(y, x).numpy() == 5.0


def test_off_is_off_and_on_twice_is_on():
    tf.debugging.disable_check_numerics()
    tf.debugging.enable_check_numerics()
    tf.debugging.enable_check_numerics(stack_height_limit=1)
    try:
        message(log_of, 0.0)
    finally:
        tf.debugging.disable_check_numerics()
    assert context.builder is None
    assert np.isneginf(log_of(0.0).numpy())


def test_it_is_on_for_one_thread(checked: None):
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(log_of(0.0).numpy()))
    thread.start()
    thread.join()
    assert np.isneginf(seen[0])


def test_it_cannot_be_turned_on_inside_a_trace():
    @tf.function
    def f(x: Any) -> Any:
        tf.debugging.enable_check_numerics()
        return x

    with pytest.raises(RuntimeError, match=r"while a tf\.function is traced\. Call it before"):
        f(1.0)


def test_the_limits_of_height_and_length():
    def deep(n: int) -> Any:
        return log_of(0.0) if n == 0 else deep(n - 1)

    texts = {}
    for height, length in ((None, None), (3, 12), (1, 12)):
        tf.debugging.enable_check_numerics(height, length)
        try:
            texts[height] = message(deep, 10)
        finally:
            tf.debugging.disable_check_numerics()
    assert texts[None].count("called from") >= 12
    assert texts[3].count("called from") == 2 and texts[1].count("called from") == 0
    assert f"written at ...{__file__[-12:]}:" in texts[3] and str(Path(__file__)) not in texts[3]


def test_the_checker_keeps_no_tensor_and_no_line_for_good(checked: None):
    checker = context.builder
    assert isinstance(checker, NumericsChecker)
    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.exp(x) * 2.0
    assert len(checker._places) >= 2
    tape.gradient(y, x)
    del y, tape
    assert checker._places == {}


def test_places_know_their_line_and_text():
    place = here()
    assert place == f"{FILE}:{place.number}" and place.text == "place = here()"
    assert place.function == "test_places_know_their_line_and_text"
    assert Place().shown() == "an unknown line" and Place().text == ""
    code = compile("from engine.places import here\nfound = here()", "<cell>", "exec")
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["found"] == "cell:2" and names["found"].shown().startswith("cell:2, in <module>")


def test_inputs_of_every_kind_are_described(checked: None):
    assert "input 0: int32 of shape (), int values" in message(tf.cast, 70000, tf.float16)
    zero = tf.constant(0j)
    assert "input 0: complex128 of shape (), all finite" in message(lambda: zero / zero)
    assert "input 0: float32 of shape (0,), empty" in message(tf.reduce_max, tf.zeros([0]))
    both = tf.constant(complex(np.inf, np.nan))
    assert "input 0: complex128 of shape (), with 1 NaN, 1 +Inf" in message(lambda: both * both)


def test_a_gradient_of_what_ran_before_the_check_names_the_operation_alone():
    x = tf.constant(0.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.sqrt(x)
    tf.debugging.enable_check_numerics()
    try:
        assert "in the gradient of sqrt" in lines(message(tape.gradient, y, x))
    finally:
        tf.debugging.disable_check_numerics()


def test_other_peoples_code_is_no_place_of_the_users():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:  # only Python's own frames are there
        found = pool.submit(surroundings, lambda tensor: None).result()
    assert found == "" and found.callers == () and found.layers == ()


def test_inside_branches_and_loops_the_operation_itself_is_named(checked: None):
    @tf.function
    def branch(x: Any) -> Any:
        return tf.cond(x > 0.0, lambda: log_of(x - 1.0), lambda: x)

    @tf.function
    def loop(x: Any) -> Any:
        return tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, log_of(x)), [0, x])

    @tf.function
    def written_in_python(x: Any) -> Any:
        if x > 0.0:
            x = log_of(x - 1.0)
        return x

    for function in (branch, loop, written_in_python):
        text = message(function, tf.constant(1.0))
        assert "log made 1 -Inf in its output, float32 of shape ()" in text
        assert written(text) == "return tf.math.log(x)  # the culprit"
        assert f"in the graph of '{function.__name__}'" in text
    assert float(branch(tf.constant(-1.0))) == -1.0
    assert float(branch(tf.constant(2.0))) == 0.0


def test_gradients_through_branches_and_loops_are_as_ever_while_checked(checked: None):
    @tf.function
    def f(x: Any) -> Any:
        _, y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * x), [0, x])
        return tf.cond(y > 0.0, lambda: 2.0 * y, lambda: y)

    x = tf.constant(2.0)
    for _ in range(2):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        assert (float(y), float(tape.gradient(y, x))) == (32.0, 64.0)


def test_every_way_to_differentiate_names_the_operation(checked: None):
    x = tf.constant([4.0, 0.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        columns = tf.reshape(x, [2, 1])
        y = tf.sqrt(columns)

    def forward() -> None:
        with tf.autodiff.ForwardAccumulator(x, tf.ones([2])):
            tf.sqrt(x)

    for derive in (
        lambda: tape.gradient(y, x),
        lambda: tape.jacobian(y, x),
        lambda: tape.batch_jacobian(y, columns),
        forward,
    ):
        assert "in the gradient of sqrt, written at" in message(derive)


def test_an_error_inside_a_branch_is_as_readable_while_checked(checked: None):
    @tf.function(input_signature=[tf.TensorSpec(None)])
    def f(x: Any) -> Any:
        return tf.cond(tf.size(x) > 3, lambda: tf.reshape(x, [2, 2]), lambda: tf.reshape(x, [1]))

    assert f(tf.ones([4])).shape == (2, 2)
    for size in (2, 5):
        with pytest.raises(Invalid, match=f"reshape: shape \\({size},\\) has {size} elements"):
            f(tf.ones([size]))


def test_a_program_opened_for_checking_is_the_same_program():
    program = tf.function(lambda x: 2.0 * x).get_concrete_function(tf.constant(1.0))
    opened = _opened(program)
    assert opened.graph is program.graph and opened.outputs == program.outputs
    assert opened._run(np.float32(3.0)) == ([np.float32(6.0)], [])
    assert _opened(3) == 3


def test_fit_names_the_layer_and_the_line_of_fit_when_all_the_rest_is_the_engines(checked: None):
    first = tf.keras.layers.Dense(2, kernel_initializer="ones", name="first")
    last = tf.keras.layers.Dense(1, kernel_initializer="ones", name="last")
    model = tf.keras.Sequential([first, last], name="deep")
    model.compile(tf.keras.optimizers.SGD(1e30), "mse")
    data = np.ones([4, 3], np.float32), np.ones([4, 1], np.float32)
    text = message(lambda: model.fit(*data, epochs=20, verbose=0))
    assert written(text) == "text = message(lambda: model.fit(*data, epochs=20, verbose=0))"
    assert "in the graph of 'train_step'" in text and "unknown line" not in text
    assert "in the layer deep > last" in lines(text)
