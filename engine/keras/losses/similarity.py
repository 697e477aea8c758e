"""Losses of embeddings: vectors of one class shall be close, those of different classes apart."""

from __future__ import annotations

import math
from typing import Any

from engine.keras.losses.base import LossFunctionWrapper, floating, of_class_numbers
from engine.keras.losses.regression import BATCH_MEAN
from engine.keras.masking import set_mask
from engine.ops.creation import convert
from engine.ops.elementwise import (
    cast,
    equal,
    greater,
    logical_and,
    logical_not,
    maximum,
    softplus,
    subtract,
    where,
    zeros_like,
)
from engine.ops.layout import reshape, sizes
from engine.ops.linalg import matmul
from engine.ops.reduce import reduce_logsumexp
from engine.ops.sequences import range_
from engine.tensor import Tensor


@of_class_numbers
def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80.0,
    margin: float = 0.4,
) -> Tensor:
    """softplus of how far pairs of one class are apart plus how close those of others are: `(batch,)`.

    Each pair weighs more the further it is from where it should be (Sun et al. 2020). An example without
    a pair of its class, or with no other class, costs 0 and is masked in the result.

    Args:
      y_true: class numbers, shape `(batch,)`.
      y_pred: vectors of length 1, shape `(batch, d)`.
      ref_labels, ref_embeddings: what to compare with; by default the batch itself.
      remove_diagonal: leave out the pair of each example with itself.
      gamma: the scale of the similarities.
      margin: how far the two kinds of pairs shall be apart.
    """
    labels, vectors = cast(convert(y_true), "int32"), floating(y_pred)
    others = vectors if ref_embeddings is None else floating(ref_embeddings)
    other_labels = labels if ref_labels is None else cast(convert(ref_labels), "int32")
    distance = maximum(subtract(1.0, matmul(vectors, others, transpose_b=True)), 0.0)
    same = equal(reshape(labels, [-1, 1]), reshape(other_labels, [1, -1]))
    different = logical_not(same)
    if remove_diagonal:
        rows, columns = (range_(sizes(part)[0]) for part in (vectors, others))
        itself = equal(reshape(rows, [-1, 1]), reshape(columns, [1, -1]))
        same = logical_and(same, logical_not(itself))
    apart = (margin + distance) * subtract(margin, distance) * -gamma
    close = maximum(subtract(1.0 + margin, distance), 0.0)
    close = close * subtract(1.0 - margin, distance) * gamma
    never = zeros_like(distance) - math.inf
    far = reduce_logsumexp(where(same, apart, never), axis=1)
    losses = softplus(far + reduce_logsumexp(where(different, close, never), axis=1))
    set_mask(losses, greater(losses, 0.0))
    return losses


class Circle(LossFunctionWrapper):
    """Keeps vectors of one class together and of others apart; see `circle`.

    Args:
      gamma: the scale of the similarities.
      margin: how far the two kinds of pairs shall be apart.
      remove_diagonal: leave out the pair of each example with itself.
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = BATCH_MEAN,
        name: str = "circle",
        dtype: Any = None,
    ):
        options = {"gamma": gamma, "margin": margin, "remove_diagonal": remove_diagonal}
        super().__init__(circle, reduction, name, dtype, **options)
