"""LabDriver: a private JupyterLab and a real Chromium, for tests that click.

The server has its own configuration, data and runtime folders and an own copy of the notebooks,
so it neither sees nor changes what belongs to the person running the tests.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
from playwright.sync_api import Locator, Page, Playwright, TimeoutError, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "test-artifacts"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
]
# Console messages of JupyterLab itself that say nothing about the page under test.
QUIET = ("favicon", "Failed to load resource: the server responded with a status of 404")
START_SECONDS = 90
SECONDS = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LabDriver:
    """`with LabDriver(chromium, folder) as lab: lab.open("course/start.ipynb"); lab.run_all()`."""

    _playwright: Playwright  # one for all drivers: a process can hold no second one
    _open = 0

    def __init__(self, chromium: str, folder: Path) -> None:
        self.chromium, self.folder = chromium, folder
        self.root = folder / "root"
        self.progress_file = folder / "attempts.jsonl"
        self.console_errors: list[str] = []
        self.outside_requests: list[str] = []
        self.env = os.environ | {
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_CONFIG_PATH": str(ROOT / "course/jupyter"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "IPYTHONDIR": str(folder / "ipython"),
            "COURSE_PROGRESS_FILE": str(self.progress_file),
        }

    def __enter__(self) -> LabDriver:
        (self.root / "course").mkdir(parents=True)
        for name in ("course", "exercises"):
            for notebook in sorted((ROOT / name).rglob("*.ipynb")):
                target = self.root / notebook.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(notebook, target)
        subprocess.run(
            [sys.executable, "-m", "course.start_page", str(self.root / "course/start.ipynb")],
            env=self.env,
            check=True,
        )
        self._start_server()
        try:
            self._start_browser()
        except BaseException:
            self._stop_server()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            self._stop_browser()
        finally:
            self._stop_server()

    def _start_server(self) -> None:
        self.port, self.token = free_port(), secrets.token_hex(16)
        self._log = (self.folder / "server.log").open("wb")
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        command += [
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self.root}",
            f"--IdentityProvider.token={self.token}",
            "--expose-app-in-browser",
        ]
        self._server = subprocess.Popen(
            command, env=self.env, stdout=self._log, stderr=self._log, start_new_session=True
        )
        url = f"http://127.0.0.1:{self.port}/api/status?token={self.token}"
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(url, timeout=5):
                    return
            except OSError:
                if self._server.poll() is not None or time.monotonic() > deadline:
                    self._stop_server()
                    log = self._server_log()[-4000:]
                    raise RuntimeError(f"JupyterLab did not start:\n{log}") from None
                time.sleep(0.2)

    def _stop_server(self) -> None:
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGTERM)
            try:
                self._server.wait(15)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        self._log.close()

    def _start_browser(self) -> None:
        if LabDriver._open == 0:
            LabDriver._playwright = sync_playwright().start()
        LabDriver._open += 1
        self._browser = LabDriver._playwright.chromium.launch(
            executable_path=self.chromium, args=CHROMIUM_FLAGS
        )
        self.page: Page = self._browser.new_page(viewport={"width": 1280, "height": 900})
        self.page.set_default_timeout(SECONDS * 1000)
        self.page.on("request", self._see_request)
        self.page.on("console", self._see_console)
        self.page.on(
            "pageerror",
            lambda error: self.console_errors.append(f"page error: {error} {error.stack}"),
        )
        self.page.goto(f"http://127.0.0.1:{self.port}/lab?token={self.token}&reset")
        self.page.wait_for_function("() => window.jupyterapp && window.jupyterapp.restored")
        self.page.evaluate("() => window.jupyterapp.restored")
        # The launcher comes a moment later, and takes the focus from whatever was opened before it.
        self.until("() => window.jupyterapp.shell.currentWidget")

    def _stop_browser(self) -> None:
        self._browser.close()
        LabDriver._open -= 1
        if LabDriver._open == 0:
            LabDriver._playwright.stop()

    def _see_request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            self.outside_requests.append(request.url)

    def _see_console(self, message: Any) -> None:
        if message.type == "error" and not any(word in message.text for word in QUIET):
            self.console_errors.append(message.text)

    # Notebooks.

    def write(self, path: str, cells: list[str]) -> str:
        """Make a notebook of code cells; returns its path."""
        notebook = nbformat.v4.new_notebook(
            cells=[
                nbformat.v4.new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(cells)
            ],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target)
        return path

    def open(self, path: str, *, kernel: bool = True) -> None:
        """Open a notebook in the main area; with `kernel`, wait until its kernel is idle."""
        self.page.evaluate(
            """async ([path]) => {
                const app = window.jupyterapp;
                const widget = await app.commands.execute('docmanager:open', {path});
                app.shell.activateById(widget.id);
                await widget.context.ready;
                await widget.revealed;
            }""",
            [path],
        )
        if kernel:
            self.wait_idle()

    def close(self) -> None:
        """Shut the current notebook's kernel down and close it without saving."""
        self.page.evaluate(
            """async () => {
                const widget = window.jupyterapp.shell.currentWidget;
                if (!widget || !widget.context) return;
                await widget.context.sessionContext.shutdown();
                widget.context.model.dirty = false;
                widget.dispose();
            }"""
        )

    def run_all(self, *, wait: bool = True) -> None:
        self.page.evaluate(
            "() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
        )
        if wait:
            self.wait_idle()

    def show(self, name: str, *cells: str) -> None:
        """Open a new notebook of these cells, and run all of them without an error."""
        self.open(self.write(f"{name}.ipynb", list(cells)))
        self.run_all()
        assert self.errors() == []

    def press(self, *keys: str) -> None:
        """One key after another, for what has the focus."""
        for key in keys:
            self.page.keyboard.press(key)

    def run_cell(self, index: int) -> None:
        """Run one cell and wait for it."""
        self.page.evaluate(
            """index => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                notebook.deselectAll();
                notebook.activeCellIndex = index;
                window.jupyterapp.commands.execute('notebook:run-cell');
            }""",
            index,
        )
        self.wait_idle()

    def scroll_to(self, index: int) -> None:
        """Bring a cell into view; JupyterLab draws only what is near the view."""
        self.page.evaluate(
            "index => window.jupyterapp.shell.currentWidget.content.scrollToItem(index, 'start')",
            index,
        )

    def executed(self) -> list[bool]:
        """For every code cell with source, in order: whether it has run."""
        return self.page.evaluate(
            """() => window.jupyterapp.shell.currentWidget.content.widgets
                .map(cell => cell.model)
                .filter(model => model.type === 'code' && model.sharedModel.source.trim())
                .map(model => model.executionCount !== null)"""
        )

    def save(self) -> None:
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")

    def wait_idle(self, seconds: float = SECONDS) -> None:
        """Until every started cell has finished and the kernel has nothing to do."""
        try:
            self.until(
                """() => {
                    const widget = window.jupyterapp.shell.currentWidget;
                    const kernel = widget?.context?.sessionContext?.session?.kernel;
                    if (!widget?.context?.isReady || kernel?.status !== 'idle') return false;
                    return widget.content.widgets.every(
                        cell => cell.model.type !== 'code'
                            || (cell.model.sharedModel.executionState ?? 'idle') === 'idle');
                }""",
                seconds,
            )
        except TimeoutError as error:
            raise AssertionError(
                f"not idle after {seconds:g} s.\n{self._state()}\nThe server's log ends:\n"
                + "\n".join(self._server_log().splitlines()[-20:])
            ) from error

    def _state(self) -> str:
        """What the page knows of the current notebook and its kernel."""
        return self.page.evaluate(
            """() => {
                const widget = window.jupyterapp.shell.currentWidget;
                const session = widget?.context?.sessionContext?.session;
                return JSON.stringify({
                    current: widget?.title?.label, ready: widget?.context?.isReady,
                    kernel: session?.kernel?.id, status: session?.kernel?.status,
                    connection: session?.kernel?.connectionStatus,
                    cells: widget?.content?.widgets?.map(cell =>
                        cell.model.sharedModel.executionState ?? cell.model.type),
                    dialogs: [...document.querySelectorAll('.jp-Dialog')].map(d => d.innerText),
                });
            }"""
        )

    def _server_log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")

    def until(self, script: str, seconds: float = SECONDS, argument: object = None) -> None:
        self.page.wait_for_function(script, arg=argument, timeout=seconds * 1000, polling=50)

    def outputs(self) -> list[list[dict[str, Any]]]:
        """The outputs of every cell, from the notebook's model."""
        text = self.page.evaluate(
            """() => JSON.stringify(window.jupyterapp.shell.currentWidget.content.widgets.map(
                cell => cell.model.outputs ? cell.model.outputs.toJSON() : []))"""
        )
        return json.loads(text)

    def errors(self) -> list[str]:
        """Every error output, as "ename: evalue"."""
        return [
            f"{output['ename']}: {output['evalue']}"
            for cell in self.outputs()
            for output in cell
            if output["output_type"] == "error"
        ]

    def stream(self, cell: int) -> str:
        """What a cell printed."""
        printed = [out for out in self.outputs()[cell] if out["output_type"] == "stream"]
        return "".join("".join(out["text"]) for out in printed)

    def find(self, selector: str) -> Locator:
        """Elements of the visible notebook."""
        return self.page.locator(f".jp-NotebookPanel:not(.lm-mod-hidden) {selector}")

    def theme(self, name: str) -> None:
        """'JupyterLab Light' or 'JupyterLab Dark'."""
        self.page.evaluate(
            "async name => { await window.jupyterapp.commands.execute("
            "'apputils:change-theme', {theme: name}); }",
            name,
        )
        light = "true" if name == "JupyterLab Light" else "false"
        self.until(
            "light => document.body.dataset.jpThemeLight === light"
            " && !document.querySelector('#jupyterlab-splash')",
            argument=light,
        )

    def screenshot(self, name: str, selector: str | None = None) -> Path:
        """A PNG in test-artifacts/, of the window or of one element."""
        ARTIFACTS.mkdir(exist_ok=True)
        target = ARTIFACTS / f"{name}.png"
        if selector is None:
            self.page.screenshot(path=target)
        else:
            self.find(selector).first.screenshot(path=target)
        return target

    def both_themes(self, name: str, selector: str | None = None) -> None:
        """Screenshots in the light and in the dark theme."""
        self.theme("JupyterLab Dark")
        self.screenshot(f"{name}-dark", selector)
        self.theme("JupyterLab Light")
        self.screenshot(f"{name}-light", selector)

    def keep_trying(self, condition: Callable[[], bool], seconds: float = SECONDS) -> None:
        """Wait until `condition()` holds. A cell that raised meanwhile ends the waiting."""
        deadline = time.monotonic() + seconds
        while not condition():
            errors = self.errors()
            assert not errors, f"a cell raised: {errors}"
            assert time.monotonic() < deadline, f"still not so after {seconds:g} s"
            self.page.wait_for_timeout(50)

    def appears(self, what: str | Locator) -> Locator:
        """Wait for an element of the notebook to be there; a cell that raised ends the waiting."""
        found = self.find(what) if isinstance(what, str) else what
        self.keep_trying(lambda: found.count() > 0)
        return found
