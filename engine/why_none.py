"""Why a gradient is None: `tape.why_none(target, source)` as one sentence, with what to do about it.

The log of a tape holds what it can differentiate. This module reads it together with the notes beside
it: operations that cut the path, variables that were assigned, values that left for NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.dispatch import Log, context
from engine.tensor import Tensor, describe
from engine.variable import Variable

if TYPE_CHECKING:
    from engine.tape import GradientTape

# A spot is where a tensor stands: its position in the log, or, negative, its number among the cuts.


def why_none(tape: GradientTape, target: Any, source: Any) -> str:
    """The sentence for `tape.why_none(target, source)`.

    >>> import engine as tf
    >>> x = tf.constant(1.5)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = 2.0 * tf.floor(x)
    >>> print(tape.why_none(y, x).split(".")[0])
    The path goes through floor, which is not differentiable
    """
    log = tape._log if tape._log is not None else tape._asked
    if log is None:
        if tape._used:
            return (
                "The tape has given its answer and let go of what it recorded. Ask why_none before "
                "tape.gradient, or open the tape with tf.GradientTape(persistent=True)."
            )
        return "The tape recorded nothing: open it, and compute the target inside its `with` block."
    for what, value in (("target", target), ("source", source)):
        if not isinstance(value, (Tensor, Variable)):
            return (
                f"The {what} is a {describe(value)}, not a tensor: NumPy and Python compute where the "
                "tape sees nothing. Use tf.constant, tf.Variable and tf operations."
            )
    for what, value in (("target", target), ("source", source)):
        if not value.dtype.is_differentiable:
            return (
                f"The {what} has the dtype {value.dtype.name}, and only floating and complex numbers "
                "have gradients. Make it a float, for example 1.0 instead of 1, or tf.cast it first."
            )
    kept, tape._log = tape._log, log
    outer, context.log = context.log, None  # asking leaves no trace in any tape
    try:
        return _reason(tape, log, target, source)
    finally:
        tape._log, context.log = kept, outer


def _reason(tape: GradientTape, log: Log, target: Any, source: Any) -> str:
    try:
        if tape._backward([target], [None], [source])[0] is not None:
            return "There is a gradient: the tape has a differentiable path from the source to the target."
    except LookupError as error:
        return f"Asking for the gradient raises an error: {error}"
    start, end = _spot(tape, log, source), _spot(tape, log, target)
    if start is None or start < 0:
        return _not_watched(tape, source, None if start is None else log.cuts[-start - 1][0])
    if end is not None:
        found = _path(tape, log, end, start)
        if found is not None:
            return found
    for node in log.exits:
        spot = _spot_of_node(log, node)
        if spot is not None and (spot == start or _path(tape, log, spot, start) is not None):
            return (
                "Values that depend on the source left for NumPy (by .numpy(), np.asarray, float() or "
                "the like), and the target is not connected to the source in any other way. The tape "
                "does not see NumPy: compute with tf operations."
            )
    if end is None:
        return (
            "The target was not computed from anything this tape watches while it was recording: it was "
            "made outside the tape, before the tape opened or the source was watched, or it is a "
            "constant. Compute it inside the `with` block, after tape.watch."
        )
    return "The target is not connected to the source: nothing on its way uses the source at all."


def _not_watched(tape: GradientTape, source: Any, cut: str | None) -> str:
    if isinstance(source, Variable):
        name = f"The source, variable {source.name!r},"
        if not source.trainable:
            return (
                f"{name} is not trainable, so it is not watched by itself. Call tape.watch on it."
            )
        if not tape.watches_variables:
            return (
                f"{name} is not watched: the tape was opened with watch_accessed_variables=False. Call "
                "tape.watch on it."
            )
        return (
            f"{name} was never read while the tape was recording: the target was computed outside the "
            "tape or before it opened, or from something else, such as a tensor that replaced the "
            "variable. Read the variable inside the `with` block."
        )
    if cut is not None:
        return (
            f"The source was computed by {cut} from what the tape watches, beyond a point where the "
            "derivative stops, so it is not watched. Call tape.watch on it before it is used."
        )
    return (
        "The source is a tensor that is not watched. Call tape.watch(source) inside the `with` block, "
        "before it is used. If it was a tf.Variable once, a line such as v = v - step replaced the "
        "variable by a tensor; write v.assign_sub(step)."
    )


def _spot(tape: GradientTape, log: Log, item: Any) -> int | None:
    if isinstance(item, Variable):
        watched = tape._leaves.get(id(item))
        return None if watched is None else watched[0]
    position = log.position(item)
    return position if position >= 0 else _spot_of_node(log, item._node)


def _spot_of_node(log: Log, node: int) -> int | None:
    if log.base <= node < log.limit:
        return node - log.base
    if node in log.foreign:
        return log.foreign[node]
    number = -node - log.base
    return -number - 1 if 0 <= number < len(log.cuts) else None


def _path(tape: GradientTape, log: Log, end: int, start: int) -> str | None:
    """What interrupts the way from `end` back to `start`; None if there is no way."""
    todo: list[tuple[int, str]] = [(end, "")]
    seen = {end}
    while todo:
        spot, why = todo.pop()
        if spot == start:
            return why or (
                "The target was computed from the source, but not while this tape was recording: before "
                "it opened, after it closed, or under stop_recording. Compute it inside the `with` block."
            )
        for before, reason in _steps(tape, log, spot):
            if before not in seen:
                seen.add(before)
                todo.append((before, reason or why))
    return None


def _steps(tape: GradientTape, log: Log, spot: int) -> list[tuple[int, str]]:
    """The spots from which the tensor at a spot was made, each with what stops the derivative there."""
    if spot < 0:
        name, stops, sources = log.cuts[-spot - 1]
        return [(source, _stopped(name) if stops else "") for source in sources]
    place = tape._entry_of(spot)
    if place < 0:
        owners = [key for key, leaf in log.variables.items() if leaf == spot]
        assigned = log.assigned.get(owners[0], []) if owners else []
        return [
            (before, reason)
            for node, name in assigned
            if (before := _spot_of_node(log, node)) is not None
            for reason in [
                f"The path goes through variable {name!r}, which was assigned a value that depends on "
                "the source. An assignment stores numbers and no history: use the assigned tensor itself."
            ]
        ]
    primitive, _, positions, inputs, output = log.entries[place]
    made = output if isinstance(output, tuple) else (output,)
    steps = []
    for i, (at, tensor) in enumerate(zip(positions, inputs, strict=True)):
        before = at if at >= 0 else _spot_of_node(log, tensor._node)
        if before is None:
            continue
        reason = ""
        if isinstance(primitive.vjp, tuple) and primitive.vjp[i] is None:
            reason = (
                f"The path goes through {primitive.name}, which has no derivative with respect to its "
                f"input number {i + 1}."
            )
        for passed in (tensor, *made):
            if not passed.dtype.is_differentiable:
                reason = (
                    f"The path goes through {primitive.name} with the dtype {passed.dtype.name}, and "
                    "only floating and complex numbers have gradients. Stay with floats all the way."
                )
        steps.append((before, reason))
    return steps


def _stopped(name: str) -> str:
    if name == "stop_gradient":
        return "The path goes through stop_gradient, which lets no gradient through, as it was asked to."
    return (
        f"The path goes through {name}, which is not differentiable. Use a smooth operation instead, or "
        "give it a gradient of your own with tf.custom_gradient."
    )
