"""Depthwise convolutions as machine code: each channel has one filter, so a vector is of channels.

Read `pools` first: the loops are the same, and the weights of a window stay in registers along a row.
"""

from __future__ import annotations

from engine.graph.native.pools import few, forwards, kinds_of, places_of, readers_of, window_at
from engine.graph.native.sliding import Axis
from engine.graph.native.vectors import Index, Vectors

MOST_WEIGHTS = 25  # of a filter; more would not stay in registers


def depthwise(w: Vectors, batch: int, axes: tuple[Axis, Axis], channels: int, target: str) -> bool:
    """Writes the lines: of each window of %a0 the products with the weights %a1, summed."""
    rows, columns = axes
    if not few(axes, kinds_of) or rows.window * columns.window > MOST_WEIGHTS:
        return False
    with w.turns(batch) as n:
        image = w.at("%a0", n * (rows.size * columns.size * channels))
        result = w.at(target, n * (rows.count * columns.count * channels))
        for i, down in forwards(w, kinds_of(rows)):
            for part, lanes in w.run(channels):
                weights = _weights(w, columns, channels, down, part, lanes)
                for j, across in forwards(w, kinds_of(columns)):
                    start = w.at(window_at(w, image, axes, channels, i, j), part)
                    total = w.total(0, lanes)
                    w.set_total(w.zero(lanes), total, lanes)
                    for a in down:
                        for b in across:
                            offset = a * rows.dilation * columns.size + b * columns.dilation
                            x = w.fetch(w.at(start, offset * channels), lanes)
                            w.add_product(total, x, weights[a, b], lanes)
                    to = w.at(result, i * (columns.count * channels), j * channels, part)
                    w.keep(w.get_total(total, lanes), to, lanes)
    return True


def _weights(
    w: Vectors, columns: Axis, channels: int, down: list[int], part: Index, lanes: int
) -> dict[tuple[int, int], str]:
    """The weights of some channels, for these rows of a window."""
    return {
        (a, b): w.fetch(w.at("%a1", (a * columns.window + b) * channels, part), lanes)
        for a in down
        for b in range(columns.window)
    }


def depthwise_input(
    w: Vectors, batch: int, axes: tuple[Axis, Axis], channels: int, target: str
) -> bool:
    """Writes the lines: for each place, the cotangents %a0 of its windows times their weights %a1."""
    rows, columns = axes
    if not few(axes, readers_of) or rows.window * columns.window > MOST_WEIGHTS:
        return False
    row = columns.count * channels
    with w.turns(batch) as n:
        given = w.at("%a0", n * (rows.count * row))
        result = w.at(target, n * (rows.size * columns.size * channels))
        for i, from_row, down in places_of(w, rows):
            for part, lanes in w.run(channels):
                weights = _weights(w, columns, channels, [a for a, _ in down], part, lanes)
                for j, from_column, across in places_of(w, columns):
                    start = w.at(given, from_row * row, from_column * channels, part)
                    total = w.total(0, lanes)
                    w.set_total(w.zero(lanes), total, lanes)
                    for a, below in down:
                        for b, right in across:
                            dy = w.fetch(w.at(start, below * row + right * channels), lanes)
                            w.add_product(total, dy, weights[a, b], lanes)
                    to = w.at(result, i * (columns.size * channels), j * channels, part)
                    w.keep(w.get_total(total, lanes), to, lanes)
    return True


def depthwise_filter(
    w: Vectors, batch: int, axes: tuple[Axis, Axis], channels: int, target: str
) -> bool:
    """Writes the lines: each weight's sum, over all windows, of input %a0 times cotangent %a1.

    The sums of each image are added up in turn, which loses less to rounding than one long sum.
    """
    rows, columns = axes
    taps = [(a, b) for a in range(rows.window) for b in range(columns.window)]
    if not few(axes, kinds_of) or len(taps) > MOST_WEIGHTS:
        return False
    w.clear(target, len(taps) * channels)
    with w.turns(batch) as n:
        image = w.at("%a0", n * (rows.size * columns.size * channels))
        given = w.at("%a1", n * (rows.count * columns.count * channels))
        for part, lanes in w.run(channels):
            totals = {tap: w.total(k, lanes) for k, tap in enumerate(taps)}
            for total in totals.values():
                w.set_total(w.zero(lanes), total, lanes)
            for i, down in forwards(w, kinds_of(rows)):
                for j, across in forwards(w, kinds_of(columns)):
                    start = w.at(window_at(w, image, axes, channels, i, j), part)
                    at = w.at(given, i * (columns.count * channels), j * channels, part)
                    dy = w.fetch(at, lanes)
                    for a in down:
                        for b in across:
                            offset = a * rows.dilation * columns.size + b * columns.dilation
                            x = w.fetch(w.at(start, offset * channels), lanes)
                            w.add_product(totals[a, b], x, dy, lanes)
            for k, total in enumerate(totals.values()):
                end = w.at(target, k * channels, part)
                more = w.get_total(total, lanes)
                w.keep(w.two("fadd", w.fetch(end, lanes), more, lanes), end, lanes)
    return True
