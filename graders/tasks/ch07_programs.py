"""Chapter 07's programs as plain data: how they are drawn, and how they are run with other meanings.

A step is a tuple (name, operation, *operands). What a pass must find out about a program shows when the
program is run on something else than numbers: on NaN, which spreads to everything that depends on it, on
sets of names, or on names of whole expressions. That is where the truths come from.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from graders.show import show
from graders.tasks.base import Draw

Step = tuple[Any, ...]
Program = tuple[list[Step], Any]
ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
}
BINARY = ("add", "sub", "mul")
SYMMETRIC = ("add", "mul")
EFFECTS = ("draw", "print")
ELEMENTWISE = (*ARITHMETIC, "exp")


def meant(
    steps: Sequence[Step], meaning: Callable[..., Any], given: Mapping[Any, Any] | None = None
) -> dict[Any, Any]:
    """Runs a program: `meaning(name, operation, *values)` says what each step gives.

    An operand that is not `given` stands for itself.
    """
    values = dict(given or {})
    for name, does, *reads in steps:
        values[name] = meaning(name, does, *(values.get(read, read) for read in reads))
    return values


def coloured(steps: Sequence[Step]) -> dict[Any, Any]:
    """The values when every input and every draw is NaN: NaN is what is not known before the run."""

    def meaning(name: str, operation: str, *values: Any) -> Any:
        if operation not in ARITHMETIC:
            return math.nan
        try:
            return ARITHMETIC[operation](*values)
        except ZeroDivisionError:
            return math.nan

    return meant(steps, meaning, {f"x{i}": math.nan for i in range(20)})


def unknown(value: Any) -> bool:
    """Is this value NaN?"""
    return isinstance(value, float) and math.isnan(value)


def expressions(steps: Sequence[Step]) -> dict[Any, Any]:
    """For each step a name for the whole expression it computes; each draw and print is its own."""
    known: dict[Any, str] = {}

    def meaning(name: str, operation: str, *values: Any) -> str:
        if operation in EFFECTS:
            return f"the {name}"
        texts = tuple(value if isinstance(value, str) else repr(value) for value in values)
        written = tuple(sorted(texts)) if operation in SYMMETRIC else texts
        return known.setdefault((operation, *written), f"e{len(known)}")

    return meant(steps, meaning)


def ancestors(steps: Sequence[Step]) -> dict[Any, Any]:
    """For each step the names of all steps that went into it, its own among them."""

    def meaning(name: str, operation: str, *values: Any) -> frozenset[str]:
        sets = [value for value in values if isinstance(value, frozenset)]
        return frozenset({name}).union(*sets)

    return meant(steps, meaning)


def well_formed(steps: Sequence[Step], output: Any) -> bool:
    """Is every name made once, before it is read, and is the output there?"""
    known: set[Any] = set()
    for name, does, *reads in steps:
        if name in known or not all(_there(read, known) for read in reads):
            return False
        if len(reads) != {"neg": 1, "exp": 1, "draw": 0, "print": 1}.get(does, 2):
            return False
        known.add(name)
    return _there(output, known)


def _there(operand: Any, known: set[Any]) -> bool:
    if not isinstance(operand, str):
        return True
    return operand in known or re.fullmatch(r"x\d", operand) is not None


def number(draw: Draw) -> float:
    """A number that is short to read, and never 0."""
    return draw.random.choice((0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, -1.0, -2.0))


def program(
    draw: Draw, length: int, numbers: float = 0.2, names: float = 0.5, inputs: int = 2
) -> list[Step]:
    """A random program. `numbers`: how often an operand is a number; `names`: an earlier result."""
    steps: list[Step] = []
    for i in range(length):

        def operand() -> Any:
            if draw.random.random() < numbers:
                return number(draw)
            if steps and draw.random.random() < names:
                return draw.random.choice(steps)[0]
            return f"x{draw.random.randrange(inputs)}"

        if draw.random.random() < 0.15:
            steps.append((f"t{i}", "neg", operand()))
        else:
            steps.append((f"t{i}", draw.random.choice(BINARY), operand(), operand()))
    return steps


def finite(steps: list[Step], output: Any) -> bool:
    """No constant is NaN by itself, and none is 0, which could stand where a step divides."""
    values = [value for name, value in coloured(steps).items() if name in {s[0] for s in steps}]
    return well_formed(steps, output) and all(unknown(v) or math.isfinite(v) for v in values)


def drawn(draw: Draw, length: int, numbers: float, ends: bool = False) -> tuple[list[Step], Any]:
    """A random program whose constants all have a value; with `ends`, its output is none of them."""
    while True:
        steps = program(draw, length, numbers=numbers, names=0.8)
        if ends:
            steps.append((f"t{length}", "add", steps[-1][0], "x0"))
        if finite(steps, steps[-1][0]):
            return steps, steps[-1][0]


def missing(steps: Sequence[Step], output: Any = None) -> Iterator[str]:
    """The names that are read, and that nobody makes, of what a learner returned."""
    made: set[Any] = set()
    for name, _, *operands in steps:
        yield from (o for o in operands if not _there(o, made))
        made.add(name)
    if not _there(output, made):
        yield output


def shown(name: str) -> Callable[..., str]:
    """A call of the learner's function, with one step a line."""

    def text(steps: list[Step], *rest: Any) -> str:
        rows = [f"    {show(step)}," for step in steps[:20]]
        if len(steps) > 20:
            rows.append(f"    ... {len(steps) - 20} more steps")
        inside = "[\n" + "\n".join(rows) + "\n]" if rows else "[]"
        return f"{name}({', '.join([inside, *map(show, rest)])})"

    return text
