"""Part of a graph as nests of loops over arrays.

A value of the part is either kept in an array, or it is only a formula: what element (i, j) is, in terms of
elements of what it is computed from. `Formulas` follows the operations backwards: an elementwise operation
asks its inputs for the same element, a transpose for element (j, i), a broadcast for one that is repeated.
So a chain of operations becomes one loop that reads and writes memory once. Sums and products of matrices
have loops of their own, and are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import prod
from typing import Any

from engine import scalar
from engine.dtypes import DType, float32, float64, int32, int64
from engine.graph.graph import CONSTANT, Graph, Node
from engine.graph.native.writer import FLOATS, REGISTER, CannotWrite, Writer, literal
from engine.scalar import Scalar

REDUCTIONS = {"reduce_sum": "add", "reduce_max": "maximum", "reduce_min": "minimum"}
VIEWS = ("reshape", "expand_dims", "squeeze", "transpose", "broadcast_to")
LARGEST_PRODUCT = 4096  # multiplications in a product of matrices; above, BLAS is faster
BLOCK = 2048  # numbers that are added up in float32 before float64 takes over
SHORT = 16  # a loop of fewer turns is not worth a vector


@dataclass(frozen=True, slots=True)
class Index:
    """A number that is linear in loop counters: a constant, and (counter, factor) pairs."""

    constant: int = 0
    terms: tuple[tuple[int, int], ...] = ()

    def __add__(self, other: Index) -> Index:
        factors = dict(self.terms)
        for counter, factor in other.terms:
            factors[counter] = factors.get(counter, 0) + factor
        terms = tuple(sorted((c, f) for c, f in factors.items() if f))
        return Index(self.constant + other.constant, terms)

    def times(self, factor: int) -> Index:
        """The index, so many times."""
        if not factor:
            return Index()
        return Index(self.constant * factor, tuple((c, f * factor) for c, f in self.terms))

    def factor(self, counter: int) -> int:
        """By how much it grows with a counter."""
        return dict(self.terms).get(counter, 0)

    def merged(self, outer: int, inner: int) -> Index:
        """With two counters as one: the inner one runs on where the outer one moves."""
        return Index(self.constant, tuple((c, f) for c, f in self.terms if c != outer))


def linear(index: tuple[Index, ...], dims: tuple[int, ...]) -> Index:
    """The place of an element among all elements of an array, one row after the other."""
    place, step = Index(), 1
    for one, size in zip(reversed(index), reversed(dims), strict=True):
        place = place + one.times(step)
        step *= size
    return place


@dataclass(eq=False)
class Access:
    """An element of an array that a nest reads or writes."""

    array: int  # number of the value
    place: Index
    dtype: DType


@dataclass
class Nest:
    """Loops, one in the other, and what is computed at their heart.

    stores: (array, place, formula), for results with one element a turn.
    total: for a reduction (how, access to its result, formula); `kept` are the counters of the result.
    """

    loops: list[tuple[int, int]]  # (counter, size), from the outermost
    stores: list[tuple[Access, Scalar]] = field(default_factory=list)
    total: tuple[str, Access, Scalar] | None = None
    kept: tuple[int, ...] = ()
    reads: list[Access] = field(default_factory=list)

    def accesses(self) -> list[Access]:
        """All elements it touches."""
        written = [access for access, _ in self.stores] + ([self.total[1]] if self.total else [])
        return self.reads + written

    def join_loops(self) -> None:
        """Two loops become one wherever all arrays lie in memory as if they were one."""
        place = len(self.loops) - 2
        while place >= 0:
            (outer, turns), (inner, size) = self.loops[place : place + 2]
            same_kind = (outer in self.kept) == (inner in self.kept) or not self.total
            touched = self.accesses()
            if same_kind and all(
                a.place.factor(outer) == a.place.factor(inner) * size for a in touched
            ):
                for access in touched:
                    access.place = access.place.merged(outer, inner)
                self.loops[place : place + 2] = [(inner, turns * size)]
            place = min(place, len(self.loops) - 1) - 1


class Formulas:
    """The elements of the values of a part of a graph.

    kept: the values that have an array.
    """

    def __init__(self, body: Graph, kept: set[int]):
        self.body = body
        self.kept = kept
        self.made_by = {number: node for node in body.nodes for number in node.outputs}
        self.nest = Nest([])
        self.being_made: set[int] = set()
        self._known: dict[Any, Scalar] = {}

    def start(self, nest: Nest, making: set[int]) -> None:
        """From now on, what is read belongs to this nest, which makes the values `making`."""
        self.nest, self.being_made = nest, making
        self._known = {}

    def dims(self, value: int) -> tuple[int, ...]:
        """The sizes of a value."""
        return tuple(self.body.specs[value].dims)  # type: ignore[arg-type]

    def array_of(self, value: int) -> int:
        """The value whose array holds the elements of this one, in the same order."""
        while value not in self.kept and self.made_by[value].op in (
            "reshape",
            "expand_dims",
            "squeeze",
        ):
            value = self.made_by[value].inputs[0]
        return value

    def at(self, value: int, index: tuple[Index, ...]) -> Scalar:
        """The formula of one element."""
        key = (value, index)
        if key not in self._known:
            self._known[key] = self._formula(value, index)
        return self._known[key]

    def _element(self, array: int, place: Index, dtype: DType) -> Scalar:
        access = Access(array, place, dtype)
        self.nest.reads.append(access)
        return Scalar("element", (), dtype, access)

    def _formula(self, value: int, index: tuple[Index, ...]) -> Scalar:
        dtype = self.body.specs[value].dtype
        if value in self.kept and value not in self.being_made:
            return self._element(value, linear(index, self.dims(value)), dtype)
        node = self.made_by[value]
        if node.op == CONSTANT:
            return scalar.constant(node.payload.numpy().item(), dtype)
        if node.op == "transpose":
            of: list[Index] = [Index()] * len(index)
            for here, there in enumerate(node.attrs["perm"]):
                of[there] = index[here]
            return self.at(node.inputs[0], tuple(of))
        if node.op in VIEWS:
            inner = node.inputs[0]
            if node.op == "broadcast_to":
                return self.at(inner, project(index, self.dims(inner)))
            through = without_ones(index, self.dims(value), self.dims(inner))
            if through is not None:
                return self.at(inner, through)
            return self._element(self.array_of(value), linear(index, self.dims(value)), dtype)
        assert node.primitive is not None and node.primitive.scalar is not None, node.op
        elements = [self.at(n, project(index, self.dims(n))) for n in node.inputs]
        return node.primitive.scalar(*elements, **node.attrs)


def project(index: tuple[Index, ...], dims: tuple[int, ...]) -> tuple[Index, ...]:
    """The element of a smaller array that broadcasting puts at `index`."""
    tail = index[len(index) - len(dims) :]
    return tuple(Index() if size == 1 else one for one, size in zip(tail, dims, strict=True))


def without_ones(
    index: tuple[Index, ...], dims: tuple[int, ...], wanted: tuple[int, ...]
) -> tuple[Index, ...] | None:
    """The index for a shape that differs only in axes of size 1; None if it differs in more."""
    if [d for d in dims if d != 1] != [d for d in wanted if d != 1]:
        return None
    rest = iter([one for one, size in zip(index, dims, strict=True) if size != 1])
    return tuple(Index() if size == 1 else next(rest) for size in wanted)


def supported(graph: Graph, node: Node) -> bool:
    """Whether a node can be part of a kernel: what it does, the sizes it works on, and its dtypes."""
    specs: list[Any] = [graph.specs[n] for n in (*node.inputs, *node.outputs)]
    for spec in specs:
        if spec.dtype not in REGISTER or not spec.shape.is_fully_defined() or 0 in spec.dims:
            return False
    primitive = node.primitive
    if primitive is None or len(node.outputs) != 1 or primitive.stateful:
        return False
    if node.op in REDUCTIONS:
        return specs[0].dtype in (*FLOATS, int32, int64) and bool(node.attrs["axes"])
    if node.op == "matmul":
        a, b = specs[0].dims, specs[1].dims
        if len(a) != 2 or len(b) != 2 or prod(a) * b[1] > LARGEST_PRODUCT:
            return False
        return specs[0].dtype in FLOATS and not node.attrs
    if node.op in VIEWS:
        return True
    return primitive.scalar is not None and writable(node, specs)


def writable(node: Node, specs: list[Any]) -> bool:
    """Whether the formula of an elementwise operation has LLVM for these dtypes."""
    assert node.primitive is not None and node.primitive.scalar is not None
    writer = Writer(0)
    given = [Scalar("register", (), spec.dtype, "%x") for spec in specs[: len(node.inputs)]]
    try:
        formula = node.primitive.scalar(*given, **node.attrs)
        if any(spec.dtype not in FLOATS for spec in specs) and _needs_float(formula):
            return False
        writer.write(formula)
    except CannotWrite:
        return False
    return True


def _needs_float(formula: Scalar) -> bool:
    waiting = [formula]
    while waiting:
        one = waiting.pop()
        if one.op in (*scalar.FUNCTIONS, "sqrt", "divide") and one.dtype not in FLOATS:
            return True
        waiting.extend(one.args)
    return False


LOWEST: dict[DType, Any] = {
    float32: float("-inf"), float64: float("-inf"), int32: -(2**31), int64: -(2**63),
}  # fmt: skip
HIGHEST: dict[DType, Any] = {
    float32: float("inf"), float64: float("inf"), int32: 2**31 - 1, int64: 2**63 - 1,
}  # fmt: skip


def neutral(how: str, dtype: DType) -> Any:
    """What changes nothing when it is added, or compared with, in a reduction."""
    if how == "add":
        return 0
    return LOWEST[dtype] if how == "maximum" else HIGHEST[dtype]


def write_nest(
    writer: Writer, nest: Nest, arrays: dict[int, str], counters: dict[int, Scalar]
) -> None:
    """Writes the loops of a nest. `arrays` names the address of each array; `counters` is filled in."""

    def place(access: Access) -> Scalar:
        total = scalar.constant(access.place.constant, int64)
        for counter, factor in access.place.terms:
            term = counters[counter] if factor == 1 else counters[counter] * factor
            total = term if total.op == "constant" and total.value == 0 else total + term
        return total

    writer.element = lambda access: writer.load(arrays[access.array], access.dtype, place(access))
    if nest.total is None:
        with ExitStack() as stack:
            for level, (counter, size) in enumerate(nest.loops):
                innermost = level == len(nest.loops) - 1
                counters[counter] = stack.enter_context(writer.loop(size, innermost))
            registers = [(access, writer.write(formula)) for access, formula in nest.stores]
            for access, register in registers:
                writer.store(arrays[access.array], register, access.dtype, place(access))
        return
    outer = [(c, n) for c, n in nest.loops if c in nest.kept]
    inner = [(c, n) for c, n in nest.loops if c not in nest.kept]
    # Results that lie side by side are added up side by side; a single one in a register.
    wide = bool(outer) and outer[-1][1] > 1 and (outer[-1][1] >= SHORT or inner[-1][1] < SHORT)
    beside = [outer.pop()] if wide else []
    with ExitStack() as stack:
        for counter, size in outer:
            counters[counter] = stack.enter_context(writer.loop(size))
        if beside:
            _side_by_side(writer, nest, inner, beside[0], counters, arrays, place)
            return
        _into_a_register(writer, nest, inner, counters, arrays, place)


def _into_a_register(
    writer: Writer, nest: Nest, inner: list[tuple[int, int]], counters: dict[int, Scalar],
    arrays: dict[int, str], place: Callable[[Access], Scalar],
) -> None:  # fmt: skip
    """One total. A long sum is the sum, in float64, of the sums of blocks: so little is rounded off."""
    assert nest.total is not None
    how, result, formula = nest.total
    dtype = result.dtype
    counter, size = inner[-1]
    long = how == "add" and dtype is float32 and prod(turns for _, turns in inner) > BLOCK
    wide = float64 if long else dtype
    total = writer.kept(wide)
    writer.put(total, literal(neutral(how, dtype), wide), wide)

    def add_up(turns: int, into: str, first: Callable[[Scalar], Scalar]) -> None:
        with writer.loop(turns) as turn:
            counters[counter] = first(turn)
            element = Scalar("register", (), dtype, writer.write(formula))
            writer.put(into, writer.combine(how, writer.get(into, dtype), element), dtype)

    def add_block(turns: int, first: Callable[[Scalar], Scalar]) -> None:
        part = writer.kept(dtype)
        writer.put(part, literal(0, dtype), dtype)
        add_up(turns, part, first)
        more = scalar.cast(writer.get(part, dtype), wide)
        writer.put(total, writer.write(writer.get(total, wide) + more), wide)

    with ExitStack() as sums:
        for outer, turns in inner[:-1]:
            counters[outer] = sums.enter_context(writer.loop(turns))
        if not long:
            add_up(size, total, lambda turn: turn)
        else:
            blocks, rest = divmod(size, BLOCK)
            if blocks:
                with writer.loop(blocks) as block:
                    add_block(BLOCK, lambda turn: block * BLOCK + turn)
            if rest:
                add_block(rest, lambda turn: turn + blocks * BLOCK)
    found = scalar.cast(writer.get(total, wide), dtype)
    writer.store(arrays[result.array], writer.write(found), dtype, place(result))


def _side_by_side(
    writer: Writer, nest: Nest, inner: list[tuple[int, int]], beside: tuple[int, int],
    counters: dict[int, Scalar], arrays: dict[int, str], place: Callable[[Access], Scalar],
) -> None:  # fmt: skip
    """Many totals at once: row after row is added to the row of results."""
    assert nest.total is not None
    how, result, formula = nest.total
    counter, size = beside
    array, dtype = arrays[result.array], result.dtype
    with writer.loop(size, independent=True) as counters[counter]:
        writer.store(array, literal(neutral(how, dtype), dtype), dtype, place(result))
    with ExitStack() as stack:
        for one, turns in inner:
            counters[one] = stack.enter_context(writer.loop(turns))
        counters[counter] = stack.enter_context(writer.loop(size, independent=True))
        element = Scalar("register", (), dtype, writer.write(formula))
        before = writer.load(array, dtype, place(result))
        writer.store(array, writer.combine(how, before, element), dtype, place(result))
