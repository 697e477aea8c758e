"""What is no longer needed is gone: at once, by reference counts alone, and however long a program runs."""

from __future__ import annotations

import contextlib
import gc
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.dispatch import apply, context, registry
from tests.engine.cases import Case
from tests.engine.test_registry import CASES, DIFFERENTIABLE, differentiable_inputs


@pytest.fixture
def reference_counts_alone() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def parts(value: Any) -> list[tf.Tensor]:
    return list(value) if isinstance(value, tuple) else [value]


def differentiated(name: str, case: Case, persistent: bool) -> list[weakref.ref[Any]]:
    """Runs a primitive under two tapes and takes two derivatives; weak references to all that was made."""
    record = registry[name]
    which = differentiable_inputs(record, case)
    given = [tf.constant(array) for array in case.inputs]
    with tf.GradientTape(persistent) as outer, tf.GradientTape(persistent) as inner:
        for tape in (outer, inner):
            tape.watch([given[i] for i in which])
        # An operation before and one behind, so that inputs and outputs are intermediate values.
        inputs = [tf.identity(x) if i in which else x for i, x in enumerate(given)]
        outputs = parts(apply(record, *inputs, **case.attrs))
        floats = [y for y in outputs if y.dtype.is_differentiable]
        target = tf.add_n([tf.reduce_sum(y * y) for y in floats])
        first = inner.gradient(target, [given[i] for i in which])
        kept = [g for g in first if g is not None]
    second = outer.gradient(kept, [given[i] for i in which]) if kept else []
    made = [*inputs, *outputs, target, *kept, *(g for g in second if g is not None)]
    assert kept, name
    return [weakref.ref(x) for x in [*made, outer, inner]]


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("name", sorted({name for name, _ in DIFFERENTIABLE}))
def test_every_intermediate_of_every_primitive_dies_with_its_tapes(
    name: str, persistent: bool, reference_counts_alone: None
):
    case = next(c for n, c in DIFFERENTIABLE if n == name)
    seen = differentiated(name, case, persistent)
    assert [ref() for ref in seen if ref() is not None] == []


@pytest.mark.parametrize("name", sorted(CASES))
def test_without_a_tape_nothing_of_a_primitive_stays(name: str, reference_counts_alone: None):
    case = CASES[name][0]
    inputs = [tf.constant(array) for array in case.inputs]
    made = parts(apply(registry[name], *inputs, **case.attrs))
    seen = [weakref.ref(x) for x in (*inputs, *made)]
    del inputs, made
    assert [ref() for ref in seen if ref() is not None] == []


def test_the_log_of_a_tape_dies_with_it_and_its_answers_live_on(reference_counts_alone: None):
    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = x * x
        middle = weakref.ref(y)
        z = y * y
        del y
    assert middle() is not None, "the tape needs it"
    gradient = tape.gradient(z, x)
    assert middle() is None, "the tape gave its answer"
    seen = weakref.ref(tape)
    del tape
    assert seen() is None and gradient.numpy() == 108.0


def test_an_error_inside_a_tape_leaves_nothing_behind(reference_counts_alone: None):
    x = tf.constant([1.0, 2.0])
    seen = []
    for _ in range(2):
        try:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = tf.exp(x)
                seen += [weakref.ref(y), weakref.ref(tape)]
                tf.reshape(y, [3])
        except tf.errors.InvalidArgumentError:
            pass
        del y, tape
    assert [ref() for ref in seen] == [None] * 4 and context.log is None


# --- however long -----------------------------------------------------------------------------------


def blocks_after(run: Any, steps: int) -> int:
    """Memory blocks in use when a loop has run so many steps more."""
    for _ in range(steps):
        run()
    gc.collect()
    return sys.getallocatedblocks()


def stays_flat(run: Any, steps: int) -> None:
    blocks_after(run, 200)  # caches fill
    before = blocks_after(run, 200)
    after = blocks_after(run, steps)
    assert after - before < 500, f"{after - before} blocks more after {steps} steps"


def test_a_million_operations_keep_memory_flat():
    state = {"x": tf.constant(1.0)}

    def step() -> None:
        state["x"] = state["x"] * 0.5 + 1.0

    stays_flat(step, 500_000)
    assert abs(float(state["x"]) - 2.0) < 1e-6


def sgd(v: tf.Variable) -> Any:
    def step() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((v - 2.0) * (v - 2.0))
        v.assign_sub(0.1 * tape.gradient(loss, v))

    return step


def test_training_steps_keep_memory_flat():
    v = tf.Variable([1.0, 5.0])
    stays_flat(sgd(v), 20_000)
    assert np.allclose(v.numpy(), 2.0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_million_training_steps_keep_memory_flat():
    v = tf.Variable([1.0, 5.0])
    stays_flat(sgd(v), 1_000_000)


@pytest.mark.parametrize("compiled", [True, False])
def test_many_calls_of_a_traced_function_keep_memory_flat(compiled: bool):
    v = tf.Variable([1.0, 5.0])
    # compiled at once or never: not in the middle, when calls have paid for it
    step = tf.function(sgd(v), jit_compile=compiled)
    stays_flat(step, 50_000)
    assert np.allclose(v.numpy(), 2.0, atol=1e-5) and step.experimental_get_tracing_count() == 1


def test_a_tape_that_is_open_for_long_keeps_only_what_depends_on_what_it_watches():
    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(tf.constant(2.0))
        stays_flat(lambda: tf.exp(x * 2.0), 20_000)


def test_second_derivatives_errors_and_printing_keep_memory_flat():
    x = tf.constant([0.5, 1.5])

    def step() -> None:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(tf.tanh(x))
            first = inner.gradient(y, x)
        outer.gradient(first, x)
        with contextlib.suppress(tf.errors.InvalidArgumentError):
            tf.reshape(x, [3])
        repr(x), str(first), tf.strings.format("{}", x)

    stays_flat(step, 2_000)


def test_checking_numerics_keeps_memory_flat():
    tf.debugging.enable_check_numerics()
    try:
        v = tf.Variable([1.0, 5.0])
        stays_flat(sgd(v), 1_000)
    finally:
        tf.debugging.disable_check_numerics()
