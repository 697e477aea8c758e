"""Branches and loops as functions: `cond`, `case`, `switch_case` and `while_loop`.

Eagerly they are Python's own `if` and `while`. In a graph they are operations with programs inside; see
`engine/graph/control.py`. With `tf.function` plain `if` and `while` do the same: see `engine/autograph`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from engine import nest
from engine.dispatch import context
from engine.dtypes import int32
from engine.ops.creation import convert, is_symbolic
from engine.ops.elementwise import cast, stop_gradient
from engine.ops.joining import stack
from engine.ops.printing import Assert
from engine.ops.reduce import reduce_sum
from engine.tensor import Tensor, describe


def _predicate(value: Any, where: str = "cond", what: str = "pred") -> Tensor:
    tensor = convert(value)
    if not tensor.dtype.is_bool or tensor.shape.rank not in (0, None):
        raise TypeError(
            f"tf.{where}: {what} must be one bool scalar, but is a {describe(tensor)}. Compare it with "
            "something, for example x > 0, and reduce it with tf.reduce_all or tf.reduce_any."
        )
    return tensor


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    name: str | None = None,
) -> Any:
    """`true_fn()` if `pred` holds, else `false_fn()`; only that one runs.

    In a graph both are traced, and have to return the same structure with the same dtypes.

    Raises:
      TypeError: when pred is no bool scalar, or the branches return different structures or dtypes.

    >>> import engine as tf
    >>> f = tf.function(lambda x: tf.cond(x > 0, lambda: x, lambda: -x))
    >>> f(tf.constant(3.0)).numpy().item(), f(tf.constant(-4.0)).numpy().item()
    (3.0, 4.0)
    """
    if not callable(true_fn) or not callable(false_fn):
        raise TypeError("tf.cond: true_fn and false_fn must be functions without arguments.")
    test = _predicate(pred)
    if not is_symbolic(test):
        chosen = true_fn if bool(test) else false_fn
        return (_in_trace(chosen) if context.tracing else chosen)()
    from engine.graph.control import traced_cond

    return traced_cond(test, _in_trace(true_fn), _in_trace(false_fn))


def _in_trace(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the user's as a trace has to call it; outside a trace, the function."""
    from engine.function import traceable  # which stands above this

    return traceable(function)


def control_dependencies(control_inputs: Any) -> contextlib.AbstractContextManager[None]:
    """A block that runs after some operations, as all that is written after them does anyway.

    It is here for programs written for TensorFlow. Functions among `control_inputs` are called.

    >>> import engine as tf
    >>> v = tf.Variable(1)
    >>> with tf.control_dependencies([v.assign(2)]):
    ...     print(v.numpy())
    2
    """
    for value in control_inputs or ():
        if callable(value) and not isinstance(value, Tensor):
            value()
    return contextlib.nullcontext()


_if = cond  # while_loop has an argument of that name


def case(
    pred_fn_pairs: Any,
    default: Callable[[], Any] | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """The function whose predicate is the first to hold, called.

    Args:
      pred_fn_pairs: a list of pairs (bool scalar, function without arguments).
      default: called when no predicate holds. Without it the last function is, after a check that its
        predicate holds.
      exclusive: check that at most one predicate holds.
      strict, name: accepted.

    >>> import engine as tf
    >>> x = tf.constant(2)
    >>> tf.case([(x < 1, lambda: "small"), (x < 3, lambda: "medium")], default=lambda: "large")
    'medium'
    """
    pairs = [(_predicate(pred, "case"), function) for pred, function in pred_fn_pairs]
    if not pairs:
        raise ValueError("tf.case: at least one pair (predicate, function) is needed.")
    if exclusive:
        held = reduce_sum(cast(stack([pred for pred, _ in pairs]), int32))
        Assert(held <= 1, ["tf.case: exclusive, but more than one predicate holds"])
    chosen: Callable[[], Any] = _checked(*pairs.pop()) if default is None else default
    for pred, function in reversed(pairs):
        chosen = _either(pred, function, chosen)
    return chosen()


def _checked(pred: Tensor, function: Callable[[], Any]) -> Callable[[], Any]:
    def last() -> Any:
        Assert(pred, ["tf.case: no predicate holds, and there is no default"])
        return function()

    return last


def _either(pred: Tensor, one: Callable[[], Any], other: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: cond(pred, one, other)


def switch_case(
    branch_index: Any,
    branch_fns: Any,
    default: Callable[[], Any] | None = None,
    name: str = "switch_case",
) -> Any:
    """`branch_fns[branch_index]()`; for an index that is not there `default()`, or else the last one.

    `branch_fns` is a list of functions, a list of pairs (index, function) or a dict.

    >>> import engine as tf
    >>> tf.switch_case(tf.constant(1), [lambda: "a", lambda: "b", lambda: "c"])
    'b'
    """
    entries = list(branch_fns.items()) if isinstance(branch_fns, dict) else list(branch_fns)
    if entries and callable(entries[0]):
        entries = list(enumerate(entries))
    if not entries:
        raise ValueError("tf.switch_case: at least one function is needed.")
    index = convert(branch_index)
    if not index.dtype.is_integer or index.shape.rank != 0:
        raise TypeError(f"tf.switch_case: branch_index is one integer, but is a {describe(index)}.")
    last = max(entries, key=lambda entry: entry[0])[1] if default is None else default
    if not is_symbolic(index):
        chosen: Any = dict(entries).get(int(index), last)
        return (_in_trace(chosen) if context.tracing else chosen)()
    return case([(index == number, function) for number, function in entries], last)


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: Any = None,
    name: str | None = None,
) -> Any:
    """`while cond(*v): v = body(*v)`, starting with `loop_vars`. Returns the last `v`.

    Args:
      cond: takes the loop variables, returns one bool scalar.
      body: takes them, returns them changed: same structure and dtypes, and in a graph the same shapes.
      loop_vars: a list or tuple of tensors or structures of them.
      shape_invariants: in a graph, the shape that each variable keeps, with None for a size that changes.
      maximum_iterations: an upper limit of the number of steps.
      parallel_iterations, swap_memory: accepted.
      back_prop: with False no gradient flows through the loop.

    Raises:
      TypeError, ValueError: when the body changes a structure, dtype or shape.

    >>> import engine as tf
    >>> power = tf.function(lambda x: tf.while_loop(
    ...     lambda i, y: i < 3, lambda i, y: (i + 1, y * x), [0, tf.constant(1.0)]))
    >>> power(tf.constant(2.0))[1].numpy().item()
    8.0
    """
    if not callable(cond) or not callable(body):
        raise TypeError("tf.while_loop: cond and body must be functions of the loop variables.")
    if not isinstance(loop_vars, (list, tuple)) or not loop_vars:
        raise ValueError(
            "tf.while_loop: loop_vars must be a list or tuple with at least one variable."
        )
    from engine.graph.control import like_before, traced_while  # loaded with the first loop

    start = nest.map_structure(convert, loop_vars)
    if context.tracing:
        cond, body = _in_trace(cond), _in_trace(body)
    if maximum_iterations is not None:
        counted = [convert(0), start]
        most = convert(maximum_iterations, hint=int32)
        _, made = while_loop(
            lambda i, v: _both(i < most, lambda: cond(*v)),
            lambda i, v: [i + 1, like_before(v, body(*v))],
            counted,
            None if shape_invariants is None else [(), shape_invariants],
        )
    elif context.tracing:
        made = traced_while(cond, body, start, shape_invariants)
    else:
        made = start
        while bool(_predicate(cond(*made), "while_loop", "what cond returns")):
            made = nest.map_structure(convert, like_before(made, body(*made)))
    return made if back_prop else nest.map_structure(stop_gradient, made)


def _both(first: Tensor, second: Callable[[], Any]) -> Any:
    """`first and second()`, where `second` is asked only if `first` holds."""
    return _if(first, second, lambda: convert(False))
