"""The walk back through a tape's log: cotangents are handed on, from the last entry to the first.

Twice: on bare arrays when nobody differentiates the result again, which is most of a training step, and
with operations on tensors, which another tape or a graph can record. `engine.tape` decides which.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import devices
from engine.dispatch import Primitive, context
from engine.ops.elementwise import zeros_like
from engine.ops.layout import sum_like, sum_to
from engine.tensor import Tensor


def fit(cotangent: Tensor, to: Tensor) -> Tensor:
    """Un-broadcasts: a cotangent has the shape of the tensor it belongs to."""
    have = cotangent._dims
    if have != to._dims or have is None or None in have:
        return sum_like(cotangent, to)
    return cotangent


def walk_tensors(
    entries: list[Any], positions: range, depends: list[bool], cotangents: list[Any], keep: set[int]
) -> None:
    """Hands cotangents on, from the last entry to the first, by operations that can be recorded."""
    eager = context.builder is None
    for position in positions:
        entry = entries[position]
        if entry is None:
            continue
        primitive, attrs, inputs_at, inputs, output = entry
        dy = _take(cotangents, position, output, keep, primitive.gaps)
        if dy is None:
            continue
        rules = rules_of(primitive, dy, output, inputs, attrs)
        for at, tensor, rule in zip(inputs_at, inputs, rules, strict=False):
            if not depends[at] or rule is None:
                continue
            value = rule(dy, output, *inputs, **attrs)
            if value is not None:
                if not eager or value._array.shape != tensor._array.shape:
                    value = fit(value, tensor)
                before = cotangents[at]
                cotangents[at] = value if before is None else before + value


def walk_arrays(
    entries: list[Any], positions: range, depends: list[bool], cotangents: list[Any], keep: set[int]
) -> None:
    """The same on bare arrays, where the rules allow it; most of a training step is spent here."""
    for position in positions:
        entry = entries[position]
        if entry is None:
            continue
        primitive, attrs, inputs_at, inputs, output = entry
        if type(output) is tuple:
            dy = _take(cotangents, position, output, keep, primitive.gaps)
        else:
            dy = cotangents[position]
            if position not in keep:
                cotangents[position] = None
        if dy is None:
            continue
        # With a bfloat16, a Python number in a rule would make a float32.
        if primitive.on_arrays and not attrs and dy.dtype.kind in "fc" and len(inputs) <= 2:
            y, first = output._array, inputs[0]._array
            # Written out for one input and for two: a loop over them takes half as long again.
            at, rule = inputs_at[0], primitive.vjp[0]
            if len(inputs) == 1:
                if depends[at] and rule is not None:
                    _hand_on(cotangents, at, rule(dy, y, first), first)
                continue
            second = inputs[1]._array
            if depends[at] and rule is not None:
                _hand_on(cotangents, at, rule(dy, y, first, second), first)
            at, rule = inputs_at[1], primitive.vjp[1]
            if depends[at] and rule is not None:
                _hand_on(cotangents, at, rule(dy, y, first, second), second)
            continue
        dy = tuple(map(_as_tensor, dy)) if type(dy) is tuple else Tensor(dy)
        rules = rules_of(primitive, dy, output, inputs, attrs)
        for at, tensor, rule in zip(inputs_at, inputs, rules, strict=False):
            if not depends[at] or rule is None:
                continue
            value = rule(dy, output, *inputs, **attrs)
            if value is not None:
                _hand_on(cotangents, at, value._array, tensor._array)


def _hand_on(cotangents: list[Any], at: int, value: Any, to: Any) -> None:
    """Adds to the cotangent of an input, un-broadcast to its shape."""
    if value.shape != to.shape:
        value = sum_to(devices.namespace(value), value, to.shape)
    before = cotangents[at]
    cotangents[at] = value if before is None else before + value


def _as_tensor(value: Any) -> Tensor | None:
    return value if value is None or isinstance(value, Tensor) else Tensor(value)


def _take(
    cotangents: list[Any], position: int, output: Any, keep: set[int], gaps: bool = False
) -> Any:
    """The cotangent of an entry's output, removed unless somebody asked for it; None if there is none.

    For an operation with several outputs a tuple, with zeros (or gaps: None) for those that have none.
    """
    if type(output) is not tuple:
        dy = cotangents[position]
        if position not in keep:
            cotangents[position] = None
        return dy
    places = range(position - len(output) + 1, position + 1)
    parts = [_take(cotangents, place, None, keep) for place in places]
    if all(part is None for part in parts):
        return None
    if gaps:
        return tuple(parts)
    pairs = zip(output, parts, strict=True)
    return tuple(zeros_like(tensor) if part is None else part for tensor, part in pairs)


def rules_of(
    primitive: Primitive, dy: Any, output: Any, inputs: tuple[Tensor, ...], attrs: Any
) -> Any:
    """One rule an input. A primitive whose cotangents are computed together has them computed here."""
    if type(primitive.vjp) is tuple:
        return primitive.vjp
    if primitive.vjp is None:
        raise LookupError(
            f"{primitive.name} has no derivative rule, so no gradient flows through it."
        )
    assert callable(primitive.vjp)
    return [_constant_rule(value) for value in primitive.vjp(dy, output, *inputs, **attrs)]


def _constant_rule(value: Any) -> Callable[..., Any]:
    return lambda *inputs, **attrs: value
