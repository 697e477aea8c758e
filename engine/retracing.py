"""Which graph a call needs: the key of its arguments, and in words why a call found none.

The key is made of everything a graph depends on: the nesting of the arguments, the dtype and shape of each
tensor, the type and value of each plain Python argument, and the identity of every other object.
"""

from __future__ import annotations

import sys
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine import nest
from engine.spec import Dims, TensorShape, TensorSpec, show
from engine.tensor import Tensor
from engine.variable import Variable


class Identity:
    """A key that is equal only for the same living object; a dead object matches nothing."""

    __slots__ = ("_hash", "_ref")

    def __init__(self, value: Any):
        self._hash = id(value)
        try:
            self._ref: Any = weakref.ref(value)
        except TypeError:
            self._ref = lambda: value

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: Any) -> bool:
        mine = self._ref()
        return isinstance(other, Identity) and mine is not None and mine is other._ref()


def _never_changes(value: Any) -> bool:
    """Whether an object is what is in it: then an equal one may stand in for it."""
    if isinstance(value, (range, frozenset, TensorShape)):
        return True
    parameters = getattr(type(value), "__dataclass_params__", None)
    return parameters is not None and parameters.frozen and type(value).__hash__ is not None


def leaf_key(leaf: Any) -> Any:
    """The key of one leaf."""
    if isinstance(leaf, Tensor):
        return (leaf.dtype.name, leaf._dims)
    if isinstance(leaf, (float, complex)) and (not leaf or leaf != leaf):
        return (
            type(leaf),
            repr(leaf),
        )  # -0.0 equals 0.0, and 1 / x tells them apart; nan equals nothing
    if leaf is None or isinstance(leaf, (bool, int, float, complex, str, bytes)):
        return (type(leaf), leaf)  # the type too: 1, 1.0 and True are equal in Python
    if type(leaf) is slice:
        return (slice, *map(leaf_key, (leaf.start, leaf.stop, leaf.step)))
    if _never_changes(leaf):
        try:
            return (type(leaf), hash(leaf), leaf)
        except TypeError:  # something in it has no hash
            pass
    return Identity(leaf)


def quick_key(value: Any) -> Any:
    """A key of arguments that are tensors, Python values, objects, or plain structures of them; else None.

    It tells apart what the full key tells apart, and is made in a fraction of the time. What is found
    under it checks again: objects are told apart by their address.
    """
    kind = type(value)
    if kind is Tensor:
        array = value._array
        return (array.dtype, array.shape)
    if kind is tuple or kind is list:
        parts = [kind]
        for part in value:
            key = quick_key(part)
            if key is None:
                return None
            parts.append(key)
        return tuple(parts)
    if kind is dict:
        keys = tuple(map(quick_key, value.values()))
        return None if None in keys else (kind, tuple(value), keys)
    if (kind is float or kind is complex) and (not value or value != value):
        return (kind, repr(value))
    if value is None or kind in (bool, int, float, complex, str, bytes):
        return (kind, value)
    if isinstance(value, (Tensor, np.ndarray, np.generic)) or nest.is_nested(value):
        return None
    return (kind, id(value))


def structure_key(value: Any, leaf: Callable[[Any], Any] = leaf_key) -> Any:
    """The key of a structure: how it is nested, and the keys of its leaves."""
    if isinstance(value, dict):
        return (type(value), tuple((k, structure_key(value[k], leaf)) for k in sorted(value)))
    if isinstance(value, (list, tuple)):
        return (type(value), tuple(structure_key(part, leaf) for part in value))
    return leaf(value)


def shapeless_key(leaf: Any) -> Any:
    """The key of one leaf, whatever its shape."""
    return leaf.dtype.name if isinstance(leaf, Tensor) else leaf_key(leaf)


def ranked_key(leaf: Any) -> Any:
    """The key of one leaf, whatever its sizes."""
    if not isinstance(leaf, Tensor):
        return leaf_key(leaf)
    return (leaf.dtype.name, None if leaf._dims is None else len(leaf._dims))


def covers(wide: Dims | None, dims: Dims | None) -> bool:
    """Whether a graph for the one shape takes every tensor of the other."""
    if wide is None or dims is None:
        return wide is None
    pairs = zip(wide, dims, strict=False)
    return len(wide) == len(dims) and all(w is None or w == d for w, d in pairs)


class SpecLeaf(Tensor):
    """A TensorSpec that keys like a tensor of that spec."""

    __slots__ = ("_given",)

    def __init__(self, given: TensorSpec):
        self._given = given

    @property
    def _dims(self) -> Any:
        return self._given.dims

    @property
    def dtype(self) -> Any:
        return self._given.dtype


# --- in words -----------------------------------------------------------------------------------------


class RetracingWarning(UserWarning):
    """A function is traced again and again, which costs more than it saves."""


@dataclass(frozen=True)
class Leaf:
    """An argument, or a part of one, as a trace saw it. It keeps no tensor alive."""

    name: str
    kind: str  # "tensor", "value" or "object"
    dtype: str = ""
    dims: Dims | None = None
    text: str = ""

    @classmethod
    def of(cls, name: str, value: Any) -> Leaf:
        """What is to be said of one value."""
        if isinstance(value, (Tensor, TensorSpec)):
            dims = value.dims if isinstance(value, TensorSpec) else value._dims
            return cls(name, "tensor", value.dtype.name, dims)
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
            return cls(name, "value", type(value).__name__, text=repr(value)[:60])
        what = "Variable " + value.name if isinstance(value, Variable) else type(value).__name__
        return cls(name, "object", what, text=f"{what} at {id(value):#x}")

    def __str__(self) -> str:
        if self.kind == "tensor":
            return f"{self.name}: {self.dtype} {show(self.dims)}"
        return f"{self.name}: {self.text}"

    def change(self, before: Leaf) -> str:
        """What is different from an earlier trace, and the fix; empty if nothing is."""
        name, fix = self.name, ""
        if (self.kind, self.dtype, self.dims, self.text) == (
            before.kind, before.dtype, before.dims, before.text,
        ):  # fmt: skip
            return ""
        if self.kind != before.kind:
            what = f"{_a(before)} before, {_a(self)} now"
            fix = "pass the same kind each time, best a tensor: tf.constant(...)"
        elif self.kind == "object":
            what = f"another object ({self.dtype}) than before"
            fix = "make the object once and pass the same one, or pass what is in it as tensors"
        elif self.kind == "value":
            what = f"{before.text} before, {self.text} now"
            fix = f"every value of a Python argument is a graph of its own; pass tf.constant({self.text})"
            if self.dtype in ("bool", "str", "NoneType"):
                fix = "fine for a few settings; else decide inside with tf.cond on a tensor"
        elif self.dtype != before.dtype:
            what = f"{before.dtype} before, {self.dtype} now"
            fix = f"give it one dtype: tf.cast({name}, tf.{before.dtype})"
        else:
            what = f"shape {show(before.dims)} before, {show(self.dims)} now"
            common = looser(before.dims, self.dims)
            sizes = "None" if common is None else "[" + ", ".join(map(str, common)) + "]"
            fix = (
                f"one graph for all sizes: input_signature=[tf.TensorSpec({sizes}, tf.{self.dtype})], or "
                "reduce_retracing=True"
            )
        return f"{name}: {what}. Fix: {fix}."


def _a(leaf: Leaf) -> str:
    return {"tensor": "a tensor", "value": f"the Python value {leaf.text}"}.get(
        leaf.kind, f"an object ({leaf.dtype})"
    )


def looser(one: Dims | None, other: Dims | None) -> Dims | None:
    """The sizes that two shapes share, None where they differ; None for different ranks."""
    if one is None or other is None or len(one) != len(other):
        return None
    return tuple(a if a == b else None for a, b in zip(one, other, strict=True))


NESTING = "The arguments are nested in another way: {}. Fix: one structure."


def changes(before: list[Leaf], now: list[Leaf]) -> list[str]:
    """A sentence for each difference between the arguments of two calls that need different graphs."""
    old, new = ([leaf.name for leaf in leaves] for leaves in (before, now))
    if old != new:
        said = [", ".join(names) or "nothing" for names in (old, new)]
        return [NESTING.format(f"{said[0]} before, {said[1]} now")]
    said = [text for a, b in zip(before, now, strict=True) if (text := b.change(a))]
    return said or [NESTING.format("other keys, or a list where a tuple was")]


@dataclass(frozen=True)
class Explanation:
    """Whether a call would trace the function, and why; printed, a text."""

    retraces: bool
    reasons: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


def explanation(name: str, known: Any, traced: list[Any], now: list[Leaf]) -> Explanation:
    """What `Function.explain` says: `known` is the graph a call would use, or None."""
    given = ", ".join(map(str, now)) or "no arguments"
    if known is not None:
        number = next(i for i, concrete in enumerate(traced, 1) if concrete is known)
        text = f"{name} will not be traced for {given}: graph {number} of {len(traced)} fits."
        return Explanation(False, (), text)
    if not traced:
        return Explanation(True, (), f"{name} will be traced for {given}: it never was.")
    nearest = min(
        reversed(traced),
        key=lambda c: (len(c.described) != len(now), len(changes(c.described, now))),
    )
    reasons = tuple(changes(nearest.described, now))
    graphs = "graph" if len(traced) == 1 else f"{len(traced)} graphs"
    lines = [
        f"{name} will be traced for {given}: its {graphs} so far do not fit. The nearest differs:"
    ]
    return Explanation(True, reasons, "\n  ".join([*lines, *reasons]))


def warn_of_retracing(name: str, count: int, before: list[Leaf], now: list[Leaf]) -> None:
    """Says, once for each function, which argument makes it trace so often."""
    reasons = "\n  ".join(changes(before, now))
    warn_the_caller(
        f"{name} was traced {count} times. Tracing costs far more than a call, so that may be slower than "
        f"no tf.function at all. Since the trace before:\n  {reasons}",
        RetracingWarning,
    )


def warn_the_caller(text: str, category: type[Warning]) -> None:
    """Warns at the nearest line outside the engine."""
    frame, level = sys._getframe(1), 2
    inside = str(Path(__file__).parent)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(inside):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)
