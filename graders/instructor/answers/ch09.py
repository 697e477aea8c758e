"""Answers to the tasks of chapter 09."""

from __future__ import annotations

import math

import numpy as np

import engine as tf
from answers import accepted, wrong

INIT, FORWARD, MSE = "09.keras.init_dense", "09.keras.dense_forward", "09.keras.mse"
GRADIENTS, SGD = "09.keras.mse_gradients", "09.keras.sgd_step"


def _limit(fan_in, units):
    return math.sqrt(6 / (fan_in + units))


def _uniform(shape, limit):
    return tf.random.uniform(shape, -limit, limit)


@wrong(INIT, "transposed")
def init_transposed(fan_in, units):
    return _uniform((units, fan_in), _limit(fan_in, units)), tf.zeros((units,))


@wrong(INIT, "bias_shape")
def init_bias_as_row(fan_in, units):
    return _uniform((fan_in, units), _limit(fan_in, units)), tf.zeros((1, units))


@wrong(INIT, "dtype")
def init_float64(fan_in, units):
    limit = _limit(fan_in, units)
    return np.random.uniform(-limit, limit, (fan_in, units)), np.zeros(units)


@wrong(INIT, "zeros")
def init_zeros(fan_in, units):
    return tf.zeros((fan_in, units)), tf.zeros((units,))


@wrong(INIT, "bias_random")
def init_random_bias(fan_in, units):
    limit = _limit(fan_in, units)
    return _uniform((fan_in, units), limit), _uniform((units,), limit)


@wrong(INIT, "one_sided")
def init_one_sided(fan_in, units):
    limit = _limit(fan_in, units)
    return tf.random.uniform((fan_in, units), 0, limit), tf.zeros((units,))


@wrong(INIT, "limit")
def init_bell_curve(fan_in, units):
    limit = _limit(fan_in, units)
    w = np.clip(np.random.normal(0, limit / 2, (fan_in, units)), -limit, limit)
    return w.astype("float32"), tf.zeros((units,))


@wrong(INIT, "limit")
def init_unit_range(fan_in, units):
    return _uniform((fan_in, units), 0.05), tf.zeros((units,))


@accepted(INIT)
def init_keras(fan_in, units):
    layer = tf.keras.layers.Dense(units)
    layer(tf.zeros((1, fan_in)))
    return layer.get_weights()


@accepted(INIT)
def init_numpy(fan_in, units):
    spread = 2 * _limit(fan_in, units)
    w = (np.random.default_rng().random((fan_in, units)) - 0.5) * spread
    return w.astype("float32"), np.zeros(units, np.float32)


def _rank_two(x):
    if len(x.shape) != 2:
        raise ValueError(f"x has rank {len(x.shape)}, and should have rank 2")


@wrong(FORWARD, "elementwise")
def forward_elementwise(x, w, b):
    _rank_two(x)
    return x * w + b


@wrong(FORWARD, "no_bias")
def forward_without_bias(x, w, b):
    _rank_two(x)
    return x @ w


@wrong(FORWARD, "transposed")
def forward_transposed(x, w, b):
    _rank_two(x)
    return tf.transpose(tf.transpose(x) @ w) + b


def _as_in_memory(value):
    """The numbers in the order in which they lie in memory."""
    return np.asarray(value.numpy()).ravel(order="K")


@wrong(FORWARD, "memory_order")
def forward_by_place_in_memory(x, w, b):
    _rank_two(x)
    numbers = _as_in_memory(x)
    return numbers.reshape(x.shape) @ w.numpy() + b.numpy()


@wrong(FORWARD, "no_example")
def forward_row_by_row(x, w, b):
    _rank_two(x)
    return tf.stack([tf.reduce_sum(row[:, None] * w, axis=0) + b for row in x])


@wrong(FORWARD, "rank_missed", points=1)
def forward_any_rank(x, w, b):
    return tf.convert_to_tensor(np.dot(x.numpy(), w.numpy()) if x.ndim else w) + b


@wrong(FORWARD, "rank_missed", points=1)
def forward_refuses_small_ranks(x, w, b):
    if x.ndim < 2:
        raise ValueError("rank 2 is expected")
    return x @ w + b


@wrong(FORWARD, "rank_error", points=1)
def forward_asserts(x, w, b):
    assert x.ndim == 2
    return x @ w + b


@accepted(FORWARD)
def forward_numpy(x, w, b):
    _rank_two(x)
    return np.einsum("bf,fu->bu", x.numpy(), w.numpy()) + b.numpy()


@accepted(FORWARD)
def forward_layer(x, w, b):
    _rank_two(x)
    layer = tf.keras.layers.Dense(w.shape[1], use_bias=False)
    layer(x)
    layer.set_weights([w.numpy()])
    return tf.add(layer(x), b)


def _same_shape(y_true, y_pred):
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(f"shapes {y_true.shape} and {y_pred.shape} differ, one shape is needed")


@wrong(MSE, "sum")
def mse_sum(y_true, y_pred):
    _same_shape(y_true, y_pred)
    return tf.reduce_sum(tf.square(y_true - y_pred))


@wrong(MSE, "absolute")
def mse_absolute(y_true, y_pred):
    _same_shape(y_true, y_pred)
    return tf.reduce_mean(tf.abs(y_true - y_pred))


@wrong(MSE, "root")
def mse_root(y_true, y_pred):
    _same_shape(y_true, y_pred)
    return tf.sqrt(tf.reduce_mean(tf.square(y_true - y_pred)))


@wrong(MSE, "not_squared")
def mse_not_squared(y_true, y_pred):
    _same_shape(y_true, y_pred)
    return tf.reduce_mean(y_pred - y_true)


@wrong(MSE, "half")
def mse_half(y_true, y_pred):
    _same_shape(y_true, y_pred)
    return tf.reduce_mean(tf.square(y_true - y_pred)) / 2


@wrong(MSE, "rows_only")
def mse_by_rows(y_true, y_pred):
    _same_shape(y_true, y_pred)
    return np.sum((y_true.numpy() - y_pred.numpy()) ** 2) / len(y_true.numpy())


@wrong(MSE, "memory_order")
def mse_by_place_in_memory(y_true, y_pred):
    _same_shape(y_true, y_pred)
    return np.mean((_as_in_memory(y_true) - _as_in_memory(y_pred)) ** 2)


@wrong(MSE, "two_axes")
def mse_of_tables(y_true, y_pred):
    _same_shape(y_true, y_pred)
    rows, columns = y_true.shape
    return tf.reduce_sum(tf.square(y_true - y_pred)) / (rows * columns)


@wrong(MSE, "broadcast", points=1)
def mse_compares_sizes(y_true, y_pred):
    if y_true.numpy().size != y_pred.numpy().size:
        raise ValueError("these do not match in shape")
    return np.mean(np.square(y_true.numpy() - y_pred.numpy()))


@wrong(MSE, "broadcast", points=1)
def mse_broadcasts(y_true, y_pred):
    return tf.reduce_mean(tf.square(y_true - y_pred))


@wrong(MSE, "shape_error", points=1)
def mse_asserts(y_true, y_pred):
    assert tuple(y_true.shape) == tuple(y_pred.shape)
    return tf.reduce_mean(tf.square(y_true - y_pred))


@accepted(MSE)
def mse_numpy(y_true, y_pred):
    _same_shape(y_true, y_pred)
    return np.square(y_true.numpy() - y_pred.numpy()).mean()


@accepted(MSE)
def mse_loop(y_true, y_pred):
    _same_shape(y_true, y_pred)
    pairs = list(zip(y_true.numpy().ravel(), y_pred.numpy().ravel(), strict=True))
    return sum((float(t) - float(p)) ** 2 for t, p in pairs) / len(pairs)


def _errors(y_true, y_pred):
    return (y_pred - y_true) * (2 / math.prod(y_true.shape))


@wrong(GRADIENTS, "sign")
def gradients_sign(x, y_true, y_pred):
    errors = -_errors(y_true, y_pred)
    return tf.transpose(x) @ errors, tf.reduce_sum(errors, axis=0)


@wrong(GRADIENTS, "factor_two")
def gradients_half(x, y_true, y_pred):
    errors = _errors(y_true, y_pred) / 2
    return tf.transpose(x) @ errors, tf.reduce_sum(errors, axis=0)


@wrong(GRADIENTS, "not_mean")
def gradients_summed(x, y_true, y_pred):
    errors = 2 * (y_pred - y_true)
    return tf.transpose(x) @ errors, tf.reduce_sum(errors, axis=0)


@wrong(GRADIENTS, "by_rows", points=2)
def gradients_by_rows(x, y_true, y_pred):
    errors = 2 * (y_pred - y_true) / x.shape[0]
    return tf.transpose(x) @ errors, tf.reduce_sum(errors, axis=0)


@wrong(GRADIENTS, "reshaped")
def gradients_reshaped(x, y_true, y_pred):
    errors = _errors(y_true, y_pred)
    return tf.reshape(x, (x.shape[1], x.shape[0])) @ errors, tf.reduce_sum(errors, axis=0)


@wrong(GRADIENTS, "memory_order")
def gradients_by_place_in_memory(x, y_true, y_pred):
    errors = _errors(y_true, y_pred)
    rows = _as_in_memory(x).reshape(x.shape)
    return rows.T @ errors.numpy(), tf.reduce_sum(errors, axis=0)


@wrong(GRADIENTS, "bias_not_summed")
def gradients_bias_per_example(x, y_true, y_pred):
    errors = _errors(y_true, y_pred)
    return tf.transpose(x) @ errors, errors


@wrong(GRADIENTS, "dw_turned")
def gradients_turned(x, y_true, y_pred):
    errors = _errors(y_true, y_pred)
    return tf.transpose(errors) @ x, tf.reduce_sum(errors, axis=0)


@wrong(GRADIENTS, "no_input")
def gradients_without_input(x, y_true, y_pred):
    errors = _errors(y_true, y_pred)
    dw = tf.transpose(tf.ones(x.shape)) @ errors
    return dw, tf.reduce_sum(errors, axis=0)


@accepted(GRADIENTS)
def gradients_numpy(x, y_true, y_pred):
    errors = 2 * (y_pred.numpy() - y_true.numpy()) / y_true.numpy().size
    return np.einsum("bf,bu->fu", x.numpy(), errors), errors.sum(axis=0)


@accepted(GRADIENTS)
def gradients_tape(x, y_true, y_pred):
    w, b = tf.Variable(tf.zeros((x.shape[1], y_true.shape[1]))), tf.Variable(y_true[0] * 0)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((y_pred + x @ w + b - y_true) ** 2)
    return tuple(tape.gradient(loss, [w, b]))


@wrong(SGD, "uphill")
def sgd_uphill(params, grads, learning_rate):
    return [p + learning_rate * g for p, g in zip(params, grads, strict=True)]


@wrong(SGD, "no_rate")
def sgd_without_rate(params, grads, learning_rate):
    return [p - g for p, g in zip(params, grads, strict=True)]


@wrong(SGD, "only_step")
def sgd_only_step(params, grads, learning_rate):
    return [-learning_rate * g for g in grads]


@wrong(SGD, "shrinks")
def sgd_shrinks(params, grads, learning_rate):
    return [learning_rate * (p - g) for p, g in zip(params, grads, strict=True)]


@wrong(SGD, "first_only")
def sgd_first_only(params, grads, learning_rate):
    return [params[0] - learning_rate * grads[0], *params[1:]]


@wrong(SGD, "memory_order")
def sgd_by_place_in_memory(params, grads, learning_rate):
    rate = np.float32(learning_rate)
    return [
        (_as_in_memory(p) - rate * _as_in_memory(g)).reshape(p.shape)
        for p, g in zip(params, grads, strict=True)
    ]


@wrong(SGD, "scalar")
def sgd_gives_numbers_an_axis(params, grads, learning_rate):
    rate = np.float32(learning_rate)
    return [np.atleast_1d(p.numpy() - rate * g) for p, g in zip(params, grads, strict=True)]


@wrong(SGD, "no_parameter")
def sgd_starts_with_the_first(params, grads, learning_rate):
    updated = [params[0] - learning_rate * grads[0]]
    for p, g in zip(params[1:], grads[1:], strict=True):
        updated.append(p - learning_rate * g)
    return updated


@wrong(SGD, "not_a_list")
def sgd_generator(params, grads, learning_rate):
    return (p - learning_rate * g for p, g in zip(params, grads, strict=True))


@accepted(SGD)
def sgd_loop(params, grads, learning_rate):
    updated = []
    for position in range(len(params)):
        updated.append(params[position] - grads[position] * learning_rate)
    return updated


@accepted(SGD)
def sgd_variables(params, grads, learning_rate):
    variables = [tf.Variable(p) for p in params]
    for variable, gradient in zip(variables, grads, strict=True):
        variable.assign_sub(learning_rate * gradient)
    return variables
