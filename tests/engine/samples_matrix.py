"""Samples for functions of matrices, LU factors and tridiagonal systems. Not a test file; see `cases`."""

from __future__ import annotations

from typing import Any

import numpy as np

import engine as tf
from tests.engine.cases import Case, calls, draw
from tests.engine.samples_linalg import matrix, positive, several

EMPTY = np.zeros((0, 2, 2))


def spectral(function: Any) -> Any:
    """A function of symmetric matrices, by their eigenvalues."""

    def reference(x: np.ndarray) -> np.ndarray:
        values, vectors = np.linalg.eigh(x)
        return np.asarray((vectors * function(values)[..., None, :]) @ np.swapaxes(vectors, -1, -2))

    return reference


def _spectral_cases(function: Any) -> list[Case]:
    reference = spectral(function)
    return calls(
        ((positive(3, 3),), {}, reference),
        ((positive(2, 2, 2),), {}, reference),
        ((EMPTY,), {}, lambda x: x),
    )


def eliminated(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """LU with rows exchanged, one matrix at a time, written with outer products."""
    if x.ndim > 2:
        parts = [eliminated(one) for one in x]
        if not parts:
            return x, np.zeros(x.shape[:-1], np.int32)
        return np.stack([p for p, _ in parts]), np.stack([o for _, o in parts])
    a, order = x.copy(), list(range(len(x)))
    for k in range(len(a)):
        best = max(range(k, len(a)), key=lambda i: abs(a[i, k]))
        a[[k, best]] = a[[best, k]]
        order[k], order[best] = order[best], order[k]
        for i in range(k + 1, len(a)):
            a[i, k] = a[i, k] / a[k, k]
            a[i, k + 1 :] = a[i, k + 1 :] - a[i, k] * a[k, k + 1 :]
    return a, np.array(order, np.int32)


def full(diagonals: np.ndarray) -> np.ndarray:
    """The matrix of compact diagonals."""
    n = diagonals.shape[-1]
    result = np.zeros((*diagonals.shape[:-2], n, n))
    for i in range(n):
        result[..., i, i] = diagonals[..., 1, i]
        if i + 1 < n:
            result[..., i, i + 1] = diagonals[..., 0, i]
            result[..., i + 1, i] = diagonals[..., 2, i + 1]
    return result


def _tridiagonal() -> list[Case]:
    rows: list[Any] = []
    for pivoting in (True, False):
        for batch, n, k in (((), 4, 2), ((2,), 3, 1), ((), 1, 2), ((), 2, 1), ((0,), 2, 1)):
            diagonals = draw((*batch, 3, n))
            diagonals[..., 1, :] += 0 if pivoting else 5
            given = (diagonals, draw((*batch, n, k)))
            rows.append((given, {"pivoting": pivoting}, lambda a, b: np.linalg.solve(full(a), b)))
    return calls(*rows, linear=(1,))


CASES: dict[str, list[Case]] = {
    "expm": _spectral_cases(np.exp),
    "sqrtm": _spectral_cases(np.sqrt),
    "logm": _spectral_cases(np.log),
    "lu": several(
        [
            ((matrix(3, 3),), {"dtype": tf.int32}, eliminated),
            ((matrix(2, 4, 4),), {"dtype": tf.int32}, eliminated),
            ((EMPTY,), {"dtype": tf.int32}, eliminated),
        ],
        2,
    ),
    "tridiagonal_solve": _tridiagonal(),
    "eig": several(
        [
            ((positive(3, 3),), {}, lambda x: tuple(part + 0j for part in np.linalg.eig(x))),
            ((EMPTY,), {}, lambda x: (x[..., 0] + 0j, x + 0j)),
        ],
        2,
    ),
}
NEED_AN_AXIS = tuple(CASES)
