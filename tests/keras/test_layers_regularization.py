"""Dropout and noise: their statistics, seeds and configs; ActivityRegularization against Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.keras.layer_witness import check_layer, floats, make_both
from tests.keras.witness import same_config

X, STEPS = floats(4, 3), floats(2, 5, 3)
CASES: dict[str, tuple[str, dict[str, Any], np.ndarray]] = {
    "dropout": ("Dropout", {"rate": 0.3}, X),
    "dropout, all settings": ("Dropout", {"rate": 0.3, "noise_shape": [4, 1], "seed": 7}, X),
    "alpha": ("AlphaDropout", {"rate": 0.2, "seed": 1}, X),
    "alpha, shared": ("AlphaDropout", {"rate": 0.2, "noise_shape": (4, 1)}, X),
    "gaussian dropout": ("GaussianDropout", {"rate": 0.2, "seed": 1}, X),
    "gaussian noise": ("GaussianNoise", {"stddev": 0.2, "seed": 1}, X),
    "spatial 1": ("SpatialDropout1D", {"rate": 0.2, "seed": 1}, STEPS),
    "spatial 2": (
        "SpatialDropout2D",
        {"rate": 0.2, "data_format": "channels_first"},
        floats(2, 2, 2, 3),
    ),
    "spatial 3": ("SpatialDropout3D", {"rate": 0.2}, floats(2, 2, 2, 2, 3)),
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_happens_outside_of_training(case: str) -> None:
    name, arguments, x = CASES[case]
    ours, _ = check_layer((name, arguments), x, training=(None, False))
    np.testing.assert_array_equal(ours(x).numpy(), x)
    assert not ours.weights and len(ours.variables) == 1  # the state of the generator


@pytest.mark.parametrize("name", ["Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise"])
def test_nothing_happens_at_rate_zero(name: str) -> None:
    check_layer((name, {"stddev" if name == "GaussianNoise" else "rate": 0.0}), X, training=(True,))


@pytest.mark.parametrize("l1, l2", [(0.1, 0.0), (0.0, 0.2), (0.1, 0.2)])
def test_activity_regularization_is_that_of_keras(l1: float, l2: float) -> None:
    check_layer(("ActivityRegularization", {"l1": l1, "l2": l2}), STEPS)


ONES = tf.ones([200, 100])


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    out = tf.keras.layers.Dropout(0.3, seed=5)(ONES, training=True).numpy()
    assert set(np.unique(out)) == {np.float32(0), np.float32(1 / 0.7)}
    # 20,000 draws: the standard error of the share is 0.0032.
    assert abs((out == 0).mean() - 0.3) < 0.013
    # Rows and columns are dropped alike, and independently of one another.
    zeros = out == 0
    assert zeros.mean(0).min() > 0.15 and zeros.mean(1).max() < 0.55
    assert abs(np.corrcoef(zeros[:, 0], zeros[:, 1])[0, 1]) < 0.3


def test_dropout_of_everything() -> None:
    out = tf.keras.layers.Dropout(1.0)(ONES, training=True)
    assert not out.numpy().any()


def test_a_gradient_passes_where_the_input_did() -> None:
    x = tf.constant(X)
    layer = tf.keras.layers.Dropout(0.5, seed=2)
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = layer(x, training=True)
    np.testing.assert_array_equal(
        tape.gradient(out, x).numpy(), np.where(out.numpy() != 0, 2.0, 0.0)
    )


def test_noise_shape_shares_decisions() -> None:
    x = tf.ones([8, 50, 6])
    out = tf.keras.layers.Dropout(0.5, noise_shape=(None, 1, None), seed=3)(
        x, training=True
    ).numpy()
    assert (out == out[:, :1]).all() and 0 < (out[:, 0] == 0).mean() < 1
    alpha = tf.keras.layers.AlphaDropout(0.5, noise_shape=(8, 1, 6), seed=3)(
        x, training=True
    ).numpy()
    assert (alpha == alpha[:, :1]).all() and len(np.unique(alpha)) == 2


@pytest.mark.parametrize(
    ("name", "arguments", "shape", "shared"),
    [
        ("SpatialDropout1D", {}, (6, 5, 8), (1,)),
        ("SpatialDropout2D", {}, (6, 5, 4, 8), (1, 2)),
        ("SpatialDropout2D", {"data_format": "channels_first"}, (6, 8, 5, 4), (2, 3)),
        ("SpatialDropout3D", {}, (6, 2, 3, 4, 8), (1, 2, 3)),
        ("SpatialDropout3D", {"data_format": "channels_first"}, (6, 8, 2, 3, 4), (2, 3, 4)),
    ],
)
def test_spatial_dropout_drops_whole_channels(
    name: str, arguments: dict[str, Any], shape: tuple[int, ...], shared: tuple[int, ...]
) -> None:
    layer = getattr(tf.keras.layers, name)(0.4, seed=1, **arguments)
    out = layer(tf.ones(shape), training=True).numpy()
    assert (out == out.max(shared, keepdims=True)).all()
    dropped = (out.max(shared) == 0).mean()
    assert 0.1 < dropped < 0.7  # 48 channels
    with pytest.raises(ValueError, match=f"rank {len(shape)}"):
        layer(tf.ones([2, 2]))


@pytest.mark.parametrize("name", ["AlphaDropout", "GaussianDropout", "GaussianNoise"])
def test_noise_keeps_mean_and_variance_as_documented(name: str) -> None:
    x = np.random.default_rng(0).normal(size=(400, 100)).astype(np.float32)
    amount = {"AlphaDropout": 0.3, "GaussianDropout": 0.3, "GaussianNoise": 0.5}[name]
    out = getattr(tf.keras.layers, name)(amount, seed=4)(tf.constant(x), training=True).numpy()
    # x has variance 1: noise adds stddev^2, a factor of variance v multiplies it by 1 + v.
    variance = {"AlphaDropout": 1.0, "GaussianDropout": 1 + 0.3 / 0.7, "GaussianNoise": 1.25}[name]
    assert abs(out.mean()) < 0.03 and abs(out.var() - variance) < 0.05
    if name == "GaussianNoise":
        assert abs((out - x).std() - 0.5) < 0.01 and abs((out - x).mean()) < 0.01
    if name == "GaussianDropout":
        ratio = (out / x)[np.abs(x) > 0.1]
        assert abs(ratio.mean() - 1) < 0.02 and abs(ratio.std() - np.sqrt(0.3 / 0.7)) < 0.02
    if name == "AlphaDropout":
        dropped = np.unique(out, return_counts=True)[1].max()  # all of them to one value
        assert abs(dropped / out.size - 0.3) < 0.013


DRAWING = {
    "Dropout": 0.5, "AlphaDropout": 0.5, "GaussianDropout": 0.5, "GaussianNoise": 0.5,
    "SpatialDropout1D": 0.5,
}  # fmt: skip


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("name", DRAWING)
def test_the_same_seed_draws_the_same_and_each_call_draws_anew(name: str, graph: bool) -> None:
    x = tf.constant(floats(8, 9, 10))

    def calls(seed: int | None) -> list[np.ndarray]:
        layer = getattr(tf.keras.layers, name)(DRAWING[name], seed=seed)
        run = tf.function(lambda x: layer(x, training=True)) if graph else layer
        arguments = {} if graph else {"training": True}
        return [run(x, **arguments).numpy() for _ in range(3)]

    first, second, other = calls(3), calls(3), calls(4)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], first[1]) and not np.array_equal(first[1], first[2])
    assert not np.array_equal(first[0], other[0])
    tf.random.set_seed(1)
    unseeded = calls(None)
    tf.random.set_seed(1)
    np.testing.assert_array_equal(unseeded[0], calls(None)[0])


def test_eager_and_graph_draw_the_same() -> None:
    eager, traced = (tf.keras.layers.Dropout(0.5, seed=9) for _ in range(2))
    compiled = tf.function(lambda x: traced(x, training=True))
    for _ in range(2):
        np.testing.assert_array_equal(eager(ONES, training=True).numpy(), compiled(ONES).numpy())


def test_a_batch_of_unknown_size() -> None:
    layer = tf.keras.layers.SpatialDropout1D(0.5, seed=1)
    run = tf.function(
        lambda x: layer(x, training=True), input_signature=[tf.TensorSpec([None, None, 3])]
    )
    out = run(tf.ones([4, 6, 3])).numpy()
    assert (out == out[:, :1]).all() and set(np.unique(out)) == {0, 2}


def test_dropout_in_16_bits() -> None:
    for name in ("Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise"):
        layer = getattr(tf.keras.layers, name)(0.5, seed=1, dtype="float16")
        assert layer(tf.ones([3, 4]), training=True).dtype == tf.float16, name


def test_masks_pass_through() -> None:
    masked = tf.keras.layers.Masking()(tf.constant(STEPS))
    for name in ("Dropout", "GaussianNoise", "ActivityRegularization"):
        layer = getattr(tf.keras.layers, name)(0.1)
        assert (
            layer(masked)._keras_mask is masked._keras_mask
            or (layer(masked)._keras_mask.numpy() == masked._keras_mask.numpy()).all()
        )


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("Dropout", (1.5,), "rate must be between 0 and 1, not 1.5"),
        ("Dropout", (-0.1,), "rate must be between"),
        ("AlphaDropout", (2,), "rate must be between"),
        ("GaussianDropout", (1,), "no value at rate 1"),
        ("GaussianNoise", (-1.0,), "stddev must be between"),
        ("Dropout", (0.5, "12"), "noise_shape"),
        ("Dropout", (0.5, (0, 2)), "noise_shape"),
        ("Dropout", (0.5, (1.0,)), "noise_shape"),
        ("SpatialDropout2D", (0.5, "last"), "channels_last"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, arguments: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        getattr(tf.keras.layers, name)(*arguments)


def test_configs_of_layers_with_a_dtype_of_their_own() -> None:
    for name in ("Dropout", "SpatialDropout1D"):
        same_config(*make_both((name, {"rate": 0.1, "dtype": "float16", "name": "d"})))
