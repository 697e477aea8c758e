"""What make says on a machine that lacks something, what it does the second time, what leaks in.

Each test runs the real Makefile in a folder of its own, with `python3` replaced by a small script
that writes down how it was called: nothing is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Answers like a Python that works; `-m venv` leaves a .venv whose python is this script again.
PYTHON = """#!/bin/sh
echo "python $*" >> "{log}"
env | grep -E '^(PYTHON|PIP_|VIRTUAL_ENV|JUPYTER_)' >> "{log}.env"
case "$*" in
  "-m venv --clear .venv") rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python;;
  --version) echo "Python 3.11.9";;
esac
exit 0
"""


class Folder:
    """A project folder with the real Makefile and a python3 that only writes down its arguments."""

    def __init__(self, path: Path):
        self.path = path
        self.bin = path.parent / "bin"
        self.bin.mkdir()
        self.log = path.parent / "log"
        shutil.copy(ROOT / "Makefile", path)
        (path / "locks").mkdir()
        for lock in ("lab", "class", "test", "gpu"):
            (path / "locks" / f"{lock}.txt").touch()
        (path / "pyproject.toml").touch()
        self.python(PYTHON.format(log=self.log))

    def python(self, script: str, name: str = "python3") -> None:
        path = self.bin / name
        path.write_text(script)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def make(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        for log in (self.log, Path(f"{self.log}.env")):
            log.write_text("")
        path = f"{self.bin}:/usr/bin:/bin"
        return subprocess.run(
            ["make", *arguments],
            cwd=self.path,
            env={"PATH": path, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()

    def environment(self) -> str:
        return Path(f"{self.log}.env").read_text()

    def age(self, name: str, seconds: int) -> None:
        """Make a file older than now by this much, so that no test waits for the clock."""
        path = self.path / name
        when = path.stat().st_mtime - seconds
        os.utime(path, (when, when))


@pytest.fixture(params=["plain", "with a space"])
def folder(tmp_path, request) -> Folder:
    path = tmp_path / request.param
    path.mkdir()
    return Folder(path)


def installs(calls: list[str]) -> list[str]:
    return [c.removeprefix("python -m pip install --quiet ") for c in calls if "pip install" in c]


LAB = "--require-hashes -r locks/lab.txt"
SELF = "--no-deps --no-build-isolation -e ."


def test_the_first_lab_installs_and_opens_the_start_page(folder):
    run = folder.make("lab", "LAB_ARGS=--no-browser --port=9123")
    assert run.returncode == 0, run.stderr
    assert installs(folder.calls()) == [LAB, SELF]
    page, server = folder.calls()[-2:]
    assert page == "python -m course.start_page"
    assert server.startswith(f"python -m jupyterlab --ServerApp.root_dir={folder.path} ")
    assert "--LabApp.default_url=/lab/tree/course/start.ipynb" in server
    assert server.endswith("--no-browser --port=9123")
    assert ("--allow-root" in server) is (os.getuid() == 0)
    assert "minutes the first time" in run.stdout


def test_the_second_lab_installs_nothing(folder):
    folder.make("lab")
    run = folder.make("lab")
    assert run.returncode == 0
    assert [c for c in folder.calls() if "venv" in c or "pip" in c] == []
    assert len(folder.calls()) == 2  # the start page and JupyterLab
    assert "Installing" not in run.stdout


@pytest.mark.parametrize("changed", ["locks/lab.txt", "pyproject.toml"])
def test_a_changed_lock_is_installed_again(folder, changed):
    folder.make("setup")
    folder.age(".venv/.installed-lab", 60)
    for other in {"locks/lab.txt", "pyproject.toml"} - {changed}:
        folder.age(other, 120)
    folder.make("setup")
    assert installs(folder.calls()) == [LAB, SELF]


def test_tests_after_lab_add_only_their_own_and_lab_after_tests_nothing(folder):
    folder.make("test")
    assert installs(folder.calls()) == ["--require-hashes -r locks/test.txt", SELF]
    assert folder.calls()[-1] == "python -m pytest -n 2 --dist loadfile -m not slow"
    folder.make("lab")
    assert installs(folder.calls()) == []


def test_gpu_adds_its_lock_once_and_says_what_it_found(folder):
    folder.make("lab", "GPU=1")
    assert installs(folder.calls()) == [LAB, SELF, "--require-hashes -r locks/gpu.txt"]
    assert "python -m course.doctor --gpu" in folder.calls()
    folder.make("lab", "GPU=1")
    assert installs(folder.calls()) == []


def test_a_failed_install_is_tried_again(folder):
    working = PYTHON.format(log=folder.log)
    folder.python(working.replace("esac", '"-m pip "*) exit 1;; esac'))
    assert folder.make("setup").returncode != 0
    (folder.path / ".venv" / "bin" / "python").write_text(working)
    assert folder.make("setup").returncode == 0
    assert installs(folder.calls()) == [LAB, SELF]


def test_a_moved_folder_is_set_up_again(folder):
    folder.make("setup")
    moved = folder.path.with_name("moved")
    folder.path.rename(moved)
    folder.path = moved
    folder.make("setup")
    assert "python -m venv --clear .venv" in folder.calls()
    assert installs(folder.calls()) == [LAB, SELF]


def test_a_python_that_is_gone_is_replaced(folder):
    folder.make("setup")
    python = folder.path / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3.11")
    folder.make("setup")
    assert "python -m venv --clear .venv" in folder.calls()
    assert installs(folder.calls()) == [LAB, SELF]


def test_what_the_caller_has_active_does_not_leak(folder):
    folder.make(
        "lab",
        VIRTUAL_ENV="/somewhere/else",
        PYTHONPATH="/somewhere/else",
        PYTHONHOME="/somewhere/else",
        PIP_TARGET="/somewhere/else",
        PIP_USER="1",
    )
    seen = folder.environment()
    assert "/somewhere/else" not in seen
    assert "PIP_USER=0" in seen and "PIP_USER=1" not in seen
    assert "PYTHONNOUSERSITE=1" in seen
    # JupyterLab itself, and so its terminals and kernels, do get .venv.
    assert f"VIRTUAL_ENV={folder.path}/.venv" in seen


class TestWhatIsMissing:
    def failing(self, folder: Folder, *arguments: str) -> str:
        run = folder.make("lab", *arguments)
        assert run.returncode != 0
        assert not (folder.path / ".venv").exists()
        return run.stdout

    def test_no_python(self, folder):
        out = self.failing(folder, "PYTHON=python3.99")
        assert "there is no python3.99 here" in out and "apt install python3 python3-venv" in out

    def test_python_too_old(self, folder):
        folder.python("#!/bin/sh\ncase $1 in --version) echo Python 3.9.2;; -c) exit 1;; esac\n")
        out = self.failing(folder)
        assert "3.11 or newer is needed; python3 is Python 3.9.2" in out
        assert "make lab PYTHON=" in out

    def test_no_venv_module(self, folder):
        folder.python('#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\n')
        assert "apt install python3-venv" in self.failing(folder)


def test_help_lists_every_command_and_is_the_default(folder):
    text = (ROOT / "Makefile").read_text()
    [phony] = re.findall(r"^\.PHONY: (help .*)$", text, re.M)
    out = folder.make().stdout
    assert out == folder.make("help").stdout
    assert re.findall(r"^  make (\S+) +\S", out, re.M) == phony.split()


def test_commands_named_by_the_project_exist(folder):
    wanted = {"lab", "test", "setup", "release", "grade", "lint", "format", "doctor", "help"}
    assert wanted <= set(re.findall(r"^  make (\S+)", folder.make().stdout, re.M))


def test_grade_passes_the_assignment_on(folder):
    folder.make("grade", "ASSIGNMENT=01-rank")
    assert folder.calls()[-1] == "python -m graders.cli grade 01-rank"
    folder.make("release")
    assert folder.calls()[-1] == "python -m graders.cli release"


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["collect", "FROM=all.zip"], "collect all.zip"),
        (["collect", "FROM=all.zip", "ASSIGNMENT=01"], "collect --assignment 01 all.zip"),
        (["feedback", "ASSIGNMENT=01"], "feedback 01"),
        (["export"], "export"),
        (["export", "FORM=canvas"], "export --form canvas"),
        (["similarity", "ASSIGNMENT=01"], "similarity 01"),
    ],
)
def test_the_commands_for_a_class_pass_their_arguments_on(folder, arguments, command):
    assert folder.make(*arguments).returncode == 0
    assert folder.calls()[-1] == f"python -m graders.cli {command}"


def test_similarity_installs_what_it_needs_the_first_time(folder):
    extra = "--require-hashes -r locks/class.txt"
    folder.make("similarity")
    assert installs(folder.calls()) == [LAB, SELF, extra]
    folder.make("similarity")
    assert installs(folder.calls()) == []


@pytest.mark.parametrize("command", ["grade", "feedback", "export", "lab"])
def test_a_gradebook_on_postgresql_needs_what_a_class_needs(folder, command):
    extra = "--require-hashes -r locks/class.txt"
    folder.make(command)
    assert extra not in installs(folder.calls())
    folder.make(command, GRADERS_DATABASE="postgresql://grader@db/gradebook")
    assert installs(folder.calls()) == [extra]


def test_lint_runs_every_checker_and_fails_if_one_does(folder):
    assert folder.make("lint").returncode == 0
    tools = [c.split()[2:4] for c in folder.calls()][-4:]
    assert tools[:-1] == [["ruff", "check"], ["ruff", "format"], ["mypy"]]
    assert tools[-1] == ["codespell_lib", "README.md"]
    script = PYTHON.format(log=folder.log).replace("esac", "*'ruff check'*) exit 1;; esac")
    (folder.path / ".venv" / "bin" / "python").write_text(script)
    assert folder.make("lint").returncode != 0
    assert folder.calls()[-2] == "python -m mypy"
    assert {"course", "solutions"} <= set(folder.calls()[-1].split())


def test_clean_keeps_what_the_learner_made(folder):
    folder.make("setup")
    for kept in (".progress/attempts.jsonl", "grading/gradebook.db", "exercises/01/a.ipynb"):
        (folder.path / kept).parent.mkdir(parents=True)
        (folder.path / kept).touch()
    (folder.path / "course" / "__pycache__").mkdir(parents=True)
    folder.make("clean")
    left = sorted(p.name for p in folder.path.rglob("*") if p.is_file())
    made = ["attempts.jsonl", "gradebook.db", "a.ipynb"]
    assert left == sorted(
        ["Makefile", "pyproject.toml", "lab.txt", "class.txt", "test.txt", "gpu.txt", *made]
    )
    assert not (folder.path / "course" / "__pycache__").exists()
