"""Chapter 06, continued: the cabinet that keeps graphs, and which of them goes when it is full.

The truth is the standard library's own least-recently-used cache. The last two tasks are in
ch06_traces.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from graders.compare import a
from graders.diagnose import Seen, in_check, predicts
from graders.show import show
from graders.tasks.base import Check, Complaint, Draw, Misconception, Task

Args = tuple[Any, ...]


class TracingFailed(Exception):
    """What the Python function raises while it is traced."""


def served(cabinet_class: Any, size: int, calls: list[str]) -> list[str]:
    """What a learner's cabinet did at each call: traced, reused or failed. "a!" is a call with the
    label a, during which tracing fails, if the cabinet traces."""
    traces: list[str] = []
    now = ""

    def trace(*args: Any) -> Callable[..., str]:
        if len(args) != 2:
            raise Complaint(f"trace was called with {len(args)} arguments, the call had 2")
        traces.append(now)
        if len(traces) > 1:
            raise Complaint(f"the call with label {now!r} was traced more than once")
        if fails:
            raise TracingFailed("the function raised while it was traced")
        return functools.partial(graph, now)

    def graph(label: str, *args: Any) -> str:
        return f"graph {label} ran with {', '.join(map(str, args))}"

    cabinet = cabinet_class(trace, size)
    log = []
    for number, call in enumerate(calls):
        now, fails = call.rstrip("!"), call.endswith("!")
        traces.clear()
        try:
            got = cabinet.call(now, number, -number)
        except TracingFailed:
            log.append("failed")
            continue
        if traces and fails:
            raise Complaint("tracing failed, and the error did not reach the caller")
        _answered(got, call, graph(now, number, -number))
        log.append("traced" if traces else "reused")
    return log


def _answered(got: Any, call: str, right: str) -> None:
    if callable(got):
        raise Complaint(f"the call with label {call!r} returned the graph and did not run it")
    if got is None:
        raise Complaint(f"the call with label {call!r} returned None")
    if type(got) is not str:
        raise Complaint(f"the call with label {call!r} returned {a(got)}")
    if got != right:
        raise Complaint(f"it returned {show(got)}; right is {show(right)}")


def by_lru_cache(size: int, calls: list[str]) -> list[str]:
    """The same from functools.lru_cache, which forgets the least recently used as well."""
    fails = False

    @functools.lru_cache(maxsize=size)
    def drawer(label: str) -> object:
        if fails:
            raise TracingFailed
        return object()

    log = []
    for call in calls:
        label, fails = call.rstrip("!"), call.endswith("!")
        before = drawer.cache_info().hits
        try:
            drawer(label)
        except TracingFailed:
            log.append("failed")
        else:
            log.append("reused" if drawer.cache_info().hits > before else "traced")
    return log


def cabinet_input(size: int, calls: list[str]) -> bool:
    labels = all(call and call.rstrip("!").isalnum() and call.count("!") < 2 for call in calls)
    return type(size) is int and size >= 1 and bool(calls) and labels


def shown_calls(size: int, calls: list[str]) -> str:
    rows = [f"cabinet = Cabinet(trace, {size})"]
    for number, call in enumerate(calls[:12]):
        note = "  # tracing raises an error" if call.endswith("!") else ""
        rows.append(f"cabinet.call({call.rstrip('!')!r}, {number}, {-number}){note}")
    if len(calls) > 12:
        rows.append(f"... and {len(calls) - 12} more calls")
    return "\n".join(rows)


def some_calls(draw: Draw, labels: str, count: int) -> list[str]:
    return [draw.random.choice(labels) for _ in range(count)]


def room_for_all(draw: Draw) -> Iterator[Args]:
    yield from ((5, ["a"]), (5, ["a", "a"]), (5, ["a", "b"]), (5, ["a", "b", "a", "b", "a"]))
    for _ in draw.rounds(3):
        yield 6, some_calls(draw, "abcdef", draw.random.randint(4, 12))
    yield 3, ["a", "b", "c", "c", "b", "a"]


def too_many(draw: Draw) -> Iterator[Args]:
    yield from (
        (1, ["a", "b", "a"]),
        (2, ["a", "b", "c", "a"]),
        (2, ["a", "b", "a", "c", "a", "b"]),
        (2, ["a", "b", "c", "b", "c"]),
        (3, ["a", "b", "c", "a", "b", "d", "c", "a", "b"]),
    )
    for _ in draw.rounds(4):
        size = draw.random.randint(1, 4)
        yield size, some_calls(draw, "abcdefg"[: size + 2], draw.random.randint(8, 20))
    yield 8, [f"label{number}" for number in range(40)] + [f"label{n}" for n in range(30, 40)]


def failing(draw: Draw) -> Iterator[Args]:
    yield from (
        (3, ["a!"]),
        (3, ["a!", "a"]),
        (3, ["a!", "a!", "a", "a!"]),
        (2, ["a", "b", "c!", "a", "b"]),
        (1, ["a", "b!", "a"]),
        (2, ["a!", "b", "c", "b"]),
    )
    for _ in draw.rounds(3):  # there is room for what succeeds: another check asks who goes
        yield 2, [draw.random.choice(("a", "b", "a!", "b!", "c!", "d!")) for _ in range(10)]


def _complaint(words: str) -> Any:
    return lambda seen: words in str(seen.first.ran.error)


def _oldest_made(size: int, calls: list[str]) -> list[str]:
    """A wrong model: what was made first goes first, however much it is used."""
    return _kept(size, calls, lambda drawers: drawers.pop(0))


def _kept(size: int, calls: list[str], drop: Callable[[list[str]], Any]) -> list[str]:
    """A wrong model: a new label when the cabinet is full first calls `drop`."""
    drawers: list[str] = []
    log = []
    for call in calls:
        label = call.rstrip("!")
        if label in drawers:
            log.append("reused")
        elif call.endswith("!"):
            log.append("failed")
        else:
            log.append("traced")
            if len(drawers) >= size:
                drop(drawers)
            drawers.append(label)
    return log


def _counted(seen: Seen, what: str) -> int:
    got, right = seen.first.ran.value, seen.first.case.expected
    return int(got.count(what) - right.count(what))


CABINET = Task(
    id="06.retracing.cabinet",
    name="Cabinet",
    points=4,
    asks="`Cabinet(trace, size)`: `call(label, *args)` runs the graph in the drawer with this label. "
    "Without one, `trace(*args)` makes the graph, which is kept. At most `size` graphs are kept, and the "
    "one that was not used for longest goes first. A trace that raises leaves the cabinet as it was.",
    oracle=by_lru_cache,
    valid=cabinet_input,
    use=served,
    shows=shown_calls,
    checks=(
        Check("room for all labels", room_for_all),
        Check("more labels than drawers", too_many, points=1),
        Check("traces that fail", failing, points=1),
    ),
    misconceptions=(
        Misconception(
            "graph_not_run",
            "The graph is returned. Whoever calls wants what the graph gives for these arguments.",
            _complaint("did not run it"),
        ),
        Misconception(
            "nothing_returned",
            "One of the two ways through `call`, with a drawer or without, returns nothing.",
            _complaint("returned None"),
        ),
        Misconception(
            "trace_arguments",
            "`trace` is called as the Python function would be: with the arguments of the call, and "
            "without the label.",
            _complaint("trace was called with"),
        ),
        Misconception(
            "keeps_the_result",
            "The drawer holds what the first call returned, so later calls get an old answer. Keep "
            "the graph, and run it with the new arguments.",
            _complaint("it returned"),
        ),
        Misconception(
            "twice",
            "One call traces twice: keep in a variable what `trace` returned.",
            _complaint("more than once"),
        ),
        Misconception(
            "swallowed",
            "When tracing raises, the caller has to see the error. Nothing need be caught: leave the "
            "drawers alone until the graph is there.",
            _complaint("did not reach the caller"),
        ),
        Misconception(
            "never_reuses",
            "It traces at every call. Is the graph put into a drawer, and is it looked for?",
            predicts(lambda size, calls: ["failed" if c.endswith("!") else "traced" for c in calls]),
        ),
        Misconception(
            "oldest_made",
            "The hot drawer was thrown away: the one that was made first goes, although it is used all "
            "the time. A call that finds its drawer makes it the most recent one.",
            predicts(_oldest_made),
        ),
        Misconception(
            "unbounded",
            "Nothing is ever thrown away: 10,000 labels later there are 10,000 graphs. At most `size` "
            "are kept.",
            predicts(lambda size, calls: by_lru_cache(len(calls), calls)),
        ),
        Misconception(
            "emptied",
            "When the cabinet is full all of it is thrown away. One drawer is enough.",
            predicts(lambda size, calls: _kept(size, calls, list.clear)),
        ),
        Misconception(
            "newest_goes",
            "The drawer that was used last goes first. What was just used will most likely be wanted "
            "again: keep it, and throw away what was not used for longest.",
            in_check("more labels than drawers", predicts(
                lambda size, calls: _most_recent_goes(size, calls))),
        ),
        Misconception(
            "one_more",
            "It keeps one graph more than there is room for: when are there too many?",
            predicts(lambda size, calls: by_lru_cache(size + 1, calls)),
        ),
        Misconception(
            "one_less",
            "It keeps one graph less than there is room for: a full cabinet holds `size` of them.",
            lambda seen: seen.first.label != "traces that fail" and _counted(seen, "traced") > 0,
        ),
        Misconception(
            "half_a_graph",
            "A trace failed, and a drawer was left behind: the next call with that label runs half a "
            "graph. Fill the drawer when the graph is there, and not before.",
            in_check("traces that fail", lambda seen: _left_behind(seen)),
        ),
        Misconception(
            "thrown_away_first",
            "A drawer was thrown away for a graph that was never made. Make room once tracing has "
            "succeeded.",
            in_check("traces that fail"),
        ),
    ),
    hints=(
        "Which of its three things does a call with a known label do: look up, trace, run? Which does "
        "one with a new label?",
        "A dict keeps its keys in the order in which they were put in. Take a drawer out and put it "
        "back at each use, and the first key is always the one that was not used for longest.",
        "If the label is there, take its graph out of the dict. If not, trace; when that has worked "
        "and the dict is full, delete its first key. In both cases put the graph in under the label, "
        "then run it and return what it gives.",
    ),
)  # fmt: skip


def _most_recent_goes(size: int, calls: list[str]) -> list[str]:
    """A wrong model: the most recently used goes."""
    used: list[str] = []
    log = []
    for call in calls:
        label = call.rstrip("!")
        if label in used:
            log.append("reused")
            used.remove(label)
        elif call.endswith("!"):
            log.append("failed")
            continue
        else:
            log.append("traced")
            if len(used) >= size:
                used.pop()
        used.append(label)
    return log


def _left_behind(seen: Seen) -> bool:
    return seen.first.ran.error is not None or _counted(seen, "reused") > 0


TASKS = (CABINET,)
