"""What .ci/run does: its steps, its order, what it installs, and how it fails.

The real script runs in a git folder of the test's own; `make`, `python3`, `apt-get` and others are
small scripts that write down how they were called.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLOSING = "================ 12 passed, 2 not run: no GPU in 3.21s ================="
TOOLS = ("bash", "cat", "date", "dirname", "env", "git", "grep", "mktemp", "rm", "tee", "sh")


class Machine:
    """A PATH that holds the plain tools and this test's stand-ins, and a project to run in."""

    def __init__(self, path: Path):
        self.path, self.bin, self.log = path / "project", path / "bin", path / "log"
        self.bin.mkdir()
        (self.path / ".ci").mkdir(parents=True)
        (self.path / "exercises").mkdir()
        (self.path / "exercises" / "a.ipynb").write_text("{}\n")
        script = (ROOT / ".ci" / "run").read_text()
        assert "/usr/lib/postgresql" in script  # where Debian puts what is not on the PATH
        script = script.replace("/usr/lib/postgresql", str(path / "postgresql"))
        (self.path / ".ci" / "run").write_text(script)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        for tool in ("chromium", "bwrap", "initdb", "python3", "apt-get", "sleep"):
            self.program(tool, "exit 0")
        self.program("make", f'case "$*" in test) echo "{CLOSING}";; esac')
        python = self.program("../project/.venv/bin/python", "exit 5")  # no slow tests
        assert python.exists()
        self.git("init", "-q")
        self.git("add", "exercises")
        self.git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "start")

    def program(self, name: str, script: str) -> Path:
        path = self.bin / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "{Path(name).name} $*" >> "{self.log}"\n{script}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.path, check=True)

    def run(self) -> subprocess.CompletedProcess[str]:
        self.log.write_text("")
        return subprocess.run(
            ["bash", ".ci/run"],
            cwd=self.path,
            env={"PATH": str(self.bin), "HOME": os.devnull},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def calls(self, tool: str) -> list[str]:
        return [c for c in self.log.read_text().splitlines() if c.startswith(f"{tool} ")]


@pytest.fixture
def machine(tmp_path) -> Machine:
    return Machine(tmp_path)


def test_a_good_run(machine):
    run = machine.run()
    assert run.returncode == 0, run.stdout + run.stderr
    assert machine.calls("make") == ["make test", "make lint", "make release"]
    assert machine.calls("apt-get") == []
    assert run.stdout.splitlines()[-1] == CLOSING
    for name in ("packages", "test", "lint", "release", "slow", "total"):
        assert f"\n{name} " in run.stdout


@pytest.mark.parametrize("failing", ["test", "lint", "release"])
def test_one_failing_step_fails_the_run_and_the_others_still_run(machine, failing):
    machine.program("make", f'[ "$*" != {failing} ]')
    run = machine.run()
    assert run.returncode == 1
    assert machine.calls("make") == ["make test", "make lint", "make release"]
    assert "failed (1)" in run.stdout


def test_a_release_that_differs_fails(machine):
    machine.program("make", '[ "$*" != release ] || echo changed > exercises/a.ipynb')
    run = machine.run()
    assert run.returncode == 1 and "+changed" in run.stdout


def test_a_release_with_a_new_file_fails(machine):
    machine.program("make", '[ "$*" != release ] || echo new > exercises/b.ipynb')
    run = machine.run()
    assert run.returncode == 1 and "exercises/b.ipynb" in run.stdout


def test_slow_tests_run_if_there_are_any(machine):
    machine.program("../project/.venv/bin/python", "exit 0")
    machine.run()
    assert machine.calls("make")[-1] == "make test-all PYTEST_ARGS=-m slow"


def test_only_what_is_missing_is_installed(machine):
    (machine.bin / "chromium").unlink()
    (machine.bin / "bwrap").unlink()
    (machine.bin / "initdb").unlink()
    machine.program("python3", "exit 1")
    assert machine.run().returncode == 0
    update, install = machine.calls("apt-get")
    assert update == "apt-get -q update"
    assert install.endswith(
        "--no-install-recommends python3 python3-venv chromium bubblewrap postgresql"
    )


def test_another_browser_will_do(machine):
    (machine.bin / "chromium").rename(machine.bin / "google-chrome")
    machine.run()
    assert machine.calls("apt-get") == []


def test_debians_own_place_for_postgresql_will_do(machine):
    (machine.bin / "initdb").unlink()
    machine.program("../postgresql/15/bin/initdb", "exit 0")
    machine.run()
    assert machine.calls("apt-get") == []


def test_a_package_server_that_does_not_answer_is_asked_twice(machine):
    (machine.bin / "chromium").unlink()
    machine.program("apt-get", "exit 100")
    run = machine.run()
    assert run.returncode == 1
    assert machine.calls("apt-get") == ["apt-get -q update"] * 2
    assert machine.calls("sleep") == ["sleep 10"]
