"""`tf.nn.experimental`: dropout with a source of random numbers of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import dtypes
from engine.ops import random
from engine.ops.elementwise import cast
from engine.ops.nn import drop
from engine.tensor import Tensor

__all__ = ["general_dropout", "stateless_dropout"]


def stateless_dropout(
    x: Any, rate: Any, seed: Any, rng_alg: Any = None, noise_shape: Any = None, name: str | None = None
) -> Tensor:
    """As `tf.nn.dropout`, but a function of `seed`, two integers. `rng_alg` is accepted: it is Philox.

    >>> a, b = (stateless_dropout([1.0] * 9, 0.5, [1, 2]).numpy().tolist() for _ in range(2))
    >>> a == b
    True
    """
    return drop(x, rate, noise_shape, lambda shape: random.stateless_uniform(shape, seed))


def general_dropout(
    x: Any, rate: Any, uniform_sampler: Callable[..., Any], noise_shape: Any = None, name: str | None = None
) -> Tensor:
    """As `tf.nn.dropout`, with numbers in [0, 1) from `uniform_sampler(shape, dtype)`.

    >>> general_dropout([1.0, 2.0], 0.5, lambda shape, dtype: [0.2, 0.7]).numpy().tolist()
    [0.0, 4.0]
    """

    def sampler(shape: Any) -> Tensor:
        return cast(uniform_sampler(shape, dtypes.float32), dtypes.float32)

    return drop(x, rate, noise_shape, sampler)
