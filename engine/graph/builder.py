"""The graph builder: an executor that writes operations down instead of running them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from engine.dispatch import Primitive, context, init_scope, run_eagerly
from engine.errors import InaccessibleTensorError
from engine.graph.graph import CONSTANT, PLACEHOLDER, VARIABLE, Graph, Node, SymbolicTensor
from engine.places import Place, here, surroundings
from engine.spec import TensorSpec
from engine.tensor import Tensor
from engine.variable import Variable

PARTS = ("while_body", "true_fn", "false_fn")  # what a loop or a branch on a tensor is traced as
IN_A_LOOP = (
    " It was made inside a loop or branch that a tensor decides. To collect what the steps of a loop make, "
    "write it to a tf.TensorArray: before the loop array = tf.TensorArray(dtype, size=n), in it "
    "array = array.write(i, value), after it array.stack(). What a branch makes, assign to a local name."
)


class Builder:
    """Collects nodes while a Python function is traced.

    outer: the executor it was made under. `checks`: whether `tf.debugging` will ask what was around a line.
    given: the arguments, as far as they are known now. A Variable may begin with what follows from them.
    """

    traces = True

    def __init__(
        self, name: str, outer: Any, may_create_variables: bool = True, given: Sequence[Any] = ()
    ):
        self.graph = Graph(name)
        self.given = [t for t in given if isinstance(t, (Tensor, TensorSpec))]
        self.variables_created = 0
        self.outer = outer
        self.checks: bool = getattr(outer, "checks", False)
        self.may_create_variables = may_create_variables
        self._constants: dict[
            int, tuple[int, Tensor]
        ] = {}  # the tensor is kept: its id stays taken
        self._variables: dict[int, tuple[Variable, SymbolicTensor]] = {}
        self._updates: dict[int, tuple[Variable, SymbolicTensor]] = {}
        self._names: dict[str, int] = {}

    @contextmanager
    def tracing(self) -> Iterator[None]:
        """Makes this builder the executor; tapes opened outside see nothing of the trace."""
        builder, log = context.builder, context.log
        context.builder, context.log = self, None
        try:
            yield
        finally:
            context.builder, context.log = builder, log

    def _name(self, base: str) -> str:
        count = self._names.get(base, 0)
        self._names[base] = count + 1
        return f"{base}_{count}" if count else base

    def _emit(self, op: str, specs: tuple[TensorSpec, ...], **facts: Any) -> list[SymbolicTensor]:
        graph = self.graph
        first = len(graph.specs)
        graph.specs.extend(specs)
        outputs = tuple(range(first, first + len(specs)))
        base = facts.pop("name", "") or op
        graph.nodes.append(Node(op, outputs=outputs, name=self._name(base), **facts))
        return [SymbolicTensor(graph, number) for number in outputs]

    def placeholder(self, spec: TensorSpec, name: str) -> SymbolicTensor:
        """An argument of the graph."""
        (tensor,) = self._emit(PLACEHOLDER, (spec,), inputs=(), name=spec.name or name)
        self.graph.inputs.append(tensor.value_number)
        return tensor

    def _value(self, tensor: Tensor) -> int:
        """The number of a tensor in this graph; a tensor from outside becomes a constant."""
        if isinstance(tensor, SymbolicTensor):
            if tensor.graph is self.graph:
                return tensor.value_number
            if not self._encloses(tensor.graph):
                raise InaccessibleTensorError(
                    f"{tensor} belongs to the graph of {tensor.graph.name!r} and was used in "
                    f"{self.graph.name!r}. A symbolic tensor lives only while its own function is traced: "
                    "return it from that function, do not keep it in a list, a global or self."
                    + (IN_A_LOOP if tensor.graph.name in PARTS else "")
                )
            return self._capture(tensor)
        known = self._constants.get(id(tensor))
        if known is None:
            spec = TensorSpec(tensor._dims, tensor.dtype)
            (symbol,) = self._emit(CONSTANT, (spec,), inputs=(), payload=tensor)
            known = self._constants[id(tensor)] = (symbol.value_number, tensor)
        return known[0]

    def _encloses(self, graph: Graph) -> bool:
        builder = self.outer
        while builder is not None:
            if builder.graph is graph:
                return True
            builder = builder.outer
        return False

    def _capture(self, tensor: SymbolicTensor) -> int:
        known = self._constants.get(id(tensor))
        if known is None:
            (symbol,) = self._emit(
                CONSTANT, (tensor.spec,), inputs=(), payload=tensor, name="captured"
            )
            known = self._constants[id(tensor)] = (symbol.value_number, tensor)
        return known[0]

    def add(self, primitive: Primitive, inputs: tuple[Tensor, ...], attrs: dict[str, Any]) -> Any:
        """Writes an operation down and returns the symbolic tensors that stand for its outputs."""
        numbers = tuple(self._value(tensor) for tensor in inputs)
        specs = primitive.spec(*(self.graph.specs[n] for n in numbers), **attrs)
        several = isinstance(specs, tuple)
        outputs = self._emit(
            primitive.name,
            specs if several else (specs,),
            inputs=numbers,
            attrs=attrs,
            payload=primitive,
            line=surroundings(self._origin) if self.checks else here(),
        )
        return tuple(outputs) if several else outputs[0]

    def _origin(self, tensor: Any) -> Place | None:
        """Where an operation of this graph was written, of which this is the output."""
        if not isinstance(tensor, SymbolicTensor):
            return None
        line = tensor.graph.node_of(tensor.value_number).line
        return line if isinstance(line, Place) else None

    def read(self, variable: Variable) -> SymbolicTensor:
        """The value a variable has at this point of the program."""
        current = self._updates.get(id(variable)) or self._variables.get(id(variable))
        if current is None:
            (symbol,) = self._emit(
                VARIABLE, (variable.spec,), inputs=(), payload=variable, name=variable.name[:-2]
            )
            current = self._variables[id(variable)] = (variable, symbol)
        # A new object for each read: the log of a tape marks it for its own purposes.
        return SymbolicTensor(self.graph, current[1].value_number)

    def assign(self, variable: Variable, tensor: Tensor) -> None:
        """From here on, reads of the variable give this tensor; it is stored when the call ends."""
        symbol = SymbolicTensor(self.graph, self._value(tensor))
        self._updates[id(variable)] = (variable, symbol)

    def variable_created(self, name: str) -> None:
        """Refuses a variable that would be made anew at each trace."""
        if not self.may_create_variables:
            raise ValueError(
                f"tf.function {self.graph.name!r} made a variable ({name!r}) at a trace that is not its "
                "first. A graph is reused, so its variables must outlive it: create them once, outside "
                "the function, or under `if self.v is None:`."
            )
        self.variables_created += 1

    def value_now(self, tensor: Tensor) -> Tensor:
        """What a symbolic tensor holds at this call, if that follows from what is known; else the tensor.

        A Variable that is made by the first trace begins with it.
        """
        if not isinstance(tensor, SymbolicTensor) or tensor.graph is not self.graph:
            return tensor
        values: dict[int, Any] = {}

        def compute(number: int) -> Any:
            if number in values:
                return values[number]
            node = self.graph.node_of(number)
            if node.op == PLACEHOLDER:
                place = self.graph.inputs.index(number)
                known = self.given[place] if place < len(self.given) else None
                values[number] = known if type(known) is Tensor else None
            elif node.op in (CONSTANT, VARIABLE):
                payload = node.payload
                value = payload.value() if isinstance(payload, Variable) else payload
                values[number] = value if type(value) is Tensor else None
            else:
                inputs = [compute(n) for n in node.inputs]
                made: Any = (None,) * len(node.outputs)
                if None not in [x if x is None else 0 for x in inputs]:
                    assert node.primitive is not None
                    made = run_eagerly(node.primitive, tuple(inputs), node.attrs)
                values.update(
                    zip(node.outputs, made if type(made) is tuple else (made,), strict=True)
                )
            return values[number]

        with init_scope():
            found = compute(tensor.value_number)
        return tensor if found is None else found

    def finish(self, outputs: list[Tensor]) -> Graph:
        """The graph, with these tensors as its results."""
        self.graph.outputs = [self._value(tensor) for tensor in outputs]
        self.graph.updates = [(var, sym.value_number) for var, sym in self._updates.values()]
        return self.graph
