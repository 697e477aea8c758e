"""Samples of the operations that look at values: printing and checking. See `samples.py`.

The first sample of a check is empty, so that it holds in every dtype its rule accepts.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from tests.engine.cases import Case, calls, draw

importlib.import_module("engine.debugging")  # the engine itself loads it when it is asked for


def check(*rows: tuple[tuple[Any, ...], dict[str, Any]]) -> list[Case]:
    """Rows of (inputs, attrs) that fit; every check returns True."""
    return calls(*((inputs, {"message": None, **attrs}, yes) for inputs, attrs in rows))


def of_two(left: Any, right: Any) -> list[Case]:
    return check(
        ((np.zeros((0, 3)), np.zeros(())), {}),
        ((np.array(left), np.array(right)), {"summarize": 2}),
        ((np.float64(left[0]), np.float64(right[0])), {}),
    )


def of_one(value: float) -> list[Case]:
    return check(
        ((np.zeros((0, 3)),), {}),
        ((np.full((2, 2), value),), {"summarize": -1}),
        ((np.float64(value),), {}),
    )


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
    "assert_equal": of_two([1.0, 2.0], [1.0, 2.0]),
    "assert_none_equal": of_two([1.0, 2.0], [3.0, np.nan]),
    "assert_less": of_two([1.0, 2.0], [1.5, np.inf]),
    "assert_less_equal": of_two([1.0, 2.0], [1.0, 2.5]),
    "assert_greater": of_two([1.0, 2.0], [0.5, -np.inf]),
    "assert_greater_equal": of_two([1.0, 2.0], [1.0, 1.5]),
    "assert_positive": of_one(0.25),
    "assert_negative": of_one(-0.25),
    "assert_non_negative": of_one(0.0),
    "assert_non_positive": of_one(0.0),
    "assert_near": check(
        ((np.zeros((0, 3)), np.zeros((1, 3))), {"rtol": 0.0, "atol": 0.0}),
        ((np.array([1.0, 100.0]), np.array([1.125, 112.5])), {"rtol": 0.125, "atol": 0.0}),
        ((np.array(np.inf), np.array(np.inf)), {"rtol": 0.0, "atol": 0.5}),
    ),
    "check_numerics": calls(
        ((draw((2, 3)),), {"message": "here"}, lambda x: x + 0),
        ((draw(()),), {"message": "", "what": "assert_all_finite"}, lambda x: x + 0),
        ((np.zeros((0, 3)),), {"message": "here"}, lambda x: x),
        linear=(0,),
    ),
    "assert_rank": check(
        ((np.zeros((0, 3)),), {"what": "assert_rank", "ranks": (2,)}),
        ((np.zeros(()),), {"what": "assert_scalar", "ranks": (0,)}),
        ((np.zeros((2, 2)),), {"what": "assert_rank_at_least", "ranks": (1,)}),
    ),
    "assert_shapes": check(
        ((np.zeros((0, 3)), np.zeros((3,))), {"patterns": (("N", "D"), ("D",))}),
        ((np.zeros(()),), {"patterns": ((),)}),
        ((np.zeros((2, 2)), np.zeros((2,))), {"patterns": (("...", 2), (None,))}),
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
