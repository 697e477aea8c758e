"""The figure style: what a figure draws stands out from a white page and from a dark one."""

from __future__ import annotations

import io
from typing import Any

import matplotlib.image
import matplotlib.style
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib_inline.backend_inline import _fetch_figure_metadata

from course.lab import figure_style
from course.lab.figures import COLOURS, GREY, Y_GREY

PAGES = {"light": (255, 255, 255), "dark": (17, 17, 17)}


def luminance(colour: tuple[int, ...]) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    parts = np.array(colour) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))


@pytest.mark.parametrize("page", PAGES)
def test_text_and_lines_stand_out_from_the_page(page: str) -> None:
    assert contrast(rgb(GREY), PAGES[page]) >= 4
    for colour in (*COLOURS, Y_GREY):
        assert contrast(rgb(colour), PAGES[page]) >= 3, colour


def test_the_notebook_puts_no_ground_behind_a_figure() -> None:
    def ground(style: dict[str, Any]) -> Any:
        with matplotlib.style.context(style):
            figure = Figure()
            figure.add_subplot().plot([0, 1], [0, 1])
            return _fetch_figure_metadata(figure)

    assert ground(figure_style) is None
    assert ground({**figure_style, "ytick.color": GREY}) == {"needs_background": "light"}


def test_a_figure_has_no_ground_of_its_own_and_its_writing_is_grey() -> None:
    file = io.BytesIO()
    with matplotlib.style.context(figure_style):
        figure = Figure(figsize=(3, 2), dpi=100)
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], label="line")
        axes.set(xlabel="across", title="above")
        axes.legend()
        figure.savefig(file, format="png")
    file.seek(0)
    picture = matplotlib.image.imread(file)
    assert picture.shape == (200, 300, 4)
    assert np.mean(picture[..., 3] == 0) > 0.8
    solid = np.unique((picture[picture[..., 3] == 1][:, :3] * 255).round().astype(int), axis=0)
    assert {tuple(map(int, colour)) for colour in solid} >= {rgb(GREY), rgb(COLOURS[0])}
    assert solid.min() >= 0 and not (solid == 0).all(axis=1).any()  # no black
    assert not (solid == 255).all(axis=1).any()  # no white
