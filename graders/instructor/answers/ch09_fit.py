"""Answers to the last task of chapter 09: fit, with batches."""

from __future__ import annotations

import numpy as np

import engine as tf
from answers import accepted, wrong

FIT = "09.keras.fit_line"


def _line(x, y, epochs, size, rate, w, b, factor=2.0):
    for _ in range(epochs):
        for at in range(0, len(x), size):
            xs, ys = x[at : at + size], y[at : at + size]
            errors = [w * one + b - label for one, label in zip(xs, ys, strict=True)]
            dw = factor * sum(e * one for e, one in zip(errors, xs, strict=True)) / len(xs)
            db = factor * sum(errors) / len(xs)
            w, b = w - rate * dw, b - rate * db
    return w, b


@wrong(FIT, "own_start")
def fit_own_start(x, y, epochs, batch_size, learning_rate, w, b):
    return _line(x, y, epochs, batch_size, learning_rate, 0.0, 0.0)


@wrong(FIT, "uphill")
def fit_uphill(x, y, epochs, batch_size, learning_rate, w, b):
    return _line(x, y, epochs, batch_size, -learning_rate, w, b)


@wrong(FIT, "half_step")
def fit_half_step(x, y, epochs, batch_size, learning_rate, w, b):
    return _line(x, y, epochs, batch_size, learning_rate, w, b, factor=1.0)


@wrong(FIT, "summed")
def fit_summed(x, y, epochs, batch_size, learning_rate, w, b):
    for _ in range(epochs):
        for at in range(0, len(x), batch_size):
            xs, ys = x[at : at + batch_size], y[at : at + batch_size]
            w, b = _line(xs, ys, 1, len(xs), learning_rate * len(xs), w, b)
    return w, b


@wrong(FIT, "whole_epochs")
def fit_without_batches(x, y, epochs, batch_size, learning_rate, w, b):
    return _line(x, y, epochs, len(x), learning_rate, w, b)


@wrong(FIT, "whole_epochs")
def fit_with_the_default_batch(x, y, epochs, batch_size, learning_rate, w, b):
    layer = tf.keras.layers.Dense(1)
    model = tf.keras.Sequential([layer])
    model.build((None, 1))
    layer.set_weights([np.array([[w]]), np.array([b])])
    model.compile(tf.keras.optimizers.SGD(learning_rate), "mse")
    inputs, labels = np.array(x)[:, None], np.array(y)[:, None]
    model.fit(inputs, labels, batch_size=max(32, len(x)), epochs=epochs, verbose=0)
    return tuple(float(value.ravel()[0]) for value in layer.get_weights())


@wrong(FIT, "one_by_one")
def fit_one_by_one(x, y, epochs, batch_size, learning_rate, w, b):
    return _line(x, y, epochs, 1, learning_rate, w, b)


@wrong(FIT, "first_batch")
def fit_returns_in_the_loop(x, y, epochs, batch_size, learning_rate, w, b):
    return _line(x[:batch_size], y[:batch_size], epochs, batch_size, learning_rate, w, b)


@wrong(FIT, "one_epoch")
def fit_one_epoch(x, y, epochs, batch_size, learning_rate, w, b):
    return _line(x, y, min(epochs, 1), batch_size, learning_rate, w, b)


@wrong(FIT, "dropped", points=3)
def fit_drops_the_rest(x, y, epochs, batch_size, learning_rate, w, b):
    for _ in range(epochs):
        for number in range(len(x) // batch_size):
            part = slice(number * batch_size, (number + 1) * batch_size)
            w, b = _line(x[part], y[part], 1, batch_size, learning_rate, w, b)
    return w, b


@wrong(FIT, "full_mean", points=3)
def fit_divides_by_batch_size(x, y, epochs, batch_size, learning_rate, w, b):
    for _ in range(epochs):
        for at in range(0, len(x), batch_size):
            xs, ys = x[at : at + batch_size], y[at : at + batch_size]
            w, b = _line(xs, ys, 1, batch_size, learning_rate * len(xs) / batch_size, w, b)
    return w, b


@wrong(FIT, "w_before_b")
def fit_w_before_b(x, y, epochs, batch_size, learning_rate, w, b):
    for _ in range(epochs):
        for at in range(0, len(x), batch_size):
            batch = x[at : at + batch_size], y[at : at + batch_size], 1, batch_size, learning_rate
            new_w, _ = _line(*batch, w, b)
            _, b = _line(*batch, new_w, b)
            w = new_w
    return w, b


@wrong(FIT, "stale")
def fit_with_the_weights_of_the_epoch_before(x, y, epochs, batch_size, learning_rate, w, b):
    for _ in range(epochs):
        start_w, start_b = w, b
        for at in range(0, len(x), batch_size):
            part = slice(at, at + batch_size)
            new_w, new_b = _line(x[part], y[part], 1, batch_size, learning_rate, start_w, start_b)
            w, b = w + new_w - start_w, b + new_b - start_b
    return w, b


@wrong(FIT, "stale")
def fit_from_the_back(x, y, epochs, batch_size, learning_rate, w, b):
    return _line(x[::-1], y[::-1], epochs, batch_size, learning_rate, w, b)


@wrong(FIT, "smaller_batch", points=3)
def fit_fills_the_last_batch_up(x, y, epochs, batch_size, learning_rate, w, b):
    missing = -len(x) % batch_size
    x, y = x + (x * batch_size)[:missing], y + (y * batch_size)[:missing]
    return _line(x, y, epochs, batch_size, learning_rate, w, b)


@accepted(FIT)
def fit_with_tape(x, y, epochs, batch_size, learning_rate, w, b):
    w, b = tf.Variable(w), tf.Variable(b)
    for _ in range(epochs):
        for at in range(0, len(x), batch_size):
            inputs = tf.constant(x[at : at + batch_size])
            labels = tf.constant(y[at : at + batch_size])
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((w * inputs + b - labels) ** 2)
            dw, db = tape.gradient(loss, [w, b])
            w.assign_sub(learning_rate * dw)
            b.assign_sub(learning_rate * db)
    return float(w.numpy()), float(b.numpy())


@accepted(FIT)
def fit_with_numpy(x, y, epochs, batch_size, learning_rate, w, b):
    inputs, labels = np.array(x), np.array(y)
    for update in range(epochs * -(-len(x) // batch_size)):
        at = update % -(-len(x) // batch_size) * batch_size
        part = slice(at, at + batch_size)
        error = w * inputs[part] + b - labels[part]
        dw, db = 2 * np.mean(error * inputs[part]), 2 * np.mean(error)
        w -= learning_rate * dw
        b -= learning_rate * db
    return w, b
