"""Hostile submissions: what is written into the answer cell of one task, and what that task deserves.

All stand in exercise 01, whose other five tasks are solved: they keep their points, but for submissions that
break the very process they live in (SPOILS). After each attack stands the wrong answer `shape_of`, which
returns () for everything, unless the attack defines one of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from attacks_memory import MEMORY

TASK, POINTS = "check-shape-of", 3
WRONG = "def shape_of(nested):\n    return ()\n"
RIGHT = """
def shape_of(nested):
    if not isinstance(nested, list):
        return ()
    inner = {shape_of(part) for part in nested}
    if len(inner) > 1:
        raise ValueError("ragged")
    return (len(nested), *(inner.pop() if inner else ()))
"""


@dataclass(frozen=True)
class Attack:
    """One hostile submission."""

    kind: str
    name: str
    source: str
    points: float = 0
    """What the attacked task earns; the others earn everything, or at most that where it spoils itself."""

    @property
    def spoils(self) -> bool:
        """Whether what comes after it in the same submission cannot be looked at any more."""
        return self.name in SPOILS


SPOILS = (
    "IPython's input transformer", "IPython's run_cell", "the runner's calls", "the runner's lookup",
    "the runner's values", "JSON", "answers from a thread", "a value that is no value", "a pickle",
    "an error that is none", "memory that grows in turns",
)  # fmt: skip

PATCHING = {
    "numpy's assertions": """
import numpy as np
for name in dir(np.testing):
    if name.startswith("assert"):
        setattr(np.testing, name, lambda *args, **kwargs: None)
""",
    "numpy's comparisons": """
import numpy as np
np.array_equal = np.allclose = np.isclose = lambda *args, **kwargs: True
""",
    "built-in functions": """
import builtins
builtins.isinstance = lambda *args: True
builtins.len = lambda thing: 0
""",
    "random numbers": """
import random
import numpy as np
random.Random.random = lambda self: 0.5
np.random.default_rng = lambda *args: None
""",
    "clocks": """
import time
time.perf_counter = time.monotonic = time.time = lambda: 0.0
""",
    "the engine": """
tf.Tensor.__eq__ = lambda self, other: True
tf.Tensor.numpy = lambda self: None
tf.shape = tf.rank = lambda *args: ()
""",
    "IPython's input transformer": """
get_ipython().input_transformers_cleanup.append(lambda lines: ["pass\\n"])
""",
    "IPython's events": """
def before(info):
    info.raw_cell = "3"
get_ipython().events.register("pre_run_cell", before)
""",
    "IPython's run_cell": """
get_ipython().run_cell = lambda *args, **kwargs: None
""",
    "the stand-in for the checks": """
import graders
graders.check = lambda *args, **kwargs: 3
check = graders.check
""",
    "the runner's calls": """
from graders.sandbox import runner
runner.Runner._op_call = lambda self, message: {"value": 3, "points": 3, "status": "passed"}
""",
    "the runner's lookup": """
from graders.sandbox import runner
runner.Runner._op_lookup = lambda self, message: {
    "value": {"t": "ref", "id": 10**9, "kind": "x", "name": "y"}}
""",
    "the runner's values": """
from graders.sandbox import wire
wire.Encoder.encode = lambda self, value, depth=0: {"t": "anything", "v": "all right"}
""",
    "JSON": """
import json
json.dumps = lambda *args, **kwargs: '{"reply": 1, "value": 3}'
""",
    "a trace function": """
import sys
def trace(frame, event, arg):
    if event == "return" and frame.f_code.co_name == "shape_of":
        frame.f_locals["expected"] = ()
    return trace
sys.settrace(trace)
""",
    "sys.modules": """
import sys, types
for name in list(sys.modules):
    if name.startswith("numpy.testing"):
        sys.modules[name] = types.ModuleType(name)
""",
}  # fmt: skip

READING = {
    "the solutions": """
import glob
found = glob.glob("/**/solutions/**", recursive=False) + glob.glob("/home/**/*.ipynb")
exec(open(found[0]).read())
""",
    "the gradebook": """
import sqlite3
sqlite3.connect("/grading/gradebook.db").execute("update grade set manual_score = 3")
""",
    "other submissions": """
import os
for root in ("/grading/submitted", "/submitted", "../../..", "/tmp/.."):
    print(os.listdir(root) if os.path.isdir(root) else "")
""",
    "the environment of other processes": """
import glob
print([open(f, "rb").read() for f in glob.glob("/proc/[0-9]*/environ")])
""",
    "the memory of other processes": """
for pid in range(1, 50):
    try:
        print(open(f"/proc/{pid}/mem", "rb").read(1))
    except OSError:
        pass
""",
    "the seed": """
import os
print(os.environ["GRADERS_SEED"])
""",
    "the frames that call it": """
def shape_of(nested):
    import sys
    frame = sys._getframe()
    while frame:
        for value in frame.f_locals.values():
            if hasattr(value, "expected"):
                return value.expected
        frame = frame.f_back
""",
    "every object of the process": """
def shape_of(nested):
    import gc
    return next(o.expected for o in gc.get_objects() if hasattr(o, "expected"))
""",
    "the oracle": """
def shape_of(nested):
    from graders import tasks
    return tasks.find("01.rank.shape_of").oracle(nested)
""",
    "the wrong answers": """
def shape_of(nested):
    import answers
    return answers.ACCEPTED[0].object(nested)
""",
    "the user's files": """
import pathlib
print([p.read_text() for p in pathlib.Path("~root/.ssh").expanduser().iterdir()])
""",
}  # fmt: skip

WRITING = {
    "over the solutions": """
open("/solutions/01-rank-and-shape/rank-and-shape.ipynb", "w")
""",
    "into the packages": """
import site
open(site.getsitepackages()[0] + "/sitecustomize.py", "w").write("print('owned')")
""",
    "into the engine": """
open(tf.__file__, "a").write("owned = 1")
""",
    "over everything": """
import shutil
for root in ("/grader", "/usr", "/home", "/tmp"):
    shutil.rmtree(root, ignore_errors=True)
""",
    "another mode": """
import os
os.chmod("/", 0o777)
""",
    "links out of its folder": """
import os
os.symlink("/etc/passwd", "/tmp/link")
print(open("/tmp/link").read())
""",
    "a mount": """
import ctypes
assert ctypes.CDLL(None).mount(b"none", b"/usr", b"tmpfs", 0, None) == 0
""",
}  # fmt: skip

NETWORK = {
    "a connection": """
import socket
socket.create_connection(("93.184.215.14", 80), 1)
""",
    "a name": """
import socket
print(socket.gethostbyname("example.org"))
""",
    "the machine's own services": """
import socket
for port in (22, 80, 5432, 8000, 8786, 8888):
    try:
        print(socket.create_connection(("127.0.0.1", port), 0.2))
    except OSError:
        pass
""",
    "abstract sockets": """
import socket
s = socket.socket(socket.AF_UNIX)
s.bind("\\0graders")
s.listen()
""",
    "raw packets": """
import socket
socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
""",
}  # fmt: skip

EXHAUSTION = {
    "memory in a list": """
kept = []
while True:
    kept.append(bytes(10**7))
""",
    "memory in one array": """
import numpy as np
np.ones((10**5, 10**5))
""",
    "processes": """
import os
while True:
    os.fork()
""",
    "threads": """
import threading, time
while True:
    threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
""",
    "the disk": """
while True:
    open("/tmp/full", "ab").write(bytes(10**6))
""",
    "files": """
i = 0
while True:
    i += 1
    open(f"/tmp/{i}", "w").close()
""",
    "file descriptors": """
import os
while True:
    os.dup(0)
""",
    "output": """
while True:
    print("x" * 10**6)
""",
    "displays": """
from IPython.display import display
for i in range(10**5):
    display("x" * 100)
""",
    "errors": """
import sys
sys.stderr.write("x" * 10**8)
""",
    "detached processes": """
import os, time
for i in range(8):
    if os.fork() == 0:
        os.setsid()
        while True:
            time.sleep(1)
""",
    "a long list": "def shape_of(nested):\n    return [0] * 10**7",
    "a deep list": """
def shape_of(nested):
    deep = []
    for _ in range(10**5):
        deep = [deep]
    return deep
""",
    "a long number": "def shape_of(nested):\n    return 7 ** 10**6",
    "a long string": "def shape_of(nested):\n    return 'x' * 10**9",
    "recursion": "def shape_of(nested):\n    return shape_of([nested])",
    "a list that holds itself": "def shape_of(nested):\n    a = []\n    a.append(a)\n    return a",
}  # fmt: skip

DEATH = {
    "exit": "import os\nos._exit(0)",
    "SystemExit": "raise SystemExit(0)",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "a crash": "import ctypes\nctypes.string_at(0)",
    "kill": "import os\nos.kill(1, 9)\nos.kill(-1, 9)",
    "closed files": "import os\nos.closerange(0, 1000)",
    "a loop": "while True:\n    pass",
    "a loop that holds on": """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
""",
    "no signals": """
import signal
for number in range(1, 64):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
while True:
    pass
""",
    "sleep": "import time\ntime.sleep(10**6)",
    "a lock": "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
    "exit when called": "def shape_of(nested):\n    import os\n    os._exit(0)",
    "a crash when called": "def shape_of(nested):\n    import ctypes\n    ctypes.string_at(0)",
    "a loop when called": "def shape_of(nested):\n    while True:\n        pass",
    "SystemExit when called": "def shape_of(nested):\n    raise SystemExit(3)",
    "exit at exit": "import atexit, os\natexit.register(os._exit, 3)",
}  # fmt: skip

FIND = """
import gc, json, os, socket, struct, threading
def connections():
    return [s for s in gc.get_objects() if isinstance(s, socket.socket)]
def forge(message):
    body = json.dumps(message).encode()
    for s in connections():
        s.sendall(struct.pack("!I", len(body)) + body)
"""
FORGING = {
    "a frame that is none": f"{FIND}\nfor s in connections():\n    s.sendall(b'points: 3')",
    "a huge frame": f"{FIND}\nfor s in connections():\n    s.sendall(b'\\xff\\xff\\xff\\xff')",
    "an empty frame": f"{FIND}\nforge({{}})",
    "an answer in advance": f"{FIND}\nforge({{'reply': 3, 'value': [1, 2, 3], 'points': 3}})",
    "many answers in advance": f"{FIND}\nfor i in range(200):\n    forge({{'reply': i, 'value': []}})",
    "a call of the grader's": f"{FIND}\nforge({{'callback': 1, 'args': [], 'n': 1}})",
    "a score as output": "print('3')\ndisplay(3)\n3",
    "a score in HTML": "from IPython.display import HTML\ndisplay(HTML('<b>3 of 3 points</b>'))",
    "answers from a thread": f"""{FIND}
def flood():
    for i in range(10**5):
        forge({{'reply': i, 'value': {{'t': 'tuple', 'v': []}}}})
threading.Thread(target=flood, daemon=True).start()
""",
    "a value that is no value": f"""{FIND}
from graders.sandbox import runner
runner.Runner._op_call = lambda self, message: {{"value": {{"t": "array", "d": "object", "s": [1], "v": ""}}}}
""",
    "a pickle": """
from graders.sandbox import runner
runner.Runner._op_call = lambda self, message: {"value": {"t": "pickle", "v": "gASVAAAA"}}
""",
    "an error that is none": """
from graders.sandbox import runner
runner.Runner._op_call = lambda self, message: {"error": {"mro": 3, "message": [], "grader": True}}
""",
}  # fmt: skip

ODD = {
    "an array of objects": "import numpy as np\ndef shape_of(nested):\n    return np.array([None, shape_of])",
    "an array that is equal to all": """
import numpy as np
class Equal(np.ndarray):
    def __eq__(self, other):
        return True
def shape_of(nested):
    return np.zeros(3).view(Equal)
""",
    "a number that is equal to all": """
class Equal(int):
    __eq__ = __ge__ = __le__ = lambda self, other: True
    __hash__ = int.__hash__
def shape_of(nested):
    return Equal(3)
""",
    "a tuple that is equal to all": """
class Equal(tuple):
    __eq__ = lambda self, other: True
    __hash__ = tuple.__hash__
    __len__ = lambda self: 2
def shape_of(nested):
    return Equal((2, 3))
""",
    "an object of every class": """
class Any:
    __class__ = tuple
    __eq__ = lambda self, other: True
    __getattr__ = lambda self, name: self
    __call__ = lambda self, *args: self
    __iter__ = lambda self: iter(())
    __len__ = lambda self: 0
def shape_of(nested):
    return Any()
""",
    "NaN": "def shape_of(nested):\n    return float('nan')",
    "numbers of another kind": "import numpy as np\ndef shape_of(nested):\n    return np.array([2.0, 3.0])",
    "a list that changes after it was returned": """
import threading
def shape_of(nested):
    out = []
    def change():
        for _ in range(10_000):
            out[:] = [1, 2, 3]
    threading.Thread(target=change, daemon=True).start()
    return out
""",
    "a generator without end": "def shape_of(nested):\n    while True:\n        yield 1",
    "an object that raises at everything": """
class Thorn:
    def __getattribute__(self, name):
        raise RuntimeError(name)
    def __repr__(self):
        raise RuntimeError("repr")
    def __len__(self):
        raise RuntimeError("len")
def shape_of(nested):
    return Thorn()
""",
    "a class": "class shape_of:\n    def __init__(self, nested):\n        self.shape = ()",
    "no function": "shape_of = 3",
    "another string": "class S(str):\n    pass\ndef shape_of(nested):\n    return S('(2, 3)')",
    "a dict with odd keys": "def shape_of(nested):\n    return {(): 1, frozenset(): 2, None: 3}",
}  # fmt: skip


DEFINED = re.compile(r"^((def|class) shape_of\b|shape_of =)", re.MULTILINE)


def _own(kind: str, table: dict[str, str]) -> list[Attack]:
    """Attacks after which the wrong answer is defined, unless they define one of their own."""
    return [
        Attack(kind, name, source if DEFINED.search(source) else f"{source.strip()}\n\n{WRONG}")
        for name, source in table.items()
    ]


ATTACKS = [
    *_own("patching", PATCHING),
    *_own("reading", READING),
    *_own("writing", WRITING),
    *_own("network", NETWORK),
    *_own("exhaustion", EXHAUSTION),
    *_own("memory", MEMORY),
    *_own("death", DEATH),
    *_own("forging", FORGING),
    *_own("odd values", ODD),
    # What is right stays right, whatever else a submission does.
    Attack("right all the same", "after a patch", f"{PATCHING['clocks']}\n{RIGHT}", POINTS),
    Attack("right all the same", "with much output", f"print('x' * 10**7)\n{RIGHT}", POINTS),
    Attack("right all the same", "after an error", f"{RIGHT}\n1 / 0", POINTS),
]
