"""Answers to the first tasks of chapter 00: what a line predicts, and how wrong it is."""

from __future__ import annotations

import numpy as np

from answers import accepted, wrong

PREDICT, LOSS = "00.win.predict_line", "00.win.how_wrong"


@wrong(PREDICT, "changed")
def predict_in_place(w, b, xs):
    for i in range(len(xs)):
        xs[i] = w * xs[i] + b
    return xs


@wrong(PREDICT, "changed")
def predict_uses_up(w, b, xs):
    found = []
    while xs:
        found.append(w * xs.pop(0) + b)
    return found


@wrong(PREDICT, "no_offset")
def predict_without_b(w, b, xs):
    return [w * each for each in xs]


@wrong(PREDICT, "swapped")
def predict_swapped(w, b, xs):
    return [b * each + w for each in xs]


@wrong(PREDICT, "added_first")
def predict_adds_first(w, b, xs):
    return [w * (each + b) for each in xs]


@wrong(PREDICT, "first_missing")
def predict_from_one(w, b, xs):
    return [w * xs[i] + b for i in range(1, len(xs))]


@wrong(PREDICT, "last_missing")
def predict_ends_early(w, b, xs):
    return [w * xs[i] + b for i in range(len(xs) - 1)]


@wrong(PREDICT, "backwards")
def predict_inserts(w, b, xs):
    found = []
    for each in xs:
        found.insert(0, w * each + b)
    return found


@wrong(PREDICT, "list_times")
def predict_list_times(w, b, xs):
    return w * xs + b


@wrong(PREDICT, "one_number")
def predict_returns_early(w, b, xs):
    for each in xs:
        return w * each + b
    return []


@wrong(PREDICT, "one_number")
def predict_keeps_one(w, b, xs):
    found = 0.0
    for each in xs:
        found = w * each + b
    return found


@wrong(PREDICT, "not_a_list")
def predict_array(w, b, xs):
    return w * np.array(xs) + b


@wrong(PREDICT, "not_a_list")
def predict_tuple(w, b, xs):
    return tuple(w * each + b for each in xs)


@wrong(PREDICT, "generator")
def predict_generator(w, b, xs):
    return (w * each + b for each in xs)


@wrong(PREDICT, "nothing_returned")
def predict_prints(w, b, xs):
    print([w * each + b for each in xs])


@accepted(PREDICT)
def predict_comprehension(w, b, xs):
    return [b + x * w for x in xs]


@accepted(PREDICT)
def predict_numpy(w, b, xs):
    return (w * np.array(xs) + b).tolist()


@accepted(PREDICT)
def predict_by_places(w, b, xs):
    found = [b] * len(xs)
    for i in range(len(xs)):
        found[i] += w * xs[i]
    return found


@accepted(PREDICT)
def predict_map(w, b, xs):
    return list(map(lambda each: each * w + b, xs))


def _mistakes(w, b, xs, ys):
    return [w * x + b - y for x, y in zip(xs, ys, strict=True)]


@wrong(LOSS, "changed")
def loss_uses_up(w, b, xs, ys):
    count, total = len(xs), 0.0
    while xs:
        total += (w * xs.pop() + b - ys.pop()) ** 2
    return total / count


@wrong(LOSS, "sum")
def loss_sum(w, b, xs, ys):
    return sum(e**2 for e in _mistakes(w, b, xs, ys))


@wrong(LOSS, "absolute")
def loss_absolute(w, b, xs, ys):
    return sum(abs(e) for e in _mistakes(w, b, xs, ys)) / len(xs)


@wrong(LOSS, "not_squared")
def loss_not_squared(w, b, xs, ys):
    return sum(_mistakes(w, b, xs, ys)) / len(xs)


@wrong(LOSS, "not_squared")
def loss_not_squared_the_other_way(w, b, xs, ys):
    return -sum(_mistakes(w, b, xs, ys)) / len(xs)


@wrong(LOSS, "square_of_mean")
def loss_square_of_mean(w, b, xs, ys):
    return (sum(_mistakes(w, b, xs, ys)) / len(xs)) ** 2


@wrong(LOSS, "root")
def loss_root(w, b, xs, ys):
    return (sum(e**2 for e in _mistakes(w, b, xs, ys)) / len(xs)) ** 0.5


@wrong(LOSS, "half")
def loss_half(w, b, xs, ys):
    return sum(e**2 for e in _mistakes(w, b, xs, ys)) / (2 * len(xs))


@wrong(LOSS, "no_offset")
def loss_without_b(w, b, xs, ys):
    return sum(e**2 for e in _mistakes(w, 0, xs, ys)) / len(xs)


@wrong(LOSS, "whole_division")
def loss_whole_division(w, b, xs, ys):
    return sum(e**2 for e in _mistakes(w, b, xs, ys)) // len(xs)


@wrong(LOSS, "last_only")
def loss_of_the_last(w, b, xs, ys):
    for x, y in zip(xs, ys, strict=True):
        total = (w * x + b - y) ** 2
    return total / len(xs)


@wrong(LOSS, "first_only")
def loss_returns_early(w, b, xs, ys):
    total = 0.0
    for x, y in zip(xs, ys, strict=True):
        total += (w * x + b - y) ** 2
        return total / len(xs)


@wrong(LOSS, "first_only")
def loss_of_the_first(w, b, xs, ys):
    return (w * xs[0] + b - ys[0]) ** 2


@wrong(LOSS, "one_less")
def loss_one_less(w, b, xs, ys):
    return sum(e**2 for e in _mistakes(w, b, xs, ys)) / (len(xs) - 1)


@wrong(LOSS, "per_point")
def loss_per_point(w, b, xs, ys):
    return [e**2 / len(xs) for e in _mistakes(w, b, xs, ys)]


@accepted(LOSS)
def loss_comprehension(w, b, xs, ys):
    return sum([(y - w * x - b) ** 2 for x, y in zip(xs, ys, strict=True)]) / len(ys)


@accepted(LOSS)
def loss_numpy(w, b, xs, ys):
    return np.mean((w * np.array(xs) + b - np.array(ys)) ** 2)


@accepted(LOSS)
def loss_by_places(w, b, xs, ys):
    total = 0
    for i in range(len(xs)):
        total = total + (ys[i] - (b + w * xs[i])) * (ys[i] - (b + w * xs[i])) / len(xs)
    return total
