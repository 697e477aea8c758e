"""Slices, joins, repetition, padding, gather and scatter against NumPy, eagerly and in graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import engine as tf
from tests.engine.oracle import array_of, assert_close, gradients

fixed = settings(derandomize=True, deadline=None, max_examples=60, database=None)


def counted(*shape: int) -> np.ndarray:
    """0, 1, 2, ... in a shape: each element says where it came from."""
    return np.arange(int(np.prod(shape, dtype=int)), dtype=np.float64).reshape(shape)


def both(function: Any, *inputs: Any) -> Any:
    """The value of a function, after checking that graphs of known and unknown sizes give the same."""
    arrays = [np.asarray(x) for x in inputs]
    eager = function(*map(tf.constant, arrays))
    unknown = [tf.TensorSpec([None] * x.ndim, x.dtype) for x in arrays]
    for graph in (tf.function(function), tf.function(function, input_signature=unknown)):
        traced = graph(*map(tf.constant, arrays))
        pairs = (
            zip(traced, eager, strict=True)
            if isinstance(eager, (list, tuple))
            else [(traced, eager)]
        )
        for one, other in pairs:
            assert_close(one, other, 1e-12)
            assert one.dtype is other.dtype
    return eager


# --- sizes known only when a graph runs -----------------------------------------------------------


def test_a_shape_may_be_a_tensor_of_the_graph():
    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def made(x):
        n = tf.shape(x)[0]
        return (
            tf.zeros([n, 2]), tf.ones(tf.shape(x), tf.int32), tf.fill([n], 7), tf.range(n),
            tf.eye(n), tf.random.normal([n, 4]), tf.random.uniform(tf.shape(x), 0, 9, tf.int32),
            tf.broadcast_to(1.0, [n, 3]), tf.reshape(x, [3, n]), tf.one_hot(tf.range(n), n),
        )  # fmt: skip

    outputs = made(tf.ones([4, 3]))
    shapes = [(4, 2), (4, 3), (4,), (4,), (4, 4), (4, 4), (4, 3), (4, 3), (3, 4), (4, 4)]
    assert [tuple(t.shape) for t in outputs] == shapes
    assert outputs[3].numpy().tolist() == [0, 1, 2, 3]
    assert_close(outputs[4], np.eye(4))
    known = [spec.shape.as_list() for spec in made.get_concrete_function().outputs]
    assert known[:4] == [[None, 2], [None, 3], [None], [None]], "what is known stays known"


def test_a_gradient_flows_through_a_shape_made_by_the_graph():
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float64)])
    def spread(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(tf.broadcast_to(x, [3, tf.shape(x)[0]]) * 2.0)
        return tape.gradient(y, x)

    assert spread(np.ones(4)).numpy().tolist() == [6.0] * 4


def test_shapes_are_broadcast_and_ensured():
    assert tf.broadcast_static_shape(tf.TensorShape([None, 1]), tf.TensorShape([3])) == [None, 3]
    with pytest.raises(ValueError, match="do not fit"):
        tf.broadcast_static_shape(tf.TensorShape([2]), tf.TensorShape([3]))
    joint = tf.function(lambda a, b: tf.broadcast_dynamic_shape(tf.shape(a), tf.shape(b)))
    assert joint(tf.ones([2, 1]), tf.ones([3])).numpy().tolist() == [2, 3]
    with pytest.raises(tf.errors.InvalidArgumentError, match="do not fit"):
        tf.broadcast_dynamic_shape([2], [3])
    assert [s.numpy().tolist() for s in tf.shape_n([tf.ones([2]), tf.ones([])])] == [[2], []]

    x = tf.ones([2, 3])
    assert tf.ensure_shape(x, [None, 3]).shape == (2, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\(None, 4\).*\(2, 3\)"):
        tf.ensure_shape(x, [None, 4])
    narrow = tf.function(
        lambda t: tf.ensure_shape(t, [2, None]), input_signature=[tf.TensorSpec([None, 3])]
    )
    assert narrow.get_concrete_function().outputs[0].shape == (2, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\(2, None\).*\(5, 3\)"):
        narrow(tf.ones([5, 3]))


# --- slices ---------------------------------------------------------------------------------------


def test_an_index_may_be_a_tensor_of_the_graph():
    x = counted(4, 3)
    i = np.int32(2)
    assert_close(both(lambda t, k: t[k], x, i), x[2])
    assert_close(both(lambda t, k: t[k:, :k], x, i), x[2:, :2])
    assert_close(both(lambda t, k: t[..., -k], x, i), x[..., -2])
    assert_close(both(lambda t, k: t[tf.newaxis, k, ::-1], x, i), x[None, 2, ::-1])
    with pytest.raises(TypeError, match="one integer"):
        tf.function(lambda t, k: t[k])(tf.constant(x), tf.constant([1]))

    @tf.function
    def slope(t, k):
        with tf.GradientTape() as tape:
            tape.watch(t)
            y = t[k] ** 2
        return tape.gradient(y, t)

    expected = np.zeros((4, 3))
    expected[2] = 2 * x[2]
    assert_close(slope(tf.constant(x), tf.constant(2)), expected)


def test_a_mask_takes_the_elements_where_it_is_true():
    x = counted(3, 4)
    mask = x % 3 == 0
    assert_close(both(lambda t, m: t[m], x, mask), x[mask])
    rows = np.array([True, False, True])
    assert_close(both(lambda t, m: t[m], x, rows), x[rows])
    assert_close(tf.constant(x)[mask], x[mask])
    assert_close(tf.boolean_mask(x, [True, False, False, True], axis=1), x[:, [0, 3]])
    assert_close(
        both(lambda t, m: tf.boolean_mask(t, m, axis=1), x, np.array([1, 0, 0, 1], bool)),
        x[:, [0, 3]],
    )
    _, (slope,) = gradients(lambda t: t[mask], x)
    assert_close(slope, mask.astype(float))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\(2,\).*\(3, 4\)"):
        tf.boolean_mask(x, [True, False])
    with pytest.raises(tf.errors.InvalidArgumentError, match="bool"):
        tf.boolean_mask(x, [1, 0, 1])


def test_slice_takes_sizes_and_refuses_to_reach_beyond():
    x = counted(3, 4)
    assert_close(tf.slice(x, [1, 0], [2, -1]), x[1:])
    assert_close(tf.slice(x, tf.constant([0, 1]), tf.constant([1, 2])), x[:1, 1:3])
    later = tf.function(lambda t, b: tf.slice(t, [b, 0], [2, 3]))
    assert_close(later(tf.constant(x), tf.constant(1)), x[1:3, :3])
    assert later.get_concrete_function(tf.constant(x), tf.constant(1)).outputs[0].shape == (2, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"3 elements from 1.*size 3"):
        tf.slice(x, [1, 0], [3, 1])
    with pytest.raises(tf.errors.InvalidArgumentError, match="ensure_shape"):
        later(tf.constant(x), tf.constant(2))
    with pytest.raises(tf.errors.InvalidArgumentError, match="every axis"):
        tf.slice(x, [0], [1])


def test_strided_slice_obeys_its_masks():
    x = counted(3, 4, 5)
    assert_close(tf.strided_slice(x, [0, 1, 0], [3, 3, 5], [2, 1, 3]), x[0:3:2, 1:3, 0:5:3])
    assert_close(tf.strided_slice(x, [1], [2]), x[1:2])
    assert_close(
        tf.strided_slice(x, [2, 0], [0, 0], [-1, 1], begin_mask=1, end_mask=2), x[:0:-1, 0:]
    )
    assert_close(tf.strided_slice(x, [0, 1], [0, 2], ellipsis_mask=1), x[..., 1:2])
    assert_close(tf.strided_slice(x, [0, 1], [0, 2], new_axis_mask=1), x[None, 1:2])
    assert_close(tf.strided_slice(x, [1, -1], [2, 0], shrink_axis_mask=3), x[1, -1])
    with pytest.raises(tf.errors.InvalidArgumentError, match="as many"):
        tf.strided_slice(x, [0], [1, 2])


def test_where_with_a_condition_alone_gives_indices():
    mask = counted(2, 3) % 2 == 1
    assert_close(both(lambda c: tf.where(c), mask), np.argwhere(mask))
    assert tf.where(True).shape == (1, 0)
    with pytest.raises(ValueError, match="both"):
        tf.where(mask, 1.0)


# --- joining and repeating ------------------------------------------------------------------------


@fixed
@given(st.data())
def test_tile_roll_reverse_and_repeat_are_those_of_numpy(data: Any):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3))
    x = counted(*shape)
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    times = data.draw(st.lists(st.integers(0, 2), min_size=x.ndim, max_size=x.ndim))
    shift = data.draw(st.integers(-4, 4))
    each = data.draw(st.lists(st.integers(0, 2), min_size=shape[axis], max_size=shape[axis]))
    assert_close(tf.tile(x, times), np.tile(x, times))
    assert_close(tf.roll(x, shift, axis), np.roll(x, shift, axis))
    assert_close(tf.reverse(x, [axis]), np.flip(x, axis))
    assert_close(tf.repeat(x, 2, axis), np.repeat(x, 2, axis))
    assert_close(tf.repeat(x, 2), np.repeat(x, 2))
    if each:
        assert_close(tf.repeat(x, each, axis), np.repeat(x, each, axis))


def test_repetition_known_only_in_the_graph():
    x, n = counted(2, 3), np.int32(2)
    assert_close(both(lambda t, k: tf.tile(t, [k, 1]), x, n), np.tile(x, (2, 1)))
    assert_close(both(lambda t, k: tf.repeat(t, k, 1), x, n), np.repeat(x, 2, 1))
    assert_close(both(lambda t, k: tf.roll(t, k, 1), x, n), np.roll(x, 2, 1))
    assert_close(both(lambda t, k: tf.pad(t, [[k, 0], [0, k]], constant_values=5), x, n),
        np.pad(x, ((2, 0), (0, 2)), constant_values=5))  # fmt: skip
    assert_close(both(lambda t: tf.roll(t, [1, -1], [0, 1]), x), np.roll(x, (1, -1), (0, 1)))


def test_repetition_refuses_what_does_not_fit():
    for call, words in [
        (lambda: tf.tile([[1, 2]], [2]), "one multiple an axis"),
        (lambda: tf.tile([1, 2], [-1]), "none below 0"),
        (lambda: tf.repeat([1, 2, 3], [1, 2], 0), "2 repeats"),
        (lambda: tf.roll([1, 2], [1, 2], [0]), "2 shifts"),
        (lambda: tf.reverse([1, 2], [1]), "axis 1"),
        (lambda: tf.split([1, 2, 3], 2), "does not divide"),
        (lambda: tf.split([1, 2, 3], [1, 1]), "add up to 3"),
        (lambda: tf.split([1, 2, 3], [-1, -1]), "one of them may be -1"),
    ]:
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            call()


def test_split_is_that_of_numpy():
    x = counted(4, 6)
    for ours, theirs in zip(
        both(lambda t: tf.split(t, 3, axis=1), x), np.split(x, 3, 1), strict=True
    ):
        assert_close(ours, theirs)
    sizes = both(lambda t: tf.split(t, [1, -1, 2], axis=-1), x)
    assert [part.shape[1] for part in sizes] == [1, 3, 2]
    assert_close(tf.concat(sizes, 1), x)
    assert len(tf.split(x, tf.constant(2))) == 2
    _, (slope,) = gradients(lambda t: tf.split(t, 2)[1] * 3.0, x)
    assert_close(slope, np.r_[np.zeros((2, 6)), np.full((2, 6), 3.0)])


def test_the_gradient_of_concat_needs_no_sizes():
    @tf.function(input_signature=[tf.TensorSpec([None, 2]), tf.TensorSpec([None, 2])])
    def slopes(a, b):
        with tf.GradientTape() as tape:
            tape.watch([a, b])
            y = tf.reduce_sum(tf.concat([a, b], 0) ** 2)
        return tape.gradient(y, [a, b])

    a, b = np.float32([[1, 2]]), np.float32([[3, 4], [5, 6]])
    for ours, theirs in zip(slopes(a, b), (2 * a, 2 * b), strict=True):
        assert_close(ours, theirs)


def test_reverse_sequence_turns_the_first_steps_around():
    x = counted(3, 4)
    made = both(lambda t, n: tf.reverse_sequence(t, n, seq_axis=1), x, np.int32([0, 2, 4]))
    assert made.numpy().tolist() == [[0, 1, 2, 3], [5, 4, 6, 7], [11, 10, 9, 8]]
    other = tf.reverse_sequence(x.T, [0, 2, 4], seq_axis=0, batch_axis=1)
    assert_close(other, array_of(made).T)
    for lengths, words in [([0, 2, 5], "between 0 and 4"), ([1, 2], "3 examples")]:
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            tf.reverse_sequence(x, lengths, seq_axis=1)


def test_meshgrid_is_that_of_numpy():
    def grid(how: str) -> Any:
        return lambda *xs: tf.meshgrid(*xs, indexing=how)

    a, b, c = counted(3), counted(2) + 10, counted(4) + 20
    for indexing in ("xy", "ij"):
        for lines in ([a], [a, b], [a, b, c]):
            made = both(grid(indexing), *lines)
            for ours, theirs in zip(made, np.meshgrid(*lines, indexing=indexing), strict=True):
                assert_close(ours, theirs)
    with pytest.raises(ValueError, match="'xy' or 'ij'"):
        tf.meshgrid(a, b, indexing="yx")


# --- padding --------------------------------------------------------------------------------------


@fixed
@given(st.data())
def test_pad_is_that_of_numpy(data: Any):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    x = counted(*shape)
    mode = data.draw(st.sampled_from(["CONSTANT", "REFLECT", "SYMMETRIC"]))
    pairs = []
    for size in shape:
        most = {"CONSTANT": 3, "REFLECT": size - 1, "SYMMETRIC": size}[mode]
        pairs.append(data.draw(st.tuples(st.integers(0, most), st.integers(0, most))))
    options = {"constant_values": -1.5} if mode == "CONSTANT" else {}
    expected = np.pad(x, pairs, mode.lower(), **options)  # type: ignore[call-overload]
    assert_close(both(lambda t: tf.pad(t, pairs, mode, **options), x), expected)
    assert_close(tf.pad(x, tf.constant(pairs), mode.lower(), **options), expected)


def test_pad_refuses_what_it_cannot_mirror():
    for call, error, words in [
        (lambda: tf.pad([1, 2], [[2, 0]], "REFLECT"), tf.errors.InvalidArgumentError, "at most 1"),
        (
            lambda: tf.pad([1, 2], [[0, 3]], "SYMMETRIC"),
            tf.errors.InvalidArgumentError,
            "at most 2",
        ),
        (lambda: tf.pad([1, 2], [[0, -1]]), tf.errors.InvalidArgumentError, "none below 0"),
        (lambda: tf.pad([1, 2], [[0, 1], [0, 1]]), tf.errors.InvalidArgumentError, "each of the 1"),
        (lambda: tf.pad([1, 2], [[0, 1]], "EDGE"), ValueError, "EDGE"),
    ]:
        with pytest.raises(error, match=words):
            call()
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 1"):
        tf.function(
            lambda t: tf.pad(t, [[2, 0]], "REFLECT"), input_signature=[tf.TensorSpec([None])]
        )(tf.ones([2]))


# --- gather and scatter ---------------------------------------------------------------------------


@fixed
@given(st.data())
def test_gather_with_batches_gathers_in_each_example(data: Any):
    batch = data.draw(hnp.array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=3))
    rest = data.draw(hnp.array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=3))
    own = data.draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=2))
    axis = data.draw(st.integers(0, len(rest) - 1))
    x = counted(*batch, *rest)
    positions = st.integers(0, rest[axis] - 1)
    indices = data.draw(hnp.arrays(np.int32, (*batch, *own), elements=positions))
    made = tf.gather(x, indices, axis=len(batch) + axis, batch_dims=len(batch))
    expected = np.zeros((*batch, *rest[:axis], *own, *rest[axis + 1 :]))
    for place in np.ndindex(batch):
        expected[place] = np.take(x[place], indices[place], axis)
    assert_close(made, expected)
    _, (slope,) = gradients(
        lambda t: tf.gather(t, indices, axis=len(batch) + axis, batch_dims=len(batch)), x
    )
    counts = np.zeros_like(x)
    for place in np.ndindex(batch):
        np.add.at(np.moveaxis(counts[place], axis, 0), indices[place].reshape(-1), 1.0)
    assert_close(slope, counts)


def test_scattering_is_numpys_indexed_assignment():
    x, rows = counted(4, 2), np.int32([[2], [0], [2]])
    new = counted(3, 2) + 100
    added = x.copy()
    np.add.at(added, rows[:, 0], new)
    assert_close(both(tf.tensor_scatter_nd_add, x, rows, new), added)
    assert_close(both(tf.tensor_scatter_nd_sub, x, rows, new), 2 * x - added)
    assert_close(tf.scatter_nd(rows, new, [4, 2]), added - x)
    replaced = x.copy()
    replaced[rows[:, 0]] = new
    assert_close(both(tf.tensor_scatter_nd_update, x, rows, new), replaced)
    for ours, ufunc in (
        (tf.tensor_scatter_nd_max, np.maximum),
        (tf.tensor_scatter_nd_min, np.minimum),
    ):
        expected = x.copy()
        ufunc.at(expected, rows[:, 0], new - 100)
        assert_close(both(ours, x, rows, new - 100), expected)
    assert_close(both(tf.gather_nd, x, np.int32([[3, 1], [0, 0]])), x[[3, 0], [1, 0]])
    assert_close(tf.gather_nd(x, tf.zeros([2, 0], tf.int32)), np.stack([x, x]))


def test_ties_share_the_gradient_of_a_scattered_extreme():
    _, (old, new) = gradients(
        lambda t, u: tf.tensor_scatter_nd_max(t, [[0], [0]], u),
        np.array([3.0, 1.0]),
        np.array([3.0, 2.0]),
    )
    assert old.numpy().tolist() == [0.5, 1.0] and new.numpy().tolist() == [0.5, 0.0]


def test_scattering_refuses_what_does_not_fit():
    x = tf.ones([3, 2])
    for call, words in [
        (lambda: tf.gather_nd(x, [[3]]), "index 3.*0 to 2"),
        (lambda: tf.gather_nd(x, [[0, 0, 0]]), "2 axes"),
        (lambda: tf.gather_nd(x, [[0.5]]), "integers"),
        (lambda: tf.scatter_nd([[0]], [1.0, 2.0], [3]), r"\(1,\).*\(2,\)"),
        (lambda: tf.scatter_nd([[-1]], [1.0], [3]), "index -1"),
        (lambda: tf.tensor_scatter_nd_update(x, [[0]], [[1, 2, 3]]), "updates of shape"),
        (lambda: tf.tensor_scatter_nd_add(x, [[0]], tf.ones([1, 2], tf.int32)), "int32"),
        (lambda: tf.gather(x, [[0]], axis=0, batch_dims=1), "axis 0 is one of"),
        (lambda: tf.gather(x, [[0]], axis=1, batch_dims=1), "must be the same"),
    ]:
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            call()


def test_a_variable_is_changed_at_its_indices():
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert v.scatter_nd_update([[0, 1]], [9.0]) is v
    v.scatter_nd_add([[2]], [[1.0, 1.0]])
    v.scatter_nd_sub([[1, 0]], [3.0])
    assert v.numpy().tolist() == [[1, 9], [0, 4], [6, 7]]
    v.scatter_update(tf.IndexedSlices(tf.constant([[0.0, 0.0]]), tf.constant([2])))
    v.scatter_add(tf.IndexedSlices([[1.0, 1.0]], [2]))
    v.scatter_sub(tf.IndexedSlices([[2.0, 0.0]], [2]))
    v.scatter_max(tf.IndexedSlices([[5.0, 0.0]], [0]))
    v.scatter_min(tf.IndexedSlices([[1.0, 1.0]], [1]))
    assert v.numpy().tolist() == [[5, 9], [0, 1], [-1, 1]]
    assert v.gather_nd([[0, 1]]).numpy().tolist() == [9]
    assert v.sparse_read([1]).numpy().tolist() == [[0, 1]]
    step = tf.function(lambda: v.scatter_nd_add([[0, 0]], [1.0]))
    step(), step()
    assert v.numpy()[0, 0] == 7.0


# --- numbers in a row -----------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_linspace_between_tensors_is_that_of_numpy(axis: int):
    low, high = np.array([0.0, 1.0]), np.array([1.0, -3.0])
    made = both(lambda a, b: tf.linspace(a, b, 5, axis=axis), low, high)
    assert_close(made, np.linspace(low, high, 5, axis=axis), 1e-12, 1e-15)
    _, (slope, _) = gradients(lambda a, b: tf.linspace(a, b, 3), low, high)
    assert slope.numpy().tolist() == [1.5, 1.5]
    with pytest.raises(tf.errors.InvalidArgumentError, match="num is 0"):
        tf.linspace(0.0, 1.0, 0)


def test_one_hot_takes_an_axis_and_dtypes():
    made = tf.one_hot([[0, 2], [1, -1]], 3, axis=0, dtype=tf.int64)
    assert made.dtype is tf.int64 and made.shape == (3, 2, 2)
    assert_close(tf.transpose(made, [1, 2, 0]), np.eye(4)[[[0, 2], [1, 3]]][..., :3])
    assert tf.one_hot([1], 2, on_value=True, off_value=False).dtype is tf.bool
    with pytest.raises(tf.errors.InvalidArgumentError, match="integers"):
        tf.one_hot([0.5], 2)
    with pytest.raises(TypeError, match="one dtype"):
        tf.one_hot([0], 2, on_value=tf.constant(1), off_value=tf.constant(0.0))


def test_masks_and_matrices_from_sizes():
    lengths = np.int32([[0, 2], [3, 1]])
    expected = np.arange(4) < lengths[..., None]
    assert_close(both(lambda n: tf.sequence_mask(n, 4), lengths), expected)
    assert_close(both(lambda n: tf.sequence_mask(n, dtype=tf.float32), lengths), expected[..., :3])
    assert_close(
        tf.eye(2, 3, batch_shape=[4], dtype=tf.int32), np.tile(np.eye(2, 3, dtype=int), (4, 1, 1))
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="delta"):
        tf.range(0, 3, 0)


def test_what_is_known_before_a_graph_runs():
    seen = []

    @tf.function
    def look(x):
        seen.append((tf.is_tensor(x), tf.get_static_value(x), tf.get_static_value(tf.shape(x))))
        return x

    look(tf.ones([2]))
    assert seen[0][:2] == (True, None) and seen[0][2].tolist() == [2]
    assert tf.is_tensor(tf.Variable(1)) and not tf.is_tensor([1])


def test_a_transpose_may_conjugate():
    z = counted(2, 3) + 1j
    assert_close(tf.transpose(z, conjugate=True), z.conj().T)
    assert_close(tf.transpose(z.real, conjugate=True), z.real.T)
