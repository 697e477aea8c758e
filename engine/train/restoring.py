"""Brings the values of a checkpoint to the variables of a program, also to those that are made later.

A restored checkpoint whose values have not all found a variable stays in `variable.awaited`. While one is
there, a new variable waits: at its first use the objects are walked again, and if the variable hangs where
the checkpoint has a value, it takes that. Ordinary variables pay nothing for this.
"""

from __future__ import annotations

import threading
import warnings
import weakref
from collections import deque
from typing import Any

from engine import devices
from engine.dispatch import init_scope
from engine.spec import compatible, show
from engine.tensor import Tensor
from engine.train.files import CheckpointReader
from engine.train.objects import children, is_trackable
from engine.variable import Variable, awaited

_lock = threading.RLock()


class _FirstUse:
    """Stands for the array of a variable that waits; who asks for it ends the waiting."""

    def __get__(self, variable: Any, owner: Any = None) -> Any:
        if variable is None:
            return self
        with _lock:
            for restoration in list(awaited):
                if isinstance(variable, _Waiting):
                    restoration.place()
            if isinstance(variable, _Waiting):
                _end_waiting(variable)
        return variable.__dict__["_array"]


class _Waiting:
    """Mixed into the class of a variable until its first use. What its instance dict lacks is `_array`."""

    _array = _FirstUse()


def _end_waiting(variable: Any) -> None:
    """An ordinary variable again, with its initial value unless another was assigned."""
    variable.__dict__.setdefault("_array", variable.__dict__.pop("_initial"))
    variable.__class__ = type(variable).__mro__[2]


class Restoration:
    """What one call of `restore` has done so far, and what it still has to do."""

    def __init__(self, reader: CheckpointReader, root: Any):
        self.reader = reader
        self._anchors: dict[
            int, weakref.ref[Any]
        ] = {}  # number of a node -> the object found for it
        self._given: dict[int, weakref.ref[Variable]] = {}  # the variables that took their values
        self._values = sum(node.key is not None for node in reader.objects)
        self._numbers: dict[int, int] = {}  # id of an anchor -> the number of its node
        self._told: set[int] = set()
        self._anchor(0, root)
        with _lock:
            self._assign(*self._match({0: root}, also_used=True))
            for older in list(awaited):
                if older._is_replaced_by(self):
                    older.drop()
            if self._is_done():
                self.drop()
            else:
                awaited.insert(0, self)  # of several, the newest has the word

    def _is_done(self) -> bool:
        return len(self._given) == self._values

    def left_over(self) -> list[str]:
        """The names of the values that have found no variable."""
        nodes = enumerate(self.reader.objects)
        return [n.key for i, n in nodes if n.key is not None and i not in self._given]

    def given(self) -> list[Variable]:
        """The variables that took a value from this checkpoint, as far as they still exist."""
        return [variable for _, variable in self._alive()]

    def knows_more_than_the_root(self) -> bool:
        """Whether any object but the root has been found."""
        return len(self._anchors) > 1 or bool(self._given)

    def _alive(self) -> list[tuple[int, Variable]]:
        pairs = ((number, reference()) for number, reference in self._given.items())
        return [(number, variable) for number, variable in pairs if variable is not None]

    def expect(self, variable: Variable) -> None:
        """A variable was made: it waits until its first use, and looks for its value then."""
        kind = type(variable)
        variable.__dict__["_initial"] = variable.__dict__.pop("_array")
        variable.__class__ = type(kind.__name__, (_Waiting, kind), {})

    def place(self) -> None:
        """Gives values to the variables that wait at their places by now."""
        with _lock:
            alive = ((number, reference()) for number, reference in self._anchors.items())
            self._assign(*self._match({n: value for n, value in alive if value is not None}))
            if self._is_done():
                self.drop()

    def attached(self, owner: Any, name: str, value: Any) -> None:
        """An attribute was set: gives values to the variables in it, if the checkpoint knows the place."""
        number = self._numbers.get(id(owner), -1)
        if number < 0 or self._anchors[number]() is not owner or not is_trackable(value):
            return
        place = self.reader.objects[number].children.get(name)
        if place is not None:
            with _lock:
                self._assign(*self._match({place: value}, also_used=True))
                if self._is_done():
                    self.drop()

    def drop(self) -> None:
        """Waits no longer."""
        if self in awaited:
            awaited.remove(self)
        self.reader.close()

    def _anchor(self, number: int, value: Any) -> None:
        """Later walks start here: the Checkpoint itself may be gone by then."""
        if number not in self._anchors and not isinstance(value, Variable):
            try:
                self._anchors[number] = weakref.ref(value, self._lost)
                self._numbers[id(value)] = number
            except TypeError:  # a list or a dict; it is reached from the object that holds it
                return

    def _lost(self, _: Any) -> None:
        if all(reference() is None for reference in self._anchors.values()):
            self.drop()

    def _is_replaced_by(self, newer: Restoration) -> bool:
        """Whether everything this one knows is known to a newer one: then what it still had is outdated."""
        known = {id(reference()) for reference in newer._anchors.values()}
        mine = (reference() for reference in self._anchors.values())
        return all(value is None or id(value) in known for value in mine)

    def _match(
        self, found: dict[int, Any], also_used: bool = False
    ) -> tuple[list[tuple[int, Variable]], list[tuple[int, Variable]]]:
        """Walks objects and nodes side by side: the variables to give a value to, and those assigned since.

        It starts from the objects in `found`, by the numbers of their nodes. A variable that was used before
        takes its value only with `also_used`.
        """
        nodes = self.reader.objects
        queue = deque(found)
        takes: list[tuple[int, Variable]] = []
        overtaken: list[tuple[int, Variable]] = []
        taken = {id(variable): number for number, variable in self._alive()}
        while queue:
            number = queue.popleft()
            value, node = found[number], nodes[number]
            self._anchor(number, value)
            if isinstance(value, Variable):
                if node.key is None or number in self._given:
                    continue
                if taken.setdefault(id(value), number) != number:
                    self._warn(
                        number,
                        f"the variable there has the value of {nodes[taken[id(value)]].key!r}",
                    )
                    continue
                if not also_used and "_array" in value.__dict__:
                    if isinstance(value, _Waiting):  # assigned before it was read: that stays
                        overtaken.append((number, value))
                    continue
                takes.append((number, value))
                continue
            held = children(value)
            for name, child in node.children.items():
                if name not in held:
                    continue
                if child not in found:
                    found[child] = held[name]
                    queue.append(child)
                elif found[child] is not held[name] and nodes[child].key is not None:
                    self._warn(
                        child, f"{name!r} of another object is not the same variable any more"
                    )
        return takes, overtaken

    def _warn(self, number: int, what: str) -> None:
        """Once for each value: what was one variable is two now, or the other way round."""
        if number not in self._told:
            self._told.add(number)
            warnings.warn(
                f"Checkpoint {self.reader.prefix!r}, {self.reader.objects[number].key!r}: {what}. The "
                "objects share their variables in another way than when they were saved.",
                stacklevel=2,
            )

    def _assign(
        self, takes: list[tuple[int, Variable]], overtaken: list[tuple[int, Variable]]
    ) -> None:
        """Checks and reads everything before the first assignment: an error leaves all as it was."""
        nodes = self.reader.objects
        for number, variable in takes:
            node = nodes[number]
            if node.dtype != variable.dtype.name or not compatible(variable._dims, node.shape):
                raise ValueError(
                    f"Checkpoint {self.reader.prefix!r} holds {node.dtype} of shape {show(node.shape)} for "
                    f"{node.key!r}, but variable {variable.name!r} there is {variable.dtype.name} of shape "
                    f"{show(variable._dims)}. Make the variable as it was when it was saved, or leave it "
                    "out of the Checkpoint."
                )
        values = [self.reader.read(nodes[number]) for number, _ in takes]
        with init_scope():  # whatever is traced or recorded just now, this is no part of it
            for (number, variable), value in zip(takes, values, strict=True):
                if isinstance(variable, _Waiting):
                    _end_waiting(variable)
                with devices.device(variable.device):
                    variable.assign(Tensor(devices.place(value)))
                self._given[number] = weakref.ref(variable)
        for number, variable in overtaken:
            _end_waiting(variable)
            self._given[number] = weakref.ref(variable)
