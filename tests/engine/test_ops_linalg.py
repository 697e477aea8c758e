"""`tf.linalg` held to the equations that define its results, to NumPy, and to what errors say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close, gradients, numeric_gradient
from tests.engine.samples_linalg import matrix, positive

rng = np.random.default_rng(41)
A, B = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 4, 5))
S = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2)], ids=str)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_decompositions_multiply_back(shape: tuple[int, ...], full: bool, dtype: str):
    x = rng.normal(size=shape).astype(dtype)
    if dtype == "complex128":
        x = x + 1j * rng.normal(size=shape)
    q, r = tf.linalg.qr(x, full)
    s, u, v = tf.linalg.svd(x, full)
    for columns in (q, u, v):
        unit = tf.matmul(columns, columns, adjoint_a=True).numpy()
        assert_close(unit, np.broadcast_to(np.eye(unit.shape[-1]), unit.shape), 1e-12, 1e-13)
    assert_close(tf.matmul(q, r), x, 1e-12, 1e-13, "qr")
    assert_close(np.tril(r.numpy(), -1), np.zeros(r.shape), 0, 1e-15, "r is upper triangular")
    k = min(shape[-2:])
    back = (
        u.numpy()[..., :k]
        * s.numpy()[..., None, :]
        @ np.conj(np.swapaxes(v.numpy()[..., :k], -1, -2))
    )
    assert_close(back, x, 1e-12, 1e-13, "svd")
    assert (np.diff(s.numpy()) <= 0).all() and s.dtype is tf.float64
    assert_close(tf.linalg.svd(x, compute_uv=False), s, 1e-12)


def test_symmetric_decompositions_multiply_back():
    x = positive(2, 3, 3)
    factor = tf.linalg.cholesky(x)
    assert_close(tf.matmul(factor, factor, transpose_b=True), x, 1e-13)
    e, v = tf.linalg.eigh(x)
    assert_close(tf.matmul(v * tf.expand_dims(e, -2), v, transpose_b=True), x, 1e-12, 1e-13)
    assert_close(tf.linalg.eigvalsh(x), e, 0)
    assert_close(tf.linalg.logdet(x), np.log(np.linalg.det(x)), 1e-12)
    rhs = rng.normal(size=(2, 3, 2))
    assert_close(tf.linalg.cholesky_solve(factor, rhs), np.linalg.solve(x, rhs), 1e-12)


def test_adjoint_flags_conjugate():
    assert_close(tf.linalg.inv(S, adjoint=True), np.linalg.inv(S).conj().T, 1e-13)
    rhs = S[:, :2]
    assert_close(tf.linalg.solve(S, rhs, adjoint=True), np.linalg.solve(S.conj().T, rhs), 1e-12)
    lower = np.tril(S) + 3 * np.eye(3)
    expected = np.linalg.solve(lower.conj().T, rhs)
    assert_close(tf.linalg.triangular_solve(lower, rhs, adjoint=True), expected, 1e-12)
    expected = np.linalg.solve(lower.T, rhs)
    assert_close(tf.linalg.triangular_solve(lower.T, rhs, lower=False), expected, 1e-12)
    assert_close(tf.matmul(S, S, adjoint_a=True), S.conj().T @ S, 1e-13)
    assert_close(tf.linalg.matvec(S, S[0], adjoint_a=True), S.conj().T @ S[0], 1e-13)
    assert_close(tf.linalg.adjoint(S), S.conj().T, 0)
    assert_close(tf.linalg.matrix_transpose(A), np.swapaxes(A, 1, 2), 0)
    assert tf.matmul([[1.0]], [[2.0]], output_type=tf.float64).dtype is tf.float64
    with pytest.raises(ValueError, match="transpose_a or adjoint_a"):
        tf.matmul(S, S, transpose_a=True, adjoint_a=True)


EQUATIONS: list[tuple[str, tuple[tuple[int, ...], ...]]] = [
    ("ij,jk->ik", ((2, 3), (3, 4))),
    ("ij,jk", ((2, 3), (3, 4))),
    ("ji", ((2, 3),)),
    ("ii", ((3, 3),)),
    ("...ij,...jk->...ik", ((2, 1, 2, 3), (4, 3, 2))),
    ("...ij->...ji", ((2, 2, 3),)),
    ("...,...->...", ((2, 3), (3,))),
    ("b...,b->...", ((2, 3), (2,))),
    ("bqhd,bkhd->bhqk", ((2, 3, 2, 4), (2, 5, 2, 4))),
    ("bhqk,bkhd->bqhd", ((2, 2, 3, 5), (2, 5, 2, 4))),
    ("i,j,k->kji", ((2,), (3,), (2,))),
    ("ij,ij->", ((2, 3), (2, 3))),
    (" i j , j -> i ", ((2, 3), (3,))),
    ("ab,cd->", ((2, 3), (2, 2))),
]


@pytest.mark.parametrize(
    ("equation", "shapes"), EQUATIONS, ids=lambda v: v if type(v) is str else ""
)
def test_einsum_and_its_derivatives_are_those_of_numpy(equation: str, shapes: Any):
    arrays = [rng.normal(size=shape) for shape in shapes]
    value, found = gradients(lambda *xs: tf.einsum(equation, *xs) ** 2, *arrays)
    assert_close(value, np.einsum(equation, *arrays) ** 2, 1e-12, 1e-13, equation)
    for i, gradient in enumerate(found):
        expected = numeric_gradient(
            lambda *xs: float(np.sum(np.einsum(equation, *xs) ** 2)), arrays, i
        )
        assert_close(gradient, expected, 1e-6, 1e-7, f"{equation}, input {i}")


@pytest.mark.parametrize(
    ("equation", "words"),
    [
        ("ij,jk->ik", "names 2 inputs, but 1 were given"),
        ("ijk->i", "names 3 axes, but its input has shape"),
        ("i->i", "names 1 axes, but its input has shape"),
        ("ij->ik", "only letters that an input has"),
        ("ij->ii", "each letter of the output once"),
        ("i1->i", "is not understood"),
    ],
)
def test_einsum_explains_what_it_does_not_understand(equation: str, words: str):
    with pytest.raises(ValueError, match=words):
        tf.einsum(equation, A[0])


def test_einsum_refuses_sizes_and_dtypes_that_differ():
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="axis 'j' has size 4 in one input and 3"
    ):
        tf.einsum("ij,jk->ik", A[0], A[0])
    with pytest.raises(tf.errors.InvalidArgumentError, match="tensors of one dtype"):
        tf.einsum("i,i->", tf.constant([1]), tf.constant([1.0]))
    with pytest.raises(TypeError, match="by keyword"):
        tf.einsum("i->i", [1.0], order="greedy")
    assert tf.einsum("i,i->", tf.constant([1, 2]), tf.constant([3, 4])).numpy() == 11
    half = tf.einsum("i,i->", tf.constant([1, 2], tf.bfloat16), tf.constant([3, 4], tf.bfloat16))
    assert half.dtype is tf.bfloat16 and float(half) == 11


@pytest.mark.parametrize(
    "axes", [0, 1, 2, [[1], [0]], [[2, 0], [0, 2]], ([-1], [0]), (2, 0)], ids=str
)
def test_tensordot_is_that_of_numpy(axes: Any):
    a, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 3, 2) if axes != 2 else (3, 4, 2))
    if axes == [[1], [0]]:
        b = rng.normal(size=(3, 2))
    plain = tuple(axes) if isinstance(axes, list) else axes
    assert_close(tf.tensordot(a, b, axes), np.tensordot(a, b, plain), 1e-12, 1e-14)


def test_least_squares():
    tall, wide = matrix(4, 2), matrix(2, 4)
    for a in (tall, wide):
        rhs = rng.normal(size=(a.shape[0], 2))
        expected = np.linalg.lstsq(a, rhs, rcond=None)[0]
        assert_close(tf.linalg.lstsq(a, rhs), expected, 1e-10, 1e-12)
        assert_close(tf.linalg.lstsq(a, rhs, fast=False), expected, 1e-10, 1e-12)
        ridge = np.linalg.solve(a.T @ a + 0.5 * np.eye(a.shape[1]), a.T @ rhs)
        assert_close(tf.linalg.lstsq(a, rhs, l2_regularizer=0.5), ridge, 1e-10, 1e-12)
        assert_close(tf.linalg.pinv(a), np.linalg.pinv(a), 1e-11, 1e-13)
    poor = np.array([[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]])
    assert_close(tf.linalg.pinv(poor), np.linalg.pinv(poor), 1e-11, 1e-13)
    assert tf.linalg.matrix_rank(poor).numpy() == 1
    assert tf.linalg.matrix_rank(np.stack([tall, tall])).numpy().tolist() == [2, 2]
    assert tf.linalg.matrix_rank(np.diag([3.0, 1e-3]), tol=0.1).numpy() == 1


def test_cross_and_spectral_norm():
    a, b = rng.normal(size=(2, 5, 3))
    assert_close(tf.linalg.cross(a, b), np.cross(a, b), 1e-13)
    with pytest.raises(tf.errors.InvalidArgumentError, match="last axes of size 3"):
        tf.linalg.cross([1.0], [2.0])
    assert_close(tf.norm(A, 2, [1, 2]), np.linalg.norm(A, 2, (1, 2)), 1e-12)
    assert_close(tf.norm(A, 2, [2, 0], True), np.linalg.norm(A, 2, (2, 0), True), 1e-12)


def _calls() -> list[Any]:
    vector, wide = tf.constant([1.0]), tf.constant([[1.0, 2.0]])
    return [
        (lambda: tf.linalg.inv(wide), "inv: square matrices were expected, but shape"),
        (lambda: tf.linalg.det(vector), "det: a matrix, or a stack of them"),
        (lambda: tf.linalg.cholesky([[1, 2], [2, 5]]), "cholesky works on float or complex"),
        (lambda: tf.linalg.solve([[1.0]], [[1.0], [2.0]]), "solve: a matrix of shape"),
        (lambda: tf.linalg.inv([[1.0, 1.0], [1.0, 1.0]]), "inv failed on .*Singular matrix"),
        (lambda: tf.linalg.cholesky([[-1.0]]), "cholesky failed on .*not positive definite"),
    ]


@pytest.mark.parametrize(("call", "words"), _calls())
def test_matrices_that_do_not_do_are_explained(call: Any, words: str):
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        call()


def test_derivatives_that_are_missing_say_so():
    with pytest.raises(tf.errors.UnimplementedError, match="tall ones with full_matrices=False"):
        gradients(lambda x: tf.linalg.qr(x, True)[0], rng.normal(size=(3, 2)))
    with pytest.raises(tf.errors.UnimplementedError, match="full_matrices=False"):
        gradients(lambda x: tf.linalg.svd(x, full_matrices=True)[1], rng.normal(size=(2, 3)))
    with pytest.raises(tf.errors.UnimplementedError, match="cholesky of complex"):
        gradients(lambda x: tf.linalg.cholesky(x), np.array([[2.0, 1j], [-1j, 2.0]]))
