"""Whole steps of convolutional networks: compiled with native kernels, they do what eager does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close

DRAWS = np.random.default_rng(17)


def draw(*dims: int) -> np.ndarray:
    return DRAWS.standard_normal(dims)


def network(pool: Any, strides: int, padding: str) -> Any:
    """Loss and gradients of two convolutions with pools, and a dense layer."""

    def step(x: Any, labels: Any, *weights: Any) -> Any:
        first, bias, second, more, dense = weights
        with tf.GradientTape() as tape:
            tape.watch([x, *weights])
            h = pool(tf.nn.relu(tf.nn.conv2d(x, first, 1, padding) + bias), 2, 2, padding)
            h = tf.nn.relu(tf.nn.conv2d(h, second, strides, padding) + more)
            h = pool(h, 3, 2, "SAME")
            logits = tf.matmul(tf.reshape(h, [x.shape[0], -1]), dense)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
            loss = tf.reduce_mean(losses)
        return loss, tape.gradient(loss, [x, *weights])

    return step


SETTINGS = [
    (tf.nn.max_pool2d, 1, "VALID"),
    (tf.nn.max_pool2d, 2, "SAME"),
    (tf.nn.avg_pool2d, 1, "SAME"),
    (tf.nn.avg_pool2d, 2, "VALID"),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: f"{s[0].__name__} {s[1]} {s[2]}")
def test_a_step_is_that_of_eager(setting: Any, dtype: Any):
    step = network(*setting)
    x, weights = draw(5, 14, 13, 4), [draw(3, 3, 4, 8), draw(8), draw(3, 2, 8, 20) / 9, draw(20)]
    h = setting[0](tf.nn.conv2d(x, weights[0], 1, setting[2]), 2, 2, setting[2])
    h = setting[0](tf.nn.conv2d(h, weights[2], setting[1], setting[2]), 3, 2, "SAME")
    weights.append(draw(int(np.prod(h.shape[1:])), 10) / 9)
    given = [tf.constant(array.astype(dtype)) for array in (x, *weights)]
    labels = tf.constant([0, 3, 9, 9, 1])
    expected = step(given[0], labels, *given[1:])
    compiled = tf.function(step, jit_compile=True)
    loss, gradients = compiled(given[0], labels, *given[1:])
    tolerance = 1e-4 if dtype is np.float32 else 1e-11
    assert_close(loss, expected[0], tolerance)
    for k, (found, known) in enumerate(zip(gradients, expected[1], strict=True)):
        scale = tolerance * float(tf.reduce_max(tf.abs(known)))
        assert_close(found, known, tolerance, scale, f"gradient {k}")
    kernels = [
        kernel.name
        for kernel in compiled.get_concrete_function(given[0], labels, *given[1:]).kernels
    ]
    pools = (
        ("max_pool_backprop", "max_pool")
        if setting[0] is tf.nn.max_pool2d
        else ("window_sum", "window_spread")
    )
    for op in ("conv", "conv_backprop_input", "conv_backprop_filter", *pools):
        assert sum(name.rsplit("_", 1)[0] == op for name in kernels) == 2, (op, kernels)
