"""Sequential: a list of layers, each fed by the one before."""

from __future__ import annotations

from typing import Any

from engine import nest
from engine.keras.configurable import as_setting
from engine.keras.functional import Network
from engine.keras.layer import Layer
from engine.keras.layers.input import Input, InputLayer
from engine.keras.lookup import unique_name
from engine.keras.model import Model
from engine.keras.serialization import deserialize_keras_object
from engine.keras.symbolic import KerasTensor
from engine.keras.trainer import Trainer
from engine.ops.creation import convert
from engine.spec import compatible
from engine.tensor import Tensor


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

    @property
    def _layers_first(self) -> bool:
        return True

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
        elif (
            len(self._stack) > 1
            and isinstance(self._stack[0], Model)
            and (shape := self._stack[0].input_shape) is not None
        ):
            self.build(shape)  # the first layer is a model that knows its input

    def build(self, input_shape: Any = None) -> None:
        """Builds every layer for the output shape of the one before."""
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
        unique_name("functional")  # Keras names a Functional inside: names count on as there

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
