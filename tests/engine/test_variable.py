"""Variable: a box whose value is replaced, checked against its dtype and shape."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import engine as tf


def test_a_variable_shows_what_it_holds_as_tensorflow_prints_it():
    v = tf.Variable(4.0, name="w")
    assert repr(v) == "<tf.Variable 'w:0' shape=() dtype=float32, numpy=4.0>"
    assert repr(tf.Variable([[1, 2]])) == (
        "<tf.Variable 'Variable:0' shape=(1, 2) dtype=int32, numpy=array([[1, 2]], dtype=int32)>"
    )
    assert f"{v:.2f}" == "4.00"
    assert v.name == "w:0" and v.trainable and v.dtype is tf.float32 and v.shape == ()
    assert v.ndim == 0 and v.device == "/device:CPU:0" and v.spec == tf.TensorSpec([], tf.float32)


def test_assignments_replace_the_value_and_return_the_variable():
    v = tf.Variable([1.0, 2.0])
    assert v.assign([3.0, 4.0]) is v
    assert v.assign_add([1.0, 1.0]) is v and v.numpy().tolist() == [4.0, 5.0]
    assert v.assign_sub([1.0, 0.0]).numpy().tolist() == [3.0, 5.0]
    assert v.assign(v * 2.0).numpy().tolist() == [6.0, 10.0]
    assert v.assign(tf.Variable([0.0, 1.0])).numpy().tolist() == [0.0, 1.0]
    assert v.assign(np.array([7.0, 8.0])).numpy().tolist() == [7.0, 8.0]
    count = tf.Variable(5)
    assert count.assign_add(1).numpy() == 6


def test_a_tensor_read_before_an_assignment_keeps_its_value():
    v = tf.Variable([1.0, 2.0])
    before = v.value()
    v.assign([9.0, 9.0])
    assert before.numpy().tolist() == [1.0, 2.0]
    assert v.read_value().numpy().tolist() == [9.0, 9.0]


def test_a_variable_does_not_follow_the_array_it_was_made_from():
    array = np.ones(2)
    v = tf.Variable(array)
    array[0] = 5.0
    v.numpy()[1] = 5.0
    assert v.numpy().tolist() == [1.0, 1.0]


def test_the_initial_value_may_be_a_function():
    assert tf.Variable(lambda: tf.ones([2])).numpy().tolist() == [1.0, 1.0]
    assert tf.Variable(1, dtype=tf.float64).dtype is tf.float64
    assert tf.Variable(tf.constant(2.0)).numpy() == 2.0
    assert tf.Variable(["a"]).numpy().tolist() == [b"a"]


def test_a_value_of_another_shape_is_refused():
    v = tf.Variable([1.0, 2.0], name="bias")
    with pytest.raises(ValueError, match=r"'bias:0' has shape \(2,\).*\(3,\)"):
        v.assign([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"\(2,\).*\(2, 2\)"):
        v.assign_add(tf.ones([2, 2]))
    assert v.numpy().tolist() == [1.0, 2.0]


def test_a_value_of_another_dtype_is_refused():
    v = tf.Variable([1.0], name="w")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"'w:0'.*float32.*float64.*tf\.cast"):
        v.assign(tf.constant([1.0], tf.float64))
    with pytest.raises(tf.errors.InvalidArgumentError, match="float32 and int32"):
        v.assign_add(tf.constant([1]))
    with pytest.raises(TypeError, match="int32"):
        tf.Variable(1).assign(1.5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="float64"):
        tf.Variable(tf.constant(1.0), dtype=tf.float64)


def test_sizes_that_change_are_none():
    v = tf.Variable([[1.0, 2.0]], shape=[None, 2])
    assert v.shape == (None, 2)
    assert v.assign(tf.ones([3, 2])).value().shape == (3, 2)
    with pytest.raises(ValueError, match=r"\(None, 2\).*\(3, 3\)"):
        v.assign(tf.ones([3, 3]))
    free = tf.Variable([1.0], shape=tf.TensorShape(None))
    assert free.shape.rank is None
    free.assign(tf.ones([2, 2]))
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(free * free)
    assert tape.gradient(y, free).numpy().tolist() == [[2.0, 2.0], [2.0, 2.0]]
    with pytest.raises(ValueError, match="shape"):
        tf.Variable([1.0, 2.0], shape=[3])


def test_a_variable_works_wherever_a_tensor_does():
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    assert tf.reduce_sum(v).numpy() == 10.0
    assert (v @ [[1.0], [1.0]]).numpy().tolist() == [[3.0], [7.0]]
    assert v[0, 1].numpy() == 2.0 and len(v) == 2 and [r.shape for r in v] == [(2,), (2,)]
    assert np.sum(v) == 10.0
    assert (-v).numpy()[0, 0] == -1.0 and isinstance(v + 1.0, tf.Tensor)
    assert tf.rank(v).numpy() == 2 and tf.shape(v).numpy().tolist() == [2, 2]
    one = tf.Variable(3)
    assert int(one) == 3 and float(one) == 3.0 and bool(one) and [0, 1, 2, 7][one] == 7
    with pytest.raises(TypeError):
        hash(one)
    assert {one.ref(): 1}[one.ref()] == 1 and one.ref().deref() is one
    assert (one == None) is False  # noqa: E711


IN_PLACE = {"+=": "assign_add", "-=": "assign_sub", "*=": "assign", "/=": "assign", "**=": "assign"}


@pytest.mark.parametrize("sign", list(IN_PLACE))
def test_changing_in_place_by_an_operator_is_refused_and_names_the_method(sign: str):
    names: dict[str, Any] = {"v": tf.Variable(1.0, name="w")}
    with pytest.raises(RuntimeError, match=r"assign_add.*'w:0'"):
        exec(f"v {sign} 2.0", names)
    assert isinstance(names["v"], tf.Variable) and names["v"].numpy() == 1.0


def test_elements_cannot_be_assigned():
    with pytest.raises(TypeError, match=r"one by one.*v\.assign"):
        tf.Variable([1.0])[0] = 2.0


def test_copies_are_independent_and_keep_name_shape_and_trainable():
    v = tf.Variable([1.0], trainable=False, name="moving_mean", shape=[None])
    for again in (copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        again.assign([5.0, 6.0])
        assert v.numpy().tolist() == [1.0]
        assert again.name == v.name and not again.trainable and again.shape == (None,)


def test_only_trainable_floating_variables_are_watched():
    weight, step = tf.Variable(1.0), tf.Variable(1)
    frozen = tf.Variable(2.0, trainable=False)
    with tf.GradientTape() as tape:
        y = weight * frozen * tf.cast(step, tf.float32)
    assert [v.ref() for v in tape.watched_variables()] == [weight.ref()]
    assert [g if g is None else g.numpy() for g in tape.gradient(y, [weight, frozen, step])] == [
        2.0,
        None,
        None,
    ]


def test_a_variable_cannot_start_from_a_value_that_is_not_known_yet():
    @tf.function
    def f(x: Any) -> Any:
        return tf.Variable(x) + 1.0

    with pytest.raises(ValueError, match="known now"):
        f.get_concrete_function(tf.TensorSpec([]))  # no call, so no argument to begin with


def test_rows_are_multiplied_and_divided():
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    v.scatter_mul(tf.IndexedSlices([[10.0, 10.0]], [1]))
    v.scatter_div(tf.IndexedSlices([[2.0, 4.0]], [0]))
    assert v.numpy().tolist() == [[0.5, 0.5], [30.0, 40.0]]
    twice = tf.Variable([1, 2]).scatter_mul(tf.IndexedSlices([2, 3], [0, 0]))  # as TensorFlow does
    assert twice.numpy().tolist() == [6, 2] and twice.get_shape() == twice.shape


def test_assigning_accepts_what_tensorflow_accepts():
    v = tf.Variable(1.0, trainable=None)
    assert v.trainable
    assert v.assign(2.0, use_locking=True, name="a", read_value=False) is v
    assert v.assign_add(1.0, False, "b").assign_sub(2.0, read_value=True).numpy() == 1.0
