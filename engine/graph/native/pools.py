"""Pooling as machine code: window after window, as many channels at a time as a register holds.

Every number is the one that `engine.ops.pooling_kernels` computes, to the last bit: what is compared, added
and multiplied, and in which order, is the same. (Of 0.0 and -0.0, either may be the largest.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod

from engine.graph.native.sliding import Axis
from engine.graph.native.vectors import Index, Vectors

MOST_TAPS = 400  # elements of windows written out, over all kinds of windows; see `kinds_of`

Kind = tuple[int, int, list[int]]  # windows from .. to have these elements inside the axis


def kinds_of(axis: Axis) -> list[Kind]:
    """Windows that follow one another and have the same elements inside: at the edges there are fewer."""
    kinds: list[Kind] = []
    for window in range(axis.count):
        inside = [tap for tap in range(axis.window) if axis.place(window, tap) is not None]
        if kinds and kinds[-1][2] == inside:
            kinds[-1] = (kinds[-1][0], window + 1, inside)
        else:
            kinds.append((window, window + 1, inside))
    return kinds


def readers_of(axis: Axis) -> list[Kind]:
    """Places that follow one another by whole strides and lie in the same elements of windows."""
    found: list[Kind] = []
    for phase in range(min(axis.stride, axis.size)):
        for place in range(phase, axis.size, axis.stride):
            taps = [tap for tap in range(axis.window) if axis.window_at(place, tap) is not None]
            if found and found[-1][1:] == (place, taps):
                found[-1] = (found[-1][0], place + axis.stride, taps)
            else:
                found.append((place, place + axis.stride, taps))
    return found


def _apart(axis: Axis) -> bool:
    """Whether no element is in two windows."""
    return (axis.window - 1) * axis.dilation < axis.stride


def covered(axes: tuple[Axis, Axis]) -> bool:
    """Whether each element is in exactly one window. Then `hand_back` may write over what it compares."""
    return all(
        a.inside and a.dilation == 1 and a.window == a.stride and a.count * a.stride == a.size
        for a in axes
    )


def few(axes: tuple[Axis, Axis], kinds: Callable[[Axis], list[Kind]]) -> bool:
    """Whether the taps of all kinds of windows are few enough to be written out."""
    return prod(sum(len(taps) for _, _, taps in kinds(axis)) for axis in axes) <= MOST_TAPS


def _backwards(w: Vectors, kinds: list[Kind]) -> Iterator[tuple[Index, list[int]]]:
    """Loops from the last window to the first."""
    for first, end, taps in reversed(kinds):
        with w.turns(end - first) as step:
            yield step * -1 + (end - 1), taps


def largest(w: Vectors, batch: int, axes: tuple[Axis, Axis], channels: int, target: str) -> bool:
    """Writes the lines: the largest element of each window of %a0; NaN where there is one."""
    rows, columns = axes
    # A window without any element inside (of padding alone) is for NumPy's kernel.
    if not few(axes, kinds_of) or any(not taps for axis in axes for _, _, taps in kinds_of(axis)):
        return False
    with w.turns(batch) as n:
        image = w.at("%a0", n * (rows.size * columns.size * channels))
        result = w.at(target, n * (rows.count * columns.count * channels))
        for i, down in forwards(w, kinds_of(rows)):
            for j, across in forwards(w, kinds_of(columns)):
                start = window_at(w, image, axes, channels, i, j)
                to = w.at(result, i * (columns.count * channels), j * channels)
                for part, lanes in w.run(channels):
                    best = ""
                    for offset in _offsets(axes, channels, down, across):
                        x = w.fetch(w.at(start, offset, part), lanes)
                        if best:
                            larger = w.two("fcmp olt", best, x, lanes)
                            nan = w.two("fcmp uno", x, x, lanes)
                            x = w.choose(w.both("or", larger, nan, lanes), x, best, lanes)
                        best = x
                    w.keep(best, w.at(to, part), lanes)
    return True


def hand_back(w: Vectors, batch: int, axes: tuple[Axis, Axis], channels: int, target: str) -> bool:
    """Writes the lines: the cotangent %a0 of each window goes to where %a1 has its largest element, %a2.

    Windows that overlap are taken from the last to the first: then what meets in one element is added up in
    the order in which NumPy's kernel adds.
    """
    rows, columns = axes
    if not few(axes, kinds_of):
        return False
    apart, whole = all(map(_apart, axes)), covered(axes)
    passes = forwards if apart else _backwards
    size = rows.size * columns.size * channels
    with w.turns(batch) as n:
        image, result = w.at("%a1", n * size), w.at(target, n * size)
        behind = n * (rows.count * columns.count * channels)
        given, best = w.at("%a0", behind), w.at("%a2", behind)
        if not whole:
            w.clear(result, size)
        for i, down in passes(w, kinds_of(rows)):
            for j, across in passes(w, kinds_of(columns)):
                start = window_at(w, image, axes, channels, i, j)
                to = window_at(w, result, axes, channels, i, j)
                window = (i * (columns.count * channels), j * channels)
                for part, lanes in w.run(channels):
                    dy = w.fetch(w.at(given, *window, part), lanes)
                    y = w.fetch(w.at(best, *window, part), lanes)
                    free = ""  # where no element has won yet
                    for offset in _offsets(axes, channels, down, across):
                        x = w.fetch(w.at(start, offset, part), lanes)
                        won = w.two("fcmp uge", x, y, lanes)  # true for NaN, which is the largest
                        lost = w.two("fcmp olt", x, y, lanes)
                        if free:
                            won, lost = (w.both("and", truth, free, lanes) for truth in (won, lost))
                        free = lost
                        share = w.choose(won, dy, w.zero(lanes), lanes)
                        end = w.at(to, offset, part)
                        if not apart:
                            share = w.two("fadd", w.fetch(end, lanes), share, lanes)
                        w.keep(share, end, lanes)
    return True


def forwards(w: Vectors, kinds: list[Kind]) -> Iterator[tuple[Index, list[int]]]:
    """Loops from the first window to the last, kind by kind: each window, and its taps."""
    for first, end, taps in kinds:
        with w.turns(end - first) as step:
            yield step + first, taps


def window_at(
    w: Vectors, image: str, axes: tuple[Axis, Axis], channels: int, i: Index, j: Index
) -> str:
    """Where window (i, j) starts in an image; it may be in the padding."""
    rows, columns = axes
    before = (rows.before * columns.size + columns.before) * channels
    down, across = rows.stride * columns.size * channels, columns.stride * channels
    return w.at(image, i * down, j * across, -before)


def _offsets(
    axes: tuple[Axis, Axis], channels: int, down: list[int], across: list[int]
) -> list[int]:
    """How far the elements of a window are from its start."""
    rows, columns = axes
    return [
        (a * rows.dilation * columns.size + b * columns.dilation) * channels
        for a in down
        for b in across
    ]


# --- the sum and the mean ---------------------------------------------------------------------------


def _inside(axis: Axis, window: int) -> int:
    """How many elements of a window lie inside the axis."""
    return max(sum(axis.place(window, tap) is not None for tap in range(axis.window)), 1)


def _in_order(axis: Axis, taps: list[int]) -> list[int]:
    """The elements of a window as NumPy's kernel adds them: those that every window has come first."""
    common = _common(axis)
    return [tap for tap in taps if tap in common] + [tap for tap in taps if tap not in common]


def _common(axis: Axis) -> set[int]:
    return set.intersection(*(set(taps) for _, _, taps in kinds_of(axis)))


def sum_windows(
    w: Vectors, batch: int, axes: tuple[Axis, Axis], channels: int, mean: bool, target: str
) -> bool:
    """Writes the lines: the sum or the mean of each window of %a0."""
    rows, columns = axes
    if not few(axes, kinds_of) or any(not _common(axis) for axis in axes):
        return False
    with w.turns(batch) as n:
        image = w.at("%a0", n * (rows.size * columns.size * channels))
        result = w.at(target, n * (rows.count * columns.count * channels))
        for i, down in forwards(w, kinds_of(rows)):
            for j, across in forwards(w, kinds_of(columns)):
                start = window_at(w, image, axes, channels, i, j)
                to = w.at(result, i * (columns.count * channels), j * channels)
                for part, lanes in w.run(channels):
                    total = ""
                    for b in _in_order(columns, across):  # each column, then the columns together
                        column = ""
                        for offset in _offsets(axes, channels, _in_order(rows, down), [b]):
                            x = w.fetch(w.at(start, offset, part), lanes)
                            column = w.two("fadd", column, x, lanes) if column else x
                        total = w.two("fadd", total, column, lanes) if total else column
                    if mean:
                        share = w.known(1 / (len(down) * len(across)), lanes)
                        total = w.two("fmul", total, share, lanes)
                    w.keep(total, w.at(to, part), lanes)
    return True


def spread(
    w: Vectors, batch: int, axes: tuple[Axis, Axis], channels: int, mean: bool, target: str
) -> bool:
    """Writes the lines: each element gets the sum of %a0, or of its shares, over the windows it is in."""
    rows, columns = axes
    if not few(axes, readers_of) or rows.count * columns.count > 1 << 16:
        return False
    shares = ""
    if mean:
        shares = w.table(
            [
                1 / (_inside(rows, i) * _inside(columns, j))
                for i in range(rows.count)
                for j in range(columns.count)
            ]
        )
    row = columns.count * channels
    # What lies in one window at most is not added to zero, which would make 0.0 of -0.0.
    above, left = ("" if _apart(axis) else "zero" for axis in axes)
    with w.turns(batch) as n:
        result = w.at(target, n * (rows.size * columns.size * channels))
        given = w.at("%a0", n * (rows.count * row))
        for i, from_row, down in places_of(w, rows):
            for j, from_column, across in places_of(w, columns):
                to = w.at(result, i * (columns.size * channels), j * channels)
                start = w.at(given, from_row * row, from_column * channels)
                share = w.at(shares, from_row * columns.count, from_column) if mean else ""
                for part, lanes in w.run(channels):
                    total = above and w.zero(lanes)
                    for _, a in down:
                        line = left and w.zero(lanes)
                        for _, b in across:
                            x = w.fetch(w.at(start, a * row + b * channels, part), lanes)
                            if mean:
                                factor = w.fetch(w.at(share, a * columns.count + b))
                                x = w.two("fmul", x, w.spread(factor, lanes), lanes)
                            line = w.two("fadd", line, x, lanes) if line else x
                        line = line or w.zero(lanes)
                        total = w.two("fadd", total, line, lanes) if total else line
                    w.keep(total or w.zero(lanes), w.at(to, part), lanes)
    return True


def places_of(w: Vectors, axis: Axis) -> Iterator[tuple[Index, Index, list[tuple[int, int]]]]:
    """Loops over the places of an axis: (place, a window, the windows it is in).

    Each of the last is (which of its elements the place is, how far it is from that one window).
    """
    for first, end, taps in readers_of(axis):
        windows = [axis.window_at(first, tap) or 0 for tap in taps]
        base = windows[0] if windows else 0
        found = [(tap, window - base) for tap, window in zip(taps, windows, strict=True)]
        with w.turns((end - first) // axis.stride) as step:
            yield step * axis.stride + first, step + base, found
