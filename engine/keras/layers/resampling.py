"""Images at other places: `resize` puts a finer or coarser grid over them, `affine` a turned or moved one.

Both are what `keras.ops.image` computes; layers that scale, turn and shift images are written with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from engine.errors import InvalidArgumentError
from engine.ops.creation import convert
from engine.ops.einsum import einsum
from engine.ops.elementwise import abs as absolute
from engine.ops.elementwise import (
    cast,
    clip_by_value,
    cos,
    floor,
    maximum,
    relu,
    sin,
    where,
    zeros_like,
)
from engine.ops.indexing import gather
from engine.ops.joining import stack
from engine.ops.layout import expand_dims, reshape, sizes, transpose
from engine.ops.reduce import reduce_sum
from engine.ops.sequences import range_
from engine.ops.slicing import getitem
from engine.tensor import Tensor

# --- other sizes ------------------------------------------------------------------------------------


def _cubic(x: Tensor) -> Tensor:
    near = ((1.5 * x - 2.5) * x) * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return where(x < 1.0, near, where(x < 2.0, far, zeros_like(x)))


def _lanczos(radius: float) -> Callable[[Tensor], Tensor]:
    def weight(x: Tensor) -> Tensor:
        y = maximum(x, 1e-3) * math.pi
        wave = radius * sin(y) * sin(y / radius) / (y * y)
        return where(x > radius, zeros_like(x), where(x > 1e-3, wave, 1.0 + zeros_like(x)))

    return weight


# How much a place counts at a distance of x places. Keys, Cubic Convolution Interpolation (1981), with
# a = -1/2; Duchon, Lanczos Filtering (1979).
WEIGHTS: dict[str, Callable[[Tensor], Tensor]] = {
    "bilinear": lambda x: relu(1.0 - x),
    "bicubic": _cubic,
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
}
INTERPOLATIONS = ("nearest", *WEIGHTS)


def _places(size: Any, new: Any) -> Tensor:
    """Where the centers of `new` places lie, counted in the old places."""
    ratio = cast(size, "float32") / cast(new, "float32")
    return (cast(range_(new), "float32") + 0.5) * ratio - 0.5


def _weights(size: Any, new: Any, interpolation: str, antialias: bool) -> Tensor:
    """A matrix (new, size) that makes new places of old ones. Each row sums to 1."""
    stretch = maximum(cast(size, "float32") / cast(new, "float32"), 1.0) if antialias else 1.0
    apart = expand_dims(_places(size, new), 1) - cast(range_(size), "float32")
    weights = WEIGHTS[interpolation](absolute(apart) / stretch)
    return weights / reduce_sum(weights, 1, keepdims=True)


def resize(
    images: Tensor, size: Any, interpolation: str, data_format: str, antialias: bool = False
) -> Tensor:
    """Images of another height and width, `(height, width, channels)` or with batch axes before.

    Places are areas, and their centers are what the distance is measured between. It is linear along each
    axis, so it is a product with a small matrix, one for the rows and one for the columns.

    Args:
      size: (height, width), numbers or scalars.
      interpolation: 'nearest', 'bilinear', 'bicubic', 'lanczos3' or 'lanczos5'.
      antialias: in a smaller image, whether a place is made of all that it covers.

    Raises:
      ValueError: for an unknown interpolation.

    >>> resize(convert([[[0.0]], [[4.0]]]), [4, 1], "bilinear", "channels_last").numpy().ravel().tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"interpolation must be one of {INTERPOLATIONS}, not {interpolation!r}.")
    last = data_format == "channels_last"
    old = sizes(images)[-3:-1] if last else sizes(images)[-2:]
    axis = images.ndim - (3 if last else 2)
    if interpolation == "nearest":
        for i in (0, 1):
            nearest = cast(floor(_places(old[i], size[i]) + 0.5), "int32")
            images = gather(images, nearest, axis=axis + i)
        return images
    rows, columns = (
        cast(_weights(old[i], size[i], interpolation, antialias), images.dtype) for i in (0, 1)
    )
    if last:
        return einsum("pw,...hwc->...hpc", columns, einsum("ph,...hwc->...pwc", rows, images))
    return einsum("pw,...hw->...hp", columns, einsum("ph,...hw->...pw", rows, images))


# --- other places -----------------------------------------------------------------------------------


def _mirrored(i: Tensor, size: Any) -> Tensor:
    """... c b a | a b c | c b a ..."""
    i = i % (2 * size)
    return where(i < size, i, 2 * size - 1 - i)


# What is seen beyond the border. 'constant' is clipped, too, and overwritten afterwards.
BORDERS: dict[str, Callable[[Tensor, Any], Tensor]] = {
    "reflect": _mirrored,
    "wrap": lambda i, size: i % size,
    "nearest": lambda i, size: clip_by_value(i, 0, size - 1),
    "constant": lambda i, size: clip_by_value(i, 0, size - 1),
}


def check_sampling(what: str, interpolation: str, fill_mode: str) -> None:
    """Raises ValueError for an interpolation or fill mode that `affine` does not know."""
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(
            f"{what}: interpolation must be 'nearest' or 'bilinear', not {interpolation!r}."
        )
    if fill_mode not in BORDERS:
        raise ValueError(f"{what}: fill_mode must be one of {tuple(BORDERS)}, not {fill_mode!r}.")


def affine(
    images: Tensor,
    transform: Tensor,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    data_format: str = "channels_last",
) -> Tensor:
    """Each place (x, y) of the output shows the input at (a0 x + a1 y + a2, b0 x + b1 y + b2).

    Args:
      images: (batch, height, width, channels).
      transform: (batch, 6) or more: a0, a1, a2, b0, b1, b2; what follows must be 0.
      fill_mode: beyond the border, 'reflect' shows the image mirrored, 'wrap' the image again, 'nearest'
        the border, 'constant' `fill_value`.

    >>> moved = affine(convert([[[[1.0], [2.0], [3.0]]]]), convert([[1.0, 0, 1, 0, 1, 0]]), "nearest")
    >>> moved.numpy().ravel().tolist()
    [2.0, 3.0, 3.0]
    """
    if images.ndim != 4:
        raise InvalidArgumentError(
            f"affine: images of rank 4 were expected, but the shape is {images.shape}."
        )
    if data_format == "channels_first":
        moved = affine(
            transpose(images, [0, 2, 3, 1]), transform, interpolation, fill_mode, fill_value
        )
        return transpose(moved, [0, 3, 1, 2])
    batch, height, width, channels = sizes(images)
    y = reshape(cast(range_(height), "float32"), [1, -1, 1])
    x = reshape(cast(range_(width), "float32"), [1, 1, -1])
    parts = expand_dims(expand_dims(cast(transform, "float32"), -1), -1)  # (batch, 6, 1, 1)
    a0, a1, a2, b0, b1, b2 = (getitem(parts, (slice(None), i)) for i in range(6))
    at_x = a0 * x + a1 * y + a2
    at_y = b0 * x + b1 * y + b2
    flat = reshape(images, [batch, height * width, channels])

    def seen(row: Tensor, column: Tensor) -> Tensor:
        """The input at whole places, (batch, height, width, channels)."""
        row, column = cast(row, "int32"), cast(column, "int32")
        inner_row, inner_column = BORDERS[fill_mode](row, height), BORDERS[fill_mode](column, width)
        at = reshape(inner_row * width + inner_column, [batch, height * width])
        found = reshape(gather(flat, at, axis=1, batch_dims=1), [batch, height, width, channels])
        if fill_mode != "constant":
            return found
        inside = expand_dims((row >= 0) & (row < height) & (column >= 0) & (column < width), -1)
        return where(inside, found, cast(convert(fill_value), images.dtype))

    if interpolation == "nearest":  # halves go away from 0
        return seen(_rounded(at_y), _rounded(at_x))
    low_y, low_x = floor(at_y), floor(at_x)
    down = cast(expand_dims(at_y - low_y, -1), images.dtype)
    right = cast(expand_dims(at_x - low_x, -1), images.dtype)
    upper = seen(low_y, low_x) * (1 - right) + seen(low_y, low_x + 1.0) * right
    lower = seen(low_y + 1.0, low_x) * (1 - right) + seen(low_y + 1.0, low_x + 1.0) * right
    return upper * (1 - down) + lower * down


def _rounded(x: Tensor) -> Tensor:
    half = floor(absolute(x) + 0.5)
    return where(x < 0.0, -half, half)


def rotation(angle: Tensor, height: Any, width: Any) -> Tensor:
    """The transforms, (batch, 6), that turn images by angles in radians about their center."""
    c, s = cos(angle), sin(angle)
    x, y = (cast(width, "float32") - 1.0) / 2.0, (cast(height, "float32") - 1.0) / 2.0
    return stack([c, -s, x - x * c + y * s, s, c, y - x * s - y * c], axis=1)
