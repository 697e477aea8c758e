"""BatchNormalization, LayerNormalization and their kin against Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.keras.layer_witness import check_layer, floats, make_both
from tests.keras.witness import close, keras

X, STEPS, IMAGES = floats(6, 4), floats(2, 5, 3), floats(2, 4, 4, 6)
PRICED = {
    "beta_regularizer": "l2", "gamma_regularizer": "l1", "beta_constraint": "non_neg",
    "gamma_constraint": "unit_norm", "beta_initializer": "ones", "gamma_initializer": "he_normal",
}  # fmt: skip
BATCH: dict[str, tuple[dict[str, Any], np.ndarray]] = {
    "rows": ({}, X),
    "steps": ({"momentum": 0.8, "epsilon": 1e-2}, STEPS),
    "images": ({}, IMAGES),
    "channels first": ({"axis": 1}, IMAGES),
    "neither scale nor shift": ({"center": False, "scale": False}, X),
    "no shift": ({"center": False}, STEPS),
    "all settings": (
        {
            **PRICED, "gamma_initializer": "ones", "moving_mean_initializer": "ones",
            "moving_variance_initializer": "zeros",
        },
        X,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BATCH)
def test_batch_normalization_is_that_of_keras(case: str) -> None:
    arguments, x = BATCH[case]
    check_layer(("BatchNormalization", arguments), x, training=(False, True))


def test_batch_normalization_counts_only_the_steps_that_a_mask_leaves() -> None:
    mask = np.array([[1, 1, 0, 1, 0], [1, 0, 0, 0, 0]], bool)
    check_layer(("BatchNormalization", {}), STEPS, call={"mask": mask}, training=(False, True))
    x = STEPS.copy()
    x[~mask] = 0.0  # masked by Masking, the steps count as little
    ours = tf.keras.layers.BatchNormalization()
    ours(tf.keras.layers.Masking()(tf.constant(x)), training=True)
    close(ours.moving_mean, STEPS[mask].mean(0) * 0.01)
    with pytest.raises(ValueError, match="one axis less"):
        ours(tf.constant(STEPS), training=True, mask=tf.constant(mask[0]))


def test_a_frozen_batch_normalization_uses_and_keeps_its_averages() -> None:
    ours, theirs = make_both(("BatchNormalization", {}))
    for layer in (ours, theirs):
        layer.build((None, 4))
        layer.set_weights([w + np.float32(0.5) for w in layer.get_weights()])
        layer.trainable = False
    before = ours.get_weights()
    close(ours(X, training=True), theirs(X, training=True))
    close(ours.get_weights(), before)
    assert not ours.trainable_weights and len(ours.non_trainable_weights) == 4


def test_batch_normalization_over_several_batches_eager_and_compiled() -> None:
    ours, theirs = make_both(("BatchNormalization", {"momentum": 0.9}))
    step = tf.function(lambda x: ours(x, training=True))
    for seed in range(4):
        x = floats(6, 4, seed=seed)
        run = step if seed % 2 else lambda x: ours(x, training=True)
        close(run(tf.constant(x)), theirs(x, training=True))
    close(ours.get_weights(), theirs.get_weights())


def test_batches_of_any_size_in_one_compiled_program() -> None:
    layer = tf.keras.layers.BatchNormalization(axis=1, momentum=0.5, epsilon=0.0)
    layer.build((None, 3, None))
    run = tf.function(
        lambda x: layer(x, training=True), input_signature=[tf.TensorSpec([None, 3, None])]
    )
    mean = np.zeros(3)
    for shape in ((4, 3, 2), (2, 3, 5)):
        x = floats(*shape)
        own = x.mean((0, 2), keepdims=True)
        close(run(tf.constant(x)), (x - own) / x.std((0, 2), keepdims=True))
        mean = mean * 0.5 + own.ravel() * 0.5
    close(layer.moving_mean, mean)


def test_integers_are_normalized_as_floats() -> None:
    x = np.array([[1, 2, 6]], np.int32)
    for name in (
        "BatchNormalization",
        "LayerNormalization",
        "RMSNormalization",
        "UnitNormalization",
    ):
        layer = getattr(tf.keras.layers, name)()
        found = layer(x)
        assert found.dtype == tf.float32, name
        close(found, getattr(tf.keras.layers, name)()(x.astype(np.float32)))


def test_batch_normalization_in_mixed_precision_computes_in_float32() -> None:
    ours, theirs = make_both(("BatchNormalization", {"dtype": "mixed_float16"}))
    big = X * np.float32(300)  # squares do not fit float16
    found, expected = ours(big, training=True), theirs(big, training=True)
    assert found.dtype == tf.float16 and ours.moving_mean.dtype == tf.float32
    close(tf.cast(found, "float32"), np.asarray(expected).astype("f"), 2e-3)
    close(ours.get_weights(), theirs.get_weights(), 1e-3)


def test_second_derivatives_of_batch_normalization() -> None:
    """The derivative of the squared length of the gradient, against central differences in float64."""
    layer = tf.keras.layers.BatchNormalization(dtype="float64")
    weight = tf.constant(floats(6, 4, seed=1).astype("float64"))

    def slope(x: Any) -> Any:
        with tf.GradientTape() as inner:
            inner.watch(x)
            out = tf.reduce_sum(layer(x, training=True) ** 3 * weight)
        return tf.reduce_sum(inner.gradient(out, x) ** 2)

    x = tf.constant(X.astype("float64"))
    with tf.GradientTape() as outer:
        outer.watch(x)
        value = slope(x)
    found = outer.gradient(value, x).numpy()
    for place in ((0, 0), (3, 2)):
        step = np.zeros(X.shape)
        step[place] = 1e-5
        high, low = (float(slope(tf.constant(X + sign * step))) for sign in (1, -1))
        np.testing.assert_allclose(found[place], (high - low) / 2e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["BatchNormalization", "LayerNormalization", "GroupNormalization"])
def test_a_step_forwards_and_back_is_one_kernel(name: str) -> None:
    layer = getattr(tf.keras.layers, name)(**({"groups": 4} if name.startswith("G") else {}))
    layer.build((None, 16))

    @tf.function(jit_compile=True)
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.nn.relu(layer(x, training=True)) * x)
        return tape.gradient(loss, [x, layer.gamma, layer.beta])

    x = tf.constant(floats(64, 16))
    step(x)
    concrete = step.get_concrete_function(x)
    assert [kernel.name for kernel in concrete.kernels] == ["fused_0"]
    assert "np." not in str(concrete.source)  # nothing is left to NumPy


def test_what_batch_normalization_refuses() -> None:
    for name in ("renorm", "synchronized"):
        with pytest.raises(ValueError, match=name):
            tf.keras.layers.BatchNormalization(**{name: True})
    layer = tf.keras.layers.BatchNormalization()
    with pytest.raises(ValueError, match="size of the last axis"):
        layer.build((None, None))
    layer.build((None, 4))
    with pytest.raises(ValueError, match="size 4 along axis -1"):
        layer(tf.ones([2, 3]))


OTHERS: dict[str, tuple[str, dict[str, Any], np.ndarray]] = {
    "layer": ("LayerNormalization", {}, STEPS),
    "layer, axis 1": ("LayerNormalization", {"axis": 1, "epsilon": 1e-2}, STEPS),
    "layer, two axes": ("LayerNormalization", {"axis": [-1, -2]}, STEPS),
    "layer, axes apart": ("LayerNormalization", {"axis": (1, 3)}, IMAGES),
    "layer, no shift": ("LayerNormalization", {"center": False}, X),
    "layer, no scale": ("LayerNormalization", {"scale": False}, X),
    "layer, all settings": ("LayerNormalization", {**PRICED, "gamma_initializer": "ones"}, X),
    "layer, rms_scaling": ("LayerNormalization", {"rms_scaling": True, "scale": False}, X),
    "group": ("GroupNormalization", {"groups": 3}, IMAGES),
    "group, each channel": ("GroupNormalization", {"groups": -1, "epsilon": 1e-2}, IMAGES),
    "group, axis 1": ("GroupNormalization", {"groups": 2, "axis": 1}, IMAGES),
    "group, axis -2": ("GroupNormalization", {"groups": 2, "axis": -2}, IMAGES),
    "group of rows": (
        "GroupNormalization",
        {"groups": 2, **PRICED, "gamma_initializer": "ones"},
        X,
    ),
    "group, neither": ("GroupNormalization", {"groups": 1, "center": False, "scale": False}, STEPS),
    "rms": ("RMSNormalization", {}, STEPS),
    "rms, two axes": ("RMSNormalization", {"axis": [2, 1], "epsilon": 1e-2}, STEPS),
    "unit": ("UnitNormalization", {}, STEPS),
    "unit, two axes": ("UnitNormalization", {"axis": (1, 2)}, STEPS),
}


@pytest.mark.filterwarnings("ignore:You passed .rms_scaling")
@pytest.mark.parametrize("case", OTHERS)
def test_the_layer_is_the_one_of_keras(case: str) -> None:
    name, arguments, x = OTHERS[case]
    check_layer((name, arguments), x, tolerance=5e-5)


@pytest.mark.parametrize("name", ["LayerNormalization", "GroupNormalization", "RMSNormalization"])
def test_16_bits_are_widened_for_the_moments(name: str) -> None:
    arguments = {"groups": 2} if name == "GroupNormalization" else {}
    ours, theirs = make_both((name, {**arguments, "dtype": "mixed_float16"}))
    big = X * np.float32(300)
    found = ours(big)
    assert found.dtype == tf.float16
    close(tf.cast(found, "float32"), np.asarray(theirs(big)).astype("f"), 2e-3)


def test_rms_normalization_of_another_axis_scales_that_axis() -> None:
    layer = tf.keras.layers.RMSNormalization(axis=1, epsilon=0.0)
    layer.build((None, 5, 3))
    scale = floats(5, low=0.5)
    layer.set_weights([scale])
    length = np.sqrt((STEPS**2).mean(1, keepdims=True))
    close(layer(STEPS), STEPS / length * scale[:, None])


def test_the_length_of_nothing_divides_nothing() -> None:
    for dtype in ("float32", "float16"):
        out = tf.keras.layers.UnitNormalization(dtype=dtype)(tf.zeros([1, 3]))
        assert out.numpy().tolist() == [[0, 0, 0]]


def test_a_group_of_steps_of_unknown_number() -> None:
    layer = tf.keras.layers.GroupNormalization(groups=3)
    theirs = keras.layers.GroupNormalization(groups=3)
    run = tf.function(lambda x: layer(x), input_signature=[tf.TensorSpec([None, None, 6])])
    x = floats(2, 5, 6)
    close(run(tf.constant(x)), theirs(x))
    assert layer.compute_output_shape((None, None, 6)) == (None, None, 6)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("GroupNormalization", {"groups": 0}, "positive integer"),
        ("GroupNormalization", {"groups": 1.5}, "positive integer"),
        ("GroupNormalization", {"groups": 3}, "4 channels cannot be divided into 3"),
        ("GroupNormalization", {"groups": 8}, "4 channels cannot be divided into 8"),
        ("LayerNormalization", {"axis": "last"}, "must be an integer"),
        ("LayerNormalization", {"axis": [1, 2]}, "has no axis 2"),
        ("BatchNormalization", {"axis": -3}, "has no axis -3"),
        ("UnitNormalization", {"axis": 1.0}, "must be an integer"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        getattr(tf.keras.layers, name)(**arguments)(X)


def spectral(k: Any) -> Any:
    return k.layers.SpectralNormalization(k.layers.Dense(3, name="inside"), power_iterations=2)


def test_spectral_normalization_is_that_of_keras() -> None:
    """Gradients in training differ: Keras on JAX differentiates the division of the kernel too."""
    check_layer(spectral, X, training=(False,))
    ours, theirs = make_both(spectral)
    theirs(X)
    ours(X)
    ours.set_weights(theirs.get_weights())
    step = tf.function(lambda x: ours(x, training=True))
    for run in (lambda x: ours(x, training=True), step, step):
        close(run(tf.constant(X)), theirs(X, training=True), 1e-4)
        close(ours.get_weights(), theirs.get_weights(), 1e-4)


def test_spectral_normalization_finds_the_largest_singular_value() -> None:
    layer = tf.keras.layers.SpectralNormalization(tf.keras.layers.Dense(3), power_iterations=100)
    layer.build((None, 4))
    kernel = floats(4, 3)
    layer.layer.kernel.assign(kernel)
    layer(X, training=True)
    close(layer.layer.kernel, kernel / np.linalg.svd(kernel)[1][0], 1e-5)


def test_spectral_normalization_of_embeddings_and_of_zeros() -> None:
    table = tf.keras.layers.SpectralNormalization(tf.keras.layers.Embedding(3, 2))
    assert table(tf.constant([[0, 2]]), training=True).shape == (1, 2, 2)
    zeros = tf.keras.layers.SpectralNormalization(
        tf.keras.layers.Dense(3, kernel_initializer="zeros")
    )
    assert zeros(X, training=True).numpy().tolist() == np.zeros((6, 3)).tolist()
    with pytest.raises(ValueError, match="no 'kernel'"):
        tf.keras.layers.SpectralNormalization(tf.keras.layers.ReLU())(X)
    with pytest.raises(ValueError, match="power_iterations"):
        tf.keras.layers.SpectralNormalization(tf.keras.layers.Dense(3), power_iterations=0)
