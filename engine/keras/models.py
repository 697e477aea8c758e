"""Models: layers that can be trained. Sequential is a list of layers, each fed by the one before."""

from __future__ import annotations

from typing import Any

from engine.keras.layer import Layer
from engine.keras.lookup import unique_name
from engine.keras.symbolic import Input, KerasTensor
from engine.keras.training import Trainer
from engine.ops.creation import convert
from engine.tensor import Tensor

__all__ = ["Input", "Model", "Sequential"]


class Model(Trainer):
    """A layer with compile, fit, evaluate and predict. Subclass it and define `call`.

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

    @property
    def layers(self) -> list[Layer]:
        """The layers of the model."""
        return self.sublayers

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by name or by index."""
        if index is not None:
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise ValueError(f"Model {self.name!r} has no layer named {name!r}. Its layers: {names}.")

    def summary(self) -> None:
        """Prints the layers with their output shapes and numbers of parameters."""
        if not self.built:
            raise ValueError(
                f"Model {self.name!r} is not built: the shape of its input is unknown. Give its first "
                "layer an input_shape, start with tf.keras.Input(shape), or call the model on data."
            )
        rows = [("Layer (type)", "Output Shape", "Param #")]
        shapes = self.output_shapes()
        for layer, shape in zip(self.layers, shapes, strict=True):
            kind = f"{layer.name} ({type(layer).__name__})"
            rows.append((kind, "?" if shape is None else str(shape), f"{layer.count_params():,}"))
        widths = [max(len(row[i]) for row in rows) + 2 for i in range(3)]
        lines = [f'Model: "{self.name}"', _rule(widths, "┏┳┓", "━"), _row(rows[0], widths, "┃")]
        lines.append(_rule(widths, "┡╇┩", "━"))
        body = [_row(row, widths, "│") for row in rows[1:]]
        lines += [line for text in body for line in (text, _rule(widths, "├┼┤", "─"))][:-1]
        lines.append(_rule(widths, "└┴┘", "─"))
        total = self.count_params()
        trained = sum(v.shape.num_elements() or 0 for v in self.trainable_variables)
        lines += [
            f" Total params: {total:,} ({_bytes(total)})",
            f" Trainable params: {trained:,} ({_bytes(trained)})",
            f" Non-trainable params: {total - trained:,} ({_bytes(total - trained)})",
        ]
        print("\n".join(lines))

    def output_shapes(self) -> list[Any]:
        """The output shape of each layer, None where it is not known without data."""
        return [None] * len(self.layers)


class Sequential(Model):
    """A list of layers, each fed with the output of the one before.

    Args:
      layers: the layers; the first may be `tf.keras.Input(shape)`, or carry `input_shape`.
      name: by default 'sequential', 'sequential_1', ...

    >>> import engine as tf
    >>> model = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=[1])])
    >>> model.output_shape
    (None, 1)
    """

    def __init__(self, layers: Any = None, name: str | None = None):
        super().__init__(name=name or unique_name("sequential"))
        self._stack: list[Layer] = []
        self._declared: Any = None
        for layer in layers or []:
            self.add(layer)

    def add(self, layer: Any) -> None:
        """Appends a layer."""
        if isinstance(layer, KerasTensor):
            if self._stack or self._declared is not None:
                raise ValueError("Input must come first in a Sequential model, and once.")
            self._declared = layer.shape
            return
        if not isinstance(layer, Layer):
            raise TypeError(
                f"A Sequential model is made of layers, but {layer!r} was added. "
                "Did you write Dense instead of Dense(units)?"
            )
        if any(layer.name == other.name for other in self._stack):
            raise ValueError(f"There is a layer named {layer.name!r} already; names must differ.")
        if not self._stack and self._declared is None:
            self._declared = layer.given_input_shape
        self._stack = [*self._stack, layer]
        self._functions = {}
        self.built = False
        if self._declared is not None:
            self.ensure_built(self._declared)

    def pop(self) -> Layer:
        """Removes the last layer and returns it."""
        if not self._stack:
            raise ValueError("The model has no layers.")
        last = self._stack[-1]
        self._stack = self._stack[:-1]
        self._functions = {}
        return last

    @property
    def layers(self) -> list[Layer]:
        """The layers in order."""
        return list(self._stack)

    @property
    def input_shape(self) -> Any:
        """The declared shape of the input with its batch axis, or None."""
        return self._declared

    @property
    def output_shape(self) -> Any:
        """The shape of the output with its batch axis."""
        return self.output_shapes()[-1] if self._stack else self._declared

    def build(self, input_shape: Any) -> None:
        """Builds every layer for the output shape of the one before."""
        if self._declared is None:
            self._declared = (None, *input_shape[1:])
        shape = self._declared
        for layer in self._stack:
            shape = layer.compute_output_shape(shape)

    def output_shapes(self) -> list[Any]:
        """The output shape of each layer."""
        shapes: list[Any] = []
        for layer in self._stack:
            shapes.append(layer.compute_output_shape(shapes[-1] if shapes else self._declared))
        return shapes

    def call(self, inputs: Any, training: bool | None = None) -> Tensor:
        """Runs the layers one after the other."""
        if not self._stack:
            raise ValueError(f"Model {self.name!r} has no layers. Add one with model.add(...).")
        for layer in self._stack:
            inputs = layer(inputs, training=training)
        return inputs

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        tensor = convert(inputs)
        if self._declared is not None and tensor.ndim == len(self._declared) - 1:
            first = self._stack[0] if self._stack else None
            if first is not None and first.input_spec is not None:
                first.input_spec.check(tensor, first.name)
        return super().__call__(tensor, *args, training=training, **kwargs)


def _bytes(count: int) -> str:
    size = float(count * 4)
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"


def _rule(widths: list[int], corners: str, line: str) -> str:
    return corners[0] + corners[1].join(line * width for width in widths) + corners[2]


def _row(cells: tuple[str, ...], widths: list[int], bar: str) -> str:
    padded = [
        f" {cell:<{width - 1}}" if i < 2 else f"{cell:>{width - 1}} "
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return bar + bar.join(padded) + bar
