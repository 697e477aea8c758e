"""A jail for submissions: bubblewrap around a process that forks one sandbox for each of them.

What is inside sees the interpreter, the packages, the engine and an empty /tmp; no network, no other process,
nothing that it could write to, no solution and no gradebook.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import site
import socket
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
INSIDE = "/grader"
ENVIRONMENT = f"{INSIDE}/environment"
USERS = 0x7000_0000
"""The first of the user numbers that sandboxes get when the grader is root. Nobody else has them."""


class NoSandbox(Exception):
    """Submissions cannot be run safely here; the message says what to install."""


@dataclass(frozen=True)
class Limits:
    """What one sandbox may use."""

    memory: int = 1 << 30
    """Bytes of address space that a process may take beyond what it starts with."""
    total: int = 2 << 30
    """Bytes of memory that all of its processes may use together, besides /tmp; more ends the sandbox."""
    disk: int = 64 << 20
    """Bytes in /tmp; there is nothing else to write to."""
    files: int = 1_000
    """Files in /tmp."""
    processes: int = 32
    descriptors: int = 64
    cpu: int = 120
    """Seconds of computing, of each process."""


def unavailable() -> str:
    """Why submissions cannot be run in a sandbox on this machine, and the fix; "" when they can."""
    if sys.platform != "linux":
        return (
            "the sandbox needs Linux. Grade in the project's Docker image, or on a Linux machine."
        )
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed: apt install bubblewrap, or dnf install bubblewrap."
    return _trial()


@functools.cache
def _trial() -> str:
    try:
        with Jail() as jail:
            connection, child = jail.sandbox()
            connection.close()
            jail.end(child)
    except NoSandbox as error:
        return str(error)
    return ""


class Jail:
    """The process that forks sandboxes. Use it in a `with` block, or close it."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._lock = threading.Lock()
        self._count = 0
        own, theirs = socket.socketpair()
        settings = {
            "path": [f"{INSIDE}/packages", *_packages()],
            "users": USERS if os.geteuid() == 0 else 0,
            "disk": self.limits.disk,
            "files": self.limits.files,
            "memory": self.limits.memory,
            "total": self.limits.total,
            "socket": _socket_buffer(),
            "limits": _resource_limits(self.limits),
        }
        command = [*_bubblewrap(), _python(), "-I", "-B", f"{INSIDE}/zygote.py"]
        try:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), json.dumps(settings)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                env={},
            )
        except OSError as error:
            raise NoSandbox(f"bubblewrap cannot be started: {error}") from None
        theirs.close()
        self._control = own
        own.settimeout(60)
        try:
            ready = own.recv(16)
        except OSError:
            ready = b""
        if ready != b"ready\n":
            self._process.kill()
            _, said = self._process.communicate()
            own.close()
            text = said.decode(errors="replace").strip().splitlines()
            raise NoSandbox(
                f"the sandbox does not start: {text[-1] if text else 'no reason given'}"
            )

    def sandbox(self) -> tuple[socket.socket, int]:
        """A connection to a new sandbox, and its number.

        Raises:
          NoSandbox: when the jail has ended.
        """
        own, theirs = socket.socketpair()
        with self._lock:
            self._count += 1
            try:
                socket.send_fds(
                    self._control, [struct.pack("!cI", b"n", self._count)], [theirs.fileno()]
                )
                (child,) = struct.unpack("!I", self._control.recv(4))
            except (OSError, struct.error):
                own.close()
                raise NoSandbox("the jail has ended") from None
            finally:
                theirs.close()
        return own, child

    def end(self, child: int) -> None:
        """Kills a sandbox, and every process in it."""
        with self._lock:
            try:
                self._control.sendall(struct.pack("!cI", b"k", child))
                self._control.recv(16)
            except OSError:
                return

    @property
    def ended(self) -> bool:
        """Whether its process has ended."""
        return self._process.poll() is not None

    def close(self) -> None:
        """Ends the jail and every sandbox in it."""
        self._control.close()
        if not self.ended:
            self._process.kill()
            self._process.communicate()

    def __enter__(self) -> Jail:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _resource_limits(limits: Limits) -> dict[str, int]:
    return {
        "CORE": 0,
        "CPU": limits.cpu,
        "FSIZE": limits.disk,
        "NOFILE": limits.descriptors,
        "NPROC": limits.processes,
        "MSGQUEUE": 0,
        "MEMLOCK": 0,
        "SIGPENDING": 256,
    }


def _socket_buffer() -> int:
    """The bytes that can wait in one socket, and what the kernel needs to keep them."""
    try:
        return 2 * int(Path("/proc/sys/net/core/wmem_default").read_text())
    except (OSError, ValueError):
        return 2 * 212_992


def _packages() -> list[str]:
    own = [path for path in site.getsitepackages() if Path(path).is_dir()]
    if sys.prefix == sys.base_prefix:
        return own
    return [f"{ENVIRONMENT}/{Path(path).relative_to(sys.prefix)}" for path in own
            if Path(path).is_relative_to(sys.prefix)]  # fmt: skip


def _python() -> str:
    """The interpreter as it is called in the jail. A virtual environment works wherever it lies, and must
    not lie below /tmp there, which is empty in each sandbox."""
    if sys.prefix == sys.base_prefix:
        return sys.executable
    return f"{ENVIRONMENT}/{Path(sys.executable).relative_to(sys.prefix)}"


def _bubblewrap() -> list[str]:
    """The command that makes the jail, up to the program to run in it."""
    binds = {"/usr": "/usr", sys.base_prefix: sys.base_prefix}
    if sys.prefix != sys.base_prefix:
        binds[sys.prefix] = ENVIRONMENT
    binds[str(ROOT / "engine")] = f"{INSIDE}/packages/engine"
    binds[str(HERE / "zygote.py")] = f"{INSIDE}/zygote.py"
    package = f"{INSIDE}/packages/graders"
    binds[str(HERE / "stand_in.py")] = f"{package}/__init__.py"
    for name in ("__init__", "calls", "runner", "watch", "wire"):
        binds[str(HERE / f"{name}.py")] = f"{package}/sandbox/{name}.py"
    command = [
        shutil.which("bwrap") or "bwrap",
        "--die-with-parent",
        "--new-session",
        "--clearenv",
        "--cap-drop",
        "ALL",
    ]
    for namespace in ("ipc", "pid", "net", "uts", "cgroup-try"):
        command.append(f"--unshare-{namespace}")
    if os.geteuid() != 0:
        command += ["--unshare-user", "--uid", "0", "--gid", "0"]
    for capability in ("SETUID", "SETGID", "SETPCAP", "SYS_ADMIN", "KILL", *_to_count_exactly()):
        command += ["--cap-add", f"CAP_{capability}"]
    for folder in _parents(binds.values()):
        command += ["--perms", "0755", "--dir", folder]
    for outside, inside in sorted(binds.items(), key=lambda pair: pair[1]):
        command += ["--ro-bind", outside, inside]
    for link in ("lib", "lib64", "bin", "sbin"):
        if os.path.islink(f"/{link}"):
            command += ["--symlink", f"usr/{link}", f"/{link}"]
        elif os.path.isdir(f"/{link}"):
            command += ["--ro-bind", f"/{link}", f"/{link}"]
    command += ["--proc", "/proc", "--perms", "0755", "--tmpfs", "/tmp"]
    # No /dev/shm, which is memory that all sandboxes share, and no /dev/zero, which is memory that
    # nobody counts when it is mapped.
    command += ["--perms", "0755", "--tmpfs", "/dev"]
    for device in ("null", "random", "urandom"):
        command += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    variables = {
        "HOME": "/tmp",
        "PATH": "/usr/bin",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "IPYTHONDIR": "/tmp/.ipython",
        **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")},
    }
    for name, value in variables.items():
        command += ["--setenv", name, value]
    return [*command, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", "--"]


def _to_count_exactly() -> list[str]:
    """What the jail's first process needs so that the kernel tells it the shares of shared pages (watch.py).
    It has all that it wants where users have namespaces of their own."""
    if os.geteuid() != 0:
        return ["SYS_PTRACE"]
    status = Path("/proc/self/status").read_text(encoding="ascii")
    able = int(
        next(line for line in status.splitlines() if line.startswith("CapEff:")).split()[1], 16
    )
    return ["SYS_PTRACE"] if able >> 19 & 1 else []


def _parents(paths: object) -> list[str]:
    found: list[str] = []
    for path in paths:  # type: ignore[attr-defined]
        for parent in reversed(Path(path).parents):
            if str(parent) != "/" and str(parent) not in found:
                found.append(str(parent))
    return sorted(found)
