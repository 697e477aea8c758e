"""Keras itself, on JAX, as the witness: the same configuration, the same weights, the same numbers.

Import `keras` from here, so that its backend is chosen before it loads.
"""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import keras
import numpy as np

import engine as tf

# Its programs run once: what compiling them costs matters more than what they cost.
jax.config.update("jax_disable_most_optimizations", True)

__all__ = ["as_json", "close", "jax", "keras", "numbers", "same_config"]


def numbers(structure: Any) -> list[np.ndarray]:
    """The leaves of a structure of tensors of either framework, as NumPy arrays."""
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in numbers(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in numbers(part)]
    return [np.asarray(structure.numpy() if isinstance(structure, tf.Tensor) else structure)]


def close(ours: Any, theirs: Any, tolerance: float = 1e-5) -> None:
    """The same leaves, up to rounding of float32 sums; a failure shows the worst element."""
    own, other = numbers(ours), numbers(theirs)
    assert len(own) == len(other), (len(own), len(other))
    for a, b in zip(own, other, strict=True):
        assert a.shape == b.shape, (a.shape, b.shape)
        np.testing.assert_allclose(
            a.astype("float64"), b.astype("float64"), rtol=tolerance, atol=tolerance
        )


def as_json(value: Any) -> Any:
    """A config as it comes back from a file: tuples as lists."""
    if isinstance(value, dict):
        return {key: as_json(part) for key, part in value.items()}
    return [as_json(part) for part in value] if isinstance(value, (list, tuple)) else value


def same_config(ours: Any, theirs: Any) -> None:
    """Two objects whose configs, written to a file, are equal."""
    from engine.keras.serialization import serialize_keras_object

    own = as_json(serialize_keras_object(ours))
    other = as_json(keras.saving.serialize_keras_object(theirs))
    assert own == other
