"""Attention layers against Keras: outputs, shares, slopes, configs, and masks of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.keras.masking import get_mask, set_mask
from tests.keras.layer_witness import check_layer, floats, make_both
from tests.keras.witness import close, jax, keras

QUERY, VALUE, KEY = floats(2, 4, 6), floats(2, 3, 5, seed=1), floats(2, 3, 7, seed=2)
SCORES = {"return_attention_scores": True}
QUERY_MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 1]], bool)
VALUE_MASK = np.array([[1, 1, 0], [0, 1, 1]], bool)
WHO_SEES_WHAT = np.array(
    [[[1, 0, 0], [1, 1, 0], [0, 1, 1], [1, 1, 1]], [[1, 1, 1], [0, 0, 1], [0, 1, 0], [0, 0, 0]]], bool
)  # fmt: skip
PLAIN = {"kernel_initializer": "ones"}  # quick to make in Keras; the weights are moved apart
HEADS: dict[str, Any] = {"num_heads": 2, "key_dim": 3}
GROUPS: dict[str, Any] = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}


@pytest.mark.parametrize(
    ("name", "arguments", "inputs", "call"),
    [
        ("MultiHeadAttention", HEADS, (QUERY, VALUE, KEY), {"attention_mask": WHO_SEES_WHAT}),
        (
            "MultiHeadAttention",
            {**HEADS, "value_dim": 4, "output_shape": (2, 5), "use_bias": False, "name": "look", **PLAIN},
            (QUERY, VALUE),
            {"attention_mask": WHO_SEES_WHAT, **SCORES},
        ),
        (
            "MultiHeadAttention",
            {**HEADS, "attention_axes": (2,), "kernel_regularizer": "l2", "bias_constraint": "non_neg",
             **PLAIN},
            (floats(1, 2, 3, 4), floats(1, 2, 5, 4, seed=1)),
            {},
        ),
        (
            "MultiHeadAttention",
            {**HEADS, "use_gate": True, "sliding_window": 2, "dropout": 0.25, "seed": 1, **PLAIN},
            (QUERY, VALUE),
            {"use_causal_mask": True},
        ),
        (
            "GroupQueryAttention", {**GROUPS, "use_gate": True, **PLAIN},
            (QUERY, floats(2, 3, 6, seed=1), KEY), {},
        ),
    ],
    ids=["three inputs", "scores", "two axes", "gate and window", "groups"],
)  # fmt: skip
def test_heads_are_those_of_keras(name: str, arguments: Any, inputs: Any, call: Any) -> None:
    ours, theirs = check_layer((name, arguments), *inputs, call=call, symbolic=False)
    for part in ("_query_dense", "_key_dense", "_value_dense", "_output_dense"):
        own, other = getattr(ours, part), getattr(theirs, part)
        assert own.name == other.name
        assert [tuple(w.shape) for w in own.weights] == [tuple(w.shape) for w in other.weights]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Attention", {"use_scale": True, "score_mode": "concat"}),
        ("Attention", {"use_scale": True, "dropout": 0.3, "seed": 2}),
        ("AdditiveAttention", {}),
    ],
)
def test_attention_without_heads_is_the_one_of_keras(name: str, arguments: Any) -> None:
    inputs = [floats(2, 4, 3), floats(2, 3, 3, seed=1), floats(2, 3, 3, seed=2)]
    check_layer((name, arguments), inputs, call={"use_causal_mask": True, **SCORES}, symbolic=False)


def _twins(name: str, arguments: Any, *inputs: Any) -> tuple[Any, Any]:
    ours, theirs = make_both((name, arguments))
    theirs(*inputs)
    ours(*(list(map(tf.constant, x)) if isinstance(x, list) else tf.constant(x) for x in inputs))
    ours.set_weights(theirs.get_weights())
    return ours, theirs


@pytest.mark.parametrize("scores", [False, True])
@pytest.mark.parametrize("name", ["MultiHeadAttention", "GroupQueryAttention"])
def test_masks_that_travel_with_the_inputs_count(name: str, scores: bool) -> None:
    arguments = HEADS if name.startswith("Multi") else GROUPS
    ours, theirs = _twins(name, arguments, QUERY, VALUE)
    given = {"use_causal_mask": True, "return_attention_scores": scores}
    own = [tf.constant(QUERY), tf.constant(VALUE)]
    other = [jax.numpy.asarray(QUERY), jax.numpy.asarray(VALUE)]
    masks = (QUERY_MASK, VALUE_MASK)
    for tensor, array, mask in zip(own, other, masks, strict=True):
        set_mask(tensor, tf.constant(mask))
        keras.src.backend.set_keras_mask(array, jax.numpy.asarray(mask))
    expected = theirs(*other, **given)
    found = ours(*own, **given)
    close(found, expected)
    close(tf.function(lambda q, v, m, n: ours(q, v, query_mask=m, value_mask=n, **given))(
        QUERY, VALUE, *masks
    ), expected)  # fmt: skip
    outputs = found[0] if scores else found
    close(get_mask(outputs), QUERY_MASK)
    if scores:
        assert get_mask(found[1]) is None


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", ["Attention", "AdditiveAttention"])
def test_masks_of_attention_without_heads(name: str, causal: bool) -> None:
    inputs = [floats(2, 4, 3), floats(2, 3, 3, seed=1)]
    ours, theirs = _twins(name, {"use_scale": True}, inputs)
    for masks in ([QUERY_MASK, VALUE_MASK], [None, VALUE_MASK], [QUERY_MASK, None]):
        found = ours(list(map(tf.constant, inputs)), mask=masks, use_causal_mask=causal, **SCORES)
        theirs_too = theirs(inputs, mask=masks, use_causal_mask=causal, **SCORES)
        close(found, theirs_too)
    own = list(map(tf.constant, inputs))
    set_mask(own[0], tf.constant(QUERY_MASK))
    outputs = ours(own)
    close(get_mask(outputs), QUERY_MASK)
    assert np.abs(outputs.numpy()[~QUERY_MASK]).max() == 0


def test_shapes_are_known_before_there_is_data() -> None:
    heads = tf.keras.layers.MultiHeadAttention(2, 3)
    query, value = tf.keras.Input((None, 6)), tf.keras.Input((7, 5))
    assert tuple(heads(query, value).shape) == (None, None, 6)
    outputs, shares = heads(query, value, return_attention_scores=True)
    assert tuple(outputs.shape) == (None, None, 6)
    assert tuple(shares.shape) == (None, 2, None, 7)


def test_dropout_changes_the_shares_in_training_alone() -> None:
    x = tf.constant(QUERY)
    layer = tf.keras.layers.MultiHeadAttention(2, 3, dropout=0.5, seed=3)
    still = layer(x, x)
    drawn = [layer(x, x, training=True).numpy() for _ in range(2)]
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-3
    close(layer(x, x, training=False), still)
    plain = tf.keras.layers.Attention(dropout=0.5, seed=3)
    _, shares = plain([x, x], training=True, return_attention_scores=True)
    kept = shares.numpy()[shares.numpy() > 0]
    _, whole = plain([x, x], return_attention_scores=True)
    assert 0 < kept.size < shares.numpy().size
    close(shares.numpy()[shares.numpy() > 0], 2 * whole.numpy()[shares.numpy() > 0])


def test_mixed_precision_keeps_masked_positions_out() -> None:
    x = tf.constant(QUERY)
    layer = tf.keras.layers.MultiHeadAttention(2, 3, dtype="mixed_float16")
    outputs = layer(x, x, use_causal_mask=True)
    assert outputs.dtype is tf.float16 and np.isfinite(outputs.numpy()).all()
    changed = tf.concat([x[:, :2], 9 * x[:, 2:]], 1)
    close(layer(changed, changed, use_causal_mask=True)[:, :2], outputs[:, :2], 1e-3)


def test_what_does_not_fit_says_so() -> None:
    layers = tf.keras.layers
    with pytest.raises(ValueError, match="num_heads is a positive integer, not 0"):
        layers.MultiHeadAttention(0, 3)
    with pytest.raises(ValueError, match="sliding_window is a positive integer"):
        layers.MultiHeadAttention(2, 3, sliding_window=0)
    with pytest.raises(ValueError, match="must be a multiple of num_key_value_heads"):
        layers.GroupQueryAttention(3, 4, 3)
    with pytest.raises(ValueError, match="may differ in their last axis alone"):
        layers.MultiHeadAttention(2, 3)(QUERY, VALUE, KEY[:, :2])
    with pytest.raises(ValueError, match=r"called with a list \[query, value\]"):
        layers.Attention()(tf.constant(QUERY))
    with pytest.raises(ValueError, match="'dot' or 'concat'"):
        layers.Attention(score_mode="cosine")
    with pytest.raises(ValueError, match="flash attention has no dropout"):
        layers.MultiHeadAttention(2, 3, dropout=0.1, flash_attention=True)
