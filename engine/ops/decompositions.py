"""Matrices solved, inverted and taken apart. Every operation works on stacks of matrices, `(..., n, n)`.

The derivatives follow Giles, Collected Matrix Derivative Results (2008); each is written with operations of
this file, so it can be differentiated again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import spec
from engine.dispatch import apply, primitive, same_dtype
from engine.errors import InvalidArgumentError, UnimplementedError
from engine.ops.complexes import _PARTS, conj
from engine.ops.creation import convert, convert_together
from engine.ops.elementwise import (
    FLOATING,
    _check_kind,
    cast,
    greater,
    log,
    maximum,
    where,
    zeros_like,
)
from engine.ops.layout import expand_dims, sizes
from engine.ops.linalg import matmul, swap_last
from engine.ops.matrices import diag, diag_part
from engine.ops.reduce import reduce_max, reduce_sum
from engine.ops.sequences import eye
from engine.ops.special import divide_no_nan
from engine.spec import TensorSpec, show, whole
from engine.tensor import Tensor


def _matrices(name: str, x: TensorSpec, square: bool) -> Any:
    """The sizes of stacked matrices, checked."""
    _check_kind(name, x, FLOATING)
    if x.dims is None or len(x.dims) < 2:
        raise InvalidArgumentError(
            f"{name}: a matrix, or a stack of them, was expected, but shape {show(x.dims)} was given."
        )
    rows, columns = x.dims[-2:]
    if square and None not in (rows, columns) and rows != columns:
        raise InvalidArgumentError(
            f"{name}: square matrices were expected, but shape {show(x.dims)} has {rows} rows and "
            f"{columns} columns."
        )
    return x.dims


def _wide(function: Any) -> Any:
    """LAPACK knows no 16-bit floats: computed in float32, given back in the dtype that came."""

    def kernel(xp: Any, *arrays: Any, **attrs: Any) -> Any:
        dtype = arrays[0].dtype
        if dtype.itemsize > 2:
            return function(xp, *arrays, **attrs)
        result = function(xp, *(x.astype(np.float32) for x in arrays), **attrs)
        if isinstance(result, tuple):
            return tuple(part.astype(dtype) for part in result)
        return xp.asarray(result).astype(dtype)

    return kernel


def _square(name: str) -> Any:
    def rule(x: TensorSpec) -> TensorSpec:
        return TensorSpec(_matrices(name, x, True), x.dtype)

    return rule


def _real_only(name: str, x: Tensor) -> None:
    if x.dtype.is_complex:
        raise UnimplementedError(f"{name} of complex matrices has no derivative here. Use real ones.")


# --- triangles ------------------------------------------------------------------------------------

_TRIANGLE = primitive(  # the lower triangle, its diagonal times a factor: its own adjoint
    "triangle",
    lambda xp, x, *, factor: xp.tril(x, -1) + (xp.tril(x) - xp.tril(x, -1)) * x.dtype.type(factor),
    lambda x, *, factor: TensorSpec(_matrices("triangle", x, False), x.dtype),
    vjp=(lambda dy, y, x, *, factor: _triangle(dy, factor),),
)


def _triangle(x: Tensor, factor: float = 1.0) -> Tensor:
    return apply(_TRIANGLE, x, factor=factor)


# --- inverse and determinant ----------------------------------------------------------------------

_INV = primitive(
    "inv",
    _wide(lambda xp, x: xp.linalg.inv(x)),
    _square("inv"),
    vjp=(lambda dy, y, x: -matmul(swap_last(y), matmul(dy, swap_last(y))),),
)
_DET = primitive(
    "det",
    _wide(lambda xp, x: xp.linalg.det(x)),
    lambda x: TensorSpec(_matrices("det", x, True)[:-2], x.dtype),
    vjp=(lambda dy, y, x: _spread(dy * y) * swap_last(inv(x)),),
)


def _slogdet_spec(x: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
    dims = _matrices("slogdet", x, True)[:-2]
    return TensorSpec(dims, x.dtype), TensorSpec(dims, _PARTS.get(x.dtype.name, x.dtype))


def _slogdet_vjp(dy: Any, y: Any, x: Tensor) -> list[Tensor]:
    _real_only("slogdet", x)
    return [_spread(dy[1]) * swap_last(inv(x))]


_SLOGDET = primitive(
    "slogdet", _wide(lambda xp, x: tuple(xp.linalg.slogdet(x))), _slogdet_spec, vjp=_slogdet_vjp
)


def _spread(x: Tensor) -> Tensor:
    return expand_dims(expand_dims(x, -1), -1)


def _run(record: Any, x: Any, **attrs: Any) -> Any:
    """Applies a primitive after its rule has seen what it is given."""
    tensor = convert(x)
    record.spec(tensor.spec, **attrs)
    return apply(record, tensor, **attrs)


def inv(input: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """The inverse of each matrix (of its adjoint with `adjoint`).

    To solve equations use `solve`, which is faster and more exact.

    >>> inv([[2.0, 0.0], [0.0, 4.0]]).numpy().tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    result = _run(_INV, input)
    return conj(swap_last(result)) if adjoint else result


def det(input: Any, name: str | None = None) -> Tensor:
    """The determinant of each matrix.

    >>> round(det([[1.0, 2.0], [3.0, 4.0]]).numpy().item(), 4)
    -2.0
    """
    return _run(_DET, input)


def slogdet(input: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Sign of the determinant and the logarithm of its absolute value, which does not overflow."""
    return _run(_SLOGDET, input)


def logdet(matrix: Any, name: str | None = None) -> Tensor:
    """The logarithm of the determinant of a symmetric positive definite matrix."""
    return 2 * reduce_sum(log(diag_part(cholesky(matrix))), -1)


# --- equations ------------------------------------------------------------------------------------


def _solve_spec(a: TensorSpec, b: TensorSpec, **attrs: Any) -> TensorSpec:
    same_dtype("solve", a, b)
    first, second = _matrices("solve", a, True), _matrices("solve", b, False)
    if None not in (first[-1], second[-2]) and first[-1] != second[-2]:
        raise InvalidArgumentError(
            f"solve: a matrix of shape {show(first)} and right-hand sides of shape {show(second)} do not "
            "fit: as many rows are needed in both. A single right-hand side is a matrix of one column."
        )
    batch = spec.broadcast(first[:-2], second[:-2], "solve")
    assert batch is not None
    return TensorSpec((*batch, *second[-2:]), a.dtype)


def _solve_vjp(dy: Tensor, y: Tensor, a: Tensor, b: Tensor) -> list[Tensor]:
    db = apply(_SOLVE, swap_last(a), dy)
    return [-matmul(db, swap_last(y)), db]


_SOLVE = primitive(
    "solve", _wide(lambda xp, a, b: xp.linalg.solve(a, b)), _solve_spec, vjp=_solve_vjp
)


def _triangular_kernel(xp: Any, a: Any, b: Any, *, lower: bool, transposed: bool) -> Any:
    part = xp.tril(a) if lower else xp.triu(a)
    return xp.linalg.solve(xp.swapaxes(part, -1, -2) if transposed else part, b)


def _triangular_vjp(
    dy: Tensor, y: Tensor, a: Tensor, b: Tensor, *, lower: bool, transposed: bool
) -> list[Tensor]:
    db = _triangular(a, dy, lower, not transposed)
    da = -matmul(y, swap_last(db)) if transposed else -matmul(db, swap_last(y))
    return [_triangle(da) if lower else swap_last(_triangle(swap_last(da))), db]


_TRIANGULAR = primitive(
    "triangular_solve", _wide(_triangular_kernel), _solve_spec, vjp=_triangular_vjp
)


def _triangular(a: Tensor, b: Tensor, lower: bool, transposed: bool) -> Tensor:
    return apply(_TRIANGULAR, a, b, lower=lower, transposed=transposed)


def solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """x with matrix x = rhs, for each column of `rhs`: `(..., n, n)` and `(..., n, k)` give `(..., n, k)`.

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [[2.0], [2.0]]).numpy().tolist()
    [[1.0], [0.5]]
    """
    a, b = convert_together(matrix, rhs)
    _solve_spec(a.spec, b.spec)
    return apply(_SOLVE, conj(swap_last(a)) if adjoint else a, b)


def triangular_solve(
    matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None
) -> Tensor:
    """Like `solve`, for a matrix of which only the lower (or upper) triangle is read.

    >>> triangular_solve([[2.0, 9.0], [1.0, 1.0]], [[2.0], [3.0]]).numpy().tolist()
    [[1.0], [2.0]]
    """
    a, b = convert_together(matrix, rhs)
    _solve_spec(a.spec, b.spec)
    return _triangular(conj(a) if adjoint else a, b, bool(lower), bool(adjoint))


# --- decompositions -------------------------------------------------------------------------------


def _cholesky_vjp(dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
    _real_only("cholesky", x)
    inner = _triangle(matmul(swap_last(y), dy), 0.5)
    half = _triangular(y, inner, True, True)
    whole = swap_last(_triangular(y, swap_last(half), True, True))
    return 0.5 * (whole + swap_last(whole))


_CHOLESKY = primitive(
    "cholesky",
    _wide(lambda xp, x: xp.linalg.cholesky((x + xp.conj(xp.swapaxes(x, -1, -2))) / 2)),
    _square("cholesky"),
    vjp=(_cholesky_vjp,),
)


def cholesky(input: Any, name: str | None = None) -> Tensor:
    """The lower triangular L with L L^T = input, for symmetric positive definite matrices.

    Of an input that is not quite symmetric, the average of both triangles counts; TensorFlow reads the
    lower one.

    >>> cholesky([[4.0, 2.0], [2.0, 2.0]]).numpy().tolist()
    [[2.0, 0.0], [1.0, 1.0]]
    """
    return _run(_CHOLESKY, input)


def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Tensor:
    """x with A x = rhs, given the Cholesky factor of A."""
    factor, b = convert_together(chol, rhs)
    return triangular_solve(factor, triangular_solve(factor, b), adjoint=True)


def _gaps(values: Tensor) -> Tensor:
    """1 / (value[j] - value[i]), and 0 where the two are equal."""
    difference = expand_dims(values, -2) - expand_dims(values, -1)
    return divide_no_nan(zeros_like(difference) + 1, difference)


def _eigh_spec(x: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
    dims = _matrices("eigh", x, True)
    return TensorSpec(dims[:-1], _PARTS.get(x.dtype.name, x.dtype)), TensorSpec(dims, x.dtype)


def _eigh_vjp(dy: Any, y: Any, x: Tensor) -> list[Tensor]:
    _real_only("eigh", x)
    (de, dv), (e, v) = dy, y
    inner = diag(de) + _gaps(e) * matmul(swap_last(v), dv)
    whole = matmul(matmul(v, inner), swap_last(v))
    return [_triangle(whole + swap_last(whole), 0.5)]  # only the lower triangle was read


_EIGH = primitive(
    "eigh", _wide(lambda xp, x: tuple(xp.linalg.eigh(x))), _eigh_spec, vjp=_eigh_vjp
)


def eigh(tensor: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Eigenvalues, rising, and eigenvectors (columns) of symmetric matrices; the lower triangle is read.

    >>> eigh([[2.0, 0.0], [0.0, 1.0]])[0].numpy().tolist()
    [1.0, 2.0]
    """
    return _run(_EIGH, tensor)


def eigvalsh(tensor: Any, name: str | None = None) -> Tensor:
    """The eigenvalues of symmetric matrices, rising."""
    return eigh(tensor)[0]


def _svd_spec(x: TensorSpec, *, full: bool) -> tuple[TensorSpec, TensorSpec, TensorSpec]:
    *batch, rows, columns = _matrices("svd", x, False)
    least = None if None in (rows, columns) else min(rows, columns)
    u, v = (rows, columns) if full else (least, least)
    return (
        TensorSpec([*batch, least], _PARTS.get(x.dtype.name, x.dtype)),
        TensorSpec([*batch, rows, u], x.dtype),
        TensorSpec([*batch, columns, v], x.dtype),
    )


def _svd_kernel(xp: Any, x: Any, *, full: bool) -> Any:
    u, s, vh = xp.linalg.svd(x, full_matrices=full)
    return s, u, xp.conj(xp.swapaxes(vh, -1, -2))


def _svd_vjp(dy: Any, y: Any, x: Tensor, *, full: bool) -> list[Tensor]:
    _real_only("svd", x)
    (ds, du, dv), (s, u, v) = dy, y
    if full and x.shape[-1] != x.shape[-2]:
        raise UnimplementedError("svd: the derivative is there for full_matrices=False, but True was given.")
    ut, vt, row, column = swap_last(u), swap_last(v), expand_dims(s, -2), expand_dims(s, -1)
    f, one = _gaps(s * s), zeros_like(s) + 1
    a, b = f * matmul(ut, du), f * matmul(vt, dv)
    inner = (a + swap_last(a)) * row + column * (b + swap_last(b)) + diag(ds)
    whole = matmul(matmul(u, inner), vt)
    inverse = expand_dims(divide_no_nan(one, s), -2)
    across = (du - matmul(u, matmul(ut, du))) * inverse  # what leaves the space of the columns of u
    along = (dv - matmul(v, matmul(vt, dv))) * inverse
    return [whole + matmul(across, vt) + matmul(u, swap_last(along))]


_SVD = primitive("svd", _wide(_svd_kernel), _svd_spec, vjp=_svd_vjp)


def svd(
    tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None
) -> Any:
    """Singular values s, falling, and u, v with tensor = u diag(s) v^T; s alone without `compute_uv`.

    >>> s, u, v = svd([[0.0, 2.0], [1.0, 0.0]])
    >>> s.numpy().tolist()
    [2.0, 1.0]
    """
    parts = _run(_SVD, tensor, full=bool(full_matrices and compute_uv))
    return parts if compute_uv else parts[0]


# --- compositions ---------------------------------------------------------------------------------


def largest_singular_value(x: Tensor, rows: int, columns: int) -> Tensor:
    """The spectral norm over two axes, which stay with size 1."""
    from engine.ops.layout import transpose

    others = [i for i in range(x.ndim) if i not in (rows, columns)]
    values = reduce_max(svd(transpose(x, [*others, rows, columns]), compute_uv=False), -1)
    for axis in sorted((rows, columns)):
        values = expand_dims(values, axis)
    return values


def _longer_side(x: Tensor) -> Any:
    """The larger of the last two sizes: a number, or a tensor where they are known only in the graph."""
    rows, columns = sizes(x)[-2:]
    if isinstance(rows, int) and isinstance(columns, int):
        return max(rows, columns)
    return cast(maximum(convert(rows), convert(columns)), x.dtype)


def pinv(a: Any, rcond: Any = None, validate_args: bool = False, name: str | None = None) -> Tensor:
    """The Moore-Penrose inverse; singular values below `rcond` times the largest count as 0."""
    x = convert(a)
    s, u, v = svd(x)
    if rcond is None:
        rcond = _longer_side(x) * (10.0 * float(np.finfo(s.dtype.as_numpy_dtype).eps))
    cut = reduce_max(s, -1, True) * rcond
    inverse = where(greater(s, cut), divide_no_nan(zeros_like(s) + 1, s), zeros_like(s))
    return matmul(v * expand_dims(inverse, -2), swap_last(u))


def matrix_rank(a: Any, tol: Any = None, validate_args: bool = False, name: str | None = None) -> Tensor:
    """How many singular values are above `tol`, an int32.

    >>> matrix_rank([[1.0, 2.0], [2.0, 4.0]]).numpy().item()
    1
    """
    x = convert(a)
    s = svd(x, compute_uv=False)
    if tol is None:
        tol = reduce_max(s, -1, True) * (_longer_side(x) * float(np.finfo(s.dtype.as_numpy_dtype).eps))
    return reduce_sum(cast(greater(s, tol), "int32"), -1)


def lstsq(
    matrix: Any, rhs: Any, l2_regularizer: float = 0.0, fast: bool = True, name: str | None = None
) -> Tensor:
    """x that makes |matrix x - rhs|^2 + l2_regularizer |x|^2 least; the shortest of several.

    `fast` solves the normal equations; without it the pseudo-inverse is used, which also works for
    matrices without full rank.

    >>> lstsq([[1.0], [1.0]], [[1.0], [3.0]]).numpy().tolist()
    [[2.0]]
    """
    a, b = convert_together(matrix, rhs)
    if not fast:
        if l2_regularizer:
            raise ValueError("lstsq: l2_regularizer needs fast=True.")
        return matmul(pinv(a), b)
    rows, columns = (whole(d, "A size of the matrix") for d in a.shape[-2:])
    ridge = l2_regularizer * eye(min(rows, columns), dtype=a.dtype)
    if rows >= columns:
        gram = matmul(swap_last(a), a) + ridge
        return cholesky_solve(cholesky(gram), matmul(swap_last(a), b))
    return matmul(swap_last(a), cholesky_solve(cholesky(matmul(a, swap_last(a)) + ridge), b))


def adjoint(matrix: Any, name: str | None = None) -> Tensor:
    """Transposed and conjugated."""
    return conj(swap_last(convert(matrix)))


def matrix_transpose(a: Any, name: str = "matrix_transpose", conjugate: bool = False) -> Tensor:
    """The last two axes swapped, and conjugated if asked."""
    result = swap_last(convert(a))
    return conj(result) if conjugate else result


def cross(a: Any, b: Any, name: str | None = None) -> Tensor:
    """The vector product of 3-vectors along the last axis.

    >>> cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).numpy().tolist()
    [0.0, 0.0, 1.0]
    """
    from engine.ops.joining import roll

    x, y = convert_together(a, b)
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise InvalidArgumentError(f"cross: last axes of size 3 were expected, not {x.shape} and {y.shape}.")

    def turned(t: Tensor, by: int) -> Tensor:
        return roll(t, by, -1)

    return turned(x, -1) * turned(y, -2) - turned(x, -2) * turned(y, -1)

