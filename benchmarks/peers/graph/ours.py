"""The engine's `tf.function`, as it is by default. The same lines run on TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, islice
from typing import Any

from peers.graph import Call, for_worker, numbers

import engine as tf


def versions() -> dict[str, str]:
    """What is measured."""
    import numpy

    return {"engine": tf.__version__, "numpy": numpy.__version__}


def warm() -> None:
    """One addition."""
    tf.constant(1.0) + 1.0


def _repeat(f: Callable[..., Any], *arrays: Any) -> Call:
    inputs = [tf.constant(array) for array in arrays]

    def call(n: int) -> Any:
        for _ in range(n):
            result = f(*inputs)
        return result

    return call


def _train(step: Callable[..., Any], batches: Any) -> Call:
    xs, ys = ([tf.constant(array) for array in arrays] for arrays in batches)
    pairs = zip(cycle(xs), cycle(ys), strict=False)

    def call(n: int) -> Any:
        for x, y in islice(pairs, n):
            loss = step(x, y)
        return loss

    return call


def scalar(**how: Any) -> Call:
    f = tf.function(lambda a, b: a + b * a, **how)
    a, b = tf.constant(1.5), tf.constant(2.5)

    def call(n: int) -> Any:
        for _ in range(n):
            result = f(a, b)
        return result

    return call


def twenty_cheap(**how: Any) -> Call:
    def f(x: Any, y: Any) -> Any:
        z = x * y + x
        z = tf.maximum(z, y) - 0.5
        z = tf.abs(z) * 0.7 + x
        z = tf.minimum(z, 2.0) * y - x
        z = tf.maximum(z, -2.0) + z * x
        z = tf.square(z) * 0.1 - y
        z = tf.negative(z) + x
        return z * x - y

    return _repeat(tf.function(f, **how), numbers.MILLION_X, numbers.MILLION_Y)


def twenty_mixed(**how: Any) -> Call:
    def f(x: Any, y: Any) -> Any:
        z = tf.abs(x * y) + 1.0
        z = tf.sqrt(z) / (z + 0.5)
        z = tf.tanh(z * x) + y
        z = tf.maximum(z, x) - 0.5
        z = tf.sigmoid(z)
        z = tf.math.log(z) * y
        z = tf.exp(tf.negative(tf.square(z))) * x
        return tf.minimum(z, y) - x

    return _repeat(tf.function(f, **how), numbers.MILLION_X, numbers.MILLION_Y)


def line(**how: Any) -> Call:
    w, b = tf.Variable([[0.0]]), tf.Variable([0.0])
    x, y = tf.constant(numbers.LINE_X), tf.constant(numbers.LINE_Y)

    @tf.function(**how)
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.matmul(x, w) + b - y))
        dw, db = tape.gradient(loss, [w, b])
        w.assign_sub(numbers.LINE_RATE * dw)
        b.assign_sub(numbers.LINE_RATE * db)
        return loss

    def call(n: int) -> Any:
        w.assign([[0.0]])
        b.assign([0.0])
        for _ in range(n):
            step(x, y)
        return w * 10.0 + b

    return call


def _cross_entropy(logits: Any, labels: Any) -> Any:
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )


def mlp(batch: int, **how: Any) -> Call:
    weights = [tf.Variable(array) for array in numbers.MLP]
    means = [tf.Variable(tf.zeros_like(w)) for w in weights]
    squares = [tf.Variable(tf.zeros_like(w)) for w in weights]
    time = tf.Variable(0.0)

    @tf.function(**how)
    def step(x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = weights
        with tf.GradientTape() as tape:
            hidden = tf.nn.relu(tf.matmul(x, w1) + b1)
            loss = _cross_entropy(tf.matmul(hidden, w2) + b2, y)
        gradients = tape.gradient(loss, weights)
        time.assign_add(1.0)
        rate = numbers.RATE * tf.sqrt(1 - numbers.BETA_2**time) / (1 - numbers.BETA_1**time)
        for w, m, v, g in zip(weights, means, squares, gradients, strict=True):
            m.assign(numbers.BETA_1 * m + (1 - numbers.BETA_1) * g)
            v.assign(numbers.BETA_2 * v + (1 - numbers.BETA_2) * tf.square(g))
            w.assign_sub(rate * m / (tf.sqrt(v) + numbers.EPSILON))
        return loss

    return _train(step, numbers.mlp_batches(batch))


def _cnn(weights: Any, x: Any) -> Any:
    w1, b1, w2, b2, w3, b3 = weights
    h = tf.nn.relu(tf.nn.conv2d(x, w1, 1, "VALID") + b1)
    h = tf.nn.max_pool2d(h, 2, 2, "VALID")
    h = tf.nn.relu(tf.nn.conv2d(h, w2, 1, "VALID") + b2)
    h = tf.nn.max_pool2d(h, 2, 2, "VALID")
    return tf.matmul(tf.reshape(h, [-1, 1600]), w3) + b3


def cnn_step(**how: Any) -> Call:
    weights = [tf.Variable(array) for array in numbers.CNN]

    @tf.function(**how)
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = _cross_entropy(_cnn(weights, x), y)
        for w, g in zip(weights, tape.gradient(loss, weights), strict=True):
            w.assign_sub(numbers.CNN_RATE * g)
        return loss

    return _train(step, numbers.cnn_batches())


def cnn_forward(**how: Any) -> Call:
    weights = [tf.Variable(array) for array in numbers.CNN]
    return _repeat(tf.function(lambda x: _cnn(weights, x), **how), numbers.cnn_batches()[0][0])


def second_gradient(**how: Any) -> Call:
    def f(x: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(tf.tanh(x) * x * x)
            g = inner.gradient(y, x)
            total = tf.reduce_sum(tf.square(g))
        return outer.gradient(total, x)

    return _repeat(tf.function(f, **how), numbers.THOUSAND)


def jacobian(**how: Any) -> Call:
    def f(x: Any, w: Any, b: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.tanh(tf.matmul(x, w) + b)
        return tape.jacobian(y, x)

    return _repeat(tf.function(f, **how), numbers.X_JAC, numbers.W_JAC, numbers.B_JAC)


def makers(**how: Any) -> dict[str, Callable[[], Call]]:
    """Every workload, with these arguments of `tf.function`."""
    plain = (
        scalar, twenty_cheap, twenty_mixed, line, cnn_step, cnn_forward, second_gradient, jacobian,
    )  # fmt: skip
    return {f.__name__: lambda f=f: f(**how) for f in plain} | {
        f"mlp_{batch}": lambda batch=batch: mlp(batch, **how) for batch in (32, 256)
    }


MAKERS = makers()
WORKLOADS = for_worker(MAKERS)
