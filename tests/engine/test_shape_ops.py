"""Shape and the place of elements, against NumPy on drawn shapes, indices and permutations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import engine as tf
from tests.engine.oracle import assert_close, gradients

fixed = settings(derandomize=True, deadline=None, max_examples=120, database=None)
shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def counted(shape: tuple[int, ...]) -> np.ndarray:
    """0, 1, 2, ... in a shape: each element says where it came from."""
    return np.arange(int(np.prod(shape, dtype=int)), dtype=np.float64).reshape(shape)


# --- broadcasting ---------------------------------------------------------------------------------


@fixed
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=3))
def test_broadcasting_is_that_of_numpy(drawn: Any):
    a, b = (counted(shape) + 1 for shape in drawn.input_shapes)
    result = tf.constant(a) * tf.constant(b)
    assert result.shape == drawn.result_shape
    assert_close(result, a * b)
    traced = tf.function(lambda x, y: x * y).get_concrete_function(tf.constant(a), tf.constant(b))
    assert traced.outputs[0].shape == drawn.result_shape
    assert_close(tf.broadcast_to(a, drawn.result_shape), np.broadcast_to(a, drawn.result_shape))


@fixed
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=3))
def test_a_gradient_has_the_shape_of_its_source_however_it_was_broadcast(drawn: Any):
    a, b = (counted(shape) + 1 for shape in drawn.input_shapes)
    _, (da, db) = gradients(lambda x, y: tf.reduce_sum(x * y), a, b)
    full = np.ones(drawn.result_shape)
    # d sum(a * b) / da is b, added up over all places at which one element of a was used.
    for gradient, other, source in ((da, b, a), (db, a, b)):
        spread, expected = full * other, np.zeros(source.shape)
        owner = np.broadcast_to(counted(source.shape).astype(int), full.shape)
        np.add.at(expected.reshape(-1), owner.reshape(-1), spread.reshape(-1))
        assert_close(gradient, expected, 1e-12)


@fixed
@given(shapes, shapes)
def test_shapes_that_do_not_broadcast_are_refused_eagerly_and_while_tracing(a: Any, b: Any):
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        x, y = tf.constant(counted(a)), tf.constant(counted(b))
        for run in (lambda: x + y, lambda: tf.function(lambda p, q: p + q)(x, y)):
            with pytest.raises(tf.errors.InvalidArgumentError) as caught:
                run()
            assert str(a) in str(caught.value) and str(b) in str(caught.value)
    else:
        assert (tf.zeros(a) + tf.zeros(b)).shape == np.broadcast_shapes(a, b)


# --- slicing --------------------------------------------------------------------------------------


@st.composite
def indexed(draw: Any) -> tuple[tuple[int, ...], Any]:
    shape = draw(shapes)
    return shape, draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))


@fixed
@given(indexed())
def test_slicing_is_that_of_numpy(drawn: Any):
    shape, index = drawn
    array = counted(shape)
    assert_close(tf.constant(array)[index], array[index])
    traced = tf.function(lambda x: x[index])
    assert_close(traced(tf.constant(array)), array[index])
    assert_close(tf.Variable(array)[index], array[index])


@fixed
@given(indexed())
def test_a_gradient_through_a_slice_reaches_exactly_the_elements_taken(drawn: Any):
    shape, index = drawn
    _, (gradient,) = gradients(lambda x: x[index], counted(shape))
    expected = np.zeros(shape)
    expected[index] = 1.0
    assert_close(gradient, expected)


def test_indices_may_be_tensors_and_numpy_integers():
    x = tf.constant([[1, 2, 3], [4, 5, 6]])
    one = tf.constant(1)
    assert x[one, np.int64(2)].numpy() == 6
    assert x[one:, :one].numpy().tolist() == [[4]]
    assert x[tf.newaxis].shape == (1, 2, 3)


@pytest.mark.parametrize(
    ("index", "error", "words"),
    [
        (3, tf.errors.InvalidArgumentError, ["Index 3", "axis 0", "(2, 3)", "-2 to 1"]),
        ((0, -4), tf.errors.InvalidArgumentError, ["Index -4", "axis 1", "-3 to 2"]),
        ((0, 0, 0), tf.errors.InvalidArgumentError, ["3 indices", "rank 2"]),
        ((..., 0, ...), tf.errors.InvalidArgumentError, ["once"]),
        (1.5, TypeError, ["1.5", "ints, slices"]),
        (True, TypeError, ["True"]),
        ([0, 1], TypeError, ["[0, 1]", "tf.gather"]),
        ("a", TypeError, ["'a'"]),
        (slice(0.5, 2), TypeError, []),
        (slice(None, None, 0), ValueError, ["zero"]),
    ],
)
def test_what_cannot_be_an_index_is_refused(index: Any, error: Any, words: list[str]):
    x = tf.constant([[1, 2, 3], [4, 5, 6]])
    for run in (lambda: x[index], lambda: tf.function(lambda t: t[index])(x)):
        with pytest.raises(error) as caught:
            run()
        assert all(word in str(caught.value) for word in words), caught.value


# --- reshape, transpose, axes of size 1 -----------------------------------------------------------


@st.composite
def reshaped(draw: Any) -> tuple[tuple[int, ...], list[int]]:
    """A shape and another one for the same elements, one of its sizes perhaps -1."""
    factors = draw(st.lists(st.sampled_from([1, 2, 3]), max_size=5))
    target = [*draw(st.permutations(factors))]
    if len(target) > 1 and draw(st.booleans()):
        target[:2] = [target[0] * target[1]]
    if target and draw(st.booleans()):
        target[draw(st.integers(0, len(target) - 1))] = -1
    return tuple(factors), target


@fixed
@given(reshaped())
def test_reshape_is_that_of_numpy(drawn: Any):
    shape, target = drawn
    array = counted(shape)
    assert_close(tf.reshape(array, target), array.reshape(target))
    concrete = tf.function(lambda x: tf.reshape(x, target)).get_concrete_function(array)
    assert concrete.outputs[0].shape == array.reshape(target).shape
    assert tf.reshape(array, tf.constant(target, tf.int32)).shape == array.reshape(target).shape


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ([4, 2], ["(2, 3) has 6", "(4, 2)", "has 8"]),
        ([4, -1], ["6 elements", "multiple of 4"]),
        ([-1, -1], ["at most one", "-1"]),
        ([-2, 3], ["not negative"]),
        ([0, -1], ["6 elements"]),
    ],
)
def test_a_reshape_that_would_lose_elements_is_refused(target: list[int], words: list[str]):
    x = tf.ones([2, 3])
    for run in (
        lambda: tf.reshape(x, target),
        lambda: tf.function(lambda t: tf.reshape(t, target))(x),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            run()
        assert all(word in str(caught.value) for word in words), caught.value


def test_reshape_to_a_shape_known_only_when_the_graph_runs():
    @tf.function(input_signature=[tf.TensorSpec([None, None])])
    def flat(x):
        return tf.reshape(x, [tf.shape(x)[0] * tf.shape(x)[1]]), tf.reshape(x, (tf.size(x), 1))

    row, column = flat(tf.ones([2, 3]))
    assert row.shape == (6,) and column.shape == (6, 1)


@fixed
@given(st.data())
def test_transpose_is_that_of_numpy(data: Any):
    shape = data.draw(shapes)
    array = counted(shape)
    perm = data.draw(st.permutations(range(len(shape))))
    assert_close(tf.transpose(array, perm), np.transpose(array, perm))
    assert_close(tf.transpose(array), array.T)
    negative = [p - len(shape) for p in perm]
    assert_close(tf.transpose(array, negative), np.transpose(array, perm))


@pytest.mark.parametrize("perm", [[0], [0, 0], [0, 2], [0, 1, 2]])
def test_transpose_names_each_axis_once(perm: list[int]):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"transpose.*\(2, 3\)"):
        tf.transpose(tf.ones([2, 3]), perm)


@fixed
@given(st.data())
def test_axes_of_size_1_come_and_go_as_in_numpy(data: Any):
    array = counted(data.draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=2)))
    axis = data.draw(st.integers(-array.ndim - 1, array.ndim))
    wide = tf.expand_dims(array, axis)
    assert_close(wide, np.expand_dims(array, axis))
    assert_close(tf.squeeze(wide, axis), array)
    assert_close(tf.squeeze(wide), np.squeeze(array))
    assert_close(tf.squeeze(wide, [axis]), array)


def test_squeeze_and_expand_dims_refuse_what_is_not_there():
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"axis 0 of shape \(2, 1\) has size 2"
    ):
        tf.squeeze(tf.ones([2, 1]), 0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="axis 2 does not exist"):
        tf.squeeze(tf.ones([2, 1]), 2)
    with pytest.raises(tf.errors.InvalidArgumentError, match="axis 4 does not exist"):
        tf.expand_dims(tf.ones([2, 1]), 4)
    with pytest.raises(TypeError, match=r"whole number.*0.5"):
        tf.expand_dims(tf.ones([2]), 0.5)


# --- joining and taking apart ---------------------------------------------------------------------


@fixed
@given(st.data())
def test_concat_stack_and_unstack_are_those_of_numpy(data: Any):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    sizes = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    parts = []
    for k, size in enumerate(sizes):
        dims = list(shape)
        dims[axis] = size
        parts.append(counted(tuple(dims)) + 100 * k)
    assert_close(tf.concat(parts, axis), np.concatenate(parts, axis))
    array = counted(shape)
    assert_close(tf.stack([array, array + 1], axis), np.stack([array, array + 1], axis))
    pieces = tf.unstack(array, axis=axis)
    assert len(pieces) == array.shape[axis]
    for piece, expected in zip(pieces, np.moveaxis(array, axis, 0), strict=True):
        assert_close(piece, expected)


def test_joined_parts_take_the_dtype_of_the_tensor_among_them():
    x = tf.constant([1.0], tf.float64)
    assert tf.concat([[2.0], x], 0).dtype is tf.float64
    assert tf.stack([2, x[0]]).dtype is tf.float64
    assert tf.stack([np.float64(1), 2.0]).dtype is tf.float64


def test_joining_what_does_not_fit_is_refused():
    a, b = tf.ones([2, 3]), tf.ones([3, 2])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\(2, 3\) and \(3, 2\)"):
        tf.concat([a, b], 0)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\(2, 3\) and \(6,\)"):
        tf.concat([a, tf.ones([6])], 0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="float32 and int32"):
        tf.concat([a, tf.ones([2, 3], tf.int32)], 0)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\(2, 3\) and \(3, 2\)"):
        tf.stack([a, b])
    with pytest.raises(tf.errors.InvalidArgumentError, match="axis 2"):
        tf.concat([a, a], 2)
    for join in (lambda: tf.concat([], 0), lambda: tf.stack([])):
        with pytest.raises(ValueError, match="at least one"):
            join()
    with pytest.raises(ValueError, match=r"num=2.*size 3"):
        tf.unstack([1, 2, 3], num=2)


@fixed
@given(st.data())
def test_gather_is_numpys_take(data: Any):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    where = hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3)
    indices = data.draw(hnp.arrays(np.int32, where, elements=st.integers(0, shape[axis] - 1)))
    array = counted(shape)
    assert_close(tf.gather(array, indices, axis=axis), np.take(array, indices, axis))
    _, (gradient,) = gradients(lambda x: tf.gather(x, indices, axis=axis), array)
    expected = np.zeros(shape)
    np.add.at(np.moveaxis(expected, axis, 0), indices.reshape(-1), 1.0)
    assert_close(gradient, expected)


def test_gather_refuses_positions_that_are_not_there():
    for bad in (3, -1):
        with pytest.raises(tf.errors.InvalidArgumentError, match=rf"index {bad}.*0 to 2"):
            tf.gather([1, 2, 3], bad)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"integers.*float32"):
        tf.gather([1, 2, 3], 1.0)


def test_one_hot_marks_each_index():
    assert tf.one_hot([0, 2, 5, -1], 3).numpy().tolist() == [
        [1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0],
    ]  # fmt: skip
    assert tf.one_hot([[1]], 2, on_value=5, off_value=-1, dtype=tf.int32).numpy().tolist() == [
        [[-1, 5]]
    ]
    assert tf.one_hot(1, 2, True, False, dtype=tf.bool).numpy().tolist() == [False, True]


@fixed
@given(shapes)
def test_shape_size_and_rank_are_those_of_numpy(shape: tuple[int, ...]):
    array = counted(shape)
    assert tf.shape(array).numpy().tolist() == list(shape)
    assert tf.size(array).numpy() == array.size
    assert tf.rank(array).numpy() == array.ndim

    unknown = [tf.TensorSpec([None] * len(shape), tf.float64)]
    traced = tf.function(lambda x: (tf.shape(x), tf.size(x), tf.rank(x)), input_signature=unknown)
    sizes, count, rank = traced(array)
    assert (sizes.numpy().tolist(), count.numpy(), rank.numpy()) == (
        list(shape),
        array.size,
        array.ndim,
    )
    assert tf.shape(array, out_type=tf.int64).dtype is tf.int64


def test_broadcast_to_only_stretches():
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\(2,\) and \(3,\)"):
        tf.broadcast_to([1, 2], [3])
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"\(2, 3\) cannot be stretched to \(3,\)"
    ):
        tf.broadcast_to(tf.ones([2, 3]), [3])
