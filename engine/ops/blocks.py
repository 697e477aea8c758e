"""Images cut into blocks, the blocks moved into channels or the batch, and back: only reshapes."""

from __future__ import annotations

from typing import Any

from engine import dtypes
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, zeros
from engine.ops.elementwise import cast, floormod, zeros_like
from engine.ops.joining import stack, unstack
from engine.ops.layout import reshape, sizes, transpose
from engine.ops.padding import pad
from engine.ops.slicing import _scalars, getitem
from engine.spec import show
from engine.tensor import Tensor


def _image(input: Any, block_size: int, data_format: str, what: str) -> tuple[Tensor, int, bool]:
    x, block = convert(input), int(block_size)
    if data_format not in ("NHWC", "NCHW"):
        raise ValueError(f"{what}: data_format must be 'NHWC' or 'NCHW', not {data_format!r}.")
    if x.ndim != 4 or block < 2:
        raise InvalidArgumentError(
            f"{what}: images of rank 4 and a block_size of at least 2 were expected, but shape "
            f"{show(x._dims)} and {block} were given."
        )
    first = data_format == "NCHW"
    return (transpose(x, [0, 2, 3, 1]) if first else x), block, first


def _divides(x: Tensor, axis: int, by: int, what: str) -> None:
    size = x.shape[axis]
    if size is not None and size % by:
        raise InvalidArgumentError(
            f"{what}: axis {axis} of shape {show(x._dims)} has size {size}, which {by} does not divide."
        )


def space_to_depth(
    input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None
) -> Tensor:
    """Blocks of b x b pixels as channels: `(n, h, w, c)` gives `(n, h/b, w/b, b*b*c)`.

    >>> space_to_depth([[[[1], [2]], [[3], [4]]]], 2).numpy().tolist()
    [[[[1, 2, 3, 4]]]]
    """
    x, b, first = _image(input, block_size, data_format, "space_to_depth")
    for axis in (1, 2):
        _divides(x, axis, b, "space_to_depth")
    n, h, w, c = sizes(x)
    cut = transpose(reshape(x, [n, h // b, b, w // b, b, c]), [0, 1, 3, 2, 4, 5])
    made = reshape(cut, [n, h // b, w // b, b * b * c])
    return transpose(made, [0, 3, 1, 2]) if first else made


def depth_to_space(
    input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None
) -> Tensor:
    """The inverse of `space_to_depth`: `(n, h, w, b*b*c)` gives `(n, h*b, w*b, c)`.

    >>> depth_to_space([[[[1, 2, 3, 4]]]], 2).numpy().tolist()
    [[[[1], [2]], [[3], [4]]]]
    """
    x, b, first = _image(input, block_size, data_format, "depth_to_space")
    _divides(x, 3, b * b, "depth_to_space")
    n, h, w, c = sizes(x)
    depth = c // (b * b)
    laid = transpose(reshape(x, [n, h, w, b, b, depth]), [0, 1, 3, 2, 4, 5])
    made = reshape(laid, [n, h * b, w * b, depth])
    return transpose(made, [0, 3, 1, 2]) if first else made


def space_to_batch(input: Any, block_shape: Any, paddings: Any, name: str | None = None) -> Tensor:
    """Blocks of the padded axes 1, 2, ... as examples: what a dilated convolution does to its input.

    >>> space_to_batch([[[[1], [2]], [[3], [4]]]], [2, 2], [[0, 0], [0, 0]]).shape
    TensorShape([4, 1, 1, 1])
    """
    x = convert(input)
    block = [int(b) for b in _blocks(block_shape, x)]
    m = len(block)
    x = pad(x, [[0, 0], *_pairs(paddings), *[[0, 0]] * (x.ndim - 1 - m)])
    for axis, b in enumerate(block, 1):
        _divides(x, axis, b, "space_to_batch")
    n, *dims = sizes(x)
    cut = [n]
    for d, b in zip(dims, block, strict=False):
        cut += [d // b, b]
    order = [2 * i + 2 for i in range(m)] + [0] + [2 * i + 1 for i in range(m)]
    rest = list(range(2 * m + 1, 2 * m + 1 + len(dims) - m))
    total = n
    for b in block:
        total = total * b
    moved = transpose(reshape(x, [*cut, *dims[m:]]), order + rest)
    return reshape(moved, [total, *(d // b for d, b in zip(dims, block, strict=False)), *dims[m:]])


def required_space_to_batch_paddings(
    input_shape: Any, block_shape: Any, base_paddings: Any = None, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Paddings with which sizes become multiples of the blocks, and the crops that take them away again.

    `base_paddings` `(axes, 2)` are wanted in any case. Pairs (before, after), int32, for `space_to_batch` and
    `batch_to_space`.

    >>> paddings, crops = required_space_to_batch_paddings([5, 6], [2, 4])
    >>> paddings.numpy().tolist(), crops.numpy().tolist()
    ([[0, 1], [0, 2]], [[0, 1], [0, 2]])
    """
    dims, block = convert(input_shape, dtypes.int32), convert(block_shape, dtypes.int32)
    base = zeros([*sizes(dims), 2], dtypes.int32) if base_paddings is None else convert(base_paddings)
    before, after = unstack(cast(base, dtypes.int32), 2, axis=1)
    more = floormod(block - floormod(dims + before + after, block), block)
    return stack([before, after + more], 1), stack([zeros_like(more), more], 1)


def batch_to_space(input: Any, block_shape: Any, crops: Any, name: str | None = None) -> Tensor:
    """The inverse of `space_to_batch`: examples laid side by side, and `crops` cut off.

    >>> batch_to_space([[[[1]]], [[[2]]], [[[3]]], [[[4]]]], [2, 2], [[0, 0], [0, 0]]).numpy().tolist()
    [[[[1], [2]], [[3], [4]]]]
    """
    x = convert(input)
    block = [int(b) for b in _blocks(block_shape, x)]
    m, by = len(block), 1
    for b in block:
        by *= b
    _divides(x, 0, by, "batch_to_space")
    n, *dims = sizes(x)
    split = reshape(x, [*block, n // by, *dims])
    order = [m]
    for i in range(m):
        order += [m + 1 + i, i]
    order += range(2 * m + 1, m + 1 + len(dims))
    wide = [d * b for d, b in zip(dims, block, strict=False)]
    laid = reshape(transpose(split, order), [n // by, *wide, *dims[m:]])
    key: list[Any] = [slice(None)]
    for (before, after), size in zip(_pairs(crops), wide, strict=True):
        key.append(slice(before, size - after))
    return getitem(laid, tuple(key))


def _blocks(block_shape: Any, x: Tensor) -> list[Any]:
    block = [block_shape] * 2 if isinstance(block_shape, int) else _scalars(block_shape, "block_shape")
    if len(block) > x.ndim - 1:
        raise InvalidArgumentError(
            f"{len(block)} block sizes were given for a tensor of shape {show(x._dims)}."
        )
    return block


def _pairs(values: Any) -> list[list[int]]:
    return [[int(n) for n in row] for row in values]
