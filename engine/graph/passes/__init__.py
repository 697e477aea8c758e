"""Passes: programs into equal but smaller programs, each step kept so that it can be looked at.

dead_code   what no result depends on
algebra     a table of laws such as x * 1 = x
constants   what depends on constants alone
duplicates  what is computed twice
labels      class labels as comparisons, which can be fused
signs       x > 0 as relu(x) > 0
windows     the derivative of relu before that of max-pool, on fewer numbers
fusion      operations that become one kernel; runs last, when a graph gets kernels (see `engine.graph.tiers`)

A pass is a function from a Graph to a Graph, made with `rewriting`; it never changes the graph it is given.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.graph.graph import Graph
from engine.graph.passes.algebra import simplify
from engine.graph.passes.constants import fold_constants
from engine.graph.passes.dead_code import remove_dead_code
from engine.graph.passes.duplicates import share_duplicates
from engine.graph.passes.labels import compare_labels
from engine.graph.passes.signs import ask_relu
from engine.graph.passes.windows import unpool_later
from engine.graph.verifier import verify

__all__ = ["PASSES", "Stage", "Stages", "optimize", "remove_dead_code"]

PASSES = (
    simplify,
    unpool_later,
    fold_constants,
    compare_labels,
    ask_relu,
    share_duplicates,
    remove_dead_code,
)
MOST_ROUNDS = 10  # one pass makes work for another; programs settle after two or three rounds


@dataclass(frozen=True, repr=False)
class Stage:
    """What one pass did: the program before and after it."""

    name: str
    before: Graph
    after: Graph

    def __repr__(self) -> str:
        return (
            f"{self.name}: {len(self.before.operations)} -> {len(self.after.operations)} operations"
        )


class Stages(tuple[Stage, ...]):
    """The passes that changed a program, in order. Printed: what each one left."""

    def __str__(self) -> str:
        return "\n".join(map(repr, self)) or "no pass changed anything"

    __repr__ = __str__


def _shape_of_program(graph: Graph) -> object:
    return (
        [(node.op, node.inputs, node.outputs) for node in graph.nodes],
        graph.outputs,
        [number for _, number in graph.updates],
    )


def optimize(graph: Graph) -> tuple[Graph, Stages]:
    """Runs all passes until none changes anything. Each result is verified."""
    stages = []
    for _ in range(MOST_ROUNDS):
        start = graph
        for step in PASSES:
            after = step(graph)
            if _shape_of_program(after) != _shape_of_program(graph):
                verify(after)
                stages.append(Stage(step.__name__, graph, after))
                graph = after
        if graph is start:
            break
    return graph, Stages(stages)
