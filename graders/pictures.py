"""Two shapes drawn as boxes beside each other, as inline SVG that takes the colours of its page.

Rank 0 is one cell, rank 1 a row, rank 2 a grid, rank 3 grids side by side, rank 4 rows of those. A long
axis loses its middle. What the picture says is also said in words: `graders.beside.Shapes.says`.
"""

from __future__ import annotations

from html import escape

from graders.beside import Shape, Shapes, in_words

CELL, GAP, MARGIN, LINE = 16, 8, 4, 18
MOST = (6, 5, 3, 3)
"""How many entries are drawn of the last axis, the one before it, and so on."""


def picture(shapes: Shapes) -> str:
    """Both shapes, each under its name and with its sizes."""
    drawings = "".join(
        f"<div><strong>{name}</strong> <code>{escape(str(shape))}</code>{_drawing(name, shape)}</div>"
        for name, shape in (("expected", shapes.expected), ("got", shapes.got))
    )
    return (
        f'<figure class="tx-shapes"><div>{drawings}</div>'
        f"<figcaption>{escape(shapes.says)}</figcaption></figure>"
    )


def _drawing(name: str, shape: Shape) -> str:
    parts: list[str] = []
    if 0 in shape:
        width, height = 150.0, 30.0
        parts.append('<rect x="2" y="2" width="146" height="26" rx="3" stroke-dasharray="4 3"/>')
        parts.append('<text x="75" y="19" text-anchor="middle">nothing in it</text>')
    else:
        width, height = _boxes(parts, shape, MARGIN, MARGIN)
    return (
        f'<svg role="img" aria-label="{name} {escape(in_words(shape))}" '
        f'width="{width + MARGIN:g}" height="{height + MARGIN:g}">{"".join(parts)}</svg>'
    )


def _shown(size: int, most: int) -> list[int | None]:
    """The entries that are drawn; None stands for those that are left out."""
    return list(range(size)) if size <= most else [*range(most - 2), None, size - 1]


def _boxes(parts: list[str], shape: Shape, x: float, y: float) -> tuple[float, float]:
    """Draw a shape with its corner at x, y; returns how far it reaches."""
    if len(shape) <= 2:
        rows, columns = (1, 1, *shape)[-2:]
        return _grid(parts, rows, columns, x, y)
    across = len(shape) == 3
    right, bottom = x, y
    for entry in _shown(shape[0], MOST[len(shape) - 1]):
        if entry is None:
            sign, dx, dy = ("⋯", 0, LINE) if across else ("⋮", GAP, LINE - 2)
            parts.append(f'<text x="{x + dx:g}" y="{y + dy:g}">{sign}</text>')
            x, y = (x + LINE, y) if across else (x, y + LINE + 4)
            continue
        far, low = _boxes(parts, shape[1:], x + MARGIN, y + MARGIN)
        parts.append(
            f'<rect class="tx-frame" x="{x:g}" y="{y:g}" width="{far + MARGIN - x:g}" '
            f'height="{low + MARGIN - y:g}" rx="3"/>'
        )
        right, bottom = max(right, far + MARGIN), max(bottom, low + MARGIN)
        x, y = (far + MARGIN + GAP, y) if across else (x, low + MARGIN + GAP)
    return right, bottom


def _grid(parts: list[str], rows: int, columns: int, x: float, y: float) -> tuple[float, float]:
    top, right = y, x
    for row in _shown(rows, MOST[1]):
        left = x
        if row is None:
            parts.append(f'<text x="{x + 3:g}" y="{top + 12:g}">⋮</text>')
            top += LINE
            continue
        for column in _shown(columns, MOST[0]):
            if column is None:
                parts.append(f'<text x="{left + 1:g}" y="{top + 10:g}">⋯</text>')
                left += LINE
                continue
            parts.append(f'<rect x="{left:g}" y="{top:g}" width="{CELL}" height="{CELL}"/>')
            left += CELL
        right, top = max(right, left), top + CELL
    return right, top
