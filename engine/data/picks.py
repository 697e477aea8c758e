"""Rows by number: what lets a pipeline take whole batches out of arrays, instead of row after row.

A source holds rows that can be asked for by number. What only chooses among rows and orders them - shuffle,
repeat, take, skip, shard, zip - is then arithmetic on numbers, and a batch is one indexing of an array.
Numbers travel in blocks: a tuple with a column for each source (several after a zip), each a `range` or an
index array, all of one length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from engine.data.stage import Row

Block = tuple[Any, ...]

CHUNK = 4096  # rows that are shuffled at once


class Source(Protocol):
    """Rows by number."""

    width: int  # the columns it takes of a block

    def take(self, block: Block) -> Row:
        """These rows, stacked: one array a leaf, with a first axis more."""
        ...

    def rows(self, block: Block) -> Iterator[Row]:
        """These rows, one after the other."""
        ...


class Arrays:
    """The rows of arrays of one length."""

    width = 1

    def __init__(self, arrays: list[Any]):
        self.arrays = arrays

    def take(self, block: Block) -> Row:
        column = block[0]
        if type(column) is range:
            part = slice(column.start, column.stop, column.step)
            return [np.asarray(array[part]) for array in self.arrays]
        return [array.take(column, 0) for array in self.arrays]

    def rows(self, block: Block) -> Iterator[Row]:
        column = block[0]
        numbers = column if type(column) is range else column.tolist()
        if len(self.arrays) == 1:
            (array,) = self.arrays
            if array.ndim > 1 or array.dtype != object:
                return ([array[i]] for i in numbers)
        # `...` keeps a rank-0 array: an element of an array of objects would be the object
        return ([array[i, ...] for array in self.arrays] for i in numbers)


class Counting:
    """The numbers of a `range`, or of a count that has no end."""

    width = 1

    def __init__(self, start: int, step: int, dtype: Any):
        self.start, self.step, self.dtype = start, step, dtype

    def take(self, block: Block) -> Row:
        numbers = np.asarray(block[0], np.int64)
        return [(numbers * self.step + self.start).astype(self.dtype)]

    def rows(self, block: Block) -> Iterator[Row]:
        for start in range(0, len(block[0]), CHUNK):
            (values,) = self.take(cut(block, start, start + CHUNK))
            yield from ([value] for value in values)


class Paired:
    """Several sources side by side."""

    def __init__(self, sources: list[Source]):
        self.sources = sources
        self.width = sum(source.width for source in sources)

    def _parts(self, block: Block) -> Iterator[tuple[Source, Block]]:
        place = 0
        for source in self.sources:
            yield source, block[place : place + source.width]
            place += source.width

    def take(self, block: Block) -> Row:
        return [array for source, part in self._parts(block) for array in source.take(part)]

    def rows(self, block: Block) -> Iterator[Row]:
        several = [source.rows(part) for source, part in self._parts(block)]
        for rows in zip(*several, strict=True):
            yield [value for row in rows for value in row]


def size(block: Block) -> int:
    """How many rows a block names."""
    return len(block[0])


def cut(block: Block, start: int, stop: int | None) -> Block:
    """A part of a block."""
    return tuple([column[start:stop] for column in block])


def joined(blocks: list[Block]) -> Block:
    """Blocks one after the other, as one."""
    if len(blocks) == 1:
        return blocks[0]
    return tuple(
        np.concatenate([np.asarray(c) for c in columns]) for columns in zip(*blocks, strict=True)
    )


def regrouped(blocks: Iterable[Block], wanted: int, drop_remainder: bool) -> Iterator[Block]:
    """The same rows in blocks of one size; the last may be smaller, or is left out."""
    held: list[Block] = []
    have = 0
    for block in blocks:
        start, count = 0, size(block)
        if have:
            start = min(wanted - have, count)
            held.append(cut(block, 0, start))
            have += start
            if have < wanted:
                continue
            yield joined(held)
            held, have = [], 0
        stop = count - (count - start) % wanted
        for i in range(start, stop, wanted):
            yield cut(block, i, i + wanted)
        if stop < count:
            held, have = [cut(block, stop, None)], count - stop
    if have and not drop_remainder:
        yield joined(held)


def side_by_side(streams: list[Iterator[Block]]) -> Iterator[Block]:
    """Streams of blocks as one stream of wider blocks, as long as the shortest."""
    held: list[Block | None] = [None] * len(streams)
    while True:
        for i, stream in enumerate(streams):
            while held[i] is None or not size(held[i]):  # type: ignore[arg-type]
                held[i] = next(stream, None)
                if held[i] is None:
                    return
        parts: list[Block] = held  # type: ignore[assignment]
        count = min(map(size, parts))
        yield tuple(column for part in parts for column in cut(part, 0, count))
        held = [cut(part, count, None) for part in parts]


def limited(blocks: Iterator[Block], count: int) -> Iterator[Block]:
    """The first rows; what comes after them is not asked for."""
    while count > 0:
        block = next(blocks, None)
        if block is None:
            return
        yield cut(block, 0, count) if size(block) > count else block
        count -= size(block)


def without_first(blocks: Iterator[Block], count: int) -> Iterator[Block]:
    """All but the first rows."""
    for block in blocks:
        here = min(count, size(block))
        count -= here
        if here < size(block):
            yield cut(block, here, None) if here else block


def every(blocks: Iterator[Block], step: int, first: int) -> Iterator[Block]:
    """Row `first` and every `step`-th after it."""
    for block in blocks:
        count = size(block)
        if first < count:
            yield tuple(column[first::step] for column in block)
        first = (first - count) % step if first < count else first - count


def shuffled_rows(
    rows: Iterator[Row], buffer_size: int, draw: np.random.Generator
) -> Iterator[Row]:
    """Each row drawn evenly from a buffer that the stream keeps full, as long as it lasts."""
    buffer: list[Row] = []
    for row in rows:
        buffer.append(row)
        if len(buffer) == buffer_size:
            break
    if len(buffer) == buffer_size:
        places: list[int] = []
        for row in rows:
            if not places:
                places = draw.integers(0, buffer_size, CHUNK).tolist()[::-1]
            place = places.pop()
            yield buffer[place]
            buffer[place] = row
    for place in draw.permutation(len(buffer)).tolist():
        yield buffer[place]


def shuffled(
    blocks: Iterator[Block], buffer_size: int, draw: np.random.Generator
) -> Iterator[Block]:
    """The same for rows by number, a chunk at a time.

    Step t of a chunk draws place r[t] and puts the t-th newcomer there. So it gives out what the last
    earlier step with the same place put there, or, if there is none, what the buffer held before: with the
    steps sorted by place, a look at the neighbour tells which.
    """
    filling: list[Block] = []
    rest: Block | None = None
    have = 0
    for block in blocks:
        need = buffer_size - have
        filling.append(cut(block, 0, need))
        have += size(filling[-1])
        if have == buffer_size:
            rest = cut(block, need, None)
            break
    if not have:
        return
    buffer = [np.array(column, np.int64) for column in joined(filling)]
    if rest is not None:
        drawn = np.empty(0, np.int64)
        narrow = np.uint16 if buffer_size <= 65536 else np.int64  # NumPy sorts 16 bits by radix
        for block in _chain(rest, blocks):
            for start in range(0, size(block), CHUNK):
                news = [np.asarray(c, np.int64) for c in cut(block, start, start + CHUNK)]
                count = len(news[0])
                if len(drawn) < count:
                    drawn = np.concatenate([drawn, draw.integers(0, buffer_size, CHUNK)])
                places, drawn = drawn[:count], drawn[count:]
                order = np.argsort(places.astype(narrow), kind="stable")
                ordered = places[order]
                again = ordered[1:] == ordered[:-1]
                later, earlier = order[1:][again], order[:-1][again]
                last = np.append(~again, True)
                made = []
                for held, column in zip(buffer, news, strict=True):
                    out = held[places]
                    out[later] = column[earlier]
                    held[ordered[last]] = column[order[last]]
                    made.append(out)
                yield tuple(made)
    order = draw.permutation(len(buffer[0]))
    yield tuple(held[order] for held in buffer)


def _chain(first: Block, others: Iterator[Block]) -> Iterator[Block]:
    yield first
    yield from others
