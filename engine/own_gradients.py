"""Gradients of your own: `tf.custom_gradient` and `tf.recompute_grad`.

The results of the wrapped function pass through one primitive that returns them unchanged and whose
vjp is the given function. In a graph that function is traced as well, so that a tape which meets the
graph later still finds it. Read `tape` and `function` first.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import nest
from engine.dispatch import Primitive, apply, context
from engine.graph.builder import Builder
from engine.graph.concrete import ConcreteFunction
from engine.graph.graph import CONSTANT, PLACEHOLDER, SymbolicTensor
from engine.graph.passes import remove_dead_code
from engine.ops.creation import convert
from engine.ops.elementwise import identity
from engine.spec import TensorSpec, compatible
from engine.tape import GradientTape
from engine.tensor import Tensor, describe
from engine.variable import Variable


def _pass_kernel(xp: Any, *arrays: Any, count: int) -> tuple[Any, ...]:
    return tuple(arrays[:count])


def _pass_spec(*specs: TensorSpec, count: int) -> tuple[TensorSpec, ...]:
    return tuple(specs[:count])


def _as_input(leaf: Any) -> Tensor | None:
    """An argument as an input of the primitive; None for what no gradient can belong to."""
    if isinstance(leaf, (Tensor, Variable, np.ndarray, np.generic, int, float, complex)):
        return convert(leaf)
    return None


class _Custom:
    """A function with a gradient of its own; also works as a method."""

    def __init__(self, f: Callable[..., Any]):
        functools.update_wrapper(self, f)
        self._f = f
        self.__name__: str = getattr(f, "__name__", "custom_gradient")

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        return _Custom(self._f.__get__(instance, owner))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not context.tracing and context.log is None:  # nobody can ever ask for a gradient
            result, _ = self._split(self._f(*args, **kwargs))
            return nest.map_structure(convert, result)
        with GradientTape() as watcher:  # for the variables that are read; the log is shared
            result, grad_fn = self._split(self._f(*args, **kwargs))
        leaves = nest.flatten(args)
        given = {id(leaf) for leaf in leaves}
        variables = [v for v in watcher.watched_variables() if id(v) not in given]
        self._check_signature(grad_fn, variables)
        outputs = [convert(leaf) for leaf in nest.flatten(result)]
        slots = [_as_input(leaf) for leaf in leaves] + [v.value() for v in variables]

        def gradients(*dys: Any) -> list[Any]:
            """What grad_fn gives, flat: one cotangent or None for each slot."""
            if variables:
                pair = grad_fn(*dys, variables=variables)
                if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                    raise ValueError(
                        f"{self.__name__}: with variables, grad_fn returns a pair (gradients of the "
                        f"arguments, list of gradients of the variables), but {describe(pair)} was given."
                    )
                to_args, to_variables = nest.flatten(pair[0]), nest.flatten(pair[1])
            else:
                to_args, to_variables = nest.flatten(grad_fn(*dys)), []
            wanted = ((to_args, leaves, "arguments"), (to_variables, variables, "variables"))
            for values, owners, what in wanted:
                if len(values) != len(owners):
                    raise ValueError(
                        f"{self.__name__}: grad_fn returned {len(values)} gradients for {len(owners)} "
                        f"{what}. Return one for each of them, None where there is none."
                    )
            pairs = zip([*to_args, *to_variables], slots, strict=True)
            return [self._checked(value, slot) for value, slot in pairs]

        tensors = [slot for slot in slots if slot is not None]
        if not context.tracing:
            captured: list[Any] = []
            pull: Callable[..., list[Any]] = gradients
        else:
            pull, captured = _traced(gradients, outputs, context.builder, self.__name__)

        def vjp(dy: Any, y: Any, *inputs: Any, count: int) -> list[Any]:
            found = pull(*dy, *inputs[len(inputs) - len(captured) :])
            kept = [g for g, slot in zip(found, slots, strict=True) if slot is not None]
            return [None] * count + kept + [None] * len(captured)

        record = Primitive("custom_gradient", _pass_kernel, _pass_spec, vjp=vjp)
        made = apply(record, *outputs, *tensors, *captured, count=len(outputs))
        return nest.pack_sequence_as(result, made)

    def _split(self, returned: Any) -> Any:
        if isinstance(returned, tuple) and len(returned) == 2 and callable(returned[1]):
            return returned
        raise TypeError(
            f"{self.__name__}: a function under tf.custom_gradient returns a pair (result, grad_fn), "
            f"but {describe(returned)} was given."
        )

    def _check_signature(self, grad_fn: Any, variables: list[Variable]) -> None:
        if not variables:
            return
        parameters = inspect.signature(grad_fn).parameters.values()
        if any(p.name == "variables" or p.kind is p.VAR_KEYWORD for p in parameters):
            return
        names = ", ".join(repr(v.name) for v in variables)
        raise TypeError(
            f"{self.__name__} reads the variables {names}, so its grad_fn must take `variables=None` "
            "and return (gradients of the arguments, list of gradients of the variables)."
        )

    def _checked(self, value: Any, slot: Tensor | None) -> Any:
        if value is None or slot is None:
            return None
        value = convert(value, hint=slot.dtype)
        if value.dtype is not slot.dtype or not compatible(value._dims, slot._dims):
            raise ValueError(
                f"{self.__name__}: grad_fn returned a {describe(value)} for an input that is a "
                f"{describe(slot)}. A gradient has the dtype and shape of its input."
            )
        return value


def _traced(
    gradients: Callable[..., list[Any]], outputs: list[Tensor], outer: Builder, name: str
) -> tuple[Callable[..., list[Any]], list[Any]]:
    """The gradient as a graph of its own, and the values of the outer graph that it needs.

    The outer graph may run long after its symbolic tensors are gone. So what the gradient captures
    becomes an input: of its graph, and of the primitive.
    """
    builder = Builder(f"{name}_gradient", outer)
    symbols = [builder.placeholder(t.spec, f"dy_{i}") for i, t in enumerate(outputs)]
    with builder.tracing():
        found = gradients(*symbols)
    kept = [value for value in found if value is not None]
    numbers = iter(range(len(kept)))
    places = [None if value is None else next(numbers) for value in found]
    with builder.tracing():
        graph = remove_dead_code(builder.finish(kept))
    captured = []
    for node in graph.nodes:
        if node.op == CONSTANT and isinstance(node.payload, SymbolicTensor):
            captured.append(node.payload)
            node.op, node.payload = PLACEHOLDER, None
            graph.inputs.append(node.outputs[0])
    concrete = ConcreteFunction(graph, None, found, places)
    return lambda *tensors: concrete.call_flat(list(tensors)), captured


def custom_gradient(f: Callable[..., Any] | None = None) -> Any:
    """Gives a function the gradient you write for it.

    Args:
      f: takes tensors, or structures of them, and returns `(y, grad_fn)`. `grad_fn(*dys)` takes one
        cotangent for each tensor in y and returns one gradient for each tensor argument of f, None
        where there is none. When f reads trainable variables, grad_fn is called with `variables=` (a
        list) and returns `(gradients of the arguments, list of gradients of the variables)`.

    Works eagerly, in `tf.function`, as a method, and for derivatives of any order that grad_fn allows.

    >>> import engine as tf
    >>> @tf.custom_gradient
    ... def log1pexp(x):
    ...     e = tf.exp(x)
    ...     def grad(dy):
    ...         return dy * (1 - 1 / (1 + e))
    ...     return tf.math.log(1 + e), grad
    >>> x = tf.constant(100.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = log1pexp(x)
    >>> tape.gradient(y, x).numpy().item()
    1.0
    """
    return custom_gradient if f is None else _Custom(f)


def recompute_grad(f: Callable[..., Any]) -> Any:
    """A function that keeps no intermediate values for the gradient, but computes them again then.

    Takes less memory between the two passes, and the time of one more run of f.

    >>> import engine as tf
    >>> cube = tf.recompute_grad(lambda x: x * x * x)
    >>> x = tf.constant(2.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = cube(x)
    >>> tape.gradient(y, x).numpy().item()
    12.0
    """

    @functools.wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        result, read = _unrecorded(f, args, kwargs)

        def grad(*dys: Any, variables: Any = ()) -> Any:
            leaves = nest.flatten(args)
            again = [identity(x) if _as_input(x) is not None else x for x in leaves]
            tensors = [x for x in again if isinstance(x, Tensor)]
            with GradientTape() as tape:
                tape.watch(tensors)
                value = f(*nest.pack_sequence_as(args, again), **kwargs)
            sources = [*tensors, *variables]
            found = iter(tape.gradient(nest.flatten(value), sources, output_gradients=list(dys)))
            to_args = [next(found) if isinstance(x, Tensor) else None for x in again]
            return (to_args, list(found)) if variables else to_args

        for variable in read:  # f ran where no tape saw it: say now what it read
            variable.value()
        return result, grad

    return custom_gradient(run)


def _unrecorded(f: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, tuple[Variable, ...]]:
    """The result of f, computed where no open tape sees it, and the trainable variables it read."""
    log, context.log = context.log, None
    try:
        with GradientTape() as watcher:
            result = f(*args, **kwargs)
        return result, watcher.watched_variables()
    finally:
        context.log = log
