"""tf.keras.initializers: moments and bounds by formula and beside Keras's samples; seeds; names; configs."""

from __future__ import annotations

import math

import numpy as np
import pytest

import engine as tf
from engine.keras import initializers
from tests.keras.witness import keras, same_config

SHAPE = (50, 40, 30)  # a window of 50 taps, 40 in, 30 out
FAN_IN, FAN_OUT = 50 * 40, 50 * 30
AVERAGE = (FAN_IN + FAN_OUT) / 2
CUT = 0.87962566103423978  # what is left of the deviation when the tails beyond two are cut
# name, arguments, mean, deviation, bound on |x - mean| (None: none)
DRAWN = [
    ("RandomNormal", {}, 0.0, 0.05, None),
    ("RandomNormal", {"mean": 3.0, "stddev": 2.0}, 3.0, 2.0, None),
    ("TruncatedNormal", {}, 0.0, 0.05 * CUT, 0.1),
    ("TruncatedNormal", {"mean": 1.0, "stddev": 2.0}, 1.0, 2.0 * CUT, 4.0),
    ("RandomUniform", {}, 0.0, 0.1 / math.sqrt(12), 0.05),
    ("RandomUniform", {"minval": 0.0, "maxval": 4.0}, 2.0, 4 / math.sqrt(12), 2.0),
    ("GlorotUniform", {}, 0.0, math.sqrt(1 / AVERAGE), math.sqrt(3 / AVERAGE)),
    ("GlorotNormal", {}, 0.0, math.sqrt(1 / AVERAGE), 2 * math.sqrt(1 / AVERAGE) / CUT),
    ("HeUniform", {}, 0.0, math.sqrt(2 / FAN_IN), math.sqrt(6 / FAN_IN)),
    ("HeNormal", {}, 0.0, math.sqrt(2 / FAN_IN), 2 * math.sqrt(2 / FAN_IN) / CUT),
    ("LecunUniform", {}, 0.0, math.sqrt(1 / FAN_IN), math.sqrt(3 / FAN_IN)),
    ("LecunNormal", {}, 0.0, math.sqrt(1 / FAN_IN), 2 * math.sqrt(1 / FAN_IN) / CUT),
    ("VarianceScaling", {}, 0.0, math.sqrt(1 / FAN_IN), 2 * math.sqrt(1 / FAN_IN) / CUT),
    (
        "VarianceScaling",
        {"scale": 3.0, "mode": "fan_out", "distribution": "untruncated_normal"},
        0.0, math.sqrt(3 / FAN_OUT), None,
    ),
    (
        "VarianceScaling",
        {"scale": 0.5, "mode": "fan_avg", "distribution": "uniform"},
        0.0, math.sqrt(0.5 / AVERAGE), math.sqrt(1.5 / AVERAGE),
    ),
    (
        "VarianceScaling",
        {"distribution": "normal", "input_axes": [0], "output_axes": [1, 2]},
        0.0, math.sqrt(1 / 50), 2 * math.sqrt(1 / 50) / CUT,
    ),
]  # fmt: skip
IDS = [f"{name} {arguments}" for name, arguments, *_ in DRAWN]


@pytest.mark.parametrize(("name", "arguments", "mean", "deviation", "bound"), DRAWN, ids=IDS)
def test_moments_and_bounds(name, arguments, mean, deviation, bound) -> None:
    ours = getattr(initializers, name)(**arguments, seed=1)(SHAPE).numpy().astype("float64")
    theirs = np.asarray(getattr(keras.initializers, name)(**arguments, seed=1)(SHAPE), "float64")
    assert ours.shape == SHAPE
    for sample, who in ((ours, "here"), (theirs, "Keras")):
        error = 5 * deviation / math.sqrt(sample.size)
        assert abs(sample.mean() - mean) < error, (who, sample.mean())
        assert abs(sample.std() - deviation) < error, (who, sample.std())
        if bound is not None:
            assert np.abs(sample - mean).max() <= bound * (1 + 1e-6), who
            assert np.abs(sample - mean).max() > bound * 0.99, who
        else:
            assert np.abs(sample - mean).max() > 3.5 * deviation, who
    # The whole distribution, not its moments alone: the same share below each of Keras's deciles.
    shares = [(ours < q).mean() for q in np.quantile(theirs, np.arange(0.1, 1, 0.1))]
    np.testing.assert_allclose(shares, np.arange(0.1, 1, 0.1), atol=0.012)


@pytest.mark.parametrize(
    "shape", [(), (7,), (3, 4), (3, 3, 2, 5), (2, 2, 2, 3, 4)], ids=lambda s: f"rank {len(s)}"
)
def test_fans_are_those_of_keras(shape) -> None:
    from keras.src.initializers.random_initializers import compute_fans

    assert initializers.fans(shape) == compute_fans(shape)


CONFIGS = [
    *((name, arguments) for name, arguments, *_ in DRAWN),
    ("Zeros", {}),
    ("Ones", {}),
    ("Constant", {}),
    ("Constant", {"value": 2.5}),
    ("Identity", {}),
    ("GlorotUniform", {"input_axes": [0], "output_axes": [1]}),
    ("Orthogonal", {"gain": 0.5}),
]


@pytest.mark.parametrize(("name", "arguments"), CONFIGS, ids=[f"{n} {a}" for n, a in CONFIGS])
def test_the_config_is_that_of_keras_and_makes_the_same_again(name, arguments) -> None:
    ours = getattr(initializers, name)(**arguments)
    theirs = getattr(keras.initializers, name)(**arguments)
    same_config(ours, theirs)
    copy = initializers.deserialize(keras.initializers.serialize(theirs))
    assert type(copy) is type(ours)
    same_config(copy, theirs)
    same_config(ours.clone(), theirs)
    if isinstance(ours, initializers.RandomInitializer):
        seeded = {**arguments, "seed": 42}
        ours, theirs = type(ours)(**seeded), type(theirs)(**seeded)
        same_config(ours, theirs)
        copy = initializers.get(initializers.serialize(ours))
        np.testing.assert_array_equal(copy((4, 3, 2)).numpy(), ours((4, 3, 2)).numpy())


def test_the_gain_of_identity_is_kept_which_keras_forgets() -> None:
    config = initializers.serialize(initializers.Identity(3.0))
    assert initializers.get(config).gain == 3.0
    assert keras.initializers.get(config).gain == 3.0


@pytest.mark.parametrize("name", ["zeros", "ones", "constant", "identity"])
def test_those_without_chance_are_keras_values(name: str) -> None:
    for dtype in ("float32", "float16", "int32"):
        for arguments in [{}, {"value": 3}, {"gain": 2.0}]:
            if arguments and next(iter(arguments)) != {"constant": "value", "identity": "gain"}.get(
                name
            ):
                continue
            if name == "identity" and dtype == "int32":
                continue
            ours = getattr(initializers, name)(**arguments)((3, 2), dtype).numpy()
            theirs = np.asarray(getattr(keras.initializers, name)(**arguments)((3, 2), dtype))
            np.testing.assert_array_equal(ours, theirs)
            assert ours.dtype == theirs.dtype


@pytest.mark.parametrize("shape", [(5, 5), (6, 3), (3, 6), (2, 2, 3, 4)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_orthogonal(shape, dtype) -> None:
    made = initializers.Orthogonal(gain=2.0, seed=3)(shape, dtype)
    assert made.shape == shape and made.dtype == dtype
    matrix = made.numpy().astype("float64").reshape(-1, shape[-1]) / 2
    small = matrix.T if matrix.shape[0] < matrix.shape[1] else matrix
    tolerance = {"float32": 1e-6, "float64": 1e-13, "bfloat16": 2e-2}[dtype]
    np.testing.assert_allclose(small.T @ small, np.eye(small.shape[1]), atol=tolerance)


def test_orthogonal_matrices_are_all_equally_likely() -> None:
    """Under the uniform (Haar) measure the trace of an n by n matrix has mean 0 and variance 1."""
    source = tf.keras.random.SeedGenerator(1)
    make = initializers.Orthogonal(seed=source)
    traces = np.array([np.trace(make((4, 4)).numpy()) for _ in range(400)])
    assert abs(traces.mean()) < 4 / math.sqrt(400)
    assert abs(traces.var() - 1) < 4 * math.sqrt(2 / 400)


def test_seeds() -> None:
    shape = (3, 4)
    seeded = initializers.GlorotUniform(seed=5)
    first = seeded(shape).numpy()
    np.testing.assert_array_equal(seeded(shape).numpy(), first)
    np.testing.assert_array_equal(initializers.GlorotUniform(seed=5)(shape).numpy(), first)
    assert (initializers.GlorotUniform(seed=6)(shape).numpy() != first).any()
    # Without a seed each initializer has one of its own and keeps it, as in Keras.
    one, two = initializers.HeNormal(), initializers.HeNormal()
    np.testing.assert_array_equal(one(shape).numpy(), one(shape).numpy())
    assert (one(shape).numpy() != two(shape).numpy()).any()
    assert one.get_config()["seed"] is None
    source = tf.keras.random.SeedGenerator(1)
    fresh = initializers.RandomNormal(seed=source)
    assert (fresh(shape).numpy() != fresh(shape).numpy()).any()
    same_config(
        initializers.RandomNormal(seed=tf.keras.random.SeedGenerator(1, name="g")),
        keras.initializers.RandomNormal(seed=keras.random.SeedGenerator(1, name="g")),
    )
    copy = initializers.get(initializers.serialize(fresh))
    assert isinstance(copy.seed, tf.keras.random.SeedGenerator)


@pytest.mark.parametrize("seed_all", [tf.keras.utils.set_random_seed, tf.random.set_seed])
def test_the_global_seed_decides_where_none_is_given(seed_all) -> None:
    def weights():
        return [initializers.get(name)((2, 2)).numpy() for name in ("glorot_uniform", "orthogonal")]

    seed_all(3)
    first = weights()
    seed_all(3)
    np.testing.assert_array_equal(weights(), first)
    assert (np.array(weights()) != np.array(first)).any()


def test_every_name_of_keras_is_known() -> None:
    from keras.src.initializers import ALL_OBJECTS_DICT

    # STFT makes the kernels of a layer that the engine does not have.
    # And Keras cannot read a constant by its name alone.
    left_out = ("stft", "stftinitializer", "initializer", "constant")
    names = {n for n in ALL_OBJECTS_DICT if n.lower() not in left_out}
    for name in names:
        same_config(initializers.get(name), keras.initializers.get(name))
    theirs = {
        n for n in dir(keras.initializers) if not n.startswith("_") and "stft" not in n.lower()
    }
    assert theirs - set(dir(initializers)) == set()


def test_what_else_get_takes() -> None:
    assert initializers.get(None) is None
    values = np.arange(6, dtype="float64").reshape(2, 3)
    for given in (values, tf.constant(values), tf.Variable(values)):
        made = initializers.get(given)((2, 3), "float32")
        np.testing.assert_array_equal(made.numpy(), values)
        assert made.dtype == "float32"
    with pytest.raises(
        ValueError, match=r"shape \(3, 2\) cannot start with values of shape \(2, 3\)"
    ):
        initializers.get(values)((3, 2))

    def own(shape, dtype=None):
        return tf.fill(shape, 9.0)

    assert initializers.get(own) is own
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    assert initializers.get({"class_name": "Constant", "config": {"value": 4}}).value == 4
    with pytest.raises(ValueError, match=r"'glorot_unifrom'\. Did you mean 'glorot_uniform'"):
        initializers.get("glorot_unifrom")
    with pytest.raises(TypeError, match="not by 1"):
        initializers.get(1)


def test_the_dtype_is_floatx_unless_one_is_given() -> None:
    tf.keras.config.set_floatx("float16")
    try:
        for name in ("zeros", "glorot_uniform", "orthogonal", "identity"):
            assert initializers.get(name)((2, 2)).dtype == "float16"
            assert initializers.get(name)((2, 2), "float64").dtype == "float64"
    finally:
        tf.keras.config.set_floatx("float32")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: initializers.VarianceScaling(scale=0), "scale must be positive, not 0"),
        (lambda: initializers.VarianceScaling(mode="fan"), "not 'fan'"),
        (lambda: initializers.VarianceScaling(distribution="beta"), "not 'beta'"),
        (lambda: initializers.RandomNormal(seed="a"), "an integer or a SeedGenerator, not 'a'"),
        (lambda: initializers.Identity()((2, 2, 2)), r"makes matrices, but the shape \(2, 2, 2\)"),
        (lambda: initializers.Orthogonal()((4,)), r"two axes, not the shape \(4,\)"),
    ],
)
def test_wrong_arguments_are_named(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
    with pytest.raises(NotImplementedError, match="must define __call__"):
        initializers.Initializer()((2,))
