"""Answers to the last two tasks of chapter 03."""

from __future__ import annotations

import itertools

import numpy as np

from answers import accepted, wrong

NUMERIC, DESCEND = "03.derivatives.numeric_gradient", "03.derivatives.descend"


def _moved(x, place, by):
    other = x.copy()
    other[place] += by
    return other


def _central(f, x, place, h):
    return (f(_moved(x, place, h)) - f(_moved(x, place, -h))) / (2 * h)


@wrong(NUMERIC, "all_at_once")
def gradient_all_at_once(f, x, h):
    return np.full(x.shape, (f(x + h) - f(x - h)) / (2 * h))


@wrong(NUMERIC, "forward")
def gradient_forward(f, x, h):
    slopes, here = np.zeros(x.shape), f(x)
    for place in np.ndindex(x.shape):
        slopes[place] = (f(_moved(x, place, h)) - here) / h
    return slopes


@wrong(NUMERIC, "twice")
def gradient_by_h(f, x, h):
    slopes = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        slopes[place] = 2 * _central(f, x, place, h)
    return slopes


@wrong(NUMERIC, "not_turned_back")
def gradient_moves_on(f, x, h):
    slopes, now = np.zeros(x.shape), x.copy()
    for place in np.ndindex(x.shape):
        now[place] += h
        above = f(now)
        now[place] -= 2 * h
        slopes[place] = (above - f(now)) / (2 * h)
    return slopes


@wrong(NUMERIC, "flat")
def gradient_flat(f, x, h):
    flat = x.ravel()
    slopes = [_central(f, flat, place, h) for place in range(flat.size)]
    return np.array(slopes, dtype=float).reshape(x.shape)


@wrong(NUMERIC, "f_of_a_number")
def gradient_number_by_number(f, x, h):
    return np.vectorize(lambda one: (f(one + h) - f(one - h)) / (2 * h), otypes=[float])(x)


@wrong(NUMERIC, "other_shape")
def gradient_as_a_row(f, x, h):
    slopes = [_central(f, x, place, h) for place in np.ndindex(x.shape)]
    return np.array(slopes, dtype=float).reshape(1, -1)


@wrong(NUMERIC, "whole_numbers")
def gradient_whole_numbers(f, x, h):
    slopes = np.zeros(x.shape, dtype=int)
    for place in np.ndindex(x.shape):
        slopes[place] = _central(f, x, place, h)
    return slopes


@wrong(NUMERIC, "x_changed", points=3)
def gradient_in_place(f, x, h):
    slopes = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        x[place] += h
        above = f(x)
        x[place] -= 2 * h
        below = f(x)
        x[place] += h
        slopes[place] = (above - below) / (2 * h)
    return slopes


@wrong(NUMERIC, "too_many_calls")
def gradient_with_every_call_twice(f, x, h):
    slopes = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        slopes[place] = (_central(f, x, place, h) + _central(f, x, place, h)) / 2
    return slopes


@wrong(NUMERIC, "needs_an_axis", points=3)
def gradient_row_by_row(f, x, h):
    slopes = np.zeros(x.shape)
    for place in itertools.product(*map(range, x.shape[:-1])):
        for last in range(x.shape[-1]):
            slopes[(*place, last)] = _central(f, x, (*place, last), h)
    return slopes


@accepted(NUMERIC)
def gradient_by_directions(f, x, h):
    ways = np.eye(x.size).reshape(x.size, *x.shape)
    slopes = [(f(x + h * way) - f(x - h * way)) / (2 * h) for way in ways]
    return np.array(slopes, dtype=np.float64).reshape(x.shape)


@accepted(NUMERIC)
def gradient_puts_the_number_back(f, x, h):
    now, slopes = np.array(x), np.zeros_like(x)
    for place, value in np.ndenumerate(x):
        now[place] = value + h
        above = f(now.copy())
        now[place] = value - h
        slopes[place] = (above - f(now)) / (2 * h)
        now[place] = value
    return slopes


def _walk(f, w, steps, move):
    path = [w]
    for _ in range(steps):
        path.append(move(path[-1]))
    return path


def _slope(f, w, h):
    return (f(w + h) - f(w - h)) / (2 * h)


@wrong(DESCEND, "uphill")
def descend_uphill(f, w, rate, steps, h):
    return _walk(f, w, steps, lambda w: w + rate * _slope(f, w, h))


@wrong(DESCEND, "no_rate")
def descend_without_rate(f, w, rate, steps, h):
    return _walk(f, w, steps, lambda w: w - _slope(f, w, h))


@wrong(DESCEND, "forward")
def descend_forward(f, w, rate, steps, h):
    return _walk(f, w, steps, lambda w: w - rate * (f(w + h) - f(w)) / h)


@wrong(DESCEND, "value_for_slope")
def descend_by_value(f, w, rate, steps, h):
    return _walk(f, w, steps, lambda w: w - rate * f(w))


@wrong(DESCEND, "twice")
def descend_by_h(f, w, rate, steps, h):
    return _walk(f, w, steps, lambda w: w - rate * (f(w + h) - f(w - h)) / h)


@wrong(DESCEND, "first_slope_only")
def descend_straight_on(f, w, rate, steps, h):
    slope = _slope(f, w, h)
    return _walk(f, w, steps, lambda w: w - rate * slope)


@wrong(DESCEND, "part_of_the_path")
def descend_without_start(f, w, rate, steps, h):
    return _walk(f, w, steps, lambda w: w - rate * _slope(f, w, h))[1:]


@wrong(DESCEND, "part_of_the_path")
def descend_one_too_few(f, w, rate, steps, h):
    path = []
    for _ in range(steps):
        path.append(w)
        w = w - rate * _slope(f, w, h)
    return path


@wrong(DESCEND, "one_position")
def descend_to_the_end(f, w, rate, steps, h):
    return _walk(f, w, steps, lambda w: w - rate * _slope(f, w, h))[-1]


@wrong(DESCEND, "not_a_walk")
def descend_recursive(f, w, rate, steps, h):
    after = w - rate * _slope(f, w, h)
    return [w, *([after] if steps == 1 else descend_recursive(f, after, rate, steps - 1, h))]


@accepted(DESCEND)
def descend_loop(f, w, rate, steps, h):
    path = [w] * (steps + 1)
    for n in range(1, steps + 1):
        path[n] = path[n - 1] - rate * _slope(f, path[n - 1], h)
    return path


@accepted(DESCEND)
def descend_with_numpy(f, w, rate, steps, h):
    path = np.full(steps + 1, w, dtype=np.float64)
    for n in range(steps):
        path[n + 1] = path[n] - rate * (f(path[n] + h) - f(path[n] - h)) * 0.5 / h
    return list(path)
