"""Quasi-random points: Sobol's sequence, which fills a cube more evenly than random numbers do."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert
from engine.spec import whole
from engine.tensor import Tensor

# For each dimension after the first: a primitive polynomial over the integers modulo 2, by its degree and its
# inner coefficients as a number, and the first direction numbers. Joe and Kuo, Constructing Sobol Sequences
# with Better Two-Dimensional Projections (2008), new-joe-kuo-6.
_FIRST: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (1, 0, (1,)), (2, 1, (1, 3)), (3, 1, (1, 3, 1)), (3, 2, (1, 1, 1)), (4, 1, (1, 1, 3, 3)),
    (4, 4, (1, 3, 5, 13)), (5, 2, (1, 1, 5, 5, 17)), (5, 4, (1, 1, 5, 5, 5)), (5, 7, (1, 1, 7, 11, 19)),
    (5, 11, (1, 1, 5, 1, 1)), (5, 13, (1, 1, 1, 3, 11)), (5, 14, (1, 3, 5, 5, 31)),
    (6, 1, (1, 3, 3, 9, 7, 49)), (6, 13, (1, 1, 1, 15, 21, 21)), (6, 16, (1, 3, 1, 13, 27, 49)),
    (6, 19, (1, 1, 1, 15, 7, 5)), (6, 22, (1, 3, 1, 15, 13, 25)), (6, 25, (1, 1, 5, 5, 19, 61)),
    (7, 1, (1, 3, 7, 11, 23, 15, 103)), (7, 4, (1, 3, 7, 13, 13, 15, 69)),
)  # fmt: skip
_BITS = 32


def _directions(row: tuple[int, int, tuple[int, ...]] | None) -> list[int]:
    """A dimension's direction numbers as fractions of 2^32, by the recurrence of its polynomial."""
    if row is None:
        return [1 << (_BITS - 1 - k) for k in range(_BITS)]
    degree, inner, first = row
    m = list(first)
    for k in range(degree, _BITS):
        value = m[k - degree] ^ (m[k - degree] << degree)
        for j in range(1, degree):
            if inner >> (degree - 1 - j) & 1:
                value ^= m[k - j] << j
        m.append(value)
    return [value << (_BITS - 1 - k) for k, value in enumerate(m)]


def sobol_sample(
    dim: int, num_results: int, skip: int = 0, dtype: Any = dtypes.float32, name: str | None = None
) -> Tensor:
    """Points number skip + 1 to skip + num_results of Sobol's sequence in the unit cube.

    Shape `(num_results, dim)`, for up to 21 dimensions; TensorFlow's table goes on to 1111. In the order of
    Gray's code: Antonov and Saleev (1979).

    >>> sobol_sample(2, 3).numpy().tolist()
    [[0.5, 0.5], [0.75, 0.25], [0.25, 0.75]]
    """
    found = dtypes.as_dtype(dtype)
    dim, count, skip = (whole(v, w) for v, w in ((dim, "dim"), (num_results, "num_results"), (skip, "skip")))
    if not found.is_floating:
        raise ValueError(f"sobol_sample: a floating-point dtype is needed, not {found.name}.")
    if not 1 <= dim <= len(_FIRST) + 1 or count < 1 or not 0 <= skip < 2**_BITS - count:
        raise InvalidArgumentError(
            f"sobol_sample: 1 to {len(_FIRST) + 1} dimensions, a positive num_results and a skip of 0 or "
            f"more were expected, but dim={dim}, num_results={count} and skip={skip} were given."
        )
    index = np.arange(skip + 1, skip + 1 + count, dtype=np.int64)
    gray = index ^ (index >> 1)
    points = np.zeros((count, dim), np.int64)
    for column, row in enumerate((None, *_FIRST)[:dim]):
        for k, direction in enumerate(_directions(row)):
            points[:, column] ^= np.where(gray >> k & 1, direction, 0)
    return convert((points * 2.0**-_BITS).astype(found.as_numpy_dtype))
