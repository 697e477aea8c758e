"""Where an operation stands in the user's program: file and line, and the layer or gradient around it.

All of it is read from Python's own stack when somebody asks: a graph builder for each operation it
writes down, and an error when it is raised. Nothing is kept up to date meanwhile.
"""

from __future__ import annotations

import functools
import linecache
import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any

_ENGINE = str(Path(__file__).resolve().parent) + os.sep
_KERAS = _ENGINE + "keras" + os.sep
# Functions of the engine that differentiate one operation after another: `primitive`, which made `output`.
_DERIVES = ("walk_tensors", "_below", "ForwardAccumulator._step")


@functools.cache
def _libraries() -> tuple[str, ...]:
    """Other people's code between two lines of the user's: Python's modules and installed packages."""
    import sysconfig  # only when a place is asked for: it takes longer than this whole module

    paths = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")]
    return tuple(str(path.resolve()) + os.sep for path in paths)


class Place(str):
    """'file.py:12', or '' when unknown: a line of the user's, and what stood around it.

    file, number, function: of the line, with the whole path.
    callers: the places from which that function was called, the nearest first.
    layers: the Keras layers in which it ran, the outermost first.
    gradient: for an operation of a backward pass, the name and place of the one that is differentiated.
    graph: the traced function it is part of.
    """

    file: str = ""
    number: int = 0
    function: str = ""
    callers: tuple[Place, ...] = ()
    layers: tuple[str, ...] = ()
    gradient: tuple[str, Place | None] | None = None
    graph: str = ""

    @property
    def text(self) -> str:
        """What the line says, '' if its source is gone."""
        return linecache.getline(self.file, self.number).strip() if self.file else ""

    def shown(self, path_length_limit: int | None = None) -> str:
        """The place for an error: path, line, function and text."""
        if not self.file:
            return "an unknown line"
        path = "cell" if self.startswith("cell:") else self.file
        if path_length_limit is not None and len(path) > path_length_limit:
            path = "..." + path[-path_length_limit:]
        text = f": {self.text}" if self.text else ""
        return f"{path}:{self.number}, in {self.function}{text}"


def _place(frame: FrameType) -> Place:
    file = frame.f_code.co_filename
    # A notebook cell runs from a temporary file, whose name tells a reader nothing.
    short = "cell" if "ipykernel" in file or file.startswith("<") else os.path.basename(file)
    place = Place(f"{short}:{frame.f_lineno}")
    place.file, place.number, place.function = file, frame.f_lineno, frame.f_code.co_name
    return place


def here() -> Place:
    """The nearest line outside the engine."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_ENGINE):
        frame = frame.f_back
    return Place() if frame is None else _place(frame)


def surroundings(origin: Any) -> Place:
    """The nearest line outside the engine, with all that stands around it.

    `origin(tensor)` is asked for the place of the operation that made a tensor, and may not know.
    """
    frame: FrameType | None = sys._getframe(1)
    found: list[Place] = []
    layers: list[str] = []
    gradient: tuple[str, Place | None] | None = None
    graph, inside = "", True
    while frame is not None:
        file, code = frame.f_code.co_filename, frame.f_code.co_qualname
        if not file.startswith(_ENGINE):
            if inside and not file.startswith(("<frozen", *_libraries())):
                found.append(_place(frame))
        elif code in _DERIVES and gradient is None and "primitive" in frame.f_locals:
            output = frame.f_locals.get("output")
            made = output[0] if isinstance(output, tuple) else output
            gradient = (frame.f_locals["primitive"].name, origin(made))
        elif code == "ConcreteFunction._steps":
            graph, node = frame.f_locals["self"].name, frame.f_locals.get("node")
            if node is not None and isinstance(node.line, Place) and not found:
                written = node.line
                found += [line for line in (written, *written.callers) if line]
                layers += reversed(written.layers)
                gradient = gradient or written.gradient
        elif code == "Function._trace":
            inside = False  # who calls the graph is known when it runs
        elif file.startswith(_KERAS) and code.endswith(".__call__"):
            layers.append(str(getattr(frame.f_locals.get("self"), "name", "")))
        frame = frame.f_back
    line = found[0] if found else Place()  # the engine may have been alone, as in what `fit` traces
    place = Place(line)
    place.file, place.number, place.function = line.file, line.number, line.function
    place.callers = tuple(found[1:])
    place.layers = tuple(dict.fromkeys(name for name in reversed(layers) if name))
    place.gradient, place.graph = gradient, graph
    return place
