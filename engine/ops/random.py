"""`tf.random`: numbers from the global generator, from seeds given to each call, and Generator.

The global generator is a Variable: (seed, counter). Each draw reads it and advances the counter. A graph
that draws therefore reads and updates it like any other state, and gives fresh numbers at each call.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from engine import dtypes
from engine.dispatch import init_scope
from engine.errors import InvalidArgumentError
from engine.ops import draws
from engine.ops.creation import convert
from engine.ops.elementwise import cast
from engine.ops.generator import Generator
from engine.ops.joining import stack
from engine.tensor import Tensor
from engine.variable import Variable

__all__ = [
    "Generator", "categorical", "fixed_unigram_candidate_sampler", "fold_in", "gamma",
    "get_global_generator", "log_uniform_candidate_sampler", "normal", "poisson", "set_global_generator",
    "set_seed", "shuffle", "split", "stateless_binomial", "stateless_categorical", "stateless_gamma",
    "stateless_normal", "stateless_parameterized_truncated_normal", "stateless_poisson",
    "stateless_shuffle", "stateless_truncated_normal", "stateless_uniform", "truncated_normal", "uniform",
    "uniform_candidate_sampler",
]  # fmt: skip

_state: Variable | None = None
_global: Generator | None = None


def _global_state() -> Variable:
    global _state
    if _state is None:
        with init_scope():  # the first draw may happen while a function is traced
            set_seed(secrets.randbits(62))
    assert _state is not None
    return _state


def set_seed(seed: int) -> None:
    """Makes every later draw on this machine a function of `seed`.

    >>> set_seed(1); a = uniform([2]); set_seed(1); b = uniform([2])
    >>> bool((a.numpy() == b.numpy()).all())
    True
    """
    global _state
    start = np.array([int(seed) & (2**62 - 1), 0], np.int64)
    if _state is None:
        _state = Variable(start, trainable=False, name="random_state")
    else:
        _state.assign(start)


@contextmanager
def own_state() -> Iterator[None]:
    """Gives what is traced in the block a generator of its own, seeded by the global one when it draws.

    A pipeline may run in a thread of its own; its numbers then do not depend on who draws first.
    """
    global _state
    with init_scope():
        key = draws.next_key(_global_state()).numpy()
    before = _state
    try:
        mixed = (int(key[0]) + (int(key[1]) + 1) * 0x9E3779B97F4A7C15) & (2**62 - 1)
        with init_scope():
            _state = Variable(np.array([mixed, 0], np.int64), trainable=False, name="random_state")
        yield
    finally:
        _state = before


def _next_seed(seed: int | None) -> Tensor:
    """The key for one draw. An operation's own seed is mixed into the global one."""
    now = draws.next_key(_global_state())
    return now if seed is None else now + convert([int(seed) * 0x9E3779B1 % 2**61, 0], dtypes.int64)


def get_global_generator() -> Generator:
    """A Generator shared by the whole program; made, and seeded by the operating system, at first use."""
    global _global
    if _global is None:
        with init_scope():
            _global = Generator.from_non_deterministic_state()
    return _global


def set_global_generator(generator: Generator) -> None:
    """Makes this the Generator that `get_global_generator` returns."""
    global _global
    _global = generator


# --- from the global state ------------------------------------------------------------------------


def uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = dtypes.float32,
    seed: int | None = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Numbers drawn evenly from [minval, maxval); `maxval` is 1 by default, and needed for integers.

    >>> uniform([2, 3]).shape
    TensorShape([2, 3])
    """
    return draws.uniform(_next_seed(seed), shape, minval, maxval, dtype)


def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32,
    seed: int | None = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Numbers from the normal distribution with this mean and standard deviation."""
    return draws.normal(_next_seed(seed), shape, mean, stddev, dtype)


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32,
    seed: int | None = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Normal numbers, none further than two standard deviations from the mean."""
    return draws.truncated_normal(_next_seed(seed), shape, mean, stddev, dtype)


def gamma(
    shape: Any, alpha: Any, beta: Any = None, dtype: Any = dtypes.float32, seed: int | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Numbers from the gamma distribution: `shape` of them for each element of `alpha` and `beta`.

    `beta` is the rate, 1 by default. Gradients flow to both: to `alpha` by how a draw moves with it, its rank
    among all draws held fixed (implicit reparameterisation).

    >>> gamma([5], alpha=[1.0, 2.0]).shape
    TensorShape([5, 2])
    """
    return draws.gamma(_next_seed(seed), shape, alpha, beta, dtype, leading=True)


def poisson(
    shape: Any,
    lam: Any,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Counts from the Poisson distribution: `shape` of them for each element of `lam`, the mean.

    >>> poisson([5], lam=[1.0, 2.0]).shape
    TensorShape([5, 2])
    """
    return draws.poisson(_next_seed(seed), shape, lam, dtype, leading=True)


def categorical(
    logits: Any, num_samples: int, dtype: Any = None, seed: int | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Classes drawn with probabilities softmax(logits): `(batch, classes)` gives `(batch, num_samples)`.

    >>> categorical([[0.0, float("-inf")]], 3).numpy().tolist()
    [[0, 0, 0]]
    """
    return draws.categorical(_next_seed(seed), logits, num_samples, dtype or dtypes.int64)


def shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """The slices along the first axis, in random order."""
    return draws.shuffle(_next_seed(seed), value)


# --- from a seed given to each call ---------------------------------------------------------------


def _key(seed: Any) -> Tensor:
    """Two integers as a key, mixed so that it is not one of the global generator's."""
    given = convert(seed)
    if given.shape.num_elements() not in (2, None) or not given.dtype.is_integer:
        raise InvalidArgumentError(
            f"A stateless seed is two integers, such as [1, 2], not {given}."
        )
    mixed = cast(given, dtypes.int64) * convert([0x5851F42D4C957F2D, 1], dtypes.int64)
    return mixed + convert([0x14057B7EF767814F, 1 << 40], dtypes.int64)


def stateless_uniform(
    shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = dtypes.float32,
    name: str | None = None, alg: Any = "auto_select",
) -> Tensor:  # fmt: skip
    """As `uniform`, but a function of `seed`, two integers: the same seed gives the same numbers.

    >>> bool((stateless_uniform([3], [1, 2]).numpy() == stateless_uniform([3], [1, 2]).numpy()).all())
    True
    """
    if minval is None and maxval is None:
        return draws.full_int(_key(seed), shape, dtype)
    return draws.uniform(_key(seed), shape, minval, maxval, dtype)


def stateless_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32,
    name: str | None = None, alg: Any = "auto_select",
) -> Tensor:  # fmt: skip
    """As `normal`, but a function of `seed`, two integers."""
    return draws.normal(_key(seed), shape, mean, stddev, dtype)


def stateless_truncated_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32,
    name: str | None = None, alg: Any = "auto_select",
) -> Tensor:  # fmt: skip
    """As `truncated_normal`, but a function of `seed`, two integers."""
    return draws.truncated_normal(_key(seed), shape, mean, stddev, dtype)


def stateless_gamma(
    shape: Any, seed: Any, alpha: Any, beta: Any = None, dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """As `gamma`, but a function of `seed`; `shape` is the whole shape, to which alpha is broadcast."""
    return draws.gamma(_key(seed), shape, alpha, beta, dtype, leading=False)


def stateless_poisson(
    shape: Any, seed: Any, lam: Any, dtype: Any = dtypes.int32, name: str | None = None
) -> Tensor:
    """As `poisson`, but a function of `seed`; `shape` is the whole shape, to which lam is broadcast."""
    return draws.poisson(_key(seed), shape, lam, dtype, leading=False)


def stateless_binomial(
    shape: Any, seed: Any, counts: Any, probs: Any, output_dtype: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """How many of `counts` trials succeed, each with probability `probs`; a function of `seed`."""
    return draws.binomial(_key(seed), shape, counts, probs, output_dtype)


def stateless_categorical(
    logits: Any, num_samples: int, seed: Any, dtype: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """As `categorical`, but a function of `seed`, two integers."""
    return draws.categorical(_key(seed), logits, num_samples, dtype)


def stateless_shuffle(
    value: Any, seed: Any, alg: Any = "auto_select", name: str | None = None
) -> Tensor:
    """As `shuffle`, but a function of `seed`. In TensorFlow it is tf.random.experimental's."""
    return draws.shuffle(_key(seed), value)


def stateless_parameterized_truncated_normal(
    shape: Any, seed: Any, means: Any = 0.0, stddevs: Any = 1.0, minvals: Any = -2.0, maxvals: Any = 2.0,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Normal numbers between `minvals` and `maxvals`, to whose shape the parameters are broadcast.

    By the inverse of the distribution, so that gradients flow to all four parameters.

    >>> draws = stateless_parameterized_truncated_normal([100], [1, 2], 10.0, 3.0, 9.0, 12.0).numpy()
    >>> bool(((draws >= 9) & (draws <= 12)).all())
    True
    """
    return draws.between(_key(seed), shape, means, stddevs, minvals, maxvals)


def split(seed: Any, num: int = 2, alg: Any = "auto_select") -> Tensor:
    """`num` seeds for stateless functions from one, shape (num, 2); independent of it and each other."""
    dtype = convert(seed).dtype
    return draws.full_int(_key(seed), [int(num), 2], dtype)


def fold_in(seed: Any, data: Any, alg: Any = "auto_select") -> Tensor:
    """A new seed from a seed and a number, such as the step of a loop."""
    number = convert(data)
    return stack([draws.full_int(_key(seed), [], number.dtype), number])


# At the end, for they need the functions above.
from engine.ops import random_experimental as experimental  # noqa: E402, F401
from engine.ops.candidates import (  # noqa: E402
    fixed_unigram_candidate_sampler,
    log_uniform_candidate_sampler,
    uniform_candidate_sampler,
)
