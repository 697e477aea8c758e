"""Workers on other machines: a crew (graders/workers.py) of the workers of a Dask cluster.

    dask scheduler                                  # on one machine
    dask worker tcp://scheduler:8786 --nthreads 1   # on each of the others, in this project's environment
    python -m graders.cli grade --scheduler tcp://scheduler:8786

A worker needs the project, at the same version, and bubblewrap; it needs no folder, no gradebook and no
database. Dask's messages are pickled: let nobody but the graders reach the scheduler's port, or use TLS,
as Dask's own documentation tells. A submission never reaches it: its code runs in a sandbox on the worker,
and what comes out of that is plain data.
"""

from __future__ import annotations

import queue
import time
from typing import Any

from graders.course import CourseError
from graders.workers import Failed, Task, WorkerDied

ALONE_SECONDS = 120
"""How long there may be no worker at all before the run is broken off."""
CONNECT_SECONDS = 20


class Cluster:
    """The crew behind a Dask scheduler's address, such as tcp://host:8786."""

    elsewhere = True

    def __init__(self, address: str, alone_seconds: float = ALONE_SECONDS) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise CourseError(
                "--scheduler needs Dask: pip install 'two-x-minus-one[class]', or make similarity "
                "once, which installs what a class needs"
            ) from None
        self.address = address
        self._alone = alone_seconds
        try:
            self._client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise CourseError(f"no Dask scheduler answers at {address}: {error}") from None
        self._running: dict[Any, tuple[Any, Task]] = {}
        self._done: queue.Queue[Any] = queue.Queue()

    @property
    def room(self) -> int:
        return max(4, 2 * sum(self._client.nthreads().values()))

    def submit(self, task: Task) -> None:
        task.tries += 1
        future = self._client.submit(task.function, task.argument, pure=False)
        self._running[future.key] = (future, task)
        future.add_done_callback(self._done.put)

    def next(self) -> tuple[Task, Any]:
        alone_since: float | None = None
        while True:
            try:
                future = self._done.get(timeout=1)
            except queue.Empty:
                alone_since = self._check(alone_since)
                continue
            _, task = self._running.pop(future.key)
            if future.cancelled():
                raise CourseError(self._gone())
            if future.status == "error":
                return task, Failed(_meant(future.exception()))
            result = future.result()
            future.release()
            return task, result

    def close(self) -> None:
        for future, _ in self._running.values():
            future.cancel(force=True)
        self._client.close()

    def _check(self, alone_since: float | None) -> float | None:
        """Since when there is no worker. Raises CourseError when that is too long, or nobody answers."""
        if self._client.status != "running":
            raise CourseError(self._gone())
        if self._client.nthreads():
            return None
        now = time.monotonic()
        if alone_since is not None and now - alone_since > self._alone:
            raise CourseError(
                f"the scheduler at {self.address} has had no worker for {self._alone:g} seconds. "
                "What is graded is in the gradebook; run the same command again to go on"
            )
        return alone_since or now

    def _gone(self) -> str:
        return (
            f"the scheduler at {self.address} does not answer any more. What is graded is in the "
            "gradebook; run the same command again to go on"
        )


def _meant(error: BaseException | None) -> Exception:
    if type(error).__name__ == "KilledWorker":
        return WorkerDied("every worker that worked on it ended before it was done")
    return error if isinstance(error, Exception) else RuntimeError(repr(error))
