"""Branches and loops inside a graph: `cond` and `while` are operations whose settings are programs.

Each branch, condition and loop body is a graph of its own, run as compiled Python. What it uses from outside
becomes an input of the operation, Variables it assigns become outputs, so the graph around it stays
straight. The gradient of a branch is a branch between gradients; the gradient of a loop is a loop that
runs backwards over the kept states. Both are written with the same two operations: any order follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import nest
from engine.dispatch import Primitive, apply, context
from engine.dtypes import int32
from engine.errors import InvalidArgumentError, UnimplementedError
from engine.graph.builder import Builder
from engine.graph.concrete import ConcreteFunction
from engine.graph.graph import CONSTANT, PLACEHOLDER, VARIABLE, Graph, Node, SymbolicTensor
from engine.graph.passes import remove_dead_code
from engine.graph.verifier import verify
from engine.ops.creation import convert
from engine.ops.elementwise import add, greater, subtract, zeros_like
from engine.ops.indexing import gather
from engine.spec import TensorSpec, compatible, show
from engine.tape import GradientTape
from engine.tensor import Tensor, describe
from engine.variable import Variable


class Part:
    """A branch or a body while it is traced: its graph, what it returned, what it takes from outside."""

    def __init__(
        self, name: str, function: Callable[..., Any], specs: list[TensorSpec], structure: Any
    ):
        outer = context.builder if context.tracing else None
        self.name = name
        self.builder = Builder(name, outer, may_create_variables=False)
        symbols = [self.builder.placeholder(spec, f"{name}_{i}") for i, spec in enumerate(specs)]
        self.outputs: list[Tensor] = []
        with self.builder.tracing():
            arguments = symbols if structure is None else nest.pack_sequence_as(structure, symbols)
            self.result = function(*arguments)

    def give(self, values: list[Any], hints: list[Any] | None = None) -> None:
        """Says which values come out; what is no tensor yet becomes one, of the dtype of its hint."""
        with self.builder.tracing():
            hints = hints or [None] * len(values)
            self.outputs = [convert(v, hint=h) for v, h in zip(values, hints, strict=True)]

    @property
    def assigned(self) -> list[Variable]:
        """The Variables that it assigns, in order."""
        return [variable for variable, _ in self.builder._updates.values()]

    def value_of(self, variable: Variable) -> Tensor:
        """What a Variable holds when the part ends."""
        return self.builder.read(variable)

    def finish(
        self, more: list[Tensor], carried: list[Variable], lift: bool = True
    ) -> tuple[Graph, dict[Any, int]]:
        """The graph, and for everything it takes from outside the number of the value.

        With `lift` floating-point tensors are taken from outside too, because a tape might watch them. The
        `carried` Variables come in as inputs of their own, after the explicit ones, in that order.
        """
        with self.builder.tracing():
            graph = self.builder.finish([*self.outputs, *more])
            carried_in = [self._input(graph, variable) for variable in carried]
        graph.updates = []
        graph.inputs += carried_in
        taken: dict[Any, int] = {}
        for node in graph.nodes:
            symbolic = isinstance(node.payload, SymbolicTensor)
            if node.op == CONSTANT and not symbolic:
                if not (lift and node.payload.dtype.is_differentiable):
                    continue
            elif node.op not in (CONSTANT, VARIABLE):
                continue
            taken[_Key(node.payload)] = node.outputs[0]
            if symbolic:
                node.name = node.payload.name.partition(":")[0]
            node.op, node.payload = PLACEHOLDER, None
        return graph, taken

    def _input(self, graph: Graph, variable: Variable) -> int:
        """The number of the value a Variable has when the part begins, made an input."""
        known = self.builder._variables.get(id(variable))
        if known is None:  # assigned before it was ever read: the old value is not used
            number = self.builder.placeholder(variable.spec, variable.name[:-2]).value_number
            graph.inputs.pop()  # the caller says where among the inputs it stands
            return number
        number = known[1].value_number
        node = graph.node_of(number)
        node.op, node.payload = PLACEHOLDER, None
        return number


class _Key:
    """A captured tensor or Variable as the key of a dictionary: by identity, and kept alive."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.value is self.value


def _join(parts: list[tuple[Graph, dict[Any, int]]]) -> list[Any]:
    """Gives all graphs the same inputs from outside, and returns these, in order."""
    union = list(dict.fromkeys(key for _, taken in parts for key in taken))
    for graph, taken in parts:
        for key in union:
            number = taken.get(key)
            if number is None:  # this part has no use for it
                number = len(graph.specs)
                graph.specs.append(_spec_of(key.value))
                graph.nodes.insert(0, Node(PLACEHOLDER, (), (number,), name=f"unused_{number}"))
            graph.inputs.append(number)
    return [key.value for key in union]


def _spec_of(value: Any) -> TensorSpec:
    return TensorSpec(value.spec.dims, value.dtype)


def _compiled(graph: Graph) -> ConcreteFunction:
    graph = remove_dead_code(graph)
    verify(graph)
    count = len(graph.outputs)
    return ConcreteFunction(graph, None, [0] * count, list(range(count)))


def _outside(values: list[Any]) -> list[Tensor]:
    return [value.value() if isinstance(value, Variable) else value for value in values]


# --- cond ---------------------------------------------------------------------------------------------


def _cond_kernel(xp: Any, predicate: Any, *arrays: Any, then: Any, otherwise: Any) -> Any:
    branch = then if predicate else otherwise
    return tuple(branch._run(*arrays)[0])


def _merged(one: TensorSpec, other: TensorSpec) -> TensorSpec:
    """What is known of a value that comes from either of two programs."""
    if one.dims is None or other.dims is None or len(one.dims) != len(other.dims):
        return TensorSpec(None, one.dtype)
    sizes = [a if a == b else None for a, b in zip(one.dims, other.dims, strict=True)]
    return TensorSpec(sizes, one.dtype)


def _cond_spec(predicate: TensorSpec, *inputs: TensorSpec, then: Any, otherwise: Any) -> Any:
    return tuple(map(_merged, then.outputs, otherwise.outputs))


def _cond_vjp(
    dys: Any, ys: Any, predicate: Tensor, *inputs: Tensor, then: Any, otherwise: Any
) -> Any:
    """A branch between the gradients of the branches."""
    at = [i for i, x in enumerate(inputs) if x.dtype.is_differentiable]
    wanted = [dy for dy in dys if dy.dtype.is_differentiable]
    if not at or not wanted:
        return [None] * (1 + len(inputs))
    found = apply(
        _COND,
        predicate,
        *inputs,
        *wanted,
        then=_gradient_of(then, at),
        otherwise=_gradient_of(otherwise, at),
    )
    return [None, *_spread(found, at, len(inputs))]


# Not in the registry, which is of operations on arrays: the settings of these are programs.
_COND = Primitive("cond", _cond_kernel, _cond_spec, vjp=_cond_vjp)
# With branches that print, assert or draw: never removed, shared or computed beforehand.
_COND_ACTS = Primitive("stateful_cond", _cond_kernel, _cond_spec, vjp=_cond_vjp, stateful=True)


def _spread(found: Any, at: list[int], count: int) -> list[Any]:
    """Gradients at their places, None elsewhere."""
    by_place = dict(zip(at, found, strict=True))
    return [by_place.get(i) for i in range(count)]


def _gradient_of(program: ConcreteFunction, at: list[int]) -> ConcreteFunction:
    """The program that takes inputs and cotangents of the outputs, and gives cotangents of inputs `at`.

    Cotangents come for the outputs that have a derivative, and go to inputs that have one; zeros where an
    input does not matter.
    """
    known = program.__dict__.setdefault("_gradients", {})
    if tuple(at) not in known:
        count = len(program.inputs)
        dys = [spec for spec in program.outputs if spec.dtype.is_differentiable]

        def gradient(*values: Tensor) -> list[Tensor]:
            inputs = values[:count]
            with GradientTape() as tape:
                sources = [inputs[i] for i in at]
                for source in sources:
                    tape.watch(source)
                outputs = program._inline(list(inputs))
            targets = [y for y in outputs if y.dtype.is_differentiable]
            return tape.gradient(
                targets, sources, list(values[count:]), unconnected_gradients="zero"
            )

        part = Part(f"{program.name}_gradient", gradient, [*program.inputs, *dys], None)
        part.give(part.result)
        graph, taken = part.finish([], [], lift=False)
        assert not taken  # all that the program uses is among its inputs
        known[tuple(at)] = _compiled(graph)
    return known[tuple(at)]


def traced_cond(predicate: Tensor, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """Both functions as branches of one operation in the graph being built; see `tf.cond`."""
    one, other = Part("true_fn", true_fn, [], None), Part("false_fn", false_fn, [], None)
    try:
        nest.assert_same_structure(one.result, other.result)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"tf.cond: both branches must return the same structure. {error}"
        ) from None
    for part in (one, other):
        part.give([leaf for leaf in nest.flatten(part.result) if leaf is not None])
    return _packed(one.result, join_branches(predicate, one, other))


def join_branches(predicate: Tensor, one: Part, other: Part, names: list[str] | None = None) -> Any:
    """The operation that runs one of two traced parts. Returns what they give, in order."""
    if len(one.outputs) != len(other.outputs):
        raise ValueError(
            f"tf.cond: true_fn returns {len(one.outputs)} tensors and false_fn {len(other.outputs)}."
        )
    for i, (a, b) in enumerate(zip(one.outputs, other.outputs, strict=True)):
        if a.dtype is not b.dtype:
            what = f"{names[i]!r}" if names else f"result {i}"
            raise TypeError(
                f"{what} is {a.dtype.name} in the branch for True and {b.dtype.name} in the one for False. A "
                f"graph needs one dtype: cast one of them, for example with tf.cast(..., tf.{a.dtype.name})."
            )
    changed = list({id(v): v for part in (one, other) for v in part.assigned}.values())
    count = len(one.outputs)
    if not count + len(changed):  # an operation has an output, wanted or not
        for part in (one, other):
            part.give([False])
    finished = [part.finish([part.value_of(v) for v in changed], []) for part in (one, other)]
    inputs = _outside(_join(finished))
    then, otherwise = (_compiled(graph) for graph, _ in finished)
    record = _COND_ACTS if _acts(then) or _acts(otherwise) else _COND
    made = apply(record, predicate, *inputs, then=then, otherwise=otherwise)
    for variable, value in zip(changed, made[count:], strict=False):
        variable.assign(value)
    return made[:count]


def _acts(program: ConcreteFunction) -> bool:
    """Whether a program does something besides computing: it prints, asserts or draws."""
    return any(node.primitive.stateful for node in program.graph.operations)  # type: ignore[union-attr]


def _packed(structure: Any, values: Any) -> Any:
    supply = iter(values)
    leaves = [None if leaf is None else next(supply) for leaf in nest.flatten(structure)]
    return nest.pack_sequence_as(structure, leaves)


# --- while --------------------------------------------------------------------------------------------


def _while_kernel(xp: Any, *arrays: Any, cond: Any, body: Any, count: int, keep: bool) -> Any:
    state, outside = list(arrays[:count]), arrays[count:]
    proceed, step = cond._run, body._run
    kept: list[list[Any]] = []
    while proceed(*state, *outside)[0][0]:
        if keep:
            kept.append(state)
        state = step(*state, *outside)[0]
    if not keep:
        return tuple(state)
    if not kept:
        stacks = [xp.empty((0, *x.shape), x.dtype) for x in arrays[:count]]
    else:
        stacks = [_stack(xp, column) for column in zip(*kept, strict=True)]
    return (*state, np.array(len(kept), np.int32), *stacks)


def _stack(xp: Any, states: Any) -> Any:
    """The states that one loop variable went through, for the loop that goes back."""
    sizes = list(dict.fromkeys(x.shape for x in states))
    if len(sizes) > 1:
        raise UnimplementedError(
            f"A loop variable changes its shape from step to step ({sizes[0]}, then {sizes[1]}), and "
            "gradients flow only through loops whose variables keep theirs. Give a tf.TensorArray its size "
            "instead of dynamic_size=True; let other tensors have their final size from the start."
        )
    return xp.stack([xp.asarray(x) for x in states])


def _while_spec(*inputs: TensorSpec, cond: Any, body: Any, count: int, keep: bool) -> Any:
    final = tuple(TensorSpec(spec.dims, spec.dtype) for spec in body.inputs[:count])
    if not keep:
        return final
    stacks = [TensorSpec(None if s.dims is None else (None, *s.dims), s.dtype) for s in final]
    return (*final, TensorSpec((), int32), *stacks)


def _while_vjp(
    dys: Any, ys: Any, *inputs: Tensor, cond: Any, body: Any, count: int, keep: bool
) -> Any:
    """A loop from the last step to the first, over the states that the forward loop went through."""
    if not keep:  # go through the loop again, and keep them
        ys = apply(_WHILE, *inputs, cond=cond, body=body, count=count, keep=True)
        dys = [*dys, None, *[None] * count]
    steps, stacks, outside = ys[count], ys[count + 1 :], inputs[count:]
    moving = [i for i in range(count) if inputs[i].dtype.is_differentiable]
    fixed = [i for i in range(len(outside)) if outside[i].dtype.is_differentiable]
    if not moving:
        return [None] * len(inputs)
    at = [*moving, *(count + i for i in fixed)]
    backward = _gradient_of(body, at)
    d_stacks = {i: dys[count + 1 + i] for i in moving if dys[count + 1 + i] is not None}

    def back(i: Tensor, *carried: Tensor) -> Any:
        i = subtract(i, 1)
        states = [gather(stack, i) for stack in stacks]
        found = backward._inline([*states, *outside, *carried[: len(moving)]])
        d_state = [
            add(d, gather(d_stacks[m], i)) if m in d_stacks else d
            for m, d in zip(moving, found, strict=False)
        ]
        d_fixed = map(add, carried[len(moving) :], found[len(moving) :])
        return [i, *d_state, *d_fixed]

    start = [dys[i] for i in moving] + [zeros_like(outside[i]) for i in fixed]
    _, *made = traced_while(lambda i, *_: greater(i, 0), back, [steps, *start], name="backward")
    return _spread(made, at, len(inputs))


_WHILE = Primitive("while", _while_kernel, _while_spec, vjp=_while_vjp)
_WHILE_ACTS = Primitive("stateful_while", _while_kernel, _while_spec, vjp=_while_vjp, stateful=True)


def traced_while(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    name: str = "while",
) -> Any:
    """The loop as one operation; `cond` and `body` are called once. See `tf.while_loop`."""
    start = nest.flatten(loop_vars)
    specs = [TensorSpec(t.spec.dims, t.dtype) for t in start]
    if shape_invariants is not None:
        shapes = nest.flatten_up_to(loop_vars, shape_invariants)
        specs = [allowed(s, given, t) for s, given, t in zip(specs, shapes, start, strict=True)]
    step = Part(f"{name}_body", lambda *v: like_before(loop_vars, body(*v)), specs, loop_vars)
    test = Part(f"{name}_cond", cond, specs, loop_vars)
    step.give(nest.flatten(step.result), [spec.dtype for spec in specs])
    return nest.pack_sequence_as(loop_vars, join_loop(start, specs, step, test))


def like_before(before: Any, made: Any) -> Any:
    """What a body returned, in the structure of the loop variables: a single one may come alone.

    Raises:
      TypeError, ValueError: when it has another structure.
    """
    alone = len(before) == 1 and not (isinstance(made, (list, tuple)) and len(made) == 1)
    made = [made] if alone else made
    try:
        nest.assert_same_structure(before, made, check_types=False)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"tf.while_loop: the body must return what it takes, in the same structure. {error}"
        ) from None
    return nest.pack_sequence_as(before, nest.flatten(made))


def join_loop(
    start: list[Tensor],
    specs: list[TensorSpec],
    step: Part,
    test: Part,
    names: list[str] | None = None,
) -> Any:
    """The operation that repeats a traced step while a traced test holds. Returns the last state."""
    test.give(nest.flatten(test.result))
    _check_step(step, specs, names)
    _check_test(test)
    changed = step.assigned
    finished = [
        step.finish([step.value_of(v) for v in changed], changed),
        test.finish([], changed),
    ]
    outside = _outside(_join(finished))
    body_program, cond_program = (_compiled(graph) for graph, _ in finished)
    state = [*start, *_outside(changed)]
    made = apply(
        _WHILE_ACTS if _acts(body_program) or _acts(cond_program) else _WHILE,
        *state,
        *outside,
        cond=cond_program,
        body=body_program,
        count=len(state),
        keep=context.log is not None,
    )
    for variable, value in zip(changed, made[len(start) : len(state)], strict=True):
        variable.assign(value)
    return made[: len(start)]


def allowed(spec: TensorSpec, given: Any, tensor: Tensor) -> TensorSpec:
    """The spec of a loop variable with the shape that it is said to keep.

    Raises:
      ValueError: when the variable does not have that shape to begin with.
    """
    wide = TensorSpec(given.shape if isinstance(given, TensorSpec) else given, spec.dtype)
    if not compatible(wide.dims, spec.dims):
        raise ValueError(
            f"A loop variable, {describe(tensor)}, does not fit the shape invariant {show(wide.dims)}."
        )
    return wide


def _check_step(step: Part, specs: list[TensorSpec], names: list[str] | None) -> None:
    for i, (spec, made) in enumerate(zip(specs, step.outputs, strict=True)):
        dims = made.spec.dims
        what = f"{names[i]!r}" if names else f"loop variable {i}"
        if made.dtype is not spec.dtype:
            raise TypeError(
                f"{what} is {spec.dtype.name} when the loop begins and {made.dtype.name} after one step. A "
                f"graph needs one dtype: start with tf.cast(..., tf.{made.dtype.name}), or cast in the loop."
            )
        fits = spec.dims is None or (
            dims is not None
            and len(dims) == len(spec.dims)
            and all(
                want is None or want == have for want, have in zip(spec.dims, dims, strict=True)
            )
        )
        if not fits:
            raise ValueError(
                f"{what} has shape {show(spec.dims)} when the loop begins and {show(dims)} after a step. If "
                "that is meant, use tf.while_loop with shape_invariants=[...]: None for a size that changes."
            )


def _check_test(test: Part) -> None:
    if len(test.outputs) != 1 or not test.outputs[0].dtype.is_bool or test.outputs[0].shape.rank:
        given = ", ".join(map(describe, test.outputs)) or "nothing"
        raise InvalidArgumentError(
            f"tf.while_loop: cond must return one bool scalar, but returned {given}."
        )
