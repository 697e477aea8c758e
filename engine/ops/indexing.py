"""Elements by their positions: gather takes them, its adjoint scatter_add puts them back and adds."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.dispatch import apply, primitive
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert
from engine.ops.elementwise import cast
from engine.ops.layout import expand_dims
from engine.spec import TensorSpec, normalize_axis, show
from engine.tensor import Tensor


def _gather_kernel(xp: Any, params: Any, indices: Any, *, axis: int) -> Any:
    if indices.size and (indices.min() < 0 or indices.max() >= params.shape[axis]):
        worst = int(indices.min()) if indices.min() < 0 else int(indices.max())
        raise InvalidArgumentError(
            f"gather: index {worst} is outside axis {axis} of shape {show(params.shape)}: allowed are "
            f"0 to {params.shape[axis] - 1}."
        )
    taken = xp.take(params, indices, axis)
    return np.array(taken, object) if params.dtype == object else taken  # one string would come out bare


def _gather_spec(params: TensorSpec, indices: TensorSpec, *, axis: int) -> TensorSpec:
    assert params.dims is not None and indices.dims is not None
    return TensorSpec(params.dims[:axis] + indices.dims + params.dims[axis + 1 :], params.dtype)


def _scatter_add_kernel(xp: Any, dy: Any, indices: Any, like: Any, *, axis: int) -> Any:
    result = xp.zeros(like.shape, dy.dtype)
    key = (slice(None),) * axis + (indices,)
    xp.add.at(result, key, dy)
    return result


_GATHER = primitive(
    "gather",
    _gather_kernel,
    _gather_spec,
    vjp=(lambda dy, y, p, i, *, axis: apply(_SCATTER_ADD, dy, i, p, axis=axis), None),
)
_SCATTER_ADD = primitive(
    "scatter_add",
    _scatter_add_kernel,
    lambda dy, indices, like, *, axis: TensorSpec(like.dims, dy.dtype),
    vjp=(lambda d, y, dy, indices, like, *, axis: apply(_GATHER, d, indices, axis=axis), None, None),
)


def gather(params: Any, indices: Any, axis: int = 0, name: str | None = None) -> Tensor:
    """The slices of `params` along `axis` at the positions in `indices`.

    >>> gather([10, 20, 30], [2, 0]).numpy().tolist()
    [30, 10]
    """
    x, positions = convert(params), convert(indices)
    if not positions.dtype.is_integer:
        raise InvalidArgumentError(
            f"gather: indices must be integers, but {positions.dtype.name} was given."
        )
    return apply(_GATHER, x, positions, axis=normalize_axis(axis, x.ndim, "gather"))


def one_hot(
    indices: Any,
    depth: int,
    on_value: Any = 1,
    off_value: Any = 0,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """A last axis of size `depth` with `on_value` at each index, `off_value` elsewhere.

    An index outside 0 .. depth-1 gives a row of `off_value`.

    >>> one_hot([0, 2], 3).numpy().tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    from engine.ops.elementwise import equal, where

    positions = convert(indices)
    columns = Tensor(np.arange(int(depth), dtype=positions.dtype.as_numpy_dtype))
    hit = equal(expand_dims(positions, -1), columns)
    return where(hit, convert(on_value, dtype), cast(convert(off_value, dtype), dtype))
