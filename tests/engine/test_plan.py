"""The buffer plan: what shares memory, and what never may. Variables are in test_plan_variables."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.graph.graph import Graph
from engine.graph.plan import NOTHING, Writes, plan_buffers, size_of

SIZE = 3000  # float32: more than codegen.REUSED_FROM bytes
X = np.linspace(-1, 1, SIZE, dtype=np.float32)
SQUARE = np.random.default_rng(3).normal(size=(40, 40)).astype(np.float32)


def native(function: Callable[..., Any]) -> Any:
    return tf.function(function, jit_compile=True)


def source(function: Any, *args: Any) -> str:
    return str(function.get_concrete_function(*args).source)


def layered(x: Any) -> list[Any]:
    """Kernels with products of matrices between them, so that there is a workspace; several results."""
    y = tf.exp(x * 0.1) + 1.0
    z = tf.linalg.matmul(y, y) * 0.01
    w = tf.tanh(z) + y
    u = tf.linalg.matmul(w, y)
    return [u * 0.5 + w, tf.reduce_sum(u * w, axis=0), y - w, tf.transpose(u) * 2.0 + 1.0]


# --- results ------------------------------------------------------------------------------------------


def test_results_share_memory_with_nothing():
    f = native(layered)
    kept = [f(tf.constant(SQUARE * k)) for k in range(5)]
    assert "work = take()" in source(f, tf.constant(SQUARE))
    copies = [[tensor.numpy().copy() for tensor in results] for results in kept]
    arrays = [tensor._array for results in kept for tensor in results]
    memory = [array for work in workspaces(f, SQUARE) for array in work]
    for k, array in enumerate(arrays):
        for other in [*arrays[k + 1 :], *memory]:
            assert not np.shares_memory(array, other)
    for k in range(20):
        f(tf.constant(SQUARE * -k))
    for results, expected in zip(kept, copies, strict=True):
        for ours, before in zip(results, expected, strict=True):
            np.testing.assert_array_equal(ours.numpy(), before)
    for k, results in enumerate(kept):
        for ours, eager in zip(results, layered(tf.constant(SQUARE * k)), strict=True):
            np.testing.assert_allclose(ours.numpy(), eager.numpy(), rtol=2e-4, atol=1e-4)


def workspaces(function: Any, *args: Any) -> list[list[np.ndarray]]:
    """The arrays that a compiled function keeps from call to call."""
    concrete = function.get_concrete_function(*map(tf.constant, args))
    waiting = concrete._run.__globals__["give_back"].__self__  # the append of a list
    assert waiting
    return list(waiting)


def test_results_that_are_views_share_nothing_with_the_workspace():
    @native
    def f(x: Any) -> Any:
        y = tf.exp(x) * 2.0
        z = tf.linalg.matmul(y, y)
        return y[0], tf.reshape(y, [-1]), tf.transpose(z), z[1:, ::2]

    results = [tensor._array for tensor in f(tf.constant(SQUARE))]
    before = [array.copy() for array in results]
    f(tf.constant(SQUARE + 1))
    for array, expected in zip(results, before, strict=True):
        np.testing.assert_array_equal(array, expected)


def test_a_result_may_be_an_argument_or_twice_the_same():
    @native
    def f(x: Any) -> Any:
        y = x * 2.0 + 1.0
        return x, y, y, tf.reshape(y, [-1])

    x = tf.constant(SQUARE)
    first = f(x)
    second = f(x + 1.0)
    np.testing.assert_array_equal(x.numpy(), SQUARE)
    np.testing.assert_array_equal(first[1].numpy(), SQUARE * 2 + 1)
    np.testing.assert_array_equal(first[3].numpy(), (SQUARE * 2 + 1).reshape(-1))
    np.testing.assert_array_equal(second[0].numpy(), SQUARE + 1)


def test_what_python_saw_inside_stays_as_it_was():
    seen: list[Any] = []

    @native
    def f(x: Any) -> Any:
        y = tf.exp(x) * 2.0
        tf.py_function(lambda a: seen.append(a) or 0.0, [y], tf.float32)
        z = tf.linalg.matmul(tf.tanh(y) + 1.0, y)
        return tf.reduce_sum(z * z - z)

    for k in range(3):
        f(tf.constant(SQUARE * k))
    for k, tensor in enumerate(seen):
        np.testing.assert_allclose(tensor.numpy(), np.exp(SQUARE * k) * 2, rtol=1e-5)


@pytest.mark.parametrize(
    "view",
    [
        lambda y: y[0],
        lambda y: y[:1],
        lambda y: y[1:2],
        lambda y: tf.reverse(y, [0]),
        lambda y: tf.reshape(y[0], [1, -1]),
        lambda y: tf.broadcast_to(y[3], [40, 40]),
        lambda y: tf.transpose(y),
        lambda y: tf.transpose(y[:, 0]),
        lambda y: y[::2][0],
    ],
)
def test_a_kernel_does_not_write_over_what_a_view_still_shows(view: Any):
    """The result could take the place of y, if parts of y were not read again in every row."""

    def f(x: Any) -> Any:
        y = tf.exp(x * 0.1) + 1.0
        part = view(y)
        z = (y + part) * part + y * 0.5
        return tf.linalg.matmul(z, z)

    x = tf.constant(SQUARE)
    np.testing.assert_allclose(native(f)(x).numpy(), f(x).numpy(), rtol=1e-4)


def test_a_kernel_does_not_write_over_what_it_reads_again():
    """z could take the place of y, if the loops that make w did not need y once more."""

    def f(x: Any) -> Any:
        y = tf.exp(x * 0.1) + 1.0
        z = y * 0.5 + tf.reduce_max(tf.sin(y))
        w = y * tf.reduce_max(z, axis=0) + 1.0
        return tf.linalg.matmul(z, w)

    x = tf.constant(SQUARE)
    assert source(native(f), x).count("fused_") == 2
    np.testing.assert_allclose(native(f)(x).numpy(), f(x).numpy(), rtol=1e-4)


def test_arguments_are_never_written_to():
    @native
    def f(x: Any) -> Any:
        y = x * 2.0 + 1.0
        return tf.linalg.matmul(y, x) * 0.5 + y

    array = SQUARE.copy()
    array.flags.writeable = False
    x = tf.constant(array)
    for _ in range(3):
        f(x)
    np.testing.assert_array_equal(x.numpy(), SQUARE)


# --- many at a time -----------------------------------------------------------------------------------


def test_a_function_may_call_itself():
    @native
    def f(x: Any, n: Any) -> Any:
        y = tf.exp(x * 0.1) + 1.0

        def again(a: Any, k: Any) -> Any:
            return f(a * 0.5 + 0.1, k - 1).numpy() if k > 0 else a.numpy()

        z = tf.ensure_shape(tf.py_function(again, [y, n], tf.float32), [SIZE])
        return (y * 2.0 + z) * y

    def expected(x: Any, n: int) -> Any:
        y = np.exp(x * 0.1) + 1
        z = expected(y * 0.5 + 0.1, n - 1) if n else y
        return (y * 2 + z) * y

    for depth in (4, 0, 3):
        ours = f(tf.constant(X), tf.constant(depth)).numpy()
        np.testing.assert_allclose(ours, expected(X.astype(np.float64), depth), rtol=1e-5)


def test_threads_in_one_function_do_not_meet():
    """With matrices large enough that kernels let other threads run."""
    f = native(layered)
    inputs = [SQUARE * (k + 1) / 4 for k in range(4)]
    expected = [[t.numpy() for t in f(tf.constant(x))] for x in inputs]
    wide = native(lambda x: tf.tanh(x * 0.5) * x + tf.linalg.matmul(x, x[:, :1]))
    large = [np.full((600, 600), k + 0.5, np.float32) for k in range(4)]
    expected_large = [wide(tf.constant(x)).numpy() for x in large]
    wrong: list[int] = []
    start = threading.Barrier(4)

    def work(k: int) -> None:
        start.wait(30)
        for turn in range(150):
            ours = f(tf.constant(inputs[k]))
            same = all((a.numpy() == b).all() for a, b in zip(ours, expected[k], strict=True))
            if turn % 10 == 0:
                same &= bool((wide(tf.constant(large[k])).numpy() == expected_large[k]).all())
            if not same:
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(workspaces(f, SQUARE)) <= 4


# --- memory -------------------------------------------------------------------------------------------


def chain(length: int) -> Any:
    def f(x: Any) -> Any:
        for k in range(length):
            x = tf.sin(x) if k % 2 else tf.linalg.matmul(x, x) * 0.01 + 0.5
        return x

    return native(f)


def test_memory_does_not_grow_with_the_length_of_a_chain():
    x = tf.constant(SQUARE)
    sizes = []
    for length in (10, 100):
        f = chain(length)
        f(x)
        (work,) = workspaces(f, SQUARE)
        owners = {
            id(a if a.base is None else a.base): a if a.base is None else a.base for a in work
        }
        sizes.append(sum(array.nbytes for array in owners.values()))
        assert len(work) > length // 2
    assert sizes[0] == sizes[1] <= 4 * (SQUARE.nbytes + 64)


def test_a_call_allocates_no_more_than_its_results():
    x = tf.constant(np.ones((200, 200), np.float32))
    f = chain(30)
    f(x)
    tracemalloc.start()
    try:
        f(x)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        kept = f(x)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert kept.shape == (200, 200)
    # The last operations are sines, whose kernel makes arrays of its own.
    assert peak < 4 * 200 * 200 * 4


# --- the plan itself ----------------------------------------------------------------------------------


def traced(function: Any, *specs: Any) -> Graph:
    return tf.function(function).get_concrete_function(*specs).optimized  # type: ignore[no-any-return]


def everything(graph: Graph) -> Any:
    """As if every operation could write into arrays it is given."""
    return lambda node: Writes(node.outputs)


def overlap(graph: Graph, plan: Any, writes: Any) -> list[tuple[int, int]]:
    """Pairs of planned values that share a slot while both are needed."""
    made: dict[int, int] = {}
    last: dict[int, int] = {}
    for position, node in enumerate(graph.nodes):
        made.update((number, position) for number in node.outputs)
        last.update((number, position) for number in (*node.inputs, *node.outputs))
    values = [n for n in plan.slots]
    return [
        (a, b)
        for k, a in enumerate(values)
        for b in values[k + 1 :]
        if plan.slots[a] == plan.slots[b] and made[a] <= last[b] and made[b] <= last[a]
    ]


def arbitrary(picks: list[list[int]]) -> Any:
    def f(x: Any) -> Any:
        values = [x]
        for kind, i, j in picks:
            a, b = values[i % len(values)], values[j % len(values)]
            large = tf.concat([a, b], 0) * 2.0
            few = tf.reduce_sum(a, axis=0) * 0.5
            made = [a + b, a * 3.0 - b, tf.sin(a), tf.matmul(a, b), large[2:6], b - few]
            values.append(made[kind % 6])
        return values[-1]

    return f


def test_values_that_are_needed_at_one_time_have_different_slots():
    rng = np.random.default_rng(4)
    for _ in range(30):
        graph = traced(
            arbitrary(rng.integers(0, 10**6, size=(25, 3)).tolist()), tf.TensorSpec([4, 4])
        )
        writes = everything(graph)
        plan = plan_buffers(graph, writes)
        assert not overlap(graph, plan, writes)
        outputs = {*graph.outputs}
        assert not outputs & set(plan.slots)
        for value, slot in plan.slots.items():
            assert plan.sizes[slot] >= size_of(graph.specs[value])


def test_what_cannot_be_given_an_array_keeps_its_input_alive():
    """It may be a view: the slot of its input is not handed out while it is needed."""

    def f(x: Any) -> Any:
        y = x + 1.0
        part = y[0]
        z = x * 2.0
        w = z - 3.0
        return w + part

    graph = traced(f, tf.TensorSpec([4, 4]))
    plain = {"add", "subtract", "multiply"}
    plan = plan_buffers(graph, lambda n: Writes(n.outputs) if n.op in plain else NOTHING)
    y, z = (
        next(n.outputs[0] for n in graph.operations if n.op == op) for op in ("add", "multiply")
    )
    assert plan.slots[y] != plan.slots[z]


def test_every_array_of_a_workspace_begins_at_a_line_of_the_cache():
    f = native(layered)
    f(tf.constant(SQUARE))
    for work in workspaces(f, SQUARE):
        assert all(array.ctypes.data % 64 == 0 for array in work)
