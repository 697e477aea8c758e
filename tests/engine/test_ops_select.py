"""Order, segments, diagonals, blocks and conversions against NumPy, eagerly and in graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import engine as tf
from tests.engine.oracle import array_of, assert_close, gradients, numeric_gradient
from tests.engine.test_ops_array import both, counted

fixed = settings(derandomize=True, deadline=None, max_examples=60, database=None)
RNG = np.random.default_rng(5)
Refused = tf.errors.InvalidArgumentError


# --- order ----------------------------------------------------------------------------------------


@fixed
@given(st.data())
def test_sort_and_argsort_are_those_of_numpy(data: Any):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4))
    dtype = data.draw(st.sampled_from([np.float64, np.int32, np.uint8]))
    x = data.draw(hnp.arrays(dtype, shape, elements=st.integers(0, 3)))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    assert_close(tf.sort(x, axis), np.sort(x, axis))
    assert_close(tf.argsort(x, axis), np.argsort(x, axis, kind="stable"))
    assert_close(tf.sort(x, axis, "DESCENDING"), -np.sort(-x.astype(float), axis))
    assert_close(
        tf.argsort(x, axis, "DESCENDING"), np.argsort(-x.astype(float), axis, kind="stable")
    )
    _, (slope,) = gradients(lambda t: tf.sort(t, axis) * counted(*shape), x.astype(float))
    assert_close(np.sort(array_of(slope), None), np.sort(counted(*shape), None))


def test_order_in_graphs_and_what_is_refused():
    x = RNG.permutation(24).reshape(2, 3, 4).astype(float)
    assert_close(both(lambda t: tf.sort(t, 1), x), np.sort(x, 1))
    made = both(lambda t: tuple(tf.math.top_k(t, 2)), x)
    assert_close(made[0], -np.sort(-x)[..., :2])
    assert_close(made[1], np.argsort(-x)[..., :2])
    assert tf.nn.top_k([1, 3, 3], 2).indices.numpy().tolist() == [1, 2]
    assert tf.math.top_k([1.0, 2.0], index_type=tf.int64).indices.dtype is tf.int64
    for call, error, words in [
        (lambda: tf.sort([1], direction="UP"), ValueError, "'UP'"),
        (lambda: tf.sort([True]), Refused, "bool"),
        (lambda: tf.math.top_k([1, 2], 3), Refused, "3 elements"),
        (lambda: tf.math.top_k(1), Refused, r"\(\)"),
        (lambda: tf.math.invert_permutation([0, 2]), Refused, r"\[0, 2\]"),
        (lambda: tf.searchsorted(tf.constant([1.0]), tf.constant([1])), Refused, "int32"),
        (lambda: tf.searchsorted([1], [1], side="mid"), ValueError, "'mid'"),
        (lambda: tf.unique([[1]]), Refused, "vector"),
    ]:
        with pytest.raises(error, match=words):
            call()


def test_in_top_k_lets_ties_in_and_nothing_else():
    scores = np.float32([[0.1, 0.6, 0.3], [0.5, 0.5, 0.0], [np.nan, 1.0, 0.0], [1.0, 2.0, 3.0]])
    assert tf.math.in_top_k([2, 0, 0, 7], scores, 1).numpy().tolist() == [False, True, False, False]
    assert tf.nn.in_top_k([2, 1, 1, -1], scores, k=2).numpy().tolist() == [True, True, True, False]


def test_permutations_are_inverted():
    order = RNG.permutation(7)
    inverse = both(tf.math.invert_permutation, order)
    assert_close(array_of(inverse)[order], np.arange(7))


@fixed
@given(st.data())
def test_searchsorted_is_that_of_numpy(data: Any):
    rows = np.sort(data.draw(hnp.arrays(np.int32, (2, 4), elements=st.integers(0, 5))))
    values = data.draw(hnp.arrays(np.int32, (2, 3), elements=st.integers(-1, 6)))
    for side in ("left", "right"):
        made = tf.searchsorted(rows, values, side=side, out_type=tf.int64)
        expected = [np.searchsorted(r, v, side) for r, v in zip(rows, values, strict=True)]
        assert_close(made, np.stack(expected))
        assert made.dtype is tf.int64


@fixed
@given(st.lists(st.integers(-3, 3), max_size=8))
def test_unique_keeps_the_order_of_the_first_ones(values: list[int]):
    x = np.array(values, np.int64)
    y, which, count = tf.unique_with_counts(x)
    assert y.numpy().tolist() == list(dict.fromkeys(values))
    assert_close(tf.gather(y, which), x)
    assert count.numpy().tolist() == [values.count(v) for v in dict.fromkeys(values)]
    for one, other in zip(tf.function(tf.unique)(x), (y, which), strict=True):
        assert_close(one, other)


def test_words_are_unique_too():
    y, which = tf.unique(["b", "a", "b"])
    assert y.numpy().tolist() == [b"b", b"a"] and which.numpy().tolist() == [0, 1, 0]


# --- partition and stitch -------------------------------------------------------------------------


def test_partitions_are_stitched_together_again():
    x, number = counted(5, 2), np.int32([2, 0, 2, 1, 0])
    parts = both(lambda t, n: tf.dynamic_partition(t, n, 3), x, number)
    places = tf.dynamic_partition(np.arange(5, dtype=np.int32), number, 3)
    for i, part in enumerate(parts):
        assert_close(part, x[number == i])
    assert_close(tf.dynamic_stitch(places, parts), x)
    stitch = tf.function(lambda t, n: tf.dynamic_stitch(
        tf.dynamic_partition(tf.range(tf.shape(n)[0]), n, 3), tf.dynamic_partition(t, n, 3)
    ))  # fmt: skip
    assert_close(stitch(x, number), x)
    assert tf.dynamic_stitch([[0, 1], [1]], [[1.0, 2.0], [3.0]]).numpy().tolist() == [1, 3]
    _, (slope,) = gradients(lambda t: tf.dynamic_partition(t, number, 3)[2] * 4.0, x)
    assert_close(slope, np.where((number == 2)[:, None], 4.0, np.zeros((5, 2))))
    with pytest.raises(Refused, match="between 0 and 1, but one is 2"):
        tf.dynamic_partition(x, number, 2)


def test_flat_positions_become_indices():
    flat = np.array([[0, 5], [11, 7]])
    assert_close(
        both(lambda i: tf.unravel_index(i, [3, 4]), flat), np.stack(np.unravel_index(flat, (3, 4)))
    )
    with pytest.raises(Refused, match=r"\(2, 2\).*4 was given"):
        tf.unravel_index(4, [2, 2])


# --- segments -------------------------------------------------------------------------------------

SEGMENTS: dict[str, tuple[Any, Any]] = {
    "sum": (np.sum, 0.0),
    "mean": (np.mean, 0.0),
    "prod": (np.prod, 1.0),
    "max": (np.max, np.finfo(float).min),
    "min": (np.min, np.finfo(float).max),
    "sqrt_n": (lambda x, axis: np.sum(x, axis) / np.sqrt(len(x)), 0.0),
}


def by_segment(name: str, data: np.ndarray, ids: np.ndarray, count: int) -> np.ndarray:
    function, empty = SEGMENTS[name]
    blank = np.full(data.shape[1:], empty)
    rows = [function(data[ids == i], axis=0) if (ids == i).any() else blank for i in range(count)]
    return np.stack(rows)


@pytest.mark.parametrize("name", list(SEGMENTS))
def test_unsorted_segments_are_numpys_groups(name: str):
    ours = getattr(tf.math, f"unsorted_segment_{name}")
    data, ids = RNG.uniform(0.5, 2, (6, 2)), np.int32([3, 0, -1, 3, 1, 0])
    expected = by_segment(name, data, ids, 5)
    assert_close(both(lambda t, i: ours(t, i, 5), data, ids), expected, 1e-12)
    assert_close(both(ours, data, ids, np.int32(5)), expected, 1e-12)
    weights = RNG.uniform(0.5, 1.5, (5, 2))
    weights[2] = 0.0  # an empty segment may hold the largest number there is
    _, (slope, _) = gradients(lambda t, i: tf.reduce_sum(ours(t, i, 4) * weights[:4]), data, ids)
    numeric = numeric_gradient(
        lambda t: float(np.sum(by_segment(name, t, ids, 4) * weights[:4])), [data], 0
    )
    assert_close(slope, numeric, 1e-6, 1e-8)
    assert ours(np.zeros((0, 2)), np.zeros(0, np.int32), 3).shape == (3, 2)


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "max", "min"])
def test_segments_in_order_are_numpys_groups(name: str):
    ours = getattr(tf.math, f"segment_{name}")
    data, ids = RNG.uniform(0.5, 2, (5, 2)), np.int32([0, 0, 2, 2, 3])
    expected = by_segment(name, data, ids, 4)
    expected[1] = 1.0 if name == "prod" else 0.0
    assert_close(both(ours, data, ids), expected, 1e-12)
    assert ours(np.zeros((0, 2)), np.zeros(0, np.int32)).shape == (0, 2)
    with pytest.raises(Refused, match="never go down"):
        ours(data, ids[::-1].copy())


def test_the_gradient_of_a_product_with_zeros():
    data, ids = np.array([0.0, 2.0, 3.0, 0.0, 0.0, 5.0]), np.int32([0, 0, 0, 1, 1, 1])
    _, (slope, _) = gradients(lambda t, i: tf.math.unsorted_segment_prod(t, i, 2), data, ids)
    assert slope.numpy().tolist() == [6.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_segments_refuse_what_does_not_fit():
    for call, words in [
        (lambda: tf.math.unsorted_segment_sum([1, 2], [0, 5], 3), "number 5.*0 to 2"),
        (lambda: tf.math.unsorted_segment_sum([1, 2], [0], 3), r"\(1,\) and \(2,\)"),
        (lambda: tf.math.segment_sum([[1]], [[0]]), "vector"),
        (lambda: tf.math.unsorted_segment_sum([1], [0.5], 3), "integers"),
    ]:
        with pytest.raises(Refused, match=words):
            call()


# --- counting -------------------------------------------------------------------------------------


def test_bincount_is_that_of_numpy():
    x = np.int32([[1, 4, 1], [0, 1, 6]])
    assert_close(both(tf.math.bincount, x), np.bincount(x.ravel()))
    assert tf.math.bincount(x, minlength=9).shape == (9,)
    assert tf.math.bincount(x, maxlength=3).numpy().tolist() == [1, 3, 0]
    assert tf.math.bincount(x, dtype=tf.float32).dtype is tf.float32
    weights = counted(2, 3)
    assert_close(tf.math.bincount(x, weights), np.bincount(x.ravel(), weights.ravel()))
    rows = np.stack([np.bincount(row, minlength=7) for row in x])
    assert_close(both(lambda t: tf.math.bincount(t, axis=-1), x), rows)
    assert_close(tf.math.bincount(x, axis=-1, binary_output=True), np.minimum(rows, 1))
    assert tf.math.bincount(np.zeros(0, np.int32)).shape == (0,)
    with pytest.raises(Refused, match="-1 was given"):
        tf.math.bincount([-1])


def test_confusions_and_histograms_are_counted():
    made = both(tf.math.confusion_matrix, np.int32([0, 1, 2, 1]), np.int32([0, 2, 2, 2]))
    assert made.numpy().tolist() == [[1, 0, 0], [0, 0, 2], [0, 0, 1]] and made.dtype is tf.int32
    weighted = tf.math.confusion_matrix([0, 1], [1, 1], 3, weights=[0.5, 2.0], dtype=tf.float32)
    assert weighted.numpy().tolist() == [[0, 0.5, 0], [0, 2, 0], [0, 0, 0]]
    with pytest.raises(Refused, match="predictions must be 0 to 1"):
        tf.math.confusion_matrix([0], [2], 2)

    x = RNG.normal(size=200)
    inside = np.clip(x, -1, 1 - 1e-9)
    made = both(lambda t: tf.histogram_fixed_width(t, [-1.0, 1.0], 8), x)
    assert_close(made, np.histogram(inside, 8, (-1, 1))[0])
    assert tf.histogram_fixed_width([1, 5, 9], [0, 10], 2).numpy().tolist() == [1, 2]
    with pytest.raises(Refused, match="low < high"):
        tf.histogram_fixed_width([0.5], [1.0, 1.0])


# --- matrices -------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [-2, -1, 0, 1, 3])
def test_diagonals_are_those_of_numpy(k: int):
    x = counted(2, 3, 4)
    part = np.diagonal(x, k, 1, 2)
    assert_close(both(lambda t: tf.linalg.diag_part(t, k=k), x), part)
    assert_close(both(lambda d: tf.linalg.diag(d, k=k), part[0]), np.diag(part[0], k))
    placed = both(lambda t, d: tf.linalg.set_diag(t, d, k=k), x, -part)
    expected = np.where(np.eye(3, 4, k) == 1, -x, x)
    assert_close(placed, expected)
    assert_close(
        tf.linalg.diag(part, k=k, num_rows=3, num_cols=4), np.where(np.eye(3, 4, k) == 1, x, 0)
    )


def test_bands_traces_and_wide_diagonals():
    x = counted(2, 3, 4) + 1
    rows, columns = np.arange(3)[:, None], np.arange(4)
    for lower, upper in [(-1, 0), (0, -1), (1, 0), (0, 2), (-1, -1), (0, 0)]:
        keep = ((lower < 0) | (rows - columns <= lower)) & ((upper < 0) | (columns - rows <= upper))
        assert_close(tf.linalg.band_part(x, lower, upper), np.where(keep, x, 0))
    assert_close(both(lambda t: tf.linalg.band_part(t, -1, 0), x), np.tril(x))
    assert_close(both(tf.linalg.trace, x), np.trace(x, axis1=1, axis2=2))
    assert_close(tf.linalg.diag([1, 2], padding_value=9), [[1, 9], [9, 2]])
    wide = tf.linalg.tensor_diag(counted(2, 3))
    assert_close(wide, np.diag(np.arange(6.0)).reshape(2, 3, 2, 3))
    assert_close(tf.linalg.tensor_diag_part(wide), counted(2, 3))
    assert_close(tf.linalg.eye(2), np.eye(2))
    for call, words in [
        (lambda: tf.linalg.diag_part([1, 2]), "matrix"),
        (lambda: tf.linalg.diag(1), "scalar"),
        (lambda: tf.linalg.diag_part(x, k=(1, 0)), r"k is a pair \(lowest, highest\)"),
        (lambda: tf.linalg.set_diag(x[0], [1.0, 2.0]), r"\(3,\).*\(2,\)"),
        (lambda: tf.linalg.tensor_diag_part(counted(2, 3)), "repeats itself"),
    ]:
        with pytest.raises(Refused, match=words):
            call()


# --- blocks ---------------------------------------------------------------------------------------


def test_blocks_move_into_channels_and_back():
    x = counted(2, 4, 6, 3)
    made = both(lambda t: tf.nn.space_to_depth(t, 2), x)
    expected = np.zeros((2, 2, 3, 12))
    for n, h, w, c in np.ndindex(x.shape):
        expected[n, h // 2, w // 2, (h % 2) * 6 + (w % 2) * 3 + c] = x[n, h, w, c]
    assert_close(made, expected)
    assert_close(both(lambda t: tf.nn.depth_to_space(t, 2), expected), x)
    first = np.moveaxis(x, 3, 1)
    turned = tf.nn.space_to_depth(first, 2, data_format="NCHW")
    assert_close(turned, np.moveaxis(expected, 3, 1))
    assert_close(tf.nn.depth_to_space(turned, 2, "NCHW"), first)
    for call, words in [
        (lambda: tf.nn.space_to_depth(x, 4), "axis 2.*4 does not divide"),
        (lambda: tf.nn.depth_to_space(x, 2), "axis 3"),
        (lambda: tf.nn.space_to_depth(x[0], 2), "rank 4"),
        (lambda: tf.batch_to_space(x, [3], [[0, 0]]), "axis 0"),
    ]:
        with pytest.raises(Refused, match=words):
            call()


def test_blocks_move_into_the_batch_and_back():
    x = counted(2, 3, 4, 1)
    paddings = [[1, 0], [0, 2]]
    made = both(lambda t: tf.space_to_batch(t, [2, 3], paddings), x)
    wide = np.pad(x, [(0, 0), (1, 0), (0, 2), (0, 0)])
    expected = np.concatenate([wide[:, a::2, b::3] for a in range(2) for b in range(3)])
    assert_close(made, expected)
    assert_close(both(lambda t: tf.batch_to_space(t, [2, 3], paddings), expected), x)
    assert tf.space_to_batch_nd is tf.space_to_batch


@pytest.mark.parametrize("base", [None, [[1, 0], [0, 3]]])
def test_paddings_that_blocks_need(base: Any):
    x = counted(2, 5, 6, 1)
    paddings, crops = tf.required_space_to_batch_paddings([5, 6], [2, 4], base)
    wide = np.array([5, 6]) + paddings.numpy().sum(1)
    least = np.array([5, 6]) + np.sum([[0, 0]] * 2 if base is None else base, 1)
    assert (wide % [2, 4] == 0).all() and (wide - least < [2, 4]).all()
    assert (paddings.numpy()[:, 0] == (0 if base is None else np.array(base)[:, 0])).all()
    assert (crops.numpy() == np.stack([[0, 0], wide - least], 1)).all()
    if base is None:
        there = tf.space_to_batch(x, [2, 4], paddings)
        assert_close(tf.batch_to_space(there, [2, 4], crops), x)


# --- conversions ----------------------------------------------------------------------------------


def test_saturate_cast_stops_at_the_ends():
    x = np.array([-np.inf, -1e30, -3.7, 200.9, 1e30, np.inf])
    for dtype in (tf.int8, tf.uint8, tf.int32, tf.int64):
        low, high = int(dtype.min), int(dtype.max)
        expected = [min(max(int(np.clip(v, -1e25, 1e25)), low), high) for v in x]
        assert tf.saturate_cast(x, dtype).numpy().tolist() == expected
    assert tf.saturate_cast(np.int64([-5, 1 << 40]), tf.uint16).numpy().tolist() == [0, 65535]
    assert tf.saturate_cast(np.uint8([255]), tf.int8).numpy().tolist() == [127]
    assert tf.saturate_cast([1.5], tf.float64).dtype is tf.float64
    assert tf.dtypes.saturate_cast is tf.saturate_cast and tf.dtypes.cast is tf.cast


def test_bits_are_read_as_another_dtype():
    x = RNG.normal(size=(2, 3)).astype(np.float32)
    assert_close(both(lambda t: tf.bitcast(t, tf.uint32), x), x.view(np.uint32))
    small = both(lambda t: tf.bitcast(t, tf.uint8), x)
    assert small.shape == (2, 3, 4)
    assert_close(tf.bitcast(small, tf.float32), x)
    with pytest.raises(Refused, match="last axis"):
        tf.bitcast(x, tf.float64)
    with pytest.raises(Refused, match="bool"):
        tf.bitcast([True], tf.uint8)


def test_identity_n_copies_each():
    a, b = tf.identity_n([tf.constant(1), 2.0])
    assert (a.numpy(), b.numpy()) == (1, 2.0)
