"""enable_check_numerics: find the operation that makes the first NaN or infinity.

While it is on, a checker stands where a graph builder would: every operation goes through it, and graphs
run one operation at a time. While it is off, nothing is left of it, so it costs nothing.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from engine import devices
from engine.debugging.values import first_of
from engine.dispatch import Primitive, context, run_eagerly
from engine.errors import InvalidArgumentError
from engine.formatting import element_text
from engine.graph.concrete import ConcreteFunction
from engine.places import Place, surroundings
from engine.spec import show
from engine.tensor import Tensor
from engine.variable import Variable

# These put values somewhere else, or choose among them: they make none. So -inf as a mask may pass.
# fmt: off
MOVES = {
    "bitcast", "broadcast_like", "broadcast_to", "broadcast_to_shape", "concat", "diag_like", "diag_part",
    "ensure_shape", "expand_dims", "fill_like", "gather", "gather_nd", "identity", "maximum", "minimum",
    "mirror_pad", "pad", "part_of_concat", "reshape", "reshape_like", "reshape_to", "reverse_sequence",
    "roll", "select", "slice", "squeeze", "stop_gradient", "tensor_scatter_nd_max", "tensor_scatter_nd_min",
    "tensor_scatter_nd_update", "tile", "transpose", "triangle", "unslice",
}
# fmt: on

_FIXES = {
    "log": "The logarithm of 0 is -inf, of a negative number NaN: keep it away from 0 with "
    "tf.math.log(tf.maximum(x, 1e-7)), or take a loss with from_logits=True.",
    "divide": "A division by 0: tf.math.divide_no_nan gives 0 there, or add a small number below the line.",
    "exp": "exp of more than 88 overflows float32: subtract the maximum first, as tf.nn.softmax and "
    "tf.reduce_logsumexp do.",
    "sqrt": "The square root of a negative number is NaN, and its slope at 0 infinite: "
    "tf.sqrt(tf.maximum(x, 1e-12)).",
    "pow": "A negative number to a fraction is NaN, 0 to a negative power infinite; large powers overflow.",
}
_FIXES |= {"log1p": _FIXES["log"], "reciprocal": _FIXES["divide"], "rsqrt": _FIXES["sqrt"]}
_ANY_FIX = (
    "Look at what goes in: a learning rate that is too large, data that is not scaled and a loss far from "
    "0 are frequent causes; tf.clip_by_value and tf.clip_by_norm keep numbers in bounds."
)


class NumericsChecker:
    """Runs operations at once, as if nothing stood in their way, and looks at what comes out."""

    traces = False  # it is no graph builder
    checks = True
    graph = outer = None

    def __init__(self, stack_height_limit: int | None, path_length_limit: int | None):
        self.stack_height_limit = stack_height_limit
        self.path_length_limit = path_length_limit
        self._places: dict[int, tuple[weakref.ref[Tensor], Place]] = {}

    def add(self, primitive: Primitive, inputs: tuple[Tensor, ...], attrs: dict[str, Any]) -> Any:
        """Computes, and raises when a float of the result is not finite."""
        if any(isinstance(value, ConcreteFunction) for value in attrs.values()):
            attrs = {key: _opened(value) for key, value in attrs.items()}
        output = run_eagerly(primitive, inputs, attrs)
        parts = output if isinstance(output, tuple) else (output,)
        if primitive.name not in MOVES:
            for slot, part in enumerate(parts):
                if part.dtype.is_differentiable and not _finite(part):
                    raise InvalidArgumentError(
                        self._explain(primitive, inputs, part, slot, len(parts))
                    )
        if context.log is not None:  # its gradient may go wrong later, and will ask for this line
            self._remember(parts, surroundings(self.origin))
        return output

    def read(self, variable: Variable) -> Tensor:
        """The value of a variable."""
        return Tensor(variable._array)

    def assign(self, variable: Variable, tensor: Tensor) -> None:
        """Puts a value into a variable."""
        variable._array = tensor._array

    def variable_created(self, name: str) -> None:
        """Nothing is said against it."""

    def origin(self, tensor: Any) -> Place | None:
        """Where the tensor was made, if that is known."""
        known = self._places.get(id(tensor))
        if known is not None and known[0]() is tensor:
            return known[1]
        return None

    def _remember(self, tensors: tuple[Tensor, ...], place: Place) -> None:
        for tensor in tensors:
            key = id(tensor)
            gone = weakref.ref(tensor, lambda _, key=key: self._places.pop(key, None))  # type: ignore[misc]
            self._places[key] = (gone, place)

    def _explain(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], bad: Tensor, slot: int, count: int
    ) -> str:
        place, limit = surroundings(self.origin), self.path_length_limit
        derived, forward = place.gradient or (
            "",
            None,
        )  # in a backward pass: of what, and its place
        layers = place.layers or (() if forward is None else forward.layers)
        which = "its output" if count == 1 else f"output {slot} of its {count} outputs"
        made = f"{primitive.name} made {_counts(_host(bad))} in {which}"
        lines = [f"check_numerics: {made}, {_form(bad)}{_first(bad)}."]
        lines += [f"input {i}: {_form(x)}, {_state(x)}" for i, x in enumerate(inputs)]
        if derived:
            written = f", written at {forward.shown(limit)}" if forward else ""
            lines.append(f"in the gradient of {derived}{written}")
        if layers:
            lines.append(f"in the layer {' > '.join(layers)}")
        if place.graph:
            lines.append(f"in the graph of {place.graph!r}")
        lines.append(f"written at {place.shown(limit)}")
        height = self.stack_height_limit
        callers = place.callers if height is None else place.callers[: max(height - 1, 0)]
        lines += [f"called from {caller.shown(limit)}" for caller in callers]
        if all(map(_finite, inputs)):
            lines.append(_FIXES.get(derived) or _FIXES.get(primitive.name) or _ANY_FIX)
        else:
            lines.append(
                "An input was not finite before: it is a constant, a variable or an argument that holds "
                "such a number. Check it where it is made, with tf.debugging.assert_all_finite."
            )
        return "\n  ".join(lines)


class _Opened:
    """A branch or the body of a loop that runs one operation at a time, so that each can be checked."""

    def __init__(self, program: ConcreteFunction):
        self._program = program

    def _run(self, *arrays: Any) -> tuple[list[Any], list[Any]]:
        log, context.log = context.log, None  # a tape sees the branch or loop as one operation
        try:
            outputs = self._program._inline([Tensor(array) for array in arrays])
        finally:
            context.log = log
        return [tensor._array for tensor in outputs], []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._program, name)


def _opened(value: Any) -> Any:
    return _Opened(value) if isinstance(value, ConcreteFunction) else value


def _finite(tensor: Tensor) -> bool:
    if not tensor.dtype.is_differentiable:
        return True
    array = tensor._array
    return bool(devices.namespace(array).isfinite(array).all())


def _form(tensor: Tensor) -> str:
    return f"{tensor.dtype.name} of shape {show(tensor._dims)}"


def _counts(host: Any) -> str:
    real = [host] if host.dtype.kind != "c" else [host.real, host.imag]
    found = {
        "NaN": np.isnan(host).sum(),
        "+Inf": sum((part == np.inf).sum() for part in real),
        "-Inf": sum((part == -np.inf).sum() for part in real),
    }
    return ", ".join(f"{count} {name}" for name, count in found.items() if count)


def _host(tensor: Tensor) -> Any:
    return np.asarray(devices.to_host(tensor._array))


def _first(tensor: Tensor) -> str:
    index = first_of(~np.isfinite(_host(tensor)))
    return f", first at index {list(index)}" if index else ""


def _state(tensor: Tensor) -> str:
    host = _host(tensor)
    if not tensor.dtype.is_differentiable:
        return f"{tensor.dtype.kind} values"
    finite = host[np.isfinite(host)]
    if finite.size == host.size:
        if host.size == 0:
            return "empty"
        if tensor.dtype.is_complex:
            return "all finite"
        low, high = element_text(finite.min()), element_text(finite.max())
        return f"finite, all {low}" if low == high else f"finite, from {low} to {high}"
    return f"with {_counts(host)}"


def enable_check_numerics(
    stack_height_limit: int | None = 30, path_length_limit: int | None = 50
) -> None:
    """From here on, on this thread, an operation that makes a NaN or an infinity raises at once.

    InvalidArgumentError then names the operation, the dtype and shape of its output, how many elements
    are NaN or infinite, the state of its inputs, the Keras layer, and the line of your program: also in
    tf.function, where it is the line that was traced, and in a gradient, where the operation that is
    differentiated is named with its line. Graphs run one operation at a time meanwhile. Call it before
    functions are traced, or their messages name no layer.

    Operations that only move values (reshape, concat, where, maximum, ...) may pass an infinity on, such
    as one that is used as a mask. Values made by an initializer of a variable are not checked.

    Args:
      stack_height_limit: how many lines of your program to show at most; None for all.
      path_length_limit: how many characters of each path to show at most; None for all.

    >>> import engine as tf
    >>> tf.debugging.enable_check_numerics()
    >>> try:
    ...     tf.math.log([1.0, 0.0])
    ... except tf.errors.InvalidArgumentError as error:
    ...     print(error.message.split(chr(10))[0])
    ... finally:
    ...     tf.debugging.disable_check_numerics()
    check_numerics: log made 1 -Inf in its output, float32 of shape (2,), first at index [1].
    """
    if context.builder is not None and context.builder.traces:
        raise RuntimeError(
            "enable_check_numerics was called while a tf.function is traced. Call it before, outside."
        )
    context.builder = NumericsChecker(stack_height_limit, path_length_limit)


def disable_check_numerics() -> None:
    """Ends what `enable_check_numerics` began on this thread.

    >>> disable_check_numerics()
    """
    if isinstance(context.builder, NumericsChecker):
        context.builder = None
