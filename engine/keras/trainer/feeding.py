"""Data in, batches out: what fit, evaluate and predict feed on.

A feed gives, for each epoch, an iterator of batches `x`, `(x, y)` or `(x, y, sample_weight)`, whose leaves
are tensors. `feed_of` finds the right one for arrays, Datasets, PyDatasets, generators and other iterables.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from engine import devices, nest
from engine.keras import config
from engine.keras.trainer.py_dataset import PyDataset, ahead
from engine.ops import random
from engine.ops.creation import convert
from engine.tensor import Tensor
from engine.variable import Variable


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """`x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)` as three, with None for what is missing.

    Raises:
      ValueError: for a tuple of another length.

    >>> unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            f"A batch is x, (x,), (x, y) or (x, y, sample_weight), not a tuple of {len(data)}. Several "
            "inputs go into one of these places, as a list or dict."
        )
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """The inverse: what `train_step` gets for these.

    >>> pack_x_y_sample_weight(1), pack_x_y_sample_weight([1, 2]), pack_x_y_sample_weight(1, 2)
    (1, ([1, 2],), (1, 2))
    """
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, (list, tuple)) else x


# --- arrays -------------------------------------------------------------------------------------------


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, Tensor, Variable)) or (
        hasattr(value, "__array__") and not isinstance(value, np.generic)
    )


def is_structure_of_arrays(data: Any) -> bool:
    """Whether a list, tuple or dict holds several arrays, and is not one array written as a list."""
    if isinstance(data, Mapping):
        return True
    return isinstance(data, (list, tuple)) and any(
        _is_array(part) or is_structure_of_arrays(part) for part in data
    )


def as_arrays(data: Any, what: str) -> Any:
    """A list, array, tensor or structure of them as NumPy arrays; floats in `floatx`. None stays None.

    Raises:
      ValueError: for a ragged list, or something without a batch axis.
    """
    if data is None:
        return None
    if isinstance(data, Mapping):
        return {key: as_arrays(part, f"{what}[{key!r}]") for key, part in data.items()}
    if is_structure_of_arrays(data):
        return [as_arrays(part, f"{what}[{i}]") for i, part in enumerate(data)]
    if isinstance(data, (Tensor, Variable)):
        array = np.asarray(data.numpy())
    else:
        array = np.asarray(data) if _is_array(data) else np.asarray(convert(data).numpy())
    if array.ndim == 0:
        raise ValueError(
            f"{what} must have a batch axis, but the single number {array} was given. "
            f"Write [{array}] for a batch of one."
        )
    return array.astype(config.floatx()) if array.dtype == np.float64 else array


def _as_tensor(leaf: Any) -> Any:
    """A leaf of a batch as a tensor; NumPy's float64, which is nobody's choice, as `floatx`."""
    if leaf is None or isinstance(leaf, Tensor):
        return leaf
    if isinstance(leaf, (np.ndarray, np.generic)) and leaf.dtype == np.float64:
        leaf = leaf.astype(config.floatx())
    elif not isinstance(leaf, (np.ndarray, Variable)) and hasattr(leaf, "__array__"):
        return _as_tensor(np.asarray(leaf))
    return convert(leaf)


def as_tensors(data: Any) -> Any:
    """A batch, from whatever a generator gave, with tensors as leaves."""
    if isinstance(data, (list, tuple)) and data and not is_structure_of_arrays(data):
        return convert(data)
    if isinstance(data, Mapping):
        return {key: as_tensors(part) for key, part in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)(as_tensors(part) for part in data) if type(data) in (list, tuple) else (
            nest.map_structure(_as_tensor, data)
        )  # fmt: skip
    return _as_tensor(data)


def weights_of_classes(y: Any, class_weight: Mapping[int, float]) -> Any:
    """The weight of each example's class: 1 for a class that is not in the dict.

    y: class numbers of shape `(n,)` or `(n, 1)`, or one-hot rows.
    """
    labels = np.asarray(y)
    if labels.ndim > 1:
        labels = labels.argmax(-1) if labels.shape[-1] != 1 else labels[..., 0]
    numbers, places = np.unique(np.round(labels).astype("int64"), return_inverse=True)
    weights = np.array([class_weight.get(int(n), 1.0) for n in numbers], config.floatx())
    return weights[places].reshape(labels.shape)


def _class_weights(y: Any, sample_weight: Any, class_weight: Any) -> Any:
    if class_weight is None:
        return sample_weight
    if sample_weight is not None:
        raise ValueError(
            "class_weight and sample_weight cannot both be given: multiply the weight of each example by "
            "that of its class, and pass the product as sample_weight."
        )
    if y is None or nest.is_nested(y):
        raise ValueError(
            "class_weight is for models with a single output. For several, pass sample_weight as a list or "
            "dict with an array for each."
        )
    return weights_of_classes(y, class_weight)


def check_lengths(x: Any, y: Any = None, sample_weight: Any = None) -> int:
    """The number of examples.

    Raises:
      ValueError: when the arrays differ in it, or there is none.
    """
    parts = {"x": x, "y": y, "sample_weight": sample_weight}
    counts = {
        what: [len(leaf) for leaf in nest.flatten(part) if leaf is not None]
        for what, part in parts.items()
        if part is not None
    }
    different = list(dict.fromkeys(n for found in counts.values() for n in found))
    if len(different) > 1:
        each = "; ".join(f"{what}: {', '.join(map(str, found))}" for what, found in counts.items())
        raise ValueError(
            f"x and y must have the same number of examples, but have {' and '.join(map(str, different))} "
            f"({each}). Check how they were loaded or split."
        )
    if different == [0] or not different:
        raise ValueError("There are no examples: the first axis has size 0.")
    return different[0]


def split(data: tuple[Any, Any, Any], fraction: float) -> tuple[Any, Any]:
    """The first part for training and the last `fraction` for validation, unshuffled."""
    if not 0 < fraction < 1:
        raise ValueError(f"validation_split must be between 0 and 1, not {fraction}.")
    if not is_data(data[0]):
        raise ValueError(
            f"validation_split needs arrays, which can be cut in two, but x is a {type(data[0]).__name__}. "
            "Pass validation_data instead, for example a part of it by take and skip."
        )
    arrays = tuple(
        as_arrays(part, what) for part, what in zip(data, ("x", "y", "sample_weight"), strict=True)
    )
    count = check_lengths(*arrays)
    cut = int(count * (1 - fraction))
    if cut in (0, count):
        raise ValueError(f"validation_split={fraction} of {count} examples leaves one part empty.")

    def part(rows: slice) -> Any:
        return nest.map_structure(lambda array: None if array is None else array[rows], arrays)

    return part(slice(cut)), part(slice(cut, None))


def is_data(x: Any) -> bool:
    """Whether these are arrays, and not something that gives batches."""
    return isinstance(x, (list, tuple, Mapping, int, float)) or _is_array(x) or np.isscalar(x)


class ArrayFeed:
    """Arrays of one length, cut into batches, in a new order each epoch if wanted.

    num_batches: in an epoch.
    """

    endless = False

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        steps: int | None = None,
        shuffle: Any = False,
        class_weight: Any = None,
    ):
        if sample_weight is not None and nest.is_nested(y) and not nest.is_nested(sample_weight):
            sample_weight = nest.map_structure(lambda _: sample_weight, y)
        self.count = check_lengths(x, y, sample_weight)
        sample_weight = _class_weights(y, sample_weight, class_weight)
        self._data = pack_x_y_sample_weight(x, y, sample_weight)
        size = -(-self.count // steps) if steps else 32
        if batch_size is not None:
            size = int(batch_size)
        if size <= 0:
            raise ValueError(f"batch_size must be positive, not {batch_size}.")
        self.size = min(size, self.count)
        self.num_batches: int | None = -(-self.count // self.size)
        # One batch holds everything: its order changes nothing but rounding.
        self._shuffle = shuffle if self.size < self.count or shuffle == "batch" else False
        self._seed = _drawn_seed() if self._shuffle else 0
        self._whole: Any = None

    def epoch(self, number: int) -> Iterator[Any]:
        """The batches of one epoch. Their order follows from the seed and the number of the epoch alone."""
        if self.size == self.count and not self._shuffle:
            if self._whole is None:
                self._whole = self._taken(lambda array: array)
            return iter((self._whole,))
        return self._batches(number)

    def first(self) -> Any:
        """The first batch, as far as its shapes go."""
        return self._taken(lambda array: array[: self.size])

    def _batches(self, number: int) -> Iterator[Any]:
        order = None
        drawn = np.random.default_rng((self._seed, number))
        if self._shuffle and self._shuffle != "batch":
            order = drawn.permutation(self.count)
        take = self._taker()
        for start in range(0, self.count, self.size):
            rows: Any = slice(start, start + self.size)
            if order is not None:
                rows = order[rows]
            elif self._shuffle:
                rows = start + drawn.permutation(min(self.size, self.count - start))
            yield take(rows)

    def _taker(self) -> Callable[[Any], Any]:
        """A function from rows to a batch, written out for the usual pair of arrays."""
        data = self._data
        plain = type(data) is tuple and all(
            isinstance(array, np.ndarray) and array.dtype != object for array in data
        )
        if not plain or devices.scope_namespace() is not np:
            return lambda rows: self._taken(lambda array: array[rows])

        def take(rows: Any) -> Any:
            if type(rows) is slice:
                return tuple([Tensor(array[rows]) for array in data])
            return tuple([Tensor(array.take(rows, 0)) for array in data])

        return take

    def _taken(self, rows: Callable[[Any], Any]) -> Any:
        return nest.map_structure(
            lambda array: None if array is None else convert(rows(array)), self._data
        )

    def end(self) -> None:
        """Nothing to put away."""

    def why_nan(self) -> str:
        """Which of the arrays holds NaN or infinity; empty when none does."""
        names = ("x", "y", "sample_weight")
        parts = self._data if type(self._data) is tuple else (self._data,)
        bad = []
        for name, part in zip(names, parts, strict=False):
            for leaf in nest.flatten(part):
                if leaf is not None and leaf.dtype.kind == "f" and not np.isfinite(leaf).all():
                    rows = np.flatnonzero(~np.isfinite(leaf.reshape(len(leaf), -1)).all(1))
                    bad.append(f"{name} (first in row {rows[0]})")
        return " and ".join(bad)


def _drawn_seed() -> int:
    """From the engine's random numbers, so that `set_random_seed` decides the order of examples too."""
    return int(random.uniform([], maxval=2**31 - 1, dtype="int32"))


# --- what gives batches -------------------------------------------------------------------------------


ENDLESS = -1  # the cardinality of a Dataset that repeats for ever


class IterableFeed:
    """Batches of an iterable: a Dataset or DataLoader begins anew each epoch, a generator goes on."""

    def __init__(self, iterable: Any, class_weight: Any = None):
        self._source = iterable
        self._class_weight = class_weight
        self._once = iterable if hasattr(iterable, "__next__") else None
        self._begun: Iterator[Any] | None = None
        self.num_batches = _length(iterable)
        cardinality = getattr(iterable, "cardinality", None)
        self.endless = cardinality is not None and int(cardinality()) == ENDLESS
        if self._once is not None:
            first = next(self._once, None)
            if first is None:
                raise ValueError("The generator gave no batch: it has to yield one at least.")
            self._once = itertools.chain([first], self._once)

    def first(self) -> Any:
        """The first batch, which the next epoch will give again."""
        batches = self.epoch(0)
        first = next(batches, None)
        if first is None:
            raise ValueError("The data gave no batch: they are empty.")
        self._begun = itertools.chain([first], batches)
        return first

    def epoch(self, number: int) -> Iterator[Any]:
        """The batches of one epoch; of a generator, those that are left."""
        begun, self._begun = self._begun, None
        if begun is not None:
            return begun
        return map(self._prepared, iter(self._source) if self._once is None else self._once)

    def _prepared(self, element: Any) -> Any:
        usual = type(element) is tuple and len(element) == 2 and self._class_weight is None
        if usual and type(element[0]) is type(element[1]) is Tensor:  # what a Dataset gives
            return element
        x, y, sample_weight = unpack_x_y_sample_weight(element)
        sample_weight = _class_weights(y, sample_weight, self._class_weight)
        parts = (None if part is None else as_tensors(part) for part in (x, y, sample_weight))
        return pack_x_y_sample_weight(*parts)

    def end(self) -> None:
        """Nothing to put away."""

    def why_nan(self) -> str:
        """Unknown: the batches are gone."""
        return ""


def _length(iterable: Any) -> int | None:
    """The number of batches; None when it is not known before the end."""
    cardinality = getattr(iterable, "cardinality", None)
    if cardinality is not None:
        count = int(cardinality())
        return None if count < 0 else count
    try:
        return len(iterable)
    except TypeError:
        return None


class PyDatasetFeed(IterableFeed):
    """Batches of a PyDataset, which has them by number: shuffled, and made ahead by its workers."""

    def __init__(self, dataset: PyDataset, shuffle: Any = False, class_weight: Any = None):
        self._dataset, self._class_weight = dataset, class_weight
        self.num_batches = dataset.num_batches
        self.endless = self.num_batches is None
        self._shuffle = bool(shuffle) and self.num_batches is not None
        self._seed = _drawn_seed() if self._shuffle else 0

    def first(self) -> Any:
        """The first batch, in the order of the dataset."""
        return self._prepared(self._dataset[0])

    def epoch(self, number: int) -> Iterator[Any]:
        """The batches of one epoch."""
        self._dataset.on_epoch_begin()
        if self.num_batches is None:
            order: Any = itertools.count()
        else:
            order = range(self.num_batches)
            if self._shuffle:
                drawn = np.random.default_rng((self._seed, number))
                order = drawn.permutation(self.num_batches).tolist()
        return map(self._prepared, ahead(self._dataset, order))

    def end(self) -> None:
        """Tells the dataset that the epoch is over."""
        self._dataset.on_epoch_end()


def feed_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    steps: int | None = None,
    shuffle: Any = False,
    class_weight: Any = None,
    adjust: Callable[[Any], Any] | None = None,
    what: str = "fit",
) -> Any:
    """The feed for what a user passed.

    Args:
      adjust: brings the arrays of x into the shape the model declares.
      what: the method that was called, for messages.

    Raises:
      ValueError: for y or sample_weight beside something that gives batches, and for bad arrays.
      TypeError: for what is no data.
    """
    if x is None:
        raise ValueError(f"{what}: x is missing.")
    if is_data(x):
        x = as_arrays(x, f"{what}: x")
        y, sample_weight = (
            as_arrays(y, f"{what}: y"),
            as_arrays(sample_weight, f"{what}: sample_weight"),
        )
        x = x if adjust is None else adjust(x)
        return ArrayFeed(x, y, sample_weight, batch_size, steps, shuffle, class_weight)
    kind = type(x).__name__
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(
                f"{what}: {name} cannot be passed beside a {kind}, which gives batches (x, y) or (x, y, "
                "sample_weight) by itself."
            )
    if isinstance(x, PyDataset):
        return PyDatasetFeed(x, shuffle, class_weight)
    if not hasattr(x, "__iter__"):
        raise TypeError(
            f"{what}: x is a {kind}. Data are arrays, lists, tensors, dicts of them, a Dataset, a PyDataset, "
            "or anything that can be iterated and gives batches."
        )
    return IterableFeed(x, class_weight)
