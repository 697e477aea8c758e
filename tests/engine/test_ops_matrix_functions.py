"""Functions of matrices, LU factors, bands and eigenvalues by the equations that define them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close, gradients, numeric_gradient
from tests.engine.samples_linalg import matrix, positive
from tests.engine.samples_matrix import full

linalg = tf.linalg
rng = np.random.default_rng(60)
ANY = rng.normal(size=(3, 4, 4))
HARD = [
    np.diag([1e8, 1.0, 1e-8]),
    np.array([[1.0, 1e3], [0.0, 1.0]]),  # far from normal
    np.eye(3),
    np.array(
        [[2.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 2.0]]
    ),  # without a basis of eigenvectors
    np.array([[np.cos(3.0), -np.sin(3.0)], [np.sin(3.0), np.cos(3.0)]]),  # eigenvalues near -1
]


@pytest.mark.parametrize("x", HARD, ids=range(len(HARD)))
@pytest.mark.parametrize("kind", ["float64", "complex128"])
def test_roots_square_back_and_logarithms_exponentiate_back(x: np.ndarray, kind: str):
    given = x.astype(kind) * (1 if kind == "float64" else np.exp(0.1j))
    scale = np.abs(x).max()
    root = linalg.sqrtm(given)
    assert_close(tf.matmul(root, root), given, 1e-11, 1e-13 * scale)
    assert (np.linalg.eigvals(root.numpy()).real > 0).all()
    assert_close(linalg.expm(linalg.logm(given)), given, 1e-11, 1e-12 * scale)


def test_random_matrices_have_complex_roots_and_logarithms():
    for x in (ANY + 0j, ANY * 1j, -np.eye(2) + 0j, np.diag([-1.0, 4.0, -9.0]) + 0j):
        root = linalg.sqrtm(x)
        assert_close(tf.matmul(root, root), x, 1e-11, 1e-12)
        assert_close(linalg.expm(linalg.logm(x)), x, 1e-11, 1e-12)
    assert_close(linalg.sqrtm(-np.eye(2) + 0j), 1j * np.eye(2), 1e-15, 1e-15)
    assert tf.matrix_square_root is linalg.sqrtm


def test_exponentials():
    t = 0.7
    turn = np.array([[0.0, -t], [t, 0.0]])
    expected = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    assert_close(linalg.expm(turn), expected, 1e-14)
    shift = np.diag([1.0, 1.0, 1.0], 1)
    assert_close(linalg.expm(shift), _taylor(shift), 1e-14)
    values, vectors = np.linalg.eig(ANY)
    expected = (vectors * np.exp(values)[:, None]) @ np.linalg.inv(vectors)
    assert_close(linalg.expm(ANY), expected.real, 1e-11, 1e-12)
    assert_close(linalg.expm(ANY * 1e-9), np.eye(4) + ANY * 1e-9, 1e-15, 1e-16)
    mixed = np.stack(
        [np.eye(2) * 30, np.zeros((2, 2)), -np.eye(2) * 600]
    )  # each halved as often as it needs
    diagonal = np.exp([30.0, 0.0, -600.0])[:, None, None] * np.eye(2)
    assert_close(linalg.expm(mixed), diagonal, 1e-11)
    assert np.isinf(linalg.expm(1000 * np.eye(2)).numpy()[0, 0])
    assert linalg.expm(tf.constant([[1.0]], tf.bfloat16)).dtype is tf.bfloat16


def _taylor(x: np.ndarray) -> np.ndarray:
    total = term = np.eye(len(x))
    for k in range(1, 40):
        term = term @ x / k
        total = total + term
    return total


def test_roots_that_are_not_there_say_so():
    for op in (linalg.sqrtm, linalg.logm):
        with pytest.raises(tf.errors.InvalidArgumentError, match="a singular matrix has none"):
            op([[0.0, 0.0], [0.0, 1.0]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="expm: square matrices were expected"):
        linalg.expm(np.zeros((2, 3)))
    real = linalg.sqrtm(np.array([[-1.0, 0.3], [0.2, -2.0]]))
    assert np.isnan(real.numpy()).all()


@pytest.mark.parametrize("op", [linalg.expm, linalg.sqrtm, linalg.logm], ids=lambda op: op.__name__)
def test_derivatives_of_functions_of_any_matrix(op: Any):
    """The registry's samples are symmetric; here not, and without distinct eigenvalues."""
    for x in (np.eye(3) * 2 + 0.5 * rng.normal(size=(3, 3)), HARD[3]):

        def total(x: Any) -> tf.Tensor:
            return tf.reduce_sum(op(x) * np.arange(9.0).reshape(3, 3))

        _, (slope,) = gradients(total, x)
        expected = numeric_gradient(lambda v: float(total(tf.constant(v))), [x], 0)
        assert_close(slope, expected, 1e-6, 1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (2, 3, 5, 5), (0, 3, 3), (2, 0, 0)], ids=str)
@pytest.mark.parametrize("kind", ["float32", "float64", "complex128"])
def test_lu_factors_multiply_back(shape: tuple[int, ...], kind: str):
    x = rng.normal(size=shape).astype(kind)
    if kind == "complex128":
        x = x + 1j * rng.normal(size=shape)
    close = {"rtol": 1e-4, "atol": 1e-5} if kind == "float32" else {"rtol": 1e-11, "atol": 1e-12}
    packed, order = linalg.lu(x)
    assert packed.dtype.name == kind and order.dtype is tf.int32 and order.shape == shape[:-1]
    lower = np.tril(packed.numpy(), -1) + np.eye(shape[-1])
    assert np.abs(lower).max(initial=0) <= 1 + 1e-6, "pivots are the largest of their column"
    rows = np.take_along_axis(x, order.numpy()[..., None], -2)
    assert_close(lower @ np.triu(packed.numpy()), rows, **close)
    assert_close(linalg.lu_reconstruct(packed, order), x, **close)
    rhs = rng.normal(size=(*shape[:-1], 2)).astype(kind)
    assert_close(linalg.lu_solve(packed, order, rhs), np.linalg.solve(x, rhs), **close)
    assert_close(linalg.lu_matrix_inverse(packed, order), np.linalg.inv(x), **close)


def test_lu_explains_what_it_cannot_do():
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="lu: a singular matrix has no such factors"
    ):
        linalg.lu([[1.0, 2.0], [2.0, 4.0]])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"lu: square matrices"):
        linalg.lu(np.zeros((2, 3)))
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"lu_solve: factors of shape \(2, 2\)"
    ):
        linalg.lu_solve(*linalg.lu(np.eye(2)), [1.0, 2.0])
    with pytest.raises(
        tf.errors.UnimplementedError, match="lu of complex matrices has no derivative"
    ):
        gradients(lambda x: linalg.lu(x)[0], np.eye(2) + 1j)
    assert linalg.lu(np.eye(2), tf.int64)[1].dtype is tf.int64


def test_solving_through_factors_has_the_derivatives_of_solving():
    x, rhs = matrix(2, 3, 3), rng.normal(size=(2, 3, 2))
    _, through = gradients(
        lambda x, b: tf.reduce_sum(linalg.lu_solve(*linalg.lu(x), b) ** 2), x, rhs
    )
    _, at_once = gradients(lambda x, b: tf.reduce_sum(linalg.solve(x, b) ** 2), x, rhs)
    for one, other in zip(through, at_once, strict=True):
        assert_close(one, other, 1e-10, 1e-11)


def test_eigenvalues_of_any_matrix():
    for x in (ANY, ANY + 1j * ANY[::-1], np.array([[0.0, 1.0], [-1.0, 0.0]])):
        e, v = linalg.eig(x)
        assert_close(
            tf.matmul(tf.cast(x, tf.complex128), v), v * tf.expand_dims(e, -2), 1e-11, 1e-12
        )
        assert_close(tf.reduce_sum(tf.abs(v) ** 2, -2), np.ones(e.shape), 1e-12)
        assert_close(linalg.eigvals(x), e, 0)
        assert_close(tf.reduce_sum(e, -1), np.trace(x, axis1=-2, axis2=-1) + 0j, 1e-11, 1e-12)
    assert linalg.eig(ANY.astype("float32"))[0].dtype is tf.complex64
    with pytest.raises(tf.errors.InvalidArgumentError, match="bfloat16 has no complex dtype"):
        linalg.eig(tf.constant([[1.0]], tf.bfloat16))


@pytest.mark.parametrize("kind", ["values", "vectors"])
def test_derivatives_of_eigenvalues_and_vectors(kind: str):
    x = rng.normal(size=(2, 3, 3))

    def total(x: Any) -> tf.Tensor:
        e, v = linalg.eig(x)
        if kind == "values":
            return tf.reduce_sum(tf.abs(e) ** 3 + tf.math.real(e) ** 2)
        return tf.reduce_sum(
            tf.abs(v[:, 0]) ** 4 * tf.math.real(e)
        )  # the vectors' phases do not matter

    _, (slope,) = gradients(total, x)
    expected = numeric_gradient(lambda v: float(total(tf.constant(v))), [x], 0)
    assert_close(slope, expected, 1e-6, 1e-6)
    z = x + 1j * rng.normal(size=x.shape)
    _, (found,) = gradients(total, z)
    parts = [
        numeric_gradient(lambda v, u=unit: float(total(tf.constant(z + u * v))), [0 * x], 0)
        for unit in (1, 1j)
    ]
    assert_close(found, parts[0] + 1j * parts[1], 1e-6, 1e-6)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
@pytest.mark.parametrize("pivoting", [True, False])
def test_tridiagonal_systems_in_every_form(n: int, pivoting: bool):
    compact = rng.normal(size=(2, 3, n))
    compact[:, 1] += 0 if pivoting else 6
    a = full(compact)
    rhs = rng.normal(size=(2, n, 3))
    expected = np.linalg.solve(a, rhs)
    short = [compact[:, 0, :-1], compact[:, 1], compact[:, 2, 1:]]
    forms: list[tuple[str, Any]] = [
        ("compact", compact), ("sequence", list(np.moveaxis(compact, 1, 0))), ("sequence", short),
        ("matrix", a + (np.diag(np.ones(n - 2), 2) if n > 2 else 0)),
    ]  # fmt: skip
    for form, given in forms:
        found = linalg.tridiagonal_solve(given, rhs, form, partial_pivoting=pivoting)
        assert_close(found, expected, 1e-9, 1e-11, form)
        assert_close(linalg.tridiagonal_matmul(given, rhs, form), a @ rhs, 1e-12, 1e-13, form)
    options: dict[str, Any] = {"partial_pivoting": pivoting}
    one = linalg.tridiagonal_solve(compact, rhs[..., 0], **options)
    assert_close(one, expected[..., 0], 1e-9, 1e-11)
    turned = linalg.tridiagonal_solve(
        compact, np.swapaxes(rhs, 1, 2), transpose_rhs=True, **options
    )
    assert_close(turned, np.swapaxes(expected, 1, 2), 1e-9, 1e-11)
    conjugated = linalg.tridiagonal_solve(compact + 0j, 1j * rhs, conjugate_rhs=True, **options)
    assert_close(conjugated, -1j * expected, 1e-9, 1e-11)


def test_rows_are_exchanged_for_exactness():
    small = [[1.0, 1.0, 0.0], [1e-20, 1.0, 1.0], [0.0, 1.0, 1.0]]
    found = linalg.tridiagonal_solve(np.array(small), np.array([1.0, 2.0, 3.0]))
    assert_close(found, np.linalg.solve(full(np.array(small)), [1.0, 2.0, 3.0]), 1e-13)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("adjoint", [True, False])
def test_banded_triangles(lower: bool, adjoint: bool):
    bands = rng.normal(size=(2, 3, 5)) + 3
    a = np.zeros((2, 5, 5))
    for i in range(3):
        off = i if lower else 2 - i
        for j in range(off, 5):
            row, column = (j, j - off) if lower else (j - off, j)
            a[:, row, column] = bands[:, i, j if lower else j - off]
    rhs = rng.normal(size=(2, 5, 2))
    found = linalg.banded_triangular_solve(bands, rhs, lower, adjoint)
    assert_close(found, np.linalg.solve(np.swapaxes(a, 1, 2) if adjoint else a, rhs), 1e-11, 1e-13)


def test_symmetric_tridiagonal_eigenvalues():
    alpha, beta = rng.normal(size=6), rng.normal(size=5)
    a = np.diag(alpha) + np.diag(beta, 1) + np.diag(beta, -1)
    expected = np.linalg.eigvalsh(a)
    assert_close(linalg.eigh_tridiagonal(alpha, beta), expected, 1e-12)
    values, vectors = linalg.eigh_tridiagonal(alpha, beta, eigvals_only=False)
    assert_close(a @ vectors.numpy(), vectors.numpy() * values.numpy(), 1e-11, 1e-12)
    assert_close(
        linalg.eigh_tridiagonal(alpha, beta, select="i", select_range=[1, 3]), expected[1:4], 1e-12
    )
    between = (expected[0], expected[3] + 1e-9)
    found, kept = linalg.eigh_tridiagonal(alpha, beta, False, "v", between)
    assert_close(found, expected[1:4], 1e-12)
    assert kept.shape == (6, 3)
    turned = beta * np.exp(1j * np.arange(5))
    assert_close(linalg.eigh_tridiagonal(alpha + 0j, turned), expected, 1e-12)


def test_what_bands_refuse():
    eye = tf.eye(3)
    invalid, missing = tf.errors.InvalidArgumentError, tf.errors.UnimplementedError
    calls: list[tuple[Any, Any, str]] = [
        (lambda: linalg.tridiagonal_solve(eye[:2], [1.0] * 3), invalid, r"\(..., 3, n\)"),
        (lambda: linalg.tridiagonal_solve(eye, [1.0] * 2), invalid, "do not fit"),
        (lambda: linalg.tridiagonal_solve(eye, eye, "dense"), ValueError, "diagonals_format is 'compact'"),
        (lambda: linalg.tridiagonal_solve(eye, eye, perturb_singular=True), missing, "perturb"),
        (lambda: linalg.banded_triangular_solve([1.0], [1.0]), invalid, "bands, n"),
        (lambda: linalg.eigh_tridiagonal([1.0], [], True, "x", (0, 1)), ValueError, "select is"),
    ]  # fmt: skip
    for call, kind, words in calls:
        with pytest.raises(kind, match=words):
            call()


def test_everything_works_in_a_graph_of_unknown_sizes():
    x, rhs = positive(3, 3), rng.normal(size=(3, 2))
    spec = [tf.TensorSpec([None, None], tf.float64)] * 2

    @tf.function(input_signature=spec)
    def together(x, b):
        with tf.GradientTape() as tape:
            tape.watch(x)
            parts = [
                linalg.expm(x),
                linalg.sqrtm(x),
                linalg.logm(x),
                linalg.lu_solve(*linalg.lu(x), b),
            ]
            total = tf.add_n([tf.reduce_sum(part**2) for part in parts])
        return total, tape.gradient(total, x)

    eager = together.python_function(tf.constant(x), tf.constant(rhs))
    for one, other in zip(together(x, rhs), eager, strict=True):
        assert_close(one, other, 1e-12)


ALIGN = ["RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT"]


@pytest.mark.parametrize("align", ALIGN)
@pytest.mark.parametrize("k", [(-1, 1), (0, 2), (-2, 0), (-1, 2), (1, 2), (-2, -1)], ids=str)
@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (2, 3, 3)], ids=str)
def test_several_diagonals_at_once(shape: tuple[int, ...], k: tuple[int, int], align: str):
    x = rng.normal(size=shape)
    singles = [np.diagonal(x, d, -2, -1) for d in range(k[1], k[0] - 1, -1)]
    longest = max(single.shape[-1] for single in singles)
    rows = []
    for d, single in zip(range(k[1], k[0] - 1, -1), singles, strict=True):
        row = np.full((*shape[:-2], longest), 7.0)
        side = align.split("_")[0 if d > 0 else 1] if d else "LEFT"
        if side == "RIGHT":
            row[..., longest - single.shape[-1] :] = single
        else:
            row[..., : single.shape[-1]] = single
        rows.append(row)
    packed = linalg.diag_part(x, k=k, padding_value=7.0, align=align)
    assert_close(packed, np.stack(rows, -2), 0)

    inside = np.zeros(shape[-2:], bool)
    for d in range(k[0], k[1] + 1):
        inside |= np.eye(*shape[-2:], d, dtype=bool)
    size = {"num_rows": shape[-2], "num_cols": shape[-1]}
    made = linalg.diag(packed, k=k, padding_value=9.0, align=align, **size)
    assert_close(made, np.where(inside, x, 9.0), 0)
    other = rng.normal(size=shape)
    assert_close(linalg.set_diag(other, packed, k=k, align=align), np.where(inside, x, other), 0)
    _, (slope,) = gradients(lambda x: linalg.diag_part(x, k=k, align=align) ** 2, x)
    assert_close(slope, np.where(inside, 2 * x, 0), 1e-14)


def test_several_diagonals_make_the_smallest_square():
    assert_close(
        linalg.diag([[1, 2], [3, 4]], k=(1, 2), align="LEFT_LEFT"),
        np.diag([3, 4], 1) + np.diag([1], 2), 0,
    )  # fmt: skip
    assert linalg.diag([[0, 2], [3, 4]], k=(0, 1)).numpy().tolist() == [[3, 2], [0, 4]]
    calls: list[tuple[Any, type[Exception], str]] = [
        (
            lambda: linalg.diag([[1, 2]], k=(0, 1)),
            tf.errors.InvalidArgumentError,
            "1 diagonals were given",
        ),
        (lambda: linalg.diag([1], k=(0, 1)), tf.errors.InvalidArgumentError, "rows of a matrix"),
        (
            lambda: linalg.diag_part(np.eye(2), k=(2, 3)),
            tf.errors.InvalidArgumentError,
            "no diagonal 2",
        ),
        (
            lambda: linalg.diag_part(np.eye(2), k=(0, 1), align="LEFT"),
            ValueError,
            "align is one of",
        ),
        (
            lambda: linalg.set_diag(np.eye(2), np.ones((2, 1)), k=(0, 1)),
            tf.errors.InvalidArgumentError,
            r"have shape \(2, 2\), but \(2, 1\)",
        ),
    ]
    for call, kind, words in calls:
        with pytest.raises(kind, match=words):
            call()
