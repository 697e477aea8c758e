"""`graders`, or `python -m graders.cli`: release, collect, grade, give feedback, export.

Exit codes: 0 all well; 1 something could not be graded or released, and the output says what;
2 the command cannot run at all; 130 it was stopped with Ctrl-C.
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from graders import archive, commands, late
from graders import grade as grading
from graders.cluster import Cluster
from graders.course import Course
from graders.rebuild import one_line
from graders.release import ReleaseError
from graders.release import release as make_release
from graders.terminal import (
    FAILED,
    STOPPED,
    UNUSABLE,
    Assignment,
    console,
    fail,
    progress,
    say,
    usable,
)
from graders.workers import Processes

__all__ = ["FAILED", "UNUSABLE", "app"]

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@app.command()
def release(
    check: Annotated[bool, typer.Option(help="Change nothing; fail when it would.")] = False,
    overwrite: Annotated[bool, typer.Option(help="Also over answers in exercises/.")] = False,
) -> None:
    """Write exercises/ from solutions/ and the learner's archive, and prove that no solution is in either."""
    try:
        with usable(), progress() as bar:
            line = bar.add_task("Releasing", total=None)
            course = Course()
            changes = make_release(course, only_check=check, overwrite=overwrite)
            bar.update(line, description="Released", total=1, completed=1)
    except ReleaseError as error:
        fail(str(error), FAILED)
    for change in changes:
        console.print(f"{change.what:<8} exercises/{change.path}", highlight=False)
    table = Table(title="Exercises", title_justify="left")
    kinds = ("new", "changed", "removed")
    for head in ("assignment", *kinds):
        table.add_column(head, justify="left" if head == "assignment" else "right")
    for name in course.assignments():
        own = [change.what for change in changes if change.path.startswith(f"{name}/")]
        table.add_row(name, *(str(own.count(kind)) for kind in kinds))
    console.print(table)
    if check and changes:
        fail("exercises/ is not what solutions/ give: run `make release`", FAILED)
    count = "as they were" if not changes else f"{len(changes)} of them new, changed or removed"
    console.print(f"Exercises released: {count}.", highlight=False)
    if not (course.root / "pyproject.toml").exists():
        return  # a course's folder without the project has nothing to pack
    try:
        built = archive.build(course.root)
    except archive.ArchiveError as error:
        fail(str(error), FAILED)
    file = None if check else archive.write(built, course.root / "dist")
    for told in archive.report(built, file):
        console.print(told, highlight=False, markup=False, soft_wrap=True)


@app.command()
def grade(
    assignment: Assignment = None,
    seed: Annotated[str, typer.Option(help="Grade on the inputs of an earlier run.")] = "",
    unsafe: Annotated[
        bool,
        typer.Option(
            help="Run submissions without a sandbox: they can then do all that you can.",
            envvar="GRADERS_UNSAFE",
        ),
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one for each processor by default.")
    ] = None,
    scheduler: Annotated[
        str, typer.Option(help="A Dask scheduler whose workers grade: tcp://host:8786.")
    ] = "",
    again: Annotated[
        bool, typer.Option(help="Also what a run that was broken off has graded.")
    ] = False,
) -> None:
    """Grade grading/submitted/<student>/<assignment>/, write feedback, export the grades."""
    course, todo = _course_and_todo(assignment)
    with usable(), progress() as bar:
        late.deadlines(course.root, course.assignments())  # or else every submission would fail
        late.receipts(course.root)
        line = bar.add_task("Grading", total=len(todo))

        def step(what: str, done: int) -> None:
            bar.update(line, completed=done, description=what)

        crew = Cluster(scheduler) if scheduler else Processes(workers) if workers else None
        try:
            grades = grading.grade_class(course, todo, seed, step, unsafe, again, crew, say)
        except KeyboardInterrupt:
            fail("Stopped. What is graded is kept; the same command goes on from here.", STOPPED)
        step("Graded", len(todo))
        to, _ = commands.export_grades(course)
    if unsafe:
        say("Graded without a sandbox; the gradebook says so.", "yellow")
    for name in dict.fromkeys(each.assignment for each in todo):
        console.print(_table(name, [g for g in grades if g.submission.assignment == name]))
    console.print(f"Grades: {to.relative_to(course.root)}", highlight=False, soft_wrap=True)
    console.print(f"Feedback: {course.directory.feedback_directory}/", highlight=False)
    for stranger in grading.strangers(course):
        say(f"Not graded, no assignment has this name: {stranger}", "yellow")
    failed = [each for each in grades if each.problem]
    for each in failed:
        say(f"{each.submission}: {each.problem}", "red")
    noted = sum(bool(each.notes) for each in grades)
    if noted:
        say(f"Changed in {noted} of {len(grades)} before they were graded: grading/notes.csv")
    if failed:
        problems = course.grading / "problems.csv"
        fail(
            f"{len(failed)} of {len(grades)} could not be graded, and have 0 points for now: "
            f"{problems.relative_to(course.root)}",
            FAILED,
        )


@app.command()
def feedback(assignment: Assignment = None) -> None:
    """Write the feedback pages again, for instance after grading by hand in formgrader."""
    course, todo = _course_and_todo(assignment)
    with usable(), progress() as bar:
        line = bar.add_task("Feedback", total=len(todo))
        late.apply(course)
        failed = grading.feedback(course, todo, lambda: bar.advance(line))
    table = Table(title="Feedback", title_justify="left")
    for head in ("assignment", "written", "failed"):
        table.add_column(head, justify="left" if head == "assignment" else "right")
    for name in dict.fromkeys(each.assignment for each in todo):
        lost = sum(each.assignment == name for each in failed)
        written = sum(each.assignment == name for each in todo) - lost
        table.add_row(name, str(written), str(lost))
    console.print(table)
    for submission, why in failed.items():
        say(f"{submission}: {why}", "red")
    say(f"Feedback: {len(todo) - len(failed)} of {len(todo)} written.")
    if failed:
        raise typer.Exit(FAILED)


for command in (commands.collect, commands.late, commands.export, commands.similarity):
    app.command()(command)
app.add_typer(commands.manual, name="manual")


def _course_and_todo(assignment: str | None) -> tuple[Course, list[grading.Submission]]:
    with usable():
        course = Course()
        name = course.assignment(assignment) if assignment else None
        return course, grading.submissions(course, name)


def _table(assignment: str, grades: list[grading.Grade]) -> Table:
    """Students down, tasks across."""
    table = Table(title=assignment, title_justify="left")
    table.add_column("student")
    tasks = next((each.points for each in grades if each.points), {})
    for task, (_, most) in tasks.items():
        table.add_column(f"{task}\n{most:g}", justify="right", overflow="fold")
    most = sum(most for _, most in tasks.values())
    table.add_column(f"points\n{most:g}", justify="right", style="bold")
    for each in grades:
        row = [f"{each.points[task][0]:g}" if task in each.points else "" for task in tasks]
        total = "not graded" if each.problem else f"{each.total:g}"
        table.add_row(Text(one_line(each.submission.student)), *row, total)
    return table


if __name__ == "__main__":
    app()
