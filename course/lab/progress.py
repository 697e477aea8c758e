"""ProgressMap: the chapters of the course, and how far the learner has come. Plain HTML, no kernel.

It reads the progress store and nothing else: a chapter is done when every graded task in it has
full marks there. Links are relative to `course/`, where the start page and the lessons are.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import PurePosixPath
from typing import Any

from course.chapters import Chapter, Part, load, next_chapter
from course.lab.base import asset
from graders import store

_ICONS = {
    "done": '<circle cx="9" cy="9" r="8" class="disc"/><path d="M5 9.5l3 3 5-6" class="tick"/>',
    "started": '<circle cx="9" cy="9" r="7.2"/><path d="M9 2a7 7 0 0 1 0 14z" class="half"/>',
    "to do": '<circle cx="9" cy="9" r="7.2"/>',
    "to come": '<circle cx="9" cy="9" r="7.2" stroke-dasharray="2.5 2.5"/>',
}


def link(path: str, text: str, **attributes: str) -> str:
    """A link from a notebook in `course/` to a file of the project."""
    parts = PurePosixPath(path).parts
    relative = "/".join(parts[1:]) if parts[0] == "course" else "../" + path
    more = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<a href="{escape(relative, quote=True)}"{more}>{escape(text)}</a>'


class ProgressMap:
    """The map of the course: `ProgressMap()` as the last line of a cell. Run it again to update."""

    def __init__(self) -> None:
        self.parts: list[Part] = load()
        self.results: Mapping[str, Any] = store.read()

    def to_html(self) -> str:
        """The map as HTML that needs no script and no kernel."""
        rows = "".join(self._part(part) for part in self.parts)
        return (
            f"<style>{asset('progress.css')}</style>"
            f'<div class="txm-map">{self._overall()}{rows}{self._key()}</div>'
        )

    def _repr_html_(self) -> str:
        return self.to_html()

    def __repr__(self) -> str:
        lines = [self._count()]
        for part in self.parts:
            lines.append(f"Part {part.number} {part.title}")
            for chapter in part.chapters:
                lines.append(f"  {chapter.number} {chapter.title}: {self._words(chapter)}")
        return "\n".join(lines)

    def _chapters(self) -> list[Chapter]:
        return [chapter for part in self.parts for chapter in part.chapters]

    def _totals(self) -> tuple[int, int]:
        chapters = self._chapters()
        return sum(c.solved(self.results) for c in chapters), sum(len(c.tasks) for c in chapters)

    def _count(self) -> str:
        solved, tasks = self._totals()
        states = [chapter.state(self.results) for chapter in self._chapters()]
        here = len(states) - states.count("to come")
        done = states.count("done")
        return f"{solved} of {tasks} graded tasks solved, {done} of {here} chapters done"

    def _overall(self) -> str:
        solved, tasks = self._totals()
        percent = 100 * solved / tasks if tasks else 0
        return (
            f'<div class="top">{_emblem()}<div class="sum"><div class="count">{self._count()}</div>'
            f'<div class="bar" role="img" aria-label="{percent:.0f} percent">'
            f'<div style="width: {percent:.1f}%"></div></div></div>{self._next()}</div>'
        )

    def _next(self) -> str:
        chapter = next_chapter(self.parts, self.results)
        if chapter is None:
            return '<div class="next">Every chapter that is here is done.</div>'
        path, what = chapter.lesson, "lesson"
        if f"{chapter.number}.quiz" in self.results and chapter.exercise:
            path, what = chapter.exercise, "exercise"
        verb = "Go on with" if self.results else "Start with"
        assert path is not None  # next_chapter gives only chapters that are there
        text = f"{verb} the {what}: {chapter.number} {chapter.title}"
        return f'<div class="next">{link(path, text)}<span>{chapter.minutes} minutes</span></div>'

    def _part(self, part: Part) -> str:
        cards = "".join(self._card(chapter) for chapter in part.chapters)
        return (
            f'<div class="part"><div class="name"><span>Part {part.number}</span>'
            f"<strong>{escape(part.title)}</strong><em>{escape(part.about)}</em></div>"
            f'<div class="cards">{cards}</div></div>'
        )

    def _words(self, chapter: Chapter) -> str:
        state = chapter.state(self.results)
        if state == "started":
            return f"{chapter.solved(self.results)} of {len(chapter.tasks)} tasks solved"
        return state

    def _card(self, chapter: Chapter) -> str:
        state, words = chapter.state(self.results), self._words(chapter)
        links = []
        if chapter.lesson:
            links.append(link(chapter.lesson, "Lesson", **{"class": "lesson"}))
        if chapter.exercise:
            links.append(link(chapter.exercise, "Exercise", **{"class": "exercise"}))
        about = f"{words} · {chapter.minutes} min" if chapter.lesson else words
        return (
            f'<div class="card {state.replace(" ", "-")}" data-chapter="{chapter.number}">'
            f'<div class="head"><span class="number">{chapter.number}</span>'
            f"<strong>{escape(chapter.title)}</strong>{_icon(state)}</div>"
            f'<div class="able">{escape(chapter.able[0].upper() + chapter.able[1:])}</div>'
            f'<div class="foot"><span>{about}</span><span class="links">{" ".join(links)}</span>'
            "</div></div>"
        )

    def _key(self) -> str:
        items = "".join(f"<span>{_icon(state)} {state}</span>" for state in _ICONS)
        return f'<div class="key">{items}</div>'


def _emblem() -> str:
    """The six points of y = 2x - 1, and the line through them."""
    x, y = (lambda value: 18 + 12 * value), (lambda value: 54 - 4.6 * (value + 3))
    points = "".join(f'<circle cx="{x(i)}" cy="{y(2 * i - 1):.1f}" r="2.6"/>' for i in range(-1, 5))
    line = f'<path d="M{x(-1.4):.1f} {y(-3.8):.1f}L{x(4.4):.1f} {y(7.8):.1f}"/>'
    axes = f'<path class="axes" d="M2 {y(0):.1f}H74M{x(0)} 2V62"/>'
    label = "six points on the line y = 2x - 1"
    return (
        f'<svg class="emblem" width="76" height="64" viewBox="0 0 76 64" role="img"'
        f' aria-label="{label}">{axes}{line}{points}</svg>'
    )


def _icon(state: str) -> str:
    return (
        f'<svg class="state {state.replace(" ", "-")}" width="18" height="18" viewBox="0 0 18 18"'
        f' role="img" aria-label="{state}">{_ICONS[state]}</svg>'
    )
