"""ConvLSTM1D, 2D and 3D against Keras, and masks against sequences without the masked step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.keras.layer_witness import check_layer, floats
from tests.keras.witness import close

X = floats(2, 3, 5, 4, 2)
PLAIN = {"kernel_initializer": "ones", "recurrent_initializer": "zeros"}  # quick to make in Keras


@pytest.mark.parametrize(
    ("name", "arguments", "inputs"),
    [
        (
            "ConvLSTM2D",
            {"kernel_size": (2, 3), "strides": 2, "padding": "same", "return_sequences": True,
             "return_state": True, **PLAIN},
            X,
        ),
        (
            "ConvLSTM1D",
            {"kernel_size": 3, "dilation_rate": 2, "use_bias": False, "dropout": 0.2, "seed": 1},
            floats(2, 3, 7, 2),
        ),
        ("ConvLSTM3D", {"kernel_size": 2, "unit_forget_bias": False, **PLAIN}, floats(1, 2, 3, 3, 2, 1)),
    ],
    ids=["two axes", "one axis", "three axes"],
)  # fmt: skip
def test_a_layer_is_the_one_of_keras(name: str, arguments: dict[str, Any], inputs: Any) -> None:
    check_layer((name, {"filters": 2, **arguments}), inputs, symbolic="1D" in name)


def test_channels_may_come_first() -> None:
    last = tf.keras.layers.ConvLSTM2D(2, 2)
    first = tf.keras.layers.ConvLSTM2D(2, 2, data_format="channels_first")
    expected = last(tf.constant(X))
    turned = tf.transpose(tf.constant(X), [0, 1, 4, 2, 3])
    first(turned)
    first.set_weights(last.get_weights())
    close(tf.transpose(first(turned), [0, 2, 3, 1]), expected)


def test_a_masked_step_is_as_good_as_none() -> None:
    layer = tf.keras.layers.ConvLSTM2D(2, 2)
    mask = np.array([[1, 0, 1], [1, 1, 0]], bool)
    masked = layer(tf.constant(X), mask=tf.constant(mask))
    close(masked[:1], layer(tf.constant(X[:1, [0, 2]])))
    close(masked[1:], layer(tf.constant(X[1:, :2])))


def test_dropout_and_gradients_in_a_graph() -> None:
    layer = tf.keras.layers.ConvLSTM2D(2, 2, dropout=0.3, recurrent_dropout=0.3, seed=1)
    other = tf.keras.layers.ConvLSTM2D(2, 2, dropout=0.3, recurrent_dropout=0.3, seed=1)
    layer(tf.constant(X)), other(tf.constant(X))
    other.set_weights(layer.get_weights())

    def slope(layer: Any, x: Any) -> Any:
        with tf.GradientTape() as tape:
            y = layer(x, training=True)
            loss = tf.reduce_sum(y**2)
        return y, tape.gradient(loss, layer.trainable_variables)

    graph = tf.function(lambda x: slope(other, x))
    first = slope(layer, tf.constant(X))
    close(graph(tf.constant(X)), first)
    again = slope(layer, tf.constant(X))
    close(graph(tf.constant(X)), again)
    assert np.abs(first[0].numpy() - again[0].numpy()).max() > 1e-3


def test_what_does_not_fit_says_so() -> None:
    with pytest.raises(ValueError, match="filters must be a positive integer"):
        tf.keras.layers.ConvLSTM1D(0, 3)
    with pytest.raises(ValueError, match="both above 1"):
        tf.keras.layers.ConvLSTM1D(2, 3, strides=2, dilation_rate=2)
    with pytest.raises(ValueError, match="sizes of the images must be known"):
        tf.keras.layers.ConvLSTM1D(2, 3)(tf.keras.Input((3, None, 2)))
