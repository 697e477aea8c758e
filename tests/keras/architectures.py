"""Models that are built alike from the keras namespace of either package, each with data for one call.

The layers are those of SPEC's list; what matters here is how they are put together and stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_random = np.random.default_rng(7)


def floats(*shape: int) -> np.ndarray:
    return _random.normal(size=shape).astype(np.float32)


def whole(high: int, *shape: int) -> np.ndarray:
    return _random.integers(0, high, shape).astype(np.int32)


ARCHITECTURES: dict[str, tuple[Callable[[Any], Any], Any]] = {}


def architecture(*inputs: Any) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    def register(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
        ARCHITECTURES[make.__name__] = (make, inputs[0] if len(inputs) == 1 else list(inputs))
        return make

    return register


@architecture(floats(3, 1))
def line(k: Any) -> Any:
    return k.Sequential([k.Input((1,)), k.layers.Dense(1)])


@architecture(floats(3, 5))
def perceptron(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((5,)),
            layers.Dense(8, activation="gelu", kernel_regularizer="l2"),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax", use_bias=False, kernel_initializer="he_normal"),
        ]
    )


@architecture(floats(3, 6))
def batch_normalization(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [k.Input((6,)), layers.Dense(4), layers.BatchNormalization(), layers.Activation("relu")]
    )


@architecture(floats(3, 6))
def other_normalizations(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((6,)),
            layers.LayerNormalization(epsilon=1e-4),
            layers.GroupNormalization(groups=3),
            layers.UnitNormalization(),
        ]
    )


@architecture(floats(2, 8, 8, 1))
def convolutional(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(3, 2, padding="same", strides=2),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


@architecture(floats(2, 6, 6, 4))
def depthwise_and_separable(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((6, 6, 4)),
            layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2),
            layers.SeparableConv2D(3, 2),
            layers.GlobalAveragePooling2D(),
        ]
    )


@architecture(floats(2, 4, 4, 3))
def autoencoder(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((4, 4, 3)),
            layers.Conv2D(4, 3, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.1),
            layers.Conv2DTranspose(3, 3, strides=2, padding="same"),
            layers.ZeroPadding2D(1),
            layers.Cropping2D(((1, 0), (0, 1))),
            layers.UpSampling2D(2),
        ]
    )


@architecture(floats(2, 9, 3))
def convolutions_in_time(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((9, 3)),
            layers.Conv1D(4, 3, padding="causal", dilation_rate=2),
            layers.PReLU(shared_axes=[1]),
            layers.AveragePooling1D(2),
            layers.GlobalMaxPooling1D(),
        ]
    )


@architecture(floats(1, 4, 4, 4, 1))
def convolution_in_space(k: Any) -> Any:
    layers = k.layers
    return k.Sequential([k.Input((4, 4, 4, 1)), layers.Conv3D(2, 2), layers.MaxPooling3D(2)])


@architecture(floats(3, 8), floats(3, 8))
def shared_layer(k: Any) -> Any:
    layers = k.layers
    a, b = k.Input((8,), name="a"), k.Input((8,), name="b")
    shared = layers.Dense(4, activation="relu")
    return k.Model([a, b], layers.Dense(1)(layers.Concatenate()([shared(a), shared(b)])))


@architecture(floats(3, 4))
def residual(k: Any) -> Any:
    layers = k.layers
    x = k.Input((4,))
    h = x
    for _ in range(3):
        h = layers.Add()([h, layers.Dense(4, activation="tanh")(h)])
    return k.Model(x, layers.Dense(2)(h))


@architecture(floats(3, 4))
def several_outputs(k: Any) -> Any:
    layers = k.layers
    x = k.Input((4,), name="features")
    h = layers.Dense(5, activation="elu", name="trunk")(x)
    outputs = {"score": layers.Dense(1, name="score")(h), "kind": layers.Dense(3, name="kind")(h)}
    return k.Model(x, outputs)


@architecture({"left": floats(3, 4), "right": floats(3, 2)})
def inputs_by_name(k: Any) -> Any:
    layers = k.layers
    inputs = {"left": k.Input((4,), name="left"), "right": k.Input((2,), name="right")}
    joined = layers.Concatenate()([inputs["left"], inputs["right"]])
    return k.Model(inputs, layers.Dense(2)(joined))


@architecture(floats(3, 4))
def operators(k: Any) -> Any:
    x = k.Input((4,))
    h = k.layers.Dense(4)(x)
    return k.Model(x, [h * 2.0 + x, (h - 1.0) / 3.0, -h[:, 1:3]])


@architecture(floats(3, 4))
def model_in_a_model(k: Any) -> Any:
    layers = k.layers
    inner = k.Sequential([k.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)])
    x = k.Input((4,))
    second = k.Model(x, [layers.Dense(2)(x), layers.Dense(2)(x)])
    y = k.Input((4,))
    a, b = second(y)
    return k.Model(y, layers.Dense(1)(layers.Maximum()([inner(y), layers.Multiply()([a, b])])))


@architecture(floats(3, 4))
def same_model_twice(k: Any) -> Any:
    layers = k.layers
    tower = k.Sequential([k.Input((4,)), layers.Dense(4, activation="relu")])
    x = k.Input((4,))
    return k.Model(x, layers.Subtract()([tower(tower(x)), tower(x)]))


@architecture(whole(10, 3, 6))
def embedded_mean(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((6,), dtype="int32"),
            layers.Embedding(10, 4, mask_zero=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


@architecture(floats(2, 5, 3))
def lstm(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [k.Input((5, 3)), layers.LSTM(4, return_sequences=True), layers.LSTM(3), layers.Dense(1)]
    )


@architecture(whole(10, 3, 6))
def masked_gru(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((None,), dtype="int32"),
            layers.Embedding(10, 4, mask_zero=True),
            layers.GRU(3, recurrent_dropout=0.1),
        ]
    )


@architecture(floats(2, 5, 3))
def bidirectional(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((5, 3)),
            layers.Masking(0.0),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            layers.Bidirectional(layers.SimpleRNN(2), merge_mode="sum"),
        ]
    )


@architecture(floats(2, 5, 3))
def time_distributed(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((5, 3)),
            layers.TimeDistributed(layers.Dense(4)),
            layers.Reshape((4, 5)),
            layers.Permute((2, 1)),
            layers.SimpleRNN(2),
            layers.RepeatVector(2),
        ]
    )


@architecture(floats(2, 5, 3))
def encoder_and_decoder(k: Any) -> Any:
    layers = k.layers
    x = k.Input((5, 3))
    _, hidden, cell = layers.LSTM(4, return_state=True)(x)
    decoded = layers.LSTM(4, return_sequences=True)(x, initial_state=[hidden, cell])
    return k.Model(x, layers.Dense(2)(decoded))


@architecture(floats(2, 5, 8))
def transformer_block(k: Any) -> Any:
    layers = k.layers
    x = k.Input((5, 8))
    attended = layers.MultiHeadAttention(2, 4, dropout=0.1)(x, x, use_causal_mask=True)
    h = layers.LayerNormalization()(layers.Add()([x, attended]))
    h = layers.Dense(8)(layers.Dense(16, activation="relu")(h))
    return k.Model(x, h)


@architecture(floats(2, 5, 4), floats(2, 6, 4))
def attention(k: Any) -> Any:
    layers = k.layers
    query, value = k.Input((5, 4)), k.Input((6, 4))
    found = layers.Attention(use_scale=True)([query, value])
    return k.Model([query, value], layers.AdditiveAttention()([found, value]))


@architecture(floats(4, 3))
def adapted_normalization(k: Any) -> Any:
    layer = k.layers.Normalization()
    layer.adapt(np.random.default_rng(3).normal(2.0, 3.0, (50, 3)).astype(np.float32))
    return k.Sequential([k.Input((3,)), layer, k.layers.Dense(1)])


@architecture(floats(2, 4, 4, 1))
def images_prepared(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((4, 4, 1)),
            layers.Rescaling(1 / 255.0, offset=-0.5),
            layers.GaussianNoise(0.1),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )


@architecture(floats(3, 4))
def regularized(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((4,)),
            layers.Dense(
                3,
                kernel_regularizer=k.regularizers.L1L2(0.01, 0.02),
                kernel_constraint=k.constraints.MaxNorm(2.0),
                bias_initializer=k.initializers.Constant(0.5),
            ),
            layers.ActivityRegularization(l2=0.1),
        ]
    )


@architecture(floats(3, 4))
def frozen(k: Any) -> Any:
    layers = k.layers
    model = k.Sequential([k.Input((4,)), layers.Dense(3), layers.Dense(2)])
    model.layers[0].trainable = False
    return model


@architecture(floats(3, 4, 2))
def einsum(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((4, 2)),
            layers.EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d"),
            layers.Softmax(axis=1),
        ]
    )


@architecture(floats(3, 4))
def features_of_a_model(k: Any) -> Any:
    """A layer in the middle of one model is the output of a second, which is a part of a third."""
    x = k.Input((4,))
    hidden = k.layers.Dense(5, activation="tanh")(x)
    k.Model(x, k.layers.Dense(2)(hidden))
    features = k.Model([x], [hidden], name="features")
    outer = k.Input((4,))
    return k.Model(outer, [features(outer)])


@architecture(floats(3, 4))
def model_in_a_sequential(k: Any) -> Any:
    x = k.Input((4,))
    features = k.Model(x, k.layers.Dense(5, activation="relu")(x), name="features")
    return k.Sequential([features, k.layers.Dense(2)])
