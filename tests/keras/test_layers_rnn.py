"""Recurrent layers and cells against Keras: outputs, states, slopes and configs, with masks and options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.keras.masking import get_mask
from tests.keras.layer_witness import check_layer, floats, make_both
from tests.keras.witness import close, jax, keras

X = floats(4, 5, 3)
NAMES = ("SimpleRNN", "GRU", "LSTM")
# Padded on the right, on the left, in the middle, and nothing but padding.
MASK = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 0, 1, 0, 1], [0, 0, 0, 0, 0]], bool)
BOTH: dict[str, Any] = {"return_sequences": True, "return_state": True}
START = {name: [floats(4, 2, seed=i + 1) for i in range(1 + (name == "LSTM"))] for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_layer_is_the_one_of_keras(name: str) -> None:
    """With masks of all kinds, a state to begin with, and all results."""
    call = {"mask": MASK, "initial_state": START[name]}
    check_layer((name, {"units": 2, **BOTH}), X, call=call, symbolic=False)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("LSTM", {}),
        ("GRU", {"reset_after": False, "go_backwards": True, **BOTH}),
        ("SimpleRNN", {"unroll": True, "use_bias": False, "activation": "relu"}),
        (
            "LSTM",
            {"use_bias": False, "recurrent_activation": "hard_sigmoid", "activation": None, "unroll": True},
        ),
        (
            "LSTM",
            {
                "unit_forget_bias": False,
                "kernel_regularizer": "l2",
                "recurrent_regularizer": "l1",
                "bias_regularizer": "l2",
                "activity_regularizer": "l2",
                "kernel_constraint": "max_norm",
                "dropout": 0.3,
                "recurrent_dropout": 0.2,
                "seed": 3,
                "trainable": True,
                "name": "memory",
            },
        ),
    ],
    ids=["lstm", "gru before", "rnn unrolled", "lstm linear", "lstm regularized"],
)  # fmt: skip
def test_settings_are_those_of_keras(name: str, arguments: dict[str, Any]) -> None:
    check_layer((name, {"units": 2, **arguments}), X)


def test_cells_on_top_of_one_another_are_those_of_keras() -> None:
    def stacked(k: Any) -> Any:
        cells = [k.layers.LSTMCell(2), k.layers.GRUCell(3)]
        return k.layers.RNN(k.layers.StackedRNNCells(cells), **BOTH)

    check_layer(stacked, X)


def _same_numbers(make: Any, *calls: dict[str, Any], inputs: Any = X) -> tuple[Any, Any]:
    """The same weights, called the same way, eagerly and in a graph, give the same."""
    ours, theirs = make_both(make)
    for layer, array in ((ours, tf.constant), (theirs, jax.numpy.asarray)):
        layer(array(inputs))
        if layer.stateful:
            layer.reset_state()
    ours.set_weights(theirs.get_weights())
    for call in calls:
        expected = theirs(jax.numpy.asarray(inputs), **call)
        if not theirs.stateful:
            close(ours(tf.constant(inputs), **call), expected)
        given = {name: tf.constant(v) if name == "mask" else v for name, v in call.items()}
        close(tf.function(lambda x, given=given: ours(x, **given))(tf.constant(inputs)), expected)
    return ours, theirs


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"return_sequences": True}, {"zero_output_for_mask": True, **BOTH}]
)
def test_masked_steps_leave_the_state_alone(options: dict[str, Any], go_backwards: bool) -> None:
    make = ("GRU", {"units": 2, "go_backwards": go_backwards, **options})
    _same_numbers(make, {"mask": MASK})


def test_the_last_output_is_zero_where_that_is_asked_for_and_the_end_is_masked() -> None:
    _same_numbers(("LSTM", {"units": 2, "zero_output_for_mask": True}), {"mask": MASK})


def test_a_long_sequence_is_a_loop_of_the_same_numbers() -> None:
    x = floats(4, 40, 3)
    ours, _ = _same_numbers(("LSTM", {"units": 2, **BOTH}), {}, inputs=x)
    graph = tf.function(lambda x: ours(x)).get_concrete_function(tf.constant(x)).graph
    assert len(graph.operations) < 40


def test_states_are_kept_from_call_to_call_until_they_are_reset() -> None:
    make = ("LSTM", {"units": 2, "stateful": True, "return_sequences": True})
    ours, theirs = _same_numbers(make, {}, {}, {"mask": MASK})
    close([v.value() for v in ours.states], [v.value for v in theirs.states])
    assert [tuple(w.shape) for w in ours.weights] == [(3, 8), (2, 8), (8,)]
    ours.reset_state()
    theirs.reset_state()
    close(ours(tf.constant(X)), theirs(jax.numpy.asarray(X)))
    with pytest.raises(ValueError, match="keeps the states of 4 sequences, but a batch of 3"):
        ours(tf.constant(X[:3]))


def _stack(k: Any) -> Any:
    plain = {
        "kernel_initializer": "ones",
        "recurrent_initializer": "zeros",
    }  # quick to make in Keras
    kinds = ((k.layers.LSTMCell, 3), (k.layers.GRUCell, 2), (k.layers.SimpleRNNCell, 4))
    cells = [kind(units, **plain) for kind, units in kinds]
    return k.layers.RNN(cells, **BOTH)


def test_cells_on_top_of_one_another() -> None:
    check_layer(_stack, X, symbolic=False)
    ours, theirs = make_both(_stack)
    theirs(jax.numpy.asarray(X))
    ours(tf.constant(X))
    ours.set_weights(theirs.get_weights())
    close(ours(tf.constant(X), mask=MASK), theirs(jax.numpy.asarray(X), mask=MASK))


@pytest.mark.parametrize("name", ["SimpleRNNCell", "GRUCell", "LSTMCell"])
def test_a_cell_by_itself(name: str) -> None:
    ours, theirs = make_both((name, {"units": 2}))
    states = [floats(4, 2, seed=i) for i in range(1 + (name == "LSTMCell"))]
    expected = theirs(jax.numpy.asarray(X[:, 0]), [jax.numpy.asarray(s) for s in states])
    ours(tf.constant(X[:, 0]), [tf.constant(s) for s in states])
    ours.set_weights(theirs.get_weights())
    close(ours(tf.constant(X[:, 0]), [tf.constant(s) for s in states]), expected)
    close(ours.get_initial_state(3), theirs.get_initial_state(3))


class Decay(tf.keras.layers.Layer):
    """A cell of one's own: half of what was, and the input."""

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")

    def call(self, inputs: Any, states: Any) -> Any:
        after = states[0] / 2 + inputs @ self.kernel
        return after * 10, [after]


def test_a_cell_of_ones_own() -> None:
    layer = tf.keras.layers.RNN(Decay(2), return_sequences=True, return_state=True)

    def slope(x: Any) -> Any:
        with tf.GradientTape() as tape:
            outputs, state = layer(x)
            loss = tf.reduce_sum(outputs**2) + tf.reduce_sum(state)
        return outputs, state, tape.gradient(loss, layer.trainable_variables)

    outputs, state, grads = slope(tf.constant(X))
    expected, total = [], np.zeros((4, 2))
    for t in range(5):
        total = total / 2 + X[:, t] @ layer.cell.kernel.numpy()
        expected.append(total * 10)
    close(outputs, np.stack(expected, 1).astype("float32"))
    close(state, total.astype("float32"))
    traced = tf.function(slope, input_signature=[tf.TensorSpec([None, None, 3])])(tf.constant(X))
    close([traced[0], traced[1], *traced[2]], [outputs, state, *grads])
    assert len(layer.trainable_variables) == 1


def test_the_numbers_of_batch_and_steps_may_be_unknown() -> None:
    layer = tf.keras.layers.LSTM(2, return_sequences=True)
    traced = tf.function(lambda x, m: layer(x, mask=m), input_signature=[
        tf.TensorSpec([None, None, 3]), tf.TensorSpec([None, None], tf.bool)
    ])  # fmt: skip
    for batch, steps in ((4, 5), (2, 3)):
        x, mask = tf.constant(X[:batch, :steps]), tf.constant(MASK[:batch, :steps])
        close(traced(x, mask), layer(x, mask=mask))
    inputs = tf.keras.Input((None, 3))
    assert tuple(layer(inputs).shape) == (None, None, 2)
    assert tuple(tf.keras.layers.GRU(4)(inputs).shape) == (None, 4)


def test_masks_come_from_the_layers_before() -> None:
    ids = np.array([[3, 4, 0, 0], [5, 0, 1, 0]])
    made = {}
    for k, array in ((tf.keras, tf.constant), (keras, jax.numpy.asarray)):
        embed = k.layers.Embedding(6, 3, mask_zero=True)
        layer, plain = k.layers.LSTM(2, return_sequences=True), k.layers.GRU(2)
        middle = layer(embed(array(ids)))
        made[k] = [embed, layer, plain, plain(middle), middle]
    for ours, theirs in zip(made[tf.keras][:3], made[keras][:3], strict=True):
        ours.set_weights(theirs.get_weights())
    embed, layer, plain, *_ = made[tf.keras]
    middle = layer(embed(tf.constant(ids)))
    close([plain(middle), middle], made[keras][3:])
    close(get_mask(middle), ids != 0)
    assert get_mask(plain(middle)) is None


@pytest.mark.parametrize("name", NAMES)
def test_dropout_is_the_same_at_every_step_and_another_at_every_call(name: str) -> None:
    ones = tf.ones([1, 6, 50])
    start = tf.keras.initializers.Constant(0.01)
    layer = getattr(tf.keras.layers, name)(1, kernel_initializer=start, dropout=0.5, seed=1)
    layer(ones)
    cell = layer.cell
    parts = cell.project(ones, True, cell.get_dropout_mask(ones[:, 0]))[0].numpy()
    assert np.ptp(parts) == 0  # all steps drop the same inputs
    kept = parts[0, 0, 0] / 0.02  # of 50 inputs, doubled
    assert abs(kept - round(kept)) < 1e-3 and 10 < kept < 40
    cell.reset_dropout_mask()
    x = tf.constant(floats(1, 6, 50))
    seen = {float(tf.reduce_sum(layer(x, training=True))) for _ in range(4)}
    step = tf.function(lambda x: tf.reduce_sum(layer(x, training=True)))
    seen |= {float(step(x)) for _ in range(4)}
    assert len(seen) == 8
    close(layer(x), layer(x, training=False), 0)


@pytest.mark.parametrize("name", NAMES)
def test_recurrent_dropout_drops_states_alone(name: str) -> None:
    layer = getattr(tf.keras.layers, name)(3, recurrent_dropout=0.5, seed=1)
    one, many = tf.constant(X[:, :1]), tf.constant(X)
    close(layer(one, training=True), layer(one))  # there is no state before the first step
    drawn = [layer(many, training=True).numpy() for _ in range(2)]
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-3
    assert np.abs(drawn[0] - layer(many).numpy()).max() > 1e-3


def test_dropout_layers_with_one_seed_train_alike() -> None:
    one, other = (
        tf.keras.layers.LSTM(3, dropout=0.4, recurrent_dropout=0.3, seed=7) for _ in range(2)
    )
    one(tf.constant(X)), other(tf.constant(X))
    other.set_weights(one.get_weights())
    graph = tf.function(lambda x: other(x, training=True))
    for _ in range(3):
        close(one(tf.constant(X), training=True), graph(tf.constant(X)))


def test_stacked_cells_with_one_seed_train_alike() -> None:
    def stack() -> Any:
        cell = tf.keras.layers.GRUCell(2, dropout=0.4, recurrent_dropout=0.3, seed=5)
        return tf.keras.layers.RNN([tf.keras.layers.LSTMCell(3, dropout=0.5, seed=4), cell])

    one, other = stack(), stack()
    one(tf.constant(X)), other(tf.constant(X))
    other.set_weights(one.get_weights())
    graph = tf.function(lambda x: other(x, training=True))
    drawn = [one(tf.constant(X), training=True) for _ in range(2)]
    close([graph(tf.constant(X)) for _ in range(2)], drawn)
    assert np.abs(drawn[0].numpy() - drawn[1].numpy()).max() > 1e-3
    close(other(tf.constant(X)), one(tf.constant(X)))


def test_second_derivatives_go_through_the_loop() -> None:
    layer = tf.keras.layers.GRU(2)
    unrolled = tf.keras.layers.GRU(2, unroll=True)
    layer(tf.constant(X)), unrolled(tf.constant(X))
    unrolled.set_weights(layer.get_weights())

    def twice(layer: Any, x: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(layer(x) ** 2)
            slope = inner.gradient(y, x)
            norm = tf.reduce_sum(slope**2)
        return outer.gradient(norm, [x, *layer.trainable_variables])

    expected = tf.function(lambda x: twice(unrolled, x))(tf.constant(X))
    close(twice(layer, tf.constant(X)), expected)
    close(tf.function(lambda x: twice(layer, x))(tf.constant(X)), expected)


def test_mixed_precision_computes_in_float16_and_keeps_float32() -> None:
    layer = tf.keras.layers.LSTM(2, dtype="mixed_float16", return_state=True)
    output, h, c = layer(tf.constant(X))
    assert {t.dtype.name for t in (output, h, c)} == {"float16"}
    assert {w.dtype.name for w in layer.weights} == {"float32"}
    exact = tf.keras.layers.LSTM(2)
    exact(tf.constant(X))
    exact.set_weights(layer.get_weights())
    close(tf.cast(output, tf.float32), exact(tf.constant(X)), 5e-3)


def test_what_cannot_be_run_says_why() -> None:
    with pytest.raises(ValueError, match="units must be a positive integer, not 0"):
        tf.keras.layers.LSTM(0)
    with pytest.raises(ValueError, match="needs a `call` method"):
        tf.keras.layers.RNN("lstm")
    with pytest.raises(ValueError, match="rank 3"):
        tf.keras.layers.GRU(2)(tf.zeros([4, 3]))
    with pytest.raises(ValueError, match="the number of steps is not known"):
        tf.keras.layers.GRU(2, unroll=True)(tf.keras.Input((None, 3)))
    with pytest.raises(ValueError, match="needs to know the size of the batch"):
        tf.keras.layers.GRU(2, stateful=True)(tf.keras.Input((5, 3)))


def test_a_model_with_masks_trains_as_in_keras_on_batches_of_any_length() -> None:
    ids = np.random.default_rng(3).integers(1, 9, (8, 6))
    for i in range(8):
        ids[i, 3 + i % 4 :] = 0
    labels = (ids[:, :1] > 4).astype("float32")
    models = []
    for k in (tf.keras, keras):
        inputs = k.Input((None,), dtype="int32")
        x = k.layers.Embedding(9, 3, mask_zero=True)(inputs)
        x = k.layers.LSTM(2, return_sequences=True)(x)
        x = k.layers.GRU(2)(x)
        models.append(k.Model(inputs, k.layers.Dense(1, "sigmoid")(x)))
        models[-1].compile(k.optimizers.SGD(0.5), "binary_crossentropy")
    ours, theirs = models
    ours.set_weights(theirs.get_weights())
    for model in models:
        model.fit(ids, labels, epochs=2, batch_size=4, shuffle=False, verbose=0)
    close(ours.get_weights(), theirs.get_weights(), 1e-4)
    wider = np.pad(ids, ((0, 0), (0, 3)))  # more padding changes nothing
    close(ours.predict(wider, verbose=0), ours.predict(ids, verbose=0))
