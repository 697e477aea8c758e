"""What one dataset becomes: map, filter, batch, shuffle and the rest. Each is one stage."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from engine import nest
from engine.data.background import ahead
from engine.data.elements import is_stage, looser, stacked
from engine.data.iteration import Run, as_row
from engine.data.picks import (
    Arrays,
    Block,
    Source,
    every,
    limited,
    shuffled,
    shuffled_rows,
    size,
    without_first,
)
from engine.data.stage import INFINITE, UNKNOWN, Row, Seeded, Stage
from engine.data.traced import Traced, arguments_of, now, predicate_of
from engine.errors import InvalidArgumentError
from engine.graph.graph import SymbolicTensor


class Of(Stage):
    """A stage over one other, with as many rows and the same elements unless it says otherwise."""

    def __init__(self, before: Stage, element_spec: Any = None):
        self.before = before
        super().__init__(before.element_spec if element_spec is None else element_spec)

    def length(self) -> int:
        return self.before.length()


def positive(value: Any, what: str) -> int:
    """A count that has to be at least 1."""
    count = now(value, what)
    if count < 1:
        raise InvalidArgumentError(f"{what} must be at least 1, but is {count}.")
    return count


class Map(Of):
    """Each element through a function."""

    def __init__(self, before: Stage, function: Callable[..., Any]):
        self.function = Traced("Dataset.map", function, *arguments_of(before.element_spec))
        super().__init__(before, self.function.element_spec)

    def plain_rows(self, run: Run) -> Iterator[Row]:
        return map(self.function, self.before.rows(run))


class Filter(Of):
    """The elements for which a predicate holds; with `stop`, those before the first for which it does not."""

    def __init__(self, before: Stage, predicate: Callable[..., Any], stop: bool = False):
        what = "Dataset.take_while" if stop else "Dataset.filter"
        self.predicate = predicate_of(what, predicate, before.element_spec)
        self.stop = stop
        super().__init__(before)

    def length(self) -> int:
        return UNKNOWN

    def plain_rows(self, run: Run) -> Iterator[Row]:
        predicate = self.predicate
        for row in self.before.rows(run):
            if predicate(row)[0]:
                yield row
            elif self.stop:
                return


class Scan(Of):
    """Each element through a function that hands a state on."""

    def __init__(self, before: Stage, initial_state: Any, function: Callable[..., Any]):
        self.state = Fold("Dataset.scan", before, initial_state, function, with_output=True)
        super().__init__(before, self.state.output_spec)

    def plain_rows(self, run: Run) -> Iterator[Row]:
        state, count = self.state.start, len(self.state.start)
        for row in self.before.rows(run):
            made = self.state.function([*state, *row])
            state = made[:count]
            yield made[count:]


class Fold:
    """A function of a state and an element, traced for a state whose sizes may change."""

    def __init__(
        self, what: str, before: Stage, initial_state: Any, function: Any, with_output: bool = False
    ):
        from engine.data.elements import spec_of, tensors_of

        self.structure = tensors_of(initial_state)
        self.start = as_row(self.structure)
        spec = spec_of(self.structure)
        while True:
            self.function = Traced(what, function, spec, before.element_spec)
            found = self.function.element_spec
            self.output_spec = None
            if with_output:
                if type(found) is not tuple or len(found) != 2:
                    raise TypeError(
                        f"{what}: the function must return a tuple (new state, output), but returns {found}."
                    )
                found, self.output_spec = found
            try:
                nest.assert_same_structure(spec, found)
                wider = nest.map_structure(looser, spec, found)
            except (TypeError, ValueError) as error:
                raise TypeError(
                    f"{what}: the state begins as {spec} and is {found} after a step. {error} The new state "
                    "must have the structure and the dtypes of the initial one."
                ) from None
            if wider == spec:
                self.spec = spec
                return
            spec = wider


class Shuffle(Of):
    """Another order: each element is drawn evenly from a buffer that the pipeline keeps full."""

    def __init__(self, before: Stage, buffer_size: Any, seed: Any, anew: bool):
        self.buffer_size = buffer_size
        if not isinstance(buffer_size, SymbolicTensor):
            self._size()
        self.draws = Seeded(seed, anew)
        super().__init__(before)

    def _size(self) -> int:
        if now(self.buffer_size, "shuffle") == UNKNOWN:  # as in TensorFlow: room for everything
            return 2**62
        return positive(self.buffer_size, "shuffle: buffer_size")

    def source(self) -> Source | None:
        return self.before.source()

    def picks(self, run: Run) -> Iterator[Block]:
        return shuffled(self.before.picks(run), self._size(), self.draws.generator(run))

    def plain_rows(self, run: Run) -> Iterator[Row]:
        return shuffled_rows(self.before.rows(run), self._size(), self.draws.generator(run))


class Repeat(Of):
    """The same elements several times, or without end."""

    def __init__(self, before: Stage, count: Any):
        self.count = count
        super().__init__(before)

    def length(self) -> int:
        if isinstance(self.count, SymbolicTensor):
            return UNKNOWN
        rows, count = self.before.length(), now(self.count, "repeat")
        if rows == 0 or count == 0:
            return 0
        if count < 0:
            return INFINITE
        return rows if rows < 0 else rows * count

    def source(self) -> Source | None:
        return self.before.source()

    def picks(self, run: Run) -> Iterator[Block]:
        return self._repeated(lambda: filter(size, self.before.picks(run)))

    def plain_rows(self, run: Run) -> Iterator[Row]:
        return self._repeated(lambda: self.before.rows(run))

    def _repeated(self, one_pass: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        left = now(self.count, "repeat")
        while left:
            empty = True
            for part in one_pass():
                empty = False
                yield part
            if empty:  # for ever nothing
                return
            left -= 1


class Take(Of):
    """The first so many elements; all of them for -1."""

    def __init__(self, before: Stage, count: Any):
        self.count = count
        super().__init__(before)

    def _most(self) -> int:
        count = now(self.count, "take")
        return 2**62 if count < 0 else count

    def length(self) -> int:
        if isinstance(self.count, SymbolicTensor):
            return UNKNOWN
        rows, most = self.before.length(), self._most()
        if rows == INFINITE:
            return INFINITE if most == 2**62 else most
        if not most:
            return 0
        return rows if rows == UNKNOWN else min(rows, most)

    def source(self) -> Source | None:
        return self.before.source()

    def picks(self, run: Run) -> Iterator[Block]:
        return limited(self.before.picks(run), self._most())

    def plain_rows(self, run: Run) -> Iterator[Row]:
        most = self._most()
        if not most:
            return
        for number, row in enumerate(self.before.rows(run), start=1):
            yield row
            if number == most:
                return


class Skip(Of):
    """All but the first so many elements; none for -1."""

    def __init__(self, before: Stage, count: Any):
        self.count = count
        super().__init__(before)

    def length(self) -> int:
        if isinstance(self.count, SymbolicTensor):
            return UNKNOWN
        rows, count = self.before.length(), now(self.count, "skip")
        if count < 0:
            return 0
        return rows if rows < 0 else max(rows - count, 0)

    def source(self) -> Source | None:
        return self.before.source()

    def picks(self, run: Run) -> Iterator[Block]:
        count = now(self.count, "skip")
        return iter(()) if count < 0 else without_first(self.before.picks(run), count)

    def plain_rows(self, run: Run) -> Iterator[Row]:
        count = now(self.count, "skip")
        if count < 0:
            return
        for number, row in enumerate(self.before.rows(run)):
            if number >= count:
                yield row


class Shard(Of):
    """Every so-many-th element."""

    def __init__(self, before: Stage, shards: Any, index: Any):
        self.shards, self.index = shards, index
        if not any(isinstance(v, SymbolicTensor) for v in (shards, index)):
            self._checked()
        super().__init__(before)

    def _checked(self) -> tuple[int, int]:
        shards, index = now(self.shards, "shard"), now(self.index, "shard")
        if shards < 1 or not 0 <= index < shards:
            raise InvalidArgumentError(
                f"shard: the index goes from 0 to num_shards - 1, but num_shards={shards}, index={index}."
            )
        return shards, index

    def length(self) -> int:
        rows = self.before.length()
        if rows < 0 or self.is_open:
            return rows if rows < 0 else UNKNOWN
        shards, index = self._checked()
        return len(range(index, rows, shards))

    def source(self) -> Source | None:
        return self.before.source()

    def picks(self, run: Run) -> Iterator[Block]:
        return every(self.before.picks(run), *self._checked())

    def plain_rows(self, run: Run) -> Iterator[Row]:
        shards, index = self._checked()
        for number, row in enumerate(self.before.rows(run)):
            if number % shards == index:
                yield row


class Cache(Of):
    """The elements of the first complete pass, kept in memory; later passes get them from there."""

    def __init__(self, before: Stage):
        self._lock = threading.Lock()
        self._rows: list[Row] | None = None
        self._arrays: Arrays | None = None  # the same, where all rows have one shape
        self._blocks: list[Block] | None = (
            None  # or their numbers, where the rows are in memory anyway
        )
        super().__init__(before)

    def source(self) -> Source | None:
        return self._arrays or self.before.source()

    def picks(self, run: Run) -> Iterator[Block]:
        if self._arrays is not None:
            yield (range(len(self._arrays.arrays[0])),)
        elif self._blocks is not None:
            yield from self._blocks
        else:
            blocks = []
            for block in self.before.picks(run):
                blocks.append(block)
                yield block
            self._blocks = blocks

    def plain_rows(self, run: Run) -> Iterator[Row]:
        if self._rows is not None:
            yield from self._rows
            return
        rows = []
        for row in self.before.rows(run):
            rows.append(row)
            yield row
        with self._lock:  # two passes may end at once: one of them is kept
            if self._rows is None and self._arrays is None:
                self._keep(rows)

    def _keep(self, rows: list[Row]) -> None:
        alike = rows and not any(map(is_stage, rows[0]))
        if alike:
            shapes = [np.shape(value) for value in rows[0]]
            alike = all([np.shape(value) for value in row] == shapes for row in rows)
        if alike:
            columns = map(list, zip(*rows, strict=True))
            self._arrays = Arrays([stacked(column) for column in columns])
        else:
            self._rows = rows


class Prefetch(Of):
    """The same, made ahead by a thread."""

    def __init__(self, before: Stage, buffer_size: Any):
        self.buffer_size = buffer_size
        if not isinstance(buffer_size, SymbolicTensor) and now(buffer_size, "prefetch") < -1:
            raise InvalidArgumentError(
                f"prefetch: buffer_size is at least 0, or AUTOTUNE, but is {buffer_size}."
            )
        super().__init__(before)

    def plain_rows(self, run: Run) -> Iterator[Row]:
        size = now(self.buffer_size, "prefetch")
        rows = self.before.rows(run)
        if size == 0:
            return rows
        return ahead(rows, 2 if size < 0 else size)
