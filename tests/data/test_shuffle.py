"""shuffle: a sliding buffer from which each element is drawn evenly, whether rows or their numbers move."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.data.picks import CHUNK

Dataset = tf.data.Dataset


def numbers(dataset: Any) -> list[int]:
    return [int(x) for x in dataset.as_numpy_iterator()]


def by_rows(dataset: Any) -> Any:
    """The same elements from a stage that has no rows by number."""
    return dataset.filter(lambda *_: True)


def chi_square(counts: Any, expected: Any) -> float:
    """Pearson's statistic, in standard deviations above what chance gives."""
    counts, expected = np.asarray(counts, float), np.asarray(expected, float)
    degrees = counts.size - 1
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return (statistic - degrees) / np.sqrt(2 * degrees)


@pytest.mark.parametrize("size", [1, 2, 7, 64, CHUNK, CHUNK + 3, 3 * CHUNK])
@pytest.mark.parametrize("buffer", [1, 2, 50, CHUNK + 1])
def test_both_ways_give_the_same_order_and_every_element_once(size: int, buffer: int) -> None:
    rows = by_rows(Dataset.range(size)).shuffle(buffer, seed=5)
    picked = Dataset.range(size).shuffle(buffer, seed=5)
    order = numbers(picked)
    assert order == numbers(rows)
    assert sorted(order) == list(range(size))


def test_numbers_survive_what_stands_before_and_after() -> None:
    def chain(first: Any) -> Any:
        ds = Dataset.zip(first, Dataset.range(100, 9000)).skip(3).shuffle(37, seed=1).repeat(2)
        return [(int(a), int(b)) for a, b in ds.shard(3, 1).take(4000).as_numpy_iterator()]

    made = chain(Dataset.range(5000))
    assert made == chain(by_rows(Dataset.range(5000)))
    assert all(b == a + 100 for a, b in made) and len(set(made)) > 2000


def test_an_element_leaves_no_earlier_than_the_buffer_allows() -> None:
    for buffer in (1, 3, 40):
        for place, number in enumerate(numbers(Dataset.range(500).shuffle(buffer, seed=2))):
            assert place >= number - buffer + 1


def test_all_orders_of_a_full_buffer_are_equally_likely() -> None:
    ds = Dataset.range(4).shuffle(4, seed=3)
    seen = Counter(tuple(numbers(ds)) for _ in range(2400))
    assert len(seen) == 24
    assert chi_square(list(seen.values()), [100] * 24) < 5


def reference(size: int, buffer: int, draw: np.random.Generator) -> list[int]:
    """The sliding buffer in the words of TensorFlow's documentation: draw one, put the next in its place."""
    held, order = [], []
    for number in range(size):
        if len(held) < buffer:
            held.append(number)
            continue
        place = int(draw.integers(buffer))
        order.append(held[place])
        held[place] = number
    while held:
        order.append(held.pop(int(draw.integers(len(held)))))
    return order


def test_places_are_distributed_as_those_of_a_buffer_written_out() -> None:
    size, buffer, runs = 12, 4, 3000
    draw = np.random.default_rng(0)
    ds = Dataset.range(size).shuffle(buffer, seed=4)
    ours, theirs = np.zeros((size, size)), np.zeros((size, size))
    for _ in range(runs):
        ours[np.arange(size), numbers(ds)] += 1
        theirs[np.arange(size), reference(size, buffer, draw)] += 1
    possible = theirs > 0
    assert not ours[~possible].any()
    both = ours[possible] + theirs[possible]
    # two samples of one distribution: the squared difference has the variance of the sum
    statistic = ((ours[possible] - theirs[possible]) ** 2 / both).sum()
    assert statistic < possible.sum() + 5 * np.sqrt(2 * possible.sum())


def test_the_first_element_is_drawn_evenly_from_the_buffer() -> None:
    ds = Dataset.range(200).shuffle(10, seed=6).take(1)
    seen = Counter(numbers(ds)[0] for _ in range(2000))
    assert set(seen) == set(range(10))
    assert chi_square([seen[i] for i in range(10)], [200] * 10) < 5


def test_each_pass_has_another_order_and_a_new_dataset_the_same_ones() -> None:
    first = Dataset.range(50).shuffle(50, seed=7)
    again = Dataset.range(50).shuffle(50, seed=7)
    passes = [numbers(first) for _ in range(3)]
    assert passes == [numbers(again) for _ in range(3)]
    assert len({tuple(order) for order in passes}) == 3


def test_one_order_for_all_passes_if_that_is_wanted() -> None:
    ds = Dataset.range(50).shuffle(50, seed=7, reshuffle_each_iteration=False)
    assert numbers(ds) == numbers(ds)
    twice = numbers(ds.repeat(2))
    assert twice[:50] == twice[50:] == numbers(ds)


def test_repeats_are_shuffled_anew() -> None:
    twice = numbers(Dataset.range(50).shuffle(50, seed=7).repeat(2))
    assert sorted(twice[:50]) == sorted(twice[50:]) and twice[:50] != twice[50:]


def test_set_seed_decides_where_no_seed_is_given() -> None:
    def orders() -> list[list[int]]:
        return [numbers(Dataset.range(40).shuffle(40)) for _ in range(2)]

    tf.random.set_seed(11)
    one = orders()
    tf.random.set_seed(11)
    assert orders() == one and one[0] != one[1]
    tf.random.set_seed(12)
    assert orders() != one


def test_a_buffer_for_everything() -> None:
    order = numbers(Dataset.range(30).shuffle(tf.data.UNKNOWN_CARDINALITY, seed=1))
    assert sorted(order) == list(range(30)) != order


def test_no_buffer_is_an_error() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="buffer_size must be at least 1"):
        Dataset.range(3).shuffle(0)


def test_samples_follow_the_weights() -> None:
    parts = [Dataset.from_tensors(i).repeat() for i in range(3)]
    ds = Dataset.sample_from_datasets(parts, weights=[0.5, 0.3, 0.2], seed=1)
    assert int(ds.cardinality()) == tf.data.INFINITE_CARDINALITY
    seen = Counter(numbers(ds.take(3000)))
    assert chi_square([seen[i] for i in range(3)], [1500, 900, 600]) < 5
    assert numbers(ds.take(50)) == numbers(ds.take(50))
    anew = Dataset.sample_from_datasets(parts, seed=1, rerandomize_each_iteration=True)
    assert numbers(anew.take(50)) != numbers(anew.take(50))


def test_a_sample_ends_with_all_or_with_the_first_that_is_empty() -> None:
    parts = [Dataset.range(3), Dataset.range(10, 50)]
    assert sorted(numbers(Dataset.sample_from_datasets(parts, seed=1))) == [
        *range(3),
        *range(10, 50),
    ]
    short = numbers(Dataset.sample_from_datasets(parts, seed=1, stop_on_empty_dataset=True))
    assert [n for n in short if n < 10] == [0, 1, 2] and len(short) < 43
