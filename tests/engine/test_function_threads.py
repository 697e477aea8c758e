"""Traced functions called by several threads at once: the same one, different ones, while others trace."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.autograph.syntax import parse


@pytest.fixture
def often_switched() -> Iterator[None]:
    """Threads take turns after a few instructions, so that what can go wrong does."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def together(*tasks: Callable[[], Any]) -> list[Any]:
    """What the tasks return, each run by a thread of its own, all begun at one moment."""
    results: list[Any] = [None] * len(tasks)
    gate = threading.Barrier(len(tasks))

    def run(i: int) -> None:
        gate.wait(30)
        try:
            results[i] = tasks[i]()
        except BaseException as error:
            results[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def test_threads_call_one_function_with_their_own_numbers(often_switched: None):
    @tf.function
    def f(x: Any, scale: float = 2.0) -> Any:
        return tf.reduce_sum(tf.sin(x) * scale + x * x), {"x": x - 1.0}

    def task(number: int) -> Callable[[], int]:
        def run() -> int:
            x = np.full([5], 0.1 * number, np.float32)
            wanted = float(np.sum(np.sin(x) * 2.0 + x * x))
            for _ in range(300):
                total, rest = f(tf.constant(x))
                assert abs(float(total) - wanted) < 1e-4
                assert np.allclose(rest["x"].numpy(), x - 1.0)
            return number

        return run

    assert together(*(task(n) for n in range(6))) == list(range(6))
    assert f.experimental_get_tracing_count() == 1


@pytest.mark.filterwarnings("ignore::engine.retracing.RetracingWarning")
def test_threads_with_other_shapes_find_their_own_graphs(often_switched: None):
    f = tf.function(lambda x, flag: x * 2.0 if flag else x + 1.0)

    def task(size: int) -> Callable[[], None]:
        def run() -> None:
            x = tf.ones([size])
            for i in range(200):
                made = f(x, bool(i % 2))
                assert made.numpy().tolist() == [2.0] * size

        return run

    together(*(task(n) for n in range(1, 6)))
    assert f.experimental_get_tracing_count() == 10


def test_threads_trace_different_functions_at_once(often_switched: None):
    def task(number: int) -> Callable[[], float]:
        def body(x: Any) -> Any:
            total = x * 0.0
            for i in tf.range(number):
                if i % 2 == 0:
                    total += x
                else:
                    total -= x * 0.5
            return total

        def run() -> float:
            made = []
            for _ in range(4):
                f = tf.function(lambda x: body(x) + 0.0)
                with tf.GradientTape() as tape:
                    x = tf.constant(2.0)
                    tape.watch(x)
                    y = f(x)
                made.append((float(y), float(tape.gradient(y, x))))
            assert len(set(made)) == 1
            assert made[0][0] == pytest.approx(2.0 * made[0][1])
            return made[0][0]

        return run

    assert together(*(task(n) for n in (1, 2, 3, 4))) == [2.0, 1.0, 3.0, 2.0]


def test_a_trace_sees_nothing_of_another_threads_trace(often_switched: None):
    inside, traced = threading.Event(), threading.Event()

    @tf.function
    def slow(x: Any) -> Any:
        inside.set()
        assert traced.wait(30)
        return x * 3.0

    @tf.function
    def quick(x: Any) -> Any:
        return x * 5.0

    def other() -> float:
        assert inside.wait(30)
        assert not tf.inside_function() and tf.executing_eagerly()
        eager = tf.constant(1.0) + 1.0
        made = quick(eager)
        traced.set()
        return float(made)

    assert together(lambda: float(slow(tf.constant(2.0))), other) == [6.0, 10.0]


def test_errors_in_one_thread_leave_the_others_alone(often_switched: None):
    @tf.function
    def f(x: Any, i: Any) -> Any:
        return tf.gather(x, i)

    x = tf.constant([1.0, 2.0])

    def failing() -> None:
        for _ in range(100):
            with pytest.raises(tf.errors.InvalidArgumentError):
                f(x, tf.constant(7))

    def working() -> None:
        for _ in range(100):
            assert float(f(x, tf.constant(1))) == 2.0

    together(failing, working, failing, working)


def test_threads_parse_at_once(often_switched: None):
    """In CPython 3.11 this takes a lock: see engine/autograph/syntax.py. The collector runs Python here, so
    that turns change while a tree is made."""
    text = "\n".join(f"a{i} = (b + c * {i}) - f(x, y)[0]" for i in range(300))

    def run() -> list[int]:
        return [len(parse(text).body) for _ in range(60)]

    def take_time(phase: str, info: dict[str, int]) -> None:
        sum(range(20))

    thresholds = gc.get_threshold()
    gc.callbacks.append(take_time)
    gc.set_threshold(50)
    try:
        made = together(*[run] * 4)
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(take_time)
    assert made == [[300] * 60] * 4
