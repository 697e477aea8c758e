"""Where a compiled training step spends its time, line by line of the generated source.

    python -m benchmarks.profile_step line|mlp_32|mlp_256|cnn_step|... [--jit] [--top 20]

The step of the graph suite runs until it is warm; one call is then caught with its arrays. "in the step" is a
line's time inside the whole function, with a clock read after every line: memory is new and caches hold what
a step leaves in them. "alone" is the same line executed over and over on the same arrays. "around" is what a
call takes beyond its lines.
"""

from __future__ import annotations

import argparse
import ast
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent)]  # peers are imported as by their workers

from peers.graph import CALLS, ours  # noqa: E402

SECONDS = 4.0  # for the lines in the step


class Caught:
    """Stands in for `tf.function` while a workload is made; keeps what it compiled and was called with."""

    def __init__(self) -> None:
        self.compile = ours.tf.function
        self.function: Any = None
        self.args: tuple[Any, ...] = ()

    def __call__(self, f: Callable[..., Any] | None = None, **how: Any) -> Any:
        if f is None:
            return lambda g: self(g, **how)
        self.function = self.compile(f, **how)

        def call(*args: Any) -> Any:
            self.args = args
            return self.function(*args)

        return call


def best(run: Callable[[int], Any], seconds: float = 0.02) -> float:
    """Seconds for one of the n times that `run(n)` does something: the least of five stretches."""
    count = 1
    while True:
        since = time.perf_counter()
        run(count)
        spent = time.perf_counter() - since
        if spent > seconds / 10:
            break
        count *= 4
    least = spent / count
    count = max(1, int(seconds / 5 / least))
    for _ in range(5):
        since = time.perf_counter()
        run(count)
        least = min(least, (time.perf_counter() - since) / count)
    return least


def catch(step: Callable[[], Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments and the globals of the first generated function that `step` calls."""
    found: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def watch(frame: Any, event: str, _value: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith("<graph") and not found:
            arguments = {
                name: value.copy() if isinstance(value, np.ndarray) else value
                for name, value in frame.f_locals.items()
            }
            found.append((arguments, frame.f_globals))

    sys.setprofile(watch)
    try:
        step()
    finally:
        sys.setprofile(None)
    if not found:
        raise RuntimeError("no generated function ran: there are no lines to time")
    return found[0]


def statements(source: str) -> tuple[str, list[tuple[str, str]]]:
    """The parameters of the generated function; of each statement, the code to run and the text to show."""
    definition = next(n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef))
    text, found = source.splitlines(), []
    for statement in definition.body:
        code = ast.unparse(statement)
        if isinstance(statement, ast.Return):
            code = code.replace("return", "__result =", 1)
        rows = text[statement.lineno - 1 : statement.end_lineno]
        found.append((code, " ".join(row.strip() for row in rows)))
    return ast.unparse(definition.args), found


def indented(code: str, by: int) -> str:
    """Code for the inside of a function."""
    return "".join(f"\n{' ' * by}{row}" for row in code.splitlines())


def in_the_step(
    source: str, known: dict[str, Any], names: dict[str, Any], call: Callable[[], Any]
) -> tuple[float, list[float]]:
    """Seconds of `call`; of each statement while the whole function runs, and of giving its memory back.

    The two take turns, because where memory lies changes from minute to minute, and what counts is the mean
    of the fastest tenth of many runs.
    """
    parameters, found = statements(source)
    body = "".join(indented(f"{code}\n__told(__clock())", 4) for code, _ in found)
    made: dict[str, Any] = {}
    head = f"def __step(__told, __clock, {parameters}):\n    __told(__clock())"
    exec(f"{head}{body}", names, made)
    runs, calls, clock = [], [], time.perf_counter
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and len(runs) < 20_000:
        told: list[float] = []
        made["__step"](told.append, clock, **known)
        told.append(clock())
        runs.append(told)
        since = clock()
        call()
        calls.append(clock() - since)
    runs.sort(key=lambda told: told[-1] - told[0])
    tenth = max(1, len(runs) // 10)
    empty: list[float] = []
    for _ in range(1000):
        empty.append(clock())
    seconds = np.diff(runs[:tenth], axis=1).mean(axis=0) - np.diff(empty).min()
    return float(np.mean(sorted(calls)[:tenth])), list(np.maximum(seconds, 0.0))


def alone(source: str, known: dict[str, Any], names: dict[str, Any]) -> list[float]:
    """Seconds of each statement executed over and over on what the statements before it left.

    Arrays it wrote to are put back, so that the next one finds what it finds in a step.
    """
    known, result = dict(known), []
    for code, _ in statements(source)[1]:
        used = [n.id for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Name)]
        given = {name: known[name] for name in used if name in known}
        head = f"def __line({', '.join([*given, '__n'])}):\n    for __i in range(__n):"
        made: dict[str, Any] = {}
        exec(f"{head}{indented(code, 8)}\n    return locals()", names, made)
        line = made["__line"]
        kept = [
            (array, array.copy())
            for array in {id(v): v for v in [*known.values(), *names.values()]}.values()
            if isinstance(array, np.ndarray) and array.flags.writeable
        ]
        result.append(best(lambda n, line=line, given=given: line(**given, __n=n)))
        for array, before in kept:
            np.copyto(array, before)
        after = line(**given, __n=1)
        known |= {name: v for name, v in after.items() if not name.startswith("__")}
    return result


def profile(workload: str, jit: bool, warm: float) -> tuple[float, list[Any]]:
    """Seconds of one whole call; of each line its text, its seconds in the step and alone."""
    caught = Caught()
    with patch.object(ours.tf, "function", caught):
        call = ours.makers(**({"jit_compile": True} if jit else {}))[workload]()
    until = time.monotonic() + warm
    while time.monotonic() < until:
        call(10)
    function, args = caught.function, caught.args

    source = ""
    with np.errstate(all="ignore"):
        while source != (
            source := function.get_concrete_function(*args).source
        ):  # else kernels came in
            known, names = catch(lambda: function(*args))
            whole, inside = in_the_step(source, known, names, lambda: function(*args))
        by_itself = [*alone(source, known, names), 0.0]
    shown = [*(text for _, text in statements(source)[1]), "giving back the memory of the lines"]
    return whole, list(zip(shown, inside, by_itself, strict=True))


def report(whole: float, lines: list[tuple[str, float, float]], top: int = 0) -> str:
    """The lines in their order with microseconds and share; with `top`, the dearest first."""
    around = whole - sum(seconds for _, seconds, _ in lines)
    if top:
        lines = sorted(lines, key=lambda row: -row[1])[:top]
    told = ["in the step  share       alone"]
    for line, inside, by_itself in lines:
        told.append(
            f"{inside * 1e6:8.2f} us {inside / whole:6.1%} {by_itself * 1e6:8.2f} us  {line[:120]}"
        )
    told.append(f"{around * 1e6:8.2f} us {around / whole:6.1%}              around the lines")
    told.append(f"{whole * 1e6:8.2f} us                     one call")
    return "\n".join(told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("workload", choices=list(CALLS))
    parser.add_argument("--jit", action="store_true", help="with jit_compile=True")
    parser.add_argument("--top", type=int, default=0, help="only so many lines, the dearest first")
    parser.add_argument("--warm", type=float, default=6.0, help="seconds of steps before")
    options = parser.parse_args()
    print(report(*profile(options.workload, options.jit, options.warm), options.top))


if __name__ == "__main__":
    main()
