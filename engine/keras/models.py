"""Models: layers that can be trained. Sequential is a list of layers, each fed by the one before."""

from __future__ import annotations

from typing import Any

from engine import nest
from engine.keras import operations as operations  # gives KerasTensor its operators
from engine.keras.layer import Layer
from engine.keras.layers.input import Input, InputLayer
from engine.keras.lookup import nearest, unique_name
from engine.keras.symbolic import KerasTensor
from engine.keras.training import Trainer
from engine.ops.creation import convert
from engine.spec import compatible
from engine.tensor import Tensor

__all__ = ["Input", "Model", "Sequential", "clone_model"]


class Model(Trainer):
    """A layer with compile, fit, evaluate and predict.

    Made of inputs and outputs, `Model(inputs, outputs)`, or by a subclass that defines `call`. A subclass
    that defines `train_step` may be made of inputs and outputs too.

    >>> import engine as tf
    >>> class Line(tf.keras.Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = tf.keras.layers.Dense(1)
    ...     def call(self, inputs):
    ...         return self.dense(inputs)
    >>> Line()(tf.ones([4, 2])).shape
    TensorShape([4, 1])
    """

    _network: Any = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """A Functional for `Model(inputs, outputs)`."""
        if cls is Model and _is_functional(args, kwargs):
            from engine.keras.functional import Functional

            return Functional.__new__(Functional, *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any):
        if not _is_functional(args, kwargs):
            super().__init__(*args, **kwargs)
            return
        from engine.keras.functional import Network

        given = {**dict(zip(("inputs", "outputs", "name"), args, strict=False)), **kwargs}
        inputs, outputs = given.pop("inputs"), given.pop("outputs")
        name = given.pop("name", None) or unique_name("functional")
        trainable = given.pop("trainable", True)
        super().__init__(name=name, **given)
        self._set_network(Network(inputs, outputs, name))
        self.built = True
        if not trainable:
            self.trainable = False

    def _set_network(self, network: Any) -> None:
        object.__setattr__(self, "_network", network)

    def _held(self) -> Any:
        yield from super()._held()
        if self._network is not None:
            yield from (op for op in self._network.operations if isinstance(op, Layer))

    # --- parts --------------------------------------------------------------------------------------

    @property
    def network(self) -> Any:
        """The nodes between inputs and outputs.

        Raises:
          AttributeError: for a model that is not made of inputs and outputs.
        """
        if self._network is None:
            raise AttributeError(
                f"Model {self.name!r} has no inputs and outputs: it is a subclass with a `call` of its own, "
                "or not built yet."
            )
        return self._network

    @property
    def layers(self) -> list[Layer]:
        """The layers of the model."""
        if self._network is not None:
            return [op for op in self._network.operations if isinstance(op, Layer)]
        return [layer for layer in self.sublayers if not _is_metric(layer)]

    @property
    def operations(self) -> list[Any]:
        """The layers, and the operators between KerasTensors."""
        return list(self.network.operations)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The KerasTensors that stand for the data."""
        return list(self.network.flat_inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The KerasTensors that the model gives."""
        return nest.flatten(self.network.outputs)

    @property
    def input(self) -> Any:
        """The inputs, in the structure they were given in."""
        return self.network.inputs

    @property
    def output(self) -> Any:
        """The outputs, in the structure they were given in."""
        return self.network.outputs

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs: the keys of data given as a dict."""
        return list(self.network.input_names)

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that give the outputs: the keys of losses, metrics and targets."""
        return list(self.network.output_names)

    @property
    def input_shape(self) -> Any:
        """The shape of the input with its batch axis, or a structure of them; None when not declared."""
        if self._network is None:
            return None
        return nest.map_structure(lambda t: t.shape, self._network.inputs)

    @property
    def output_shape(self) -> Any:
        """The shape of the output with its batch axis, or a structure of them."""
        return nest.map_structure(lambda t: t.shape, self.network.outputs)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by name or by index.

        Raises:
          ValueError: when there is none, with the nearest name.
        """
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(
                    f"Model {self.name!r} has {len(layers)} layers; there is none with index {index}."
                )
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in layers]
        raise ValueError(
            f"Model {self.name!r} has no layer named {name!r}.{nearest(str(name), names)} Its layers: "
            f"{', '.join(names)}."
        )

    # --- running ------------------------------------------------------------------------------------

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Runs the layers; a subclass defines its own."""
        if self._network is None:
            raise NotImplementedError(
                f"Model {type(self).__name__} has no call(inputs). Define it, or make the model of inputs "
                "and outputs."
            )
        return self._network.run(inputs)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """None: the layers inside have given the outputs their masks."""
        return None

    # --- settings -----------------------------------------------------------------------------------

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A model with new weights."""
        if {"layers", "input_layers", "output_layers"} <= set(config):
            from engine.keras.functional import Functional, rebuild

            return rebuild(Functional if cls is Model else cls, config, custom_objects)
        return super().from_config(config)

    def get_config(self) -> dict[str, Any]:
        """What makes a model like this one."""
        if self._network is not None:
            return {"name": self.name, "trainable": self.trainable, **self._network.config()}
        return super().get_config()

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Prints the layers with their output shapes and numbers of parameters."""
        from engine.keras import summary

        summary.print_summary(
            self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range
        )


def _is_functional(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return len(args) >= 2 or "outputs" in kwargs or (len(args) == 1 and "outputs" in kwargs)


def _is_metric(layer: Any) -> bool:
    return hasattr(layer, "update_state")


class Sequential(Model):
    """A list of layers, each fed with the output of the one before.

    Args:
      layers: the layers; the first may be `tf.keras.Input(shape)`, or carry `input_shape`.
      trainable: whether training changes the weights.
      name: by default 'sequential', 'sequential_1', ...

    >>> import engine as tf
    >>> model = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=[1])])
    >>> model.output_shape
    (None, 1)
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """No Functional, whatever the arguments."""
        return Trainer.__new__(cls, *args, **kwargs)

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None):
        super().__init__(trainable=trainable, name=name or unique_name("sequential"))
        self._stack: list[Layer] = []
        self._declared: Any = None  # the KerasTensor of the input
        for layer in [layers] if isinstance(layers, Layer) else layers or []:
            self.add(layer, rebuild=False)
        self._maybe_rebuild()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Appends a layer."""
        if isinstance(layer, KerasTensor):
            history = layer._keras_history
            layer = history[0] if history else layer
        if isinstance(layer, InputLayer):
            if self._stack or self._declared is not None:
                raise ValueError("Input must come first in a Sequential model, and once.")
            self._declared = layer.output
        elif not isinstance(layer, Layer):
            if callable(layer) and not isinstance(layer, type):
                raise TypeError(
                    f"A Sequential model is made of layers, but the function {layer!r} was added. Put it "
                    "into tf.keras.layers.Lambda(function)."
                )
            raise TypeError(
                f"A Sequential model is made of layers, but {layer!r} was added. "
                "Did you write Dense instead of Dense(units)?"
            )
        else:
            if any(layer.name == other.name for other in self._stack):
                raise ValueError(
                    f"There is a layer named {layer.name!r} already; names must differ."
                )
            if not self._stack and self._declared is None and layer.given_input_shape is not None:
                self._declared = Input(batch_shape=layer.given_input_shape)
            self._stack.append(layer)
        if rebuild:
            self._maybe_rebuild()

    def pop(self, rebuild: bool = True) -> Layer:
        """Removes the last layer and returns it."""
        if not self._stack:
            raise ValueError("The model has no layers.")
        last = self._stack.pop()
        if rebuild:
            self._maybe_rebuild()
        return last

    def _maybe_rebuild(self) -> None:
        self._set_network(None)
        self.built = False
        self.__dict__.pop("_functions", None)
        if self._declared is not None and self._stack:
            self.build(self._declared.shape)

    def build(self, input_shape: Any = None) -> None:
        """Builds every layer for the output shape of the one before."""
        from engine.keras.functional import Network

        if self._declared is None:
            if input_shape is None:
                raise ValueError(
                    f"Model {self.name!r} cannot be built without the shape of its input: start it with "
                    "tf.keras.Input(shape), or call it on data."
                )
            if isinstance(input_shape, dict) or any(
                isinstance(s, (list, tuple)) for s in input_shape
            ):
                raise ValueError(
                    f"A Sequential model has one input, but the shapes {input_shape} were given."
                )
            self._declared = Input(batch_shape=input_shape)
        if not self._stack:
            raise ValueError(f"Model {self.name!r} has no layers. Add one with model.add(...).")
        tensor = self._declared
        for layer in self._stack:
            tensor = layer(tensor)
        self._set_network(Network(self._declared, tensor, self.name))

    def ensure_built(self, shapes: Any) -> None:
        """Builds for data of this shape, with a batch axis of any size."""
        if not self.built and _simple(shapes):
            shapes = (None, *shapes[1:])
        super().ensure_built(shapes)

    def _held(self) -> Any:
        yield from Layer._held(self)
        yield from self._stack

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, without the input."""
        return list(self._stack)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Runs the layers one after the other."""
        if not self._stack:
            raise ValueError(f"Model {self.name!r} has no layers. Add one with model.add(...).")
        if self._network is not None:
            return self._network.run(inputs)
        for layer in self._stack:
            inputs = layer(inputs)
        return inputs

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if self._declared is not None and self._stack and not isinstance(inputs, KerasTensor):
            tensor = inputs if nest.is_nested(inputs) and not _numbers(inputs) else convert(inputs)
            if isinstance(tensor, Tensor) and not compatible(tensor._dims, self._declared.shape):
                self._stack[0].check_input(tensor)  # which knows better what to do about it
        return super().__call__(inputs, *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The layers, the input first."""
        from engine.keras.configurable import as_setting

        layers = [] if self._declared is None else [self._declared._keras_history[0]]
        config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": as_setting(self.dtype_policy),
            "layers": [as_setting(layer) for layer in [*layers, *self._stack]],
        }
        if self._network is not None:
            config["build_input_shape"] = self._declared.shape
        return config

    def get_build_config(self) -> dict[str, Any] | None:
        """The shape of the input."""
        return {"input_shape": self._declared.shape} if self._network is not None else None

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A model with new weights."""
        from engine.keras.serialization import deserialize_keras_object

        model = cls(name=config.get("name"))
        for entry in config["layers"]:
            model.add(deserialize_keras_object(entry, custom_objects), rebuild=False)
        model._maybe_rebuild()
        shape = config.get("build_input_shape")
        if shape is not None and not model.built and model._stack:
            model.build(tuple(shape))
        if not config.get("trainable", True):
            model.trainable = False
        return model


def _numbers(structure: Any) -> bool:
    return all(isinstance(part, (int, float, bool)) for part in nest.flatten(structure))


def _simple(shape: Any) -> bool:
    return isinstance(shape, (list, tuple)) and all(
        size is None or isinstance(size, int) for size in shape
    )


def clone_model(model: Any, input_tensors: Any = None, clone_function: Any = None) -> Any:
    """A model of the same layers with new weights.

    Args:
      model: Sequential or made of inputs and outputs; others are made again from `get_config`.
      input_tensors: a KerasTensor, or a list of them, to take the place of the inputs.
      clone_function: makes the new layer from an old one; from its config by default.
    """
    copy = clone_function or (lambda layer: type(layer).from_config(layer.get_config()))
    if isinstance(model, Sequential):
        layers = [copy(layer) for layer in model.layers]
        declared = input_tensors
        if declared is None and model._declared is not None:
            declared = Input(batch_shape=model._declared.shape, dtype=model._declared.dtype)
        return type(model)([*([] if declared is None else [declared]), *layers], name=model.name)
    if model._network is None:
        return type(model).from_config(model.get_config())
    return _clone_network(model, input_tensors, copy)


def _clone_network(model: Any, input_tensors: Any, copy: Any) -> Any:
    network = model.network
    known: dict[int, Any] = {}
    new_inputs = (
        nest.flatten(input_tensors)
        if input_tensors is not None
        else [Input(batch_shape=t.shape, dtype=t.dtype, name=t.name) for t in network.flat_inputs]
    )
    known = {id(old): new for old, new in zip(network.flat_inputs, new_inputs, strict=True)}
    copies: dict[int, Any] = {}
    for node in network.nodes:
        operation = node.operation
        if isinstance(operation, InputLayer):
            continue
        if id(operation) not in copies:
            copies[id(operation)] = (
                copy(operation)
                if isinstance(operation, Layer)
                else type(operation).from_config(operation.get_config())
            )
        args, kwargs = nest.map_structure(
            lambda part: known[id(part)] if isinstance(part, KerasTensor) else part,
            (node.args, node.kwargs),
        )
        outputs = copies[id(operation)](*args, **kwargs)
        for old, new in zip(nest.flatten(node.outputs), nest.flatten(outputs), strict=True):
            known[id(old)] = new
    inputs, outputs = nest.map_structure(lambda t: known[id(t)], (network.inputs, network.outputs))
    return type(model)(inputs=inputs, outputs=outputs, name=model.name)
