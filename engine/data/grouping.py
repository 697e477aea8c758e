"""Several elements in one: batch, padded_batch and window, and unbatch, which takes them apart."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from engine import nest
from engine.data.elements import DatasetSpec, batched_spec, is_stage, stacked
from engine.data.iteration import Run
from engine.data.picks import Arrays, regrouped
from engine.data.sources import Rowwise, Stacked
from engine.data.stage import UNKNOWN, Row, Stage
from engine.data.traced import now
from engine.data.transforms import Of, positive
from engine.errors import DataLossError, InvalidArgumentError
from engine.graph.graph import SymbolicTensor
from engine.ops.creation import convert
from engine.spec import Dims, TensorShape, TensorSpec, show
from engine.tensor import Tensor


class Batch(Of):
    """So many elements stacked into one."""

    def __init__(self, before: Stage, size: Any, drop_remainder: bool):
        self.size, self.drop = size, bool(drop_remainder)
        known = None if isinstance(size, SymbolicTensor) else positive(size, "batch: batch_size")
        super().__init__(before, batched_spec(before.element_spec, known if self.drop else None))

    def length(self) -> int:
        rows = self.before.length()
        if rows < 0 or isinstance(self.size, SymbolicTensor):
            return rows if rows < 0 else UNKNOWN
        size = now(self.size, "batch")
        return rows // size if self.drop else -(-rows // size)

    def plain_rows(self, run: Run) -> Iterator[Row]:
        size = positive(self.size, "batch: batch_size")
        source = self.before.source()
        if source is not None:
            for block in regrouped(self.before.picks(run), size, self.drop):
                yield source.take(block)
            return
        for rows in gathered(self.before.rows(run), size, self.drop):
            yield [
                stacked(column, i) for i, column in enumerate(map(list, zip(*rows, strict=True)))
            ]


def gathered(rows: Iterator[Row], size: int, drop: bool) -> Iterator[list[Row]]:
    """Rows in groups of one size; the last may be smaller, or is left out."""
    group: list[Row] = []
    for row in rows:
        group.append(row)
        if len(group) == size:
            yield group
            group = []
    if group and not drop:
        yield group


class Unbatch(Of):
    """Each element's rows along the first axis."""

    def __init__(self, before: Stage):
        leaves = nest.flatten(before.element_spec)
        for leaf in leaves:
            if isinstance(leaf, DatasetSpec) or leaf.rank == 0:
                raise ValueError(
                    f"unbatch goes along the first axis, and {leaf} has none. Leave unbatch out."
                )
        self.known = next((s.dims[0] for s in leaves if s.dims and s.dims[0] is not None), None)
        specs = [TensorSpec(None if s.dims is None else s.dims[1:], s.dtype) for s in leaves]
        super().__init__(before, nest.pack_sequence_as(before.element_spec, specs))

    def length(self) -> int:
        batches = self.before.length()
        if batches < 0:
            return batches
        return UNKNOWN if self.known is None else batches * self.known

    def plain_rows(self, run: Run) -> Iterator[Row]:
        for row in self.before.rows(run):
            counts = {len(array) for array in row}
            if len(counts) > 1:
                raise InvalidArgumentError(
                    "unbatch: all parts of an element must have one length along the first axis, but here "
                    f"they have {', '.join(str(len(array)) for array in row)}."
                )
            source = Arrays(row)
            yield from source.rows((range(counts.pop()),))


class Window(Of):
    """Datasets of so many elements each."""

    def __init__(self, before: Stage, size: Any, shift: Any, stride: Any, drop_remainder: bool):
        self.size, self.stride, self.drop = size, stride, bool(drop_remainder)
        self.shift = size if shift is None else shift
        if not any(isinstance(v, SymbolicTensor) for v in (size, self.shift, stride)):
            self._checked()
        spec = nest.map_structure(DatasetSpec, before.element_spec)
        super().__init__(before, spec)

    def _checked(self) -> tuple[int, int, int]:
        return (
            positive(self.size, "window: size"),
            positive(self.shift, "window: shift"),
            positive(self.stride, "window: stride"),
        )

    def length(self) -> int:
        rows = self.before.length()
        if rows < 0 or self.is_open:
            return rows if rows < 0 else UNKNOWN
        size, shift, stride = self._checked()
        if not self.drop:
            return -(-rows // shift)
        reach = (size - 1) * stride + 1
        return 0 if rows < reach else (rows - reach) // shift + 1

    def plain_rows(self, run: Run) -> Iterator[Row]:
        size, shift, stride = self._checked()
        reach = (size - 1) * stride + 1
        rows = self.before.rows(run)
        specs = nest.flatten(self.before.element_spec)
        held: deque[Row] = deque()
        over = False
        while True:
            while len(held) < reach and not over:
                row = next(rows, None)
                over = row is None
                if row is not None:
                    held.append(row)
            if not held or (self.drop and len(held) < reach):
                return
            columns = zip(*list(held)[::stride], strict=True)
            yield [_as_stage(c, spec) for c, spec in zip(columns, specs, strict=True)]
            for _ in range(min(shift, len(held))):
                held.popleft()
            for _ in range(shift - reach if not over else 0):  # rows between two windows
                over = over or next(rows, None) is None


def _as_stage(values: tuple[Any, ...], spec: Any) -> Stage:
    """Values of one component of an element, as a dataset."""
    first = values[0]
    if is_stage(first) or any(value.shape != first.shape for value in values):
        return Rowwise([[value] for value in values], spec)
    return Stacked(stacked(list(values)), spec)


class PaddedBatch(Of):
    """So many elements in one, padded at the end of each axis."""

    def __init__(self, before: Stage, size: Any, shapes: Any, values: Any, drop_remainder: bool):
        self.before, self.size, self.drop = before, size, bool(drop_remainder)
        known = (
            None if isinstance(size, SymbolicTensor) else positive(size, "padded_batch: batch_size")
        )
        self.leaves = nest.flatten(before.element_spec)
        for leaf in self.leaves:
            if isinstance(leaf, DatasetSpec) or (leaf.dims is None and shapes is None):
                raise ValueError(
                    f"padded_batch: {leaf} has an unknown number of axes. Give padded_shapes, with None for "
                    "each axis that is to be as long as the longest of the batch."
                )
        self.shapes = self._shapes(shapes)
        self.fill = self._values(values)
        count = known if self.drop else None
        specs = [
            TensorSpec((count, *dims), leaf.dtype)
            for dims, leaf in zip(self.shapes, self.leaves, strict=True)
        ]
        super().__init__(before, nest.pack_sequence_as(before.element_spec, specs))

    def _shapes(self, shapes: Any) -> list[Dims]:
        """The shape to pad each leaf to, None for 'as the longest'."""
        if shapes is None:
            return [leaf.dims for leaf in self.leaves]
        found = []
        for leaf, given in zip(self.leaves, _parts(self.before.element_spec, shapes), strict=True):
            listed = [int(d) for d in given.numpy()] if isinstance(given, Tensor) else given
            listed = listed.as_list() if isinstance(listed, TensorShape) else listed
            dims = tuple(None if d is None or d == -1 else int(d) for d in listed)
            if leaf.dims is not None and (
                len(dims) != len(leaf.dims)
                or any(
                    None not in (d, have) and d < have
                    for d, have in zip(dims, leaf.dims, strict=True)
                )
            ):
                raise ValueError(
                    f"padded_batch: an element of shape {show(leaf.dims)} cannot be padded to {show(dims)}. "
                    "Give one size an axis, none smaller than the element's, or None."
                )
            found.append(dims)
        return found

    def _values(self, values: Any) -> list[Any]:
        """What to fill up with, for each leaf: 0, or an empty string."""
        structure = self.before.element_spec
        given: list[Any] = [None] * len(self.leaves)
        if values is not None:
            alone = not nest.is_nested(values)
            given = [values] * len(given) if alone else nest.flatten_up_to(structure, values)
        found = []
        for leaf, value in zip(self.leaves, given, strict=True):
            if value is None:
                found.append(
                    b"" if leaf.dtype.name == "string" else leaf.dtype.as_numpy_dtype.type(0)
                )
                continue
            tensor = convert(value, hint=leaf.dtype)
            if tensor.dtype is not leaf.dtype or tensor.shape.rank:
                raise TypeError(
                    f"padded_batch: the padding value for a {leaf.dtype.name} component must be one "
                    f"{leaf.dtype.name} number, but is {value!r}."
                )
            found.append(tensor.numpy())
        return found

    def length(self) -> int:
        rows = self.before.length()
        if rows < 0 or isinstance(self.size, SymbolicTensor):
            return rows if rows < 0 else UNKNOWN
        size = now(self.size, "padded_batch")
        return rows // size if self.drop else -(-rows // size)

    def plain_rows(self, run: Run) -> Iterator[Row]:
        size = positive(self.size, "padded_batch: batch_size")
        for rows in gathered(self.before.rows(run), size, self.drop):
            columns = zip(*rows, strict=True)
            yield [
                _padded(list(column), dims, fill)
                for column, dims, fill in zip(columns, self.shapes, self.fill, strict=True)
            ]


def _parts(structure: Any, shapes: Any) -> list[Any]:
    """The shape for each leaf: lists, tuples and TensorShapes of numbers are shapes, not structure."""
    if not nest.is_nested(structure):
        return [shapes]
    if isinstance(structure, dict):
        if not isinstance(shapes, dict) or set(shapes) != set(structure):
            raise TypeError(f"padded_batch: padded_shapes needs the keys {sorted(structure)}.")
        pairs = [(structure[key], shapes[key]) for key in sorted(structure)]
    else:
        if not isinstance(shapes, (tuple, list)) or len(shapes) != len(structure):
            raise TypeError(
                f"padded_batch: the elements are nested as {structure}, and padded_shapes must be nested "
                f"in the same way, but is {shapes!r}."
            )
        pairs = list(zip(structure, shapes, strict=True))
    return [part for one, other in pairs for part in _parts(one, other)]


def _padded(values: list[Any], dims: Dims, fill: Any) -> Any:
    shapes = [np.shape(value) for value in values]
    longest = [max(sizes) for sizes in zip(*shapes, strict=True)]
    wanted = [most if size is None else size for size, most in zip(dims, longest, strict=True)]
    if any(most > size for most, size in zip(longest, wanted, strict=True)):
        raise DataLossError(
            f"padded_batch: an element of shape {show(tuple(longest))} does not fit padded_shapes="
            f"{show(dims)}. Give a larger size, or None for the size of the longest."
        )
    made = np.full((len(values), *wanted), fill, values[0].dtype)
    for place, (value, shape) in enumerate(zip(values, shapes, strict=True)):
        region: Any = (place, *map(slice, shape))
        made[region] = value
    return made
