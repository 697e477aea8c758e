"""Answers to the first tasks of chapter 08: the loss of a line, its slopes, and a step."""

from __future__ import annotations

import numpy as np

import engine as tf
from answers import accepted, wrong

LOSS, GRADIENTS, STEP = "08.hand.line_loss", "08.hand.line_gradients", "08.hand.train_step"


def _vectors(x, y):
    return tf.reshape(x, [-1]), tf.reshape(y, [-1])


@wrong(LOSS, "sum")
def loss_sum(w, b, x, y):
    x, y = _vectors(x, y)
    return tf.reduce_sum(tf.square(w * x + b - y))


@wrong(LOSS, "absolute")
def loss_absolute(w, b, x, y):
    x, y = _vectors(x, y)
    return tf.reduce_mean(tf.abs(w * x + b - y))


@wrong(LOSS, "not_squared")
def loss_not_squared(w, b, x, y):
    x, y = _vectors(x, y)
    return tf.reduce_mean(w * x + b - y)


@wrong(LOSS, "square_of_mean")
def loss_square_of_mean(w, b, x, y):
    x, y = _vectors(x, y)
    return tf.reduce_mean(w * x + b - y) ** 2


@wrong(LOSS, "root")
def loss_root(w, b, x, y):
    x, y = _vectors(x, y)
    return tf.sqrt(tf.reduce_mean((w * x + b - y) ** 2))


@wrong(LOSS, "half")
def loss_half(w, b, x, y):
    x, y = _vectors(x, y)
    return tf.reduce_mean((w * x + b - y) ** 2) / 2


@wrong(LOSS, "no_offset")
def loss_without_b(w, b, x, y):
    x, y = _vectors(x, y)
    return tf.reduce_mean((w * x - y) ** 2)


@wrong(LOSS, "broadcast", points=1)
def loss_broadcasts(w, b, x, y):
    return tf.reduce_mean((w * x + b - y) ** 2)


@wrong(LOSS, "broadcast", points=1)
def loss_broadcasts_in_numpy(w, b, x, y):
    error = np.add(np.multiply(w, x.numpy()), b) - y.numpy()
    return float(np.mean(error * error))


@wrong(LOSS, "one_side", points=1)
def loss_flattens_the_labels_only(w, b, x, y):
    return tf.reduce_mean((w * x + b - tf.reshape(y, [-1])) ** 2)


@wrong(LOSS, "one_side", points=1)
def loss_takes_the_shape_of_x(w, b, x, y):
    if len(y.shape) > len(x.shape):
        raise ValueError("y is a column")
    return tf.reduce_mean((w * x + b - tf.reshape(y, x.shape)) ** 2)


@accepted(LOSS)
def loss_by_numpy(w, b, x, y):
    return np.square(w * x.numpy().ravel() + b - y.numpy().ravel()).mean()


@accepted(LOSS)
def loss_by_a_loop(w, b, x, y):
    pairs = list(zip(x.numpy().ravel().tolist(), y.numpy().ravel().tolist(), strict=True))
    total = 0.0
    for one_x, one_y in pairs:
        total += (w * one_x + b - one_y) ** 2
    return total / len(pairs)


@accepted(LOSS)
def loss_in_the_shape_of_y(w, b, x, y):
    error = w * tf.reshape(x, y.shape) + b - y
    return tf.reduce_sum(error * error) / float(tf.size(y))


def _error(w, b, x, y):
    return w * x + b - y


@wrong(GRADIENTS, "sign")
def gradients_sign(w, b, x, y):
    error = -_error(w, b, x, y)
    return tf.reduce_mean(2 * error * x), tf.reduce_mean(2 * error)


@wrong(GRADIENTS, "factor_two")
def gradients_half(w, b, x, y):
    error = _error(w, b, x, y)
    return tf.reduce_mean(error * x), tf.reduce_mean(error)


@wrong(GRADIENTS, "summed")
def gradients_summed(w, b, x, y):
    error = _error(w, b, x, y)
    return tf.reduce_sum(2 * error * x), tf.reduce_sum(2 * error)


@wrong(GRADIENTS, "swapped")
def gradients_swapped(w, b, x, y):
    error = _error(w, b, x, y)
    return tf.reduce_mean(2 * error), tf.reduce_mean(2 * error * x)


@wrong(GRADIENTS, "no_input")
def gradients_without_x(w, b, x, y):
    slope = tf.reduce_mean(2 * _error(w, b, x, y))
    return slope, slope


@wrong(GRADIENTS, "means_apart")
def gradients_of_means(w, b, x, y):
    slope = tf.reduce_mean(2 * _error(w, b, x, y))
    return slope * tf.reduce_mean(x), slope


@wrong(GRADIENTS, "no_offset")
def gradients_without_b(w, b, x, y):
    error = _error(w, 0.0, x, y)
    return tf.reduce_mean(2 * error * x), tf.reduce_mean(2 * error)


@wrong(GRADIENTS, "per_point")
def gradients_per_point(w, b, x, y):
    error = _error(w, b, x, y)
    return 2 * error * x / len(x), 2 * error / len(x)


@accepted(GRADIENTS)
def gradients_by_numpy(w, b, x, y):
    error = _error(w, b, x.numpy(), y.numpy())
    return 2 * np.dot(error, x.numpy()) / len(error), 2 * error.mean()


@accepted(GRADIENTS)
def gradients_by_the_hessian(w, b, x, y):
    at, label = x.numpy().astype(float), y.numpy().astype(float)
    square, mean = (at * at).mean(), at.mean()
    dw = 2 * (w * square + b * mean - (at * label).mean())
    return dw, 2 * (w * mean + b - label.mean())


def _recorded(w, b, x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((w * x + b - y) ** 2)
    return loss, *tape.gradient(loss, [w, b])


@wrong(STEP, "not_moved")
def step_binds_names(w, b, x, y, learning_rate):
    loss, dw, db = _recorded(w, b, x, y)
    w = w - learning_rate * dw
    b = b - learning_rate * db
    return loss


@wrong(STEP, "uphill")
def step_uphill(w, b, x, y, learning_rate):
    loss, dw, db = _recorded(w, b, x, y)
    w.assign_add(learning_rate * dw)
    b.assign_add(learning_rate * db)
    return loss


@wrong(STEP, "no_rate")
def step_without_rate(w, b, x, y, learning_rate):
    loss, dw, db = _recorded(w, b, x, y)
    w.assign_sub(dw)
    b.assign_sub(db)
    return loss


@wrong(STEP, "w_before_b")
def step_w_before_b(w, b, x, y, learning_rate):
    loss, dw, _ = _recorded(w, b, x, y)
    w.assign_sub(learning_rate * dw)
    b.assign_sub(learning_rate * _recorded(w, b, x, y)[2])
    return loss


@wrong(STEP, "only_w")
def step_moves_w_only(w, b, x, y, learning_rate):
    loss, dw, _ = _recorded(w, b, x, y)
    w.assign_sub(learning_rate * dw)
    return loss


@wrong(STEP, "loss_after")
def step_measures_again(w, b, x, y, learning_rate):
    _, dw, db = _recorded(w, b, x, y)
    w.assign_sub(learning_rate * dw)
    b.assign_sub(learning_rate * db)
    return tf.reduce_mean((w * x + b - y) ** 2)


@wrong(STEP, "summed")
def step_of_the_sum(w, b, x, y, learning_rate):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum((w * x + b - y) ** 2)
    dw, db = tape.gradient(loss, [w, b])
    w.assign_sub(learning_rate * dw)
    b.assign_sub(learning_rate * db)
    return loss / len(x)


@wrong(STEP, "none_gradient")
def step_outside_of_the_tape(w, b, x, y, learning_rate):
    predicted = w * x + b
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((predicted - y) ** 2)
    dw, db = tape.gradient(loss, (w, b))
    w.assign_sub(learning_rate * dw)
    b.assign_sub(learning_rate * db)
    return loss


@wrong(STEP, "not_traceable", points=2)
def step_returns_a_float(w, b, x, y, learning_rate):
    loss, dw, db = _recorded(w, b, x, y)
    w.assign_sub(learning_rate * dw)
    b.assign_sub(learning_rate * db)
    return loss.numpy().item()


@wrong(STEP, "not_traceable", points=2)
def step_in_numpy(w, b, x, y, learning_rate):
    error = w.numpy() * x.numpy() + b.numpy() - y.numpy()
    w.assign_sub(learning_rate * 2 * np.mean(error * x.numpy()))
    b.assign_sub(learning_rate * 2 * np.mean(error))
    return np.mean(error**2)


@wrong(STEP, "frozen", points=2)
def step_with_the_first_values(w, b, x, y, learning_rate):
    with tf.init_scope():
        old_w, old_b = w.value(), b.value()
    error = old_w * x + old_b - y
    w.assign(old_w - learning_rate * tf.reduce_mean(2 * error * x))
    b.assign(old_b - learning_rate * tf.reduce_mean(2 * error))
    return tf.reduce_mean(error**2)


@accepted(STEP)
def step_by_formula(w, b, x, y, learning_rate):
    error = w * x + b - y
    dw, db = 2 * tf.reduce_mean(error * x), 2 * tf.reduce_mean(error)
    w.assign(w - learning_rate * dw)
    b.assign(b - learning_rate * db)
    return tf.reduce_mean(error * error)


@accepted(STEP)
def step_over_a_list(w, b, x, y, learning_rate):
    knobs = [w, b]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(knobs)
        loss = tf.reduce_mean(tf.math.squared_difference(knobs[0] * x + knobs[1], y))
    for knob, slope in zip(knobs, tape.gradient(loss, knobs), strict=True):
        knob.assign_add(-learning_rate * slope)
    return loss
