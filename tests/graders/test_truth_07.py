"""The truths of chapter 07, held against the engine's own passes, and against all there is to try."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import engine as tf
from engine.graph.graph import PLACEHOLDER
from engine.graph.passes.constants import fold_constants
from engine.graph.passes.dead_code import remove_dead_code
from engine.graph.passes.duplicates import share_duplicates
from graders.tasks.base import Draw
from graders.tasks.ch07_kernels import Placed, built, fewest_loops, needed_at_once
from graders.tasks.ch07_passes import FOLD, SHARE, alive, dead_chains, folded, shared
from graders.tasks.ch07_programs import ELEMENTWISE, Step, program

NAMES = {
    "add": tf.add,
    "sub": tf.subtract,
    "mul": tf.multiply,
    "div": tf.divide,
    "neg": tf.negative,
}
WORDS = {"add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "negative": "neg"}


def traced(steps: list[Step], outputs: list[Any]) -> Any:
    """The program as the engine's graph, as it was written."""

    def function(x0: Any, x1: Any) -> list[Any]:
        values: dict[Any, Any] = {"x0": x0, "x1": x1}

        def value(operand: Any) -> Any:
            return values[operand] if operand in values else tf.constant(operand, tf.float64)

        for name, operation, *operands in steps:
            values[name] = NAMES[operation](*map(value, operands))
        return [tf.identity(value(output)) for output in outputs]

    one = tf.constant(1.0, tf.float64)
    return tf.function(function, autograph=False).get_concrete_function(one, one).graph


def operations(graph: Any) -> list[str]:
    """The operations in order, in the words of the exercise."""
    return [WORDS[node.op] for node in graph.operations if node.op in WORDS]


def pure(draw: Draw, task: Any, labels: tuple[str, ...]) -> list[tuple[list[Step], Any]]:
    """The inputs of some checks, without those that hold an operation with an effect."""
    found = [args for check in task.checks if check.label in labels for args in check.cases(draw)]
    return [(steps, out) for steps, out in found if all(step[1] in NAMES for step in steps)]


@pytest.mark.parametrize("seed", range(3))
def test_what_is_folded_is_what_the_engine_folds(seed: int) -> None:
    labels = ("one constant", "constants of constants", "what is no constant")
    for steps, output in pure(Draw(seed, 2), FOLD, labels):
        every = [step[0] for step in steps]
        graph = fold_constants(traced(steps, every))
        assert operations(graph) == [step[1] for step in folded(steps, output)[0]]


@pytest.mark.parametrize("seed", range(3))
def test_what_is_shared_is_what_the_engine_shares(seed: int) -> None:
    labels = ("copies", "copies of copies", "operands in either order", "0.0 and -0.0")
    for steps, output in pure(Draw(seed, 2), SHARE, labels):
        every = [step[0] for step in steps]
        graph = share_duplicates(traced(steps, every))
        assert operations(graph) == [step[1] for step in shared(steps, output)[0]]


@pytest.mark.parametrize("seed", range(3))
def test_what_is_alive_is_what_the_engine_keeps(seed: int) -> None:
    for steps, output in dead_chains(Draw(seed, 2)):
        graph = remove_dead_code(traced(steps, [output]))
        assert operations(graph) == [step[1] for step in alive(steps, output)]
        assert [node.op for node in graph.nodes].count(PLACEHOLDER) == 2


def least_loops(steps: list[Step]) -> int:
    """The fewest loops over all ways to put the elementwise steps into groups."""
    pointwise = [step[0] for step in steps if step[1] in ELEMENTWISE]
    reads = {step[0]: [o for o in step[2:] if isinstance(o, str)] for step in steps}
    for count in range(len(pointwise) + 1):
        for chosen in itertools.product(range(count), repeat=len(pointwise)):
            group = dict(zip(pointwise, chosen, strict=True))
            if len(set(chosen)) == count and _runs(reads, group):
                return count
    raise AssertionError("no grouping runs")


def _runs(reads: dict[str, list[str]], group: dict[str, int]) -> bool:
    """Whether groups and single steps can be put into an order: no circle among them."""
    unit: dict[str, Any] = {name: group.get(name, name) for name in reads}
    waits: dict[Any, set[Any]] = {at: set() for at in unit.values()}
    for name, operands in reads.items():
        waits[unit[name]] |= {unit[o] for o in operands if o in unit} - {unit[name]}
    while waits:
        free = [at for at, others in waits.items() if not others]
        if not free:
            return False
        waits = {at: others - set(free) for at, others in waits.items() if at not in free}
    return True


def test_the_fewest_loops_are_the_fewest_of_all_groupings() -> None:
    tried = 0
    for seed in range(12):
        draw = Draw(seed)
        cases = [*fewest_loops(draw), built(draw, 2, extras=3), built(draw, 3, extras=2)]
        for case in cases:
            (steps,) = case.args
            if sum(step[1] in ELEMENTWISE for step in steps) <= 6:
                assert case.expected.wrong.fewest == least_loops(steps)
                tried += 1
    assert tried > 60


def test_the_fewest_buffers_are_the_fewest_of_all_placings() -> None:
    for seed in range(25):
        draw = Draw(seed)
        steps = program(draw, draw.random.randint(1, 5), names=0.8)
        output = draw.random.choice(steps)[0]
        names = [step[0] for step in steps]
        least = next(
            count
            for count in range(1, len(steps) + 1)
            for chosen in itertools.product(range(count), repeat=len(steps))
            if Placed(steps, output, count)(dict(zip(names, chosen, strict=True))) is None
        )
        assert needed_at_once(steps, output) == least
