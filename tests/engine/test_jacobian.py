"""jacobian and batch_jacobian: one backward walk, against finite differences and closed forms."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.spec import TensorSpec
from tests.engine.oracle import assert_close, numbers

rng = np.random.default_rng(11)
X = rng.uniform(0.4, 1.6, (3, 4))
W = rng.normal(size=(4, 2))


@tf.custom_gradient
def steep(x: Any) -> Any:
    return x * x, lambda dy: dy * 2.0 * x


# Programs from a (3, 4) tensor; they end in, and pass through, operations of every family.
PROGRAMS: dict[str, Any] = {
    "elementwise only": lambda x: tf.exp(tf.sin(x) * 2.0),
    "identity": lambda x: x,
    "matmul": lambda x: tf.tanh(x @ W + 1.0),
    "two dense layers": lambda x: tf.tanh(tf.sin(x) @ W) @ W.T[:, :3] * 2.0,
    "rows that mix before the product": lambda x: tf.exp((x - tf.reduce_mean(x, 0)) @ W),
    "matrix on the left": lambda x: tf.matmul(W.T, x, transpose_b=True),
    "matvec": lambda x: tf.linalg.matvec(x, X[0]),
    "its own product": lambda x: tf.matmul(x, x, transpose_b=True),
    "reduction": lambda x: tf.reduce_sum(x * x, 0),
    "scalar": lambda x: tf.reduce_mean(tf.math.log(x)),
    "largest": lambda x: tf.reduce_max(x, 1),
    "softmax": lambda x: tf.nn.softmax(x),
    "layer norm": lambda x: (x - tf.reduce_mean(x, 1, True)) / tf.math.reduce_std(x, 1, True),
    "two paths": lambda x: tf.tanh(x) * x + tf.reduce_sum(x),
    "slices and concat": lambda x: tf.concat([x[1:, ::2], x[:2, 2:] * 2.0], 0),
    "gather": lambda x: tf.gather(x, [[2, 0], [0, 0]], axis=1),
    "scatter": lambda x: tf.scatter_nd([[1], [3], [1]], x, [5, 4]),
    "sort": lambda x: tf.sort(x, -1),
    "cumulative": lambda x: tf.math.cumprod(x, 1),
    "broadcast": lambda x: tf.expand_dims(x, 0) * tf.expand_dims(x, 1),
    "transpose and tile": lambda x: tf.tile(tf.transpose(x), [1, 2]),
    "where": lambda x: tf.where(x > 1.0, x * x, 1.0 / x),
    "einsum": lambda x: tf.einsum("ij,jk,ik->i", x, W, X[:, :2]),
    "solve": lambda x: tf.linalg.solve(x[:, :3] + 3.0 * tf.eye(3, dtype=tf.float64), x[:, 3:]),
    "svd": lambda x: tf.linalg.svd(x)[1][:, 0] ** 2.0,
    "conv": lambda x: tf.nn.conv2d(x[None, :, :, None], tf.reshape(x[:2, :2], [2, 2, 1, 1]), 1, "SAME"),
    "max pool": lambda x: tf.nn.max_pool2d(x[None, :, :, None], 2, 1, "VALID"),
    "custom gradient": lambda x: tf.reduce_sum(steep(x), 1),
    "recomputed": lambda x: tf.reduce_sum(tf.recompute_grad(lambda t: tf.sin(t) * t)(x), 0),
    "branches": lambda x: tf.cond(tf.reduce_sum(x) > 0.0, lambda: tf.sin(x) * x[0], lambda: x),
    "loop": lambda x: tf.while_loop(
        lambda i, y: i < 3, lambda i, y: (i + 1, tf.tanh(y) @ W @ W.T), (tf.constant(0), x)
    )[1],
    "row by row": lambda x: tf.map_fn(lambda row: tf.nn.softmax(row) * row[0], x),
    "traced": lambda x: tf.function(lambda t: tf.matmul(t, tf.constant(W)) ** 2.0)(x),
}  # fmt: skip
each_program = pytest.mark.parametrize("name", PROGRAMS)


def finite_differences(f: Any, x: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Of all elements of f(x) by all elements of x, shape f(x).shape + x.shape."""
    columns = []
    for index in np.ndindex(x.shape):
        move = np.zeros(x.shape)
        move[index] = step
        above, below = (f(tf.constant(x + sign * move)).numpy() for sign in (1, -1))
        columns.append((above - below) / (2 * step))
    made = np.stack(columns, -1)
    return made.reshape(*made.shape[:-1], *x.shape)


def jacobian(f: Any, x: Any, **options: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return tape.jacobian(y, x, **options)


@each_program
def test_jacobians_are_finite_differences(name: str):
    f = PROGRAMS[name]
    assert_close(jacobian(f, tf.constant(X)), finite_differences(f, X), 1e-6, 1e-7, name)


@each_program
def test_jacobians_in_graphs_are_those_of_eager(name: str):
    f, x = PROGRAMS[name], tf.constant(X)
    expected = jacobian(f, x)
    assert_close(tf.function(lambda t: jacobian(f, t))(x), expected, 1e-13, 1e-15, name)
    unknown = tf.function(
        lambda t: jacobian(f, t), input_signature=[TensorSpec([None, 4], tf.float64)]
    )
    assert_close(unknown(x), expected, 1e-13, 1e-15, f"{name}, a size unknown")


@each_program
def test_derivatives_of_jacobians(name: str):
    """The gradient of a weighted sum of a jacobian is the same sum of finite differences of it."""
    f, x = PROGRAMS[name], tf.constant(X)
    with tf.GradientTape() as outer:
        outer.watch(x)
        full = jacobian(f, x)
        weights = np.random.default_rng(3).normal(size=full.shape.as_list())
        total = tf.reduce_sum(full * weights)
    found = outer.gradient(total, x, unconnected_gradients="zero")

    def again(t: Any) -> Any:
        return tf.reduce_sum(jacobian(f, t) * weights)

    scale = float(np.abs(found.numpy()).max())
    assert_close(found, finite_differences(again, X), 1e-5, 1e-6 * max(scale, 1.0), name)


def test_hessians_in_every_order_of_the_two_modes():
    """Of log(sum(exp(x))): diag(p) - p p'."""
    x = tf.constant([0.5, -1.0, 2.0], tf.float64)
    p = np.exp(x.numpy()) / np.exp(x.numpy()).sum()
    expected = np.diag(p) - np.outer(p, p)

    def f(t: Any) -> Any:
        return tf.reduce_logsumexp(t)

    def slope(t: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(t)
            y = f(t)
        return tape.gradient(y, t)

    assert_close(jacobian(slope, x), expected, 1e-14, 1e-15)
    assert_close(jacobian(lambda t: jacobian(f, t), x), expected, 1e-14, 1e-15)
    assert_close(tf.function(lambda t: jacobian(slope, t))(x), expected, 1e-14, 1e-15)
    third = jacobian(lambda t: jacobian(slope, t), x)
    assert_close(third, finite_differences(lambda t: jacobian(slope, t), x.numpy()), 1e-6, 1e-8)


def test_jacobians_of_each_example_inside_vectorized_map():
    rows = tf.constant(X)
    w = tf.constant(W)

    def f(t: Any) -> Any:
        return tf.sin(tf.linalg.matvec(w, t, transpose_a=True))

    many = tf.vectorized_map(lambda row: jacobian(f, row), rows)
    assert_close(many, np.stack([jacobian(f, row).numpy() for row in rows]), 1e-14)


def test_nested_sources_variables_and_what_is_not_connected():
    a, b, c = tf.Variable([1.0, 2.0]), tf.Variable(3.0), tf.Variable([[5.0]])
    with tf.GradientTape(persistent=True) as tape:
        y = a * b
    found = tape.jacobian(y, {"a": a, "rest": [b, c]})
    assert numbers(found) == {"a": [[3.0, 0.0], [0.0, 3.0]], "rest": [[1.0, 2.0], None]}
    zero = tape.jacobian(y, (b, c), "zero")
    assert numbers(zero) == ([1.0, 2.0], [[[0.0]], [[0.0]]])
    with pytest.raises(ValueError, match="'none' or 'zero', not 'no'"):
        tape.jacobian(y, a, "no")
    assert numbers(tape.jacobian(a, a)) == [[1.0, 0.0], [0.0, 1.0]]


def test_an_elementwise_end_stops_where_a_source_or_another_path_begins():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        m = x * 3.0
        y = tf.exp(m)
        z = tf.exp(m) * x
    e = np.exp([3.0, 6.0], dtype=np.float32)
    assert_close(tape.jacobian(y, m), np.diag(e))
    assert_close(tape.jacobian(y, [x, m])[0], np.diag(3 * e), 1e-6)
    assert_close(tape.jacobian(z, x), np.diag(e + 3 * e * [1.0, 2.0]), 1e-6)


def test_a_tape_that_began_later_sees_no_further_back():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        m = tf.exp(x)
        with tf.GradientTape() as inner:
            y = m * 2.0
    assert inner.jacobian(y, x) is None
    assert_close(outer.jacobian(y, x), np.diag(2 * np.exp([1.0, 2.0])), 1e-6)


def test_inside_its_own_recording_a_persistent_tape_goes_on():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x * x
        first = tape.jacobian(y, x)
        total = tf.reduce_sum(first)
    assert numbers(tape.gradient(total, x)) == [6.0, 12.0]


def test_a_complex_program_with_a_real_result():
    x = tf.constant([1.0 + 2.0j, 3.0 - 1.0j], tf.complex128)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.abs(x * x * (1.0 + 1.0j))
        rows = [y[0], y[1]]
    expected = np.stack([tape.gradient(row, x).numpy() for row in rows])
    assert_close(tape.jacobian(y, x), expected, 1e-14)


def test_a_complex_product():
    x = tf.constant(X[:2] + 1j * X[1:], tf.complex128)
    w = tf.constant(W + 2j * W[::-1], tf.complex128)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.matmul(x * x, w) * (1.0 - 2.0j)
        elements = tf.unstack(tf.reshape(y, [-1]))
    rows = np.stack([tape.gradient(e, x).numpy() for e in elements])
    assert_close(tape.jacobian(y, x), rows.reshape(2, 2, 2, 4), 1e-14)


def test_the_walk_is_as_long_for_many_elements_as_for_few():
    def operations(n: int) -> int:
        f = tf.function(lambda x: jacobian(lambda t: tf.tanh(tf.nn.softmax(t * t)) + t, x))
        return len(f.get_concrete_function(TensorSpec([n], tf.float64)).graph.operations)

    assert operations(3) == operations(40)


def test_nothing_of_a_jacobian_stays_alive_without_the_collector():
    gc.disable()
    try:
        x = tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.nn.softmax(x) @ W
        seen = [weakref.ref(y), weakref.ref(tape)]
        full = tape.jacobian(y, x)
        del y, tape
        assert full.shape == (3, 2, 3, 4)
        assert [r() for r in seen] == [None, None]
    finally:
        gc.enable()


# --- batches --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: tf.nn.softmax(x @ W),
        lambda x: tf.exp(x),
        lambda x: tf.reduce_sum(x, 1) ** 2.0,
        lambda x: tf.expand_dims(x, 1) * tf.expand_dims(x, 2),
        lambda x: tf.reshape(x, [3, 2, 2]) @ W[:2],
    ],
    ids=["matrix", "elementwise", "vector", "rank 3", "stacked"],
)
def test_batch_jacobians_are_the_diagonal_of_jacobians(f: Any):
    x = tf.constant(X)
    full = jacobian(f, x).numpy()

    def blocks(t: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(t)
            y = f(t)
        return tape.batch_jacobian(y, t, parallel_iterations=4, experimental_use_pfor=False)

    expected = np.stack([full[i, ..., i, :] for i in range(3)])
    assert_close(blocks(x), expected, 1e-13, 1e-15)
    assert_close(tf.function(blocks)(x), expected, 1e-13, 1e-15)
    unknown = tf.function(blocks, input_signature=[TensorSpec([None, 4], tf.float64)])
    assert_close(unknown(x), expected, 1e-13, 1e-15)


def test_a_batch_jacobian_that_is_not_connected():
    x, y = tf.constant([[1.0], [2.0]]), tf.Variable([[1.0, 1.0], [1.0, 1.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        z = y * y
    for unconnected in ("none", "zero"):  # TensorFlow makes no difference either
        zero = tape.batch_jacobian(z, x, unconnected)
        assert zero.shape == (2, 2, 1) and not zero.numpy().any()


def test_targets_without_derivatives():
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        targets = [tf.cast(x, tf.int32), x > 2.0]
    for y in targets:
        assert tape.jacobian(y, x) is None
        blocks = tape.batch_jacobian(y, x)
        assert blocks.dtype is y.dtype and blocks.shape == (2, 2, 2) and not blocks.numpy().any()


def test_derivatives_of_batch_jacobians():
    x = tf.constant(X)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x * x * x
        blocks = tape.batch_jacobian(y, x)
        total = tf.reduce_sum(blocks)
    assert_close(outer.gradient(total, x), 6 * X, 1e-14)


@pytest.mark.parametrize("ask", ["jacobian", "batch_jacobian"])
def test_a_plain_tape_answers_once(ask: str):
    x = tf.constant([[1.0, 2.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        getattr(tape, ask)(y, x)  # ends the recording
    with pytest.raises(RuntimeError, match=f"{ask}: a tape that is not persistent"):
        getattr(tape, ask)(y, x)
