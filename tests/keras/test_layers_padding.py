"""Zero padding, cropping and up-sampling against Keras."""

from __future__ import annotations

import pytest

import engine as tf
from tests.keras.layer_witness import check_layer, floats
from tests.keras.witness import close, keras

layers = tf.keras.layers
FIRST = {"data_format": "channels_first"}

CASES = [
    ("ZeroPadding1D", {"padding": 2}, (2, 3, 2)),
    ("ZeroPadding1D", {"padding": (0, 2), **FIRST}, (2, 3, 2)),
    ("ZeroPadding2D", {}, (1, 2, 3, 2)),
    ("ZeroPadding2D", {"padding": ((1, 0), (2, 1)), **FIRST}, (1, 2, 3, 2)),
    ("ZeroPadding2D", {"padding": (0, (2, 1))}, (1, 2, 3, 2)),
    ("ZeroPadding3D", {"padding": (1, 0, 2)}, (1, 2, 2, 3, 2)),
    ("Cropping1D", {}, (2, 4, 3)),
    ("Cropping1D", {"cropping": (2, 0)}, (2, 4, 3)),
    ("Cropping2D", {"cropping": ((1, 0), (0, 2))}, (1, 4, 5, 2)),
    ("Cropping2D", {"cropping": 1, **FIRST}, (1, 2, 4, 5)),
    ("Cropping2D", {}, (1, 2, 3, 2)),
    ("Cropping3D", {"cropping": (1, 0, (0, 1))}, (1, 4, 2, 3, 2)),
    ("UpSampling1D", {"size": 3}, (2, 3, 2)),
    ("UpSampling2D", {}, (1, 2, 3, 2)),
    ("UpSampling2D", {"size": (1, 3), **FIRST}, (1, 2, 2, 3)),
    ("UpSampling2D", {"size": (2, 3), "interpolation": "bilinear"}, (2, 3, 2, 2)),
    ("UpSampling2D", {"size": 2, "interpolation": "bicubic", **FIRST}, (1, 2, 4, 3)),
    ("UpSampling3D", {"size": (1, 2, 3)}, (1, 2, 2, 2, 2)),
]


@pytest.mark.parametrize(
    ("name", "settings", "shape"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)]
)
def test_a_layer_that_pads_crops_or_repeats_is_that_of_keras(name, settings, shape):
    check_layer((name, settings), floats(*shape, seed=2))


@pytest.mark.parametrize("interpolation", ["lanczos3", "lanczos5"])
def test_wide_interpolations_are_those_of_keras(interpolation):
    x = floats(1, 7, 6, 2)
    ours = layers.UpSampling2D(3, interpolation=interpolation)
    close(ours(x), keras.layers.UpSampling2D(3, interpolation=interpolation)(x))


def test_sizes_that_are_known_only_when_it_runs():
    layer = layers.UpSampling2D(2, interpolation="bilinear")
    x = tf.constant(floats(2, 3, 4, 1))
    later = tf.function(layer, input_signature=[tf.TensorSpec([None, None, None, 1])])
    close(later(x), layer(x))


WRONG = [
    (lambda: layers.ZeroPadding2D((1, 2, 3)), "padding must be a number or 2 entries"),
    (lambda: layers.ZeroPadding1D(-1), "padding must be a number of 0 or more"),
    (lambda: layers.Cropping2D(2)(tf.ones([1, 4, 8, 1])), "leaves nothing of axis 1"),
    (lambda: layers.Cropping1D((3, 1))(tf.keras.Input((4, 2))), "leaves nothing of axis 1"),
    (lambda: layers.UpSampling2D(0), "size must be a number of 1 or more"),
    (lambda: layers.UpSampling2D(2, interpolation="linear")(tf.ones([1, 2, 2, 1])), "bilinear"),
]


@pytest.mark.parametrize(("make", "words"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_what_cannot_be_is_refused_with_the_reason(make, words):
    with pytest.raises(ValueError, match=words):
        make()
