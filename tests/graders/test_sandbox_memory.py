"""What all processes of a sandbox may use together, and the memory that belongs to no process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from attacks_memory import ENDED, FORKS, REFUSED

from graders.sandbox import calls
from graders.sandbox.jail import Jail, Limits
from graders.sandbox.process import Cell, Sandbox

pytestmark = pytest.mark.sandbox
LIMITS = Limits(memory=128 << 20, total=224 << 20, disk=8 << 20, files=100, processes=40, cpu=20)


@pytest.fixture(scope="module")
def jail() -> Iterator[Jail]:
    with Jail(LIMITS) as jail:
        yield jail


@pytest.fixture(scope="module")
def bystander(jail: Jail) -> Iterator[Sandbox]:
    """Somebody else's submission, in the same jail all the while."""
    with Sandbox(jail) as other:
        assert other.run_cell("kept = [1, 2, 3]").ended == "ok"
        yield other


@pytest.fixture
def sandbox(jail: Jail) -> Iterator[Sandbox]:
    with Sandbox(jail) as sandbox:
        yield sandbox


def shown(cell: Cell) -> Any:
    assert cell.ended == "ok", cell
    return next(out["data"]["text/plain"] for out in cell.outputs if "data" in out)


def assert_untouched(bystander: Sandbox) -> None:
    assert shown(bystander.run_cell("kept")) == "[1, 2, 3]"
    assert bystander.replays == 1, "it lives in the sandbox it began in"


@pytest.mark.parametrize("name", ENDED)
def test_processes_that_take_too_much_together_end_their_sandbox_alone(
    name: str, sandbox: Sandbox, bystander: Sandbox
) -> None:
    sandbox.run_cell("before = 5")
    cell = sandbox.run_cell(ENDED[name], seconds=30.0)
    assert cell.ended == "died", "not for its time, which is not over"
    assert "out of memory" in str(cell.outputs)
    assert shown(sandbox.run_cell("before")) == "5"
    assert_untouched(bystander)


@pytest.mark.parametrize("name", REFUSED)
def test_memory_that_belongs_to_no_process_cannot_be_had(
    name: str, sandbox: Sandbox, bystander: Sandbox
) -> None:
    cell = sandbox.run_cell(REFUSED[name], seconds=10.0)
    assert cell.ended == "error"
    said = cell.outputs[-1]["ename"]
    assert said in ("PermissionError", "FileNotFoundError"), cell.outputs[-1]["evalue"]
    assert_untouched(bystander)


def test_what_processes_share_is_not_counted_for_each_of_them(sandbox: Sandbox) -> None:
    """24 processes with the zygote's pages and 60 MB of their parent's: 1.5 GB if each had its own."""
    forked = sandbox.run_cell(
        """
import os, time
kept = b"x" * (60 << 20)
ends = os.pipe()
children = []
for i in range(24):
    child = os.fork()
    if child == 0:
        os.close(ends[1])
        os.read(ends[0], 1)
        os._exit(0)
    children.append(child)
began = time.monotonic()
while time.monotonic() - began < 1.0:
    os.stat("/")
os.close(ends[1])
sum(os.waitpid(child, 0)[1] for child in children)
""",
        seconds=30.0,
    )
    assert shown(forked) == "0"
    assert sandbox.replays == 1


def test_what_waits_in_pipes_is_little(sandbox: Sandbox) -> None:
    """All that 16 processes can put into pipes, of 64 kB each, with 64 descriptors to each process."""
    filled = sandbox.run_cell(
        f"""{FORKS}
def fill():
    kept, count = [], 0
    try:
        while True:
            kept.append(os.pipe())
            os.set_blocking(kept[-1][1], False)
            try:
                while True:
                    count += os.write(kept[-1][1], bytes(4096))
            except BlockingIOError:
                continue
    except OSError:
        os.close(kept[0][0])
        with open(f"/tmp/{{os.getpid()}}", "w") as file:
            file.write(str(count))
children = []
for i in range(16):
    child = os.fork()
    if child == 0:
        fill()
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
sum(int(open(f"/tmp/{{child}}").read()) for child in children)
""",
        seconds=30.0,
    )
    assert 0 < int(shown(filled)) <= 16 * 32 * (64 << 10)


def test_sandboxes_do_not_reach_each_other(jail: Jail, sandbox: Sandbox) -> None:
    """Neither by an address of the machine's own nor by a name that is no file."""
    listen = "import socket\nown = socket.socket(socket.AF_UNIX)\nown.bind('\\0here')\nown.listen()"
    assert sandbox.run_cell(listen).ended == "ok"
    assert sandbox.run_cell(f"{listen.replace('here', 'there')}").ended == "ok"
    with Sandbox(jail) as other:
        call = "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0here')"
        assert "ConnectionRefusedError" in str(other.run_cell(call).outputs)
        local = "socket.create_connection(('127.0.0.1', 80), 1)"
        assert "unreachable" in str(other.run_cell(local).outputs)


def test_what_a_submission_may_need_still_works(sandbox: Sandbox) -> None:
    for source, says in (
        ("import threading\nt = threading.Thread(target=print, args=(3,))\nt.start()\nt.join()", "3"),
        ("import subprocess\nsubprocess.run(['/bin/echo', 'hello'], capture_output=True).stdout", "hello"),
        ("import asyncio\nasync def f(): return 4\nasyncio.new_event_loop().run_until_complete(f())", "4"),
        ("import numpy as np\nnp.save('/tmp/a.npy', np.arange(9))\nnp.load('/tmp/a.npy', 'r+')[8]", "8"),
        ("import os\nlen(os.urandom(5)) + len(open('/dev/urandom', 'rb').read(2))", "7"),
        ("import engine as tf\nf = tf.function(lambda x: x * x)\nf(tf.constant(3.0)).numpy()", "9"),
    ):  # fmt: skip
        cell = sandbox.run_cell(source)
        assert cell.ended == "ok" and says in str(cell.outputs), cell


# --- the filter of calls ---------------------------------------------------------------------------------


def decided(machine: str, number: int, *arguments: int, arch: int | None = None) -> int:
    """What the filter says to a call: an interpreter of its own, after the kernel's description of it."""
    text = calls.program(machine)
    steps = [text[at : at + 8] for at in range(0, len(text), 8)]
    arch = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine] if arch is None else arch
    data = number.to_bytes(4, "little") + arch.to_bytes(4, "little") + bytes(8)
    data += b"".join(each.to_bytes(8, "little") for each in (*arguments, *[0] * 6)[:6])
    at = value = 0
    while True:
        code = int.from_bytes(steps[at][:2], "little")
        yes, no = steps[at][2], steps[at][3]
        k = int.from_bytes(steps[at][4:], "little")
        at += 1
        if code == 0x20:
            value = int.from_bytes(data[k : k + 4], "little")
        elif code == 0x54:
            value &= k
        elif code == 0x06:
            return k
        else:
            at += yes if {0x15: value == k, 0x35: value >= k, 0x45: bool(value & k)}[code] else no


ALLOWED, REFUSES, UNKNOWN, KILLS = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000


@pytest.mark.parametrize(
    ("machine", "numbers"),
    [
        ("x86_64", {"read": 0, "mmap": 9, "clone": 56, "clone3": 435, "socket": 41, "setsockopt": 54,
                    "fcntl": 72, "shmget": 29, "memfd_create": 319, "unshare": 272, "vmsplice": 278}),
        ("aarch64", {"read": 63, "mmap": 222, "clone": 220, "clone3": 435, "socket": 198,
                     "setsockopt": 208, "fcntl": 25, "shmget": 194, "memfd_create": 279,
                     "unshare": 97, "vmsplice": 75}),
    ],
)  # fmt: skip
def test_the_filter_decides_as_it_should_on_both_machines(
    machine: str, numbers: dict[str, int]
) -> None:
    """Linux's numbers of calls stand here once more, by themselves."""
    expected = [
        ("read", (), ALLOWED),
        ("mmap", (0, 4096, 3, 0x22), ALLOWED),  # private, anonymous
        ("mmap", (0, 4096, 1, 0x01), ALLOWED),  # shared, of a file
        ("mmap", (0, 4096, 3, 0x21), REFUSES),
        ("mmap", (0, 4096, 3, 0x23), REFUSES),  # MAP_SHARED_VALIDATE
        ("mmap", (0, 4096, 3, 0x40022), REFUSES),  # MAP_HUGETLB
        ("clone", (0x003D0F00,), ALLOWED),  # a thread, as glibc makes it
        ("clone", (17,), ALLOWED),  # fork
        *(("clone", (1 << bit,), REFUSES) for bit in (7, 17, 25, 26, 27, 28, 29, 30)),
        ("clone3", (), UNKNOWN),
        *(("socket", (family,), ALLOWED) for family in (1, 2, 10)),
        *(("socket", (family,), REFUSES) for family in (16, 17, 38)),  # netlink, packet, alg
        ("setsockopt", (3, 1, 2), ALLOWED),
        ("setsockopt", (3, 1, 7), REFUSES),
        ("setsockopt", (3, 1, 8), REFUSES),
        ("fcntl", (3, 4, 2048), ALLOWED),
        ("fcntl", (3, 1031, 1 << 20), REFUSES),
        *((name, (), REFUSES) for name in ("shmget", "memfd_create", "unshare", "vmsplice")),
    ]
    for name, arguments, wanted in expected:
        assert decided(machine, numbers[name], *arguments) == wanted, (name, arguments)
    assert decided(machine, 0x40000000 | 9) == UNKNOWN
    assert decided(machine, numbers["read"], arch=0x40000003) == KILLS  # 32 bits
