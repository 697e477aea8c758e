"""Why a function is traced again: fn.explain, the warning, and reduce_retracing."""

from __future__ import annotations

import gc
import warnings
import weakref
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.function import MANY_TRACES
from engine.retracing import RetracingWarning


class Box:
    """An argument that is no tensor."""


REASONS = {
    "a size": (
        lambda x: x,
        [tf.zeros([3])],
        [tf.zeros([4])],
        ["x: shape (3,) before, (4,) now. Fix: one graph for all sizes: "
         "input_signature=[tf.TensorSpec([None], tf.float32)], or reduce_retracing=True."],
    ),
    "a rank": (
        lambda x: x,
        [tf.zeros([3])],
        [tf.zeros([3, 1])],
        ["x: shape (3,) before, (3, 1) now. Fix: one graph for all sizes: "
         "input_signature=[tf.TensorSpec(None, tf.float32)], or reduce_retracing=True."],
    ),
    "one size of two": (
        lambda images: images,
        [tf.zeros([3, 28])],
        [tf.zeros([7, 28])],
        ["images: shape (3, 28) before, (7, 28) now. Fix: one graph for all sizes: "
         "input_signature=[tf.TensorSpec([None, 28], tf.float32)], or reduce_retracing=True."],
    ),
    "a dtype": (
        lambda a, b: a,
        [tf.zeros([]), tf.zeros([])],
        [tf.zeros([]), tf.zeros([], tf.int32)],
        ["b: float32 before, int32 now. Fix: give it one dtype: tf.cast(b, tf.float32)."],
    ),
    "a number": (
        lambda x, n: x,
        [tf.zeros([]), 1],
        [tf.zeros([]), 2],
        ["n: 1 before, 2 now. Fix: every value of a Python argument is a graph of its own; pass "
         "tf.constant(2)."],
    ),
    "a setting": (
        lambda x, training: x,
        [tf.zeros([]), True],
        [tf.zeros([]), False],
        ["training: True before, False now. Fix: fine for a few settings; else decide inside with tf.cond "
         "on a tensor."],
    ),
    "a number for a tensor": (
        lambda x: x,
        [tf.zeros([])],
        [3.0],
        ["x: a tensor before, the Python value 3.0 now. Fix: pass the same kind each time, best a tensor: "
         "tf.constant(...)."],
    ),
    "other keys": (
        lambda pair: pair,
        [{"a": tf.zeros([])}],
        [{"b": tf.zeros([])}],
        ["The arguments are nested in another way: other keys, or a list where a tuple was. Fix: one "
         "structure."],
    ),
    "another nesting": (
        lambda pair: pair,
        [(tf.zeros([]), tf.zeros([]))],
        [tf.zeros([])],
        ["The arguments are nested in another way: pair_0, pair_1 before, pair now. Fix: one structure."],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REASONS)
def test_explain_names_the_argument_what_changed_and_the_fix(what: str):
    function, first, second, reasons = REASONS[what]
    traced = tf.function(function)
    traced(*first)
    found = traced.explain(*second)
    assert found.retraces and list(found.reasons) == reasons
    assert str(found).startswith("<lambda> will be traced for ") and reasons[0] in str(found)
    assert traced.experimental_get_tracing_count() == 1, "asking traces nothing"


def test_explain_says_which_graph_fits():
    traced = tf.function(lambda x: x)
    never = traced.explain(tf.zeros([1]))
    assert (
        never.retraces
        and str(never) == "<lambda> will be traced for x: float32 (1,): it never was."
    )
    for size in (1, 2, 3):
        traced(tf.zeros([size]))
    found = traced.explain(tf.zeros([2]))
    assert not found.retraces and found.reasons == ()
    assert repr(found) == "<lambda> will not be traced for x: float32 (2,): graph 2 of 3 fits."


def test_explain_compares_with_the_nearest_graph():
    traced = tf.function(lambda x, n: x)
    traced(tf.zeros([2]), 1)
    traced(tf.zeros([2], tf.int32), 2)
    assert [r.split(":")[0] for r in traced.explain(tf.zeros([2]), 2).reasons] == ["x"]
    assert [r.split(":")[0] for r in traced.explain(tf.zeros([2]), 3).reasons] == ["n"]


def test_explain_tells_objects_apart_and_keeps_none_alive():
    traced = tf.function(lambda x, box: x)
    box = Box()
    traced(tf.zeros([]), box)
    assert not traced.explain(tf.zeros([]), box).retraces
    assert "another object (Box) than before" in str(traced.explain(tf.zeros([]), Box()))
    gone = weakref.ref(box)
    del box
    gc.collect()
    assert gone() is None


def test_a_signature_decides_alone():
    traced = tf.function(lambda x: x, input_signature=[tf.TensorSpec([None])])
    traced(tf.zeros([2]))
    assert not traced.explain(tf.zeros([9])).retraces


def test_the_fifth_retrace_warns_once_with_the_argument_and_the_fix():
    traced = tf.function(lambda x, n: x * float(n))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(MANY_TRACES - 1):
            traced(tf.constant(1.0), n)
    with pytest.warns(RetracingWarning) as caught:
        traced(tf.constant(1.0), 40)
    (warning,) = caught
    text = str(warning.message)
    assert text.startswith("<lambda> was traced 6 times.") and "slower than no tf.function" in text
    assert "n: 4 before, 40 now. Fix: " in text and "tf.constant(40)" in text
    assert warning.filename == __file__, "it points at the call, not into the engine"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(10):
            traced(tf.constant(1.0), -1 - n)


def test_reduce_retracing_traces_once_for_all_sizes():
    shapes: list[Any] = []

    @tf.function(reduce_retracing=True)
    def f(x: Any) -> Any:
        shapes.append(x.shape.as_list())
        return tf.reduce_sum(x, 0)

    for size in (2, 3, 4, 2, 50):
        assert f(tf.ones([size, 5])).numpy().tolist() == [float(size)] * 5
    assert shapes == [[2, 5], [None, 5]]
    assert f(tf.ones([7, 6])).shape == [6] and shapes[-1] == [None, None]
    assert f(tf.ones([1, 9])).shape == [9] and len(shapes) == 3
    assert not f.explain(tf.ones([100, 100])).retraces
    assert f(tf.ones([2], tf.float64)).numpy() == 2.0 and shapes[-1] == [2]
    assert len(shapes) == 4, "another rank or dtype is another graph"


def test_reduce_retracing_still_tells_python_values_apart():
    f = tf.function(lambda x, n: x + n, reduce_retracing=True)
    assert [f(tf.zeros([2]), n).numpy().tolist() for n in (1, 2)] == [[1.0, 1.0], [2.0, 2.0]]
    assert f(tf.zeros([3]), 2).shape == [3] and f.experimental_get_tracing_count() == 3


def test_explaining_does_not_loosen_a_shape():
    f = tf.function(lambda x: x, reduce_retracing=True)
    f(tf.zeros([2]))
    assert f.explain(tf.zeros([3])).retraces
    concrete = f.get_concrete_function(tf.zeros([2]))
    assert concrete.inputs[0].shape.as_list() == [2] and f.experimental_get_tracing_count() == 1


def test_minus_zero_is_another_number_and_nan_is_one():
    """1 / -0.0 is -inf, though -0.0 == 0.0; and nan is traced once, though nan != nan."""
    f = tf.function(lambda x: tf.divide(1.0, x))
    assert [f(x).numpy() for x in (0.0, -0.0, 0.0)] == [np.inf, -np.inf, np.inf]
    assert [f([x])[0].numpy() for x in (0.0, -0.0)] == [np.inf, -np.inf]
    assert f.experimental_get_tracing_count() == 4
    for _ in range(3):
        assert np.isnan(f(float("nan")).numpy())
    assert f.experimental_get_tracing_count() == 5
    g = tf.function(tf.negative)
    turned = [g(z).numpy().imag for z in (complex(0.0, 0.0), complex(0.0, -0.0))]
    assert [bool(np.signbit(part)) for part in turned] == [True, False]
