"""The map of the course: the list of chapters, their states, and the start page."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from course import chapters, start_page
from course.lab import ProgressMap
from course.lab.questions import QUIZZES
from graders import store, tasks
from graders.store import Result

ROOT = Path(chapters.__file__).resolve().parents[1]
PARTS = {
    "I": range(3),
    "II": range(3, 5),
    "III": range(5, 8),
    "IV": range(8, 13),
    "V": range(13, 19),
}


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PROGRESS_FILE", str(tmp_path / "attempts.jsonl"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))


def result(points: float, worth: float = 1) -> Result:
    return Result(points, worth, 1, datetime.now(tz=UTC))


def every_chapter() -> list[chapters.Chapter]:
    return [chapter for part in chapters.load() for chapter in part.chapters]


def test_nineteen_chapters_in_five_parts() -> None:
    parts = {part.number: [int(c.number) for c in part.chapters] for part in chapters.load()}
    assert parts == {number: list(numbers) for number, numbers in PARTS.items()}


@pytest.mark.parametrize("chapter", every_chapter(), ids=lambda c: c.number)
def test_what_a_chapter_names_is_there(chapter: chapters.Chapter) -> None:
    for path in (chapter.lesson, chapter.exercise):
        if path is not None:
            assert (ROOT / path).is_file(), path
    assert bool(chapter.lesson) == (f"{chapter.number}.quiz" in chapter.tasks)
    if chapter.lesson:
        assert (QUIZZES / f"{chapter.number}.toml").is_file()
        assert Path(chapter.lesson).name == f"{chapter.number}-{chapter.slug}.ipynb"
    assert bool(chapter.exercise) == (len(chapter.tasks) > 1)
    assert chapter.able[0].islower() and chapter.able.endswith(".")
    assert chapter.minutes > 0


def test_the_tasks_of_a_chapter_are_its_quiz_and_those_that_are_graded() -> None:
    named = {c.number: set(c.tasks) - {f"{c.number}.quiz"} for c in every_chapter() if c.tasks}
    graded = {number: {task.id for task in tasks.chapter(number)} for number in tasks.CHAPTERS}
    assert {number: ids for number, ids in named.items() if ids} == graded


def test_every_lesson_is_on_the_map() -> None:
    lessons = {path.name for path in (ROOT / "course").glob("[0-9][0-9]-*.ipynb")}
    named = {Path(chapter.lesson).name for chapter in every_chapter() if chapter.lesson}
    assert lessons == named


def test_the_state_of_a_chapter_follows_its_tasks() -> None:
    chapter = chapters.Chapter(
        "42", "x", "X", "I", 5, "do it.", "course/42-x.ipynb", None, ("42.quiz", "42.x.a")
    )
    assert chapter.state({}) == "to do"
    assert chapter.state({"41.quiz": result(1)}) == "to do"
    assert chapter.state({"42.quiz": result(0)}) == "started"
    assert chapter.state({"42.quiz": result(1)}) == "started"
    assert chapter.state({"42.quiz": result(1), "42.x.a": result(1, 2)}) == "started"
    assert chapter.state({"42.quiz": result(1), "42.x.a": result(2, 2)}) == "done"
    assert chapters.Chapter("43", "y", "Y", "I", 5, "do it.").state({}) == "to come"


def solve(chapter: chapters.Chapter) -> None:
    for task in chapter.tasks:
        store.record(task, 1, 1)


def test_the_next_step_moves_on_as_chapters_are_done() -> None:
    here = [chapter for chapter in every_chapter() if chapter.lesson]
    page = ProgressMap().to_html()
    assert f"Start with the lesson: 00 {here[0].title}" in page
    for done, following in pairwise(here):
        solve(done)
        page = ProgressMap().to_html()
        assert f"Go on with the lesson: {following.number} {following.title}" in page
    solve(here[-1])
    page = ProgressMap().to_html()
    assert "Every chapter that is here is done" in page
    assert f"{len(here)} of {len(here)} chapters done" in page


def test_after_the_quiz_the_next_step_is_the_exercise() -> None:
    chapter = next((c for c in every_chapter() if c.exercise), None)
    assert chapter is not None
    for earlier in every_chapter():
        if earlier.number < chapter.number:
            solve(earlier)
    store.record(f"{chapter.number}.quiz", 1, 1)
    page = ProgressMap().to_html()
    assert f"Go on with the exercise: {chapter.number}" in page
    assert f'href="../{chapter.exercise}"' in page


def test_links_lead_from_the_start_page_to_files_that_exist() -> None:
    links = re.findall(r'href="([^"]+)"', ProgressMap().to_html())
    assert len(links) >= 5
    for target in links:
        assert not target.startswith(("/", "http"))
        assert (ROOT / "course" / target).resolve().is_file(), target


def test_the_map_in_words_has_every_chapter() -> None:
    store.record("00.quiz", 1, 4)
    words = repr(ProgressMap())
    assert words.startswith("0 of ")
    assert "00 Five-minute win: 0 of" in words
    assert "18 Capstone: to come" in words


def test_the_start_page_is_valid_signed_and_shows_the_map_unrun(tmp_path: Path) -> None:
    file = tmp_path / "start.ipynb"
    start_page.write(file)
    page = nbformat.read(file, as_version=4)
    nbformat.validate(page)
    assert NotebookNotary().check_signature(page)
    assert 'class="txm-map"' in page.cells[-1].outputs[0].data["text/html"]
    assert [cell.id for cell in page.cells] == ["welcome", "progress-map"]
    assert "00-five-minute-win.ipynb" in page.cells[0].source


def test_writing_the_start_page_again_shows_new_progress(tmp_path: Path) -> None:
    file = tmp_path / "start.ipynb"
    start_page.write(file)
    before = nbformat.read(file, as_version=4).cells[-1].outputs[0].data["text/plain"]
    solve(every_chapter()[0])
    start_page.write(file)
    after = nbformat.read(file, as_version=4).cells[-1].outputs[0].data["text/plain"]
    assert "00 Five-minute win: to do" in before
    assert "00 Five-minute win: done" in after
