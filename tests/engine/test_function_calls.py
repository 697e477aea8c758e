"""The short way of a call: whatever changes between two calls, the right graph runs, on the right tensors."""

from __future__ import annotations

import gc
import warnings
import weakref
from typing import Any

import numpy as np
import pytest

import engine as tf


@pytest.mark.filterwarnings("ignore::engine.retracing.RetracingWarning")
def test_calls_of_every_kind_in_any_order():
    """Each call three times over, and all of them in three orders: none takes the way of another."""

    class Box:
        def __init__(self, by: float):
            self.by = by

    @tf.function
    def f(x: Any, y: Any = None, *rest: Any, scale: Any = 1.0, box: Any = None) -> Any:
        parts = [leaf for leaf in tf.nest.flatten([x, y, rest]) if leaf is not None]
        total = tf.add_n([tf.cast(tf.reduce_sum(p), tf.float32) for p in parts])
        return total * scale * (1.0 if box is None else box.by)

    one, two = tf.constant(1.0), tf.constant(2.0)
    v, ints, m = tf.constant([1.0, 2.0]), tf.constant([3, 4]), tf.ones([2, 2])
    big, small = Box(10.0), Box(0.5)
    calls: list[tuple[Any, Any, float]] = [
        ((one,), {}, 1.0), ((two,), {}, 2.0), ((one, two), {}, 3.0), ((two, two), {}, 4.0),
        ((one,), {"y": two}, 3.0), ((), {"y": one, "x": two}, 3.0), ((), {"x": two, "y": ints}, 9.0),
        ((v,), {}, 3.0), ((ints,), {}, 7.0), ((m,), {}, 4.0), ((one, 2.0), {}, 3.0), ((one, 2), {}, 3.0),
        ((one, 3.0), {}, 4.0), ((one,), {"scale": 2.0}, 2.0), ((one,), {"scale": two}, 2.0),
        (([one, two],), {}, 3.0), (((one, two),), {}, 3.0), (((one, (two,)),), {}, 3.0),
        (({"a": one, "b": two},), {}, 3.0), (({"b": one, "a": v},), {}, 4.0), (([],), {"y": one}, 1.0),
        ((one,), {"box": big}, 10.0), ((one,), {"box": small}, 0.5), ((one, two, v, one), {}, 7.0),
        ((np.float32(5.0),), {}, 5.0), ((np.ones(3, "f"),), {}, 3.0), (({"a": 2.0, "b": one},), {}, 3.0),
    ]  # fmt: skip
    for order in (calls, calls[::-1], calls[::2] + calls[1::2]):
        for args, kwargs, wanted in order:
            for _ in range(3):
                assert f(*args, **kwargs).numpy() == wanted, (args, kwargs)
    traces = f.experimental_get_tracing_count()
    for args, kwargs, wanted in calls:
        assert f(*args, **kwargs).numpy() == wanted
    assert f.experimental_get_tracing_count() == traces


@pytest.mark.parametrize("again", [1, 2, 3, 4])
def test_the_same_tensor_twice_stands_in_the_right_places(again: int):
    f = tf.function(lambda x, y: x - y)
    one, two = tf.constant(1.0), tf.constant(2.0)
    for _ in range(again):
        assert f(y=one, x=one).numpy() == 0.0
    assert f(y=one, x=two).numpy() == 1.0
    assert f(x=one, y=two).numpy() == -1.0
    assert f(one, y=two).numpy() == -1.0


def test_variables_are_read_and_written_at_each_call():
    v, w = tf.Variable(1.0), tf.Variable([0.0])

    @tf.function
    def f(x: Any) -> Any:
        v.assign_add(x)
        w.assign(w + v)
        return v * 10.0, w

    seen = [f(tf.constant(1.0)) for _ in range(4)]
    assert [a.numpy() for a, _ in seen] == [20.0, 30.0, 40.0, 50.0]
    assert [b.numpy().tolist() for _, b in seen] == [[2.0], [5.0], [9.0], [14.0]]
    v.assign(0.0)
    assert f(tf.constant(1.0))[0].numpy() == 10.0


def test_a_variable_of_unknown_size_is_checked_before_it_changes():
    v, n = tf.Variable([1.0, 2.0]), tf.Variable(0)

    @tf.function(input_signature=[tf.TensorSpec([None])])
    def f(x: Any) -> Any:
        n.assign_add(1)
        v.assign(x)
        return n

    for _ in range(3):
        f(tf.constant([3.0, 4.0]))
    with pytest.raises(ValueError, match="shape"):
        f(tf.constant([3.0]))
    assert (n.numpy(), v.numpy().tolist()) == (3, [3.0, 4.0])


def test_the_short_way_keeps_neither_arguments_nor_results_alive():
    class Box:
        by = 2.0

    f = tf.function(lambda x, box: x * box.by)
    box = Box()
    for _ in range(3):
        result = f(tf.ones([3]), box)
    gone, made = weakref.ref(box), weakref.ref(result)
    del box, result
    gc.collect()
    assert gone() is None and made() is None
    assert f(tf.ones([3]), Box()).numpy().tolist() == [2.0] * 3


def test_running_eagerly_and_tapes_leave_the_short_way():
    f = tf.function(lambda x: x * x)
    x = tf.constant(3.0)
    for _ in range(3):
        assert f(x).numpy() == 9.0
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert tape.gradient(y, x).numpy() == 6.0
    tf.config.run_functions_eagerly(True)
    try:
        assert f(x).numpy() == 9.0
    finally:
        tf.config.run_functions_eagerly(False)
    assert tf.function(lambda z: f(z) + 1.0)(x).numpy() == 10.0
    assert f(x).numpy() == 9.0 and f.experimental_get_tracing_count() == 1


def test_numbers_overflow_without_a_word_and_users_code_still_warns():
    f = tf.function(lambda x: (x / 0.0, tf.exp(x * 1e30), tf.reduce_sum(x * 3e38)))
    g = tf.function(lambda x: tf.numpy_function(lambda a: np.float32(1.0) / a, [x], tf.float32))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            f(tf.constant([1.0, 2.0]))
    assert not caught
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        np.float32(1.0) / np.float32(0.0)
    assert len(caught) == 1
    assert np.isinf(g(tf.constant(0.0)).numpy())


def test_a_graph_that_calls_python_that_calls_a_graph():
    inner = tf.function(lambda x: x / 0.0)

    def call(a: Any) -> Any:
        return inner(tf.constant(a)).numpy()

    outer = tf.function(lambda x: tf.numpy_function(call, [x], tf.float32) + 1.0)
    for _ in range(3):
        assert np.isinf(outer(tf.constant(2.0)).numpy())


def test_keywords_and_structures_of_a_concrete_function():
    f = tf.function(lambda x, pair, *, by, box=None: x * by + pair["a"][0])
    spec = tf.TensorSpec([None], tf.float32)
    c = f.get_concrete_function(spec, {"a": [spec], "n": 3}, by=tf.TensorSpec([], name="factor"))
    one, two, three = tf.constant([1.0]), tf.constant([2.0]), tf.constant(3.0)
    for made in (
        c(one, {"a": [two], "n": 3}, by=three), c(one, {"n": 3, "a": [two]}, factor=three),
        c(by=three, pair={"a": [two], "n": 3}, x=one), c(one, two, three),
    ):  # fmt: skip
        assert made.numpy().tolist() == [5.0]
    text = c.pretty_printed_signature()
    assert "pair_1: 3" in text and "factor: float32 ()" in text and "box: None" in text
    assert "-> float32 (None,)" in c.pretty_printed_signature(verbose=False)
    wrong: list[tuple[Any, Any, str]] = [
        ((one, {"a": [two], "n": 4}), {"by": three}, "was 3 when this graph was traced, and now is 4"),
        ((one, {"a": [two]}), {"by": three}, "nested in another way"),
        ((one, {"a": [two], "n": 3}), {}, "takes 3 tensors, not 2.*traced for"),
        ((one, {"a": [two], "n": 3}), {"by": three, "z": one}, "takes 3 tensors"),
        ((one, {"a": [two], "n": 3}), {"by": three, "x": one}, "takes 3 tensors"),
    ]  # fmt: skip
    for args, kwargs, words in wrong:
        with pytest.raises(TypeError, match=f"(?s){words}"):
            c(*args, **kwargs)


def test_a_graph_with_open_sizes_serves_the_calls_that_fit():
    f = tf.function(lambda x: tf.reduce_sum(x))
    f.get_concrete_function(tf.TensorSpec([None, 3]))
    f.get_concrete_function(tf.TensorSpec([None, None]))
    for shape in ([2, 3], [5, 3], [4, 4], [1, 3]):
        f(tf.ones(shape))
    assert f.experimental_get_tracing_count() == 2
    assert not f.explain(tf.ones([9, 9])).retraces
    f(tf.ones([2]))
    assert f.experimental_get_tracing_count() == 3 and f.explain(tf.ones([2, 2, 2])).retraces


def test_a_variable_may_begin_with_what_the_first_call_brings():
    class Layer:
        w: Any = None
        traced = 0

        @tf.function
        def __call__(self, x: Any, units: int = 2) -> Any:
            self.traced += 1
            if self.w is None:
                self.w = tf.Variable(tf.random.stateless_normal([x.shape[-1], units], seed=[1, 2]))
                self.mean = tf.Variable(tf.reduce_mean(x, 0) * 2.0)
            return (x - self.mean) @ self.w

    layer = Layer()
    x = tf.constant([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]])
    made = layer(x)
    assert layer.traced == 2  # once to make the variables, once as every later call runs it
    assert layer.mean.numpy().tolist() == [4.0, 6.0, 8.0]
    assert np.allclose(made.numpy(), (x.numpy() - [4.0, 6.0, 8.0]) @ layer.w.numpy(), rtol=1e-5)
    assert np.allclose(layer(x + 1.0).numpy(), made.numpy() + layer.w.numpy().sum(0), rtol=1e-4)
    with pytest.raises(ValueError, match="known now"):
        Layer.__call__.__get__(layer := Layer()).get_concrete_function(tf.TensorSpec([2, 3]))


def test_jit_compile_without_a_compiler_says_so_and_runs(monkeypatch: pytest.MonkeyPatch):
    from engine.graph.native import machine

    monkeypatch.setattr(machine, "_why", "there is no compiler in this test")
    f = tf.function(lambda x: tf.exp(x) * x + 1.0, jit_compile=True)
    with pytest.warns(UserWarning, match="jit_compile=True.*no compiler in this test") as caught:
        assert f(tf.constant([0.0])).numpy().tolist() == [1.0]
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f(tf.constant([0.0, 0.0])).numpy().tolist() == [1.0, 1.0]  # told once
        for setting in (None, False):
            g = tf.function(lambda x: tf.exp(x) * x + 1.0, jit_compile=setting)
            assert g(tf.constant([0.0])).numpy().tolist() == [1.0]


@pytest.mark.parametrize("setting", [None, True, False])
def test_jit_compile_changes_no_number(setting: bool | None):
    class Step:
        def __init__(self) -> None:
            self.w = tf.Variable([0.5, -1.0])

        @tf.function(jit_compile=setting)
        def __call__(self, x: Any) -> Any:
            y = tf.tanh(x * self.w) + tf.sqrt(tf.abs(x)) * 2.0
            self.w.assign_sub(0.1 * y)
            return y

    step, w = Step(), np.array([0.5, -1.0], np.float32)
    for k in range(5):
        x = np.array([0.3, -0.2], np.float32) * k
        y = np.tanh(x * w) + np.sqrt(np.abs(x)) * 2.0
        assert np.allclose(step(tf.constant(x)).numpy(), y, rtol=1e-5)
        w = w - 0.1 * y
        assert np.allclose(step.w.numpy(), w, rtol=1e-5)


def test_a_failure_on_the_short_way_names_the_line_and_changes_nothing():
    v = tf.Variable(1.0)

    @tf.function
    def f(x: Any, i: Any) -> Any:
        v.assign_add(1.0)
        return tf.gather(x, i) * v  # the line that fails

    x = tf.constant([1.0, 2.0])
    for _ in range(4):
        f(x, tf.constant(1))
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        f(x, tf.constant(9))
    [note] = caught.value.__notes__
    place = note.rpartition(":")[2]
    assert "test_function_calls.py" in note
    with open(__file__, encoding="utf-8") as file:
        assert "# the line that fails" in file.read().splitlines()[int(place) - 1]
    assert v.numpy() == 5.0
    assert f(x, tf.constant(0)).numpy() == 6.0
