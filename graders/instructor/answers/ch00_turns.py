"""Answers to the other tasks of chapter 00: the turn of a knob, and when it was enough."""

from __future__ import annotations

import numpy as np

from answers import accepted, wrong

TURN, FIRST = "00.win.turn_knob", "00.win.first_close"


def _loss(w, b, xs, ys):
    return sum((w * x + b - y) ** 2 for x, y in zip(xs, ys, strict=True)) / len(xs)


@wrong(TURN, "changed")
def turn_uses_up(w, b, xs, ys, step):
    losses = [0.0, 0.0, 0.0]
    while xs:
        x, y = xs.pop(), ys.pop()
        for i, knob in enumerate([w, w + step, w - step]):
            losses[i] += (knob * x + b - y) ** 2
    return [w, w + step, w - step][losses.index(min(losses))]


@wrong(TURN, "loss_returned")
def turn_returns_the_loss(w, b, xs, ys, step):
    return min(_loss(knob, b, xs, ys) for knob in (w, w + step, w - step))


@wrong(TURN, "step_only")
def turn_returns_the_way(w, b, xs, ys, step):
    return min([0.0, step, -step], key=lambda way: _loss(w + way, b, xs, ys))


@wrong(TURN, "opposite")
def turn_uphill(w, b, xs, ys, step):
    return max([w, w + step, w - step], key=lambda knob: _loss(knob, b, xs, ys))


@wrong(TURN, "unmeasured")
def turn_always_up(w, b, xs, ys, step):
    return w + step


@wrong(TURN, "unmeasured")
def turn_not_at_all(w, b, xs, ys, step):
    return w


@wrong(TURN, "only_up")
def turn_only_up(w, b, xs, ys, step):
    if _loss(w + step, b, xs, ys) < _loss(w, b, xs, ys):
        w = w + step
    return w


@wrong(TURN, "otherwise_down")
def turn_otherwise_down(w, b, xs, ys, step):
    if _loss(w + step, b, xs, ys) < _loss(w, b, xs, ys):
        return w + step
    else:
        return w - step


@wrong(TURN, "always_moves")
def turn_always_moves(w, b, xs, ys, step):
    if _loss(w + step, b, xs, ys) < _loss(w - step, b, xs, ys):
        return w + step
    return w - step


@wrong(TURN, "absolute")
def turn_by_absolute_mistakes(w, b, xs, ys, step):
    def wrongness(knob):
        return sum(abs(knob * x + b - y) for x, y in zip(xs, ys, strict=True))

    return min([w, w + step, w - step], key=wrongness)


@wrong(TURN, "not_squared")
def turn_by_signed_mistakes(w, b, xs, ys, step):
    def wrongness(knob):
        return sum(knob * x + b - y for x, y in zip(xs, ys, strict=True))

    return min([w, w + step, w - step], key=wrongness)


@wrong(TURN, "first_only")
def turn_by_the_first_point(w, b, xs, ys, step):
    return min([w, w + step, w - step], key=lambda knob: (knob * xs[0] + b - ys[0]) ** 2)


@wrong(TURN, "no_offset")
def turn_without_b(w, b, xs, ys, step):
    return min([w, w + step, w - step], key=lambda knob: _loss(knob, 0, xs, ys))


@wrong(TURN, "other_knob")
def turn_b(w, b, xs, ys, step):
    return min([b, b + step, b - step], key=lambda knob: _loss(w, knob, xs, ys))


@wrong(TURN, "pair")
def turn_with_its_loss(w, b, xs, ys, step):
    least, knob = min((_loss(knob, b, xs, ys), knob) for knob in (w, w + step, w - step))
    return knob, least


@wrong(TURN, "tie", points=2)
def turn_moves_on_ties(w, b, xs, ys, step):
    best = w
    for knob in (w + step, w - step):
        if _loss(knob, b, xs, ys) <= _loss(best, b, xs, ys):
            best = knob
    return best


@wrong(TURN, "tie", points=2)
def turn_tries_up_first(w, b, xs, ys, step):
    return min([w + step, w - step, w], key=lambda knob: _loss(knob, b, xs, ys))


@wrong(TURN, "tie", points=2)
def turn_takes_the_smallest_knob(w, b, xs, ys, step):
    return min((_loss(knob, b, xs, ys), knob) for knob in (w, w + step, w - step))[1]


@wrong(TURN, "nothing_returned")
def turn_binds_a_name(w, b, xs, ys, step):
    w = min([w, w + step, w - step], key=lambda knob: _loss(knob, b, xs, ys))


@accepted(TURN)
def turn_least_of_three(w, b, xs, ys, step):
    return min([w, w + step, w - step], key=lambda knob: _loss(knob, b, xs, ys))


@accepted(TURN)
def turn_one_move_helps_at_most(w, b, xs, ys, step):
    here = _loss(w, b, xs, ys)
    if _loss(w + step, b, xs, ys) < here:
        return w + step
    elif _loss(w - step, b, xs, ys) < here:
        return w - step
    else:
        return w


@accepted(TURN)
def turn_numpy(w, b, xs, ys, step):
    tried = np.array([w, w + step, w - step])
    mistakes = np.outer(tried, xs) + b - np.array(ys)
    return tried[np.argmin(np.mean(mistakes**2, axis=1))]


@accepted(TURN)
def turn_by_the_sum(w, b, xs, ys, step):
    losses = []
    for way in (0, 1, -1):
        total = 0
        for i in range(len(xs)):
            total += ((w + way * step) * xs[i] + b - ys[i]) ** 2
        losses.append(total)
    if losses[1] < losses[0] and losses[1] < losses[2]:
        return w + step
    if losses[2] < losses[0]:
        return w - step
    return w


@wrong(FIRST, "changed")
def first_uses_up(history, near):
    epoch = 0
    while history:
        epoch += 1
        if history.pop(0) < near:
            return epoch
    return None


@wrong(FIRST, "from_zero")
def first_from_zero(history, near):
    for epoch, loss in enumerate(history):
        if loss < near:
            return epoch


@wrong(FIRST, "equal")
def first_or_equal(history, near):
    for i in range(len(history)):
        if history[i] <= near:
            return i + 1
    return None


@wrong(FIRST, "last")
def first_is_the_last(history, near):
    found = None
    for epoch, loss in enumerate(history, 1):
        if loss < near:
            found = epoch
    return found


@wrong(FIRST, "count")
def first_counts(history, near):
    return sum(1 for loss in history if loss < near)


@wrong(FIRST, "loss_returned")
def first_returns_the_loss(history, near):
    for loss in history:
        if loss < near:
            return loss
    return None


@wrong(FIRST, "above")
def first_above(history, near):
    for epoch, loss in enumerate(history, 1):
        if loss > near:
            return epoch
    return None


@wrong(FIRST, "lowest")
def first_of_the_least(history, near):
    if not history or not min(history) < near:
        return None
    return history.index(min(history)) + 1


@wrong(FIRST, "first_only")
def first_gives_up(history, near):
    for epoch, loss in enumerate(history, 1):
        if loss < near:
            return epoch
        else:
            return None


@wrong(FIRST, "never")
def first_or_minus_one(history, near):
    for epoch, loss in enumerate(history, 1):
        if loss < near:
            return epoch
    return -1


@wrong(FIRST, "never")
def first_runs_out(history, near):
    epoch = 0
    while not history[epoch] < near:
        epoch += 1
    return epoch + 1


@wrong(FIRST, "never")
def first_says_so(history, near):
    for epoch, loss in enumerate(history, 1):
        if loss < near:
            return epoch
    return "never"


@wrong(FIRST, "nan", points=2)
def first_while_not_close(history, near):
    epoch = 0
    while epoch < len(history) and history[epoch] >= near:
        epoch += 1
    return epoch + 1 if epoch < len(history) else None


@wrong(FIRST, "nan", points=2)
def first_ends_at_nan(history, near):
    for epoch, loss in enumerate(history, 1):
        if loss != loss:
            return None
        if loss < near:
            return epoch
    return None


@wrong(FIRST, "nan", points=2)
def first_skips_the_others(history, near):
    for epoch, loss in enumerate(history, 1):
        if loss >= near:
            continue
        return epoch
    return None


@accepted(FIRST)
def first_of_a_list(history, near):
    close = [i + 1 for i in range(len(history)) if history[i] < near]
    return close[0] if close else None


@accepted(FIRST)
def first_numpy(history, near):
    close = np.array(history) < near
    return close.argmax() + 1 if close.any() else None


@accepted(FIRST)
def first_beside_its_number(history, near):
    for loss, epoch in zip(history, range(1, len(history) + 1), strict=True):
        if near > loss:
            return epoch


@accepted(FIRST)
def first_while(history, near):
    epoch = 1
    while epoch <= len(history):
        if history[epoch - 1] < near:
            return epoch
        epoch += 1
    return None
