"""Many elements to one: sums, means, extremes, and where they are.

`axis` names the axes that disappear; without it all do. `keepdims=True` leaves them with size 1, which
is what the derivatives use to stretch a cotangent back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.dispatch import NOT_DIFFERENTIABLE, apply, primitive
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert
from engine.ops.elementwise import (
    BOOLEAN,
    NUMBERS,
    REAL,
    _check_kind,
    cast,
    divide,
    equal,
    exp,
    is_finite,
    log,
    not_equal,
    sqrt,
    square,
    stop_gradient,
    where,
    zeros_like,
)
from engine.ops.layout import _EXPAND, _SQUEEZE, broadcast_like, reshape, size
from engine.ops.scan import cumprod
from engine.spec import TensorSpec, normalize_axis
from engine.tensor import Tensor

Axes = tuple[int, ...]
_AXIS_DOC = "    `axis`: an int, a list, or None for all; those axes disappear unless `keepdims`.\n    "


def _reduced(x: TensorSpec, axes: Axes, keepdims: bool, dtype: dtypes.DType | None = None) -> TensorSpec:
    assert x.dims is not None
    kept = [
        1 if i in axes else d for i, d in enumerate(x.dims) if keepdims or i not in axes
    ]  # fmt: skip
    return TensorSpec(kept, dtype or x.dtype)


def _stretch(reduced: Tensor, like: Tensor, axes: Axes, keepdims: bool) -> Tensor:
    """A reduced tensor, brought back to the shape of `like` by repetition."""
    in_front = axes == tuple(range(len(axes)))  # axes missing there come back by broadcasting
    wide = reduced if keepdims or in_front else apply(_EXPAND, reduced, axes=axes)
    return broadcast_like(wide, like)


def _sum_vjp(dy: Tensor, y: Tensor, x: Tensor, *, axes: Axes, keepdims: bool) -> Tensor:
    return _stretch(dy, x, axes, keepdims)


def _extreme_vjp(dy: Tensor, y: Tensor, x: Tensor, *, axes: Axes, keepdims: bool) -> Tensor:
    """Elements that tie for the extreme share the cotangent evenly."""
    hit = cast(equal(x, _stretch(y, x, axes, keepdims)), dy.dtype)
    count = apply(_SUM, hit, axes=axes, keepdims=True)
    return _stretch(dy, x, axes, keepdims) * hit / count


# The ufunc that a function of NumPy's repeats. On few elements it takes a third of the function's time.
_REPEATED: dict[str, Any] = {
    "sum": np.add, "max": np.maximum, "min": np.minimum, "all": np.logical_and, "any": np.logical_or,
}  # fmt: skip


def _reduction(name: str, method: str, vjp: Any, kinds: tuple[str, ...], text: str) -> Any:
    """Declares a reduction. Returns its primitive and the public operation."""
    repeated = _REPEATED[method]

    def kernel(xp: Any, x: Any, *, axes: Axes, keepdims: bool) -> Any:
        if not axes:
            return x
        if method in ("max", "min") and x.size == 0:
            low = dtypes.of_numpy(x.dtype)
            edge = (-float("inf"), float("inf")) if low.is_floating else (low.min, low.max)
            initial = x.dtype.type(edge[0] if method == "max" else edge[1])
            return getattr(xp, method)(x, axis=axes, keepdims=keepdims, initial=initial)
        if xp is np:
            return repeated.reduce(x, axes, x.dtype, None, keepdims)
        same = {"dtype": x.dtype} if method == "sum" else {}  # a sum of integers would be widened
        return getattr(xp, method)(x, axis=axes, keepdims=keepdims, **same)

    def spec(x: TensorSpec, *, axes: Axes, keepdims: bool) -> TensorSpec:
        _check_kind(name, x, kinds)
        return _reduced(x, axes, keepdims)

    record = primitive(name, kernel, spec, vjp=vjp, quiet=True)

    def op(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
        x = convert(input_tensor)
        if x.dtype.kind not in kinds:
            _check_kind(record.name, x, kinds)
        if axis is None and x._dims is None and not keepdims:
            x = reshape(x, [-1])  # all elements, however they are arranged
        return apply(record, x, axes=_axes(axis, x, record.name), keepdims=bool(keepdims))

    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"{text}\n\n{_AXIS_DOC}"
    return record, op


def _axes(axis: Any, x: Tensor, what: str) -> Axes:
    dims = x._dims
    if dims is None:
        raise InvalidArgumentError(f"{what} needs a tensor whose rank is known.")
    if axis is None:
        return tuple(range(len(dims)))
    if type(axis) is int:
        return (normalize_axis(axis, len(dims), what),)
    listed = axis if isinstance(axis, (list, tuple)) else np.asarray(axis).reshape(-1).tolist()
    axes = sorted(normalize_axis(a, len(dims), what) for a in listed)
    if len(set(axes)) < len(axes):
        raise InvalidArgumentError(f"{what}: axis {list(listed)} names an axis twice.")
    return tuple(axes)


# fmt: off
_SUM, reduce_sum = _reduction("reduce_sum", "sum", (_sum_vjp,), NUMBERS,
    "The sum of the elements along the axes; 0 for none.")
_MAX, reduce_max = _reduction("reduce_max", "max", (_extreme_vjp,), REAL,
    "The largest element along the axes.")
_MIN, reduce_min = _reduction("reduce_min", "min", (_extreme_vjp,), REAL,
    "The smallest element along the axes.")
_ALL, reduce_all = _reduction("reduce_all", "all", NOT_DIFFERENTIABLE, BOOLEAN,
    "True where all elements along the axes are.")
_ANY, reduce_any = _reduction("reduce_any", "any", NOT_DIFFERENTIABLE, BOOLEAN,
    "True where an element along the axes is.")
# fmt: on


def _prod_vjp(dy: Tensor, y: Tensor, x: Tensor, *, axis: int) -> Tensor:
    """Every element leaves the product of the others, which needs no division by a zero."""
    return dy * cumprod(x, axis, exclusive=True) * cumprod(x, axis, exclusive=True, reverse=True)


def _prod_spec(x: TensorSpec, *, axis: int) -> TensorSpec:
    _check_kind("reduce_prod", x, NUMBERS)
    return _reduced(x, (axis,), True)


_PROD = primitive(  # along one axis, which stays with size 1
    "reduce_prod",
    lambda xp, x, *, axis: xp.prod(x, axis=axis, keepdims=True, dtype=x.dtype),
    _prod_spec,
    vjp=(_prod_vjp,),
)


def reduce_prod(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The product of the elements along the axes; 1 for none. Its derivatives are right at zeros too.

    `axis`: an int, a list, or None for all; those axes disappear unless `keepdims`.

    >>> reduce_prod([[1, 2], [3, 4]], axis=1).numpy().tolist()
    [2, 12]
    """
    x = convert(input_tensor)
    _check_kind("reduce_prod", x, NUMBERS)
    axes = _axes(axis, x, "reduce_prod")
    for each in axes:
        x = apply(_PROD, x, axis=each)
    return x if keepdims or not axes else apply(_SQUEEZE, x, axes=axes)


def reduce_mean(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The mean of the elements along the axes. Integers give an integer, rounded towards zero.

    `axis`: an int, a list, or None for all; those axes disappear unless `keepdims`.

    >>> reduce_mean([[1.0, 2.0], [3.0, 4.0]], axis=0).numpy().tolist()
    [2.0, 3.0]
    """
    x = convert(input_tensor)
    _check_kind("reduce_mean", x, NUMBERS)
    # The sum of many integers or 16-bit floats may not fit their own dtype, though the mean does.
    wide = dtypes.float64 if x.dtype.is_integer else dtypes.float32 if x.dtype.size == 2 else x.dtype
    if wide is not x.dtype:
        return cast(reduce_mean(cast(x, wide), axis, keepdims), x.dtype)
    total = reduce_sum(x, axis, keepdims)
    many, few = x.shape.num_elements(), total.shape.num_elements()
    if many is not None and few:
        return divide(total, many // few)
    # Sizes known only when the graph runs, or nothing left to divide.
    return divide(total, cast(divide(size(x), size(total)), wide))


def reduce_variance(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The mean squared distance from the mean (divided by n, not n - 1)."""
    x = convert(input_tensor)
    return reduce_mean(square(x - reduce_mean(x, axis, True)), axis, keepdims)


def reduce_std(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The square root of `reduce_variance`."""
    return sqrt(reduce_variance(input_tensor, axis, keepdims))


def reduce_logsumexp(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """log(sum(exp(x))) along the axes, without overflow.

    >>> reduce_logsumexp([1000.0, 1000.0]).numpy().round(3).item()
    1000.6929931640625
    """
    x = convert(input_tensor)
    top = reduce_max(x, axis, True)
    top = stop_gradient(where(is_finite(top), top, zeros_like(top)))
    total = log(reduce_sum(exp(x - top), axis, True)) + top
    axes = _axes(axis, x, "reduce_logsumexp")
    return total if keepdims or not axes else apply(_SQUEEZE, total, axes=axes)


def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The square root of the sum of squares along the axes.

    >>> reduce_euclidean_norm([3.0, 4.0]).numpy().item()
    5.0
    """
    return sqrt(reduce_sum(square(input_tensor), axis, keepdims))


def count_nonzero(
    input: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    dtype: Any = dtypes.int64,
    name: str | None = None,
) -> Tensor:
    """How many elements along the axes are not 0.

    >>> count_nonzero([[0, 1], [2, 3]], axis=0).numpy().tolist()
    [1, 2]
    """
    x = convert(input)
    differs = not_equal(x, "") if x.dtype is dtypes.string else cast(x, dtypes.bool_)
    return reduce_sum(cast(differs, dtype), axis, keepdims)


def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """The share of zeros among all elements, a float32.

    >>> zero_fraction([0, 0, 1, 2]).numpy().item()
    0.5
    """
    x = convert(value)
    return cast(reduce_mean(cast(equal(x, zeros_like(x)), dtypes.float32)), dtypes.float32)


def _locate(name: str, method: str) -> Any:
    def kernel(xp: Any, x: Any, *, axis: int, dtype: dtypes.DType) -> Any:
        return xp.asarray(getattr(xp, method)(x, axis)).astype(dtype.as_numpy_dtype)

    def spec(x: TensorSpec, *, axis: int, dtype: dtypes.DType) -> TensorSpec:
        return _reduced(x, (axis,), False, dtype)

    return primitive(name, kernel, spec, vjp=NOT_DIFFERENTIABLE)


_ARGMAX, _ARGMIN = _locate("argmax", "argmax"), _locate("argmin", "argmin")


def argmax(
    input: Any, axis: int | None = None, output_type: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """The position of the largest element along `axis`, by default the first; of several the first.

    >>> argmax([[1, 5, 2], [7, 0, 3]], axis=1).numpy().tolist()
    [1, 0]
    """
    x = convert(input)
    where = normalize_axis(axis or 0, x.ndim, "argmax")
    return apply(_ARGMAX, x, axis=where, dtype=dtypes.as_dtype(output_type))


def argmin(
    input: Any, axis: int | None = None, output_type: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """The position of the smallest element along `axis`; the first of several."""
    x = convert(input)
    where = normalize_axis(axis or 0, x.ndim, "argmin")
    return apply(_ARGMIN, x, axis=where, dtype=dtypes.as_dtype(output_type))
