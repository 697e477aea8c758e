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


def convolve(
    w: Team,
    batch: int,
    axes: tuple[Axis, Axis],
    turned: bool,
    taken: int,
    made: int,
    target: str,
) -> bool:
    """Writes the lines: %a0 is read with the weights %a1, and `target` written; False where it cannot.

    For each place and each of `made` channels, the sum over a window and `taken` channels. `turned`: the
    places are those of the input, and what is read are the windows in which they lie.
    """
    rows, columns = axes
    parts = w.parts(made)
    row, source_row = (columns.size, columns.count) if turned else (columns.count, columns.size)
    out_rows, source_rows = (rows.size, rows.count) if turned else (rows.count, rows.size)
    size = _tile_size(w, row, len(parts), columns.stride if turned else 1)
    if size is None:
        return False
    width, together = size
    tiles = _tiles(columns, turned, width)
    groups = groups_of(w, parts, together)
    written = sum(
        tile.width if tile.shift is not None else sum(map(len, tile.reads)) for tile in tiles
    )
    if written * sum(len(vectors) for _, vectors, _ in groups) > MOST_PRODUCTS:
        return False
    length = rows.window * columns.window * taken  # of a sum
    packed = turned or len(parts) > together
    weights = w.space(length * made) if packed else "%a1"
    if packed:
        _pack(w, weights, groups, turned, (length, taken, made))

    def products(
        vectors: Parts, reads: Sequence[tuple[int, int]], source: str, weights: str
    ) -> None:
        """One product for each place and each filter."""
        factors = [w.fetch(w.at(weights, first), lanes) for first, lanes in vectors]
        for q, at in reads:
            number = w.fetch(w.at(source, at * taken))
            wide: dict[int, str] = {}
            for v, (_, lanes) in enumerate(vectors):
                if lanes not in wide:
                    wide[lanes] = w.spread(number, lanes)
                w.add_product(w.total(q * together + v, lanes), wide[lanes], factors[v], lanes)

    def window_row(tile: Tile, vectors: Parts, source: str, weights: str) -> None:
        """What one row of the windows contributes to a tile."""
        span, taps = span_of(vectors), columns.window
        if tile.shift == 1:  # the elements of a row and their channels are one run
            with w.turns(taps * taken) as k:
                products(vectors, tile.reads[0], w.at(source, k), w.at(weights, k * span))
        elif tile.shift is not None:
            with w.turns(taps) as tap, w.turns(taken) as k:
                at = w.at(source, tap * (tile.shift * taken), k)
                products(vectors, tile.reads[0], at, w.at(weights, tap * (taken * span), k * span))
        else:
            for tap, reads in enumerate(tile.reads):
                if reads:
                    with w.turns(taken) as k:
                        at = w.at(weights, tap * taken * span, k * span)
                        products(vectors, reads, w.at(source, k), at)

    threads = threads_for(batch * out_rows * row * length * made, batch)
    with w.shared(batch, threads), w.share(batch) as n:
        image = w.at("%a0", n * (source_rows * source_row * taken))
        result = w.at(target, n * (out_rows * row * made))
        for first, vectors, repeats in groups:
            span = span_of(vectors)
            with w.turns(repeats) as group:
                matrix = w.at(weights, first * length, group * (length * span))
                with w.turns(out_rows) as i:
                    to = w.at(result, first, group * span, i * (row * made))
                    for tile in tiles:
                        with w.turns(tile.repeats) as step:
                            places = [
                                (w.total(q * together + v, lanes), q * made + part, lanes)
                                for q in range(tile.width)
                                for v, (part, lanes) in enumerate(vectors)
                            ]
                            for total, _, lanes in places:
                                w.set_total(w.zero(lanes), total, lanes)
                            with w.turns(rows.window) as tap:
                                place, inside = _row(w, rows, turned, i, tap)
                                source = w.at(image, place * (source_row * taken))
                                source = w.at(
                                    source, tile.source * taken, step * (tile.step * taken)
                                )
                                at = w.at(matrix, tap * (columns.window * taken * span))
                                with inside:
                                    window_row(tile, vectors, source, at)
                            end = w.at(to, tile.first * made, step * (tile.width * made))
                            for total, offset, lanes in places:
                                w.keep(w.get_total(total, lanes), w.at(end, offset), lanes)
    return True


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
