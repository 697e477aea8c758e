"""MNIST: 70,000 handwritten digits, 28 x 28 (LeCun, Cortes and Burges)."""

from __future__ import annotations

from engine.keras.datasets.files import Sets, fetch, read_npz

__all__ = ["load_data"]


def load_data(path: str = "mnist.npz") -> Sets:
    """`(x_train, y_train), (x_test, y_test)`: uint8 images `(60000, 28, 28)` and `(10000, 28, 28)` with
    values 0 ... 255, and uint8 labels 0 ... 9.

    Args:
      path: the name of the file in the cache.
    """
    found = read_npz(fetch("mnist.npz", path))
    return (found["x_train"], found["y_train"]), (found["x_test"], found["y_test"])
