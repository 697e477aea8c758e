"""Answers to the first two tasks of chapter 02: reshape, and the rule of a view."""

from __future__ import annotations

import math

import numpy as np

import engine as tf
from answers import accepted, wrong

RESHAPED, INDEXED = "02.shapes.reshaped", "02.shapes.indexed"


def _fits(shape, wanted):
    try:
        tf.reshape(tf.zeros(shape), wanted)
    except tf.errors.InvalidArgumentError:
        raise ValueError(f"{shape} to {wanted}") from None


@wrong(RESHAPED, "not_filled")
def reshaped_hands_back(shape, wanted):
    return wanted


@wrong(RESHAPED, "all_of_them")
def reshaped_gives_all(shape, wanted):
    _fits(shape, wanted)
    return tuple(math.prod(shape) if size == -1 else size for size in wanted)


@wrong(RESHAPED, "with_minus_one")
def reshaped_multiplies_minus_one(shape, wanted):
    _fits(shape, wanted)
    known = math.prod(wanted)
    return tuple(math.prod(shape) // known if size == -1 else size for size in wanted)


@wrong(RESHAPED, "moved")
def reshaped_puts_it_first(shape, wanted):
    _fits(shape, wanted)
    known = [size for size in wanted if size != -1]
    return (math.prod(shape) // math.prod(known), *known) if -1 in wanted else wanted


@wrong(RESHAPED, "old_shape")
def reshaped_keeps_the_shape(shape, wanted):
    _fits(shape, wanted)
    return shape


@wrong(RESHAPED, "float")
def reshaped_divides_to_floats(shape, wanted):
    _fits(shape, wanted)
    known = math.prod(size for size in wanted if size != -1)
    return tuple(math.prod(shape) / known if size == -1 else size for size in wanted)


@wrong(RESHAPED, "list")
def reshaped_returns_a_list(shape, wanted):
    return list(np.zeros(shape).reshape(wanted).shape)


@wrong(RESHAPED, "remainder", points=2)
def reshaped_rounds(shape, wanted):
    known = math.prod(size for size in wanted if size != -1)
    if -1 not in wanted and known != math.prod(shape):
        raise ValueError("another number of elements")
    if wanted.count(-1) > 1 or min(wanted, default=0) < -1:
        raise ValueError("sizes")
    return tuple(math.prod(shape) // max(known, 1) if size == -1 else size for size in wanted)


@wrong(RESHAPED, "not_counted", points=2)
def reshaped_never_refuses(shape, wanted):
    known = math.prod(size for size in wanted if size != -1)
    return tuple(math.prod(shape) // known if size == -1 else size for size in wanted)


@wrong(RESHAPED, "not_counted", points=2)
def reshaped_takes_negative_sizes(shape, wanted):
    known = math.prod(size for size in wanted if size != -1)
    if -1 not in wanted and known == math.prod(shape):
        return wanted
    if wanted.count(-1) != 1 or not known or math.prod(shape) % known:
        raise ValueError(f"{shape} to {wanted}")
    return tuple(math.prod(shape) // known if size == -1 else size for size in wanted)


@wrong(RESHAPED, "other_error", points=2)
def reshaped_lets_the_engine_raise(shape, wanted):
    return tuple(tf.reshape(tf.zeros(shape), wanted).shape)


@accepted(RESHAPED)
def reshaped_by_numpy(shape, wanted):
    if min(wanted, default=0) < -1:
        raise ValueError("a size below -1")
    return np.zeros(shape, bool).reshape(wanted).shape


@accepted(RESHAPED)
def reshaped_fills_in(shape, wanted):
    sizes = list(wanted)
    if -1 in sizes:
        rest = math.prod(sizes) * -1
        if rest == 0:
            raise ValueError("from 0 nothing can be worked out")
        sizes[sizes.index(-1)] = math.prod(shape) // rest
    if any(size < 0 for size in sizes) or math.prod(sizes) != math.prod(shape):
        raise ValueError(f"cannot reshape {shape} to {wanted}")
    return tuple(sizes)


@wrong(INDEXED, "kept")
def indexed_keeps_the_axis(start, shape, strides, index):
    sizes, steps = list(shape), list(strides)
    for axis, entry in enumerate(index):
        begin, end, step = (entry, entry + 1, 1) if isinstance(entry, int) else entry
        start += begin * strides[axis]
        sizes[axis] = len(range(begin, min(end, shape[axis]), step))
        steps[axis] = strides[axis] * step
    return start, tuple(sizes), tuple(steps)


def _walk(start, shape, strides, index, size=None, stride=None, begins=None):
    """The right rule, with one thing in it done otherwise."""
    sizes, steps = [], []
    for axis, entry in enumerate([*index, *((0, n, 1) for n in shape[len(index) :])]):
        begin, end, step = (entry, entry + 1, 1) if isinstance(entry, int) else entry
        start += begins(begin) if begins else begin * strides[axis]
        if isinstance(entry, int):
            continue
        count = len(range(begin, min(end, shape[axis]), step))
        sizes.append(size(begin, end, step, shape[axis]) if size else count)
        steps.append(stride(strides[axis], step) if stride else strides[axis] * step)
    return start, tuple(sizes), tuple(steps)


@wrong(INDEXED, "start_stays")
def indexed_does_not_move(start, shape, strides, index):
    return _walk(start, shape, strides, index, begins=lambda begin: 0)


@wrong(INDEXED, "start_in_steps")
def indexed_counts_steps(start, shape, strides, index):
    return _walk(start, shape, strides, index, begins=lambda begin: begin)


@wrong(INDEXED, "stride_stays")
def indexed_keeps_strides(start, shape, strides, index):
    return _walk(start, shape, strides, index, stride=lambda by, step: by)


@wrong(INDEXED, "stride_added")
def indexed_adds_to_strides(start, shape, strides, index):
    return _walk(start, shape, strides, index, stride=lambda by, step: by + step - 1)


@wrong(INDEXED, "rounded_down")
def indexed_rounds_down(start, shape, strides, index):
    def size(begin, end, step, n):
        return (min(end, n) - begin) // step

    return _walk(start, shape, strides, index, size=size)


@wrong(INDEXED, "step_ignored")
def indexed_ignores_the_step(start, shape, strides, index):
    return _walk(start, shape, strides, index, size=lambda b, e, step, n: min(e, n) - b)


@wrong(INDEXED, "not_cut")
def indexed_goes_beyond(start, shape, strides, index):
    return _walk(start, shape, strides, index, size=lambda b, e, step, n: len(range(b, e, step)))


@wrong(INDEXED, "row_major")
def indexed_works_strides_out(start, shape, strides, index):
    by = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    return _walk(start, shape, by, index)


@wrong(INDEXED, "short_index", points=2)
def indexed_forgets_the_rest(start, shape, strides, index):
    return _walk(start, shape[: len(index)], strides[: len(index)], index)


@wrong(INDEXED, "short_index", points=2)
def indexed_wants_every_axis(start, shape, strides, index):
    for axis in range(len(shape)):
        index[axis]
    return _walk(start, shape, strides, index)


@accepted(INDEXED)
def indexed_by_ranges(start, shape, strides, index):
    whole = [*index, *((0, size, 1) for size in shape[len(index) :])]
    chosen = [
        [range(size)[entry]] if isinstance(entry, int) else range(size)[slice(*entry)]
        for size, entry in zip(shape, whole, strict=True)
    ]
    start += sum(picked[0] * by for picked, by in zip(chosen, strides, strict=True) if len(picked))
    kept = [axis for axis, entry in enumerate(whole) if not isinstance(entry, int)]
    return (
        start,
        tuple(len(chosen[axis]) for axis in kept),
        tuple(chosen[axis].step * strides[axis] for axis in kept),
    )


@accepted(INDEXED)
def indexed_last_axis_first(start, shape, strides, index):
    sizes, steps = list(shape), list(strides)
    for axis in reversed(range(len(index))):
        if isinstance(index[axis], int):
            start += index[axis] * steps.pop(axis)
            del sizes[axis]
            continue
        begin, end, step = index[axis]
        start += begin * steps[axis]
        sizes[axis] = -(-(min(end, sizes[axis]) - begin) // step)
        steps[axis] *= step
    return start, tuple(sizes), tuple(steps)
