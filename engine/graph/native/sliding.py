"""Windows that slide over rows and columns, as the native kernels see them: all sizes are known numbers.

Read `engine.ops.windows` first, which has the arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.dtypes import float32, float64
from engine.ops.windows import amounts, counts
from engine.spec import TensorSpec


@dataclass(frozen=True)
class Axis:
    """One spatial axis: its size, and the windows that slide along it."""

    size: int
    count: int
    window: int
    stride: int
    dilation: int
    before: int

    @property
    def inside(self) -> bool:
        """Whether every element of every window lies inside the axis."""
        last = (self.count - 1) * self.stride + (self.window - 1) * self.dilation - self.before
        return self.before <= 0 and last < self.size

    def place(self, window: int, tap: int) -> int | None:
        """Where element `tap` of a window lies; None in the padding."""
        place = window * self.stride + tap * self.dilation - self.before
        return place if 0 <= place < self.size else None

    def window_at(self, place: int, tap: int) -> int | None:
        """The window whose element `tap` lies at a place; None where there is none."""
        window, rest = divmod(place + self.before - tap * self.dilation, self.stride)
        return window if rest == 0 and 0 <= window < self.count else None


def axes_of(sizes: Any, window: Any, how: dict[str, Any]) -> tuple[Axis, Axis] | None:
    """Rows and columns. One axis alone becomes a single row; with three there is no kernel."""
    strides, dilations = how["strides"], how["dilations"]
    pairs = amounts(how["padding"], sizes, window, strides, dilations)
    made = counts("conv", tuple(sizes), tuple(window), strides, how["padding"], dilations)
    befores = [pair[0] for pair in pairs]
    found = [
        Axis(*facts) for facts in zip(sizes, made, window, strides, dilations, befores, strict=True)
    ]
    if len(found) == 1:
        found.insert(0, Axis(1, 1, 1, 1, 1, 0))
    return (found[0], found[1]) if len(found) == 2 else None


def known(*specs: TensorSpec) -> list[tuple[int, ...]] | None:
    """The sizes, where all are known and none is 0, in a dtype that has kernels; else None."""
    if any(spec.dtype is not specs[-1].dtype for spec in specs):
        return None
    if specs[-1].dtype not in (float32, float64):
        return None
    found = [spec.dims for spec in specs if spec.shape.is_fully_defined()]
    if len(found) < len(specs) or any(0 in dims for dims in found):
        return None
    return found  # type: ignore[return-value]
