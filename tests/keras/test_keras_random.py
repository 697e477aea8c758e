"""tf.keras.random: what is drawn from a seed, from a SeedGenerator and from neither, in and out of graphs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import engine as tf
from engine.keras import random
from tests.keras.witness import keras, same_config

SHAPE = (40, 50)

# Each function with its distribution as SciPy has it; None for those that are tested below.
DRAWS = {
    "normal": (lambda seed: random.normal(SHAPE, 1.0, 2.0, seed=seed), stats.norm(1, 2)),
    "uniform": (lambda seed: random.uniform(SHAPE, -1.0, 3.0, seed=seed), stats.uniform(-1, 4)),
    "truncated_normal": (
        lambda seed: random.truncated_normal(SHAPE, 1.0, 2.0, seed=seed),
        stats.truncnorm(-2, 2, 1, 2),
    ),
    "gamma": (lambda seed: random.gamma(SHAPE, 2.5, seed=seed), stats.gamma(2.5)),
    "beta": (lambda seed: random.beta(SHAPE, 2.0, 3.0, seed=seed), stats.beta(2, 3)),
    "randint": (lambda seed: random.randint(SHAPE, -2, 5, seed=seed), None),
    "binomial": (lambda seed: random.binomial(SHAPE, 10, 0.3, seed=seed), None),
    "categorical": (
        lambda seed: random.categorical([[0.0, 1.0, -1.0]], 2000, seed=seed),
        None,
    ),
    "shuffle": (lambda seed: random.shuffle(np.arange(2000), seed=seed), None),
    "dropout": (lambda seed: random.dropout(np.ones(SHAPE, "float32"), 0.4, seed=seed), None),
}


@pytest.mark.parametrize("name", DRAWS)
def test_an_integer_seed_repeats_and_a_generator_does_not(name: str) -> None:
    draw = DRAWS[name][0]
    first = draw(3).numpy()
    np.testing.assert_array_equal(first, draw(3).numpy())
    assert (first != draw(4).numpy()).any()
    source = random.SeedGenerator(3)
    one, two = draw(source).numpy(), draw(source).numpy()
    assert (one != two).any()
    again = random.SeedGenerator(3)
    np.testing.assert_array_equal(draw(again).numpy(), one)
    np.testing.assert_array_equal(draw(again).numpy(), two)
    tf.keras.utils.set_random_seed(5)
    one, two = draw(None).numpy(), draw(None).numpy()
    assert (one != two).any()
    tf.keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(draw(None).numpy(), one)


@pytest.mark.parametrize("name", DRAWS)
def test_a_graph_draws_what_plain_calls_draw(name: str) -> None:
    draw = DRAWS[name][0]
    eager, inside = random.SeedGenerator(11), random.SeedGenerator(11)
    compiled = tf.function(lambda: draw(inside))
    for _ in range(3):
        np.testing.assert_allclose(compiled().numpy(), draw(eager).numpy(), rtol=1e-6)
    np.testing.assert_array_equal(inside.state.numpy(), [11, 3])


@pytest.mark.parametrize("name", [name for name in DRAWS if DRAWS[name][1] is not None])
def test_the_distribution_is_the_one_named(name: str) -> None:
    draw, expected = DRAWS[name]
    found = stats.kstest(draw(1).numpy().ravel(), expected.cdf)
    assert found.pvalue > 1e-3, found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("randint", {k: 1 / 7 for k in range(-2, 5)}),
        ("binomial", {k: stats.binom(10, 0.3).pmf(k) for k in range(11)}),
        ("categorical", dict(enumerate(np.exp([0, 1, -1]) / np.exp([0, 1, -1]).sum()))),
        ("dropout", {0.0: 0.4, np.float32(1 / 0.6): 0.6}),
    ],
)
def test_the_shares_are_those_of_the_distribution(name: str, expected: dict) -> None:
    drawn = DRAWS[name][0](1).numpy().ravel()
    values, counts = np.unique(drawn, return_counts=True)
    near = {
        min(expected, key=lambda k, v=v: abs(k - v)): c for v, c in zip(values, counts, strict=True)
    }
    assert all(np.min(np.abs(np.array(list(expected)) - v)) < 1e-6 for v in values)
    for value, share in expected.items():
        error = 4 * np.sqrt(share * (1 - share) * drawn.size) + 1
        assert abs(near.get(value, 0) - share * drawn.size) < error, value


def test_shuffle_keeps_slices_whole_along_any_axis() -> None:
    x = np.arange(12).reshape(3, 4)
    moved = random.shuffle(x, axis=1, seed=5).numpy()
    np.testing.assert_array_equal(np.sort(moved[0]), x[0])
    np.testing.assert_array_equal(moved, x[:, moved[0]])


def test_dropout_has_keras_edges_and_a_noise_shape() -> None:
    x = np.arange(1, 9, dtype="float32").reshape(4, 2)
    np.testing.assert_array_equal(random.dropout(x, 0.0, seed=1).numpy(), x)
    np.testing.assert_array_equal(random.dropout(x, 1.0, seed=1).numpy(), np.zeros_like(x))
    rows = random.dropout(x, 0.5, noise_shape=(None, 1), seed=1).numpy()
    assert {tuple(row) for row in (rows / x)} == {(0.0, 0.0), (2.0, 2.0)}


def test_shapes_known_only_in_the_graph() -> None:
    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def draw(x):
        return random.uniform(tf.shape(x), seed=2), random.dropout(x, 0.5, seed=2)

    for rows in (2, 5):
        numbers, dropped = draw(np.ones((rows, 2), "float32"))
        assert numbers.shape == dropped.shape == (rows, 2)


def test_the_generator_is_keras_own() -> None:
    same_config(random.SeedGenerator(7, name="g"), keras.random.SeedGenerator(7, name="g"))
    ours, theirs = random.SeedGenerator(-3), keras.random.SeedGenerator(2**32 - 3)
    for _ in range(3):
        np.testing.assert_array_equal(ours.next().numpy(), np.asarray(theirs.next()))
    assert ours.state.dtype == "uint32" and not ours.state.trainable
    copy = random.SeedGenerator.from_config(ours.get_config())
    np.testing.assert_array_equal(copy.next().numpy(), [2**32 - 3, 0])


def test_a_generator_without_a_seed_follows_the_global_seed() -> None:
    for seed_all in (tf.keras.utils.set_random_seed, tf.random.set_seed):
        seed_all(1)
        first = [random.SeedGenerator().state.numpy()[0] for _ in range(3)]
        seed_all(1)
        assert first == [random.SeedGenerator().state.numpy()[0] for _ in range(3)]
        assert len(set(first)) == 3


def test_the_numbers_are_not_those_of_tf_random_with_the_same_seed() -> None:
    tf.random.set_seed(1)
    other = tf.random.normal([8]).numpy()
    assert (random.normal([8], seed=1).numpy() != other).any()
    assert (random.normal([8], seed=random.SeedGenerator(1)).numpy() != other).any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random.SeedGenerator(1.5), "the seed is an integer, not 1.5"),
        (lambda: random.normal([2], seed="a"), "an integer or a SeedGenerator, not 'a'"),
        (lambda: random.normal([2], dtype="int32"), "floating-point numbers, not int32"),
        (lambda: random.randint([2], 0, 3, dtype="float32"), "integers, not float32"),
        (lambda: random.dropout([1.0], 1.5), r"must be in \[0, 1\)"),
    ],
)
def test_wrong_arguments_are_named(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_the_dtype_is_floatx_unless_one_is_given() -> None:
    tf.keras.config.set_floatx("float16")
    try:
        assert random.normal([2], seed=1).dtype == "float16"
        assert random.normal([2], dtype="float64", seed=1).dtype == "float64"
    finally:
        tf.keras.config.set_floatx("float32")
    with pytest.raises(ValueError, match="not 'int32'"):
        tf.keras.config.set_floatx("int32")
