"""Chapter 07, continued: steps that become one loop, and values that share memory.

Many answers are right here. A grouping is held against the order in which it would have to run, and the
programs are built so that the fewest loops are known; buffers are really used, with names of expressions
in place of arrays, so that what was overwritten too early shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graders.compare import a
from graders.diagnose import Seen, in_check, raised, returned
from graders.show import show
from graders.tasks.base import Case, Check, Draw, Holds, Misconception, Task
from graders.tasks.ch07_programs import ELEMENTWISE, Step, expressions, program, shown

ALONE = ("total", "sort", "draw")


# --- loops ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Grouped:
    """What is wrong with groups: they do not run, or there are more loops than needed."""

    steps: list[Step]
    fewest: int

    def __call__(self, got: Any) -> str | None:
        if not isinstance(got, (list, tuple)) or not all(isinstance(g, (list, tuple)) for g in got):
            return f"a list of lists of names is expected, not {show(got)}"
        names = [name for group in got for name in group]
        every = {step[0]: step for step in self.steps}
        if any(name not in every for name in names):
            return f"{show(next(n for n in names if n not in every))} is the name of no step"
        if len(set(names)) < len(names) or len(names) < len(every):
            apart = next(name for name in every if names.count(name) != 1)
            return f"{apart} is in {names.count(apart)} groups, and must be in one"
        if not all(got):
            return "a group is empty"
        return _order(got, every) or _loops(got, every, self.fewest)


def _order(got: Any, every: dict[Any, Step]) -> str | None:
    made: set[Any] = set()
    for group in got:
        alone = [name for name in group if every[name][1] not in ELEMENTWISE]
        if alone and len(group) > 1:
            return f"{alone[0]} is a {every[alone[0]][1]}, and is in a group with others"
        for name in group:
            for operand in every[name][2:]:
                if operand in every and operand not in made:
                    where = "its own group, later" if operand in group else "a later group"
                    return f"{name} reads {operand}, which is made in {where}"
            made.add(name)
    return None


def _loops(got: Any, every: dict[Any, Step], fewest: int) -> str | None:
    loops = sum(every[group[0]][1] in ELEMENTWISE for group in got)
    return f"it runs, in {loops} loops; {fewest} would do" if loops > fewest else None


def grouping(steps: list[Step], fewest: int) -> Case:
    """A program, and what is asked of its groups."""
    loops = f"{fewest} loop{'s' * (fewest != 1)}"
    words = f"groups that can run in this order, with {loops}"
    return Case((steps,), Holds(words, Grouped(steps, fewest)))


def pointwise(draw: Draw) -> Iterator[Case]:
    yield grouping([], 0)
    yield grouping([("t0", "mul", "x0", 2.0), ("t1", "exp", "t0")], 1)
    yield grouping([("t0", "neg", "x0"), ("t1", "exp", "x1"), ("t2", "add", 1.0, "x1")], 1)
    for length in (3, 6):
        yield grouping(program(draw, length), 1)
    yield grouping(program(draw, 40), 1)


def in_between(draw: Draw) -> Iterator[Case]:
    yield grouping([("t0", "total", "x0")], 0)
    yield grouping([("t0", "total", "x0"), ("t1", "sort", "x1"), ("t2", "div", "t1", "t0")], 1)
    chain: list[Step] = [("t0", "exp", "x0"), ("t1", "total", "t0"), ("t2", "neg", "t1")]
    yield grouping(chain, 2)
    yield grouping([*chain, ("t3", "mul", "t2", 2.0), ("t4", "sort", "t3"), ("t5", "exp", "t4")], 3)
    yield grouping([("t0", "draw"), ("t1", "add", "t0", "x0"), ("t2", "sort", "t1")], 1)


def ways_around(draw: Draw) -> Iterator[Case]:
    """softmax and its like: the last step reads the first one, and what was made of it between."""
    soft: list[Step] = [("t0", "exp", "x0"), ("t1", "total", "t0"), ("t2", "div", "t0", "t1")]
    yield grouping(soft, 2)
    yield grouping([*soft, ("t3", "sort", "t2"), ("t4", "sub", "t3", "t0")], 3)
    for size in (2, 3, 4):
        yield built(draw, size, extras=0)


def fewest_loops(draw: Draw) -> Iterator[Case]:
    mixed: list[Step] = [("t0", "exp", "x0"), ("t1", "total", "x1"), ("t2", "neg", "x1")]
    yield grouping(mixed, 1)
    yield grouping([*mixed, ("t3", "add", "t2", "t1")], 1)
    late: list[Step] = [("t0", "sort", "x0"), ("t1", "exp", "t0"), ("t2", "sort", "x1")]
    yield grouping([*late, ("t3", "mul", "t1", "t2")], 1)
    for size in (1, 2, 3, 4):
        for _ in draw.rounds(2):
            yield built(draw, size, extras=4)
    yield built(draw, 6, extras=25)


def built(draw: Draw, size: int, extras: int) -> Case:
    """A program that needs `size` loops and no more, with its steps in a random order.

    A chain of loop, single operation, loop, ... needs them all; every other step is drawn so that it
    has a place in one of them.
    """
    pick = draw.random
    level: dict[str, int] = {}  # of a pointwise step the loop it fits in, of others the one before
    made: list[tuple[str, str, list[Any]]] = []

    def readable(loop: int, pointwise: bool) -> list[str]:
        names = ["x0", "x1"]
        for name, operation, _ in made:
            limit = loop - (operation in ALONE and pointwise)
            names += [name] * (level[name] <= limit)
        return names

    def add(operation: str, operands: list[Any], loop: int) -> str:
        name = f"s{len(made)}"
        made.append((name, operation, operands))
        level[name] = loop
        return name

    before: Any = "x0"
    for loop in range(1, size + 1):
        other = pick.choice(readable(loop, True))
        before = add(pick.choice(("add", "mul", "sub")), [before, other], loop)
        if loop < size:
            before = add(pick.choice(("total", "sort")), [before], loop)
    for _ in range(extras):
        loop = pick.randint(1, size)
        if pick.random() < 0.7:
            operands = [pick.choice(readable(loop, True)), pick.choice([2.0, "x1"])]
            add(pick.choice(("add", "mul", "sub")), operands, loop)
        else:
            loop = pick.randint(0, size)
            add(pick.choice(("total", "sort")), [pick.choice(readable(loop, False))], loop)
    return grouping(_shuffled(draw, made), size)


def _shuffled(draw: Draw, made: list[tuple[str, str, list[Any]]]) -> list[Step]:
    """The steps in a random order that can run, with names in that order."""
    steps: list[Step] = []
    to_come, names = list(made), {"x0": "x0", "x1": "x1"}
    while to_come:
        ready = [s for s in to_come if all(o in names for o in s[2] if isinstance(o, str))]
        name, operation, operands = draw.random.choice(ready)
        to_come = [step for step in to_come if step[0] != name]
        names[name] = f"t{len(steps)}"
        steps.append((names[name], operation, *(names.get(o, o) for o in operands)))
    return steps


def _says(*words: str) -> Any:
    """Whether what is wrong with the smallest wrong answer is put in these words."""

    def test(seen: Seen) -> bool:
        said = seen.first.wrong or ""
        return seen.first.ran.error is None and any(word in said for word in words)

    return test


KERNELS = Task(
    id="07.compiler.kernels",
    name="kernels",
    points=6,
    asks="`kernels(steps)`: groups of names, in an order in which they can run. Elementwise steps of one "
    "group become one loop; any other step is a group by itself. As few loops as possible.",
    shows=shown("kernels"),
    checks=(
        Check("elementwise steps only", pointwise),
        Check("something else in between", in_between),
        Check("a way around a group", ways_around),
        Check("the fewest loops", fewest_loops, points=2),
    ),
    misconceptions=(
        Misconception(
            "flat",
            "Groups are asked for: a list that holds one list of names for each of them.",
            _says("a list of lists"),
        ),
        Misconception(
            "whole_steps",
            "A group holds the names of its steps, and not the steps.",
            returned(lambda got, *args: not isinstance(got[0][0], str)),
        ),
        Misconception(
            "lost",
            "Every step has to be in one group, and in one only. Which steps does a line of yours "
            "pass over?",
            _says("groups, and must be in one", "the name of no step"),
        ),
        Misconception(
            "empty",
            "There is a group without a step in it.",
            _says("a group is empty"),
        ),
        Misconception(
            "not_pointwise",
            "A loop makes one element after the other. A total or a sort needs all elements of its "
            "operand first: it is a group by itself.",
            _says("in a group with others"),
        ),
        Misconception(
            "cycle",
            "A loop runs as a whole: all it reads must be there when it begins. Here a step in it "
            "waits for something that waits for another step of the same loop. It has to go into a "
            "later one.",
            _says("is made in a later group"),
        ),
        Misconception(
            "own_order",
            "Within a group the steps run in the order of their names there: first the one that is "
            "read.",
            _says("its own group, later"),
        ),
        Misconception(
            "no_fusion",
            "It runs, but every step is a loop of its own: nothing was saved.",
            in_check("elementwise steps only", _says("would do")),
        ),
        Misconception(
            "neighbours",
            "It runs, with more loops than needed. Steps that stand apart in the list can share a "
            "loop as well, if neither waits for the other. What does a step really have to wait for?",
            _says("would do"),
        ),
    ),
    hints=(
        "In `a = exp(x); s = total(a); b = a / s`: why can a and b not be made in one loop?",
        "Give every step a number: in which loop it can run at the earliest. An elementwise step fits "
        "into the loop of an elementwise operand. What if the operand is a total?",
        "An elementwise step gets the largest number among its operands, one more for an operand that "
        "is not elementwise, and at least 1. Any other step gets the largest number among its operands, "
        "0 if there are only inputs. Then: what has 0, loop 1, the others with 1, loop 2, and so on.",
    ),
)


# --- buffers --------------------------------------------------------------------------------------


def needed_at_once(steps: list[Step], output: Any) -> int:
    """The most values that are there right after a step: just made, or still to be read."""
    most = 0
    for at, (made, *_) in enumerate(steps):
        later = {operand for step in steps[at + 1 :] for operand in step[2:]} | {output}
        so_far = {step[0] for step in steps[: at + 1]}
        most = max(most, len(so_far & later | {made}))
    return most


@dataclass(frozen=True)
class Placed:
    """What is wrong with buffers: something is lost in them, or there are more than needed."""

    steps: list[Step]
    output: Any
    most: int

    def __call__(self, got: Any) -> str | None:
        if not isinstance(got, dict):
            return f"a dictionary from names to numbers is expected, not {a(got)}"
        names = [step[0] for step in self.steps]
        unplaced = [name for name in names if name not in got]
        if unplaced:
            return f"{unplaced[0]} has no buffer"
        if len(got) > len(names):
            return f"{next(n for n in got if n not in names)!s} has a buffer, and is no step"
        if any(type(number) is not int for number in got.values()):
            return "buffers are whole numbers"
        return _run(self.steps, self.output, got) or _many(got, self.most)


def placing(steps: list[Step], output: Any, tight: bool = False) -> Case:
    """A program, and the buffers it wants: such that nothing is lost; `tight`: and no more of them."""
    most = needed_at_once(steps, output) if tight else len(steps)
    words = f"a buffer for every step{f', {most} in all' if tight else ''}, and nothing is lost"
    return Case((steps, output), Holds(words, Placed(steps, output, most)))


def _run(steps: list[Step], output: Any, got: dict[Any, int]) -> str | None:
    """Uses the buffers: each holds the expression that was written into it last."""
    whole, memory = expressions(steps), dict[int, str]()
    for name, _, *operands in steps:
        for operand in operands:
            if operand in got and memory.get(got[operand]) != whole[operand]:
                return f"{name} reads {operand}, but its buffer {got[operand]} was written over"
        memory[got[name]] = whole[name]
    if output in got and memory.get(got[output]) != whole[output]:
        return f"the output {output} was written over, in buffer {got[output]}"
    return None


def _many(got: dict[Any, int], most: int) -> str | None:
    used = len(set(got.values()))
    return f"nothing is lost, in {used} buffers; {most} would do" if used > most else None


def straight(draw: Draw) -> Iterator[Case]:
    yield placing([("t0", "neg", "x0")], "t0")
    pair: list[Step] = [("t0", "neg", "x0"), ("t1", "mul", "x1", 2.0)]
    yield placing([*pair, ("t2", "add", "t0", "t1")], "t2")
    yield placing([("t0", "neg", "x0"), ("t1", "mul", "t0", 2.0), ("t2", "add", "t0", "t1")], "t2")
    twice: list[Step] = [("t0", "neg", "x0"), ("t1", "mul", "t0", "t0"), ("t2", "neg", "x1")]
    yield placing([*twice, ("t3", "sub", "t1", "t2")], "t3")
    yield placing([], "x0")
    for length in (4, 6, 9):
        for _ in draw.rounds(2):
            steps = program(draw, length, names=0.7)
            yield placing(steps, steps[-1][0])


def kept_outputs(draw: Draw) -> Iterator[Case]:
    yield placing([("t0", "neg", "x0"), ("t1", "exp", "x1"), ("t2", "neg", "t1")], "t0")
    chain: list[Step] = [("t0", "exp", "x0"), ("t1", "neg", "t0"), ("t2", "neg", "t1")]
    yield placing([*chain, ("t3", "neg", "t2")], "t0")
    yield placing([("t0", "neg", "x0"), ("t1", "neg", "t0"), ("t2", "exp", "t0")], "t0")
    yield placing(chain, "x0")
    for length in (4, 7):
        for _ in draw.rounds(2):
            steps = program(draw, length, names=0.7)
            yield placing(steps, draw.random.choice(steps[:-1])[0])


def tight(draw: Draw) -> Iterator[Case]:
    yield placing([("t0", "neg", "x0"), ("t1", "exp", "t0")], "t1", tight=True)
    chain: list[Step] = [(f"t{i}", "exp", f"t{i - 1}" if i else "x0") for i in range(30)]
    yield placing(chain, "t29", tight=True)
    yield placing([("t0", "neg", "x0"), ("t1", "neg", "x1"), ("t2", "exp", "x0")], "t2", tight=True)
    square: list[Step] = [("t0", "neg", "x0"), ("t1", "mul", "t0", "t0"), ("t2", "mul", "t1", "t1")]
    yield placing(square, "t2", tight=True)
    for length in (5, 8, 12):
        for _ in draw.rounds(2):
            steps = program(draw, length, names=0.8)
            yield placing(steps, steps[-1][0], tight=True)
    yield placing(program(draw, 50, names=0.8), "t49", tight=True)


def _only_after_double_reads(seen: Seen) -> bool:
    """Is every program that went wrong one in which a step reads one result twice?"""
    programs = [outcome.case.args[0] for outcome in seen.wrong]
    return "written over" in (seen.first.wrong or "") and all(
        any(len(step) == 4 and step[2] == step[3] for step in steps) for steps in programs
    )


def _everything_in_one(seen: Seen) -> bool:
    return all(len(set(outcome.ran.value.values())) < 2 for outcome in seen.outcomes)


def _never_twice(seen: Seen) -> bool:
    answers = [outcome.ran.value for outcome in seen.outcomes]
    return all(len(set(answer.values())) == len(answer) for answer in answers)


BUFFERS = Task(
    id="07.compiler.buffers",
    name="buffers",
    points=5,
    asks="`buffers(steps, output)`: for every step the number of the buffer its result is written to, "
    "as a dictionary. A result stays until its last reader has read it, the output until the end; a "
    "step may write over an operand that it reads last. As few buffers as possible.",
    shows=shown("buffers"),
    checks=(
        Check("the last step is the output", straight),
        Check("an earlier output", kept_outputs, points=1),
        Check("the fewest buffers", tight, points=2),
    ),
    misconceptions=(
        Misconception(
            "number",
            "A dictionary is asked for, with the buffer of each step, and not only how many there are.",
            _says("a dictionary from"),
        ),
        Misconception(
            "inputs",
            "Inputs bring their own memory, and numbers need none. Only the steps get a buffer.",
            _says("and is no step"),
        ),
        Misconception(
            "unplaced",
            "Every step writes its result somewhere, also one that nobody reads.",
            _says("has no buffer"),
        ),
        Misconception(
            "lookup",
            "Not every operand is in your table: inputs and numbers have no buffer.",
            raised(KeyError),
        ),
        Misconception(
            "one_buffer",
            "There is one buffer for everything. How long has a result to stay, if two steps read it?",
            _everything_in_one,
        ),
        Misconception(
            "output_lost",
            "The output must be there when the program has ended. Its last reader is whoever called "
            "the program.",
            in_check("an earlier output", _says("the output")),
        ),
        Misconception(
            "freed_twice",
            "A step that reads one value twice, such as `t0 * t0`, gives one buffer back, and not two: "
            "the same number is free twice, and two results go into it.",
            _only_after_double_reads,
        ),
        Misconception(
            "too_early",
            "A result was written over while somebody still had to read it. Which step reads it last? "
            "Only then is its buffer free.",
            _says("was written over"),
        ),
        Misconception(
            "never_free",
            "Nothing is lost, but no buffer is used twice. Once its last reader has run, a buffer can "
            "take the next result.",
            _never_twice,
        ),
        Misconception(
            "not_in_place",
            "It could do with fewer. A step reads before it writes: free the operands that it reads "
            "last, and then take a buffer for its result. And what nobody reads is free at once.",
            _says("would do"),
        ),
    ),
    hints=(
        "For each name, which step is the last that reads it? Write that table down first.",
        "Keep a list of free buffers. A buffer goes back into it when the step has run that reads it "
        "last; a new one is made only when the list is empty.",
        "A table from each operand to the place of its last reader, with the output beyond the end. "
        "Then for each step: for every different operand that has a buffer and is read here for the last "
        "time, free its buffer; take a free one or a new one; if nobody ever reads the result, free it "
        "again.",
    ),
)

TASKS = (KERNELS, BUFFERS)
