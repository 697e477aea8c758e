"""`tf.keras.random`: random numbers from a seed, or from a SeedGenerator, which layers keep.

A function of this module that is given an integer draws the same numbers at every call. Given a
SeedGenerator it draws others each time, also inside a graph; given neither, it draws from `tf.random`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.dispatch import init_scope
from engine.keras import config
from engine.keras.lookup import unique_name
from engine.ops import draws
from engine.ops import random as engine_random
from engine.ops.creation import convert
from engine.ops.elementwise import cast, zeros_like
from engine.ops.indexing import gather
from engine.ops.layout import sizes
from engine.ops.nn import drop
from engine.ops.ordering import argsort
from engine.tensor import Tensor
from engine.variable import Variable

__all__ = [
    "SeedGenerator", "beta", "binomial", "categorical", "dropout", "gamma", "normal", "randint",
    "shuffle", "truncated_normal", "uniform",
]  # fmt: skip

# Keeps the keys of this module apart from those of tf.random, whose seeds are often as small.
_APART = 0x2545F4914F6CDD1D


def make_default_seed() -> int:
    """A seed for an object that was given none.

    It comes from the generator of `tf.random`, so `tf.random.set_seed` and
    `tf.keras.utils.set_random_seed` both make it, and all that follows from it, reproducible. Keras
    takes it from Python's `random` and hears only the second.
    """
    with init_scope():
        return int(engine_random.uniform([], 1, 10**9, "int64"))


class SeedGenerator:
    """A source of seeds: a layer that draws numbers keeps one, and each draw takes the next seed.

    The state is a Variable of two uint32 numbers, the seed and how many draws there were.

    Args:
      seed: an integer; by default one from `tf.random`.
      name: by default 'seed_generator', 'seed_generator_1', ...

    >>> seeds = SeedGenerator(7)
    >>> first, second = uniform([3], seed=seeds), uniform([3], seed=seeds)
    >>> bool((first.numpy() == second.numpy()).any())
    False
    >>> seeds.state.numpy().tolist()
    [7, 2]
    """

    def __init__(self, seed: int | None = None, name: str | None = None):
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise ValueError(f"SeedGenerator: the seed is an integer, not {seed!r}.")
        self.name = name or unique_name("seed_generator")
        self.seed = None if seed is None else int(seed)
        start = (make_default_seed() if self.seed is None else self.seed) & 0xFFFFFFFF
        with init_scope():
            self.state = Variable(
                np.array([start, 0], np.uint32), trainable=False, name="seed_generator_state"
            )

    __keras_state__ = True  # a layer that keeps one counts its state among its variables

    @property
    def variables(self) -> list[Variable]:
        """The state."""
        return [self.state]

    def next(self) -> Tensor:
        """A seed, two uint32 numbers, that no other call returns."""
        return draws.next_key(self.state)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make a generator like this one."""
        return {"seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """A generator made with these arguments; it starts from the beginning."""
        return cls(**config)


def _key(seed: Any) -> Tensor:
    """The key of one draw."""
    if seed is None:
        return engine_random._next_seed(None)
    if isinstance(seed, SeedGenerator):
        return cast(seed.next(), dtypes.int64) + convert([_APART, 0], dtypes.int64)
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return convert([_APART + (int(seed) & 0xFFFFFFFF), 0], dtypes.int64)
    raise ValueError(f"A seed is an integer or a SeedGenerator, not {seed!r}.")


def _floating(dtype: Any, what: str) -> dtypes.DType:
    found = dtypes.as_dtype(config.floatx() if dtype is None else dtype)
    if not found.is_floating:
        raise ValueError(f"{what} draws floating-point numbers, not {found.name}.")
    return found


def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Tensor:
    """Numbers from the normal distribution.

    >>> bool((normal([2], seed=1).numpy() == normal([2], seed=1).numpy()).all())
    True
    """
    return draws.normal(_key(seed), shape, mean, stddev, _floating(dtype, "normal"))


def uniform(
    shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Tensor:
    """Floating-point numbers drawn evenly from [minval, maxval)."""
    return draws.uniform(_key(seed), shape, minval, maxval, _floating(dtype, "uniform"))


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Tensor:
    """Normal numbers, none further than two standard deviations from the mean."""
    found = _floating(dtype, "truncated_normal")
    return draws.truncated_normal(_key(seed), shape, mean, stddev, found)


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Integers drawn evenly from [minval, maxval).

    Raises:
      ValueError: for a dtype that is no integer's.
    """
    found = dtypes.as_dtype(dtype)
    if not found.is_integer:
        raise ValueError(f"randint draws integers, not {found.name}.")
    return draws.uniform(_key(seed), shape, int(minval), int(maxval), found)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Classes drawn with probabilities softmax(logits): `(batch, classes)` gives `(batch, num_samples)`."""
    drawn = draws.categorical(_key(seed), logits, num_samples, dtypes.int64)
    return cast(drawn, dtypes.as_dtype(dtype))


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Tensor:
    """The slices along `axis`, in random order. Keras on JAX orders every line along `axis` on its own;
    here, as in Keras on TensorFlow, slices stay whole.

    >>> sorted(shuffle([3, 1, 2]).numpy().tolist())
    [1, 2, 3]
    """
    tensor = convert(x)
    noise = draws.uniform(_key(seed), [sizes(tensor)[axis]], 0, 1, dtypes.float64)
    return gather(tensor, argsort(noise), axis=axis)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Tensor:
    """`inputs` with a random share `rate` of the elements 0, and the others divided by 1 - rate.

    `noise_shape`: the shape of the decisions, 1 for an axis along which all share one and None for the
    size of the inputs. Srivastava et al., Dropout (2014).

    >>> sorted(set(dropout([1.0] * 100, 0.75, seed=1).numpy().tolist()))
    [0.0, 4.0]
    """
    if rate == 1:
        return zeros_like(convert(inputs))
    return drop(inputs, rate, noise_shape, lambda shape: uniform(shape, dtype="float32", seed=seed))


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers from the gamma distribution with shape parameter `alpha`, broadcast to `shape`, and rate 1."""
    return draws.gamma(_key(seed), shape, alpha, None, _floating(dtype, "gamma"), leading=False)


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers from the beta distribution: a / (a + b), for a and b from gamma(alpha) and gamma(beta)."""
    found = _floating(dtype, "beta")
    key = _key(seed)
    other = key + convert([1 << 40, 0], dtypes.int64)
    a = draws.gamma(key, shape, alpha, None, found, leading=False)
    b = draws.gamma(other, shape, beta, None, found, leading=False)
    return a / (a + b)


def binomial(
    shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> Tensor:
    """How many of `counts` trials succeed, each with its probability; both are broadcast to `shape`."""
    found = _floating(dtype, "binomial")
    return draws.binomial(_key(seed), shape, counts, probabilities, found)
