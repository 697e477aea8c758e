"""The layers that give the features of each example another shape or order. The batch axis stays."""

from __future__ import annotations

from typing import Any

from engine.keras import config
from engine.keras.input_spec import InputSpec
from engine.keras.layer import Layer
from engine.ops.joining import tile
from engine.ops.layout import expand_dims, reshape, sizes, transpose
from engine.spec import element_count, whole
from engine.tensor import Tensor

__all__ = ["Flatten", "Permute", "RepeatVector", "Reshape"]


def standardize_data_format(data_format: str | None) -> str:
    """'channels_last' or 'channels_first'; None means `tf.keras.config.image_data_format()`.

    Raises:
      ValueError: for anything else.
    """
    name = config.image_data_format() if data_format is None else str(data_format).lower()
    if name not in ("channels_last", "channels_first"):
        raise ValueError(
            f"data_format must be 'channels_last' or 'channels_first', not {data_format!r}."
        )
    return name


def _batch(inputs: Tensor, rest: list[Any]) -> Any:
    """The first size for a reshape: -1 leaves it open where it is not known, if nothing else is."""
    size = inputs.shape[0]
    if size is None:
        return -1 if all(isinstance(n, int) and n > 0 for n in rest) else sizes(inputs)[0]
    return size


class Flatten(Layer):
    """All axes but the first joined into one: `(batch, a, b)` gives `(batch, a * b)`.

    Args:
      data_format: with 'channels_first', axis 1 is moved to the end first, so that both formats give the
        same order.

    >>> import engine as tf
    >>> tf.keras.layers.Flatten()(tf.ones([2, 3, 4])).shape
    TensorShape([2, 12])
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Tensor) -> Tensor:
        """The same elements in two axes."""
        if self.data_format == "channels_first" and inputs.ndim > 1:
            inputs = transpose(inputs, [0, *range(2, inputs.ndim), 1])
        rest = inputs.shape[1:].as_list()
        size = -1 if None in rest else element_count(rest)
        return reshape(inputs, [_batch(inputs, [size]), size])


class Reshape(Layer):
    """The features of each example in another shape.

    Args:
      target_shape: without the batch axis; one size may be -1, and is worked out.

    Raises:
      ValueError: for more than one -1, or another negative size.

    >>> import engine as tf
    >>> tf.keras.layers.Reshape((3, -1))(tf.ones([2, 12])).shape
    TensorShape([2, 3, 4])
    """

    _built_by_init = True

    def __init__(self, target_shape: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.target_shape = tuple(whole(size, "A size") for size in target_shape)
        if min(self.target_shape, default=0) < -1 or self.target_shape.count(-1) > 1:
            raise ValueError(
                f"Reshape: the sizes of target_shape are 0 or more, and one may be -1, but "
                f"{self.target_shape} was given."
            )

    def call(self, inputs: Tensor) -> Tensor:
        """The same elements in the new shape."""
        wanted, rest = list(self.target_shape), inputs.shape[1:].as_list()
        if -1 in wanted and None not in rest:
            fixed = element_count(size for size in wanted if size != -1)
            have = element_count(rest)
            if fixed == 0 or have % fixed:
                raise ValueError(
                    f"Reshape: {have} features an example, of shape {tuple(rest)}, cannot be arranged as "
                    f"{self.target_shape}: {have} is no multiple of {fixed}."
                )
            wanted[wanted.index(-1)] = have // fixed
        elif None not in rest and element_count(wanted) != element_count(rest):
            raise ValueError(
                f"Reshape: {element_count(rest)} features an example, of shape {tuple(rest)}, cannot be "
                f"arranged as {self.target_shape}, which holds {element_count(wanted)}."
            )
        return reshape(inputs, [_batch(inputs, wanted), *wanted])


class Permute(Layer):
    """The axes of each example in another order.

    Args:
      dims: the old axis at each new place, counted from 1: (2, 1) swaps the first two.

    >>> import engine as tf
    >>> tf.keras.layers.Permute((2, 1))(tf.ones([2, 3, 4])).shape
    TensorShape([2, 4, 3])
    """

    def __init__(self, dims: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Permute: dims names each axis from 1 to the number of axes once (0 is the batch, which "
                f"stays), but {self.dims} was given."
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Tensor) -> Tensor:
        """The same elements, axes reordered."""
        return transpose(inputs, [0, *self.dims])


class RepeatVector(Layer):
    """Each example n times in a row: `(batch, features)` gives `(batch, n, features)`.

    Args:
      n: a positive integer.

    >>> import engine as tf
    >>> tf.keras.layers.RepeatVector(2)([[1.0, 2.0]]).numpy().tolist()
    [[[1.0, 2.0], [1.0, 2.0]]]
    """

    def __init__(self, n: int, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(n, int) or isinstance(n, bool):
            raise TypeError(f"RepeatVector: n must be an integer, not {n!r}.")
        if n <= 0:
            raise ValueError(f"RepeatVector: n must be positive, not {n}.")
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Tensor) -> Tensor:
        """The copies, along a new axis 1."""
        return tile(expand_dims(inputs, 1), [1, self.n, 1])
