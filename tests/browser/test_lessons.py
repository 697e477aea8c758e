"""Every lesson in the real JupyterLab: Run All without an error, a warning or a look outside."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab_driver import ROOT, LabDriver

pytestmark = pytest.mark.browser

LESSONS = sorted(path.name for path in (ROOT / "course").glob("[0-9][0-9]-*.ipynb"))


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_runs_from_top_to_bottom(lab: LabDriver, name: str) -> None:
    lab.open(f"course/{name}")
    lab.run_all()
    assert lab.errors() == []
    assert all(lab.executed())
    warnings = [
        "".join(output["text"])
        for cell in lab.outputs()
        for output in cell
        if output["output_type"] == "stream" and output["name"] == "stderr"
    ]
    assert warnings == []
    lab.scroll_to(0)
    lab.both_themes(f"lesson-{Path(name).stem}")
