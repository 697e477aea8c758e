"""tf.keras.regularizers beside Keras's: penalties, their derivatives, configs."""

from __future__ import annotations

import numpy as np
import pytest

import engine as tf
from engine.keras import regularizers
from tests.keras.witness import close, jax, keras, same_config

MATRIX = np.random.default_rng(0).normal(0, 2, (4, 3)).astype("float32")
CASES = [
    ("L1", {}),
    ("L1", {"l1": 0.3}),
    ("L1", {"l1": None}),
    ("L2", {}),
    ("L2", {"l2": 2}),
    ("L1L2", {}),
    ("L1L2", {"l1": 0.1}),
    ("L1L2", {"l2": 0.2}),
    ("L1L2", {"l1": 0.1, "l2": 0.2}),
    ("OrthogonalRegularizer", {}),
    ("OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}),
]


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_the_penalty_and_its_derivative_are_those_of_keras(name: str, arguments: dict) -> None:
    ours = getattr(regularizers, name)(**arguments)
    theirs = getattr(keras.regularizers, name)(**arguments)
    value = MATRIX[:, :2] + 3 if name == "OrthogonalRegularizer" else MATRIX
    weight = tf.Variable(value)
    with tf.GradientTape() as tape:
        penalty = ours(weight)
    their_penalty, slope = jax.value_and_grad(lambda w: theirs(jax.numpy.asarray(w)))(value)
    close(penalty, their_penalty)
    found = tape.gradient(penalty, weight)
    close(np.zeros_like(value) if found is None else found, slope)
    close(tf.function(ours)(weight), their_penalty)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_the_config_is_that_of_keras(name: str, arguments: dict) -> None:
    ours = getattr(regularizers, name)(**arguments)
    theirs = getattr(keras.regularizers, name)(**arguments)
    same_config(ours, theirs)
    copy = regularizers.deserialize(keras.regularizers.serialize(theirs))
    same_config(copy, theirs)
    assert abs(copy(MATRIX).numpy() - ours(MATRIX).numpy()) < 1e-6


@pytest.mark.parametrize("name", ["l1", "L2", "l1l2", "L1L2", "orthogonal_regularizer"])
def test_names(name: str) -> None:
    ours = regularizers.get(name)
    assert type(ours).__name__ == type(getattr(keras.regularizers, type(ours).__name__)()).__name__
    assert ours.get_config().keys() == regularizers.get(type(ours).__name__).get_config().keys()


def test_the_derivative_of_l1_at_0_is_0_as_in_tensorflow() -> None:
    weight = tf.Variable([0.0, -0.0, 2.0])
    with tf.GradientTape() as tape:
        penalty = regularizers.L1(0.5)(weight)
    np.testing.assert_array_equal(tape.gradient(penalty, weight).numpy(), [0.0, 0.0, 0.5])


def test_float16_penalties_keep_their_dtype() -> None:
    for name in ("l1", "l2"):
        assert regularizers.get(name)(tf.constant([1.0, 2.0], tf.float16)).dtype == "float16"
    assert regularizers.L1L2()(tf.constant([1.0], tf.float16)).dtype == "float16"


def test_what_else_get_takes() -> None:
    assert regularizers.get(None) is None
    own = regularizers.L2(0.3)
    assert regularizers.get(own) is own
    assert isinstance(regularizers.get(regularizers.L1), regularizers.L1)
    assert regularizers.get({"class_name": "L2", "config": {"l2": 0.3}}).l2 == 0.3
    assert regularizers.Regularizer()(MATRIX) == 0.0
    with pytest.raises(ValueError, match="no regularizer named 'l3'"):
        regularizers.get("l3")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: regularizers.L1(-1.0), "l1 should be a number that is not negative, not -1.0"),
        (lambda: regularizers.L2(float("nan")), "l2 should be"),
        (lambda: regularizers.L1L2(l2="a"), "l2 should be a number that is not negative, not 'a'"),
        (lambda: regularizers.OrthogonalRegularizer(mode="all"), "'rows' or 'columns', not 'all'"),
        (lambda: regularizers.OrthogonalRegularizer()(np.ones(3, "float32")), "takes a matrix"),
    ],
)
def test_wrong_arguments_are_named(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
