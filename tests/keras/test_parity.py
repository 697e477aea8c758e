"""Training ends where Keras's ends: the accuracy of a small CNN and of an LSTM, over five seeds each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.keras.witness import keras

SEEDS = range(5)
Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def digits() -> Data:
    """Images of digits, 8 x 8: 1,437 to learn from and 360 others."""
    (x, y), (x_test, y_test) = tf.keras.datasets.digits.load_data()
    images, others = (part[..., None].astype("float32") / 16 for part in (x, x_test))
    return images, y.astype("int32"), others, y_test.astype("int32")


def sequences() -> Data:
    """Twelve signs, and the class is the one after the only 0; a fifth of the classes are drawn by lot."""
    rng = np.random.default_rng(0)
    count, length, learned = 2000, 12, 800
    x = rng.integers(1, 5, (count, length)).astype("int32")
    place = rng.integers(0, length - 1, count)
    x[np.arange(count), place] = 0
    y = (x[np.arange(count), place + 1] - 1).astype("int32")
    drawn = rng.random(count) < 0.2
    y[drawn] = rng.integers(0, 4, count)[drawn]
    return x[:learned], y[:learned], x[learned:], y[learned:]


def cnn(k: Any) -> Any:
    model = k.Sequential(
        [
            k.Input((8, 8, 1)),
            k.layers.Conv2D(8, 3, activation="relu"),
            k.layers.MaxPooling2D(),
            k.layers.Flatten(),
            k.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(k.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def lstm(k: Any) -> Any:
    model = k.Sequential(
        [
            k.Input((12,), dtype="int32"),
            k.layers.Embedding(5, 8),
            k.layers.LSTM(24),
            k.layers.Dense(4),
        ]
    )
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(k.optimizers.Adam(0.02), loss, metrics=["accuracy"])
    return model


def accuracies(k: Any, make: Callable[[Any], Any], data: Data, epochs: int) -> np.ndarray:
    """The accuracy on examples that were not learned, of a new model for each seed.

    The seed decides on the first weights and on the order of the examples. Compiled steps are kept: a model
    gets the weights of another, new one, and its optimizer begins again.
    """
    x, y, x_test, y_test = data
    model, found = make(k), []
    for seed in SEEDS:
        k.utils.set_random_seed(seed)
        model.set_weights(make(k).get_weights())
        for variable in model.optimizer.variables:
            if "learning_rate" not in variable.name:
                variable.assign(np.zeros_like(variable.numpy()))
        model.fit(x, y, batch_size=32, epochs=epochs, verbose=0)
        found.append(model.evaluate(x_test, y_test, batch_size=len(y_test), verbose=0)[1])
    return np.array(found)


@pytest.mark.parametrize(
    ("make", "data", "epochs", "least"), [(cnn, digits, 6, 0.85), (lstm, sequences, 12, 0.75)]
)
def test_training_reaches_the_accuracy_of_keras(
    make: Callable[[Any], Any], data: Callable[[], Data], epochs: int, least: float
) -> None:
    """Our mean lies between the worst and the best of Keras's five, give or take two standard errors."""
    ours, theirs = (accuracies(k, make, data(), epochs) for k in (tf.keras, keras))
    error = 2 * theirs.std(ddof=1) / len(SEEDS) ** 0.5
    said = f"ours {ours.round(4)}, mean {ours.mean():.4f}; Keras {theirs.round(4)}, mean {theirs.mean():.4f}"
    print(said)
    assert len(set(ours)) > 1 and len(set(theirs)) > 1, said  # seeds make a difference
    assert theirs.min() - error <= ours.mean() <= theirs.max() + error, said
    assert ours.min() > least, said
