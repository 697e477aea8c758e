"""ShapeBoxes: a tensor's shape as nested boxes that can be touched and changed.

The drawing itself is `boxes.py`. Here: where the numbers in the boxes come from, and what happens
when the learner asks for another rank or shape.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import traitlets

from course.lab.base import LabWidget, module, svg_figure
from course.lab.boxes import MAX_RANK, Index, draw, element_count

MAX_SIZE = 100_000  # of one axis; only a few entries of it are drawn anyway
_HOW = "A shape is whole numbers with commas between them, for example 2, 3. Empty means rank 0."


def parse_shape(text: str) -> Index:
    """ "2, 3" or "(2, 3)" or "" to a shape; ValueError says what is wrong, and the fix."""
    inside = text.strip().strip("()[]").strip().rstrip(",")
    if not inside:
        return ()
    pieces = [piece.strip() for piece in inside.split(",")]
    wrong = [piece for piece in pieces if not re.fullmatch(r"\d+", piece)]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is not a size. {_HOW}")
    return _checked(tuple(int(piece) for piece in pieces))


def _checked(shape: Index) -> Index:
    if len(shape) > MAX_RANK:
        raise ValueError(
            f"Boxes are drawn for rank 0 to {MAX_RANK}; {shape} has rank {len(shape)}."
        )
    if any(size < 0 or size > MAX_SIZE for size in shape):
        raise ValueError(f"A size is between 0 and {MAX_SIZE:,}; got {shape}.")
    return shape


class ShapeBoxes(LabWidget):
    """Nested boxes for a value of rank 0 to 4: `ShapeBoxes(t)` or `ShapeBoxes(shape=(2, 3))`.

    Hover a cell, or focus it and use the arrow keys, to read its index and value. Another rank or
    shape can be tried: with the same number of elements it shows what a reshape would give.

    Arguments:
        value: a tensor, an array, a number or nested lists.
        shape: instead of a value: the cells then hold 0, 1, 2, ... in order.
    """

    _esm = module("shape_boxes.js")
    svg = traitlets.Unicode().tag(sync=True)
    shape_text = traitlets.Unicode().tag(sync=True)
    rank = traitlets.Int().tag(sync=True)
    count_text = traitlets.Unicode().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)

    def __init__(self, value: Any = None, *, shape: Any = None) -> None:
        if (value is None) == (shape is None):
            raise TypeError("ShapeBoxes takes either a value, or shape=(...), and not both")
        super().__init__()
        self._values: np.ndarray | None = None
        if value is not None:
            self._values = np.asarray(value)
            shape = self._values.shape
        self._first = _checked(tuple(int(size) for size in shape))
        self._show(self._first)
        self.on_msg(self._on_message)

    def _on_message(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        try:
            if content["do"] == "shape":
                self._show(parse_shape(content["text"]))
            elif content["do"] == "rank":
                self._show(self._with_rank(int(content["rank"])))
        except ValueError as error:
            self.problem = str(error)

    def _with_rank(self, rank: int) -> Index:
        """The shape now shown, with axes of size 2 put in front or its first axes taken off."""
        now = parse_shape(self.shape_text)
        if rank <= len(now):
            return now[len(now) - rank :]
        return (*(2,) * (rank - len(now) - (not now)), *(now or (3,)))

    def _show(self, shape: Index) -> None:
        texts, self.note = self._texts(shape)
        count = element_count(shape)
        strides = [element_count(shape[axis + 1 :]) for axis in range(len(shape))]

        def value_at(index: Index) -> str:
            position = sum(i * stride for i, stride in zip(index, strides, strict=True))
            return str(position) if texts is None else texts[position]

        widest = max(map(len, texts), default=1) if texts else len(str(max(count - 1, 0)))
        self.svg = draw(shape, value_at, widest)
        self.shape_text = ", ".join(map(str, shape))
        self.rank = len(shape)
        noun = "element" if count == 1 else "elements"
        product = " \N{MULTIPLICATION SIGN} ".join(map(str, shape))
        left = f"{product} = " if len(shape) > 1 else ""
        self.count_text = f"{left}{count:,} {noun}"
        self.problem = ""

    def _texts(self, shape: Index) -> tuple[list[str] | None, str]:
        """Every cell's text in order, or None for 0, 1, 2, ...; and what to say about it."""
        if self._values is None:
            return None, "Each cell shows its position: 0, 1, 2, … in row order."
        if element_count(shape) != self._values.size:
            return None, (
                f"Not a reshape: the value has {self._values.size:,} elements, this shape needs "
                f"{element_count(shape):,}. The cells show positions instead."
            )
        texts = [short_text(item) for item in self._values.ravel().tolist()]
        if shape == self._first:
            return texts, f"dtype {self._values.dtype}"
        return texts, "The same elements in the same order: a reshape."

    def _static(self) -> dict[str, str]:
        words = f"shape ({self.shape_text}), rank {self.rank}, {self.count_text}"
        return {
            "text/plain": f"ShapeBoxes: {words}",
            "text/html": svg_figure(self.svg, words, f"{words[0].upper()}{words[1:]}."),
        }

    def _repr_svg_(self) -> str:
        return self.svg


def short_text(value: Any) -> str:
    """A value in at most eight characters, for one cell."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)):
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        return text if len(text) <= 8 else f"{value:.1e}"
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = str(value)
    return text if len(text) <= 8 else text[:7] + "…"
