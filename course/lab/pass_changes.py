"""What a pass did to a graph: which nodes are gone and what stands in their place, which are new.

A pass says nothing of this itself. It is read off the two programs: a value keeps its number, so a
number that is read in place of another one has taken its part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from engine.graph.graph import Graph, Node
from engine.graph.native.loops import VIEWS
from engine.graph.passes import Stage, optimize
from engine.graph.passes import fusion as fusion_pass
from engine.graph.plan import NOTHING, Writes, plan_buffers, size_of

Marks = dict[int, tuple[str, str]]
FUSE = "fuse"


@dataclass(frozen=True)
class Change:
    """By value number: what became of a node, in a word and in a sentence.

    gone: of the nodes before the pass; there: of those after it.
    """

    gone: Marks = field(default_factory=dict)
    there: Marks = field(default_factory=dict)


def pipeline(graph: Graph) -> Iterator[tuple[Stage, str]]:
    """The passes that change this graph, in order, each with what it is for; fusion is the last."""
    import engine.graph.passes as passes

    says = {step.__name__: _first_line(step) for step in passes.PASSES}
    optimized, stages = optimize(graph)
    for stage in stages:
        yield stage, says[stage.name]
    fused = fusion_pass.fuse(optimized)
    if any(node.op == "fused" for node in fused.nodes):
        what = "What a machine can do in one go becomes one operation, with the others inside."
        yield Stage(FUSE, optimized, fused), what


def _first_line(step: Any) -> str:
    return (step.__doc__ or step.__name__).strip().splitlines()[0]


def changes(name: str, before: Graph | None, after: Graph) -> Change:
    """What the pass of this name did; nothing for a graph that has no `before`."""
    if before is None:
        return Change()
    if name == FUSE:
        return _fused(before, after)
    was, now = _made_by(before), _made_by(after)
    instead = _stand_ins(before, after)
    gone: Marks = {}
    for number in was.keys() - now.keys():
        other = instead.get(number)
        if other in was and other in now:
            gone[number] = "merged", f"whoever read it now reads %{other}"
        elif name == "fold_constants":
            gone[number] = "folded", "computed now, once: a constant stands for it"
        elif other is not None:
            gone[number] = "removed", f"%{other} stands for it"
        else:
            gone[number] = "removed", "nothing reads it any more"
    there: Marks = {}
    for number, node in now.items():
        if number not in was:
            there[number] = "made", "this pass wrote it"
        elif was[number].inputs != node.inputs:
            there[number] = "rewired", "it reads another value than before"
    return Change(gone, there)


def _made_by(graph: Graph) -> dict[int, Node]:
    return {node.outputs[0]: node for node in graph.nodes}


def _stand_ins(before: Graph, after: Graph) -> dict[int, int]:
    """For values that are gone the value that is read in their place, where somebody reads one."""
    was, now = _made_by(before), _made_by(after)
    found: dict[int, int] = {}
    waiting: list[tuple[Any, Any]] = [
        (before.outputs, after.outputs),
        ([n for _, n in before.updates], [n for _, n in after.updates]),
        *((was[n].inputs, now[n].inputs) for n in was.keys() & now.keys()),
    ]
    while waiting:
        earlier, later = waiting.pop()
        if len(earlier) != len(later):
            continue
        for old, new in zip(earlier, later, strict=True):
            if old == new or old in now or old in found:
                continue
            found[old] = new
            if old in was and new in now and was[old].op == now[new].op:
                waiting.append((was[old].inputs, now[new].inputs))
    return found


def _fused(before: Graph, after: Graph) -> Change:
    gone: Marks = {}
    there: Marks = {}
    for node in after.nodes:
        if node.op == FUSED:
            there[node.outputs[0]] = "made", "one loop in place of several"
            for inner in node.attrs["body"].nodes:
                gone[inner.outputs[0]] = "fused", f"it becomes a line of {node.name}"
    for number in _made_by(before).keys() - _made_by(after).keys() - gone.keys():
        gone[number] = "removed", "nothing reads it any more"
    return Change(gone, there)


FUSED = "fused"


# --- bytes --------------------------------------------------------------------------------------


def _makes_an_array(node: Node) -> bool:
    return node.primitive is not None and node.op not in VIEWS


def bytes_made(graph: Graph) -> int | None:
    """The bytes of all arrays that the operations make; None where a size is not known yet.

    A reshape or a transpose is another view of the same numbers, and makes none.
    """
    made = [n for node in graph.nodes if _makes_an_array(node) for n in node.outputs]
    if not all(graph.specs[n].shape.is_fully_defined() for n in made):
        return None
    return sum(size_of(graph.specs[n]) for n in made)


def workspace(graph: Graph) -> int | None:
    """The bytes that are enough when values that are never needed at one time share memory.

    Results leave the graph, so each has memory of its own.
    """
    if bytes_made(graph) is None:
        return None

    def writes(node: Node) -> Writes:
        if not _makes_an_array(node):
            return NOTHING
        primitive = node.primitive
        pointwise = primitive is not None and primitive.scalar is not None
        return Writes(node.outputs, 0, {n: node.inputs for n in node.outputs} if pointwise else {})

    plan = plan_buffers(graph, writes)
    made = [n for node in graph.nodes if _makes_an_array(node) for n in node.outputs]
    return sum(plan.sizes) + sum(size_of(graph.specs[n]) for n in made if n not in plan.slots)
