"""DTypePolicy: in which dtype a layer computes, and in which it keeps its weights."""

from __future__ import annotations

from typing import Any

from engine import dtypes
from engine.keras.configurable import Configurable

__all__ = ["DTypePolicy", "dtype_policy", "get", "set_dtype_policy"]

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class DTypePolicy(Configurable):
    """A name such as 'float32', or 'mixed_float16': float16 for computing, float32 for the weights.

    >>> policy = DTypePolicy("mixed_bfloat16")
    >>> policy.compute_dtype, policy.variable_dtype
    ('bfloat16', 'float32')
    """

    def __init__(self, name: str):
        if name in _MIXED:
            self.compute_dtype, self.variable_dtype = _MIXED[name], "float32"
        else:
            self.compute_dtype = self.variable_dtype = dtypes.as_dtype(name).name
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


_default = DTypePolicy("float32")


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are made without a dtype."""
    return _default


def set_dtype_policy(policy: Any) -> None:
    """Sets that policy, by name or as a DTypePolicy, for the layers made from now on."""
    global _default
    _default = get(policy)


def get(identifier: Any) -> DTypePolicy:
    """A policy from None (the default), a name, a dtype, a config or a policy.

    Raises:
      TypeError: for anything else.
    """
    if identifier is None:
        return _default
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return DTypePolicy(identifier["config"]["name"])
    if isinstance(identifier, str) and identifier in _MIXED:
        return DTypePolicy(identifier)
    return DTypePolicy(dtypes.as_dtype(identifier).name)
