"""How a dataset begins: from tensors, a generator or a count, and out of several datasets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import nest
from engine.data.combine import Choose, Sample, Zip, stages_of
from engine.data.elements import as_spec
from engine.data.sources import Count, Generator, RandomNumbers, Single, Slices
from engine.data.stage import Stage
from engine.dtypes import int64
from engine.tensor import Tensor


class Beginnings:
    """The class methods of Dataset that make one."""

    def __init__(self, stage: Stage):
        raise NotImplementedError

    @classmethod
    def from_tensor_slices(cls, tensors: Any, name: str | None = None) -> Any:
        """The rows of tensors along their first axis.

        Args:
          tensors: an array or tensor, or a tuple or dict of them, of one length along the first axis.

        Raises:
          ValueError: for a tensor without axes, or for different lengths.

        >>> from engine.data import Dataset
        >>> for x, y in Dataset.from_tensor_slices(([1, 2], ["a", "b"])):
        ...     print(x.numpy(), y.numpy())
        1 b'a'
        2 b'b'
        """
        return cls(Slices(tensors))

    @classmethod
    def from_tensors(cls, tensors: Any, name: str | None = None) -> Any:
        """One element, which is all that is given.

        >>> from engine.data import Dataset
        >>> len(Dataset.from_tensors([1, 2, 3]))
        1
        """
        return cls(Single(tensors))

    @classmethod
    def from_generator(
        cls,
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Any:
        """What a Python function yields; it is called anew for each pass.

        Args:
          generator: a function that returns an iterable.
          args: tensors for it; it gets NumPy arrays.
          output_signature: a TensorSpec, or a tuple or dict of them: what it yields.
          output_types, output_shapes: the older way to say that.

        What is yielded is checked. Differs from TensorFlow: a fraction is not cut off for an integer dtype.

        Raises:
          InvalidArgumentError: when the pass comes to an element that does not fit the signature.

        >>> from engine.data import Dataset
        >>> ds = Dataset.from_generator(lambda: [1.5, 2.5], output_signature=as_spec("float32", ()))
        >>> [x.numpy().item() for x in ds]
        [1.5, 2.5]
        """
        if output_signature is None:
            if output_types is None:
                raise TypeError(
                    "from_generator needs output_signature, for example tf.TensorSpec((), tf.float32)."
                )
            types = nest.flatten(output_types)
            shapes = (
                [None] * len(types)
                if output_shapes is None
                else nest.flatten_up_to(output_types, output_shapes)
            )
            pairs = zip(types, shapes, strict=True)
            output_signature = nest.pack_sequence_as(
                output_types, [as_spec(*pair) for pair in pairs]
            )
        elif output_types is not None or output_shapes is not None:
            raise TypeError("from_generator: give output_signature or output_types, not both.")
        return cls(Generator(generator, args, output_signature))

    @classmethod
    def range(cls, *args: Any, **kwargs: Any) -> Any:
        """Whole numbers from start (0 by default) up to stop: `range([start,] stop[, step])`, as in Python.

        `output_type` is int64 by default.

        >>> from engine.data import Dataset
        >>> [x.numpy().item() for x in Dataset.range(1, 8, 3)]
        [1, 4, 7]
        """
        unknown = set(kwargs) - {"output_type", "name"}
        if not 1 <= len(args) <= 3 or unknown:
            raise TypeError(
                "Dataset.range takes (stop), (start, stop) or (start, stop, step), and output_type."
            )
        start, stop, step = (0, *args, 1) if len(args) == 1 else (*args, 1)[:3]
        return cls(Count(start, stop, step, kwargs.get("output_type", int64)))

    @classmethod
    def counter(
        cls, start: Any = 0, step: Any = 1, dtype: Any = int64, name: str | None = None
    ) -> Any:
        """Whole numbers without end.

        >>> from engine.data import Dataset
        >>> [x.numpy().item() for x in Dataset.counter(10, -1).take(3)]
        [10, 9, 8]
        """
        return cls(Count(start, None, step, dtype))

    @classmethod
    def random(
        cls,
        seed: int | None = None,
        rerandomize_each_iteration: bool | None = None,
        name: str | None = None,
    ) -> Any:
        """Random int64 numbers from 0 to 2**32 - 1, without end."""
        return cls(RandomNumbers(seed, rerandomize_each_iteration))

    @classmethod
    def zip(cls, *args: Any, datasets: Any = None, name: str | None = None) -> Any:
        """Elements of several datasets side by side, as long as the shortest: `zip(a, b)`, `zip({"x": a})`.

        >>> from engine.data import Dataset
        >>> pairs = Dataset.zip(Dataset.range(9), Dataset.range(5, 7))
        >>> [(a.item(), b.item()) for a, b in pairs.as_numpy_iterator()]
        [(0, 5), (1, 6)]
        """
        given = datasets if not args else args[0] if len(args) == 1 else args
        return cls(Zip(stages_of("Dataset.zip", given)))

    @classmethod
    def sample_from_datasets(
        cls,
        datasets: Any,
        weights: Any = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Any:
        """Each element from one of the datasets, drawn with these weights (evenly without).

        With `stop_on_empty_dataset` it ends when a dataset that was drawn has no more, else when none has.
        """
        parts = _listed("sample_from_datasets", datasets)
        if isinstance(weights, Tensor):
            weights = weights.numpy()
        anew = bool(rerandomize_each_iteration)
        return cls(Sample(parts, weights, seed, stop_on_empty_dataset, anew))

    @classmethod
    def choose_from_datasets(
        cls, datasets: Any, choice_dataset: Any, stop_on_empty_dataset: bool = True
    ) -> Any:
        """Each element from the dataset whose number `choice_dataset` names (int64 scalars).

        >>> from engine.data import Dataset
        >>> parts = [Dataset.from_tensors(letter).repeat() for letter in "ab"]
        >>> choices = Dataset.range(2).repeat(2)
        >>> b"".join(Dataset.choose_from_datasets(parts, choices).as_numpy_iterator())
        b'abab'
        """
        parts = _listed("choose_from_datasets", datasets)
        choices = stages_of("choose_from_datasets", choice_dataset)
        if choices.element_spec != as_spec(int64, ()):
            raise TypeError(
                "choose_from_datasets: choice_dataset must give int64 scalars, but gives "
                f"{choices.element_spec}."
            )
        return cls(Choose(parts, choices, stop_on_empty_dataset))


def _listed(what: str, datasets: Any) -> list[Stage]:
    if not isinstance(datasets, (list, tuple)) or not datasets:
        raise ValueError(
            f"{what} takes a list of at least one dataset, but {datasets!r} was given."
        )
    return [stages_of(what, dataset) for dataset in datasets]
