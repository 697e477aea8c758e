"""CIFAR-10: 60,000 photographs of 10 kinds of things, 32 x 32 in colour (Krizhevsky, 2009)."""

from __future__ import annotations

from engine.keras.datasets.files import Sets, fetch, read_cifar

__all__ = ["load_data"]


def load_data() -> Sets:
    """`(x_train, y_train), (x_test, y_test)`: uint8 images `(50000, 32, 32, 3)` and `(10000, 32, 32, 3)`,
    and uint8 labels `(n, 1)`: 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse,
    8 ship, 9 truck."""
    path = fetch("cifar-10-python.tar.gz", "cifar-10-batches-py-target_archive")
    folder = "cifar-10-batches-py"
    train = [f"{folder}/data_batch_{number}" for number in range(1, 6)]
    return read_cifar(path, train, "labels"), read_cifar(path, [f"{folder}/test_batch"], "labels")
