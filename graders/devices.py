"""Arrays as the engine's tensors, on the device that a check is about."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np


def gpu() -> str:
    """The name of the first GPU the engine can use, or "" when there is none."""
    import engine as tf

    return "GPU:0" if tf.config.list_physical_devices("GPU") else ""


@contextlib.contextmanager
def placed(args: tuple[Any, ...], device: str, tensors: bool) -> Iterator[tuple[Any, ...]]:
    """The arguments of a task, with its arrays as tensors where it takes tensors."""
    if not tensors:
        yield args
        return
    import engine as tf

    with tf.device(device) if device else contextlib.nullcontext():
        yield tuple(_as_tensors(arg, tf) for arg in args)


def _as_tensors(value: Any, tf: Any) -> Any:
    if isinstance(value, np.ndarray):
        return tf.constant(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_as_tensors(item, tf) for item in value)
    return value
