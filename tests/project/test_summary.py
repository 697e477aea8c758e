"""A test whose browser or GPU is missing shows in pytest's closing line, never as a plain skip."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[2]
MARKED = """
    import pytest

    @pytest.mark.browser
    def test_browser(chromium_path):
        assert chromium_path

    @pytest.mark.browser
    def test_second_browser():
        pass

    @pytest.mark.gpu
    def test_gpu():
        pass

    def test_plain():
        pass
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Runs MARKED under this project's conftest and settings, with an empty PATH."""
    shutil.copy(ROOT / "tests" / "conftest.py", pytester.path)
    shutil.copy(ROOT / "pyproject.toml", pytester.path)
    pytester.makepyfile(test_marked=MARKED)
    nothing = pytester.mkdir("empty")

    def go(*arguments: str, **environment: str) -> pytest.RunResult:
        for name in ("CI", "CHROMIUM", "PYTEST_ADDOPTS"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PATH", str(nothing))
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return pytester.runpytest_subprocess("test_marked.py", *arguments)

    return go


def test_missing_browser_and_gpu_are_counted(run):
    result = run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "not run: no browser: 2 (none of chromium, * is on PATH)",
            "not run: no GPU: 1 (no GPU: no NVIDIA driver here *)",
            "=* 1 passed, 2 not run: no browser, 1 not run: no GPU in *",
        ]
    )
    assert "skipped" not in result.stdout.str()


def test_the_closing_line_is_not_green(run):
    closing = run("--color=yes").outlines[-1]
    assert "not run: no browser" in closing
    assert closing.startswith("\x1b[33m")  # yellow


def test_a_missing_postgresql_is_counted_and_in_ci_a_failure(run, pytester: pytest.Pytester):
    pytester.makepyfile(test_marked="import pytest\n@pytest.mark.postgresql\ndef test_it(): pass")
    conftest = pytester.path / "conftest.py"  # Debian has its programs where no PATH leads
    conftest.write_text(conftest.read_text().replace("/usr/lib/postgresql", "/nowhere"))
    result = run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["not run: no PostgreSQL: 1 (no initdb here)", "=* 1 not run: no PostgreSQL in *"]
    )
    result = run(CI="true")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*CI=true and no PostgreSQL: *. Fix: apt install postgresql*"])


def test_in_ci_a_missing_browser_fails_and_a_missing_gpu_does_not(run):
    result = run(CI="true")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "*CI=true and no browser: none of *. Fix: apt install chromium*",
            "=* 1 passed, 2 errors, 1 not run: no GPU in *",
        ]
    )


def test_a_wrong_chromium_variable_is_named(run):
    run(CHROMIUM="/nowhere/chromium").stdout.fnmatch_lines(
        ["not run: no browser: 2 (CHROMIUM=/nowhere/chromium is not a program)"]
    )


def test_with_a_browser_its_tests_run(run):
    result = run(CHROMIUM=sys.executable)
    result.stdout.fnmatch_lines(["=* 3 passed, 1 not run: no GPU in *"])
    assert "no browser" not in result.stdout.str()


def test_an_unmarked_test_cannot_ask_for_the_browser(run, pytester: pytest.Pytester):
    pytester.makepyfile(test_marked="def test_it(chromium_path): pass")
    result = run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*mark this test `browser`*"])


def test_a_misspelt_marker_is_an_error(run, pytester: pytest.Pytester):
    pytester.makepyfile(test_marked="import pytest\n@pytest.mark.browzer\ndef test_it(): pass")
    assert run().ret == 2
