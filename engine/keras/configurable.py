"""Configurable: an object that can say how it was made, and be made again from that.

Layers, losses, metrics, optimizers, initializers, regularizers and constraints are Configurable. None of
them writes its own `get_config`: it follows from the arguments of `__init__`. What a config looks like in
a file is the matter of `serialization`.
"""

from __future__ import annotations

import inspect
from typing import Any, Self

_IN_THE_ENGINE = "engine.keras"


class Configurable:
    """An object whose settings are the arguments of its `__init__`, kept as attributes of the same names.

    A class outside the engine may name its attributes as it likes: there, what `__init__` was called with
    counts. Override `get_config` and `from_config` where neither is right.

    >>> class Scale(Configurable):
    ...     def __init__(self, by=2.0):
    ...         self.factor = by
    >>> Scale(3.0).get_config()
    {'by': 3.0}
    >>> Scale.from_config({"by": 4.0}).factor
    4.0
    """

    _call: tuple[tuple[Any, ...], dict[str, Any]]
    _not_in_config: tuple[str, ...] = ()  # arguments that only `__init__` needs

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Remembers the call."""
        made = super().__new__(cls)
        object.__setattr__(made, "_call", (args, kwargs))
        return made

    def __init__(self) -> None:
        """Has no settings. Without this, a class that has none would take, and lose, any argument."""

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an object like this one, by name, without weights or other state."""
        cls = type(self)
        given = _given(cls, *self._call)
        own = cls.__module__.startswith(_IN_THE_ENGINE)
        config = {
            name: getattr(self, name, value) if own or name in ("name", "trainable") else value
            for name, value in given.items()
            if name not in cls._not_in_config
        }
        return {name: as_setting(value) for name, value in config.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """An object made with these arguments."""
        from engine.keras.serialization import deserialize_settings

        return cls(**deserialize_settings(config))


def _given(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Every named argument of `__init__`, those that `**kwargs` hands to the base classes first."""
    found: dict[str, Any] = {}
    rest: dict[str, Any] = kwargs
    position = args
    for base in cls.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        signature = inspect.signature(base.__init__)  # type: ignore[misc]
        named: dict[str, Any] = {}
        open_ended = False
        for number, (name, parameter) in enumerate(list(signature.parameters.items())[1:]):
            if parameter.kind is parameter.VAR_KEYWORD:
                open_ended = True
            elif parameter.kind is not parameter.VAR_POSITIONAL:
                value = position[number] if number < len(position) else parameter.default
                named[name] = rest.get(name, value)
        found = {**{k: v for k, v in named.items() if k not in found}, **found}
        rest = {name: value for name, value in rest.items() if name not in named}
        position = ()  # what a base gets from here on, it gets by name
        if not open_ended:
            break
    return found


def as_setting(value: Any) -> Any:
    """A value as it stands in a config: activations as names, other objects and functions as dicts."""
    from engine.keras import activations
    from engine.keras.serialization import serialize_keras_object

    return (activations.serialize if callable(value) else serialize_keras_object)(value)
