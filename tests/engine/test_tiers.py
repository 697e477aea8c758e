"""From NumPy lines to native kernels: when a graph changes over, what one sees of it, and what it leaves."""

from __future__ import annotations

import gc
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.graph import concrete as concrete_module
from engine.graph import tiers
from engine.graph.native import machine

X = np.linspace(-2, 2, 2000, dtype=np.float32)


def curve(x: Any) -> Any:
    return tf.exp(x) * 0.5 + tf.tanh(x) - x * x


def expected(x: np.ndarray = X) -> np.ndarray:
    wide = x.astype(np.float64)
    return np.exp(wide) * 0.5 + np.tanh(wide) - wide * wide


def is_native(function: Any, *args: Any) -> bool:
    """Whether calls run kernels now. (`kernels` would compile them.)"""
    return bool(function.get_concrete_function(*args)._kernels)


@pytest.fixture
def after_three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels pay after three calls."""
    monkeypatch.setattr(concrete_module, "calls_that_pay", lambda graph: 3.0)


@pytest.fixture
def counted_builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of kernels, as they are compiled."""
    names: list[str] = []
    build = machine.build

    def noting(*args: Any, **kwargs: Any) -> Any:
        names.append(args[3])
        return build(*args, **kwargs)

    monkeypatch.setattr(machine, "build", noting)
    return names


# --- when ---------------------------------------------------------------------------------------------


def test_the_counter_changes_over_after_so_many_calls_and_not_before(
    after_three: None, counted_builds: list[str]
):
    f = tf.function(curve)
    x = tf.constant(X)
    results = []
    for call in range(1, 7):
        results.append(f(x).numpy())
        assert is_native(f, x) == (call > 3)
        assert len(counted_builds) == (call > 3)
    for ours in results:
        np.testing.assert_allclose(ours, expected(), rtol=2e-5, atol=1e-6)
    assert all((ours == results[0]).all() for ours in results[:3])
    assert all((ours == results[3]).all() for ours in results[3:])


def test_each_graph_of_a_function_has_a_counter_of_its_own(after_three: None):
    f = tf.function(curve)
    x, short = tf.constant(X), tf.constant(X[:7])
    for _ in range(5):
        f(x)
    f(short)
    assert is_native(f, x) and not is_native(f, short)


def test_jit_compile_true_compiles_before_the_first_call(counted_builds: list[str]):
    f = tf.function(curve, jit_compile=True)
    f.get_concrete_function(tf.constant(X))
    assert counted_builds == ["fused_0"]
    np.testing.assert_allclose(f(X).numpy(), expected(), rtol=2e-5, atol=1e-6)
    assert len(counted_builds) == 1


def test_jit_compile_false_never_compiles(after_three: None, counted_builds: list[str]):
    f = tf.function(curve, jit_compile=False)
    for _ in range(10):
        f(tf.constant(X))
    concrete = f.get_concrete_function(tf.constant(X))
    assert concrete.kernels == () and str(concrete.kernels) == "no part of this graph has a kernel"
    assert counted_builds == []


def calls(function: Callable[..., Any], *sizes: Any) -> float:
    specs = [tf.TensorSpec(size) for size in sizes]
    return tiers.calls_that_pay(tf.function(function).get_concrete_function(*specs).optimized)


def test_kernels_pay_sooner_for_more_work():
    small, large, huge = (calls(curve, [n]) for n in (3, 10_000, 10_000_000))
    assert huge < large < small < tiers.NEVER
    assert huge < 10 and small > 1000

    def longer(x: Any) -> Any:
        return curve(curve(curve(x)))

    assert calls(longer, [10_000]) < large


def test_kernels_never_pay_where_there_are_none():
    assert calls(lambda x: x + 1.0, [10]) == tiers.NEVER  # NumPy does one operation as well
    assert calls(lambda x: tf.linalg.matmul(x, x), [100, 100]) == tiers.NEVER
    assert calls(curve, [None]) == tiers.NEVER
    assert calls(lambda x: tf.sin(tf.cos(tf.sin(x))), [10_000]) == tiers.NEVER


def test_a_graph_without_kernels_runs_on_with_numpy_when_they_are_asked_for():
    for function in (lambda x: x + 1.0, tf.sin, lambda x: x):
        f = tf.function(function, jit_compile=True)
        np.testing.assert_array_equal(f(X).numpy(), function(tf.constant(X)).numpy())
        concrete = f.get_concrete_function(tf.constant(X))
        assert concrete.kernels == ()
        assert "fuse" not in [stage.name for stage in concrete.passes]


def test_threads_that_reach_the_end_of_the_counter_together_compile_once(
    after_three: None, counted_builds: list[str]
):
    x = tf.constant(X)
    for turn in range(1, 6):
        f = tf.function(curve)
        f(x)
        start = threading.Barrier(4)
        wrong: list[int] = []

        def work(f: Any = f, start: Any = start, wrong: Any = wrong) -> None:
            start.wait(30)
            for k in range(10):
                if not np.allclose(f(x).numpy(), expected(), rtol=2e-5, atol=1e-6):
                    wrong.append(k)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(counted_builds) == turn and wrong == []
        assert [s.name for s in f.get_concrete_function(x).passes].count("fuse") == 1


# --- what one sees ------------------------------------------------------------------------------------


def test_source_passes_and_graph_before_and_after(after_three: None):
    f = tf.function(curve)
    x = tf.constant(X)
    f(x)
    concrete = f.get_concrete_function(x)
    assert "np.exp(" in concrete.source and "fused_0(" not in concrete.source
    assert "fused" not in [node.op for node in concrete.optimized.operations]
    written = [node.op for node in concrete.graph.operations]
    for _ in range(3):
        f(x)
    assert "np.exp(" not in concrete.source and "fused_0(" in concrete.source
    assert [node.op for node in concrete.optimized.operations] == ["fused"]
    assert [node.op for node in concrete.graph.operations] == written  # what was written stays
    last = concrete.passes[-1]
    assert last.name == "fuse" and last.after is concrete.optimized
    assert len(last.before.operations) > 3 and len(last.after.operations) == 1
    assert str(concrete.passes).splitlines()[-1].startswith("fuse: ")
    (kernel,) = concrete.kernels
    assert kernel.name == "fused_0" and str(concrete.kernels).startswith("; fused_0\ndefine")
    assert "@work" in kernel.source and "define" in kernel.optimized


def test_looking_at_the_kernels_compiles_them(counted_builds: list[str]):
    f = tf.function(curve)
    before = f(X).numpy()
    concrete = f.get_concrete_function(tf.constant(X))
    assert counted_builds == []
    assert len(concrete.kernels) == 1 and len(concrete.kernels) == 1
    assert counted_builds == ["fused_0"]
    np.testing.assert_allclose(f(X).numpy(), before, rtol=2e-5, atol=1e-6)


def test_steps_and_gradients_are_of_the_program_as_it_was_written():
    f = tf.function(curve, jit_compile=True)
    x = tf.constant([0.5, -1.0])
    steps = list(f.get_concrete_function(x).step(x))
    assert [step.node.op for step in steps] == [
        node.op for node in f.get_concrete_function(x).graph.operations
    ]
    np.testing.assert_allclose(f(x).numpy(), steps[-1].outputs[0].numpy(), rtol=1e-6)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    wide = x.numpy().astype(np.float64)
    slope = np.exp(wide) * 0.5 + 1 - np.tanh(wide) ** 2 - 2 * wide
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), slope, rtol=1e-5)


# --- without llvmlite ---------------------------------------------------------------------------------


@pytest.fixture
def no_llvmlite(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = "the package llvmlite is not installed (`make setup` installs it)"
    monkeypatch.setattr(machine, "unfit", lambda: reason)
    monkeypatch.setattr(machine, "why_not", lambda: reason)


def test_without_llvmlite_everything_runs(no_llvmlite: None, after_three: None):
    for jit_compile in (True, False, None):
        f = tf.function(curve, jit_compile=jit_compile)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            for _ in range(6):
                np.testing.assert_allclose(f(X).numpy(), expected(), rtol=2e-5, atol=1e-6)
        # Who asked for kernels is told once that there are none, and what to do; nobody else is.
        messages = [str(warning.message) for warning in told]
        assert len(messages) == (1 if jit_compile else 0)
        assert all("llvmlite is not installed (`make setup`" in message for message in messages)
        concrete = f.get_concrete_function(tf.constant(X))
        assert concrete.kernels == ()
        assert "np.exp(" in concrete.source


def test_without_llvmlite_nothing_is_counted(no_llvmlite: None):
    assert calls(curve, [10_000_000]) == tiers.NEVER
    with pytest.raises(RuntimeError, match="No native kernel: the package llvmlite is not"):
        machine.build("", [], 0, "nothing")


def test_why_not_names_the_reason(monkeypatch: pytest.MonkeyPatch):
    assert machine.why_not() == "" and machine.unfit() == ""
    monkeypatch.setattr(machine, "_why", None)
    monkeypatch.setattr(machine, "unfit", lambda: "")

    def broken() -> Any:
        raise OSError("libLLVM.so: no such file")

    monkeypatch.setattr(machine, "_Machine", broken)
    assert machine.why_not() == "llvmlite does not work here: libLLVM.so: no such file"
    f = tf.function(curve, jit_compile=True)
    with pytest.warns(UserWarning, match="curve was to be compiled .*no such file"):
        np.testing.assert_allclose(f(X).numpy(), expected(), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["importlib", "sys"])
def test_unfit_looks_before_anything_is_imported(monkeypatch: pytest.MonkeyPatch, name: str):
    look = machine.unfit.__wrapped__
    assert look() == ""
    if name == "importlib":
        monkeypatch.setattr(machine.importlib.util, "find_spec", lambda module: None)
        assert "llvmlite is not installed" in look()
    else:
        monkeypatch.setattr(machine.sys, "_is_gil_enabled", lambda: False, raising=False)
        assert "global lock" in look()


# --- inside of one another ----------------------------------------------------------------------------


def parts(function: Any, *args: Any) -> list[Any]:
    """The branches and bodies in a function's graph, and in these."""
    waiting, found = [function.get_concrete_function(*args)], []
    while waiting:
        for node in waiting.pop().graph.nodes:
            inner = [v for v in node.attrs.values() if hasattr(v, "optimized")]
            found += inner
            waiting += inner
    return found


def with_loop(x: Any) -> Any:
    i = 0
    while i < tf.constant(6):
        if tf.reduce_sum(x) > 0:  # noqa: SIM108  (a branch is wanted)
            x = x * 0.5 - 1.0
        else:
            x = tf.tanh(x) + x * 0.25 + 1.0
        i += 1
    return x


def looped(x: np.ndarray) -> np.ndarray:
    wide = x.astype(np.float64)
    for _ in range(6):
        wide = wide * 0.5 - 1 if wide.sum() > 0 else np.tanh(wide) + wide * 0.25 + 1
    return wide


@pytest.mark.parametrize("jit_compile", [True, False, None])
def test_loops_and_branches(jit_compile: bool | None):
    f = tf.function(with_loop, jit_compile=jit_compile)
    x = tf.constant(X + 0.1)
    for _ in range(3):
        np.testing.assert_allclose(f(x).numpy(), looped(x.numpy()), rtol=1e-5, atol=1e-6)
    inner = parts(f, x)
    assert len(inner) == 4  # test and body of the loop, and both branches in it
    compiled = [bool(part._kernels) for part in inner]
    assert sum(compiled) >= 2 if jit_compile else not any(compiled)


def test_loops_inside_never_compile_where_the_function_never_does(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(concrete_module, "calls_that_pay", lambda graph: 2.0)
    x = tf.constant(X + 0.1)
    never, sometime = tf.function(with_loop, jit_compile=False), tf.function(with_loop)
    for f in (never, sometime):
        for _ in range(4):
            np.testing.assert_allclose(f(x).numpy(), looped(x.numpy()), rtol=1e-5, atol=1e-6)
    assert not any(part._kernels for part in parts(never, x))
    assert any(part._kernels for part in parts(sometime, x))


def test_a_loop_body_changes_over_in_the_middle_of_a_loop(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(concrete_module, "calls_that_pay", lambda graph: 50.0)

    def f(x: Any) -> Any:
        return tf.while_loop(
            lambda i, y: i < 200, lambda i, y: (i + 1, y * 0.99 + x * 0.125 - y * y * 0.001), (0, x)
        )[1]

    compiled = tf.function(f)
    ours = compiled(tf.constant(X)).numpy()
    assert any(part._kernels for part in parts(compiled, tf.constant(X)))
    np.testing.assert_array_equal(ours, f(tf.constant(X)).numpy())  # arithmetic is exact


def test_functions_in_functions():
    inner = tf.function(curve, jit_compile=True)
    outer = tf.function(lambda x: inner(x) * 2.0 + inner(x + 1.0), jit_compile=True)
    exact = expected() * 2 + expected(X.astype(np.float64) + 1)
    np.testing.assert_allclose(outer(X).numpy(), exact, rtol=2e-5, atol=1e-5)
    assert is_native(outer, tf.constant(X))
    mixed = tf.function(lambda x: inner(x) * 2.0 + inner(x + 1.0), jit_compile=False)
    np.testing.assert_allclose(mixed(X).numpy(), exact, rtol=2e-5, atol=1e-5)
    assert not is_native(mixed, tf.constant(X))


def test_under_a_tape_and_with_a_tape_inside():
    f = tf.function(curve, jit_compile=True)
    x = tf.constant(X)
    wide = X.astype(np.float64)
    slope = np.exp(wide) * 0.5 + 1 - np.tanh(wide) ** 2 - 2 * wide

    @tf.function(jit_compile=True)
    def gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(curve(x))
        return tape.gradient(y, x)

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), slope, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gradient(x).numpy(), slope, rtol=1e-4, atol=1e-5)
    assert is_native(gradient, x)


def test_methods_and_eager_mode(counted_builds: list[str]):
    class Model:
        @tf.function(jit_compile=True)
        def call(self, x: Any) -> Any:
            return curve(x)

    model = Model()
    np.testing.assert_allclose(model.call(X).numpy(), expected(), rtol=2e-5, atol=1e-6)
    assert len(counted_builds) == 1
    tf.config.run_functions_eagerly(True)
    try:
        np.testing.assert_allclose(
            tf.function(curve, jit_compile=True)(X).numpy(), expected(), rtol=2e-5
        )
    finally:
        tf.config.run_functions_eagerly(False)
    assert len(counted_builds) == 1


# --- what it leaves -----------------------------------------------------------------------------------


def test_kernels_go_with_their_function():
    f = tf.function(curve, jit_compile=True)
    f(X)
    concrete = weakref.ref(f.get_concrete_function(tf.constant(X)))
    kernel = weakref.ref(f.get_concrete_function(tf.constant(X)).kernels[0].call.__self__)
    del f
    gc.collect()
    assert concrete() is None and kernel() is None


def resident() -> int:
    """Bytes of memory that this process has."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_memory_stays_flat_over_many_functions():
    """A kernel that were kept would cost 100 kB."""

    def round_of(count: int) -> None:
        for k in range(count):
            tf.function(lambda x, k=k: curve(x) + float(k), jit_compile=True)(tf.constant(X))
        gc.collect()

    round_of(40)
    before = resident()
    round_of(160)
    assert resident() - before < 160 * 25_000
