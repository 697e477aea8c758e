"""Writes the start page of the course: `python -m course.start_page [FILE]`.

The map of the chapters is stored as an output, so it is there when the page opens, before any
kernel has started. The notebook is signed, so JupyterLab trusts and shows that output.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbformat.sign import NotebookNotary
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course.chapters import load, next_chapter
from course.lab.progress import ProgressMap

FILE = Path(__file__).with_name("start.ipynb")

WELCOME = """# Two X Minus One

Fit **y = 2x - 1** in five minutes. Then find out how the framework that did it works: it is small
enough to read, and you will build its parts yourself, from a rank-0 tensor to a served model.

**How to begin**

1. Open the lesson [00 Five-minute win](00-five-minute-win.ipynb). It ends with a trained model.
2. Press **Shift+Enter** to run a cell and move on. Where a lesson asks for a prediction, give
   yours before you run the next cell.
3. Answer the quiz at the end of a lesson, then do its exercise: `check(...)` tells you within a
   second whether an answer is right, and if not, why."""

UPDATE = """# Run this cell (Shift+Enter) to update the map.
from course.lab import ProgressMap

ProgressMap()"""


def notebook() -> nbformat.NotebookNode:
    """The start page with the map as it is now."""
    progress = ProgressMap()
    shown = new_output(
        "execute_result",
        {"text/html": progress.to_html(), "text/plain": repr(progress)},
        execution_count=1,
    )
    cells = [
        new_markdown_cell(WELCOME, id="welcome"),
        new_code_cell(UPDATE, id="progress-map", execution_count=1, outputs=[shown]),
    ]
    return new_notebook(cells=cells, metadata=_metadata())


def _metadata() -> dict[str, Any]:
    """What JupyterLab would add when the kernel starts: it then has nothing to ask to be saved."""
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    language = {
        "name": "python",
        "version": platform.python_version(),
        "mimetype": "text/x-python",
        "codemirror_mode": {"name": "ipython", "version": 3},
        "pygments_lexer": "ipython3",
        "nbconvert_exporter": "python",
        "file_extension": ".py",
    }
    return {"kernelspec": kernel, "language_info": language}


def write(file: Path = FILE) -> None:
    """Write and sign the page."""
    page = notebook()
    nbformat.validate(page)
    NotebookNotary().sign(page)
    nbformat.write(page, file)


def main() -> None:
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    write(file)
    chapter = next_chapter(load(), ProgressMap().results)
    where = f"Next: {chapter.number} {chapter.title}." if chapter else "Every chapter is done."
    print(f"The start page is {file.name}. {where}")


if __name__ == "__main__":
    main()
