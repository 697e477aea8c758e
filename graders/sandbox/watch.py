"""How much memory a sandbox uses, all of its processes together; the zygote (zygote.py) looks often.

The kernel limits each process by itself (jail.py), and a submission can start many. What is added up here is
what they have written to, what their page tables take, and what their sockets can hold. Pages that a
process shares with the zygote it was forked from are counted where somebody asks for them by their share of
each process (proc(5), smaps_rollup), which is slow, and done only when it matters.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator

SECONDS = 0.1
"""From one look to the next."""
OWN = (b"RssAnon:", b"RssShmem:", b"VmSwap:", b"VmPTE:")
SHARES = (b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:")


class Watcher:
    """Finds the sandboxes that use more than `total` bytes.

    Args:
      total: what all processes of a sandbox may use together.
      memory: what one process may add to what it starts with.
      socket: what one socket can hold.
    """

    def __init__(self, total: int, memory: int, socket: int) -> None:
        self._total = total
        self._others = len(_numbers())
        _, own = _process(os.getpid()) or (0, 0)
        self._harmless_alone = own + memory <= total
        self._socket = socket
        self._next = 0.0

    def due(self) -> bool:
        """Whether it is time to look again."""
        return time.monotonic() >= self._next

    def over(self, guards: Collection[int]) -> list[int]:
        """The guards whose sandboxes use too much."""
        self._next = time.monotonic() + SECONDS
        numbers = _numbers()
        if self._harmless_alone and len(numbers) <= self._others + 2 * len(guards):
            return []  # no sandbox has more than one process
        return [
            guard
            for guard, inside in _sandboxes(numbers, guards).items()
            if self._most(inside) > self._total and self._exactly(inside) > self._total
        ]

    def _most(self, inside: dict[int, int]) -> int:
        """What a sandbox uses at most: shared pages are counted once for every process."""
        return sum(inside.values()) + self._held_by_sockets(inside)

    def _exactly(self, inside: dict[int, int]) -> int:
        """What it uses. Where the kernel does not tell the shares, what it uses at most."""
        used = self._held_by_sockets(inside)
        for number, most in inside.items():
            try:
                used += _kilobytes(f"/proc/{number}/smaps_rollup", SHARES)
            except PermissionError:
                used += most
            except OSError:  # it has ended
                continue
        return used

    def _held_by_sockets(self, inside: dict[int, int]) -> int:
        """What waits in sockets belongs to no process. Each sandbox has a network of its own, which
        knows how many there are."""
        for number in inside:
            try:
                with open(f"/proc/{number}/net/sockstat", "rb") as file:
                    return int(file.readline().split()[-1]) * self._socket
            except (OSError, ValueError, IndexError):
                continue
        return 0


def _sandboxes(numbers: list[int], guards: Collection[int]) -> dict[int, dict[int, int]]:
    """For each guard the processes that descend from it, and what each of them uses at most."""
    found = {number: seen for number in numbers if (seen := _process(number))}
    sandboxes: dict[int, dict[int, int]] = {}
    for number, (_, most) in found.items():
        if number in guards:
            continue
        for ancestor in _ancestors(number, found):
            if ancestor in guards:
                sandboxes.setdefault(ancestor, {})[number] = most
                break
    return sandboxes


def _ancestors(number: int, found: dict[int, tuple[int, int]]) -> Iterator[int]:
    """The parent, its parent, and so on. In a sandbox, orphans belong to its first process."""
    seen = set()
    while number in found and number not in seen:
        seen.add(number)
        number = found[number][0]
        yield number


def _process(number: int) -> tuple[int, int] | None:
    """A process's parent, and what it uses at most; None when it has ended."""
    try:
        with open(f"/proc/{number}/status", "rb") as file:
            text = file.read()
    except OSError:
        return None
    parent, used = 0, 0
    for line in text.splitlines():
        if line.startswith(OWN):
            used += int(line.split()[1]) << 10
        elif line.startswith(b"PPid:"):
            parent = int(line.split()[1])
    return parent, used


def _kilobytes(file: str, names: tuple[bytes, ...]) -> int:
    """The bytes that some lines of such a file add up to."""
    with open(file, "rb") as lines:
        return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(names))


def _numbers() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
