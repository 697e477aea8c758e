"""Layers that add, cut off or repeat places along the spatial axes: zero padding, cropping, up-sampling."""

from __future__ import annotations

from typing import Any, ClassVar

from engine.keras.input_spec import InputSpec
from engine.keras.layer import Layer
from engine.keras.layers.convolutional import numbers
from engine.keras.layers.resampling import resize
from engine.keras.layers.reshaping import standardize_data_format
from engine.ops.joining import tile
from engine.ops.layout import reshape, sizes
from engine.ops.padding import pad
from engine.ops.slicing import getitem
from engine.tensor import Tensor

__all__ = [
    "Cropping1D", "Cropping2D", "Cropping3D", "UpSampling1D", "UpSampling2D", "UpSampling3D",
    "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
]  # fmt: skip


def _pairs(value: Any, n: int, name: str) -> Any:
    """(before, after) for each of n axes, out of a number, one for each axis, or pairs.

    >>> _pairs(1, 2, "padding"), _pairs((1, (0, 2)), 2, "padding")
    (((1, 1), (1, 1)), ((1, 1), (0, 2)))
    """
    given = [value] * n if isinstance(value, int) else list(value)
    if len(given) != n:
        raise ValueError(f"{name} must be a number or {n} entries, one a spatial axis: {value!r}.")
    return tuple(numbers(entry, 2, name, 0) for entry in given)


class _Bordered(Layer):
    """A layer that works on the ends of `rank` spatial axes."""

    rank: ClassVar[int]

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _first(self) -> int:
        return 1 if self.data_format == "channels_last" else 2


# --- zeros ------------------------------------------------------------------------------------------


class _ZeroPadding(_Bordered):
    """Zeros before and after. See `ZeroPadding2D`."""

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.padding = _pairs(padding, self.rank, "padding")

    def call(self, inputs: Tensor) -> Tensor:
        """The input with zeros around it."""
        rows = [(0, 0)] * (self.rank + 2)
        rows[self._first : self._first + self.rank] = self._around()
        return pad(inputs, rows)

    def _around(self) -> list[tuple[int, int]]:
        return list(self.padding)


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after a sequence, `(batch, steps, channels)`.

    Args:
      padding: how many, a number or (before, after).
      data_format: 'channels_last' or 'channels_first'.

    >>> import engine as tf
    >>> tf.keras.layers.ZeroPadding1D((2, 1))([[[5.0]]]).numpy().ravel().tolist()
    [0.0, 0.0, 5.0, 0.0]
    """

    rank = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(0, data_format, **kwargs)
        self.padding = numbers(padding, 2, "padding", 0)

    def _around(self) -> list[tuple[int, int]]:
        before, after = self.padding
        return [(before, after)]


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images, `(batch, height, width, channels)`.

    Args:
      padding: how many: a number, one for each spatial axis, or (before, after) for each.
      data_format: 'channels_last' or 'channels_first'.

    >>> import engine as tf
    >>> tf.keras.layers.ZeroPadding2D(((1, 0), (2, 2)))(tf.ones([1, 4, 4, 3])).shape
    TensorShape([1, 5, 8, 3])
    """

    rank = 2


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes. Arguments as for `ZeroPadding2D`.

    >>> import engine as tf
    >>> tf.keras.layers.ZeroPadding3D(1)(tf.ones([1, 2, 2, 2, 3])).shape
    TensorShape([1, 4, 4, 4, 3])
    """

    rank = 3


# --- cutting ----------------------------------------------------------------------------------------


class _Cropping(_Bordered):
    """Places cut off before and after. See `Cropping2D`."""

    def __init__(self, cropping: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.cropping = _pairs(cropping, self.rank, "cropping")

    def call(self, inputs: Tensor) -> Tensor:
        """What is left."""
        around: Any = self.cropping if self.rank > 1 else [self.cropping]
        key: list[Any] = [slice(None)] * (self.rank + 2)
        for axis, (before, after) in enumerate(around, self._first):
            size = inputs.shape[axis]
            if size is not None and before + after >= size:
                raise ValueError(
                    f"{type(self).__name__}: cropping {self.cropping} leaves nothing of axis {axis} of an "
                    f"input of shape {inputs.shape}."
                )
            key[axis] = slice(before, -after if after else None)
        return getitem(inputs, tuple(key))


class Cropping1D(_Cropping):
    """Steps cut off a sequence, `(batch, steps, channels)`.

    Args:
      cropping: how many, a number or (before, after).

    Raises:
      ValueError: when nothing would be left.

    >>> import engine as tf
    >>> tf.keras.layers.Cropping1D((1, 0))([[[1.0], [2.0], [3.0]]]).numpy().ravel().tolist()
    [2.0, 3.0]
    """

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any):
        super().__init__(0, "channels_last", **kwargs)
        self.cropping = numbers(cropping, 2, "cropping", 0)

    def get_config(self) -> dict[str, Any]:
        """The arguments; channels are always last."""
        config = super().get_config()
        del config["data_format"]
        return config


class Cropping2D(_Cropping):
    """Borders cut off images, `(batch, height, width, channels)`.

    Args:
      cropping: how many: a number, one for each spatial axis, or (before, after) for each.
      data_format: 'channels_last' or 'channels_first'.

    Raises:
      ValueError: when nothing would be left.

    >>> import engine as tf
    >>> tf.keras.layers.Cropping2D(((1, 0), (2, 1)))(tf.ones([1, 4, 6, 3])).shape
    TensorShape([1, 3, 3, 3])
    """

    rank = 2

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ):
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """Borders cut off volumes. Arguments as for `Cropping2D`.

    >>> import engine as tf
    >>> tf.keras.layers.Cropping3D(1)(tf.ones([1, 4, 4, 4, 3])).shape
    TensorShape([1, 2, 2, 2, 3])
    """

    rank = 3

    def __init__(
        self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any
    ):  # fmt: skip
        super().__init__(cropping, data_format, **kwargs)


# --- repeating --------------------------------------------------------------------------------------


def _repeated(x: Tensor, times: tuple[int, ...], first: int) -> Tensor:
    """Every place along the axes from `first` on so many times in a row."""
    old = sizes(x)
    apart, copies, joined = old[:first], [1] * first, old[:first]
    for size, n in zip(old[first:], times, strict=False):
        apart, copies, joined = [*apart, size, 1], [*copies, 1, n], [*joined, size * n]
    rest = old[first + len(times) :]
    copied = tile(reshape(x, [*apart, *rest]), [*copies, *[1] * len(rest)])
    return reshape(copied, [*joined, *rest])


class UpSampling1D(Layer):
    """Each step of a sequence `size` times: `(batch, steps, channels)`.

    >>> import engine as tf
    >>> tf.keras.layers.UpSampling1D(2)([[[1.0], [2.0]]]).numpy().ravel().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """

    def __init__(self, size: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        (self.size,) = numbers(size, 1, "size")
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: Tensor) -> Tensor:
        """The repeated steps."""
        return _repeated(inputs, (self.size,), 1)


class _UpSampling(_Bordered):
    """Each place a number of times along each spatial axis. See `UpSampling2D`."""

    def __init__(self, size: Any = 2, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.size = numbers(size, self.rank, "size")

    def call(self, inputs: Tensor) -> Tensor:
        """The repeated places."""
        return _repeated(inputs, self.size, self._first)


class UpSampling2D(_UpSampling):
    """Images made larger: `(batch, height, width, channels)`.

    Args:
      size: how many times: a number, or one for each spatial axis.
      data_format: 'channels_last' or 'channels_first'.
      interpolation: 'nearest' repeats each place; 'bilinear', 'bicubic', 'lanczos3' and 'lanczos5' weigh
        the places around, as in `Resizing`.

    >>> import engine as tf
    >>> tf.keras.layers.UpSampling2D((1, 2))([[[[1.0], [2.0]]]]).numpy().ravel().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """

    rank = 2

    def __init__(
        self, size: Any = 2, data_format: str | None = None, interpolation: str = "nearest",
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(size, data_format, **kwargs)
        self.interpolation = str(interpolation).lower()

    def call(self, inputs: Tensor) -> Tensor:
        """The larger images."""
        if self.interpolation == "nearest":
            return super().call(inputs)
        old = sizes(inputs)[self._first : self._first + 2]
        new = [size * times for size, times in zip(old, self.size, strict=True)]
        return resize(inputs, new, self.interpolation, self.data_format)


class UpSampling3D(_UpSampling):
    """Volumes made larger: each place repeated. Arguments as for `UpSampling2D`, without interpolation.

    >>> import engine as tf
    >>> tf.keras.layers.UpSampling3D()(tf.ones([1, 2, 2, 2, 3])).shape
    TensorShape([1, 4, 4, 4, 3])
    """

    rank = 3
