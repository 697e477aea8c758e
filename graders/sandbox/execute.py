"""A submission's notebook, run where it can do no harm and graded where it cannot reach.

Cells of the learner's run in a sandbox. Of a graded cell not a line runs there: which task it checks is read
from the course's own text, the learner's object is looked up in the sandbox, and the checks use it from this
side. What a cell shows is kept as text and PNG pictures, nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

from graders import tasks
from graders.check import MISSING, effort_for, grade
from graders.png import is_png
from graders.report import Report
from graders.sandbox.jail import Jail
from graders.sandbox.process import CELL_SECONDS, Died, Sandbox
from graders.sandbox.remote import Link
from graders.tasks.base import Task

CHECKED = re.compile(r'check\("([\w.]+)"\)')
"""What a graded cell says in the course's notebooks."""
CHARACTERS, CELLS = 200_000, 2_000_000
"""How much a cell, and how much all cells together, may show."""


class NotGraded(Exception):
    """The notebook cannot be graded; the message says why."""


def run_notebook(
    notebook: NotebookNode,
    jail: Jail,
    effort: Callable[[Task], Any] | None = None,
    cell_seconds: float = CELL_SECONDS,
) -> dict[str, Report]:
    """Runs every code cell, puts the outputs into the notebook; returns a report for each graded cell's id.

    Args:
      notebook: with graded cells that are the course's own, whatever else has been changed in it.
      jail: where it runs.
      effort: how much is tried, and for how long; `graders.check.effort_for` by default.
      cell_seconds: how long a cell of the learner's may run.

    Raises:
      NotGraded: when a graded cell checks nothing that this course has.
    """
    known = tasks.all_tasks()
    reports: dict[str, Report] = {}
    room = CELLS
    with Sandbox(jail) as sandbox:
        link = Link(sandbox)
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            cell.execution_count = number + 1
            if _is_graded(cell):
                found = CHECKED.fullmatch(cell.source.strip())
                task = known.get(found[1]) if found else None
                if task is None:
                    raise NotGraded(f"the cell {cell.metadata.nbgrader.grade_id!r} checks no task")
                report = reports[cell.metadata.nbgrader.grade_id] = _checked(task, link, effort)
                cell.outputs = [_shown(report, number + 1)]
            elif cell.source.strip():
                ran = sandbox.run_cell(cell.source, cell_seconds)
                cell.outputs, room = cleaned(ran.outputs, room, number + 1)
    return reports


def _is_graded(cell: NotebookNode) -> bool:
    meta = cell.metadata.get("nbgrader", {})
    return bool(meta.get("grade")) and not meta.get("solution")


def _checked(task: Task, link: Link, effort: Callable[[Task], Any] | None) -> Report:
    """The report on what the submission calls by the task's name."""
    try:
        obj = link.lookup(task.name)
    except (NameError, Died):
        obj = MISSING
    settings = (effort or effort_for)(task)
    return grade(task, obj, settings, run=link.run)


def _shown(report: Report, number: int) -> NotebookNode:
    data = {"text/plain": repr(report), "text/html": report._repr_html_()}
    return new_output("execute_result", data=data, execution_count=number)


def cleaned(outputs: Any, room: int, number: int) -> tuple[list[NotebookNode], int]:
    """What may be kept of the outputs that a sandbox claims, and how much room is left after them."""
    kept: list[NotebookNode] = []
    left = min(room, CHARACTERS)
    for output in outputs if isinstance(outputs, list) else []:
        made = _clean(output, number) if isinstance(output, dict) else None
        size = len(str(made)) if made is not None else 0
        if made is None or size > left:
            continue
        left -= size
        room -= size
        kept.append(made)
    return kept, room


def _clean(output: dict[str, Any], number: int) -> NotebookNode | None:
    kind = output.get("output_type")
    if kind == "stream" and output.get("name") in ("stdout", "stderr"):
        return new_output("stream", name=output["name"], text=_line_text(output.get("text")))
    if kind == "error":
        rows = output.get("traceback")
        return new_output(
            "error",
            ename=_line_text(output.get("ename"))[:200],
            evalue=_line_text(output.get("evalue"))[:2_000],
            traceback=[_line_text(row) for row in rows][:80] if isinstance(rows, list) else [],
        )
    data = output.get("data")
    if kind in ("execute_result", "display_data") and isinstance(data, dict):
        kept = {}
        if isinstance(data.get("text/plain"), str):
            kept["text/plain"] = data["text/plain"]
        if isinstance(data.get("image/png"), str) and is_png(data["image/png"]):
            kept["image/png"] = data["image/png"]
        if kept:
            more = {"execution_count": number} if kind == "execute_result" else {}
            return new_output(kind, data=kept, **more)
    return None


def _line_text(value: Any) -> str:
    return value if isinstance(value, str) else ""
