"""Python inside a graph: `py_function` and `numpy_function`, and questions about where code runs.

A graph is traced once and then runs without Python. What must be Python at every run - a library, a file, a
random generator of one's own - is called through one operation that the graph keeps.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import devices, dtypes, nest
from engine.dispatch import apply, context, init_scope, primitive
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, is_symbolic
from engine.ops.elementwise import stop_gradient
from engine.spec import TensorSpec
from engine.tensor import Tensor, describe


class Call:
    """A Python function of tensors as the setting of an operation, with what it returns."""

    __slots__ = ("function", "name", "specs")

    def __init__(self, function: Callable[..., Any], specs: tuple[TensorSpec, ...], name: str):
        self.function, self.specs, self.name = function, specs, name

    def __repr__(self) -> str:
        return self.name

    def run(self, tensors: list[Tensor]) -> list[Tensor]:
        """Calls it, and checks what it returns against what was promised."""
        made = self.function(*tensors)
        listed = [] if made is None else list(made) if isinstance(made, (list, tuple)) else [made]
        if len(listed) != len(self.specs):
            raise InvalidArgumentError(
                f"{self.name}: Tout names {len(self.specs)} tensors, but the function returned {len(listed)}."
            )
        pairs = zip(listed, self.specs, strict=True)
        tensors = [convert(value, hint=spec.dtype) for value, spec in pairs]
        for tensor, spec in zip(tensors, self.specs, strict=True):
            if not spec.is_compatible_with(tensor):
                raise InvalidArgumentError(
                    f"{self.name}: Tout says {spec.dtype.name} {spec.shape}, but the function returned a "
                    f"{describe(tensor)}."
                )
        return tensors

    def gradient(self, inputs: tuple[Tensor, ...], at: list[int], wanted: list[int]) -> Call:
        """The call that gives the cotangents of the inputs `at`, from the inputs and those of `wanted`."""
        from engine.tape import GradientTape

        count = len(inputs)

        def pull(*values: Tensor) -> list[Tensor]:
            given = list(values[:count])
            with GradientTape() as tape:
                for i in at:
                    tape.watch(given[i])
                made = self.run(given)
            return tape.gradient(
                [made[i] for i in wanted],
                [given[i] for i in at],
                list(values[count:]),
                unconnected_gradients="zero",
            )

        specs = tuple(TensorSpec(inputs[i].spec.dims, inputs[i].dtype) for i in at)
        return Call(pull, specs, f"{self.name}_gradient")


def _kernel(xp: Any, *arrays: Any, call: Call) -> tuple[Any, ...]:
    with init_scope():  # neither traced nor recorded: the operation itself is
        made = call.run([Tensor(array) for array in arrays])
    return tuple(xp.asarray(tensor._array) for tensor in made)


def _vjp(dys: Any, ys: Any, *inputs: Tensor, call: Call) -> list[Any]:
    at = [i for i, x in enumerate(inputs) if x.dtype.is_differentiable]
    wanted = [i for i, y in enumerate(ys) if y.dtype.is_differentiable]
    found: list[Any] = [None] * len(inputs)
    if at and wanted:
        pull = call.gradient(inputs, at, wanted)
        made = apply(_PY_FUNCTION, *inputs, *(dys[i] for i in wanted), call=pull)
        for i, value in zip(at, made, strict=True):
            found[i] = value
    return found


_PY_FUNCTION = primitive(
    "py_function", _kernel, lambda *specs, call: call.specs, vjp=_vjp, stateful=True
)


def _promises(Tout: Any) -> list[TensorSpec]:
    listed = [] if Tout is None else nest.flatten(Tout)
    return [
        TensorSpec(s.shape, s.dtype) if isinstance(s, TensorSpec) else TensorSpec(None, dtypes.as_dtype(s))
        for s in listed
    ]


def _decorator(call: Callable[..., Any], inp: Any, Tout: Any, **settings: Any) -> Callable[..., Any]:
    """What `py_function` and `numpy_function` are without a function: decorators for one."""
    if inp is not None or Tout is None:
        raise TypeError(f"{call.__name__}: give func and inp, or, as a decorator, Tout alone.")

    def decorate(func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def wrapper(*args: Any) -> Any:
            return call(func, args, Tout, **settings)

        return wrapper

    return decorate


def py_function(
    func: Callable[..., Any] | None = None, inp: Any = None, Tout: Any = None, name: str | None = None
) -> Any:
    """Calls a Python function on tensors, in a graph at every run of it.

    Without `func`, it is a decorator: `@tf.py_function(Tout=tf.float32)`.

    Args:
      func: takes the tensors of `inp`, with values even in a graph, and returns a tensor or a list of them.
      Tout: the dtype it returns, a list of them, or TensorSpecs, which say the shapes as well; `[]` or None
        for a function that returns nothing.

    Gradients flow through what it does with the tensors. A gradient of a graph calls the function once more.

    >>> py_function(lambda x: x * len(x.numpy()), [convert([1.0, 2.0])], "float32").numpy().tolist()
    [2.0, 4.0]
    """
    if func is None:
        return _decorator(py_function, inp, Tout, name=name)
    if inp is None:
        raise TypeError("py_function: inp, the list of tensors for the function, is missing.")
    inputs = [convert(x) for x in inp]
    label = name or str(getattr(func, "__name__", "py_function"))
    call = Call(func, tuple(_promises(Tout)), label)
    if not context.tracing:
        made: Any = call.run(inputs)  # a tape sees what the function does
    else:
        made = apply(_PY_FUNCTION, *inputs, call=call) if call.specs else _for_effect(call, inputs)
    if Tout is None or (isinstance(Tout, (list, tuple)) and not Tout):
        return []
    return list(made) if isinstance(Tout, (list, tuple)) else made[0]


def _for_effect(call: Call, inputs: list[Tensor]) -> list[Tensor]:
    """An operation has an output, wanted or not."""

    def acting(*tensors: Tensor) -> list[Any]:
        call.run(list(tensors))
        return [False]

    apply(_PY_FUNCTION, *inputs, call=Call(acting, (TensorSpec((), dtypes.bool_),), call.name))
    return []


def numpy_function(
    func: Callable[..., Any] | None = None,
    inp: Any = None,
    Tout: Any = None,
    stateful: bool = True,
    name: str | None = None,
) -> Any:
    """As `py_function`, also as a decorator, for a function of NumPy arrays. It has no derivative.

    >>> numpy_function(np.sort, [convert([3, 1, 2])], "int32").numpy().tolist()
    [1, 2, 3]
    """
    if func is None:
        return _decorator(numpy_function, inp, Tout, stateful=stateful, name=name)
    if inp is None:
        raise TypeError("numpy_function: inp, the list of tensors for the function, is missing.")

    def on_arrays(*tensors: Tensor) -> Any:
        made = func(*(devices.to_host(tensor._array) for tensor in tensors))
        return nest.map_structure(lambda part: np.asarray(part), made)

    label = name or getattr(func, "__name__", "numpy_function")
    return py_function(on_arrays, [stop_gradient(x) for x in inp], Tout, label)


def executing_eagerly() -> bool:
    """True where operations run at once, False while a function is traced.

    >>> executing_eagerly()
    True
    """
    return not context.tracing


def inside_function() -> bool:
    """True while a function is traced."""
    return context.tracing


def is_symbolic_tensor(tensor: Any) -> bool:
    """True for a tensor of a graph being traced, whose values come when the graph runs.

    >>> is_symbolic_tensor(convert(1.0))
    False
    """
    return is_symbolic(tensor)


def no_op(name: str | None = None) -> None:
    """Does nothing."""


def group(*inputs: Any, **kwargs: Any) -> None:
    """Accepts operations that are to run together. They have: in the order in which they were written."""
    if set(kwargs) - {"name"}:
        raise ValueError(f"group: unknown arguments {sorted(set(kwargs) - {'name'})}.")


def grad_pass_through(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with the values of `f` and the derivative of the identity: a straight-through estimator.

    Bengio, Léonard and Courville, Estimating or Propagating Gradients Through Stochastic Neurons (2013).

    >>> import engine as tf
    >>> x = tf.constant(1.7)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = tf.grad_pass_through(tf.round)(x)
    >>> y.numpy().item(), tape.gradient(y, x).numpy().item()
    (2.0, 1.0)
    """
    from engine.own_gradients import custom_gradient  # which stands above the operations

    @custom_gradient
    def passing(*args: Any, **kwargs: Any) -> Any:
        def grad(*dys: Any, variables: Any = None) -> Any:
            found = dys[0] if len(dys) == 1 else list(dys)
            return found if variables is None else (found, [None] * len(variables))

        return f(*args, **kwargs), grad

    return passing
