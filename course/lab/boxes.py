"""Draws a shape of rank 0 to 4 as nested boxes, as SVG text. Geometry only: no widget, no tensor.

Rank 0 is one cell, rank 1 a row, rank 2 a grid, rank 3 sheets (a grid each) in a frame,
rank 4 rows of such stacks. Each cell carries its index, for the hover and the arrow keys.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape

from course.lab.base import asset

MAX_RANK = 4
# How many columns, rows, sheets and stacks are drawn; a longer axis loses its middle.
FLAT, DEEP = (10, 8), (6, 5, 4, 3)
CELL_H, GAP, PAD, LABEL, ELLIPSIS = 28, 14, 10, 22, 24

Index = tuple[int, ...]


def shown_indices(size: int, limit: int) -> list[int | None]:
    """The entries of an axis that are drawn; None stands for the ellipsis."""
    if size <= limit:
        return list(range(size))
    return [*range(limit - 2), None, size - 1]


def element_count(shape: Index) -> int:
    return math.prod(shape)


class Drawing:
    """SVG fragments, and how far they reach."""

    def __init__(self, cell_width: int, value_at: Callable[[Index], str]) -> None:
        self.parts: list[str] = []
        self.cell_width, self.value_at = cell_width, value_at
        self.right = self.bottom = 0.0

    def add(self, part: str, right: float, bottom: float) -> None:
        self.parts.append(part)
        self.right, self.bottom = max(self.right, right), max(self.bottom, bottom)

    def cell(self, x: float, y: float, index: Index) -> None:
        value, where = self.value_at(index), ",".join(map(str, index))
        label = f"index [{', '.join(map(str, index))}]" if index else "the only value"
        width = self.cell_width
        self.add(
            f'<g class="cell" data-index="{where}" data-value="{escape(value)}" role="img"'
            f' aria-label="{label}, value {escape(value)}">'
            f'<rect x="{x:g}" y="{y:g}" width="{width}" height="{CELL_H}" rx="2"/>'
            f'<text x="{x + width / 2:g}" y="{y + CELL_H / 2 + 4:g}">{escape(value)}</text></g>',
            x + width,
            y + CELL_H,
        )

    def ellipsis(self, x: float, y: float, turned: bool = False) -> None:
        sign = "⋮" if turned else "⋯"
        self.add(f'<text class="more" x="{x:g}" y="{y + 5:g}">{sign}</text>', x + 8, y + 8)

    def frame(self, x: float, y: float, right: float, bottom: float, text: str, axis: int) -> None:
        colour = f'class="frame axis-{axis}"'
        self.add(
            f'<rect {colour} x="{x:g}" y="{y:g}" width="{right - x:g}" height="{bottom - y:g}"'
            f' rx="6"/><text class="at axis-{axis}" x="{x + 8:g}" y="{y + 14:g}">{text}</text>',
            right,
            bottom,
        )

    def axis(self, x: float, y: float, length: float, down: bool, axis: int, size: int) -> None:
        """An arrow along an axis, with its number and size."""
        name = f"axis {axis}: {size}"
        x2, y2 = (x, y + length) if down else (x + length, y)
        tip = f"{x2 - 4:g},{y2 - 7:g} {x2 + 4:g},{y2 - 7:g}"
        if not down:
            tip = f"{x2 - 7:g},{y2 - 4:g} {x2 - 7:g},{y2 + 4:g}"
        middle = (x + x2) / 2, (y + y2) / 2
        turn = f' transform="rotate(-90 {x - 6:g} {middle[1]:g})"' if down else ""
        spot = (x - 6, middle[1]) if down else (middle[0], y - 6)
        self.add(
            f'<g class="axis axis-{axis}"><line x1="{x:g}" y1="{y:g}" x2="{x2:g}" y2="{y2:g}"/>'
            f'<polygon points="{x2:g},{y2:g} {tip}"/>'
            f'<text x="{spot[0]:g}" y="{spot[1]:g}"{turn}>{name}</text></g>',
            x2 + 8,
            y2 + 8,
        )


def _grid(drawing: Drawing, x: float, y: float, shape: Index, before: Index) -> tuple[float, float]:
    """A row (rank 1) or a grid (rank 2) with its corner at x, y; returns right and bottom."""
    limits = DEEP if before else FLAT
    rows = shown_indices(shape[0], limits[1]) if len(shape) == 2 else [0]
    columns = shown_indices(shape[-1], limits[0])
    right = bottom = 0.0
    top = y
    for row in rows:
        left = x
        if row is None:
            drawing.ellipsis(x + drawing.cell_width / 2, top + ELLIPSIS / 2, turned=True)
            top += ELLIPSIS
            continue
        for column in columns:
            if column is None:
                drawing.ellipsis(left + ELLIPSIS / 2, top + CELL_H / 2)
                left += ELLIPSIS
                continue
            drawing.cell(left, top, (*before, row, column) if len(shape) == 2 else (column,))
            left += drawing.cell_width
        right, top = max(right, left), top + CELL_H
        bottom = top
    return right, bottom


def _sheets(
    drawing: Drawing, x: float, y: float, shape: Index, before: Index
) -> tuple[float, float]:
    """The grids of a rank-3 value, side by side, each in a frame that names its index."""
    axis = len(before)
    left, bottom = x, y
    for sheet in shown_indices(shape[0], DEEP[2]):
        if sheet is None:
            drawing.ellipsis(left + ELLIPSIS / 2 - 4, (y + bottom) / 2)
            left += ELLIPSIS
            continue
        at = (*before, sheet)
        right, low = _grid(drawing, left + PAD, y + LABEL, shape[1:], at)
        text = "[" + ", ".join(map(str, at)) + "]"
        drawing.frame(left, y, right + PAD, low + PAD, text, axis)
        left, bottom = right + PAD + GAP, max(bottom, low + PAD)
    return left - GAP, bottom


def _stacks(drawing: Drawing, x: float, y: float, shape: Index) -> tuple[float, float]:
    """Rank 4: one row for each entry of axis 0, a stack of sheets in each."""
    top, right = y, x
    for stack in shown_indices(shape[0], DEEP[3]):
        if stack is None:
            drawing.ellipsis(x + 30, top + ELLIPSIS / 2 - 4, turned=True)
            top += ELLIPSIS
            continue
        far, low = _sheets(drawing, x + PAD, top + LABEL, shape[1:], (stack,))
        drawing.frame(x, top, far + PAD, low + PAD, f"[{stack}]", 0)
        right, top = max(right, far + PAD), low + PAD + GAP
    return right, top - GAP


def draw(shape: Index, value_at: Callable[[Index], str], widest: int = 3) -> str:
    """The whole picture as SVG text.

    Arguments:
        shape: up to four sizes.
        value_at: the text in the cell at an index; called for drawn cells only.
        widest: characters in the longest such text.
    """
    rank = len(shape)
    if rank > MAX_RANK:
        raise ValueError(f"boxes are drawn for rank 0 to {MAX_RANK}; {shape} has rank {rank}")
    drawing = Drawing(max(34, 8 * widest + 12), value_at)
    if 0 in shape:
        return _empty(shape)
    # Axis arrows: the last axis runs along the top, the one before it down the left side; the
    # outer axes are told by the labels of their frames and an arrow outside them.
    x, y = 30.0, 26.0
    if rank == 0:
        drawing.cell(4, 4, ())
    elif rank == 1:
        right, _ = _grid(drawing, 4, y, shape, ())
        drawing.axis(4, y - 8, right - 4, False, 0, shape[0])
    elif rank == 2:
        right, bottom = _grid(drawing, x, y, shape, ())
        drawing.axis(x - 10, y, bottom - y, True, 0, shape[0])
        drawing.axis(x, y - 8, right - x, False, 1, shape[1])
    elif rank == 3:
        right, bottom = _sheets(drawing, x, y, shape, ())
        drawing.axis(x, y - 8, right - x, False, 0, shape[0])
        _inner_axes(drawing, x, shape)
    else:
        right, bottom = _stacks(drawing, x, y, shape)
        drawing.axis(x - 10, y, bottom - y, True, 0, shape[0])
        drawing.axis(x, y - 8, right - x, False, 1, shape[1])
        _inner_axes(drawing, x, shape)
    return _svg(drawing, shape)


def _inner_axes(drawing: Drawing, x: float, shape: Index) -> None:
    """Below the outermost frame: which axis runs down and which across, inside each sheet."""
    down, across = len(shape) - 2, len(shape) - 1
    y = drawing.bottom + 18
    drawing.add(
        f'<text class="inner" x="{x:g}" y="{y:g}">in each sheet: '
        f'<tspan class="axis-{down}">axis {down}: {shape[down]}</tspan> down, '
        f'<tspan class="axis-{across}">axis {across}: {shape[across]}</tspan> across</text>',
        x + 300,
        y,
    )


def _empty(shape: Index) -> str:
    drawing = Drawing(34, lambda _index: "")
    drawing.add(
        '<rect class="frame axis-0" x="2" y="2" width="180" height="44" rx="6"'
        ' stroke-dasharray="5 4"/><text class="inner" x="92" y="28" text-anchor="middle">'
        "no elements: an axis is 0</text>",
        184,
        48,
    )
    return _svg(drawing, shape)


def _svg(drawing: Drawing, shape: Index) -> str:
    width, height = drawing.right + 4, drawing.bottom + 6
    words = f"boxes for shape {shape}: {element_count(shape)} elements"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="txm-boxes-svg" width="{width:.0f}"'
        f' height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" role="group"'
        f' aria-label="{words}"><style>{asset("boxes.css")}</style>'
        + "".join(drawing.parts)
        + "</svg>"
    )
