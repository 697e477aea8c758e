"""Convolutions: the same small set of weights, applied at every place of an image, a sequence or a volume.

Plain and transposed ones; `depthwise` has those that see each channel alone. How many spatial axes it works
on is all that a 1D, 2D or 3D form adds. The arithmetic is `tf.nn.convolution` and `tf.nn.conv_transpose`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from engine.keras import activations, constraints, initializers, regularizers
from engine.keras.input_spec import InputSpec
from engine.keras.layer import Layer
from engine.keras.layers.core import known_size
from engine.keras.layers.reshaping import standardize_data_format
from engine.ops.convolution import convolution
from engine.ops.convolution_transpose import conv_transpose
from engine.ops.layout import reshape, sizes
from engine.spec import whole
from engine.tensor import Tensor
from engine.variable import Variable

__all__ = [
    "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose",
    "Convolution1D", "Convolution1DTranspose", "Convolution2D", "Convolution2DTranspose",
    "Convolution3D", "Convolution3DTranspose",
]  # fmt: skip

_LETTERS = ("W", "HW", "DHW")
_GETTERS = {
    "activation": activations.get,
    "initializer": initializers.get,
    "regularizer": regularizers.get,
    "constraint": constraints.get,
}


def numbers(value: Any, n: int, name: str, least: int = 1) -> tuple[int, ...]:
    """One whole number of `least` or more for each of n axes; a single number counts for all.

    Raises:
      ValueError: for another number of them, or a smaller one.

    >>> numbers(3, 2, "kernel_size"), numbers([1, 2], 2, "strides")
    ((3, 3), (1, 2))
    """
    given = list(value) if isinstance(value, (list, tuple)) else [value] * n
    if len(given) != n or any(whole(item, name) < least for item in given):
        raise ValueError(
            f"{name} must be a number of {least} or more" + (f", or {n} of them" if n > 1 else "")
            + f", but is {value!r}."
        )  # fmt: skip
    return tuple(whole(item, name) for item in given)


def spatial_format(data_format: str, rank: int) -> str:
    """'channels_first' as the operations write it: 'NCHW' with two spatial axes."""
    letters = _LETTERS[rank - 1]
    return f"NC{letters}" if data_format == "channels_first" else f"N{letters}C"


class Convolving(Layer):
    """Windows, a bias and an activation: what all of them have."""

    _not_in_config = (
        "autocast",
    )  # Keras writes the activity_regularizer of these even if there is none
    rank: ClassVar[int]
    filters: int
    use_bias: bool
    activation: Any

    def _keep(self, **settings: Any) -> None:
        """Keeps settings under their names, those that may be names themselves as what they mean."""
        for name, value in settings.items():
            getter = _GETTERS.get(name.rsplit("_", 1)[-1])
            setattr(self, name, getter(value) if getter else value)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        for name in ("filters", "groups", "depth_multiplier"):
            if name in settings and whole(settings[name], name) < 1:
                raise ValueError(
                    f"{type(self).__name__}: {name} must be positive, not {settings[name]}."
                )

    def _set_windows(
        self, kernel_size: Any, strides: Any, padding: str, data_format: Any, dilation_rate: Any
    ) -> None:
        self.kernel_size = numbers(kernel_size, self.rank, "kernel_size")
        self.strides = numbers(strides, self.rank, "strides")
        self.dilation_rate = numbers(dilation_rate, self.rank, "dilation_rate")
        self.padding = str(padding).lower()
        self.data_format = standardize_data_format(data_format)
        causal = isinstance(self, Conv1D)
        if self.padding not in ("valid", "same", *(["causal"] if causal else [])):
            raise ValueError(
                f"{type(self).__name__}: padding must be 'valid' or 'same'"
                f"{', or causal' if causal else ''}, not {padding!r}."
                + ("" if causal or self.padding != "causal" else " Only Conv1D can be causal.")
            )

    def _refuse_gaps_and_jumps(self) -> None:
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{type(self).__name__}: strides {self.strides} and dilation_rate {self.dilation_rate} are "
                "both above 1. Keras has no such layer; tf.nn.convolution can do it."
            )

    def _channels(self, input_shape: Any) -> int:
        """How many channels come in; from now on there must be as many."""
        axis = -1 if self.data_format == "channels_last" else 1
        found = known_size(self, input_shape, axis)
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: found})
        return found

    def _weight(self, name: str, shape: Any, kind: str | None = None) -> Variable:
        kind = kind or name
        return self.add_weight(
            shape, getattr(self, f"{kind}_initializer"), name=name,
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
        )  # fmt: skip

    def _add_bias(self, filters: int) -> None:
        self.bias = self._weight("bias", (filters,)) if self.use_bias else None

    def convolve(
        self, inputs: Any, kernel: Any, strides: Any, padding: Any, dilations: Any
    ) -> Tensor:
        """The convolution with this kernel, in the layout of the layer."""
        return convolution(
            inputs, kernel, strides, padding, spatial_format(self.data_format, self.rank), dilations
        )

    def _pads(self) -> Any:
        """The padding as the operation takes it; a causal one comes whole before the first step."""
        if self.padding != "causal":
            return self.padding.upper()
        before = [self.dilation_rate[0] * (self.kernel_size[0] - 1), 0]
        none = [0, 0]
        return [none, before, none] if self.data_format == "channels_last" else [none, none, before]

    def _finish(self, outputs: Tensor) -> Tensor:
        """Adds the bias and applies the activation."""
        if self.bias is not None:
            bias: Any = self.bias
            if self.data_format == "channels_first":
                bias = reshape(bias, [-1] + [1] * self.rank)
            outputs = outputs + bias
        return self.activation(outputs)


class _Conv(Convolving):
    """Plain convolution. See `Conv2D`."""

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str | None = None, dilation_rate: Any = 1, groups: int = 1, activation: Any = None,
        use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", kernel_regularizer: Any = None, bias_regularizer: Any = None,
        activity_regularizer: Any = None, kernel_constraint: Any = None, bias_constraint: Any = None,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set_windows(kernel_size, strides, padding, data_format, dilation_rate)
        self._keep(
            filters=filters, groups=groups, activation=activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip
        self._refuse_gaps_and_jumps()
        if filters % groups:
            raise ValueError(
                f"{type(self).__name__}: {filters} filters cannot be shared out among {groups} groups."
            )

    def build(self, input_shape: Any) -> None:
        """Makes kernel and bias; the number of channels must be known."""
        channels, groups = self._channels(input_shape), self.groups  # type: ignore[attr-defined]
        if channels % groups:
            raise ValueError(
                f"Layer {self.name!r}: {channels} channels cannot be shared out among {groups} groups."
            )
        self.kernel = self._weight("kernel", (*self.kernel_size, channels // groups, self.filters))
        self._add_bias(self.filters)

    def call(self, inputs: Tensor) -> Tensor:
        """The weighted windows, shifted and activated."""
        return self._finish(
            self.convolve(inputs, self.kernel, self.strides, self._pads(), self.dilation_rate)
        )


class Conv1D(_Conv):
    """Convolution of sequences: `(batch, steps, channels)` gives `(batch, new_steps, filters)`.

    Arguments as for `Conv2D`.

    >>> import engine as tf
    >>> tf.keras.layers.Conv1D(4, 3, padding="causal")(tf.ones([2, 10, 3])).shape
    TensorShape([2, 10, 4])
    """

    rank = 1


class Conv2D(_Conv):
    """Convolution of images: `(batch, height, width, channels)` gives `(batch, rows, columns, filters)`.

    activation(convolution(x, kernel) + bias).

    Args:
      filters: the number of output channels.
      kernel_size: the size of the window: a number, or one for each spatial axis.
      strides: how far windows are apart.
      padding: 'valid': windows lie inside the input; 'same': zeros around it keep its size, divided by
        strides and rounded up. Conv1D also has 'causal': zeros before it, so that no step sees a later one.
      data_format: 'channels_last', `(batch, *spatial, channels)`, or 'channels_first'.
      dilation_rate: how far the elements of a window are apart; not together with strides above 1.
      groups: the channels fall into so many groups, each seen by its own share of the filters.
      activation: a name or a function; None is linear.
      use_bias: whether each filter has a bias.
      kernel_initializer and so on: as in Dense. The kernel has shape
        `(*kernel_size, channels // groups, filters)`. Keras's `lora_rank` is not accepted.

    Raises:
      ValueError: for settings that cannot be, or an input of another rank or number of channels.
    >>> import engine as tf
    >>> tf.keras.layers.Conv2D(8, 3, activation="relu")(tf.ones([2, 28, 28, 1])).shape
    TensorShape([2, 26, 26, 8])
    """

    rank = 2


class Conv3D(_Conv):
    """Convolution of volumes: `(batch, depth, height, width, channels)`. Arguments as for `Conv2D`.

    >>> import engine as tf
    >>> tf.keras.layers.Conv3D(2, 3, strides=2, padding="same")(tf.ones([1, 4, 4, 4, 3])).shape
    TensorShape([1, 2, 2, 2, 2])
    """

    rank = 3


class _ConvTranspose(Convolving):
    """Transposed convolution. See `Conv2DTranspose`."""

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        output_padding: Any = None, data_format: str | None = None, dilation_rate: Any = 1,
        activation: Any = None, use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", kernel_regularizer: Any = None, bias_regularizer: Any = None,
        activity_regularizer: Any = None, kernel_constraint: Any = None, bias_constraint: Any = None,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set_windows(kernel_size, strides, padding, data_format, dilation_rate)
        self._keep(
            filters=filters, activation=activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip
        self._refuse_gaps_and_jumps()
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = numbers(output_padding, self.rank, "output_padding", 0)
            if any(more >= s for more, s in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(
                    f"{type(self).__name__}: output_padding {self.output_padding} must be below strides "
                    f"{self.strides} on every axis."
                )

    def build(self, input_shape: Any) -> None:
        """Makes kernel and bias; the number of channels must be known."""
        self.kernel = self._weight(
            "kernel", (*self.kernel_size, self.filters, self._channels(input_shape))
        )
        self._add_bias(self.filters)

    def _reach(self, axis: int) -> tuple[tuple[int, int], int]:
        """Of one spatial axis: the padding of the convolution this is the adjoint of, and how many
        places the output has besides `(size - 1) * strides`."""
        stride = self.strides[axis]
        window = (self.kernel_size[axis] - 1) * self.dilation_rate[axis] + 1
        more = None if self.output_padding is None else self.output_padding[axis]
        if self.padding == "valid":
            added = window + (max(window, stride) - window if more is None else more)
            return (0, 0), added
        added = stride if more is None else window % 2 + more
        before = max((window - added) // 2, 0)
        return (before, max(window - added - before, 0)), added

    def call(self, inputs: Tensor) -> Tensor:
        """The spread places, summed where they meet, shifted and activated."""
        first, sizes_in = self.data_format == "channels_first", sizes(inputs)
        pads, spatial = [], []
        for axis in range(self.rank):
            pair, added = self._reach(axis)
            pads.append(list(pair))
            spatial.append((sizes_in[axis + (2 if first else 1)] - 1) * self.strides[axis] + added)
        none = [0, 0]
        outputs = conv_transpose(
            inputs, self.kernel,
            [sizes_in[0], *([self.filters, *spatial] if first else [*spatial, self.filters])],
            self.strides, [none, none, *pads] if first else [none, *pads, none],
            spatial_format(self.data_format, self.rank), self.dilation_rate,
        )  # fmt: skip
        return self._finish(outputs)


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution of sequences. Arguments as for `Conv2DTranspose`.

    >>> import engine as tf
    >>> tf.keras.layers.Conv1DTranspose(4, 3, strides=2)(tf.ones([2, 5, 3])).shape
    TensorShape([2, 11, 4])
    """

    rank = 1


class Conv2DTranspose(_ConvTranspose):
    """Transposed convolution, which makes images larger: the way back of `Conv2D`, in shape.

    activation(the adjoint of a convolution + bias): each place is spread over a window.

    Args:
      output_padding: how many places more each spatial axis of the output gets; below strides. By default
        'same' makes sizes `size * strides`, and 'valid' makes `(size - 1) * strides + kernel_size`, or
        `size * strides` where strides are larger than the window.

    The others are those of `Conv2D`, without groups. The kernel has shape
    `(*kernel_size, filters, channels)`.
    >>> import engine as tf
    >>> tf.keras.layers.Conv2DTranspose(1, 3, strides=2, padding="same")(tf.ones([2, 7, 7, 8])).shape
    TensorShape([2, 14, 14, 1])
    """

    rank = 2


class Conv3DTranspose(_ConvTranspose):
    """Transposed convolution of volumes. Arguments as for `Conv2DTranspose`, with `data_format` before
    `output_padding`, as in Keras.

    >>> import engine as tf
    >>> tf.keras.layers.Conv3DTranspose(2, 2, strides=2)(tf.ones([1, 2, 2, 2, 3])).shape
    TensorShape([1, 4, 4, 4, 2])
    """

    rank = 3

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str | None = None, output_padding: Any = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, **kwargs
        )


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
