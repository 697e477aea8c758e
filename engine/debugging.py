"""`tf.debugging`: checks that stop a program where a value, shape or dtype is not what you meant.

Each check of values is one operation whose kernel raises, so it also runs inside `tf.function`, at each
call of the graph. What is known while tracing (ranks, sizes, dtypes) is checked then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import devices, dtypes
from engine.dispatch import NOT_DIFFERENTIABLE, Primitive, apply
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert
from engine.ops.creation import convert_together as _together
from engine.spec import TensorSpec, broadcast, show
from engine.tensor import Tensor, describe


def _done(*specs: TensorSpec, **attrs: Any) -> TensorSpec:
    return TensorSpec((), dtypes.bool_)


def _fail(what: str, message: str | None, text: str) -> None:
    said = f" {message}" if message else ""
    raise InvalidArgumentError(f"{what}:{said} {text}")


def _first(wrong: Any) -> tuple[int, ...]:
    """The index of the first True element, in reading order."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), np.shape(wrong)))


def _report(
    what: str, message: str | None, expected: str, wrong: Any, arrays: tuple[Any, ...]
) -> None:
    """Raises for the elements that are wrong, and shows the first of them."""
    wrong = np.asarray(devices.to_host(wrong))
    if not wrong.any():
        return
    index = _first(wrong)
    hosts = [np.broadcast_to(devices.to_host(array), wrong.shape)[index] for array in arrays]
    values = " and ".join(f"{n} = {v}" for n, v in zip("xy", hosts, strict=False))
    shapes = " and ".join(f"{n} of shape {np.shape(a)}" for n, a in zip("xy", arrays, strict=False))
    place = f"at index {list(index)}: {values}" if index else values
    _fail(
        what,
        message,
        f"{expected} was expected, but {int(wrong.sum())} of {wrong.size} elements do not fit. The first "
        f"is {place}. Given: {shapes}.",
    )


def _check(what: str, expected: str, fits: Callable[..., Any]) -> Primitive:
    """An operation that raises unless `fits(xp, *arrays, **attrs)` holds for every element."""

    def kernel(xp: Any, *arrays: Any, message: str | None = None, **attrs: Any) -> Any:
        _report(what, message, expected, ~xp.asarray(fits(xp, *arrays, **attrs)), arrays)
        return np.True_

    def spec(*specs: TensorSpec, **attrs: Any) -> TensorSpec:
        if len(specs) == 2:
            broadcast(specs[0].dims, specs[1].dims, what)
        return _done()

    return Primitive(what, kernel, spec, vjp=NOT_DIFFERENTIABLE, stateful=True)


def _of_two(what: str, sign: str, fits: Callable[..., Any], example: str) -> Callable[..., None]:
    record = _check(what, f"x {sign} y", fits)

    def check(
        x: Any, y: Any, message: str | None = None, summarize: Any = None, name: str | None = None
    ) -> None:
        apply(record, *_together(x, y), message=message)

    check.__name__ = check.__qualname__ = what
    check.__doc__ = (
        f"Raises InvalidArgumentError unless x {sign} y for every element; the two broadcast.\n\n"
        f"    >>> {what}({example})\n    "
    )
    return check


def _of_one(what: str, sign: str, fits: Callable[..., Any], example: str) -> Callable[..., None]:
    record = _check(what, f"x {sign} 0", fits)

    def check(
        x: Any, message: str | None = None, summarize: Any = None, name: str | None = None
    ) -> None:
        apply(record, convert(x), message=message)

    check.__name__ = check.__qualname__ = what
    check.__doc__ = (
        f"Raises InvalidArgumentError unless x {sign} 0 for every element.\n\n"
        f"    >>> {what}({example})\n    "
    )
    return check


# fmt: off
assert_equal = _of_two("assert_equal", "==", lambda xp, x, y: x == y, "[1, 2], [1, 2]")
assert_none_equal = _of_two("assert_none_equal", "!=", lambda xp, x, y: x != y, "[1, 2], 0")
assert_less = _of_two("assert_less", "<", lambda xp, x, y: x < y, "[1, 2], 3")
assert_less_equal = _of_two("assert_less_equal", "<=", lambda xp, x, y: x <= y, "[1, 2], 2")
assert_greater = _of_two("assert_greater", ">", lambda xp, x, y: x > y, "[1, 2], 0")
assert_greater_equal = _of_two("assert_greater_equal", ">=", lambda xp, x, y: x >= y, "[1, 2], 1")
assert_positive = _of_one("assert_positive", ">", lambda xp, x: x > 0, "[1.0, 2.0]")
assert_negative = _of_one("assert_negative", "<", lambda xp, x: x < 0, "[-1.0]")
assert_non_negative = _of_one("assert_non_negative", ">=", lambda xp, x: x >= 0, "[0.0, 1.0]")
assert_non_positive = _of_one("assert_non_positive", "<=", lambda xp, x: x <= 0, "[0.0, -1.0]")
_NEAR = _check(
    "assert_near", "|x - y| <= atol + rtol |y|",
    lambda xp, x, y, rtol, atol: (x == y) | (abs(x - y) <= atol + rtol * abs(y)),
)
# fmt: on


def assert_near(
    x: Any,
    y: Any,
    rtol: float | None = None,
    atol: float | None = None,
    message: str | None = None,
    summarize: Any = None,
    name: str | None = None,
) -> None:
    """Raises InvalidArgumentError unless |x - y| <= atol + rtol |y|; both default to 10 machine epsilons.

    >>> assert_near([1.0], [1.0 + 1e-7])
    """
    a, b = _together(x, y)
    if not a.dtype.is_differentiable:
        raise TypeError(
            f"assert_near compares floats, but {describe(a)} was given. Use assert_equal."
        )
    small = 10 * float(np.finfo(a.dtype.as_numpy_dtype).eps) if a.dtype.size > 2 else 0.01
    tolerances = (small if rtol is None else float(rtol), small if atol is None else float(atol))
    apply(_NEAR, a, b, rtol=tolerances[0], atol=tolerances[1], message=message)


# --- numbers that are no numbers --------------------------------------------------------------------


def _numerics_kernel(xp: Any, x: Any, message: str, what: str) -> Any:
    wrong = np.asarray(devices.to_host(~xp.isfinite(x)))
    if wrong.any():
        host = np.asarray(devices.to_host(x))
        nans = int(np.isnan(host).sum())
        index = _first(wrong)
        place = f"at index {list(index)}: " if index else ""
        _fail(
            what,
            message,
            f"finite numbers were expected, but the tensor of shape {host.shape} holds {nans} NaN and "
            f"{int(wrong.sum()) - nans} infinite elements. The first is {place}{host[index]}.",
        )
    return x


_NUMERICS = Primitive(
    "check_numerics",
    _numerics_kernel,
    lambda x, **attrs: x,
    vjp=(lambda dy, y, x, **attrs: dy,),
    stateful=True,
)


def _finite(tensor: Any, message: str, what: str) -> Tensor:
    x = convert(tensor)
    if not x.dtype.is_differentiable:
        raise TypeError(
            f"{what} checks floats, but {describe(x)} was given; integers are always finite."
        )
    made: Tensor = apply(_NUMERICS, x, message=message, what=what)
    return made


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Tensor:
    """The tensor itself, or InvalidArgumentError when it holds a NaN or an infinity.

    Use the result, and gradients flow through the check.

    >>> check_numerics([1.0, 2.0], "after the division").numpy().tolist()
    [1.0, 2.0]
    """
    return _finite(tensor, message, "check_numerics")


def assert_all_finite(x: Any, message: str, name: str | None = None) -> Tensor:
    """The same as `check_numerics`, under its other name.

    >>> assert_all_finite([0.0], "start").numpy().tolist()
    [0.0]
    """
    return _finite(x, message, "assert_all_finite")


# --- shapes and dtypes ------------------------------------------------------------------------------


def _shape_check(what: str, judge: Callable[..., None]) -> Primitive:
    """An operation that repeats a judgement of shapes when the graph runs and all sizes are known."""

    def kernel(xp: Any, *arrays: Any, **attrs: Any) -> Any:
        judge([np.shape(array) for array in arrays], **attrs)
        return np.True_

    return Primitive(what, kernel, _done, vjp=NOT_DIFFERENTIABLE, stateful=True)


def _judge_rank(shapes: list[Any], what: str, rank: int, message: str | None) -> None:
    (dims,) = shapes
    least = what == "assert_rank_at_least"
    if dims is not None and (len(dims) < rank if least else len(dims) != rank):
        wanted = f"rank {rank} or more" if least else f"rank {rank}"
        _fail(
            what,
            message,
            f"{wanted} was expected, but the tensor has rank {len(dims)} (shape {show(dims)}).",
        )


def _judge_shapes(shapes: list[Any], patterns: tuple[Any, ...], message: str | None) -> None:
    known: dict[
        str, tuple[int, int, int]
    ] = {}  # symbol -> size, and the tensor and axis it is from
    for number, (dims, pattern) in enumerate(zip(shapes, patterns, strict=True)):
        if dims is None:
            continue
        open_end = bool(pattern) and pattern[0] == "..."
        wanted = pattern[1:] if open_end else pattern
        given = f"tensor {number} has shape {show(dims)}, but ({', '.join(map(str, pattern))}) was expected"
        if len(dims) < len(wanted) or (len(dims) > len(wanted) and not open_end):
            _fail("assert_shapes", message, f"{given}: rank {len(dims)} does not fit.")
        start = len(dims) - len(wanted)
        for axis, size in enumerate(wanted, start):
            have = dims[axis]
            if have is None or size is None:
                continue
            if isinstance(size, int):
                if have != size:
                    _fail(
                        "assert_shapes",
                        message,
                        f"{given}: axis {axis} has size {have}, not {size}.",
                    )
                continue
            before = known.setdefault(size, (have, number, axis))
            if before[0] != have:
                _fail(
                    "assert_shapes",
                    message,
                    f"{given}: {size} is {have} at axis {axis}, but it is {before[0]} at axis {before[2]} "
                    f"of tensor {before[1]}.",
                )


_RANK = _shape_check("assert_rank", _judge_rank)
_SHAPES = _shape_check("assert_shapes", _judge_shapes)


def _assert_rank(what: str, x: Any, rank: int, message: str | None) -> None:
    tensor = convert(x)
    _judge_rank([tensor._dims], what, int(rank), message)
    if tensor._dims is None:
        apply(_RANK, tensor, what=what, rank=int(rank), message=message)


def assert_rank(x: Any, rank: int, message: str | None = None, name: str | None = None) -> None:
    """Raises InvalidArgumentError unless x has exactly `rank` axes.

    >>> assert_rank([[1, 2]], 2)
    """
    _assert_rank("assert_rank", x, rank, message)


def assert_rank_at_least(
    x: Any, rank: int, message: str | None = None, name: str | None = None
) -> None:
    """Raises InvalidArgumentError unless x has `rank` axes or more.

    >>> assert_rank_at_least([[1, 2]], 1)
    """
    _assert_rank("assert_rank_at_least", x, rank, message)


def assert_shapes(
    shapes: Any,
    data: Any = None,
    summarize: Any = None,
    message: str | None = None,
    name: str | None = None,
) -> None:
    """Raises InvalidArgumentError unless all shapes fit, where a symbol means one size everywhere.

    Args:
      shapes: pairs (tensor, shape). A shape is a sequence of sizes, of symbols such as "N", and of None
        or "." for any size; "..." or `...` in front stands for any axes before. A string has one symbol a
        letter.

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


def assert_type(
    tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None
) -> None:
    """Raises TypeError unless the tensor has this dtype.

    >>> assert_type([1.0], "float32")
    """
    given, wanted = convert(tensor), dtypes.as_dtype(tf_type)
    if given.dtype is not wanted:
        said = f" {message}" if message else ""
        raise TypeError(
            f"assert_type:{said} {wanted.name} was expected, but {describe(given)} was given. Convert it "
            f"with tf.cast(x, tf.{wanted.name})."
        )
