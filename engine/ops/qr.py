"""Matrices as products of orthonormal columns and a triangle. Read `decompositions` first.

The derivative follows Walter and Lehmann, Algorithmic Differentiation of Linear Algebra Functions (2018).
"""

from __future__ import annotations

from typing import Any

from engine.dispatch import primitive
from engine.errors import UnimplementedError
from engine.ops.decompositions import _matrices, _real_only, _run, _triangle, _triangular, _wide
from engine.ops.joining import concat
from engine.ops.linalg import matmul, swap_last
from engine.ops.slicing import getitem
from engine.spec import TensorSpec
from engine.tensor import Tensor


def _qr_spec(x: TensorSpec, *, full: bool) -> tuple[TensorSpec, TensorSpec]:
    *batch, rows, columns = _matrices("qr", x, False)
    least = None if None in (rows, columns) else min(rows, columns)
    inner = rows if full else least
    return TensorSpec([*batch, rows, inner], x.dtype), TensorSpec([*batch, inner, columns], x.dtype)


def _qr_vjp(dy: Any, y: Any, x: Tensor, *, full: bool) -> list[Tensor]:
    """Of a wide matrix [A, B] it is Q R = A that decides, and B = Q V follows from it."""
    _real_only("qr", x)
    (dq, dr), (q, r) = dy, y
    rows, columns = x.shape[-2], x.shape[-1]
    if rows is None or columns is None or (full and rows > columns):
        raise UnimplementedError(
            f"qr: the derivative is there for matrices of known size, tall ones with full_matrices=False, "
            f"but shape {x.shape} with full_matrices={full} was given."
        )
    if rows < columns:
        (dr, dv), r = (_columns(dr, 0, rows), _columns(dr, rows, columns)), _columns(r, 0, rows)
        dq = dq + matmul(_columns(x, rows, columns), swap_last(dv))
    m = matmul(r, swap_last(dr)) - matmul(swap_last(dq), q)
    symmetric = _triangle(m) + swap_last(_triangle(m, 0.0))
    inner = dq + matmul(q, symmetric)
    dx = swap_last(_triangular(r, swap_last(inner), False, False))
    return [concat([dx, matmul(q, dv)], -1) if rows < columns else dx]


def _columns(x: Tensor, start: int, end: int) -> Tensor:
    return getitem(x, (..., slice(start, end)))


_QR = primitive(
    "qr",
    _wide(lambda xp, x, *, full: tuple(xp.linalg.qr(x, "complete" if full else "reduced"))),
    _qr_spec,
    vjp=_qr_vjp,
)


def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Q with orthonormal columns and R upper triangular, with Q R = input.

    >>> q, r = qr([[3.0, 1.0], [4.0, 2.0]])
    >>> matmul(q, r).numpy().round(3).tolist()
    [[3.0, 1.0], [4.0, 2.0]]
    """
    return _run(_QR, input, full=bool(full_matrices))
