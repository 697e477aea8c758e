"""Images whose colors are changed at random while training: contrast, brightness, saturation, hue."""

from __future__ import annotations

from typing import Any

from engine.keras import config
from engine.keras.layers.augmentation import RandomImageLayer
from engine.ops.elementwise import abs as absolute
from engine.ops.elementwise import (
    add,
    cast,
    clip_by_value,
    divide,
    maximum,
    minimum,
    multiply,
    ones_like,
    where,
    zeros_like,
)
from engine.ops.joining import stack
from engine.ops.layout import reshape, sizes
from engine.ops.reduce import reduce_mean
from engine.ops.slicing import getitem
from engine.tensor import Tensor

__all__ = [
    "RandomBrightness", "RandomContrast", "RandomGrayscale", "RandomHue", "RandomInvert",
    "RandomSaturation",
]  # fmt: skip


class _Coloring(RandomImageLayer):
    """A random layer that knows what colors there are: `value_range`."""

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None,
        data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        self.factor: Any = self.limits(factor)
        if not isinstance(value_range, (tuple, list)) or len(value_range) != 2:
            raise ValueError(
                f"{type(self).__name__}: value_range is the smallest and the largest value, such as "
                f"(0, 1), not {value_range!r}."
            )
        self.value_range = value_range

    def clipped(self, images: Tensor) -> Tensor:
        """The images with no value outside the range."""
        low, high = self.value_range
        return clip_by_value(images, low, high)

    def _of_each(self, numbers: Tensor, images: Tensor) -> Tensor:
        """(batch,) as (batch, 1, 1, 1), in the dtype of images."""
        return cast(reshape(numbers, [-1, 1, 1, 1]), images.dtype)


class RandomContrast(_Coloring):
    """Moves each pixel away from the mean of its image, and channel, or towards it.

    Args:
      factor: (a, b) draws how far, from 1 - a to 1 + b times as far as it was. A single number f is (0, f)
        in Keras, so the contrast grows, and so it is here.
      value_range: the smallest and the largest color; what is outside afterwards is clipped.
      seed: an integer, for the same images at every run.
    """

    bounds = (0.0, 1.0)

    def get_random_transformation(
        self, data: Tensor, training: bool = True, seed: Any = None
    ) -> Any:
        """`contrast_factor` of each image."""
        lower, upper = self.factor
        drawn = self.uniform([sizes(data)[0], 1, 1, 1], (1.0 - lower, 1.0 + upper), seed)
        return {"contrast_factor": drawn}

    def transform_images(
        self, images: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """The images with that contrast."""
        mean = reduce_mean(images, list(self.axes(images)), keepdims=True)
        times = cast(transformation["contrast_factor"], images.dtype)
        return self.clipped((images - mean) * times + mean)


class RandomBrightness(_Coloring):
    """Adds a number to each image.

    Args:
      factor: the largest number, as a share of the range; or the smallest and the largest.

    The others are those of `RandomContrast`.
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ):
        super().__init__(factor, value_range, seed, **kwargs)
        self.value_range = sorted(value_range)

    def get_random_transformation(
        self, data: Tensor, training: bool = True, seed: Any = None
    ) -> Any:
        """`rgb_delta`: the number of each image."""
        low, high = self.value_range
        drawn = self.uniform([sizes(data)[0], 1, 1, 1], self.factor, seed)
        return {"rgb_delta": drawn * (high - low)}

    def transform_images(
        self, images: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """The brighter or darker images."""
        return self.clipped(images + cast(transformation["rgb_delta"], images.dtype))


class RandomInvert(_Coloring):
    """Turns some images into their negatives.

    Args:
      factor: how likely that is; (a, b) draws how likely.

    The others are those of `RandomContrast`.
    """

    bounds = (0.0, 1.0)

    def __init__(
        self, factor: Any = 1.0, value_range: Any = (0, 255), seed: int | None = None,
        data_format: str | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(factor, value_range, seed, data_format, **kwargs)

    def get_random_transformation(
        self, data: Tensor, training: bool = True, seed: Any = None
    ) -> Any:
        """`apply_inversion`, a bool for each image."""
        shape = [sizes(data)[0]]
        chance = self.uniform(shape, self.factor, seed)
        return {"apply_inversion": self.uniform(shape, (0.0, 1.0), seed) < chance}

    def transform_images(
        self, images: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """The images, inverted where it says so."""
        chosen = reshape(transformation["apply_inversion"], [-1, 1, 1, 1])
        return where(chosen, self.value_range[1] - images, images)


# --- colors of three channels -----------------------------------------------------------------------


class _Colors(_Coloring):
    """A layer that needs red, green and blue."""

    def channels(self, images: Tensor) -> list[Tensor]:
        """The three, (batch, height, width) each.

        Raises:
          ValueError: for another number of channels.
        """
        axis = -1 if self.data_format == "channels_last" else 1
        if images.shape[axis] not in (3, None):
            raise ValueError(
                f"Layer {self.name!r} changes red, green and blue, but the input has shape {images.shape}."
            )
        lead = (slice(None),) if axis == 1 else (Ellipsis,)
        return [getitem(images, (*lead, i)) for i in range(3)]

    def joined(self, channels: Any) -> Tensor:
        """Three channels as images."""
        return stack(list(channels), axis=-1 if self.data_format == "channels_last" else 1)


def rgb_to_hsv(red: Tensor, green: Tensor, blue: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hue as a share of the circle, saturation, value. Smith, Color Gamut Transform Pairs (1978).

    >>> [round(x.numpy().item(), 2) for x in rgb_to_hsv(*map(cast, ([1.0], [0.5], [0.0]), ["float32"] * 3))]
    [0.08, 1.0, 1.0]
    """
    value = maximum(maximum(red, green), blue)
    spread = value - minimum(minimum(red, green), blue)
    some = spread > 0.0
    unit = 1.0 / (6.0 * where(some, spread, ones_like(spread)))
    hue = where(value == green, unit * (blue - red) + 2.0 / 6.0, unit * (red - green) + 4.0 / 6.0)
    hue = where(value == red, unit * (green - blue), hue)
    hue = where(some, hue, zeros_like(hue)) + cast(hue < 0.0, hue.dtype)
    saturation = where(
        value > 0.0, spread / where(value > 0.0, value, ones_like(value)), zeros_like(value)
    )
    return hue, saturation, value


def hsv_to_rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The inverse of `rgb_to_hsv`."""
    sixth = hue % 1.0 * 6.0
    shares = (
        clip_by_value(absolute(sixth - 3.0) - 1.0, 0.0, 1.0),
        clip_by_value(2.0 - absolute(sixth - 2.0), 0.0, 1.0),
        clip_by_value(2.0 - absolute(sixth - 4.0), 0.0, 1.0),
    )
    red, green, blue = (value * (1.0 - saturation + saturation * share) for share in shares)
    return red, green, blue


class RandomSaturation(_Colors):
    """Makes colors stronger or paler.

    Args:
      factor: 0 to 1, or two such numbers between which f is drawn; saturation is multiplied by
        f / (1 - f): 0 is gray, 0.5 leaves it as it is.

    The others are those of `RandomContrast`. Images have three channels.
    """

    bounds = (0.0, 1.0)

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), data_format: str | None = None,
        seed: int | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(factor, value_range, seed, data_format, **kwargs)
        self.value_range = sorted(value_range)

    def get_random_transformation(
        self, data: Tensor, training: bool = True, seed: Any = None
    ) -> Any:
        """`factor` of each image."""
        drawn = self.uniform([sizes(data)[0]], self.factor, seed)
        return {"factor": drawn / (1.0 - drawn + config.epsilon())}

    def transform_images(
        self, images: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """The images with that saturation."""
        hue, saturation, value = rgb_to_hsv(*self.channels(images))
        times = cast(reshape(transformation["factor"], [-1, 1, 1]), images.dtype)
        return self.joined(hsv_to_rgb(hue, self.clipped(saturation * times), value))


class RandomHue(_Colors):
    """Turns the color circle: reds become orange or pink.

    Args:
      factor: 0 to 1, the largest turn as a share of half a circle, or the smallest and the largest; in
        either direction.

    The others are those of `RandomContrast`. Images have three channels.
    """

    bounds = (0.0, 1.0)

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), data_format: str | None = None,
        seed: int | None = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(factor, value_range, seed, data_format, **kwargs)

    def get_random_transformation(
        self, data: Tensor, training: bool = True, seed: Any = None
    ) -> Any:
        """`factor` of each image: the turn, as a share of the circle."""
        shape = [sizes(data)[0]]
        back = self.uniform(shape, (0.0, 1.0), seed) > 0.5
        turn = self.uniform(shape, self.factor, seed) * 0.5
        return {"factor": where(back, -turn, turn)}

    def transform_images(
        self, images: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """The images with turned hues."""
        low, high = (float(end) for end in self.value_range)
        hue, saturation, value = rgb_to_hsv(*self.channels(divide(images - low, high - low)))
        hue = hue + cast(reshape(transformation["factor"], [-1, 1, 1]), images.dtype)
        turned = clip_by_value(self.joined(hsv_to_rgb(hue, saturation, value)), 0.0, 1.0)
        return add(multiply(turned, high - low), low)


class RandomGrayscale(_Colors):
    """Takes the color out of some images; they keep three, equal, channels.

    Args:
      factor: how likely that is.
      seed: an integer, for the same images at every run.
    """

    bounds = (0.0, 1.0)
    _not_in_config = (*_Colors._not_in_config, "value_range", "seed")  # Keras writes neither

    def __init__(
        self, factor: Any = 0.5, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ):  # fmt: skip
        super().__init__(factor, (0, 255), seed, data_format, **kwargs)
        self.factor = factor

    def get_random_transformation(
        self, data: Tensor, training: bool = True, seed: Any = None
    ) -> Any:
        """A bool for each image, (batch, 1, 1, 1)."""
        return self.uniform([sizes(data)[0], 1, 1, 1], (0.0, 1.0), seed) < self.factor

    def transform_images(
        self, images: Tensor, transformation: Any, training: bool = True
    ) -> Tensor:
        """The images, gray where it says so. The weights are those of ITU-R BT.601."""
        red, green, blue = self.channels(images)
        gray = 0.2989 * red + 0.587 * green + 0.114 * blue
        return where(transformation, self.joined([gray, gray, gray]), images)
