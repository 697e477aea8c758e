"""Going over a dataset: Run, Iterator, and the operations with which a graph goes over one.

In Python an Iterator pulls rows out of a chain of generators. A graph holds a handle, an object among its
values, and asks by position: "is there a row number p?" and "give me row number p". The answers depend on
nothing but handle and position, so that gradients of a loop may ask for rows again.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator as Rows
from typing import Any

import numpy as np

from engine import devices, dtypes, nest
from engine.data.elements import DatasetSpec, as_dataset, finisher, host_array, is_stage, tensors_of
from engine.data.stage import Row, Stage, StandIn
from engine.data.traced import Places, filled, key_of, open_places
from engine.dispatch import NOT_DIFFERENTIABLE, Primitive, apply, context, init_scope
from engine.errors import OutOfRangeError, UnimplementedError
from engine.ops.creation import constant
from engine.spec import TensorSpec
from engine.tensor import Tensor


class Run:
    """One pass over a pipeline: how often each part of it has begun, so that the pass can be repeated.

    A part that draws random numbers draws others each time it begins, by the number of that beginning. A
    repeated run (see `again`) hands the numbers of the first one out once more.
    """

    def __init__(self, known: dict[int, list[int]] | None = None):
        self.begun: dict[int, list[int]] = {}
        self._known = known or {}

    def beginning(self, part: Any) -> int:
        """The number of this beginning of a part, counted over all runs."""
        numbers = self.begun.setdefault(id(part), [])
        known = self._known.get(id(part), ())
        if len(numbers) < len(known):
            numbers.append(known[len(numbers)])
        else:
            numbers.append(part.count_beginning())
        return numbers[-1]

    def again(self) -> Run:
        """A run in which everything begins as in this one."""
        return Run(self.begun)


def unseen(function: Callable[..., Any], *args: Any) -> Any:
    """A call that is neither traced nor recorded, and makes its tensors on the CPU: all a pipeline does."""
    if context.builder is None and context.log is None and devices.scope_namespace() is np:
        return function(*args)
    with init_scope(), devices.device("CPU:0"):
        return function(*args)


class Iterator:
    """What `iter(dataset)` returns: the elements, one after the other. Each iterator goes its own way.

    >>> from engine import data
    >>> elements = iter(data.Dataset.range(2))
    >>> next(elements).numpy().item(), next(elements).numpy().item(), next(elements, None)
    (0, 1, None)
    """

    def __init__(self, stage: Stage):
        self._stage = stage
        self._rows = stage.rows(Run())
        self._finish = finisher(stage.element_spec)

    @property
    def element_spec(self) -> Any:
        """The specs of what it gives."""
        return self._stage.element_spec

    def __iter__(self) -> Iterator:
        return self

    def next_row(self) -> Row:
        """The next row; StopIteration after the last."""
        return unseen(next, self._rows)

    def __next__(self) -> Any:
        if context.tracing:
            return self.get_next()
        return self._finish(self.next_row())

    def get_next(self, name: str | None = None) -> Any:
        """The next element.

        Raises:
          OutOfRangeError: after the last one.
        """
        if context.tracing:
            made = apply(_GET_NEXT, iterator=self, specs=_Specs(self.element_spec))
            return nest.pack_sequence_as(self.element_spec, made)
        try:
            return next(self)
        except StopIteration:
            raise OutOfRangeError(
                "End of sequence: the iterator has given all its elements."
            ) from None

    def __autograph_for__(self) -> Any:
        return loop_steps(apply(_RESUME, iterator=self), self.element_spec)

    def __repr__(self) -> str:
        return f"<tf.data.Iterator of {self.element_spec}>"


class Handle:
    """Rows by position, for a graph.

    Only the last row is kept, unless a tape may want them all. A row that is gone is made again, by a second
    pass that begins as the first did.
    """

    def __init__(self, stage: Any, keep: bool):
        self._stage = stage
        self._run = Run()
        self._rows: Rows[Row] = stage.rows(self._run)
        self._kept: list[Row] | None = [] if keep else None
        self._at = -1
        self._row: Row | None = None
        self._over = False

    def _forward(self, position: int) -> bool:
        while self._at < position and not self._over:
            row = next(self._rows, None)
            if row is None:
                self._over = True
            else:
                self._at, self._row = self._at + 1, row
                if self._kept is not None:
                    self._kept.append(row)
        return position <= self._at

    def _back(self) -> None:
        self._run = self._run.again()
        self._rows = self._stage.rows(self._run)
        self._kept, self._at, self._over = [], -1, False

    def there(self, position: int) -> bool:
        """Whether there is a row of that number."""
        if position < self._at and self._kept is None:
            self._back()
        return self._forward(position)

    def row(self, position: int) -> Row:
        """The row of that number."""
        if position < self._at and self._kept is None:
            self._back()
        self._forward(position)
        found = self._row if position == self._at else self._kept[position]  # type: ignore[index]
        assert found is not None
        return found


class _Resumed:
    """What goes on with an Iterator, as the rows of a Handle: a second pass over it there is none."""

    def __init__(self, iterator: Iterator):
        self._iterator = iterator
        self._started = False

    def rows(self, run: Run) -> Rows[Row]:
        if self._started:
            raise OutOfRangeError(
                "A gradient needs the elements of a loop over an iterator once more, and an iterator gives "
                "each of them once. Loop over the dataset itself."
            )
        self._started = True
        while True:
            try:
                row = self._iterator.next_row()
            except StopIteration:
                return
            yield row


def _object(value: Any) -> Any:
    """An object as a value of a graph: an array of objects, alive as long as the graph holds it."""
    made = np.empty((), object)
    made[()] = value
    return made


class _Plan:
    """A pipeline as the setting of an operation, whose inputs fill its open places."""

    def __init__(self, stage: Stage, places: list[Any]):
        self.stage, self.places = stage, places


class _Specs:
    """The specs of a row as the setting of an operation."""

    def __init__(self, spec: Any):
        self.row = tuple(nest.flatten(spec))
        if any(isinstance(leaf, DatasetSpec) for leaf in self.row):
            raise UnimplementedError(
                f"A graph cannot go over elements that hold datasets ({spec}). Make tensors of them first, "
                "for example with flat_map(lambda window: window.batch(size)), or loop outside tf.function."
            )


def _begin(xp: Any, *arrays: Any, plan: _Plan, keep: bool) -> Any:
    values: Places = {}
    for place, array in zip(plan.places, arrays, strict=True):
        values[key_of(place)] = array[()] if is_stage(place) else Tensor(devices.to_host(array))
    return _object(Handle(filled(plan.stage, values), keep or context.log is not None))


def _resume(xp: Any, iterator: Iterator) -> Any:
    return _object(Handle(_Resumed(iterator), context.log is not None))


def _there(xp: Any, handle: Any, position: Any) -> Any:
    return np.bool_(unseen(handle[()].there, int(position)))


def _row(xp: Any, handle: Any, position: Any, specs: _Specs) -> tuple[Any, ...]:
    return tuple(map(devices.place, unseen(handle[()].row, int(position))))


def _get_next(xp: Any, iterator: Iterator, specs: _Specs) -> tuple[Any, ...]:
    try:
        return tuple(map(devices.place, iterator.next_row()))
    except StopIteration:
        raise OutOfRangeError("End of sequence: the iterator has given all its elements.") from None


_HANDLE = TensorSpec((), dtypes.string)

# Not in the registry, which is of operations on arrays: the settings of these are datasets.
_FACTS: dict[str, Any] = {"vjp": NOT_DIFFERENTIABLE, "stateful": True}
_BEGIN = Primitive("dataset_begin", _begin, lambda *specs, **attrs: _HANDLE, **_FACTS)
_RESUME = Primitive("iterator_resume", _resume, lambda iterator: _HANDLE, **_FACTS)
# A stateful test keeps a loop alive of which nobody reads a result: its pipeline may act. Rows are not
# stateful: where a gradient goes through the body again and needs none, none is asked for.
_THERE = Primitive("dataset_has", _there, lambda handle, at: TensorSpec((), dtypes.bool_), **_FACTS)
_ROW = Primitive("dataset_row", _row, lambda handle, at, specs: specs.row, vjp=NOT_DIFFERENTIABLE)
_GET_NEXT = Primitive("iterator_get_next", _get_next, lambda iterator, specs: specs.row, **_FACTS)


def begin(stage: Stage) -> Tensor:
    """The operation that begins a pass over a dataset, each time the graph runs. Gives the handle."""
    places = list({key_of(place): place for place in open_places(stage)}.values())
    inputs: list[Any] = [getattr(place, "symbol", place) for place in places]
    return apply(_BEGIN, *inputs, plan=_Plan(stage, places), keep=context.log is not None)


def loop_steps(handle: Tensor, spec: Any) -> Any:
    """State, test and step of a loop over the rows of a handle: what `__autograph_for__` returns."""
    specs = _Specs(spec)

    def more(position: Tensor) -> Tensor:
        return apply(_THERE, handle, position)

    def step(position: Tensor) -> Any:
        row = apply(_ROW, handle, position, specs=specs)
        return nest.pack_sequence_as(spec, row), position + 1

    return constant(0, dtypes.int64), more, step


_DTYPES: dict[str, dtypes.DType] = {}  # by element_spec: what tells such arguments apart


class DatasetInput(Tensor):
    """A dataset as an argument of a `tf.function`: one graph serves all with elements of one spec."""

    __slots__ = ("_dtype", "_stage")

    def __init__(self, stage: Stage):
        super().__init__(_object(stage))
        self._stage = stage
        name = f"dataset of {stage.element_spec}"
        if name not in _DTYPES:
            _DTYPES[name] = dtypes.DType(name, "string")
            _DTYPES[name]._numpy = np.dtype(object)
        self._dtype = _DTYPES[name]

    @property
    def dtype(self) -> dtypes.DType:
        """A dtype of its own for each element_spec."""
        return self._dtype

    def seen_as(self, symbol: Any) -> Any:
        """What the traced function gets."""
        return as_dataset(StandIn(self._stage.element_spec, symbol))


class NumpyIterator:
    """What `as_numpy_iterator` returns: elements as NumPy arrays, strings as bytes."""

    def __init__(self, dataset: Any):
        self._elements = Iterator(dataset._settled("as_numpy_iterator"))

    def __iter__(self) -> NumpyIterator:
        return self

    def __next__(self) -> Any:
        made = next(self._elements)
        return nest.map_structure(
            lambda leaf: leaf.numpy() if isinstance(leaf, Tensor) else leaf.as_numpy_iterator(),
            made,
        )


def as_row(value: Any) -> Row:
    """What a user gave for a state or an element, as a row."""
    leaves = nest.flatten(tensors_of(value))
    return [leaf if is_stage(leaf) else host_array(leaf) for leaf in leaves]
