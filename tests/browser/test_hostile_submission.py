"""A submission that wants to run in the instructor's browser, in a real Chromium: it only shows.

Its payload would set a global. It sits in Markdown, in outputs and attachments of the file, in
metadata, in what the code shows while it is graded, and in a check that it has replaced.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from lab_driver import LabDriver
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENT, NOTEBOOK = "01-rank-and-shape", "rank-and-shape"
OWN = "window.__owned = 1"
SCRIPT = f"<script>{OWN}</script>"
IMAGE = f"<img src=x onerror='{OWN}'>"
SVG = f"<svg xmlns='http://www.w3.org/2000/svg' onload='{OWN}'><script>{OWN}</script></svg>"
EVERYTHING = f"{SCRIPT}{IMAGE}{SVG}<iframe srcdoc='<script>parent.{OWN}</script>'></iframe>"
MARKDOWN = f"""{EVERYTHING}

[a link](javascript:{OWN.replace(" ", "")}) and <a href="javascript:{OWN}">another</a>

$$x$${SCRIPT}$$\\href{{javascript:{OWN}}}{{y}}$$

```
</code></pre>{EVERYTHING}
```
{EVERYTHING}
"""
SHOWS = f"""from IPython.display import HTML, SVG, Javascript, Markdown, display
payload = {EVERYTHING!r}
display(HTML(payload), Javascript({OWN!r}), Markdown(payload), SVG({SVG!r}))
print(payload)
class Report:
    __repr__ = lambda self: "0"
    _repr_html_ = lambda self: '<p class="tx-what">replaced</p>' + payload
honest = check
check = lambda task: Report() if task == "01.rank.rank_of" else honest(task)
1 / 0  # {EVERYTHING}
"""
ANSWER = f"""def size_of(shape):  # {EVERYTHING}
    print({EVERYTHING!r})
    raise ValueError({EVERYTHING!r})
"""
RUNS = """() => [...document.querySelectorAll('#notebook-container *')].filter(
    each => ['SCRIPT', 'IFRAME', 'OBJECT', 'EMBED', 'FORM', 'BASE', 'LINK'].includes(each.tagName)
        || [...each.attributes].some(at => at.name.startsWith('on')
            || /^\\s*(javascript|data:(?!image.png))/i.test(at.value))
).map(each => each.outerHTML)"""
"""What stands in the notebook's part of a page and could run."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning"),
]


def hostile(file: Path) -> None:
    """Put the payload wherever a notebook has room for it, and nbgrader still takes it."""
    notebook: Any = nbformat.read(file, as_version=4)
    notebook.metadata.title = SCRIPT
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = MARKDOWN
            cell.attachments = {"x.svg": {"image/svg+xml": SVG}}
        else:
            cell.metadata.tags = [f'">{SCRIPT}']
            data = {"text/html": EVERYTHING, "image/svg+xml": SVG, "application/javascript": OWN}
            cell.outputs = [
                new_output("display_data", {kind: payload}) for kind, payload in data.items()
            ]
        if cell.id == "answer-size-of":
            cell.source = ANSWER
    own = new_markdown_cell(MARKDOWN + "![](attachment:x.svg)")
    own.attachments = {"x.svg": {"image/svg+xml": SVG}}
    notebook.cells[2:2] = [own, new_code_cell(SHOWS)]
    nbformat.write(notebook, file)


def with_a_strange_grade_id(file: Path) -> None:
    """And in a cell of its own that the assignment does not have; nbgrader alone stumbles there."""
    notebook: Any = nbformat.read(file, as_version=4)
    cell = new_code_cell("1")
    cell.metadata.nbgrader = {
        "grade_id": f'">{SCRIPT}', "grade": False, "solution": True, "locked": False,
        "schema_version": 3, "task": False}  # fmt: skip
    notebook.cells.append(cell)
    nbformat.write(notebook, file)


@pytest.fixture(scope="module")
def graded(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A JupyterLab with formgrader, in a course in which the hostile submission is graded: with the
    gate, and apart from it without (the page of feedback)."""
    sys.path.insert(0, str(ROOT / "graders" / "instructor"))
    import classroom
    from graders.grade import grade_class, submissions

    driver = LabDriver(chromium_path, tmp_path_factory.mktemp("hostile"))
    driver.root.mkdir()
    course = classroom.new_course(driver.root)
    file = classroom.hand_in(course, "mallory", ASSIGNMENT, "solved")
    hostile(file)
    stock = stock_feedback(course)
    with_a_strange_grade_id(file)
    [grade] = grade_class(course, submissions(course))
    assert not grade.problem
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(driver.root)
        with driver:
            yield driver, course, stock


def stock_feedback(course: Any) -> Path:
    """The feedback that nbgrader itself makes of the same file, without the gate."""
    from graders.course import Course

    stock = course.grading / "stock"
    stock.mkdir()
    bare = Course(
        course.root,
        submitted_directory="grading/submitted",
        release_directory="grading/stock/release",
        autograded_directory="grading/stock/autograded",
        feedback_directory="grading/stock/feedback",
        db_url=f"sqlite:///{stock / 'gradebook.db'}",
    )
    del bare.config["Autograde"], bare.config["GenerateFeedback"]
    for step, given in (
        (bare.api.generate_assignment, (ASSIGNMENT,)),
        (bare.api.autograde, (ASSIGNMENT, "mallory")),
        (bare.api.generate_feedback, (ASSIGNMENT, "mallory")),
    ):
        result = step(*given)
        assert result["success"], result
    [page] = stock.glob("feedback/mallory/*/*.html")
    return page


def test_without_the_gate_the_feedback_runs_the_payload(graded: Any) -> None:
    """So the tests below can fail."""
    driver, _, stock = graded
    driver.page.goto(stock.as_uri())
    assert driver.page.evaluate("window.__owned") == 1
    assert len(driver.page.evaluate(RUNS)) > 10


def assert_only_shown(driver: LabDriver) -> None:
    """Nothing ran, nothing could run when it is clicked, and the payload is there to be read."""
    driver.page.wait_for_load_state("load")
    assert driver.page.evaluate(RUNS) == []
    text = driver.page.locator("#notebook-container").first.inner_text()
    assert text.count(OWN) > 10
    assert "[a link](javascript:window.__owned=1)" in text
    driver.page.locator("#notebook-container").first.click(position={"x": 5, "y": 5})
    assert driver.page.evaluate("window.__owned") is None


def test_the_feedback_only_shows_it(graded: Any) -> None:
    driver, course, _ = graded
    [page] = (course.folder("feedback") / "mallory").rglob("*.html")
    driver.page.goto(page.as_uri())
    assert_only_shown(driver)


def test_formgrader_only_shows_it(graded: Any) -> None:
    driver, *_ = graded
    driver.page.goto(f"http://127.0.0.1:{driver.port}/formgrader/gradebook/{ASSIGNMENT}/{NOTEBOOK}")
    driver.page.locator("table tbody tr a").first.click()
    driver.page.locator("input.score").first.wait_for()
    assert_only_shown(driver)
    replaced = driver.page.locator("p.tx-what", has_text="replaced")
    assert replaced.count() <= 1, "a report that the submission made itself is text at most"
    honest = driver.page.locator(".tx-report.tx-wrong")
    assert honest.count() == 1 and "ValueError" in honest.inner_text()
