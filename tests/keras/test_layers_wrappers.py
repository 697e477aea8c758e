"""Bidirectional and TimeDistributed against Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.keras.masking import get_mask, set_mask
from tests.keras.layer_witness import check_layer, floats, make_both
from tests.keras.witness import close, jax, keras

X = floats(3, 5, 2)
MASK = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [0, 0, 0, 0, 0]], bool)
ALL: dict[str, Any] = {"return_sequences": True, "return_state": True}


def both_ways(options: dict[str, Any], merge_mode: str | None = "concat") -> Any:
    return lambda k: k.layers.Bidirectional(k.layers.GRU(2, **options), merge_mode=merge_mode)


def other_backwards(k: Any) -> Any:
    plain = {
        "kernel_initializer": "ones",
        "recurrent_initializer": "zeros",
    }  # quick to make in Keras
    back = k.layers.LSTM(4, go_backwards=True, name="end", **plain)
    return k.layers.Bidirectional(k.layers.LSTM(3, **plain), backward_layer=back, name="both")


@pytest.mark.parametrize(
    "make",
    [both_ways(ALL), both_ways({"return_sequences": True}, None), other_backwards],
    ids=["states", "not merged", "another layer backwards"],
)
def test_bidirectional_is_the_one_of_keras(make: Any) -> None:
    ours, theirs = check_layer(make, X, call={"mask": MASK}, symbolic=False)
    assert [w.shape.as_list() for w in ours.weights] == [list(w.shape) for w in theirs.weights]


@pytest.mark.parametrize(
    ("merge_mode", "sequences"),
    [
        *((mode, True) for mode in ("concat", "sum", "ave", "mul", None)),
        ("mul", False),
        (None, False),
    ],
)
def test_outputs_are_merged_as_in_keras(merge_mode: str | None, sequences: bool) -> None:
    ours, theirs = make_both(both_ways({"return_sequences": sequences}, merge_mode))
    theirs(jax.numpy.asarray(X))
    ours(tf.constant(X))
    ours.set_weights(theirs.get_weights())
    close(ours(tf.constant(X)), theirs(jax.numpy.asarray(X)))
    # A mask that travels with the input also leaves with the outputs that are sequences.
    own, other = tf.constant(X), jax.numpy.asarray(X)
    set_mask(own, tf.constant(MASK))
    keras.src.backend.set_keras_mask(other, jax.numpy.asarray(MASK))
    found, expected = ours(own), theirs(other)
    close(found, expected)
    for a in found if merge_mode is None else [found]:
        mask = get_mask(a)
        assert (mask is not None) == sequences
        if sequences:
            close(mask, MASK)


def test_states_go_in_and_stay() -> None:
    ours, theirs = make_both(both_ways({"return_sequences": True, "stateful": True}))
    start = [floats(3, 2, seed=1), floats(3, 2, seed=2)]
    theirs(jax.numpy.asarray(X))
    ours(tf.constant(X))
    ours.set_weights(theirs.get_weights())
    ours.reset_state(), theirs.reset_state()
    for call in ({"initial_state": start}, {}, {"mask": MASK}):
        close(ours(tf.constant(X), **call), theirs(jax.numpy.asarray(X), **call))
        close([v.value() for v in ours.states], [v.value for v in theirs.states])
    with pytest.raises(AttributeError, match="keeps no states"):
        tf.keras.layers.Bidirectional(tf.keras.layers.GRU(2)).reset_state()


def test_weights_may_be_given() -> None:
    one = tf.keras.layers.Bidirectional(tf.keras.layers.GRU(2))
    one(tf.constant(X))
    other = tf.keras.layers.Bidirectional(tf.keras.layers.GRU(2), weights=one.get_weights())
    close(other(tf.constant(X)), one(tf.constant(X)))


def test_layers_that_do_not_fit_are_refused() -> None:
    layers = tf.keras.layers
    with pytest.raises(ValueError, match="merge_mode is one of"):
        layers.Bidirectional(layers.GRU(2), merge_mode="max")
    with pytest.raises(ValueError, match="a recurrent layer was expected"):
        layers.Bidirectional("gru")
    with pytest.raises(ValueError, match="one goes backwards"):
        layers.Bidirectional(layers.GRU(2), backward_layer=layers.GRU(2))
    with pytest.raises(ValueError, match="the same return_state"):
        back = layers.GRU(2, go_backwards=True, return_state=True)
        layers.Bidirectional(layers.GRU(2), backward_layer=back)


@pytest.mark.parametrize(
    ("make", "inputs"),
    [
        (lambda k: k.layers.TimeDistributed(k.layers.Dense(2, "tanh")), X),
        (
            lambda k: k.layers.TimeDistributed(k.layers.Conv2D(2, 2, name="c"), name="each"),
            floats(2, 3, 4, 4, 1),
        ),
    ],
    ids=["dense", "convolution"],
)
def test_time_distributed_is_the_one_of_keras(make: Any, inputs: np.ndarray) -> None:
    check_layer(make, inputs)


def test_every_step_trains_a_batch_normalization() -> None:
    make = lambda k: k.layers.TimeDistributed(k.layers.BatchNormalization(momentum=0.5))  # noqa: E731
    ours, theirs = make_both(make)
    for training in (True, True, False):
        expected = theirs(jax.numpy.asarray(X), training=training)
        run = tf.function(lambda x, t=training: ours(x, training=t))
        ours(tf.constant(X)), close(run(tf.constant(X)), expected)
    close(ours.get_weights(), theirs.get_weights())


def test_the_number_of_steps_may_be_unknown() -> None:
    layer = tf.keras.layers.TimeDistributed(tf.keras.layers.Dense(2))
    layer(tf.constant(X))

    def slope(x: Any) -> Any:
        with tf.GradientTape() as tape:
            y = layer(x)
            loss = tf.reduce_sum(y**2)
        return y, tape.gradient(loss, layer.trainable_variables)

    traced = tf.function(slope, input_signature=[tf.TensorSpec([None, None, 2])])
    y, grads = traced(tf.constant(X))
    expected, wanted = slope(tf.constant(X))
    close([y, *grads], [expected, *wanted])
    assert tuple(layer(tf.keras.Input((None, 2))).shape) == (None, None, 2)


def test_masks_are_handed_out_step_by_step() -> None:
    make = lambda k: k.layers.TimeDistributed(k.layers.Softmax())  # noqa: E731
    ours, theirs = make_both(make)
    mask = floats(3, 5, 2) > 0
    close(ours(tf.constant(X), mask=tf.constant(mask)), theirs(jax.numpy.asarray(X), mask=mask))
    with pytest.raises(ValueError, match=r"must begin with the axes \(batch, steps\)"):
        ours(tf.constant(X), mask=tf.constant(mask[:, :4]))
    with pytest.raises(ValueError, match="rank 3 or more"):
        tf.keras.layers.TimeDistributed(tf.keras.layers.Dense(2))(tf.zeros([2, 3]))
