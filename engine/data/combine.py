"""Datasets out of several: zip, concatenate, flat_map, interleave, and a choice between datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from engine import nest
from engine.data.elements import DatasetSpec, common_spec, is_stage
from engine.data.iteration import Run
from engine.data.picks import Block, Paired, Source, side_by_side
from engine.data.stage import INFINITE, UNKNOWN, Row, Seeded, Stage
from engine.data.traced import Traced, arguments_of, now
from engine.errors import InvalidArgumentError


class Zip(Stage):
    """Elements side by side, as long as the shortest lasts."""

    def __init__(self, structure: Any):
        self.parts: list[Stage] = nest.flatten(structure)
        if not self.parts:
            raise ValueError("Dataset.zip: no dataset was given.")
        super().__init__(
            nest.pack_sequence_as(structure, [part.element_spec for part in self.parts])
        )

    def length(self) -> int:
        lengths = [part.length() for part in self.parts]
        known = [length for length in lengths if length >= 0]
        if UNKNOWN in lengths:
            return 0 if 0 in known else UNKNOWN
        return min(known) if known else INFINITE

    def source(self) -> Source | None:
        sources = [part.source() for part in self.parts]
        found = [source for source in sources if source is not None]
        return Paired(found) if len(found) == len(sources) else None

    def picks(self, run: Run) -> Iterator[Block]:
        return side_by_side([part.picks(run) for part in self.parts])

    def plain_rows(self, run: Run) -> Iterator[Row]:
        for rows in zip(*(part.rows(run) for part in self.parts), strict=False):
            yield [value for row in rows for value in row]


class Concatenate(Stage):
    """The elements of one after those of another."""

    def __init__(self, first: Stage, second: Stage):
        self.parts = [first, second]
        super().__init__(common_spec("concatenate", first.element_spec, second.element_spec))

    def length(self) -> int:
        lengths = [part.length() for part in self.parts]
        if INFINITE in lengths:
            return INFINITE
        return UNKNOWN if UNKNOWN in lengths else sum(lengths)

    def plain_rows(self, run: Run) -> Iterator[Row]:
        for part in self.parts:
            yield from part.rows(run)


class Interleave(Stage):
    """A dataset made of each element, several of them open at a time, block by block in turn.

    With one open at a time it is flat_map.
    """

    def __init__(
        self,
        what: str,
        before: Stage,
        function: Callable[..., Any],
        cycle_length: Any,
        block_length: Any,
    ):
        self.before, self.cycle, self.block = before, cycle_length, block_length
        self.function = Traced(what, function, *arguments_of(before.element_spec))
        spec = self.function.element_spec
        if not isinstance(spec, DatasetSpec):
            raise TypeError(
                f"{what}: the function must return a dataset, but {self.function.name!r} returns {spec}. For "
                "tensors use map, or return tf.data.Dataset.from_tensors(...)."
            )
        super().__init__(spec.element_spec)

    def length(self) -> int:
        return UNKNOWN

    def plain_rows(self, run: Run) -> Iterator[Row]:
        inputs = self.before.rows(run)
        opened: list[Iterator[Row] | None] = [None] * now(self.cycle, "interleave")
        block, turn, taken, over = now(self.block, "interleave"), 0, 0, False
        while not over or any(rows is not None for rows in opened):
            rows = opened[turn]
            if rows is None and not over:
                row = next(inputs, None)
                over = row is None
                if row is not None:
                    rows = opened[turn] = self.function(row)[0].rows(run)
            if rows is not None:
                made = next(rows, None)
                if made is not None:
                    yield made
                    taken += 1
                    if taken < block:
                        continue
                else:
                    opened[turn] = None
            turn, taken = (turn + 1) % len(opened), 0


class Choose(Stage):
    """The next element of that dataset whose number the choices name."""

    def __init__(self, parts: list[Stage], choices: Stage, stop_on_empty: bool):
        self.parts, self.choices, self.stop = parts, choices, stop_on_empty
        spec = parts[0].element_spec
        for part in parts[1:]:
            spec = common_spec("choose_from_datasets", spec, part.element_spec)
        super().__init__(spec)

    def length(self) -> int:
        lengths = [part.length() for part in self.parts]
        if all(length == INFINITE for length in lengths) and self.choices.length() == INFINITE:
            return INFINITE
        return UNKNOWN

    def plain_rows(self, run: Run) -> Iterator[Row]:
        opened: list[Iterator[Row] | None] = [part.rows(run) for part in self.parts]
        for (number,) in self.choices.rows(run):
            if not 0 <= number < len(opened):
                raise InvalidArgumentError(
                    f"choose_from_datasets: datasets are 0 to {len(opened) - 1}, and {number} was chosen."
                )
            rows = opened[int(number)]
            row = None if rows is None else next(rows, None)
            if row is not None:
                yield row
                continue
            if self.stop:
                return
            opened[int(number)] = None
            if not any(rows is not None for rows in opened):
                return


class Sample(Choose):
    """Each element from a dataset drawn at random, in proportion to weights."""

    def __init__(
        self, parts: list[Stage], weights: Any, seed: Any, stop_on_empty: bool, anew: bool
    ):
        given = np.ones(len(parts)) if weights is None else np.asarray(weights, np.float64)
        if given.shape != (len(parts),) or (given < 0).any() or not given.sum() > 0:
            raise ValueError(
                f"sample_from_datasets: one weight, not negative, is needed for each of the {len(parts)} "
                f"datasets, and one above 0, but weights={weights!r}."
            )
        self.weights = given / given.sum()
        self.draws = Seeded(seed, anew)
        super().__init__(parts, parts[0], stop_on_empty)

    def length(self) -> int:
        pairs = zip(self.parts, self.weights, strict=True)
        lengths = [part.length() for part, weight in pairs if weight > 0]
        if len(lengths) == 1:
            return lengths[0]
        endless = [length == INFINITE for length in lengths]
        return INFINITE if all(endless) or (any(endless) and not self.stop) else UNKNOWN

    def plain_rows(self, run: Run) -> Iterator[Row]:
        draw = self.draws.generator(run)
        opened = [part.rows(run) for part in self.parts]
        weights = self.weights.copy()
        numbers: list[int] = []
        while weights.sum() > 0:
            if not numbers:
                numbers = draw.choice(len(opened), 256, p=weights / weights.sum()).tolist()
            number = numbers.pop()
            row = next(opened[number], None)
            if row is not None:
                yield row
            elif self.stop:
                return
            else:  # the others share its part from now on
                weights[number], numbers = 0.0, []


def stages_of(what: str, datasets: Any) -> Any:
    """A structure of datasets as one of their stages.

    Raises:
      TypeError: when something else is in it, or they stand in a list.
    """
    from engine.data.elements import tensors_of

    if isinstance(datasets, list):
        raise TypeError(
            f"{what}: datasets stand in a tuple or dict, not in a list: write {what}(a, b) or {what}((a, b))."
        )
    if isinstance(datasets, tuple):
        parts = [stages_of(what, part) for part in datasets]
        return type(datasets)(*parts) if hasattr(datasets, "_fields") else tuple(parts)
    if isinstance(datasets, dict):
        return {key: stages_of(what, part) for key, part in datasets.items()}
    if not isinstance(getattr(datasets, "_stage", None), Stage):
        raise TypeError(f"{what} takes datasets, but {datasets!r} was given.")
    stage = tensors_of(datasets)
    assert is_stage(stage)
    return stage
