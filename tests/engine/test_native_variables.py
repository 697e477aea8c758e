"""Kernels write over a Variable's array only while nobody else can see it."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

import engine as tf

SIZE = 200_000  # enough for the array to be reused


def halving() -> tuple[Any, Any]:
    variable = tf.Variable(np.zeros(SIZE, np.float32))

    @tf.function(jit_compile=True)
    def step() -> None:
        variable.assign(variable * 0.5 + 1.0 + variable * 0.25)

    step()
    return variable, step


def test_the_array_is_reused_when_nobody_holds_it():
    variable, step = halving()
    before = id(variable._array)
    step()
    assert id(variable._array) == before


def test_what_was_read_stays_as_it_was():
    variable, step = halving()
    seen = [variable.value()]
    for _ in range(4):
        step()
        seen.append(variable.value())
    assert [float(t.numpy()[0]) for t in seen] == [1.0, 1.75, 2.3125, 2.734375, 3.05078125]
    assert all(len(np.unique(t.numpy())) == 1 for t in seen)


def test_an_array_that_somebody_takes_in_the_last_moment_is_left_alone():
    """The generated code has chosen the array, somebody reads the Variable, the kernel is called."""
    variable, step = halving()
    concrete = step.get_concrete_function()
    names = concrete._run.__globals__
    reuse, taken = names["reuse"], []

    def reuse_and_let_others_read(array: Any) -> Any:
        taken.append(variable.value())
        return array

    names["reuse"] = reuse_and_let_others_read
    try:
        step()
    finally:
        names["reuse"] = reuse
    assert taken[0].numpy().min() == taken[0].numpy().max() == 1.0
    assert variable.numpy().min() == variable.numpy().max() == 1.75


def test_another_thread_never_sees_half_an_update():
    variable, step = halving()
    over, wrong, reads = threading.Event(), [], []

    def read() -> None:
        while not over.is_set():
            tensor = variable.value()
            first = tensor.numpy().copy()
            reads.append(1)
            if first.min() != first.max() or not np.array_equal(first, tensor.numpy()):
                wrong.append(first)

    reader = threading.Thread(target=read)
    reader.start()
    while len(reads) < 50:
        step()
    over.set()
    reader.join()
    assert not wrong
