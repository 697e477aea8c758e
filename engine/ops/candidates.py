"""Sampled classes: training against a few of very many classes, as word embeddings do.

A sampler draws classes and says how often each was to be expected; the two losses compare the true classes
with the drawn ones. Jean et al., On Using Very Large Target Vocabulary (2015); Gutmann and Hyvärinen,
Noise-Contrastive Estimation (2010).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import devices, dtypes
from engine.dispatch import NOT_DIFFERENTIABLE, apply, primitive
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, convert_like
from engine.ops.draws import _generator
from engine.ops.elementwise import (
    _check_kind,
    cast,
    equal,
    expm1,
    log,
    log1p,
    negative,
    ones_like,
    stop_gradient,
    where,
    zeros_like,
)
from engine.ops.indexing import gather
from engine.ops.joining import concat
from engine.ops.layout import expand_dims
from engine.ops.linalg import matmul
from engine.ops.losses import sigmoid_cross_entropy_with_logits, softmax_cross_entropy_with_logits
from engine.ops.reduce import reduce_any, reduce_sum
from engine.ops.selection import where_true
from engine.ops.slicing import getitem
from engine.spec import TensorSpec, whole
from engine.tensor import Tensor

Sample = tuple[Tensor, Tensor, Tensor]


def _kernel(xp: Any, seed: Any, chances: Any, *, count: int, unique: bool) -> Any:
    """Classes, and how many draws they took: with `unique`, a class that was there already is not taken."""
    generator, p = _generator(seed), devices.to_host(chances).astype(np.float64)
    edges = np.cumsum(p / p.sum()) if len(p) else p

    def more(number: int) -> Any:
        return np.minimum(np.searchsorted(edges, generator.random(number), "right"), len(p) - 1)

    if not unique:
        return xp.asarray(more(count).astype(np.int64)), xp.asarray(np.int64(count))
    drawn, first = np.zeros(0, np.int64), np.zeros(0, np.int64)
    while len(first) < count:
        drawn = np.concatenate([drawn, more(2 * count + 16)])
        first = np.sort(np.unique(drawn, return_index=True)[1])
    last = int(first[count - 1]) + 1 if count else 0
    return xp.asarray(drawn[first[:count]].astype(np.int64)), xp.asarray(np.int64(last))


def _spec(
    seed: TensorSpec, chances: TensorSpec, *, count: int, unique: bool
) -> tuple[TensorSpec, TensorSpec]:
    _check_kind("sample_classes", chances, ("float",))
    size = None if chances.dims is None else chances.dims[0]
    if size is not None and (size < count if unique else size == 0 < count):
        raise InvalidArgumentError(
            f"A sampler cannot draw {count}{' different' if unique else ''} classes from {size}."
        )
    return TensorSpec((count,), dtypes.int64), TensorSpec((), dtypes.int64)


_DRAW = primitive("sample_classes", _kernel, _spec, vjp=NOT_DIFFERENTIABLE)


def _sample(
    chances: np.ndarray, true_classes: Any, num_true: int, num_sampled: int, unique: bool, seed: Any
) -> Sample:
    labels = cast(convert(true_classes), dtypes.int64)
    if labels.ndim != 2 or labels.shape[1] not in (num_true, None):
        raise InvalidArgumentError(
            f"true_classes must have shape (batch, num_true) with num_true {num_true}, but shape "
            f"{labels.shape} was given."
        )
    p = convert(chances)
    count = whole(num_sampled, "num_sampled")
    _spec(TensorSpec((2,), dtypes.int64), p.spec, count=count, unique=bool(unique))
    from engine.ops.random import (
        _next_seed,  # which offers these samplers, and so needs this module
    )

    drawn, tries = apply(_DRAW, _next_seed(seed), p, count=count, unique=bool(unique))

    def expected(classes: Tensor) -> Tensor:
        share = gather(p, classes)
        number = cast(tries, dtypes.float64)
        often = negative(expm1(number * log1p(-share))) if unique else share * number
        return cast(often, dtypes.float32)

    return drawn, expected(labels), expected(drawn)


def uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int,
    seed: int | None = None, name: str | None = None,
) -> Sample:  # fmt: skip
    """Draws classes 0 ... range_max - 1, all equally often.

    Returns the drawn classes, `(num_sampled,)` int64; how often each true class, `(batch, num_true)`, and
    each drawn one were to be expected among them, float32. `unique` draws no class twice.

    >>> drawn, _, often = uniform_candidate_sampler([[0]], 1, 3, True, 3)
    >>> sorted(drawn.numpy().tolist()), often.shape
    ([0, 1, 2], TensorShape([3]))
    """
    n = whole(range_max, "range_max")
    return _sample(np.full(n, 1 / max(n, 1)), true_classes, num_true, num_sampled, unique, seed)


def log_uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int,
    seed: int | None = None, name: str | None = None,
) -> Sample:  # fmt: skip
    """As `uniform_candidate_sampler`, class k with chance log((k + 2) / (k + 1)) / log(range_max + 1).

    It fits classes that are sorted from frequent to rare, as words are by Zipf's law.

    >>> log_uniform_candidate_sampler([[0, 5]], 2, 4, False, 100)[1].shape
    TensorShape([1, 2])
    """
    n = whole(range_max, "range_max")
    chances = np.log1p(1 / (np.arange(n) + 1.0)) / np.log1p(n)
    return _sample(chances, true_classes, num_true, num_sampled, unique, seed)


def fixed_unigram_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int,
    vocab_file: str = "", distortion: float = 1.0, num_reserved_ids: int = 0, num_shards: int = 1,
    shard: int = 0, unigrams: Any = (), seed: int | None = None, name: str | None = None,
) -> Sample:  # fmt: skip
    """As `uniform_candidate_sampler`, with chances in proportion to `unigrams` to the power `distortion`.

    `num_reserved_ids` classes that are never drawn come before those of `unigrams`. There is no `vocab_file`
    and only one shard.
    """
    if vocab_file or num_shards != 1 or shard:
        raise NotImplementedError(
            "fixed_unigram_candidate_sampler: give the counts as `unigrams`; vocab_file and shards are not "
            "supported."
        )
    weights = np.concatenate([np.zeros(num_reserved_ids), np.asarray(unigrams, np.float64) ** distortion])
    if len(weights) != range_max or not weights.any():
        raise InvalidArgumentError(
            f"fixed_unigram_candidate_sampler: range_max is {range_max}, but num_reserved_ids and unigrams "
            f"name {len(weights)} classes."
        )
    return _sample(weights / weights.sum(), true_classes, num_true, num_sampled, unique, seed)


def _hits(labels: Tensor, sampled: Tensor) -> Tensor:
    """Where a drawn class is a true one: (batch, num_true, num_sampled)."""
    return equal(expand_dims(labels, 2), sampled)


def compute_accidental_hits(
    true_classes: Any, sampled_candidates: Any, num_true: int, seed: int | None = None,
    name: str | None = None,
) -> Sample:  # fmt: skip
    """Where drawn classes are true ones: the examples, the positions among the drawn, and weights.

    Each weight is the lowest float32: added to the logit it takes the class out.

    >>> rows, places, weights = compute_accidental_hits([[1], [7]], [7, 1, 3], 1)
    >>> rows.numpy().tolist(), places.numpy().tolist()
    ([0, 1], [1, 0])
    """
    labels = cast(convert(true_classes), dtypes.int64)
    found = where_true(_hits(labels, cast(convert(sampled_candidates), dtypes.int64)))
    rows = cast(getitem(found, (slice(None), 0)), dtypes.int32)
    return rows, getitem(found, (slice(None), 2)), ones_like(rows, dtypes.float32) * dtypes.float32.min


def _logits(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int,
    num_true: int, sampled_values: Any, subtract_log_q: bool, remove: bool, seed: Any,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Logits of the true classes and of the drawn ones, side by side, and what they should say."""
    x, table = convert(inputs), convert(weights)
    bias = convert_like(biases, table)
    true = cast(convert(labels), dtypes.int64)
    if sampled_values is None:
        sampled_values = log_uniform_candidate_sampler(
            true, num_true, num_sampled, True, num_classes, seed
        )
    drawn, true_often, drawn_often = (stop_gradient(value) for value in sampled_values)
    drawn = cast(drawn, dtypes.int64)
    true_logits = reduce_sum(expand_dims(x, 1) * gather(table, true), -1) + gather(bias, true)
    drawn_logits = matmul(x, gather(table, drawn), transpose_b=True) + gather(bias, drawn)
    if remove:
        out = reduce_any(_hits(true, drawn), 1)
        drawn_logits = where(out, zeros_like(drawn_logits) + float(x.dtype.min) / 2, drawn_logits)
    if subtract_log_q:
        true_logits = true_logits - log(cast(true_often, x.dtype))
        drawn_logits = drawn_logits - log(cast(drawn_often, x.dtype))
    goals = [ones_like(true_logits) / num_true, zeros_like(drawn_logits)]
    return concat([true_logits, drawn_logits], 1), concat(goals, 1)


def nce_loss(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int,
    num_true: int = 1, sampled_values: Any = None, remove_accidental_hits: bool = False,
    name: str = "nce_loss",
) -> Tensor:  # fmt: skip
    """Noise-contrastive estimation: tells true classes from drawn ones, one number an example.

    Args:
      weights, biases: `(num_classes, dim)` and `(num_classes,)`.
      labels: the true classes, `(batch, num_true)`.
      inputs: `(batch, dim)`.
      sampled_values: what a sampler returned; by default `log_uniform_candidate_sampler` draws.
      remove_accidental_hits: leaves out drawn classes that are true ones.
    """
    logits, goals = _logits(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values, True,
        remove_accidental_hits, None,
    )  # fmt: skip
    return reduce_sum(sigmoid_cross_entropy_with_logits(goals, logits), 1)


def sampled_softmax_loss(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int,
    num_true: int = 1, sampled_values: Any = None, remove_accidental_hits: bool = True,
    seed: int | None = None, name: str = "sampled_softmax_loss",
) -> Tensor:  # fmt: skip
    """Softmax cross-entropy over the true classes and a sample of the others, one number an example.

    For training only: it is lower than the loss over all classes. Arguments as for `nce_loss`.
    """
    logits, goals = _logits(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values, True,
        remove_accidental_hits, seed,
    )  # fmt: skip
    return softmax_cross_entropy_with_logits(stop_gradient(goals), logits)
