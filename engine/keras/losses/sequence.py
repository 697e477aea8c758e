"""CTC: a loss for texts or other sequences of which nobody knows at which step each symbol stands."""

from __future__ import annotations

import math
from typing import Any

from engine.keras.losses.base import LossFunctionWrapper, floating, of_class_numbers
from engine.keras.losses.regression import BATCH_MEAN
from engine.ops.activations import log_softmax
from engine.ops.creation import convert
from engine.ops.elementwise import (
    add,
    cast,
    greater,
    less,
    logical_and,
    negative,
    not_equal,
    where,
    zeros_like,
)
from engine.ops.functional import foldl
from engine.ops.indexing import gather
from engine.ops.joining import concat, stack
from engine.ops.layout import expand_dims, reshape, sizes, transpose
from engine.ops.padding import pad
from engine.ops.reduce import reduce_logsumexp, reduce_sum
from engine.ops.sequences import range_
from engine.tensor import Tensor

_NEVER = -1e30  # the logarithm of 0, but finite: its derivatives are no NaN


def _later(alphas: Tensor, by: int) -> Tensor:
    """Each place gets what stands `by` places before it."""
    return pad(alphas, [[0, 0], [by, 0]], constant_values=_NEVER)[:, :-by]  # type: ignore[index]


@of_class_numbers
def ctc(y_true: Any, y_pred: Any) -> Tensor:
    """-log of the probability that the scores spell the targets, over all ways to align them: `(batch,)`.

    At each step a class is read; repeated ones count once, and class 0, the blank, is left out. The sum over
    all alignments is the forward recursion of Graves et al. 2006, equations 6 and 7, in logarithms.

    Args:
      y_true: class numbers, `(batch, length)`, filled up with 0 at the end.
      y_pred: scores before the softmax, `(batch, steps, classes)`.

    Raises:
      ValueError: for other shapes.
      InvalidArgumentError: for a label that is no class.

    Differs from Keras: targets that do not fit into the steps cost inf, where Keras on JAX gives about 1e5.

    >>> print(ctc([[1, 2]], [[[0.0, 9.0, 0.0], [0.0, 0.0, 9.0]]]).numpy().round(4))
    [0.0005]
    """
    labels, scores = cast(convert(y_true), "int32"), floating(y_pred)
    if labels.ndim != 2 or scores.ndim != 3:
        raise ValueError(
            "ctc: targets of shape (batch, length) and scores of shape (batch, steps, classes) were "
            f"expected, not {labels.shape} and {scores.shape}."
        )
    # A blank before, between and after the labels: place 2 k + 1 is label k.
    blanks = zeros_like(labels)
    pairs = reshape(stack([blanks, labels], axis=2), [sizes(labels)[0], -1])
    places = concat([pairs, blanks[:, :1]], axis=1)  # type: ignore[index]
    read = gather(log_softmax(scores), places, axis=2, batch_dims=1)
    skips = logical_and(
        not_equal(places, 0),
        not_equal(places, pad(places, [[0, 0], [2, 0]])[:, :-2]),  # type: ignore[index]
    )
    number = range_(sizes(places)[1])
    first = where(less(number, 2), read[:, 0], zeros_like(read[:, 0]) + _NEVER)  # type: ignore[index]

    def step(alphas: Tensor, now: Tensor) -> Tensor:
        jump = where(skips, _later(alphas, 2), zeros_like(alphas) + _NEVER)
        ways = stack([alphas, _later(alphas, 1), jump])
        return add(reduce_logsumexp(ways, axis=0), now)

    last = foldl(step, transpose(read, [1, 0, 2])[1:], first)  # type: ignore[index]
    end = expand_dims(reduce_sum(cast(not_equal(labels, 0), "int32"), axis=1) * 2, 1)
    ends = logical_and(less(number, end + 1), greater(number, end - 2))
    losses = negative(reduce_logsumexp(where(ends, last, zeros_like(last) + _NEVER), axis=1))
    return where(greater(losses, -0.1 * _NEVER), zeros_like(losses) + math.inf, losses)


class CTC(LossFunctionWrapper):
    """Connectionist temporal classification; see `ctc`."""

    def __init__(self, reduction: str | None = BATCH_MEAN, name: str = "ctc", dtype: Any = None):
        super().__init__(ctc, reduction, name, dtype)
