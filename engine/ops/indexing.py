"""Elements by their positions: gather takes them, scatter puts them back and adds where they meet.

gather and scatter_add speak of positions along one axis; gather_nd, scatter_nd_add and
tensor_scatter_nd_update of whole indices, one a row. Each is the other's adjoint.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes, spec
from engine.dispatch import apply, primitive, same_dtype
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, convert_like, zeros
from engine.ops.elementwise import REAL, _check_kind, cast, equal, zeros_like
from engine.spec import Dims, TensorSpec, normalize_axis, show
from engine.tensor import Tensor


def _positions(indices: Any, what: str) -> Tensor:
    """Indices as an integer tensor."""
    found = convert(indices)
    if not found.dtype.is_integer and found.shape.num_elements() == 0:
        return cast(found, dtypes.int32)  # an empty list has no dtype of its own
    if not found.dtype.is_integer:
        raise InvalidArgumentError(
            f"{what}: indices must be integers, but {found.dtype.name} was given. "
            "Convert them with tf.cast(x, tf.int32)."
        )
    return found


# --- along one axis -------------------------------------------------------------------------------


def _check_range(what: str, indices: Any, size: int, axis: int, shape: Any) -> None:
    if indices.size and (indices.min() < 0 or indices.max() >= size):
        worst = int(indices.min()) if indices.min() < 0 else int(indices.max())
        raise InvalidArgumentError(
            f"{what}: index {worst} is outside axis {axis} of shape {show(shape)}: allowed are "
            f"0 to {size - 1}."
        )


def _batch_key(xp: Any, indices: Any, batch_dims: int) -> tuple[Any, ...]:
    """Indices for the leading axes that make each example meet its own positions."""
    grids = np.ogrid[tuple(slice(n) for n in indices.shape[:batch_dims])]
    return tuple(xp.asarray(g).reshape(g.shape + (1,) * (indices.ndim - batch_dims)) for g in grids)


def _gather_kernel(xp: Any, params: Any, indices: Any, *, axis: int, batch_dims: int = 0) -> Any:
    _check_range("gather", indices, params.shape[axis], axis, params.shape)
    if not batch_dims:
        taken = xp.take(params, indices, axis)
        # one string would come out bare
        return np.array(taken, object) if params.dtype == object else taken
    front = xp.moveaxis(params, axis, batch_dims)
    taken = front[(*_batch_key(xp, indices, batch_dims), indices)]
    own = indices.ndim - batch_dims  # the axes of the indices go where the axis was
    return xp.moveaxis(taken, range(batch_dims, batch_dims + own), range(axis, axis + own))


def _gather_spec(
    params: TensorSpec, indices: TensorSpec, *, axis: int, batch_dims: int = 0
) -> TensorSpec:
    assert params.dims is not None and indices.dims is not None
    if not spec.compatible(params.dims[:batch_dims], indices.dims[:batch_dims]):
        raise InvalidArgumentError(
            f"gather: with batch_dims={batch_dims}, the first sizes of params {show(params.dims)} and "
            f"indices {show(indices.dims)} must be the same."
        )
    own = indices.dims[batch_dims:]
    return TensorSpec(params.dims[:axis] + own + params.dims[axis + 1 :], params.dtype)


def _scatter_add_kernel(
    xp: Any, dy: Any, indices: Any, like: Any, *, axis: int, batch_dims: int = 0
) -> Any:
    result = xp.zeros(like.shape, dy.dtype)
    if not batch_dims:
        xp.add.at(result, (slice(None),) * axis + (indices,), dy)
        return result
    own = indices.ndim - batch_dims
    source = xp.moveaxis(dy, range(axis, axis + own), range(batch_dims, batch_dims + own))
    target = xp.moveaxis(result, axis, batch_dims)  # a view
    xp.add.at(target, (*_batch_key(xp, indices, batch_dims), indices), source)
    return result


_GATHER = primitive(
    "gather",
    _gather_kernel,
    _gather_spec,
    vjp=(lambda dy, y, p, i, **where: apply(_SCATTER_ADD, dy, i, p, **where), None),
)
_SCATTER_ADD = primitive(
    "scatter_add",
    _scatter_add_kernel,
    lambda dy, indices, like, *, axis, batch_dims=0: TensorSpec(like.dims, dy.dtype),
    vjp=(lambda d, y, dy, indices, like, **where: apply(_GATHER, d, indices, **where), None, None),
)


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: int | None = None,
    batch_dims: int = 0,
    name: str | None = None,
) -> Tensor:
    """The slices of `params` along `axis` at the positions in `indices`.

    With `batch_dims` = b, the first b axes of both are examples, each with positions of its own; `axis`
    is then b by default, else 0.

    Raises:
      InvalidArgumentError: for a position that is not there.

    >>> gather([10, 20, 30], [2, 0]).numpy().tolist()
    [30, 10]
    >>> gather([[1, 2], [3, 4]], [[1], [0]], batch_dims=1).numpy().tolist()
    [[2], [3]]
    """
    x, positions = convert(params), _positions(indices, "gather")
    lead = normalize_axis(batch_dims, positions.ndim + 1, "gather: batch_dims") if batch_dims else 0
    place = normalize_axis(lead if axis is None else axis, x.ndim, "gather")
    if place < lead:
        raise InvalidArgumentError(
            f"gather: axis {place} is one of the first {lead} axes, which batch_dims={batch_dims} makes "
            "a batch. Gather along a later axis."
        )
    if not lead:
        return apply(_GATHER, x, positions, axis=place)
    _gather_spec(x.spec, positions.spec, axis=place, batch_dims=lead)
    return apply(_GATHER, x, positions, axis=place, batch_dims=lead)


# --- whole indices --------------------------------------------------------------------------------


def _nd_key(xp: Any, what: str, indices: Any, shape: Any, batch_dims: int) -> tuple[Any, ...]:
    depth = indices.shape[-1]
    for k in range(depth):
        _check_range(what, indices[..., k], shape[batch_dims + k], batch_dims + k, shape)
    lead = _batch_key(xp, indices[..., 0] if depth else xp.zeros(indices.shape[:-1]), batch_dims)
    if not depth and batch_dims:  # each row means all that its example has
        lead = (xp.broadcast_to(lead[0], indices.shape[:-1]), *lead[1:])
    # Without an index of its own, each row means the whole tensor.
    whole = () if depth or batch_dims else (xp.zeros(indices.shape[:-1], int),)
    return whole or (*lead, *(indices[..., k] for k in range(depth)))


def _gather_nd_kernel(xp: Any, params: Any, indices: Any, *, batch_dims: int) -> Any:
    key = _nd_key(xp, "gather_nd", indices, params.shape, batch_dims)
    source = params[None] if not indices.shape[-1] and not batch_dims else params
    return xp.asarray(source[(*key, Ellipsis)])


def _nd_dims(what: str, params: TensorSpec, indices: TensorSpec, batch_dims: int) -> Dims | None:
    """The shape of what an index selects, for each index."""
    if params.dims is None or indices.dims is None or indices.dims[-1] is None:
        return None
    depth = indices.dims[-1]
    if depth + batch_dims > len(params.dims):
        raise InvalidArgumentError(
            f"{what}: the last axis of indices, shape {show(indices.dims)}, holds {depth} numbers, but "
            f"a tensor of shape {show(params.dims)} has {len(params.dims) - batch_dims} axes to index."
        )
    return indices.dims[:-1] + params.dims[batch_dims + depth :]


def _gather_nd_spec(params: TensorSpec, indices: TensorSpec, *, batch_dims: int) -> TensorSpec:
    return TensorSpec(_nd_dims("gather_nd", params, indices, batch_dims), params.dtype)


def _scatter_nd_kernel(xp: Any, updates: Any, indices: Any, like: Any, *, batch_dims: int) -> Any:
    result = xp.zeros(like.shape, updates.dtype)
    key = _nd_key(xp, "scatter_nd", indices, like.shape, batch_dims)
    target = result[None] if not indices.shape[-1] and not batch_dims else result
    xp.add.at(target, (*key, Ellipsis), updates)
    return result


def _check_updates(what: str, updates: TensorSpec, indices: TensorSpec, like: TensorSpec, lead: int) -> None:
    wanted = _nd_dims(what, like, indices, lead)
    if not spec.compatible(wanted, updates.dims):
        raise InvalidArgumentError(
            f"{what}: updates of shape {show(wanted)} were expected - one slice of {show(like.dims)} for "
            f"each index of {show(indices.dims)} - but shape {show(updates.dims)} was given."
        )


def _scatter_nd_spec(
    updates: TensorSpec, indices: TensorSpec, like: TensorSpec, *, batch_dims: int
) -> TensorSpec:
    _check_updates("scatter_nd", updates, indices, like, batch_dims)
    return TensorSpec(like.dims, updates.dtype)


_GATHER_ND = primitive(
    "gather_nd",
    _gather_nd_kernel,
    _gather_nd_spec,
    vjp=(lambda dy, y, p, i, **lead: apply(_SCATTER_ND, dy, i, p, **lead), None),
)
_SCATTER_ND = primitive(
    "scatter_nd_add",
    _scatter_nd_kernel,
    _scatter_nd_spec,
    vjp=(lambda d, y, u, i, like, **lead: apply(_GATHER_ND, d, i, **lead), None, None),
)


def gather_nd(params: Any, indices: Any, batch_dims: int = 0, name: str | None = None) -> Tensor:
    """The elements or slices at whole indices: each row of `indices` holds a number for each axis.

    Shorter rows name slices. With `batch_dims`, the first axes of both are examples.

    Differs from TensorFlow: without `bad_indices_policy`; an index that is not there is an error.

    >>> gather_nd([[1, 2], [3, 4]], [[0, 1], [1, 0]]).numpy().tolist()
    [2, 3]
    """
    x, positions = convert(params), _positions(indices, "gather_nd")
    if positions.ndim == 0:
        raise InvalidArgumentError("gather_nd: indices need a last axis that holds the index, not a scalar.")
    _gather_nd_spec(x.spec, positions.spec, batch_dims=int(batch_dims))
    return apply(_GATHER_ND, x, positions, batch_dims=int(batch_dims))


def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Tensor:
    """A tensor of zeros to which `updates` were added at the indices; where they meet, they add up.

    Differs from TensorFlow: without `bad_indices_policy`; an index that is not there is an error.

    >>> scatter_nd([[1], [3], [1]], [10, 20, 1], [5]).numpy().tolist()
    [0, 11, 0, 20, 0]
    """
    values = convert(updates)
    return _scattered(_positions(indices, "scatter_nd"), values, zeros(shape, values.dtype))


def _scattered(positions: Tensor, values: Tensor, like: Tensor) -> Tensor:
    _check_updates("scatter_nd", values.spec, positions.spec, like.spec, 0)
    return apply(_SCATTER_ND, values, positions, like, batch_dims=0)


# --- a tensor with some elements changed ----------------------------------------------------------


def _changed_spec(what: str) -> Any:
    def rule(tensor: TensorSpec, indices: TensorSpec, updates: TensorSpec) -> TensorSpec:
        same_dtype(what, tensor, updates)
        _check_updates(what, updates, indices, tensor, 0)
        return tensor

    return rule


def _update_kernel(xp: Any, tensor: Any, indices: Any, updates: Any) -> Any:
    result = xp.array(tensor)
    key = _nd_key(xp, "tensor_scatter_nd_update", indices, tensor.shape, 0)
    (result if indices.shape[-1] else result[None])[(*key, Ellipsis)] = updates
    return result


_UPDATE = primitive(
    "tensor_scatter_nd_update",
    _update_kernel,
    _changed_spec("tensor_scatter_nd_update"),
    vjp=(
        lambda dy, y, t, i, u: apply(_UPDATE, dy, i, zeros_like(u)),
        None,
        lambda dy, y, t, i, u: apply(_GATHER_ND, dy, i, batch_dims=0),
    ),
)


def _extreme(name: str, method: str) -> Any:
    """Declares the update that keeps the larger, or smaller, of old and new."""

    def kernel(xp: Any, tensor: Any, indices: Any, updates: Any) -> Any:
        result = xp.array(tensor)
        key = _nd_key(xp, name, indices, tensor.shape, 0)
        target = result if indices.shape[-1] else result[None]
        getattr(xp, method).at(target, (*key, Ellipsis), updates)
        return result

    def rule(tensor: TensorSpec, indices: TensorSpec, updates: TensorSpec) -> TensorSpec:
        _check_kind(name, tensor, REAL)
        return _changed_spec(name)(tensor, indices, updates)

    def vjp(dy: Tensor, y: Tensor, tensor: Tensor, indices: Tensor, updates: Tensor) -> list[Any]:
        # Those that tie for the extreme share the cotangent evenly.
        kept = cast(equal(tensor, y), dy.dtype)
        new = cast(equal(updates, apply(_GATHER_ND, y, indices, batch_dims=0)), dy.dtype)
        share = dy / (kept + apply(_SCATTER_ND, new, indices, tensor, batch_dims=0))
        return [share * kept, None, apply(_GATHER_ND, share, indices, batch_dims=0) * new]

    return primitive(name, kernel, rule, vjp=vjp)


_UPDATE_MAX = _extreme("tensor_scatter_nd_max", "maximum")
_UPDATE_MIN = _extreme("tensor_scatter_nd_min", "minimum")


def _change(record: Any, tensor: Any, indices: Any, updates: Any) -> Tensor:
    x = convert(tensor)
    positions, values = _positions(indices, record.name), convert_like(updates, x)
    record.spec(x.spec, positions.spec, values.spec)
    return apply(record, x, positions, values)


def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """A copy of `tensor` with `updates` at the indices; of several for one index, the last.

    Differs from TensorFlow: without `bad_indices_policy`; an index that is not there is an error.

    >>> tensor_scatter_nd_update([1, 2, 3], [[0], [2]], [7, 9]).numpy().tolist()
    [7, 2, 9]
    """
    return _change(_UPDATE, tensor, indices, updates)


def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """A copy of `tensor` with `updates` added at the indices, all of those that meet.

    Differs from TensorFlow: without `bad_indices_policy`; an index that is not there is an error.

    >>> tensor_scatter_nd_add([1, 2, 3], [[0], [0]], [10, 100]).numpy().tolist()
    [111, 2, 3]
    """
    x = convert(tensor)
    values = convert_like(updates, x)
    same_dtype("tensor_scatter_nd_add", x.spec, values.spec)
    return x + _scattered(_positions(indices, "tensor_scatter_nd_add"), values, x)


def tensor_scatter_nd_sub(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """A copy of `tensor` with `updates` subtracted at the indices, all of those that meet.

    Differs from TensorFlow: without `bad_indices_policy`; an index that is not there is an error.
    """
    x = convert(tensor)
    values = convert_like(updates, x)
    same_dtype("tensor_scatter_nd_sub", x.spec, values.spec)
    return x - _scattered(_positions(indices, "tensor_scatter_nd_sub"), values, x)


def tensor_scatter_nd_max(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """A copy of `tensor` that holds, at each index, the largest of the old and the new values.

    Differs from TensorFlow: without `bad_indices_policy`; an index that is not there is an error.
    """
    return _change(_UPDATE_MAX, tensor, indices, updates)


def tensor_scatter_nd_min(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """A copy of `tensor` that holds, at each index, the smallest of the old and the new values.

    Differs from TensorFlow: without `bad_indices_policy`; an index that is not there is an error.
    """
    return _change(_UPDATE_MIN, tensor, indices, updates)
