"""Shape, and the order of axes: nothing here computes a new number or drops one.

The set is closed under derivatives. Each operation stands beside the one that undoes it: reshape and
reshape_like, expand_dims and squeeze, broadcast_like and sum_like. The `_like` forms take their shape
from a tensor, so they also work in a graph whose sizes are not known yet.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import devices, dtypes, spec
from engine.dispatch import NOT_DIFFERENTIABLE, apply, context, primitive, same_dtype
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, convert_together, is_symbolic, sizes_of
from engine.spec import Dims, TensorShape, TensorSpec, element_count, normalize_axis, show
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


def shape(input: Any, out_type: Any = None, name: str | None = None) -> Tensor:
    """The sizes of the axes as an int32 vector, or of `out_type`, computed when the program runs.

    `x.shape` tells the same before it runs, as far as it is known.

    >>> shape([[1, 2], [3, 4], [5, 6]]).numpy().tolist()
    [3, 2]
    """
    tensor, dtype = convert(input), dtypes.as_dtype(out_type or dtypes.int32)
    if tensor.shape.is_fully_defined():
        return Tensor(np.array(tensor.shape.as_list(), dtype.as_numpy_dtype))
    return apply(_SHAPE, tensor, dtype=dtype)


def size(input: Any, out_type: Any = None, name: str | None = None) -> Tensor:
    """The number of elements, an int32 scalar or one of `out_type`.

    >>> size([[1, 2], [3, 4], [5, 6]]).numpy().item()
    6
    """
    tensor, dtype = convert(input), dtypes.as_dtype(out_type or dtypes.int32)
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
    lambda xp, x, *, shape: x.reshape(shape),
    _reshape_spec,
    vjp=(lambda dy, y, x, *, shape: reshape_like(dy, x),),
    quiet=True,
)
_RESHAPE_LIKE = primitive(
    "reshape_like",
    lambda xp, x, like: x.reshape(like.shape),
    lambda x, like: TensorSpec(like.dims, x.dtype),
    vjp=(lambda dy, y, x, like: reshape_like(dy, x), None),
    quiet=True,
)
_RESHAPE_TO = primitive(
    "reshape_to",
    lambda xp, x, shape, *, known=None: xp.reshape(x, tuple(devices.to_host(shape).tolist())),
    lambda x, shape, *, known=None: TensorSpec(_hoped(shape, known), x.dtype),
    vjp=(lambda dy, y, x, shape, *, known=None: reshape_like(dy, x), None),
)


def _hoped(shape: TensorSpec, known: Dims | None) -> Dims | None:
    """The sizes a shape tensor will hold, as far as they are known; -1 is not."""
    if known is not None:
        return tuple(None if size == -1 else size for size in known)
    return None if shape.dims is None or shape.dims[0] is None else (None,) * shape.dims[0]


def _static_dims(shape: Any) -> tuple[int, ...] | None:
    """A shape argument as ints, or None when part of it is symbolic, known only when the graph runs."""
    if type(shape) in (list, tuple) and set(map(type, shape)) <= {int}:
        return tuple(shape)  # the frequent case
    parts = list(shape) if isinstance(shape, (list, tuple)) else [shape]
    if any(map(is_symbolic, parts)) or (context.tracing and _has_variable(parts)):
        return None
    if isinstance(shape, (Tensor, Variable)):
        shape = convert(shape).numpy().reshape(-1).tolist()
    sizes = [shape] if isinstance(shape, (int, np.integer)) else shape
    return tuple(spec.whole(size, "A size") for size in sizes)


def _has_variable(parts: list[Any]) -> bool:
    return any(isinstance(part, Variable) for part in parts)


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The same elements in the same (row-major) order, in another shape. One size may be -1.

    >>> reshape([1, 2, 3, 4, 5, 6], [3, -1]).numpy().tolist()
    [[1, 2], [3, 4], [5, 6]]
    """
    x, dims = convert(tensor), _static_dims(shape)
    if dims is None:
        known, later = sizes_of(shape)
        assert later is not None
        return apply(_RESHAPE_TO, x, later, known=known)
    if min(dims, default=0) < -1:  # NumPy takes any negative size for -1
        _reshape_spec(x.spec, shape=dims)
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
    lambda xp, x, *, axes: x.reshape(_insert_axes(x.shape, axes)),
    lambda x, *, axes: TensorSpec(_insert_axes(x.dims, axes), x.dtype),
    vjp=(lambda dy, y, x, *, axes: apply(_SQUEEZE, dy, axes=axes),),
    quiet=True,
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
    lambda xp, x, *, axes: x.squeeze(axes),
    _squeeze_spec,
    vjp=(lambda dy, y, x, *, axes: apply(_EXPAND, dy, axes=axes),),
    quiet=True,
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
        if not x.shape.is_fully_defined():
            raise ValueError(
                f"squeeze: of shape {x.shape} it is not known which axes have size 1 while the function is "
                "traced. Say which: squeeze(x, axis=...)."
            )
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
    lambda xp, x, *, perm: x.transpose(perm),
    _transpose_spec,
    vjp=(lambda dy, y, x, *, perm: apply(_TRANSPOSE, dy, perm=_inverse(perm)),),
    quiet=True,
)


def transpose(a: Any, perm: Any = None, conjugate: bool = False, name: str | None = None) -> Tensor:
    """Axes in another order: axis i of the result is axis `perm[i]` of the input; by default reversed.

    With `conjugate`, complex numbers are conjugated too.

    >>> transpose([[1, 2], [3, 4], [5, 6]]).numpy().tolist()
    [[1, 3, 5], [2, 4, 6]]
    """
    x = convert(a)
    order = tuple(range(x.ndim))[::-1] if perm is None else _static_dims(perm)
    if order is None:
        raise InvalidArgumentError("transpose: perm must be known while the function is traced.")
    if conjugate and x.dtype.is_complex:
        from engine.ops.complexes import conj

        x = conj(x)
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
    return (xp.add.reduce(x, axes, x.dtype) if axes else x).reshape(dims)


def _stretch_to(xp: Any, x: Any, dims: tuple[int, ...]) -> Any:
    """`xp.broadcast_to`. NumPy's is made of this iterator, and of four times as long in Python."""
    if xp is not np or len(dims) < x.ndim or min(dims, default=0) < 0:
        return xp.broadcast_to(x, dims)  # or its error
    flags: list[Any] = ["multi_index", "refs_ok", "zerosize_ok"]
    return np.nditer((x,), flags, [["readonly"]], itershape=dims, order="C").itviews[0]


_BROADCAST_TO = primitive(
    "broadcast_to",
    lambda xp, x, *, shape: _stretch_to(xp, x, shape),
    _broadcast_spec,
    vjp=(lambda dy, y, x, *, shape: sum_like(dy, x),),
    quiet=True,
)
_BROADCAST_TO_SHAPE = primitive(
    "broadcast_to_shape",
    lambda xp, x, shape, *, known=None: _stretch_to(xp, x, tuple(devices.to_host(shape).tolist())),
    lambda x, shape, *, known=None: TensorSpec(_hoped(shape, known), x.dtype),
    vjp=(lambda dy, y, x, shape, *, known=None: sum_like(dy, x), None),
    quiet=True,
)
_BROADCAST_LIKE = primitive(
    "broadcast_like",
    lambda xp, x, like: _stretch_to(xp, x, like.shape),
    lambda x, like: TensorSpec(like.dims, x.dtype),
    vjp=(lambda dy, y, x, like: sum_like(dy, x), None),
    quiet=True,
)
_SUM_LIKE = primitive(
    "sum_like",
    lambda xp, x, like: sum_to(xp, x, like.shape),
    lambda x, like: TensorSpec(like.dims, x.dtype),
    vjp=(lambda dy, y, x, like: broadcast_like(dy, x), None),
    quiet=True,
)


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """`input` stretched to `shape`: axes of size 1 are repeated, missing ones added at the left.

    >>> broadcast_to([1, 2], [2, 2]).numpy().tolist()
    [[1, 2], [1, 2]]
    """
    known, later = sizes_of(shape)
    if later is not None:
        return apply(_BROADCAST_TO_SHAPE, convert(input), later, known=known)
    return apply(_BROADCAST_TO, convert(input), shape=known)


def broadcast_like(x: Tensor, like: Tensor) -> Tensor:
    """`x` stretched to the shape of `like`."""
    return apply(_BROADCAST_LIKE, x, like)


def sum_like(x: Tensor, like: Tensor) -> Tensor:
    """`x` summed down to the shape of `like`: the adjoint of broadcasting."""
    return apply(_SUM_LIKE, x, like)


# --- shapes of several tensors ---------------------------------------------------------------------


def sizes(x: Tensor) -> list[Any]:
    """The size of each axis: an int where it is known, else a scalar tensor."""
    if x.shape.is_fully_defined():
        return x.shape.as_list()
    later = shape(x)
    return [later[i] if d is None else d for i, d in enumerate(x.shape)]  # type: ignore[index]


def shape_n(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> list[Tensor]:
    """The shapes of several tensors, each as an integer vector.

    >>> [s.numpy().tolist() for s in shape_n([[1, 2], [[3]]])]
    [[2], [1, 1]]
    """
    return [shape(x, out_type) for x in input]


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> TensorShape:
    """The shape two shapes have together, as far as it is known before anything runs.

    Raises:
      ValueError: when they do not fit together.

    >>> broadcast_static_shape(TensorShape([2, 1]), TensorShape([3]))
    TensorShape([2, 3])
    """
    try:
        dims = spec.broadcast(TensorShape(shape_x).dims, TensorShape(shape_y).dims)
    except InvalidArgumentError as error:
        raise ValueError(error.message) from None
    return TensorShape(dims)


def _joint_shape_kernel(xp: Any, a: Any, b: Any) -> Any:
    one, other = (tuple(devices.to_host(v).tolist()) for v in (a, b))
    return np.array(spec.broadcast(one, other, "broadcast_dynamic_shape"), a.dtype)


def _joint_shape_spec(a: TensorSpec, b: TensorSpec) -> TensorSpec:
    same_dtype("broadcast_dynamic_shape", a, b)
    ranks = [dims[0] if dims else None for dims in (a.dims, b.dims)]
    return TensorSpec([None if None in ranks else max(r for r in ranks if r is not None)], a.dtype)


_JOINT_SHAPE = primitive(
    "broadcast_shapes", _joint_shape_kernel, _joint_shape_spec, vjp=NOT_DIFFERENTIABLE
)


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Tensor:
    """The shape two shapes have together, as an integer vector computed when the program runs.

    >>> broadcast_dynamic_shape([2, 1], [3]).numpy().tolist()
    [2, 3]
    """
    return apply(_JOINT_SHAPE, *convert_together(shape_x, shape_y))


def _ensure_kernel(xp: Any, x: Any, *, shape: Dims | None) -> Any:
    if not spec.compatible(x.shape, shape):
        raise InvalidArgumentError(
            f"ensure_shape: shape {show(shape)} was expected, but the tensor has shape {show(x.shape)}."
        )
    return x


def _ensure_spec(x: TensorSpec, *, shape: Dims | None) -> TensorSpec:
    if not spec.compatible(x.dims, shape):
        raise InvalidArgumentError(
            f"ensure_shape: shape {show(shape)} was expected, but the tensor has shape {show(x.dims)}."
        )
    return TensorSpec(x.shape.merge_with(shape), x.dtype)


_ENSURE_SHAPE = primitive(
    "ensure_shape", _ensure_kernel, _ensure_spec, vjp=(lambda dy, y, x, *, shape: dy,)
)


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Tensor:
    """The same tensor, checked to have this shape; inside a graph, the sizes are known from here on.

    Raises:
      InvalidArgumentError: when it has another shape.

    >>> ensure_shape([[1, 2]], [None, 2]).shape
    TensorShape([1, 2])
    """
    return apply(_ENSURE_SHAPE, convert(x), shape=TensorShape(shape).dims)
