"""Fixtures and rules for every test: what happens to tests that need something which is not there.

Such a test is counted in the closing line as "not run: no browser", "... no PostgreSQL", "... no sandbox" or
"... no GPU", which also turns that line yellow: a run that left something out never looks like a complete
one. With CI=true a missing browser or PostgreSQL is a failure, since CI installs them. A machine without a
GPU stays one, and one whose kernel forbids namespaces too, so those tests never fail for want of it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from course.doctor import CHROMIUM_FIX, find_chromium, gpu_finding

NOT_RUN = "not run: no "
POSTGRESQL_FIX = "apt install postgresql"


def pytest_configure() -> None:
    """Classes that tests make up must not get into the gradebook of a real one, and what a command prints
    must not hang on the width of some terminal, which the workers of pytest-xdist have in COLUMNS."""
    os.environ.pop("GRADERS_DATABASE", None)
    os.environ.pop("COLUMNS", None)


def find_postgresql() -> tuple[Path | None, str]:
    """The folder with PostgreSQL's initdb and pg_ctl, or why there is none. Debian keeps it off the PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent, ""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return (installed[-1].parent, "") if installed else (None, "no initdb here")


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The Chromium to drive. Only tests marked `browser` may ask for it."""
    path, why = find_chromium()
    if path is None:
        pytest.fail(f"no Chromium ({why}); mark this test `browser`. Fix: {CHROMIUM_FIX}")
    return path


@pytest.fixture(scope="session")
def postgresql_programs() -> Path:
    """The folder with PostgreSQL's programs. Only tests marked `postgresql` may ask for it."""
    folder, why = find_postgresql()
    if folder is None:
        pytest.fail(f"no PostgreSQL ({why}); mark this test `postgresql`. Fix: {POSTGRESQL_FIX}")
    return folder


@pytest.fixture(scope="session")
def unsafe_where_there_is_no_sandbox() -> Iterator[None]:
    """Where the kernel forbids sandboxes, classes are graded without: the rest is the same."""
    with pytest.MonkeyPatch.context() as patch:
        if _why_missing("sandbox"):
            patch.setenv("GRADERS_UNSAFE", "1")
        yield


_missing: dict[str, str] = {}
"""What may be missing -> why it is not there, or "" if it is."""


def _why_missing(what: str) -> str:
    if what not in _missing:
        if what == "browser":
            _missing[what] = find_chromium()[1]
        elif what == "PostgreSQL":
            _missing[what] = find_postgresql()[1]
        elif what == "sandbox":
            from graders.sandbox.jail import unavailable

            _missing[what] = unavailable()
        else:
            gpu = gpu_finding()
            _missing[what] = "" if gpu.level == "ok" else gpu.what
    return _missing[what]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for what in ("browser", "PostgreSQL", "sandbox", "GPU"):
        if item.get_closest_marker(what.lower()) and (why := _why_missing(what)):
            fix = {"browser": CHROMIUM_FIX, "PostgreSQL": POSTGRESQL_FIX}.get(what)
            if fix and os.environ.get("CI", "").lower() in ("true", "1"):
                pytest.fail(f"CI=true and no {what}: {why}. Fix: {fix}", pytrace=False)
            pytest.skip(f"{NOT_RUN}{what} ({why})")


def _not_run(report: pytest.CollectReport | pytest.TestReport) -> str | None:
    """What this test lacks, "browser" for instance, if it was left out for that."""
    if report.skipped and isinstance(report.longrepr, tuple) and NOT_RUN in report.longrepr[2]:
        return report.longrepr[2].partition(NOT_RUN)[2].partition(" ")[0]
    return None


def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    what = _not_run(report)
    if what is None:
        return None
    # A category pytest does not know shows in the closing line under its own name, in yellow.
    return NOT_RUN + what, what[0], (f"NOT RUN: no {what}", {"yellow": True})


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # From the reports alone: with `-n` the tests ran in other processes.
    for category, reports in terminalreporter.stats.items():
        if category.startswith(NOT_RUN):
            why = reports[0].longrepr[2].partition(category)[2].strip()
            terminalreporter.write_line(f"{category}: {len(reports)} {why}", yellow=True)
