"""ConvLSTM: an LSTM whose states are images, and whose products are convolutions."""

from __future__ import annotations

from typing import Any, ClassVar

from engine.keras.input_spec import InputSpec
from engine.keras.layers.convolutional import numbers, spatial_format
from engine.keras.layers.core import known_size
from engine.keras.layers.recurrent_cells import LSTMCell
from engine.keras.layers.reshaping import standardize_data_format
from engine.keras.layers.rnn import _OfCell, _speaks_for
from engine.ops.convolution import convolution
from engine.ops.creation import zeros
from engine.ops.layout import reshape
from engine.tensor import Tensor

__all__ = ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"]


class ConvLSTMCell(LSTMCell):
    """One step of a ConvLSTM, on `(batch, ..., channels)`; see ConvLSTM2D."""

    size_name = "filters"
    # What `_settle` sets.
    rank: int
    filters: int

    def __init__(
        self, rank: int, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str | None = None, dilation_rate: Any = 1, activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros", unit_forget_bias: bool = True,
        kernel_regularizer: Any = None, recurrent_regularizer: Any = None,
        bias_regularizer: Any = None, kernel_constraint: Any = None,
        recurrent_constraint: Any = None, bias_constraint: Any = None, dropout: float = 0.0,
        recurrent_dropout: float = 0.0, seed: int | None = None, **kwargs: Any,
    ):  # fmt: skip
        self._settle(locals(), kwargs)
        self.kernel_size = numbers(kernel_size, rank, "kernel_size")
        self.strides = numbers(strides, rank, "strides")
        self.dilation_rate = numbers(dilation_rate, rank, "dilation_rate")
        self.padding = str(padding).lower()
        self.data_format = standardize_data_format(data_format)
        if self.padding not in ("valid", "same"):
            raise ValueError(f"ConvLSTM: padding must be 'valid' or 'same', not {padding!r}.")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"ConvLSTM: strides {self.strides} and dilation_rate {self.dilation_rate} are both above 1; "
                "one of them must be 1."
            )
        self.inner = rank + 1
        self.dropout_mask_count = self.gates
        self.state_size = [filters, filters]

    def build(self, input_shape: Any, states_shape: Any = None) -> None:
        """Makes the kernels and the bias; the sizes of the images must be known."""
        last = self.data_format == "channels_last"
        self.spatial_dims = tuple(input_shape[1:-1] if last else input_shape[2:])
        if None in self.spatial_dims:
            raise ValueError(
                f"ConvLSTM: the sizes of the images must be known, but the shape of one step is "
                f"{input_shape}."
            )
        channels = known_size(self, input_shape, -1 if last else 1)
        wide = self.gates * self.filters
        self._make_weights(
            (*self.kernel_size, channels, wide), (*self.kernel_size, self.filters, wide)
        )

    def _convolve(
        self, x: Tensor, kernel: Tensor, strides: Any, padding: str, dilations: Any
    ) -> Tensor:
        form = spatial_format(self.data_format, self.rank)
        return convolution(x, kernel, strides, padding.upper(), form, dilations)

    def _projected(self, inputs: Tensor, kernel: Tensor, bias: Any) -> Tensor:
        gated = self._convolve(inputs, kernel, self.strides, self.padding, self.dilation_rate)
        if bias is None:
            return gated
        last = self.data_format == "channels_last"
        return gated + (bias if last else reshape(bias, [-1] + [1] * self.rank))

    def _gated(self, h: Tensor, kernel: Tensor) -> Tensor:
        return self._convolve(h, kernel, [1] * self.rank, "same", [1] * self.rank)

    def step_settings(self) -> tuple[Any, ...]:
        """All that a step depends on besides its arguments."""
        return (*super().step_settings(), self.data_format)

    def get_initial_state(self, batch_size: Any = None) -> list[Tensor]:
        """Zeros in the shape of the outputs, for h and for c."""
        windows = zip(
            self.spatial_dims, self.kernel_size, self.strides, self.dilation_rate, strict=True
        )
        images = [
            -(-(n if self.padding == "same" else n - (k - 1) * gap) // jump)
            for n, k, jump, gap in windows
        ]
        last = self.data_format == "channels_last"
        shape = [*images, self.filters] if last else [self.filters, *images]
        return [zeros([batch_size, *shape], self.compute_dtype) for _ in range(2)]


@_speaks_for(ConvLSTMCell)
class _ConvLSTM(_OfCell):
    """The base of the three; see ConvLSTM2D."""

    spatial: ClassVar[int]

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str | None = None, dilation_rate: Any = 1, activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros", unit_forget_bias: bool = True,
        kernel_regularizer: Any = None, recurrent_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None,
        kernel_constraint: Any = None, recurrent_constraint: Any = None,
        bias_constraint: Any = None, dropout: float = 0.0, recurrent_dropout: float = 0.0,
        seed: int | None = None, return_sequences: bool = False, return_state: bool = False,
        go_backwards: bool = False, stateful: bool = False, **kwargs: Any,
    ):  # fmt: skip
        self._settle(ConvLSTMCell, {**locals(), "rank": self.spatial}, kwargs)
        self.input_spec = InputSpec(ndim=self.spatial + 3)


class ConvLSTM1D(_ConvLSTM):
    """ConvLSTM on `(batch, steps, length, channels)`; see ConvLSTM2D.

    >>> import engine as tf
    >>> tf.keras.layers.ConvLSTM1D(2, 3)(tf.ones([1, 4, 8, 1])).shape
    TensorShape([1, 6, 2])
    """

    spatial = 1


class ConvLSTM2D(_ConvLSTM):
    """Shi et al., Convolutional LSTM Network (2015): the equations of LSTMCell, with convolutions.

    From `(batch, steps, height, width, channels)` to `(batch, height, width, filters)`.

    Args:
      filters: the channels of the states and the output. kernel_size: of both convolutions.
      strides, padding, data_format, dilation_rate: of the convolution of the inputs, see Conv2D; that of
        the states always keeps their size.
      The others are those of LSTM.

    >>> import engine as tf
    >>> tf.keras.layers.ConvLSTM2D(2, 3, return_sequences=True)(tf.ones([1, 4, 8, 8, 1])).shape
    TensorShape([1, 4, 6, 6, 2])
    """

    spatial = 2


class ConvLSTM3D(_ConvLSTM):
    """ConvLSTM on `(batch, steps, depth, height, width, channels)`; see ConvLSTM2D.

    >>> import engine as tf
    >>> tf.keras.layers.ConvLSTM3D(2, 2)(tf.ones([1, 2, 3, 3, 3, 1])).shape
    TensorShape([1, 2, 2, 2, 2])
    """

    spatial = 3
