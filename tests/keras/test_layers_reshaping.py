"""Flatten, Reshape, Permute and RepeatVector against Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.keras.layer_witness import check_layer, floats, make_both

X, STEPS, IMAGES = floats(3, 12), floats(2, 3, 4), floats(2, 3, 4, 5)
CASES: dict[str, tuple[str, dict[str, Any], np.ndarray]] = {
    "flatten": ("Flatten", {}, IMAGES),
    "flatten, channels first": ("Flatten", {"data_format": "channels_first"}, IMAGES),
    "flatten of a vector": ("Flatten", {}, X[:, 0]),
    "flatten of integers": ("Flatten", {}, np.arange(12, dtype=np.int32).reshape(2, 3, 2)),
    "reshape": ("Reshape", {"target_shape": (3, 4)}, X),
    "reshape, -1": ("Reshape", {"target_shape": [2, -1, 2]}, X),
    "reshape to a vector": ("Reshape", {"target_shape": (-1,)}, IMAGES),
    "permute": ("Permute", {"dims": (2, 1)}, STEPS),
    "permute of three": ("Permute", {"dims": [3, 1, 2]}, IMAGES),
    "repeat": ("RepeatVector", {"n": 3}, X),
}


@pytest.mark.parametrize("case", CASES)
def test_the_layer_is_the_one_of_keras(case: str) -> None:
    name, arguments, x = CASES[case]
    check_layer((name, arguments), x)


@pytest.mark.parametrize(
    ("name", "arguments", "shape"),
    [
        ("Flatten", {}, (None, None, 4)),
        ("Flatten", {}, (5, None, 4)),
        ("Reshape", {"target_shape": (2, -1)}, (None, None, 4)),
        ("Reshape", {"target_shape": (2, 6)}, (None, None, 4)),
        ("Reshape", {"target_shape": (2, -1)}, (None, 3, 4)),
        ("Permute", {"dims": (2, 1)}, (None, None, 4)),
        ("RepeatVector", {"n": 2}, (None, 4)),
    ],
)
def test_unknown_sizes(name: str, arguments: dict[str, Any], shape: tuple[int | None, ...]) -> None:
    ours, theirs = make_both((name, arguments))
    assert tuple(ours.compute_output_shape(shape)) == tuple(theirs.compute_output_shape(shape))
    x = np.arange(np.prod([n or 3 for n in shape]), dtype=np.float32).reshape(
        [n or 3 for n in shape]
    )
    compiled = tf.function(lambda x: ours(x), input_signature=[tf.TensorSpec(shape)])
    np.testing.assert_array_equal(compiled(tf.constant(x)).numpy(), np.asarray(theirs(x)))


def test_batches_without_examples_keep_their_features() -> None:
    empty = tf.zeros([0, 3, 4])
    assert tf.keras.layers.Flatten()(empty).shape == (0, 12)
    assert tf.keras.layers.Reshape((4, -1))(empty).shape == (0, 4, 3)


def test_flatten_follows_the_image_data_format_of_the_program() -> None:
    tf.keras.config.set_image_data_format("channels_first")
    try:
        assert tf.keras.layers.Flatten().data_format == "channels_first"
    finally:
        tf.keras.config.set_image_data_format("channels_last")


ERRORS: dict[str, tuple[str, dict[str, Any], Any, str]] = {
    "a data format": ("Flatten", {"data_format": "last"}, X, "'channels_last' or"),
    "no multiple": ("Reshape", {"target_shape": (5, -1)}, X, "no multiple of 5"),
    "another number": ("Reshape", {"target_shape": (5, 2)}, X, "which holds 10"),
    "two unknown sizes": ("Reshape", {"target_shape": (-1, -1)}, X, "one may be -1"),
    "a negative size": ("Reshape", {"target_shape": (-2, 6)}, X, "0 or more"),
    "the batch moved": ("Permute", {"dims": (0, 1)}, X, "0 is the batch"),
    "an axis twice": ("Permute", {"dims": (1, 1)}, STEPS, "names each axis"),
    "another rank": ("Permute", {"dims": (2, 1)}, X, "rank 3"),
    "no copies": ("RepeatVector", {"n": 0}, X, "positive"),
    "a matrix for each example": ("RepeatVector", {"n": 2}, STEPS, "rank 2"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_does_not_fit_is_explained(case: str) -> None:
    name, arguments, x, words = ERRORS[case]
    with pytest.raises(ValueError, match=words):
        getattr(tf.keras.layers, name)(**arguments)(x)


@pytest.mark.parametrize("n", [2.0, "2", True, None])
def test_repeat_vector_counts_with_integers(n: Any) -> None:
    with pytest.raises(TypeError, match="integer"):
        tf.keras.layers.RepeatVector(n)
