"""Model: layers that can be trained together."""

from __future__ import annotations

import json
from typing import Any

from engine import nest
from engine.keras import operations as operations  # gives KerasTensor its operators
from engine.keras import symbolic
from engine.keras.layer import Layer, inputs_of
from engine.keras.lookup import nearest, unique_name
from engine.keras.saving import load_weights, save_model, save_weights
from engine.keras.serialization import serialize_keras_object
from engine.keras.symbolic import KerasTensor, without_list
from engine.keras.trainer import Trainer


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

    @property
    def _layers_first(self) -> bool:
        """Whether files hold the layers under the one name `layers`, and not by attribute."""
        return self._network is not None

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
        return without_list(nest.map_structure(lambda t: t.shape, self._network.inputs))

    @property
    def output_shape(self) -> Any:
        """The shape of the output with its batch axis, or a structure of them."""
        return without_list(nest.map_structure(lambda t: t.shape, self.network.outputs))

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

    def build(self, input_shape: Any = None) -> None:
        """Makes all weights of a subclass, by a trial trace of `call` on inputs of this shape."""
        if self._network is None:
            symbolic.trace(self, (inputs_of(input_shape, self.compute_dtype),), {}, self.name)

    def ensure_built(self, shapes: Any) -> None:
        """On the first call: the layers inside are built by that call itself."""
        if self.built or type(self).build is not Model.build:
            super().ensure_built(shapes)
        else:
            self._build_shapes, self.built = {"input_shape": shapes}, True

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds for the shape that `get_build_config` gave."""
        if not self.built and config.get("input_shape") is not None:
            self.build(config["input_shape"])

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

    def to_json(self, **kwargs: Any) -> str:
        """The config as JSON; `kwargs` go to `json.dumps`. `model_from_json` is the inverse."""
        return json.dumps(serialize_keras_object(self), **kwargs)

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None) -> None:
        """Writes settings, weights and optimizer to a file `*.keras`, which real Keras 3 reads too."""
        save_model(self, filepath, overwrite, zipped)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Writes weights and optimizer state to a file `*.weights.h5`, which real Keras 3 reads too."""
        save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False) -> None:
        """Reads weights from a file `*.weights.h5` or `*.keras`, written here or by Keras 3."""
        load_weights(self, filepath, skip_mismatch)

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
