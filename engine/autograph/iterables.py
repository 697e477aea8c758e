"""What a `for` can go over in a graph: tensors, symbolic ranges, what is made of them, and objects of yours.

An object joins in with a method `__autograph_for__()` that returns three things, all without side effects:

  state   a structure of tensors: where the loop stands before its first step
  more    a function of the state: a bool scalar, whether there is another item
  step    a function of the state: the item, and the state after it

While a function is traced, a `for` over such an object is one loop of the graph; elsewhere Python asks for
`__iter__` as always.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import nest
from engine.autograph.convert import convert
from engine.autograph.values import first_dtype, symbolic, truth
from engine.dispatch import context
from engine.errors import OperatorNotAllowedInGraphError
from engine.ops.creation import convert as as_tensor
from engine.tensor import Tensor
from engine.variable import Variable

Steps = tuple[Any, Callable[[Any], Any], Callable[[Any], Any]]


class OnlyInAFor:
    """What a built-in function gives in a trace when only the graph will know how long it is."""

    what = ""

    def __iter__(self) -> Any:
        raise OperatorNotAllowedInGraphError(
            f"{self.what} goes over something whose length only the graph will know, so Python cannot: not "
            "in a list, a comprehension or an unpacking. Use it in a `for` statement, or tensor operations "
            "such as tf.range, tf.stack and tf.map_fn."
        )

    __len__ = __getitem__ = __contains__ = __iter__


class Range(OnlyInAFor):
    """range() with a symbolic argument."""

    what = "range()"

    def __init__(self, *bounds: Any):
        start, limit, delta = (
            (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1) if len(bounds) == 2 else bounds
        )
        self.start, self.limit, self.delta = (
            as_tensor(b, hint=first_dtype(bounds)) for b in (start, limit, delta)
        )

    def __autograph_for__(self) -> Steps:
        from engine.ops.elementwise import maximum

        # ceil((limit - start) / delta), in whole numbers and for either sign of delta
        length = maximum(-((self.start - self.limit) // self.delta), 0)
        zero = as_tensor(0, hint=length.dtype)
        return zero, lambda i: i < length, lambda i: (self.start + i * self.delta, i + 1)


class Rows:
    """A tensor along its first axis."""

    def __init__(self, tensor: Any):
        if tensor.shape.rank == 0:
            raise TypeError(f"`for` over {tensor}: a scalar has no axis to go along.")
        self.tensor = tensor

    @property
    def is_never_empty(self) -> bool:
        dims = self.tensor._dims
        return bool(dims) and bool(dims[0])

    def __autograph_for__(self) -> Steps:
        from engine.ops.layout import shape

        dims: Any = shape(self.tensor)
        count = dims[0]
        zero = as_tensor(0, hint=count.dtype)
        return zero, lambda i: i < count, lambda i: (self.tensor[i], i + 1)


class Zipped(OnlyInAFor):
    """Several of them at once, as long as the shortest."""

    what = "zip()"

    def __init__(self, *parts: Any):
        self.parts = [in_a_graph(part) for part in parts]

    @property
    def is_never_empty(self) -> bool:
        return all(getattr(part, "is_never_empty", False) for part in self.parts)

    def __autograph_for__(self) -> Steps:
        from engine.ops.reduce import reduce_all

        states, more, step = zip(*(part.__autograph_for__() for part in self.parts), strict=True)

        def next_of_all(state: Any) -> Any:
            items, after = zip(*(one(s) for one, s in zip(step, state, strict=True)), strict=True)
            return items, list(after)

        return (
            list(states),
            lambda state: reduce_all([one(s) for one, s in zip(more, state, strict=True)]),
            next_of_all,
        )


class Enumerated(OnlyInAFor):
    """Each item with its number."""

    what = "enumerate()"

    def __init__(self, part: Any, start: Any = 0):
        self.part, self.start = in_a_graph(part), as_tensor(start)
        self.is_never_empty = getattr(self.part, "is_never_empty", False)

    def __autograph_for__(self) -> Steps:
        state, more, step = self.part.__autograph_for__()

        def numbered(at: Any) -> Any:
            item, after = step(at[1])
            return (at[0], item), [at[0] + 1, after]

        return [self.start, state], lambda at: more(at[1]), numbered


def in_a_graph(iterable: Any) -> Any:
    """The iterable as something with `__autograph_for__`, or None where Python has to go over it."""
    if hasattr(type(iterable), "__autograph_for__"):
        return iterable
    if isinstance(iterable, Variable):
        iterable = iterable.value()
    return Rows(iterable) if isinstance(iterable, Tensor) else None


def _has_no_length(iterable: Any) -> bool:
    """Whether Python cannot go over it: only the graph will know how far."""
    if isinstance(iterable, Tensor):
        return symbolic(iterable) and not (iterable._dims and iterable._dims[0] is not None)
    return hasattr(type(iterable), "__autograph_for__")


def _range(*bounds: Any) -> Any:
    bounds = tuple(map(truth, bounds))
    if any(map(symbolic, bounds)):
        return Range(*bounds)
    return range(*(int(b) if isinstance(b, Tensor) else b for b in bounds))


def _zip(*parts: Any, strict: bool = False) -> Any:
    if any(map(_has_no_length, parts)) and all(in_a_graph(part) is not None for part in parts):
        return Zipped(*parts)
    return zip(*parts, strict=strict)


def _enumerate(part: Any, start: Any = 0) -> Any:
    return Enumerated(part, start) if _has_no_length(part) else enumerate(part, start)


_BUILTINS: dict[Any, Callable[..., Any]] = {range: _range, zip: _zip, enumerate: _enumerate}


def builtin(function: Any) -> Any:
    """What `range`, `zip` and `enumerate` stand for in a trace, unless the names are the user's own."""
    if not context.tracing:
        return function
    try:
        return _BUILTINS.get(function) or convert(function)
    except TypeError:  # a callable without a hash
        return convert(function)


def flat_state(state: Any) -> Any:
    """The state of a loop with tensors as leaves."""
    return nest.map_structure(as_tensor, state)
