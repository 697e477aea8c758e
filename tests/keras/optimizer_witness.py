"""Optimizers of the engine and of Keras on the same two variables, with the same gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

import engine as tf
from tests.keras.witness import keras

STEPS = 20
RNG = np.random.default_rng(5)
STARTS = [RNG.normal(size=(3, 4)).astype("float32"), RNG.normal(size=5).astype("float32")]
GRADIENTS = [[RNG.normal(size=s.shape).astype("float32") for s in STARTS] for _ in range(STEPS)]
for pair in GRADIENTS:
    pair[0][1] = 0.0  # a row that never moves by its gradient
    pair[1][2] *= 30.0  # an element that clipping changes


def make_variables(make: Any) -> list[Any]:
    return [make(start, name=name) for start, name in zip(STARTS, ("kernel", "bias"), strict=True)]


def make_ours(cls: str, **options: Any) -> tuple[Any, list[tf.Variable]]:
    optimizer, variables = getattr(tf.keras.optimizers, cls)(**options), make_variables(tf.Variable)
    optimizer.build(variables)
    return optimizer, variables


def make_theirs(cls: str, **options: Any) -> tuple[Any, list[Any]]:
    optimizer, variables = getattr(keras.optimizers, cls)(**options), make_variables(keras.Variable)
    optimizer.build(variables)
    return optimizer, variables


def our_step(optimizer: Any, variables: list[Any], gradients: list[np.ndarray]) -> None:
    optimizer.apply([tf.constant(gradient) for gradient in gradients], variables)


def their_step(optimizer: Any, variables: list[Any], gradients: list[np.ndarray]) -> None:
    optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients], variables)


def state(optimizer: Any, variables: list[Any]) -> list[np.ndarray]:
    """What the variables and those of the optimizer hold."""
    both = [*variables, *optimizer.variables]
    arrays = [v.numpy() if isinstance(v, tf.Variable) else np.asarray(v.value) for v in both]
    return [array.astype("float64") for array in arrays]


def agree(ours: Any, theirs: Any) -> None:
    """Every array, up to a millionth of its largest element."""
    assert [a.shape for a in ours] == [b.shape for b in theirs]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6 * np.abs(b).max(), strict=True)
