"""`if`, `and`, `or`, `not` and `assert`: Python's own on Python values, operations on symbolic ones.

The state of a branch is the names it binds, read by `get` and written by `put`. While both branches are
traced, tensors and numbers that differ become results of the operation; anything else has to be the same on
both sides, because a graph has nothing but tensors to choose between.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from engine import nest
from engine.autograph.values import (
    Get,
    Put,
    Undefined,
    dtype_of,
    is_place,
    is_text,
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
from engine.graph.control import Part, join_branches
from engine.ops.tensor_array import TensorArray
from engine.tensor import Tensor


def _choose(
    test: Tensor, one: Part, other: Part, names: tuple[str, ...], after: tuple[str, ...]
) -> list[Any]:
    """For each name the value after the branch: the operation's result, or what both sides agree on.

    A name that nobody reads after the branch has none.
    """
    wanted: list[tuple[Any, Any]] = []  # leaves that the operation chooses between
    labels: list[str] = []
    plan: list[Any] = []
    for name, a, b in zip(names, one.result, other.result, strict=True):
        if name not in after:
            plan.append(Undefined(name))
            continue
        if name == "ag__value" and isinstance(a, Undefined) != isinstance(b, Undefined):
            # Only the side that returned is ever read; the other needs something of the same shape.
            known, lacking = (b, one) if isinstance(a, Undefined) else (a, other)
            with lacking.builder.tracing():
                filled = nest.map_structure(zeros_like, known)
            a, b = (filled, known) if isinstance(a, Undefined) else (known, filled)
        if isinstance(a, Undefined) or isinstance(b, Undefined):
            side = "True" if isinstance(a, Undefined) else "False"
            if (
                is_place(name)
                and a is not b
                and not (isinstance(a, Undefined) and isinstance(b, Undefined))
            ):
                raise ValueError(
                    f"{name} is assigned in one branch of an `if` on a tensor and has no value in the other. "
                    "Give it one before the `if`."
                )
            why = f"the branch for {side} of an `if` on a tensor does not assign it"
            plan.append(a if a is b else Undefined(name, why))
            continue
        if isinstance(a, TensorArray) and isinstance(b, TensorArray):
            with one.builder.tracing():
                a = a.like(b)
            with other.builder.tracing():
                b = b.like(a)
        try:
            nest.assert_same_structure(a, b)
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"{name!r} has another structure in each branch of an `if` on a tensor. {error}"
            ) from None
        places = []
        for x, y in zip(leaves_of(a), leaves_of(b), strict=True):
            if same(x, y):
                places.append((False, x))
            elif is_value(x) and is_value(y) and is_text(x) == is_text(y):
                places.append((True, len(wanted)))
                wanted.append((x, y))
                labels.append(label(name))
            else:
                raise TypeError(
                    f"{label(name)} is {x!r} in one branch and {y!r} in the other. What a tensor "
                    "decides can only be a tensor: return tensors from both, or decide with a Python value."
                )
        plan.append((a, places))
    hints = [(dtype_of(x) or dtype_of(y)) for x, y in wanted]
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


def if_stmt(
    test: Any,
    body: Callable[[], None],
    orelse: Callable[[], None],
    get: Get,
    put: Put,
    names: tuple[str, ...],
    after: tuple[str, ...],
    others: tuple[str, ...],
) -> None:
    """`if test: body() else: orelse()`.

    names: what the branches bind; after: those of them that are read later.
    others: attributes and elements that they assign and that cannot be restored.
    """
    test = truth(test)
    if not symbolic(test):
        (body if test else orelse)()
        return
    test = predicate(test, "`if`")
    no_targets(others, "a branch")
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
    put(_choose(test, one, other, names, after))


def if_exp(test: Any, body: Callable[[], Any], orelse: Callable[[], Any]) -> Any:
    """`body() if test else orelse()`."""
    test = truth(test)
    if not symbolic(test):
        return body() if test else orelse()
    test = predicate(test, "`... if ... else ...`")
    one = Part("true_fn", lambda: [body()], [], None)
    other = Part("false_fn", lambda: [orelse()], [], None)
    what = ("the conditional expression",)
    return _choose(test, one, other, what, what)[0]


def and_(*parts: Callable[[], Any]) -> Any:
    """`a and b and ...`: what stands right is computed only if all before it holds."""
    value = truth(parts[0]())
    if len(parts) == 1:
        return value
    if symbolic(value):
        value = predicate(value, "`and`")
        return if_exp(value, lambda: and_(*parts[1:]), lambda: False)
    return and_(*parts[1:]) if value else value


def or_(*parts: Callable[[], Any]) -> Any:
    """`a or b or ...`."""
    value = truth(parts[0]())
    if len(parts) == 1:
        return value
    if symbolic(value):
        value = predicate(value, "`or`")
        return if_exp(value, lambda: True, lambda: or_(*parts[1:]))
    return value if value else or_(*parts[1:])


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "in_": lambda a, b: a in b,
    "not_in": lambda a, b: a not in b,
}


def compared(operators: tuple[str, ...], *values: Callable[[], Any]) -> Any:
    """`a < b < c`: each value is computed once, and only while what stands left of it holds."""

    def from_(left: Any, at: int) -> Any:
        right = values[at + 1]()
        name = operators[at]
        holds = (_COMPARISONS.get(name) or getattr(operator, name))(left, right)
        if at + 1 == len(operators):
            return holds
        return and_(lambda: holds, lambda: from_(right, at + 1))

    return from_(values[0](), 0)


def not_(value: Any) -> Any:
    """`not value`."""
    value = truth(value)
    if not symbolic(value):
        return not value
    from engine.ops.elementwise import logical_not

    return logical_not(predicate(value, "`not`"))


def assert_stmt(test: Any, message: Callable[[], Any]) -> None:
    """`assert test, message()`."""
    test = truth(test)
    if not symbolic(test):
        if not test:
            text = message()
            raise AssertionError(*([] if text is None else [text]))
        return
    from engine.ops.printing import Assert

    text = message()
    Assert(test, ["assertion failed" if text is None else text])
