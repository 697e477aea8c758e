"""One named line of a loss curve: it keeps every point, and thins them out for drawing."""

from __future__ import annotations

import io
from array import array
from collections.abc import Iterable

import numpy as np

MAX_POINTS = 400
# Okabe-Ito: eight colours that stay apart with every common form of colour blindness.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]


class Series:
    """Points (x, y) in growing arrays of doubles."""

    def __init__(self) -> None:
        self.xs, self.ys = array("d"), array("d")

    def append(self, x: float, y: float) -> None:
        self.xs.append(x)
        self.ys.append(y)

    def extend(self, xs: Iterable[float], ys: Iterable[float]) -> None:
        self.xs.extend(xs)
        self.ys.extend(ys)

    def decimated(self, limit: int = MAX_POINTS) -> tuple[np.ndarray, np.ndarray]:
        """At most `limit` points: of each run of neighbours, the lowest and the highest.

        A spike or a NaN of a single epoch therefore stays visible, however long the run is.
        """
        xs, ys = np.array(self.xs), np.array(self.ys)
        if len(xs) <= limit:
            return xs, ys
        length = -(-len(xs) // (limit // 2 - 1))
        runs = -(-len(xs) // length)
        table = np.pad(ys, (0, runs * length - len(ys)), mode="edge").reshape(runs, length)
        starts = np.arange(runs) * length
        index = np.concatenate(
            ([0], starts + table.argmin(axis=1), starts + table.argmax(axis=1), [len(xs) - 1])
        )
        index = np.unique(np.minimum(index, len(xs) - 1))
        return xs[index], ys[index]

    def packed(self) -> dict[str, bytes]:
        """The drawn points as float32 bytes: small to send, and NaN survives."""
        xs, ys = self.decimated()
        return {"x": xs.astype("<f4").tobytes(), "y": ys.astype("<f4").tobytes()}


def colours_and_dashes(names: list[str]) -> dict[str, tuple[str, bool]]:
    """name -> (colour, dashed): `val_loss` has the colour of `loss`, dashed."""
    bases = list(dict.fromkeys(name.removeprefix("val_") for name in names))
    return {
        name: (
            COLOURS[bases.index(name.removeprefix("val_")) % len(COLOURS)],
            name.startswith("val_"),
        )
        for name in names
    }


def figure_png(series: dict[str, Series], title: str, unit: str, log_scale: bool) -> bytes:
    """The curve as a PNG, drawn without pyplot so that no figure is left open."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.0), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, (colour, dashed) in colours_and_dashes(list(series)).items():
        xs, ys = series[name].decimated()
        last = ys[-1]
        ys = np.where(np.isfinite(ys), ys, np.nan)  # infinity has no place on an axis
        style = "--" if dashed else "-"
        axes.plot(xs, ys, style, color=colour, label=name, linewidth=1.8)
        drawn = np.flatnonzero(np.isfinite(ys))
        if len(drawn):
            axes.annotate(
                f"{last:.4g}",
                (xs[drawn[-1]], ys[drawn[-1]]),
                (4, 0),
                textcoords="offset points",
                color=colour,
                fontsize=8,
                va="center",
                annotation_clip=False,
            )
    if log_scale and any(y > 0 for line in series.values() for y in line.ys):
        axes.set_yscale("log", nonpositive="mask")
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(unit)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
