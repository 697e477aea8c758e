"""Every primitive against NumPy and finite differences, eagerly and in graphs: the whole registry."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.dispatch import NOT_DIFFERENTIABLE, Primitive, apply, primitive, registry
from engine.errors import InvalidArgumentError
from engine.spec import TensorSpec
from tests.engine import samples, samples_conv, samples_debugging, samples_linalg, samples_math
from tests.engine.cases import Case
from tests.engine.oracle import array_of, assert_close, numeric_gradient
from tests.engine.samples_matrix import CASES as MATRIX
from tests.engine.samples_special import CASES as SPECIAL
from tests.engine.samples_special import NEED_AN_AXIS

importlib.import_module("engine.keras")  # so that primitives it may declare count too
CASES = samples.CASES | samples_math.CASES | samples_linalg.CASES | samples_debugging.DEBUGGING
CASES |= samples_conv.CASES
CASES |= SPECIAL | MATRIX
NAMES = [name for name in CASES if name in registry]
ALL = [(name, case) for name in NAMES for case in CASES[name]]
# The shape of the result is a value of the input: only its rank can be known before.
SHAPED_BY_VALUES = {
    "reshape_to", "broadcast_to_shape", "range", "repeated_positions", "unique_firsts", "where_true",
    "py_function",
}  # fmt: skip
RANK_BY_SIZES = {"gather_nd"}  # how long an index is decides how many axes are left
NEEDS_AN_AXIS = {
    *samples_math.NEED_AN_AXIS,
    *samples_linalg.NEED_AN_AXIS,
    *NEED_AN_AXIS,
    *MATRIX,
    *samples_conv.NEED_AN_AXIS,
    "concat", "part_of_concat", "matmul", "argsort", "unslice", "broadcast_shapes",
    "repeated_positions", "roll", "reverse_sequence", "searchsorted", "unique_firsts", "unique_which",
    "diag_part", "diag_like",
}  # fmt: skip
each_case = pytest.mark.parametrize(
    ("name", "case"), [pytest.param(n, c, id=f"{n} {c.label}") for n, c in ALL]
)
each_primitive = pytest.mark.parametrize("name", NAMES)


def run(name: str, case: Case, *inputs: Any) -> Any:
    value = apply(registry[name], *inputs, **case.attrs)
    return value if case.part is None else value[case.part]


def tensors(case: Case) -> list[tf.Tensor]:
    return [tf.constant(array) for array in case.inputs]


def output_spec(name: str, case: Case, specs: list[TensorSpec]) -> TensorSpec:
    spec = registry[name].spec(*specs, **case.attrs)
    return spec if case.part is None else spec[case.part]


def differentiable_inputs(record: Primitive, case: Case) -> list[int]:
    """The inputs with a derivative: a rule for them, and a floating dtype in and out."""
    spec = output_spec(record.name, case, [t.spec for t in tensors(case)])
    if record.vjp is NOT_DIFFERENTIABLE or not spec.dtype.is_floating:
        return []
    if case.reference is None:  # a draw moves with its parameters only on average: test_candidates
        return []
    floating = [i for i, array in enumerate(case.inputs) if array.dtype.kind == "f"]
    if callable(record.vjp):
        return floating
    assert record.vjp is not None
    return [i for i in floating if record.vjp[i] is not None]


def test_every_primitive_is_in_the_table():
    missing = sorted(set(registry) - set(CASES))
    assert missing == [], "add samples for them to tests/engine/samples.py"
    assert sorted(set(CASES) - set(registry)) == [], "these primitives are gone"


def test_a_name_stands_in_the_registry_once():
    with pytest.raises(ValueError, match="'add' exists"):
        primitive("add", lambda xp: None, lambda: None)
    assert repr(registry["add"]) == "Primitive(add)"


@each_primitive
def test_every_primitive_says_whether_it_has_derivatives(name: str):
    record = registry[name]
    assert record.vjp is not None, f"{name} has no vjp; NOT_DIFFERENTIABLE says it on purpose"
    if isinstance(record.vjp, tuple) and record.vjp is not NOT_DIFFERENTIABLE:
        assert len(record.vjp) == len(CASES[name][0].inputs), (
            "one rule an input, None if it has none"
        )


@each_primitive
def test_the_samples_of_every_primitive_hold_an_empty_and_a_rank_0_tensor(name: str):
    shapes = [array.shape for case in CASES[name] for array in case.inputs]
    shapes += [array_of(run(name, case, *tensors(case))).shape for case in CASES[name]]
    assert any(0 in shape for shape in shapes)
    assert () in shapes or name in NEEDS_AN_AXIS


@each_case
def test_values_are_those_of_numpy(name: str, case: Case):
    value = run(name, case, *tensors(case))
    if case.reference is None:  # random: see test_random.py
        again = run(name, case, *tensors(case))
        assert_close(value, again, rtol=0, what="the same seed and counter give the same numbers")
    else:
        assert_close(value, case.reference(*case.inputs), rtol=1e-12, atol=1e-14, what=name)


@each_case
def test_the_shape_rule_says_what_is_computed(name: str, case: Case):
    """With all sizes known exactly that; with some or all of them unknown, nothing false."""
    given = tensors(case)
    value = run(name, case, *given)
    exact = output_spec(name, case, [t.spec for t in given])
    assert exact.is_compatible_with(value), f"{exact} against {value.dtype} {value.shape}"
    if name not in SHAPED_BY_VALUES:
        assert exact.dims == value.shape, name
    for hidden in range(-1, max((t.ndim for t in given), default=0)):
        specs = [
            TensorSpec([None if hidden in (-1, i) else d for i, d in enumerate(t.shape)], t.dtype)
            for t in given
        ]
        inferred = output_spec(name, case, specs)
        assert inferred.is_compatible_with(value), f"{inferred} against {value.shape}"
        assert inferred.rank == value.ndim or name in SHAPED_BY_VALUES | RANK_BY_SIZES


@each_case
def test_a_graph_computes_what_eager_computes(name: str, case: Case):
    given = tensors(case)
    eager = run(name, case, *given)
    exact = tf.function(lambda *xs: run(name, case, *xs))
    assert_close(exact(*given), eager, rtol=1e-14, what="graph of known sizes")
    assert exact(*given).dtype is eager.dtype
    unknown = [TensorSpec([None] * t.ndim, t.dtype) for t in given]
    general = tf.function(lambda *xs: run(name, case, *xs), input_signature=unknown)
    assert_close(general(*given), eager, rtol=1e-14, what="graph of unknown sizes")


def weighted(name: str, case: Case, *inputs: Any) -> tf.Tensor:
    """The output against a fixed cotangent, the last input: one number."""
    *arguments, cotangent = inputs
    return tf.reduce_sum(run(name, case, *arguments) * cotangent)


def with_cotangent(name: str, case: Case) -> list[np.ndarray]:
    value = array_of(run(name, case, *tensors(case)))
    rng = np.random.default_rng(7)
    return [*case.inputs, rng.uniform(0.5, 1.5, value.shape).astype(value.dtype)]


def first_derivatives(name: str, case: Case, which: list[int], *inputs: Any) -> list[tf.Tensor]:
    given = [tf.convert_to_tensor(value) for value in inputs]
    sources = [given[i] for i in which]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        target = weighted(name, case, *given)
    return tape.gradient(target, sources, unconnected_gradients="zero")


DIFFERENTIABLE = [(n, c) for n, c in ALL if differentiable_inputs(registry[n], c)]
each_differentiable = pytest.mark.parametrize(
    ("name", "case"), [pytest.param(n, c, id=f"{n} {c.label}") for n, c in DIFFERENTIABLE]
)


@each_differentiable
def test_first_derivatives_are_finite_differences(name: str, case: Case):
    which = differentiable_inputs(registry[name], case)
    inputs = with_cotangent(name, case)
    found = first_derivatives(name, case, which, *inputs)
    loose = name == "cast"  # a difference quotient of values rounded to float32
    for i, gradient in zip(which, found, strict=True):
        expected = numeric_gradient(
            lambda *xs: float(weighted(name, case, *map(tf.constant, xs))),
            inputs,
            i,
            step=1e-2 if loose else 1e-6,
        )
        scale = np.abs(expected).max(initial=1.0)
        tolerance = 1e-3 if loose else 2e-7
        assert_close(gradient, expected, tolerance, tolerance * scale, f"{name}, input {i}")
        assert gradient.dtype == case.inputs[i].dtype


@each_differentiable
def test_second_derivatives_are_finite_differences(name: str, case: Case):
    """Of the first derivatives, with respect to the inputs and to the cotangent."""
    which = differentiable_inputs(registry[name], case)
    inputs = with_cotangent(name, case)
    rng = np.random.default_rng(8)
    weights = [tf.constant(rng.uniform(0.5, 1.5, inputs[i].shape)) for i in which]

    def of_gradients(*given: Any) -> tf.Tensor:
        found = first_derivatives(name, case, which, *given)
        parts = [tf.reduce_sum(g * w) for g, w in zip(found, weights, strict=True)]
        return tf.add_n(parts)

    given = [tf.constant(array) for array in inputs]
    last = len(inputs) - 1
    sources = [given[i] for i in [*which, last]]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        target = of_gradients(*given)
    found = tape.gradient(target, sources, unconnected_gradients="zero")
    if name == "cast":  # linear: the second derivative is 0, and a quotient would only see rounding
        return assert_close(found[0], np.zeros(inputs[0].shape), 0, what=name)
    for i, gradient in zip([*which, last], found, strict=True):
        expected = numeric_gradient(
            lambda *xs: float(of_gradients(*map(tf.constant, xs))), inputs, i, step=1e-5
        )
        scale = np.abs(expected).max(initial=1.0)
        assert_close(gradient, expected, 1e-5, 1e-6 * scale, f"{name}, input {i}")


@each_differentiable
def test_derivatives_in_a_graph_are_those_of_eager(name: str, case: Case):
    which = differentiable_inputs(registry[name], case)
    inputs = [tf.constant(array) for array in with_cotangent(name, case)]
    eager = first_derivatives(name, case, which, *inputs)

    def body(*given: Any) -> Any:
        return first_derivatives(name, case, which, *given)

    graphs = {"known sizes": tf.function(body)}
    if not case.needs_sizes:
        unknown = [TensorSpec([None] * t.ndim, t.dtype) for t in inputs]
        graphs["unknown sizes"] = tf.function(body, input_signature=unknown)
    for label, graph in graphs.items():
        for i, one, other in zip(which, graph(*inputs), eager, strict=True):
            assert_close(one, other, 1e-13, 1e-15, f"{name}, {label}, input {i}")


LINEAR = [(n, c, i) for n, c in ALL for i in c.linear if i in differentiable_inputs(registry[n], c)]


@pytest.mark.parametrize(
    ("name", "case", "i"), [pytest.param(n, c, i, id=f"{n} {c.label} [{i}]") for n, c, i in LINEAR]
)
def test_linear_primitives_have_an_adjoint(name: str, case: Case, i: int):
    """<A x, y> = <x, A' y>, and the adjoint of the adjoint is A again."""
    *inputs, y = (tf.constant(array) for array in with_cotangent(name, case))

    def forward(x: tf.Tensor) -> tf.Tensor:
        return run(name, case, *inputs[:i], x, *inputs[i + 1 :])

    def adjoint(cotangent: tf.Tensor) -> tf.Tensor:
        x = inputs[i]
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = forward(x)
        return tape.gradient(value, x, output_gradients=cotangent)

    x = inputs[i]
    left = float(np.sum(array_of(forward(x)) * array_of(y)))
    right = float(np.sum(array_of(x) * array_of(adjoint(y))))
    size = np.sum(np.abs(array_of(forward(x)) * array_of(y)))
    assert abs(left - right) <= 1e-12 * max(size, 1.0), f"<Ax,y> = {left}, <x,A'y> = {right}"

    z = tf.constant(np.random.default_rng(9).normal(size=x.shape.as_list()))
    with tf.GradientTape() as tape:
        tape.watch(y)
        back = adjoint(y)
    assert_close(tape.gradient(back, y, output_gradients=z), forward(z), 1e-12, 1e-13, "A''")


NUMERIC = [d for d in tf.dtypes.ALL if d is not tf.string]


def in_dtype(name: str, case: Case, dtype: tf.DType) -> list[tf.Tensor]:
    """The sample's floating inputs in another dtype, kept away from what integers cannot do."""
    given = tensors(case)
    for i, t in enumerate(given):
        if t.dtype is tf.float64:
            given[i] = tf.cast(tf.abs(t) if dtype.is_unsigned else t, dtype)
            if dtype.is_integer and name[:5] in ("floor", "trunc"):  # no division by 0
                given[i] = tf.ones_like(given[i])
    if name == "pow" and dtype.is_integer:  # no negative power
        given[1] = tf.ones_like(given[1])
    return given


@each_primitive
def test_what_the_rule_accepts_the_kernel_computes(name: str):
    """For each dtype: the rule refuses it, or the kernel gives the dtype and shape the rule says."""
    case = CASES[name][0]
    for dtype in NUMERIC:
        given = in_dtype(name, case, dtype)
        try:
            inferred = output_spec(name, case, [t.spec for t in given])
        except InvalidArgumentError as refusal:
            assert dtype.name in str(refusal)
            continue
        value = run(name, case, *given)
        assert value.dtype is inferred.dtype, f"{name} on {dtype.name}"
        assert inferred.dims == value.shape or name in SHAPED_BY_VALUES


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32], ids=lambda d: d.name)
@pytest.mark.parametrize("name", sorted({n for n, _ in DIFFERENTIABLE} - {"cast"}))
def test_a_gradient_has_the_dtype_of_its_source(name: str, dtype: tf.DType):
    case = CASES[name][0]
    which = differentiable_inputs(registry[name], case)
    given = [tf.cast(t, dtype) if t.dtype is tf.float64 else t for t in tensors(case)]
    with tf.GradientTape() as outer, tf.GradientTape() as tape:
        sources = [given[i] for i in which]
        tape.watch(sources)
        outer.watch(sources)
        value = run(name, case, *given)
        first = tape.gradient(value, sources)
    second = outer.gradient([g for g in first if g is not None], sources)
    for order in (first, second):
        for source, gradient in zip(sources, order, strict=True):
            assert gradient is None or (gradient.dtype, gradient.shape) == (dtype, source.shape)
    assert first[0] is not None
    with tf.GradientTape() as tape:  # with no tape around it, a gradient takes another, shorter way
        tape.watch(sources)
        value = run(name, case, *given)
    for one, other in zip(tape.gradient(value, sources), first, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert one.dtype is dtype
            assert_close(one, other, 0, what="without a tape around it")
