"""The cotangent of a convolution's filters as machine code: sums over all places, kept in registers.

Read `convolutions` first. Here the sums are as few as there are weights, and long: every place of every image
adds one product to each.
"""

from __future__ import annotations

from engine.graph.native.convolutions import groups_of, span_of
from engine.graph.native.sliding import Axis
from engine.graph.native.threads import Team, threads_for
from engine.graph.native.vectors import Parts, Vectors
from engine.graph.native.writer import SIZE

BLOCK = 1 << 17  # bytes of the cotangent that stay in the cache while all weights meet them


class FilterSums:
    """Each weight's sum, over all windows, of input %a0 times cotangent %a1.

    Some weights at a time keep their sums in registers while an image (or a part of its rows) passes by. The
    sums of each image are added up in turn, which also loses less to rounding than one long sum.
    """

    def __init__(self, w: Team, axes: tuple[Axis, Axis], channels: int, filters: int):
        self.w, self.channels, self.filters = w, channels, filters
        self.rows, self.columns = rows, columns = axes
        self.padded = not (rows.inside and columns.inside)
        self.height, self.width = (
            (_reach(rows), _reach(columns)) if self.padded else (rows.size, columns.size)
        )
        # Elements of a window that follow one another in the input, and all of them.
        self.run = channels * (columns.window if columns.dilation == 1 else 1)
        self.weights = rows.window * columns.window * channels
        parts = w.parts(filters)
        self.together, self.most = _weights_together(w, self.weights, self.run, len(parts))
        self.groups = groups_of(w, parts, self.together)

    def write(self, batch: int, target: str) -> None:
        """All lines; `target` gets the sums."""
        w, rows, columns = self.w, self.rows, self.columns
        image_size = self.height * self.width * self.channels
        size = self.weights * self.filters
        threads = threads_for(batch * rows.count * columns.count * size, batch)
        spaces = w.space(threads * image_size) if self.padded else ""
        sums = w.space(threads * size) if threads > 1 else target  # each thread has its own
        with w.shared(batch, threads):
            space = w.at(spaces, w.thread * image_size) if self.padded else ""
            own = w.at(sums, w.thread * size)
            if self.padded:
                w.clear(space, image_size)
            w.clear(own, size)
            with w.share(batch) as n:
                image = w.at("%a0", n * (rows.size * columns.size * self.channels))
                if self.padded:
                    self._place(space, image)
                    image = space
                given = w.at("%a1", n * (rows.count * columns.count * self.filters))
                self._image(image, given, own)
        if threads > 1:
            w.copy(target, sums, size)
            with w.turns(threads - 1) as k:
                w.add(target, w.at(sums, size, k * size), size)

    def _place(self, space: str, image: str) -> None:
        """Copies an image to where there are zeros around it."""
        w, row = self.w, self.columns.size * self.channels
        start = (self.rows.before * self.width + self.columns.before) * self.channels
        with w.turns(self.rows.size) as i:
            to = w.at(space, start, i * (self.width * self.channels))
            w.copy(to, w.at(image, i * row), row)

    def _image(self, image: str, given: str, to: str) -> None:
        """Adds what an image contributes, a block of rows after the other."""
        w, count = self.w, self.rows.count
        row = self.columns.count * self.filters
        down = self.rows.stride * self.width * self.channels
        thick = -(-count // -(-(count * row * SIZE[w.dtype]) // BLOCK))
        whole, rest = divmod(count, thick)
        with w.turns(whole) as block:
            start = w.at(given, block * (thick * row))
            self._rows(w.at(image, block * (thick * down)), start, to, thick)
        if rest:
            start = w.at(given, whole * thick * row)
            self._rows(w.at(image, whole * thick * down), start, to, rest)

    def _rows(self, image: str, given: str, target: str, turns: int) -> None:
        """Adds what some rows of windows contribute to all weights."""
        w, rows, columns, channels = self.w, self.rows, self.columns, self.channels
        for first, vectors, repeats in self.groups:
            with w.turns(repeats) as group:
                step = group * span_of(vectors)
                cotangent, to = w.at(given, first, step), w.at(target, first, step)
                if self.most >= self.weights:  # all of them at once
                    self._some(vectors, self._offsets(), (image, cotangent, to), turns)
                    continue
                with (
                    w.turns(rows.window) as a,
                    w.turns(self.weights // self.run // rows.window) as b,
                ):
                    source = w.at(image, a * (rows.dilation * self.width * channels))
                    source = w.at(source, b * (columns.dilation * channels))
                    end = w.at(to, a * (columns.window * channels * self.filters))
                    end = w.at(end, b * (channels * self.filters))
                    whole, rest = divmod(self.run, self.most)
                    for start, several, count in (
                        (0, self.most, whole), (whole * self.most, rest, 1),
                    ):  # fmt: skip
                        if several and count:
                            with w.turns(count) as u:
                                at = w.at(source, start, u * self.most)
                                weights = w.at(
                                    end, start * self.filters, u * (self.most * self.filters)
                                )
                                places = (at, cotangent, weights)
                                self._some(vectors, list(range(several)), places, turns)

    def _offsets(self) -> list[int]:
        """Where each element of a window is, counted from its start."""
        rows, columns, channels = self.rows, self.columns, self.channels
        return [
            (a * rows.dilation * self.width + b * columns.dilation) * channels + c
            for a in range(rows.window)
            for b in range(columns.window)
            for c in range(channels)
        ]

    def _some(
        self, vectors: Parts, offsets: list[int], places: tuple[str, str, str], turns: int
    ) -> None:
        """Adds what some rows contribute to the weights whose elements of a window are at `offsets`."""
        w, columns = self.w, self.columns
        image, given, to = places
        totals = [
            [w.total(q * self.together + v, lanes) for v, (_, lanes) in enumerate(vectors)]
            for q in range(len(offsets))
        ]
        for place in totals:
            for total, (_, lanes) in zip(place, vectors, strict=True):
                w.set_total(w.zero(lanes), total, lanes)
        with w.turns(turns) as i, w.turns(columns.count) as j:
            at = w.at(image, i * (self.rows.stride * self.width * self.channels))
            at = w.at(at, j * (columns.stride * self.channels))
            start = w.at(given, i * (columns.count * self.filters), j * self.filters)
            factors = [(w.fetch(w.at(start, first), lanes), lanes) for first, lanes in vectors]
            for offset, place in zip(offsets, totals, strict=True):
                w.add_products(place, w.fetch(w.at(at, offset)), factors)
        for q, place in enumerate(totals):
            for total, (first, lanes) in zip(place, vectors, strict=True):
                end = w.at(to, q * self.filters + first)
                more = w.get_total(total, lanes)
                w.keep(w.two("fadd", w.fetch(end, lanes), more, lanes), end, lanes)


def _reach(axis: Axis) -> int:
    """The size of an axis with the padding that its windows reach into, and all that follows it."""
    last = (axis.count - 1) * axis.stride + (axis.window - 1) * axis.dilation
    return max(last + 1, axis.size + axis.before)


def _weights_together(w: Vectors, weights: int, run: int, vectors: int) -> tuple[int, int]:
    """How many vectors of filters, and for how many elements of a window, are summed together."""
    best, found = 0.0, (1, 1)
    for together in range(1, vectors + 1):
        most = (w.registers - 2 - together) // together
        if most < 1:
            break
        length, rounds = (weights, 1) if weights <= most else (run, weights // run)
        each = -(-length // -(-length // most))
        widths = [each] * (length // each) + [length % each] * (length % each > 0)
        groups = [together] * (vectors // together) + [vectors % together] * (
            vectors % together > 0
        )
        cost = rounds * sum(max(a * b, 6) + 0.4 * (a + b) for a in widths for b in groups)
        if not best or cost < best:
            best, found = cost, (together, each)
    return found
