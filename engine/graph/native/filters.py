"""The cotangent of a convolution's filters as machine code: sums over all places, kept in registers.

Read `convolutions` first. Here the sums are as few as there are weights, and long: every place of every image
adds one product to each.
"""

from __future__ import annotations

from itertools import product

from engine.graph.native.convolutions import groups_of, span_of
from engine.graph.native.sliding import Axis
from engine.graph.native.threads import Team, threads_for
from engine.graph.native.vectors import Parts, Vectors
from engine.graph.native.writer import SIZE

BLOCK = 1 << 17  # bytes of the cotangent that stay in the cache while all weights meet them


def filter_sums(
    w: Team, batch: int, axes: tuple[Axis, Axis], channels: int, filters: int, target: str
) -> bool:
    """Writes the lines: each weight's sum, over all windows, of input %a0 times cotangent %a1.

    Some weights at a time keep their sums in registers while an image (or a part of its rows) passes by. The
    sums of each image are added up in turn, which also loses less to rounding than one long sum.
    """
    rows, columns = axes
    height = _reach(rows)
    width = _reach(columns)
    padded = not (rows.inside and columns.inside)
    if not padded:
        height, width = rows.size, columns.size
    run = channels * (columns.window if columns.dilation == 1 else 1)
    weights = rows.window * columns.window * channels
    parts = w.parts(filters)
    together, most = _weights_together(w, weights, run, len(parts))
    row = columns.count * filters
    blocks = -(-(rows.count * row * SIZE[w.dtype]) // BLOCK)
    thick = -(-rows.count // blocks)

    def block(
        vectors: Parts, offsets: list[tuple[int, int]], places: tuple[str, str, str], turns: int
    ) -> None:
        """Adds to some weights what some rows of an image contribute.

        offsets: where in the input, and which of the weights, one after the other.
        """
        image, given, to = places
        totals = [
            (w.total(q * together + v, lanes), lanes)
            for q in range(len(offsets))
            for v, (_, lanes) in enumerate(vectors)
        ]
        for total, lanes in totals:
            w.set_total(w.zero(lanes), total, lanes)
        with w.turns(turns) as i, w.turns(columns.count) as j:
            at = w.at(image, i * (rows.stride * width * channels), j * (columns.stride * channels))
            start = w.at(given, i * row, j * filters)
            factors = [w.fetch(w.at(start, part), lanes) for part, lanes in vectors]
            for q, (offset, _) in enumerate(offsets):
                number = w.fetch(w.at(at, offset))
                wide: dict[int, str] = {}
                for v, (_, lanes) in enumerate(vectors):
                    if lanes not in wide:
                        wide[lanes] = w.spread(number, lanes)
                    w.add_product(totals[q * len(vectors) + v][0], wide[lanes], factors[v], lanes)
        for q, (_, weight) in enumerate(offsets):
            for v, (part, lanes) in enumerate(vectors):
                end = w.at(to, weight * filters + part)
                before = w.fetch(end, lanes)
                w.keep(
                    w.two(
                        "fadd", before, w.get_total(totals[q * len(vectors) + v][0], lanes), lanes
                    ),
                    end,
                    lanes,
                )

    def rows_of_image(image: str, given: str, target: str, turns: int) -> None:
        for first, vectors, repeats in groups_of(w, parts, together):
            with w.turns(repeats) as group:
                step = group * span_of(vectors)
                cotangent, to = w.at(given, first, step), w.at(target, first, step)
                if most >= weights:  # all of them
                    offsets = [
                        ((a * rows.dilation * width + b * columns.dilation) * channels + c, k)
                        for k, (a, b, c) in enumerate(
                            product(range(rows.window), range(columns.window), range(channels))
                        )
                    ]
                    block(vectors, offsets, (image, cotangent, to), turns)
                    continue
                with w.turns(rows.window) as a, w.turns(columns.window * channels // run) as b:
                    source = w.at(
                        image,
                        a * (rows.dilation * width * channels),
                        b * (columns.dilation * channels),
                    )
                    at = w.at(
                        to, a * (columns.window * channels * filters), b * (channels * filters)
                    )
                    whole, rest = divmod(run, most)
                    for start, several, count in ((0, most, whole), (whole * most, rest, 1)):
                        if several and count:
                            with w.turns(count) as u:
                                places = (
                                    w.at(source, start, u * most),
                                    cotangent,
                                    w.at(at, start * filters, u * (most * filters)),
                                )
                                block(vectors, [(q, q) for q in range(several)], places, turns)

    threads = threads_for(batch * rows.count * columns.count * weights * filters, batch)
    image_size, size = height * width * channels, weights * filters
    spaces = w.space(threads * image_size) if padded else ""
    sums = w.space(threads * size) if threads > 1 else target  # each thread has its own
    with w.shared(batch, threads):
        space = w.at(spaces, w.thread * image_size) if padded else ""
        own = w.at(sums, w.thread * size)
        if padded:
            w.clear(space, image_size)
        w.clear(own, size)
        with w.share(batch) as n:
            image = w.at("%a0", n * (rows.size * columns.size * channels))
            given = w.at("%a1", n * (rows.count * row))
            if padded:
                _place(w, space, image, rows, columns, width, channels)
                image = space
            down = rows.stride * width * channels
            whole, rest = divmod(rows.count, thick)
            with w.turns(whole) as part:
                start = w.at(given, part * (thick * row))
                rows_of_image(w.at(image, part * (thick * down)), start, own, thick)
            if rest:
                start = w.at(given, whole * thick * row)
                rows_of_image(w.at(image, whole * thick * down), start, own, rest)
    if threads > 1:
        w.copy(target, sums, size)
        with w.turns(threads - 1) as k:
            w.add(target, w.at(sums, size, k * size), size)
    return True


def _reach(axis: Axis) -> int:
    """The size of an axis with the padding that its windows reach into, and all that follows it."""
    last = (axis.count - 1) * axis.stride + (axis.window - 1) * axis.dilation
    return max(last + 1, axis.size + axis.before)


def _place(
    w: Vectors, space: str, image: str, rows: Axis, columns: Axis, width: int, channels: int
) -> None:
    """Copies an image to where there are zeros around it."""
    with w.turns(rows.size) as i:
        to = w.at(space, (rows.before * width + columns.before) * channels, i * (width * channels))
        w.copy(to, w.at(image, i * (columns.size * channels)), columns.size * channels)


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
