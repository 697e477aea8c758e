"""The engine without its Keras: a compiled step, written by hand, called on slices of the data."""

from __future__ import annotations

from typing import Any

from peers.fit import BATCH, MLP, ROWS, Made, X, Y, first
from peers.fit.ours import versions as versions

import engine as tf

RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7


def fit_mlp() -> Made:
    """An epoch of the network 784-128-10 with Adam."""
    weights = [tf.Variable(array) for array in MLP]
    means = [tf.Variable(tf.zeros_like(w)) for w in weights]
    squares = [tf.Variable(tf.zeros_like(w)) for w in weights]
    steps = tf.Variable(0.0)

    @tf.function
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            hidden = tf.nn.relu(tf.matmul(x, weights[0]) + weights[1])
            logits = tf.matmul(hidden, weights[2]) + weights[3]
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
            )
        gradients = tape.gradient(loss, weights)
        steps.assign_add(1.0)
        rate = RATE * tf.sqrt(1.0 - BETA_2**steps) / (1.0 - BETA_1**steps)
        for w, g, m, v in zip(weights, gradients, means, squares, strict=True):
            m.assign_add((g - m) * (1.0 - BETA_1))
            v.assign_add((tf.square(g) - v) * (1.0 - BETA_2))
            w.assign_sub(m * rate / (tf.sqrt(v) + EPSILON))
        return loss

    def run() -> float:
        losses = [
            step(tf.constant(X[i : i + BATCH]), tf.constant(Y[i : i + BATCH]))
            for i in range(0, ROWS, BATCH)
        ]
        return float(sum(float(loss) for loss in losses) / len(losses))

    return first(run)


WORKLOADS = {"fit_mlp": fit_mlp}
