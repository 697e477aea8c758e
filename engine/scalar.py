"""Scalar expressions: what an elementwise operation does to one number, written once, printed often.

A rule such as `lambda x: 1 / (1 + exp(-x))` is called with Scalars instead of numbers, and leaves an
expression: a small graph of arithmetic on single numbers. A printer turns it into the language of a
machine (`engine.graph.native.writer` into LLVM's). Nothing here computes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import dtypes
from engine.dtypes import DType

COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
# What every printer knows. All other operations are written with these.
ARITHMETIC = ("add", "subtract", "multiply", "divide", "maximum", "minimum")
ONE_TO_ONE = ("negative", "abs", "sqrt", "floor", "ceil", "round")
LOGICAL = ("logical_and", "logical_or", "logical_xor", "logical_not")
# Functions a machine has no instruction for. A printer calls one of its own, or takes
# `engine.graph.native.functions`, where they are written with arithmetic.
FUNCTIONS = ("exp", "expm1", "log", "log1p", "tanh")


class Scalar:
    """One number in a program for single numbers: an operation and the Scalars it works on.

    op: one of the names above, or `constant` (its value in `value`), `select`, `cast`, and what a printer
      adds, such as the element of an array.
    """

    __slots__ = ("args", "dtype", "op", "value")

    def __init__(self, op: str, args: tuple[Scalar, ...], dtype: DType, value: Any = None):
        self.op = op
        self.args = args
        self.dtype = dtype
        self.value = value

    def __add__(self, other: Any) -> Scalar:
        return _two("add", self, other)

    def __radd__(self, other: Any) -> Scalar:
        return _two("add", other, self)

    def __sub__(self, other: Any) -> Scalar:
        return _two("subtract", self, other)

    def __rsub__(self, other: Any) -> Scalar:
        return _two("subtract", other, self)

    def __mul__(self, other: Any) -> Scalar:
        return _two("multiply", self, other)

    def __rmul__(self, other: Any) -> Scalar:
        return _two("multiply", other, self)

    def __truediv__(self, other: Any) -> Scalar:
        return _two("divide", self, other)

    def __rtruediv__(self, other: Any) -> Scalar:
        return _two("divide", other, self)

    def __neg__(self) -> Scalar:
        return Scalar("negative", (self,), self.dtype)

    def __lt__(self, other: Any) -> Scalar:
        return _two("less", self, other)

    def __le__(self, other: Any) -> Scalar:
        return _two("less_equal", self, other)

    def __gt__(self, other: Any) -> Scalar:
        return _two("greater", self, other)

    def __ge__(self, other: Any) -> Scalar:
        return _two("greater_equal", self, other)

    def __and__(self, other: Any) -> Scalar:
        return _two("logical_and", self, other)

    def __or__(self, other: Any) -> Scalar:
        return _two("logical_or", self, other)

    def __repr__(self) -> str:
        inner = ", ".join(map(repr, self.args)) if self.args else repr(self.value)
        return f"{self.op}({inner})"


def constant(value: Any, dtype: DType) -> Scalar:
    """A number that is known."""
    return Scalar("constant", (), dtype, value)


def _two(op: str, a: Any, b: Any) -> Scalar:
    """An operation on two numbers of one dtype; a Python number takes the other's."""
    dtype = a.dtype if isinstance(a, Scalar) else b.dtype
    a, b = (x if isinstance(x, Scalar) else constant(x, dtype) for x in (a, b))
    assert a.dtype is b.dtype, f"{op} of {a.dtype.name} and {b.dtype.name}"
    return Scalar(op, (a, b), dtypes.bool_ if op in COMPARISONS else dtype)


def _one(op: str) -> Callable[[Scalar], Scalar]:
    def function(x: Scalar) -> Scalar:
        return Scalar(op, (x,), x.dtype)

    function.__name__ = function.__qualname__ = op
    function.__doc__ = f"{op} of a number."
    return function


def select(condition: Scalar, x: Any, y: Any) -> Scalar:
    """x where the condition holds, else y."""
    dtype = x.dtype if isinstance(x, Scalar) else y.dtype
    x, y = (v if isinstance(v, Scalar) else constant(v, dtype) for v in (x, y))
    return Scalar("select", (condition, x, y), dtype)


def cast(x: Scalar, dtype: DType) -> Scalar:
    """x in another dtype."""
    return x if x.dtype is dtype else Scalar("cast", (x,), dtype)


def equal(a: Any, b: Any) -> Scalar:
    """Whether a == b (the operator itself compares the expressions)."""
    return _two("equal", a, b)


def not_equal(a: Any, b: Any) -> Scalar:
    """Whether a != b; true where one of them is NaN."""
    return _two("not_equal", a, b)


def maximum(a: Any, b: Any) -> Scalar:
    """The larger of the two; NaN where one is NaN."""
    return _two("maximum", a, b)


def minimum(a: Any, b: Any) -> Scalar:
    """The smaller of the two; NaN where one is NaN."""
    return _two("minimum", a, b)


absolute, square_root = _one("abs"), _one("sqrt")
exp, log, log1p = _one("exp"), _one("log"), _one("log1p")


def rule_of(op: str) -> Callable[..., Scalar] | None:
    """The rule of an operation that every printer knows by its own name; None for all others."""
    if op in ARITHMETIC or op in COMPARISONS or op in LOGICAL[:3]:
        return lambda a, b: _two(op, a, b)
    if op in ONE_TO_ONE or op in FUNCTIONS or op == "logical_not":
        return _one(op)
    return None
