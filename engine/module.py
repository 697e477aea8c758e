"""tf.Module: an object that finds the variables in its attributes, and in those of the modules in it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from engine import nest
from engine.scopes import name_scope, scoped
from engine.variable import Variable, attach


class Module:
    """Base class of objects that hold variables, in attributes, lists, dicts and other modules.

    >>> class Line(Module):
    ...     def __init__(self, name=None):
    ...         super().__init__(name)
    ...         self.w = Variable(2.0, name="w")
    ...         self.parts = [Variable(0.0, trainable=False, name="b")]
    >>> line = Line()
    >>> [v.name for v in line.variables], [v.name for v in line.trainable_variables], line.name
    (['b:0', 'w:0'], ['w:0'], 'line')
    """

    def __init__(self, name: str | None = None):
        if name is None:
            words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", type(self).__name__)
            name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", words).lower()
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ValueError(
                f"{name!r} is not a name for a module: use letters, digits and underscores."
            )
        self._name = name
        self._scope = scoped(name) + "/"

    @property
    def name(self) -> str:
        """The name given, or that of the class in snake_case."""
        return self._name

    @property
    def name_scope(self) -> Any:
        """A `with` block that puts the name of this module before those of new variables."""
        return name_scope(self._scope)

    @classmethod
    def with_name_scope(cls, method: Callable[..., Any]) -> Callable[..., Any]:
        """Decorates a method: it runs inside `self.name_scope`."""

        @functools.wraps(method)
        def scoped_method(self: Any, *args: Any, **kwargs: Any) -> Any:
            with self.name_scope:
                return method(self, *args, **kwargs)

        return scoped_method

    @property
    def variables(self) -> tuple[Variable, ...]:
        """All variables, each once: those of this object by attribute name, then those of its modules."""
        return tuple(_variables(self, {id(self)}, {}).values())

    @property
    def trainable_variables(self) -> tuple[Variable, ...]:
        """The variables that a gradient tape watches of its own accord."""
        return tuple(variable for variable in self.variables if variable.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Variable, ...]:
        """The other variables."""
        return tuple(variable for variable in self.variables if not variable.trainable)

    @property
    def submodules(self) -> tuple[Any, ...]:
        """The modules and layers inside this one, and inside those."""
        found: dict[int, Any] = {}

        def visit(owner: Any) -> None:
            for part in _parts(owner):
                if _holds_variables(part) and part is not self and id(part) not in found:
                    found[id(part)] = part
                    visit(part)

        visit(self)
        return tuple(found.values())

    __setattr__ = attach

    def _trackable_children(self) -> dict[str, Any]:
        """What tf.train.Checkpoint looks through for variables."""
        return vars(self)


def _holds_variables(value: Any) -> bool:
    """A module, or something else that lists its variables, such as a Keras layer."""
    return not isinstance(value, type) and hasattr(type(value), "trainable_variables")


def _parts(owner: Any) -> list[Any]:
    """What the attributes of an object hold, structures taken apart, in the order of their names."""
    held = vars(owner) if hasattr(owner, "__dict__") else {}
    return [leaf for key in sorted(held) for leaf in _leaves(held[key])]


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):  # its keys need not be sortable
        return [leaf for part in value.values() for leaf in _leaves(part)]
    return nest.flatten(value) if isinstance(value, (list, tuple)) else [value]


def _variables(owner: Any, seen: set[int], found: dict[int, Variable]) -> dict[int, Variable]:
    inside = []
    for part in _parts(owner):
        if isinstance(part, Variable):
            found.setdefault(id(part), part)
        elif _holds_variables(part) and id(part) not in seen:
            seen.add(id(part))
            inside.append(part)
    for part in inside:
        if isinstance(part, Module):
            _variables(part, seen, found)
        else:
            for variable in part.variables:
                found.setdefault(id(variable), variable)
    return found
