"""A checkpoint restored before the variables are there: they take their values at their first use."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

import pytest

import engine as tf
from engine.variable import awaited


@pytest.fixture(autouse=True)
def nothing_awaited() -> Any:
    """A checkpoint restored in part waits for the rest as long as its objects live, and no longer."""
    yield
    gc.collect()
    assert awaited == []


class Lazy(tf.Module):
    """Makes its variables when it is first called."""

    def __init__(self):
        super().__init__()
        self.parts: list[Any] = []

    def __call__(self, x: Any) -> Any:
        if not self.parts:
            self.scale = tf.Variable(1.0)
            self.parts.append(tf.Variable([0.0, 0.0]))
            self.parts.append({"bias": tf.Variable(0.0)})
        return x * self.scale + self.parts[0] + self.parts[1]["bias"]


def saved_lazy(folder: Path) -> str:
    lazy = Lazy()
    lazy(1.0)
    lazy.scale.assign(3.0)
    lazy.parts[0].assign([10.0, 20.0])
    lazy.parts[1]["bias"].assign(0.5)
    return tf.train.Checkpoint(net=lazy).save(folder / "ckpt")


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "tf.function"])
def test_variables_made_later_take_their_values_at_their_first_use(tmp_path, graph):
    path = saved_lazy(tmp_path)
    net = Lazy()
    status = tf.train.Checkpoint(net=net).restore(path)  # the Checkpoint itself is gone at once
    with pytest.raises(AssertionError, match=r"3 values .* no variable: net/scale"):
        status.assert_consumed()
    call = tf.function(lambda x: net(x)) if graph else net
    assert call(2.0).numpy().tolist() == [16.5, 26.5]
    status.assert_consumed()
    assert awaited == [] and type(net.scale) is tf.Variable


def test_a_gradient_sees_the_value_that_came_late(tmp_path):
    net = Lazy()
    tf.train.Checkpoint(net=net).restore(saved_lazy(tmp_path))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(net(2.0) ** 2)
    assert tape.gradient(loss, net.scale).numpy() == 2 * 2.0 * (16.5 + 26.5)


def test_a_keras_layer_takes_its_weights_when_it_is_built(tmp_path):
    saved = tf.keras.Sequential([tf.keras.layers.Dense(3), tf.keras.layers.Dense(1)])
    expected = saved(tf.ones([2, 5])).numpy().tolist()
    path = tf.train.Checkpoint(model=saved).write(tmp_path / "c")
    model = tf.keras.Sequential([tf.keras.layers.Dense(3), tf.keras.layers.Dense(1)])
    status = tf.train.Checkpoint(model=model).read(path)
    assert model(tf.ones([2, 5])).numpy().tolist() == expected
    status.assert_consumed()


def test_a_value_assigned_before_the_first_use_stays(tmp_path):
    net = Lazy()
    status = tf.train.Checkpoint(net=net).restore(saved_lazy(tmp_path))
    net.scale = tf.Variable(1.0)
    net.scale.assign(8.0)
    net.parts += [tf.Variable([0.0, 0.0]), {"bias": tf.Variable(0.0)}]
    status.assert_consumed()
    assert net.scale.numpy() == 8.0 and net.parts[0].numpy().tolist() == [10.0, 20.0]


@pytest.mark.parametrize("kind", [tf.Module, tf.keras.layers.Layer, tf.train.Checkpoint])
def test_a_variable_that_was_used_takes_its_value_when_it_becomes_an_attribute(tmp_path, kind):
    saved = kind()
    saved.v, saved.parts = tf.Variable(5.0), [tf.Variable(2.0), {"a": tf.Variable(3.0)}]
    path = tf.train.Checkpoint(net=saved).write(tmp_path / "c")
    net, v = kind(), tf.Variable(0.0)
    parts = [tf.Variable(0.0), {"a": tf.Variable(0.0)}]
    status = tf.train.Checkpoint(net=net).read(path)
    assert v.assign_add(1.0).numpy() == 1.0
    net.v = v
    assert v.numpy() == 5.0
    net.parts = parts
    assert (parts[0].numpy(), parts[1]["a"].numpy()) == (2.0, 3.0)
    status.assert_consumed()


def test_a_used_variable_that_is_appended_keeps_its_value_and_that_is_said(tmp_path):
    net = Lazy()
    status = tf.train.Checkpoint(net=net).restore(saved_lazy(tmp_path))
    used = tf.Variable([1.0, 1.0])
    assert used.numpy().tolist() == [1.0, 1.0]
    net.parts.append(used)
    with pytest.raises(AssertionError, match=r"net.parts.0 \(Variable:0\).*used before"):
        status.assert_existing_objects_matched()
    assert used.numpy().tolist() == [1.0, 1.0]


def test_other_variables_are_left_alone_while_a_checkpoint_waits(tmp_path):
    net = Lazy()
    tf.train.Checkpoint(net=net).restore(saved_lazy(tmp_path))
    others = [tf.Variable(float(i), name="other") for i in range(3)]
    assert isinstance(others[0], tf.Variable) and others[0].shape.rank == 0
    others[1].assign_add(10.0)
    assert [v.numpy() for v in others] == [0.0, 11.0, 2.0]
    assert all(type(v) is tf.Variable for v in others)
    assert repr(others[2]) == "<tf.Variable 'other:0' shape=() dtype=float32, numpy=2.0>"


def test_waiting_ends_with_the_objects_and_with_a_newer_checkpoint(tmp_path):
    path = saved_lazy(tmp_path)
    net = Lazy()
    for _ in range(3):
        tf.train.Checkpoint(net=net).restore(path)
    assert len(awaited) == 1
    del net
    gc.collect()
    assert awaited == []


def test_values_that_came_late_survive_the_deletion_of_their_file(tmp_path):
    path = saved_lazy(tmp_path)
    net = Lazy()
    tf.train.Checkpoint(net=net).restore(path)
    os.remove(path + ".npz")
    assert net(2.0).numpy().tolist() == [16.5, 26.5]
