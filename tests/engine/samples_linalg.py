"""Samples for matrices solved and taken apart, and for einsum. Not a test file; see `cases`.

What NumPy's own linear algebra says is the reference here; `test_ops_linalg.py` holds the parts of each
decomposition together by the equations that define them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tests.engine.cases import Case, calls, draw

_rng = np.random.default_rng(20261124)


def matrix(*shape: int) -> np.ndarray:
    """Matrices whose singular values are about 3, 2, 1: nothing ties and nothing is near 0."""
    *batch, rows, columns = shape
    least = min(rows, columns)
    left = np.linalg.qr(_rng.normal(size=(*batch, rows, least)))[0] if least else np.zeros(shape)
    right = (
        np.linalg.qr(_rng.normal(size=(*batch, columns, least)))[0] if least else np.zeros(shape)
    )
    values = np.arange(least, 0, -1) + _rng.uniform(-0.2, 0.2, (*batch, least))
    return np.asarray((left * values[..., None, :]) @ np.swapaxes(right, -1, -2))


def positive(*shape: int) -> np.ndarray:
    """Symmetric matrices with eigenvalues of about 1, 2, 3."""
    *batch, rows, _ = shape
    basis = np.linalg.qr(_rng.normal(size=shape))[0]
    values = np.arange(rows) + 1.0 + _rng.uniform(-0.2, 0.2, (*batch, rows))
    return np.asarray((basis * values[..., None, :]) @ np.swapaxes(basis, -1, -2))


def several(rows: list[Any], parts: int, needs_sizes: bool = False) -> list[Case]:
    """The same calls once for each output."""
    return [
        replace(
            case,
            label=f"{case.label} [{k}]",
            part=k,
            reference=lambda *xs, f=case.reference, k=k: f(*xs)[k],
        )
        for case in calls(*rows, needs_sizes=needs_sizes)
        for k in range(parts)
    ]


def _einsum(labels: tuple[str, ...], out: str, *arrays: np.ndarray) -> tuple[Any, ...]:
    """The definition: a loop over all values of all labels."""

    def reference(*xs: np.ndarray) -> np.ndarray:
        sizes = {
            c: n
            for part, x in zip(labels, xs, strict=True)
            for c, n in zip(part, x.shape, strict=True)
        }
        letters = list(sizes)
        result = np.zeros([sizes[c] for c in out])
        for values in np.ndindex(*sizes.values()):
            at = dict(zip(letters, values, strict=True))
            product = 1.0
            for part, x in zip(labels, xs, strict=True):
                product *= x[tuple(at[c] for c in part)]
            result[tuple(at[c] for c in out)] += product
        return result

    return arrays, {"labels": labels, "out": out}, reference


def _svd(x: np.ndarray, full: bool) -> Any:
    u, s, vt = np.linalg.svd(x, full_matrices=full)
    return s, u, np.swapaxes(vt, -1, -2)


def _solving(form: Callable[[np.ndarray], np.ndarray]) -> Any:
    return lambda a, b: np.linalg.inv(form(a)) @ b


def _triangular() -> list[Case]:
    rows: list[Any] = []
    for lower in (True, False):
        for transposed in (False, True):

            def form(
                a: np.ndarray, lower: bool = lower, transposed: bool = transposed
            ) -> np.ndarray:
                part = np.tril(a) if lower else np.triu(a)
                return np.swapaxes(part, -1, -2) if transposed else part

            attrs = {"lower": lower, "transposed": transposed}
            diagonal = np.eye(3) * 3
            rows.append(((draw((3, 3)) + diagonal, draw((3, 2))), attrs, _solving(form)))
            rows.append(((draw((2, 3, 3)) + diagonal, draw((3, 1))), attrs, _solving(form)))
            rows.append(((np.zeros((0, 2, 2)), np.zeros((0, 2, 1))), attrs, lambda a, b: b))
    return calls(*rows, linear=(1,))


EMPTY = np.zeros((0, 2, 2))
FULL, REDUCED = {"full": True}, {"full": False}
CASES: dict[str, list[Case]] = {
    "triangle": calls(
        ((draw((3, 3)),), {"factor": 0.5}, lambda x: np.tril(x) * (1 - np.eye(3) / 2)),
        ((draw((2, 2, 3)),), {"factor": 0.0}, lambda x: np.tril(x, -1)),
        ((draw((3, 2)),), {"factor": 1.0}, np.tril),
        ((EMPTY,), {"factor": 1.0}, lambda x: x),
        linear=(0,),
    ),
    "inv": calls(
        ((matrix(3, 3),), {}, lambda x: np.linalg.solve(x, np.eye(3))),
        ((matrix(2, 2, 2),), {}, lambda x: np.linalg.solve(x, np.eye(2))),
        ((EMPTY,), {}, lambda x: x),
    ),
    "det": calls(
        ((matrix(2, 2),), {}, lambda x: x[0, 0] * x[1, 1] - x[0, 1] * x[1, 0]),
        ((matrix(2, 3, 3),), {}, lambda x: np.prod(np.linalg.eigvals(x), -1).real),
        ((EMPTY,), {}, lambda x: np.zeros(0)),
    ),
    "slogdet": several(
        [
            ((matrix(2, 3, 3),), {}, lambda x: (np.sign(np.linalg.det(x)), np.log(abs(np.linalg.det(x))))),
            ((matrix(2, 2),), {}, lambda x: (np.sign(np.linalg.det(x)), np.log(abs(np.linalg.det(x))))),
            ((EMPTY,), {}, lambda x: (np.zeros(0), np.zeros(0))),
        ],
        2,
    ),
    "solve": calls(
        ((matrix(3, 3), draw((3, 2))), {}, _solving(lambda a: a)),
        ((matrix(2, 2, 2), draw((2, 1))), {}, _solving(lambda a: a)),
        ((EMPTY, np.zeros((0, 2, 1))), {}, lambda a, b: b),
        linear=(1,),
    ),
    "triangular_solve": _triangular(),
    "cholesky": calls(
        ((positive(3, 3),), {}, np.linalg.cholesky),
        ((positive(2, 2, 2),), {}, np.linalg.cholesky),
        ((EMPTY,), {}, lambda x: x),
    ),
    "qr": several(
        [
            ((matrix(3, 2),), REDUCED, np.linalg.qr),
            ((matrix(2, 2, 2),), REDUCED, np.linalg.qr),
            ((matrix(3, 3),), FULL, lambda x: np.linalg.qr(x, "complete")),
            ((matrix(2, 4),), REDUCED, np.linalg.qr),
            ((matrix(2, 2, 3),), FULL, lambda x: np.linalg.qr(x, "complete")),
            ((EMPTY,), REDUCED, lambda x: (x, x)),
        ],
        2,
        needs_sizes=True,
    ),
    "eigh": several(
        [
            ((positive(3, 3),), {}, np.linalg.eigh),
            ((positive(2, 2, 2),), {}, np.linalg.eigh),
            ((EMPTY,), {}, lambda x: (x[..., 0], x)),
        ],
        2,
    ),
    "svd": several(
        [
            ((matrix(3, 2),), REDUCED, lambda x: _svd(x, False)),
            ((matrix(2, 3),), REDUCED, lambda x: _svd(x, False)),
            ((matrix(2, 2, 2),), FULL, lambda x: _svd(x, True)),
            ((EMPTY,), REDUCED, lambda x: (x[..., 0], x, x)),
        ],
        3,
    ),
    "einsum": calls(
        _einsum(("ij", "jk"), "ik", draw((2, 3)), draw((3, 4))),
        _einsum(("bij", "bkj"), "bki", draw((2, 3, 4)), draw((2, 2, 4))),
        _einsum(("ij", "kl"), "jl", draw((2, 3)), draw((2, 2))),
        _einsum(("i", "i"), "", draw((3,)), draw((3,))),
        _einsum(("i", "ij", "j"), "", draw((3,)), draw((3, 2)), draw((2,))),
        _einsum(("ijk",), "ki", draw((2, 3, 2))),
        _einsum(("ij", "jk"), "ik", np.zeros((2, 0)), np.zeros((0, 3))),
        linear=(0,),
    )
    + calls(
        _einsum(("ii",), "i", draw((3, 3))),
        _einsum(("iji", "j"), "", draw((2, 3, 2)), draw((3,))),
        linear=(0,),
        needs_sizes=True,
    ),
}  # fmt: skip
NEED_AN_AXIS = tuple(name for name in CASES if name not in ("det", "einsum", "slogdet"))
