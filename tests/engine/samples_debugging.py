"""Samples of the operations that look at values: printing and checking. See `samples.py`.

The first sample of a check is empty, so that it holds in every dtype its rule accepts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.engine.cases import Case, calls, draw


class Sink:
    """A place for what is printed."""

    def __repr__(self) -> str:
        return "Sink()"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def yes(*arrays: Any) -> Any:
    """What an operation returns that is there for its effect."""
    return np.True_


PRINTED = {"summarize": 3, "end": "\n", "stream": Sink()}
ONE, TWO = {"template": ("", "")}, {"template": ("a ", ", b ", ".")}

DEBUGGING: dict[str, list[Case]] = {
    "print": calls(
        ((draw((2, 3)),), ONE | PRINTED, yes),
        ((draw(()), np.zeros((0, 2), np.int32)), TWO | PRINTED, yes),
        ((np.array(True),), ONE | PRINTED, yes),
    ),
    "assert": calls(
        ((np.array(True), draw((2,)), np.zeros((0,))), {"summarize": 3}, yes),
        ((np.array(True),), {"summarize": -1}, yes),
    ),
    "string_format": calls(
        ((np.array([1.5, 2.0]),), ONE | {"summarize": 3}, lambda x: np.array(b"[1.5 2]", object)),
        (
            (np.array(7), np.zeros((0,))),
            TWO | {"summarize": 3},
            lambda x, y: np.array(b"a 7, b [].", object),
        ),
    ),
}
