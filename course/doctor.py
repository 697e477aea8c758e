"""Checks the whole set-up and names the fix for whatever is wrong: `make doctor`.

It must run when the set-up is broken, so it imports only the standard library at the top, and
every other package inside the check that asks about it. tests/conftest.py takes the state of
Chromium and of the GPU from here.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SETUP = "make setup"
REINSTALL = "rm .venv/.installed-* && make setup"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class Finding:
    """One line of the report. `note` is worth knowing; only `problem` makes the command fail."""

    level: str  # "ok", "note" or "problem"
    what: str
    fix: str = ""


def ok(what: str) -> Finding:
    return Finding("ok", what)


def note(what: str, fix: str = "") -> Finding:
    return Finding("note", what, fix)


def problem(what: str, fix: str) -> Finding:
    return Finding("problem", what, fix)


# --- What the tests ask, too -------------------------------------------------------------------


def find_chromium() -> tuple[str | None, str]:
    """(path, "") of the browser the tests drive, or (None, why there is none).

    The environment variable CHROMIUM wins; then the usual names on PATH.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        found = shutil.which(named)
        return (found, "") if found else (None, f"CHROMIUM={named} is not a program")
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return found, ""
    return None, "none of " + ", ".join(BROWSERS) + " is on PATH"


CHROMIUM_FIX = "apt install chromium, or set CHROMIUM to the path of a Chrome or Chromium"


def gpu_finding() -> Finding:
    """The state of the NVIDIA GPU, its driver and CuPy; `ok` only if a kernel really ran on it."""
    smi = shutil.which("nvidia-smi")
    has_cupy = any(d.startswith("cupy") for d in map(str.lower, _installed()))
    if not smi:
        tail = "; CuPy is installed, but has no driver to talk to" if has_cupy else ""
        return note(f"no GPU: no NVIDIA driver here (nvidia-smi is not on PATH){tail}")
    try:
        run = subprocess.run(
            [smi, "--query-gpu=name,driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return note(f"no GPU: nvidia-smi did not answer ({error})", "check the driver")
    if run.returncode or not run.stdout.strip():
        said = " ".join((run.stdout + run.stderr).split())
        reason = said[:200] or f"exit code {run.returncode}"
        return note(f"no GPU: nvidia-smi says: {reason}", "repair the NVIDIA driver")
    card = run.stdout.strip().splitlines()[0].replace(", ", ", driver ")
    if not has_cupy:
        return note(f"GPU not used: {card} is here, CuPy is not installed", f"{SETUP} GPU=1")
    try:
        import cupy

        total = int((cupy.arange(4, dtype=cupy.float32) * 2).sum())
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        if "insufficient" in reason.lower() or "driver version" in reason.lower():
            return problem(f"{card} is too old for CuPy: {reason}", "update the NVIDIA driver")
        return problem(
            f"{card}: CuPy is installed and does not work: {type(error).__name__}: {reason}",
            f"rm .venv/.installed-gpu && {SETUP} GPU=1",
        )
    if total != 12:
        return problem(f"{card}: a sum that must be 12 gave {total}", "check the GPU")
    return ok(f"GPU: {card}, CuPy {cupy.__version__}; a kernel ran on it")


# --- The checks, in the order of the report ----------------------------------------------------


def check_python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036 (this is run by whatever Python is there)
        yield problem(
            f"Python {version} is too old, 3.11 is needed",
            "install a newer Python, then: make clean && make setup PYTHON=python3.12",
        )
    else:
        yield ok(f"Python {version}")


def check_environment() -> Iterator[Finding]:
    if Path(sys.prefix).resolve() == (ROOT / ".venv").resolve():
        yield ok("the course's own environment, .venv")
    elif _is_conda():
        yield ok(f"a conda environment, {Path(sys.prefix).name}")
    elif (ROOT / ".venv" / "bin" / "python").exists():
        yield problem(
            f"this is {sys.executable}, not the course's .venv",
            "run it as: make doctor, or: .venv/bin/python -m course.doctor",
        )
    else:
        yield problem("the course's environment, .venv, is not there", SETUP)


def check_packages() -> Iterator[Finding]:
    lock = ROOT / "locks" / "lab.txt"
    if not lock.is_file():
        yield problem("locks/lab.txt is missing", "git checkout -- locks")
        return
    installed = _installed()
    wanted = {name: version for name, version, marker in read_lock(lock) if _applies(marker)}
    missing = sorted(name for name in wanted if name not in installed)
    other = sorted(n for n in wanted if n in installed and installed[n] != wanted[n])
    if missing:
        yield problem("not installed: " + _some(missing), SETUP)
    if other:
        lines = [f"{name} {installed[name]} (locked: {wanted[name]})" for name in other]
        what = "other versions than locked: " + _some(lines)
        yield note(what) if _is_conda() else problem(what, REINSTALL)
    if not missing and not other:
        yield ok(f"{len(wanted)} packages, all at their locked versions")


def check_project() -> Iterator[Finding]:
    try:
        text = metadata.distribution("two-x-minus-one").read_text("direct_url.json") or ""
    except metadata.PackageNotFoundError:
        yield problem("the project itself is not installed", SETUP)
        return
    if f'"{ROOT.as_uri()}"' in text:
        yield ok("engine, course and graders are installed from this folder")
    else:
        yield problem("the installed project lies in another folder", f"make clean && {SETUP}")


def check_ipykernel() -> Iterator[Finding]:
    version = _installed().get("ipykernel")
    if version is None:
        return  # check_packages has said it
    parts = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
    fix = "conda install 'ipykernel>=7.4,<7.5'" if _is_conda() else REINSTALL
    if parts == (7, 4):
        yield ok(f"ipykernel {version}: widgets answer while a cell runs")
    elif (7, 0) <= parts < (7, 4):
        yield problem(f"ipykernel {version}: now and then a cell is sent and never runs", fix)
    else:
        yield problem(
            f"ipykernel {version}: Stop and the sliders may do nothing while fit runs", fix
        )


def check_kernel_spec() -> Iterator[Finding]:
    try:
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    except ImportError:
        return
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        yield problem("Jupyter has no kernel named python3", REINSTALL)
        return
    program = shutil.which(spec.argv[0]) or spec.argv[0]
    # ipykernel's own spec says just "python", which Jupyter takes as the Python it runs in.
    own = spec.argv[0] in ("python", "python3", f"python3.{sys.version_info.minor}")
    if own or Path(program).absolute() == Path(sys.executable).absolute():
        yield ok("the kernel python3 is this environment's")
    else:
        yield problem(
            f"the kernel python3 runs {program}, not this environment",
            f"start it with make lab, or remove {spec.resource_dir}",
        )


def check_port() -> Iterator[Finding]:
    for port in range(8888, 8939):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port == 8888:
            yield ok("port 8888 is free")
        else:
            yield note(f"port 8888 is in use; JupyterLab will take {port}")
        return
    yield problem("ports 8888 to 8938 are all in use", "make lab LAB_ARGS=--port=9999")


def check_write() -> Iterator[Finding]:
    refused = []
    for folder in (ROOT, ROOT / "course", ROOT / ".progress", ROOT / "grading"):
        if folder.is_dir():
            try:
                tempfile.TemporaryFile(dir=folder).close()
            except OSError:
                refused.append(folder.relative_to(ROOT).as_posix())
    if refused:
        yield problem("cannot write in " + ", ".join(refused), f"chown -R $USER {ROOT}")
    else:
        yield ok("answers and progress can be written")


def check_nbgrader() -> Iterator[Finding]:
    if (ROOT / "graders").is_dir() and not (ROOT / "graders" / "instructor").is_dir():
        yield ok("a learner's copy of the course")
        return
    path = ROOT / "nbgrader_config.py"
    if not path.is_file():
        yield problem("nbgrader_config.py is missing", "git checkout -- nbgrader_config.py")
        return
    try:
        from traitlets.config import PyFileConfigLoader
    except ImportError:
        return
    try:
        config = PyFileConfigLoader(path.name, path=str(ROOT)).load_config()
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        yield problem(f"nbgrader_config.py does not load: {why}", "git diff nbgrader_config.py")
        return
    course = config.CourseDirectory
    folders = (course.get("source_directory"), course.get("release_directory"))
    if folders == ("solutions", "exercises"):
        yield ok("nbgrader reads solutions/ and writes exercises/")
    else:
        yield problem(
            f"nbgrader_config.py names {folders[0]} and {folders[1]}, not solutions and exercises",
            "git diff nbgrader_config.py",
        )


def check_tools() -> Iterator[Finding]:
    if shutil.which("git"):
        yield ok("git")
    else:
        yield note("git is missing; only the tests need it", "apt install git")
    path, why = find_chromium()
    if path:
        yield ok(f"Chromium for the browser tests: {path}")
    else:
        yield note(f"no Chromium ({why}); only the browser tests need it", CHROMIUM_FIX)


def check_native() -> Iterator[Finding]:
    """Whether graphs can become machine code; without it everything runs, more slowly."""
    from engine.graph.native import machine

    reason = machine.why_not()
    if reason:
        yield note(f"no native kernels: {reason}; graphs run on NumPy alone", SETUP)
    else:
        yield ok(f"native kernels: llvmlite {metadata.version('llvmlite')}")


def check_gpu() -> Iterator[Finding]:
    yield gpu_finding()


def check_blas() -> Iterator[Finding]:
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name)
        if value:
            yield note(f"{name}={value} is set, which changes the speed of matrix products")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    check_python,
    check_environment,
    check_packages,
    check_project,
    check_ipykernel,
    check_kernel_spec,
    check_port,
    check_write,
    check_nbgrader,
    check_tools,
    check_native,
    check_gpu,
    check_blas,
)


def examine() -> list[Finding]:
    """Every finding, in order. A check that breaks is a problem; the others still run."""
    findings: list[Finding] = []
    for check in CHECKS:
        try:
            findings.extend(check())
        except Exception as error:
            what = f"{check.__name__} stopped with {type(error).__name__}: {error}"
            findings.append(problem(what, f"make clean && {SETUP}"))
    return findings


# --- Helpers -----------------------------------------------------------------------------------


def read_lock(path: Path) -> list[tuple[str, str, str]]:
    """(canonical name, version, environment marker or "") of every pin in a lock file."""
    pattern = re.compile(
        r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)\s*(?:;\s*(.*?))?\s*\\?$", re.M
    )
    return [(_canonical(n), v, (m or "").strip()) for n, v, m in pattern.findall(path.read_text())]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _installed() -> dict[str, str]:
    found: dict[str, str] = {}
    for dist in metadata.distributions():
        name = dist.metadata["Name"]
        if name:  # a half-removed package has none
            found.setdefault(_canonical(name), dist.version)
    return found


def _applies(marker: str) -> bool:
    """Whether a lock line's marker holds here; without a package that can tell, it is left out."""
    if not marker:
        return True
    try:
        from packaging.markers import Marker
    except ImportError:
        try:
            from pip._vendor.packaging.markers import Marker  # type: ignore[assignment]
        except ImportError:
            return False
    return Marker(marker).evaluate()


def _is_conda() -> bool:
    return (Path(sys.prefix) / "conda-meta").is_dir()


def _some(items: list[str], most: int = 6) -> str:
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest} more" if rest > 0 else "")


def report(findings: list[Finding]) -> None:
    """Print one line a finding, its fix below it; with colour where rich is installed."""
    try:
        from rich.console import Console
        from rich.markup import escape
    except ImportError:
        for finding in findings:
            print(f"{finding.level:8} {finding.what}")
            if finding.fix:
                print(f"{'':8} fix: {finding.fix}")
        return
    # soft_wrap: a fix must stay one line, to be copied.
    console = Console(soft_wrap=True, highlight=False)
    colour = {"ok": "green", "note": "yellow", "problem": "bold red"}
    for finding in findings:
        style = colour[finding.level]
        console.print(f"[{style}]{finding.level:8}[/] {escape(finding.what)}")
        if finding.fix:
            console.print(f"{'':8} fix: [bold]{escape(finding.fix)}[/]")


def main(arguments: list[str]) -> int:
    """Report on everything, or with --gpu on the GPU alone. 1 if there is a problem, else 0."""
    if arguments not in ([], ["--gpu"]):
        print("usage: python -m course.doctor [--gpu]", file=sys.stderr)
        return 2
    findings = [gpu_finding()] if arguments else examine()
    report(findings)
    problems = sum(finding.level == "problem" for finding in findings)
    if not arguments:
        print("All is well." if not problems else f"{problems} to mend, each with its fix above.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
