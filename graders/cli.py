"""`python -m graders.cli`: release exercises, grade a class, write feedback, export the grades.

Exit codes: 0 all well; 1 something could not be graded or released, and the output says what;
2 the command cannot run at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from graders import grade as grading
from graders.course import Course, CourseError
from graders.release import ReleaseError
from graders.release import release as make_release

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
console = Console()
FAILED, UNUSABLE = 1, 2

Assignment = Annotated[
    str | None, typer.Argument(help="An assignment, or the beginning of its name. All of them.")
]


@app.command()
def release(
    check: Annotated[bool, typer.Option(help="Change nothing; fail when it would.")] = False,
    overwrite: Annotated[bool, typer.Option(help="Also over answers in exercises/.")] = False,
) -> None:
    """Write exercises/ from solutions/, and prove that no solution is in it."""
    try:
        changes = make_release(Course(), only_check=check, overwrite=overwrite)
    except ReleaseError as error:
        _fail(str(error), FAILED)
    except CourseError as error:
        _fail(str(error), UNUSABLE)
    for change in changes:
        console.print(f"{change.what:<8} exercises/{change.path}", highlight=False)
    if check and changes:
        _fail("exercises/ is not what solutions/ give: run `make release`", FAILED)
    count = "as they were" if not changes else f"{len(changes)} of them new, changed or removed"
    console.print(f"Exercises released: {count}.", highlight=False)


@app.command()
def grade(
    assignment: Assignment = None,
    seed: Annotated[str, typer.Option(help="Grade on the inputs of an earlier run.")] = "",
) -> None:
    """Grade grading/submitted/<student>/<assignment>/, write feedback, export the grades."""
    course, todo = _course_and_todo(assignment)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    try:
        with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
            bar = progress.add_task("Grading", total=len(todo))

            def step(what: str, done: int) -> None:
                progress.update(bar, completed=done, description=what)

            grades = grading.grade_class(course, todo, seed, step)
            step("Graded", len(todo))
        to = grading.export(course)
    except CourseError as error:
        _fail(str(error), UNUSABLE)
    for name in dict.fromkeys(each.assignment for each in todo):
        console.print(_table(name, [g for g in grades if g.submission.assignment == name]))
    console.print(f"Grades: {to.relative_to(course.root)}", highlight=False, soft_wrap=True)
    console.print(f"Feedback: {course.directory.feedback_directory}/", highlight=False)
    for stranger in grading.strangers(course):
        console.print(f"Not graded, no assignment has this name: {stranger}", style="yellow")
    failed = [each for each in grades if each.problem]
    for each in failed:
        who = f"{each.submission.student}, {each.submission.assignment}"
        console.print(f"{who}: {each.problem}", style="red", markup=False, soft_wrap=True)
    if failed:
        problems = course.grading / "problems.csv"
        _fail(
            f"{len(failed)} of {len(grades)} could not be graded, and have 0 points for now: "
            f"{problems.relative_to(course.root)}",
            FAILED,
        )


@app.command()
def feedback(assignment: Assignment = None) -> None:
    """Write the feedback pages again, for instance after grading by hand in formgrader."""
    course, todo = _course_and_todo(assignment)
    failed = grading.feedback(course, todo)
    for submission, why in failed.items():
        console.print(f"{submission.student}, {submission.assignment}: {why}", markup=False)
    console.print(f"Feedback: {len(todo) - len(failed)} of {len(todo)} written.", highlight=False)
    if failed:
        raise typer.Exit(FAILED)


@app.command()
def export(
    to: Annotated[Path | None, typer.Option(help="The file. grading/grades.csv.")] = None,
) -> None:
    """Write every grade in the gradebook as CSV."""
    try:
        written = grading.export(Course(), to)
    except CourseError as error:
        _fail(str(error), UNUSABLE)
    console.print(f"Grades: {written}", highlight=False, soft_wrap=True)


def _course_and_todo(assignment: str | None) -> tuple[Course, list[grading.Submission]]:
    try:
        course = Course()
        name = course.assignment(assignment) if assignment else None
        return course, grading.submissions(course, name)
    except CourseError as error:
        _fail(str(error), UNUSABLE)
        raise AssertionError from error


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
        table.add_row(each.submission.student, *row, total)
    return table


def _fail(message: str, code: int) -> None:
    Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


if __name__ == "__main__":
    app()
