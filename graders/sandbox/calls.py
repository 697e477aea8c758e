"""System calls that a submission's processes may not make: a filter that the kernel applies to each call.

The zygote (zygote.py) puts it over a sandbox last of all. It forbids two kinds of calls, and no others:
those for memory that belongs to no process and is therefore counted nowhere, and those for new namespaces,
in which a process would have capabilities again. The calls are Linux's, seccomp(2); numbers and layouts are
of its headers seccomp_data, filter.h, unistd.h and mman.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

LIBC = ctypes.CDLL(None, use_errno=True)
MACHINES = {"x86_64": 0, "aarch64": 1}
ARCHITECTURE = (0xC000_003E, 0xC000_00B7)
SECCOMP = (317, 277)
SET_MODE_FILTER, SPEC_ALLOW = 1, 4
"""The second leaves the processor's speculation as it is: there is no secret in a sandbox, and numbers
would be computed more slowly without."""

FORBIDDEN = {
    # memory that stays when no process has it mapped
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "vmsplice": (278, 75),
    "io_uring_setup": (425, 425),
    "userfaultfd": (323, 282),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "add_key": (248, 217),
    "keyctl": (250, 219),
    # capabilities, and file systems in memory without a limit
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "fsopen": (430, 430),
    "open_tree": (428, 428),
}
"""Numbers on x86_64 and on aarch64."""
CLONE, CLONE3, MMAP = (56, 220), (435, 435), (9, 222)
SOCKET, SETSOCKOPT, FCNTL = (41, 198), (54, 208), (72, 25)
NEW_NAMESPACES = 0x7E02_0080
"""Every CLONE_NEW... flag."""
SHARED, ANONYMOUS, HUGE = 0x01, 0x20, 0x4_0000
"""Flags of mmap: shared memory without a file stays when its mapping is emptied, and huge pages are none
of a process's own in the kernel's books."""
FAMILIES = (1, 2, 10)
"""Kinds of sockets that there are: local ones, IP and its sixth version."""
SNDBUF, RCVBUF = 7, 8
"""Options of sockets: how much may wait in one. It stays as it is, and watch.py counts with that."""
SETPIPE_SZ = 1031
"""So does a pipe, of which 64 kB can be had: with the limits on descriptors and processes that is little."""

LOAD, AND, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, FAIL = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
NUMBER, ARCH, ARGUMENTS = 0, 4, 16


def program(machine: str) -> bytes:
    """The filter, as the kernel's interpreter of such filters reads it: eight bytes a step."""
    kind = MACHINES[machine]
    no, unknown = FAIL | errno.EPERM, FAIL | errno.ENOSYS
    steps = [
        (LOAD, 0, 0, ARCH),
        (EQUAL, 1, 0, ARCHITECTURE[kind]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, 0x4000_0000),  # x86_64's second set of numbers
        (RETURN, 0, 0, unknown),
    ]
    for numbers in FORBIDDEN.values():
        steps += [(EQUAL, 0, 1, numbers[kind]), (RETURN, 0, 0, no)]
    # clone3 has its flags where no filter sees them; without it, libraries take clone
    steps += [(EQUAL, 0, 1, CLONE3[kind]), (RETURN, 0, 0, unknown)]
    steps += [
        (EQUAL, 0, 4, CLONE[kind]),
        (LOAD, 0, 0, ARGUMENTS),
        (ANY_BIT, 0, 1, NEW_NAMESPACES),
        (RETURN, 0, 0, no),
        (RETURN, 0, 0, ALLOW),
        (EQUAL, 0, 3 + len(FAMILIES), SOCKET[kind]),
        (LOAD, 0, 0, ARGUMENTS),
        *((EQUAL, len(FAMILIES) - place, 0, family) for place, family in enumerate(FAMILIES)),
        (RETURN, 0, 0, no),
        (RETURN, 0, 0, ALLOW),
        (EQUAL, 0, 5, SETSOCKOPT[kind]),
        (LOAD, 0, 0, ARGUMENTS + 2 * 8),
        (EQUAL, 1, 0, SNDBUF),
        (EQUAL, 0, 1, RCVBUF),
        (RETURN, 0, 0, no),
        (RETURN, 0, 0, ALLOW),
        (EQUAL, 0, 4, FCNTL[kind]),
        (LOAD, 0, 0, ARGUMENTS + 8),
        (EQUAL, 0, 1, SETPIPE_SZ),
        (RETURN, 0, 0, no),
        (RETURN, 0, 0, ALLOW),
        (EQUAL, 0, 5, MMAP[kind]),
        (LOAD, 0, 0, ARGUMENTS + 3 * 8),
        (ANY_BIT, 2, 0, HUGE),
        (AND, 0, 0, SHARED | ANONYMOUS),
        (EQUAL, 0, 1, SHARED | ANONYMOUS),
        (RETURN, 0, 0, no),
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def forbid() -> None:
    """Put the filter over this process and all that it will start; nothing takes it off again.

    Raises: OSError when the kernel does not.
    """
    machine = os.uname().machine
    code = ctypes.create_string_buffer(program(machine))
    steps = (len(code) - 1) // 8
    filters = struct.pack("HxxxxxxP", steps, ctypes.addressof(code))
    number = SECCOMP[MACHINES[machine]]
    if LIBC.syscall(number, SET_MODE_FILTER, SPEC_ALLOW, filters):
        failed = ctypes.get_errno()
        raise OSError(failed, f"seccomp: {os.strerror(failed)}")
