"""`for` in a traced function: objects that say how a graph goes over them, and names a loop's body binds."""

# ruff: noqa: SIM108 - if and else are what is tested
from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import engine as tf


class Batches:
    """Rows of a tensor, a few at a time: in Python by `__iter__`, in a graph by `__autograph_for__`."""

    def __init__(self, data: Any, size: int):
        self.data, self.size = data, size
        self.asked = 0

    def __iter__(self) -> Iterator[Any]:
        for i in range(0, int(tf.shape(self.data)[0]) - self.size + 1, self.size):
            yield self.data[i : i + self.size]

    def __autograph_for__(self) -> Any:
        self.asked += 1
        last = tf.shape(self.data)[0] - self.size

        def step(state: Any) -> Any:
            at = state["at"]
            return self.data[at : at + self.size], {"at": at + self.size}

        return {"at": 0}, lambda state: state["at"] <= last, step


def over_batches(batches: Any) -> Any:
    total, seen = tf.zeros([2]), 0
    for batch in batches:
        if tf.reduce_sum(batch) < 0.0:
            continue
        total += tf.reduce_sum(batch, 0)
        seen += 1
        if seen == 3:
            break
    return total, seen


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 12])
def test_an_object_of_yours_is_one_loop_of_the_graph(rows: int):
    data = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2)
    data[2:4] = -1.0
    batches: list[Batches] = []

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def traced(x: Any) -> Any:
        batches.append(Batches(x, 2))
        return over_batches(batches[-1])

    ours, expected = traced(tf.constant(data)), over_batches(Batches(tf.constant(data), 2))
    assert ours[0].numpy().tolist() == expected[0].numpy().tolist()
    assert ours[1].numpy() == int(expected[1])
    assert batches[0].asked == 1
    operations = [node.op for node in traced.get_concrete_function().graph.nodes]
    assert operations.count("while") == 1


def test_gradients_flow_through_the_items():
    @tf.function
    def f(x: Any) -> Any:
        total = 0.0
        for batch in Batches(x, 1):
            total = total * 0.5 + tf.reduce_sum(batch * batch)
        return total

    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert y.numpy() == 27.5
    assert tape.gradient(y, x).numpy().tolist() == [[1.0, 2.0], [6.0, 8.0]]


def test_enumerate_and_zip_take_what_only_the_graph_knows_the_length_of():
    @tf.function(input_signature=[tf.TensorSpec([None]), tf.TensorSpec([None])])
    def f(a: Any, b: Any) -> Any:
        total, last = 0.0, -1
        for i, (x, y) in enumerate(zip(a, b), start=1):  # noqa: B905 - as long as the shorter
            total += tf.cast(i, tf.float32) * x * y
            last = i
        return total, last

    total, last = f([1.0, 2.0, 3.0], [10.0, 20.0])
    assert (total.numpy(), last.numpy()) == (90.0, 2)
    assert f([], [1.0])[1].numpy() == -1


def test_a_name_that_only_the_body_binds_is_there_after_the_loop():
    @tf.function
    def f(n: Any) -> Any:
        for i in tf.range(n):
            loss = {"at": i * i, "rows": tf.ones([2, i + 1])}
        return loss

    made = f(tf.constant(3))
    assert made["at"].numpy() == 4 and made["rows"].shape == (2, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"loss: read after a loop.*no step"):
        f(tf.constant(0))
    sure = tf.function(lambda x: last_row(x))
    assert sure(tf.ones([3, 2])).numpy().tolist() == [1.0, 1.0]
    concrete = sure.get_concrete_function(tf.ones([3, 2]))
    assert not any(
        "assert" in node.op for node in concrete.graph.nodes
    )  # three rows: it surely runs


def last_row(x: Any) -> Any:
    for row in x:
        last = row
    return last


def test_names_that_nobody_reads_later_may_be_anything():
    @tf.function
    def f(x: Any) -> Any:
        if x > 0.0:
            note, part = "positive", tf.stack([x, x])
            y = tf.reduce_sum(part)
        else:
            note, part = None, tf.cast(x, tf.int32)
            y = tf.cast(part, tf.float32)
        for i in tf.range(3):
            part = tf.cast(i, tf.float32) if i > 1 else x
            note = [part]
            y += note[0]
        return y

    assert f(tf.constant(2.0)).numpy() == 10.0
    assert f(tf.constant(-2.0)).numpy() == -4.0


def test_attributes_and_elements_are_state():
    @dataclasses.dataclass
    class Box:
        value: Any
        best: Any = None

    @tf.function
    def f(x: Any) -> Any:
        box, table = Box(x, tf.zeros([])), {"count": 0, "rows": [x, x]}
        for i in tf.range(4):
            if box.value > box.best:
                box.best = box.value
                table["count"] += 1
            box.value = box.value * -0.5 - tf.cast(i, tf.float32)
        table["rows"][0] = box.value
        return box.best, table["count"], table["rows"]

    def by_hand(x: float) -> tuple[float, int, float]:
        value, best, count = x, 0.0, 0
        for i in range(4):
            if value > best:
                best, count = value, count + 1
            value = value * -0.5 - i
        return best, count, value

    for x in (3.0, -3.0, 0.0):
        best, count, rows = f(tf.constant(x))
        wanted = by_hand(x)
        assert (best.numpy(), count.numpy(), rows[0].numpy()) == pytest.approx(wanted)
        assert rows[1].numpy() == x


def test_an_element_that_only_the_body_makes_is_there_after_the_loop():
    @tf.function
    def f(x: Any, n: Any) -> Any:
        table: dict[str, Any] = {}
        for i in tf.range(n):
            table["row"] = x * tf.cast(i, tf.float32)
        return table["row"]

    assert f(tf.constant(2.0), tf.constant(3)).numpy() == 4.0
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"table\['row'\]: read after a loop"):
        f(tf.constant(2.0), tf.constant(0))


@pytest.mark.parametrize("grows", [False, True])
def test_a_tensor_array_learns_the_shape_of_its_elements_in_the_loop(grows: bool):
    @tf.function
    def f(n: Any, x: Any) -> Any:
        array = tf.TensorArray(tf.float32, size=0 if grows else n, dynamic_size=grows)
        for i in tf.range(n):
            if i % 2 == 0:
                array = array.write(i, x * tf.cast(i, tf.float32))
            else:
                array = array.write(i, x)
        return array.stack()

    x = tf.constant([1.0, 2.0])
    for n in (1, 2, 5):
        wanted = [[1.0 * k, 2.0 * k] if k % 2 == 0 else [1.0, 2.0] for k in range(n)]
        assert f(tf.constant(n), x).numpy().tolist() == wanted
    assert f.experimental_get_tracing_count() == 1


def test_a_list_filled_in_a_loop_names_the_tensor_array():
    @tf.function
    def f(x: Any) -> Any:
        items = []
        for i in tf.range(3):
            items.append(tf.cast(i, tf.float32) * x)
        return items[0]

    words = r"made inside a loop.*tf.TensorArray\(dtype, size=n\).*array.write"
    with pytest.raises(tf.errors.InaccessibleTensorError, match=words):
        f(tf.constant(1.0))


def test_a_gradient_of_a_tensor_array_written_in_a_loop():
    @tf.function
    def f(x: Any, n: Any) -> Any:
        array = tf.TensorArray(tf.float32, size=n)
        for i in tf.range(n):
            array = array.write(i, x ** tf.cast(i, tf.float32))
        return tf.reduce_sum(array.stack())

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x, tf.constant(4))
    assert (y.numpy(), tape.gradient(y, x).numpy()) == (15.0, 17.0)


def test_a_gradient_through_sizes_that_change_is_refused_with_the_fix():
    @tf.function
    def f(x: Any, n: Any) -> Any:
        array = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
        for i in tf.range(n):
            array = array.write(i, x * tf.cast(i, tf.float32))
        return tf.reduce_sum(array.stack())

    x = tf.constant(2.0)
    with (
        pytest.raises(tf.errors.UnimplementedError, match="TensorArray its size"),
        tf.GradientTape() as tape,
    ):
        tape.watch(x)
        tape.gradient(f(x, tf.constant(3)), x)


def test_functions_that_call_themselves_by_a_global_name():
    assert tf.function(power)(tf.constant(2.0), 5).numpy() == 32.0
    assert tf.function(functools.partial(power, n=3))(tf.constant(-2.0)).numpy() == -8.0


def power(x: Any, n: int) -> Any:
    if n == 0:
        return tf.ones_like(x)
    return x * power(x, n - 1)


def test_texts_over_several_lines_stay_as_they_are():
    @tf.function
    def f(x: Any) -> Any:
        text = """first
            second"""
        if x > 0.0:
            return text
        return "none"

    assert f(tf.constant(1.0)).numpy() == b"first\n            second"
    assert f(tf.constant(-1.0)).numpy() == b"none"
