"""Whole notebooks in a sandbox: solutions, blanks, what they show, and nbgrader's step."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from nbgrader.utils import determine_grade, is_grade

from graders.sandbox import preprocess
from graders.sandbox.execute import NotGraded, cleaned, run_notebook
from graders.sandbox.jail import Jail, NoSandbox

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted(path.relative_to(ROOT) for path in (ROOT / "solutions").glob("*/*.ipynb"))
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII="


def read(path: Path) -> Any:
    return nbformat.read(ROOT / path, as_version=4)


def scores(notebook: Any) -> list[tuple[float, float]]:
    """What nbgrader makes of every graded cell."""
    return [
        determine_grade(cell)
        for cell in notebook.cells
        if cell.cell_type == "code" and is_grade(cell)
    ]


@pytest.mark.sandbox
@pytest.mark.parametrize("path", NOTEBOOKS, ids=str)
def test_a_solution_gets_full_marks_and_a_blank_none(path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("GRADERS_SEED", "some class")
    solved = read(path)
    with Jail() as jail:
        reports = run_notebook(solved, jail)
        assert all(report.status == "passed" for report in reports.values())
        assert [got for got, _ in scores(solved)] == [most for _, most in scores(solved)]
        blank = read(Path("exercises") / path.relative_to("solutions"))
        run_notebook(blank, jail)
        assert {got for got, _ in scores(blank)} == {0.0}
    nbformat.validate(solved)
    nbformat.validate(blank)


@pytest.mark.sandbox
def test_nbgraders_step_shares_a_jail_and_starts_it_again() -> None:
    step = preprocess.SandboxedExecute()
    first = preprocess.shared_jail()
    assert preprocess.shared_jail() is first
    notebook, _ = step.preprocess(read(NOTEBOOKS[0]), {})
    assert all(got == most for got, most in scores(notebook))
    first.close()
    assert preprocess.shared_jail() is not first


def test_without_a_sandbox_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preprocess, "unavailable", lambda: "bubblewrap is not installed")
    monkeypatch.setattr(preprocess, "_jails", {})
    with pytest.raises(NoSandbox, match="not run without a sandbox: bubblewrap is not installed"):
        preprocess.SandboxedExecute().preprocess(read(NOTEBOOKS[0]), {})


@pytest.mark.sandbox
def test_a_graded_cell_is_never_run_and_must_be_the_courses() -> None:
    notebook = read(NOTEBOOKS[0])
    graded = next(cell for cell in notebook.cells if cell.cell_type == "code" and is_grade(cell))
    for source in ("3", 'check("01.rank.rank_of"); 3', 'check("99.no.such")', ""):
        forged = copy.deepcopy(notebook)
        next(cell for cell in forged.cells if cell.id == graded.id).source = source
        with Jail() as jail, pytest.raises(NotGraded, match="checks no task"):
            run_notebook(forged, jail)


@pytest.mark.sandbox
def test_program_text_that_an_answer_makes_runs_in_the_sandbox(tmp_path: Path) -> None:
    """Exercise 05 asks for a program as text, which has to be run: never here."""
    notebook = read(Path("solutions/05-tracing/tracing.ipynb"))
    cell = next(cell for cell in notebook.cells if cell.id == "answer-to-python")
    mark = tmp_path / "run here"
    program = f"open({str(mark)!r}, 'w')\ndef program(*args):\n    return 0.0\n"
    cell.source = f"def to_python(steps, output, n_inputs):\n    return {program!r}\n"
    with Jail() as jail:
        reports = run_notebook(notebook, jail)
    assert reports["check-to-python"].points == 0 and not mark.exists()
    assert "FileNotFoundError" in reports["check-to-python"].text()
    assert all(r.status == "passed" for name, r in reports.items() if name != "check-to-python")


@pytest.mark.sandbox
def test_a_notebook_keeps_what_its_cells_show() -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[new_code_cell("print('a')\n6 * 7"), new_code_cell("1 / 0"), new_code_cell("")]
    )
    with Jail() as jail:
        assert run_notebook(notebook, jail) == {}
    shown, failed, empty = (cell.outputs for cell in notebook.cells)
    assert shown[0].text == "a\n" and shown[1].data == {"text/plain": "42"}
    assert failed[0].ename == "ZeroDivisionError" and empty == []
    nbformat.validate(notebook)


def test_of_claimed_outputs_only_text_and_pictures_are_kept() -> None:
    def kept(*outputs: Any) -> list[Any]:
        found, _ = cleaned(list(outputs), 10**6, 1)
        return found

    script = "<script>window.owned = 1</script>"
    for data in (
        {"text/html": script},
        {"image/svg+xml": "<svg/>"},
        {"image/png": script},
        {"image/png": 3},
        [],
    ):
        assert kept({"output_type": "display_data", "data": data}) == []
    for output in (3, None, [], {}, {"output_type": "stream", "name": "stdin", "text": "x"},
                   {"output_type": "update_display_data", "data": {"text/plain": "x"}}):  # fmt: skip
        assert kept(output) == []
    (picture,) = kept(
        {"output_type": "display_data", "data": {"image/png": PNG, "text/html": script}}
    )
    assert picture.data == {"image/png": PNG}
    (error,) = kept({"output_type": "error", "ename": 3, "evalue": None, "traceback": "no list"})
    assert (error.ename, error.evalue, error.traceback) == ("", "", [])
    assert kept({"output_type": "stream", "name": "stdout", "text": "x" * 10**6}) == []
    assert cleaned("no list", 10, 1) == ([], 10)
