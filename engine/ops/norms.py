"""Lengths, and tensors scaled by them: norms, clipping of gradients, moments, polynomials."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.ops.complexes import abs as absolute
from engine.ops.creation import convert, convert_together
from engine.ops.elementwise import (
    add_n,
    cast,
    divide,
    is_finite,
    less,
    less_equal,
    maximum,
    minimum,
    multiply,
    ones_like,
    rsqrt,
    sqrt,
    square,
    squared_difference,
    where,
    zeros_like,
)
from engine.ops.layout import reshape, size, squeeze
from engine.ops.reduce import _axes, reduce_all, reduce_max, reduce_mean, reduce_sum
from engine.ops.slicing import getitem
from engine.spec import compatible, show
from engine.tensor import Tensor


def _matrix_norm(x: Tensor, order: Any, axes: tuple[int, int]) -> Tensor:
    """Norms over two axes, which stay with size 1."""
    rows, columns = axes
    if order in ("fro", "euclidean"):
        return sqrt(reduce_sum(square(absolute(x)), [rows, columns], True))
    if order == 1:
        return reduce_max(reduce_sum(absolute(x), rows, True), columns, True)
    if order == np.inf:
        return reduce_max(reduce_sum(absolute(x), columns, True), rows, True)
    if order == 2:
        from engine.ops.decompositions import largest_singular_value

        return largest_singular_value(x, rows, columns)
    raise ValueError(
        f"norm: the order of a matrix norm is 'euclidean', 'fro', 1, 2 or np.inf, not {order!r}."
    )


def _vector_norm(x: Tensor, order: Any, axis: Any) -> Tensor:
    if order in ("euclidean", 2):
        return sqrt(reduce_sum(square(absolute(x)), axis, True))
    if order == 1:
        return reduce_sum(absolute(x), axis, True)
    if order == np.inf:
        return reduce_max(absolute(x), axis, True)
    if isinstance(order, (int, float)) and order > 0:
        return reduce_sum(absolute(x) ** order, axis, True) ** (1.0 / order)
    raise ValueError(
        f"norm: the order of a vector norm is 'euclidean', a positive number or np.inf, not {order!r}. "
        "For 'fro' name the two axes of the matrix."
    )


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
) -> Tensor:
    """The length of vectors, or the size of matrices.

    Args:
      ord: 'euclidean', 1, 2, np.inf or another positive number for vectors; 'fro' (or 'euclidean'), 1, 2
        (the largest singular value) or np.inf for matrices.
      axis: an int for vectors along it, two for the rows and columns of matrices, None for all elements as
        one vector.

    >>> norm([[3.0, 0.0], [0.0, 4.0]]).numpy().item(), norm([[1.0, -2.0]], ord=1, axis=1).numpy().tolist()
    (5.0, [3.0])
    """
    x = convert(tensor)
    pair = isinstance(axis, (list, tuple)) and len(axis) == 2
    if isinstance(axis, (list, tuple)) and len(axis) not in (1, 2):
        raise ValueError(f"norm: axis must be None, an int or two ints, not {axis!r}.")
    if pair:
        _axes(axis, x, "norm")
        rows, columns = (int(a) % x.ndim for a in axis)
        result = _matrix_norm(x, ord, (rows, columns))
        gone = [rows, columns]
    else:
        result = _vector_norm(x, ord, axis)
        gone = list(_axes(axis, x, "norm"))
    return result if keepdims or not gone else squeeze(result, gone)


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None) -> Tensor:
    """x divided by its euclidean norm along `axis`; norms below sqrt(epsilon) count as that.

    TensorFlow's old name `dim` for the axis is not accepted.

    >>> l2_normalize([3.0, 4.0]).numpy().round(3).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    tensor = convert(x)
    squares = square(absolute(tensor) if tensor.dtype.is_complex else tensor)
    return tensor * cast(rsqrt(maximum(reduce_sum(squares, axis, True), epsilon)), tensor.dtype)


def normalize(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """The tensor divided by its `norm`, and the norm."""
    x = convert(tensor)
    length = cast(norm(x, ord, axis, True), x.dtype)
    return divide(x, length), length


# --- clipping -------------------------------------------------------------------------------------


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """`t`, scaled down to the euclidean norm `clip_norm` where it is longer.

    >>> clip_by_norm([3.0, 4.0], 1.0).numpy().round(3).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    x = convert(t)
    total = reduce_sum(square(x), axes, True)
    safe = where(total > 0, total, ones_like(total))  # sqrt has no derivative at 0
    length = where(total > 0, sqrt(safe), total)
    return x * clip_norm / maximum(length, clip_norm)


def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """The euclidean norm of all elements of all tensors in the list; None entries are left out.

    >>> global_norm([[3.0], None, [4.0]]).numpy().item()
    5.0
    """
    if isinstance(t_list, (Tensor, str)) or not hasattr(t_list, "__iter__"):
        raise TypeError("global_norm: a list of tensors was expected. For one tensor use tf.norm.")
    squares = [reduce_sum(square(convert(t))) for t in t_list if t is not None]
    if not squares:
        raise ValueError("global_norm needs at least one tensor, but every entry is None.")
    return sqrt(add_n(squares))


def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Tensor]:
    """All tensors scaled by one factor, so that their global norm is at most `clip_norm`.

    Returns the list (None stays None) and the norm before. A norm that is not finite gives NaN, as in
    TensorFlow, so that it is noticed.

    >>> clipped, before = clip_by_global_norm([[3.0], [4.0]], 1.0)
    >>> [c.numpy().round(2).tolist() for c in clipped], before.numpy().item()
    ([[0.6000000238418579], [0.800000011920929]], 5.0)
    """
    length = global_norm(t_list) if use_norm is None else convert(use_norm)
    limit = convert(clip_norm, hint=length.dtype)
    scale = limit * minimum(1.0 / length, 1.0 / limit)
    scale = scale + where(is_finite(length), zeros_like(length), float("nan"))
    clipped = [None if t is None else convert(t) * cast(scale, convert(t).dtype) for t in t_list]
    return clipped, length


# --- moments --------------------------------------------------------------------------------------


def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Mean and variance along the axes, as a pair. `shift` is not used, as in TensorFlow.

    >>> [m.numpy().item() for m in moments([1.0, 3.0], [0])]
    [2.0, 1.0]
    """
    tensor = convert(x)
    wide = cast(tensor, dtypes.float32) if tensor.dtype.size == 2 else tensor
    mean = reduce_mean(wide, axes, True)
    variance = reduce_mean(squared_difference(wide, mean), axes, True)
    pair = (cast(mean, tensor.dtype), cast(variance, tensor.dtype))
    gone = list(_axes(axes, tensor, "moments"))
    return pair if keepdims or not gone else tuple(squeeze(part, gone) for part in pair)


def weighted_moments(
    x: Any, axes: Any, frequency_weights: Any, keepdims: bool = False, name: str | None = None
) -> Any:
    """Mean and variance along the axes, each element counted as often as its weight says.

    >>> [m.numpy().item() for m in weighted_moments([1.0, 3.0], [0], [3.0, 1.0])]
    [1.5, 0.75]
    """
    tensor = convert(x)
    weights = convert(frequency_weights, hint=tensor.dtype) + zeros_like(tensor)
    total = reduce_sum(weights, axes, True)
    mean = reduce_sum(weights * tensor, axes, True) / total
    variance = reduce_sum(weights * squared_difference(tensor, mean), axes, True) / total
    gone = list(_axes(axes, tensor, "weighted_moments"))
    return (mean, variance) if keepdims or not gone else (squeeze(mean, gone), squeeze(variance, gone))


def sufficient_statistics(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None
) -> tuple[Tensor, Tensor, Tensor, Any]:
    """Count, sum and sum of squares along the axes (of x - shift, if given), and the shift."""
    tensor = convert(x)
    total = reduce_sum(tensor, axes)
    count = cast(divide(size(tensor), maximum(size(total), 1)), tensor.dtype)
    moved = tensor if shift is None else tensor - shift
    return count, reduce_sum(moved, axes, keepdims), reduce_sum(square(moved), axes, keepdims), shift


def normalize_moments(
    counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Mean and variance from what `sufficient_statistics` gives."""
    divisor = divide(1.0, counts)
    shifted = convert(mean_ss) * divisor
    mean = shifted if shift is None else shifted + shift
    return mean, convert(variance_ss) * divisor - square(shifted)


# --- small compositions ---------------------------------------------------------------------------


def accumulate_n(inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: str | None = None) -> Tensor:
    """The sum of a list of tensors of one shape and dtype; like `tf.add_n`."""
    tensors = convert_together(*inputs)
    for tensor in tensors[1:]:
        if not compatible(tensor._dims, tensors[0]._dims):
            raise ValueError(
                f"accumulate_n: all shapes must be the same, but {show(tensors[0]._dims)} and "
                f"{show(tensor._dims)} were given."
            )
    return add_n(tensors)


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Tensor:
    """A rank-0 factor times a tensor."""
    tensor = convert(x)
    factor = convert(scalar, hint=tensor.dtype)
    if factor.ndim:
        raise ValueError(f"scalar_mul: the first input must have rank 0, but has shape {factor.shape}.")
    return multiply(factor, tensor)


def polyval(coeffs: Any, x: Any, name: str | None = None) -> Tensor:
    """A polynomial at x, the coefficient of the highest power first (Horner's rule).

    >>> polyval([2.0, 0.0, 1.0], 3.0).numpy().item()
    19.0
    """
    if not isinstance(coeffs, (list, tuple)):
        raise ValueError(f"polyval: coeffs must be a list, but {type(coeffs).__name__} was given.")
    at = convert(x)
    if not coeffs:
        return zeros_like(at)
    total = zeros_like(at) + convert(coeffs[0], hint=at.dtype)
    for c in coeffs[1:]:
        total = total * at + c
    return total


def _neighbours(x: Any) -> tuple[Tensor, Tensor]:
    flat = reshape(convert(x), [-1])
    return getitem(flat, slice(None, -1)), getitem(flat, slice(1, None))


def is_non_decreasing(x: Any, name: str | None = None) -> Tensor:
    """True when each element is at least the one before, in row-major order.

    >>> is_non_decreasing([1, 1, 2]).numpy().item()
    True
    """
    before, after = _neighbours(x)
    return reduce_all(less_equal(before, after))


def is_strictly_increasing(x: Any, name: str | None = None) -> Tensor:
    """True when each element is larger than the one before, in row-major order.

    >>> is_strictly_increasing([1, 1, 2]).numpy().item()
    False
    """
    before, after = _neighbours(x)
    return reduce_all(less(before, after))


def lbeta(x: Any, name: str | None = None) -> Tensor:
    """The logarithm of the multivariate beta function of the last axis.

    >>> round(lbeta([1.0, 2.0]).numpy().item(), 4)  # log(1/2)
    -0.6931
    """
    from engine.ops.special import lgamma

    tensor = convert(x)
    return reduce_sum(lgamma(tensor), -1) - lgamma(reduce_sum(tensor, -1))

