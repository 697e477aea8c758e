"""`tf.random.experimental`: what TensorFlow keeps there, under its names."""

from __future__ import annotations

from engine.ops.random import (
    Generator,
    get_global_generator,
    set_global_generator,
    stateless_shuffle,
)
from engine.ops.random import fold_in as stateless_fold_in
from engine.ops.random import split as stateless_split

__all__ = [
    "Generator", "get_global_generator", "set_global_generator", "stateless_fold_in",
    "stateless_shuffle", "stateless_split",
]  # fmt: skip
