"""What stands in place of a submission that could not be graded: a notebook that says why, and what to do.

It is made of the assignment's own cells and the reason, and of nothing that was handed in. It lies where a
graded notebook would, so formgrader lists it, a person can give points and comments in it, and the feedback
page is made from it as from any other (grade.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from nbgrader import utils

from graders.rebuild import fenced, one_line

ADVICE = (
    (r"student's folder has",
     "Nothing is wrong with your notebook. The folder that it was put into has a name that cannot be used: "
     "tell this to whoever grades the course."),
    (r"\bfolder is (a |not )",
     "This is about the folder that your work was put into. Hand in the file {files} again, not a folder or "
     "a link; if you did that, tell this to whoever grades the course."),
    (r"is not there; the folder holds",
     "Hand in the notebook under the name that it was given out with: {files}. (Browsers add a number such "
     "as *(1)* to what is downloaded twice; take it away.)"),
    (r"and is not (opened|read)$|is no file$|is not there$",
     "Hand in the file {files} itself, not a link to it and nothing else of that name: in JupyterLab, "
     "right-click it in the file browser and choose *Download*."),
    (r"at most \d+ MB are read",
     "Choose *Kernel > Restart Kernel and Clear Outputs of All Cells* in JupyterLab, save, and hand in "
     "{files} again."),
    (r"is empty$",
     "There is nothing in the file. Open {files} on your own machine, look whether your answers are there, "
     "save it, and hand it in again."),
    (r"does not appear to be JSON|is not a text in UTF-8|is JSON, but not a notebook|it is no notebook",
     "The file is damaged, or was converted into something else. Open it in JupyterLab. If it does not open "
     "there either, take an earlier copy, or the exercise as it was given out, and put your answers into it. "
     "Save, and hand in {files} again."),
    (r"cells hold more than|cells; at most",
     "Delete what is no answer (long lists of numbers, text that was pasted in), save, and hand in {files} "
     "again."),
)  # fmt: skip
"""What the gate (intake.py, rebuild.py) says, and what a learner can do about it."""
UNKNOWN = "Something went wrong while it was graded."
LOOKED_AT = (
    "Whoever grades the course has been told what it was, and looks at your work. If you changed nothing in "
    "{files} but the cells for your answers, there is nothing for you to do."
)
NOT_READ = "What was handed in here was not read."


def notebooks(released: Mapping[str, str], problem: str) -> dict[str, str]:
    """A notebook in place of each of an assignment's, as text, by file name.

    Args:
      released: the assignment's notebooks as they were released, as text, by file name.
      problem: why the submission could not be graded. A learner is told it when it is the gate's; anything
        else is for the instructor.
    """
    note = explanation(problem, sorted(released))
    made = {}
    for name, text in released.items():
        own = nbformat.reads(text, as_version=4)
        own.cells = [new_markdown_cell(note, id="not-graded"), *_graded(own)]
        made[name] = nbformat.writes(own, version=4) + "\n"
    return made


def explanation(problem: str, files: list[str]) -> str:
    """Why nothing was graded and what to do, as Markdown in which no HTML and no link works."""
    said = one_line(problem, 300)
    advice = next((each for pattern, each in ADVICE if re.search(pattern, said)), "")
    names = " and ".join(f"`{name}`" for name in files)
    return (
        "# Not graded\n\n"
        "What was handed in could not be graded. No answer was looked at, so the 0 points say nothing about "
        "your work.\n\n"
        f"**Why**\n\n{fenced(said if advice else UNKNOWN)}\n\n"
        f"**What to do.** {(advice or LOOKED_AT).replace('{files}', names)}"
    )


def _graded(own: NotebookNode) -> list[NotebookNode]:
    """The cells that have points or comments in the gradebook. Where an answer would stand, there is none."""
    kept = []
    for cell in own.cells:
        if utils.is_solution(cell):
            cell.source = f"*{NOT_READ}*" if cell.cell_type == "markdown" else f"# {NOT_READ}"
        if utils.is_solution(cell) or utils.is_grade(cell) or utils.is_task(cell):
            cell.pop("attachments", None)
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
            kept.append(cell)
    return kept
