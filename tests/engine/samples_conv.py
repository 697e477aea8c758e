"""Samples for convolution and pooling, beside loops over single elements. Not a test file; see `cases`.

The loops follow the definitions alone: they know nothing of matrices, blocks or strides of memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.engine.cases import Case, calls, draw


def pairs_of(
    padding: Any, sizes: Any, window: Any, strides: Any, dilations: Any
) -> list[tuple[int, int]]:
    """How much is put before and after each axis. SAME: as many windows as the stride has starts."""
    if padding == "VALID":
        return [(0, 0)] * len(window)
    if padding != "SAME":
        return list(padding)
    pairs = []
    for size, k, s, d in zip(sizes, window, strides, dilations, strict=True):
        starts = len(range(0, size, s))
        missing = max(0, (starts - 1) * s + (k - 1) * d + 1 - size)
        pairs.append((missing // 2, missing - missing // 2))
    return pairs


def places(
    sizes: Any, window: Any, strides: Any, padding: Any, dilations: Any
) -> tuple[tuple[int, ...], list[tuple[Any, Any, Any]]]:
    """The number of windows, and every (window, element of it, place in the input) inside the input."""
    pairs = pairs_of(padding, sizes, window, strides, dilations)
    out = tuple(
        len(range(0, size + sum(pair) - (k - 1) * d, s))
        for size, pair, k, s, d in zip(sizes, pairs, window, strides, dilations, strict=True)
    )
    met = []
    for at in np.ndindex(*out):
        for tap in np.ndindex(*window):
            place = tuple(
                o * s + t * d - pair[0]
                for o, s, t, d, pair in zip(at, strides, tap, dilations, pairs, strict=True)
            )
            if all(0 <= p < size for p, size in zip(place, sizes, strict=True)):
                met.append((at, tap, place))
    return out, met


def _terms(x_shape: Any, w_shape: Any, how: dict[str, Any]) -> tuple[Any, Iterator[Any]]:
    """The shape of the output, and every (index of y, index of x, index of w) that is multiplied."""
    out, met = places(x_shape[1:-1], w_shape[:-2], **how)
    groups = x_shape[-1] // max(w_shape[-2], 1)
    made = w_shape[-1] // max(groups, 1)

    def terms() -> Iterator[Any]:
        for at, tap, place in met:
            for b in range(x_shape[0]):
                for f in range(w_shape[-1]):
                    for c in range(w_shape[-2]):
                        yield (b, *at, f), (b, *place, f // made * w_shape[-2] + c), (*tap, c, f)

    return (x_shape[0], *out, w_shape[-1]), terms()


def conv(x: np.ndarray, w: np.ndarray, **how: Any) -> np.ndarray:
    shape, terms = _terms(x.shape, w.shape, how)
    y = np.zeros(shape)
    for i, j, k in terms:
        y[i] += x[j] * w[k]
    return y


def conv_input(dy: np.ndarray, w: np.ndarray, like: np.ndarray, **how: Any) -> np.ndarray:
    dx = np.zeros(like.shape)
    for i, j, k in _terms(like.shape, w.shape, how)[1]:
        dx[j] += dy[i] * w[k]
    return dx


def conv_filter(x: np.ndarray, dy: np.ndarray, like: np.ndarray, **how: Any) -> np.ndarray:
    dw = np.zeros(like.shape)
    for i, j, k in _terms(x.shape, like.shape, how)[1]:
        dw[k] += x[j] * dy[i]
    return dw


def how(strides: Any, padding: Any = "VALID", dilations: Any = None) -> dict[str, Any]:
    return {
        "strides": strides, "padding": padding, "dilations": dilations or (1,) * len(strides)
    }  # fmt: skip


# (shape of x, shape of w, attributes)
CONVOLUTIONS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 4, 3, 2), (2, 2, 2, 3), how((1, 1))),
    ((1, 5, 4, 1), (3, 3, 1, 2), how((1, 1), "SAME")),
    ((1, 5, 4, 2), (2, 3, 2, 1), how((2, 3), "SAME")),
    ((1, 6, 5, 1), (2, 2, 1, 1), how((2, 1), ((1, 2), (0, 1)), (2, 3))),
    ((1, 3, 3, 2), (1, 1, 2, 2), how((2, 2))),
    ((1, 3, 2, 4), (2, 1, 2, 4), how((1, 1), "SAME")),  # two groups
    ((1, 4, 3, 2), (2, 2, 1, 4), how((2, 1), "SAME")),  # two filters a channel
    ((2, 6, 1), (3, 1, 2), how((1,), "SAME", (2,))),
    ((1, 2, 3, 2, 1), (2, 2, 1, 1, 2), how((1, 2, 1), "SAME")),
    ((0, 3, 3, 1), (2, 2, 1, 2), how((1, 1))),
    ((1, 3, 0), (2, 0, 2), how((1,))),
]


def _windows_of(x: Any, w: Any, attrs: Any) -> tuple[int, ...]:
    return (x[0], *places(x[1:-1], w[:-2], **attrs)[0], w[-1])


CASES: dict[str, list[Case]] = {
    "conv": calls(
        *(
            ((draw(x), draw(w)), attrs, lambda x, w, attrs=attrs: conv(x, w, **attrs))
            for x, w, attrs in CONVOLUTIONS
        ),
        linear=(0, 1),
    ),
    "conv_backprop_input": calls(
        *(
            (
                (draw(_windows_of(x, w, attrs)), draw(w), draw(x)),
                attrs,
                lambda dy, w, like, attrs=attrs: conv_input(dy, w, like, **attrs),
            )
            for x, w, attrs in CONVOLUTIONS
        ),
        linear=(0, 1),
    ),
    "conv_backprop_filter": calls(
        *(
            (
                (draw(x), draw(_windows_of(x, w, attrs)), draw(w)),
                attrs,
                lambda x, dy, like, attrs=attrs: conv_filter(x, dy, like, **attrs),
            )
            for x, w, attrs in CONVOLUTIONS
        ),
        linear=(0, 1),
    ),
}
NEED_AN_AXIS = tuple(CASES)
