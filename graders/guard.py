"""Calling a learner's function so that nothing it does spoils the check: exceptions, endless
loops, floods of output, floods of memory, changed inputs, changed settings. It protects against
accidents, not against attacks."""

from __future__ import annotations

import contextlib
import copy
import ctypes
import io
import linecache
import os
import signal
import sys
import sysconfig
import threading
import time
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from graders import memory, state
from graders.compare import identical
from graders.show import clean

PRINTED = 2_000
"""How many characters of what a learner prints are kept."""
LOOK = 0.02
"""How often a running call is looked at, in seconds."""

_HERE = os.path.dirname(os.path.abspath(__file__))
_NOT_THEIRS = tuple(
    folder + os.sep
    for folder in (
        _HERE,
        os.path.join(os.path.dirname(_HERE), "engine"),
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
    )
)


class Stopped(BaseException):
    """Raised inside the learner's code; a BaseException, so `except Exception` lets it pass."""


class TimeIsUp(Stopped):
    """It took too long."""


class TooMuchMemory(Stopped):
    """It took too much memory."""


@dataclass(frozen=True)
class Ran:
    """What came of one call."""

    value: Any = None
    error: BaseException | None = None
    line: str = ""
    """Where the learner's own code raised: 'line 3: return lenn(x)'."""
    timed_out: bool = False
    printed: str = ""
    mutated: bool = False
    seconds: float = 0.0
    changed: tuple[str, ...] = ()
    """What it changed of the whole program, which has been put back: "the working directory"."""


def run(function: Callable[..., Any], args: tuple[Any, ...], seconds: float) -> Ran:
    """Call `function` with copies of `args`, for at most `seconds`.

    A KeyboardInterrupt is the learner's own Stop and passes through. A single call into C code
    that never returns to Python cannot be interrupted.
    """
    given = copy.deepcopy(args)
    kept = copy.deepcopy(given)
    out = _Bounded(PRINTED)
    began = time.perf_counter()
    ran: dict[str, Any] = {}
    allowed, before = memory.most(), memory.in_use()
    with state.put_back() as changed:
        try:
            with (
                _captured(out),
                memory.huge_requests_refused(allowed),
                time_limit(seconds, lambda: memory.in_use() - before > allowed),
            ):
                value = function(*given)
                if isinstance(value, types.GeneratorType):
                    value.close()
            ran["value"] = value
            if isinstance(value, np.ndarray) and value.nbytes > allowed:
                ran = {"error": _memory_error(f"what it returned takes {value.nbytes:,} bytes")}
            # A function that caught the alarm and returned took too long all the same.
            ran["timed_out"] = time.perf_counter() - began >= seconds
        except TimeIsUp as error:
            ran.update(timed_out=True, line=own_line(error))
        except TooMuchMemory as error:
            words = f"it took more than {allowed // memory.MIB:,} MB, and was stopped"
            ran.update(error=_memory_error(words), line=own_line(error))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit and the like must not end the learner's kernel
            ran.update(error=error, line=own_line(error))
            if isinstance(error, MemoryError):  # what filled the memory goes with the frames
                traceback.clear_frames(error.__traceback__)
    return Ran(
        **ran,
        printed=out.text(),
        mutated=not identical(kept, given),
        seconds=time.perf_counter() - began,
        changed=tuple(changed),
    )


def _memory_error(words: str) -> MemoryError:
    return MemoryError(f"{words}; the task needs next to nothing")


def own_line(error: BaseException) -> str:
    """The deepest line of the learner's own code that the exception came through."""
    deepest = ""
    step = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        theirs = file.startswith("<ipython") or not file.startswith(("<", *_NOT_THEIRS))
        if theirs:
            text = linecache.getline(file, step.tb_lineno).strip()
            where = f"line {step.tb_lineno} of {step.tb_frame.f_code.co_name}"
            deepest = f"{where}: {text}" if text else where
        step = step.tb_next
    return clean(deepest, width=160, lines=1)


def _never() -> bool:
    return False


@contextlib.contextmanager
def time_limit(seconds: float, too_much: Callable[[], bool] = _never) -> Iterator[None]:
    """Raise TimeIsUp in this thread once the time is over, and TooMuchMemory once `too_much()`
    holds, again and again until it gets through: a bare `except:` may swallow the first ones."""
    with _swallowed_in_silence():
        if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
            return (yield from _by_alarm(seconds, too_much))
        return (yield from _by_thread(seconds, too_much))


@contextlib.contextmanager
def _swallowed_in_silence() -> Iterator[None]:
    """When it is raised in a finalizer, or in what the garbage collector calls, Python only reports it. As it
    comes again, nobody has to hear of that; and whoever listens would be stopped by the next one."""
    before = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, Stopped):
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _reason(until: float, too_much: Callable[[], bool]) -> type[Stopped] | None:
    if time.perf_counter() >= until:
        return TimeIsUp
    return TooMuchMemory if too_much() else None


def _by_alarm(seconds: float, too_much: Callable[[], bool]) -> Iterator[None]:
    tracing, until = sys.gettrace(), time.perf_counter() + seconds
    reason: type[Stopped] | None = None

    def ring(signum: int, frame: types.FrameType | None) -> None:
        nonlocal reason
        again, reason = reason is not None, reason or _reason(until, too_much)
        if reason is None:
            return
        if again and frame is not None:  # swallowed once: raise in its `except` block as well
            raises = _raising(reason)
            while frame is not None and frame.f_code.co_filename != __file__:
                frame.f_trace = raises
                frame = frame.f_back
            sys.settrace(raises)
        raise reason

    before = signal.signal(signal.SIGALRM, ring)
    timer = signal.getitimer(signal.ITIMER_REAL)  # one limit may lie within another
    try:
        signal.setitimer(signal.ITIMER_REAL, min(seconds, LOOK), LOOK)
        yield
    finally:
        # An alarm may still ring between the end of the call and the first of these lines.
        for quiet in (lambda: sys.settrace(tracing),
                      lambda: signal.setitimer(signal.ITIMER_REAL, 0),
                      lambda: signal.signal(signal.SIGALRM, before),
                      lambda: sys.settrace(tracing),
                      lambda: signal.setitimer(signal.ITIMER_REAL, *timer)):  # fmt: skip
            try:
                quiet()
            except Stopped:
                quiet()


def _raising(reason: type[Stopped]) -> Any:
    """A trace function that ends the learner's code wherever it next gets to."""

    def at_next_line(frame: types.FrameType, event: str, arg: Any) -> Any:
        if event == "line" and frame.f_code.co_filename != __file__:
            raise reason
        return at_next_line

    return at_next_line


def _by_thread(seconds: float, too_much: Callable[[], bool]) -> Iterator[None]:
    """The same for other threads and for Windows; it cannot wake a call that sleeps."""
    target, over = ctypes.c_ulong(threading.get_ident()), threading.Event()
    until = time.perf_counter() + seconds
    sent: type[Stopped] | None = None

    def send(reason: type[Stopped]) -> None:
        nonlocal sent
        sent = reason
        ctypes.pythonapi.PyThreadState_SetAsyncExc(target, ctypes.py_object(reason))

    def watch() -> None:
        while not over.wait(min(seconds, LOOK)):
            reason = sent or _reason(until, too_much)
            if reason:
                send(reason)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        while watcher.is_alive():  # a last one may arrive here
            with contextlib.suppress(Stopped):
                over.set()
                watcher.join()
        if sent:
            # One may still be under way. Taking it back (SetAsyncExc with NULL) would leave the interpreter
            # looking for it for ever, and CPython 3.11 then hangs under a profiler: so it is let in.
            with contextlib.suppress(Stopped):
                send(sent)
                while True:
                    pass


class _Bounded(io.TextIOBase):
    """Keeps the beginning of what is written, and counts the rest."""

    def __init__(self, limit: int) -> None:
        self.limit, self.length, self.total = limit, 0, 0
        self.kept: list[str] = []

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = self.limit - self.length
        if room > 0:
            self.kept.append(text[:room])
            self.length += len(self.kept[-1])
        self.total += len(text)
        return len(text)

    def text(self) -> str:
        more = self.total - self.length
        text = clean("".join(self.kept).rstrip("\n"))
        return f"{text}\n... and {more:,} more characters" if more else text


@contextlib.contextmanager
def _captured(out: _Bounded) -> Iterator[None]:
    """Standard output, standard error, warnings and displays of the call go to `out`."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(out))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("default")
        if shell and hasattr(shell, "display_pub"):
            from IPython.core.displaypub import CapturingDisplayPublisher

            before, shell.display_pub = shell.display_pub, CapturingDisplayPublisher()
            stack.callback(setattr, shell, "display_pub", before)
        yield
