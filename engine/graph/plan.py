"""Which arrays a graph needs while it runs, and which of them can share memory.

A value that is made and used up inside a run needs no fresh array at each call: it gets a place in a
workspace that is kept from call to call. Two values that are never needed at one time share a place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from math import prod
from sys import getrefcount
from typing import Any

import numpy as np

from engine.graph.graph import CONSTANT, PLACEHOLDER, VARIABLE, Graph, Node

LINE = 64  # bytes: every array begins at a new line of the cache


@dataclass(frozen=True)
class Writes:
    """What a node can write into arrays it is given.

    outputs: of its values, those.
    scratch: bytes it needs besides, while it runs.
    in_place: for a value, the inputs whose arrays will do, if they are not needed any more.
    """

    outputs: tuple[int, ...] = ()
    scratch: int = 0
    in_place: Mapping[int, Collection[int]] = field(default_factory=dict)


NOTHING = Writes()


@dataclass
class Plan:
    """Places in memory.

    slots: for each planned value its slot.
    scratch: for each node that needs some, by its first output, (slot, bytes).
    sizes: of the slots, in bytes.
    """

    slots: dict[int, int]
    scratch: dict[int, tuple[int, int]]
    sizes: list[int]

    def workspace(self, graph: Graph) -> Callable[[], list[np.ndarray]]:
        """A function that makes the arrays of `slots`, then those of `scratch`, in order."""
        views: list[Any] = [
            (slot, graph.specs[value].dims, graph.specs[value].dtype.as_numpy_dtype)
            for value, slot in self.slots.items()
        ]
        views += [(slot, (size,), np.dtype(np.uint8)) for slot, size in self.scratch.values()]

        def make() -> list[np.ndarray]:
            memory = [_aligned(size) for size in self.sizes]
            return [
                memory[slot][: prod(dims) * dtype.itemsize].view(dtype).reshape(dims)
                for slot, dims, dtype in views
            ]

        return make


def workspaces(make: Callable[[], Any]) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    """Two functions: one gives a workspace that nobody uses, the other takes it back for the next run.

    Runs that overlap, in threads or by recursion, each have a workspace of their own.
    """
    waiting: list[Any] = []

    def take() -> Any:
        try:
            return waiting.pop()
        except IndexError:
            return make()

    return take, waiting.append


def size_of(spec: Any) -> int:
    """The bytes of a value of known sizes."""
    return prod(spec.dims) * int(spec.dtype.as_numpy_dtype.itemsize)


def _aligned(size: int) -> np.ndarray:
    memory = np.empty(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size]


class _Slots:
    """Memory handed out and taken back, in pieces."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.free: list[int] = []
        self.busy: dict[int, int] = {}  # slot -> position of the last node that needs it

    def take(self, size: int, until: int) -> int:
        """The smallest free slot that will do; else the largest free one, made larger; else a new one."""
        fitting = [slot for slot in self.free if self.sizes[slot] >= size]
        if fitting:
            slot = min(fitting, key=lambda s: self.sizes[s])
        elif self.free:
            slot = max(self.free, key=lambda s: self.sizes[s])
        else:
            slot = len(self.sizes)
            self.sizes.append(0)
            self.free.append(slot)
        self.free.remove(slot)
        self.sizes[slot] = max(self.sizes[slot], size)
        self.busy[slot] = until
        return slot

    def release(self, position: int) -> None:
        """Takes back what no node after `position` needs."""
        over = [slot for slot, until in self.busy.items() if until <= position]
        for slot in over:
            del self.busy[slot]
        self.free += over


def _lifetimes(graph: Graph, written: set[int]) -> tuple[dict[int, int], set[int]]:
    """For each value the last node that looks at it; and the values that may leave the graph."""
    leaves = {*graph.outputs, *(number for _, number in graph.updates)}
    last: dict[int, int] = {}
    for position in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[position]
        views = [
            number for number in node.outputs if number not in written
        ]  # perhaps of its inputs
        until = max([position, *(last.get(number, position) for number in views)])
        stateful = node.primitive is not None and node.primitive.stateful
        escapes = stateful or any(number in leaves for number in views)
        for number in node.inputs:
            last[number] = max(last.get(number, 0), until)
            if escapes:
                leaves.add(number)
    return last, leaves


def plan_buffers(graph: Graph, writes: Callable[[Node], Writes]) -> Plan:
    """Places for the values that nodes can write into arrays they are given.

    Values that leave the graph get none, nor does anything they may be a view of: what a node makes without
    being given an array may be its input, seen another way.
    """
    last, leaves = _lifetimes(graph, {n for node in graph.nodes for n in writes(node).outputs})
    slots = _Slots()
    plan = Plan({}, {}, slots.sizes)
    seen: dict[int, set[int]] = {}  # for a value the planned ones of which it may be a view
    for position, node in enumerate(graph.nodes):
        if node.op in (PLACEHOLDER, CONSTANT, VARIABLE):
            continue
        able = writes(node)
        looked_at = set().union(*(seen.get(n, ()) for n in node.inputs))
        taken: set[int] = set()
        for number in able.outputs:
            if number in leaves:
                continue
            until = last.get(number, position)
            for old in able.in_place.get(number, ()):
                slot = plan.slots.get(old, -1)
                over = slots.busy.get(slot) == last[old] == position and slot not in taken
                over = over and old not in looked_at  # a view of it is read at other places
                if over and size_of(graph.specs[old]) == size_of(graph.specs[number]):
                    plan.slots[number] = slot
                    slots.busy[slot] = until
                    taken.add(slot)
                    break
            else:
                plan.slots[number] = slots.take(size_of(graph.specs[number]), until)
        below = {n for n in node.inputs if n in plan.slots} | looked_at
        seen.update((number, below) for number in node.outputs if number not in able.outputs)
        if able.scratch:
            plan.scratch[node.outputs[0]] = (slots.take(able.scratch, position), able.scratch)
        slots.release(position)
    return plan


def reuse(array: Any) -> Any:
    """The array of a Variable, if nobody else holds it, to be written over; else a new one like it."""
    if type(array) is np.ndarray and getrefcount(array) == _NOBODY_ELSE:
        flags = array.flags
        if flags.owndata and flags.writeable and flags.c_contiguous:
            return array
    return np.empty(array.shape, array.dtype)


def another(array: Any) -> Any:
    """A new array of the same kind."""
    return np.empty(array.shape, array.dtype)


def _count(array: Any) -> int:
    return getrefcount(array)


class _Holder:
    def __init__(self) -> None:
        self.array = np.empty(1)


def _nobody_else() -> int:
    """The references that `reuse` finds when it is called, as generated code does, on a Variable's array."""
    holder = _Holder()
    array = holder.array
    return _count(array)


_NOBODY_ELSE = _nobody_else()
