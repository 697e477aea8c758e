"""Attention: every position of a query gathers from the values what their keys say it should.

Attention and AdditiveAttention have no kernels; the layers of `attention_heads` project queries, keys and
values first. Masks say which positions count.
"""

from __future__ import annotations

from typing import Any

from engine.dtypes import bool_, float16
from engine.keras import random
from engine.keras.layer import Layer
from engine.ops.activations import softmax
from engine.ops.creation import convert
from engine.ops.elementwise import (
    cast,
    greater_equal,
    logical_and,
    tanh,
    where,
    zeros_like,
)
from engine.ops.layout import expand_dims, reshape, sizes
from engine.ops.linalg import matmul
from engine.ops.reduce import reduce_sum
from engine.ops.sequences import range_
from engine.tensor import Tensor

__all__ = ["AdditiveAttention", "Attention"]


def causal_mask(targets: Any, sources: Any) -> Tensor:
    """True where position i of a query may look at position j of the values: for j <= i. `(1, T, S)`."""
    return expand_dims(greater_equal(reshape(range_(targets), [-1, 1]), range_(sources)), 0)


def both_masks(one: Any, other: Any) -> Any:
    """Where both masks hold; None holds everywhere."""
    if one is None or other is None:
        return other if one is None else one
    return logical_and(one, other)


def boolean_mask(mask: Any) -> Any:
    """A mask as booleans; None stays None."""
    return None if mask is None else cast(convert(mask), bool_)


class Attention(Layer):
    """Dot-product attention, Luong et al. (2015): softmax(query @ key^T) @ value.

    Called with a list [query, value] or [query, value, key] of `(batch, T, dim)`, `(batch, S, dim)` and
    `(batch, S, dim)`; the key is the value by default. Gives `(batch, T, dim)`; with
    `return_attention_scores=True` also the shares, `(batch, T, S)`.

    Args:
      use_scale: multiply the scores by a weight that begins at 1.
      score_mode: 'dot', or 'concat' for a weight times the sum of tanh(query + key).
      dropout: the share of attention dropped in training. seed: for it.

    The call takes `mask`, a list of the query's and the value's: outputs are 0 where the first is False,
    values do not count where the second is; and `use_causal_mask`: no position looks at later ones.

    >>> import engine as tf
    >>> query, value = tf.ones([1, 2, 3]), tf.ones([1, 4, 3])
    >>> outputs, shares = tf.keras.layers.Attention()([query, value], return_attention_scores=True)
    >>> outputs.shape, shares[0, 0].numpy().tolist()
    (TensorShape([1, 2, 3]), [0.25, 0.25, 0.25, 0.25])
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                f"{type(self).__name__}: score_mode is 'dot' or 'concat', not {score_mode!r}."
            )
        self.use_scale, self.score_mode = use_scale, score_mode
        self.dropout, self.seed = dropout, seed
        if dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        """Makes the scales that are asked for."""
        self._check_inputs(input_shape)
        self.scale = self.concat_score_weight = None
        if self.use_scale:
            self.scale = self._make_scale(input_shape)
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def _make_scale(self, input_shape: Any) -> Any:
        return self.add_weight((), "ones", name="scale")

    def _calculate_scores(self, query: Tensor, key: Tensor) -> Tensor:
        """How well each query fits each key, `(batch, T, S)`."""
        if self.score_mode == "dot":
            scores = matmul(query, key, transpose_b=True)
            return scores if self.scale is None else scores * self.scale
        sums = expand_dims(query, -2) + expand_dims(key, -3)
        if self.scale is not None:
            sums = self.scale * sums
        return self.concat_score_weight * reduce_sum(tanh(sums), -1)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """What the queries gather, and their shares if they are asked for."""
        self._check_inputs(inputs, mask)
        query, value, key = inputs[0], inputs[1], inputs[-1] if len(inputs) > 2 else inputs[1]
        query_mask, value_mask = map(boolean_mask, mask[:2]) if mask else (None, None)
        scores = self._calculate_scores(query, key)
        allowed = value_mask
        if use_causal_mask:
            row = None if value_mask is None else expand_dims(value_mask, -2)
            allowed = both_masks(row, causal_mask(*sizes(scores)[-2:]))
        if allowed is not None:
            if allowed.ndim == 2:
                allowed = expand_dims(allowed, -2)
            far = 65504.0 if scores.dtype is float16 else 1e9
            scores = where(allowed, scores, scores - far)
        shares = softmax(scores, -1)
        if training and self.dropout > 0:
            shares = random.dropout(shares, self.dropout, seed=self.seed_generator)
        outputs = matmul(shares, value)
        if query_mask is not None:
            outputs = where(expand_dims(query_mask, -1), outputs, zeros_like(outputs))
        return (outputs, shares) if return_attention_scores else outputs

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """That of the query."""
        return None if mask is None or mask[0] is None else [mask[0], None]

    def _check_inputs(self, inputs: Any, mask: Any = None) -> None:
        name = type(self).__name__
        if not isinstance(inputs, list) or len(inputs) not in (2, 3):
            raise ValueError(
                f"{name} is called with a list [query, value] or [query, value, key], not with {inputs!r}."
            )
        if mask is not None and (not isinstance(mask, list) or len(mask) not in (2, 3)):
            raise ValueError(
                f"{name}: the mask is a list [query_mask, value_mask], each a tensor or None, not {mask!r}."
            )


class AdditiveAttention(Attention):
    """Bahdanau et al. (2014): scores are the sum of scale * tanh(query + key).

    Args:
      use_scale: weigh the parts of the sum, with one weight for each feature.
      dropout, seed: see Attention, whose call this has.

    >>> import engine as tf
    >>> tf.keras.layers.AdditiveAttention()([tf.ones([1, 2, 3]), tf.ones([1, 4, 3])]).shape
    TensorShape([1, 2, 3])
    """

    _not_in_config = (*Attention._not_in_config, "score_mode")

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any):
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def _make_scale(self, input_shape: Any) -> Any:
        return self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def _calculate_scores(self, query: Tensor, key: Tensor) -> Tensor:
        sums = tanh(expand_dims(query, -2) + expand_dims(key, -3))
        return reduce_sum(sums if self.scale is None else self.scale * sums, -1)
