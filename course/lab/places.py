"""Draws cells that belong together, as SVG text: point at one, and the others light up.

A cell has a key; a cell that can be pointed at says in words what it is, and which keys light up
with it. `static/places.js` does the pointing. Used by memory_row.py and broadcast_align.py.
"""

from __future__ import annotations

from html import escape

from course.lab.base import asset

CELL_H = 26


class Sheet:
    """SVG fragments, and how far they reach."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.right = self.bottom = 0.0

    def reach(self, right: float, bottom: float) -> None:
        self.right, self.bottom = max(self.right, right), max(self.bottom, bottom)

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> None:
        """Words; y is the line they stand on."""
        self.parts.append(
            f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
        )
        width = 7.0 * len(text)
        self.reach(x + {"start": width, "middle": width / 2, "end": 0}[anchor], y + 4)

    def cell(
        self,
        x: float,
        y: float,
        width: float,
        text: str,
        *,
        kind: str = "",
        key: str = "",
        lights: str = "",
        say: str = "",
        at: tuple[str, int, int] | None = None,
    ) -> None:
        """One cell.

        Arguments:
            kind: classes for its look.
            key: by which other cells light it up.
            lights: the keys, with spaces between them, that light up when it is pointed at.
            say: what it is, in words; only a cell that says something can be pointed at.
            at: its group, row and column, for the arrow keys.
        """
        pointed = ""
        if say:
            group, row, column = at or ("", 0, 0)
            pointed = (
                f' data-say="{escape(say)}" data-lights="{escape(lights)}" data-group="{group}"'
                f' data-row="{row}" data-column="{column}" role="img"'
                f' aria-label="{escape(say.replace("`", ""))}"'
            )
        self.parts.append(
            f'<g class="place {kind}" data-key="{escape(key)}"{pointed}>'
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{CELL_H}" rx="3"/>'
            f'<text x="{x + width / 2:g}" y="{y + CELL_H / 2 + 4:g}">{escape(text)}</text></g>'
        )
        self.reach(x + width, y + CELL_H)

    def svg(self, words: str) -> str:
        """The whole picture, with its style."""
        width, height = self.right + 6, self.bottom + 6
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="txm-places-svg" width="{width:.0f}"'
            f' height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" role="group"'
            f' aria-label="{escape(words)}"><style>{asset("places.css")}</style>'
            + "".join(self.parts)
            + "</svg>"
        )
