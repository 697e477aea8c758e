"""From Python lines to native kernels: when it pays, and how.

A graph starts as Python source over NumPy: ready at once. A counter in front of it knows what a call would
gain from kernels and what they cost to compile; when so many calls would have paid for them twice, they
are made.
`jit_compile=True` makes them before the first call, `jit_compile=False` never.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from engine import devices
from engine.graph.codegen import compile_source
from engine.graph.graph import VARIABLE, Graph, Node
from engine.graph.native import machine, windows
from engine.graph.native.kernel import write_kernel
from engine.graph.native.loops import REDUCTIONS, VIEWS
from engine.graph.passes.fusion import fuse
from engine.graph.verifier import verify

# Microseconds, measured on one core of a server processor. They decide when to compile, not what.
A_CALL = 0.5  # that NumPy needs to begin an operation
AN_ELEMENT = 0.15e-3  # that it needs more than a kernel for an element in the cache,
FAR = 1e-3  # and for one of an array that is larger than
NEAR = 1 << 18  # so many elements
A_PRODUCT = 1e-5  # that a kernel saves for each multiplication of a convolution
COMPILING = 40_000.0  # to compile kernels at all,
A_LINE = 1_500.0  # for each operation in them,
A_WINDOW = 25_000.0  # and for each kernel of a convolution or a pool
NEVER = float("inf")


@dataclass(frozen=True)
class NativeCode:
    """A kernel in a compiled graph.

    name: as the generated source calls it.
    call: the builtin.
    source: LLVM IR, as it was written from the graph; optimized: as LLVM left it.
    """

    name: str
    call: Callable[..., Any]
    source: str
    optimized: str
    scratch: int
    in_place: dict[int, set[int]]

    def __str__(self) -> str:
        return f"; {self.name}\n{self.source}"


class Kernels(tuple[NativeCode, ...]):
    """The kernels of a compiled graph, in the order they run. Printed: their LLVM IR."""

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "no part of this graph has a kernel"

    __repr__ = __str__


@dataclass(frozen=True)
class NativeGraph:
    """A graph with kernels: the fused program, the Python function that calls them, and its text."""

    graph: Graph
    kernels: Kernels
    run: Callable[..., Any]
    source: str


def _gain(graph: Graph, node: Node) -> float:
    """The microseconds that a kernel would save at each call, for this node; 0 where there is none."""
    primitive = node.primitive
    if primitive is None or primitive.stateful:
        return 0.0
    specs = [graph.specs[n] for n in (*node.inputs, *node.outputs)]
    if not all(spec.shape.is_fully_defined() for spec in specs):
        return 0.0
    if node.op in windows.KERNELS:
        turns = windows.turns(node.op, specs[:-1], specs[-1])
        return A_CALL + turns * (A_PRODUCT if node.op.startswith("conv") else FAR)
    if primitive.scalar is not None or node.op in REDUCTIONS:
        elements = max(prod(spec.dims) for spec in specs)  # type: ignore[arg-type]
        return A_CALL + elements * (FAR if elements > NEAR else AN_ELEMENT)
    return A_CALL if node.op in VIEWS else 0.0


def calls_that_pay(graph: Graph) -> float:
    """After how many calls kernels have paid for themselves twice; infinite where they never do."""
    if machine.unfit():
        return NEVER
    gains = {node.outputs[0]: gain for node in graph.nodes if (gain := _gain(graph, node))}
    if len(gains) < 2:
        return NEVER
    window_kernels = sum(node.op in windows.KERNELS for node in graph.nodes)
    cost = COMPILING + A_LINE * len(gains) + A_WINDOW * window_kernels
    return 2 * cost / sum(gains.values())


def compile_natively(graph: Graph) -> NativeGraph | None:
    """The graph with kernels for all parts that can have one; None where llvmlite does not work."""
    if machine.why_not():
        return None
    fused = fuse(graph)
    verify(fused)
    kernels: dict[int, NativeCode] = {}
    for node in fused.nodes:
        made = _fused_kernel(fused, node) if node.op == "fused" else _window_kernel(fused, node)
        if made is not None:
            kernels[node.outputs[0]] = made
    run, source = compile_source(fused, kernels)
    return NativeGraph(fused, Kernels(kernels.values()), run, source)


def _fused_kernel(graph: Graph, node: Node) -> NativeCode:
    kernel = write_kernel(node.attrs["body"])
    dtypes = [graph.specs[n].dtype for n in (*kernel.reads, *kernel.writes)]
    single = [k for k, n in enumerate(kernel.reads) if graph.specs[n].dims == ()]
    if kernel.scratch:
        dtypes.append(machine.BYTES)
    writes = len(kernel.writes) + bool(kernel.scratch)
    # What may be written over the old value of a Variable; `codegen` decides whether it is.
    old = {id(n.payload): n.outputs[0] for n in graph.nodes if n.op == VARIABLE}
    owned = {
        len(kernel.reads) + kernel.writes.index(n): kernel.reads.index(old[id(v)])
        for v, n in graph.updates
        if old.get(id(v)) in kernel.in_place.get(n, ())
    }
    flush = not {n for _, n in graph.updates}.isdisjoint(kernel.writes)
    native = machine.build(
        kernel.text, dtypes, writes, node.name, kernel.turns, single, owned=owned, flush=flush
    )
    return NativeCode(
        node.name, native.call, native.source, native.optimized, kernel.scratch, kernel.in_place
    )


def _window_kernel(graph: Graph, node: Node) -> NativeCode | None:
    write = windows.KERNELS.get(node.op)
    if write is None:
        return None
    inputs = [graph.specs[n] for n in node.inputs]
    output = graph.specs[node.outputs[0]]
    text = write(inputs, node.attrs, output)
    if text is None:
        return None
    name = f"{node.op}_{node.outputs[0]}"
    dtypes = [spec.dtype for spec in (*inputs, output)]
    turns = windows.turns(node.op, inputs, output)
    native = machine.build(text, dtypes, 1, name, turns, vectorize=False)
    over = windows.in_place(node.op, inputs, node.attrs, output)
    once = {node.inputs[k] for k in over if node.inputs.count(node.inputs[k]) == 1}
    in_place = {node.outputs[0]: once}
    return NativeCode(name, native.call, native.source, native.optimized, 0, in_place)


def counted(
    plain: Callable[..., Any], calls: float, switch: Callable[[], Callable[..., Any]]
) -> Callable[..., Any]:
    """`plain`, until it was called so often; from then on what `switch` returns."""
    left = calls
    run = plain

    def counting(*arrays: Any) -> Any:
        nonlocal left, run
        left -= 1
        if left < 0:
            left = NEVER  # once: where there is no kernel, `plain` goes on
            run = switch()
        return run(*arrays)

    return counting


def on_any_device(native: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    """`native`, but `plain` for arrays of a GPU. Without a GPU `native` itself."""
    if devices.why_no_gpu():
        return native

    def choose(*arrays: Any) -> Any:
        return (native if devices.namespace(*arrays) is devices.np else plain)(*arrays)

    return choose
