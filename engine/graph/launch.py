"""The short way from a call to a compiled graph: one generated function that checks, runs and packs.

A call whose arguments are those of the call before, but for the numbers in its tensors, needs no key and no
look-up: a launcher compares types, dtypes and shapes on the way to the arrays, and hands the results out in
their structure. Whatever it does not expect it leaves to `engine.function`, by returning MISS.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import config, nest
from engine.dispatch import context
from engine.graph.codegen import located
from engine.graph.concrete import ConcreteFunction
from engine.graph.quiet import how_to_call
from engine.spec import TensorSpec
from engine.tensor import Tensor

MISS: Any = object()
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


class Slot:
    """Stands for a leaf of the arguments while they are bound: the number of its place in the call."""

    def __init__(self, number: int):
        self.number = number


class _Guards:
    """The lines that take the arguments of a call apart, and leave with MISS at the first difference."""

    def __init__(self, specs: dict[int, TensorSpec]):
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        self.specs = specs  # of the leaves that are inputs of the graph
        self._leaves = 0

    def need(self, condition: str) -> None:
        self.lines.append(f"if {condition}: return MISS")

    def hold(self, value: Any) -> str:
        """A name for a value in the generated function."""
        name = f"k{len(self.names)}"
        self.names[name] = value
        return name

    def structure(self, value: Any, text: str) -> bool:
        """Lines for one argument, which stands in the variable `text`. False: it has no short way."""
        kind = type(value)
        if kind is tuple or kind is list:
            self.need(f"type({text}) is not {kind.__name__} or len({text}) != {len(value)}")
            parts = [f"{text}_{i}" for i in range(len(value))]
            if parts:
                self.lines.append(f"{', '.join(parts)}, = {text}")
            return all(map(self.structure, value, parts))
        if kind is dict:
            if any(type(key) not in (str, int) for key in value):
                return False
            self.need(f"type({text}) is not dict or len({text}) != {len(value)}")
            for i, key in enumerate(sorted(value)):
                self.lines.append(f"{text}_{i} = {text}.get({key!r}, MISS)")
                if not self.structure(value[key], f"{text}_{i}"):
                    return False
            return True
        return self.leaf(value, text)

    def leaf(self, value: Any, text: str) -> bool:
        number, self._leaves = self._leaves, self._leaves + 1
        kind = type(value)
        if kind is Tensor:
            spec = self.specs.get(number)
            if spec is None:
                return False
            self.need(f"type({text}) is not Tensor")
            self.lines.append(f"x{number} = {text}._array")
            dtype = self.hold(value._array.dtype)
            self.need(f"x{number}.dtype is not {dtype}{_shape_test(f'x{number}.shape', spec)}")
            return True
        if nest.is_nested(value) or isinstance(value, (Tensor, np.ndarray, np.generic)):
            return False
        if value is None or value is True or value is False:
            self.need(f"{text} is not {value!r}")
        elif kind in _PLAIN:
            self.need(f"type({text}) is not {kind.__name__} or {text} != {self.hold(value)}")
        else:
            try:
                self.need(f"{text} is not {self.hold(weakref.ref(value))}()")
            except TypeError:
                return False
        return True


def _shape_test(text: str, spec: TensorSpec) -> str:
    """What is wrong with a shape that does not fit a spec."""
    dims = spec.dims
    if dims is None:
        return ""
    if None not in dims:
        return f" or {text} != {dims!r}"
    sizes = [f" or {text}[{i}] != {size}" for i, size in enumerate(dims) if size is not None]
    return f" or len({text}) != {len(dims)}{''.join(sizes)}"


def _literal(structure: Any, leaves: list[str]) -> str | None:
    """The text that builds a structure of plain lists, tuples and dicts; None for others."""
    kind = type(structure)
    if not nest.is_nested(structure):
        return leaves.pop(0)
    if kind is dict:
        made = {key: _literal(structure[key], leaves) for key in sorted(structure)}
        simple = all(type(key) in (str, int) for key in structure) and None not in made.values()
        return "{" + ", ".join(f"{k!r}: {made[k]}" for k in structure) + "}" if simple else None
    if kind not in (list, tuple):
        return None
    parts = [_literal(part, leaves) for part in structure]
    if None in parts:
        return None
    inner = ", ".join(map(str, parts))
    return f"[{inner}]" if kind is list else f"({inner}{',' * (len(parts) == 1)})"


def launcher(
    concrete: Any, args: tuple[Any, ...], kwargs: dict[str, Any], order: list[int]
) -> Callable[[tuple[Any, ...], dict[str, Any]], Any] | None:
    """The short way for calls like this one; None where only the long way will do.

    concrete: a `engine.structured.StructuredFunction`.
    order: for each input of the graph, which leaf of `(args, kwargs)` goes in.
    """
    if concrete._captures:
        return None
    guards = _Guards({leaf: spec for leaf, spec in zip(order, concrete.inputs, strict=True)})
    guards.need("ctx.builder is not None or ctx.log is not None or config._eager_functions")
    if not guards.structure(args, "args"):
        return None
    if not kwargs:
        guards.need("kwargs")
    elif not guards.structure(kwargs, "kwargs"):
        return None
    arrays = [f"x{leaf}" for leaf in order]
    lines = [
        *guards.lines,
        "try:",
        f"    results, updates = call({', '.join(['concrete._run', *arrays])})",
        "except Exception as error:",
        "    readable = located(error)",
        "    if readable is error: raise",
        "    raise readable from None",
        *_stores(concrete, guards),
        f"return {_results(concrete)}",
    ]
    names = guards.names | {
        "MISS": MISS, "Tensor": Tensor, "ctx": context, "config": config, "located": located,
        "call": how_to_call(concrete.graph), "concrete": concrete,
    }  # fmt: skip
    text = "\n    ".join(["def launch(args, kwargs):", *lines]) + "\n"
    exec(compile(text, f"<call of {concrete.name}>", "exec"), names)
    launch: Callable[..., Any] = names["launch"]
    return launch


def _stores(concrete: ConcreteFunction, guards: _Guards) -> list[str]:
    """The lines that put new values into Variables."""
    updated = [variable for variable, _ in concrete.graph.updates]
    names = [guards.hold(variable) for variable in updated]
    made = [
        f"{names[i]}._check(Tensor(updates[{i}]), 'assign')" for i in concrete._unsure
    ]  # all are checked before one changes
    if names:
        made.append(f"{', '.join(f'{name}._array' for name in names)}, = updates")
    return made


def _results(concrete: Any) -> str:
    leaves = [
        "None" if place is None else f"Tensor(results[{place}])" for place in concrete._places
    ]
    text = _literal(concrete.structured_outputs, list(leaves))
    return text or f"concrete._pack([{', '.join(leaves)}])"
