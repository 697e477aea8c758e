"""`tf.autodiff`: ForwardAccumulator, which carries derivatives forward beside the values.

A tape asks how one result depends on everything; walked forward, the same log tells how everything
depends on one direction. The rules are those of the tape: for an elementwise operation the vjp is the jvp
as well, and any other is transposed by differentiating its vjp, which is linear in the cotangent
(Townsend, A new trick for calculating Jacobian vector products, 2017). Read `tape` first.
"""

from __future__ import annotations

from typing import Any

from engine import nest
from engine.backward import fit, rules_of
from engine.dispatch import Primitive
from engine.ops.complexes import conj
from engine.ops.creation import convert
from engine.ops.elementwise import zeros_like
from engine.ops.layout import broadcast_like
from engine.tape import GradientTape, UnconnectedGradients
from engine.tensor import Tensor, describe
from engine.variable import Variable

__all__ = ["ForwardAccumulator", "GradientTape"]


class ForwardAccumulator:
    """Jacobian-vector products of what is computed in its `with` block.

    Args:
      primals: tensors and variables, in any structure: where the derivatives start.
      tangents: the direction, nested alike, each of the shape and dtype of its primal.

    Raises:
      ValueError: for a primal named twice or not floating, or a tangent that does not fit.

    Accumulators nest, with each other and with tapes, for derivatives of higher order. A tape inside gives
    products with second derivatives: `acc.jvp(tape.gradient(y, x))` is the Hessian times the tangent.
    Unlike TensorFlow's, an accumulator keeps what was computed in its block until it is deleted itself.

    >>> import engine as tf
    >>> x = tf.constant([1.0, 2.0])
    >>> with tf.autodiff.ForwardAccumulator(x, tf.constant([1.0, 0.0])) as acc:
    ...     y = x * x * x
    >>> acc.jvp(y).numpy().tolist()
    [3.0, 0.0]
    >>> with tf.autodiff.ForwardAccumulator(x, tf.constant([1.0, 1.0])) as acc:
    ...     with tf.GradientTape() as tape:
    ...         tape.watch(x)
    ...         y = tf.reduce_sum(x * x * x)
    ...     slope = tape.gradient(y, x)
    >>> acc.jvp(slope).numpy().tolist()
    [6.0, 12.0]
    """

    def __init__(self, primals: Any, tangents: Any):
        leaves = nest.flatten(primals)
        self._given = [
            (primal, _tangent(primal, tangent))
            for primal, tangent in zip(leaves, nest.flatten_up_to(primals, tangents), strict=True)
        ]
        if len({id(primal) for primal in leaves}) < len(leaves):
            raise ValueError(
                "ForwardAccumulator: a primal was given twice. Give it once, with the sum of its tangents."
            )
        self._tape = GradientTape(persistent=True, watch_accessed_variables=False)
        self._tangents: dict[int, Tensor] = {}  # position in the log -> tangent
        self._followed = 0  # how many spans of the tape have been walked

    def __enter__(self) -> ForwardAccumulator:
        if self._tape._recording:
            raise ValueError("This accumulator is recording already; it is entered once at a time.")
        self._tape.__enter__()
        for primal, tangent in self._given:
            self._tape.watch(primal)
            self._tangents[self._position(primal)] = tangent
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if kind is None:
                self._follow()
        finally:  # a derivative that fails must not leave the tape open
            self._tape.__exit__()

    def jvp(self, primals: Any, unconnected_gradients: str = UnconnectedGradients.NONE) -> Any:
        """The derivative of each of these, computed in the block, along the tangents.

        Args:
          primals: a structure of tensors and variables; the result is nested alike.
          unconnected_gradients: 'none' gives None for what does not depend on the primals, 'zero' zeros.
        """
        if unconnected_gradients not in (UnconnectedGradients.NONE, UnconnectedGradients.ZERO):
            raise ValueError(
                f"unconnected_gradients must be 'none' or 'zero', not {unconnected_gradients!r}."
            )
        self._follow()
        given = {id(primal): tangent for primal, tangent in self._given}
        entered = self._tape._log is not None  # before that, the primals are all there is

        def find(item: Any) -> Any:
            found = self._tangents.get(self._position(item)) if entered else given.get(id(item))
            if found is None and unconnected_gradients == UnconnectedGradients.ZERO:
                return zeros_like(item)
            return found

        return nest.map_structure(find, primals)

    def _position(self, item: Any) -> int:
        log = self._tape._log
        assert log is not None
        if isinstance(item, Variable):
            return log.variables.get(id(item), -1)
        return log.position(item) if isinstance(item, Tensor) else -1

    def _follow(self) -> None:
        """Walks forward over what has been recorded since the last time.

        Others may record meanwhile - that is what derivatives of tangents need - but not this accumulator.
        """
        tape = self._tape
        if not tape._recording:
            return
        with tape.stop_recording():
            for start, stop in tape._spans[self._followed :]:
                for position in range(start, stop):
                    self._step(position)
            self._followed = len(tape._spans)

    def _step(self, position: int) -> None:
        assert self._tape._log is not None
        entry = self._tape._log.entries[position]
        if entry is None:
            return
        primitive, attrs, places, inputs, output = entry
        moving = [
            (i, self._tangents[p]) for i, p in enumerate(places) if p >= 0 and p in self._tangents
        ]
        if not moving:
            return
        push = _elementwise if primitive.ufunc is not None else _transposed
        made = push(primitive, attrs, inputs, output, moving)
        first = position - len(made) + 1
        self._tangents.update((first + k, t) for k, t in enumerate(made) if t is not None)


def _tangent(primal: Any, tangent: Any) -> Tensor:
    """A tangent as a tensor, checked against its primal."""
    if not isinstance(primal, (Tensor, Variable)) or not primal.dtype.is_differentiable:
        raise ValueError(
            "ForwardAccumulator: a primal is a floating-point tensor or variable, but "
            f"{describe(primal)} was given. Make it a tf.constant, and compute with that."
        )
    value = convert(tangent, hint=primal.dtype)
    if value.dtype is not primal.dtype or value.shape != primal.shape:
        raise ValueError(
            f"ForwardAccumulator: {describe(value)} was given as the tangent of {describe(convert(primal))}. "
            "A tangent has the dtype and shape of its primal."
        )
    return value


Moving = list[tuple[int, Tensor]]


def _elementwise(
    primitive: Primitive, attrs: Any, inputs: tuple[Tensor, ...], output: Tensor, moving: Moving
) -> tuple[Tensor | None, ...]:
    """The tangent of an output of which element i depends on element i: a diagonal is its own transpose."""
    total = None
    rules: Any = primitive.vjp
    for i, tangent in moving:
        if rules[i] is None:
            continue
        whole = tangent if tangent._dims == output._dims else broadcast_like(tangent, output)
        part = rules[i](whole, output, *inputs, **attrs)
        if part is not None:
            total = part if total is None else total + part
    return (total,)


def _transposed(
    primitive: Primitive, attrs: Any, inputs: tuple[Tensor, ...], output: Any, moving: Moving
) -> tuple[Tensor | None, ...]:
    """The tangents of all outputs: the derivative, in the cotangent, of what the vjp makes of it."""
    outputs = output if type(output) is tuple else (output,)
    blanks = [zeros_like(part) for part in outputs]
    pulled, along = [], []
    with GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(blanks)
        dy = tuple(blanks) if type(output) is tuple else blanks[0]
        rules = rules_of(primitive, dy, output, inputs, attrs)
        for i, tangent in moving:
            value = None if rules[i] is None else rules[i](dy, output, *inputs, **attrs)
            if value is not None:
                pulled.append(fit(value, inputs[i]))
                along.append(conj(tangent))  # `gradient` speaks of conjugates, see ops.complexes
    found = tape.gradient(pulled, blanks, output_gradients=along)
    return tuple(None if g is None else conj(g) for g in found)
