"""Answers to the other tasks of chapter 02: broadcasting, its strides, and the loss."""

from __future__ import annotations

import math
from itertools import zip_longest

import numpy as np
from numpy.lib.stride_tricks import as_strided

import engine as tf
from answers import accepted, wrong

SHAPES, STRETCHED = "02.shapes.broadcast_shape", "02.shapes.stretched"
LOSS = "02.shapes.safe_mse"


def _broadcast(a, b):
    """The right answer, with the message that is asked for."""
    for axis, (one, two) in enumerate(zip(a[::-1], b[::-1], strict=False), 1):
        if one != two and 1 not in (one, two):
            raise ValueError(f"{a} and {b}: axis -{axis}")
    return np.broadcast_shapes(a, b)


@wrong(SHAPES, "list")
def shapes_list(a, b):
    return list(_broadcast(a, b))


@wrong(SHAPES, "turned")
def shapes_turned(a, b):
    return tuple(_broadcast(a, b)[::-1])


@wrong(SHAPES, "left")
def shapes_at_the_left(a, b):
    return tuple(max(pair) for pair in zip_longest(a, b, fillvalue=1))


@wrong(SHAPES, "left")
def shapes_left_with_empty_axes(a, b):
    return tuple(two if one == 1 else one for one, two in zip_longest(a, b, fillvalue=1))


@wrong(SHAPES, "zip_stops")
def shapes_zip(a, b):
    result = []
    for one, two in zip(a[::-1], b[::-1], strict=False):
        if one != two and 1 not in (one, two):
            raise ValueError(f"{a} and {b} on axis -{len(result) + 1}")
        result.insert(0, two if one == 1 else one)
    return tuple(result)


@wrong(SHAPES, "larger", points=3)
def shapes_larger(a, b):
    _broadcast(a, b)
    return tuple(max(pair) for pair in zip_longest(a[::-1], b[::-1], fillvalue=1))[::-1]


@wrong(SHAPES, "ones_refused")
def shapes_equal_only(a, b):
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    if a != b:
        raise ValueError(f"{a} and {b} differ")
    return a


@wrong(SHAPES, "ranks_refused")
def shapes_strict_zip(a, b):
    result = []
    for axis, (one, two) in enumerate(zip(a, b, strict=True)):
        if one != two and 1 not in (one, two):
            raise ValueError(f"{a} and {b}: axis {axis - len(a)}")
        result.append(two if one == 1 else one)
    return tuple(result)


@wrong(SHAPES, "ranks_refused")
def shapes_index(a, b):
    result = ()
    for axis in range(-1, -max(len(a), len(b)) - 1, -1):
        if a[axis] != b[axis] and 1 not in (a[axis], b[axis]):
            raise ValueError(f"{a} and {b}: axis {axis}")
        result = (b[axis] if a[axis] == 1 else a[axis], *result)
    return result


@wrong(SHAPES, "not_refused", points=3)
def shapes_never_refused(a, b):
    pairs = zip_longest(a[::-1], b[::-1], fillvalue=1)
    return tuple(two if one == 1 else one for one, two in pairs)[::-1]


@wrong(SHAPES, "no_axis", points=3)
def shapes_no_word(a, b):
    try:
        return _broadcast(a, b)
    except ValueError:
        raise ValueError(f"{a} and {b} do not fit together") from None


@wrong(SHAPES, "no_shapes", points=3)
def shapes_only_the_axis(a, b):
    try:
        return _broadcast(a, b)
    except ValueError as error:
        raise ValueError("they clash on axis" + str(error).split("axis")[1]) from None


@wrong(SHAPES, "other_axis", points=3)
def shapes_axis_from_the_front(a, b):
    rank = max(len(a), len(b))
    wide = [(1,) * (rank - len(shape)) + shape for shape in (a, b)]
    for axis, pair in enumerate(zip(*wide, strict=True)):
        if len(set(pair)) == 2 and 1 not in pair:
            raise ValueError(f"{a} and {b}: axis {axis}")
    return np.broadcast_shapes(a, b)


@wrong(SHAPES, "other_axis", points=3)
def shapes_first_clash(a, b):
    rank = max(len(a), len(b))
    wide = [(1,) * (rank - len(shape)) + shape for shape in (a, b)]
    for axis, pair in enumerate(zip(*wide, strict=True)):
        if len(set(pair)) == 2 and 1 not in pair:
            raise ValueError(f"{a} and {b}: axis {axis - rank}")
    return np.broadcast_shapes(a, b)


@wrong(SHAPES, "other_error", points=3)
def shapes_assert(a, b):
    for axis, (one, two) in enumerate(zip(a[::-1], b[::-1], strict=False), 1):
        assert one == two or 1 in (one, two), f"{a} and {b}: axis -{axis}"
    return np.broadcast_shapes(a, b)


@accepted(SHAPES)
def shapes_from_numpy(a, b):
    return _broadcast(a, b)


@accepted(SHAPES)
def shapes_from_the_engine(a, b):
    return tuple(tf.broadcast_static_shape(tf.TensorShape(a), tf.TensorShape(b)))


@accepted(SHAPES)
def shapes_sets(a, b):
    result = []
    for one, two in zip_longest(reversed(a), reversed(b), fillvalue=1):
        sizes = {one, two} - {1}
        if len(sizes) > 1:
            raise ValueError(f"Axis={-len(result) - 1} of {a} against {b}")
        result.append(sizes.pop() if sizes else 1)
    return tuple(reversed(result))


def _may(shape, wanted):
    if len(shape) > len(wanted):
        raise ValueError(f"{shape} has more axes than {wanted}")
    for size, want in zip(shape[::-1], wanted[::-1], strict=False):
        if size not in (1, want):
            raise ValueError(f"{shape} to {wanted}")


def _by(shape, strides, wanted):
    added = len(wanted) - len(shape)
    sizes = zip(shape, strides, wanted[added:], strict=True)
    return [0] * added + [by if size == want else 0 for size, by, want in sizes]


@wrong(STRETCHED, "unchanged")
def stretched_hands_back(shape, strides, wanted):
    return strides


@wrong(STRETCHED, "copy")
def stretched_of_a_copy(shape, strides, wanted):
    _may(shape, wanted)
    return tuple(math.prod(wanted[axis + 1 :]) for axis in range(len(wanted)))


@wrong(STRETCHED, "one")
def stretched_by_one(shape, strides, wanted):
    _may(shape, wanted)
    added = len(wanted) - len(shape)
    sizes = zip(shape, strides, wanted[added:], strict=True)
    return tuple([1] * added + [by if size == want else 1 for size, by, want in sizes])


@wrong(STRETCHED, "behind")
def stretched_puts_axes_behind(shape, strides, wanted):
    _may(shape, wanted)
    added = len(wanted) - len(shape)
    return tuple(_by(shape, strides, wanted)[added:]) + (0,) * added


@wrong(STRETCHED, "list")
def stretched_list(shape, strides, wanted):
    _may(shape, wanted)
    return _by(shape, strides, wanted)


@wrong(STRETCHED, "row_major")
def stretched_works_strides_out(shape, strides, wanted):
    _may(shape, wanted)
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    return tuple(_by(shape, strides, wanted))


@wrong(STRETCHED, "no_new_axes")
def stretched_zips(shape, strides, wanted):
    result = []
    for size, by, want in zip(shape, strides, wanted, strict=False):
        if size not in (1, want):
            raise ValueError(f"{shape} to {wanted}")
        result.append(by if size == want else 0)
    return tuple(result)


@wrong(STRETCHED, "refuses_nothing", points=2)
def stretched_never_refuses(shape, strides, wanted):
    added = len(wanted) - len(shape)
    sizes = zip(shape, strides, wanted[max(added, 0) :], strict=False)
    return (*(0,) * added, *(by if size == want else 0 for size, by, want in sizes))


@wrong(STRETCHED, "refuses_nothing", points=2)
def stretched_lets_sizes_shrink(shape, strides, wanted):
    added = len(wanted) - len(shape)
    if added < 0:
        raise ValueError("rank")
    for size, want in zip(shape, wanted[added:], strict=True):
        if 1 not in (size, want) and size != want:
            raise ValueError("sizes")
    return tuple(_by(shape, strides, wanted))


@wrong(STRETCHED, "other_error", points=2)
def stretched_asserts(shape, strides, wanted):
    added = len(wanted) - len(shape)
    assert added >= 0
    assert all(size in (1, want) for size, want in zip(shape, wanted[added:], strict=True))
    return tuple(_by(shape, strides, wanted))


@accepted(STRETCHED)
def stretched_by_numpy(shape, strides, wanted):
    row = np.zeros(1 + math.prod(shape) * 99, np.int8)
    return np.broadcast_to(as_strided(row, shape, strides), wanted).strides


@accepted(STRETCHED)
def stretched_from_the_end(shape, strides, wanted):
    if len(shape) > len(wanted):
        raise ValueError("an axis would go away")
    result = ()
    for back in range(1, len(wanted) + 1):
        size = shape[-back] if back <= len(shape) else 1
        if size == 1:
            result = (0, *result)
        elif size == wanted[-back]:
            result = (strides[-back], *result)
        else:
            raise ValueError(f"{size} cannot become {wanted[-back]}")
    return result


def _pair(predictions, labels):
    one, two = tuple(predictions.shape), tuple(labels.shape)
    if one != two and (*one, 1) != two and one != (*two, 1):
        raise ValueError(f"{one} and {two}")
    return predictions, tf.reshape(labels, one)


@wrong(LOSS, "silent")
def loss_silent(predictions, labels):
    return tf.reduce_mean(tf.square(predictions - labels))


@wrong(LOSS, "silent")
def loss_silent_and_strict(predictions, labels):
    _pair(predictions, labels)
    return tf.reduce_mean(tf.square(predictions - labels))


@wrong(LOSS, "sum")
def loss_sum(predictions, labels):
    predictions, labels = _pair(predictions, labels)
    return tf.reduce_sum(tf.square(predictions - labels))


@wrong(LOSS, "absolute")
def loss_absolute(predictions, labels):
    predictions, labels = _pair(predictions, labels)
    return tf.reduce_mean(tf.abs(predictions - labels))


@wrong(LOSS, "per_example")
def loss_per_example(predictions, labels):
    predictions, labels = _pair(predictions, labels)
    return tf.square(predictions - labels)


@wrong(LOSS, "refuses_columns")
def loss_equal_only(predictions, labels):
    if predictions.shape != labels.shape:
        raise ValueError(f"{predictions.shape} and {labels.shape}")
    return tf.reduce_mean(tf.square(predictions - labels))


@wrong(LOSS, "laundered", points=2)
def loss_counts_elements(predictions, labels):
    if tf.size(predictions) != tf.size(labels):
        raise ValueError(f"{predictions.shape} and {labels.shape}")
    return tf.reduce_mean(tf.square(tf.reshape(predictions, [-1]) - tf.reshape(labels, [-1])))


@wrong(LOSS, "broadcasts", points=2)
def loss_repairs_and_goes_on(predictions, labels):
    one, two = tuple(predictions.shape), tuple(labels.shape)
    if (*one, 1) == two or one == (*two, 1):
        labels = tf.reshape(labels, one)
    elif one != two and math.prod(one) == math.prod(two):
        raise ValueError(f"{one} and {two}")
    return tf.reduce_mean(tf.square(predictions - labels))


@wrong(LOSS, "no_shapes", points=2)
def loss_names_nothing(predictions, labels):
    try:
        predictions, labels = _pair(predictions, labels)
    except ValueError:
        raise ValueError("the shapes do not fit") from None
    return tf.reduce_mean(tf.square(predictions - labels))


@wrong(LOSS, "other_error", points=2)
def loss_asserts(predictions, labels):
    one, two = tuple(predictions.shape), tuple(labels.shape)
    assert one == two or (*one, 1) == two or one == (*two, 1), f"{one} and {two}"
    return tf.reduce_mean(tf.square(predictions - tf.reshape(labels, one)))


@accepted(LOSS)
def loss_squeezes(predictions, labels):
    shapes = f"{predictions.shape} and {labels.shape}"
    if labels.shape.rank == predictions.shape.rank + 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    elif predictions.shape.rank == labels.shape.rank + 1 and predictions.shape[-1] == 1:
        predictions = predictions[..., 0]
    if predictions.shape != labels.shape:
        raise ValueError(f"one label for each prediction, please: {shapes}")
    return tf.reduce_mean((predictions - labels) ** 2)


@accepted(LOSS)
def loss_flat(predictions, labels):
    one, two = list(predictions.shape), list(labels.shape)
    if not (one == two or [*one, 1] == two or one == [*two, 1]):
        raise ValueError(f"predictions {tuple(one)}, labels {tuple(two)}")
    mistakes = tf.reshape(predictions, [-1]) - tf.reshape(labels, [-1])
    return tf.reduce_sum(mistakes * mistakes) / tf.cast(tf.size(mistakes), tf.float32)
