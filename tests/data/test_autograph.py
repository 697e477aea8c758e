"""`for` over datasets in traced functions: one loop of the graph, which does what Python does eagerly."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as tf

Dataset = tf.data.Dataset


def total(ds: Any) -> Any:
    s = tf.constant(0, tf.int64)
    for x in ds:
        s += x
    return s


def until_large(ds: Any) -> Any:
    s, steps = tf.constant(0, tf.int64), 0
    for x in ds:
        if s > 20:
            break
        s += x
        steps += 1
    return s, tf.constant(0) + steps


def odd_ones(ds: Any) -> Any:
    s = tf.constant(0, tf.int64)
    for x in ds:
        if x % 2 == 0:
            continue
        s += x
    return s


def first_above(ds: Any) -> Any:
    for x in ds:
        if x > 4:
            return x * 10
    return tf.constant(-1, tf.int64)


def numbered(ds: Any) -> Any:
    s = tf.constant(0, tf.int64)
    for i, x in ds.enumerate():
        s += i * x
    return s


def python_numbered(ds: Any) -> Any:
    s = tf.constant(0, tf.int64)
    for i, x in enumerate(ds):
        s += tf.cast(i, tf.int64) * x
    return s


def zipped(ds: Any) -> Any:
    s = tf.constant(0, tf.int64)
    for a, b in zip(ds, ds.skip(2)):  # noqa: B905  # the shorter one ends it
        s += a * b
    return s


def pairs(ds: Any) -> Any:
    s = tf.constant(0, tf.int64)
    for a in ds.take(4):
        for b in ds.skip(1):
            if b > a:
                break
            s += a * b
    return s


def last(ds: Any) -> Any:
    x = tf.constant(-5, tf.int64)
    for x in ds:  # noqa: B007  # what the name holds afterwards is the question
        pass
    return x


def sums_of_batches(ds: Any) -> Any:
    array = tf.TensorArray(tf.int64, size=0, dynamic_size=True)
    i = 0
    for batch in ds.batch(3):
        array = array.write(i, tf.reduce_sum(batch))
        i += 1  # noqa: SIM113
    return array.stack()


def reduced(ds: Any) -> Any:
    return ds.reduce(tf.constant(0, tf.int64), lambda s, x: s * 2 + x)


LOOPS: list[Callable[..., Any]] = [
    total, until_large, odd_ones, first_above, numbered, python_numbered, zipped, pairs, last,
    sums_of_batches, reduced,
]  # fmt: skip


def numbers(structure: Any) -> Any:
    return [t.numpy().tolist() for t in tf.nest.flatten(structure)]


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_a_loop_in_a_graph_does_what_python_does(loop: Callable[..., Any]) -> None:
    for size in (9, 1):
        ds = Dataset.range(size).map(lambda x: x + 1)
        traced = tf.function(loop)
        for _ in range(2):
            assert numbers(traced(ds)) == numbers(loop(ds))
        assert traced.experimental_get_tracing_count() == 1


def test_the_graph_is_as_small_for_any_length_and_the_trace_is_one() -> None:
    sizes = set()
    for size in (3, 1000):
        ds = Dataset.range(size)
        concrete = tf.function(lambda: total(ds)).get_concrete_function()  # noqa: B023
        sizes.add(len(concrete.graph.nodes))
        assert int(concrete()) == size * (size - 1) // 2
    assert len(sizes) == 1


def test_a_dataset_made_in_the_function_takes_its_tensors() -> None:
    @tf.function
    def f(n: Any, factor: Any) -> Any:
        s = tf.constant(0, tf.int64)
        for x in Dataset.range(n).map(lambda x: x * factor).batch(2):
            s += tf.reduce_max(x)
        return s

    for n, factor in ((5, 3), (6, -1), (0, 2)):
        made = f(tf.constant(n, tf.int64), tf.constant(factor, tf.int64))
        rows = [[x * factor for x in range(n)][i : i + 2] for i in range(0, n, 2)]
        assert int(made) == sum(map(max, rows))
    assert f.experimental_get_tracing_count() == 1


def test_slices_of_an_argument() -> None:
    @tf.function
    def f(x: Any) -> Any:
        s = tf.zeros([2])
        for row in Dataset.from_tensor_slices(x).filter(lambda row: row[0] > 0):
            s += row
        return s

    assert f(tf.constant([[1.0, 2.0], [-1.0, 5.0], [3.0, 4.0]])).numpy().tolist() == [4.0, 6.0]


def test_an_infinite_one_ends_by_break() -> None:
    @tf.function
    def f(limit: Any) -> Any:
        s = tf.constant(0, tf.int64)
        for x in Dataset.counter():
            if x >= limit:
                break
            s += x
        return s

    assert [int(f(tf.constant(n, tf.int64))) for n in (0, 1, 5, 100)] == [0, 0, 10, 4950]


def test_a_break_asks_for_no_element_more() -> None:
    asked: list[int] = []

    def generator() -> Any:
        for i in range(10):
            asked.append(i)
            yield i

    ds = Dataset.from_generator(generator, output_signature=tf.TensorSpec((), tf.int32))

    @tf.function
    def f() -> Any:
        s = tf.constant(0)
        for x in ds:
            s += x
            if s > 5:
                break
        return s

    assert int(f()) == 6 and asked == [0, 1, 2, 3]
    asked.clear()
    assert int(f()) == 6 and asked == [0, 1, 2, 3]


def test_training_with_a_tape_in_the_body() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    y = x @ np.array([1.0, -2.0, 0.5], np.float32)
    ds = Dataset.from_tensor_slices((x, y)).batch(8)

    def epoch(w: Any) -> Any:
        for a, b in ds:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((tf.linalg.matvec(a, w) - b) ** 2)
            w.assign_sub(0.1 * tape.gradient(loss, w))

    eager, graph = tf.Variable(tf.zeros(3)), tf.Variable(tf.zeros(3))
    traced = tf.function(lambda: epoch(graph))
    for _ in range(5):
        epoch(eager)
        traced()
    assert traced.experimental_get_tracing_count() == 1
    np.testing.assert_allclose(graph.numpy(), eager.numpy(), rtol=1e-5)
    np.testing.assert_allclose(graph.numpy(), [1.0, -2.0, 0.5], atol=0.1)


def loss_over(ds: Any, w: Any) -> Any:
    loss = tf.constant(0.0)
    for x in ds:
        loss += tf.reduce_sum((x * w) ** 2) + tf.sin(w) * loss
    return loss


def gradients(ds: Any, where: str) -> list[float]:
    w = tf.Variable(0.3)
    if where == "inside":

        @tf.function
        def f() -> Any:
            with tf.GradientTape() as tape:
                loss = loss_over(ds, w)
            return tape.gradient(loss, w)

        return [float(f()), float(f())]
    call: Any = loss_over
    if where != "eager":
        call = tf.function(loss_over)
    if where == "nested":
        inner = call
        call = tf.function(lambda ds, w: inner(ds, w))
    found = []
    for _ in range(2):
        with tf.GradientTape() as tape:
            loss = call(ds, w)
        found.append(float(tape.gradient(loss, w)))
    return found


@pytest.mark.parametrize("where", ["inside", "outside", "nested"])
def test_gradients_flow_through_the_loop(where: str) -> None:
    ds = Dataset.from_tensor_slices(np.arange(7, dtype=np.float32)).shuffle(7, seed=3)
    same = ds.cache().batch(3)  # the last batch is smaller
    list(same)
    np.testing.assert_allclose(gradients(same, where), gradients(same, "eager"), rtol=1e-5)


def test_a_gradient_sees_the_order_that_the_loop_saw() -> None:
    values = np.arange(1, 6, dtype=np.float32)
    ds = Dataset.from_tensor_slices(values).shuffle(5, seed=8)
    v = tf.Variable(1.0)
    inner = tf.function(lambda: loss_and_order(ds, v))

    @tf.function
    def outer() -> (
        Any
    ):  # `inner` was traced without a tape: the pass is made again, and in the same order
        with tf.GradientTape() as tape:
            loss, order = inner()
        return tape.gradient(loss, v), order

    inner()
    for _ in range(4):
        slope, order = outer()
        weighted = sum((i + 1) * x for i, x in enumerate(order.numpy().tolist()))
        assert float(slope) == pytest.approx(weighted)


def loss_and_order(ds: Any, v: Any) -> Any:
    loss, order, i = tf.constant(0.0), tf.zeros([5]), 0
    for x in ds:
        i += 1  # noqa: SIM113
        loss += tf.cast(i, tf.float32) * x * v
        order = tf.concat([order[1:], [x]], 0)
    return loss, order


def test_an_iterator_goes_on_where_it_was() -> None:
    elements = iter(Dataset.range(10))

    @tf.function
    def some() -> Any:
        s, steps = tf.constant(0, tf.int64), 0
        for x in elements:
            s += x
            steps += 1  # noqa: SIM113
            if steps == 3:
                break
        return s

    assert int(next(elements)) == 0
    assert [int(some()), int(some())] == [1 + 2 + 3, 4 + 5 + 6]
    assert int(next(elements)) == 7
    assert [int(some()), int(some())] == [8 + 9, 0]


def test_next_in_a_graph() -> None:
    elements = iter(Dataset.from_tensor_slices(([1, 2, 3], ["a", "b", "c"])))

    @tf.function
    def f() -> Any:
        x, name = next(elements)
        return x * 2, name

    assert [int(f()[0]), f()[1].numpy(), int(f()[0])] == [2, b"b", 6]
    with pytest.raises(tf.errors.OutOfRangeError, match="End of sequence"):
        f()


def test_the_pipeline_acts_though_nobody_reads_the_loop() -> None:
    seen = []
    ds = Dataset.range(3).map(
        lambda x: tf.numpy_function(lambda v: (seen.append(int(v)), v)[1], [x], tf.int64)
    )

    @tf.function
    def f() -> Any:
        for _ in ds:
            pass
        return tf.constant(0)

    f()
    assert seen == [0, 1, 2]


def test_each_call_makes_a_new_pass_with_a_new_order() -> None:
    ds = Dataset.range(20).shuffle(20, seed=1)

    @tf.function
    def order() -> Any:
        made = tf.zeros([20], tf.int64)
        for x in ds:
            made = tf.concat([made[1:], [x]], 0)
        return made

    one, other = order().numpy().tolist(), order().numpy().tolist()
    assert sorted(one) == sorted(other) == list(range(20)) and one != other


def test_errors_of_the_pipeline_come_through() -> None:
    def generator() -> Any:
        yield 1
        raise RuntimeError("no more disk")

    ds = Dataset.from_generator(generator, output_signature=tf.TensorSpec((), tf.int64))
    with pytest.raises(RuntimeError, match="no more disk"):
        tf.function(total)(ds)


@pytest.mark.parametrize(
    "use", [list, iter, lambda ds: [x for x in ds], lambda ds: ds.as_numpy_iterator()]
)
def test_what_python_would_go_over_while_tracing_is_an_error(use: Callable[..., Any]) -> None:
    ds = Dataset.range(3)
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match="`for` statement"):
        tf.function(lambda: use(ds), autograph=False)()


def test_windows_are_to_become_tensors_first() -> None:
    ds = Dataset.range(4).window(2)

    @tf.function
    def f() -> Any:
        for _ in ds:
            pass
        return tf.constant(0)

    with pytest.raises(tf.errors.UnimplementedError, match="flat_map"):
        f()


def test_a_name_that_only_the_loop_binds() -> None:
    @tf.function
    def f(ds: Any) -> Any:
        for x in ds:
            y = x * 2
        return y

    assert int(f(Dataset.range(3))) == 4
    with pytest.raises(tf.errors.InvalidArgumentError, match="made no step"):
        f(Dataset.range(3).filter(lambda x: x > 5))


def test_one_graph_serves_datasets_of_one_kind() -> None:
    f = tf.function(lambda ds: total(ds.map(lambda x: x * 2)))
    for ds, expected in (
        (Dataset.range(3), 6),
        (Dataset.range(1000), 999_000),
        (Dataset.range(10).shuffle(4).map(lambda x: x + 1).prefetch(2), 110),
        (Dataset.from_tensor_slices(np.array([5, 6])).filter(lambda x: x > 5), 12),
    ):
        assert int(f(ds)) == expected
    assert f.experimental_get_tracing_count() == 1
    assert int(f(Dataset.range(4, output_type=tf.int32).map(lambda x: tf.cast(x, tf.int64)))) == 12
    assert f.experimental_get_tracing_count() == 1
    g = tf.function(lambda ds: ds.reduce(tf.constant(0.0), lambda s, x: s + tf.reduce_sum(x)))
    rows = Dataset.from_tensor_slices(np.ones((5, 2), np.float32))
    assert [float(g(ds)) for ds in (rows, rows.batch(2), rows.batch(3), rows)] == [10.0] * 4
    assert g.experimental_get_tracing_count() == 2


def test_datasets_among_other_arguments_and_in_functions_that_call_functions() -> None:
    inner = tf.function(total)

    @tf.function
    def outer(sets: Any, n: Any, sign: int = 1) -> Any:
        s = inner(sets["a"].take(n)) * sign
        for x, y in Dataset.zip(sets["a"], sets["b"]):
            s += inner(sets["b"]) * x + y
        return s

    for a, b, n in ((4, 3, 2), (6, 6, 5)):
        made = outer({"a": Dataset.range(a), "b": Dataset.range(b)}, tf.constant(n, tf.int64))
        pairs = zip(range(a), range(b), strict=False)
        assert int(made) == sum(range(min(a, n))) + sum(sum(range(b)) * x + y for x, y in pairs)
    assert outer.experimental_get_tracing_count() == 1


def test_a_graph_keeps_no_dataset_that_was_its_argument() -> None:
    f = tf.function(total)
    ds = Dataset.range(5).map(lambda x: x).shuffle(2)
    kept = weakref.ref(ds)
    stage = weakref.ref(ds._stage)
    assert int(f(ds)) == int(f(ds)) == 10
    del ds
    gc.collect()
    assert kept() is None and stage() is None
    assert int(f(Dataset.range(4))) == 6 and f.experimental_get_tracing_count() == 1
