"""Labels as comparisons, and relu asked for signs: the same numbers, without jumps about in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf

LOGITS = np.random.default_rng(5).standard_normal((4, 3)).astype(np.float32) * 9
LOGITS[1, 0] = np.inf
LOGITS[2, 1] = -np.inf


def losses(labels: Any, logits: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return loss, tape.gradient(loss, logits)


def operations(function: Any, *args: Any) -> list[str]:
    return [node.op for node in function.get_concrete_function(*args).optimized.operations]


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
@pytest.mark.parametrize("shape", [(4, 3), (2, 2, 3)])
def test_losses_and_gradients_are_the_same_without_a_gather(dtype: str, shape: Any):
    labels = tf.cast(tf.reshape([2, 1, 1, 0], shape[:-1]), dtype)
    logits = tf.reshape(LOGITS, shape)
    compiled = tf.function(losses)
    for eager, graph in zip(losses(labels, logits), compiled(labels, logits), strict=True):
        np.testing.assert_array_equal(eager.numpy(), graph.numpy())
    found = operations(compiled, labels, logits)
    assert "gather" not in found and "scatter_add" not in found and "checked_labels" in found


@pytest.mark.parametrize("label", [3, -1])
@pytest.mark.parametrize("jit", [False, True])
def test_a_label_that_is_no_class_is_still_an_error(label: int, jit: bool):
    compiled = tf.function(losses, jit_compile=jit)
    logits = tf.constant(LOGITS)
    compiled(tf.constant([0, 1, 2, 0]), logits)
    with pytest.raises(tf.errors.InvalidArgumentError, match=str(label)):
        compiled(tf.constant([0, label, 2, 0]), logits)


def test_a_gather_of_other_indices_stays():
    rows = tf.function(lambda x, i: tf.gather(x, i, axis=1, batch_dims=1))
    x, i = tf.constant(LOGITS), tf.constant([[0], [1], [2], [0]])
    assert operations(rows, x, i) == ["gather"]
    with pytest.raises(tf.errors.InvalidArgumentError):
        rows(x, tf.constant([[0], [1], [3], [0]]))


def test_labels_of_logits_of_unknown_size_stay_gathered():
    compiled = tf.function(
        losses, input_signature=[tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, 3])]
    )
    labels, logits = tf.constant([2, 1, 1, 0]), tf.constant(LOGITS)
    for eager, graph in zip(losses(labels, logits), compiled(labels, logits), strict=True):
        np.testing.assert_array_equal(eager.numpy(), graph.numpy())


def test_relu_is_asked_for_the_sign_of_what_it_got():
    @tf.function
    def both(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.nn.relu(x * 3)
        return y, tape.gradient(y, x)

    x = tf.constant([-1.0, -0.0, 0.0, 2.0, np.nan, np.inf, -np.inf])
    program = both.get_concrete_function(x).optimized
    relu = next(node for node in program.nodes if node.op == "relu")
    greater = next(node for node in program.nodes if node.op == "greater")
    assert greater.inputs[0] == relu.outputs[0]
    np.testing.assert_array_equal(both(x)[1].numpy(), [0, 0, 0, 3, 0, 3, 0])


def test_only_a_comparison_with_zero_is_put_to_relu():
    @tf.function
    def other(x: Any) -> Any:
        return tf.nn.relu(x), x > 0.5, x > -1.0

    x = tf.constant([-2.0, -0.5, 0.2, 3.0])
    np.testing.assert_array_equal(other(x)[1].numpy(), [False, False, False, True])
    np.testing.assert_array_equal(other(x)[2].numpy(), [False, True, True, True])
