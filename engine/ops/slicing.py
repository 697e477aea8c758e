"""What `x[...]` does: a part of a tensor, and the adjoint that puts a part back among zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import spec
from engine.dispatch import apply, primitive
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert
from engine.spec import TensorSpec, show
from engine.tensor import Tensor


def _encode(key: Any) -> tuple[Any, ...]:
    """An index as a hashable tuple: ints, None, Ellipsis, and ('slice', start, stop, step)."""

    def plain(part: Any) -> Any:
        return part if part is None else spec.whole(part, "A slice")

    encoded: list[Any] = []
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, slice):
            encoded.append(("slice", plain(part.start), plain(part.stop), plain(part.step)))
        elif part is None or part is Ellipsis:
            encoded.append(part)
        elif isinstance(part, (bool, np.bool_)) or not hasattr(part, "__index__"):
            raise TypeError(
                f"A tensor is indexed by ints, slices, ... and tf.newaxis, not by {part!r}. "
                "Use tf.gather for a list of positions, tf.where(mask, x, other) for a mask."
            )
        else:
            encoded.append(int(part))
    return tuple(encoded)


def _decode(index: tuple[Any, ...]) -> tuple[Any, ...]:
    plain = tuple(slice(*part[1:]) if isinstance(part, tuple) else part for part in index)
    # With an Ellipsis the result is an array in every case; without one, a string would come out bare.
    return plain if Ellipsis in index else (*plain, Ellipsis)


def _slice_spec(x: TensorSpec, *, index: tuple[Any, ...]) -> TensorSpec:
    assert x.dims is not None
    if index.count(Ellipsis) > 1:
        raise InvalidArgumentError("An index may hold `...` once: it stands for all axes not named.")
    named = sum(part is not None and part is not Ellipsis for part in index)
    if named > len(x.dims):
        raise InvalidArgumentError(
            f"{named} indices were given for a tensor of rank {len(x.dims)}, shape {show(x.dims)}."
        )
    full = list(index) if Ellipsis in index else [*index, Ellipsis]
    place = full.index(Ellipsis)
    full[place : place + 1] = [("slice", None, None, None)] * (len(x.dims) - named)
    result: list[int | None] = []
    axis = 0
    for part in full:
        if part is None:
            result.append(1)
            continue
        size = x.dims[axis]
        if isinstance(part, tuple):
            whole = part[1:] == (None, None, None)
            known = None if size is None else len(range(*slice(*part[1:]).indices(size)))
            result.append(size if whole else known)
        elif size is not None and not -size <= part < size:
            raise InvalidArgumentError(
                f"Index {part} is outside axis {axis} of shape {show(x.dims)}: allowed are "
                f"{-size} to {size - 1}."
            )
        axis += 1
    return TensorSpec(result, x.dtype)


def _unslice_kernel(xp: Any, dy: Any, like: Any, *, index: tuple[Any, ...]) -> Any:
    result = xp.zeros(like.shape, dy.dtype)
    result[_decode(index)] = dy
    return result


_SLICE = primitive(
    "slice",
    lambda xp, x, *, index: xp.asarray(x)[_decode(index)],
    _slice_spec,
    vjp=(lambda dy, y, x, *, index: apply(_UNSLICE, dy, x, index=index),),
)
_UNSLICE = primitive(
    "unslice",
    _unslice_kernel,
    lambda dy, like, *, index: TensorSpec(like.dims, dy.dtype),
    vjp=(lambda d, y, dy, like, *, index: apply(_SLICE, d, index=index), None),
)


def getitem(x: Any, key: Any) -> Tensor:
    """What `x[key]` does: ints drop an axis, slices keep it, tf.newaxis adds one, ... fills up."""
    return apply(_SLICE, convert(x), index=_encode(key))
