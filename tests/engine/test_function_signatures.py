"""input_signature: one graph for all that fits it, and a clear refusal of what does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close, traced


def test_a_signature_is_one_graph_for_all_that_fits_it():
    f, seen = traced(
        lambda x, k: tf.reduce_sum(x, 0) * k,
        input_signature=[tf.TensorSpec([None, 2]), tf.TensorSpec([], tf.float32)],
    )
    for x in (np.ones((3, 2), np.float32), np.ones((1, 2)), [[1.0, 2.0]], tf.zeros([0, 2])):
        assert_close(f(x, 2.0), 2.0 * np.sum(np.asarray(x), 0))
    assert f(np.ones((4, 2), np.int64), 3).dtype is tf.float32  # converted, as the signature says
    assert len(seen) == f.experimental_get_tracing_count() == 1
    (x, k), _ = seen[0]
    assert x.shape == (None, 2) and k.shape == ()


def test_a_signature_may_be_nested():
    f, seen = traced(
        lambda batch: batch["x"] * batch["k"][0],
        input_signature=[{"x": tf.TensorSpec([None]), "k": [tf.TensorSpec([])]}],
    )
    assert f({"x": [1.0, 2.0], "k": [3.0]}).numpy().tolist() == [3.0, 6.0]
    assert f({"k": [2.0], "x": np.array([5.0])}).numpy().tolist() == [10.0]
    assert len(seen) == 1
    with pytest.raises(TypeError, match="keys differ"):
        f({"x": [1.0]})


def test_a_signature_leaves_defaults_alone():
    @tf.function(input_signature=[tf.TensorSpec([])])
    def f(x: Any, times: int = 2) -> Any:
        return x * float(times)

    assert f(3.0).numpy() == 6.0
    assert f(3.0, times=5).numpy() == 15.0
    assert f.experimental_get_tracing_count() == 2


SIGNATURE_ERRORS = [
    (
        (tf.constant([1.0, 2.0]),),
        TypeError,
        ["shape=(3,)", "float32", "shape (2,)", "None for a size"],
    ),
    ((tf.constant([1, 2, 3]),), TypeError, ["float32", "int32 tensor", "cast"]),
    ((tf.ones([3, 1]),), TypeError, ["shape=(3,)", "shape (3, 1)"]),
    ((), TypeError, ["missing", "'x'"]),
    (("abc",), TypeError, ["str 'abc'", "float32"]),
]


@pytest.mark.parametrize(("args", "error", "words"), SIGNATURE_ERRORS)
def test_what_does_not_fit_a_signature_is_refused(args: Any, error: Any, words: list[str]):
    f = tf.function(lambda x: x * 2.0, input_signature=[tf.TensorSpec([3], tf.float32)])
    with pytest.raises(error) as caught:
        f(*args)
    assert all(word in str(caught.value) for word in words), caught.value
    assert f.experimental_get_tracing_count() == 0


def test_get_concrete_function_checks_specs_against_the_signature():
    f = tf.function(lambda x: x * 2.0, input_signature=[tf.TensorSpec([None], tf.float32)])
    wide = f.get_concrete_function()
    assert f.get_concrete_function(tf.TensorSpec([4], tf.float32)) is wide
    with pytest.raises(TypeError, match="int32"):
        f.get_concrete_function(tf.TensorSpec([4], tf.int32))


def test_a_signature_counts_its_arguments():
    pair = [tf.TensorSpec([]), tf.TensorSpec([])]
    f = tf.function(lambda *xs: xs[0] + xs[1], input_signature=pair)
    assert f(1.0, 2.0).numpy() == 3.0
    with pytest.raises(TypeError, match="2 entries, but 1 positional"):
        f(1.0)


def test_a_tensor_of_unknown_rank():
    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32)])
    def f(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum((x + x) * [2.0, 3.0])
        return y, tape.gradient(y, x)

    for x in ([[1.0, 1.0], [1.0, 1.0]], [1.0, 1.0], 1.0):
        total, slope = f(x)
        assert total.numpy() == 10.0 * max(np.size(x) / 2, 1.0)
        assert slope.shape == np.shape(x)
    assert f(1.0)[1].numpy() == 10.0
    for refused in (
        lambda x: tf.reduce_sum(x, 0),
        lambda x: tf.reduce_sum(x, keepdims=True),
        tf.rank,
        len,
    ):
        unknown = tf.function(refused, input_signature=[tf.TensorSpec(None, tf.float32)])
        with pytest.raises((tf.errors.InvalidArgumentError, ValueError, TypeError)):
            unknown([1.0])


def test_sizes_that_are_known_may_be_asked_while_tracing():
    f = tf.function(lambda x: tf.add_n([row * float(len(x)) for row in x]))
    assert f(tf.constant([[1.0, 2.0], [3.0, 4.0]])).numpy().tolist() == [8.0, 12.0]


def test_a_signature_leaves_keyword_only_settings_alone() -> None:
    @tf.function(input_signature=[tf.TensorSpec([None])])
    def scale(x: tf.Tensor, *, by: float = 2.0) -> tf.Tensor:
        return x * by

    np.testing.assert_array_equal(scale([1.0, 2.0]).numpy(), [2, 4])
    np.testing.assert_array_equal(scale([1.0], by=5.0).numpy(), [5])
    with pytest.raises(TypeError, match=r"keyword-only argument \(by\).*TensorSpec"):
        scale([1.0], by=tf.constant(5.0))
