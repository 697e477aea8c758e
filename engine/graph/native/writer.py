"""Scalars and loops as LLVM IR, the language of a machine with as many registers as one likes.

A Writer collects the lines of one function `work(ptr, ptr, ...)` that gets the addresses of arrays. See
https://llvm.org/docs/LangRef.html for the language; `concrete.kernels` shows what is written here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from engine import scalar
from engine.dtypes import DType, bool_, float32, float64, int32, int64
from engine.graph.native import functions
from engine.scalar import Scalar

REGISTER = {float32: "float", float64: "double", int32: "i32", int64: "i64", bool_: "i1"}
MEMORY = {**REGISTER, bool_: "i8"}  # NumPy keeps a bool in a byte
SIZE = {float32: 4, float64: 8, int32: 4, int64: 8, bool_: 1}
FLOATS = (float32, float64)

_OF_FLOATS = {
    "add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv",
    "equal": "fcmp oeq", "not_equal": "fcmp une", "less": "fcmp olt", "less_equal": "fcmp ole",
    "greater": "fcmp ogt", "greater_equal": "fcmp oge",
}  # fmt: skip
_OF_INTEGERS = {
    "add": "add", "subtract": "sub", "multiply": "mul",
    "equal": "icmp eq", "not_equal": "icmp ne", "less": "icmp slt", "less_equal": "icmp sle",
    "greater": "icmp sgt", "greater_equal": "icmp sge",
    "logical_and": "and", "logical_or": "or", "logical_xor": "xor",
    "shift_left": "shl", "shift_right": "ashr",
}  # fmt: skip
_INTRINSIC = {
    "abs": "llvm.fabs", "sqrt": "llvm.sqrt", "floor": "llvm.floor", "ceil": "llvm.ceil",
    "round": "llvm.roundeven", "fma": "llvm.fmuladd",
}  # fmt: skip


class CannotWrite(Exception):
    """There is no LLVM for this operation on this dtype; it stays with NumPy."""


class Writer:
    """The lines of one function, and the names it has given out.

    >>> import engine as tf
    >>> w = Writer(2)
    >>> with w.loop(3) as i:
    ...     x = w.load("%a0", tf.float32, i)
    ...     w.store("%a1", w.write(Scalar("multiply", (x, x), tf.float32)), tf.float32, i)
    >>> w.text().splitlines()[0]
    'define internal void @work(ptr %a0, ptr %a1) {'
    """

    def __init__(self, parameters: int):
        self._parameters = [f"%a{k}" for k in range(parameters)]
        self._kept: list[str] = []  # places for running totals; they come first
        self._lines: list[str] = []
        self._names = 0
        self._block = "start"
        self._declared: dict[str, str] = {}
        self._metadata: list[str] = []
        self._known: list[dict[int, str]] = [{}]  # by loop: id of a Scalar -> its register
        self._alive: list[Any] = []  # so that no id is given twice
        self.element: Callable[[Any], Scalar] = lambda access: access  # how an element is read
        self._group = ""  # of memory accesses that do not depend on one another

    # --- lines ------------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        """Writes a line that has no result."""
        self._lines.append(f"  {text}")

    def new(self, text: str) -> str:
        """Writes a line; returns the register with its result."""
        self._names += 1
        self._lines.append(f"  %t{self._names} = {text}")
        return f"%t{self._names}"

    def call(self, function: str, result: str, *arguments: str, flags: str = "") -> str:
        """Calls an intrinsic function of LLVM's; an argument is a type and a register.

        flags: such as 'nsz ': whether 0 or -0 comes out does not matter.
        """
        kinds = ", ".join(argument.split()[0] for argument in arguments)
        self._declared[function] = f"declare {result} @{function}({kinds})"
        return self.new(f"call {flags}{result} @{function}({', '.join(arguments)})")

    def comment(self, text: str) -> None:
        """Writes a remark for people."""
        self._lines.append(f"  ; {text}")

    # --- loops ------------------------------------------------------------------------------------------

    @contextmanager
    def loop(self, size: int, independent: bool = False) -> Iterator[Scalar]:
        """Lines that run `size` times (at least once). Gives the counter, from 0, an int64.

        independent: no turn of the loop needs what another has stored, so that several may run at once.
        """
        self._names += 1
        number, before, group = self._names, self._block, self._group
        head, tail, after = f"head{number}", f"tail{number}", f"after{number}"
        self.line(f"br label %{head}")
        self._lines.append(f"{head}:")
        self.line(f"%i{number} = phi i64 [ 0, %{before} ], [ %n{number}, %{tail} ]")
        self._block = head
        self._known.append({})
        mark = ""
        if independent:
            self._metadata.append("distinct !{}")
            self._group = f", !llvm.access.group !{len(self._metadata) - 1}"
            place = len(self._metadata)
            self._metadata.append(f'!{{!"llvm.loop.parallel_accesses", !{place - 1}}}')
            self._metadata.append(f"distinct !{{!{place + 1}, !{place}}}")
            mark = f", !llvm.loop !{place + 1}"
        yield Scalar("register", (), int64, f"%i{number}")
        self._known.pop()
        self.line(f"br label %{tail}")
        self._lines.append(f"{tail}:")
        self.line(f"%n{number} = add nuw nsw i64 %i{number}, 1")
        self.line(f"%c{number} = icmp ult i64 %n{number}, {size}")
        self.line(f"br i1 %c{number}, label %{head}, label %{after}{mark}")
        self._lines.append(f"{after}:")
        self._block, self._group = after, group

    @contextmanager
    def only_if(self, condition: Scalar) -> Iterator[None]:
        """Lines that run where the condition holds."""
        self._names += 1
        then, after = f"then{self._names}", f"after{self._names}"
        self.line(f"br i1 {self.write(condition)}, label %{then}, label %{after}")
        self._lines.append(f"{then}:")
        self._block = then
        self._known.append({})
        yield
        self._known.pop()
        self.line(f"br label %{after}")
        self._lines.append(f"{after}:")
        self._block = after

    # --- memory -----------------------------------------------------------------------------------------

    def _place(self, array: str, dtype: DType, index: Scalar) -> str:
        return self.new(
            f"getelementptr inbounds {MEMORY[dtype]}, ptr {array}, i64 {self.write(index)}"
        )

    def load(self, array: str, dtype: DType, index: Scalar) -> Scalar:
        """The element of an array (of its elements one after the other)."""
        place = self._place(array, dtype, index)
        found = self.new(f"load {MEMORY[dtype]}, ptr {place}, align {SIZE[dtype]}{self._group}")
        if dtype is bool_:
            found = self.new(f"icmp ne i8 {found}, 0")  # NumPy takes any byte but 0 for True
        return Scalar("register", (), dtype, found)

    def store(self, array: str, register: str, dtype: DType, index: Scalar) -> None:
        """Puts a register into an element of an array."""
        if dtype is bool_:
            register = self.new(f"zext i1 {register} to i8")
        place = self._place(array, dtype, index)
        size = SIZE[dtype]
        self.line(f"store {MEMORY[dtype]} {register}, ptr {place}, align {size}{self._group}")

    def kept(self, dtype: DType) -> str:
        """A place for one number that lasts over the turns of a loop."""
        self._names += 1
        self._kept.append(f"  %k{self._names} = alloca {REGISTER[dtype]}")
        return f"%k{self._names}"

    def get(self, place: str, dtype: DType) -> Scalar:
        """The number in a place made by `kept`."""
        return Scalar("register", (), dtype, self.new(f"load {REGISTER[dtype]}, ptr {place}"))

    def put(self, place: str, register: str, dtype: DType) -> None:
        """Replaces the number in a place made by `kept`."""
        self.line(f"store {REGISTER[dtype]} {register}, ptr {place}")

    # --- scalars ----------------------------------------------------------------------------------------

    def write(self, x: Scalar) -> str:
        """Writes the lines for an expression; returns a register or a number.

        What is written already in this loop, or in one around it, is not written again.
        """
        if x.op == "constant":
            return literal(x.value, x.dtype)
        if x.op == "register":
            return str(x.value)
        for known in reversed(self._known):
            if id(x) in known:
                return known[id(x)]
        # An expression can be deep: what it needs is written first, without recursion.
        waiting = [x]
        while waiting:
            last = waiting[-1]
            missing = [a for a in last.args if not self._written(a)]
            if missing and last.op not in scalar.FUNCTIONS:
                waiting.extend(missing)
                continue
            waiting.pop()
            if not self._written(last):
                self._known[-1][id(last)] = self._operation(last)
                self._alive.append(last)
        return self._known[-1][id(x)]

    def _written(self, x: Scalar) -> bool:
        return x.op in ("constant", "register") or any(id(x) in known for known in self._known)

    def _operation(self, x: Scalar) -> str:
        if x.op in scalar.FUNCTIONS:
            return self.write(functions.EXPANSIONS[x.op](*x.args))
        if x.op == "element":  # what a nest of loops reads; see `loops`
            return str(self.element(x.value).value)
        arguments = [self.write(a) for a in x.args]
        dtype = x.args[0].dtype
        if x.dtype not in REGISTER or dtype not in REGISTER:
            raise CannotWrite(f"{x.op} on {dtype.name}")
        kind, float_ = REGISTER[dtype], dtype in FLOATS
        if x.op in ("maximum", "minimum"):
            return self._extreme(x, *arguments)
        if x.op == "select":
            of = REGISTER[x.dtype]
            return self.new(f"select i1 {arguments[0]}, {of} {arguments[1]}, {of} {arguments[2]}")
        if x.op == "cast":
            return self._cast(arguments[0], dtype, x.dtype)
        if x.op == "bits":  # the same bits, as a number of another kind
            return self.new(f"bitcast {kind} {arguments[0]} to {REGISTER[x.dtype]}")
        if x.op == "as_integer":  # of a float that is whole and small
            return self.new(f"fptosi {kind} {arguments[0]} to {REGISTER[x.dtype]}")
        if x.op == "negative":
            zero = f"sub {kind} 0, {arguments[0]}"
            return self.new(f"fneg {kind} {arguments[0]}" if float_ else zero)
        if x.op == "logical_not":
            return self.new(f"xor i1 {arguments[0]}, true")
        if float_ and x.op in _INTRINSIC:
            suffix = "f32" if dtype is float32 else "f64"
            given = [f"{kind} {a}" for a in arguments]
            return self.call(f"{_INTRINSIC[x.op]}.{suffix}", kind, *given)
        if x.op == "abs" and dtype is not bool_:
            return self.call(f"llvm.abs.{kind}", kind, f"{kind} {arguments[0]}", "i1 false")
        if x.op in ("round", "floor", "ceil") and dtype is not bool_:
            return arguments[0]
        table = _OF_FLOATS if float_ else _OF_INTEGERS
        # NumPy adds and multiplies bools by its own rules.
        if x.op not in table or (dtype is bool_ and x.op in ("add", "subtract", "multiply")):
            raise CannotWrite(f"{x.op} on {dtype.name}")
        return self.new(f"{table[x.op]} {kind} {', '.join(arguments)}")

    def _extreme(self, x: Scalar, a: str, b: str) -> str:
        kind = REGISTER[x.dtype]
        if x.dtype is bool_:
            raise CannotWrite(f"{x.op} on bool")
        known, first = map(_number, reversed(x.args))
        if x.dtype not in FLOATS or known or first:
            # With a constant, which is no NaN, one instruction does it: a NaN compares false and stays.
            number, limit = (a, b) if known else (b, a)
            beyond = {"maximum": "lt", "minimum": "gt"}[x.op]
            word = f"fcmp o{beyond}" if x.dtype in FLOATS else f"icmp s{beyond}"
            replaced = self.new(f"{word} {kind} {number}, {limit}")
            return self.new(f"select i1 {replaced}, {kind} {limit}, {kind} {number}")
        suffix = "f32" if x.dtype is float32 else "f64"  # a NaN in either place is the answer
        return self.call(f"llvm.{x.op}.{suffix}", kind, f"{kind} {a}", f"{kind} {b}", flags="nsz ")

    def _cast(self, register: str, given: DType, wanted: DType) -> str:
        before, after = REGISTER[given], REGISTER[wanted]
        if wanted is bool_:
            if given in FLOATS:
                return self.new(f"fcmp une {before} {register}, 0.0")
            return self.new(f"icmp ne {before} {register}, 0")
        if given is bool_:
            word = "uitofp" if wanted in FLOATS else "zext"
        elif given in FLOATS and wanted in FLOATS:
            word = "fpext" if wanted is float64 else "fptrunc"
        elif wanted in FLOATS:
            word = "sitofp"
        elif given in FLOATS:  # out of range, NumPy gives what the processor gives
            raise CannotWrite(f"cast from {given.name} to {wanted.name}")
        else:
            word = "sext" if wanted is int64 else "trunc"
        return self.new(f"{word} {before} {register} to {after}")

    def combine(self, how: str, total: Scalar, element: Scalar) -> str:
        """One more element of a sum or an extreme, in whatever order suits the machine."""
        dtype = total.dtype
        kind = REGISTER[dtype]
        a, b = self.write(total), self.write(element)
        if dtype not in FLOATS:
            return self.write(Scalar(how, (total, element), dtype))
        if how == "add":
            return self.new(f"fadd reassoc {kind} {a}, {b}")
        suffix = "f32" if dtype is float32 else "f64"
        return self.call(f"llvm.{how}.{suffix}", kind, f"{kind} {a}", f"{kind} {b}")

    # --- the whole --------------------------------------------------------------------------------------

    def text(self) -> str:
        """The module: the function, what it calls, and what is known about its loops."""
        head = f"define internal void @work({', '.join(f'ptr {p}' for p in self._parameters)}) {{"
        notes = [f"!{number} = {text}" for number, text in enumerate(self._metadata)]
        body = ["start:", *self._kept, *self._lines, "  ret void", "}"]
        return "\n".join([head, *body, "", *self._declared.values(), *notes]) + "\n"


def _number(x: Scalar) -> bool:
    """Whether it is a constant, and not NaN."""
    return x.op == "constant" and x.value == x.value


def literal(value: Any, dtype: DType) -> str:
    """A number as LLVM writes it: floats by their bits, so that nothing is rounded."""
    if dtype is bool_:
        return "true" if value else "false"
    if dtype in FLOATS:
        exact = float(np.float32(value) if dtype is float32 else value)
        return "0x" + struct.pack(">d", exact).hex().upper()
    if dtype in REGISTER:
        return str(int(value))
    raise CannotWrite(f"a number of dtype {dtype.name}")
