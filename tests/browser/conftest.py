"""One JupyterLab and one Chromium for all browser tests; every test opens its own notebook."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from lab_driver import LabDriver


@pytest.fixture(autouse=True, scope="session")
def grades(unsafe_where_there_is_no_sandbox: None) -> None:
    """Some tests in this folder grade classes."""


@pytest.fixture(scope="session")
def lab_session(
    chromium_path: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LabDriver]:
    with LabDriver(chromium_path, tmp_path_factory.mktemp("lab")) as driver:
        yield driver


@pytest.fixture
def lab(lab_session: LabDriver) -> Iterator[LabDriver]:
    """The shared JupyterLab; a console error or an outside request fails the test that made it."""
    lab_session.console_errors.clear()
    lab_session.outside_requests.clear()
    yield lab_session
    errors, outside = list(lab_session.console_errors), list(lab_session.outside_requests)
    lab_session.close()
    assert not errors
    assert not outside
