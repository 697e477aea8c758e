"""The numbers every peer of the graph suite computes with, and the calls one timing holds. NumPy only."""

from __future__ import annotations

import numpy as np

# Calls in one run of a workload; the time of the run is divided by it. The line is fitted from zero in 500.
CALLS = {
    "scalar": 1000,
    "twenty_cheap": 1,
    "twenty_mixed": 1,
    "line": 500,
    "mlp_32": 50,
    "mlp_256": 20,
    "cnn_step": 5,
    "cnn_forward": 5,
    "second_gradient": 50,
    "jacobian": 1,
}

RNG = np.random.default_rng(0)


def _normal(*shape: int, scale: float = 1.0, rng: np.random.Generator = RNG) -> np.ndarray:
    return (rng.normal(size=shape) * scale).astype(np.float32)


MILLION_X, MILLION_Y = _normal(1_000_000), _normal(1_000_000)
THOUSAND = np.linspace(-1.0, 2.0, 1000).astype(np.float32)
X_JAC, W_JAC, B_JAC = _normal(32, 64), _normal(64, 64, scale=1 / 8), np.zeros(64, np.float32)

LINE_X = np.arange(-1, 5, dtype=np.float32)[:, None]
LINE_Y = 2 * LINE_X - 1
LINE_RATE = 0.01

MLP = [
    _normal(784, 128, scale=(2 / 784) ** 0.5),
    np.zeros(128, np.float32),
    _normal(128, 10, scale=(1 / 128) ** 0.5),
    np.zeros(10, np.float32),
]
RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7

CNN = [
    _normal(3, 3, 1, 32, scale=1 / 3),
    np.zeros(32, np.float32),
    _normal(3, 3, 32, 64, scale=1 / 17),
    np.zeros(64, np.float32),
    _normal(1600, 10, scale=1 / 40),
    np.zeros(10, np.float32),
]
CNN_RATE = 0.01


def mlp_batches(size: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Inputs and labels of training batches.

    Their counts have no common factor: as a peer cycles through both, no input keeps its label, so that
    nothing is learned by heart and no gradient shrinks to denormal numbers.
    """
    return _batches(size, 784)


def cnn_batches() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The same for pictures of 28x28 pixels, 32 a batch."""
    return _batches(32, 28, 28, 1)


def _batches(size: int, *shape: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(1)
    xs = [_normal(size, *shape, rng=rng) for _ in range(8)]
    return xs, [rng.integers(0, 10, size).astype(np.int32) for _ in range(61)]
