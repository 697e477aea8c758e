"""Reuters: 11,228 news messages as word numbers, on 46 topics."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.keras.datasets.files import (
    Sets,
    as_objects,
    fetch,
    in_random_order,
    known_words,
    read_json,
    read_npz,
    shifted,
    shorter,
)

__all__ = ["get_label_names", "get_word_index", "load_data"]

_TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship "
    "cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin "
    "strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr "
    "gas silver wpi hog lead"
)


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Sets:
    """`(x_train, y_train), (x_test, y_test)`: messages as arrays of lists of integers, and their topics,
    0 ... 45. The arguments are those of `imdb.load_data`, and `test_split`, the share kept for testing."""
    found = read_npz(fetch("reuters.npz", path))
    x, labels = in_random_order(np.random.RandomState(seed), found["x"], found["y"])
    kept, labels = shorter(maxlen, shifted(x, start_char, index_from), labels)
    words = known_words(kept, num_words, skip_top, oov_char)
    train = int(len(words) * (1 - test_split))
    return (
        (as_objects(words[:train]), labels[:train]),
        (as_objects(words[train:]), labels[train:]),
    )


def get_word_index(path: str = "reuters_word_index.json") -> Any:
    """Words to their numbers, before `index_from` is added."""
    return read_json(fetch("reuters_word_index.json", path))


def get_label_names() -> tuple[str, ...]:
    """The 46 topics, in the order of their numbers.

    >>> get_label_names()[3], len(get_label_names())
    ('earn', 46)
    """
    return tuple(_TOPICS.split())
