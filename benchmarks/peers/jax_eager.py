"""JAX, without jit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from peers import data


def versions() -> dict[str, str]:
    """What is measured."""
    return {"jax": jax.__version__}


def _wait(f: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: f().block_until_ready()


def _both(f: Callable[[], Any]) -> tuple[Callable[[], Any], Callable[[], float]]:
    return _wait(f), lambda: float(f().sum())


def scalar_add() -> tuple[Callable[[], Any], Callable[[], float]]:
    a, b = jnp.float32(1.5), jnp.float32(2.5)
    return _both(lambda: a + b)


def _chain(z: Any, v: Any) -> Any:
    for _ in range(data.CHAIN):
        z = z * v
        z = z + v
    return z


def chain_forward() -> tuple[Callable[[], Any], Callable[[], float]]:
    v = jnp.asarray(data.TEN)
    return _both(lambda: _chain(v, v))


def chain_gradient() -> tuple[Callable[[], Any], Callable[[], float]]:
    v = jnp.asarray(data.TEN)
    return _both(lambda: jax.grad(lambda v: _chain(v, v).sum())(v))


def matmul_64() -> tuple[Callable[[], Any], Callable[[], float]]:
    a, b = jnp.asarray(data.A64), jnp.asarray(data.B64)
    return _both(lambda: a @ b)


def second_gradient() -> tuple[Callable[[], Any], Callable[[], float]]:
    x = jnp.asarray(data.THOUSAND)
    first = jax.grad(lambda x: (jnp.tanh(x) * x * x).sum())
    return _both(lambda: jax.grad(lambda x: (first(x) ** 2).sum())(x))


def jacobian() -> tuple[Callable[[], Any], Callable[[], float]]:
    x, w, b = (jnp.asarray(a) for a in (data.X_JAC, data.W_JAC, data.BIAS))
    return _both(lambda: jax.jacrev(lambda x: jnp.tanh(x @ w + b))(x))


def batch_jacobian() -> tuple[Callable[[], Any], Callable[[], float]]:
    x, w, b = (jnp.asarray(a) for a in (data.X_JAC, data.W_JAC, data.BIAS))
    return _both(lambda: jax.vmap(jax.jacrev(lambda row: jnp.tanh(row @ w + b)))(x))


WORKLOADS = {
    f.__name__: f
    for f in (
        scalar_add, chain_forward, chain_gradient, matmul_64, second_gradient, jacobian,
        batch_jacobian,
    )
}  # fmt: skip
