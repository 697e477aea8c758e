"""What rewritten functions call: Python's own behaviour on Python values, graph operations on symbolic ones.

The state of a branch or loop is the names it binds, read by `get` and written by `put`. While both branches
are traced, tensors and numbers that differ become results of the operation; anything else has to be the same
on both sides, because a graph has nothing but tensors to choose between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from engine import nest
from engine.autograph.convert import convert
from engine.dispatch import context
from engine.errors import InvalidArgumentError, OperatorNotAllowedInGraphError
from engine.graph.control import Part, join_branches, join_loop
from engine.graph.graph import SymbolicTensor
from engine.ops.creation import convert as as_tensor
from engine.ops.creation import zeros
from engine.spec import TensorSpec
from engine.tensor import Tensor
from engine.variable import Variable

Get: TypeAlias = Callable[[], tuple[Any, ...]]
Put: TypeAlias = Callable[[Any], None]


class Undefined:
    """The value of a name that nothing has been assigned to. Any use of it says so."""

    def __init__(self, name: str, why: str = ""):
        self.__dict__.update(_name=name, _why=why)

    def _fail(self, *_args: Any, **_kwargs: Any) -> Any:
        raise UnboundLocalError(
            f"cannot access local variable {self._name!r} where it is not associated with a value"
            + (f": {self._why}" if self._why else "")
        )

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # copy, inspect and their like only ask
            raise AttributeError(attribute)
        return self._fail()

    __call__ = __getitem__ = __iter__ = __len__ = __bool__ = __float__ = __int__ = __str__ = _fail
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = (
        _fail
    )
    __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __neg__ = __abs__ = __lt__ = __gt__ = _fail
    __le__ = __ge__ = __floordiv__ = __mod__ = __array__ = _fail

    def __repr__(self) -> str:
        return f"<{self._name} has no value>"


def undefined(name: str) -> Undefined:
    """What a name holds before anything was assigned to it."""
    return Undefined(name)


no_value = Undefined("the result")  # of a function that has not returned yet


def result(value: Any) -> Any:
    """What a function returns; a function that ended without `return` returns None."""
    return None if isinstance(value, Undefined) else value


def called(function: Any) -> Any:
    """What to call instead of a function: its rewritten form, where it has one."""
    return convert(function) if context.tracing else function


def _symbolic(value: Any) -> bool:
    return isinstance(value, SymbolicTensor)


def _truth(value: Any) -> Any:
    """The value a test is decided by: a Variable counts as what it holds."""
    return value.value() if isinstance(value, Variable) and context.tracing else value


def _predicate(test: Any, what: str) -> Tensor:
    if not test.dtype.is_bool or test.shape.rank not in (0, None):
        raise TypeError(
            f"{what} on a tensor needs one bool scalar, but {test} was given. Compare it with something, "
            "for example x > 0, and reduce it with tf.reduce_all or tf.reduce_any."
        )
    return test


def _no_targets(targets: tuple[str, ...], what: str) -> None:
    if targets:
        raise OperatorNotAllowedInGraphError(
            f"{', '.join(targets)} is assigned inside {what} that a tensor decides. Tracing runs the "
            "block once, whatever the tensor will be, so the assignment would always happen. Assign to a "
            "local name in the block, and to the attribute or element after it; or keep the state in a "
            "tf.Variable and call assign."
        )


# --- what is chosen ---------------------------------------------------------------------------------


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float, complex, np.ndarray, np.generic))


def _is_value(value: Any) -> bool:
    """Whether a graph can hold it."""
    return isinstance(value, (Tensor, Variable)) or _is_number(value)


def _same(a: Any, b: Any) -> bool:
    plain = type(a) is type(b) and isinstance(a, (bool, int, float, complex, str, bytes))
    return a is b or (plain and a == b)


def _leaves(value: Any) -> list[Any]:
    return nest.flatten(value)


def _choose(test: Tensor, one: Part, other: Part, names: tuple[str, ...]) -> list[Any]:
    """For each name the value after the branch: the operation's result, or what both sides agree on."""
    wanted: list[tuple[Any, Any]] = []  # leaves that the operation chooses between
    labels: list[str] = []
    plan: list[Any] = []
    for name, a, b in zip(names, one.result, other.result, strict=True):
        if name == "ag__value" and isinstance(a, Undefined) != isinstance(b, Undefined):
            # Only the side that returned is ever read; the other needs something of the same shape.
            known, lacking = (b, one) if isinstance(a, Undefined) else (a, other)
            with lacking.builder.tracing():
                filled = nest.map_structure(_zeros_like, known)
            a, b = (filled, known) if isinstance(a, Undefined) else (known, filled)
        if isinstance(a, Undefined) or isinstance(b, Undefined):
            side = "True" if isinstance(a, Undefined) else "False"
            why = f"the branch for {side} of an `if` on a tensor does not assign it"
            plan.append(a if a is b else Undefined(name, why))
            continue
        try:
            nest.assert_same_structure(a, b)
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"{name!r} has another structure in each branch of an `if` on a tensor. {error}"
            ) from None
        places = []
        for x, y in zip(_leaves(a), _leaves(b), strict=True):
            if _same(x, y):
                places.append((False, x))
            elif _is_value(x) and _is_value(y):
                places.append((True, len(wanted)))
                wanted.append((x, y))
                labels.append(_label(name))
            else:
                raise TypeError(
                    f"{_label(name)} is {x!r} in one branch and {y!r} in the other. What a tensor "
                    "decides can only be a tensor: return tensors from both, or decide with a Python value."
                )
        plan.append((a, places))
    hints = [(_dtype(x) or _dtype(y)) for x, y in wanted]
    one.give([x for x, _ in wanted], hints)
    other.give([y for _, y in wanted], hints)
    made = join_branches(test, one, other, labels)
    return [
        entry
        if isinstance(entry, Undefined)
        else nest.pack_sequence_as(
            entry[0], [made[what] if chosen else what for chosen, what in entry[1]]
        )
        for entry in plan
    ]


def _label(name: str) -> str:
    return "the result of the function" if name == "ag__value" else name


def _dtype(value: Any) -> Any:
    return value.dtype if isinstance(value, (Tensor, Variable)) else None


def _zeros_like(value: Any) -> Any:
    if not _is_value(value):
        raise TypeError(
            f"{value!r} is returned in a branch or loop that a tensor decides; only tensors can be."
        )
    tensor = as_tensor(value)
    if not tensor.shape.is_fully_defined():
        raise ValueError(
            f"A tensor of shape {tensor.shape} is returned from inside a loop or branch that a tensor "
            "decides, and its size is not known while tracing. Assign it to a name before the loop, and "
            "return it after."
        )
    return zeros(tensor.shape, tensor.dtype)


# --- if ---------------------------------------------------------------------------------------------


def if_stmt(
    test: Any,
    body: Callable[[], None],
    orelse: Callable[[], None],
    get: Get,
    put: Put,
    names: tuple[str, ...],
    targets: tuple[str, ...],
) -> None:
    """`if test: body() else: orelse()`."""
    test = _truth(test)
    if not _symbolic(test):
        (body if test else orelse)()
        return
    _predicate(test, "`if`")
    _no_targets(targets, "a branch")
    start = get()

    def run(branch: Callable[[], None]) -> Callable[[], Any]:
        def traced() -> list[Any]:
            put(start)
            branch()
            return list(get())

        return traced

    try:
        one, other = Part("true_fn", run(body), [], None), Part("false_fn", run(orelse), [], None)
    finally:
        put(start)
    put(_choose(test, one, other, names))


def if_exp(test: Any, body: Callable[[], Any], orelse: Callable[[], Any]) -> Any:
    """`body() if test else orelse()`."""
    test = _truth(test)
    if not _symbolic(test):
        return body() if test else orelse()
    _predicate(test, "`... if ... else ...`")
    one = Part("true_fn", lambda: [body()], [], None)
    other = Part("false_fn", lambda: [orelse()], [], None)
    return _choose(test, one, other, ("the conditional expression",))[0]


def and_(*parts: Callable[[], Any]) -> Any:
    """`a and b and ...`: what stands right is computed only if all before it holds."""
    value = _truth(parts[0]())
    if len(parts) == 1:
        return value
    if _symbolic(value):
        _predicate(value, "`and`")
        return if_exp(value, lambda: and_(*parts[1:]), lambda: False)
    return and_(*parts[1:]) if value else value


def or_(*parts: Callable[[], Any]) -> Any:
    """`a or b or ...`."""
    value = _truth(parts[0]())
    if len(parts) == 1:
        return value
    if _symbolic(value):
        _predicate(value, "`or`")
        return if_exp(value, lambda: True, lambda: or_(*parts[1:]))
    return value if value else or_(*parts[1:])


def not_(value: Any) -> Any:
    """`not value`."""
    value = _truth(value)
    if not _symbolic(value):
        return not value
    from engine.ops.elementwise import logical_not

    return logical_not(_predicate(value, "`not`"))


def assert_stmt(test: Any, message: Callable[[], Any]) -> None:
    """`assert test, message()`."""
    test = _truth(test)
    if not _symbolic(test):
        if not test:
            text = message()
            raise AssertionError(*([] if text is None else [text]))
        return
    from engine.ops.printing import Assert

    text = message()
    Assert(test, ["assertion failed" if text is None else text])


# --- while ------------------------------------------------------------------------------------------


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
        holds = _truth(test())
        if _symbolic(holds):
            _predicate(holds, "`while`")
            _no_targets(targets, "a loop")
            return _loop(test, body, get, put, names)
        if not holds:
            return None
        body()


MOST_TRACES = (
    4  # of one body: a number among the state may have to become a float, a result to be known
)


def _loop(
    test: Callable[[], Any],
    body: Callable[[], None],
    get: Get,
    put: Put,
    names: tuple[str, ...],
) -> None:
    begin = list(get())
    hints: dict[tuple[int, int], Any] = {}  # (name, leaf) -> dtype that a Python number has to take
    for _ in range(MOST_TRACES):
        carried = [
            (i, j)
            for i, value in enumerate(begin)
            if not isinstance(value, Undefined)
            for j, leaf in enumerate(_leaves(value))
            if _is_value(leaf)
        ]
        flat = [_leaves(value) for value in begin]
        start = [as_tensor(flat[i][j], hint=hints.get((i, j))) for i, j in carried]
        specs = [TensorSpec(t.spec.dims, t.dtype) for t in start]

        def assembled(symbols: Any, at: Any = carried, old: Any = flat) -> list[Any]:
            fresh = [list(leaves) for leaves in old]
            for (i, j), symbol in zip(at, symbols, strict=True):
                fresh[i][j] = symbol
            return [
                value if isinstance(value, Undefined) else nest.pack_sequence_as(value, leaves)
                for value, leaves in zip(begin, fresh, strict=True)
            ]

        def step(*symbols: Any, build: Any = assembled) -> list[Any]:
            put(build(symbols))
            body()
            return list(get())

        def proceed(*symbols: Any, build: Any = assembled) -> Any:
            put(build(symbols))
            return as_tensor(_truth(test()))

        try:
            try:
                one = Part("while_body", step, specs, None)
            except InvalidArgumentError:
                wider = {} if hints else _dtypes_after(begin, step, flat, carried)
                if not wider:
                    raise
                hints |= wider
                continue
            more = _returned(begin, one, names)
            if more:
                continue
            after = _after_step(begin, one.result, names)
            wider = {
                (i, j): after[i][j].dtype
                for i, j in carried
                if _is_number(flat[i][j])
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
        made = join_loop(start, specs, one, condition, [_label(names[i]) for i, _ in carried])
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
    place = {(i, j): n for n, (i, j) in enumerate(carried) if not _is_number(flat[i][j])}
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
    leaves = [_leaves(value) for value in result]
    return {
        (i, j): leaves[i][j].dtype
        for i, j in carried
        if _is_number(flat[i][j])
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
    if not _is_value(value):
        return _zeros_like(value)
    spec = as_tensor(value).spec if not isinstance(value, SymbolicTensor) else value.spec
    if not spec.shape.is_fully_defined():
        return _zeros_like(value)
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
        for x, y in zip(_leaves(before), _leaves(value), strict=True):
            if not (_is_value(x) and _is_value(y)) and not _same(x, y):
                raise TypeError(
                    f"{_label(name)} is {x!r} before a step of a loop on a tensor and {y!r} after it. "
                    "Only tensors can change from step to step."
                )
        after.append(_leaves(value))
    return after


# --- for --------------------------------------------------------------------------------------------


class _Range:
    """range() with a symbolic argument."""

    def __init__(self, *bounds: Any):
        start, limit, delta = (
            (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1) if len(bounds) == 2 else bounds
        )
        self.start, self.limit, self.delta = (
            as_tensor(b, hint=_dtype_of(bounds)) for b in (start, limit, delta)
        )

    @property
    def length(self) -> Tensor:
        from engine.ops.elementwise import maximum

        # ceil((limit - start) / delta), in whole numbers and for either sign of delta
        return maximum(-((self.start - self.limit) // self.delta), 0)

    def item(self, index: Tensor) -> Tensor:
        return self.start + as_tensor(index, hint=self.delta.dtype) * self.delta


def _dtype_of(values: Any) -> Any:
    return next((v.dtype for v in values if isinstance(v, (Tensor, Variable))), None)


def range_of(function: Any) -> Any:
    """What `range` stands for in a traced function."""
    if function is not range:  # the user's own
        return called(function)
    return lambda *bounds: (
        _Range(*map(_truth, bounds))
        if any(map(_symbolic, map(_truth, bounds)))
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
    iterable = _truth(iterable)
    if isinstance(iterable, _Range) or (isinstance(iterable, Tensor) and context.tracing):
        _no_targets(targets, "a loop")
        _count(iterable, test, body, get, put, names)
        return
    for item in iterable:
        holds = True if test is None else _truth(test())
        if _symbolic(holds):  # a break that a tensor decides: the later steps become branches
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
