"""Generator, stateless draws, and distributions with parameters: repeatable, fresh, of the right moments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import array_of, assert_close

N = 20_000
Refused = tf.errors.InvalidArgumentError


def differ(a: Any, b: Any) -> bool:
    return not (array_of(a) == array_of(b)).any()


def moments(values: Any, mean: float, variance: float) -> None:
    """Within five standard errors; that of the variance is taken from the sample."""
    x = array_of(values).astype(float)
    assert abs(x.mean() - mean) < 5 * np.sqrt(variance / x.size), (x.mean(), mean)
    spread = (x - x.mean()) ** 2
    assert abs(spread.mean() - variance) < 5 * spread.std() / np.sqrt(x.size), (x.var(), variance)


# --- Generator ------------------------------------------------------------------------------------


def test_a_generator_is_a_function_of_its_seed_and_moves_on():
    a, b = tf.random.Generator.from_seed(3), tf.random.Generator.from_seed(3)
    first, second = a.normal([4]), a.normal([4])
    assert differ(first, second)
    assert_close(b.normal([4]), first, 0)
    b.reset_from_seed(3)
    b.skip(1)
    assert_close(b.normal([4]), second, 0)
    b.reset_from_key_counter(3, 1)
    assert_close(b.normal([4]), second, 0)
    copy = tf.random.Generator.from_state(a.state)
    assert_close(copy.uniform([4]), tf.random.Generator(copy_from=a).uniform([4]), 0)
    b.reset(a.state)
    assert_close(b.uniform([4]), a.uniform([4]), 0)
    assert differ(tf.random.Generator.from_seed(4).normal([4]), first)
    assert a.key.numpy() == 3 and a.algorithm == 1 and "Generator" in repr(a)


def test_generators_are_independent_of_the_global_seed_and_of_each_other():
    tf.random.set_seed(3)
    plain = tf.random.normal([4])
    a = tf.random.Generator.from_seed(3)
    tf.random.set_seed(9)
    left, right = a.split(2)
    assert differ(left.normal([4]), right.normal([4])) and differ(left.normal([4]), a.normal([4]))
    free = tf.random.Generator.from_non_deterministic_state()
    assert differ(free.normal([4]), tf.random.Generator.from_non_deterministic_state().normal([4]))
    assert plain.shape == (4,)
    seeds = a.make_seeds(3)
    assert seeds.shape == (2, 3) and seeds.dtype is tf.int64
    with pytest.raises(ValueError, match="from_seed"):
        tf.random.Generator()
    with pytest.raises(ValueError, match="seed, counter"):
        tf.random.Generator(state=[1, 2, 3])


def test_a_graph_moves_the_generator_on():
    generator = tf.random.Generator.from_seed(1)
    draw = tf.function(lambda: generator.normal([3]))
    first, second = draw(), draw()
    assert differ(first, second) and draw.experimental_get_tracing_count() == 1
    generator.reset_from_seed(1)
    assert_close(generator.normal([3]), first, 0)


def test_what_a_generator_draws():
    g = tf.random.Generator.from_seed(5)
    moments(g.normal([N], 1.0, 2.0), 1.0, 4.0)
    moments(g.uniform([N], -1.0, 3.0), 1.0, 16 / 12)
    moments(g.uniform([N], 0, 10, tf.int32), 4.5, 99 / 12)
    assert np.abs(g.truncated_normal([N]).numpy()).max() <= 2
    moments(g.binomial([N], 10, 0.3), 3.0, 2.1)
    wide = g.uniform_full_int([N], tf.uint8)
    assert wide.dtype is tf.uint8 and set(wide.numpy().tolist()) == set(range(256))
    assert g.uniform_full_int([3]).dtype is tf.uint64


def test_the_global_generator_can_be_replaced():
    mine = tf.random.Generator.from_seed(8)
    tf.random.set_global_generator(mine)
    assert tf.random.get_global_generator() is mine


# --- stateless ------------------------------------------------------------------------------------

STATELESS: dict[str, Any] = {
    "uniform": lambda seed: tf.random.stateless_uniform([6], seed),
    "integers": lambda seed: tf.random.stateless_uniform([6], seed, None, None, tf.int64),
    "normal": lambda seed: tf.random.stateless_normal([6], seed),
    "truncated": lambda seed: tf.random.stateless_truncated_normal([6], seed),
    "gamma": lambda seed: tf.random.stateless_gamma([6], seed, 2.0),
}


@pytest.mark.parametrize("name", list(STATELESS))
def test_the_same_seed_gives_the_same_numbers_and_no_other_does(name: str):
    draw = STATELESS[name]
    first = draw([1, 2])
    tf.random.set_seed(0)
    assert_close(draw([1, 2]), first, 0)
    assert_close(draw(tf.constant([1, 2], tf.int64)), first, 0)
    assert_close(tf.function(draw)(tf.constant([1, 2])), first, 0)
    for other in ([2, 1], [1, 3], [0, 2], [-1, 2]):
        assert differ(draw(other), first), other


def test_discrete_stateless_draws_repeat_too():
    for draw in (
        lambda s: tf.random.stateless_poisson([50], s, 4.0),
        lambda s: tf.random.stateless_binomial([50], s, 20, 0.5),
        lambda s: tf.random.stateless_categorical([[0.0, 0.0, 0.0]], 50, s),
        lambda s: tf.random.stateless_shuffle(tf.range(50), s),
    ):
        assert_close(draw([1, 2]), draw([1, 2]), 0)
        assert (draw([1, 2]).numpy() != draw([1, 3]).numpy()).any()


def test_seeds_are_folded_and_checked():
    seeds = tf.random.split([1, 2], 3)
    assert seeds.shape == (3, 2) and seeds.dtype is tf.int32
    assert_close(tf.random.split([1, 2], 3), seeds, 0)
    for one, other in ((seeds[0], seeds[1]), [tf.random.fold_in([1, 2], step) for step in (3, 4)]):
        assert differ(tf.random.stateless_normal([6], one), tf.random.stateless_normal([6], other))
    with pytest.raises(Refused, match="two integers"):
        tf.random.stateless_uniform([2], [1])
    with pytest.raises(Refused, match="two integers"):
        tf.random.stateless_uniform([2], [1.0, 2.0])


# --- distributions with parameters ----------------------------------------------------------------


def test_gamma_poisson_and_binomial_have_their_moments():
    tf.random.set_seed(2)
    x = tf.random.gamma([N], alpha=[0.5, 3.0], beta=[1.0, 2.0])
    assert x.shape == (N, 2) and x.dtype is tf.float32
    moments(x[:, 0], 0.5, 0.5)
    moments(x[:, 1], 1.5, 0.75)
    y = tf.random.poisson([N], [0.5, 9.0], tf.int32)
    assert y.dtype is tf.int32
    moments(y[:, 0], 0.5, 0.5)
    moments(y[:, 1], 9.0, 9.0)
    moments(tf.random.stateless_gamma([N, 1], [1, 2], alpha=[2.0]), 2.0, 2.0)
    moments(tf.random.stateless_poisson([N], [1, 2], 3.0), 3.0, 3.0)
    moments(tf.random.stateless_binomial([N], [1, 2], 8, 0.25), 2.0, 1.5)


def test_categorical_draws_classes_by_their_probability():
    tf.random.set_seed(2)
    p = np.array([[0.1, 0.6, 0.3], [1.0, 0.0, 0.0]])
    with np.errstate(divide="ignore"):
        made = tf.random.categorical(np.log(p), N)
    assert made.shape == (2, N) and made.dtype is tf.int64
    share = np.bincount(made.numpy()[0], minlength=3) / N
    assert (np.abs(share - p[0]) < 5 * np.sqrt(p[0] * (1 - p[0]) / N)).all()
    assert not made.numpy()[1].any()
    with pytest.raises(Refused, match=r"\(batch, classes\)"):
        tf.random.categorical([0.0, 1.0], 3)


def test_a_shape_may_be_a_tensor_of_the_graph():
    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def draws(x):
        n = tf.shape(x)[0]
        g = tf.random.gamma([n], [1.0, 2.0])
        return (
            g,
            tf.random.categorical(x, 5),
            tf.random.shuffle(x),
            tf.random.stateless_normal([n], [1, 2]),
        )

    x = np.arange(8, dtype=np.float32).reshape(4, 2)
    gamma, classes, mixed, normal = draws(x)
    assert (gamma.shape, classes.shape, normal.shape) == ((4, 2), (4, 5), (4,))
    assert_close(np.sort(mixed.numpy(), 0), x)


def test_what_cannot_be_drawn_is_refused():
    for call, error, words in [
        (lambda: tf.random.uniform([2], dtype=tf.int32), ValueError, "maxval"),
        (lambda: tf.random.uniform([2], 5, 5, tf.int32), Refused, "minval 5"),
        (lambda: tf.random.gamma([2], 1.0, dtype=tf.int32), Refused, "int32"),
        (lambda: tf.random.shuffle(1), Refused, "scalar"),
        (
            lambda: tf.random.get_global_generator().uniform_full_int([1], tf.float32),
            Refused,
            "float32",
        ),
    ]:
        with pytest.raises(error, match=words):
            call()
