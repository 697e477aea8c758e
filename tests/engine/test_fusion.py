"""Fusion: which operations go into one kernel, in which order the rest runs, and that no value changes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.graph.graph import CONSTANT, PLACEHOLDER, VARIABLE, Graph, Node
from engine.graph.native.loops import VIEWS
from engine.graph.passes import fusion
from engine.graph.passes.fusion import fuse
from engine.graph.verifier import verify

X = np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)
SPEC = tf.TensorSpec([4, 4])


def program(function: Callable[..., Any], *specs: Any) -> Graph:
    """The optimized graph, before fusion."""
    concrete = tf.function(function, autograph=False).get_concrete_function(*(specs or (SPEC,)))
    return concrete.optimized  # type: ignore[no-any-return]


def fused(function: Callable[..., Any], *specs: Any) -> Graph:
    graph = fuse(program(function, *specs))
    verify(graph)
    return graph


def operations(graph: Graph) -> list[str]:
    return [node.op for node in graph.operations]


def bodies(graph: Graph) -> list[list[str]]:
    """The operations in each fused one, without constants."""
    found = [node.attrs["body"] for node in graph.nodes if node.op == "fused"]
    return [[node.op for node in body.nodes if node.op != CONSTANT] for body in found]


def evaluate(graph: Graph, *arrays: Any) -> list[Any]:
    """The outputs of a graph, one kernel after the other, in the order of its nodes."""
    values: dict[int, Any] = dict(zip(graph.inputs, arrays, strict=True))
    for node in graph.nodes:
        if node.op in (CONSTANT, VARIABLE):
            values[node.outputs[0]] = node.payload._array
        elif node.op != PLACEHOLDER:
            assert node.primitive is not None
            with np.errstate(all="ignore"):
                made = node.primitive.kernel(np, *(values[n] for n in node.inputs), **node.attrs)
            made = made if isinstance(made, tuple) else (made,)
            values.update(zip(node.outputs, made, strict=True))
    return [values[number] for number in (*graph.outputs, *(n for _, n in graph.updates))]


def check(function: Callable[..., Any], *arrays: np.ndarray) -> Graph:
    """Fused and unfused programs make the same bits when NumPy computes both."""
    arrays = arrays or (X,)
    graph = program(function, *(tf.TensorSpec(a.shape, a.dtype) for a in arrays))
    after = fuse(graph)
    verify(after)
    for ours, expected in zip(evaluate(after, *arrays), evaluate(graph, *arrays), strict=True):
        np.testing.assert_array_equal(ours, expected)
    return after


# --- what goes together -------------------------------------------------------------------------------


def test_a_chain_becomes_one_operation():
    graph = check(lambda x: tf.exp(x * 2.0 + 1.0) / 3.0)
    assert operations(graph) == ["fused"]
    assert bodies(graph) == [["multiply", "add", "exp", "divide"]]


def test_branches_that_do_not_wait_for_one_another_go_together():
    graph = check(lambda x: (tf.exp(x) + 1.0, tf.tanh(x) * 2.0, tf.reduce_sum(x * x)))
    assert operations(graph) == ["fused"]
    assert len(graph.nodes[-1].outputs) == 3


def test_what_has_no_rule_divides_a_program_in_stages():
    graph = check(lambda x: tf.tanh(tf.sin(tf.exp(x) + 1.0) * 2.0))
    assert operations(graph) == ["fused", "sin", "fused"]
    assert bodies(graph) == [["exp", "add"], ["multiply", "tanh"]]


def test_a_single_operation_stays_with_numpy():
    assert operations(check(lambda x: x + 1.0)) == ["add"]
    assert operations(check(lambda x: tf.sin(tf.exp(tf.sin(x))))) == ["sin", "exp", "sin"]


def test_one_kernel_waits_for_nothing_that_waits_for_it():
    """a and c could be fused, but sin stands between them."""

    def f(x: Any) -> Any:
        a = x * 2.0
        b = tf.sin(a)
        c = a + b
        return c * a - b

    graph = check(f)
    assert operations(graph)[-1] == "fused"
    assert "sin" in operations(graph)


def test_totals_and_small_products_of_matrices_are_fused():
    graph = check(lambda x: tf.linalg.matmul(x, x) - tf.reduce_max(x, axis=0, keepdims=True))
    assert bodies(graph) == [["matmul", "reduce_max", "subtract"]]
    large = tf.TensorSpec([300, 300])
    assert operations(fused(lambda x: tf.linalg.matmul(x, x) * 2.0 + 1.0, large)) == [
        "matmul",
        "fused",
    ]


def test_several_results_and_results_used_inside():
    def f(x: Any) -> Any:
        a = tf.exp(x) + 1.0
        b = a * x
        return a, b, tf.sin(b), a - b

    graph = check(f)
    assert operations(graph)[0] == "fused"
    assert set(graph.outputs) <= {n for node in graph.nodes for n in node.outputs}


# --- views --------------------------------------------------------------------------------------------


def test_views_are_repeated_inside_and_outside():
    def f(x: Any) -> Any:
        a = tf.exp(x) + 1.0
        turned = tf.transpose(a)
        return tf.sin(turned), tf.tanh(turned) * a, turned

    graph = check(f)
    assert (
        operations(graph).count("transpose") == 1
    )  # outside; once more in the kernel that needs it
    inside = [op for body in bodies(graph) for op in body]
    assert "transpose" in inside


def test_chains_of_views_between_kernels():
    def f(x: Any) -> Any:
        a = tf.exp(x) + 1.0
        wide = tf.broadcast_to(tf.expand_dims(tf.reshape(tf.transpose(a), [16]), 1), [16, 3])
        b = tf.sin(wide)
        return tf.reduce_sum(tf.reshape(b, [3, 16]) * 2.0, axis=1) + 1.0, tf.reshape(wide, [48])

    check(f)


MOVED = {
    "to an operation": lambda x, a, c: tf.atan2(tf.transpose(a), tf.sin(c)),
    "as a result": lambda x, a, c: (c * a, tf.transpose(a)),
    "twice": lambda x, a, c: (
        tf.atan2(tf.reshape(tf.transpose(a), [16]), tf.reshape(c, [16])),
        c * a,
    ),
}


@pytest.mark.parametrize("name", MOVED)
def test_a_view_follows_an_operation_that_moves_to_a_later_kernel(name: str):
    """x * 2 is needed late, so it is computed late: its transpose cannot stand before it."""

    def f(x: Any) -> Any:
        a = x * 2.0
        c = tf.sin(tf.sin(x)) * 3.0 + 1.0
        return MOVED[name](x, a, c)

    check(f)


# --- order --------------------------------------------------------------------------------------------


def stateful(graph: Graph) -> list[str]:
    return [n.name for n in graph.operations if n.primitive is not None and n.primitive.stateful]


def test_the_order_of_what_acts_stays():
    def f(x: Any) -> Any:
        a = tf.sin(tf.sin(tf.sin(x))) * 2.0  # late
        tf.print("first", tf.reduce_sum(a + 1.0))
        noise = tf.random.normal([4, 4])  # early, by what it needs
        tf.print("second", noise[0, 0])
        tf.py_function(lambda t: t, [x * 2.0], tf.float32)
        tf.debugging.assert_less(tf.reduce_max(tf.tanh(x)), 2.0)
        b = noise * a + tf.random.uniform([4, 4])
        tf.print("third")
        return b * 2.0 + x

    before = program(f)
    after = fuse(before)
    verify(after)
    assert stateful(after) == stateful(before)
    assert len(stateful(after)) == 5  # random numbers come from a Variable
    assert operations(after).count("fused") >= 2


def test_printing_and_drawing_in_order(capsys: pytest.CaptureFixture[str]):
    seen: list[float] = []

    def f(x: Any) -> Any:
        late = tf.sin(tf.sin(x * 2.0 + 1.0)) * 2.0 + 1.0
        tf.py_function(
            lambda t: seen.append(float(t)) or 0.0, [tf.reduce_max(late) * 1.0], tf.float32
        )
        tf.print("one")
        tf.py_function(lambda: seen.append(-1.0) or 0.0, [], tf.float32)
        tf.print("two", tf.reduce_min(x * 0.0 + 1.0))
        return late

    g = tf.function(f, jit_compile=True)
    for _ in range(2):
        g(tf.constant(X))
    assert len(seen) == 4 and seen[1::2] == [-1.0, -1.0] and seen[0] > -1.0
    lines = capsys.readouterr().err.split("\n")
    assert [line for line in lines if line] == ["one", "two 1", "one", "two 1"]


def test_draws_are_those_of_the_program_without_kernels():
    def f(x: Any) -> Any:
        a = tf.random.normal([4, 4]) * x + 1.0
        b = tf.random.uniform([4, 4]) - a * 2.0
        return tf.sin(b) + tf.random.normal([4, 4]) * 0.5

    found = []
    for jit_compile in (False, True):
        tf.random.set_seed(7)
        g = tf.function(f, jit_compile=jit_compile)
        found.append([g(tf.constant(X)).numpy() for _ in range(3)])
    np.testing.assert_array_equal(found[0], found[1])


# --- what stays outside -------------------------------------------------------------------------------


def test_sizes_that_are_not_known_stay_outside():
    specs = (tf.TensorSpec([None, 4]), tf.TensorSpec(None), SPEC)

    def f(x: Any, y: Any, z: Any) -> Any:
        return tf.exp(x) + 1.0, tf.tanh(y * 2.0), tf.exp(z) + x[0], tf.tanh(z) * 2.0

    graph = fused(f, *specs)
    assert sorted(op for body in bodies(graph) for op in body) == ["add", "exp", "multiply", "tanh"]
    assert {"exp", "tanh"} <= set(operations(graph))
    for node in graph.nodes:
        if node.op == "fused":
            dims = [graph.specs[n].dims for n in (*node.inputs, *node.outputs)]
            assert all(d is not None and None not in d for d in dims)


@pytest.mark.parametrize(
    "dtype", ["float16", "bfloat16", "complex64", "int8", "uint8", "int16", "uint32", "uint64"]
)
def test_dtypes_without_llvm_stay_outside(dtype: str):
    graph = fused(lambda x: (x + x) * x - x, tf.TensorSpec([4], dtype))
    assert "fused" not in operations(graph)
    # A cast to one of them ends a kernel as well.
    graph = fused(lambda x: tf.cast(tf.exp(x) + 1.0, dtype), tf.TensorSpec([4]))
    assert operations(graph) == ["fused", "cast"]


def test_strings_and_empty_arrays_stay_outside():
    graph = fused(lambda s: tf.equal(s, "a"), tf.TensorSpec([3], tf.string))
    assert "fused" not in operations(graph)

    def f(x: Any) -> Any:
        return tf.exp(x) * 2.0 + 1.0, tf.reduce_sum(x * 2.0 + 1.0), tf.reduce_sum(x, axis=0) + 1.0

    empty = np.zeros((0, 3), np.float32)
    graph = program(f, tf.TensorSpec([0, 3]))
    after = fuse(graph)
    verify(after)
    assert all(
        0 not in graph.specs[n].dims
        for nodes in after.nodes
        if nodes.op == "fused"
        for n in nodes.inputs
    )
    made = tf.function(f, jit_compile=True)(tf.constant(empty))
    assert made[0].shape == (0, 3) and made[1].numpy() == 0
    np.testing.assert_array_equal(made[2].numpy(), [1, 1, 1])


# --- size ---------------------------------------------------------------------------------------------


def test_kernels_have_a_largest_size():
    def f(x: Any) -> Any:
        for k in range(700):
            x = x * 0.999 + float(k) / 700
        return x

    graph = check(f)
    sizes = [len(body) for body in bodies(graph)]
    assert max(sizes) <= fusion.MOST and sum(sizes) == 1400
    assert len(sizes) <= -(-1400 // fusion.MOST) + 1


def test_wide_programs_have_a_largest_size_too():
    """500 operations that wait for nothing, then their sum."""

    def f(x: Any) -> Any:
        return sum(tf.tanh(x * float(k)) for k in range(500))

    graph = check(f)
    assert max(len(body) for body in bodies(graph)) <= fusion.MOST


@pytest.mark.parametrize("length", [1000, 3000])
def test_long_programs_compile_and_agree(length: int):
    """Far deeper than Python's recursion goes."""

    def f(x: Any) -> Any:
        for k in range(length):
            x = tf.sin(x) if k % 600 == 599 else x * 0.999 + 0.001
        return x

    x = tf.constant(X)
    compiled = tf.function(f, jit_compile=True, autograph=False)
    np.testing.assert_array_equal(compiled(x).numpy(), f(x).numpy())


def test_the_work_of_the_pass_grows_with_the_program_alone():
    """A thousand stages: looking through all nodes for each of them would be a million looks."""

    def f(x: Any) -> Any:
        for _ in range(1000):
            x = tf.sin(x * 0.5 + 1.0)
        return x

    graph = program(f)
    looks = 0

    class Nodes(list[Node]):
        def __iter__(self) -> Any:
            nonlocal looks
            looks += 1
            return super().__iter__()

    graph.nodes = Nodes(graph.nodes)
    after = fuse(graph)
    verify(after)
    assert operations(after).count("fused") == 1000
    assert looks < 20


def test_shared_subexpressions_are_not_written_again_and_again():
    """Two to the power of 200 terms, if every use were a copy."""

    def f(x: Any) -> Any:
        for _ in range(200):
            x = x * 0.5 + x * 0.25
        return x

    g = tf.function(f, jit_compile=True, autograph=False)
    np.testing.assert_array_equal(g(tf.constant(X)).numpy(), f(tf.constant(X)).numpy())
    (first, *_) = g.get_concrete_function(tf.constant(X)).kernels
    assert len(first.source.splitlines()) < 20 * fusion.MOST

    def turned(x: Any) -> Any:
        for _ in range(40):
            x = x * 0.5 + tf.transpose(x) * 0.25
        return x

    g = tf.function(turned, jit_compile=True, autograph=False)
    np.testing.assert_array_equal(g(tf.constant(X)).numpy(), turned(tf.constant(X)).numpy())


# --- any program --------------------------------------------------------------------------------------

STEPS: dict[str, Callable[[Any, Any], Any]] = {
    "mix": lambda a, b: a * 0.5 + b * 0.25,
    "tanh": lambda a, b: tf.tanh(a),
    "subtract": lambda a, b: a - b,
    "transpose": lambda a, b: tf.transpose(a),
    "flat": lambda a, b: tf.reshape(tf.reshape(a, [16]), [4, 4]),
    "unit axis": lambda a, b: tf.reshape(tf.expand_dims(a, 1), [4, 4]),
    "sin": lambda a, b: tf.sin(a),
    "atan2": lambda a, b: tf.atan2(a, b),
    "matmul": lambda a, b: tf.linalg.matmul(a, b) * 0.1,
    "column sums": lambda a, b: tf.broadcast_to(
        tf.reduce_sum(a, axis=0, keepdims=True) * 0.2, [4, 4]
    ),
    "row maxima": lambda a, b: a - tf.reduce_max(b, axis=1, keepdims=True),
    "first row": lambda a, b: tf.broadcast_to(a[0], [4, 4]),
    "reverse": lambda a, b: tf.reverse(a, [0]),
    "total": lambda a, b: a - tf.reduce_sum(b) * 0.01,
    "where": lambda a, b: tf.where(a > b, a, tf.transpose(b)),
}


def arbitrary(seed: int) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        choose = random.Random(seed)
        values = [x]
        for _ in range(choose.randrange(5, 40)):
            step = STEPS[choose.choice(sorted(STEPS))]
            values.append(step(choose.choice(values[-6:]), choose.choice(values)))
        return [values[-1], *choose.sample(values, min(3, len(values)))]

    return f


@pytest.mark.parametrize("block", range(5))
def test_any_program_is_the_same_fused(block: int):
    for seed in range(block * 100, block * 100 + 100):
        check(arbitrary(seed))


def test_any_program_is_the_same_with_kernels():
    for seed in range(60):
        f = arbitrary(seed)
        compiled = tf.function(f, jit_compile=True, autograph=False)
        for ours, eager in zip(compiled(tf.constant(X)), f(tf.constant(X)), strict=True):
            np.testing.assert_allclose(ours.numpy(), eager.numpy(), rtol=2e-4, atol=2e-4)


def test_fusion_leaves_the_graph_it_was_given_as_it_was():
    graph = program(arbitrary(3))
    before = [(n.op, n.inputs, n.outputs, dict(n.attrs)) for n in graph.nodes]
    outputs, specs = list(graph.outputs), list(graph.specs)
    fuse(graph)
    assert [(n.op, n.inputs, n.outputs, dict(n.attrs)) for n in graph.nodes] == before
    assert (graph.outputs, graph.specs) == (outputs, specs)
    again = fuse(fuse(graph))
    verify(again)


def test_views_alone_make_no_kernel():
    graph = check(lambda x: tf.reshape(tf.transpose(tf.expand_dims(x, 0)), [16]))
    assert "fused" not in operations(graph)
    assert all(isinstance(node, Node) and node.op in VIEWS for node in graph.operations)
