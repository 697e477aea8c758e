"""SlopeView: a curve, a knob on it, a nudge h, and the slope that the nudge tells.

The curve is a polynomial, so that the browser (`slope_view.js`) and this file can both compute its
values and its exact slope.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import traitlets

from course.lab.base import LabWidget, asset, data_uri, image_figure, module

CURVE, SECANT, TANGENT, POINTS = "#0072B2", "#D55E00", "#009E73", "#222222"
SMALLEST, LARGEST = 2.0**-14, 1.0
"""Of the nudge h: small enough to see where it leads, far from where rounding begins."""


def value(factors: Sequence[float], w: float) -> float:
    """A polynomial from its factors, the constant first.

    >>> value([1, -1, 0, 2], 3.0)
    52.0
    """
    total = 0.0
    for factor in reversed(factors):
        total = total * w + factor
    return total


def slope(factors: Sequence[float], w: float) -> float:
    """Its exact slope: the rule of powers, term by term.

    >>> slope([1, -1, 0, 2], 3.0)
    53.0
    """
    return value([power * factor for power, factor in enumerate(factors)][1:] or [0.0], w)


def difference(factors: Sequence[float], w: float, h: float, central: bool) -> float:
    """The slope that a nudge tells: forward from w to w + h, central from w - h to w + h.

    >>> difference([0, 0, 1], 3.0, 0.5, False), difference([0, 0, 1], 3.0, 0.5, True)
    (6.5, 6.0)
    """
    start = w - h if central else w
    return (value(factors, w + h) - value(factors, start)) / (w + h - start)


class SlopeView(LabWidget):
    """A loss with one knob: `SlopeView()`.

    Drag the point along the curve, or move it with the arrow keys; make h smaller, and watch the
    line through both points turn into the line that only touches the curve.

    Arguments:
        factors: of 1, w, w², ... in the loss.
        w: where the knob stands.
        h: the length of the nudge, from 1 down to 2**-14.
        central: nudge to both sides, instead of forward only.
        low, high: the part of the curve that is drawn.
    """

    _esm = module("slope_view.js")
    _css = asset("lab.css") + asset("slope_view.css")
    factors: traitlets.List = traitlets.List().tag(sync=True)
    w = traitlets.Float().tag(sync=True)
    h = traitlets.Float().tag(sync=True)
    central = traitlets.Bool().tag(sync=True)
    low = traitlets.Float().tag(sync=True)
    high = traitlets.Float().tag(sync=True)

    def __init__(
        self,
        factors: Sequence[float] = (1, -1, 0, 1 / 3),
        *,
        w: float = 1.5,
        h: float = 0.5,
        central: bool = False,
        low: float = -2.2,
        high: float = 2.4,
    ) -> None:
        if not low <= w <= high:
            raise ValueError(f"w = {w} is not between low = {low} and high = {high}")
        if not SMALLEST <= h <= LARGEST:
            raise ValueError(f"h = {h} is not between {SMALLEST:.2g} and {LARGEST:g}")
        super().__init__(
            factors=[float(factor) for factor in factors],
            w=w,
            h=h,
            central=central,
            low=low,
            high=high,
        )

    def _static(self) -> dict[str, str]:
        measured = difference(self.factors, self.w, self.h, self.central)
        exact = slope(self.factors, self.w)
        words = (
            f"A curve, and a knob at w = {self.w:g}. A {'central' if self.central else 'forward'} "
            f"nudge of h = {self.h:g} tells a slope of {measured:.4g}; the curve's own slope there "
            f"is {exact:.4g}, so the error is {measured - exact:.2g}."
        )
        caption = words + " Orange: the line through both points. Green, dashed: the tangent."
        uri = data_uri("image/png", self._png())
        return {"text/plain": words, "text/html": image_figure(uri, words, caption)}

    def _png(self) -> bytes:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5.2, 3.4), dpi=110, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        f, ends = self.factors, [self.low, self.high]
        ws = [self.low + (self.high - self.low) * i / 200 for i in range(201)]
        heights = [value(f, w) for w in ws]
        axes.plot(ws, heights, color=CURVE, linewidth=2.5)
        here, start = value(f, self.w), self.w - self.h if self.central else self.w
        lines = [
            (self.w, here, slope(f, self.w), TANGENT, "--"),
            (start, value(f, start), difference(f, self.w, self.h, self.central), SECANT, "-"),
        ]
        for at, height, steep, colour, style in lines:
            axes.plot(ends, [height + steep * (end - at) for end in ends], style, color=colour)
        axes.plot([start, self.w + self.h], [value(f, start), value(f, self.w + self.h)], "o",
                  color=SECANT)  # fmt: skip
        axes.plot([self.w], [here], "o", color=POINTS, markersize=8)
        margin = 0.1 * (max(heights) - min(heights))
        axes.set_ylim(min(heights) - margin, max(heights) + margin)
        axes.set_xlabel("knob w")
        axes.set_ylabel("loss L(w)")
        file = io.BytesIO()
        figure.savefig(file, format="png")
        return file.getvalue()
