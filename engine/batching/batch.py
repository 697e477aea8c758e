"""Batched: a tensor that stands for many, one an example; Batch: the executor that computes with them.

While a Batch is open, a function sees tensors of the shape of one example. Each operation on them is
passed on, as an operation on whole batches, to what was the executor before: eager, a graph builder, or
another Batch. `rules` says how. Read `dispatch` and `graph.builder` first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from engine.dispatch import Log, Primitive, apply, context
from engine.errors import InvalidArgumentError, OperatorNotAllowedInGraphError, UnimplementedError
from engine.graph.graph import SymbolicTensor
from engine.ops.creation import convert, zeros
from engine.ops.draws import next_key
from engine.ops.elementwise import cast, ones_like, zeros_like
from engine.ops.indexing import tensor_scatter_nd_update
from engine.ops.joining import stack
from engine.ops.layout import _EXPAND, broadcast_to, expand_dims, reshape, sizes
from engine.ops.reduce import reduce_sum
from engine.ops.scan import cumsum
from engine.ops.slicing import getitem
from engine.spec import TensorSpec
from engine.tensor import Tensor
from engine.variable import Variable


class Batched(SymbolicTensor):
    """One tensor an example. Its shape is that of one of them; like a symbolic tensor it has no one value.

    `value` holds them all, stacked along axis 0. Where `along` is False, it is what every example has.
    """

    __slots__ = ("along", "value")

    def __init__(self, batch: Batch, value: Tensor, along: bool = True):
        self._node = 0
        self.graph: Any = batch
        self.value = value
        self.along = along

    @property
    def _dims(self) -> Any:
        dims = self.value._dims
        return dims[1:] if self.along and dims is not None else dims

    @property
    def dtype(self) -> Any:
        """The element type."""
        return self.value.dtype

    @property
    def spec(self) -> TensorSpec:
        """Shape and dtype of one example as a TensorSpec."""
        return TensorSpec(self._dims, self.dtype)

    @property
    def name(self) -> str:
        """What messages call it."""
        return "an example's tensor"

    @property
    def _array(self) -> NoReturn:
        raise AttributeError(
            f"This {self.dtype.name} tensor of shape {self.shape} stands for many examples at once, each "
            f"with values of its own. Inside {self.graph.name}, .numpy(), float() and int() do not work: use "
            "tensor operations, and look at the result outside. Once it is over, the tensor means nothing."
        )

    def _no_value(self, what: str) -> Exception:
        return OperatorNotAllowedInGraphError(
            f"{what} needs one value, but inside {self.graph.name} this tensor stands for many examples at "
            "once, each with values of its own. Choose between tensors with tf.where(condition, a, b), "
            "or use tf.map_fn, which takes the examples one by one."
        )


class Batch:
    """The executor for as long as a function runs for `size` examples at once.

    Tapes that were open before record what is done with whole batches. Tapes opened inside record, as
    anywhere, what the function does, so gradients inside are those of each example.

    loops: how often each primitive without a rule was run example by example.
    """

    def __init__(self, size: int | Tensor, name: str, may_loop: bool = True):
        self.size = size
        self.name = name
        self.may_loop = may_loop
        self.loops: Counter[str] = Counter()
        self.outer: Any = None
        self._outer_log: Log | None = None

    @property
    def graph(self) -> Batch:
        """Itself: a builder has a graph, and a tensor's tells which executor it belongs to."""
        return self

    @contextmanager
    def open(self) -> Iterator[None]:
        """Makes this the executor."""
        around = self.outer, self._outer_log
        self.outer, self._outer_log = context.builder, context.log
        context.builder, context.log = self, None
        try:
            yield
        finally:
            context.builder, context.log = self.outer, self._outer_log
            self.outer, self._outer_log = around

    @contextmanager
    def _outside(self) -> Iterator[None]:
        """Back to the executor and the log that were there before, for a moment."""
        log = context.log
        context.builder, context.log = self.outer, self._outer_log
        try:
            yield
        finally:
            context.builder, context.log = self, log

    # --- what an executor does ------------------------------------------------------------------

    def add(self, primitive: Primitive, inputs: tuple[Tensor, ...], attrs: dict[str, Any]) -> Any:
        """Runs an operation for all examples: once where no input differs among them, else by its rule."""
        log = context.log
        context.builder, context.log = self.outer, self._outer_log
        try:
            given = [x if type(x) is Batched and x.graph is self else None for x in inputs]
            if any(x is not None and x.along for x in given):
                mine = [
                    Batched(self, x, False) if own is None else own
                    for x, own in zip(inputs, given, strict=True)
                ]
                return self._run(primitive, mine, attrs)
            plain = [x if own is None else own.value for x, own in zip(inputs, given, strict=True)]
            made = apply(primitive, *plain, **attrs)
        finally:
            context.builder, context.log = self, log
        if log is None:
            return made
        return tuple(map(self._apart, made)) if type(made) is tuple else self._apart(made)

    def _apart(self, tensor: Tensor) -> Tensor:
        """A tensor that a tape outside knows, as another object for tapes inside, which number it too."""
        return Batched(self, tensor, False) if tensor._node else tensor

    def _run(self, primitive: Primitive, inputs: list[Batched], attrs: dict[str, Any]) -> Any:
        from engine.batching.rules import rule_of

        rule = rule_of(primitive)
        made = None if rule is None else rule(self, primitive, inputs, attrs)
        if made is None:
            made = self._loop(primitive, inputs, attrs)
        return tuple(map(self.wrap, made)) if type(made) is tuple else self.wrap(made)

    def _loop(self, primitive: Primitive, inputs: list[Batched], attrs: dict[str, Any]) -> Any:
        """Counts and runs a primitive that has no rule, or not for these inputs."""
        if not self.may_loop:
            raise ValueError(
                f"{self.name}: {primitive.name} has no rule for many examples at once, and "
                "fallback_to_while_loop=False forbids to run it example by example."
            )
        self.loops[primitive.name] += 1
        return self.one_by_one(primitive, inputs, attrs)

    def one_by_one(self, primitive: Primitive, inputs: list[Batched], attrs: dict[str, Any]) -> Any:
        """The results of a primitive run example by example, stacked."""
        if not isinstance(self.size, int):
            return self._later(primitive, inputs, attrs)
        rows = []
        for i in range(self.size):
            one = [getitem(x.value, i) if x.along else x.value for x in inputs]
            rows.append(apply(primitive, *one, **attrs))
        specs = primitive.spec(*(x.spec for x in inputs), **attrs)
        if type(specs) is not tuple:
            return self._stacked(primitive, rows, specs)
        columns = zip(*rows, strict=True) if rows else [[] for _ in specs]
        return tuple(
            self._stacked(primitive, column, spec)
            for column, spec in zip(columns, specs, strict=True)
        )

    def _later(self, primitive: Primitive, inputs: list[Batched], attrs: dict[str, Any]) -> Any:
        """The same as a loop in the graph, where how many examples there are is known when it runs."""
        from engine.control_flow import while_loop

        specs = primitive.spec(*(x.spec for x in inputs), **attrs)
        several = type(specs) is tuple
        parts = specs if several else (specs,)
        if not all(part.shape.is_fully_defined() for part in parts):
            raise self._no_shape(primitive, "neither how many there are nor")

        def turn(i: Any, *made: Tensor) -> Any:
            one = [getitem(x.value, i) if x.along else x.value for x in inputs]
            found = apply(primitive, *one, **attrs)
            rows = found if several else (found,)
            place = reshape(i, [1, 1])
            pairs = zip(made, rows, strict=True)
            return i + 1, *(
                tensor_scatter_nd_update(all_, place, expand_dims(row, 0)) for all_, row in pairs
            )

        start = [zeros([self.size, *part.shape.as_list()], part.dtype) for part in parts]
        _, *made = while_loop(lambda i, *_: i < self.size, turn, (convert(0), *start))
        return tuple(made) if several else made[0]

    def _no_shape(self, primitive: Primitive, what: str) -> Exception:
        return UnimplementedError(
            f"{self.name}: {primitive.name} must be run example by example, but {what} the shape of what "
            "each gives is known while tracing. Give the axes sizes in the input_signature, or call "
            "tf.ensure_shape."
        )

    def _stacked(self, primitive: Primitive, rows: Any, spec: TensorSpec) -> Tensor:
        if not rows:
            return zeros([0, *(d or 0 for d in spec.dims or ())], spec.dtype)
        if any(row._dims is None for row in rows):
            raise self._no_shape(primitive, "no axis of")
        shapes = list(dict.fromkeys(row._dims for row in rows))
        if len(shapes) > 1:
            raise InvalidArgumentError(
                f"{self.name}: {primitive.name} gave the examples results of different shapes, "
                f"{shapes[0]} and {shapes[1]}, which cannot be stacked. The shape must not depend on the "
                "values of an example."
            )
        return stack(rows)

    def read(self, variable: Variable) -> Tensor:
        """The value of a variable, the same for all examples."""
        with self._outside():
            value = variable.value()
        return value if context.log is None else self._apart(value)

    def next_keys(self, state: Variable, count: Any) -> Tensor:
        """The keys of the next `count` random draws of each example, one example after the other."""
        with self._outside():
            first = next_key(state, count * self.size)
            ones = broadcast_to(ones_like(first[:1]), [self.size])  # type: ignore[index]
            steps = cumsum(ones, exclusive=True) * cast(count, ones.dtype)
            keys = first + stack([zeros_like(steps), steps], 1)
        return self.wrap(keys)

    def assign(self, variable: Variable, tensor: Tensor) -> None:
        """Assigns what is the same for all examples."""
        if type(tensor) is Batched and tensor.graph is self:
            if tensor.along:
                raise InvalidArgumentError(
                    f"{self.name}: variable {variable.name!r} was assigned a tensor that differs from "
                    "example to example; a variable holds one value. Return the tensor, and assign "
                    "outside, for example its mean."
                )
            tensor = tensor.value
        with self._outside():
            variable.assign(tensor)

    def variable_created(self, name: str) -> None:
        """Asks the executor outside, if it minds."""
        if self.outer is not None:
            self.outer.variable_created(name)

    # --- between the examples and the batch -------------------------------------------------------

    def wrap(self, value: Tensor) -> Batched:
        """All examples' tensors, stacked along axis 0, as the one that an example sees."""
        return value if type(value) is Batched and value.graph is self else Batched(self, value)

    def collect(self, tensor: Tensor) -> Tensor:
        """All examples' tensors stacked along a new axis 0; to be called outside."""
        if type(tensor) is not Batched or tensor.graph is not self:
            tensor = Batched(self, tensor, False)
        return self.spread(tensor)

    def spread(self, x: Batched) -> Tensor:
        """The value with the axis of the examples, repeated along it if they all have the same."""
        return x.value if x.along else broadcast_to(x.value, [self.size, *sizes(x.value)])

    def lead(self, x: Batched, rank: int) -> Tensor:
        """The value for broadcasting: an example's axes count from the right, as if its rank was `rank`."""
        missing = rank - len(x._dims) if x.along else 0
        if missing <= 0:
            return x.value
        return apply(_EXPAND, x.value, axes=tuple(range(1, missing + 1)))

    def same(self, value: Tensor) -> Batched:
        """A result that is the same for all examples."""
        return Batched(self, value, False)

    def sizes(self, x: Batched) -> list[Any]:
        """The sizes of one example's axes: ints where they are known, else scalar tensors."""
        return sizes(x.value)[1:] if x.along else sizes(x.value)

    def pull(
        self, primitive: Primitive, along: list[bool], dys: Any, ys: Any, xs: Any, attrs: Any
    ) -> Any:
        """The cotangents of a primitive whose vjp was written by a user, for one example."""
        assert callable(primitive.vjp)
        with self.open():
            mine = [Batched(self, x, a) for x, a in zip(xs, along, strict=True)]
            found = primitive.vjp(
                tuple(map(self.wrap, dys)), tuple(map(self.wrap, ys)), *mine, **attrs
            )
        # What all examples share gets a cotangent from each of them.
        return [
            None if g is None else self.collect(g) if a else reduce_sum(self.collect(g), 0)
            for g, a in zip(found, along, strict=True)
        ]
