"""One recorded case: an expression that means the same in TensorFlow and here, and its inputs.

Also how results are written to a file and read again. Like `inputs`, this needs no framework: the
scripts that record run in environments that hold TensorFlow or PyTorch and nothing of this project.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.oracle.inputs import COMPLEX, FLOATS, Array, Numbers, Recipe, weights

RECORDED = Path(__file__).parent / "recorded"


@dataclass(frozen=True)
class Case:
    """An expression and its inputs.

    call: the expression, with `tf` and the inputs a, b, c, ...; its value is a tensor or several.
    torch: the same for PyTorch, with `torch` and `F`; empty where PyTorch has no counterpart, or another
      convention (which of two tied elements gets the gradient), so that only TensorFlow is a witness.
    label: tells cases with the same expression apart.
    orders: how often it is differentiated; 0 for a value alone.
    rtol: witness -> how far a float64 result may be from its; the default is the test's.
    tails: every element of the value is right to the digits, however small it is beside the others.
    without: why TensorFlow cannot be asked; PyTorch is the only witness then.
    differs: part of the result -> why ours is not TensorFlow's there. The parts are "value", "first"
      and "second". A difference that is gone is an error too.
    """

    call: str
    inputs: tuple[Recipe, ...]
    torch: str = ""
    label: str = ""
    orders: int = 2
    rtol: dict[str, float] = field(default_factory=dict)
    differs: dict[str, str] = field(default_factory=dict)
    tails: bool = False
    without: str = ""

    @property
    def name(self) -> str:
        return f"{self.call} | {self.label}" if self.label else self.call

    def arrays(self) -> list[Array]:
        return [make(Numbers(f"{self.name}#{i}")) for i, make in enumerate(self.inputs)]

    def digest(self, expression: str) -> str:
        """Changes when the expression or an input does: what was recorded before is then of no use."""
        text = repr((expression, self.orders, self.arrays()))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def row(
    call: str,
    *inputs: Recipe,
    torch: str = "",
    label: str = "",
    orders: int = 2,
    rtol: dict[str, float] | None = None,
    differs: dict[str, str] | None = None,
    tails: bool = False,
    without: str = "",
) -> Case:
    return Case(call, inputs, torch, label, orders, rtol or {}, differs or {}, tails, without)


def has_gradient(array: Array) -> bool:
    return array.dtype in FLOATS or array.dtype in COMPLEX


def flat(result: Any) -> list[Any]:
    """The tensors of a result: lists, tuples and dictionaries are opened."""
    if isinstance(result, dict):
        return [x for key in sorted(result) for x in flat(result[key])]
    if isinstance(result, (list, tuple)):
        return [x for part in result for x in flat(part)]
    return [result]


@dataclass(frozen=True)
class Results:
    """What a case gives. The gradients are those of one number: all outputs times fixed weights, added.

    first: with respect to each floating-point input; None where there is none.
    second: the first ones, times fixed weights and added, differentiated with respect to each of these
      inputs and each output's weights.
    first and second are None where the framework has no such derivative; `why` says so.
    """

    values: list[Array]
    first: list[Array | None] | None
    second: list[Array] | None
    why: str = ""


# f(inputs) gives the outputs; weigh(outputs) the weights of those with a gradient; weights_in those of
# the first derivatives; the last argument is how often to differentiate.
Derive = Callable[
    [Callable[..., Any], list[Any], Callable[..., list[Any]], list[Any], int], Results
]


@dataclass(frozen=True)
class Framework:
    """How one framework makes a tensor, gives it back, and differentiates."""

    names: dict[str, Any]
    tensor: Callable[[Array], Any]
    array: Callable[[Any], Array]
    derive: Derive


def run(framework: Framework, case: Case, expression: str) -> Results:
    """The case, computed and differentiated by a framework."""
    arrays = case.arrays()
    code = compile(expression, case.name, "eval")

    def f(inputs: list[Any]) -> list[Any]:
        names = dict(zip("abcdefgh", inputs, strict=False))
        return flat(
            eval(code, {**framework.names, **names})
        )  # written in this folder, and committed

    def weigh(outputs: list[Any]) -> list[Any]:
        made = [(i, framework.array(y)) for i, y in enumerate(outputs)]
        chosen = [weights(y, f"{case.name}#out{i}") for i, y in made if has_gradient(y)]
        return [framework.tensor(w) for w in chosen]

    pulls = [weights(x, f"{case.name}#in{i}") for i, x in enumerate(arrays) if has_gradient(x)]
    inputs = [framework.tensor(x) for x in arrays]
    return framework.derive(f, inputs, weigh, [framework.tensor(u) for u in pulls], case.orders)


# --- the file ------------------------------------------------------------------------------------


def entry(case: Case, expression: str, results: Results) -> dict[str, Any]:
    """A case's line in the file."""
    made: dict[str, Any] = {"digest": case.digest(expression)}
    made["value"] = [encode(x) for x in results.values]
    for order, part in ((1, "first"), (2, "second")):
        found = getattr(results, part)
        if case.orders >= order and found is not None:
            made[part] = [encode(x) for x in found]
        elif case.orders >= order and results.why:
            made[f"no {part}"] = results.why
    return made


def encode(array: Array | None) -> Any:
    """[dtype, shape, values]: a number as Python writes it, which is exact; complex as two numbers."""
    if array is None:
        return None
    values: list[Any] = []
    for value in array.values:
        values.extend([value.real, value.imag] if array.dtype in COMPLEX else [value])
    return [array.dtype, list(array.shape), values]


def decode(entry: Any) -> Array | None:
    if entry is None:
        return None
    dtype, shape, values = entry
    if dtype in COMPLEX:
        values = [complex(a, b) for a, b in zip(values[::2], values[1::2], strict=True)]
    return Array(dtype, tuple(shape), tuple(values))


def write(name: str, about: dict[str, Any], entries: dict[str, Any]) -> None:
    """One line an entry, so that a difference between two recordings can be read."""
    lines = [f'"about": {json.dumps(about)}']
    lines += [
        f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in entries.items()
    ]
    RECORDED.mkdir(exist_ok=True)
    path = RECORDED / f"{name}.json"
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{path.name}: {len(entries)} entries, {path.stat().st_size / 1000:.0f} kB")


def read(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the file is about (versions), and its entries."""
    entries = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    return entries.pop("about"), entries
