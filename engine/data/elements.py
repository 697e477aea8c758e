"""Elements of a dataset: structures of tensors, kept inside a pipeline as flat rows of NumPy arrays.

A row is a list with one array for each leaf of the structure, in the order of `nest.flatten`. A leaf may also
be a dataset, as in a window. Tensors are made of a row when it leaves the pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from engine import devices, dtypes, nest
from engine.data.stage import Row, Stage
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert
from engine.spec import Dims, TensorSpec, show
from engine.tensor import Tensor, describe
from engine.variable import Variable


class DatasetSpec:
    """What is known of a dataset that is itself part of an element: the spec of its own elements.

    TensorFlow's `dataset_shape`, for arrays of datasets, is not there: there are no such arrays.

    >>> from engine import data
    >>> data.Dataset.range(4).window(2).element_spec
    DatasetSpec(TensorSpec(shape=(), dtype=tf.int64, name=None))
    """

    __slots__ = ("element_spec",)

    def __init__(self, element_spec: Any):
        self.element_spec = element_spec

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DatasetSpec) and other.element_spec == self.element_spec

    def __hash__(self) -> int:
        return hash(tuple(nest.flatten(self.element_spec)))

    def __repr__(self) -> str:
        return f"DatasetSpec({self.element_spec!r})"


def is_stage(value: Any) -> bool:
    """Whether a leaf is a dataset: inside a pipeline, the last stage of one."""
    return isinstance(value, Stage)


def as_dataset(stage: Stage) -> Any:
    """The dataset that a user sees of a stage. (Found by name: `dataset` is built on this module.)"""
    from engine.data.dataset import Dataset

    return Dataset(stage)


def tensors_of(value: Any) -> Any:
    """What a user gave, with tensors as leaves: tuples and dicts are structure, lists become tensors."""
    if isinstance(value, Stage):
        return value
    if isinstance(getattr(value, "_stage", None), Stage):
        return value._stage
    if isinstance(value, Mapping):
        return nest.pack_sequence_as(
            dict.fromkeys(value), [tensors_of(value[key]) for key in sorted(value)]
        )
    if isinstance(value, tuple):
        parts = [tensors_of(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, np.memmap):  # a file, however large: rows are read when they are asked for
        return Tensor(value)
    if isinstance(value, Variable):
        return value.value()
    return convert(value)


def spec_of(structure: Any) -> Any:
    """The element_spec of a structure of tensors and datasets."""

    def one(leaf: Any) -> Any:
        if is_stage(leaf):
            return DatasetSpec(leaf.element_spec)
        return TensorSpec(leaf.spec.dims, leaf.dtype)

    return nest.map_structure(one, structure)


def element_spec_of(signature: Any) -> Any:
    """A signature a user wrote, checked: TensorSpecs, in tuples and dicts.

    Raises:
      TypeError: when something else is in it.
    """
    for leaf in nest.flatten(signature):
        if not isinstance(leaf, (TensorSpec, DatasetSpec)):
            raise TypeError(
                f"output_signature is a TensorSpec or a tuple or dict of them, but {leaf!r} is in it. Write "
                "for example tf.TensorSpec(shape=(None,), dtype=tf.float32)."
            )
    return signature


def host_array(tensor: Any) -> Any:
    """The values of a tensor as a NumPy array: pipelines run on the CPU."""
    return devices.to_host(tensor._array)


def finisher(spec: Any) -> Callable[[Row], Any]:
    """The function that makes an element of a row: tensors, placed as those of `tf.constant`."""
    place = devices.place

    def tensor(value: Any) -> Any:
        return as_dataset(value) if is_stage(value) else Tensor(place(value))

    if not nest.is_nested(spec):
        return lambda row: tensor(row[0])
    if all(isinstance(leaf, TensorSpec) for leaf in nest.flatten(spec)):
        if type(spec) is tuple and not any(map(nest.is_nested, spec)):
            return lambda row: tuple([Tensor(place(value)) for value in row])
        return lambda row: nest.pack_sequence_as(spec, [Tensor(place(value)) for value in row])
    return lambda row: nest.pack_sequence_as(spec, list(map(tensor, row)))


def stacked(values: list[Any], number: int = 0) -> Any:
    """Arrays of one shape as one array with a new first axis.

    Raises:
      InvalidArgumentError: when their shapes differ.
    """
    if is_stage(values[0]):
        raise TypeError(
            "batch: the elements hold datasets, which cannot be stacked. Make tensors of them first, for "
            "example with flat_map(lambda window: window.batch(size))."
        )
    first = values[0]
    shape = first.shape
    for place, value in enumerate(values):
        if value.shape != shape:
            raise InvalidArgumentError(
                f"batch: all elements of a batch have one shape, but in component {number} element 0 has "
                f"shape {shape} and element {place} has {value.shape}. Use padded_batch, or bring them "
                "to one shape with map."
            )
    made = np.empty((len(values), *shape), first.dtype)
    for place, value in enumerate(values):
        made[place] = value
    return made


def looser(one: Any, other: Any) -> Any:
    """The spec that holds for the elements of both: None for sizes that differ.

    Raises:
      TypeError: when dtypes or kinds differ.
    """
    if isinstance(one, DatasetSpec) or isinstance(other, DatasetSpec):
        if one != other:
            raise TypeError(f"{one!r} and {other!r} are different kinds of elements.")
        return one
    if one.dtype is not other.dtype:
        raise TypeError(f"{one.dtype.name} and {other.dtype.name} differ; cast one with tf.cast.")
    return TensorSpec(one.shape.most_specific_compatible_shape(other.shape), one.dtype)


def common_spec(what: str, first: Any, other: Any) -> Any:
    """The element_spec that two datasets share.

    Raises:
      TypeError: when their elements are nested in another way or have other dtypes.
    """
    try:
        nest.assert_same_structure(first, other)
        return nest.map_structure(looser, first, other)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{what}: the datasets must have elements of one kind, but one has\n  {first}\nand another\n  "
            f"{other}\n{error} Bring them to one kind with map."
        ) from None


def batched_spec(spec: Any, size: int | None) -> Any:
    """The spec of a batch of so many elements; None for a number that varies."""

    def one(leaf: Any) -> Any:
        if isinstance(leaf, DatasetSpec):
            raise TypeError(
                "batch: the elements hold datasets, which cannot be stacked. Use flat_map first."
            )
        return TensorSpec(None if leaf.dims is None else (size, *leaf.dims), leaf.dtype)

    return nest.map_structure(one, spec)


class Checker:
    """Turns what a generator yields into rows, and says what is wrong with what does not fit."""

    def __init__(self, what: str, spec: Any):
        self.what, self.spec = what, spec
        self.leaves = nest.flatten(spec)
        self.single = not nest.is_nested(spec)
        self.dtypes = [leaf.dtype.as_numpy_dtype for leaf in self.leaves]
        self.dims: list[Dims | None] = [leaf.dims for leaf in self.leaves]
        self.fixed = [dims if dims is not None and None not in dims else None for dims in self.dims]

    def row(self, value: Any) -> Row:
        """The value as a row.

        Raises:
          InvalidArgumentError: naming what was expected, what came, and the fix.
        """
        if self.single:
            parts = [value]
        else:
            try:
                parts = nest.flatten_up_to(self.spec, value)
            except (TypeError, ValueError):
                raise InvalidArgumentError(
                    f"{self.what}: yielded {describe(value)}, but its output_signature is nested as "
                    f"{self.spec}. Yield a tuple or dict that is nested in the same way."
                ) from None
        return [self._leaf(i, part) for i, part in enumerate(parts)]

    def _leaf(self, i: int, value: Any) -> Any:
        dtype, name = self.dtypes[i], self.leaves[i].dtype.name
        if isinstance(value, (Tensor, Variable)):
            value = host_array(convert(value))
        if dtype.kind != "O" and getattr(value, "dtype", None) == dtype:
            made = np.array(value)  # a copy: generators like to fill one array again and again
        else:
            try:
                made = self._converted(value, i)
            except (TypeError, ValueError, OverflowError):
                raise InvalidArgumentError(
                    f"{self.what}: yielded {describe(value)}, which cannot be converted to {name} as its "
                    "output_signature says. Convert it before the yield, or change the signature."
                ) from None
        if made.shape != self.fixed[i]:
            self._check_shape(i, made.shape)
        return made

    def _converted(self, value: Any, i: int) -> Any:
        """The value in the dtype of a leaf; TypeError where that would change it by more than rounding."""
        dtype, kind = self.dtypes[i], type(value)
        if (kind is int and dtype.kind in "iuf") or (kind is float and dtype.kind == "f"):
            return dtype.type(value)  # the frequent case
        if dtype.kind == "O":
            made = host_array(convert(value))
            if made.dtype.kind != "O":
                raise TypeError
            return made
        given = np.asarray(value)
        if given.size and given.dtype.kind not in "biufcV":  # V: of ml_dtypes
            raise TypeError
        if given.dtype.kind == "c" and dtype.kind != "c":
            raise TypeError
        made = given.astype(dtype)
        if dtype.kind in "biu" and not (made == given).all():
            raise TypeError
        return made

    def _check_shape(self, i: int, shape: tuple[int, ...]) -> None:
        dims = self.dims[i]
        fits = dims is None or (
            len(dims) == len(shape)
            and all(want in (None, have) for want, have in zip(dims, shape, strict=True))
        )
        if not fits:
            raise InvalidArgumentError(
                f"{self.what}: yielded an element of shape {shape} where its output_signature says "
                f"{show(dims)}. Use None in the signature for a size that varies."
            )


def as_spec(dtype: Any, shape: Any = None) -> TensorSpec:
    """A TensorSpec of a dtype and a shape that may be unknown."""
    return TensorSpec(shape, dtypes.as_dtype(dtype))
