"""The button under a report that checks again: `check("01.rank.shape_of")` shows it.

The report is HTML in a cell's output, which has no life of its own. One widget without a view
answers the buttons of all reports of a kernel; as long as it lives they are shown, and in a copy
without a kernel there are none. What runs in the page is in `static/check_button.js`.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from html import escape
from typing import Any

import anywidget
import traitlets
from IPython import get_ipython

from course.lab.base import module
from graders import tasks
from graders.check import MISSING, grade
from graders.tasks.base import Task

NOTE = (
    "Checked with the button: what is saved in the notebook is the report of the cell's last run."
)


class CheckAgain(anywidget.AnyWidget):
    """Answers the buttons of the reports: each asks for one task, by its id."""

    _esm = module("check_button.js")
    _uid = traitlets.Unicode().tag(sync=True)

    def __init__(self) -> None:
        super().__init__(_uid=uuid.uuid4().hex[:12])
        self._given: dict[str, Any] = {}
        self.on_msg(self._on_message)

    def button(self, task: Task, obj: Any = None) -> str:
        """The button for a task, as HTML. `obj` is what was checked when it was given by hand."""
        self._given.pop(task.id, None)
        if obj is not None and _defined(task.name) is not obj:
            self._given[task.id] = obj
        return (
            f'<button type="button" class="tx-again" hidden data-for="{self._uid}"'
            f' data-task="{escape(task.id, quote=True)}" data-lm-suppress-shortcuts="true"'
            f' aria-label="Check {escape(task.name, quote=True)} again"'
            ' title="Checks what you last ran: run your cell first">Check again</button>'
        )

    def check(self, task_id: str) -> dict[str, str]:
        """Check a task again, and record the attempt. The report as HTML, and in a few words."""
        task = tasks.find(task_id)
        obj = self._now(task)
        report = grade(task, MISSING if obj is None else obj, keep=True)
        notes = (*report.notes, NOTE)
        shown = replace(report, notes=notes, button=self.button(task, obj))
        return {"html": shown._repr_html_(), "says": report.text().split("\n")[0]}

    def _now(self, task: Task) -> Any:
        """What to check: a function that was given by hand may have been defined anew since."""
        given = self._given.get(task.id)
        if given is None:
            return _defined(task.name)
        name = getattr(given, "__name__", "")
        return _defined(name) if callable(_defined(name)) else given

    def _on_message(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        if content["do"] == "ping":
            self.send({"alive": True})
            return
        at = content["at"]
        try:
            reply = self.check(str(content["task"]))
        except KeyboardInterrupt:  # the learner's own Stop
            reply = {"says": "The check was interrupted."}
        except tasks.NoSuchTask as error:
            reply = {"says": str(error)}
        self.send({"at": at, **reply})


def _defined(name: str) -> Any:
    """What the notebook calls by this name; None when it calls nothing so."""
    shell = get_ipython()
    return shell.user_ns.get(name) if shell else None


_answering: CheckAgain | None = None


def button(task: Task, obj: Any = None) -> str:
    """The button for a task, as HTML; the first one starts what answers it."""
    global _answering
    if _answering is None:
        _answering = CheckAgain()
    return _answering.button(task, obj)
