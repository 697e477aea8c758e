"""A border around a tensor: of one value, or of its own elements mirrored."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import devices, spec
from engine.dispatch import apply, primitive, same_dtype
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, convert_like, fill, is_symbolic
from engine.ops.joining import concat
from engine.ops.layout import sizes
from engine.ops.reduce import reduce_sum
from engine.ops.slicing import _SLICE, _scalars
from engine.spec import TensorSpec, show
from engine.tensor import Tensor

Pairs = tuple[tuple[int, int], ...]


def _pad_spec(x: TensorSpec, value: TensorSpec, *, paddings: Pairs) -> TensorSpec:
    same_dtype("pad", x, value)
    return _padded(x, paddings)


def _padded(x: TensorSpec, paddings: Pairs) -> TensorSpec:
    if x.dims is None or len(paddings) != len(x.dims) or any(min(pair) < 0 for pair in paddings):
        raise InvalidArgumentError(
            f"pad: paddings hold [before, after] for each axis of shape {show(x.dims)}, none below 0, "
            f"but are {[list(pair) for pair in paddings]}."
        )
    dims = [None if d is None else d + sum(pair) for d, pair in zip(x.dims, paddings, strict=True)]
    return TensorSpec(dims, x.dtype)


def _inside(paddings: Pairs) -> tuple[Any, ...]:
    return tuple(("slice", before, -after or None, None) for before, after in paddings)


def _pad_kernel(xp: Any, x: Any, value: Any, *, paddings: Pairs) -> Any:
    dims = [d + sum(pair) for d, pair in zip(x.shape, paddings, strict=True)]
    result = xp.full(dims, value, x.dtype)
    result[tuple(slice(b, b + d) for (b, _), d in zip(paddings, x.shape, strict=True))] = x
    return result


_PAD = primitive(
    "pad",
    _pad_kernel,
    _pad_spec,
    vjp=(
        lambda dy, y, x, value, *, paddings: apply(_SLICE, dy, index=_inside(paddings)),
        lambda dy, y, x, value, *, paddings: reduce_sum(dy)
        - reduce_sum(apply(_SLICE, dy, index=_inside(paddings))),
    ),
)


def _mirror(size: int, pair: tuple[int, int], mode: str) -> Any:
    """For each place of a padded axis, the place inside that it shows."""
    return np.pad(np.arange(size), pair, mode)  # type: ignore[call-overload]


def _mirror_kernel(xp: Any, x: Any, *, paddings: Pairs, mode: str) -> Any:
    for axis, pair in enumerate(paddings):
        if pair != (0, 0):
            _check_mirror(x.shape, axis, pair, mode)
            x = xp.take(x, xp.asarray(_mirror(x.shape[axis], pair, mode)), axis)
    return x


def _unmirror_kernel(xp: Any, dy: Any, like: Any, *, paddings: Pairs, mode: str) -> Any:
    for axis, pair in enumerate(paddings):
        if pair != (0, 0):
            size = like.shape[axis]
            total = xp.zeros((*dy.shape[:axis], size, *dy.shape[axis + 1 :]), dy.dtype)
            xp.add.at(total, (slice(None),) * axis + (xp.asarray(_mirror(size, pair, mode)),), dy)
            dy = total
    return dy


def _check_mirror(dims: Any, axis: int, pair: tuple[int, int], mode: str) -> None:
    size = dims[axis]
    most = None if size is None else size - (mode == "reflect")
    if most is not None and max(pair) > most:
        raise InvalidArgumentError(
            f"pad: {mode.upper()} adds at most {max(most, 0)} on each side of axis {axis} of shape "
            f"{show(dims)}, but {list(pair)} was asked: there is nothing more to mirror."
        )


def _mirror_spec(x: TensorSpec, *, paddings: Pairs, mode: str) -> TensorSpec:
    made = _padded(x, paddings)
    for axis, pair in enumerate(paddings):
        if pair != (0, 0):
            _check_mirror(x.dims, axis, pair, mode)
    return made


_MIRROR_PAD = primitive(
    "mirror_pad",
    _mirror_kernel,
    _mirror_spec,
    vjp=(lambda dy, y, x, **how: apply(_MIRROR_UNPAD, dy, x, **how),),
)
_MIRROR_UNPAD = primitive(
    "mirror_unpad",
    _unmirror_kernel,
    lambda dy, like, *, paddings, mode: TensorSpec(like.dims, dy.dtype),
    vjp=(lambda d, y, dy, like, **how: apply(_MIRROR_PAD, d, **how), None),
)


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: str | None = None
) -> Tensor:
    """`tensor` with `paddings[i] = [before, after]` places more along axis i.

    Args:
      mode: what they hold. 'CONSTANT': `constant_values`; 'REFLECT': the tensor mirrored at its edge
        element; 'SYMMETRIC': mirrored with the edge element repeated.

    >>> pad([1, 2, 3], [[1, 2]]).numpy().tolist()
    [0, 1, 2, 3, 0, 0]
    >>> pad([1, 2, 3], [[2, 2]], "REFLECT").numpy().tolist()
    [3, 2, 1, 2, 3, 2, 1]
    """
    x, how = convert(tensor), mode.upper()
    if how not in ("CONSTANT", "REFLECT", "SYMMETRIC"):
        raise ValueError(f"pad: mode must be 'CONSTANT', 'REFLECT' or 'SYMMETRIC', not {mode!r}.")
    known = not is_symbolic(paddings)
    rows = [_scalars(row, "paddings") for row in (devices.to_host(convert(paddings)._array) if (
        known and isinstance(paddings, Tensor)) else paddings)]  # fmt: skip
    if any(len(row) != 2 for row in rows) or len(rows) != x.ndim:
        raise InvalidArgumentError(
            f"pad: paddings hold [before, after] for each of the {x.ndim} axes, but are {rows}."
        )
    value = convert_like(constant_values, x)
    if any(is_symbolic(n) for row in rows for n in row):
        if how != "CONSTANT":
            raise InvalidArgumentError(f"pad: {how} needs paddings that are known while tracing.")
        return _pad_later(x, rows, value)
    pairs = tuple((spec.whole(a, "A padding"), spec.whole(b, "A padding")) for a, b in rows)
    if how == "CONSTANT":
        _pad_spec(x.spec, value.spec, paddings=pairs)
        return apply(_PAD, x, value, paddings=pairs)
    return apply(_MIRROR_PAD, x, paddings=pairs, mode=how.lower())


def _pad_later(x: Tensor, rows: list[Any], value: Tensor) -> Tensor:
    """Constant padding whose amounts are known when the graph runs."""
    for axis, (before, after) in enumerate(rows):
        dims = sizes(x)
        ends = [fill([*dims[:axis], n, *dims[axis + 1 :]], value) for n in (before, after)]
        x = concat([ends[0], x, ends[1]], axis)
    return x
