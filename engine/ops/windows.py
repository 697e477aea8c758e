"""The arithmetic of windows that slide over the inner axes of a tensor: strides, dilations, padding, sizes.

Convolution and pooling share it. Their primitives know one layout, (batch, *spatial, channels), and carry
strides, dilations and padding as plain tuples with one entry a spatial axis.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from engine import spec
from engine.errors import InvalidArgumentError
from engine.ops.layout import transpose
from engine.spec import Dims, show
from engine.tensor import Tensor

Pairs = tuple[tuple[int, int], ...]
Padding = str | Pairs  # 'SAME', 'VALID' or (before, after) for each spatial axis

BLOCK = 1 << 19  # bytes worked on at a time: half a usual second-level cache
BLOCK_ON_GPU = 1 << 28  # there, launching a kernel costs more than what a cache saves

# --- what a caller may write ------------------------------------------------------------------------


def per_axis(value: Any, n: int, what: str, name: str, channels_first: bool = False) -> tuple[int, ...]:
    """One whole number of 1 or more for each of the n spatial axes.

    A single number counts for all of them. A list may also hold n + 2 numbers, those of batch and channels
    being 1, as TensorFlow writes it.

    >>> per_axis(2, 2, "conv2d", "strides"), per_axis([1, 2, 3, 1], 2, "conv2d", "strides")
    ((2, 2), (2, 3))
    """
    listed = value.as_list() if hasattr(value, "as_list") else value
    listed = list(listed) if isinstance(listed, (list, tuple)) else [listed]
    numbers = [spec.whole(number, f"{what}: {name}") for number in listed]
    if len(numbers) == n + 2:
        outer = (numbers.pop(0), numbers.pop(0 if channels_first else -1))
        if outer != (1, 1):
            raise ValueError(
                f"{what}: {name} {listed} move or stretch along the batch or the channels; only the {n} "
                "spatial axes may have more than 1."
            )
    if len(numbers) == 1:
        numbers = numbers * n
    if len(numbers) != n or min(numbers) < 1:
        raise ValueError(
            f"{what}: {name} must be one number, {n} (one a spatial axis) or {n + 2} (batch and channels "
            f"with 1), none below 1, but are {listed}."
        )
    return tuple(numbers)


def padding_of(padding: Any, n: int, what: str, channels_first: bool = False) -> Padding:
    """'SAME', 'VALID' or pairs for the spatial axes, out of what TensorFlow allows to be written.

    >>> padding_of("same", 2, "conv2d"), padding_of([[0, 0], [1, 2], [0, 0]], 1, "conv1d")
    ('SAME', ((1, 2),))
    """
    if isinstance(padding, str) and padding.upper() in ("SAME", "VALID"):
        return padding.upper()
    rows: list[tuple[int, ...]] = []
    if isinstance(padding, (list, tuple)) and all(isinstance(row, (list, tuple)) for row in padding):
        rows = [tuple(spec.whole(size, f"{what}: padding") for size in row) for row in padding]
    if len(rows) == n + 2 and all(len(row) == 2 and min(row) >= 0 for row in rows):
        outer = (rows.pop(0), rows.pop(0 if channels_first else -1))
        if outer == ((0, 0), (0, 0)):
            return tuple((before, after) for before, after in rows)
    raise ValueError(
        f"{what}: padding must be 'SAME', 'VALID' or [before, after] for each of the {n + 2} axes, "
        f"[0, 0] for batch and channels, but is {padding!r}."
    )


def is_channels_first(data_format: Any, n: int, what: str) -> bool:
    """Whether the channels are axis 1. The formats of n spatial axes are N...C, the default, and NC...

    >>> is_channels_first("NCHW", 2, "conv2d"), is_channels_first(None, 2, "conv2d")
    (True, False)
    """
    letters = ("W", "HW", "DHW")[n - 1]
    if data_format not in (None, f"N{letters}C", f"NC{letters}"):
        raise ValueError(
            f"{what}: data_format must be 'N{letters}C' or 'NC{letters}', not {data_format!r}."
        )
    return data_format == f"NC{letters}"


def dims_of(x: Tensor) -> Dims:
    """The sizes of a tensor, None where one is not known; its rank must be."""
    dims = x.shape.dims
    assert dims is not None
    return dims


def channels_last(x: Tensor) -> Tensor:
    """(batch, channels, *spatial) as (batch, *spatial, channels)."""
    return transpose(x, [0, *range(2, x.ndim), 1])


def back_to_first(y: Tensor) -> Tensor:
    """The inverse of `channels_last`."""
    return transpose(y, [0, y.ndim - 1, *range(1, y.ndim - 1)])


# --- sizes ------------------------------------------------------------------------------------------


def extent(window: int, dilation: int) -> int:
    """How many places a window spans whose elements are `dilation` apart."""
    return (window - 1) * dilation + 1


def amounts(
    padding: Padding, sizes: Any, window: Any, strides: Any, dilations: Any
) -> Pairs:
    """(before, after) for each spatial axis, whose sizes are known.

    'SAME' makes ceil(size / stride) windows; an odd place more goes to the end.

    >>> amounts("SAME", (5, 6), (3, 3), (1, 2), (1, 1))
    ((1, 1), (0, 1))
    """
    if padding == "VALID":
        return ((0, 0),) * len(window)
    if padding != "SAME":
        return padding  # type: ignore[return-value]
    pairs = []
    for size, k, s, d in zip(sizes, window, strides, dilations, strict=True):
        total = max((-(-size // s) - 1) * s + extent(k, d) - size, 0)
        pairs.append((total // 2, total - total // 2))
    return tuple(pairs)


def counts(
    what: str, sizes: Dims, window: Dims, strides: Any, padding: Padding, dilations: Any
) -> tuple[int | None, ...]:
    """How many windows there are along each spatial axis; None where a size is not known.

    Raises:
      InvalidArgumentError: when a window is larger than the padded axis.

    >>> counts("conv2d", (5, None), (3, 3), (2, 2), "VALID", (1, 1))
    (2, None)
    """
    found: list[int | None] = []
    for i, (size, k, s, d) in enumerate(zip(sizes, window, strides, dilations, strict=True)):
        if size is None or (k is None and padding != "SAME"):
            found.append(None)
        elif padding == "SAME":
            found.append(-(-size // s))
        else:
            assert k is not None
            room = size if padding == "VALID" else size + sum(padding[i])  # type: ignore[arg-type]
            if room < extent(k, d):
                padded = f", {room} with its padding," if room != size else ""
                raise InvalidArgumentError(
                    f"{what}: a window of {extent(k, d)} places{f' ({k}, dilated by {d})' if d > 1 else ''}"
                    f" does not fit spatial axis {i} of {show(sizes)}, which has {size}{padded}. Take a "
                    "smaller window, or padding='SAME'."
                )
            found.append((room - extent(k, d)) // s + 1)
    return tuple(found)


# --- places -----------------------------------------------------------------------------------------


def reach(size: int, count: int, offset: int, stride: int) -> tuple[slice, slice]:
    """Which windows have their element at `offset` inside an axis, and where these elements are.

    Window i starts at i * stride, so its element lies at i * stride + offset; offsets below 0 come from
    padding. Returns a slice of the windows and a slice of the axis, equally long.

    >>> reach(5, 3, -1, 2)
    (slice(1, 3, None), slice(1, 4, 2))
    """
    first = max(-(offset // stride), 0)
    end = min((size - 1 - offset) // stride + 1, count)
    if end <= first:
        return slice(0, 0), slice(0, 0)
    start = first * stride + offset
    return slice(first, end), slice(start, start + (end - first - 1) * stride + 1, stride)


def taps(
    sizes: Any, counts_: Any, window: Any, strides: Any, pairs: Pairs, dilations: Any
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...], tuple[slice, ...]]]:
    """For each element of the window: its index, the windows that have it, and where it lies in each."""
    by_axis = [
        [reach(size, n, t * d - before, s) for t in range(k)]
        for size, n, k, s, (before, _), d in zip(
            sizes, counts_, window, strides, pairs, dilations, strict=True
        )
    ]
    for index in itertools.product(*map(range, window)):
        chosen = [axis[t] for axis, t in zip(by_axis, index, strict=True)]
        yield index, tuple(c[0] for c in chosen), tuple(c[1] for c in chosen)


def block_bytes(xp: Any) -> int:
    """How many bytes a kernel should have in hand at a time."""
    return BLOCK if xp is np else BLOCK_ON_GPU


def examples(xp: Any, array: Any) -> Iterator[slice]:
    """The batch in parts small enough for the cache; at least one example each."""
    step = max(block_bytes(xp) // max(prod(array.shape[1:]) * array.itemsize, 1), 1)
    return (slice(a, a + step) for a in range(0, array.shape[0], step))
