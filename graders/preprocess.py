"""Two steps that this course adds to nbgrader's autograding; nbgrader_config.py names them.

Before the run, `Rebuilt`: only text of a submission goes on. After it, `HarmlessOutput`: what the
learner's code showed is shown again in the instructor's browser, by formgrader and in the feedback.
Text and PNG images are harmless there; everything else could run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor

from graders.png import is_png
from graders.rebuild import Notes, rebuild
from graders.style import CSS

MAX_CHARACTERS = 100_000
"""Of one output as text."""
TAGS = ["b", "br", "caption", "code", "details", "div", "em", "figcaption", "figure", "h4", "i",
        "li", "ol", "p", "pre", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td",
        "th", "thead", "tr", "ul",
        "svg", "g", "rect", "line", "circle", "path", "polygon", "polyline", "text", "tspan",
        "title"]  # fmt: skip
"""What a report of a check may be made of. None of them runs anything or fetches anything."""
ATTRIBUTES = ["class", "colspan", "rowspan", "role", "aria-label", "aria-hidden", "open",
              "width", "height", "viewbox", "viewBox", "x", "y", "x1", "y1", "x2", "y2", "cx",
              "cy", "r", "rx", "ry", "d", "dx", "dy", "points", "transform", "fill", "stroke",
              "stroke-width", "stroke-dasharray", "font-size", "font-family", "font-weight",
              "text-anchor", "dominant-baseline"]  # fmt: skip
STYLE = f"<style>{CSS}</style>"


class Rebuilt(NbGraderPreprocessor):
    """Grades the assignment's own notebook with the submission's answers in it, as graders/intake.py
    makes it, and nothing else that somebody has put where nbgrader looks.

    What came through `make grade` is that notebook, and stays as it is. This is for formgrader's
    Autograde button, `nbgrader autograde` and `nbgrader collect`, which know of no gate.
    """

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        course, own = self.config.CourseDirectory, resources["nbgrader"]
        path = Path(own["assignment"]) / f"{own['notebook']}.ipynb"
        root = Path(course.root)
        files = (root / "grading" / "release" / path, root / course.release_directory / path)
        file = next((file for file in files if file.exists()), files[-1])
        data = nbformat.writes(nb, version=4).encode("utf-8", "surrogatepass")
        notes = Notes()
        notebook = rebuild(data, nbformat.read(file, as_version=4), notes)
        for note in notes.all():
            self.log.warning("%s, %s: %s", own["student"], path, note)
        return notebook, resources


class HarmlessOutput(NbGraderPreprocessor):
    """Keeps of every output what cannot run in a browser, without its metadata.

    The report of a check is HTML. It keeps the course's own style sheet, and of the rest what is
    on the lists above: the learner's kernel may have had a hand in it.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cleaner = SanitizeHTML(tags=TAGS, attributes={"*": ATTRIBUTES}, styles=[])

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        nb.metadata.pop("widgets", None)  # Execute writes their state there
        return super().preprocess(nb, resources)

    def preprocess_cell(
        self, cell: NotebookNode, resources: Any, cell_index: int
    ) -> tuple[NotebookNode, Any]:
        if cell.cell_type == "code":
            cell.outputs = [self._harmless(each, utils.is_grade(cell)) for each in cell.outputs]
        return cell, resources

    def _harmless(self, output: NotebookNode, report: bool) -> NotebookNode:
        if "data" not in output:
            return output  # a stream or an error: text, which nbconvert escapes
        data = output.data if isinstance(output.data, dict) else {}
        plain, image, html = (
            value if isinstance(value := data.get(kind), str) else ""
            for kind in ("text/plain", "image/png", "text/html")
        )
        kept = NotebookNode()
        if plain:
            kept["text/plain"] = plain[:MAX_CHARACTERS]
        if image and is_png(image):
            kept["image/png"] = image
        if report and html and len(html) <= MAX_CHARACTERS:
            style = STYLE if html.startswith(STYLE) else ""
            kept["text/html"] = style + self.cleaner.sanitize_html_tags(html[len(style) :])
        output.data, output.metadata = kept, NotebookNode()
        return output
