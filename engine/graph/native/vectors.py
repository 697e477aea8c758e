"""Vectors as LLVM IR: several numbers in one register, for the kernels that are vectorized by hand.

Read `writer` first. A register of this machine holds `lanes` numbers; what is left over at the end of a run
is taken in halves, so that no element outside an array is ever touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from engine.dtypes import DType, int64
from engine.graph.native.writer import REGISTER, SIZE, Writer, literal
from engine.scalar import Scalar

Index = int | Scalar  # of an element, counted from a pointer
Parts = list[tuple[int, int]]  # the vectors of a run: (first element, lanes) of each


@cache
def registers() -> tuple[int, int]:
    """How many bytes a vector register of this processor has, and how many registers there are."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 64, 32
    if features.get("avx"):
        return 32, 16
    arm = llvm.Target.from_default_triple().triple.startswith(("aarch64", "arm64"))
    return 16, 32 if arm else 16


class Vectors(Writer):
    """A Writer of vectors of one dtype. Pointers are registers; `at` moves them by whole elements."""

    def __init__(self, parameters: int, dtype: DType):
        super().__init__(parameters)
        size, self.registers = registers()
        self.dtype = dtype
        self.number = REGISTER[dtype]
        self.lanes = size // SIZE[dtype]
        self._places: dict[tuple[int, int], str] = {}
        self._spaces: list[str] = []
        self._tables: list[str] = []

    # --- runs -------------------------------------------------------------------------------------------

    def kind(self, lanes: int) -> str:
        """The type of so many numbers."""
        return self.number if lanes == 1 else f"<{lanes} x {self.number}>"

    def truths(self, lanes: int) -> str:
        """The type of so many yes or no."""
        return "i1" if lanes == 1 else f"<{lanes} x i1>"

    def zero(self, lanes: int) -> str:
        """So many zeros."""
        return "0.0" if lanes == 1 else "zeroinitializer"

    def parts(self, size: int) -> Parts:
        """A run of elements as vectors."""
        found, first = [], 0
        while first < size:
            lanes = self.lanes
            while lanes > size - first:
                lanes //= 2
            found.append((first, lanes))
            first += lanes
        return found

    @contextmanager
    def turns(self, size: int) -> Iterator[Index]:
        """A loop; none where there is one turn only."""
        if size == 1:
            yield 0
        else:
            with self.loop(size) as i:
                yield i

    def run(self, size: int) -> Iterator[tuple[Index, int]]:
        """Passes over a run of elements: gives (first element, lanes) of the vector to write lines for."""
        whole = size // self.lanes
        if whole:
            with self.turns(whole) as i:
                yield i * self.lanes, self.lanes
        yield from self.parts(size)[whole:]

    # --- memory -----------------------------------------------------------------------------------------

    def at(self, pointer: str, *offsets: Index) -> str:
        """The pointer so many elements further on."""
        fixed = sum(offset for offset in offsets if isinstance(offset, int))
        for offset in offsets:
            if isinstance(offset, Scalar):
                place = self.write(offset)
                pointer = self.new(
                    f"getelementptr inbounds {self.number}, ptr {pointer}, i64 {place}"
                )
        if fixed:
            pointer = self.new(f"getelementptr inbounds {self.number}, ptr {pointer}, i64 {fixed}")
        return pointer

    def fetch(self, pointer: str, lanes: int = 1) -> str:
        """The numbers that a pointer points to."""
        return self.new(f"load {self.kind(lanes)}, ptr {pointer}, align {SIZE[self.dtype]}")

    def keep(self, value: str, pointer: str, lanes: int = 1) -> None:
        """Puts numbers where a pointer points."""
        self.line(f"store {self.kind(lanes)} {value}, ptr {pointer}, align {SIZE[self.dtype]}")

    def clear(self, pointer: str, size: int) -> None:
        """Puts zeros into a run of elements."""
        for first, lanes in self.run(size):
            self.keep(self.zero(lanes), self.at(pointer, first), lanes)

    def copy(self, target: str, source: str, size: int) -> None:
        """Copies a run of elements."""
        for first, lanes in self.run(size):
            self.keep(self.fetch(self.at(source, first), lanes), self.at(target, first), lanes)

    def add(self, target: str, source: str, size: int) -> None:
        """Adds a run of elements to another."""
        for first, lanes in self.run(size):
            end = self.at(target, first)
            more = self.fetch(self.at(source, first), lanes)
            self.keep(self.two("fadd", self.fetch(end, lanes), more, lanes), end, lanes)

    def space(self, size: int) -> str:
        """Memory for so many elements for the length of the call, on a boundary of 64 bytes."""
        self._declared["malloc"] = "declare ptr @malloc(i64)"
        self._declared["free"] = "declare void @free(ptr)"
        whole = self.new(f"call ptr @malloc(i64 {size * SIZE[self.dtype] + 64})")
        self._spaces.append(whole)
        number = self.new(f"ptrtoint ptr {whole} to i64")
        number = self.new(f"and i64 {self.new(f'add i64 {number}, 63')}, -64")
        return self.new(f"inttoptr i64 {number} to ptr")

    def table(self, values: Sequence[float]) -> str:
        """Numbers that are known, as elements in memory."""
        numbers = ", ".join(f"{self.number} {literal(value, self.dtype)}" for value in values)
        name = f"@known{len(self._tables)}"
        self._tables.append(
            f"{name} = private constant [{len(values)} x {self.number}] [{numbers}]"
        )
        return name

    def total(self, number: int, lanes: int) -> str:
        """The place of running total `number`, which LLVM will keep in a register."""
        place = self._places.get((number, lanes))
        if place is None:
            place = self._places[number, lanes] = f"%sum{number}_{lanes}"
            self._kept.append(f"  {place} = alloca {self.kind(lanes)}")
        return place

    def get_total(self, place: str, lanes: int) -> str:
        """What a running total has come to."""
        return self.new(f"load {self.kind(lanes)}, ptr {place}")

    def set_total(self, value: str, place: str, lanes: int) -> None:
        """Replaces a running total."""
        self.line(f"store {self.kind(lanes)} {value}, ptr {place}")

    # --- arithmetic -------------------------------------------------------------------------------------

    def known(self, value: float, lanes: int) -> str:
        """A number that is known, in every lane."""
        text = literal(value, self.dtype)
        return text if lanes == 1 else f"<{', '.join([f'{self.number} {text}'] * lanes)}>"

    def spread(self, number: str, lanes: int) -> str:
        """One number in every lane."""
        if lanes == 1:
            return number
        kind = self.kind(lanes)
        one = self.new(f"insertelement {kind} poison, {self.number} {number}, i64 0")
        return self.new(
            f"shufflevector {kind} {one}, {kind} poison, <{lanes} x i32> zeroinitializer"
        )

    def add_product(self, total: str, a: str, b: str, lanes: int) -> None:
        """Adds a * b to a running total."""
        kind = self.kind(lanes)
        name = f"llvm.fmuladd.{'' if lanes == 1 else f'v{lanes}'}f{8 * SIZE[self.dtype]}"
        self._declared[name] = f"declare {kind} @{name}({kind}, {kind}, {kind})"
        given = ", ".join(f"{kind} {term}" for term in (a, b, self.get_total(total, lanes)))
        self.set_total(self.new(f"call {kind} @{name}({given})"), total, lanes)

    def add_products(
        self, totals: Sequence[str], number: str, factors: Sequence[tuple[str, int]]
    ) -> None:
        """Adds to each running total one number times a vector of factors (register, lanes)."""
        wide: dict[int, str] = {}
        for total, (factor, lanes) in zip(totals, factors, strict=True):
            if lanes not in wide:
                wide[lanes] = self.spread(number, lanes)
            self.add_product(total, wide[lanes], factor, lanes)

    def two(self, instruction: str, a: str, b: str, lanes: int) -> str:
        """An instruction on two vectors, such as 'fadd' or 'fcmp olt'."""
        return self.new(f"{instruction} {self.kind(lanes)} {a}, {b}")

    def both(self, instruction: str, a: str, b: str, lanes: int) -> str:
        """'and' or 'or' of yes and no."""
        return self.new(f"{instruction} {self.truths(lanes)} {a}, {b}")

    def choose(self, truth: str, a: str, b: str, lanes: int) -> str:
        """a where the truth is yes, else b."""
        kind = self.kind(lanes)
        return self.new(f"select {self.truths(lanes)} {truth}, {kind} {a}, {kind} {b}")

    def integer(self, instruction: str, a: Index, b: Index) -> Scalar:
        """An instruction on two indices, such as 'sdiv'."""
        left, right = (str(x) if isinstance(x, int) else self.write(x) for x in (a, b))
        return Scalar("register", (), int64, self.new(f"{instruction} i64 {left}, {right}"))

    def text(self) -> str:
        """The module; borrowed memory is given back at the end."""
        for whole in self._spaces:
            self.line(f"call void @free(ptr {whole})")
        self._spaces.clear()
        return "\n".join([*self._tables, super().text()])
