"""A step repeated along sequences as one operation: `scan`. Recurrent layers are written with it.

As `while` in `engine.graph.control`, which comes before this, its setting is a program. But it knows what
goes in at each step and what comes out, so its gradient takes a time that grows with the number of steps
and no faster: a scan in the other direction over what the first one kept. That is the states, and the
results of matrix products, which would take longest to compute again. The derivative by a matrix that
every step multiplies with is one large product after the loop, not a sum that grows step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.dispatch import Primitive, apply, context
from engine.graph.concrete import ConcreteFunction
from engine.graph.control import Part, _acts, _compiled, _outside
from engine.graph.graph import Graph, Node
from engine.ops.elementwise import add, zeros_like
from engine.ops.layout import reshape, sizes
from engine.ops.linalg import matmul
from engine.spec import TensorSpec
from engine.tape import GradientTape
from engine.tensor import Tensor

Step = Callable[[list[Tensor], list[Tensor], list[Tensor]], tuple[list[Tensor], list[Tensor]]]


def scan_program(
    step: Step,
    states: Sequence[TensorSpec],
    elements: Sequence[TensorSpec],
    fixed: Sequence[TensorSpec],
    name: str = "scan_step",
) -> ConcreteFunction:
    """One step as a program, to be run by `scan`; it may be kept and used again.

    Args:
      step: takes the states, one element of each sequence and what is the same at every step; returns the
        new states and the outputs. It uses no other tensors and no Variables.
      states, elements, fixed: what is known of them.
    """
    part = _traced(step, states, elements, fixed, name)
    graph, taken = part.finish([], [], lift=False)
    if taken or part.assigned:
        raise ValueError(f"{name}: a step must be given the tensors and Variables that it uses.")
    return _compiled(graph)


def scan(
    program: ConcreteFunction,
    states: Sequence[Tensor],
    sequences: Sequence[Tensor],
    fixed: Sequence[Tensor],
    reverse: bool = False,
) -> tuple[list[Tensor], list[Tensor]]:
    """Runs a step for each element of the sequences, which are stacked along their first axes.

    Returns:
      The last states, and the outputs of all steps, stacked. With `reverse` the last element comes first;
      outputs stand where their elements do.
    """
    inputs = [*states, *sequences, *fixed]
    made = apply(
        _SCAN_ACTS if _acts(program) else _SCAN,
        *inputs,
        body=program,
        states=len(states),
        sequences=len(sequences),
        reverse=reverse,
        keep=context.log is not None,
    )
    count, outputs = len(states), len(program.outputs) - len(states)
    return list(made[:count]), list(made[count : count + outputs])


def traced_scan(
    step: Step, states: Sequence[Tensor], sequences: Sequence[Tensor], reverse: bool = False
) -> tuple[list[Tensor], list[Tensor]]:
    """The same inside a trace, for any step: it may use tensors and Variables from outside, and assign."""
    elements = [TensorSpec(_rest(t.spec.dims), t.dtype) for t in sequences]
    part = _traced(
        step, [TensorSpec(t.spec.dims, t.dtype) for t in states], elements, [], "scan_step"
    )
    changed = part.assigned
    # The program takes its states first: what a Variable holds is one more, behind those of the step.
    outputs = part.outputs
    part.outputs = outputs[: len(states)]
    graph, taken = part.finish([*map(part.value_of, changed), *outputs[len(states) :]], changed)
    given, moved = len(states) + len(sequences), graph.inputs[len(states) + len(sequences) :]
    graph.inputs = [*graph.inputs[: len(states)], *moved, *graph.inputs[len(states) : given]]
    graph.inputs += taken.values()
    before = _outside(changed)
    fixed = _outside([key.value for key in taken])
    made, stacks = scan(_compiled(graph), [*states, *before], sequences, fixed, reverse)
    for variable, value in zip(changed, made[len(states) :], strict=True):
        variable.assign(value)
    return made[: len(states)], stacks


def _rest(dims: Any) -> Any:
    return None if dims is None else dims[1:]


def _traced(step: Step, states: Any, elements: Any, fixed: Any, name: str) -> Part:
    first, second = len(states), len(states) + len(elements)

    def run(*values: Tensor) -> list[Tensor]:
        after, outputs = step(
            list(values[:first]), list(values[first:second]), list(values[second:])
        )
        return [*after, *outputs]

    specs = [*states, *elements, *fixed]
    part = Part(name, run, specs, None)
    part.give(part.result)
    for i, spec in enumerate(states):
        made = part.outputs[i]
        if made.dtype is not spec.dtype or (
            None not in (made.spec.dims or (None,)) and not spec.is_compatible_with(made)
        ):
            raise ValueError(
                f"A recurrent step must return states like those it takes: state {i} is {spec.dtype.name} "
                f"{spec.shape} before the step and {made.dtype.name} {made.shape} after it."
            )
    return part


# --- running ------------------------------------------------------------------------------------------


def _scan_kernel(
    xp: Any, *arrays: Any, body: Any, states: int, sequences: int, reverse: bool, keep: bool
) -> Any:
    program = _with_products(body) if keep else body
    state, rows = list(arrays[:states]), arrays[states : states + sequences]
    fixed, run = arrays[states + sequences :], program._run
    steps = rows[0].shape[0]
    outputs = len(body.outputs) - states
    stacks: list[Any] = []
    writes: list[Any] = []
    kept: list[Any] = []
    if keep:
        kept = [xp.empty((steps, *x.shape), x.dtype) for x in state]
    for t in reversed(range(steps)) if reverse else range(steps):
        made = run(*state, *[row[t] for row in rows], *fixed)[0]
        for stack, value in zip(kept, state, strict=False):
            stack[t] = value
        state, results = made[:states], made[states:]
        if not stacks:
            stacks, writes = _room(xp, results, steps)
        for stack, i in writes:
            stack[t] = results[i]
    if not steps:
        specs = program.outputs[states:]
        stacks = [
            xp.empty((0, *(size or 0 for size in s.dims or ())), s.dtype.as_numpy_dtype)
            for s in specs
        ]
    return (*state, *stacks[:outputs], *kept, *stacks[outputs:])


def _room(xp: Any, results: list[Any], steps: int) -> tuple[list[Any], list[tuple[Any, int]]]:
    """Where the results of all steps will stand: one array a result, and what to write to each of them.

    A result that comes out twice is written once.
    """
    by_id: dict[int, tuple[Any, int]] = {}
    for i, value in enumerate(results):
        if id(value) not in by_id:
            by_id[id(value)] = xp.empty((steps, *value.shape), value.dtype), i
    return [by_id[id(value)][0] for value in results], list(by_id.values())


def _scan_spec(
    *inputs: TensorSpec, body: Any, states: int, sequences: int, reverse: bool, keep: bool
) -> Any:
    steps = (inputs[states].dims or (None,))[0]

    def stacked(spec: TensorSpec) -> TensorSpec:
        return TensorSpec(None if spec.dims is None else (steps, *spec.dims), spec.dtype)

    final = tuple(TensorSpec(spec.dims, spec.dtype) for spec in body.inputs[:states])
    outputs = tuple(map(stacked, body.outputs[states:]))
    if not keep:
        return (*final, *outputs)
    saved = _with_products(body).outputs[len(body.outputs) :]
    return (*final, *outputs, *map(stacked, final), *map(stacked, saved))


# --- differentiating ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Product:
    """A matrix product in a step: its node, the fixed input it multiplies with, if that is all that is
    done with that input, and where its left factor is found among states, elements and what was kept."""

    node: Node
    fixed: int | None
    left: int | None


def _products(body: ConcreteFunction) -> list[Node]:
    return [node for node in body.graph.operations if node.op == "matmul"]


def _extended(body: ConcreteFunction) -> tuple[list[int], dict[int, tuple[int, int]]]:
    """The values that a gradient needs besides the states, and for each product whose right factor is the
    same matrix at every step: its input, and the value of its left factor."""
    graph, inputs = body.graph, body.graph.inputs
    saved = [node.outputs[0] for node in _products(body)]
    uses: dict[int, list[Node]] = {}
    for node in graph.nodes:
        for number in node.inputs:
            uses.setdefault(number, []).append(node)
    hoisted: dict[int, tuple[int, int]] = {}
    for place, number in enumerate(inputs):
        nodes = uses.get(number, [])
        if number in graph.outputs or not nodes or not all(_plain(graph, n, number) for n in nodes):
            continue
        for node in nodes:
            hoisted[node.outputs[0]] = (place, node.inputs[0])
    saved += [left for _, left in hoisted.values() if left not in inputs and left not in saved]
    return saved, hoisted


def _plain(graph: Graph, node: Node, number: int) -> bool:
    """Whether a node is x @ m of matrices, with m the value of this number."""
    if node.op != "matmul" or node.inputs[1] != number or node.inputs[0] == number:
        return False
    return all(len(graph.specs[n].dims or ()) == 2 for n in node.inputs) and not any(
        node.attrs.values()
    )


def _with_products(body: ConcreteFunction) -> ConcreteFunction:
    """The program that also gives what its gradient would compute again."""
    known = body.__dict__.get("_with_products")
    if known is None:
        saved, _ = _extended(body)
        graph = replace(body.graph, outputs=[*body.graph.outputs, *saved])
        known = body.__dict__["_with_products"] = _compiled(graph) if saved else body
    return known


def _scan_vjp(
    dys: Any,
    ys: Any,
    *inputs: Tensor,
    body: Any,
    states: int,
    sequences: int,
    reverse: bool,
    keep: bool,
) -> Any:
    """The scan in the other direction. Cotangents that nobody has are None."""
    attrs = {"body": body, "states": states, "sequences": sequences, "reverse": reverse}
    if not keep:  # run again, and keep
        ys = apply(_SCAN, *inputs, **attrs, keep=True)
        dys = (*dys, *[None] * (len(ys) - len(dys)))
    count = len(body.outputs)
    moving = [i for i in range(states) if inputs[i].dtype.is_differentiable]
    kept, stacks = ys[count : count + states], ys[count + states :]
    given = tuple(
        i
        for i, dy in enumerate(dys[states:], states)
        if dy is not None and dy.dtype.is_differentiable
    )
    wanted = tuple(i for i, x in enumerate(inputs) if i >= states and x.dtype.is_differentiable)
    back = _backward_of(body, states, sequences, given)
    fixed = inputs[states + sequences :]
    carried = [zeros_like(inputs[i]) if dys[i] is None else dys[i] for i in moving]
    sums = [zeros_like(inputs[i]) for i in back.summed]
    elements = [*kept, *inputs[states : states + sequences], *stacks, *(dys[i] for i in given)]
    after, made = scan(back.program, [*carried, *sums], elements, fixed, not reverse)
    found: dict[int, Tensor] = dict(zip(moving, after, strict=False))
    found.update(zip(back.summed, after[len(moving) :], strict=True))
    rows = [i for i in wanted if i < states + sequences]
    found.update(zip(rows, made, strict=False))
    for (place, left), dz in zip(back.hoisted, made[len(rows) :], strict=True):
        product = matmul(_flat(elements[left]), _flat(dz), transpose_a=True)
        found[place] = add(found[place], product) if place in found else product
    return [found.get(i) for i in range(len(inputs))]


def _flat(stack: Tensor) -> Tensor:
    """(steps, rows, columns) as (steps * rows, columns)."""
    return reshape(stack, [-1, sizes(stack)[-1]])


@dataclass(frozen=True)
class _Backward:
    """The step of the scan that goes back.

    summed: the fixed inputs whose cotangents are summed step by step.
    hoisted: for each cotangent of a product that comes out: the fixed input, and the place of the left
      factor among the sequences of the scan that goes back.
    """

    program: ConcreteFunction
    summed: list[int]
    hoisted: list[tuple[int, int]]


def _backward_of(
    body: ConcreteFunction, states: int, sequences: int, given: tuple[int, ...]
) -> _Backward:
    """The program for the cotangents `given`, by the place of the output in all that a scan makes."""
    known = body.__dict__.setdefault("_backward", {})
    if given not in known:
        known[given] = _make_backward(body, states, sequences, given)
    return known[given]


def _make_backward(
    body: ConcreteFunction, states: int, sequences: int, given: tuple[int, ...]
) -> _Backward:
    graph, inputs, outputs = body.graph, body.inputs, body.outputs
    saved, products = _extended(body)
    saved_specs = _with_products(body).outputs[len(outputs) :]
    first_fixed, count = states + sequences, len(outputs)
    floating = [spec.dtype.is_differentiable for spec in inputs]
    moving = [i for i in range(states) if floating[i]]
    rows = [i for i in range(states, first_fixed) if floating[i]]
    by_product = {place for place, _ in products.values()}
    summed = [i for i in range(first_fixed, len(inputs)) if floating[i] and i not in by_product]
    # The sequences of the scan back: states, elements, what was kept, cotangents.
    numbers = [*graph.inputs[:first_fixed], *saved]
    specs = [*outputs, *(TensorSpec(s.dims, s.dtype) for s in inputs[:states]), *saved_specs]
    dy_specs = [TensorSpec(specs[i].dims, specs[i].dtype) for i in given]
    elements = [TensorSpec(s.dims, s.dtype) for s in (*inputs[:first_fixed], *saved_specs)]
    hoisted = [(place, numbers.index(left)) for place, left in products.values()]

    def back(carried: list[Tensor], values: list[Tensor], fixed: list[Tensor]) -> Any:
        d_states, sums = carried[: len(moving)], carried[len(moving) :]
        arguments = [*values[:first_fixed], *fixed]
        stored = values[first_fixed : first_fixed + len(saved)]
        dys = dict(zip(given, values[first_fixed + len(saved) :], strict=True))
        known = dict(zip(saved, stored, strict=True))
        with GradientTape() as tape:
            sources = [arguments[i] for i in (*moving, *rows, *summed)]
            for source in sources:
                tape.watch(source)
            for place in by_product:  # else what depends on it alone would not be recorded
                tape.watch(arguments[place])
            made = _replayed(body, arguments, known, tape)
        targets = [made[graph.outputs[i]] for i in (*moving, *(i for i in given if i < count))]
        seeds = [*d_states, *(dys[i] for i in given if i < count)]
        for i in given:
            if i >= count + states:
                targets.append(made[saved[i - count - states]])
                seeds.append(dys[i])
        ends = [made[number] for number in products]
        found = tape.gradient(targets, [*sources, *ends], seeds, unconnected_gradients="zero")
        new = found[: len(moving)]
        for place, i in enumerate(moving):  # somebody else's interest in the states on the way
            if count + i in dys:
                new[place] = add(new[place], dys[count + i])
        d_rows = found[len(moving) : len(moving) + len(rows)]
        d_fixed = found[len(moving) + len(rows) : len(sources)]
        return [*new, *map(add, sums, d_fixed)], [*d_rows, *found[len(sources) :]]

    state_specs = [TensorSpec(inputs[i].dims, inputs[i].dtype) for i in (*moving, *summed)]
    fixed_specs = [TensorSpec(s.dims, s.dtype) for s in inputs[first_fixed:]]
    program = scan_program(back, state_specs, [*elements, *dy_specs], fixed_specs, "scan_gradient")
    return _Backward(program, summed, hoisted)


def _replayed(
    body: ConcreteFunction, arguments: list[Tensor], known: dict[int, Tensor], tape: GradientTape
) -> dict[int, Tensor]:
    """All values of a step, noted for the tape; those of matrix products are not computed again."""
    values: dict[int, Any] = dict(zip(body.graph.inputs, arguments, strict=True))
    for node in body.graph.nodes:
        primitive = node.primitive
        if primitive is None:
            if node.outputs[0] not in values:
                values[node.outputs[0]] = node.payload
            continue
        inputs = tuple(values[n] for n in node.inputs)
        if node.op == "matmul":
            made: Any = known[node.outputs[0]]
            assert context.log is not None
            context.log.record(primitive, inputs, node.attrs, made)
        else:
            made = apply(primitive, *inputs, **node.attrs)
        values.update(zip(node.outputs, made if isinstance(made, tuple) else (made,), strict=True))
    return values


_SCAN = Primitive("scan", _scan_kernel, _scan_spec, vjp=_scan_vjp, gaps=True)
# With steps that print, assert or draw: never removed, shared or computed beforehand.
_SCAN_ACTS = Primitive(
    "stateful_scan", _scan_kernel, _scan_spec, vjp=_scan_vjp, stateful=True, gaps=True
)
