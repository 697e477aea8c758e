"""What a worker does with one submission: a function of its bytes, and of nothing else.

In: the files as they were handed in, the exercise as it was released, the seed. Out: the notebook with
outputs, points and comments. No folder is read and none written, and there is no gradebook here, so a worker
may be any process on any machine, may be killed at any moment, and may be asked again. graders/grade.py asks;
graders/gradebook.py is the one that writes.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors import ClearMetadataPreprocessor
from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.converters import GenerateFeedback
from nbgrader.preprocessors import GetGrades, IgnorePattern, LimitOutput
from traitlets.config import Config

from graders.feedback import ReportsOnly
from graders.preprocess import HarmlessOutput
from graders.rebuild import Notes, Refused, one_line, rebuild
from graders.sandbox.jail import NoSandbox
from graders.sandbox.preprocess import SandboxedExecute

_one_at_a_time = threading.Lock()
"""A worker on a cluster may have several threads. The seed is in the environment, so they take turns."""


class OtherVersion(Exception):
    """This worker has other checks, or another engine, than the course that asks."""


@dataclass(frozen=True)
class Job:
    """One submission on its way to a worker; or the course's own solution, to be proved."""

    assignment: str
    released: dict[str, str]
    """The notebooks of the exercise, by file name, as nbgrader released them."""
    handed_in: dict[str, bytes] | None
    """What was handed in, by file name; None for the solution, which `released` then holds."""
    seed: str
    version: str = ""
    """The version of the course that has to be there; "" for a worker that shares this one's files."""
    config: Config = field(default_factory=Config, repr=False)
    """nbgrader's configuration, for the steps that run here."""


@dataclass(frozen=True)
class Marked:
    """One notebook of a submission, graded."""

    clean: str
    """The notebook that was run, as text: the exercise with the learner's answers in it."""
    graded: str
    """The same with its outputs."""
    scores: dict[str, float | None]
    """Points by grade_id; None where a person has to grade."""
    comments: dict[str, str | None]


@dataclass(frozen=True)
class Outcome:
    """What came of a job. `problem` says why nothing could be graded; "" when it could."""

    problem: str = ""
    notes: tuple[str, ...] = ()
    unread: frozenset[str] = frozenset()
    """The grade_ids of checks whose answer could not be read."""
    notebooks: dict[str, Marked] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """A feedback page to be made, from a graded notebook and what the gradebook says of it."""

    name: str
    graded: str
    scores: dict[str, tuple[float, float]]
    """Points, and the most there are, by grade_id."""
    comments: dict[str, str | None]
    score: float
    max_score: float
    late_penalty: float | None
    config: Config = field(default_factory=Config, repr=False)


@functools.cache
def version() -> str:
    """What the result of a job depends on beside the job: the checks, the engine, Python and NumPy."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256(f"{sys.version_info[:2]} {np.__version__}".encode())
    for file in sorted([*root.glob("graders/**/*.py"), *root.glob("engine/**/*.py")]):
        digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def graded(job: Job) -> Outcome:
    """The outcome for one submission. What lies in the submission is in the outcome, and raises nothing.

    Raises:
      OtherVersion: when this worker would grade by other checks.
      NoSandbox: when there is none here, and `SandboxedExecute.unsafe` was not asked for.
    """
    if job.version not in ("", version()):
        raise OtherVersion(
            f"this worker has version {version()} of the course, and is asked for {job.version}: "
            "install the same version of the project there"
        )
    notes = Notes()
    with _one_at_a_time:
        try:
            if job.handed_in is None:
                return Outcome(_solution_problem(job))
            found = {name: _marked(job, name, notes) for name in job.released}
            return Outcome("", notes.all(), frozenset(notes.unread), found)
        except NoSandbox:
            raise
        except Refused as refused:
            problem = one_line(str(refused), 300)
        except Exception as error:  # whatever one submission does, the class goes on
            problem = one_line(f"{type(error).__name__}: {error}", 300)
    return Outcome(problem, notes.all(), frozenset(notes.unread))


def clean(released: str, handed_in: bytes, name: str, notes: Notes) -> str:
    """The notebook that is graded: the exercise with a learner's answers in it. Both are called `name`.

    Raises: Refused when there is nothing to be made of it.
    """
    try:
        notebook = rebuild(handed_in, nbformat.reads(released, as_version=4), notes)
    except Refused as refused:
        raise Refused(f"{name}: {refused}") from None
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook, version=4))


def _marked(job: Job, name: str, notes: Notes) -> Marked:
    assert job.handed_in is not None
    taken = clean(job.released[name], job.handed_in[name], name, notes)
    notebook = _run(job, nbformat.reads(taken, as_version=4))
    scores: dict[str, float | None] = {}
    comments: dict[str, str | None] = {}
    for cell in notebook.cells:  # as nbgrader's own step SaveAutoGrades
        if utils.is_grade(cell):
            scores[cell.metadata.nbgrader.grade_id] = utils.determine_grade(cell)[0]
        if utils.is_solution(cell) or utils.is_task(cell):
            untouched = cell.metadata.nbgrader.get("checksum") == utils.compute_checksum(cell)
            nothing = untouched and not utils.is_task(cell)
            comments[cell.metadata.nbgrader.grade_id] = "No response." if nothing else None
    text = nbformat.writes(notebook, version=nbformat.current_nbformat)
    return Marked(taken, text if text.endswith("\n") else text + "\n", scores, comments)


def _run(job: Job, notebook: NotebookNode) -> NotebookNode:
    """The notebook with its outputs, as far as they are harmless: nbgrader_config.py's steps of autograding
    from the run to the points."""
    with (
        tempfile.TemporaryDirectory() as empty
    ):  # where an ordinary kernel runs; a sandbox has its own
        resources: Any = {"metadata": {"path": empty}, "nbgrader": {}}
        with utils.setenv(NBGRADER_EXECUTION="autograde", GRADERS_SEED=job.seed):
            for step in (
                SandboxedExecute,
                HarmlessOutput,
                IgnorePattern,
                ClearMetadataPreprocessor,
                LimitOutput,
            ):
                notebook, resources = step(config=job.config)(notebook, resources)
    return notebook


def _solution_problem(job: Job) -> str:
    """Why the solution does not get full marks here, now, on this run's inputs; "" when it does.

    A broken machine or a broken check would otherwise cost a whole class its points, in silence.
    """
    for text in job.released.values():
        notebook = _run(job, nbformat.reads(text, as_version=4))
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            errors = [out for out in cell.outputs if out.output_type == "error"]
            if errors:
                return f"its own solution fails: {errors[0].ename}: {errors[0].evalue}"
            if (
                utils.is_grade(cell)
                and utils.determine_grade(cell)[0] != cell.metadata.nbgrader.points
            ):
                return f"its own solution does not get full marks in {cell.id}"
    return ""


# --- feedback ------------------------------------------------------------------------------------


class _Grades(GetGrades):
    """nbgrader's step that writes the points beside the checks, with points that were looked up before."""

    def __init__(self, asked: Page, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.asked = asked

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        for cell in nb.cells:
            facts = cell.metadata.get("nbgrader", {})
            if utils.is_solution(cell) or utils.is_task(cell):
                facts["comment"] = self.asked.comments.get(facts["grade_id"])
            if utils.is_grade(cell):
                facts["score"], facts["points"] = self.asked.scores[facts["grade_id"]]
        penalty = self.asked.late_penalty or 0
        resources["nbgrader"].update(
            score=self.asked.score - penalty, max_score=self.asked.max_score, late_penalty=penalty
        )
        return nb, resources


def page(asked: Page) -> str:
    """The feedback page of one notebook, as HTML: what nbgrader's generate_feedback makes of it."""
    with _one_at_a_time:
        exporter, steps = _exporter(repr(sorted(asked.config.items())), asked.config)
        notebook = nbformat.reads(asked.graded, as_version=4)
        name = os.path.splitext(asked.name)[0]
        resources: Any = {
            "unique_key": name,
            "output_files_dir": f"{name}_files",
            "metadata": {"name": name, "path": ""},
            "nbgrader": {"notebook": name},
        }
        own = _Grades(asked, parent=exporter), ReportsOnly(parent=exporter)
        exporter._preprocessors = [*steps, *own]
        html, _ = exporter.from_notebook_node(notebook, resources)
    return str(html)


_exporters: dict[str, tuple[HTMLExporter, list[Any]]] = {}


def _exporter(key: str, config: Config) -> tuple[HTMLExporter, list[Any]]:
    """One for each configuration, and the steps that its template brings. Templates are compiled once, which
    takes longer than a page."""
    if key not in _exporters:
        own = GenerateFeedback(config=config).config  # where its templates and style sheets lie
        own.HTMLExporter.template_name = "feedback"
        exporter = HTMLExporter(config=own)
        _exporters[key] = exporter, list(exporter._preprocessors)
    return _exporters[key]
