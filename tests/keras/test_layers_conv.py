"""Convolutions against Keras: the same config, weights, outputs and gradients in every layout."""

from __future__ import annotations

import numpy as np
import pytest

import engine as tf
from tests.keras.layer_witness import check_layer, floats
from tests.keras.witness import keras

layers = tf.keras.layers
FIRST = {"data_format": "channels_first"}

CASES = [
    ("Conv1D", {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, (2, 6, 2)),
    ("Conv1D", {"filters": 3, "kernel_size": 3, "padding": "causal", "strides": 2, **FIRST}, (2, 4, 7)),
    (
        "Conv2D",
        {"filters": 4, "kernel_size": (3, 2), "activation": "relu", "kernel_regularizer": "l2",
         "activity_regularizer": "l1", "bias_constraint": "non_neg"},
        (2, 5, 6, 2),
    ),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same", "groups": 2}, (2, 5, 6, 4)),
    ("Conv2D", {"filters": 2, "kernel_size": 2, "dilation_rate": (2, 1), "use_bias": False}, (1, 5, 4, 3)),
    ("Conv2D", {"filters": 2, "kernel_size": 3, "padding": "same", **FIRST}, (2, 3, 5, 4)),
    ("Conv3D", {"filters": 2, "kernel_size": 2, "strides": (1, 2, 1)}, (1, 3, 4, 3, 2)),
    ("Conv1DTranspose", {"filters": 2, "kernel_size": 2, "strides": 3, "padding": "same"}, (2, 4, 3)),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same"}, (2, 3, 4, 3)),
    (
        "Conv2DTranspose",
        {"filters": 2, "kernel_size": (2, 3), "strides": (3, 2), "output_padding": (2, 0), **FIRST},
        (1, 3, 3, 4),
    ),
    (
        "Conv2DTranspose",
        {"filters": 2, "kernel_size": (3, 4), "strides": 2, "padding": "same", "output_padding": 1},
        (1, 3, 3, 2),
    ),
    ("Conv3DTranspose", {"filters": 2, "kernel_size": 2, "dilation_rate": 2}, (1, 2, 3, 2, 2)),
    ("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2}, (2, 6, 3)),
    (
        "DepthwiseConv2D",
        {"kernel_size": 3, "strides": 2, "padding": "same", "depth_multiplier": 2, "activation": "tanh",
         **FIRST},
        (2, 3, 5, 6),
    ),
    ("SeparableConv1D", {"filters": 4, "kernel_size": 2, "dilation_rate": 2, **FIRST}, (2, 3, 6)),
    (
        "SeparableConv2D",
        {"filters": 4, "kernel_size": 3, "padding": "same", "depth_multiplier": 2,
         "pointwise_regularizer": "l1", "depthwise_constraint": "max_norm"},
        (2, 4, 5, 2),
    ),
]  # fmt: skip


# Every weight is moved before it is used. Drawing it first costs Keras a program for every shape, so only
# the first case of each kind does.
DRAWN = {0, 7, 12, 14}


def _ones(name):
    kinds = {"Separable": ("depthwise", "pointwise"), "Depthwise": ("depthwise",)}
    chosen = next((v for k, v in kinds.items() if name.startswith(k)), ("kernel",))
    return {f"{kind}_initializer": "ones" for kind in chosen}


@pytest.mark.parametrize(
    "number", range(len(CASES)), ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)]
)
def test_a_convolution_is_that_of_keras(number):
    name, settings, shape = CASES[number]
    first = {} if number in DRAWN else _ones(name)
    check_layer((name, {**settings, **first}), floats(*shape, seed=3))


def test_every_transposed_size_is_that_of_keras():
    """Window, stride, padding and output_padding together decide the size and where it starts."""
    x = floats(1, 3, 2)
    for window in (1, 2, 3, 4, 5):
        for stride in (1, 2, 3):
            for padding in ("valid", "same"):
                for more in (None, *range(stride)):
                    settings = {
                        "kernel_size": window,
                        "strides": stride,
                        "padding": padding,
                        "output_padding": more,
                    }
                    ours = layers.Conv1DTranspose(2, **settings)
                    theirs = keras.layers.Conv1DTranspose(2, **settings)
                    shape = tuple(theirs.compute_output_shape((None, 3, 2)))
                    assert ours.compute_output_shape((None, 3, 2)) == shape, settings
                    theirs.build((None, 3, 2))
                    ours.build((None, 3, 2))
                    kernel = floats(window, 2, 2, seed=window)
                    for layer in (ours, theirs):
                        layer.kernel.assign(kernel)
                    expected = _spread(x, kernel, stride, _first_place(theirs), shape[1])
                    np.testing.assert_allclose(ours(x).numpy(), expected, rtol=1e-5, atol=1e-6)


def _first_place(layer):
    """How many places of the whole transposed convolution Keras cuts off before the first."""
    from keras.src.backend.common.backend_utils import (
        compute_conv_transpose_padding_args_for_jax as padding_of,
    )

    more = layer.output_padding[0] if layer.output_padding else None
    kernel = tuple(layer.kernel.shape)
    ((left, _),) = padding_of((1, 3, 2), kernel, layer.strides[0], layer.padding, more, 1)
    return kernel[0] - 1 - left


def _spread(x, kernel, stride, before, size):
    """Every place of x, weighted, added to where its window lies."""
    window = kernel.shape[0]
    whole = np.zeros((1, before + size + 3 * stride + window, kernel.shape[1]))
    for i in range(x.shape[1]):
        for k in range(window):
            whole[:, i * stride + k] += x[:, i] @ kernel[k].T
    return whole[:, before : before + size]


def test_a_transposed_convolution_knows_sizes_only_when_it_runs():
    layer = layers.Conv2DTranspose(2, 3, strides=2, padding="same")
    x = tf.constant(floats(2, 3, 4, 1))
    open_sizes = tf.function(layer, input_signature=[tf.TensorSpec([None, None, None, 1])])
    np.testing.assert_allclose(open_sizes(x).numpy(), layer(x).numpy(), rtol=1e-6)
    assert open_sizes(x).shape == [2, 6, 8, 2]


def test_the_old_names_are_the_same_classes():
    for name in ("1D", "2D", "3D", "1DTranspose", "2DTranspose", "3DTranspose"):
        assert getattr(layers, f"Convolution{name}") is getattr(layers, f"Conv{name}")
    assert layers.SeparableConvolution2D is layers.SeparableConv2D


def test_a_compiled_cnn_is_the_program_one_would_write_by_hand():
    """So it runs the same native kernels: no layer adds an operation of its own, forwards or backwards."""
    model = tf.keras.Sequential(
        [
            tf.keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    weights = model.trainable_weights

    def by_hand(x):
        w1, b1, w2, b2, w3, b3 = weights
        h = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, w1, 1, "VALID") + b1), 2, 2, "VALID")
        h = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(h, w2, 1, "VALID") + b2), 2, 2, "VALID")
        return tf.matmul(tf.reshape(h, [-1, 1600]), w3) + b3

    def operations(forward):
        @tf.function
        def step(x):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(forward(x)))
            for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
                weight.assign_sub(0.1 * gradient)
            return loss

        concrete = step.get_concrete_function(tf.TensorSpec([8, 28, 28, 1]))
        return [node.primitive.name for node in concrete.optimized.operations]

    assert operations(model) == operations(by_hand)


WRONG = [
    (lambda: layers.Conv2D(4, 3, padding="casual"), "valid"),
    (lambda: layers.Conv2D(4, 3, padding="causal"), "Only Conv1D"),
    (lambda: layers.Conv2D(0, 3), "filters must be positive"),
    (lambda: layers.Conv2D(4, (3, 3, 3)), "kernel_size must be a number of 1 or more, or 2"),
    (lambda: layers.Conv2D(4, 0), "kernel_size"),
    (lambda: layers.Conv2D(4, 3, strides=2, dilation_rate=2), "both above 1"),
    (lambda: layers.Conv2D(4, 3, groups=3), "4 filters cannot be shared out among 3"),
    (lambda: layers.Conv2D(4, 3, groups=2)(tf.ones([1, 4, 4, 3])), "3 channels cannot be shared"),
    (lambda: layers.Conv2D(4, 3, data_format="NCHW"), "channels_first"),
    (lambda: layers.Conv2D(4, 3)(tf.ones([28, 28, 1])), "expects an input of rank 4"),
    (lambda: layers.Conv2D(4, 3).build((None, 28, 28, None)), "size of the last axis"),
    (lambda: layers.Conv2DTranspose(4, 3, strides=2, output_padding=2), "must be below strides"),
    (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "depth_multiplier must be positive"),
]


@pytest.mark.parametrize(("make", "words"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_what_cannot_be_is_refused_with_the_reason(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_other_channels_than_before_are_refused():
    layer = layers.Conv2D(4, 3)
    layer(tf.ones([1, 4, 4, 3]))
    with pytest.raises(ValueError, match="built for size 3 along axis -1"):
        layer(tf.ones([1, 4, 4, 1]))


def test_a_window_larger_than_the_image_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="does not fit"):
        layers.Conv2D(4, 5)(tf.ones([1, 4, 4, 3]))
