"""Elements by a condition: how many there are is known only when the program runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes, spec
from engine.dispatch import NOT_DIFFERENTIABLE, apply, primitive
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, convert_together, is_symbolic, zeros
from engine.ops.elementwise import cast, equal
from engine.ops.indexing import _UPDATE, gather
from engine.ops.joining import concat, stack
from engine.ops.layout import expand_dims, reshape, sizes
from engine.ops.reduce import reduce_max
from engine.ops.slicing import _scalars, getitem
from engine.spec import TensorSpec, element_count, normalize_axis, show
from engine.tensor import Tensor

_WHERE_TRUE = primitive(
    "where_true",
    lambda xp, condition: xp.argwhere(condition).astype(np.int64),
    lambda condition: TensorSpec((None, condition.rank), dtypes.int64),
    vjp=NOT_DIFFERENTIABLE,
)


def where_true(condition: Any) -> Tensor:
    """The indices of all elements that are True, or not 0: one a row. Public as `tf.where(condition)`.

    >>> where_true([[True, False], [False, True]]).numpy().tolist()
    [[0, 0], [1, 1]]
    """
    return apply(_WHERE_TRUE, convert(condition))


def boolean_mask(tensor: Any, mask: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """The slices of `tensor` at which `mask` is True, along one new axis.

    The mask covers one axis or several; the first of them is `axis`, 0 by default.

    >>> boolean_mask([[1, 2], [3, 4], [5, 6]], [True, False, True]).numpy().tolist()
    [[1, 2], [5, 6]]
    """
    x, chosen = convert(tensor), convert(mask)
    if not chosen.dtype.is_bool or not chosen.ndim:
        raise InvalidArgumentError(
            f"boolean_mask: the mask is a bool tensor of rank 1 or more, but a {chosen.dtype.name} tensor "
            f"of shape {show(chosen._dims)} was given."
        )
    first = normalize_axis(axis or 0, x.ndim, "boolean_mask")
    last = first + chosen.ndim
    covered = x.shape.as_list()[first:last]
    if not spec.compatible(tuple(covered), chosen._dims):
        raise InvalidArgumentError(
            f"boolean_mask: a mask of shape {show(chosen._dims)} does not fit axes {first} to {last - 1} "
            f"of a tensor of shape {show(x._dims)}."
        )
    if chosen.ndim > 1:
        dims = sizes(x)
        total = 1
        for n in sizes(chosen):
            total = total * n
        x = reshape(x, [*dims[:first], total, *dims[last:]])
        chosen = reshape(chosen, [-1])
    return gather(x, getitem(where_true(chosen), (slice(None), 0)), axis=first)


def unravel_index(indices: Any, dims: Any, name: str | None = None) -> Tensor:
    """Positions in a flat tensor as indices into one of shape `dims`: a row an axis.

    >>> unravel_index([2, 5], [2, 3]).numpy().tolist()
    [[0, 1], [2, 2]]
    """
    rest = convert(indices)
    known = _scalars(dims, "dims")
    if not is_symbolic(rest) and rest.shape.num_elements() and not any(map(is_symbolic, known)):
        total = element_count(known)
        low, high = int(rest.numpy().min()), int(rest.numpy().max())
        if low < 0 or high >= total:
            raise InvalidArgumentError(
                f"unravel_index: a tensor of shape {show(tuple(known))} has places 0 to {total - 1}, but "
                f"{low if low < 0 else high} was given."
            )
    rows = []
    for size in reversed(known):
        rows.append(rest % size)
        rest = rest // size
    return stack(rows[::-1])


def dynamic_partition(
    data: Any, partitions: Any, num_partitions: int, name: str | None = None
) -> list[Tensor]:
    """The slices of `data` sorted into `num_partitions` tensors, by the number that each has.

    >>> [p.numpy().tolist() for p in dynamic_partition([10, 20, 30], [1, 0, 1], 2)]
    [[20], [10, 30]]
    """
    x, numbers = convert(data), convert(partitions)
    count = int(num_partitions)
    if not is_symbolic(numbers) and numbers.shape.num_elements():
        low, high = int(numbers.numpy().min()), int(numbers.numpy().max())
        if low < 0 or high >= count:
            raise InvalidArgumentError(
                f"dynamic_partition: partitions must be between 0 and {count - 1}, but one is "
                f"{low if low < 0 else high}."
            )
    return [boolean_mask(x, equal(numbers, i)) for i in range(count)]


def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Tensor:
    """One tensor from several: row `indices[m][i]` of it is `data[m][i]`; of several, the last.

    >>> dynamic_stitch([[0, 2], [1]], [[10, 30], [20]]).numpy().tolist()
    [10, 20, 30]
    """
    places, parts = [convert(i) for i in indices], convert_together(*data)
    if len(places) != len(parts) or not parts:
        raise ValueError(
            f"dynamic_stitch: {len(places)} lists of indices were given for {len(parts)} tensors."
        )
    flat = concat([reshape(cast(i, dtypes.int32), [-1]) for i in places], 0)
    rest = sizes(parts[0])[places[0].ndim :]
    rows = concat([reshape(x, [-1, *sizes(x)[i.ndim :]]) for i, x in zip(places, parts, strict=True)], 0)
    size = reduce_max(flat) + 1 if flat.shape[0] != 0 else 0
    if isinstance(size, Tensor) and not is_symbolic(size):
        size = size.item()
    blank = zeros([size, *rest], parts[0].dtype)
    return apply(_UPDATE, blank, expand_dims(flat, -1), rows)
