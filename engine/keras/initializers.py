"""Where weights start. Too small and signals die out layer by layer; too large and they explode.

Glorot: Glorot and Bengio 2010, equation 16. He: He et al. 2015, equation 10.
"""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes
from engine.keras.lookup import find
from engine.ops import creation, random
from engine.tensor import Tensor


class Initializer:
    """Makes the first value of a weight: `initializer(shape, dtype)`."""

    def __call__(self, shape: Any, dtype: Any = dtypes.float32) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, dtype).")


class Zeros(Initializer):
    """All zeros; what biases start with."""

    def __call__(self, shape: Any, dtype: Any = dtypes.float32) -> Tensor:
        return creation.zeros(shape, dtype)


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Any, dtype: Any = dtypes.float32) -> Tensor:
        return creation.ones(shape, dtype)


class Constant(Initializer):
    """Every element is `value`."""

    def __init__(self, value: float = 0.0):
        self.value = value

    def __call__(self, shape: Any, dtype: Any = dtypes.float32) -> Tensor:
        return creation.fill(shape, creation.convert(self.value, dtype))


class RandomNormal(Initializer):
    """Normal numbers with this mean and standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None):
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def __call__(self, shape: Any, dtype: Any = dtypes.float32) -> Tensor:
        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)


class TruncatedNormal(RandomNormal):
    """Normal numbers, none further than two standard deviations from the mean."""

    def __call__(self, shape: Any, dtype: Any = dtypes.float32) -> Tensor:
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)


class RandomUniform(Initializer):
    """Numbers drawn evenly from [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None):
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def __call__(self, shape: Any, dtype: Any = dtypes.float32) -> Tensor:
        return random.uniform(shape, self.minval, self.maxval, dtype, self.seed)


def fans(shape: Any) -> tuple[int, int]:
    """(fan_in, fan_out): how many numbers flow into one unit, and out of one input.

    >>> fans((784, 128)), fans((3, 3, 1, 32)), fans((5,))
    ((784, 128), (9, 288), (5, 5))
    """
    dims = [int(size) for size in shape]
    if len(dims) < 2:
        return (dims[0], dims[0]) if dims else (1, 1)
    window = math.prod(dims[:-2])
    return window * dims[-2], window * dims[-1]


class VarianceScaling(Initializer):
    """Random numbers whose variance is `scale / n`, with n the fan of the weight.

    Args:
      scale: a positive factor.
      mode: 'fan_in', 'fan_out' or 'fan_avg'.
      distribution: 'uniform', 'truncated_normal' or 'untruncated_normal'.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ):
        if scale <= 0:
            raise ValueError(f"VarianceScaling: scale must be positive, not {scale}.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"mode must be 'fan_in', 'fan_out' or 'fan_avg', not {mode!r}.")
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(
                "distribution must be 'uniform', 'truncated_normal' or 'untruncated_normal', not "
                f"{distribution!r}."
            )
        self.scale, self.mode, self.distribution, self.seed = scale, mode, distribution, seed

    def __call__(self, shape: Any, dtype: Any = dtypes.float32) -> Tensor:
        fan_in, fan_out = fans(shape)
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

    def __init__(self, seed: int | None = None):
        super().__init__(1.0, "fan_avg", "uniform", seed)


class GlorotNormal(VarianceScaling):
    """Truncated normal with variance 2 / (fan_in + fan_out)."""

    def __init__(self, seed: int | None = None):
        super().__init__(1.0, "fan_avg", "truncated_normal", seed)


class HeUniform(VarianceScaling):
    """Uniform in +-sqrt(6 / fan_in); made for relu."""

    def __init__(self, seed: int | None = None):
        super().__init__(2.0, "fan_in", "uniform", seed)


class HeNormal(VarianceScaling):
    """Truncated normal with variance 2 / fan_in; made for relu."""

    def __init__(self, seed: int | None = None):
        super().__init__(2.0, "fan_in", "truncated_normal", seed)


_TABLE = {
    kind.__name__: kind
    for kind in (
        Zeros, Ones, Constant, RandomNormal, TruncatedNormal, RandomUniform, VarianceScaling,
        GlorotUniform, GlorotNormal, HeUniform, HeNormal,
    )
}  # fmt: skip


def get(identifier: Any) -> Any:
    """The initializer with this name, or the object itself."""
    return find("initializer", identifier, _TABLE, Initializer)
