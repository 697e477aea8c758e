"""The doctor on a sound set-up and on broken ones: each fault is named with its fix."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import pytest

from course import doctor

ROOT = Path(__file__).resolve().parents[2]


def findings(check) -> list[tuple[str, str, str]]:
    return [(f.level, f.what, f.fix) for f in check()]


def only(check) -> tuple[str, str, str]:
    [finding] = findings(check)
    return finding


def program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def lonely_path(tmp_path, monkeypatch) -> Path:
    """A PATH with nothing on it but what the test puts into this folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CHROMIUM", raising=False)
    return folder


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """A project folder of the test's own."""
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    return tmp_path


def test_a_sound_set_up_has_no_problem():
    assert [f for f in doctor.examine() if f.level == "problem"] == []


def test_every_problem_names_a_fix_and_the_exit_code_is_1(monkeypatch, capsys):
    def broken():
        yield doctor.problem("the moon is missing", "put it back")

    def worse():
        raise RuntimeError("no tide")
        yield

    monkeypatch.setattr(doctor, "CHECKS", (broken, doctor.check_python, worse))
    assert doctor.main([]) == 1
    out = capsys.readouterr().out
    assert "problem  the moon is missing\n         fix: put it back" in out
    assert "worse stopped with RuntimeError: no tide" in out
    assert "2 to mend" in out


def test_without_a_single_package_it_still_runs():
    # -S: no site-packages at all, as when the set-up broke half-way.
    run = subprocess.run(
        [sys.executable, "-S", "-m", "course.doctor"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 1, run.stderr
    assert run.stderr == ""
    assert "problem  not installed: " in run.stdout
    assert "fix: make setup" in run.stdout
    assert "the project itself is not installed" in run.stdout


def test_python_too_old(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    level, what, fix = only(doctor.check_python)
    assert (level, what) == ("problem", "Python 3.10.4 is too old, 3.11 is needed")
    assert "PYTHON=" in fix


def test_no_environment(elsewhere):
    assert only(doctor.check_environment) == (
        "problem",
        "the course's environment, .venv, is not there",
        "make setup",
    )


def test_another_python_than_the_environments(elsewhere):
    (elsewhere / ".venv" / "bin").mkdir(parents=True)
    (elsewhere / ".venv" / "bin" / "python").touch()
    level, what, _ = only(doctor.check_environment)
    assert level == "problem" and "not the course's .venv" in what


def test_missing_and_differing_packages(elsewhere):
    (elsewhere / "locks").mkdir()
    here = metadata.version("numpy")
    (elsewhere / "locks" / "lab.txt").write_text(
        f"numpy=={here} \\\n    --hash=sha256:00\nRich==0.1 \\\n    --hash=sha256:00\n"
        "no-such_Package==1.0 \\\n    --hash=sha256:00\n"
        "windows-only==1.0 ; os_name == 'nothing' \\\n    --hash=sha256:00\n"
    )
    missing, other = findings(doctor.check_packages)
    assert missing == ("problem", "not installed: no-such-package", "make setup")
    assert other[1].startswith("other versions than locked: rich ")
    assert other[1].endswith("(locked: 0.1)")


def test_the_project_installed_from_another_folder(elsewhere):
    level, what, _ = only(doctor.check_project)
    assert (level, what) == ("problem", "the installed project lies in another folder")


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("6.31.0", "problem"),
        ("7.3.0", "problem"),
        ("7.4.0", "ok"),
        ("7.5.0", "problem"),
        ("8.0", "problem"),
    ],
)
def test_an_ipykernel_that_loses_messages_or_clicks(monkeypatch, version, level):
    monkeypatch.setattr(doctor, "_installed", lambda: {"ipykernel": version})
    assert only(doctor.check_ipykernel)[0] == level


def test_a_foreign_python3_kernel(tmp_path, monkeypatch):
    kernel = tmp_path / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(
        '{"argv": ["/usr/bin/false", "-m", "ipykernel_launcher"], "display_name": "x",'
        ' "language": "python"}'
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    level, what, fix = only(doctor.check_kernel_spec)
    assert level == "problem" and "/usr/bin/false" in what and str(kernel) in fix


def test_a_taken_port_is_worth_a_note():
    with socket.socket() as taken:
        with suppress(OSError):  # taken by somebody else is just as good
            taken.bind(("127.0.0.1", 8888))
        level, what, _ = only(doctor.check_port)
    assert level == "note" and "JupyterLab will take" in what


def test_no_free_port(monkeypatch):
    class Taken(socket.socket):
        def bind(self, address):
            raise OSError("in use")

    monkeypatch.setattr(doctor.socket, "socket", Taken)
    assert only(doctor.check_port)[0] == "problem"


def test_a_folder_that_cannot_be_written(elsewhere, monkeypatch):
    def refuse(dir):
        raise PermissionError(13, "no", str(dir))

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    level, what, fix = only(doctor.check_write)
    assert (level, what) == ("problem", "cannot write in .")
    assert str(elsewhere) in fix


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "is missing"),
        ("c = get_config(", "does not load: SyntaxError"),
        ("c = get_config()", "not solutions and exercises"),
    ],
)
def test_a_broken_nbgrader_config(elsewhere, text, says):
    if text is not None:
        (elsewhere / "nbgrader_config.py").write_text(text)
    level, what, fix = only(doctor.check_nbgrader)
    assert level == "problem" and says in what and "nbgrader_config.py" in fix


def test_no_git_and_no_browser_are_notes(lonely_path):
    git, browser = findings(doctor.check_tools)
    assert git[0] == browser[0] == "note"
    assert git[2] == "apt install git"
    assert browser[2].startswith("apt install chromium")


def test_the_variable_chromium_wins(lonely_path, monkeypatch):
    on_path = program(lonely_path, "google-chrome", "exit 0")
    assert doctor.find_chromium() == (str(on_path), "")
    named = program(lonely_path, "mine", "exit 0")
    monkeypatch.setenv("CHROMIUM", str(named))
    assert doctor.find_chromium() == (str(named), "")


class TestGpu:
    SMI = "echo 'NVIDIA H100 80GB HBM3, 580.65.06'"

    def test_no_driver(self, lonely_path):
        assert only(doctor.check_gpu)[:2] == (
            "note",
            "no GPU: no NVIDIA driver here (nvidia-smi is not on PATH)",
        )

    def test_a_driver_that_does_not_answer(self, lonely_path):
        program(lonely_path, "nvidia-smi", "echo 'Driver/library version mismatch'; exit 18")
        level, what, _ = only(doctor.check_gpu)
        assert level == "note" and "Driver/library version mismatch" in what

    def test_cupy_is_not_installed(self, lonely_path, monkeypatch):
        program(lonely_path, "nvidia-smi", self.SMI)
        monkeypatch.setattr(doctor, "_installed", dict)
        level, what, fix = only(doctor.check_gpu)
        assert level == "note" and fix == "make setup GPU=1"
        assert "NVIDIA H100 80GB HBM3, driver 580.65.06" in what

    @pytest.mark.parametrize(
        ("module", "level", "says"),
        [
            ("raise ImportError('libnvrtc.so.13 not found')", "problem", "libnvrtc.so.13"),
            ("raise RuntimeError('driver version is insufficient')", "problem", "too old for CuPy"),
            ("from numpy import *; __version__ = '14.2'", "ok", "a kernel ran on it"),
            ("from numpy import *; arange = lambda n, dtype: ones(n)", "problem", "gave 8"),
        ],
    )
    def test_cupy(self, lonely_path, tmp_path, monkeypatch, module, level, says):
        program(lonely_path, "nvidia-smi", self.SMI)
        (tmp_path / "cupy.py").write_text(module)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "cupy", raising=False)
        monkeypatch.setattr(doctor, "_installed", lambda: {"cupy-cuda13x": "14.2"})
        finding = only(doctor.check_gpu)
        sys.modules.pop("cupy", None)
        assert finding[0] == level and says in finding[1], finding


def test_a_pinned_blas_is_remarked(monkeypatch):
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    level, what, _ = only(doctor.check_blas)
    assert level == "note" and "OPENBLAS_CORETYPE=Haswell" in what


def test_wrong_arguments(capsys):
    assert doctor.main(["--help-me"]) == 2
    assert "usage" in capsys.readouterr().err


def test_native_kernels_are_reported(monkeypatch):
    from engine.graph.native import machine

    level, what, _ = only(doctor.check_native)
    assert level == "ok" and what.startswith("native kernels: llvmlite 0.5")
    monkeypatch.setattr(machine, "why_not", lambda: "the package llvmlite is not installed")
    level, what, fix = only(doctor.check_native)
    assert level == "note" and "llvmlite is not installed" in what and fix == doctor.SETUP
