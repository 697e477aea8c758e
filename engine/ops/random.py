"""Random numbers from a seed and a counter.

The global generator is a Variable: (seed, counter). Each draw reads it and advances the counter. A graph
that draws therefore reads and updates it like any other state, and gives fresh numbers at each call.
The numbers come from NumPy's Philox, a counter-based generator (Salmon et al., SC11).
"""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np

from engine import dtypes
from engine.dispatch import NOT_DIFFERENTIABLE, apply, init_scope, primitive
from engine.errors import InvalidArgumentError
from engine.ops.creation import _dims_of, convert
from engine.ops.elementwise import cast
from engine.spec import TensorSpec
from engine.tensor import Tensor
from engine.variable import Variable

_state: Variable | None = None


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


def _generator(seed: Any) -> np.random.Generator:
    key, counter = (int(part) for part in np.asarray(seed).reshape(-1))
    # One draw may use up to 2**64 counter steps before it meets the next draw's.
    return np.random.Generator(np.random.Philox(key=key & (2**64 - 1), counter=(counter & (2**62 - 1)) << 64))


_DIGITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}  # binary ones, of the significand


def _uniform(generator: np.random.Generator, shape: tuple[int, ...], dtype: dtypes.DType) -> Any:
    """Numbers in [0, 1), cut to the digits of the dtype: rounding would turn the largest into 1."""
    steps = 2.0 ** _DIGITS[dtype.name]
    return np.floor(generator.random(shape) * steps) / steps


def _normal(generator: np.random.Generator, shape: tuple[int, ...], dtype: dtypes.DType) -> Any:
    return generator.standard_normal(shape)


def _truncated_normal(generator: np.random.Generator, shape: tuple[int, ...], dtype: dtypes.DType) -> Any:
    """Normal numbers; those further than two deviations from 0 are drawn again."""
    values = np.asarray(generator.standard_normal(shape))
    outside = np.abs(values) > 2
    while outside.any():
        values[outside] = generator.standard_normal(int(outside.sum()))
        outside = np.abs(values) > 2
    return values


def _draw(name: str, sample: Any) -> Any:
    def kernel(xp: Any, seed: Any, *, shape: tuple[int, ...], dtype: dtypes.DType) -> Any:
        values = np.asarray(sample(_generator(seed), shape, dtype))
        return xp.asarray(values.astype(dtype.as_numpy_dtype))

    def spec(seed: TensorSpec, *, shape: tuple[int, ...], dtype: dtypes.DType) -> TensorSpec:
        return TensorSpec(shape, dtype)

    return primitive(name, kernel, spec, vjp=NOT_DIFFERENTIABLE)


_UNIFORM = _draw("random_uniform", _uniform)
_NORMAL = _draw("random_normal", _normal)
_TRUNCATED = _draw("random_truncated_normal", _truncated_normal)
_INTEGERS = primitive(
    "random_integers",
    lambda xp, seed, *, shape, low, high, dtype: xp.asarray(
        _generator(seed).integers(low, high, shape, dtype.as_numpy_dtype)
    ),
    lambda seed, *, shape, low, high, dtype: TensorSpec(shape, dtype),
    vjp=NOT_DIFFERENTIABLE,
)


def _next_seed(seed: int | None) -> Tensor:
    """The key for one draw. An operation's own seed is mixed into the global one."""
    state = _global_state()
    now = state.value()
    state.assign(now + convert([0, 1], dtypes.int64))
    return now if seed is None else now + convert([int(seed) * 0x9E3779B1 % 2**61, 0], dtypes.int64)


def _floating(dtype: Any, what: str) -> dtypes.DType:
    found = dtypes.as_dtype(dtype)
    if not found.is_floating:
        raise InvalidArgumentError(f"{what} draws floating-point numbers, not {found.name}.")
    return found


def uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Numbers drawn evenly from [minval, maxval); `maxval` is 1 by default, and needed for integers.

    >>> uniform([2, 3]).shape
    TensorShape([2, 3])
    """
    found, dims = dtypes.as_dtype(dtype), _dims_of(shape)
    if found.is_integer:
        if maxval is None:
            raise ValueError("uniform: integers need maxval, the first number not drawn.")
        return apply(
            _INTEGERS, _next_seed(seed), shape=dims, low=int(minval), high=int(maxval), dtype=found
        )
    draw = apply(_UNIFORM, _next_seed(seed), shape=dims, dtype=_floating(dtype, "uniform"))
    low = cast(convert(minval, hint=found), found)
    high = cast(convert(1 if maxval is None else maxval, hint=found), found)
    return draw * (high - low) + low


def normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Numbers from the normal distribution with this mean and standard deviation."""
    found = _floating(dtype, "normal")
    return apply(_NORMAL, _next_seed(seed), shape=_dims_of(shape), dtype=found) * stddev + mean


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normal numbers, none further than two standard deviations from the mean."""
    found = _floating(dtype, "truncated_normal")
    return apply(_TRUNCATED, _next_seed(seed), shape=_dims_of(shape), dtype=found) * stddev + mean


def shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """The slices along the first axis, in random order."""
    from engine.ops.indexing import gather

    x = convert(value)
    count = x.shape[0]
    if count is None:
        raise InvalidArgumentError("shuffle needs a first axis whose size is known.")
    keys = apply(_UNIFORM, _next_seed(seed), shape=(count,), dtype=dtypes.float64)
    return gather(x, apply(_ARGSORT, keys))


_ARGSORT = primitive(
    "argsort",
    lambda xp, x: xp.argsort(x, kind="stable").astype(np.int32),
    lambda x: TensorSpec(x.dims, dtypes.int32),
    vjp=NOT_DIFFERENTIABLE,
)
