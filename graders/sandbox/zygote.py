"""The first process of a jail: imports what submissions need once, then forks a sandbox for each of them.

It runs as root of the jail and never runs a line of a submission. Each fork gets namespaces of its own
(processes, mounts, IPC, a network without anybody), an empty /tmp of limited size, limits, another user where
there is one, and no capability; only then does it listen to the grader. A sandbox that takes too much memory
is ended (watch.py). The calls are Linux's: unshare(2), mount(2), prctl(2), capset(2).
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = (
    0x0002_0000,
    0x0800_0000,
    0x2000_0000,
    0x4000_0000,
)
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 0x4000, 0x4_0000
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 24, 36, 38
SYS_CAPSET = {"x86_64": 126, "aarch64": 91}[os.uname().machine]
CAPABILITY_VERSION_3 = 0x2008_0522


def must(result: int, what: str) -> None:
    """Raise OSError when a C function says that it failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    settings: dict[str, Any] = json.loads(sys.argv[2])
    sys.path[:0] = settings["path"]
    import engine  # noqa: F401
    from graders.sandbox import calls, runner, watch

    shell = runner.make_shell()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # to wait for what guards leave behind
    children: dict[int, int] = {}
    watcher = watch.Watcher(settings["total"], settings["memory"], settings["socket"])
    control.sendall(b"ready\n")
    while True:
        asked = select.select([control], [], [], watch.SECONDS if children else None)[0]
        if children and watcher.due():
            for child in watcher.over(children):
                del children[child]
                _end(child)
        if not asked:
            continue
        data, descriptors, _, _ = socket.recv_fds(control, 64, 1)
        if not data:
            for child in children:
                os.kill(child, signal.SIGKILL)
            os._exit(0)
        for child in [pid for pid in children if os.waitpid(pid, os.WNOHANG)[0]]:
            del children[child]
        if data[:1] == b"k":
            (child,) = struct.unpack("!xI", data)
            if children.pop(child, None):
                _end(child)
            control.sendall(b"gone\n")
            continue
        (number,) = struct.unpack("!xI", data)
        child = os.fork()
        if child == 0:
            control.close()
            _guard(descriptors[0], number, settings, shell, runner, calls.forbid)
        os.close(descriptors[0])
        children[child] = number
        control.sendall(struct.pack("!I", child))


def _end(guard: int) -> None:
    """Kills a guard and what it guards, and waits until every process of the sandbox is gone."""
    with open(f"/proc/{guard}/task/{guard}/children", encoding="ascii") as file:
        guarded = [int(pid) for pid in file.read().split()]
    for pid in (guard, *guarded):
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)  # the first of a namespace ends after all others in it
        except (ProcessLookupError, ChildProcessError):
            continue


def _guard(
    descriptor: int,
    number: int,
    settings: dict[str, Any],
    shell: Any,
    runner: Any,
    forbid: Callable[[], None],
) -> None:
    """Stays outside the new namespaces; when it is killed, everything in them is."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    code = 1
    try:
        must(LIBC.unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET), "unshare")
        first = os.fork()
        if first == 0:
            _enter(descriptor, number, settings)
            forbid()
            runner.Runner(socket.socket(fileno=descriptor), shell).serve()
            os._exit(0)
        os.close(descriptor)
        code = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
    except BaseException as error:
        os.write(2, f"sandbox: {type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(code & 0x7F)


def _enter(descriptor: int, number: int, settings: dict[str, Any]) -> None:
    """Takes everything away from this process that a submission must not have."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for other in range(3, 64):
        if other != descriptor:
            try:
                os.close(other)
            except OSError:
                continue
    settings["taken"] = _address_space()
    must(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "private mounts")
    size = f"size={settings['disk']},nr_inodes={settings['files']},mode=0777".encode()
    must(LIBC.mount(b"tmpfs", b"/tmp", b"tmpfs", MS_NOSUID | MS_NODEV, size), "/tmp")
    if LIBC.mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None):
        must(LIBC.mount(b"tmpfs", b"/proc", b"tmpfs", MS_NOSUID | MS_NODEV, b"size=4k"), "/proc")
    os.chdir("/tmp")
    os.umask(0o077)
    LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for capability in range(64):
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if settings["users"]:
        user = settings["users"] + number
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    must(LIBC.syscall(SYS_CAPSET, header, (ctypes.c_uint32 * 6)()), "capset")
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # changing the user has cleared it
    settings["limits"]["AS"] = settings["taken"] + settings["memory"]
    for name, most in settings["limits"].items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
    os.nice(5)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    for standard in (1, 2):
        os.dup2(0, standard)


def _address_space() -> int:
    """Bytes of address space that this process has now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    main()
