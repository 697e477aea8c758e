"""What is known while layers call one another: training or not, and which losses were added on the way."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Call(threading.local):
    """depth: how many layers are inside one another. training: as the outer one was called.

    compute_dtype: in which weights are read, where it is not that in which they are kept.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.training: bool | None = None
        self.compute_dtype: Any = None


call = _Call()
with_losses: weakref.WeakSet[Any] = weakref.WeakSet()  # the layers that `add_loss` was called on


@contextmanager
def inside(training: Any, compute_dtype: Any) -> Iterator[None]:
    """The length of one layer's call."""
    before = call.training, call.compute_dtype
    call.depth += 1
    call.training, call.compute_dtype = training, compute_dtype
    try:
        yield
    finally:
        call.depth -= 1
        call.training, call.compute_dtype = before
