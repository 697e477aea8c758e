"""Conversions between dtypes other than `cast`: the nearest number there is, or the same bits."""

from __future__ import annotations

from typing import Any

from engine import dtypes
from engine.dispatch import NOT_DIFFERENTIABLE, apply, primitive
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert
from engine.ops.elementwise import REAL, _check_kind, cast, greater_equal, less_equal, where
from engine.spec import TensorSpec, show
from engine.tensor import Tensor


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Tensor:
    """`value` converted to `dtype`; what is too large or too small becomes its largest or smallest number.

    >>> saturate_cast([-7, 7, 300], "uint8").numpy().tolist()
    [0, 7, 255]
    """
    x, target = convert(value), dtypes.as_dtype(dtype)
    _check_kind("saturate_cast", x, REAL)
    made = cast(x, target)
    if target.is_integer:
        # The largest int64 is no float: compared is the float next to it, chosen is the integer.
        for limit, beyond in ((target.min, less_equal), (target.max, greater_equal)):
            if x.dtype.is_floating or x.dtype.min <= limit <= x.dtype.max:
                edge = cast(convert(float(limit)), x.dtype) if x.dtype.is_floating else int(limit)
                made = where(beyond(x, edge), convert(int(limit), target), made)
    return made


def _bitcast_spec(x: TensorSpec, *, dtype: dtypes.DType) -> TensorSpec:
    for kind in (x.dtype, dtype):
        if kind.is_bool or kind is dtypes.string:
            raise InvalidArgumentError(f"bitcast works on numbers, but {kind.name} was given.")
    assert x.dims is not None
    have, want = x.dtype.size, dtype.size
    if have == want:
        return TensorSpec(x.dims, dtype)
    if have > want:
        return TensorSpec((*x.dims, have // want), dtype)
    if not x.dims or x.dims[-1] not in (None, want // have):
        raise InvalidArgumentError(
            f"bitcast: {want // have} elements of {x.dtype.name} make one of {dtype.name}, so the last "
            f"axis must have that size; the shape is {show(x.dims)}."
        )
    return TensorSpec(x.dims[:-1], dtype)


def _bitcast_kernel(xp: Any, x: Any, *, dtype: dtypes.DType) -> Any:
    x = xp.ascontiguousarray(x).reshape(x.shape)
    have, want = x.dtype.itemsize, dtype.size
    if have > want:
        x = x[..., None]
    made = x.view(dtype.as_numpy_dtype)
    return made[..., 0] if have < want else made


_BITCAST = primitive("bitcast", _bitcast_kernel, _bitcast_spec, vjp=NOT_DIFFERENTIABLE)


def bitcast(input: Any, type: Any, name: str | None = None) -> Tensor:
    """The same bits, read as another dtype. A smaller dtype adds a last axis, a larger one takes it.

    >>> bitcast([1.0], "int32").numpy().tolist()
    [1065353216]
    """
    x, target = convert(input), dtypes.as_dtype(type)
    _bitcast_spec(x.spec, dtype=target)
    return apply(_BITCAST, x, dtype=target)
