"""Pooling layers against Keras: windows, whole inputs, and a given number of places."""

from __future__ import annotations

import numpy as np
import pytest

import engine as tf
from tests.keras.layer_witness import check_layer, floats
from tests.keras.witness import close, keras

layers = tf.keras.layers
FIRST = {"data_format": "channels_first"}

CASES = [
    ("MaxPooling1D", {"strides": 1, "padding": "same"}, (2, 5, 3)),
    ("MaxPooling2D", {}, (2, 5, 6, 2)),
    ("MaxPooling2D", {"pool_size": (3, 2), "strides": (2, 1), "padding": "same", **FIRST}, (2, 2, 5, 4)),
    ("MaxPooling3D", {"pool_size": 2, "strides": 1}, (1, 3, 2, 4, 2)),
    ("AveragePooling1D", {"pool_size": 2, **FIRST}, (2, 3, 5)),
    ("AveragePooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, (2, 5, 4, 2)),
    ("AveragePooling3D", {"pool_size": (1, 2, 2)}, (1, 2, 4, 5, 2)),
    ("GlobalMaxPooling1D", {}, (2, 4, 3)),
    ("GlobalMaxPooling2D", {"keepdims": True, **FIRST}, (2, 3, 4, 2)),
    ("GlobalMaxPooling3D", {}, (1, 2, 3, 2, 2)),
    ("GlobalAveragePooling1D", {"keepdims": True, **FIRST}, (2, 3, 4)),
    ("GlobalAveragePooling2D", {}, (2, 3, 4, 2)),
    ("GlobalAveragePooling3D", {"keepdims": True}, (1, 2, 3, 2, 2)),
    ("AdaptiveMaxPooling1D", {"output_size": 3}, (2, 7, 2)),
    ("AdaptiveMaxPooling2D", {"output_size": (2, 4), **FIRST}, (1, 2, 5, 7)),
    ("AdaptiveAveragePooling1D", {"output_size": 4, **FIRST}, (2, 2, 6)),
    ("AdaptiveAveragePooling2D", {"output_size": (3, 2)}, (1, 5, 7, 2)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "settings", "shape"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)]
)
def test_a_pooling_layer_is_that_of_keras(name, settings, shape):
    check_layer((name, settings), floats(*shape, seed=5))


def test_volumes_in_a_given_number_of_places_are_those_of_keras():
    x = floats(1, 3, 4, 5, 2)
    for name in ("AdaptiveMaxPooling3D", "AdaptiveAveragePooling3D"):
        close(getattr(layers, name)((2, 3, 2))(x), getattr(keras.layers, name)((2, 3, 2))(x))


def test_masked_steps_do_not_count_in_the_mean():
    mask = np.array([[True, True, False, True], [False, True, False, False]])
    for settings in ({}, {"keepdims": True}):
        check_layer(
            ("GlobalAveragePooling1D", settings),
            floats(2, 4, 3),
            call={"mask": mask},
            symbolic=False,
        )
    first = layers.GlobalAveragePooling1D(data_format="channels_first")
    other = layers.GlobalAveragePooling1D()
    x = floats(2, 4, 3)
    mean = other(x, mask=tf.constant(mask))
    close(first(x.transpose(0, 2, 1), mask=tf.constant(mask)), mean)
    np.testing.assert_allclose(mean.numpy()[1], x[1, 1], rtol=1e-6)


def test_a_mask_that_travels_with_the_input_is_used_and_ends_there():
    ids = np.array([[1, 2, 0], [3, 0, 0]])
    embedding = layers.Embedding(5, 2, mask_zero=True)
    vectors = embedding(ids)
    out = layers.GlobalAveragePooling1D()(vectors)
    table = embedding.embeddings.numpy()
    np.testing.assert_allclose(out.numpy(), [(table[1] + table[2]) / 2, table[3]], rtol=1e-6)
    assert tf.keras.layers.GlobalAveragePooling1D().compute_mask(vectors, None) is None


def test_the_short_names_are_the_same_classes():
    for n in (1, 2, 3):
        assert getattr(layers, f"MaxPool{n}D") is getattr(layers, f"MaxPooling{n}D")
        assert getattr(layers, f"AvgPool{n}D") is getattr(layers, f"AveragePooling{n}D")
        assert getattr(layers, f"GlobalMaxPool{n}D") is getattr(layers, f"GlobalMaxPooling{n}D")
        assert getattr(layers, f"GlobalAvgPool{n}D") is getattr(layers, f"GlobalAveragePooling{n}D")


def test_what_cannot_be_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="'valid' or 'same'"):
        layers.MaxPooling2D(padding="causal")
    with pytest.raises(ValueError, match="pool_size must be a number of 1 or more, or 2"):
        layers.MaxPooling2D((2, 2, 2))
    with pytest.raises(ValueError, match="expects an input of rank 4"):
        layers.MaxPooling2D()(tf.ones([28, 28, 1]))
    with pytest.raises(TypeError, match="pool_size"):
        layers.AveragePooling2D()
    with pytest.raises(tf.errors.InvalidArgumentError, match="does not fit"):
        layers.MaxPooling2D(5)(tf.ones([1, 4, 4, 1]))
    with pytest.raises(ValueError, match="needs to know the size of axis 1"):
        layers.AdaptiveMaxPooling1D(2)(tf.keras.Input((None, 3)))
