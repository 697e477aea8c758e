"""`if` and `while` on tensors in a user's layers, losses and training steps, inside a compiled fit."""

# ruff: noqa: SIM108 - if and else are what is tested
from __future__ import annotations

from typing import Any

import numpy as np

import engine as tf

X = np.linspace(-1.0, 4.0, 12, dtype=np.float32).reshape(-1, 1)
Y = 2.0 * X - 1.0


class Halving(tf.keras.layers.Layer):
    """Halves what comes in until it is small; counts the halvings."""

    def build(self, input_shape: Any) -> None:
        self.halvings = tf.Variable(0, trainable=False)

    def call(self, inputs: Any) -> Any:
        while tf.reduce_max(tf.abs(inputs)) > 1.0:
            inputs = inputs / 2.0
            self.halvings.assign_add(1)
        return inputs


def huber(y_true: Any, y_pred: Any) -> Any:
    error = tf.reduce_mean(tf.abs(y_true - y_pred))
    if error < 1.0:
        loss = error * error / 2.0
    else:
        loss = error - 0.5
    return loss


def test_a_layer_and_a_loss_may_decide_by_values():
    halving = Halving()
    model = tf.keras.Sequential([halving, tf.keras.layers.Dense(1)])
    model.compile(optimizer=tf.keras.optimizers.SGD(0.05), loss=huber)
    history = model.fit(X, Y, epochs=30, batch_size=12, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert halving.halvings.numpy() >= 2 * 30, "4 is halved twice, in every epoch"
    assert np.abs(halving(tf.constant([[8.0]])).numpy()).max() <= 1.0


def test_a_training_step_may_decide_by_values():
    class Clipped(tf.keras.Sequential):
        def train_step(self, data: Any) -> Any:
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(x, y, self(x, training=True))
            gradients = tape.gradient(loss, self.trainable_variables)
            norm = tf.linalg.global_norm(gradients)
            if norm > 1.0:
                gradients = [g / norm for g in gradients]
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return {"loss": loss, "norm": norm}

    model = Clipped([tf.keras.layers.Dense(1, input_shape=[1])])
    model.compile(optimizer=tf.keras.optimizers.SGD(0.25), loss="mse")
    before = [w.copy() for w in model.get_weights()]
    logs = model.train_on_batch(X, Y, return_dict=True)
    moved = np.sqrt(
        sum(((a - b) ** 2).sum() for a, b in zip(before, model.get_weights(), strict=True))
    )
    assert logs["norm"] > 1.0 and abs(moved - 0.25) < 1e-5
