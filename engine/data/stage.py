"""Stage: one step of a pipeline, and what it owes the others. A new source or transformation is one class.

A stage is made once and gone over many times. It keeps no place in itself: every pass is a chain of
generators of its own.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import InvalidArgumentError

if TYPE_CHECKING:
    from engine.data.iteration import Run
    from engine.data.picks import Block, Source

Row = list[Any]

INFINITE, UNKNOWN = -1, -2  # lengths that are no number


class Stage:
    """One step of a pipeline.

    A subclass says in `length` how many rows it has, and gives them in `plain_rows`; or, where it only
    chooses among rows of a `source` that has them by number, in `picks`.

    is_open: it is a plan of a traced function, in which a tensor or dataset is still to come.
    stands_in: it is itself such a place.
    """

    is_open = False
    stands_in = False

    def __init__(self, element_spec: Any):
        from engine.data.traced import open_places

        self.element_spec = element_spec
        self.is_open = any(True for _ in open_places(list(vars(self).values())))

    def settled(self) -> None:
        """Called when open places have been filled."""

    def length(self) -> int:
        """The number of rows, INFINITE or UNKNOWN."""
        raise NotImplementedError

    def source(self) -> Source | None:
        """What has the rows by number, if they can be had so now."""
        return None

    def picks(self, run: Run) -> Iterator[Block]:
        """The numbers of the rows, in order. Asked only where there is a source."""
        raise NotImplementedError

    def plain_rows(self, run: Run) -> Iterator[Row]:
        """The rows, one after the other. Asked only where there is no source."""
        raise NotImplementedError

    def rows(self, run: Run) -> Iterator[Row]:
        """The rows of one pass, in the best way there is."""
        source = self.source()
        if source is None:
            return self.plain_rows(run)
        return itertools.chain.from_iterable(map(source.rows, self.picks(run)))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.element_spec}>"


class Seeded:
    """The random numbers of one stage: a generator for each time it begins.

    Without a seed, one is drawn from `tf.random`'s global generator, so `tf.random.set_seed` decides.
    """

    def __init__(self, seed: Any, anew: bool):
        from engine.dispatch import init_scope
        from engine.ops import random

        with init_scope():
            drawn = random.uniform([], 0, 2**62, "int64") if seed is None else seed
            self.seed = int(drawn) & (2**64 - 1)
        self.anew = anew
        self._begun = 0
        self._lock = threading.Lock()

    def count_beginning(self) -> int:
        """One more beginning; returns how many there were."""
        with self._lock:
            self._begun += 1
            return self._begun - 1

    def generator(self, run: Run) -> np.random.Generator:
        """The generator for one beginning: another each time, if `anew`."""
        number = run.beginning(self) if self.anew else 0
        return np.random.default_rng([self.seed, number])


class StandIn(Stage):
    """The place of a dataset that is the argument of a traced function.

    symbol: of a `tf.function`, the input of the graph that will be the dataset.
    """

    stands_in = True

    def __init__(self, element_spec: Any, symbol: Any = None):
        super().__init__(element_spec)
        self.is_open, self.symbol = True, symbol

    def length(self) -> int:
        return UNKNOWN

    def plain_rows(self, run: Run) -> Iterator[Row]:
        raise InvalidArgumentError(
            "A dataset that is an element of another has no rows while a function is traced. Transform and "
            "return it; to reduce it to a tensor, use batch in flat_map."
        )
        yield
