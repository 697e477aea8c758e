"""The third introduction: y = 2x - 1 with one Dense unit, and the oracle that says what it must give.

Gradient descent on six points is a linear recurrence in (w, b). The oracle below iterates it in float64
with plain NumPy; the engine has to follow it update for update.
"""

from __future__ import annotations

import numpy as np
import pytest

import engine as tf

XS = np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0])
YS = 2 * XS - 1


def descend(
    w: float, b: float, x: np.ndarray, y: np.ndarray, rate: float, steps: int
) -> list[tuple[float, float]]:
    """The (w, b) after each update, in float64."""
    path = []
    for _ in range(steps):
        error = w * x + b - y
        w, b = w - rate * 2 * np.mean(error * x), b - rate * 2 * np.mean(error)
        path.append((w, b))
    return path


def line_model(w: float = 0.5, b: float = 0.0) -> tf.keras.Sequential:
    model = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=[1])])
    model.set_weights([np.array([[w]], np.float32), np.array([b], np.float32)])
    return model


def test_the_introduction_as_a_beginner_writes_it() -> None:
    tf.keras.utils.set_random_seed(1)
    model = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=[1])])
    model.compile(optimizer="sgd", loss="mean_squared_error")
    xs = np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0], dtype=float)
    ys = np.array([-3.0, -1.0, 1.0, 3.0, 5.0, 7.0], dtype=float)
    history = model.fit(xs, ys, epochs=500, verbose=0)
    prediction = model.predict([10.0])
    assert prediction.shape == (1, 1)
    assert round(float(prediction[0, 0]), 2) == 18.98
    assert len(history.history["loss"]) == 500


def test_where_the_kernel_starts_moves_only_the_third_digit() -> None:
    # Glorot's limit for a 1 x 1 kernel is sqrt(3); both ends of it and the middle are tried.
    for start in (-np.sqrt(3), 0.0, np.sqrt(3)):
        model = line_model(start)
        model.compile("sgd", "mse")
        model.fit(XS, YS, epochs=500, verbose=0)
        assert 18.970 < model.predict([10.0], verbose=0)[0, 0] < 18.990, start


@pytest.mark.parametrize(
    "ten",
    [[10.0], [[10.0]], np.array([10.0]), np.array([[10.0]]), np.array([10]), (10.0,)],
    ids=["list", "nested list", "array", "column", "ints", "tuple"],
)
def test_predict_takes_what_a_learner_has(ten: object) -> None:
    model = line_model(2.0, -1.0)
    np.testing.assert_allclose(model.predict(ten), [[19.0]])
    np.testing.assert_allclose(model.predict(tf.constant(np.asarray(ten, np.float32))), [[19.0]])


def test_each_update_is_that_of_gradient_descent() -> None:
    model = line_model(0.5, 0.25)
    model.compile("sgd", "mean_squared_error")
    path = descend(0.5, 0.25, XS, YS, 0.01, 500)
    seen: list[tuple[float, float]] = []
    watch = tf.keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(
            (model.weights[0].numpy().item(), model.weights[1].numpy().item())
        )
    )
    model.fit(XS, YS, epochs=500, verbose=0, callbacks=[watch])
    np.testing.assert_allclose(seen, path, rtol=2e-5, atol=2e-6)


def test_the_loss_in_the_history_is_the_one_before_the_update() -> None:
    model = line_model(0.5, 0.25)
    model.compile("sgd", "mean_squared_error")
    history = model.fit(XS, YS, epochs=3, verbose=0)
    before = [(0.5, 0.25), *descend(0.5, 0.25, XS, YS, 0.01, 2)]
    losses = [np.mean((w * XS + b - YS) ** 2) for w, b in before]
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)


def test_eager_and_graph_training_agree_to_the_last_bit() -> None:
    runs = []
    for eagerly in (False, True):
        tf.keras.utils.set_random_seed(3)
        model = tf.keras.Sequential(
            [tf.keras.layers.Dense(4, "tanh", input_shape=[1]), tf.keras.layers.Dense(1)]
        )
        model.compile("sgd", "mse", run_eagerly=eagerly)
        model.fit(XS, YS, epochs=5, batch_size=4, verbose=0)
        runs.append(np.concatenate([w.reshape(-1) for w in model.get_weights()]))
    np.testing.assert_array_equal(runs[0], runs[1])


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    def run(seed: int) -> np.ndarray:
        tf.keras.utils.set_random_seed(seed)
        model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=[1])])
        model.compile("sgd", "mse")
        model.fit(XS, YS, epochs=4, batch_size=2, verbose=0)
        return model.predict(XS, verbose=0)

    np.testing.assert_array_equal(run(1), run(1))
    assert not np.array_equal(run(1), run(2))


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_follows_its_formula(nesterov: bool) -> None:
    model = line_model(0.0, 0.0)
    model.compile(tf.keras.optimizers.SGD(0.01, momentum=0.9, nesterov=nesterov), "mse")
    w = b = vw = vb = 0.0
    for _ in range(20):
        error = w * XS + b - YS
        gw, gb = 2 * np.mean(error * XS), 2 * np.mean(error)
        vw, vb = 0.9 * vw - 0.01 * gw, 0.9 * vb - 0.01 * gb
        w += 0.9 * vw - 0.01 * gw if nesterov else vw
        b += 0.9 * vb - 0.01 * gb if nesterov else vb
    model.fit(XS, YS, epochs=20, verbose=0)
    found = [weight.item() for weight in model.get_weights()]
    np.testing.assert_allclose(found, [w, b], rtol=1e-4)
