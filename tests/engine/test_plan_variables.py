"""When a Variable is written in place: only if nobody else holds its array, and the run cannot fail."""

from __future__ import annotations

import copy
import platform
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.graph.plan import reuse

SIZE = 3000  # float32: more than codegen.REUSED_FROM bytes
X = np.linspace(-1, 1, SIZE, dtype=np.float32)


def native(function: Callable[..., Any]) -> Any:
    return tf.function(function, jit_compile=True)


def source(function: Any, *args: Any) -> str:
    return str(function.get_concrete_function(*args).source)


def counting() -> tuple[Any, Any]:
    """A Variable, and a function that changes it in place if nobody looks."""
    v = tf.Variable(np.zeros(SIZE, np.float32))

    @native
    def step(x: Any) -> Any:
        v.assign(v * 0.5 + x)
        return tf.reduce_sum(x)

    assert "reuse(" in source(step, tf.constant(X))
    return v, step


def test_a_variable_that_nobody_holds_is_written_in_place():
    v, step = counting()
    step(tf.constant(X))
    where = v._array.ctypes.data
    for _ in range(5):
        step(tf.constant(X))
    assert v._array.ctypes.data == where
    expected = np.zeros(SIZE, np.float32)
    for _ in range(6):
        expected = expected * np.float32(0.5) + X
    np.testing.assert_array_equal(v.numpy(), expected)


HOLDERS: dict[str, Callable[[Any], Any]] = {
    "value()": lambda v: v.value(),
    "read_value()": lambda v: v.read_value(),
    "numpy()": lambda v: v.numpy(),
    "np.asarray": lambda v: np.asarray(v),
    "identity": lambda v: tf.identity(v),
    "convert_to_tensor": lambda v: tf.convert_to_tensor(v),
    "a reshaped tensor": lambda v: tf.reshape(v, [2, -1]),
    "a slice": lambda v: v[10:20],
    "a view of the array": lambda v: np.asarray(v)[5:].T,
    "a memoryview": lambda v: memoryview(np.asarray(v)),
    "DLPack": lambda v: np.from_dlpack(v.value()),
    "another Variable": lambda v: tf.Variable(v),
    "an assigned Variable": lambda v: tf.Variable(np.zeros(SIZE, np.float32)).assign(v),
    "a copy": copy.deepcopy,
}


@pytest.mark.parametrize("name", HOLDERS)
def test_what_was_read_before_an_update_stays(name: str):
    v, step = counting()
    step(tf.constant(X))
    held = HOLDERS[name](v)
    before = np.array(held).copy()
    assert before.any()
    for _ in range(3):
        step(tf.constant(X))
    np.testing.assert_array_equal(np.array(held), before)
    assert (v.numpy()[1:5] != X[1:5]).all()


def test_another_thread_may_hold_the_value():
    v, step = counting()
    step(tf.constant(X))
    ready, done = threading.Event(), threading.Event()
    found: list[bool] = []

    def hold() -> None:
        value = v.value()
        before = value.numpy().copy()
        ready.set()
        done.wait(30)
        found.append(bool((value.numpy() == before).all()))

    thread = threading.Thread(target=hold)
    thread.start()
    ready.wait(30)
    step(tf.constant(X))
    done.set()
    thread.join()
    assert found == [True]


def test_the_old_value_may_be_used_and_returned():
    v = tf.Variable(X)

    @native
    def f(x: Any) -> Any:
        old = v.read_value()
        v.assign(v * 0.5 + x)
        return (
            old,
            v.read_value(),
            old * 3.0 + x,
            tf.reduce_sum(tf.linalg.matmul(old[None], old[:, None])),
        )

    results = [f(tf.constant(X)) for _ in range(3)]
    state = X
    for old, new, tripled, product in results:
        np.testing.assert_array_equal(old.numpy(), state)
        np.testing.assert_array_equal(tripled.numpy(), state * 3 + X)
        np.testing.assert_allclose(product.numpy(), state @ state, rtol=1e-4)
        state = state * np.float32(0.5) + X
        np.testing.assert_array_equal(new.numpy(), state)


# Updates that read other elements than the one they write: (as an operation, as NumPy).
OWN: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "its transpose": (lambda v: v * 0.5 + tf.transpose(v) * 2.0, lambda a: a * 0.5 + a.T * 2),
    "its first row": (lambda v: v * 0.5 + v[0] * 2.0 - v[:1], lambda a: a * 0.5 + a[0]),
    "itself backwards": (lambda v: v - tf.reverse(v, [0]) * 0.5, lambda a: a - a[::-1] * 0.5),
    "its sum": (lambda v: v / tf.reduce_sum(v) + v * 0.5, lambda a: a / a.sum() + a * 0.5),
    "its columns' largest": (
        lambda v: v / tf.reduce_max(v, axis=0) + 1.0,
        lambda a: a / a.max(axis=0) + 1,
    ),
    "its square": (lambda v: tf.linalg.matmul(v, v) * 0.01 + v, lambda a: a @ a * 0.01 + a),
    "another shape of it": (
        lambda v: v + tf.transpose(tf.reshape(v, [40, 60]))[:50, :40][:, :1] * 0.5,
        lambda a: a + a.reshape(40, 60).T[:50, :40][:, :1] * 0.5,
    ),
}


@pytest.mark.parametrize("name", OWN)
def test_an_update_may_read_all_of_the_old_value(name: str):
    update, oracle = OWN[name]
    shape = (50, 48) if name == "another shape of it" else (50, 50)
    state = np.random.default_rng(12).uniform(0.5, 1.5, shape)
    v = tf.Variable(state.astype(np.float32))

    @native
    def f() -> None:
        v.assign(update(v))

    for _ in range(3):
        f()
        state = oracle(state)
    np.testing.assert_allclose(v.numpy(), state, rtol=1e-5, atol=1e-6)


def test_two_variables_that_are_made_of_each_other():
    a, b = np.random.default_rng(13).normal(size=(2, 50, 50)).astype(np.float32)
    v, w = tf.Variable(a), tf.Variable(b)

    @native
    def f() -> None:
        first, second = v * 0.5 + w, w * 0.25 - v
        v.assign(first)
        w.assign(second)

    for _ in range(3):
        f()
        a, b = a * np.float32(0.5) + b, b * np.float32(0.25) - a
    np.testing.assert_array_equal(v.numpy(), a)
    np.testing.assert_array_equal(w.numpy(), b)


def test_variables_that_begin_with_one_array():
    start = tf.constant(np.ones((50, 50), np.float32))
    v, w = tf.Variable(start), tf.Variable(start)

    @native
    def f() -> None:
        v.assign(v * 0.5 + 1.0 + v)
        w.assign(w * 0.25 - 1.0 + w)

    @native
    def reset() -> None:
        v.assign(start)

    for _ in range(2):
        f()
    assert start.numpy().min() == start.numpy().max() == 1
    assert np.unique(v.numpy()).tolist() == [4.75] and np.unique(w.numpy()).tolist() == [-0.6875]
    reset()
    f()
    reset()
    assert start.numpy().max() == 1 and v.numpy().max() == 1


def test_threads_may_update_one_variable_in_one_function():
    """Which update is lost is nobody's promise, but every value is the outcome of whole ones."""
    v = tf.Variable(np.zeros((200, 200), np.float32))

    @native
    def f(x: Any) -> Any:
        v.assign(v * 0.5 + x)
        return v * 1.0 + x

    mixed: list[int] = []

    def work(k: int) -> None:
        x = tf.constant(np.full((200, 200), float(k), np.float32))
        mixed.extend(k for _ in range(100) if len(np.unique(f(x).numpy())) > 1)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mixed == [] and len(np.unique(v.numpy())) == 1


@pytest.mark.parametrize(
    "later",
    [
        lambda old, x: tf.sin(x) * old * 2.0 + 1.0,
        lambda old, x: tf.reverse(old, [0]) * 2.0 - tf.sin(x),
        lambda old, x: tf.concat([old[:5], tf.sin(x)], 0),
        lambda old, x: tf.cos(tf.sin(tf.reshape(old, [2, -1]))),
    ],
)
def test_the_old_value_may_be_needed_after_the_update(later: Any):
    """The kernel with the update runs first, and what waits for the sine reads the old value then."""
    v = tf.Variable(X)

    @native
    def f(x: Any) -> Any:
        old = v.read_value()
        v.assign(v * 0.5 + x)
        return later(old, x)

    state = X
    for _ in range(4):
        expected = later(tf.constant(state), tf.constant(X)).numpy()
        np.testing.assert_allclose(f(tf.constant(X)).numpy(), expected, rtol=1e-5, atol=1e-6)
        state = state * np.float32(0.5) + X
        np.testing.assert_array_equal(v.numpy(), state)


def test_only_new_values_of_variables_lose_numbers_too_small_for_all_their_digits():
    """As everywhere in TensorFlow. Afterwards the processor works as before, for NumPy and other kernels."""
    tiny = np.full(SIZE, np.finfo(np.float32).tiny)
    v = tf.Variable(tiny)

    @native
    def update() -> None:
        v.assign(v * 0.25 + v * 0.125)

    compute = native(lambda x: x * 0.25 + x * 0.125)
    for _ in range(2):
        v.assign(tiny)
        update()
        flushed = platform.machine() in ("x86_64", "AMD64")
        np.testing.assert_array_equal(v.numpy(), tiny * np.float32(0 if flushed else 0.375))
        np.testing.assert_array_equal(compute(tf.constant(tiny)).numpy(), tiny * np.float32(0.375))
        assert (tiny * np.float32(0.375) > 0).all()


def test_a_variable_in_another_layout():
    v = tf.Variable(np.ones((50, 60), np.float32))

    @native
    def f(x: Any) -> Any:
        v.assign(v * 0.5 + x)

    turned = np.random.default_rng(9).normal(size=(60, 50)).astype(np.float32)
    v.assign(tf.transpose(tf.constant(turned)))
    state = turned.T
    for _ in range(3):
        f(tf.ones((50, 60)))
        state = state * np.float32(0.5) + 1
        np.testing.assert_array_equal(v.numpy(), state)


def test_a_variable_assigned_to_another_is_not_changed_with_it():
    v, w = tf.Variable(X), tf.Variable(np.zeros(SIZE, np.float32))

    @native
    def both(x: Any) -> Any:
        v.assign(v * 0.5 + x)
        w.assign(v)

    @native
    def one(x: Any) -> Any:
        v.assign(v * 0.5 + x)

    @native
    def swap() -> Any:
        first = v.read_value()
        v.assign(w + 0.0)
        w.assign(first)

    both(tf.constant(X))
    before = w.numpy().copy()
    for _ in range(3):
        one(tf.constant(X))
    np.testing.assert_array_equal(w.numpy(), before)
    a, b = v.numpy().copy(), w.numpy().copy()
    assert (a != b).any()
    for _ in range(3):
        swap()
        a, b = b, a
        np.testing.assert_array_equal(v.numpy(), a)
        np.testing.assert_array_equal(w.numpy(), b)


def test_one_variable_in_two_functions():
    v, step = counting()

    @native
    def other(x: Any) -> Any:
        v.assign_sub(x * 0.25)
        v.assign(v * 2.0 - 1.0)
        return v * 1.0

    state = np.zeros(SIZE, np.float32)
    for _ in range(4):
        step(tf.constant(X))
        returned = other(tf.constant(X))
        state = state * np.float32(0.5) + X
        state = (state - X * np.float32(0.25)) * 2 - 1
        np.testing.assert_array_equal(v.numpy(), state)
        np.testing.assert_array_equal(returned.numpy(), state)


def test_a_tape_keeps_the_values_it_saw():
    v, step = counting()
    step(tf.constant(X))
    before = v.numpy().copy()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(v * v)
    step(tf.constant(X))
    np.testing.assert_array_equal(tape.gradient(loss, v).numpy(), 2 * before)


def test_an_argument_may_be_the_variable_itself():
    v, step = counting()
    step(tf.constant(X))
    before = v.numpy().copy()
    step(v)
    np.testing.assert_array_equal(v.numpy(), before * np.float32(0.5) + before)
    value = v.value()
    kept = value.numpy().copy()
    step(value)
    np.testing.assert_array_equal(value.numpy(), kept)


class Adam:
    """The optimizer, with the moments of every Variable."""

    def __init__(self, start: list[np.ndarray]):
        self.variables = [tf.Variable(a) for a in start]
        self.mean, self.spread = ([tf.Variable(a * 0) for a in start] for _ in range(2))
        self.steps = tf.Variable(0.0)

    def step(self) -> Any:
        with tf.GradientTape() as tape:
            loss = sum(tf.reduce_sum(tf.tanh(v) * v) for v in self.variables)
        gradients = tape.gradient(loss, self.variables)
        self.steps.assign_add(1.0)
        rate = 0.01 * tf.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps)
        for v, m, s, g in zip(self.variables, self.mean, self.spread, gradients, strict=True):
            m.assign(0.9 * m + 0.1 * g)
            s.assign(0.999 * s + 0.001 * g * g)
            v.assign_sub(rate * m / (tf.sqrt(s) + 1e-7))
        return loss


def test_an_optimizer_with_several_variables():
    """Adam in one function, where every Variable is written in place, against Adam outside of it."""
    rng = np.random.default_rng(8)
    start = [rng.normal(size=s).astype(np.float32) for s in [(60, 40), (40,), (50, 30)]]
    ours, eager = Adam(start), Adam(start)
    step = native(ours.step)
    for _ in range(20):
        np.testing.assert_allclose(step().numpy(), eager.step().numpy(), rtol=1e-5)
    assert source(step).count("reuse(") == 6
    for a, b in zip(ours.variables, eager.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)


# --- errors -------------------------------------------------------------------------------------------


def failing(kind: str) -> tuple[Any, list[Any]]:
    """A function whose run fails after its Variables are computed, when its argument is large."""
    v, w = tf.Variable(np.zeros(SIZE, np.float32)), tf.Variable(1.0)

    @native
    def f(x: Any) -> Any:
        v.assign(v * 0.5 + x)
        w.assign_add(1.0)
        total = tf.reduce_sum(tf.abs(x))
        if kind == "assert":
            tf.debugging.assert_less(total, 1.0)
        elif kind == "python":
            tf.py_function(lambda t: 1.0 / (float(t) < 1.0), [total], tf.float32)
        elif kind == "division":
            total = tf.cast(10 // tf.cast(total < 1.0, tf.int32), tf.float32)
        elif kind == "index":
            total = tf.gather(x, tf.cast(total, tf.int32) * 2)
        else:
            total = tf.cond(total < 1.0, lambda: total, lambda: failed(total))
        return total * 2.0 + 1.0

    def failed(total: Any) -> Any:
        tf.debugging.assert_less(total, 1.0)
        return total

    return f, [v, w]


@pytest.mark.parametrize("kind", ["assert", "python", "division", "index", "branch"])
def test_a_run_that_fails_changes_no_variable_and_the_next_one_works(kind: str):
    f, variables = failing(kind)
    small, large = tf.constant(X * 1e-4), tf.constant(X)
    f(small)
    for _ in range(3):
        before = [v.numpy().copy() for v in variables]
        with pytest.raises(Exception):  # noqa: B017  (each kind has its own)
            f(large)
        for variable, expected in zip(variables, before, strict=True):
            np.testing.assert_array_equal(variable.numpy(), expected)
        f(small)
        after = before[0] * np.float32(0.5) + small.numpy()
        np.testing.assert_array_equal(variables[0].numpy(), after)
        assert variables[1].numpy() == before[1] + 1


def test_reuse_gives_the_array_only_when_it_is_alone():
    class Holder:
        array: Any = np.arange(4.0)

    holder = Holder()
    holder.array = np.arange(4.0)
    array = holder.array
    assert reuse(array) is array
    second = array
    assert reuse(array) is not array
    del second
    for other in (np.arange(8.0)[::2], np.arange(8.0)[:4], np.asfortranarray(np.ones((2, 3)))):
        holder.array = other
        del other
        array = holder.array
        assert reuse(array) is not array
        assert reuse(array).shape == array.shape
