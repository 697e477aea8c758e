"""MemoryRow: the row of numbers in memory, and several arrays that are views of it.

What a view is made of, NumPy tells: where it starts, its shape and its strides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import traitlets

from course.lab.base import LabWidget, asset, svg_figure
from course.lab.places import CELL_H, Sheet
from course.lab.shape_boxes import short_text

LARGEST = 24
"""Cells in the row, and in a view."""


@dataclass(frozen=True)
class View:
    """An array of rank 1 or 2, as a rule for finding its elements in the row."""

    name: str
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """In elements, not in bytes."""
    own: np.ndarray | None = None
    """The values, when they do not lie in the row: a copy."""

    def place(self, index: tuple[int, ...]) -> int:
        """Where an element lies in the row."""
        return self.start + sum(i * by for i, by in zip(index, self.strides, strict=True))

    def sum_of(self, index: tuple[int, ...]) -> str:
        """The computation of that place, as text."""
        steps = (f"{i}·{by}" for i, by in zip(index, self.strides, strict=True))
        return " + ".join([str(self.start), *steps])


def view_of(name: str, array: np.ndarray, row: np.ndarray) -> View:
    """The rule of `array` in the memory of `row`, which is contiguous."""
    if array.ndim not in (1, 2) or not 0 < array.size <= LARGEST:
        raise ValueError(
            f"A view of rank 1 or 2 with 1 to {LARGEST} elements can be drawn; "
            f"{name} has shape {array.shape}."
        )
    if not np.shares_memory(array, row):
        counted = np.arange(array.size).reshape(array.shape)
        return View(name, 0, array.shape, _elements(counted), np.ascontiguousarray(array).ravel())
    first = array.__array_interface__["data"][0] - row.__array_interface__["data"][0]
    return View(name, first // row.itemsize, array.shape, _elements(array))


def _elements(array: np.ndarray) -> tuple[int, ...]:
    return tuple(by // array.itemsize for by in array.strides)


class MemoryRow(LabWidget):
    """A row of numbers and views of it: `MemoryRow(m, {"m": m, "m.T": m.T})`.

    The buttons choose a view. Point at a cell of it, or go there with the arrow keys: the place in the
    row lights up, with the sum that finds it. Point at a place in the row: every cell of the
    view that reads it lights up.

    Arguments:
        memory: a contiguous array; its numbers are the row.
        views: arrays of rank 1 or 2 by name. One that does not share this memory is drawn as a copy.
    """

    _esm = asset("common.js") + asset("places.js") + asset("memory_row.js")
    _css = asset("lab.css") + asset("places.css")
    names: traitlets.List = traitlets.List().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
    svg = traitlets.Unicode().tag(sync=True)
    rule = traitlets.Unicode().tag(sync=True)

    def __init__(self, memory: Any, views: Mapping[str, Any]) -> None:
        row = np.asarray(memory)
        if not row.flags.c_contiguous or not 0 < row.size <= LARGEST:
            raise ValueError(
                f"The row is a contiguous array of 1 to {LARGEST} elements, not one of shape {row.shape}."
            )
        if not views:
            raise ValueError("MemoryRow needs at least one view to show.")
        super().__init__(names=list(views))
        self._row = row.ravel()
        self._views = {name: view_of(name, np.asarray(a), row) for name, a in views.items()}
        self._show(self.names[0])
        self.on_msg(self._on_message)

    def _on_message(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        if content.get("do") == "choose" and content.get("name") in self._views:
            self._show(content["name"])

    def _show(self, name: str) -> None:
        view = self._views[name]
        rule = f"start {view.start}, shape {view.shape}, strides {view.strides}"
        self.rule = f"a copy, with a row of its own: {rule}" if view.own is not None else rule
        self.svg = draw(self._row, view, f"{name}: {self.rule}")
        self.chosen = name

    def _static(self) -> dict[str, str]:
        pictures, lines = [], []
        for name, view in self._views.items():
            self._show(name)
            lines.append(f"{name}: {self.rule}")
            pictures.append(svg_figure(draw(self._row, view, lines[-1]), lines[-1], lines[-1]))
        self._show(self.names[0])
        return {
            "text/plain": "MemoryRow. " + "; ".join(lines),
            "text/html": "".join(pictures),
        }


def draw(row: np.ndarray, view: View, words: str) -> str:
    """The row on top, the view below it."""
    sheet = Sheet()
    values = row if view.own is None else view.own
    texts = [short_text(value) for value in values.tolist()]
    width = max(28.0, 8.0 * max(map(len, texts)) + 10)
    used = {view.place(index) for index in np.ndindex(*view.shape)}
    sheet.text(4, 14, "the row in memory" if view.own is None else "a second row: the copy's own")
    for place, text in enumerate(texts):
        x = 4 + place * width
        sheet.text(x + width / 2, 32, str(place), "faint", "middle")
        sheet.cell(
            x,
            38,
            width,
            text,
            kind="memory" if place in used else "memory unused",
            key=f"p{place}",
            lights=f"p{place}",
            say=_readers(view, place, text),
            at=("row", 0, place),
        )
    top = 38 + CELL_H + 40
    rows = view.shape[0] if len(view.shape) == 2 else 1
    sheet.text(4, top - 12, f"{view.name}, shape {view.shape}")
    for index in np.ndindex(*view.shape):
        place, at = view.place(index), index if len(index) == 2 else (0, *index)
        where = ", ".join(map(str, index))
        sheet.cell(
            4 + at[1] * width,
            top + at[0] * CELL_H,
            width,
            texts[place],
            key=f"p{place}",
            lights=f"p{place}",
            say=f"`[{where}]` is at place {view.sum_of(index)} = **{place}**; it holds {texts[place]}",
            at=("view", *at),
        )
    sheet.reach(0, top + rows * CELL_H)
    return sheet.svg(words)


def _readers(view: View, place: int, text: str) -> str:
    found = [i for i in np.ndindex(*view.shape) if view.place(i) == place]
    names = ", ".join(f"`[{', '.join(map(str, index))}]`" for index in found)
    if not found:
        return f"place {place} holds {text}; no element of the view reads it"
    return f"place {place} holds {text}; it is read as {names}"
