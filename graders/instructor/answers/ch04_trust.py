"""Answers to the tasks of chapter 04: is a gradient right, and is it there?"""

from __future__ import annotations

import numpy as np

from answers import accepted, wrong

CHECK, NONE = "04.tape.wrong_entries", "04.tape.predicted_gradient"


def _difference(f, x, place, step=1e-5):
    move = np.zeros(len(x))
    move[place] = step
    return (f(x + move) - f(x - move)) / (2 * step)


def _within(claimed, difference):
    return abs(claimed - difference) <= 1e-6 + 1e-3 * abs(difference)


def _wrong_places(f, gradient, x):
    return [i for i in range(len(x)) if not _within(gradient[i], _difference(f, x, i))]


@wrong(CHECK, "yes_or_no")
def entries_yes_or_no(f, gradient, x):
    return bool(_wrong_places(f, gradient, x))


@wrong(CHECK, "right_ones")
def entries_that_are_right(f, gradient, x):
    return [i for i in range(len(x)) if _within(gradient[i], _difference(f, x, i))]


@wrong(CHECK, "first_only")
def entries_first_only(f, gradient, x):
    return _wrong_places(f, gradient, x)[:1]


@wrong(CHECK, "one_sided")
def entries_one_sided(f, gradient, x):
    places, h = [], 0.01
    for i in range(len(x)):
        moved = x.copy()
        moved[i] += h
        if not _within(gradient[i], (f(moved) - f(x)) / h):
            places.append(i)
    return places


@wrong(CHECK, "tiny_step")
def entries_tiny_step(f, gradient, x):
    return [i for i in range(len(x)) if not _within(gradient[i], _difference(f, x, i, 1e-12))]


@wrong(CHECK, "whole_shift")
def entries_whole_shift(f, gradient, x):
    h = 1e-5
    slope = (f(x + h) - f(x - h)) / (2 * h)
    return [i for i in range(len(x)) if not _within(gradient[i], slope)]


@wrong(CHECK, "absolute")
def entries_absolute_bound(f, gradient, x):
    bad = []
    for i in range(len(x)):
        d = _difference(f, x, i)
        if not abs(gradient[i] - d) <= max(1e-3, 1e-3 * abs(d)):
            bad.append(i)
    return bad


@wrong(CHECK, "too_strict")
def entries_fixed_bound(f, gradient, x):
    return [i for i in range(len(x)) if not abs(gradient[i] - _difference(f, x, i)) <= 1e-8]


@wrong(CHECK, "nan_passes", points=2)
def entries_nan_passes(f, gradient, x):
    places = []
    for i in range(len(x)):
        d = _difference(f, x, i)
        if abs(gradient[i] - d) > 1e-6 + 1e-3 * abs(d):
            places.append(i)
    return places


@wrong(CHECK, "sign_lost")
def entries_compares_sizes(f, gradient, x):
    places = []
    for i in range(len(x)):
        d = abs(_difference(f, x, i))
        if not abs(abs(gradient[i]) - d) <= 1e-6 + 1e-3 * d:
            places.append(i)
    return places


@accepted(CHECK)
def entries_with_isclose(f, gradient, x):
    d = np.array([_difference(f, x, i, 1e-6) for i in range(x.size)])
    return [int(i) for i in np.flatnonzero(~np.isclose(gradient, d, rtol=1e-3, atol=1e-6))]


@accepted(CHECK)
def entries_moved_and_put_back(f, gradient, x):
    x, places = x.copy(), []
    for i, claimed in enumerate(gradient):
        was, sides = x[i], []
        for side in (was + 1e-4, was - 1e-4):
            x[i] = side
            sides.append(f(x))
        x[i] = was
        d = (sides[0] - sides[1]) / 2e-4
        if not np.isfinite(claimed) or abs(claimed - d) > 1e-6 + 1e-3 * abs(d):
            places.append(i)
    return places


CUTS = {"int32 and back", "numpy", "python", "stop", "floor", "assign"}


def _follow(start, steps, watched=("variable", "watched"), cuts=CUTS):
    slope = 1.0 if start in watched else None
    for step in steps:
        if step in cuts:
            slope = None
        elif step == "add x":
            if start in watched:
                slope = (slope or 0.0) + 1.0
        elif slope is not None:
            slope *= {"double": 2.0, "times zero": 0.0}.get(step, 1.0)
    return slope


@wrong(NONE, "all_watched")
def gradient_all_watched(start, steps):
    return _follow(start, steps, ("variable", "watched", "constant", "frozen"))


@wrong(NONE, "frozen_watched")
def gradient_frozen_watched(start, steps):
    return _follow(start, steps, ("variable", "watched", "frozen"))


@wrong(NONE, "never_watched")
def gradient_of_variables_only(start, steps):
    return _follow(start, steps, ("variable",))


@wrong(NONE, "zero_for_none")
def gradient_zero_for_none(start, steps):
    return _follow(start, steps) or 0.0


@wrong(NONE, "none_for_zero")
def gradient_none_for_zero(start, steps):
    return _follow(start, steps) or None


@wrong(NONE, "every_cast_cuts")
def gradient_every_cast_cuts(start, steps):
    return _follow(start, steps, cuts=CUTS | {"float64 and back"})


@wrong(NONE, "numpy_open")
def gradient_through_numpy(start, steps):
    return _follow(start, steps, cuts=CUTS - {"numpy", "python"})


@wrong(NONE, "assign_open")
def gradient_through_assign(start, steps):
    return _follow(start, steps, cuts=CUTS - {"assign"})


@wrong(NONE, "steps_open")
def gradient_through_floor(start, steps):
    return _follow(start, steps, cuts=CUTS - {"floor", "int32 and back"})


@wrong(NONE, "stop_open")
def gradient_through_stop(start, steps):
    return _follow(start, steps, cuts=CUTS - {"stop"})


@wrong(NONE, "one_way", points=2)
def gradient_stays_none(start, steps):
    slope = 1.0 if start in ("variable", "watched") else None
    for step in steps:
        if slope is None or step in CUTS:
            slope = None
        elif step == "add x":
            slope += 1.0
        else:
            slope *= {"double": 2.0, "times zero": 0.0}.get(step, 1.0)
    return slope


@wrong(NONE, "second_way", points=2)
def gradient_add_x_like_a_constant(start, steps):
    return _follow(start, ["add one" if step == "add x" else step for step in steps])


@accepted(NONE)
def gradient_from_behind(start, steps):
    """Backwards: what the rest of the steps multiply, collected at every way to x."""
    factor, found = 1.0, None
    watched = start in ("variable", "watched")
    for step in reversed(steps):
        if step in CUTS:
            return found
        if step == "add x" and watched:
            found = factor if found is None else found + factor
        factor *= {"double": 2.0, "times zero": 0.0}.get(step, 1.0)
    if not watched:
        return found
    return factor if found is None else found + factor


@accepted(NONE)
def gradient_with_a_table(start, steps):
    watched = start == "variable" or start == "watched"
    table = {"double": lambda g: 2 * g, "times zero": lambda g: 0 * g}
    g = [1.0] if watched else []
    for step in steps:
        if step in CUTS:
            g = []
        if step == "add x" and watched:
            g = [sum(g) + 1.0]
        g = [table.get(step, lambda one: one)(one) for one in g]
    return g[0] if g else None
