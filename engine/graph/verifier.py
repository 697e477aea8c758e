"""Checks that a graph is a program: every value is made once, before it is used, in the shape it claims."""

from __future__ import annotations

from engine.graph.graph import Graph
from engine.spec import compatible


def verify(graph: Graph) -> None:
    """Raises AssertionError, naming the node, when the graph is not well formed.

    A pass that breaks a program is caught here, before the program gives a wrong number.
    """
    made: set[int] = set()
    for node in graph.nodes:
        missing = [number for number in node.inputs if number not in made]
        assert not missing, f"{graph.name}: {node.name} uses values {missing} before they are made"
        again = [number for number in node.outputs if number in made]
        assert not again, f"{graph.name}: {node.name} makes values {again} a second time"
        made.update(node.outputs)
        if node.primitive is not None:
            inferred = node.primitive.spec(*(graph.specs[n] for n in node.inputs), **node.attrs)
            specs = inferred if isinstance(inferred, tuple) else (inferred,)
            for number, spec in zip(node.outputs, specs, strict=True):
                claimed = graph.specs[number]
                assert claimed.dtype is spec.dtype and compatible(claimed.dims, spec.dims), (
                    f"{graph.name}: {node.name} claims {claimed} but its rule says {spec}"
                )
    wanted = [*graph.inputs, *graph.outputs, *(number for _, number in graph.updates)]
    unmade = [number for number in wanted if number not in made]
    assert not unmade, f"{graph.name}: values {unmade} are asked for but never made"
