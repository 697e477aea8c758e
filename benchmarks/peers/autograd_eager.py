"""HIPS autograd: gradients on plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import autograd.numpy as np
from autograd import elementwise_grad, grad, jacobian
from peers import data


def versions() -> dict[str, str]:
    """What is measured."""
    return {"autograd": version("autograd"), "numpy": version("numpy")}


def _chain(z: Any, v: Any) -> Any:
    for _ in range(data.CHAIN):
        z = z * v
        z = z + v
    return z


def chain_gradient() -> tuple[Callable[[], Any], Callable[[], float]]:
    g = grad(lambda v: np.sum(_chain(v, v)))
    return lambda: g(data.TEN), lambda: g(data.TEN).sum()


def second_gradient() -> tuple[Callable[[], Any], Callable[[], float]]:
    first = elementwise_grad(lambda x: np.tanh(x) * x * x)
    second = grad(lambda x: np.sum(first(x) ** 2))
    return lambda: second(data.THOUSAND), lambda: second(data.THOUSAND).sum()


def full_jacobian() -> tuple[Callable[[], Any], Callable[[], float]]:
    g = jacobian(lambda x: np.tanh(np.dot(x, data.W_JAC) + data.BIAS))
    return lambda: g(data.X_JAC), lambda: g(data.X_JAC).sum()


WORKLOADS = {
    "chain_gradient": chain_gradient,
    "second_gradient": second_gradient,
    "jacobian": full_jacobian,
}
