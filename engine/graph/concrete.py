"""ConcreteFunction: one graph, optimized and compiled, that is called with tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import nest
from engine.dispatch import apply, context
from engine.errors import InvalidArgumentError
from engine.graph.codegen import compile_source
from engine.graph.graph import CONSTANT, PLACEHOLDER, VARIABLE, Graph, SymbolicTensor
from engine.graph.passes import Stages, optimize
from engine.ops.creation import convert
from engine.spec import TensorSpec
from engine.tensor import Tensor, describe
from engine.variable import Variable


class ConcreteFunction:
    """One graph, for one set of input specs, ready to be called.

    graph: the program as the Python function wrote it.
    optimized: the program that runs, and passes: the steps from the one to the other.
    source: the generated Python function.
    """

    def __init__(self, graph: Graph, signature: Any, result: Any, places: list[int | None]):
        self.graph = graph  # as written: the program that gradients are taken of
        self.structured_input_signature = signature
        self._result = result  # the nested result, with positions for its leaves
        self._places = places  # for each leaf of the result: its place in graph.outputs, or None
        self._captures = any(isinstance(node.payload, SymbolicTensor) for node in graph.nodes)
        self.optimized, self.passes = (graph, Stages()) if self._captures else optimize(graph)
        self._variables = [node.payload for node in self.optimized.nodes if node.op == VARIABLE]
        self._unsure = [  # updates whose shape is known only when the graph has run
            place
            for place, (_, number) in enumerate(graph.updates)
            if not graph.specs[number].shape.is_fully_defined()
        ]
        self.last_used = 0  # in calls of its Function
        self.described: list[Any] = []  # its arguments, in words
        self._run, self.source = compile_source(self.optimized)

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
        return self.call_flat(tensors)

    def call_flat(self, tensors: list[Tensor]) -> Any:
        """Runs the graph. Under a tape or inside another trace, its operations run one by one instead."""
        if context.builder is not None or context.log is not None or self._captures:
            outputs = self._inline(tensors)
        else:
            arrays = [t._array for t in tensors]
            arrays += [variable._array for variable in self._variables]
            try:
                with np.errstate(all="ignore"):
                    results, updates = self._run(*arrays)
            except (ValueError, TypeError, IndexError):
                # The generated code knows no shapes; run one by one, the operation that fails explains.
                self._inline(tensors)
                raise
            for place in self._unsure:
                self.graph.updates[place][0]._check(Tensor(updates[place]), "assign")
            for (variable, _), array in zip(self.graph.updates, updates, strict=True):
                variable._array = array
            outputs = [Tensor(array) for array in results]
        leaves = [None if place is None else outputs[place] for place in self._places]
        return nest.pack_sequence_as(self._result, leaves)

    def _inline(self, tensors: list[Tensor]) -> list[Tensor]:
        values: dict[int, Any] = dict(zip(self.graph.inputs, tensors, strict=True))
        for node in self.graph.nodes:
            if node.op == PLACEHOLDER:
                continue
            if node.op == CONSTANT:
                values[node.outputs[0]] = node.payload
            elif node.op == VARIABLE:
                values[node.outputs[0]] = node.payload.value()
            else:
                assert node.primitive is not None
                try:
                    made = apply(node.primitive, *(values[n] for n in node.inputs), **node.attrs)
                except Exception as error:
                    error.add_note(f"{node.name} of {self.name!r}, written at {node.line}")
                    raise
                for number, value in zip(
                    node.outputs, made if isinstance(made, tuple) else (made,), strict=True
                ):
                    values[number] = value
        for variable, number in self.graph.updates:
            variable.assign(values[number])
        return [values[number] for number in self.graph.outputs]

    def __repr__(self) -> str:
        return f"<ConcreteFunction {self.pretty_printed_signature()}>"


def _brief(spec: TensorSpec) -> str:
    return f"{spec.dtype.name} {spec.shape}"
