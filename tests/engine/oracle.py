"""Independent oracles for the engine's tests: NumPy comparison and finite differences in float64.

Not a test file. Nothing here uses the engine's own derivatives to judge the engine's derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import engine as tf


def array_of(value: Any) -> np.ndarray:
    """The values of a tensor or anything else as a NumPy array."""
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)


def assert_close(
    actual: Any, expected: Any, rtol: float = 1e-6, atol: float = 0.0, what: str = ""
) -> None:
    """Shapes equal and every element within `atol + rtol * |expected|`; else names the worst one."""
    got, want = array_of(actual), array_of(expected)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    if got.dtype.kind not in "fcV" and want.dtype.kind not in "fcV":
        wrong = np.flatnonzero(got.reshape(-1) != want.reshape(-1))
        assert not len(wrong), (
            f"{what}: {len(wrong)} of {got.size} elements differ; first at {wrong[0]}: "
            f"{got.reshape(-1)[wrong[0]]!r}, expected {want.reshape(-1)[wrong[0]]!r}"
        )
        return
    kind = np.complex128 if "c" in (got.dtype.kind, want.dtype.kind) else np.float64
    got, want = got.astype(kind).reshape(-1), want.astype(kind).reshape(-1)
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    with np.errstate(all="ignore"):
        excess = np.where(same, 0.0, np.abs(got - want) - (atol + rtol * np.abs(want)))
    bad = ~same & ~(excess <= 0)  # NaN against a number is bad too
    if bad.any():
        worst = int(np.argmax(np.where(bad, np.nan_to_num(excess, nan=np.inf, posinf=np.inf), -1)))
        raise AssertionError(
            f"{what}: {int(bad.sum())} of {got.size} elements differ; worst at flat index {worst}: "
            f"{got[worst]!r}, expected {want[worst]!r} (rtol {rtol}, atol {atol})"
        )


def numeric_gradient(
    function: Callable[..., float], inputs: Sequence[np.ndarray], which: int, step: float = 1e-6
) -> np.ndarray:
    """The gradient of a scalar function at float64 arrays, by central differences."""
    point = [np.array(array) for array in inputs]
    gradient = np.zeros(point[which].shape)
    for index in np.ndindex(point[which].shape):
        middle = point[which][index]
        h = step * max(1.0, abs(middle))
        point[which][index] = middle + h
        above = function(*point)
        point[which][index] = middle - h
        below = function(*point)
        point[which][index] = middle
        gradient[index] = (above - below) / (2 * h)
    return gradient


def gradients(function: Callable[..., Any], *inputs: Any) -> tuple[Any, list[Any]]:
    """A function's value at constant tensors, and the tape's gradients with respect to them."""
    tensors = [tf.convert_to_tensor(value) for value in inputs]
    with tf.GradientTape() as tape:
        tape.watch([t for t in tensors if t.dtype.is_differentiable])
        value = function(*tensors)
    return value, tape.gradient(value, tensors)


def traced(function: Any, **options: Any) -> tuple[Any, list[Any]]:
    """The function as a tf.function, and the list of arguments it was traced with."""
    seen: list[Any] = []

    def body(*args: Any, **kwargs: Any) -> Any:
        seen.append((args, kwargs))
        return function(*args, **kwargs)

    return tf.function(body, **options), seen


def numbers(gradients: Any) -> Any:
    """Gradients as nested lists of Python numbers, None where there is none."""
    return tf.nest.map_structure(lambda g: None if g is None else g.numpy().tolist(), gradients)
