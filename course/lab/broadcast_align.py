"""BroadcastAlign: two shapes, aligned at the right, axis by axis - and what broadcasting makes of them.

The rule is written here once, to be drawn; the engine's own is `broadcast` in engine/spec.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import traitlets

from course.lab.base import LabWidget, asset, svg_figure
from course.lab.boxes import Index
from course.lab.places import CELL_H, Sheet
from course.lab.shape_boxes import _checked, parse_shape

EXAMPLES = (((3, 4), (4,)), ((3,), (3, 1)), ((2, 3), (2,)), ((32, 28, 28, 3), (3,)))
MOST_CELLS = 6
"""Rows and columns of a result whose cells are drawn."""
LABEL, WIDTH, GAP = 150, 92, 12


@dataclass(frozen=True)
class Column:
    """One axis of the result, counted from the end, and what the two shapes have there."""

    axis: int
    a: int | None
    b: int | None
    """None: the shape has no such axis, and is treated as if it had size 1 there."""

    @property
    def sizes(self) -> tuple[int, int]:
        return (1 if self.a is None else self.a, 1 if self.b is None else self.b)

    @property
    def verdict(self) -> str:
        """ "equal", "a is stretched", "b is stretched" or "clash"."""
        a, b = self.sizes
        if a == b:
            return "equal"
        return "a is stretched" if a == 1 else "b is stretched" if b == 1 else "clash"

    @property
    def result(self) -> int | None:
        """The size in the result; None when the sizes clash."""
        a, b = self.sizes
        return None if self.verdict == "clash" else b if a == 1 else a

    @property
    def words(self) -> str:
        """The column as a sentence."""
        a, b = ("no axis, so 1" if size is None else str(size) for size in (self.a, self.b))
        head = f"axis {self.axis}: a has {a}; b has {b}"
        if self.verdict == "clash":
            return f"{head}. They differ and neither is 1: **clash**"
        if self.verdict == "equal":
            return f"{head}. They are equal"
        return f"{head}. So {self.verdict} to {self.result}"


def align(a: Index, b: Index) -> list[Column]:
    """The columns, from the first axis of the result to the last.

    >>> [column.result for column in align((3,), (3, 1))]
    [3, 3]
    >>> [column.verdict for column in align((2, 3), (2,))]
    ['b is stretched', 'clash']
    """
    most = max(len(a), len(b))

    def size(shape: Index, axis: int) -> int | None:
        return shape[axis] if -axis <= len(shape) else None

    return [Column(axis, size(a, axis), size(b, axis)) for axis in range(-most, 0)]


class BroadcastAlign(LabWidget):
    """Two shapes and what broadcasting makes of them: `BroadcastAlign((3,), (3, 1))`.

    Type other shapes, or press one of the examples. Point at a column, or at a cell of a small result,
    and it is said what happens there; the arrow keys do the same.

    Arguments:
        a, b: shapes of rank 0 to 4.
        examples: pairs of shapes behind the buttons.
    """

    _esm = asset("common.js") + asset("places.js") + asset("broadcast_align.js")
    _css = asset("lab.css") + asset("places.css")
    a_text = traitlets.Unicode().tag(sync=True)
    b_text = traitlets.Unicode().tag(sync=True)
    svg = traitlets.Unicode().tag(sync=True)
    answer = traitlets.Unicode().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    clash = traitlets.Bool().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)
    examples: traitlets.List = traitlets.List().tag(sync=True)

    def __init__(
        self,
        a: Sequence[int] = (3,),
        b: Sequence[int] = (3, 1),
        *,
        examples: Sequence[tuple[Sequence[int], Sequence[int]]] = EXAMPLES,
    ) -> None:
        super().__init__(examples=[[_text(one), _text(two)] for one, two in examples])
        self._show(*(_checked(tuple(int(size) for size in shape)) for shape in (a, b)))
        self.on_msg(self._on_message)

    def _on_message(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        if content.get("do") == "shapes":
            try:
                self._show(parse_shape(str(content["a"])), parse_shape(str(content["b"])))
            except ValueError as error:
                self.problem = str(error)

    def _show(self, a: Index, b: Index) -> None:
        columns = align(a, b)
        clashes = [column for column in columns if column.verdict == "clash"]
        self.clash = bool(clashes)
        self.answer = _answer(a, b, columns)
        self.note = "" if clashes else _note(a, b, columns)
        self.svg = draw(a, b, columns, self.answer)
        self.a_text, self.b_text = _text(a), _text(b)
        self.problem = ""

    def _static(self) -> dict[str, str]:
        words = f"{self.answer} {self.note}".strip()
        return {
            "text/plain": f"BroadcastAlign: {words}",
            "text/html": svg_figure(self.svg, words, words),
        }


def _text(shape: Sequence[int]) -> str:
    return ", ".join(map(str, shape))


def _numbers(shape: Sequence[int]) -> str:
    count = math.prod(shape)
    return f"{count:,} number{'' if count == 1 else 's'}"


def _answer(a: Index, b: Index, columns: list[Column]) -> str:
    clashes = [column for column in columns if column.verdict == "clash"]
    if clashes:
        places = "; ".join(f"on axis {c.axis}, {c.a} meets {c.b}" for c in clashes)
        return f"{a} and {b} do not fit together: {places}, and neither is 1. This raises an error."
    result = tuple(column.result for column in columns)
    return f"{a} and {b} give {result}: {_numbers(a)} and {_numbers(b)} make {_numbers(result)}."  # type: ignore[arg-type]


def _note(a: Index, b: Index, columns: list[Column]) -> str:
    """What to think of it."""
    verdicts = {column.verdict for column in columns}
    stretched = [name for name in "ab" if f"{name} is stretched" in verdicts]
    if len(stretched) == 2:
        return "Both are stretched: everything in a meets everything in b. Nothing raises. Was that meant?"
    if not stretched:
        return "Nothing is stretched."
    (name,), other = stretched, a if stretched == ["b"] else b
    same = other == tuple(column.result for column in columns)
    return f"Only {name} is stretched" + ("; the other keeps its shape." if same else ".")


def draw(a: Index, b: Index, columns: list[Column], words: str) -> str:
    """The table of axes; below it, for a small result, which cell meets which."""
    sheet = Sheet()
    rows = {"a": 26, "b": 26 + CELL_H + 6, "result": 26 + 3 * CELL_H + 20}
    for name, shape in (("a", a), ("b", b)):
        sheet.text(4, rows[name] + 17, f"{name}  {shape}", "name")
    result = [column.result for column in columns]
    fits = None not in result
    sheet.text(
        4, rows["result"] + 17, f"result  {tuple(result)}" if fits else "result  none", "name"
    )
    for i, column in enumerate(columns):
        x = LABEL + i * (WIDTH + GAP)
        sheet.text(x + WIDTH / 2, 16, f"axis {column.axis}", "faint", "middle")
        verdict, key = column.verdict, f"c{column.axis}"
        for name, size in (("a", column.a), ("b", column.b)):
            number = column.sizes[name == "b"]
            stretched = verdict == f"{name} is stretched"
            sheet.cell(
                x,
                rows[name],
                WIDTH,
                f"{number} → {column.result}" if stretched else f"{number}",
                kind=" ".join(
                    (["added"] if size is None else [])
                    + (["stretched"] if stretched else [])
                    + (["clash"] if verdict == "clash" else [])
                ),
                key=key,
            )
        says = {"equal": "equal", "clash": "✗ clash"}.get(verdict, f"↔ {verdict[0]} stretched")
        sheet.text(
            x + WIDTH / 2,
            rows["b"] + CELL_H + 20,
            says,
            "verdict " + verdict.split()[-1],
            "middle",
        )
        sheet.cell(
            x,
            rows["result"],
            WIDTH,
            "✗" if column.result is None else str(column.result),
            kind="result clash" if column.result is None else "result",
            key=key,
            lights=key,
            say=column.words,
            at=("axes", 0, i),
        )
    if not columns:
        sheet.text(LABEL, rows["a"] + 17, "no axes: one number and one number", "faint")
    if fits and len(columns) in (1, 2) and 0 < max(result) <= MOST_CELLS and 0 not in result:  # type: ignore[type-var]
        _meetings(sheet, a, b, tuple(result), rows["result"] + CELL_H + 46)  # type: ignore[arg-type]
    return sheet.svg(words)


def _meetings(sheet: Sheet, a: Index, b: Index, result: Index, top: float) -> None:
    """Three grids: a as it is used, b as it is used, and which two numbers meet in each cell."""
    sources = {}
    for name, shape in (("a", a), ("b", b)):
        numbered = np.arange(math.prod(shape)).reshape(shape)
        sources[name] = np.broadcast_to(numbered, result)
    left, narrow, wide = 4.0, 30, 46 if max(map(math.prod, (a, b))) <= 10 else 52
    for name in ("a", "b"):
        seen: set[int] = set()
        sheet.text(left, top - 8, f"{name}, as it is used")
        for index in np.ndindex(*result):
            row, column = index if len(index) == 2 else (0, *index)
            number = int(sources[name][index])
            sheet.cell(
                left + column * narrow,
                top + row * CELL_H,
                narrow,
                f"{name}{number}",
                kind=f"{name} copy" if number in seen else name,
                key=f"{name}{number}",
            )
            seen.add(number)
        left += max(narrow * result[-1], 100) + 20
    sheet.text(left, top - 8, "which two meet")
    for index in np.ndindex(*result):
        row, column = index if len(index) == 2 else (0, *index)
        one, two = (f"{name}{int(sources[name][index])}" for name in ("a", "b"))
        where, own = ", ".join(map(str, index)), "r" + ",".join(map(str, index))
        sheet.cell(
            left + column * wide,
            top + row * CELL_H,
            wide,
            f"{one} {two}",
            kind="result",
            key=own,
            lights=f"{one} {two} {own}",
            say=f"`result[{where}]` is made of number {one[1:]} of a and number {two[1:]} of b",
            at=("meet", row, column),
        )
