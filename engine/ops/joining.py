"""Several tensors as one, one as several, and one repeated: concat, stack, split, tile, repeat.

Each stands beside its adjoint: concat and part_of_concat, tile and untile, roll and roll backwards.
"""

from __future__ import annotations

from typing import Any

from engine import devices, dtypes, spec
from engine.dispatch import NOT_DIFFERENTIABLE, apply, primitive, same_dtype
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, convert_together, fill, is_symbolic
from engine.ops.elementwise import zeros_like
from engine.ops.indexing import gather
from engine.ops.layout import broadcast_to, expand_dims, reshape, sizes
from engine.ops.sequences import range_
from engine.ops.slicing import _scalars, getitem
from engine.spec import TensorSpec, normalize_axis, show
from engine.tensor import Tensor
from engine.variable import Variable


def _concat_spec(*parts: TensorSpec, axis: int) -> TensorSpec:
    same_dtype("concat", *parts)
    first = parts[0].dims
    assert first is not None
    total: int | None = 0
    for part in parts:
        dims = part.dims
        assert dims is not None
        others = [i for i in range(len(first)) if i != axis]
        if len(dims) != len(first) or not spec.compatible(
            tuple(dims[i] for i in others), tuple(first[i] for i in others)
        ):
            raise InvalidArgumentError(
                f"concat: along axis {axis}, all other sizes must agree, but shapes {show(first)} and "
                f"{show(dims)} were given."
            )
        total = None if total is None or dims[axis] is None else total + dims[axis]
    return TensorSpec([total if i == axis else d for i, d in enumerate(first)], parts[0].dtype)


def _concat_vjp(dy: Tensor, y: Tensor, *parts: Tensor, axis: int) -> list[Tensor]:
    return [apply(_PART, dy, *parts, axis=axis, which=i) for i in range(len(parts))]


def _part_kernel(xp: Any, x: Any, *parts: Any, axis: int, which: int) -> Any:
    start = sum(part.shape[axis] for part in parts[:which])
    return x[(slice(None),) * axis + (slice(start, start + parts[which].shape[axis]),)]


def _part_vjp(dy: Tensor, y: Tensor, x: Tensor, *parts: Tensor, axis: int, which: int) -> list[Any]:
    blank = [dy if i == which else zeros_like(part, dy.dtype) for i, part in enumerate(parts)]
    return [apply(_CONCAT, *blank, axis=axis)] + [None] * len(parts)


_CONCAT = primitive(
    "concat",
    lambda xp, *parts, axis: xp.concatenate(parts, axis),
    _concat_spec,
    vjp=_concat_vjp,
)
_PART = primitive(
    "part_of_concat",
    _part_kernel,
    lambda x, *parts, axis, which: TensorSpec(parts[which].dims, x.dtype),
    vjp=_part_vjp,
)


def concat(values: Any, axis: int, name: str | None = None) -> Tensor:
    """Tensors joined along an existing axis.

    >>> concat([[[1, 2]], [[3, 4]]], 0).numpy().tolist()
    [[1, 2], [3, 4]]
    """
    if isinstance(values, (Tensor, Variable)) and values.ndim == 0:
        values = [values]
    parts = convert_together(*values)
    if not parts:
        raise ValueError("concat needs at least one tensor, but the list is empty.")
    if any(part.dtype is not parts[0].dtype for part in parts):
        same_dtype("concat", *(part.spec for part in parts))
    return apply(_CONCAT, *parts, axis=normalize_axis(axis, parts[0].ndim, "concat"))


def stack(values: Any, axis: int = 0, name: str | None = None) -> Tensor:
    """Tensors of one shape joined along a new axis.

    >>> stack([[1, 2], [3, 4]], axis=1).numpy().tolist()
    [[1, 3], [2, 4]]
    """
    parts = convert_together(*values)
    if not parts:
        raise ValueError("stack needs at least one tensor, but the list is empty.")
    for part in parts[1:]:
        if not spec.compatible(part._dims, parts[0]._dims):
            raise InvalidArgumentError(
                f"stack: all shapes must be the same, but {show(parts[0]._dims)} and "
                f"{show(part._dims)} were given."
            )
    return concat([expand_dims(part, axis) for part in parts], axis)


def unstack(value: Any, num: int | None = None, axis: int = 0, name: str | None = None) -> list[Tensor]:
    """The slices along an axis, as a list; that axis is gone in each."""
    x = convert(value)
    place = normalize_axis(axis, x.ndim, "unstack")
    size = x.shape[place]
    count = size if num is None else num
    if count is None:
        raise ValueError(f"unstack: the size of axis {axis} is not known; pass num.")
    if size not in (None, count):
        raise ValueError(f"unstack: num={num} was given, but axis {axis} has size {size}.")
    return [getitem(x, (slice(None),) * place + (i,)) for i in range(count)]


def split(
    value: Any, num_or_size_splits: Any, axis: int = 0, num: int | None = None, name: str | None = None
) -> list[Tensor]:
    """Pieces along an axis: as many of one size, or of the sizes listed, of which one may be -1.

    >>> [part.numpy().tolist() for part in split([1, 2, 3, 4, 5], [2, -1])]
    [[1, 2], [3, 4, 5]]
    """
    x = convert(value)
    place = normalize_axis(axis, x.ndim, "split")
    have = sizes(x)[place]
    whole = isinstance(num_or_size_splits, int) or getattr(num_or_size_splits, "ndim", 1) == 0
    if whole:
        count = int(num_or_size_splits)
        if count < 1 or (isinstance(have, int) and have % count):
            raise InvalidArgumentError(
                f"split: axis {axis} of shape {show(x._dims)} has size {have}, which does not divide "
                f"into {count} equal parts. List the sizes you want, for example [2, -1]."
            )
        parts: list[Any] = [have // count] * count
    else:
        parts = _scalars(num_or_size_splits, "num_or_size_splits")
        if num is not None and num != len(parts):
            raise ValueError(f"split: num={num} was given with {len(parts)} sizes.")
        open_ = [i for i, n in enumerate(parts) if not is_symbolic(n) and n == -1]
        if len(open_) == 1:
            parts[open_[0]] = have - sum(n for i, n in enumerate(parts) if i != open_[0])
        known = isinstance(have, int) and not any(map(is_symbolic, parts))
        if len(open_) > 1 or (known and (sum(parts) != have or min(parts, default=0) < 0)):
            raise InvalidArgumentError(
                f"split: sizes {list(num_or_size_splits)} were given for axis {axis} of shape "
                f"{show(x._dims)}. They must add up to {have}; one of them may be -1."
            )
    pieces, start = [], 0
    for n in parts:
        pieces.append(getitem(x, (slice(None),) * place + (slice(start, start + n),)))
        start = start + n
    return pieces


# --- repetition -----------------------------------------------------------------------------------


def _untile_kernel(xp: Any, dy: Any, like: Any, *, multiples: tuple[int, ...]) -> Any:
    pairs = [n for pair in zip(multiples, like.shape, strict=True) for n in pair]
    return xp.sum(xp.reshape(dy, pairs), axis=tuple(range(0, 2 * like.ndim, 2)), dtype=dy.dtype)


def _tile_spec(x: TensorSpec, *, multiples: tuple[int, ...]) -> TensorSpec:
    if x.dims is None or len(x.dims) != len(multiples) or min(multiples, default=0) < 0:
        raise InvalidArgumentError(
            f"tile: one multiple an axis of shape {show(x.dims)}, none below 0, was expected, but "
            f"{list(multiples)} was given."
        )
    dims = [None if d is None else d * m for d, m in zip(x.dims, multiples, strict=True)]
    return TensorSpec(dims, x.dtype)


_TILE = primitive(
    "tile",
    lambda xp, x, *, multiples: xp.tile(x, multiples),
    _tile_spec,
    vjp=(lambda dy, y, x, *, multiples: apply(_UNTILE, dy, x, multiples=multiples),),
)
_UNTILE = primitive(
    "untile",
    _untile_kernel,
    lambda dy, like, *, multiples: TensorSpec(like.dims, dy.dtype),
    vjp=(lambda d, y, dy, like, *, multiples: apply(_TILE, d, multiples=multiples), None),
)


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """The tensor laid side by side, `multiples[i]` times along axis i.

    >>> tile([[1, 2]], [2, 2]).numpy().tolist()
    [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    x, times = convert(input), _scalars(multiples, "multiples")
    if not any(map(is_symbolic, times)):
        counts = tuple(spec.whole(m, "A multiple") for m in times)
        if len(counts) != x.ndim or min(counts, default=0) < 0:
            _tile_spec(x.spec, multiples=counts)
        return apply(_TILE, x, multiples=counts)
    dims = sizes(x)
    spread = [n for d in dims for n in (1, d)]
    wide = [n for m, d in zip(times, dims, strict=True) for n in (m, d)]
    return reshape(broadcast_to(reshape(x, spread), wide), [m * d for m, d in zip(times, dims, strict=True)])


_REPEATED = primitive(
    "repeated_positions",
    lambda xp, repeats: xp.asarray(
        xp.repeat(xp.arange(repeats.size), devices.to_host(repeats)), dtypes.int32.as_numpy_dtype
    ),
    lambda repeats: TensorSpec((None,), dtypes.int32),
    vjp=NOT_DIFFERENTIABLE,
)


def repeat(input: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """Each slice along an axis, `repeats` times in a row. Without an axis, each element of the flat tensor.

    `repeats` is one number, or one for each slice.

    >>> repeat([[1, 2], [3, 4]], [1, 2], axis=0).numpy().tolist()
    [[1, 2], [3, 4], [3, 4]]
    """
    x = convert(input)
    if axis is None:
        x, axis = reshape(x, [-1]), 0
    place = normalize_axis(axis, x.ndim, "repeat")
    times = convert(repeats)
    if not times.dtype.is_integer or times.ndim > 1:
        raise InvalidArgumentError("repeat: repeats must be an integer or a vector of integers.")
    size, count = sizes(x)[place], times.shape.num_elements()
    if times.ndim == 1 and isinstance(size, int) and count not in (None, 1, size):
        raise InvalidArgumentError(
            f"repeat: {count} repeats were given for axis {axis} of shape {show(x._dims)}."
        )
    each = times if times.ndim == 1 and count != 1 else fill([size], reshape(times, []))
    return gather(x, apply(_REPEATED, each), axis=place)


# --- other orders ---------------------------------------------------------------------------------


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """The slices along the listed axes in the opposite order.

    >>> reverse([[1, 2], [3, 4]], [1]).numpy().tolist()
    [[2, 1], [4, 3]]
    """
    x = convert(tensor)
    axes = {normalize_axis(a, x.ndim, "reverse") for a in _scalars(axis, "axis")}
    back, same = slice(None, None, -1), slice(None)
    return getitem(x, tuple(back if i in axes else same for i in range(x.ndim)))


_ROLL = primitive(
    "roll",
    lambda xp, x, *, shift, axis: xp.roll(x, shift, axis),
    lambda x, *, shift, axis: x,
    vjp=(lambda dy, y, x, *, shift, axis: apply(_ROLL, dy, shift=tuple(-s for s in shift), axis=axis),),
)


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Tensor:
    """Elements moved by `shift` places along an axis; what leaves at one end enters at the other.

    `shift` and `axis` are ints, or lists of as many. An axis may be listed twice: the shifts add up.

    >>> roll([1, 2, 3, 4], shift=1, axis=0).numpy().tolist()
    [4, 1, 2, 3]
    """
    x = convert(input)
    axes = [axis] if getattr(axis, "ndim", None) == 0 or isinstance(axis, int) else _scalars(axis, "axis")
    moves = [shift] if getattr(shift, "ndim", None) == 0 or isinstance(shift, int) else (
        _scalars(shift, "shift")
    )  # fmt: skip
    if len(axes) != len(moves):
        raise InvalidArgumentError(f"roll: {len(moves)} shifts were given for {len(axes)} axes.")
    places = [normalize_axis(a, x.ndim, "roll") for a in axes]
    if not any(map(is_symbolic, moves)):
        amounts = tuple(spec.whole(m, "A shift") for m in moves)
        return apply(_ROLL, x, shift=amounts, axis=tuple(places))
    for place, move in zip(places, moves, strict=True):
        n = sizes(x)[place]
        x = gather(x, (range_(n) - move) % n, axis=place)
    return x


def _reverse_kernel(xp: Any, x: Any, lengths: Any, *, seq_axis: int, batch_axis: int) -> Any:
    n = xp.reshape(lengths, [-1 if i == batch_axis else 1 for i in range(x.ndim)])
    if lengths.size and (lengths.min() < 0 or lengths.max() > x.shape[seq_axis]):
        raise InvalidArgumentError(
            f"reverse_sequence: lengths must be between 0 and {x.shape[seq_axis]}, the size of axis "
            f"{seq_axis}."
        )
    steps = xp.arange(x.shape[seq_axis])
    t = xp.reshape(steps, [-1 if i == seq_axis else 1 for i in range(x.ndim)])
    at = xp.where(t < n, n - 1 - t, t)
    return xp.take_along_axis(x, xp.broadcast_to(at, x.shape), seq_axis)


def _reverse_spec(x: TensorSpec, lengths: TensorSpec, *, seq_axis: int, batch_axis: int) -> TensorSpec:
    assert x.dims is not None
    if not spec.compatible(lengths.dims, (x.dims[batch_axis],)):
        raise InvalidArgumentError(
            f"reverse_sequence: one length for each of the {x.dims[batch_axis]} examples along axis "
            f"{batch_axis} was expected, but the lengths have shape {show(lengths.dims)}."
        )
    return x


_REVERSE_SEQUENCE = primitive(
    "reverse_sequence",
    _reverse_kernel,
    _reverse_spec,
    vjp=(  # a permutation that is its own inverse, and so its own adjoint
        lambda dy, y, x, lengths, **axes: apply(_REVERSE_SEQUENCE, dy, lengths, **axes),
        None,
    ),
)


def reverse_sequence(
    input: Any, seq_lengths: Any, seq_axis: int | None = None, batch_axis: int | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """For each example, the first `seq_lengths` steps in the opposite order; the rest stays.

    >>> reverse_sequence([[1, 2, 3], [4, 5, 6]], [2, 3], seq_axis=1).numpy().tolist()
    [[2, 1, 3], [6, 5, 4]]
    """
    x, lengths = convert(input), convert(seq_lengths)
    if seq_axis is None:
        raise ValueError("reverse_sequence: seq_axis, the axis of the steps, must be given.")
    steps = normalize_axis(seq_axis, x.ndim, "reverse_sequence")
    batch = normalize_axis(batch_axis or 0, x.ndim, "reverse_sequence")
    if steps == batch:
        raise InvalidArgumentError(f"reverse_sequence: axis {steps} cannot be both steps and batch.")
    return apply(_REVERSE_SEQUENCE, x, lengths, seq_axis=steps, batch_axis=batch)
