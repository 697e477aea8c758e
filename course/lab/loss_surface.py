"""LossSurface: the loss of w*x + b over every w and b, and gradient descent walking down on it.

The surface belongs to the points that it is given: its minimum, its steep and its flat direction are
computed here from them. The steps are taken in the browser (`loss_surface.js`), one by one.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import traitlets

from course.lab.base import LabWidget, asset, data_uri, image_figure, module
from course.lab.series import COLOURS

LEVELS = 10
STATIC_STEPS = 30
OWN = [COLOURS[1], "#7a2557", "#222222"]  # walks of the caller's, as in loss_surface.css
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Bowl:
    """The mean squared error of a line over w and b: a bowl, told by its bottom and its curvature.

    >>> bowl = Bowl.of([-1, 0, 1, 2, 3, 4], [-3, -1, 1, 3, 5, 7])
    >>> [round(value, 3) for value in (*bowl.bottom, *bowl.curvatures)]
    [2.0, -1.0, 1.032, 11.301]
    """

    bottom: tuple[float, float]
    lowest: float
    curvatures: tuple[float, float]
    """Along the flat direction and along the steep one: the eigenvalues of the Hessian."""
    directions: tuple[tuple[float, float], tuple[float, float]]

    @classmethod
    def of(cls, x: Sequence[float], y: Sequence[float]) -> Bowl:
        xs, ys = np.asarray(x, float), np.asarray(y, float)
        table = np.stack([xs, np.ones_like(xs)], axis=1)
        values, vectors = np.linalg.eigh(2 * table.T @ table / len(xs))
        if values[0] <= 1e-9 * values[1]:
            raise ValueError(
                "a line needs points at two different x at least: with one x there is no lowest "
                f"place, but a whole valley floor; got x = {list(x)}"
            )
        (w, b), *_ = np.linalg.lstsq(table, ys, rcond=None)
        flat, steep = (tuple(map(float, vectors[:, i])) for i in (0, 1))
        lowest = float(np.mean((w * xs + b - ys) ** 2))
        return cls(
            (float(w), float(b)),
            lowest if lowest > 1e-20 else 0.0,
            (float(values[0]), float(values[1])),
            (flat, steep),  # type: ignore[arg-type]
        )

    def above(self, w: float, b: float) -> float:
        """How far the loss at w, b lies above the lowest one."""
        away = np.array([w, b]) - self.bottom
        along = np.array(self.directions) @ away
        return float(np.sum(np.array(self.curvatures) * along**2) / 2)


def slider_range(limit: float) -> tuple[float, float]:
    """(end, step) of a slider for rates: a round end well above the largest stable rate.

    >>> slider_range(0.177), slider_range(1.0)
    ((0.25, 0.001), (1.5, 0.01))
    """
    wanted = 1.3 * limit
    power = 10.0 ** math.floor(math.log10(wanted))
    end = next(e for e in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if e * power >= wanted) * power
    return float(f"{end:.3g}"), float(f"{power / 100:.3g}")


def walk(
    x: Sequence[float],
    y: Sequence[float],
    start: tuple[float, float],
    rate: float,
    steps: int,
    momentum: float = 0.0,
) -> list[tuple[float, float]]:
    """Where gradient descent stands after 0, 1, ... steps, as long as it stands somewhere."""
    xs, ys = np.asarray(x, float), np.asarray(y, float)
    (w, b), path = start, [start]
    speed_w = speed_b = 0.0
    for _ in range(steps):
        wrong = w * xs + b - ys
        speed_w = momentum * speed_w - rate * 2 * float(np.mean(wrong * xs))
        speed_b = momentum * speed_b - rate * 2 * float(np.mean(wrong))
        w, b = w + speed_w, b + speed_b
        if not abs(w) + abs(b) < 1e6:
            break
        path.append((w, b))
    return path


class LossSurface(LabWidget):
    """The loss over w and b, seen from above: `LossSurface(x, y)`.

    Click into the picture, or focus it and use the arrow keys, to choose where the walk starts.

    Arguments:
        x, y: the points.
        w, b: where the walk starts.
        learning_rate: where its slider stands.
        directions: whether to draw the steep and the flat direction, and to tell what a step does
            along each.
        momentum: where the slider of the momentum stands; without it there is none.
        paths: walks that you took yourself, name -> list of (w, b).
    """

    _esm = module("loss_surface.js")
    _css = asset("lab.css") + asset("loss_surface.css")
    xs: traitlets.List = traitlets.List().tag(sync=True)
    ys: traitlets.List = traitlets.List().tag(sync=True)
    start: traitlets.List = traitlets.List().tag(sync=True)
    rate = traitlets.Float().tag(sync=True)
    rates: traitlets.List = traitlets.List().tag(sync=True)
    momentum = traitlets.Float(allow_none=True).tag(sync=True)
    directions = traitlets.Bool().tag(sync=True)
    bowl = traitlets.Dict().tag(sync=True)
    view: traitlets.List = traitlets.List().tag(sync=True)
    levels: traitlets.List = traitlets.List().tag(sync=True)
    paths: traitlets.List = traitlets.List().tag(sync=True)

    def __init__(
        self,
        x: Sequence[float] = (-1, 0, 1, 2, 3, 4),
        y: Sequence[float] = (-3, -1, 1, 3, 5, 7),
        *,
        w: float = 0.0,
        b: float = 0.0,
        learning_rate: float = 0.01,
        directions: bool = False,
        momentum: float | None = None,
        paths: Mapping[str, Points] | None = None,
    ) -> None:
        xs, ys = ([float(value) for value in np.ravel(values)] for values in (x, y))
        if len(xs) != len(ys):
            raise ValueError(f"x and y need the same number of points: got {len(xs)}, {len(ys)}")
        self._bowl = Bowl.of(xs, ys)
        end, step = slider_range(2 / self._bowl.curvatures[1])
        if not 0 <= learning_rate <= end:
            raise ValueError(f"the slider for these points goes up to {end:g}: got {learning_rate}")
        away = np.hypot(w - self._bowl.bottom[0], b - self._bowl.bottom[1])
        half = max(1.35 * float(away), 0.5)
        top = self._bowl.above(
            *np.add(self._bowl.bottom, 1.15 * half * np.array(self._bowl.directions[1]))
        )
        super().__init__(
            xs=xs,
            ys=ys,
            start=[float(w), float(b)],
            rate=float(learning_rate),
            rates=[end, step],
            momentum=momentum,
            directions=directions,
            bowl={
                "bottom": list(self._bowl.bottom),
                "lowest": self._bowl.lowest,
                "curvatures": list(self._bowl.curvatures),
                "directions": [list(one) for one in self._bowl.directions],
            },
            view=[*self._bowl.bottom, half],
            # Squares, so that the rings lie equally far apart on the steep side.
            levels=[top * (k / LEVELS) ** 2 for k in range(1, LEVELS + 1)],
            paths=[
                {"name": name, "points": [[float(one), float(other)] for one, other in points]}
                for name, points in (paths or {}).items()
            ],
        )

    def _static(self) -> dict[str, str]:
        bowl = self._bowl
        momentum = self.momentum or 0.0
        path = walk(self.xs, self.ys, tuple(self.start), self.rate, STATIC_STEPS, momentum)
        losses = [bowl.lowest + bowl.above(*place) for place in (path[0], path[-1])]
        words = (
            f"The loss over w and b of {len(self.xs)} points: lowest, {bowl.lowest:.4g}, at "
            f"w = {bowl.bottom[0]:.4g}, b = {bowl.bottom[1]:.4g}. "
        )
        if self.paths:
            words += "Walks: " + ", ".join(one["name"] for one in self.paths) + "."
        else:
            words += (
                f"{len(path) - 1} steps with learning rate {self.rate:g}"
                f"{f' and momentum {momentum:g}' if momentum else ''} lead from loss "
                f"{losses[0]:.4g} to {losses[1]:.4g}."
            )
        uri = data_uri("image/png", self._png(path))
        return {"text/plain": words, "text/html": image_figure(uri, words, words)}

    def _png(self, path: Points) -> bytes:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patheffects import withStroke

        w, b, half = self.view
        wide = 1.2 * half
        figure = Figure(figsize=(5.2, 4.3), dpi=110, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        grid_w, grid_b = np.meshgrid(
            np.linspace(w - wide, w + wide, 120), np.linspace(b - half, b + half, 100)
        )
        above = np.vectorize(self._bowl.above)(grid_w, grid_b)
        axes.contourf(grid_w, grid_b, above, [0, *self.levels], cmap="Blues_r", alpha=0.55)
        axes.contour(grid_w, grid_b, above, self.levels, colors=COLOURS[0], linewidths=0.8)
        if self.directions:
            for direction, style in zip(self._bowl.directions, ("--", "-"), strict=True):
                ends = np.add(self._bowl.bottom, np.outer([-2 * half, 2 * half], direction))
                axes.plot(*ends.T, style, color="#555555", linewidth=1)
        walks = {one["name"]: one["points"] for one in self.paths} or {"": path}
        for i, (name, points) in enumerate(walks.items()):
            look: dict[str, Any] = {"color": "#222222", "linewidth": 1, "marker": "."}
            if self.paths:  # the first on top, wide on a white band, the others thin
                look = {
                    "color": OWN[i % len(OWN)],
                    "linewidth": 1 if i else 2.4,
                    "zorder": 3 - i / 9,
                }
                look["path_effects"] = [] if i else [withStroke(linewidth=4.5, foreground="white")]
            axes.plot(*zip(*points, strict=True), label=name, **look)
        if self.paths:
            axes.legend(frameon=True)
        axes.set(xlim=(w - wide, w + wide), ylim=(b - half, b + half), xlabel="w", ylabel="b")
        axes.set_aspect("equal")
        file = io.BytesIO()
        figure.savefig(file, format="png")
        return file.getvalue()
