"""The list of chapters, read from chapters.toml, and how far a learner has come in each."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("chapters.toml")
STATES = ("done", "started", "to do", "to come")


@dataclass(frozen=True)
class Chapter:
    """One chapter. `lesson` and `exercise` are paths from the project's root, or None."""

    number: str
    slug: str
    title: str
    part: str
    minutes: int
    able: str
    lesson: str | None = None
    exercise: str | None = None
    tasks: tuple[str, ...] = ()

    def solved(self, results: Mapping[str, Any]) -> int:
        """How many of its graded tasks have full marks in the progress store."""
        got = [results[task] for task in self.tasks if task in results]
        return sum(result.points >= result.max_points for result in got)

    def state(self, results: Mapping[str, Any]) -> str:
        """One of STATES."""
        if self.lesson is None:
            return "to come"
        if self.tasks and self.solved(results) == len(self.tasks):
            return "done"
        return "started" if any(task in results for task in self.tasks) else "to do"


@dataclass(frozen=True)
class Part:
    """One of the five parts, with its chapters in order."""

    number: str
    title: str
    about: str
    chapters: tuple[Chapter, ...] = field(default=())


def load(file: Path = FILE) -> list[Part]:
    """All parts with their chapters."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    chapters = [
        Chapter(**{**entry, "tasks": tuple(entry.get("tasks", ()))}) for entry in content["chapter"]
    ]
    return [
        Part(**entry, chapters=tuple(c for c in chapters if c.part == entry["number"]))
        for entry in content["part"]
    ]


def next_chapter(parts: Iterable[Part], results: Mapping[str, Any]) -> Chapter | None:
    """The first chapter that is there and not done."""
    chapters = [chapter for part in parts for chapter in part.chapters]
    return next((c for c in chapters if c.state(results) in ("to do", "started")), None)
