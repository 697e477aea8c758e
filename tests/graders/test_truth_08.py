"""The truths of chapter 08, held against a second source."""

import numpy as np
import pytest

import engine as tf
from graders.tasks.base import Case, Draw
from graders.tasks.ch08_by_hand import GRADIENTS, LOSS, STEP, loss_truth, slopes, steps_truth
from graders.tasks.ch08_stability import (
    DESCEND,
    EPOCHS,
    RATE,
    clear,
    curvatures,
    epochs_truth,
    stable_truth,
    walk,
)

DRAW = Draw(seed=8, times=3)


def drawn(task):
    for check in task.checks:
        for case in check.cases(DRAW):
            yield case.args if isinstance(case, Case) else case


def test_losses_are_those_of_the_engine():
    for w, b, x, y in drawn(LOSS):
        rows = (w * x + b).reshape(-1), y.reshape(-1)
        assert loss_truth(w, b, x, y) == pytest.approx(
            float(tf.reduce_mean(tf.square(rows[0] - rows[1]))), rel=1e-4, abs=1e-6
        )


def test_slopes_agree_with_differences():
    for w, b, x, y in drawn(GRADIENTS):
        tiny = 1e-6
        dw = (loss_truth(w + tiny, b, x, y) - loss_truth(w - tiny, b, x, y)) / (2 * tiny)
        db = (loss_truth(w, b + tiny, x, y) - loss_truth(w, b - tiny, x, y)) / (2 * tiny)
        assert slopes(w, b, x, y) == pytest.approx((dw, db), rel=1e-5, abs=1e-5)


def test_steps_agree_with_the_tape_and_sgd():
    for w, b, batches, rate, graph in drawn(STEP):
        knobs = [tf.Variable(w, dtype=tf.float64), tf.Variable(b, dtype=tf.float64)]
        losses = []
        for x, y in batches:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(knobs[0] * x.astype(float) + knobs[1] - y))
            losses.append(float(loss))
            slope = tape.gradient(loss, knobs)
            tf.keras.optimizers.SGD(rate).apply_gradients(zip(slope, knobs, strict=True))
        expected = [*losses, *(float(knob.numpy()) for knob in knobs)]
        assert steps_truth(w, b, batches, rate, graph) == pytest.approx(
            expected,
            rel=1e-5,
            abs=1e-6,  # the optimizer keeps its rate in float32
        )


def power(x, y, rate, epochs, w, b):
    """Where a walk stands after its last epoch, by a matrix power."""
    table = np.stack([x, np.ones(len(x))], axis=1)
    best = np.linalg.lstsq(table, np.array(y), rcond=None)[0]
    once = np.eye(2) - rate * 2 * table.T @ table / len(x)
    return best + np.linalg.matrix_power(once, epochs) @ (np.array([w, b]) - best)


def test_walks_agree_with_a_matrix_power_and_end_above_the_limit_alone():
    ended = 0
    for x, y, rate, epochs, w, b, limit in drawn(DESCEND):
        rows = walk(x, y, rate, epochs, w, b, limit)
        assert rows[-1][:2] == pytest.approx(power(x, y, rate, len(rows) - 1, w, b), rel=1e-6)
        assert all(row[2] <= limit for row in rows[:-1])
        assert len(rows) == epochs + 1 or rows[-1][2] > limit
        ended += len(rows) <= epochs
        # Not so close to the limit that float32 could end at another row, unless it is exact.
        assert all(abs(row[2] / limit - 1) > 1e-3 or row[2] == limit for row in rows)
    assert ended >= 5


def test_the_largest_stable_rate_is_where_walks_begin_to_diverge():
    for (x,) in drawn(RATE):
        rate = stable_truth(x)
        assert rate > 0.01  # so that an absolute tolerance of 1e-5 says something
        low, high = np.linalg.eigvalsh(
            2 * np.cov([x, np.ones(len(x))], bias=True) + 2 * np.outer(*[[np.mean(x), 1]] * 2)
        )
        assert rate == pytest.approx(2 / high)
        steep = np.linalg.eigh(
            2 * np.array([[np.mean(np.square(x)), np.mean(x)], [np.mean(x), 1]])
        )[1][:, 1]
        zero = [0.0] * len(x)
        for share, grows in ((0.99, False), (1.01, True)):
            rows = walk(x, zero, share * rate, 20, *map(float, steep), 1e300)
            assert (rows[-1][2] > rows[0][2]) == grows
        assert low == pytest.approx(curvatures(x)[0], abs=1e-9)


def test_epochs_are_counted_as_a_walk_takes_them():
    told = []
    for x, rate, share in drawn(EPOCHS):
        said = epochs_truth(x, rate, share)
        told.append(said)
        sizes = np.abs(1 - rate * np.array(curvatures(x)))
        left, epochs = np.ones(2), 0
        while left.max() > share * (1 + 1e-12) and epochs < 20_000 and left.max() < 1e3:
            left, epochs = left * sizes, epochs + 1
        assert said == (None if epochs == 20_000 or left.max() >= 1e3 else epochs)
        assert said is None or clear(x, rate, share)
    assert None in told and 0 in told and 1 in told and max(filter(None, told)) > 20
