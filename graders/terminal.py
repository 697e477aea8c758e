"""What the commands of graders/cli.py and graders/commands.py say, and how they end.

Exit codes: 0 all well; 1 something could not be done, and the output says what; 2 the command
cannot run at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from graders.course import Course, CourseError
from graders.database import explained

console = Console()
FAILED, UNUSABLE, STOPPED = 1, 2, 130

Assignment = Annotated[
    str | None, typer.Argument(help="An assignment, or the beginning of its name. All of them.")
]


def fail(message: str, code: int = FAILED) -> NoReturn:
    """End the command with a message on stderr."""
    Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def say(message: str, style: str | None = None) -> None:
    """One line, in which nothing is taken for markup: names come from outside."""
    console.print(message, style=style, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def usable() -> Iterator[None]:
    """What the course itself lacks, or its database, ends the command with code 2."""
    try:
        with explained():
            yield
    except CourseError as error:
        fail(str(error), UNUSABLE)


@contextmanager
def progress() -> Iterator[Progress]:
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        yield bar


def named(course: Course, given: str | None) -> list[str]:
    """The assignments that are meant: one, or all of them."""
    return [course.assignment(given)] if given else course.assignments()
