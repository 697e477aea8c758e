"""Prefetch: a thread that works ahead of the consumer, by so many elements and no further."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

from engine.data.stage import Row

_STOP, _END = object(), object()


class _Failed:
    """An error of the thread, on its way to the consumer."""

    def __init__(self, error: BaseException):
        self.error = error


def _work(rows: Iterator[Row], ready: Any, permits: Any, stopped: threading.Event) -> None:
    """Makes a row for each permit. Holds nothing of the consumer's, so that it can be dropped."""
    try:
        while permits.get() is not _STOP and not stopped.is_set():
            row = next(rows, _END)
            ready.put(row)
            if row is _END:
                return
    except BaseException as error:
        ready.put(_Failed(error))
    finally:
        close = getattr(rows, "close", None)
        if close is not None:
            close()


def ahead(rows: Iterator[Row], buffer_size: int) -> Iterator[Row]:
    """The same rows, made in a thread that starts with the first one asked for.

    An error is raised where the row would have been. When the iterator is closed or dropped the thread ends
    after the row it is at.
    """
    ready: Any = queue.SimpleQueue()
    permits: Any = queue.SimpleQueue()
    stopped = threading.Event()
    for _ in range(buffer_size):
        permits.put(None)
    thread = threading.Thread(
        target=_work, args=(rows, ready, permits, stopped), name="Dataset.prefetch", daemon=True
    )
    thread.start()
    del rows
    try:
        while (row := ready.get()) is not _END:
            if type(row) is _Failed:
                raise row.error
            permits.put(None)
            yield row
    finally:
        stopped.set()
        permits.put(_STOP)
