"""What `x[...]` does: a part of a tensor, and the adjoint that puts a part back among zeros.

An index is static data, except where it holds symbolic scalars: those become further inputs, and the
index names them "$0", "$1", ...
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import spec
from engine.dispatch import apply, primitive
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, is_symbolic
from engine.spec import TensorSpec, show
from engine.tensor import Tensor, describe
from engine.variable import Variable

ALL = ("slice", None, None, None)


def _encode(key: Any) -> tuple[tuple[Any, ...], list[Tensor]]:
    """An index as a hashable tuple - ints, None, Ellipsis, ('slice', start, stop, step) - and its tensors."""
    later: list[Tensor] = []

    def place(part: Any, what: str) -> Any:
        part = part.value() if isinstance(part, Variable) else part
        if not is_symbolic(part):
            return spec.whole(part, what)
        if not part.dtype.is_integer or part.shape.rank not in (0, None):
            raise TypeError(f"{what} is one integer, but {describe(part)} was given.")
        later.append(part)
        return f"${len(later) - 1}"

    encoded: list[Any] = []
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, slice):
            ends = (part.start, part.stop, part.step)
            encoded.append(("slice", *(end if end is None else place(end, "A slice") for end in ends)))
        elif part is None or part is Ellipsis:
            encoded.append(part)
        elif isinstance(part, (bool, np.bool_)) or not hasattr(part, "__index__"):
            raise TypeError(
                f"A tensor is indexed by ints, slices, ... and tf.newaxis, not by {part!r}. "
                "Use tf.gather for a list of positions, x[mask] or tf.where(mask, x, other) for a mask."
            )
        else:
            encoded.append(place(part, "An index"))
    return tuple(encoded), later


def _decode(index: tuple[Any, ...], later: tuple[Any, ...]) -> tuple[Any, ...]:
    def now(part: Any) -> Any:
        return int(later[int(part[1:])]) if isinstance(part, str) else part

    plain = tuple(
        slice(*map(now, part[1:])) if isinstance(part, tuple) else now(part) for part in index
    )
    # With an Ellipsis the result is an array in every case; without one, a string would come out bare.
    return plain if Ellipsis in index else (*plain, Ellipsis)


def _taken(part: tuple[Any, ...], size: int | None) -> int | None:
    """How many elements a slice takes from an axis of this size, if that is known."""
    if part == ALL:
        return size
    if size is None or any(isinstance(end, str) for end in part[1:]):
        return None
    return len(range(*slice(*part[1:]).indices(size)))


def _slice_spec(x: TensorSpec, *later: TensorSpec, index: tuple[Any, ...]) -> TensorSpec:
    assert x.dims is not None
    if index.count(Ellipsis) > 1:
        raise InvalidArgumentError("An index may hold `...` once: it stands for all axes not named.")
    named = sum(part is not None and part is not Ellipsis for part in index)
    if named > len(x.dims):
        raise InvalidArgumentError(
            f"{named} indices were given for a tensor of rank {len(x.dims)}, shape {show(x.dims)}."
        )
    full = list(index) if Ellipsis in index else [*index, Ellipsis]
    place = full.index(Ellipsis)
    full[place : place + 1] = [ALL] * (len(x.dims) - named)
    result: list[int | None] = []
    axis = 0
    for part in full:
        if part is None:
            result.append(1)
            continue
        size = x.dims[axis]
        if isinstance(part, tuple):
            result.append(_taken(part, size))
        elif size is not None and not isinstance(part, str) and not -size <= part < size:
            raise InvalidArgumentError(
                f"Index {part} is outside axis {axis} of shape {show(x.dims)}: allowed are "
                f"{-size} to {size - 1}."
            )
        axis += 1
    return TensorSpec(result, x.dtype)


def _unslice_kernel(xp: Any, dy: Any, like: Any, *later: Any, index: tuple[Any, ...]) -> Any:
    result = xp.zeros(like.shape, dy.dtype)
    result[_decode(index, later)] = dy
    return result


_SLICE = primitive(
    "slice",
    lambda xp, x, *later, index: xp.asarray(x)[_decode(index, later)],
    _slice_spec,
    vjp=(lambda dy, y, x, *later, index: apply(_UNSLICE, dy, x, *later, index=index),),
)
_UNSLICE = primitive(
    "unslice",
    _unslice_kernel,
    lambda dy, like, *later, index: TensorSpec(like.dims, dy.dtype),
    vjp=(lambda d, y, dy, like, *later, index: apply(_SLICE, d, *later, index=index), None),
)


def getitem(x: Any, key: Any) -> Tensor:
    """What `x[key]` does: ints drop an axis, slices keep it, tf.newaxis adds one, ... fills up.

    A bool tensor or array as the whole key takes the elements where it is True.
    """
    if isinstance(key, (Tensor, Variable, np.ndarray)) and key.dtype == bool and key.ndim:
        from engine.ops.selection import boolean_mask

        return boolean_mask(x, key)
    index, later = _encode(key)
    return apply(_SLICE, convert(x), *later, index=index)


def _scalars(values: Any, what: str) -> list[Any]:
    """A vector argument as its elements: ints, or symbolic scalars."""
    if isinstance(values, Variable):
        values = values.value()
    if not isinstance(values, Tensor):
        return [v.value() if isinstance(v, Variable) else v for v in values]
    if is_symbolic(values):
        if values.shape.rank != 1 or values.shape[0] is None:
            raise InvalidArgumentError(f"{what} must be a vector of known length.")
        return [getitem(values, i) for i in range(values.shape[0])]
    return values.numpy().reshape(-1).tolist()


def slice_(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """`size` elements along each axis, from `begin` on; -1 takes all that are left. Public as `tf.slice`.

    Raises:
      InvalidArgumentError: when the part reaches beyond the tensor. x[a:b] would cut it off instead.

    >>> slice_([[1, 2, 3], [4, 5, 6]], [0, 1], [2, -1]).numpy().tolist()
    [[2, 3], [5, 6]]
    """
    from engine.ops.layout import ensure_shape

    x, first, count = convert(input_), _scalars(begin, "begin"), _scalars(size, "size")
    if not len(first) == len(count) == x.ndim:
        raise InvalidArgumentError(
            f"slice: begin and size name every axis of shape {x.shape}, but have {len(first)} and "
            f"{len(count)} entries."
        )
    key = []
    for axis, (a, n, d) in enumerate(zip(first, count, x.shape, strict=True)):
        fixed = not is_symbolic(a) and not is_symbolic(n)
        if fixed and (a < 0 or n < -1 or (d is not None and a + max(n, 0) > d)):
            raise InvalidArgumentError(
                f"slice: {n} elements from {a} on were asked of axis {axis}, which has size {d}."
            )
        rest = not is_symbolic(n) and n == -1
        key.append(slice(a, None if rest else a + n))
    taken = getitem(x, tuple(key))
    return ensure_shape(taken, [None if is_symbolic(n) or n == -1 else n for n in count])


def strided_slice(
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
    name: str | None = None,
) -> Tensor:
    """x[begin:end:strides] for every axis named. Bit i of a mask changes entry i.

    begin_mask, end_mask: from the first, up to the last; ellipsis_mask: `...`; new_axis_mask:
    tf.newaxis; shrink_axis_mask: the index begin[i], which drops the axis.

    >>> strided_slice([[1, 2, 3], [4, 5, 6]], [0, 2], [2, 0], [1, -1]).numpy().tolist()
    [[3, 2], [6, 5]]
    """
    if var is not None:
        raise InvalidArgumentError("strided_slice: var is not supported. Use v.scatter_nd_update.")
    first, last = _scalars(begin, "begin"), _scalars(end, "end")
    steps = [1] * len(first) if strides is None else _scalars(strides, "strides")
    if not len(first) == len(last) == len(steps):
        raise InvalidArgumentError(
            f"strided_slice: begin, end and strides have {len(first)}, {len(last)} and {len(steps)} "
            "entries; they must be as many."
        )
    key: list[Any] = []
    for i, (a, b, step) in enumerate(zip(first, last, steps, strict=True)):
        bit = 1 << i
        if ellipsis_mask & bit:
            key.append(Ellipsis)
        elif new_axis_mask & bit:
            key.append(None)
        elif shrink_axis_mask & bit:
            key.append(a)
        else:
            key.append(slice(None if begin_mask & bit else a, None if end_mask & bit else b, step))
    return getitem(convert(input_), tuple(key))
