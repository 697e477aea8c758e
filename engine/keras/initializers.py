"""Where weights start. Too small and signals die out layer by layer; too large and they explode.

Glorot: Glorot and Bengio 2010, equation 16. He: He et al. 2015, equation 10. Lecun: LeCun et al. 1998,
Efficient BackProp, section 4.6. Orthogonal: Saxe et al. 2014.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes
from engine.keras import config, random
from engine.keras.configurable import Configurable, as_setting
from engine.keras.lookup import find
from engine.keras.serialization import (
    custom_object_scope,
    deserialize_keras_object,
    serialize_keras_object,
)
from engine.ops import creation, sequences
from engine.ops.creation import convert
from engine.ops.elementwise import cast, where
from engine.ops.layout import reshape, transpose
from engine.ops.matrices import diag_part
from engine.ops.qr import qr
from engine.tensor import Tensor
from engine.variable import Variable


class Initializer(Configurable):
    """Makes the first value of a weight: `initializer(shape, dtype)`. Define `__call__`."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """A tensor of this shape; the dtype is `tf.keras.config.floatx()` unless one is given."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, dtype).")

    def clone(self) -> Any:
        """Another one made with the same arguments."""
        return type(self).from_config(self.get_config())


def _dtype(dtype: Any) -> dtypes.DType:
    return dtypes.as_dtype(config.floatx() if dtype is None else dtype)


# --- without chance -------------------------------------------------------------------------------


class Zeros(Initializer):
    """All zeros; what biases start with."""

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        """The tensor."""
        return creation.zeros(shape, _dtype(dtype))


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        """The tensor."""
        return creation.ones(shape, _dtype(dtype))


class Constant(Initializer):
    """Every element is `value`, a number."""

    def __init__(self, value: Any = 0.0):
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        """The tensor."""
        found = _dtype(dtype)
        return cast(convert(self.value), found) * creation.ones(shape, found)


class Identity(Initializer):
    """A matrix with `gain` on the diagonal, 0 elsewhere.

    >>> Identity(2.0)((2, 3)).numpy().tolist()
    [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    """

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        """The matrix.

        Raises:
          ValueError: for a shape that is not a matrix's.
        """
        if len(shape) != 2:
            raise ValueError(
                f"Identity makes matrices, but the shape {tuple(shape)} was asked for."
            )
        rows, columns = shape
        return convert(self.gain * sequences.eye(rows, columns, dtype=_dtype(dtype)))

    def get_config(self) -> dict[str, Any]:
        """The gain, unless it is 1: Keras writes none, and reads it."""
        return {} if self.gain == 1 else super().get_config()


# --- drawn ----------------------------------------------------------------------------------------


class RandomInitializer(Initializer):
    """The base of those that draw.

    The same seed gives the same numbers, at every call: two layers that share an initializer with an
    integer seed start equal. Without a seed an initializer takes one from `tf.random` when it is made,
    and keeps it. A `tf.keras.random.SeedGenerator` as the seed gives other numbers at each call.
    """

    def __init__(self, seed: Any = None):
        seed = deserialize_keras_object(seed)
        if not isinstance(seed, (type(None), int, np.integer, random.SeedGenerator)):
            raise ValueError(f"A seed is an integer or a SeedGenerator, not {seed!r}.")
        self._given_seed = seed
        self.seed = random.make_default_seed() if seed is None else seed

    def get_config(self) -> dict[str, Any]:
        """The arguments; a seed that was not given is None again."""
        return {**super().get_config(), "seed": as_setting(self._given_seed)}


class RandomNormal(RandomInitializer):
    """Normal numbers with this mean and standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        """The tensor."""
        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)


class TruncatedNormal(RandomInitializer):
    """Normal numbers, none further than two standard deviations from the mean."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        """The tensor."""
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)


class RandomUniform(RandomInitializer):
    """Numbers drawn evenly from [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None):
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        """The tensor."""
        return random.uniform(shape, self.minval, self.maxval, dtype, self.seed)


def fans(shape: Any, input_axes: Any = None, output_axes: Any = None) -> tuple[int, int]:
    """(fan_in, fan_out): how many numbers flow into one unit, and out of one input.

    Of a kernel the last axis is the output, the one before it the input, and those before them are the
    window; `input_axes` and `output_axes` together say otherwise.

    >>> fans((784, 128)), fans((3, 3, 1, 32)), fans((5,))
    ((784, 128), (9, 288), (5, 5))
    """
    dims = [int(size) for size in shape]
    if input_axes is not None and output_axes is not None:
        return math.prod(dims[a] for a in input_axes), math.prod(dims[a] for a in output_axes)
    if len(dims) < 2:
        return (dims[0], dims[0]) if dims else (1, 1)
    window = math.prod(dims[:-2])
    return window * dims[-2], window * dims[-1]


class VarianceScaling(RandomInitializer):
    """Random numbers whose variance is `scale / n`, with n the fan of the weight.

    Args:
      scale: a positive factor.
      mode: 'fan_in', 'fan_out' or 'fan_avg'.
      distribution: 'uniform', 'truncated_normal' ('normal' for short) or 'untruncated_normal'.
      input_axes, output_axes: the axes that the fans are the product of, see `fans`.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Any = None,
        output_axes: Any = None,
    ):
        super().__init__(seed)
        if scale <= 0:
            raise ValueError(f"VarianceScaling: scale must be positive, not {scale}.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"mode must be 'fan_in', 'fan_out' or 'fan_avg', not {mode!r}.")
        distribution = "truncated_normal" if distribution == "normal" else distribution.lower()
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(
                "distribution must be 'uniform', 'truncated_normal' or 'untruncated_normal', not "
                f"{distribution!r}."
            )
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        """The tensor."""
        fan_in, fan_out = fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)  # the variance of U(-a, a) is a squared over 3
            return random.uniform(shape, -limit, limit, dtype, self.seed)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, math.sqrt(variance), dtype, self.seed)
        # Cutting the tails at two deviations leaves 0.8796 of the deviation; this makes up for it.
        deviation = math.sqrt(variance) / 0.87962566103423978
        return random.truncated_normal(shape, 0.0, deviation, dtype, self.seed)


class GlorotUniform(VarianceScaling):
    """Uniform in +-sqrt(6 / (fan_in + fan_out)); the default of Dense."""

    def __init__(self, seed: Any = None, input_axes: Any = None, output_axes: Any = None):
        super().__init__(1.0, "fan_avg", "uniform", seed, input_axes, output_axes)


class GlorotNormal(VarianceScaling):
    """Truncated normal with variance 2 / (fan_in + fan_out)."""

    def __init__(self, seed: Any = None, input_axes: Any = None, output_axes: Any = None):
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, input_axes, output_axes)


class HeUniform(VarianceScaling):
    """Uniform in +-sqrt(6 / fan_in); made for relu."""

    def __init__(self, seed: Any = None, input_axes: Any = None, output_axes: Any = None):
        super().__init__(2.0, "fan_in", "uniform", seed, input_axes, output_axes)


class HeNormal(VarianceScaling):
    """Truncated normal with variance 2 / fan_in; made for relu."""

    def __init__(self, seed: Any = None, input_axes: Any = None, output_axes: Any = None):
        super().__init__(2.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


class LecunUniform(VarianceScaling):
    """Uniform in +-sqrt(3 / fan_in)."""

    def __init__(self, seed: Any = None, input_axes: Any = None, output_axes: Any = None):
        super().__init__(1.0, "fan_in", "uniform", seed, input_axes, output_axes)


class LecunNormal(VarianceScaling):
    """Truncated normal with variance 1 / fan_in; what selu needs."""

    def __init__(self, seed: Any = None, input_axes: Any = None, output_axes: Any = None):
        super().__init__(1.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


class Orthogonal(RandomInitializer):
    """`gain` times a matrix with orthonormal columns, or rows where it has fewer of those.

    A random one: Q of the QR decomposition of a matrix of normal numbers, each column with the sign that
    makes the diagonal of R positive, so that all such matrices are equally likely. More axes than two are
    those of a matrix `(rest, last)`.

    >>> q = Orthogonal(seed=1)((4, 3)).numpy()
    >>> bool((abs(q.T @ q - np.eye(3)) < 1e-6).all())
    True
    """

    def __init__(self, gain: float = 1.0, seed: Any = None):
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        """The tensor.

        Raises:
          ValueError: for fewer than two axes.
        """
        if len(shape) < 2:
            raise ValueError(f"Orthogonal needs at least two axes, not the shape {tuple(shape)}.")
        found = _dtype(dtype)
        wide = dtypes.float64 if found is dtypes.float64 else dtypes.float32  # what qr takes
        rows, columns = math.prod(shape[:-1]), int(shape[-1])
        tall = (max(rows, columns), min(rows, columns))
        q, r = qr(random.normal(tall, dtype=wide, seed=self.seed))
        q = where(diag_part(r) < 0, -q, q)
        q = transpose(q) if rows < columns else q
        return cast(self.gain * reshape(q, tuple(shape)), found)


# --- by name --------------------------------------------------------------------------------------

zeros, ones, constant, identity = Zeros, Ones, Constant, Identity
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, orthogonal = VarianceScaling, Orthogonal
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal, lecun_uniform, lecun_normal = HeUniform, HeNormal, LecunUniform, LecunNormal
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal

_TABLE = {
    kind.__name__: kind
    for kind in (
        Zeros, Ones, Constant, Identity, RandomNormal, TruncatedNormal, RandomUniform,
        VarianceScaling, GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal,
        Orthogonal,
    )
}  # fmt: skip
_ALIASES: dict[str, Any] = {
    "IdentityInitializer": Identity,
    "OrthogonalInitializer": Orthogonal,
    "normal": RandomNormal,
    "one": Ones,
    "uniform": RandomUniform,
    "zero": Zeros,
}


def get(identifier: Any) -> Any:
    """The initializer with this name, or from this config; an array or tensor gives its values.

    Raises:
      ValueError: for a name that is not known, with the nearest one.

    >>> get("he_normal").scale, get("HeNormal").scale, get(None)
    (2.0, 2.0, None)
    """
    if identifier is None:
        return None
    if isinstance(identifier, (np.ndarray, np.generic, Tensor, Variable)):
        return _values(convert(identifier))
    return find("initializer", identifier, _TABLE | _ALIASES, Initializer)


def _values(values: Tensor) -> Any:
    """An initializer that gives these values, for a weight of their shape."""

    def initialize(shape: Any, dtype: Any = None) -> Tensor:
        if tuple(shape) != tuple(values.shape):
            raise ValueError(
                f"A weight of shape {tuple(shape)} cannot start with values of shape {values.shape}."
            )
        return cast(values, _dtype(dtype))

    return initialize


def serialize(initializer: Any) -> Any:
    """Its config."""
    return serialize_keras_object(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The initializer from its config."""
    with custom_object_scope(custom_objects or {}):
        return get(config)
