"""A fused part of a graph as one kernel: which values get arrays, which loops there are, and their text."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from engine.graph.graph import CONSTANT, Graph, Node
from engine.graph.native.loops import (
    REDUCTIONS,
    VIEWS,
    Access,
    Formulas,
    Index,
    Nest,
    linear,
    without_ones,
    write_nest,
)
from engine.graph.native.writer import SIZE, Writer

LINE = 64  # bytes: arrays of their own begin at a new line of the cache


@dataclass
class Kernel:
    """A kernel that is written, but not compiled.

    reads, writes: the values whose arrays it takes, in this order. If it needs `scratch` bytes inside, an
      array of so many comes last.
    turns: of all its loops.
    in_place: for a value it writes, the values it reads whose arrays may be used for it.
    """

    reads: list[int]
    writes: list[int]
    scratch: int
    text: str
    turns: int
    in_place: dict[int, set[int]]


class Scheduler:
    """Decides for each value of a body whether it is kept in an array, and which nest of loops makes it."""

    def __init__(self, body: Graph):
        self.body = body
        self.nodes = [node for node in body.nodes if node.op != CONSTANT]
        self.made_by = {number: node for node in body.nodes for number in node.outputs}
        self.level: dict[int, int] = {}
        self.kept = set(body.inputs) | set(body.outputs)
        self._levels()
        self._keep_what_must_be()
        self._keep_what_is_shared()

    def dims(self, value: int) -> tuple[int, ...]:
        """The sizes of a value."""
        return tuple(self.body.specs[value].dims)  # type: ignore[arg-type]

    def _computed(self, value: int) -> bool:
        return value in self.made_by and self.made_by[value].op != CONSTANT

    def _levels(self) -> None:
        """Loops of one level do not wait for one another; another shape, or a total, starts a new one."""
        for node in self.nodes:
            (made,) = node.outputs
            level = 0
            for value in node.inputs:
                if self._computed(value):
                    elementwise = node.op not in VIEWS and not is_total(node)
                    same = elementwise and self.dims(value) == self.dims(made)
                    level = max(level, self.level[value] + (0 if same else 1))
            self.level[made] = level

    def _base(self, value: int, through: tuple[str, ...]) -> int:
        while (
            value not in self.kept and self._computed(value) and self.made_by[value].op in through
        ):
            value = self.made_by[value].inputs[0]
        return value

    def _keep_what_must_be(self) -> None:
        for node in self.nodes:
            (made,) = node.outputs
            if is_total(node):
                self.kept.add(made)
            if node.op == "matmul":  # each element is read many times
                self.kept.update(self._base(value, VIEWS) for value in node.inputs)
            if node.op in ("reshape", "expand_dims", "squeeze"):
                inner = node.inputs[0]
                here = tuple(Index(0, ((k, 1),)) for k in range(len(self.dims(made))))
                if without_ones(here, self.dims(made), self.dims(inner)) is None:
                    self.kept.add(self._base(inner, ("reshape", "expand_dims", "squeeze")))

    def _keep_what_is_shared(self) -> None:
        """What loops of several nests need is computed once, unless that is as cheap as to read it."""
        users: dict[int, set[Any]] = {}
        for node in reversed(self.nodes):
            (made,) = node.outputs
            nests = users.get(made, set())
            plain = node.op not in VIEWS and not is_total(node)
            if made not in self.kept and plain and len(nests) > 1 and not self._cheap(node):
                self.kept.add(made)
            if made in self.kept:
                nests = {self.nest_of(made)}
            for value in node.inputs:
                users.setdefault(value, set()).update(nests)

    def _cheap(self, node: Node) -> bool:
        known = all(not self._computed(v) or v in self.kept for v in node.inputs)
        return known and node.op not in (
            "divide",
            "sqrt",
            "exp",
            "log",
            "tanh",
            "sigmoid",
            "softplus",
        )

    def nest_of(self, value: int) -> Any:
        """What tells nests apart: (level, totals last, shape or number of the value)."""
        if is_total(self.made_by[value]):
            return (self.level[value], 0, (value,))
        return (self.level[value], 1, self.dims(value))


def is_total(node: Node) -> bool:
    """Whether a node needs loops of its own."""
    return node.op in REDUCTIONS or node.op == "matmul"


def write_kernel(body: Graph) -> Kernel:
    """Writes the kernel of a body whose nodes are all `loops.supported`."""
    plan = Scheduler(body)
    formulas = Formulas(body, plan.kept)
    groups: dict[Any, list[int]] = {}
    for node in plan.nodes:
        (made,) = node.outputs
        if made in plan.kept:
            groups.setdefault(plan.nest_of(made), []).append(made)
    inner = [value for value in plan.kept if value not in body.inputs and value not in body.outputs]
    count = len(body.inputs) + len(body.outputs) + bool(inner)
    writer = Writer(count)
    arrays = {value: f"%a{k}" for k, value in enumerate([*body.inputs, *body.outputs])}
    offset = 0
    for value in sorted(inner):
        arrays[value] = f"%s{value}"
        writer.line(f"%s{value} = getelementptr i8, ptr %a{count - 1}, i64 {offset}")
        size = prod(plan.dims(value)) * SIZE[body.specs[value].dtype]
        offset += -(-size // LINE) * LINE
    order = sorted(groups, key=lambda key: key[:2])
    nests = [_nest(plan, formulas, groups[key]) for key in order]
    read_later: set[int] = set()
    in_place: dict[int, set[int]] = {}
    for nest in reversed(nests):
        for access, _ in nest.stores:
            in_place[access.array] = _usable(nest, access, read_later)
        read_later |= {access.array for access in nest.reads}
    for nest in nests:
        nest.join_loops()
        _describe(writer, body, nest)
        write_nest(writer, nest, arrays, {})
    turns = sum(prod(size for _, size in nest.loops) for nest in nests)
    in_place = {value: used & set(body.inputs) for value, used in in_place.items()}
    return Kernel(list(body.inputs), list(body.outputs), offset, writer.text(), turns, in_place)


def _nest(plan: Scheduler, formulas: Formulas, made: list[int]) -> Nest:
    """The loops that make values of one shape, or one total."""
    node = plan.made_by[made[0]]
    if is_total(node):
        return _total(plan, formulas, node)
    dims = plan.dims(made[0])
    index = tuple(Index(0, ((k, 1),)) if size > 1 else Index() for k, size in enumerate(dims))
    nest = Nest([(k, size) for k, size in enumerate(dims) if size > 1] or [(0, 1)])
    formulas.start(nest, set(made))
    for value in made:
        access = Access(value, linear(index, dims), plan.body.specs[value].dtype)
        nest.stores.append((access, formulas.at(value, index)))
    return nest


def _total(plan: Scheduler, formulas: Formulas, node: Node) -> Nest:
    (made,) = node.outputs
    dtype = plan.body.specs[made].dtype
    if node.op == "matmul":
        (rows, terms), columns = plan.dims(node.inputs[0]), plan.dims(node.inputs[1])[1]
        i, j, k = (Index(0, ((counter, 1),)) for counter in range(3))
        nest = Nest([(0, rows), (2, terms), (1, columns)], kept=(0, 1))
        formulas.start(nest, {made})
        a, b = formulas.at(node.inputs[0], (i, k)), formulas.at(node.inputs[1], (k, j))
        nest.total = ("add", Access(made, linear((i, j), (rows, columns)), dtype), a * b)
        return nest
    dims, axes = plan.dims(node.inputs[0]), node.attrs["axes"]
    index = tuple(Index(0, ((k, 1),)) for k in range(len(dims)))
    nest = Nest(list(enumerate(dims)), kept=tuple(k for k in range(len(dims)) if k not in axes))
    formulas.start(nest, {made})
    formula = formulas.at(node.inputs[0], index)
    result = tuple(index[k] for k in nest.kept)
    place = linear(result, tuple(dims[k] for k in nest.kept))
    nest.total = (REDUCTIONS[node.op], Access(made, place, dtype), formula)
    return nest


def _usable(nest: Nest, written: Access, read_later: set[int]) -> set[int]:
    """Arrays that a result may replace: each element is read where it is written, and never again."""
    places: dict[int, set[Index]] = {}
    for access in nest.reads:
        if access.dtype is written.dtype:
            places.setdefault(access.array, set()).add(access.place)
    return {a for a, p in places.items() if p == {written.place} and a not in read_later}


def _describe(writer: Writer, body: Graph, nest: Nest) -> None:
    """A remark over the loops: what they make, and how many turns they take."""
    made = [a.array for a, _ in nest.stores] or [nest.total[1].array]  # type: ignore[index]
    turns = " x ".join(str(size) for _, size in nest.loops)
    values = ", ".join(f"v{value} {body.specs[value].dtype.name}" for value in made)
    writer.comment(f"{values}: {turns} turns")
