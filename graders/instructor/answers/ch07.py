"""Answers to the tasks of chapter 07 that make programs shorter."""

from __future__ import annotations

import contextlib
import operator

from answers import accepted, wrong

FOLD, SHARE, DEAD = "07.compiler.fold", "07.compiler.share", "07.compiler.drop_dead"
OPERATIONS = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
}
SYMMETRIC = {"add", "mul"}
EFFECTS = {"draw", "print"}


def _known(table, operands):
    return [table.get(operand, operand) for operand in operands]


def _numbers(operands):
    return all(isinstance(operand, float) for operand in operands)


# --- fold -----------------------------------------------------------------------------------------


@wrong(FOLD, "steps_only")
def fold_without_output(steps, output):
    known, kept = {}, []
    for name, op, *operands in steps:
        operands = _known(known, operands)
        if op in OPERATIONS and _numbers(operands):
            known[name] = OPERATIONS[op](*operands)
        else:
            kept.append((name, op, *operands))
    return kept


@wrong(FOLD, "fails_early", points=4)
def fold_fails_early(steps, output):
    known, kept = {}, []
    for name, op, *operands in steps:
        operands = _known(known, operands)
        if op in OPERATIONS and _numbers(operands):
            known[name] = OPERATIONS[op](*operands)
        else:
            kept.append((name, op, *operands))
    return kept, known.get(output, output)


@wrong(FOLD, "names_computed")
def fold_computes_all(steps, output):
    known, kept = {}, []
    for name, op, *operands in steps:
        if op in OPERATIONS:
            known[name] = OPERATIONS[op](*_known(known, operands))
        else:
            kept.append((name, op, *operands))
    return kept, known.get(output, output)


@wrong(FOLD, "draw")
def fold_computes_draws(steps, output):
    known, kept = {}, []
    for name, op, *operands in steps:
        operands = _known(known, operands)
        if _numbers(operands):
            known[name] = OPERATIONS[op](*operands)
        else:
            kept.append((name, op, *operands))
    return kept, known.get(output, output)


@wrong(FOLD, "draw")
def fold_draws_once(steps, output):
    known, kept = {}, []
    for name, op, *operands in steps:
        operands = _known(known, operands)
        if op == "draw":
            known[name] = 0.7
        elif op in OPERATIONS and _numbers(operands):
            known[name] = OPERATIONS[op](*operands)
        else:
            kept.append((name, op, *operands))
    return kept, known.get(output, output)


@wrong(FOLD, "zero")
def fold_times_zero(steps, output):
    known, kept = {}, []
    for name, op, *operands in steps:
        operands = _known(known, operands)
        if op == "mul" and 0.0 in operands:
            known[name] = 0.0
        elif op in OPERATIONS and _numbers(operands):
            known[name] = OPERATIONS[op](*operands)
        else:
            kept.append((name, op, *operands))
    return kept, known.get(output, output)


@wrong(FOLD, "zero")
def fold_minus_itself(steps, output):
    known, kept = {}, []
    for name, op, *operands in steps:
        operands = _known(known, operands)
        if op == "sub" and operands[0] == operands[1]:
            known[name] = 0.0
        elif op in OPERATIONS and _numbers(operands):
            known[name] = OPERATIONS[op](*operands)
        else:
            kept.append((name, op, *operands))
    return kept, known.get(output, output)


@wrong(FOLD, "output_name", points=4)
def fold_keeps_the_name_of_the_output(steps, output):
    known, kept = {}, []
    for name, op, *operands in steps:
        operands = _known(known, operands)
        if op in OPERATIONS and _numbers(operands):
            try:
                known[name] = OPERATIONS[op](*operands)
                continue
            except ZeroDivisionError:
                pass
        kept.append((name, op, *operands))
    return kept, output


@wrong(FOLD, "output_name", points=4)
def fold_or(steps, output):
    known, kept = {}, []
    for name, op, *operands in steps:
        operands = _known(known, operands)
        if op in OPERATIONS and _numbers(operands):
            try:
                known[name] = OPERATIONS[op](*operands)
                continue
            except ZeroDivisionError:
                pass
        kept.append((name, op, *operands))
    return kept, known.get(output) or output


@wrong(FOLD, "dangling")
def fold_only_removes(steps, output):
    known, kept = {}, []
    for name, op, *operands in steps:
        if op in OPERATIONS and _numbers(operands):
            known[name] = OPERATIONS[op](*operands)
        else:
            kept.append((name, op, *operands))
    return kept, known.get(output, output)


@wrong(FOLD, "left_in")
def fold_leaves_steps_in(steps, output):
    known, kept = {}, []
    for name, op, *operands in steps:
        operands = _known(known, operands)
        if op in OPERATIONS and _numbers(operands):
            with contextlib.suppress(ZeroDivisionError):
                known[name] = OPERATIONS[op](*operands)
        kept.append((name, op, *operands))
    return kept, known.get(output, output)


@wrong(FOLD, "one_round")
def fold_in_two_walks(steps, output):
    known = {}
    for name, op, *operands in steps:
        if op in OPERATIONS and _numbers(operands):
            known[name] = OPERATIONS[op](*operands)
    kept = [
        (name, op, *_known(known, operands)) for name, op, *operands in steps if name not in known
    ]
    return kept, known.get(output, output)


@accepted(FOLD)
def fold_until_nothing_changes(steps, output):
    steps = list(steps)
    changed = True
    while changed:
        changed = False
        for at, (name, op, *operands) in enumerate(steps):
            if op not in OPERATIONS or not _numbers(operands):
                continue
            try:
                number = OPERATIONS[op](*operands)
            except ZeroDivisionError:
                continue
            del steps[at]
            steps = [(n, o, *(number if x == name else x for x in xs)) for n, o, *xs in steps]
            output = number if output == name else output
            changed = True
            break
    return steps, output


@accepted(FOLD)
def fold_with_a_chain_of_ifs(steps, output):
    values, rest = {}, []
    for step in steps:
        parts = [values.get(p, p) for p in step[2:]]
        number = None
        if all(type(p) is not str for p in parts):
            if step[1] == "add":
                number = parts[0] + parts[1]
            elif step[1] == "sub":
                number = parts[0] - parts[1]
            elif step[1] == "mul":
                number = parts[0] * parts[1]
            elif step[1] == "div" and parts[1] != 0:
                number = parts[0] / parts[1]
            elif step[1] == "neg":
                number = -parts[0]
        if number is None:
            rest += [(step[0], step[1], *tuple(parts))]
        else:
            values[step[0]] = number
    return (rest, values.get(output, output))


# --- share ----------------------------------------------------------------------------------------


def _key(op, operands):
    sides = [operand if isinstance(operand, str) else repr(operand) for operand in operands]
    return op, tuple(sorted(sides) if op in SYMMETRIC else sides)


@wrong(SHARE, "steps_only")
def share_without_output(steps, output):
    first, gone, kept = {}, {}, []
    for name, op, *operands in steps:
        operands = _known(gone, operands)
        gone[name] = name if op in EFFECTS else first.setdefault(_key(op, operands), name)
        if gone[name] == name:
            kept.append((name, op, *operands))
    return kept


@wrong(SHARE, "sorting")
def share_sorts_names_with_numbers(steps, output):
    first, gone, kept = {}, {}, []
    for name, op, *operands in steps:
        operands = _known(gone, operands)
        key = op, tuple(sorted(operands) if op in SYMMETRIC else operands)
        gone[name] = name if op in EFFECTS else first.setdefault(key, name)
        if gone[name] == name:
            kept.append((name, op, *operands))
    return kept, gone.get(output, output)


@wrong(SHARE, "zeros", points=4)
def share_takes_the_zeros_for_one(steps, output):
    first, gone, kept = {}, {}, []
    for name, op, *operands in steps:
        operands = _known(gone, operands)
        key = op, tuple(sorted(operands, key=str) if op in SYMMETRIC else operands)
        gone[name] = name if op in EFFECTS else first.setdefault(key, name)
        if gone[name] == name:
            kept.append((name, op, *operands))
    return kept, gone.get(output, output)


@wrong(SHARE, "turned", points=4)
def share_in_one_order_only(steps, output):
    first, gone, kept = {}, {}, []
    for name, op, *operands in steps:
        operands = _known(gone, operands)
        gone[name] = name if op in EFFECTS else first.setdefault((op, str(operands)), name)
        if gone[name] == name:
            kept.append((name, op, *operands))
    return kept, gone.get(output, output)


@wrong(SHARE, "effects")
def share_merges_draws(steps, output):
    first, gone, kept = {}, {}, []
    for name, op, *operands in steps:
        operands = _known(gone, operands)
        gone[name] = first.setdefault(_key(op, operands), name)
        if gone[name] == name:
            kept.append((name, op, *operands))
    return kept, gone.get(output, output)


@wrong(SHARE, "sides")
def share_turns_everything(steps, output):
    first, gone, kept = {}, {}, []
    for name, op, *operands in steps:
        operands = _known(gone, operands)
        key = op, frozenset(map(repr, operands))
        gone[name] = name if op in EFFECTS else first.setdefault(key, name)
        if gone[name] == name:
            kept.append((name, op, *operands))
    return kept, gone.get(output, output)


@wrong(SHARE, "whole_step")
def share_compares_whole_steps(steps, output):
    kept = []
    for step in steps:
        if step not in kept:
            kept.append(step)
    return kept, output


@wrong(SHARE, "dangling")
def share_only_removes(steps, output):
    first, kept = {}, []
    for name, op, *operands in steps:
        if op in EFFECTS or first.setdefault(_key(op, operands), name) == name:
            kept.append((name, op, *operands))
    return kept, output


@wrong(SHARE, "output_name")
def share_forgets_the_output(steps, output):
    first, gone, kept = {}, {}, []
    for name, op, *operands in steps:
        operands = _known(gone, operands)
        gone[name] = name if op in EFFECTS else first.setdefault(_key(op, operands), name)
        if gone[name] == name:
            kept.append((name, op, *operands))
    return kept, output


@wrong(SHARE, "before_renaming")
def share_compares_before_renaming(steps, output):
    first, gone, kept = {}, {}, []
    for name, op, *operands in steps:
        gone[name] = name if op in EFFECTS else first.setdefault(_key(op, operands), name)
        if gone[name] == name:
            kept.append((name, op, *_known(gone, operands)))
    return kept, gone.get(output, output)


@accepted(SHARE)
def share_by_searching(steps, output):
    kept, stand_in = [], {}
    for name, op, *operands in steps:
        operands = tuple(stand_in.get(o, o) for o in operands)
        found = None
        for other, other_op, *others in kept:
            same = str(others) == str(list(operands))
            turned = op in ("add", "mul") and str(others[::-1]) == str(list(operands))
            if other_op == op and op not in ("draw", "print") and (same or turned):
                found = other
                break
        if found is None:
            kept.append((name, op, *operands))
        else:
            stand_in[name] = found
    return kept, stand_in.get(output, output)


@accepted(SHARE)
def share_until_nothing_changes(steps, output):
    while True:
        seen = {}
        for name, op, *operands in steps:
            key = _key(op, operands)
            if op not in EFFECTS and key in seen:
                break
            seen[key] = name
        else:
            return steps, output
        steps = [s for s in steps if s[0] != name]
        steps = [(n, o, *(seen[key] if x == name else x for x in xs)) for n, o, *xs in steps]
        output = seen[key] if output == name else output


# --- drop_dead ------------------------------------------------------------------------------------


@wrong(DEAD, "pair")
def dead_with_the_output(steps, output):
    needed, kept = {output}, []
    for name, op, *operands in reversed(steps):
        if name in needed or op in EFFECTS:
            kept.insert(0, (name, op, *operands))
            needed.update(operands)
    return kept, output


@wrong(DEAD, "names_only")
def dead_names(steps, output):
    needed, kept = {output}, []
    for name, op, *operands in reversed(steps):
        if name in needed or op in EFFECTS:
            kept.insert(0, name)
            needed.update(operands)
    return kept


@wrong(DEAD, "effects", points=3)
def dead_prints(steps, output):
    needed, kept = {output}, []
    for name, op, *operands in reversed(steps):
        if name in needed:
            kept.insert(0, (name, op, *operands))
            needed.update(operands)
    return kept


@wrong(DEAD, "effect_reads", points=3)
def dead_operands_of_prints(steps, output):
    needed, kept = {output}, []
    for name, op, *operands in reversed(steps):
        if name in needed:
            needed.update(operands)
        if name in needed or op in EFFECTS:
            kept.insert(0, (name, op, *operands))
    return kept


@wrong(DEAD, "output_lost")
def dead_output(steps, output):
    read = {operand for step in steps for operand in step[2:]}
    return [step for step in steps if step[0] in read or step[1] in EFFECTS]


@wrong(DEAD, "backwards")
def dead_backwards(steps, output):
    needed, kept = {output}, []
    for step in steps[::-1]:
        if step[0] in needed or step[1] in EFFECTS:
            kept.append(step)
            needed |= set(step[2:])
    return kept


@wrong(DEAD, "too_much")
def dead_all_but_the_output(steps, output):
    return [step for step in steps if step[0] == output or step[1] in EFFECTS]


@wrong(DEAD, "too_much")
def dead_after_one_reader(steps, output):
    needed = {output}
    for name, _op, *operands in steps:
        if name in needed:
            needed.update(operands)
    return [step for step in steps if step[0] in needed or step[1] in EFFECTS]


@wrong(DEAD, "nothing_gone")
def dead_nothing(steps, output):
    return list(steps)


@wrong(DEAD, "one_round")
def dead_one_round(steps, output):
    read = {operand for step in steps for operand in step[2:]} | {output}
    return [step for step in steps if step[0] in read or step[1] in EFFECTS]


@accepted(DEAD)
def dead_by_rounds(steps, output):
    while True:
        read = {operand for step in steps for operand in step[2:]} | {output}
        left = [step for step in steps if step[0] in read or step[1] in EFFECTS]
        if len(left) == len(steps):
            return left
        steps = left


@accepted(DEAD)
def dead_by_recursion(steps, output):
    made = {step[0]: step for step in steps}
    alive = set()

    def need(name):
        if name in made and name not in alive:
            alive.add(name)
            for operand in made[name][2:]:
                need(operand)

    need(output)
    for step in steps:
        if step[1] in EFFECTS:
            need(step[0])
    return [step for step in steps if step[0] in alive]
