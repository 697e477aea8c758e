"""tf.function: when it traces and when it does not, and what a call returns."""

from __future__ import annotations

import gc
import threading
import weakref
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.dispatch import context
from engine.function import CACHE_SIZE
from tests.engine.oracle import assert_close, traced

# Tracing often is what many of these tests do on purpose; test_retracing.py tests the warning.
pytestmark = pytest.mark.filterwarnings("ignore::engine.retracing.RetracingWarning")

# --- when it traces -------------------------------------------------------------------------------


def test_print_runs_once_a_trace(capsys: pytest.CaptureFixture[str]):
    @tf.function
    def f(x: Any) -> Any:
        print("tracing with", x)
        return x * x

    assert [f(tf.constant(v)).numpy() for v in (1, 2, 3)] == [1, 4, 9]
    assert f.experimental_get_tracing_count() == 1
    assert capsys.readouterr().out == 'tracing with Tensor("x:0", shape=(), dtype=int32)\n'
    assert f(tf.constant(1.5)).numpy() == 2.25
    assert f.experimental_get_tracing_count() == 2


def test_a_new_dtype_or_shape_is_a_new_trace_and_new_values_are_not():
    f, seen = traced(lambda x: x + x)
    for value in ([1.0], [2.0], [1], [1.0, 2.0], [[1.0]], [3, 4], [5.0]):
        assert_close(f(tf.constant(value)), 2 * np.array(value))
    assert len(seen) == f.experimental_get_tracing_count() == 5


def test_python_values_are_part_of_the_trace_by_type_and_value():
    f, seen = traced(lambda x, k: x * k)
    x = tf.constant(2.0)
    for k in (1, 1, 2, 1.0, True, 2):
        if k is True:
            with pytest.raises(TypeError):
                f(x, k)  # a bool is no number; the failed trace leaves no entry
        else:
            assert f(x, k).numpy() == 2.0 * k
    assert len(seen) == 4 and f.experimental_get_tracing_count() == 3

    g, seen = traced(lambda x, mode: x + 1.0 if mode == "up" else x - 1.0)
    assert [g(x, m).numpy() for m in ("up", "down", "up", None)] == [3.0, 1.0, 3.0, 1.0]
    assert len(seen) == 3


def test_equal_numbers_of_different_types_do_not_share_a_trace():
    f, seen = traced(lambda k: tf.constant(k))
    assert [f(k).dtype.name for k in (1, 1.0, True)] == ["int32", "float32", "bool"]
    assert len(seen) == 3


def test_numpy_arrays_and_scalars_are_tensors():
    f, seen = traced(lambda x: x * 2)
    assert f(np.array([1.0, 2.0])).numpy().tolist() == [2.0, 4.0]
    assert f(np.array([3.0, 4.0])).numpy().tolist() == [6.0, 8.0]
    assert f(tf.constant([5.0, 6.0], tf.float64)).dtype is tf.float64
    assert len(seen) == 1
    assert f(np.float32(3)).numpy() == 6.0


def test_structures_are_part_of_the_trace():
    Pair = namedtuple("Pair", "first second")
    f, seen = traced(lambda s: tf.add_n([tf.cast(t, tf.float32) for t in tf.nest.flatten(s)]))
    x, y = tf.constant(1.0), tf.constant(2.0)
    for s in ([x, y], [y, x], (x, y), Pair(x, y), {"a": x, "b": y}, {"b": x, "a": y}, [x, [y]]):
        assert f(s).numpy() == 3.0
    assert len(seen) == 5  # lists, tuples, named tuples, dicts whatever their order, nested lists
    assert f({"a": x, "c": y}).numpy() == 3.0 and len(seen) == 6


def test_keyword_arguments_and_defaults_in_any_order_share_a_trace():
    @tf.function
    def f(a: Any, b: Any = 2.0, *rest: Any, c: Any = 3.0, **more: Any) -> Any:
        return a + 10.0 * b + 100.0 * c + sum(rest) + sum(more.values())

    x = tf.constant(1.0)
    same = [f(x), f(a=x), f(x, 2.0), f(c=3.0, b=2.0, a=x), f(x, c=3.0)]
    assert [s.numpy() for s in same] == [321.0] * 5
    assert f.experimental_get_tracing_count() == 1
    y = tf.constant(1000.0)
    assert f(x, z=y, w=x).numpy() == f(x, w=x, z=y).numpy() == 1322.0
    assert f(x, 2.0, y, x).numpy() == 1322.0
    assert f.experimental_get_tracing_count() == 3
    with pytest.raises(TypeError, match="missing"):
        f()


def test_a_tensor_may_be_a_default_argument():
    def f(x: Any, k: Any = tf.constant(3.0)) -> Any:  # noqa: B008
        return x * k

    g = tf.function(f)
    assert [g(tf.constant(v)).numpy() for v in (1.0, 2.0)] == [3.0, 6.0]
    assert g(tf.constant(2.0), tf.constant(5.0)).numpy() == 10.0
    assert g.experimental_get_tracing_count() == 1


def test_objects_are_told_apart_by_identity():
    class Scale:
        def __init__(self, by: float):
            self.by = by

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 0

    f, seen = traced(lambda x, s: x * s.by)
    two, three, x = Scale(2.0), Scale(3.0), tf.constant(1.0)
    assert [f(x, s).numpy() for s in (two, three, two)] == [2.0, 3.0, 2.0]
    assert len(seen) == 2


def test_variables_are_told_apart_by_identity_and_read_at_each_call():
    f, seen = traced(lambda v: v * 2.0)
    v, w = tf.Variable(1.0), tf.Variable(1.0)
    assert f(v).numpy() == 2.0
    v.assign(5.0)
    assert f(v).numpy() == 10.0 and f(w).numpy() == 2.0
    assert len(seen) == 2


def test_the_cache_keeps_the_graphs_used_last():
    f, seen = traced(lambda x, k: x + k)
    x = tf.constant(0)
    for k in range(CACHE_SIZE + 10):
        assert f(x, k).numpy() == k
    assert f(x, CACHE_SIZE + 9).numpy() == CACHE_SIZE + 9
    assert len(seen) == CACHE_SIZE + 10
    assert f(x, 0).numpy() == 0
    assert len(seen) == CACHE_SIZE + 11  # the first graph had gone


def test_a_graph_called_through_the_shortcut_counts_as_used():
    f, seen = traced(lambda x: x)
    kept = tf.zeros([0])
    for size in range(1, CACHE_SIZE + 5):
        f(kept)
        f(tf.zeros([size]))
    traces = len(seen)
    f(kept)
    assert len(seen) == traces == CACHE_SIZE + 5


def test_a_graph_that_left_the_cache_is_not_kept_by_the_shortcut():
    f, seen = traced(lambda x: x)
    first = weakref.ref(f.get_concrete_function(tf.zeros([0])))
    for size in range(CACHE_SIZE + 1):
        f(tf.zeros([size]))
    assert len(seen) == CACHE_SIZE + 1
    gc.collect()
    assert first() is None
    f(tf.zeros([0]))
    assert len(seen) == CACHE_SIZE + 2


def test_the_shortcut_for_tensors_is_not_confused_by_nesting_or_eviction():
    f, seen = traced(lambda *parts: tf.nest.flatten(parts)[0] * 1.0)
    x, y = tf.constant(1.0), tf.constant([2.0])
    for _ in range(2):
        assert f(x, y).numpy() == 1.0
        assert f((x, y)).numpy() == 1.0
        assert f((x,), y).numpy() == 1.0
        assert f(((x,), y)).numpy() == 1.0
    assert len(seen) == 4


def test_a_trace_that_fails_leaves_nothing_behind():
    f, seen = traced(lambda x: x.no_such_thing)
    for _ in range(2):
        with pytest.raises(AttributeError, match="no_such_thing"):
            f(tf.constant(1.0))
    assert len(seen) == 2  # tried again, not remembered
    assert f.experimental_get_tracing_count() == 0
    assert context.builder is None


def test_two_threads_with_the_same_arguments_trace_once():
    started = threading.Barrier(3)
    f, seen = traced(lambda x: x * 2.0)
    results = []

    def work() -> None:
        started.wait()
        results.append(f(tf.constant(3.0)).numpy())

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [6.0] * 3 and len(seen) == 1


def test_functions_can_run_eagerly_for_debugging():
    f, seen = traced(lambda x: x * float(x.numpy()))
    tf.config.run_functions_eagerly(True)
    try:
        assert tf.config.functions_run_eagerly()
        assert f(tf.constant(3.0)).numpy() == 9.0 and f(tf.constant(4.0)).numpy() == 16.0
        assert len(seen) == 2
    finally:
        tf.config.run_functions_eagerly(False)
    with pytest.raises(AttributeError, match="symbolic"):
        f(tf.constant(3.0))


def test_objects_without_weak_references_are_arguments_too():
    class Bare:
        __slots__ = ("k",)

        def __init__(self, k: float):
            self.k = k

    f, seen = traced(lambda x, bare: x * bare.k)
    two, three = Bare(2.0), Bare(3.0)
    assert [f(tf.constant(1.0), b).numpy() for b in (two, three, two)] == [2.0, 3.0, 2.0]
    assert len(seen) == 2


# --- results --------------------------------------------------------------------------------------


def test_results_keep_their_structure():
    Pair = namedtuple("Pair", "first second")

    @tf.function
    def f(x: Any) -> Any:
        return {"a": x, "b": [x + 1, None], "c": Pair(3, (tf.Variable(2.0) if False else x,))}

    found = f(tf.constant(1))
    assert list(found) == ["a", "b", "c"] and type(found["c"]) is Pair
    assert found["b"][0].numpy() == 2 and found["b"][1] is None
    assert found["c"].first.numpy() == 3 and found["c"].second[0].numpy() == 1
    assert tf.function(lambda: None)() is None
    assert tf.function(lambda: "text")().numpy() == b"text"
    assert tf.function(lambda: [])() == []


def test_an_argument_may_be_returned_as_it_is():
    x = tf.constant([1.0, 2.0])
    assert tf.function(lambda t: t)(x).numpy().tolist() == [1.0, 2.0]
    assert tf.function(lambda t, u: u)(x, tf.constant(3)).numpy() == 3


def test_a_result_that_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match="object"):
        tf.function(lambda: object())()


def test_results_are_freed_at_once():
    f = tf.function(lambda x: {"y": x * 2.0})
    f(tf.constant(1.0))
    gc.disable()
    try:
        found = f(tf.constant(1.0))
        seen = weakref.ref(found["y"])
        del found
        assert seen() is None
    finally:
        gc.enable()


# --- concrete functions ---------------------------------------------------------------------------


def test_a_concrete_function_is_one_graph():
    f, seen = traced(lambda a, b: a + b * a)
    spec = tf.TensorSpec([None], tf.float32)
    concrete = f.get_concrete_function(spec, spec)
    assert concrete is f.get_concrete_function(spec, spec)
    assert len(seen) == 1
    assert concrete(tf.constant([1.0, 2.0]), [3.0, 4.0]).numpy().tolist() == [4.0, 10.0]
    assert [s.shape for s in concrete.outputs] == [(None,)]
    with pytest.raises(TypeError, match="takes 2 tensors, not 1"):
        concrete(tf.constant([1.0]))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"float32.*int32 tensor"):
        concrete(tf.constant([1]), tf.constant([1]))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\(None,\).*\(1, 1\)"):
        concrete(tf.ones([1, 1]), tf.ones([1]))


def test_pretty_printed_signatures():
    @tf.function
    def scale(x: Any, by: Any) -> Any:
        return x * by

    concrete = scale.get_concrete_function(tf.TensorSpec([None, 2]), tf.constant(3.0))
    text = "scale(\n  x: float32 (None, 2)\n  by: float32 ()\n) ->\n  float32 (None, 2)"
    assert concrete.pretty_printed_signature() == text
    assert text in repr(concrete)
    assert scale.pretty_printed_concrete_signatures() == text
    assert repr(scale) == "<tf.function scale: 1 traces>"
    assert concrete.name == "scale"
    names = tf.function(lambda a, *rest, **more: a)
    flat = names.get_concrete_function(
        [tf.constant(1), tf.constant(2)], tf.constant(3), tf.constant(4), z=tf.constant(5)
    )
    assert [s.name for s in flat.inputs] == ["a_0", "a_1", "rest_0", "rest_1", "z"]


def test_options_of_tensorflow_are_accepted():
    @tf.function(jit_compile=True, autograph=False, reduce_retracing=True)
    def f(x: Any) -> Any:
        """Doubles."""
        return x + x

    assert f(tf.constant(2)).numpy() == 4
    assert f.__name__ == "f" and f.__doc__ == "Doubles."
