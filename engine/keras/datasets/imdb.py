"""IMDB: 50,000 film reviews as word numbers, with whether they are kind (Maas et al., 2011)."""

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

__all__ = ["get_word_index", "load_data"]


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Sets:
    """`(x_train, y_train), (x_test, y_test)`: 25,000 reviews each, as arrays of lists of integers; labels 0
    (unkind) and 1 (kind). Word k is the k-th most frequent.

    Args:
      num_words: words this rare and rarer become `oov_char`.
      skip_top: the most frequent words become `oov_char` as well.
      maxlen: longer reviews are left out.
      seed: of the order of the reviews.
      start_char: stands before every review.
      oov_char: stands for words that are left out; with None they are dropped.
      index_from: what is added to the number of a word, so that 0 can stand for padding.
    """
    found = read_npz(fetch("imdb.npz", path))
    sequences: list[list[int]] = []
    labels, train = [], 0
    generator = np.random.RandomState(seed)
    for part in ("train", "test"):
        x, y = in_random_order(generator, found[f"x_{part}"], found[f"y_{part}"])
        kept, marks = shorter(maxlen, shifted(x, start_char, index_from), y)
        train = train or len(kept)
        sequences += kept
        labels.append(marks)
    words, marks = known_words(sequences, num_words, skip_top, oov_char), np.concatenate(labels)
    return (as_objects(words[:train]), marks[:train]), (as_objects(words[train:]), marks[train:])


def get_word_index(path: str = "imdb_word_index.json") -> Any:
    """Words to their numbers, before `index_from` is added."""
    return read_json(fetch("imdb_word_index.json", path))
