"""The fit suite: the same Keras code on every peer, and loops written by hand to compare with.

A workload is made once and then run over and over: `fit_line` is 500 epochs on the six points of y = 2x - 1,
`fit_mlp` and `fit_cnn` are an epoch, `predict_one` is a call of predict. NumPy only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

RNG = np.random.default_rng(0)
LINE_X = np.arange(-1, 5, dtype=np.float32)[:, None]
LINE_Y = 2 * LINE_X - 1
LINE_RATE, EPOCHS = 0.01, 500
ROWS, BATCH = 8192, 32
X = RNG.normal(size=(ROWS, 784)).astype(np.float32)
Y = RNG.integers(0, 10, ROWS).astype(np.int32)
PICTURES = RNG.normal(size=(1024, 28, 28, 1)).astype(np.float32)
LABELS = RNG.integers(0, 10, 1024).astype(np.int32)


def _normal(*shape: int, scale: float = 1.0) -> np.ndarray:
    return (RNG.normal(size=shape) * scale).astype(np.float32)


MLP = [
    _normal(784, 128, scale=(2 / 784) ** 0.5),
    np.zeros(128, np.float32),
    _normal(128, 10, scale=(1 / 128) ** 0.5),
    np.zeros(10, np.float32),
]
CNN = [
    _normal(3, 3, 1, 32, scale=1 / 3),
    np.zeros(32, np.float32),
    _normal(3, 3, 32, 64, scale=1 / 17),
    np.zeros(64, np.float32),
    _normal(1600, 10, scale=1 / 40),
    np.zeros(10, np.float32),
]

Run = Callable[[], Any]
Made = tuple[Run, Callable[[], float]]


def first(run: Run) -> Made:
    """The run, and the number of its first time, by which peers are compared."""
    value = float(run())
    return run, lambda: value


def workloads(keras: Any) -> dict[str, Callable[[], Made]]:
    """The workloads that are Keras code."""
    layers = keras.layers

    def line() -> Any:
        model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
        model.set_weights([np.zeros((1, 1), np.float32), np.zeros(1, np.float32)])
        model.compile(keras.optimizers.SGD(LINE_RATE), "mean_squared_error")
        return model

    def fit_line() -> Made:
        model = line()
        return first(
            lambda: model.fit(LINE_X, LINE_Y, epochs=EPOCHS, verbose=0).history["loss"][-1]
        )

    def fit_mlp() -> Made:
        model = keras.Sequential(
            [keras.Input((784,)), layers.Dense(128, activation="relu"), layers.Dense(10)]
        )
        model.set_weights(MLP)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(), loss)
        return first(
            lambda: model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0).history["loss"][-1]
        )

    def fit_cnn() -> Made:
        model = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(32, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Conv2D(64, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dense(10),
            ]
        )
        model.set_weights(CNN)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.01), loss)
        return first(
            lambda: model.fit(PICTURES, LABELS, batch_size=BATCH, shuffle=False, verbose=0).history[
                "loss"
            ][-1]
        )

    def predict_one() -> Made:
        model = line()
        one = np.array([[10.0]], np.float32)
        return first(lambda: model.predict(one, verbose=0)[0, 0])

    return {
        "fit_line": fit_line,
        "fit_mlp": fit_mlp,
        "fit_cnn": fit_cnn,
        "predict_one": predict_one,
    }
