"""Shape, and the place of elements: nothing here computes a new number.

The set is closed under derivatives. Each operation stands beside the one that undoes it: reshape and
reshape_like, broadcast_like and sum_like, slice and unslice, gather and scatter_add. The `_like` forms
take their shape from a tensor, so they also work in a graph whose sizes are not known yet.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes, spec
from engine.dispatch import NOT_DIFFERENTIABLE, apply, primitive, same_dtype
from engine.errors import InvalidArgumentError
from engine.ops.creation import _dims_of, convert, convert_together
from engine.ops.elementwise import cast
from engine.spec import Dims, TensorSpec, element_count, normalize_axis, show
from engine.tensor import Tensor
from engine.variable import Variable

# --- shape as data --------------------------------------------------------------------------------

_SHAPE = primitive(
    "shape",
    lambda xp, x, *, dtype: np.array(x.shape, dtype.as_numpy_dtype),
    lambda x, *, dtype: TensorSpec((x.rank,), dtype),
    vjp=NOT_DIFFERENTIABLE,
)
_SIZE = primitive(
    "size",
    lambda xp, x, *, dtype: np.array(x.size, dtype.as_numpy_dtype),
    lambda x, *, dtype: TensorSpec((), dtype),
    vjp=NOT_DIFFERENTIABLE,
)


def shape(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> Tensor:
    """The sizes of the axes as an integer vector, computed when the program runs.

    `x.shape` tells the same before it runs, as far as it is known.

    >>> shape([[1, 2], [3, 4], [5, 6]]).numpy().tolist()
    [3, 2]
    """
    tensor, dtype = convert(input), dtypes.as_dtype(out_type)
    if tensor.shape.is_fully_defined():
        return Tensor(np.array(tensor.shape.as_list(), dtype.as_numpy_dtype))
    return apply(_SHAPE, tensor, dtype=dtype)


def size(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> Tensor:
    """The number of elements, a scalar.

    >>> size([[1, 2], [3, 4], [5, 6]]).numpy().item()
    6
    """
    tensor, dtype = convert(input), dtypes.as_dtype(out_type)
    if tensor.shape.is_fully_defined():
        return Tensor(np.array(tensor.shape.num_elements(), dtype.as_numpy_dtype))
    return apply(_SIZE, tensor, dtype=dtype)


def rank(input: Any, name: str | None = None) -> Tensor:
    """The number of axes, a scalar: how many indices it takes to name one element.

    >>> rank(4).numpy().item(), rank([[1, 2], [3, 4]]).numpy().item()
    (0, 2)
    """
    return Tensor(np.array(convert(input).ndim, np.int32))


# --- reshape --------------------------------------------------------------------------------------


def _reshape_spec(x: TensorSpec, *, shape: tuple[int, ...]) -> TensorSpec:
    if shape.count(-1) > 1 or any(size < -1 for size in shape):
        raise InvalidArgumentError(
            f"reshape: {show(shape)} is not a shape to reshape to; at most one size may be -1 "
            "(then it is worked out), the others are not negative."
        )
    if not x.shape.is_fully_defined():
        return TensorSpec([None if size == -1 else size for size in shape], x.dtype)
    have = element_count(x.dims)  # type: ignore[arg-type]
    fixed = element_count(size for size in shape if size != -1)
    if (have != fixed) if -1 not in shape else (fixed == 0 or have % fixed):
        raise InvalidArgumentError(
            f"reshape: shape {show(x.dims)} has {have} elements, but {show(shape)} "
            f"{'needs a multiple of ' if -1 in shape else 'has '}{fixed}. Reshape moves no element in "
            "or out; the products of the sizes must agree."
        )
    return TensorSpec([have // fixed if size == -1 else size for size in shape], x.dtype)


_RESHAPE = primitive(
    "reshape",
    lambda xp, x, *, shape: xp.reshape(x, shape),
    _reshape_spec,
    vjp=(lambda dy, y, x, *, shape: reshape_like(dy, x),),
)
_RESHAPE_LIKE = primitive(
    "reshape_like",
    lambda xp, x, like: xp.reshape(x, like.shape),
    lambda x, like: TensorSpec(like.dims, x.dtype),
    vjp=(lambda dy, y, x, like: reshape_like(dy, x), None),
)
_RESHAPE_TO = primitive(
    "reshape_to",
    lambda xp, x, shape: xp.reshape(x, tuple(np.asarray(shape).tolist())),
    lambda x, shape: TensorSpec([None] * shape.dims[0] if shape.dims[0] is not None else None, x.dtype),
    vjp=(lambda dy, y, x, shape: reshape_like(dy, x), None),
)


def _static_dims(shape: Any) -> tuple[int, ...] | None:
    """A shape argument as ints, or None when part of it is symbolic, known only when the graph runs."""
    parts = list(shape) if isinstance(shape, (list, tuple)) else [shape]
    if any(isinstance(p, Tensor) and not hasattr(p, "_array") for p in parts):
        return None
    if isinstance(shape, (Tensor, Variable)):
        shape = convert(shape).numpy().reshape(-1).tolist()
    sizes = [shape] if isinstance(shape, (int, np.integer)) else shape
    return tuple(spec.whole(size, "A size") for size in sizes)


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The same elements in the same (row-major) order, in another shape. One size may be -1.

    >>> reshape([1, 2, 3, 4, 5, 6], [3, -1]).numpy().tolist()
    [[1, 2], [3, 4], [5, 6]]
    """
    x, dims = convert(tensor), _static_dims(shape)
    if dims is None:
        return apply(_RESHAPE_TO, x, convert(shape))
    return apply(_RESHAPE, x, shape=dims)


def reshape_like(x: Tensor, like: Tensor) -> Tensor:
    """`x` in the shape of `like`, which has as many elements."""
    return apply(_RESHAPE_LIKE, x, like)


def _insert_axes(dims: Dims, axes: tuple[int, ...]) -> Dims:
    result = list(dims)
    for axis in sorted(axes):
        result.insert(axis, 1)
    return tuple(result)


_EXPAND = primitive(
    "expand_dims",
    lambda xp, x, *, axes: xp.expand_dims(x, axes),
    lambda x, *, axes: TensorSpec(_insert_axes(x.dims, axes), x.dtype),
    vjp=(lambda dy, y, x, *, axes: apply(_SQUEEZE, dy, axes=axes),),
)


def _squeeze_spec(x: TensorSpec, *, axes: tuple[int, ...]) -> TensorSpec:
    assert x.dims is not None
    for axis in axes:
        if x.dims[axis] not in (1, None):
            raise InvalidArgumentError(
                f"squeeze: axis {axis} of shape {show(x.dims)} has size {x.dims[axis]}; only axes of "
                "size 1 can be removed."
            )
    return TensorSpec([d for i, d in enumerate(x.dims) if i not in axes], x.dtype)


_SQUEEZE = primitive(
    "squeeze",
    lambda xp, x, *, axes: xp.squeeze(x, axes),
    _squeeze_spec,
    vjp=(lambda dy, y, x, *, axes: apply(_EXPAND, dy, axes=axes),),
)


def expand_dims(input: Any, axis: int, name: str | None = None) -> Tensor:
    """One axis of size 1 more, at position `axis` of the result.

    >>> expand_dims([1, 2, 3], -1).shape
    TensorShape([3, 1])
    """
    x = convert(input)
    return apply(_EXPAND, x, axes=(normalize_axis(axis, x.ndim + 1, "expand_dims"),))


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Tensor:
    """Axes of size 1 removed: all of them, or those listed in `axis`.

    >>> squeeze([[[1], [2]]]).shape
    TensorShape([2])
    """
    x = convert(input)
    if axis is None or axis == []:
        axes = [i for i, d in enumerate(x.shape) if d == 1]
    else:
        listed = axis if isinstance(axis, (list, tuple)) else [axis]
        axes = [normalize_axis(a, x.ndim, "squeeze") for a in listed]
    return apply(_SQUEEZE, x, axes=tuple(sorted(axes)))


# --- transpose ------------------------------------------------------------------------------------


def _inverse(perm: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(perm.index(i) for i in range(len(perm)))


def _transpose_spec(x: TensorSpec, *, perm: tuple[int, ...]) -> TensorSpec:
    if x.dims is not None and sorted(perm) != list(range(len(x.dims))):
        raise InvalidArgumentError(
            f"transpose: perm must name each axis of shape {show(x.dims)} once, but is {list(perm)}."
        )
    return TensorSpec([x.dims[i] for i in perm] if x.dims is not None else [None] * len(perm), x.dtype)


_TRANSPOSE = primitive(
    "transpose",
    lambda xp, x, *, perm: xp.transpose(x, perm),
    _transpose_spec,
    vjp=(lambda dy, y, x, *, perm: apply(_TRANSPOSE, dy, perm=_inverse(perm)),),
)


def transpose(a: Any, perm: Any = None, name: str | None = None) -> Tensor:
    """Axes in another order: axis i of the result is axis `perm[i]` of the input; by default reversed.

    >>> transpose([[1, 2], [3, 4], [5, 6]]).numpy().tolist()
    [[1, 3, 5], [2, 4, 6]]
    """
    x = convert(a)
    order = tuple(range(x.ndim))[::-1] if perm is None else _static_dims(perm)
    assert order is not None
    return apply(_TRANSPOSE, x, perm=tuple(p + x.ndim if p < 0 else p for p in order))


# --- broadcast and its adjoint --------------------------------------------------------------------


def _broadcast_spec(x: TensorSpec, *, shape: tuple[int, ...]) -> TensorSpec:
    if spec.broadcast(x.dims, shape, "broadcast_to") != shape and x.shape.is_fully_defined():
        raise InvalidArgumentError(
            f"broadcast_to: shape {show(x.dims)} cannot be stretched to {show(shape)}; only axes of "
            "size 1 stretch."
        )
    return TensorSpec(shape, x.dtype)


def sum_to(xp: Any, x: Any, dims: tuple[int, ...]) -> Any:
    """Sums an array over the axes along which `dims` was stretched to its shape."""
    lead = x.ndim - len(dims)
    axes = tuple(range(lead)) + tuple(
        i + lead for i, d in enumerate(dims) if d == 1 and x.shape[i + lead] != 1
    )
    return xp.reshape(xp.sum(x, axis=axes, dtype=x.dtype), dims) if axes else xp.reshape(x, dims)


_BROADCAST_TO = primitive(
    "broadcast_to",
    lambda xp, x, *, shape: xp.broadcast_to(x, shape),
    _broadcast_spec,
    vjp=(lambda dy, y, x, *, shape: sum_like(dy, x),),
)
_BROADCAST_LIKE = primitive(
    "broadcast_like",
    lambda xp, x, like: xp.broadcast_to(x, like.shape),
    lambda x, like: TensorSpec(like.dims, x.dtype),
    vjp=(lambda dy, y, x, like: sum_like(dy, x), None),
)
_SUM_LIKE = primitive(
    "sum_like",
    lambda xp, x, like: sum_to(xp, x, like.shape),
    lambda x, like: TensorSpec(like.dims, x.dtype),
    vjp=(lambda dy, y, x, like: broadcast_like(dy, x), None),
)


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """`input` stretched to `shape`: axes of size 1 are repeated, missing ones added at the left.

    >>> broadcast_to([1, 2], [2, 2]).numpy().tolist()
    [[1, 2], [1, 2]]
    """
    return apply(_BROADCAST_TO, convert(input), shape=_dims_of(shape))


def broadcast_like(x: Tensor, like: Tensor) -> Tensor:
    """`x` stretched to the shape of `like`."""
    return apply(_BROADCAST_LIKE, x, like)


def sum_like(x: Tensor, like: Tensor) -> Tensor:
    """`x` summed down to the shape of `like`: the adjoint of broadcasting."""
    return apply(_SUM_LIKE, x, like)


# --- slices ---------------------------------------------------------------------------------------


def _encode(key: Any) -> tuple[Any, ...]:
    """An index as a hashable tuple: ints, None, Ellipsis, and ('slice', start, stop, step)."""

    def plain(part: Any) -> Any:
        return part if part is None else int(part)

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


# --- joining --------------------------------------------------------------------------------------


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


# --- gather and scatter ---------------------------------------------------------------------------


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
