"""Fusion: operations that a machine can do in one go become one operation, with the others inside.

Every value gets a stage. What can be fused runs in the stage of its latest input; any other operation (a
large product of matrices, a convolution, a draw) ends its stage, and what it makes belongs to the next. So
all that can be fused in one stage goes into one `fused` operation: it waits for nothing that waits for it.
Reshapes and transposes move no data: they are repeated wherever they are needed, inside and outside.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.dispatch import Primitive
from engine.graph.graph import CONSTANT, PLACEHOLDER, VARIABLE, Graph, Node
from engine.graph.native.loops import REDUCTIONS, VIEWS, supported
from engine.graph.passes.dead_code import remove_dead_code

SOURCES = (PLACEHOLDER, CONSTANT, VARIABLE)
MOST = 150  # operations in one kernel: the time to compile one grows with its size
LEAST = 2  # NumPy does a single operation as well


def _run(xp: Any, *arrays: Any, body: Graph) -> tuple[Any, ...]:
    """What a fused operation computes, one operation after the other."""
    values: dict[int, Any] = dict(zip(body.inputs, arrays, strict=True))
    for node in body.nodes:
        if node.op == CONSTANT:
            values[node.outputs[0]] = node.payload._array
        else:
            assert node.primitive is not None
            with np.errstate(all="ignore"):
                made = node.primitive.kernel(xp, *(values[n] for n in node.inputs), **node.attrs)
            values[node.outputs[0]] = made
    return tuple(values[number] for number in body.outputs)


FUSED = Primitive(
    "fused", _run, lambda *specs, body: tuple(body.specs[number] for number in body.outputs), vjp=()
)


class _Stages:
    """For each value its stage, and which nodes are fused in each."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.made_by = {number: node for node in graph.nodes for number in node.outputs}
        self.stage: dict[int, int] = {}
        self.kind: dict[int, str] = {}  # by output: source, member, view or other
        self.members: dict[int, list[Node]] = {}
        self.others: dict[int, list[Node]] = {}
        ordered = 0  # stages of operations whose order matters never go back
        for node in graph.nodes:
            before = max((self.stage[n] for n in node.inputs), default=0)
            if node.op in SOURCES:
                kind, stage = "source", 0
            elif node.op in VIEWS and supported(graph, node):
                kind, stage = "view", before
            elif supported(graph, node):
                kind, stage = "member", before
                while len(self.members.get(stage, ())) >= MOST:
                    stage += 1
                self.members.setdefault(stage, []).append(node)
            else:
                kind, stage = "other", before + 1
                if node.primitive is not None and node.primitive.stateful:
                    stage = ordered = max(stage, ordered)
                self.others.setdefault(stage, []).append(node)
            for number in node.outputs:
                self.stage[number], self.kind[number] = stage, kind
        self._move_to_users()

    def _move_to_users(self) -> None:
        """What only a later kernel needs is computed there, if that kernel then has no more to read."""
        latest: dict[int, int] = {}  # value -> the first stage that needs it

        def needed(value: int, stage: int) -> None:
            latest[value] = min(latest.get(value, stage), stage)

        for node in reversed(self.graph.nodes):
            kind = "source" if not node.outputs else self.kind[node.outputs[0]]
            if kind == "view":
                (made,) = node.outputs
                if made in latest:
                    needed(node.inputs[0], latest[made])
                continue
            for made in node.outputs:
                stage = self.stage[made]
                later = latest.get(made, stage)
                room = len(self.members.get(later, ())) < MOST
                if kind == "member" and later > stage and room and self._light(node):
                    self.members[stage].remove(node)
                    self.members.setdefault(later, []).append(node)
                    self.stage[made] = later
            for number in node.inputs:
                needed(number, self.stage[node.outputs[0]] - (kind == "other"))
        for node in self.graph.nodes:  # a view goes where what it looks at went
            if node.outputs and self.kind[node.outputs[0]] == "view":
                self.stage[node.outputs[0]] = self.stage[node.inputs[0]]
        place = {node.outputs[0]: k for k, node in enumerate(self.graph.nodes) if node.outputs}
        for nodes in self.members.values():
            nodes.sort(key=lambda node: place[node.outputs[0]])

    def _light(self, node: Node) -> bool:
        """Whether an operation has at most one input that is computed and large."""
        bases = {self.base(number) for number in node.inputs}
        large = [n for n in bases if self.kind[n] != "source" and self.graph.specs[n].dims != ()]
        return node.op not in REDUCTIONS and node.op != "matmul" and len(large) <= 1

    def base(self, value: int) -> int:
        """What a chain of views looks at."""
        while self.kind[value] == "view":
            value = self.made_by[value].inputs[0]
        return value


def fuse(graph: Graph) -> Graph:
    """The graph with fused operations, in an order that lets each run as one."""
    stages = _Stages(graph)
    groups = {stage: nodes for stage, nodes in stages.members.items() if len(nodes) >= LEAST}
    fused = {number for nodes in groups.values() for node in nodes for number in node.outputs}

    used_outside: set[int] = {*graph.outputs, *(number for _, number in graph.updates)}
    for node in graph.nodes:
        if not (set(node.outputs) & fused) and stages.kind[node.outputs[0]] in ("member", "other"):
            used_outside.update(node.inputs)
    # A view that something outside a kernel looks at stays outside, with all it looks through.
    outside_views = set()
    for value in list(used_outside):
        while stages.kind[value] == "view":
            outside_views.add(value)
            value = stages.made_by[value].inputs[0]
            used_outside.add(value)
    bodies = {stage: _body(graph, stages, nodes) for stage, nodes in groups.items()}
    for body in bodies.values():
        used_outside.update(body.inputs)

    rest: dict[int, list[Node]] = {}  # operations that have a stage to themselves, and views
    for node in graph.nodes:
        for made in node.outputs:
            alone = stages.kind[made] == "member" and stages.stage[made] not in bodies
            if alone or made in outside_views:
                rest.setdefault(stages.stage[made], []).append(node)
    order = [node for node in graph.nodes if node.op in SOURCES]
    last = max(stages.stage.values(), default=0)
    for stage in range(last + 1):
        order += stages.others.get(stage, [])
        if stage in bodies:
            body = bodies[stage]
            inside = [n for node in groups[stage] for n in node.outputs]
            body.outputs = [number for number in inside if number in used_outside]
            body.name = name = f"fused_{stage}"
            order.append(
                Node("fused", tuple(body.inputs), tuple(body.outputs), {"body": body}, FUSED, name)
            )
        order += rest.get(stage, [])
    whole = Graph(
        graph.name, order, list(graph.specs), list(graph.inputs), list(graph.outputs), graph.updates
    )
    return remove_dead_code(whole)


def _body(graph: Graph, stages: _Stages, members: list[Node]) -> Graph:
    """The operations of one stage as a graph of their own; its outputs are filled in later."""
    made = {number for node in members for number in node.outputs}
    inside: dict[int, Node] = {}  # by output, in order
    inputs: dict[int, None] = {}

    def need(value: int) -> None:
        chain = []
        while value not in inside and value not in made and stages.kind[value] == "view":
            chain.append(value)
            value = stages.made_by[value].inputs[0]
        node = stages.made_by[value]
        if value not in made and value not in inside:
            if (
                node.op == CONSTANT
                and graph.specs[value].shape.num_elements() == 1
                and _known(node)
            ):
                inside[value] = node
            else:
                inputs[value] = None
        for view in reversed(chain):
            inside[view] = stages.made_by[view]

    for node in members:
        for number in node.inputs:
            need(number)
        inside[node.outputs[0]] = node
    return Graph(graph.name, list(inside.values()), graph.specs, list(inputs), [])


def _known(node: Node) -> bool:
    return getattr(node.payload, "_array", None) is not None and type(node.payload._array) in (
        np.ndarray,
        np.float32,
        np.float64,
    )
