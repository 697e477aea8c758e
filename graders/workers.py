"""Who does the work: processes on this machine, or the workers of a Dask cluster (graders/cluster.py).

Either is a crew: tasks go in, results come out, in any order. A task whose worker died is given to another
one; when that dies too, the task has failed, and nobody else's waits for it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol, cast

JOBS = 1_000
"""After so many a process is replaced, so that nothing that piles up in it piles up for ever."""
TRIES = 2
"""In how many processes a task is begun before it has failed."""


@dataclass(eq=False)
class Task:
    """Something to be done: `function(argument)`, somewhere else. `about` is for whoever gets the result."""

    function: Callable[[Any], Any]
    argument: Any
    about: Any = None
    tries: int = 0


@dataclass(frozen=True)
class Failed:
    """In place of a result: what the task raised, or that its workers died."""

    error: Exception


class WorkerDied(Exception):
    """Every process that began this task ended before it was done: out of memory, most likely."""


class Crew(Protocol):
    """Something that works tasks off."""

    elsewhere: bool
    """Does it work on other machines, with a sandbox and an installation of their own?"""

    @property
    def room(self) -> int:
        """How many tasks it is worth to hand over at a time."""

    def submit(self, task: Task) -> None:
        """Hand over a task."""

    def next(self) -> tuple[Task, Any]:
        """A task that is done, and its result or `Failed`; waits for one."""

    def close(self) -> None:
        """Stop, without waiting for what is not done."""


def work_off(
    crew: Crew, tasks: Iterator[Task], done: Callable[[Task, Any], Iterator[Task] | None]
) -> None:
    """Do all tasks, and those that `done(task, result)` returns for a task that is done; those come first.

    No more than `crew.room` are under way at a time, so `tasks` may be endless as far as memory goes.
    """
    more: deque[Task] = deque()
    running, exhausted = 0, False
    while True:
        while running < crew.room:
            task = more.popleft() if more else None
            if task is None and not exhausted:
                task = next(tasks, None)
                exhausted = task is None
            if task is None:
                break
            crew.submit(task)
            running += 1
        if not running:
            return
        finished, result = crew.next()
        running -= 1
        more.extend(done(finished, result) or ())


@dataclass(eq=False)
class _Worker:
    process: Any
    connection: Connection
    task: Task | None = None
    jobs: int = 0


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class Processes:
    """A crew of processes on this machine, each of which keeps a sandbox warm.

    They are forked from a server that has imported what they need, so one is there in milliseconds. They end
    when this process does, however it ends.
    """

    count: int = field(default_factory=_processors)
    elsewhere: bool = field(default=False, init=False)
    _workers: list[_Worker] = field(default_factory=list)
    _waiting: deque[Task] = field(default_factory=deque)
    _lost: deque[Task] = field(default_factory=deque)

    @property
    def room(self) -> int:
        return 2 * self.count

    def submit(self, task: Task) -> None:
        self._waiting.append(task)
        self._distribute()

    def next(self) -> tuple[Task, Any]:
        while True:
            if self._lost:
                lost = self._lost.popleft()
                why = f"{lost.tries} processes that worked on it ended before it was done"
                return lost, Failed(WorkerDied(why))
            busy = {each.connection: each for each in self._workers if each.task is not None}
            if not busy:
                raise LookupError("nothing was handed over")
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                task = cast(Task, worker.task)
                try:
                    result = worker.connection.recv()
                except (EOFError, OSError):
                    self._died(worker, task)
                    continue
                worker.task, worker.jobs = None, worker.jobs + 1
                if worker.jobs >= JOBS:
                    self._dismiss(worker)
                self._distribute()
                return task, result

    def close(self) -> None:
        for worker in list(self._workers):
            self._dismiss(worker)
        self._waiting.clear()

    def _distribute(self) -> None:
        while self._waiting:
            worker = next((each for each in self._workers if each.task is None), None)
            if worker is None and len(self._workers) < self.count:
                worker = self._hire()
            if worker is None:
                return
            task = self._waiting.popleft()
            worker.task = task
            task.tries += 1
            with suppress(OSError):  # it has died: `next` finds out
                worker.connection.send((task.function, task.argument))

    def _hire(self) -> _Worker:
        context = multiprocessing.get_context("forkserver")
        ours, theirs = context.Pipe()
        with _one_thread_each():
            context.set_forkserver_preload(["graders.work"])
            forkserver.ensure_running()
        process = context.Process(target=_serve, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _died(self, worker: _Worker, task: Task) -> None:
        self._dismiss(worker)
        if task.tries < TRIES:
            self._waiting.appendleft(task)
        else:
            self._lost.append(task)
        self._distribute()

    def _dismiss(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.connection.close()
        worker.process.kill()
        worker.process.join()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Libraries count the processors when they are imported; here each processor has a process already."""
    names = [f"{library}_NUM_THREADS" for library in ("OMP", "OPENBLAS", "MKL")]
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _serve(connection: Connection) -> None:
    """What a process does: one task after another, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who asks
    for secret in (
        "GRADERS_DATABASE",
        "PGPASSWORD",
    ):  # an unsafe run shows its code all that is here
        os.environ.pop(secret, None)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            function, argument = connection.recv()
        except (EOFError, OSError):
            return
        try:
            result = function(argument)
        except Exception as error:
            result = Failed(error)
        try:
            connection.send(result)
        except OSError:
            return
        except Exception as error:  # it cannot be pickled
            connection.send(Failed(TypeError(f"{type(error).__name__}: {error}")))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
