"""The commands for a class beside `release` and `grade`; graders/cli.py puts them all together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID
from rich.table import Table

from graders import collect as collecting
from graders import export as exporting
from graders import late as lateness
from graders import manual as by_hand
from graders import roster as people
from graders.course import Course, CourseError
from graders.terminal import (
    FAILED,
    UNUSABLE,
    Assignment,
    console,
    fail,
    named,
    progress,
    say,
    usable,
)

Rosterfile = Annotated[
    Path | None, typer.Option("--roster", help="Who is in the class. grading/roster.csv.")
]
manual = typer.Typer(no_args_is_help=True, help="Scores by hand: list, export, import.")


def collect(
    sources: Annotated[
        list[Path], typer.Argument(metavar="FROM...", help="Folders and zip files of an LMS.")
    ],
    assignment: Annotated[
        str | None, typer.Option(help="Whose notebooks they are, where no name says it.")
    ] = None,
    roster: Rosterfile = None,
    received: Annotated[
        Path | None, typer.Option(help="When they came: student,assignment,timestamp.")
    ] = None,
) -> None:
    """Take submissions out of Moodle's, Canvas' or plain folders and zip files."""
    with usable(), progress() as bar:
        course = Course()
        name = course.assignment(assignment) if assignment else None
        line = bar.add_task("Collecting", total=None)
        outcomes = collecting.collect(
            course, sources, name, people.of(course.root, roster), received,
            step=lambda what: bar.update(line, advance=1, description=what[:40]),
        )  # fmt: skip
        bar.update(line, description="Collected")
    _show_collected(outcomes)
    refused = [each for each in outcomes if each.what == "not taken"]
    for each in refused:
        say(f"{each.source}: {each.why}", "yellow")
    by_archive = sum(each.what in ("new", "replaced") for each in outcomes)
    if by_archive and received is None:
        say(
            "Times of receipt are those of the files, where no listing said better. Canvas writes "
            "the time of the download there: give the true ones with --received."
        )
    if refused:
        fail(f"{len(refused)} of {len(outcomes)} files were not taken; the reasons are above.")
    if not outcomes:
        fail("There was no notebook in it.")


def _show_collected(outcomes: list[collecting.Outcome]) -> None:
    table = Table(title="Collected", title_justify="left")
    kinds = ("new", "replaced", "as before", "older")
    for head in ("assignment", *kinds):
        table.add_column(head, justify="left" if head == "assignment" else "right")
    count = Counter((each.assignment, each.what) for each in outcomes if each.assignment)
    for name in sorted({name for name, _ in count}):
        table.add_row(name, *(str(count[name, kind]) for kind in kinds))
    console.print(table)


def late(assignment: Assignment = None) -> None:
    """Apply grading/deadlines.toml again: due dates, extensions, penalties. Runs no code."""
    found = []
    with usable(), progress() as bar:
        course = Course()
        for name in bar.track(named(course, assignment), description="Deadlines"):
            found += lateness.apply(course, name)
    table = Table(title="Late", title_justify="left")
    for head in ("student", "assignment", "received", "due", "late", "penalty"):
        table.add_column(head)
    behind = [each for each in found if each.seconds > 0]
    for each in behind:
        days = f"{each.seconds / lateness.DAY:.2f} days"
        when = (_stamp(each.received), _stamp(each.due))
        table.add_row(each.student, each.assignment, *when, days, f"-{each.penalty:g}")
    console.print(table)
    unknown = sum(each.received is None for each in found)
    say(f"{len(behind)} of {len(found)} submissions are late.")
    if unknown:
        say(f"{unknown} have no time of receipt, and count as in time: see grading/received.csv")


def _stamp(when: datetime | None) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if when else "-"


def export(
    form: Annotated[
        str, typer.Option(help="nbgrader, canvas or moodle: whose columns.")
    ] = "nbgrader",
    to: Annotated[Path | None, typer.Option(help="The file. grading/grades.csv.")] = None,
    roster: Rosterfile = None,
    missing_as_zero: Annotated[
        bool, typer.Option(help="0, not an empty cell, for who handed nothing in.")
    ] = False,
) -> None:
    """Write every grade in the gradebook as CSV, with penalties as they stand now."""
    if form not in exporting.FORMS:
        fail(f"{form!r} is none of {', '.join(exporting.FORMS)}", UNUSABLE)
    with usable(), progress() as bar:
        line = bar.add_task("Penalties", total=3)
        course = Course()
        written, grades = export_grades(
            course, form, to, roster, missing_as_zero, lambda: bar.advance(line)
        )
        bar.update(line, description="Exported")
        if not grades.results:
            raise CourseError("no grades: nothing was graded yet")
    table = Table(title=f"Grades in the columns of {form}", title_justify="left")
    for head in ("assignment", "submissions", "mean", "of", "to grade by hand"):
        table.add_column(head, justify="left" if head == "assignment" else "right")
    for name, most in grades.most.items():
        own = [each for (_, of), each in grades.results.items() if of == name]
        mean = f"{sum(each.score for each in own) / len(own):.2f}" if own else "-"
        waiting = sum(each.waiting for each in own)
        table.add_row(name, str(len(own)), mean, f"{most:g}", str(waiting))
    console.print(table)
    say(f"Grades: {written}")
    if grades.waiting:
        say(
            f"{grades.waiting} submissions wait for a person: python -m graders.cli manual list",
            "yellow",
        )


def export_grades(
    course: Course,
    form: str = "nbgrader",
    to: Path | None = None,
    roster: Path | None = None,
    missing_as_zero: bool = False,
    step: Callable[[], None] = lambda: None,
) -> tuple[Path, exporting.Grades]:
    """The three steps of an export: penalties, grades, the file."""
    lateness.apply(course)
    step()
    grades = exporting.read(course, people.of(course.root, roster))
    step()
    written = exporting.write(course, grades, form, to, missing_as_zero)
    step()
    return written, grades


@manual.command("list")
def manual_list(assignment: Assignment = None) -> None:
    """List the cells that wait for a person."""
    with usable():
        course = Course()
        found = by_hand.marks(course, course.assignment(assignment) if assignment else None)
    table = Table(title="To grade by hand", title_justify="left")
    for head in ("student", "assignment", "cell", "automatic", "by hand", "most"):
        table.add_column(head)
    for each in found:
        numbers = ("-" if n is None else f"{n:g}" for n in (each.automatic, each.score, each.most))
        table.add_row(*each.key, *numbers)
    console.print(table)
    say(f"{len(found)} cells wait for a person.")


@manual.command("export")
def manual_export(
    assignment: Assignment = None,
    to: Annotated[Path | None, typer.Option(help="The file. grading/to-grade.csv.")] = None,
    every: Annotated[bool, typer.Option(help="Every graded cell, not those that wait.")] = False,
) -> None:
    """Write the cells that wait for a person as CSV, to be filled in."""
    with usable(), progress() as bar:
        line = bar.add_task("Changes in formgrader", total=2)
        course = Course()
        by_hand.note_others(course)
        bar.update(line, advance=1, description="Cells")
        name = course.assignment(assignment) if assignment else None
        found = by_hand.marks(course, name, every)
        written = by_hand.write(course, found, to)
        bar.advance(line)
    say(f"{len(found)} cells: {written}")


@manual.command("import")
def manual_import(
    file: Annotated[Path, typer.Argument(help="A CSV as `manual export` writes it, filled in.")],
    who: Annotated[str, typer.Option(help="Who graded. The name of your account.")] = "",
) -> None:
    """Put the scores and comments of a CSV into the gradebook, all of them or none."""
    with usable(), progress() as bar:
        line = bar.add_task("Changes in formgrader", total=3)
        course = Course()
        by_hand.note_others(course)
        bar.update(line, advance=1, description="Scores")
        changes = by_hand.read(course, file, who)
        bar.update(line, advance=1, description="Penalties")
        lateness.apply(course)
        bar.update(line, advance=1, description="Imported")
    table = Table(title="Changed by hand", title_justify="left")
    for head in ("student", "assignment", "cell", "what", "before", "after"):
        table.add_column(head, overflow="fold")
    for each in changes:
        row = (each.student, each.assignment, each.cell, each.field, each.before, each.after)
        table.add_row(*(text.replace("[", r"\[") for text in row))
    console.print(table)
    say(f"{len(changes)} changes, written down in grading/{by_hand.LOG}.")
    if changes:
        say("Next: python -m graders.cli feedback, and export.")


def similarity(
    assignment: Assignment = None,
    least: Annotated[
        float, typer.Option(min=0, max=1, help="The share from which a pair is listed.")
    ] = 0.5,
    common: Annotated[
        float, typer.Option(min=0, max=1, help="What more of the class wrote says nothing.")
    ] = 0.2,
) -> None:
    """List pairs of students whose answers are alike, for a person to look at."""
    from graders import similarity as alike

    pairs, unread = [], []
    with usable(), progress() as bar:
        course = Course()
        chosen = named(course, assignment)
        for name in chosen:
            line = bar.add_task(name, total=None)
            step = partial(_advance, bar, line)
            found, not_read = alike.compare(course, name, least, common, step)
            pairs += found
            unread += [f"{student}, {name}" for student in not_read]
        folder = alike.write(course, pairs, chosen)
    table = Table(title="Alike", title_justify="left")
    for head in ("assignment", "student", "other", "alike", "lines", "answers"):
        table.add_column(head, overflow="fold")
    for pair in pairs:
        names = (pair.assignment, pair.first.student, pair.second.student)
        table.add_row(*names, f"{pair.share:.0%}", str(len(pair.lines[0])), " ".join(pair.cells))
    console.print(table)
    if pairs:
        say(alike.HELP)
    say(f"{len(pairs)} pairs: {folder.relative_to(course.root)}/")
    for each in unread:
        say(f"{each}: no notebook that can be read", "yellow")
    if unread:
        raise typer.Exit(FAILED)


def _advance(bar: Progress, line: TaskID, done: int, of: int) -> None:
    bar.update(line, completed=done, total=of)
