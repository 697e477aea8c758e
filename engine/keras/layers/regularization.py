"""Layers against overfitting: noise during training, nothing afterwards; and a price on activations."""

from __future__ import annotations

import math
from typing import Any

from engine.keras import random, regularizers
from engine.keras.input_spec import InputSpec
from engine.keras.layer import Layer
from engine.keras.layers.reshaping import standardize_data_format
from engine.ops.elementwise import cast, greater_equal, where
from engine.ops.layout import broadcast_to, sizes
from engine.tensor import Tensor

__all__ = [
    "ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise",
    "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
]  # fmt: skip


class _Noise(Layer):
    """A layer that draws numbers during training, from a seed, and else returns its input."""

    _built_by_init = True

    def _draws_from(self, seed: int | None, name: str, amount: float, below: float = 1) -> None:
        """Keeps seed and amount; the amount is in [0, below]."""
        if not 0 <= amount <= below:
            raise ValueError(
                f"{type(self).__name__}: {name} must be between 0 and {below:g}, not {amount!r}."
            )
        self.seed = seed
        self.supports_masking = True
        self._active = amount > 0
        if self._active:
            self.seed_generator = random.SeedGenerator(seed)

    def noisy(self, inputs: Tensor) -> Tensor:
        """The input as it is seen during training."""
        raise NotImplementedError

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """The input, changed at random where `training` is true."""
        return self.noisy(inputs) if training and self._active else inputs


class Dropout(_Noise):
    """Sets a random share of its inputs to 0 during training and divides the others by 1 - rate.

    Srivastava et al., Dropout (2014). The mean of the inputs stays; after training nothing is changed.

    Args:
      rate: the share, in [0, 1].
      noise_shape: the shape of the decisions, 1 for an axis along which all share one and None for the
        size of the inputs: (None, 1, None) drops whole sequences of a feature.
      seed: an integer for the same decisions in every run.

    >>> import engine as tf
    >>> drop = tf.keras.layers.Dropout(0.5, seed=1)
    >>> drop(tf.ones([4])).numpy().tolist(), sorted(set(drop(tf.ones([99]), training=True).numpy().tolist()))
    ([1.0, 1.0, 1.0, 1.0], [0.0, 2.0])
    """

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.rate = rate
        self._draws_from(seed, "rate", rate)
        self.noise_shape = _checked_noise_shape(type(self).__name__, noise_shape)

    def _decisions(self, inputs: Tensor) -> Any:
        return self.noise_shape

    def noisy(self, inputs: Tensor) -> Tensor:
        """The input with some elements 0."""
        shape = self._decisions(inputs)
        return random.dropout(inputs, self.rate, noise_shape=shape, seed=self.seed_generator)


def _checked_noise_shape(layer: str, noise_shape: Any) -> tuple[int | None, ...] | None:
    if noise_shape is None:
        return None
    listed = None if isinstance(noise_shape, str) else tuple(noise_shape)
    if listed is None or not all(
        size is None or (isinstance(size, int) and size > 0) for size in listed
    ):
        raise ValueError(
            f"{layer}: noise_shape must be a tuple of positive integers and None, not {noise_shape!r}."
        )
    return listed


class _SpatialDropout(Dropout):
    """Dropout that drops whole channels: neighbours within one are too alike to be dropped alone.

    Tompson et al., Efficient Object Localization Using Convolutional Networks (2014).
    """

    _rank = 3
    data_format = "channels_last"

    def __init__(self, rate: float, seed: int | None, name: str | None, dtype: Any):
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.input_spec = InputSpec(ndim=self._rank)

    def _decisions(self, inputs: Tensor) -> Any:
        ones = [1] * (self._rank - 2)
        return (None, None, *ones) if self.data_format == "channels_first" else (None, *ones, None)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make a layer like this one, the dtype as a plain name, as in Keras."""
        config = {**super().get_config(), "dtype": self.dtype}
        return {name: value for name, value in config.items() if name != "trainable"}


class SpatialDropout1D(_SpatialDropout):
    """Drops whole features of `(batch, steps, features)` during training.

    Args:
      rate: the share, in [0, 1].
      seed: an integer for the same decisions in every run.
    """

    def __init__(
        self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None
    ):
        super().__init__(rate, seed, name, dtype)


class SpatialDropout2D(_SpatialDropout):
    """Drops whole channels of `(batch, rows, columns, channels)` during training.

    Args:
      rate: the share, in [0, 1].
      data_format: 'channels_first' for `(batch, channels, rows, columns)`.
      seed: an integer for the same decisions in every run.
    """

    _rank = 4

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(rate, seed, name, dtype)
        self.data_format = standardize_data_format(data_format)


class SpatialDropout3D(SpatialDropout2D):
    """Drops whole channels of `(batch, depth, rows, columns, channels)` during training.

    Args:
      rate: the share, in [0, 1].
      data_format: 'channels_first' for `(batch, channels, depth, rows, columns)`.
      seed: an integer for the same decisions in every run.
    """

    _rank = 5


# Klambauer et al., Self-Normalizing Neural Networks (2017), section 3: what selu tends to for x towards
# minus infinity, minus the product of its two constants (equation 14).
_SELU_LOW = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946


class AlphaDropout(Dropout):
    """Dropout for selu: what is dropped takes selu's lowest value, and mean and variance are kept.

    Args:
      rate: the share, in [0, 1].
      noise_shape: as for Dropout.
      seed: an integer for the same decisions in every run.
    """

    def noisy(self, inputs: Tensor) -> Tensor:
        """The input with some elements at selu's lowest value, then scaled and shifted."""
        full, asked = sizes(inputs), self.noise_shape
        shape = (
            full
            if asked is None
            else [n if d is None else d for d, n in zip(asked, full, strict=True)]
        )
        numbers = random.uniform(shape, dtype="float32", seed=self.seed_generator)
        kept = greater_equal(numbers, self.rate)
        if asked is not None:
            kept = broadcast_to(kept, full)
        # Klambauer et al. 2017, section 3: the affine map that restores mean 0 and variance 1.
        scale = ((1 - self.rate) * (1 + self.rate * _SELU_LOW**2)) ** -0.5
        return where(kept, inputs, _SELU_LOW) * scale - scale * _SELU_LOW * self.rate


class GaussianDropout(_Noise):
    """Multiplies its inputs during training by normal numbers of mean 1 and variance rate / (1 - rate).

    The variance is that which Dropout's zeros and factors have. Srivastava et al. 2014, section 10.

    Args:
      rate: in [0, 1); Keras accepts 1 and fails in the call.
      seed: an integer for the same numbers in every run.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if rate == 1:
            raise ValueError(
                "GaussianDropout: the variance rate / (1 - rate) has no value at rate 1."
            )
        self.rate = rate
        self._draws_from(seed, "rate", rate)

    def noisy(self, inputs: Tensor) -> Tensor:
        """The input times random factors."""
        deviation = math.sqrt(self.rate / (1 - self.rate))
        return inputs * _normal(inputs, 1.0, deviation, self.seed_generator)


class GaussianNoise(_Noise):
    """Adds normal numbers of mean 0 to its inputs during training.

    Args:
      stddev: their standard deviation, in [0, 1].
      seed: an integer for the same numbers in every run.
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.stddev = stddev
        self._draws_from(seed, "stddev", stddev)

    def noisy(self, inputs: Tensor) -> Tensor:
        """The input plus random numbers."""
        return inputs + _normal(inputs, 0.0, self.stddev, self.seed_generator)


def _normal(like: Tensor, mean: float, stddev: float, seeds: random.SeedGenerator) -> Tensor:
    return cast(random.normal(sizes(like), mean, stddev, "float32", seeds), like.dtype)


class ActivityRegularization(Layer):
    """Its input; l1 * sum|x| + l2 * sum(x^2), divided by the batch size, is added to the loss.

    Args:
      l1: the factor of the absolute values.
      l2: the factor of the squares.

    >>> import engine as tf
    >>> layer = tf.keras.layers.ActivityRegularization(l1=0.5)
    >>> layer(tf.constant([[1.0, -3.0], [2.0, 0.0]])).shape, float(layer.losses[0])
    (TensorShape([2, 2]), 1.5)
    """

    _built_by_init = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1 = l1
        self.l2 = l2
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The same values."""
        return inputs

    def get_config(self) -> dict[str, Any]:
        """The arguments that make a layer like this one: they say what the regularizer is."""
        config = super().get_config()
        return {name: value for name, value in config.items() if name != "activity_regularizer"}
