"""Numbers in a row, and what is made by comparing with them: range, linspace, eye, masks, one_hot.

With sizes that are known only when a graph runs, the row is made when it runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import devices, dtypes
from engine.dispatch import NOT_DIFFERENTIABLE, apply, primitive
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, is_symbolic
from engine.ops.elementwise import REAL, _check_kind, cast, equal, less, where, with_fractions
from engine.ops.layout import broadcast_to, expand_dims, reshape, shape, sizes
from engine.spec import TensorSpec, normalize_axis
from engine.tensor import Tensor
from engine.variable import Variable


def _range_kernel(xp: Any, start: Any, limit: Any, delta: Any) -> Any:
    if delta == 0:
        raise InvalidArgumentError("range: delta is 0, so the limit is never reached.")
    return xp.arange(start.item(), limit.item(), delta.item()).astype(start.dtype)


def _range_spec(start: TensorSpec, limit: TensorSpec, delta: TensorSpec) -> TensorSpec:
    _check_kind("range", start, REAL)
    return TensorSpec((None,), start.dtype)


_RANGE = primitive("range", _range_kernel, _range_spec, vjp=NOT_DIFFERENTIABLE)


def range_(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = None
) -> Tensor:
    """Numbers from `start` up to, not including, `limit`, in steps of `delta`. Public as `tf.range`.

    >>> range_(3).numpy().tolist(), range_(3, 9, 3).numpy().tolist()
    ([0, 1, 2], [3, 6])
    """
    del name
    if limit is None:
        start, limit = 0, start
    parts = [v.value() if isinstance(v, Variable) else v for v in (start, limit, delta)]
    if dtype is None:
        tensors = [v for v in parts if isinstance(v, Tensor)]
        floats = any(isinstance(v, (float, np.floating)) for v in parts)
        found = tensors[0].dtype if tensors else dtypes.float32 if floats else dtypes.int32
    else:
        found = dtypes.as_dtype(dtype)
    if any(map(is_symbolic, parts)):
        return apply(_RANGE, *(cast(convert(v, hint=found), found) for v in parts))
    numbers = [v.item() if isinstance(v, Tensor) else v for v in parts]
    if numbers[2] == 0:
        raise InvalidArgumentError("range: delta is 0, so the limit is never reached.")
    return Tensor(devices.scope_namespace().arange(*numbers, dtype=found.as_numpy_dtype))


def linspace(start: Any, stop: Any, num: int, name: str | None = None, axis: int = 0) -> Tensor:
    """`num` evenly spaced numbers from `start` to `stop`, both included, along a new axis.

    Integers become float64, or float32 if they have 8 or 16 bits.

    >>> linspace(0.0, 1.0, 3).numpy().tolist()
    [0.0, 0.5, 1.0]
    >>> linspace([0.0, 1.0], [1.0, 3.0], 3, axis=1).numpy().tolist()
    [[0.0, 0.5, 1.0], [1.0, 2.0, 3.0]]
    """
    first, last = with_fractions(start, stop)
    _check_kind("linspace", first, ("float", "complex"))
    count = int(num)
    if count < 1:
        raise InvalidArgumentError(f"linspace: num is {count}, but at least 1 number is made.")
    rank = max(first.ndim, last.ndim)
    place = normalize_axis(axis, rank + 1, "linspace")
    spread = [1] * (rank + 1)
    spread[place] = count
    steps = reshape(cast(range_(count), first.dtype), spread)
    low, high = ((expand_dims(x, place) if x.ndim == rank else x) for x in (first, last))
    walk = low + (high - low) / max(count - 1, 1) * steps
    return where(equal(steps, count - 1), high, walk) if count > 1 else walk


def eye(
    num_rows: Any,
    num_columns: Any = None,
    batch_shape: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """The identity matrix, shape `(*batch_shape, num_rows, num_columns or num_rows)`.

    >>> eye(2).numpy().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    del name
    target = dtypes.as_dtype(dtype)
    columns = num_rows if num_columns is None else num_columns
    if isinstance(num_rows, Tensor) or isinstance(columns, Tensor):
        made = cast(equal(expand_dims(range_(num_rows), -1), range_(columns)), target)
    else:
        made = Tensor(devices.scope_namespace().eye(num_rows, columns, dtype=target.as_numpy_dtype))
    if batch_shape is None:
        return made
    batch = list(batch_shape) if not isinstance(batch_shape, Tensor) else batch_shape
    if isinstance(batch, list):
        return broadcast_to(made, [*batch, *sizes(made)])
    from engine.ops.joining import concat

    return broadcast_to(made, concat([batch, cast(shape(made), batch.dtype)], 0))


def meshgrid(*args: Any, indexing: str = "xy", name: str | None = None) -> list[Tensor]:
    """Coordinates of a grid: one tensor an argument, all of the grid's shape.

    With indexing 'xy' the first axis of the results belongs to the second argument, as in pictures;
    with 'ij' axis i belongs to argument i.

    >>> x, y = meshgrid([1, 2, 3], [10, 20])
    >>> x.numpy().tolist(), y.numpy().tolist()
    ([[1, 2, 3], [1, 2, 3]], [[10, 10, 10], [20, 20, 20]])
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', not {indexing!r}.")
    lines = [reshape(convert(x), [-1]) for x in args]
    order = list(range(len(lines)))
    if indexing == "xy" and len(lines) > 1:
        order[:2] = [1, 0]
    dims: list[Any] = [1] * len(lines)
    for place, line in zip(order, lines, strict=True):
        dims[place] = sizes(line)[0]
    made = []
    for place, line in zip(order, lines, strict=True):
        spread = [1] * len(lines)
        spread[place] = -1
        made.append(broadcast_to(reshape(line, spread), dims))
    return made


def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: Any = dtypes.bool_, name: str | None = None
) -> Tensor:
    """A last axis of `maxlen` places, of which the first `lengths` are True.

    `maxlen` is the largest of the lengths by default.

    >>> sequence_mask([1, 3]).numpy().tolist()
    [[True, False, False], [True, True, True]]
    """
    from engine.ops.reduce import reduce_max

    counts = convert(lengths)
    if maxlen is None:
        longest = reduce_max(counts)
        maxlen = where(less(longest, 0), 0, longest) if counts.shape.num_elements() != 0 else 0
    places = cast(range_(maxlen), counts.dtype)
    return cast(less(places, expand_dims(counts, -1)), dtype)


def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """A new axis of size `depth` with `on_value` (1) at each index, `off_value` (0) elsewhere.

    The new axis is the last, unless `axis` says where. An index outside 0 .. depth-1 gives
    `off_value` only. The dtype is that of the values, float32 by default.

    >>> one_hot([0, 2], 3).numpy().tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    positions = convert(indices)
    if not positions.dtype.is_integer:
        raise InvalidArgumentError(
            f"one_hot: indices must be integers, but {positions.dtype.name} was given. "
            "Convert them with tf.cast(x, tf.int32)."
        )
    given = [v for v in (on_value, off_value) if v is not None]
    if dtype is None:
        target = convert(given[0]).dtype if given else dtypes.float32
    else:
        target = dtypes.as_dtype(dtype)
    on = convert(1 if on_value is None else on_value, hint=target)
    off = convert(0 if off_value is None else off_value, hint=target)
    for value in (on, off):
        if given and value.dtype is not target and dtype is None:
            raise TypeError(
                f"one_hot: on_value and off_value have one dtype, but {on.dtype.name} and "
                f"{off.dtype.name} were given."
            )
    place = normalize_axis(-1 if axis is None else axis, positions.ndim + 1, "one_hot")
    spread = [1] * (positions.ndim + 1)
    spread[place] = -1
    columns = reshape(cast(range_(depth), positions.dtype), spread)
    hit = equal(expand_dims(positions, place), columns)
    return where(hit, cast(on, target), cast(off, target))
