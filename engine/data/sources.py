"""Where rows come from: arrays, a count, a Python generator. A source is one small class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from engine import dtypes, nest
from engine.data.elements import (
    Checker,
    Row,
    as_spec,
    element_spec_of,
    host_array,
    is_stage,
    spec_of,
    tensors_of,
)
from engine.data.iteration import Run
from engine.data.picks import Arrays, Block, Counting, Source
from engine.data.stage import INFINITE, UNKNOWN, Seeded, Stage
from engine.data.traced import now
from engine.errors import InvalidArgumentError
from engine.graph.graph import SymbolicTensor
from engine.spec import TensorSpec
from engine.tensor import Tensor, describe


class Slices(Stage):
    """The rows of tensors along their first axis; see `Dataset.from_tensor_slices`."""

    def __init__(self, tensors: Any):
        structure = tensors_of(tensors)
        self.leaves = nest.flatten(structure)
        if not self.leaves:
            raise ValueError("from_tensor_slices: there is no tensor in what was given.")
        for leaf in self.leaves:
            if is_stage(leaf):
                raise TypeError(f"from_tensor_slices takes tensors, but {leaf!r} was given.")
            if leaf.shape.rank == 0:
                raise ValueError(
                    f"from_tensor_slices goes along the first axis, and {describe(leaf)} has none. Write "
                    "[value] for one element, or use from_tensors."
                )
        lengths = {leaf.shape[0] for leaf in self.leaves} - {None}
        if len(lengths) > 1:
            raise ValueError(
                "from_tensor_slices: all tensors must have one length along the first axis, but they have "
                f"{', '.join(str(leaf.shape[0]) for leaf in self.leaves)}. Check how they were loaded or cut."
            )
        self._known = lengths.pop() if lengths else None
        specs = [
            TensorSpec(None if leaf.spec.dims is None else leaf.spec.dims[1:], leaf.dtype)
            for leaf in self.leaves
        ]
        super().__init__(nest.pack_sequence_as(structure, specs))

    def settled(self) -> None:
        self._known = self.leaves[0].shape[0]

    def length(self) -> int:
        return UNKNOWN if self._known is None else self._known

    def source(self) -> Source | None:
        return Arrays([host_array(leaf) for leaf in self.leaves])

    def picks(self, run: Run) -> Iterator[Block]:
        yield (range(len(host_array(self.leaves[0]))),)


class Stacked(Slices):
    """The rows of an array that a pipeline has made: nothing is left to check."""

    def __init__(self, array: Any, element_spec: Any):
        self.leaves, self._known, self.element_spec = [Tensor(array)], len(array), element_spec


class Single(Stage):
    """One element; see `Dataset.from_tensors`."""

    def __init__(self, tensors: Any):
        structure = tensors_of(tensors)
        self.leaves = nest.flatten(structure)
        super().__init__(spec_of(structure))

    def length(self) -> int:
        return 1

    def source(self) -> Source | None:
        if any(map(is_stage, self.leaves)):
            return None
        return Arrays([host_array(leaf)[None] for leaf in self.leaves])

    def picks(self, run: Run) -> Iterator[Block]:
        yield (range(1),)

    def plain_rows(self, run: Run) -> Iterator[Row]:
        yield [leaf if is_stage(leaf) else host_array(leaf) for leaf in self.leaves]


class Rowwise(Stage):
    """Rows that are there already, perhaps of different shapes."""

    def __init__(self, rows: list[Row], spec: Any):
        self._rows = rows
        super().__init__(spec)

    def length(self) -> int:
        return len(self._rows)

    def plain_rows(self, run: Run) -> Iterator[Row]:
        return iter(self._rows)


class Count(Stage):
    """Whole numbers; see `Dataset.range` and `Dataset.counter`."""

    def __init__(self, start: Any, stop: Any, step: Any, dtype: Any = dtypes.int64):
        self.start, self.stop, self.step = start, stop, step  # stop is None for a count without end
        self.dtype = dtypes.as_dtype(dtype)
        if not any(isinstance(part, SymbolicTensor) for part in (start, stop, step)):
            self.settled()
        super().__init__(as_spec(self.dtype, ()))

    def settled(self) -> None:
        self.start, self.step = now(self.start, "range"), now(self.step, "range")
        self.stop = None if self.stop is None else now(self.stop, "range")
        if not self.step:
            raise InvalidArgumentError("Dataset.range: the step is 0, so it would never arrive.")

    def length(self) -> int:
        if self.is_open:
            return UNKNOWN
        return INFINITE if self.stop is None else len(range(self.start, self.stop, self.step))

    def source(self) -> Source | None:
        start, step = now(self.start, "range"), now(self.step, "range")
        return Counting(start, step, self.dtype.as_numpy_dtype)

    def picks(self, run: Run) -> Iterator[Block]:
        count = self.length()
        yield (range(2**62 if count == INFINITE else count),)


class Generator(Stage):
    """What a Python function yields; see `Dataset.from_generator`."""

    def __init__(self, generator: Callable[..., Any], args: Any, signature: Any):
        if not callable(generator):
            raise TypeError(
                "from_generator takes a function that returns an iterable, so that each pass begins anew, "
                f"but {generator!r} was given. Write `lambda: values`, or the function without ()."
            )
        self.generator = generator
        self.args = [tensors_of(arg) for arg in args or ()]
        super().__init__(element_spec_of(signature))

    def length(self) -> int:
        return UNKNOWN

    def plain_rows(self, run: Run) -> Iterator[Row]:
        checked = Checker("from_generator", self.element_spec).row
        given = self.generator(*(Tensor(host_array(arg)).numpy() for arg in self.args))
        try:
            values = iter(given)
        except TypeError:
            raise TypeError(
                f"from_generator: the function returned {given!r}, which cannot be iterated. It has to be a "
                "generator function (with `yield`) or to return an iterable."
            ) from None
        for value in values:
            yield checked(value)


class RandomNumbers(Stage):
    """Random int64 numbers without end; see `Dataset.random`."""

    def __init__(self, seed: int | None, rerandomize_each_iteration: bool | None):
        self._draws = Seeded(seed, bool(rerandomize_each_iteration))
        super().__init__(as_spec(dtypes.int64, ()))

    def length(self) -> int:
        return INFINITE

    def plain_rows(self, run: Run) -> Iterator[Row]:
        draw = self._draws.generator(run)
        while True:
            yield from ([value] for value in draw.integers(0, 2**32, 1024))
