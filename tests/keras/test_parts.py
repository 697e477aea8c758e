"""Initializers, activations, losses, metrics and layers on their own, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import engine as tf
from engine.keras import activations, initializers, losses, metrics
from engine.keras.lookup import snake_case

SCALES = {  # name: (shape, standard deviation, largest value)
    "glorot_uniform": ((400, 200), np.sqrt(2 / 600), np.sqrt(6 / 600)),
    "glorot_normal": ((400, 200), np.sqrt(2 / 600), None),
    "he_uniform": ((400, 200), np.sqrt(2 / 400), np.sqrt(6 / 400)),
    "he_normal": ((400, 200), np.sqrt(2 / 400), None),
    "random_uniform": ((400, 200), 0.1 / np.sqrt(12), 0.05),
    "random_normal": ((400, 200), 0.05, None),
}


@pytest.mark.parametrize("name", SCALES)
def test_initializers_have_the_variance_of_their_paper(name: str) -> None:
    tf.random.set_seed(11)
    shape, deviation, largest = SCALES[name]
    values = initializers.get(name)(shape).numpy()
    assert values.shape == shape and values.dtype == np.float32
    # 80,000 draws: the standard error of a deviation is about 0.25 %.
    np.testing.assert_allclose(values.std(), deviation, rtol=0.015)
    assert abs(values.mean()) < 5 * deviation / np.sqrt(values.size)
    if largest is not None:
        assert np.abs(values).max() <= largest


def test_a_seeded_initializer_repeats_within_a_seeded_session() -> None:
    tf.random.set_seed(1)
    first = initializers.GlorotUniform(seed=4)([3, 3]).numpy()
    tf.random.set_seed(1)
    np.testing.assert_array_equal(first, initializers.GlorotUniform(seed=4)([3, 3]).numpy())


def test_constants() -> None:
    assert initializers.get("zeros")([2]).numpy().tolist() == [0, 0]
    assert initializers.get("ones")([2]).numpy().tolist() == [1, 1]
    assert initializers.Constant(2.5)([2]).numpy().tolist() == [2.5, 2.5]


X = np.array([-3.0, -0.5, 0.0, 0.5, 3.0], np.float32)
FORMULAS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(),
    "log_softmax": lambda x: x - np.log(np.exp(x).sum()),
    "exponential": np.exp,
}


@pytest.mark.parametrize("name", FORMULAS)
def test_activations(name: str) -> None:
    found = activations.get(name)(tf.constant(X)).numpy()
    np.testing.assert_allclose(found, FORMULAS[name](X.astype(np.float64)), rtol=2e-6, atol=1e-7)


def test_extreme_inputs_stay_finite() -> None:
    big = tf.constant([-1000.0, 1000.0])
    for name in ("sigmoid", "softmax", "softplus", "log_softmax", "tanh"):
        assert np.isfinite(activations.get(name)(big).numpy()).all(), name


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", None])
def test_losses_reduce_and_weigh(reduction: str | None) -> None:
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=(4, 3)).astype("f"), rng.normal(size=(4, 3)).astype("f")
    weight = np.array([1.0, 0.0, 2.0, 0.5], np.float32)
    each = {
        losses.MeanSquaredError: ((y - p) ** 2).mean(-1),
        losses.MeanAbsoluteError: np.abs(y - p).mean(-1),
    }
    for kind, values in each.items():
        expected = values * weight
        if reduction == "sum":
            expected = expected.sum()
        elif reduction:
            expected = expected.mean()
        np.testing.assert_allclose(kind(reduction)(y, p, weight).numpy(), expected, rtol=1e-5)


def test_metrics_accumulate_over_batches() -> None:
    metric = metrics.MeanAbsoluteError()
    metric.update_state([[1.0], [2.0]], [[2.0], [2.0]])
    metric.update_state([[0.0]], [[5.0]])
    np.testing.assert_allclose(metric.result().numpy(), 2.0)
    metric.reset_state()
    assert metric.result().numpy() == 0.0


def test_mean_weighs_its_values() -> None:
    mean = metrics.Mean()
    mean.update_state([1.0, 3.0], sample_weight=[1.0, 3.0])
    np.testing.assert_allclose(mean.result().numpy(), 2.5)
    np.testing.assert_allclose(mean(10.0, sample_weight=4.0).numpy(), 50 / 8)


@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 5), (0, 5)])
def test_dense_is_a_matrix_product(shape: tuple[int, ...]) -> None:
    tf.random.set_seed(2)
    layer = tf.keras.layers.Dense(4, activation="tanh", bias_initializer="random_normal")
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    found = layer(x).numpy()
    kernel, bias = layer.get_weights()
    assert found.shape == (*shape[:-1], 4)
    np.testing.assert_allclose(found, np.tanh(x @ kernel + bias), rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *shape[1:-1], 4)


def test_dense_casts_floats_to_its_dtype_and_names_its_weights() -> None:
    layer = tf.keras.layers.Dense(2, name="out", use_bias=False)
    assert layer(np.ones((1, 3))).dtype == tf.float32
    assert [weight.name for weight in layer.weights] == ["out/kernel:0"]
    wide = tf.keras.layers.Dense(2, dtype="float64")
    assert wide(tf.ones([1, 3])).dtype == tf.float64


def test_a_layer_built_by_hand_keeps_its_weights() -> None:
    layer = tf.keras.layers.Dense(2)
    layer.build((None, 3))
    kernel = layer.kernel
    assert layer.built
    layer(tf.ones([1, 3]))
    assert layer.kernel is kernel


def test_flatten_with_and_without_a_known_batch() -> None:
    flatten = tf.keras.layers.Flatten()
    assert flatten(tf.ones([2, 3, 4])).shape == (2, 12)
    assert flatten.compute_output_shape((None, 3, 4)) == (None, 12)


def test_frozen_layers_do_not_move() -> None:
    first = tf.keras.layers.Dense(3, input_shape=[1])
    model = tf.keras.Sequential([first, tf.keras.layers.Dense(1)])
    first.trainable = False
    model.compile("sgd", "mse")
    before = [w.copy() for w in model.get_weights()]
    model.fit(np.ones((4, 1)), np.ones((4, 1)), verbose=0)
    after = model.get_weights()
    assert np.array_equal(before[0], after[0]) and np.array_equal(before[1], after[1])
    assert not np.array_equal(before[2], after[2])
    assert len(model.trainable_variables) == 2 and len(model.non_trainable_variables) == 2


def test_a_subclassed_model_finds_layers_in_lists() -> None:
    class Stack(tf.keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = [tf.keras.layers.Dense(3), tf.keras.layers.Dense(2)]

        def call(self, inputs: tf.Tensor) -> tf.Tensor:
            for layer in self.hidden:
                inputs = layer(inputs)
            return inputs

    model = Stack()
    assert model(tf.ones([1, 4])).shape == (1, 2)
    assert [tuple(w.shape) for w in model.weights] == [(4, 3), (3,), (3, 2), (2,)]


def test_names_follow_keras() -> None:
    tf.keras.utils.clear_session()
    names = [tf.keras.layers.Dense(1).name for _ in range(3)]
    assert names == ["dense", "dense_1", "dense_2"]
    assert snake_case("MeanSquaredError") == "mean_squared_error"
