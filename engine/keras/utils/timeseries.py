"""A series of measurements as windows to learn from."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.ops.creation import convert
from engine.ops.indexing import gather
from engine.ops.layout import expand_dims
from engine.tensor import Tensor

__all__ = ["timeseries_dataset_from_array"]


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> Any:
    """A Dataset of the windows of a series, `(batch, sequence_length, ...)`, cut out when they are read.

    Args:
      data: the series, `(steps, ...)`.
      targets: `targets[i]` goes with the window that begins at step i; None for windows alone.
      sequence_length: steps in a window.
      sequence_stride: steps from the beginning of a window to that of the next.
      sampling_rate: steps from one step of a window to its next.
      batch_size: windows in a batch; None for single windows.
      shuffle: read the windows in another order in each epoch, drawn from `seed`.
      start_index, end_index: use the steps from one to before the other alone.

    Raises:
      ValueError: for a length, stride, rate or range that does not fit the series.

    >>> ds = timeseries_dataset_from_array(np.arange(6), np.arange(6) * 10, 3, sequence_stride=2)
    >>> [(x.numpy().tolist(), y.numpy().tolist()) for x, y in ds]
    [([[0, 1, 2], [2, 3, 4]], [0, 20])]
    """
    from engine.data import AUTOTUNE, Dataset

    steps = len(data)
    first, end = start_index or 0, steps if end_index is None else end_index
    if not 0 <= first < end <= steps:
        raise ValueError(
            f"Of a series of {steps} steps, those from {first} to before {end} cannot be taken."
        )
    for name, value in (
        ("sequence_length", sequence_length),
        ("sequence_stride", sequence_stride),
        ("sampling_rate", sampling_rate),
    ):
        if not 0 < value <= steps:
            raise ValueError(
                f"{name} is between 1 and the {steps} steps of the series, not {value}."
            )
    count = end - first - (sequence_length - 1) * sampling_rate
    if targets is not None:
        count = min(count, len(targets) - first)
    if count <= 0:
        raise ValueError(
            f"No window fits: {sequence_length} steps at a rate of {sampling_rate} reach over more than "
            f"the {end - first} steps there are, or there are no targets."
        )
    starts = Dataset.from_tensor_slices(np.arange(first, first + count, sequence_stride))
    if shuffle:
        starts = starts.shuffle(len(starts), seed=seed)
    if batch_size is not None:
        starts = starts.batch(batch_size)
    series = convert(np.asarray(data))
    marks = None if targets is None else convert(np.asarray(targets))
    offsets = convert(np.arange(0, sequence_length * sampling_rate, sampling_rate), dtypes.int64)

    def cut(start: Tensor) -> Any:
        window = gather(series, expand_dims(start, -1) + offsets)
        return window if marks is None else (window, gather(marks, start))

    return starts.map(cut).prefetch(AUTOTUNE)
