"""Layers that prepare numbers: scaling, normalizing, and categories or ranges as vectors of 0 and 1.

What they have to know of the data beforehand, `adapt` finds out; it is called once, before training.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from engine.keras import config
from engine.keras.layer import Layer
from engine.ops.creation import convert
from engine.ops.elementwise import cast, maximum, sqrt
from engine.ops.layout import broadcast_to, expand_dims, reshape, shape, squeeze
from engine.ops.ordering import searchsorted
from engine.ops.reduce import reduce_max, reduce_sum
from engine.ops.sequences import one_hot
from engine.tensor import Tensor
from engine.variable import Variable

__all__ = ["CategoryEncoding", "Discretization", "Normalization", "Rescaling"]

MODES = ("int", "one_hot", "multi_hot", "count")


# --- what they share --------------------------------------------------------------------------------


def array_of(value: Any) -> np.ndarray:
    """A tensor, variable, list or array as a NumPy array."""
    return value.numpy() if isinstance(value, (Tensor, Variable)) else np.asarray(value)


def batches_of(data: Any, steps: int | None = None) -> Iterator[np.ndarray]:
    """What `adapt` is given, batch by batch: an array is one batch, a Dataset or an iterable has many.

    Of batches that are tuples, the first part counts: the features.
    """
    if isinstance(data, (np.ndarray, Tensor, Variable)):
        yield array_of(data)
        return
    for batch in itertools.islice(iter(data), steps):
        yield array_of(batch[0] if isinstance(batch, tuple) else batch)


def refuse_sparse(layer: Any, sparse: bool) -> None:
    """Raises ValueError for sparse=True: the engine has no sparse tensors."""
    if sparse:
        raise ValueError(
            f"{type(layer).__name__}: sparse=True needs sparse tensors; there are none."
        )


def mode_of(layer: Any, mode: str, allowed: tuple[str, ...]) -> str:
    """The output mode by its present name.

    Raises:
      ValueError: for one that is not allowed.
    """
    name = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(mode, mode)
    if name not in allowed:
        raise ValueError(
            f"{type(layer).__name__}: output_mode must be one of {allowed}, not {mode!r}."
        )
    return name


def encode(indices: Tensor, mode: str, depth: int, dtype: Any, weights: Any = None) -> Tensor:
    """Indices as vectors of length `depth`; an index outside becomes zeros.

    'one_hot' has a vector for each index, in place of a last axis of size 1 or behind all axes. 'multi_hot'
    has one for each example, with 1 at its indices, and 'count' says how often each occurs, or the sum of
    its weights.
    """
    if mode == "int":
        return cast(indices, dtype)
    if indices.ndim == 0:
        indices = expand_dims(indices, -1)
    if mode == "one_hot":
        if indices.ndim > 1 and indices.shape[-1] == 1:
            indices = squeeze(indices, -1)
        return one_hot(indices, depth, dtype=dtype)
    axis = 1 if indices.ndim > 1 else 0
    if mode == "multi_hot":
        return reduce_max(one_hot(indices, depth, dtype=dtype), axis)
    if weights is None:
        return reduce_sum(one_hot(indices, depth, dtype=dtype), axis)
    weights = convert(weights)
    return reduce_sum(one_hot(indices, depth, dtype=weights.dtype) * expand_dims(weights, -1), axis)


# --- numbers ----------------------------------------------------------------------------------------


class Rescaling(Layer):
    """x * scale + offset. Pixels of 0 to 255 become 0 to 1 with `Rescaling(1 / 255)`.

    Args:
      scale, offset: numbers, or arrays that are broadcast.

    >>> import engine as tf
    >>> tf.keras.layers.Rescaling(2.0, offset=-1.0)([[0.0, 0.5, 1.0]]).numpy().tolist()
    [[-1.0, 0.0, 1.0]]
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset
        self.supports_masking = True

    def call(self, inputs: Any) -> Tensor:
        """The rescaled numbers, as floats."""
        scale = cast(convert(self.scale), self.compute_dtype)
        if scale.ndim and config.image_data_format() == "channels_first":
            scale = reshape(scale, [*scale.shape.as_list(), *[1] * (3 - scale.ndim)])
        return cast(inputs, self.compute_dtype) * scale + cast(
            convert(self.offset), self.compute_dtype
        )


class Normalization(Layer):
    """(x - mean) / standard deviation, of what `adapt` saw or of what is given.

    A deviation below 1e-7 counts as 1e-7.

    Args:
      axis: the axes that keep a mean each, the features: an integer, several, or None for one mean of all.
      mean, variance: instead of `adapt`; numbers, or arrays of the sizes of `axis`.
      invert: the way back: x * standard deviation + mean.

    Raises:
      ValueError: for a mean without variance, or sizes that do not fit.

    >>> import engine as tf
    >>> layer = tf.keras.layers.Normalization()
    >>> layer.adapt(np.array([[1.0, 10.0], [3.0, 30.0]]))
    >>> layer([[1.0, 20.0]]).numpy().tolist()
    [[-1.0, 0.0]]
    """

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.input_mean, self.input_variance, self.invert = mean, variance, invert
        self.supports_masking = True
        if (mean is None) != (variance is None):
            raise ValueError("Normalization: mean and variance are given together, or neither.")
        if mean is not None and array_of(mean).shape != array_of(variance).shape:
            raise ValueError(
                f"Normalization: mean and variance have shapes {array_of(mean).shape} and "
                f"{array_of(variance).shape}; they must be equal."
            )
        if mean is not None and array_of(mean).ndim > len(self.axis):
            raise ValueError(
                f"Normalization: a mean of shape {array_of(mean).shape} has more axes than axis="
                f"{self.axis} keeps."
            )

    def build(self, input_shape: Any) -> None:
        """Makes mean, variance and count, unless mean and variance were given."""
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                f"Normalization: axis {self.axis} is not among the {rank} axes of {tuple(input_shape)}."
            )
        self._kept = tuple(sorted(axis % rank for axis in self.axis))
        self._reduced = tuple(axis for axis in range(rank) if axis not in self._kept)
        if any(input_shape[axis] is None for axis in self._kept):
            raise ValueError(
                f"Normalization needs to know the sizes of axis {self.axis}, but the input shape is "
                f"{tuple(input_shape)}."
            )
        self._sizes = tuple(input_shape[axis] for axis in self._kept)
        self._broadcast = [input_shape[axis] if axis in self._kept else 1 for axis in range(rank)]
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(self._sizes, "zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(
                self._sizes, "ones", trainable=False, name="variance"
            )
            self.count = self.add_weight((), "zeros", "int32", trainable=False, name="count")
        else:
            self._given = [self._aligned(given) for given in (self.input_mean, self.input_variance)]

    def _aligned(self, value: Any) -> Tensor:
        """A given mean or variance, its axes at their places, and of their sizes."""
        given = array_of(value)
        places = [1] * len(self._broadcast)
        for back in range(1, given.ndim + 1):
            places[self._kept[-back]] = given.shape[-back]
        return broadcast_to(cast(given.reshape(places), self.compute_dtype), self._broadcast)

    @property
    def mean(self) -> Tensor | None:
        """The mean that is subtracted, in a shape that broadcasts; None before the layer is built."""
        return self._statistics()[0] if self.built else None

    @property
    def variance(self) -> Tensor | None:
        """The variance that is divided by, likewise."""
        return self._statistics()[1] if self.built else None

    def _statistics(self) -> list[Tensor]:
        if self.input_mean is not None:
            return self._given
        return [
            cast(reshape(variable, self._broadcast), self.compute_dtype)
            for variable in (self.adapt_mean, self.adapt_variance)
        ]

    def adapt(self, data: Any) -> None:
        """Finds the mean and variance of the data.

        Args:
          data: an array or tensor, or batches of them: a Dataset, a list, a generator. Batches that are
            tuples count with their first part.

        Raises:
          ValueError: without any data, or for data of another shape than the layer was built for.
        """
        if self.input_mean is not None:
            raise ValueError("Normalization: a layer that was given its mean cannot adapt.")
        spec = getattr(data, "element_spec", None)
        if spec is not None:
            first = spec[0] if isinstance(spec, tuple) else spec
            data = data.batch(128) if first.shape.rank == 1 else data
        total, mean, variance = 0, np.zeros(()), np.zeros(())
        for batch in batches_of(data):
            if not self.built:
                self.build(batch.shape)
            sizes = tuple(batch.shape[axis] for axis in self._kept if axis < batch.ndim)
            if sizes != self._sizes or batch.ndim != len(self._broadcast):
                raise ValueError(
                    f"Normalization: the layer was built for sizes {self._sizes} along axes {self._kept}, "
                    f"but the data has shape {batch.shape}."
                )
            batch = batch if batch.dtype.kind == "f" else batch.astype("float64")
            count = max(int(np.prod([batch.shape[axis] for axis in self._reduced])), 1)
            own_mean = batch.mean(self._reduced, dtype="float64")
            own_variance = batch.var(self._reduced, dtype="float64")
            # Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for Computing
            # Sample Variances (1979): the parts' variances, and that of their means.
            share = count / (total + count)
            away = own_mean - mean
            variance = variance * (1 - share) + own_variance * share + away**2 * share * (1 - share)
            mean, total = mean + away * share, total + count
        if total == 0:
            raise ValueError("Normalization: adapt was given no data.")
        self.adapt_mean.assign(mean.astype("float32"))
        self.adapt_variance.assign(variance.astype("float32"))

    def call(self, inputs: Any) -> Tensor:
        """The normalized numbers, as floats."""
        mean, variance = self._statistics()
        deviation = maximum(sqrt(variance), config.epsilon())
        inputs = cast(inputs, self.compute_dtype)
        return inputs * deviation + mean if self.invert else (inputs - mean) / deviation

    def get_config(self) -> dict[str, Any]:
        """The arguments; what `adapt` found are weights."""
        given = {"mean": self.input_mean, "variance": self.input_variance}
        lists = {
            name: None if value is None else array_of(value).tolist()
            for name, value in given.items()
        }
        return {**super().get_config(), **lists}


# --- categories -------------------------------------------------------------------------------------


class CategoryEncoding(Layer):
    """Integers from 0 to num_tokens - 1 as vectors of length num_tokens.

    Args:
      num_tokens: the number of categories.
      output_mode: 'one_hot': a vector for each integer; 'multi_hot': one for each example, 1 at all its
        integers; 'count': how often each occurs, or the sum of their `count_weights`.
      sparse: not accepted.

    Integers outside become zeros. Keras on TensorFlow raises an error for them.

    >>> import engine as tf
    >>> tf.keras.layers.CategoryEncoding(4)([[0, 1], [3, 3]]).numpy().tolist()
    [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    """

    _not_in_config = (*Layer._not_in_config, "sparse")

    def __init__(
        self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        refuse_sparse(self, sparse)
        if num_tokens is None or num_tokens < 1:
            raise ValueError(
                f"CategoryEncoding: num_tokens must be a positive number, not {num_tokens!r}. Where it is "
                "not known beforehand, IntegerLookup finds it out."
            )
        self.num_tokens = num_tokens
        self.output_mode = mode_of(self, output_mode, MODES[1:])

    def call(self, inputs: Any, count_weights: Any = None) -> Tensor:
        """The vectors."""
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                "CategoryEncoding: count_weights are used with output_mode='count' only, not "
                f"{self.output_mode!r}."
            )
        indices = cast(convert(inputs), "int32")
        if count_weights is not None:
            count_weights = cast(count_weights, self.compute_dtype)
        return encode(indices, self.output_mode, self.num_tokens, self.compute_dtype, count_weights)


class Discretization(Layer):
    """The number of the range that each value lies in: `bin_boundaries` [a, b] make the ranges below a,
    from a to below b, and from b on.

    Args:
      bin_boundaries: ascending numbers; or
      num_bins: how many ranges `adapt` is to make, with about equally many values in each.
      epsilon: how exact their bounds are, as a share of the values.
      output_mode: 'int', or vectors as of `CategoryEncoding`: 'one_hot', 'multi_hot', 'count'.
      sparse: not accepted.

    >>> import engine as tf
    >>> tf.keras.layers.Discretization([0.0, 1.0])([[-1.0, 0.0, 0.5, 7.0]]).numpy().tolist()
    [[0, 1, 1, 2]]
    """

    def __init__(
        self, bin_boundaries: Any = None, num_bins: int | None = None, epsilon: float = 0.01,
        output_mode: str = "int", sparse: bool = False, dtype: Any = None, name: str | None = None,
    ):  # fmt: skip
        super().__init__(dtype=dtype, name=name)
        refuse_sparse(self, sparse)
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(
                "Discretization: either bin_boundaries or num_bins must be given, but bin_boundaries="
                f"{bin_boundaries} and num_bins={num_bins}."
            )
        if num_bins is not None and num_bins < 0:
            raise ValueError(f"Discretization: num_bins must not be negative, but is {num_bins}.")
        self.bin_boundaries, self.num_bins, self.epsilon = bin_boundaries, num_bins, epsilon
        self.output_mode, self.sparse = mode_of(self, output_mode, MODES), sparse

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Finds boundaries between which about equally many values lie.

        Args:
          data: an array, or batches: a Dataset, a list, a generator.
          steps: how many batches to look at; all by default.
        """
        if self.num_bins is None:
            raise ValueError("Discretization: a layer that was given bin_boundaries cannot adapt.")
        seen = np.zeros((2, 0), "float32")
        for batch in batches_of(data, steps):
            seen = np.concatenate([_summary(batch, self.epsilon), seen], axis=1)
            seen = _compressed(seen[:, np.argsort(seen[0])], self.epsilon)
        self.bin_boundaries = _compressed(seen, 1.0 / self.num_bins)[0, :-1].tolist()

    def call(self, inputs: Any) -> Tensor:
        """The numbers of the ranges, int32, or vectors."""
        if self.bin_boundaries is None:
            raise ValueError(
                f"Layer {self.name!r} has no boundaries yet: call adapt(data) first, or give "
                "bin_boundaries."
            )
        values = cast(convert(inputs), "float32")
        bounds = convert(self.bin_boundaries, "float32")
        found = searchsorted(bounds, reshape(values, [-1]), side="right")
        dims = values.shape.as_list()
        dims = [-1 if size is None else size for size in dims]
        found = reshape(found, dims if dims.count(-1) < 2 else shape(values))
        dtype = "int32" if self.output_mode == "int" else self.compute_dtype
        return encode(found, self.output_mode, len(self.bin_boundaries) + 1, dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments, and the boundaries once they are known."""
        names = ("bin_boundaries", "num_bins", "epsilon", "output_mode", "sparse", "name", "dtype")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Discretization:
        """A layer with these settings; if both are there, num_bins has led to bin_boundaries."""
        settings, found = dict(config), None
        if settings.get("num_bins") is not None:
            found = settings.pop("bin_boundaries", None)
        layer = cls(**settings)
        layer.bin_boundaries = found if layer.bin_boundaries is None else layer.bin_boundaries
        return layer


# Quantiles of more values than one wants to keep: each summary holds values and how many others each
# stands for. This is the arithmetic of Keras, so that both find the same boundaries.


def _summary(values: np.ndarray, epsilon: float) -> np.ndarray:
    """Some of the values, in order, and their counts: shape (2, about 1 / epsilon)."""
    ordered = np.sort(values.astype("float32"), axis=None)
    step = max(ordered.size / (1.0 / epsilon), 1)
    chosen = ordered[int(step - 1) :: int(step)]
    return np.stack([chosen, np.full_like(chosen, step)])


def _compressed(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """The values at shares epsilon, 2 * epsilon, ... of all counts, by linear interpolation."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    counts = summary[1].cumsum()
    reached = counts / counts[-1]
    values = np.interp(shares, reached, summary[0])
    upto = np.interp(shares, reached, counts)
    return np.stack([values, np.diff(upto, prepend=0.0)]).astype("float32")
