"""What was expected and what was got, side by side: element by element, or as two shapes.

Here is what a report shows of them, as data; `report.py` writes it as text and as HTML.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from graders.compare import differs, furthest, unequal
from graders.show import as_array

ROWS, COLUMNS = 6, 6
"""How much of an array is shown: so many rows and columns around the worst element."""
FEW = 3
"""Up to so many numbers in a tuple or a list need no table."""
MAX_RANK = 4
"""Shapes with more axes are not drawn."""
Cells = tuple[tuple[str, ...], ...]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Table:
    """A part of two arrays of one shape."""

    expected: Cells
    got: Cells
    wrong: frozenset[tuple[int, int]]
    """The cells that differ, as (row, column) of what is shown."""
    worst: tuple[int, int]
    kind: str
    """Which value it is, its shape and dtype, and which part of it is shown."""
    says: str
    """The worst element in words: its index, both values and the difference."""


@dataclass(frozen=True)
class Shapes:
    """Two shapes that should be one."""

    expected: Shape
    got: Shape

    @property
    def says(self) -> str:
        """The same in words: the text alternative of the picture."""
        return f"Expected {in_words(self.expected)}; got {in_words(self.got)}. {self._difference()}"

    def _difference(self) -> str:
        if len(self.expected) != len(self.got):
            return f"The rank is {len(self.got)}, not {len(self.expected)}."
        axes = [
            f"axis {axis} is {given}, not {size}"
            for axis, (size, given) in enumerate(zip(self.expected, self.got, strict=True))
            if size != given
        ]
        return f"{', '.join(axes)}.".capitalize()


def in_words(shape: Shape) -> str:
    """ "(2, 3), 2 rows of 3": what a shape looks like."""
    names = ("", "in a row", "rows", "sheets", "stacks")
    if not shape:
        return "(), one number"
    if len(shape) > MAX_RANK:
        return f"{shape}, {len(shape)} axes"
    if len(shape) == 1:
        return f"{shape}, {shape[0]} in a row"
    parts = []
    for axis, size in enumerate(shape[:-1]):
        name = names[len(shape) - axis]
        parts.append(f"{size} {name.removesuffix('s') if size == 1 else name}")
    return f"{shape}, {' of '.join([*parts, str(shape[-1])])}"


def beside(expected: Any, got: Any, tolerance: float) -> Table | Shapes | None:
    """The first pair of arrays that differ, in tuples and lists too; None when there is no such
    pair, or nothing that a table would make clearer."""
    for path, right, given in _pairs(expected, got):
        if right.shape != given.shape:
            return shapes(right.shape, given.shape)
        if right.dtype != given.dtype or right.dtype.kind not in "iufb" or right.size < 2:
            continue
        wrong = unequal(right, given, tolerance)
        if wrong.any():
            return _table(path, right, given, wrong)
    return None


def shapes(expected: Shape, got: Any) -> Shapes | None:
    """Both as a picture, when they are shapes that can be drawn."""
    drawable = isinstance(got, (tuple, list)) and all(
        type(size) is int and 0 <= size < 10**9 for size in (*expected, *got)
    )
    if not drawable or max(len(expected), len(got)) > MAX_RANK or tuple(got) == expected:
        return None
    return Shapes(expected, tuple(got))


def _pairs(expected: Any, got: Any, path: str = "") -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Every array that is expected, with the one that came in its place."""
    if isinstance(expected, np.ndarray):
        array = as_array(got)
        if array is not None:
            yield path, expected, np.asarray(array)
    elif isinstance(expected, (list, tuple)) and type(got) is type(expected):
        if len(expected) != len(got):
            return
        if len(expected) > FEW and all(type(item) in (int, float) for item in (*expected, *got)):
            yield path, np.array(expected, float), np.array(got, float)
            return
        for place, (right, given) in enumerate(zip(expected, got, strict=True)):
            if differs(right, given) is not None:
                yield from _pairs(right, given, f"{path}[{place}]")


def _table(path: str, expected: np.ndarray, got: np.ndarray, wrong: np.ndarray) -> Table:
    worst = furthest(expected, got, wrong)
    at = tuple(worst[: max(expected.ndim - 2, 0)])
    grids = [np.atleast_2d(array[at]) for array in (expected, got, wrong)]
    row, column = (0, worst[0]) if expected.ndim == 1 else worst[-2:]
    rows, columns = (
        _around(row, grids[0].shape[0], ROWS),
        _around(column, grids[0].shape[1], COLUMNS),
    )
    right, given, marks = (grid[rows][:, columns] for grid in grids)
    kind = [f"at {path}" if path else "", f"shape {expected.shape}, {expected.dtype}"]
    if at:
        kind.append(f"the part [{', '.join(map(str, at))}, :, :]")
    kind.append(_part("row", rows, grids[0].shape[0]))
    kind.append(_part("column", columns, grids[0].shape[1]))
    return Table(
        expected=_cells(right),
        got=_cells(given),
        wrong=frozenset((int(i), int(j)) for i, j in np.argwhere(marks)),
        worst=(row - rows.start, column - columns.start),
        kind="; ".join(filter(None, kind)),
        says=f"{_difference(worst, expected[worst], got[worst])}; "
        f"{int(wrong.sum())} of {wrong.size} are wrong.",
    )


def _around(place: int, size: int, most: int) -> slice:
    """Up to `most` entries of an axis, with the worst among them."""
    start = max(0, min(place - most // 2, size - most))
    return slice(start, min(size, start + most))


def _part(name: str, shown: slice, size: int) -> str:
    if shown.stop - shown.start == size:
        return ""
    return f"{name}s {shown.start} to {shown.stop - 1} of {size}"


def _cells(grid: np.ndarray) -> Cells:
    return tuple(tuple(_number(value) for value in row) for row in grid.tolist())


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _difference(place: tuple[int, ...], expected: Any, got: Any) -> str:
    index = f"[{', '.join(map(str, place))}]"
    right, given = expected.item(), got.item()
    words = f"the worst element, {index}: expected {_number(right)}, got {_number(given)}"
    if isinstance(right, bool):
        return words
    off = given - right
    return f"{words}, " + (f"difference {off:+.6g}" if math.isfinite(off) else "no finite distance")
