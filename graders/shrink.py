"""The smallest failing input: Hypothesis takes away from one that failed what it does not need.

Nothing is invented. Axes get shorter and lists lose elements, but none becomes empty; numbers go
towards 0 and 1 and keep their sign and type. What stays must still be an input of the task: the
caller says so, and whether it still fails.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import math
import time
import warnings
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, TypeVar

import numpy as np

Args = tuple[Any, ...]
Pick = Callable[..., int]
"""`pick(most, was)`: a number from 0, the simplest, to `most`. `was` stands for "as it was"."""
T = TypeVar("T")

TRIES = 200
"""How many inputs each of the two passes tries: the same on a slow machine as on a fast one."""
EACH = 64
"""Up to so many numbers are made simpler one by one; beyond, all of them together."""
FLAGS = 8
"""An axis up to this long may lose any of its entries; a longer one is cut off at both ends."""


class _Enough(BaseException):
    """Time is up. Not an Exception, which Hypothesis would take for a failing input."""


def smallest(args: Args, fails: Callable[[Args], T | None], seconds: float,
             any_rank: bool = False) -> T | None:  # fmt: skip
    """What `fails` gave for the smallest input it gave something for, or None when there is none
    smaller than `args`.

    Arguments:
        args: an input that fails.
        fails: None for an input that does not fail, or is none of the task's.
        seconds: when it must be done. The tries are bounded as well, so that on most machines the
            result does not depend on the clock.
        any_rank: may arrays lose an axis? Only where `fails` knows which ranks the task takes.
    """
    until = time.perf_counter() + seconds
    best: tuple[tuple[int, int], Args, T] | None = None
    with _quiet():
        for rebuild in (_shorter, _simpler):
            start = best[1] if best else args
            tried = 0

            def fails_too(candidate: Args) -> bool:
                nonlocal best, tried
                if tried >= TRIES or time.perf_counter() > until:
                    raise _Enough
                tried += 1
                found = fails(candidate)
                if found is None:
                    return False
                size = measure(candidate)
                if size < measure(args) and (best is None or size <= best[0]):
                    best = size, candidate, found
                return True

            with contextlib.suppress(_Enough):
                _find(lambda pick: rebuild(start, pick, any_rank), fails_too)  # noqa: B023
    return best[2] if best else None


def _find(build: Callable[[Pick], Args], fails: Callable[[Args], bool]) -> None:
    """Let Hypothesis look for the least choices with which what is built fails.

    The choices that build the input as it was are put into its store of known failures, so that it
    begins with them."""
    from hypothesis import Phase, find, settings
    from hypothesis import strategies as st
    from hypothesis.database import InMemoryExampleDatabase, choices_to_bytes

    as_it_was: list[int] = []

    def keep(most: int, was: int | None = None) -> int:
        as_it_was.append(most if was is None else was)
        return as_it_was[-1]

    build(keep)
    if not as_it_was:
        return

    @st.composite
    def inputs(draw: Any) -> Args:
        return build(lambda most, was=None: draw(st.integers(0, most)))

    known = InMemoryExampleDatabase()
    known.save(b"known", choices_to_bytes(as_it_was))
    options = settings(
        database=known,
        deadline=None,
        max_examples=TRIES,
        phases=(Phase.reuse, Phase.generate, Phase.shrink),
    )
    with contextlib.suppress(Exception):  # a function that answers now so, now so: keep the best
        find(inputs(), fails, settings=options, random=Random(0), database_key=b"known")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No warnings; no search through the source of every loaded module for constants, which
    Hypothesis would keep in files; and nothing of it left that runs in the learner's own code."""
    from hypothesis.internal.conjecture import providers

    before = getattr(providers, "_get_local_constants", None)
    collecting = list(gc.callbacks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if before is not None:
            none = providers.Constants()
            providers._get_local_constants = lambda: none
        try:
            yield
        finally:
            gc.callbacks[:] = collecting
            if before is not None:
                providers._get_local_constants = before


def measure(value: Any) -> tuple[int, int]:
    """How much there is to read: of how many parts, and of how many characters they are."""
    if isinstance(value, (list, tuple)):
        parts = [measure(item) for item in value]
        return 1 + sum(n for n, _ in parts), sum(length for _, length in parts)
    if isinstance(value, np.ndarray):
        numbers = value.ravel().tolist()
        return 1 + value.ndim + len(numbers), sum(len(f"{number:g}") for number in numbers) if (
            value.dtype.kind in "iufb"
        ) else 0
    return 1, len(str(value))


# --- less of it -----------------------------------------------------------------------------------


class _Sizes:
    """Which entries of each axis stay. Axes of the same size in several arguments stay in step:
    the columns of x are the rows of w."""

    def __init__(self, pick: Pick, together: bool) -> None:
        self.pick, self.together = pick, together
        self.known: dict[int, list[int]] = {}
        self.gone: dict[int, bool] = {}

    def kept(self, size: int) -> list[int]:
        if size <= 1:
            return list(range(size))
        if self.together and size in self.known:
            return self.known[size]
        if size <= FLAGS:
            entries = [i for i in range(size) if self.pick(1)] or [0]
        else:
            length = 1 + self.pick(size - 1)
            first = min(self.pick(size - 1, 0), size - length)
            entries = list(range(first, first + length))
        self.known[size] = entries
        return entries

    def dropped(self, size: int) -> bool:
        if self.together and size in self.gone:
            return self.gone[size]
        self.gone[size] = size > 0 and not self.pick(1)
        return self.gone[size]


def _shorter(args: Args, pick: Pick, any_rank: bool) -> Args:
    """The input with fewer axes, shorter axes, shorter lists, a smaller expression."""
    sized = sum(isinstance(arg, (list, tuple, np.ndarray)) for arg in args)
    sizes = _Sizes(pick, together=sized > 1)
    return tuple(_less(arg, sizes, pick, any_rank) for arg in args)


def _less(value: Any, sizes: _Sizes, pick: Pick, any_rank: bool, top: bool = True) -> Any:
    if isinstance(value, np.ndarray):
        return _like(value, _cut(value, sizes, any_rank))
    if type(value) is list:
        table = _table(value)
        if table is not None:
            cut = _cut(table, sizes, table.ndim > 1 and not sizes.together)
            return cut.tolist() if cut.ndim else [cut.item()]
        return [_less(value[i], sizes, pick, any_rank, False) for i in sizes.kept(len(value))]
    if type(value) is tuple:
        whole = top and all(type(item) is int for item in value)
        places = sizes.kept(len(value)) if whole else range(len(value))
        return tuple(_less(value[i], sizes, pick, any_rank, False) for i in places)
    if type(value) is str and top:
        texts = _parts(value)
        return texts[pick(len(texts) - 1)] if len(texts) > 1 else value
    return value


def _table(value: list[Any]) -> np.ndarray | None:
    """Nested lists of numbers as an array of Python objects; None when they are something else."""
    try:
        table = np.array(value, dtype=object)
    except ValueError:
        return None
    leaves = table.ravel().tolist()
    numbers = all(type(leaf) in (int, float, bool) for leaf in leaves)
    return table if numbers and _lists_only(value) else None


def _lists_only(value: list[Any]) -> bool:
    return all(
        _lists_only(item) if isinstance(item, list) else not isinstance(item, tuple)
        for item in value
    )


def _cut(array: np.ndarray, sizes: _Sizes, any_rank: bool) -> np.ndarray:
    for axis in reversed(range(array.ndim)):
        size = array.shape[axis]
        entries = sizes.kept(size)
        array = array.take(entries, axis)
        if any_rank and sizes.dropped(size):
            array = np.asarray(array.take(0, axis))
    return array


def _like(before: np.ndarray, array: np.ndarray) -> np.ndarray:
    """In the same order in memory; with gaps between its elements, where there were some before."""
    if before.flags.c_contiguous or not array.ndim:
        return array
    if before.flags.f_contiguous:
        return np.asfortranarray(array)
    return np.repeat(array, 2, axis=-1)[..., ::2]


def _parts(text: str) -> list[str]:
    """An expression and those within it, or else the beginnings of a text; shortest first."""
    try:
        nodes = ast.walk(ast.parse(text, mode="eval"))
    except SyntaxError:
        return [text[: end + 1] for end in range(len(text))]
    found = {ast.unparse(node) for node in nodes if isinstance(node, ast.expr)} - {text}
    shorter = [part for part in found if len(part) < len(text)]
    return [*sorted(shorter, key=lambda part: (len(part), part)), text]


# --- simpler numbers ------------------------------------------------------------------------------


def _simpler(args: Args, pick: Pick, any_rank: bool) -> Args:
    """The input with numbers that are easier to read."""
    few = sum(map(_count, args)) <= EACH
    return tuple(_plain(arg, pick, few, data=False) for arg in args)


def _count(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.size
    return sum(map(_count, value)) if isinstance(value, (list, tuple)) else 1


def _plain(value: Any, pick: Pick, few: bool, data: bool) -> Any:
    """`data`: an element of a list or an array may become 0; a size or a setting may not."""
    if isinstance(value, np.ndarray):
        return _plain_array(value, pick, few)
    if type(value) is list:
        return [_plain(item, pick, few, True) for item in value] if few else value
    if type(value) is tuple:
        return tuple(_plain(item, pick, few, False) for item in value)
    if type(value) is bool:
        return value and bool(pick(1))
    if type(value) is int:
        least = 0 if data else min(1, abs(value))
        size = least + pick(abs(value) - least) if abs(value) > least else abs(value)
        return -size if value < 0 else size
    if type(value) is float:
        choices = _floats(value, data)
        return choices[pick(len(choices) - 1)] if len(choices) > 1 else value
    return value


def _plain_array(array: np.ndarray, pick: Pick, few: bool) -> np.ndarray:
    if array.dtype.kind not in "iufb" or not array.size:
        return array
    if few:
        numbers = [_plain(number, pick, few, True) for number in array.ravel().tolist()]
        new = np.array(numbers, dtype=array.dtype).reshape(array.shape)
    else:
        new = (np.zeros_like(array), np.ones_like(array), np.trunc(array), array)[pick(3)]
    return _like(array, new.astype(array.dtype))


def _floats(value: float, data: bool) -> list[float]:
    """From the simplest to the number itself."""
    if not math.isfinite(value) or value == 0:
        return [value]
    sign = math.copysign(1.0, value)
    choices = [0.0] if data else []
    choices += [sign, 2 * sign, float(math.trunc(value))]
    return [c for c in dict.fromkeys(choices) if (c or data) and c != value] + [value]
