"""Every primitive with a `scalar` rule, as a native kernel of its own, against its NumPy kernel.

The list comes from the registry: a primitive with a rule that nothing here exercises is a failure.
"""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.dispatch import Primitive, registry
from engine.errors import OpError
from engine.graph.graph import CONSTANT, Graph, Node
from engine.graph.native.kernel import write_kernel
from engine.graph.native.loops import supported
from engine.graph.native.machine import build
from engine.graph.native.writer import REGISTER
from engine.spec import TensorSpec

DTYPES = tuple(REGISTER)
FLOATS = (tf.float32, tf.float64)
RULES = {name: p for name, p in registry.items() if p.scalar is not None}
# Settings, for operations that have some.
ATTRS: dict[str, list[dict[str, Any]]] = {
    "cast": [{"dtype": dtype} for dtype in DTYPES],
    "fill_like": [{"value": value, "dtype": dtype} for value in (0, 1) for dtype in DTYPES],
}
# Units in the last place from NumPy's kernel, which is a few away from the truth itself.
ROUNDED = {
    "exp": 4,
    "expm1": 4,
    "log": 4,
    "log1p": 4,
    "tanh": 6,
    "sigmoid": 6,
    "softplus": 8,
    "rsqrt": 2,
}
# At a tie NumPy gives 0 or -0, as its vectors fall.
EITHER_ZERO = ("maximum", "minimum", "relu")


def arity(primitive: Primitive) -> int:
    assert primitive.scalar is not None
    kinds = [p.kind for p in inspect.signature(primitive.scalar).parameters.values()]
    return kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)


def body(primitive: Primitive, specs: list[TensorSpec], attrs: dict[str, Any]) -> Graph:
    """A graph of one operation."""
    count = len(specs)
    inputs = tuple(range(count))
    node = Node(primitive.name, inputs, (count,), attrs, primitive, primitive.name)
    made = primitive.spec(*specs, **attrs)
    return Graph(primitive.name, [node], [*specs, made], list(inputs), [count])


def found() -> list[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    """All (name, dtypes of the inputs, settings) that the shape rules allow."""
    cases = []
    for name, primitive in RULES.items():
        for given in itertools.product(DTYPES, repeat=arity(primitive)):
            for attrs in ATTRS.get(name, [{}]):
                try:
                    primitive.spec(*(TensorSpec((2,), dtype) for dtype in given), **attrs)
                except OpError:
                    continue
                cases.append((name, given, attrs))
    return cases


def is_supported(case: tuple[str, tuple[Any, ...], dict[str, Any]]) -> bool:
    name, given, attrs = case
    graph = body(RULES[name], [TensorSpec((2,), dtype) for dtype in given], attrs)
    return supported(graph, graph.nodes[0])


CASES = found()
NATIVE = [case for case in CASES if is_supported(case)]


def label(case: Any) -> str:
    name, given, attrs = case
    parts = [dtype.name for dtype in given]
    parts += [getattr(value, "name", str(value)) for value in attrs.values()]
    return f"{name}-{'-'.join(parts)}"


def numbers(dtype: Any) -> np.ndarray:
    """Numbers of a dtype that programs stumble over, and ordinary ones."""
    kind = dtype.as_numpy_dtype
    if dtype is tf.bool:
        return np.array([True, False])
    rng = np.random.default_rng(11)
    if dtype not in FLOATS:
        limits = np.iinfo(kind)
        special = [
            0,
            1,
            -1,
            2,
            3,
            -7,
            limits.max,
            limits.min,
            limits.max - 1,
            limits.min + 1,
            1 << 24,
        ]
        return np.array([*special, *rng.integers(-1000, 1000, 6)], kind)
    limits = np.finfo(kind)
    tiny, least = float(limits.tiny), float(limits.smallest_subnormal)
    special = [
        0.0,
        1.0,
        0.5,
        1.5,
        2.5,
        3.0,
        88.5,
        1e4,
        2.0**31,
        tiny,
        tiny / 4,
        least,
        float(limits.max),
    ]
    special += [np.inf, 1 - float(limits.epsneg), 1 + float(limits.eps), 1e-7, 0.3, 2**24 + 1]
    signed = [value * sign for value in special for sign in (1, -1)]
    return np.array([*signed, np.nan, *rng.normal(size=9), *rng.normal(size=4) * 1e10], kind)


def grids(given: tuple[Any, ...]) -> list[np.ndarray]:
    """Arrays in which every number meets every other."""
    return [np.ascontiguousarray(a) for a in np.meshgrid(*map(numbers, given), indexing="ij")]


def run(case: Any, arrays: list[Any]) -> tuple[Any, np.ndarray]:
    """(what NumPy's kernel makes, what the native kernel makes)."""
    name, _, attrs = case
    primitive = RULES[name]
    specs = [TensorSpec(np.shape(a), d) for a, d in zip(arrays, case[1], strict=True)]
    graph = body(primitive, specs, attrs)
    written = write_kernel(graph)
    dtypes = [spec.dtype for spec in graph.specs]
    single = [k for k, spec in enumerate(specs) if spec.dims == ()]
    native = build(written.text, dtypes, 1, name, written.turns, single)
    made = graph.specs[-1]
    ours = np.full(made.dims, 77, made.dtype.as_numpy_dtype)
    assert native.call(*arrays, ours) is True
    with np.errstate(all="ignore"):
        return primitive.kernel(np, *arrays, **attrs), ours


def check(name: str, expected: Any, ours: np.ndarray) -> None:
    expected = np.asarray(expected)
    assert expected.dtype == ours.dtype and expected.shape == ours.shape
    if ours.dtype.kind != "f":
        np.testing.assert_array_equal(ours, expected)
        return
    both_nan = np.isnan(ours) & np.isnan(expected)
    if name in ROUNDED:
        with np.errstate(all="ignore"):
            far = np.abs(ours - expected) / np.spacing(np.abs(expected))
        good = both_nan | (ours == expected) | (far <= ROUNDED[name])
    else:
        same_sign = np.signbit(ours) == np.signbit(expected)
        good = both_nan | ((ours == expected) & (same_sign | (name in EITHER_ZERO)))
    wrong = np.argwhere(~good)
    assert not len(wrong), (
        f"{len(wrong)} differ, the first: {ours[*wrong[0]]!r}, not {expected[*wrong[0]]!r}"
    )


def test_every_primitive_with_a_rule_is_exercised():
    assert {case[0] for case in NATIVE} == set(RULES)
    assert len(RULES) >= 41


def test_only_these_have_no_llvm():
    """A float out of an integer's range becomes what the processor makes of it, in NumPy."""
    left = {label(case) for case in CASES if case not in NATIVE}
    assert left == {f"cast-{a}-{b}" for a in ("float32", "float64") for b in ("int32", "int64")}


@pytest.mark.parametrize("case", NATIVE, ids=label)
def test_a_kernel_computes_what_numpy_computes(case: Any):
    check(case[0], *run(case, grids(case[1])))


@pytest.mark.parametrize("case", [c for c in NATIVE if len(c[1]) > 1], ids=label)
def test_broadcasting_in_a_kernel(case: Any):
    """Each input has one element along the axes of the others; one has no axis at all."""
    given = case[1]
    lists = [numbers(dtype)[:7] for dtype in given]
    spread = [
        values.reshape([-1 if axis == place else 1 for axis in range(len(given) + 1)])
        for place, values in enumerate(lists)
    ]
    check(case[0], *run(case, spread))
    last = [*(values[:1].reshape(()) for values in lists[:-1]), lists[-1].reshape(1, -1, 1)]
    check(case[0], *run(case, last))
    single = [values[1].reshape(()) for values in lists]
    check(case[0], *run(case, single))


@pytest.mark.parametrize("case", [c for c in NATIVE if len(c[1]) == 2], ids=label)
def test_a_constant_in_either_place(case: Any):
    """Constants are written into the kernel, some operations in a shorter way for them."""
    name, (dtype, _), attrs = case
    x = numbers(dtype)
    for value in numbers(dtype)[[0, 1, -1]]:
        for place in (0, 1):
            graph = body(RULES[name], [TensorSpec(x.shape, dtype), TensorSpec((), dtype)], attrs)
            graph.nodes[0].inputs = (1, 0) if place == 0 else (0, 1)
            graph.nodes.insert(0, Node(CONSTANT, (), (1,), payload=tf.constant(value)))
            graph.inputs = [0]
            written = write_kernel(graph)
            made = graph.specs[2].dtype
            native = build(written.text, [dtype, made], 1, name, written.turns)
            ours = np.full(x.shape, 77, made.as_numpy_dtype)
            native.call(x, ours)
            with np.errstate(all="ignore"):
                expected = RULES[name].kernel(
                    np, *((value, x) if place == 0 else (x, value)), **attrs
                )
            check(name, expected, ours)


LAYOUTS = {
    "transposed": lambda a: np.asfortranarray(a),
    "every other": lambda a: np.repeat(np.repeat(a, 2, 0), 2, 1)[::2, ::2],
    "backwards": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
    "widened": lambda a: np.broadcast_to(a[:1], a.shape),
    "not aligned": lambda a: unaligned(a),
    "read-only": lambda a: locked(a),
    "of a subclass": lambda a: a.view(Subclass),
}


class Subclass(np.ndarray):
    """Such as np.memmap, np.matrix."""


def unaligned(array: np.ndarray) -> np.ndarray:
    memory = np.empty(array.nbytes + 1, np.uint8)[1:]
    moved = memory.view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


def locked(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_kernel_takes_arrays_of_every_layout(name: str):
    for operation, dtype in (
        ("subtract", tf.float32),
        ("less", tf.int64),
        ("logical_and", tf.bool),
    ):
        case = (operation, (dtype, dtype), {})
        arrays = [LAYOUTS[name](a) for a in grids(case[1])]
        check(operation, *run(case, arrays))


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
def test_single_numbers_may_be_numpy_scalars(dtype: Any):
    operation = "not_equal"
    array = grids((dtype, dtype))[0]
    for value in numbers(dtype)[:6]:
        assert isinstance(value, np.generic)
        check(operation, *run((operation, (dtype, dtype), {}), [array, value]))


def test_bools_of_any_byte():
    """NumPy takes every byte but 0 for True."""
    odd = np.array([0, 1, 2, 3, 128, 255], np.uint8).view(bool)
    for name in ("logical_not", "cast"):
        attrs = {"dtype": tf.float32} if name == "cast" else {}
        expected, ours = run((name, (tf.bool,), attrs), [odd])
        np.testing.assert_array_equal(ours, np.asarray(expected) != 0)


def test_a_kernel_refuses_what_it_cannot_write_to():
    case = ("add", (tf.float32, tf.float32), {})
    graph = body(RULES["add"], [TensorSpec((3,), tf.float32)] * 2, {})
    native = build(write_kernel(graph).text, [tf.float32] * 3, 1, "add")
    x = np.ones(3, np.float32)
    with pytest.raises(ValueError, match="output 2 is read-only"):
        native.call(x, x, locked(x))
    with pytest.raises(TypeError, match="takes 3 arrays, not 2"):
        native.call(x, x)
    strided = np.zeros(6, np.float32)
    native.call(x, x, strided[::2])  # computed in an array that fits, then copied
    np.testing.assert_array_equal(strided, [2, 0, 2, 0, 2, 0])
    check("add", *run(case, [x, x]))


def test_arrays_in_a_foreign_byte_order():
    """They are put into this machine's order when they become tensors, so kernels may trust it."""
    foreign = np.arange(6, dtype=np.dtype(np.float32).newbyteorder())
    f = tf.function(lambda x: tf.sqrt(x) * 2 + x, jit_compile=True)
    plain = np.arange(6, dtype=np.float32)
    expected = np.sqrt(plain) * 2 + plain
    np.testing.assert_array_equal(f(tf.constant(foreign)).numpy(), expected)
    np.testing.assert_array_equal(f(foreign).numpy(), expected)


@pytest.mark.parametrize("how", ["reduce_sum", "reduce_max", "reduce_min"])
@pytest.mark.parametrize("dtype", DTYPES[:4], ids=lambda d: d.name)
def test_totals_over_all_axes_and_some(how: str, dtype: Any):
    """Integers wrap around as NumPy's do; a NaN is the largest and the smallest of all."""
    primitive = registry[how]
    x = grids((dtype, dtype, tf.bool))[0][:12, :11].reshape(12, 11, 2)
    if how == "reduce_sum" and dtype in FLOATS:
        x = np.random.default_rng(5).normal(size=x.shape).astype(x.dtype)
    for axes in [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)]:
        for keepdims in (False, True):
            attrs = {"axes": axes, "keepdims": keepdims}
            graph = body(primitive, [TensorSpec(x.shape, dtype)], attrs)
            assert supported(graph, graph.nodes[0])
            written = write_kernel(graph)
            native = build(written.text, [dtype, dtype], 1, how, written.turns)
            ours = np.full(graph.specs[-1].dims, 77, x.dtype)
            native.call(x, ours)
            with np.errstate(all="ignore"):
                expected = primitive.kernel(np, x, **attrs)
            if how == "reduce_sum" and dtype in FLOATS:
                room = 64 * np.finfo(x.dtype).eps * np.abs(x).sum(axes, keepdims=keepdims)
                assert (np.abs(ours - expected) <= room).all()
            else:
                np.testing.assert_array_equal(ours, expected)


SUMS = {
    "all of a vector": ((1 << 21,), None, lambda x: x),
    "all of a vector of odd length": ((1_000_003,), None, lambda x: x),
    "all of a matrix": ((3000, 500), None, lambda x: x),
    "all of a transposed matrix": (
        (20_000, 60),
        None,
        lambda x: tf.transpose(x) + 0.0 * x[:60, :1],
    ),
    "rows": ((3, 400_000), 1, lambda x: x),
    "middle axis": ((2, 200_000, 3), (1, 2), lambda x: x),
    "a row repeated": ((60,), None, lambda x: tf.broadcast_to(x, [20_000, 60])),
}


@pytest.mark.parametrize("name", SUMS)
def test_sums_of_many_float32_lose_little(name: str):
    """All numbers have one sign, so that the sum is known to a few units in its last place.

    Added up one after the other, a million numbers of float32 are wrong in the fifth digit.
    """
    shape, axis, seen = SUMS[name]
    x = np.random.default_rng(6).uniform(0.05, 0.15, shape).astype(np.float32)
    f = tf.function(lambda x: tf.reduce_sum(seen(x) * 1.5, axis=axis), jit_compile=True)
    assert f.get_concrete_function(tf.constant(x)).kernels
    wide = np.broadcast_to(x, (20_000, 60)) if name == "a row repeated" else x
    exact = (wide * np.float32(1.5)).astype(np.float64).sum(axis)
    np.testing.assert_allclose(f(x).numpy(), exact, rtol=2e-6)


SHAPES = [
    (33,),
    (7, 33),
    (33, 7),
    (5, 17, 9),
    (17, 1, 9),
    (1, 130),
    (130, 1),
    (2, 3, 4, 5),
    (257, 3),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_loops_of_every_shape(shape: tuple[int, ...]):
    """Totals over every choice of axes, of an array, of its transpose, and joined with it again.

    The sizes leave a rest when several turns are taken at once.
    """
    x = tf.constant(np.random.default_rng(7).normal(size=shape).astype(np.float32))
    rank = len(shape)
    choices = [c for r in range(1, rank + 1) for c in itertools.combinations(range(rank), r)]

    def f(x: Any) -> list[Any]:
        turned = tf.transpose(x, list(range(rank))[::-1])
        made = [tf.tanh(turned) * 2.0 - turned]
        for axes in choices:
            largest = tf.reduce_max(turned, axis=axes)
            total = tf.reduce_sum(x * 2.0 + 1.0, axis=axes, keepdims=True)
            made += [largest, total, x - tf.reduce_min(x, axis=axes, keepdims=True) / total]
        return made

    native = tf.function(f, jit_compile=True, autograph=False)
    assert native.get_concrete_function(x).kernels
    for ours, eager in zip(native(x), f(x), strict=True):
        assert ours.shape == eager.shape
        np.testing.assert_allclose(ours.numpy(), eager.numpy(), rtol=1e-4, atol=1e-4)
