"""exercises/ from solutions/: nbgrader takes the solutions out, and this proves that they are out.

nbgrader leaves a solution in when its marker is misspelt, and says nothing. So the markers are
checked before, and the release is searched for every line of every solution after.
"""

from __future__ import annotations

import difflib
import filecmp
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from graders import tasks
from graders.course import Course

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = "raise NotImplementedError()"
TELLING = 12
"""A solution line of this many characters or more tells something; shorter ones are `return x`."""


class ReleaseError(Exception):
    """The release would be wrong; nothing was written."""


@dataclass(frozen=True)
class Change:
    """One file of the release that is not as it was."""

    what: str
    """new, changed or removed"""
    path: str


def release(
    course: Course | None = None, only_check: bool = False, overwrite: bool = False
) -> list[Change]:
    """Write exercises/ from solutions/, and return what changed; with `only_check`, write nothing.

    The result depends on solutions/ alone: written twice, it is the same to the last byte. A file
    in exercises/ that comes from nowhere is removed.

    Raises: ReleaseError when a solution would leak, when a notebook and its tasks disagree, or
    when a learner's answers in exercises/ would be lost (unless `overwrite`).
    """
    course = course or Course()
    for name in course.assignments():
        for notebook in sorted((course.folder("source") / name).glob("*.ipynb")):
            problems = [*source_problems(_read(notebook)), *task_problems(_read(notebook), name)]
            if problems:
                raise ReleaseError(f"{notebook.relative_to(course.root)}: {problems[0]}")
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "exercises"
        fresh.mkdir()
        generate(course, fresh)
        problems = leaks(course.folder("source"), fresh)
        if problems:
            raise ReleaseError(problems[0])
        changes = compare(fresh, course.folder("release"))
        if not only_check:
            _write(changes, fresh, course.folder("release"), overwrite)
        return changes


def generate(course: Course, destination: Path) -> None:
    """Have nbgrader write every assignment's release below `destination`, and no gradebook."""
    elsewhere = Course(course.root, release_directory=str(destination))
    elsewhere.config.GenerateAssignment.no_database = True
    elsewhere.config.SaveCells.enabled = False
    for name in course.assignments():
        result = elsewhere.api.generate_assignment(name, force=True, create=False)
        if not result["success"]:
            raise ReleaseError(f"{name}: nbgrader could not make the release: {reason(result)}")


def reason(result: dict[str, str]) -> str:
    """The line of nbgrader's log or traceback that says why something failed."""
    text = f"{result.get('log', '')}\n{result.get('error', '')}"
    raised = re.findall(r"^\s*((?:\w+\.)*\w*(?:Error|Exception|Timeout|Exit)\b.*)$", text, re.M)
    named = [
        line for line in raised if "NbGraderException" not in line and "SystemExit" not in line
    ]
    logged = re.findall(r"^\[(?:ERROR|CRITICAL)\] (.*)$", text, re.M)
    return (named[-1:] or logged[:1] or raised[-1:] or ["no reason was given"])[0][:300]


def source_problems(notebook: NotebookNode) -> list[str]:
    """What is wrong with the solution cells of a source notebook."""
    problems = []
    for cell in notebook.cells:
        solution = cell.metadata.get("nbgrader", {}).get("solution", False)
        open_ = False
        regions = 0
        for line in cell.source.splitlines():
            text = line.strip()
            if text == BEGIN:
                problems += [f"cell {cell.id}: {BEGIN} twice without an end"] if open_ else []
                open_, regions = True, regions + 1
            elif text == END:
                problems += [] if open_ else [f"cell {cell.id}: {END} without a beginning"]
                open_ = False
            elif _almost_a_marker(text, code=cell.cell_type == "code"):
                problems.append(f"cell {cell.id}: {text!r} is no marker, and would stay in")
        if open_:
            problems.append(f"cell {cell.id}: {BEGIN} without an end")
        if regions and not solution:
            problems.append(f"cell {cell.id}: a solution in a cell that is not marked as one")
        if solution and not regions:
            problems.append(f"cell {cell.id}: a solution cell without {BEGIN}")
    return problems


def _almost_a_marker(text: str, code: bool = True) -> bool:
    """A line that somebody meant as a marker, of solutions or of anything else nbgrader cuts.

    In code, every comment with three # is suspect; in text, that is a heading.
    """
    if not text.startswith("#"):
        return False
    words = text.lstrip("# ").upper()
    if code and (text.startswith("###") or re.match(r"(BEGIN|END)\b", words)):
        return True
    meant = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN TESTS", "END HIDDEN TESTS",
             "BEGIN MARK SCHEME", "END MARK SCHEME")  # fmt: skip
    return any(difflib.SequenceMatcher(None, words, word).ratio() > 0.7 for word in meant)


def task_problems(notebook: NotebookNode, assignment: str) -> list[str]:
    """Where a source notebook and the tasks of its chapter do not say the same."""
    wanted = {f'check("{task.id}")': task for task in tasks.chapter(assignment.split("-")[0])}
    problems, names = [], set()
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        names |= set(re.findall(r"^(?:def|class) (\w+)", cell.source, re.MULTILINE))
        if not meta.get("grade"):
            continue
        task = wanted.pop(cell.source.strip(), None)
        if task is None:
            problems.append(f"cell {cell.id}: {cell.source!r} checks no task of this chapter")
        elif meta["points"] != task.points:
            problems.append(f"cell {cell.id}: {meta['points']} points, the task has {task.points}")
        elif task.name not in names:
            problems.append(f"cell {cell.id}: no cell before it defines {task.name}")
        elif meta["grade_id"] != cell.id:
            problems.append(f"cell {cell.id}: its grade_id is {meta['grade_id']}")
    problems += [f"{task.id} is not in the notebook" for task in wanted.values()]
    return problems


def solution_lines(source: Path) -> dict[str, str]:
    """Every telling line between solution markers below `source`, and where it stands.

    A line that the notebook's author also shows outside the markers tells nothing.
    """
    lines: dict[str, str] = {}
    for file in sorted(source.glob("*/*.ipynb")):
        inside, hidden, shown = False, {}, set()
        for cell in _read(file).cells:
            for line in map(str.strip, cell.source.splitlines()):
                if line in (BEGIN, END):
                    inside = line == BEGIN
                elif not inside:
                    shown.add(line)
                elif len(line) >= TELLING and not re.match(r"#|return \w+$", line):
                    hidden[line] = f"{file.parent.name}, cell {cell.id}"
        lines |= {line: where for line, where in hidden.items() if line not in shown}
    return lines


def leaks(source: Path, released: Path) -> list[str]:
    """What is in a release that must not be: solutions, markers, outputs, files of other kinds."""
    problems = []
    telling = solution_lines(source)
    for file in sorted(path for path in released.rglob("*") if path.is_file()):
        name = file.relative_to(released)
        if file.suffix != ".ipynb":
            problems.append(f"{name}: only notebooks are released")
            continue
        for cell in _read(file).cells:
            if cell.cell_type == "code" and (cell.outputs or cell.execution_count):
                problems.append(f"{name}, cell {cell.id}: it has outputs")
            if cell.metadata.get("nbgrader", {}).get("solution") and STUB not in cell.source:
                problems.append(f"{name}, cell {cell.id}: nothing was taken out of it")
            for line in map(str.strip, cell.source.splitlines()):
                if line in telling:
                    problems.append(f"{name}, cell {cell.id}: {line!r} is from {telling[line]}")
                elif cell.cell_type == "code" and _almost_a_marker(line):
                    problems.append(f"{name}, cell {cell.id}: the marker {line!r} is left")
    return problems


def _read(file: Path) -> NotebookNode:
    return nbformat.read(file, as_version=4)


def compare(fresh: Path, released: Path) -> list[Change]:
    """What has to change in `released` so that it is equal to `fresh`."""
    new = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
    old = {path.relative_to(released) for path in released.rglob("*") if path.is_file()}
    old = {path for path in old if ".ipynb_checkpoints" not in path.parts}
    changes = [Change("removed", str(path)) for path in sorted(old - new)]
    changes += [
        Change("changed" if path in old else "new", str(path))
        for path in sorted(new)
        if path not in old or not filecmp.cmp(fresh / path, released / path, shallow=False)
    ]
    return changes


def _write(changes: list[Change], fresh: Path, released: Path, overwrite: bool) -> None:
    lost = [change.path for change in changes if _has_answers(released / change.path)]
    if lost and not overwrite:
        raise ReleaseError(
            f"{released.name}/{lost[0]} holds answers that would be lost: move it away, or say "
            "--overwrite"
        )
    for change in changes:
        target = released / change.path
        if change.what == "removed":
            target.unlink()
            if not any(target.parent.iterdir()):
                target.parent.rmdir()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(fresh / change.path, target)


def _has_answers(file: Path) -> bool:
    """Has somebody worked in this exercise? Then an answer cell is no longer blank."""
    if file.suffix != ".ipynb" or not file.exists():
        return False
    try:
        cells = _read(file).cells
    except Exception:  # not even a notebook: nothing to lose
        return False
    answers = [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("solution")]
    return any(STUB not in cell.source for cell in answers)
