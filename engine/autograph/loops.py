"""`while` and `for`: Python's own on Python values, one operation of the graph on symbolic ones.

The state of a loop is the names it binds and the attributes it assigns, read by `get` and written by `put`.
Tensors and numbers among them are carried from step to step; everything else has to stay what it is. A name
that neither a further step nor what follows reads is none of the loop's business.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from engine import nest
from engine.autograph.branches import and_, if_stmt
from engine.autograph.iterables import flat_state, in_a_graph
from engine.autograph.values import (
    Get,
    Put,
    Undefined,
    is_number,
    is_place,
    is_value,
    label,
    leaves_of,
    no_targets,
    predicate,
    same,
    symbolic,
    truth,
)
from engine.dispatch import context
from engine.dtypes import int32
from engine.errors import InvalidArgumentError
from engine.graph.control import Part, allowed, join_loop
from engine.ops.creation import convert as as_tensor
from engine.ops.creation import zeros
from engine.ops.printing import Assert
from engine.ops.tensor_array import TensorArray
from engine.spec import TensorSpec
from engine.tensor import Tensor
from engine.variable import Variable


def while_stmt(
    test: Callable[[], Any],
    body: Callable[[], None],
    get: Get,
    put: Put,
    names: tuple[str, ...],
    after: tuple[str, ...],
    again: tuple[str, ...],
    others: tuple[str, ...],
) -> None:
    """`while test(): body()`. Steps whose test is a Python value are traced one after the other.

    names: what the body binds; after: those of them that are read later; again: those that a step reads.
    others: attributes and elements that it assigns and that cannot be carried.
    """
    for done in itertools.count():
        holds = truth(test())
        if symbolic(holds):
            no_targets(others, "a loop")
            loop = _Loop(test, body, get, put, names, after, again)
            loop.done = done
            return loop.build()
        if not holds:
            return None
        body()
    return None


# Of one body: a number of the state may have to become a float, a result or a size to be known.
MOST_TRACES = 8


class _Wishes:
    """What a body asks for: the shapes that tensors keep, as pairs, and a limit of steps."""

    def __init__(self) -> None:
        self.shapes: list[tuple[Any, Any]] = []
        self.limit: Any = None


class _Options(threading.local):
    """The wishes of the bodies being traced, the innermost last."""

    def __init__(self) -> None:
        self.loops: list[_Wishes] = []


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
      maximum_iterations: an upper limit of the number of steps.

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
    if _options.loops:
        _options.loops[-1].shapes.extend(shape_invariants or [])
        if maximum_iterations is not None:
            _options.loops[-1].limit = maximum_iterations


Leaf = tuple[int, int]  # number of a name, number of a leaf in its value
COUNT = "ag__ran"  # the name under which the number of steps is carried, where it matters


class _Loop:
    """A loop of the graph being built. Its body is traced again until the state keeps its kind."""

    def __init__(
        self,
        test: Callable[[], Any],
        body: Callable[[], None],
        get: Get,
        put: Put,
        names: tuple[str, ...],
        after: tuple[str, ...],
        again: tuple[str, ...],
        runs: bool = False,
    ):
        self.test, self.body, self.put, self.names = test, body, put, names
        self.begin = list(get())
        self.get = get
        self.after = {name for name in names if name in after or is_place(name)}
        self.again = {name for name in names if name in again or is_place(name)}
        self.runs = runs  # whether it surely makes a step
        self.done = 0  # steps that Python has made already
        self.hints: dict[Leaf, Any] = {}  # the dtype that a Python number has to take
        self.wide: dict[Leaf, Any] = {}  # the shape that the body asked for
        self.unset: list[str] = []  # names that only the body gives a value
        self.limit: Any = None
        self.counts = False
        self.steps: Any = None  # made so far, where somebody asks
        for i, name in enumerate(names):
            if name not in self.again and (name not in self.after or self.begin[i] is None):
                self.begin[i] = Undefined(name)

    # The state as the loop sees it: that of the user's names, and the count of steps in front.

    def _get(self) -> list[Any]:
        return [*([self.steps] if self.counts else []), *self.get()]

    def _put(self, values: list[Any]) -> None:
        if self.counts:
            self.steps, *values = values
        self.put(values)

    def _count_steps(self) -> None:
        if not self.counts:
            self.counts, self.steps = True, as_tensor(0)
            self.names = (COUNT, *self.names)
            self.begin.insert(0, self.steps)
            self.hints = {(i + 1, j): value for (i, j), value in self.hints.items()}
            self.wide = {(i + 1, j): value for (i, j), value in self.wide.items()}

    def build(self) -> None:
        """Writes the loop down, and gives the names their values after it."""
        start = list(self.begin)
        for _ in range(MOST_TRACES):
            if self._try():
                return
        self.put(start)
        raise TypeError(
            f"The dtypes of {', '.join(self.names)} do not settle in this loop; give each of them its dtype "
            "before the loop with tf.constant or tf.cast."
        )

    def _try(self) -> bool:
        begin, counts = list(self.begin), self.counts
        flat = [leaves_of(value) for value in begin]
        carried = [
            (i, j)
            for i, value in enumerate(begin)
            if not isinstance(value, Undefined)
            for j, leaf in enumerate(flat[i])
            if is_value(leaf)
        ]
        start = [as_tensor(flat[i][j], hint=self.hints.get((i, j))) for i, j in carried]
        specs = [TensorSpec(t.spec.dims, t.dtype) for t in start]
        for k, at in enumerate(carried):
            if at in self.wide:
                specs[k] = allowed(specs[k], TensorSpec(self.wide[at]), start[k])
        asked: dict[Leaf, Any] = {}
        limits: list[Any] = []

        def assembled(symbols: Any) -> list[Any]:
            fresh = [list(leaves) for leaves in flat]
            for (i, j), symbol in zip(carried, symbols, strict=True):
                fresh[i][j] = symbol
            return [
                value if isinstance(value, Undefined) else nest.pack_sequence_as(value, leaves)
                for value, leaves in zip(begin, fresh, strict=True)
            ]

        def step(*symbols: Any) -> list[Any]:
            self._put(assembled(symbols))
            _options.loops.append(_Wishes())
            try:
                self.body()
            finally:
                wishes = _options.loops.pop()
            for tensor, shape in wishes.shapes:
                for at, symbol in zip(carried, symbols, strict=True):
                    if symbol is tensor:
                        asked[at] = TensorSpec(shape).dims
            limits.append(wishes.limit)
            if self.counts:
                self.steps = self.steps + 1
            return self._get()

        def proceed(*symbols: Any) -> Any:
            self._put(assembled(symbols))
            if self.limit is None:
                return as_tensor(predicate(truth(self.test()), "`while`"))
            most = as_tensor(self.limit, hint=int32) - self.done
            return as_tensor(and_(lambda: self.steps < most, self.test))

        try:
            try:
                one = Part("while_body", step, specs, None)
            except InvalidArgumentError:
                wider = {} if self.hints else _dtypes_after(step, flat, carried)
                if not wider:
                    raise
                self.hints |= wider
                return False
            if self._changed(one, asked, limits[0], carried, flat, specs):
                return False
            condition = Part("while_cond", proceed, specs, None)
        finally:
            self.put(begin[counts:])
        after = _after_step(begin, one.result, self.names)
        one.give([after[i][j] for i, j in carried], [spec.dtype for spec in specs])
        made = join_loop(start, specs, one, condition, [label(self.names[i]) for i, _ in carried])
        self._finish(assembled(made), one)
        return True

    def _changed(
        self,
        one: Part,
        asked: dict[Leaf, Any],
        limit: Any,
        carried: list[Leaf],
        flat: list[list[Any]],
        specs: list[TensorSpec],
    ) -> bool:
        """Learns from a traced step how the state has to begin. True: the body is to be traced again."""
        news = {a: dims for a, dims in asked.items() if self.wide.get(a, ()) != dims}
        self.wide |= news
        filled = self._fill(one)
        if news or filled:
            return True
        if limit is not None and self.limit is None:
            self.limit = limit
            self._count_steps()
            return True
        after = _after_step(self.begin, one.result, self.names)
        wider = {
            (i, j): after[i][j].dtype
            for (i, j), spec in zip(carried, specs, strict=True)
            if is_number(flat[i][j])
            and isinstance(after[i][j], (Tensor, Variable))
            and after[i][j].dtype is not spec.dtype
            and self.hints.get((i, j)) is not after[i][j].dtype
        }
        self.hints |= wider
        return bool(wider)

    def _fill(self, one: Part) -> bool:
        """Begins names that have no value yet with zeros like those the body gives them."""
        filled, count = False, False
        for i, (name, value, made) in enumerate(
            zip(self.names, list(self.begin), one.result, strict=True)
        ):
            if isinstance(value, TensorArray) and isinstance(made, TensorArray):
                wide = value.loop_shape(made)
                if wide is not None and (value._blank or self.wide.get((i, 0)) != wide):
                    self.begin[i], self.wide[i, 0], filled = value.like(made), wide, True
                continue
            unset = isinstance(value, Undefined) and not isinstance(made, Undefined)
            if not unset or name not in self.after:
                continue
            self.begin[i] = nest.map_structure(_blank, made)
            self.wide |= {
                (i, j): leaf.spec.dims
                for j, leaf in enumerate(leaves_of(made))
                if isinstance(leaf, Tensor) and not leaf.shape.is_fully_defined()
            }
            filled = True
            if not name.startswith("ag__"):
                self.unset.append(name)
                count = True
        if count and not self.runs:
            self._count_steps()
        return filled

    def _finish(self, values: list[Any], one: Part) -> None:
        for i, value in enumerate(values):
            if isinstance(value, Undefined) and not isinstance(one.result[i], Undefined):
                name = self.names[i]
                values[i] = Undefined(name, "only the body of a loop on a tensor assigns it")
        self._put(values)
        if self.unset and not self.runs:
            what = ", ".join(self.unset)
            Assert(
                self.steps > 0,
                [f"{what}: read after a loop that gives it a value and made no step"],
            )


def _blank(value: Any) -> Any:
    """Zeros of the dtype and shape of a value, sizes that are not known taken as 0."""
    if not is_value(value):
        return value
    spec = as_tensor(value).spec if is_number(value) else value.spec
    return zeros([size or 0 for size in spec.dims or ()], spec.dtype)


def _dtypes_after(
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
                    "Only tensors can change from step to step: let it begin as one."
                )
        after.append(leaves_of(value))
    return after


# --- for --------------------------------------------------------------------------------------------


def for_stmt(
    iterable: Any,
    test: Callable[[], Any] | None,
    body: Callable[[Any], None],
    get: Get,
    put: Put,
    names: tuple[str, ...],
    after: tuple[str, ...],
    again: tuple[str, ...],
    others: tuple[str, ...],
) -> None:
    """`for item in iterable: body(item)`, while `test()` holds if there is a test.

    Over Python values the loop is unrolled while tracing; for what is a loop of the graph, see `iterables`.
    """
    tensors = in_a_graph(iterable) if context.tracing else None
    if tensors is not None:
        no_targets(others, "a loop")
        _over(tensors, test, body, get, put, names, after, again)
        return
    for item in iterable:
        holds = True if test is None else truth(test())
        if symbolic(holds):  # a break that a tensor decides: the later steps become branches
            step = partial(body, item)
            if_stmt(holds, step, lambda: None, get, put, names, names, others)
        elif holds:
            body(item)
        else:
            break


def _over(
    iterable: Any,
    test: Callable[[], Any] | None,
    body: Callable[[Any], None],
    get: Get,
    put: Put,
    names: tuple[str, ...],
    after: tuple[str, ...],
    again: tuple[str, ...],
) -> None:
    """The loop over something that knows its next item, with the place where it stands as state."""
    begin, more, step = iterable.__autograph_for__()
    place: list[Any] = [flat_state(begin)]

    def one_step() -> None:
        item, place[0] = step(place[0])
        body(item)

    def proceed() -> Any:
        # `more` last: after a break a dataset is not asked for an element that nobody wants
        return and_(*([] if test is None else [test]), lambda: more(place[0]))

    def get_all() -> tuple[Any, ...]:
        return (place[0], *get())

    def put_all(values: Any) -> None:
        place[0], *rest = values
        put(rest)

    runs = test is None and getattr(iterable, "is_never_empty", False)
    where = "ag__place"
    loop = _Loop(
        proceed, one_step, get_all, put_all, (where, *names), (where, *after), (where, *again), runs
    )
    loop.build()
