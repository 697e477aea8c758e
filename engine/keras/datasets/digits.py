"""Digits: 1,797 handwritten digits, 8 x 8, from scikit-learn. It needs no network.

They are the test part of the Optical Recognition of Handwritten Digits set (Alpaydin and Kaynak, 1998).
"""

from __future__ import annotations

import numpy as np

from engine.keras.datasets.files import Sets

__all__ = ["load_data"]

_TEST = 360  # a fifth


def load_data() -> Sets:
    """`(x_train, y_train), (x_test, y_test)`: uint8 images `(1437, 8, 8)` and `(360, 8, 8)` with values
    0 ... 16, and uint8 labels 0 ... 9.

    The split is fixed: the last 360 in scikit-learn's order are for testing, about 36 of each digit.

    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, x_test.shape, int(x_train.max())
    ((1437, 8, 8), (360, 8, 8), 16)
    """
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    found = load_digits()
    x, y = found.images.astype(np.uint8), found.target.astype(np.uint8)
    return (x[:-_TEST], y[:-_TEST]), (x[-_TEST:], y[-_TEST:])
