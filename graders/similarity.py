"""Answers of a class that are alike, for a person to look at. It judges nobody.

The comparison is copydetect's, the method of MOSS (Schleimer, Wilkerson and Aiken, "Winnowing",
SIGMOD 2003): comments, layout and the names of variables and functions do not count. What the
assignment gave is taken out before. What many in the class wrote says nothing about two of them,
so that is left out, too: a short task has few right answers, and honest ones are alike.
"""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from itertools import combinations
from pathlib import Path
from typing import Any

from graders import export
from graders.course import Course, CourseError
from graders.uploads import Limits

KGRAM, WINDOW, LENGTH = 30, 8, 60
"""Alike is what agrees in KGRAM characters, names counted as one each; what agrees in KGRAM +
WINDOW - 1 is found for certain. Less than LENGTH in all is nothing to look at."""
LEAST = 0.5
COMMON = 0.2
FEW, MANY = 3, 30
"""What more than COMMON of the class wrote is everybody's: never FEW students, always MANY."""
HELP = (
    "Look at these. Two answers can be alike because two people worked together, read the same "
    "page, or had the same idea: the report cannot know, and nothing follows from it alone."
)


@dataclass(frozen=True)
class Answers:
    """What one student wrote for one assignment: the cells, without what was given."""

    student: str
    lines: tuple[str, ...]
    where: tuple[str, ...] = field(repr=False)
    """For every line, the cell that it is from."""

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


@dataclass(frozen=True)
class Pair:
    """Two students, how much of what the one with less to compare wrote is alike, and the lines."""

    assignment: str
    first: Answers
    second: Answers
    share: float
    lines: tuple[tuple[int, ...], tuple[int, ...]]
    """The numbers of the lines that are alike, from 0, of the first and of the second."""

    @property
    def cells(self) -> list[str]:
        """The answers that the lines are from."""
        return list(dict.fromkeys(self.first.where[line] for line in self.lines[0]))


def compare(
    course: Course,
    assignment: str,
    least: float = LEAST,
    common: float = COMMON,
    step: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[list[Pair], list[str]]:
    """The pairs of one assignment in which at least `least` of the shorter one is alike, most
    alike first; and the students whose notebook could not be read.

    `step` is told how many pairs are compared, and of how many. Raises: CourseError without
    copydetect.
    """
    try:
        from copydetect import CodeFingerprint, compare_files
        from copydetect.utils import get_token_coverage
    except ImportError as error:
        raise CourseError("copydetect is not installed: run `make similarity`") from error
    given = _given(course, assignment)
    prints: list[tuple[Answers, Any]] = []
    unread = []
    for folder in sorted(course.folder("submitted").glob(f"*/{assignment}")):
        answers = _answers(folder, given)
        if answers is None:
            unread.append(folder.parent.name)
            continue
        found = CodeFingerprint(
            answers.student, KGRAM, WINDOW, language="python", fp=io.StringIO(answers.text)
        )
        prints.append((answers, found))
    seen = Counter(mark for _, found in prints for mark in found.hashes)
    most = max(FEW, min(common * len(prints), MANY))
    everybodys = {mark for mark, count in seen.items() if count > most}
    for _, found in prints:
        found.hashes -= everybodys
        own = {mark: found.hash_idx[mark] for mark in found.hashes}
        found.token_coverage = get_token_coverage(own, KGRAM, len(found.filtered_code))
    holders: dict[int, list[int]] = {}
    for place, (_, found) in enumerate(prints):
        for mark in found.hashes:
            holders.setdefault(mark, []).append(place)
    todo = sorted({pair for some in holders.values() for pair in combinations(some, 2)})
    pairs = []
    for done, (one, other) in enumerate(todo):
        step(done, len(todo))
        (first, left), (second, right) = prints[one], prints[other]
        length, shares, slices = compare_files(left, right)
        share = min(1.0, float(max(shares)))
        lines = tuple(
            _lines(answers, *spans) for answers, spans in zip((first, second), slices, strict=True)
        )
        if share >= least and length >= LENGTH and all(lines):
            pairs.append(Pair(assignment, first, second, share, (lines[0], lines[1])))
    step(len(todo), len(todo))
    return sorted(pairs, key=lambda p: (-p.share, p.first.student, p.second.student)), unread


def _lines(answers: Answers, starts: Any, ends: Any) -> tuple[int, ...]:
    """The lines that spans of characters touch, but for empty ones and comments."""
    text, found = answers.text, set()
    for start, end in zip(starts, ends, strict=True):
        first = text.count("\n", 0, int(start))
        last = text.count("\n", 0, max(int(start), int(end) - 1))
        found |= set(range(first, last + 1))
    code = [n for n, line in enumerate(answers.lines) if line.split("#")[0].strip()]
    return tuple(n for n in code if n in found)


def _given(course: Course, assignment: str) -> set[str]:
    """Every line that the assignment gave out, without its indentation."""
    lines: set[str] = set()
    for file in sorted((course.folder("release") / assignment).glob("*.ipynb")):
        for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
            lines |= {line.strip() for line in "".join(cell["source"]).splitlines()}
    if not lines:
        raise CourseError(f"exercises/{assignment} is not there: run `make release`")
    return lines


def _answers(folder: Path, given: set[str]) -> Answers | None:
    """The code of a student's notebooks, with blank lines for what was given; None if unread."""
    lines, where = [], []
    for file in sorted(folder.glob("*.ipynb")):
        for name, source in _cells(file) or []:
            for line in (*source.splitlines(), ""):
                lines.append("" if line.strip() in given else line)
                where.append(name)
    return Answers(folder.parent.name, tuple(lines), tuple(where)) if lines else None


def _cells(file: Path) -> list[tuple[str, str]] | None:
    """The code cells of a notebook, by name. Nothing in it is believed, followed or run."""
    try:
        if file.is_symlink() or not file.is_file() or file.stat().st_size > Limits.file_bytes:
            return None
        found = []
        for place, cell in enumerate(json.loads(file.read_bytes())["cells"], start=1):
            source = cell["source"]
            text = source if isinstance(source, str) else "".join(source)
            if cell["cell_type"] == "code":
                made = cell.get("metadata", {}).get("nbgrader", {}).get("grade_id")
                found.append((str(made or f"cell {place}"), text))
        return found
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def write(course: Course, pairs: list[Pair], assignments: list[str]) -> Path:
    """grading/similarity/: pairs.csv, and a page of each assignment with the lines side by side.

    Returns the folder. Pages of assignments that were not compared stay as they are.
    """
    folder = course.grading / "similarity"
    folder.mkdir(parents=True, exist_ok=True)
    head: export.Row = ["assignment", "student", "other", "alike", "lines", "cells"]
    rows = [head]
    for pair in pairs:
        names: export.Row = [pair.assignment, pair.first.student, pair.second.student]
        rows.append([*names, round(pair.share, 3), len(pair.lines[0]), " ".join(pair.cells)])
    export.save(folder / "pairs.csv", rows)
    for assignment in assignments:
        half = folder / ".half"
        own = [pair for pair in pairs if pair.assignment == assignment]
        half.write_text(_page(assignment, own), encoding="utf-8")
        os.replace(half, folder / f"{assignment}.html")
    return folder


STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 78em; padding: 0 1em; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; margin: .5em 0 2em; }
th, td { border: 1px solid #ddd; padding: .4em .6em; text-align: left; vertical-align: top; }
pre { margin: 0; overflow-x: auto; font-size: 13px; } mark { background: #fff3c4; }
.where { color: #616161; font-size: 12px; }
"""


def _page(assignment: str, pairs: list[Pair]) -> str:
    """Text only: nothing that a student wrote can become markup."""
    parts = [
        "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'>",
        "<meta http-equiv='Content-Security-Policy' "
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>Alike: {escape(assignment)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(assignment)}</h1><p>{escape(HELP)}</p>",
        "" if pairs else "<p>No two are alike beyond what many wrote.</p>",
    ]
    for pair in pairs:
        names = [escape(each.student) for each in (pair.first, pair.second)]
        parts += [
            f"<h2>{names[0]} and {names[1]}</h2>",
            f"<p>{pair.share:.0%} of the shorter one is alike; marked below.</p>",
            f"<table><tr><th>{names[0]}</th><th>{names[1]}</th></tr><tr>",
            *(f"<td>{_marked(answers, lines)}</td>"
              for answers, lines in zip((pair.first, pair.second), pair.lines, strict=True)),
            "</tr></table>",
        ]  # fmt: skip
    return "\n".join([*parts, "</body></html>\n"])


def _marked(answers: Answers, lines: tuple[int, ...]) -> str:
    """The cells with alike lines, those lines marked."""
    wanted = dict.fromkeys(answers.where[line] for line in lines)
    parts = []
    for cell in wanted:
        own = [n for n, where in enumerate(answers.where) if where == cell]
        rows = [
            f"<mark>{escape(answers.lines[n])}</mark>" if n in lines else escape(answers.lines[n])
            for n in own
            if answers.lines[n].strip()
        ]
        parts.append(f"<div class='where'>{escape(cell)}</div><pre>{chr(10).join(rows)}</pre>")
    return "".join(parts)
