"""Attention in several heads: MultiHeadAttention and GroupQueryAttention. Read `attention` before."""

from __future__ import annotations

import math
import string
from typing import Any

from engine.keras import initializers, regularizers
from engine.keras.layer import Layer
from engine.keras.layers.activation import Softmax
from engine.keras.layers.attention import boolean_mask, both_masks, causal_mask
from engine.keras.layers.core import EinsumDense
from engine.keras.layers.regularization import Dropout
from engine.keras.lookup import unique_name
from engine.keras.weights import constraint_of, regularizer_of
from engine.ops.activations import softmax
from engine.ops.einsum import einsum
from engine.ops.elementwise import abs, cast, less, where
from engine.ops.joining import repeat
from engine.ops.layout import expand_dims, reshape, sizes
from engine.ops.sequences import range_
from engine.tensor import Tensor

__all__ = ["GroupQueryAttention", "MultiHeadAttention"]


def window_mask(targets: Any, sources: Any, size: int) -> Tensor:
    """True for positions less than `size` apart. `(1, T, S)`."""
    apart = abs(reshape(range_(targets), [-1, 1]) - range_(sources))
    return expand_dims(less(apart, size), 0)


class _Heads(Layer):
    """The base of the two layers with heads: settings, projections, masks, and the attention itself."""

    _not_in_config = ("autocast", "flash_attention")
    _axes: tuple[int, ...] = (1,)  # those that attention goes over
    seed: int | None
    dropout: Any

    def _settle(self, given: dict[str, Any]) -> None:
        """The settings that both have, in their normal form."""
        name, dropout = type(self).__name__, given["dropout"]
        window = given["sliding_window"]
        if window is not None and (not isinstance(window, int) or window <= 0):
            raise ValueError(
                f"{name}: sliding_window is a positive integer or None, not {window!r}."
            )
        self._flash = bool(given["flash_attention"])
        if self._flash and dropout > 0:
            raise ValueError(f"{name}: flash attention has no dropout. Set dropout to 0.")
        self.sliding_window, self.seed = window, given["seed"]
        self.use_gate = given["use_gate"]
        self.supports_masking = True
        for part in ("kernel", "bias"):
            setattr(self, f"{part}_initializer", initializers.get(given[f"{part}_initializer"]))
            setattr(self, f"{part}_regularizer", regularizer_of(given[f"{part}_regularizer"]))
            setattr(self, f"{part}_constraint", constraint_of(given[f"{part}_constraint"]))
        self.activity_regularizer = regularizers.get(given["activity_regularizer"])

    def _dense(self, name: str, shape: Any, bound: int, made: Any, **options: Any) -> EinsumDense:
        """A built projection of the last `bound` axes to axes of sizes `made`."""
        letters, free = string.ascii_lowercase, len(shape) - bound
        inputs, outputs = letters[: free + bound], letters[free + bound :][: len(made)]
        layer = EinsumDense(
            f"{inputs},{inputs[free:]}{outputs}->{inputs[:free]}{outputs}",
            (*[None] * (free - 1), *made),
            bias_axes=outputs if self._with_bias() else None,
            activity_regularizer=self.activity_regularizer,
            name=name,
            dtype=self.dtype_policy,
            **{
                f"{part}_{kind}": getattr(self, f"{part}_{kind}")
                for part in ("kernel", "bias")
                for kind in ("regularizer", "constraint")
            },
            # Copies, so that no two layers begin with the same numbers.
            kernel_initializer=_copy(self.kernel_initializer),  # type: ignore[attr-defined]
            bias_initializer=_copy(self.bias_initializer),  # type: ignore[attr-defined]
            **options,
        )
        layer.supports_masking = True  # its input is masked, and the attention has seen to that
        layer.build(tuple(shape))
        return layer

    def _with_bias(self) -> bool:
        return bool(self.use_bias)  # type: ignore[attr-defined]

    def _make_attention(self, dropout: float) -> None:
        count = len(self._axes)
        self._softmax = Softmax(axis=tuple(range(-count, 0)), dtype=self.dtype_policy)
        self._dropout_layer = Dropout(rate=dropout, dtype=self.dtype_policy, seed=self.seed)

    def _compute_attention_mask(
        self, query: Tensor, value: Tensor, query_mask: Any, value_mask: Any, key_mask: Any,
        attention_mask: Any, use_causal_mask: bool,
    ) -> Any:  # fmt: skip
        """Which query position may look where: all masks together, `(batch or 1, T, S)`, or None."""
        mask = None if query_mask is None else expand_dims(boolean_mask(query_mask), -1)
        for other in (value_mask, key_mask):
            mask = both_masks(mask, None if other is None else expand_dims(boolean_mask(other), -2))
        lengths = sizes(query)[1], sizes(value)[1]
        if use_causal_mask:
            mask = both_masks(mask, causal_mask(*lengths))
        if self.sliding_window is not None:
            mask = both_masks(mask, window_mask(*lengths, self.sliding_window))
        return both_masks(boolean_mask(attention_mask), mask)

    def _attend(
        self, equations: tuple[str, str], query: Tensor, key: Tensor, value: Tensor, scale: float,
        mask: Any, training: Any, with_scores: bool,
    ) -> tuple[Tensor, Any]:  # fmt: skip
        """The heads' outputs, and their shares."""
        if self._flash and with_scores:
            raise ValueError(f"{type(self).__name__}: flash attention gives no scores.")
        scores = einsum(equations[0], key, query * scale)
        if mask is not None:
            for _ in range(scores.ndim - mask.ndim):  # an axis for the heads, and more
                mask = expand_dims(mask, -len(self._axes) * 2 - 1)
        if with_scores or self._dropout_layer.rate > 0 or query.ndim != 4:
            shares = self._softmax(scores, mask=mask)
            dropped = self._dropout_layer(shares, training=training)
            return einsum(equations[1], dropped, value), shares
        # As Keras: here a query that may look nowhere looks everywhere, and above it gets zeros.
        if mask is not None:
            far = -0.7 * float(scores.dtype.max)
            scores = where(mask, scores, cast(far, scores.dtype))
        return einsum(equations[1], softmax(scores, -1), value), None

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """That of the query, for the outputs; scores have none."""
        return None if mask is None else [mask, None]


def _copy(initializer: Any) -> Any:
    if isinstance(initializer, initializers.Initializer):
        return type(initializer).from_config(initializer.get_config())
    return initializer


class MultiHeadAttention(_Heads):
    """Vaswani et al., Attention Is All You Need (2017), section 3.2.2.

    Each of `num_heads` heads projects queries, keys and values, attends by
    softmax(q @ k^T / sqrt(key_dim)) @ v, and a last projection joins what they found.

    Called with query `(batch, T, ...)`, value `(batch, S, ...)` and key, by default the value. Gives
    `(batch, T, features of the query)`; with `return_attention_scores=True` also the shares,
    `(batch, heads, T, S)`.

    Args:
      num_heads, key_dim: how many heads, and the size of queries and keys in each.
      value_dim: the size of values in each; key_dim by default.
      dropout: the share of attention dropped in training. seed: for it.
      output_shape: the sizes of the result after (batch, T), by default the last of the query.
      attention_axes: the axes that attention goes over, by default all between batch and features.
      sliding_window: positions that far apart, or more, do not see each other.
      use_gate: multiply what the heads found by sigmoid of another projection of the query.
      flash_attention: accepted; it changes neither numbers nor speed here.

    The call takes `query_mask`, `value_mask`, `key_mask` `(batch, steps)`, which travel with the inputs by
    themselves, `attention_mask` `(batch, T, S)`, and `use_causal_mask`: no position looks at later ones.

    >>> import engine as tf
    >>> layer = tf.keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)
    >>> x = tf.random.normal([1, 5, 8])
    >>> outputs, shares = layer(x, x, use_causal_mask=True, return_attention_scores=True)
    >>> outputs.shape, shares.shape, shares[0, 0, 0].numpy().tolist()
    (TensorShape([1, 5, 8]), TensorShape([1, 2, 5, 5]), [1.0, 0.0, 0.0, 0.0, 0.0])
    """

    def __init__(
        self, num_heads: int, key_dim: int, value_dim: int | None = None, dropout: float = 0.0,
        use_bias: bool = True, output_shape: Any = None, attention_axes: Any = None,
        sliding_window: int | None = None, flash_attention: Any = None,
        kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None,
        kernel_constraint: Any = None, bias_constraint: Any = None, use_gate: bool = False,
        seed: int | None = None, **kwargs: Any,
    ):  # fmt: skip
        given = dict(locals())
        Layer.__init__(self, **kwargs)
        for name in ("num_heads", "key_dim", "value_dim"):
            size = given[name]
            if (
                not isinstance(size, int) and not (size is None and name == "value_dim")
            ) or size == 0:
                raise ValueError(f"MultiHeadAttention: {name} is a positive integer, not {size!r}.")
        self._settle(given)
        self.num_heads, self.key_dim = num_heads, key_dim
        self.value_dim, self.dropout = value_dim or key_dim, dropout
        self.use_bias = use_bias
        shape = (output_shape,) if isinstance(output_shape, int) else output_shape
        self._output_shape = tuple(shape) if shape else None
        axes = (attention_axes,) if isinstance(attention_axes, int) else attention_axes
        self.attention_axes = axes

    def get_config(self) -> dict[str, Any]:
        """The arguments that make a layer like this one."""
        return {**super().get_config(), "output_shape": self._output_shape}

    def build(  # type: ignore[override]
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> None:
        """Makes the projections."""
        key_shape = value_shape if key_shape is None else key_shape
        if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ValueError(
                f"MultiHeadAttention: value and key may differ in their last axis alone, but have shapes "
                f"{value_shape} and {key_shape}."
            )
        heads, rank = self.num_heads, len(value_shape) + 1
        self._query_dense = self._dense("query", query_shape, 1, (heads, self.key_dim))
        self._key_dense = self._dense("key", key_shape, 1, (heads, self.key_dim))
        if self.use_gate:
            self._gate_dense = self._dense(
                "gate", query_shape, 1, (heads, self.value_dim), activation="sigmoid"
            )
        self._value_dense = self._dense("value", value_shape, 1, (heads, self.value_dim))
        if self.attention_axes is None:
            self.attention_axes = tuple(range(1, rank - 2))
        else:
            self.attention_axes = tuple(axis % (rank - 1) for axis in self.attention_axes)
        self._axes = self.attention_axes
        self._equations = _equations(rank, self.attention_axes)
        self._make_attention(self.dropout)
        found = (*query_shape[:-1], heads, self.value_dim)
        self._output_dense = self._dense(
            "attention_output", found, 2, self._output_shape or (query_shape[-1],)
        )

    # Files know the projections under these names.
    @property
    def query_dense(self) -> EinsumDense:
        """The projection of queries."""
        return self._query_dense

    @property
    def key_dense(self) -> EinsumDense:
        """The projection of keys."""
        return self._key_dense

    @property
    def value_dense(self) -> EinsumDense:
        """The projection of values."""
        return self._value_dense

    @property
    def output_dense(self) -> EinsumDense:
        """The projection of what the heads found."""
        return self._output_dense

    def call(
        self, query: Tensor, value: Tensor, key: Any = None, query_mask: Any = None,
        value_mask: Any = None, key_mask: Any = None, attention_mask: Any = None,
        return_attention_scores: bool = False, training: Any = None, use_causal_mask: bool = False,
    ) -> Any:  # fmt: skip
        """What the heads found, and their shares if they are asked for."""
        key = value if key is None else key
        mask = self._compute_attention_mask(
            query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask
        )
        found, shares = self._attend(
            self._equations,
            self._query_dense(query),
            self._key_dense(key),
            self._value_dense(value),
            1 / math.sqrt(self.key_dim),
            mask,
            training,
            return_attention_scores,
        )
        if self.use_gate:
            found = found * self._gate_dense(query)
        outputs = self._output_dense(found)
        return (outputs, shares) if return_attention_scores else outputs


def _equations(rank: int, axes: tuple[int, ...]) -> tuple[str, str]:
    """key, query -> scores and scores, value -> outputs, for attention over these axes of rank `rank`.

    >>> _equations(4, (1,))
    ('aecd,abcd->acbe', 'acbe,aecd->abcd')
    """
    letters = string.ascii_lowercase
    query = letters[:rank]
    fresh = iter(letters[rank:])
    key = "".join(next(fresh) if axis in axes else query[axis] for axis in range(rank))
    rest = "".join(query[axis] for axis in range(rank - 1) if axis not in axes)
    scores = rest + "".join(query[a] for a in axes) + "".join(key[a] for a in axes)
    return f"{key},{query}->{scores}", f"{scores},{key}->{query}"


class GroupQueryAttention(_Heads):
    """Ainslie et al., GQA (2023): groups of query heads share one head of keys and values.

    Called as MultiHeadAttention, with query `(batch, T, features)`, value and key `(batch, S, features)`.

    Args:
      head_dim: the size of queries, keys and values in each head.
      num_query_heads, num_key_value_heads: how many; the first is a multiple of the second.
      dropout, use_bias, sliding_window, flash_attention, use_gate, seed: see MultiHeadAttention.

    >>> import engine as tf
    >>> layer = tf.keras.layers.GroupQueryAttention(4, num_query_heads=6, num_key_value_heads=2)
    >>> layer(tf.ones([1, 5, 8]), tf.ones([1, 7, 8])).shape
    TensorShape([1, 5, 8])
    """

    _equations = "bkuh,bquh->buqk", "buqk,bkuh->bquh"

    def __init__(
        self, head_dim: int, num_query_heads: int, num_key_value_heads: int, dropout: float = 0.0,
        use_bias: bool = True, sliding_window: int | None = None, flash_attention: Any = None,
        kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None,
        kernel_constraint: Any = None, bias_constraint: Any = None, use_gate: bool = False,
        seed: int | None = None, **kwargs: Any,
    ):  # fmt: skip
        given = dict(locals())
        name = kwargs.pop("name", None) or unique_name(
            "grouped_query_attention"
        )  # as Keras calls it
        Layer.__init__(self, name=name, **kwargs)
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                "GroupQueryAttention: num_query_heads must be a multiple of num_key_value_heads, but they "
                f"are {num_query_heads} and {num_key_value_heads}."
            )
        self._settle(given)
        self.head_dim, self.use_bias, self.dropout = head_dim, use_bias, dropout
        self.num_query_heads, self.num_key_value_heads = num_query_heads, num_key_value_heads

    def build(  # type: ignore[override]
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> None:
        """Makes the projections."""
        key_shape = value_shape if key_shape is None else key_shape
        many, few = (
            (count, self.head_dim) for count in (self.num_query_heads, self.num_key_value_heads)
        )
        self._query_dense = self._dense("query", query_shape, 1, many)
        self._key_dense = self._dense("key", key_shape, 1, few)
        if self.use_gate:
            self._gate_dense = self._dense("gate", query_shape, 1, many, activation="sigmoid")
        self._value_dense = self._dense("value", value_shape, 1, few)
        self._make_attention(self.dropout)
        found = (*query_shape[:-1], *many)
        self._output_dense = self._dense("attention_output", found, 2, (query_shape[-1],))

    def call(
        self, query: Tensor, value: Tensor, key: Any = None, query_mask: Any = None,
        value_mask: Any = None, key_mask: Any = None, attention_mask: Any = None,
        return_attention_scores: bool = False, training: Any = None, use_causal_mask: bool = False,
    ) -> Any:  # fmt: skip
        """What the heads found, and their shares if they are asked for."""
        key = value if key is None else key
        mask = self._compute_attention_mask(
            query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask
        )
        times = self.num_query_heads // self.num_key_value_heads
        found, shares = self._attend(
            self._equations,
            self._query_dense(query),
            repeat(self._key_dense(key), times, axis=2),
            repeat(self._value_dense(value), times, axis=2),
            1 / math.sqrt(self.head_dim),
            mask,
            training,
            return_attention_scores,
        )
        if self.use_gate:
            found = found * self._gate_dense(query)
        outputs = self._output_dense(found)
        return (outputs, shares) if return_attention_scores else outputs
