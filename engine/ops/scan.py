"""Running sums and products along an axis, and the two helpers their derivatives are written with.

`recurrence` is the linear recurrence y[i] = b[i] + a[i] y[i-1]. It is its own adjoint but for direction,
and with it the derivative of a running product needs no division: it is right where a factor is 0.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from engine import spec
from engine.dispatch import apply, primitive, same_dtype
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert
from engine.ops.elementwise import (
    NUMBERS,
    _check_kind,
    equal,
    exp,
    minimum,
    ones_like,
    where,
    zeros_like,
)
from engine.spec import TensorSpec, normalize_axis
from engine.tensor import Tensor


def _flipped(xp: Any, x: Any, axis: int, reverse: bool) -> Any:
    return xp.flip(x, axis) if reverse else x


def _shifted(xp: Any, x: Any, axis: int, first: Any) -> Any:
    """Every element one place later; `first` comes in, the last goes."""
    result = xp.empty_like(x)
    before, after = [slice(None)] * x.ndim, [slice(None)] * x.ndim
    before[axis], after[axis] = slice(None, -1), slice(1, None)
    result[tuple(after)] = x[tuple(before)]
    before[axis] = slice(0, 1)
    result[tuple(before)] = first
    return result


def _shift_kernel(xp: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    return _flipped(xp, _shifted(xp, _flipped(xp, x, axis, reverse), axis, 0), axis, reverse)


def _running(method: str, neutral: int) -> Any:
    def kernel(xp: Any, x: Any, *, axis: int, exclusive: bool, reverse: bool) -> Any:
        x = _flipped(xp, x, axis, reverse)
        if exclusive:
            x = _shifted(xp, x, axis, neutral)
        return _flipped(xp, getattr(xp, method)(x, axis, dtype=x.dtype), axis, reverse)

    return kernel


def _recurrence_kernel(xp: Any, a: Any, b: Any, *, axis: int, reverse: bool, late: bool) -> Any:
    steps = range(a.shape[axis])
    a, result = xp.moveaxis(a, axis, 0), xp.moveaxis(b, axis, 0).copy()
    order = list(steps)[::-1] if reverse else list(steps)
    for before, now in itertools.pairwise(order):
        result[now] += a[before if late else now] * result[before]
    return xp.moveaxis(result, 0, axis)


def _recurrence_spec(a: TensorSpec, b: TensorSpec, **attrs: Any) -> TensorSpec:
    same_dtype("recurrence", a, b)
    _check_kind("recurrence", a, NUMBERS)
    return TensorSpec(spec.broadcast(a.dims, b.dims, "recurrence"), a.dtype)


def _unary_spec(name: str) -> Any:
    def rule(x: TensorSpec, **attrs: Any) -> TensorSpec:
        _check_kind(name, x, NUMBERS)
        return TensorSpec(x.dims, x.dtype)

    return rule


_SHIFT = primitive(
    "shift",
    _shift_kernel,
    lambda x, *, axis, reverse: TensorSpec(x.dims, x.dtype),
    vjp=(lambda dy, y, x, *, axis, reverse: _shift(dy, axis, not reverse),),
)


def _shift(x: Tensor, axis: int, reverse: bool) -> Tensor:
    return apply(_SHIFT, x, axis=axis, reverse=reverse)


def _recurrence(a: Tensor, b: Tensor, axis: int, reverse: bool, late: bool) -> Tensor:
    return apply(_RECURRENCE, a, b, axis=axis, reverse=reverse, late=late)


def _recurrence_vjp(
    dy: Tensor, y: Tensor, a: Tensor, b: Tensor, *, axis: int, reverse: bool, late: bool
) -> list[Tensor]:
    db = _recurrence(a, dy, axis, not reverse, not late)
    if late:
        return [_shift(db, axis, not reverse) * y, db]
    return [db * _shift(y, axis, reverse), db]


# late=False: y[i] = b[i] + a[i] y[i-1]; late=True: y[i] = b[i] + a[i-1] y[i-1].
_RECURRENCE = primitive("recurrence", _recurrence_kernel, _recurrence_spec, vjp=_recurrence_vjp)


def _cumprod_vjp(dy: Tensor, y: Tensor, x: Tensor, *, axis: int, exclusive: bool, reverse: bool) -> Tensor:
    """Of dy[j] x[0]...x[j], the factor x[i] leaves (x[0]...x[i-1]) times what a recurrence sums."""
    later = _shift(dy, axis, not reverse) if exclusive else dy
    before = y if exclusive else cumprod(x, axis, True, reverse)
    return before * _recurrence(x, later, axis, not reverse, True)


_CUMSUM = primitive(
    "cumsum",
    _running("cumsum", 0),
    _unary_spec("cumsum"),
    vjp=(
        lambda dy, y, x, *, axis, exclusive, reverse: cumsum(dy, axis, exclusive, not reverse),
    ),
)
_CUMPROD = primitive(
    "cumprod", _running("cumprod", 1), _unary_spec("cumprod"), vjp=(_cumprod_vjp,)
)


def _run(record: Any, x: Any, axis: Any, exclusive: bool, reverse: bool) -> Tensor:
    tensor = convert(x)
    _check_kind(record.name, tensor, NUMBERS)
    place = normalize_axis(axis, tensor.ndim, record.name)
    return apply(record, tensor, axis=place, exclusive=bool(exclusive), reverse=bool(reverse))


def cumsum(
    x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Tensor:
    """Running sums along `axis`: of the elements up to each, or before each with `exclusive`.

    `reverse` runs from the end.

    >>> cumsum([1, 2, 3]).numpy().tolist(), cumsum([1, 2, 3], exclusive=True).numpy().tolist()
    ([1, 3, 6], [0, 1, 3])
    """
    return _run(_CUMSUM, x, axis, exclusive, reverse)


def cumprod(
    x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Tensor:
    """Running products along `axis`; arguments as for `cumsum`. Gradients are right at zeros too.

    >>> cumprod([1, 2, 3]).numpy().tolist(), cumprod([1, 2, 3], reverse=True).numpy().tolist()
    ([1, 2, 6], [6, 6, 3])
    """
    return _run(_CUMPROD, x, axis, exclusive, reverse)


def _cumulative_logsumexp_vjp(dy: Tensor, y: Tensor, x: Tensor, *, axis: int, reverse: bool) -> Tensor:
    """The sum over j >= i of dy[j] exp(x[i] - y[j]): each step back multiplies by exp(y[i] - y[i+1]) <= 1."""
    step = exp(minimum(y - _shift(y, axis, not reverse), 0))
    return exp(x - y) * _recurrence(step, dy, axis, not reverse, False)


def _cumulative_logsumexp_spec(x: TensorSpec, **attrs: Any) -> TensorSpec:
    _check_kind("cumulative_logsumexp", x, ("float",))
    return TensorSpec(x.dims, x.dtype)


def _cumulative_logsumexp_kernel(xp: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    x = _flipped(xp, x, axis, reverse)
    return _flipped(xp, np.logaddexp.accumulate(x, axis, dtype=x.dtype), axis, reverse)


_CUMULATIVE_LOGSUMEXP = primitive(
    "cumulative_logsumexp",
    _cumulative_logsumexp_kernel,
    _cumulative_logsumexp_spec,
    vjp=(_cumulative_logsumexp_vjp,),
)


def cumulative_logsumexp(
    x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Tensor:
    """log(cumsum(exp(x))) without overflow. `exclusive` starts at -inf, which is log 0.

    >>> cumulative_logsumexp([1000.0, 1000.0]).numpy().round(3).tolist()
    [1000.0, 1000.6929931640625]
    """
    tensor = convert(x)
    if not tensor.dtype.is_floating:
        raise InvalidArgumentError(
            f"cumulative_logsumexp works on float tensors, but {tensor.dtype.name} was given. "
            "Convert it with tf.cast(x, tf.float32)."
        )
    place = normalize_axis(axis, tensor.ndim, "cumulative_logsumexp")
    total = apply(_CUMULATIVE_LOGSUMEXP, tensor, axis=place, reverse=bool(reverse))
    if not exclusive:
        return total
    inner = _shift(ones_like(total), place, bool(reverse))
    return where(equal(inner, 0), zeros_like(total) - math.inf, _shift(total, place, bool(reverse)))
