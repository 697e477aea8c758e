"""KerasTensor: the shape and dtype of data that a model will be given, and where it comes from.

Calling a layer on KerasTensors computes nothing: it runs once in a throw-away trace, to learn the shapes,
and leaves a Node behind that says which layer was called on what. `functional` makes models of the nodes.
"""

from __future__ import annotations

from typing import Any, NoReturn

from engine import dtypes, nest
from engine.graph.builder import Builder
from engine.keras.configurable import Configurable
from engine.keras.lookup import snake_case, unique_name
from engine.spec import TensorSpec
from engine.tensor import Tensor


class KerasTensor:
    """A stand-in for a batch of data: it has a shape, a dtype and a name, and no values.

    >>> import engine as tf
    >>> x = tf.keras.Input((4,), name="x")
    >>> (x * 2 + 1).shape, x[:, 0].shape
    ((None, 4), (None,))
    """

    __array_priority__ = 200

    def __init__(self, shape: Any, dtype: Any = dtypes.float32, name: str | None = None):
        self.spec = TensorSpec(shape, dtype, name)
        self._keras_history: tuple[Any, int, int] | None = None  # operation, call, output

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape with the batch axis, which is usually None."""
        return tuple(self.spec.shape.as_list())

    @property
    def ndim(self) -> int:
        """The rank."""
        return len(self.shape)

    @property
    def dtype(self) -> dtypes.DType:
        """The element type."""
        return self.spec.dtype

    @property
    def name(self) -> str | None:
        """The name, which for an input is that of the data it stands for."""
        return self.spec.name

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype.name}, name={self.name}>"

    def _no_values(self, what: str) -> NoReturn:
        raise TypeError(
            f"A KerasTensor cannot be {what}: it stands for data to come, and has a shape and no values. Use "
            "it as the input of layers and models; put other computations into a layer's `call`, or into "
            "tf.keras.layers.Lambda."
        )

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._no_values("used by NumPy or a tf function")

    def __bool__(self) -> NoReturn:
        self._no_values("used as a condition")

    def __float__(self) -> NoReturn:
        self._no_values("converted to a number")

    def __iter__(self) -> NoReturn:
        self._no_values("iterated over")


class Node:
    """One call of an operation on KerasTensors.

    operation: a layer, a model or an Operation. number: the how manieth call of it.
    args, kwargs: what it was called with. outputs: the KerasTensors it gave.
    """

    def __init__(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any):
        self.operation, self.args, self.kwargs, self.outputs = operation, args, kwargs, outputs
        self.number = len(operation._inbound_nodes)
        for place, tensor in enumerate(nest.flatten(outputs)):
            tensor._keras_history = (operation, self.number, place)

    @property
    def tensors(self) -> list[KerasTensor]:
        """The KerasTensors among the arguments."""
        return [
            part for part in nest.flatten((self.args, self.kwargs)) if isinstance(part, KerasTensor)
        ]

    @property
    def inputs(self) -> Any:
        """What it was called on: one KerasTensor, or a list of them."""
        if not self.args and not self.kwargs:
            return self.outputs  # the node of an input
        found = self.tensors
        return found[0] if len(found) == 1 else found


def node_of(tensor: KerasTensor) -> Node:
    """The call a KerasTensor came from.

    Raises:
      ValueError: for one that was made by hand.
    """
    if tensor._keras_history is None:
        raise ValueError(
            f"{tensor} comes from no layer and no tf.keras.Input: a model cannot be made from it."
        )
    operation, number, _ = tensor._keras_history
    return operation._inbound_nodes[number]


def any_symbolic(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether there is a KerasTensor among the arguments."""
    for part in args:
        if isinstance(part, KerasTensor):
            return True
        if isinstance(part, (list, tuple, dict)) and any(
            isinstance(leaf, KerasTensor) for leaf in nest.flatten(part)
        ):
            return True
    return bool(kwargs) and any(isinstance(leaf, KerasTensor) for leaf in nest.flatten(kwargs))


def trace(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> Any:
    """What `f` would return for KerasTensors, as KerasTensors: it runs once in a throw-away trace."""
    builder = Builder(name, None)
    with builder.tracing():
        args, kwargs = nest.map_structure(
            lambda part: (
                builder.placeholder(part.spec, part.name or "input")
                if isinstance(part, KerasTensor)
                else part
            ),
            (args, kwargs),
        )
        outputs = f(*args, **kwargs)
    return nest.map_structure(
        lambda t: (
            KerasTensor(t.shape, t.dtype, unique_name("keras_tensor"))
            if isinstance(t, Tensor)
            else t
        ),
        outputs,
    )


class Operation(Configurable):
    """A function of tensors as a node of a model; what `x + 1` makes when x is a KerasTensor."""

    def __init__(self, name: str | None = None):
        self.name = name or unique_name(snake_case(type(self).__name__))
        self._inbound_nodes: list[Node] = []

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the output."""
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not any_symbolic(args, kwargs):
            return self.call(*args, **kwargs)
        outputs = trace(self.call, args, kwargs, self.name)
        self._inbound_nodes.append(Node(self, args, kwargs, outputs))
        return outputs


def without_list(structure: Any) -> Any:
    """What a list of one thing has in it, else the structure: `Model([x], [y])` takes x and gives y."""
    one = isinstance(structure, (list, tuple)) and len(structure) == 1
    return structure[0] if one else structure
