"""Pooling: the largest or the mean element of windows, or of all places, for every channel on its own."""

from __future__ import annotations

from typing import Any, ClassVar

from engine.keras.input_spec import InputSpec
from engine.keras.layer import Layer
from engine.keras.layers.convolutional import numbers, spatial_format
from engine.keras.layers.reshaping import standardize_data_format
from engine.ops.elementwise import cast, where, zeros_like
from engine.ops.joining import stack
from engine.ops.layout import expand_dims
from engine.ops.pooling import avg_pool, max_pool
from engine.ops.reduce import reduce_max, reduce_mean, reduce_sum
from engine.ops.slicing import getitem
from engine.tensor import Tensor

__all__ = [
    "AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D", "AveragePooling1D",
    "AveragePooling2D", "AveragePooling3D", "AvgPool1D", "AvgPool2D", "AvgPool3D",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalAvgPool1D",
    "GlobalAvgPool2D", "GlobalAvgPool3D", "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "MaxPool1D", "MaxPool2D",
    "MaxPool3D", "MaxPooling1D", "MaxPooling2D", "MaxPooling3D",
]  # fmt: skip


class _Spatial(Layer):
    """A layer of `rank` spatial axes, between batch and channels or after both."""

    rank: ClassVar[int]

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _axes(self) -> list[int]:
        start = 1 if self.data_format == "channels_last" else 2
        return list(range(start, start + self.rank))


# --- windows ----------------------------------------------------------------------------------------


class _Pooling(_Spatial):
    """One number for each window of each channel. See `MaxPooling2D`."""

    _built_by_init = True

    def __init__(
        self, pool_size: Any, strides: Any = None, padding: str = "valid",
        data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(data_format, **kwargs)
        self.pool_size = numbers(pool_size, self.rank, "pool_size")
        self.strides = self.pool_size if strides is None else numbers(strides, self.rank, "strides")
        self.padding = str(padding).lower()
        if self.padding not in ("valid", "same"):
            raise ValueError(
                f"{type(self).__name__}: padding must be 'valid' or 'same', not {padding!r}."
            )

    def _pool(self, operation: Any, inputs: Tensor) -> Tensor:
        layout = spatial_format(self.data_format, self.rank)
        result: Tensor = operation(
            inputs, self.pool_size, self.strides, self.padding.upper(), layout
        )
        return result


class _MaxPooling(_Pooling):
    """The largest element of each window. See `MaxPooling2D`."""

    def __init__(
        self, pool_size: Any = 2, strides: Any = None, padding: str = "valid",
        data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(pool_size, strides, padding, data_format, **kwargs)

    def call(self, inputs: Tensor) -> Tensor:
        """The largest elements."""
        return self._pool(max_pool, inputs)


class MaxPooling1D(_MaxPooling):
    """The largest element of each window of a sequence. Arguments as for `MaxPooling2D`.

    >>> import engine as tf
    >>> tf.keras.layers.MaxPooling1D()([[[1.0], [3.0], [2.0], [5.0]]]).numpy().ravel().tolist()
    [3.0, 5.0]
    """

    rank = 1


class MaxPooling2D(_MaxPooling):
    """The largest element of each window of an image: `(batch, height, width, channels)` gives
    `(batch, rows, columns, channels)`.

    Args:
      pool_size: the size of the window: a number, or one for each spatial axis.
      strides: how far windows are apart; by default they touch: `pool_size`.
      padding: 'valid': windows lie inside the input; 'same': its sizes are divided by strides and rounded
        up, and places outside never win (of a mean: do not count).
      data_format: 'channels_last' or 'channels_first'.

    Raises:
      ValueError: for sizes or a padding that cannot be.

    >>> import engine as tf
    >>> tf.keras.layers.MaxPooling2D()(tf.ones([2, 6, 6, 3])).shape
    TensorShape([2, 3, 3, 3])
    """

    rank = 2


class MaxPooling3D(_MaxPooling):
    """The largest element of each window of a volume. Arguments as for `MaxPooling2D`.

    >>> import engine as tf
    >>> tf.keras.layers.MaxPooling3D()(tf.ones([1, 4, 4, 4, 3])).shape
    TensorShape([1, 2, 2, 2, 3])
    """

    rank = 3


class _AveragePooling(_Pooling):
    """The mean of each window. See `AveragePooling2D`."""

    def call(self, inputs: Tensor) -> Tensor:
        """The means."""
        return self._pool(avg_pool, inputs)


class AveragePooling1D(_AveragePooling):
    """The mean of each window of a sequence. Arguments as for `MaxPooling2D`.

    >>> import engine as tf
    >>> tf.keras.layers.AveragePooling1D(2)([[[1.0], [3.0], [2.0], [5.0]]]).numpy().ravel().tolist()
    [2.0, 3.5]
    """

    rank = 1


class AveragePooling2D(_AveragePooling):
    """The mean of each window of an image. Arguments as for `MaxPooling2D`, with no default size.

    >>> import engine as tf
    >>> tf.keras.layers.AveragePooling2D(2)([[[[1.0], [4.0]], [[2.0], [3.0]]]]).numpy().item()
    2.5
    """

    rank = 2


class AveragePooling3D(_AveragePooling):
    """The mean of each window of a volume. Arguments as for `MaxPooling2D`, with no default size.

    >>> import engine as tf
    >>> tf.keras.layers.AveragePooling3D(2)(tf.ones([1, 4, 4, 4, 3])).shape
    TensorShape([1, 2, 2, 2, 3])
    """

    rank = 3


# --- all places -------------------------------------------------------------------------------------


class _GlobalPooling(_Spatial):
    """One number for each channel. See `GlobalAveragePooling2D`."""

    _built_by_init = True

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.keepdims = keepdims


class _GlobalMaxPooling(_GlobalPooling):
    """The largest element of each channel. See `GlobalMaxPooling2D`."""

    def call(self, inputs: Tensor) -> Tensor:
        """The largest elements."""
        return reduce_max(inputs, self._axes, keepdims=self.keepdims)


class _GlobalAveragePooling(_GlobalPooling):
    """The mean of each channel. See `GlobalAveragePooling2D`."""

    def call(self, inputs: Tensor) -> Tensor:
        """The means."""
        return reduce_mean(inputs, self._axes, keepdims=self.keepdims)


class GlobalMaxPooling1D(_GlobalMaxPooling):
    """The largest element of each channel of a sequence. Arguments as for `GlobalAveragePooling2D`.

    >>> import engine as tf
    >>> tf.keras.layers.GlobalMaxPooling1D()([[[1.0, 5.0], [3.0, 2.0]]]).numpy().tolist()
    [[3.0, 5.0]]
    """

    rank = 1


class GlobalMaxPooling2D(_GlobalMaxPooling):
    """The largest element of each channel of an image. Arguments as for `GlobalAveragePooling2D`.

    >>> import engine as tf
    >>> tf.keras.layers.GlobalMaxPooling2D()(tf.ones([2, 4, 4, 3])).shape
    TensorShape([2, 3])
    """

    rank = 2


class GlobalMaxPooling3D(_GlobalMaxPooling):
    """The largest element of each channel of a volume. Arguments as for `GlobalAveragePooling2D`.

    >>> import engine as tf
    >>> tf.keras.layers.GlobalMaxPooling3D(keepdims=True)(tf.ones([2, 4, 4, 4, 3])).shape
    TensorShape([2, 1, 1, 1, 3])
    """

    rank = 3


class GlobalAveragePooling1D(_GlobalAveragePooling):
    """The mean of each channel of a sequence: `(batch, steps, channels)` gives `(batch, channels)`.

    Steps that the mask, `(batch, steps)`, leaves out do not count. Arguments as for
    `GlobalAveragePooling2D`.

    >>> import engine as tf
    >>> x = [[[1.0], [3.0], [8.0]]]
    >>> tf.keras.layers.GlobalAveragePooling1D()(x, mask=tf.constant([[True, True, False]])).numpy().item()
    2.0
    """

    rank = 1

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Any = None) -> Tensor:
        """The means over the steps that count."""
        if mask is None:
            return super().call(inputs)
        counts = expand_dims(cast(mask, "bool"), 3 - self._axes[0])
        kept = where(counts, inputs, zeros_like(inputs))
        total = reduce_sum(kept, self._axes, keepdims=self.keepdims)
        return total / reduce_sum(cast(counts, inputs.dtype), self._axes, keepdims=self.keepdims)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """No steps are left, so no mask."""
        return None


class GlobalAveragePooling2D(_GlobalAveragePooling):
    """The mean of each channel of an image: `(batch, height, width, channels)` gives `(batch, channels)`.

    Args:
      data_format: 'channels_last' or 'channels_first'.
      keepdims: whether the spatial axes stay, with size 1.

    >>> import engine as tf
    >>> tf.keras.layers.GlobalAveragePooling2D()([[[[1.0], [4.0]], [[2.0], [3.0]]]]).numpy().item()
    2.5
    """

    rank = 2


class GlobalAveragePooling3D(_GlobalAveragePooling):
    """The mean of each channel of a volume. Arguments as for `GlobalAveragePooling2D`.

    >>> import engine as tf
    >>> tf.keras.layers.GlobalAveragePooling3D()(tf.ones([2, 4, 4, 4, 3])).shape
    TensorShape([2, 3])
    """

    rank = 3


# --- a given number of places -----------------------------------------------------------------------


class _AdaptivePooling(_Spatial):
    """Windows made to fit: place i of n sees `size * i // n` to `ceil(size * (i + 1) / n)`.

    See `AdaptiveAveragePooling2D`.
    """

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.output_size = numbers(output_size, self.rank, "output_size")

    def _adapt(self, reduction: Any, inputs: Tensor) -> Tensor:
        """Axis after axis: the windows of the axes together are boxes, so it comes to the same."""
        for axis, places in zip(self._axes, self.output_size, strict=True):
            size = inputs.shape[axis]
            if size is None:
                raise ValueError(
                    f"{type(self).__name__} needs to know the size of axis {axis}, but the input has "
                    f"shape {inputs.shape}."
                )
            ends = [(size * i // places, -(-size * (i + 1) // places)) for i in range(places)]
            lead = (slice(None),) * axis
            inputs = stack(
                [reduction(getitem(inputs, (*lead, slice(a, b))), axis) for a, b in ends], axis
            )
        return inputs


class _AdaptiveMaxPooling(_AdaptivePooling):
    """The largest elements. See `AdaptiveMaxPooling2D`."""

    def call(self, inputs: Tensor) -> Tensor:
        """The largest elements."""
        return self._adapt(reduce_max, inputs)


class _AdaptiveAveragePooling(_AdaptivePooling):
    """The means. See `AdaptiveAveragePooling2D`."""

    def call(self, inputs: Tensor) -> Tensor:
        """The means: of a box it is the mean of the means of its rows, which are equally long."""
        return self._adapt(reduce_mean, inputs)


class AdaptiveMaxPooling1D(_AdaptiveMaxPooling):
    """The largest elements of a sequence in `output_size` windows. See `AdaptiveAveragePooling2D`."""

    rank = 1


class AdaptiveMaxPooling2D(_AdaptiveMaxPooling):
    """The largest elements of an image in `output_size` windows. See `AdaptiveAveragePooling2D`."""

    rank = 2


class AdaptiveMaxPooling3D(_AdaptiveMaxPooling):
    """The largest elements of a volume in `output_size` windows. See `AdaptiveAveragePooling2D`."""

    rank = 3


class AdaptiveAveragePooling1D(_AdaptiveAveragePooling):
    """The means of a sequence in `output_size` windows. See `AdaptiveAveragePooling2D`."""

    rank = 1


class AdaptiveAveragePooling2D(_AdaptiveAveragePooling):
    """The means of an image in as many windows as are asked for, whatever its size.

    Args:
      output_size: the number of windows: a number, or one for each spatial axis.
      data_format: 'channels_last' or 'channels_first'.

    >>> import engine as tf
    >>> tf.keras.layers.AdaptiveAveragePooling2D(2)(tf.ones([1, 5, 7, 3])).shape
    TensorShape([1, 2, 2, 3])
    """

    rank = 2


class AdaptiveAveragePooling3D(_AdaptiveAveragePooling):
    """The means of a volume in `output_size` windows. See `AdaptiveAveragePooling2D`."""

    rank = 3


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
