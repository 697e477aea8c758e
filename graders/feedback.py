"""What a feedback page may show: the learner's own text, the report of each check, the comments.

nbgrader's page shows every output of every cell. A learner's cell can print what it can read, and
a traceback shows the lines of each file that it went through, those of the checks among them. So
a page keeps the reports, and of everything else that a cell put out one line at most: which error
it ended with, or that it was stopped. What learners printed they have in their own notebooks.
"""

from __future__ import annotations

import re
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor

REPORT = re.compile(r"(<style>[^<]*</style>)?\s*<div class=\"tx-report ")
STOPPED = re.compile(r"\[[a-z][\w ,.:;'()-]{1,90}\]\n?", re.ASCII)
"""What graders/sandbox says at the end of a cell that did not come to its own: one short line."""
LONGEST = 200
"""Characters of an error's message."""


class ReportsOnly(NbGraderPreprocessor):
    """A step of nbgrader's GenerateFeedback; nbgrader_config.py names it."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: Any, cell_index: int
    ) -> tuple[NotebookNode, Any]:
        if cell.cell_type == "code":
            graded = utils.is_grade(cell) and not utils.is_solution(cell)
            last = len(cell.outputs) - 1
            cell.outputs = [
                shown
                for place, output in enumerate(cell.outputs)
                if (shown := _shown(output, graded, place == last))
            ]
        return cell, resources


def _shown(output: NotebookNode, graded: bool, last: bool) -> NotebookNode | None:
    if output.output_type == "error":
        said = " ".join(str(output.evalue).split())
        message = said if len(said) <= LONGEST else f"{said[:LONGEST]}..."
        line = f"{output.ename}: {message}" if message else str(output.ename)
        return new_output("error", ename=output.ename, evalue=message, traceback=[line])
    if output.output_type == "stream":
        stopped = last and output.name == "stderr" and STOPPED.fullmatch(output.text)
        return new_output("stream", name="stderr", text=output.text) if stopped else None
    html = output.get("data", {}).get("text/html", "")
    if graded and isinstance(html, str) and REPORT.match(html):
        return new_output("display_data", {"text/html": html})
    return None
