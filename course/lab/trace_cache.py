"""TraceCache: the graphs of a tf.function as the drawers of a cabinet, filled call by call.

Every call is a real one: the engine looks up or traces, and what it did is read off and timed. How
it finds the drawer is in `engine/retracing.py` and `engine/function.py`.
"""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import traitlets

import engine as tf
from course.lab.base import LabWidget, asset, module
from engine.function import Function

HEAD = ("drawer", "label", "operations", "ms to build", "calls served")
WIDEST = 60


def written(value: Any) -> str:
    """One argument as a label has it: a tensor by dtype and shape, anything else as it is.

    >>> written((tf.TensorSpec([2, None], tf.int32), [1, True]))
    '(int32 (2, None), [1, True])'
    """
    if isinstance(value, tf.TensorSpec):
        return f"{value.dtype.name} {value.shape}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k!r}: {written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        inner = ", ".join(map(written, value))
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner}{',' * (len(value) == 1)})"
    text = repr(value)
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


class Cabinet:
    """A fresh `tf.function`, with a note of what each call did to its graphs."""

    def __init__(self, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
        self.traced = tf.function(function, **options)
        self._names = list(inspect.signature(function).parameters)
        self._graphs: list[Any] = []
        self.rows: list[dict[str, Any]] = []
        self.building = self.serving = 0.0
        """Milliseconds, of the calls that made a drawer and of those that found one."""

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, bool, list[str]]:
        """The place of the drawer that served this call, whether it is new, and what was warned."""
        before = self.traced.experimental_get_tracing_count()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            start = time.perf_counter()
            self.traced(*args, **kwargs)
            took = 1000 * (time.perf_counter() - start)
        new = self.traced.experimental_get_tracing_count() > before
        concrete = self.traced.get_concrete_function(*args, **kwargs)
        known = [graph is concrete for graph in self._graphs]
        place = known.index(True) if any(known) else self._add(concrete, took)
        row = self.rows[place]
        row["calls"] += 1
        if new:
            self.building += took
        else:
            self.serving += took
            row["fastest"] = min(1000 * took, row["fastest"] or 1000 * took)
        return place, new, [str(one.message) for one in caught]

    def _add(self, concrete: Any, took: float) -> int:
        self._graphs.append(concrete)
        positional, named = concrete.structured_input_signature
        names = [*self._names, *("" for _ in positional)][: len(positional)]
        parts = [*zip(names, positional, strict=True), *sorted(named.items())]
        self.rows.append(
            {
                "label": ", ".join(f"{name}: {written(value)}" for name, value in parts),
                "operations": len(concrete.graph.operations),
                "ms": took,
                "calls": 0,
                "fastest": None,  # in microseconds, of the calls that found the drawer there
                "graph": str(concrete.graph),
            }
        )
        return len(self.rows) - 1


class TraceCache(LabWidget):
    """The drawers of a function, opened and added to by calls: `TraceCache(f, {"tensors": ["x"]})`.

    Next makes the next call of the chosen loop, in this kernel; the row that served it is marked. A
    call of one's own can be typed, and asked about before it is made. Click a drawer for its graph.

    Arguments:
        function: a plain Python function. Calls can use the names that it can use.
        loops: for each switch position the calls, as text between the parentheses.
        options: for `tf.function`, such as `reduce_retracing=True`.
    """

    _esm = module("trace_cache.js")
    _css = asset("lab.css") + asset("trace_cache.css")
    name = traitlets.Unicode().tag(sync=True)
    loops: traitlets.List = traitlets.List().tag(sync=True)
    loop = traitlets.Int().tag(sync=True)
    state: traitlets.Dict = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        function: Callable[..., Any],
        loops: Mapping[str, Sequence[str]],
        **options: Any,
    ) -> None:
        if isinstance(function, Function):
            raise TypeError(
                "TraceCache makes a tf.function of its own, so that it starts empty: give it the "
                "plain Python function, without @tf.function."
            )
        super().__init__()
        self._function, self._options = function, options
        self.name = function.__name__
        self.loops = [{"name": name, "calls": list(calls)} for name, calls in loops.items()]
        self._played(self.loops[0]["calls"])  # what is imported at the first trace is not its cost
        self._twin = [(loop["name"], self._played(loop["calls"])) for loop in self.loops]
        self.choose(0)
        self.on_msg(self._on_message)

    def _played(self, calls: Sequence[str]) -> Cabinet:
        """A cabinet of its own after all these calls."""
        cabinet = Cabinet(self._function, self._options)
        for text in calls:
            cabinet.call(*self._arguments(text))
        return cabinet

    def _arguments(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What stands between the parentheses of a call, evaluated where the function is at home."""

        def given(*args: Any, **kwargs: Any) -> Any:
            return args, kwargs

        names = {"tf": tf, **self._function.__globals__, "__given": given}
        return eval(f"__given({text}\n)", names)

    def _on_message(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        if content["do"] == "choose":
            self.choose(int(content["loop"]))
        elif content["do"] == "next":
            self.next()
        elif content["do"] == "call":
            self.call(str(content["text"]))
        elif content["do"] == "ask":
            self.ask(str(content["text"]))

    def choose(self, loop: int) -> None:
        """An empty cabinet, before the first call of this loop."""
        self.loop = loop
        self._cabinet = Cabinet(self._function, self._options)
        self._made: list[dict[str, Any]] = []
        self._tell("")

    def next(self) -> None:
        """The next call of the loop, if there is one left."""
        calls = self.loops[self.loop]["calls"]
        done = sum(one["planned"] for one in self._made)
        if done < len(calls):
            self.call(calls[done], planned=True)

    def call(self, text: str, planned: bool = False) -> None:
        """Call the function with these arguments, and mark the drawer that served."""
        try:
            args, kwargs = self._arguments(text)
            place, new, warned = self._cabinet.call(args, kwargs)
        except Exception as error:
            return self._tell("", problem=f"{type(error).__name__}: {error}")
        self._made.append({"text": text, "row": place, "new": new, "planned": planned})
        said = f"`{self.name}({text})` "
        if new:
            said += f"found no drawer with its label: traced, and kept in drawer {place + 1}."
        else:
            said += f"opened drawer {place + 1}: Python was not asked."
        self._tell(said, "\n".join(warned))

    def ask(self, text: str) -> None:
        """Whether a call with these arguments would trace, and why; nothing is called."""
        try:
            args, kwargs = self._arguments(text)
            explained = self._cabinet.traced.explain(*args, **kwargs)
        except Exception as error:
            return self._tell("", problem=f"{type(error).__name__}: {error}")
        self._tell(str(explained))

    def _tell(self, said: str, warned: str = "", problem: str = "") -> None:
        """Everything that the page shows, in one message."""
        last = self._made[-1] if self._made and not problem else None
        self.state = {
            "rows": [dict(row) for row in self._cabinet.rows],
            "made": list(self._made),
            "building": self._cabinet.building,
            "serving": self._cabinet.serving,
            "used": last["row"] if last else -1,
            "said": said,
            "warned": warned,
            "problem": problem,
        }

    def _static(self) -> dict[str, str]:
        lines, tables = [], []
        for name, cabinet in self._twin:
            calls = sum(row["calls"] for row in cabinet.rows)
            count = len(cabinet.rows)
            title = f"{self.name}, {name}: {calls} calls, {count} drawer{'s' * (count != 1)}"
            rows = [
                (
                    str(i),
                    row["label"],
                    str(row["operations"]),
                    f"{row['ms']:.2f}",
                    str(row["calls"]),
                )
                for i, row in enumerate(cabinet.rows, 1)
            ]
            lines += [title, *("  " + " | ".join(cells) for cells in (HEAD, *rows))]
            head = "".join(f"<th>{escape(cell)}</th>" for cell in HEAD)
            body = "".join(
                "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
                for row in rows
            )
            tables.append(f"<table><caption>{escape(title)}</caption><tr>{head}</tr>{body}</table>")
        return {"text/plain": "\n".join(lines), "text/html": "".join(tables)}
