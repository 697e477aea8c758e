"""Images made to size, and images changed at random while training, so that a model sees more of them.

Here is what moves pixels; `coloring` changes their colors. A random layer draws its numbers first
(`get_random_transformation`) and then applies them (`transform_images`), so that the second can be checked.
"""

from __future__ import annotations

import math
from typing import Any

from engine.keras import random
from engine.keras.layer import Layer
from engine.keras.layers.resampling import INTERPOLATIONS, affine, check_sampling, resize, rotation
from engine.keras.layers.reshaping import standardize_data_format
from engine.ops.casting import saturate_cast
from engine.ops.creation import convert
from engine.ops.elementwise import cast, maximum, minimum, multiply, ones_like, where, zeros_like
from engine.ops.elementwise import round as rounded
from engine.ops.joining import concat, reverse, stack
from engine.ops.layout import expand_dims, sizes, squeeze
from engine.ops.padding import pad
from engine.ops.slicing import getitem, slice_
from engine.tensor import Tensor

__all__ = [
    "CenterCrop", "RandomCrop", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom",
    "Resizing",
]  # fmt: skip


class ImageLayer(Layer):
    """A layer of images: `(batch, height, width, channels)`, or one image without batch.

    Keras's dicts of images, labels and bounding boxes are not accepted.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)

    def axes(self, images: Tensor) -> tuple[int, int]:
        """Where height and width are.

        Raises:
          ValueError: for anything but one image or a batch of them.
        """
        if images.ndim not in (3, 4):
            raise ValueError(
                f"Layer {self.name!r} expects an image (height, width, channels) or a batch of images, "
                f"but the input has shape {images.shape}."
            )
        height = images.ndim - (3 if self.data_format == "channels_last" else 2)
        return height, height + 1

    def area(self, images: Tensor) -> tuple[Any, Any]:
        """Height and width: numbers, or scalars where they are not known."""
        height, width = self.axes(images)
        found = sizes(images)
        return found[height], found[width]


def _window(images: Tensor, axes: tuple[int, int], start: Any, size: Any) -> Tensor:
    """The part of images that begins at `start` and has `size`, as far as they go."""
    key: list[Any] = [slice(None)] * images.ndim
    for axis, begin, length in zip(axes, start, size, strict=True):
        key[axis] = slice(begin, begin + length)
    return getitem(images, tuple(key))


def column(x: Tensor, i: int) -> Tensor:
    """One column of a matrix, as a vector."""
    return getitem(x, (slice(None), i))


def _smaller(a: Any, b: Any) -> Any:
    return min(a, b) if isinstance(a, int) and isinstance(b, int) else minimum(a, b)


def _larger(a: Any, b: Any) -> Any:
    return max(a, b) if isinstance(a, int) and isinstance(b, int) else maximum(a, b)


# --- made to size -----------------------------------------------------------------------------------


class Resizing(ImageLayer):
    """Images of another height and width.

    Args:
      height, width: the new ones.
      interpolation: 'bilinear', 'nearest', 'bicubic', 'lanczos3' or 'lanczos5'.
      crop_to_aspect_ratio: cut off what keeps the image from having the new proportions.
      pad_to_aspect_ratio: or add a border of `fill_value` that gives it these proportions.
      fill_mode: of the border; only 'constant'.
      antialias: in a smaller image, let all pixels count.
      data_format: 'channels_last' or 'channels_first'.

    Integers are rounded and stay integers.

    >>> import engine as tf
    >>> tf.keras.layers.Resizing(2, 3)(tf.ones([4, 10, 12, 3])).shape
    TensorShape([4, 2, 3, 3])
    """

    def __init__(
        self, height: int, width: int, interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False, pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant", fill_value: float = 0.0, antialias: bool = False,
        data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(data_format, **kwargs)
        if interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"Resizing: interpolation must be one of {INTERPOLATIONS}, not {interpolation!r}."
            )
        if fill_mode != "constant":
            raise ValueError(f"Resizing: fill_mode must be 'constant', not {fill_mode!r}.")
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError("Resizing: either crop or pad to the aspect ratio, not both.")
        self.height, self.width, self.interpolation = height, width, interpolation
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = (
            crop_to_aspect_ratio,
            pad_to_aspect_ratio,
        )
        self.fill_mode, self.fill_value, self.antialias = fill_mode, fill_value, bool(antialias)

    def call(self, inputs: Any) -> Tensor:
        """The images in their new size, in the dtype they had."""
        images = convert(inputs)
        given = images.dtype
        images = images if given.is_floating else cast(images, self.compute_dtype)
        if self.crop_to_aspect_ratio:
            images = to_proportions(self, images, self.height, self.width)
        elif self.pad_to_aspect_ratio:
            images = self._bordered(images)
        size = [self.height, self.width]
        made = resize(images, size, self.interpolation, self.data_format, self.antialias)
        return made if given.is_floating else saturate_cast(rounded(made), given)

    def _bordered(self, images: Tensor) -> Tensor:
        height, width = self.area(images)
        rows: list[Any] = [[0, 0]] * images.ndim
        wanted = (
            _larger(height, width * self.height // self.width),
            _larger(width, height * self.width // self.height),
        )
        for axis, old, new in zip(self.axes(images), (height, width), wanted, strict=True):
            rows[axis] = [(new - old) // 2] * 2
        return pad(images, rows, constant_values=self.fill_value)


def to_proportions(layer: ImageLayer, images: Tensor, height: int, width: int) -> Tensor:
    """The largest part of images, in their middle, with the proportions of height and width."""
    old_height, old_width = layer.area(images)
    rows = _larger(_smaller(old_height, old_width * height // width), 1)
    columns = _larger(_smaller(old_width, old_height * width // height), 1)
    start = ((old_height - rows) // 2, (old_width - columns) // 2)
    return _window(images, layer.axes(images), start, (rows, columns))


class CenterCrop(ImageLayer):
    """The middle of images; smaller images are scaled up first, without changing their proportions.

    Args:
      height, width: of the part.
      data_format: 'channels_last' or 'channels_first'.

    >>> import engine as tf
    >>> tf.keras.layers.CenterCrop(1, 2)([[[0.0], [1.0], [2.0], [3.0]]]).numpy().ravel().tolist()
    [1.0, 2.0]
    """

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.height, self.width = height, width

    def call(self, inputs: Any) -> Tensor:
        """The middle, as floats."""
        images = cast(inputs, self.compute_dtype)
        height, width = self.area(images)
        too_small = [
            isinstance(old, int) and old < new
            for old, new in ((height, self.height), (width, self.width))
        ]
        if any(too_small):
            part = to_proportions(self, images, self.height, self.width)
            return resize(part, [self.height, self.width], "bilinear", self.data_format)
        start = ((height - self.height) // 2, (width - self.width) // 2)
        return _window(images, self.axes(images), start, (self.height, self.width))


# --- random -----------------------------------------------------------------------------------------


class RandomImageLayer(ImageLayer):
    """Draws a transformation of each image when training; else gives the images as they are.

    In either case they come as floats. Without `training`, and outside `fit`, it counts as training.
    """

    bounds = (-1.0, 1.0)  # of a factor

    def __init__(self, seed: int | None = None, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.seed = seed
        self.generator = random.SeedGenerator(seed)

    def limits(self, factor: Any, name: str = "factor") -> tuple[float, float]:
        """(lower, upper), of which a single number means (-factor, factor), within the bounds.

        Raises:
          ValueError: for anything outside, or of another form.
        """
        low, high = self.bounds
        pair = factor if isinstance(factor, (tuple, list)) else (factor, factor)
        numbers = len(pair) == 2 and all(isinstance(f, (int, float)) for f in pair)
        # Of two, Keras wants one within the bounds where they are called factor, and both elsewhere.
        inside = numbers and min(pair) >= low and max(pair) <= high
        if numbers and pair is factor and name == "factor":
            inside = min(pair) <= high and max(pair) >= low
        if not inside:
            raise ValueError(
                f"{type(self).__name__}: {name} must be a number from {low} to {high} or two of them, not "
                f"{factor!r}."
            )
        if isinstance(factor, (tuple, list)):
            lower, upper = sorted(factor)
            return lower, upper
        return max(-abs(factor), low), abs(factor)

    def uniform(self, shape: Any, limits: tuple[float, float], seed: Any) -> Tensor:
        """Numbers drawn evenly, by the generator of the layer unless there is another seed."""
        source = self.generator if seed is None else seed
        return random.uniform(shape, *limits, dtype="float32", seed=source)

    def get_random_transformation(
        self, data: Tensor, training: bool = True, seed: Any = None
    ) -> Any:
        """Draws what `transform_images` needs, anew for each of the images (batch, ...)."""
        raise NotImplementedError

    def transform_images(
        self, images: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """The images with the transformation applied."""
        raise NotImplementedError

    def call(self, inputs: Any, training: bool | None = None) -> Tensor:
        """The images, changed if training."""
        images = cast(inputs, self.compute_dtype)
        self.axes(images)
        if training is not None and not training:
            return images
        batch = images if images.ndim == 4 else expand_dims(images, 0)
        changed = self.transform_images(batch, self.get_random_transformation(batch))
        return changed if images.ndim == 4 else squeeze(changed, 0)


class RandomFlip(RandomImageLayer):
    """Mirrors each image, or not, with equal chances.

    Args:
      mode: 'horizontal' swaps left and right, 'vertical' up and down, 'horizontal_and_vertical' both at
        once.
      seed: an integer, for the same images at every run.
      data_format: 'channels_last' or 'channels_first'.

    >>> import engine as tf
    >>> layer = tf.keras.layers.RandomFlip("horizontal", seed=1)
    >>> sorted(layer([[[1.0], [2.0]]]).numpy().ravel().tolist())
    [1.0, 2.0]
    """

    def __init__(
        self, mode: str = "horizontal_and_vertical", seed: int | None = None,
        data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        if mode not in ("horizontal", "vertical", "horizontal_and_vertical"):
            raise ValueError(
                "RandomFlip: mode must be 'horizontal', 'vertical' or 'horizontal_and_vertical', not "
                f"{mode!r}."
            )
        self.mode = mode

    def get_random_transformation(
        self, data: Tensor, training: bool = True, seed: Any = None
    ) -> Any:
        """`flips`, a bool for each image."""
        return {"flips": self.uniform([sizes(data)[0], 1, 1, 1], (0.0, 1.0), seed) <= 0.5}

    def transform_images(
        self, images: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """The images, mirrored where `flips` is true."""
        height, width = self.axes(images)
        axes = [axis for axis, word in ((width, "hor"), (height, "ver")) if word in self.mode]
        return where(transformation["flips"], reverse(images, axes), images)


class _Moving(RandomImageLayer):
    """Shows images at turned, shifted or scaled places. See `RandomRotation`."""

    def __init__(
        self, fill_mode: str = "reflect", interpolation: str = "bilinear", seed: int | None = None,
        fill_value: float = 0.0, data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        check_sampling(type(self).__name__, interpolation, fill_mode)
        self.fill_mode, self.interpolation, self.fill_value = fill_mode, interpolation, fill_value

    def _move(self, images: Tensor, transform: Tensor) -> Tensor:
        return affine(
            images, transform, self.interpolation, self.fill_mode, self.fill_value, self.data_format
        )


class RandomRotation(_Moving):
    """Turns each image about its center.

    Args:
      factor: the largest turn, as a share of the full circle; or the smallest and the largest.
      fill_mode: what is seen beyond the border: 'reflect' the image mirrored, 'wrap' the image again,
        'nearest' the border itself, 'constant' `fill_value`.
      interpolation: 'bilinear' or 'nearest'.
      seed: an integer, for the same images at every run.
      data_format: 'channels_last' or 'channels_first'.

    >>> import engine as tf
    >>> tf.keras.layers.RandomRotation(0.1)(tf.ones([2, 8, 8, 3])).shape
    TensorShape([2, 8, 8, 3])
    """

    def __init__(
        self, factor: Any, fill_mode: str = "reflect", interpolation: str = "bilinear",
        seed: int | None = None, fill_value: float = 0.0, data_format: str | None = None,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.factor = self.limits(factor)

    def get_random_transformation(
        self, data: Tensor, training: bool = True, seed: Any = None
    ) -> Any:
        """`angle` of each image, in degrees, and its `rotation_matrix`, (batch, 6)."""
        lower, upper = self.factor
        angle = self.uniform([sizes(data)[0]], (lower * 360.0, upper * 360.0), seed)
        turn = rotation(multiply(angle, math.pi / 180.0), *self.area(data))
        return {"angle": angle, "rotation_matrix": turn}

    def transform_images(
        self, images: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """The turned images."""
        return self._move(images, transformation["rotation_matrix"])


class RandomTranslation(_Moving):
    """Shifts each image.

    Args:
      height_factor, width_factor: the largest shift down and to the right, as a share of the size; or the
        smallest and the largest.

    The others are those of `RandomRotation`.
    """

    def __init__(
        self, height_factor: Any, width_factor: Any, fill_mode: str = "reflect",
        interpolation: str = "bilinear", seed: int | None = None, fill_value: float = 0.0,
        data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._down = self.limits(height_factor, "height_factor")
        self._right = self.limits(width_factor, "width_factor")

    def get_random_transformation(
        self, data: Tensor, training: bool = True, seed: Any = None
    ) -> Any:
        """`translations`, (batch, 2): how many pixels to the right and down."""
        shape = [sizes(data)[0], 1]
        height, width = self.area(data)
        down = self.uniform(shape, self._down, seed) * cast(height, "float32")
        right = self.uniform(shape, self._right, seed) * cast(width, "float32")
        return {"translations": concat([right, down], 1)}

    def transform_images(
        self, images: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """The shifted images."""
        shift = transformation["translations"]
        right, down = column(shift, 0), column(shift, 1)
        one, zero = ones_like(right), zeros_like(right)
        transform = stack([one, zero, -right, zero, one, -down], axis=1)
        return self._move(images, transform)


class RandomZoom(_Moving):
    """Scales each image about its center.

    Args:
      height_factor, width_factor: how much more of the image is seen at most, as a share; or the smallest
        and the largest. Below 0 it is less, so the image gets larger. Without width_factor, proportions
        stay.

    The others are those of `RandomRotation`.
    """

    def __init__(
        self, height_factor: Any, width_factor: Any = None, fill_mode: str = "reflect",
        interpolation: str = "bilinear", seed: int | None = None, fill_value: float = 0.0,
        data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._rows = self.limits(height_factor, "height_factor")
        self._columns = None if width_factor is None else self.limits(width_factor, "width_factor")

    def get_random_transformation(
        self, data: Tensor, training: bool = True, seed: Any = None
    ) -> Any:
        """`height_zoom` and `width_zoom`, (batch, 1): by how much what is seen is larger."""
        shape = [sizes(data)[0], 1]
        rows = self.uniform(shape, (1.0 + self._rows[0], 1.0 + self._rows[1]), seed)
        columns = rows
        if self._columns is not None:
            columns = self.uniform(shape, (1.0 + self._columns[0], 1.0 + self._columns[1]), seed)
        return {"height_zoom": rows, "width_zoom": columns}

    def transform_images(
        self, images: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """The scaled images."""
        x, y = (column(transformation[name], 0) for name in ("width_zoom", "height_zoom"))
        height, width = self.area(images)
        zero = zeros_like(x)
        aside = (cast(width, "float32") - 1.0) / 2.0 * (1.0 - x)
        down = (cast(height, "float32") - 1.0) / 2.0 * (1.0 - y)
        return self._move(images, stack([x, zero, aside, zero, y, down], axis=1))


class RandomCrop(RandomImageLayer):
    """A part of the images, at a random place, the same for all of a batch.

    Images that are not larger than the part are scaled to it. Without training they stay as they are.

    Args:
      height, width: of the part.
      seed: an integer, for the same parts at every run.
      data_format: 'channels_last' or 'channels_first'.

    >>> import engine as tf
    >>> tf.keras.layers.RandomCrop(2, 3)(tf.ones([4, 8, 8, 3]), training=True).shape
    TensorShape([4, 2, 3, 3])
    """

    def __init__(
        self, height: int, width: int, seed: int | None = None, data_format: str | None = None,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        self.seed = random.make_default_seed() if seed is None else seed
        self.height, self.width = height, width

    def get_random_transformation(
        self, data: Tensor, training: bool = True, seed: Any = None
    ) -> Any:
        """The row and the column at which the part begins."""
        height, width = self.area(data)
        if not isinstance(height, int) or not isinstance(width, int):
            raise ValueError(
                f"RandomCrop needs to know the height and width of images, but they have shape {data.shape}."
            )
        if height > self.height and width > self.width:
            rooms = (height - self.height + 1, width - self.width + 1)
            return tuple(
                cast(self.uniform([], (0.0, float(room)), seed), "int32") for room in rooms
            )
        rows = max(min(height, width * self.height // self.width), 1)
        columns = max(min(width, height * self.width // self.height), 1)
        return (height - rows) // 2, (width - columns) // 2

    def transform_images(
        self, images: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """The part that begins there."""
        axes, area = self.axes(images), self.area(images)
        if not isinstance(transformation[0], int):
            begin: list[Any] = [0] * images.ndim
            size: list[Any] = [-1] * images.ndim
            for i, length in enumerate((self.height, self.width)):
                begin[axes[i]], size[axes[i]] = transformation[i], length
            return slice_(images, begin, size)
        part = _window(images, axes, transformation, (self.height, self.width))
        if area == (self.height, self.width):
            return part
        return resize(part, [self.height, self.width], "bilinear", self.data_format)
