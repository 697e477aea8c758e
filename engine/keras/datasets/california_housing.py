"""California housing: the median price of houses in 20,640 districts, 1990 (Pace and Barry, 1997)."""

from __future__ import annotations

import numpy as np

from engine.keras.datasets.files import Sets, fetch, in_random_order, read_npz

__all__ = ["load_data"]


def load_data(
    version: str = "large",
    path: str = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> Sets:
    """`(x_train, y_train), (x_test, y_test)`: float32 rows of 8 numbers (longitude, latitude, median age of
    the houses, rooms, bedrooms, people, households, median income) and the median price in dollars.

    Args:
      version: 'large', or 'small' for the first 600 districts.
      path: the name of the file in the cache.
      test_split: the share kept for testing, at least 0 and below 1.
      seed: of the order.
    """
    if not 0 <= test_split < 1:
        raise ValueError(f"test_split is a share from 0 to below 1, not {test_split}.")
    if version not in ("large", "small"):
        raise ValueError(f"version is 'large' or 'small', not {version!r}.")
    found = read_npz(fetch("california_housing.npz", path))
    count = 600 if version == "small" else len(found["x"])
    x, y = in_random_order(np.random.RandomState(seed), found["x"][:count], found["y"][:count])
    train = int(len(x) * (1 - test_split))
    return (x[:train], y[:train]), (x[train:], y[train:])
