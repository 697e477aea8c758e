"""What is committed: the promised paths, clean notebooks, no trace of the machine it came from."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REQUIRED = (
    "Dockerfile",
    "Makefile",
    "README.md",
    "benchmarks",
    "course",
    "engine",
    "environment.yml",
    "exercises",
    "graders",
    "nbgrader_config.py",
    "pyproject.toml",
    "solutions",
    "tests",
)


def tracked(*patterns: str) -> list[Path]:
    """Committed files, less those that are deleted in the work tree."""
    out = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [path for name in out.split("\0") if name and (path := ROOT / name).is_file()]


NOTEBOOKS = tracked("*.ipynb")
each_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=[p.relative_to(ROOT).as_posix() for p in NOTEBOOKS]
)


def committed(path: Path) -> dict:
    """The notebook as git has it: in the work tree it holds what its reader has run."""
    name = ":" + path.relative_to(ROOT).as_posix()
    show = subprocess.run(["git", "show", name], cwd=ROOT, capture_output=True, check=True)
    return json.loads(show.stdout)


def lines_matching(pattern: str, *patterns: str) -> list[str]:
    compiled = re.compile(pattern)
    hits = []
    for path in tracked(*patterns):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        for number, line in enumerate(text.splitlines(), 1):
            if compiled.search(line):
                hits.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    return hits


@pytest.mark.parametrize("name", REQUIRED)
def test_the_promised_paths_are_committed(name):
    assert tracked(name), f"{name} is not committed"


def test_no_path_of_one_machine():
    assert lines_matching(r"(^|[^A-Za-z0-9_.])/(work|farm|root)/") == []


def test_no_address_of_a_package_registry():
    hosts = r"pypi\.org|python[h]osted|npmjs\.(org|com)|deb\.debian\.|repo\.anaconda\."
    assert lines_matching(hosts) == []
    settings = ("*.txt", "*.toml", "*.yml", "*.cfg", "*.json", ".npmrc", "pip.conf")
    assert lines_matching(r"--(extra-)?index-url|--find-links", *settings) == []


def test_no_python_file_over_500_lines():
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in tracked("*.py")}
    assert {p.relative_to(ROOT).as_posix(): n for p, n in lengths.items() if n > 500} == {}


def test_every_module_says_what_it_is():
    missing = []
    for path in tracked("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if tree.body and not ast.get_docstring(tree):
            missing.append(path.relative_to(ROOT).as_posix())
    assert missing == []


def test_no_large_file():
    large = {p.relative_to(ROOT).as_posix(): p.stat().st_size for p in tracked()}
    assert {name: size for name, size in large.items() if size > 1_000_000} == {}


def test_a_test_fails_and_never_skips_when_work_is_missing():
    # The two reasons not to run a test, no browser and no GPU, are kept in tests/conftest.py.
    skips = r"pytest\.(skip|importorskip|xfail)\(|mark\.(skip|skipif|xfail)\b|unittest\.skip"
    hits = lines_matching(skips, "tests/*.py")
    own = ("tests/conftest.py:", "tests/project/test_repository.py:")
    assert [hit for hit in hits if not hit.startswith(own)] == []


def test_what_is_generated_is_not_committed():
    for name in ("course/start.ipynb", ".progress/x", "grading/gradebook.db", ".venv/x"):
        run = subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT)
        assert run.returncode == 0, f"{name} is not in .gitignore"
        assert not tracked(name)


def test_there_are_notebooks():
    folders = {path.relative_to(ROOT).parts[0] for path in NOTEBOOKS}
    assert folders == {"course", "solutions", "exercises"}


@each_notebook
def test_a_notebook_has_no_outputs(path):
    for cell in committed(path)["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [], f"cell {cell['id']} has outputs"
            assert cell["execution_count"] is None, f"cell {cell['id']} has a count"


@each_notebook
def test_a_notebook_has_stable_ids_and_the_kernel_python3(path):
    notebook = committed(path)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert "widgets" not in notebook["metadata"], "saved widget state"
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(ids) == len(set(ids))
    for name in ids:
        assert re.fullmatch(r"[a-z0-9]+([-_.][a-z0-9]+)*", name), f"{name}: not a readable id"
        assert not re.fullmatch(r"[0-9a-f-]{8,}", name), f"{name}: a random id"
