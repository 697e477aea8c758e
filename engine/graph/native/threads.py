"""Loops whose turns are dealt out among threads: for work so long that starting threads does not count.

A thread is started for each call and ends with it (some 20 us): nothing waits in between, and a process that
forks has no threads to lose. Read `vectors` first.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from engine.dtypes import DType, bool_, int64
from engine.graph.native.vectors import Index, Vectors
from engine.scalar import Scalar

LEAST = 1 << 23  # products for a thread, some 150 us
MOST = 8  # threads; a container may show more processors than it may use
FRAME = 3  # what a thread is told before the addresses: its number, its first turn, the turn after its last


def cores() -> int:
    """How many threads may run at once: the processors of this process, or fewer.

    The variables that limit NumPy's matrix products, OMP_NUM_THREADS and OPENBLAS_NUM_THREADS, limit these
    as well.
    """
    if not sys.platform.startswith(("linux", "darwin")):  # without POSIX threads
        return 1
    able = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wished = [os.environ.get(f"{name}_NUM_THREADS", "") for name in ("OMP", "OPENBLAS")]
    return min([MOST, able, *(int(text) for text in wished if text.isdecimal() and int(text))])


def threads_for(products: int, turns: int) -> int:
    """How many threads are worth starting for so many products in so many turns."""
    return max(min(cores(), turns, products // LEAST), 1)


class Team(Vectors):
    """Vectors with one part that several threads run, each with its own share of a loop."""

    def __init__(self, parameters: int, dtype: DType):
        super().__init__(parameters, dtype)
        self.thread: Index = 0  # which thread runs these lines
        self._part: list[str] = []
        self._pointers: list[str] = list(self._parameters)

    def space(self, size: int) -> str:
        """As of Vectors; all threads see it."""
        pointer = super().space(size)
        self._pointers.append(pointer)
        return pointer

    @contextmanager
    def shared(self, turns: int, threads: int) -> Iterator[None]:
        """Lines that `threads` threads run, once each; the loop in them is `share(turns)`.

        They see the parameters and all `space`; registers from before have no meaning in them.
        """
        if threads == 1:
            yield
            return
        outside = self._lines, self._block, self._known
        self._lines, self._block, self._known = [], "start", [{}]
        self.thread = Scalar("register", (), int64, "%thread")
        yield
        self._part, self.thread = self._lines, 0
        self._lines, self._block, self._known = outside
        self._start(turns, threads)

    @contextmanager
    def share(self, turns: int) -> Iterator[Index]:
        """A loop over this thread's turns; over all of them where there is one thread."""
        if isinstance(self.thread, int):
            with self.turns(turns) as i:
                yield i
        else:
            with self.loop("%turns") as i:  # type: ignore[arg-type]  # a register for the number
                yield i + Scalar("register", (), int64, "%first")

    def _start(self, turns: int, threads: int) -> None:
        """Tells each thread what is its own, starts all but one, is that one, and waits for the others."""
        self._declared["pthread_create"] = "declare i32 @pthread_create(ptr, ptr, ptr, ptr)"
        self._declared["pthread_join"] = "declare i32 @pthread_join(i64, ptr)"
        width = FRAME + len(self._pointers)
        frames = self.new(f"alloca [{threads * width} x i64]")
        names = self.new(f"alloca [{threads} x i64]")
        failed = self.new(f"alloca [{threads} x i32]")
        with self.loop(threads) as k:
            frame = self._slot(frames, k * width)
            first = self.integer("udiv", k * turns, threads)
            end = self.integer("udiv", (k + 1) * turns, threads)
            for place, value in enumerate((k, first, end)):
                self.line(f"store i64 {self.write(value)}, ptr {self._slot(frame, place)}")
            for place, pointer in enumerate(self._pointers):
                self.line(f"store ptr {pointer}, ptr {self._slot(frame, FRAME + place)}")
        with self.loop(threads - 1) as k:
            frame, name = self._slot(frames, (k + 1) * width), self._slot(names, k)
            code = self.new(
                f"call i32 @pthread_create(ptr {name}, ptr null, ptr @part, ptr {frame})"
            )
            self.line(f"store i32 {code}, ptr {self._slot(failed, k, 'i32')}")
        self.line(f"call ptr @part(ptr {frames})")
        with self.loop(threads - 1) as k:
            code = self.new(f"load i32, ptr {self._slot(failed, k, 'i32')}")
            with self.only_if(self._register("icmp ne i32", code, "0")):  # then it is done here
                self.line(f"call ptr @part(ptr {self._slot(frames, (k + 1) * width)})")
            with self.only_if(self._register("icmp eq i32", code, "0")):
                name = self.new(f"load i64, ptr {self._slot(names, k)}")
                self.line(f"call i32 @pthread_join(i64 {name}, ptr null)")

    def _slot(self, pointer: str, index: Index, kind: str = "i64") -> str:
        place = str(index) if isinstance(index, int) else self.write(index)
        return self.new(f"getelementptr {kind}, ptr {pointer}, i64 {place}")

    def _register(self, instruction: str, a: str, b: str) -> Scalar:
        return Scalar("register", (), bool_, self.new(f"{instruction} {a}, {b}"))

    def text(self) -> str:
        """The module; what threads run is a function of its own."""
        if not self._part:
            return super().text()
        kept, self._kept = self._kept, []
        told = ["%thread", "%first", "%end"]
        head = ["", "define internal ptr @part(ptr %frame) {", "start:", *kept]
        for place, name in enumerate([*told, *self._pointers]):
            kind = "i64" if name in told else "ptr"
            head.append(f"  %told{place} = getelementptr i64, ptr %frame, i64 {place}")
            head.append(f"  {name} = load {kind}, ptr %told{place}")
        head.append("  %turns = sub i64 %end, %first")
        return "\n".join([super().text(), *head, *self._part, "  ret ptr null", "}"]) + "\n"
