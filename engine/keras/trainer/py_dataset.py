"""PyDataset: batches by number, from a class of one's own; several can be made at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import islice
from typing import Any


class PyDataset:
    """A source of whole batches. A subclass defines `__getitem__(number)` and `__len__()`.

    Args:
      workers: how many batches are made at a time.
      use_multiprocessing: make them in processes of their own (the dataset must be picklable), not threads.
      max_queue_size: how many are made ahead of training.

    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, number):
    ...         return [[number]], [[number**2]]
    >>> Squares().num_batches
    3
    """

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """The batch with this number: `(x,)`, `(x, y)` or `(x, y, sample_weight)`."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(index).")

    @property
    def num_batches(self) -> int | None:
        """The number of batches in an epoch; None for a dataset without an end."""
        if not hasattr(self, "__len__"):
            raise NotImplementedError(
                f"{type(self).__name__} must define __len__() or num_batches."
            )
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


def _item(dataset: PyDataset, number: int) -> Any:
    return dataset[number]


def ahead(dataset: PyDataset, order: Iterable[int]) -> Iterator[Any]:
    """The batches in this order; with workers, the next ones are in the making meanwhile."""
    workers = getattr(dataset, "workers", 1)  # a subclass may not have called __init__
    if workers <= 1 and not getattr(dataset, "use_multiprocessing", False):
        return map(dataset.__getitem__, order)
    return _in_parallel(dataset, order, max(workers, 1))


def _in_parallel(dataset: PyDataset, order: Iterable[int], workers: int) -> Iterator[Any]:
    pool: type[Executor] = (
        ProcessPoolExecutor if dataset.use_multiprocessing else ThreadPoolExecutor
    )
    numbers = iter(order)
    with pool(workers) as executor:  # type: ignore[call-arg]
        waiting: deque[Future[Any]] = deque()
        try:
            for number in islice(numbers, max(dataset.max_queue_size, workers)):
                waiting.append(executor.submit(_item, dataset, number))
            while waiting:
                batch = waiting.popleft().result()
                for number in islice(numbers, 1):
                    waiting.append(executor.submit(_item, dataset, number))
                yield batch
        finally:  # training may stop before the end
            for future in waiting:
                future.cancel()
