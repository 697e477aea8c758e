"""Keras on JAX."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"

import keras
from peers.fit import workloads

WORKLOADS = workloads(keras)


def versions() -> dict[str, str]:
    """What is measured."""
    import jax

    return {"keras": keras.__version__, "jax": jax.__version__}
