"""Functions of a square matrix as a whole: exponential, square root, logarithm; and its eigenvalues.

Every one works on stacks of matrices, `(..., n, n)`. Read `decompositions` first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.dispatch import apply, primitive
from engine.errors import InvalidArgumentError
from engine.ops.complexes import _WHOLE, conj, real
from engine.ops.decompositions import _gaps, _matrices, _run, _square, _wide, inv
from engine.ops.elementwise import cast, zeros_like
from engine.ops.joining import concat
from engine.ops.layout import expand_dims, sizes
from engine.ops.linalg import matmul, swap_last
from engine.ops.matrices import diag
from engine.ops.reduce import reduce_sum
from engine.ops.slicing import getitem
from engine.spec import TensorSpec
from engine.tensor import Tensor

# --- exponential, square root, logarithm ----------------------------------------------------------


def _block_vjp(record_of: Any) -> Any:
    """The derivative of f(A) in direction E stands in f([[A, E], [0, A]]), above the diagonal.

    Higham, Functions of Matrices (2008), theorem 3.6. Its adjoint is the derivative at the transpose of A.
    """

    def rule(dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        n, turned = sizes(x)[-1], swap_last(x)
        upper, lower = concat([turned, dy], -1), concat([zeros_like(dy), turned], -1)
        both = apply(record_of(), concat([upper, lower], -2))
        return getitem(both, (..., slice(None, n), slice(n, None)))

    return rule


def _norm(xp: Any, x: Any) -> Any:
    """The largest sum of a column's absolute values, for each matrix."""
    return xp.max(xp.sum(xp.abs(x), -2), -1)


def _expm(xp: Any, x: Any) -> Any:
    """Padé approximation of degree 13 of a small share, then squaring: Higham (2008), section 10.3."""
    if not x.size:
        return x.copy()
    norm = _norm(xp, x)
    halvings = xp.clip(xp.ceil(xp.log2(xp.maximum(xp.nan_to_num(norm), 1e-300) / 5.37)), 0, 1100)
    a = x * (2.0 ** -halvings[..., None, None]).astype(norm.dtype)
    identity = xp.eye(x.shape[-1], dtype=x.dtype)
    b = [math.comb(13, k) * math.factorial(26 - k) // math.factorial(13) for k in range(14)]
    powers = [identity, a @ a]
    for _ in range(2):
        powers.append(powers[-1] @ powers[1])

    def even(c: list[int]) -> Any:  # c0 + c1 a^2 + ... with a^6 taken out of the higher half
        low = sum(float(c[k] / b[0]) * powers[k] for k in range(4))
        return low + powers[3] @ sum(float(c[k + 3] / b[0]) * powers[k] for k in range(1, 4))

    u, v = a @ even(b[1::2]), even(b[0::2])
    result = xp.linalg.solve(v - u, v + u)
    for k in range(int(halvings.max())):
        result = xp.where((k < halvings)[..., None, None], result @ result, result)
    return result


def _angles(xp: Any, x: Any) -> Any:
    """The angles of the eigenvalues; those of negative numbers are pi."""
    values = xp.linalg.eigvals(xp.where(xp.isfinite(x), x, 0))
    rounding = x.shape[-1] * np.finfo(x.dtype).eps * xp.max(xp.abs(values), -1, keepdims=True)
    negative = (values.real < 0) & (xp.abs(values.imag) <= rounding)
    return xp.where(negative, math.pi, xp.angle(values))


def _sqrtm(xp: Any, x: Any) -> Any:
    """The product form of Denman and Beavers' iteration, scaled by determinants: Higham (2008), (6.29)."""
    if not x.size:
        return x.copy()
    n, angles = x.shape[-1], _angles(xp, x)
    identity = xp.eye(n, dtype=x.dtype)
    if x.dtype.kind == "c":  # turned so that the eigenvalues keep away from the negative axis, and back
        middle = (xp.max(angles, -1) + xp.min(angles, -1)) / 2
        turn = xp.exp(0.5j * middle)[..., None, None].astype(x.dtype)
        x = x / turn**2
    else:
        turn = xp.where((angles == math.pi).any(-1), xp.nan, 1)[..., None, None].astype(x.dtype)
        x = xp.where(xp.isnan(turn), identity, x)
    root, m = x, x
    eps = float(np.finfo(x.dtype).eps)
    for _ in range(60):
        off = _norm(xp, m - identity)
        left = (off > n * eps)[..., None, None]  # NaN is not left
        if not bool(left.any()):
            break
        try:
            inverse = xp.linalg.inv(m)
        except np.linalg.LinAlgError as error:
            raise InvalidArgumentError("sqrtm and logm: a singular matrix has none.") from error
        log_det = xp.linalg.slogdet(m)[1]
        scale = xp.where(off > 0.1, xp.exp(-log_det / (2 * n)), 1).astype(log_det.dtype)[..., None, None]
        root = xp.where(left, scale * (root + root @ inverse / scale**2) / 2, root)
        m = xp.where(left, (identity + (scale**2 * m + inverse / scale**2) / 2) / 2, m)
    return xp.where((off <= 1e-3)[..., None, None], root, xp.nan) * turn


def _logm(xp: Any, x: Any) -> Any:
    """Square roots until the matrix is near 1, then a Padé approximation in partial fractions.

    Higham (2008), (11.18) and section 11.5.
    """
    if not x.size:
        return x.copy()
    identity = xp.eye(x.shape[-1], dtype=x.dtype)
    factor = xp.ones(x.shape[:-2], x.real.dtype)
    for _ in range(60):
        far = _norm(xp, x - identity) > 0.25
        if not bool(far.any()):
            break
        x = xp.where(far[..., None, None], _sqrtm(xp, x), x)
        factor = xp.where(far, 2 * factor, factor)
    rest = x - identity
    points, weights = np.polynomial.legendre.leggauss(9)
    terms = (
        float(w / 2) * xp.linalg.solve(identity + float((1 + p) / 2) * rest, rest)
        for p, w in zip(points, weights, strict=True)
    )
    return factor[..., None, None] * sum(terms)


_EXPM = primitive("expm", _wide(_expm), _square("expm"), vjp=(_block_vjp(lambda: _EXPM),))
_SQRTM = primitive("sqrtm", _wide(_sqrtm), _square("sqrtm"), vjp=(_block_vjp(lambda: _SQRTM),))
_LOGM = primitive("logm", _wide(_logm), _square("logm"), vjp=(_block_vjp(lambda: _LOGM),))


def expm(input: Any, name: str | None = None) -> Tensor:
    """The exponential of each matrix, the sum of A^k / k!.

    >>> expm([[0.0, 1.0], [0.0, 0.0]]).numpy().tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return _run(_EXPM, input)


def sqrtm(input: Any, name: str | None = None) -> Tensor:
    """The principal square root of each matrix: its eigenvalues have positive real parts.

    Real matrices with eigenvalues on the negative axis have no such root and give NaN: cast them to a complex
    dtype. Unlike in TensorFlow, singular matrices raise InvalidArgumentError.

    >>> sqrtm([[4.0, 0.0], [0.0, 9.0]]).numpy().round(4).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    return _run(_SQRTM, input)


def logm(input: Any, name: str | None = None) -> Tensor:
    """The principal logarithm of each matrix, the inverse of `expm`.

    Takes real matrices too (TensorFlow: complex ones); with eigenvalues on the negative axis those give NaN.
    Unlike TensorFlow's it has derivatives.

    >>> logm(expm([[0.0, 1.0], [0.0, 0.0]])).numpy().round(4).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    return _run(_LOGM, input)


# --- eigenvalues ----------------------------------------------------------------------------------


def _eig_spec(x: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
    dims = _matrices("eig", x, True)
    if x.dtype.size == 2:
        raise InvalidArgumentError(
            f"eig: {x.dtype.name} has no complex dtype for its eigenvalues. Convert it with "
            "tf.cast(x, tf.float32)."
        )
    dtype = _WHOLE.get(x.dtype.name, x.dtype)
    return TensorSpec(dims[:-1], dtype), TensorSpec(dims, dtype)


def _eig_kernel(xp: Any, x: Any) -> Any:
    dtype = np.result_type(x.dtype, np.complex64)
    values, vectors = xp.linalg.eig(x)
    return values.astype(dtype), vectors.astype(dtype)


def _eig_vjp(dy: Any, y: Any, x: Tensor) -> list[Tensor]:
    """From dA V + A dV = dV E + V dE, every column of V kept at length 1."""
    (de, dv), (e, v) = dy, y
    vt = swap_last(v)
    turn = matmul(vt, dv)
    along = cast(real(reduce_sum(v * dv, -2)), v.dtype)  # what would only change a column's length
    turn = turn - matmul(vt, conj(v)) * expand_dims(along, -2)
    inner = diag(de) + _gaps(e) * turn
    whole = matmul(matmul(swap_last(inv(v)), inner), vt)
    return [whole if x.dtype.is_complex else real(whole)]


_EIG = primitive("eig", _eig_kernel, _eig_spec, vjp=_eig_vjp)


def eig(tensor: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors (columns, of length 1) of any square matrices, both complex.

    The order is LAPACK's and need not be TensorFlow's. The derivative holds for matrices with distinct
    eigenvalues and results that do not depend on the vectors' phases. For symmetric matrices use `eigh`.

    >>> eig([[2.0, 0.0], [0.0, 3.0]])[0].numpy().tolist()
    [(2+0j), (3+0j)]
    """
    return _run(_EIG, tensor)


def eigvals(tensor: Any, name: str | None = None) -> Tensor:
    """The eigenvalues of any square matrices, complex; see `eig`.

    >>> eigvals([[0.0, 1.0], [-1.0, 0.0]]).numpy().tolist()
    [1j, -1j]
    """
    return eig(tensor)[0]
