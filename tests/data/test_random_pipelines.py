"""Random pipelines against the same written with Python lists: elements, order, cardinality, batch shapes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

import engine as tf

Dataset = tf.data.Dataset
Step = tuple[str, Callable[[Any], Any], Callable[[list[Any]], list[Any]]]


def groups(rows: list[Any], size: int, drop: bool) -> list[Any]:
    parts = [np.stack(rows[i : i + size]) for i in range(0, len(rows), size)]
    return [part for part in parts if len(part) == size or not drop]


def windows(rows: list[Any], size: int, shift: int) -> list[Any]:
    return [
        np.stack(rows[i : i + size]) for i in range(0, len(rows), shift) if i + size <= len(rows)
    ]


def interleaved(rows: list[Any], cycle: int, block: int) -> list[Any]:
    """Each row twice, `cycle` of them open at a time."""
    waiting, made = iter(rows), []
    places: list[Any] = [None] * cycle
    over = False
    for turn in itertools.cycle(range(cycle)):
        if places[turn] is None and not over:
            row = next(waiting, None)
            over = row is None
            places[turn] = None if over else [row, row]
        for _ in range(block):
            if not places[turn]:
                places[turn] = None
                break
            made.append(places[turn].pop())
        if over and not any(places):
            return made
    return made


count = st.integers(0, 9)
at_least_1 = st.integers(1, 5)

STEPS: list[Callable[..., Any]] = [
    lambda n, b: ("take", lambda ds: ds.take(n), lambda rows: rows[:n]),
    lambda n, b: ("skip", lambda ds: ds.skip(n), lambda rows: rows[n:]),
    lambda n, b: ("repeat", lambda ds: ds.repeat(b % 3), lambda rows: rows * (b % 3)),
    lambda n, b: ("shard", lambda ds: ds.shard(b, n % b), lambda rows: rows[n % b :: b]),
    lambda n, b: ("cache", lambda ds: ds.cache(), lambda rows: rows),
    lambda n, b: ("prefetch", lambda ds: ds.prefetch(b), lambda rows: rows),
    lambda n, b: ("shuffle", lambda ds: ds.shuffle(1), lambda rows: rows),
    lambda n, b: (
        "map",
        lambda ds: ds.map(lambda x: x + n),
        lambda rows: [row + n for row in rows],
    ),
    lambda n, b: (
        "filter",
        lambda ds: ds.filter(lambda x: tf.reduce_sum(x) % 3 != 0),
        lambda rows: [row for row in rows if row.sum() % 3 != 0],
    ),
    lambda n, b: (
        "take_while",
        lambda ds: ds.take_while(lambda x: tf.reduce_max(x) < 9),
        lambda rows: list(itertools.takewhile(lambda row: row.max() < 9, rows)),
    ),
    lambda n, b: ("there and back", lambda ds: ds.batch(b).unbatch(), lambda rows: rows),
    lambda n, b: ("again", lambda ds: ds.concatenate(ds), lambda rows: rows + rows),
    lambda n, b: (
        "numbered",
        lambda ds: ds.enumerate().map(lambda i, x: x * i),
        lambda rows: [row * i for i, row in enumerate(rows)],
    ),
    lambda n, b: (
        "sums",
        lambda ds: ds.scan(tf.constant(0, tf.int64), lambda s, x: (s + tf.reduce_sum(x), x + s)),
        lambda rows: [row + sum(r.sum() for r in rows[:i]) for i, row in enumerate(rows)],
    ),
    lambda n, b: (
        "windows",
        lambda ds: (
            ds.window(b, shift=1 + n % 3, drop_remainder=True)
            .flat_map(lambda w: w.batch(b))
            .map(lambda x: tf.reduce_sum(x, 0))
        ),
        lambda rows: [part.sum(0) for part in windows(rows, b, 1 + n % 3)],
    ),
    lambda n, b: (
        "interleave",
        lambda ds: ds.interleave(
            lambda x: Dataset.from_tensors(x).repeat(2), cycle_length=b, block_length=1 + n % 3
        ),
        lambda rows: interleaved(rows, b, 1 + n % 3),
    ),
    lambda n, b: (
        "batch",
        lambda ds: ds.batch(b, drop_remainder=True),
        lambda rows: groups(rows, b, True),
    ),
]

step = st.builds(lambda make, n, b: make(n, b), st.sampled_from(STEPS), count, at_least_1)


def made_of(size: int, steps: list[Step]) -> tuple[Any, list[Any], list[str]]:
    """The dataset and the list that the steps make of so many numbers."""
    ds = Dataset.range(size)
    rows: list[Any] = [np.int64(i) for i in range(size)]
    for _, on_dataset, on_list in steps:
        ds, rows = on_dataset(ds), on_list(rows)
        if len(rows) > 300:
            ds, rows = ds.take(300), rows[:300]
    return ds, rows, [name for name, *_ in steps]


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.integers(0, 12), st.lists(step, min_size=1, max_size=5), at_least_1, st.booleans())
def test_a_pipeline_gives_what_the_lists_give(
    size: int, steps: list[Step], last: int, drop: bool
) -> None:
    ds, rows, what = made_of(size, steps)
    ds, rows = ds.batch(last, drop), groups(rows, last, drop)
    for _ in range(2):  # the second pass may be taken from what the first has kept
        made = list(ds.as_numpy_iterator())
        assert len(made) == len(rows), what
        for ours, theirs in zip(made, rows, strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=str(what))
    length = int(ds.cardinality())
    assert length in (len(rows), tf.data.UNKNOWN_CARDINALITY), what


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 12), st.lists(step, min_size=1, max_size=3), st.integers(1, 60))
def test_a_loop_in_a_graph_sees_the_same(size: int, steps: list[Step], most: int) -> None:
    ds, rows, what = made_of(size, steps)

    @tf.function
    def weighed(limit: Any) -> Any:
        total, place = tf.constant(0, tf.int64), tf.constant(0, tf.int64)
        for x in ds:
            if place == limit:
                break
            place += 1
            if place % 4 == 3:
                continue
            total += place * tf.reduce_sum(x)
        return total, place

    rows = rows[:most]
    expected = sum(place * int(row.sum()) for place, row in enumerate(rows, 1) if place % 4 != 3)
    for _ in range(2):
        total, place = weighed(tf.constant(most, tf.int64))
        assert (int(total), int(place)) == (expected, len(rows)), what
