"""Several tensors as one, and one as several: concat, stack, unstack."""

from __future__ import annotations

from typing import Any

from engine import spec
from engine.dispatch import apply, primitive, same_dtype
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, convert_together
from engine.ops.layout import expand_dims
from engine.ops.slicing import getitem
from engine.spec import TensorSpec, normalize_axis, show
from engine.tensor import Tensor


def _concat_spec(*parts: TensorSpec, axis: int) -> TensorSpec:
    same_dtype("concat", *parts)
    first = parts[0].dims
    assert first is not None
    total: int | None = 0
    for part in parts:
        dims = part.dims
        assert dims is not None
        others = [i for i in range(len(first)) if i != axis]
        if len(dims) != len(first) or not spec.compatible(
            tuple(dims[i] for i in others), tuple(first[i] for i in others)
        ):
            raise InvalidArgumentError(
                f"concat: along axis {axis}, all other sizes must agree, but shapes {show(first)} and "
                f"{show(dims)} were given."
            )
        total = None if total is None or dims[axis] is None else total + dims[axis]
    return TensorSpec([total if i == axis else d for i, d in enumerate(first)], parts[0].dtype)


def _concat_vjp(dy: Tensor, y: Tensor, *parts: Tensor, axis: int) -> list[Tensor]:
    cotangents, start = [], 0
    for part in parts:
        width = part.shape[axis]
        if width is None:
            raise InvalidArgumentError(
                f"The gradient of concat needs the sizes along axis {axis}, but one is None. "
                "Give the function an input_signature that knows it."
            )
        key = (slice(None),) * axis + (slice(start, start + width),)
        cotangents.append(getitem(dy, key))
        start += width
    return cotangents


_CONCAT = primitive(
    "concat",
    lambda xp, *parts, axis: xp.concatenate(parts, axis),
    _concat_spec,
    vjp=_concat_vjp,
)


def concat(values: Any, axis: int, name: str | None = None) -> Tensor:
    """Tensors joined along an existing axis.

    >>> concat([[[1, 2]], [[3, 4]]], 0).numpy().tolist()
    [[1, 2], [3, 4]]
    """
    parts = convert_together(*values)
    if not parts:
        raise ValueError("concat needs at least one tensor, but the list is empty.")
    if any(part.dtype is not parts[0].dtype for part in parts):
        same_dtype("concat", *(part.spec for part in parts))
    return apply(_CONCAT, *parts, axis=normalize_axis(axis, parts[0].ndim, "concat"))


def stack(values: Any, axis: int = 0, name: str | None = None) -> Tensor:
    """Tensors of one shape joined along a new axis.

    >>> stack([[1, 2], [3, 4]], axis=1).numpy().tolist()
    [[1, 3], [2, 4]]
    """
    parts = convert_together(*values)
    if not parts:
        raise ValueError("stack needs at least one tensor, but the list is empty.")
    for part in parts[1:]:
        if not spec.compatible(part._dims, parts[0]._dims):
            raise InvalidArgumentError(
                f"stack: all shapes must be the same, but {show(parts[0]._dims)} and "
                f"{show(part._dims)} were given."
            )
    return concat([expand_dims(part, axis) for part in parts], axis)


def unstack(value: Any, num: int | None = None, axis: int = 0, name: str | None = None) -> list[Tensor]:
    """The slices along an axis, as a list; that axis is gone in each."""
    x = convert(value)
    place = normalize_axis(axis, x.ndim, "unstack")
    size = x.shape[place]
    count = size if num is None else num
    if count is None:
        raise ValueError(f"unstack: the size of axis {axis} is not known; pass num.")
    if size not in (None, count):
        raise ValueError(f"unstack: num={num} was given, but axis {axis} has size {size}.")
    return [getitem(x, (slice(None),) * place + (i,)) for i in range(count)]
