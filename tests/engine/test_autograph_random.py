"""Autograph on random programs of branches, loops and jumps: traced, against Python itself on plain ints."""

from __future__ import annotations

import linecache
import random
from collections.abc import Callable
from typing import Any

import pytest

import engine as tf

NAMES = ("a", "b", "c")
SEEDS = range(60)


class Writer:
    """Writes a function of whole numbers. Loops are short; every name has a value before anything is read."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.lines = ["def program(a, b):", "    c = 1"]
        self.counters = 0
        self.left = 16  # statements

    def number(self, names: tuple[str, ...], depth: int = 0) -> str:
        kind = self.random.randrange(7 if depth < 2 else 3)
        if kind < 2:
            return self.random.choice(names)
        if kind == 2:
            return str(self.random.randrange(-3, 6))
        one, other = self.number(names, depth + 1), self.number(names, depth + 1)
        if kind == 3:
            return f"({one} if {self.test(names, 2)} else {other})"
        return f"({one} {self.random.choice('+-*')} {other}) % {self.random.choice((5, 7, 11))}"

    def test(self, names: tuple[str, ...], depth: int = 0) -> str:
        kind = self.random.randrange(8 if depth < 2 else 3)
        one, other = self.number(names, 2), self.number(names, 2)
        compare = self.random.choice(("<", "<=", ">", ">=", "==", "!="))
        if kind < 4:
            return f"{one} {compare} {other}"
        if kind == 4:
            return f"{one} <= {other} < {self.number(names, 2)}"
        if kind == 5:
            return f"not ({self.test(names, depth + 1)})"
        word = self.random.choice(("and", "or"))
        return f"({self.test(names, depth + 1)} {word} {self.test(names, depth + 1)})"

    def block(self, margin: str, loop: bool, names: tuple[str, ...]) -> None:
        for _ in range(self.random.randrange(1, 4)):
            if self.left <= 0:
                break
            self.left -= 1
            if self.statement(margin, loop, names):
                return
        self.lines.append(f"{margin}{self.random.choice(NAMES)} = {self.number(names)}")

    def statement(self, margin: str, loop: bool, names: tuple[str, ...]) -> bool:
        """Writes a statement. True: what follows it in the block would never run."""
        kind = self.random.randrange(12)
        inner = margin + "    "
        if kind < 4:
            self.lines.append(f"{margin}{self.random.choice(NAMES)} = {self.number(names)}")
        elif kind == 4:
            one, other = self.random.sample(NAMES, 2)
            self.lines.append(
                f"{margin}{one}, {other} = {self.number(names)}, {self.number(names)}"
            )
        elif kind < 8:
            self.lines.append(f"{margin}if {self.test(names)}:")
            self.block(inner, loop, names)
            if self.random.random() < 0.3:
                self.lines.append(f"{margin}elif {self.test(names)}:")
                self.block(inner, loop, names)
            if self.random.random() < 0.6:
                self.lines.append(f"{margin}else:")
                self.block(inner, loop, names)
        elif kind < 11 and len(margin) < 16:
            self.loop(margin, names)
        elif loop and self.random.random() < 0.7:
            self.lines.append(margin + self.random.choice(("break", "continue")))
            return True
        else:
            self.lines.append(f"{margin}return a, b, c")
            return True
        return False

    def loop(self, margin: str, names: tuple[str, ...]) -> None:
        self.counters += 1
        name = f"n{self.counters}"
        if self.random.random() < 0.5:
            self.lines.append(f"{margin}{name} = 0")
            self.lines.append(
                f"{margin}while {name} < {self.random.randrange(1, 5)} and {self.test(names)}:"
            )
            self.lines.append(f"{margin}    {name} += 1")
        else:
            count = self.random.choice(
                (f"({self.number(names)}) % 4", str(self.random.randrange(4)))
            )
            self.lines.append(f"{margin}for {name} in range({count}):")
        self.block(margin + "    ", True, (*names, name))
        if self.random.random() < 0.2:
            self.lines.append(f"{margin}else:")
            self.block(margin + "    ", False, names)

    def text(self) -> str:
        while self.left > 0:
            self.left -= 1
            if self.statement("    ", False, NAMES):
                self.lines[-1] = "    c = (a + b) % 7"  # a program that ends at once is none
        self.lines.append("    return a, b, c")
        return "\n".join(self.lines) + "\n"


def written(seed: int) -> tuple[Callable[..., Any], str]:
    """A program, whose text Python and autograph can find, as in a notebook."""
    text = Writer(seed).text()
    file = f"<program {seed}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    names: dict[str, Any] = {}
    exec(compile(text, file, "exec"), names)
    return names["program"], text


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_program_does_what_python_does(seed: int):
    program, text = written(seed)
    traced = tf.function(program)
    for a, b in ((0, 0), (1, 3), (4, 2), (-2, 5), (6, -1)):
        expected = program(a, b)
        ours = traced(tf.constant(a), tf.constant(b))
        assert tuple(int(x) for x in ours) == expected, f"\n{text}\nprogram({a}, {b})"
    assert traced.experimental_get_tracing_count() == 1
