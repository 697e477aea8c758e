"""tf.Module finds its variables; tf.name_scope names them."""

from __future__ import annotations

import pytest

import engine as tf


class Layer(tf.Module):
    def __init__(self, size: int, name: str | None = None):
        super().__init__(name)
        with self.name_scope:
            self.w = tf.Variable(tf.ones([size]), name="w")
            self.b = tf.Variable(0.0, name="b", trainable=False)


class TwoLayers(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = [Layer(1, "one"), {"inner": Layer(2, "two")}]
        self.scale = tf.Variable(2.0, name="scale")
        self.again = self.scale
        self.text = "no variable"

    @tf.Module.with_name_scope
    def grow(self) -> tf.Variable:
        return tf.Variable(1.0, name="grown")


def test_variables_are_found_once_wherever_they_are():
    model = TwoLayers()
    names = [v.name for v in model.variables]
    assert names == ["scale:0", "one/b:0", "one/w:0", "two/b:0", "two/w:0"]
    assert [v.name for v in model.trainable_variables] == ["scale:0", "one/w:0", "two/w:0"]
    assert [v.name for v in model.non_trainable_variables] == ["one/b:0", "two/b:0"]
    assert [part.name for part in model.submodules] == ["one", "two"]


def test_modules_that_hold_each_other_end():
    a, b = Layer(1, "a"), Layer(1, "b")
    a.other, b.other = b, a  # type: ignore[attr-defined]
    assert len(a.variables) == 4 and a.submodules == (b,)


def test_a_keras_layer_inside_is_found_too():
    class Wrapped(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = tf.keras.layers.Dense(1)

    model = Wrapped()
    model.dense(tf.ones([1, 3]))
    assert len(model.trainable_variables) == 2 and model.submodules == (model.dense,)


def test_gradients_and_methods_of_a_module():
    class Line(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable(3.0)

        @tf.function
        def __call__(self, x):
            return self.w * x

    line = Line()
    with tf.GradientTape() as tape:
        y = line(tf.constant(2.0))
    assert [g.numpy() for g in tape.gradient(y, line.trainable_variables)] == [2.0]


def test_names():
    assert TwoLayers().name == "two_layers" and Layer(1).w.name == "layer/w:0"
    assert TwoLayers().grow().name == "two_layers/grown:0"
    with tf.name_scope("a"), tf.name_scope("b") as scope:
        assert scope == "a/b/"
        assert tf.Variable(0.0, name="v").name == "a/b/v:0"
        with tf.name_scope("whole/"):
            assert Layer(1, "inner").w.name == "whole/inner/w:0"
    with pytest.raises(RuntimeError), tf.name_scope("left"):
        raise RuntimeError
    assert tf.Variable(0.0, name="v").name == "v:0"
    with pytest.raises(ValueError, match="'two words'"):
        tf.Module("two words")
    with pytest.raises(ValueError, match="string"), tf.name_scope(3):  # type: ignore[arg-type]
        pass
