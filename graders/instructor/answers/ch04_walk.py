"""Answers to the tasks of chapter 04: the order of a walk, and the walk."""

from __future__ import annotations

from answers import accepted, wrong

ORDER, BACKWARD = "04.tape.topological_order", "04.tape.backward"


def _order(inputs, target):
    order, placed, waiting = [], set(), [target]
    while waiting:
        name = waiting[-1]
        before = [source for source in inputs[name] if source not in placed]
        waiting.extend(before)
        if not before:
            waiting.pop()
            if name not in placed:
                placed.add(name)
                order.append(name)
    return order


@wrong(ORDER, "backwards")
def order_from_the_target(inputs, target):
    return _order(inputs, target)[::-1]


@wrong(ORDER, "twice")
def order_with_repeats(inputs, target):
    order = []
    for source in inputs[target]:
        order += order_with_repeats(inputs, source)
    return [*order, target]


@wrong(ORDER, "not_needed")
def order_of_everything(inputs, target):
    order = []
    for name in inputs:
        order += [one for one in _order(inputs, name) if one not in order]
    return [one for one in order if one != target] + [target]


@wrong(ORDER, "target_missing")
def order_without_the_target(inputs, target):
    return _order(inputs, target)[:-1]


@wrong(ORDER, "too_deep", points=2)
def order_by_recursion(inputs, target):
    order, placed = [], set()

    def visit(name):
        if name in placed:
            return
        placed.add(name)
        for source in inputs[name]:
            visit(source)
        order.append(name)

    visit(target)
    return order


@wrong(ORDER, "as_given")
def order_as_given(inputs, target):
    needed = set(_order(inputs, target))
    return [name for name in inputs if name in needed]


@wrong(ORDER, "too_early")
def order_breadth_first(inputs, target):
    order, waiting = [target], [target]
    while waiting:
        for source in inputs[waiting.pop(0)]:
            if source not in order:
                order.append(source)
                waiting.append(source)
    return order[::-1]


@wrong(ORDER, "endless")
def order_goes_every_way(inputs, target):
    order = []

    def visit(name):
        for source in inputs[name]:
            visit(source)
        if name not in order:
            order.append(name)

    visit(target)
    return order


@accepted(ORDER)
def order_by_counting(inputs, target):
    """Kahn's way: a name is ready when all its inputs are placed."""
    needed, waiting = {target}, [target]
    while waiting:
        for source in inputs[waiting.pop()]:
            if source not in needed:
                needed.add(source)
                waiting.append(source)
    users = {name: [] for name in needed}
    missing = {name: len(set(inputs[name])) for name in needed}
    for name in needed:
        for source in set(inputs[name]):
            users[source].append(name)
    order = [name for name in sorted(needed) if not missing[name]]
    for name in order:
        for user in users[name]:
            missing[user] -= 1
            if not missing[user]:
                order.append(user)
    return order


@accepted(ORDER)
def order_with_marks(inputs, target):
    order, seen, waiting = [], set(), [(target, False)]
    while waiting:
        name, finished = waiting.pop()
        if finished:
            order.append(name)
        elif name not in seen:
            seen.add(name)
            waiting.append((name, True))
            waiting.extend((source, False) for source in inputs[name] if source not in seen)
    return order


def _slopes(operation, a, b):
    return {"add": (1.0, 1.0), "sub": (1.0, -1.0), "mul": (b, a)}[operation]


def _gradients(lines, values, found):
    for name, operation, (left, right) in lines[::-1]:
        if name in found:
            to_left, to_right = _slopes(operation, values[left], values[right])
            found[left] = found.get(left, 0.0) + found[name] * to_left
            found[right] = found.get(right, 0.0) + found[name] * to_right
    return found


@wrong(BACKWARD, "overwrites")
def backward_overwrites(lines, values, target, sources):
    found = {target: 1.0}
    for name, operation, sides in lines[::-1]:
        if name in found:
            slopes = _slopes(operation, *(values[side] for side in sides))
            for side, slope in zip(sides, slopes, strict=True):
                found[side] = found[name] * slope
    return [found.get(source) for source in sources]


@wrong(BACKWARD, "used_once")
def backward_uses_a_set(lines, values, target, sources):
    found = {target: 1.0}
    for name, operation, sides in lines[::-1]:
        if name in found:
            slopes = _slopes(operation, *(values[side] for side in sides))
            for side in set(sides):
                slope = slopes[sides.index(side)]
                found[side] = found.get(side, 0.0) + found[name] * slope
    return [found.get(source) for source in sources]


@wrong(BACKWARD, "forward")
def backward_reads_forward(lines, values, target, sources):
    found = _gradients(lines[::-1], values, {target: 1.0})
    return [found.get(source) for source in sources]


@wrong(BACKWARD, "sign")
def backward_without_minus(lines, values, target, sources):
    plus = [(name, "add" if op == "sub" else op, sides) for name, op, sides in lines]
    found = _gradients(plus, values, {target: 1.0})
    return [found.get(source) for source in sources]


@wrong(BACKWARD, "own_factor")
def backward_own_factor(lines, values, target, sources):
    found = {target: 1.0}
    for name, operation, sides in lines[::-1]:
        if name not in found:
            continue
        own = _slopes(operation, *(values[side] for side in sides))
        if operation == "mul":
            own = own[::-1]
        for side, slope in zip(sides, own, strict=True):
            found[side] = found.get(side, 0.0) + found[name] * slope
    return [found.get(source) for source in sources]


@wrong(BACKWARD, "last_line")
def backward_from_the_last_line(lines, values, target, sources):
    found = _gradients(lines, values, {lines[-1][0]: 1.0})
    return [found.get(source) for source in sources]


@wrong(BACKWARD, "none_for_zero")
def backward_zero_is_nothing(lines, values, target, sources):
    found = _gradients(lines, values, {target: 1.0})
    return [found.get(source) or None for source in sources]


@wrong(BACKWARD, "zero_for_none", points=3)
def backward_nothing_is_zero(lines, values, target, sources):
    found = _gradients(lines, values, {target: 1.0})
    return [found.get(source, 0.0) for source in sources]


@wrong(BACKWARD, "no_way_raises", points=3)
def backward_raises(lines, values, target, sources):
    found = _gradients(lines, values, {target: 1.0})
    return [found[source] for source in sources]


@wrong(BACKWARD, "in_the_middle")
def backward_takes_away(lines, values, target, sources):
    found = {target: 1.0}
    for name, operation, sides in lines[::-1]:
        g = found.pop(name, None)
        if g is not None:
            slopes = _slopes(operation, *(values[side] for side in sides))
            for side, slope in zip(sides, slopes, strict=True):
                found[side] = found.get(side, 0.0) + g * slope
    return [found.get(source) for source in sources]


@accepted(BACKWARD)
def backward_with_none(lines, values, target, sources):
    found = dict.fromkeys(values)
    found[target] = 1.0
    for number in range(len(lines) - 1, -1, -1):
        name, operation, (left, right) = lines[number]
        g = found[name]
        if g is None:
            continue
        if operation == "mul":
            parts = ((left, g * values[right]), (right, g * values[left]))
        else:
            parts = ((left, g), (right, -g if operation == "sub" else g))
        for side, part in parts:
            found[side] = part if found[side] is None else found[side] + part
    return [found[source] for source in sources]


@accepted(BACKWARD)
def backward_by_asking_the_users(lines, values, target, sources):
    """From the other end: the gradient of a name is the sum over the lines that use it."""
    known = {}

    def of(name):
        if name not in known:
            parts = [1.0] if name == target else []
            for result, operation, (left, right) in lines:
                if name in (left, right) and of(result) is not None:
                    slopes = _slopes(operation, values[left], values[right])
                    parts += [of(result) * slopes[0]] if left == name else []
                    parts += [of(result) * slopes[1]] if right == name else []
            known[name] = sum(parts) if parts else None
        return known[name]

    return [of(source) for source in sources]
