"""Dataset: what a user holds of a pipeline. Every method makes a new dataset and leaves this one alone.

Names, arguments and meaning are those of `tf.data.Dataset`. What the methods make are stages, in `sources`,
`transforms`, `grouping` and `combine`; how one goes over them is in `iteration`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import nest
from engine.control_flow import while_loop
from engine.data.beginnings import Beginnings
from engine.data.combine import Concatenate, Interleave, Zip, stages_of
from engine.data.elements import finisher
from engine.data.grouping import Batch, PaddedBatch, Unbatch, Window
from engine.data.iteration import DatasetInput, Iterator, NumpyIterator, Run, begin, loop_steps
from engine.data.options import Options
from engine.data.sources import Count
from engine.data.stage import INFINITE, UNKNOWN, Stage
from engine.data.transforms import (
    Cache,
    Filter,
    Fold,
    Map,
    Prefetch,
    Repeat,
    Scan,
    Shard,
    Shuffle,
    Skip,
    Take,
)
from engine.dispatch import context, init_scope
from engine.dtypes import int64
from engine.errors import InvalidArgumentError, OperatorNotAllowedInGraphError, UnimplementedError
from engine.ops.creation import constant
from engine.tensor import Tensor

AUTOTUNE = -1


class Dataset(Beginnings):
    """A sequence of elements, each a structure of tensors, made one at a time when somebody asks.

    Memory stays flat however many elements there are, but for what `shuffle` and `cache` keep and for the
    arrays of `from_tensor_slices`. Functions given to `map` and its like are traced once, as by
    `tf.function`. Pipelines run on the CPU; elements are then placed as by `tf.constant`.

    Differs from TensorFlow: `num_parallel_calls` and `deterministic` are accepted, and elements are made one
    after the other, in the order that `deterministic=True` means; `prefetch` moves the work to a thread. The
    order that a seed gives is another. As an argument of a `tf.function` a dataset shares the graph of others
    with its element_spec, as in TensorFlow; an iterator has a graph of its own. `variant_tensor`, the handle
    of a dataset that TensorFlow's runtime made, is no argument.

    >>> ds = Dataset.range(6).map(lambda x: x * x).batch(4)
    >>> for batch in ds:
    ...     print(batch.numpy())
    [0 1 4 9]
    [16 25]
    """

    def __init__(self, stage: Stage, options: Options | None = None):
        if not isinstance(stage, Stage):
            raise TypeError(
                "A dataset begins with Dataset.from_tensor_slices, from_tensors, from_generator or range."
            )
        self._stage = stage
        self._options = options or Options()

    def _then(self, stage: Stage) -> Dataset:
        return Dataset(stage, self._options)

    # --- several -------------------------------------------------------------------------------------

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """These elements, then those of another dataset.

        Raises:
          TypeError: when its elements are of another kind.
        """
        return self._then(Concatenate(self._stage, stages_of("concatenate", dataset)))

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: Any = None,
        block_length: Any = None,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """A dataset made of each element, `cycle_length` of them open at a time, in turn.

        At each turn one gives `block_length` elements. When it has no more, the next element is opened.

        Differs from TensorFlow: cycle_length is 8 by default, and not the number of cores of the machine.

        >>> ds = Dataset.range(2).interleave(lambda x: Dataset.from_tensors(x).repeat(2), cycle_length=2)
        >>> [x.numpy().item() for x in ds]
        [0, 1, 0, 1]
        """
        cycle = 8 if cycle_length is None or cycle_length == AUTOTUNE else cycle_length
        block = 1 if block_length is None else block_length
        for what, value in (("cycle_length", cycle), ("block_length", block)):
            if not isinstance(value, Tensor) and value < 1:
                raise InvalidArgumentError(
                    f"interleave: {what} must be at least 1, but is {value}."
                )
        return self._then(Interleave("Dataset.interleave", self._stage, map_func, cycle, block))

    def flat_map(self, map_func: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements of the datasets that a function makes of the elements.

        >>> ds = Dataset.range(4).window(3, shift=1, drop_remainder=True)
        >>> [batch.numpy().tolist() for batch in ds.flat_map(lambda window: window.batch(3))]
        [[0, 1, 2], [1, 2, 3]]
        """
        return self._then(Interleave("Dataset.flat_map", self._stage, map_func, 1, 1))

    # --- functions of elements ------------------------------------------------------------------------

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        synchronous: bool | None = None,
        use_unbounded_threadpool: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Each element through a function, which is traced once. A tuple comes as several arguments.

        The function returns a tensor, or a tuple or dict of them; a list becomes a tuple. Python code that
        needs values goes through `tf.numpy_function` or `tf.py_function`.

        >>> [x.numpy().item() for x in Dataset.range(3).map(lambda x: 2 * x - 1)]
        [-1, 1, 3]
        """
        return self._then(Map(self._stage, map_func))

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements for which `predicate` gives True.

        >>> [x.numpy().item() for x in Dataset.range(5).filter(lambda x: x % 2 == 1)]
        [1, 3]
        """
        return self._then(Filter(self._stage, predicate))

    def take_while(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements before the first for which `predicate` gives False."""
        return self._then(Filter(self._stage, predicate, stop=True))

    def scan(
        self, initial_state: Any, scan_func: Callable[..., Any], name: str | None = None
    ) -> Dataset:
        """Each element through `scan_func(state, element)`, which returns the new state and the output.

        >>> ds = Dataset.range(1, 4).scan(constant(0, int64), lambda total, x: (total + x, total + x))
        >>> [x.numpy().item() for x in ds]
        [1, 3, 6]
        """
        return self._then(Scan(self._stage, initial_state, scan_func))

    def reduce(
        self, initial_state: Any, reduce_func: Callable[..., Any], name: str | None = None
    ) -> Any:
        """The last state of `state = reduce_func(state, element)` over all elements.

        >>> Dataset.range(5).reduce(constant(0, int64), lambda total, x: total + x).numpy().item()
        10
        """
        if context.tracing:
            position, more, step = self.__autograph_for__()

            def body(at: Any, state: Any) -> Any:
                element, after = step(at)
                return after, reduce_func(state, element)

            return while_loop(lambda at, state: more(at), body, (position, initial_state))[1]
        with init_scope():
            fold = Fold("Dataset.reduce", self._stage, initial_state, reduce_func)
            state, function = fold.start, fold.function
            for row in self._stage.rows(Run()):
                state = function([*state, *row])
        return finisher(fold.spec)(state)

    # --- groups ---------------------------------------------------------------------------------------

    def batch(
        self,
        batch_size: Any,
        drop_remainder: bool = False,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """So many elements stacked into one, with a new first axis.

        The last batch may be smaller; `drop_remainder` leaves it out, which makes the size part of the shape.

        Raises:
          InvalidArgumentError: when elements of one batch differ in shape.
        """
        return self._then(Batch(self._stage, batch_size, drop_remainder))

    def padded_batch(
        self,
        batch_size: Any,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """As `batch`, for elements of different sizes: they are filled up at the end of each axis.

        Args:
          padded_shapes: the shape to fill up to, None (or -1) for the longest of the batch. By default the
            axes that vary are filled up to the longest.
          padding_values: what to fill up with; 0 or an empty string by default.

        Raises:
          DataLossError: when an element is larger than its padded shape.

        >>> ds = Dataset.range(1, 4).map(lambda n: constant([7, 7, 7])[:n])
        >>> [x.numpy().tolist() for x in ds.padded_batch(2)]
        [[[7, 0], [7, 7]], [[7, 7, 7]]]
        """
        stage = PaddedBatch(self._stage, batch_size, padded_shapes, padding_values, drop_remainder)
        return self._then(stage)

    def unbatch(self, name: str | None = None) -> Dataset:
        """Elements taken apart along their first axis.

        >>> [x.numpy().item() for x in Dataset.from_tensors([1, 2]).unbatch()]
        [1, 2]
        """
        return self._then(Unbatch(self._stage))

    def window(
        self,
        size: Any,
        shift: Any = None,
        stride: Any = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Datasets of `size` elements, `stride` apart; each begins `shift` (by default size) further on.

        An element with several parts becomes a dataset for each part. `flat_map` makes tensors of windows.
        """
        return self._then(Window(self._stage, size, shift, stride, drop_remainder))

    # --- choice and order -----------------------------------------------------------------------------

    def shuffle(
        self,
        buffer_size: Any,
        seed: Any = None,
        reshuffle_each_iteration: bool | None = True,
        name: str | None = None,
    ) -> Dataset:
        """A random order: each element is drawn evenly from a buffer of so many, which is then filled up.

        Only a buffer as large as the dataset gives every order the same chance. Each pass has another order,
        unless `reshuffle_each_iteration` is False. The same `seed`, or without one the same
        `tf.random.set_seed`, gives the same orders.

        >>> sorted(Dataset.range(5).shuffle(5).as_numpy_iterator()) == [0, 1, 2, 3, 4]
        True
        """
        anew = reshuffle_each_iteration is None or bool(reshuffle_each_iteration)
        return self._then(Shuffle(self._stage, buffer_size, seed, anew))

    def repeat(self, count: Any = None, name: str | None = None) -> Dataset:
        """The elements `count` times; without end for None or -1.

        >>> [x.numpy().item() for x in Dataset.range(2).repeat(2)]
        [0, 1, 0, 1]
        """
        return self._then(Repeat(self._stage, -1 if count is None else count))

    def take(self, count: Any, name: str | None = None) -> Dataset:
        """The first `count` elements; all of them for -1."""
        return self._then(Take(self._stage, count))

    def skip(self, count: Any, name: str | None = None) -> Dataset:
        """All but the first `count` elements; none for -1."""
        return self._then(Skip(self._stage, count))

    def shard(self, num_shards: Any, index: Any, name: str | None = None) -> Dataset:
        """Element number `index` of each group of `num_shards`: one of so many equal parts."""
        return self._then(Shard(self._stage, num_shards, index))

    def enumerate(self, start: Any = 0, name: str | None = None) -> Dataset:
        """Pairs (number, element).

        >>> [(i.numpy().item(), x.numpy()) for i, x in Dataset.from_tensor_slices(["a", "b"]).enumerate(1)]
        [(1, b'a'), (2, b'b')]
        """
        return self._then(Zip((Count(start, None, 1), self._stage)))

    # --- speed ----------------------------------------------------------------------------------------

    def cache(self, filename: str = "", name: str | None = None) -> Dataset:
        """The elements of the first complete pass, kept in memory for all later ones.

        A pass that is left early leaves nothing behind.
        """
        if filename:
            raise UnimplementedError(
                "cache keeps elements in memory; a file is not supported. Write cache() without a name."
            )
        return self._then(Cache(self._stage))

    def prefetch(self, buffer_size: Any, name: str | None = None) -> Dataset:
        """The same elements, up to `buffer_size` of them made ahead by a thread while you use the last one.

        AUTOTUNE means 2. The thread ends when the iterator is used up or dropped.
        """
        return self._then(Prefetch(self._stage, buffer_size))

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """`transformation_func(self)`, in a chain of methods."""
        made = transformation_func(self)
        if not isinstance(made, Dataset):
            raise TypeError(f"apply: the function must return a Dataset, but returned {made!r}.")
        return made

    def with_options(self, options: Options, name: str | None = None) -> Dataset:
        """The same with these options, over those set before. They are kept, and change nothing."""
        return Dataset(self._stage, self._options.merge(options))

    def options(self) -> Options:
        """The options set so far."""
        return self._options

    # --- what is in it --------------------------------------------------------------------------------

    @property
    def element_spec(self) -> Any:
        """The TensorSpecs of an element, in its structure.

        >>> Dataset.range(9).batch(2).element_spec
        TensorSpec(shape=(None,), dtype=tf.int64, name=None)
        """
        return nest.map_structure(lambda spec: spec, self._stage.element_spec)

    def cardinality(self) -> Tensor:
        """The number of elements as an int64 tensor; INFINITE_CARDINALITY, or UNKNOWN_CARDINALITY if only a
        pass would tell."""
        return constant(self._stage.length(), int64)

    def get_single_element(self, name: str | None = None) -> Any:
        """The element of a dataset that has exactly one.

        Raises:
          InvalidArgumentError: when it has none or several.
        """
        rows = iter(self)
        first = next(rows, None)
        if first is None or next(rows, None) is not None:
            how = "is empty" if first is None else "has more than one element"
            raise InvalidArgumentError(
                f"get_single_element: the dataset {how}. Use take(1), or batch it into one element."
            )
        return first

    def as_numpy_iterator(self) -> NumpyIterator:
        """An iterator over the elements as NumPy arrays; strings come as bytes."""
        return NumpyIterator(self)

    def _settled(self, what: str) -> Stage:
        if self._stage.is_open or context.tracing:
            raise OperatorNotAllowedInGraphError(
                f"{what}: a function is being traced, and Python would go over the dataset meanwhile. Use a "
                "`for` statement over it, which becomes a loop of the graph, or reduce."
            )
        return self._stage

    def __iter__(self) -> Iterator:
        return Iterator(self._settled("iter(dataset)"))

    def __len__(self) -> int:
        length = self._stage.length()
        if length == INFINITE:
            raise TypeError("The dataset is infinite. Use take(n), or cardinality().")
        if length == UNKNOWN:
            raise TypeError(
                "The length of the dataset is unknown: only a pass over it would tell. Use cardinality(), or "
                "reduce to count."
            )
        return length

    def __bool__(self) -> bool:
        return True  # without asking for the length, which may be unknown

    @property
    def is_never_empty(self) -> bool:
        """Whether it surely has an element, as far as can be known without a pass."""
        return self._stage.length() > 0 or self._stage.length() == INFINITE

    def __autograph_for__(self) -> Any:
        """A `for` in a traced function: state, test and step; see `engine.autograph.iterables`."""
        return loop_steps(begin(self._stage), self._stage.element_spec)

    def __graph_input__(self) -> Any:
        """An argument of a `tf.function`. One that holds tensors of a trace stays what it is."""
        return self if self._stage.is_open else DatasetInput(self._stage)

    def __repr__(self) -> str:
        return f"<tf.data.Dataset element_spec={self._stage.element_spec}>"
