"""Samples for convolution and pooling, beside loops over single elements. Not a test file; see `cases`.

The loops follow the definitions alone: they know nothing of matrices, blocks or strides of memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import engine as tf
from tests.engine.cases import Case, calls, distinct, draw


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


def _met(x: np.ndarray, attrs: dict[str, Any]) -> tuple[tuple[int, ...], list[Any]]:
    out, met = places(x.shape[1:-1], **attrs)
    rows = [
        ((b, *at, c), (b, *place, c))
        for at, _, place in met
        for b in range(x.shape[0])
        for c in range(x.shape[-1])
    ]
    return (x.shape[0], *out, x.shape[-1]), rows


def winners(x: np.ndarray, **attrs: Any) -> tuple[tuple[int, ...], dict[Any, Any]]:
    """For each window with an element: the first place that holds its largest."""
    shape, rows = _met(x, attrs)
    best: dict[Any, Any] = {}
    for at, place in rows:
        if at not in best or x[place] > x[best[at]]:
            best[at] = place
    return shape, best


def largest(x: np.ndarray, **attrs: Any) -> np.ndarray:
    return picked(x, x, **attrs)


def picked(d: np.ndarray, x: np.ndarray, **attrs: Any) -> np.ndarray:
    shape, best = winners(x, **attrs)
    y = np.full(shape, 0.0 if d is not x else -np.inf)
    for at, place in best.items():
        y[at] = d[place]
    return y


def handed_back(dy: np.ndarray, x: np.ndarray, **attrs: Any) -> np.ndarray:
    dx = np.zeros(x.shape)
    for at, place in winners(x, **attrs)[1].items():
        dx[place] += dy[at]
    return dx


def positions(x: np.ndarray, with_batch: bool, dtype: tf.DType, **attrs: Any) -> np.ndarray:
    shape, best = winners(x, **attrs)
    found = np.zeros(shape, dtype.as_numpy_dtype)
    for at, place in best.items():
        of = place if with_batch else (0, *place[1:])
        found[at] = np.ravel_multi_index(of, x.shape)
    return found


def window_sum(x: np.ndarray, mean: bool, **attrs: Any) -> np.ndarray:
    shape, rows = _met(x, attrs)
    total, count = np.zeros(shape), np.zeros(shape)
    for at, place in rows:
        total[at] += x[place]
        count[at] += 1
    return total / np.maximum(count, 1) if mean else total


def window_spread(dy: np.ndarray, like: np.ndarray, mean: bool, **attrs: Any) -> np.ndarray:
    rows = _met(like, attrs)[1]
    count = {at: sum(1 for other, _ in rows if other == at) for at, _ in rows}
    dx = np.zeros(like.shape)
    for at, place in rows:
        dx[place] += dy[at] / (count[at] if mean else 1)
    return dx


POOLS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 4, 4, 2), {"window": (2, 2), **how((2, 2))}),
    ((1, 5, 4, 2), {"window": (3, 2), **how((2, 1), "SAME")}),
    ((1, 5, 6, 1), {"window": (2, 3), **how((1, 2), "VALID", (2, 1))}),
    ((1, 4, 3, 1), {"window": (3, 2), **how((2, 2), ((1, 2), (0, 1)))}),
    ((2, 7, 2), {"window": (2,), **how((3,), "SAME")}),
    ((1, 3, 2, 3, 1), {"window": (2, 2, 2), **how((1, 1, 2), "SAME")}),
    ((0, 3, 3, 1), {"window": (2, 2), **how((1, 1))}),
]

for _x, _how in POOLS:
    _from = distinct(_x)
    _to = largest(_from, **_how).shape
    for _name, _row in {
        "max_pool": ((_from,), _how, lambda x, h=_how: largest(x, **h)),
        "max_pool_backprop": (
            (draw(_to), _from, largest(_from, **_how)),
            _how,
            lambda dy, x, y, h=_how: handed_back(dy, x, **h),
        ),
        "max_pool_pick": (
            (draw(_x), _from, largest(_from, **_how)),
            _how,
            lambda d, x, y, h=_how: picked(d, x, **h),
        ),
    }.items():
        CASES.setdefault(_name, []).extend(calls(_row, linear=() if _name == "max_pool" else (0,)))
    for _mean in (True, False):
        _both = {**_how, "mean": _mean}
        CASES.setdefault("window_sum", []).extend(
            calls(((draw(_x),), _both, lambda x, h=_both: window_sum(x, **h)), linear=(0,))
        )
        CASES.setdefault("window_spread", []).extend(
            calls(
                ((draw(_to), draw(_x)), _both, lambda dy, x, h=_both: window_spread(dy, x, **h)),
                linear=(0,),
            )
        )
    for _batch, _dtype in ((False, tf.int64), (True, tf.int32)):
        _all = {**_how, "with_batch": _batch, "dtype": _dtype}
        CASES.setdefault("max_pool_positions", []).extend(
            calls(((_from,), _all, lambda x, h=_all: positions(x, **h)))
        )

NEED_AN_AXIS = tuple(CASES)
