"""The truths of chapter 02's checks, held against a second source."""

from __future__ import annotations

import math

import numpy as np
import pytest

import engine as tf
from graders.tasks.base import Draw, Holds, Raises
from graders.tasks.ch02_broadcast import (
    SHAPES,
    STRETCHED,
    clashing,
    not_stretched,
    ordinary,
    places,
)
from graders.tasks.ch02_loss import LOSS, other_pairs
from graders.tasks.ch02_rules import INDEXED, RESHAPED, unfitting

DRAW = Draw(seed=7, times=4)


def drawn(task, count):
    return [case for check in task.checks[:count] for case in check.cases(DRAW)]


def test_reshaped_shapes_hold_as_many_elements_and_numpy_agrees():
    for shape, wanted in drawn(RESHAPED, 2):
        told = RESHAPED.oracle(shape, wanted)
        assert math.prod(told) == math.prod(shape)
        assert told == np.zeros(shape, bool).reshape(wanted).shape
        assert all(want in (-1, size) for want, size in zip(wanted, told, strict=True))


def test_what_is_no_reshape_the_engine_refuses():
    for case in unfitting(DRAW):
        shape, wanted = case.args
        assert case.expected.type is ValueError
        with pytest.raises(tf.errors.InvalidArgumentError):
            tf.reshape(tf.zeros(shape), wanted)


def test_an_indexed_rule_reads_what_the_index_says():
    """Element by element, by counting along each axis."""
    for start, shape, strides, index in drawn(INDEXED, 5):
        at, sizes, steps = INDEXED.oracle(start, shape, strides, index)
        picked = []
        for axis, size in enumerate(shape):
            entry = index[axis] if axis < len(index) else (0, size, 1)
            picked.append([entry] if isinstance(entry, int) else [*range(size)][slice(*entry)])
        kept = [
            axis
            for axis in range(len(shape))
            if axis >= len(index) or isinstance(index[axis], tuple)
        ]
        assert sizes == tuple(len(picked[axis]) for axis in kept)
        for place in np.ndindex(*sizes):
            whole = [entries[0] for entries in picked]
            for axis, i in zip(kept, place, strict=True):
                whole[axis] = picked[axis][i]
            found = at + sum(i * by for i, by in zip(place, steps, strict=True))
            assert found == start + sum(i * by for i, by in zip(whole, strides, strict=True))


def test_the_engine_broadcasts_to_the_same_shapes_and_refuses_the_same():
    for a, b in drawn(SHAPES, 3):
        told = tf.broadcast_static_shape(tf.TensorShape(a), tf.TensorShape(b))
        assert tuple(told) == SHAPES.oracle(a, b)
    for case in clashing(DRAW):
        assert isinstance(case.expected, Raises)
        with pytest.raises(ValueError, match="do not fit together") as raised:
            tf.broadcast_static_shape(*map(tf.TensorShape, case.args))
        assert case.expected.missing(str(raised.value)) == []


def test_places_are_where_numpy_has_its_elements():
    for shape in ((), (4,), (2, 3), (2, 3, 4)):
        counted = np.arange(math.prod(shape)).reshape(shape)
        assert np.array_equal(places(shape, ordinary(shape)), counted)
    assert np.array_equal(places((3, 2), (1, 3)), np.arange(6).reshape(2, 3).T)


def test_the_strides_of_numpy_are_accepted_and_each_other_stride_is_not():
    for shape, strides, wanted in drawn(STRETCHED, 2):
        truth = STRETCHED.oracle(shape, strides, wanted)
        assert isinstance(truth, Holds)
        row = np.zeros(1 + sum(n * by for n, by in zip(shape, strides, strict=True)), np.int8)
        view = np.lib.stride_tricks.as_strided(row, shape, strides)
        right = tuple(int(by) for by in np.broadcast_to(view, wanted).strides)
        assert truth.wrong(right) is None
        for axis, size in enumerate(wanted):
            off = (*right[:axis], right[axis] + 1, *right[axis + 1 :])
            told = truth.wrong(off)
            assert (told is None) == (size < 2 or 0 in wanted)
            assert told is None or told.startswith("element [")
        assert "one stride is expected" in truth.wrong((*right, 0))
        assert truth.wrong(list(right)) == "a tuple of whole numbers is expected"


def test_what_cannot_be_stretched_numpy_refuses():
    for case in not_stretched(DRAW):
        shape, _, wanted = case.args
        with pytest.raises(ValueError, match=r"broadcast|more dimensions"):
            np.broadcast_to(np.zeros(shape), wanted)


def test_the_loss_is_the_mean_over_pairs_that_belong_together():
    for predictions, labels in drawn(LOSS, 2):
        pairs = zip(predictions.ravel().tolist(), labels.ravel().tolist(), strict=True)
        squares = [(p - y) ** 2 for p, y in pairs]
        expected = math.fsum(squares) / len(squares)
        assert LOSS.oracle(predictions, labels) == pytest.approx(expected, rel=1e-6)
        assert LOSS.valid(predictions, labels)


def test_of_the_pairs_that_are_refused_many_would_broadcast_or_count_the_same():
    refused = [tuple(array.shape for array in case.args) for case in other_pairs(DRAW)]
    silent = 0
    for one, two in refused:
        assert one != two and (*one, 1) != two and one != (*two, 1)
        try:
            np.broadcast_shapes(one, two)
            silent += 1
        except ValueError:
            pass
    assert silent >= 8
    assert sum(math.prod(one) == math.prod(two) for one, two in refused) >= 5
