"""The sandbox: what a submission can see, use and break in it, and what comes out of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import engine as tf
from graders.sandbox.jail import Jail, Limits
from graders.sandbox.process import Cell, Died, Sandbox
from graders.sandbox.remote import Link, exception
from graders.sandbox.wire import Decoder, Encoder, WireError, frame, read_frame

SMALL = Limits(memory=512 << 20, disk=8 << 20, files=100, processes=16, cpu=20)


@pytest.fixture(scope="module")
def jail() -> Iterator[Jail]:
    with Jail(SMALL) as jail:
        yield jail


@pytest.fixture
def sandbox(jail: Jail) -> Iterator[Sandbox]:
    with Sandbox(jail) as sandbox:
        yield sandbox


def result(cell: Cell) -> str:
    """The text of a cell's result."""
    assert cell.ended == "ok", cell
    return next(out["data"]["text/plain"] for out in cell.outputs if "data" in out)


def error(cell: Cell) -> str:
    """The error that a cell ended with."""
    assert cell.ended == "error", cell
    return next(
        f"{out['ename']}: {out['evalue']}" for out in cell.outputs if out["output_type"] == "error"
    )


# --- the protocol ----------------------------------------------------------------------------------------


def refuse(thing: Any) -> dict[str, Any]:
    raise AssertionError(f"{thing!r} is plain data")


def through(value: Any) -> Any:
    """Over the wire and back, by way of real bytes."""
    data = frame({"value": Encoder(refuse).encode(value)})
    taken = 0

    def receive(count: int) -> bytes:
        nonlocal taken
        taken += count
        return data[taken - count : taken]

    return Decoder(refuse).decode(read_frame(receive)["value"])


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(plain)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_plain_data_come_through_as_they_are(value: Any) -> None:
    found = through(value)
    assert found == value and repr(found) == repr(value)  # also 1, 1.0 and True, -0.0, tuples


@given(hnp.arrays(st.sampled_from(["bool", "int8", "uint64", "float16", "float64", "complex64"]),
                  hnp.array_shapes(min_dims=0, min_side=0)))  # fmt: skip
@settings(max_examples=60, deadline=None, derandomize=True)
def test_arrays_come_through_as_they_are(array: np.ndarray) -> None:
    found = through(array)
    assert found.dtype == array.dtype and found.shape == array.shape
    assert found.tobytes() == array.tobytes()


def test_arrays_lie_in_memory_as_they_did() -> None:
    base = np.arange(24.0).reshape(4, 6)
    for view in (
        base.T,
        base[::2, ::-3],
        base[:, 1],
        base[::-1],
    ):
        entry = json.loads(json.dumps(Encoder(refuse).encode(view)))
        found = Decoder(refuse, layout=True).decode(entry)
        assert np.array_equal(found, view) and found.strides == view.strides
        assert Decoder(refuse).decode(entry).flags.c_contiguous


def test_tensors_and_their_like_come_through() -> None:
    tensor = through(tf.constant([[1, 2]], tf.bfloat16))
    assert isinstance(tensor, tf.Tensor) and tensor.dtype == tf.bfloat16
    assert isinstance(through(tf.Variable(2.0)), tf.Variable)
    assert through(tf.TensorShape([2, None])).as_list() == [2, None]
    assert through(tf.int32) is tf.int32
    assert math.isnan(through(math.nan)) and through(-math.inf) == -math.inf
    assert through({1, 2}) == {1, 2} and through(range(3)) == range(3) and through(...) is ...
    assert type(through(np.float32(1.5))) is np.float32 and through(np.array("ab")) == "ab"


BAD = [
    {"t": "array", "d": "object", "s": [1], "v": ""},
    {"t": "array", "d": "float32", "s": [2], "v": "AAAA"},
    {"t": "array", "d": "float32", "s": [-1], "v": ""},
    {"t": "array", "d": "float32", "s": [1 << 40, 1 << 40], "v": ""},
    {"t": "array", "d": "float32", "s": "ab", "v": ""},
    {"t": "array", "d": "no such", "s": [], "v": ""},
    {"t": "array", "d": "V8", "s": [], "v": "AAAAAAAAAAA="},
    {"t": "tensor", "d": "float32", "s": [1], "v": "%%%%"},
    {"t": "dict", "v": [[[1], 2]]},
    {"t": "dict", "v": [1]},
    {"t": "set", "v": [[1]]},
    {"t": "int", "v": "f" * 100_000},
    {"t": "int", "v": 3},
    {"t": "range", "v": [1]},
    {"t": "shape", "v": {"a": 1}},
    {"t": "dtype", "v": "spam"},
    {"t": "pickle", "v": "gASVAAAA"},
    {"t": ["tuple"], "v": []},
    {},
]


@pytest.mark.parametrize("entry", BAD, ids=lambda entry: json.dumps(entry)[:40])
def test_forged_values_are_refused(entry: Any) -> None:
    with pytest.raises(WireError):
        Decoder(refuse).decode(entry)


def test_what_is_too_much_is_refused_on_either_side() -> None:
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    for value in (deep, [0] * 400_000, 1 << 100_000, np.zeros(10**7)):
        with pytest.raises(WireError):
            Encoder(refuse).encode(value)
    for entry in (deep, [0] * 400_000):
        with pytest.raises(WireError):
            Decoder(refuse).decode(entry)
    for data in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x02[]", b"\x00\x00\x00\x02{x"):
        with pytest.raises(WireError):
            read_frame(lambda n, data=data: data[:n] if n == 4 else data[4:])  # type: ignore[misc]


def test_exceptions_have_the_kind_that_is_known_here() -> None:
    for name, kind in (("SystemExit", Exception), ("KeyError", KeyError), ("Own", Exception)):
        made = exception([name, "object"], "why")
        assert isinstance(made, kind) and isinstance(made, Exception)
        assert type(made).__name__ == name and str(made) == "why"
    assert isinstance(exception(["InvalidArgumentError"], ""), tf.errors.InvalidArgumentError)


# --- what a submission sees --------------------------------------------------------------------------------

LOOK = """
import os
def walk(root="/"):
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if (folder, f) not in (("/", "proc"), ("/", "dev"), ("/", "usr"))
                      and f != "site-packages" and "python3" not in f]
        for name in files:
            yield os.path.join(folder, name)
"""


@pytest.mark.sandbox
def test_it_has_no_rights_no_network_and_no_company(sandbox: Sandbox) -> None:
    sandbox.run_cell("import os, socket\nimport numpy as np")
    status = result(sandbox.run_cell("open('/proc/self/status').read()"))
    assert "CapEff:\\t0000000000000000" in status and "CapBnd:\\t0000000000000000" in status
    assert "NoNewPrivs:\\t1" in status
    assert result(sandbox.run_cell("[p for p in os.listdir('/proc') if p.isdigit()]")) == "['1']"
    assert result(sandbox.run_cell("os.getpid()")) == "1"
    assert "unreachable" in error(sandbox.run_cell("socket.create_connection(('1.1.1.1', 80), 1)"))
    assert result(sandbox.run_cell("sorted(os.environ)")).count("'") < 40
    assert "PASSWORD" not in result(sandbox.run_cell("sorted(os.environ)"))
    for attempt in (
        "os.setuid(0) or os.setuid(1)",
        "os.chroot('/tmp')",
        "os.mknod('/tmp/x', 0o60600, 2049)",
    ):
        assert "Error" in error(sandbox.run_cell(attempt))


@pytest.mark.sandbox
def test_it_can_write_nothing_but_a_small_tmp_of_its_own(jail: Jail, sandbox: Sandbox) -> None:
    sandbox.run_cell("import os, pathlib")
    for place in ("/x", "/grader/x", "/usr/x", "/grader/packages/engine/x.py", tf.__file__):
        said = error(sandbox.run_cell(f"open({place!r}, 'w')"))
        assert "Read-only" in said or "denied" in said or "No such file" in said, said
    filled = error(sandbox.run_cell("open('/tmp/big', 'wb').write(bytes(9 << 20))"))
    assert "too large" in filled or "No space" in filled
    many = "for i in range(200): open(f'/tmp/{i}', 'w').close()"
    assert "No space" in error(sandbox.run_cell(many))
    with Sandbox(jail) as other:
        assert result(other.run_cell("import os; os.listdir('/tmp')")) == "[]"


@pytest.mark.sandbox
def test_it_holds_no_solution_no_check_and_no_gradebook(sandbox: Sandbox) -> None:
    sandbox.run_cell(LOOK)
    root = str(Path(__file__).resolve().parents[2])
    listed = result(
        sandbox.run_cell(f"[p for p in walk() if p.startswith({root!r}) and '.venv' not in p]")
    )
    assert listed == "[]"
    telling = "('solutions', 'gradebook', 'answers', 'tasks', 'equivalent', '.git/')"
    inside = f"[p for p in walk('/grader') if any(w in p for w in {telling})]"
    assert result(sandbox.run_cell(inside)) == "[]"
    for module in ("graders.tasks", "graders.check", "graders.grade", "answers"):
        assert "No module named" in error(sandbox.run_cell(f"import {module}"))
    assert "checked at submission" in result(
        sandbox.run_cell("from graders import check; check('x')")
    )


@pytest.mark.sandbox
def test_its_limits_hold(sandbox: Sandbox) -> None:
    sandbox.run_cell("import os, numpy as np")
    assert "MemoryError" in error(sandbox.run_cell("np.ones(1 << 28)"))
    bomb = "for i in range(500):\n    if os.fork() == 0:\n        import time; time.sleep(60)"
    assert "BlockingIOError" in error(sandbox.run_cell(bomb))
    assert result(sandbox.run_cell("1 + 1")) == "2"
    assert "Too many open files" in error(
        sandbox.run_cell("files = [os.open('/dev/null', 0) for _ in range(500)]")
    )


# --- cells ---------------------------------------------------------------------------------------------


@pytest.mark.sandbox
def test_cells_show_what_a_notebook_shows(sandbox: Sandbox) -> None:
    cell = sandbox.run_cell(
        "import sys\nprint('a'); print('b', file=sys.stderr); print('c')\n7 * 6"
    )
    assert [out["output_type"] for out in cell.outputs] == ["stream"] * 3 + ["execute_result"]
    assert [out.get("text") for out in cell.outputs] == ["a\n", "b\n", "c\n", None]
    assert result(cell) == "42"
    html = sandbox.run_cell(
        "from IPython.display import HTML, display\ndisplay(HTML('<script>x</script>'))"
    )
    assert "script" not in json.dumps(html.outputs)
    assert (
        error(sandbox.run_cell("def f(): return 1 / 0\nf()"))
        == "ZeroDivisionError: division by zero"
    )
    flood = sandbox.run_cell("print('x' * 10**7)")
    assert len(json.dumps(flood.outputs)) < 300_000 and "more characters" in str(flood.outputs[-1])


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "stuck",
    [
        "while True: pass",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass",
        "import time\ntime.sleep(1000)",
        "sum(range(10**12))",
        "import os\nos.kill(os.getpid(), 19) or os.read(os.pipe()[0], 1)",
    ],
)
def test_a_cell_that_does_not_end_is_ended_and_the_next_one_runs(
    sandbox: Sandbox, stuck: str
) -> None:
    sandbox.run_cell("kept = 5")
    assert sandbox.run_cell(stuck, seconds=0.3).ended == "time"
    assert result(sandbox.run_cell("kept + 1")) == "6"


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "deadly",
    [
        "import os; os._exit(0)",
        "import os; os.kill(os.getpid(), 9) or os._exit(1)",
        "import ctypes; ctypes.string_at(0)",
        *(
            f"import os\nfor fd in range(3, 64):\n    try: os.{what}\n    except OSError: pass"
            for what in (
                "close(fd)",
                "write(fd, b'x' * 999)",
                "write(fd, b'\\x00\\x00\\x00\\x02{}')",
            )
        ),
    ],
)
def test_a_cell_that_ends_the_sandbox_costs_only_itself(sandbox: Sandbox, deadly: str) -> None:
    sandbox.run_cell("kept = 5")
    assert sandbox.run_cell(deadly, seconds=2.0).ended == "died"
    assert result(sandbox.run_cell("kept + 1")) == "6"


@pytest.mark.sandbox
def test_a_submission_that_ends_every_sandbox_is_given_up(jail: Jail) -> None:
    with Sandbox(jail) as sandbox:
        ends = [sandbox.run_cell("import os; os._exit(0)").ended for _ in range(25)]
        assert set(ends) == {"died"}
        with pytest.raises(Died, match="too many sandboxes"):
            sandbox.ask("lookup", 1.0, name="x")


@pytest.mark.sandbox
def test_killing_a_sandbox_leaves_no_process(jail: Jail) -> None:
    def alive() -> int:
        marked = 0
        for status in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                marked += b"zygote.py" in status.read_bytes()
            except OSError:
                continue
        return marked

    before = alive()
    with Sandbox(jail) as sandbox:
        sandbox.run_cell(
            "import os, time\nfor i in range(5):\n"
            "    if os.fork() == 0:\n        os.setsid()\n        time.sleep(600)"
        )
        assert alive() > before + 4
    assert alive() == before


# --- objects -------------------------------------------------------------------------------------------


@pytest.fixture
def link(sandbox: Sandbox) -> Link:
    return Link(sandbox)


@pytest.mark.sandbox
def test_objects_are_used_from_outside(sandbox: Sandbox, link: Link) -> None:
    sandbox.run_cell(
        "class Box:\n"
        "    def __init__(self, value, log): self.value, self.log = value, log\n"
        "    def __add__(self, other):\n"
        "        self.log.append('add')\n"
        "        return Box(self.value + getattr(other, 'value', other), self.log)\n"
        "    def __rsub__(self, other): return Box(other - self.value, self.log)\n"
        "    def __len__(self): return 3\n"
        "def twice(f, x): return f(f(x))\n"
        "def changes(values): values.append(1); return values\n"
    )
    box, log = link.lookup("Box"), [0]

    def use(make: Any, log: list[Any]) -> Any:
        a, b = make(2, log), make(5, log)
        total = 10 - (a + b)
        return total.value, len(total), log, (a + 1).value

    ran = link.run(use, (box, log), 5.0)
    assert ran.error is None and ran.value == (3, 3, [0, "add", "add"], 3)
    twice = link.lookup("twice")
    assert link.run(lambda f: f(lambda x: x * 3, 2), (twice,), 5.0).value == 18
    told = link.run(lambda f: f(lambda x: x.nothing, 2), (twice,), 5.0)
    assert isinstance(told.error, AttributeError)
    assert link.run(lambda f, x: f(x), (link.lookup("changes"), [4]), 5.0).value == [4, 1]
    with pytest.raises(NameError):
        link.lookup("nowhere")


@pytest.mark.sandbox
def test_what_goes_wrong_there_is_told_here(sandbox: Sandbox, link: Link) -> None:
    sandbox.run_cell(
        "class Own(KeyError): pass\n"
        "def raises(): raise Own('a')\n"
        "def leaves(): raise SystemExit(3)\n"
        "def hangs():\n    while True: pass\n"
        "def dies():\n    import os; os._exit(1)\n"
        "def endless():\n    deep = []\n    deep.append(deep)\n    return deep\n"
        "def prints(): print('hello'); return 1\n"
        "def generates(): yield 1\n"
    )
    call = lambda f: f()  # noqa: E731
    own = link.run(call, (link.lookup("raises"),), 5.0)
    assert type(own.error).__name__ == "Own" and isinstance(own.error, KeyError)
    assert own.line == "line 2 of raises: def raises(): raise Own('a')"
    assert type(link.run(call, (link.lookup("leaves"),), 5.0).error).__name__ == "SystemExit"
    assert link.run(call, (link.lookup("hangs"),), 0.2).timed_out
    assert type(link.run(call, (link.lookup("endless"),), 5.0).error).__name__ == "Unreadable"
    assert link.run(call, (link.lookup("prints"),), 5.0).printed == "hello\n"
    assert type(link.run(call, (link.lookup("generates"),), 5.0).value).__name__ == "generator"
    assert type(link.run(call, (link.lookup("dies"),), 5.0).error).__name__ == "SandboxEnded"
    prints = link.lookup("prints")  # in the sandbox that took over
    assert link.run(call, (prints,), 5.0).value == 1
