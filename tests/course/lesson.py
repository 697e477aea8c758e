"""What the tests of the lessons share: reading one, running it, and the form that every chapter has.

Each test_lesson_NN.py has a class `TestLesson(lesson.EveryLesson)`, which tests that form, and functions of
its own for what the lesson says. conftest.py gives both `number` and `executed`.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
import pytest

from course import links
from course.lab.questions import predictions, questions
from docs import figures

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = ("What breaks in production", "Key takeaway", "Quiz", "Interview questions", "Read next")


def path(number: str) -> Path:
    (found,) = (ROOT / "course").glob(f"{number}-*.ipynb")
    return found


def read(number: str) -> Any:
    return nbformat.read(path(number), as_version=4)


def code(number: str) -> list[Any]:
    return [cell for cell in read(number).cells if cell.cell_type == "code"]


def prose(number: str) -> str:
    return "\n\n".join(c.source for c in read(number).cells if c.cell_type == "markdown")


def chapter(number: str) -> dict[str, Any]:
    listed = tomllib.loads((ROOT / "course/chapters.toml").read_text(encoding="utf-8"))["chapter"]
    return next(entry for entry in listed if entry["number"] == number)


execute = figures.execute


def printed(notebook: Any, cell_id: str) -> str:
    (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
    return "".join(out.text for out in cell.outputs if out.output_type == "stream")


def check_run(notebook: Any) -> None:
    """No error and no warning."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", cell.id
            assert output.get("name") != "stderr", f"{cell.id}: {output.text}"


def check_clean(number: str) -> None:
    """Committed without outputs, with readable ids of its own for every cell."""
    notebook = read(number)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for cell in notebook.cells:
        assert re.fullmatch(r"[a-z][a-z0-9-]{1,40}", cell.id)
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


def check_form(number: str, picture: int = 0, folded: int = 4, able: int | None = None) -> None:
    """Title, box, headings in their order, takeaway, interview questions.

    The heading at `picture` is the picture, and at least so many answers are `folded`. Of what the learner
    will be able to do, the first `able` characters are those of chapters.toml, or all.
    """
    text, entry = prose(number), chapter(number)
    assert text.startswith(f"# {number} · {entry['title']}\n")
    box = re.search(r"^> \*\*You will be able to\*\* (.+)\n>\n> \*\*Time\*\* (\d+) min", text, re.M)
    assert box is not None and "**Needs**" in text
    assert box[1].replace("`", "")[:able] == entry["able"][:able]
    assert int(box[2]) == entry["minutes"]
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert headings[picture].startswith("The picture: ")
    assert tuple(headings[-5:]) == SECTIONS
    takeaway = text.split("## Key takeaway\n")[1].split("##")[0]
    assert len(re.findall(r"[.!?](?=\s)", takeaway)) == 2
    answers = re.findall(r"<details><summary>.+?</summary>\n\n(.+?)\n+</details>", text, re.S)
    assert len(answers) >= folded and all(len(answer.split()) > 20 for answer in answers)
    assert len(answers) == text.count("<details>") == text.count("</details>")


def check_pictures(number: str, widgets: str, least: int) -> None:
    """Each of these widgets, named as in `A|B`, is followed by what to see."""
    cells = read(number).cells
    pictures = [
        i
        for i, cell in enumerate(cells)
        if cell.cell_type == "code" and re.search(rf"^({widgets})\(", cell.source, re.M)
    ]
    assert len(pictures) >= least
    for i in pictures:
        assert cells[i + 1].source.startswith("*What to see.*"), cells[i].id


def check_minutes(number: str, shortest: int = 20, off: float = 0.2) -> None:
    """200 words a minute for text, 4 seconds a line of code, and time to think about each question."""
    asked = [q.ask + " ".join(o.text for o in q.options) for q in questions(number)]
    words = len(prose(number).split()) + sum(len(text.split()) for text in asked)
    lines = sum(bool(line.strip()) for cell in code(number) for line in cell.source.splitlines())
    minutes = words / 200 + lines / 15 + 0.5 * len(predictions(number)) + 0.4 * len(asked)
    assert shortest <= minutes <= 45
    assert minutes == pytest.approx(chapter(number)["minutes"], rel=off)


def check_figures(notebook: Any, number: str) -> None:
    """Every figure in the text has a cell or a reason, and docs/figures.md says which."""
    made = figures.Lesson(number, notebook)
    assert made.open == []
    written = figures.sections(figures.PAGE.read_text(encoding="utf-8"))
    section = made.section().splitlines()
    old = [line for line in written[number].splitlines() if line not in section]
    new = [line for line in section if line not in written[number].splitlines()]
    assert (old, new) == ([], []), f"run `{figures.COMMAND} {number}`"
    assert written[number].splitlines() == section, f"run `{figures.COMMAND} {number}`"


def check_links(number: str, least: int = 5) -> None:
    """Every link leads to a file of the course, and so many or more to the line that they name."""
    text = prose(number)
    targets = re.findall(r"\[[^\]]+\]\(([^)]+)\)", text)
    for target in targets:
        assert not target.startswith(("http", "/")), target
        assert (ROOT / "course" / unquote(target).partition("#")[0]).is_file(), target
    lines = list(links.LINK.finditer(text))
    assert len(lines) == sum("#line=" in target for target in targets) >= least
    assert list(links.stale_links(path(number))) == [], "python -m course.links --fix"


def check_neighbours(number: str) -> None:
    """The exercise is linked, and the next chapter named; linked if its lesson is there."""
    text, following = prose(number), chapter(f"{int(number) + 1:02}")
    (exercise,) = re.findall(r"\*\*Exercise:\*\* \[[^\]]+\]\(\.\./(exercises/[^)]+)\)", text)
    assert exercise == chapter(number)["exercise"]
    assert exercise.split("/")[1] == path(number).stem
    last = text.split("**Next chapter:**")[1]
    assert last.lstrip(" [").startswith(f"{following['number']} · {following['title']}")
    if "lesson" in following:
        assert f"]({Path(following['lesson']).name})" in last


def check_questions(number: str, telling: str = "", together: int = 0) -> None:
    """Predictions are asked once, each right before the cell that tells; the quiz gives reasons.

    No cell that tells begins with one of the names in `telling`, as in `A|B`. So many predictions as
    `together` says are followed by another one, and answered with it.
    """

    def used(widget: str) -> list[str]:
        calls = re.compile(rf'^{widget}\("([^"]+)"\)$', re.M)
        return [name for cell in code(number) for name in calls.findall(cell.source)]

    asked = used("Predict")
    assert sorted(asked) == sorted(f"{number}.{key}" for key in predictions(number))
    assert all(one.why.strip() for one in predictions(number).values())
    cells = read(number).cells
    asking = [i for i, cell in enumerate(cells) if "Predict(" in cell.source]
    assert len(asking) == len(asked)
    assert sum(i + 1 in asking for i in asking) == together
    for i in asking:
        assert cells[i + 1].cell_type == "code", cells[i].id
        tells = next(cell for cell in cells[i + 1 :] if "Predict(" not in cell.source)
        assert not re.match(rf"(Quiz{'|' if telling else ''}{telling})\(", tells.source), tells.id
    assert used("Quiz") == [number]
    assert len(questions(number)) >= 5
    for question in questions(number):
        texts = [option.text for option in question.options]
        assert len(set(texts)) == len(texts) >= 3
        assert all(len(option.why.split()) >= 5 for option in question.options)
        assert all(option.why.rstrip().endswith((".", ")")) for option in question.options)


class EveryLesson:
    """The form of a chapter, tested. A lesson that differs says so by these."""

    pictures: str
    """The widgets that draw, as in `A|B`."""
    least = 2
    """So many of them, at least."""
    also_drawn = ""
    """What else is a picture, no widget at the beginning of a line: a pattern."""
    later: str
    """What belongs to a later chapter: a pattern."""
    picture = 0
    """Which heading is that of the picture."""
    folded = 4
    """So many answers to interview questions, at least."""
    together = 0
    """So many predictions are followed by another one."""
    linked = 5
    """So many links into the engine, at least."""
    shortest = 20
    """It takes so many minutes, at least."""
    off = 0.2
    """By which share chapters.toml may promise another time."""
    able: int | None = None
    """How much of what the learner will be able to do is said in the words of chapters.toml: characters."""

    def test_it_runs_without_an_error_and_without_a_warning(self, executed: Any) -> None:
        check_run(executed)

    def test_it_is_committed_clean(self, number: str) -> None:
        check_clean(number)

    def test_it_has_the_form_of_a_chapter(self, number: str) -> None:
        check_form(number, self.picture, self.folded, self.able)

    def test_every_picture_says_what_to_see(self, number: str) -> None:
        drawing = f"{self.pictures}|{self.also_drawn}" if self.also_drawn else self.pictures
        check_pictures(number, drawing, self.least)

    def test_the_time_that_is_promised_is_the_time_it_takes(self, number: str) -> None:
        check_minutes(number, self.shortest, self.off)

    def test_every_figure_in_the_text_is_shown_by_a_cell(self, executed: Any, number: str) -> None:
        check_figures(executed, number)

    def test_every_link_leads_to_a_file_and_to_the_line_it_names(self, number: str) -> None:
        check_links(number, self.linked)

    def test_exercise_and_next_chapter_are_named(self, number: str) -> None:
        check_neighbours(number)

    def test_every_question_is_asked_once_and_has_its_reasons(self, number: str) -> None:
        check_questions(number, self.pictures, self.together)

    def test_nothing_of_a_later_chapter_is_used(self, number: str) -> None:
        for cell in code(number):
            assert not re.search(self.later, cell.source), cell.id
