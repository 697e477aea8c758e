"""The README, .ci/run, the Makefile and the Dockerfile say the same, and name only what exists."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = ROOT / ".ci" / "run"


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.M | re.S)
    assert found, f"README.md has no section {title}"
    return found[1]


def test_ci_runs_the_readmes_test_command():
    [block] = re.findall(r"^```sh\n(.*?)^```", section("Tests"), re.M | re.S)
    command = block.strip()
    assert command == "make test"
    [step] = re.findall(r"^step test (.*)$", CI.read_text(), re.M)
    assert step == command


def test_ci_runs_lint_and_the_release_check():
    steps = re.findall(r"^step (\S+) (.*)$", CI.read_text(), re.M)
    assert [name for name, _ in steps] == ["packages", "test", "lint", "release", "slow"]
    assert dict(steps)["lint"] == "make lint"


def test_ci_is_executable_bash():
    assert os.access(CI, os.X_OK)
    assert subprocess.run(["bash", "-n", str(CI)]).returncode == 0


def test_every_command_in_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert named <= targets
    assert {"lab", "test", "grade", "release", "doctor"} <= named


def test_every_link_in_the_readme_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), f"README.md links to {link}"


def test_the_chapter_table_is_the_courses():
    chapters = tomllib.loads((ROOT / "course" / "chapters.toml").read_text(encoding="utf-8"))
    wanted = []
    for chapter in chapters["chapter"]:
        lesson, exercise = chapter.get("lesson"), chapter.get("exercise")
        lesson = f"[lesson]({lesson})" if lesson else "-"
        exercise = f"[exercise]({exercise})" if exercise else "-"
        wanted.append(f"| {chapter['number']} | {chapter['title']} | {lesson} | {exercise} |")
    rows = re.findall(r"^\| \d\d \|.*$", section("Chapters"), re.M)
    assert rows == wanted, "README.md must say:\n" + "\n".join(wanted)


def copied() -> list[str]:
    sources = []
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY "):
            words = [w for w in shlex.split(line)[1:] if not w.startswith("--")]
            sources += words[:-1]
    return sources


@pytest.mark.parametrize("source", copied())
def test_what_the_dockerfile_copies_is_committed(source):
    found = subprocess.run(["git", "ls-files", "--", source], cwd=ROOT, capture_output=True)
    assert found.stdout, f"{source} is not committed"


def test_the_container_has_what_make_setup_needs_and_no_solutions():
    sources = {source.rstrip("/") for source in copied()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {p.rstrip("*") for p in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert (
        packages | {"Makefile", "pyproject.toml", "locks", project["project"]["readme"]} <= sources
    )
    assert not {s for s in sources if s.startswith(("solutions", "tests"))}
