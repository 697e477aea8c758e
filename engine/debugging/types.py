"""Checks of dtypes and of what a value is. All is known at once, also while a function is traced."""

from __future__ import annotations

from typing import Any

from engine import dtypes
from engine.ops.creation import convert
from engine.tensor import Tensor, describe
from engine.variable import Variable


def _said(what: str, message: str | None) -> str:
    return f"{what}: {message} " if message else f"{what}: "


def assert_type(
    tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None
) -> None:
    """Raises TypeError unless the tensor has this dtype.

    >>> assert_type([1.0], "float32")
    """
    given, wanted = convert(tensor), dtypes.as_dtype(tf_type)
    if given.dtype is not wanted:
        raise TypeError(
            f"{_said('assert_type', message)}{wanted.name} was expected, but {describe(given)} was given. "
            f"Convert it with tf.cast(x, tf.{wanted.name})."
        )


def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> None:
    """Raises TypeError unless the tensor holds integers.

    >>> assert_integer([1, 2])
    """
    given = convert(x)
    if not given.dtype.is_integer:
        raise TypeError(
            f"{_said('assert_integer', message)}integers were expected, but {describe(given)} was given. "
            "Convert it with tf.cast(x, tf.int32)."
        )


def is_numeric_tensor(tensor: Any) -> bool:
    """Whether this is a tensor or variable of numbers, rather than of bools or strings, or no tensor.

    >>> is_numeric_tensor(convert([1.0])), is_numeric_tensor(convert(True)), is_numeric_tensor(3)
    (True, False, False)
    """
    kinds = ("int", "uint", "float", "complex")
    return isinstance(tensor, (Tensor, Variable)) and tensor.dtype.kind in kinds


def assert_proper_iterable(values: Any) -> None:
    """Raises TypeError for what is one value rather than several: a tensor, array, string or dict.

    >>> assert_proper_iterable([1, 2])
    """
    single = (Tensor, Variable, str, bytes, dict)
    if isinstance(values, single) or hasattr(values, "dtype") or not hasattr(values, "__iter__"):
        raise TypeError(
            f"assert_proper_iterable: a list or tuple of values was expected, but {describe(values)} was "
            "given. Put a single value in brackets."
        )


def assert_same_float_dtype(tensors: Any = None, dtype: Any = None) -> dtypes.DType:
    """The dtype all the tensors have, and `dtype` if given; float32 when nothing has one.

    Raises:
      ValueError: when they differ, or it is not a float.

    >>> assert_same_float_dtype([convert([1.0]), None], "float32")
    tf.float32
    """
    found = None if dtype is None else dtypes.as_dtype(dtype)
    for tensor in tensors or []:
        if tensor is None:
            continue
        given = convert(tensor)
        if found is not None and given.dtype is not found:
            raise ValueError(
                f"assert_same_float_dtype: {found.name} was expected, but {describe(given)} was given. "
                f"Convert it with tf.cast(x, tf.{found.name})."
            )
        found = given.dtype
    found = found or dtypes.float32
    if not found.is_floating:
        raise ValueError(
            f"assert_same_float_dtype: a float was expected, but the dtype is {found.name}. Convert with "
            "tf.cast(x, tf.float32)."
        )
    return found
