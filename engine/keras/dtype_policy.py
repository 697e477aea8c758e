"""DTypePolicy: in which dtype a layer computes, and in which it keeps its weights.

`tf.keras.dtype_policies`. Mixed precision (Micikevicius et al., 2018) computes in 16 bits, where processors
are faster and memory holds twice as much, and keeps weights in 32, so that small updates are not lost.
"""

from __future__ import annotations

from typing import Any

from engine import dtypes
from engine.keras import config
from engine.keras.configurable import Configurable
from engine.keras.lookup import nearest
from engine.keras.serialization import (
    custom_object_scope,
    deserialize_keras_object,
    serialize_keras_object,
)

__all__ = ["DTypePolicy", "deserialize", "dtype_policy", "get", "serialize", "set_dtype_policy"]

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class DTypePolicy(Configurable):
    """A name such as 'float32', or 'mixed_float16': float16 for computing, float32 for the weights.

    Args:
      name: a dtype, 'mixed_float16' or 'mixed_bfloat16'; by default that of the default policy.

    >>> policy = DTypePolicy("mixed_bfloat16")
    >>> policy.compute_dtype, policy.variable_dtype
    ('bfloat16', 'float32')
    """

    quantization_mode = None  # Keras's policies for int8, int4 and float8 are not there

    def __init__(self, name: str | None = None):
        name = dtype_policy().name if name is None else name
        if not isinstance(name, str):
            raise TypeError(f"DTypePolicy takes a name such as 'mixed_float16', not {name!r}.")
        if name in _MIXED:
            self.compute_dtype, self.variable_dtype = _MIXED[name], "float32"
        else:
            self.compute_dtype = self.variable_dtype = _standard(name)
            name = self.compute_dtype
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


def _standard(name: str) -> str:
    """The engine's name of a dtype; ValueError for what is none."""
    try:
        return dtypes.as_dtype(name).name
    except TypeError as error:
        known = (*_MIXED, "float16", "bfloat16", "float32", "float64")
        raise ValueError(f"There is no dtype policy {name!r}.{nearest(name, known)}") from error


_default: DTypePolicy | None = None


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are made without a dtype; `tf.keras.config.floatx()` until one is set."""
    return DTypePolicy(config.floatx()) if _default is None else _default


def set_dtype_policy(policy: Any) -> None:
    """Sets that policy, by name or as a DTypePolicy, for the layers made from now on."""
    global _default
    _default = get(policy)


def get(identifier: Any) -> DTypePolicy:
    """A policy from None (the default), a name, a dtype, a config or a policy.

    Raises:
      ValueError: for a name that is no policy's.
      TypeError: for anything else.
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        made = deserialize_keras_object(identifier, module_objects={"DTypePolicy": DTypePolicy})
        if not isinstance(made, DTypePolicy):
            raise TypeError(f"A dtype policy was expected, not {made!r}.")
        return made
    return DTypePolicy(
        identifier if isinstance(identifier, str) else dtypes.as_dtype(identifier).name
    )


def serialize(dtype_policy: DTypePolicy) -> Any:
    """Its config."""
    return serialize_keras_object(dtype_policy)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> DTypePolicy:
    """The policy from its config."""
    with custom_object_scope(custom_objects or {}):
        return get(config)
