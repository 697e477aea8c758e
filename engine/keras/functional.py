"""Functional: a model made of the nodes between its inputs and its outputs.

`Network` finds the nodes, runs them on data and writes them to a config. A Sequential has one too, as soon
as the shape of its input is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine import nest
from engine.keras.calls import call as current
from engine.keras.layers.input import InputLayer
from engine.keras.model import Model
from engine.keras.serialization import deserialize_keras_object, serialize_keras_object
from engine.keras.symbolic import KerasTensor, Node, node_of, without_list
from engine.ops.creation import convert
from engine.ops.elementwise import cast
from engine.ops.layout import expand_dims, squeeze
from engine.tensor import Tensor


class Network:
    """The calls that lead from KerasTensors to others, in an order in which they can be run.

    Raises:
      ValueError: when an output cannot be reached from the inputs, or two layers share a name.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str):
        self.inputs, self.outputs, self.name = inputs, outputs, name
        self.flat_inputs: list[KerasTensor] = nest.flatten(inputs)
        for tensor in [*self.flat_inputs, *nest.flatten(outputs)]:
            if not isinstance(tensor, KerasTensor):
                raise ValueError(
                    f"A model is made of KerasTensors: tf.keras.Input(...) and what layers give for it, but "
                    f"{tensor!r} is none."
                )
        self.nodes, self.operations = self._sorted()
        names: dict[str, Any] = {}
        for operation in self.operations:
            if names.setdefault(operation.name, operation) is not operation:
                raise ValueError(
                    f"Two layers of model {name!r} have the name {operation.name!r}; names must differ. "
                    "Give one of them another with name=."
                )

    def _sorted(self) -> tuple[list[Node], list[Any]]:
        """The nodes and the operations, those furthest from the outputs first.

        Among operations equally far, the one that a walk back from the outputs meets first comes first: as
        in Keras, whose files number layers by this order.
        """
        begins = {id(t): self._input_node(t) for t in self.flat_inputs}
        order: list[Node] = []
        met: dict[int, Any] = {}  # operations in the order in which the walk meets them
        done: set[int] = set()
        for output in nest.flatten(self.outputs):
            walk = [self._step(output, begins, met)]
            while walk:
                node, rest = walk[-1]
                if id(node) in done:
                    walk.pop()
                elif rest:
                    nearer = self._step(rest.pop(0), begins, met)
                    if id(nearer[0]) not in done:
                        walk.append(nearer)
                else:
                    done.add(id(node))
                    order.append(node)
                    walk.pop()
        depths: dict[int, int] = {}  # of nodes,
        furthest: dict[int, int] = {}  # and of operations
        for node in reversed(order):
            depth = max(depths.get(id(node), 0), furthest.get(id(node.operation), 0))
            depths[id(node)] = furthest[id(node.operation)] = depth
            for tensor in [] if isinstance(node.operation, InputLayer) else node.tensors:
                before = begins.get(id(tensor)) or node_of(tensor)
                depths[id(before)] = max(depth + 1, depths.get(id(before), 0))
        for node in begins.values():  # an input that no output needs
            if id(node) not in done:
                order.append(node)
                met[id(node.operation)] = node.operation
                depths[id(node)] = furthest[id(node.operation)] = 0
        nodes = sorted(order, key=lambda node: -depths[id(node)])
        return nodes, sorted(met.values(), key=lambda operation: -furthest[id(operation)])

    def _input_node(self, tensor: KerasTensor) -> Node:
        node = node_of(tensor)
        if isinstance(node.operation, InputLayer):
            return node
        # The model begins in the middle of another one.
        layer = InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)
        layer._inbound_nodes[0].outputs = tensor
        return layer._inbound_nodes[0]

    def _step(
        self, tensor: KerasTensor, begins: dict[int, Node], met: dict[int, Any]
    ) -> tuple[Node, list[KerasTensor]]:
        """The node a tensor comes from, and the tensors to walk to from there."""
        node = begins.get(id(tensor))
        if node is None:
            node = node_of(tensor)
            if isinstance(node.operation, InputLayer):
                raise ValueError(
                    f"Model {self.name!r}: an output needs the input {node.operation.name!r}, which is not "
                    "among the inputs of the model. Add it to inputs=."
                )
        met.setdefault(id(node.operation), node.operation)
        return node, [] if isinstance(node.operation, InputLayer) else node.tensors

    # --- running ------------------------------------------------------------------------------------

    def run(self, inputs: Any) -> Any:
        """The outputs for tensors in place of the inputs."""
        known: dict[int, Any] = {}
        for tensor, value in zip(self.flat_inputs, self._arranged(inputs), strict=True):
            known[id(tensor)] = self._fitted(tensor, value)
        for node in self.nodes:
            if isinstance(node.operation, InputLayer):
                continue
            args, kwargs = nest.map_structure(
                lambda part: known[id(part)] if isinstance(part, KerasTensor) else part,
                (node.args, node.kwargs),
            )
            # How the model is called counts for more than how the layer was, as in Keras, whose files
            # hold `training` for every layer that takes it.
            if "training" in kwargs and current.training is not None:
                kwargs["training"] = current.training
            outputs = node.operation(*args, **kwargs)
            for tensor, value in zip(
                nest.flatten(node.outputs), nest.flatten(outputs), strict=True
            ):
                known[id(tensor)] = value
        return without_list(nest.map_structure(lambda t: known[id(t)], self.outputs))

    def _arranged(self, inputs: Any) -> list[Any]:
        """The tensors in the order of the model's inputs: a dict goes by their names."""
        if isinstance(inputs, dict) and not isinstance(self.inputs, dict):
            names = self.input_names
            missing = [name for name in names if name not in inputs]
            if missing:
                raise ValueError(
                    f"Model {self.name!r} needs the inputs {names}, but the data has {sorted(inputs)}: "
                    f"{missing} is missing."
                )
            return [inputs[name] for name in names]
        if isinstance(inputs, dict):
            missing = [name for name in self.inputs if name not in inputs]
            if missing:
                raise ValueError(
                    f"Model {self.name!r} needs the inputs {sorted(self.inputs)}, but the data has "
                    f"{sorted(inputs)}: {missing} is missing."
                )
            return [inputs[name] for name in sorted(self.inputs)]
        flat: list[Any] = nest.flatten(inputs)
        if len(flat) != len(self.flat_inputs):
            raise ValueError(
                f"Model {self.name!r} has {len(self.flat_inputs)} inputs ({', '.join(self.input_names)}), "
                f"but {len(flat)} were given."
            )
        return flat

    def _fitted(self, tensor: KerasTensor, value: Any) -> Any:
        """A value in the rank and dtype of the input it is for."""
        if value is None:
            return None
        found = convert(value)
        rank = len(tensor.shape)
        if found.shape.rank == rank - 1 and tensor.shape[-1] == 1:
            found = expand_dims(found, -1)
        elif found.shape.rank == rank + 1 and found.shape[-1] == 1:
            found = squeeze(found, -1)
        self._check(tensor, found)
        if found.dtype is not tensor.dtype:
            found = cast(found, tensor.dtype)
        return found

    def _check(self, tensor: KerasTensor, value: Tensor) -> None:
        sizes = value.shape
        fits = sizes.rank is None or (
            len(sizes) == len(tensor.shape)
            and all(
                a is None or b is None or a == b for a, b in zip(tensor.shape, sizes, strict=True)
            )
        )
        if not fits:
            hint = ""
            if sizes.rank == len(tensor.shape) - 1:
                hint = " Is it one example without its batch axis? x[tf.newaxis] adds it."
            raise ValueError(
                f"Model {self.name!r} expects the input {tensor.name!r} in shape {tensor.shape}, where None "
                f"is any size, but got {sizes}.{hint}"
            )

    # --- names --------------------------------------------------------------------------------------

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [str(tensor.name) for tensor in self.flat_inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that give the outputs; numbered when one gives several."""
        names: list[str] = []
        for tensor in nest.flatten(self.outputs):
            base = node_of(tensor).operation.name
            name, number = base, 0
            while name in names:
                number += 1
                name = f"{base}_{number}"
            names.append(name)
        return names

    # --- config -------------------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """The layers, with the calls of each, in Keras's form."""
        numbers: dict[int, int] = {}  # of the calls of a layer, only those inside the model count
        calls: dict[int, list[Node]] = {}
        for node in self.nodes:
            own = calls.setdefault(id(node.operation), [])
            numbers[id(node)] = len(own)
            own.append(node)

        def place(tensor: KerasTensor) -> list[Any]:
            operation, number, output = tensor._keras_history  # type: ignore[misc]
            inner = next((n for n in self.nodes if n.outputs is tensor), None)
            if inner is None:
                inner = operation._inbound_nodes[number]
            return [inner.operation.name, numbers[id(inner)], output]

        def end(tensor: KerasTensor) -> list[Any]:
            name, number, output = place(tensor)
            return [name, number + _BUILT_IN * is_functional(node_of(tensor).operation), output]

        def written(part: Any) -> Any:
            if isinstance(part, KerasTensor):
                facts = {
                    "shape": part.shape,
                    "dtype": part.dtype.name,
                    "keras_history": place(part),
                }
                return {"class_name": "__keras_tensor__", "config": facts}
            return serialize_keras_object(part)

        layers = []
        for operation in self.operations:
            entry = serialize_keras_object(operation)
            entry["name"] = operation.name
            entry["inbound_nodes"] = [
                nest.map_structure(written, {"args": node.args, "kwargs": node.kwargs})
                for node in calls[id(operation)]
                if not isinstance(operation, InputLayer)
            ]
            layers.append(entry)
        return {
            "layers": layers,
            "input_layers": _places(self.inputs, place),
            "output_layers": _places(self.outputs, end),
        }


# Calls of a model inside a model count from 1 where the outputs in a file of Keras name them: old versions
# of Keras began with a call of their own.
_BUILT_IN = 1


def _places(structure: Any, place: Any) -> Any:
    if isinstance(structure, KerasTensor):
        return place(structure)
    if isinstance(structure, dict):
        return {key: _places(part, place) for key, part in structure.items()}
    return [_places(part, place) for part in structure]


class Functional(Model):
    """A model given by its inputs and outputs; what `tf.keras.Model(inputs, outputs)` makes.

    >>> import engine as tf
    >>> x = tf.keras.Input((3,))
    >>> hidden = tf.keras.layers.Dense(4, activation="relu")(x)
    >>> model = tf.keras.Model(x, [hidden, tf.keras.layers.Dense(1)(hidden)])
    >>> [t.shape.as_list() for t in model(tf.ones([2, 3]))]
    [[2, 4], [2, 1]]
    """

    def __init__(
        self, inputs: Any = None, outputs: Any = None, name: str | None = None, **kwargs: Any
    ):
        super().__init__(inputs=inputs, outputs=outputs, name=name, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Layers, calls, inputs and outputs."""
        return {"name": self.name, "trainable": self.trainable, **self.network.config()}

    def get_build_config(self) -> dict[str, Any] | None:
        """A Functional is built from its config alone."""
        return {"input_shape": None}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A model with new weights."""
        return rebuild(cls, config, custom_objects)


def is_functional(thing: Any) -> bool:
    """Whether it is a model that was made of inputs and outputs."""
    return isinstance(thing, Model) and thing._network is not None and not hasattr(thing, "_stack")


def rebuild(cls: Any, config: dict[str, Any], custom_objects: Any = None) -> Any:
    """A model of class `cls` from what `Network.config` wrote."""
    operations: _Operations = {}
    waiting: list[tuple[Any, list[Any]]] = []
    for entry in config["layers"]:
        made = deserialize_keras_object(
            {k: v for k, v in entry.items() if k not in ("name", "inbound_nodes")}, custom_objects
        )
        made.name = entry["name"]
        operations[entry["name"]] = made, 0
        if not isinstance(made, InputLayer):
            waiting.append((made, list(entry["inbound_nodes"])))
    for (
        made,
        _,
    ) in waiting:  # building may have called it, and so has a model that it is shared with
        operations[made.name] = made, len(made._inbound_nodes)
    while waiting:  # a shared layer may be called on what comes later in the list
        progress = False
        for operation, calls in waiting:
            while calls and all(map(_ready(operations), _references(calls[0]))):
                args, kwargs = _resolved(calls.pop(0), operations)
                operation(*args, **kwargs)
                progress = True
        waiting = [(operation, calls) for operation, calls in waiting if calls]
        if not progress and waiting:
            names = [operation.name for operation, _ in waiting]
            raise ValueError(
                f"The config is not one of a model: the inputs of {names} are not in it."
            )
    inputs = _outputs_at(config["input_layers"], operations)
    outputs = _outputs_at(config["output_layers"], operations)
    more = {k: v for k, v in config.items() if k in ("name", "trainable")}
    return cls(inputs=inputs, outputs=outputs, **more)


_Operations = dict[str, tuple[Any, int]]  # by name, with the number of the first call that counts


def _ready(operations: _Operations) -> Any:
    def called(place: Any) -> bool:
        operation, first = operations.get(place[0], (None, 0))
        return operation is not None and len(operation._inbound_nodes) > first + place[1]

    return called


def _references(call: Any) -> Iterator[list[Any]]:
    """The places of the KerasTensors in the arguments of a call."""
    if isinstance(call, dict):
        if call.get("class_name") == "__keras_tensor__":
            yield call["config"]["keras_history"]
            return
        parts: Any = call.values()
    elif isinstance(call, (list, tuple)):
        parts = call
    else:
        return
    for part in parts:
        yield from _references(part)


def _tensor_at(place: Any, operations: _Operations) -> KerasTensor:
    name, number, output = place
    operation, first = operations[name]
    return nest.flatten(operation._inbound_nodes[first + number].outputs)[output]


def _resolved(call: Any, operations: _Operations) -> Any:
    """The arguments of a call: tuples of positional ones and a dict of named ones."""

    def read(part: Any) -> Any:
        if isinstance(part, dict):
            if part.get("class_name") == "__keras_tensor__":
                return _tensor_at(part["config"]["keras_history"], operations)
            if "class_name" in part and "config" in part:
                return deserialize_keras_object(part)
            return {key: read(value) for key, value in part.items()}
        return [read(value) for value in part] if isinstance(part, (list, tuple)) else part

    return tuple(read(part) for part in call["args"]), read(call["kwargs"])


def _outputs_at(places: Any, operations: _Operations) -> Any:
    if isinstance(places, dict):
        return {key: _outputs_at(part, operations) for key, part in places.items()}
    if len(places) == 3 and isinstance(places[0], str):
        name, number, output = places
        built_in = _BUILT_IN * is_functional(operations[name][0])
        return _tensor_at([name, max(number - built_in, 0), output], operations)
    return [_outputs_at(part, operations) for part in places]
