"""Is an answer the expected one, and if not, in which way is it wrong?

Types are compared by what they are, not by what their own `__eq__` says. A plain number may come
as a NumPy scalar, an array as anything with `.numpy()`; a list is not a tuple and True is not 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graders.show import as_array, show
from graders.tasks.base import Holds

COARSE = {"float16": 1e-2, "bfloat16": 2e-2}
"""Relative tolerances of the short floats; the others take the task's."""


def differs(expected: Any, got: Any, tolerance: float = 1e-5) -> str | None:
    """None when `got` is right; otherwise one sentence that says what is different."""
    if isinstance(expected, Holds):
        return expected.wrong(got)
    if isinstance(expected, (np.ndarray, np.floating)) and not isinstance(expected, float):
        return _arrays(np.asarray(expected), got, tolerance)
    if isinstance(expected, (tuple, list)):
        return _sequences(expected, got, tolerance)
    if isinstance(expected, (bool, np.bool_)):
        right = isinstance(got, (bool, np.bool_)) and bool(got) == bool(expected)
    elif isinstance(expected, (int, np.integer)):
        if type(got) is bool or not (type(got) is int or isinstance(got, np.integer)):
            return _wrong_type("a whole number", got)
        right = int(got) == int(expected)
    elif isinstance(expected, float):
        return _floats(expected, got, tolerance)
    elif isinstance(expected, str) and type(got) is not str:
        return _wrong_type("a string", got)
    else:
        right = type(got) is type(expected) and got == expected
    return None if right else f"{show(expected)} is expected"


def a(value: Any) -> str:
    """What kind of thing a value is, in a learner's words: "a list", "a Tensor"."""
    if value is None:
        return "None"
    name = type(value).__name__
    words = {"str": "string", "ndarray": "NumPy array", "builtin_function_or_method": "function"}
    name = words.get(name, name)
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _wrong_type(asked: str, got: Any) -> str:
    return f"{asked} is expected, not {a(got)}"


def _floats(expected: float, got: Any, tolerance: float) -> str | None:
    array = as_array(got)
    if array is not None and array.shape == () and array.dtype.kind in "iuf":
        got = array.item()
    if type(got) not in (int, float):
        return _wrong_type("a number", got)
    if math.isclose(expected, got, rel_tol=tolerance, abs_tol=tolerance) or (
        math.isnan(expected) and math.isnan(got)
    ):
        return None
    return f"off by {abs(expected - got):.6g}"


def _sequences(expected: tuple | list, got: Any, tolerance: float) -> str | None:
    if not isinstance(got, type(expected)):
        return _wrong_type(a(expected), got)
    if len(got) != len(expected):
        return f"{len(expected)} elements are expected, not {len(got)}"
    for place, (right, given) in enumerate(zip(expected, got, strict=True)):
        wrong = differs(right, given, tolerance)
        if wrong:
            path, _, rest = wrong.removeprefix("at ").partition(": ")
            nested = wrong.startswith("at [")
            return f"at [{place}]{path}: {rest}" if nested else f"at [{place}]: {wrong}"
    return None


def _arrays(expected: np.ndarray, got: Any, tolerance: float) -> str | None:
    array = as_array(got)
    if array is None:
        number = type(got) in (int, float)
        if not number or expected.shape != ():
            return _wrong_type("a tensor or an array", got)
        array = np.asarray(got, dtype=expected.dtype)
    if array.shape != expected.shape:
        return f"shape {expected.shape} is expected, not {array.shape}"
    if array.dtype != expected.dtype:
        return f"dtype {expected.dtype} is expected, not {array.dtype}"
    wrong = unequal(expected, array, tolerance)
    if not wrong.any():
        return None
    return _worst(expected, array, wrong)


def unequal(expected: np.ndarray, array: np.ndarray, tolerance: float) -> np.ndarray:
    """Which elements of two arrays of one shape and dtype differ by more than the tolerance."""
    if expected.dtype.kind not in "fcV":
        return array != expected
    tolerance = COARSE.get(expected.dtype.name, tolerance)
    wide, other = expected.astype(np.float64), array.astype(np.float64)
    return ~np.isclose(other, wide, rtol=tolerance, atol=tolerance, equal_nan=True)


def furthest(expected: np.ndarray, array: np.ndarray, wrong: np.ndarray) -> tuple[int, ...]:
    """The wrong element that is furthest off; one that is not a number counts as furthest."""
    with np.errstate(all="ignore"):
        off = np.abs(array.astype(np.float64) - expected.astype(np.float64))
    off = np.where(wrong, np.nan_to_num(off, nan=np.inf, posinf=np.inf), -1.0)
    return tuple(int(i) for i in np.unravel_index(int(off.argmax()), off.shape))


def _worst(expected: np.ndarray, array: np.ndarray, wrong: np.ndarray) -> str:
    place = furthest(expected, array, wrong)
    where = "the value" if not place else f"the worst element, [{', '.join(map(str, place))}],"
    right, given = show(expected[place]), show(array[place])
    return f"{where} is {given}, expected {right}; {int(wrong.sum())} of {wrong.size} are wrong"


def identical(before: Any, after: Any) -> bool:
    """Are two arguments the same, to the last bit? It shows when a function changed its input."""
    if type(before) is not type(after):
        return False
    if isinstance(before, (list, tuple)):
        return len(before) == len(after) and all(map(identical, before, after))
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(identical(before[k], after[k]) for k in before)
    if isinstance(before, np.ndarray):
        return before.dtype == after.dtype and np.array_equal(before, after, equal_nan=True)
    if isinstance(before, float):
        return before == after or (math.isnan(before) and math.isnan(after))
    return bool(before == after) if isinstance(before, (int, str, bytes, bool)) else True


def weight(value: Any) -> int:
    """How large an input is to a reader: the smallest failing one is the one with the least."""
    if isinstance(value, (list, tuple)):
        return 1 + sum(map(weight, value))
    if isinstance(value, np.ndarray):
        return 1 + value.size
    return 1 + len(str(value)) // 8
