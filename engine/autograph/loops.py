"""`while` and `for`: Python's own on Python values, one operation of the graph on symbolic ones.

The state of a loop is the names it binds, read by `get` and written by `put`. Tensors and numbers among them
are carried from step to step; everything else has to stay what it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from engine import nest
from engine.autograph.branches import and_, if_stmt
from engine.autograph.convert import convert
from engine.autograph.values import (
    Get,
    Put,
    Undefined,
    first_dtype,
    is_number,
    is_value,
    label,
    leaves_of,
    no_targets,
    predicate,
    same,
    symbolic,
    truth,
    zeros_like,
)
from engine.dispatch import context
from engine.errors import InvalidArgumentError, UnimplementedError
from engine.graph.control import Part, allowed, join_loop
from engine.graph.graph import SymbolicTensor
from engine.ops.creation import convert as as_tensor
from engine.ops.creation import zeros
from engine.spec import TensorSpec
from engine.tensor import Tensor
from engine.variable import Variable


def while_stmt(
    test: Callable[[], Any],
    body: Callable[[], None],
    get: Get,
    put: Put,
    names: tuple[str, ...],
    targets: tuple[str, ...],
) -> None:
    """`while test(): body()`. Steps whose test is a Python value are traced one after the other."""
    while True:
        holds = truth(test())
        if symbolic(holds):
            predicate(holds, "`while`")
            no_targets(targets, "a loop")
            return _loop(test, body, get, put, names)
        if not holds:
            return None
        body()


# Of one body: a number of the state may have to become a float, a result or a size to be known.
MOST_TRACES = 5


class _Options(threading.local):
    """What the bodies being traced ask for: for each loop, innermost last, (tensor, shape) pairs."""

    def __init__(self) -> None:
        self.loops: list[list[tuple[Any, Any]]] = []


_options = _Options()


def set_loop_options(
    parallel_iterations: int | None = None,
    swap_memory: bool | None = None,
    maximum_iterations: Any = None,
    shape_invariants: Any = None,
) -> None:
    """Says, as the first statement of a loop's body, what the loop may do.

    Args:
      shape_invariants: pairs (name, shape): the shape that the variable keeps, None for a size that changes.
      parallel_iterations, swap_memory: accepted.
      maximum_iterations: not taken; use `tf.while_loop`, or a counter in the test.

    Outside a loop that a tensor decides it does nothing.

    >>> import engine as tf
    >>> @tf.function
    ... def doubled(v, n):
    ...     while tf.size(v) < n:
    ...         tf.autograph.experimental.set_loop_options(shape_invariants=[(v, [None])])
    ...         v = tf.concat([v, v], 0)
    ...     return v
    >>> doubled(tf.constant([1]), tf.constant(4)).numpy().tolist()
    [1, 1, 1, 1]
    """
    if maximum_iterations is not None:
        raise UnimplementedError(
            "set_loop_options: maximum_iterations is not taken here. Use tf.while_loop with "
            "maximum_iterations, or count the steps in the test of the loop."
        )
    if _options.loops:
        _options.loops[-1].extend(shape_invariants or [])


def _loop(
    test: Callable[[], Any],
    body: Callable[[], None],
    get: Get,
    put: Put,
    names: tuple[str, ...],
) -> None:
    begin = list(get())
    hints: dict[tuple[int, int], Any] = {}  # (name, leaf) -> dtype that a Python number has to take
    wide: dict[tuple[int, int], Any] = {}  # (name, leaf) -> shape that the body asked for
    for _ in range(MOST_TRACES):
        carried = [
            (i, j)
            for i, value in enumerate(begin)
            if not isinstance(value, Undefined)
            for j, leaf in enumerate(leaves_of(value))
            if is_value(leaf)
        ]
        flat = [leaves_of(value) for value in begin]
        start = [as_tensor(flat[i][j], hint=hints.get((i, j))) for i, j in carried]
        specs = [TensorSpec(t.spec.dims, t.dtype) for t in start]
        for k, at in enumerate(carried):
            if at in wide:
                specs[k] = allowed(specs[k], TensorSpec(wide[at]), start[k])
        asked: dict[tuple[int, int], Any] = {}

        def assembled(symbols: Any, at: Any = carried, old: Any = flat) -> list[Any]:
            fresh = [list(leaves) for leaves in old]
            for (i, j), symbol in zip(at, symbols, strict=True):
                fresh[i][j] = symbol
            return [
                value if isinstance(value, Undefined) else nest.pack_sequence_as(value, leaves)
                for value, leaves in zip(begin, fresh, strict=True)
            ]

        def step(
            *symbols: Any, build: Any = assembled, at_first: Any = carried, found: Any = asked
        ) -> list[Any]:
            put(build(symbols))
            _options.loops.append([])
            try:
                body()
            finally:
                wishes = _options.loops.pop()
            for tensor, shape in wishes:
                for at, symbol in zip(at_first, symbols, strict=True):
                    if symbol is tensor:
                        found[at] = TensorSpec(shape).dims
            return list(get())

        def proceed(*symbols: Any, build: Any = assembled) -> Any:
            put(build(symbols))
            return as_tensor(truth(test()))

        try:
            try:
                one = Part("while_body", step, specs, None)
            except InvalidArgumentError:
                wider = {} if hints else _dtypes_after(begin, step, flat, carried)
                if not wider:
                    raise
                hints |= wider
                continue
            asked = {at: dims for at, dims in asked.items() if wide.get(at) != dims}
            if asked or _returned(begin, one, names):
                wide |= asked
                continue
            after = _after_step(begin, one.result, names)
            wider = {
                (i, j): after[i][j].dtype
                for i, j in carried
                if is_number(flat[i][j])
                and isinstance(after[i][j], (Tensor, Variable))
                and after[i][j].dtype is not specs[carried.index((i, j))].dtype
                and hints.get((i, j)) is not after[i][j].dtype
            }
            if wider:
                hints |= wider
                continue
            condition = Part("while_cond", proceed, specs, None)
        finally:
            put(begin)
        one.give([after[i][j] for i, j in carried], [spec.dtype for spec in specs])
        made = join_loop(start, specs, one, condition, [label(names[i]) for i, _ in carried])
        put(
            [
                Undefined(names[i], "only the body of a loop on a tensor assigns it")
                if isinstance(value, Undefined) and not isinstance(one.result[i], Undefined)
                else value
                for i, value in enumerate(assembled(made))
            ]
        )
        return
    raise TypeError(
        f"The dtypes of {', '.join(names)} do not settle in this loop; give each of them its dtype before "
        "the loop with tf.constant or tf.cast."
    )


def _dtypes_after(
    begin: list[Any],
    step: Callable[..., Any],
    flat: list[list[Any]],
    carried: list[tuple[int, int]],
) -> dict[tuple[int, int], Any]:
    """The dtypes that Python numbers take in the first step, while they are still Python numbers.

    0 + x has the dtype of x, but an int32 tensor and a float32 one cannot be added: `total = 0` before a
    loop has to become a tensor of the dtype that the loop gives it.
    """
    place = {(i, j): n for n, (i, j) in enumerate(carried) if not is_number(flat[i][j])}
    specs = [as_tensor(flat[i][j]).spec for i, j in place]

    def first(*symbols: Any) -> Any:
        given = [flat[i][j] for i, j in carried]
        for n, symbol in zip(place.values(), symbols, strict=True):
            given[n] = symbol
        return step(*given)

    try:
        result = Part(
            "first_step", first, [TensorSpec(s.dims, s.dtype) for s in specs], None
        ).result
    except InvalidArgumentError:
        return {}
    leaves = [leaves_of(value) for value in result]
    return {
        (i, j): leaves[i][j].dtype
        for i, j in carried
        if is_number(flat[i][j])
        and len(leaves[i]) == len(flat[i])
        and isinstance(leaves[i][j], (Tensor, Variable))
    }


def _returned(begin: list[Any], one: Part, names: tuple[str, ...]) -> bool:
    """Starts the result of a function that returns from inside the loop with zeros of its shape."""
    if "ag__value" not in names:
        return False
    at = names.index("ag__value")
    if not isinstance(begin[at], Undefined) or isinstance(one.result[at], Undefined):
        return False
    begin[at] = nest.map_structure(_zeros_of, one.result[at])
    return True


def _zeros_of(value: Any) -> Any:
    if not is_value(value):
        return zeros_like(value)
    spec = as_tensor(value).spec if not isinstance(value, SymbolicTensor) else value.spec
    if not spec.shape.is_fully_defined():
        return zeros_like(value)
    return zeros(spec.shape, spec.dtype)


def _after_step(begin: list[Any], result: list[Any], names: tuple[str, ...]) -> list[list[Any]]:
    """The leaves of the state after one step, checked against those before it."""
    after: list[list[Any]] = []
    for name, before, value in zip(names, begin, result, strict=True):
        if isinstance(before, Undefined) or isinstance(value, Undefined):
            after.append([])
            continue
        try:
            nest.assert_same_structure(before, value)
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"{name!r} has another structure after a step of a loop on a tensor than before it. {error}"
            ) from None
        for x, y in zip(leaves_of(before), leaves_of(value), strict=True):
            if not (is_value(x) and is_value(y)) and not same(x, y):
                raise TypeError(
                    f"{label(name)} is {x!r} before a step of a loop on a tensor and {y!r} after it. "
                    "Only tensors can change from step to step."
                )
        after.append(leaves_of(value))
    return after


# --- for --------------------------------------------------------------------------------------------


class _Range:
    """range() with a symbolic argument."""

    def __init__(self, *bounds: Any):
        start, limit, delta = (
            (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1) if len(bounds) == 2 else bounds
        )
        self.start, self.limit, self.delta = (
            as_tensor(b, hint=first_dtype(bounds)) for b in (start, limit, delta)
        )

    @property
    def length(self) -> Tensor:
        from engine.ops.elementwise import maximum

        # ceil((limit - start) / delta), in whole numbers and for either sign of delta
        return maximum(-((self.start - self.limit) // self.delta), 0)

    def item(self, index: Tensor) -> Tensor:
        return self.start + as_tensor(index, hint=self.delta.dtype) * self.delta


def range_of(function: Any) -> Any:
    """What `range` stands for in a traced function."""
    if function is not range:  # the user's own
        return convert(function) if context.tracing else function
    return lambda *bounds: (
        _Range(*map(truth, bounds))
        if any(map(symbolic, map(truth, bounds)))
        else range(*map(_whole, bounds))
    )


def _whole(bound: Any) -> Any:
    return int(bound) if isinstance(bound, Tensor) else bound


def for_stmt(
    iterable: Any,
    test: Callable[[], Any] | None,
    body: Callable[[Any], None],
    get: Get,
    put: Put,
    names: tuple[str, ...],
    targets: tuple[str, ...],
) -> None:
    """`for item in iterable: body(item)`, while `test()` holds if there is a test.

    Over Python values the loop is unrolled while tracing.
    """
    iterable = truth(iterable)
    if isinstance(iterable, _Range) or (isinstance(iterable, Tensor) and context.tracing):
        no_targets(targets, "a loop")
        _count(iterable, test, body, get, put, names)
        return
    for item in iterable:
        holds = True if test is None else truth(test())
        if symbolic(holds):  # a break that a tensor decides: the later steps become branches
            if_stmt(holds, lambda item=item: body(item), lambda: None, get, put, names, targets)  # type: ignore[misc]
        elif holds:
            body(item)
        else:
            break


def _count(
    iterable: Any,
    test: Callable[[], Any] | None,
    body: Callable[[Any], None],
    get: Get,
    put: Put,
    names: tuple[str, ...],
) -> None:
    """The loop over a tensor's first axis, or over a symbolic range, as a loop with a counter."""
    from engine.ops.layout import shape

    if isinstance(iterable, _Range):
        count, item = iterable.length, iterable.item
    else:
        if iterable.shape.rank == 0:
            raise TypeError(f"`for` over {iterable}: a scalar has no axis to go along.")
        count, item = shape(iterable)[0], iterable.__getitem__  # type: ignore[index]
    place: list[Any] = [as_tensor(0, hint=count.dtype)]

    def step() -> None:
        at = place[0]
        body(item(at))
        place[0] = at + 1

    def proceed() -> Any:
        before_end = place[0] < count
        return before_end if test is None else and_(lambda: before_end, test)

    def get_all() -> tuple[Any, ...]:
        return (place[0], *get())

    def put_all(values: Any) -> None:
        place[0], rest = values[0], values[1:]
        put(rest)

    _loop(proceed, step, get_all, put_all, ("ag__index", *names))
