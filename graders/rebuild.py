"""A clean notebook for grading: the assignment's own, with a learner's answers put into it.

Of a submission nothing is kept but text: that of its answer cells, and of the cells the learner
added. Metadata, cell order, checks, outputs and attachments are the assignment's own or gone, so
nothing that somebody edited in the file reaches nbgrader or a browser. graders/intake.py fetches
the bytes; read that first.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from nbformat import NotebookNode

from graders.release import STUB
from graders.show import clean, show

MAX_CELLS = 1_000
MAX_CELL_CHARACTERS = 100_000
"""A longer cell counts as blank. The longest solution of this course has some 2,000 characters."""
MAX_CHARACTERS = 1_000_000
"""Of all cells that count, together. Outputs are none of them."""
MAX_NOTES = 20
FACTS = ("grade_id", "grade", "solution", "locked", "task", "points", "schema_version", "cell_type")
"""What nbgrader keeps about a cell, and a submission might want to change."""
DEFINED = re.compile(r"^(?:def|class) (\w+)", re.MULTILINE)
FENCED = re.compile(r"(`{3,})\n(.*)\n\1", re.DOTALL)
UNSAFE = re.compile("[\x00\ud800-\udfff]")
"""Neither a file nor a kernel takes these: NUL, and halves of surrogate pairs."""


class Refused(Exception):
    """A submission that cannot be graded. The message says why, to a person."""


class Notes:
    """What was changed in a submission, in short sentences, each once and not too many."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.more = 0
        self.unread: set[str] = set()
        """The grade_ids of checks whose answer could not be read: a person has to look at these."""

    def add(self, note: str) -> None:
        note = one_line(note, 300)
        if note in self.kept:
            return
        if len(self.kept) < MAX_NOTES:
            self.kept.append(note)
        else:
            self.more += 1

    def all(self) -> tuple[str, ...]:
        return (*self.kept, f"and {self.more} more") if self.more else tuple(self.kept)


@dataclass(frozen=True)
class Cell:
    """The parts of a submitted cell that are looked at; all of them have the type they should."""

    kind: str
    source: str
    id: str = ""
    readable: bool = True
    """Was its text one, of a length that somebody may have written?"""
    facts: dict[str, Any] = field(default_factory=dict)
    """nbgrader's metadata, as the submission has it."""

    @property
    def grade_id(self) -> str:
        return str(self.facts.get("grade_id", ""))


def one_line(text: str, width: int = 80) -> str:
    """Text from a submission, fit for a table and a terminal."""
    return clean(" ".join(text.split()), width=width, lines=1)


def rebuild(data: bytes, released: NotebookNode, notes: Notes) -> NotebookNode:
    """The clean notebook from the bytes of a submitted one. What was changed goes to the notes.

    Answers are found by their grade_id; where a tool has stripped the metadata, by the cell's id
    or by the function that it defines. The learner's own cells stay behind the cell of the
    assignment that they stood behind: code as code, text as text that no browser takes for HTML,
    anything else is dropped.

    Raises: Refused when it is no notebook, or one that is too large.
    """
    document = _parsed(data, notes)
    cells = list(_cells(document, notes))
    if sum(len(cell.source) for cell in cells if cell.readable) > MAX_CHARACTERS:
        raise Refused(f"its cells hold more than {MAX_CHARACTERS:,} characters")
    _compare_notebooks(document, released, notes)
    return _Rebuilt(cells, released, notes).notebook()


def _parsed(data: bytes, notes: Notes) -> dict[str, Any]:
    """The bytes as a JSON object, whatever they are."""
    encoding = json.detect_encoding(data)
    if encoding != "utf-8":
        notes.add("the file begins with a byte order mark" if encoding == "utf-8-sig"
                  else f"the file is written in {encoding}")  # fmt: skip
    try:
        document = json.loads(data.decode(encoding), parse_constant=lambda name: None)
    except UnicodeDecodeError as error:
        raise Refused(f"it is not a text in UTF-8: byte {error.start:,} is wrong") from None
    except RecursionError:
        raise Refused("it does not appear to be JSON: it is nested too deeply") from None
    except ValueError as error:  # also a number with too many digits
        raise Refused(f"it does not appear to be JSON: {one_line(str(error), 120)}") from None
    if not isinstance(document, dict):
        raise Refused("it is JSON, but not a notebook")
    return document


def _cells(document: dict[str, Any], notes: Notes) -> Iterator[Cell]:
    """The cells of a notebook in format 4 or 3, as far as they are cells."""
    version = document.get("nbformat")
    if version == 4:
        listed = document.get("cells")
    elif version == 3:
        notes.add("the notebook is in format 3, of 2013")
        sheets = document.get("worksheets")
        sheets = sheets if isinstance(sheets, list) else []
        inner = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
        listed = [cell for cells in inner if isinstance(cells, list) for cell in cells]
    else:
        raise Refused(f"it is no notebook in format 4 or 3: its nbformat is {_shown(version)}")
    if not isinstance(listed, list):
        raise Refused("it is no notebook: it has no list of cells")
    if len(listed) > MAX_CELLS:
        raise Refused(f"it has {len(listed):,} cells; at most {MAX_CELLS:,} are read")
    for place, found in enumerate(listed, start=1):
        if isinstance(found, dict):
            yield _cell(found, place, notes)
        else:
            notes.add(f"cell {place} is {_shown(found)} and no cell: left out")


def _cell(found: dict[str, Any], place: int, notes: Notes) -> Cell:
    kind, name = found.get("cell_type"), found.get("id")
    kind = one_line(kind, 20) if isinstance(kind, str) else "nameless"
    source = found.get("source", found.get("input"))  # "input" in format 3
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    readable = isinstance(source, str) and len(source) <= MAX_CELL_CHARACTERS
    if not isinstance(source, str):
        notes.add(f"cell {place} has no text")
        source = ""
    if "\r" in source:
        notes.add("its cells have Windows line ends")
        source = source.replace("\r\n", "\n").replace("\r", "\n")
    if UNSAFE.search(source):
        notes.add(f"cell {place} has characters that are none, replaced by \ufffd")
        source = UNSAFE.sub("\ufffd", source)
    if found.get("attachments"):
        notes.add(f"the attachments of cell {place} are left out")
    metadata = found.get("metadata")
    facts = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    facts = dict(facts) if isinstance(facts, dict) else {}
    if not isinstance(facts.get("grade_id", ""), str):
        notes.add(f"the grade_id of cell {place} is {_shown(facts.pop('grade_id'))}")
    return Cell(
        "markdown" if kind == "heading" else kind,  # format 3 had headings
        source,
        name if isinstance(name, str) else "",
        readable,
        facts,
    )


def _compare_notebooks(document: dict[str, Any], released: NotebookNode, notes: Notes) -> None:
    """The assignment's kernel and language are used whatever the submission says; a note if it
    says something else."""
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        notes.add("the notebook has no metadata")
        return
    for key, what in (("kernelspec", "kernel"), ("language_info", "language")):
        given, own = metadata.get(key), released.metadata.get(key)
        name = given.get("name") if isinstance(given, dict) else None
        if own and name is not None and name != own["name"]:
            notes.add(f"its {what} is {_shown(name)}: graded with {own['name']}")


class _Rebuilt:
    """One submission on its way into the released notebook."""

    def __init__(self, cells: list[Cell], released: NotebookNode, notes: Notes) -> None:
        self.released, self.notes = copy.deepcopy(released), notes
        self.by_grade_id = {
            cell.metadata.nbgrader.grade_id: place
            for place, cell in enumerate(self.released.cells)
            if "nbgrader" in cell.metadata
        }
        own = list(enumerate(self.released.cells))
        self.by_id = {cell.id: place for place, cell in own if "id" in cell}
        self.by_text = {cell.source.strip(): place for place, cell in own if cell.source.strip()}
        self.by_definition = {
            name: place
            for place, cell in own
            if cell.metadata.get("nbgrader", {}).get("solution")
            for name in DEFINED.findall(cell.source)
        }
        self.count = 0
        self.given: dict[int, list[Cell]] = {}
        """The submitted cells for each cell of the assignment, by its place."""
        self.own: dict[int, list[Cell]] = {}
        """The learner's own cells, by the place that they stand behind."""
        self._sort(cells)

    def _sort(self, cells: list[Cell]) -> None:
        grade_ids = {cell.grade_id for cell in cells}
        ids = grade_ids | {cell.id for cell in cells}
        behind, furthest, in_order = -1, -1, True
        for cell in cells:
            place = self.by_grade_id.get(cell.grade_id)
            if place is None and not cell.grade_id:
                place = self._stripped(cell, grade_ids, ids)
            if place is None:
                if cell.grade_id:
                    self.notes.add(f"no cell of the assignment is called {_shown(cell.grade_id)}")
                self.own.setdefault(behind, []).append(cell)
                continue
            self._compare(cell, place)
            if place not in self.given:
                in_order = in_order and place > furthest
                behind = furthest = place
            self.given.setdefault(place, []).append(cell)
        if not in_order:
            self.notes.add("its cells are in another order: graded in the assignment's")

    def _stripped(self, cell: Cell, grade_ids: set[str], ids: set[str]) -> int | None:
        """Where a cell without a grade_id belongs, if it is one of the assignment's at all."""
        place = self.by_text.get(cell.source.strip())
        if place is not None:
            return place
        place, how = self.by_id.get(cell.id), "its id"
        if place is None and cell.kind == "code":
            defined = (self.by_definition.get(name) for name in DEFINED.findall(cell.source))
            place = next((each for each in defined if each is not None), None)
            how = "what it defines"
        if place is None:
            return None
        own = self.released.cells[place]
        if "nbgrader" in own.metadata:
            if own.metadata.nbgrader.grade_id in (ids if how == "what it defines" else grade_ids):
                return None  # that one is there, under its own name
            self.notes.add(f"{own.id} has lost its grade_id, and is known by {how}")
        return place

    def _compare(self, cell: Cell, place: int) -> None:
        """Note what a submitted cell says about itself that is not so."""
        own = self.released.cells[place]
        name = own.get("id", "")
        if cell.kind != own.cell_type:
            self.notes.add(f"{name} is a {cell.kind} cell, and {own.cell_type} in the assignment")
        facts = own.metadata.get("nbgrader", {})
        for key in FACTS:
            if key in cell.facts and cell.facts[key] != facts.get(key):
                given, meant = _shown(cell.facts[key]), _shown(facts.get(key))
                self.notes.add(f"{name}: {key} is {given}, and {meant} in the assignment")

    def notebook(self) -> NotebookNode:
        cells = self._added(-1)
        for place, cell in enumerate(self.released.cells):
            given = self.given.get(place, [])
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
            if cell.metadata.get("nbgrader", {}).get("solution"):
                cells += self._answered(cell, given)
            else:
                self._unchanged(cell, given)
                cells.append(cell)
            cells += self._added(place)
        self.released.cells = cells
        return self.released

    def _answered(self, cell: NotebookNode, given: list[Cell]) -> list[NotebookNode]:
        """The answer cell with its answer: the last one that is not blank, where there are several.

        What else there is under the same grade_id runs before it, as the learner's own: splitting
        a cell in JupyterLab makes two with one grade_id, and both halves are meant.
        """
        name = cell.metadata.nbgrader.grade_id
        if not given:
            self.notes.add(f"{name} is missing: counts as blank")
        if len(given) > 1:
            self.notes.add(f"{name} is there {len(given)} times: the last that is not blank counts")
        for each in given:
            if len(each.source) > MAX_CELL_CHARACTERS:
                most = f"only up to {MAX_CELL_CHARACTERS:,} are graded"
                self.notes.add(f"{name} has {len(each.source):,} characters: {most}")
        readable = [each for each in given if each.readable]
        if not readable:
            self.notes.unread |= self._checks_of(cell) if given else set()
            return [cell]
        given = readable
        written = [_written(each.source, cell) for each in given]
        chosen = max(range(len(given)), key=lambda i: (written[i], i))
        source = given[chosen].source
        others = {
            each.source: each
            for each, how in zip(given[:chosen], written, strict=False)
            if how and each.source != source
        }
        if written[chosen]:
            cell.source = source if cell.cell_type == "code" else fenced(source)
        return [*(self._plain(each, cell.cell_type) for each in others.values()), cell]

    def _checks_of(self, answer: NotebookNode) -> set[str]:
        """The grade_ids of the answer itself, where it is graded, and of the checks behind it."""
        found, behind = set(), False
        for cell in self.released.cells:
            facts = cell.metadata.get("nbgrader", {})
            behind = cell is answer or (behind and not facts.get("solution"))
            if behind and facts.get("grade"):
                found.add(facts.grade_id)
        return found

    def _unchanged(self, cell: NotebookNode, given: list[Cell]) -> None:
        """Any other cell is as the assignment has it."""
        name = cell.get("id", "")
        if not given and "nbgrader" in cell.metadata:
            self.notes.add(f"{name} is missing: put back")
        if len(given) > 1:
            self.notes.add(f"{name} is there {len(given)} times, and once in the assignment")
        if any(each.source.rstrip() != cell.source.rstrip() for each in given):
            self.notes.add(f"{name} is not as in the assignment, whose own counts")

    def _added(self, place: int) -> list[NotebookNode]:
        """The learner's own cells behind this place of the assignment."""
        cells = []
        for cell in self.own.get(place, []):
            if not cell.source.strip():
                continue
            if len(cell.source) > MAX_CELL_CHARACTERS:
                self.notes.add(f"an added cell of {len(cell.source):,} characters is left out")
            elif cell.kind in ("code", "markdown"):
                cells.append(self._plain(cell, cell.kind))
            else:
                self.notes.add(f"an added {cell.kind} cell is left out")
        return cells

    def _plain(self, cell: Cell, kind: str) -> NotebookNode:
        """A cell of the learner's own: text, and nothing else of it."""
        self.count += 1
        while f"own-{self.count}" in self.by_id:
            self.count += 1
        made: dict[str, Any] = {"cell_type": kind, "id": f"own-{self.count}", "metadata": {}}
        if kind == "code":
            made |= {"source": cell.source, "outputs": [], "execution_count": None}
        else:
            made["source"] = fenced(cell.source)
        return NotebookNode(made, metadata=NotebookNode())


def _written(source: str, released: NotebookNode) -> int:
    """How much of an answer this is: 0 blank, 1 the stub is still in it, 2 written."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    if released.cell_type == "code":
        lines = [line for line in lines if line[0] != "#"]
    if not lines or source.strip() == released.source.strip():
        return 0
    return 1 if STUB in lines else 2


def fenced(text: str) -> str:
    """Text as Markdown that shows it letter by letter: no HTML, no link, no formula in it works.

    The fence is longer than any in the text, so that nothing in it can end it. Text that is in
    such a fence already stays as it is.
    """
    inside = FENCED.fullmatch(text)
    if inside and inside[1] not in inside[2]:
        return text
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _shown(value: Any) -> str:
    return one_line(show(value), 60)
