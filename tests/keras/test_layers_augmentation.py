"""Layers of images against Keras: the same function of the numbers drawn, and what is drawn.

Keras draws a transformation, both apply it. What is drawn here is held to its bounds and moments.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

import engine as tf
from engine.keras.layers.resampling import affine
from engine.keras.serialization import deserialize_keras_object
from tests.keras.layer_witness import check_layer, floats, make_both
from tests.keras.witness import close, keras, same_config

layers = tf.keras.layers
FIRST = {"data_format": "channels_first"}
BATCH, HEIGHT, WIDTH = 3, 6, 7
PIXELS = np.random.default_rng(8).integers(0, 256, (BATCH, HEIGHT, WIDTH, 3)).astype("float32")

# --- made to size -----------------------------------------------------------------------------------

SIZED = [
    ("Resizing", {"height": 4, "width": 9}, (2, 6, 5, 2)),
    ("Resizing", {"height": 3, "width": 2, "antialias": True, **FIRST}, (1, 2, 7, 6)),
    ("CenterCrop", {"height": 3, "width": 4}, (2, 6, 5, 2)),
    ("CenterCrop", {"height": 3, "width": 4, **FIRST}, (2, 2, 6, 3)),
]


@pytest.mark.parametrize(("name", "settings", "shape"), SIZED, ids=range(len(SIZED)))
def test_images_made_to_size_are_those_of_keras(name, settings, shape):
    check_layer((name, settings), floats(*shape, seed=6))


SCALED = [
    {"interpolation": interpolation, **more}
    for interpolation in ("nearest", "bicubic", "lanczos3")
    for more in ({}, {"antialias": True} if interpolation != "nearest" else {})
] + [
    {"crop_to_aspect_ratio": True},
    {"pad_to_aspect_ratio": True, "fill_value": 2.0},
    {"crop_to_aspect_ratio": True, **FIRST},
    {"pad_to_aspect_ratio": True, **FIRST},
]


@pytest.mark.parametrize("settings", SCALED, ids=range(len(SCALED)))
def test_every_way_to_resize_is_that_of_keras(settings):
    ours, theirs = make_both(("Resizing", {"height": 4, "width": 3, **settings}))
    same_config(ours, theirs)
    x = floats(2, 3, 8, 3, seed=1)  # a height that grows and a width that shrinks
    x = x.transpose(0, 3, 1, 2) if "data_format" in settings else x
    expected = np.asarray(theirs(x))
    close(ours(x), expected)
    close(tf.function(ours)(x[0]), expected[0])


def test_integers_stay_integers_when_resized():
    x = PIXELS.astype("uint8")
    for settings in ({}, {"interpolation": "bicubic"}):
        ours, theirs = make_both(("Resizing", {"height": 4, "width": 9, **settings}))
        assert ours(x).dtype == tf.uint8
        assert np.abs(ours(x).numpy().astype(int) - np.asarray(theirs(x)).astype(int)).max() <= 1


def test_sizes_that_are_known_only_when_it_runs():
    x = tf.constant(floats(2, 6, 9, 1))
    for layer in (
        layers.Resizing(4, 4),
        layers.Resizing(4, 4, crop_to_aspect_ratio=True),
        layers.Resizing(4, 4, pad_to_aspect_ratio=True),
        layers.CenterCrop(4, 3),
        layers.RandomRotation(0.0),
    ):
        later = tf.function(layer, input_signature=[tf.TensorSpec([None, None, None, 1])])
        close(later(x), layer(x))


# --- random: the same function of the numbers drawn -------------------------------------------------

RANDOM = [
    ("RandomFlip", {"mode": "horizontal"}),
    ("RandomFlip", {"mode": "vertical"}),
    ("RandomFlip", {}),
    *(("RandomRotation", {"factor": 0.3, "fill_mode": m}) for m in ("reflect", "wrap", "nearest")),
    ("RandomRotation", {"factor": (0.1, 0.2), "fill_mode": "constant", "fill_value": 9.0}),
    ("RandomRotation", {"factor": 0.2, "interpolation": "nearest", "fill_mode": "wrap"}),
    ("RandomTranslation", {"height_factor": 0.4, "width_factor": (-0.9, 0.3)}),
    ("RandomTranslation", {"height_factor": 0.7, "width_factor": 1.0, "fill_mode": "wrap"}),
    ("RandomZoom", {"height_factor": 0.5}),
    ("RandomZoom", {"height_factor": (-0.5, -0.2), "width_factor": 0.9, "fill_mode": "constant"}),
    ("RandomZoom", {"height_factor": 0.3, "width_factor": (0.1, 0.4), "interpolation": "nearest"}),
    ("RandomContrast", {"factor": 0.5}),
    ("RandomContrast", {"factor": (0.5, 0.9), "value_range": (0, 255)}),
    ("RandomBrightness", {"factor": 0.4}),
    ("RandomBrightness", {"factor": (-1, -0.2), "value_range": (20, 200)}),
    ("RandomInvert", {"factor": (0.4, 0.6)}),
    ("RandomSaturation", {"factor": (0.1, 0.9)}),
    ("RandomHue", {"factor": (0.2, 1.0)}),
    ("RandomGrayscale", {"factor": 0.5}),
]


@pytest.mark.parametrize(
    "number", range(len(RANDOM)), ids=[f"{i}-{n}" for i, (n, _) in enumerate(RANDOM)]
)
def test_a_transformation_that_keras_draws_does_the_same_here(number):
    name, settings = RANDOM[number]
    more = FIRST if number % 2 else {}
    ours, theirs = make_both((name, {**settings, "seed": 3, **more}))
    same_config(ours, theirs)
    x = PIXELS.transpose(0, 3, 1, 2) if more else PIXELS
    drawn = theirs.get_random_transformation(x, training=True)
    expected = np.asarray(theirs.transform_images(keras.ops.array(x), drawn, training=True))
    assert np.abs(expected - x).max() > 1
    given = _tensors(drawn) if isinstance(drawn, dict) else tf.constant(np.asarray(drawn))
    made = ours.transform_images(tf.constant(x), given)
    np.testing.assert_allclose(made.numpy(), expected, atol=0.02, rtol=1e-4)


def _tensors(drawn):
    """What Keras drew, without the sizes and shapes that it keeps beside it."""
    arrays = {name: np.asarray(value) for name, value in drawn.items() if name != "input_shape"}
    return {name: tf.constant(array) for name, array in arrays.items() if array.ndim}


def test_what_is_drawn_is_applied_and_lies_within_the_bounds():
    many = tf.constant(np.zeros((4000, 2, 3, 3), "float32"))
    bounds = {
        ("RandomRotation", "factor", (-0.25, 0.5), "angle"): (-90, 180),
        ("RandomContrast", "factor", (0.5, 0.9), "contrast_factor"): (0.5, 1.9),
        ("RandomBrightness", "factor", 0.4, "rgb_delta"): (-102, 102),
        ("RandomZoom", "height_factor", (-0.5, 0.2), "height_zoom"): (0.5, 1.2),
    }
    for (name, argument, value, key), (low, high) in bounds.items():
        layer = getattr(layers, name)(**{argument: value}, seed=4)
        drawn = layer.get_random_transformation(many)[key].numpy().ravel()
        assert len(drawn) == 4000
        assert low <= drawn.min() < low + 0.01 * (high - low), name
        assert high - 0.01 * (high - low) < drawn.max() <= high, name
        assert abs(drawn.mean() - (low + high) / 2) < 4 * (high - low) / np.sqrt(12 * 4000), name
    shift = layers.RandomTranslation(0.5, (0.0, 1.0), seed=4).get_random_transformation(many)
    right, down = shift["translations"].numpy().T
    assert right.min() >= 0 and 2.9 < right.max() <= 3 and abs(right.mean() - 1.5) < 0.06
    assert (
        -1 <= down.min() < -0.98
        and 0.98 < down.max() <= 1
        and abs(np.corrcoef(right, down)[0, 1]) < 0.07
    )
    for name, key, chance in (
        ("RandomFlip", "flips", 0.5),
        ("RandomInvert", "apply_inversion", 0.5),  # the chance is drawn from 0 to 1 first
    ):
        share = getattr(layers, name)(seed=5).get_random_transformation(many)[key].numpy().mean()
        assert abs(share - chance) < 4 * 0.5 / np.sqrt(4000), name
    gray = layers.RandomGrayscale(0.2, seed=5).get_random_transformation(many).numpy().mean()
    assert abs(gray - 0.2) < 4 * 0.4 / np.sqrt(4000)


@pytest.mark.parametrize(
    ("name", "settings"),
    [RANDOM[i] for i in (2, 3, 8, 10, 13, 15, 17, 18, 19, 20)]
    + [("RandomCrop", {"height": 3, "width": 4})],
)
def test_seeds_repeat_images_differ_and_inference_changes_nothing(name, settings):
    def make():
        return getattr(layers, name)(**settings, seed=11)

    x = np.concatenate([PIXELS[:1]] * 6)
    layer, again = make(), make()
    first, second = layer(x, training=True), layer(x, training=True)
    assert first.dtype == tf.float32
    np.testing.assert_array_equal(first.numpy(), again(x, training=True).numpy())
    np.testing.assert_array_equal(make()(x).numpy(), first.numpy())
    assert np.abs(first.numpy() - second.numpy()).max() > 0
    if name != "RandomCrop":
        assert len({image.tobytes() for image in np.concatenate([first, second])}) > 1
    np.testing.assert_array_equal(layer(x, training=False).numpy(), x)
    compiled = tf.function(make())
    np.testing.assert_allclose(
        compiled(x, training=True).numpy(), first.numpy(), rtol=1e-4, atol=1e-2
    )
    assert np.abs(compiled(x, training=True).numpy() - first.numpy()).max() > 0
    assert layer(x[0], training=True).shape == first.shape[1:]


def test_crops_are_parts_of_the_images_from_every_place():
    x = np.arange(5 * 6, dtype="float32").reshape(1, 5, 6, 1)
    layer = layers.RandomCrop(3, 4, seed=2)
    starts = set()
    for _ in range(60):
        part = layer(x, training=True).numpy()[0, :, :, 0]
        row, column = divmod(int(part[0, 0]), 6)
        np.testing.assert_array_equal(part, x[0, row : row + 3, column : column + 4, 0])
        starts.add((row, column))
    assert starts == {(row, column) for row in range(3) for column in range(3)}


@pytest.mark.parametrize("shape", [(1, 3, 4, 2), (1, 2, 9, 2), (1, 3, 8, 2), (1, 8, 2, 2)])
def test_images_no_larger_than_the_part_are_scaled_as_by_keras(shape):
    ours, theirs = make_both(("RandomCrop", {"height": 3, "width": 4, "seed": 1}))
    same_config(ours, theirs)
    x = floats(*shape)
    close(ours(x, training=True), theirs(x, training=True))


def test_training_reaches_the_layer_through_a_model():
    model = tf.keras.Sequential([layers.RandomBrightness(0.9, seed=1), layers.Rescaling(1 / 255)])
    np.testing.assert_allclose(model(PIXELS, training=False).numpy(), PIXELS / 255, rtol=1e-6)
    assert np.abs(model(PIXELS, training=True).numpy() - PIXELS / 255).max() > 0.01


def test_a_model_of_keras_is_random_when_it_is_trained_and_only_then():
    """Keras's config holds the `training` that each layer was called with; the call of the model decides."""
    inputs = keras.Input((HEIGHT, WIDTH, 3))
    hidden = keras.layers.RandomBrightness(0.9)(inputs)
    theirs = keras.Model(inputs, keras.layers.Dropout(0.5)(hidden))
    wire = json.loads(json.dumps(keras.saving.serialize_keras_object(theirs)))
    calls = [
        node["kwargs"] for layer in wire["config"]["layers"] for node in layer["inbound_nodes"]
    ]
    assert calls == [{"training": True}, {"training": False}]
    ours = deserialize_keras_object(wire)
    np.testing.assert_array_equal(ours(PIXELS, training=False).numpy(), PIXELS)
    trained = ours(PIXELS, training=True).numpy()
    assert 0.3 < (trained == 0).mean() < 0.9
    assert np.abs(trained[trained != 0] / 2 - PIXELS[trained != 0]).max() > 1


@pytest.mark.parametrize("fill_mode", ["reflect", "wrap", "nearest", "constant"])
def test_gradients_flow_to_the_pixels_that_were_seen(fill_mode):
    x = tf.constant(floats(1, 4, 5, 2))
    turn = tf.constant([[0.8, -0.6, 1.0, 0.6, 0.8, -0.5]])

    def total(images):
        return tf.reduce_sum(affine(images, turn, "bilinear", fill_mode) ** 2)

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = total(x)
    found = tape.gradient(value, x).numpy()
    step = np.zeros(x.shape, "float32")
    step[0, 2, 1, 0] = 1e-2
    slope = (total(x + step) - total(x - step)).numpy() / 2e-2
    np.testing.assert_allclose(found[0, 2, 1, 0], slope, rtol=1e-2, atol=1e-3)


WRONG = [
    (lambda: layers.Resizing(2, 2, interpolation="area"), "interpolation must be one of"),
    (lambda: layers.Resizing(2, 2, fill_mode="wrap"), "'constant'"),
    (
        lambda: layers.Resizing(2, 2, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True),
        "not both",
    ),
    (lambda: layers.RandomFlip("up"), "mode must be"),
    (lambda: layers.RandomRotation(1.5), "factor must be a number from -1.0 to 1.0"),
    (lambda: layers.RandomRotation(0.1, fill_mode="zeros"), "fill_mode must be one of"),
    (lambda: layers.RandomZoom(0.1, interpolation="bicubic"), "'nearest' or 'bilinear'"),
    (lambda: layers.RandomTranslation((0.1, 2.0), 0.1), "height_factor must be"),
    (lambda: layers.RandomContrast(-0.1), "from 0.0 to 1.0"),
    (lambda: layers.RandomContrast("much"), "from 0.0 to 1.0"),
    (lambda: layers.RandomBrightness(0.1, value_range=1), "value_range"),
    (lambda: layers.RandomHue(0.1)(np.zeros((1, 2, 2, 1), "float32")), "red, green and blue"),
    (lambda: layers.RandomFlip()(np.zeros((2, 2), "float32")), "a batch of images"),
    (
        lambda: layers.RandomCrop(2, 2)(tf.keras.Input((None, None, 3)), training=True),
        "needs to know",
    ),
]


@pytest.mark.parametrize(("make", "words"), WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_is_refused_with_the_reason(make, words):
    with pytest.raises(ValueError, match=words):
        make()
