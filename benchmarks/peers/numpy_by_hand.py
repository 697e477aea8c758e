"""NumPy without any framework: what the arithmetic alone costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from peers import data


def versions() -> dict[str, str]:
    """What is measured."""
    return {"numpy": np.__version__}


def scalar_add() -> tuple[Callable[[], Any], Callable[[], float]]:
    a, b = np.asarray(1.5, np.float32), np.asarray(2.5, np.float32)
    return lambda: np.add(a, b), lambda: float(np.add(a, b))


def chain_forward() -> tuple[Callable[[], Any], Callable[[], float]]:
    v = data.TEN

    def run() -> Any:
        z = v
        for _ in range(data.CHAIN):
            z = np.multiply(z, v)
            z = np.add(z, v)
        return z

    return run, lambda: run().sum()


def matmul_64() -> tuple[Callable[[], Any], Callable[[], float]]:
    a, b = data.A64, data.B64
    return lambda: np.matmul(a, b), lambda: np.matmul(a, b).sum()


WORKLOADS = {f.__name__: f for f in (scalar_add, chain_forward, matmul_64)}
