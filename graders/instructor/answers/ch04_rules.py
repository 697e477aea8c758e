"""Answers to the tasks of chapter 04: what one line of a tape hands back."""

from __future__ import annotations

import numpy as np

import engine as tf
from answers import accepted, wrong

UNBROADCAST, VJP = "04.tape.unbroadcast", "04.tape.vjp"


def _front(gradient, shape):
    return len(gradient.shape) - len(shape)


def _right(gradient, shape):
    front = _front(gradient, shape)
    total = tf.reduce_sum(gradient, axis=list(range(front)))
    stretched = [axis for axis, size in enumerate(shape) if size == 1]
    return tf.reduce_sum(total, axis=stretched, keepdims=True)


@wrong(UNBROADCAST, "mean")
def unbroadcast_mean(gradient, shape):
    total = tf.reduce_mean(gradient, axis=list(range(_front(gradient, shape))))
    for axis, size in enumerate(shape):
        if size == 1:
            total = tf.reduce_mean(total, axis=axis, keepdims=True)
    return total


@wrong(UNBROADCAST, "first_copy")
def unbroadcast_first_copy(gradient, shape):
    array = gradient.numpy()
    while array.ndim > len(shape):
        array = array[0]
    return tf.constant(array[tuple(slice(0, size) for size in shape)])


@wrong(UNBROADCAST, "from_behind")
def unbroadcast_from_behind(gradient, shape):
    total = gradient
    while len(total.shape) > len(shape):
        total = tf.reduce_sum(total, axis=-1)
    for axis, size in enumerate(shape):
        if size == 1:
            total = tf.reduce_sum(total, axis=axis, keepdims=True)
    return total


@wrong(UNBROADCAST, "all_summed")
def unbroadcast_everything(gradient, shape):
    return gradient if gradient.shape == shape else tf.reduce_sum(gradient)


@wrong(UNBROADCAST, "lost_ones")
def unbroadcast_without_keepdims(gradient, shape):
    total = tf.reduce_sum(gradient, axis=list(range(_front(gradient, shape))))
    return tf.reduce_sum(total, axis=[i for i, size in enumerate(shape) if size == 1])


@wrong(UNBROADCAST, "reshaped")
def unbroadcast_by_reshape(gradient, shape):
    return tf.reshape(gradient, shape)


@wrong(UNBROADCAST, "not_in_front")
def unbroadcast_stretched_only(gradient, shape):
    total = gradient
    for axis, size in enumerate(shape):
        if size == 1:
            total = tf.reduce_sum(total, axis=axis, keepdims=True)
    return total


@wrong(UNBROADCAST, "not_stretched")
def unbroadcast_front_only(gradient, shape):
    return tf.reduce_sum(gradient, axis=list(range(_front(gradient, shape))))


@wrong(UNBROADCAST, "one_of_both", points=2)
def unbroadcast_counts_from_the_left(gradient, shape):
    total, front = gradient, _front(gradient, shape)
    for axis, size in enumerate(shape):
        if size == 1:
            total = tf.reduce_sum(total, axis=axis, keepdims=True)
    return tf.reduce_sum(total, axis=list(range(front)))


@accepted(UNBROADCAST)
def unbroadcast_in_one_sum(gradient, shape):
    front = _front(gradient, shape)
    axes = [*range(front), *(front + i for i, size in enumerate(shape) if size == 1)]
    return tf.reshape(tf.reduce_sum(gradient, axis=axes), shape)


@accepted(UNBROADCAST)
def unbroadcast_from_the_right(gradient, shape):
    for axis in range(-1, -len(shape) - 1, -1):
        if shape[axis] == 1 and gradient.shape[axis] != 1:
            gradient = tf.reduce_sum(gradient, axis=axis, keepdims=True)
    while len(gradient.shape) > len(shape):
        gradient = tf.reduce_sum(gradient, axis=0)
    return gradient


def _rule(operation, inputs, output, g):
    if operation == "add":
        return [g, g]
    if operation == "mul":
        return [g * inputs[1], g * inputs[0]]
    if operation == "sum":
        return [tf.fill(inputs[0].shape, g)]
    if operation == "matmul":
        return [
            tf.matmul(g, inputs[1], transpose_b=True),
            tf.matmul(inputs[0], g, transpose_a=True),
        ]
    return [output * (g - tf.reduce_sum(g * output, axis=-1, keepdims=True))]


@wrong(VJP, "not_a_list")
def vjp_as_a_tuple(operation, inputs, output, g):
    found = _rule(operation, inputs, output, g)
    return found[0] if len(found) == 1 else tuple(found)


@wrong(VJP, "add_inputs")
def vjp_add_times_inputs(operation, inputs, output, g):
    if operation == "add":
        return [g * inputs[0], g * inputs[1]]
    return _rule(operation, inputs, output, g)


@wrong(VJP, "add_halved")
def vjp_add_shared_out(operation, inputs, output, g):
    if operation == "add":
        return [0.5 * g, 0.5 * g]
    return _rule(operation, inputs, output, g)


@wrong(VJP, "own_factor")
def vjp_mul_own_factor(operation, inputs, output, g):
    if operation == "mul":
        a, b = inputs
        return [a * g, b * g]
    return _rule(operation, inputs, output, g)


@wrong(VJP, "no_chain")
def vjp_mul_slope_only(operation, inputs, output, g):
    if operation == "mul":
        a, b = inputs
        return [b, a]
    return _rule(operation, inputs, output, g)


@wrong(VJP, "sum_times_input")
def vjp_sum_times_input(operation, inputs, output, g):
    if operation == "sum":
        return [inputs[0] * g]
    return _rule(operation, inputs, output, g)


@wrong(VJP, "sum_averaged")
def vjp_sum_as_mean(operation, inputs, output, g):
    if operation == "sum":
        size = inputs[0].numpy().size
        return [tf.ones_like(inputs[0]) * g / float(size)]
    return _rule(operation, inputs, output, g)


@wrong(VJP, "sum_number")
def vjp_sum_number(operation, inputs, output, g):
    if operation == "sum":
        return [g]
    return _rule(operation, inputs, output, g)


@wrong(VJP, "matmul_turned", points=4)
def vjp_matmul_turned(operation, inputs, output, g):
    if operation == "matmul":
        a, b = inputs
        return [tf.transpose(b) @ g, g @ tf.transpose(a)]
    return _rule(operation, inputs, output, g)


@wrong(VJP, "matmul_shapes", points=4)
def vjp_matmul_without_transpose(operation, inputs, output, g):
    if operation == "matmul":
        a, b = inputs
        return [g @ b, a @ g]
    return _rule(operation, inputs, output, g)


@wrong(VJP, "like_sigmoid", points=3)
def vjp_softmax_like_sigmoid(operation, inputs, output, g):
    if operation == "softmax":
        return [g * output * (1.0 - output)]
    return _rule(operation, inputs, output, g)


@wrong(VJP, "no_mean", points=3)
def vjp_softmax_without_mean(operation, inputs, output, g):
    if operation == "softmax":
        return [output * g]
    return _rule(operation, inputs, output, g)


@wrong(VJP, "whole_sum", points=3)
def vjp_softmax_sums_everything(operation, inputs, output, g):
    if operation == "softmax":
        return [output * (g - tf.reduce_sum(output * g))]
    return _rule(operation, inputs, output, g)


@wrong(VJP, "row_sum_axis", points=3)
def vjp_softmax_loses_the_axis(operation, inputs, output, g):
    if operation == "softmax":
        return [output * (g - tf.reduce_sum(output * g, axis=-1))]
    return _rule(operation, inputs, output, g)


@accepted(VJP)
def vjp_in_numpy(operation, inputs, output, g):
    arrays, g, y = [part.numpy() for part in inputs], g.numpy(), output.numpy()
    rules = {
        "add": lambda a, b: [g, g],
        "mul": lambda a, b: [b * g, a * g],
        "sum": lambda a: [np.broadcast_to(g, a.shape)],
        "matmul": lambda a, b: [g @ b.T, a.T @ g],
        "softmax": lambda x: [g * y - y * (g * y).sum(-1)[..., None]],
    }
    return rules[operation](*arrays)


@accepted(VJP)
def vjp_by_branches(operation, inputs, output, g):
    if operation in ("add", "sum"):
        return [g + tf.zeros_like(one) for one in inputs]
    if operation == "softmax":
        share = g * output
        return [share - output * tf.reduce_sum(share, axis=-1, keepdims=True)]
    a, b = inputs
    if operation == "mul":
        return [tf.multiply(g, b), tf.multiply(g, a)]
    to_b = tf.transpose(tf.transpose(g) @ a)
    return [tf.transpose(b @ tf.transpose(g)), to_b]
