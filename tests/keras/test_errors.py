"""Bad input to Keras: each error says what was given, what was expected and the fix."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import engine as tf

X = np.zeros((6, 1), np.float32)


def compiled() -> tf.keras.Sequential:
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=[1])])
    model.compile("sgd", "mse")
    return model


CASES: dict[str, tuple[Callable[[], object], type[Exception], list[str]]] = {
    "1-D into Dense": (
        lambda: tf.keras.layers.Dense(1, name="line")(tf.constant([1.0, 2.0, 3.0])),
        ValueError,
        ["'line'", "rank 2 or more", "rank 1", "(3,)", "tf.expand_dims(x, -1)"],
    ),
    "1-D into a model called directly": (
        lambda: compiled()(tf.constant([1.0, 2.0])),
        ValueError,
        ["rank 2 or more", "(2,)", "tf.expand_dims"],
    ),
    "another number of features": (
        lambda: compiled()(tf.ones([4, 3])),
        ValueError,
        ["size 1 along axis -1", "(4, 3)"],
    ),
    "predict with another shape": (
        lambda: compiled().predict(np.ones((4, 3))),
        ValueError,
        ["(batch, 1)", "(4, 3)", "one row for each example"],
    ),
    "one example without its batch axis": (
        lambda: tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=[3])]).predict(
            np.ones(3)
        ),
        ValueError,
        ["(batch, 3)", "(3,)", "x[np.newaxis]"],
    ),
    "a single number": (
        lambda: compiled().predict(10.0),
        ValueError,
        ["batch axis", "10.0", "[10.0]"],
    ),
    "not compiled": (
        lambda: tf.keras.Sequential([tf.keras.layers.Dense(1)]).fit(X, X),
        RuntimeError,
        ["fit needs a compiled model", "model.compile("],
    ),
    "no loss": (
        lambda: _without_loss().fit(X, X, verbose=0),
        ValueError,
        ["compiled without a loss", "loss="],
    ),
    "unknown optimizer": (
        lambda: compiled().compile("sdg", "mse"),
        ValueError,
        ["'sdg'", "Did you mean 'sgd'?"],
    ),
    "unknown loss": (
        lambda: compiled().compile("sgd", "mean_square_error"),
        ValueError,
        ["'mean_square_error'", "'mean_squared_error'"],
    ),
    "unknown activation": (
        lambda: tf.keras.layers.Dense(1, activation="rleu"),
        ValueError,
        ["'rleu'", "'relu'"],
    ),
    "unknown layer": (
        lambda: tf.keras.layers.Densee,
        AttributeError,
        ["tf.keras.layers.Densee", "'Dense'"],
    ),
    "lengths that differ": (
        lambda: compiled().fit(X, X[:3]),
        ValueError,
        ["6 and 3"],
    ),
    "no examples": (lambda: compiled().fit(X[:0], X[:0]), ValueError, ["no examples"]),
    "no targets": (lambda: compiled().fit(X), ValueError, ["targets", "fit(x, y)"]),
    "targets of another shape": (
        lambda: compiled().fit(X, np.ones((6, 3)), verbose=0),
        ValueError,
        ["(6, 3)", "(6, 1)", "Reshape the targets"],
    ),
    "summary of an unbuilt model": (
        lambda: tf.keras.Sequential([tf.keras.layers.Dense(1)]).summary(),
        ValueError,
        ["not built", "input_shape"],
    ),
    "a class instead of a layer": (
        lambda: tf.keras.Sequential([tf.keras.layers.Dense]),
        TypeError,
        ["made of layers", "Dense(units)"],
    ),
    "units": (lambda: tf.keras.layers.Dense(0), ValueError, ["positive integer", "0"]),
    "weights of another number": (
        lambda: compiled().set_weights([np.ones((1, 1))]),
        ValueError,
        ["has 2 weights", "1 arrays"],
    ),
    "no gradient": (
        lambda: tf.keras.optimizers.SGD().apply_gradients([(None, tf.Variable(1.0, name="w"))]),
        ValueError,
        ["No gradient", "w:0", "GradientTape"],
    ),
}


def _without_loss() -> tf.keras.Sequential:
    model = compiled()
    model.compile("sgd")
    return model


@pytest.mark.parametrize("name", CASES)
def test_the_error_names_what_was_given_what_was_expected_and_the_fix(name: str) -> None:
    call, kind, parts = CASES[name]
    with pytest.raises(kind) as caught:
        call()
    missing = [part for part in parts if part not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"


def test_targets_without_an_axis_are_not_broadcast_into_a_square() -> None:
    # (6,) against (6, 1) would broadcast to (6, 6), and the model would learn the mean of y.
    targets = np.arange(6, dtype=np.float32)
    wide = tf.keras.losses.MeanSquaredError()(targets, X).numpy()
    np.testing.assert_allclose(wide, np.mean(targets**2))


def test_a_loss_function_of_ones_own_is_guarded_alike() -> None:
    model = compiled()
    model.compile("sgd", lambda y_true, y_pred: tf.reduce_mean((y_true - y_pred) ** 2))
    targets = np.arange(6, dtype=np.float32)
    found = model.evaluate(X, targets, verbose=0)
    np.testing.assert_allclose(found, np.mean(targets**2), rtol=1e-6)
