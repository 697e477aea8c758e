"""Diagonals and bands of matrices. The last two axes are the matrix, those before them a batch."""

from __future__ import annotations

from typing import Any

from engine import dtypes, spec
from engine.dispatch import apply, primitive, same_dtype
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, convert_like, zeros
from engine.ops.elementwise import (
    greater_equal,
    less_equal,
    logical_and,
    ones_like,
    where,
    zeros_like,
)
from engine.ops.layout import expand_dims, reshape, sizes
from engine.ops.reduce import reduce_sum
from engine.ops.sequences import range_
from engine.spec import TensorSpec, element_count, show
from engine.tensor import Tensor


def _length(rows: int | None, columns: int | None, k: int) -> int | None:
    if rows is None or columns is None:
        return None
    return max(0, min(rows + min(k, 0), columns - max(k, 0)))


def _diag_part_spec(x: TensorSpec, *, k: int) -> TensorSpec:
    assert x.dims is not None
    if len(x.dims) < 2:
        raise InvalidArgumentError(
            f"diag_part: a matrix, or a stack of them, was expected, but shape {show(x.dims)} was given."
        )
    return TensorSpec((*x.dims[:-2], _length(x.dims[-2], x.dims[-1], k)), x.dtype)


def _undiag_kernel(xp: Any, diagonal: Any, like: Any, *, k: int) -> Any:
    result = xp.zeros(like.shape, diagonal.dtype)
    steps = xp.arange(diagonal.shape[-1])
    result[..., steps + max(-k, 0), steps + max(k, 0)] = diagonal
    return result


def _undiag_spec(diagonal: TensorSpec, like: TensorSpec, *, k: int) -> TensorSpec:
    assert like.dims is not None
    wanted = (*like.dims[:-2], _length(like.dims[-2], like.dims[-1], k))
    if not spec.compatible(diagonal.dims, wanted):
        raise InvalidArgumentError(
            f"Diagonal {k} of a matrix of shape {show(like.dims)} has shape {show(wanted)}, but "
            f"{show(diagonal.dims)} was given."
        )
    return TensorSpec(like.dims, diagonal.dtype)


_DIAG_PART = primitive(
    "diag_part",
    lambda xp, x, *, k: xp.array(xp.diagonal(x, k, -2, -1)),
    _diag_part_spec,
    vjp=(lambda dy, y, x, *, k: apply(_UNDIAG, dy, x, k=k),),
)
_UNDIAG = primitive(
    "diag_like",
    _undiag_kernel,
    _undiag_spec,
    vjp=(lambda d, y, diagonal, like, *, k: apply(_DIAG_PART, d, k=k), None),
)


def _one(k: Any, what: str) -> int:
    low, high = k if isinstance(k, (tuple, list)) else (k, k)
    if low != high:
        raise InvalidArgumentError(
            f"{what}: one diagonal at a time is supported, but k={k} names several. Call it for each."
        )
    return spec.whole(low, "k")


def diag_part(
    input: Any, name: str | None = "diag_part", k: Any = 0, padding_value: Any = 0, align: str = "RIGHT_LEFT"
) -> Tensor:
    """Diagonal `k` of each matrix: 0 the main one, positive above it, negative below.

    >>> diag_part([[1, 2], [3, 4]]).numpy().tolist(), diag_part([[1, 2], [3, 4]], k=1).numpy().tolist()
    ([1, 4], [2])
    """
    x = convert(input)
    _diag_part_spec(x.spec, k=_one(k, "diag_part"))
    return apply(_DIAG_PART, x, k=_one(k, "diag_part"))


def diag(
    diagonal: Any,
    name: str | None = "diag",
    k: Any = 0,
    num_rows: int = -1,
    num_cols: int = -1,
    padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Tensor:
    """Matrices with these numbers on diagonal `k`, and `padding_value` elsewhere.

    They are square, and as small as the diagonal allows. With `num_rows` or `num_cols` given, only the
    other is as small as it allows.

    >>> diag([1, 2]).numpy().tolist()
    [[1, 0], [0, 2]]
    """
    x, place = convert(diagonal), _one(k, "diag")
    if not x.ndim:
        raise InvalidArgumentError("diag: a diagonal is a vector, or a stack of them, not a scalar.")
    *batch, n = sizes(x)
    square = abs(place) if num_rows == num_cols == -1 else 0
    rows = n + (square or max(-place, 0)) if num_rows == -1 else num_rows
    columns = n + (square or max(place, 0)) if num_cols == -1 else num_cols
    like = zeros([*batch, rows, columns], x.dtype)
    _undiag_spec(x.spec, like.spec, k=place)
    made = apply(_UNDIAG, x, like, k=place)
    if isinstance(padding_value, (int, float)) and padding_value == 0:
        return made
    inside = apply(_UNDIAG, ones_like(x, dtypes.bool_), like, k=place)
    return where(inside, made, convert_like(padding_value, x))


def set_diag(
    input: Any, diagonal: Any, name: str | None = "set_diag", k: Any = 0, align: str = "RIGHT_LEFT"
) -> Tensor:
    """Matrices with diagonal `k` replaced.

    >>> set_diag([[1, 2], [3, 4]], [0, 9]).numpy().tolist()
    [[0, 2], [3, 9]]
    """
    x, place = convert(input), _one(k, "set_diag")
    values = convert_like(diagonal, x)
    same_dtype("set_diag", x.spec, values.spec)
    _undiag_spec(values.spec, x.spec, k=place)
    inside = apply(_UNDIAG, ones_like(values, dtypes.bool_), x, k=place)
    return where(inside, apply(_UNDIAG, values, x, k=place), x)


def band_part(input: Any, num_lower: int, num_upper: int, name: str | None = None) -> Tensor:
    """Matrices with zeros outside a band: `num_lower` diagonals below the main one, `num_upper` above.

    -1 keeps all on that side: (-1, 0) is the lower triangle.

    >>> band_part([[1, 2], [3, 4]], -1, 0).numpy().tolist()
    [[1, 0], [3, 4]]
    """
    x = convert(input)
    _diag_part_spec(x.spec, k=0)
    rows, columns = (range_(n) for n in sizes(x)[-2:])
    offset = expand_dims(rows, -1) - columns  # how far below the main diagonal
    keep = greater_equal(offset, -int(num_upper)) if num_upper >= 0 else ones_like(offset, dtypes.bool_)
    if num_lower >= 0:
        keep = logical_and(keep, less_equal(offset, int(num_lower)))
    return where(keep, x, zeros_like(x))


def trace(x: Any, name: str | None = None) -> Tensor:
    """The sum of the main diagonal of each matrix.

    >>> trace([[1, 2], [3, 4]]).numpy().item()
    5
    """
    return reduce_sum(diag_part(x), -1)


def tensor_diag(diagonal: Any, name: str | None = None) -> Tensor:
    """A tensor of twice the rank: element [i..., i...] is `diagonal[i...]`, all others are 0.

    >>> tensor_diag([1, 2]).numpy().tolist()
    [[1, 0], [0, 2]]
    """
    x = convert(diagonal)
    return reshape(diag(reshape(x, [-1])), sizes(x) * 2)


def tensor_diag_part(input: Any, name: str | None = None) -> Tensor:
    """The inverse of `tensor_diag`: of a tensor of shape (d..., d...) the elements [i..., i...].

    >>> tensor_diag_part([[1, 2], [3, 4]]).numpy().tolist()
    [1, 4]
    """
    x = convert(input)
    half = x.ndim // 2
    dims = x.shape.as_list()
    if x.ndim % 2 or not spec.compatible(tuple(dims[:half]), tuple(dims[half:])):
        raise InvalidArgumentError(
            f"tensor_diag_part: a shape that repeats itself, as (2, 3, 2, 3), was expected, but "
            f"{show(x._dims)} was given."
        )
    if None in dims:
        raise InvalidArgumentError("tensor_diag_part needs a shape that is known while tracing.")
    n = element_count(dims[:half])
    return reshape(diag_part(reshape(x, [n, n])), dims[:half])
