"""Hostile submissions get what they deserve, keep what they have earned elsewhere, and stop nobody."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from attacks import ATTACKS, POINTS, TASK, Attack

from graders.check import effort_for
from graders.sandbox.execute import run_notebook
from graders.sandbox.jail import Jail, Limits

pytestmark = pytest.mark.sandbox
ROOT = Path(__file__).resolve().parents[2]
SOLVED = nbformat.read(
    ROOT / "solutions" / "01-rank-and-shape" / "rank-and-shape.ipynb", as_version=4
)
LIMITS = Limits(memory=512 << 20, total=1 << 30, disk=8 << 20, files=200, processes=24, cpu=20)


@pytest.fixture(scope="module")
def jail() -> Iterator[Jail]:
    with Jail(LIMITS) as jail:
        yield jail


def quick(task: Any) -> Any:
    """As at submission, with less patience."""
    return replace(effort_for(task), call_seconds=0.4, total_seconds=2.0)


def graded(notebook: Any, jail: Jail) -> dict[str, float]:
    reports = run_notebook(notebook, jail, quick, cell_seconds=0.5)
    return {name: report.points for name, report in reports.items()}


def full_marks() -> dict[str, float]:
    cells = (cell.metadata.get("nbgrader", {}) for cell in SOLVED.cells)
    return {meta["grade_id"]: meta["points"] for meta in cells if meta.get("grade")}


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(
            attack,
            id=f"{attack.kind}: {attack.name}",
            marks=[] if i % 3 == 0 else pytest.mark.slow,
        )
        for i, attack in enumerate(ATTACKS)
    ],
)
def test_an_attack_gains_nothing_and_costs_only_itself(attack: Attack, jail: Jail) -> None:
    hostile = copy.deepcopy(SOLVED)
    cell = next(cell for cell in hostile.cells if cell.id == "answer-shape-of")
    cell.source = attack.source
    got, most = graded(hostile, jail), full_marks()
    assert got[TASK] == attack.points
    if attack.spoils:
        assert all(got[name] <= most[name] for name in most)
    else:
        assert got == most | {TASK: attack.points}
    kinds = {mime for c in hostile.cells if c.id != TASK for out in c.get("outputs", ())
             if not c.id.startswith("check-") for mime in out.get("data", {})}  # fmt: skip
    assert kinds <= {"text/plain", "image/png"}


def test_after_all_of_them_the_jail_is_as_good_as_new(jail: Jail) -> None:
    assert graded(copy.deepcopy(SOLVED), jail) == full_marks()


def test_the_table_holds_enough_of_every_kind() -> None:
    kinds = Counter(attack.kind for attack in ATTACKS if attack.points < POINTS)
    assert sum(kinds.values()) >= 60 and min(kinds.values()) >= 5, kinds
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
