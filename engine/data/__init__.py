"""`tf.data`: input pipelines. Read `dataset` for what a user sees, then `stage`, `picks` and `iteration`."""

from engine.data import experimental
from engine.data.dataset import AUTOTUNE, Dataset
from engine.data.elements import DatasetSpec
from engine.data.iteration import Iterator, NumpyIterator
from engine.data.options import Options
from engine.data.stage import INFINITE as INFINITE_CARDINALITY
from engine.data.stage import UNKNOWN as UNKNOWN_CARDINALITY

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "Dataset",
    "DatasetSpec",
    "Iterator",
    "NumpyIterator",
    "Options",
    "experimental",
]
