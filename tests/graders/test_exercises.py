"""The exercises: released without their solutions, the same every time, in step with the tasks."""

import contextlib
import doctest
import io
import re
import shutil

import nbformat
import pytest
from nbclient import NotebookClient

from graders import tasks
from graders.course import Course
from graders.release import (
    BEGIN,
    END,
    ReleaseError,
    leaks,
    release,
    solution_lines,
    source_problems,
    task_problems,
)

COURSE = Course()
SOURCES = sorted(COURSE.folder("source").glob("*/*.ipynb"))
RELEASED = sorted(COURSE.folder("release").glob("*/*.ipynb"))


def name(path):
    return path.parent.name


def read(path):
    return nbformat.read(path, as_version=4)


def run_in_process(path, other=None):
    """The names that the notebook's cells define, and the reports of its checks, in order.

    `other` has source for some cells, by id, to run in place of what stands in the notebook.
    """
    other = other or {}
    namespace, reports = {"__name__": "__main__"}, []
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in read(path).cells:
            if cell.cell_type != "code":
                continue
            if cell.metadata.get("nbgrader", {}).get("grade"):
                reports.append(eval(cell.source, namespace))
            else:
                exec(compile(other.get(cell.id, cell.source), f"{cell.id}.py", "exec"), namespace)
    return namespace, reports


@pytest.fixture
def copy(tmp_path):
    """A copy of the course whose source notebooks a test may spoil."""
    shutil.copy(COURSE.root / "nbgrader_config.py", tmp_path)
    shutil.copytree(COURSE.folder("source"), tmp_path / "solutions")
    return Course(tmp_path)


def spoil(course, change, file="01-rank-and-shape/rank-and-shape.ipynb", cell="answer-rank-of"):
    """Apply `change` to one cell of a source notebook."""
    path = course.folder("source") / file
    notebook = read(path)
    [found] = [each for each in notebook.cells if each.id == cell]
    change(found)
    nbformat.write(notebook, path)


def test_every_source_has_its_release_and_every_release_its_source():
    assert [name(path) for path in SOURCES] == [name(path) for path in RELEASED]
    assert len(SOURCES) == len(tasks.CHAPTERS)


def test_exercises_are_exactly_what_the_solutions_give():
    assert release(COURSE, only_check=True) == []


def test_a_release_written_twice_is_the_same_to_the_last_byte(copy):
    first = release(copy)
    assert {change.what for change in first} == {"new"}
    bytes_before = {p.name: p.read_bytes() for p in copy.folder("release").rglob("*.ipynb")}
    shutil.rmtree(copy.folder("release"))
    release(copy)
    bytes_after = {p.name: p.read_bytes() for p in copy.folder("release").rglob("*.ipynb")}
    assert bytes_before == bytes_after
    assert bytes_after == {p.name: p.read_bytes() for p in RELEASED}


def test_a_stale_file_is_removed_and_no_answer_is_overwritten(copy):
    release(copy)
    stale = copy.folder("release") / "02-gone" / "gone.ipynb"
    stale.parent.mkdir()
    stale.write_text("{}")
    assert [(c.what, c.path) for c in release(copy, only_check=True)] == [
        ("removed", "02-gone/gone.ipynb")
    ]
    assert stale.exists(), "a check must not write"
    release(copy)
    assert not stale.parent.exists()

    [exercise] = copy.folder("release").glob("05*/*.ipynb")
    worked_in = exercise.read_text().replace("raise NotImplementedError()", "return 1")
    exercise.write_text(worked_in)
    with pytest.raises(ReleaseError, match="answers that would be lost"):
        release(copy)
    assert exercise.read_text() == worked_in
    release(copy, overwrite=True)
    assert release(copy, only_check=True) == []


def test_no_line_of_a_solution_is_in_a_release_or_in_what_a_learner_can_import():
    telling = solution_lines(COURSE.folder("source"))
    assert len(telling) > 80
    assert leaks(COURSE.folder("source"), COURSE.folder("release")) == []
    package = COURSE.root / "graders"
    for file in package.rglob("*.py"):
        if "instructor" in file.parts:
            continue
        lines = {line.strip() for line in file.read_text(encoding="utf-8").splitlines()}
        assert not lines & telling.keys(), f"{file} holds a line of a solution"


@pytest.mark.parametrize("path", RELEASED, ids=name)
def test_a_release_has_no_outputs_and_the_ids_of_its_source(path):
    notebook, source = read(path), read(COURSE.folder("source") / name(path) / path.name)
    assert [cell.id for cell in notebook.cells] == [cell.id for cell in source.cells]
    assert all(re.fullmatch(r"[a-z][a-z0-9-]+", cell.id) for cell in notebook.cells)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
    assert BEGIN not in path.read_text() and END not in path.read_text()


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_points_and_tasks_are_those_of_the_notebook(path):
    assert source_problems(read(path)) == []
    assert task_problems(read(path), name(path)) == []
    wanted = {task.id: task.points for task in tasks.chapter(name(path)[:2])}
    found = {}
    for cell in read(path).cells:
        meta = cell.metadata.get("nbgrader", {})
        if meta.get("grade"):
            found[re.fullmatch(r'check\("(.+)"\)', cell.source)[1]] = meta["points"]
            assert meta["locked"] and not meta["solution"]
    assert found == wanted


@pytest.mark.parametrize("line", ["### BEGIN SOLUTON", "### BGIN SOLUTION", "# BEGIN SOLUTION",
                                  "###BEGIN SOLUTION", "### begin solution"])  # fmt: skip
def test_a_misspelt_beginning_stops_the_release(copy, line):
    spoil(copy, lambda cell: cell.update(source=cell.source.replace(BEGIN, line)))
    with pytest.raises(ReleaseError, match="answer-rank-of"):
        release(copy)
    assert not copy.folder("release").exists() or not any(copy.folder("release").iterdir())


@pytest.mark.parametrize("line", ["### END SOLUTIN", "### END", "# END SOLUTION", ""])
def test_a_misspelt_end_stops_the_release(copy, line):
    spoil(copy, lambda cell: cell.update(source=cell.source.replace(END, line)))
    with pytest.raises(ReleaseError, match="answer-rank-of"):
        release(copy)


@pytest.mark.parametrize("line", ["### BEGIN HIDDEN TEST", "### BEGIN MARK SCHEM", "# END MARKS"])
def test_another_misspelt_marker_stops_the_release(copy, line):
    spoil(copy, lambda cell: cell.update(source=f"{cell.source}\n{line}\n"))
    with pytest.raises(ReleaseError, match="would stay in"):
        release(copy)


def test_a_solution_repeated_in_plain_text_stops_the_release(copy):
    line = "nested = nested[0] if nested else None"
    assert line in solution_lines(copy.folder("source"))
    spoil(copy, lambda cell: cell.update(source=f"{cell.source}\n{line}"), cell="intro")
    # shown outside the markers by the author: then it is no secret any more
    assert line not in solution_lines(copy.folder("source"))
    other = "05-tracing/tracing.ipynb"
    shutil.rmtree(copy.folder("source"))
    shutil.copytree(COURSE.folder("source"), copy.folder("source"))
    spoil(copy, lambda cell: cell.update(source=f"{cell.source}\n{line}"), other, "intro")
    with pytest.raises(ReleaseError, match="is from 01-rank-and-shape"):
        release(copy)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda cell: cell.metadata.nbgrader.update(points=9), "9 points, the task has 2"),
        (lambda cell: cell.update(source='check("01.rank.size_of")'), "not in the notebook"),
        (lambda cell: cell.update(source="assert True"), "checks no task"),
        (lambda cell: cell.metadata.nbgrader.update(grade_id="other"), "grade_id is other"),
    ],
)
def test_a_notebook_that_disagrees_with_its_tasks_stops_the_release(copy, change, says):
    def every(cell):
        change(cell)

    spoil(copy, every, cell="check-rank-of")
    problems = task_problems(read(next(copy.folder("source").glob("01*/*.ipynb"))), "01-rank")
    assert any(says in problem for problem in problems), problems
    with pytest.raises(ReleaseError):
        release(copy)


def test_other_files_beside_a_solution_are_not_released(copy):
    folder = copy.folder("source") / "01-rank-and-shape"
    (folder / "rank-and-shape.py").write_text("# the solution as text")
    (folder / "notes").mkdir()
    (folder / "notes" / "secret.txt").write_text("secret")
    release(copy)
    assert {p.suffix for p in copy.folder("release").rglob("*") if p.is_file()} == {".ipynb"}


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_the_solution_gets_full_marks_and_its_examples_are_true(path):
    namespace, reports = run_in_process(path)
    for report in reports:
        assert (report.status, report.points) == ("passed", report.max_points), report.text()
    examples = 0
    for task in tasks.chapter(name(path)[:2]):
        obj = namespace[task.name]
        parser = doctest.DocTestParser()
        test = parser.get_doctest(obj.__doc__, dict(namespace), task.name, None, None)
        result = doctest.DocTestRunner(verbose=False).run(test)
        assert result.failed == 0
        examples += result.attempted
    assert examples >= len(reports)


@pytest.mark.parametrize("path", RELEASED, ids=name)
def test_the_blank_notebook_scores_exactly_zero(path):
    _, reports = run_in_process(path)
    assert len(reports) >= 3
    for report in reports:
        assert (report.status, report.points, repr(report)) == ("not started", 0, "0")


@pytest.mark.parametrize("path", RELEASED, ids=name)
def test_every_task_is_checked_alone(path):
    """With every other answer blank it still gets full marks, but for the one point that the
    notebook says needs the Tracer."""
    source = {
        cell.id: cell.source
        for cell in read(COURSE.folder("source") / name(path) / path.name).cells
    }
    for task in tasks.chapter(name(path)[:2]):
        mine = f"answer-{task.name.replace('_', '-').lower()}"
        _, reports = run_in_process(path, {mine: source[mine]})
        [report] = [each for each in reports if each.task == task.id]
        needs = 1 if task.id == "05.tracing.trace" else 0
        assert report.points == task.points - needs, report.text()
        assert all(each.points == 0 for each in reports if each is not report)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_solution_notebook_runs_headless_without_an_error(path, tmp_path):
    notebook = read(path)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    for cell in notebook.cells:
        if not cell.metadata.get("nbgrader", {}).get("grade"):
            continue
        [output] = cell.outputs
        assert output.output_type == "execute_result"
        assert float(output.data["text/plain"]) == cell.metadata.nbgrader["points"]
        assert "passed" in output.data["text/html"]


def test_answers_cannot_be_imported_where_a_learner_works(tmp_path):
    """A plain kernel's path does not lead to them, and the package refuses its other name."""
    source = (
        "try:\n    import answers\nexcept ModuleNotFoundError as error:\n    print(error)\n"
        "try:\n    import graders.instructor.answers\nexcept ImportError as error:\n    print(error)"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = "".join(output.text for output in notebook.cells[0].outputs)
    assert "No module named 'answers'" in said and "import root of their own" in said


def test_no_task_depends_on_a_later_chapter(monkeypatch):
    """Checking chapter 01 imports the modules of chapter 01 alone."""
    import sys

    for module in [m for m in sys.modules if m.startswith("graders.tasks.ch")]:
        monkeypatch.delitem(sys.modules, module)
    tasks.find("01.rank.rank_of")
    loaded = {m for m in sys.modules if m.startswith("graders.tasks.ch")}
    assert loaded and all(m.startswith("graders.tasks.ch01") for m in loaded)
