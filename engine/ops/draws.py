"""Random numbers as functions of a key: what `tf.random`, its stateless functions and Generator share.

A key is an int64 vector (seed, counter). The numbers come from NumPy's Philox, a counter-based
generator (Salmon et al., SC11): the same key gives the same numbers, and one draw may use up to 2**64
counter steps before it meets the next draw's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import devices, dtypes
from engine.dispatch import NOT_DIFFERENTIABLE, apply, context, primitive
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, convert_together, sizes_of
from engine.ops.elementwise import (
    REAL,
    _check_kind,
    cast,
    clip_by_value,
    log,
    maximum,
    negative,
    stop_gradient,
    where,
)
from engine.ops.indexing import gather
from engine.ops.joining import concat
from engine.ops.layout import broadcast_like, broadcast_to, expand_dims, sizes
from engine.ops.layout import shape as shape_of
from engine.ops.ordering import argsort
from engine.ops.reduce import argmax
from engine.spec import Dims, TensorSpec
from engine.tensor import Tensor
from engine.variable import Variable

_DIGITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}  # binary ones, of the significand


def _generator(seed: Any) -> np.random.Generator:
    key, counter = (int(part) for part in devices.to_host(seed).reshape(-1))
    return np.random.Generator(np.random.Philox(key=key & (2**64 - 1), counter=(counter & (2**62 - 1)) << 64))


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


def _now(shape: Dims | None, dims: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape to draw: static, or the values of a further input."""
    return tuple(devices.to_host(dims[0]).tolist()) if dims else shape  # type: ignore[return-value]


def _draw(name: str, sample: Any) -> Any:
    """Declares a draw: from a key, and from a shape tensor where the shape is known only in the graph."""

    def kernel(xp: Any, seed: Any, *dims: Any, shape: Dims | None, dtype: dtypes.DType) -> Any:
        values = np.asarray(sample(_generator(seed), _now(shape, dims), dtype))
        return xp.asarray(values.astype(dtype.as_numpy_dtype))

    def spec(seed: TensorSpec, *dims: TensorSpec, shape: Dims | None, dtype: dtypes.DType) -> TensorSpec:
        return TensorSpec(shape, dtype)

    return primitive(name, kernel, spec, vjp=NOT_DIFFERENTIABLE)


def _draw_like(name: str, sample: Any, vjp: Any = NOT_DIFFERENTIABLE) -> Any:
    """Declares a draw of one number for each element of its parameters."""

    def kernel(xp: Any, seed: Any, *parameters: Any, dtype: dtypes.DType) -> Any:
        known = (devices.to_host(p).astype(np.float64) for p in parameters)
        values = np.asarray(sample(_generator(seed), *known))
        return xp.asarray(values.astype(dtype.as_numpy_dtype))

    def spec(seed: TensorSpec, *parameters: TensorSpec, dtype: dtypes.DType) -> TensorSpec:
        for parameter in parameters:
            _check_kind(name, parameter, REAL)
        return TensorSpec(parameters[0].dims, dtype)

    return primitive(name, kernel, spec, vjp=vjp)


_UNIFORM = _draw("random_uniform", _uniform)
_NORMAL = _draw("random_normal", _normal)
_TRUNCATED = _draw("random_truncated_normal", _truncated_normal)
_INTEGERS = primitive(
    "random_integers",
    lambda xp, seed, *dims, shape, low, high, dtype: xp.asarray(
        _generator(seed).integers(low, high, _now(shape, dims), dtype.as_numpy_dtype)
    ),
    lambda seed, *dims, shape, low, high, dtype: TensorSpec(shape, dtype),
    vjp=NOT_DIFFERENTIABLE,
)
def _gamma_vjp(dy: Tensor, y: Tensor, seed: Tensor, alpha: Tensor, *, dtype: dtypes.DType) -> Tensor:
    from engine.ops.gamma import random_gamma_grad  # read when a gradient is asked for

    return dy * random_gamma_grad(alpha, y)


_GAMMA = _draw_like("random_gamma", lambda g, alpha: g.standard_gamma(alpha), (None, _gamma_vjp))
_POISSON = _draw_like("random_poisson", lambda g, rate: g.poisson(rate))
_BINOMIAL = _draw_like("random_binomial", lambda g, counts, probs: g.binomial(counts.astype(int), probs))


def next_key(state: Variable, count: Any = 1) -> Tensor:
    """The key in a state variable, whose counter then goes on by `count` draws.

    Under vectorized_map it is a key for each example: they draw one after the other.
    """
    if hasattr(context.builder, "next_keys"):
        return context.builder.next_keys(state, count)
    now = state.value()
    state.assign(now + cast(convert([0, count]), now.dtype))
    return now


def floating(dtype: Any, what: str) -> dtypes.DType:
    """The dtype, if numbers of it can be drawn; InvalidArgumentError otherwise."""
    found = dtypes.as_dtype(dtype)
    if not found.is_floating:
        raise InvalidArgumentError(f"{what} draws floating-point numbers, not {found.name}.")
    return found


def sample(record: Any, key: Tensor, shape: Any, **attrs: Any) -> Tensor:
    """A draw of this shape, which may be symbolic."""
    known, later = sizes_of(shape)
    return apply(record, key, *([] if later is None else [later]), shape=known, **attrs)


def uniform(key: Tensor, shape: Any, minval: Any, maxval: Any, dtype: Any) -> Tensor:
    """Numbers drawn evenly from [minval, maxval)."""
    found = dtypes.as_dtype(dtype)
    if found.is_integer:
        if maxval is None:
            raise ValueError("uniform: integers need maxval, the first number not drawn.")
        first, end = int(minval or 0), int(maxval)
        if first >= end:
            raise InvalidArgumentError(f"uniform: minval {first} must be smaller than maxval {end}.")
        return sample(_INTEGERS, key, shape, low=first, high=end, dtype=found)
    draw = sample(_UNIFORM, key, shape, dtype=floating(dtype, "uniform"))
    low = cast(convert(0 if minval is None else minval, hint=found), found)
    high = cast(convert(1 if maxval is None else maxval, hint=found), found)
    return draw * (high - low) + low


def full_int(key: Tensor, shape: Any, dtype: Any) -> Tensor:
    """Integers drawn evenly from all that the dtype holds."""
    found = dtypes.as_dtype(dtype)
    if not found.is_integer:
        raise InvalidArgumentError(f"uniform_full_int draws integers, not {found.name}.")
    return sample(_INTEGERS, key, shape, low=int(found.min), high=int(found.max) + 1, dtype=found)


def normal(key: Tensor, shape: Any, mean: Any, stddev: Any, dtype: Any) -> Tensor:
    """Normal numbers."""
    return sample(_NORMAL, key, shape, dtype=floating(dtype, "normal")) * stddev + mean


def truncated_normal(key: Tensor, shape: Any, mean: Any, stddev: Any, dtype: Any) -> Tensor:
    """Normal numbers, none further than two standard deviations from the mean."""
    return sample(_TRUNCATED, key, shape, dtype=floating(dtype, "truncated_normal")) * stddev + mean


def between(key: Tensor, shape: Any, mean: Any, stddev: Any, low: Any, high: Any) -> Tensor:
    """Normal numbers between two limits: a uniform share of what lies between them, taken back.

    The half of the distribution in which the limits lie nearer to its end is used, so that far limits keep
    their digits.
    """
    from engine.ops.special import erfc, ndtri

    mean, stddev, low, high = convert_together(mean, stddev, low, high)
    share = sample(_UNIFORM, key, shape, dtype=floating(mean.dtype, "truncated_normal"))
    below, above = (low - mean) / stddev, (high - mean) / stddev
    turned = stop_gradient(below + above) > 0
    first, last = where(turned, -above, below), where(turned, -below, above)
    start, end = erfc(first * -math.sqrt(0.5)) / 2, erfc(last * -math.sqrt(0.5)) / 2
    z = ndtri(maximum(start + share * (end - start), 1e-37))
    value = where(turned, -z, z) * stddev + mean
    return clip_by_value(value, low, high)


def over(parameter: Any, shape: Any, leading: bool) -> Tensor:
    """A parameter repeated for every draw: `shape` is the result's, or stands before the parameter's."""
    x = convert(parameter)
    if not leading:
        return broadcast_to(x, shape)
    known, later = sizes_of(shape)
    if later is None:
        return broadcast_to(x, [*known, *sizes(x)])  # type: ignore[misc]
    own = cast(shape_of(x), later.dtype)
    return broadcast_to(x, concat([later, own], 0))


def gamma(key: Tensor, shape: Any, alpha: Any, beta: Any, dtype: Any, leading: bool) -> Tensor:
    """Numbers from the gamma distribution with shape `alpha` and rate `beta`."""
    found = floating(dtype, "gamma")
    a = cast(convert(alpha, hint=found), found)
    if beta is None:
        return apply(_GAMMA, key, over(a, shape, leading), dtype=found)
    rate = cast(convert(beta, hint=found), found)
    wide = a + rate * 0  # both parameters in their common shape
    return apply(_GAMMA, key, over(wide, shape, leading), dtype=found) / rate


def poisson(key: Tensor, shape: Any, lam: Any, dtype: Any, leading: bool) -> Tensor:
    """Counts from the Poisson distribution with mean `lam`."""
    rate = cast(convert(lam), dtypes.float64)
    return apply(_POISSON, key, over(rate, shape, leading), dtype=dtypes.as_dtype(dtype))


def binomial(key: Tensor, shape: Any, counts: Any, probs: Any, dtype: Any) -> Tensor:
    """How many of `counts` trials succeed, each with probability `probs`."""
    n, p = cast(convert(counts), dtypes.float64), cast(convert(probs), dtypes.float64)
    wide = over(n, shape, leading=False)
    return apply(_BINOMIAL, key, wide, broadcast_like(p, wide), dtype=dtypes.as_dtype(dtype))


def categorical(key: Tensor, logits: Any, num_samples: int, dtype: Any) -> Tensor:
    """Classes drawn with probabilities softmax(logits): `(batch, classes)` gives `(batch, num_samples)`.

    By the Gumbel trick: the largest of logits + noise is a draw from their softmax.
    """
    scores = convert(logits)
    if scores.ndim != 2 or not scores.dtype.is_floating:
        raise InvalidArgumentError(
            f"categorical: floating-point logits of shape (batch, classes) were expected, but a "
            f"{scores.dtype.name} tensor of shape {scores.shape} was given."
        )
    batch, classes = sizes(scores)
    noise = sample(_UNIFORM, key, [batch, int(num_samples), classes], dtype=dtypes.float64)
    gumbel = negative(log(negative(log(noise))))
    return argmax(expand_dims(cast(scores, dtypes.float64), 1) + gumbel, -1, output_type=dtype)


def shuffle(key: Tensor, value: Any) -> Tensor:
    """The slices along the first axis, in random order."""
    x = convert(value)
    if not x.ndim:
        raise InvalidArgumentError("shuffle: a scalar has no axis to shuffle.")
    return gather(x, argsort(sample(_UNIFORM, key, [sizes(x)[0]], dtype=dtypes.float64)))
