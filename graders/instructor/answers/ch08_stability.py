"""Answers to the other tasks of chapter 08: the walk, the limit of the rate, and how long it takes."""

from __future__ import annotations

import math

import numpy as np

import engine as tf
from answers import accepted, wrong

DESCEND, RATE = "08.hand.descend", "08.hand.largest_stable_rate"
EPOCHS = "08.hand.epochs_until"


def _loss(x, y, w, b):
    return sum((w * p + b - q) ** 2 for p, q in zip(x, y, strict=True)) / len(x)


def _moved(x, y, rate, w, b):
    errors = [w * p + b - q for p, q in zip(x, y, strict=True)]
    dw = 2 * sum(e * p for e, p in zip(errors, x, strict=True)) / len(x)
    return w - rate * dw, b - rate * 2 * sum(errors) / len(x)


def _walk(x, y, rate, epochs, w, b, limit, moved=_moved):
    rows = [(w, b, _loss(x, y, w, b))]
    for _ in range(epochs):
        if rows[-1][2] > limit:
            break
        w, b = moved(x, y, rate, w, b)
        rows.append((w, b, _loss(x, y, w, b)))
    return rows


@wrong(DESCEND, "no_start")
def descend_notes_after_each_step(x, y, learning_rate, epochs, w, b, limit):
    return _walk(x, y, learning_rate, epochs, w, b, limit)[1:]


@wrong(DESCEND, "no_end")
def descend_notes_before_each_step(x, y, learning_rate, epochs, w, b, limit):
    rows = []
    for _ in range(epochs):
        rows.append((w, b, _loss(x, y, w, b)))
        if rows[-1][2] > limit:
            break
        w, b = _moved(x, y, learning_rate, w, b)
    return rows


@wrong(DESCEND, "late_losses")
def descend_with_the_loss_of_the_step(x, y, learning_rate, epochs, w, b, limit):
    rows = [(w, b, _loss(x, y, w, b))]
    for _ in range(epochs):
        loss = _loss(x, y, w, b)
        if loss > limit:
            break
        w, b = _moved(x, y, learning_rate, w, b)
        rows.append((w, b, loss))
    return rows


@wrong(DESCEND, "uphill")
def descend_uphill(x, y, learning_rate, epochs, w, b, limit):
    return _walk(x, y, -learning_rate, epochs, w, b, limit)


@wrong(DESCEND, "half_step")
def descend_half_steps(x, y, learning_rate, epochs, w, b, limit):
    return _walk(x, y, learning_rate / 2, epochs, w, b, limit)


@wrong(DESCEND, "summed")
def descend_the_sum(x, y, learning_rate, epochs, w, b, limit):
    return _walk(x, y, learning_rate * len(x), epochs, w, b, limit)


@wrong(DESCEND, "w_before_b")
def descend_w_before_b(x, y, learning_rate, epochs, w, b, limit):
    def moved(x, y, rate, w, b):
        w, _ = _moved(x, y, rate, w, b)
        return w, _moved(x, y, rate, w, b)[1]

    return _walk(x, y, learning_rate, epochs, w, b, limit, moved)


@wrong(DESCEND, "limit_ignored", points=3)
def descend_without_a_guard(x, y, learning_rate, epochs, w, b, limit):
    return _walk(x, y, learning_rate, epochs, w, b, math.inf)


@wrong(DESCEND, "limit_row", points=3)
def descend_drops_the_last_row(x, y, learning_rate, epochs, w, b, limit):
    return [row for row in _walk(x, y, learning_rate, epochs, w, b, limit) if row[2] <= limit]


@wrong(DESCEND, "limit_equal", points=3)
def descend_ends_at_the_limit(x, y, learning_rate, epochs, w, b, limit):
    rows = [(w, b, _loss(x, y, w, b))]
    while len(rows) <= epochs and rows[-1][2] < limit:
        w, b = _moved(x, y, learning_rate, w, b)
        rows.append((w, b, _loss(x, y, w, b)))
    return rows


@wrong(DESCEND, "limit_start", points=3)
def descend_looks_after_the_first_step(x, y, learning_rate, epochs, w, b, limit):
    rows = [(w, b, _loss(x, y, w, b))]
    for _ in range(epochs):
        w, b = _moved(x, y, learning_rate, w, b)
        rows.append((w, b, _loss(x, y, w, b)))
        if rows[-1][2] > limit:
            break
    return rows


@wrong(DESCEND, "plain_floats")
def descend_keeps_the_variables(x, y, learning_rate, epochs, w, b, limit):
    w, b, at, label = tf.Variable(w), tf.Variable(b), tf.constant(x), tf.constant(y)
    rows = []
    for k in range(epochs + 1):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((w * at + b - label) ** 2)
        rows.append((w, b, loss))
        if k == epochs or loss > limit:
            break
        for knob, slope in zip([w, b], tape.gradient(loss, [w, b]), strict=True):
            knob.assign_sub(learning_rate * slope)
    return rows


@accepted(DESCEND)
def descend_with_a_tape(x, y, learning_rate, epochs, w, b, limit):
    w, b, at, label = tf.Variable(w), tf.Variable(b), tf.constant(x), tf.constant(y)
    rows = []
    for _ in range(epochs + 1):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((w * at + b - label) ** 2)
        rows.append((w.numpy().item(), b.numpy().item(), loss.numpy().item()))
        if rows[-1][2] > limit:
            break
        for knob, slope in zip([w, b], tape.gradient(loss, [w, b]), strict=True):
            knob.assign_sub(learning_rate * slope)
    return rows


@accepted(DESCEND)
def descend_in_numpy(x, y, learning_rate, epochs, w, b, limit):
    table, labels = np.stack([x, np.ones(len(x))], axis=1), np.array(y)
    knobs, rows = np.array([w, b]), []
    while True:
        error = table @ knobs - labels
        rows.append((float(knobs[0]), float(knobs[1]), float(np.mean(error**2))))
        if len(rows) > epochs or rows[-1][2] > limit:
            return rows
        knobs = knobs - learning_rate * 2 * error @ table / len(x)


def _hessian(x):
    table = np.stack([x, np.ones(len(x))], axis=1)
    return 2 * table.T @ table / len(x)


@wrong(RATE, "one_over")
def rate_one_over(x):
    return 1 / np.linalg.eigvalsh(_hessian(x))[1]


@wrong(RATE, "flat")
def rate_of_the_flat_direction(x):
    return float(2 / max(np.linalg.eigvalsh(_hessian(x))[0], 1e-30))


@wrong(RATE, "factor_two")
def rate_without_the_two(x):
    return 2 / np.linalg.eigvalsh(_hessian(x) / 2)[1]


@wrong(RATE, "summed")
def rate_of_the_sum(x):
    return 2 / np.linalg.eigvalsh(_hessian(x) * len(x))[1]


@wrong(RATE, "w_only")
def rate_of_w(x):
    square = sum(value * value for value in x) / len(x)
    return 1 / square if square else math.inf


@wrong(RATE, "diagonal")
def rate_of_the_diagonal(x):
    return 2 / max(2 * np.mean(np.square(x)), 2.0)


@wrong(RATE, "trace")
def rate_of_the_trace(x):
    return 2 / np.trace(_hessian(x))


@wrong(RATE, "variance")
def rate_of_the_variance(x):
    return 2 / max(2 * np.var(x), 2.0)


@wrong(RATE, "flat")
def rate_of_whichever_comes_last(x):
    values, _ = np.linalg.eig(_hessian(x))
    return 2 / values[-1] if values[-1] else math.inf


@accepted(RATE)
def rate_by_tapes(x):
    at, knobs = tf.constant(x), tf.Variable([0.0, 0.0])
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            loss = tf.reduce_mean((knobs[0] * at + knobs[1]) ** 2)
        slope = inner.gradient(loss, knobs)
    return 2 / tf.linalg.eigvalsh(outer.jacobian(slope, knobs))[-1]


@accepted(RATE)
def rate_by_the_quadratic_formula(x):
    square, mean = sum(value * value for value in x) / len(x), sum(x) / len(x)
    half, product = square + 1, square - mean * mean  # of both eigenvalues, halved
    return 2 / (half + math.sqrt(half * half - 4 * product))


@accepted(RATE)
def rate_by_power_iteration(x):
    hessian, vector = _hessian(x), np.array([0.7, 1.1])
    for _ in range(3000):
        vector = hessian @ vector
        vector = vector / np.linalg.norm(vector)
    return float(2 / (vector @ hessian @ vector))


def _sizes(x, rate):
    return [1 - rate * curvature for curvature in np.linalg.eigvalsh(_hessian(x))]


def _count(factor, share):
    if abs(factor) >= 1 and share < 1:
        return None
    epochs, left = 0, 1.0
    while left > share:
        epochs, left = epochs + 1, left * abs(factor)
    return epochs


@wrong(EPOCHS, "steep_only")
def epochs_of_the_steep(x, learning_rate, share):
    return _count(_sizes(x, learning_rate)[1], share)


@wrong(EPOCHS, "flat_only")
def epochs_of_the_flat(x, learning_rate, share):
    return _count(_sizes(x, learning_rate)[0], share)


@wrong(EPOCHS, "sign")
def epochs_by_the_logarithm_of_the_factor(x, learning_rate, share):
    worst = max(_sizes(x, learning_rate), key=abs)
    if share >= 1 or abs(worst) >= 1:
        return 0 if share >= 1 else None
    return math.ceil(math.log(share) / math.log(worst)) if worst else 1


@wrong(EPOCHS, "loss_share")
def epochs_of_the_loss(x, learning_rate, share):
    return _count(max(_sizes(x, learning_rate), key=abs) ** 2, share)


@wrong(EPOCHS, "rounded_down")
def epochs_rounded_down(x, learning_rate, share):
    epochs = _count(max(_sizes(x, learning_rate), key=abs), share)
    return epochs - 1 if epochs else epochs


@wrong(EPOCHS, "round_bowl")
def epochs_by_logarithm(x, learning_rate, share):
    worst = max(abs(factor) for factor in _sizes(x, learning_rate))
    return None if worst >= 1 else math.ceil(math.log(share) / math.log(worst))


@wrong(EPOCHS, "no_epoch")
def epochs_at_least_one(x, learning_rate, share):
    epochs = _count(max(_sizes(x, learning_rate), key=abs), share)
    return 1 if epochs == 0 else epochs


@wrong(EPOCHS, "never", points=2)
def epochs_gives_up_late(x, learning_rate, share):
    worst, epochs, left = float(max(map(abs, _sizes(x, learning_rate)))), 0, 1.0
    while left > share and epochs < 5000:
        epochs, left = epochs + 1, left * worst
    return epochs


@wrong(EPOCHS, "never", points=2)
def epochs_negative(x, learning_rate, share):
    worst = max(map(abs, _sizes(x, learning_rate)))
    return math.ceil(math.log(share) / math.log(max(worst, 1e-300)))


@accepted(EPOCHS)
def epochs_with_a_guarded_logarithm(x, learning_rate, share):
    worst = max(map(abs, _sizes(x, learning_rate)))
    if share >= 1:
        return 0
    if worst >= 1:
        return None
    return max(1, math.ceil(math.log(share) / math.log(max(worst, 1e-300))))


@accepted(EPOCHS)
def epochs_by_walking_both(x, learning_rate, share):
    now, epochs = np.ones(2), 0
    factors = np.array(_sizes(x, learning_rate))
    if np.abs(factors).max() >= 1:
        return 0 if share >= 1 else None
    while np.abs(now).max() > share:
        now, epochs = now * factors, epochs + 1
    return epochs
