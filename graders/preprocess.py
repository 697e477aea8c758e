"""Steps of nbgrader's autograding that this course replaces; nbgrader_config.py names them."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from nbgrader.preprocessors import DeduplicateIds


class DropDoubles(DeduplicateIds):
    """Of cells with one grade_id only the last counts; the others become ordinary cells.

    nbgrader's own step leaves them with empty metadata, over which its next step stumbles: one
    copied cell, and the whole submission could not be graded.
    """

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        nb, resources = super().preprocess(nb, resources)
        for cell in nb.cells:
            if cell.metadata.get("nbgrader") == {}:
                del cell.metadata["nbgrader"]
        return nb, resources
