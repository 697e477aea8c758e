"""Diagonals and bands of matrices. The last two axes are the matrix, those before them a batch."""

from __future__ import annotations

import functools
from typing import Any

from engine import dtypes, spec
from engine.dispatch import apply, primitive, same_dtype
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, convert_like, zeros
from engine.ops.elementwise import (
    add_n,
    greater_equal,
    less_equal,
    logical_and,
    logical_or,
    ones_like,
    where,
    zeros_like,
)
from engine.ops.joining import stack
from engine.ops.layout import expand_dims, reshape, sizes
from engine.ops.padding import pad
from engine.ops.reduce import reduce_sum
from engine.ops.sequences import range_
from engine.ops.slicing import getitem
from engine.spec import TensorSpec, element_count, show
from engine.tensor import Tensor, describe


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


def _range(k: Any, what: str) -> tuple[int, int]:
    """The lowest and the highest diagonal that are meant."""
    low, high = k if isinstance(k, (tuple, list)) else (k, k)
    low, high = spec.whole(low, "k"), spec.whole(high, "k")
    if low > high:
        raise InvalidArgumentError(f"{what}: k is a pair (lowest, highest), but {k} was given.")
    return low, high


_ALIGN = ("RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT")


def _start(k: int, length: int, longest: int, align: str) -> int:
    """Where a diagonal begins in a row that fits the longest one. `align` names the side of those above the
    main diagonal, then of those below it."""
    if align not in _ALIGN:
        raise ValueError(f"align is one of {', '.join(_ALIGN)}, not {align!r}.")
    above, below = align.split("_")
    return longest - length if (above if k > 0 else below if k < 0 else "LEFT") == "RIGHT" else 0


def _layout(rows: int, columns: int, low: int, high: int, align: str, what: str) -> tuple[int, list[Any]]:
    """The longest length, and for each diagonal from the highest to the lowest (k, start, length)."""
    lengths = {k: max(0, min(rows + min(k, 0), columns - max(k, 0))) for k in range(low, high + 1)}
    longest = max(lengths.values())
    if not longest and rows and columns:
        raise InvalidArgumentError(f"{what}: matrices of shape ({rows}, {columns}) have no diagonal {low}.")
    order = range(high, low - 1, -1)
    return longest, [(k, _start(k, lengths[k], longest, align), lengths[k]) for k in order]


def _known(x: Tensor, what: str) -> tuple[int, int]:
    rows, columns = x.shape[-2], x.shape[-1]
    if rows is None or columns is None:
        raise InvalidArgumentError(f"{what}: several diagonals of a matrix need its size while tracing.")
    return rows, columns


def diag_part(
    input: Any, name: str | None = "diag_part", k: Any = 0, padding_value: Any = 0, align: str = "RIGHT_LEFT"
) -> Tensor:
    """Diagonal `k` of each matrix: 0 the main one, positive above it, negative below.

    With a pair k = (lowest, highest) all between them, the highest first: `(..., diagonals, longest)`.
    Shorter ones are filled up with `padding_value` on the side that `align` does not name: 'RIGHT_LEFT' puts
    those above the main diagonal to the right and those below it to the left.

    >>> diag_part([[1, 2], [3, 4]]).numpy().tolist(), diag_part([[1, 2], [3, 4]], k=1).numpy().tolist()
    ([1, 4], [2])
    >>> diag_part([[1, 2], [3, 4]], k=(-1, 1)).numpy().tolist()
    [[0, 2], [1, 4], [3, 0]]
    """
    x = convert(input)
    low, high = _range(k, "diag_part")
    _diag_part_spec(x.spec, k=low)
    if low == high:
        return apply(_DIAG_PART, x, k=low)
    longest, places = _layout(*_known(x, "diag_part"), low, high, align, "diag_part")
    rows = []
    for at, start, length in places:
        fill = [[0, 0]] * (x.ndim - 2) + [[start, longest - start - length]]
        rows.append(pad(apply(_DIAG_PART, x, k=at), fill, constant_values=padding_value))
    return stack(rows, -2)


def _pieces(diagonal: Tensor, places: list[Any]) -> list[tuple[int, Tensor]]:
    """The diagonals in the rows of `(..., diagonals, longest)`, without what fills them up."""
    return [
        (k, getitem(diagonal, (..., i, slice(start, start + length))))
        for i, (k, start, length) in enumerate(places)
    ]


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
    other is as small as it allows. With a pair k = (lowest, highest) the diagonals are the rows of
    `(..., diagonals, longest)`, as `diag_part` gives them.

    >>> diag([1, 2]).numpy().tolist()
    [[1, 0], [0, 2]]
    """
    x = convert(diagonal)
    low, high = _range(k, "diag")
    if x.ndim < (1 if low == high else 2):
        raise InvalidArgumentError(
            "diag: a diagonal is a vector, or a stack of them, not a scalar."
            if low == high
            else f"diag: diagonals {low} to {high} are the rows of a matrix, not {describe(x)}."
        )
    *batch, n = sizes(x)
    least_rows, least_columns = n + max(-high, 0), n + max(low, 0)
    if num_rows == num_cols == -1:
        square = n + max(-high, low, 0)
        least_rows = least_columns = square
    rows = least_rows if num_rows == -1 else num_rows
    columns = least_columns if num_cols == -1 else num_cols
    if low != high:
        count = batch.pop()
        if count not in (high - low + 1, None):
            raise InvalidArgumentError(f"diag: {count} diagonals were given for k={k}.")
    like = zeros([*batch, rows, columns], x.dtype)
    if low == high:
        _undiag_spec(x.spec, like.spec, k=low)
        pieces = [(low, x)]
    else:
        pieces = _pieces(x, _layout(*_known(like, "diag"), low, high, align, "diag")[1])
    made = add_n([apply(_UNDIAG, part, like, k=at) for at, part in pieces])
    if isinstance(padding_value, (int, float)) and padding_value == 0:
        return made
    masks = [apply(_UNDIAG, ones_like(part, dtypes.bool_), like, k=at) for at, part in pieces]
    inside = functools.reduce(logical_or, masks)
    return where(inside, made, convert_like(padding_value, x))


def set_diag(
    input: Any, diagonal: Any, name: str | None = "set_diag", k: Any = 0, align: str = "RIGHT_LEFT"
) -> Tensor:
    """Matrices with diagonal `k` replaced; of a pair k, all diagonals between, as `diag_part` gives them.

    >>> set_diag([[1, 2], [3, 4]], [0, 9]).numpy().tolist()
    [[0, 2], [3, 9]]
    """
    x = convert(input)
    low, high = _range(k, "set_diag")
    values = convert_like(diagonal, x)
    same_dtype("set_diag", x.spec, values.spec)
    pieces = [(low, values)]
    if low != high:
        longest, places = _layout(*_known(x, "set_diag"), low, high, align, "set_diag")
        wanted = (*x._dims[:-2], high - low + 1, longest)  # type: ignore[index]
        if not spec.compatible(values._dims, wanted):
            raise InvalidArgumentError(
                f"set_diag: diagonals {low} to {high} of shape {x.shape} have shape {show(wanted)}, but "
                f"{show(values._dims)} was given."
            )
        pieces = _pieces(values, places)
    for at, part in pieces:
        _undiag_spec(part.spec, x.spec, k=at)
        inside = apply(_UNDIAG, ones_like(part, dtypes.bool_), x, k=at)
        x = where(inside, apply(_UNDIAG, part, x, k=at), x)
    return x


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
