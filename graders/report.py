"""What the learner sees after a check: the same report as text and as HTML.

Its `repr` is the number of points and nothing else, because nbgrader reads partial credit from the
text form of the last expression of a grade cell.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from html import escape

from graders.beside import Shapes, Table
from graders.pictures import picture
from graders.style import CSS

WIDTH = 88
WORDS = {
    "passed": "passed",
    "partly": "partly there",
    "wrong": "not yet",
    "not started": "not started yet",
}
SIGNS = {"passed": "✓", "partly": "◐", "wrong": "✗", "not started": "○", "not run": "·"}


@dataclass(frozen=True)
class Line:
    """One class of inputs."""

    label: str
    state: str
    """passed, wrong or not run"""
    tried: int
    points: int = 0


@dataclass(frozen=True)
class Failure:
    """The smallest failing input, side by side: what was expected and what was got."""

    label: str
    input: str
    expected: str
    got: str
    what: str
    line: str = ""
    printed: str = ""
    device: str = ""
    compared: Table | Shapes | None = None
    """Where the two differ, when both are arrays or shapes."""


@dataclass(frozen=True, repr=False)
class Report:
    """The result of one check."""

    task: str
    name: str
    asks: str
    status: str
    points: float
    max_points: float
    lines: tuple[Line, ...] = ()
    failure: Failure | None = None
    likely: str = ""
    key: str = ""
    """Which misconception `likely` is; for tests and for counting, not shown."""
    total: str = ""
    notes: tuple[str, ...] = ()
    button: str = ""
    """The live button that checks again, as HTML; "" where there is no kernel to answer it."""

    def __repr__(self) -> str:
        return f"{self.points:g}"

    @property
    def next(self) -> str:
        return "" if self.status == "passed" else f'hint("{self.task}")'

    @property
    def score(self) -> str:
        unit = "point" if self.max_points == 1 else "points"
        return f"{self.points:g} of {self.max_points:g} {unit}"

    def text(self) -> str:
        """The report for a terminal."""
        rows = [f"{self.task}: {WORDS[self.status]}, {self.score}"]
        rows += _row("asked", self.asks)
        for line in self.lines:
            mark = {"passed": "ok", "wrong": "NOT YET"}.get(line.state, "not run")
            rows.append(f"  {mark:<9} {_label(line)}")
        if self.failure:
            rows += self._failure_text(self.failure)
        if self.likely:
            rows += _row("likely", self.likely)
        if self.next:
            rows += _row("next", self.next)
        rows += [row for note in (self.total, *self.notes) for row in textwrap.wrap(note, WIDTH)]
        return "\n".join(rows)

    @staticmethod
    def _failure_text(failure: Failure) -> list[str]:
        device = f" on {failure.device}" if failure.device else ""
        rows = [f"the smallest failing input{device}, of {failure.label}:"]
        rows += textwrap.indent(failure.input, "    ").split("\n")
        compared = failure.compared
        if isinstance(compared, Table):
            rows += _table_text(compared)
        else:
            rows += _beside("expected", failure.expected, "got", failure.got)
        if isinstance(compared, Shapes):
            rows += _row("so", compared.says)
        for head, text in (("so", failure.what), ("where", failure.line)):
            rows += _row(head, text) if text else []
        if failure.printed:
            rows += ["it printed:", *textwrap.indent(failure.printed, "    ").split("\n")]
        return rows

    def _repr_html_(self) -> str:
        parts = [
            f"<style>{CSS}</style>",
            f'<div class="tx-report tx-{self.status.replace(" ", "-")}">',
            f'<div class="tx-head"><span class="tx-sign">{SIGNS[self.status]}</span> '
            f"<strong>{_code(self.task)} {WORDS[self.status]}</strong>"
            f'<span class="tx-points">{self.score}</span></div>',
            f"<p>{_prose(self.asks)}</p>",
        ]
        if self.lines:
            items = "".join(
                f'<li class="tx-{line.state.replace(" ", "-")}">{SIGNS[line.state]} '
                f"{_prose(_label(line))}</li>"
                for line in self.lines
            )
            parts.append(f"<ul>{items}</ul>")
        if self.failure:
            parts.append(self._failure_html(self.failure))
        if self.likely:
            parts.append(f'<p class="tx-likely"><strong>Likely.</strong> {_prose(self.likely)}</p>')
        if self.next:
            parts.append(f"<p><strong>Next.</strong> {_code(self.next)}</p>")
        small = "<br>".join(escape(note) for note in (self.total, *self.notes) if note)
        parts.append(f'<p class="tx-small">{small}</p>{self.button}</div>')
        return "".join(parts)

    @staticmethod
    def _failure_html(failure: Failure) -> str:
        device = f" on {escape(failure.device)}" if failure.device else ""
        rows = [
            f"<p>The smallest failing input{device}, of <em>{_prose(failure.label)}</em>:</p>",
            f"<pre>{escape(failure.input)}</pre>",
        ]
        compared = failure.compared
        if isinstance(compared, Table):
            rows.append(_table_html(compared))
        else:
            rows.append(
                "<table><thead><tr><th>expected</th><th>got</th></tr></thead><tbody><tr>"
                f"<td><pre>{escape(failure.expected)}</pre></td>"
                f"<td><pre>{escape(failure.got)}</pre></td></tr></tbody></table>"
            )
        if isinstance(compared, Shapes):
            rows.append(picture(compared))
        if failure.what:
            rows.append(f'<p class="tx-what">{escape(failure.what)}</p>')
        if failure.line:
            rows.append(f"<p>In your code, {_code(failure.line)}</p>")
        if failure.printed:
            rows.append(f"<p>It printed:</p><pre>{escape(failure.printed)}</pre>")
        return "".join(rows)


def _label(line: Line) -> str:
    worth = f" (+{line.points})" if line.points else ""
    return f"{line.label}{worth}"


def _row(head: str, text: str) -> list[str]:
    return textwrap.wrap(f"{head:<9} {text}", WIDTH, subsequent_indent=" " * 10) or [head]


def _beside(left_head: str, left: str, right_head: str, right: str) -> list[str]:
    """Two texts in two columns, or one under the other when they are wide."""
    columns = [[left_head, *left.split("\n")], [right_head, *right.split("\n")]]
    wide = [max(map(len, column)) for column in columns]
    if sum(wide) + 8 > WIDTH:
        return [
            row
            for head, *lines in columns
            for row in (f"  {head}", *(f"    {line}" for line in lines))
        ]
    height = max(map(len, columns))
    for column in columns:
        column += [""] * (height - len(column))
    return [f"    {a:<{wide[0]}}    {b}".rstrip() for a, b in zip(*columns, strict=True)]


WORST, WRONG = "▶", "✗"
"""The signs of the worst element, and of others that are wrong, in HTML."""


def _table_text(table: Table) -> list[str]:
    """Both arrays as columns of numbers; >this< is the worst element, *these* are wrong too."""

    def lines(cells: tuple[tuple[str, ...], ...], marked: bool) -> str:
        texts = []
        for i, row in enumerate(cells):
            around = [
                ("> <" if (i, j) == table.worst else "* *" if (i, j) in table.wrong else "   ")
                if marked
                else "   "
                for j in range(len(row))
            ]
            texts.append([f"{a[0]}{cell}{a[2]}" for a, cell in zip(around, row, strict=True)])
        wide = [max(map(len, column)) for column in zip(*texts, strict=True)]
        return "\n".join(
            "".join(f"{cell:>{width}}" for cell, width in zip(row, wide, strict=True)).rstrip()
            for row in texts
        )

    marks = "> < marks the worst element" + (
        ", * * the others that are wrong" if len(table.wrong) > 1 else ""
    )
    return [
        *_beside("expected", lines(table.expected, False), "got", lines(table.got, True)),
        *_row("", f"{table.kind}; {marks}"),
        *_row("so", table.says),
    ]


def _table_html(table: Table) -> str:
    def grid(name: str, cells: tuple[tuple[str, ...], ...], marked: bool) -> str:
        rows = []
        for i, row in enumerate(cells):
            texts = []
            for j, cell in enumerate(row):
                at = (i, j)
                if marked and at == table.worst:
                    texts.append(f'<td class="tx-worst">{WORST} {escape(cell)}</td>')
                elif marked and at in table.wrong:
                    texts.append(f'<td class="tx-off">{WRONG} {escape(cell)}</td>')
                else:
                    texts.append(f"<td>{escape(cell)}</td>")
            rows.append(f"<tr>{''.join(texts)}</tr>")
        return f'<table class="tx-grid"><caption>{name}</caption><tbody>{"".join(rows)}</tbody></table>'

    others = f", {WRONG} the others that are wrong" if len(table.wrong) > 1 else ""
    return (
        f'<div class="tx-beside">{grid("expected", table.expected, False)}'
        f"{grid('got', table.got, True)}</div>"
        f'<p class="tx-small">{escape(table.kind)}; {WORST} marks the worst element{others}</p>'
        f"<p>{escape(table.says[:1].upper() + table.says[1:])}</p>"
    )


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _prose(text: str) -> str:
    """Escaped text in which `this` becomes code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(parts))
