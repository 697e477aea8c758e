"""Small programs that TensorFlow and the engine both run; what they see is compared.

A program is a function of the module to run with. It returns plain values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

PROGRAMS: dict[str, Callable[[Any], Any]] = {}


def program(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Enters a function among the programs."""
    assert function.__name__ not in PROGRAMS
    PROGRAMS[function.__name__] = function
    return function


def seen(value: Any) -> Any:
    """A value with all tensors in it as [dtype, numbers], so that it can be written down."""
    if hasattr(value, "numpy"):
        array = np.asarray(value.numpy())
        if array.dtype.kind in "OSU":
            return ["string", np.vectorize(_text, otypes="O")(array).tolist()]
        return [value.dtype.name, _rounded(array)]
    if isinstance(value, Mapping):
        return {str(key): seen(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [seen(part) for part in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _rounded(np.asarray(value))
    return value if isinstance(value, (bool, int, float, str, type(None))) else type(value).__name__


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _rounded(array: Any) -> Any:
    if array.dtype.kind == "c":
        return [_rounded(array.real), _rounded(array.imag)]
    if array.dtype.kind not in "fV":
        return array.tolist()
    return np.vectorize(lambda x: float(f"{x:.6g}"), otypes="O")(array.astype(np.float64)).tolist()


def failure(function: Callable[..., Any], *args: Any) -> Any:
    """What a call returned, or the error it ended in: its class and those it derives from."""
    try:
        return ["returned", seen(function(*args))]
    except Exception as error:
        return _raised(error)


def _raised(error: Exception) -> dict[str, str]:
    classes = [c.__name__ for c in type(error).__mro__]
    return {"error": " < ".join(classes[: classes.index("Exception")] or ["Exception"])}


def observed(function: Callable[[Any], Any], tf: Any) -> Any:
    """What a program saw, or the error it ended in."""
    try:
        return seen(function(tf))
    except Exception as error:
        return _raised(error)


def agrees(ours: Any, theirs: Any) -> bool:
    """Whether two observations are the same; an error may be of a class derived from that of the other."""
    if (
        isinstance(ours, dict)
        and isinstance(theirs, dict)
        and "error" in ours
        and "error" in theirs
    ):
        return theirs["error"].partition(" ")[0] in ours["error"].split(" < ")
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(agrees(ours[k], theirs[k]) for k in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(agrees, ours, theirs))
    if isinstance(ours, list) and len(ours) == 2 and isinstance(theirs, (bool, int, float)):
        ours = ours[1]  # a tensor of one number, and the number
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-5, abs_tol=1e-6)
    return bool(ours == theirs)
