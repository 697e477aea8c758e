"""The peers of the graph suite: one module a way of compiling.

Each has MAKERS: workload -> a function that makes the inputs and returns `call`. `call(n)` calls the compiled
function n times, waits for the last result and returns it; the first call of it traces and compiles. Each has
`warm()`, the smallest operation of the framework, and WORKLOADS in the form `worker.py` takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .numbers import CALLS

Call = Callable[[int], Any]


def number(result: Any) -> float:
    """What is compared between peers: a sum in which every place has a weight of its own."""
    flat = np.asarray(result, np.float64).reshape(-1)
    return float(flat @ np.linspace(1.0, 2.0, flat.size))


def for_worker(makers: dict[str, Callable[[], Call]]) -> dict[str, Callable[[], Any]]:
    """workload -> set-up that returns (run, check); the check is the result of the tenth call, or the whole
    fit of the line."""

    def entry(name: str, make: Callable[[], Call]) -> Callable[[], Any]:
        def setup() -> Any:
            call, count = make(), CALLS[name]
            first = number(call(500 if name == "line" else 10))
            return (lambda: call(count)), (lambda: first)

        return setup

    return {name: entry(name, make) for name, make in makers.items()}
