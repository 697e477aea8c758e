"""`tf.linalg`: products, norms, equations and decompositions of matrices, under their module's name."""

from __future__ import annotations

from engine.ops.bands import (
    banded_triangular_solve,
    eigh_tridiagonal,
    tridiagonal_matmul,
    tridiagonal_solve,
)
from engine.ops.decompositions import (
    adjoint,
    cholesky,
    cholesky_solve,
    cross,
    det,
    eigh,
    eigvalsh,
    inv,
    logdet,
    lstsq,
    matrix_rank,
    matrix_transpose,
    pinv,
    slogdet,
    solve,
    svd,
    triangular_solve,
)
from engine.ops.einsum import einsum, tensordot
from engine.ops.linalg import matmul, matvec
from engine.ops.lu import lu, lu_matrix_inverse, lu_reconstruct, lu_solve
from engine.ops.matrices import (
    band_part,
    diag,
    diag_part,
    set_diag,
    tensor_diag,
    tensor_diag_part,
    trace,
)
from engine.ops.matrix_functions import eig, eigvals, expm, logm, sqrtm
from engine.ops.norms import global_norm, l2_normalize, norm, normalize
from engine.ops.qr import qr
from engine.ops.sequences import eye

__all__ = [
    "adjoint", "band_part", "banded_triangular_solve", "cholesky", "cholesky_solve", "cross", "det",
    "diag", "diag_part", "eig", "eigh", "eigh_tridiagonal", "eigvals", "eigvalsh", "einsum", "expm", "eye",
    "global_norm", "inv", "l2_normalize", "logdet", "logm", "lstsq", "lu", "lu_matrix_inverse",
    "lu_reconstruct", "lu_solve", "matmul", "matrix_rank", "matrix_transpose", "matvec", "norm",
    "normalize", "pinv", "qr", "set_diag", "slogdet", "solve", "sqrtm", "svd", "tensor_diag",
    "tensor_diag_part", "tensordot", "trace", "triangular_solve", "tridiagonal_matmul",
    "tridiagonal_solve",
]  # fmt: skip
