"""Answers to the tasks of chapter 07 about loops and memory."""

from __future__ import annotations

from collections import defaultdict

from answers import accepted, wrong

KERNELS, BUFFERS = "07.compiler.kernels", "07.compiler.buffers"
ELEMENTWISE = {"add", "sub", "mul", "div", "neg", "exp"}


def _levels(steps):
    """For each step in which loop it can run at the earliest."""
    level, apart = {}, set()
    for name, op, *operands in steps:
        after = [level[o] + (op in ELEMENTWISE and o in apart) for o in operands if o in level]
        level[name] = max([int(op in ELEMENTWISE), *after])
        if op not in ELEMENTWISE:
            apart.add(name)
    return level


def _by_level(steps):
    level, groups = _levels(steps), []
    for number in range(max(level.values(), default=0) + 1):
        loop = [s[0] for s in steps if level[s[0]] == number and s[1] in ELEMENTWISE]
        if loop:
            groups.append(loop)
        groups += [[s[0]] for s in steps if level[s[0]] == number and s[1] not in ELEMENTWISE]
    return groups


@wrong(KERNELS, "flat")
def kernels_flat(steps):
    return [name for group in _by_level(steps) for name in group]


@wrong(KERNELS, "flat")
def kernels_as_a_table(steps):
    return dict(enumerate(_by_level(steps)))


@wrong(KERNELS, "whole_steps")
def kernels_of_steps(steps):
    made = {step[0]: step for step in steps}
    return [[made[name] for name in group] for group in _by_level(steps)]


@wrong(KERNELS, "lost")
def kernels_lose_the_last(steps):
    groups, now = [], []
    for name, op, *_ in steps:
        if op in ELEMENTWISE:
            now.append(name)
        else:
            groups += [now, [name]] if now else [[name]]
            now = []
    return groups


@wrong(KERNELS, "empty")
def kernels_with_empty_groups(steps):
    groups, now = [], []
    for name, op, *_ in steps:
        if op in ELEMENTWISE:
            now.append(name)
        else:
            groups += [now, [name]]
            now = []
    return [*groups, now]


@wrong(KERNELS, "not_pointwise")
def kernels_everything_together(steps):
    return [[step[0] for step in steps]] if steps else []


@wrong(KERNELS, "cycle")
def kernels_one_loop(steps):
    loop = [step[0] for step in steps if step[1] in ELEMENTWISE]
    others = [[step[0]] for step in steps if step[1] not in ELEMENTWISE]
    return ([loop] if loop else []) + others


@wrong(KERNELS, "cycle")
def kernels_total_adds_no_level(steps):
    level, groups = {}, defaultdict(list)
    for name, op, *operands in steps:
        level[name] = max([1, *(level.get(o, 0) for o in operands)])
        groups[level[name], op not in ELEMENTWISE and name].append(name)
    return [groups[key] for key in sorted(groups, key=str)]


@wrong(KERNELS, "own_order")
def kernels_turned_inside(steps):
    return [group[::-1] for group in _by_level(steps)]


@wrong(KERNELS, "no_fusion")
def kernels_one_each(steps):
    return [[step[0]] for step in steps]


@wrong(KERNELS, "neighbours", points=4)
def kernels_of_neighbours(steps):
    groups, now = [], []
    for name, op, *_ in steps:
        if op in ELEMENTWISE:
            now.append(name)
            continue
        if now:
            groups.append(now)
        groups.append([name])
        now = []
    return [*groups, now] if now else groups


@wrong(KERNELS, "neighbours", points=4)
def kernels_with_a_level_for_what_stands_between(steps):
    level, loops, others = {}, defaultdict(list), defaultdict(list)
    for name, op, *operands in steps:
        before = max([0, *(level.get(o, 0) for o in operands)])
        level[name] = before if op in ELEMENTWISE else before + 1
        (loops if op in ELEMENTWISE else others)[level[name]].append(name)
    groups = []
    for number in range(len(steps) + 1):
        groups += [[name] for name in others[number]]
        groups += [loops[number]] if loops[number] else []
    return groups


@accepted(KERNELS)
def kernels_as_tuples(steps):
    return tuple(map(tuple, _by_level(steps)))


@accepted(KERNELS)
def kernels_by_taking_what_is_ready(steps):
    """Everything else as early as it can, then all elementwise steps that can follow at once."""
    made, left, groups = set(), list(steps), []
    names = {step[0] for step in steps}

    def ready(step):
        return all(o in made for o in step[2:] if o in names)

    def take(wanted):
        taken = []
        for step in list(left):
            if wanted(step[1]) and ready(step):
                left.remove(step)
                made.add(step[0])
                taken.append(step[0])
        return taken

    while left:
        groups += [[name] for name in take(lambda op: op not in ELEMENTWISE)]
        if any(ready(step) and step[1] not in ELEMENTWISE for step in left):
            continue
        loop = take(lambda op: op in ELEMENTWISE)
        groups += [loop] if loop else []
    return groups


# --- buffers --------------------------------------------------------------------------------------


def _last(steps, output):
    last = {o: at for at, step in enumerate(steps) for o in step[2:]}
    last[output] = len(steps)
    return last


@wrong(BUFFERS, "number")
def buffers_how_many(steps, output):
    return len(set(buffers_with_a_heap(steps, output).values()))


@wrong(BUFFERS, "inputs")
def buffers_for_inputs(steps, output):
    found = {name: i for i, name in enumerate(dict.fromkeys(o for s in steps for o in s[2:]))}
    return {**{s[0]: 100 + i for i, s in enumerate(steps)}, **found}


@wrong(BUFFERS, "unplaced")
def buffers_for_what_is_read(steps, output):
    last = _last(steps, output)
    return {s[0]: i for i, s in enumerate(steps) if s[0] in last and s[0] != output}


@wrong(BUFFERS, "lookup")
def buffers_look_inputs_up(steps, output):
    last, free, found = _last(steps, output), [], {}
    for at, (name, _, *operands) in enumerate(steps):
        for o in set(operands):
            if last[o] == at:
                free.append(found[o])
        found[name] = free.pop() if free else len(found)
    return found


@wrong(BUFFERS, "one_buffer")
def buffers_one(steps, output):
    return {step[0]: 0 for step in steps}


@wrong(BUFFERS, "output_lost", points=4)
def buffers_lose_the_output(steps, output):
    last = {o: at for at, step in enumerate(steps) for o in step[2:]}
    free, found = [], {}
    for at, (name, _, *operands) in enumerate(steps):
        free += {found[o] for o in operands if o in found and last[o] == at}
        found[name] = free.pop() if free else len(set(found.values()))
        if name not in last:
            free.append(found[name])
    return found


@wrong(BUFFERS, "freed_twice")
def buffers_free_twice(steps, output):
    last, free, found, count = _last(steps, output), [], {}, 0
    for at, (name, _, *operands) in enumerate(steps):
        for o in operands:
            if o in found and last[o] == at:
                free.append(found[o])
        if free:
            found[name] = free.pop()
        else:
            found[name], count = count, count + 1
        if name not in last:
            free.append(found[name])
    return found


@wrong(BUFFERS, "too_early")
def buffers_free_at_the_first_reader(steps, output):
    free, found, freed = [], {}, {output}
    for name, _, *operands in steps:
        for o in operands:
            if o in found and o not in freed:
                free.append(found[o])
                freed.add(o)
        found[name] = free.pop() if free else len(set(found.values()))
    return found


@wrong(BUFFERS, "too_early")
def buffers_alternate(steps, output):
    found = {step[0]: i % 2 for i, step in enumerate(steps)}
    return {**found, output: 2} if output in found else found


@wrong(BUFFERS, "never_free", points=3)
def buffers_never_free(steps, output):
    return {step[0]: i for i, step in enumerate(steps)}


@wrong(BUFFERS, "not_in_place", points=3)
def buffers_not_in_place(steps, output):
    last, free, found = _last(steps, output), [], {}
    for at, (name, _, *operands) in enumerate(steps):
        found[name] = free.pop() if free else len(set(found.values()))
        free += {found[o] for o in operands if o in found and last[o] == at}
        if name not in last:
            free.append(found[name])
    return found


@wrong(BUFFERS, "not_in_place", points=3)
def buffers_keep_what_nobody_reads(steps, output):
    last, free, found = _last(steps, output), [], {}
    for at, (name, _, *operands) in enumerate(steps):
        free += {found[o] for o in operands if o in found and last[o] == at}
        found[name] = free.pop() if free else len(set(found.values()))
    return found


@accepted(BUFFERS)
def buffers_with_a_heap(steps, output):
    last, busy, found = _last(steps, output), {}, {}
    for at, step in enumerate(steps):
        busy = {name: b for name, b in busy.items() if last.get(name, -1) > at}
        number = 0
        while number in busy.values():
            number += 1
        found[step[0]] = busy[step[0]] = number
    return found


@accepted(BUFFERS)
def buffers_by_looking_ahead(steps, output):
    found = {}
    for at, (name, *_) in enumerate(steps):
        later = [o for step in steps[at + 1 :] for o in step[2:]] + [output]
        taken = {found[other] for other in found if other in later}
        found[name] = min(set(range(10, 12 + len(steps))) - taken)
    return found
