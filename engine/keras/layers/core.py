"""Dense and EinsumDense, which weigh and add, and the layers that only pass on, mask or wrap."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable
from typing import Any

from engine.keras import activations, constraints, initializers, lambdas, regularizers
from engine.keras.configurable import as_setting
from engine.keras.input_spec import InputSpec
from engine.keras.layer import Layer
from engine.keras.masking import set_mask
from engine.keras.serialization import deserialize_keras_object, serialize_keras_object
from engine.ops.einsum import einsum
from engine.ops.elementwise import not_equal, where, zeros_like
from engine.ops.layout import reshape, sizes, squeeze
from engine.ops.linalg import matmul
from engine.ops.reduce import reduce_any
from engine.tensor import Tensor

__all__ = ["Dense", "EinsumDense", "Identity", "Lambda", "Masking", "Wrapper"]


def known_size(layer: Layer, input_shape: Any, axis: int) -> int:
    """The size of an axis that a weight depends on.

    Raises:
      ValueError: when it is unknown, or there is no such axis.
    """
    if not -len(input_shape) <= axis < len(input_shape):
        raise ValueError(
            f"Layer {layer.name!r}: the input shape {tuple(input_shape)} has no axis {axis}."
        )
    size = input_shape[axis]
    if size is None:
        place = "the last axis" if axis == -1 else f"axis {axis}"
        raise ValueError(
            f"Layer {layer.name!r} needs to know the size of {place} to make its weights, but the input "
            f"shape is {tuple(input_shape)}."
        )
    return int(size)


def open_sizes(x: Tensor) -> list[Any]:
    """The sizes of the axes for a reshape: one that is not known yet as -1, if it is the only one."""
    known = x.shape.as_list()
    if known.count(None) > 1 or 0 in known:
        return sizes(x)
    return [-1 if size is None else size for size in known]


def serialize(layer: Layer) -> dict[str, Any]:
    """What makes the layer again, as it stands in a file; without its weights.

    >>> serialize(Identity(name="same"))["class_name"]
    'Identity'
    """
    return serialize_keras_object(layer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Layer:
    """The layer that `serialize` wrote, with new weights.

    Raises:
      ValueError: when the config is that of something else.
    """
    made = deserialize_keras_object(config, custom_objects)
    if not isinstance(made, Layer):
        raise ValueError(f"deserialize: the config of a layer was expected, not {config!r}.")
    return made


def refuse_quantization(layer: Any, config: Any) -> None:
    """Raises ValueError for a setting that files of Keras hold, and that the engine has no layers for."""
    if config is not None:
        raise ValueError(f"{type(layer).__name__}: quantized layers are not supported.")


class Dense(Layer):
    """activation(x @ kernel + bias): every output is a weighted sum of all inputs.

    It works on the last axis: `(batch, ..., features)` gives `(batch, ..., units)`. It is not a function
    of the batch: each example is treated alike. Keras's `lora_rank` and `lora_alpha` are not accepted.

    Args:
      units: the number of outputs, a positive integer.
      activation: a name such as 'relu', or a function; None is linear.
      use_bias: whether a bias is added.
      kernel_initializer: for the kernel, shape `(features, units)`.
      bias_initializer: for the bias, shape `(units,)`.
      kernel_regularizer, bias_regularizer, activity_regularizer: what is added to the loss.
      kernel_constraint, bias_constraint: what updated weights are projected to.

    Raises:
      ValueError: for an input of rank below 2, or another number of features than it was built for.

    >>> import engine as tf
    >>> tf.keras.layers.Dense(4)(tf.ones([2, 3])).shape
    TensorShape([2, 4])
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if not isinstance(units, int) or isinstance(units, bool) or units <= 0:
            raise ValueError(f"Dense: units must be a positive integer, not {units!r}.")
        refuse_quantization(self, quantization_config)
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Makes kernel and bias; the last axis must be known."""
        features = known_size(self, input_shape, -1)
        self.kernel = self.add_weight(
            (features, self.units), self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint, name="kernel",
        )  # fmt: skip
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,), self.bias_initializer,
                regularizer=self.bias_regularizer, constraint=self.bias_constraint, name="bias",
            )  # fmt: skip
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    def call(self, inputs: Tensor) -> Tensor:
        """The weighted sums, shifted and activated."""
        if inputs.ndim == 2:
            outputs = matmul(inputs, self.kernel)
        else:  # one large product is faster than a stack of small ones, backwards above all
            rows = matmul(reshape(inputs, [-1, inputs.shape[-1]]), self.kernel)
            outputs = reshape(rows, [*open_sizes(inputs)[:-1], self.units])
        if self.bias is not None:
            outputs = outputs + self.bias
        return self.activation(outputs)


class EinsumDense(Layer):
    """activation(einsum(equation, x, kernel) + bias): Dense over axes of one's choice.

    Keras's `lora_rank`, `lora_alpha` and `gptq_unpacked_column_size` are not accepted.

    Args:
      equation: two operands, the input and the kernel, as 'ab,bc->ac', '...x,xy->...y' or 'ab...,bc->ac...'.
      output_shape: the output's shape without the batch and what '...' stands for; None for sizes that
        the input has.
      activation: a name or a function; None is linear.
      bias_axes: the letters of the output's axes that the bias has; None for no bias.
      kernel_initializer: for the kernel, whose shape follows from the equation.

    Raises:
      ValueError: for an equation of another form, or sizes that contradict each other.

    >>> import engine as tf
    >>> heads = tf.keras.layers.EinsumDense("abc,cde->abde", output_shape=(None, 4, 8), bias_axes="de")
    >>> heads(tf.ones([2, 5, 3])).shape, [tuple(w.shape) for w in heads.weights]
    (TensorShape([2, 5, 4, 8]), [(3, 4, 8), (4, 8)])
    """

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        refuse_quantization(self, quantization_config)
        self.equation = equation
        sizes = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.partial_output_shape = sizes
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Any) -> None:
        """Makes kernel and bias, whose shapes follow from the equation."""
        shapes = _EinsumShapes(self, input_shape)
        first = self.kernel_initializer
        if isinstance(first, initializers.VarianceScaling) and None in (
            first.input_axes,
            first.output_axes,
        ):
            first = copy.copy(first)  # which axes are inputs and outputs, the equation says
            first.input_axes, first.output_axes = shapes.input_axes, shapes.output_axes
        self.kernel = self.add_weight(
            shapes.kernel, first,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint, name="kernel",
        )  # fmt: skip
        self.bias = None
        if shapes.bias is not None:
            self.bias = self.add_weight(
                shapes.bias, self.bias_initializer,
                regularizer=self.bias_regularizer, constraint=self.bias_constraint, name="bias",
            )  # fmt: skip
        self.input_spec = InputSpec(ndim=len(input_shape))

    def call(self, inputs: Tensor) -> Tensor:
        """The products summed, shifted and activated."""
        outputs = einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make a layer like this one."""
        activity = as_setting(self.activity_regularizer)
        config = super().get_config()
        return {
            **config,
            "output_shape": self.partial_output_shape,
            "activity_regularizer": activity,
        }


_DOTS = r"(\.\.\.)?"
_EQUATION = re.compile(rf"{_DOTS}([a-zA-Z]+){_DOTS},([a-zA-Z]+)->{_DOTS}([a-zA-Z]+){_DOTS}")


class _EinsumShapes:
    """What an equation and an input shape say about the kernel and the bias of EinsumDense."""

    def __init__(self, layer: EinsumDense, input_shape: Any):
        found = _EQUATION.fullmatch(layer.equation.replace(" ", ""))
        groups = found.groups() if found else ()
        if (
            not found
            or (groups[0], groups[2]) != (groups[4], groups[6])
            or (groups[0] and groups[2])
        ):
            raise ValueError(
                f"EinsumDense: the equation must look like 'ab,bc->ac', '...b,bc->...c' or "
                f"'ab...,bc->ac...', but is {layer.equation!r}."
            )
        left, inner, right, weight, _, outer, _ = groups
        self.layer, rest = layer, len(input_shape) - len(inner)
        if rest < 0 or (rest and not (left or right)):
            raise ValueError(
                f"EinsumDense: {layer.equation!r} has {len(inner)} input axes, but the input has shape "
                f"{tuple(input_shape)}."
            )
        own = input_shape[rest:] if left else input_shape[: len(inner)]
        given = dict(zip(inner, own, strict=True))
        lead = input_shape[: max(rest, 1)] if left else input_shape[:1]
        full = [*lead, *layer.partial_output_shape][rest if left else 0 :]
        if len(full) != len(outer):
            raise ValueError(
                f"EinsumDense: {layer.equation!r} needs an output_shape of {len(outer) - len(full)} more "
                f"sizes than {layer.partial_output_shape}; it leaves out the batch axis."
            )
        made = dict(zip(outer, full, strict=True))
        for letter in made.keys() & given.keys():
            made[letter] = self._agreed(letter, made[letter], given[letter])
        unknown = next((c for c in outer if c not in inner + weight), None) or next(
            (c for c in weight if c not in outer + inner), None
        )
        if unknown is not None:
            raise ValueError(
                f"EinsumDense: axis {unknown!r} of {layer.equation!r} has no counterpart: an axis of the "
                "output must be one of the input or the kernel, and one of the kernel must be one of the "
                "input or the output."
            )
        self.kernel = tuple(made.get(c, given.get(c)) for c in weight)
        self.output_axes = [i for i, c in enumerate(weight) if c in made]
        self.input_axes = [i for i, c in enumerate(weight) if c not in made]
        self.bias = self._bias(outer, made, rest if right else 0)
        for axis, size in zip(weight, self.kernel, strict=True):
            if size is None:
                raise ValueError(
                    f"EinsumDense: the size of kernel axis {axis!r} in {layer.equation!r} is not known: "
                    f"give it in output_shape, or an input of known size instead of "
                    f"{tuple(input_shape)}."
                )

    def _agreed(self, letter: str, wanted: Any, given: Any) -> Any:
        if None not in (wanted, given) and wanted != given:
            raise ValueError(
                f"EinsumDense: axis {letter!r} of {self.layer.equation!r} has size {given} in the input "
                f"and {wanted} in output_shape."
            )
        return given if wanted is None else wanted

    def _bias(self, outer: str, made: dict[str, Any], trailing: int) -> tuple[Any, ...] | None:
        """The sizes of the bias axes, and 1 for the axes between and after them."""
        asked = self.layer.bias_axes
        if asked is None:
            return None
        missing = next((c for c in asked if c not in outer), None)
        if missing is not None:
            raise ValueError(
                f"EinsumDense: bias axis {missing!r} is no axis of the output {outer!r}."
            )
        first = min(outer.index(c) for c in asked)
        return (*(made[c] if c in asked else 1 for c in outer[first:]), *([1] * trailing))


class Identity(Layer):
    """Its input."""

    _built_by_init = True

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The same values."""
        return inputs


class Masking(Layer):
    """Marks the steps of sequences in which every feature equals `mask_value`, so that layers skip them.

    `(batch, steps, features)` stays, with zeros in the masked steps.

    >>> import engine as tf
    >>> masked = tf.keras.layers.Masking()([[[1.0, 2.0], [0.0, 0.0]]])
    >>> masked._keras_mask.numpy().tolist()
    [[True, False]]
    """

    _built_by_init = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.supports_masking = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True for the steps that count."""
        return reduce_any(not_equal(inputs, self.mask_value), -1)

    def call(self, inputs: Tensor) -> Tensor:
        """The input with zeros in the masked steps."""
        kept = reduce_any(not_equal(inputs, self.mask_value), -1, True)
        outputs = where(kept, inputs, zeros_like(inputs))
        set_mask(outputs, squeeze(kept, -1))
        return outputs


class Lambda(Layer):
    """A function of tensors as a layer.

    A function is saved by its name: register it, or hand it over as `custom_objects`. A nameless `lambda` is
    saved as bytecode, which is read only with `safe_mode=False`, and only by the same version of Python.

    Args:
      function: called with the input, and with `training` and `mask` if it has arguments of that name.
      output_shape: accepted as in Keras; the shape is always found by tracing the function.
      mask: a mask for the output, or a function of input and mask that makes it.
      arguments: further keyword arguments of the function.

    >>> import engine as tf
    >>> tf.keras.layers.Lambda(tf.square)([3.0]).numpy().tolist()
    [9.0]
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Lambda: a function was expected, not {function!r}.")
        self.function = function
        self._output_shape = tuple(output_shape) if isinstance(output_shape, list) else output_shape
        self.mask = mask
        self.arguments = arguments or {}
        self.supports_masking = mask is not None
        names = parameter_names(function)
        self._passes = [name for name in ("mask", "training") if name in names]

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """The function of the input."""
        known = {"mask": mask, "training": training}
        return self.function(
            inputs, **self.arguments, **{name: known[name] for name in self._passes}
        )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """What `mask` says."""
        if self.mask is None:
            return super().compute_mask(inputs, mask)
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict[str, Any]:
        """The arguments that make a layer like this one."""
        own = ("function", "output_shape", "mask")
        values = zip(own, (self.function, self._output_shape, self.mask), strict=True)
        written = {
            name: lambdas.written(value)
            if lambdas.is_lambda(value)
            else serialize_keras_object(value)
            for name, value in values
        }
        config = {**super().get_config(), **written}
        optional = ("output_shape", "mask")
        return {k: v for k, v in config.items() if k not in optional or v is not None}


def parameter_names(function: Callable[..., Any]) -> list[str]:
    """The names of a function's arguments; none where they cannot be known, as for some built in C."""
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


class Wrapper(Layer):
    """A layer around a layer; a base class.

    Args:
      layer: the layer inside.
    """

    def __init__(self, layer: Any, **kwargs: Any):
        if not isinstance(layer, Layer):
            raise ValueError(f"{type(self).__name__}: a layer was expected, not {layer!r}.")
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        """Builds the layer inside."""
        if not self.layer.built:
            self.layer.build(input_shape)
