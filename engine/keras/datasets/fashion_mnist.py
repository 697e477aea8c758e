"""Fashion-MNIST: 70,000 pieces of clothing, 28 x 28, as a harder MNIST (Xiao, Rasul and Vollgraf, 2017)."""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np

from engine.keras.datasets.files import Sets, fetch

__all__ = ["load_data"]


def _read(name: str, header: int) -> Any:
    """The bytes after the header of an IDX file."""
    with gzip.open(fetch(name, folder="datasets/fashion-mnist")) as opened:
        return np.frombuffer(opened.read(), np.uint8, offset=header)


def load_data() -> Sets:
    """`(x_train, y_train), (x_test, y_test)`: uint8 images `(60000, 28, 28)` and `(10000, 28, 28)` with
    values 0 ... 255, and uint8 labels: 0 T-shirt, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal,
    6 shirt, 7 sneaker, 8 bag, 9 ankle boot."""
    sets = []
    for part in ("train", "t10k"):
        labels = _read(f"{part}-labels-idx1-ubyte.gz", 8)
        images = _read(f"{part}-images-idx3-ubyte.gz", 16)
        sets.append((images.reshape(len(labels), 28, 28), labels))
    return sets[0], sets[1]
