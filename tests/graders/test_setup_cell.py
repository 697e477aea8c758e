"""An exercise that is opened without the course around it says what is missing, in one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
SAYS = (
    "ModuleNotFoundError: This notebook needs the course that it came with: type `make lab` in the "
    "course's folder, and open the notebook from there."
)
EXERCISES = sorted((ROOT / "exercises").glob("*/*.ipynb"))


def set_up(file: Path) -> str:
    """The text of the cell that an exercise begins with."""
    cells = nbformat.read(file, as_version=4).cells
    return next(cell.source for cell in cells if cell.id == "setup")


@pytest.mark.parametrize("file", EXERCISES, ids=lambda file: file.stem)
def test_an_exercise_on_its_own_says_what_to_do(file: Path, tmp_path: Path) -> None:
    """In a Python with nothing but its own library, in an empty folder."""
    alone = [sys.executable, "-I", "-S", "-c", set_up(file)]
    done = subprocess.run(alone, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == SAYS, (
        "imports of a set-up cell stand in `try:`, as in exercises/01-rank-and-shape"
    )
    assert "During handling" not in done.stderr and "direct cause" not in done.stderr


@pytest.mark.parametrize("file", EXERCISES, ids=lambda file: file.stem)
def test_with_the_course_around_it_everything_is_there(file: Path) -> None:
    names: dict[str, object] = {}
    exec(set_up(file), names)
    assert callable(names["check"]) and callable(names["hint"])


def test_there_are_exercises() -> None:
    assert len(EXERCISES) >= 3
