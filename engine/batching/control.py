"""cond and while for many examples at once: their programs, made anew for whole batches.

That needs all examples to take the same branch, or as many turns. Where the decision differs among them,
they are run one by one. Read `graph.control` and `rules` first.
"""

from __future__ import annotations

from typing import Any

from engine.batching.batch import Batch, Batched
from engine.dispatch import Primitive, apply
from engine.graph.concrete import ConcreteFunction
from engine.graph.control import Part, _compiled
from engine.ops.layout import sizes, transpose
from engine.spec import TensorSpec
from engine.tensor import Tensor

KEPT = 32  # programs kept for one program: there is one for each number of examples


def _many(
    program: ConcreteFunction, batch: Batch, along: list[bool], stacked: list[bool]
) -> tuple[ConcreteFunction, list[bool]]:
    """The program that takes all examples' values where `along`, and gives them where `stacked`.

    Also says which outputs differ among the examples; one that does and is not stacked makes no sense.
    """
    size = batch.size if isinstance(batch.size, int) else None
    known = program.__dict__.setdefault("_many", {})
    key = (size, *along, *stacked)
    if key not in known:
        if len(known) >= KEPT:
            known.clear()
        differ: list[bool] = []

        def run(*values: Tensor) -> list[Tensor]:
            count = sizes(values[along.index(True)])[0]
            inner = Batch(count, batch.name, batch.may_loop)
            with inner.open():
                mine: list[Tensor] = [
                    Batched(inner, v, a) for v, a in zip(values, along, strict=True)
                ]
                made = [
                    x if type(x) is Batched and x.graph is inner else Batched(inner, x, False)
                    for x in program._inline(mine)
                ]
            differ.extend(x.along for x in made)
            return [inner.collect(x) if s else x.value for x, s in zip(made, stacked, strict=True)]

        specs = [
            TensorSpec(None if s.dims is None else (size, *s.dims) if a else s.dims, s.dtype)
            for s, a in zip(program.inputs, along, strict=True)
        ]
        part = Part(f"{program.name}_of_many", run, specs, None)
        part.give(part.result)
        graph, taken = part.finish([], [], lift=False)
        assert not taken  # all that the program uses is among its inputs
        known[key] = _compiled(graph), differ
    return known[key]


def cond(batch: Batch, primitive: Primitive, inputs: list[Batched], attrs: dict[str, Any]) -> Any:
    """One decision for all examples: the branch that it takes runs for all at once."""
    predicate, *rest = inputs
    if predicate.along:
        return None
    along, every = [x.along for x in rest], [True] * len(attrs["then"].outputs)
    programs = {name: _many(attrs[name], batch, along, every)[0] for name in ("then", "otherwise")}
    return apply(primitive, *(x.value for x in inputs), **programs)


def while_(batch: Batch, primitive: Primitive, inputs: list[Batched], attrs: dict[str, Any]) -> Any:
    """As many turns for all examples. What comes to differ among them in one turn does from the start."""
    count = attrs["count"]
    along = [x.along for x in inputs]
    if any(x._dims is None for x in inputs):
        return None
    while True:
        body, differ = _many(attrs["body"], batch, along, along[:count])
        state = [a or d for a, d in zip(along, differ, strict=False)]
        if state == along[:count]:
            break
        along[:count] = state
    proceed, differ = _many(attrs["cond"], batch, along, [False])
    if differ[0]:
        return None
    values = [batch.spread(x) if a else x.value for x, a in zip(inputs, along, strict=True)]
    made = apply(primitive, *values, **{**attrs, "cond": proceed, "body": body})
    final = [Batched(batch, x, a) for x, a in zip(made, along[:count], strict=False)]
    if not attrs["keep"]:
        return tuple(final)
    kept = [
        _examples_first(batch, x) if a else batch.same(x)
        for x, a in zip(made[count + 1 :], along[:count], strict=True)
    ]
    return (*final, batch.same(made[count]), *kept)


def _examples_first(batch: Batch, stack: Tensor) -> Batched:
    """States kept turn by turn, (turns, examples, ...), as each example sees them: (turns, ...)."""
    return batch.wrap(transpose(stack, [1, 0, *range(2, stack.ndim)]))
