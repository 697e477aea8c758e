"""Arrays in, batches out: what fit, evaluate and predict feed on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from engine.ops import random
from engine.ops.creation import convert
from engine.tensor import Tensor
from engine.variable import Variable


def as_array(data: Any, what: str) -> Any:
    """A list, NumPy array or tensor as a NumPy array; floats as float32.

    Raises:
      ValueError: for None, a ragged list, or something without a batch axis.
    """
    if data is None:
        raise ValueError(f"{what} is missing.")
    if isinstance(data, (list, tuple)) and len(data) == 1 and isinstance(data[0], np.ndarray):
        data = data[0]  # a list of inputs, of which there is one
    array = data.numpy() if isinstance(data, (Tensor, Variable)) else convert(data).numpy()
    array = np.asarray(array)
    if array.ndim == 0:
        raise ValueError(
            f"{what} must have a batch axis, but the single number {array} was given. "
            f"Write [{array}] for a batch of one."
        )
    return array.astype(np.float32) if array.dtype == np.float64 else array


class Batches:
    """Arrays of one length, cut into batches of `batch_size`, in a new order each epoch if wanted."""

    def __init__(self, arrays: list[Any], batch_size: int | None, shuffle: bool = False):
        lengths = [len(array) for array in arrays]
        if len(set(lengths)) > 1:
            raise ValueError(
                f"x and y must have the same number of examples, but have {lengths[0]} and "
                f"{lengths[1]}. Check how they were loaded or split."
            )
        if lengths[0] == 0:
            raise ValueError("There are no examples: the first axis has size 0.")
        size = 32 if batch_size is None else int(batch_size)
        if size <= 0:
            raise ValueError(f"batch_size must be positive, not {batch_size}.")
        self.arrays, self.count = arrays, lengths[0]
        self.size = min(size, self.count)
        # One batch holds everything: its order changes nothing but rounding.
        self.shuffle = shuffle and self.size < self.count
        self._whole: tuple[Tensor, ...] | None = None

    def __len__(self) -> int:
        return -(-self.count // self.size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        if self.size == self.count:
            if self._whole is None:
                self._whole = tuple(convert(array) for array in self.arrays)
            yield self._whole
            return
        order = self._order()
        for start in range(0, self.count, self.size):
            stop = start + self.size
            if order is None:
                yield tuple(Tensor(array[start:stop]) for array in self.arrays)
            else:
                yield tuple(Tensor(array.take(order[start:stop], 0)) for array in self.arrays)

    def _order(self) -> Any:
        if not self.shuffle:
            return None
        seed = random.uniform([], maxval=2**31 - 1, dtype="int32")
        return np.random.default_rng(int(seed)).permutation(self.count)


def split(arrays: list[Any], fraction: float) -> tuple[list[Any], list[Any]]:
    """The first part for training and the last `fraction` for validation, unshuffled."""
    if not 0 < fraction < 1:
        raise ValueError(f"validation_split must be between 0 and 1, not {fraction}.")
    cut = int(len(arrays[0]) * (1 - fraction))
    if cut == 0 or cut == len(arrays[0]):
        raise ValueError(
            f"validation_split={fraction} of {len(arrays[0])} examples leaves one part empty."
        )
    return [array[:cut] for array in arrays], [array[cut:] for array in arrays]
