"""`tf.data.experimental`: the older names of what datasets can do themselves."""

from __future__ import annotations

from typing import Any

from engine.data.dataset import AUTOTUNE, Dataset
from engine.data.stage import INFINITE as INFINITE_CARDINALITY
from engine.data.stage import UNKNOWN as UNKNOWN_CARDINALITY
from engine.tensor import Tensor

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "cardinality",
    "get_single_element",
]


def cardinality(dataset: Dataset) -> Tensor:
    """`dataset.cardinality()`."""
    return dataset.cardinality()


def get_single_element(dataset: Dataset) -> Any:
    """`dataset.get_single_element()`."""
    return dataset.get_single_element()
