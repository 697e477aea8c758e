"""Values as short text for a report. Nothing a learner's object does can break or flood it."""

from __future__ import annotations

import re
import reprlib
from typing import Any

import numpy as np

from graders.tasks.base import Code, Holds, Raises

WIDTH, LINES = 400, 12
CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother, self.maxlong = 6, 120, 160, 60
        self.maxtuple = self.maxlist = self.maxdict = self.maxset = 12

    def repr_instance(self, value: Any, level: int) -> str:
        if isinstance(value, np.generic):
            return str(value)
        try:
            array = as_array(value)
            if array is not None:
                return _array(array)
            text = repr(value)
        except Exception as error:  # a learner's __repr__ may do anything
            return f"<{type(value).__name__} whose repr raised {type(error).__name__}>"
        return text if len(text) <= self.maxother else text[: self.maxother] + "..."


_short = _Short()


def show(value: Any) -> str:
    """A short, printable text for any value."""
    if isinstance(value, (Raises, Holds, Code)):
        return str(value)
    return clean(_short.repr(value))


def as_array(value: Any) -> np.ndarray | None:
    """The NumPy array behind an array, a tensor or a Variable; None for anything else."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, np.generic):
        return np.asarray(value)
    to_numpy = getattr(value, "numpy", None)
    if callable(to_numpy) and not isinstance(value, type):
        array = to_numpy()
        if isinstance(array, (np.ndarray, np.generic)):
            return np.asarray(array)
    return None


def _array(value: np.ndarray) -> str:
    """The numbers as rows, then the shape and the dtype: they are what is most often wrong."""
    numbers = np.array2string(value, precision=6, threshold=36, edgeitems=2, separator=", ")
    return f"{numbers}  shape {value.shape}, {value.dtype}"


def clean(text: str, width: int = WIDTH, lines: int = LINES) -> str:
    """Text without control codes, bounded, and safe to encode (a lone surrogate is not)."""
    text = CONTROL.sub("", text.replace("\r", "\n").replace("\t", "    "))
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    rows = text.split("\n")
    if len(rows) > lines:
        rows = [*rows[:lines], f"... {len(rows) - lines} more lines"]
    rows = [row if len(row) <= width else row[:width] + " ..." for row in rows]
    return "\n".join(rows)
