"""Native kernels of convolution and pooling: one table, KERNELS, from the names of primitives.

Each entry gets the specs of the inputs, the attributes and the spec of the output, and returns the text of
`work(inputs..., output)`, or None where NumPy's kernel has to do: sizes that are not known, dtypes other than
float32 and float64, three spatial axes, groups of several channels or filters, and what NumPy is faster at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any

from engine.graph.native import pools
from engine.graph.native.convolutions import convolve
from engine.graph.native.depthwise import depthwise, depthwise_filter, depthwise_input
from engine.graph.native.filters import FilterSums
from engine.graph.native.sliding import Axis, axes_of, known
from engine.graph.native.threads import Team
from engine.graph.native.vectors import Vectors
from engine.spec import TensorSpec

Specs = Sequence[TensorSpec]
Attrs = dict[str, Any]
Sizes = tuple[int, ...]


# --- convolution ------------------------------------------------------------------------------------


FEWEST = 4  # channels to be made; with fewer, most lanes of a register would be idle, and NumPy is faster


def _axes(x: Sizes, filters: Sizes, how: Attrs) -> tuple[Axis, Axis] | None:
    axes = axes_of(x[1:-1], filters[:-2], how)
    return axes if axes and min(axis.before for axis in axes) >= 0 else None


def _is_product(axes: tuple[Axis, Axis]) -> bool:
    """Whether it is a matrix product already: windows of one element, and each place its own."""
    return all((a.window, a.stride, a.before, a.count) == (1, 1, 0, a.size) for a in axes)


def _is_depthwise(x: Sizes, filters: Sizes) -> bool:
    """Whether each channel is seen by one filter, and that by no other channel."""
    return filters[-2:] == (1, x[-1]) and x[-1] >= FEWEST


def conv(inputs: Specs, how: Attrs, output: TensorSpec) -> str | None:
    """`work(x, w, y)`."""
    sizes = known(*inputs, output)
    axes = sizes and _axes(sizes[0], sizes[1], how)
    if not sizes or not axes:
        return None
    (x, filters, _), w = sizes, Team(3, output.dtype)
    if _is_depthwise(x, filters):
        return w.text() if depthwise(w, x[0], axes, x[-1], "%a2") else None
    if x[-1] != filters[-2] or _is_product(axes) or filters[-1] < FEWEST:
        return None
    return w.text() if convolve(w, x[0], axes, False, filters[-2:], "%a2") else None


def conv_backprop_input(inputs: Specs, how: Attrs, output: TensorSpec) -> str | None:
    """`work(dy, w, like, dx)`."""
    sizes = known(*inputs, output)
    axes = sizes and _axes(sizes[3], sizes[1], how)
    if not sizes or not axes:
        return None
    (_, filters, _, x), w = sizes, Team(4, output.dtype)
    if _is_depthwise(x, filters):
        return w.text() if depthwise_input(w, x[0], axes, x[-1], "%a3") else None
    if x[-1] != filters[-2] or _is_product(axes) or x[-1] < FEWEST:
        return None
    return w.text() if convolve(w, x[0], axes, True, filters[:-3:-1], "%a3") else None


def conv_backprop_filter(inputs: Specs, how: Attrs, output: TensorSpec) -> str | None:
    """`work(x, dy, like, dw)`."""
    sizes = known(*inputs, output)
    axes = sizes and _axes(sizes[0], sizes[3], how)
    if not sizes or not axes:
        return None
    (x, _, _, filters), w = sizes, Team(4, output.dtype)
    if _is_depthwise(x, filters):
        return w.text() if depthwise_filter(w, x[0], axes, x[-1], "%a3") else None
    if x[-1] != filters[-2] or filters[-1] < FEWEST:
        return None
    FilterSums(w, axes, *filters[-2:]).write(x[0], "%a3")
    return w.text()


# --- pooling ----------------------------------------------------------------------------------------


def _pool(write: Any, which: int, inputs: Specs, how: Attrs, output: TensorSpec) -> str | None:
    """The text of a kernel whose windows slide over argument `which`, the output being the last."""
    sizes = known(*inputs, output)
    axes = sizes and axes_of(sizes[which][1:-1], how["window"], how)
    if not sizes or not axes:
        return None
    w = Vectors(len(sizes), output.dtype)
    more = (how["mean"],) if "mean" in how else ()
    target = f"%a{len(inputs)}"
    return w.text() if write(w, sizes[0][0], axes, sizes[0][-1], *more, target) else None


Entry = Callable[[Specs, Attrs, TensorSpec], str | None]

KERNELS: dict[str, Entry] = {
    "conv": conv,
    "conv_backprop_input": conv_backprop_input,
    "conv_backprop_filter": conv_backprop_filter,
    "max_pool": partial(_pool, pools.largest, 0),
    "max_pool_backprop": partial(_pool, pools.hand_back, 1),
    "window_sum": partial(_pool, pools.sum_windows, 0),
    "window_spread": partial(_pool, pools.spread, 1),
}


def in_place(op: str, inputs: Specs, how: Attrs, output: TensorSpec) -> tuple[int, ...]:
    """The inputs whose arrays may be given for the output, if nobody needs them any more."""
    if op != "max_pool_backprop" or not known(*inputs, output):
        return ()
    axes = axes_of(output.dims[1:-1], how["window"], how)  # type: ignore[index]
    return (1,) if axes and pools.covered(axes) else ()


def turns(op: str, inputs: Specs, output: TensorSpec) -> int:
    """How much work it is, in elements that go through simple arithmetic: to weigh against compiling."""
    sizes = known(*inputs, output)
    if not sizes:
        return 0
    if not op.startswith("conv"):
        return max(map(prod, sizes))
    filters = sizes[3] if op == "conv_backprop_filter" else sizes[1]
    places = prod(sizes[-1 if op == "conv" else 0 if op == "conv_backprop_input" else 1][:-1])
    return places * prod(filters)
