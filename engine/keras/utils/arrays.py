"""Arrays made ready for training: one-hot rows, vectors of length 1, sequences of one length, two parts."""

from __future__ import annotations

import random as python_random
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine.keras import config
from engine.ops.creation import convert
from engine.ops.elementwise import cast, maximum
from engine.ops.layout import squeeze
from engine.ops.norms import norm
from engine.ops.sequences import one_hot
from engine.tensor import Tensor
from engine.variable import Variable

__all__ = ["normalize", "pad_sequences", "split_dataset", "to_categorical"]


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Class numbers as one-hot rows: `(...)` or `(..., 1)` gives `(..., num_classes)`.

    A tensor gives a float32 tensor, anything else a float64 array.

    Raises:
      ValueError: for a class number that is negative, or `num_classes` or more.

    >>> to_categorical([0, 2]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    if isinstance(x, (Tensor, Variable)):
        tensor = convert(x)
        if tensor.ndim > 1 and tensor.shape[-1] == 1:
            tensor = squeeze(tensor, -1)
        count = num_classes or int(tensor.numpy().max()) + 1
        return one_hot(cast(tensor, dtypes.int64), count)
    classes = np.asarray(x).astype(np.int64)
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    count = num_classes or int(classes.max()) + 1
    if classes.size and not 0 <= classes.min() <= classes.max() < count:
        raise ValueError(
            f"to_categorical: classes are numbers from 0 to {count - 1}, but there are some from "
            f"{classes.min()} to {classes.max()}."
        )
    return np.eye(count)[classes]


def normalize(x: Any, axis: int = -1, order: float = 2) -> Any:
    """`x` divided by its norms along `axis`; vectors of zeros stay. A tensor gives a tensor.

    For arrays Keras divides along the last axis when `axis` is 0; here each column then gets norm 1.

    >>> normalize(np.array([[3.0, 4.0]])).tolist()
    [[0.6, 0.8]]
    """
    if isinstance(x, np.ndarray):
        norms = np.linalg.norm(x, order, axis, keepdims=True)
        return x / np.where(norms == 0, 1, norms)
    tensor = convert(x)
    if not tensor.dtype.is_floating:
        tensor = cast(tensor, dtypes.as_dtype(config.floatx()))
    return tensor / maximum(norm(tensor, order, axis, keepdims=True), config.epsilon())


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> Any:
    """Sequences of different lengths as one array `(sequences, maxlen, ...)`.

    Args:
      maxlen: the length of all; by default that of the longest.
      padding: where `value` fills up what is short, 'pre' or 'post'.
      truncating: where what is long is cut, 'pre' or 'post'.

    Raises:
      ValueError: for something that is no list of sequences, or elements of different shapes.

    >>> pad_sequences([[1], [2, 3, 4]], maxlen=2).tolist()
    [[0, 1], [3, 4]]
    """
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"pad_sequences takes a list of sequences, not {sequences!r}.")
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise ValueError(f"{name} is 'pre' or 'post', not {side!r}.")
    for sequence in sequences:
        if not hasattr(sequence, "__len__"):
            raise ValueError(f"pad_sequences takes a list of sequences; {sequence!r} is none.")
    text = np.issubdtype(dtype, np.str_) or np.issubdtype(dtype, np.bytes_)
    if isinstance(value, str) and dtype is not object and not text:
        raise ValueError(f"The value {value!r} needs dtype=object, not {dtype!r}.")
    parts = [np.asarray(s, dtype) if len(s) else None for s in sequences]
    inner = next((part.shape[1:] for part in parts if part is not None), ())
    longest = max((len(part) for part in parts if part is not None), default=0)
    length = longest if maxlen is None else int(maxlen)
    result = np.full((len(parts), length, *inner), value, dtype)
    for number, part in enumerate(parts):
        if part is None or not length:
            continue
        if part.shape[1:] != inner:
            raise ValueError(
                f"The elements of sequence {number} have shape {part.shape[1:]}, those before {inner}."
            )
        kept = part[-length:] if truncating == "pre" else part[:length]
        place = slice(length - len(kept), None) if padding == "pre" else slice(len(kept))
        result[number, place] = kept
    return result


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """Two Datasets, such as one for training and one for validation.

    Args:
      dataset: an array, a list or tuple of arrays of one length, or a `tf.data.Dataset`, whose elements
        are read whole into memory. (Of a batched one Keras splits the examples, this the batches.)
      left_size, right_size: an int for a number of examples, a float for a share of all; one of the two
        is enough. With both, what is between them is left out.
      shuffle: draw the order first, from `seed`.

    Raises:
      ValueError: for sizes that are missing, or more than there is.

    >>> left, right = split_dataset(np.arange(10), left_size=0.8)
    >>> len(left), [int(x) for x in right]
    (8, [8, 9])
    """
    from engine.data import AUTOTUNE, Dataset

    if isinstance(dataset, Dataset):
        examples = list(dataset)
        rows = [tuple(e) if isinstance(e, (list, tuple)) else e for e in examples]
    elif isinstance(dataset, (list, tuple)) and all(np.ndim(array) for array in dataset):
        arrays = [np.asarray(array) for array in dataset]
        if len({len(array) for array in arrays}) != 1:
            raise ValueError(
                f"split_dataset: the arrays have lengths {[len(a) for a in arrays]}; they must be equal."
            )
        rows = list(zip(*arrays, strict=True))
    else:
        rows = list(np.asarray(dataset))
    left, right = _counts(left_size, right_size, len(rows))
    if shuffle:
        python_random.Random(seed).shuffle(rows)
    parts = (rows[:left], rows[len(rows) - right :])
    first, second = (_stacked(part) for part in parts)
    return (
        Dataset.from_tensor_slices(first).prefetch(AUTOTUNE),
        Dataset.from_tensor_slices(second).prefetch(AUTOTUNE),
    )


def _stacked(rows: Sequence[Any]) -> Any:
    """Examples as arrays, ready to be sliced again."""
    if isinstance(rows[0], dict):
        return {key: _stacked([row[key] for row in rows]) for key in rows[0]}
    if isinstance(rows[0], tuple):
        return tuple(_stacked([row[i] for row in rows]) for i in range(len(rows[0])))
    return np.stack([row.numpy() if isinstance(row, Tensor) else row for row in rows])


def _counts(left: float | None, right: float | None, total: int) -> tuple[int, int]:
    """Both sizes as numbers of examples."""
    if left is None and right is None:
        raise ValueError("split_dataset: give left_size, right_size or both.")
    found: list[int | None] = []
    for name, size in (("left_size", left), ("right_size", right)):
        if size is None:
            found.append(None)
            continue
        if isinstance(size, bool) or not isinstance(size, (int, float)):
            raise TypeError(f"{name} is an int or a float, not {size!r}.")
        if not 0 < size < (1 if isinstance(size, float) else total):
            raise ValueError(
                f"{name} is a number of examples below {total} or a share between 0 and 1, not {size!r}."
            )
        found.append(round(size * total) if isinstance(size, float) else size)
    first = found[0] if found[0] is not None else total - (found[1] or 0)
    second = found[1] if found[1] is not None else total - first
    if first + second > total or not first or not second:
        raise ValueError(
            f"split_dataset: left_size={left} and right_size={right} of {total} examples would be "
            f"{first} and {second}; each part needs one at least, and there are no more than {total}."
        )
    return first, second
