"""Matrices with few diagonals: tridiagonal products and equations, banded triangles."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.dispatch import apply, primitive, same_dtype
from engine.errors import InvalidArgumentError, UnimplementedError
from engine.ops.complexes import conj, real
from engine.ops.creation import convert, convert_like, convert_together, is_symbolic
from engine.ops.decompositions import _wide, eigh, triangular_solve
from engine.ops.elementwise import FLOATING, _check_kind, cast
from engine.ops.indexing import gather
from engine.ops.joining import roll, stack
from engine.ops.layout import expand_dims, squeeze
from engine.ops.linalg import swap_last
from engine.ops.matrices import diag, diag_part
from engine.ops.padding import pad
from engine.ops.reduce import reduce_sum
from engine.ops.scan import _shift
from engine.ops.slicing import getitem
from engine.spec import TensorSpec, compatible, show
from engine.tensor import Tensor


def _spec(diagonals: TensorSpec, rhs: TensorSpec, *, pivoting: bool) -> TensorSpec:
    same_dtype("tridiagonal_solve", diagonals, rhs)
    _check_kind("tridiagonal_solve", diagonals, FLOATING)
    a, b = diagonals.dims, rhs.dims
    if a is None or b is None or len(b) < 2 or not compatible(a, (*b[:-2], 3, b[-2])):
        raise InvalidArgumentError(
            f"tridiagonal_solve: diagonals of shape {show(a)} and right-hand sides of shape {show(b)} do not "
            "fit: (..., 3, n) and (..., n, k) were expected."
        )
    known = zip(b, (*a[:-2], a[-1], None), strict=True)
    return TensorSpec(tuple(d if d is not None else e for d, e in known), rhs.dtype)


def _kernel(xp: Any, diagonals: Any, rhs: Any, *, pivoting: bool) -> Any:
    """Elimination along the diagonal, all systems at once; a swap of rows fills one more diagonal."""
    n = rhs.shape[-2]
    upper, main, lower = (diagonals[..., i, :, None].copy() for i in range(3))
    x, far = rhs.copy(), xp.zeros_like(main)
    for k in range(n - 1):
        i, j = (..., k, slice(None)), (..., k + 1, slice(None))
        if pivoting:
            swap = xp.abs(lower[j]) > xp.abs(main[i])
            zero = xp.zeros_like(main[i])
            next_upper = upper[j] if k + 2 < n else zero
            first = [main[i], upper[i], zero, x[i]]
            second = [lower[j], main[j], next_upper, x[j]]
            top = [xp.where(swap, b, a) for a, b in zip(first, second, strict=True)]
            below = [xp.where(swap, a, b) for a, b in zip(first, second, strict=True)]
            main[i], upper[i], far[i], x[i] = top
            factor = below[0] / top[0]
            main[j], x[j] = below[1] - factor * top[1], below[3] - factor * top[3]
            if k + 2 < n:
                upper[j] = below[2] - factor * top[2]
        else:
            factor = lower[j] / main[i]
            main[j], x[j] = main[j] - factor * upper[i], x[j] - factor * x[i]
    for k in range(n - 1, -1, -1):
        i = (..., k, slice(None))
        if k + 1 < n:
            x[i] -= upper[i] * x[..., k + 1, :]
        if k + 2 < n:
            x[i] -= far[i] * x[..., k + 2, :]
        x[i] /= main[i]
    return x


def _vjp(dy: Tensor, y: Tensor, diagonals: Tensor, rhs: Tensor, *, pivoting: bool) -> list[Tensor]:
    upper, main, lower = (_row(diagonals, i) for i in range(3))
    turned = stack([roll(lower, -1, -1), main, roll(upper, 1, -1)], -2)
    db = apply(_SOLVE, turned, dy, pivoting=pivoting)
    along = y.ndim - 2
    products = [reduce_sum(db * part, -1) for part in (_shift(y, along, True), y, _shift(y, along, False))]
    return [-stack(products, -2), db]


_SOLVE = primitive("tridiagonal_solve", _wide(_kernel), _spec, vjp=_vjp)


def _row(diagonals: Tensor, i: int) -> Tensor:
    return getitem(diagonals, (..., i, slice(None)))


def _filled(x: Tensor, before: int, after: int) -> Tensor:
    return pad(x, [[0, 0]] * (x.ndim - 1) + [[before, after]])


def _compact(diagonals: Any, form: str, name: str) -> Tensor:
    """The diagonals as (..., 3, n): the one above, padded at its end, the main one, the one below."""
    if form == "compact":
        x = convert(diagonals)
        if x.ndim < 2 or x.shape[-2] not in (3, None):
            raise InvalidArgumentError(f"{name}: compact diagonals have shape (..., 3, n), not {x.shape}.")
        return x
    if form == "matrix":
        x = convert(diagonals)
        main = diag_part(x)
        upper, lower = _filled(diag_part(x, k=1), 0, 1), _filled(diag_part(x, k=-1), 1, 0)
    elif form == "sequence":
        upper, main, lower = convert_together(*diagonals)
    else:
        raise ValueError(f"{name}: diagonals_format is 'compact', 'matrix' or 'sequence', not {form!r}.")
    if upper.shape[-1] != main.shape[-1]:
        upper = _filled(upper, 0, 1)
    if lower.shape[-1] != main.shape[-1]:
        lower = _filled(lower, 1, 0)
    return stack([upper, main, lower], -2)


def tridiagonal_solve(
    diagonals: Any, rhs: Any, diagonals_format: str = "compact", transpose_rhs: bool = False,
    conjugate_rhs: bool = False, name: str | None = None, partial_pivoting: bool = True,
    perturb_singular: bool = False,
) -> Tensor:  # fmt: skip
    """x with A x = rhs, for matrices with three diagonals; the time grows with n, not with its cube.

    Args:
      diagonals: as `diagonals_format` says. 'compact': `(..., 3, n)`, the diagonal above (its last element
        is not read), the main one and the one below (its first is not read); 'sequence': these three as a
        list, with n or n - 1 elements; 'matrix': `(..., n, n)`, of which nothing else is read.
      rhs: `(..., n)` or `(..., n, k)`; with `transpose_rhs` `(..., k, n)`.
      partial_pivoting: exchanges rows for the sake of exactness, as TensorFlow does on the CPU.
      perturb_singular: not supported.

    >>> tridiagonal_solve([[1.0, 0.0], [2.0, 3.0], [0.0, 1.0]], [3.0, 4.0]).numpy().round(4).tolist()
    [1.0, 1.0]
    """
    if perturb_singular:
        raise UnimplementedError("tridiagonal_solve: perturb_singular is not supported.")
    a = _compact(diagonals, diagonals_format, "tridiagonal_solve")
    b = convert_like(rhs, a)
    vector = b.ndim == a.ndim - 1
    b = conj(b) if conjugate_rhs else b
    b = expand_dims(b, -1) if vector else swap_last(b) if transpose_rhs else b
    _spec(a.spec, b.spec, pivoting=bool(partial_pivoting))
    x = apply(_SOLVE, a, b, pivoting=bool(partial_pivoting))
    return squeeze(x, -1) if vector else swap_last(x) if transpose_rhs else x


def tridiagonal_matmul(
    diagonals: Any, rhs: Any, diagonals_format: str = "compact", name: str | None = None
) -> Tensor:
    """The product of matrices with three diagonals, given as for `tridiagonal_solve`, and `(..., n, k)`.

    >>> tridiagonal_matmul([[1.0, 0.0], [2.0, 3.0], [0.0, 1.0]], [[1.0], [1.0]]).numpy().tolist()
    [[3.0], [4.0]]
    """
    a = _compact(diagonals, diagonals_format, "tridiagonal_matmul")
    b = convert_like(rhs, a)
    _spec(a.spec, b.spec, pivoting=True)
    upper, main, lower = (expand_dims(_row(a, i), -1) for i in range(3))
    along = b.ndim - 2
    return upper * _shift(b, along, True) + main * b + lower * _shift(b, along, False)


def banded_triangular_solve(
    bands: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None
) -> Tensor:
    """`triangular_solve` for a matrix given by its few diagonals, `(..., bands, n)`.

    With `lower` the main diagonal is the first row and those below it follow, else the main one is the last
    and those above it come before. Where a diagonal is shorter than n, the elements at the beginning of those
    below and at the end of those above are not read. The matrix is formed, so this saves writing, not time.

    >>> banded_triangular_solve([[2.0, 3.0], [0.0, 1.0]], [[2.0], [4.0]]).numpy().tolist()
    [[1.0], [1.0]]
    """
    a, b = convert_together(bands, rhs)
    if a.ndim < 2 or a.shape[-2] is None or a.shape[-1] is None:
        raise InvalidArgumentError(
            f"banded_triangular_solve: bands of a known shape (..., bands, n) were expected, not {a.shape}."
        )
    count, n = a.shape[-2], a.shape[-1]
    matrix = None
    for i in range(count):
        off = i if lower else count - 1 - i
        band = getitem(_row(a, i), (..., slice(off, None) if lower else slice(n - off)))
        part = diag(band, k=-off if lower else off)
        matrix = part if matrix is None else matrix + part
    return triangular_solve(matrix, b, lower=lower, adjoint=adjoint)


def eigh_tridiagonal(
    alpha: Any, beta: Any, eigvals_only: bool = True, select: str = "a", select_range: Any = None,
    tol: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Eigenvalues, rising, of symmetric matrices with `alpha` on the diagonal and `beta` above and below it.

    Args:
      eigvals_only: False gives eigenvectors as well, which TensorFlow has not.
      select: 'a' for all; 'i' for those with numbers first to last, as `select_range` says; 'v' for those
        above its first and up to its second value, only where values are known.
      tol: accepted; all are computed to full precision, by `eigh` of the whole matrix.

    >>> eigh_tridiagonal([0.0, 0.0], [1.0]).numpy().round(4).tolist()
    [-1.0, 1.0]
    """
    a, b = convert_together(alpha, beta)
    a = cast(real(a), a.dtype)
    values, vectors = eigh(diag(a) + diag(conj(b), k=-1) + diag(b, k=1))
    if select == "a":
        return values if eigvals_only else (values, vectors)
    low, high = select_range
    if select == "i":
        kept: Any = np.arange(int(low), int(high) + 1)
    elif select == "v" and not is_symbolic(values) and values.ndim == 1:
        numbers = real(values).numpy()
        kept = np.flatnonzero((numbers > float(low)) & (numbers <= float(high)))
    else:
        raise ValueError(
            f"eigh_tridiagonal: select is 'a', 'i' or, for one matrix outside a graph, 'v', not {select!r}."
        )
    values = gather(values, kept, axis=-1)
    return values if eigvals_only else (values, gather(vectors, kept, axis=-1))
