"""Chapter 05, continued: what follows from tracing once. The truth comes from running the engine."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import engine as tf
from graders.diagnose import in_check, predicts
from graders.tasks.base import Check, Draw, Misconception, Task

Args = tuple[Any, ...]


def printed_lines(calls: list[str]) -> int:
    """How often the print in f shows: f is called plainly, g and h are tf.functions of it."""

    def f(x: Any) -> Any:
        print("f runs")
        return x * x

    functions: dict[str, Callable[..., Any]] = {"f": f, "g": tf.function(f), "h": tf.function(f)}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        for name in calls:
            functions[name](tf.constant(2.0))
    return len(out.getvalue().splitlines())


def call_lists(names: str, draw: Draw) -> Iterator[Args]:
    yield from (([name],) for name in names)
    yield ([name for name in names for _ in range(2)],)
    for _ in draw.rounds(4):
        yield ([draw.random.choice(names) for _ in range(draw.random.randint(2, 7))],)
    yield ([draw.random.choice(names) for _ in range(60)],)


PRINTS = Task(
    id="05.tracing.count_prints",
    name="count_prints",
    points=2,
    asks="`count_prints(calls)`: `f` prints one line, and `g` and `h` are both `tf.function(f)`. How "
    "many lines show when they are called in this order, with tensors of one shape and dtype?",
    oracle=printed_lines,
    checks=(
        Check("f and g", lambda draw: call_lists("fg", draw)),
        Check("f, g and h", lambda draw: call_lists("fgh", draw)),
        Check("no calls", lambda draw: [([],)]),
    ),
    misconceptions=(
        Misconception(
            "every_call",
            "That is one line for every call. A traced function runs its Python lines once, while "
            "it is traced; after that only the graph runs, and a print is not in it.",
            predicts(lambda calls: len(calls)),
        ),
        Misconception(
            "never",
            "Tracing does run the Python lines, once: the first call of g shows the line.",
            predicts(lambda calls: calls.count("f")),
        ),
        Misconception(
            "eager_once",
            "f itself is plain Python: it prints at every call.",
            predicts(lambda calls: len(set(calls))),
        ),
        Misconception(
            "always_once",
            "One line in all is too few: f prints at every call, and g and h when they are traced.",
            predicts(lambda calls: min(len(calls), 1)),
        ),
        Misconception(
            "shared_trace",
            "g and h are made from the same f, but each has its own graphs: h is traced as well.",
            predicts(lambda calls: calls.count("f") + ("g" in calls or "h" in calls)),
        ),
    ),
    hints=(
        "Define f, g and h in a cell of your own, call g twice, and count.",
        "A line shows whenever Python goes through the body of f. When does that happen for f, "
        "and when for g?",
        "Add up: every call of f, and one for each of g and h that is called at all.",
    ),
)


def frozen(calls: list[tuple[float, float]]) -> list[float]:
    """What a traced `x * scale` gives while Python changes `scale` between the calls."""
    scale = 0.0

    @tf.function
    def scaled(x: Any) -> Any:
        return x * scale

    outputs = []
    for now, x in calls:
        scale = now
        outputs.append(float(scaled(tf.constant(x))))
    return outputs


def _halves(draw: Draw, count: int) -> list[float]:
    return [draw.random.randint(-9, 9) + 0.5 for _ in range(count)]


def scale_calls(draw: Draw) -> Iterator[Args]:
    yield from (([(2.0, 3.0), (5.0, 3.0)],), ([(2.0, 1.0), (3.0, 4.0), (0.0, 5.0)],))
    for _ in draw.rounds(4):
        count = draw.random.randint(2, 5)
        yield ([(float(draw.random.randint(2, 9)), x) for x in _halves(draw, count)],)
    yield ([(0.0, 3.0), (5.0, 3.0)],)
    yield ([(float(draw.random.randint(-9, -2)), x) for x in _halves(draw, 60)],)


FROZEN = Task(
    id="05.tracing.frozen_outputs",
    name="frozen_outputs",
    points=2,
    asks="`frozen_outputs(calls)`: a tf.function returns `x * scale`, where `scale` is a Python "
    "variable outside it. For every `(scale, x)`, scale is set, and the function called with the "
    "tensor x. Returns the list of what comes out.",
    oracle=frozen,
    checks=(
        Check("one call", lambda draw: [([(2.0, 3.0)],), ([(0.5, 4.0)],)]),
        Check("scale changes between calls", scale_calls),
        Check("no calls", lambda draw: [([],)]),
    ),
    misconceptions=(
        Misconception(
            "live",
            "That is what plain Python would do. The graph holds the number that scale was when "
            "it was traced; setting scale later changes Python's variable, not the graph.",
            predicts(lambda calls: [scale * x for scale, x in calls]),
        ),
        Misconception(
            "last_wins",
            "The value of scale that counts is the one at the time of the first call, when the "
            "function was traced, and not the newest one.",
            predicts(lambda calls: [calls[-1][0] * x for _, x in calls]),
        ),
        Misconception(
            "input_frozen",
            "x is a tensor: it is an input of the graph, and different at every call. Only the "
            "Python number is burnt in.",
            predicts(lambda calls: [calls[0][0] * calls[0][1] for _ in calls]),
        ),
        Misconception(
            "previous",
            "It lags by one call. The function is traced once, at the first call, and not again.",
            predicts(lambda calls: [s * x for (s, _), (_, x) in pairwise([calls[0], *calls])]),
        ),
        Misconception(
            "zero",
            "A scale of 0.0 is a number like any other, and is burnt in as well. In Python it "
            "counts as false, so `scale or ...` passes over it.",
            in_check("scale changes between calls", lambda seen: not seen.first.case.args[0][0][0]),
        ),
        Misconception(
            "no_calls",
            "When nothing is called nothing comes out: an empty list.",
            in_check("no calls"),
        ),
    ),
    hints=(
        "Write that function, print `concrete.graph` of it, and look for the number.",
        "When does Python read the variable scale: at every call, or while it traces?",
        "Take the scale of the first call. Multiply every x by it. Think of a list with no call.",
    ),
)

TASKS = (PRINTS, FROZEN)
