"""CIFAR-100: 60,000 photographs of 100 kinds of things in 20 groups, 32 x 32 in colour (Krizhevsky, 2009)."""

from __future__ import annotations

from engine.keras.datasets.files import Sets, fetch, read_cifar

__all__ = ["load_data"]


def load_data(label_mode: str = "fine") -> Sets:
    """`(x_train, y_train), (x_test, y_test)`: uint8 images `(50000, 32, 32, 3)` and `(10000, 32, 32, 3)`,
    and uint8 labels `(n, 1)`, as Keras documents them (it gives int64).

    Args:
      label_mode: 'fine' for the 100 kinds, 'coarse' for the 20 groups.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"label_mode is 'fine' or 'coarse', not {label_mode!r}.")
    path = fetch("cifar-100-python.tar.gz", "cifar-100-python-target_archive")
    labels = f"{label_mode}_labels"
    return (
        read_cifar(path, ["cifar-100-python/train"], labels),
        read_cifar(path, ["cifar-100-python/test"], labels),
    )
