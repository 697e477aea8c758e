"""Layers that bring their input to mean 0 and variance 1, over the batch or over each example, or to a
length; then a learned scale and shift. `gamma` is the scale, `beta` the shift.

All of them compute in float32 where the layer computes in 16 bits, in which squares overflow.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from engine import dtypes
from engine.keras import constraints, initializers, regularizers
from engine.keras.config import epsilon as small_number
from engine.keras.input_spec import InputSpec
from engine.keras.layer import Layer
from engine.keras.layers.core import Wrapper, known_size, open_sizes
from engine.ops.elementwise import (
    cast,
    divide,
    equal,
    multiply,
    ones_like,
    rsqrt,
    square,
    stop_gradient,
    where,
    zeros_like,
)  # fmt: skip
from engine.ops.layout import broadcast_like, expand_dims, reshape, sizes, squeeze
from engine.ops.linalg import matmul
from engine.ops.norms import l2_normalize
from engine.ops.reduce import reduce_all, reduce_mean, reduce_sum
from engine.tensor import Tensor
from engine.variable import Variable

__all__ = [
    "BatchNormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization",
    "SpectralNormalization", "UnitNormalization",
]  # fmt: skip


def _wide(x: Any) -> Tensor:
    """Integers, and floating-point numbers of 16 bits, as float32."""
    enough = x.dtype.is_floating and x.dtype.size > 2
    return cast(x, x.dtype if enough else dtypes.float32)


def _moments(x: Tensor, axes: list[int]) -> tuple[Tensor, Tensor]:
    """Mean and variance along the axes, counted from 0, which stay with size 1."""
    counted = [size for axis, size in enumerate(sizes(x)) if axis in axes]
    known = math.prod(size for size in counted if isinstance(size, int))
    later = [cast(size, x.dtype) for size in counted if not isinstance(size, int)]
    count = functools.reduce(multiply, later, known)
    mean = divide(reduce_sum(x, axes, True), count)
    # The derivative of the variance by the mean is a sum of deviations, which is 0. With the mean as a
    # constant, no step computes that sum; the square, which is 0 too, keeps second derivatives right.
    constant = stop_gradient(mean)
    variance = divide(reduce_sum(square(x - constant), axes, True), count)
    return mean, variance - square(mean - constant)


def _axis_setting(axis: Any, layer: str) -> Any:
    """An integer, or a list of integers."""
    if isinstance(axis, (list, tuple)):
        return list(axis)
    if not isinstance(axis, int):
        raise TypeError(f"{layer}: axis must be an integer or a list of them, not {axis!r}.")
    return axis


def _in_shape(weight: Any, shape: list[Any] | None, dtype: Any) -> Tensor:
    """A weight in the dtype it is computed with, and in this shape, unless that is None."""
    value = cast(weight, dtype)
    return value if shape is None else reshape(value, shape)


class _ScaleAndShift(Layer):
    """What the layers below share: gamma and beta, and how they are applied."""

    gamma: Variable | None = None
    beta: Variable | None = None

    def _keep_settings(
        self,
        center: bool,
        scale: bool,
        initial: tuple[Any, Any],
        regularizer: tuple[Any, Any],
        constraint: tuple[Any, Any],
    ) -> None:
        """Pairs are for beta and for gamma."""
        self.center, self.scale = center, scale
        self.beta_initializer, self.gamma_initializer = map(initializers.get, initial)
        self.beta_regularizer, self.gamma_regularizer = map(regularizers.get, regularizer)
        self.beta_constraint, self.gamma_constraint = map(constraints.get, constraint)
        self.supports_masking = True

    def _add_scale_and_shift(self, shape: Any, scale: bool, center: bool) -> None:
        self.gamma = self.beta = None
        if scale:
            self.gamma = self.add_weight(
                shape, self.gamma_initializer, autocast=False, name="gamma",
                regularizer=self.gamma_regularizer, constraint=self.gamma_constraint,
            )  # fmt: skip
        if center:
            self.beta = self.add_weight(
                shape, self.beta_initializer, autocast=False, name="beta",
                regularizer=self.beta_regularizer, constraint=self.beta_constraint,
            )  # fmt: skip

    def _normalized(self, x: Tensor, mean: Any, variance: Any, shape: list[Any] | None) -> Tensor:
        """gamma * (x - mean) / sqrt(variance + epsilon) + beta, as one factor and one summand for x.

        These are computed once for many elements of x, where `shape` is the one in which gamma and beta
        broadcast to the mean; None where they do as they are.
        """
        factor = rsqrt(variance + self.epsilon)  # type: ignore[attr-defined]
        if self.gamma is not None:
            factor = factor * _in_shape(self.gamma, shape, x.dtype)
        summand = -mean * factor
        if self.beta is not None:
            summand = summand + _in_shape(self.beta, shape, x.dtype)
        return cast(x * factor + summand, self.compute_dtype)


class BatchNormalization(_ScaleAndShift):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, with mean and variance of each feature.

    In training they are those of the batch, and moving averages of them are kept: moving * momentum +
    batch * (1 - momentum). Otherwise, and where the layer is not trainable, the moving averages are used.
    Ioffe and Szegedy, Batch Normalization (2015), algorithms 1 and 2. With a mask, the masked steps count
    for nothing in mean and variance. Keras's `renorm` and `synchronized` are accepted as False only.

    Args:
      axis: that of the features; the others are averaged over.
      momentum: how much of the moving averages stays at each batch.
      epsilon: added to the variance.
      center, scale: whether there is a beta, a gamma.

    >>> import engine as tf
    >>> layer = tf.keras.layers.BatchNormalization(epsilon=0.0)
    >>> layer(tf.constant([[1.0], [3.0]]), training=True).numpy().tolist()
    [[-1.0], [1.0]]
    >>> [w.numpy().round(2).tolist() for w in layer.weights[2:]]
    [[0.019999999552965164], [1.0]]
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        for name, value in (("renorm", renorm), ("synchronized", synchronized)):
            if value:
                raise ValueError(f"BatchNormalization: {name}=True is not supported.")
        self.axis = int(axis)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self._keep_settings(
            center, scale, (beta_initializer, gamma_initializer), (beta_regularizer, gamma_regularizer),
            (beta_constraint, gamma_constraint),
        )  # fmt: skip
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm, self.renorm_clipping = renorm, renorm_clipping
        self.renorm_momentum, self.synchronized = renorm_momentum, synchronized

    def build(self, input_shape: Any) -> None:
        """Makes gamma, beta and the moving averages, one number a feature."""
        features = known_size(self, input_shape, self.axis)
        self._add_scale_and_shift((features,), self.scale, self.center)
        self.moving_mean = self.add_weight(
            (features,), self.moving_mean_initializer,
            trainable=False, autocast=False, name="moving_mean",
        )  # fmt: skip
        self.moving_variance = self.add_weight(
            (features,), self.moving_variance_initializer,
            trainable=False, autocast=False, name="moving_variance",
        )  # fmt: skip
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: features})

    def call(self, inputs: Tensor, training: bool | None = None, mask: Any = None) -> Tensor:
        """The normalized features."""
        x = _wide(inputs)
        own = self.axis % x.ndim
        if training and self.trainable:
            others = [axis for axis in range(x.ndim) if axis != own]
            if mask is None:
                mean, variance = (squeeze(part, others) for part in _moments(x, others))
            else:
                mean, variance = self._masked_moments(x, mask, others)
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                kept = cast(moving, batch.dtype) * self.momentum + batch * (1.0 - self.momentum)
                moving.assign(cast(kept, moving.dtype))
        else:
            mean, variance = (cast(v, x.dtype) for v in (self.moving_mean, self.moving_variance))
        if own == x.ndim - 1:
            return self._normalized(x, mean, variance, None)
        shape = [-1] + [1] * (x.ndim - 1 - own)
        return self._normalized(x, reshape(mean, shape), reshape(variance, shape), shape)

    def _masked_moments(self, x: Tensor, mask: Tensor, axes: list[int]) -> tuple[Tensor, Tensor]:
        """Mean and variance of the elements that count."""
        if mask.ndim != x.ndim - 1:
            raise ValueError(
                f"Layer {self.name!r}: the mask needs one axis less than the input, but they have shapes "
                f"{mask.shape} and {x.shape}."
            )
        kept = broadcast_like(expand_dims(cast(mask, dtypes.bool_), -1), x)
        zero = zeros_like(x)
        # Keras's small number keeps a batch without any step that counts from dividing by 0.
        count = reduce_sum(where(kept, ones_like(x), zero), axes, True) + small_number()
        mean = reduce_sum(where(kept, x, zero), axes, True) / count
        spread = reduce_sum(square(where(kept, x - mean, zero)), axes, True) / count
        return reshape(mean, [-1]), reshape(spread, [-1])


class LayerNormalization(_ScaleAndShift):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, with mean and variance of each example.

    Ba et al., Layer Normalization (2016), equation 3 and 4. Nothing depends on the batch or on training.

    Args:
      axis: the axis or axes that are averaged over, and that gamma and beta have.
      epsilon: added to the variance.
      center, scale: whether there is a beta, a gamma.
      rms_scaling: Keras's deprecated variant x / sqrt(variance + epsilon) * gamma; see RMSNormalization.

    >>> import engine as tf
    >>> tf.keras.layers.LayerNormalization(epsilon=0.0)([[1.0, 3.0]]).numpy().tolist()
    [[-1.0, 1.0]]
    """

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        rms_scaling: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.axis = _axis_setting(axis, "LayerNormalization")
        self.epsilon = epsilon
        self._keep_settings(
            center, scale, (beta_initializer, gamma_initializer), (beta_regularizer, gamma_regularizer),
            (beta_constraint, gamma_constraint),
        )  # fmt: skip
        self.rms_scaling = rms_scaling
        self.autocast = False

    def build(self, input_shape: Any) -> None:
        """Makes gamma and beta, in the shape of the normalized axes."""
        self.axis = sorted(self.axis) if isinstance(self.axis, list) else [self.axis]
        shape = tuple(known_size(self, input_shape, axis) for axis in self.axis)
        self._add_scale_and_shift(
            shape, self.scale or self.rms_scaling, self.center and not self.rms_scaling
        )

    def call(self, inputs: Tensor) -> Tensor:
        """The normalized examples."""
        x = _wide(inputs)
        mean, variance = _moments(x, [axis % x.ndim for axis in self.axis])
        mean = zeros_like(mean) if self.rms_scaling else mean
        return self._normalized(x, mean, variance, _parameter_shape(x, self.axis))


def _parameter_shape(x: Tensor, axes: list[int]) -> list[Any] | None:
    """The shape in which weights of these axes of x broadcast to x; None where they do as they are."""
    own = [axis % x.ndim for axis in axes]
    if own == list(range(x.ndim - len(own), x.ndim)):
        return None
    return [x.shape[axis] if axis in own else 1 for axis in range(x.ndim)]


class GroupNormalization(_ScaleAndShift):
    """Layer normalization of groups of channels: mean and variance of each example and each group.

    Wu and He, Group Normalization (2018), section 3.1.

    Args:
      groups: how many, a divisor of the number of channels; -1 makes each channel a group.
      axis: that of the channels.
      epsilon: added to the variance.
      center, scale: whether there is a beta, a gamma, one number a channel.

    >>> import engine as tf
    >>> layer = tf.keras.layers.GroupNormalization(groups=2, epsilon=0.0)
    >>> layer([[1.0, 3.0, 10.0, 30.0]]).numpy().round(3).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not isinstance(groups, int) or (groups <= 0 and groups != -1):
            raise ValueError(
                f"GroupNormalization: groups must be a positive integer, or -1 for one group a channel, "
                f"not {groups!r}."
            )
        self.groups = groups
        self.axis = axis
        self.epsilon = epsilon
        self._keep_settings(
            center, scale, (beta_initializer, gamma_initializer), (beta_regularizer, gamma_regularizer),
            (beta_constraint, gamma_constraint),
        )  # fmt: skip
        self.autocast = False

    def build(self, input_shape: Any) -> None:
        """Makes gamma and beta, one number a channel."""
        channels = known_size(self, input_shape, self.axis)
        if self.groups == -1:
            self.groups = channels
        if channels % self.groups:
            raise ValueError(
                f"Layer {self.name!r}: {channels} channels cannot be divided into {self.groups} groups of "
                "one size; groups must be a divisor."
            )
        self._add_scale_and_shift((channels,), self.scale, self.center)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs: Tensor) -> Tensor:
        """The normalized groups."""
        x, own = _wide(inputs), self.axis % inputs.ndim
        full = open_sizes(x)
        members = x.shape[own] // self.groups
        grouped = reshape(x, [*full[:own], self.groups, members, *full[own + 1 :]])
        others = [axis for axis in range(1, grouped.ndim) if axis != own]
        mean, variance = _moments(grouped, others)
        shape = [self.groups, members] + [1] * (x.ndim - 1 - own)
        return reshape(self._normalized(grouped, mean, variance, shape), full)


class RMSNormalization(Layer):
    """scale * x / sqrt(mean(x^2) + epsilon): layer normalization without the mean.

    Zhang and Sennrich, Root Mean Square Layer Normalization (2019), equation 4. Along axes that are not
    the last ones, Keras applies the scale to the wrong axis, or fails.

    Args:
      axis: the axis or axes that are averaged over, and that the scale has.
      epsilon: added to the mean of the squares.

    >>> import engine as tf
    >>> tf.keras.layers.RMSNormalization(epsilon=0.0)([[3.0, -3.0]]).numpy().tolist()
    [[1.0, -1.0]]
    """

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        """Makes the scale, in the shape of the normalized axes."""
        self.axis = sorted(self.axis) if isinstance(self.axis, (list, tuple)) else [self.axis]
        shape = tuple(known_size(self, input_shape, axis) for axis in self.axis)
        self.scale = self.add_weight(shape, "ones", name="scale")

    def call(self, inputs: Tensor) -> Tensor:
        """The scaled examples."""
        x, shape = _wide(inputs), _parameter_shape(inputs, self.axis)
        factor = rsqrt(reduce_mean(square(x), self.axis, True) + self.epsilon)
        return cast(x * factor * _in_shape(self.scale, shape, x.dtype), self.compute_dtype)


class UnitNormalization(Layer):
    """x divided by its euclidean length.

    Args:
      axis: the axis or axes along which the length is measured.

    >>> import engine as tf
    >>> tf.keras.layers.UnitNormalization()([[3.0, 4.0]]).numpy().round(2).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """

    _built_by_init = True

    def __init__(self, axis: Any = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = _axis_setting(axis, "UnitNormalization")
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        """The vectors of length 1."""
        # A length counts as 1e-12 at least, as in Keras. Its square is too small for float16.
        return cast(l2_normalize(_wide(inputs), self.axis, 1e-24), self.compute_dtype)


class SpectralNormalization(Wrapper):
    """A layer whose kernel is divided, at every call in training, by its largest singular value.

    That value is found by power iteration, which goes on from call to call. Miyato et al., Spectral
    Normalization for Generative Adversarial Networks (2018), algorithm 1.

    Args:
      layer: a layer with a `kernel` or `embeddings`.
      power_iterations: steps of the iteration at each call, at least 1.

    >>> import engine as tf
    >>> layer = tf.keras.layers.SpectralNormalization(tf.keras.layers.Dense(2), power_iterations=50)
    >>> _ = layer(tf.ones([1, 3]), training=True)
    >>> tf.linalg.svd(layer.layer.kernel, compute_uv=False)[0].numpy().round(3).item()
    1.0
    """

    def __init__(self, layer: Any, power_iterations: int = 1, **kwargs: Any):
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise ValueError(
                f"SpectralNormalization: power_iterations must be positive, not {power_iterations}."
            )
        self.power_iterations = power_iterations

    def build(self, input_shape: Any = None) -> None:
        """Builds the layer inside, and makes the vector of the iteration."""
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        kernel = getattr(self.layer, "kernel", None)
        if kernel is None:
            kernel = getattr(self.layer, "embeddings", None)
        if kernel is None:
            raise ValueError(
                f"SpectralNormalization: {type(self.layer).__name__} has no 'kernel' and no 'embeddings' "
                "to normalize."
            )
        self.kernel = kernel
        self.vector_u = self.add_weight(
            (1, kernel.shape[-1]), initializers.TruncatedNormal(stddev=0.02),
            trainable=False, dtype=kernel.dtype, name="vector_u",
        )  # fmt: skip

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The output of the layer inside."""
        if training:
            self._normalize()
        return self.layer(inputs)

    def _normalize(self) -> None:
        kernel = cast(self.kernel, self.kernel.dtype)
        matrix, u = reshape(kernel, [-1, kernel.shape[-1]]), cast(self.vector_u, kernel.dtype)
        before = u
        for _ in range(self.power_iterations):
            v = l2_normalize(matmul(u, matrix, transpose_b=True), None, 1e-14)
            u = l2_normalize(matmul(v, matrix), None, 1e-14)
        largest = reshape(matmul(matmul(v, matrix), u, transpose_b=True), [])
        empty = reduce_all(equal(kernel, zeros_like(kernel)))  # nothing to divide by
        self.vector_u.assign(where(empty, before, u))
        self.kernel.assign(kernel / where(empty, ones_like(largest), largest))
