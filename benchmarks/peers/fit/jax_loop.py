"""JAX without Keras: a jitted step, written by hand."""

from __future__ import annotations

import os

os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
from peers.fit import EPOCHS, LINE_RATE, LINE_X, LINE_Y, Made, first


def fit_line() -> Made:
    """500 steps of y = 2x - 1; what it returns is the loss before the last step, as fit's history has it."""
    x, y = jnp.asarray(LINE_X), jnp.asarray(LINE_Y)

    def loss(weights: tuple[jax.Array, jax.Array]) -> jax.Array:
        w, b = weights
        return jnp.mean((x @ w + b - y) ** 2)

    @jax.jit
    def step(weights: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        value, gradients = jax.value_and_grad(loss)(weights)
        return value, tuple(w - LINE_RATE * g for w, g in zip(weights, gradients, strict=True))

    state = [(jnp.zeros((1, 1)), jnp.zeros(1))]

    def run() -> float:
        weights = state[0]
        for _ in range(EPOCHS):
            value, weights = step(weights)
        state[0] = weights
        return float(value)

    return first(run)


WORKLOADS = {"fit_line": fit_line}


def versions() -> dict[str, str]:
    """What is measured."""
    return {"jax": jax.__version__}
