"""SlopeView: its algebra, what it refuses, and the picture that stays without a kernel."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pytest

from course.lab import SlopeView
from course.lab.slope_view import LARGEST, SMALLEST, difference, slope, value

CURVES = [(1.0, -1.0, 0.0, 1 / 3), (2.0,), (0.0, 0.5, -2.0, 1.0, 0.25)]


@pytest.mark.parametrize("factors", CURVES)
@pytest.mark.parametrize("w", [-1.5, 0.0, 2.25])
def test_value_and_slope_are_those_of_numpys_polynomials(factors, w):
    curve = np.polynomial.Polynomial(factors)
    assert value(factors, w) == pytest.approx(curve(w))
    assert slope(factors, w) == pytest.approx(curve.deriv()(w))


def test_a_forward_error_shrinks_with_h_and_a_central_one_with_its_square():
    factors, w = CURVES[0], 1.5
    for central, power in ((False, 1), (True, 2)):
        wide, narrow = (
            difference(factors, w, h, central) - slope(factors, w) for h in (2**-5, 2**-6)
        )
        assert wide / narrow == pytest.approx(2**power, rel=0.02)


def test_the_static_picture_says_what_the_widget_measures():
    view = SlopeView(w=1.0, h=0.25, central=True)
    kept = view._static()
    found = re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", kept["text/plain"].split("tells")[1])
    measured, exact, error = (float(number) for number in found)
    assert measured == pytest.approx(0.25**2 / 3, rel=1e-3)  # what is left of the cubic term
    assert (exact, error) == (0.0, pytest.approx(0.25**2 / 3, rel=0.05))
    assert kept["text/html"].startswith("<figure") and "image/png" in kept["text/html"]
    assert kept["text/plain"] in unescape(kept["text/html"])
    assert view._png().startswith(b"\x89PNG")


def test_a_place_off_the_curve_and_an_endless_nudge_are_refused():
    with pytest.raises(ValueError, match=r"w = 3 is not between low = -1 and high = 2"):
        SlopeView(w=3, low=-1, high=2)
    for h in (0, SMALLEST / 2, 2 * LARGEST):
        with pytest.raises(ValueError, match=r"h = .* is not between"):
            SlopeView(h=h)
