"""Chapter 07: passes that make a program shorter - constants, common subexpressions, dead code.

The truth comes from running the program with other meanings; see ch07_programs.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graders.diagnose import in_check, raised, returned
from graders.tasks.base import Check, Draw, Misconception, Task
from graders.tasks.ch07_programs import (
    ARITHMETIC,
    EFFECTS,
    Program,
    Step,
    ancestors,
    coloured,
    drawn,
    expressions,
    finite,
    missing,
    program,
    shown,
    unknown,
    well_formed,
)

Args = tuple[Any, ...]


# --- constants ------------------------------------------------------------------------------------


def folded(steps: list[Step], output: Any) -> Program:
    """What is NaN when all inputs are NaN depends on them, and stays."""
    values = coloured(steps)

    def now(operand: Any) -> Any:
        return values[operand] if operand in values and not unknown(values[operand]) else operand

    stays = [step for step in steps if unknown(values[step[0]])]
    return [(*step[:2], *map(now, step[2:])) for step in stays], now(output)


def single_constants(draw: Draw) -> Iterator[Args]:
    yield [("t0", "add", 2.0, 3.0), ("t1", "mul", "x0", "t0")], "t1"
    yield [("t0", "sub", 2.0, 3.0), ("t1", "sub", "t0", "x0")], "t1"
    yield [("t0", "neg", 4.0), ("t1", "div", "x0", "t0")], "t1"
    yield [("t0", "mul", 0.5, 3.0), ("t1", "add", "x0", "x1"), ("t2", "add", "t0", "t1")], "t2"
    yield [("t0", "div", 1.0, 4.0), ("t1", "mul", "t0", "x0"), ("t2", "sub", "t1", "t0")], "t2"
    yield [("t0", "sub", "x0", "x0"), ("t1", "add", 2.0, 3.0), ("t2", "mul", "t0", "t1")], "t2"
    yield [("t0", "mul", "x0", 0.0), ("t1", "sub", 2.0, 3.0), ("t2", "add", "t0", "t1")], "t2"


def constant_chains(draw: Draw) -> Iterator[Args]:
    chain: list[Step] = [("t0", "add", 2.0, 3.0), ("t1", "mul", "t0", "t0"), ("t2", "neg", "t1")]
    yield [*chain, ("t3", "add", "x0", "t2")], "t3"
    for length in (4, 6, 9, 12):
        for _ in draw.rounds(2):
            yield drawn(draw, length, 0.6, ends=True)
    yield drawn(draw, 40, 0.5, ends=True)


def no_constants(draw: Draw) -> Iterator[Args]:
    yield [], "x0"
    yield [("t0", "mul", "x0", 0.0)], "t0"
    yield [("t0", "mul", 0.0, "x1"), ("t1", "add", "t0", 2.0)], "t1"
    yield [("t0", "sub", "x0", "x0"), ("t1", "add", "t0", 1.0)], "t1"
    yield [("t0", "draw"), ("t1", "mul", "t0", 2.0)], "t1"
    yield [("t0", "draw"), ("t1", "add", 1.0, 2.0), ("t2", "mul", "t0", "t1")], "t2"
    yield [("t0", "add", 1.0, 2.0), ("t1", "print", "t0"), ("t2", "add", "x0", "t0")], "t2"


def constant_outputs(draw: Draw) -> Iterator[Args]:
    yield [("t0", "add", 2.0, 3.0)], "t0"
    yield [("t0", "add", "x0", 3.0), ("t1", "mul", 2.0, 4.0)], "t1"
    yield [("t0", "sub", 2.0, 2.0)], "t0"
    yield drawn(draw, 6, 1.0)


def failing_steps(draw: Draw) -> Iterator[Args]:
    yield [("t0", "div", 1.0, 0.0), ("t1", "add", "x0", "t0")], "t1"
    yield [("t0", "sub", 2.0, 2.0), ("t1", "div", 5.0, "t0"), ("t2", "add", "t1", 1.0)], "t2"
    yield [("t0", "div", 3.0, 0.0), ("t1", "mul", 2.0, 4.0), ("t2", "add", "x0", "t1")], "t2"


def _all_numbers(step: Step) -> bool:
    return step[1] in ARITHMETIC and not any(isinstance(o, str) for o in step[2:])


FOLD = Task(
    id="07.compiler.fold",
    name="fold",
    points=5,
    asks="`fold(steps, output)`: computes every step whose operands are all numbers, puts the result "
    "where the step was read, and leaves the step out. Returns the new steps and the new output.",
    oracle=folded,
    valid=finite,
    shows=shown("fold"),
    checks=(
        Check("one constant", single_constants),
        Check("constants of constants", constant_chains),
        Check("what is no constant", no_constants),
        Check("an output that is a constant", constant_outputs, points=1),
        Check("a step that fails", failing_steps, points=1),
    ),
    misconceptions=(
        Misconception(
            "steps_only",
            "Two things are asked for: the steps and the output, which may have become a number.",
            returned(lambda got, *args: isinstance(got, list)),
        ),
        Misconception(
            "fails_early",
            "Folding runs a part of the program early, and what fails there must not fail here: "
            "the step may never be reached. Leave a step that cannot be computed as it is.",
            in_check("a step that fails", raised(ZeroDivisionError)),
        ),
        Misconception(
            "names_computed",
            "It computes with a name as if it were a number. What a name like `x0` stands for is "
            "known when the program runs, and not now.",
            raised(TypeError),
        ),
        Misconception(
            "draw",
            "A draw has no operands, so it is true that all of them are numbers. It is no constant "
            "all the same: it gives another number at each run. Only what is in `OPERATIONS` can "
            "be computed now.",
            lambda seen: (
                raised(KeyError)(seen)
                or returned(
                    lambda got, steps, output: _count(got[0], "draw") < _count(steps, "draw")
                )(seen)
            ),
        ),
        Misconception(
            "zero",
            "`x * 0` is not 0 for every x: for NaN and for infinity it is NaN. A step that reads an "
            "input stays, and so does `x - x`.",
            returned(lambda got, *args: len(got[0]) < len(folded(*args)[0])),
        ),
        Misconception(
            "output_name",
            "The output is the name of a step that is no longer there. Its value is known: the "
            "output is that number.",
            in_check("an output that is a constant"),
        ),
        Misconception(
            "dangling",
            "A step was computed and left out, but another one still reads its name. Where the name "
            "was, the number must stand.",
            returned(lambda got, *args: bool(list(missing(got[0])))),
        ),
        Misconception(
            "left_in",
            "What has been computed is left out: a number needs no step of its own.",
            returned(lambda got, steps, output: len(got[0]) == len(steps)),
        ),
        Misconception(
            "one_round",
            "Steps with nothing but numbers are still there. When a step has become a number, the "
            "steps that read it may be next.",
            returned(lambda got, *args: any(map(_all_numbers, got[0]))),
        ),
    ),
    hints=(
        "Go through the steps once, from the first to the last. What do you know about a step's "
        "operands when you come to it?",
        "Keep a table from names to numbers that are known. Look every operand up in it before you "
        "decide whether the step can be computed now.",
        "For each step: replace operands that the table knows. If the operation is in OPERATIONS and "
        "no operand is a string, compute it into the table, if that works; else append the step with "
        "its new operands. At the end look the output up in the table too.",
    ),
)


def _count(steps: Any, operation: str) -> int:
    return sum(step[1] == operation for step in steps)


# --- common subexpressions ------------------------------------------------------------------------


def shared(steps: list[Step], output: Any) -> Program:
    """Of the steps that compute one expression the first stays."""
    whole = expressions(steps)
    firsts: dict[Any, Any] = {}
    for step in steps:
        firsts.setdefault(whole[step[0]], step[0])

    def now(operand: Any) -> Any:
        return firsts[whole[operand]] if operand in whole else operand

    stays = [step for step in steps if firsts[whole[step[0]]] == step[0]]
    return [(*step[:2], *map(now, step[2:])) for step in stays], now(output)


def with_copies(draw: Draw, length: int, turned: bool = False) -> Args:
    """A random program in which some of the steps come a second time, under another name.

    With `turned`, also with the operands turned; else no operation is there for which that is one.
    """
    steps: list[Step] = []
    one_way = {} if turned else {"add": "sub", "mul": "div"}
    for _, operation, *operands in program(draw, length, numbers=0.2, names=0.7):
        steps.append((f"t{len(steps)}", one_way.get(operation, operation), *operands))
        if draw.random.random() < 0.5:
            _, again, *sides = draw.random.choice(steps)
            if turned and again in ("add", "mul"):
                sides.reverse()
            steps.append((f"t{len(steps)}", again, *sides))
            if draw.random.random() < 0.6:
                steps.append((f"t{len(steps)}", "neg", steps[-1][0]))
    return steps, steps[-1][0]


def copies(draw: Draw) -> Iterator[Args]:
    yield [("t0", "mul", "x0", 2.0), ("t1", "mul", "x0", 2.0), ("t2", "sub", "t0", "t1")], "t2"
    yield (
        [("t0", "neg", "x0"), ("t1", "neg", "x1"), ("t2", "neg", "x0"), ("t3", "sub", "t2", "t1")],
        "t3",
    )
    yield [("t0", "add", "x0", "x1"), ("t1", "mul", "t0", "x0"), ("t2", "add", "x0", "x1")], "t2"


def copies_of_copies(draw: Draw) -> Iterator[Args]:
    twice: list[Step] = [("t0", "neg", "x0"), ("t1", "neg", "x0")]
    yield (
        [*twice, ("t2", "mul", "t0", 3.0), ("t3", "mul", "t1", 3.0), ("t4", "sub", "t2", "t3")],
        "t4",
    )
    for length in (3, 5, 8):
        for _ in draw.rounds(2):
            yield with_copies(draw, length)
    yield with_copies(draw, 30)


def no_copies(draw: Draw) -> Iterator[Args]:
    yield [], "x1"
    yield [("t0", "sub", "x0", "x1"), ("t1", "sub", "x1", "x0"), ("t2", "mul", "t0", "t1")], "t2"
    yield [("t0", "div", "x0", 2.0), ("t1", "div", 2.0, "x0"), ("t2", "add", "t0", "t1")], "t2"
    yield [("t0", "draw"), ("t1", "draw"), ("t2", "sub", "t0", "t1")], "t2"
    yield [("t0", "print", "x0"), ("t1", "print", "x0"), ("t2", "neg", "x0")], "t2"
    yield [("t0", "neg", "x0"), ("t1", "neg", "t0"), ("t2", "neg", "t1")], "t2"


def turned_copies(draw: Draw) -> Iterator[Args]:
    yield [("t0", "add", "x0", 2.0), ("t1", "add", 2.0, "x0"), ("t2", "sub", "t0", "t1")], "t2"
    yield [("t0", "mul", "x0", "x1"), ("t1", "mul", "x1", "x0"), ("t2", "neg", "t1")], "t2"
    for length in (4, 8):
        for _ in draw.rounds(2):
            yield with_copies(draw, length, turned=True)


def two_zeros(draw: Draw) -> Iterator[Args]:
    yield [("t0", "add", "x0", 0.0), ("t1", "add", "x0", -0.0), ("t2", "div", "t0", "t1")], "t2"
    yield [("t0", "div", 1.0, 0.5), ("t1", "sub", "x0", -0.0), ("t2", "sub", "x0", 0.0)], "t2"
    yield [("t0", "add", "x1", -0.0), ("t1", "add", "x1", -0.0), ("t2", "add", "t0", "t1")], "t2"


def _equal_steps(got: Any) -> bool:
    keys = [(op, *operands) for _, op, *operands in got[0] if op not in EFFECTS]
    return len(set(keys)) < len(keys)


SHARE = Task(
    id="07.compiler.share",
    name="share",
    points=5,
    asks="`share(steps, output)`: of the steps that do the same operation to the same operands the "
    "first stays, and whoever read another one reads it. Draws and prints all stay. Returns the new "
    "steps and the new output.",
    oracle=shared,
    valid=well_formed,
    shows=shown("share"),
    checks=(
        Check("copies", copies),
        Check("copies of copies", copies_of_copies),
        Check("what is no copy", no_copies),
        Check("operands in either order", turned_copies, points=1),
        Check("0.0 and -0.0", two_zeros, points=1),
    ),
    misconceptions=(
        Misconception(
            "steps_only",
            "Two things are asked for: the steps and the output, whose step may have given way.",
            returned(lambda got, *args: isinstance(got, list)),
        ),
        Misconception(
            "sorting",
            "To bring names and numbers in one order, Python would have to say whether `x0` is less "
            "than 2. Sort by something that every operand has: `key=repr`, for one.",
            raised(TypeError, says="not supported between"),
        ),
        Misconception(
            "zeros",
            "`0.0 == -0.0` is true in Python, so they make one key, and they are not one number: "
            "x + 0.0 and x + -0.0 differ for x = -0.0. Their text tells them apart: use `repr` of "
            "a number.",
            in_check("0.0 and -0.0"),
        ),
        Misconception(
            "turned",
            "`x0 + 2` and `2 + x0` are the same sum: for add and mul the order of the operands does "
            "not count.",
            in_check("operands in either order", returned(lambda got, *a: not _equal_steps(got))),
        ),
        Misconception(
            "effects",
            "A draw is never a copy: two draws are two numbers, although they are written alike. And "
            "a print that is asked for twice shows twice.",
            in_check(
                "what is no copy",
                returned(
                    lambda got, steps, output: any(
                        _count(got[0], effect) < _count(steps, effect) for effect in EFFECTS
                    )
                ),
            ),
        ),
        Misconception(
            "sides",
            "`x0 - x1` and `x1 - x0` have the same operands, and are not the same.",
            returned(lambda got, *args: len(got[0]) < len(shared(*args)[0])),
        ),
        Misconception(
            "whole_step",
            "Nothing was found. A step's name belongs to it alone: compare what it computes, the "
            "operation and the operands.",
            in_check("copies", returned(lambda got, steps, output: len(got[0]) == len(steps))),
        ),
        Misconception(
            "dangling",
            "A step was left out, but its name is still read. Whoever read it must read the first "
            "one.",
            returned(lambda got, *args: bool(list(missing(got[0])))),
        ),
        Misconception(
            "output_name",
            "The output is the name of a step that has given way to an earlier one.",
            returned(lambda got, *args: bool(list(missing(*got)))),
        ),
        Misconception(
            "before_renaming",
            "Equal steps are still there. When a step gives way, the steps that read it change, and "
            "may become copies by that: give the operands their new names first, then compare.",
            returned(lambda got, *args: _equal_steps(got)),
        ),
    ),
    hints=(
        "When are two steps the same? Write down which parts of the tuple have to be equal.",
        "Two tables: one from what a step computes to the name of the first step that did, one from "
        "names that are gone to the names that stand in for them.",
        "For each step: put the operands through the table of stand-ins. Make a key of the operation "
        "and the operands, sorted for add and mul, with numbers as text. If the key is known, note the "
        "stand-in; else note the key and append the step. Draws and prints are appended unasked.",
    ),
)


# --- dead code ------------------------------------------------------------------------------------


def alive(steps: list[Step], output: Any) -> list[Step]:
    """What went into the output, or into something that has an effect."""
    parts = ancestors(steps)
    wanted = [output, *(step[0] for step in steps if step[1] in EFFECTS)]
    needed = frozenset().union(*(parts[name] for name in wanted if name in parts))
    return [step for step in steps if step[0] in needed]


def unread(draw: Draw) -> Iterator[Args]:
    yield [("t0", "neg", "x0"), ("t1", "mul", "x0", 2.0)], "t1"
    yield [("t0", "neg", "x0"), ("t1", "mul", "x0", 2.0)], "t0"
    yield [("t0", "neg", "x0"), ("t1", "mul", "t0", 2.0), ("t2", "add", "x0", "x1")], "t1"
    yield [], "x0"
    yield [("t0", "add", "x0", "x1"), ("t1", "mul", "t0", "t0")], "t1"


def dead_chains(draw: Draw) -> Iterator[Args]:
    yield [("t0", "neg", "x0"), ("t1", "neg", "t0"), ("t2", "neg", "t1")], "x0"
    yield [("t0", "neg", "x0"), ("t1", "neg", "t0"), ("t2", "neg", "t0"), ("t3", "neg", "t2")], "t2"
    for length in (5, 8, 12):
        for _ in draw.rounds(3):
            steps = program(draw, length, names=0.6)
            yield steps, draw.random.choice(steps)[0]
    yield program(draw, 60, names=0.6), "t50"


def with_effects(draw: Draw) -> Iterator[Args]:
    yield [("t0", "print", "x0"), ("t1", "neg", "x0")], "t1"
    yield [("t0", "neg", "x0"), ("t1", "print", "t0"), ("t2", "mul", "x0", 2.0)], "t2"
    yield [("t0", "draw"), ("t1", "draw"), ("t2", "neg", "t1")], "t2"
    yield (
        [("t0", "neg", "x0"), ("t1", "neg", "x1"), ("t2", "print", "t1"), ("t3", "neg", "t0")],
        "x0",
    )
    for _ in draw.rounds(3):
        steps = program(draw, 7, names=0.6)
        steps.insert(4, ("p0", "print", draw.random.choice(steps[:4])[0]))
        steps.insert(draw.random.randrange(3), ("d0", "draw"))
        yield steps, draw.random.choice(steps)[0]


def _lost(got: Any, steps: list[Step]) -> set[Any]:
    return {step[0] for step in steps} - {step[0] for step in got}


DEAD = Task(
    id="07.compiler.drop_dead",
    name="drop_dead",
    points=4,
    asks="`drop_dead(steps, output)`: the steps without those that neither the output nor a draw or a "
    "print depends on. Returns the list of the steps that stay, in their order.",
    oracle=alive,
    valid=well_formed,
    shows=shown("drop_dead"),
    checks=(
        Check("steps that nobody reads", unread),
        Check("steps that only dead steps read", dead_chains),
        Check("draws and prints", with_effects, points=1),
    ),
    misconceptions=(
        Misconception(
            "pair",
            "The steps alone are asked for: which value is the output does not change.",
            returned(lambda got, *args: isinstance(got, tuple)),
        ),
        Misconception(
            "names_only",
            "The steps themselves are asked for, as they were, and not their names.",
            returned(lambda got, *args: bool(got) and all(isinstance(s, str) for s in got)),
        ),
        Misconception(
            "effects",
            "A print shows a line, and a draw moves the random generator on: they do something that "
            "no name tells of, and stay even if nobody reads them.",
            in_check("draws and prints", returned(
                lambda got, steps, output: len([s for s in got if s[1] in EFFECTS])
                < len([s for s in steps if s[1] in EFFECTS])
            )),
        ),
        Misconception(
            "effect_reads",
            "The print stays, but what it prints is gone: whatever stays needs its operands.",
            in_check("draws and prints", returned(lambda got, *args: bool(list(missing(got))))),
        ),
        Misconception(
            "output_lost",
            "The output is gone. Nobody reads it inside the program, but whoever called it does.",
            returned(lambda got, steps, output: output in _lost(got, steps)),
        ),
        Misconception(
            "backwards",
            "These are the right steps, in the wrong order: last to first.",
            returned(lambda got, *args: len(got) > 1 and got == alive(*args)[::-1]),
        ),
        Misconception(
            "too_much",
            "A step is gone that another one reads. What a needed step reads is needed as well.",
            returned(lambda got, *args: bool(list(missing(got)))),
        ),
        Misconception(
            "nothing_gone",
            "Nothing was left out. Start from the output: which steps went into it?",
            in_check("steps that nobody reads", returned(
                lambda got, steps, output: len(got) == len(steps)
            )),
        ),
        Misconception(
            "one_round",
            "There are still steps that only dead steps read. To be read is not enough: the reader "
            "has to be needed. From which end of the program is that known?",
            returned(lambda got, steps, output: not _lost(got, alive(steps, output))),
        ),
    ),
    hints=(
        "Whether a step is needed depends on the steps after it. In which direction would you read?",
        "Keep the set of names that are needed. At the start it holds the output alone.",
        "From the last step to the first: if its name is needed, or it is a draw or a print, it stays, "
        "and all its operands are needed from now on. At the end bring the steps in order again.",
    ),
)  # fmt: skip

TASKS = (FOLD, SHARE, DEAD)
