"""`tf.keras.datasets`: the standard sets, each by `load_data()`.

`digits` is there at once. The others are downloaded at their first use into `~/.keras/datasets`, or
`$KERAS_HOME/datasets`, where Keras keeps them too, and refused when their checksum is another. Files that
hold Python objects are read by an unpickler that makes arrays and nothing else.
"""

from __future__ import annotations

from engine.keras.datasets import (
    california_housing,
    cifar10,
    cifar100,
    digits,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
)

__all__ = [
    "california_housing",
    "cifar10",
    "cifar100",
    "digits",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
]
