"""Matplotlib figures that read on a light and on a dark page: `plt.style.use(figure_style)`.

An output cannot know which theme it will be seen in. So nothing is filled, and everything that is
drawn has a colour with enough contrast to both white and JupyterLab's darkest grey.
"""

from __future__ import annotations

from typing import Any

from cycler import cycler

GREY = "#7a7a7a"
# The notebook puts a white ground behind a transparent figure whose tick labels are all dark, and a
# black one where all are light. These are light by its measure and GREY is dark: it adds none.
Y_GREY = "#818181"
# Okabe-Ito, less its pale colours, which are lost on white; told apart by dashes as well.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#C06898"]
DASHES = ["-", "--", "-.", ":"]

figure_style: dict[str, Any] = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.facecolor": "none",
    "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=DASHES),
    "grid.color": GREY,
    "grid.alpha": 0.3,
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color",
         "legend.edgecolor"), GREY),
    "ytick.color": Y_GREY,
}  # fmt: skip
