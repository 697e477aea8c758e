"""How long a learner waits: from `git clone` to a fitted y = 2x - 1 in the browser.

    .venv/bin/python benchmarks/first_hour.py

Clones HEAD into an empty folder, runs `make lab` there with nothing inherited but PATH and the
settings of the package client, opens lesson 00 in Chromium, runs every cell, and prints the seconds
of each stage. A second `make lab` follows, for the time of every later day.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]

from lab_driver import LabDriver, free_port  # noqa: E402

from course.doctor import find_chromium  # noqa: E402

LESSON = "course/00-five-minute-win.ipynb"
READY_SECONDS = 900
# Kept from the caller: where the package client finds packages is the machine's matter.
KEEP = re.compile(r"PIP_.*|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|.*_proxy|.*_PROXY|LANG|LC_ALL")


class OpenLab(LabDriver):
    """The driver's browser on a JupyterLab that `make lab` has started."""

    def __init__(self, chromium: str, folder: Path, port: int, token: str) -> None:
        super().__init__(chromium, folder)
        self.port, self.token = port, token

    def __enter__(self) -> OpenLab:
        self._start_browser()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop_browser()


def bare_environment(home: Path) -> dict[str, str]:
    """PATH without a virtual environment, an empty home, and the package client's settings."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if KEEP.fullmatch(name)}
    settings = Path.home() / ".config" / "pip" / "pip.conf"
    if settings.is_file():
        kept["PIP_CONFIG_FILE"] = str(settings)
    folders = os.environ["PATH"].split(os.pathsep)
    path = [f for f in folders if not (Path(f).parent / "pyvenv.cfg").exists()]
    return kept | {"PATH": os.pathsep.join(path), "HOME": str(home)}


@contextmanager
def make_lab(clone: Path, environment: dict[str, str]) -> Iterator[tuple[int, str]]:
    """`make lab` in the clone, until its server answers; yields its port and token."""
    port, token = free_port(), secrets.token_hex(16)
    arguments = (
        f"--no-browser --ServerApp.port={port} --ServerApp.port_retries=0"
        f" --IdentityProvider.token={token} --expose-app-in-browser"
    )
    log_path = clone.parent / "make-lab.log"
    with log_path.open("wb") as log:
        make = subprocess.Popen(
            ["make", "lab", f"LAB_ARGS={arguments}"],
            cwd=clone,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + READY_SECONDS
            while True:
                try:
                    url = f"http://127.0.0.1:{port}/api/status?token={token}"
                    urllib.request.urlopen(url, timeout=5).close()
                    break
                except OSError:
                    if make.poll() is not None or time.monotonic() > deadline:
                        text = log_path.read_text(errors="replace")
                        raise RuntimeError(f"make lab did not start:\n{text[-4000:]}") from None
                    time.sleep(0.1)
            yield port, token
        finally:
            _end_group(make)


def _end_group(leader: subprocess.Popen[bytes]) -> None:
    """Ends a process and all that it started in its session; returns when they are gone.

    make ends at once, but the server it started first ends its kernels and writes its files.
    """
    deadline = time.monotonic() + 30
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(leader.pid, kind)
            while time.monotonic() < deadline:
                leader.poll()
                os.killpg(leader.pid, 0)  # raises when nobody is left
                time.sleep(0.1)
    leader.wait()


def measure(say: Callable[[str], None] = print) -> dict[str, float]:
    """Seconds of each stage; raises if a cell fails or the lesson's prediction is not 18.9."""
    chromium, why = find_chromium()
    if chromium is None:
        raise RuntimeError(f"this needs a browser: {why}")
    seconds: dict[str, float] = {}

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        seconds[name] = time.monotonic() - began
        say(f"{seconds[name]:7.1f} s  {name}")

    with tempfile.TemporaryDirectory(prefix="first-hour-", ignore_cleanup_errors=True) as folder:
        clone = Path(folder) / "clone"
        environment = bare_environment(Path(folder) / "home")
        with stage("git clone"):
            subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        with ExitStack() as opened:
            with stage("make lab, the first time"):
                port, token = opened.enter_context(make_lab(clone, environment))
            with stage("JupyterLab in the browser"):
                lab = opened.enter_context(OpenLab(chromium, Path(folder), port, token))
            with stage("lesson 00, every cell"):
                lab.open(LESSON)
                lab.run_all()
            prediction = find_prediction(lab.outputs())
        seconds["from clone to prediction"] = sum(seconds.values())
        say(
            f"{seconds['from clone to prediction']:7.1f} s  in all, to a prediction of {prediction}"
        )
        with ExitStack() as opened, stage("make lab, the second time"):
            opened.enter_context(make_lab(clone, environment))
    return seconds


def find_prediction(outputs: list[list[dict]]) -> str:
    """The first 18.9... among the outputs; an error among them is raised with its cell."""
    found = ""
    for number, cell in enumerate(outputs):
        for output in cell:
            if output.get("output_type") == "error":
                raise RuntimeError(f"cell {number}: {output['ename']}: {output['evalue']}")
            match = re.search(r"18\.9\d*", str(output))
            found = found or (match[0] if match else "")
    if not found:
        raise RuntimeError("no cell of the lesson printed a prediction of 18.9")
    return found


if __name__ == "__main__":
    measure(lambda line: print(line, flush=True))
