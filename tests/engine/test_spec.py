"""Shapes and specs before there are values: what is known, and what fits together."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine import spec
from engine.spec import TensorShape, TensorSpec


def test_a_shape_answers_what_it_knows():
    shape = TensorShape([None, 3])
    assert (shape.rank, shape.ndims, len(shape), list(shape)) == (2, 2, 2, [None, 3])
    assert shape.as_list() == [None, 3] and shape.dims == (None, 3)
    assert shape[1] == 3 and shape[-2] is None and shape[1:] == TensorShape([3])
    assert not shape.is_fully_defined() and shape.num_elements() is None
    assert TensorShape([2, 3]).num_elements() == 6 and TensorShape([]).num_elements() == 1
    assert TensorShape(shape) == shape and TensorShape(np.array([2, 3])) == (2, 3)


def test_a_shape_of_unknown_rank_says_so():
    unknown = TensorShape(None)
    assert unknown.rank is None and unknown.num_elements() is None and not unknown
    assert unknown[0] is None and unknown[1:] == unknown
    assert unknown.with_rank(2) == [None, None]
    for ask in (len, list, lambda s: s.as_list()):
        with pytest.raises(ValueError, match="unknown"):
            ask(unknown)


def test_shapes_print_and_compare_as_in_tensorflow():
    assert (
        repr(TensorShape([3, 2])) == "TensorShape([3, 2])" and str(TensorShape([3, 2])) == "(3, 2)"
    )
    assert str(TensorShape([3])) == "(3,)" and str(TensorShape([])) == "()"
    assert str(TensorShape([None, 2])) == "(None, 2)" and str(TensorShape(None)) == "<unknown>"
    assert TensorShape([3, 2]) == (3, 2) == TensorShape([3, 2])
    assert TensorShape([3, 2]) == [3, 2] and TensorShape([3]) != (3, 1)
    assert TensorShape(None) == None and TensorShape([3]) != "3"  # noqa: E711
    assert len({TensorShape([3]), TensorShape([3]), TensorShape([4])}) == 2
    assert pickle.loads(pickle.dumps(TensorShape([None]))) == copy.copy(TensorShape([None]))


def test_shapes_join_and_merge():
    assert TensorShape([2]) + TensorShape([3]) == (2, 3)
    assert TensorShape([2]).concatenate(None).rank is None
    assert TensorShape([None, 3]).merge_with([2, None]) == (2, 3)
    assert TensorShape(None).merge_with([2]) == (2,) and TensorShape([2]).merge_with(None) == (2,)
    assert TensorShape([2, 3]).with_rank(2) == (2, 3)
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(2, 4\)"):
        TensorShape([2, 3]).merge_with([2, 4])
    with pytest.raises(ValueError, match="rank 3, but has rank 2"):
        TensorShape([2, 3]).with_rank(3)


@pytest.mark.parametrize(
    ("first", "second", "fits"),
    [
        ([2, 3], [2, 3], True),
        ([None, 3], [8, 3], True),
        ([None], [None], True),
        (None, [1, 2], True),
        ([2], [3], False),
        ([2], [2, 1], False),
    ],
)
def test_compatibility_goes_both_ways(first: Any, second: Any, fits: bool):
    assert TensorShape(first).is_compatible_with(second) is fits
    assert TensorShape(second).is_compatible_with(first) is fits


@pytest.mark.parametrize(
    ("dims", "error", "words"),
    [
        (5, TypeError, r"sequence of sizes.*\[5\]"),
        ([2, -1], ValueError, "negative.*None"),
        ([2.5], TypeError, "whole number.*2.5.*//"),
        (["a"], TypeError, "integer"),
    ],
)
def test_what_is_no_shape_is_refused(dims: Any, error: type[Exception], words: str):
    with pytest.raises(error, match=words):
        TensorShape(dims)


def test_specs():
    image = TensorSpec([None, 28, 28], "uint8", name="image")
    assert repr(image) == "TensorSpec(shape=(None, 28, 28), dtype=tf.uint8, name='image')"
    assert image.rank == 3 and image.shape == (None, 28, 28) and image.dtype is tf.uint8
    assert image.is_compatible_with(tf.zeros([5, 28, 28], tf.uint8))
    assert not image.is_compatible_with(tf.zeros([5, 28, 28]))
    assert not image.is_compatible_with(tf.zeros([28, 28], tf.uint8))
    assert TensorSpec([2]).dtype is tf.float32 and TensorSpec(None).rank is None
    assert TensorSpec.from_tensor(tf.ones([2]), "x") == TensorSpec([2], tf.float32, "x")
    assert image != TensorSpec([None, 28, 28], "uint8") and image != "image"
    assert len({TensorSpec([2]), TensorSpec([2])}) == 1


def test_broadcasting_with_unknown_sizes():
    assert spec.broadcast((None, 3), (1,)) == (None, 3)
    assert spec.broadcast((None,), (2,)) == (2,)
    assert spec.broadcast((None,), (1,)) == (None,)
    assert spec.broadcast((None,), (None,)) == (None,)
    assert spec.broadcast(None, (2,)) is None
    with pytest.raises(tf.errors.InvalidArgumentError, match="axis -2 has size 2 against 3"):
        spec.broadcast((2, 1), (3, 4))


def test_axes_count_from_either_end():
    assert [spec.normalize_axis(a, 3, "f") for a in (0, 2, -1, -3)] == [0, 2, 2, 0]
    assert spec.normalize_axis(np.int64(1), 2, "f") == 1
    for axis in (3, -4):
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=f"f: axis {axis}.*rank 3.*-3 to 2"
        ):
            spec.normalize_axis(axis, 3, "f")


def test_a_rank_or_size_can_be_asked_for():
    shape, unknown = tf.TensorShape([None, 3]), tf.TensorShape(None)
    assert shape.with_rank_at_least(2) == shape == shape.with_rank_at_most(2)
    assert unknown.with_rank_at_least(2).rank is None and unknown.with_rank_at_most(2).rank is None
    shape.assert_has_rank(2), shape.assert_same_rank([1, 1]), shape.assert_same_rank(unknown)
    shape.assert_is_compatible_with([5, 3]), tf.TensorShape([2]).assert_is_fully_defined()
    for wrong, says in (
        (lambda: shape.with_rank_at_least(3), "rank 3 or more, but has rank 2"),
        (lambda: shape.with_rank_at_most(1), "rank 1 or less, but has rank 2"),
        (lambda: shape.assert_has_rank(1), "must have rank 1"),
        (lambda: shape.assert_same_rank([1]), "the same rank"),
        (lambda: shape.assert_is_compatible_with([5, 4]), "not compatible"),
        (lambda: shape.assert_is_fully_defined(), "not known"),
    ):
        with pytest.raises(ValueError, match=says):
            wrong()


def test_the_shape_that_holds_for_two():
    both = tf.TensorShape([2, 3]).most_specific_compatible_shape([2, 4])
    assert both.as_list() == [2, None]
    assert tf.TensorShape([2]).most_specific_compatible_shape([2, 4]).rank is None
    assert tf.TensorShape(None).most_specific_compatible_shape([2]).rank is None
