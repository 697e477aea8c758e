"""How an operation runs: one record for each primitive, and the one hook that every call goes through.

`apply` does two things. The executor on top computes: the kernel at once (eager), or a graph builder
that writes the call down. Then the log, if a gradient tape is open, notes the call. Everything
else in the engine - gradients, graphs, Keras - is written with operations that end here.
"""

from __future__ import annotations

import itertools
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import devices
from engine.errors import InvalidArgumentError, OpError
from engine.spec import TensorSpec
from engine.tensor import Tensor, describe

NOT_DIFFERENTIABLE: tuple[Any, ...] = ()

# 1/0 is inf, log(0) is -inf and inf - inf is NaN without a word, as in every framework. Most kernels run
# under np.errstate; for the cheapest operations (`quiet`) that would cost more than they do, so the
# warning itself is filtered: free until a number overflows. The user's own NumPy code keeps warning.
warnings.filterwarnings("ignore", r".* encountered in ", RuntimeWarning, r"engine\b")


@dataclass(frozen=True, slots=True, eq=False)
class Primitive:
    """Everything the engine knows about one operation.

    kernel: computes, `kernel(xp, *arrays, **attrs)`, where xp is NumPy or CuPy.
    spec: infers, `spec(*specs, **attrs)` gives a TensorSpec (or a tuple of them), or raises the error a
      person can read. The eager path asks it only after a kernel failed.
    vjp: differentiates, one function an input, `vjp[i](dy, y, *inputs, **attrs)` gives the cotangent of
      input i, written with operations - so it can be differentiated again, and traced. None marks an
      input without derivative; NOT_DIFFERENTIABLE marks an operation without any.
    ufunc: the NumPy function that computes the same from the arrays alone, if there is one.
    quiet: so cheap that np.errstate would be felt, so eager calls go without it. Then no function of
      NumPy's that is written in Python may compute in the kernel: the filter above knows ours alone.
    on_arrays: the vjp rules use Python operators alone, so they hold for bare arrays as well. A gradient
      that nobody differentiates again is computed with those, without a tensor for each step.
    stateful: the value is not a function of the inputs alone; never folded, shared or removed.
    scalar: of an elementwise operation, what it does to one number: `scalar(*elements, **attrs)` gives an
      expression (see `engine.scalar`). With it, a graph can fuse the operation with its neighbours.
    gaps: of several outputs, those without a cotangent come to the vjp as None instead of zeros.
    """

    name: str
    kernel: Callable[..., Any]
    spec: Callable[..., Any]
    vjp: tuple[Callable[..., Any] | None, ...] | Callable[..., Any] | None = None
    ufunc: Callable[..., Any] | None = None
    quiet: bool = False
    on_arrays: bool = False
    stateful: bool = False
    scalar: Callable[..., Any] | None = None
    gaps: bool = False

    def __repr__(self) -> str:
        return f"Primitive({self.name})"


registry: dict[str, Primitive] = {}


def primitive(
    name: str, kernel: Callable[..., Any], spec: Callable[..., Any], **facts: Any
) -> Primitive:
    """Makes a Primitive and enters it in the registry, where each name may stand once."""
    if name in registry:
        raise ValueError(f"A primitive named {name!r} exists already.")
    rules = facts.get("vjp")
    # A rule whose code names nothing - no function, no attribute - can only apply operators.
    facts["on_arrays"] = isinstance(rules, tuple) and all(
        rule is None or rule.__code__.co_names == () == rule.__code__.co_freevars for rule in rules
    )
    registry[name] = Primitive(name, kernel, spec, **facts)
    return registry[name]


LOG_SPAN = 1 << 32  # node numbers a log may hand out; logs never share a number
_log_numbers = itertools.count(1)
_watching = threading.Lock()  # two threads may watch one tensor, each in its own log


class Log:
    """What happened while tapes were open: one entry an operation, shared by all tapes of a thread.

    An entry is (primitive, attrs, positions of the inputs, inputs, output); None stands for a leaf that
    somebody watches. The entry at position p made the tensor whose `_node` is `base + p`. An
    operation with k outputs takes k positions and its entry stands at the last.
    """

    __slots__ = (
        "assigned", "base", "cuts", "entries", "exits", "foreign", "limit", "tapes", "tapes_seen",
        "variables",
    )  # fmt: skip

    def __init__(self) -> None:
        self.base = next(_log_numbers) * LOG_SPAN
        self.limit = self.base + LOG_SPAN
        self.entries: list[Any] = []
        self.foreign: dict[int, int] = {}  # nodes of earlier logs that are watched in this one
        self.variables: dict[int, int] = {}  # id of a variable -> its leaf
        self.tapes: list[Any] = []
        self.tapes_seen = 0
        # For why_none alone: numbers and names, no tensor, so nothing is kept alive by them.
        self.cuts: list[tuple[str, bool, list[int]]] = []  # see `_note_cut`
        self.exits: set[int] = set()  # nodes whose values left for NumPy
        self.assigned: dict[int, list[tuple[int, str]]] = {}  # id of a variable -> assigned

    def position(self, tensor: Tensor) -> int:
        """Where the tensor stands in this log, or -1."""
        node = tensor._node
        if self.base <= node < self.limit:
            return node - self.base
        return self.foreign.get(node, -1) if node else -1

    def leaf(self, tensor: Tensor) -> int:
        """Enters a tensor as a leaf, once."""
        position = self.position(tensor)
        if position < 0:
            position = len(self.entries)
            self.entries.append(None)
            with _watching:
                if tensor._node:
                    self.foreign[tensor._node] = position
                else:
                    tensor._node = self.base + position
        return position

    def variable_leaf(self, variable: Any) -> int:
        """Enters a variable as a leaf, once; every later read of it carries this position."""
        position = self.variables.get(id(variable), -1)
        if position < 0:
            position = self.variables[id(variable)] = len(self.entries)
            self.entries.append(None)
        return position

    def record(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], attrs: Any, output: Any
    ) -> None:
        """Notes a call if it depends on anything in this log."""
        base, limit, entries = self.base, self.limit, self.entries
        tracked: bool | None = False  # None: depends on this log, but only beyond a cut
        positions = []
        for tensor in inputs:
            node = tensor._node
            if base <= node < limit:
                positions.append(node - base)
                tracked = True
            elif node == 0:
                positions.append(-1)
            elif node in self.foreign:
                positions.append(self.foreign[node])
                tracked = True
            else:
                positions.append(-1)
                if node < 0 and not tracked:
                    tracked = None
        if not tracked or primitive.vjp is NOT_DIFFERENTIABLE:
            if tracked is not False:
                self._note_cut(primitive, inputs, positions, output)
            return
        if type(output) is tuple:
            for part in output:
                part._node = base + len(entries)
                entries.append(None)
            entries[-1] = (primitive, attrs, positions, inputs, output)
        else:
            output._node = base + len(entries)
            entries.append((primitive, attrs, positions, inputs, output))

    def _note_cut(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], positions: list[int], output: Any
    ) -> None:
        """Notes a call through which no derivative flows, so that why_none can name it.

        A cut is (operation, whether it stops the derivative itself, spots of its inputs): a spot is a
        position in the log or, as -1 - k, cut number k. The output of cut k has the node -base - k.
        """
        spots = [position for position in positions if position >= 0]
        for tensor in inputs:
            number = -tensor._node - self.base
            if 0 <= number < len(self.cuts) and tensor._node not in self.foreign:
                spots.append(-1 - number)
        stops = primitive.vjp is NOT_DIFFERENTIABLE
        for part in output if type(output) is tuple else (output,):
            part._node = -self.base - len(self.cuts)
            self.cuts.append((primitive.name, stops, spots))


class Context(threading.local):
    """What operations on this thread meet: a graph builder or none, and a log or none."""

    builder: Any = None
    log: Log | None = None

    @property
    def tracing(self) -> bool:
        """Whether a graph is being built. Else a builder only checks what is computed at once."""
        return self.builder is not None and getattr(self.builder, "traces", True)


context = Context()


def run_eagerly(primitive: Primitive, inputs: tuple[Tensor, ...], attrs: dict[str, Any]) -> Any:
    """Computes now. A failing kernel is explained by the primitive's shape rule."""
    arrays = [tensor._array for tensor in inputs]
    try:
        if primitive.quiet:
            result = primitive.kernel(devices.namespace(*arrays), *arrays, **attrs)
        else:
            with np.errstate(all="ignore"):  # 1/0 is inf, log(0) is -inf, as in every framework
                result = primitive.kernel(devices.namespace(*arrays), *arrays, **attrs)
    except (ValueError, TypeError, IndexError, np.exceptions.AxisError) as error:
        raise explain(primitive, inputs, attrs, error) from None
    return tuple(map(Tensor, result)) if type(result) is tuple else Tensor(result)


def explain(
    primitive: Primitive, inputs: tuple[Tensor, ...], attrs: Any, error: Exception
) -> Exception:
    """The error a person can read for a kernel that failed: the shape rule's, if it objects."""
    try:
        primitive.spec(*(tensor.spec for tensor in inputs), **attrs)
    except (OpError, ValueError, TypeError) as readable:
        return readable.with_traceback(None)  # where the rule raised it helps nobody
    given = ", ".join(describe(tensor) for tensor in inputs)
    return InvalidArgumentError(f"{primitive.name} failed on {given}: {error}")


def apply(primitive: Primitive, *inputs: Tensor, **attrs: Any) -> Any:
    """Runs a primitive on tensors; `attrs` are its static, hashable settings."""
    builder = context.builder
    if builder is None:
        output = run_eagerly(primitive, inputs, attrs)
    else:
        output = builder.add(primitive, inputs, attrs)
    log = context.log
    if log is not None:
        log.record(primitive, inputs, attrs, output)
    return output


@contextmanager
def init_scope() -> Iterator[None]:
    """Leaves graph building and recording for the length of the block, so that values are computed now."""
    builder, log = context.builder, context.log
    context.builder = context.log = None
    try:
        yield
    finally:
        context.builder, context.log = builder, log


def same_dtype(what: str, *specs: TensorSpec) -> None:
    """Raises unless all dtypes agree: there is no promotion between tensors.

    Raises:
      InvalidArgumentError: naming the dtypes and the cast that helps.
    """
    first = specs[0].dtype
    for other in specs[1:]:
        if other.dtype is not first:
            # The advice must not lose anything: a float does not fit an int.
            wider = max(first, other.dtype, key=lambda dtype: (dtype.is_differentiable, dtype.size))
            raise InvalidArgumentError(
                f"{what}: tensors of one dtype were expected, but {first.name} and {other.dtype.name} "
                f"were given. Convert one of them, for example tf.cast(x, tf.{wider.name})."
            )
