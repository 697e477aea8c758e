"""What the tests of the lessons share: reading one, running it, and the form that every chapter has."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
import pytest
from nbclient import NotebookClient

from course import links
from course.lab.questions import predictions, questions

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


def execute(number: str, folder: Path) -> Any:
    """The lesson with its outputs, run headless; its progress goes to `folder`."""
    notebook = read(number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_PROGRESS_FILE", str(folder / "attempts.jsonl"))
        where = {"metadata": {"path": str(ROOT / "course")}}
        NotebookClient(notebook, timeout=60, kernel_name="python3", resources=where).execute()
    return notebook


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
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for cell in notebook.cells:
        assert re.fullmatch(r"[a-z][a-z0-9-]{1,40}", cell.id)
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


def check_form(number: str) -> None:
    """Title, box, headings in their order, takeaway, interview questions."""
    text, entry = prose(number), chapter(number)
    assert text.startswith(f"# {number} · {entry['title']}\n")
    box = re.search(r"^> \*\*You will be able to\*\* (.+)\n>\n> \*\*Time\*\* (\d+) min", text, re.M)
    assert box is not None and "**Needs**" in text
    assert (box[1].replace("`", ""), int(box[2])) == (entry["able"], entry["minutes"])
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert any(heading.startswith("The picture: ") for heading in headings[:2])
    assert tuple(headings[-5:]) == SECTIONS
    takeaway = text.split("## Key takeaway\n")[1].split("##")[0]
    assert len(re.findall(r"[.!?](?=\s)", takeaway)) == 2
    answers = re.findall(r"<details><summary>.+?</summary>\n\n(.+?)\n+</details>", text, re.S)
    assert len(answers) >= 4 and all(len(answer.split()) > 20 for answer in answers)


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


def check_minutes(number: str) -> None:
    """200 words a minute for text, 4 seconds a line of code, and time to think about each question."""
    asked = [q.ask + " ".join(o.text for o in q.options) for q in questions(number)]
    words = len(prose(number).split()) + sum(len(text.split()) for text in asked)
    lines = sum(bool(line.strip()) for cell in code(number) for line in cell.source.splitlines())
    minutes = words / 200 + lines / 15 + 0.5 * len(predictions(number)) + 0.4 * len(asked)
    assert 20 <= minutes <= 45
    assert minutes == pytest.approx(chapter(number)["minutes"], rel=0.2)


def check_figures(notebook: Any, number: str, known: set[str]) -> None:
    """Every figure of two digits or more in the text stands in a cell or in what one shows."""
    without = r"\]\([^)]*\)|[Cc]hapters? \d\d|\(\d\d\)|\*\*(Time|Next chapter:)\*\*.*|^# .*"
    text = re.sub(without, "", prose(number))
    shown = ""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            shown += cell.source + "".join(out.get("text", "") for out in cell.outputs)
    groups = r"(?<=\d)[,_](?=\d{3})"
    there = set(re.findall(r"\d+", re.sub(groups, "", shown)))
    assert set(re.findall(r"\d{2,}", re.sub(groups, "", text))) - there <= known


def check_links(number: str) -> None:
    """Every link leads to a file, and five or more to the line that they name."""
    text = prose(number)
    targets = re.findall(r"\[[^\]]+\]\(([^)]+)\)", text)
    for target in targets:
        assert (ROOT / "course" / unquote(target).partition("#")[0]).is_file(), target
    lines = list(links.LINK.finditer(text))
    assert len(lines) == sum("#line=" in target for target in targets) >= 5
    assert list(links.stale_links(path(number))) == [], "python -m course.links --fix"


def check_neighbours(number: str) -> None:
    """The exercise is linked, and the next chapter named; linked if its lesson is there."""
    text, following = prose(number), chapter(f"{int(number) + 1:02}")
    (exercise,) = re.findall(r"\*\*Exercise:\*\* \[[^\]]+\]\(\.\./(exercises/[^)]+)\)", text)
    assert exercise == chapter(number)["exercise"]
    last = text.split("**Next chapter:**")[1]
    assert f"{following['number']} · {following['title']}" in last
    if "lesson" in following:
        assert f"]({Path(following['lesson']).name})" in last


def check_questions(number: str, telling: str = "") -> None:
    """Predictions are asked once, each right before the cell that tells; the quiz gives reasons.

    No cell that tells begins with one of the names in `telling`, as in `A|B`.
    """

    def used(widget: str) -> list[str]:
        calls = re.compile(rf'^{widget}\("([^"]+)"\)$', re.M)
        return [name for cell in code(number) for name in calls.findall(cell.source)]

    asked = used("Predict")
    assert sorted(asked) == sorted(f"{number}.{key}" for key in predictions(number))
    assert all(one.why for one in predictions(number).values())
    cells = code(number)
    for i, cell in enumerate(cells):
        if cell.source.startswith("Predict("):
            tells = next(c for c in cells[i + 1 :] if not c.source.startswith("Predict("))
            assert not re.match(rf"(Quiz{'|' if telling else ''}{telling})\(", tells.source), (
                cell.id
            )
    assert used("Quiz") == [number]
    assert len(questions(number)) >= 5
    for question in questions(number):
        texts = [option.text for option in question.options]
        assert len(set(texts)) == len(texts) >= 3
        assert all(len(option.why.split()) >= 5 for option in question.options)
