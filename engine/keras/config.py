"""`tf.keras.config`: settings of the whole program, such as the dtype of layers that name none."""

from __future__ import annotations

from typing import Any

from engine import dtypes

__all__ = [
    "dtype_policy", "enable_unsafe_deserialization", "epsilon", "floatx", "image_data_format",
    "set_dtype_policy", "set_epsilon", "set_floatx", "set_image_data_format",
]  # fmt: skip

_floatx = "float32"
_epsilon = 1e-7
_image_data_format = "channels_last"
_unsafe_deserialization = False


def floatx() -> str:
    """The name of the dtype of weights and random numbers where none is given; 'float32' at first."""
    return _floatx


def set_floatx(value: str) -> None:
    """Sets it: 'bfloat16', 'float16', 'float32' or 'float64'.

    Raises:
      ValueError: for anything else.
    """
    global _floatx
    known = ("bfloat16", "float16", "float32", "float64")
    name = dtypes.as_dtype(value).name if value != "float" else value
    if name not in known:
        raise ValueError(f"set_floatx: one of {', '.join(known)} was expected, not {value!r}.")
    _floatx = name


def epsilon() -> float:
    """The small number that losses, metrics and constraints add to divisors; 1e-7 at first."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Sets it."""
    global _epsilon
    _epsilon = float(value)


def image_data_format() -> str:
    """Where layers that are not told expect the channels of an image; 'channels_last' at first.

    >>> image_data_format()
    'channels_last'
    """
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Sets it: 'channels_last', (batch, height, width, channels), or 'channels_first'.

    Raises:
      ValueError: for anything else.
    """
    global _image_data_format
    name = str(data_format).lower()
    if name not in ("channels_last", "channels_first"):
        raise ValueError(
            f"The data format is 'channels_last' or 'channels_first', not {data_format!r}."
        )
    _image_data_format = name


def dtype_policy() -> Any:
    """The DTypePolicy of layers that are made without a dtype.

    >>> dtype_policy()
    <DTypePolicy "float32">
    """
    from engine.keras import dtype_policy as policies  # which reads floatx from here

    return policies.dtype_policy()


def set_dtype_policy(policy: Any) -> None:
    """Sets that policy, by name or as a DTypePolicy, for the layers made from now on."""
    from engine.keras import dtype_policy as policies

    policies.set_dtype_policy(policy)


def enable_unsafe_deserialization() -> None:
    """Lets every file run the Python code of its lambdas from now on, as if loaded with `safe_mode=False`."""
    global _unsafe_deserialization
    _unsafe_deserialization = True


def unsafe_deserialization() -> bool:
    """Whether that has been called."""
    return _unsafe_deserialization
