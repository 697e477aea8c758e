"""The numbers every peer computes with. NumPy only."""

from __future__ import annotations

import numpy as np

RNG = np.random.default_rng(0)
A64 = RNG.normal(size=(64, 64)).astype(np.float32)
B64 = RNG.normal(size=(64, 64)).astype(np.float32)
TEN = np.linspace(0.9, 1.0, 10).astype(np.float32)
THOUSAND = np.linspace(-1.0, 1.0, 1000).astype(np.float32)
X_JAC = RNG.normal(size=(32, 64)).astype(np.float32)
W_JAC = (RNG.normal(size=(64, 64)) / 8).astype(np.float32)
BIAS = np.zeros(64, np.float32)
CHAIN = 500  # rounds of one multiplication and one addition: a chain of 1000 operations
IMAGES = RNG.normal(size=(32, 28, 28, 16)).astype(np.float32)
FILTERS = (RNG.normal(size=(3, 3, 16, 32)) / 12).astype(np.float32)
MAPS = RNG.normal(size=(32, 28, 28, 32)).astype(np.float32)  # the cotangent of their convolution
