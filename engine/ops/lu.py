"""Matrices as products of a lower and an upper triangular one, and what the factors are good for."""

from __future__ import annotations

from typing import Any

from engine import dtypes
from engine.dispatch import apply, primitive
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, convert_like
from engine.ops.decompositions import (
    _matrices,
    _real_only,
    _triangle,
    _triangular,
    _wide,
    triangular_solve,
)
from engine.ops.elementwise import ones_like
from engine.ops.indexing import gather
from engine.ops.layout import sizes
from engine.ops.linalg import matmul, swap_last
from engine.ops.matrices import diag_part, set_diag
from engine.ops.ordering import argsort
from engine.ops.sequences import eye
from engine.spec import TensorSpec
from engine.tensor import Tensor


def _kernel(xp: Any, x: Any, *, dtype: dtypes.DType) -> Any:
    """Elimination, column by column, all matrices of the stack at once."""
    n = x.shape[-1]
    a = xp.array(x.reshape(-1, n, n)) if x.size else xp.zeros((0, n, n), x.dtype)
    each = xp.arange(len(a))
    order = xp.tile(xp.arange(n), (len(a), 1))
    for k in range(n if x.size else 0):
        pivot = xp.argmax(xp.abs(a[:, k:, k]), -1) + k  # the largest below, so that no factor exceeds 1
        for rows in (a, order):
            best = rows[each, pivot].copy()
            rows[each, pivot] = rows[:, k]
            rows[:, k] = best
        if not bool((a[:, k, k] != 0).all()):
            raise InvalidArgumentError("lu: a singular matrix has no such factors. Its pivots reach 0.")
        a[:, k + 1 :, k] /= a[:, k, k, None]
        a[:, k + 1 :, k + 1 :] -= a[:, k + 1 :, k, None] * a[:, k, None, k + 1 :]
    return a.reshape(x.shape), order.reshape(x.shape[:-1]).astype(dtype.as_numpy_dtype)


def _spec(x: TensorSpec, *, dtype: dtypes.DType) -> tuple[TensorSpec, TensorSpec]:
    dims = _matrices("lu", x, True)
    return TensorSpec(dims, x.dtype), TensorSpec(dims[:-1], dtype)


def _rows(x: Tensor, order: Tensor) -> Tensor:
    """The rows of each matrix in this order."""
    return gather(x, order, axis=-2, batch_dims=x.ndim - 2)


def _vjp(dy: Any, y: Any, x: Tensor, *, dtype: dtypes.DType) -> list[Tensor]:
    """L^-1 dA U^-1 is split into triangles: its lower one belongs to dL, the rest to dU."""
    _real_only("lu", x)
    packed, order = y
    below, unit = _triangle(dy[0], 0.0), set_diag(packed, ones_like(diag_part(packed)))
    lower = _triangle(unit)
    inner = _triangle(matmul(swap_last(lower), below), 0.0)
    rest = matmul(dy[0] - below, swap_last(_upper(packed)))
    inner = inner + rest - _triangle(rest, 0.0)
    half = _triangular(unit, inner, True, True)
    whole = swap_last(_triangular(packed, swap_last(half), False, False))
    return [_rows(whole, argsort(order))]


_LU = primitive("lu", _wide(lambda xp, x, *, dtype: _kernel(xp, x, dtype=dtype)), _spec, vjp=_vjp)


def lu(input: Any, output_idx_type: Any = dtypes.int32, name: str | None = None) -> tuple[Tensor, Tensor]:
    """A lower and an upper triangular factor of each matrix with its rows put in the order `p`.

    Both are in one matrix: L below the diagonal, its own diagonal being 1, and U from the diagonal up.
    Row i of L U is row p[i] of the input. Raises InvalidArgumentError for singular matrices.

    >>> packed, p = lu([[1.0, 2.0], [4.0, 4.0]])
    >>> packed.numpy().tolist(), p.numpy().tolist()
    ([[4.0, 4.0], [0.25, 1.0]], [1, 0])
    """
    x, dtype = convert(input), dtypes.as_dtype(output_idx_type)
    _spec(x.spec, dtype=dtype)
    return apply(_LU, x, dtype=dtype)


def _upper(packed: Tensor) -> Tensor:
    return packed - _triangle(packed, 0.0)


def _unit_lower(packed: Tensor) -> Tensor:
    return _triangle(set_diag(packed, ones_like(diag_part(packed))))


def lu_reconstruct(
    lower_upper: Any, perm: Any, validate_args: bool = False, name: str | None = None
) -> Tensor:
    """The matrices whose factors `lu` gave.

    >>> lu_reconstruct(*lu([[1.0, 2.0], [4.0, 4.0]])).numpy().tolist()
    [[1.0, 2.0], [4.0, 4.0]]
    """
    packed = convert(lower_upper)
    return _rows(matmul(_unit_lower(packed), _upper(packed)), argsort(convert(perm)))


def lu_solve(
    lower_upper: Any, perm: Any, rhs: Any, validate_args: bool = False, name: str | None = None
) -> Tensor:
    """x with A x = rhs, given what `lu` said of A: `rhs` has shape (..., n, k)."""
    packed, order = convert(lower_upper), convert(perm)
    b = convert_like(rhs, packed)
    if b.ndim != packed.ndim:
        raise InvalidArgumentError(
            f"lu_solve: factors of shape {packed.shape} go with right-hand sides (..., n, k) of the same "
            f"rank, but shape {b.shape} was given."
        )
    inner = triangular_solve(_unit_lower(packed), _rows(b, order))
    return triangular_solve(packed, inner, lower=False)


def lu_matrix_inverse(
    lower_upper: Any, perm: Any, validate_args: bool = False, name: str | None = None
) -> Tensor:
    """The inverse of A, given what `lu` said of A.

    >>> lu_matrix_inverse(*lu([[2.0, 0.0], [0.0, 4.0]])).numpy().tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    packed = convert(lower_upper)
    *batch, n = sizes(packed)[:-1]
    return lu_solve(packed, perm, eye(n, batch_shape=batch, dtype=packed.dtype))
