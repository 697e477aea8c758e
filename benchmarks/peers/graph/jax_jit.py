"""JAX's jit. Training steps give their old weights away (`donate_argnums`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from peers.graph import Call, for_worker, numbers


def versions() -> dict[str, str]:
    """What is measured."""
    return {"jax": jax.__version__, "jaxlib": jax.lib.__version__}


def warm() -> None:
    """One addition."""
    (jnp.asarray(1.0) + 1.0).block_until_ready()


def _repeat(f: Callable[..., Any], *arrays: Any) -> Call:
    inputs = [jnp.asarray(array) for array in arrays]

    def call(n: int) -> Any:
        for _ in range(n):
            result = f(*inputs).block_until_ready()
        return result

    return call


def _train(step: Callable[..., Any], state: Any, batches: Any) -> Call:
    xs, ys = ([jnp.asarray(array) for array in arrays] for arrays in batches)
    pairs = zip(cycle(xs), cycle(ys), strict=False)

    def call(n: int) -> Any:
        nonlocal state
        for x, y in islice(pairs, n):
            state, loss = step(state, x, y)
        return loss.block_until_ready()

    return call


def scalar() -> Call:
    f = jax.jit(lambda a, b: a + b * a)
    a, b = jnp.float32(1.5), jnp.float32(2.5)

    def call(n: int) -> Any:
        for _ in range(n):
            result = f(a, b)
        return result.block_until_ready()

    return call


def twenty_cheap() -> Call:
    def f(x: Any, y: Any) -> Any:
        z = x * y + x
        z = jnp.maximum(z, y) - 0.5
        z = jnp.abs(z) * 0.7 + x
        z = jnp.minimum(z, 2.0) * y - x
        z = jnp.maximum(z, -2.0) + z * x
        z = jnp.square(z) * 0.1 - y
        z = jnp.negative(z) + x
        return z * x - y

    return _repeat(jax.jit(f), numbers.MILLION_X, numbers.MILLION_Y)


def twenty_mixed() -> Call:
    def f(x: Any, y: Any) -> Any:
        z = jnp.abs(x * y) + 1.0
        z = jnp.sqrt(z) / (z + 0.5)
        z = jnp.tanh(z * x) + y
        z = jnp.maximum(z, x) - 0.5
        z = jax.nn.sigmoid(z)
        z = jnp.log(z) * y
        z = jnp.exp(jnp.negative(jnp.square(z))) * x
        return jnp.minimum(z, y) - x

    return _repeat(jax.jit(f), numbers.MILLION_X, numbers.MILLION_Y)


def line() -> Call:
    x, y = jnp.asarray(numbers.LINE_X), jnp.asarray(numbers.LINE_Y)

    def loss(state: Any, x: Any, y: Any) -> Any:
        w, b = state
        return jnp.mean(jnp.square(x @ w + b - y))

    @partial(jax.jit, donate_argnums=0)
    def step(state: Any, x: Any, y: Any) -> Any:
        value, slopes = jax.value_and_grad(loss)(state, x, y)
        return [p - numbers.LINE_RATE * g for p, g in zip(state, slopes, strict=True)], value

    def call(n: int) -> Any:
        state = [jnp.zeros((1, 1)), jnp.zeros(1)]
        for _ in range(n):
            state, _value = step(state, x, y)
        w, b = state
        return (w * 10.0 + b).block_until_ready()

    return call


def _cross_entropy(logits: Any, labels: Any) -> Any:
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
    return -jnp.mean(chosen)


def mlp(batch: int) -> Call:
    def loss(weights: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = weights
        return _cross_entropy(jax.nn.relu(x @ w1 + b1) @ w2 + b2, y)

    @partial(jax.jit, donate_argnums=0)
    def step(state: Any, x: Any, y: Any) -> Any:
        weights, means, squares, time = state
        value, slopes = jax.value_and_grad(loss)(weights, x, y)
        time = time + 1
        rate = numbers.RATE * jnp.sqrt(1 - numbers.BETA_2**time) / (1 - numbers.BETA_1**time)

        def moved(w: Any, m: Any, v: Any, g: Any) -> Any:
            m = numbers.BETA_1 * m + (1 - numbers.BETA_1) * g
            v = numbers.BETA_2 * v + (1 - numbers.BETA_2) * jnp.square(g)
            return w - rate * m / (jnp.sqrt(v) + numbers.EPSILON), m, v

        every = [moved(*one) for one in zip(weights, means, squares, slopes, strict=True)]
        return (*([one[i] for one in every] for i in range(3)), time), value

    weights = [jnp.array(array) for array in numbers.MLP]
    zeros = [[jnp.zeros_like(w) for w in weights] for _ in range(2)]
    return _train(step, (weights, *zeros, jnp.float32(0.0)), numbers.mlp_batches(batch))


def _cnn(weights: Any, x: Any) -> Any:
    w1, b1, w2, b2, w3, b3 = weights

    def conv(h: Any, w: Any) -> Any:
        layout = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(h, w, (1, 1), "VALID", dimension_numbers=layout)

    def pool(h: Any) -> Any:
        return lax.reduce_window(h, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    h = pool(jax.nn.relu(conv(x, w1) + b1))
    h = pool(jax.nn.relu(conv(h, w2) + b2))
    return h.reshape(-1, 1600) @ w3 + b3


def cnn_step() -> Call:
    def loss(weights: Any, x: Any, y: Any) -> Any:
        return _cross_entropy(_cnn(weights, x), y)

    @partial(jax.jit, donate_argnums=0)
    def step(weights: Any, x: Any, y: Any) -> Any:
        value, slopes = jax.value_and_grad(loss)(weights, x, y)
        return [w - numbers.CNN_RATE * g for w, g in zip(weights, slopes, strict=True)], value

    return _train(step, [jnp.array(array) for array in numbers.CNN], numbers.cnn_batches())


def cnn_forward() -> Call:
    weights = [jnp.asarray(array) for array in numbers.CNN]
    forward = jax.jit(_cnn)
    return _repeat(lambda x: forward(weights, x), numbers.cnn_batches()[0][0])


def second_gradient() -> Call:
    first = jax.grad(lambda x: jnp.sum(jnp.tanh(x) * x * x))
    return _repeat(jax.jit(jax.grad(lambda x: jnp.sum(jnp.square(first(x))))), numbers.THOUSAND)


def jacobian() -> Call:
    f = jax.jit(jax.jacrev(lambda x, w, b: jnp.tanh(x @ w + b)))
    return _repeat(f, numbers.X_JAC, numbers.W_JAC, numbers.B_JAC)


MAKERS: dict[str, Callable[[], Call]] = {
    f.__name__: f
    for f in (
        scalar, twenty_cheap, twenty_mixed, line, cnn_step, cnn_forward, second_gradient, jacobian,
    )
} | {f"mlp_{batch}": partial(mlp, batch) for batch in (32, 256)}  # fmt: skip
WORKLOADS = for_worker(MAKERS)
