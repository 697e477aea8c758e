"""Convolutions as machine code: no matrix of windows is made, every sum stays in a register until it is done.

One row of the output is taken at a time, so many places and filters together as there are registers for
their sums. For each element of the windows and each channel, the weights of these filters are read once and
the input of each place once; then every sum grows by one product. Goto and van de Geijn, Anatomy of
High-Performance Matrix Multiplication (2008), has the idea for matrices; Georganas et al., Anatomy of
High-Performance Deep Learning Convolutions on SIMD Architectures (2018), for convolutions.

Sums are added up in another order than NumPy's, so results differ from its by rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from engine.dtypes import int64
from engine.graph.native.sliding import Axis
from engine.graph.native.threads import Team, threads_for
from engine.graph.native.vectors import Index, Parts, Vectors
from engine.scalar import Scalar, constant, equal

MOST_PRODUCTS = 1500  # vector products written out; more would take long to compile


@dataclass(frozen=True)
class Tile:
    """Neighbouring places of an output row that are summed together, and what they read.

    reads: for each element of a window along the row, (which of the places, how far from `source`).
    repeats: so many tiles follow one another that differ only in where they start, `step` further on each.
    """

    first: int
    width: int
    source: int
    reads: tuple[tuple[tuple[int, int], ...], ...]
    repeats: int = 1
    step: int = 0

    @property
    def shift(self) -> int | None:
        """How much further on each element of the window reads, where all places read all elements."""
        if any(len(read) < self.width for read in self.reads):
            return None
        starts = [read[0][1] for read in self.reads]
        return starts[1] - starts[0] if len(starts) > 1 else 0


def _tiles(axis: Axis, turned: bool, width: int) -> list[Tile]:
    """The places of a row in tiles, those alike that follow one another as one."""
    size = axis.size if turned else axis.count
    source = axis.window_at if turned else axis.place
    tiles: list[Tile] = []
    for first in range(0, size, width):
        places = range(first, min(first + width, size))
        found = [
            [(q, at) for q, j in enumerate(places) if (at := source(j, tap)) is not None]
            for tap in range(axis.window)
        ]
        start = min((at for read in found for _, at in read), default=0)
        reads = tuple(tuple((q, at - start) for q, at in read) for read in found)
        last = tiles[-1] if tiles else None
        if last and (len(places), reads) == (last.width, last.reads):
            step = start - last.source - (last.repeats - 1) * last.step
            if last.repeats == 1 or step == last.step:
                tiles[-1] = Tile(last.first, width, last.source, reads, last.repeats + 1, step)
                continue
        tiles.append(Tile(first, len(places), start, reads))
    return tiles


def _tile_size(w: Vectors, places: int, vectors: int, multiple: int) -> tuple[int, int] | None:
    """How many places and how many vectors of filters are summed together: the cheapest that fits.

    Each pair takes a register, each vector one for its weights, and one holds an input. Fewer than six sums
    at a time would wait for one another.
    """
    best, found = 0.0, None
    for together in range(1, vectors + 1):
        most = (w.registers - 2 - together) // together
        most -= most % multiple
        if most < 1:
            break
        tiles = -(-places // most)
        width = -(-places // tiles)
        width = min(most, width + -width % multiple)
        widths = [width] * (places // width) + [places % width] * (places % width > 0)
        groups = [together] * (vectors // together) + [vectors % together] * (
            vectors % together > 0
        )
        cost = sum(max(a * b, 6) + 0.3 * (a + b) for a in widths for b in groups)
        if found is None or cost < best:
            best, found = cost, (width, together)
    return found


class Convolution:
    """A convolution, or the cotangent of its input, as loops: images, groups of filters, rows, tiles.

    For each place and each of `made` channels, the sum over a window and `taken` channels. `turned`: the
    places are those of the input, and what is read are the windows in which they lie. %a0 is read with the
    weights %a1.
    """

    def __init__(
        self, w: Team, axes: tuple[Axis, Axis], turned: bool, taken: int, made: int
    ):  # fmt: skip
        self.w, self.turned, self.taken, self.made = w, turned, taken, made
        self.rows, self.columns = rows, columns = axes
        self.height, self.width = (
            (rows.size, columns.size) if turned else (rows.count, columns.count)
        )
        self.source = (rows.count, columns.count) if turned else (rows.size, columns.size)
        self.length = rows.window * columns.window * taken  # of a sum
        parts = w.parts(made)
        size = _tile_size(w, self.width, len(parts), columns.stride if turned else 1)
        self.possible = size is not None
        if size is None:
            return
        width, self.together = size
        self.tiles = _tiles(columns, turned, width)
        self.groups = groups_of(w, parts, self.together)
        reads = [t.width if t.shift is not None else sum(map(len, t.reads)) for t in self.tiles]
        self.possible = sum(reads) * sum(len(group[1]) for group in self.groups) <= MOST_PRODUCTS
        self.packed = turned or len(parts) > self.together

    def write(self, batch: int, target: str) -> None:
        """All lines; `target` gets the sums."""
        w = self.w
        weights = w.space(self.length * self.made) if self.packed else "%a1"
        if self.packed:
            _pack(w, weights, self.groups, self.turned, (self.length, self.taken, self.made))
        sums = batch * self.height * self.width * self.made
        with w.shared(batch, threads_for(sums * self.length, batch)), w.share(batch) as n:
            image = w.at("%a0", n * (self.source[0] * self.source[1] * self.taken))
            result = w.at(target, n * (self.height * self.width * self.made))
            for first, vectors, repeats in self.groups:
                span = span_of(vectors)
                with w.turns(repeats) as group:
                    matrix = w.at(weights, first * self.length, group * (self.length * span))
                    to = w.at(result, first, group * span)
                    with w.turns(self.height) as i:
                        for tile in self.tiles:
                            with w.turns(tile.repeats) as step:
                                self._tile(tile, vectors, (i, step), image, matrix, to)

    def _tile(
        self, tile: Tile, vectors: Parts, at: tuple[Index, Index], image: str, matrix: str, to: str
    ) -> None:
        """The sums of a tile, from nothing until they are stored; at: (row, which of the tiles alike)."""
        w, (i, step) = self.w, at
        places = [
            (w.total(q * self.together + v, lanes), q * self.made + first, lanes)
            for q in range(tile.width)
            for v, (first, lanes) in enumerate(vectors)
        ]
        for total, _, lanes in places:
            w.set_total(w.zero(lanes), total, lanes)
        with w.turns(self.rows.window) as tap:
            row, inside = _row(w, self.rows, self.turned, i, tap)
            source = w.at(image, row * (self.source[1] * self.taken))
            source = w.at(source, tile.source * self.taken, step * (tile.step * self.taken))
            weights = w.at(matrix, tap * (self.columns.window * self.taken * span_of(vectors)))
            with inside:
                self._window_row(tile, vectors, source, weights)
        end = w.at(to, i * (self.width * self.made))
        end = w.at(end, tile.first * self.made, step * (tile.width * self.made))
        for total, offset, lanes in places:
            w.keep(w.get_total(total, lanes), w.at(end, offset), lanes)

    def _window_row(self, tile: Tile, vectors: Parts, source: str, weights: str) -> None:
        """What one row of the windows contributes to a tile."""
        w, taps, taken, span = self.w, self.columns.window, self.taken, span_of(vectors)
        if tile.shift == 1:  # the elements of a row and their channels are one run
            with w.turns(taps * taken) as k:
                at = w.at(weights, k * span)
                self._products(vectors, tile.reads[0], w.at(source, k), at)
        elif tile.shift is not None:
            with w.turns(taps) as tap, w.turns(taken) as k:
                at = w.at(weights, tap * (taken * span), k * span)
                start = w.at(source, tap * (tile.shift * taken), k)
                self._products(vectors, tile.reads[0], start, at)
        else:
            for tap, reads in enumerate(tile.reads):
                if reads:
                    with w.turns(taken) as k:
                        at = w.at(weights, tap * taken * span, k * span)
                        self._products(vectors, reads, w.at(source, k), at)

    def _products(
        self, vectors: Parts, reads: Sequence[tuple[int, int]], source: str, weights: str
    ) -> None:
        """One product for each place and each filter."""
        w = self.w
        factors = [(w.fetch(w.at(weights, first), lanes), lanes) for first, lanes in vectors]
        for q, at in reads:
            number = w.fetch(w.at(source, at * self.taken))
            totals = [w.total(q * self.together + v, lanes) for v, (_, lanes) in enumerate(factors)]
            w.add_products(totals, number, factors)


def convolve(
    w: Team, batch: int, axes: tuple[Axis, Axis], turned: bool, sizes: Sequence[int], target: str
) -> bool:
    """Writes the lines of a Convolution; sizes: channels taken and made. False where it cannot."""
    convolution = Convolution(w, axes, turned, sizes[0], sizes[1])
    if convolution.possible:
        convolution.write(batch, target)
    return convolution.possible


Group = tuple[int, Parts, int]  # (first element, its vectors, how many alike follow one another)


def groups_of(w: Vectors, parts: Parts, together: int) -> list[Group]:
    """Vectors that are taken together; the last group may have fewer."""
    whole = sum(lanes == w.lanes for _, lanes in parts) // together
    rest = parts[whole * together :]
    groups = [(0, parts[:together], whole)] if whole else []
    start = whole * together * w.lanes
    return groups + ([(start, [(a - start, lanes) for a, lanes in rest], 1)] if rest else [])


def span_of(vectors: Parts) -> int:
    """How many elements the vectors of a group have."""
    return sum(lanes for _, lanes in vectors)


def _pack(
    w: Vectors, space: str, groups: list[Group], turned: bool, sizes: tuple[int, int, int]
) -> None:
    """Lays the weights out in the order in which they are read, a group after the other."""
    length, taken, made = sizes
    for first, vectors, repeats in groups:
        span = span_of(vectors)
        with w.turns(repeats) as group:
            to = w.at(space, first * length, group * (length * span))
            if not turned:  # (window, taken, made): rows of a group become short
                source = w.at("%a1", first, group * span)
                with w.turns(length) as k:
                    row, end = w.at(source, k * made), w.at(to, k * span)
                    for part, lanes in vectors:
                        w.keep(w.fetch(w.at(row, part), lanes), w.at(end, part), lanes)
            else:  # (window, made, taken)
                source = w.at("%a1", first * taken, group * (span * taken))
                with w.turns(length // taken) as tap, w.turns(span) as c, w.turns(taken) as k:
                    number = w.fetch(w.at(source, tap * (made * taken), c * taken, k))
                    w.keep(number, w.at(to, tap * (taken * span), k * span, c))


def _row(
    w: Vectors, rows: Axis, turned: bool, i: Index, tap: Index
) -> tuple[Index, AbstractContextManager[None]]:
    """The row that an element of the windows of row i reads, and a block for where it exists."""
    if not turned:
        place = i * rows.stride + tap * rows.dilation - rows.before
        if rows.inside:
            return place, nullcontext()
        place = _scalar(place)
        return place, w.only_if((place >= 0) & (place < rows.size))
    offset = i - tap * rows.dilation + rows.before
    if (rows.window, rows.stride, rows.before, rows.count) == (1, 1, 0, rows.size):
        return offset, nullcontext()
    offset = _scalar(offset)
    if rows.stride == 1:
        return offset, w.only_if((offset >= 0) & (offset < rows.count))
    place = w.integer("sdiv", offset, rows.stride)
    met = equal(place * rows.stride, offset) & (offset >= 0) & (place < rows.count)
    return place, w.only_if(met)


def _scalar(x: Index) -> Scalar:
    return constant(x, int64) if isinstance(x, int) else x
