"""Attacks on the memory of the machine, by ways that the limit of a single process does not close.

ENDED are the ones that more processes than one add up to, until the sandbox is ended; REFUSED ask the kernel
for memory that would belong to no process, and get none.
"""

from __future__ import annotations

FORKS = """
import os, socket, time
def in_many(work):
    for i in range(16):
        if os.fork() == 0:
            try:
                work()
            finally:
                time.sleep(100)
                os._exit(0)
    time.sleep(100)
"""

ENDED = {
    "memory in many processes": f"""{FORKS}
in_many(lambda: globals().update(kept=b"x" * (30 << 20)))
""",
    "memory that grows in turns": f"""{FORKS}
def grow():
    kept = []
    while True:
        kept.append(b"x" * (1 << 20))
        time.sleep(0.01)
in_many(grow)
""",
    "a mapping in many processes": f"""{FORKS}
import mmap
def fill():
    own = mmap.mmap(-1, 30 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for at in range(0, len(own), 4096):
        own[at] = 1
    globals()["kept"] = own
in_many(fill)
""",
    "copies of all inherited pages": f"""{FORKS}
import ctypes
def touch():
    for line in open("/proc/self/maps").read().splitlines():
        span, rights, *_ = line.split()
        if rights == "rw-p" and "[v" not in line:
            low, high = (int(end, 16) for end in span.split("-"))
            for at in range(low, high, 4096):
                ctypes.memmove(at, ctypes.string_at(at, 1), 1)
in_many(touch)
""",
    "orphans in sessions of their own": f"""{FORKS}
def leave():
    os.setsid()
    if os.fork() == 0:
        globals().update(kept=b"x" * (30 << 20))
        time.sleep(100)
    os._exit(0)
in_many(leave)
""",
    "buffers of sockets": f"""{FORKS}
def fill():
    kept = []
    while True:
        try:
            pair = socket.socketpair()
            kept.append(pair[1])
            pair[0].setblocking(False)
            while True:
                pair[0].send(b"x" * 4096)
        except BlockingIOError:
            continue
        except OSError:
            time.sleep(100)
in_many(fill)
""",
}  # fmt: skip

REFUSED = {
    "memory that forks share": """
import mmap
mmap.mmap(-1, 400 << 20)
""",
    "a file in memory": """
import os
kept = [os.memfd_create(str(i)) for i in range(40)]
for file in kept:
    os.write(file, b"x" * (8 << 20))
""",
    "POSIX shared memory": """
from multiprocessing.shared_memory import SharedMemory
kept = [SharedMemory(create=True, size=100 << 20) for i in range(40)]
""",
    "the device of shared memory": """
for i in range(100):
    open(f"/dev/shm/{i}", "wb").write(bytes(8 << 20))
""",
    "a mapping of zeros": """
import mmap, os
kept = mmap.mmap(os.open("/dev/zero", os.O_RDWR), 400 << 20)
""",
    "System V's shared memory": """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if libc.shmget(0, 400 << 20, 0o1600) < 0:
    raise OSError(ctypes.get_errno(), "shmget")
""",
    "huge pages": """
import mmap
mmap.mmap(-1, 4 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)
""",
    "larger pipes": """
import fcntl, os
kept = [os.pipe() for i in range(20)]
for _, end in kept:
    fcntl.fcntl(end, 1031, 1 << 20)
""",
    "larger buffers of sockets": """
import socket
a, b = socket.socketpair()
a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
""",
    "a file system of its own": """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x10000000 | 0x20000):
    raise OSError(ctypes.get_errno(), "unshare")
libc.mount(b"none", b"/tmp", b"tmpfs", 0, b"size=10g")
""",
    "a process with a name space of its own": """
import ctypes, os, platform
libc = ctypes.CDLL(None, use_errno=True)
child = libc.syscall({"x86_64": 56, "aarch64": 220}[platform.machine()], 0x10000000 | 17, 0, 0, 0, 0)
if child == 0:
    os._exit(0)
if child < 0:
    raise OSError(ctypes.get_errno(), "clone")
""",
}  # fmt: skip

MEMORY = {**ENDED, **REFUSED}
