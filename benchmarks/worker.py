"""The process of one peer: reads commands, one JSON object a line, and answers in kind.

It runs in the peer's own environment and imports nothing of the project but the peer's file.

    {"setup": "scalar_add"}  ->  {"check": 4.0}
    {"time": 0.05}           ->  {"seconds": 1.2e-06}     the best mean over ~0.05 s
    {"about": true}          ->  {"versions": {...}, "blas": "...", "cores": 1}
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any


def blas_core() -> str:
    """The kernels OpenBLAS chose in this process, or what stands in for it."""
    try:
        import numpy  # noqa: F401  (loads the library that is asked about)
        from threadpoolctl import threadpool_info
    except ImportError:
        return _loaded_openblas()
    found = [f"{i['internal_api']} {i.get('architecture', '')}" for i in threadpool_info()]
    return ", ".join(sorted(set(found))) or "none"


def _loaded_openblas() -> str:
    """The same asked of NumPy's own OpenBLAS, for an environment without threadpoolctl."""
    with open("/proc/self/maps") as maps:
        libraries = {line.split()[-1] for line in maps if "openblas" in line}
    for path in libraries:
        library = ctypes.CDLL(path)
        for name in ("scipy_openblas_get_corename64_", "openblas_get_corename"):
            ask = getattr(library, name, None)
            if ask is not None:
                ask.restype = ctypes.c_char_p
                return f"openblas {ask().decode()}"
    return "unknown"


def measure(run: Callable[[], Any], seconds: float) -> float:
    """Seconds for one call: the best of five stretches that together last about `seconds`."""
    count, stretch = 1, seconds / 5
    while True:
        start = time.perf_counter()
        for _ in range(count):
            run()
        spent = time.perf_counter() - start
        if spent >= seconds:
            return spent / count  # a call takes longer than all the time there is
        if spent >= stretch / 2 or count >= 1 << 20:
            break
        count = max(count + 1, int(count * min(10.0, stretch / max(spent, 1e-9))))
    best = spent / count
    for _ in range(4):
        start = time.perf_counter()
        for _ in range(count):
            run()
        best = min(best, (time.perf_counter() - start) / count)
    return best


def main(peer: str) -> None:
    """Serves one peer until its input ends."""
    # What a framework prints while loading must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module = importlib.import_module(f"peers.{peer}")
    run: Callable[[], Any] | None = None
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if "about" in command:
                answer: dict[str, Any] = {
                    "versions": module.versions(),
                    "blas": blas_core(),
                    "cores": len(os.sched_getaffinity(0)),
                }
            elif "setup" in command:
                make = module.WORKLOADS.get(command["setup"])
                if make is None:
                    answer = {"missing": True}
                else:
                    run, check = make()
                    answer = {"check": float(check())}
            else:
                assert run is not None
                answer = {"seconds": measure(run, command["time"])}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main(sys.argv[1])
