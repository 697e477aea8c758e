"""tf.nn: activations, losses of logits, dropout, normalisation, embeddings; NumPy is the oracle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.errors import InvalidArgumentError
from tests.engine.oracle import assert_close, gradients, numeric_gradient

RNG = np.random.default_rng(31)
X = RNG.normal(size=(2, 3)) * 1.5
LOGITS = RNG.normal(size=(2, 3, 4)) * 2
LABELS = RNG.dirichlet(np.ones(4), size=(2, 3))
CLASSES = np.array([[0, 3, 1], [2, 2, 0]])
BITS = RNG.uniform(0.1, 0.9, (2, 3))
COUNTS = np.array([[0.5, 2.5, 7.0], [1.5, 3.0, 0.25]])
EXTREME = [-1e30, -1e4, -100.0, 0.0, 100.0, 1e4, 1e30]


def log_probabilities(x: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.log(np.exp(x) / np.exp(x).sum(axis, keepdims=True))


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def normal_share(x: np.ndarray) -> np.ndarray:
    return np.vectorize(lambda v: 0.5 * (1 + math.erf(v / math.sqrt(2))))(x)


def stirling(z: np.ndarray) -> np.ndarray:
    return np.where(z <= 1, 0, z * np.log(z) - z + 0.5 * np.log(2 * np.pi * z))


# name: (the engine's, NumPy's, arrays with respect to all of which it is differentiated)
FORMULAS: dict[str, tuple[Any, Any, tuple[np.ndarray, ...]]] = {
    "gelu": (tf.nn.gelu, lambda x: x * normal_share(x), (X,)),
    "gelu, approximate": (
        lambda x: tf.nn.gelu(x, approximate=True),
        lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
        (X,),
    ),
    "crelu": (
        lambda x: tf.nn.crelu(x, axis=0),
        lambda x: np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)]),
        (X,),
    ),
    "silu": (lambda x: tf.nn.silu(x, 1.7), lambda x: x * logistic(1.7 * x), (X,)),
    "swish, beta a tensor": (tf.nn.swish, lambda x, b: x * logistic(b * x), (X, np.array(0.8))),
    "bias_add": (tf.nn.bias_add, lambda x, b: x + b, (LOGITS, np.array([1.0, -2, 3, 0.5]))),
    "bias_add, channels first": (
        lambda x, b: tf.nn.bias_add(x, b, data_format="NCW"),
        lambda x, b: x + b[:, None],
        (LOGITS, np.array([1.0, -2, 3])),
    ),
    "l2_loss": (tf.nn.l2_loss, lambda x: np.sum(x * x) / 2, (X,)),
    "softmax cross-entropy": (
        tf.nn.softmax_cross_entropy_with_logits,
        lambda z, x: -np.sum(z * log_probabilities(x), -1),
        (LABELS, LOGITS),
    ),
    "softmax cross-entropy, axis, labels that do not add up to 1": (
        lambda z, x: tf.nn.softmax_cross_entropy_with_logits(z, x, axis=0),
        lambda z, x: -np.sum(z * log_probabilities(x, 0), 0),
        (LABELS, LOGITS),
    ),
    "sparse softmax cross-entropy": (
        lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(CLASSES, x),
        lambda x: -np.sum(np.eye(4)[CLASSES] * log_probabilities(x), -1),
        (LOGITS,),
    ),
    "sparse softmax cross-entropy of one example": (
        lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(2, x),
        lambda x: -log_probabilities(x)[2],
        (LOGITS[0, 0],),
    ),
    "sigmoid cross-entropy": (
        tf.nn.sigmoid_cross_entropy_with_logits,
        lambda z, x: -z * np.log(logistic(x)) - (1 - z) * np.log(logistic(-x)),
        (BITS, X),
    ),
    "sigmoid cross-entropy at 0": (
        tf.nn.sigmoid_cross_entropy_with_logits,
        lambda z, x: -z * np.log(logistic(x)) - (1 - z) * np.log(logistic(-x)),
        (BITS, np.zeros((2, 3))),
    ),
    "weighted cross-entropy": (
        tf.nn.weighted_cross_entropy_with_logits,
        lambda z, x, w: -z * w * np.log(logistic(x)) - (1 - z) * np.log(logistic(-x)),
        (BITS, np.where(np.abs(X) > 1, X, 0.0), np.array([0.5, 1.0, 3.0])),
    ),
    "log_poisson_loss": (tf.nn.log_poisson_loss, lambda z, c: np.exp(c) - z * c, (COUNTS, X)),
    "log_poisson_loss, full": (
        lambda z, c: tf.nn.log_poisson_loss(z, c, compute_full_loss=True),
        lambda z, c: np.exp(c) - z * c + stirling(z),
        (COUNTS, X),
    ),
    "batch_normalization": (
        lambda *a: tf.nn.batch_normalization(*a, variance_epsilon=1e-3),
        lambda x, m, v, o, s: (x - m) / np.sqrt(v + 1e-3) * s + o,
        (X, X.mean(0), X.var(0) + 0.3, np.array([1.0, 2, 3]), np.array([0.5, -1, 2])),
    ),
    "batch_normalization, bare": (
        lambda x, m, v: tf.nn.batch_normalization(x, m, v, None, None, 0.0),
        lambda x, m, v: (x - m) / np.sqrt(v),
        (X, X.mean(0), X.var(0) + 0.3),
    ),
    "embedding_lookup": (
        lambda t: tf.nn.embedding_lookup(t, [[1, 0], [1, 1]]),
        lambda t: t[[[1, 0], [1, 1]]],
        (X,),
    ),
    "embedding_lookup, pieces": (
        lambda a, b: tf.nn.embedding_lookup([a, b], [3, 0, 2]),
        lambda a, b: np.concatenate([a, b])[[3, 0, 2]],
        (X, X + 1.0),
    ),
    "embedding_lookup, max_norm": (
        lambda t: tf.nn.embedding_lookup(t, [1, 0, 1], max_norm=1.0),
        lambda t: (t / np.maximum(1, np.sqrt(np.sum(t * t, 1, keepdims=True))))[[1, 0, 1]],
        (X * np.array([[0.1], [2.0]]),),
    ),
}
each_formula = pytest.mark.parametrize("name", FORMULAS)


def weigh(value: Any) -> Any:
    """The output against fixed weights: one number."""
    weights = np.random.default_rng(5).uniform(0.5, 1.5, value.shape)
    return tf.reduce_sum(value * weights)


@each_formula
def test_values_are_those_of_numpy_in_eager_and_in_a_graph(name: str):
    function, reference, arrays = FORMULAS[name]
    expected = reference(*arrays)
    assert_close(function(*map(tf.constant, arrays)), expected, 1e-12, 1e-14, name)
    assert_close(tf.function(function)(*map(tf.constant, arrays)), expected, 1e-12, 1e-14, name)


@each_formula
def test_first_and_second_derivatives_are_finite_differences(name: str):
    function, reference, arrays = FORMULAS[name]

    def total(*given: np.ndarray) -> float:
        value = np.asarray(reference(*given))
        weights = np.random.default_rng(5).uniform(0.5, 1.5, value.shape)
        return float(np.sum(value * weights))

    _, first = gradients(lambda *ts: weigh(function(*ts)), *arrays)
    for i, gradient in enumerate(first):
        assert_close(gradient, numeric_gradient(total, arrays, i), 1e-6, 1e-7, f"{name} {i}")

    mix = [RNG.uniform(0.5, 1.5, a.shape) for a in arrays]

    def of_gradients(*given: Any) -> Any:
        _, found = gradients(lambda *ts: weigh(function(*ts)), *given)
        return tf.add_n([tf.reduce_sum(g * m) for g, m in zip(found, mix, strict=True)])

    given = [tf.constant(a) for a in arrays]
    with tf.GradientTape() as tape:
        tape.watch(given)
        target = of_gradients(*given)
    second = tape.gradient(target, given, unconnected_gradients="zero")
    for i, gradient in enumerate(second):
        expected = numeric_gradient(
            lambda *xs: float(of_gradients(*map(tf.constant, xs))), arrays, i, step=1e-5
        )
        assert_close(gradient, expected, 1e-5, 1e-6, f"{name} {i}, second")


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32])
@each_formula
def test_the_dtype_stays(name: str, dtype: tf.DType):
    function, _, arrays = FORMULAS[name]
    value, found = gradients(function, *(tf.cast(a, dtype) for a in arrays))
    assert value.dtype is dtype
    assert [g.dtype for g in found] == [dtype] * len(arrays)


# --- extremes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropies_of_extreme_logits_and_their_gradients_are_finite(dtype: Any):
    x = np.array(EXTREME, dtype)
    for label in (0.0, 0.3, 1.0):
        z = np.full(len(x), label, dtype)
        for loss in (
            tf.nn.sigmoid_cross_entropy_with_logits,
            lambda z, x: tf.nn.weighted_cross_entropy_with_logits(z, x, 2.0),
        ):
            value, found = gradients(loss, z, x)
            assert all(np.isfinite(t.numpy()).all() for t in (value, *found))
            assert (value.numpy() >= 0).all()
    rows = np.array([[a, b] for a in EXTREME for b in EXTREME], dtype)
    value, (gradient,) = gradients(
        lambda t: tf.nn.sparse_softmax_cross_entropy_with_logits([0] * len(rows), t), rows
    )
    dense, (_, dense_gradient) = gradients(
        tf.nn.softmax_cross_entropy_with_logits, np.array([[1, 0]] * len(rows), dtype), rows
    )
    assert np.isfinite(value.numpy()).all() and np.isfinite(gradient.numpy()).all()
    assert_close(dense, value, 1e-6)
    assert_close(dense_gradient, gradient, 1e-6, 1e-7)
    exact = np.logaddexp(0.0, rows[:, 1].astype(float) - rows[:, 0])
    assert_close(value, exact, 1e-6, 1e-40)  # log(1 + exp(-100)) is 0 here
    assert not np.signbit(value.numpy()).any()


def test_a_small_loss_keeps_its_digits_in_float32():
    value = tf.nn.sigmoid_cross_entropy_with_logits([1.0, 0.0], [30.0, -30.0])
    assert_close(value, [math.log1p(math.exp(-30))] * 2, 1e-6)


def test_a_class_that_is_masked_out_costs_nothing():
    x = np.array([[1.0, 2.0, -np.inf]])
    value, (to_labels, gradient) = gradients(
        tf.nn.softmax_cross_entropy_with_logits, np.array([[0.0, 1.0, 0.0]]), x
    )
    assert_close(value, [math.log1p(math.exp(-1))], 1e-12)
    share = 1 / (1 + math.e)
    assert_close(gradient, [[share, -share, 0.0]], 1e-12)
    assert to_labels.numpy()[0, 2] == np.inf
    sparse, (gradient,) = gradients(
        lambda t: tf.nn.sparse_softmax_cross_entropy_with_logits([1], t), x
    )
    assert_close(sparse, value, 1e-15)
    assert_close(gradient, [[share, -share, 0.0]], 1e-12)


@pytest.mark.parametrize(
    "function", [tf.nn.relu6, tf.nn.elu, tf.nn.selu, tf.nn.gelu, tf.nn.silu,
                 lambda x: tf.nn.gelu(x, approximate=True)],
)  # fmt: skip
def test_activations_of_extreme_inputs_and_their_gradients_are_finite(function: Any):
    value, (gradient,) = gradients(function, np.array(EXTREME, np.float32))
    assert np.isfinite(value.numpy()).all() and np.isfinite(gradient.numpy()).all()
    assert gradient.numpy()[0] == pytest.approx(0)


def test_kinks_by_hand():
    _, (gradient,) = gradients(tf.nn.relu6, np.array([0.0, 3.0, 6.0, 7.0]))
    assert gradient.numpy().tolist() == [0, 1, 0, 0]
    assert tf.nn.relu6([-1, 3, 9]).numpy().tolist() == [0, 3, 6]
    _, (gradient,) = gradients(tf.nn.elu, np.array([0.0]))
    assert gradient.numpy().tolist() == [1]
    assert np.isnan(tf.nn.relu6([np.nan]).numpy()[0]) and np.isnan(tf.nn.elu([np.nan]).numpy()[0])


def test_poisson_counts_of_0_and_1_have_no_stirling_term_and_no_nan():
    value, (to_z, to_c) = gradients(
        lambda z, c: tf.nn.log_poisson_loss(z, c, True), np.array([0.0, 1.0]), np.zeros(2)
    )
    assert (value.numpy().tolist(), to_z.numpy().tolist()) == ([1.0, 1.0], [0.0, 0.0])
    assert to_c.numpy().tolist() == [1.0, 0.0]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [3, -1, 100])
def test_a_label_out_of_range_is_an_error_that_names_it(label: int):
    message = rf"label {label} is outside the valid range \[0, 3\)"
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits
    with pytest.raises(InvalidArgumentError, match=message):
        loss([0, label], np.zeros((2, 3)))
    unknown = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, 3], tf.float32)]
    for graph in (tf.function(loss), tf.function(loss, input_signature=unknown)):
        with pytest.raises(InvalidArgumentError, match=message):
            graph(tf.constant([0, label]), tf.zeros((2, 3)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tf.nn.sparse_softmax_cross_entropy_with_logits([0], np.zeros((2, 3))),
         ValueError, r"labels of shape \(2,\) were expected"),
        (lambda: tf.nn.sparse_softmax_cross_entropy_with_logits([0.0], np.zeros((1, 3))),
         InvalidArgumentError, "labels are class numbers"),
        (lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(0, 1.0),
         InvalidArgumentError, "need an axis for the classes"),
        (lambda: tf.nn.softmax_cross_entropy_with_logits([0, 1], np.zeros((2, 3))),
         ValueError, "same shape"),
        (lambda: tf.nn.softmax_cross_entropy_with_logits([0, 1], [1, 2]),
         InvalidArgumentError, "logits must be floating-point"),
        (lambda: tf.nn.sigmoid_cross_entropy_with_logits([0.0], [[1.0]]), ValueError, "same shape"),
        (lambda: tf.nn.sigmoid_cross_entropy_with_logits(logits=[0.0]), ValueError, "must be given"),
        (lambda: tf.nn.log_poisson_loss(tf.constant([1]), [0.0]), InvalidArgumentError, "one dtype"),
        (lambda: tf.nn.l2_loss([1, 2]), InvalidArgumentError, "floating-point"),
        (lambda: tf.nn.bias_add([[1.0]], [1.0], "HWC"), ValueError, "data_format"),
        (lambda: tf.nn.bias_add([[1.0, 2.0]], [1.0]), InvalidArgumentError, "2 numbers"),
        (lambda: tf.nn.bias_add([1.0], [1.0]), InvalidArgumentError, "rank 2 or more"),
        (lambda: tf.nn.dropout([1.0], 1.0), ValueError, r"in \[0, 1\)"),
        (lambda: tf.nn.dropout([1], 0.5), ValueError, "floating-point"),
        (lambda: tf.nn.dropout([[1.0, 2.0]], 0.5, [3, 1]), ValueError, r"\[3, 1\] does not fit"),
        (lambda: tf.nn.embedding_lookup(tf.zeros([2, 3]), [2]), InvalidArgumentError, "index 2"),
        (lambda: tf.nn.embedding_lookup([], [0]), ValueError, "at least one table"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(call: Any, error: Any, message: str):
    with pytest.raises(error, match=message):
        call()


# --- dropout --------------------------------------------------------------------------------------


def test_dropout_keeps_the_expected_sum_and_its_gradient_is_its_mask():
    tf.random.set_seed(3)
    x = np.full((200, 500), 2.0)
    value, (gradient,) = gradients(lambda t: tf.nn.dropout(t, 0.2), x)
    kept = value.numpy() != 0
    assert kept.mean() == pytest.approx(0.8, abs=0.006)  # 4.7 standard deviations
    assert_close(value, np.where(kept, 2.5, 0.0), 1e-6)
    assert_close(gradient, np.where(kept, 1.25, 0.0), 1e-6)


def test_dropout_is_drawn_anew_at_each_call_and_again_after_a_seed():
    x = tf.ones([100])
    for function in (tf.nn.dropout, tf.function(tf.nn.dropout)):
        tf.random.set_seed(4)
        first, second = (function(x, 0.5, seed=1).numpy() for _ in range(2))
        tf.random.set_seed(4)
        again = function(x, 0.5, seed=1).numpy()
        assert (first == again).all() and (first != second).any()


@pytest.mark.parametrize("noise_shape", [[None, 1], [40, 1], tf.constant([40, 1])])
def test_the_noise_shape_drops_whole_rows(noise_shape: Any):
    tf.random.set_seed(5)
    value = tf.nn.dropout(tf.ones([40, 6]), 0.5, noise_shape).numpy()
    assert (value == value[:, :1]).all() and set(value[:, 0].tolist()) == {0.0, 2.0}


def test_dropout_in_a_graph_of_unknown_sizes_and_with_a_rate_that_is_a_tensor():
    tf.random.set_seed(6)
    spec = [tf.TensorSpec([None, 3]), tf.TensorSpec([])]
    graph = tf.function(lambda x, rate: tf.nn.dropout(x, rate, [None, 1]), input_signature=spec)
    value = graph(tf.ones([50, 3]), tf.constant(0.75)).numpy()
    assert value.shape == (50, 3) and (value == value[:, :1]).all()
    assert set(value.reshape(-1).tolist()) == {0.0, 4.0}


def test_dropout_of_nothing_is_x_and_what_is_dropped_is_0_even_if_it_was_nan():
    assert tf.nn.dropout([1.0, 2.0], 0).numpy().tolist() == [1.0, 2.0]
    tf.random.set_seed(7)
    value = tf.nn.dropout(tf.fill([1000], float("nan")), 0.5).numpy()
    assert 0 < (value == 0).sum() < 1000


def test_batch_normalization_keeps_the_digits_of_a_large_mean():
    x = tf.constant([10001.0, 10003.0])
    value = tf.nn.batch_normalization(x, 10002.0, 1.0, None, None, 0.0)
    assert value.numpy().tolist() == [-1.0, 1.0]
