"""tf.function: when it traces and when it does not, and that a graph does what the Python did."""

from __future__ import annotations

import dataclasses
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
from tests.engine.oracle import assert_close


@pytest.fixture(autouse=True)
def nothing_left_open() -> Any:
    yield
    assert context.log is None and context.builder is None


def traced(function: Any, **options: Any) -> tuple[Any, list[Any]]:
    """The function as a tf.function, and the list of arguments it was traced with."""
    seen: list[Any] = []

    def body(*args: Any, **kwargs: Any) -> Any:
        seen.append((args, kwargs))
        return function(*args, **kwargs)

    return tf.function(body, **options), seen


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


# --- variables ------------------------------------------------------------------------------------


def test_variables_are_updated_in_the_order_of_the_program():
    v = tf.Variable(1.0)

    @tf.function
    def f(x: Any) -> Any:
        before = v + 0.0
        v.assign(x)
        middle = v * 10.0
        v.assign_add(5.0)
        return before, middle, v.value(), v

    for x, before in ((2.0, 1.0), (3.0, 7.0)):
        assert [t.numpy() for t in f(tf.constant(x))] == [before, 10 * x, x + 5, x + 5]
        assert v.numpy() == x + 5
    assert f.experimental_get_tracing_count() == 1


def test_assignments_happen_together_when_the_call_ends():
    a, b = tf.Variable(1.0), tf.Variable(2.0)

    @tf.function
    def swap() -> None:
        old = a.value()
        a.assign(b)
        b.assign(old)

    swap()
    assert (a.numpy(), b.numpy()) == (2.0, 1.0)


def test_a_failing_call_changes_no_variable():
    v = tf.Variable([1.0, 2.0])

    @tf.function(input_signature=[tf.TensorSpec([None])])
    def f(x: Any) -> Any:
        v.assign_add([1.0, 1.0])
        return v + x

    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\(2,\) and \(3,\)"):
        f(tf.ones([3]))
    assert v.numpy().tolist() == [1.0, 2.0]
    f(tf.ones([2]))
    assert v.numpy().tolist() == [2.0, 3.0]


def test_an_assignment_of_unknown_size_is_checked_when_the_graph_runs():
    v = tf.Variable([1.0, 2.0], name="w")
    f = tf.function(lambda x: v.assign(x), input_signature=[tf.TensorSpec([None])])
    f(tf.constant([3.0, 4.0]))
    with pytest.raises(ValueError, match=r"'w:0' has shape \(2,\).*\(3,\)"):
        f(tf.constant([1.0, 2.0, 3.0]))
    assert v.numpy().tolist() == [3.0, 4.0]


def test_a_variable_made_at_the_first_trace_is_kept():
    class Counter:
        def __init__(self) -> None:
            self.count: Any = None

        @tf.function
        def __call__(self, x: Any) -> Any:
            if self.count is None:
                self.count = tf.Variable(0.0)
            self.count.assign_add(x)
            return self.count * 1.0

    counter = Counter()
    assert [counter(tf.constant(x)).numpy() for x in (1.0, 2.0)] == [1.0, 3.0]
    assert counter(tf.constant(3.0)).numpy() == 6.0


def test_a_variable_made_at_every_trace_is_refused_with_the_fix():
    @tf.function
    def f(x: Any) -> Any:
        return tf.Variable(1.0, name="fresh") * tf.cast(x, tf.float32)

    f(tf.constant(1.0))
    with pytest.raises(ValueError, match=r"'fresh'.*first.*once, outside"):
        f(tf.constant(1))


def test_a_first_trace_that_failed_may_be_repeated_and_make_its_variables():
    class Layer:
        w: Any = None
        broken = True

        @tf.function
        def __call__(self, x: Any) -> Any:
            if self.broken:
                raise KeyError("not yet")
            if self.w is None:
                self.w = tf.Variable(2.0)
            return self.w * x

    layer = Layer()
    with pytest.raises(KeyError):
        layer(tf.constant(1.0))
    layer.broken = False
    assert layer(tf.constant(3.0)).numpy() == 6.0


def test_the_value_of_a_variable_is_not_baked_in_but_a_constant_is():
    v, k = tf.Variable(1.0), tf.constant([10.0])
    scale = {"by": 2.0}

    @tf.function
    def f(x: Any) -> Any:
        return v * x + k * scale["by"]

    assert f(tf.constant(1.0)).numpy().tolist() == [21.0]
    v.assign(5.0)
    scale["by"] = 100.0  # Python is not asked again
    assert f(tf.constant(1.0)).numpy().tolist() == [25.0]
    assert [u.ref() for u in f.get_concrete_function(tf.constant(1.0)).variables] == [v.ref()]


# --- methods --------------------------------------------------------------------------------------


def test_each_instance_has_graphs_of_its_own():
    class Model:
        def __init__(self, w: float):
            self.w = tf.Variable(w)

        @tf.function
        def predict(self, x: Any) -> Any:
            return self.w * x

    one, two, x = Model(1.0), Model(2.0), tf.constant(3.0)
    assert [m.predict(x).numpy() for m in (one, two, one)] == [3.0, 6.0, 3.0]
    assert one.predict.experimental_get_tracing_count() == 1
    assert two.predict.experimental_get_tracing_count() == 1
    assert Model.predict.experimental_get_tracing_count() == 0
    assert one.predict.__name__ == "predict" and "1 traces" in repr(one.predict)
    assert Model(4.0).predict(x).numpy() == 12.0  # the instance lives as long as the call needs it


def test_instances_that_are_equal_or_have_no_hash_are_told_apart():
    @dataclasses.dataclass
    class Plain:
        k: float

        @tf.function
        def scale(self, x: Any) -> Any:
            return x * self.k

    @dataclasses.dataclass(frozen=True)
    class Frozen:
        k: float
        v: Any = dataclasses.field(default_factory=lambda: tf.Variable(1.0), compare=False)

        @tf.function
        def scale(self, x: Any) -> Any:
            return x * self.k * self.v

    x = tf.constant(2.0)
    assert Plain(3.0).scale(x).numpy() == 6.0
    a, b = Frozen(1.0), Frozen(1.0)
    b.v.assign(5.0)
    assert a == b and (a.scale(x).numpy(), b.scale(x).numpy()) == (2.0, 10.0)


def test_an_instance_is_freed_with_its_graphs():
    class Model:
        def __init__(self) -> None:
            self.w = tf.Variable(1.0)

        @tf.function
        def predict(self, x: Any) -> Any:
            return self.w * x

    model = Model()
    model.predict(tf.constant(1.0))
    instance, variable = weakref.ref(model), weakref.ref(model.w)
    gc.disable()
    try:
        del model
        assert instance() is None
    finally:
        gc.enable()
    gc.collect()
    assert variable() is None


def test_a_method_with_a_signature():
    class Model:
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def total(self, x: Any) -> Any:
            return tf.reduce_sum(x)

    model = Model()
    assert [model.total(tf.ones([n])).numpy() for n in (1, 5, 0)] == [1.0, 5.0, 0.0]
    assert model.total.experimental_get_tracing_count() == 1
    assert model.total.get_concrete_function().inputs == [tf.TensorSpec([None], tf.float32, "x")]


# --- input signatures -----------------------------------------------------------------------------


def test_a_signature_is_one_graph_for_all_that_fits_it():
    f, seen = traced(
        lambda x, k: tf.reduce_sum(x, 0) * k,
        input_signature=[tf.TensorSpec([None, 2]), tf.TensorSpec([], tf.float32)],
    )
    for x in (np.ones((3, 2), np.float32), np.ones((1, 2)), [[1.0, 2.0]], tf.zeros([0, 2])):
        assert_close(f(x, 2.0), 2.0 * np.sum(np.asarray(x), 0))
    assert f(np.ones((4, 2), np.int64), 3).dtype is tf.float32  # converted, as the signature says
    assert len(seen) == f.experimental_get_tracing_count() == 1
    (x, k), _ = seen[0]
    assert x.shape == (None, 2) and k.shape == ()


def test_a_signature_may_be_nested():
    f, seen = traced(
        lambda batch: batch["x"] * batch["k"][0],
        input_signature=[{"x": tf.TensorSpec([None]), "k": [tf.TensorSpec([])]}],
    )
    assert f({"x": [1.0, 2.0], "k": [3.0]}).numpy().tolist() == [3.0, 6.0]
    assert f({"k": [2.0], "x": np.array([5.0])}).numpy().tolist() == [10.0]
    assert len(seen) == 1
    with pytest.raises(ValueError, match="keys differ"):
        f({"x": [1.0]})


def test_a_signature_leaves_defaults_alone():
    @tf.function(input_signature=[tf.TensorSpec([])])
    def f(x: Any, times: int = 2) -> Any:
        return x * float(times)

    assert f(3.0).numpy() == 6.0
    assert f(3.0, times=5).numpy() == 15.0
    assert f.experimental_get_tracing_count() == 2


SIGNATURE_ERRORS = [
    (
        (tf.constant([1.0, 2.0]),),
        TypeError,
        ["shape=(3,)", "float32", "shape (2,)", "None for a size"],
    ),
    ((tf.constant([1, 2, 3]),), TypeError, ["float32", "int32 tensor", "cast"]),
    ((tf.ones([3, 1]),), TypeError, ["shape=(3,)", "shape (3, 1)"]),
    ((), TypeError, ["missing", "'x'"]),
    (("abc",), TypeError, ["str 'abc'", "float32"]),
]


@pytest.mark.parametrize(("args", "error", "words"), SIGNATURE_ERRORS)
def test_what_does_not_fit_a_signature_is_refused(args: Any, error: Any, words: list[str]):
    f = tf.function(lambda x: x * 2.0, input_signature=[tf.TensorSpec([3], tf.float32)])
    with pytest.raises(error) as caught:
        f(*args)
    assert all(word in str(caught.value) for word in words), caught.value
    assert f.experimental_get_tracing_count() == 0


def test_get_concrete_function_checks_specs_against_the_signature():
    f = tf.function(lambda x: x * 2.0, input_signature=[tf.TensorSpec([None], tf.float32)])
    wide = f.get_concrete_function()
    assert f.get_concrete_function(tf.TensorSpec([4], tf.float32)) is wide
    with pytest.raises(TypeError, match="int32"):
        f.get_concrete_function(tf.TensorSpec([4], tf.int32))


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


# --- gradients ------------------------------------------------------------------------------------


def cube(x: Any) -> Any:
    return x * x * x


def test_a_gradient_through_a_traced_function():
    f = tf.function(cube)
    x, v = tf.constant(2.0), tf.Variable(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x) + f(v)
    assert [g.numpy() for g in tape.gradient(y, [x, v])] == [12.0, 27.0]
    assert f.experimental_get_tracing_count() == 2  # one for the tensor, one for the variable


def test_a_gradient_inside_a_traced_function():
    @tf.function
    def slope(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = cube(x)
        return tape.gradient(y, x)

    assert [slope(tf.constant(v)).numpy() for v in (2.0, 3.0)] == [12.0, 27.0]
    with tf.GradientTape() as tape:
        x = tf.constant(2.0)
        tape.watch(x)
        y = slope(x)
    assert tape.gradient(y, x).numpy() == 12.0  # 6 x


def test_second_derivatives_inside_and_across_a_trace():
    @tf.function
    def curvature(x: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = cube(x)
            first = inner.gradient(y, x)
        return outer.gradient(first, x)

    assert curvature(tf.constant(2.0)).numpy() == 12.0


def test_a_train_step_as_a_graph_does_what_it_does_eagerly():
    x = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]])
    t = np.array([[1.0], [0.0], [2.0]])

    def step(w: Any, b: Any) -> Any:
        with tf.GradientTape() as tape:
            error = tf.reduce_mean((tf.tanh(x @ w + b) - t) ** 2)
        for v, g in zip((w, b), tape.gradient(error, (w, b)), strict=True):
            v.assign_sub(0.1 * g)
        return error

    def train(run: Any) -> list[Any]:
        w, b = tf.Variable(np.ones((2, 1)) * 0.3), tf.Variable(np.zeros(1))
        losses = [run(w, b).numpy() for _ in range(20)]
        return [losses, w.numpy(), b.numpy()]

    for eager, graph in zip(train(step), train(tf.function(step)), strict=True):
        assert_close(graph, eager, 1e-13)


def test_a_gradient_with_sizes_known_only_when_the_graph_runs():
    @tf.function(input_signature=[tf.TensorSpec([None, None]), tf.TensorSpec([None])])
    def f(x: Any, b: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, b])
            y = tf.reduce_mean((x + b) ** 2, axis=0)
        return tape.gradient(y, [x, b])

    x, b = np.arange(6.0).reshape(3, 2), np.array([1.0, 2.0])
    dx, db = f(x, b)
    assert_close(dx, 2 * (x + b) / 3)
    assert_close(db, (2 * (x + b) / 3).sum(0))


def test_a_tape_outside_a_trace_sees_nothing_of_the_trace():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        f = tf.function(lambda: x * x)  # a captured constant
        f.get_concrete_function()
        y = x * 3.0
    assert tape.gradient(y, x).numpy() == 3.0


# --- nesting --------------------------------------------------------------------------------------


def test_functions_call_functions():
    inner = tf.function(lambda x: x * x)

    @tf.function
    def outer(x: Any) -> Any:
        return inner(x) + inner(x + 1.0)

    assert outer(tf.constant(2.0)).numpy() == 13.0
    assert inner.experimental_get_tracing_count() == 1
    with tf.GradientTape() as tape:
        x = tf.constant(2.0)
        tape.watch(x)
        y = outer(x)
    assert tape.gradient(y, x).numpy() == 4.0 + 6.0


def test_an_inner_function_sees_the_variables_of_the_outer_program():
    v = tf.Variable(1.0)

    @tf.function
    def double() -> None:
        v.assign(v * 2.0)

    @tf.function
    def outer() -> Any:
        v.assign_add(1.0)
        double()
        double()
        return v + 0.0

    assert outer().numpy() == 8.0 and v.numpy() == 8.0
    double()
    assert v.numpy() == 16.0


def test_an_inner_function_may_use_a_symbolic_tensor_of_the_outer():
    @tf.function
    def outer(x: Any) -> Any:
        scaled = x * 10.0

        @tf.function
        def inner(y: Any) -> Any:
            return scaled + y

        with tf.GradientTape() as tape:
            tape.watch(scaled)
            z = inner(x) * inner(x)
        return z, tape.gradient(z, scaled)

    assert [t.numpy() for t in outer(tf.constant(2.0))] == [484.0, 44.0]
    assert [t.numpy() for t in outer(tf.constant(3.0))] == [1089.0, 66.0]


def test_a_function_may_call_itself_with_other_python_arguments():
    @tf.function
    def factorial(x: Any, n: int) -> Any:
        return x if n == 0 else float(n) * factorial(x, n - 1)

    assert factorial(tf.constant(1.0), 5).numpy() == 120.0
    assert factorial.experimental_get_tracing_count() == 6


def test_a_failing_trace_inside_a_trace_restores_the_outer_one():
    inner = tf.function(lambda x: x.missing)

    @tf.function
    def outer(x: Any) -> Any:
        try:
            inner(x)
        except AttributeError:
            return x * 2.0

    assert outer(tf.constant(2.0)).numpy() == 4.0


# --- symbolic tensors that leave their trace ------------------------------------------------------


def test_a_symbolic_tensor_that_leaks_says_where_it_came_from():
    leaked: list[Any] = []

    @tf.function
    def leaky(x: Any) -> Any:
        leaked.append(x + 1.0)
        return x

    leaky(tf.constant(1.0))
    assert repr(leaked[0]) == '<tf.Tensor "add:0" shape=() dtype=float32>'
    with pytest.raises(AttributeError, match=r"'leaky'.*return it instead"):
        leaked[0] + 1.0

    @tf.function
    def other(x: Any) -> Any:
        return x + leaked[0]

    with pytest.raises(
        tf.errors.InaccessibleTensorError, match=r"'leaky'.*used in 'other'.*return it"
    ):
        other(tf.constant(1.0))
    assert other.experimental_get_tracing_count() == 0


def test_a_function_that_captured_a_tensor_of_a_finished_trace_does_not_run():
    kept: list[Any] = []

    @tf.function
    def outer(x: Any) -> Any:
        inner = tf.function(lambda y: y + x)
        kept.append(inner)
        return inner(x)

    assert outer(tf.constant(2.0)).numpy() == 4.0
    with pytest.raises(AttributeError, match="symbolic"):
        kept[0](tf.constant(1.0))


def test_an_error_when_the_graph_runs_names_shapes_and_the_line():
    @tf.function(input_signature=[tf.TensorSpec([None]), tf.TensorSpec([None])])
    def add(x: Any, y: Any) -> Any:
        return x + y

    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\(2,\) and \(3,\)") as caught:
        add(tf.ones([2]), tf.ones([3]))
    assert any("test_function.py" in note for note in caught.value.__notes__)


def test_two_levels_of_capture():
    @tf.function
    def outer(x: Any) -> Any:
        def middle(y: Any) -> Any:
            return tf.function(lambda z: x + y + z)(y * 2.0)

        return tf.function(middle)(x + 1.0)

    assert outer(tf.constant(1.0)).numpy() == 1.0 + 2.0 + 4.0


def test_objects_without_weak_references_are_arguments_too():
    class Bare:
        __slots__ = ("k",)

        def __init__(self, k: float):
            self.k = k

    f, seen = traced(lambda x, bare: x * bare.k)
    two, three = Bare(2.0), Bare(3.0)
    assert [f(tf.constant(1.0), b).numpy() for b in (two, three, two)] == [2.0, 3.0, 2.0]
    assert len(seen) == 2


def test_a_signature_counts_its_arguments():
    pair = [tf.TensorSpec([]), tf.TensorSpec([])]
    f = tf.function(lambda *xs: xs[0] + xs[1], input_signature=pair)
    assert f(1.0, 2.0).numpy() == 3.0
    with pytest.raises(TypeError, match="2 entries, but 1 positional"):
        f(1.0)

    def by_name(x: Any, *, k: Any) -> Any:
        return x * k

    with pytest.raises(TypeError, match="1 entries"):
        tf.function(by_name, input_signature=[tf.TensorSpec([])])(1.0, k=2.0)


def test_a_tensor_of_unknown_rank():
    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32)])
    def f(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum((x + x) * [2.0, 3.0])
        return y, tape.gradient(y, x)

    for x in ([[1.0, 1.0], [1.0, 1.0]], [1.0, 1.0], 1.0):
        total, slope = f(x)
        assert total.numpy() == 10.0 * max(np.size(x) / 2, 1.0)
        assert slope.shape == np.shape(x)
    assert f(1.0)[1].numpy() == 10.0
    for refused in (
        lambda x: tf.reduce_sum(x, 0),
        lambda x: tf.reduce_sum(x, keepdims=True),
        tf.rank,
        len,
    ):
        unknown = tf.function(refused, input_signature=[tf.TensorSpec(None, tf.float32)])
        with pytest.raises((tf.errors.InvalidArgumentError, ValueError, TypeError)):
            unknown([1.0])


def test_sizes_that_are_known_may_be_asked_while_tracing():
    f = tf.function(lambda x: tf.add_n([row * float(len(x)) for row in x]))
    assert f(tf.constant([[1.0, 2.0], [3.0, 4.0]])).numpy().tolist() == [8.0, 12.0]
    shuffle = tf.function(tf.random.shuffle, input_signature=[tf.TensorSpec([None])])
    with pytest.raises(tf.errors.InvalidArgumentError, match="size is known"):
        shuffle([1.0])
