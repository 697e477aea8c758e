"""Checks of values: each is one operation whose kernel raises, so it runs at every call of a graph too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import devices, dtypes
from engine.dispatch import NOT_DIFFERENTIABLE, Primitive, apply, primitive, same_dtype
from engine.errors import InvalidArgumentError
from engine.formatting import summary
from engine.ops.creation import convert
from engine.ops.creation import convert_together as _together
from engine.spec import TensorSpec, broadcast
from engine.tensor import Tensor, describe

ORDERED = ("int", "uint", "float")
ANY = (*ORDERED, "bool", "complex", "string")


def fail(what: str, message: str | None, text: str, error: type[Exception]) -> None:
    """Raises the error, with what the caller of the check said in front."""
    said = f" {message}" if message else ""
    raise error(f"{what}:{said} {text}")


def done(*specs: TensorSpec, **attrs: Any) -> TensorSpec:
    """The spec of what a check returns: True."""
    return TensorSpec((), dtypes.bool_)


def first_of(wrong: Any) -> tuple[int, ...]:
    """The index of the first True element, in reading order."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), np.shape(wrong)))


def _report(
    what: str,
    message: str | None,
    expected: str,
    wrong: Any,
    arrays: tuple[Any, ...],
    summarize: int,
) -> None:
    """Raises for the elements that are wrong, and shows the first of them."""
    wrong = np.asarray(devices.to_host(wrong))
    if not wrong.any():
        return
    index = first_of(wrong)
    hosts = [np.asarray(devices.to_host(array)) for array in arrays]
    pairs = [(n, np.broadcast_to(h, wrong.shape)[index]) for n, h in zip("xy", hosts, strict=False)]
    values = " and ".join(f"{n} = {value}" for n, value in pairs)
    given = " and ".join(
        f"{n} of shape {h.shape}{f': {summary(h, summarize)}' if h.ndim else ''}"
        for n, h in zip("xy", hosts, strict=False)
    )
    place = f"at index {list(index)}: {values}" if index else values
    text = (
        f"{expected} was expected, but {int(wrong.sum())} of {wrong.size} elements do not fit. The first "
        f"is {place}. Given: {given}."
    )
    fail(what, message, text, InvalidArgumentError)


def _check(
    what: str, expected: str, fits: Callable[..., Any], kinds: tuple[str, ...] = ORDERED
) -> Primitive:
    """An operation that raises unless `fits(xp, *arrays, **attrs)` holds for every element."""

    def kernel(
        xp: Any, *arrays: Any, message: str | None = None, summarize: int = 3, **attrs: Any
    ) -> Any:
        wrong = ~xp.asarray(fits(xp, *arrays, **attrs))
        _report(what, message, expected, wrong, arrays, summarize)
        return np.True_

    def spec(*specs: TensorSpec, **attrs: Any) -> TensorSpec:
        same_dtype(what, *specs)
        if specs[0].dtype.kind not in kinds:
            raise InvalidArgumentError(
                f"{what} works on {' or '.join(kinds)} tensors, but {specs[0].dtype.name} was given."
            )
        if len(specs) == 2:
            broadcast(specs[0].dims, specs[1].dims, what)
        return done()

    return primitive(what, kernel, spec, vjp=NOT_DIFFERENTIABLE, stateful=True)


def _run(
    record: Primitive,
    tensors: list[Tensor],
    message: str | None,
    summarize: int | None,
    **attrs: Any,
) -> None:
    record.spec(*(tensor.spec for tensor in tensors))  # a comparison of NumPy's accepts too much
    shown = 3 if summarize is None else int(summarize)
    apply(record, *tensors, message=message, summarize=shown, **attrs)


def _of_two(
    what: str, sign: str, fits: Any, example: str, kinds: tuple[str, ...] = ORDERED, note: str = ""
) -> Callable[..., None]:
    record = _check(what, f"x {sign} y", fits, kinds)

    def check(
        x: Any,
        y: Any,
        message: str | None = None,
        summarize: int | None = None,
        name: str | None = None,
    ) -> None:
        _run(record, _together(x, y), message, summarize)

    check.__name__ = check.__qualname__ = what
    check.__doc__ = (
        f"Raises InvalidArgumentError unless x {sign} y for every element; the two broadcast.\n\n"
        "    The text begins with `message`, and shows `summarize` elements from each end of an axis."
        f"{note}\n\n"
        f"    >>> {what}({example})\n    "
    )
    return check


def _of_one(what: str, sign: str, fits: Any, example: str) -> Callable[..., None]:
    record = _check(what, f"x {sign} 0", fits)

    def check(
        x: Any, message: str | None = None, summarize: int | None = None, name: str | None = None
    ) -> None:
        _run(record, [convert(x)], message, summarize)

    check.__name__ = check.__qualname__ = what
    check.__doc__ = (
        f"Raises InvalidArgumentError unless x {sign} 0 for every element.\n\n"
        "    The text begins with `message`, and shows `summarize` elements from each end of an axis.\n\n"
        f"    >>> {what}({example})\n    "
    )
    return check


# fmt: off
assert_equal = _of_two("assert_equal", "==", lambda xp, x, y: x == y, "[1, 2], [1, 2]", ANY)
assert_none_equal = _of_two("assert_none_equal", "!=", lambda xp, x, y: x != y, "[1, 2], 0", ANY,
    "\n    In TensorFlow this one alone has `summarize` before `message`.")
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
    lambda xp, x, y, rtol, atol: (x == y) | (abs(x - y) <= atol + rtol * abs(y)), ("float", "complex"),
)
# fmt: on


def assert_near(
    x: Any,
    y: Any,
    rtol: float | None = None,
    atol: float | None = None,
    message: str | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> None:
    """Raises InvalidArgumentError unless |x - y| <= atol + rtol |y|; both default to 10 machine epsilons.

    Unlike in TensorFlow, two infinities of one sign are near, and the defaults for bfloat16 are 0.01.

    >>> assert_near([1.0], [1.0 + 1e-7])
    """
    a, b = _together(x, y)
    if not a.dtype.is_differentiable:
        raise TypeError(
            f"assert_near compares floats, but {describe(a)} was given. Use assert_equal."
        )
    small = 10 * float(np.finfo(a.dtype.as_numpy_dtype).eps) if a.dtype.size > 2 else 0.01
    tolerances = {
        "rtol": small if rtol is None else float(rtol),
        "atol": small if atol is None else float(atol),
    }
    _run(_NEAR, [a, b], message, summarize, **tolerances)


# --- numbers that are no numbers --------------------------------------------------------------------


def _numerics_kernel(xp: Any, x: Any, message: str, what: str = "check_numerics") -> Any:
    wrong = np.asarray(devices.to_host(~xp.isfinite(x)))
    if wrong.any():
        host = np.asarray(devices.to_host(x))
        nans = int(np.isnan(host).sum())
        index = first_of(wrong)
        place = f"at index {list(index)}: " if index else ""
        text = (
            f"finite numbers were expected, but the {dtypes.of_numpy(host.dtype).name} tensor of shape "
            f"{host.shape} holds {nans} NaN and {int(wrong.sum()) - nans} infinite elements. The first is "
            f"{place}{host[index]}. tf.debugging.enable_check_numerics() finds the operation that made it."
        )
        fail(what, message, text, InvalidArgumentError)
    return x


def _numerics_spec(x: TensorSpec, **attrs: Any) -> TensorSpec:
    if not x.dtype.is_differentiable:
        raise InvalidArgumentError(f"check_numerics works on float tensors, not on {x.dtype.name}.")
    return x


_NUMERICS = primitive(
    "check_numerics",
    _numerics_kernel,
    _numerics_spec,
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

    Use the result, and gradients flow through the check. The text begins with `message`.

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
