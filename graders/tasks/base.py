"""What a task is made of: what is asked, inputs from small to large, the truth, and the hints.

A task holds no solution. The truth comes from the engine, or from a property that NumPy or the
way an input was built gives for free. Read a module of this folder next to it: ch01_rank.py.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Raises:
    """The truth when the right answer is an exception: its type, and words its message holds."""

    type: type[BaseException]
    says: tuple[str, ...] = ()

    def missing(self, message: str) -> list[str]:
        """The words that the message lacks; "axis 1" is also found in "axis=1" and "Axis: 1"."""
        return [words for words in self.says if not _mentions(message, words)]

    def __str__(self) -> str:
        words = " and ".join(f'"{words}"' for words in self.says)
        return f"{self.type.__name__}" + (f", with {words} in its message" if words else "")


def _mentions(message: str, words: str) -> bool:
    pattern = r"\W{0,3}".join(map(re.escape, words.split()))
    return re.search(rf"(?<!\w){pattern}(?!\w)", message, re.IGNORECASE) is not None


@dataclass(frozen=True)
class Holds:
    """The truth when many answers are right: a property in words, and what is wrong with one.

    `wrong(got)` returns None for a right answer, or else says in one sentence what is wrong.
    """

    words: str
    wrong: Callable[[Any], str | None]

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True)
class Code:
    """A function among the arguments, as source text: it can be shown, and sent elsewhere."""

    source: str

    def build(self) -> Callable[..., Any]:
        return eval(self.source, {"type": type_of})  # the course's own text, never a learner's

    def __str__(self) -> str:
        return self.source


def type_of(value: Any) -> Any:
    """`type(value)`, also of an object in a sandbox: there, its class is there as well."""
    there = getattr(value, "remote_type", None)
    return there() if there else type(value)


def define(source: str, name: str, near: Any) -> Any:
    """What program text that a learner's code made calls by this name; None when it does not.

    It runs where the learner's code runs: here in the learner's own kernel, and in the sandbox, where `near`
    is, when a submission is graded.
    """
    there = getattr(near, "remote_define", None)
    if there:
        return there(source, name, "<your program>")
    names: dict[str, Any] = {}
    exec(compile(source, "<your program>", "exec"), names)
    return names.get(name)


class Complaint(Exception):
    """Raised by a task's `use` when the answer is wrong in a way that its value cannot show."""


@dataclass(frozen=True)
class Case:
    """One input, with the truth where the way it was built gives it."""

    args: tuple[Any, ...]
    expected: Any


class Draw:
    """Where a task's inputs come from: seeded, and longer when a submission is graded."""

    def __init__(self, seed: int, times: int = 1) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.arrays = np.random.default_rng(seed)
        self.times = times

    def rounds(self, count: int) -> range:
        """How many random inputs to draw: `count` in the notebook, more at submission."""
        return range(count * self.times)

    def shape(self, rank: int, largest: int = 4) -> tuple[int, ...]:
        return tuple(self.random.randint(1, largest) for _ in range(rank))

    def floats(self, shape: tuple[int, ...], scale: float = 2.0) -> np.ndarray:
        """float32 values in (-scale, scale), rounded so that a learner can read them."""
        values = self.arrays.uniform(-scale, scale, size=shape)
        return np.asarray(np.round(values, 2), dtype=np.float32)


@dataclass(frozen=True)
class Check:
    """One class of inputs. Those without points of their own are the core of the task."""

    label: str
    cases: Callable[[Draw], Iterable[tuple[Any, ...] | Case]]
    points: int = 0


@dataclass(frozen=True)
class Misconception:
    """A likely reason for a wrong answer, and what to say about it."""

    key: str
    says: str
    when: Callable[[Any], bool]
    """Called with graders.diagnose.Seen: the wrong outcomes, the first of them the smallest."""


@dataclass(frozen=True)
class Task:
    """One thing the learner writes."""

    id: str
    name: str
    """The name the learner's function or class has in the notebook."""
    points: int
    asks: str
    checks: tuple[Check, ...]
    misconceptions: tuple[Misconception, ...]
    hints: tuple[str, str, str]
    """Where to look, the idea, an outline. Never the answer."""
    oracle: Callable[..., Any] | None = None
    """The truth for the arguments; not needed where every case brings its own."""
    use: Callable[..., Any] | None = None
    """How a case uses the learner's object, when it is more than a call with the arguments."""
    parameters: tuple[str, ...] = ()
    """Names of the arguments, where they are arrays: a report then shows one below the other."""
    shows: Callable[..., str] | None = None
    """How a case is written in a report, when it is more than a call."""
    tolerance: float = 1e-5
    tensors: bool = False
    """True: arrays among the arguments arrive as tensors, on every device there is."""
    valid: Callable[..., bool] | None = None
    """Whether arguments are some that the task could have drawn. A failing input is made smaller only
    as far as this holds; without it, arrays keep their ranks, and the oracle has to give a truth."""
    reads_only: bool = False
    """True: an answer that changes a list it was given is wrong, and not only told that it does."""
    answer_is_shape: bool = False
    """True: the answer is the shape of something, and a wrong one is drawn beside the right one."""

    def __post_init__(self) -> None:
        own = sum(check.points for check in self.checks)
        if not 0 <= own < self.points or all(check.points for check in self.checks):
            raise ValueError(f"{self.id}: the core must be worth something, and have a check")

    @property
    def core_points(self) -> int:
        """What the checks without points of their own are worth together."""
        return self.points - sum(check.points for check in self.checks)
