"""Checks of ranks and sizes. What is known while a function is traced is checked then, the rest at a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.debugging.values import done, fail
from engine.dispatch import NOT_DIFFERENTIABLE, Primitive, apply, primitive
from engine.errors import ShapeError
from engine.ops.creation import convert
from engine.spec import show
from engine.tensor import Tensor, describe


def _shape_check(name: str, judge: Callable[..., None]) -> Primitive:
    """An operation that repeats a judgement of shapes when the graph runs and all sizes are known."""

    def kernel(xp: Any, *arrays: Any, **attrs: Any) -> Any:
        judge([np.shape(array) for array in arrays], **attrs)
        return np.True_

    return primitive(name, kernel, done, vjp=NOT_DIFFERENTIABLE, stateful=True)


def _judge_rank(
    shapes: list[Any], what: str, ranks: tuple[int, ...], message: str | None = None
) -> None:
    dims = shapes[0]
    at_least = what.endswith("at_least")
    if dims is None or (len(dims) >= ranks[0] if at_least else len(dims) in ranks):
        return
    wanted = f"rank {' or '.join(map(str, ranks))}{' or more' if at_least else ''}"
    text = f"{wanted} was expected, but the tensor has rank {len(dims)} (shape {show(dims)})."
    more = " Add or drop axes with tf.expand_dims, tf.squeeze or tf.reshape."
    fail(what, message, text + more, ShapeError)


def _judge_shapes(shapes: list[Any], patterns: tuple[Any, ...], message: str | None = None) -> None:
    known: dict[
        str, tuple[int, int, int]
    ] = {}  # symbol -> size, and the tensor and axis it is from
    for number, (dims, pattern) in enumerate(zip(shapes, patterns, strict=True)):
        if dims is None:
            continue
        open_end = bool(pattern) and pattern[0] == "..."
        wanted = pattern[1:] if open_end else pattern
        shown = ", ".join(map(_shown, pattern))
        given = f"tensor {number} has shape {show(dims)}, but ({shown}) was expected"

        def wrong(text: str, given: str = given) -> None:
            fail("assert_shapes", message, f"{given}: {text}.", ShapeError)

        if len(dims) < len(wanted) or (len(dims) > len(wanted) and not open_end):
            wrong(f"rank {len(dims)} does not fit")
        for axis, size in enumerate(wanted, len(dims) - len(wanted)):
            have = dims[axis]
            if have is None or size is None:
                continue
            if isinstance(size, int):
                if have != size:
                    wrong(f"axis {axis} has size {have}, not {size}")
                continue
            first, tensor, place = known.setdefault(size, (have, number, axis))
            if first != have:
                wrong(
                    f"{size} is {have} at axis {axis}, but it is {first} at axis {place} of tensor {tensor}"
                )


def _shown(size: Any) -> str:
    return "." if size is None else str(size)


_RANK = _shape_check("assert_rank", _judge_rank)
_SHAPES = _shape_check("assert_shapes", _judge_shapes)


def _assert_rank(what: str, x: Any, ranks: Any, message: str | None) -> Tensor:
    tensor = convert(x)
    wanted = []
    for rank in ranks:
        number = rank.numpy() if isinstance(rank, Tensor) else rank
        if np.ndim(number) or int(number) != number:
            raise ValueError(f"{what}: a rank is a whole number, not {describe(rank)}.")
        wanted.append(int(number))
    _judge_rank([tensor._dims], what, tuple(wanted), message)
    if tensor._dims is None:
        apply(_RANK, tensor, what=what, ranks=tuple(wanted), message=message)
    return tensor


def assert_rank(x: Any, rank: Any, message: str | None = None, name: str | None = None) -> None:
    """Raises ShapeError (an InvalidArgumentError and a ValueError) unless x has exactly `rank` axes.

    >>> assert_rank([[1, 2]], 2)
    """
    _assert_rank("assert_rank", x, [rank], message)


def assert_rank_at_least(
    x: Any, rank: Any, message: str | None = None, name: str | None = None
) -> None:
    """Raises ShapeError unless x has `rank` axes or more.

    >>> assert_rank_at_least([[1, 2]], 1)
    """
    _assert_rank("assert_rank_at_least", x, [rank], message)


def assert_rank_in(x: Any, ranks: Any, message: str | None = None, name: str | None = None) -> None:
    """Raises ShapeError unless the number of x's axes is one of `ranks`.

    >>> assert_rank_in([[1, 2]], [1, 2])
    """
    _assert_rank("assert_rank_in", x, ranks, message)


def assert_scalar(tensor: Any, message: str | None = None, name: str | None = None) -> Tensor:
    """The tensor itself; ShapeError unless it has rank 0.

    >>> assert_scalar(3.0).numpy().item()
    3.0
    """
    return _assert_rank("assert_scalar", tensor, [0], message)


def assert_shapes(
    shapes: Any,
    data: Any = None,
    summarize: Any = None,
    message: str | None = None,
    name: str | None = None,
) -> None:
    """Raises ShapeError unless all shapes fit, where a symbol means one size everywhere.

    Args:
      shapes: pairs (tensor, shape), or a dict with tensor references as keys. A shape is a sequence of
        sizes, of symbols such as "N", and of None or "." for any size; "..." or `...` in front stands for
        any axes before. A string has one symbol a letter. `()` or a single size stand for themselves.
      data, summarize: accepted; the shapes in the text say what there is to say.
      message: what the text begins with.

    >>> x, w = convert([[1.0, 2.0]]), convert([[3.0], [4.0]])
    >>> assert_shapes([(x, ("batch", "units")), (w, ("units", 1))])
    >>> assert_shapes([(x, "NU"), (w, "UM")])
    """
    pairs = list(shapes.items() if hasattr(shapes, "items") else shapes)
    tensors = [convert(x.deref() if hasattr(x, "deref") else x) for x, _ in pairs]
    patterns = tuple(tuple(map(_symbol, _letters(pattern))) for _, pattern in pairs)
    _judge_shapes([t._dims for t in tensors], patterns, message)
    if any(t._dims is None or None in t._dims for t in tensors):
        apply(_SHAPES, *tensors, patterns=patterns, message=message)


def _letters(pattern: Any) -> list[Any]:
    if isinstance(pattern, str) and pattern.startswith("..."):
        return ["...", *pattern[3:]]
    return list(pattern) if hasattr(pattern, "__iter__") else [pattern]


def _symbol(size: Any) -> Any:
    if size is None or size == ".":
        return None
    if size is Ellipsis or size == "...":
        return "..."
    return size if isinstance(size, str) else int(size)
