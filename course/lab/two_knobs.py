"""TwoKnobs: the line w*x + b over a few points, with w and b on sliders and the loss beside them.

The arithmetic of one training step is small enough to run in the browser (`two_knobs.js`); what
does it for models of any size is `engine/tape.py`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import traitlets

from course.lab.base import LabWidget, asset, data_uri, image_figure, module

POINTS, LINE, MISTAKE = "#222222", "#0072B2", "#D55E00"


def loss_of(w: float, b: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """The mean of the squared mistakes of w*x + b.

    >>> loss_of(2, -1, [0, 1], [-1, 1]), loss_of(2, 0, [0, 1], [-1, 1])
    (0.0, 1.0)
    """
    return sum((w * x + b - y) ** 2 for x, y in zip(xs, ys, strict=True)) / len(xs)


class TwoKnobs(LabWidget):
    """Two sliders, six points, one loss: `TwoKnobs()`.

    Turn w and b by hand, or let gradient descent do one step or fifty with the button.

    Arguments:
        x, y: the points; by default six of y = 2x - 1.
        w, b: where the knobs start.
        learning_rate: of the steps behind the buttons.
        at: the x whose prediction is shown.
    """

    _esm = module("two_knobs.js")
    _css = asset("lab.css") + asset("two_knobs.css")
    xs: traitlets.List = traitlets.List().tag(sync=True)
    ys: traitlets.List = traitlets.List().tag(sync=True)
    w = traitlets.Float().tag(sync=True)
    b = traitlets.Float().tag(sync=True)
    learning_rate = traitlets.Float().tag(sync=True)
    at = traitlets.Float().tag(sync=True)

    def __init__(
        self,
        x: Sequence[float] = (-1, 0, 1, 2, 3, 4),
        y: Sequence[float] = (-3, -1, 1, 3, 5, 7),
        *,
        w: float = 0.5,
        b: float = 0.0,
        learning_rate: float = 0.01,
        at: float = 10.0,
    ) -> None:
        if len(x) != len(y) or not len(x):
            raise ValueError(f"x and y need the same number of points, at least 1: got {x}, {y}")
        super().__init__(
            xs=[float(value) for value in x],
            ys=[float(value) for value in y],
            w=w,
            b=b,
            learning_rate=learning_rate,
            at=at,
        )

    def _static(self) -> dict[str, str]:
        loss = loss_of(self.w, self.b, self.xs, self.ys)
        words = (
            f"The line {self.w:g} * x + {self.b:g} and {len(self.xs)} points: "
            f"the loss, the mean of the squared mistakes, is {loss:.4g}."
        )
        uri = data_uri("image/png", self._png())
        caption = words + " Orange: the mistakes, point by point."
        return {"text/plain": words, "text/html": image_figure(uri, words, caption)}

    def _png(self) -> bytes:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5.2, 3.0), dpi=110, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        guesses = [self.w * x + self.b for x in self.xs]
        axes.vlines(self.xs, self.ys, guesses, color=MISTAKE, linewidth=3)
        axes.plot(self.xs, guesses, color=LINE, linewidth=2)
        axes.plot(self.xs, self.ys, "o", color=POINTS)
        axes.set_xlabel("x")
        axes.set_ylabel("y")
        file = io.BytesIO()
        figure.savefig(file, format="png")
        return file.getvalue()
