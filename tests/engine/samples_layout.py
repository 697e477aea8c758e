"""Samples for the primitives that move elements and compute no number; see `samples.py`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.engine.cases import Case, calls, distinct, draw


def _sum_to(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Sums x down to the shape of `like`, element by element: slow and plain."""
    result = np.zeros(like.shape)
    lead = x.ndim - like.ndim
    for index in np.ndindex(x.shape):
        place = tuple(0 if like.shape[i] == 1 else k for i, k in enumerate(index[lead:]))
        result[place] += x[index]
    return result


def _gather(params: np.ndarray, indices: np.ndarray, axis: int) -> np.ndarray:
    slices = [np.moveaxis(params, axis, 0)[i] for i in indices.reshape(-1)]
    rest = params.shape[:axis] + params.shape[axis + 1 :]
    flat = np.array(slices).reshape(indices.shape + rest)
    return np.moveaxis(flat, range(indices.ndim), range(axis, axis + indices.ndim))


def _scatter(dy: np.ndarray, indices: np.ndarray, like: np.ndarray, axis: int) -> np.ndarray:
    result = np.zeros(like.shape)
    to = np.moveaxis(result, axis, 0)
    source = np.moveaxis(dy, range(axis, axis + indices.ndim), range(indices.ndim))
    for place in np.ndindex(indices.shape):
        to[indices[place]] += source[place]
    return result


def _put(like: np.ndarray, places: list[Any], values: np.ndarray) -> np.ndarray:
    result = np.zeros(like.shape)
    for place, value in zip(places, values, strict=True):
        result[place] += value
    return result


def _unslice(dy: np.ndarray, like: np.ndarray, key: Any) -> np.ndarray:
    result = np.zeros(like.shape)
    result[key] = dy
    return result


def _slice(*parts: Any) -> tuple[Any, ...]:
    return tuple(("slice", p.start, p.stop, p.step) if isinstance(p, slice) else p for p in parts)


def _cut(shape: tuple[int, ...], *parts: Any) -> tuple[Any, ...]:
    return (draw(shape),), {"index": _slice(*parts)}, lambda x: x[parts]


def _uncut(shape: tuple[int, ...], *parts: Any) -> tuple[Any, ...]:
    like = draw(shape)
    dy = draw(np.shape(like[parts]))
    return (dy, like), {"index": _slice(*parts)}, lambda d, x: _unslice(d, x, parts)


IDX = np.array([[2, 0], [1, 2]], np.int32)

LAYOUT: dict[str, list[Case]] = {
    "reshape": calls(
        ((draw((2, 3)),), {"shape": (3, 2)}, lambda x: x.ravel().reshape(3, 2)),
        ((draw((2, 3)),), {"shape": (-1,)}, lambda x: x.ravel()),
        ((draw((1, 1)),), {"shape": ()}, lambda x: x[0, 0]),
        ((draw(()),), {"shape": (1, 1)}, lambda x: np.array([[x]])),
        ((draw((0, 3)),), {"shape": (3, 0)}, lambda x: np.zeros((3, 0))),
        linear=(0,),
    ),
    "reshape_like": calls(
        ((draw((2, 3)), draw((6,))), {}, lambda x, like: x.ravel()),
        ((draw(()), draw((1, 1))), {}, lambda x, like: np.array([[x]])),
        ((draw((0, 3)), draw((3, 0))), {}, lambda x, like: np.zeros((3, 0))),
        linear=(0,),
    ),
    "reshape_to": calls(
        ((draw((2, 3)), np.int32([3, -1])), {}, lambda x, shape: x.ravel().reshape(3, 2)),
        ((draw((1,)), np.zeros(0, np.int32)), {}, lambda x, shape: x[0]),
        ((draw((0, 3)), np.int64([0, 5])), {}, lambda x, shape: np.zeros((0, 5))),
        linear=(0,),
    ),
    "expand_dims": calls(
        ((draw((2, 3)),), {"axes": (1,)}, lambda x: x[:, None]),
        ((draw((2,)),), {"axes": (0, 2)}, lambda x: x[None, :, None]),
        ((draw(()),), {"axes": (0,)}, lambda x: x[None]),
        ((draw((0,)),), {"axes": (1,)}, lambda x: np.zeros((0, 1))),
        linear=(0,),
    ),
    "squeeze": calls(
        ((draw((2, 1, 3)),), {"axes": (1,)}, lambda x: x[:, 0]),
        ((draw((1, 2, 1)),), {"axes": (0, 2)}, lambda x: x[0, :, 0]),
        ((draw((1,)),), {"axes": (0,)}, lambda x: x[0]),
        ((draw((0, 1)),), {"axes": (1,)}, lambda x: np.zeros(0)),
        ((draw((2, 1)),), {"axes": ()}, lambda x: x),
        linear=(0,),
    ),
    "transpose": calls(
        ((draw((2, 3)),), {"perm": (1, 0)}, lambda x: x.T),
        ((draw((2, 3, 4)),), {"perm": (2, 0, 1)}, lambda x: np.einsum("abc->cab", x)),
        ((draw(()),), {"perm": ()}, lambda x: x),
        ((draw((0, 3)),), {"perm": (1, 0)}, lambda x: np.zeros((3, 0))),
        linear=(0,),
    ),
    "broadcast_to": calls(
        ((draw((3, 1)),), {"shape": (2, 3, 2)}, lambda x: np.ones((2, 3, 2)) * x),
        ((draw(()),), {"shape": (2, 2)}, lambda x: np.ones((2, 2)) * x),
        ((draw((1,)),), {"shape": (0,)}, lambda x: np.zeros(0)),
        linear=(0,),
    ),
    "broadcast_like": calls(
        ((draw((3, 1)), draw((2, 3, 2))), {}, lambda x, like: np.ones((2, 3, 2)) * x),
        ((draw(()), draw(())), {}, lambda x, like: x),
        ((draw((1, 2)), draw((0, 2))), {}, lambda x, like: np.zeros((0, 2))),
        linear=(0,),
    ),
    "sum_like": calls(
        ((draw((2, 3, 2)), draw((3, 1))), {}, _sum_to),
        ((draw((2, 3)), draw(())), {}, _sum_to),
        ((draw((2, 3)), draw((2, 3))), {}, _sum_to),
        ((draw((0, 2)), draw((1, 2))), {}, _sum_to),
        linear=(0,),
    ),
    "slice": calls(
        _cut((4, 3), 1),
        _cut((4, 3), slice(None, None, 2), slice(1, None)),
        _cut((4, 3), Ellipsis, -1),
        _cut((5,), slice(None, None, -2)),
        _cut((4, 3), None, 2, None, slice(0, 2)),
        _cut((2, 3, 4), 1, Ellipsis, slice(None, -1)),
        _cut((3,), slice(2, 1)),
        _cut((3,), slice(-100, 100)),
        _cut((3,), 2),
        _cut((), None),
        _cut(()),
        linear=(0,),
    ),
    "unslice": calls(
        _uncut((4, 3), 1),
        _uncut((4, 3), slice(None, None, 2), slice(1, None)),
        _uncut((5,), slice(None, None, -2)),
        _uncut((3,), slice(2, 1)),
        _uncut((3,), 0),
        linear=(0,),
    ),
    "concat": calls(
        ((draw((2, 3)), draw((1, 3))), {"axis": 0}, lambda *p: np.vstack(p)),
        ((draw((2, 1)), draw((2, 0)), draw((2, 2))), {"axis": 1}, lambda *p: np.hstack(p)),
        needs_sizes=True,
    )
    + calls(  # linear in one part while the others are 0
        ((draw((3,)),), {"axis": 0}, lambda x: x),
        ((draw((2, 2)), np.zeros((2, 1))), {"axis": 1}, lambda *p: np.hstack(p)),
        linear=(0,),
        needs_sizes=True,
    ),
    "gather": calls(
        ((draw((3, 2)), IDX), {"axis": 0}, lambda p, i: _gather(p, i, 0)),
        ((draw((2, 3, 2)), IDX), {"axis": 1}, lambda p, i: _gather(p, i, 1)),
        ((draw((3, 2)), np.int64(1)), {"axis": 0}, lambda p, i: p[1]),
        ((draw((3,)), np.zeros(0, np.int32)), {"axis": 0}, lambda p, i: np.zeros(0)),
        linear=(0,),
    ),
    "scatter_add": calls(
        ((draw((2, 2, 2)), IDX, draw((3, 2))), {"axis": 0}, lambda d, i, p: _scatter(d, i, p, 0)),
        (
            (draw((2, 2, 2, 2)), IDX, draw((2, 3, 2))),
            {"axis": 1},
            lambda d, i, p: _scatter(d, i, p, 1),
        ),
        (
            (draw((2,)), np.int64(1), draw((3, 2))),
            {"axis": 0},
            lambda d, i, p: _scatter(d, i, p, 0),
        ),
        ((draw((0,)), np.zeros(0, np.int32), draw((3,))), {"axis": 0}, lambda d, i, p: np.zeros(3)),
        linear=(0,),
    ),
    "broadcast_to_shape": calls(
        ((draw((3, 1)), np.int32([2, 3, 2])), {}, lambda x, shape: np.ones((2, 3, 2)) * x),
        ((draw(()), np.zeros(0, np.int32)), {}, lambda x, shape: x),
        ((draw((1, 2)), np.int64([0, 2])), {}, lambda x, shape: np.zeros((0, 2))),
        linear=(0,),
    ),
    "broadcast_shapes": calls(
        ((np.int32([2, 1]), np.int32([3])), {}, lambda a, b: np.int32([2, 3])),
        ((np.zeros(0, np.int64), np.int64([4, 0])), {}, lambda a, b: np.int64([4, 0])),
        ((np.int32([5]), np.int32([1, 1])), {}, lambda a, b: np.int32([1, 5])),
    ),
    "ensure_shape": calls(
        ((draw((2, 3)),), {"shape": (None, 3)}, lambda x: x),
        ((draw((0, 3)),), {"shape": None}, lambda x: x),
        ((draw(()),), {"shape": ()}, lambda x: x),
        linear=(0,),
    ),
    "part_of_concat": calls(
        ((draw((3, 2)), draw((1, 2)), draw((2, 2))), {"axis": 0, "which": 1}, lambda x, *p: x[1:]),
        (
            (draw((2, 3)), draw((2, 0)), draw((2, 3))),
            {"axis": 1, "which": 0},
            lambda x, *p: x[:, :0],
        ),
        linear=(0,),
    ),
    "tile": calls(
        ((draw((2, 3)),), {"multiples": (2, 1)}, lambda x: np.vstack([x, x])),
        ((draw((2,)),), {"multiples": (3,)}, lambda x: np.hstack([x, x, x])),
        ((draw((2,)),), {"multiples": (0,)}, lambda x: np.zeros(0)),
        ((draw(()),), {"multiples": ()}, lambda x: x),
        linear=(0,),
    ),
    "untile": calls(
        ((draw((4, 3)), draw((2, 3))), {"multiples": (2, 1)}, lambda d, x: d[:2] + d[2:]),
        ((draw((6,)), draw((2,))), {"multiples": (3,)}, lambda d, x: d[:2] + d[2:4] + d[4:]),
        ((draw((0,)), draw((2,))), {"multiples": (0,)}, lambda d, x: np.zeros(2)),
        ((draw(()), draw(())), {"multiples": ()}, lambda d, x: d),
        linear=(0,),
    ),
    "repeated_positions": calls(
        ((np.int32([2, 0, 1]),), {}, lambda n: np.int32([0, 0, 2])),
        ((np.zeros(0, np.int32),), {}, lambda n: np.zeros(0, np.int32)),
    ),
    "roll": calls(
        ((draw((4,)),), {"shift": (1,), "axis": (0,)}, lambda x: x[[3, 0, 1, 2]]),
        (
            (draw((3, 2)),),
            {"shift": (-1, 1), "axis": (0, 1)},
            lambda x: x[[1, 2, 0]][:, ::-1],
        ),
        ((draw((0, 2)),), {"shift": (1,), "axis": (0,)}, lambda x: x),
        linear=(0,),
    ),
    "reverse_sequence": calls(
        (
            (draw((2, 3)), np.int32([2, 3])),
            {"seq_axis": 1, "batch_axis": 0},
            lambda x, n: np.stack([x[0, [1, 0, 2]], x[1, ::-1]]),
        ),
        (
            (draw((3, 2, 2)), np.int64([0, 2])),
            {"seq_axis": 0, "batch_axis": 1},
            lambda x, n: np.stack([x[:, 0], x[[1, 0, 2], 1]], 1),
        ),
        (
            (draw((0, 3)), np.zeros(0, np.int32)),
            {"seq_axis": 1, "batch_axis": 0},
            lambda x, n: x,
        ),
        linear=(0,),
    ),
    "range": calls(
        ((np.int32(2), np.int32(9), np.int32(3)), {}, lambda a, b, d: np.int32([2, 5, 8])),
        (
            (np.float64(0), np.float64(1), np.float64(0.25)),
            {},
            lambda a, b, d: [0, 0.25, 0.5, 0.75],
        ),
        ((np.int64(3), np.int64(3), np.int64(1)), {}, lambda a, b, d: np.zeros(0, np.int64)),
    ),
    "pad": calls(
        (
            (draw((2, 2)), draw(())),
            {"paddings": ((1, 0), (0, 2))},
            lambda x, v: np.block([[np.full((1, 4), v)], [x, np.full((2, 2), v)]]),
        ),
        ((draw((2,)), np.float64(0.0)), {"paddings": ((1, 1),)}, lambda x, v: np.r_[0, x, 0]),
        ((draw((0,)), draw(())), {"paddings": ((0, 2),)}, lambda x, v: np.full(2, v)),
        ((draw(()), draw(())), {"paddings": ()}, lambda x, v: x),
    ),
    "mirror_pad": calls(
        (
            (draw((3,)),),
            {"paddings": ((2, 1),), "mode": "reflect"},
            lambda x: x[[2, 1, 0, 1, 2, 1]],
        ),
        (
            (draw((2, 3)),),
            {"paddings": ((1, 0), (0, 2)), "mode": "symmetric"},
            lambda x: x[[0, 0, 1]][:, [0, 1, 2, 2, 1]],
        ),
        (
            (draw((0, 2)),),
            {"paddings": ((0, 0), (1, 0)), "mode": "symmetric"},
            lambda x: x[:, [0, 0, 1]],
        ),
        ((draw(()),), {"paddings": (), "mode": "reflect"}, lambda x: x),
        linear=(0,),
    ),
    "mirror_unpad": calls(
        (
            (draw((6,)), draw((3,))),
            {"paddings": ((2, 1),), "mode": "reflect"},
            lambda d, x: np.array([d[2], d[1] + d[3] + d[5], d[0] + d[4]]),
        ),
        (
            (draw((0, 3)), draw((0, 2))),
            {"paddings": ((0, 0), (1, 0)), "mode": "symmetric"},
            lambda d, x: np.zeros((0, 2)),
        ),
        ((draw(()), draw(())), {"paddings": (), "mode": "reflect"}, lambda d, x: d),
        linear=(0,),
    ),
    "gather_nd": calls(
        (
            (draw((2, 3)), np.int32([[0, 1], [1, 2]])),
            {"batch_dims": 0},
            lambda p, i: p[[0, 1], [1, 2]],
        ),
        ((draw((2, 3)), np.int32([[1], [0], [1]])), {"batch_dims": 0}, lambda p, i: p[[1, 0, 1]]),
        ((draw((2, 3)), np.int64([1, 2])), {"batch_dims": 0}, lambda p, i: p[1, 2]),
        (
            (draw((2, 3, 2)), np.int32([[[2]], [[0]]])),
            {"batch_dims": 1},
            lambda p, i: np.stack([p[0, [2]], p[1, [0]]]),
        ),
        ((draw((3,)), np.zeros((0, 1), np.int32)), {"batch_dims": 0}, lambda p, i: np.zeros(0)),
        (
            (draw((2,)), np.zeros((3, 0), np.int32)),
            {"batch_dims": 0},
            lambda p, i: np.stack([p] * 3),
        ),
        linear=(0,),
    ),
    "scatter_nd_add": calls(
        (
            (draw((3,)), np.int32([[1], [3], [1]]), draw((5,))),
            {"batch_dims": 0},
            lambda u, i, x: np.array([0, u[0] + u[2], 0, u[1], 0]),
        ),
        (
            (draw((2, 3)), np.int32([[1], [0]]), draw((2, 3))),
            {"batch_dims": 0},
            lambda u, i, x: u[[1, 0]],
        ),
        (
            (draw((2, 1, 2)), np.int32([[[2]], [[0]]]), draw((2, 3, 2))),
            {"batch_dims": 1},
            lambda u, i, x: _put(x, [(0, 2), (1, 0)], u[:, 0]),
        ),
        (
            (draw(()), np.int32([1]), draw((2,))),
            {"batch_dims": 0},
            lambda u, i, x: np.array([0, u]),
        ),
        (
            (draw((0,)), np.zeros((0, 1), np.int32), draw((3,))),
            {"batch_dims": 0},
            lambda u, i, x: np.zeros(3),
        ),
        linear=(0,),
    ),
    "tensor_scatter_nd_update": calls(
        (
            (draw((4,)), np.int32([[2], [0]]), draw((2,))),
            {},
            lambda t, i, u: np.array([u[1], t[1], u[0], t[3]]),
        ),
        (
            (draw((2, 2)), np.int32([[1, 0]]), draw((1,))),
            {},
            lambda t, i, u: np.array([[t[0, 0], t[0, 1]], [u[0], t[1, 1]]]),
        ),
        ((draw((2,)), np.int32([1]), draw(())), {}, lambda t, i, u: np.array([t[0], u])),
        ((draw((2,)), np.zeros((0, 1), np.int32), draw((0,))), {}, lambda t, i, u: t),
    ),
    **{
        f"tensor_scatter_nd_{name}": calls(
            (
                (distinct((4,)), np.int32([[2], [0], [2]]), distinct((3,)) + 0.07),
                {},
                lambda t, i, u, pick=pick: np.array(
                    [pick(t[0], u[1]), t[1], pick(t[2], pick(u[0], u[2])), t[3]]
                ),
            ),
            (
                (draw((2,)), np.int32([1]), draw(()) + 5),
                {},
                lambda t, i, u, pick=pick: [t[0], pick(t[1], u)],
            ),
            ((draw((2,)), np.zeros((0, 1), np.int32), draw((0,))), {}, lambda t, i, u: t),
        )
        for name, pick in (("max", max), ("min", min))
    },
}
