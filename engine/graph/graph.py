"""Graph: a straight-line program. Each node makes one or more values from values made before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.dispatch import Primitive, context
from engine.errors import InaccessibleTensorError, OperatorNotAllowedInGraphError
from engine.spec import TensorSpec
from engine.tensor import Tensor

PLACEHOLDER, CONSTANT, VARIABLE = "placeholder", "constant", "variable"


@dataclass(slots=True)
class Node:
    """One line of the program.

    op: the name of a primitive, or 'placeholder' (an argument), 'constant', 'variable' (its value when
      the call begins).
    inputs, outputs: numbers of values.
    payload: the Tensor of a constant, the Variable that is read, the Primitive of an operation.
    line: where in the user's code the operation was written, 'file.py:12', if known.
    """

    op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    payload: Any = None
    name: str = ""
    line: str = ""

    @property
    def primitive(self) -> Primitive | None:
        """The operation, or None for a placeholder, constant or variable."""
        return self.payload if isinstance(self.payload, Primitive) else None


@dataclass(slots=True)
class Graph:
    """A program: nodes in the order they run, the specs of all values, and what comes out.

    updates: (variable, value) pairs, assigned in this order when the call ends.
    """

    name: str
    nodes: list[Node] = field(default_factory=list)
    specs: list[TensorSpec] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    updates: list[tuple[Any, int]] = field(default_factory=list)

    @property
    def operations(self) -> list[Node]:
        """The nodes that compute something."""
        return [node for node in self.nodes if node.primitive is not None]

    def node_of(self, value: int) -> Node:
        """The node that makes a value."""
        return next(node for node in self.nodes if value in node.outputs)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for drawing; see `engine.graph.picture`."""
        from engine.graph.picture import to_dict

        return to_dict(self)

    def draw(self) -> str:
        """The graph as an SVG picture, a string."""
        from engine.graph.picture import draw

        return draw(self)

    def _repr_svg_(self) -> str:
        return self.draw()

    def __str__(self) -> str:
        from engine.graph.picture import listing

        return listing(self)


class SymbolicTensor(Tensor):
    """A tensor of a graph: it has a shape and a dtype, but no values before the graph runs."""

    __slots__ = ("_spec", "graph", "value_number")

    def __init__(self, graph: Graph, value_number: int):
        self._node = 0
        self.graph = graph
        self.value_number = value_number
        self._spec = graph.specs[value_number]

    @property
    def _array(self) -> Any:
        executor = context.builder
        while executor is not None and executor.graph is not self.graph:
            executor = executor.outer
        if executor is None:
            raise InaccessibleTensorError(
                f"The symbolic tensor {self.name!r} was used after the trace of {self.graph.name!r}, to "
                "which it belongs, was over. It stands for a value in that graph, and means nothing "
                "outside: return it from the function, and use what the call returns. Do not keep it in a "
                "list, a global or self."
            )
        raise AttributeError(
            f"This tensor is symbolic: it stands for a value that the graph of {self.graph.name!r} will "
            "compute, and has no values while the function is traced. Inside a tf.function, .numpy(), "
            "float() and int() do not work: use tensor operations, look at the value at each run with "
            "tf.print, return the tensor and look at it outside, or call "
            "tf.config.run_functions_eagerly(True) while debugging."
        )

    @property
    def _dims(self) -> Any:
        return self._spec.dims

    @property
    def dtype(self) -> Any:
        """The element type."""
        return self._spec.dtype

    @property
    def spec(self) -> TensorSpec:
        """Shape and dtype as a TensorSpec."""
        return TensorSpec(self._spec.dims, self._spec.dtype)

    @property
    def device(self) -> str:
        """Empty: where it will be is decided when the graph runs."""
        return ""

    @property
    def name(self) -> str:
        """The name of the node, with the number of its output."""
        node = self.graph.node_of(self.value_number)
        return f"{node.name}:{node.outputs.index(self.value_number)}"

    def _no_value(self, what: str) -> Exception:
        return OperatorNotAllowedInGraphError(
            f"{what} needs the value of tensor {self.name!r} while the function {self.graph.name!r} is being "
            "traced, but a symbolic tensor has no value yet: Python runs once, the graph later. Choose "
            "between tensors with tf.where(condition, a, b), or decide outside the tf.function."
        )

    def __bool__(self) -> bool:
        raise self._no_value("A Python `if`, `while`, `and`, `or` or `not`")

    def __int__(self) -> int:
        raise self._no_value("int()")

    def __float__(self) -> float:
        raise self._no_value("float()")

    def __index__(self) -> int:
        raise self._no_value("A Python index or range()")

    def __len__(self) -> int:
        dims = self._dims
        if not dims or dims[0] is None:
            raise TypeError(
                f"len() of {self!r}: the size of the first axis is not known while tracing."
            )
        return dims[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise NotImplementedError(
            f"NumPy asked for the values of the symbolic tensor {self.name!r}. Inside a tf.function, "
            "use the tf operation of the same name instead of the np one."
        )

    def __repr__(self) -> str:
        return f"<tf.Tensor '{self.name}' shape={self.shape} dtype={self.dtype.name}>"

    def __str__(self) -> str:
        shape = "" if self._dims is None else f" shape={self.shape},"
        return f'Tensor("{self.name}",{shape} dtype={self.dtype.name})'

    def __format__(self, spec: str) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<code>{self!s}</code>"
