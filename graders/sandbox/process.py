"""One sandbox as the trusted side sees it: questions, answers, a clock of its own, and an end.

A sandbox that does not answer in time, or answers nonsense, is killed. The next question goes to a new one,
in which the cells that had been run are run again: a task that hangs costs no other task its points.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from graders.sandbox.jail import Jail, NoSandbox
from graders.sandbox.wire import WireError, frame, read_frame

GRACE = 1.0
"""Seconds that an answer may come late: the sandbox has a clock too, which the submission can stop."""
CELL_SECONDS = 20.0
REPLAYS = 20
"""How many sandboxes one submission may use up."""
SECONDS = 300.0
"""How long one submission may take, all in all."""


class Died(Exception):
    """The sandbox has ended, or was ended: it hung, it was out of memory, or it answered nonsense."""

    def __init__(self, why: str, late: bool = False) -> None:
        super().__init__(why)
        self.late = late


@dataclass
class Cell:
    """What came of one cell."""

    outputs: list[dict[str, Any]]
    ended: str
    """ok, error, time or died"""
    seconds: float = 0.0


@dataclass
class Sandbox:
    """A running submission. `callbacks` are the functions of the grader's that it may call now."""

    jail: Jail
    callbacks: dict[int, Callable[..., Any]] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)
    replays: int = 0
    _connection: Any = None
    _child: int = 0
    _number: int = 0
    _began: float = 0.0
    on_news: Callable[[dict[str, Any]], None] = lambda news: None

    def run_cell(self, source: str, seconds: float = CELL_SECONDS) -> Cell:
        """Runs a cell and keeps it, for a sandbox that may have to take over."""
        cell = self._cell(source, seconds)
        if cell.ended in ("ok", "error"):
            self.history.append(source)
        return cell

    def _cell(self, source: str, seconds: float) -> Cell:
        began = time.perf_counter()
        try:
            said = self.ask("cell", seconds, source=source)
            outputs, ended = said.get("outputs"), said.get("ended")
        except Died as error:
            ended = "time" if error.late else "died"
            return Cell([_note(str(error))], ended, time.perf_counter() - began)
        if ended not in ("ok", "error", "time") or not isinstance(outputs, list):
            ended, outputs = "died", [_note("the sandbox gave no outputs")]
        if ended == "time":
            outputs = [*outputs, _note(f"stopped after {seconds:g} s")]
        return Cell(outputs, ended, time.perf_counter() - began)

    def ask(self, op: str, seconds: float, **message: Any) -> dict[str, Any]:
        """The answer to one question, whose time begins now; calls back are served meanwhile.

        Raises:
          Died: when there is none.
        """
        self._alive()
        self._number += 1
        number = self._number
        deadline = time.monotonic() + seconds + GRACE
        self._send({"op": op, "n": number, "seconds": seconds, **message})
        while True:
            said = self._read(deadline)
            if said.get("reply") == number:
                self.on_news(said)
                return said
            if "callback" not in said:
                self.kill()
                raise Died("the sandbox answered what nobody asked")
            self._serve(said, deadline)

    def _serve(self, said: dict[str, Any], deadline: float) -> None:
        function = self.callbacks.get(said["callback"]) if type(said["callback"]) is int else None
        if function is None:
            self.kill()
            raise Died("the sandbox called a function that it does not have")
        self.on_news(said)
        answer = function(said.get("args"))
        self._send({"answer": said.get("n"), **answer})

    def _alive(self) -> None:
        if self._connection is not None:
            return
        if self.replays >= REPLAYS:
            raise Died("the submission has ended too many sandboxes")
        if self._began and time.monotonic() - self._began > SECONDS:
            raise Died("the submission has had its time")
        self._began = self._began or time.monotonic()
        self.replays += 1
        self._connection, self._child = self.jail.sandbox()
        again, self.history = self.history, []
        for source in again:
            self.run_cell(source)
        if self._connection is None:  # the last of them has ended it: once more, without that one
            self._alive()

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._connection.settimeout(10)
            self._connection.sendall(frame(message))
        except OSError:
            self.kill()
            raise Died("the sandbox has ended") from None

    def _read(self, deadline: float) -> dict[str, Any]:
        def receive(count: int) -> bytes:
            parts = bytearray()
            while len(parts) < count:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                self._connection.settimeout(left)
                part = self._connection.recv(min(count - len(parts), 1 << 20))
                if not part:
                    raise EOFError
                parts += part
            return bytes(parts)

        try:
            return read_frame(receive)
        except TimeoutError:
            self.kill()
            raise Died("no answer in time; the sandbox was ended", late=True) from None
        except (OSError, EOFError):
            self.kill()
            raise Died("the sandbox ended: out of memory, or by what the submission did") from None
        except WireError as error:
            self.kill()
            raise Died(f"the sandbox sent {error}") from None

    def kill(self) -> None:
        """Ends it, with every process that it started."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.close()
            self._connection = None
            self.jail.end(self._child)

    @property
    def ended(self) -> bool:
        """Whether the next question begins a new sandbox."""
        return self._connection is None

    close = kill

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def _note(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stderr", "text": f"[{text}]\n"}


__all__ = ["Cell", "Died", "Jail", "NoSandbox", "Sandbox"]
