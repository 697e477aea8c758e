"""The engine against numbers recorded from TensorFlow and PyTorch: values, first and second derivatives.

The cases and the scripts that record them are in `tests/oracle`; README.md there says how to add one.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine import dispatch
from engine.dispatch import NOT_DIFFERENTIABLE, Log, registry
from engine.ops.gamma import random_gamma_grad
from tests.engine.oracle import assert_close
from tests.oracle.case import Case, Framework, Results, decode, read, run
from tests.oracle.cases import CASES
from tests.oracle.exempt import NO_WITNESS, NOT_RECORDED
from tests.oracle.inputs import Array

ABOUT_TF, TENSORFLOW = read("tensorflow")
ABOUT_TORCH, TORCH = read("torch")
WITNESSES = {"tensorflow": TENSORFLOW, "torch": TORCH}
PARTS = ("value", "first", "second")
BY_NAME = {case.name: case for case in CASES}
ROUND = {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7, "complex64": 2.0**-23}

for _name in dir(tf):  # modules that are loaded at first use declare primitives too
    getattr(tf, _name)


def array(x: Any) -> Array:
    values = x.numpy()
    if x.dtype.is_floating:
        values = values.astype(np.float64)
    return Array(x.dtype.name, tuple(x.shape), tuple(np.asarray(values).reshape(-1).tolist()))


def numbers(x: Array) -> np.ndarray:
    values = np.array(x.values, np.complex128 if "complex" in x.dtype else None)
    return np.asarray(values, np.float64 if not x.values else None).reshape(x.shape)


def tensor(x: Array) -> tf.Tensor:
    return tf.constant(numbers(x).astype(tf.as_dtype(x.dtype).as_numpy_dtype))


def weighted(pairs: Any) -> Any:
    parts = [tf.math.real(x * w) if x.dtype.is_complex else x * w for x, w in pairs]
    sums = [tf.cast(tf.reduce_sum(part), tf.float64) for part in parts]
    return tf.add_n(sums) if sums else tf.constant(0.0)


_through: set[str] = set()  # the primitives a gradient flowed through, of the latest case


def _reached(log: Log, target: Any) -> set[str]:
    """The primitives through whose rules a cotangent of the target comes."""
    names: set[str] = set()
    seen = {log.position(target)}
    for position in range(len(log.entries) - 1, -1, -1):
        entry = log.entries[position]
        if entry is None:
            continue
        primitive, _, inputs_at, _, output = entry
        count = len(output) if type(output) is tuple else 1
        if not seen & set(range(position - count + 1, position + 1)):
            continue
        rules = primitive.vjp if type(primitive.vjp) is tuple else [True] * len(inputs_at)
        onward = {at for at, rule in zip(inputs_at, rules, strict=False) if at >= 0 and rule}
        if onward:
            names.add(primitive.name)
        seen |= onward
    return names


def _first_without_recording(f: Any, inputs: Any, sources: Any, weigh: Any) -> list[Any]:
    """With no tape around it, a gradient takes a shorter way, on bare arrays."""
    with tf.GradientTape() as tape:
        tape.watch(sources)
        outputs = [tf.convert_to_tensor(y) for y in f(inputs)]
        kept = [y for y in outputs if y.dtype.is_differentiable]
        target = weighted(zip(kept, weigh(outputs), strict=True))
    return tape.gradient(target, sources)


def derive(f: Any, inputs: Any, weigh: Any, pulls: Any, orders: int) -> Results:
    _through.clear()
    sources = [x for x in inputs if x.dtype.is_differentiable]
    if not orders or not sources:
        return Results([array(tf.convert_to_tensor(y)) for y in f(inputs)], [], None)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(sources)
        with tf.GradientTape() as tape:
            tape.watch(sources)
            outputs = [tf.convert_to_tensor(y) for y in f(inputs)]
            ws = weigh(outputs)
            outer.watch(ws)
            kept = [y for y in outputs if y.dtype.is_differentiable]
            target = weighted(zip(kept, ws, strict=True))
            log = dispatch.context.log
        assert log is not None
        _through.update(_reached(log, target))
        first = tape.gradient(target, sources)
        again = weighted([(g, u) for g, u in zip(first, pulls, strict=True) if g is not None])
    shorter = _first_without_recording(f, inputs, sources, weigh)
    for one, other in zip(first, shorter, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert one.dtype is other.dtype
            assert_close(other, one, 1e-14, 1e-300, "the gradient without a tape around it")
    values = [array(y) for y in outputs]
    found = [None if g is None else array(g) for g in first]
    if orders < 2:
        return Results(values, found, None)
    _through.update(_reached(log, again))
    second = outer.gradient(again, [*sources, *ws], unconnected_gradients="zero")
    return Results(values, found, [array(g) for g in second])


NAMES = {"tf": tf, "inf": float("inf"), "random_gamma_grad": random_gamma_grad}
ENGINE = Framework(NAMES, tensor, array, derive)


@functools.cache
def ours(name: str) -> tuple[Results, frozenset[str]]:
    case = BY_NAME[name]
    return run(ENGINE, case, case.call), frozenset(_through)


def tolerance(case: Case, witness: str, values: list[Array]) -> float:
    """From the coarsest dtype of the inputs and the results."""
    used = {x.dtype for x in [*case.arrays(), *values]}
    unit = max((ROUND[d] for d in used if d in ROUND), default=0.0)
    return 4 * unit if unit else case.rtol.get(witness, 1e-12)


def compare(what: str, part: str, got: Any, want: Any, rtol: float, tails: bool) -> None:
    """Every tensor of one part of a result.

    A sum that nearly cancels is as exact as its terms: so a share of the largest element is allowed too,
    except for values that are no sums (`tails`).
    """
    assert len(got) == len(want), f"{part}: {len(got)} tensors, {what} has {len(want)}"
    rtol *= {"value": 1, "first": 4, "second": 16}[part]
    atol = 0.0 if tails and part == "value" else rtol
    for i, (x, y) in enumerate(zip(got, want, strict=True)):
        label = f"{part} {i} against {what}"
        assert (x is None) == (y is None), f"{label}: {x} where {what} has {y}"
        if y is None:
            continue
        if what == "tensorflow":
            assert x.dtype == y.dtype, f"{label}: {x.dtype} where {what} has {y.dtype}"
        values = numbers(y)
        finite = np.abs(values[np.isfinite(values)]) if values.dtype.kind in "fc" else np.zeros(0)
        assert_close(numbers(x), values, rtol, atol * finite.max(initial=1e-4), label)


def recorded(witness: str, case: Case) -> dict[str, Any]:
    expression = case.call if witness == "tensorflow" else case.torch
    line = WITNESSES[witness].get(case.name)
    assert line is not None, f"not recorded: run tests/oracle/record_{witness}.py"
    assert line["digest"] == case.digest(expression), (
        f"the case changed after it was recorded: run tests/oracle/record_{witness}.py"
    )
    return line


def check(witness: str, case: Case) -> None:
    line = recorded(witness, case)
    results, _ = ours(case.name)
    rtol = tolerance(case, witness, results.values)
    for part, got in zip(PARTS, (results.values, results.first, results.second), strict=True):
        if part not in line:
            continue
        want = [decode(entry) for entry in line[part]]
        why = case.differs.get(part) if witness == "tensorflow" else None
        if why is None:
            compare(witness, part, got, want, rtol, case.tails)
            continue
        with pytest.raises(AssertionError, match=f"{part} \\d"):  # stale if they agree
            compare(witness, part, got, want, rtol, case.tails)


@pytest.mark.parametrize("case", [c for c in CASES if not c.without], ids=lambda case: case.name)
def test_tensorflow_says_the_same(case: Case):
    check("tensorflow", case)


@pytest.mark.parametrize("case", [c for c in CASES if c.torch], ids=lambda case: case.name)
def test_pytorch_says_the_same(case: Case):
    check("torch", case)


def test_what_is_recorded_is_in_the_table():
    assert sorted(set(TENSORFLOW) - {case.name for case in CASES if not case.without}) == []
    assert [case.name for case in CASES if case.without and not case.torch] == []
    assert sorted(set(TORCH) - {case.name for case in CASES if case.torch}) == []
    assert {"tensorflow_cpu", "numpy"} <= set(ABOUT_TF) and {"torch", "numpy"} <= set(ABOUT_TORCH)


def witnessed() -> set[str]:
    """The primitives through which a gradient flows that was compared with a recorded one."""
    found: set[str] = set()
    for case in CASES:
        parts = set(TORCH.get(case.name, {})) | (
            set(TENSORFLOW.get(case.name, {})) - set(case.differs)
        )
        if "second" in parts or ("first" in parts and case.orders == 1):
            found |= ours(case.name)[1]
        elif "first" in parts:
            found |= first_only(case.name)
    return found


@functools.cache
def first_only(name: str) -> frozenset[str]:
    case = BY_NAME[name]
    once = Case(case.call, case.inputs, label=case.label, orders=1)
    run(ENGINE, once, case.call)
    return frozenset(_through)


def test_every_differentiable_primitive_has_a_witness():
    """Measured, not declared: a gradient that was recorded flowed through each of them."""
    differentiable = {n for n, record in registry.items() if record.vjp is not NOT_DIFFERENTIABLE}
    found = witnessed()
    missing = sorted(differentiable - found - set(NO_WITNESS))
    assert missing == [], "add a case to tests/oracle and record it"
    assert sorted(set(NO_WITNESS) - differentiable) == [], "these are gone"
    assert sorted(set(NO_WITNESS) & found) == [], "these have a witness now"


def public_operations() -> dict[int, str]:
    """The functions of tf and of its modules of operations, by identity: one with two names counts once."""
    found: dict[int, str] = {}
    for prefix in (
        "",
        "math.",
        "math.special.",
        "linalg.",
        "nn.",
        "nn.experimental.",
        "bitwise.",
        "signal.",
    ):
        module: Any = tf
        for part in prefix.split(".")[:-1]:
            module = getattr(module, part)
        for name in getattr(module, "__all__", None) or dir(module):
            value = getattr(module, name)
            if callable(value) and not isinstance(value, type) and not name.startswith("_"):
                found.setdefault(id(value), f"tf.{prefix}{name}")
    return found


def test_every_public_operation_has_a_case():
    """Also those without a derivative: their values are compared."""
    called: set[int] = set()
    for call in {name for case in CASES for name in re.findall(r"tf\.([\w.]+)\b", case.call)}:
        value: Any = tf
        for part in call.split("."):
            value = getattr(value, part)
        called.add(id(value))
    public = public_operations()
    missing = sorted(name for key, name in public.items() if key not in called)
    assert sorted(set(missing) - set(NOT_RECORDED)) == [], (
        "add a case to tests/oracle and record it"
    )
    assert sorted(set(NOT_RECORDED) - set(missing)) == [], "these have a case now, or are gone"
