"""ConcreteFunction: one graph, optimized and compiled, that is called with tensors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from engine import nest
from engine.dispatch import apply, context
from engine.errors import InvalidArgumentError
from engine.graph.codegen import compile_source, located
from engine.graph.graph import CONSTANT, PLACEHOLDER, VARIABLE, Graph, Node, SymbolicTensor
from engine.graph.passes import Stage, Stages, optimize
from engine.graph.quiet import how_to_call
from engine.graph.tiers import (
    NEVER,
    Kernels,
    calls_that_pay,
    compile_natively,
    counted,
    on_any_device,
)
from engine.ops.creation import convert
from engine.spec import TensorSpec
from engine.tensor import Tensor, describe
from engine.variable import Variable

_compiling = threading.Lock()  # of two threads that find the same counter at its end, one compiles


@dataclass(frozen=True)
class Step:
    """One operation that has run: its node, and the tensors that went in and came out."""

    node: Node
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def __str__(self) -> str:
        given = ", ".join(map(_valued, self.node.inputs, self.inputs))
        made = ", ".join(_short(tensor) for tensor in self.outputs)
        left = ", ".join(f"%{number}" for number in self.node.outputs)
        return f"{left} = {self.node.op}({given}) = {made}"


def _valued(number: int, tensor: Tensor) -> str:
    return f"%{number} = {_short(tensor)}"


def _short(tensor: Tensor) -> str:
    """A few numbers in full, more as their shape."""
    if isinstance(tensor, SymbolicTensor) or tensor.shape.num_elements() > 6:
        return f"{tensor.dtype.name} {tensor.shape}"
    return " ".join(str(tensor.numpy()).split())


class ConcreteFunction:
    """One graph, for one set of input specs, ready to be called.

    graph: the program as the Python function wrote it.
    optimized: the program that runs, and passes: the steps from the one to the other.
    source: the generated Python function.
    kernels: the native code it calls, once it has some (or when one asks for it).
    """

    def __init__(
        self,
        graph: Graph,
        signature: Any,
        result: Any,
        places: list[int | None],
        jit_compile: bool | None = None,
    ):
        self.graph = graph  # as written: the program that gradients are taken of
        self.structured_input_signature = signature
        self._pack = _packer(result)
        self._places = places  # for each leaf of the result: its place in graph.outputs, or None
        self._captures = any(isinstance(node.payload, SymbolicTensor) for node in graph.nodes)
        self.optimized, self.passes = (graph, Stages()) if self._captures else optimize(graph)
        self._unsure = [  # updates whose shape is known only when the graph has run
            place
            for place, (_, number) in enumerate(graph.updates)
            if not graph.specs[number].shape.is_fully_defined()
        ]
        self.last_used = 0  # in calls of its Function
        self.described: list[Any] = []  # its arguments, in words
        self._call = how_to_call(graph)
        self._kernels = Kernels()
        self._variables: list[Variable] = []  # the generated code reads them itself
        self._plain, self.source = compile_source(self.optimized)
        self._run = self._plain
        self._native_wanted = jit_compile
        if jit_compile and not self._captures:
            self._compile_natively()
        elif jit_compile is None and not self._captures:
            calls = calls_that_pay(self.optimized)
            if calls < NEVER:
                self._run = counted(self._plain, calls, self._compile_natively)
        if jit_compile is not None and not self._captures:
            self._decide_inside(jit_compile)

    def _decide_inside(self, jit_compile: bool) -> None:
        """Branches and bodies of loops are compiled at once, or never, as the graph around them is."""
        for node in self.graph.nodes:
            for program in node.attrs.values():
                if isinstance(program, ConcreteFunction) and not program._captures:
                    program._native_wanted = jit_compile
                    if jit_compile and not program._kernels:
                        program._compile_natively()
                    elif not program._kernels:
                        program._run = program._plain
                    program._decide_inside(jit_compile)

    def _compile_natively(self) -> Callable[..., Any]:
        """Replaces what runs by native kernels, where there are any; returns what runs from now on."""
        with _compiling:
            if self._kernels:  # another thread was faster
                return self._run
            native = compile_natively(self.optimized)
            if native is None or not native.kernels:
                self._run = self._plain
                return self._run
            self.passes = Stages([*self.passes, Stage("fuse", self.optimized, native.graph)])
            self.optimized, self.source, self._kernels = native.graph, native.source, native.kernels
            self._run = on_any_device(native.run, self._plain)
            return self._run

    @property
    def kernels(self) -> Kernels:
        """The native kernels, printed as LLVM IR. They are compiled now, if that has not happened yet.

        With `jit_compile=False`, inside another trace, or without llvmlite there are none.

        >>> import engine as tf
        >>> f = tf.function(lambda a, b: a + b * a)
        >>> print(f.get_concrete_function(tf.zeros(3), tf.zeros(3)).kernels)  # doctest: +ELLIPSIS
        ; fused_0
        define internal void @work(ptr %a0, ptr %a1, ptr %a2) {
        ...
        """
        if not self._kernels and self._native_wanted is not False and not self._captures:
            self._compile_natively()
        return self._kernels

    @property
    def name(self) -> str:
        """The name of the Python function."""
        return self.graph.name

    @property
    def inputs(self) -> list[TensorSpec]:
        """The specs of the tensors it takes."""
        return [self.graph.specs[number] for number in self.graph.inputs]

    @property
    def outputs(self) -> list[TensorSpec]:
        """The specs of the tensors it returns."""
        return [self.graph.specs[number] for number in self.graph.outputs]

    @property
    def variables(self) -> list[Variable]:
        """The variables it reads."""
        return [node.payload for node in self.graph.nodes if node.op == VARIABLE]

    def pretty_printed_signature(self) -> str:
        """Arguments and results with their specs, for people."""
        given = [f"  {spec.name or 'arg'}: {_brief(spec)}" for spec in self.inputs]
        returned = [f"  {_brief(spec)}" for spec in self.outputs]
        return "\n".join([f"{self.name}(", *given, ") ->", *returned])

    def draw(self) -> str:
        """The graph as an SVG picture."""
        return self.graph.draw()

    def __call__(self, *args: Any) -> Any:
        """Runs the graph on tensors, one an input, in order."""
        return self.call_flat(self._checked(args))

    def _checked(self, args: tuple[Any, ...]) -> list[Tensor]:
        if len(args) != len(self.graph.inputs):
            raise TypeError(f"{self.name} takes {len(self.graph.inputs)} tensors, not {len(args)}.")
        tensors = []
        for value, spec in zip(args, self.inputs, strict=True):
            tensor = convert(value, hint=spec.dtype)
            if not spec.is_compatible_with(tensor):
                raise InvalidArgumentError(
                    f"{self.name}: {spec} was expected, but {describe(tensor)} was given."
                )
            tensors.append(tensor)
        return tensors

    def call_flat(self, tensors: list[Tensor]) -> Any:
        """Runs the graph. Under a tape or inside another trace, its operations run one by one instead."""
        if context.builder is not None or context.log is not None or self._captures:
            outputs = self._inline(tensors)
        else:
            arrays = [t._array for t in tensors]
            try:
                results, updates = self._call(self._run, *arrays)
            except Exception as error:
                readable = located(error)
                if readable is error:
                    raise
                raise readable from None
            for place in self._unsure:
                self.graph.updates[place][0]._check(Tensor(updates[place]), "assign")
            for (variable, _), array in zip(self.graph.updates, updates, strict=True):
                variable._array = array
            outputs = [Tensor(array) for array in results]
        leaves = [None if place is None else outputs[place] for place in self._places]
        return self._pack(leaves)

    def step(self, *args: Any) -> Iterator[Step]:
        """Runs the program as it was written, node by node: after each operation you get its values.

        Variables change when the last operation has run.

        >>> import engine as tf
        >>> f = tf.function(lambda a, b: a + b * a)
        >>> a, b = tf.constant(2), tf.constant(3)
        >>> for step in f.get_concrete_function(a, b).step(a, b):
        ...     print(step)
        %2 = multiply(%1 = 3, %0 = 2) = 6
        %3 = add(%0 = 2, %2 = 6) = 8
        """
        yield from self._steps(self._checked(args))

    def _inline(self, tensors: list[Tensor]) -> list[Tensor]:
        values: dict[int, Any] = {}
        for _ in self._steps(tensors, values):
            pass
        return [values[number] for number in self.graph.outputs]

    def _steps(self, tensors: list[Tensor], values: dict[int, Any] | None = None) -> Iterator[Step]:
        values = {} if values is None else values
        values.update(zip(self.graph.inputs, tensors, strict=True))
        for node in self.graph.nodes:
            if node.op == PLACEHOLDER:
                continue
            if node.op == CONSTANT:
                values[node.outputs[0]] = node.payload
            elif node.op == VARIABLE:
                values[node.outputs[0]] = node.payload.value()
            else:
                assert node.primitive is not None
                inputs = [values[n] for n in node.inputs]
                try:
                    made = apply(node.primitive, *inputs, **node.attrs)
                except Exception as error:
                    if not hasattr(error, "__notes__"):
                        error.add_note(f"{node.name} of {self.name!r}, written at {node.line}")
                    raise
                outputs = made if isinstance(made, tuple) else (made,)
                values.update(zip(node.outputs, outputs, strict=True))
                yield Step(node, tuple(inputs), outputs)
        for variable, number in self.graph.updates:
            variable.assign(values[number])

    def __repr__(self) -> str:
        return f"<ConcreteFunction {self.pretty_printed_signature()}>"


def _packer(structure: Any) -> Callable[[list[Any]], Any]:
    """`nest.pack_sequence_as` for one structure, written out for the usual ones: it runs at each call."""
    structure = nest.map_structure(lambda _: None, structure)  # keeps no tensor of the trace
    if structure is None:
        return lambda leaves: leaves[0]
    flat = all(child is None for child in nest.children(structure))
    if flat and type(structure) is dict:
        places = [(key, sorted(structure).index(key)) for key in structure]
        return lambda leaves: {key: leaves[place] for key, place in places}
    if flat and type(structure) in (list, tuple):
        return type(structure)
    return lambda leaves: nest.pack_sequence_as(structure, leaves)


def _brief(spec: TensorSpec) -> str:
    return f"{spec.dtype.name} {spec.shape}"
