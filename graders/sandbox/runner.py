"""The untrusted side: runs the cells of one submission in a sandbox, and answers what the grader asks.

Nothing here is believed. A submission shares this process and may change any of it; all it can reach is what
it answers, and answers are compared elsewhere, with inputs that come one at a time.
"""

from __future__ import annotations

import base64
import builtins
import contextlib
import functools
import linecache
import operator
import os
import signal
import socket
import sys
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from graders.sandbox.wire import Decoder, Encoder, WireError, frame, read_frame

OUTPUT_CHARACTERS = 200_000
"""How much a cell may show; the rest is counted."""
PRINTED, MESSAGE = 2_000, 2_000
MIMES = ("text/plain", "image/png")


class TimeIsUp(BaseException):
    """Raised in the submission's code when its time is over."""


# --- cells -----------------------------------------------------------------------------------------------


class Outputs:
    """What a cell shows, in order and up to a limit, as a notebook keeps it."""

    def __init__(self, limit: int = OUTPUT_CHARACTERS) -> None:
        self.shown: list[dict[str, Any]] = []
        self.room, self.lost = limit, 0

    def stream(self, name: str, text: str) -> None:
        kept = text[: max(self.room, 0)]
        self.lost += len(text) - len(kept)
        self.room -= len(kept)
        last = self.shown[-1] if self.shown else {}
        if kept and last.get("name") == name:
            last["text"] += kept
        elif kept:
            self.shown.append({"output_type": "stream", "name": name, "text": kept})

    def data(self, kind: str, data: dict[str, Any]) -> None:
        kept: dict[str, str] = {}
        for mime in MIMES:
            if mime in data:
                value = data[mime]
                text = base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
                if len(text) > self.room:
                    self.lost += len(text)
                    continue
                self.room -= len(text)
                kept[mime] = text
        if kept:
            self.shown.append({"output_type": kind, "data": kept})

    def error(self, name: str, value: str, rows: list[str]) -> None:
        self.shown.append(
            {
                "output_type": "error",
                "ename": name[:200],
                "evalue": value[:MESSAGE],
                "traceback": [row[:4_000] for row in rows[:60]],
            }
        )

    def finished(self) -> list[dict[str, Any]]:
        if self.lost:
            self.room = 100
            self.stream("stderr", f"\n... and {self.lost:,} more characters")
        return self.shown


class Stream:
    """Standard output or error, as the outputs of the cell that runs."""

    encoding, errors, closed, softspace = "utf-8", "strict", False, 0

    def __init__(self, name: str, runner: Runner) -> None:
        self.name, self._runner = name, runner

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._runner.outputs.stream(self.name, text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing waits to be written."""

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def fileno(self) -> int:
        raise OSError("the output of a notebook has no file")


class _Published(DisplayPublisher):
    outputs: Any = None

    def publish(self, data: Any, metadata: Any = None, **kwargs: Any) -> None:  # type: ignore[override]
        self.outputs().data("display_data", dict(data))

    def clear_output(self, wait: bool = False) -> None:
        self.outputs().shown.clear()


class _Result(DisplayHook):
    outputs: Any = None

    def write_output_prompt(self) -> None:
        """The notebook writes its own."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        self.outputs().data("execute_result", dict(format_dict))


class _Shell(InteractiveShell):
    display_pub_class, displayhook_class = _Published, _Result


def make_shell() -> InteractiveShell:
    """IPython, without history, as a notebook's kernel has it."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.cache_size = 0
    shell = _Shell.instance(config=config)
    shell.user_module.__name__ = "__main__"
    sys.modules["__main__"] = shell.user_module
    return shell


# --- the loop --------------------------------------------------------------------------------------------


class Runner:
    """Serves one connection until it is closed."""

    def __init__(self, connection: socket.socket, shell: InteractiveShell) -> None:
        self._connection, self._shell = connection, shell
        self.outputs = Outputs()
        self._things: dict[int, Any] = {}
        self._shared: dict[int, Any] = {}
        self._synced: dict[int, Any] = {}
        self._callbacks = 0
        shell.display_pub.outputs = lambda: self.outputs  # type: ignore[attr-defined]
        shell.displayhook.outputs = lambda: self.outputs  # type: ignore[attr-defined]
        shell._showtraceback = self._show_traceback  # type: ignore[assignment,method-assign]
        sys.stdout, sys.stderr = Stream("stdout", self), Stream("stderr", self)
        sys.stdin = None
        # A process that a submission forks has nothing to say to the grader.
        os.register_at_fork(after_in_child=lambda: os.close(connection.fileno()))

    def serve(self) -> None:
        """Answers until the grader hangs up."""
        while True:
            try:
                message = read_frame(self._receive)
            except EOFError:
                return
            self._answer(message)

    def _receive(self, count: int) -> bytes:
        parts = []
        while count:
            part = self._connection.recv(min(count, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _answer(self, message: dict[str, Any]) -> None:
        try:
            said = getattr(self, f"_op_{message['op']}")(message)
            packed = frame({"reply": message["n"], **said})
        except WireError as error:
            packed = frame({"reply": message["n"], "unreadable": str(error)})
        except KeyError:
            packed = frame({"reply": message["n"], "unreadable": "it is not there any more"})
        self._connection.sendall(packed)

    # --- what the grader asks ---------------------------------------------------------------------------

    def _op_cell(self, message: dict[str, Any]) -> dict[str, Any]:
        self.outputs = Outputs()
        began = time.perf_counter()
        try:
            with time_limit(message["seconds"]):
                result = self._shell.run_cell(message["source"], store_history=False)
            ended = "ok" if result.success else "error"
        except TimeIsUp:
            ended = "time"
        except BaseException as error:  # what IPython lets pass
            self.outputs.error(type(error).__name__, _message(error), [])
            ended = "error"
        if time.perf_counter() - began >= message["seconds"]:
            ended = "time"
        return {"ended": ended, "outputs": self.outputs.finished()}

    def _op_lookup(self, message: dict[str, Any]) -> dict[str, Any]:
        names = self._shell.user_ns
        if message["name"] not in names:
            return {"missing": True}
        return {"value": self._refer(names[message["name"]])}

    def _op_call(self, message: dict[str, Any]) -> dict[str, Any]:
        decoder = Decoder(self._resolve, layout=True)
        things = [decoder.decode(entry) for entry in message["args"]]
        kwargs = {name: decoder.decode(entry) for name, entry in message["kwargs"].items()}
        target = self._things[message["id"]]
        return self._ran(
            lambda: target(*things, **kwargs),
            message,
            changed=lambda: self._changed(message, things),
        )

    def _op_operator(self, message: dict[str, Any]) -> dict[str, Any]:
        decoder = Decoder(self._resolve, layout=True)
        things = [decoder.decode(entry) for entry in message["args"]]
        return self._ran(lambda: getattr(operator, message["name"])(*things), message)

    def _op_builtin(self, message: dict[str, Any]) -> dict[str, Any]:
        decoder = Decoder(self._resolve, layout=True)
        things = [decoder.decode(entry) for entry in message["args"]]
        return self._ran(lambda: getattr(builtins, message["name"])(*things), message)

    def _op_attribute(self, message: dict[str, Any]) -> dict[str, Any]:
        target = self._things[message["id"]]
        return self._ran(lambda: getattr(target, message["name"]), message, by_reference=True)

    def _op_fetch(self, message: dict[str, Any]) -> dict[str, Any]:
        return self._ran(lambda: self._things[message["id"]], message)

    def _op_define(self, message: dict[str, Any]) -> dict[str, Any]:
        """A function out of program text, in names of its own."""
        names: dict[str, Any] = {}

        def build() -> Any:
            exec(compile(message["source"], message["file"], "exec"), names)
            return names.get(message["name"])

        return self._ran(build, message, by_reference=True)

    def _op_forget(self, message: dict[str, Any]) -> dict[str, Any]:
        self._things = {k: v for k, v in self._things.items() if k in message["keep"]}
        self._shared.clear()
        self._synced.clear()
        return {}

    # --- running ----------------------------------------------------------------------------------------

    def _ran(
        self,
        work: Callable[[], Any],
        message: dict[str, Any],
        by_reference: bool = False,
        changed: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:
        before, self.outputs = self.outputs, Outputs(PRINTED)
        began = time.perf_counter()
        said: dict[str, Any] = {}
        try:
            with time_limit(message["seconds"]):
                value = work()
                said["value"] = Encoder(self._refer, by_reference).encode(value)
                if isinstance(value, types.GeneratorType):
                    value.close()
            said["late"] = time.perf_counter() - began >= message["seconds"]
        except TimeIsUp as error:
            said = {"late": True, "line": own_line(error)}
        except WireError as error:
            said = {"unreadable": str(error)}
        except _Hangup:
            raise
        except BaseException as error:
            said = {"error": _error(error), "line": own_line(error)}
        said["printed"] = "".join(
            each["text"] for each in self.outputs.finished() if each["output_type"] == "stream"
        )
        self.outputs = before
        with contextlib.suppress(Exception):
            said["mutated"] = changed()
        said["shared"] = self._news()
        return said

    def _changed(self, message: dict[str, Any], things: list[Any]) -> bool:
        """Whether an argument that came as plain data is another now."""
        return any(
            Encoder(self._refer).encode(thing) != entry
            for entry, thing in zip(message["args"], things, strict=True)
            if not (isinstance(entry, dict) and entry.get("t") == "ref")
        )

    def _news(self) -> dict[str, Any]:
        """The shared lists that are not as the grader knows them."""
        news = {}
        for key, thing in self._shared.items():
            with contextlib.suppress(WireError):
                entry = Encoder(self._refer).encode(thing)
                if entry != self._synced[key]:
                    news[str(key)] = self._synced[key] = entry
        return news

    # --- references -------------------------------------------------------------------------------------

    def _refer(self, thing: Any) -> dict[str, Any]:
        key = next((k for k, v in self._things.items() if v is thing), None)
        if key is None:
            key = len(self._things) + 1
            while key in self._things:
                key += 1
            self._things[key] = thing
        kind = (
            "class"
            if isinstance(thing, type)
            else "generator"
            if isinstance(thing, types.GeneratorType)
            else "callable"
            if callable(thing)
            else "object"
        )
        return {"t": "ref", "id": key, "kind": kind, "name": str(type(thing).__name__)[:80]}

    def _resolve(self, entry: dict[str, Any]) -> Any:
        if "callback" in entry:
            return functools.partial(self._call_back, entry["callback"])
        if "shared" in entry:
            return self._share(entry)
        return self._things[entry["id"]]

    def _share(self, entry: dict[str, Any]) -> Any:
        key, content = entry["shared"], entry["content"]
        thing = self._shared.get(key)
        if thing is None:
            thing = self._shared[key] = Decoder(self._resolve, layout=True).decode(content)
        elif content != self._synced[key]:
            thing[:] = Decoder(self._resolve, layout=True).decode(content)
        self._synced[key] = content
        return thing

    def _call_back(self, key: int, *args: Any) -> Any:
        """Calls a function of the grader's, and answers it meanwhile."""
        self._callbacks += 1
        number = self._callbacks
        entries = [Encoder(self._refer, by_reference=True).encode(arg) for arg in args]
        self._connection.sendall(
            frame({"callback": key, "args": entries, "n": number, "shared": self._news()})
        )
        while True:
            try:
                message = read_frame(self._receive)
            except EOFError:
                raise _Hangup from None
            if message.get("answer") == number:
                break
            self._answer(message)
        if "error" in message:
            raise _GraderSaid(message["error"])
        return Decoder(self._resolve, layout=True).decode(message["value"])

    def _show_traceback(self, kind: Any, value: Any, rows: list[str]) -> None:
        self.outputs.error(getattr(kind, "__name__", str(kind)), _message(value), list(rows))


class _Hangup(BaseException):
    """The grader is gone."""


class _GraderSaid(Exception):
    """A function of the grader's raised; it knows what."""


# --- exceptions ------------------------------------------------------------------------------------------


def _message(error: Any) -> str:
    try:
        return str(error)[:MESSAGE]
    except BaseException:
        return "(its message cannot be shown)"


def _error(error: BaseException) -> dict[str, Any]:
    mro = [cls.__name__[:200] for cls in type(error).__mro__][:20]
    return {"mro": mro, "message": _message(error), "grader": isinstance(error, _GraderSaid)}


def own_line(error: BaseException) -> str:
    """The deepest line of the submission's own code that the exception came through."""
    deepest, step = "", error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if file.startswith(("<ipython", "<your", "/tmp/ipykernel", "<string>")):
            text = linecache.getline(file, step.tb_lineno).strip()
            where = f"line {step.tb_lineno} of {step.tb_frame.f_code.co_name}"
            deepest = f"{where}: {text}" if text else where
        step = step.tb_next
    return deepest[:160]


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises TimeIsUp once the time is over, again and again. The clock that counts is the grader's."""

    def ring(_number: int, _frame: Any) -> None:
        raise TimeIsUp

    signal.signal(signal.SIGALRM, ring)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds, 0.02)
    try:
        yield
    finally:
        for _ in range(20):
            try:
                signal.setitimer(signal.ITIMER_REAL, left)
                break
            except TimeIsUp:
                continue
