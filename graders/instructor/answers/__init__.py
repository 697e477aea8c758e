"""Wrong answers with the hint each must get, and right ones written differently, for every task.

They are written as a learner would write them. The tests prove that the first are rejected with
their hint, and that the others get full marks.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

if __name__ != "answers":
    raise ImportError("answers are an import root of their own, and not part of the course")

MODULES = (
    "ch00",
    "ch00_turns",
    "ch01",
    "ch01_layout",
    "ch02",
    "ch02_broadcast",
    "ch03",
    "ch03_gradients",
    "ch04_rules",
    "ch04_trust",
    "ch04_walk",
    "ch05",
    "ch06",
    "ch06_cabinet",
    "ch07",
    "ch07_kernels",
    "ch08",
    "ch08_stability",
    "ch09",
    "ch09_fit",
)


@dataclass(frozen=True)
class Answer:
    """One answer. `key` is the misconception it must be told about; "" for an accepted one."""

    task: str
    key: str
    build: Callable[[], Any]
    """Makes the learner's object; each answer is made afresh."""
    points: float = 0
    """What it earns all the same, because part of the task is right."""

    @property
    def label(self) -> str:
        return f"{self.task}-{self.build.__name__}"

    @property
    def object(self) -> Any:
        return self.build()


WRONG: list[Answer] = []
ACCEPTED: list[Answer] = []


def wrong(task: str, key: str, points: float = 0) -> Callable[[Any], Any]:
    """Marks a function or class as a wrong answer to `task`, which must get the hint `key`."""
    return lambda obj: _add(WRONG, Answer(task, key, _builder(obj), points), obj)


def accepted(task: str) -> Callable[[Any], Any]:
    """Marks a function or class as a right answer, written differently from the solution."""
    return lambda obj: _add(ACCEPTED, Answer(task, "", _builder(obj)), obj)


def _builder(obj: Any) -> Callable[[], Any]:
    def build() -> Any:
        return obj

    build.__name__ = obj.__name__
    build.__wrapped__ = obj  # type: ignore[attr-defined]
    return build


def _add(where: list[Answer], answer: Answer, obj: Any) -> Any:
    where.append(answer)
    return obj


def source(answer: Answer, name: str) -> str:
    """The text of an answer as it would stand in a notebook, under the name the task asks for."""
    obj = answer.object
    lines = inspect.getsource(obj).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(("def ", "class ")))
    text = "\n".join(lines[start:])
    return text.replace(obj.__name__, name)


def load() -> None:
    """Fill WRONG and ACCEPTED from every chapter."""
    for module in MODULES:
        importlib.import_module(f"answers.{module}")
