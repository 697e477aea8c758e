"""How much memory a learner's call may take: enough for any task, and far from what a machine has.

Two bounds, because neither does alone. One huge request is refused at once by the operating
system, under a bound that holds for the length of the call; there is then still memory left for
everything else in the kernel. Many small ones are noticed by looking often, and the call is ended.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

MIB = 2**20
MOST = 512 * MIB
"""What a call may take at most; on a small machine a third of what is free."""
LEAST_ROOM = 512 * MIB
GPUS = ("/dev/nvidiactl", "/dev/dxg")
"""One of these is there when NVIDIA's driver is: on Linux, and on Linux under Windows."""


def most() -> int:
    """How many bytes one call may take here, now."""
    return min(MOST, _available() // 3)


def _available() -> int:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            rows = dict(line.split(":", 1) for line in file)
        return int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return 3 * MOST


def in_use() -> int:
    """How many bytes of memory this process holds; where that is not told, the most it ever held."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return _peak()


def _peak() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextlib.contextmanager
def huge_requests_refused(allowed: int) -> Iterator[None]:
    """For the length of the block, a request for far more than `allowed` is a MemoryError.

    On Linux and in the main thread alone: other threads may be at work of their own. Not where there
    is a GPU either, whose driver asks for address space by the terabyte.
    """
    main = threading.current_thread() is threading.main_thread()
    if sys.platform != "linux" or not main or any(map(os.path.exists, GPUS)):
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = _addressed() + max(2 * allowed, LEAST_ROOM)
    unbounded = resource.RLIM_INFINITY
    tighter = soft == unbounded or bound < soft
    if tighter and (hard == unbounded or bound <= hard):
        resource.setrlimit(resource.RLIMIT_AS, (bound, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _addressed() -> int:
    """How much address space this process has asked for."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
