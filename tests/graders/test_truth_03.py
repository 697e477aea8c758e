"""The truths of chapter 03, held against a second source: plain arithmetic, NumPy, and a walk."""

import math
from itertools import pairwise

import numpy as np
import pytest

from graders.diagnose import differs
from graders.tasks.base import Draw
from graders.tasks.ch03_gradients import DESCEND, GRADIENTS, NUMERIC, closed_form, paper_gradient
from graders.tasks.ch03_slopes import BEST, BITS, DIFFERENCES, drawn, quotients, right_step
from graders.tasks.ch03_variable import REFUSED, VARIABLE, engine_box, written

DRAW = Draw(3, 2)


def cases(task):
    return [case for check in task.checks for case in check.cases(DRAW)]


def test_quotients_are_what_floats_say():
    assert quotients(drawn(0, 0, 1), 3.0, 0.5) == (6.5, 6.0)
    for f, x, h in cases(DIFFERENCES):
        function = f.build()
        forward = (function(x + h) - function(x)) / h
        central = (function(x + h) - function(x - h)) / (2 * h)
        assert quotients(f, x, h) == pytest.approx((forward, central), rel=1e-9, abs=1e-9)


def test_steps_come_from_the_eps_that_numpy_knows():
    for dtype, bits in BITS.items():
        assert float(np.finfo(dtype).eps) == 2.0**-bits
    for x, dtype, central in cases(BEST):
        step = right_step(x, dtype, central) / max(1, abs(x))
        assert step ** (3 if central else 2) == pytest.approx(2.0 ** -BITS[dtype])
        assert differs(BEST.oracle(x, dtype, central), step * max(1, abs(x))) is None
        assert differs(BEST.oracle(x, dtype, central), 1.02 * step * max(1, abs(x))) is not None


def test_a_step_that_is_called_right_is_nearly_the_best_there_is():
    for dtype in ("float32", "float64"):
        number = np.dtype(dtype).type
        for central in (False, True):

            def error(h, number=number, central=central):
                at, h = number(1), number(h)
                start = at - h if central else at
                return abs(float((np.exp(at + h) - np.exp(start)) / (at + h - start)) - np.e)

            best = min(error(h) for h in 2.0 ** -np.arange(1.0, BITS[dtype], 0.5))
            assert error(right_step(1.0, dtype, central)) < 30 * best


def test_gradients_on_paper_agree_with_differences():
    assert len(GRADIENTS) == 5
    for f, x, h in cases(NUMERIC):
        found, function = np.zeros(x.shape), f.build()
        for place in np.ndindex(x.shape):
            way = np.zeros(x.shape)
            way[place] = h
            found[place] = (function(x + way) - function(x - way)) / (2 * h)
        np.testing.assert_allclose(paper_gradient(f, x, h), found, rtol=1e-8, atol=1e-8)


def test_the_closed_form_is_where_a_walk_leads():
    lengths = set()
    for f, w, rate, steps, h in cases(DESCEND):
        function, path = f.build(), closed_form(f, w, rate, steps, h)
        lengths.add(len(path))
        assert path[0] == w and len(path) == steps + 1
        for now, following in pairwise(path):
            slope = (function(now + h) - function(now - h)) / (2 * h)
            assert following == pytest.approx(now - rate * slope, abs=1e-9)
        assert all(map(math.isfinite, path))
    assert lengths == {1, 2, 7, 101}


def test_the_box_holds_what_numpy_computes_and_refuses_what_does_not_fit():
    refusals = 0
    for initial, steps in cases(VARIABLE):
        found, now = iter(engine_box(initial, steps)), initial
        for verb, array in steps:
            if verb.startswith("assign"):
                try:
                    new = now + array if verb == "assign_add" else array
                except ValueError:
                    new = None
                if new is None or new.shape != now.shape or new.dtype != now.dtype:
                    assert next(found) == REFUSED
                    refusals += 1
                else:
                    now = new
            value = next(found)
            np.testing.assert_array_equal(value, now)
            assert value.dtype == now.dtype
        assert next(found, None) is None
        assert written(initial, steps).startswith("v = Variable(np.array(")
    assert refusals > 15
