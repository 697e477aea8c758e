"""Chapter 04, continued: the order of a walk, and the walk itself.

An order is right by a property of its own; the gradients come from the engine's tape.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import engine as tf
from graders.diagnose import Seen, in_check, predicts, raised, returned
from graders.tasks.base import Case, Check, Draw, Holds, Misconception, Task

Args = tuple[Any, ...]
Graph = dict[str, list[str]]
Line = tuple[str, str, list[str]]


def needed(inputs: Graph, target: str) -> set[str]:
    """Everything the target was computed from, and the target."""
    found = {target: True}
    names = [target]
    for one in names:
        more = [name for name in dict.fromkeys(inputs[one]) if name not in found]
        found.update(dict.fromkeys(more, True))
        names += more
    return set(names)


def order_problem(inputs: Graph, target: str, got: Any) -> str | None:
    """What is wrong with an order, in one sentence; None for a right one."""
    if not isinstance(got, list) or any(type(name) is not str for name in got):
        return "a list of names is expected"
    wanted = needed(inputs, target)
    for name in got:
        if name not in wanted:
            return f"{name!r} is not needed for {target!r}"
    twice = [name for name, times in Counter(got).items() if times > 1]
    if twice:
        return f"{min(twice)!r} is there twice"
    if wanted - set(got):
        return f"{min(wanted - set(got))!r} is missing"
    place = {name: number for number, name in enumerate(got)}
    for name in got:
        for source in inputs[name]:
            if place[source] > place[name]:
                return f"{name!r} comes before {source!r}, which it was computed from"
    return None


def ordered(inputs: Graph, target: str) -> Case:
    words = f"every name that {target!r} needs, once, each after what it was computed from"
    return Case((inputs, target), Holds(words, partial(order_problem, inputs, target)))


def shuffled(draw: Draw, inputs: Graph) -> Graph:
    names = list(inputs)
    draw.random.shuffle(names)
    return {name: inputs[name] for name in names}


def lines_of_values(draw: Draw) -> Iterator[Case]:
    yield ordered({"a": []}, "a")
    yield ordered({"b": ["a"], "a": []}, "b")
    for size in (4, 6):
        chain = {f"v{i}": [f"v{i - 1}"] if i else [] for i in range(size)}
        yield ordered(shuffled(draw, chain), f"v{size - 1}")


def used_twice(draw: Draw) -> Iterator[Case]:
    yield ordered({"c": ["b", "b"], "b": ["a", "a"], "a": []}, "c")
    # From d, both b and c are seen at once; b has to wait, because c uses it as well.
    yield ordered({"d": ["b", "c"], "c": ["b"], "b": ["a"], "a": []}, "d")
    yield ordered({"d": ["c", "b"], "c": ["b"], "b": ["a"], "a": []}, "d")
    for _ in draw.rounds(4):
        yield ordered(*random_graph(draw, draw.random.randint(4, 9), all_needed=True))


def random_graph(draw: Draw, size: int, all_needed: bool) -> tuple[Graph, str]:
    """Names v0, v1, ...; each was computed from some before it, the last is the target."""
    inputs: Graph = {}
    for number in range(size):
        before = list(inputs)
        inputs[f"v{number}"] = [
            draw.random.choice(before) for _ in range(draw.random.randint(1, 2)) if before
        ]
    target = f"v{size - 1}"
    if all_needed:
        wanted = needed(inputs, target)
        inputs = {name: sources for name, sources in inputs.items() if name in wanted}
    return shuffled(draw, inputs), target


def beside_the_way(draw: Draw) -> Iterator[Case]:
    yield ordered({"a": [], "b": ["a"], "other": ["a"]}, "b")
    yield ordered({"c": ["b"], "b": ["a"], "a": []}, "b")  # c was computed after the target
    for _ in draw.rounds(3):
        inputs, target = random_graph(draw, draw.random.randint(5, 8), all_needed=False)
        yield ordered({**inputs, "late": [target], "alone": []}, target)


def ladders(draw: Draw) -> Iterator[Case]:
    """Doubled again and again: as many ways lead back as there are grains on a chessboard."""
    for rungs in (3, 60):
        ladder = {f"v{i}": [f"v{i - 1}"] * 2 if i else [] for i in range(rungs)}
        yield ordered(shuffled(draw, ladder), f"v{rungs - 1}")


def long_chains(draw: Draw) -> Iterator[Case]:
    size = 3000
    chain = {f"v{i}": [f"v{i - 1}"] if i else [] for i in range(size)}
    yield ordered(shuffled(draw, chain), f"v{size - 1}")


def _says(words: str) -> Any:
    return lambda seen: words in str(seen.first.wrong)


def _backwards(seen: Seen) -> bool:
    for outcome in seen.outcomes:
        inputs, target = outcome.case.args
        if order_problem(inputs, target, outcome.ran.value[::-1]) is not None:
            return False
    return True


ORDER = Task(
    id="04.tape.topological_order",
    name="topological_order",
    points=3,
    asks="`topological_order(inputs, target)`: the names that `target` was computed from, and the "
    "target, as a list in which each name comes after everything it was computed from. `inputs` says "
    "for every name what it was computed from directly.",
    checks=(
        Check("one after the other", lines_of_values),
        Check("values that are used more than once", used_twice),
        Check("values that the target does not need", beside_the_way),
        Check("a ladder: doubled 60 times", ladders),
        Check("a chain of 3000", long_chains, points=1),
    ),
    misconceptions=(
        Misconception(
            "backwards",
            "It begins at the target. That is the order of the walk *back*; asked for is the order in "
            "which the values can be computed, which is the same list turned round.",
            _backwards,
        ),
        Misconception(
            "twice",
            "A value that is used twice is still one value: it stands in the list once. Remember what "
            "has been put there.",
            _says("is there twice"),
        ),
        Misconception(
            "not_needed",
            "The list has names that the target was not computed from. Start at the target and go "
            "through what it needs, instead of through everything there is.",
            _says("is not needed for"),
        ),
        Misconception(
            "target_missing",
            "The target itself belongs to the list, at its end.",
            lambda seen: str(seen.first.wrong) == f"{seen.first.case.args[1]!r} is missing",
        ),
        Misconception(
            "too_deep",
            "Each function call waits for one inside it, and Python allows about a thousand of them. "
            "Keep what is waiting in a list of your own.",
            in_check("a chain of 3000", raised(RecursionError)),
        ),
        Misconception(
            "as_given",
            "That is the order in which the names are given. It says nothing about what was computed "
            "first.",
            returned(lambda got, inputs, target: got == [name for name in inputs if name in got]),
        ),
        Misconception(
            "too_early",
            "A name was put into the list as soon as it was seen. It has to wait until everything it "
            "was computed from is there, also when that is seen a second time later on.",
            _says("comes before"),
        ),
    ),
    hints=(
        "Draw `{'d': ['b', 'c'], 'c': ['b'], 'b': []}`. Which name can be first, and why can b not come "
        "after c?",
        "A name may be put into the list when all its inputs are in it. Going down from the target, "
        "you meet a name before its inputs: it has to wait.",
        "Keep a list of waiting names, starting with the target, and look at its last one. If some of "
        "its inputs are not in the order yet, let those wait too; otherwise take it off, and put it "
        "into the order unless it is there.",
    ),
)


SIGNS = {"add": tf.add, "sub": tf.subtract, "mul": tf.multiply}


def computed(lines: list[Line], given: dict[str, float]) -> dict[str, float]:
    """The values after all lines have run."""
    values = dict(given)
    for name, operation, (left, right) in lines:
        a, b = values[left], values[right]
        values[name] = {"add": a + b, "sub": a - b, "mul": a * b}[operation]
    return values


def backward_truth(
    lines: list[Line], values: dict[str, float], target: str, sources: list[str]
) -> list[float | None]:
    """The same program in the engine, and what its tape says."""
    made = {name for name, _, _ in lines}
    boxes = {n: tf.constant(v, tf.float64) for n, v in values.items() if n not in made}
    with tf.GradientTape() as tape:
        tape.watch(boxes)
        for name, operation, (left, right) in lines:
            boxes[name] = SIGNS[operation](boxes[left], boxes[right])
    found = tape.gradient(boxes[target], [boxes[name] for name in sources])
    return [None if g is None else float(g) for g in found]


def program(lines: list[Line], given: dict[str, float], target: str, sources: list[str]) -> Args:
    return lines, computed(lines, given), target, sources


def one_line(draw: Draw) -> Iterator[Args]:
    for operation in ("add", "sub", "mul"):
        yield program([("c", operation, ["a", "b"])], {"a": 3.0, "b": 5.0}, "c", ["a", "b"])
        given = {"a": draw.random.randint(-9, 9) + 0.5, "b": draw.random.randint(-9, 9) + 0.5}
        yield program([("c", operation, ["b", "a"])], given, "c", ["a", "b"])


def chains(draw: Draw) -> Iterator[Args]:
    lines: list[Line] = [
        ("c", "mul", ["a", "b"]),
        ("d", "sub", ["k", "c"]),
        ("e", "mul", ["d", "k"]),
    ]
    yield program(lines, {"a": 2.0, "b": 3.0, "k": 4.0}, "e", ["a", "b"])
    for _ in draw.rounds(3):
        chain: list[Line] = []
        for number in range(draw.random.randint(2, 5)):
            sides = [f"v{number}", f"k{number}"]
            draw.random.shuffle(sides)
            chain.append((f"v{number + 1}", draw.random.choice(("add", "sub", "mul")), sides))
        given = {f"k{i}": draw.random.randint(2, 5) + 0.5 for i in range(len(chain))} | {"v0": 1.5}
        yield program(chain, given, f"v{len(chain)}", ["v0"])
    long: list[Line] = []
    for number in range(60):
        pair = ["k", f"v{number}"]
        draw.random.shuffle(pair)
        long.append((f"v{number + 1}", "sub", pair))
    yield program(long, {"v0": 1.5, "k": 2.0}, "v60", ["v0", "k"])


def several_uses(draw: Draw) -> Iterator[Args]:
    yield program([("b", "add", ["a", "a"]), ("c", "add", ["b", "b"])], {"a": 3.0}, "c", ["a"])
    yield program([("b", "mul", ["a", "a"])], {"a": 3.0}, "b", ["a"])
    diamond: list[Line] = [
        ("b", "mul", ["a", "a"]),
        ("c", "mul", ["b", "b"]),
        ("d", "add", ["c", "b"]),
    ]
    yield program(diamond, {"a": 3.0}, "d", ["a"])
    yield program([("b", "sub", ["a", "a"])], {"a": 3.0}, "b", ["a"])  # 0.0, which is not None
    for _ in draw.rounds(4):
        yield random_program(draw, draw.random.randint(3, 6))


def random_program(draw: Draw, size: int, late: int = 0) -> Args:
    """Lines that use a and b and each other, each joined with the one before, so that all is on the
    way to the target; after it `late` more."""
    pick = draw.random
    lines: list[Line] = []
    names = ["a", "b"]
    for number in range(size + late):
        sides = [names[-1], pick.choice(names)]
        pick.shuffle(sides)
        lines.append((f"t{number}", pick.choice(("add", "sub", "mul")), sides))
        names.append(f"t{number}")
    given = {"a": float(pick.choice((0.5, 1.5, -1.0))), "b": float(pick.choice((2.0, -0.5, 1.0)))}
    return program(lines, given, f"t{size - 1}", ["b"])


def lines_behind(draw: Draw) -> Iterator[Args]:
    lines: list[Line] = [("b", "add", ["a", "a"]), ("c", "mul", ["b", "b"])]
    yield program(lines, {"a": 3.0}, "b", ["a"])
    yield program([("late", "mul", ["a", "a"]), *lines], {"a": 3.0}, "c", ["a"])
    for _ in draw.rounds(2):
        yield random_program(draw, draw.random.randint(2, 4), late=2)


def in_between(draw: Draw) -> Iterator[Args]:
    lines: list[Line] = [("b", "add", ["a", "a"]), ("c", "mul", ["b", "b"])]
    yield program(lines, {"a": 3.0}, "c", ["b", "a"])
    yield program(lines, {"a": 3.0}, "c", ["c"])
    yield [], {"a": 3.0}, "a", ["a"]
    for _ in draw.rounds(2):
        lines, values, target, _ = random_program(draw, 4)
        yield lines, values, target, ["b", "t0", "t1", "t3"]


def no_way(draw: Draw) -> Iterator[Args]:
    yield program([("c", "add", ["a", "a"])], {"a": 3.0, "b": 5.0}, "c", ["b", "a"])
    lines: list[Line] = [("b", "mul", ["a", "a"]), ("c", "mul", ["k", "k"])]
    yield program(lines, {"a": 3.0, "k": 2.0}, "c", ["a", "b", "k"])
    yield program(lines, {"a": 3.0, "k": 2.0}, "b", ["c", "k", "a"])
    for _ in draw.rounds(2):
        lines, values, target, _ = random_program(draw, 3, late=1)
        yield lines, values | {"z": 1.0}, target, ["z", "t3", "b"]


def _valid_program(lines: Any, values: Any, target: str, sources: list[str]) -> bool:
    made = {name for name, _, _ in lines}
    given = {name: value for name, value in values.items() if name not in made}
    fine = len(made) == len(lines) and computed(lines, given) == values and bool(sources)
    return fine and target in made


def _walked(overwrite: bool = False, forward: bool = False, own: bool = False, minus: bool = True,
            last: bool = False, once: bool = False) -> Any:  # fmt: skip
    """A wrong model of the walk, with one of its usual mistakes."""

    def model(lines: Any, values: Any, target: str, sources: list[str]) -> Any:
        found: dict[str, float] = {lines[-1][0] if last else target: 1.0}
        for name, operation, sides in lines if forward else lines[::-1]:
            if name not in found:
                continue
            seen: set[str] = set()
            for place, side in enumerate(sides):
                if once and side in seen:
                    continue
                seen.add(side)
                other = values[side if own else sides[1 - place]]
                slope = other if operation == "mul" else 1.0
                slope = -slope if minus and operation == "sub" and place == 1 else slope
                before = 0.0 if overwrite else found.get(side, 0.0)
                found[side] = before + found[name] * slope
        return [found.get(source) for source in sources]

    return predicts(model)


def _is_zero_for_none(seen: Seen) -> bool:
    pairs = zip(seen.first.case.expected, seen.first.ran.value, strict=True)
    return any(right is None and got == 0 for right, got in pairs)


def _is_none_for_zero(seen: Seen) -> bool:
    pairs = zip(seen.first.case.expected, seen.first.ran.value, strict=True)
    return any(right == 0 and got is None for right, got in pairs)


BACKWARD = Task(
    id="04.tape.backward",
    name="backward",
    points=4,
    asks="`backward(lines, values, target, sources)`: walks back over a tape from the target, and returns "
    "the gradients of the sources as a list. A line is `(name, operation, [left, right])`, with add, "
    "sub or mul; `values` has the number of every name. None for a source that the target does not "
    "depend on.",
    oracle=backward_truth,
    parameters=("lines", "values", "target", "sources"),
    valid=_valid_program,
    checks=(
        Check("one line", one_line),
        Check("one line after the other", chains),
        Check("values that are used more than once", several_uses),
        Check("lines that the target does not need", lines_behind),
        Check("sources in the middle", in_between),
        Check("sources without a way to the target", no_way, points=1),
    ),
    misconceptions=(
        Misconception(
            "overwrites",
            "What arrives at a value replaces what was there. A value that was used twice is handed "
            "something twice, and its gradient is the sum.",
            _walked(overwrite=True),
        ),
        Misconception(
            "used_once",
            "In a line such as b = a * a, a is used twice, and is handed something for each use.",
            _walked(once=True),
        ),
        Misconception(
            "forward",
            "The tape is read from its beginning. A value may hand on what it has only when all that "
            "used it have handed something to it: those lines stand below, so read from the end.",
            _walked(forward=True),
        ),
        Misconception(
            "sign",
            "In a - b the output falls when b rises: b is handed the gradient with a minus.",
            _walked(minus=False),
        ),
        Misconception(
            "own_factor",
            "In a * b the slope for a is b: the value of the *other* side.",
            _walked(own=True),
        ),
        Misconception(
            "last_line",
            "The walk starts at the last line of the tape. It starts at the target, wherever that "
            "stands: lines below it have nothing to do with it.",
            _walked(last=True),
        ),
        Misconception(
            "none_for_zero",
            "A gradient of 0.0 is a number: the target depends on that source, and the ways cancel. "
            "None means that there is no way. In Python both count as false: ask `is None`.",
            _is_none_for_zero,
        ),
        Misconception(
            "zero_for_none",
            "For a source without a way to the target the answer is None. 0.0 would say that there is "
            "one, and that it is flat.",
            _is_zero_for_none,
        ),
        Misconception(
            "no_way_raises",
            "A source that nothing was handed to is not in your dictionary. That is no error: its "
            "gradient is None.",
            in_check("sources without a way to the target", raised(KeyError)),
        ),
        Misconception(
            "in_the_middle",
            "A source may be the result of a line, or the target itself. Its gradient must still be "
            "there when the walk is over.",
            in_check("sources in the middle"),
        ),
    ),
    hints=(
        "Do it on paper for b = a + a, c = b * b: start with 1 beside c, then read upwards.",
        "Keep a dictionary from names to gradients, with 1.0 for the target. Every line hands its own "
        "gradient, times a slope, to its two sides, where it is added to what is there.",
        "Go through the lines from the last. Skip one whose name has no gradient. The slopes: 1 and 1; "
        "1 and -1; the value of the right side and that of the left. At the end look the sources up.",
    ),
)

TASKS = (ORDER, BACKWARD)
