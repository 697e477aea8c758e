"""Complex numbers: put together, taken apart, and their size.

A tape passes cotangents through complex operations in the convention of holomorphic functions (plain
f'(x), no conjugates), so the tables of `elementwise` serve real and complex numbers alike. What a user
sees is TensorFlow's convention, the conjugate of it: the tape converts where cotangents come in and where
gradients go out. The rules below are written for the inner convention.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.dispatch import apply, primitive
from engine.errors import InvalidArgumentError
from engine.ops import elementwise
from engine.ops.creation import convert, convert_together
from engine.ops.elementwise import _check_kind, unary, where, zeros_like
from engine.ops.special import atan2, divide_no_nan
from engine.spec import TensorSpec
from engine.tensor import Tensor

COMPLEX = ("complex",)
_PARTS = {"complex64": dtypes.float32, "complex128": dtypes.float64}
_WHOLE = {"float32": dtypes.complex64, "float64": dtypes.complex128}


def _whole(name: str, *parts: Any) -> dtypes.DType:
    found = _WHOLE.get(parts[0].dtype.name)
    if found is None:
        raise InvalidArgumentError(
            f"{name}: float32 or float64 parts were expected, but {parts[0].dtype.name} was given. "
            "Convert them with tf.cast(x, tf.float32)."
        )
    return found


def _part(name: str, method: str, vjp: Any) -> Any:
    """Declares a primitive from a complex tensor to a real one of its precision."""

    def spec(x: TensorSpec) -> TensorSpec:
        _check_kind(name, x, COMPLEX)
        return TensorSpec(x.dims, _PARTS[x.dtype.name])

    return primitive(name, lambda xp, x: getattr(xp, method)(x), spec, vjp=(vjp,))


def _complex_spec(real: TensorSpec, imag: TensorSpec) -> TensorSpec:
    elementwise.same_dtype("complex", real, imag)
    return TensorSpec(
        elementwise.spec.broadcast(real.dims, imag.dims, "complex"), _whole("complex", real, imag)
    )


_COMPLEX = primitive(
    "complex",
    lambda xp, a, b: np.add(a, np.multiply(b, np.array(1j, np.complex64 if a.dtype.itemsize == 4 else None))),
    _complex_spec,
    vjp=(lambda dy, y, a, b: real(dy), lambda dy, y, a, b: -imag(dy)),
)
_REAL = _part("real", "real", lambda dy, y, x: _with_zero(dy))
_IMAG = _part("imag", "imag", lambda dy, y, x: apply(_COMPLEX, zeros_like(dy), -dy))
_ABS = _part(
    "complex_abs",
    "abs",
    lambda dy, y, x: _with_zero(divide_no_nan(dy, y)) * conj(x),
)
_CONJ = unary(
    "conj", np.conjugate, (lambda dy, y, x: conj(dy),), "the complex conjugate", COMPLEX
)


def _with_zero(x: Tensor) -> Tensor:
    return apply(_COMPLEX, x, zeros_like(x))


def complex(real: Any, imag: Any, name: str | None = None) -> Tensor:
    """real + i imag, of two float32 or two float64 tensors of one shape.

    >>> complex([1.0], [2.0]).numpy().tolist()
    [(1+2j)]
    """
    a, b = convert_together(real, imag)
    _complex_spec(a.spec, b.spec)
    return apply(_COMPLEX, a, b)


def real(input: Any, name: str | None = None) -> Tensor:
    """The real part; a real tensor comes back as it is."""
    x = convert(input)
    return apply(_REAL, x) if x.dtype.is_complex else x


def imag(input: Any, name: str | None = None) -> Tensor:
    """The imaginary part; zeros for a real tensor."""
    x = convert(input)
    return apply(_IMAG, x) if x.dtype.is_complex else zeros_like(x)


def conj(x: Any, name: str | None = None) -> Tensor:
    """The complex conjugate; a real tensor comes back as it is.

    >>> conj([1 + 2j]).numpy().tolist()
    [(1-2j)]
    """
    tensor = convert(x)
    return _CONJ(tensor) if tensor.dtype.is_complex else tensor


def angle(input: Any, name: str | None = None) -> Tensor:
    """The angle of a complex number in radians; 0 or pi for a real one.

    >>> angle([1j, -1 + 0j]).numpy().round(4).tolist()
    [1.5708, 3.1416]
    """
    x = convert(input)
    if x.dtype.is_complex:
        return atan2(imag(x), real(x))
    half_turn = zeros_like(x) + 3.141592653589793
    return where(x < 0, half_turn, zeros_like(x))


def abs(x: Any, name: str | None = None) -> Tensor:
    """The absolute value: |x| of real numbers, sqrt(re^2 + im^2) of complex ones.

    Elementwise; the shape of `x` stays.
    """
    if type(x) is not Tensor:
        x = convert(x)
    return apply(_ABS, x) if x.dtype.kind == "complex" else elementwise.abs(x)
