"""The engine, as a user of it writes these workloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peers import data

import engine as tf


def versions() -> dict[str, str]:
    """What is measured."""
    import numpy

    return {"engine": tf.__version__, "numpy": numpy.__version__}


def scalar_add() -> tuple[Callable[[], Any], Callable[[], float]]:
    a, b = tf.constant(1.5), tf.constant(2.5)
    return lambda: a + b, lambda: (a + b).numpy()


def _chain(z: Any, v: Any) -> Any:
    for _ in range(data.CHAIN):
        z = z * v
        z = z + v
    return z


def chain_forward() -> tuple[Callable[[], Any], Callable[[], float]]:
    v = tf.constant(data.TEN)
    return lambda: _chain(v, v), lambda: _chain(v, v).numpy().sum()


def chain_gradient() -> tuple[Callable[[], Any], Callable[[], float]]:
    v = tf.constant(data.TEN)

    def run() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(v)
            z = _chain(v, v)
        return tape.gradient(z, v)

    return run, lambda: run().numpy().sum()


def matmul_64() -> tuple[Callable[[], Any], Callable[[], float]]:
    a, b = tf.constant(data.A64), tf.constant(data.B64)
    return lambda: tf.matmul(a, b), lambda: tf.matmul(a, b).numpy().sum()


def second_gradient() -> tuple[Callable[[], Any], Callable[[], float]]:
    x = tf.constant(data.THOUSAND)

    def run() -> Any:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(tf.tanh(x) * x * x)
            g = inner.gradient(y, x)
            total = tf.reduce_sum(g * g)
        return outer.gradient(total, x)

    return run, lambda: run().numpy().sum()


def _layer(x: Any, w: Any, b: Any) -> Any:
    return tf.tanh(tf.matmul(x, w) + b)


def jacobian() -> tuple[Callable[[], Any], Callable[[], float]]:
    x, w, b = tf.constant(data.X_JAC), tf.constant(data.W_JAC), tf.constant(data.BIAS)

    def run() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = _layer(x, w, b)
        return tape.jacobian(y, x)

    return run, lambda: run().numpy().sum()


def batch_jacobian() -> tuple[Callable[[], Any], Callable[[], float]]:
    x, w, b = tf.constant(data.X_JAC), tf.constant(data.W_JAC), tf.constant(data.BIAS)

    def run() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = _layer(x, w, b)
        return tape.batch_jacobian(y, x)

    return run, lambda: run().numpy().sum()


def conv2d_grad() -> tuple[Callable[[], Any], Callable[[], float]]:
    x, w, dy = tf.constant(data.IMAGES), tf.constant(data.FILTERS), tf.constant(data.MAPS)

    def run() -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, w])
            y = tf.nn.conv2d(x, w, 1, "SAME")
        return tape.gradient(y, [x, w], output_gradients=dy)

    return run, lambda: sum(abs(g.numpy()).sum() for g in run())


WORKLOADS = {
    f.__name__: f
    for f in (
        scalar_add, chain_forward, chain_gradient, matmul_64, second_gradient, jacobian,
        batch_jacobian, conv2d_grad,
    )
}  # fmt: skip
