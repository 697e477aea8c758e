"""One new process of one peer of the graph suite: its first call, or the memory its steps take.

    python benchmarks/graph_process.py first jax_jit mlp_32   ->  {"check": 2.4, "seconds": 0.83}
    python benchmarks/graph_process.py memory jax_jit mlp_32  ->  {"check": 2.4, "step": ..., "total": ...}

`seconds` is the time of the first call of the compiled function: it traces, optimizes, compiles and runs.
What came before does not count: imports, one addition, making the inputs. `total` is the peak of the whole
process in bytes, imports and all, after 200 calls. `step` is how far memory rose in these calls, from what
was in use after a call of another compiled function, a + b * a: so no one's compiler counts as a step's.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

STEPS = 200


def memory(field: str) -> int:
    """VmHWM is the peak of this process in bytes, VmRSS what it holds now."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith(field))
    return int(line.split()[1]) * 1024


def main(what: str, peer: str, workload: str) -> None:
    """Measures and prints."""
    answers = os.fdopen(os.dup(1), "w")  # what a framework prints must not mix with the answer
    os.dup2(2, 1)
    module = importlib.import_module(f"peers.graph.{peer}")
    from peers.graph import number

    module.warm()
    if what == "memory":
        module.MAKERS["scalar"]()(1)
    call = module.MAKERS[workload]()
    before, highest = memory("VmRSS"), memory("VmHWM")
    with open("/proc/self/clear_refs", "w") as reset:
        reset.write("5")  # the peak starts again from what is in use
    since = time.perf_counter()
    result = call(1)
    seconds = time.perf_counter() - since
    answer: dict[str, Any] = {"check": number(result)}
    if what == "memory":
        call(STEPS - 1)
        peak = memory("VmHWM")
        answer |= {"step": peak - before, "total": max(highest, peak)}
    else:
        answer["seconds"] = seconds
    print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.abspath(__file__))
    main(*sys.argv[1:])
