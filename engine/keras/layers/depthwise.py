"""Convolutions that see each channel alone, and separable ones, which mix the channels afterwards."""

from __future__ import annotations

from typing import Any

from engine.keras.layers.convolutional import Convolving
from engine.ops.layout import reshape, sizes
from engine.tensor import Tensor

__all__ = [
    "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D",
    "SeparableConvolution1D", "SeparableConvolution2D",
]  # fmt: skip


def separately(layer: Convolving, inputs: Tensor, kernel: Any) -> Tensor:
    """Each channel convolved with its own filters: kernel `(*window, channels, multiplier)`."""
    *window, channels, multiplier = sizes(kernel)
    alone = reshape(kernel, [*window, 1, channels * multiplier])
    return layer.convolve(inputs, alone, layer.strides, layer.padding.upper(), layer.dilation_rate)


class _DepthwiseConv(Convolving):
    """Depthwise convolution. See `DepthwiseConv2D`."""

    def __init__(
        self, kernel_size: Any, strides: Any = 1, padding: str = "valid", depth_multiplier: int = 1,
        data_format: str | None = None, dilation_rate: Any = 1, activation: Any = None,
        use_bias: bool = True, depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", depthwise_regularizer: Any = None, bias_regularizer: Any = None,
        activity_regularizer: Any = None, depthwise_constraint: Any = None, bias_constraint: Any = None,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set_windows(kernel_size, strides, padding, data_format, dilation_rate)
        self._keep(
            depth_multiplier=depth_multiplier, activation=activation, use_bias=use_bias,
            depthwise_initializer=depthwise_initializer, bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer, bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        """Makes kernel and bias; the number of channels must be known."""
        channels = self._channels(input_shape)
        multiplier: int = self.depth_multiplier  # type: ignore[attr-defined]
        self.kernel = self._weight("kernel", (*self.kernel_size, channels, multiplier), "depthwise")
        self._add_bias(channels * multiplier)

    def call(self, inputs: Tensor) -> Tensor:
        """The convolved channels, shifted and activated."""
        return self._finish(separately(self, inputs, self.kernel))


class DepthwiseConv1D(_DepthwiseConv):
    """Depthwise convolution of sequences. Arguments as for `DepthwiseConv2D`.

    >>> import engine as tf
    >>> tf.keras.layers.DepthwiseConv1D(3, depth_multiplier=2)(tf.ones([2, 5, 3])).shape
    TensorShape([2, 3, 6])
    """

    rank = 1


class DepthwiseConv2D(_DepthwiseConv):
    """Depthwise convolution of images.

    Each channel convolved on its own, with `depth_multiplier` filters.

    Args:
      depth_multiplier: output channels for each input channel.
      depthwise_initializer, depthwise_regularizer, depthwise_constraint: of the kernel, of shape
        `(*kernel_size, channels, depth_multiplier)`.

    The others are those of `Conv2D`.
    >>> import engine as tf
    >>> tf.keras.layers.DepthwiseConv2D(3, padding="same")(tf.ones([2, 8, 8, 3])).shape
    TensorShape([2, 8, 8, 3])
    """

    rank = 2


class _SeparableConv(Convolving):
    """Separable convolution. See `SeparableConv2D`."""

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str | None = None, dilation_rate: Any = 1, depth_multiplier: int = 1,
        activation: Any = None, use_bias: bool = True, depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None, pointwise_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None, depthwise_constraint: Any = None,
        pointwise_constraint: Any = None, bias_constraint: Any = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set_windows(kernel_size, strides, padding, data_format, dilation_rate)
        self._keep(
            filters=filters, depth_multiplier=depth_multiplier, activation=activation,
            use_bias=use_bias, depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer, bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer, pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer, depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        """Makes both kernels and the bias; the number of channels must be known."""
        channels = self._channels(input_shape)
        multiplier: int = self.depth_multiplier  # type: ignore[attr-defined]
        point = (1,) * self.rank
        self.depthwise_kernel = self._weight(
            "depthwise_kernel", (*self.kernel_size, channels, multiplier), "depthwise"
        )
        self.pointwise_kernel = self._weight(
            "pointwise_kernel", (*point, channels * multiplier, self.filters), "pointwise"
        )
        self._add_bias(self.filters)

    def call(self, inputs: Tensor) -> Tensor:
        """The convolved channels, mixed, shifted and activated."""
        apart = separately(self, inputs, self.depthwise_kernel)
        return self._finish(self.convolve(apart, self.pointwise_kernel, 1, "VALID", 1))


class SeparableConv1D(_SeparableConv):
    """Separable convolution of sequences. Arguments as for `SeparableConv2D`.

    >>> import engine as tf
    >>> tf.keras.layers.SeparableConv1D(4, 3)(tf.ones([2, 5, 3])).shape
    TensorShape([2, 3, 4])
    """

    rank = 1


class SeparableConv2D(_SeparableConv):
    """Separable convolution of images.

    A depthwise convolution, then one with windows of a single place that mixes the channels.

    Chollet, Xception: Deep Learning with Depthwise Separable Convolutions (2017).

    Args:
      depth_multiplier: channels that the first makes of each input channel.
      depthwise_initializer, pointwise_initializer, ...: of the two kernels, of shapes
        `(*kernel_size, channels, depth_multiplier)` and `(1, ..., channels * depth_multiplier, filters)`.

    The others are those of `Conv2D`.
    >>> import engine as tf
    >>> tf.keras.layers.SeparableConv2D(4, 3)(tf.ones([2, 8, 8, 3])).shape
    TensorShape([2, 6, 6, 4])
    """

    rank = 2


SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
