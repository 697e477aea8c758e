"""PyTorch, eager."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from peers import data
from torch.func import jacrev, vmap

torch.set_num_threads(len(os.sched_getaffinity(0)))


def versions() -> dict[str, str]:
    """What is measured."""
    return {"torch": torch.__version__}


def scalar_add() -> tuple[Callable[[], Any], Callable[[], float]]:
    a, b = torch.tensor(1.5), torch.tensor(2.5)
    return lambda: a + b, lambda: (a + b).item()


def _chain(z: Any, v: Any) -> Any:
    for _ in range(data.CHAIN):
        z = z * v
        z = z + v
    return z


def chain_forward() -> tuple[Callable[[], Any], Callable[[], float]]:
    v = torch.from_numpy(data.TEN)
    return lambda: _chain(v, v), lambda: _chain(v, v).sum().item()


def chain_gradient() -> tuple[Callable[[], Any], Callable[[], float]]:
    v = torch.from_numpy(data.TEN).clone().requires_grad_()

    def run() -> Any:
        return torch.autograd.grad(_chain(v, v).sum(), v)[0]

    return run, lambda: run().sum().item()


def matmul_64() -> tuple[Callable[[], Any], Callable[[], float]]:
    a, b = torch.from_numpy(data.A64), torch.from_numpy(data.B64)
    return lambda: a @ b, lambda: (a @ b).sum().item()


def second_gradient() -> tuple[Callable[[], Any], Callable[[], float]]:
    x = torch.from_numpy(data.THOUSAND).clone().requires_grad_()

    def run() -> Any:
        (g,) = torch.autograd.grad((torch.tanh(x) * x * x).sum(), x, create_graph=True)
        return torch.autograd.grad((g * g).sum(), x)[0]

    return run, lambda: run().sum().item()


def _tensors() -> tuple[Any, Any, Any]:
    return tuple(torch.from_numpy(a) for a in (data.X_JAC, data.W_JAC, data.BIAS))  # type: ignore[return-value]


def jacobian() -> tuple[Callable[[], Any], Callable[[], float]]:
    x, w, b = _tensors()
    run = lambda: jacrev(lambda x: torch.tanh(x @ w + b))(x)  # noqa: E731
    return run, lambda: run().sum().item()


def batch_jacobian() -> tuple[Callable[[], Any], Callable[[], float]]:
    x, w, b = _tensors()
    run = lambda: vmap(jacrev(lambda row: torch.tanh(row @ w + b)))(x)  # noqa: E731
    return run, lambda: run().sum().item()


def conv2d_grad() -> tuple[Callable[[], Any], Callable[[], float]]:
    def channels_last(array: Any, *order: int) -> torch.Tensor:
        """Channels second in the shape and last in memory, which is torch's faster layout."""
        return torch.from_numpy(array).permute(order).contiguous(memory_format=torch.channels_last)

    x = channels_last(data.IMAGES, 0, 3, 1, 2).requires_grad_()
    w = channels_last(data.FILTERS, 3, 2, 0, 1).requires_grad_()
    dy = channels_last(data.MAPS, 0, 3, 1, 2)

    def run() -> Any:
        return torch.autograd.grad(torch.nn.functional.conv2d(x, w, padding=1), (x, w), dy)

    return run, lambda: sum(g.abs().sum().item() for g in run())


WORKLOADS = {
    f.__name__: f
    for f in (
        scalar_add, chain_forward, chain_gradient, matmul_64, second_gradient, jacobian,
        batch_jacobian, conv2d_grad,
    )
}  # fmt: skip
