"""What a tape wrote down, and the walk back over it, step by step and in words.

Reads the engine's own log, and asks each operation for its cotangents by the engine's own rules. No
widget here: `tape_view.py` draws what this finds. To read before: `engine/tape.py`, `engine/backward.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import engine as tf
from engine.backward import fit, rules_of
from engine.dispatch import init_scope

MOST_LINES, TEXT_LIMIT = 40, 24
SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "matmul": "@", "pow": "**"}


@dataclass
class Node:
    """A value in the picture: watched, a constant, or made by a line of the tape."""

    id: int
    name: str
    kind: str
    """ "source", "constant", "operation" or "target"."""
    value: str
    title: str = ""
    reads: list[int] = field(default_factory=list)


@dataclass
class Step:
    """One press of the button: which node is visited, what comes to stand where, and why."""

    phase: str
    """ "forward", "seed" or "backward"."""
    node: int
    line: int
    """The line of the tape, from 0; -1 for none."""
    saying: str
    hands: list[tuple[int, str]] = field(default_factory=list)
    """(number of the input, what it is handed) for each input that is handed something."""
    totals: list[tuple[int, str]] = field(default_factory=list)
    """(node, its gradient from now on)."""


@dataclass
class Walk:
    """All of it: the nodes, the lines of the tape as text, the steps, and the gradients at the end."""

    nodes: dict[int, Node]
    lines: list[tuple[int, str]]
    steps: list[Step]
    gradients: dict[int, Any]


def shown(array: Any, limit: int = TEXT_LIMIT) -> str:
    """A value in a few characters: its numbers when they fit, otherwise how many there are.

    >>> shown(np.float32(0.1)), shown(np.array([1.0, 2.5])), shown(np.zeros((4, 9)))
    ('0.1', '[1, 2.5]', '4×9 numbers')
    """
    array = np.asarray(array)
    if array.ndim == 0:
        return _number(array)
    text = _nested(array) if array.size <= limit else ""
    return text if 0 < len(text) <= limit else f"{'×'.join(map(str, array.shape))} numbers"


def _number(value: Any) -> str:
    return f"{value.item() + 0.0:.4g}" if value.dtype.kind == "f" else str(value.item())


def _nested(array: np.ndarray) -> str:
    if array.ndim == 0:
        return _number(array)
    return f"[{', '.join(map(_nested, array))}]"


def watched(tape: Any, named: Mapping[str, Any]) -> dict[int, str]:
    """Names by position in the log: what the caller calls them, or a variable's own name."""
    names = {}
    for _, (position, item) in tape._leaves.items():
        if isinstance(item, tf.Variable):
            names[position] = item.name.removesuffix(":0")
    for name, item in named.items():
        position = tape._position(item)
        if position >= 0:
            names[position] = name
    return names


def walk(tape: Any, target: Any, named: Mapping[str, Any]) -> Walk:
    """The walk that `tape.gradient(target, ...)` takes, for every watched value at once.

    Raises:
      ValueError: when the tape has nothing to show, or too much.
    """
    if tape._log is None:
        raise ValueError(
            "TapeView: the tape has given its answer and let go of what it wrote down. Open it with "
            "tf.GradientTape(persistent=True), or draw it before you ask for the gradient."
        )
    root = tape._position(target) if isinstance(target, (tf.Tensor, tf.Variable)) else -1
    if root < 0 or tape._log.entries[root] is None:
        raise ValueError(
            "TapeView: the target is not a result that this tape wrote down. Watch what it is "
            "computed from, and compute it inside the `with` block."
        )
    entries = tape._log.entries[: root + 1]
    lines = [position for position, entry in enumerate(entries) if entry is not None]
    if len(lines) > MOST_LINES:
        raise ValueError(f"TapeView draws up to {MOST_LINES} lines; this tape has {len(lines)}.")
    if any(type(entries[position][4]) is tuple for position in lines):
        raise ValueError("TapeView draws operations with one result each.")
    with init_scope():
        return _Walker(entries, lines, root, watched(tape, named), named).walk()


class _Walker:
    def __init__(
        self,
        entries: list[Any],
        lines: list[int],
        root: int,
        names: dict[int, str],
        named: Mapping[str, Any],
    ) -> None:
        self.entries, self.line_at, self.root, self.names = entries, lines, root, names
        self.own_names = {id(item): name for name, item in named.items()}
        self.nodes: dict[int, Node] = {}
        self.lines: list[tuple[int, str]] = []
        self.steps: list[Step] = []

    def walk(self) -> Walk:
        made = {position: number for number, position in enumerate(self.line_at)}
        constants: dict[int, int] = {}
        for number, position in enumerate(self.line_at):
            primitive, _, positions, inputs, output = self.entries[position]
            reads = []
            for at, tensor in zip(positions, inputs, strict=True):
                if at < 0:  # the tape does not follow it
                    at = constants.setdefault(id(tensor), -1 - len(constants))
                    if at not in self.nodes:
                        text = shown(tensor.numpy())
                        name = self.own_names.get(id(tensor), text)
                        self.nodes[at] = Node(at, name, "constant", text, name)
                elif at not in self.nodes:
                    self._source(at, tensor)
                reads.append(at)
            kind = "target" if position == self.root else "operation"
            name = self.names.get(position, f"t{number + 1}")
            node = Node(position, name, kind, shown(output.numpy()), primitive.name, reads)
            self.nodes[position] = node
            text = f"{name} = {self._written(primitive.name, reads)}"
            self.lines.append((position, text))
            saying = (
                f"Forward, line {number + 1}: `{text}` is **{node.value}**. The tape notes the "
                "operation, what went in and what came out."
            )
            self.steps.append(Step("forward", position, number, saying))
        return Walk(self.nodes, self.lines, self.steps, self._back(made))

    def _source(self, at: int, tensor: Any) -> None:
        name = self.names.get(at, "watched")
        self.nodes[at] = Node(at, name, "source", shown(tensor.numpy()), name)

    def _written(self, operation: str, reads: list[int]) -> str:
        names = [self.nodes[at].name for at in reads]
        if operation in SIGNS and len(names) == 2:
            return f"{names[0]} {SIGNS[operation]} {names[1]}"
        return f"{operation}({', '.join(names)})"

    def _back(self, made: dict[int, int]) -> dict[int, Any]:
        target = self.nodes[self.root]
        found: dict[int, Any] = {self.root: tf.ones_like(self.entries[self.root][4])}
        history: dict[int, list[str]] = {}
        seed = shown(found[self.root].numpy())
        self.steps.append(
            Step(
                "seed",
                self.root,
                -1,
                f"Now back. When `{target.name}` moves by 1, `{target.name}` moves by 1: its gradient "
                f"is **{seed}**. There the walk starts.",
                totals=[(self.root, seed)],
            )
        )
        for position in reversed(self.line_at):
            entry, node, number = self.entries[position], self.nodes[position], made[position]
            where = f"Back, line {number + 1}: `{self.lines[number][1]}`. "
            if position not in found:
                saying = where + f"Nothing has arrived at `{node.name}`: it is passed over."
                self.steps.append(Step("backward", position, number, saying))
                continue
            step = Step("backward", position, number, "")
            words = []
            one = tf.ones_like(entry[4])
            slopes = _handed(entry, one)
            for place, value in enumerate(_handed(entry, found[position])):
                at, tensor = node.reads[place], entry[3][place]
                if at < 0 or value is None:
                    continue
                fitted = fit(value, tensor)
                text = shown(fitted.numpy())
                step.hands.append((place, text))
                name = self.nodes[at].name
                if fitted.shape.rank == 0 and slopes[place] is not None and value.shape.rank == 0:
                    factors = f"{shown(found[position].numpy())} × {shown(slopes[place].numpy())}"
                    words.append(f"`{name}` gets {factors} = **{text}**")
                elif value.shape != fitted.shape:
                    words.append(
                        f"`{name}` gets **{text}**, summed from shape {value.shape} because "
                        f"`{name}` was copied to that shape"
                    )
                else:
                    words.append(f"`{name}` gets **{text}**")
                found[at] = found[at] + fitted if at in found else fitted
                history.setdefault(at, []).append(text)
            changed = dict.fromkeys(node.reads[place] for place, _ in step.hands)
            step.totals = [(at, shown(found[at].numpy())) for at in changed]
            step.saying = where + "; ".join(words) + "." + self._sums(changed, history, found)
            if any(at < 0 for at in node.reads):
                step.saying += " A constant gets nothing: the tape does not follow it."
            self.steps.append(step)
        self.steps[-1].saying += self._end(found)
        return found

    def _sums(
        self, changed: Mapping[int, Any], history: dict[int, list[str]], found: Mapping[int, Any]
    ) -> str:
        said = ""
        for at in changed:
            parts, name = history[at], self.nodes[at].name
            if len(parts) > 1 and any(part.endswith("numbers") for part in parts):
                said += f" So far `{name}` has the sum of {len(parts)} contributions."
            elif len(parts) > 1:
                total = shown(found[at].numpy())
                said += f" So far `{name}` has {' + '.join(parts)} = **{total}**."
        return said

    def _end(self, found: Mapping[int, Any]) -> str:
        sources = [node for node in self.nodes.values() if node.kind == "source"]
        said = [
            f"`{node.name}` has {shown(found[node.id].numpy()) if node.id in found else 'None'}"
            for node in sources
        ]
        return f" The walk is over: {', '.join(said)}."


def _handed(entry: Any, dy: Any) -> list[Any]:
    """What one line hands to each of its inputs, before anything is un-broadcast; None for nothing."""
    primitive, attrs, _, inputs, output = entry
    rules = rules_of(primitive, dy, output, inputs, attrs)
    return [None if rule is None else rule(dy, output, *inputs, **attrs) for rule in rules]
