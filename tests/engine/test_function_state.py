"""tf.function and what changes: variables in the order of the program, and methods of instances."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from typing import Any

import pytest

import engine as tf

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

    with pytest.raises(ValueError, match=r"'fresh'.*first.*once, outside"):
        f(tf.constant(1.0))


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
