"""The graders' tests are on the trusted side: they may import the wrong answers."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "graders" / "instructor"), str(Path(__file__).parent)]


@pytest.fixture(autouse=True, scope="session")
def grades(unsafe_where_there_is_no_sandbox):
    """Tests in this folder grade classes."""


@pytest.fixture(autouse=True)
def no_progress_kept(tmp_path, monkeypatch):
    """Checks in tests must not count as somebody's progress."""
    monkeypatch.setenv("COURSE_PROGRESS_FILE", str(tmp_path / "attempts.jsonl"))
    monkeypatch.delenv("GRADERS_SEED", raising=False)


@pytest.fixture(scope="session")
def postgresql(postgresql_programs):
    """A server for all tests that are marked `postgresql`; each makes databases of its own."""
    import postgresql

    with postgresql.Server(postgresql_programs) as server:
        yield server
