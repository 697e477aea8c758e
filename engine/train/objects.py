"""The objects of a program that lead to its variables, as a graph: who holds whom, under which name.

A checkpoint saves this graph beside the values. So a value finds its variable again by the way that leads
to it (`model`, then `layers`, then `0`, then `kernel`), whatever the variable is called.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from engine.variable import Variable

_LONGEST = 10_000  # letters; the name of a file in an archive ends at 65535 bytes


class Found(NamedTuple):
    """An object, the names that lead to it from the root, and the numbers of what it holds."""

    value: Any
    path: tuple[str, ...]
    children: dict[str, int]


def is_trackable(value: Any) -> bool:
    """Whether a checkpoint can follow this object: it is a variable, or may hold some."""
    if isinstance(value, (Variable, list, tuple, Mapping)):
        return True
    if isinstance(value, type):
        return False
    return hasattr(type(value), "_trackable_children") or hasattr(value, "variables")


def _is_worth_a_node(value: Any) -> bool:
    """A list of numbers leads nowhere; anything else that is trackable may lead to a variable."""
    if isinstance(value, (list, tuple)):
        return any(is_trackable(item) for item in value)
    if isinstance(value, Mapping):
        return any(is_trackable(item) for item in value.values())
    return is_trackable(value)


def children(owner: Any) -> dict[str, Any]:
    """What an object holds that leads to variables, by name.

    Lists and tuples number their items; dicts name them. A class says what it holds with a method
    `_trackable_children`; one without it, such as an optimizer, is known by its list `variables`.

    Raises:
      ValueError: for a dict that holds something trackable under a key that is not a string.
    """
    held: Mapping[Any, Any]
    if isinstance(owner, Variable):
        return {}
    if isinstance(owner, (list, tuple)):
        held = {str(i): item for i, item in enumerate(owner)}
    elif isinstance(owner, Mapping):
        held = owner
    elif hasattr(type(owner), "_trackable_children"):
        held = owner._trackable_children()
    else:
        held = {"_variables": list(owner.variables)}
    found = {name: value for name, value in held.items() if _is_worth_a_node(value)}
    for name in found:
        if not isinstance(name, str):
            raise ValueError(
                f"A checkpoint finds values by names, so the keys of a dict that holds variables must be "
                f"strings; {name!r} is a {type(name).__name__}. Write {str(name)!r} instead."
            )
    return found


def walk(root: Any) -> list[Found]:
    """Every object that can be reached from the root, each once, the nearest first."""
    graph = [Found(root, (), {})]
    numbers = {id(root): 0}
    waiting = deque([0])
    # Lists that `children` makes on the fly must live until the end, or their ids could come back.
    while waiting:
        value, path, edges = graph[waiting.popleft()]
        for name, child in children(value).items():
            if id(child) not in numbers:
                numbers[id(child)] = len(graph)
                waiting.append(len(graph))
                graph.append(Found(child, (*path, name), {}))
            edges[name] = numbers[id(child)]
    return graph


def key_of(path: tuple[str, ...]) -> str:
    """The name of a value in a checkpoint, as TensorFlow writes it.

    >>> key_of(("model", "a.b", "0"))
    'model/a..b/0/.ATTRIBUTES/VARIABLE_VALUE'
    """
    if "\0" in "".join(path):  # it would end the name in the file
        raise ValueError(f"A checkpoint cannot save under a name with a zero byte: {path!r}.")
    if sum(map(len, path)) > _LONGEST:
        raise ValueError(
            f"A checkpoint finds values by the names that lead to them, and here they are {len(path)}, "
            f"from {'.'.join(path[:3])} on. Keep the objects in a list instead of in one another."
        )
    names = [name.replace(".", "..").replace("/", ".S") for name in path]
    return "/".join([*names, ".ATTRIBUTES/VARIABLE_VALUE"])
